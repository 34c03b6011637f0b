package apigatewayv2

import (
	"time"

	"virga/internal/store"
)

// Keys: FamilyAPIGatewayV2 ‖ 0 ‖ account ‖ kind ‖ region ‖ api [‖ id], kind "a" api, "r" route, "i" integration, "z"
// authorizer, "s" stage, "d" deployment;  FamilyAPIGatewayV2 ‖ 0 ‖ system ‖ "id" ‖ api → owner.

type owner struct {
	Account string `rec:"1"`
	Region  string `rec:"2"`
}

type cors struct {
	AllowCredentials *bool    `rec:"1"`
	AllowHeaders     []string `rec:"2"`
	AllowMethods     []string `rec:"3"`
	AllowOrigins     []string `rec:"4"`
	ExposeHeaders    []string `rec:"5"`
	MaxAge           *int32   `rec:"6"`
}

type api struct {
	ApiId                     string            `rec:"1"`
	Name                      string            `rec:"2"`
	Description               string            `rec:"3"`
	ProtocolType              string            `rec:"4"`
	RouteSelectionExpression  string            `rec:"5"`
	ApiKeySelectionExpression string            `rec:"6"`
	CorsConfiguration         *cors             `rec:"7"`
	CreatedDate               time.Time         `rec:"8"`
	DisableExecuteApiEndpoint bool              `rec:"9"`
	Version                   string            `rec:"10"`
	Tags                      map[string]string `rec:"11"`
	IpAddressType             string            `rec:"12"`
	QuickRoute                string            `rec:"13"` // id of the route that quick create made
	QuickIntegration          string            `rec:"14"`
	Unknown                   store.Unknown
}

type route struct {
	RouteId             string   `rec:"1"`
	RouteKey            string   `rec:"2"`
	Target              string   `rec:"3"`
	AuthorizationType   string   `rec:"4"`
	AuthorizerId        string   `rec:"5"`
	AuthorizationScopes []string `rec:"6"`
	OperationName       string   `rec:"7"`
	ApiKeyRequired      bool     `rec:"8"`
	ApiGatewayManaged   *bool    `rec:"9"`
	Unknown             store.Unknown
}

type integration struct {
	IntegrationId        string `rec:"1"`
	IntegrationType      string `rec:"2"`
	IntegrationUri       string `rec:"3"`
	IntegrationMethod    string `rec:"4"`
	PayloadFormatVersion string `rec:"5"`
	TimeoutInMillis      int32  `rec:"6"`
	CredentialsArn       string `rec:"7"`
	ConnectionType       string `rec:"8"`
	Description          string `rec:"9"`
	ApiGatewayManaged    *bool  `rec:"10"`
	Unknown              store.Unknown
}

type authorizer struct {
	AuthorizerId                   string   `rec:"1"`
	Name                           string   `rec:"2"`
	AuthorizerType                 string   `rec:"3"`
	AuthorizerUri                  string   `rec:"4"`
	AuthorizerPayloadFormatVersion string   `rec:"5"`
	AuthorizerResultTtlInSeconds   int32    `rec:"6"`
	EnableSimpleResponses          bool     `rec:"7"`
	IdentitySource                 []string `rec:"8"`
	AuthorizerCredentialsArn       string   `rec:"9"`
	Unknown                        store.Unknown
}

type routeSettings struct {
	DetailedMetricsEnabled *bool    `rec:"1"`
	ThrottlingBurstLimit   *int32   `rec:"2"`
	ThrottlingRateLimit    *float64 `rec:"3"`
}

type stage struct {
	StageName                   string                   `rec:"1"`
	AutoDeploy                  *bool                    `rec:"2"`
	DeploymentId                string                   `rec:"3"`
	Description                 string                   `rec:"4"`
	StageVariables              map[string]string        `rec:"5"`
	DefaultRouteSettings        routeSettings            `rec:"6"`
	RouteSettings               map[string]routeSettings `rec:"7"`
	Tags                        map[string]string        `rec:"8"`
	CreatedDate                 time.Time                `rec:"9"`
	LastUpdatedDate             time.Time                `rec:"10"`
	LastDeploymentStatusMessage string                   `rec:"11"`
	ApiGatewayManaged           *bool                    `rec:"12"`
	Effect                      string                   `rec:"13"` // the durable effect that made it
	Unknown                     store.Unknown
}

// deployment holds the configuration as it was: what its stages serve.
type deployment struct {
	DeploymentId     string        `rec:"1"`
	Description      string        `rec:"2"`
	CreatedDate      time.Time     `rec:"3"`
	DeploymentStatus string        `rec:"4"`
	AutoDeployed     bool          `rec:"5"`
	Routes           []route       `rec:"6"`
	Integrations     []integration `rec:"7"`
	Authorizers      []authorizer  `rec:"8"`
	Cors             *cors         `rec:"9"`
	Unknown          store.Unknown
}

func ownerKey(id string) store.Key {
	return store.K(store.FamilyAPIGatewayV2, 0, store.SystemAccount).Str("id").Str(id)
}

func apisOf(account, region string) store.Key {
	return store.K(store.FamilyAPIGatewayV2, 0, account).Str("a").Str(region)
}

// scope is an API in its account and region: the place where its parts are.
type scope struct{ account, region, api string }

func (s scope) key() store.Key { return apisOf(s.account, s.region).Str(s.api) }

func (s scope) parts(kind string) store.Key {
	return store.K(store.FamilyAPIGatewayV2, 0, s.account).Str(kind).Str(s.region).Str(s.api)
}

// The kinds of parts.
const (
	kindRoute       = "r"
	kindIntegration = "i"
	kindAuthorizer  = "z"
	kindStage       = "s"
	kindDeployment  = "d"
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
