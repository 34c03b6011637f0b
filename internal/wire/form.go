package wire

import (
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// formNode is one dotted segment of a form's keys: the form as a tree.
type formNode struct {
	name  string
	value string
	set   bool
	kids  []*formNode
	index map[string]*formNode // kids by name where they are many
}

func (n *formNode) child(name string) *formNode {
	if n.index != nil {
		return n.index[name]
	}
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

func (n *formNode) add(name string) *formNode {
	if k := n.child(name); k != nil {
		return k
	}
	k := &formNode{name: name}
	n.kids = append(n.kids, k)
	if n.index != nil {
		n.index[name] = k
	} else if len(n.kids) > 16 {
		n.index = make(map[string]*formNode, 2*len(n.kids))
		for _, x := range n.kids {
			n.index[x.name] = x
		}
	}
	return k
}

// parseForm reads form texts (a body, a query string) into one tree. The first of two equal keys wins.
func parseForm(texts ...string) (*formNode, error) {
	root := &formNode{}
	pairs := 0
	for _, s := range texts {
		for s != "" {
			var pair string
			pair, s, _ = strings.Cut(s, "&")
			if pair == "" {
				continue
			}
			if pairs++; pairs > FormPairs {
				return nil, CommonError(RequestTooLargeError, "The request has too many parameters.")
			}
			k, v, _ := strings.Cut(pair, "=")
			k, err := url.QueryUnescape(k)
			if err != nil {
				return nil, serialization("The query string is malformed.")
			}
			if v, err = url.QueryUnescape(v); err != nil {
				return nil, serialization("The query string is malformed.")
			}
			n := root
			for depth := 0; ; depth++ {
				if depth > DepthMax {
					return nil, serialization("A parameter name has too many parts.")
				}
				seg, rest, more := strings.Cut(k, ".")
				n = n.add(seg)
				if k = rest; !more {
					break
				}
			}
			if !n.set {
				n.value, n.set = v, true
			}
		}
	}
	return root, nil
}

// formValue finds one key's value in form texts without building the tree.
func formValue(key string, texts ...string) string {
	for _, s := range texts {
		for s != "" {
			var pair string
			pair, s, _ = strings.Cut(s, "&")
			if k, v, _ := strings.Cut(pair, "="); k == key {
				if u, err := url.QueryUnescape(v); err == nil {
					return u
				}
				return v
			}
		}
	}
	return ""
}

// formDecoder fills values from a form under a schema.
type formDecoder struct {
	schema *Schema
	ec2    bool
	path   path
	depth  int
}

func (d *formDecoder) name(m *Member) string {
	if m.QueryName != "" {
		return m.QueryName
	}
	n := m.Key()
	if d.ec2 && n != "" && n[0] >= 'a' && n[0] <= 'z' {
		return string(n[0]-'a'+'A') + n[1:]
	}
	return n
}

func flattened(sh *Shape, m *Member) bool {
	return sh.Flags&Flattened != 0 || m != nil && m.Flags&MemberFlattened != 0
}

func (d *formDecoder) structure(sh *Shape, v reflect.Value, n *formNode) error {
	if d.depth++; d.depth > DepthMax {
		return serialization("Parameters are nested too deeply.")
	}
	t := concrete(sh, v)
	o := openObject(sh, t)
	for i := range sh.Members {
		m := &sh.Members[i]
		ms := &d.schema.Shapes[m.Shape]
		k := n.child(d.name(m))
		if !d.ec2 && ms.Kind == KindList && flattened(ms, m) {
			if el := &ms.Members[0]; el.QueryName != "" || el.WireName != "" {
				if k2 := n.child(d.name(el)); k2 != nil {
					k = k2
				}
			}
		}
		if k == nil {
			continue
		}
		d.path.push(m)
		s := o.slot(i)
		if err := d.value(ms, m, s, k); err != nil {
			return err
		}
		o.done(i, s)
		d.path.pop()
	}
	o.missing(&d.path)
	settle(v, t)
	d.depth--
	return nil
}

func (d *formDecoder) value(sh *Shape, m *Member, v reflect.Value, n *formNode) error {
	switch sh.Kind {
	case KindStructure:
		return d.structure(sh, v, n)
	case KindList:
		return d.list(sh, m, v, n)
	case KindMap:
		return d.mapping(sh, m, v, n)
	}
	return setScalar(sh, v, n.value)
}

// numbered gives a node's children that are numbers, in order.
func numbered(n *formNode) ([]*formNode, error) {
	type item struct {
		i int
		n *formNode
	}
	items := make([]item, 0, len(n.kids))
	for _, k := range n.kids {
		i, err := strconv.Atoi(k.name)
		if err != nil || i < 0 {
			return nil, serialization("The parameter " + clip(k.name) + " is not an index of a list.")
		}
		items = append(items, item{i, k})
	}
	sort.SliceStable(items, func(a, b int) bool { return items[a].i < items[b].i })
	out := make([]*formNode, len(items))
	for i := range items {
		out[i] = items[i].n
	}
	return out, nil
}

func (d *formDecoder) list(sh *Shape, m *Member, v reflect.Value, n *formNode) error {
	if d.depth++; d.depth > DepthMax {
		return serialization("Parameters are nested too deeply.")
	}
	el := &sh.Members[0]
	es := &d.schema.Shapes[el.Shape]
	if !d.ec2 && !flattened(sh, m) {
		name := "member"
		if el.QueryName != "" || el.WireName != "" {
			name = d.name(el)
		}
		if k := n.child(name); k != nil {
			n = k
		} else if k := n.child("member"); k != nil {
			n = k
		}
	}
	items, err := numbered(n)
	if err != nil {
		return err
	}
	t := concrete(sh, v)
	t.Set(reflect.MakeSlice(t.Type(), len(items), len(items)))
	for i, k := range items {
		d.path.pushIndex(i)
		if err := d.value(es, el, t.Index(i), k); err != nil {
			return err
		}
		d.path.pop()
	}
	settle(v, t)
	d.depth--
	return nil
}

func (d *formDecoder) mapping(sh *Shape, m *Member, v reflect.Value, n *formNode) error {
	if d.depth++; d.depth > DepthMax {
		return serialization("Parameters are nested too deeply.")
	}
	if !flattened(sh, m) {
		if k := n.child("entry"); k != nil {
			n = k
		}
	}
	items, err := numbered(n)
	if err != nil {
		return err
	}
	kn, vn := mapNames(sh)
	el := &sh.Members[1]
	es := &d.schema.Shapes[el.Shape]
	t := concrete(sh, v)
	t.Set(reflect.MakeMapWithSize(t.Type(), len(items)))
	for _, it := range items {
		k := it.child(kn)
		if k == nil {
			return serialization("A map's entry lacks its " + kn + ".")
		}
		s := reflect.New(t.Type().Elem()).Elem()
		if x := it.child(vn); x != nil {
			d.path.pushKey(k.value)
			if err := d.value(es, el, s, x); err != nil {
				return err
			}
			d.path.pop()
		}
		t.SetMapIndex(reflect.ValueOf(k.value), s)
	}
	settle(v, t)
	d.depth--
	return nil
}

// mapNames gives the element names of a map's keys and values.
func mapNames(sh *Shape) (key, value string) {
	key, value = "key", "value"
	if n := xmlName(&sh.Members[0]); n != "" {
		key = n
	}
	if n := xmlName(&sh.Members[1]); n != "" {
		value = n
	}
	return key, value
}

// xmlName gives the name a model prescribes for list elements, map keys and values; "" = none.
func xmlName(m *Member) string {
	if m.QueryName != "" {
		return m.QueryName
	}
	return m.WireName
}
