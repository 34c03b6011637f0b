package openapi

import (
	"fmt"
	"net/url"
	"sort"
	"strings"
)

// Import reads a document.
func Import(doc []byte, limits Limits) (*API, error) {
	root, err := parse(doc, limits)
	if err != nil {
		return nil, err
	}
	if root.kind != object {
		return nil, errShape
	}
	in := &importer{root: root, api: &API{}}
	switch v := root.get("swagger").str(); {
	case v == "2.0" || v == "2":
	case strings.HasPrefix(root.get("openapi").str(), "3.0"):
		in.three = true
	case root.get("openapi") != nil:
		return nil, fmt.Errorf("Unsupported OpenAPI version: %s", root.get("openapi").str())
	default:
		return nil, errShape
	}
	if err := in.read(); err != nil {
		return nil, err
	}
	return in.api, nil
}

type importer struct {
	root     *node
	api      *API
	three    bool
	security *node            // the document's own
	schemes  map[string]*node // security definitions
	inline   int
}

const prefix = "x-amazon-apigateway-"

func (in *importer) warn(format string, a ...any) {
	if len(in.api.Warnings) < 100 {
		in.api.Warnings = append(in.api.Warnings, fmt.Sprintf(format, a...))
	}
}

// part gives a collection that both versions have under other names.
func (in *importer) part(two, three string) *node {
	if in.three {
		return in.root.get("components").get(three)
	}
	return in.root.get(two)
}

// deref follows references within the document.
func (in *importer) deref(n *node) (*node, error) {
	for range refsMax {
		ref := n.get("$ref")
		if ref == nil || ref.kind != text {
			return n, nil
		}
		p, ok := strings.CutPrefix(ref.text, "#/")
		if !ok {
			return nil, fmt.Errorf("Invalid reference: %s. Only references within the document are supported.", ref.text)
		}
		to := in.root
		for _, seg := range strings.Split(p, "/") {
			seg = strings.ReplaceAll(strings.ReplaceAll(seg, "~1", "/"), "~0", "~")
			if to = to.get(seg); to == nil {
				return nil, fmt.Errorf("Unable to find reference %s", ref.text)
			}
		}
		n = to
	}
	return nil, fmt.Errorf("Reference depth exceeded: %d", refsMax)
}

func (in *importer) read() error {
	a, r := in.api, in.root
	info := r.get("info")
	a.Title, a.Description, a.Version = info.get("title").str(), info.get("description").str(), info.get("version").str()
	a.BinaryMediaTypes = r.get(prefix + "binary-media-types").strs()
	a.MinimumCompressionSize = r.get(prefix + "minimum-compression-size").int()
	a.APIKeySource = strings.ToUpper(r.get(prefix + "api-key-source").str())
	if e := r.get(prefix + "endpoint-configuration"); e != nil {
		a.EndpointTypes, a.VPCEndpoints, a.DisableExecuteEndpoint = e.get("types").strs(), e.get("vpcEndpointIds").strs(), e.get("disableExecuteApiEndpoint").boolean()
	}
	if p := r.get(prefix + "policy"); p != nil {
		a.Policy = string(p.appendJSON(nil))
		if p.kind == text {
			a.Policy = p.text
		}
	}
	in.basePath()
	for _, t := range items(r.get("tags")) {
		if v := t.get(prefix + "tag-value"); v != nil {
			if a.Tags == nil {
				a.Tags = map[string]string{}
			}
			a.Tags[t.get("name").str()] = v.str()
		}
	}
	if c := r.get(prefix + "cors"); c != nil {
		a.CORS = &CORS{AllowOrigins: c.get("allowOrigins").strs(), AllowMethods: c.get("allowMethods").strs(), AllowHeaders: c.get("allowHeaders").strs(), ExposeHeaders: c.get("exposeHeaders").strs(),
			MaxAge: c.get("maxAge").int(), AllowCredentials: c.get("allowCredentials").boolean()}
	}
	for k, v := range members(r.get(prefix + "request-validators")) {
		a.Validators = append(a.Validators, Validator{Name: k, Body: isTrue(v.get("validateRequestBody")), Parameters: isTrue(v.get("validateRequestParameters"))})
	}
	for k, v := range members(r.get(prefix + "gateway-responses")) {
		a.GatewayResponses = append(a.GatewayResponses, GatewayResponse{Type: k, StatusCode: v.get("statusCode").str(), Parameters: v.get("responseParameters").texts(), Templates: v.get("responseTemplates").texts()})
	}
	for k, v := range members(in.part("definitions", "schemas")) {
		a.Models = append(a.Models, Model{Name: k, Description: v.get("description").str(), Schema: string(in.schema(v).appendJSON(nil))})
	}
	if err := in.securities(); err != nil {
		return err
	}
	return in.paths()
}

func items(n *node) []*node {
	if n == nil || n.kind != list {
		return nil
	}
	return n.vals
}

// members walks an object in the document's order.
func members(n *node) func(func(string, *node) bool) {
	return func(yield func(string, *node) bool) {
		if n == nil || n.kind != object {
			return
		}
		for i, k := range n.keys {
			if !yield(k, n.vals[i]) {
				return
			}
		}
	}
}

func isTrue(n *node) bool { b := n.boolean(); return b != nil && *b }

func (in *importer) basePath() {
	if !in.three {
		in.api.BasePath = in.root.get("basePath").str()
		return
	}
	servers := items(in.root.get("servers"))
	if len(servers) == 0 {
		return
	}
	raw := servers[0].get("url").str()
	for k, v := range members(servers[0].get("variables")) {
		raw = strings.ReplaceAll(raw, "{"+k+"}", strings.TrimPrefix(v.get("default").str(), "/"))
	}
	if u, err := url.Parse(raw); err == nil && u.Path != "/" {
		in.api.BasePath = u.Path
	}
}

// schema copies a schema with its references in OpenAPI 2.0's form.
func (in *importer) schema(n *node) *node {
	if n == nil {
		return &node{kind: object}
	}
	c := &node{kind: n.kind, text: n.text, keys: n.keys, vals: make([]*node, len(n.vals))}
	for i, v := range n.vals {
		if n.kind == object && n.keys[i] == "$ref" && v.kind == text {
			c.vals[i] = &node{kind: text, text: strings.Replace(v.text, "#/components/schemas/", "#/definitions/", 1)}
			continue
		}
		c.vals[i] = in.schema(v)
	}
	return c
}

// modelOf gives the name of a schema: of the one it refers to, or of a new model that holds it.
func (in *importer) modelOf(s *node) string {
	if s == nil {
		return ""
	}
	if ref := s.get("$ref").str(); ref != "" {
		return ref[strings.LastIndexByte(ref, '/')+1:]
	}
	in.inline++
	name := fmt.Sprintf("InlineModel%d", in.inline)
	in.api.Models = append(in.api.Models, Model{Name: name, Schema: string(in.schema(s).appendJSON(nil))})
	return name
}

func (in *importer) securities() error {
	in.security = in.root.get("security")
	in.schemes = map[string]*node{}
	for name, v := range members(in.part("securityDefinitions", "securitySchemes")) {
		v, err := in.deref(v)
		if err != nil {
			return err
		}
		in.schemes[name] = v
		z := v.get(prefix + "authorizer")
		if z == nil {
			continue
		}
		if z, err = in.deref(z); err != nil {
			return err
		}
		x := Authorizer{Name: name, Type: strings.ToLower(z.get("type").str()), AuthType: v.get(prefix + "authtype").str(), URI: z.get("authorizerUri").str(), Credentials: z.get("authorizerCredentials").str(),
			IdentitySource: strings.Join(sources(z.get("identitySource")), ", "), Validation: z.get("identityValidationExpression").str(), TTL: z.get("authorizerResultTtlInSeconds").int(),
			PayloadFormat: z.get("authorizerPayloadFormatVersion").str(), Simple: z.get("enableSimpleResponses").boolean(), ProviderARNs: z.get("providerARNs").strs(),
			Issuer: z.get("jwtConfiguration").get("issuer").str(), Audience: z.get("jwtConfiguration").get("audience").strs(), Header: v.get("name").str()}
		if x.IdentitySource == "" && (x.Type == "token" || x.Type == "cognito_user_pools") && x.Header != "" && v.get("in").str() == "header" {
			x.IdentitySource = "method.request.header." + x.Header
		}
		in.api.Authorizers = append(in.api.Authorizers, x)
	}
	return nil
}

func sources(n *node) []string {
	if n == nil {
		return nil
	}
	if n.kind == list {
		return n.strs()
	}
	var out []string
	for _, s := range strings.Split(n.str(), ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

var verbs = map[string]string{"get": "GET", "put": "PUT", "post": "POST", "delete": "DELETE", "options": "OPTIONS", "head": "HEAD", "patch": "PATCH", prefix + "any-method": "ANY"}

func (in *importer) paths() error {
	for path, item := range members(in.root.get("paths")) {
		if !strings.HasPrefix(path, "/") {
			continue // x-… members
		}
		item, err := in.deref(item)
		if err != nil {
			return err
		}
		for verb, op := range members(item) {
			m := verbs[strings.ToLower(verb)]
			if m == "" {
				continue
			}
			if err := in.method(path, m, item, op); err != nil {
				return err
			}
		}
	}
	sort.SliceStable(in.api.Methods, func(i, j int) bool {
		a, b := &in.api.Methods[i], &in.api.Methods[j]
		if a.Path != b.Path {
			return a.Path < b.Path
		}
		return a.HTTPMethod < b.HTTPMethod
	})
	return nil
}

func (in *importer) method(path, verb string, item, op *node) error {
	m := Method{Path: path, HTTPMethod: verb, OperationName: op.get("operationId").str()}
	at := map[string]int{}
	for _, src := range [][]*node{items(item.get("parameters")), items(op.get("parameters"))} {
		for _, p := range src {
			p, err := in.deref(p)
			if err != nil {
				return err
			}
			where := p.get("in").str()
			switch where {
			case "body":
				if name := in.modelOf(p.get("schema")); name != "" {
					types := op.get("consumes").strs()
					if types == nil {
						types = in.root.get("consumes").strs()
					}
					if types == nil {
						types = []string{"application/json"}
					}
					m.RequestModels = map[string]string{}
					for _, t := range types {
						m.RequestModels[t] = name
					}
				}
				continue
			case "query":
				where = "querystring"
			case "path", "header":
			default:
				in.warn("Parameters of type '%s' are not supported: %s %s", where, verb, path)
				continue
			}
			x := Parameter{In: where, Name: p.get("name").str(), Required: isTrue(p.get("required"))}
			if i, ok := at[where+x.Name]; ok {
				m.Parameters[i] = x
				continue
			}
			at[where+x.Name] = len(m.Parameters)
			m.Parameters = append(m.Parameters, x)
		}
	}
	if b := op.get("requestBody"); b != nil {
		b, err := in.deref(b)
		if err != nil {
			return err
		}
		for ct, v := range members(b.get("content")) {
			if name := in.modelOf(v.get("schema")); name != "" {
				if m.RequestModels == nil {
					m.RequestModels = map[string]string{}
				}
				m.RequestModels[ct] = name
			}
		}
	}
	if err := in.responses(&m, op); err != nil {
		return err
	}
	if m.Validator = op.get(prefix + "request-validator").str(); m.Validator == "" {
		m.Validator = in.root.get(prefix + "request-validator").str()
	}
	in.auth(&m, op)
	if ig := op.get(prefix + "integration"); ig != nil {
		ig, err := in.deref(ig)
		if err != nil {
			return err
		}
		m.Integration = integration(ig)
	}
	in.api.Methods = append(in.api.Methods, m)
	return nil
}

func (in *importer) responses(m *Method, op *node) error {
	for code, v := range members(op.get("responses")) {
		v, err := in.deref(v)
		if err != nil {
			return err
		}
		if strings.HasPrefix(code, "x-") {
			continue
		}
		r := Response{StatusCode: code}
		for h := range members(v.get("headers")) {
			r.Headers = append(r.Headers, h)
		}
		if s := v.get("schema"); s != nil {
			types := op.get("produces").strs()
			if types == nil {
				types = in.root.get("produces").strs()
			}
			if types == nil {
				types = []string{"application/json"}
			}
			r.Models = map[string]string{}
			name := in.modelOf(s)
			for _, t := range types {
				r.Models[t] = name
			}
		}
		for ct, c := range members(v.get("content")) {
			if name := in.modelOf(c.get("schema")); name != "" {
				if r.Models == nil {
					r.Models = map[string]string{}
				}
				r.Models[ct] = name
			}
		}
		m.Responses = append(m.Responses, r)
	}
	return nil
}

// auth reads a method's security: its own list or the document's; an empty list is none.
func (in *importer) auth(m *Method, op *node) {
	sec := op.get("security")
	if sec == nil {
		sec = in.security
	}
	for _, s := range items(sec) {
		for name, scopes := range members(s) {
			d := in.schemes[name]
			switch {
			case d.get(prefix+"authorizer") != nil:
				m.Auth, m.Authorizer, m.Scopes = "AUTHORIZER", name, scopes.strs()
			case strings.EqualFold(d.get(prefix+"authtype").str(), "awsSigv4"):
				m.Auth = "IAM"
			case d.get("type").str() == "apiKey" && d.get("in").str() == "header" && strings.EqualFold(d.get("name").str(), "x-api-key"):
				m.APIKey = true
			case d == nil:
				in.warn("Security definition '%s' is not defined: %s %s", name, m.HTTPMethod, m.Path)
			default:
				in.warn("Security definition '%s' is not supported: %s %s", name, m.HTTPMethod, m.Path)
			}
		}
	}
	switch strings.ToUpper(op.get(prefix + "auth").get("type").str()) {
	case "AWS_IAM":
		m.Auth, m.Authorizer = "IAM", ""
	case "NONE":
		m.Auth, m.Authorizer = "NONE", ""
	}
}

func integration(n *node) *Integration {
	x := &Integration{Type: strings.ToUpper(n.get("type").str()), HTTPMethod: strings.ToUpper(n.get("httpMethod").str()), URI: n.get("uri").str(), Credentials: n.get("credentials").str(),
		ConnectionType: n.get("connectionType").str(), ConnectionID: n.get("connectionId").str(), Passthrough: strings.ToUpper(n.get("passthroughBehavior").str()), ContentHandling: n.get("contentHandling").str(),
		CacheNamespace: n.get("cacheNamespace").str(), CacheKeys: n.get("cacheKeyParameters").strs(), PayloadFormat: n.get("payloadFormatVersion").str(), Timeout: n.get("timeoutInMillis").int(),
		RequestParameters: n.get("requestParameters").texts(), RequestTemplates: n.get("requestTemplates").texts(), Subtype: n.get("integrationSubtype").str(), TLSInsecure: n.get("tlsConfig").get("insecureSkipVerification").boolean()}
	for p, v := range members(n.get("responses")) {
		x.Responses = append(x.Responses, IntegrationResponse{Pattern: p, StatusCode: v.get("statusCode").str(), ContentHandling: v.get("contentHandling").str(),
			Parameters: v.get("responseParameters").texts(), Templates: v.get("responseTemplates").texts()})
	}
	return x
}
