package template

import (
	"slices"
	"strings"
)

// Env is what a stack's place gives: the pseudo parameters and the callbacks that [Template.Bind] needs.
type Env struct {
	AccountID, Region, Partition, URLSuffix string
	StackName, StackID                      string
	NotificationARNs                        []string

	// Zones gives a region's availability zones; without it they are the region's name with a, b and c.
	Zones func(region string) ([]string, error)
	// Parameter gives the value of a Systems Manager parameter; without it such values are unknown.
	Parameter func(name string) (string, error)
}

// Lookup is what other resources and stacks give. A member that is nil makes its values unknown; a nil Dynamic leaves
// dynamic references as they stand.
type Lookup struct {
	Ref         func(id string) (Value, error)
	GetAtt      func(id, attr string) (Value, error)
	ImportValue func(name string) (Value, error)
	Dynamic     func(DynamicReference) (string, error)
}

// Bound is a template whose parameters, conditions and mappings are settled: what a stack is made of. It is immutable
// and safe for concurrent use, if the callbacks of its Env are.
type Bound struct {
	Template   *Template
	env        Env
	parameters map[string]Value
	conditions map[string]bool
	active     []*Resource
	isActive   map[string]bool
	graph      *Graph
}

// Bind settles parameters (text by name), evaluates conditions and rules, and finds what depends on what. The error is
// an *[Error]: a parameter that is missing, unknown or against its constraints, an assertion that does not hold, a
// reference to a resource whose condition is false, or a circular dependency.
func (t *Template) Bind(parameters map[string]string, env Env) (*Bound, error) {
	if t.pending {
		return nil, formatError(Pos{}, "the template holds transforms that were not processed.")
	}
	b, e := t.bind(parameters, env)
	if e != nil {
		return nil, e
	}
	return b, nil
}

func (t *Template) bind(parameters map[string]string, env Env) (*Bound, *Error) {
	b := &Bound{Template: t, env: env, conditions: map[string]bool{}, isActive: map[string]bool{}}
	var e *Error
	if b.parameters, e = t.parameterValues(parameters, env); e != nil {
		return nil, e
	}
	ev := b.evaluator(Lookup{})
	ev.context = inConditions
	ev.evaluating = map[string]bool{}
	for name := range t.Conditions.All() {
		if _, e := ev.condition(name, t.Conditions.Get(name).Pos()); e != nil {
			return nil, e
		}
	}
	if e := b.rules(ev); e != nil {
		return nil, e
	}
	for _, r := range t.Resources {
		if r.Condition == "" || b.conditions[r.Condition] {
			b.active = append(b.active, r)
			b.isActive[r.ID] = true
		}
	}
	missing := b.missing()
	if len(missing) > 0 {
		return nil, formatError(Pos{}, "Unresolved resource dependencies [%s] in the Resources block of the template", strings.Join(missing, ", "))
	}
	if e := cycleError(b.graph.cycle(), t); e != nil {
		return nil, e
	}
	for _, o := range t.Outputs {
		if o.Condition != "" && !b.conditions[o.Condition] {
			continue
		}
		b.needs(o.Value, func(id string) {
			if t.resources[id] != nil && !b.isActive[id] && !slices.Contains(missing, id) {
				missing = append(missing, id)
			}
		})
	}
	if len(missing) > 0 {
		return nil, errorAt(Pos{}, "Unresolved resource dependencies [%s] in the Outputs block of the template", strings.Join(missing, ", "))
	}
	return b, nil
}

func (b *Bound) needs(v Value, add func(string)) {
	needs(v, func(c string) bool { return b.conditions[c] }, add)
}

// missing makes the graph and gives the resources that are needed and whose conditions are false.
func (b *Bound) missing() []string {
	var out []string
	b.graph = newGraph(b.active, func(r *Resource, add func(string)) {
		for _, d := range r.DependsOn {
			add(d)
		}
		need := func(id string) {
			if b.Template.resources[id] != nil && !b.isActive[id] && !slices.Contains(out, id) {
				out = append(out, id)
			}
			add(id)
		}
		b.needs(r.Properties, need)
		b.needs(r.Metadata, need)
		b.needs(r.UpdatePolicy, need)
		b.needs(r.CreationPolicy, need)
	})
	return out
}

// rules checks the assertions of Rules.
func (b *Bound) rules(ev *evaluator) *Error {
	ev.context = inRules
	defer func() { ev.context = inConditions }()
	for name, r := range b.Template.Rules.All() {
		if c := r.Get("RuleCondition"); c.Exists() {
			if ok, e := ev.truth(c); e != nil {
				return e
			} else if !ok {
				continue
			}
		}
		for _, a := range r.Get("Assertions").Items() {
			ok, e := ev.truth(a.Get("Assert"))
			if e != nil {
				return e
			}
			if !ok {
				text := a.Get("AssertDescription").Text()
				if text == "" {
					text = "Rule " + name + " failed"
				}
				return templateError(a.Pos(), "Rule %s failed to satisfy its assertion: %s", name, text)
			}
		}
	}
	return nil
}

// Parameter gives the value of a parameter as Ref does.
func (b *Bound) Parameter(name string) Value { return b.parameters[name] }

// Condition tells whether a condition holds.
func (b *Bound) Condition(name string) bool { return b.conditions[name] }

// Resources gives the resources whose conditions hold, in the template's order.
func (b *Bound) Resources() []*Resource { return slices.Clone(b.active) }

// Resource gives a resource whose condition holds.
func (b *Bound) Resource(id string) (*Resource, bool) {
	if !b.isActive[id] {
		return nil, false
	}
	return b.Template.Resource(id)
}

// Graph tells which resources need which.
func (b *Bound) Graph() *Graph { return b.graph }

// Resolve gives a resource's properties with every function evaluated; an empty map where it has none. The error is an
// *[Error]; one that a callback gave is wrapped in it.
func (b *Bound) Resolve(id string, lookup Lookup) (Value, error) {
	r, ok := b.Resource(id)
	if !ok {
		return Value{}, errorAt(Pos{}, "Resource %s does not exist in the template", id)
	}
	v, err := b.ResolveValue(r.Properties, lookup)
	if err == nil && !v.Exists() {
		v = MapOf().At(r.Pos)
	}
	return v, err
}

// ResolveValue evaluates any value of the template, as a resource's Metadata or UpdatePolicy.
func (b *Bound) ResolveValue(v Value, lookup Lookup) (Value, error) {
	out, e := b.evaluator(lookup).whole(v)
	if e != nil {
		return Value{}, e
	}
	return out, nil
}

// Policies gives a resource's DeletionPolicy and UpdateReplacePolicy; "" where there is none.
func (b *Bound) Policies(r *Resource) (deletion, updateReplace string, err error) {
	one := func(name string, v Value) (string, error) {
		if !v.Exists() {
			return "", nil
		}
		out, e := b.evaluator(Lookup{}).eval(v)
		if e == nil && out.Exists() {
			e = policy(name, out)
		}
		if e != nil {
			return "", e
		}
		return out.Text(), nil
	}
	if deletion, err = one("DeletionPolicy", r.DeletionPolicy); err != nil {
		return "", "", err
	}
	updateReplace, err = one("UpdateReplacePolicy", r.UpdateReplacePolicy)
	return deletion, updateReplace, err
}

// OutputValue is an output of a stack.
type OutputValue struct {
	Name        string
	Description string
	Value       Value // a string, or unknown
	Export      Value // the export's name, or unknown; absent where there is none
}

// Outputs evaluates the outputs whose conditions hold.
func (b *Bound) Outputs(lookup Lookup) ([]OutputValue, error) {
	out := make([]OutputValue, 0, len(b.Template.Outputs))
	ev := b.evaluator(lookup)
	ev.context = inOutputs
	for _, o := range b.Template.Outputs {
		if o.Condition != "" && !b.conditions[o.Condition] {
			continue
		}
		v := OutputValue{Name: o.Name, Description: o.Description.Text()}
		for _, m := range []struct {
			of   string
			from Value
			to   *Value
		}{{"Value", o.Value, &v.Value}, {"Name", o.Export, &v.Export}} {
			if !m.from.Exists() {
				continue
			}
			x, e := ev.whole(m.from)
			if e != nil {
				return nil, e
			}
			switch {
			case x.IsScalar():
				x = StringOf(x.Text()).At(x.Pos())
			case x.Kind() != Unknown:
				return nil, formatError(m.from.Pos(), "Output %s is malformed. The %s field of every Outputs member must evaluate to a String.", o.Name, m.of)
			}
			*m.to = x
		}
		out = append(out, v)
	}
	return out, nil
}
