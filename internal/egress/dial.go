package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Config is what a Dialer works with.
type Config struct {
	Policy Policy
	// Resolver looks names up; nil means the system's.
	Resolver Resolver
	// Own lists this machine's addresses; nil means OwnAddresses.
	Own func() ([]netip.Addr, error)
}

// Resolver is what the Dialer and the Gateway ask; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	LookupCNAME(ctx context.Context, host string) (string, error)
}

// Bounds of a connection's beginning.
const (
	dialTime     = 10 * time.Second // of one address
	resolveTime  = 5 * time.Second
	addressesMax = 8 // of one name that are tried
	ownTime      = 5 * time.Second
	keepAlive    = 30 * time.Second
)

// Dialer makes connections under a policy.
type Dialer struct {
	cfg Config
	raw net.Dialer

	mu   sync.Mutex
	own  []netip.Addr
	when time.Time
}

// New makes a dialer.
func New(cfg Config) *Dialer {
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.Own == nil {
		cfg.Own = OwnAddresses
	}
	return &Dialer{cfg: cfg, raw: net.Dialer{Timeout: dialTime, KeepAlive: keepAlive, FallbackDelay: -1}}
}

// Policy is what the dialer decides by.
func (d *Dialer) Policy() Policy { return d.cfg.Policy }

// ownAddresses are remembered for a moment.
func (d *Dialer) ownAddresses() ([]netip.Addr, error) {
	d.mu.Lock()
	own, fresh := d.own, time.Since(d.when) < ownTime
	d.mu.Unlock()
	if fresh {
		return own, nil
	}
	own, err := d.cfg.Own()
	if err != nil {
		return nil, fmt.Errorf("egress: this machine's addresses: %w", err)
	}
	d.mu.Lock()
	d.own, d.when = own, time.Now()
	d.mu.Unlock()
	return own, nil
}

// Check decides about an address that was asked for by a name, "" for none.
func (d *Dialer) Check(name string, addr netip.AddrPort) error {
	own, err := d.ownAddresses()
	if err != nil {
		return err
	}
	return d.cfg.Policy.Check(name, addr.Addr(), addr.Port(), own)
}

// DialContext implements the function that http.Transport and database drivers take. Only TCP is dialled.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("egress: port %q", portText)
	}
	var want string
	switch network {
	case "tcp":
		want = "ip"
	case "tcp4":
		want = "ip4"
	case "tcp6":
		want = "ip6"
	default:
		return nil, fmt.Errorf("egress: network %q", network)
	}
	name, addrs := "", []netip.Addr(nil)
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	} else {
		name = host
		if addrs, err = d.resolve(ctx, want, host); err != nil {
			return nil, err
		}
	}
	var errs []error
	for i, a := range addrs {
		if i == addressesMax {
			break
		}
		c, err := d.DialAddr(ctx, name, netip.AddrPortFrom(a, uint16(port)))
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (d *Dialer) resolve(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if !d.cfg.Policy.Resolvable(host) {
		return nil, &Denied{Host: host, Why: "only what the operator has allowed is reached"}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := d.cfg.Resolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return nil, err
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap() // the resolver's way to write IPv4, not a trick of the name's owner
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

// DialAddr checks one address and dials it, and nothing else.
func (d *Dialer) DialAddr(ctx context.Context, name string, addr netip.AddrPort) (net.Conn, error) {
	if err := d.Check(name, addr); err != nil {
		return nil, err
	}
	return d.raw.DialContext(ctx, "tcp", addr.String())
}

// ClientConfig bounds an HTTP client.
type ClientConfig struct {
	Timeout      time.Duration // of a whole exchange; 0 means 30 s
	RedirectsMax int           // 0 means that none is followed
}

// Client gives an HTTP client whose every connection, those of redirects included, passes the policy. It knows no
// proxy variables.
func (d *Dialer) Client(cfg ClientConfig) *http.Client {
	const defaultTime, idleMax, headersMax = 30 * time.Second, 64, 64 << 10
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTime
	}
	return &http.Client{
		Timeout: cfg.Timeout,
		Transport: &http.Transport{DialContext: d.DialContext, ForceAttemptHTTP2: true, MaxIdleConns: idleMax, IdleConnTimeout: keepAlive, TLSHandshakeTimeout: dialTime,
			MaxResponseHeaderBytes: headersMax, ResponseHeaderTimeout: cfg.Timeout},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > cfg.RedirectsMax {
				return http.ErrUseLastResponse
			}
			if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
				return errors.New("egress: a redirect from https to " + req.URL.Scheme)
			}
			return nil
		},
	}
}
