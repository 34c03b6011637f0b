// Package edge shows what the listener does with connections and requests that are meant to harm.
package edge

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"virga/internal/auth/sigv4"
	"virga/internal/cloud"
)

// world is a cloud behind a real port.
type world struct {
	*cloud.Cloud
	addr string
}

type option func(*cloud.Config, *net.Listener)

// from makes connections look as if they came from another address.
func from(peer string) option {
	return func(_ *cloud.Config, l *net.Listener) {
		*l = &faraway{*l, &net.TCPAddr{IP: net.ParseIP(peer), Port: 4711}}
	}
}

type faraway struct {
	net.Listener
	peer net.Addr
}

func (f *faraway) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4zero, Port: f.Listener.Addr().(*net.TCPAddr).Port}
}

func (f *faraway) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &farConn{c, f.peer}, nil
}

type farConn struct {
	net.Conn
	peer net.Addr
}

func (c *farConn) RemoteAddr() net.Addr { return c.peer }

func start(t *testing.T, opts ...option) *world {
	t.Helper()
	cfg := cloud.Config{Ephemeral: true, Dev: true}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	for _, o := range opts {
		o(&cfg, &l)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c, err := cloud.New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{c, addr}
}

func network(s string) *net.IPNet {
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		panic(err)
	}
	return n
}

// signed makes a request that a key has signed.
func (w *world) signed(t *testing.T, key, secret, method, url, service, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	s := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: key, SecretAccessKey: secret}, "us-east-1", service)
	if err := s.SignHTTP(r, time.Now(), sigv4.HashOf([]byte(body))); err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) root(t *testing.T, method, url, service, body string, headers ...string) *http.Request {
	return w.signed(t, w.RootKey.ID, w.RootKey.Secret, method, url, service, body, headers...)
}

const (
	sqsType    = "application/x-amz-json-1.0"
	listQueues = "AmazonSQS.ListQueues"
)
