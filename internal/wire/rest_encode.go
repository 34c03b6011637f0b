package wire

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
)

// encodeREST writes an output into status, headers and body.
func encodeREST(op *Op, p Protocol, v reflect.Value, requestID string) (*Response, error) {
	s := op.Schema
	res := respond(s, p, int(op.Status), nil, requestID)
	if res.Status == 0 {
		res.Status = http.StatusOK
	}
	if op.Output < 0 || !v.IsValid() {
		if op.Output >= 0 && p == RESTJSON && res.Status != http.StatusNoContent {
			res.body(emptyObject, contentType(p))
		}
		return res, nil
	}
	sh := &s.Shapes[op.Output]
	for i := range sh.Members {
		m := &sh.Members[i]
		if m.Location == InBody {
			continue
		}
		x, ok := member(sh, v, i)
		if !ok {
			continue
		}
		switch m.Location {
		case InStatus:
			if n := asInt(x); n >= 100 && n < 1000 {
				res.Status = int(n)
			}
		case InHeader:
			if val, ok := headerValue(s, m, x); ok {
				res.Header[textproto.CanonicalMIMEHeaderKey(m.Key())] = []string{val}
			}
		case InHeaders:
			// the key's own case is kept, for clients make names of what follows the prefix
			for _, k := range sortedKeys(x) {
				if y, ok := deref(x.MapIndex(k)); ok {
					res.Header[m.WireName+headerSafe(k.String())] = []string{headerSafe(stringOf(y))}
				}
			}
		}
	}
	if s.Flags&S3 != 0 && res.Header["Content-Range"] != nil {
		res.Status = http.StatusPartialContent // S3's models have no member for the status
	}
	if op.Has(EventStreamOutput) {
		return encodeEventsInto(res, op, p, v)
	}
	if sh.Payload >= 0 {
		return res, encodePayload(res, op, p, sh, v)
	}
	return res, encodeBody(res, op, p, sh, v)
}

// body sets the body and, where no member did, its content type.
func (r *Response) body(b []byte, contentType string) {
	r.Body = b
	if _, has := r.Header["Content-Type"]; !has {
		r.Header["Content-Type"] = []string{contentType}
	}
}

// headerSafe keeps line ends out of headers.
func headerSafe(s string) string {
	if strings.IndexByte(s, '\r') < 0 && strings.IndexByte(s, '\n') < 0 {
		return s
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}

func headerValue(s *Schema, m *Member, x reflect.Value) (string, bool) {
	ms := &s.Shapes[m.Shape]
	if ms.Kind == KindList {
		if x.Len() == 0 {
			return "", false
		}
		el := &ms.Members[0]
		es := &s.Shapes[el.Shape]
		var b []byte
		for i := range x.Len() {
			if i > 0 {
				b = append(b, ", "...)
			}
			y, ok := deref(x.Index(i))
			if !ok {
				continue
			}
			text := string(appendScalar(nil, es, el, y, TimeHTTP, false))
			if es.Kind == KindString && strings.ContainsAny(text, `,"`) {
				text = `"` + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"`, `\"`) + `"`
			}
			b = append(b, text...)
		}
		return headerSafe(string(b)), true
	}
	if m.Flags&JSONValue != 0 {
		return base64.StdEncoding.EncodeToString([]byte(stringOf(x))), true
	}
	if ms.Kind == KindBlob {
		return base64.StdEncoding.EncodeToString(asBytes(x)), true
	}
	return headerSafe(string(appendScalar(nil, ms, m, x, TimeHTTP, false))), true
}

func encodePayload(res *Response, op *Op, p Protocol, sh *Shape, v reflect.Value) error {
	s := op.Schema
	m := &sh.Members[sh.Payload]
	ms := &s.Shapes[m.Shape]
	x, ok := member(sh, v, int(sh.Payload))
	if !ok {
		if p == RESTJSON && ms.Kind == KindStructure && ms.Flags&Union == 0 && op.Status != http.StatusNoContent {
			res.body(emptyObject, contentType(p))
		}
		return nil
	}
	switch ms.Kind {
	case KindBlob:
		ct := s.BlobType
		if ct == "" {
			ct = "application/octet-stream"
		}
		if r, ok := x.Interface().(io.Reader); ok {
			res.Stream = r
			res.body(nil, ct)
			return nil
		}
		res.body(asBytes(x), ct)
		return nil
	case KindString:
		ct := "text/plain"
		if s.Flags&S3 != 0 {
			ct = "application/json" // bucket policies are the one such body
		}
		res.body([]byte(stringOf(x)), ct)
		return nil
	}
	if p == RESTJSON {
		e := jsonEncoder{schema: s}
		if err := e.value(ms, m, x); err != nil {
			return err
		}
		res.body(e.buf, contentType(p))
		return nil
	}
	e := xmlEncoder{schema: s, proto: p, millis: s.Flags&S3 != 0, buf: append(make([]byte, 0, 512), xmlHead...)}
	name := m.WireName
	if name == "" {
		if name = ms.WireName; name == "" {
			name = ms.Name
		}
	}
	mm := *m
	if mm.Namespace == "" && ms.Namespace == "" {
		mm.Namespace = s.Namespace
	}
	if err := e.element(name, &mm, x); err != nil {
		return err
	}
	res.body(e.buf, contentType(p))
	return nil
}

func encodeBody(res *Response, op *Op, p Protocol, sh *Shape, v reflect.Value) error {
	s := op.Schema
	has := false
	for i := range sh.Members {
		if sh.Members[i].Location.inAnswer() {
			has = true
			break
		}
	}
	if !has {
		if p == RESTJSON && op.Status != http.StatusNoContent {
			res.body(emptyObject, contentType(p))
		}
		return nil
	}
	if p == RESTJSON {
		e := jsonEncoder{schema: s, buf: make([]byte, 0, 256)}
		if err := e.structure(sh, v); err != nil {
			return err
		}
		res.body(e.buf, contentType(p))
		return nil
	}
	e := xmlEncoder{schema: s, proto: p, millis: s.Flags&S3 != 0, buf: append(make([]byte, 0, 512), xmlHead...)}
	root := op.OutputRoot
	if root == "" {
		if root = sh.WireName; root == "" {
			root = sh.Name
		}
	}
	ns := sh.Namespace
	if ns == "" {
		ns = s.Namespace
	}
	if op.Has(RootIsMember) {
		x, ok := member(sh, v, 0)
		e.open(root, ns, "", nil)
		if ok {
			e.buf = appendXMLText(e.buf, string(appendScalar(nil, &s.Shapes[sh.Members[0].Shape], &sh.Members[0], x, TimeISO8601, e.millis)))
		}
		e.close(root)
		res.body(e.buf, contentType(p))
		return nil
	}
	e.open(root, ns, "", func() { e.attributes(sh, v) })
	if err := e.members(sh, v); err != nil {
		return err
	}
	e.close(root)
	res.body(e.buf, contentType(p))
	return nil
}
