package sam

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// field is a member of a model: a stricter description of properties than their outer types, for the newer kinds.
type field struct {
	Name     string
	Type     shape
	Optional bool
	MinItems *int `json:"min_items"`
	MaxItems *int `json:"max_items"`
}

type shape struct {
	word  string
	args  []shape
	words []any
	model string
}

// UnmarshalJSON reads a word, or a list of a word and its arguments.
func (s *shape) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &s.word); err == nil {
		return nil
	}
	var l []json.RawMessage
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	if err := json.Unmarshal(l[0], &s.word); err != nil {
		return err
	}
	switch s.word {
	case "model":
		return json.Unmarshal(l[1], &s.model)
	case "literal":
		return json.Unmarshal(data, &s.words)
	}
	s.args = make([]shape, len(l)-1)
	for i := range s.args {
		if err := json.Unmarshal(l[i+1], &s.args[i]); err != nil {
			return err
		}
	}
	return nil
}

// modelError is one mismatch between a value and a model.
type modelError struct {
	loc       []string
	msg, kind string
}

func (e modelError) path(sep string) string { return strings.Join(e.loc, sep) }

// models are those of one schema file.
type models map[string][]field

// read checks a map against a model and gives it with values converted, absent members left out.
func (ms models) read(name string, m *Map, loc []string) (*Map, []modelError) {
	out := NewMap()
	var errs []modelError
	at := func(n string) []string { return append(loc[:len(loc):len(loc)], n) }
	for _, f := range ms[name] {
		v, ok := m.Get(f.Name)
		switch {
		case !ok && !f.Optional:
			errs = append(errs, modelError{at(f.Name), "field required", "value_error.missing"})
		case !ok || v == nil && f.Optional:
		case v == nil && f.Type.word != "literal":
			errs = append(errs, modelError{at(f.Name), "none is not an allowed value", "type_error.none.not_allowed"})
		default:
			w, e := ms.convert(f.Type, v, at(f.Name))
			if l, ok := w.([]any); ok && e == nil {
				if f.MaxItems != nil && len(l) > *f.MaxItems {
					e = []modelError{{at(f.Name), fmt.Sprintf("ensure this value has at most %d items", *f.MaxItems), "value_error.list.max_items"}}
				} else if f.MinItems != nil && len(l) < *f.MinItems {
					e = []modelError{{at(f.Name), fmt.Sprintf("ensure this value has at least %d items", *f.MinItems), "value_error.list.min_items"}}
				}
			}
			errs = append(errs, e...)
			out.Set(f.Name, w)
		}
	}
	for _, k := range sorted(m.Keys()) {
		found := false
		for _, f := range ms[name] {
			found = found || f.Name == k
		}
		if !found {
			errs = append(errs, modelError{at(k), "extra fields not permitted", "value_error.extra"})
		}
	}
	return out, errs
}

func (ms models) convert(s shape, v any, loc []string) (any, []modelError) {
	wrong := func(msg, kind string) (any, []modelError) { return nil, []modelError{{loc, msg, kind}} }
	if v == nil {
		if s.word == "literal" {
			return wrong("unexpected value; permitted: "+permitted(s), "value_error.const")
		}
		return wrong("none is not an allowed value", "type_error.none.not_allowed")
	}
	switch s.word {
	case "any":
		return v, nil
	case "map", "mapof", "model":
		m, ok := v.(*Map)
		if !ok {
			m, ok = pairs(v)
		}
		if !ok {
			return wrong("value is not a valid dict", "type_error.dict")
		}
		switch s.word {
		case "model":
			return ms.read(s.model, m, loc)
		case "map":
			return m, nil
		}
		out := NewMap()
		var errs []modelError
		for e := range m.entries() {
			w, x := ms.convert(s.args[0], e.val, append(loc[:len(loc):len(loc)], e.key))
			errs = append(errs, x...)
			out.setKey(e.key, e.uni, w)
		}
		return out, errs
	case "list":
		l, ok := v.([]any)
		if !ok {
			return wrong("value is not a valid list", "type_error.list")
		}
		out := make([]any, len(l))
		var errs []modelError
		for i, x := range l {
			w, e := ms.convert(s.args[0], x, append(loc[:len(loc):len(loc)], strconv.Itoa(i)))
			errs = append(errs, e...)
			out[i] = w
		}
		return out, errs
	case "union":
		var errs []modelError
		for _, a := range s.args {
			w, e := ms.convert(a, v, loc)
			if e == nil {
				return w, nil
			}
			errs = append(errs, e...)
		}
		return nil, errs
	case "literal":
		for _, w := range s.words[1:] {
			if equal(w, v) {
				return v, nil
			}
		}
		return wrong("unexpected value; permitted: "+permitted(s), "value_error.const")
	case "str":
		switch v.(type) {
		case string, ustr:
			return v, nil
		case int64, float64, bool, json.Number:
			return pyStr(v), nil
		}
		return wrong("str type expected", "type_error.str")
	case "bool":
		return toBool(v, wrong)
	}
	return toNumber(s.word, v, wrong)
}

// pairs makes a map of what Python's dict would take for a list of keys and values.
func pairs(v any) (*Map, bool) {
	m := NewMap()
	if is(v, "") {
		return m, true
	}
	l, ok := v.([]any)
	for _, x := range l {
		var kv []any
		if isStr(x) || isMap(x) || isList(x) {
			kv = iterated(x)
		}
		if len(kv) != 2 || !isStr(kv[0]) {
			return nil, false
		}
		m.setVal(kv[0], kv[1])
	}
	return m, ok
}

func permitted(s shape) string {
	q := make([]string, len(s.words)-1)
	for i, w := range s.words[1:] {
		q[i] = pyRepr(w)
	}
	return strings.Join(q, ", ")
}

func toBool(v any, wrong func(msg, kind string) (any, []modelError)) (any, []modelError) {
	switch t := v.(type) {
	case bool:
		return t, nil
	case int64, float64:
		if equal(t, int64(0)) {
			return false, nil
		}
		if equal(t, int64(1)) {
			return true, nil
		}
	}
	if s, ok := str(v); ok {
		switch strings.ToLower(s) {
		case "0", "off", "f", "false", "n", "no":
			return false, nil
		case "1", "on", "t", "true", "y", "yes":
			return true, nil
		}
	}
	return wrong("value could not be parsed to a boolean", "type_error.bool")
}

func toNumber(word string, v any, wrong func(msg, kind string) (any, []modelError)) (any, []modelError) {
	if word == "int" {
		switch t := v.(type) {
		case int64, json.Number:
			return t, nil
		case bool:
			f, _ := number(t)
			return int64(f), nil
		case float64:
			return int64(t), nil
		}
		if s, ok := str(v); ok {
			if n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(s), "_", ""), 10, 64); err == nil {
				return n, nil
			}
		}
		return wrong("value is not a valid integer", "type_error.integer")
	}
	if f, ok := number(v); ok {
		return f, nil
	}
	if s, ok := str(v); ok {
		if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
			return f, nil
		}
	}
	return wrong("value is not a valid float", "type_error.float")
}

// model checks a macro's properties against its kind's model. With all, every mismatch is told, else the first's place.
func (x *macro) model(file string, all bool) *Map {
	props := NewMap()
	for i := range x.schema {
		if v := x.p.get(x.schema[i].Name); v != nil {
			props.Set(x.schema[i].Name, v)
		}
	}
	out, errs := models(schema().Models[file]).read("Properties", props, nil)
	if errs == nil {
		return out
	}
	if !all {
		x.fail("Property '%s' is invalid.", errs[0].path("."))
	}
	x.fail("%s", strings.Join(describe(errs), " "))
	return nil
}

// describe puts mismatches into sentences, those of one place together.
func describe(errs []modelError) []string {
	type place struct {
		types []string
		first modelError
	}
	places := map[string]*place{}
	var order []string
	for _, e := range errs {
		p := places[e.path(".")]
		if p == nil {
			p = &place{first: e}
			places[e.path(".")] = p
			order = append(order, e.path("."))
		}
		word := ""
		switch {
		case strings.Contains(e.msg, "not a valid dict"):
			word = "dictionary"
		case strings.Contains(e.msg, "not a valid int"):
			word = "integer"
		case strings.Contains(e.msg, "not a valid float"):
			word = "number"
		case strings.Contains(e.msg, "not a valid list"):
			word = "list"
		}
		if word != "" && !oneOf(word, p.types...) {
			p.types = append(p.types, word)
		}
	}
	out := make([]string, 0, len(order))
	for _, path := range order {
		p := places[path]
		switch {
		case len(p.types) > 1:
			out = append(out, fmt.Sprintf("Property '%s' value must be %s.", path, strings.Join(p.types, " or ")))
		case p.first.kind == "value_error.missing":
			out = append(out, fmt.Sprintf("Property '%s' is required.", path))
		case strings.Contains(p.first.msg, "extra fields not permitted"):
			out = append(out, fmt.Sprintf("Property '%s' is an invalid property.", path))
		default:
			out = append(out, fmt.Sprintf("Property '%s' %s.", path, strings.ToLower(p.first.msg)))
		}
	}
	return out
}

// listing is the mismatches as the reference's library prints them.
func listing(model string, errs []modelError) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d validation error", len(errs))
	if len(errs) != 1 {
		b.WriteByte('s')
	}
	b.WriteString(" for " + model)
	for _, e := range errs {
		fmt.Fprintf(&b, "\n%s\n  %s (type=%s)", e.path(" -> "), e.msg, e.kind)
	}
	return b.String()
}
