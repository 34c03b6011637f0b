package jsonata

var transformSignature, _ = parseSignature("<(oa):o>")

// transform gives a copy of v in which what the pattern finds is updated and relieved of members.
func (m *machine) transform(n *node, v Value, env *frame) (Value, *Error) {
	if v.kind == Undefined {
		return v, nil
	}
	clone := m.lookup(env, "clone")
	if clone.kind != FunctionKind {
		return Value{}, failAt("T2013", n.pos, "", Value{})
	}
	result, err := m.apply(clone, []Value{v}, NullValue, env, nil)
	if err != nil {
		return Value{}, err
	}
	found, err := m.eval(n.lhs, result, env)
	if err != nil {
		return Value{}, err
	}
	matches := []Value{found}
	switch found.kind {
	case Undefined:
		return result, nil
	case ArrayKind:
		matches = append([]Value(nil), found.array().Items...)
	}
	for _, x := range matches {
		if err := m.update(n, x, env); err != nil {
			return Value{}, err
		}
	}
	return result, nil
}

func (m *machine) update(n *node, x Value, env *frame) *Error {
	o := x.Object()
	if o != nil && !o.made {
		o = nil // data of the caller, which nobody may change
	}
	u, err := m.eval(n.rhs, x, env)
	if err != nil {
		return err
	}
	if u.kind != Undefined {
		if u.kind != ObjectKind {
			return failAt("T2011", n.rhs.pos, "", u)
		}
		for _, e := range u.Object().entries {
			// A copy, so that nothing can come to lie within itself.
			v, err := m.clone(e.val, 0)
			if err != nil {
				return err
			}
			if o != nil {
				o.Set(e.key, v)
			}
		}
	}
	if n.third == nil {
		return nil
	}
	d, err := m.eval(n.third, x, env)
	if err != nil || d.kind == Undefined {
		return err
	}
	names := []Value{d}
	if d.kind == ArrayKind {
		names = d.array().Items
	}
	for _, name := range names {
		if name.kind != String {
			return failAt("T2012", n.third.pos, "", d)
		}
	}
	for _, name := range names {
		if o != nil {
			o.delete(name.Text())
		}
	}
	return nil
}

// clone copies data as writing it as JSON and reading it again would: functions become empty strings. Data of the caller
// below a transform's result is copied too, so that it may be changed.
func (m *machine) clone(v Value, depth int) (Value, *Error) {
	if depth > m.limits.Depth {
		return Value{}, limitError("Depth", m.limits.Depth)
	}
	if err := m.step(1); err != nil {
		return Value{}, err
	}
	switch v.kind {
	case FunctionKind:
		return Str(""), nil
	case Number:
		if is, err := isNumber(v); !is || err != nil {
			return NullValue, err
		}
		return Num(fifteen(v.Float())), nil
	case ArrayKind:
		src := v.array()
		if src.outer {
			return m.clone(src.Items[0], depth)
		}
		if err := m.takeItems(len(src.Items)); err != nil {
			return Value{}, err
		}
		items := make([]Value, len(src.Items))
		for i, x := range src.Items {
			c, err := m.clone(x, depth+1)
			if err != nil {
				return Value{}, err
			}
			if c.kind == Undefined {
				c = NullValue
			}
			items[i] = c
		}
		return arrayValue(&Array{Items: items, made: true}), nil
	case ObjectKind:
		src := v.Object()
		if err := m.take(96 + 40*src.Len()); err != nil {
			return Value{}, err
		}
		o := NewObject(src.Len() + 2)
		o.made = true
		for _, e := range src.entries {
			c, err := m.clone(e.val, depth+1)
			if err != nil {
				return Value{}, err
			}
			if c.kind != Undefined {
				o.Set(e.key, c)
			}
		}
		return Obj(o), nil
	}
	return v, nil
}
