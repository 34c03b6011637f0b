package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func rules(t testing.TB, ss ...string) []Rule {
	t.Helper()
	var out []Rule
	for _, s := range ss {
		r, err := ParseRule(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestCheck(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("93.184.216.99"), netip.MustParseAddr("2606:4700::99")}
	open := Policy{Public: true}
	for _, a := range []string{"1.1.1.1", "93.184.216.34", "2606:4700::1111", "172.32.0.1", "100.128.0.1", "11.0.0.1", "192.167.1.1"} {
		if err := open.Check("", netip.MustParseAddr(a), 443, own); err != nil {
			t.Errorf("%s: %v", a, err)
		}
		if err := (Policy{}).Check("", netip.MustParseAddr(a), 443, own); err == nil {
			t.Errorf("%s: reached under a policy that allows nothing", a)
		}
	}
	for _, a := range []string{"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "224.0.0.1",
		"239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.0.1", "192.0.2.1", "192.0.2.2", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:1.1.1.1",
		"::7f00:1", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::101:101", "64:ff9b:1::1", "2002:7f00:1::", "2002:101:101::", "2001::1", "2001:db8::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
		"100::1", "3fff::1", "4000::1", "93.184.216.99", "2606:4700::99"} {
		err := open.Check("", netip.MustParseAddr(a), 80, own)
		var d *Denied
		if !errors.As(err, &d) || d.Why == "" {
			t.Errorf("%s: %v", a, err)
		}
	}
	if open.Check("", netip.Addr{}, 80, nil) == nil {
		t.Error("no address")
	}
}

func TestRules(t *testing.T) {
	p := Policy{Allow: rules(t, "db.internal:5432", "*.corp.example", "10.1.0.0/16:6379", "127.0.0.1:9999", "[fd00::1]:80", "10.9.9.9")}
	for _, c := range []struct {
		name, addr string
		port       uint16
		ok         bool
	}{
		{"db.internal", "10.0.0.5", 5432, true}, {"DB.internal.", "10.0.0.5", 5432, true}, {"db.internal", "10.0.0.5", 22, false}, {"", "10.0.0.5", 5432, false},
		{"db.internal", "127.0.0.1", 5432, false}, {"db.internal", "169.254.169.254", 5432, false}, {"db.internal", "1.2.3.4", 5432, true}, {"db.internal", "93.184.216.99", 5432, false},
		{"a.corp.example", "10.2.3.4", 1, true}, {"corp.example", "10.2.3.4", 1, false}, {"acorp.example", "10.2.3.4", 1, false},
		{"", "10.1.2.3", 6379, true}, {"", "10.1.2.3", 6380, false}, {"", "10.2.0.0", 6379, false}, {"", "127.0.0.1", 9999, true}, {"", "127.0.0.1", 9998, false}, {"", "fd00::1", 80, true}, {"", "10.9.9.9", 1, true},
		{"", "::ffff:10.9.9.9", 1, false},
	} {
		err := p.Check(c.name, netip.MustParseAddr(c.addr), c.port, []netip.Addr{netip.MustParseAddr("93.184.216.99")})
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, s := range []string{"", ":80", "a:0", "a:99999", "a b", "*", "*.", "**.x", "http://x", "a/b", "10.0.0.0/33"} {
		if r, err := ParseRule(s); err == nil {
			t.Errorf("%q: %+v", s, r)
		}
	}
	if !p.Resolvable("x.corp.example") || p.Resolvable("example.com") || !(Policy{Public: true}).Resolvable("example.com") {
		t.Error("resolvable")
	}
}

// zone is a resolver whose answers may change at each question.
type zone struct {
	mu    sync.Mutex
	a     map[string][][]string
	asked int
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	l := z.a[host]
	if len(l) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(l) > 1 {
		z.a[host] = l[1:]
	}
	var out []netip.Addr
	for _, s := range l[0] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	return []string{strings.Repeat("t", 300), "short"}, nil
}
func (z *zone) LookupMX(context.Context, string) ([]*net.MX, error) {
	return []*net.MX{{Host: "mx.example.", Pref: 5}}, nil
}
func (z *zone) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", []*net.SRV{{Target: "s.example.", Port: 27017}}, nil
}
func (z *zone) LookupCNAME(context.Context, string) (string, error) { return "to.example.", nil }

func none() ([]netip.Addr, error) { return nil, nil }

func TestDial(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://"+r.URL.Query().Get("to")+"/", http.StatusFound)
			return
		}
		fmt.Fprint(w, "inside")
	}))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	z := &zone{a: map[string][][]string{"good.example": {{"127.0.0.1"}}, "rebind.example": {{"1.2.3.4"}, {"127.0.0.1"}}, "evil.example": {{"10.0.0.1", "::ffff:127.0.0.1", "127.0.0.1"}}}}
	// The test's server is on loopback, so only a rule by address leads there.
	open := New(Config{Policy: Policy{Public: true, Allow: rules(t, "127.0.0.1:"+port)}, Resolver: z, Own: none})
	shut := New(Config{Policy: Policy{Public: true}, Resolver: z, Own: none})
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	get := func(d *Dialer, url string) (string, error) {
		req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
		resp, err := d.Client(ClientConfig{RedirectsMax: 3}).Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b), nil
	}
	if b, err := get(open, "http://good.example:"+port+"/"); b != "inside" || err != nil {
		t.Errorf("%q %v", b, err)
	}
	var denied *Denied
	for _, url := range []string{"http://good.example:" + port, "http://127.0.0.1:" + port, "http://[::ffff:7f00:1]:" + port, "http://[::1]:" + port, "http://0.0.0.0:" + port, "http://[64:ff9b::7f00:1]:" + port, "http://evil.example:" + port} {
		if b, err := get(shut, url); !errors.As(err, &denied) {
			t.Errorf("%s: %q %v", url, b, err)
		}
	}
	// A redirect is a new check: to a port that no rule names.
	for _, to := range []string{"127.0.0.1:1", "10.0.0.1", "169.254.169.254"} {
		if b, err := get(open, "http://good.example:"+port+"/away?to="+to); !errors.As(err, &denied) {
			t.Errorf("redirect to %s: %q %v", to, b, err)
		}
	}
	z.asked = 0
	if _, err := shut.DialContext(ctx, "udp", "1.1.1.1:53"); err == nil {
		t.Error("udp")
	}
	// Resolved once: what was checked is what is dialled. The dial itself must fail quickly here.
	quick, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	_, err := shut.DialContext(quick, "tcp", "rebind.example:80")
	if errors.As(err, &denied) || z.asked != 1 {
		t.Errorf("%v after %d questions", err, z.asked)
	}
}

type addrConn struct {
	net.Conn
	to netip.AddrPort
}

func gateway(t *testing.T, p Policy, z *zone) (*Gateway, *[]error) {
	var mu sync.Mutex
	var denied []error
	g := NewGateway(GatewayConfig{Dialer: New(Config{Policy: p, Resolver: z, Own: none}), EndpointName: func(n string) bool { return strings.HasSuffix("."+n, ".amazonaws.com") }, EndpointIP: netip.MustParseAddr("192.0.2.2"),
		OnDenied: func(err error) { mu.Lock(); denied = append(denied, err); mu.Unlock() },
		Original: func(c net.Conn) (netip.AddrPort, error) { return c.(*addrConn).to, nil }})
	t.Cleanup(g.Close)
	return g, &denied
}

// redirecting pretends that all connections were meant for one address.
type redirecting struct {
	net.Listener
	to netip.AddrPort
}

func (r *redirecting) Accept() (net.Conn, error) {
	c, err := r.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &addrConn{c, r.to}, nil
}

func TestRedirect(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				b, _ := io.ReadAll(c)
				_, _ = c.Write([]byte(strings.ToUpper(string(b))))
				c.Close()
			}()
		}
	}()
	to := echo.Addr().(*net.TCPAddr).AddrPort()
	try := func(p Policy) (string, error, []error) {
		g, denied := gateway(t, p, &zone{})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := g.ServeRedirect(&redirecting{l, to}); err != nil {
				t.Error(err)
			}
		})
		defer func() { l.Close(); wg.Wait(); g.Close() }()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(3 * time.Second))
		_, _ = c.Write([]byte("hello"))
		_ = c.(*net.TCPConn).CloseWrite()
		b, err := io.ReadAll(c)
		g.Close()
		return string(b), err, *denied
	}
	if b, err, _ := try(Policy{Allow: rules(t, to.String())}); b != "HELLO" || err != nil {
		t.Errorf("%q %v", b, err)
	}
	if b, err, denied := try(Policy{Public: true}); b != "" || len(denied) != 1 {
		t.Errorf("%q %v %v", b, err, denied)
	}
}

func ask(t *testing.T, g *Gateway, name string, typ dnsmessage.Type) (dnsmessage.RCode, []dnsmessage.Resource) {
	t.Helper()
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true}, Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}}}
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(g.answer(b, udpBytesMax)); err != nil {
		t.Fatal(err)
	}
	if m.ID != 7 || !m.Response {
		t.Errorf("%+v", m.Header)
	}
	return m.RCode, m.Answers
}

func TestDNS(t *testing.T) {
	z := &zone{a: map[string][][]string{"pub.example": {{"93.184.216.34"}}, "priv.example": {{"10.0.0.1"}}, "both.example": {{"127.0.0.1", "93.184.216.35"}}, "db.internal": {{"10.0.0.5"}}}}
	g, denied := gateway(t, Policy{Public: true, Allow: rules(t, "db.internal:5432")}, z)
	for name, want := range map[string]string{"s3.us-east-1.amazonaws.com.": "192.0.2.2", "SQS.eu-west-1.AmazonAWS.com.": "192.0.2.2", "pub.example.": "93.184.216.34", "both.example.": "93.184.216.35", "db.internal.": "10.0.0.5", "localhost.": "127.0.0.1"} {
		code, as := ask(t, g, name, dnsmessage.TypeA)
		if code != 0 || len(as) != 1 {
			t.Errorf("%s: %v %v", name, code, as)
			continue
		}
		if a := as[0].Body.(*dnsmessage.AResource).A; netip.AddrFrom4(a).String() != want {
			t.Errorf("%s: %v", name, a)
		}
		if code, as := ask(t, g, name, dnsmessage.TypeAAAA); code != 0 || len(as) != 0 {
			t.Errorf("%s AAAA: %v %v", name, code, as)
		}
	}
	for _, name := range []string{"priv.example.", "absent.example."} {
		if code, as := ask(t, g, name, dnsmessage.TypeA); code != dnsmessage.RCodeNameError || len(as) != 0 {
			t.Errorf("%s: %v %v", name, code, as)
		}
	}
	if len(*denied) != 1 {
		t.Errorf("%v", *denied)
	}
	for typ, n := range map[dnsmessage.Type]int{dnsmessage.TypeTXT: 2, dnsmessage.TypeSRV: 1, dnsmessage.TypeMX: 1, dnsmessage.TypeCNAME: 1} {
		if code, as := ask(t, g, "pub.example.", typ); code != 0 || len(as) != n {
			t.Errorf("%v: %v %v", typ, code, as)
		}
	}
	// The name counts at the connection.
	if err := g.cfg.Dialer.Check(g.nameOf(netip.MustParseAddr("10.0.0.5")), netip.MustParseAddrPort("10.0.0.5:5432")); err != nil {
		t.Error(err)
	}
	if err := g.cfg.Dialer.Check(g.nameOf(netip.MustParseAddr("10.0.0.5")), netip.MustParseAddrPort("10.0.0.5:22")); err == nil {
		t.Error("another port")
	}
	closed, _ := gateway(t, Policy{}, z)
	if code, _ := ask(t, closed, "pub.example.", dnsmessage.TypeA); code != dnsmessage.RCodeNameError {
		t.Error("a name is looked up under a policy that allows nothing")
	}
	if code, as := ask(t, closed, "sts.amazonaws.com.", dnsmessage.TypeA); code != 0 || len(as) != 1 {
		t.Error("AWS's names are answered under every policy")
	}
	for _, q := range [][]byte{nil, {1}, make([]byte, 12), make([]byte, 400)} {
		_ = g.answer(q, udpBytesMax)
	}
}

func TestDNSServers(t *testing.T) {
	z := &zone{a: map[string][][]string{"pub.example": {{"93.184.216.34"}}}}
	g, _ := gateway(t, Policy{Public: true}, z)
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.ServeDNS(p) })
	wg.Go(func() { _ = g.ServeDNSStream(l) })
	defer func() { p.Close(); l.Close(); wg.Wait() }()
	for _, network := range []string{"udp", "tcp"} {
		addr := p.LocalAddr().String()
		if network == "tcp" {
			addr = l.Addr().String()
		}
		r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}}
		as, err := r.LookupHost(context.Background(), "pub.example")
		if err != nil || len(as) != 1 || as[0] != "93.184.216.34" {
			t.Errorf("%s: %v %v", network, as, err)
		}
	}
	// A length without its question.
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(binary.BigEndian.AppendUint16(nil, 60000))
	if n, _ := c.Read(make([]byte, 1)); n != 0 {
		t.Error("answered")
	}
	c.Close()
}

func FuzzDNS(f *testing.F) {
	q := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("a.amazonaws.com."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	b, _ := q.Pack()
	f.Add(b)
	g := NewGateway(GatewayConfig{Dialer: New(Config{Resolver: &zone{}, Own: none}), EndpointName: func(string) bool { return true }, EndpointIP: netip.MustParseAddr("192.0.2.2")})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := g.answer(b, udpBytesMax); len(a) > udpBytesMax {
			t.Error(len(a))
		}
	})
}

func TestAuthority(t *testing.T) {
	name := func(n string) bool { return strings.HasSuffix(n, ".amazonaws.com") }
	made, err := NewAuthority(time.Now(), name)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := made.Secret()
	if err != nil {
		t.Fatal(err)
	}
	a, err := LoadAuthority(secret, name)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(a.Bundle([]byte("\n"))) {
		t.Fatal("no certificate in the bundle")
	}
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := EitherListener(raw, a.TLS(time.Now))
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %v %s", r.Proto, r.TLS != nil, r.Host)
	})}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	defer func() { srv.Close(); l.Close(); wg.Wait() }()
	silent, err := net.Dial("tcp", raw.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", raw.Addr().String())
	}
	get := func(url string, h2 bool) (string, error) {
		c := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: h2}}
		resp, err := c.Get(url)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b), nil
	}
	for _, c := range []struct {
		url  string
		h2   bool
		want string
	}{{"https://sqs.us-east-1.amazonaws.com/", false, "HTTP/1.1 true sqs.us-east-1.amazonaws.com"}, {"https://b.s3.eu-west-1.amazonaws.com/", true, "HTTP/2.0 true b.s3.eu-west-1.amazonaws.com"}, {"http://sts.amazonaws.com/", false, "HTTP/1.1 false sts.amazonaws.com"}} {
		if b, err := get(c.url, c.h2); b != c.want {
			t.Errorf("%s: %q %v", c.url, b, err)
		}
	}
	for _, url := range []string{"https://example.com/", "https://amazonaws.com.evil/"} {
		if b, err := get(url, false); err == nil {
			t.Errorf("%s: %q", url, b)
		}
	}
	if _, err := LoadAuthority([]byte("nothing"), name); err == nil {
		t.Error("loaded from nothing")
	}
}
