package netredirect

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Sockets are the listening sockets of one namespace, as descriptors that close on exec.
type Sockets struct {
	Runtime, Endpoint, Redirect, DNS int // TCP
	DNSPackets                       int // UDP
}

// Backlogs: how many connections the kernel keeps for a listener that does not accept.
const backlogMax = 128

// allowLowPorts lets this namespace's processes bind ports below 1024 without a capability: the launcher holds
// none for it, and the namespace is the sandbox's own.
const allowLowPorts = "/proc/sys/net/ipv4/ip_unprivileged_port_start"

// Listen makes the sockets in the network namespace of the calling thread, after Apply.
func Listen() (s Sockets, err error) {
	if err := os.WriteFile(allowLowPorts, []byte("0"), 0); err != nil {
		return s, fmt.Errorf("low ports: %w", err)
	}
	s = Sockets{-1, -1, -1, -1, -1}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	for _, l := range []struct {
		fd   *int
		kind int
		port int
	}{
		{&s.Runtime, unix.SOCK_STREAM, RuntimePort},
		{&s.Endpoint, unix.SOCK_STREAM, EndpointPort},
		{&s.Redirect, unix.SOCK_STREAM, RedirectPort},
		{&s.DNS, unix.SOCK_STREAM, DNSPort},
		{&s.DNSPackets, unix.SOCK_DGRAM, DNSPort},
	} {
		fd, err := unix.Socket(unix.AF_INET, l.kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return s, fmt.Errorf("socket for port %d: %w", l.port, err)
		}
		*l.fd = fd
		if err := unix.Bind(fd, &unix.SockaddrInet4{Port: l.port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return s, fmt.Errorf("bind port %d: %w", l.port, err)
		}
		if l.kind == unix.SOCK_STREAM {
			if err := unix.Listen(fd, backlogMax); err != nil {
				return s, fmt.Errorf("listen on port %d: %w", l.port, err)
			}
		}
	}
	return s, nil
}

// FDs lists the sockets in a fixed order: runtime, endpoint, redirect, DNS, DNS packets.
func (s Sockets) FDs() []int { return []int{s.Runtime, s.Endpoint, s.Redirect, s.DNS, s.DNSPackets} }

// Close closes all of them.
func (s Sockets) Close() {
	for _, fd := range s.FDs() {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// soOriginalDst is SO_ORIGINAL_DST of linux/netfilter_ipv4.h.
const soOriginalDst = 80

// OriginalDst tells where a redirected connection was meant to go, before the packet rule led it here.
func OriginalDst(c syscall.RawConn) (net.Addr, error) {
	var out netip.AddrPort
	var inner error
	err := c.Control(func(fd uintptr) {
		// The answer is a sockaddr_in, 16 bytes; the call for a request of that size is GetsockoptIPv6Mreq's.
		m, e := unix.GetsockoptIPv6Mreq(int(fd), unix.SOL_IP, soOriginalDst)
		if e != nil {
			inner = fmt.Errorf("original destination: %w", e)
			return
		}
		port := binary.BigEndian.Uint16(m.Multiaddr[2:4])
		out = netip.AddrPortFrom(netip.AddrFrom4([4]byte(m.Multiaddr[4:8])), port)
	})
	if err != nil {
		return nil, err
	}
	if inner != nil {
		return nil, inner
	}
	return net.TCPAddrFromAddrPort(out), nil
}
