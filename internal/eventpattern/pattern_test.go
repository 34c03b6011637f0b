package eventpattern

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestScore prints the score over AWS's recorded answers; test/conform.sh holds it at 104 of 104.
func TestScore(t *testing.T) {
	shared := os.Getenv("VIRGA_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	f, err := os.Open(filepath.Join(shared, "conformance/eventpatterns/cases.jsonl"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("not run: the recorded answers are not there; test/conform.sh fails in CI without them")
	}
	defer f.Close()
	right, all := 0, 0
	for s := bufio.NewScanner(f); s.Scan(); {
		var c struct {
			Name           string
			Event, Pattern json.RawMessage
			Match          *bool
			Error          *struct{ Message string }
		}
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all++
		p, err := Parse(string(c.Pattern), Limits{})
		var refused *Error
		if errors.As(err, &refused) {
			if c.Error != nil && first(refused.Message()) == first(c.Error.Message) {
				right++
				continue
			}
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if ok, err := p.Match(c.Event); err != nil || c.Match == nil || ok != *c.Match {
			t.Errorf("%s: %v, %v", c.Name, ok, err)
			continue
		}
		right++
	}
	t.Logf("eventpatterns: %d of %d", right, all)
}

// What event-ruler 2.0.1 answers: the reason, and where its reader stands.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		pattern, reason string
		line, column    int
	}{
		{``, "Filter is not an object", 1, 1},
		{`[1]`, "Filter is not an object", 1, 2},
		{`{`, "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)\"{\"; line: 1, column: 1])", 1, 2},
		{`{"a":[01]}`, "Invalid numeric value: Leading zeroes not allowed", 1, 8},
		{"{\"a\":[\"\t\"]}", "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to be included in string value", 1, 8},
		{`{"a":['x']}`, "Unexpected character (''' (code 39)): expected a valid value " + valuesExpected, 1, 7},
		{`{"a":[NaN]}`, "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 1, 10},
		{`{"a":[truex]}`, "Unrecognized token 'truex': was expecting " + valuesExpected, 1, 7},
		{`{"a" [1]}`, "Unexpected character ('[' (code 91)): was expecting a colon to separate field name and value", 1, 6},
		{`{"a":[1 2]}`, "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 1, 9},
		{"{\n \"a\":[[1]]}", "Match value must be String, number, true, false, or null", 2, 8},
		{`{"a":[1],}`, "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 1, 10},
		{`{"a":["\x"]}`, "Unrecognized character escape 'x' (code 120)", 1, 9},
		{`{"a":[123.]}`, "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit", 1, 10},
		{`{"a":[{}]}`, "Match expression name not found", 1, 9},
		{`{"a":{}}`, "Empty objects are not allowed", 1, 8},
		{`{"$or":[]}`, "There must have at least 2 Objects in $or relationship.", 1, 10},
		{`{"a":[{"prefix":{"x":1}}]}`, "Unsupported prefix pattern: x", 1, 23},
		{`{"a":[{"wildcard":"**"}]}`, "Consecutive wildcard characters at pos 1", 1, 23},
		{`{"a":[{"wildcard":"\\x"}]}`, "Invalid escape character at pos 1", 1, 24},
		{`{"a":[{"cidr":"10.0.0.300/8"}]}`, "Invalid IP address: 10.0.0.300", 0, 0},
		{`{"a":["é😀",x]}`, "Unrecognized token 'x': was expecting " + valuesExpected, 1, 13},
	} {
		_, err := Parse(c.pattern, Limits{})
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason != c.reason || refused.Line != c.line || refused.Column != c.column {
			t.Errorf("%s:\n got %v\nwant %s %d %d", c.pattern, err, c.reason, c.line, c.column)
		}
	}
}

// The measure is event-ruler's: these are its figures.
func TestComplexity(t *testing.T) {
	for text, want := range map[string]int{
		"*:*:*:*:*:event-bus/*": 11, "/Users/*/dir/dir/dir/dir/dir/doc.txt": 7, "arn:aws:events:us-east-1:*:event-bus/*": 3, "*/dir/*": 4,
		"*a*a*a*a*": 9, "*aaaaaaaaaaa": 12, "*a*b*c*d*e*f*g*h*": 10, "*": 2,
	} {
		w, err := parseWildcard(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := complexity([]*wildcard{w}, 100); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// Elements of one array must agree; values beside it need not.
func TestArrays(t *testing.T) {
	const event = `{"l":[{"a":1,"b":2},{"a":3,"b":4,"m":[{"x":1,"y":2},{"x":3}]}],"z":5,"n":[[{"q":1}],[{"q":2,"r":3}]]}`
	for pattern, want := range map[string]bool{
		`{"l":{"a":[1],"b":[2]},"z":[5]}`:              true,
		`{"l":{"a":[1],"b":[4]}}`:                      false,
		`{"l":{"a":[3],"m":{"x":[1],"y":[2]}}}`:        true,
		`{"l":{"a":[1],"m":{"x":[1]}}}`:                false,
		`{"l":{"m":{"x":[3],"y":[2]}}}`:                false,
		`{"l":{"m":{"x":[3],"y":[{"exists":false}]}}}`: true,
		`{"n":{"q":[2],"r":[3]}}`:                      true,
		`{"n":{"q":[1],"r":[3]}}`:                      false,
	} {
		p, err := Parse(pattern, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Match([]byte(event)); got != want || err != nil {
			t.Errorf("%s: %v, %v", pattern, got, err)
		}
	}
}

// Every hostile input ends at a limit that has a name.
func TestHostile(t *testing.T) {
	refusal := func(name, pattern string, limits Limits, want string) {
		start := time.Now()
		_, err := Parse(pattern, limits)
		t.Logf("%s: %s", name, time.Since(start))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	big := Limits{Bytes: 1 << 20}
	refusal("too long", `{"a":["`+strings.Repeat("x", 5000)+`"]}`, Limits{}, "limit of bytes")
	refusal("deep", strings.Repeat(`{"a":`, 100000), big, "nesting depth")
	refusal("deep arrays", `{"a":`+strings.Repeat(`[`, 100000), big, "Match value must be")
	refusal("many $or", `{`+strings.Repeat(`"$or":[{"a":[1]},{"b":[1]}],`, 20)+`"z":[1]}`, big, "combinations")
	refusal("many values", `{"a":[`+strings.Repeat(`1,`, 200000)+`1]}`, big, "values than the limit")
	refusal("many fields", func() string {
		var b strings.Builder
		for i := range 300 {
			b.WriteString(`"` + strings.Repeat("x", i+1) + `":[1],`)
		}
		return "{" + strings.TrimSuffix(b.String(), ",") + "}"
	}(), big, "more fields than the limit")
	refusal("stars", `{"a":[{"wildcard":"`+strings.Repeat("*a", 2000)+`"}]}`, Limits{}, "too complex")
	refusal("long number", `{"a":[`+strings.Repeat("9", 3000)+`]}`, Limits{}, "Number value length")

	match := func(name, pattern, event string, want error) {
		p, err := Parse(pattern, big)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = p.Match([]byte(event))
		t.Logf("%s: %s", name, time.Since(start))
		var syntax *SyntaxError
		if !errors.Is(err, want) && (want != nil || !errors.As(err, &syntax)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	match("deep event", `{"a":[1]}`, strings.Repeat(`{"a":`, 100000), nil)
	match("deep skipped event", `{"b":[1]}`, strings.Repeat(`{"a":`, 100000), nil)
	match("wildcard", `{"a":[{"wildcard":"*a*a*a*b"}]}`, `{"a":"`+strings.Repeat("a", 1<<20)+`"}`, nil)
	objects := func(field string) string {
		return `[` + strings.TrimSuffix(strings.Repeat(`{"`+field+`":1},`, 400), ",") + `]`
	}
	match("sibling arrays", `{"a":{"x":[1]},"b":{"x":[1]},"c":{"x":[1]},"d":{"x":[2]},"e":{"x":[1],"y":[1]}}`,
		`{"a":`+objects("x")+`,"b":`+objects("x")+`,"c":`+objects("x")+`,"d":[{"x":2}],"e":[{"x":1},{"y":1}]}`, nil)
	match("one array, many fields", `{"a":{"p":[{"exists":false},1],"q":[{"exists":false},1],"r":[1],"s":[2]},"b":[1]}`,
		`{"a":[`+strings.TrimSuffix(strings.Repeat(`{"p":1},{"q":1},{"r":1},`, 1000), ",")+`,{"s":2}],"b":1}`, ErrTooComplex)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,"x",null]}`, `{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"$or":[{"a":[{"wildcard":"*x"}]},{"b":[{"cidr":"10.0.0.0/8"}]}]}`, `{"a":[{"anything-but":{"prefix":["x"]}}]}`, `{"a":[{"prefix":{"equals-ignore-case":"ß"}}]}`} {
		f.Add(s, `{"a":1,"b":["10.0.0.1",{"c":"x"}]}`)
	}
	f.Fuzz(func(t *testing.T, pattern, event string) {
		p, err := Parse(pattern, Limits{})
		if err != nil {
			_ = err.Error()
			return
		}
		got, err := p.Match([]byte(event))
		found, also := NewIndex([]*Pattern{p}).Match([]byte(event), nil)
		if (err == nil) != (also == nil) || err == nil && got != (len(found) == 1) {
			t.Fatalf("%q %q: %v %v, by index %v %v", pattern, event, got, err, found, also)
		}
	})
}

func FuzzTransform(f *testing.F) {
	f.Add("$.a[0].b", `{"x": <x>, "y": "<aws.events.event>"}`, `{"a":[{"b":1}],"detail":{}}`)
	f.Fuzz(func(t *testing.T, path, template, event string) {
		tr, err := ParseTransformer(map[string]string{"x": path}, template)
		if err != nil {
			return
		}
		_, _ = tr.Transform([]byte(event), Rule{})
	})
}
