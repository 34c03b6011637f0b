package wire

import (
	"encoding/base64"
	"reflect"
	"unicode/utf8"
)

var errDepth = &Error{Code: "InternalFailure", Status: 500, Message: "The answer is nested too deeply.", Common: InternalError}

// xmlEncoder writes values as XML: the answers of the query protocols and bodies of rest-xml.
type xmlEncoder struct {
	schema *Schema
	buf    []byte
	proto  Protocol
	millis bool
	depth  int
}

func (e *xmlEncoder) name(m *Member) string {
	if e.proto == Query && m.QueryName != "" {
		return m.QueryName
	}
	return m.Key()
}

func (e *xmlEncoder) open(name, ns, prefix string, attrs func()) {
	e.buf = append(e.buf, '<')
	e.buf = append(e.buf, name...)
	if ns != "" {
		e.buf = append(e.buf, " xmlns"...)
		if prefix != "" {
			e.buf = append(e.buf, ':')
			e.buf = append(e.buf, prefix...)
		}
		e.buf = append(e.buf, '=', '"')
		e.buf = appendXMLText(e.buf, ns)
		e.buf = append(e.buf, '"')
	}
	if attrs != nil {
		attrs()
	}
	e.buf = append(e.buf, '>')
}

func (e *xmlEncoder) close(name string) {
	e.buf = append(e.buf, '<', '/')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '>')
}

// text writes a plain element.
func (e *xmlEncoder) text(name, s string) {
	e.open(name, "", "", nil)
	e.buf = appendXMLText(e.buf, s)
	e.close(name)
}

// members writes the body members of a structure.
func (e *xmlEncoder) members(sh *Shape, v reflect.Value) error {
	for i := range sh.Members {
		m := &sh.Members[i]
		if !m.Location.inAnswer() || m.Flags&XMLAttribute != 0 {
			continue
		}
		x, ok := member(sh, v, i)
		if !ok {
			continue
		}
		if err := e.element(e.name(m), m, x); err != nil {
			return err
		}
	}
	return nil
}

// element writes member m's value x under a name.
func (e *xmlEncoder) element(name string, m *Member, x reflect.Value) error {
	if e.depth++; e.depth > DepthMax {
		return errDepth
	}
	defer func() { e.depth-- }()
	sh := &e.schema.Shapes[m.Shape]
	ns, prefix := m.Namespace, m.Prefix
	if ns == "" {
		ns, prefix = sh.Namespace, sh.Prefix
	}
	switch sh.Kind {
	case KindStructure:
		e.open(name, ns, prefix, func() { e.attributes(sh, x) })
		if err := e.members(sh, x); err != nil {
			return err
		}
		e.close(name)
		return nil
	case KindList:
		el := &sh.Members[0]
		flat := flattened(sh, m)
		item := el.WireName
		if flat {
			item = name // a flattened list's elements are called what the list is
		}
		if e.proto == Query && el.QueryName != "" {
			item = el.QueryName
		}
		if item == "" {
			item = "member"
		}
		if !flat {
			e.open(name, ns, prefix, nil)
		}
		for i, n := 0, x.Len(); i < n; i++ {
			y, ok := deref(x.Index(i))
			if !ok {
				if y = emptyOf(y); !y.IsValid() {
					e.text(item, "")
					continue
				}
			}
			if err := e.element(item, el, y); err != nil {
				return err
			}
		}
		if !flat {
			e.close(name)
		}
		return nil
	case KindMap:
		flat := flattened(sh, m)
		kn, vn := mapNames(sh)
		entry := "entry"
		if flat {
			entry = name
		} else {
			e.open(name, ns, prefix, nil)
		}
		for _, k := range sortedKeys(x) {
			e.open(entry, "", "", nil)
			if err := e.element(kn, &sh.Members[0], k); err != nil {
				return err
			}
			if y, ok := deref(x.MapIndex(k)); ok {
				if err := e.element(vn, &sh.Members[1], y); err != nil {
					return err
				}
			}
			e.close(entry)
		}
		if !flat {
			e.close(name)
		}
		return nil
	}
	e.open(name, ns, prefix, nil)
	switch sh.Kind {
	case KindString:
		e.buf = appendXMLText(e.buf, stringOf(x))
	case KindBlob:
		e.buf = base64.StdEncoding.AppendEncode(e.buf, asBytes(x))
	case KindDocument:
		e.buf = appendXMLText(e.buf, string(asBytes(x)))
	default:
		e.buf = appendScalar(e.buf, sh, m, x, TimeISO8601, e.millis)
	}
	e.close(name)
	return nil
}

func (e *xmlEncoder) attributes(sh *Shape, v reflect.Value) {
	for i := range sh.Members {
		m := &sh.Members[i]
		if m.Flags&XMLAttribute == 0 {
			continue
		}
		if x, ok := member(sh, v, i); ok {
			e.buf = append(e.buf, ' ')
			e.buf = append(e.buf, m.Key()...)
			e.buf = append(e.buf, '=', '"')
			e.buf = appendXMLText(e.buf, string(appendScalar(nil, &e.schema.Shapes[m.Shape], m, x, TimeISO8601, e.millis)))
			e.buf = append(e.buf, '"')
		}
	}
}

// appendXMLText escapes text for elements and attributes. What XML 1.0 cannot hold becomes U+FFFD.
func appendXMLText(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		var rep string
		n := 1
		switch {
		case c == '&':
			rep = "&amp;"
		case c == '<':
			rep = "&lt;"
		case c == '>':
			rep = "&gt;"
		case c == '"':
			rep = "&quot;"
		case c == '\r':
			rep = "&#xD;"
		case c == '\n', c == '\t':
			i++
			continue
		case c < ' ':
			rep = "\uFFFD"
		case c >= utf8.RuneSelf:
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1, r == 0xFFFE, r == 0xFFFF:
				rep = "\uFFFD"
			case r == 0x85:
				rep = "&#x85;"
			case r == 0x2028:
				rep = "&#x2028;"
			default:
				i += n
				continue
			}
		default:
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = append(dst, rep...)
		i += n
		start = i
	}
	return append(dst, s[start:]...)
}
