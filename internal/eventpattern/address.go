package eventpattern

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// address is an IP address in 4 or 16 bytes.
type address struct {
	bytes [16]byte
	n     int
}

// looksLikeAddress says whether text has the characters of an address; what has not is never tried.
func looksLikeAddress[T string | []byte](s T) (v4, v6 bool) {
	dots, colons, digits := 0, 0, 0
	plain := true // only digits and dots
	hex := true   // only hexadecimal digits and colons
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			if digits == 0 {
				plain = false
			}
			dots, digits, hex = dots+1, 0, false
		case c == ':':
			colons++
			plain = false
		case c|32 >= 'a' && c|32 <= 'f':
			plain = false
		default:
			return false, false
		}
		if !plain && !hex {
			return false, false
		}
	}
	return plain && dots == 3 && digits > 0, hex && colons > 0
}

// parseAddress reads an address; an IPv6 form of an IPv4 address is the latter.
func parseAddress[T string | []byte](s T) (a address, ok bool) {
	v4, v6 := looksLikeAddress(s)
	switch {
	case v4:
		part, at := 0, 0
		for i := 0; i < len(s); i++ {
			if s[i] == '.' {
				a.bytes[at] = byte(part)
				at, part = at+1, 0
				continue
			}
			if part = part*10 + int(s[i]-'0'); part > 255 {
				return a, false
			}
		}
		a.bytes[at], a.n = byte(part), 4
		return a, true
	case v6:
		ip, err := netip.ParseAddr(string(s))
		if err != nil {
			return a, false
		}
		if ip = ip.Unmap(); ip.Is4() {
			b := ip.As4()
			copy(a.bytes[:], b[:])
			a.n = 4
			return a, true
		}
		a.bytes, a.n = ip.As16(), 16
		return a, true
	}
	return a, false
}

// network is the addresses that begin with the same bits.
type network struct {
	address
	bits int
}

func (n *network) holds(a *address) bool {
	if n.n != a.n {
		return false
	}
	whole := n.bits / 8
	if !bytes.Equal(n.bytes[:whole], a.bytes[:whole]) {
		return false
	}
	if rest := n.bits % 8; rest != 0 {
		mask := byte(0xff) << (8 - rest)
		return n.bytes[whole]&mask == a.bytes[whole]&mask
	}
	return true
}

// masked is the network's first address.
func (n network) masked() network {
	for i := range n.n {
		switch left := n.bits - i*8; {
		case left <= 0:
			n.bytes[i] = 0
		case left < 8:
			n.bytes[i] &= byte(0xff) << (8 - left)
		}
	}
	return n
}

func parseNetwork(s string) (network, error) {
	parts := strings.Split(s, "/")
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	if len(parts) != 2 {
		return network{}, errors.New("Malformed CIDR, one '/' required")
	}
	bits, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil {
		return network{}, errors.New("Malformed CIDR, mask bits must be an integer")
	}
	if bits < 0 {
		return network{}, errors.New("Malformed CIDR, mask bits must not be negative")
	}
	v4, v6 := looksLikeAddress(parts[0])
	if !v4 && !v6 {
		return network{}, errors.New("Nonstandard IP address: " + parts[0])
	}
	a, ok := parseAddress(parts[0])
	if !ok {
		return network{}, errors.New("Invalid IP address: " + parts[0])
	}
	if a.n == 4 && bits > 31 {
		return network{}, errors.New("IPv4 mask bits must be < 32")
	}
	if a.n == 16 && bits > 127 {
		return network{}, errors.New("IPv6 mask bits must be < 128")
	}
	return network{a, int(bits)}.masked(), nil
}
