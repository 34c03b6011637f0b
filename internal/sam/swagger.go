package sam

import (
	"regexp"
	"sort"
	"strings"
)

// swagger edits the definition of a REST API.
type swagger struct {
	editor
	t           *transform
	security    any
	responses   any
	policy      any
	definitions any
}

func (t *transform) newSwagger(doc any) *swagger {
	if !truthy(doc) || !validSwagger(doc) {
		failDocument("Invalid Swagger document or the Swagger document is not explicitly defined in 'DefinitionBody'.")
	}
	d := doc.(*Map)
	recopy(d)
	s := &swagger{editor: editor{doc: d, paths: d.get("paths").(*Map)}, t: t}
	s.security = orPy(d.get("securityDefinitions"))
	s.responses = orPy(d.get("x-amazon-apigateway-gateway-responses"))
	s.policy = orPy(d.get("x-amazon-apigateway-policy"))
	if v, ok := d.Get("definitions"); ok {
		s.definitions = v
	} else {
		s.definitions = pyMap()
	}
	t.budget.spend(2 * s.paths.Len())
	for p, v := range s.paths.All() {
		if m, ok := v.(*Map); ok && !m.Has("Fn::If") {
			continue
		}
		for _, x := range contents(v) {
			dictOrFail(x, invalidPath, p)
		}
	}
	return s
}

func orPy(v any) any {
	if truthy(v) {
		unsettle(v)
		return v
	}
	return pyMap()
}

// result puts the parts back into the definition and gives it.
func (s *swagger) result() *Map {
	unsettle(s.doc)
	if truthy(s.security) {
		s.doc.Set("securityDefinitions", s.security)
	}
	if truthy(s.responses) {
		s.doc.Set("x-amazon-apigateway-gateway-responses", s.responses)
	}
	if truthy(s.definitions) {
		s.doc.Set("definitions", s.definitions)
	}
	s.t.budget.spend(2 * s.paths.Len())
	recopy(s.doc)
	return s.doc
}

func swaggerSkeleton() *Map {
	return pyMap("swagger", "2.0", "info", pyMap("version", "1.0", "title", ref("AWS::StackName")), "paths", pyMap())
}

func (s *swagger) disableEndpoint(v any) {
	const outer, inner = "x-amazon-apigateway-endpoint-configuration", "disableExecuteApiEndpoint"
	if o := s.doc.get("openapi"); truthy(o) && openAPI3(o) {
		servers, ok := s.doc.Get("servers")
		if !ok {
			servers = []any{pyMap()}
		}
		l, ok := servers.([]any)
		if !ok {
			failPy("'%s' object is not iterable", pyType(servers))
		}
		for i, c := range l {
			if wrong, ok := deepSet(c, outer, inner, v); !ok {
				failDocument("Invalid OpenAPI definition of 'servers[%d]': %s.", i, wrong)
			}
		}
		s.doc.Set("servers", servers)
		return
	}
	if wrong, ok := deepSet(s.doc, outer, inner, v); !ok {
		failDocument("Invalid OpenAPI definition: %s.", wrong)
	}
}

// addLambda adds a method that calls a function.
func (s *swagger) addLambda(path, method, uri any, auth, apiAuth *Map, condition, mode any) {
	method = methodName(method)
	p, m := text(path), text(method)
	if s.hasIntegration(p, method) {
		failDocument("Lambda integration already exists on Path=%s, Method=%s", p, m)
	}
	s.addPath(path, method)
	if truthy(condition) {
		uri = fnIf(condition, uri, nil)
	}
	for _, item := range s.items(p) {
		d := obj(item.get(m))
		unsettle(d)
		in := pyMap("type", "aws_proxy", "httpMethod", "POST", "uri", uri)
		d.Set(integrationKey, in)
		if is(mode, "RESPONSE_STREAM") {
			in.Set("responseTransferMode", "STREAM")
		}
		if is(auth.get("Authorizer"), "AWS_IAM") || is(apiAuth.get("DefaultAuthorizer"), "AWS_IAM") && auth.Len() == 0 {
			if c := s.t.integrationCredentials(invokeRole(auth), invokeRole(apiAuth)); truthy(c) && !is(c, "NONE") {
				in.Set("credentials", c)
			}
		}
		if !d.Has("responses") {
			d.Set("responses", pyMap())
		}
		if truthy(condition) {
			item.setVal(method, fnIf(condition, d, nil))
		}
	}
}

// invokeRole is the InvokeRole of an Auth; one set to nothing says that there shall be none.
func invokeRole(auth *Map) any {
	v, ok := auth.Get("InvokeRole")
	if ok && !truthy(v) {
		return "NONE"
	}
	return v
}

func (t *transform) integrationCredentials(method, api any) any {
	v := method
	if !truthy(v) {
		v = api
	}
	if truthy(v) && !is(v, "CALLER_CREDENTIALS") {
		return v
	}
	return "arn:" + t.partition + ":iam::*:user/*"
}

// addStateMachine adds a method that starts an execution.
func (s *swagger) addStateMachine(path, method any, uri *Map, credentials any, templates *Map, condition any) {
	method = methodName(method)
	p, m := text(path), text(method)
	if s.hasIntegration(p, method) {
		failDocument("Integration already exists on Path=%s, Method=%s", p, m)
	}
	s.addPath(path, method)
	var at any = uri
	if truthy(condition) {
		at = fnIf(condition, uri, nil)
	}
	for _, item := range s.items(p) {
		d := obj(item.get(m))
		unsettle(d)
		in := pyMap("type", "aws", "httpMethod", "POST", "uri", at,
			"responses", pyMap("200", pyMap("statusCode", "200"), "400", pyMap("statusCode", "400")), "credentials", credentials)
		d.Set(integrationKey, in)
		if !d.Has("responses") {
			d.Set("responses", pyMap("200", pyMap("description", "OK"), "400", pyMap("description", "Bad Request")))
		}
		in.update(NewMap("requestTemplates", templates))
		if truthy(condition) {
			item.setVal(method, fnIf(condition, d, nil))
		}
	}
}

// corsConfig is the Cors property of a REST API.
type corsConfig struct {
	methods, headers, origin, maxAge, credentials any
}

func (s *swagger) addCORS(path string, c corsConfig) {
	for _, item := range s.items(path) {
		if item.Has("options") {
			continue
		}
		if !truthy(c.origin) {
			failTemplate("Invalid input. Value for AllowedOrigins is required")
		}
		if !truthy(c.methods) {
			c.methods = "'" + corsMethods(item) + "'"
		}
		item.Set("options", corsMethod(c))
	}
}

func corsMethods(item *Map) string {
	all := []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
	if item.Has(anyMethod) {
		return strings.Join(all, ",")
	}
	seen := map[string]bool{"OPTIONS": true}
	for _, k := range item.Keys() {
		seen[strings.ToUpper(k)] = true
	}
	l := make([]string, 0, len(seen))
	for k := range seen {
		l = append(l, k)
	}
	sort.Strings(l)
	return strings.Join(l, ",")
}

// corsMethod is the definition of OPTIONS that answers preflight requests.
func corsMethod(c corsConfig) *Map {
	params, headers := pyMap(), pyMap()
	add := func(name string, v any, kind string) {
		params.Set("method.response.header."+name, v)
		headers.Set(name, NewMap("type", kind))
	}
	add("Access-Control-Allow-Origin", c.origin, "string")
	if truthy(c.headers) {
		add("Access-Control-Allow-Headers", c.headers, "string")
	}
	if truthy(c.methods) {
		add("Access-Control-Allow-Methods", c.methods, "string")
	}
	if c.maxAge != nil {
		add("Access-Control-Max-Age", c.maxAge, "integer")
	}
	if c.credentials == true {
		add("Access-Control-Allow-Credentials", "'true'", "string")
	}
	return pyMap("summary", "CORS support", "consumes", anys("application/json"), "produces", anys("application/json"),
		integrationKey, pyMap("type", "mock",
			"requestTemplates", NewMap("application/json", "{\n  \"statusCode\" : 200\n}\n"),
			"responses", pyMap("default", pyMap("statusCode", "200", "responseParameters", params, "responseTemplates", NewMap("application/json", "{}\n")))),
		"responses", pyMap("200", pyMap("description", "Default response for CORS method", "headers", headers)))
}

func (s *swagger) addBinaryMediaTypes(v any) {
	var walk func(v any) any
	walk = func(v any) any {
		switch t := v.(type) {
		case *Map:
			out := pyMap()
			for k, x := range t.All() {
				out.setKey(strings.ReplaceAll(k, "~1", "/"), true, walk(x))
			}
			return out
		case []any:
			out := make([]any, len(t))
			for i, x := range t {
				out[i] = walk(x)
			}
			return out
		}
		if s, ok := str(v); ok {
			return ustr(strings.ReplaceAll(s, "~1", "/"))
		}
		return v
	}
	s.doc.Set("x-amazon-apigateway-binary-media-types", walk(v))
}

func (s *swagger) securityMap() *Map {
	if !truthy(s.security) {
		s.security = pyMap()
	}
	m, ok := s.security.(*Map)
	if !ok {
		failTemplate("securityDefinitions must be a dictionary.")
	}
	unsettle(m)
	return m
}

func (s *swagger) addIAMSecurity() {
	if m := s.securityMap(); !m.Has("AWS_IAM") {
		m.update(pyMap("AWS_IAM", pyMap("x-amazon-apigateway-authtype", "awsSigv4", "type", "apiKey", "name", "Authorization", "in", "header")))
	}
}

func (s *swagger) addKeySecurity() {
	if m := s.securityMap(); !m.Has("api_key") {
		m.update(pyMap("api_key", pyMap("type", "apiKey", "name", "x-api-key", "in", "header")))
	}
}

// setSecurity sets a method's security and defines IAM's where it leads.
func (s *swagger) setSecurity(d *Map, l []any) {
	if len(l) == 0 {
		return
	}
	d.Set("security", l)
	if first, ok := l[0].(*Map); ok && first.Has("AWS_IAM") {
		s.addIAMSecurity()
	}
}

// split divides security requirements by whether they name one of some schemes.
func splitSecurity(l []any, path, method string, named func(key string) bool) (without, with []any) {
	for _, x := range l {
		m := dictOrFail(x, "%s in Security for path %s method %s is not a valid dictionary.", pyStr(x), path, method)
		hit := false
		for k := range m.All() {
			hit = hit || named(k)
		}
		if hit {
			with = append(with, x)
		} else {
			without = append(without, x)
		}
	}
	return without, with
}

func indexWith(l []any, key string) int {
	for i, x := range l {
		if x.(*Map).Has(key) {
			return i
		}
	}
	return -1
}

func (s *swagger) setDefaultAuthorizer(path string, name any, authorizers []*authorizer, preflight bool) {
	byName := func(k string) *authorizer {
		for _, a := range authorizers {
			if a.name == k {
				return a
			}
		}
		return nil
	}
	for _, m := range s.allMethods(path) {
		if !preflight && m.name == "options" {
			continue
		}
		rest, own := splitSecurity(securityOf(m.def, path, m.name), path, m.name, func(k string) bool { return k == "AWS_IAM" || byName(k) != nil })
		var add []any
		if i := indexWith(rest, "NONE"); i >= 0 {
			rest = append(rest[:i:i], rest[i+1:]...)
		} else if len(own) > 0 {
			add = own
		} else {
			var scopes any = []any{}
			if a := byName(text(name)); a != nil && a.scopes != nil {
				scopes = a.scopes
			}
			r := pyMap()
			r.setVal(name, scopes)
			add = []any{r}
		}
		s.setSecurity(m.def, joined(rest, add))
	}
}

func (s *swagger) setDefaultAPIKey(path string, onOptions bool) {
	for _, m := range s.allMethods(path) {
		have := securityOf(m.def, path, m.name)
		rest, own := splitSecurity(have, path, m.name, func(k string) bool { return k == "api_key" || k == "api_key_false" })
		var add []any
		if indexWith(own, "api_key_false") < 0 {
			add = []any{pyMap("api_key", []any{})}
		}
		l := joined(rest, add)
		if m.name == "options" && !onOptions {
			l = joined(rest, nil)
		}
		if !equal(l, joined(have, nil)) {
			m.def.Set("security", l)
		}
	}
}

// addAuth sets what an event's Auth asks for on its method.
func (s *swagger) addAuth(path, method any, auth, api *Map) {
	p := text(path)
	if name := auth.get("Authorizer"); truthy(name) {
		apiAuth, _ := api.get("Auth").(*Map)
		s.setAuthorizer(p, method, name, apiAuth.get("Authorizers"), auth.get("AuthorizationScopes"))
	}
	required := auth.get("ApiKeyRequired")
	if required == nil {
		return
	}
	for _, d := range s.methods(p, method) {
		key := "api_key_false"
		if truthy(required) {
			key = "api_key"
			s.addKeySecurity()
		}
		d.Set("security", joined(securityOf(d, p, text(method)), []any{pyMap(key, []any{})}))
	}
}

func (s *swagger) setAuthorizer(path string, method, name any, authorizers, scopes any) {
	for _, d := range s.methods(path, method) {
		r := pyMap()
		r.setVal(name, []any{})
		have := securityOf(d, path, text(method))
		if !is(name, "NONE") && truthy(authorizers) {
			given, ok := obj(authorizers).Get(text(name))
			if !ok {
				given = pyMap()
			}
			a, isMap := given.(*Map)
			if !isMap {
				failDocument("Type of authorizer '%s' must be a dictionary", pyStr(name))
			}
			use := a.get("AuthorizationScopes")
			if scopes != nil {
				use = scopes
			}
			if ok && use != nil {
				r.setVal(name, use)
			}
		}
		s.setSecurity(d, joined(have, []any{r}))
	}
}

func (s *swagger) addValidator(path string, method any, body, params bool) {
	name := "no-validation"
	switch {
	case body && params:
		name = "body-and-params"
	case body:
		name = "body-only"
	case params:
		name = "params-only"
	}
	const key = "x-amazon-apigateway-request-validators"
	if !truthy(s.doc.get(key)) {
		s.doc.Set(key, pyMap())
	}
	all := obj(s.doc.get(key))
	unsettle(all)
	if !truthy(all.get(name)) {
		all.update(pyMap(name, pyMap("validateRequestBody", body, "validateRequestParameters", params)))
	}
	for _, d := range s.methods(path, method) {
		d.update(pyMap("x-amazon-apigateway-request-validator", name))
	}
}

func (s *swagger) addModel(path string, method any, model *Map) {
	v := model.get("Model")
	name := strings.ToLower(text(v))
	required := model.get("Required")
	for _, d := range s.methods(path, method) {
		if s.doc.get("swagger") != nil {
			p := pyMap("in", "body", "name", like(v, name), "schema", NewMap("$ref", "#/definitions/"+name))
			if required != nil {
				p.Set("required", required)
			}
			d.Set("parameters", append(listOf(d, "parameters"), p))
		} else if o := s.doc.get("openapi"); truthy(o) && openAPI3(o) {
			b := NewMap("content", NewMap("application/json", NewMap("schema", NewMap("$ref", "#/components/schemas/"+name))))
			if required != nil {
				b.Set("required", required)
			}
			d.Set("requestBody", b)
		}
	}
}

// listOf gives a copy of a member that must be a list.
func listOf(m *Map, key string) []any {
	v, ok := m.Get(key)
	if !ok {
		return nil
	}
	l, ok := v.([]any)
	if !ok {
		failPy("'%s' object has no attribute 'append'", pyType(v))
	}
	return joined(l, nil)
}

func (s *swagger) addModels(models *Map) {
	if !truthy(s.definitions) {
		s.definitions = pyMap()
	}
	all := obj(s.definitions)
	unsettle(all)
	for e := range models.entries() {
		m := e.val.(*Map)
		if !truthy(m.get("type")) {
			failDocument("'Models' schema is missing 'type'.")
		}
		all.setKey(strings.ToLower(e.key), e.uni, m)
	}
}

// requestParameter is an entry of an event's RequestParameters.
type requestParameter struct {
	name              any
	required, caching any
}

func (s *swagger) addParameters(path string, method any, l []requestParameter) {
	for _, d := range s.methods(path, method) {
		params := listOf(d, "parameters")
		for _, r := range l {
			location, name, _ := strings.Cut(strings.ReplaceAll(text(r.name), "method.request.", ""), ".")
			if location == "querystring" {
				location = "query"
			}
			at := like(r.name, location)
			if location == "query" {
				at = "query"
			}
			params = append(params, pyMap("in", at, "name", like(r.name, name), "required", r.required, "type", "string"))
			if truthy(r.caching) {
				in := integration(d)
				in.Set("cacheKeyParameters", append(listOf(in, "cacheKeyParameters"), r.name))
			}
		}
		d.Set("parameters", params)
	}
}

// starPath is a path with its parameters replaced by stars, for ARNs.
func starPath(path string, rest bool) string {
	re := `\{([a-zA-Z0-9._-]+|proxy\+)\}`
	if rest {
		re = `\{[a-zA-Z0-9._-]+\+?\}`
	}
	if !strings.Contains(path, "{") {
		return path
	}
	return regexp.MustCompile(re).ReplaceAllString(path, "*")
}
