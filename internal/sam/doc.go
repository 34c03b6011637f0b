// Package sam transforms AWS Serverless Application Model templates (Transform: AWS::Serverless-2016-10-31) into plain
// CloudFormation: all resource kinds, event sources, Globals, policy templates, connectors, implicit APIs, OpenAPI
// merging, deployment preferences and nested applications, with the errors the transform on AWS gives, word for word.
//
// Sources: AWS Serverless Application Model Developer Guide, "AWS SAM template"; where the guide is silent the behaviour
// of the public reference package (its version is pinned in tool/samgen) is the specification, down to the hashes in
// generated logical ids: a stack made elsewhere must not be redeployed because its template was read here.
//
// # How it is built
//
// A template is a tree of Map, []any, strings, numbers, booleans and nil. Transform runs the reference's order of steps:
// nested applications, default definition bodies, implicit APIs, Globals, then every resource by kind, CodeDeploy and
// references. Inside the package a finding travels as a panic with a private value to the few places that collect
// findings (catch), as encoding/json does; none leaves Transform.
//
// Two oddities of the reference are kept because hashes depend on them: the key order of Python 2.7 dictionaries
// (pyorder.go) and Python's printed form of values (pytext.go).
//
// It is not a CloudFormation engine: intrinsic functions other than references to parameters and mappings are left in
// place, and it fetches nothing; applications and managed policies come through the Input's functions.
package sam
