package front

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"virga/internal/egress"
	"virga/internal/wire"
)

// Listener is an open port with its surfaces. It takes HTTP/1.1, HTTP/2 with prior knowledge and, with TLS, both of them
// by ALPN on the same port.
type Listener struct {
	net.Listener
	Surfaces Surface
	// Principal is who calls by this listener with a development key: a sandbox's role. Nil: the key's own.
	Principal *wire.Principal
	// TLS is how the server proves who it is; nil: no TLS.
	TLS *tls.Config
	// PlainFrom are the networks that may come without TLS beside loopback. It counts where TLSOnly is set.
	TLSOnly   bool
	PlainFrom []*net.IPNet
}

type listenerKey struct{}

type framedKey struct{}

// Serve takes connections until the context ends, then waits for what is under way.
func (f *Front) Serve(ctx context.Context, l Listener) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{
		Handler:           f,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytesMax,
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streamsMax, SendPingTimeout: pingTime, PingTimeout: headerTime, WriteByteTimeout: stallTime},
		ErrorLog:          slog.NewLogLogger(f.cfg.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithValue(context.Background(), listenerKey{}, &l) },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if fc, ok := c.(*framed); ok {
				ctx = context.WithValue(ctx, framedKey{}, fc)
			}
			return ctx
		},
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 25*time.Second)
		defer cancel()
		if err := s.Shutdown(grace); err != nil {
			s.Close()
		}
	}()
	sorted := egress.SortListener(limitConns(l.Listener, connsPerAddr), l.sort)
	err := s.Serve(sorted)
	sorted.Close()
	if errors.Is(err, net.ErrClosed) { // the listener's owner closed it: nobody is left to wait for
		s.Close()
		err = nil
	}
	cancel()
	<-done
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

var errPlain = errors.New("front: plain HTTP from beyond loopback")

const plainRefused = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request: this port takes TLS (https) from other machines\n"

// sort finds out what a new connection speaks. HTTP/1 is read through framed; net/http gets a *tls.Conn only where it
// speaks HTTP/2.
func (l *Listener) sort(c net.Conn) (net.Conn, error) {
	if t, ok := c.(*tls.Conn); ok { // the listener's owner did the sorting
		return handshake(t)
	}
	if l.TLS == nil && !l.TLSOnly {
		return newFramed(c), nil
	}
	c, isTLS, err := egress.FirstByte(c, headerTime)
	switch {
	case err != nil:
		return nil, err
	case isTLS && l.TLS != nil:
		return handshake(tls.Server(c, l.TLS))
	case l.TLSOnly:
		if ip := addressOf(c.RemoteAddr().String()); ip == nil || !ip.IsLoopback() && !within(ip, l.PlainFrom) {
			c.SetDeadline(time.Now().Add(time.Second))
			io.WriteString(c, plainRefused)
			io.CopyN(io.Discard, c, 4<<10) // the answer is lost if unread bytes reset the connection
			return nil, errPlain
		}
	}
	return newFramed(c), nil
}

func handshake(t *tls.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), headerTime)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := t.ConnectionState()
	if state.NegotiatedProtocol == "h2" {
		return t, nil
	}
	f := newFramed(t)
	f.tls = &state
	return f, nil
}

// tlsOf gives the state of a request's TLS connection, which net/http does not know where the listener shook hands.
func tlsOf(r *http.Request) *tls.ConnectionState {
	if f, _ := r.Context().Value(framedKey{}).(*framed); f != nil && f.tls != nil {
		return f.tls
	}
	return r.TLS
}

// takable lets an application take a connection over, as WebSockets do; its bytes are no requests any more.
type takable struct {
	http.ResponseWriter
	f *framed
}

// Unwrap is for http.ResponseController.
func (t takable) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Hijack implements http.Hijacker.
func (t takable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err == nil {
		t.f.release()
	}
	return c, rw, err
}

func withHijack(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if r.Header.Get("Upgrade") == "" {
		return w
	}
	if f, _ := r.Context().Value(framedKey{}).(*framed); f != nil {
		return takable{w, f}
	}
	return w
}

// limitConns bounds the connections of one address.
func limitConns(l net.Listener, max int) net.Listener {
	return &limited{Listener: l, max: max, m: map[string]int{}}
}

type limited struct {
	net.Listener
	max int
	mu  sync.Mutex
	m   map[string]int
}

// Accept implements net.Listener: a connection over the bound is closed at once.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		l.mu.Lock()
		n := l.m[host]
		if n < l.max {
			l.m[host] = n + 1
		}
		l.mu.Unlock()
		if n >= l.max {
			c.Close()
			continue
		}
		return &countedConn{Conn: c, l: l, host: host}, nil
	}
}

type countedConn struct {
	net.Conn
	l    *limited
	host string
	once sync.Once
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.once.Do(func() {
		c.l.mu.Lock()
		if c.l.m[c.host]--; c.l.m[c.host] <= 0 {
			delete(c.l.m, c.host)
		}
		c.l.mu.Unlock()
	})
	return c.Conn.Close()
}
