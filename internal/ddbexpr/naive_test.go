package ddbexpr

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"virga/internal/ddbexpr/attr"
)

// The naive evaluator works on trees of JSON, by the words of the guide, and shares nothing with the real one but the
// generator. A nil tree is a value that is not there.
type tree = map[string]any

func treeOf(v attr.Value) tree {
	if v == nil {
		return nil
	}
	var out tree
	if err := json.Unmarshal(v.AppendJSON(nil), &out); err != nil {
		panic(err)
	}
	return out
}

func kindOf(v tree) string {
	for k := range v {
		return k
	}
	return ""
}

// plain makes trees comparable: numbers of one text, sets in order.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if list, ok := x.([]any); ok && (k == "SS" || k == "NS" || k == "BS") {
				list = slices.Clone(list)
				slices.SortFunc(list, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
				x = list
			}
			out[k] = plain(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = plain(x)
		}
		return out
	}
	return v
}

func naiveEqual(a, b tree) bool { return a != nil && b != nil && reflect.DeepEqual(plain(a), plain(b)) }

func naiveLess(a, b tree) (less, ok bool) {
	k := kindOf(a)
	if a == nil || b == nil || k != kindOf(b) {
		return false, false
	}
	switch k {
	case "S":
		return a[k].(string) < b[k].(string), true
	case "N":
		x, _ := new(big.Rat).SetString(a[k].(string))
		y, _ := new(big.Rat).SetString(b[k].(string))
		return x.Cmp(y) < 0, true
	}
	return false, false
}

func naiveContains(a, b tree) bool {
	switch k := kindOf(a); k {
	case "S":
		return kindOf(b) == "S" && strings.Contains(a["S"].(string), b["S"].(string))
	case "SS", "NS":
		return kindOf(b) == k[:1] && slices.Contains(a[k].([]any), b[k[:1]])
	case "L":
		return slices.ContainsFunc(a["L"].([]any), func(e any) bool { return naiveEqual(e.(tree), b) })
	}
	return false
}

func naiveSize(a tree) tree {
	n := 0
	switch k := kindOf(a); k {
	case "S":
		n = utf8.RuneCountInString(a["S"].(string))
	case "SS", "NS", "BS", "L":
		n = len(a[k].([]any))
	case "M":
		n = len(a["M"].(map[string]any))
	default:
		return nil
	}
	v, _ := attr.NumberValue(big.NewInt(int64(n)).String())
	return treeOf(v)
}

// naive draws a condition: its text and what it means.
func naive(g generator, depth int, operand func() (string, func(tree) tree)) (string, func(tree) bool) {
	if depth > 0 && g.IntN(2) == 0 {
		a, f := naive(g, depth-1, operand)
		if g.IntN(3) == 0 {
			return "NOT " + grouped(a), func(it tree) bool { return !f(it) }
		}
		b, h := naive(g, depth-1, operand)
		if g.IntN(2) == 0 {
			return grouped(a) + " AND " + grouped(b), func(it tree) bool { return f(it) && h(it) }
		}
		return grouped(a) + " OR " + grouped(b), func(it tree) bool { return f(it) || h(it) }
	}
	a, x := operand()
	b, y := operand()
	switch g.IntN(8) {
	case 0:
		return a + " = " + b, func(it tree) bool { return naiveEqual(x(it), y(it)) }
	case 1:
		return a + " <> " + b, func(it tree) bool { return !naiveEqual(x(it), y(it)) }
	case 2:
		return a + " < " + b, func(it tree) bool { l, _ := naiveLess(x(it), y(it)); return l }
	case 3:
		return a + " >= " + b, func(it tree) bool { l, ok := naiveLess(x(it), y(it)); return ok && !l }
	case 4:
		return "contains(" + a + ", " + b + ")", func(it tree) bool { return x(it) != nil && y(it) != nil && naiveContains(x(it), y(it)) }
	case 5:
		return a + " IN (" + b + ")", func(it tree) bool { return naiveEqual(x(it), y(it)) }
	case 6:
		return "size(" + a + ") <= " + b, func(it tree) bool {
			s := naiveSize(x(it))
			l, ok := naiveLess(y(it), s)
			return ok && !l
		}
	}
	n := g.attribute()
	return "attribute_exists(" + n + ")", func(it tree) bool { return it[n] != nil }
}

func grouped(s string) string { return "(" + s + ")" }

func TestAgreesWithNaive(t *testing.T) {
	ran := 0
	rapid.Check(t, func(t *rapid.T) {
		g := generator{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))}
		vs := Values{}
		operand := func() (string, func(tree) tree) {
			if g.IntN(2) == 0 {
				ph := ":v" + string(rune('a'+len(vs)))
				v := g.value(1)
				vs[ph] = v
				return ph, func(tree) tree { return treeOf(v) }
			}
			n := g.attribute()
			if g.IntN(3) == 0 {
				return n + ".a", func(it tree) tree {
					m, _ := it[n].(tree)
					in, _ := m["M"].(map[string]any)
					out, _ := in["a"].(tree)
					return out
				}
			}
			return n, func(it tree) tree { out, _ := it[n].(tree); return out }
		}
		text, want := naive(g, 2, operand)
		it := g.item()
		e, err := Parse(Condition, text, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		b, err := e.Bind(nil, vs)
		if err != nil { // operands of a wrong kind, or one twice
			return
		}
		var whole tree
		if err := json.Unmarshal(it.AppendJSON(nil), &whole); err != nil {
			t.Fatal(err)
		}
		ran++
		if strings.Contains(string(it.AppendJSON(nil)), `"B"`) {
			return // bytes are text in JSON and do not order as such
		}
		for _, v := range vs {
			if k := v.Kind(); k == attr.B || k == attr.BS {
				return
			}
		}
		if got := b.Match(it); got != want(whole) {
			t.Fatalf("%s: %v, want %v\nitem %s\nvalues %s", text, got, !got, it.AppendJSON(nil), jsonOf(vs))
		}
	})
	if ran == 0 {
		t.Error("nothing was compared")
	}
}
