package forged

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp/syntax"
	"sort"
	"strconv"
	"strings"
	"time"

	"virga/internal/wire"
)

// maker makes the smallest input that an operation's model lets pass: its required members, with values of the hints
// where a name is known and else made of the constraints.
type maker struct {
	schema *wire.Schema
	op     string
	hints  map[string]string // "Member", "service.Member" or "service.Operation.Member" -> value, JSON for structures
	depth  int
}

func (m *maker) hint(name string) (string, bool) {
	for _, k := range []string{m.schema.Package + "." + m.op + "." + name, m.schema.Package + "." + name, name} {
		if v, ok := m.hints[k]; ok {
			return v, true
		}
	}
	return "", false
}

func (m *maker) structure(sh *wire.Shape) map[string]any {
	out := map[string]any{}
	if m.depth++; m.depth > 12 {
		panic("forged: " + m.schema.Package + "." + m.op + " needs itself")
	}
	defer func() { m.depth-- }()
	for i := range sh.Members {
		mb := &sh.Members[i]
		ms := &m.schema.Shapes[mb.Shape]
		_, hinted := m.hints[m.schema.Package+"."+m.op+"."+mb.Name]
		if hinted && m.depth > 1 {
			hinted = false
		}
		if mb.Flags&wire.Required == 0 && !hinted && !(sh.Flags&wire.Union != 0 && i == 0) {
			continue
		}
		if m.depth == 1 || ms.Kind == wire.KindString {
			if v, ok := m.hint(mb.Name); ok {
				out[mb.Name] = m.parse(ms, v)
				continue
			}
		}
		out[mb.Name] = m.value(ms, mb.Name)
	}
	return out
}

// parse reads a hint as a value of a shape.
func (m *maker) parse(sh *wire.Shape, v string) any {
	switch sh.Kind {
	case wire.KindString:
		return v
	case wire.KindBlob:
		return []byte(v)
	case wire.KindTimestamp:
		return must(time.Parse(time.RFC3339, v))
	}
	return m.typed(sh, must(decodeJSON(v)))
}

func decodeJSON(v string) (any, error) {
	var out any
	d := json.NewDecoder(strings.NewReader(v))
	d.UseNumber()
	err := d.Decode(&out)
	return out, err
}

// typed turns JSON into the values of a shape.
func (m *maker) typed(sh *wire.Shape, v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if sh.Kind == wire.KindMap {
				x[k] = m.typed(&m.schema.Shapes[sh.Members[1].Shape], e)
				continue
			}
			for i := range sh.Members {
				if sh.Members[i].Name == k {
					x[k] = m.typed(&m.schema.Shapes[sh.Members[i].Shape], e)
				}
			}
		}
		return x
	case []any:
		for i := range x {
			x[i] = m.typed(&m.schema.Shapes[sh.Members[0].Shape], x[i])
		}
		return x
	case json.Number:
		if sh.Kind == wire.KindInteger || sh.Kind == wire.KindLong {
			return must(x.Int64())
		}
		return must(x.Float64())
	case string:
		if sh.Kind == wire.KindBlob {
			return []byte(x)
		}
	}
	return v
}

func (m *maker) value(sh *wire.Shape, name string) any {
	switch sh.Kind {
	case wire.KindStructure:
		return m.structure(sh)
	case wire.KindList:
		n := max(1, int(sh.Min))
		out := make([]any, n)
		for i := range out {
			es := &m.schema.Shapes[sh.Members[0].Shape]
			if v, ok := m.hint(es.Name); ok && es.Kind == wire.KindString {
				out[i] = v
				continue
			}
			out[i] = m.value(es, es.Name)
		}
		return out
	case wire.KindMap:
		return map[string]any{m.text(&m.schema.Shapes[sh.Members[0].Shape]): m.value(&m.schema.Shapes[sh.Members[1].Shape], "")}
	case wire.KindString:
		if v, ok := m.hint(sh.Name); ok {
			return v
		}
		return m.text(sh)
	case wire.KindInteger, wire.KindLong:
		if sh.Flags&wire.HasMin != 0 {
			return int64(sh.Min)
		}
		return int64(1)
	case wire.KindFloat, wire.KindDouble:
		return max(sh.Min, 1)
	case wire.KindBoolean:
		return true
	case wire.KindBlob:
		return []byte(strings.Repeat("a", max(1, int(sh.Min))))
	case wire.KindTimestamp:
		return time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
	case wire.KindDocument:
		return wire.Document(`{}`)
	}
	panic("forged: shape " + sh.Name)
}

// text makes a string that keeps a shape's constraints.
func (m *maker) text(sh *wire.Shape) string {
	if len(sh.Enum) > 0 {
		return sh.Enum[0]
	}
	least := max(1, int(sh.Min))
	if sh.Pattern < 0 {
		return strings.Repeat("a", least)
	}
	p := &m.schema.Patterns[sh.Pattern]
	if s := strings.Repeat("a", least); p.Match(s) {
		return s
	}
	re, err := syntax.Parse(p.Expr, syntax.Perl)
	if err != nil {
		panic(fmt.Sprintf("forged: pattern %q of %s", p.Text, sh.Name))
	}
	for extra := range 2048 {
		var b strings.Builder
		fill(&b, re, extra)
		if s := b.String(); len(s) >= least && p.Match(s) {
			return s
		}
	}
	panic(fmt.Sprintf("forged: no text for pattern %q of %s", p.Text, sh.Name))
}

// fill writes a string that a pattern matches; what may repeat is repeated extra times beyond its least.
func fill(b *strings.Builder, re *syntax.Regexp, extra int) {
	repeat := func(least, most int) {
		n := least + extra
		if most >= 0 && n > most {
			n = most
		}
		for range n {
			fill(b, re.Sub[0], 0)
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		best := re.Rune[0]
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for _, c := range "a1A" {
				if re.Rune[i] <= c && c <= re.Rune[i+1] {
					best = c
				}
			}
		}
		b.WriteRune(best)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture:
		fill(b, re.Sub[0], extra)
	case syntax.OpConcat:
		for _, s := range re.Sub {
			fill(b, s, extra)
		}
	case syntax.OpAlternate:
		fill(b, re.Sub[0], extra)
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(re.Min, re.Max)
	}
}

// shot is a request before it is signed.
type shot struct {
	method, path, query, host string
	header                    http.Header
	body                      []byte
}

func (s *shot) clone() *shot {
	c := *s
	c.header = s.header.Clone()
	c.body = append([]byte{}, s.body...)
	return &c
}

// encode writes an input as a client of a protocol does.
func encode(op *wire.Op, p wire.Protocol, in map[string]any) *shot {
	s := &shot{method: "POST", path: "/", host: "localhost", header: http.Header{}}
	e := encoder{op.Schema}
	switch p {
	case wire.JSON10, wire.JSON11:
		s.header.Set("Content-Type", map[wire.Protocol]string{wire.JSON10: "application/x-amz-json-1.0", wire.JSON11: "application/x-amz-json-1.1"}[p])
		s.header.Set("X-Amz-Target", op.Schema.TargetPrefix+"."+op.Name)
		s.body = []byte("{}")
		if op.Input >= 0 {
			s.body = must(json.Marshal(e.json(&op.Schema.Shapes[op.Input], nil, in)))
		}
	case wire.Query:
		s.header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		v := url.Values{"Action": {op.Name}, "Version": {op.Schema.APIVersion}}
		if op.Input >= 0 {
			e.form(v, "", &op.Schema.Shapes[op.Input], nil, in)
		}
		s.body = []byte(v.Encode())
	case wire.RESTJSON, wire.RESTXML:
		e.rest(op, p, s, in)
	default:
		return nil
	}
	return s
}

type encoder struct{ schema *wire.Schema }

func (e encoder) of(m *wire.Member) *wire.Shape { return &e.schema.Shapes[m.Shape] }

func (e encoder) json(sh *wire.Shape, m *wire.Member, v any) any {
	switch sh.Kind {
	case wire.KindStructure:
		out := map[string]any{}
		for i := range sh.Members {
			mb := &sh.Members[i]
			if x, ok := v.(map[string]any)[mb.Name]; ok {
				out[mb.Key()] = e.json(e.of(mb), mb, x)
			}
		}
		return out
	case wire.KindList:
		out := []any{}
		for _, x := range v.([]any) {
			out = append(out, e.json(e.of(&sh.Members[0]), nil, x))
		}
		return out
	case wire.KindMap:
		out := map[string]any{}
		for k, x := range v.(map[string]any) {
			out[k] = e.json(e.of(&sh.Members[1]), nil, x)
		}
		return out
	case wire.KindBlob:
		return base64.StdEncoding.EncodeToString(v.([]byte))
	case wire.KindTimestamp:
		return v.(time.Time).Unix()
	case wire.KindDocument:
		return json.RawMessage(v.(wire.Document))
	}
	return v
}

func (e encoder) scalar(sh *wire.Shape, v any) string {
	switch x := v.(type) {
	case string:
		return x
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	case time.Time:
		return x.Format("2006-01-02T15:04:05Z")
	}
	return fmt.Sprint(v)
}

func flat(sh *wire.Shape, m *wire.Member) bool {
	return sh.Flags&wire.Flattened != 0 || m != nil && m.Flags&wire.MemberFlattened != 0
}

func queryKey(m *wire.Member, other string) string {
	switch {
	case m.QueryName != "":
		return m.QueryName
	case m.WireName != "":
		return m.WireName
	case other != "":
		return other
	}
	return m.Name
}

func (e encoder) form(out url.Values, at string, sh *wire.Shape, m *wire.Member, v any) {
	switch sh.Kind {
	case wire.KindStructure:
		for i := range sh.Members {
			mb := &sh.Members[i]
			x, ok := v.(map[string]any)[mb.Name]
			if !ok {
				continue
			}
			name := queryKey(mb, "")
			ms := e.of(mb)
			if ms.Kind == wire.KindList && flat(ms, mb) {
				name = queryKey(&ms.Members[0], name)
			}
			if at != "" {
				name = at + "." + name
			}
			e.form(out, name, ms, mb, x)
		}
	case wire.KindList:
		if !flat(sh, m) {
			at += "." + queryKey(&sh.Members[0], "member")
		}
		for i, x := range v.([]any) {
			e.form(out, at+"."+strconv.Itoa(i+1), e.of(&sh.Members[0]), nil, x)
		}
	case wire.KindMap:
		if !flat(sh, m) {
			at += ".entry"
		}
		keys := make([]string, 0)
		for k := range v.(map[string]any) {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for i, k := range keys {
			n := at + "." + strconv.Itoa(i+1) + "."
			out.Set(n+queryKey(&sh.Members[0], "key"), k)
			e.form(out, n+queryKey(&sh.Members[1], "value"), e.of(&sh.Members[1]), nil, v.(map[string]any)[k])
		}
	default:
		out.Set(at, e.scalar(sh, v))
	}
}

func (e encoder) rest(op *wire.Op, p wire.Protocol, s *shot, in map[string]any) {
	s.method = op.Method
	path, query, _ := strings.Cut(op.Path, "?")
	var q []string
	if query != "" {
		q = append(q, query)
	}
	s.path = path
	if op.Input < 0 {
		s.query = query
		return
	}
	sh := &e.schema.Shapes[op.Input]
	body := map[string]any{}
	for i := range sh.Members {
		m := &sh.Members[i]
		v, ok := in[m.Name]
		if !ok {
			continue
		}
		ms := e.of(m)
		switch m.Location {
		case wire.InURI:
			esc := url.PathEscape(e.scalar(ms, v))
			s.path = strings.NewReplacer("{"+m.Key()+"}", esc, "{"+m.Key()+"+}", esc).Replace(s.path)
		case wire.InQuery:
			switch ms.Kind {
			case wire.KindList:
				for _, x := range v.([]any) {
					q = append(q, url.QueryEscape(m.Key())+"="+url.QueryEscape(e.scalar(e.of(&ms.Members[0]), x)))
				}
			case wire.KindMap:
				for k, x := range v.(map[string]any) {
					q = append(q, url.QueryEscape(k)+"="+url.QueryEscape(fmt.Sprint(x)))
				}
			default:
				q = append(q, url.QueryEscape(m.Key())+"="+url.QueryEscape(e.scalar(ms, v)))
			}
		case wire.InHeader:
			if ms.Kind == wire.KindList {
				var l []string
				for _, x := range v.([]any) {
					l = append(l, e.scalar(e.of(&ms.Members[0]), x))
				}
				s.header.Set(m.Key(), strings.Join(l, ","))
				continue
			}
			if t, ok := v.(time.Time); ok {
				s.header.Set(m.Key(), t.Format(http.TimeFormat))
				continue
			}
			s.header.Set(m.Key(), e.scalar(ms, v))
		case wire.InHeaders:
			for k, x := range v.(map[string]any) {
				s.header.Set(m.WireName+k, fmt.Sprint(x))
			}
		default:
			body[m.Name] = v
		}
	}
	s.query = strings.Join(q, "&")
	switch {
	case sh.Payload >= 0:
		m := &sh.Members[sh.Payload]
		v, ok := body[m.Name]
		ms := e.of(m)
		switch {
		case !ok:
		case ms.Kind == wire.KindBlob:
			s.body = v.([]byte)
		case ms.Kind == wire.KindString:
			s.body = []byte(v.(string))
		case p == wire.RESTJSON:
			s.body = must(json.Marshal(e.json(ms, m, v)))
		default:
			var b strings.Builder
			e.xml(&b, m.Key(), ms, m, v)
			s.body = []byte(b.String())
		}
		if p == wire.RESTXML && op.Has(wire.ChecksumRequired) {
			s.header.Set("Content-MD5", md5Of(s.body))
		}
	case len(body) > 0 && p == wire.RESTJSON:
		s.header.Set("Content-Type", "application/json")
		s.body = must(json.Marshal(e.json(sh, nil, body)))
	case len(body) > 0:
		var b strings.Builder
		e.xml(&b, op.InputRoot, sh, nil, body)
		s.body = []byte(b.String())
	}
}

func (e encoder) xml(b *strings.Builder, name string, sh *wire.Shape, m *wire.Member, v any) {
	switch sh.Kind {
	case wire.KindList:
		el := &sh.Members[0]
		if flat(sh, m) {
			if el.WireName != "" && (m == nil || m.WireName == "") {
				name = el.WireName
			}
			for _, x := range v.([]any) {
				e.xml(b, name, e.of(el), nil, x)
			}
			return
		}
		inner := el.WireName
		if inner == "" {
			inner = "member"
		}
		fmt.Fprintf(b, "<%s>", name)
		for _, x := range v.([]any) {
			e.xml(b, inner, e.of(el), nil, x)
		}
	case wire.KindStructure:
		fmt.Fprintf(b, "<%s", name)
		for i := range sh.Members {
			if mb := &sh.Members[i]; mb.Flags&wire.XMLAttribute != 0 {
				if x, ok := v.(map[string]any)[mb.Name]; ok {
					fmt.Fprintf(b, ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" %s="%s"`, mb.Key(), x)
				}
			}
		}
		b.WriteString(">")
		for i := range sh.Members {
			mb := &sh.Members[i]
			if x, ok := v.(map[string]any)[mb.Name]; ok && mb.Flags&wire.XMLAttribute == 0 && mb.Location == wire.InBody {
				e.xml(b, mb.Key(), e.of(mb), mb, x)
			}
		}
	default:
		fmt.Fprintf(b, "<%s>", name)
		xml.EscapeText(b, []byte(e.scalar(sh, v)))
	}
	fmt.Fprintf(b, "</%s>", name)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
