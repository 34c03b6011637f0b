// Package proxyevent is the contract between HTTP and a function behind an API: the events of Lambda proxy integrations
// (Amazon API Gateway Developer Guide, Lambda proxy integrations in API Gateway; AWS Lambda proxy integrations for HTTP
// APIs, payload formats 1.0 and 2.0) and the reading of what the function answers.
//
// It is pure: it routes nothing, calls nothing and knows no clock.
//
// What differs from AWS: header names of REST events are in Go's canonical spelling, for the original one is lost before
// a handler sees the request; CloudFront's own headers are absent.
package proxyevent
