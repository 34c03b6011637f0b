package edge

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"virga/internal/auth/sigv4"
	"virga/internal/cloud"
)

func do(t *testing.T, c *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// client speaks one version of HTTP to the cloud, whatever host a URL names.
func (w *world) client(t *testing.T, pool *x509.CertPool, version string) *http.Client {
	var p http.Protocols
	switch version {
	case "h1":
		p.SetHTTP1(true)
	case "h2":
		p.SetHTTP2(true)
	case "h2c":
		p.SetUnencryptedHTTP2(true)
	}
	tr := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: version == "h2", DialContext: (&net.Dialer{}).DialContext}
	tr.DialTLSContext = nil
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (w *world) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	resp, pem := do(t, http.DefaultClient, must(http.NewRequest("GET", "http://"+w.addr+"/_virga/ca.pem", nil)))
	pool := x509.NewCertPool()
	if resp.StatusCode != 200 || !pool.AppendCertsFromPEM([]byte(pem)) {
		t.Fatalf("%s %s", resp.Status, pem)
	}
	return pool
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestOnePortForEverything(t *testing.T) {
	w := start(t)
	pool := w.pool(t)
	_, port, _ := net.SplitHostPort(w.addr)
	for _, c := range []struct{ version, base string }{
		{"h1", "http://" + w.addr}, {"h2c", "http://" + w.addr},
		{"h1", "https://" + w.addr}, {"h2", "https://" + w.addr},
		{"h1", "https://localhost:" + port}, {"h2", "https://localhost:" + port},
	} {
		cl := w.client(t, pool, c.version)
		for range 3 {
			resp, body := do(t, cl, w.root(t, "POST", c.base+"/", "sqs", "{}", "Content-Type", sqsType, "X-Amz-Target", listQueues))
			if resp.StatusCode != 200 {
				t.Errorf("%s %s: %s %s", c.version, c.base, resp.Status, body)
			}
			if want := strings.HasPrefix(c.version, "h2"); (resp.ProtoMajor == 2) != want {
				t.Errorf("%s %s: HTTP/%d", c.version, c.base, resp.ProtoMajor)
			}
			if (resp.TLS != nil) != strings.HasPrefix(c.base, "https") {
				t.Errorf("%s: TLS %v", c.base, resp.TLS != nil)
			}
		}
		// URLs in answers are reached as the call was.
		_, body := do(t, cl, w.root(t, "POST", c.base+"/", "sqs", `{"QueueName":"q"}`, "Content-Type", sqsType, "X-Amz-Target", "AmazonSQS.CreateQueue"))
		var q struct{ QueueUrl string }
		if err := json.Unmarshal([]byte(body), &q); err != nil || !strings.HasPrefix(q.QueueUrl, c.base) {
			t.Errorf("%s: %s", c.base, body)
		}
	}
	for _, name := range []string{"evil.example", "localhost.evil.example", "*.localhost"} {
		if c, err := tls.Dial("tcp", w.addr, &tls.Config{RootCAs: pool, ServerName: name, InsecureSkipVerify: true}); err == nil {
			c.Close()
			t.Errorf("a certificate for %s", name)
		}
	}
}

func TestAuthorityIsKept(t *testing.T) {
	dir := t.TempDir()
	keep := func(c *cloud.Config, _ *net.Listener) { c.Data, c.Ephemeral = dir, false }
	var first []byte
	t.Run("first", func(t *testing.T) { first = start(t, keep).CA })
	t.Run("again", func(t *testing.T) {
		if again := start(t, keep).CA; !bytes.Equal(first, again) || len(first) == 0 {
			t.Error("another authority after a restart")
		}
	})
}

// TestBeyondLoopback calls from an address on a network.
func TestBeyondLoopback(t *testing.T) {
	plain := func(w *world) (int, string) {
		c := dial(t, w)
		fmt.Fprint(c, get)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	w := start(t, from("192.0.2.7"))
	if code, body := plain(w); code != 400 || !strings.Contains(body, "takes TLS") {
		t.Errorf("plain HTTP: %d %s", code, body)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.CA)
	cl := w.client(t, pool, "h2")
	call := func(cl *http.Client, base string, w *world, key, secret string, headers ...string) int {
		resp, _ := do(t, cl, w.signed(t, key, secret, "POST", base+w.addr+"/", "sqs", "{}", append([]string{"Content-Type", sqsType, "X-Amz-Target", listQueues}, headers...)...))
		return resp.StatusCode
	}
	if got := call(cl, "https://", w, w.RootKey.ID, w.RootKey.Secret); got != 200 {
		t.Errorf("TLS with the root key: %d", got)
	}
	if got := call(cl, "https://", w, "test", "test"); got != 403 && got != 400 {
		t.Errorf("a development key from a network nobody named: %d", got)
	}
	if got := call(cl, "https://", w, "test", "test", "X-Forwarded-For", "127.0.0.1"); got == 200 {
		t.Error("a development key that claims to come from loopback")
	}
	named := start(t, from("192.0.2.7"), func(c *cloud.Config, _ *net.Listener) { c.DevNetworks = []*net.IPNet{network("192.0.2.0/24")} })
	pool2 := x509.NewCertPool()
	pool2.AppendCertsFromPEM(named.CA)
	if got := call(named.client(t, pool2, "h1"), "https://", named, "test", "test"); got != 200 {
		t.Errorf("a development key from a named network: %d", got)
	}
	proxied := start(t, from("10.0.0.1"), func(c *cloud.Config, _ *net.Listener) {
		c.PlainBehindProxy, c.Proxies, c.DevNetworks = true, []*net.IPNet{network("10.0.0.1/32")}, []*net.IPNet{network("198.51.100.0/24")}
	})
	if code, body := plain(proxied); code != 200 {
		t.Errorf("plain HTTP from a trusted proxy: %d %s", code, body)
	}
	h1 := proxied.client(t, nil, "h1")
	for xff, want := range map[string]bool{"": false, "192.0.2.9": false, "127.0.0.1": false, "192.0.2.9, 127.0.0.1": false, "198.51.100.4": true, "127.0.0.1, 198.51.100.4": true, "198.51.100.4, 192.0.2.9": false, "junk": false, "127.0.0.1, 192.0.2.9, 10.0.0.1": false} {
		if got := call(h1, "http://", proxied, "test", "test", "X-Forwarded-For", xff); (got == 200) != want {
			t.Errorf("behind a proxy, X-Forwarded-For %q with a development key: %d", xff, got)
		}
	}
	stranger := start(t, from("10.0.0.2"), func(c *cloud.Config, _ *net.Listener) {
		c.PlainBehindProxy, c.Proxies = true, []*net.IPNet{network("10.0.0.1/32")}
	})
	if code, _ := plain(stranger); code != 400 {
		t.Errorf("plain HTTP past the proxy: %d", code)
	}
}

func TestHostAndOrigin(t *testing.T) {
	w := start(t)
	raw := func(head string) int {
		c := dial(t, w)
		fmt.Fprint(c, head)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	for host, want := range map[string]int{"evil.example": 421, "localhost.evil.example": 421, "192.0.2.1": 421, "": 400, "localhost": 200, "x.s3.localhost": 200, "127.0.0.1": 200, "[::1]": 200,
		"evil.example:4566": 421, "localhost.": 421, "xlocalhost": 421} {
		if got := raw("GET /_virga/health HTTP/1.1\r\nHost: " + host + "\r\n\r\n"); got != want && !(host == "" && got >= 400) {
			t.Errorf("Host %q: %d, want %d", host, got, want)
		}
	}
	if got := raw("GET http://evil.example/_virga/health HTTP/1.1\r\nHost: localhost\r\n\r\n"); got != 421 {
		t.Errorf("a whole URL of another host: %d", got)
	}
	if got := raw("GET / HTTP/1.1\r\nHost: console.localhost\r\n\r\n"); got != 303 { // the console's sign-in, never the API
		t.Errorf("console: %d", got)
	}
	sqs := []string{"Content-Type", sqsType, "X-Amz-Target", listQueues}
	for _, c := range []struct {
		name   string
		header []string
		dev    int
	}{
		{"none", nil, 200},
		{"its own", []string{"Origin", "http://" + w.addr}, 200},
		{"another", []string{"Origin", "https://evil.example"}, 403},
		{"null", []string{"Origin", "null"}, 403},
		{"another port", []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"another site, no origin", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"the same site only", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"typed by hand", []string{"Sec-Fetch-Site", "none"}, 200},
	} {
		for _, m := range []string{"POST", "PUT"} {
			want := c.dev
			r := w.signed(t, "test", "test", m, "http://"+w.addr+"/", "sqs", "{}", append(append([]string{}, sqs...), c.header...)...)
			if resp, body := do(t, http.DefaultClient, r); resp.StatusCode != want && !(m == "PUT" && want == 200) {
				t.Errorf("%s, origin %s: %s %s", m, c.name, resp.Status, body)
			}
		}
		if resp, body := do(t, http.DefaultClient, w.root(t, "POST", "http://"+w.addr+"/", "sqs", "{}", append(append([]string{}, sqs...), c.header...)...)); resp.StatusCode != 200 {
			t.Errorf("a secret that no page knows, origin %s: %s %s", c.name, resp.Status, body)
		}
	}
	// Row 65: a page may get hold of a signed URL; with a development key it is for objects only, and never from a page.
	q := sigv4.Request{Method: "POST", RawPath: "/", Header: http.Header{}, Host: w.addr, RawQuery: "Action=ListUsers&Version=2010-05-08"}
	if _, err := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, "us-east-1", "iam").Presign(&q, time.Now(), time.Minute, sigv4.EmptyHash); err != nil {
		t.Fatal(err)
	}
	for _, origin := range []string{"https://evil.example", ""} {
		r := must(http.NewRequest("POST", "http://"+w.addr+"/?"+q.RawQuery, nil))
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if resp, body := do(t, http.DefaultClient, r); resp.StatusCode != 403 {
			t.Errorf("query-signed POST, origin %q: %s %s", origin, resp.Status, body)
		}
	}
	for _, path := range []string{"/", "/bucket/key", "/2015-03-31/functions"} {
		r := must(http.NewRequest("OPTIONS", "http://"+w.addr+path, nil))
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Access-Control-Request-Method", "POST")
		if resp, _ := do(t, http.DefaultClient, r); resp.StatusCode/100 == 2 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("OPTIONS %s: %s %v", path, resp.Status, resp.Header)
		}
	}
}

// TestHTTP2Authority sends :authority and host by hand.
func TestHTTP2Authority(t *testing.T) {
	w := start(t)
	for host, want := range map[string]byte{"": 0x88, "localhost": 0x88, "evil.example": 0x8c, "127.0.0.1": 0x8c} { // static table: 8 is 200, 12 is 400
		c := dial(t, w)
		var block bytes.Buffer
		field := func(k, v string) {
			block.Write(append(append([]byte{0, byte(len(k))}, k...), append([]byte{byte(len(v))}, v...)...))
		}
		field(":method", "GET")
		field(":scheme", "http")
		field(":path", "/_virga/health")
		field(":authority", "localhost")
		if host != "" {
			field("host", host)
		}
		io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		c.Write(append([]byte{0, 0, byte(block.Len()), 1, 5, 0, 0, 0, 1}, block.Bytes()...))
		r := bufio.NewReader(c)
		for {
			var h [9]byte
			if _, err := io.ReadFull(r, h[:]); err != nil {
				t.Fatalf("host %q: %v", host, err)
			}
			body := make([]byte, int(h[0])<<16|int(h[1])<<8|int(h[2]))
			if _, err := io.ReadFull(r, body); err != nil {
				t.Fatal(err)
			}
			if h[3] != 1 {
				continue
			}
			for len(body) > 0 && body[0]&0xe0 == 0x20 { // a change of the table's size
				body = body[1:]
			}
			if body[0] != want {
				t.Errorf("host %q: status field %#x, want %#x", host, body[0], want)
			}
			break
		}
	}
}

// TestContinue asks before it sends: only a request whose headers are rightly signed is told to go on.
func TestContinue(t *testing.T) {
	w := start(t)
	if resp, body := do(t, http.DefaultClient, w.root(t, "PUT", "http://"+w.addr+"/bucket", "s3", "")); resp.StatusCode != 200 {
		t.Fatal(resp.Status, body)
	}
	for _, c := range []struct {
		name, key, secret string
		at                time.Duration
		goOn              bool
	}{
		{"rightly signed", w.RootKey.ID, w.RootKey.Secret, 0, true},
		{"wrong secret", w.RootKey.ID, "wrong", 0, false},
		{"unknown key", "AKIAIOSFODNN7EXAMPLE", "x", 0, false},
		{"of yesterday", w.RootKey.ID, w.RootKey.Secret, -24 * time.Hour, false},
	} {
		for _, service := range []string{"s3", "sqs"} {
			r := must(http.NewRequest("PUT", "http://"+w.addr+"/bucket/key", strings.NewReader("hello")))
			if service == "sqs" {
				r = must(http.NewRequest("POST", "http://"+w.addr+"/", strings.NewReader("{}")))
				r.Header.Set("Content-Type", sqsType)
				r.Header.Set("X-Amz-Target", listQueues)
			}
			body := must(io.ReadAll(r.Body))
			s := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: c.key, SecretAccessKey: c.secret}, "us-east-1", service)
			s.HashHeader = true
			if err := s.SignHTTP(r, time.Now().Add(c.at), sigv4.HashOf(body)); err != nil {
				t.Fatal(err)
			}
			conn := dial(t, w)
			fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n", r.Method, r.URL.RequestURI(), r.Host, len(body))
			r.Header.Write(conn)
			io.WriteString(conn, "\r\n")
			br := bufio.NewReader(conn)
			line, err := br.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(line, " 100 "); got != c.goOn {
				t.Errorf("%s, %s: %s", service, c.name, strings.TrimSpace(line))
			}
		}
	}
}

// TestLimits sends what is too much, too deep or too clever.
func TestLimits(t *testing.T) {
	w := start(t)
	deep := strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000)
	bomb := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><CreateBucketConfiguration><LocationConstraint>&b;</LocationConstraint></CreateBucketConfiguration>`
	nested := strings.Repeat("<a>", 100_000)
	for _, c := range []struct {
		name string
		r    *http.Request
		want int
	}{
		{"JSON of depth 100,000", w.root(t, "POST", "http://"+w.addr+"/", "sqs", deep, "Content-Type", sqsType, "X-Amz-Target", listQueues), 400},
		{"arrays of depth 100,000", w.root(t, "POST", "http://"+w.addr+"/", "ssm", `{"Name":`+strings.Repeat("[", 100_000), "Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "AmazonSSM.GetParameter"), 400},
		{"XML with a DTD", w.root(t, "PUT", "http://"+w.addr+"/bucket", "s3", bomb), 400},
		{"XML of depth 100,000", w.root(t, "PUT", "http://"+w.addr+"/bucket", "s3", nested), 400},
		{"REST JSON of depth 100,000", w.root(t, "POST", "http://"+w.addr+"/2015-03-31/functions", "lambda", deep), 400},
		{"a path of 20,000 bytes", w.root(t, "GET", "http://"+w.addr+"/"+strings.Repeat("a", 20_000), "s3", ""), 414},
		{"a body over the service's limit", w.root(t, "POST", "http://"+w.addr+"/", "ssm", strings.Repeat(" ", 3<<20), "Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "AmazonSSM.GetParameter"), 413},
	} {
		resp, body := do(t, http.DefaultClient, c.r.Clone(t.Context()))
		if c.r.GetBody != nil {
			c.r.Body = must(c.r.GetBody())
		}
		at := time.Now()
		resp, body = do(t, http.DefaultClient, c.r)
		if took := time.Since(at); resp.StatusCode != c.want || took > 50*time.Millisecond {
			t.Errorf("%s: %s in %v: %.200s", c.name, resp.Status, took, body)
		} else {
			t.Logf("%s: %s in %v", c.name, resp.Status, took)
		}
	}
	c := dial(t, w)
	go fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 100_000))
	if got, closed := answers(t, c); !closed || len(got) > 1 || len(got) == 1 && got[0] != 431 {
		t.Errorf("a header of 100,000 bytes: %v, closed %v", got, closed)
	}
	// Row 70, and the like.
	for _, h := range []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256"} {
		r := w.root(t, "GET", "http://"+w.addr+"/", "s3", "")
		r.Header[h] = append(r.Header[h], r.Header[h]...)
		if resp, body := do(t, http.DefaultClient, r); resp.StatusCode != 400 {
			t.Errorf("%s twice: %s %s", h, resp.Status, body)
		}
	}
}
