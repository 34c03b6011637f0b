package sam

import (
	"fmt"
	"regexp"
	"strings"
)

// apiEvent lets a REST API call the function and adds the method to the API's definition where SAM manages it.
func (t *transform) apiEvent(e *eventOf) []*resource {
	method := e.get("Method")
	if s, ok := str(method); ok {
		method = like(method, strings.ToLower(s))
		e.p.Set("Method", method)
	} else {
		failPy("'%s' object has no attribute 'lower'", pyType(method))
	}
	path, ok := str(e.get("Path"))
	if !ok {
		failPy("expected string or bytes-like object, got '%s'", pyType(e.get("Path")))
	}
	verb := strings.ToUpper(text(method))
	if verb == "ANY" {
		verb = "*"
	}
	source := fnSub(t.arnText("execute-api", "${__ApiId__}/${__Stage__}/"+verb+starPath(withoutSlash(path), true)),
		"__ApiId__", e.get("RestApiId"), "__Stage__", "*")
	made := []*resource{e.permission("apigateway.amazonaws.com", e.link.suffix).with("SourceArn", source)}

	api := e.link.target
	if api == nil {
		failPy("'NoneType' object has no attribute 'get'")
	}
	if truthy(api.get("__MANAGE_SWAGGER")) || truthy(api.get("MergeDefinitions")) {
		t.addToSwagger(e, api)
	}
	auth, _ := e.get("Auth").(*Map)
	if body := api.get("DefinitionBody"); truthy(body) && truthy(auth.get("OverrideApiAuth")) {
		if !truthy(auth.get("Authorizer")) && !truthy(auth.get("ApiKeyRequired")) && !truthy(auth.get("ResourcePolicy")) {
			failEvent(e.rel, "Must define one of: Authorizer, ApiKeyRequired or ResourcePolicy when using the OverrideApiAuth property.")
		}
		s := t.newSwagger(body)
		s.guard(path, func() { t.eventAuth(s, e, auth, api) })
		api.Set("DefinitionBody", s.result())
	}
	return made
}

// withoutSlash takes the last slash off a path of more than that.
func withoutSlash(path string) string {
	if len(path) > 1 && strings.HasSuffix(path, "/") {
		return path[:len(path)-1]
	}
	return path
}

// stageValue is the stage's name as the definition mentions it.
func (e *eventOf) stageValue() any {
	if e.link.noStage {
		return e.get("Stage")
	}
	if v := e.link.target.get("StageName"); isStr(v) {
		return v
	}
	return e.link.suffix
}

func (t *transform) addToSwagger(e *eventOf, api *Map) {
	body := api.get("DefinitionBody")
	if body == nil {
		return
	}
	merge := truthy(api.get("MergeDefinitions"))
	given := body
	if merge {
		body = swaggerSkeleton()
	}
	path, method := e.get("Path"), e.get("Method")
	uri := integrationURI(e.target, t.partition, e.get("ResponseTransferMode"))
	s := t.newSwagger(body)
	if s.hasIntegration(text(path), method) {
		failEvent(e.rel, "API method \"%s\" defined multiple times for path \"%s\".", text(method), text(path))
	}
	s.guard(text(path), func() { t.addMethod(s, e, api, uri) })
	if merge {
		api.Set("DefinitionBody", e.mergedDefinition(obj(given), s))
	} else {
		api.Set("DefinitionBody", s.result())
	}
}

// addMethod adds an event's method with all that the event says about it.
func (t *transform) addMethod(s *swagger, e *eventOf, api, uri *Map) {
	path, method := e.get("Path"), e.get("Method")
	var auth, apiAuth any = pyMap(), pyMap()
	if v := e.get("Auth"); truthy(v) {
		auth = v
	}
	a := eventOwner(e.rel).mustMap(auth, "Auth")
	if v := api.get("Auth"); truthy(v) {
		apiAuth = v
	}
	s.addLambda(path, method, uri, a, (owner{id: text(e.link.id)}).mustMap(apiAuth, "Auth"), e.target.condition(), e.get("ResponseTransferMode"))
	if a.Len() > 0 {
		t.eventAuth(s, e, a, api)
	}
	if v := e.get("TimeoutInMillis"); truthy(v) {
		s.addTimeout(text(path), method, v)
	}
	if v := e.get("RequestModel"); truthy(v) {
		e.addRequestModel(s, api, eventOwner(e.rel).mustMap(v, "RequestModel"))
	}
	if l := e.get("RequestParameters"); truthy(l) {
		s.addParameters(text(path), method, e.requestParameters(iterated(l)))
	}
}

// integrationURI is the address of a function for API Gateway.
func integrationURI(fn *resource, partition string, mode any) *Map {
	version, call := "2015-03-31", "/invocations"
	if is(mode, "RESPONSE_STREAM") {
		version, call = "2021-11-15", "/response-streaming-invocations"
	}
	arn := fn.arn()
	var s any = "arn:" + partition + ":apigateway:${AWS::Region}:lambda:path/" + version + "/functions/" + shorthand(arn) + call
	if l, ok := arn.get("Fn::GetAtt").([]any); ok {
		s = like(l[0], text(s))
	}
	return pyMap("Fn::Sub", s)
}

func (e *eventOf) addRequestModel(s *swagger, api, model *Map) {
	name := model.get("Model")
	if !truthy(name) {
		return
	}
	path, method := text(e.get("Path")), e.get("Method")
	because := func(format string, args ...any) {
		failEvent(e.rel, "Unable to set RequestModel [%s] on API method [%s] for path [%s] because %s", pyStr(name), text(method), path, fmt.Sprintf(format, args...))
	}
	models := api.get("Models")
	m, isMap := models.(*Map)
	switch {
	case !truthy(models):
		because("the related API does not define any Models.")
	case !isMap:
		because("the related API Models defined is of invalid type.")
	case !isStr(name):
		because("the related API does not contain valid Models.")
	case !truthy(m.get(text(name))):
		because("it wasn't defined in the API's Models.")
	}
	s.addModel(path, method, model)
	body, params := model.get("ValidateBody"), model.get("ValidateParameters")
	if body == nil && params == nil {
		return
	}
	b, ok := body.(bool)
	p, ok2 := params.(bool)
	if !ok && body != nil || !ok2 && params != nil {
		failEvent(e.rel, "Unable to set Validator to RequestModel [%s] on API method [%s] for path [%s] ValidateBody and ValidateParameters must be a boolean type, strings or intrinsics are not supported.",
			text(name), text(method), path)
	}
	s.addValidator(path, method, b, p)
}

func requestName() *regexp.Regexp {
	return regexp.MustCompile(`^method\.request\.(querystring|path|header)\.`)
}

func (e *eventOf) requestParameters(l []any) []requestParameter {
	const bad = "Invalid value for 'RequestParameters' property. "
	re := requestName()
	check := func(name string) {
		if !re.MatchString(name) {
			failEvent(e.rel, "%s", bad+"Keys must be in the format 'method.request.[querystring|path|header].{value}', e.g 'method.request.header.Authorization'.")
		}
	}
	var out []requestParameter
	for _, x := range l {
		r := requestParameter{required: false, caching: false}
		if m, ok := x.(*Map); ok {
			for en := range m.entries() {
				r.name = en.key
				if en.uni {
					r.name = ustr(en.key)
				}
				check(en.key)
				v, ok := en.val.(*Map)
				for k := range v.All() {
					ok = ok && (k == "Required" || k == "Caching")
				}
				if !ok {
					failEvent(e.rel, "%s", bad+"Values must be an object, e.g { Required: true, Caching: false }")
				}
				if w, ok := v.Get("Required"); ok {
					r.required = w
				}
				if w, ok := v.Get("Caching"); ok {
					r.caching = w
				}
				break
			}
		} else if s, ok := str(x); ok {
			check(s)
			r.name = x
		} else {
			failEvent(e.rel, "%s", bad+"Property must be either a string or an object")
		}
		out = append(out, r)
	}
	return out
}

// mergedDefinition lays the generated method under the one that the definition gives.
func (e *eventOf) mergedDefinition(given *Map, s *swagger) *Map {
	path, method := e.get("Path"), e.get("Method")
	p, m := text(path), text(method)
	out := given.shallow()
	var source any = NewMap()
	if v := out.get("paths"); truthy(v) {
		source = v
	}
	own, wrong, ok := deepGet(source, p, m)
	if !ok {
		failResource(text(e.link.id), "Property 'DefinitionBody' is invalid: %s", wrong)
	}
	if !truthy(own) {
		own = NewMap()
	}
	both := NewMap()
	both.update((owner{id: text(e.link.id)}).mustMap(own, "DefinitionBody.paths."+p+"."+m))
	both.update(obj(obj(obj(s.result().get("paths")).get(p)).get(text(methodName(method)))))
	paths := source.(*Map)
	if !paths.Has(p) {
		paths.setVal(path, NewMap())
	}
	item := obj(paths.get(p))
	item.setVal(method, both)
	return out
}

// eventAuth checks an event's Auth against its API's and adds it to the method.
func (t *transform) eventAuth(s *swagger, e *eventOf, auth, api *Map) {
	path, method := e.get("Path"), e.get("Method")
	where := func() string { return "on API method [" + text(method) + "] for path [" + text(path) + "]" }
	name := auth.get("Authorizer")
	resolved := t.params.resolve(api.get("Auth"))
	var apiAuth *Map
	if truthy(resolved) {
		apiAuth = obj(resolved)
	}
	apiID := text(e.link.id)
	if truthy(name) {
		all := apiAuth.get("Authorizers")
		if truthy(all) {
			(owner{id: apiID}).mustMap(all, "Auth.Authorizers")
		}
		switch {
		case is(name, "AWS_IAM"):
		case is(name, "NONE"):
			if !truthy(apiAuth.get("DefaultAuthorizer")) {
				failEvent(e.rel, "Unable to set Authorizer %s because 'NONE' is only a valid value when a DefaultAuthorizer on the API is specified.", where())
			}
		default:
			if !truthy(all) {
				failEvent(e.rel, "Unable to set Authorizer [%s] %s because the related API does not define any Authorizers.", pyStr(name), where())
			}
			checkAuthorizer(e.rel, where(), name, all, false)
			if !truthy(all.(*Map).get(text(name))) {
				failEvent(e.rel, "Unable to set Authorizer [%s] %s because it wasn't defined in the API's Authorizers.", pyStr(name), where())
			}
		}
	}
	if scopes := auth.get("AuthorizationScopes"); truthy(scopes) {
		eventOwner(e.rel).mustList(scopes, "Auth.AuthorizationScopes")
		if !truthy(name) {
			failEvent(e.rel, "AuthorizationScopes works only when Authorizer is set")
		}
	}
	required := auth.get("ApiKeyRequired")
	if required != nil && !truthy(required) && !truthy(apiAuth.get("ApiKeyRequired")) {
		failEvent(e.rel, "Unable to set ApiKeyRequired [False] %s because the related API does not specify any ApiKeyRequired.", where())
	}
	if truthy(name) || required != nil {
		s.addAuth(path, method, auth, api)
	}
	if p := auth.get("ResourcePolicy"); truthy(p) {
		m := (owner{id: e.rel}).mustMap(p, "Auth.ResourcePolicy")
		s.addResourcePolicy(m, path, e.stageValue())
		if c := m.get("CustomStatements"); truthy(c) {
			s.addCustomStatements(c)
		}
	}
}

func checkAuthorizer(event, where string, name, all any, iam bool) {
	if is(name, "NONE") || is(name, "AWS_IAM") && iam {
		return
	}
	if !isStr(name) || !isMap(all) {
		failEvent(event, "Unable to set Authorizer [%s] %s. The method authorizer must be a string with a corresponding dict entry in the api authorizer.", pyStr(name), where)
	}
}

// httpAPIEvent is apiEvent for HTTP APIs.
func (t *transform) httpAPIEvent(e *eventOf) []*resource {
	method, ok := str(e.get("Method"))
	path, ok2 := str(e.get("Path"))
	if !ok || !ok2 {
		failPy("'%s' object has no attribute 'lower'", pyType(e.get("Method")))
	}
	e.p.Set("Method", like(e.get("Method"), strings.ToLower(method)))
	method = strings.ToLower(method)
	api := e.link.target
	var made []*resource
	if p := t.httpPermission(e, api, method, withoutSlash(path)); p != nil {
		made = append(made, p)
	}
	if api.get("DefinitionBody") != nil {
		t.addToOpenAPI(e, api)
	}
	return made
}

func (t *transform) httpPermission(e *eventOf, api *Map, method, path string) *resource {
	var o *openAPI
	if body := api.get("DefinitionBody"); truthy(body) {
		if f := catch(func() { o = readOpenAPI(body) }).only(documentFailure); f != nil {
			var l []string
			for _, c := range f.causes {
				l = append(l, c.message())
			}
			failResource(text(restAPIID(e.get("ApiId"))), "%s", strings.Join(l, " "))
		}
	}
	if path == defaultPath {
		path = ""
	} else if o != nil && o.callsFunction(defaultPath, anyMethod, e.target.id) {
		return nil
	}
	path = starPath(path, false)
	verb := strings.ToUpper(method)
	if method == "any" || method == anyMethod {
		verb = "*"
	}
	resource := "${__ApiId__}/${__Stage__}/" + verb + path
	if method == "any" && path == "/"+defaultPath {
		resource = "${__ApiId__}/${__Stage__}" + path
	}
	return e.permission("apigateway.amazonaws.com", "").with("SourceArn",
		fnSub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"+resource, "__ApiId__", e.get("ApiId"), "__Stage__", "*"))
}

func (t *transform) addToOpenAPI(e *eventOf, api *Map) {
	path, method := e.get("Path"), e.get("Method")
	uri := integrationURI(e.target, "${AWS::Partition}", nil)
	o := t.newOpenAPI(api.get("DefinitionBody"))
	if truthy(api.get("__MANAGE_SWAGGER")) && o.hasIntegration(text(path), method) {
		failEvent(e.rel, "API method '%s' defined multiple times for path '%s'.", text(method), text(path))
	}
	o.guard(text(path), func() { e.addHTTPMethod(o, api, uri) })
	api.Set("DefinitionBody", o.result())
}

func (e *eventOf) addHTTPMethod(o *openAPI, api, uri *Map) {
	path, method := e.get("Path"), e.get("Method")
	o.addLambda(path, method, uri, e.target.condition())
	if a := e.get("Auth"); truthy(a) {
		e.httpAuth(o, api, obj(a))
	}
	if v := e.get("TimeoutInMillis"); truthy(v) {
		o.addTimeout(text(path), method, v)
	}
	var names []string
	for _, m := range regexp.MustCompile(`\{(.*?)\}`).FindAllStringSubmatch(text(path), -1) {
		names = append(names, m[1])
	}
	if names != nil {
		o.addPathParameters(text(path), method, names)
	}
	if v := e.get("PayloadFormatVersion"); truthy(v) {
		o.addPayloadFormat(text(path), method, v)
	}
}

func (e *eventOf) httpAuth(o *openAPI, api, auth *Map) {
	path, method := text(e.get("Path")), e.get("Method")
	where := "on API method [" + text(method) + "] for path [" + path + "]"
	v, ok := api.Get("Auth")
	if !ok {
		v = NewMap()
	}
	apiAuth := (owner{id: text(e.link.id)}).mustMap(v, "Auth")
	name := auth.get("Authorizer")
	if !truthy(name) {
		if name = apiAuth.get("DefaultAuthorizer"); !truthy(name) {
			failEvent(e.rel, "'Auth' section requires either an explicit 'Authorizer' set or a 'DefaultAuthorizer' configured on the HttpApi.")
		}
		auth.Set("Authorizer", name)
	}
	all := apiAuth.get("Authorizers")
	if apiAuth.Len() == 0 {
		all = apiAuth
	}
	iam := apiAuth.get("EnableIamAuthorizer") == true
	checkAuthorizer(e.rel, where, name, all, iam)
	switch {
	case is(name, "NONE"):
		if !truthy(apiAuth.get("DefaultAuthorizer")) {
			failEvent(e.rel, "Unable to set Authorizer %s because 'NONE' is only a valid value when a DefaultAuthorizer on the API is specified.", where)
		}
	case is(name, "AWS_IAM") && iam:
	default:
		if !truthy(all) {
			failEvent(e.rel, "Unable to set Authorizer [%s] %s because the related API does not define any Authorizers.", pyStr(name), where)
		}
		if !truthy(obj(all).get(text(name))) {
			failEvent(e.rel, "Unable to set Authorizer [%s] %s because it wasn't defined in the API's Authorizers.", pyStr(name), where)
		}
	}
	if s := auth.get("AuthorizationScopes"); truthy(s) && !isList(s) {
		failEvent(e.rel, "Unable to set Authorizer %s because 'AuthorizationScopes' must be a list of strings.", where)
	}
	o.addAuth(path, method, auth, api)
}
