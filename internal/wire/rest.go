package wire

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"reflect"
	"sort"
	"strings"
)

// decodeREST reads labels, query, headers and body into the input.
func decodeREST(m *Model, op *Op, p Protocol, req *Request, labels []Label, v reflect.Value) error {
	s := m.Shape(op.Input)
	var query url.Values
	payload := -1
	for i := range s.Members {
		mb := &s.Members[i]
		ms := m.Shape(mb.Shape)
		f := v.Field(i)
		if mb.Payload {
			payload = i
			continue
		}
		switch mb.Location {
		case InURI:
			for _, l := range labels {
				if l.Name == mb.WireName() {
					if err := setText(ms, l.Value, f, firstTime(mb.Time, ms.Time, TimeISO8601)); err != nil {
						return err
					}
				}
			}
		case InQuery:
			if query == nil {
				var err error
				if query, err = parseRawQuery(req.RawQuery); err != nil {
					return err
				}
			}
			if err := setQuery(m, mb, ms, query, s, f); err != nil {
				return err
			}
		case InHeader:
			vals := req.Header[http.CanonicalHeaderKey(mb.WireName())]
			if len(vals) == 0 {
				continue
			}
			if err := setHeader(m, mb, ms, vals, f); err != nil {
				return err
			}
		case InHeaders:
			prefix := strings.ToLower(mb.WireName())
			var mp reflect.Value
			for k, vals := range req.Header {
				if lk := strings.ToLower(k); strings.HasPrefix(lk, prefix) && len(vals) > 0 {
					if !mp.IsValid() {
						mp = reflect.MakeMap(f.Type())
					}
					mp.SetMapIndex(reflect.ValueOf(lk[len(prefix):]), reflect.ValueOf(strings.Join(vals, ",")))
				}
			}
			if mp.IsValid() {
				f.Set(mp)
			}
		}
	}
	if payload >= 0 {
		mb := &s.Members[payload]
		ms := m.Shape(mb.Shape)
		f := v.Field(payload)
		switch ms.Kind {
		case KindStream:
			f.Set(reflect.ValueOf(&Stream{ReadCloser: req.Stream, Size: req.Size}))
		case KindBlob:
			f.SetBytes(req.Body)
		case KindString:
			if len(req.Body) > 0 {
				place(f).SetString(string(req.Body))
			}
		case KindStructure, KindDocument:
			if len(req.Body) == 0 {
				return nil
			}
			if p == RESTXML {
				return decodeXML(m, mb.Shape, req.Body, f)
			}
			return decodeJSON(m, mb.Shape, req.Body, place(f))
		case KindList:
			if len(req.Body) > 0 && p == RESTXML {
				return decodeXML(m, mb.Shape, req.Body, f)
			}
		}
		return nil
	}
	if len(req.Body) == 0 || !hasBody(s) {
		return nil
	}
	if p == RESTXML {
		return decodeXML(m, op.Input, req.Body, v)
	}
	return decodeJSON(m, op.Input, req.Body, v)
}

func hasBody(s *Shape) bool {
	for i := range s.Members {
		if s.Members[i].Location == InBody {
			return true
		}
	}
	return false
}

// parseRawQuery reads a query string; a semicolon is an ordinary character.
func parseRawQuery(raw string) (url.Values, error) {
	out := url.Values{}
	n := 0
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		if n++; n > paramsMax {
			return nil, &Malformed{Message: "too many parameters"}
		}
		k, v, _ := strings.Cut(pair, "=")
		k, err := url.QueryUnescape(k)
		if err == nil {
			v, err = url.QueryUnescape(v)
		}
		if err != nil {
			return nil, &Malformed{Message: "a query parameter is not well encoded"}
		}
		out[k] = append(out[k], v)
	}
	return out, nil
}

func setQuery(m *Model, mb *Member, ms *Shape, query url.Values, s *Shape, f reflect.Value) error {
	vals, ok := query[mb.WireName()]
	switch ms.Kind {
	case KindMap: // every parameter that no other member takes
		mp := reflect.MakeMap(f.Type())
		for k, vs := range query {
			if taken(s, k) {
				continue
			}
			if m.Shape(ms.Elem).Kind == KindList {
				mp.SetMapIndex(reflect.ValueOf(k), reflect.ValueOf(vs))
			} else {
				mp.SetMapIndex(reflect.ValueOf(k), reflect.ValueOf(vs[0]))
			}
		}
		f.Set(mp)
		return nil
	case KindList:
		if !ok {
			return nil
		}
		es := m.Shape(ms.Elem)
		l := reflect.MakeSlice(f.Type(), 0, len(vals))
		for _, x := range vals {
			e := reflect.New(f.Type().Elem()).Elem()
			if err := setText(es, x, e, firstTime(es.Time, TimeISO8601)); err != nil {
				return err
			}
			l = reflect.Append(l, e)
		}
		f.Set(l)
		return nil
	}
	if !ok {
		return nil
	}
	return setText(ms, vals[0], f, firstTime(mb.Time, ms.Time, TimeISO8601))
}

func taken(s *Shape, name string) bool {
	for i := range s.Members {
		if s.Members[i].Location == InQuery && s.Members[i].WireName() == name {
			return true
		}
	}
	return false
}

func setHeader(m *Model, mb *Member, ms *Shape, vals []string, f reflect.Value) error {
	text := strings.Join(vals, ",")
	if ms.Kind == KindList {
		es := m.Shape(ms.Elem)
		l := reflect.MakeSlice(f.Type(), 0, 4)
		for _, x := range splitHeader(text) {
			e := reflect.New(f.Type().Elem()).Elem()
			if err := setText(es, x, e, firstTime(es.Time, TimeRFC822)); err != nil {
				return err
			}
			l = reflect.Append(l, e)
		}
		f.Set(l)
		return nil
	}
	if ms.JSONValue || mb.JSONValue {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return &Malformed{Message: "header " + mb.WireName() + " is not base64"}
		}
		place(f).SetString(string(b))
		return nil
	}
	return setText(ms, text, f, firstTime(mb.Time, ms.Time, TimeRFC822))
}

// splitHeader splits at commas outside quotes.
func splitHeader(s string) []string {
	var out []string
	for s != "" {
		s = strings.TrimLeft(s, " \t")
		if strings.HasPrefix(s, `"`) {
			var b strings.Builder
			i := 1
			for ; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				b.WriteByte(s[i])
			}
			out = append(out, b.String())
			if i < len(s) {
				i++
			}
			s = s[i:]
			_, s, _ = strings.Cut(s, ",")
			continue
		}
		var x string
		x, s, _ = strings.Cut(s, ",")
		out = append(out, strings.TrimSpace(x))
	}
	return out
}

// encodeREST writes headers, status and body of an output.
func encodeREST(m *Model, op *Op, p Protocol, v reflect.Value, has bool, r *Response) {
	ctype := "application/json"
	if p == RESTXML {
		ctype = "application/xml"
	}
	if !has {
		if p == RESTJSON && op.Output >= 0 && hasBody(m.Shape(op.Output)) {
			r.Header.Set("Content-Type", ctype)
			r.Body = []byte("{}")
		}
		return
	}
	s := m.Shape(op.Output)
	payload := -1
	for i := range s.Members {
		mb := &s.Members[i]
		if mb.Payload {
			payload = i
			continue
		}
		f := v.Field(i)
		if absent(f) {
			continue
		}
		ms := m.Shape(mb.Shape)
		switch mb.Location {
		case InStatus:
			r.Status = int(f.Elem().Int())
		case InHeader:
			if t, ok := headerText(m, mb, ms, f); ok {
				r.Header[http.CanonicalHeaderKey(mb.WireName())] = []string{cleanHeader(t)}
			}
		case InHeaders:
			for _, k := range sortedKeys(f) {
				r.Header[http.CanonicalHeaderKey(mb.WireName()+k.String())] = []string{cleanHeader(f.MapIndex(k).String())}
			}
		}
	}
	if payload >= 0 {
		mb := &s.Members[payload]
		ms := m.Shape(mb.Shape)
		f := v.Field(payload)
		if absent(f) {
			if ms.Kind == KindStructure && p == RESTJSON {
				r.Header.Set("Content-Type", ctype)
				r.Body = []byte("{}")
			}
			return
		}
		switch ms.Kind {
		case KindStream:
			st := f.Interface().(*Stream)
			r.Stream, r.Size = st.ReadCloser, st.Size
			if r.Header.Get("Content-Type") == "" {
				r.Header.Set("Content-Type", "application/octet-stream")
			}
		case KindEvents:
			r.Events = &EventWriter{m: m, shape: mb.Shape, events: f.Interface().(*Events)}
			r.Header.Set("Content-Type", "application/vnd.amazon.eventstream")
		case KindBlob:
			r.Body = f.Bytes()
			if r.Header.Get("Content-Type") == "" {
				r.Header.Set("Content-Type", "application/octet-stream")
			}
		case KindString:
			r.Body = []byte(f.Elem().String())
			if r.Header.Get("Content-Type") == "" {
				r.Header.Set("Content-Type", "text/plain")
			}
		default:
			r.Header.Set("Content-Type", ctype)
			if p == RESTXML {
				b := []byte(xml.Header)
				r.Body = appendXML(b, m, mb.Shape, or(mb.Wire, ms.Name), payloadNS(m, mb, ms), f, TimeDefault)
			} else {
				r.Body = appendJSON(nil, m, mb.Shape, f, TimeDefault)
			}
		}
		return
	}
	if !hasBody(s) {
		return
	}
	r.Header.Set("Content-Type", ctype)
	if p == RESTJSON {
		r.Body = appendJSON(make([]byte, 0, 512), m, op.Output, v, TimeDefault)
		return
	}
	b := make([]byte, 0, 512)
	b = append(b, xml.Header...)
	ns := ""
	if m.Namespace != "" {
		ns = namespace("", m.Namespace)
	}
	name := op.Name + "Result"
	if op.ResultName != "" {
		name = op.ResultName
	}
	b = open(b, name, ns)
	b = appendXMLMembers(b, m, s, v)
	r.Body = closing(b, name)
}

func payloadNS(m *Model, mb *Member, ms *Shape) string {
	if mb.XMLNS != "" {
		return namespace(mb.XMLPrefix, mb.XMLNS)
	}
	if ms.XMLNS == "" && m.Namespace != "" {
		return namespace("", m.Namespace)
	}
	return ""
}

// cleanHeader takes out what would end a header line.
func cleanHeader(s string) string {
	if strings.ContainsAny(s, "\r\n\x00") {
		return strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(s)
	}
	return s
}

func headerText(m *Model, mb *Member, ms *Shape, f reflect.Value) (string, bool) {
	if ms.JSONValue || mb.JSONValue {
		return base64.StdEncoding.EncodeToString([]byte(f.Elem().String())), true
	}
	if ms.Kind == KindList {
		es := m.Shape(ms.Elem)
		var parts []string
		for i := range f.Len() {
			t := textOf(es, f.Index(i), firstTime(es.Time, TimeRFC822))
			if strings.ContainsAny(t, `,"`) && es.Kind == KindString {
				t = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t) + `"`
			}
			parts = append(parts, t)
		}
		return strings.Join(parts, ", "), len(parts) > 0
	}
	return textOf(ms, f, firstTime(mb.Time, ms.Time, TimeRFC822)), true
}

// Label is a value taken from a path.
type Label struct{ Name, Value string }

// Router finds the operation of a REST model by method, path and query.
type Router struct {
	m      *Model
	routes map[string][]route // by method
}

type route struct {
	op       *Op
	segments []segment
	query    [][2]string // literals: name, value; the value may be empty
	needs    []string    // query parameters that must be there
	headers  []string    // headers that must be there
	weight   int
}

type segment struct {
	text   string
	label  bool
	greedy bool
}

// NewRouter makes the router of a REST model.
func NewRouter(m *Model) *Router {
	r := &Router{m: m, routes: map[string][]route{}}
	for i := range m.Ops {
		op := &m.Ops[i]
		path, query, _ := strings.Cut(op.Path, "?")
		rt := route{op: op}
		for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			if part == "" {
				continue
			}
			s := segment{text: part}
			if strings.HasPrefix(part, "{") {
				s.label = true
				s.text = strings.Trim(part, "{}")
				if strings.HasSuffix(s.text, "+") {
					s.greedy = true
					s.text = strings.TrimSuffix(s.text, "+")
				}
			} else {
				rt.weight += 100
			}
			rt.segments = append(rt.segments, s)
		}
		for pair := range strings.SplitSeq(query, "&") {
			if pair == "" {
				continue
			}
			k, v, _ := strings.Cut(pair, "=")
			rt.query = append(rt.query, [2]string{k, v})
			rt.weight += 10
		}
		if m.Package == "s3" && op.Input >= 0 {
			s := m.Shape(op.Input)
			for j := range s.Members {
				mb := &s.Members[j]
				if !mb.Required {
					continue
				}
				if mb.Location == InQuery {
					rt.needs = append(rt.needs, mb.WireName())
					rt.weight += 10
				}
				if mb.Location == InHeader && mb.WireName() == "x-amz-copy-source" {
					rt.headers = append(rt.headers, http.CanonicalHeaderKey(mb.WireName()))
					rt.weight++
				}
			}
		}
		r.routes[op.Method] = append(r.routes[op.Method], rt)
	}
	for k := range r.routes {
		sort.SliceStable(r.routes[k], func(i, j int) bool { return r.routes[k][i].weight > r.routes[k][j].weight })
	}
	return r
}

// Find gives the operation and the labels of its path. path is as sent, escaped; no byte of it is cleaned.
func (r *Router) Find(method, path, rawQuery string, header http.Header) (*Op, []Label) {
	s3 := r.m.Package == "s3"
	trimmed := strings.TrimPrefix(path, "/")
	if !s3 {
		trimmed = strings.TrimSuffix(trimmed, "/")
	}
	var query url.Values
	routes := r.routes[method]
	if routes == nil && method == http.MethodHead {
		routes = r.routes[http.MethodGet]
	}
	for i := range routes {
		rt := &routes[i]
		labels, ok := rt.match(trimmed)
		if !ok {
			continue
		}
		if len(rt.query)+len(rt.needs) > 0 {
			if query == nil {
				var err error
				if query, err = parseRawQuery(rawQuery); err != nil {
					return nil, nil
				}
			}
			if !rt.matchQuery(query) {
				continue
			}
		}
		for _, h := range rt.headers {
			if len(header[h]) == 0 {
				ok = false
			}
		}
		if ok {
			return rt.op, labels
		}
	}
	return nil, nil
}

func (rt *route) matchQuery(q url.Values) bool {
	for _, kv := range rt.query {
		v, ok := q[kv[0]]
		if !ok || kv[1] != "" && (len(v) == 0 || v[0] != kv[1]) {
			return false
		}
	}
	for _, n := range rt.needs {
		if _, ok := q[n]; !ok {
			return false
		}
	}
	return true
}

func (rt *route) match(path string) ([]Label, bool) {
	var labels []Label
	rest := path
	for i, s := range rt.segments {
		if rest == "" && (i > 0 || s.label) {
			return nil, false
		}
		if s.greedy {
			// What follows a greedy label is literal and stands at the end.
			tail := rt.segments[i+1:]
			for j := len(tail) - 1; j >= 0; j-- {
				k := strings.LastIndexByte(rest, '/')
				if k < 0 || tail[j].label || rest[k+1:] != tail[j].text {
					return nil, false
				}
				rest = rest[:k]
			}
			if rest == "" {
				return nil, false
			}
			v, err := url.PathUnescape(rest)
			if err != nil {
				return nil, false
			}
			return append(labels, Label{s.text, v}), true
		}
		var part string
		var more bool
		part, rest, more = strings.Cut(rest, "/")
		if !s.label {
			if part != s.text {
				return nil, false
			}
		} else {
			if part == "" {
				return nil, false
			}
			v, err := url.PathUnescape(part)
			if err != nil {
				return nil, false
			}
			labels = append(labels, Label{s.text, v})
		}
		if i == len(rt.segments)-1 && more && rest != "" {
			return nil, false
		}
	}
	if len(rt.segments) == 0 && rest != "" {
		return nil, false
	}
	return labels, true
}
