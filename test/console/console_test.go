// Package console tests the web console over HTTP on a whole cloud: who gets in, from where, and what may not be done.
// How it looks and works in a browser is test_console.py's.
package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	iamapi "virga/api/iam"
	sqsapi "virga/api/sqs"
	"virga/internal/auth"
	"virga/internal/cloud"
	"virga/internal/wire"
)

const account = "000000000000"

// world is a cloud with a browser-like client for its console.
type world struct {
	t    *testing.T
	c    *cloud.Cloud
	addr string
	host string // of the console, with its port
}

func start(t *testing.T, dev bool) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := cloud.New(ctx, cloud.Config{Ephemeral: true, Dev: dev, Account: account})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, l) }()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return &world{t, c, l.Addr().String(), "console.localhost:" + port}
}

type answer struct {
	status int
	header http.Header
	body   string
	cookie *http.Cookie
}

// do sends a request; change makes it another one.
func (w *world) do(method, path string, form url.Values, cookie *http.Cookie, change ...func(*http.Request)) answer {
	w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, "http://"+w.addr+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Host = w.host
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://"+w.host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	for _, f := range change {
		f(r)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{res.StatusCode, res.Header, string(b), nil}
	for _, k := range res.Cookies() {
		a.cookie = k
	}
	return a
}

func (w *world) signIn(id, secret string) answer {
	w.t.Helper()
	return w.do("POST", "/signin", url.Values{"key": {id}, "secret": {secret}, "next": {"/queues"}}, nil)
}

func (w *world) root() *http.Cookie {
	w.t.Helper()
	a := w.signIn(w.c.RootKey.ID, w.c.RootKey.Secret)
	if a.status != http.StatusSeeOther || a.cookie == nil {
		w.t.Fatalf("signing in: %d %s", a.status, a.body)
	}
	return a.cookie
}

// call gives a context and an invoker of the account's root, in this process and through the gate.
func (w *world) call() (context.Context, wire.Invoker) {
	return wire.WithCall(context.Background(), &wire.Call{Account: account, Region: "us-east-1", Partition: "aws", BaseURL: "http://localhost", RequestID: "test"}), w.c.Gate.With(auth.Root(account, ""))
}

// user makes a user with an inline policy and an access key.
func (w *world) user(name, policy string) (id, secret string) {
	w.t.Helper()
	ctx, inv := w.call()
	iam := &iamapi.Client{Invoker: inv}
	if _, err := iam.CreateUser(ctx, &iamapi.CreateUserInput{UserName: name}); err != nil {
		w.t.Fatal(err)
	}
	if policy != "" {
		if _, err := iam.PutUserPolicy(ctx, &iamapi.PutUserPolicyInput{UserName: name, PolicyName: "p", PolicyDocument: policy}); err != nil {
			w.t.Fatal(err)
		}
	}
	k, err := iam.CreateAccessKey(ctx, &iamapi.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	return k.AccessKey.AccessKeyId, k.AccessKey.SecretAccessKey
}

func (w *world) queue(name string) {
	w.t.Helper()
	ctx, inv := w.call()
	if _, err := (&sqsapi.Client{Invoker: inv}).CreateQueue(ctx, &sqsapi.CreateQueueInput{QueueName: name}); err != nil {
		w.t.Fatal(err)
	}
}

func TestSigningIn(t *testing.T) {
	w := start(t, false)
	if a := w.do("GET", "/queues?x=1", nil, nil); a.status != 303 || a.header.Get("Location") != "/signin?next=%2Fqueues%3Fx%3D1" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	if a := w.do("GET", "/queues", nil, nil, func(r *http.Request) { r.Header.Set("Virga-Live", "1") }); a.status != 401 {
		t.Fatalf("a page that refreshes itself: %d", a.status)
	}
	k := w.c.RootKey
	for _, c := range [][2]string{{k.ID, "wrong"}, {k.ID, ""}, {"AKIANOSUCHKEYEXISTS0", k.Secret}, {"", ""}, {"test", "test"}, {account, "test"}, {k.Secret, k.ID}} {
		if a := w.signIn(c[0], c[1]); a.status != 403 || a.cookie != nil || !strings.Contains(a.body, "is wrong") {
			t.Errorf("%q: %d %v", c, a.status, a.cookie)
		}
	}
	a := w.signIn(k.ID, k.Secret)
	if a.status != 303 || a.header.Get("Location") != "/queues" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	set := a.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(set, want) {
			t.Errorf("no %s in %s", want, strings.Replace(set, a.cookie.Value, "…", 1))
		}
	}
	if strings.Contains(set, "Domain") || len(a.cookie.Value) < 43 || strings.Contains(set, k.ID) {
		t.Error("the cookie is of this host alone, random, and says nothing")
	}
	if b := w.do("GET", "/queues", nil, a.cookie); b.status != 200 || !strings.Contains(b.body, "No queues") {
		t.Fatalf("%d %s", b.status, b.body)
	}
	// Another sign-in is another session; signing out ends it on the server, not in the browser alone.
	again := w.root()
	if again.Value == a.cookie.Value {
		t.Error("the same id twice")
	}
	if b := w.do("POST", "/signout", url.Values{}, a.cookie); b.status != 303 || b.cookie.MaxAge >= 0 {
		t.Errorf("%d %v", b.status, b.cookie)
	}
	if b := w.do("GET", "/queues", nil, a.cookie); b.status != 303 {
		t.Errorf("after signing out: %d", b.status)
	}
	if b := w.do("GET", "/queues", nil, again); b.status != 200 {
		t.Errorf("the other session: %d", b.status)
	}
	fixed := &http.Cookie{Name: again.Name, Value: strings.Repeat("A", len(again.Value))}
	if b := w.do("GET", "/queues", nil, fixed); b.status != 303 {
		t.Errorf("an id of one's own: %d", b.status)
	}
	if b := w.do("POST", "/signin", url.Values{"key": {k.ID}, "secret": {k.Secret}, "next": {"//evil.example/"}}, fixed); b.header.Get("Location") != "/" || b.cookie.Value == fixed.Value {
		t.Error("nobody chooses the id, and nobody is led elsewhere")
	}
}

func TestAttempts(t *testing.T) {
	w := start(t, false)
	for range 10 {
		w.signIn(w.c.RootKey.ID, "wrong")
	}
	if a := w.signIn(w.c.RootKey.ID, w.c.RootKey.Secret); a.status != 429 || a.cookie != nil {
		t.Errorf("after ten failures: %d", a.status)
	}
	if n := w.c.Record.RefusedBy()["ConsoleLoginFailure"]; n != 10 {
		t.Errorf("%d refusals counted", n)
	}
}

func TestDevelopmentKey(t *testing.T) {
	form := url.Values{"dev": {"1"}}
	if a := start(t, false).do("POST", "/signin", form, nil); a.status != 403 || a.cookie != nil {
		t.Errorf("without --dev: %d", a.status)
	}
	w := start(t, true)
	if a := w.do("GET", "/signin", nil, nil); !strings.Contains(a.body, "Continue with the development key") {
		t.Error("no button")
	}
	a := w.do("POST", "/signin", form, nil)
	if a.status != 303 || a.cookie == nil {
		t.Fatalf("%d", a.status)
	}
	if b := w.signIn("test", "test"); b.status != 303 {
		t.Errorf("typed: %d", b.status)
	}
	if b := w.signIn("test", "tset"); b.status != 403 {
		t.Errorf("mistyped: %d", b.status)
	}
	// From elsewhere the key is unknown, and so is a session that it opened here.
	elsewhere := func(method, path string, cookie *http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://"+w.host+path, strings.NewReader(form.Encode()))
		r.RemoteAddr = "203.0.113.7:1234"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://"+w.host)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		rec := httptest.NewRecorder()
		w.c.Front.Console().ServeHTTP(rec, r)
		return rec
	}
	if rec := elsewhere("GET", "/signin", nil); strings.Contains(rec.Body.String(), "Continue with the development key") {
		t.Error("the button is shown to another machine")
	}
	if rec := elsewhere("POST", "/signin", nil); rec.Code != 403 {
		t.Errorf("from elsewhere: %d", rec.Code)
	}
	if rec := elsewhere("GET", "/queues", a.cookie); rec.Code != 303 {
		t.Errorf("a session taken elsewhere: %d", rec.Code)
	}
}

var posts = []string{"/signin", "/signout", "/region", "/queues/q/send", "/queues/q/peek", "/queues/q/purge", "/queues/q/delete-message", "/functions/f/test", "/stacks/s/delete", "/stacks/s/cancel", "/no/such/page"}

// TestOrigin: whatever changes something comes from a page of the console; each refusal has a twin that gets through.
func TestOrigin(t *testing.T) {
	w := start(t, true)
	for _, p := range posts {
		cookie := w.root()
		for name, change := range map[string]func(*http.Request){
			"none":      func(r *http.Request) { r.Header.Del("Origin") },
			"null":      func(r *http.Request) { r.Header.Set("Origin", "null") },
			"foreign":   func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
			"the API's": func(r *http.Request) { r.Header.Set("Origin", "http://"+strings.TrimPrefix(w.host, "console.")) },
			"bucket's":  func(r *http.Request) { r.Header.Set("Origin", "http://b.s3."+strings.TrimPrefix(w.host, "console.")) },
			"port":      func(r *http.Request) { r.Header.Set("Origin", "http://console.localhost:1") },
			"two":       func(r *http.Request) { r.Header.Add("Origin", "http://evil.example") },
			"cross":     func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"same site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		} {
			if a := w.do("POST", p, url.Values{}, cookie, change); a.status != 403 || !strings.Contains(a.body, "console itself") {
				t.Errorf("%s with origin %s: %d", p, name, a.status)
			}
		}
		if a := w.do("POST", p, url.Values{}, cookie); a.status == 403 && strings.Contains(a.body, "console itself") {
			t.Errorf("%s from the console: %d", p, a.status)
		}
	}
	cookie := w.root()
	for _, m := range []string{"PUT", "DELETE", "PATCH", "OPTIONS"} {
		if a := w.do(m, "/queues", url.Values{}, cookie); a.status != 405 || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d", m, a.status)
		}
	}
	// No page that only shows does anything: a GET of what a POST does is no page.
	for _, p := range []string{"/signout", "/queues/q/send", "/queues/q/purge", "/stacks/s/delete"} {
		if a := w.do("GET", p, nil, cookie); a.status != 404 && a.status != 405 {
			t.Errorf("GET %s: %d", p, a.status)
		}
	}
}

func TestHeaders(t *testing.T) {
	w := start(t, true)
	cookie := w.root()
	page := w.do("GET", "/", nil, cookie)
	paths := []string{"/", "/signin", "/stacks", "/functions", "/queues", "/logs", "/no/such/page", "/queues/none", "/assets/none", "/favicon.ico", "/stacks?deleted=1"}
	paths = append(paths, regexp.MustCompile(`/assets/[^"]+`).FindAllString(page.body, -1)...)
	if len(paths) < 15 {
		t.Fatalf("assets: %q", paths)
	}
	for _, p := range paths {
		a := w.do("GET", p, nil, cookie)
		csp := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: no %s", p, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "data:") {
			t.Errorf("%s: %s", p, csp)
		}
		for k, v := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if a.header.Get(k) != v {
				t.Errorf("%s: %s: %q", p, k, a.header.Get(k))
			}
		}
		if want := !strings.HasPrefix(p, "/assets/") || a.status != 200; want && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", p, a.header.Get("Cache-Control"))
		}
		if inline := regexp.MustCompile(`(?i)<script>|<script [^s]|<style|\sstyle=|\son[a-z]+=`).FindString(a.body); inline != "" && strings.Contains(a.header.Get("Content-Type"), "html") {
			t.Errorf("%s: %q", p, inline)
		}
	}
}

// TestHosts: the console answers on its own name alone, and no API there.
func TestHosts(t *testing.T) {
	w := start(t, true)
	cookie := w.root()
	for _, host := range []string{"localhost", "127.0.0.1", "s3.localhost", "console.s3.localhost", "consoles.localhost", "x.console.localhost", "streaming-console.localhost"} {
		a := w.do("GET", "/queues", nil, cookie, func(r *http.Request) { r.Host = host })
		if strings.Contains(a.body, "<title>Queues") || a.header.Get("Content-Security-Policy") != "" {
			t.Errorf("%s shows the console", host)
		}
	}
	if a := w.do("GET", "/queues", nil, cookie, func(r *http.Request) { r.Host = "console.evil.example" }); a.status != 421 {
		t.Errorf("another name: %d", a.status)
	}
	a := w.do("POST", "/", url.Values{"Action": {"ListQueues"}}, cookie, func(r *http.Request) {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00")
		r.Header.Set("X-Amz-Target", "AmazonSQS.ListQueues")
	})
	if strings.Contains(a.body, "QueueUrl") || strings.Contains(a.body, "Signature") || a.status != 405 && a.status != 404 {
		t.Errorf("an API call on the console's name: %d %s", a.status, a.body)
	}
	for _, p := range []string{"/_virga/health", "/_localstack/health", "/health"} {
		if a := w.do("GET", p, nil, cookie); a.status != 404 {
			t.Errorf("%s on the console's name: %d", p, a.status)
		}
	}
}

// TestGate: pages do what the signed-in user may, and leave the records of any call.
func TestGate(t *testing.T) {
	w := start(t, false)
	w.queue("orders")
	id, secret := w.user("reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:ListQueues","sqs:GetQueueAttributes"],"Resource":"*"}]}`)
	a := w.signIn(id, secret)
	if a.status != 303 {
		t.Fatalf("%d", a.status)
	}
	if b := w.do("GET", "/queues", nil, a.cookie); b.status != 200 || !strings.Contains(b.body, ">orders</a>") || !strings.Contains(b.body, "user/reader") {
		t.Fatalf("what is allowed: %d", b.status)
	}
	for _, c := range []struct{ method, path, action string }{{"GET", "/functions", "lambda:ListFunctions"}, {"GET", "/stacks", "cloudformation:DescribeStacks"}, {"GET", "/logs", "logs:DescribeLogGroups"},
		{"POST", "/queues/orders/send", "sqs:SendMessage"}, {"POST", "/queues/orders/peek", "sqs:ReceiveMessage"}, {"POST", "/queues/orders/purge", "sqs:PurgeQueue"}} {
		var form url.Values
		if c.method == "POST" {
			form = url.Values{"body": {"x"}}
		}
		b := w.do(c.method, c.path, form, a.cookie)
		text := strings.ReplaceAll(b.body, "&#39;", "'")
		if b.status < 400 || b.status >= 500 || !strings.Contains(strings.ToLower(text), strings.ToLower(c.action)) || !strings.Contains(text, "Attach a policy") {
			t.Errorf("%s: %d %s", c.path, b.status, regexp.MustCompile(`(?s)<section class="problem.*?</section>`).FindString(text))
		}
	}
	if b := w.do("GET", "/", nil, a.cookie); b.status != 200 || !strings.Contains(b.body, "orders") || !strings.Contains(b.body, "ListFunctions") {
		t.Error("the overview shows what one may see, and says what not")
	}
	ctx := context.Background()
	events, err := w.c.Record.Find(ctx, account, "us-east-1", time.Now().Add(-time.Minute), time.Now().Add(time.Minute), 1000)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range events {
		if strings.HasSuffix(e.Principal, "user/reader") {
			seen[e.Operation+" "+e.ErrorCode] = true
		}
	}
	for _, want := range []string{"ConsoleLogin ", "ListQueues ", "PurgeQueue AccessDeniedException"} {
		if !seen[want] {
			t.Errorf("no audit row of %q: %v", want, seen)
		}
	}
	// A key that is made inactive ends its session at once.
	ctx, inv := w.call()
	if _, err := (&iamapi.Client{Invoker: inv}).UpdateAccessKey(ctx, &iamapi.UpdateAccessKeyInput{UserName: wire.P("reader"), AccessKeyId: id, Status: "Inactive"}); err != nil {
		t.Fatal(err)
	}
	if b := w.do("GET", "/queues", nil, a.cookie); b.status != 303 {
		t.Errorf("after the key was made inactive: %d", b.status)
	}
	if _, err := (&iamapi.Client{Invoker: inv}).UpdateAccessKey(ctx, &iamapi.UpdateAccessKeyInput{UserName: wire.P("reader"), AccessKeyId: id, Status: "Active"}); err != nil {
		t.Fatal(err)
	}
	if b := w.do("GET", "/queues", nil, a.cookie); b.status != 303 {
		t.Errorf("a session that ended came back: %d", b.status)
	}
}

func TestHostileBytes(t *testing.T) {
	w := start(t, true)
	w.queue("q")
	cookie := w.root()
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	a := w.do("POST", "/queues/q/send", url.Values{"body": {evil}}, cookie)
	if a.status != 200 {
		t.Fatal(a.status)
	}
	for _, b := range []answer{w.do("POST", "/queues/q/peek", url.Values{}, cookie), w.do("GET", "/queues/"+url.PathEscape(evil), nil, cookie), w.do("GET", "/logs/"+url.PathEscape(evil), nil, cookie),
		w.do("GET", "/logs/x?filter="+url.QueryEscape(evil), nil, cookie), w.do("GET", "/stacks/"+url.PathEscape(evil), nil, cookie), w.do("GET", "/functions/"+url.PathEscape(evil), nil, cookie),
		w.do("POST", "/region", url.Values{"region": {evil}}, cookie), w.do("GET", "/signin?next="+url.QueryEscape("/"+evil), nil, nil), w.do("POST", "/signin", url.Values{"key": {evil}, "secret": {"x"}}, nil),
		w.do("POST", "/queues/q/send", url.Values{"body": {"x"}, "delay": {evil}}, cookie), w.do("POST", "/functions/q/test", url.Values{"payload": {evil}}, cookie), w.do("GET", "/"+evil, nil, cookie, func(r *http.Request) { r.URL.RawQuery = "" })} {
		if strings.Contains(b.body, "<script>alert") || strings.Contains(b.body, "<img src=x") {
			t.Errorf("%d: not escaped: %s", b.status, b.body)
		}
		if b.status >= 500 {
			t.Errorf("%d: %s", b.status, b.body)
		}
	}
}

func TestRegion(t *testing.T) {
	w := start(t, true)
	w.queue("orders")
	cookie := w.root()
	if a := w.do("POST", "/region", url.Values{"region": {"eu-west-1"}, "next": {"/queues/orders/configuration"}}, cookie); a.header.Get("Location") != "/queues" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := w.do("GET", "/queues", nil, cookie); !strings.Contains(a.body, "No queues in eu-west-1") {
		t.Error("the region was not changed")
	}
	if a := w.do("POST", "/region", url.Values{"region": {"../x"}}, cookie); a.status != 400 {
		t.Errorf("%d", a.status)
	}
}
