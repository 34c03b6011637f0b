// Package template reads, checks and evaluates CloudFormation templates. It does not deploy them.
package template
