package openapi

// API is what a document says, whatever its version.
type API struct {
	Title, Description, Version string
	BasePath                    string // of basePath, or of the first server's URL; "" for none
	BinaryMediaTypes            []string
	MinimumCompressionSize      *int
	APIKeySource                string
	EndpointTypes               []string
	VPCEndpoints                []string
	DisableExecuteEndpoint      *bool
	Policy                      string // JSON
	CORS                        *CORS
	Tags                        map[string]string // tags with x-amazon-apigateway-tag-value
	Authorizers                 []Authorizer
	Validators                  []Validator
	GatewayResponses            []GatewayResponse
	Models                      []Model
	Methods                     []Method
	Warnings                    []string
}

// CORS is x-amazon-apigateway-cors of HTTP APIs.
type CORS struct {
	AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
	MaxAge                                                  *int
	AllowCredentials                                        *bool
}

// Authorizer is a security definition with x-amazon-apigateway-authorizer.
type Authorizer struct {
	Name           string // of the security definition
	Type           string // token, request, cognito_user_pools, jwt: as it is written, lower case
	AuthType       string
	URI            string
	Credentials    string
	IdentitySource string // "method.request.header.X, …" or "$request.header.X, …"; of TOKEN ones made of the definition's header
	Validation     string
	TTL            *int
	PayloadFormat  string
	Simple         *bool
	ProviderARNs   []string
	Issuer         string
	Audience       []string
	Header         string // the definition's own header
}

// Validator is one of x-amazon-apigateway-request-validators.
type Validator struct {
	Name             string
	Body, Parameters bool
}

// GatewayResponse is one of x-amazon-apigateway-gateway-responses.
type GatewayResponse struct {
	Type, StatusCode string
	Parameters       map[string]string
	Templates        map[string]string
}

// Model is a schema with a name. References to others are "#/definitions/<name>".
type Model struct{ Name, Description, Schema string }

// Method is an operation of a path.
type Method struct {
	Path, HTTPMethod string // HTTPMethod "ANY" for x-amazon-apigateway-any-method
	OperationName    string
	Parameters       []Parameter
	RequestModels    map[string]string // content type → model
	Responses        []Response
	Integration      *Integration
	Auth             string // "", "IAM", "NONE", "AUTHORIZER"
	Authorizer       string
	Scopes           []string
	APIKey           bool
	Validator        string
}

// Parameter is a request parameter: In is path, querystring or header.
type Parameter struct {
	In, Name string
	Required bool
}

// Response is a method response.
type Response struct {
	StatusCode string
	Headers    []string
	Models     map[string]string
}

// Integration is x-amazon-apigateway-integration.
type Integration struct {
	Type, HTTPMethod, URI, Credentials, ConnectionType, ConnectionID string
	Passthrough, ContentHandling, CacheNamespace, PayloadFormat      string
	CacheKeys                                                        []string
	Timeout                                                          *int
	RequestParameters, RequestTemplates                              map[string]string
	Responses                                                        []IntegrationResponse
	Subtype                                                          string
	TLSInsecure                                                      *bool
}

// IntegrationResponse is one answer of an integration; Pattern "default" is the one without a pattern.
type IntegrationResponse struct {
	Pattern, StatusCode, ContentHandling string
	Parameters, Templates                map[string]string
}
