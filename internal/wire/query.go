package wire

import (
	"encoding/base64"
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// paramsMax is how many parameters a query request may have.
const paramsMax = 20_000

// node is a parameter of a query request, split at its dots.
type node struct {
	value    string
	set      bool
	children map[string]*node
}

// parseForm reads a form into a tree.
func parseForm(form string) (*node, error) {
	root := &node{}
	count := 0
	for form != "" {
		var pair string
		pair, form, _ = strings.Cut(form, "&")
		if pair == "" {
			continue
		}
		if count++; count > paramsMax {
			return nil, &Malformed{Message: "too many parameters"}
		}
		k, v, _ := strings.Cut(pair, "=")
		k, err := url.QueryUnescape(k)
		if err == nil {
			v, err = url.QueryUnescape(v)
		}
		if err != nil {
			return nil, &Malformed{Message: "a parameter is not well encoded"}
		}
		n, depth := root, 0
		for part := range strings.SplitSeq(k, ".") {
			if depth++; depth > DepthMax {
				return nil, errDepth
			}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			c := n.children[part]
			if c == nil {
				c = &node{}
				n.children[part] = c
			}
			n = c
		}
		n.value, n.set = v, true
	}
	return root, nil
}

// decodeQuery reads a form into the struct of a structure shape.
func decodeQuery(m *Model, shape int32, form string, v reflect.Value, ec2 bool) error {
	root, err := parseForm(form)
	if err != nil {
		return err
	}
	return readQuery(m, shape, root, v, TimeDefault, ec2)
}

func (n *node) items() []*node {
	var idx []int
	for k := range n.children {
		if i, err := strconv.Atoi(k); err == nil && i >= 0 {
			idx = append(idx, i)
		}
	}
	sort.Ints(idx)
	out := make([]*node, 0, len(idx))
	for _, i := range idx {
		if c := n.children[strconv.Itoa(i)]; c != nil {
			out = append(out, c)
		}
	}
	return out
}

// queryName is the name of a member in a form.
func queryName(mb *Member, s *Shape, flat, ec2 bool) string {
	if ec2 {
		if mb.QueryName != "" {
			return mb.QueryName
		}
		n := mb.WireName()
		return strings.ToUpper(n[:1]) + n[1:]
	}
	if mb.FormName != "" {
		return mb.FormName
	}
	if flat && s.Kind == KindList && s.ElemName != "" {
		return s.ElemName
	}
	return mb.WireName()
}

func readQuery(m *Model, shape int32, n *node, v reflect.Value, tf TimeFormat, ec2 bool) error {
	s := m.Shape(shape)
	switch s.Kind {
	case KindStructure:
		st := place(v)
		for i := range s.Members {
			mb := &s.Members[i]
			ms := m.Shape(mb.Shape)
			flat := ms.Flat || mb.Flat || ec2
			c := n.children[queryName(mb, ms, flat, ec2)]
			if c == nil && flat && !ec2 {
				c = n.children[mb.WireName()]
			}
			if c == nil {
				continue
			}
			var err error
			switch ms.Kind {
			case KindList:
				err = readQueryList(m, ms, c, st.Field(i), flat, ec2)
			case KindMap:
				err = readQueryMap(m, ms, c, st.Field(i), flat, ec2)
			default:
				err = readQuery(m, mb.Shape, c, st.Field(i), mb.Time, ec2)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case KindList:
		return readQueryList(m, s, n, v, s.Flat || ec2, ec2)
	case KindMap:
		return readQueryMap(m, s, n, v, s.Flat || ec2, ec2)
	}
	return setText(s, n.value, v, firstTime(tf, s.Time, TimeISO8601))
}

func readQueryList(m *Model, s *Shape, n *node, v reflect.Value, flat, ec2 bool) error {
	from := n
	if !flat {
		name := s.ElemName
		if name == "" {
			name = "member"
		}
		if c := n.children[name]; c != nil {
			from = c
		} else if c := n.children["member"]; c != nil {
			from = c
		}
	}
	items := from.items()
	l := reflect.MakeSlice(v.Type(), 0, len(items))
	for _, it := range items {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := readQuery(m, s.Elem, it, e, TimeDefault, ec2); err != nil {
			return err
		}
		l = reflect.Append(l, e)
	}
	v.Set(l)
	return nil
}

func readQueryMap(m *Model, s *Shape, n *node, v reflect.Value, flat, ec2 bool) error {
	from := n
	if !flat {
		if c := n.children["entry"]; c != nil {
			from = c
		}
	}
	kn, vn := or(s.KeyName, "key"), or(s.ElemName, "value")
	mp := reflect.MakeMap(v.Type())
	for _, it := range from.items() {
		kc, vc := it.children[kn], it.children[vn]
		if kc == nil {
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		if vc != nil {
			if err := readQuery(m, s.Elem, vc, e, TimeDefault, ec2); err != nil {
				return err
			}
		}
		mp.SetMapIndex(reflect.ValueOf(kc.value), e)
	}
	v.Set(mp)
	return nil
}

func or(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// setText sets a scalar from its text.
func setText(s *Shape, text string, v reflect.Value, tf TimeFormat) error {
	switch s.Kind {
	case KindString:
		place(v).SetString(text)
	case KindBoolean:
		switch strings.ToLower(text) {
		case "true", "1":
			place(v).SetBool(true)
		case "false", "0":
			place(v).SetBool(false)
		case "":
		default:
			return &Malformed{Message: "'" + clipText(text) + "' is not a boolean"}
		}
	case KindInteger, KindLong:
		if text == "" {
			return nil
		}
		n, err := parseInt(strings.TrimSpace(text), s.Kind)
		if err != nil {
			return &Malformed{Message: "'" + clipText(text) + "' is not an integer"}
		}
		place(v).SetInt(n)
	case KindFloat, KindDouble:
		f, err := parseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return &Malformed{Message: "'" + clipText(text) + "' is not a number"}
		}
		place(v).SetFloat(f)
	case KindBlob:
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return &Malformed{Message: "Invalid base64 in a blob"}
		}
		v.SetBytes(b)
	case KindTimestamp:
		at, err := parseTime(text, tf)
		if err != nil {
			return &Malformed{Message: "'" + clipText(text) + "' is not a timestamp"}
		}
		place(v).Set(reflect.ValueOf(at))
	default:
		return &Malformed{Message: "a " + s.Name + " cannot be a plain value"}
	}
	return nil
}

func clipText(s string) string {
	if len(s) > 128 {
		return s[:128] + "…"
	}
	return s
}
