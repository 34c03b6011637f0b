package template

import (
	"slices"
	"strings"
)

// Graph tells which resources need which: by DependsOn, Ref, Fn::GetAtt and Fn::Sub. It has no cycles. The order of all
// it gives is the template's.
type Graph struct {
	ids   []string
	place map[string]int
	deps  [][]int
	users [][]int
}

// IDs gives the resources.
func (g *Graph) IDs() []string { return slices.Clone(g.ids) }

// Deps gives the resources that one needs.
func (g *Graph) Deps(id string) []string { return g.names(g.deps, id) }

// Dependents gives the resources that need one.
func (g *Graph) Dependents(id string) []string { return g.names(g.users, id) }

func (g *Graph) names(edges [][]int, id string) []string {
	i, ok := g.place[id]
	if !ok {
		return nil
	}
	out := make([]string, len(edges[i]))
	for j, d := range edges[i] {
		out[j] = g.ids[d]
	}
	return out
}

// Order gives the resources so that each comes after those it needs.
func (g *Graph) Order() []string {
	out := make([]string, 0, len(g.ids))
	done := make([]bool, len(g.ids))
	var visit func(int)
	visit = func(i int) {
		if done[i] {
			return
		}
		done[i] = true
		for _, d := range g.deps[i] {
			visit(d)
		}
		out = append(out, g.ids[i])
	}
	for i := range g.ids {
		visit(i)
	}
	return out
}

// newGraph joins resources. edges calls add with each logical id that a resource needs.
func newGraph(resources []*Resource, edges func(r *Resource, add func(id string))) *Graph {
	g := &Graph{place: make(map[string]int, len(resources)), deps: make([][]int, len(resources)), users: make([][]int, len(resources))}
	for i, r := range resources {
		g.ids = append(g.ids, r.ID)
		g.place[r.ID] = i
	}
	for i, r := range resources {
		edges(r, func(id string) {
			if j, ok := g.place[id]; ok && !slices.Contains(g.deps[i], j) {
				g.deps[i] = append(g.deps[i], j)
			}
		})
		slices.Sort(g.deps[i])
		for _, j := range g.deps[i] {
			g.users[j] = append(g.users[j], i)
		}
	}
	return g
}

// cycle gives the members of all cycles, in order.
func (g *Graph) cycle() []string {
	index, low := make([]int, len(g.ids)), make([]int, len(g.ids))
	onStack := make([]bool, len(g.ids))
	var stack, in []int
	next := 0
	var visit func(int)
	visit = func(v int) {
		next++
		index[v], low[v] = next, next
		stack, onStack[v] = append(stack, v), true
		for _, w := range g.deps[v] {
			if index[w] == 0 {
				visit(w)
				low[v] = min(low[v], low[w])
			} else if onStack[w] {
				low[v] = min(low[v], index[w])
			}
		}
		if low[v] != index[v] {
			return
		}
		at := slices.Index(stack, v)
		part := stack[at:]
		if len(part) > 1 || slices.Contains(g.deps[v], v) {
			in = append(in, part...)
		}
		for _, w := range part {
			onStack[w] = false
		}
		stack = stack[:at]
	}
	for v := range g.ids {
		if index[v] == 0 {
			visit(v)
		}
	}
	slices.Sort(in)
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = g.ids[v]
	}
	return out
}

// Cycle gives the resources that need each other, nil where there are none.
func (t *Template) Cycle() []string {
	return newGraph(t.Resources, func(r *Resource, add func(string)) {
		for _, d := range r.DependsOn {
			add(d)
		}
		needs(r.Properties, nil, add)
		needs(r.Metadata, nil, add)
	}).cycle()
}

func (t *Template) checkCycles() *Error {
	if t.Conditions.Len() > 0 {
		return nil // a branch that is not taken makes no cycle; Bind looks again
	}
	return cycleError(t.Cycle(), t)
}

func cycleError(in []string, t *Template) *Error {
	if len(in) == 0 {
		return nil
	}
	return errorAt(t.resources[in[0]].Pos, "Circular dependency between resources: [%s]", strings.Join(in, ", "))
}

// needs calls add with each name that a value refers to. holds, where given, tells which branch of a Fn::If counts.
func needs(v Value, holds func(condition string) bool, add func(id string)) {
	if !v.Exists() || !v.n.live {
		return
	}
	fn, arg, ok := function(v)
	if ok {
		switch fn {
		case "Ref":
			add(arg.Text())
			return
		case "Fn::GetAtt":
			id, attr := getAtt(arg)
			if id.IsString() {
				add(id.Text())
			} else {
				needs(id, holds, add)
			}
			needs(attr, holds, add)
			return
		case "Fn::Sub":
			text, vars := arg, Value{}
			if arg.IsList() {
				text, vars = arg.Index(0), arg.Index(1)
			}
			parts, _ := subParts(text.Text())
			for _, p := range parts {
				if p.name && !vars.Has(p.text) {
					id, _, _ := strings.Cut(p.text, ".")
					add(id)
				}
			}
			needs(vars, holds, add)
			return
		case "Fn::If":
			if holds != nil && arg.Len() == 3 {
				if holds(arg.Index(0).Text()) {
					needs(arg.Index(1), holds, add)
				} else {
					needs(arg.Index(2), holds, add)
				}
				return
			}
		}
	}
	for _, e := range v.n.entries {
		needs(e.Value, holds, add)
	}
	for _, e := range v.n.items {
		needs(e, holds, add)
	}
}
