package ddbexpr

import "virga/internal/ddbexpr/attr"

const (
	msgBadPath    = "The document path provided in the update expression is invalid for update"
	msgNoSuchAttr = "The provided expression refers to an attribute that does not exist in the item"
	msgBadOperand = "An operand in the update expression has an incorrect data type"
)

// change is what an update does at one target.
type change struct {
	remove bool
	value  attr.Value // nil where nothing changes
}

// Apply appends the item that an update makes of another. All its values are those before the update. item itself may
// be empty; the key's attributes are the caller's care.
func (b *Bound) Apply(dst, item attr.Item) (attr.Item, error) {
	b.scratch = b.store[:0]
	var few [8]change
	changes := few[:0]
	for i := range b.e.actions {
		if b.noPlace(b.e.actions[i].target, item) {
			return dst, errPath()
		}
		c, err := b.change(&b.e.actions[i], item)
		if err != nil {
			return dst, err
		}
		changes = append(changes, c)
	}
	out := attr.Begin(dst)
	if err := applyMap(&out, b.trie, item, changes, 1); err != nil {
		return dst, err
	}
	return out.Finish(), nil
}

// noPlace tells whether a target lies below what is not there; that is refused before its value is made.
func (b *Bound) noPlace(target path, item attr.Item) bool {
	last := len(target) - 1
	if last == 0 {
		return false
	}
	want := attr.M
	if target[last].index >= 0 {
		want = attr.L
	}
	return b.find(target[:last], item).Kind() != want
}

func (b *Bound) change(a *action, item attr.Item) (change, error) {
	switch a.section {
	case sRemove:
		return change{remove: true}, nil
	case sSet:
		v, err := b.give(a.value, item)
		return change{value: v}, err
	}
	v, have := b.values[a.value.slot], b.find(a.target, item)
	return b.merge(a.section, have, v)
}

// merge is what ADD and DELETE make of what there is.
func (b *Bound) merge(s section, have, v attr.Value) (change, error) {
	switch {
	case have == nil && s == sAdd:
		return change{value: v}, nil
	case have == nil:
		return change{}, nil
	case have.Kind() != v.Kind():
		return change{}, invalid(msgBadOperand)
	}
	from := len(b.scratch)
	if v.Kind() == attr.N {
		v, err := b.sum(have, v, false)
		return change{value: v}, err
	}
	if v.Kind() == attr.L { // the legacy ADD alone
		b.scratch = attr.Concat(b.scratch, have, v)
		return change{value: b.scratch[from:len(b.scratch):len(b.scratch)]}, nil
	}
	b.scratch = attr.AppendUnion(b.scratch, have, v, s == sDelete)
	if len(b.scratch) == from {
		return change{remove: true}, nil
	}
	return change{value: b.scratch[from:len(b.scratch):len(b.scratch)]}, nil
}

func (b *Bound) sum(x, y attr.Value, minus bool) (attr.Value, error) {
	from := len(b.scratch)
	var buf [attr.NumberBytesMax]byte
	n, err := attr.AppendSum(buf[:0], x.Number(), y.Number(), minus)
	if err != nil {
		return nil, err
	}
	b.scratch = attr.AppendScalar(b.scratch, attr.N, n)
	return b.scratch[from:len(b.scratch):len(b.scratch)], nil
}

// give is the value of an operand of SET.
func (b *Bound) give(o *operand, item attr.Item) (attr.Value, error) {
	switch o.kind {
	case opValue:
		return b.values[o.slot], nil
	case opPath:
		if v := b.find(o.path, item); v != nil {
			return v, nil
		}
		return nil, invalid(msgNoSuchAttr)
	}
	if o.known == fnIfNotExists {
		other, err := b.give(o.args[1], item) // made even where it is not needed
		if v := b.find(o.args[0].path, item); v != nil {
			return v, err
		}
		return other, err
	}
	x, err := b.give(o.args[0], item)
	if err != nil {
		return nil, err
	}
	want := attr.N
	if o.known == fnListAppend {
		want = attr.L
	}
	if x.Kind() != want && o.args[1].kind != opFunction { // refused before the second is looked for
		return nil, invalid(msgBadOperand)
	}
	y, err := b.give(o.args[1], item)
	if err != nil {
		return nil, err
	}
	if x.Kind() != want || y.Kind() != want {
		return nil, invalid(msgBadOperand)
	}
	if o.known == fnListAppend {
		from := len(b.scratch)
		b.scratch = attr.Concat(b.scratch, x, y)
		return b.scratch[from:len(b.scratch):len(b.scratch)], nil
	}
	return b.sum(x, y, o.fn == "-")
}

// applyMap writes a map with the changes below n. What does not change between two changes is copied in one piece.
func applyMap(out *attr.Builder, n *node, item attr.Item, changes []change, depth int) error {
	kids := n.kids
	w := item.Walk()
	from, same := w.After(), 0
	for len(kids) > 0 && w.Next() {
		for len(kids) > 0 && kids[0].name < string(w.Name) {
			out.Raw(w.Raw(from, w.Before()), same)
			from, same = w.Before(), 0
			if err := addAt(out, &kids[0], changes, depth); err != nil {
				return err
			}
			kids = kids[1:]
		}
		if len(kids) == 0 || kids[0].name != string(w.Name) {
			same++
			continue
		}
		out.Raw(w.Raw(from, w.Before()), same)
		from, same = w.After(), 0
		if err := applyAt(out, w.Name, &kids[0], w.Value(), changes, depth); err != nil {
			return err
		}
		kids = kids[1:]
	}
	if len(kids) == 0 {
		same += w.Left()
		out.Raw(w.Raw(from, len(item)), same)
		return nil
	}
	out.Raw(w.Raw(from, w.After()), same)
	for i := range kids {
		if err := addAt(out, &kids[i], changes, depth); err != nil {
			return err
		}
	}
	return nil
}

// addAt writes a member that was not there.
func addAt(out *attr.Builder, n *node, changes []change, depth int) error {
	if n.leaf < 0 {
		return errPath()
	}
	v := changes[n.leaf].value
	if v == nil {
		return nil
	}
	if err := fits(v, depth); err != nil {
		return err
	}
	out.NameString(n.name)
	out.Value(v)
	return nil
}

// errPath refuses changes below a value that is not there.
func errPath() error { return invalid(msgBadPath) }

// fits refuses a value that would be nested too deep at its place.
func fits(v attr.Value, depth int) error {
	if k := v.Kind(); depth > 1 && (k == attr.M || k == attr.L) && depth-1+v.Depth() > attr.DepthMax {
		return invalid("Nesting Levels have exceeded supported limits: Nesting Levels have exceeded supported limits")
	}
	return nil
}

// applyAt writes one member (name is nil for an element of a list) with its changes.
func applyAt(out *attr.Builder, name []byte, n *node, v attr.Value, changes []change, depth int) error {
	if n.leaf >= 0 {
		c := changes[n.leaf]
		if c.remove {
			return nil
		}
		if c.value != nil {
			if err := fits(c.value, depth); err != nil {
				return err
			}
			v = c.value
		}
		if name != nil {
			out.Name(name)
		}
		out.Value(v)
		return nil
	}
	names := n.kids[0].index < 0
	k := v.Kind()
	if names && k != attr.M || !names && k != attr.L {
		return errPath()
	}
	if name != nil {
		out.Name(name)
	}
	in := out.Open(k)
	var err error
	if names {
		err = applyMap(&in, n, v.Item(), changes, depth+1)
	} else {
		err = applyList(&in, n, v, changes, depth+1)
	}
	if err == nil {
		out.Close(&in)
	}
	return err
}

// applyList writes a list: elements are set or removed where they are, those set beyond the end follow it in order.
func applyList(out *attr.Builder, n *node, v attr.Value, changes []change, depth int) error {
	kids, i := n.kids, 0
	for e := range v.List() {
		if len(kids) > 0 && kids[0].index == i {
			if err := applyAt(out, nil, &kids[0], e, changes, depth); err != nil {
				return err
			}
			kids = kids[1:]
		} else {
			out.Value(e)
		}
		i++
	}
	for j := range kids {
		if kids[j].leaf < 0 {
			return errPath()
		}
		if v := changes[kids[j].leaf].value; v != nil {
			if err := fits(v, depth); err != nil {
				return err
			}
			out.Value(v)
		}
	}
	return nil
}
