// Package template reads, checks and evaluates CloudFormation templates: YAML and JSON as one tree that keeps places and
// raw text, parameters, mappings, conditions, rules, every intrinsic function, AWS::LanguageExtensions, dynamic references,
// and the graph of what needs what. Pure: what resources, other stacks, macros and stores give comes by callbacks.
//
// The way of a template: [Parse], [Template.Expand] where it has transforms, [Template.Bind] with parameters, then
// [Bound.Resolve] for each resource as those before it come into being, and [Bound.Outputs]. With an empty [Lookup] the
// values that are not yet known are [Unknown], which is what a change set shows.
//
// Guide: AWS CloudFormation User Guide, "Template anatomy", "Intrinsic function reference", "Pseudo parameters reference",
// "Get values stored in other services using dynamic references", "AWS::LanguageExtensions transform".
//
// What differs from AWS, or is not said by it:
//   - YAML aliases and merge keys are resolved within limits; [Limits].Aliases below zero refuses them as AWS does;
//   - a key given twice is refused in JSON too;
//   - plain yes, no, on and off are booleans, as in YAML 1.1; a plain number that JSON could not write (012345678901) and a
//     date are text;
//   - a parameter's value is a string, or a list of strings, whatever its type; package schema turns scalars into the types
//     that a resource wants;
//   - circular dependencies name the members of all cycles in the template's order;
//   - RefAll, ValueOf and ValueOfAll of Rules are refused by name: they ask the account;
//   - where Zones is not given, a region has the zones a, b and c.
//
// It does not know resource types: package schema does. It does not deploy, and it does not fetch.
package template
