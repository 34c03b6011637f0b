package sam

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pyType is the name of the Python type that the reference would hold.
func pyType(v any) string {
	switch t := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64, json.Number:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case ustr:
		return "Py27UniStr"
	case []any:
		return "list"
	case *Map:
		if t.py != nil {
			return "Py27Dict"
		}
		return "dict"
	}
	return fmt.Sprintf("%T", v)
}

// pyStr is Python's str of a value.
func pyStr(v any) string {
	if s, ok := str(v); ok {
		return s
	}
	return pyRepr(v)
}

// pyRepr is Python's repr of a value.
func pyRepr(v any) string {
	var b strings.Builder
	writeRepr(&b, v)
	return b.String()
}

func writeRepr(b *strings.Builder, v any) {
	switch t := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if t {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case int64:
		b.WriteString(strconv.FormatInt(t, 10))
	case json.Number:
		b.WriteString(string(t))
	case float64:
		b.WriteString(pyFloat(t))
	case string:
		reprString(b, t, false)
	case ustr:
		reprString(b, string(t), true)
	case []any:
		b.WriteByte('[')
		for i, x := range t {
			if i > 0 {
				b.WriteString(", ")
			}
			writeRepr(b, x)
		}
		b.WriteByte(']')
	case *Map:
		b.WriteByte('{')
		first := true
		for e := range t.entries() {
			if !first {
				b.WriteString(", ")
			}
			first = false
			reprString(b, e.key, e.uni)
			b.WriteString(": ")
			writeRepr(b, e.val)
		}
		b.WriteByte('}')
	default:
		fmt.Fprintf(b, "%v", v)
	}
}

func reprString(b *strings.Builder, s string, uni bool) {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	if uni {
		b.WriteByte('u')
	}
	b.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == rune(quote):
			b.WriteByte('\\')
			b.WriteByte(quote)
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x7f || !uni && unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
	b.WriteByte(quote)
}

// pyFloat is Python's shortest text of a float.
func pyFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// jsonText writes JSON as Python's json.dumps does. The zero value writes compact text.
type jsonText struct {
	strings.Builder
	sorted       bool
	comma, colon string // ", " and ": " by default in Python
	indent       int
	depth        int
}

// pyJSON is json.dumps without arguments.
func pyJSON(v any) string {
	j := jsonText{comma: ", ", colon: ": "}
	j.value(v)
	return j.String()
}

// sortedJSON is json.dumps with sorted keys and no spaces.
func sortedJSON(v any) string {
	j := jsonText{sorted: true}
	j.value(v)
	return j.String()
}

// indentedJSON is json.dumps with sorted keys, four spaces and a space after colons.
func indentedJSON(v any) string {
	j := jsonText{sorted: true, indent: 4, colon: ": "}
	j.value(v)
	return j.String()
}

func (j *jsonText) line() {
	if j.indent > 0 {
		j.WriteByte('\n')
		j.WriteString(strings.Repeat(" ", j.indent*j.depth))
	}
}

func (j *jsonText) separator() {
	if j.comma != "" {
		j.WriteString(j.comma)
	} else {
		j.WriteByte(',')
	}
}

func (j *jsonText) value(v any) {
	switch t := v.(type) {
	case nil:
		j.WriteString("null")
	case bool:
		j.WriteString(strconv.FormatBool(t))
	case int64:
		j.WriteString(strconv.FormatInt(t, 10))
	case json.Number:
		j.WriteString(string(t))
	case float64:
		switch s := pyFloat(t); s {
		case "inf":
			j.WriteString("1e999")
		case "-inf":
			j.WriteString("-1e999")
		case "nan":
			j.WriteString("null")
		default:
			j.WriteString(s)
		}
	case string:
		jsonString(&j.Builder, t)
	case ustr:
		jsonString(&j.Builder, string(t))
	case []any:
		if len(t) == 0 {
			j.WriteString("[]")
			return
		}
		j.WriteByte('[')
		j.depth++
		for i, x := range t {
			if i > 0 {
				j.separator()
			}
			j.line()
			j.value(x)
		}
		j.depth--
		j.line()
		j.WriteByte(']')
	case *Map:
		j.object(t)
	default:
		fmt.Fprintf(j, "%v", v)
	}
}

func (j *jsonText) object(m *Map) {
	if m.Len() == 0 {
		j.WriteString("{}")
		return
	}
	j.WriteByte('{')
	j.depth++
	n := 0
	pair := func(k string, v any) {
		if n++; n > 1 {
			j.separator()
		}
		j.line()
		jsonString(&j.Builder, k)
		if j.colon != "" {
			j.WriteString(j.colon)
		} else {
			j.WriteByte(':')
		}
		j.value(v)
	}
	if j.sorted {
		keys := m.Keys()
		sort.Strings(keys)
		for _, k := range keys {
			pair(k, m.get(k))
		}
	} else {
		for k, v := range m.All() {
			pair(k, v)
		}
	}
	j.depth--
	j.line()
	j.WriteByte('}')
}

// jsonString writes only ASCII, as Python does.
func jsonString(b *strings.Builder, s string) {
	b.WriteByte('"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		b.WriteString(s[start:i])
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == 0x7f:
			b.WriteByte(0x7f)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
		i += n
		start = i
	}
	b.WriteString(s[start:])
	b.WriteByte('"')
}
