// Package lint finds the mistakes of a template before it is deployed: all of them, not the first, each with a rule's id,
// a path and a place. The ids are those of cfn-lint, whose users know them; rules.go lists what is done and what is not.
//
// Guide: AWS CloudFormation User Guide, "CloudFormation template anatomy"; the rules of cfn-lint.
//
// It does not judge style, security or cost, and asks no account.
package lint
