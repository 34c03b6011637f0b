package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// GatewayConfig is what serves one sandbox.
type GatewayConfig struct {
	Dialer *Dialer
	// EndpointName tells whether a name is AWS's or the server's own; it resolves to EndpointIP then.
	EndpointName func(name string) bool
	EndpointIP   netip.Addr
	// OnDenied is told what was refused; may be nil. It must not block.
	OnDenied func(error)
	// Original gives a redirected connection's first destination; nil means the connection's own OriginalDst.
	Original func(net.Conn) (netip.AddrPort, error)
}

// Gateway serves the redirected connections and the DNS questions of one sandbox, or of several that share a policy:
// its Serve methods may be called for any number of listeners.
//
// Lock order: Gateway.mu only.
type Gateway struct {
	cfg    GatewayConfig
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	asking chan struct{} // tokens: questions that are answered at the same time

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	names map[netip.Addr]known
}

// known is the name by which a sandbox came to know an address.
type known struct {
	name string
	till time.Time
}

// Bounds of one sandbox.
const (
	questionsMax = 64
	namesMax     = 4096
	nameTime     = 10 * time.Minute // a name counts for its address that long after the last answer
	answerTTL    = 30               // seconds
)

// NewGateway makes a gateway; the Serve methods run it, Close ends it.
func NewGateway(cfg GatewayConfig) *Gateway {
	if cfg.OnDenied == nil {
		cfg.OnDenied = func(error) {}
	}
	if cfg.Original == nil {
		cfg.Original = original
	}
	g := &Gateway{cfg: cfg, asking: make(chan struct{}, questionsMax), conns: map[net.Conn]struct{}{}, names: map[netip.Addr]known{}}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// original asks a connection itself, as those of a sandbox's redirected listener answer.
func original(c net.Conn) (netip.AddrPort, error) {
	o, ok := c.(interface{ OriginalDst() (net.Addr, error) })
	if !ok {
		return netip.AddrPort{}, errors.New("egress: a connection without an original destination")
	}
	a, err := o.OriginalDst()
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(a.String())
}

// Close ends all connections and waits for everything the gateway has begun. The listeners are the sandbox's.
func (g *Gateway) Close() {
	g.cancel()
	g.mu.Lock()
	for c := range g.conns {
		c.Close()
	}
	g.mu.Unlock()
	g.work.Wait()
}

func (g *Gateway) hold(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil {
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *Gateway) drop(c net.Conn) {
	g.mu.Lock()
	delete(g.conns, c)
	g.mu.Unlock()
	c.Close()
}

// ServeRedirect moves the bytes of redirected connections until l is closed.
func (g *Gateway) ServeRedirect(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if !g.hold(c) {
			c.Close()
			return nil
		}
		g.work.Go(func() { defer g.drop(c); g.redirect(c) })
	}
}

func (g *Gateway) redirect(c net.Conn) {
	dst, err := g.cfg.Original(c)
	if err != nil {
		reset(c)
		return
	}
	out, err := g.cfg.Dialer.DialAddr(g.ctx, g.nameOf(dst.Addr()), dst)
	if err != nil {
		var denied *Denied
		if errors.As(err, &denied) {
			g.cfg.OnDenied(err)
		}
		reset(c)
		return
	}
	if !g.hold(out) {
		out.Close()
		return
	}
	defer g.drop(out)
	var both sync.WaitGroup
	both.Go(func() { pump(c, out) })
	pump(out, c)
	both.Wait()
}

// reset lets the other side see a broken connection instead of an ordered end.
func reset(c net.Conn) {
	if t, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
}

// pump moves bytes one way and passes the end on.
func pump(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if err != nil {
		to.Close()
		from.Close()
		return
	}
	if t, ok := to.(interface{ CloseWrite() error }); ok && t.CloseWrite() == nil {
		return
	}
	to.Close()
}

func (g *Gateway) nameOf(a netip.Addr) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	k, ok := g.names[a]
	if !ok || time.Now().After(k.till) {
		return ""
	}
	return k.name
}

func (g *Gateway) remember(name string, addrs []netip.Addr) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.names)+len(addrs) > namesMax {
		for a, k := range g.names {
			if now.After(k.till) {
				delete(g.names, a)
			}
		}
	}
	for _, a := range addrs {
		if len(g.names) < namesMax {
			g.names[a] = known{name, now.Add(nameTime)}
		}
	}
}
