package template

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"virga/internal/jsontext"
)

// KnownAfterApply is what JSON output holds in place of an unknown value.
const KnownAfterApply = "(known after apply)"

// MarshalJSON writes the value as JSON: keys in their order, numbers as they were written. An absent value is null.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// JSON gives the value as compact JSON text.
func (v Value) JSON() string { return string(v.AppendJSON(nil)) }

// AppendJSON appends the value as compact JSON.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.Kind() {
	case Bool, Number:
		return append(dst, v.n.text...)
	case String:
		return jsontext.AppendString(dst, v.n.text)
	case Unknown:
		return jsontext.AppendString(dst, KnownAfterApply)
	case List:
		dst = append(dst, '[')
		for i, e := range v.n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.AppendJSON(dst)
		}
		return append(dst, ']')
	case Map:
		dst = append(dst, '{')
		for i, e := range v.n.entries {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = jsontext.AppendString(dst, e.Key)
			dst = append(dst, ':')
			dst = e.Value.AppendJSON(dst)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// Any gives the value as encoding/json would have read it, numbers as [json.Number]. Unknown values become
// [KnownAfterApply]. The order of keys is lost.
func (v Value) Any() any {
	switch v.Kind() {
	case Bool:
		return v.n.text == "true"
	case Number:
		return json.Number(v.n.text)
	case String:
		return v.n.text
	case Unknown:
		return KnownAfterApply
	case List:
		out := make([]any, len(v.n.items))
		for i, e := range v.n.items {
			out[i] = e.Any()
		}
		return out
	case Map:
		out := make(map[string]any, len(v.n.entries))
		for _, e := range v.n.entries {
			out[e.Key] = e.Value.Any()
		}
		return out
	}
	return nil
}

// FromAny makes a value of what encoding/json reads or Go code builds: maps with string keys (sorted), slices of any,
// strings, booleans, numbers, nil and Values. It panics on other types, which is a mistake of the program.
func FromAny(x any) Value {
	switch x := x.(type) {
	case nil:
		return NullOf()
	case Value:
		return x
	case string:
		return StringOf(x)
	case bool:
		return BoolOf(x)
	case int:
		return IntOf(x)
	case int64:
		return NumberOf(strconv.FormatInt(x, 10))
	case float64:
		b, err := json.Marshal(x)
		if err != nil {
			panic(fmt.Sprintf("template: FromAny: %v", err))
		}
		return NumberOf(string(b))
	case json.Number:
		return NumberOf(string(x))
	case []string:
		out := make([]Value, len(x))
		for i, e := range x {
			out[i] = StringOf(e)
		}
		return ListOf(out...)
	case []Value:
		return ListOf(x...)
	case []any:
		out := make([]Value, len(x))
		for i, e := range x {
			out[i] = FromAny(e)
		}
		return ListOf(out...)
	case map[string]any:
		out := make([]Entry, 0, len(x))
		for k, e := range x {
			out = append(out, E(k, FromAny(e)))
		}
		slices.SortFunc(out, func(a, b Entry) int {
			if a.Key < b.Key {
				return -1
			}
			return 1
		})
		return MapOf(out...)
	}
	panic(fmt.Sprintf("template: FromAny: %T", x))
}

func isJSONNumber(s string) bool {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(s)
}
