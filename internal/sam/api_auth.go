package sam

import (
	"fmt"
	"strconv"
	"strings"
)

// authorizer is an authorizer of a REST API.
type authorizer struct {
	name        string
	uni         bool
	iam         bool
	pool        any
	function    any
	identity    any
	payload     any
	role        any
	scopes      any
	noFunctions any // DisableFunctionDefaultPermissions
}

func (a *restAPI) authMember(key string, otherwise any) any {
	if v, ok := a.auth.Get(key); ok {
		return v
	}
	return otherwise
}

func (a *restAPI) addAuth() {
	if !truthy(a.get("Auth")) {
		return
	}
	if !truthy(a.body) {
		a.fail("Auth works only with inline Swagger specified in 'DefinitionBody' property.")
	}
	for _, k := range iterated(a.get("Auth")) {
		if !oneOf(k, "Authorizers", "DefaultAuthorizer", "InvokeRole", "AddDefaultAuthorizerToCorsPreflight", "AddApiKeyRequiredToCorsPreflight",
			"ApiKeyRequired", "ResourcePolicy", "UsagePlan") {
			a.fail("Invalid value for 'Auth' property")
		}
	}
	if !validSwagger(a.body) {
		a.fail("Unable to add Auth configuration because 'DefinitionBody' does not contain a valid Swagger definition.")
	}
	s := a.t.newSwagger(a.body)
	byDefault := a.auth.get("DefaultAuthorizer")
	if l := a.authorizers(byDefault); l != nil {
		m := s.securityMap()
		for _, x := range l {
			m.setKey(x.name, x.uni, a.securityScheme(x))
		}
		a.setDefault(s, l, byDefault)
	}
	if truthy(a.auth.get("ApiKeyRequired")) {
		s.addKeySecurity()
		for _, p := range s.paths.Keys() {
			s.setDefaultAPIKey(p, truthy(a.authMember("AddApiKeyRequiredToCorsPreflight", true)))
		}
	}
	if p := a.auth.get("ResourcePolicy"); truthy(p) {
		m := dictOrFail(p, "ResourcePolicy must be a map (ResourcePolicyStatement).")
		for e := range s.paths.entries() {
			var path any = e.key
			if e.uni {
				path = ustr(e.key)
			}
			s.addResourcePolicy(m, path, a.get("StageName"))
		}
		if c := m.get("CustomStatements"); truthy(c) {
			s.addCustomStatements(c)
		}
	}
	a.body = s.result()
	a.postprocess()
}

func (a *restAPI) setDefault(s *swagger, l []*authorizer, name any) {
	if !truthy(name) {
		return
	}
	if !isStr(name) {
		a.fail("DefaultAuthorizer is not a string.")
	}
	found := is(name, "AWS_IAM")
	for _, x := range l {
		found = found || x.name == text(name)
	}
	if !found {
		a.fail("Unable to set DefaultAuthorizer because '%s' was not defined in 'Authorizers'.", text(name))
	}
	for _, p := range s.paths.Keys() {
		s.setDefaultAuthorizer(p, name, l, truthy(a.authMember("AddDefaultAuthorizerToCorsPreflight", true)))
	}
}

// authorizers reads Auth's Authorizers; IAM's is among them where it is the default.
func (a *restAPI) authorizers(byDefault any) []*authorizer {
	order := pyMap()
	if is(byDefault, "AWS_IAM") {
		_, uni := byDefault.(ustr)
		order.setVal(byDefault, &authorizer{name: "AWS_IAM", uni: uni, iam: true, scopes: []any{}, noFunctions: false})
	}
	config := a.auth.get("Authorizers")
	if truthy(config) {
		for e := range a.own().mustMap(config, "Auth.Authorizers").entries() {
			m := a.own().mustMap(e.val, "Auth.Authorizers."+e.key)
			x := &authorizer{name: e.key, uni: e.uni, pool: m.get("UserPoolArn"), function: m.get("FunctionArn"), identity: m.get("Identity"),
				payload: m.get("FunctionPayloadType"), role: m.get("FunctionInvokeRole"), scopes: m.get("AuthorizationScopes"),
				noFunctions: m.get("DisableFunctionDefaultPermissions")}
			a.checkAuthorizer(x)
			order.setKey(e.key, e.uni, x)
		}
	}
	var out []*authorizer
	for _, v := range order.All() {
		out = append(out, v.(*authorizer))
	}
	return out
}

func (a *restAPI) checkAuthorizer(x *authorizer) {
	if x.scopes == nil {
		x.scopes = []any{}
	}
	if x.payload != nil && !oneOf(x.payload, "TOKEN", "REQUEST") {
		a.fail("%s Authorizer has invalid 'FunctionPayloadType': %s.", x.name, pyStr(x.payload))
	}
	if is(x.payload, "REQUEST") && a.noIdentitySource(x) {
		a.fail("%s Authorizer must specify Identity with at least one of Headers, QueryStrings, StageVariables, or Context.", x.name)
	}
	a.own().mustList(x.scopes, "Authorizers."+x.name+".AuthorizationScopes")
	if x.noFunctions != nil {
		a.own().mustBool(x.noFunctions, "Authorizers."+x.name+".DisableFunctionDefaultPermissions")
	}
}

func (a *restAPI) noIdentitySource(x *authorizer) bool {
	if !truthy(x.identity) {
		return true
	}
	m := a.own().mustMap(x.identity, "Authorizer."+x.name+".Identity")
	missing := true
	for _, k := range [...]string{"Headers", "QueryStrings", "StageVariables", "Context"} {
		missing = missing && !truthy(m.get(k))
	}
	ttl := m.get("ReauthorizeEvery")
	n, ok := number(ttl)
	if s, isString := str(ttl); isString {
		i, err := strconv.Atoi(strings.TrimSpace(s))
		n, ok = float64(i), err == nil
	}
	if ok {
		return n >= 1 && missing
	}
	return missing
}

func (x *authorizer) kind() string {
	switch {
	case x.iam:
		return "AWS_IAM"
	case truthy(x.pool):
		return "COGNITO_USER_POOLS"
	}
	return "LAMBDA"
}

// securityScheme is the authorizer in the definition.
func (a *restAPI) securityScheme(x *authorizer) *Map {
	kind := x.kind()
	request := is(x.payload, "REQUEST")
	var id *Map
	var header any = "Authorization"
	if kind == "LAMBDA" && request {
		header = "Unused"
		id, _ = x.identity.(*Map)
	} else if truthy(x.identity) {
		m, ok := x.identity.(*Map)
		if !ok {
			a.fail("Auth.Authorizers.<Authorizer>.Identity must be a dict (LambdaTokenAuthorizationIdentity, LambdaRequestAuthorizationIdentity or CognitoAuthorizationIdentity).")
		}
		if id = m; truthy(m.get("Header")) {
			header = m.get("Header")
		}
	}
	authType := map[string]string{"AWS_IAM": "awsSigv4", "COGNITO_USER_POOLS": "cognito_user_pools", "LAMBDA": "custom"}[kind]
	scheme := pyMap("type", "apiKey", "name", header, "in", "header", "x-amazon-apigateway-authtype", authType)
	var in *Map
	switch kind {
	case "COGNITO_USER_POOLS":
		in = pyMap("type", "cognito_user_pools", "providerARNs", asList(x.pool))
	case "LAMBDA":
		in = pyMap("type", "token")
		if request {
			in = pyMap("type", "request")
		}
		in.Set("authorizerUri", fnSub("arn:"+a.t.partition+":apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${__FunctionArn__}/invocations",
			"__FunctionArn__", x.function))
		if ttl := id.get("ReauthorizeEvery"); ttl != nil {
			in.Set("authorizerResultTtlInSeconds", ttl)
		}
		if truthy(x.role) && !is(x.role, "NONE") {
			in.Set("authorizerCredentials", x.role)
		}
		if request {
			if source := a.identitySource(x, id); truthy(source) {
				in.Set("identitySource", source)
			}
		}
	default:
		return scheme
	}
	scheme.Set("x-amazon-apigateway-authorizer", in)
	if !request || kind == "COGNITO_USER_POOLS" {
		if v := id.get("ValidationExpression"); truthy(v) {
			in.Set("identityValidationExpression", v)
		}
	}
	return scheme
}

func (a *restAPI) identitySource(x *authorizer, id *Map) any {
	var l []string
	uni := false
	for _, pair := range [...][2]string{{"Headers", "method.request.header."}, {"QueryStrings", "method.request.querystring."},
		{"StageVariables", "stageVariables."}, {"Context", "context."}} {
		v := id.get(pair[0])
		if !truthy(v) {
			continue
		}
		path := "Auth.Authorizers." + x.name + ".Identity." + pair[0]
		for i, w := range a.own().mustList(v, path) {
			l = append(l, pair[1]+a.own().mustString(w, fmt.Sprintf("%s[%d]", path, i)))
			_, u := w.(ustr)
			uni = uni || u
		}
	}
	s := strings.Join(l, ", ")
	if uni {
		return ustr(s)
	}
	return s
}

// authorizerPermissions let the API call its authorizers' functions.
func (a *restAPI) authorizerPermissions() []*resource {
	if a.auth.Len() == 0 {
		return nil
	}
	var made []*resource
	for _, x := range a.authorizers(nil) {
		if !truthy(x.function) || truthy(x.noFunctions) {
			continue
		}
		made = append(made, newResource(a.id+x.name+"AuthorizerPermission", "AWS::Lambda::Permission", a.passThrough()).with("Action", "lambda:InvokeFunction",
			"FunctionName", x.function, "Principal", "apigateway.amazonaws.com",
			"SourceArn", fnSub(a.t.arnText("execute-api", "${__ApiId__}/authorizers/*"), "__ApiId__", ref(a.id))))
	}
	return made
}

// sharedUsagePlan is the usage plan of all APIs whose CreateUsagePlan is SHARED.
type sharedUsagePlan struct {
	stageKeys, apiStages, dependsOn []any
	conditions                      []string
	unconditional                   bool
	deletion, replace               any
}

// attributes joins an API's attributes into the shared resources'.
func (p *sharedUsagePlan) attributes(t *transform, attrs *Map) *Map {
	if v := attrs.get("DeletionPolicy"); truthy(v) && (!truthy(p.deletion) || is(v, "Retain")) {
		p.deletion = v
	}
	if v := attrs.get("UpdateReplacePolicy"); truthy(v) && (!truthy(p.replace) || is(v, "Retain") || is(v, "Snapshot") && is(p.replace, "Delete")) {
		p.replace = v
	}
	p.condition(t, attrs.get("Condition"))
	out := NewMap()
	if truthy(p.deletion) {
		out.Set("DeletionPolicy", p.deletion)
	}
	if truthy(p.replace) {
		out.Set("UpdateReplacePolicy", p.replace)
	}
	if len(p.conditions) > 0 && !p.unconditional {
		out.Set("Condition", sharedCondition)
	}
	return out
}

const sharedCondition = "SharedUsagePlanCondition"

func (p *sharedUsagePlan) condition(t *transform, c any) {
	if p.unconditional {
		return
	}
	all, _ := t.out.get("Conditions").(*Map)
	switch {
	case truthy(c) && !oneOf(c, p.conditions...):
		if all == nil {
			failTemplate("Can't have condition without having 'Conditions' section in the template")
		}
		p.conditions = append(p.conditions, text(c))
		if len(p.conditions) == 1 {
			all.Set(sharedCondition, c)
			return
		}
		all.Set(sharedCondition, orOf(p.conditions))
	case c == nil:
		p.unconditional = true
		if all.Has(sharedCondition) {
			all.Delete(sharedCondition)
		}
	}
}

// orOf is Fn::Or of named conditions.
func orOf(names []string) *Map {
	var l []any
	for _, n := range names {
		l = append(l, NewMap("Condition", n))
	}
	return NewMap("Fn::Or", l)
}

func (a *restAPI) usagePlan(stage *resource) []*resource {
	v := a.auth.get("UsagePlan")
	if v == nil {
		return nil
	}
	m, ok := v.(*Map)
	if !ok {
		a.fail("'UsagePlan' must be a dictionary")
	}
	for k := range m.All() {
		if !oneOf(k, "CreateUsagePlan", "Description", "Quota", "Tags", "Throttle", "UsagePlanName") {
			a.fail("Invalid property for 'UsagePlan'")
		}
	}
	create := m.get("CreateUsagePlan")
	if create == nil {
		a.fail("'CreateUsagePlan' is a required field for UsagePlan.")
	}
	if !oneOf(create, "SHARED", "PER_API", "NONE") {
		a.fail("'CreateUsagePlan' accepts one of ['SHARED', 'PER_API', 'NONE'].")
	}
	if is(create, "NONE") {
		return nil
	}
	apiStage := NewMap("ApiId", ref(a.id), "Stage", ref(stage.id))
	stageKey := NewMap("RestApiId", ref(a.id), "StageName", ref(stage.id))
	var plan, key, planKey *resource
	if is(create, "PER_API") {
		id := a.id
		plan = newResource(id+"UsagePlan", "AWS::ApiGateway::UsagePlan", a.passThrough()).with("ApiStages", []any{apiStage})
		plan.dependsOn = []any{a.id}
		key = newResource(id+"ApiKey", "AWS::ApiGateway::ApiKey", a.passThrough()).with("StageKeys", []any{stageKey})
		planKey = newResource(id+"UsagePlanKey", "AWS::ApiGateway::UsagePlanKey", a.passThrough())
	} else {
		p := a.t.usagePlan
		add := func(l *[]any, v any) {
			if !contains(*l, v) {
				*l = append(*l, v)
			}
		}
		add(&p.dependsOn, a.id)
		plan = newResource("ServerlessUsagePlan", "AWS::ApiGateway::UsagePlan", p.attributes(a.t, a.passThrough()))
		plan.dependsOn = joined(p.dependsOn, nil)
		add(&p.apiStages, apiStage)
		plan.set("ApiStages", joined(p.apiStages, nil))
		key = newResource("ServerlessApiKey", "AWS::ApiGateway::ApiKey", p.attributes(a.t, a.passThrough()))
		add(&p.stageKeys, stageKey)
		key.set("StageKeys", joined(p.stageKeys, nil))
		planKey = newResource("ServerlessUsagePlanKey", "AWS::ApiGateway::UsagePlanKey", p.attributes(a.t, a.passThrough()))
	}
	key.set("Enabled", true)
	key.dependsOn = []any{plan.id}
	planKey.with("KeyId", ref(key.id), "KeyType", "API_KEY", "UsagePlanId", ref(plan.id)).dependsOn = []any{key.id}
	for _, k := range [...]string{"UsagePlanName", "Description", "Quota", "Tags", "Throttle"} {
		if v := m.get(k); truthy(v) {
			plan.set(k, v)
		}
	}
	return []*resource{plan, key, planKey}
}
