package sam

import "encoding/json"

// Number makes a number of its text, as a template holds it: an int64 where it is a whole number of that size, else a
// float64, or a json.Number for whole numbers beyond. Text that is no number stays a string.
//
// A tree of another package becomes a template by its maps through NewMap and Set, lists as []any, strings, booleans and
// nil as they are, and numbers through this function; what Transform gives back holds the same types.
func Number(text string) any {
	v, err := parseJSON([]byte(text))
	if err != nil {
		return text
	}
	switch v.(type) {
	case int64, float64, json.Number:
		return v
	}
	return text
}

// finished copies a tree with plain strings and maps that keep their present order.
func finished(v any) any {
	switch t := v.(type) {
	case ustr:
		return string(t)
	case []any:
		out := make([]any, len(t))
		for i, x := range t {
			out[i] = finished(x)
		}
		return out
	case *Map:
		out := &Map{ents: make([]entry, 0, t.Len())}
		for k, x := range t.All() {
			out.Set(k, finished(x))
		}
		return out
	}
	return v
}

// taken gives a parameter's value a type that templates hold.
func taken(v any) any {
	switch t := v.(type) {
	case int:
		return int64(t)
	case json.Number:
		return Number(string(t))
	}
	return v
}
