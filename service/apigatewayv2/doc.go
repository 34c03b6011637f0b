// Package apigatewayv2 is Amazon API Gateway's HTTP APIs: APIs, routes, integrations, authorizers, stages, deployments,
// and the way of a request from a stage to a function (Amazon API Gateway Developer Guide, Work with HTTP APIs).
//
// What differs from AWS: WebSocket APIs, JWT authorizers, HTTP_PROXY and AWS service integrations, parameter mapping,
// mutual TLS, access logs, domain names and VPC links are refused by name. A deployment that autoDeploy made is
// replaced by the next one, so an API keeps one of them a stage and not its whole history.
package apigatewayv2
