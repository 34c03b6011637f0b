package netredirect

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// message is a growing run of netlink messages.
type message struct {
	b     []byte
	start int // of the open message
	seq   uint32
}

func (m *message) begin(typ, flags uint16) {
	m.align()
	m.start = len(m.b)
	m.seq++
	m.b = binary.NativeEndian.AppendUint32(m.b, 0)
	m.b = binary.NativeEndian.AppendUint16(m.b, typ)
	m.b = binary.NativeEndian.AppendUint16(m.b, flags|unix.NLM_F_REQUEST)
	m.b = binary.NativeEndian.AppendUint32(m.b, m.seq)
	m.b = binary.NativeEndian.AppendUint32(m.b, 0)
}

func (m *message) end() {
	binary.NativeEndian.PutUint32(m.b[m.start:], uint32(len(m.b)-m.start))
}

func (m *message) align() {
	for len(m.b)%4 != 0 {
		m.b = append(m.b, 0)
	}
}

func (m *message) raw(b ...byte) { m.b = append(m.b, b...) }

func (m *message) attr(typ uint16, value []byte) {
	m.align()
	m.b = binary.NativeEndian.AppendUint16(m.b, uint16(4+len(value)))
	m.b = binary.NativeEndian.AppendUint16(m.b, typ)
	m.b = append(m.b, value...)
	m.align()
}

func (m *message) nest(typ uint16, fill func()) {
	m.align()
	at := len(m.b)
	m.b = append(m.b, 0, 0, 0, 0)
	fill()
	m.align()
	binary.NativeEndian.PutUint16(m.b[at:], uint16(len(m.b)-at))
	binary.NativeEndian.PutUint16(m.b[at+2:], typ|unix.NLA_F_NESTED)
}

func be32(v uint32) []byte   { return binary.BigEndian.AppendUint32(nil, v) }
func zstr(s string) []byte   { return append([]byte(s), 0) }
func native(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// answersMax bounds how many answers are read for one run of messages.
const answersMax = 64

// send sends the run and reads answers until the one to message last. Any refused message is an error.
func send(family int, b []byte, last uint32) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return fmt.Errorf("netlink socket: %w", err)
	}
	defer unix.Close(fd)
	// The kernel answers while it takes the message, so a wait here means that it will never answer.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		return err
	}
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink send: %w", err)
	}
	var buf [8192]byte
	for range answersMax {
		n, _, err := unix.Recvfrom(fd, buf[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("netlink answer: %w", err)
		}
		for rest := buf[:n]; len(rest) >= 20; {
			size := int(binary.NativeEndian.Uint32(rest))
			if size < 16 || size > len(rest) {
				return fmt.Errorf("netlink answer of %d bytes in %d", size, len(rest))
			}
			typ, seq := binary.NativeEndian.Uint16(rest[4:]), binary.NativeEndian.Uint32(rest[8:])
			if typ == unix.NLMSG_ERROR && size >= 20 {
				if e := int32(binary.NativeEndian.Uint32(rest[16:])); e != 0 {
					return fmt.Errorf("netlink message %d: %w", seq, unix.Errno(-e))
				}
				if seq == last {
					return nil
				}
			}
			rest = rest[min((size+3)&^3, len(rest)):]
		}
	}
	return fmt.Errorf("netlink: no answer to message %d", last)
}
