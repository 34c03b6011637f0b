package sam

import "regexp"

// resource is a CloudFormation resource that the transform makes.
type resource struct {
	id        string
	uni       bool // the id carries the unicode mark
	kind      string
	props     *Map
	attrs     *Map // Condition, DeletionPolicy …
	dependsOn any
}

func passThrough(attrs *Map) *Map {
	out := NewMap()
	for _, k := range [...]string{"Condition", "DeletionPolicy", "UpdateReplacePolicy"} {
		if v, ok := attrs.Get(k); ok {
			out.Set(k, v)
		}
	}
	return out
}

func validID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return id != ""
}

func checkID(id string) {
	if !validID(id) {
		failResource(id, "Logical ids must be alphanumeric.")
	}
}

func newResource(id any, kind string, attrs *Map) *resource {
	s := text(id)
	checkID(s)
	_, uni := id.(ustr)
	r := &resource{id: s, uni: uni, kind: kind, props: NewMap(), attrs: NewMap()}
	r.attrs.update(attrs)
	return r
}

// idValue is the id as a value, with its mark.
func (r *resource) idValue() any {
	if r.uni {
		return ustr(r.id)
	}
	return r.id
}

// set sets a property, unless there is nothing to set.
func (r *resource) set(name string, v any) {
	if v != nil {
		r.props.Set(name, v)
	} else {
		r.props.Delete(name)
	}
}

// with sets several properties.
func (r *resource) with(pairs ...any) *resource {
	for i := 0; i+1 < len(pairs); i += 2 {
		r.set(pairs[i].(string), pairs[i+1])
	}
	return r
}

func (r *resource) ref() *Map { return ref(r.idValue()) }

// arn is the reference by which other resources know this one.
func (r *resource) arn() *Map {
	switch r.kind {
	case "AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine",
		"AWS::StepFunctions::StateMachineVersion", "AWS::StepFunctions::StateMachineAlias":
		return r.ref()
	case "AWS::AppSync::DataSource":
		return getAtt(r.idValue(), "DataSourceArn")
	}
	return getAtt(r.idValue(), "Arn")
}

// nameOrArn is what permissions and event source mappings name a function by.
func (r *resource) nameOrArn() *Map { return r.ref() }

func (r *resource) condition() any { return r.attrs.get("Condition") }

func (r *resource) passThrough() *Map { return passThrough(r.attrs) }

// body is the resource as it stands in a template.
func (r *resource) body() *Map {
	m := NewMap("Type", r.kind)
	if truthy(r.dependsOn) {
		m.Set("DependsOn", r.dependsOn)
	}
	m.update(r.attrs)
	m.Set("Properties", r.props)
	return m
}

// tagged reports whether the reference knows the resource kind's Tags.
func (r *resource) tagged() bool {
	switch r.kind {
	case "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage", "AWS::ApiGateway::DomainName",
		"AWS::ApiGateway::DomainNameV2", "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::ApiKey", "AWS::ApiGateway::DomainNameAccessAssociation",
		"AWS::ApiGatewayV2::Stage", "AWS::ApiGatewayV2::DomainName", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::S3::Bucket",
		"AWS::StepFunctions::StateMachine", "AWS::IoT::TopicRule", "AWS::DynamoDB::Table", "AWS::Lambda::CapacityProvider",
		"AWS::Lambda::MicrovmImage", "AWS::Lambda::NetworkConnector", "AWS::Lambda::WebFunction", "AWS::AppSync::GraphQLApi",
		"AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::CloudFormation::Stack":
		return true
	case "AWS::ApiGatewayV2::Api":
		return r.props.Has("ProtocolType") // a WebSocket API; an HTTP API's are in its definition
	}
	return false
}

// assignTags puts a map of tags on a resource in the form its kind takes.
func (r *resource) assignTags(tags *Map) {
	if !r.tagged() {
		return
	}
	switch r.kind {
	case "AWS::ApiGatewayV2::Stage", "AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::Api":
		r.set("Tags", tags)
	default:
		r.set("Tags", tagList(tags))
	}
}

func propagateTags(rs []*resource, tags any, propagate any) {
	if !truthy(propagate) || !truthy(tags) {
		return
	}
	for _, r := range rs {
		r.assignTags(obj(tags))
	}
}

// combineTags adds tags to those a resource has; a key given twice takes the later value.
func combineTags(rs []*resource, tags any, propagate any) {
	if !truthy(propagate) || !truthy(tags) {
		return
	}
	for _, r := range rs {
		own, _ := r.props.get("Tags").([]any)
		if len(own) == 0 {
			r.assignTags(obj(tags))
			continue
		}
		all := NewMap()
		for _, t := range append(own[:len(own):len(own)], tagList(obj(tags))...) {
			all.setVal(obj(t).get("Key"), obj(t).get("Value"))
		}
		r.set("Tags", tagList(all))
	}
}

func tagList(tags *Map) []any {
	out := make([]any, 0, tags.Len())
	for e := range tags.entries() {
		v := e.val
		if v == nil {
			v = ""
		}
		var k any = e.key
		if e.uni {
			k = ustr(e.key)
		}
		out = append(out, NewMap("Key", k, "Value", v))
	}
	return out
}

// macro is a serverless resource or an event being read.
type macro struct {
	id        string
	uni       bool
	rel       string // an event's own name
	kind      string
	p         *Map // properties
	attrs     *Map
	dependsOn any
	schema    []property
}

func (x *macro) idValue() any {
	if x.uni {
		return ustr(x.id)
	}
	return x.id
}

func (x *macro) get(name string) any { return x.p.get(name) }

func (x *macro) passThrough() *Map { return passThrough(x.attrs) }

func (x *macro) fail(format string, args ...any) { failResource(x.id, format, args...) }

func (x *macro) own() owner { return owner{id: x.id} }

// readMacro checks a resource or event against its kind's properties.
func readMacro(id string, uni bool, rel string, body *Map, kind string, schema []property, free bool, before func(p *Map)) *macro {
	checkID(id)
	x := &macro{id: id, uni: uni, rel: rel, kind: kind, p: NewMap(), attrs: NewMap(), schema: schema}
	props, given := body.Get("Properties")
	if given && !isMap(props) {
		x.fail("Properties of a resource must be an object.")
	}
	p, _ := props.(*Map)
	if before != nil {
		if p == nil {
			p = NewMap()
		}
		before(p)
	}
	for e := range p.entries() {
		if !free && !known(schema, e.key) {
			x.fail("property %s not defined for resource of type %s", e.key, kind)
		}
		x.p.setKey(e.key, e.uni, e.val)
	}
	x.dependsOn = body.get("DependsOn")
	for _, a := range [...]string{"DeletionPolicy", "UpdatePolicy", "Condition", "UpdateReplacePolicy", "Metadata"} {
		if v, ok := body.Get(a); ok {
			x.attrs.Set(a, v)
		}
	}
	x.validate()
	return x
}

func known(schema []property, name string) bool {
	for i := range schema {
		if schema[i].Name == name {
			return true
		}
	}
	return false
}

// validate checks the properties' types; it is done again where the reference does it after changes.
func (x *macro) validate() {
	for i := range x.schema {
		d := &x.schema[i]
		v := x.p.get(d.Name)
		if m, ok := v.(*Map); ok && d.Intrinsics && m.Len() == 1 {
			continue
		}
		if v == nil {
			if d.Required {
				x.fail("Missing required property '%s'.", d.Name)
			}
			continue
		}
		if !d.Check.ok(v) {
			if e := d.Check.expected(); e != "" {
				x.fail("Property '%s' should be a %s.", d.Name, e)
			}
			x.fail("Type of property '%s' is invalid.", d.Name)
		}
	}
}

// existing reads a resource of the template that an event changes, such as a bucket.
func existing(id string, kind string, body *Map) *resource {
	checkID(id)
	t, ok := body.Get("Type")
	if !ok {
		failResource(id, "Resource dict missing key 'Type'.")
	}
	if !is(t, kind) {
		failResource(id, "Resource has incorrect Type; expected '%s', got '%s'", kind, pyStr(t))
	}
	r := newResource(id, kind, nil)
	if props, ok := body.Get("Properties"); ok {
		if !isMap(props) {
			failResource(id, "Properties of a resource must be an object.")
		}
		for k, v := range props.(*Map).All() {
			if !oneOf(k, schema().CloudFormation[kind]...) {
				failResource(id, "property %s not defined for resource of type %s", k, kind)
			}
			r.set(k, v)
		}
	}
	r.dependsOn = body.get("DependsOn")
	for _, a := range [...]string{"DeletionPolicy", "UpdatePolicy", "Condition", "UpdateReplacePolicy", "Metadata"} {
		if v, ok := body.Get(a); ok {
			r.attrs.Set(a, v)
		}
	}
	return r
}

// envKey is what the name of a web function's environment variable must match.
func envKey() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`) }
