package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// documents are what the expressions are evaluated on.
var documents = []string{
	`{"a":1,"b":"two","c":[1,2,3],"d":{"e":[{"f":1,"g":"x"},{"f":2,"g":"y"},{"f":2}],"h":null},"i":[],"j":[[1,2],[3]],"k":true,"l":[{"a":[1]},{"a":[2,3]},{"a":[]}],"m":-2.5,"n":{},"o":"A b,C-d"}`,
	`[{"a":1,"c":[{"f":1},{"f":"z"}]},{"a":2,"b":"q","c":{"f":3}},{"a":"3","d":{"e":{"f":0}}},[{"a":9}],7,"s",null]`,
	`{"a":{"a":{"a":{"a":5,"b":[{"a":1,"f":2},{"a":2,"f":1}]}}},"c":[{"a":1,"f":[1,2]},{"a":1,"f":[3]},{"a":2,"f":4}],"d":[{"e":[{"f":1},{"f":5}]},{"e":{"f":7}}],"b":"\u00e9\ud83d\ude00z"}`,
}

// generator makes expressions of the language's grammar; most of them mean something on the documents.
type generator struct {
	r    *rand.Rand
	vars []string
}

func (g *generator) pick(list ...string) string { return list[g.r.IntN(len(list))] }

func (g *generator) name() string {
	return g.pick("a", "a", "b", "c", "c", "d", "e", "f", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "zz")
}

func (g *generator) number() string {
	return g.pick("0", "1", "2", "3", "-1", "10", "2.5", "0.1", "1e3", "12345.678", "-7", "100", "1e21", "1e-7", "255")
}

func (g *generator) text() string {
	return g.pick(`""`, `"a"`, `"two"`, `"x y"`, `"Hello World"`, `"1"`, `"2.50"`, `"0x1F"`, `"aXbXc"`, `"é😀z"`, `"A,b,,c"`, `"  sp  ace "`, `"true"`, `"$1-$2"`)
}

func (g *generator) variable() string {
	if len(g.vars) > 0 && g.r.IntN(4) > 0 {
		return g.vars[g.r.IntN(len(g.vars))]
	}
	return g.pick("$", "$$", "$", "$u")
}

func (g *generator) regex() string {
	return "/" + g.pick(`a`, `[a-z]+`, `(\w)(\w)?`, `\d+`, `^.`, `.$`, `\s`, `l+`, `(o|e)`, `x*`, `[^a-c]`, `b{1,2}`, `(?:a|b)c?`, `\bW`, `X`, `(a)|(b)`) + "/" + g.pick("", "", "i", "m")
}

// scoped evaluates f with one more variable.
func (g *generator) scoped(v string, f func() string) string {
	g.vars = append(g.vars, v)
	s := f()
	g.vars = g.vars[:len(g.vars)-1]
	return s
}

func (g *generator) lambda(depth, params int) string {
	names := []string{"$p", "$q", "$r"}[:params]
	before := len(g.vars)
	g.vars = append(g.vars, names...)
	body := g.expr(depth - 1)
	g.vars = g.vars[:before]
	return "function(" + strings.Join(names, ",") + "){" + body + "}"
}

func (g *generator) expr(depth int) string {
	if depth <= 0 {
		switch g.r.IntN(6) {
		case 0:
			return g.number()
		case 1:
			return g.text()
		case 2:
			return g.variable()
		case 3:
			return g.pick("true", "false", "null", "*", "**", "zz")
		}
		return g.name()
	}
	d := depth - 1
	switch g.r.IntN(24) {
	case 0, 1:
		return g.expr(d) + " " + g.pick("+", "-", "*", "/", "%", "=", "!=", "<", "<=", ">", ">=", "&", "and", "or", "in", "??", "?:") + " " + g.expr(d)
	case 2, 3, 4:
		return g.path(depth)
	case 5:
		return g.path(d) + "[" + g.pick(g.number(), g.number(), g.expr(d), g.name()+g.pick("=", ">", "<", "!=")+g.number()) + "]"
	case 6:
		return "(" + g.expr(d) + ")" + g.pick("", ".", "[0]", "[-1]", "[]", ".a", ".*")[0:0] + g.pick("", "[0]", "[-1]", ".a", ".*")
	case 7:
		return "[" + g.list(d, 3) + "]" + g.pick("", "", "[0]", ".a", "[]")
	case 8:
		return "[" + g.pick("0", "1", "-2", g.expr(d)) + ".." + g.pick("3", "5", g.expr(d)) + "]"
	case 9:
		return g.object(d)
	case 10:
		return g.path(d) + g.object(d)
	case 11:
		return g.path(d) + "^(" + g.pick("", "<", ">") + g.expr(d) + g.pick("", "", ", "+g.pick("<", ">")+g.name()) + ")" + g.pick("", ".a", "[0]")
	case 12:
		return g.expr(d) + " ? " + g.expr(d) + g.pick("", " : "+g.expr(d))
	case 13:
		return "($v := " + g.expr(d) + "; " + g.scoped("$v", func() string { return g.expr(d) }) + ")"
	case 14:
		return g.bound(depth)
	case 15:
		return g.parent()
	case 16:
		return g.expr(d) + " ~> " + g.pick("$string", "$count", "$sum", "$keys", "$uppercase", "$reverse", "$type", "$string()", "$join(\"-\")", "|$|"+g.object(0)+"|", "|a|{\"z\":1},\"f\"|", "$map("+g.lambda(1, 1)+")")
	case 17:
		return g.higher(d)
	case 18:
		return "-" + g.expr(d)
	default:
		return g.call(d)
	}
}

func (g *generator) list(depth, most int) string {
	var parts []string
	for range g.r.IntN(most + 1) {
		parts = append(parts, g.expr(depth))
	}
	return strings.Join(parts, ", ")
}

func (g *generator) object(depth int) string {
	return "{" + g.pick(`"x"`, g.name(), `"k" & `+g.name(), "$string("+g.name()+")") + ": " + g.expr(depth) + g.pick("", "", `, "y": `+g.expr(depth)) + "}"
}

func (g *generator) path(depth int) string {
	s := g.pick(g.name(), g.name(), g.name(), g.variable(), "*", "**")
	for range g.r.IntN(4) {
		s += "." + g.pick(g.name(), g.name(), g.name(), "*", g.name()+"[0]", g.name()+"[]", g.name()+"[-1]", "("+g.expr(depth-1)+")", "["+g.list(depth-2, 2)+"]", g.object(depth-2), "$string()", "**", g.name()+"["+g.name()+">1]", g.name()+"^(f)")
	}
	return s
}

func (g *generator) bound(depth int) string {
	switch g.r.IntN(4) {
	case 0:
		return g.pick("c", "d.e", "l", "j", "a.b") + "#$ix" + g.pick("", "[$ix>0]", "[f=1]") + g.scoped("$ix", func() string { return ".(" + g.expr(depth-2) + ")" })
	case 1:
		return g.pick("c", "d.e", "l") + "@$at" + g.scoped("$at", func() string {
			return g.pick("", "[$at.f>1]") + g.pick(".", ".c@$w.")[0:1] + "(" + g.expr(depth-2) + ")"
		})
	case 2:
		return g.pick("c", "d.e", "l") + "@$at." + g.pick("d.e", "c", "l") + "@$bt" + g.pick("[$at.f=$bt.f]", "[$at.a=$bt.a]", "") + `.{"p":$at.f,"q":$bt.f}`
	}
	return g.pick("c", "d.e", "l") + "@$at#$ix" + g.pick("^(f)", "[0]", "") + `{$string($ix): $at.` + g.name() + "}"
}

func (g *generator) parent() string {
	return g.pick("d.e.%", "d.e.f.%.g", "a.a.a.b.%.a", "d.e.%.h", "c.f.%.a", "d.e.f.%.%", "l.a.%", "d.e[%.h=null].f", "a.a.a.b.f^(%.a)", "d.e.{\"f\":f,\"n\":%.n}", "c.(f.%.a)", "d.(e.f.%)", "*.%", "d.e.%.e.%.e.f", "a.%", "a.a.%.%", "%.a", "c[%.a=1]", "d.e.$string(%.h)")
}

func (g *generator) higher(d int) string {
	s := g.pick(g.path(1), "["+g.list(0, 4)+"]", "[1..5]")
	switch g.r.IntN(8) {
	case 0:
		return "$map(" + s + ", " + g.pick(g.lambda(d, 1), g.lambda(d, 2), g.lambda(d, 3), "$string", "$round", "$type") + ")"
	case 1:
		return "$filter(" + s + ", " + g.lambda(d, 1+g.r.IntN(3)) + ")"
	case 2:
		return "$reduce(" + s + ", " + g.pick("function($p,$q){$p+$q}", "function($p,$q){$p & $q}", g.lambda(d, 2), "$append") + g.pick("", ", "+g.expr(0)) + ")"
	case 3:
		return "$sort(" + s + g.pick("", ", function($p,$q){$p > $q}", ", function($p,$q){$p.f < $q.f}") + ")"
	case 4:
		return "$each(" + g.pick("$", "d", "n", g.path(1)) + ", " + g.lambda(d, 1+g.r.IntN(2)) + ")"
	case 5:
		return "$sift(" + g.pick("$", "d", "n", g.path(1)) + ", " + g.lambda(d, 1+g.r.IntN(2)) + ")"
	case 6:
		return "$single(" + s + ", " + g.lambda(d, 1) + ")"
	}
	return "(" + g.lambda(d, 1+g.r.IntN(2)) + ")(" + g.list(d, 2) + ")"
}

func (g *generator) call(d int) string {
	one := g.pick("string", "length", "lowercase", "uppercase", "trim", "number", "floor", "ceil", "abs", "sqrt", "boolean", "not", "keys", "spread", "count", "sum", "max", "min", "average",
		"merge", "reverse", "distinct", "exists", "type", "base64encode", "base64decode", "encodeUrl", "encodeUrlComponent", "decodeUrl", "decodeUrlComponent", "clone", "zip", "sort", "join", "round")
	a := func() string { return g.pick(g.expr(d), g.expr(0), g.text(), g.number(), g.path(1)) }
	switch g.r.IntN(14) {
	case 0:
		return "$substring(" + g.pick(g.text(), a()) + ", " + g.number() + g.pick("", ", "+g.number()) + ")"
	case 1:
		return g.pick("$substringBefore", "$substringAfter", "$contains", "$split", "$append", "$lookup", "$zip") + "(" + a() + ", " + g.pick(g.text(), a()) + ")"
	case 2:
		return "$pad(" + g.text() + ", " + g.number()[0:1] + "0" + g.pick("", `, "#"`, `, "ab"`) + ")"
	case 3:
		return "$replace(" + g.text() + ", " + g.pick(g.regex(), g.text()) + ", " + g.pick(g.text(), `"[$0|$1|$2|$$]"`, "function($p){$uppercase($p.match)}") + g.pick("", ", 1", ", "+g.number()) + ")"
	case 4:
		return g.pick("$match", "$split", "$contains") + "(" + g.text() + ", " + g.regex() + ")"
	case 5:
		return "$formatNumber(" + g.number() + ", " + strconv.Quote(g.numberPicture()) + ")"
	case 6:
		return "$formatInteger(" + g.pick(g.number(), strconv.Itoa(g.r.IntN(5000)), strconv.Itoa(g.r.IntN(100)), "1234567") + ", " + strconv.Quote(g.integerPicture()) + ")"
	case 7:
		return g.date()
	case 8:
		return g.pick("$power", "$round", "$formatBase") + "(" + g.number() + ", " + g.number() + ")"
	case 9:
		return "$join(" + g.pick("["+g.text()+","+g.text()+"]", a()) + g.pick("", ", "+g.text()) + ")"
	case 10:
		return "$" + one + "(" + g.list(d, 2) + ")"
	}
	return "$" + one + "(" + a() + ")"
}

func (g *generator) numberPicture() string {
	return g.pick("", "$", "(", "-") + g.pick("0", "#0", "#,##0", "000", "#,###,##0", "00,00", "#", "0'0", "##,#0,0") + g.pick("", ".0", ".00", ".##", ".0#", ".#,#", ".", ".000,0") + g.pick("", "", "%", "\u2030", "e0", "e00", ")", ";(0)", ";-#.#")
}

func (g *generator) integerPicture() string {
	return g.pick("0", "00", "#,##0", "0000", "a", "A", "i", "I", "w", "W", "Ww", "#:000", "#,##0", "\u0660\u0661", "x", "1") + g.pick("", "", ";o", ";c")
}

func (g *generator) datePicture() string {
	var s strings.Builder
	for range 1 + g.r.IntN(4) {
		s.WriteString("[" + g.pick("Y", "Y0001", "Y,2", "Y,2-2", "M", "M01", "MNn", "MN", "Mn,3-3", "D", "D01", "D1o", "d", "d001", "FNn", "F0", "Fn", "W", "W01", "w", "X", "x", "xNn", "H", "H01", "h", "h#1", "P", "PN", "m", "s", "f", "f001", "Z", "z", "Z0101", "Z01:01t", "C", "E", "Dwo", "YI", "MA", "q") + "]" + g.pick("", "-", " ", ":", "[[", "]]", "T"))
	}
	return s.String()
}

func (g *generator) date() string {
	millis := strconv.FormatInt(g.r.Int64N(4_000_000_000_000)-1_000_000_000_000, 10)
	switch g.r.IntN(4) {
	case 0:
		p := strconv.Quote(g.datePicture())
		return "$toMillis($fromMillis(" + millis + ", " + p + "), " + p + ")"
	case 1:
		return "$toMillis(" + g.pick(`"2018-03-04T05:06:07.089Z"`, `"2018-03-04"`, `"2018"`, `"2018-13-01"`, `"2018-02-31"`, `"2018-03-04T24:00:00Z"`, `"2018-03-04T05:06:07+01:30"`, `"x"`, "$fromMillis("+millis+")") + ")"
	case 2:
		return "$parseInteger(" + g.pick(`"12"`, `"1,234"`, `"xiv"`, `"XIV"`, `"one hundred and twelve"`, `"21st"`, `"ab"`, `"twenty-first"`) + ", " + strconv.Quote(g.integerPicture()) + ")"
	}
	return fmt.Sprintf("$fromMillis(%s, %s%s)", millis, strconv.Quote(g.datePicture()), g.pick("", `, "+0530"`, `, "-0800"`, `, "+0000"`))
}
