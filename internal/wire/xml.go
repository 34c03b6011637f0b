package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// element is an XML element read in.
type element struct {
	name     string
	text     []byte
	attrs    []xml.Attr
	children []*element
}

// parseXML reads a document; DTDs are refused, so is nesting beyond DepthMax.
func parseXML(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Entity = map[string]string{}
	var stack []*element
	var root *element
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &Malformed{Message: "The XML you provided was not well-formed or did not validate against our published schema"}
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, &Malformed{Message: "The XML you provided was not well-formed or did not validate against our published schema"}
		case xml.StartElement:
			if len(stack) >= DepthMax {
				return nil, errDepth
			}
			e := &element{name: t.Name.Local, attrs: t.Attr}
			if len(stack) > 0 {
				p := stack[len(stack)-1]
				p.children = append(p.children, e)
			} else if root != nil {
				return nil, &Malformed{Message: "The XML you provided was not well-formed or did not validate against our published schema"}
			} else {
				root = e
			}
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				e := stack[len(stack)-1]
				e.text = append(e.text, t...)
			}
		}
	}
	if root == nil || len(stack) > 0 {
		return nil, &Malformed{Message: "The XML you provided was not well-formed or did not validate against our published schema"}
	}
	return root, nil
}

func (e *element) child(name string) *element {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// decodeXML reads a document into the value of a shape.
func decodeXML(m *Model, shape int32, body []byte, v reflect.Value) error {
	e, err := parseXML(body)
	if err != nil {
		return err
	}
	return readXML(m, shape, e, v, TimeDefault)
}

func readXML(m *Model, shape int32, e *element, v reflect.Value, tf TimeFormat) error {
	s := m.Shape(shape)
	switch s.Kind {
	case KindStructure:
		st := place(v)
		for i := range s.Members {
			mb := &s.Members[i]
			if mb.Location != InBody {
				continue
			}
			ms := m.Shape(mb.Shape)
			if mb.Attribute {
				_, local, ok := strings.Cut(mb.WireName(), ":")
				if !ok {
					local = mb.WireName()
				}
				for _, a := range e.attrs {
					if a.Name.Local == local {
						if err := setText(ms, a.Value, st.Field(i), TimeISO8601); err != nil {
							return err
						}
					}
				}
				continue
			}
			flat := ms.Flat || mb.Flat
			name := mb.WireName()
			if flat && ms.Kind == KindList && ms.ElemName != "" && mb.Wire == "" {
				name = ms.ElemName
			}
			switch {
			case flat && ms.Kind == KindList:
				var items []*element
				for _, c := range e.children {
					if c.name == name {
						items = append(items, c)
					}
				}
				if items != nil {
					if err := readXMLItems(m, ms, items, st.Field(i)); err != nil {
						return err
					}
				}
			case flat && ms.Kind == KindMap:
				var items []*element
				for _, c := range e.children {
					if c.name == name {
						items = append(items, c)
					}
				}
				if items != nil {
					if err := readXMLMap(m, ms, items, st.Field(i)); err != nil {
						return err
					}
				}
			default:
				if c := e.child(name); c != nil {
					if err := readXML(m, mb.Shape, c, st.Field(i), mb.Time); err != nil {
						return err
					}
				}
			}
		}
		return nil
	case KindList:
		return readXMLItems(m, s, e.children, v)
	case KindMap:
		return readXMLMap(m, s, e.children, v)
	}
	return setText(s, string(e.text), v, firstTime(tf, s.Time, TimeISO8601))
}

func readXMLItems(m *Model, s *Shape, items []*element, v reflect.Value) error {
	l := reflect.MakeSlice(v.Type(), 0, len(items))
	for _, it := range items {
		x := reflect.New(v.Type().Elem()).Elem()
		if err := readXML(m, s.Elem, it, x, TimeDefault); err != nil {
			return err
		}
		l = reflect.Append(l, x)
	}
	v.Set(l)
	return nil
}

func readXMLMap(m *Model, s *Shape, items []*element, v reflect.Value) error {
	mp := reflect.MakeMap(v.Type())
	for _, it := range items {
		k, val := it.child(or(s.KeyName, "key")), it.child(or(s.ElemName, "value"))
		if k == nil {
			continue
		}
		x := reflect.New(v.Type().Elem()).Elem()
		if val != nil {
			if err := readXML(m, s.Elem, val, x, TimeDefault); err != nil {
				return err
			}
		}
		mp.SetMapIndex(reflect.ValueOf(string(k.text)), x)
	}
	v.Set(mp)
	return nil
}

// appendXML writes v as the element name behind b.
func appendXML(b []byte, m *Model, shape int32, name, attrs string, v reflect.Value, tf TimeFormat) []byte {
	s := m.Shape(shape)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return b
		}
		v = v.Elem()
	}
	if s.XMLNS != "" && !strings.Contains(attrs, "xmlns") {
		attrs += namespace(s.XMLPrefix, s.XMLNS)
	}
	switch s.Kind {
	case KindStructure:
		for i := range s.Members {
			mb := &s.Members[i]
			if mb.Attribute && !absent(v.Field(i)) {
				attrs += " " + mb.WireName() + `="` + string(appendText(nil, textOf(m.Shape(mb.Shape), v.Field(i), mb.Time))) + `"`
			}
		}
		b = open(b, name, attrs)
		b = appendXMLMembers(b, m, s, v)
		return closing(b, name)
	case KindList:
		b = open(b, name, attrs)
		for i := range v.Len() {
			b = appendXML(b, m, s.Elem, or(s.ElemName, "member"), "", v.Index(i), TimeDefault)
		}
		return closing(b, name)
	case KindMap:
		b = open(b, name, attrs)
		for _, k := range sortedKeys(v) {
			b = appendXMLEntry(b, m, s, "entry", k, v)
		}
		return closing(b, name)
	}
	b = open(b, name, attrs)
	b = appendText(b, textOf(s, v, tf))
	return closing(b, name)
}

func appendXMLEntry(b []byte, m *Model, s *Shape, name string, k, v reflect.Value) []byte {
	b = open(b, name, "")
	b = open(b, or(s.KeyName, "key"), "")
	b = appendText(b, k.String())
	b = closing(b, or(s.KeyName, "key"))
	b = appendXML(b, m, s.Elem, or(s.ElemName, "value"), "", v.MapIndex(k), TimeDefault)
	return closing(b, name)
}

// appendXMLMembers writes a structure's members in the body.
func appendXMLMembers(b []byte, m *Model, s *Shape, v reflect.Value) []byte {
	for i := range s.Members {
		mb := &s.Members[i]
		f := v.Field(i)
		if mb.Location != InBody || mb.Attribute || absent(f) {
			continue
		}
		ms := m.Shape(mb.Shape)
		attrs := ""
		if mb.XMLNS != "" {
			attrs = namespace(mb.XMLPrefix, mb.XMLNS)
		}
		name := or(mb.FormName, mb.WireName())
		flat := ms.Flat || mb.Flat
		switch {
		case flat && ms.Kind == KindList:
			if ms.ElemName != "" && mb.Wire == "" {
				name = ms.ElemName
			}
			for j := range f.Len() {
				b = appendXML(b, m, ms.Elem, name, attrs, f.Index(j), TimeDefault)
			}
		case flat && ms.Kind == KindMap:
			for _, k := range sortedKeys(f) {
				b = appendXMLEntry(b, m, ms, name, k, f)
			}
		default:
			b = appendXML(b, m, mb.Shape, name, attrs, f, mb.Time)
		}
	}
	return b
}

func namespace(prefix, uri string) string {
	if prefix != "" {
		return ` xmlns:` + prefix + `="` + uri + `"`
	}
	return ` xmlns="` + uri + `"`
}

func open(b []byte, name, attrs string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	b = append(b, attrs...)
	return append(b, '>')
}

func closing(b []byte, name string) []byte {
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}

// appendText writes escaped text; what XML 1.0 cannot hold becomes the replacement character.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch c {
			case '<':
				b = append(b, "&lt;"...)
			case '>':
				b = append(b, "&gt;"...)
			case '&':
				b = append(b, "&amp;"...)
			case '"':
				b = append(b, "&quot;"...)
			case '\r':
				b = append(b, "&#xD;"...)
			case '\t', '\n':
				b = append(b, c)
			default:
				if c < 0x20 {
					b = append(b, "\uFFFD"...)
				} else {
					b = append(b, c)
				}
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF {
			b = append(b, "\uFFFD"...)
		} else {
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return b
}

// textOf writes a scalar as XML, headers and queries have it.
func textOf(s *Shape, v reflect.Value, tf TimeFormat) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch s.Kind {
	case KindString:
		return v.String()
	case KindBoolean:
		return strconv.FormatBool(v.Bool())
	case KindInteger, KindLong:
		return strconv.FormatInt(v.Int(), 10)
	case KindFloat, KindDouble:
		return formatFloat(v.Float(), floatBits(s.Kind))
	case KindBlob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case KindTimestamp:
		return formatTime(v.Interface().(time.Time), firstTime(tf, s.Time, TimeISO8601))
	}
	return ""
}
