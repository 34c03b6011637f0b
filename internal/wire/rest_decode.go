package wire

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// decodeREST fills an input from path, query, headers and body.
func decodeREST(op *Op, p Protocol, r *Request, sh *Shape, v reflect.Value, at *path) error {
	t := concrete(sh, v)
	o := openObject(sh, t)
	if err := bindLabels(op, r, &o); err != nil {
		return err
	}
	if err := bindQuery(op.Schema, r, &o); err != nil {
		return err
	}
	if err := bindHeaders(op.Schema, r, &o); err != nil {
		return err
	}
	if err := bindBody(op, p, r, &o, at); err != nil {
		return err
	}
	o.missing(at)
	settle(v, t)
	return nil
}

func bindLabels(op *Op, r *Request, o *object) error {
	pattern, _, _ := strings.Cut(op.Path, "?")
	pattern, rest := strings.Trim(pattern, "/"), strings.TrimPrefix(r.Path, "/")
	for pattern != "" {
		var seg, part string
		seg, pattern, _ = strings.Cut(pattern, "/")
		if strings.HasSuffix(seg, "+}") {
			// a greedy label leaves as many segments as the pattern still has
			part = rest
			for n := segments(pattern); n > 0; n-- {
				part = part[:max(strings.LastIndexByte(part, '/'), 0)]
			}
			rest = strings.TrimPrefix(rest[len(part):], "/")
			seg = seg[1 : len(seg)-2]
		} else {
			part, rest, _ = strings.Cut(rest, "/")
			if seg[0] != '{' {
				continue
			}
			seg = seg[1 : len(seg)-1]
		}
		i := memberAt(o.sh, InURI, seg)
		if i < 0 || part == "" {
			continue
		}
		s, err := url.PathUnescape(part)
		if err != nil {
			return &Error{Code: "InvalidURI", Status: 400, Message: "Couldn't parse the specified URI."}
		}
		slot := o.slot(i)
		if err := setScalar(&op.Schema.Shapes[o.sh.Members[i].Shape], slot, s); err != nil {
			return err
		}
		o.done(i, slot)
	}
	return nil
}

// segments counts the segments of a path without slashes at its ends.
func segments(p string) int {
	if p == "" {
		return 0
	}
	return strings.Count(p, "/") + 1
}

func memberAt(sh *Shape, l Location, key string) int {
	for i := range sh.Members {
		if m := &sh.Members[i]; m.Location == l && m.Key() == key {
			return i
		}
	}
	return -1
}

func bindQuery(s *Schema, r *Request, o *object) error {
	if r.RawQuery == "" {
		return nil
	}
	q := queryPairs(r.RawQuery)
	if len(q) >= FormPairs {
		return CommonError(RequestTooLargeError, "The request has too many parameters.")
	}
	for i := range o.sh.Members {
		m := &o.sh.Members[i]
		if m.Location != InQuery {
			continue
		}
		ms := &s.Shapes[m.Shape]
		if ms.Kind == KindMap {
			if err := bindQueryMap(s, ms, q, o, i); err != nil {
				return err
			}
			continue
		}
		key := m.Key()
		var slot, list reflect.Value
		for _, p := range q {
			if p.key != key {
				continue
			}
			if ms.Kind != KindList {
				if p.value == "" && ms.Kind != KindString {
					continue
				}
				slot = o.slot(i)
				if err := setScalar(ms, slot, p.value); err != nil {
					return err
				}
				break
			}
			if !slot.IsValid() {
				slot = o.slot(i)
				list = concrete(ms, slot)
				list.Set(reflect.MakeSlice(list.Type(), 0, 4))
			}
			n := list.Len()
			list.Grow(1)
			list.SetLen(n + 1)
			list.Index(n).SetZero()
			if err := setScalar(&s.Shapes[ms.Members[0].Shape], list.Index(n), p.value); err != nil {
				return err
			}
		}
		if slot.IsValid() {
			if list.IsValid() {
				settle(slot, list)
			}
			o.done(i, slot)
		}
	}
	return nil
}

// bindQueryMap fills a map member. One of strings (API Gateway's import parameters) gets the pairs that no other
// member has; one of lists, which only services generated from Smithy have, gets all, as Smithy's rule for servers says.
func bindQueryMap(s *Schema, ms *Shape, q []pair, o *object, i int) error {
	es := &s.Shapes[ms.Members[1].Shape]
	slot := o.slot(i)
	t := concrete(ms, slot)
	t.Set(reflect.MakeMap(t.Type()))
	for _, p := range q {
		if es.Kind != KindList && memberAt(o.sh, InQuery, p.key) >= 0 {
			continue
		}
		k := reflect.ValueOf(p.key)
		if es.Kind == KindList {
			var l reflect.Value
			if old := t.MapIndex(k); old.IsValid() {
				l = old
				if l.Kind() == reflect.Interface {
					l = l.Elem()
				}
			} else if l = reflect.New(t.Type().Elem()).Elem(); l.Kind() == reflect.Interface {
				l = reflect.ValueOf([]any{})
			}
			e := reflect.New(l.Type().Elem()).Elem()
			if err := setScalar(&s.Shapes[es.Members[0].Shape], e, p.value); err != nil {
				return err
			}
			t.SetMapIndex(k, reflect.Append(l, e))
			continue
		}
		if t.MapIndex(k).IsValid() {
			continue
		}
		e := reflect.New(t.Type().Elem()).Elem()
		if err := setScalar(es, e, p.value); err != nil {
			return err
		}
		t.SetMapIndex(k, e)
	}
	if t.Len() > 0 {
		settle(slot, t)
		o.done(i, slot)
	} else if t.Kind() == reflect.Map && slot.Kind() == reflect.Map {
		slot.SetZero()
	}
	return nil
}

func bindHeaders(s *Schema, r *Request, o *object) error {
	h := r.Header
	for i := range o.sh.Members {
		m := &o.sh.Members[i]
		ms := &s.Shapes[m.Shape]
		switch m.Location {
		case InHeaders:
			prefix := strings.ToLower(m.WireName)
			slot := o.slot(i)
			t := concrete(ms, slot)
			t.Set(reflect.MakeMap(t.Type()))
			for k, vals := range h {
				low := strings.ToLower(k)
				if !strings.HasPrefix(low, prefix) || len(vals) == 0 {
					continue
				}
				// HTTP/2 and S3 know lower case only, and HTTP/1.1 must not differ
				e := reflect.New(t.Type().Elem()).Elem()
				if err := setScalar(&s.Shapes[ms.Members[1].Shape], e, strings.Join(vals, ",")); err != nil {
					return err
				}
				t.SetMapIndex(reflect.ValueOf(low[len(prefix):]), e)
			}
			settle(slot, t)
			o.done(i, slot)
		case InHeader:
			vals := h[m.Key()]
			if len(vals) == 0 && r.ContentLength > 0 && m.Key() == "Content-Length" {
				vals = []string{strconv.FormatInt(r.ContentLength, 10)} // net/http keeps it apart
			}
			if len(vals) == 0 {
				continue
			}
			slot := o.slot(i)
			if err := bindHeader(s, m, ms, slot, vals); err != nil {
				return err
			}
			o.done(i, slot)
		}
	}
	return nil
}

func bindHeader(s *Schema, m *Member, ms *Shape, slot reflect.Value, vals []string) error {
	if ms.Kind == KindList {
		es := &s.Shapes[ms.Members[0].Shape]
		t := concrete(ms, slot)
		t.Set(reflect.MakeSlice(t.Type(), 0, 4))
		for _, v := range vals {
			for _, part := range splitHeader(v, es.Kind == KindTimestamp && timeFormat(es, &ms.Members[0], TimeHTTP) == TimeHTTP) {
				e := reflect.New(t.Type().Elem()).Elem()
				if err := setScalar(es, e, part); err != nil {
					return err
				}
				t.Set(reflect.Append(t, e))
			}
		}
		settle(slot, t)
		return nil
	}
	v := vals[0]
	if m.Flags&JSONValue != 0 {
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return serialization("Invalid base64 data")
		}
		return setScalar(ms, slot, string(b))
	}
	if v == "" && ms.Kind != KindString {
		return nil
	}
	return setScalar(ms, slot, v)
}

// splitHeader splits a header's list at commas, honouring quotes; dates hold a comma each.
func splitHeader(v string, dates bool) []string {
	var out []string
	if dates {
		parts := strings.Split(v, ",")
		for i := 0; i+1 < len(parts); i += 2 {
			out = append(out, strings.TrimSpace(parts[i])+", "+strings.TrimSpace(parts[i+1]))
		}
		return out
	}
	for v = strings.TrimLeft(v, " \t"); v != ""; v = strings.TrimLeft(v, " \t") {
		if v[0] == '"' {
			var b strings.Builder
			i := 1
			for ; i < len(v) && v[i] != '"'; i++ {
				if v[i] == '\\' && i+1 < len(v) {
					i++
				}
				b.WriteByte(v[i])
			}
			out = append(out, b.String())
			_, v, _ = strings.Cut(v[min(i, len(v)):], ",")
			continue
		}
		var part string
		part, v, _ = strings.Cut(v, ",")
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

func bindBody(op *Op, p Protocol, r *Request, o *object, at *path) error {
	s := op.Schema
	if o.sh.Payload >= 0 {
		return bindPayload(op, p, r, o, at)
	}
	any := false
	for i := range o.sh.Members {
		if o.sh.Members[i].Location == InBody {
			any = true
			break
		}
	}
	if !any || len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	if p == RESTJSON {
		d := jsonDecoder{scanner: scanner{data: r.Body}, schema: s, path: *at, depth: 1}
		defer func() { *at = d.path }()
		if !d.take('{') {
			return errMalformed
		}
		if err := d.fields(o); err != nil {
			return err
		}
		if d.peek() != 0 || d.pos < len(d.data) {
			return errMalformed
		}
		return nil
	}
	n, err := parseXML(r.Body)
	if err != nil {
		return err
	}
	d := xmlDecoder{schema: s, path: *at}
	err = d.fields(o, n)
	*at = d.path
	return err
}

func bindPayload(op *Op, p Protocol, r *Request, o *object, at *path) error {
	s := op.Schema
	i := int(o.sh.Payload)
	m := &o.sh.Members[i]
	ms := &s.Shapes[m.Shape]
	slot := o.slot(i)
	if ms.Flags&EventStream != 0 {
		return Unsupported("An event stream as input")
	}
	switch ms.Kind {
	case KindBlob:
		switch {
		case slot.Type() == typeReadCl:
			body := r.BodyStream
			if body == nil {
				body = io.NopCloser(bytes.NewReader(r.Body))
			}
			slot.Set(reflect.ValueOf(body))
		case len(r.Body) == 0:
			return nil
		default:
			c := concrete(ms, slot)
			c.SetBytes(r.Body)
			settle(slot, c)
		}
		o.done(i, slot)
		return nil
	case KindString:
		if len(r.Body) == 0 {
			return nil
		}
		setString(slot, string(r.Body))
		o.done(i, slot)
		return nil
	}
	if len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	at.push(m)
	defer at.pop()
	if p == RESTJSON {
		d := jsonDecoder{scanner: scanner{data: r.Body}, schema: s, path: *at}
		if err := d.value(ms, m, slot); err != nil {
			return err
		}
		*at = d.path
		if d.peek() != 0 || d.pos < len(d.data) {
			return errMalformed
		}
		o.done(i, slot)
		return nil
	}
	if ms.Kind == KindDocument {
		return errXML
	}
	n, err := parseXML(r.Body)
	if err != nil {
		return err
	}
	if s.Flags&S3 != 0 && n.name != m.Key() && n.name != ms.Name && n.name != ms.WireName {
		return errXML
	}
	d := xmlDecoder{schema: s, path: *at}
	if err := d.value(ms, slot, n); err != nil {
		return err
	}
	*at = d.path
	o.done(i, slot)
	return nil
}
