// Package eventpattern compiles and matches EventBridge's event patterns, and the languages built on them: SNS filter
// policies, the filters of Lambda's event sources and of pipes, input paths and input transformers.
//
// Sources: Amazon EventBridge User Guide, "Amazon EventBridge event patterns" and "Amazon EventBridge input
// transformation"; AWS Lambda Developer Guide, "Control which events Lambda sends to your function"; Amazon SNS
// Developer Guide, "Amazon SNS subscription filter policies". Where a guide is silent, event-ruler decides, the
// library that AWS publishes as the one behind these services; its refusals are given word for word, with the line and
// column where its JSON reader stands.
//
// Parse compiles one pattern, NewIndex many: an index finds, among a hundred thousand rules, those that an event meets
// by looking at the values that the event has. Both work on the bytes of the event and keep nothing of it.
//
// What differs from the reference, and why:
//   - how complex wildcards may be is not published; the measure is event-ruler's, the limit (Limits.Complexity) lies
//     between what AWS was seen to take and to refuse;
//   - a character outside Unicode's basic plane is met by itself under equals-ignore-case (the reference compares its
//     two halves and never meets it);
//   - a JSON number is never an IP address (the reference takes 12345678 for 18.52.86.120);
//   - a match that would compare the elements of arrays beyond MatchStepsMax is an error.
//
// It is not a service and keeps no rules: service/events, lambda, pipes and sns do.
package eventpattern
