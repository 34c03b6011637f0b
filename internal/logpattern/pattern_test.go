package logpattern

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const (
	apache200 = `127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534`
	apache500 = `127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 500 5324`
	apache404 = `127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
	trail     = `{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],
		"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"ThisFlag":true}`
	user = `{"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":"John.Doe@example.com"},
		{"id":3,"email":"Jane.Doe@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6],[7,8,9]]}`
	latency = `{"latency":1001.5,"numbers":[9e3,2],"processes":[0,1,2,3,{"averageRuntime":55.5}],"errorCode":400,"off":false,
		"esc\"aped":"a\nb A 😀","big":"x","big":"y","s":"007","neg":-3}`
)

// The guide's examples and, where it is silent, the rules of this package's comment.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, line string
		want          bool
	}{
		{"", "anything", true},
		{"  ", "", true},
		{"ERROR", "[ERROR] A fatal exception has occurred", true},
		{"ERROR", "Exiting with ERRORCODE: -1", true},
		{"ERROR", "error", false},
		{`"ERROR" - "Exiting"`, "[ERROR] A fatal exception has occurred", true},
		{`"ERROR" - "Exiting"`, "Exiting with ERRORCODE: -1", false},
		{"ERROR Exception", "[ERROR] Caught IllegalArgumentException", true},
		{"ERROR Exception", "[ERROR] Unhandled Exception", true},
		{"ERROR Exception", "[ERROR]", false},
		{`"Failed to process the request"`, "[WARN] Failed to process the request", true},
		{`"Failed to process the request"`, "Failed the request to process", false},
		{"ERROR", "ERROR WARN message", true},
		{"ERROR", "ERROR message", true},
		{"ERROR", "WARN message", false},
		{"?ERROR ?WARN", "ERROR WARN message", true},
		{"?ERROR ?WARN", "ERROR message", true},
		{"?ERROR ?WARN", "WARN message", true},
		{"?ERROR ?WARN", "INFO message", false},
		{"ERROR WARN", "ERROR WARN message", true},
		{"ERROR WARN", "ERROR message", false},
		{"ERROR -WARN", "ERROR WARN message", false},
		{"ERROR -WARN", "ERROR message", true},
		{"ERROR -WARN", "WARN message", false},
		{"-WARN", "INFO", true},
		{"?ERROR -WARN", "INFO", true}, // the note: optional terms beside others are ignored
		{"?ERROR INFO", "INFO", true},
		{`?"a b" ?c`, "a b", true},
		{`"say \"hi\" \\ x"`, `say "hi" \ x`, true},
		{"[w1=ERROR, w2]", "ERROR message", true},
		{"[w1=ERROR, w2]", "ERROR WARN message", false},
		{"[w1=ERROR || w1=WARN, w2]", "WARN message", true},
		{"[w1=ERROR || w1=WARN, w2]", "INFO message", false},
		{"[w1!=ERROR&&w1!=WARN, w2]", "INFO message", true},
		{"[w1!=ERROR&&w1!=WARN, w2]", "WARN message", false},

		{`{$.foo = bar}`, `{"foo": "bar"}`, true},
		{`{$.foo = baz }`, `{"foo": "bar"}`, false},
		{`{$.foo = bar || $.foo = baz }`, `{"foo": "baz"}`, true},
		{`{ $.eventType = "UpdateTrail" }`, trail, true},
		{`{ $.eventType = UpdateTrail }`, trail, true},
		{`{ $.eventType = "updatetrail" }`, trail, false},
		{`{ $.sourceIPAddress != 123.123.* }`, trail, true},
		{`{ $.sourceIPAddress != 111.111.* }`, trail, false},
		{`{ $.arrayKey[0] = "value" }`, trail, true},
		{`{ $.arrayKey[1] = "value" }`, trail, false},
		{`{ $.eventType[0] = "value" }`, trail, false},
		{`{ $.objectList[1].id = 2 }`, trail, true},
		{`{ $.objectList[0].id = 2 }`, trail, false},
		{`{ $.objectList[2].id = 2 }`, trail, false},
		{`{ $.SomeObject IS NULL }`, trail, true},
		{`{ $.eventType IS NULL }`, trail, false},
		{`{ $.SomeOtherObject IS NULL }`, trail, false},
		{`{ $.SomeOtherObject NOT EXISTS }`, trail, true},
		{`{ $.SomeObject NOT EXISTS }`, trail, false},
		{`{ $.objectList NOT EXISTS }`, trail, false},
		{`{ $.ThisFlag IS TRUE }`, trail, true},
		{`{ $.ThisFlag IS FALSE }`, trail, false},
		{`{ $.off IS FALSE }`, latency, true},
		{`{ $.ThisFlag = true }`, trail, false},
		{`{ $.ThisFlag = * }`, trail, true},
		{`{ $.SomeObject = * }`, trail, false},
		{`{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }`, user, true},
		{`{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }`, user, false},
		{`{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }`, user, true},
		{`{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }`, user, false},
		{`{ $.coordinates[1][2] = 6 }`, user, true},
		{`{ $.users = 1 }`, `{"users": [1, 2, 3]}`, false},
		{`{ $.users != 1 }`, `{"users": [1, 2, 3]}`, false},
		{`{ $.none != 1 }`, `{"users": [1, 2, 3]}`, false},
		{`{ $.latency >= 500 }`, latency, true},
		{`{ $.numbers[0] < 10e3 }`, latency, true},
		{`{ $.numbers[0] < 10e-3 }`, latency, false},
		{`{ $.processes[4].averageRuntime <= 55.5 }`, latency, true},
		{`{ $.errorCode = 400 }`, latency, true},
		{`{ $.errorCode = 4e2 }`, latency, true},
		{`{ $.errorCode = "400" }`, latency, true},
		{`{ $.errorCode = 4* }`, latency, true},
		{`{ $.errorCode != 500 }`, latency, true},
		{`{ $.latency > +1000 }`, latency, true},
		{`{ $.neg < -2 }`, latency, true},
		{`{ $.neg = -3 }`, latency, true},
		{`{ $.s = 7 }`, latency, false},
		{`{ $.s = 007 }`, latency, true},
		{`{ $.s > 1 }`, latency, false},
		{`{ $.latency = * }`, latency, true},
		{`{ $.big = y }`, latency, true},
		{`{ $.big = x }`, latency, false},
		{`{ $.eventName = "*Event" }`, `{"eventName":"PutEvent"}`, true},
		{`{ $.eventName = *Event }`, `{"eventName":"GetEvents"}`, false},
		{`{ $.eventName = Event* }`, `{"eventName":"EventId"}`, true},
		{`{ $.eventName = Ev*ent }`, `{"eventName":"Ev*ent"}`, true},
		{`{ $.eventName = Ev*ent }`, `{"eventName":"Evxent"}`, false},
		{`{ $.a = %^4\d{2}$% }`, `{"a":"404"}`, true},
		{`{ $.a = %^4\d{2}$% }`, `{"a":4040}`, false},
		{`{ $.a != %b% && $.c = "d" }`, `{"a":"x","c":"d"}`, true},
		{`{ $.a = 1 }`, `{"a":1} x`, false},
		{`{ $.a = 1 }`, `{"a":1,}`, false},
		{`{ $.a = 1 }`, `{"a":1,"b":01}`, false},
		{`{ $.a = 1 }`, `not json`, false},
		{`{ $.a NOT EXISTS }`, `not json`, false},
		{`{ $.a NOT EXISTS }`, strings.Repeat("[", 100) + strings.Repeat("]", 100), false},
		{`{ $.a[0] = 1 }`, `{"a":[1],"a":{}}`, false},
		{`{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }`, `{"errorCode":"Client.UnauthorizedOperation"}`, true},
		{`{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }`, `{"userIdentity":{"type":"Root"},"eventType":"AwsApiCall"}`, true},

		{"[ip, user, username, timestamp, request, status_code, bytes]", apache200, true},
		{"[ip, user, username, timestamp, request, status_code]", apache200, false},
		{"[..., status_code, bytes]", apache200, true},
		{"[ip, user, ..., status_code, bytes]", apache200, true},
		{"[ip, user, ...]", apache200, true},
		{"[ip, user, ...]", "one", false},
		{"[...]", "", true},
		{"[ip, user, username, timestamp, request, status_code, bytes > 1000]", apache200, true},
		{"[ip, user, username, timestamp, request, status_code, bytes > 2000]", apache200, false},
		{"[ip, user, username, timestamp, request, status_code = 200, bytes]", apache200, true},
		{"[ip, user, username, timestamp, request, status_code = 4*, bytes]", apache200, false},
		{"[ip, user, username, timestamp, request, status_code = 4*, bytes]", apache404, true},
		{"[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", apache404, true},
		{"[ip, user, username, timestamp, request = *gif*, status_code = 4*, bytes]", apache404, false},
		{"[ip, user, username, timestamp, request, status_code = 5* && status_code != 503, bytes > 1000]", apache500, true},
		{"[..., request=*.html*, status_code=4*,]", apache404, true},
		{"[..., request=%\\.html%, status_code=%^4\\d\\d$%, bytes]", apache404, true},
		{`[..., request="GET /index.html HTTP/1.0", status_code, bytes]`, apache404, true},
		{"[a, b, c <= 5]", "x y z", false},
		{"[(a=1 || a=2) && a!=2]", "1", true},
		{"[a=1.0]", "1", true},

		{"%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", true},
		{"%AUTHORIZED%", "[SUCCESS 200] AUTHORIZED REQUEST", true},
		{"%^ERROR%", "an ERROR", false},
		{"%gray|grey%", "a grey cat", true},
		{"%colou?r%", "color", true},
		{`%10\.10\.0\.1%`, "10.10.0.1", true},
		{`%10\.10\.0\.1%`, "10a10a0a1", false},
		{`%[a-z]{3}\x20\d+$%`, "see abc 12", true},
	} {
		p, err := Compile(c.pattern, Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := p.Match(c.line); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.line, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{"foo.bar", "Invalid character(s) in term 'foo.bar'"},
		{"a -", "a term is empty"},
		{`""`, "a term is empty"},
		{`"open`, "not closed"},
		{"%a% b", "cannot be combined"},
		{"b %a%", "cannot be combined"},
		{"%something!%", "not supported"},
		{"%(a)%", "not supported"},
		{"%a b%", "not supported"},
		{"%é%", "not supported"},
		{"%a", "not closed"},
		{"%%", "empty"},
		{"%[a%", "cannot be read"},
		{`%\q%`, "escape"},
		{`%\xg1%`, "hexadecimal"},
		{"{ $.a = 1", "must end with '}'"},
		{"[a, b", "must end with ']'"},
		{"{}", "must begin with $"},
		{"{ $ = 1 }", "must name a property"},
		{"{ $.a }", "an operator is missing"},
		{"{ $.a = }", "a value is missing"},
		{"{ $.a = 1 && }", "must begin with $"},
		{"{ ($.a = 1 }", "not closed"},
		{"{ $.a = 1 $.b = 2 }", "expected &&"},
		{"{ $.a = 1 } }", "something follows"},
		{"{ $.a IS MAYBE }", "IS MAYBE"},
		{"{ $.a EXISTS }", "EXISTS"},
		{"{ $.a > b }", "compare with numbers"},
		{"{ $.a > %b% }", "= or !="},
		{"{ $.* = 1 }", "wildcards in selectors are not supported"},
		{"{ $.a[*] = 1 }", "wildcards in selectors are not supported"},
		{"{ $.a['b'] = 1 }", "quoted names in selectors are not supported"},
		{"{ $.a[x] = 1 }", "[NUMBER]"},
		{"{ $.a[99999999999999999999] = 1 }", "[NUMBER]"},
		{"{ $.a = %a% || $.a = %b% || $.a = %c% }", "more than 2 regular"},
		{"[a, ..., b, ...]", "two ellipses"},
		{"[a, a]", "two fields are named a"},
		{"[a=1 && b=2]", "speak of a and b"},
		{"[a b]", "operator is missing"},
		{"[a=1] b]", "something follows"},
		{strings.Repeat("a", 1025), "more than 1024 bytes"},
		{strings.Repeat("a ", 65), "more than 64 conditions"},
		{"{ " + strings.Repeat("(", 66) + "$.a = 1" + strings.Repeat(")", 66) + " }", "nested too deeply"},
	} {
		p, err := Compile(c.pattern, Limits{})
		if err == nil {
			t.Errorf("%s was taken: %+v", c.pattern, p)
		} else if _, ok := err.(*Error); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.pattern, err, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	p, err := Compile("{ $.a = 1 }", Limits{LineBytes: 10})
	if err != nil || p.Match(`{"a":1,"b":2}`) || !p.Match(`{"a":1}`) {
		t.Fatal(err)
	}
	if p, err = Compile("[a, ...]", Limits{Fields: 3}); err != nil || p.Match("1 2 3 4") || !p.Match("1 2 3") {
		t.Fatal(err)
	}
}

func TestExtract(t *testing.T) {
	for _, c := range []struct {
		pattern, line string
		want          map[string]string
	}{
		{"[..., request=*.html*, status_code=4*,]", apache404, map[string]string{"$status_code": "404", "$request": "GET /index.html HTTP/1.0", "$7": "1534",
			"$4": "10/Oct/2000:13:25:15 -0700", "$3": "frank", "$2": "-", "$1": "127.0.0.1"}},
		{"{ $.latency = * && $.numbers[1] > 0 && $.none NOT EXISTS && $.off IS FALSE }", latency, map[string]string{"$.latency": "1001.5", "$.numbers[1]": "2", "$.off": "false"}},
		{"ERROR", "ERROR", map[string]string{}},
	} {
		p, err := Compile(c.pattern, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got, ok := p.Extract(c.line)
		if d := cmp.Diff(c.want, got); !ok || d != "" {
			t.Errorf("%s: %s", c.pattern, d)
		}
		if got, ok := p.Extract(""); ok || got != nil {
			t.Error(c.pattern, "extracts from nothing:", got)
		}
	}
	p, _ := Compile("{ $.a = 1 }", Limits{})
	if !(!p.HasRegex()) {
		t.Error("HasRegex")
	}
	if p, _ = Compile("%a%", Limits{}); !p.HasRegex() {
		t.Error("HasRegex")
	}
}

// TestScannerAgrees: what our JSON scanner takes, and the string it finds, is what encoding/json takes and finds.
func TestScannerAgrees(t *testing.T) {
	p, err := Compile(`{ $.k = * }`, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.StringMatching(`\{ ?"(k|\\u006b|x)" ?: ?("[a-zé\\"nu0-9/]{0,8}"|-?[0-9]{1,3}(\.[0-9]+)?([eE]-?[0-9]{1,2})?|true|null|\[1,\{"k":[0-9]\}\]),? ?("k":"(\\ud83d\\ude00|\\ud83d|\\n)")?\}`).Draw(t, "line")
		var v map[string]any
		err := json.Unmarshal([]byte(line), &v)
		got, ok := p.Extract(line)
		want, is := "", false
		switch k := v["k"].(type) {
		case string:
			want, is = k, true
		case bool:
			want, is = "true", true
		case float64:
			is = true
			want = got["$.k"]
		}
		if err != nil {
			is = false
		}
		if ok != is || ok && got["$.k"] != want {
			t.Fatalf("%s: got %q %v, want %q %v (%v)", line, got["$.k"], ok, want, is, err)
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"?a -b", `{ $.a[0].b = "x*" && ($.c > 1 || $.d IS NULL) }`, "[a, ..., b=4* || b=%x%]", "%a|b%", trail, apache200} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, pattern, line string) {
		p, err := Compile(pattern, Limits{})
		if err != nil {
			return
		}
		if _, ok := p.Extract(line); ok != p.Match(line) {
			t.Fatal("Extract and Match disagree")
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, c := range []struct{ name, pattern, line string }{
		{"terms", "ERROR Exception -Ignored", "2026-01-01T00:00:00Z [ERROR] request 1234 failed: Unhandled Exception in handler after 1200 ms"},
		{"json", `{ $.level = "ERROR" && ($.latency > 500 || $.user.id = 7) }`,
			`{"timestamp":"2026-01-01T00:00:00Z","level":"ERROR","message":"request failed","requestId":"8f0d5e2a-8c8e-4c1c-9c38-0a8e7e9d1b11","latency":812.5,"user":{"id":7,"name":"a"},"tags":["x","y"]}`},
		{"fields", "[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes > 1000]", apache404},
		{"regex", `%\[ERROR\].{0,40}failed%`, "2026-01-01T00:00:00Z [ERROR] request 1234 failed: Unhandled Exception in handler after 1200 ms"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := Compile(c.pattern, Limits{})
			if err != nil || !p.Match(c.line) {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				p.Match(c.line)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func ExampleCompile() {
	p, err := Compile(`{ $.errorCode = "AccessDenied*" && $.latency > 100 }`, Limits{})
	fmt.Println(p.Match(`{"errorCode":"AccessDeniedException","latency":250}`), err)
	_, err = Compile(`{ $.errorCode ~ x }`, Limits{})
	fmt.Println(err)
	// Output:
	// true <nil>
	// Invalid filter pattern: an operator is missing; there are =, !=, <, >, <= and >= (at character 15)
}
