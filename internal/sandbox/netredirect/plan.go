package netredirect

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Addresses and ports as function code sees them.
const (
	RuntimePort  = 9001  // the Runtime API, on 127.0.0.1
	EndpointPort = 9002  // AWS's own API, on 127.0.0.1, plain and TLS
	RedirectPort = 15001 // where every other TCP connection is led, on 127.0.0.1
	DNSPort      = 53    // TCP and UDP, on 127.0.0.1
)

// EndpointIP is what AWS's names resolve to inside: every TCP port of it leads to the endpoint's listener. It and
// sourceIP are from TEST-NET-1 (RFC 5737), which nobody routes.
var (
	endpointIP = netip.AddrFrom4([4]byte{192, 0, 2, 2})
	sourceIP   = netip.AddrFrom4([4]byte{192, 0, 2, 1})
)

// EndpointIP is the address that AWS's names resolve to inside a sandbox.
func EndpointIP() netip.Addr { return endpointIP }

// Plan is the encoded layout of one namespace.
type Plan struct {
	mirror             uint16
	route, nft         []byte
	routeLast, nftLast uint32
}

// NewPlan encodes the layout. mirror is the port on which the host serves AWS's API, 0 for none: inside, that port of
// loopback leads to the endpoint too, so that a URL which was handed out on the host works.
func NewPlan(mirror uint16) *Plan {
	p := &Plan{mirror: mirror}
	p.encodeRoute()
	p.encodeNFT()
	return p
}

// Apply lays out the network namespace of the calling thread; the caller is locked to it. Loopback and routes
// first: an error after them means that this kernel has no packet rules (ErrNoNAT), and that everything but the
// listeners on 127.0.0.1 is closed.
func (p *Plan) Apply() error {
	if err := send(unix.NETLINK_ROUTE, p.route, p.routeLast); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := send(unix.NETLINK_NETFILTER, p.nft, p.nftLast); err != nil {
		return fmt.Errorf("%w: %w", ErrNoNAT, err)
	}
	return nil
}

// ErrNoNAT means that the kernel refused the packet rules: transparent outbound connections do not work.
var ErrNoNAT = fmt.Errorf("redirect rules refused by this kernel")

func (p *Plan) encodeRoute() {
	m := &message{}
	const lo = 1
	src := sourceIP.As4()
	m.begin(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	m.raw(unix.AF_UNSPEC, 0, 0, 0)
	m.raw(native(lo)...)
	m.raw(native(unix.IFF_UP)...)
	m.raw(native(unix.IFF_UP)...)
	m.end()

	m.begin(unix.RTM_NEWADDR, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	m.raw(unix.AF_INET, 32, 0, unix.RT_SCOPE_HOST)
	m.raw(native(lo)...)
	m.attr(unix.IFA_LOCAL, src[:])
	m.attr(unix.IFA_ADDRESS, src[:])
	m.end()

	m.begin(unix.RTM_NEWROUTE, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	m.raw(unix.AF_INET, 0, 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST, 0, 0, 0, 0)
	m.attr(unix.RTA_OIF, native(lo))
	m.attr(unix.RTA_PREFSRC, src[:])
	m.end()
	p.route, p.routeLast = m.b, m.seq
}

const (
	table     = "virga"
	chainNAT  = "lead"
	chainDeny = "close"
	// Places of the source chains in the output hook: the address is rewritten before the deny chain looks.
	prioNAT  = -100
	prioDeny = 0
)

func (p *Plan) encodeNFT() {
	m := &message{}
	batch := func(typ uint16) {
		m.begin(typ, 0)
		m.raw(unix.AF_UNSPEC, 0, 0, unix.NFNL_SUBSYS_NFTABLES)
		m.end()
	}
	begin := func(typ, flags uint16) {
		m.begin(unix.NFNL_SUBSYS_NFTABLES<<8|typ, flags)
		m.raw(unix.NFPROTO_IPV4, 0, 0, 0)
	}
	batch(unix.NFNL_MSG_BATCH_BEGIN)
	begin(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE)
	m.attr(unix.NFTA_TABLE_NAME, zstr(table))
	m.end()
	chain := func(name, typ string, prio int32) {
		begin(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE)
		m.attr(unix.NFTA_CHAIN_TABLE, zstr(table))
		m.attr(unix.NFTA_CHAIN_NAME, zstr(name))
		m.nest(unix.NFTA_CHAIN_HOOK, func() {
			m.attr(unix.NFTA_HOOK_HOOKNUM, be32(unix.NF_INET_LOCAL_OUT))
			m.attr(unix.NFTA_HOOK_PRIORITY, be32(uint32(prio)))
		})
		m.attr(unix.NFTA_CHAIN_TYPE, zstr(typ))
		m.end()
	}
	chain(chainNAT, "nat", prioNAT)
	chain(chainDeny, "filter", prioDeny)
	rule := func(name string, flags uint16, exprs ...func()) {
		begin(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND|flags)
		m.attr(unix.NFTA_RULE_TABLE, zstr(table))
		m.attr(unix.NFTA_RULE_CHAIN, zstr(name))
		m.nest(unix.NFTA_RULE_EXPRESSIONS, func() {
			for _, e := range exprs {
				m.nest(unix.NFTA_LIST_ELEM, e)
			}
		})
		m.end()
	}
	expr := func(name string, fill func()) func() {
		return func() {
			m.attr(unix.NFTA_EXPR_NAME, zstr(name))
			m.nest(unix.NFTA_EXPR_DATA, fill)
		}
	}
	protocol := expr("meta", func() {
		m.attr(unix.NFTA_META_KEY, be32(unix.NFT_META_L4PROTO))
		m.attr(unix.NFTA_META_DREG, be32(unix.NFT_REG_1))
	})
	cmp := func(op uint32, value ...byte) func() {
		return expr("cmp", func() {
			m.attr(unix.NFTA_CMP_SREG, be32(unix.NFT_REG_1))
			m.attr(unix.NFTA_CMP_OP, be32(op))
			m.nest(unix.NFTA_CMP_DATA, func() { m.attr(unix.NFTA_DATA_VALUE, value) })
		})
	}
	payload := func(base, offset, size uint32) func() {
		return expr("payload", func() {
			m.attr(unix.NFTA_PAYLOAD_DREG, be32(unix.NFT_REG_1))
			m.attr(unix.NFTA_PAYLOAD_BASE, be32(base))
			m.attr(unix.NFTA_PAYLOAD_OFFSET, be32(offset))
			m.attr(unix.NFTA_PAYLOAD_LEN, be32(size))
		})
	}
	const ipDst, tcpDst = 16, 2 // offsets in the IPv4 and TCP/UDP headers
	firstByte := payload(unix.NFT_PAYLOAD_NETWORK_HEADER, ipDst, 1)
	address := payload(unix.NFT_PAYLOAD_NETWORK_HEADER, ipDst, 4)
	port := payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, tcpDst, 2)
	to := func(port uint16) []func() {
		return []func(){
			expr("immediate", func() {
				m.attr(unix.NFTA_IMMEDIATE_DREG, be32(unix.NFT_REG_1))
				m.nest(unix.NFTA_IMMEDIATE_DATA, func() { m.attr(unix.NFTA_DATA_VALUE, []byte{byte(port >> 8), byte(port)}) })
			}),
			expr("redir", func() {
				m.attr(unix.NFTA_REDIR_REG_PROTO_MIN, be32(unix.NFT_REG_1))
				m.attr(unix.NFTA_REDIR_REG_PROTO_MAX, be32(unix.NFT_REG_1))
			}),
		}
	}
	ep, src := endpointIP.As4(), sourceIP.As4()
	const loopback = 127
	nat := func(port uint16, match ...func()) { rule(chainNAT, 0, append(match, to(port)...)...) }
	// The endpoint's address, any TCP port.
	nat(EndpointPort, address, cmp(unix.NFT_CMP_EQ, ep[:]...), protocol, cmp(unix.NFT_CMP_EQ, unix.IPPROTO_TCP))
	if p.mirror != 0 {
		nat(EndpointPort, firstByte, cmp(unix.NFT_CMP_EQ, loopback), protocol, cmp(unix.NFT_CMP_EQ, unix.IPPROTO_TCP), port, cmp(unix.NFT_CMP_EQ, byte(p.mirror>>8), byte(p.mirror)))
	}
	// DNS asked of any other server.
	for _, proto := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
		nat(DNSPort, firstByte, cmp(unix.NFT_CMP_NEQ, loopback), protocol, cmp(unix.NFT_CMP_EQ, proto), port, cmp(unix.NFT_CMP_EQ, 0, DNSPort))
	}
	// Every other TCP connection that does not stay on loopback.
	nat(RedirectPort, firstByte, cmp(unix.NFT_CMP_NEQ, loopback), protocol, cmp(unix.NFT_CMP_EQ, unix.IPPROTO_TCP))
	// What is not led anywhere is refused at once, so that code does not wait for it. Packets to the namespace's own
	// address are the answers to questions that were led.
	rule(chainDeny, unix.NLM_F_ACK, firstByte, cmp(unix.NFT_CMP_NEQ, loopback), address, cmp(unix.NFT_CMP_NEQ, src[:]...),
		protocol, cmp(unix.NFT_CMP_NEQ, unix.IPPROTO_TCP),
		expr("reject", func() {
			m.attr(unix.NFTA_REJECT_TYPE, be32(unix.NFT_REJECT_ICMPX_UNREACH))
			m.attr(unix.NFTA_REJECT_ICMP_CODE, []byte{unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED})
		}))
	p.nftLast = m.seq
	batch(unix.NFNL_MSG_BATCH_END)
	p.nft = m.b
}
