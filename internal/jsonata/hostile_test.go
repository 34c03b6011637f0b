package jsonata

import (
	"strings"
	"testing"
	"time"
)

// TestHostile is a page of expressions that would run for ever or fill the machine. Each is ended by the limit that the
// test names; how long it took is printed.
func TestHostile(t *testing.T) {
	small := Limits{Steps: 20_000, Depth: 300, Memory: 1 << 20, Output: 64 << 10, Sequence: 50_000}
	deep := func(open, close string, n int) string {
		return strings.Repeat(open, n) + "1" + strings.Repeat(close, n)
	}
	for _, c := range []struct{ name, expr, limit string }{
		{"endless tail recursion", `($f := function($x){$f($x+1)}; $f(0))`, "Steps"},
		{"two functions that call each other", `($f := function($x){$g($x)}; $g := function($x){$f($x)}; $f(0))`, "Steps"},
		{"endless recursion", `($f := function($x){1 + $f($x)}; $f(0))`, "Depth"},
		{"recursion through a callback", `($f := function($x){$map([1], $f)}; $f(0))`, "Depth"},
		{"the Y combinator", `(function($f){$f($f)})(function($f){$f($f)})`, "Steps"},
		{"a huge range", `[1..9999999]`, "Sequence"},
		{"a large range in memory", `[1..49000]`, "Memory"},
		{"ranges of ranges", `[1..1000].[1..1000].[1..1000]`, "Memory"},
		{"text that doubles", `($f := function($s){$f($s & $s)}; $f("aa"))`, "Output"},
		{"an array that doubles", `($f := function($a){$f($append($a, $a))}; $f([1]))`, "Memory"},
		{"a tree that shares its branches, printed", `($f := function($s, $n){$n > 0 ? $f([[$s, $s]], $n-1) : $string($s)}; $f("a", 60))`, "Steps"},
		{"a tree that shares its branches, compared", `($f := function($s, $n){$n > 0 ? $f([[$s, $s]], $n-1) : $s}; $f("a", 60) = $f("a", 60))`, "Steps"},
		{"a tree that shares its branches, searched", `($f := function($s, $n){$n > 0 ? $f([[$s, $s]], $n-1) : $s}; $count($f("a", 60).**))`, "Steps"},
		{"a tree that shares its branches, copied", `($f := function($s, $n){$n > 0 ? $f([[$s, $s]], $n-1) : $s}; $clone($f("a", 60)))`, "Memory"},
		{"a chain of lists", `($f := function($s, $n){$n > 0 ? $f([[$s]], $n-1) : $s}; $f("a", 1000))`, "Depth"},
		{"padding", `$pad("a", 2000000000)`, "Output"},
		{"padding from the left", `$pad("a", -100000000, "xyz")`, "Output"},
		{"replacement that grows", `$replace($pad("", 20000, "a"), "a", "aaaaaaaaaa")`, "Output"},
		{"matches without number", `$match($pad("", 60000, "a"), /a/)`, "Memory"},
		{"a pattern that is exponential elsewhere", `$contains($pad("", 60000, "a"), /^(a+)+$b/)`, ""},
		{"splitting into letters", `$split($pad("", 60000, "a"), "")`, "Sequence"},
		{"sorting by a function that never agrees", `$sort([1..2000], function($a,$b){true})`, "Steps"},
		{"distinct of unlike objects", `$distinct([1..300].{"a": $})`, "Steps"},
		{"tuples of tuples", `[1..100]@$a.[1..100]@$b.[1..100]@$c`, "Memory"},
		{"Roman numerals", `$formatInteger(1e15, "I")`, "Roman"},
		{"a picture with many places", `$formatNumber(1, "0." & $pad("", 500, "0"))`, "Fraction"},
		{"$eval of itself", `($s := "$eval($s)"; $eval($s))`, "Depth"},
		{"deep parentheses", deep("(", ")", 100_000), "Nesting"},
		{"deep arrays", deep("[", "]", 100_000), "Nesting"},
		{"deep objects", strings.Repeat(`{"a":`, 50_000), "Nesting"},
		{"deep signs", strings.Repeat("- ", 100_000) + "1", "Nesting"},
		{"deep functions", strings.Repeat("function($x){", 15_000), "Nesting"},
		{"a long sum", strings.Repeat("1+", 50_000) + "1", "Nesting"},
		{"a long path", strings.Repeat("a.", 50_000) + "a", "Nesting"},
		{"operands that double", strings.Repeat("(", 100) + "a" + strings.Repeat(" ?? b)", 100) + strings.Repeat("?:c", 20), "Nesting"},
		{"defaults in a chain", "a" + strings.Repeat("?:a", 40_000), "Nesting"},
		{"a long source", strings.Repeat(" ", 300<<10), "Source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			p, err := Compile(c.expr, Options{})
			if err == nil {
				_, err = p.Eval(Call{Limits: small})
			}
			took := time.Since(start)
			e, _ := err.(*Error)
			switch {
			case c.limit == "" && e != nil:
				t.Errorf("ended with %v", err)
			case c.limit != "" && e == nil:
				t.Errorf("was not ended, want the limit %s", c.limit)
			case c.limit != "" && e.Limit != c.limit:
				t.Errorf("ended with %s %v, want the limit %s", e.Code, err, c.limit)
			}
			t.Logf("%v", took)
		})
	}
}

// TestRegexRefused names what linear time cannot give.
func TestRegexRefused(t *testing.T) {
	for expr, why := range map[string]string{
		`/(a)\1/`:     `back-reference \1`,
		`/a(?=b)/`:    "look-ahead (?=",
		`/a(?!b)/`:    "look-ahead (?!",
		`/(?<=a)b/`:   "look-behind (?<=",
		`/(?<!a)b/`:   "look-behind (?<!",
		`/a{2000}/`:   "repetition {2000} over 1000",
		`/\uD800/`:    "half a surrogate pair",
		`/(?<n>a)\k/`: `back-reference \k`,
	} {
		_, err := Compile(`$match("", `+"x, "+expr+`)`, Options{})
		if err == nil {
			_, err = Compile(`a ~> $match(`+expr+`)`, Options{})
		}
		e, ok := err.(*Error)
		if !ok || e.Code != "S0303" && e.Code != "S0301" || !strings.Contains(e.Error(), why) {
			t.Errorf("%s: %v, want %s", expr, err, why)
		}
	}
}
