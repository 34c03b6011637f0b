package template

import (
	"fmt"
	"strings"
)

// MacroCall is what a macro is called with.
type MacroCall struct {
	Name       string
	Parameters Value            // functions in them are evaluated
	Fragment   Value            // the members beside Fn::Transform, or the whole template
	Values     map[string]Value // of the template's parameters
}

// Macros gives what a macro makes of its fragment. For [Include] it gives the included snippet, which is merged here.
// [LanguageExtensions] is done here and never asked for.
type Macros func(MacroCall) (Value, error)

// Expand processes the transforms: Fn::Transform from the inside out, then the template's own in their order, loops
// (Fn::ForEach) as AWS::LanguageExtensions. What it gives holds none and was checked as [Parse] checks. The error is an
// *[Error].
//
// Guide: AWS CloudFormation User Guide, "Perform custom processing on CloudFormation templates with template macros",
// "AWS::LanguageExtensions transform".
func (t *Template) Expand(parameters map[string]string, env Env, macros Macros) (*Template, error) {
	if !t.pending {
		return t, nil
	}
	out, e := t.expand(parameters, env, macros)
	if e != nil {
		return nil, e
	}
	return out, nil
}

type expander struct {
	t      *Template
	macros Macros
	ev     *evaluator
	values map[string]Value
	turns  int
	nodes  int
}

func (t *Template) expand(parameters map[string]string, env Env, macros Macros) (*Template, *Error) {
	values, e := t.parameterValues(parameters, env)
	if e != nil {
		return nil, e
	}
	b := &Bound{Template: t, env: env, parameters: values, conditions: map[string]bool{}, isActive: map[string]bool{}}
	x := &expander{t: t, macros: macros, values: values, ev: b.evaluator(Lookup{})}
	root, e := x.inner(t.Root)
	if e != nil {
		return nil, e
	}
	for _, m := range t.Transforms {
		if m.Name == LanguageExtensions {
			if root, e = x.loops(root); e != nil {
				return nil, e
			}
			continue
		}
		if root, e = x.macro(m, root.Without("Transform")); e != nil {
			return nil, e
		}
		if !root.IsMap() {
			return nil, errorAt(m.Pos, "Transform %s failed with: the result is not a template", m.Name)
		}
	}
	out := &Template{Root: root.Without("Transform"), limits: t.limits, parameters: map[string]*Parameter{}, resources: map[string]*Resource{}, extended: t.extended}
	if holdsMacro(out.Root) {
		return nil, formatError(Pos{}, "Encountered unsupported function: Fn::ForEach or Fn::Transform that no declared transform processes")
	}
	if e := out.read(); e != nil {
		return nil, e
	}
	return out, nil
}

// macro calls one macro, or does what AWS::Include does.
func (x *expander) macro(m Macro, fragment Value) (Value, *Error) {
	params, e := x.ev.eval(m.Parameters)
	if e != nil {
		return Value{}, e
	}
	if x.macros == nil {
		return Value{}, errorAt(m.Pos, "No transform named %s found.", m.Name)
	}
	v, err := x.macros(MacroCall{Name: m.Name, Parameters: params, Fragment: fragment, Values: x.values})
	if err != nil {
		return Value{}, asError(err, m.Pos)
	}
	if v.Size() > x.t.limits.Nodes || v.Depth() > x.t.limits.Depth {
		return Value{}, limitError(m.Pos, "Nodes", "transform %s made too much.", m.Name)
	}
	if m.Name != Include {
		return v, nil
	}
	if !v.IsMap() {
		return Value{}, errorAt(m.Pos, "Transform AWS::Include failed with: The specified S3 object's content should be valid Yaml/JSON")
	}
	entries := make([]Entry, 0, fragment.Len()+v.Len())
	for e := range fragment.Entries() {
		entries = append(entries, e)
	}
	for e := range v.Entries() {
		entries = append(entries, e)
	}
	return MapOf(entries...).At(fragment.Pos()), nil
}

// inner processes Fn::Transform wherever it stands, innermost first.
func (x *expander) inner(v Value) (Value, *Error) {
	if !v.Exists() || !v.n.live || !holdsMacro(v) {
		return v, nil
	}
	if v.IsList() {
		out := make([]Value, v.Len())
		for i, e := range v.Items() {
			r, err := x.inner(e)
			if err != nil {
				return Value{}, err
			}
			out[i] = r
		}
		return ListOf(out...).At(v.Pos()), nil
	}
	var calls Value
	out := make([]Entry, 0, v.Len())
	for e := range v.Entries() {
		r, err := x.inner(e.Value)
		if err != nil {
			return Value{}, err
		}
		e.Value = r
		if e.Key == "Fn::Transform" {
			calls = r
			continue
		}
		out = append(out, e)
	}
	fragment := MapOf(out...).At(v.Pos())
	if !calls.Exists() {
		return fragment, nil
	}
	if !calls.IsList() {
		calls = ListOf(calls)
	}
	for _, c := range calls.Items() {
		name := c.Get("Name")
		if !name.IsString() {
			return Value{}, errorAt(c.Pos(), "Key Name of transform definition must be a string.")
		}
		var e *Error
		if fragment, e = x.macro(Macro{name.Text(), c.Get("Parameters"), c.Pos()}, fragment); e != nil {
			return Value{}, e
		}
	}
	return fragment, nil
}

// loops unrolls Fn::ForEach in a value.
func (x *expander) loops(v Value) (Value, *Error) {
	if !v.Exists() || !v.n.live || !holdsMacro(v) {
		return v, nil
	}
	if v.IsList() {
		out := make([]Value, v.Len())
		for i, e := range v.Items() {
			r, err := x.loops(e)
			if err != nil {
				return Value{}, err
			}
			out[i] = r
		}
		return ListOf(out...).At(v.Pos()), nil
	}
	out := make([]Entry, 0, v.Len())
	seen := map[string]bool{}
	add := func(e Entry) *Error {
		if seen[e.Key] {
			return errorAt(e.KeyPos, "Template format error: Fn::ForEach made the key %s twice", e.Key)
		}
		seen[e.Key] = true
		out = append(out, e)
		return nil
	}
	for e := range v.Entries() {
		if strings.HasPrefix(e.Key, forEachPrefix) {
			made, err := x.loop(e)
			if err != nil {
				return Value{}, err
			}
			for m := range made.Entries() {
				if err := add(m); err != nil {
					return Value{}, err
				}
			}
			continue
		}
		r, err := x.loops(e.Value)
		if err != nil {
			return Value{}, err
		}
		e.Value = r
		if err := add(e); err != nil {
			return Value{}, err
		}
	}
	return MapOf(out...).At(v.Pos()), nil
}

func (x *expander) loop(e Entry) (Value, *Error) {
	a := e.Value
	bad := func(why string) *Error {
		return errorAt(e.KeyPos, "Template error: %s layout is incorrect: %s", e.Key, why)
	}
	id, body := a.Index(0), a.Index(2)
	if a.Len() != 3 || !id.IsString() || !body.IsMap() || !alphanumeric(id.Text()) {
		return Value{}, bad("it takes an identifier, a collection and an object")
	}
	coll, err := x.collection(a.Index(1))
	if err != nil {
		return Value{}, err
	}
	out := make([]Entry, 0, len(coll)*body.Len())
	for _, item := range coll {
		if x.turns++; x.turns > x.t.limits.Loops {
			e := bad(fmt.Sprintf("more than %d turns", x.t.limits.Loops))
			e.Limit = "Loops"
			return Value{}, e
		}
		if err := x.ev.spend(e.KeyPos, body.Size(), 0); err != nil {
			return Value{}, err
		}
		turn, err := x.loops(substitute(body, "{"+id.Text()+"}", id.Text(), item))
		if err != nil {
			return Value{}, err
		}
		if x.nodes += turn.Size(); x.nodes > x.t.limits.Nodes {
			return Value{}, limitError(e.KeyPos, "Nodes", "the template has more than %d values.", x.t.limits.Nodes)
		}
		for m := range turn.Entries() {
			out = append(out, m)
		}
	}
	seen := make(map[string]bool, len(out))
	for _, m := range out {
		if seen[m.Key] {
			return Value{}, bad("it makes the key " + m.Key + " twice")
		}
		seen[m.Key] = true
	}
	return MapOf(out...), nil
}

// collection gives what a loop runs over. A list in a list, as a list parameter's Ref, counts as its elements.
func (x *expander) collection(v Value) ([]string, *Error) {
	r, e := x.ev.eval(v)
	if e != nil {
		return nil, e
	}
	var out []string
	add := func(m Value) *Error {
		if !m.IsScalar() {
			return templateError(v.Pos(), "Fn::ForEach takes a collection of strings")
		}
		out = append(out, m.Text())
		return nil
	}
	if !r.IsList() {
		return nil, templateError(v.Pos(), "Fn::ForEach takes a collection of strings")
	}
	for _, m := range r.Items() {
		if !m.IsList() {
			m = ListOf(m)
		}
		for _, n := range m.Items() {
			if e := add(n); e != nil {
				return nil, e
			}
		}
	}
	return out, nil
}

// substitute puts a loop's item for ${Id} and &{Id} (its letters and digits) in keys and texts, and for {"Ref": Id}.
func substitute(v Value, braced, id, item string) Value {
	switch v.Kind() {
	case String:
		if s := v.Text(); strings.Contains(s, braced) {
			return StringOf(replace(s, braced, item)).At(v.Pos())
		}
	case List:
		out := make([]Value, v.Len())
		for i, e := range v.Items() {
			out[i] = substitute(e, braced, id, item)
		}
		return placed(ListOf(out...), v.Pos())
	case Map:
		if fn, arg, ok := function(v); ok && fn == "Ref" && arg.Text() == id {
			return StringOf(item).At(v.Pos())
		}
		out := make([]Entry, 0, v.Len())
		for e := range v.Entries() {
			if strings.Contains(e.Key, braced) {
				e.Key = replace(e.Key, braced, item)
			}
			e.Value = substitute(e.Value, braced, id, item)
			out = append(out, e)
		}
		return placed(MapOf(out...), v.Pos())
	}
	return v
}

func replace(s, braced, item string) string {
	s = strings.ReplaceAll(s, "$"+braced, item)
	if strings.Contains(s, "&"+braced) {
		plain := strings.Map(func(r rune) rune {
			if r < 128 && alphanumeric(string(r)) {
				return r
			}
			return -1
		}, item)
		s = strings.ReplaceAll(s, "&"+braced, plain)
	}
	return s
}
