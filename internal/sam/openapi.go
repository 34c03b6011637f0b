package sam

import (
	"encoding/json"
	"regexp"
	"strings"
)

// openAPI edits the definition of an HTTP API.
type openAPI struct {
	editor
	security any
	tags     any
	info     any
}

const defaultPath = "$default"

// newOpenAPI takes a definition to change it; readOpenAPI only to look at it.
func (t *transform) newOpenAPI(doc any) *openAPI {
	o := readOpenAPI(doc)
	t.budget.spend(4 * o.paths.Len()) // for both copies
	recopy(o.doc)
	return o
}

func readOpenAPI(doc any) *openAPI {
	if !truthy(doc) || !validOpenAPI(doc) {
		failDocument("Invalid OpenApi document. Invalid values or missing keys for 'openapi' or 'paths' in 'DefinitionBody'.")
	}
	d := doc.(*Map)
	o := &openAPI{editor: editor{doc: d, paths: d.get("paths").(*Map)}}
	schemes, wrong, ok := deepGet(d, "components", "securitySchemes")
	if !ok {
		failDocument("Invalid OpenApi document: %s", wrong)
	}
	o.security, o.info, o.tags = orPy(schemes), orPy(d.get("info")), d.get("tags")
	if !truthy(o.tags) {
		o.tags = []any{}
	}
	return o
}

func (o *openAPI) result() *Map {
	d := o.doc
	unsettle(d)
	d.Set("paths", o.paths)
	if truthy(o.tags) {
		d.Set("tags", o.tags)
	}
	if truthy(o.security) {
		if !truthy(d.get("components")) {
			d.Set("components", pyMap())
		}
		c := obj(d.get("components"))
		unsettle(c)
		c.Set("securitySchemes", o.security)
	}
	if truthy(o.info) {
		d.Set("info", o.info)
	}
	recopy(d)
	return d
}

func openAPISkeleton() *Map {
	return pyMap("openapi", "3.0.1", "info", pyMap("version", "1.0", "title", ref("AWS::StackName")), "paths", pyMap())
}

// callsFunction reports whether a method's integration is a function of this template.
func (o *openAPI) callsFunction(path string, method any, id string) bool {
	if !o.hasIntegration(path, method) {
		return false
	}
	for _, d := range o.definitions(path, method, false) {
		v, ok := d.Get(integrationKey)
		if !ok {
			v = pyMap()
		}
		in := dictOrFail(v, "Value of '%s' must be a dictionary according to Swagger spec.", integrationKey)
		uri, ok := in.get("uri").(*Map)
		if !ok {
			return false
		}
		for _, x := range contents(uri) {
			m := regexp.MustCompile(`[A-Za-z0-9]+\.Arn`).FindString(text(obj(x).get("Fn::Sub")))
			if m == "" || strings.Split(m, ".Arn")[0] != id {
				return false
			}
		}
	}
	return true
}

func (o *openAPI) addLambda(path, method, uri any, condition any) {
	method = methodName(method)
	p, m := text(path), text(method)
	if o.hasIntegration(p, method) {
		return
	}
	o.addPath(path, method)
	if truthy(condition) {
		uri = fnIf(condition, uri, nil)
	}
	for _, item := range o.items(p) {
		if item.get(m) == nil {
			item.setVal(method, pyMap())
		}
		d := obj(item.get(m))
		unsettle(d)
		d.Set(integrationKey, pyMap("type", "aws_proxy", "httpMethod", "POST", "payloadFormatVersion", "2.0", "uri", uri))
		if p == defaultPath && m == anyMethod {
			d.Set("isDefaultRoute", true)
		}
		if !d.Has("responses") {
			d.Set("responses", pyMap())
		}
		if truthy(condition) {
			item.setVal(method, fnIf(condition, d, nil))
		}
	}
}

func (o *openAPI) addPathParameters(path string, method any, names []string) {
	for _, d := range o.methods(path, method) {
		l := listOf(d, "parameters")
		for _, n := range names {
			var have *Map
			for _, x := range l {
				if m := obj(x); is(m.get("name"), n) {
					have = m
					break
				}
			}
			if have == nil {
				have = pyMap("name", ustr(n))
				l = append(l, have)
			}
			unsettle(have)
			have.Set("in", "path")
			have.Set("required", true)
		}
		d.Set("parameters", l)
	}
}

func (o *openAPI) addPayloadFormat(path string, method, version any) {
	for _, d := range o.methods(path, method) {
		integration(d).Set("payloadFormatVersion", version)
	}
}

func (o *openAPI) setDefaultAuthorizer(path string, name any, scopes any) {
	for _, item := range o.items(path) {
		for k, v := range item.All() {
			n := text(methodName(k))
			if n == "parameters" || n == "options" {
				continue
			}
			if !item.Has(n) {
				failDocument("Could not find %s in %s within DefinitionBody.", n, path)
			}
			unsettle(v)
			for _, x := range contents(v) {
				d := definition(x, path, k)
				if !truthy(d.get(integrationKey)) || truthy(d.get("security")) {
					continue
				}
				r := NewMap()
				r.setVal(name, scopes)
				d.Set("security", []any{r})
			}
		}
	}
}

func (o *openAPI) addAuth(path string, method any, auth, api *Map) {
	name := auth.get("Authorizer")
	if !truthy(name) {
		return
	}
	apiAuth, _ := api.get("Auth").(*Map)
	for _, d := range o.methods(path, method) {
		r := NewMap()
		r.setVal(name, []any{})
		if !oneOf(name, "NONE", "AWS_IAM") {
			all := obj(apiAuth.get("Authorizers"))
			given, ok := all.Get(text(name))
			if !ok {
				given = pyMap()
			}
			a, isMap := given.(*Map)
			if !isMap {
				failDocument("Type of authorizer '%s' must be a dictionary", pyStr(name))
			}
			use := a.get("AuthorizationScopes")
			if s := auth.get("AuthorizationScopes"); truthy(s) {
				use = s
			}
			if a.Len() > 0 && truthy(use) {
				r.setVal(name, use)
			}
		}
		d.Set("security", joined(securityOf(d, path, text(method)), []any{r}))
	}
}

func (o *openAPI) addTags(tags *Map) {
	for e := range tags.entries() {
		l, ok := o.tags.([]any)
		if !ok {
			failDocument("Tags in OpenApi DefinitionBody needs to be a list. %s is a %s not a list.", pyStr(o.tags), pyType(o.tags))
		}
		var have *Map
		for _, x := range l {
			if m := obj(x); is(m.get("name"), e.key) {
				have = m
				break
			}
		}
		if have == nil {
			var k any = e.key
			if e.uni {
				k = ustr(e.key)
			}
			have = pyMap("name", k)
			o.tags = append(joined(l, nil), have)
		}
		unsettle(have)
		have.Set("x-amazon-apigateway-tag-value", e.val)
	}
}

func (o *openAPI) disableEndpoint(v any) {
	servers, ok := o.doc.Get("servers")
	if !ok {
		servers = []any{pyMap()}
	}
	for _, x := range iterated(servers) {
		c := dictOrFail(x, "Value of 'servers' item must be a dictionary according to Swagger spec.")
		unsettle(c)
		ec := NewMap()
		if have, ok := c.Get("x-amazon-apigateway-endpoint-configuration"); ok {
			ec = obj(have)
		}
		ec.Set("disableExecuteApiEndpoint", v)
		c.Set("x-amazon-apigateway-endpoint-configuration", ec)
	}
	o.doc.Set("servers", servers)
}

// httpCORS is the CorsConfiguration of an HTTP API.
type httpCORS struct {
	origins, headers, methods, expose, maxAge, credentials any
}

func (o *openAPI) addCORS(c httpCORS) {
	const key = "x-amazon-apigateway-cors"
	v, ok := o.doc.Get(key)
	if !ok {
		v = NewMap()
	}
	cfg := dictOrFail(v, "Value of '%s' must be a dictionary according to Swagger spec.", key)
	unsettle(cfg)
	if truthy(c.origins) && isIntrinsic(c.origins) {
		s := pyJSON(c.origins)
		for _, h := range [...]string{"allowOrigins", "allowHeaders", "allowMethods", "exposeHeaders", "maxAge", "allowCredentials"} {
			s = strings.ReplaceAll(s, strings.ToUpper(h[:1])+h[1:], h)
		}
		var m Map
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			panic("sam: " + err.Error())
		}
		cfg.update(&m)
	} else {
		set := func(k string, v any) {
			if truthy(v) {
				cfg.Set(k, v)
			}
		}
		set("allowOrigins", c.origins)
		set("allowHeaders", c.headers)
		set("allowMethods", c.methods)
		set("exposeHeaders", c.expose)
		if c.maxAge != nil {
			cfg.Set("maxAge", c.maxAge)
		}
		if c.credentials == true {
			cfg.Set("allowCredentials", true)
		}
	}
	o.doc.Set(key, cfg)
}

func (o *openAPI) addDescription(v any) {
	if i := obj(o.info); !truthy(i.get("description")) {
		unsettle(i)
		i.Set("description", v)
	}
}

func (o *openAPI) addTitle(v any) {
	if i := obj(o.info); equal(i.get("title"), ref("AWS::StackName")) {
		unsettle(i)
		i.Set("title", v)
	}
}
