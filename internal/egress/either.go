package egress

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"
)

// EitherListener takes plain and TLS connections on one listener: a connection whose first byte begins a TLS record
// is given as *tls.Conn, which net/http knows to shake hands with. A connection that says nothing is closed after a
// while and keeps nobody waiting. Close waits for all that has begun.
func EitherListener(l net.Listener, cfg *tls.Config) net.Listener {
	return SortListener(l, func(c net.Conn) (net.Conn, error) {
		out, isTLS, err := FirstByte(c, firstByteTime)
		if err == nil && isTLS {
			out = tls.Server(out, cfg)
		}
		return out, err
	})
}

// SortListener has each connection looked at, each on its own, before Accept gives it; sort gives what to hand on, or
// an error, after which the connection is closed. sort must end in bounded time; Close waits for all that has begun.
func SortListener(l net.Listener, sort func(net.Conn) (net.Conn, error)) net.Listener {
	e := &either{Listener: l, look: sort, ready: make(chan net.Conn), failed: make(chan struct{}), quit: make(chan struct{}), held: map[net.Conn]struct{}{}}
	e.work.Go(e.run)
	return e
}

// FirstByte waits for a connection's first byte and tells whether it begins a TLS record. What it gives reads that byte
// again.
func FirstByte(c net.Conn, within time.Duration) (out net.Conn, isTLS bool, err error) {
	first := make([]byte, 1)
	_ = c.SetReadDeadline(time.Now().Add(within))
	n, err := c.Read(first)
	_ = c.SetReadDeadline(time.Time{})
	if n == 0 {
		if err == nil {
			err = io.ErrNoProgress
		}
		return nil, false, err
	}
	return &prefixed{Conn: c, first: first}, first[0] == tlsHandshakeRecord, nil
}

const (
	tlsHandshakeRecord = 0x16
	firstByteTime      = 30 * time.Second
)

type either struct {
	net.Listener
	look   func(net.Conn) (net.Conn, error)
	ready  chan net.Conn
	failed chan struct{} // closed when accepting has ended
	quit   chan struct{} // closed by Close
	once   sync.Once
	work   sync.WaitGroup

	mu   sync.Mutex
	held map[net.Conn]struct{} // connections that are being looked at
	err  error
}

func (e *either) run() {
	defer close(e.failed)
	for {
		c, err := e.Listener.Accept()
		e.mu.Lock()
		if err != nil {
			e.err = err
			e.mu.Unlock()
			return
		}
		e.held[c] = struct{}{}
		e.mu.Unlock()
		e.work.Go(func() { e.sort(c) })
	}
}

// sort finds out what a connection speaks.
func (e *either) sort(c net.Conn) {
	out, err := e.look(c)
	e.mu.Lock()
	delete(e.held, c)
	e.mu.Unlock()
	if err != nil {
		c.Close()
		return
	}
	select {
	case e.ready <- out:
	case <-e.quit:
		c.Close()
	}
}

// Accept gives the next connection that has said something.
func (e *either) Accept() (net.Conn, error) {
	select {
	case c := <-e.ready:
		return c, nil
	case <-e.failed:
		e.mu.Lock()
		defer e.mu.Unlock()
		return nil, e.err
	case <-e.quit:
		return nil, net.ErrClosed
	}
}

// Close ends the listener and what has not been accepted.
func (e *either) Close() error {
	err := e.Listener.Close()
	e.once.Do(func() {
		close(e.quit)
		e.mu.Lock()
		for c := range e.held {
			c.Close()
		}
		e.mu.Unlock()
	})
	e.work.Wait()
	return err
}

// prefixed gives back the byte that was read. It hands on nothing else of the connection's type but what a gateway
// asks for.
type prefixed struct {
	net.Conn
	first []byte
}

// Read reads the first byte and then the rest.
func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) > 0 && len(b) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}
