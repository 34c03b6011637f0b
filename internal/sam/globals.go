package sam

import (
	"sort"
	"strings"
)

const prefix = "AWS::Serverless::"

// mergeGlobals gives every serverless resource the properties of its section of Globals, which then goes.
func (t *transform) mergeGlobals() {
	sections := t.readGlobals()
	for e := range t.serverless() {
		r := e.val.(*Map)
		section := strings.TrimPrefix(text(r.get("Type")), prefix)
		global, ok := sections[section]
		local, given := r.Get("Properties")
		if !given {
			local = NewMap()
		}
		if ok {
			g := globalsFor(e.key, global, r.get("IgnoreGlobals"))
			local = (&globalsMerge{section: section, budget: t.budget}).merge(g, local, "", 0)
		}
		r.Set("Properties", local)
	}
	t.template.Delete("Globals")
	t.fixOpenAPIVersions()
}

func (t *transform) readGlobals() map[string]*Map {
	v, ok := t.template.Get("Globals")
	if !ok {
		return nil
	}
	fail := func(format string, args ...any) {
		f := &failure{kind: globalsFailure, id: "Globals", detail: sprintf(format, args)}
		panic(&failure{kind: documentFailure, causes: []*failure{f}})
	}
	m, ok := v.(*Map)
	if !ok {
		fail("It must be a non-empty dictionary")
	}
	out := map[string]*Map{}
	for name, props := range m.All() {
		var allowed []string
		var names []string
		for _, s := range schema().Globals {
			names = append(names, s.Section)
			if s.Section == name {
				allowed = s.Properties
			}
		}
		if allowed == nil {
			sort.Strings(names)
			fail("'%s' is not supported. Must be one of the following values - %s", name, pyRepr(anys(names...)))
		}
		p, ok := props.(*Map)
		if !ok {
			fail("Value of ${section} must be a dictionary")
		}
		for k := range p.All() {
			if !oneOf(k, allowed...) {
				fail("'%s' is not a supported property of '%s'. Must be one of the following values - %s", k, name, pyRepr(anys(allowed...)))
			}
		}
		out[name] = p
	}
	return out
}

// globalsFor leaves out what the resource's IgnoreGlobals names.
func globalsFor(id string, global *Map, ignore any) *Map {
	if !truthy(ignore) {
		return global
	}
	fail := func(format string, args ...any) {
		f := &failure{kind: resourceFailure, id: id, detail: sprintf(format, args)}
		panic(&failure{kind: documentFailure, causes: []*failure{f}})
	}
	if is(ignore, "*") {
		return NewMap()
	}
	l, ok := ignore.([]any)
	if !ok {
		fail("Resource %s has invalid resource attribute 'IgnoreGlobals'.", id)
	}
	g := global.clone()
	for _, k := range l {
		s, ok := str(k)
		if !ok || !g.Has(s) {
			fail("Resource %s has invalid resource attribute 'IgnoreGlobals' on item '%s'.", id, pyStr(k))
		}
		g.Delete(s)
	}
	return g
}

type globalsMerge struct {
	section string
	budget  *budget
}

// merge lays local over global: maps member by member, lists one after the other, all else local.
func (g *globalsMerge) merge(global, local any, path string, depth int) any {
	g.budget.step(depth)
	switch gv := global.(type) {
	case *Map:
		lv, ok := local.(*Map)
		if !ok || isIntrinsic(gv) || isIntrinsic(lv) {
			return local
		}
		if g.section == "CapacityProvider" && path == "ManagedResourceTags" && lv.Len() > 0 {
			return g.pruned(gv, lv, path, depth)
		}
		out := gv.shallow()
		for e := range lv.entries() {
			v := e.val
			if have, ok := gv.Get(e.key); ok {
				v = g.merge(have, v, strings.TrimLeft(path+"."+e.key, "."), depth+1)
			}
			out.setKey(e.key, e.uni, v)
		}
		g.budget.spend(out.Len())
		return out
	case []any:
		lv, ok := local.([]any)
		if !ok || g.section == "Function" && path == "Architectures" || g.section == "CapacityProvider" && path == "InstanceRequirements.Architectures" {
			return local
		}
		g.budget.spend(len(gv) + len(lv))
		return append(append(make([]any, 0, len(gv)+len(lv)), gv...), lv...)
	}
	return local
}

// pruned keeps only the members that local names.
func (g *globalsMerge) pruned(global, local *Map, path string, depth int) *Map {
	out := NewMap()
	for e := range local.entries() {
		v := e.val
		if have, ok := global.Get(e.key); ok {
			v = g.merge(have, v, strings.TrimLeft(path+"."+e.key, "."), depth+1)
		}
		out.setKey(e.key, e.uni, v)
	}
	return out
}

// fixOpenAPIVersions turns the definitions that the transform made itself into OpenAPI 3 where that is asked for.
func (t *transform) fixOpenAPIVersions() {
	for _, v := range t.resources.All() {
		r := v.(*Map)
		if !is(r.get("Type"), "AWS::Serverless::Api") {
			continue
		}
		p := obj(r.get("Properties"))
		version, ok := p.Get("OpenApiVersion")
		if !ok || !p.Has("__MANAGE_SWAGGER") || !openAPI3(version) {
			continue
		}
		if !isStr(version) {
			version = pyStr(version)
			p.Set("OpenApiVersion", version)
		}
		if body, ok := p.Get("DefinitionBody"); ok {
			b := obj(body)
			b.Set("openapi", version)
			if truthy(b.get("swagger")) {
				b.Delete("swagger")
			}
		}
	}
}
