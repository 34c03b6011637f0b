package ddbexpr

import (
	"bytes"

	"virga/internal/ddbexpr/attr"
)

// Match tells whether an item meets a condition or filter. An item that does not exist is the empty one.
func (b *Bound) Match(item attr.Item) bool {
	b.scratch = b.store[:0]
	return b.match(b.e.cond, item)
}

func (b *Bound) match(x *cond, item attr.Item) bool {
	switch x.kind {
	case cAnd:
		for _, k := range x.kids {
			if !b.match(k, item) {
				return false
			}
		}
		return true
	case cOr:
		for _, k := range x.kids {
			if b.match(k, item) {
				return true
			}
		}
		return false
	case cNot:
		return !b.match(x.kids[0], item)
	case cFunction:
		return b.holds(x.args[0], item)
	}
	first := b.operand(x.args[0], item)
	switch x.kind {
	case cBetween:
		return compare(cGE, first, b.operand(x.args[1], item)) && compare(cLE, first, b.operand(x.args[2], item))
	case cIn:
		for _, o := range x.args[1:] {
			if compare(cEQ, first, b.operand(o, item)) {
				return true
			}
		}
		return false
	}
	return compare(x.kind, first, b.operand(x.args[1], item))
}

// compare applies an operator to two values; nil is a value that is not there: it is unlike any other.
func compare(op condKind, x, y attr.Value) bool {
	switch op {
	case cEQ:
		return x != nil && y != nil && x.Equal(y)
	case cNE:
		return x == nil || y == nil || !x.Equal(y)
	}
	order, ok := attr.Compare(x, y)
	if !ok {
		return false
	}
	switch op {
	case cLT:
		return order < 0
	case cLE:
		return order <= 0
	case cGT:
		return order > 0
	}
	return order >= 0
}

func (b *Bound) holds(f *operand, item attr.Item) bool {
	x := b.operand(f.args[0], item)
	switch f.known {
	case fnExists:
		return x != nil
	case fnNotExists:
		return x == nil
	}
	y := b.operand(f.args[1], item)
	if x == nil || y == nil {
		return false
	}
	switch f.known {
	case fnType:
		return x.Kind().String() == string(y.Bytes())
	case fnBeginsWith:
		return beginsWith(x, y)
	case fnContains:
		return contains(x, y)
	}
	return false
}

func beginsWith(x, y attr.Value) bool {
	k := x.Kind()
	return (k == attr.S || k == attr.B) && y.Kind() == k && bytes.HasPrefix(x.Bytes(), y.Bytes())
}

func contains(x, y attr.Value) bool {
	switch k := x.Kind(); k {
	case attr.S, attr.B:
		return y.Kind() == k && bytes.Contains(x.Bytes(), y.Bytes())
	}
	return x.Has(y)
}

// operand is the value of an operand of a condition, nil where there is none.
func (b *Bound) operand(o *operand, item attr.Item) attr.Value {
	switch o.kind {
	case opValue:
		return b.values[o.slot]
	case opPath:
		return b.find(o.path, item)
	}
	v := b.operand(o.args[0], item)
	if v == nil {
		return nil
	}
	from := len(b.scratch)
	out, ok := attr.AppendSizeOf(b.scratch, v)
	if !ok {
		return nil
	}
	b.scratch = out
	return out[from:len(out):len(out)]
}

// find is the value at a document path, nil where there is none.
func (b *Bound) find(p path, item attr.Item) attr.Value {
	v := item.Get(b.name(p[0]))
	for _, s := range p[1:] {
		switch {
		case s.index >= 0 && v.Kind() == attr.L:
			v = v.Index(s.index)
		case s.index < 0 && v.Kind() == attr.M:
			v = v.Item().Get(b.name(s))
		default:
			return nil
		}
	}
	return v
}

// Element is one element of a document path: a name, or an index where Index is not negative.
type Element struct {
	Name  string
	Index int
}

// Find is the value at a document path of an item, nil where there is none.
func Find(item attr.Item, p []Element) attr.Value {
	if len(p) == 0 {
		return nil
	}
	v := item.Get(p[0].Name)
	for _, e := range p[1:] {
		switch {
		case e.Index >= 0 && v.Kind() == attr.L:
			v = v.Index(e.Index)
		case e.Index < 0 && v.Kind() == attr.M:
			v = v.Item().Get(e.Name)
		default:
			return nil
		}
	}
	return v
}
