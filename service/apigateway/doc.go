// Package apigateway is Amazon API Gateway's REST APIs as deployment tools make them: APIs, resources, methods,
// integrations, authorizers, models, gateway responses, deployments and stages, imported from OpenAPI or made one by
// one, and the way of a request from a stage to a function (Amazon API Gateway Developer Guide, REST APIs).
//
// What differs from AWS: mapping templates are answered as they are written, so one that uses VTL is refused by name, and
// so are integrations with HTTP endpoints and with services other than Lambda; API keys, usage plans, caches, canaries,
// client certificates, documentation, access logs, metrics, X-Ray, private endpoints and Cognito authorizers are refused by name too.
// Trailing slashes do not tell paths apart. Header names reach functions in canonical spelling.
package apigateway
