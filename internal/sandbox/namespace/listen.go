package namespace

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"virga/internal/sandbox"
	"virga/internal/sandbox/netredirect"
)

// listener bounds the open connections of one surface and gives them their original destination.
type listener struct {
	net.Listener
	max      int64
	open     atomic.Int64
	redirect bool
}

func newListener(l net.Listener, limit int, at sandbox.Surface) *listener {
	return &listener{Listener: l, max: int64(limit), redirect: at == sandbox.SurfaceRedirect || at == sandbox.SurfaceEndpoint}
}

// Accept gives the next connection. Connections beyond the limit are closed at once: the sandbox suffers, not the
// server.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if l.open.Add(1) > l.max || !ok {
			l.open.Add(-1)
			c.Close()
			continue
		}
		base := &conn{TCPConn: tcp, l: l}
		if l.redirect {
			return &redirected{base}, nil
		}
		return base, nil
	}
}

type conn struct {
	*net.TCPConn
	l    *listener
	once sync.Once
}

func (c *conn) Close() error {
	c.once.Do(func() { c.l.open.Add(-1) })
	return c.TCPConn.Close()
}

// redirected implements sandbox.OriginalDst.
type redirected struct{ *conn }

// OriginalDst tells where the code inside wanted to go. A connection made straight to the listener's own port has
// that as its destination.
func (c *redirected) OriginalDst() (net.Addr, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	return netredirect.OriginalDst(raw)
}

var _ sandbox.OriginalDst = (*redirected)(nil)

// EndpointIP is the address that names of the endpoint resolve to inside a sandbox: every TCP port of it leads to
// SurfaceEndpoint, where OriginalDst tells the port.
func EndpointIP() netip.Addr { return netredirect.EndpointIP() }

// IsEndpointName tells whether a name asked for inside a sandbox is to be answered with EndpointIP: AWS's own names
// and the server's domain. domain "" means none. Names are compared without case and without the last dot.
func IsEndpointName(name, domain string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	below := func(zone string) bool {
		return zone != "" && (name == zone || strings.HasSuffix(name, "."+zone))
	}
	if below(strings.TrimSuffix(strings.ToLower(domain), ".")) {
		return true
	}
	for _, zone := range awsZones {
		if below(zone) {
			return true
		}
	}
	return false
}

// awsZones are the zones under which AWS's endpoints live (AWS General Reference, AWS service endpoints).
var awsZones = [...]string{"amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws"}
