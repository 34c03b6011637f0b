package partiql

import (
	"strconv"
	"strings"

	"virga/internal/ddbexpr"
	"virga/internal/ddbexpr/attr"
)

// writer makes an expression's text, with a placeholder for every name and value.
type writer struct {
	strings.Builder
	params []attr.Value
	names  ddbexpr.Names
	values ddbexpr.Values
	known  map[string]string
	err    error
}

func (w *writer) path(p []ddbexpr.Element) {
	for i, e := range p {
		if e.Index >= 0 {
			w.WriteString("[" + strconv.Itoa(e.Index) + "]")
			continue
		}
		if i > 0 {
			w.WriteByte('.')
		}
		ph, ok := w.known[e.Name]
		if !ok {
			if w.known == nil {
				w.known, w.names = map[string]string{}, ddbexpr.Names{}
			}
			ph = "#" + strconv.Itoa(len(w.known))
			w.known[e.Name], w.names[ph] = ph, e.Name
		}
		w.WriteString(ph)
	}
}

func (w *writer) value(v *value) {
	if w.values == nil {
		w.values = ddbexpr.Values{}
	}
	ph := ":" + strconv.Itoa(len(w.values))
	x, err := v.give(w.params)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.values[ph] = x
	w.WriteString(ph)
}

func (w *writer) operand(o *operand) {
	switch o.kind {
	case isPath:
		w.path(o.path)
	case isValue:
		w.value(o.val)
	case isCall:
		w.WriteString(o.name + "(")
		for i, a := range o.args {
			if i > 0 {
				w.WriteString(", ")
			}
			w.operand(a)
		}
		w.WriteByte(')')
	case isSum:
		w.operand(o.args[0])
		w.WriteString(" " + o.name + " ")
		w.operand(o.args[1])
	}
}

// cond writes a condition; inner puts a group in parentheses.
func (w *writer) cond(c *cond, inner bool) {
	switch c.op {
	case "":
		w.operand(c.args[0])
	case "NOT":
		w.WriteString("NOT ")
		w.cond(c.kids[0], true)
	case "AND", "OR":
		if inner {
			w.WriteByte('(')
		}
		for i, k := range c.kids {
			if i > 0 {
				w.WriteString(" " + c.op + " ")
			}
			w.cond(k, true)
		}
		if inner {
			w.WriteByte(')')
		}
	case "BETWEEN":
		w.operand(c.args[0])
		w.WriteString(" BETWEEN ")
		w.operand(c.args[1])
		w.WriteString(" AND ")
		w.operand(c.args[2])
	case "IN":
		w.operand(c.args[0])
		w.WriteString(" IN (")
		for i, a := range c.args[1:] {
			if i > 0 {
				w.WriteString(", ")
			}
			w.operand(a)
		}
		w.WriteByte(')')
	default:
		w.operand(c.args[0])
		w.WriteString(" " + c.op + " ")
		w.operand(c.args[1])
	}
}

// bound makes the expression of what was written.
func (w *writer) bound(k ddbexpr.Kind, lim Limits) (*ddbexpr.Bound, error) {
	if w.err != nil {
		return nil, w.err
	}
	e, err := ddbexpr.Parse(k, w.String(), lim.Expressions)
	if err == nil {
		var b *ddbexpr.Bound
		if b, err = e.Bind(w.names, w.values); err == nil {
			return b, nil
		}
	}
	return nil, invalid(strings.TrimPrefix(err.Error(), "Invalid "+k.String()+": "))
}

// conjunction makes one condition of several, nil of none.
func conjunction(k ddbexpr.Kind, cs []*cond, params []attr.Value, lim Limits) (*ddbexpr.Bound, error) {
	if len(cs) == 0 {
		return nil, nil
	}
	w := writer{params: params}
	if len(cs) == 1 {
		w.cond(cs[0], false)
	} else {
		w.cond(&cond{op: "AND", kids: cs}, false)
	}
	return w.bound(k, lim)
}

// give is the value that a literal stands for.
func (v *value) give(params []attr.Value) (attr.Value, error) {
	switch {
	case v.param > 0:
		p := params[v.param-1]
		return p, p.Err()
	case v.kind == attr.Invalid:
		return v.whole, nil
	}
	es := make([]attr.Value, len(v.elems))
	for i, e := range v.elems {
		var err error
		if es[i], err = e.give(params); err != nil {
			return nil, err
		}
	}
	switch v.kind {
	case attr.L:
		return attr.ListOf(es...), nil
	case attr.M:
		as := make([]attr.Attribute, len(es))
		for i, e := range es {
			as[i] = attr.Attribute{Name: v.names[i], Value: e}
		}
		return attr.MapOf(attr.ItemOf(as...)), nil
	}
	set := attr.SetOf(es...)
	switch {
	case set == nil:
		return nil, invalid("Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags")
	case set.Len() != len(es):
		return nil, invalid("Input collection contains duplicates")
	}
	return set, nil
}

// update makes the update expression of an UPDATE.
func (s *Statement) update(params []attr.Value) (*ddbexpr.Bound, error) {
	w := writer{params: params}
	parts := [3][]func(){}
	for _, a := range s.set {
		g := a.give
		section := 0
		if g.kind == isCall && (g.name == "set_add" || g.name == "set_delete") {
			if section = 1; g.name == "set_delete" {
				section = 2
			}
			if g.args[0].kind != isPath || !same(g.args[0].path, a.target) {
				return nil, invalid("The first argument to " + strings.ToUpper(g.name) + " must equal the assignment value")
			}
			if v := g.args[1]; v.kind != isValue {
				return nil, invalid("The second argument to " + strings.ToUpper(g.name) + " must be a value with type SET")
			} else if x, err := v.val.give(params); err != nil {
				return nil, err
			} else if !x.Kind().IsSet() {
				return nil, invalid("The second argument to " + strings.ToUpper(g.name) + " must be a value with type SET")
			}
		}
		parts[section] = append(parts[section], func() {
			w.path(a.target)
			if section > 0 {
				w.WriteByte(' ')
				w.operand(g.args[1])
				return
			}
			w.WriteString(" = ")
			w.operand(g)
		})
	}
	write := func(name string, fs []func()) {
		for i, f := range fs {
			if i == 0 {
				w.WriteString(" " + name + " ")
			} else {
				w.WriteString(", ")
			}
			f()
		}
	}
	write("SET", parts[0])
	write("ADD", parts[1])
	write("DELETE", parts[2])
	var removes []func()
	for _, p := range s.remove {
		removes = append(removes, func() { w.path(p) })
	}
	write("REMOVE", removes)
	return w.bound(ddbexpr.Update, s.lim)
}

func same(p, q []ddbexpr.Element) bool {
	if len(p) != len(q) {
		return false
	}
	for i := range p {
		if p[i].Index != q[i].Index || p[i].Index < 0 && p[i].Name != q[i].Name {
			return false
		}
	}
	return true
}
