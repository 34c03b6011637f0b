package apigateway

import (
	"time"

	"virga/internal/store"
)

// Keys: FamilyAPIGateway ‖ 0 ‖ account ‖ kind ‖ region ‖ api [‖ id], kind "a" API, "r" resource, "z" authorizer, "g"
// gateway response, "m" model, "v" request validator, "s" stage, "d" deployment; "account" ‖ region → account settings;
// FamilyAPIGateway ‖ 0 ‖ system ‖ "id" ‖ api → owner.

type owner struct {
	Account string `rec:"1"`
	Region  string `rec:"2"`
}

type settings struct {
	CloudwatchRoleArn string `rec:"1"`
	Unknown           store.Unknown
}

type restAPI struct {
	Id                        string            `rec:"1"`
	Name                      string            `rec:"2"`
	Description               string            `rec:"3"`
	Version                   string            `rec:"4"`
	CreatedDate               time.Time         `rec:"5"`
	BinaryMediaTypes          []string          `rec:"6"`
	ApiKeySource              string            `rec:"7"`
	EndpointTypes             []string          `rec:"8"`
	DisableExecuteApiEndpoint bool              `rec:"9"`
	Policy                    string            `rec:"10"`
	Tags                      map[string]string `rec:"11"`
	RootResourceId            string            `rec:"12"`
	IpAddressType             string            `rec:"14"`
	Unknown                   store.Unknown
}

type apiResource struct {
	Id       string            `rec:"1"`
	ParentId string            `rec:"2"`
	PathPart string            `rec:"3"`
	Path     string            `rec:"4"`
	Methods  map[string]method `rec:"5"`
	Unknown  store.Unknown
}

type method struct {
	HttpMethod          string                    `rec:"1"`
	AuthorizationType   string                    `rec:"2"`
	AuthorizerId        string                    `rec:"3"`
	ApiKeyRequired      bool                      `rec:"4"`
	OperationName       string                    `rec:"5"`
	RequestParameters   map[string]bool           `rec:"6"`
	RequestModels       map[string]string         `rec:"7"`
	RequestValidatorId  string                    `rec:"8"`
	AuthorizationScopes []string                  `rec:"9"`
	MethodResponses     map[string]methodResponse `rec:"10"`
	MethodIntegration   *integration              `rec:"11"`
	Effect              string                    `rec:"12"` // the durable effect that made it
}

type methodResponse struct {
	StatusCode         string            `rec:"1"`
	ResponseParameters map[string]bool   `rec:"2"`
	ResponseModels     map[string]string `rec:"3"`
}

type integration struct {
	Type                 string                         `rec:"1"`
	HttpMethod           string                         `rec:"2"`
	Uri                  string                         `rec:"3"`
	Credentials          string                         `rec:"4"`
	RequestParameters    map[string]string              `rec:"5"`
	RequestTemplates     map[string]string              `rec:"6"`
	PassthroughBehavior  string                         `rec:"7"`
	ContentHandling      string                         `rec:"8"`
	TimeoutInMillis      int32                          `rec:"9"`
	CacheNamespace       string                         `rec:"10"`
	CacheKeyParameters   []string                       `rec:"11"`
	IntegrationResponses map[string]integrationResponse `rec:"12"`
}

type integrationResponse struct {
	StatusCode         string            `rec:"1"`
	SelectionPattern   string            `rec:"2"`
	ResponseParameters map[string]string `rec:"3"`
	ResponseTemplates  map[string]string `rec:"4"`
	ContentHandling    string            `rec:"5"`
}

type authorizer struct {
	Id                           string `rec:"1"`
	Name                         string `rec:"2"`
	Type                         string `rec:"3"`
	AuthType                     string `rec:"4"`
	AuthorizerUri                string `rec:"5"`
	AuthorizerCredentials        string `rec:"6"`
	IdentitySource               string `rec:"7"`
	IdentityValidationExpression string `rec:"8"`
	AuthorizerResultTtlInSeconds *int32 `rec:"9"`
	Unknown                      store.Unknown
}

type gatewayResponse struct {
	ResponseType       string            `rec:"1"`
	StatusCode         string            `rec:"2"`
	ResponseParameters map[string]string `rec:"3"`
	ResponseTemplates  map[string]string `rec:"4"`
	Unknown            store.Unknown
}

type model struct {
	Id          string `rec:"1"`
	Name        string `rec:"2"`
	Description string `rec:"3"`
	Schema      string `rec:"4"`
	ContentType string `rec:"5"`
	Unknown     store.Unknown
}

type validator struct {
	Id                        string `rec:"1"`
	Name                      string `rec:"2"`
	ValidateRequestBody       bool   `rec:"3"`
	ValidateRequestParameters bool   `rec:"4"`
	Unknown                   store.Unknown
}

type methodSetting struct {
	ThrottlingBurstLimit *int32   `rec:"1"`
	ThrottlingRateLimit  *float64 `rec:"2"`
	LoggingLevel         *string  `rec:"3"`
	MetricsEnabled       *bool    `rec:"4"`
	DataTraceEnabled     *bool    `rec:"5"`
	CachingEnabled       *bool    `rec:"6"`
}

type stage struct {
	StageName       string                   `rec:"1"`
	DeploymentId    string                   `rec:"2"`
	Description     string                   `rec:"3"`
	Variables       map[string]string        `rec:"4"`
	MethodSettings  map[string]methodSetting `rec:"5"` // "~1path/METHOD" or "*/*"
	Tags            map[string]string        `rec:"6"`
	CreatedDate     time.Time                `rec:"7"`
	LastUpdatedDate time.Time                `rec:"8"`
	Effect          string                   `rec:"9"` // the durable effect that made it
	Unknown         store.Unknown
}

// deployment holds an API as it was.
type deployment struct {
	Id               string            `rec:"1"`
	Description      string            `rec:"2"`
	CreatedDate      time.Time         `rec:"3"`
	Resources        []apiResource     `rec:"4"`
	Authorizers      []authorizer      `rec:"5"`
	Responses        []gatewayResponse `rec:"6"`
	Models           []model           `rec:"7"`
	Validators       []validator       `rec:"8"`
	BinaryMediaTypes []string          `rec:"9"`
	Policy           string            `rec:"10"`
	Unknown          store.Unknown
}

func ownerKey(id string) store.Key {
	return store.K(store.FamilyAPIGateway, 0, store.SystemAccount).Str("id").Str(id)
}

func settingsKey(account, region string) store.Key {
	return store.K(store.FamilyAPIGateway, 0, account).Str("account").Str(region)
}

func apisOf(account, region string) store.Key {
	return store.K(store.FamilyAPIGateway, 0, account).Str("a").Str(region)
}

// scope is an API in its account and region: the place where its parts are.
type scope struct{ account, region, api string }

func (s scope) key() store.Key { return apisOf(s.account, s.region).Str(s.api) }

func (s scope) parts(kind string) store.Key {
	return store.K(store.FamilyAPIGateway, 0, s.account).Str(kind).Str(s.region).Str(s.api)
}

// The kinds of parts.
const (
	kindResource   = "r"
	kindAuthorizer = "z"
	kindResponse   = "g"
	kindModel      = "m"
	kindValidator  = "v"
	kindStage      = "s"
	kindDeployment = "d"
)

// all reads the parts of a kind in the order of their keys.
func all[T any](r store.Reader, s scope, kind string) []T {
	var out []T
	store.Each(r, store.Prefix(s.parts(kind)), func(_ store.Key, v *T) bool {
		out = append(out, *v)
		return true
	})
	return out
}

// part reads one part.
func part[T any](r store.Reader, sc scope, kind, noun, id string) (*T, store.Key, error) {
	k := sc.parts(kind).Str(id)
	v, ok := store.Load[T](r, k)
	if !ok {
		return nil, nil, missing("Invalid %s identifier specified", noun)
	}
	return v, k, nil
}
