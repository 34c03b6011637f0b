package asl

import (
	"slices"
	"strings"
	"time"

	"virga/internal/jsonata"
	"virga/internal/jsonpath"
)

// rule is a choice rule, or a comparison within one.
type rule struct {
	and, or  []*rule
	not      *rule
	variable *jsonpath.Path
	operator operator
	value    any
	at       time.Time // of a timestamp operator's value
	path     *jsonpath.Path
	query    *query // Condition

	next   string
	assign *template
	output *template
}

// operator is a comparison: what it compares and how.
type operator struct {
	name string
	of   byte // 's'tring, 'n'umber, 't'imestamp, 'b'oolean, 'm'atches, 'p'resence and types
	how  byte // '=', '<', '>', 'l' (<=), 'g' (>=)
	is   string
}

var operators = func() map[string]operator {
	m := map[string]operator{}
	for name, of := range map[string]byte{"String": 's', "Numeric": 'n', "Timestamp": 't'} {
		for suffix, how := range map[string]byte{"Equals": '=', "LessThan": '<', "GreaterThan": '>', "LessThanEquals": 'l', "GreaterThanEquals": 'g'} {
			m[name+suffix] = operator{name: name + suffix, of: of, how: how}
		}
	}
	m["BooleanEquals"] = operator{name: "BooleanEquals", of: 'b', how: '='}
	m["StringMatches"] = operator{name: "StringMatches", of: 'm'}
	for _, is := range []string{"Null", "Present", "Numeric", "String", "Boolean", "Timestamp"} {
		m["Is"+is] = operator{name: "Is" + is, of: 'p', is: is}
	}
	return m
}()

func (c *checker) choice(st *state, f *fields) []string {
	f.require("Choices")
	list, ok := f.list("Choices")
	if ok && len(list) == 0 {
		c.bad(f.at+"/Choices", "Value cannot be empty")
	}
	for i, v := range list {
		at := f.element("Choices", i)
		o, ok := v.(*jsonpath.Object)
		if !ok {
			c.bad(at, "Expected value of type Object")
			continue
		}
		r := c.fields(o, at)
		r.require("Next")
		left := RulesMax
		x := c.rule(r, st.ata, true, 0, &left)
		if x == nil {
			continue
		}
		x.next = r.target(st, "Next")
		x.assign = r.assignment("Assign", st.ata)
		if st.ata {
			x.output = r.query("Output")
		}
		st.choices = append(st.choices, x)
	}
	st.fallback = f.target(st, "Default")
	return []string{"Choices", "Default"}
}

func (c *checker) rule(f *fields, ata, top bool, depth int, left *int) *rule {
	if *left--; *left < 0 || depth > RuleDepthMax {
		c.bad(f.at, "Choice rule has more than %d comparisons or is nested more than %d deep", RulesMax, RuleDepthMax)
		return nil
	}
	allowed := []string{"Comment"}
	if top {
		allowed = append(allowed, "Next", "Assign")
	}
	if ata {
		if top {
			allowed = append(allowed, "Output")
		}
		f.allow(append(allowed, "Condition")...)
		f.require("Condition")
		v, ok := f.o.Get("Condition")
		if !ok {
			return nil
		}
		if s, is := v.(string); is && !strings.HasPrefix(s, open) {
			c.bad(f.at+"/Condition", "JSONata expression should start with '{%%' and end with '%%}'")
			return nil
		}
		q := c.query(v, "Condition", f.at+"/Condition")
		if q == nil {
			return nil
		}
		return &rule{query: q}
	}
	r := &rule{}
	sub := func(at string, v any) *rule {
		o, ok := v.(*jsonpath.Object)
		if !ok {
			c.bad(at, "Expected value of type Object")
			return nil
		}
		return c.rule(c.fields(o, at), false, false, depth+1, left)
	}
	for _, name := range []string{"And", "Or"} {
		if !f.has(name) {
			continue
		}
		f.allow(append(allowed, name)...)
		list, ok := f.list(name)
		if ok && len(list) == 0 {
			c.bad(f.at+"/"+name, "Value cannot be empty")
		}
		rules := []*rule{}
		for i, v := range list {
			if x := sub(f.element(name, i), v); x != nil {
				rules = append(rules, x)
			}
		}
		if name == "And" {
			r.and = rules
		} else {
			r.or = rules
		}
		return r
	}
	if v, ok := f.o.Get("Not"); ok {
		f.allow(append(allowed, "Not")...)
		if r.not = sub(f.at+"/Not", v); r.not == nil {
			return nil
		}
		return r
	}
	return c.comparison(f, r, append(allowed, "Variable"))
}

// comparison reads Variable with its one operator.
func (c *checker) comparison(f *fields, r *rule, allowed []string) *rule {
	f.require("Variable")
	r.variable = f.reading("Variable")
	count := 0
	for i := range f.o.Len() {
		name, v := f.o.At(i)
		plain, isPath := strings.CutSuffix(name, "Path")
		op, ok := operators[name]
		if !ok && isPath {
			if op, ok = operators[plain]; ok && (op.of == 'p' || op.of == 'm') {
				ok = false
			}
		}
		if !ok {
			continue
		}
		count++
		allowed = append(allowed, name)
		r.operator = op
		if _, direct := operators[name]; !direct {
			r.path = f.reading(name)
			continue
		}
		r.value = v
		switch op.of {
		case 'n':
			if _, ok := v.(jsonpath.Number); !ok {
				f.wrong(name, "Number")
			}
		case 'b', 'p':
			f.boolean(name)
		default:
			s, ok := f.str(name)
			if ok && op.of == 't' {
				if r.at, ok = parseTimestamp(s); !ok {
					c.bad(f.at+"/"+name, "Value is not a valid ISO-8601 extended offset date-time format string")
				}
			}
		}
	}
	f.allow(allowed...)
	if count != 1 {
		names := make([]string, 0, len(operators))
		for n := range operators {
			names = append(names, n)
		}
		slices.Sort(names)
		c.bad(f.place(), "Exactly one comparison operator is required: [%s]", strings.Join(names, ", "))
		return nil
	}
	if r.variable == nil {
		return nil
	}
	return r
}

// holds evaluates a rule of JSONPath.
func (r *rule) holds(env *jsonpath.Env) (bool, error) {
	switch {
	case r.and != nil:
		for _, x := range r.and {
			if ok, err := x.holds(env); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case r.or != nil:
		for _, x := range r.or {
			if ok, err := x.holds(env); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case r.not != nil:
		ok, err := r.not.holds(env)
		return !ok, err
	}
	v, err := r.variable.Read(env)
	if r.operator.is == "Present" {
		return (err == nil) == r.value.(bool), nil
	}
	if err != nil {
		return false, &choicePathError{r.variable.String()}
	}
	if r.operator.of == 'p' {
		return isA(r.operator.is, v) == r.value.(bool), nil
	}
	want, at := r.value, r.at
	if r.path != nil {
		if want, err = r.path.Read(env); err != nil {
			return false, &choicePathError{r.path.String()}
		}
		if s, ok := want.(string); ok && r.operator.of == 't' {
			if at, ok = parseTimestamp(s); !ok {
				return false, nil
			}
		}
	}
	return r.operator.compare(v, want, at), nil
}

// choicePathError is a path of a choice rule that leads nowhere.
type choicePathError struct{ path string }

func (e *choicePathError) Error() string {
	return "Invalid path '" + e.path + "': The choice state's condition path references an invalid value."
}

func isA(is string, v any) bool {
	switch v := v.(type) {
	case nil:
		return is == "Null"
	case bool:
		return is == "Boolean"
	case jsonpath.Number:
		return is == "Numeric"
	case string:
		if is == "Timestamp" {
			_, ok := parseTimestamp(v)
			return ok
		}
		return is == "String"
	}
	return false
}

func (o *operator) compare(v, want any, at time.Time) bool {
	n := 0
	switch o.of {
	case 'b':
		a, ok := v.(bool)
		b, also := want.(bool)
		return ok && also && a == b
	case 'm':
		a, ok := v.(string)
		b, also := want.(string)
		return ok && also && matches(b, a)
	case 's':
		a, ok := v.(string)
		b, also := want.(string)
		if !ok || !also {
			return false
		}
		n = strings.Compare(a, b)
	case 'n':
		a, ok := v.(jsonpath.Number)
		b, also := want.(jsonpath.Number)
		if !ok || !also {
			return false
		}
		n = jsonpath.Compare(a, b)
	case 't':
		a, ok := v.(string)
		_, also := want.(string)
		if !ok || !also {
			return false
		}
		t, valid := parseTimestamp(a)
		if !valid {
			return false
		}
		n = t.Compare(at)
	}
	switch o.how {
	case '=':
		return n == 0
	case '<':
		return n < 0
	case '>':
		return n > 0
	case 'l':
		return n <= 0
	}
	return n >= 0
}

// matches is StringMatches: * stands for any characters, \* for itself and \\ for a backslash.
func matches(pattern, s string) bool {
	type token struct {
		c   byte
		any bool
	}
	var p []token
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			p = append(p, token{c: pattern[i]})
		case c == '*':
			p = append(p, token{any: true})
		default:
			p = append(p, token{c: c})
		}
	}
	i, j, star, mark := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i].any:
			star, mark = i, j
			i++
		case i < len(p) && p[i].c == s[j]:
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i].any {
		i++
	}
	return i == len(p)
}

// truth is what a Condition gave.
func truth(v jsonata.Value) (value, ok bool) {
	return v.Kind() == jsonata.Boolean && v.Bool(), v.Kind() == jsonata.Boolean
}
