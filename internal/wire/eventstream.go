package wire

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"reflect"
)

// Event streams: application/vnd.amazon.eventstream, messages of headers and a payload with two checksums each.

// EventBytesMax bounds one message of an event stream.
const EventBytesMax = 24 << 20

const eventStreamType = "application/vnd.amazon.eventstream"

// EventMessage is one message of an event stream. Header values are string, []byte, bool, int32 or int64.
type EventMessage struct {
	Headers []EventHeaderValue
	Payload []byte
}

// EventHeaderValue is one header of a message.
type EventHeaderValue struct {
	Name  string
	Value any
}

// Header gives a string header, "" where it is absent.
func (m *EventMessage) Header(name string) string {
	for _, h := range m.Headers {
		if h.Name == name {
			s, _ := h.Value.(string)
			return s
		}
	}
	return ""
}

// AppendEvent appends a message's frame.
func AppendEvent(dst []byte, m *EventMessage) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, 12)...)
	for _, h := range m.Headers {
		if len(h.Name) > 255 {
			return nil, errDepth
		}
		dst = append(dst, byte(len(h.Name)))
		dst = append(dst, h.Name...)
		switch v := h.Value.(type) {
		case bool:
			t := byte(1)
			if v {
				t = 0
			}
			dst = append(dst, t)
		case int32:
			dst = binary.BigEndian.AppendUint32(append(dst, 4), uint32(v))
		case int64:
			dst = binary.BigEndian.AppendUint64(append(dst, 5), uint64(v))
		case []byte:
			if len(v) > 32767 {
				return nil, errDepth
			}
			dst = append(binary.BigEndian.AppendUint16(append(dst, 6), uint16(len(v))), v...)
		case string:
			if len(v) > 32767 {
				v = v[:32767]
			}
			dst = append(binary.BigEndian.AppendUint16(append(dst, 7), uint16(len(v))), v...)
		default:
			return nil, errDepth
		}
	}
	headers := len(dst) - start - 12
	dst = append(dst, m.Payload...)
	total := len(dst) - start + 4
	if total > EventBytesMax {
		return nil, errDepth
	}
	b := dst[start:]
	binary.BigEndian.PutUint32(b[0:], uint32(total))
	binary.BigEndian.PutUint32(b[4:], uint32(headers))
	binary.BigEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[:8]))
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(b)), nil
}

var errFrame = serialization("The event stream is malformed.")

// ParseEvent reads one message from the beginning of data and gives what follows it. io.ErrUnexpectedEOF says that
// data ends too early.
func ParseEvent(data []byte) (*EventMessage, []byte, error) {
	if len(data) < 12 {
		return nil, data, io.ErrUnexpectedEOF
	}
	total, headers := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
	if binary.BigEndian.Uint32(data[8:]) != crc32.ChecksumIEEE(data[:8]) || total < 16 || total > EventBytesMax || headers > total-16 {
		return nil, data, errFrame
	}
	if uint64(len(data)) < uint64(total) {
		return nil, data, io.ErrUnexpectedEOF
	}
	b := data[:total]
	if binary.BigEndian.Uint32(b[total-4:]) != crc32.ChecksumIEEE(b[:total-4]) {
		return nil, data, errFrame
	}
	m := &EventMessage{Payload: b[12+headers : total-4]}
	h := b[12 : 12+headers]
	take := func(n int) []byte {
		if n > len(h) {
			return nil
		}
		x := h[:n:n]
		h = h[n:]
		return x
	}
	for len(h) > 0 {
		n := int(h[0])
		h = h[1:]
		name := take(n)
		typ := take(1)
		if name == nil || typ == nil {
			return nil, data, errFrame
		}
		var v any
		switch typ[0] {
		case 0, 1:
			v = typ[0] == 0
		case 2, 3, 4, 5, 8, 9:
			size := map[byte]int{2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}[typ[0]]
			x := take(size)
			if x == nil {
				return nil, data, errFrame
			}
			switch typ[0] {
			case 4:
				v = int32(binary.BigEndian.Uint32(x))
			case 5, 8:
				v = int64(binary.BigEndian.Uint64(x))
			default:
				v = x
			}
		case 6, 7:
			l := take(2)
			if l == nil {
				return nil, data, errFrame
			}
			x := take(int(binary.BigEndian.Uint16(l)))
			if x == nil {
				return nil, data, errFrame
			}
			if v = x; typ[0] == 7 {
				v = string(x)
			}
		default:
			return nil, data, errFrame
		}
		m.Headers = append(m.Headers, EventHeaderValue{string(name), v})
	}
	return m, data[total:], nil
}

// encodeEvents answers an RPC operation with an event stream; its other members go first, as initial-response.
func encodeEvents(op *Op, p Protocol, v reflect.Value, requestID string) (*Response, error) {
	res := respond(op.Schema, p, http.StatusOK, nil, requestID)
	return encodeEventsInto(res, op, p, v)
}

func encodeEventsInto(res *Response, op *Op, p Protocol, v reflect.Value) (*Response, error) {
	s := op.Schema
	sh := &s.Shapes[op.Output]
	for i := range sh.Members {
		ms := &s.Shapes[sh.Members[i].Shape]
		if ms.Flags&EventStream == 0 {
			continue
		}
		x, ok := member(sh, v, i)
		if !ok {
			return nil, Internal()
		}
		src, ok := x.Interface().(EventReader)
		if !ok {
			return nil, Internal()
		}
		st := &eventStream{schema: s, union: ms, proto: p, src: src}
		if p != RESTJSON && p != RESTXML {
			payload, err := st.payload(sh, v)
			if err != nil {
				return nil, err
			}
			m := EventMessage{Headers: []EventHeaderValue{{":event-type", "initial-response"}, {":content-type", st.contentType()}, {":message-type", "event"}}, Payload: payload}
			if st.buf, err = AppendEvent(nil, &m); err != nil {
				return nil, err
			}
		}
		if _, has := res.Header["Content-Type"]; !has || p != RESTJSON && p != RESTXML {
			res.Header["Content-Type"] = []string{eventStreamType}
		}
		res.Body, res.Stream = nil, st
		return res, nil
	}
	return nil, Internal()
}

// eventStream is the body of a response: it asks for the next event when it has written the last. Each Read gives
// at most one message's bytes, so that a server that flushes after every read delivers at once.
type eventStream struct {
	schema *Schema
	union  *Shape
	proto  Protocol
	src    EventReader
	buf    []byte
	done   error
}

func (s *eventStream) Read(b []byte) (int, error) {
	for len(s.buf) == 0 {
		if s.done != nil {
			return 0, s.done
		}
		s.fill()
	}
	n := copy(b, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

// Close ends the source.
func (s *eventStream) Close() error {
	s.done = io.EOF
	if c, ok := s.src.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (s *eventStream) fill() {
	e, err := s.src.Next()
	var m *EventMessage
	switch {
	case errors.Is(err, io.EOF):
		s.done = io.EOF
		return
	case err != nil:
		s.done = io.EOF
		m = s.failure(err)
	default:
		if m, err = s.message(structOf(e)); err != nil {
			s.done = io.EOF
			m = s.failure(err)
		}
	}
	if s.buf, err = AppendEvent(nil, m); err != nil {
		s.done = io.ErrUnexpectedEOF
	}
}

// message makes the message of one event: the union's one set member.
func (s *eventStream) message(v reflect.Value) (*EventMessage, error) {
	if !v.IsValid() {
		return nil, Internal()
	}
	for i := range s.union.Members {
		x, ok := member(s.union, v, i)
		if !ok {
			continue
		}
		m := &s.union.Members[i]
		sh := &s.schema.Shapes[m.Shape]
		out := &EventMessage{Headers: []EventHeaderValue{{":event-type", m.Name}}}
		if sh.Flags&Exception != 0 {
			out.Headers = []EventHeaderValue{{":exception-type", m.Name}}
		}
		kind := "event"
		if sh.Flags&Exception != 0 {
			kind = "exception"
		}
		body := -1
		for j := range sh.Members {
			em := &sh.Members[j]
			if em.Flags&EventPayload != 0 {
				body = j
			}
			if em.Flags&EventHeader == 0 {
				continue
			}
			if y, ok := member(sh, x, j); ok {
				out.Headers = append(out.Headers, EventHeaderValue{em.Key(), s.header(&s.schema.Shapes[em.Shape], em, y)})
			}
		}
		ct := s.contentType()
		var err error
		if body < 0 {
			out.Payload, err = s.payload(sh, x)
		} else if y, ok := member(sh, x, body); ok {
			ps := &s.schema.Shapes[sh.Members[body].Shape]
			switch ps.Kind {
			case KindBlob:
				out.Payload, ct = asBytes(y), "application/octet-stream"
			case KindString:
				out.Payload, ct = []byte(stringOf(y)), "text/plain"
			default:
				out.Payload, err = s.payload(ps, y)
			}
		}
		if err != nil {
			return nil, err
		}
		out.Headers = append(out.Headers, EventHeaderValue{":content-type", ct}, EventHeaderValue{":message-type", kind})
		return out, nil
	}
	return nil, Internal()
}

func (s *eventStream) header(sh *Shape, m *Member, v reflect.Value) any {
	switch sh.Kind {
	case KindBoolean:
		return v.Bool()
	case KindInteger:
		return int32(asInt(v))
	case KindLong:
		return asInt(v)
	case KindBlob:
		return asBytes(v)
	}
	return string(appendScalar(nil, sh, m, v, TimeHTTP, false))
}

func (s *eventStream) contentType() string {
	switch s.proto {
	case RESTXML:
		return "text/xml"
	case CBOR:
		return "application/cbor"
	}
	return "application/json"
}

// payload serialises a structure's members that are neither headers nor streams.
func (s *eventStream) payload(sh *Shape, v reflect.Value) ([]byte, error) {
	switch s.proto {
	case RESTXML:
		e := xmlEncoder{schema: s.schema, proto: s.proto}
		e.open(sh.Name, "", "", nil)
		if err := e.members(sh, v); err != nil {
			return nil, err
		}
		e.close(sh.Name)
		return e.buf, nil
	case CBOR:
		e := cborEncoder{schema: s.schema}
		err := e.structure(sh, v)
		return e.buf, err
	}
	e := jsonEncoder{schema: s.schema}
	err := e.structure(sh, v)
	return e.buf, err
}

// failure is the message that ends a stream with an error: an exception of the stream's union, or an error.
func (s *eventStream) failure(err error) *EventMessage {
	in := Info(s.schema, s.proto, err)
	if in.Modeled != nil {
		for i := range s.union.Members {
			m := &s.union.Members[i]
			if &s.schema.Shapes[m.Shape] != in.Shape {
				continue
			}
			res := EncodeError(nil, &Op{Schema: s.schema}, s.proto, err, "")
			return &EventMessage{Headers: []EventHeaderValue{{":exception-type", m.Name}, {":content-type", s.contentType()}, {":message-type", "exception"}}, Payload: res.Body}
		}
	}
	return &EventMessage{Headers: []EventHeaderValue{{":error-code", in.Code}, {":error-message", in.Message}, {":message-type", "error"}}}
}
