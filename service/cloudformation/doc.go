// Package cloudformation is AWS CloudFormation: stacks, change sets, events, outputs, exports, custom resources and wait
// conditions (AWS CloudFormation User Guide). Every stack operation is durable steps: one job per stack decides what may
// start (engine.go), one job per resource does it (work.go), and a kill between any two goes on where it was.
//
// Resource types come from the services by internal/resource and call the services' operations with the identity of the
// stack: its role, else whoever asked. A template that uses a type or a property that no service implements is refused by
// name before anything is made.
//
// What differs from AWS: stack sets, drift, imports, hooks, modules, stack policies, rollback triggers and macros other
// than AWS::Serverless, AWS::Include and AWS::LanguageExtensions are refused by name; custom resources are backed by
// functions, not topics. When a resource fails, siblings that are under way are ended where they next wait.
package cloudformation
