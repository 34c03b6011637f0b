package sam

import (
	"sort"
	"strings"
)

func sorted(l []string) []string {
	sort.Strings(l)
	return l
}

// webSocketAPI makes a WebSocket API with a route, an integration and a permission for each of its Routes.
func (t *transform) webSocketAPI(x *macro) []*resource {
	x.validate()
	for _, k := range [...]string{"Auth", "Domain", "Routes"} {
		if v := t.params.resolve(x.get(k)); v != nil {
			x.p.Set(k, v)
		}
	}
	routes := x.get("Routes")
	if !truthy(routes) {
		x.fail("WebSocket API must have at least one route.")
	}
	if ip := x.get("IpAddressType"); ip != nil && !isIntrinsic(ip) && !oneOf(ip, "ipv4", "dualstack") {
		x.fail("IpAddressType must be 'ipv4' or 'dualstack'.")
	}
	if d, ok := x.get("Domain").(*Map); ok && truthy(d.get("MutualTlsAuthentication")) {
		x.fail("Mutual TLS domain name association is not supported for Websocket APIs.")
	}
	w := &webSocketAPI{macro: x, routes: obj(routes), stageName: x.get("StageName")}
	if w.stageName == nil {
		w.stageName = "default"
	}
	if a := x.get("Auth"); truthy(a) {
		w.auth = obj(a)
	}
	api := w.api()
	own := *t
	own.recordSets = map[string]*resource{} // the reference does not share the records of WebSocket APIs
	d := own.domainV2(x, "websocketapi:createdBy")
	stage := w.stage()
	made := []*resource{api}
	var routeIDs []any
	var authorizer *resource
	for e := range w.routes.entries() {
		rs, a := w.route(e.key, e.val)
		made = append(made, rs...)
		routeIDs = append(routeIDs, rs[0].id)
		if a != nil {
			authorizer = a
		}
	}
	if d.domain != nil {
		made = append(made, d.domain)
	}
	made = append(made, d.mappings...)
	if d.records != nil {
		made = append(made, d.records)
	}
	if truthy(x.get("RouteSettings")) {
		stage.dependsOn = routeIDs
	}
	made = append(made, stage)
	if authorizer != nil {
		made = append(made, authorizer)
		if arn := w.auth.get("AuthArn"); is(w.auth.get("AuthType"), "CUSTOM") && !truthy(w.auth.get("InvokeRole")) && truthy(arn) {
			made = append(made, authorizerPermissionV2(&macro{id: x.id, attrs: NewMap()}, x.id+"AuthorizerPermission", arn))
		}
	}
	propagateTags(made, x.get("Tags"), x.get("PropagateTags"))
	return made
}

type webSocketAPI struct {
	*macro
	routes    *Map
	auth      *Map
	stageName any
}

// fresh makes a resource without the API's attributes, which the reference does not pass on here.
func (w *webSocketAPI) fresh(id, kind string) *resource { return newResource(id, kind, nil) }

func (w *webSocketAPI) api() *resource {
	r := newResource(w.idValue(), "AWS::ApiGatewayV2::Api", nil)
	r.dependsOn = w.dependsOn
	for _, k := range [...]string{"ApiKeySelectionExpression", "Description", "DisableExecuteApiEndpoint", "DisableSchemaValidation", "IpAddressType", "RouteSelectionExpression"} {
		r.set(k, w.get(k))
	}
	if w.auth.Len() > 0 && !w.routes.Has("$connect") {
		w.fail("Authorization is only available if there is a $connect route.")
	}
	name := w.get("Name")
	if name == nil {
		name = w.id
	}
	tags := NewMap()
	if v := w.get("Tags"); truthy(v) {
		tags = obj(v)
	}
	tags.Set("websocketapi:createdBy", "SAM")
	return r.with("Name", name, "Tags", tags, "ProtocolType", "WEBSOCKET")
}

func (w *webSocketAPI) stage() *resource {
	if is(w.stageName, "$default") {
		w.fail("Stages cannot be named $default for WebSocket APIs.")
	}
	id := w.id + text(w.stageName) + "Stage"
	if is(w.stageName, "default") {
		id = w.id + "DefaultStage"
	}
	s := w.fresh(id, "AWS::ApiGatewayV2::Stage").with("ApiId", ref(w.id), "StageName", w.stageName)
	for _, k := range [...]string{"StageVariables", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings"} {
		s.set(k, w.get(k))
	}
	return s.with("Tags", NewMap("websocketapi:createdBy", "SAM"), "AutoDeploy", true)
}

// routeName is a route's key as a part of logical ids.
func (w *webSocketAPI) routeName(key string) string {
	s := key
	switch key {
	case "$connect", "$disconnect", "$default":
		s = key[1:]
	default:
		if !alnum(key) {
			w.fail("Route key '%s' must be alphanumeric. Only $connect, $disconnect, and $default special routes are supported.", key)
		}
	}
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + strings.ToLower(string(r[1:]))
}

func (w *webSocketAPI) route(key string, v any) (made []*resource, authorizer *resource) {
	base := w.id + w.routeName(key)
	spec := obj(v)
	r := w.fresh(base+"Route", "AWS::ApiGatewayV2::Route").with("RouteKey", key, "ApiId", ref(w.id))
	for _, k := range [...]string{"ApiKeyRequired", "ModelSelectionExpression", "OperationName", "RequestModels", "RouteResponseSelectionExpression"} {
		r.set(k, spec.get(k))
	}
	if v := spec.get("RequestParameters"); truthy(v) {
		if key != "$connect" {
			w.fail("Request parameters are only supported for the $connect route in WebSocket APIs.")
		}
		r.set("RequestParameters", v)
	}
	r.set("Target", NewMap("Fn::Join", []any{"/", []any{"integrations", ref(base + "Integration")}}))
	authorizer = w.routeAuth(key, r)
	arn, ok := spec.Get("FunctionArn")
	if !ok {
		w.fail("Route must have associated function.")
	}
	in := w.fresh(base+"Integration", "AWS::ApiGatewayV2::Integration").with("ApiId", ref(w.id), "IntegrationType", "AWS_PROXY", "IntegrationUri",
		fnSub("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${FunctionArn}/invocations", "FunctionArn", arn),
		"TimeoutInMillis", spec.get("IntegrationTimeout"))
	from := "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${" + w.id + ".ApiId}/"
	source := fnSub(from+text(w.stageName)+"/"+key, nil...)
	if !isStr(w.stageName) {
		source = fnSub(from+"${__StageName__}/"+key, "__StageName__", w.stageName)
	}
	p := w.fresh(base+"Permission", "AWS::Lambda::Permission").with("Action", "lambda:InvokeFunction", "FunctionName", arn,
		"Principal", "apigateway.amazonaws.com", "SourceArn", source)
	return []*resource{r, in, p}, authorizer
}

func (w *webSocketAPI) routeAuth(key string, r *resource) *resource {
	if w.auth.Len() == 0 {
		return nil
	}
	kind := w.auth.get("AuthType")
	switch {
	case !truthy(kind):
		w.fail("AuthType must be specified for additional auth configurations.")
	case !oneOf(kind, "NONE", "AWS_IAM", "CUSTOM"):
		w.fail("AuthType '%s' is not one of AWS_IAM, CUSTOM or NONE.", pyStr(kind))
	case is(kind, "CUSTOM") && !truthy(w.auth.get("AuthArn")):
		w.fail("AuthArn must be specified if AuthType is CUSTOM.")
	case !is(kind, "CUSTOM") && w.auth.Len() > 1:
		w.fail("No additional configurations supported for AuthType %s.", text(kind))
	}
	if key != "$connect" {
		return nil
	}
	r.set("AuthorizationType", text(kind))
	if !is(kind, "CUSTOM") {
		return nil
	}
	a := w.fresh(w.id+"ConnectAuthorizer", "AWS::ApiGatewayV2::Authorizer").with("ApiId", ref(w.id), "AuthorizerCredentialsArn", w.auth.get("InvokeRole"),
		"AuthorizerType", "REQUEST", "AuthorizerUri",
		fnSub("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${AuthArn}/invocations", "AuthArn", w.auth.get("AuthArn")),
		"IdentitySource", w.auth.get("IdentitySource"))
	if n := w.auth.get("Name"); truthy(n) {
		a.set("Name", n)
	} else {
		a.set("Name", a.id)
	}
	r.set("AuthorizerId", ref(a.id))
	return a
}
