package front

import (
	"net"
	"net/http"
	"strings"
)

// forwarded is the address of a client whom a trusted proxy did not name: an address that nothing is allowed from.
const (
	forwarded     = "forwarded:" + forwardedPort
	forwardedPort = "0" // of every address that a proxy named
)

// resolve finds out who sent a request, by the listener's rules, and puts the address into it. It tells whether the
// request was safe on its way: by TLS, by loopback or a sandbox's own listener (it never left this machine,
// docs/decisions/0012), or by the word of a trusted proxy. Nobody else's forwarding headers count.
func (f *Front) resolve(r *http.Request, l *Listener) (secure bool) {
	if l.Principal != nil {
		return true
	}
	peer := addressOf(r.RemoteAddr)
	if peer == nil || !within(peer, f.cfg.Proxies) {
		return r.TLS != nil || peer != nil && peer.IsLoopback()
	}
	r.RemoteAddr = forwarded
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		ip := net.ParseIP(strings.Trim(hops[i], " \t[]"))
		if ip == nil {
			break
		}
		if i == 0 || !within(ip, f.cfg.Proxies) {
			r.RemoteAddr = net.JoinHostPort(ip.String(), forwardedPort)
			break
		}
	}
	p := r.Header["X-Forwarded-Proto"]
	return len(p) > 0 && p[len(p)-1] == "https"
}

func addressOf(hostport string) net.IP {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil
	}
	host, _, _ = strings.Cut(host, "%")
	return net.ParseIP(host)
}

func within(ip net.IP, networks []*net.IPNet) bool {
	for _, n := range networks {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

// devAllowed tells whether the peer may use well-known keys: loopback, the networks that the operator named, and what
// has no address because no network was between. What a proxy calls loopback is not this machine's.
func (c *call) devAllowed() bool { return DevPeer(c.r, c.f.cfg.DevNetworks) }

// DevPeer is devAllowed for a request that Serve has taken, and networks beside loopback.
func DevPeer(r *http.Request, networks []*net.IPNet) bool {
	_, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr == "" || r.RemoteAddr == "@" || r.RemoteAddr == "pipe"
	}
	ip := addressOf(r.RemoteAddr)
	return ip != nil && (ip.IsLoopback() && port != forwardedPort || within(ip, networks))
}

// baseURL is the URL under which the client reached this server.
func (c *call) baseURL() string {
	if c.r.TLS != nil || c.secure && c.listener.Principal == nil && len(c.r.Header["X-Forwarded-Proto"]) > 0 && len(c.f.cfg.Proxies) > 0 {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}
