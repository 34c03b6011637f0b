package ddbexpr

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"

	"virga/internal/ddbexpr/attr"
)

// generator makes items and expressions that often meet, and are at times wrong.
type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) number() string {
	return pick(g, "0", "1", "2", "-1", "1.5", "10", "-0.5", "100", "1e3", "0.001", "12345678901234567890123456789012345678", "9e125", "-1e-130")
}

func (g generator) value(depth int) attr.Value {
	k := g.IntN(14)
	if depth <= 0 && k >= 11 {
		k = g.IntN(11)
	}
	num := func() attr.Value { v, _ := attr.NumberValue(g.number()); return v }
	str := func() attr.Value { return attr.String(pick(g, "", "a", "b", "ab", "abc", "é", "S", "N", "zz")) }
	bin := func() attr.Value { return attr.Binary([]byte(pick(g, "a", "\x00", "\xff\x01", "ab"))) }
	some := func(make func() attr.Value) []attr.Value {
		out := []attr.Value{make()}
		for g.IntN(2) == 0 {
			out = append(out, make())
		}
		return out
	}
	switch {
	case k < 3:
		return num()
	case k < 6:
		return str()
	case k == 6:
		return bin()
	case k == 7:
		return pick(g, attr.BoolValue(true), attr.BoolValue(false), attr.NullValue())
	case k == 8:
		return attr.SetOf(some(num)...)
	case k == 9:
		return attr.SetOf(some(str)...)
	case k == 10:
		return attr.SetOf(some(bin)...)
	case k < 13:
		var es []attr.Value
		for g.IntN(3) != 0 {
			es = append(es, g.value(depth-1))
		}
		return attr.ListOf(es...)
	}
	var as []attr.Attribute
	for g.IntN(3) != 0 {
		as = append(as, attr.Attribute{Name: g.attribute(), Value: g.value(depth - 1)})
	}
	return attr.MapOf(attr.ItemOf(as...))
}

func (g generator) attribute() string { return pick(g, "a", "b", "c", "d") }

func (g generator) item() attr.Item {
	var as []attr.Attribute
	for _, n := range []string{"a", "b", "c", "d"} {
		if g.IntN(4) != 0 {
			as = append(as, attr.Attribute{Name: n, Value: g.value(2)})
		}
	}
	return attr.ItemOf(append(as, attr.Attribute{Name: "pk", Value: attr.String("k")})...)
}

func (g generator) path() string {
	out := pick(g, "a", "b", "c", "d", "#a", "#b", "a", "b", "c", "d", "x", "#x")
	if g.IntN(300) == 0 {
		out = pick(g, "name", "#nope", "Status", "_a", "a[4294967296]")
	}
	for g.IntN(4) == 0 {
		out += pick(g, ".a", ".b", ".#a", "[0]", "[1]", "[2]", ".c")
	}
	return out
}

func (g generator) val() string {
	if g.IntN(200) == 0 {
		return ":nope"
	}
	return fmt.Sprintf(":v%d", g.IntN(8))
}

func (g generator) operandText() string {
	switch g.IntN(12) {
	case 0, 1, 2, 3, 4:
		return g.val()
	case 5:
		return "size(" + g.path() + ")"
	case 6:
		return "(" + g.path() + ")"
	}
	return g.path()
}

func (g generator) condition(depth int) string {
	if depth > 0 && g.IntN(3) == 0 {
		switch g.IntN(4) {
		case 0:
			return g.condition(depth-1) + " AND " + g.condition(depth-1)
		case 1:
			return g.condition(depth-1) + " or " + g.condition(depth-1)
		case 2:
			return "NOT " + g.condition(depth-1)
		}
		return "(" + g.condition(depth-1) + ")"
	}
	switch g.IntN(14) {
	case 0:
		return "attribute_exists(" + g.path() + ")"
	case 1:
		return "attribute_not_exists(" + g.path() + ")"
	case 2:
		return "attribute_type(" + g.path() + ", " + pick(g, ":tS", ":tN", ":tL", ":tM", ":tBOOL", g.val()) + ")"
	case 3:
		return "begins_with(" + g.operandText() + "," + g.operandText() + ")"
	case 4, 5:
		return "contains(" + g.operandText() + ", " + g.operandText() + ")"
	case 6:
		return g.operandText() + " BETWEEN " + g.operandText() + " AND " + g.operandText()
	case 7:
		return g.operandText() + " IN (" + g.operandText() + ", " + g.operandText() + ")"
	case 8:
		if g.IntN(10) == 0 {
			return pick(g, "foo(a)", "size(a)", "list_append(a,b) = :v1", "contains(a)", "attribute_exists(a,b)", "attribute_exists(:v1)", "((a = :v1))", "attribute_exists(a) = :v1")
		}
	}
	return g.operandText() + pick(g, "=", " = ", " <> ", "<", " <= ", " > ", ">=") + g.operandText()
}

func (g generator) setOperand(depth int) string {
	switch g.IntN(10) {
	case 0, 1, 2:
		return g.path()
	case 3, 4, 5, 6:
		return g.val()
	}
	if depth <= 0 {
		return g.val()
	}
	if g.IntN(2) == 0 {
		return "if_not_exists(" + g.path() + ", " + g.setOperand(depth-1) + ")"
	}
	return "list_append(" + g.setOperand(depth-1) + ", " + g.setOperand(depth-1) + ")"
}

func (g generator) update() string {
	var out []string
	sections := []string{"SET", "REMOVE", "ADD", "DELETE"}
	g.Shuffle(4, func(i, j int) { sections[i], sections[j] = sections[j], sections[i] })
	for _, s := range sections[:1+g.IntN(2)] {
		var list []string
		for {
			switch s {
			case "SET":
				v := g.setOperand(1)
				if g.IntN(3) == 0 {
					v += pick(g, " + ", " - ") + g.setOperand(1)
				}
				list = append(list, g.path()+" = "+v)
			case "REMOVE":
				list = append(list, g.path())
			default:
				list = append(list, g.path()+" "+g.val())
			}
			if g.IntN(2) == 0 {
				break
			}
		}
		out = append(out, s+" "+strings.Join(list, ", "))
	}
	return strings.Join(out, " ")
}

func (g generator) projection() string {
	out := g.path()
	for g.IntN(2) == 0 {
		out += ", " + g.path()
	}
	return out
}

// broken damages an expression now and then.
func (g generator) broken(s string) string {
	if g.IntN(25) != 0 || len(s) == 0 {
		return s
	}
	i := g.IntN(len(s))
	switch g.IntN(3) {
	case 0:
		return s[:i]
	case 1:
		return s[:i] + s[i+1:]
	}
	return s[:i] + pick(g, "(", ")", " ", ",", "%", "1", " AND ", "=", ".") + s[i:]
}

var placeholder = regexp.MustCompile(`[#:][A-Za-z0-9_]+`)

// substitutions are names and values for what a text mentions.
func (g generator) substitutions(text string) (Names, Values) {
	names, values := Names{}, Values{}
	for _, p := range placeholder.FindAllString(text, -1) {
		switch {
		case p == "#nope" || p == ":nope":
		case p[0] == '#' && len(p) == 2:
			names[p] = p[1:]
		case p[0] == ':' && p[1] == 't' && len(p) > 2:
			values[p] = attr.String(p[2:])
		case p[0] == ':' && p[1] == 'v':
			values[p] = g.value(1)
		}
	}
	if len(names) == 0 {
		names = nil
	}
	if len(values) == 0 {
		values = nil
	}
	return names, values
}
