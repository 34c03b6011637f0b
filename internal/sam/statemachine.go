package sam

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// stateMachine makes a state machine with its role, version, alias and events.
func (t *transform) stateMachine(x *macro, links map[string]*link) []*resource {
	m := newResource(x.idValue(), "AWS::StepFunctions::StateMachine", x.attrs)
	m.dependsOn = x.dependsOn
	made := []*resource{m}
	subs := x.get("DefinitionSubstitutions")
	if truthy(subs) {
		m.set("DefinitionSubstitutions", subs)
	}
	def, uri := x.get("Definition"), x.get("DefinitionUri")
	switch {
	case truthy(def) && truthy(uri):
		x.fail("Specify either 'Definition' or 'DefinitionUri' property and not both.")
	case truthy(def):
		text, found := definitionString(def)
		if found.Len() > 0 {
			all := NewMap()
			if truthy(subs) {
				all = obj(subs)
			}
			all.update(found)
			m.set("DefinitionSubstitutions", all)
		}
		m.set("DefinitionString", text)
	case truthy(uri):
		m.set("DefinitionS3Location", s3Location(uri, x.id, false))
	default:
		x.fail("Either 'Definition' or 'DefinitionUri' property must be specified.")
	}
	role, policies := x.get("Role"), x.get("Policies")
	if truthy(role) && truthy(policies) {
		x.fail("Specify either 'Role' or 'Policies' (but not both at the same time) or neither of them")
	}
	tags, _ := x.get("Tags").(*Map)
	list := append(tagList(NewMap("stateMachine:createdBy", "SAM")), tagList(tags)...)
	if truthy(role) {
		m.set("RoleArn", role)
	} else {
		l := joined(policyList(policies), nil)
		if tr, ok := x.get("Tracing").(*Map); ok && tr.get("Enabled") == true {
			l = append(l, t.xrayPolicy())
		}
		r := t.role(roleSpec{owner: x.id, attrs: x.passThrough(), assume: assumeBy("states.amazonaws.com"), policies: l, path: x.get("RolePath"),
			boundary: x.get("PermissionsBoundary"), tags: list})
		m.set("RoleArn", r.arn())
		made = append(made, r)
	}
	m.with("StateMachineName", x.get("Name"), "StateMachineType", x.get("Type"), "LoggingConfiguration", x.get("Logging"),
		"TracingConfiguration", x.get("Tracing"), "Tags", clone(list))
	version := t.stateMachineAlias(x, m)
	made = append(made, version...)
	target := m
	if truthy(x.get("UseAliasAsEventTarget")) && len(version) > 0 {
		target = version[1]
	}
	events, _ := x.get("Events").(*Map)
	for e := range events.entries() {
		ev := readEvent(m.id, m.uni, e, schema().StateMachineEvents)
		made = append(made, t.stateMachineEvent(&eventOf{macro: ev, target: target, link: links[e.key], boundary: x.get("PermissionsBoundary")})...)
	}
	propagateTags(made, x.get("Tags"), x.get("PropagateTags"))
	return made
}

// stateMachineAlias makes the version and the alias that AutoPublishAlias asks for.
func (t *transform) stateMachineAlias(x *macro, m *resource) []*resource {
	name, preference := x.get("AutoPublishAlias"), x.get("DeploymentPreference")
	if !truthy(name) {
		if truthy(x.get("UseAliasAsEventTarget")) {
			x.fail("'UseAliasAsEventTarget' requires 'AutoPublishAlias' property to be specified.")
		}
		if truthy(preference) {
			x.fail("'DeploymentPreference' requires 'AutoPublishAlias' property to be specified.")
		}
		return nil
	}
	attrs := x.passThrough()
	for _, k := range [...]string{"DeletionPolicy", "UpdateReplacePolicy"} {
		if !attrs.Has(k) {
			attrs.Set(k, "Retain")
		}
	}
	v := newResource(x.id+"Version", "AWS::StepFunctions::StateMachineVersion", attrs).with("StateMachineArn", m.ref(),
		"StateMachineRevisionId", getAtt(m.id, "StateMachineRevisionId"))
	p := NewMap("Type", "ALL_AT_ONCE")
	if truthy(preference) {
		p = obj(preference)
	}
	p.Set("StateMachineVersionArn", v.ref())
	a := newResource(x.id+"Alias"+pyStr(name), "AWS::StepFunctions::StateMachineAlias", x.passThrough()).with("Name", name, "DeploymentPreference", p)
	return []*resource{v, a}
}

// definitionString writes a definition as lines, with intrinsic functions and dynamic references as substitutions.
func definitionString(def any) (text *Map, found *Map) {
	found = NewMap()
	n := 0
	copied := clone(def)
	dynamic := regexp.MustCompile(`^\{\{resolve:([a-z-]+):(.+)\}\}$`)
	replaced := func(v any) any {
		if s, ok := str(v); !isIntrinsic(v) && (!ok || !dynamic.MatchString(s)) {
			return nil
		}
		n++
		name := "definition_substitution_" + strconv.Itoa(n)
		found.Set(name, v)
		return "${" + name + "}"
	}
	var walk func(v any)
	walk = func(v any) {
		switch t := v.(type) {
		case *Map:
			keys := t.Keys()
			sort.Strings(keys)
			for _, k := range keys {
				if r := replaced(t.get(k)); r != nil {
					t.Set(k, r)
				} else {
					walk(t.get(k))
				}
			}
		case []any:
			for i := range t {
				if r := replaced(t[i]); r != nil {
					t[i] = r
				} else {
					walk(t[i])
				}
			}
		}
	}
	walk(copied)
	return NewMap("Fn::Join", []any{"\n", anys(strings.Split(indentedJSON(copied), "\n")...)}), found
}

// stateMachineEvent makes the resources of a state machine's event.
func (t *transform) stateMachineEvent(e *eventOf) []*resource {
	switch e.kind {
	case "ScheduleV2":
		return t.schedulerEvent(e)
	case "Api":
		return t.stateMachineAPIEvent(e)
	}
	attrs := e.target.passThrough()
	rule := newResource(e.idValue(), "AWS::Events::Rule", attrs)
	made := []*resource{rule}
	var extra []string
	if e.kind == "Schedule" {
		rule.with("ScheduleExpression", e.get("Schedule"), "State", e.ruleState(), "Name", e.get("Name"), "Description", e.get("Description"))
	} else {
		rule.with("EventBusName", e.get("EventBusName"), "EventPattern", e.get("Pattern"), "Name", e.get("RuleName"))
		if s := e.get("State"); truthy(s) {
			rule.set("State", s)
		}
		extra = []string{"InputPath", "InputTransformer"}
	}
	role := e.get("RoleArn")
	if role == nil {
		r := e.startRole("events.amazonaws.com")
		made = append(made, r)
		role = r.arn()
	}
	var dlq any
	if c := e.get("DeadLetterConfig"); c != nil {
		var rs []*resource
		dlq, rs = deadLetters(e.id, c, rule.arn(), attrs, true)
		made = append(made, rs...)
	}
	rule.set("Targets", []any{e.ruleTarget(e.givenTargetID("StepFunctionsTarget"), role, dlq, extra...)})
	return made
}

// startRole lets an event's source start executions.
func (e *eventOf) startRole(principal string) *resource {
	id := e.id + "Role"
	r := newResource(id, "AWS::IAM::Role", e.target.passThrough()).with("AssumeRolePolicyDocument", assumeBy(principal),
		"Policies", []any{policyStates(e.target.arn(), id)})
	if truthy(e.boundary) {
		r.set("PermissionsBoundary", e.boundary)
	}
	return r
}

func (t *transform) stateMachineAPIEvent(e *eventOf) []*resource {
	method, ok := str(e.get("Method"))
	if !ok {
		failPy("'%s' object has no attribute 'lower'", pyType(e.get("Method")))
	}
	e.p.Set("Method", like(e.get("Method"), strings.ToLower(method)))
	role := e.startRole("apigateway.amazonaws.com")
	api := e.link.target
	if api == nil {
		failPy("'NoneType' object has no attribute 'get'")
	}
	body := api.get("DefinitionBody")
	if !truthy(api.get("__MANAGE_SWAGGER")) || body == nil {
		return []*resource{role}
	}
	path, m := e.get("Path"), e.get("Method")
	s := t.newSwagger(body)
	if s.hasIntegration(text(path), m) {
		failEvent(e.rel, "API method \"%s\" defined multiple times for path \"%s\".", text(m), text(path))
	}
	id := e.target.id
	template := `{"input": "$util.escapeJavaScript($input.json('$'))", "stateMachineArn": "${` + id + `}"}`
	if truthy(e.get("UnescapeMappingTemplate")) {
		template = `{"input": "$util.escapeJavaScript($input.json('$')).replaceAll("\\'","'")", "stateMachineArn": "${` + id + `}"}`
	}
	s.guard(text(path), func() {
		s.addStateMachine(path, m, fnSub("arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/StartExecution"), role.arn(),
			NewMap("application/json", fnSub(template)), e.target.condition())
		if a := e.get("Auth"); truthy(a) {
			t.stateMachineAuth(s, e, obj(a), api)
		}
	})
	api.Set("DefinitionBody", s.result())
	return []*resource{role}
}

// stateMachineAuth is eventAuth without a stage, which the reference does not know here.
func (t *transform) stateMachineAuth(s *swagger, e *eventOf, auth, api *Map) {
	e.link = &link{id: e.link.id, target: NewMap(), suffix: "", noStage: true}
	t.eventAuth(s, e, auth, api)
}
