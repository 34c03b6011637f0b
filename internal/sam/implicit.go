package sam

import (
	"sort"
	"strconv"
	"strings"
)

// implicitKind tells the two APIs that events may bring into being apart.
type implicitKind struct {
	event    string // type of the events
	property string // by which an event names its API
	id       string // of the API that is made
	kind     string // of API resources
	http     bool
}

func restEvents() implicitKind {
	return implicitKind{"Api", "RestApiId", "ServerlessRestApi", "AWS::Serverless::Api", false}
}

func httpEvents() implicitKind {
	return implicitKind{"HttpApi", "ApiId", "ServerlessHttpApi", "AWS::Serverless::HttpApi", true}
}

// implicit is the making of one of them.
type implicit struct {
	implicitKind
	t          *transform
	conditions map[string]*Map // API to path to method to condition
	deletion   map[string][]any
	replace    map[string][]any
}

func (k implicitKind) valid(v any) bool {
	if k.http {
		return validOpenAPI(v)
	}
	return validSwagger(v)
}

// edit changes a definition with the kind's editor.
func (i *implicit) edit(body any, f func(e *editor)) *Map {
	if i.http {
		o := i.t.newOpenAPI(body)
		f(&o.editor)
		return o.result()
	}
	s := i.t.newSwagger(body)
	f(&s.editor)
	return s.result()
}

// addDefinitionBodies gives APIs without a definition an empty one that SAM manages.
func (t *transform) addDefinitionBodies() {
	for _, http := range [...]bool{false, true} {
		kind, skeleton := "AWS::Serverless::Api", swaggerSkeleton
		if http {
			kind, skeleton = "AWS::Serverless::HttpApi", openAPISkeleton
		}
		for e := range t.serverless(kind) {
			r := e.val.(*Map)
			p, _ := r.get("Properties").(*Map)
			if truthy(p.get("DefinitionBody")) || truthy(p.get("DefinitionUri")) {
				continue
			}
			if p == nil {
				p = NewMap()
				if http {
					r.Set("Properties", p)
				}
			}
			p.Set("DefinitionBody", skeleton())
			p.Set("__MANAGE_SWAGGER", true)
		}
	}
}

// implicitAPI adds the paths of events to the definitions of their APIs, and makes the API for events that name none.
func (t *transform) implicitAPI(k implicitKind) {
	i := &implicit{implicitKind: k, t: t, conditions: map[string]*Map{}, deletion: map[string][]any{}, replace: map[string][]any{}}
	before := t.resources.get(k.id)
	props := NewMap("StageName", "Prod", "DefinitionBody", nil, "__MANAGE_SWAGGER", true)
	if k.http {
		props.Delete("StageName")
		props.Set("DefinitionBody", openAPISkeleton())
	} else {
		props.Set("DefinitionBody", swaggerSkeleton())
	}
	before = clone(before)
	t.resources.Set(k.id, NewMap("Type", k.kind, "Properties", props))
	var errs []*failure
	for e := range t.serverless("AWS::Serverless::Function", "AWS::Serverless::StateMachine") {
		if f := catch(func() { i.resource(e) }).only(eventFailure); f != nil {
			errs = append(errs, &failure{kind: resourceFailure, id: e.key, detail: f.message()})
		}
	}
	api := t.resources.get(k.id).(*Map)
	i.setAttributes(api)
	i.conditionalPaths()
	if paths, _, _ := deepGet(api.get("Properties"), "DefinitionBody", "paths"); !truthy(paths) {
		if before != nil {
			t.resources.Set(k.id, before)
		} else {
			t.resources.Delete(k.id)
		}
	}
	if errs != nil {
		panic(&failure{kind: documentFailure, causes: errs})
	}
}

func (i *implicit) resource(en entry) {
	r := en.val.(*Map)
	p, _ := r.get("Properties").(*Map)
	events, _ := p.get("Events").(*Map)
	mine := pyMap()
	for e := range events.entries() {
		if ev, ok := e.val.(*Map); ok && is(ev.get("Type"), i.event) {
			mine.setKey(e.key, e.uni, ev)
		}
	}
	for e := range mine.entries() {
		i.one(e.key, e.val.(*Map), r, p)
	}
	if mine.Len() > 0 {
		events.update(mine)
	}
}

func (i *implicit) one(name string, ev, r, p *Map) {
	v, given := ev.Get("Properties")
	if !given {
		v = NewMap()
	}
	if !i.http && !truthy(v) {
		return
	}
	o := eventOwner(name)
	ep := o.mustMap(v, "", "Properties should be a map.")
	if ep.Len() == 0 {
		ev.Set("Properties", ep)
	}
	if !ep.Has(i.property) {
		i.addTags(r, p)
		ep.Set(i.property, ref(i.id))
	}
	if i.http && !truthy(ep.get("Path")) && !truthy(ep.get("Method")) {
		ep.Set("Path", defaultPath)
		ep.Set("Method", anyMethod)
	}
	path, method := ep.get("Path"), ep.get("Method")
	if _, ok := ep.Get("Path"); !ok && i.http {
		path = ""
	}
	o.mustBe(ep.get("Path"), "Path")
	o.mustBe(method, "Method")
	api := o.mustString(restAPIID(ep.get(i.property)), i.property)
	o.mustString(path, "Path")
	o.mustString(method, "Method")

	byPath := i.conditions[api]
	if byPath == nil {
		byPath = NewMap()
		i.conditions[api] = byPath
	}
	memberOf(byPath, text(path)).Set(text(method), r.get("Condition"))
	i.deletion[api] = append(i.deletion[api], r.get("DeletionPolicy"))
	i.replace[api] = append(i.replace[api], r.get("UpdateReplacePolicy"))

	target, _ := i.t.resources.get(api).(*Map)
	kind := text(target.get("Type"))
	if target == nil || kind == "AWS::Serverless::HttpApi" && kind != i.kind {
		failEvent(name, "%s must be a valid reference to an '%s' resource in same template.", i.property, i.kind)
	}
	i.addPath(target, path, method)
	if i.http && ep.Has("RouteSettings") {
		i.routeSettings(name, api, target, ep, r.get("Condition"))
	}
}

func (i *implicit) addPath(target *Map, path, method any) {
	p, ok := target.get("Properties").(*Map)
	if !ok || !i.valid(p.get("DefinitionBody")) || !truthy(p.get("__MANAGE_SWAGGER")) {
		return
	}
	p.Set("DefinitionBody", i.edit(p.get("DefinitionBody"), func(e *editor) { e.addPath(path, method) }))
}

// addTags gives the implicit API the tags that a function propagates.
func (i *implicit) addTags(r, p *Map) {
	api, _ := i.t.resources.get(i.id).(*Map)
	g, _ := i.t.template.get("Globals").(*Map)
	section, _ := g.get(strings.TrimPrefix(text(r.get("Type")), prefix)).(*Map)
	either := func(k string) any {
		if v := p.get(k); truthy(v) {
			return v
		}
		return section.get(k)
	}
	tags := either("Tags")
	if api == nil || !truthy(tags) || !truthy(either("PropagateTags")) {
		return
	}
	ap := obj(api.get("Properties"))
	memberOf(ap, "Tags").update(obj(tags))
	ap.Set("PropagateTags", true)
}

func (i *implicit) routeSettings(name, apiID string, target, ep *Map, condition any) {
	route := strings.ToUpper(text(ep.get("Method"))) + " " + text(ep.get("Path"))
	if is(ep.get("Method"), anyMethod) {
		route = text(ep.get("Path"))
	}
	p, _ := target.get("Properties").(*Map)
	if p == nil {
		p = NewMap()
		target.Set("Properties", p)
	}
	v, ok := p.Get("RouteSettings")
	if !ok {
		v = NewMap()
	}
	all := (owner{id: apiID}).mustMap(v, "RouteSettings")
	mine := ep.get("RouteSettings")
	if truthy(condition) {
		mine = fnIf(condition, mine, nil)
	}
	m := eventOwner(name).mustMap(mine, "RouteSettings")
	memberOf(all, route).update(m)
	p.Set("RouteSettings", all)
}

// setAttributes gives the implicit API a condition where all its methods have one, and the strictest policies.
func (i *implicit) setAttributes(api *Map) {
	var names []string
	all := true
	if i.conditions[i.id] != nil {
		for _, methods := range i.conditions[i.id].All() {
			n, ok := conditionsOf(methods.(*Map))
			all = all && ok
			for _, c := range n {
				if !oneOf(c, names...) {
					names = append(names, c)
				}
			}
		}
		if all && len(names) > 0 {
			api.Set("Condition", i.combined(i.id+"Condition", names))
		}
	}
	for _, a := range [...]struct {
		name string
		l    []any
		rank []string
	}{{"DeletionPolicy", i.deletion[i.id], []string{"Retain", "Delete"}}, {"UpdateReplacePolicy", i.replace[i.id], []string{"Retain", "Snapshot", "Delete"}}} {
		for _, p := range a.rank {
			if contains(a.l, p) {
				api.Set(a.name, p)
				break
			}
		}
	}
}

// conditionsOf gives the different conditions of a path's methods, and whether all have one.
func conditionsOf(methods *Map) (names []string, all bool) {
	all = true
	for _, c := range methods.All() {
		if c == nil {
			all = false
		} else if s := text(c); !oneOf(s, names...) {
			names = append(names, s)
		}
	}
	return names, all
}

// combined gives one condition for many, defined where there is more than one.
func (i *implicit) combined(name string, names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	defined := memberOf(i.t.template, "Conditions")
	for n, c := range combineConditions(sorted(names), name) {
		defined.Set(n, c)
	}
	return name
}

// combineConditions joins conditions by Fn::Or, which takes at most ten.
func combineConditions(names []string, name string) map[string]*Map {
	const most = 10
	if len(names) < 2 {
		return nil
	}
	out := map[string]*Map{}
	for left := (len(names) - 2) / (most - 1); len(names) > 1; left-- {
		n := name
		if left > 0 {
			n += strconv.Itoa(left)
		}
		take := names[:min(most, len(names))]
		out[n] = orOf(take)
		names = append(names[len(take):len(names):len(names)], n)
	}
	return out
}

// conditionalPaths makes each path of a managed definition depend on its events' conditions.
func (i *implicit) conditionalPaths() {
	for e := range i.t.serverless(i.kind) {
		p, _ := e.val.(*Map).get("Properties").(*Map)
		if !truthy(p.get("__MANAGE_SWAGGER")) {
			continue
		}
		p.Set("DefinitionBody", i.edit(p.get("DefinitionBody"), func(ed *editor) {
			for _, path := range ed.paths.Keys() {
				byPath := i.conditions[e.key]
				methods, ok := byPath.get(path).(*Map)
				if !ok {
					failPy("KeyError: %s", pyRepr(path))
				}
				names, all := conditionsOf(methods)
				if !all || len(names) == 0 {
					continue
				}
				sort.Strings(names)
				id := strings.NewReplacer("/", "SLASH", "{", "OB", "}", "CB").Replace(path)
				var c any = i.combined(e.key+id+"PathCondition", names)
				if len(names) == 1 {
					for _, v := range methods.All() {
						c = v
						break
					}
				}
				ed.makeConditional(path, c)
			}
		}))
	}
}
