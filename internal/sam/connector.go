package sam

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// reference is an end of a connector.
type reference struct {
	id                                               string
	kind                                             string
	arn, role, queueURL, resourceID, name, qualifier any
}

// connector gives one resource access to others.
func (t *transform) connector(x *macro) []*resource {
	destinations, many := x.get("Destination").([]any)
	if !many {
		destinations = []any{x.get("Destination")}
	}
	var made []*resource
	for i, d := range destinations {
		source, destination := obj(x.get("Source")), obj(d)
		to := t.connectorEnd(x, destination, source)
		from := t.connectorEnd(x, source, destination)
		suffix := ""
		if many {
			suffix = "Destination" + strconv.Itoa(i)
		}
		rs := t.connect(x, from, to, suffix)
		for _, r := range rs {
			meta := NewMap()
			if m := r.attrs.get("Metadata"); m != nil {
				meta.update(obj(m))
			}
			meta.Set("aws:sam:connectors", NewMap(x.id, NewMap("Source", NewMap("Type", t.typeOf(from)), "Destination", NewMap("Type", t.typeOf(to)))))
			r.attrs.Set("Metadata", meta)
		}
		made = append(made, rs...)
	}
	ids := make([]string, len(made))
	for i, r := range made {
		ids[i] = r.id
	}
	t.replaceDependsOn(x.id, anys(ids...))
	if len(made) == 0 {
		x.fail("'Destination' is an empty list")
	}
	return made
}

// typeOf is the type that an end has in the template as it was given.
func (t *transform) typeOf(r *reference) any {
	if m, ok := t.resources.get(r.id).(*Map); ok && r.id != "" && truthy(m.get("Type")) {
		return m.get("Type")
	}
	return r.kind
}

func (t *transform) connectorEnd(x *macro, m, other *Map) *reference {
	others := 0
	for k := range m.All() {
		if k != "Id" && k != "Qualifier" {
			others++
		}
	}
	if m.Has("Id") == (others > 0) {
		x.fail("Must provide 'Id' (with optional 'Qualifier') or a supported combination of other properties.")
	}
	id := m.get("Id")
	if !truthy(id) {
		kind, ok := str(m.get("Type"))
		if !ok || kind == "" {
			x.fail("'Type' is missing or not a string.")
		}
		return &reference{kind: plainKind(kind), arn: m.get("Arn"), role: m.get("RoleName"), queueURL: m.get("QueueUrl"), resourceID: m.get("ResourceId"),
			name: m.get("Name"), qualifier: m.get("Qualifier")}
	}
	s, ok := str(id)
	if !ok {
		x.fail("'Id' is missing or not a string.")
	}
	r, ok := t.outRes.get(s).(*Map)
	if !ok || r.Len() == 0 {
		x.fail("Unable to find resource with logical ID '%s'.", s)
	}
	kind, ok := str(r.get("Type"))
	if !ok || kind == "" {
		x.fail("'Type' is missing or not a string.")
	}
	known, _ := connectorProfiles().Resources.get(kind).(*Map)
	filled := profileReplace(x, known.clone(), []replacement{{"logicalId", s}})
	fm, _ := filled.(*Map)
	out, _ := fm.get("Outputs").(*Map)
	in, _ := fm.get("Inputs").(*Map)
	e := &reference{id: s, kind: kind, arn: out.get("Arn"), queueURL: out.get("Url"), resourceID: out.get("Id"), name: out.get("Name"), qualifier: out.get("Qualifier")}
	if q, ok := m.Get("Qualifier"); ok {
		e.qualifier = q
	}
	if in.Has("Role") {
		e.role = roleNameOf(in.get("Role"), objOr(r, "Properties"), other)
	}
	return e
}

func plainKind(kind string) string {
	switch kind {
	case "AWS::Serverless::Function":
		return "AWS::Lambda::Function"
	case "AWS::Serverless::StateMachine":
		return "AWS::StepFunctions::StateMachine"
	case "AWS::Serverless::Api":
		return "AWS::ApiGateway::RestApi"
	case "AWS::Serverless::HttpApi":
		return "AWS::ApiGatewayV2::Api"
	case "AWS::Serverless::SimpleTable":
		return "AWS::DynamoDB::Table"
	}
	return kind
}

// roleNameOf finds the role of a resource: a property, or the one of the rule's target that is connected.
func roleNameOf(where any, props, other *Map) any {
	var role any
	if s, ok := str(where); ok {
		role = props.get(s)
	} else if m, ok := where.(*Map); ok && is(m.get("Function"), "GetEventsRuleRole") {
		targets, ok := props.Get("Targets")
		if !ok {
			targets = []any{}
		}
		for _, x := range iterated(targets) {
			target := obj(x)
			arn := target.get("Arn")
			id, ok := idOf(arn)
			if ok && is(other.get("Id"), id) || truthy(other.get("Arn")) && equal(arn, other.get("Arn")) {
				role = target.get("RoleArn")
				break
			}
		}
	}
	if !truthy(role) {
		return nil
	}
	id, ok := idOf(role)
	if !ok || id == "" {
		return nil
	}
	return ref(id)
}

func (t *transform) connect(x *macro, from, to *reference, suffix string) []*resource {
	bySource, _ := connectorProfiles().Permissions.get(from.kind).(*Map)
	profile, _ := bySource.get(to.kind).(*Map)
	pair := "Unable to create connector from " + from.kind + " to " + to.kind
	if profile.Len() == 0 {
		x.fail("%s; it's not supported or the template is invalid.", pair)
	}
	props := profile.get("Properties").(*Map)
	categories := props.get("AccessCategories").(*Map)
	permissions := t.permissions(x, from, to, props, categories)
	filled := profileReplace(x, props.clone(), []replacement{{"Source.Arn", from.arn}, {"Destination.Arn", to.arn}, {"Source.ResourceId", from.resourceID},
		{"Destination.ResourceId", to.resourceID}, {"Source.Name", from.name}, {"Destination.Name", to.name}, {"Source.Qualifier", from.qualifier},
		{"Destination.Qualifier", to.qualifier}}).(*Map)
	end, endName := to, "Destination"
	if truthy(filled.get("SourcePolicy")) {
		end, endName = from, "Source"
	}
	need := func(v any, what string) {
		if !truthy(v) {
			x.fail("Unable to get %s from '%s' resource.", what, endName)
		}
	}
	make := func(id, kind string) *resource {
		r := newResource(id, kind, x.attrs)
		r.dependsOn = x.dependsOn
		return r
	}
	granted := filled.get("AccessCategories").(*Map)
	document := func() *Map {
		var l []any
		for name, c := range granted.All() {
			if oneOf(name, permissions...) {
				s, _ := c.(*Map).get("Statement").([]any)
				l = append(l, s...)
			}
		}
		return NewMap("Version", "2012-10-17", "Statement", l)
	}
	switch profile.get("Type") {
	case "AWS_IAM_ROLE_MANAGED_POLICY":
		need(end.role, "IAM role name")
		p := make(x.id+"Policy"+suffix, "AWS::IAM::ManagedPolicy").with("PolicyDocument", document(), "Roles", []any{end.role})
		t.orderPolicy(text(filled.get("DependedBy")), p.id, from, to)
		return []*resource{p}
	case "AWS_SQS_QUEUE_POLICY":
		need(end.queueURL, "SQS queue URL")
		return []*resource{make(x.id+"QueuePolicy"+suffix, "AWS::SQS::QueuePolicy").with("PolicyDocument", document(), "Queues", []any{end.queueURL})}
	case "AWS_SNS_TOPIC_POLICY":
		need(end.arn, "SNS topic ARN")
		return []*resource{make(x.id+"TopicPolicy"+suffix, "AWS::SNS::TopicPolicy").with("Topics", []any{end.arn}, "PolicyDocument", document())}
	case "AWS_LAMBDA_PERMISSION":
		need(end.arn, "Lambda function ARN")
		var out []*resource
		for name, c := range granted.All() {
			if oneOf(name, permissions...) {
				m := c.(*Map)
				out = append(out, make(x.id+name+"LambdaPermission"+suffix, "AWS::Lambda::Permission").with("Action", m.get("Action"), "FunctionName", end.arn,
					"Principal", m.get("Principal"), "SourceArn", m.get("SourceArn"), "SourceAccount", m.get("SourceAccount")))
			}
		}
		return out
	}
	panic("sam: unknown connector profile")
}

// permissions checks what a connector asks for against what its profile can give.
func (t *transform) permissions(x *macro, from, to *reference, props, categories *Map) []string {
	seen := map[string]bool{}
	var asked []string
	for _, p := range iterated(x.get("Permissions")) {
		if s := text(p); !seen[s] {
			seen[s] = true
			asked = append(asked, s)
		}
	}
	valid := strings.Join(categories.Keys(), ", ")
	if len(asked) == 0 {
		x.fail("'Permissions' cannot be empty; valid values are: %s.", valid)
	}
	unsupported := "Unsupported 'Permissions' provided for connector from " + from.kind + " to " + to.kind
	for _, p := range asked {
		if !categories.Has(p) {
			x.fail("%s; valid values are: %s.", unsupported, valid)
		}
	}
	combinations, _ := props.get("ValidAccessCategories").([]any)
	if len(combinations) == 0 {
		return asked
	}
	sort.Strings(asked)
	want := strings.Join(asked, " + ")
	var told []string
	for _, c := range combinations {
		var words []string
		for _, w := range c.([]any) {
			words = append(words, text(w))
		}
		s := strings.Join(sorted(words), " + ")
		if s == want {
			return asked
		}
		told = append(told, s)
	}
	x.fail("%s; valid combinations are: %s.", unsupported, strings.Join(told, ", "))
	return nil
}

// orderPolicy makes what uses the permissions wait for them.
func (t *transform) orderPolicy(by, policy string, from, to *reference) {
	add := func(id string) {
		r, ok := t.outRes.get(id).(*Map)
		if !ok || r.Len() == 0 {
			return
		}
		var l []any
		if v, ok := r.Get("DependsOn"); ok {
			l = joined(asList(v), nil)
		}
		if !contains(l, policy) {
			l = append(l, policy)
		}
		r.Set("DependsOn", l)
	}
	switch {
	case by == "SOURCE" && from.id != "":
		add(from.id)
	case by == "DESTINATION_EVENT_SOURCE_MAPPING" && from.id != "" && to.id != "":
		var found []string
		for id, v := range t.outRes.All() {
			r := v.(*Map)
			if !is(r.get("Type"), "AWS::Lambda::EventSourceMapping") {
				continue
			}
			p := objOr(r, "Properties")
			fn, ok := idOf(p.get("FunctionName"))
			source, ok2 := idOf(p.get("EventSourceArn"))
			if ok && ok2 && fn == to.id && source == from.id {
				found = append(found, id)
			}
		}
		if len(found) == 1 {
			add(found[0])
		}
	}
}

// replaceDependsOn lets what waits for a connector wait for its resources.
func (t *transform) replaceDependsOn(id string, by []any) {
	for _, v := range t.outRes.All() {
		r := v.(*Map)
		d, ok := r.Get("DependsOn")
		if !ok || !contains(asList(d), id) {
			continue
		}
		var l []any
		removed := false
		for _, x := range asList(d) {
			if !removed && is(x, id) {
				removed = true
				continue
			}
			l = append(l, x)
		}
		for _, x := range by {
			if !contains(l, x) {
				l = append(l, x)
			}
		}
		r.Set("DependsOn", l)
	}
}

type replacement struct {
	name  string
	value any
}

// profileReplace fills a profile's %{variables}.
func profileReplace(x *macro, v any, by []replacement) any {
	switch t := v.(type) {
	case *Map:
		if t == nil {
			return t
		}
		for k, w := range t.All() {
			t.Set(k, profileReplace(x, w, by))
		}
		return t
	case []any:
		for i := range t {
			t[i] = profileReplace(x, t[i], by)
		}
		return t
	}
	s, ok := str(v)
	if !ok {
		return v
	}
	vars := NewMap()
	for _, r := range by {
		pattern := "%{" + r.name + "}"
		if !strings.Contains(s, pattern) {
			continue
		}
		if r.value == nil {
			x.fail("%s is missing.", r.name)
		}
		if s == pattern {
			return r.value
		}
		name := strings.ReplaceAll(r.name, ".", "")
		s = strings.ReplaceAll(s, pattern, "${"+name+"}")
		vars.Set(name, r.value)
	}
	if regexp.MustCompile(`\$\{.+\}`).MatchString(s) {
		if vars.Len() > 0 {
			return NewMap("Fn::Sub", []any{s, vars})
		}
		return fnSub(s)
	}
	return s
}

// embeddedConnectors turns the Connectors of resources into resources.
func (t *transform) embeddedConnectors() {
	type one struct {
		id   string
		body *Map
	}
	var made []one
	for e := range t.resources.entries() {
		v, ok := e.val.(*Map).Get("Connectors")
		if !ok {
			continue
		}
		note := func(f func()) bool {
			failed := catch(f).only(resourceFailure, duplicateFailure)
			if failed != nil {
				t.found = append(t.found, failed)
			}
			return failed == nil
		}
		if !note(func() { (owner{id: e.key, attribute: true}).mustMap(v, e.key+".Connectors") }) {
			continue
		}
		for name, c := range v.(*Map).All() {
			note(func() {
				id := e.key + name
				m, ok := c.(*Map)
				if !ok {
					failResource(id, "%s.%s should be a map.", e.key, id)
				}
				body := t.embedded(e.key, id, name, m.clone())
				if t.resources.Has(id) {
					panic(duplicate(e.key, id, "AWS::Serverless::Connector"))
				}
				made = append(made, one{id, body})
			})
		}
	}
	for _, o := range made {
		t.resources.Set(o.id, o.body)
	}
	for _, v := range t.resources.All() {
		v.(*Map).Delete("Connectors")
	}
}

func (t *transform) embedded(source, id, name string, m *Map) *Map {
	const kind = "AWS::Serverless::Connector"
	path := "Connectors." + name + ".Properties"
	p := (owner{id: source, attribute: true}).mustMap(m.get("Properties"), path)
	from := NewMap("Id", source)
	p.Set("Source", from)
	if v, ok := p.Get("SourceReference"); ok {
		r := (owner{id: source}).mustMap(v, path+".SourceReference")
		if r.Has("Id") {
			failResource(name, "'Id' shouldn't be defined in 'SourceReference'.")
		}
		from.update(r)
		p.Delete("SourceReference")
	}
	m.Set("Type", kind)
	x := readMacro(id, false, "", m, kind, schema().Resources[kind], false, nil)
	body := NewMap("Type", kind)
	if truthy(x.dependsOn) {
		body.Set("DependsOn", x.dependsOn)
	}
	body.update(x.attrs)
	props := NewMap()
	for k, v := range x.p.All() {
		if v != nil {
			props.Set(k, v)
		}
	}
	body.Set("Properties", props)
	return body
}
