package proxyevent

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

func sample() *Request {
	return &Request{Method: "GET", Protocol: "HTTP/1.1", Host: "a.b", Header: http.Header{"Accept": {"*/*"}, "X-Bad": {"\xff\"\\\x01"}, "Cookie": {"a=1; b=2"}}, RawPath: "/x", RawQuery: "a=1&a=2&b=%zz&=&c",
		Stage: "s", RouteKey: "GET /x", Resource: "/x", Params: []Param{{"p", "v"}}, Variables: map[string]string{"k": "v"}, Body: []byte("b{\"\n"), Time: time.Unix(1583348638, 390e6)}
}

// TestJSON: whatever a client sends, the event is JSON.
func TestJSON(t *testing.T) {
	for _, b := range [][]byte{V1(sample()), V2(sample()), REST(sample())} {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Errorf("%v\n%s", err, b)
			continue
		}
		if m["body"] != "b{\"\n" {
			t.Errorf("body %q", m["body"])
		}
	}
	var m map[string]any
	if err := json.Unmarshal(V2(sample()), &m); err != nil {
		t.Fatal(err)
	}
	q := m["queryStringParameters"].(map[string]any)
	if q["a"] != "1,2" || q["b"] != "%zz" || q["c"] != "" {
		t.Errorf("query %v", q)
	}
	if c := m["requestContext"].(map[string]any); c["time"] != "04/Mar/2020:19:03:58 +0000" || c["timeEpoch"] != 1583348638390.0 {
		t.Errorf("time %v %v", c["time"], c["timeEpoch"])
	}
}

func TestBadHeader(t *testing.T) {
	for _, c := range []struct {
		name, value string
		bad         bool
	}{{"X-A", "b", false}, {"x", "a\r\nb: c", true}, {"a b", "c", true}, {"", "c", true}, {"a:", "c", true}, {"Transfer-Encoding", "chunked", true}, {"UPGRADE", "x", true}, {"x", "\x00", true}} {
		if got := BadHeader(c.name, c.value); got != c.bad {
			t.Errorf("%q %q: %v", c.name, c.value, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":1},"multiValueHeaders":{"b":["c"]},"cookies":["d"],"body":"e"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, read := range []func([]byte) (*Answer, error){ReadV1, ReadV2, func(b []byte) (*Answer, error) { return ReadREST(b, true) }} {
			if a, err := read(b); err == nil && (a.Status < 200 || a.Status > 599) {
				t.Errorf("status %d", a.Status)
			}
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add("/a%2f", "q=1&q=2", "v", "k", []byte("x"))
	f.Fuzz(func(t *testing.T, path, query, value, name string, body []byte) {
		r := sample()
		r.RawPath, r.RawQuery, r.Body = path, query, body
		r.Header = http.Header{"X": {value}, http.CanonicalHeaderKey(name): {value}, "Cookie": {value}}
		for _, b := range [][]byte{V1(r), V2(r), REST(r)} {
			if !json.Valid(b) {
				t.Errorf("no JSON: %s", b)
			}
		}
	})
}

func BenchmarkV2(b *testing.B) {
	r := sample()
	b.ReportAllocs()
	for b.Loop() {
		V2(r)
	}
}
