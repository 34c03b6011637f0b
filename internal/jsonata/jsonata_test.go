package jsonata

import (
	"errors"
	"testing"
)

// TestStepFunctions is the dialect of Step Functions: what it adds, and what it takes away.
func TestStepFunctions(t *testing.T) {
	n := uint64(0)
	chance := func() uint64 { n += 0x9E3779B97F4A7C15; return n }
	for _, c := range []struct{ expr, want string }{
		{`$partition([0], 1)`, `[[0]]`}, // recorded
		{`$partition([0,1,2], 2)`, `[[0,1],[2]]`},
		{`$partition(nothing, 2)`, ``},
		{`$partition([1], 0)`, `T0410`},
		{`$range(0, 9, 3)`, `[0,3,6,9]`}, // recorded
		{`$range(1, 9, 9)`, `1`},         // recorded
		{`$range(3, 1, -1)`, `[3,2,1]`},
		{`$range(1, 3)`, `[1,2,3]`},
		{`$range(0, 1000)`, `D2014`},
		{`$range(0, 1, 0)`, `T0410`},
		{`$parse("-0")`, `0`}, // recorded
		{`$parse("{\"a\": [1]}").a`, `[1]`},
		{`$parse("{")`, `D3137`},
		{`$hash("abc", "MD5")`, `"900150983cd24fb0d6963f7d28e17f72"`},
		{`$hash("abc", "SHA-1")`, `"a9993e364706816aba3e25717850c26c9cd0d89d"`},
		{`$hash("abc", "SHA-256")`, `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
		{`$hash("abc", "CRC")`, `D3137`},
		{`$random(42) = $random(42)`, `true`},
		{`$random(42)`, `0.7275636800328681`}, // java.util.Random(42).nextDouble()
		{`$random() < 1`, `true`},
		{`$contains($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)`, `true`},
		{`$eval("1")`, `T1006`},
		{`$sum([1,2])`, `3`},
	} {
		p, err := Compile(c.expr, Options{StepFunctions: true})
		var v Value
		if err == nil {
			v, err = p.Eval(Call{Chance: chance})
		}
		got := v.JSON()
		var e *Error
		if errors.As(err, &e) {
			got = e.Code
		}
		if got != c.want {
			t.Errorf("%s: got %s %v, want %s", c.expr, got, err, c.want)
		}
	}
}

// TestErrors holds codes, positions and wording.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		expr string
		pos  int
		want string
	}{
		{`1 + "a"`, 3, `The right side of the "+" operator must evaluate to a number`},
		{`"a" - 1`, 5, `The left side of the "-" operator must evaluate to a number`},
		{`$min(2, 3)`, 5, `Argument 2 of function "min" does not match function signature`},
		{`$sum(["a"])`, 5, `Argument 1 of function "sum" must be an array of "numbers"`},
		{`$string(1/0)`, 8, `Attempting to invoke string function on Infinity or NaN`},
		{`[1,2`, 4, `Expected "]" before end of expression`},
		{`"é😀" & (1 +`, 12, `Expected ")" before end of expression`},
		{`"é😀" & `, 8, `Unexpected end of expression`},
		{`sum(a)`, 4, `Attempted to invoke a non-function. Did you mean $sum?`},
		{`$match("a", /(?=a)/)`, -2, ``},
		{`$random()`, 8, `$random() needs a source of chance, which this evaluation was not given`},
		{`$encodeUrl("\ud800")`, 11, `Malformed URL passed to $encodeUrl(): "\ud800"`},
	} {
		p, err := Compile(c.expr, Options{})
		if err == nil {
			_, err = p.Eval(Call{Input: mustParse(t, `{"a":1}`)})
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		if c.pos > -2 && (e.Position != c.pos || e.Error() != c.want) {
			t.Errorf("%s: got %s at %d: %v, want %d: %s", c.expr, e.Code, e.Position, e, c.pos, c.want)
		}
	}
}

// TestValues holds what the reference's own suite leaves out.
func TestValues(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{`{"b": 1, "1": 2}`, `{"b":1,"1":2}`}, // keys as written
		{`"\ud83d" & "\ude00"`, `"😀"`},
		{`$length("😀")`, `1`},
		{`$substring("a😀b", 1, 1)`, `"😀"`},
		{`$split("é😀", "")`, `["é","\ud83d","\ude00"]`},
		{`"\uff5e" > "😀"`, `true`}, // by UTF-16 code units
		{`$string(1e21)`, `"1e+21"`},
		{`$string(1e-7)`, `"1e-7"`},
		{`$string(0.1+0.2)`, `"0.3"`},
		{`0.1+0.2`, `0.30000000000000004`},
		{`-0`, `0`},
		{`$uppercase("straße")`, `"STRASSE"`},
		{`$formatBase(9007199254740993, 16)`, `"20000000000000"`},
		{`$match("a1b2", /\d/).index`, `[1,3]`},
		{`$match("x\ny", /^./m).match`, `["x","y"]`},
		{`$replace("ab ab", /\ba/, "X")`, `"Xb Xb"`},
		{`$fromMillis(0)`, `"1970-01-01T00:00:00.000Z"`},
		{`$now()`, `"2023-11-14T22:13:20.000Z"`},
		{`$millis()`, `1700000000000`},
		{`$toMillis("12:30", "[H]:[m]")`, `1699965000000`},
		{`$sort([3,1,2], function($a,$b){$a < $b})`, `[3,2,1]`},
		{`$filter([1..5], function($v){$v % 2 = 1})`, `[1,3,5]`},
		{`($f := function($n,$a){$n = 0 ? $a : $f($n-1, $a+$n)}; $f(10000, 0))`, `50005000`},
		{`$map([1,2], $power(?, 2))`, `[1,4]`},
		{`($twice := $uppercase ~> $string; $twice("a"))`, `"A"`},
	} {
		p, err := Compile(c.expr, Options{})
		var v Value
		if err == nil {
			v, err = p.Eval(Call{Millis: 1_700_000_000_000})
		}
		if err != nil || v.JSON() != c.want {
			t.Errorf("%s: got %s %v, want %s", c.expr, v.JSON(), err, c.want)
		}
	}
}
