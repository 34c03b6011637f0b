package eventpattern

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes small patterns and events that often meet.
type generator struct{ *rand.Rand }

func (g generator) pick(words ...string) string { return words[g.IntN(len(words))] }

func (g generator) name() string { return g.pick("a", "b", "c", "d", "a.b", "k s") }

func (g generator) text() string {
	return g.pick("", "x", "xy", "Xy", "xyz", "yx", "zzz", "x*y", `q"t`, "é", "É", "ß", "SS", "10.0.0.1", "10.0.1.9", "010.0.0.1", "::1", "0:0::1",
		"2001:db8::7", "::ffff:a00:1", "12:30", "Kk", "k", "a\\b", "日本", "7")
}

func (g generator) number() string {
	return g.pick("0", "-0", "1", "1.0", "10e-1", "2", "3.5", "-7", "300", "3e2", "300.00", "1e400", "12345678901234567890", "9007199254740993", "0.1", "0.10", "1E-7", "5e-324", "4.9e-324")
}

func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (g generator) texts() string {
	if g.IntN(2) == 0 {
		return quote(g.text())
	}
	all := make([]string, 1+g.IntN(3))
	for i := range all {
		all[i] = quote(g.text())
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (g generator) wildcard() string {
	return quote(g.pick("*", "x*", "*y", "x*y", "*x*", "x*z*", "xyz", `x\*y`, `*\\*`, "", "*é*", `q"*`))
}

func (g generator) cidr() string {
	return quote(g.pick("10.0.0.0/8", "10.0.0.0/24", "10.0.0.7/31", "2001:db8::/32", "::1/127", "10.0.0.8/9", g.pick("10.0.0.0/30", "10.0.0.1/32", "10.0.0.1", "a/b", "10.0.0.1/x", "1.2.3/4")))
}

// bound is a number that can be compared, nearly always.
func (g generator) bound(from int) string {
	all := []string{"-7", "-0", "0", "4.9e-324", "1E-7", "0.10", "1.0", "10e-1", "2", "3.5", "300.00", "3e2"}
	if g.IntN(40) == 0 {
		return g.number()
	}
	return all[from+g.IntN(len(all)-from)]
}

func (g generator) numeric() string {
	low := g.bound(0)
	high := g.pick(g.bound(8), "300", "1e9")
	switch g.IntN(20) {
	case 2, 3, 4:
		return fmt.Sprintf(`["=",%s]`, low)
	case 5, 6, 7:
		return fmt.Sprintf(`["%s",%s]`, g.pick("<", "<=", ">", ">="), low)
	case 8:
		return fmt.Sprintf(`["%s",%s,"%s",%s]`, g.pick(">", ">="), low, g.pick("<", ">"), g.number())
	case 9:
		return fmt.Sprintf(`["%s",%s,"%s",%s,1]`, g.pick("<", ">", "!"), low, g.pick("<", "<="), high)
	}
	return fmt.Sprintf(`["%s",%s,"%s",%s]`, g.pick(">", ">="), low, g.pick("<", "<="), high)
}

func (g generator) value() string {
	switch g.IntN(22) {
	case 0, 1, 2:
		return g.number()
	case 3:
		return g.pick("true", "false", "null")
	case 4:
		return fmt.Sprintf(`{"prefix":%s}`, quote(g.text()))
	case 5:
		return fmt.Sprintf(`{"suffix":%s}`, quote(g.text()))
	case 6:
		return fmt.Sprintf(`{"prefix":{"equals-ignore-case":%s}}`, quote(g.text()))
	case 7:
		return fmt.Sprintf(`{"suffix":{"equals-ignore-case":%s}}`, quote(g.text()))
	case 8:
		return fmt.Sprintf(`{"equals-ignore-case":%s}`, quote(g.text()))
	case 9:
		return fmt.Sprintf(`{"wildcard":%s}`, g.wildcard())
	case 10, 11:
		return fmt.Sprintf(`{"numeric":%s}`, g.numeric())
	case 12:
		return fmt.Sprintf(`{"cidr":%s}`, g.cidr())
	case 13:
		return g.pick(`{"exists":true}`, `{"exists":false}`)
	case 14:
		return fmt.Sprintf(`{"anything-but":%s}`, g.texts())
	case 15:
		return fmt.Sprintf(`{"anything-but":%s}`, g.pick(g.bound(0), "["+g.bound(0)+","+g.bound(0)+"]"))
	case 16:
		if g.IntN(30) != 0 {
			return fmt.Sprintf(`{"anything-but":{"%s":%s}}`, g.pick("prefix", "suffix", "equals-ignore-case"), quote(g.pick("x", "y", "xyz", "10.", ".1", "É")))
		}
		return fmt.Sprintf(`{"anything-but":{"%s":%s}}`, g.pick("prefix", "suffix", "equals-ignore-case"), g.texts())
	case 17:
		return fmt.Sprintf(`{"anything-but":{"wildcard":%s}}`, g.pick(g.wildcard(), "["+g.wildcard()+","+g.wildcard()+"]"))
	}
	return quote(g.text())
}

func (g generator) values() string {
	all := make([]string, 1+g.IntN(3)*g.IntN(2))
	for i := range all {
		all[i] = g.value()
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (g generator) pattern(depth int) string {
	members := make([]string, 1+g.IntN(3)*g.IntN(2))
	for i := range members {
		switch n := g.IntN(10); {
		case n < 3 && depth < 3:
			members[i] = quote(g.name()) + ":" + g.pattern(depth+1)
		case n == 3 && depth < 3:
			members[i] = `"$or":[` + g.pattern(depth+1) + "," + g.pattern(depth+1) + "]"
		default:
			members[i] = quote(g.name()) + ":" + g.values()
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// spoilt is a pattern with one thing wrong.
func (g generator) spoilt() string {
	p := g.pattern(0)
	at := g.IntN(len(p))
	switch g.IntN(4) {
	case 0:
		return p[:at]
	case 1:
		return p[:at] + p[at+1:]
	case 2:
		return p[:at] + g.pick("{", "}", "[", "]", ",", ":", `"`, "1", "t", "x", "-", " ", "\\") + p[at:]
	}
	return strings.Replace(p, g.pick("prefix", "numeric", "exists", "true", "wildcard", "cidr", "[", "{", `"`), g.pick("suffix", "anything-but", "null", "[", "1", "{}", "exactly"), 1)
}

func (g generator) scalar() string {
	switch g.IntN(6) {
	case 0, 1:
		return g.number()
	case 2:
		return g.pick("true", "false", "null")
	}
	return quote(g.text())
}

func (g generator) event(depth int) string {
	members := make([]string, 1+g.IntN(7))
	for i := range members {
		members[i] = quote(g.name()) + ":" + g.any(depth)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g generator) any(depth int) string {
	switch n := g.IntN(10); {
	case n < 3 && depth < 3:
		return g.event(depth + 1)
	case n < 5 && depth < 3:
		all := make([]string, g.IntN(4))
		for i := range all {
			all[i] = g.any(depth + 1)
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	return g.scalar()
}
