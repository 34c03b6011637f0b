// Package jsonpath is the JSONPath of Step Functions: the paths that read (InputPath, OutputPath, fields that end in .$),
// reference paths that also write (ResultPath), payload templates (Parameters, ResultSelector, Assign) and the intrinsic
// functions States.*.
//
// Sources: AWS Step Functions Developer Guide, "Using JSONPath paths" and "Intrinsic functions for JSONPath states"; the
// Amazon States Language specification. A path begins with $ (the input), $$ (the context object) or $name (a variable).
//
// A read path takes names, indices (negative ones from the end), unions, slices, wildcards, deep scans (..) and filters
// ([?(@.price < 10 && @.name =~ /a.*/)]). One that may lead to several values gives an array.
//
// What the guides leave open, and what is done here:
//   - numbers keep the form that they have in the text, so 1.0 stays 1.0;
//   - a filter's comparison of different types is false, and != of them true;
//   - an index may be counted from the length ([(@.length-1)]), and a word in a filter may stand without quotes, as older
//     definitions write them;
//   - a literal of the wrong type in a function is refused when the function is read;
//   - functions behind a path ($.list.length()) are refused by name;
//   - States.MathRandom with a seed gives the same number for the same seed, not AWS's number.
//
// It has no clock and no chance of its own: Env brings what States.UUID and States.MathRandom need.
package jsonpath
