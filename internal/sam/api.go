package sam

import (
	"regexp"
	"strings"
)

// restAPI is a REST API on its way into resources.
type restAPI struct {
	*macro
	t      *transform
	body   any // the definition
	domain *Map
	auth   *Map
}

// api makes a REST API with its deployment, stage, domain, authorizers and usage plan.
func (t *transform) api(x *macro) []*resource {
	for _, k := range [...]string{"BinaryMediaTypes", "Domain", "Auth"} {
		if v := t.params.resolve(x.get(k)); v != nil {
			x.p.Set(k, v)
		}
	}
	a := &restAPI{macro: x, t: t, body: x.get("DefinitionBody")}
	a.auth, _ = x.get("Auth").(*Map)
	rest := a.restAPI()
	private := false
	if d, ok := x.get("Domain").(*Map); ok {
		private = is(d.get("EndpointConfiguration"), "PRIVATE")
	}
	d := a.domainResources(rest, private)
	deployment := newResource(x.id+"Deployment", "AWS::ApiGateway::Deployment", x.passThrough()).with("RestApiId", rest.ref())
	if !truthy(x.get("OpenApiVersion")) {
		deployment.set("StageName", "Stage")
	}
	var definition any = rest.props.get("Body")
	if definition == nil {
		definition = rest.props.get("BodyS3Location")
	}
	stage := a.stage(deployment, definition)
	made := []*resource{rest, deployment, stage}
	made = append(made, a.authorizerPermissions()...)
	if d.domain != nil {
		made = append(made, d.domain)
	}
	made = append(made, d.mappings...)
	if d.records != nil {
		made = append(made, d.records)
	}
	made = append(made, a.usagePlan(stage)...)
	if d.access != nil {
		made = append(made, d.access)
	}
	propagateTags(made, x.get("Tags"), x.get("PropagateTags"))
	return made
}

func (a *restAPI) restAPI() *resource {
	uri, version := a.get("DefinitionUri"), a.get("OpenApiVersion")
	if truthy(uri) && truthy(a.body) {
		a.fail("Specify either 'DefinitionUri' or 'DefinitionBody' property and not both.")
	}
	if truthy(uri) && truthy(a.get("MergeDefinitions")) {
		a.fail("Cannot set 'MergeDefinitions' to True when using `DefinitionUri`.")
	}
	if truthy(version) && !apiVersion(pyStr(version), "23") {
		a.fail("The OpenApiVersion value must be of the format '3.0.0'.")
	}
	r := newResource(a.idValue(), "AWS::ApiGateway::RestApi", a.attrs)
	r.dependsOn = a.dependsOn
	r.set("BinaryMediaTypes", a.get("BinaryMediaTypes"))
	r.set("MinimumCompressionSize", a.get("MinimumCompressionSize"))
	if e := a.get("EndpointConfiguration"); truthy(e) {
		setEndpoint(r, e)
	} else if p := a.t.partition; strings.HasPrefix(p, "aws-iso") || p == "aws-us-gov" || p == "aws-cn" || p == "aws-eusc" {
		setEndpoint(r, "REGIONAL")
	}
	a.addCORS()
	a.addAuth()
	a.addGatewayResponses()
	if types := a.get("BinaryMediaTypes"); truthy(types) && truthy(a.body) {
		s := a.t.newSwagger(a.body)
		s.addBinaryMediaTypes(types)
		a.body = s.result()
	}
	a.addModels()
	if v := a.get("FailOnWarnings"); truthy(v) {
		r.set("FailOnWarnings", v)
	}
	if v := a.get("DisableExecuteApiEndpoint"); v != nil {
		if !truthy(a.body) {
			a.fail("DisableExecuteApiEndpoint works only within 'DefinitionBody' property.")
		}
		s := a.t.newSwagger(a.body)
		s.disableEndpoint(v)
		a.body = s.result()
	}
	if truthy(uri) {
		r.set("BodyS3Location", s3Location(uri, a.id, true))
	} else if truthy(a.body) {
		a.postprocess()
		r.set("Body", a.body)
	}
	for _, k := range [...]string{"Name", "Description", "Mode", "ApiKeySourceType", "Policy", "SecurityPolicy", "EndpointAccessMode"} {
		if v := a.get(k); truthy(v) {
			r.set(k, v)
		}
	}
	return r
}

func setEndpoint(r *resource, v any) {
	m, ok := v.(*Map)
	if !ok || !truthy(m.get("Type")) {
		r.set("EndpointConfiguration", NewMap("Types", []any{v}))
		r.set("Parameters", NewMap("endpointConfigurationTypes", v))
		return
	}
	r.set("Parameters", NewMap("endpointConfigurationTypes", m.get("Type")))
	c := NewMap("Types", []any{m.get("Type")})
	if m.Has("VPCEndpointIds") && m.Has("VpcEndpointIds") {
		failResource(r.id, "'VPCEndpointIds' and 'VpcEndpointIds' cannot be used together in EndpointConfiguration.")
	}
	if m.Has("VPCEndpointIds") || m.Has("VpcEndpointIds") {
		ids := m.get("VPCEndpointIds")
		if !truthy(ids) {
			ids = m.get("VpcEndpointIds")
		}
		c.Set("VpcEndpointIds", ids)
	}
	if v, ok := m.Get("IpAddressType"); ok {
		c.Set("IpAddressType", v)
	}
	r.set("EndpointConfiguration", c)
}

func (a *restAPI) addCORS() {
	v := a.get("Cors")
	if !truthy(v) {
		return
	}
	if !truthy(a.body) {
		a.fail("Cors works only with inline Swagger specified in 'DefinitionBody' property.")
	}
	c := corsConfig{origin: "'*'", credentials: false}
	switch m, ok := v.(*Map); {
	case isStr(v) || isIntrinsic(v):
		c.origin = v
	case ok:
		for k := range m.All() {
			if !oneOf(k, "AllowMethods", "AllowHeaders", "AllowOrigin", "MaxAge", "AllowCredentials") {
				a.fail("Invalid key '%s' for 'Cors' property.", k)
			}
		}
		c.methods, c.headers, c.maxAge = m.get("AllowMethods"), m.get("AllowHeaders"), m.get("MaxAge")
		if o, ok := m.Get("AllowOrigin"); ok {
			c.origin = o
		}
		if o, ok := m.Get("AllowCredentials"); ok {
			c.credentials = o
		}
	default:
		a.fail("Invalid value for 'Cors' property")
	}
	if !validSwagger(a.body) {
		a.fail("Unable to add Cors configuration because 'DefinitionBody' does not contain a valid Swagger definition.")
	}
	if c.credentials == true && is(c.origin, "'*'") {
		a.fail("Unable to add Cors configuration because 'AllowCredentials' can not be true when 'AllowOrigin' is \"'*'\" or not set")
	}
	s := a.t.newSwagger(a.body)
	seen := map[string]bool{}
	for _, p := range s.paths.Keys() {
		n := p
		if p != "/" {
			n = strings.TrimRight(p, "/")
		}
		if seen[n] {
			continue
		}
		seen[n] = true
		if f := catch(func() { s.addCORS(p, c) }).only(templateFailure); f != nil {
			a.fail("%s", f.message())
		}
	}
	a.body = s.result()
}

func (a *restAPI) addGatewayResponses() {
	v := a.get("GatewayResponses")
	if !truthy(v) {
		return
	}
	if !truthy(a.body) {
		a.fail("GatewayResponses works only with inline Swagger specified in 'DefinitionBody' property.")
	}
	all := obj(v)
	for k, x := range all.All() {
		if isIntrinsic(x) {
			a.fail("Unable to set GatewayResponses attribute because intrinsic functions are not supported for this field.")
		}
		m, ok := x.(*Map)
		if !ok {
			a.fail("Invalid property type '%s' for GatewayResponses. Expected an object of type 'GatewayResponse'.", pyType(x))
		}
		for p := range m.All() {
			if !oneOf(p, "ResponseParameters", "ResponseTemplates", "StatusCode") {
				a.fail("Invalid property '%s' in 'GatewayResponses' property '%s'.", p, k)
			}
		}
	}
	if !validSwagger(a.body) {
		a.fail("Unable to add Auth configuration because 'DefinitionBody' does not contain a valid Swagger definition.")
	}
	s := a.t.newSwagger(a.body)
	made := pyMap()
	for e := range all.entries() {
		made.setKey(e.key, e.uni, a.gatewayResponse(e.key, e.val.(*Map)))
	}
	to := obj(s.responses)
	unsettle(to)
	for e := range made.entries() {
		to.setKey(e.key, e.uni, a.swaggerResponse(e.val.(gatewayResponse)))
	}
	a.body = s.result()
}

type gatewayResponse struct {
	params    *Map
	templates any
	status    any
}

func (a *restAPI) gatewayResponse(kind string, m *Map) gatewayResponse {
	g := gatewayResponse{params: pyMap(), templates: m.get("ResponseTemplates")}
	if p := m.get("ResponseParameters"); truthy(p) {
		g.params = a.own().mustMap(p, "GatewayResponses."+kind+".ResponseParameters")
	}
	for k := range g.params.All() {
		if !oneOf(k, "Headers", "Paths", "QueryStrings") {
			a.fail("Invalid gateway response parameter '%s'", k)
		}
	}
	if !truthy(g.templates) {
		g.templates = pyMap()
	}
	if v := m.get("StatusCode"); v != nil {
		s := pyStr(v)
		if truthy(v) && !regexp.MustCompile(`^[0-9]{1,3}$`).MatchString(s) {
			a.fail("Property 'StatusCode' must be numeric")
		}
		g.status = s
	}
	return g
}

func (a *restAPI) swaggerResponse(g gatewayResponse) *Map {
	params := pyMap()
	for _, pair := range [...][2]string{{"Headers", "header."}, {"Paths", "path."}, {"QueryStrings", "querystring."}} {
		v, ok := g.params.Get(pair[0])
		if !ok {
			continue
		}
		for e := range a.own().mustMap(v, "ResponseParameters."+pair[0]).entries() {
			params.setKey("gatewayresponse."+pair[1]+e.key, e.uni, e.val)
		}
	}
	m := pyMap("responseParameters", params, "responseTemplates", g.templates)
	if truthy(g.status) {
		m.Set("statusCode", g.status)
	}
	return m
}

func (a *restAPI) addModels() {
	v := a.get("Models")
	if !truthy(v) {
		return
	}
	if !truthy(a.body) {
		a.fail("Models works only with inline Swagger specified in 'DefinitionBody' property.")
	}
	if !validSwagger(a.body) {
		a.fail("Unable to add Models definitions because 'DefinitionBody' does not contain a valid Swagger definition.")
	}
	m := obj(v)
	for _, x := range m.All() {
		if !isMap(x) {
			a.fail("Invalid value for 'Models' property")
		}
	}
	s := a.t.newSwagger(a.body)
	s.addModels(m)
	a.body = s.result()
	a.postprocess()
}

// postprocess moves what is elsewhere in OpenAPI 3 than in Swagger 2.
func (a *restAPI) postprocess() {
	d := obj(a.body)
	if d.get("swagger") != nil {
		return
	}
	unsettle(d)
	version := a.get("OpenApiVersion")
	if a.t.toggled("normalized_open_api_version") {
		if v, ok := d.Get("openapi"); ok {
			version = v
		}
	} else if v := d.get("openapi"); v != nil && version == nil {
		version = v
	}
	if !truthy(version) || !openAPI3(version) {
		return
	}
	for _, move := range [...][2]string{{"securityDefinitions", "securitySchemes"}, {"definitions", "schemas"}} {
		v := d.get(move[0])
		if !truthy(v) {
			continue
		}
		c := d.get("components")
		if !truthy(c) {
			c = pyMap()
		}
		unsettle(c)
		obj(c).Set(move[1], v)
		d.Set("components", c)
		d.Delete(move[0])
	}
	paths := d.get("paths")
	if !truthy(paths) {
		return
	}
	unsettle(paths)
	for p, v := range dictOrFail(paths, "Value of paths must be a dictionary according to Swagger spec.").All() {
		unsettle(v)
		if o := dictOrFail(v, invalidPath, p).get("options"); truthy(o) {
			postprocessOptions(p, dictOrFail(o, "Value of options method for path %s must be a dictionary according to Swagger spec.", p))
		}
	}
}

func postprocessOptions(path string, o *Map) {
	unsettle(o)
	for k, v := range o.shallow().All() {
		switch k {
		case "produces", "consumes":
			o.Delete(k)
		case "responses":
			headers, wrong, ok := deepGet(v, "200", "headers")
			if !ok {
				failDocument("Invalid responses in options method for path %s: %s.", path, wrong)
			}
			if !truthy(headers) {
				continue
			}
			h := dictOrFail(headers, "Value of response's headers in options method for path %s must be a dictionary according to Swagger spec.", path)
			for _, name := range h.Keys() {
				h.Set(name, pyMap("schema", h.get(name)))
			}
		}
	}
}

func (a *restAPI) stage(deployment *resource, definition any) *resource {
	name := a.get("StageName")
	prefixed := text(name)
	id := a.id + prefixed + "Stage"
	if !alnum(prefixed) {
		id = generatedID(a.id+"Stage", prefixed)
	}
	s := newResource(id, "AWS::ApiGateway::Stage", a.passThrough()).with("RestApiId", ref(a.id), "StageName", name)
	for _, k := range [...]string{"CacheClusterEnabled", "CacheClusterSize", "Variables", "MethodSettings", "AccessLogSetting", "CanarySetting", "TracingEnabled"} {
		s.set(k, a.get(k))
	}
	if truthy(definition) {
		a.nameDeployment(deployment, definition)
	}
	s.set("DeploymentId", deployment.ref())
	if v := a.get("Tags"); v != nil {
		s.set("Tags", tagList(obj(v)))
	}
	return s
}

// nameDeployment gives the deployment an id that changes with what is deployed.
func (a *restAPI) nameDeployment(d *resource, definition any) {
	input := pyStr(definition)
	if v := a.get("OpenApiVersion"); truthy(v) {
		input += "||" + pyStr(v)
	}
	if v := a.get("Domain"); truthy(v) {
		input += "||" + pyJSON(v)
	}
	if names := a.t.functions[a.id]; names != "" {
		input += "||" + names
	}
	if truthy(a.get("AlwaysDeploy")) && a.t.in.AlwaysDeploy != nil {
		input = a.t.in.AlwaysDeploy()
	}
	d.id += hashOf(input, 10)
	d.set("Description", "RestApi deployment id: "+hashOf(input, 40))
}
