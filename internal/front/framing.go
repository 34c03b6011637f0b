package front

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
)

// framed watches the requests of an HTTP/1 connection go by and refuses what two readers could take for different
// requests (RFC 9112, section 6.3): Content-Length beside Transfer-Encoding, either of them twice, folded header lines.
// net/http would take out Content-Length and go on; a proxy before this server may have believed it.
//
// It follows the framing exactly as strictly as net/http or stricter; where it refuses, net/http is given a header line
// that it answers with 400, and then the end of the connection. HTTP/2 with prior knowledge passes.
type framed struct {
	net.Conn
	tls *tls.ConnectionState // of a connection whose handshake the listener made

	state    frameState
	carry    []byte // the beginning of a line that has not ended
	left     int64  // bytes of a body or chunk that are still to come
	first    bool   // the request line is still to come
	old      bool   // the request is not HTTP/1.1
	length   int64  // Content-Length, -1 = none
	chunked  bool
	preface  int    // bytes of HTTP/2's preface that came so far
	after    string // what is read instead of the connection once a request was refused
	released atomic.Bool
}

type frameState uint8

const (
	framePreface frameState = iota
	frameHead
	frameBody
	frameChunkLine
	frameChunk
	frameChunkEnd
	frameTrailer
	framePassing // not HTTP/1 any more
	frameBroken  // net/http is told that the connection ended
)

const (
	http2Preface  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	lineBytesMax  = headerBytesMax + 8<<10
	chunkLineMax  = 4096
	badHeaderLine = 0 // a byte that makes a line which net/http refuses
)

func newFramed(c net.Conn) *framed { return &framed{Conn: c, first: true, length: -1} }

// release lets everything pass: the connection was taken over (a WebSocket).
func (f *framed) release() { f.released.Store(true) }

// Read implements net.Conn.
func (f *framed) Read(p []byte) (int, error) {
	if f.state == frameBroken {
		if f.after == "" {
			return 0, io.EOF
		}
		n := copy(p, f.after)
		f.after = f.after[n:]
		return n, nil
	}
	n, err := f.Conn.Read(p)
	if f.state == framePassing || f.released.Load() {
		return n, err
	}
	if m := f.scan(p[:n]); m < n || f.state == frameBroken {
		return m, nil
	}
	return n, err
}

// scan follows b and tells how much of it net/http may see.
func (f *framed) scan(b []byte) int {
	for i := 0; i < len(b); {
		switch f.state {
		case framePreface:
			if b[i] == http2Preface[f.preface] {
				if f.preface++; f.preface == len(http2Preface) {
					f.state, f.carry = framePassing, nil
					return len(b)
				}
				if f.preface <= len("PRI ") { // for the case that it is a request after all
					f.carry = append(f.carry, b[i])
				}
				i++
				continue
			}
			if f.preface > len("PRI ") { // nobody's request
				f.state = frameBroken
				return i
			}
			f.state = frameHead
		case frameBody, frameChunk:
			n := int64(len(b) - i)
			if n < f.left {
				f.left -= n
				return len(b)
			}
			i += int(f.left)
			f.left = 0
			if f.state == frameBody {
				f.begin()
			} else {
				f.state = frameChunkEnd
			}
		case frameHead:
			if len(f.carry) == 0 {
				switch c := b[i]; {
				case f.first && (c == '\r' || c == '\n'):
					i++
					continue
				case (c == '\r' || c == '\n') && f.ambiguous(), !f.first && (c == ' ' || c == '\t'):
					b[i] = badHeaderLine
					f.state, f.after = frameBroken, "\r\n\r\n"
					return i + 1
				}
			}
			line, n, ok := f.line(b[i:], lineBytesMax)
			i += n
			if !ok {
				return i
			}
			f.headLine(line)
		case frameChunkLine:
			line, n, ok := f.line(b[i:], chunkLineMax)
			i += n
			if !ok {
				return i
			}
			f.chunkLine(line)
		case frameChunkEnd:
			line, n, ok := f.line(b[i:], 2)
			i += n
			if !ok {
				return i
			}
			if f.state = frameChunkLine; string(line) != "\r" {
				f.state = frameBroken
				return i
			}
		case frameTrailer:
			line, n, ok := f.line(b[i:], lineBytesMax)
			i += n
			if !ok {
				return i
			}
			switch {
			case string(line) == "\r":
				f.begin()
			case !bytes.HasSuffix(line, []byte{'\r'}):
				f.state = frameBroken
				return i
			}
		default:
			return i
		}
		if f.state == frameBroken {
			return i
		}
	}
	return len(b)
}

// begin waits for the next request.
func (f *framed) begin() {
	f.state, f.first, f.old, f.length, f.chunked = frameHead, true, false, -1, false
}

// line takes a line without its LF; ok is false where it has not ended.
func (f *framed) line(b []byte, max int) (line []byte, n int, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		if len(f.carry)+len(b) > max {
			f.state = frameBroken
			return nil, len(b), false
		}
		f.carry = append(f.carry, b...)
		return nil, len(b), false
	}
	line = b[:i]
	if len(f.carry) > 0 {
		line = append(f.carry, line...)
		f.carry = f.carry[:0]
	}
	if len(line) > max {
		f.state = frameBroken
		return nil, i + 1, false
	}
	return line, i + 1, true
}

// ambiguous tells whether the head that ends now has two lengths.
func (f *framed) ambiguous() bool {
	return f.chunked && (f.length != -1 || f.old) || f.length == lengthTwice
}

const lengthTwice = -2

// headLine takes one line of a head; the empty one ends it.
func (f *framed) headLine(line []byte) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	switch {
	case f.first:
		f.first = false
		f.old = !bytes.HasSuffix(line, []byte(" HTTP/1.1"))
		return
	case len(line) == 0:
		switch {
		case f.chunked:
			f.state = frameChunkLine
		case f.length > 0:
			f.state, f.left = frameBody, f.length
		default:
			f.begin()
		}
		return
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	switch len(name) {
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			n, err := strconv.ParseUint(string(bytes.Trim(value, " \t")), 10, 63)
			if f.length != -1 || err != nil {
				f.length = lengthTwice
				return
			}
			f.length = int64(n)
		}
	case len("Transfer-Encoding"):
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			if f.chunked || !strings.EqualFold(string(bytes.Trim(value, " \t")), "chunked") {
				f.length = 0 // twice, or one that is not taken: refused as the pair is
			}
			f.chunked = true
		}
	}
}

// chunkLine takes the line before a chunk.
func (f *framed) chunkLine(line []byte) {
	size, _, _ := bytes.Cut(line, []byte{';'})
	n, err := strconv.ParseUint(string(bytes.TrimRight(size, " \t\r")), 16, 63)
	switch {
	case err != nil || !bytes.HasSuffix(line, []byte{'\r'}):
		f.state = frameBroken
	case n == 0:
		f.state = frameTrailer
	default:
		f.state, f.left = frameChunk, int64(n)
	}
}
