package jsonata

// member is what a name means in a value: the member of an object, of each object in an array.
func (m *machine) member(in Value, name string) (Value, *Error) {
	switch in.kind {
	case ObjectKind:
		return in.Object().Get(name), nil
	case ArrayKind:
		var out []Value
		if err := m.members(in.array().Items, name, &out); err != nil {
			return Value{}, err
		}
		return m.sequence(out), nil
	}
	return Value{}, nil
}

func (m *machine) members(items []Value, name string, out *[]Value) *Error {
	if err := m.step(1 + len(items)); err != nil {
		return err
	}
	if m.depth++; m.depth > m.limits.Depth {
		return limitError("Depth", m.limits.Depth)
	}
	var err *Error
	for _, x := range items {
		switch x.kind {
		case ObjectKind:
			v := x.Object().Get(name)
			switch v.kind {
			case Undefined:
			case ArrayKind:
				*out, err = m.pushAll(*out, v.array().Items)
			default:
				*out, err = m.push(*out, v)
			}
		case ArrayKind:
			err = m.members(x.array().Items, name, out)
		}
		if err != nil {
			return err
		}
	}
	m.depth--
	return nil
}

// names follows a path of names alone from a value that is no array.
func (m *machine) names(steps []*node, v Value) (Value, *Error) {
	for i, s := range steps {
		if v.kind != ObjectKind {
			return Value{}, nil
		}
		m.steps--
		v = v.Object().Get(s.op)
		switch {
		case v.kind == ArrayKind:
			if i == len(steps)-1 {
				if v.array().seq {
					return m.sequence(v.array().Items), nil
				}
				return v, nil
			}
			return m.onwards(steps[i+1:], v)
		case v.kind == Undefined:
			return v, nil
		}
	}
	return v, nil
}

// onwards follows names from the members of an array.
func (m *machine) onwards(steps []*node, v Value) (Value, *Error) {
	for i, s := range steps {
		items := v.Items()
		if len(items) == 0 {
			return Value{}, nil
		}
		var err *Error
		if v, err = m.walk(s, items, nil, i == len(steps)-1); err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

func (m *machine) path(n *node, in Value, env *frame) (Value, *Error) {
	input := in
	if in.kind != ArrayKind || n.list[0].kind == nkVariable {
		input = m.sequence([]Value{in})
	}
	var res Value
	var stream *Array
	inTuples := false
	for i, s := range n.list {
		var err *Error
		inTuples = inTuples || s.tuple
		switch {
		case i == 0 && s.cons:
			res, err = m.eval(s, input, env)
		case inTuples:
			stream, err = m.tupleStep(s, input, stream, env)
		default:
			res, err = m.walk(s, input.Items(), env, i == len(n.list)-1)
		}
		if err != nil {
			return Value{}, err
		}
		if !inTuples && (res.kind == Undefined || res.kind == ArrayKind && len(res.array().Items) == 0) {
			break
		}
		if s.focus == "" && !inTuples {
			input = res
		}
	}
	if inTuples {
		if n.tuple {
			res = arrayValue(stream)
		} else {
			items := make([]Value, 0, len(stream.Items))
			if err := m.takeItems(len(stream.Items)); err != nil {
				return Value{}, err
			}
			for _, t := range stream.Items {
				items = append(items, t.Object().Get("@"))
			}
			res = m.sequence(items)
		}
	}
	if n.keepSingleton && res.kind == ArrayKind {
		if a := res.array(); a.cons && !a.seq {
			res = m.sequence([]Value{res})
		}
		if a := res.array(); a.seq {
			a.keep = true
		}
	}
	if n.group != nil {
		if inTuples {
			res = arrayValue(stream)
		}
		return m.group(n.group.pairs, n.group.pos, n.group.literalKeys, res, env)
	}
	return res, nil
}

// walk takes one step of a path from each of the items and puts the results into one sequence.
func (m *machine) walk(s *node, items []Value, env *frame, last bool) (Value, *Error) {
	if s.kind == nkSort {
		v, err := m.order(s, m.sequence(items), env)
		if err != nil {
			return Value{}, err
		}
		return m.runStages(s.stages, v, env)
	}
	var out []Value
	var only Value // the one result there was, if it is an array
	results := 0
	bare := s.bare()
	for _, x := range items {
		var v Value
		var err *Error
		if bare {
			if err = m.step(1); err != nil {
				return Value{}, err
			}
			if x.kind == ObjectKind {
				v = collapse(x.Object().Get(s.op))
			} else if x.kind == ArrayKind {
				v, err = m.member(x, s.op)
				v = collapse(v)
			}
		} else {
			v, err = m.eval(s, x, env)
		}
		for i := 0; err == nil && i < len(s.stages); i++ {
			v, err = m.filter(s.stages[i].expr, v, env)
		}
		if err != nil {
			return Value{}, err
		}
		switch v.kind {
		case Undefined:
			continue
		case ArrayKind:
			if results == 0 {
				only = v
			}
			if a := v.array(); a.cons {
				out, err = m.push(out, v)
			} else if len(a.Items) > 0 {
				if last && len(items) == 1 && !a.seq {
					return v, nil
				}
				out, err = m.pushAll(out, a.Items)
			}
		default:
			out, err = m.push(out, v)
		}
		if err != nil {
			return Value{}, err
		}
		results++
	}
	if last && results == 1 && only.kind == ArrayKind && !only.array().seq {
		return only, nil
	}
	return m.sequence(out), nil
}

func (m *machine) runStages(stages []stage, v Value, env *frame) (Value, *Error) {
	for i := range stages {
		s := &stages[i]
		if s.expr != nil {
			var err *Error
			if v, err = m.filter(s.expr, v, env); err != nil {
				return Value{}, err
			}
			continue
		}
		for j, t := range v.Items() {
			if o := t.Object(); o != nil && o.made {
				o.Set(s.name, Num(float64(j)))
			}
		}
	}
	return v, nil
}

// wildcard is the members of an object, arrays among them flattened through all levels.
func (m *machine) wildcard(in Value) (Value, *Error) {
	out := &Array{seq: true, made: true}
	if in.kind == ArrayKind && in.array().outer {
		in = in.array().Items[0]
	}
	each := func(v Value) *Error {
		var err *Error
		if v.kind != ArrayKind {
			out.Items, err = m.push(out.Items, v)
			return err
		}
		out.seq = false
		return m.flatten(v, &out.Items)
	}
	switch in.kind {
	case ArrayKind:
		for _, x := range in.array().Items {
			if err := each(x); err != nil {
				return Value{}, err
			}
		}
	case ObjectKind:
		for _, x := range in.Object().entries {
			if err := each(x.val); err != nil {
				return Value{}, err
			}
		}
	}
	return arrayValue(out), nil
}

func (m *machine) flatten(v Value, out *[]Value) *Error {
	if v.kind != ArrayKind {
		var err *Error
		*out, err = m.push(*out, v)
		return err
	}
	if m.depth++; m.depth > m.limits.Depth {
		return limitError("Depth", m.limits.Depth)
	}
	for _, x := range v.array().Items {
		if err := m.step(1); err != nil {
			return err
		}
		if err := m.flatten(x, out); err != nil {
			return err
		}
	}
	m.depth--
	return nil
}

// descendants is the value and everything in it, arrays as their members.
func (m *machine) descendants(in Value) (Value, *Error) {
	if in.kind == Undefined {
		return in, nil
	}
	var out []Value
	if err := m.descend(in, &out); err != nil {
		return Value{}, err
	}
	if len(out) == 1 {
		return out[0], nil
	}
	return m.sequence(out), nil
}

func (m *machine) descend(v Value, out *[]Value) *Error {
	if err := m.step(1); err != nil {
		return err
	}
	if m.depth++; m.depth > m.limits.Depth {
		return limitError("Depth", m.limits.Depth)
	}
	if v.kind == ArrayKind {
		for _, x := range v.array().Items {
			if err := m.descend(x, out); err != nil {
				return err
			}
		}
	} else {
		var err *Error
		if *out, err = m.push(*out, v); err != nil {
			return err
		}
		if o := v.Object(); o != nil {
			for i := range o.entries {
				if err := m.descend(o.entries[i].val, out); err != nil {
					return err
				}
			}
		}
	}
	m.depth--
	return nil
}
