// Package openapi reads and writes the OpenAPI documents of API Gateway: OpenAPI 2.0 (swagger) and 3.0, JSON or YAML,
// with the x-amazon-apigateway extensions, to and from one neutral model (Amazon API Gateway Developer Guide, Develop
// REST APIs using OpenAPI in API Gateway; Working with OpenAPI definitions for HTTP APIs; OpenAPI extensions).
//
// It is pure and bounded: a document has at most Limits' bytes, values and depth; references are followed at most
// refsMax deep. It makes no API and judges no ARN: that is the services' work.
//
// What differs from AWS: examples, external documentation and x-amazon-apigateway-documentation are not kept; schemas
// are kept as they are written and not checked here.
package openapi
