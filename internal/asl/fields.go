package asl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"virga/internal/jsonpath"
)

// fields reads the members of one object of a definition, noting what is wrong with them.
type fields struct {
	c  *checker
	o  *jsonpath.Object
	at string
}

func (c *checker) fields(o *jsonpath.Object, at string) *fields { return &fields{c, o, at} }

// place is where the object is, "/" for the definition itself.
func (f *fields) place() string {
	if f.at == "" {
		return "/"
	}
	return f.at
}

func (f *fields) has(name string) bool {
	_, ok := f.o.Get(name)
	return ok
}

// require notes the names that are missing, all at once.
func (f *fields) require(names ...string) {
	var missing []string
	for _, n := range names {
		if !f.has(n) {
			missing = append(missing, n)
		}
	}
	if missing != nil {
		f.c.bad(f.place(), "These fields are required: [%s]", strings.Join(missing, ", "))
	}
}

// allow notes members that the object does not have.
func (f *fields) allow(names ...string) {
	for i := range f.o.Len() {
		if n, _ := f.o.At(i); !slices.Contains(names, n) {
			f.c.bad(f.at+"/"+n, "Field is not supported")
		}
	}
}

// one notes when several of the names are there, and says which one is.
func (f *fields) one(needed bool, names ...string) string {
	have := ""
	for _, n := range names {
		if !f.has(n) {
			continue
		}
		if have != "" {
			f.c.bad(f.place(), "Only one of these fields can be specified: [%s]", strings.Join(names, ", "))
			return have
		}
		have = n
	}
	if have == "" && needed {
		f.c.bad(f.place(), "One of these fields is required: [%s]", strings.Join(names, ", "))
	}
	return have
}

func (f *fields) wrong(name, kind string) { f.c.bad(f.at+"/"+name, "Expected value of type %s", kind) }

func (f *fields) str(name string) (string, bool) {
	v, ok := f.o.Get(name)
	if !ok {
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		f.wrong(name, "String")
	}
	return s, ok
}

func (f *fields) boolean(name string) (value, ok bool) {
	v, ok := f.o.Get(name)
	if !ok {
		return false, false
	}
	value, ok = v.(bool)
	if !ok {
		f.wrong(name, "Boolean")
	}
	return value, ok
}

func (f *fields) object(name string) (*jsonpath.Object, bool) {
	v, ok := f.o.Get(name)
	if !ok {
		return nil, false
	}
	o, ok := v.(*jsonpath.Object)
	if !ok {
		f.wrong(name, "Object")
	}
	return o, ok
}

func (f *fields) list(name string) ([]any, bool) {
	v, ok := f.o.Get(name)
	if !ok {
		return nil, false
	}
	l, ok := v.([]any)
	if !ok {
		f.wrong(name, "Array")
	}
	return l, ok
}

// whole reads an integer within limits.
func (f *fields) whole(name string, least, most int64) (int64, bool) {
	v, ok := f.o.Get(name)
	if !ok {
		return 0, false
	}
	n, ok := v.(jsonpath.Number)
	i, err := integerOf(n)
	if !ok || err != nil {
		f.wrong(name, "Integer")
		return 0, false
	}
	if i < least {
		f.c.bad(f.at+"/"+name, "Number should be greater than or equal to %d", least)
		return 0, false
	}
	if i > most {
		f.c.bad(f.at+"/"+name, "Number should be less than or equal to %d", most)
		return 0, false
	}
	return i, true
}

func (f *fields) float(name string, least, most float64) (float64, bool) {
	v, ok := f.o.Get(name)
	if !ok {
		return 0, false
	}
	n, ok := v.(jsonpath.Number)
	x, err := n.Float64()
	if !ok || err != nil {
		f.wrong(name, "Number")
		return 0, false
	}
	if x < least {
		f.c.bad(f.at+"/"+name, "Number should be greater than or equal to %v", least)
		return 0, false
	}
	if x > most {
		f.c.bad(f.at+"/"+name, "Number should be less than or equal to %v", most)
		return 0, false
	}
	return x, true
}

// integerOf reads a number that is whole, 1.0 too.
func integerOf(n jsonpath.Number) (int64, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	x, err := n.Float64()
	if err != nil || x != float64(int64(x)) || x > 1<<53 || x < -1<<53 {
		return 0, fmt.Errorf("%s is no integer", n)
	}
	return int64(x), nil
}

// language reads QueryLanguage: whether it is JSONata.
func (f *fields) language(outer bool) bool {
	q, ok := f.str("QueryLanguage")
	if !ok {
		return outer
	}
	switch q {
	case "JSONata":
		return true
	case "JSONPath":
		return false
	}
	f.c.bad(f.at+"/QueryLanguage", "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]")
	return outer
}

// path reads a JSONPath that may be null.
func (f *fields) path(name string) *pathField {
	v, ok := f.o.Get(name)
	if !ok {
		return nil
	}
	if v == nil {
		return &pathField{null: true}
	}
	s, ok := v.(string)
	if !ok {
		f.wrong(name, "String")
		return nil
	}
	p, err := jsonpath.ParsePath(s)
	if err != nil {
		f.c.bad(f.at+"/"+name, "Value is not a valid JSONPath")
		return nil
	}
	return &pathField{path: p, whole: s == "$", text: s}
}

// reading reads a path that leads to one value of the input, the context object or a variable.
func (f *fields) reading(name string) *jsonpath.Path {
	s, ok := f.str(name)
	if !ok {
		return nil
	}
	p, err := jsonpath.ParsePath(s)
	if err != nil || !p.Definite() {
		f.c.bad(f.at+"/"+name, "Value is not a Reference Path")
		return nil
	}
	return p
}

// expression reads a path or a call of an intrinsic function.
func (f *fields) expression(name string) *jsonpath.Expression {
	s, ok := f.str(name)
	if !ok {
		return nil
	}
	e, err := jsonpath.ParseExpression(s)
	if err != nil {
		f.c.bad(f.at+"/"+name, "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", name)
		return nil
	}
	return e
}

// target reads the name of a state.
func (f *fields) target(st *state, name string) string {
	s, ok := f.str(name)
	if ok {
		st.targets = append(st.targets, target{s, f.at + "/" + name})
	}
	return s
}

// element is the place of an element of a list.
func (f *fields) element(name string, i int) string {
	return f.at + "/" + name + "[" + strconv.Itoa(i) + "]"
}
