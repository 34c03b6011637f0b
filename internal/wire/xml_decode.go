package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
)

// xmlNode is one element with its attributes, text and children.
type xmlNode struct {
	name  string // without prefix
	attrs []xml.Attr
	text  []byte
	kids  []*xmlNode
}

var errXML = serialization("The XML you provided was not well-formed or did not validate against our published schema")

// parseXML reads a document. Document types are refused: with them, every entity but XML's own five.
func parseXML(data []byte) (*xmlNode, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(label) {
		case "utf-8", "us-ascii", "utf8":
			return in, nil
		}
		return nil, errXML
	}
	var stack []*xmlNode
	var names []xml.Name
	var root *xmlNode
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errXML
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(stack) >= DepthMax || root != nil && len(stack) == 0 {
				return nil, errXML
			}
			n := &xmlNode{name: t.Name.Local, attrs: t.Attr}
			if len(stack) == 0 {
				root = n
			} else {
				up := stack[len(stack)-1]
				up.kids = append(up.kids, n)
			}
			stack, names = append(stack, n), append(names, t.Name)
		case xml.EndElement:
			if len(stack) == 0 || names[len(names)-1] != t.Name {
				return nil, errXML
			}
			stack, names = stack[:len(stack)-1], names[:len(names)-1]
		case xml.CharData:
			if len(stack) > 0 {
				n := stack[len(stack)-1]
				n.text = append(n.text, t...)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errXML
			}
		case xml.Directive:
			return nil, errXML
		}
	}
	if root == nil || len(stack) > 0 {
		return nil, errXML
	}
	return root, nil
}

// xmlDecoder fills values from elements under a schema.
type xmlDecoder struct {
	schema *Schema
	path   path
}

// fields fills a structure's body members from an element.
func (d *xmlDecoder) fields(o *object, n *xmlNode) error {
	for i := range o.sh.Members {
		m := &o.sh.Members[i]
		if m.Location != InBody {
			continue
		}
		ms := &d.schema.Shapes[m.Shape]
		key := m.Key()
		if m.Flags&XMLAttribute != 0 {
			for _, a := range n.attrs {
				name := a.Name.Local
				if a.Name.Space != "" {
					name = a.Name.Space + ":" + name
				}
				if name == key || a.Name.Local == key {
					s := o.slot(i)
					if err := setScalar(ms, s, a.Value); err != nil {
						return err
					}
					o.done(i, s)
					break
				}
			}
			continue
		}
		if flattened(ms, m) && (ms.Kind == KindList || ms.Kind == KindMap) {
			if ms.Kind == KindList {
				if w := ms.Members[0].WireName; w != "" && n.first(key) == nil {
					key = w
				}
			}
			if n.first(key) == nil {
				continue
			}
			s := o.slot(i)
			d.path.push(m)
			if err := d.flat(ms, s, n, key); err != nil {
				return err
			}
			d.path.pop()
			o.done(i, s)
			continue
		}
		k := n.first(key)
		if k == nil {
			continue
		}
		s := o.slot(i)
		d.path.push(m)
		if err := d.value(ms, s, k); err != nil {
			return err
		}
		d.path.pop()
		o.done(i, s)
	}
	return nil
}

func (n *xmlNode) first(name string) *xmlNode {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

func (d *xmlDecoder) value(sh *Shape, v reflect.Value, n *xmlNode) error {
	switch sh.Kind {
	case KindStructure:
		t := concrete(sh, v)
		o := openObject(sh, t)
		if err := d.fields(&o, n); err != nil {
			return err
		}
		o.missing(&d.path)
		settle(v, t)
		return nil
	case KindList:
		name := sh.Members[0].WireName
		if name == "" {
			name = "member"
		}
		return d.flat(sh, v, n, name)
	case KindMap:
		return d.flat(sh, v, n, "entry")
	}
	s := string(n.text)
	if sh.Kind != KindString {
		s = strings.TrimSpace(s)
	}
	return setScalar(sh, v, s)
}

// flat fills a list or map from those children of n that have a name.
func (d *xmlDecoder) flat(sh *Shape, v reflect.Value, n *xmlNode, name string) error {
	t := concrete(sh, v)
	if sh.Kind == KindList {
		count := 0
		for _, k := range n.kids {
			if k.name == name {
				count++
			}
		}
		t.Set(reflect.MakeSlice(t.Type(), count, count))
		es := &d.schema.Shapes[sh.Members[0].Shape]
		i := 0
		for _, k := range n.kids {
			if k.name != name {
				continue
			}
			d.path.pushIndex(i)
			if err := d.value(es, t.Index(i), k); err != nil {
				return err
			}
			d.path.pop()
			i++
		}
		settle(v, t)
		return nil
	}
	kn, vn := mapNames(sh)
	es := &d.schema.Shapes[sh.Members[1].Shape]
	t.Set(reflect.MakeMap(t.Type()))
	for _, e := range n.kids {
		if e.name != name {
			continue
		}
		k := e.first(kn)
		if k == nil {
			return errXML
		}
		s := reflect.New(t.Type().Elem()).Elem()
		if x := e.first(vn); x != nil {
			d.path.pushKey(string(k.text))
			if err := d.value(es, s, x); err != nil {
				return err
			}
			d.path.pop()
		}
		t.SetMapIndex(reflect.ValueOf(string(k.text)), s)
	}
	settle(v, t)
	return nil
}
