package console

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"virga/internal/env"
)

// clockEnv is an environment whose wall clock the test moves.
type clockEnv struct {
	env.Env
	now time.Time
	n   byte
}

func (c *clockEnv) Wall() time.Time { return c.now }
func (c *clockEnv) Secret(b []byte) {
	c.n++
	for i := range b {
		b[i] = c.n
	}
}

func TestSessionsExpire(t *testing.T) {
	e := &clockEnv{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := newSessions(e)
	id := s.add(&session{})
	if s.get(id, true) == nil || s.get(id+"x", true) != nil || s.get("", true) != nil || s.get(strings.Repeat("A", len(id)), true) != nil {
		t.Fatal("an id finds its session and no other does")
	}
	// A page that refreshes itself does not keep a session alive.
	for range 10 {
		e.now = e.now.Add(sessionIdle / 10)
		if s.get(id, false) == nil {
			t.Fatal("ended before it was idle for long enough")
		}
	}
	e.now = e.now.Add(time.Second)
	if s.get(id, true) != nil {
		t.Fatal("an idle session goes on")
	}
	// A person does, up to the absolute end.
	id = s.add(&session{})
	for end := e.now.Add(sessionFor); !e.now.After(end.Add(-sessionIdle / 2)); e.now = e.now.Add(sessionIdle / 2) {
		if s.get(id, true) == nil {
			t.Fatal("a used session ended early")
		}
	}
	e.now = e.now.Add(sessionIdle / 2)
	if s.get(id, true) != nil {
		t.Fatal("a session goes on beyond its absolute end")
	}
	id = s.add(&session{})
	s.end(id)
	if s.get(id, true) != nil {
		t.Fatal("a session goes on after signing out")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := newSessions(env.NewReal())
	first := s.add(&session{})
	for range sessionsMax + 50 {
		s.add(&session{})
	}
	if len(s.m) > sessionsMax {
		t.Fatalf("%d sessions", len(s.m))
	}
	if s.get(first, true) != nil {
		t.Fatal("the oldest was to go")
	}
	for i := range addressesMax + 50 {
		s.fail(fmt.Sprint(i))
	}
	if len(s.failures) > addressesMax {
		t.Fatalf("%d addresses", len(s.failures))
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	e := &clockEnv{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := newSessions(e)
	for range attemptsMax {
		if s.blocked("a") {
			t.Fatal("blocked early")
		}
		s.fail("a")
	}
	if !s.blocked("a") || s.blocked("b") {
		t.Fatal("an address that failed too often is blocked, and no other")
	}
	e.now = e.now.Add(attemptsFor)
	if s.blocked("a") {
		t.Fatal("blocked for good")
	}
}

func TestOwn(t *testing.T) {
	for _, c := range []struct {
		origin, site string
		tls, want    bool
	}{
		{"http://console.localhost:4566", "", false, true},
		{"http://console.localhost:4566", "same-origin", false, true},
		{"https://console.localhost:4566", "", false, true}, // behind a proxy that ends TLS
		{"https://console.localhost:4566", "", true, true},
		{"http://console.localhost:4566", "", true, false},
		{"", "", false, false},
		{"null", "", false, false},
		{"", "same-origin", false, false},
		{"http://console.localhost:4566", "same-site", false, false},
		{"http://console.localhost:4566", "cross-site", false, false},
		{"http://console.localhost:4566", "none", false, false},
		{"http://console.localhost", "", false, false},
		{"http://console.localhost:4567", "", false, false},
		{"http://localhost:4566", "", false, false},
		{"http://evil.console.localhost:4566", "", false, false},
		{"http://console.localhost:4566.evil.example", "", false, false},
		{"http://console.localhost:4566/", "", false, false},
		{"http://console.localhost:4566?x", "", false, false},
		{"http://u@console.localhost:4566", "", false, false},
		{"ftp://console.localhost:4566", "", false, false},
		{"console.localhost:4566", "", false, false},
		{"http://console.localhost:4566 http://x", "", false, false},
	} {
		r := &http.Request{Host: "console.localhost:4566", Header: http.Header{}}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if own(r) != c.want {
			t.Errorf("%+v: %v", c, !c.want)
		}
	}
	r := &http.Request{Host: "console.localhost", Header: http.Header{"Origin": {"http://console.localhost", "http://evil.example"}}}
	if own(r) {
		t.Error("two origins")
	}
}

func TestLocal(t *testing.T) {
	for in, want := range map[string]string{"": "/", "/": "/", "/queues/a?b=c": "/queues/a?b=c", "/logs/%2Faws%2Flambda": "/logs/%2Faws%2Flambda", "//evil.example": "/", "https://evil.example": "/",
		"/\\evil.example": "/", "\\\\evil.example": "/", "/a\r\nSet-Cookie: x": "/", "javascript:alert(1)": "/", "/" + strings.Repeat("a", 3000): "/", "queues": "/", "/\tevil": "/"} {
		if got := local(in); got != want {
			t.Errorf("local(%q) = %q", in, got)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{"plain\ttext\n": "plain\ttext\n", "\x1b[31mred\x1b[0m": "red", "\x1b]0;title\x07x": "x", "a\x00b\x07": "a\ufffdb\ufffd", "a\r\nb\rc": "a\nb\nc", "\u202eabc\u2066": "\ufffdabc\ufffd",
		"\x1b": "\ufffd", "\x1b[999": "\ufffd[999", "ärger 日本": "ärger 日本"} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, not %q", in, got, want)
		}
	}
	if pretty(`{"a":1}`) != "{\n  \"a\": 1\n}" || pretty(`{"a":`) != `{"a":` || pretty("[\x1b[1m]") != "[]" {
		t.Error("pretty")
	}
	if got := pretty(strings.Repeat("[", 900_000)); len(got) != 900_000 {
		t.Error("deep JSON is shown as it came")
	}
}

func TestTone(t *testing.T) {
	for in, want := range map[string]string{"CREATE_COMPLETE": "good", "CREATE_IN_PROGRESS": "busy", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "busy", "ROLLBACK_COMPLETE": "bad", "UPDATE_ROLLBACK_COMPLETE": "bad",
		"ROLLBACK_IN_PROGRESS": "busy", "CREATE_FAILED": "bad", "DELETE_COMPLETE": "quiet", "Active": "good", "Pending": "busy", "Enabled": "good", "Disabled": "quiet", "Creating": "busy", "": "quiet"} {
		if got := tone(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestEscapedPill(t *testing.T) {
	if got := pill(`"><script>`); got != template.HTML(`<span class="pill quiet">&#34;&gt;&lt;script&gt;</span>`) {
		t.Error(got)
	}
	f := &frame{Endpoint: "http://localhost:1", Region: "us-east-1"}
	if got := awsCommand(f, "<b>"); strings.Contains(string(got), "<b>") {
		t.Error(got)
	}
}

// TestTemplatesKeepThePolicy reads every template: what the policy forbids would be dead, and a typed HTML value would
// be a hole.
func TestTemplatesKeepThePolicy(t *testing.T) {
	own, err := filepath.Glob("templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	panels, err := filepath.Glob("../../service/*/panel*.html")
	if err != nil {
		t.Fatal(err)
	}
	if len(own) < 4 || len(panels) < 4 {
		t.Fatalf("%d and %d templates", len(own), len(panels))
	}
	bad := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=|<style|javascript:|<iframe|<object|<embed|<base|target=|srcdoc|https?://`)
	script := regexp.MustCompile(`(?i)<script[^>]*>`)
	for _, f := range append(own, panels...) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if m := bad.Find(b); m != nil {
			t.Errorf("%s: %q", f, m)
		}
		for _, m := range script.FindAll(b, -1) {
			if !strings.Contains(string(m), `src="{{asset `) {
				t.Errorf("%s: %s", f, m)
			}
		}
		// A form that changes something posts; a link never does.
		for _, m := range regexp.MustCompile(`<a [^>]*(delete|purge|signout|cancel)\b`).FindAll(b, -1) {
			t.Errorf("%s: %s", f, m)
		}
	}
	for _, f := range panels {
		code, err := os.ReadFile(strings.TrimSuffix(f, ".html") + ".go")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(code), "template.HTML") || strings.Contains(string(code), "html/template") {
			t.Errorf("%s: a panel makes no HTML in code", f)
		}
	}
}

func TestAssets(t *testing.T) {
	c := New(Config{Env: env.NewReal()})
	for name, u := range c.urls {
		if len(c.assets[u].data) == 0 || c.assets[u].kind == "" {
			t.Errorf("%s: %+v", name, c.assets[u].kind)
		}
	}
	for _, n := range []string{"console.css", "console.js", "theme.js", "icon.svg"} {
		if c.urls[n] == "" {
			t.Errorf("no %s", n)
		}
	}
	js, err := files.ReadFile("assets/console.js")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(inner|outer)HTML\s*\+?=[^=]|insertAdjacentHTML|document\.write|\beval\(|new Function`).Find(js); m != nil {
		t.Errorf("console.js writes markup: %s", m)
	}
	if same("a", sha256.Sum256([]byte("b"))) || !same("a", sha256.Sum256([]byte("a"))) {
		t.Error("same")
	}
}
