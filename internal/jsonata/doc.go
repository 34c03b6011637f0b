// Package jsonata compiles and evaluates JSONata 2.x, the query and transformation language for JSON that Step
// Functions, Pipes' enrichment of state machines and people at a terminal use.
//
// An expression is compiled once ([Compile]) into a [Program] that any number of goroutines may evaluate
// ([Program.Eval]). Time, chance and limits are the caller's: $now and $millis give Call.Millis, $random and $shuffle
// draw from Call.Chance, and what an expression may cost is said by [Limits]. With [Options.StepFunctions] the functions
// that Step Functions adds are there ($partition, $range, $hash, $random with a seed, $uuid, $parse) and $eval is not.
//
// Source: docs.jsonata.org; XPath and XQuery Functions and Operators 3.1 for picture strings; AWS Step Functions
// Developer Guide, "Transforming data with JSONata in Step Functions".
//
// Numbers are IEEE doubles printed as JavaScript prints them, strings are sequences of UTF-16 code units (kept as UTF-8,
// a lone surrogate as its three bytes), and the difference between a sequence and an array is the language's own: a
// sequence of one is its member, an empty one is nothing.
//
// What differs from the reference engine, on purpose:
//   - keys keep the order in which they were written, also those that look like integers;
//   - regular expressions run in linear time: look-around and back-references are refused when the expression is
//     compiled (code S0303, the construct named); a dot meets a whole character beyond the basic plane, and with the
//     flag m lines end at \n alone;
//   - where the reference stops with an exception of its host language (a missing method, a stack overflow) the error
//     here has a code;
//   - limits end an evaluation with U1001 and the limit's name.
//
// It is not a state machine: the fields, variables and wording of Amazon States Language belong to their own package,
// which finds the sentence that AWS wraps around an error in [EvaluationCause].
package jsonata
