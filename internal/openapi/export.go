package openapi

import (
	"encoding/json"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Options say what an export holds.
type Options struct {
	OpenAPI3     bool
	YAML         bool
	Integrations bool // x-amazon-apigateway-integration and what goes with it
	Authorizers  bool
	Server       string // "https://id.execute-api.region.amazonaws.com/stage", "" for none
}

// Export writes a document that Import reads back to the same model.
func Export(a *API, o Options) ([]byte, error) {
	e := exporter{a: a, o: o}
	root := e.root()
	if o.YAML {
		return yaml.Marshal(root.toYAML())
	}
	b := root.appendJSON(nil)
	var raw json.RawMessage = b
	return json.MarshalIndent(raw, "", "  ")
}

type exporter struct {
	a *API
	o Options
}

func str(s string) *node {
	if s == "" {
		return nil
	}
	return &node{kind: text, text: s}
}

func num(i *int) *node {
	if i == nil {
		return nil
	}
	return &node{kind: number, text: strconv.Itoa(*i)}
}

func truth(b *bool) *node {
	if b == nil {
		return nil
	}
	return &node{kind: boolean, text: strconv.FormatBool(*b)}
}

func strList(l []string) *node {
	if l == nil {
		return nil
	}
	n := &node{kind: list}
	for _, s := range l {
		n.vals = append(n.vals, &node{kind: text, text: s})
	}
	return n
}

func strMap(m map[string]string) *node {
	if m == nil {
		return nil
	}
	n := &node{kind: object}
	for _, k := range sorted(m) {
		n.set(k, &node{kind: text, text: m[k]})
	}
	return n
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// some gives nil for an object without members.
func some(n *node) *node {
	if len(n.keys) == 0 {
		return nil
	}
	return n
}

func (e *exporter) root() *node {
	a, r := e.a, &node{kind: object}
	if e.o.OpenAPI3 {
		r.set("openapi", str("3.0.1"))
	} else {
		r.set("swagger", str("2.0"))
	}
	info := &node{kind: object}
	info.set("title", &node{kind: text, text: a.Title})
	info.set("description", str(a.Description))
	info.set("version", &node{kind: text, text: a.Version})
	r.set("info", info)
	e.server(r)
	var tags node
	tags.kind = list
	for _, k := range sorted(a.Tags) {
		t := &node{kind: object}
		t.set("name", str(k))
		t.set(prefix+"tag-value", &node{kind: text, text: a.Tags[k]})
		tags.vals = append(tags.vals, t)
	}
	if len(tags.vals) > 0 {
		r.set("tags", &tags)
	}
	r.set("paths", e.paths())
	models := &node{kind: object}
	for _, m := range a.Models {
		n, err := parse([]byte(m.Schema), Limits{})
		if err != nil {
			n = &node{kind: object}
		}
		models.set(m.Name, e.refs(n))
	}
	schemes := e.schemes()
	if e.o.OpenAPI3 {
		c := &node{kind: object}
		c.set("schemas", some(models))
		c.set("securitySchemes", some(schemes))
		r.set("components", some(c))
	} else {
		r.set("securityDefinitions", some(schemes))
		r.set("definitions", some(models))
	}
	if e.o.Integrations {
		e.extensions(r)
	}
	return r
}

func (e *exporter) server(r *node) {
	if e.o.OpenAPI3 {
		url := e.o.Server
		if url == "" {
			url = e.a.BasePath
		}
		if url != "" {
			s := &node{kind: object}
			s.set("url", str(url))
			r.set("servers", &node{kind: list, vals: []*node{s}})
		}
		return
	}
	scheme, rest, ok := strings.Cut(e.o.Server, "://")
	if !ok {
		r.set("basePath", str(e.a.BasePath))
		return
	}
	host, path, _ := strings.Cut(rest, "/")
	r.set("host", str(host))
	r.set("basePath", str("/"+path))
	r.set("schemes", strList([]string{scheme}))
}

// refs writes references in the version's form.
func (e *exporter) refs(n *node) *node {
	for i, v := range n.vals {
		if n.kind == object && n.keys[i] == "$ref" && v.kind == text && e.o.OpenAPI3 {
			v.text = strings.Replace(v.text, "#/definitions/", "#/components/schemas/", 1)
		}
		e.refs(v)
	}
	return n
}

func (e *exporter) ref(model string) *node {
	n := &node{kind: object}
	if e.o.OpenAPI3 {
		n.set("$ref", str("#/components/schemas/"+model))
	} else {
		n.set("$ref", str("#/definitions/"+model))
	}
	return n
}

func (e *exporter) extensions(r *node) {
	a := e.a
	if c := a.CORS; c != nil {
		n := &node{kind: object}
		n.set("allowOrigins", strList(c.AllowOrigins))
		n.set("allowMethods", strList(c.AllowMethods))
		n.set("allowHeaders", strList(c.AllowHeaders))
		n.set("exposeHeaders", strList(c.ExposeHeaders))
		n.set("maxAge", num(c.MaxAge))
		n.set("allowCredentials", truth(c.AllowCredentials))
		r.set(prefix+"cors", n)
	}
	r.set(prefix+"binary-media-types", strList(a.BinaryMediaTypes))
	r.set(prefix+"minimum-compression-size", num(a.MinimumCompressionSize))
	r.set(prefix+"api-key-source", str(a.APIKeySource))
	ep := &node{kind: object}
	ep.set("types", strList(a.EndpointTypes))
	ep.set("vpcEndpointIds", strList(a.VPCEndpoints))
	ep.set("disableExecuteApiEndpoint", truth(a.DisableExecuteEndpoint))
	r.set(prefix+"endpoint-configuration", some(ep))
	if a.Policy != "" {
		if p, err := parse([]byte(a.Policy), Limits{}); err == nil {
			r.set(prefix+"policy", p)
		}
	}
	vs := &node{kind: object}
	for _, v := range a.Validators {
		n := &node{kind: object}
		n.set("validateRequestParameters", truth(&v.Parameters))
		n.set("validateRequestBody", truth(&v.Body))
		vs.set(v.Name, n)
	}
	r.set(prefix+"request-validators", some(vs))
	gs := &node{kind: object}
	for _, g := range a.GatewayResponses {
		n := &node{kind: object}
		n.set("statusCode", str(g.StatusCode))
		n.set("responseParameters", strMap(g.Parameters))
		n.set("responseTemplates", strMap(g.Templates))
		gs.set(g.Type, n)
	}
	r.set(prefix+"gateway-responses", some(gs))
}

func (e *exporter) schemes() *node {
	out := &node{kind: object}
	key, iam := false, false
	for _, m := range e.a.Methods {
		key, iam = key || m.APIKey, iam || m.Auth == "IAM"
	}
	scheme := func(name string) *node {
		n := &node{kind: object}
		n.set("type", str("apiKey"))
		n.set("name", str(name))
		n.set("in", str("header"))
		return n
	}
	if key {
		out.set("api_key", scheme("x-api-key"))
	}
	if iam {
		n := scheme("Authorization")
		n.set(prefix+"authtype", str("awsSigv4"))
		out.set("sigv4", n)
	}
	for _, z := range e.a.Authorizers {
		name := z.Header
		if name == "" {
			name = "Unused"
		}
		n := scheme(name)
		n.set(prefix+"authtype", str(z.AuthType))
		if e.o.Authorizers || e.o.Integrations {
			x := &node{kind: object}
			x.set("type", str(z.Type))
			x.set("authorizerUri", str(z.URI))
			x.set("authorizerCredentials", str(z.Credentials))
			x.set("identitySource", str(z.IdentitySource))
			x.set("identityValidationExpression", str(z.Validation))
			x.set("authorizerResultTtlInSeconds", num(z.TTL))
			x.set("authorizerPayloadFormatVersion", str(z.PayloadFormat))
			x.set("enableSimpleResponses", truth(z.Simple))
			x.set("providerARNs", strList(z.ProviderARNs))
			if z.Issuer != "" {
				j := &node{kind: object}
				j.set("issuer", str(z.Issuer))
				j.set("audience", strList(z.Audience))
				x.set("jwtConfiguration", j)
			}
			n.set(prefix+"authorizer", x)
		}
		out.set(z.Name, n)
	}
	return out
}

func (e *exporter) paths() *node {
	out := &node{kind: object}
	for i := range e.a.Methods {
		m := &e.a.Methods[i]
		item := out.get(m.Path)
		if item == nil {
			item = &node{kind: object}
			out.set(m.Path, item)
		}
		verb := strings.ToLower(m.HTTPMethod)
		if m.HTTPMethod == "ANY" {
			verb = prefix + "any-method"
		}
		item.set(verb, e.method(m))
	}
	return out
}

func (e *exporter) method(m *Method) *node {
	op := &node{kind: object}
	op.set("operationId", str(m.OperationName))
	params := &node{kind: list}
	for _, p := range m.Parameters {
		n := &node{kind: object}
		n.set("name", str(p.Name))
		in := p.In
		if in == "querystring" {
			in = "query"
		}
		n.set("in", str(in))
		n.set("required", truth(&p.Required))
		if e.o.OpenAPI3 {
			s := &node{kind: object}
			s.set("type", str("string"))
			n.set("schema", s)
		} else {
			n.set("type", str("string"))
		}
		params.vals = append(params.vals, n)
	}
	if len(m.RequestModels) > 0 {
		if e.o.OpenAPI3 {
			b := &node{kind: object}
			b.set("content", e.content(m.RequestModels))
			op.set("requestBody", b)
		} else {
			op.set("consumes", strList(sorted(m.RequestModels)))
			n := &node{kind: object}
			name := m.RequestModels[sorted(m.RequestModels)[0]]
			n.set("in", str("body"))
			n.set("name", str(name))
			n.set("required", truth(ptr(true)))
			n.set("schema", e.ref(name))
			params.vals = append(params.vals, n)
		}
	}
	if len(params.vals) > 0 {
		op.set("parameters", params)
	}
	rs := &node{kind: object}
	for _, r := range m.Responses {
		n := &node{kind: object}
		n.set("description", &node{kind: text, text: r.StatusCode + " response"})
		hs := &node{kind: object}
		for _, h := range r.Headers {
			t := &node{kind: object}
			t.set("type", str("string"))
			if e.o.OpenAPI3 {
				s := &node{kind: object}
				s.set("schema", t)
				t = s
			}
			hs.set(h, t)
		}
		n.set("headers", some(hs))
		if len(r.Models) > 0 {
			if e.o.OpenAPI3 {
				n.set("content", e.content(r.Models))
			} else {
				op.set("produces", strList(sorted(r.Models)))
				n.set("schema", e.ref(r.Models[sorted(r.Models)[0]]))
			}
		}
		rs.set(r.StatusCode, n)
	}
	op.set("responses", rs)
	e.security(op, m)
	if e.o.Integrations {
		op.set(prefix+"request-validator", str(m.Validator))
		if m.Integration != nil {
			op.set(prefix+"integration", integrationNode(m.Integration))
		}
	}
	return op
}

func ptr[T any](v T) *T { return &v }

func (e *exporter) content(models map[string]string) *node {
	c := &node{kind: object}
	for _, ct := range sorted(models) {
		n := &node{kind: object}
		n.set("schema", e.ref(models[ct]))
		c.set(ct, n)
	}
	return c
}

func (e *exporter) security(op *node, m *Method) {
	sec := &node{kind: list}
	add := func(name string, scopes []string) {
		n := &node{kind: object}
		l := strList(scopes)
		if l == nil {
			l = &node{kind: list}
		}
		n.set(name, l)
		sec.vals = append(sec.vals, n)
	}
	switch m.Auth {
	case "AUTHORIZER":
		add(m.Authorizer, m.Scopes)
	case "IAM":
		add("sigv4", nil)
	case "NONE":
		n := &node{kind: object}
		n.set("type", str("NONE"))
		op.set(prefix+"auth", n)
	}
	if m.APIKey {
		add("api_key", nil)
	}
	if len(sec.vals) > 0 {
		op.set("security", sec)
	}
}

func integrationNode(x *Integration) *node {
	n := &node{kind: object}
	n.set("type", str(strings.ToLower(x.Type)))
	n.set("httpMethod", str(x.HTTPMethod))
	n.set("uri", str(x.URI))
	n.set("integrationSubtype", str(x.Subtype))
	n.set("credentials", str(x.Credentials))
	n.set("connectionType", str(x.ConnectionType))
	n.set("connectionId", str(x.ConnectionID))
	rs := &node{kind: object}
	for _, r := range x.Responses {
		v := &node{kind: object}
		v.set("statusCode", str(r.StatusCode))
		v.set("contentHandling", str(r.ContentHandling))
		v.set("responseParameters", strMap(r.Parameters))
		v.set("responseTemplates", strMap(r.Templates))
		rs.set(r.Pattern, v)
	}
	n.set("responses", some(rs))
	n.set("requestParameters", strMap(x.RequestParameters))
	n.set("requestTemplates", strMap(x.RequestTemplates))
	n.set("passthroughBehavior", str(strings.ToLower(x.Passthrough)))
	n.set("contentHandling", str(x.ContentHandling))
	n.set("cacheNamespace", str(x.CacheNamespace))
	n.set("cacheKeyParameters", strList(x.CacheKeys))
	n.set("payloadFormatVersion", str(x.PayloadFormat))
	n.set("timeoutInMillis", num(x.Timeout))
	if x.TLSInsecure != nil {
		t := &node{kind: object}
		t.set("insecureSkipVerification", truth(x.TLSInsecure))
		n.set("tlsConfig", t)
	}
	return n
}
