package sam

import (
	"fmt"
	"regexp"
	"strings"
)

// httpAPI makes an HTTP API with its stage, domain and authorizers.
func (t *transform) httpAPI(x *macro) []*resource {
	for _, k := range [...]string{"CorsConfiguration", "Domain"} {
		if v := t.params.resolve(x.get(k)); v != nil {
			x.p.Set(k, v)
		}
	}
	a := &httpAPI{macro: x, t: t, body: x.get("DefinitionBody")}
	a.auth, _ = x.get("Auth").(*Map)
	if v := x.get("Tags"); v != nil {
		a.tags = obj(v)
	}
	api := a.api()
	d := t.domainV2(x, "httpapi:createdBy")
	permissions := a.authorizerPermissions()
	stage := a.stage()
	made := append([]*resource{api}, permissions...)
	if d.domain != nil {
		made = append(made, d.domain)
	}
	made = append(made, d.mappings...)
	if d.records != nil {
		made = append(made, d.records)
	}
	made = append(made, stage)
	propagateTags(made, x.get("Tags"), x.get("DefinitionBody") != nil)
	return made
}

type httpAPI struct {
	*macro
	t    *transform
	body any
	auth *Map
	tags *Map
}

func (a *httpAPI) api() *resource {
	uri := a.get("DefinitionUri")
	r := newResource(a.idValue(), "AWS::ApiGatewayV2::Api", a.attrs)
	r.dependsOn = a.dependsOn
	if truthy(uri) && truthy(a.body) {
		a.fail("Specify either 'DefinitionUri' or 'DefinitionBody' property and not both.")
	}
	a.addCORS()
	a.addAuth()
	a.addTags()
	if v := a.get("FailOnWarnings"); truthy(v) {
		r.set("FailOnWarnings", v)
	}
	if v := a.get("DisableExecuteApiEndpoint"); v != nil {
		if !truthy(a.body) {
			a.fail("DisableExecuteApiEndpoint works only within 'DefinitionBody' property.")
		}
		o := a.t.newOpenAPI(a.body)
		o.disableEndpoint(v)
		a.body = o.result()
	}
	a.addTitle()
	a.addDescription()
	if truthy(a.get("FailOnWarnings")) && truthy(a.body) {
		if paths, ok := obj(a.body).get("paths").(*Map); ok && paths.Has(defaultPath) {
			v := paths.get(defaultPath)
			paths.Delete(defaultPath)
			paths.Set("/"+defaultPath, v)
		}
	}
	switch {
	case truthy(uri):
		r.set("BodyS3Location", s3Location(uri, a.id, false))
	case truthy(a.body):
		r.set("Body", a.body)
	default:
		a.fail("'DefinitionUri' or 'DefinitionBody' are required properties of an 'AWS::Serverless::HttpApi'. Add a value for one of these properties or add a 'HttpApi' event to an 'AWS::Serverless::Function'.")
	}
	return r
}

func (a *httpAPI) addCORS() {
	v := a.get("CorsConfiguration")
	if !truthy(v) {
		return
	}
	if !truthy(a.body) {
		a.fail("Cors works only with inline OpenApi specified in 'DefinitionBody' property.")
	}
	c := httpCORS{credentials: false}
	switch m, ok := v.(*Map); {
	case isBool(v):
		c.origins = anys("*")
	case isIntrinsic(v):
		c.origins = v
	case ok:
		for k := range m.All() {
			if !oneOf(k, "AllowMethods", "AllowHeaders", "AllowOrigins", "MaxAge", "ExposeHeaders", "AllowCredentials") {
				a.fail("Invalid key '%s' for 'Cors' property.", k)
			}
		}
		c = httpCORS{m.get("AllowOrigins"), m.get("AllowHeaders"), m.get("AllowMethods"), m.get("ExposeHeaders"), m.get("MaxAge"), m.get("AllowCredentials")}
	default:
		a.fail("Invalid value for 'Cors' property.")
	}
	if !validOpenAPI(a.body) {
		a.fail("Unable to add Cors configuration because 'DefinitionBody' does not contain a valid OpenApi definition.")
	}
	if c.credentials == true && equal(c.origins, anys("*")) {
		a.fail("Unable to add Cors configuration because 'AllowCredentials' can not be true when 'AllowOrigin' is \"'*'\" or not set.")
	}
	o := a.t.newOpenAPI(a.body)
	o.addCORS(c)
	a.body = o.result()
}

func (a *httpAPI) addAuth() {
	if a.auth.Len() == 0 {
		return
	}
	if !truthy(a.body) {
		a.fail("Auth works only with inline OpenApi specified in the 'DefinitionBody' property.")
	}
	for k := range a.auth.All() {
		if !oneOf(k, "Authorizers", "DefaultAuthorizer", "EnableIamAuthorizer") {
			a.fail("Invalid value for 'Auth' property")
		}
	}
	if !validOpenAPI(a.body) {
		a.fail("Unable to add Auth configuration because 'DefinitionBody' does not contain a valid OpenApi definition.")
	}
	o := a.t.newOpenAPI(a.body)
	all := a.authorizers()
	schemes := obj(o.security)
	unsettle(schemes)
	for _, x := range all {
		schemes.setKey(x.name, x.uni, a.securityScheme(x))
	}
	if name := a.auth.get("DefaultAuthorizer"); truthy(name) && !isNoValue(name) {
		n := a.own().mustString(name, "Auth.DefaultAuthorizer")
		var found *httpAuthorizer
		for _, x := range all {
			if x.name == n {
				found = x
			}
		}
		if found == nil {
			a.fail("Unable to set DefaultAuthorizer because '%s' was not defined in 'Authorizers'.", n)
		}
		scopes := found.scopes
		if scopes == nil {
			scopes = []any{}
		}
		for _, p := range o.paths.Keys() {
			o.setDefaultAuthorizer(p, name, scopes)
		}
	}
	a.body = o.result()
}

func (a *httpAPI) addTags() {
	if a.tags.Len() > 0 && !truthy(a.body) {
		a.fail("Tags works only with inline OpenApi specified in the 'DefinitionBody' property.")
	}
	if !truthy(a.body) {
		return
	}
	if !validOpenAPI(a.body) {
		if a.tags.Len() > 0 {
			a.fail("Unable to add `Tags` because 'DefinitionBody' does not contain a valid OpenApi definition.")
		}
		return
	}
	if a.tags.Len() == 0 {
		a.tags = NewMap()
	}
	a.tags.Set("httpapi:createdBy", "SAM")
	o := a.t.newOpenAPI(a.body)
	o.addTags(a.tags)
	a.body = o.result()
}

func (a *httpAPI) addTitle() {
	name := a.get("Name")
	if !truthy(name) {
		return
	}
	if !truthy(a.body) {
		a.fail("Name works only with inline OpenApi specified in the 'DefinitionBody' property.")
	}
	title, wrong, ok := deepGet(a.body, "info", "title")
	if !ok {
		a.fail("Invalid 'DefinitionBody': %s.", wrong)
	}
	if !equal(title, ref("AWS::StackName")) {
		a.fail("Unable to set Name because it is already defined within inline OpenAPI specified in the 'DefinitionBody' property.")
	}
	o := a.t.newOpenAPI(a.body)
	o.addTitle(name)
	a.body = o.result()
}

func (a *httpAPI) addDescription() {
	v := a.get("Description")
	if !truthy(v) {
		return
	}
	if !truthy(a.body) {
		a.fail("Description works only with inline OpenApi specified in the 'DefinitionBody' property.")
	}
	have, wrong, ok := deepGet(a.body, "info", "description")
	if !ok {
		a.fail("Invalid 'DefinitionBody': %s'.", wrong)
	}
	if truthy(have) {
		a.fail("Unable to set Description because it is already defined within inline OpenAPI specified in the 'DefinitionBody' property.")
	}
	o := a.t.newOpenAPI(a.body)
	o.addDescription(v)
	a.body = o.result()
}

func (a *httpAPI) stage() *resource {
	name := a.get("StageName")
	if !truthy(name) {
		name = defaultPath
	}
	prefixed := text(name)
	id := a.id + prefixed + "Stage"
	switch {
	case alnum(prefixed):
	case prefixed == defaultPath:
		id = a.id + "ApiGatewayDefaultStage"
	default:
		id = generatedID(a.id+"Stage", prefixed)
	}
	s := newResource(id, "AWS::ApiGatewayV2::Stage", a.passThrough()).with("ApiId", ref(a.id), "StageName", name)
	for _, k := range [...]string{"StageVariables", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings"} {
		s.set(k, a.get(k))
	}
	if a.tags != nil {
		s.set("Tags", a.tags)
	}
	return s.with("AutoDeploy", true)
}

// httpAuthorizer is an authorizer of an HTTP API.
type httpAuthorizer struct {
	name     string
	uni      bool
	iam      bool
	scopes   any
	jwt      *Map
	function any
	config   *Map // as given
}

func (x *httpAuthorizer) kind() string {
	switch {
	case x.iam:
		return "AWS_IAM"
	case x.jwt.Len() > 0:
		return "JWT"
	}
	return "REQUEST"
}

func (a *httpAPI) authorizers() []*httpAuthorizer {
	var out []*httpAuthorizer
	iam := a.auth.get("EnableIamAuthorizer") == true
	if iam {
		out = append(out, &httpAuthorizer{name: "AWS_IAM", iam: true})
	}
	v := a.auth.get("Authorizers")
	if !truthy(v) {
		return out
	}
	for e := range a.own().mustMap(v, "Auth.Authorizers").entries() {
		m := a.own().mustMap(e.val, "Auth.Authorizers."+e.key)
		if m.Has("OpenIdConnectUrl") {
			a.fail("'OpenIdConnectUrl' is no longer a supported property for authorizer '%s'. Please refer to the AWS SAM documentation.", e.key)
		}
		x := &httpAuthorizer{name: e.key, uni: e.uni, scopes: m.get("AuthorizationScopes"), function: m.get("FunctionArn"), config: m}
		if j := m.get("JwtConfiguration"); truthy(j) {
			x.jwt = NewMap()
			for k, w := range a.own().mustMap(j, "JwtConfiguration").All() {
				x.jwt.Set(strings.ToLower(k), w)
			}
		}
		a.checkAuthorizer(x)
		if iam && e.key == "AWS_IAM" {
			out[0] = x
			continue
		}
		out = append(out, x)
	}
	return out
}

func (a *httpAPI) checkAuthorizer(x *httpAuthorizer) {
	if x.scopes != nil && !isList(x.scopes) {
		a.fail("AuthorizationScopes must be a list.")
	}
	const oauth, lambda = "OAuth2 Authorizer", "Lambda Authorizer"
	for _, p := range [...]struct{ name, kind, told string }{
		{"AuthorizationScopes", "JWT", oauth}, {"JwtConfiguration", "JWT", oauth},
		{"IdentitySource", "JWT", oauth + ". For Lambda Authorizer, use the 'Identity' property instead"},
		{"FunctionArn", "REQUEST", lambda}, {"FunctionInvokeRole", "REQUEST", lambda}, {"Identity", "REQUEST", lambda},
		{"AuthorizerPayloadFormatVersion", "REQUEST", lambda}, {"EnableSimpleResponses", "REQUEST", lambda},
		{"EnableFunctionDefaultPermissions", "REQUEST", lambda}} {
		given := x.config.get(p.name) != nil
		if p.name == "JwtConfiguration" {
			given = x.jwt != nil
		}
		if given && p.kind != x.kind() {
			a.fail("%s is only supported for %s.", p.name, p.told)
		}
	}
	switch x.kind() {
	case "JWT":
		if !truthy(x.config.get("IdentitySource")) {
			a.fail("%s OAuth2 Authorizer must define 'IdentitySource'.", x.name)
		}
	case "REQUEST":
		for _, k := range [...]string{"FunctionArn", "AuthorizerPayloadFormatVersion"} {
			if !truthy(x.config.get(k)) {
				a.fail("%s Lambda Authorizer must define '%s'.", x.name, k)
			}
		}
	}
	if v := x.config.get("EnableFunctionDefaultPermissions"); v != nil {
		a.own().mustBool(v, "Authorizers."+x.name+".EnableFunctionDefaultPermissions")
	}
}

func (a *httpAPI) securityScheme(x *httpAuthorizer) *Map {
	const key = "x-amazon-apigateway-authorizer"
	switch x.kind() {
	case "AWS_IAM":
		return NewMap("type", "apiKey", "name", "Authorization", "in", "header", "x-amazon-apigateway-authtype", "awsSigv4")
	case "JWT":
		return NewMap("type", "oauth2", key, NewMap("jwtConfiguration", x.jwt, "identitySource", x.config.get("IdentitySource"), "type", "jwt"))
	}
	in := NewMap("type", "request", "authorizerUri", fnSub("arn:"+a.t.partition+":apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${__FunctionArn__}/invocations",
		"__FunctionArn__", x.function))
	if r := x.config.get("FunctionInvokeRole"); truthy(r) && !is(r, "NONE") {
		in.Set("authorizerCredentials", r)
	}
	if id := x.config.get("Identity"); truthy(id) {
		m := a.own().mustMap(id, "Auth.Authorizers."+x.name+".Identity")
		if ttl := m.get("ReauthorizeEvery"); ttl != nil {
			in.Set("authorizerResultTtlInSeconds", ttl)
		}
		sources := []any{}
		for _, p := range [...][2]string{{"$request.header.", "Headers"}, {"$request.querystring.", "QueryStrings"}, {"$stageVariables.", "StageVariables"},
			{"$context.", "Context"}} {
			if v := m.get(p[1]); truthy(v) {
				for _, s := range a.own().mustStrings(v, "Authorizers."+x.name+".Identity."+p[1]) {
					sources = append(sources, p[0]+text(s))
				}
			}
		}
		in.Set("identitySource", sources)
	}
	in.Set("authorizerPayloadFormatVersion", x.config.get("AuthorizerPayloadFormatVersion"))
	if v := x.config.get("EnableSimpleResponses"); truthy(v) {
		in.Set("enableSimpleResponses", v)
	}
	return NewMap("type", "apiKey", "name", "Unused", "in", "header", key, in)
}

func (a *httpAPI) authorizerPermissions() []*resource {
	if a.auth.Len() == 0 {
		return nil
	}
	var made []*resource
	for _, x := range a.authorizers() {
		if truthy(x.function) && truthy(x.config.get("EnableFunctionDefaultPermissions")) {
			made = append(made, authorizerPermissionV2(a.macro, a.id+x.name+"AuthorizerPermission", x.function))
		}
	}
	return made
}

func authorizerPermissionV2(x *macro, id string, function any) *resource {
	return newResource(id, "AWS::Lambda::Permission", x.passThrough()).with("Action", "lambda:InvokeFunction", "FunctionName", function,
		"Principal", "apigateway.amazonaws.com", "SourceArn",
		fnSub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/authorizers/*", "__ApiId__", ref(x.id)))
}

// domainV2 makes a custom domain for an HTTP or a WebSocket API.
func (t *transform) domainV2(x *macro, tag string) (out domainResources) {
	v := x.get("Domain")
	if v == nil {
		return out
	}
	d := obj(v)
	name, certificate := d.get("DomainName"), d.get("CertificateArn")
	if name == nil || certificate == nil {
		x.fail("Custom Domains only works if both DomainName and CertificateArn are provided.")
	}
	id := generatedID("ApiGatewayDomainNameV2", name)
	d.Set("ApiDomainName", id)
	r := newResource(id, "AWS::ApiGatewayV2::DomainName", x.passThrough()).with("DomainName", name, "Tags", NewMap(tag, "SAM"))
	endpoint := d.get("EndpointConfiguration")
	if endpoint == nil {
		endpoint = "REGIONAL"
		d.Set("EndpointConfiguration", endpoint)
	} else if !is(endpoint, "REGIONAL") {
		x.fail("EndpointConfiguration for Custom Domains must be one of ['REGIONAL'].")
	}
	c := NewMap("CertificateArn", certificate, "EndpointType", endpoint)
	for _, k := range [...]string{"OwnershipVerificationCertificateArn", "SecurityPolicy"} {
		if v := d.get(k); truthy(v) {
			c.Set(k, v)
		}
	}
	r.set("DomainNameConfigurations", []any{c})
	if tls := d.get("MutualTlsAuthentication"); truthy(tls) {
		m, ok := tls.(*Map)
		if !ok {
			x.fail("MutualTlsAuthentication must be a map with at least one of the following fields ['TruststoreUri', 'TruststoreVersion'].")
		}
		if l := unknownKeys(m, "TruststoreUri", "TruststoreVersion"); len(l) > 0 {
			failResource(strings.Join(sorted(l), ","), "Available MutualTlsAuthentication fields are ['TruststoreUri', 'TruststoreVersion'].")
		}
		r.set("MutualTlsAuthentication", mutualTLS(m))
	}
	out.domain = r
	out.mappings = mappingsV2(x, d.get("BasePath"), id)
	out.records = t.recordSet(x, d, id, false, func(d, route53 *Map, name any) *Map {
		m := NewMap()
		if h := route53.get("EvaluateTargetHealth"); h != nil {
			m.Set("EvaluateTargetHealth", h)
		}
		m.Set("HostedZoneId", getAtt(name, "RegionalHostedZoneId"))
		m.Set("DNSName", getAtt(name, "RegionalDomainName"))
		return m
	})
	return out
}

func mappingsV2(x *macro, v any, domain string) []*resource {
	mapping := func(id string) *resource {
		return newResource(id, "AWS::ApiGatewayV2::ApiMapping", x.passThrough()).with("DomainName", ref(domain), "ApiId", ref(x.id), "Stage", ref(x.id+".Stage"))
	}
	if !truthy(v) || !isStr(v) && !isList(v) {
		return []*resource{mapping(x.id + "ApiMapping")}
	}
	invalid, separators := regexp.MustCompile(`[^0-9a-zA-Z/\-_]+`), regexp.MustCompile(`[\-_/]+`)
	var made []*resource
	for _, p := range asList(v) {
		s, ok := str(p)
		if !ok {
			x.fail("Basepath must be a string.")
		}
		if invalid.MatchString(s) {
			x.fail("Invalid Basepath name provided.")
		}
		made = append(made, mapping(fmt.Sprint(x.id, separators.ReplaceAllString(s, ""), "ApiMapping")).with("ApiMappingKey", strings.Trim(s, "/")))
	}
	return made
}
