package jsonata

import (
	"encoding/json"
	"fmt"
	"slices"
)

// From makes a value of what encoding/json gives: nil, bool, numbers, string, []any, map[string]any (keys sorted), and of
// a Value itself.
func From(x any) (Value, error) {
	switch x := x.(type) {
	case nil:
		return NullValue, nil
	case Value:
		return x, nil
	case bool:
		return Bool(x), nil
	case float64:
		return Num(x), nil
	case int:
		return Num(float64(x)), nil
	case int64:
		return Num(float64(x)), nil
	case json.Number:
		f, err := x.Float64()
		return Num(f), err
	case string:
		return Str(x), nil
	case []any:
		items := make([]Value, len(x))
		for i := range x {
			v, err := From(x[i])
			if err != nil {
				return Value{}, err
			}
			items[i] = v
		}
		return List(items), nil
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		o := NewObject(len(x))
		for _, k := range keys {
			v, err := From(x[k])
			if err != nil {
				return Value{}, err
			}
			o.Set(k, v)
		}
		return Obj(o), nil
	}
	return Value{}, fmt.Errorf("jsonata: no value of a %T", x)
}

// Any is the value as encoding/json would give it; nothing and functions are nil.
func (v Value) Any() any {
	switch v.kind {
	case Boolean:
		return v.Bool()
	case Number:
		return v.Float()
	case String:
		return v.Text()
	case ArrayKind:
		out := make([]any, len(v.Items()))
		for i, x := range v.Items() {
			out[i] = x.Any()
		}
		return out
	case ObjectKind:
		o := v.Object()
		out := make(map[string]any, o.Len())
		for i := range o.entries {
			out[o.entries[i].key] = o.entries[i].val.Any()
		}
		return out
	}
	return nil
}
