package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"sort"
	"strconv"
	"unicode/utf8"
)

type jsonEncoder struct {
	schema *Schema
	buf    []byte
	depth  int
}

func (e *jsonEncoder) value(sh *Shape, m *Member, v reflect.Value) error {
	if e.depth++; e.depth > DepthMax {
		return errDepth
	}
	defer func() { e.depth-- }()
	if sh.Flags&Custom != 0 {
		if c, ok := coderOf(v); ok {
			var err error
			e.buf, err = c.AppendWire(e.buf)
			return err
		}
	}
	switch sh.Kind {
	case KindStructure:
		return e.structure(sh, v)
	case KindList:
		el := &sh.Members[0]
		es := &e.schema.Shapes[el.Shape]
		e.buf = append(e.buf, '[')
		for i, n := 0, v.Len(); i < n; i++ {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			x, ok := deref(v.Index(i))
			if !ok && es.Kind != KindList && es.Kind != KindMap && es.Kind != KindBlob {
				e.buf = append(e.buf, "null"...)
				continue
			}
			if !ok {
				x = emptyOf(x)
			}
			if !x.IsValid() {
				e.buf = append(e.buf, "null"...)
				continue
			}
			if err := e.value(es, el, x); err != nil {
				return err
			}
		}
		e.buf = append(e.buf, ']')
		return nil
	case KindMap:
		return e.mapping(sh, v)
	case KindString:
		if m != nil && m.Flags&JSONValue != 0 && v.Kind() == reflect.String {
			e.buf = appendJSONString(e.buf, v.String())
			return nil
		}
		e.buf = appendJSONString(e.buf, stringOf(v))
	case KindInteger, KindLong:
		e.buf = strconv.AppendInt(e.buf, asInt(v), 10)
	case KindFloat, KindDouble:
		e.buf = appendJSONFloat(e.buf, asFloat(v), sh.Kind)
	case KindBoolean:
		e.buf = strconv.AppendBool(e.buf, v.Bool())
	case KindBlob:
		e.buf = append(e.buf, '"')
		e.buf = base64.StdEncoding.AppendEncode(e.buf, asBytes(v))
		e.buf = append(e.buf, '"')
	case KindTimestamp:
		f := timeFormat(sh, m, TimeUnix)
		if f == TimeUnix {
			e.buf = appendUnix(e.buf, asTime(v))
			return nil
		}
		e.buf = append(e.buf, '"')
		e.buf = appendTime(e.buf, asTime(v), f, false)
		e.buf = append(e.buf, '"')
	case KindDocument:
		b := asBytes(v)
		if len(b) == 0 {
			b = []byte("null")
		}
		e.buf = append(e.buf, b...)
	}
	return nil
}

func emptyOf(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Slice:
		return reflect.MakeSlice(v.Type(), 0, 0)
	case reflect.Map:
		return reflect.MakeMap(v.Type())
	}
	return reflect.Value{}
}

func stringOf(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return v.String()
	}
	if b := asBytes(v); b != nil {
		return string(b)
	}
	return ""
}

func coderOf(v reflect.Value) (Coder, bool) {
	if v.CanAddr() {
		if c, ok := v.Addr().Interface().(Coder); ok {
			return c, true
		}
	} else if reflect.PointerTo(v.Type()).Implements(typeCoder) {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		return p.Interface().(Coder), true
	}
	return nil, false
}

func timeFormat(sh *Shape, m *Member, def TimeFormat) TimeFormat {
	if m != nil && m.Time != TimeDefault {
		return m.Time
	}
	if sh.Time != TimeDefault {
		return sh.Time
	}
	return def
}

func (e *jsonEncoder) structure(sh *Shape, v reflect.Value) error {
	e.buf = append(e.buf, '{')
	if err := e.members(sh, v, false); err != nil {
		return err
	}
	e.buf = append(e.buf, '}')
	return nil
}

// members writes the members that travel in the body, without braces.
func (e *jsonEncoder) members(sh *Shape, v reflect.Value, comma bool) error {
	for i := range sh.Members {
		m := &sh.Members[i]
		if !m.Location.inAnswer() || m.Flags&(EventHeader|EventPayload) != 0 {
			continue
		}
		x, ok := member(sh, v, i)
		if !ok {
			continue
		}
		ms := &e.schema.Shapes[m.Shape]
		if ms.Flags&EventStream != 0 {
			continue
		}
		if comma {
			e.buf = append(e.buf, ',')
		}
		comma = true
		e.buf = append(e.buf, '"')
		e.buf = append(e.buf, m.Key()...)
		e.buf = append(e.buf, '"', ':')
		if err := e.value(ms, m, x); err != nil {
			return err
		}
	}
	return nil
}

func (e *jsonEncoder) mapping(sh *Shape, v reflect.Value) error {
	el := &sh.Members[1]
	es := &e.schema.Shapes[el.Shape]
	e.buf = append(e.buf, '{')
	for i, k := range sortedKeys(v) {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = appendJSONString(e.buf, k.String())
		e.buf = append(e.buf, ':')
		x, ok := deref(v.MapIndex(k))
		if !ok {
			if x = emptyOf(x); !x.IsValid() {
				e.buf = append(e.buf, "null"...)
				continue
			}
		}
		if err := e.value(es, el, x); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

// sortedKeys gives a map's keys in order, so that answers are repeatable.
func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	if len(keys) > 1 {
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	}
	return keys
}

const hexDigits = "0123456789abcdef"

func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\uFFFD"...)
			i++
			start = i
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func floatWord(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return ""
}

func appendFloat(dst []byte, f float64, k Kind) []byte {
	if w := floatWord(f); w != "" {
		return append(dst, w...)
	}
	bits := 64
	if k == KindFloat {
		bits = 32
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	n := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	for i := n; i < len(dst); i++ {
		if dst[i] == '.' || dst[i] == 'e' {
			return dst
		}
	}
	return append(dst, '.', '0') // a double stays one: 1.0
}

func appendJSONFloat(dst []byte, f float64, k Kind) []byte {
	if w := floatWord(f); w != "" {
		dst = append(dst, '"')
		dst = append(dst, w...)
		return append(dst, '"')
	}
	return appendFloat(dst, f, k)
}
