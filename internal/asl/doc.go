// Package asl is the Amazon States Language: a parser with AWS's diagnostics, and an interpreter that is pure.
//
// Parse reads a definition and gives a Machine and what is wrong with it, in the words of CreateStateMachine and
// ValidateStateMachineDefinition. Machine.Step takes an execution and one event and gives the execution that follows,
// the events of its history and the effects that somebody has to bring about: tasks to run and to cancel, map runs to
// start. Time, chance, names and the results of effects come in events, so that the same events always give the same
// history. An Execution is plain data; encoded as JSON it can be kept between steps, and Execution.Wake says when the
// next event is due if nothing else happens before.
//
// A distributed map is a MapRun, a second pure machine whose children are executions of Machine.Child. Machine.Test is
// the TestState operation.
//
// Sources: Amazon States Language specification (states-language.net); AWS Step Functions Developer Guide, "State machine
// structure", "Handling errors", "Transforming data with JSONata", "Passing data between states with variables", "Map
// state", "Testing state machines"; recorded histories and answers of AWS for the wording.
//
// What is not published, and what is done here:
//   - branches take turns, one state each; AWS's order of events across branches is not fixed either;
//   - $ in Assign is the result before ResultSelector, as the guide says, for Choice and Wait the effective input;
//   - a state that is aborted because a branch beside it failed leaves its Aborted event;
//   - wording that no recording shows is the specification's or the console's.
//
// It is not the service: ARNs, roles, logging, the calls that tasks make and durable storage belong to others.
package asl
