package jsonata

import (
	"errors"
	"testing"
)

// FuzzEval compiles and evaluates whatever comes, in both dialects, within limits. It must give a value or an *Error,
// and a value must print and be read again.
func FuzzEval(f *testing.F) {
	for _, s := range []string{`a.b[0].c`, `$map([1..3], function($x){$x * 2})`, `a@$x#$i.b[%.c = 1]{d: $sum(e)}`, `items^(>price, name).id`,
		`$ ~> |a|{"b": 1}, ["c"]|`, `$replace("abc", /(b)(c)?/i, "$2$1")`, `$fromMillis(1, "[Y0001]-[MNn,3-3] [h#1]:[m01][P] [z]", "+0530")`,
		`$toMillis("12 Jan 2020", "[D] [MNn,*-3] [Y]")`, `$formatNumber(-12.5, "#,##0.00;(0.0e0)")`, `$formatInteger(12, "Ww;o")`, `$parseInteger("xii", "i")`,
		`function($x)<s-n?:s>{$x}("a")`, `$eval("[1,2]")`, `*.**.%`, `a ? b : c ?: d ?? e`, `$substring(?, 1)("abc")`, "`a b`.'\\u0041\\ud83d'", `$partition([1,2,3], 2)`,
		`$parse("{}") ~> $string(true)`, `$hash("a","MD5")`, `"\ud83d" & "\ude00"`, `$single([1,2], function($v,$i,$a){$i = 1})`, `a[].b^(c)[1]`, `/a+/("aaa").next()`} {
		f.Add(s, `{"a":[{"b":1,"c":[1,2]},{"b":"x"}],"items":[{"price":2,"name":"a","id":1},{"price":1,"name":"b","id":2}]}`)
	}
	limits := Limits{Steps: 20_000, Depth: 200, Memory: 1 << 20, Output: 64 << 10, Sequence: 10_000, Source: 4 << 10}
	f.Fuzz(func(t *testing.T, expr, doc string) {
		in, err := parseJSON(doc)
		if err != nil {
			in = Value{}
		}
		before := in.JSON()
		for _, sf := range []bool{false, true} {
			p, err := Compile(expr, Options{StepFunctions: sf, Limits: limits})
			if err != nil {
				check(t, err)
				continue
			}
			n := uint64(0)
			v, err := p.Eval(Call{Input: in, Millis: 1_600_000_000_000, Chance: func() uint64 { n += 1 << 59; return n }})
			if err != nil {
				check(t, err)
				continue
			}
			if after := in.JSON(); after != before {
				t.Fatalf("the input was changed from %s to %s", before, after)
			}
			b, err := v.AppendJSON(nil, 1<<20)
			var big *OutputError
			if errors.As(err, &big) || v.Kind() == Undefined {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseJSON(b); err != nil && len(b) < 1<<20 && v.depth() < NestingMax {
				t.Fatalf("%s is no JSON: %v", b, err)
			}
		}
	})
}

func (v Value) depth() int {
	most := 0
	for _, x := range v.Items() {
		most = max(most, 1+x.depth())
	}
	if o := v.Object(); o != nil {
		for i := range o.entries {
			most = max(most, 1+o.entries[i].val.depth())
		}
	}
	return most
}

func check(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code == "" || e.Error() == "" {
		t.Fatalf("%T %v is no error of the language", err, err)
	}
}
