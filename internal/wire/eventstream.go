package wire

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"reflect"
)

// EventWriter encodes an event stream message by message (Amazon Transcribe Developer Guide, Event stream encoding).
type EventWriter struct {
	m      *Model
	shape  int32
	events *Events
}

func eventsOf(m *Model, shape int32, v reflect.Value, has bool) *EventWriter {
	if !has {
		return nil
	}
	s := m.Shape(shape)
	for i := range s.Members {
		if m.Shape(s.Members[i].Shape).Kind == KindEvents && !v.Field(i).IsNil() {
			return &EventWriter{m: m, shape: s.Members[i].Shape, events: v.Field(i).Interface().(*Events)}
		}
	}
	return nil
}

// Next encodes the next event; io.EOF ends the stream. An error of the stream becomes its last message.
func (w *EventWriter) Next() ([]byte, error) {
	name, ev, err := w.events.Next()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		f, _ := FactsOf(w.m, RESTJSON, err)
		return message([]header{{":message-type", "exception"}, {":exception-type", f.Code}, {":content-type", "application/json"}},
			appendErrorJSON(w.m, f, "", "message")), nil
	}
	union := w.m.Shape(w.shape)
	i := memberByWire(union, name)
	if i < 0 {
		return nil, errors.New("wire: no event " + name + " in " + union.Name)
	}
	es := w.m.Shape(union.Members[i].Shape)
	hs := []header{{":message-type", "event"}, {":event-type", name}}
	v := reflect.ValueOf(ev)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	var payload []byte
	whole := true
	for j := range es.Members {
		mb := &es.Members[j]
		f := v.Field(j)
		switch mb.EventPart {
		case 1:
			whole = false
			if !absent(f) {
				hs = append(hs, header{mb.WireName(), textOf(w.m.Shape(mb.Shape), f, TimeDefault)})
			}
		case 2:
			whole = false
			ms := w.m.Shape(mb.Shape)
			if absent(f) {
				continue
			}
			switch ms.Kind {
			case KindBlob:
				payload = f.Bytes()
				hs = append(hs, header{":content-type", "application/octet-stream"})
			case KindString:
				payload = []byte(f.Elem().String())
				hs = append(hs, header{":content-type", "text/plain"})
			default:
				payload = appendJSON(nil, w.m, mb.Shape, f, TimeDefault)
				hs = append(hs, header{":content-type", "application/json"})
			}
		}
	}
	if whole {
		hs = append(hs, header{":content-type", "application/json"})
		payload = appendJSON(nil, w.m, union.Members[i].Shape, v, TimeDefault)
	}
	return message(hs, payload), nil
}

// Initial encodes the first message of the json protocols: the members beside the stream.
func (w *EventWriter) Initial() []byte {
	return message([]header{{":message-type", "event"}, {":event-type", "initial-response"}, {":content-type", "application/json"}}, []byte("{}"))
}

// Close ends the stream.
func (w *EventWriter) Close() {
	if w.events.Close != nil {
		w.events.Close()
	}
}

type header struct{ name, value string }

// message frames headers and payload: lengths, CRC of the prelude, CRC of the whole.
func message(hs []header, payload []byte) []byte {
	n := 0
	for _, h := range hs {
		n += 1 + len(h.name) + 1 + 2 + len(h.value)
	}
	b := make([]byte, 0, 12+n+len(payload)+4)
	b = binary.BigEndian.AppendUint32(b, uint32(12+n+len(payload)+4))
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	for _, h := range hs {
		b = append(b, byte(len(h.name)))
		b = append(b, h.name...)
		b = append(b, 7)
		b = binary.BigEndian.AppendUint16(b, uint16(len(h.value)))
		b = append(b, h.value...)
	}
	b = append(b, payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}
