package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Bounds of DNS.
const (
	questionBytesMax = 1232
	udpBytesMax      = 1232 // of an answer; beyond it the question is asked again by TCP
	tcpIdle          = 10 * time.Second
	recordsMax       = 16
)

// ServeDNS answers questions that come as packets until p is closed. Questions beyond the bound are dropped: the
// sandbox asks again.
func (g *Gateway) ServeDNS(p net.PacketConn) error {
	buf := make([]byte, questionBytesMax)
	for {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || g.ctx.Err() != nil {
				return nil
			}
			continue
		}
		select {
		case g.asking <- struct{}{}:
		default:
			continue
		}
		q := append([]byte(nil), buf[:n]...)
		g.work.Go(func() {
			defer func() { <-g.asking }()
			if a := g.answer(q, udpBytesMax); a != nil {
				_, _ = p.WriteTo(a, from)
			}
		})
	}
}

// ServeDNSStream answers questions that come by TCP until l is closed.
func (g *Gateway) ServeDNSStream(l net.Listener) error {
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
		g.work.Go(func() { defer g.drop(c); g.stream(c) })
	}
}

func (g *Gateway) stream(c net.Conn) {
	for {
		_ = c.SetDeadline(time.Now().Add(tcpIdle))
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint16(size[:])
		if n > questionBytesMax {
			return
		}
		q := make([]byte, n)
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		a := g.answer(q, 1<<16-1)
		if a == nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}

// answer gives the answer to one question, nil for what is no question.
func (g *Gateway) answer(q []byte, most int) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(q)
	if err != nil || h.Response || h.OpCode != 0 {
		return nil
	}
	question, err := p.Question()
	if err != nil {
		return nil
	}
	head := dnsmessage.Header{ID: h.ID, Response: true, RecursionDesired: h.RecursionDesired, RecursionAvailable: true}
	ctx, cancel := context.WithTimeout(g.ctx, resolveTime)
	defer cancel()
	records, code := g.lookup(ctx, question)
	for {
		head.RCode = code
		b := dnsmessage.NewBuilder(nil, head)
		b.EnableCompression()
		err := errors.Join(b.StartQuestions(), b.Question(question), b.StartAnswers())
		for _, r := range records {
			err = errors.Join(err, r(&b, dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: answerTTL}))
		}
		out, ferr := b.Finish()
		if err != nil || ferr != nil {
			if len(records) == 0 {
				return nil
			}
			records, code = nil, dnsmessage.RCodeServerFailure
			continue
		}
		if len(out) > most {
			head.Truncated, records = true, nil
			continue
		}
		return out
	}
}

type record func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error

func (g *Gateway) lookup(ctx context.Context, q dnsmessage.Question) ([]record, dnsmessage.RCode) {
	name := normal(q.Name.String())
	if q.Class != dnsmessage.ClassINET {
		return nil, dnsmessage.RCodeNotImplemented
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") && !g.cfg.EndpointName(name) {
		if q.Type == dnsmessage.TypeA {
			return []record{recordA(netip.AddrFrom4([4]byte{127, 0, 0, 1}))}, 0
		}
		return nil, 0
	}
	if g.cfg.EndpointName(name) {
		if q.Type == dnsmessage.TypeA {
			return []record{recordA(g.cfg.EndpointIP)}, 0
		}
		return nil, 0
	}
	if !g.cfg.Dialer.cfg.Policy.Resolvable(name) {
		g.cfg.OnDenied(&Denied{Host: name, Why: "only what the operator has allowed is reached"})
		return nil, dnsmessage.RCodeNameError
	}
	r := g.cfg.Dialer.cfg.Resolver
	var out []record
	var err error
	switch q.Type {
	case dnsmessage.TypeA:
		return g.lookupA(ctx, name)
	case dnsmessage.TypeTXT:
		var texts []string
		texts, err = r.LookupTXT(ctx, name)
		for _, t := range texts {
			out = append(out, recordTXT(t))
		}
	case dnsmessage.TypeSRV:
		var srvs []*net.SRV
		_, srvs, err = r.LookupSRV(ctx, "", "", name)
		for _, s := range srvs {
			out = append(out, recordSRV(s))
		}
	case dnsmessage.TypeMX:
		var mxs []*net.MX
		mxs, err = r.LookupMX(ctx, name)
		for _, m := range mxs {
			out = append(out, recordMX(m))
		}
	case dnsmessage.TypeCNAME:
		var to string
		to, err = r.LookupCNAME(ctx, name)
		if err == nil && normal(to) != name {
			out = append(out, recordCNAME(to))
		}
	default:
		// IPv6 among them: connections inside are led by IPv4 alone, so there is no such address.
		return nil, 0
	}
	if err != nil {
		return nil, codeOf(err)
	}
	return out[:min(len(out), recordsMax)], 0
}

func (g *Gateway) lookupA(ctx context.Context, name string) ([]record, dnsmessage.RCode) {
	addrs, err := g.cfg.Dialer.resolve(ctx, "ip4", name)
	if err != nil {
		return nil, codeOf(err)
	}
	var out []record
	var good []netip.Addr
	var denied error
	for _, a := range addrs {
		if !a.Is4() {
			continue
		}
		// Which port is wanted is known at the connection; an address that no port reaches is not told.
		if err := g.anyPort(name, a); err != nil {
			denied = err
			continue
		}
		good = append(good, a)
		if len(out) < recordsMax {
			out = append(out, recordA(a))
		}
	}
	if len(out) == 0 && denied != nil {
		g.cfg.OnDenied(denied)
		return nil, dnsmessage.RCodeNameError
	}
	g.remember(name, good)
	return out, 0
}

func (g *Gateway) anyPort(name string, a netip.Addr) error {
	err := g.cfg.Dialer.Check(name, netip.AddrPortFrom(a, 0))
	if err == nil {
		return nil
	}
	for _, r := range g.cfg.Dialer.cfg.Policy.Allow {
		if r.Port != 0 && g.cfg.Dialer.Check(name, netip.AddrPortFrom(a, r.Port)) == nil {
			return nil
		}
	}
	return err
}

func codeOf(err error) dnsmessage.RCode {
	var d *net.DNSError
	if errors.As(err, &d) && d.IsNotFound {
		return dnsmessage.RCodeNameError
	}
	return dnsmessage.RCodeServerFailure
}

func recordA(a netip.Addr) record {
	return func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error {
		return b.AResource(h, dnsmessage.AResource{A: a.As4()})
	}
}

func recordTXT(t string) record {
	return func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error {
		var parts []string
		for len(t) > 255 {
			parts, t = append(parts, t[:255]), t[255:]
		}
		return b.TXTResource(h, dnsmessage.TXTResource{TXT: append(parts, t)})
	}
}

func recordSRV(s *net.SRV) record {
	return func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error {
		n, err := dnsmessage.NewName(s.Target)
		if err != nil {
			return err
		}
		return b.SRVResource(h, dnsmessage.SRVResource{Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: n})
	}
}

func recordMX(m *net.MX) record {
	return func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error {
		n, err := dnsmessage.NewName(m.Host)
		if err != nil {
			return err
		}
		return b.MXResource(h, dnsmessage.MXResource{Pref: m.Pref, MX: n})
	}
}

func recordCNAME(to string) record {
	return func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error {
		n, err := dnsmessage.NewName(to)
		if err != nil {
			return err
		}
		return b.CNAMEResource(h, dnsmessage.CNAMEResource{CNAME: n})
	}
}
