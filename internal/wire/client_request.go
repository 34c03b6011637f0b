package wire

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// ClientProtocol is the protocol in which a client of ours speaks to a service: JSON before REST before forms.
func ClientProtocol(s *Schema) Protocol {
	for _, p := range []Protocol{JSON10, JSON11, RESTJSON, RESTXML, Query} {
		if s.Speaks(p) {
			return p
		}
	}
	return Unknown
}

// EncodeRequest writes an operation's input as a client sends it. The body is held in memory.
func EncodeRequest(op *Op, p Protocol, in any) (*Request, error) {
	v := structOf(in)
	r := &Request{Method: http.MethodPost, Path: "/", Header: http.Header{}}
	var err error
	switch p {
	case JSON10, JSON11:
		if r.Body, err = InputJSON(op, in); err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", contentType(p))
		r.Header.Set("X-Amz-Target", op.Schema.TargetPrefix+"."+op.Name)
	case Query:
		e := formEncoder{schema: op.Schema, form: url.Values{"Action": {op.Name}, "Version": {op.Schema.APIVersion}}}
		if op.Input >= 0 && v.IsValid() {
			if err := e.structure("", &op.Schema.Shapes[op.Input], v); err != nil {
				return nil, err
			}
		}
		r.Body = []byte(e.form.Encode())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case RESTJSON, RESTXML:
		if err := restRequest(op, p, v, r); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("wire: no client for %s of %s", p, op.Schema.Package)
	}
	r.ContentLength = int64(len(r.Body))
	if op.Has(ChecksumRequired) && r.Header.Get("Content-Md5") == "" {
		sum := md5.Sum(r.Body)
		r.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	return r, nil
}

// formEncoder writes an input as a form.
type formEncoder struct {
	schema *Schema
	form   url.Values
	depth  int
}

func (e *formEncoder) structure(prefix string, sh *Shape, v reflect.Value) error {
	for i := range sh.Members {
		m := &sh.Members[i]
		x, ok := member(sh, v, i)
		if !ok {
			continue
		}
		name := m.QueryName
		if name == "" {
			name = m.Key()
		}
		if prefix != "" {
			name = prefix + "." + name
		}
		if err := e.value(name, m, x); err != nil {
			return err
		}
	}
	return nil
}

func (e *formEncoder) value(name string, m *Member, x reflect.Value) error {
	if e.depth++; e.depth > DepthMax {
		return errDepth
	}
	defer func() { e.depth-- }()
	sh := &e.schema.Shapes[m.Shape]
	switch sh.Kind {
	case KindStructure:
		return e.structure(name, sh, x)
	case KindList:
		el := &sh.Members[0]
		if x.Len() == 0 {
			e.form.Set(name, "")
			return nil
		}
		if !flattened(sh, m) {
			item := xmlName(el)
			if item == "" {
				item = "member"
			}
			name += "." + item
		}
		for i := range x.Len() {
			y, ok := deref(x.Index(i))
			if !ok {
				continue
			}
			if err := e.value(name+"."+strconv.Itoa(i+1), el, y); err != nil {
				return err
			}
		}
		return nil
	case KindMap:
		kn, vn := mapNames(sh)
		if !flattened(sh, m) {
			name += ".entry"
		}
		for i, k := range sortedKeys(x) {
			at := name + "." + strconv.Itoa(i+1)
			e.form.Set(at+"."+kn, k.String())
			if y, ok := deref(x.MapIndex(k)); ok {
				if err := e.value(at+"."+vn, &sh.Members[1], y); err != nil {
					return err
				}
			}
		}
		return nil
	case KindBlob:
		e.form.Set(name, base64.StdEncoding.EncodeToString(asBytes(x)))
		return nil
	}
	e.form.Set(name, string(appendScalar(nil, sh, m, x, TimeISO8601, false)))
	return nil
}

// restRequest writes an input into method, path, query, headers and body.
func restRequest(op *Op, p Protocol, v reflect.Value, r *Request) error {
	s := op.Schema
	r.Method = op.Method
	pattern, fixed, _ := strings.Cut(op.Path, "?")
	query := url.Values{}
	if op.Input < 0 || !v.IsValid() {
		r.Path, r.RawQuery = pattern, fixed
		return nil
	}
	sh := &s.Shapes[op.Input]
	labels := map[string]string{}
	for i := range sh.Members {
		m := &sh.Members[i]
		x, ok := member(sh, v, i)
		if !ok {
			continue
		}
		ms := &s.Shapes[m.Shape]
		switch m.Location {
		case InURI:
			labels[m.Key()] = string(appendScalar(nil, ms, m, x, TimeISO8601, false))
		case InQuery:
			queryMember(s, query, m, ms, x)
		case InHeader:
			if val, ok := headerValue(s, m, x); ok {
				r.Header[textproto.CanonicalMIMEHeaderKey(m.Key())] = []string{val}
			}
		case InHeaders:
			for _, k := range sortedKeys(x) {
				if y, ok := deref(x.MapIndex(k)); ok {
					r.Header[textproto.CanonicalMIMEHeaderKey(m.WireName+headerSafe(k.String()))] = []string{headerSafe(stringOf(y))}
				}
			}
		}
	}
	path, err := fillPath(op, pattern, labels)
	if err != nil {
		return err
	}
	r.Path, r.RawQuery = path, fixed
	if q := query.Encode(); q != "" {
		if r.RawQuery != "" {
			r.RawQuery += "&"
		}
		r.RawQuery += strings.ReplaceAll(q, "+", "%20")
	}
	return requestBody(op, p, sh, v, r)
}

func queryMember(s *Schema, q url.Values, m *Member, ms *Shape, x reflect.Value) {
	switch ms.Kind {
	case KindList:
		el := &ms.Members[0]
		for i := range x.Len() {
			if y, ok := deref(x.Index(i)); ok {
				q.Add(m.Key(), string(appendScalar(nil, &s.Shapes[el.Shape], el, y, TimeISO8601, false)))
			}
		}
	case KindMap:
		for _, k := range sortedKeys(x) {
			if y, ok := deref(x.MapIndex(k)); ok && y.Kind() == reflect.String {
				q.Add(k.String(), y.String())
			}
		}
	default:
		q.Add(m.Key(), string(appendScalar(nil, ms, m, x, TimeISO8601, false)))
	}
}

// fillPath puts labels into a pattern: a greedy one ({Key+}) keeps its slashes.
func fillPath(op *Op, pattern string, labels map[string]string) (string, error) {
	var b strings.Builder
	for rest := pattern; ; {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, tail, ok := strings.Cut(after, "}")
		if !ok {
			return "", fmt.Errorf("wire: pattern %q", pattern)
		}
		greedy := strings.HasSuffix(name, "+")
		val := labels[strings.TrimSuffix(name, "+")]
		if val == "" {
			return "", fmt.Errorf("%s: %s is missing", op.Name, strings.TrimSuffix(name, "+"))
		}
		b.WriteString(escapeLabel(val, greedy))
		rest = tail
	}
}

func escapeLabel(s string, greedy bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~', greedy && c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func requestBody(op *Op, p Protocol, sh *Shape, v reflect.Value, r *Request) error {
	s := op.Schema
	set := func(b []byte, ct string) {
		r.Body = b
		if r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", ct)
		}
	}
	if sh.Payload >= 0 {
		m := &sh.Members[sh.Payload]
		ms := &s.Shapes[m.Shape]
		x, ok := member(sh, v, int(sh.Payload))
		if !ok {
			return nil
		}
		switch ms.Kind {
		case KindBlob:
			b := asBytes(x)
			if rd, ok := x.Interface().(io.Reader); ok {
				var err error
				if b, err = io.ReadAll(rd); err != nil {
					return err
				}
			}
			set(b, "application/octet-stream")
		case KindString:
			set([]byte(stringOf(x)), "text/plain")
		default:
			if p == RESTJSON {
				e := jsonEncoder{schema: s}
				if err := e.value(ms, m, x); err != nil {
					return err
				}
				set(e.buf, contentType(p))
				return nil
			}
			e := xmlEncoder{schema: s, proto: p}
			mm := *m
			if mm.Namespace == "" && ms.Namespace == "" {
				mm.Namespace = s.Namespace
			}
			if err := e.element(m.Key(), &mm, x); err != nil {
				return err
			}
			set(e.buf, contentType(p))
		}
		return nil
	}
	body := false
	for i := range sh.Members {
		body = body || sh.Members[i].Location == InBody
	}
	if !body {
		return nil
	}
	if p == RESTXML {
		e := xmlEncoder{schema: s, proto: p}
		root := op.InputRoot
		if root == "" {
			root = sh.Name
		}
		ns := op.InputNamespace
		if ns == "" {
			ns = s.Namespace
		}
		e.open(root, ns, "", nil)
		if err := e.inBody(sh, v); err != nil {
			return err
		}
		e.close(root)
		set(e.buf, contentType(p))
		return nil
	}
	e := jsonEncoder{schema: s, buf: []byte{'{'}}
	if err := e.inBody(sh, v); err != nil {
		return err
	}
	set(append(e.buf, '}'), contentType(p))
	return nil
}

// inBody writes the members of a request that travel in its body.
func (e *jsonEncoder) inBody(sh *Shape, v reflect.Value) error {
	comma := false
	for i := range sh.Members {
		m := &sh.Members[i]
		x, ok := member(sh, v, i)
		if !ok || m.Location != InBody {
			continue
		}
		if comma {
			e.buf = append(e.buf, ',')
		}
		comma = true
		e.buf = append(appendJSONString(e.buf, m.Key()), ':')
		if err := e.value(&e.schema.Shapes[m.Shape], m, x); err != nil {
			return err
		}
	}
	return nil
}

func (e *xmlEncoder) inBody(sh *Shape, v reflect.Value) error {
	for i := range sh.Members {
		m := &sh.Members[i]
		x, ok := member(sh, v, i)
		if !ok || m.Location != InBody {
			continue
		}
		if err := e.element(e.name(m), m, x); err != nil {
			return err
		}
	}
	return nil
}

// DecodeAnswer reads a success of an operation into out, a pointer to the output's struct.
func DecodeAnswer(op *Op, p Protocol, r *Response, out any) error {
	if op.Output < 0 {
		return nil
	}
	s := op.Schema
	sh := &s.Shapes[op.Output]
	v := reflect.ValueOf(out).Elem()
	var at path
	switch p {
	case JSON10, JSON11:
		return OutputJSON(op, r.Body, out)
	case Query:
		n, err := parseXML(r.Body)
		if err != nil {
			return err
		}
		wrapper := op.ResultWrapper
		if wrapper == "" {
			wrapper = op.Name + "Result"
		}
		k := n.first(wrapper)
		if k == nil {
			return nil
		}
		d := xmlDecoder{schema: s, path: at}
		return d.value(sh, v, k)
	}
	o := openObject(sh, v)
	for i := range sh.Members {
		if m := &sh.Members[i]; m.Location == InStatus {
			slot := o.slot(i)
			if err := setScalar(&s.Shapes[m.Shape], slot, strconv.Itoa(r.Status)); err != nil {
				return err
			}
		}
	}
	if err := bindHeaders(s, r.Header, &o); err != nil {
		return err
	}
	if sh.Payload >= 0 {
		return bindPayload(op, p, &Request{Body: r.Body, Header: r.Header}, &o, &at)
	}
	if len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	if p == RESTJSON {
		d := jsonDecoder{scanner: scanner{data: r.Body}, schema: s, depth: 1}
		if !d.take('{') {
			return errMalformed
		}
		return d.fields(&o)
	}
	n, err := parseXML(r.Body)
	if err != nil {
		return err
	}
	d := xmlDecoder{schema: s, path: at}
	if op.Has(RootIsMember) && len(sh.Members) > 0 {
		return setScalar(&s.Shapes[sh.Members[0].Shape], o.slot(0), string(n.text))
	}
	return d.fields(&o, n)
}

// DecodeErrorAnswer reads an error answer.
func DecodeErrorAnswer(p Protocol, status int, h http.Header, body []byte) *Error {
	switch p {
	case JSON10, JSON11:
		return ErrorJSON(status, body)
	case RESTJSON:
		e := ErrorJSON(status, body)
		if t := h.Get("X-Amzn-Errortype"); t != "" {
			t, _, _ = strings.Cut(t, ":")
			e.Code = t[strings.LastIndexByte(t, '#')+1:]
		}
		return e
	}
	e := &Error{Status: status, Code: "UnknownError", Message: strings.TrimSpace(string(body)), Server: status >= 500}
	n, err := parseXML(body)
	if err != nil {
		if status == http.StatusNotFound && len(body) == 0 {
			e.Code = "NotFound"
		}
		return e
	}
	if k := n.first("Error"); k != nil {
		n = k
	}
	if c := n.first("Code"); c != nil {
		e.Code, e.Message = string(c.text), ""
		if m := n.first("Message"); m != nil {
			e.Message = string(m.text)
		}
	}
	return e
}
