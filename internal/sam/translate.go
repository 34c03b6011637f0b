package sam

import "fmt"

// run does the reference's steps in its order.
func (t *transform) run() *Map {
	t.region = t.in.Region
	if t.region == "" {
		t.region = "us-east-1"
	}
	t.partition = t.in.Partition
	if t.partition == "" {
		t.partition = partitionOf(t.region)
	}
	t.checkResources()
	params := NewMap()
	for k, v := range t.in.Parameters {
		params.Set(k, clone(taken(v)))
	}
	t.mark(params)
	t.setParameters(params)

	t.apps = &applications{}
	t.loadApplications()
	t.addDefinitionBodies()
	t.implicitAPI(restEvents())
	t.implicitAPI(httpEvents())
	t.mergeGlobals()
	t.embeddedConnectors()

	t.out = t.template.clone()
	t.outRes = t.out.get("Resources").(*Map)
	t.mappings = t.resolverOf(t.out, "Mappings")
	t.deployments = &deployments{t: t}
	t.usagePlan = &sharedUsagePlan{}
	t.recordSets = map[string]*resource{}
	t.functions = map[string]string{}

	for _, e := range t.ordered() {
		if f := catch(func() { t.resource(e) }).only(resourceFailure, eventFailure, templateFailure); f != nil {
			t.found = append(t.found, f)
		}
		if t.outRes.Len() > t.budget.ResourcesMax {
			panic(&LimitError{"ResourcesMax", t.budget.ResourcesMax})
		}
	}
	t.deployments.finish()
	if f := catch(t.checkApplications).only(resourceFailure, templateFailure); f != nil {
		t.found = append(t.found, f)
	}
	t.out.Delete("Transform")
	if len(t.found) > 0 {
		return nil
	}
	if len(t.renamed) > 0 {
		renameDependsOn(t.out, t.renamed)
		(&renames{t.renamed, t.budget}).walk(t.out, 0)
	}
	if len(t.refs) > 0 {
		(&generatedRefs{t.refs, t.budget}).walk(t.out, 0)
	}
	t.budget.measure(t.out)
	return finished(t.out).(*Map)
}

// checkResources looks at the outline of the template.
func (t *transform) checkResources() {
	r, ok := t.template.get("Resources").(*Map)
	if !ok || r.Len() == 0 {
		failDocument("'Resources' section is required")
	}
	for _, v := range r.All() {
		if !isMap(v) {
			failDocument("All 'Resources' must be Objects. If you're using YAML, this may be an indentation issue.")
		}
	}
	t.resources = r
	for e := range t.serverless() {
		p, ok := e.val.(*Map).Get("Properties")
		if ok && !isMap(p) {
			f := &failure{kind: resourceFailure, id: e.key, detail: "Attribute 'Properties' should be a map."}
			panic(&failure{kind: documentFailure, causes: []*failure{f}})
		}
	}
}

// setParameters adds defaults and pseudo parameters to the given values.
func (t *transform) setParameters(values *Map) {
	if defs, ok := t.template.get("Parameters").(*Map); ok {
		for e := range defs.entries() {
			if d, ok := e.val.(*Map); ok && d.Has("Default") && !values.Has(e.key) {
				values.Set(e.key, d.get("Default"))
			}
		}
	}
	if !values.Has("AWS::Region") {
		values.Set("AWS::Region", t.region)
	}
	if !values.Has("AWS::Partition") {
		values.Set("AWS::Partition", t.partition)
	}
	t.params = &resolver{values: values, budget: t.budget}
}

func (t *transform) resolverOf(template *Map, section string) *resolver {
	v, ok := template.Get(section)
	m, isMap := v.(*Map)
	if ok && !isMap {
		failDocument("'Mappings' or 'Parameters' is either null or not a valid dictionary.")
	}
	return &resolver{values: m, mappings: true, budget: t.budget}
}

// conditions is where new conditions go.
func (t *transform) conditions() *Map { return obj(t.out.get("Conditions")) }

// ordered gives the resources to transform: functions first, since their events change APIs, connectors last.
func (t *transform) ordered() []entry {
	var groups [6][]entry
	for e := range t.resources.entries() {
		kind, ok := str(e.val.(*Map).get("Type"))
		if _, known := schema().Resources[kind]; !ok || !known {
			continue
		}
		g := 4
		switch kind[len(prefix):] {
		case "Function":
			g = 0
		case "WebFunction":
			g = 1
		case "StateMachine":
			g = 2
		case "Api", "HttpApi", "WebSocketApi":
			g = 3
		case "Connector":
			g = 5
		}
		groups[g] = append(groups[g], e)
	}
	var out []entry
	for _, g := range groups {
		out = append(out, g...)
	}
	return out
}

// resource transforms one resource.
func (t *transform) resource(e entry) {
	body := e.val.(*Map)
	kind := text(body.get("Type"))
	x := readMacro(e.key, e.uni, "", body, kind, schema().Resources[kind], kind == "AWS::Serverless::GraphQLApi", func(p *Map) {
		switch kind {
		case "AWS::Serverless::Application":
			t.applicationURL(e.key, p)
		case "AWS::Serverless::Function", "AWS::Serverless::StateMachine":
			t.expandPolicyTemplates(e.key, p)
		}
	})
	var links map[string]*link
	switch kind {
	case "AWS::Serverless::Function":
		links = t.linkEvents(x, schema().FunctionEvents)
	case "AWS::Serverless::StateMachine":
		links = t.linkEvents(x, schema().StateMachineEvents)
	}
	if kind == "AWS::Serverless::Function" {
		t.noteFunctionName(body)
	}
	made := t.expand(x, links)

	byKind := map[string]string{}
	for _, r := range made {
		byKind[r.kind] = r.id
	}
	for _, g := range generatedNames(kind) {
		if id := byKind[g[1]]; id != "" {
			if t.refs[x.id] == nil {
				t.refs[x.id] = map[string]string{}
			}
			t.refs[x.id][g[0]] = id
		}
	}
	if x.id != e.key {
		t.renamed[e.key] = x.id
	}
	t.outRes.Delete(e.key)
	for _, r := range made {
		if !t.unique(r.id, r.kind) {
			t.found = append(t.found, duplicate(e.key, r.id, r.kind))
			continue
		}
		b := r.body()
		if meta := body.get("Metadata"); truthy(meta) && t.in.PassMetadata && !truthy(t.outRes.get(r.id)) {
			b.Set("Metadata", meta)
		}
		t.outRes.setKey(r.id, r.uni, b)
	}
}

func (t *transform) expand(x *macro, links map[string]*link) []*resource {
	switch x.kind[len(prefix):] {
	case "Function":
		return t.function(x, links)
	case "WebFunction":
		return t.webFunction(x)
	case "StateMachine":
		return t.stateMachine(x, links)
	case "Api":
		return t.api(x)
	case "HttpApi":
		return t.httpAPI(x)
	case "WebSocketApi":
		return t.webSocketAPI(x)
	case "SimpleTable":
		return t.simpleTable(x)
	case "Application":
		return t.application(x)
	case "LayerVersion":
		return t.layerVersion(x)
	case "Connector":
		return t.connector(x)
	case "GraphQLApi":
		return t.graphQLAPI(x)
	case "CapacityProvider":
		return t.capacityProvider(x)
	case "MicrovmImage":
		return t.microvmImage(x)
	case "NetworkConnector":
		return t.networkConnector(x)
	}
	panic("sam: no transform for " + x.kind)
}

// generatedNames are the names by which a template may refer to what is made of a resource.
func generatedNames(kind string) [][2]string {
	switch kind {
	case "AWS::Serverless::Function":
		return [][2]string{{"Alias", "AWS::Lambda::Alias"}, {"Version", "AWS::Lambda::Version"}, {"DestinationTopic", "AWS::SNS::Topic"},
			{"DestinationQueue", "AWS::SQS::Queue"}}
	case "AWS::Serverless::Api":
		return [][2]string{{"Stage", "AWS::ApiGateway::Stage"}, {"Deployment", "AWS::ApiGateway::Deployment"}, {"DomainName", "AWS::ApiGateway::DomainName"},
			{"DomainNameV2", "AWS::ApiGateway::DomainNameV2"}, {"UsagePlan", "AWS::ApiGateway::UsagePlan"},
			{"UsagePlanKey", "AWS::ApiGateway::UsagePlanKey"}, {"ApiKey", "AWS::ApiGateway::ApiKey"}}
	case "AWS::Serverless::HttpApi", "AWS::Serverless::WebSocketApi":
		return [][2]string{{"Stage", "AWS::ApiGatewayV2::Stage"}, {"DomainName", "AWS::ApiGatewayV2::DomainName"}}
	}
	return nil
}

// unique reports whether a generated resource may have its id: it is new, or replaces what it was made of.
func (t *transform) unique(id, kind string) bool {
	v, ok := t.resources.Get(id)
	if !ok {
		return true
	}
	have := text(v.(*Map).get("Type"))
	switch kind {
	case "AWS::Lambda::Function", "AWS::Lambda::WebFunction", "AWS::Lambda::LayerVersion", "AWS::Lambda::CapacityProvider", "AWS::Lambda::MicrovmImage",
		"AWS::Lambda::NetworkConnector":
		return have == prefix+kind[len("AWS::Lambda::"):]
	case "AWS::ApiGateway::RestApi":
		return have == "AWS::Serverless::Api"
	case "AWS::ApiGatewayV2::Api":
		return have == "AWS::Serverless::HttpApi" || have == "AWS::Serverless::WebSocketApi"
	case "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::Cognito::UserPool", "AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping",
		"AWS::ApiGateway::DomainNameV2", "AWS::ApiGateway::BasePathMappingV2":
		return have == kind
	case "AWS::DynamoDB::Table":
		return have == "AWS::Serverless::SimpleTable"
	case "AWS::CloudFormation::Stack":
		return have == "AWS::Serverless::Application"
	case "AWS::StepFunctions::StateMachine":
		return have == "AWS::Serverless::StateMachine"
	case "AWS::AppSync::GraphQLApi":
		return have == "AWS::Serverless::GraphQLApi"
	}
	return false
}

func duplicate(from, id, kind string) *failure {
	return &failure{kind: duplicateFailure, id: from, detail: fmt.Sprintf("Transforming resource with id [%s] attempts to create a new resource "+
		"with id [%s] and type \"%s\". A resource with that id already exists within this template. Please use a different id for that resource.",
		from, id, kind)}
}

// noteFunctionName remembers a function's name for the APIs that call it: a new name makes a new deployment.
func (t *transform) noteFunctionName(body *Map) {
	p, _ := body.get("Properties").(*Map)
	events := p.get("Events")
	if !truthy(events) {
		return
	}
	for _, v := range obj(events).All() {
		ev := obj(v)
		ep := objOr(ev, "Properties")
		api := ep.get("RestApiId")
		if !is(ev.get("Type"), "Api") || !truthy(api) {
			continue
		}
		id, ok := str(restAPIID(api))
		if !ok {
			continue
		}
		if name := t.params.resolve(clone(p.get("FunctionName"))); truthy(name) {
			t.functions[id] += pyStr(name)
		}
	}
}

// mark gives strings their unicode marks and maps Python 2.7's order in those parts of the template that the reference
// treats so: only where there is a REST API, or an HTTP API with a default authorizer.
func (t *transform) mark(params *Map) {
	if !t.hasREST() && !t.hasHTTPWithDefault() {
		return
	}
	if g, ok := t.template.get("Globals").(*Map); ok && g.Has("Api") {
		g.Set("Api", marked(g.get("Api")))
	}
	if defs, ok := t.template.get("Parameters").(*Map); ok {
		py := pyMap()
		for e := range defs.entries() {
			if d, ok := e.val.(*Map); ok && d.Has("Default") {
				d.Set("Default", marked(d.get("Default")))
			}
			py.setKey(e.key, true, e.val)
		}
		t.template.Set("Parameters", py)
	}
	py := pyMap()
	for e := range t.resources.entries() {
		r := e.val.(*Map)
		if p := r.get("Properties"); p != nil {
			switch kind := text(r.get("Type")); kind {
			case "AWS::Serverless::Api", "AWS::Serverless::HttpApi":
				r.Set("Properties", marked(p))
			case "AWS::Serverless::Function", "AWS::Serverless::StateMachine":
				if c, ok := r.Get("Condition"); ok {
					r.Set("Condition", marked(c))
				}
				fp, _ := p.(*Map)
				for _, k := range [...]string{"FunctionName", "Events"} {
					if v, ok := fp.Get(k); ok {
						fp.Set(k, marked(v))
					}
				}
			}
		}
		py.setKey(e.key, true, r)
	}
	t.resources = py
	t.template.Set("Resources", py)
	for k, v := range params.All() {
		params.Set(k, marked(v))
	}
}

func marked(v any) any {
	switch x := v.(type) {
	case string:
		return ustr(x)
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = marked(x[i])
		}
		return out
	case *Map:
		out := pyMap()
		for e := range x.entries() {
			out.setKey(e.key, true, marked(e.val))
		}
		return out
	}
	return v
}

// hasEvent reports whether a resource has an event of a type.
func hasEvent(r *Map, kind string) bool {
	p, ok := r.Get("Properties")
	if !ok {
		return false
	}
	events, _ := obj(p).get("Events").(*Map)
	for _, v := range events.All() {
		if ev, ok := v.(*Map); ok && is(ev.get("Type"), kind) {
			return true
		}
	}
	return false
}

func (t *transform) hasREST() bool {
	for _, v := range t.resources.All() {
		r := v.(*Map)
		switch text(r.get("Type")) {
		case "AWS::Serverless::Api":
			return true
		case "AWS::Serverless::Function", "AWS::Serverless::StateMachine":
			if hasEvent(r, "Api") {
				return true
			}
		}
	}
	return false
}

func (t *transform) hasHTTPWithDefault() bool {
	global := false
	if g, ok := t.template.get("Globals").(*Map); ok {
		if h, ok := g.get("HttpApi").(*Map); ok {
			if a, ok := h.get("Auth").(*Map); ok {
				global = truthy(a.get("DefaultAuthorizer"))
			}
		}
	}
	for _, v := range t.resources.All() {
		r := v.(*Map)
		switch text(r.get("Type")) {
		case "AWS::Serverless::HttpApi":
			p, _ := r.get("Properties").(*Map)
			a, _ := p.get("Auth").(*Map)
			if global || truthy(a.get("DefaultAuthorizer")) {
				return true
			}
		case "AWS::Serverless::Function":
			if global && hasEvent(r, "HttpApi") {
				return true
			}
		}
	}
	return false
}
