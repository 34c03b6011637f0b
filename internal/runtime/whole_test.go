package runtime_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"virga/internal/egress"
	"virga/internal/sandbox"
	"virga/internal/sandbox/namespace"
	"virga/internal/worker"
)

func zipOf(t testing.TB, content map[string]string) worker.Source {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range content {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o644)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, text)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return worker.Source{Digest: hex.EncodeToString(sum[:]), Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }}
}

func (w *world) cache(t testing.TB) *worker.Cache {
	t.Helper()
	c, err := worker.NewCache(worker.CacheConfig{Dir: w.code})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // so that the test's folder can be removed
		keys, _ := c.Keys()
		for _, k := range keys {
			_ = c.Remove(k)
		}
	})
	return c
}

func p50(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// TestWhole takes a zip to an answer in each kind and prints how long it takes; speeds are not asserted.
func TestWhole(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		c := w.cache(t)
		for _, f := range []struct {
			runtime string
			zip     worker.Source
		}{
			{"python3.11", zipOf(t, map[string]string{"app.py": "def handler(event, context):\n    return {'hello': event['name']}\n"})},
			{"nodejs20.x", zipOf(t, map[string]string{"app.js": "exports.handler = async (event) => ({ hello: event.name });\n"})},
		} {
			begin := time.Now()
			dir, err := c.Get(context.Background(), f.zip)
			if err != nil {
				t.Fatal(err)
			}
			unpacked := time.Since(begin)
			var cold, warm []time.Duration
			for range 8 {
				begin := time.Now()
				r := w.start(t, fn{runtime: f.runtime, handler: "app.handler", dir: dir})
				r.answer(`{"name":"x"}`, map[bool]string{true: `{"hello": "x"}`, false: `{"hello":"x"}`}[strings.HasPrefix(f.runtime, "python")])
				cold = append(cold, time.Since(begin))
				for range 100 {
					begin := time.Now()
					r.invoke(`{"name":"x"}`, 5*time.Second)
					warm = append(warm, time.Since(begin))
				}
				r.stop()
			}
			t.Logf("%s: unpack %v, cold p50 %v (of %d), warm p50 %v p99 %v (of %d)", f.runtime, unpacked.Round(time.Microsecond), p50(cold).Round(time.Microsecond), len(cold),
				p50(warm).Round(time.Microsecond), warm[len(warm)*99/100].Round(time.Microsecond), len(warm))
		}
	})
}

const networkApp = `
import json, os, socket, ssl, urllib.request
def get(url):
    try:
        return urllib.request.urlopen(url, timeout=3).read().decode()
    except Exception as e:
        return "failed: " + repr(e)
def tcp(host, port):
    try:
        s = socket.create_connection((host, port), 2); s.settimeout(2); s.sendall(b"ping"); d = s.recv(100); s.close(); return d.decode() or "closed"
    except Exception as e:
        return "failed"
def handler(event, context):
    out = {u: get(u) for u in event.get("urls", [])}
    out.update({h + ":" + str(p): tcp(h, p) for h, p in event.get("tcp", [])})
    out.update({n: socket.gethostbyname(n) for n in event.get("names", [])})
    return out
`

const networkJS = `
exports.handler = async (event) => {
  const out = {};
  for (const u of event.urls) { try { out[u] = await (await fetch(u)).text(); } catch (e) { out[u] = 'failed: ' + e + ' ' + e.cause; } }
  return out;
};
`

// TestNetwork is what function code meets when it goes outside, in the kind that has a network namespace.
func TestNetwork(t *testing.T) {
	authority, err := egress.NewAuthority(time.Now(), func(n string) bool { return namespace.IsEndpointName(n, "") })
	if err != nil {
		t.Fatal(err)
	}
	system, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(bundle, authority.Bundle(system), 0o644); err != nil {
		t.Fatal(err)
	}
	const inside = "/etc/ssl/certs/ca-certificates.crt"
	w := newWorld(t, "namespace", func(w *world) { w.etc = map[string]string{strings.TrimPrefix(inside, "/etc/"): bundle} })

	// A server of this machine that the operator has allowed, and one that nobody has.
	say := func(text string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 10))
				fmt.Fprint(c, text)
				c.Close()
			}
		}()
		return l.Addr().String()
	}
	allowed, other := say("allowed"), say("other")
	// Outside of the sandbox the allowed one is on loopback; inside it is asked for by an address that is led out.
	rule, err := egress.ParseRule(allowed)
	if err != nil {
		t.Fatal(err)
	}
	var denied []string
	r := w.start(t, fn{runtime: "python3.11", handler: "app.handler", dir: files(t, map[string]string{"app.py": networkApp}), env: map[string]string{"SSL_CERT_FILE": inside}, noReady: true})
	serveNetwork(t, r, authority, egress.Policy{Public: true, Allow: []egress.Rule{rule}}, map[string]string{"10.20.30.40": allowed, "10.20.30.41": other}, &denied)

	res := r.invoke(`{"urls":["http://sqs.us-east-1.amazonaws.com/q","https://sts.eu-west-1.amazonaws.com/t","https://b.s3.amazonaws.com/o"],"tcp":[["10.20.30.40",5432],["10.20.30.41",5432],["169.254.169.254",80],["10.0.0.1",80]],"names":["dynamodb.us-west-2.amazonaws.com"]}`, 20*time.Second)
	var got map[string]string
	if err := json.Unmarshal(res.Payload, &got); err != nil {
		t.Fatalf("%s", res.Payload)
	}
	for k, want := range map[string]string{"http://sqs.us-east-1.amazonaws.com/q": "endpoint sqs.us-east-1.amazonaws.com/q tls=false", "https://sts.eu-west-1.amazonaws.com/t": "endpoint sts.eu-west-1.amazonaws.com/t tls=true",
		"https://b.s3.amazonaws.com/o": "endpoint b.s3.amazonaws.com/o tls=true", "10.20.30.40:5432": "allowed", "10.20.30.41:5432": "failed", "169.254.169.254:80": "failed", "10.0.0.1:80": "failed", "dynamodb.us-west-2.amazonaws.com": "192.0.2.2"} {
		if got[k] != want {
			t.Errorf("%s: %q; want %q", k, got[k], want)
		}
	}
	j := w.start(t, fn{runtime: "nodejs20.x", handler: "app.handler", dir: files(t, map[string]string{"app.js": networkJS}), env: map[string]string{"NODE_EXTRA_CA_CERTS": inside}, noReady: true})
	serveNetwork(t, j, authority, egress.Policy{}, nil, &denied)
	j.answer(`{"urls":["https://lambda.us-east-1.amazonaws.com/x"]}`, `{"https://lambda.us-east-1.amazonaws.com/x":"endpoint lambda.us-east-1.amazonaws.com/x tls=true"}`)
}

// serveNetwork serves a sandbox's surfaces; to replaces destinations, for a test has no network of its own to reach.
func serveNetwork(t *testing.T, r *running, a *egress.Authority, p egress.Policy, to map[string]string, denied *[]string, handler ...http.Handler) {
	t.Helper()
	g := egress.NewGateway(egress.GatewayConfig{Dialer: egress.New(egress.Config{Policy: p}), EndpointName: func(n string) bool { return namespace.IsEndpointName(n, "") }, EndpointIP: namespace.EndpointIP(),
		Original: func(c net.Conn) (netip.AddrPort, error) {
			d, err := c.(sandbox.OriginalDst).OriginalDst()
			if err != nil {
				return netip.AddrPort{}, err
			}
			ap := d.(*net.TCPAddr).AddrPort()
			if host, ok := to[ap.Addr().String()]; ok {
				return netip.MustParseAddrPort(host), nil
			}
			return ap, nil
		}})
	l := egress.EitherListener(r.box.Listener(sandbox.SurfaceEndpoint), a.TLS(time.Now))
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, "endpoint %s%s tls=%v", req.Host, req.URL.Path, req.TLS != nil)
	})}
	if len(handler) > 0 {
		srv.Handler = handler[0]
	}
	r.wait.Go(func() { _ = srv.Serve(l) })
	r.wait.Go(func() { _ = g.ServeRedirect(r.box.Listener(sandbox.SurfaceRedirect)) })
	r.wait.Go(func() { _ = g.ServeDNS(r.box.PacketConn(sandbox.SurfaceDNS)) })
	r.wait.Go(func() { _ = g.ServeDNSStream(r.box.Listener(sandbox.SurfaceDNS)) })
	t.Cleanup(func() { r.box.Kill(); srv.Close(); l.Close(); g.Close() })
}
