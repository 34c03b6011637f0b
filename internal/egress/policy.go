package egress

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Rule is one allowance of the operator: a name or a network, with one port or all.
type Rule struct {
	Name string       // "db.example.com", "*.example.com" for everything below it; "" with Net
	Net  netip.Prefix // with Name ""
	Port uint16       // 0 for all
}

// ParseRule reads "db.example.com:5432", "*.example.com", "10.1.0.0/16:5432", "10.1.2.3", "[fd00::1]:5432".
func ParseRule(s string) (Rule, error) {
	var r Rule
	bad := func(why string) (Rule, error) { return Rule{}, fmt.Errorf("egress rule %q: %s", s, why) }
	host := s
	if p, err := netip.ParsePrefix(s); err == nil {
		r.Net = p.Masked()
		return r, nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		r.Net = netip.PrefixFrom(a, a.BitLen())
		return r, nil
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		n, err := strconv.ParseUint(s[i+1:], 10, 16)
		if err != nil || n == 0 {
			return bad("no port after the colon")
		}
		r.Port, host = uint16(n), s[:i]
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if p, err := netip.ParsePrefix(host); err == nil {
		r.Net = p.Masked()
		return r, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		r.Net = netip.PrefixFrom(a, a.BitLen())
		return r, nil
	}
	r.Name = normal(host)
	base := strings.TrimPrefix(r.Name, "*.")
	if base == "" || strings.ContainsAny(base, "*/ []:") {
		return bad("neither a name nor a network")
	}
	return r, nil
}

func normal(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// names tells whether the rule allows a name; the port is another question.
func (r Rule) names(name string) bool {
	if r.Name == "" {
		return false
	}
	if below, ok := strings.CutPrefix(r.Name, "*."); ok {
		return strings.HasSuffix(name, "."+below)
	}
	return r.Name == name
}

func (r Rule) port(p uint16) bool { return r.Port == 0 || r.Port == p }

// Policy decides about addresses. It does no I/O.
type Policy struct {
	// Public allows the public internet; without it only Allow's rules lead anywhere.
	Public bool
	Allow  []Rule
}

// Denied says why an address is not dialled.
type Denied struct {
	Host string // as asked for
	Addr netip.Addr
	Why  string
}

// Error implements error.
func (d *Denied) Error() string {
	if d.Addr.IsValid() && d.Addr.String() != d.Host {
		return fmt.Sprintf("egress to %s (%s) is denied: %s", d.Host, d.Addr, d.Why)
	}
	return fmt.Sprintf("egress to %s is denied: %s", d.Host, d.Why)
}

// Check decides whether an address may be dialled that was asked for by a name ("" for the address itself). own are
// this machine's addresses.
func (p Policy) Check(name string, addr netip.Addr, port uint16, own []netip.Addr) error {
	deny := func(why string) error {
		host := name
		if host == "" {
			host = addr.String()
		}
		return &Denied{host, addr, why}
	}
	if !addr.IsValid() || addr.Zone() != "" {
		return deny("not an address that can be checked")
	}
	inner := addr.Unmap()
	for _, r := range p.Allow {
		if r.Net.IsValid() && r.port(port) && r.Net.Contains(addr) {
			return nil
		}
	}
	if addr != inner {
		return deny("an IPv4 address inside an IPv6 one")
	}
	why := special(addr)
	if why == "" {
		for _, o := range own {
			if o.Unmap() == addr {
				return deny("an address of this machine")
			}
		}
	}
	name = normal(name)
	for _, r := range p.Allow {
		// A name that the operator has named may lead to a private network, but never back into this machine.
		if r.names(name) && r.port(port) && (why == "" || why == private) {
			return nil
		}
	}
	if why != "" {
		return deny(why)
	}
	if !p.Public {
		return deny("only what the operator has allowed is reached")
	}
	return nil
}

// Resolvable tells whether a name may be looked up at all.
func (p Policy) Resolvable(name string) bool {
	if p.Public {
		return true
	}
	name = normal(name)
	for _, r := range p.Allow {
		if r.names(name) {
			return true
		}
	}
	return false
}

const private = "a private address"

// Networks that are no part of the public internet (IANA's special-purpose registries).
var specials = func() []struct {
	net netip.Prefix
	why string
} {
	var out []struct {
		net netip.Prefix
		why string
	}
	for _, l := range []struct{ why, nets string }{
		{"an unspecified address", "0.0.0.0/8 ::/128"},
		{"a loopback address", "127.0.0.0/8 ::1/128"},
		{private, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"},
		{"a link-local address", "169.254.0.0/16 fe80::/10 fec0::/10"},
		{"a shared address", "100.64.0.0/10"},
		{"a multicast address", "224.0.0.0/4 ff00::/8"},
		{"an address that carries another one", "::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32 192.88.99.0/24"},
		{"a reserved address", "192.0.0.0/24 192.0.2.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 100::/64 2001::/23 2001:db8::/32 3fff::/20 5f00::/16"},
	} {
		for n := range strings.FieldsSeq(l.nets) {
			out = append(out, struct {
				net netip.Prefix
				why string
			}{netip.MustParsePrefix(n), l.why})
		}
	}
	return out
}()

var global6 = netip.MustParsePrefix("2000::/3")

// special says what an address is when it is no public one.
func special(a netip.Addr) string {
	for _, s := range specials {
		if s.net.Contains(a) {
			return s.why
		}
	}
	if a.Is6() && !global6.Contains(a) {
		return "not a public address"
	}
	return ""
}

// OwnAddresses lists this machine's addresses.
func OwnAddresses() ([]netip.Addr, error) {
	as, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range as {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, ip.Unmap())
			}
		}
	}
	return out, nil
}
