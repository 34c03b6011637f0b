package asl

import (
	"strings"

	"virga/internal/jsonata"
	"virga/internal/jsonpath"
)

// template is a field that is filled in when a state runs: a payload template of JSONPath, or JSON with JSONata in it.
type template struct {
	payload *jsonpath.Template
	query   *query
	object  bool
}

// query is JSON in which texts between {% and %} are JSONata.
type query struct {
	constant *Document
	value    jsonata.Value
	program  *jsonata.Program
	source   string
	field    string
	list     []*query
	names    []string
	nodes    []*query
	isList   bool
}

// payload reads a payload template, which may be an array too.
func (f *fields) payload(name string) *template {
	v, ok := f.o.Get(name)
	if !ok {
		return nil
	}
	_, object := v.(*jsonpath.Object)
	if _, list := v.([]any); !list && !object && name != "Parameters" && name != "ItemSelector" {
		f.wrong(name, "Object")
		return nil
	}
	t, err := jsonpath.ParseTemplate(v)
	if err != nil {
		f.c.template(v, f.at+"/"+name)
		return nil
	}
	f.c.undotted(v, f.at+"/"+name)
	return &template{payload: t, object: object}
}

// template says which field of a payload template is wrong.
func (c *checker) template(v any, at string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			c.template(e, at)
		}
	case *jsonpath.Object:
		for i := range v.Len() {
			name, e := v.At(i)
			plain, dynamic := strings.CutSuffix(name, ".$")
			if !dynamic {
				c.template(e, at)
				continue
			}
			if _, both := v.Get(plain); both {
				c.bad(at, "The field '%s' conflicts with the field '%s'", name, plain)
			}
			s, ok := e.(string)
			if ok {
				_, err := jsonpath.ParseExpression(s)
				ok = err == nil
			}
			if !ok {
				c.bad(at, "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", name)
			}
		}
	}
}

// undotted warns of values that look like paths under names without .$.
func (c *checker) undotted(v any, at string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			c.undotted(e, at)
		}
	case *jsonpath.Object:
		for i := range v.Len() {
			name, e := v.At(i)
			if s, ok := e.(string); ok && !strings.HasSuffix(name, ".$") && (strings.HasPrefix(s, "$.") || strings.HasPrefix(s, "$$.") || strings.HasPrefix(s, "States.")) {
				if _, err := jsonpath.ParseExpression(s); err == nil {
					c.add(SeverityWarning, codeNoDollar, at, "Value of the field '%s' looks like a JSONPath or an intrinsic function, but the name does not end with '.$'", name)
				}
				continue
			}
			c.undotted(e, at)
		}
	}
}

func hasDollarField(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if hasDollarField(e) {
				return true
			}
		}
	case *jsonpath.Object:
		for i := range v.Len() {
			if name, e := v.At(i); strings.HasSuffix(name, ".$") || hasDollarField(e) {
				return true
			}
		}
	}
	return false
}

var withoutData = strings.NewReplacer("$states.input", "", "$states.result", "", "$states.errorOutput", "")

// mentionsContext says whether something in a state may read the context object.
func mentionsContext(v any, ata bool) bool {
	switch v := v.(type) {
	case string:
		if ata {
			return strings.Contains(withoutData.Replace(v), "states")
		}
		return strings.Contains(v, "$$")
	case []any:
		for _, e := range v {
			if mentionsContext(e, ata) {
				return true
			}
		}
	case *jsonpath.Object:
		for i := range v.Len() {
			name, e := v.At(i)
			if name == "States" || name == "Branches" {
				continue
			}
			if mentionsContext(e, ata) {
				return true
			}
		}
	}
	return false
}

// assignment reads Assign.
func (f *fields) assignment(name string, ata bool) *template {
	o, ok := f.object(name)
	if !ok {
		return nil
	}
	for i := range o.Len() {
		n, _ := o.At(i)
		if !ata {
			n = strings.TrimSuffix(n, ".$")
		}
		if n == "states" || n == "" || len(n) > VariableNameMax {
			f.c.bad(f.at+"/"+name, "Invalid variable name: '%s'", n)
		}
	}
	if ata {
		return f.query(name)
	}
	return f.payload(name)
}

// query reads a field of a JSONata state.
func (f *fields) query(name string) *template {
	v, ok := f.o.Get(name)
	if !ok {
		return nil
	}
	q := f.c.query(v, name, f.at+"/"+name)
	if q == nil {
		return nil
	}
	_, object := v.(*jsonpath.Object)
	return &template{query: q, object: object}
}

const open, shut = "{%", "%}"

// query compiles JSON with JSONata in it; field is how errors name the place.
func (c *checker) query(v any, field, at string) *query {
	q := &query{field: field}
	switch v := v.(type) {
	case string:
		if !strings.HasPrefix(v, open) {
			break
		}
		if !strings.HasSuffix(v, shut) || len(v) < len(open)+len(shut) {
			c.bad(at, "JSONata expression should start with '{%%' and end with '%%}'")
			return nil
		}
		q.source = strings.TrimSpace(v[len(open) : len(v)-len(shut)])
		p, err := jsonata.Compile(q.source, jsonata.Options{StepFunctions: true})
		if err != nil {
			c.bad(at, "The JSONata expression '%s' is not valid: %v", q.source, err)
			return nil
		}
		q.program = p
		return q
	case []any:
		dynamic := false
		for i, e := range v {
			n := c.query(e, field+"["+itoa(i)+"]", at)
			if n == nil {
				return nil
			}
			q.list = append(q.list, n)
			dynamic = dynamic || n.constant == nil
		}
		if q.isList = dynamic; dynamic {
			return q
		}
		q.list = nil
	case *jsonpath.Object:
		dynamic := false
		for i := range v.Len() {
			name, e := v.At(i)
			n := c.query(e, field+"/"+name, at)
			if n == nil {
				return nil
			}
			q.names, q.nodes = append(q.names, name), append(q.nodes, n)
			dynamic = dynamic || n.constant == nil
		}
		if dynamic {
			return q
		}
		q.names, q.nodes = nil, nil
	}
	q.constant = frozen(ofPath(v))
	q.value = q.constant.jsonata()
	return q
}
