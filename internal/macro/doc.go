// Package macro processes the transforms that AWS itself provides, for stacks and for the command alike: today
// AWS::Serverless-2016-10-31, by package sam. AWS::LanguageExtensions and AWS::Include are done by package template.
//
// It has no macros of users: those are functions, and calling them is CloudFormation's.
package macro
