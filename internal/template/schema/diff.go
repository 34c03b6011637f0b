package schema

import (
	"strings"

	"virga/internal/template"
)

// Replacement tells what a change does to the resource.
type Replacement uint8

// What a change does; the texts are those of DescribeChangeSet's RequiresRecreation.
const (
	Never Replacement = iota
	Conditionally
	Always
)

// String gives AWS's word.
func (r Replacement) String() string { return [...]string{"Never", "Conditionally", "Always"}[r] }

// Change is a property that differs.
type Change struct {
	Property    string // the one at the top
	Path        string // as deep as both sides are maps: "RedrivePolicy/maxReceiveCount"
	Before      template.Value
	After       template.Value // absent where the property is taken away
	Replacement Replacement
	Dynamic     bool // the new value is known after apply only
}

// Diff compares two sets of resolved properties. Scalars are alike when their texts are; lists that the schema says have
// no order are compared without it. The order of the changes is that of the new properties, those taken away last.
func (t *Type) Diff(before, after template.Value) []Change {
	return t.diff(nil, "", t.doc, before, after)
}

// Overall gives the strongest of the changes' replacements.
func Overall(changes []Change) Replacement {
	r := Never
	for _, c := range changes {
		r = max(r, c.Replacement)
	}
	return r
}

func (t *Type) diff(out []Change, path string, s, before, after template.Value) []Change {
	s = t.deref(s)
	if before.IsMap() && after.IsMap() && (path == "" || s.Get("properties").Len() > 0) {
		for k, a := range after.All() {
			out = t.diff(out, join(path, k), s.Path("properties", k), before.Get(k), a)
		}
		for k, b := range before.All() {
			if !after.Has(k) {
				out = t.diff(out, join(path, k), s.Path("properties", k), b, template.Value{})
			}
		}
		return out
	}
	if t.same(s, before, after) {
		return out
	}
	top, _, _ := strings.Cut(path, "/")
	c := Change{Property: top, Path: path, Before: before, After: after, Dynamic: after.Unknown(), Replacement: t.replaces(path)}
	if c.Dynamic && c.Replacement == Always {
		c.Replacement = Conditionally // the value may turn out to be the old one
	}
	return append(out, c)
}

func join(path, step string) string {
	if path == "" {
		return step
	}
	return path + "/" + step
}

// replaces tells what a change at a path does: that of the create-only properties at, above or below it.
func (t *Type) replaces(path string) Replacement {
	touches := func(list []string) bool {
		for _, p := range list {
			p = strings.ReplaceAll(p, "/*", "")
			if p == path || strings.HasPrefix(path, p+"/") || strings.HasPrefix(p, path+"/") {
				return true
			}
		}
		return false
	}
	switch {
	case touches(t.CreateOnly):
		return Always
	case touches(t.ConditionalCreateOnly):
		return Conditionally
	}
	return Never
}

func (t *Type) same(s, a, b template.Value) bool {
	if a.IsScalar() && b.IsScalar() {
		return a.Text() == b.Text()
	}
	if a.Kind() != b.Kind() || a.Kind() == template.Unknown {
		return false
	}
	s = t.deref(s)
	switch a.Kind() {
	case template.List:
		if a.Len() != b.Len() {
			return false
		}
		ordered := true
		if o, ok := s.Get("insertionOrder").Bool(); ok {
			ordered = o
		}
		it := s.Get("items")
		if ordered {
			for i, x := range a.Items() {
				if !t.same(it, x, b.Index(i)) {
					return false
				}
			}
			return true
		}
		if a.Len() > 1000 { // a set is compared in quadratic time
			return template.Equal(a, b)
		}
		used := make([]bool, b.Len())
	next:
		for _, x := range a.Items() {
			for j, y := range b.Items() {
				if !used[j] && t.same(it, x, y) {
					used[j] = true
					continue next
				}
			}
			return false
		}
		return true
	case template.Map:
		if a.Len() != b.Len() {
			return false
		}
		for k, x := range a.All() {
			if !b.Has(k) || !t.same(s.Path("properties", k), x, b.Get(k)) {
				return false
			}
		}
	}
	return true
}

// Coerce gives properties with scalars in the types of the schema, as CloudFormation hands them to a resource's handler:
// "30" becomes 30 where a number is wanted, true becomes "true" where a string is. What does not fit stays.
func (t *Type) Coerce(v template.Value) template.Value { return t.coerce(t.doc, v, 0) }

func (t *Type) coerce(s, v template.Value, depth int) template.Value {
	s = t.deref(s)
	if !s.Exists() || depth > 64 {
		return v
	}
	switch v.Kind() {
	case template.Map:
		var out []template.Entry
		for e := range v.Entries() {
			e.Value = t.coerce(t.member(s, e.Key), e.Value, depth+1)
			out = append(out, e)
		}
		return template.MapOf(out...).At(v.Pos())
	case template.List:
		out := make([]template.Value, v.Len())
		for i, x := range v.Items() {
			out[i] = t.coerce(s.Get("items"), x, depth+1)
		}
		return template.ListOf(out...).At(v.Pos())
	case template.String, template.Number, template.Bool:
		ty := s.Get("type")
		if !ty.IsString() {
			return v
		}
		switch ty.Text() {
		case "integer", "number":
			return template.NumberOf(v.Text()).At(v.Pos())
		case "boolean":
			if b, ok := v.Bool(); ok {
				return template.BoolOf(b).At(v.Pos())
			}
		case "string":
			return template.StringOf(v.Text()).At(v.Pos())
		}
	}
	return v
}

// member gives the schema of a map's member.
func (t *Type) member(s template.Value, key string) template.Value {
	if m := s.Path("properties", key); m.Exists() {
		return m
	}
	for p, m := range s.Get("patternProperties").All() {
		if re := t.regexp(p); re == nil || re.MatchString(key) {
			return m
		}
	}
	if m := s.Get("additionalProperties"); m.IsMap() {
		return m
	}
	return template.Value{}
}
