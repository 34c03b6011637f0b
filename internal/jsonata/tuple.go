package jsonata

func (m *machine) tuple(room int) (*Object, *Error) {
	if err := m.take(96 + 40*room); err != nil {
		return nil, err
	}
	o := NewObject(room)
	o.made = true
	return o, nil
}

// tupleStep takes a step in a stream of tuples, which carry the bindings of @, # and % beside the value.
func (m *machine) tupleStep(s *node, input Value, stream *Array, env *frame) (*Array, *Error) {
	if s.kind == nkSort {
		return m.sortTuples(s, input, stream, env)
	}
	out := &Array{seq: true, tuples: true, made: true}
	var from []Value
	if stream != nil {
		from = stream.Items
	} else {
		for _, x := range input.Items() {
			t, err := m.tuple(2)
			if err != nil {
				return nil, err
			}
			t.Set("@", x)
			from = append(from, Obj(t))
		}
	}
	for _, tv := range from {
		t := tv.Object()
		if t == nil {
			continue
		}
		at := t.Get("@")
		v, err := m.eval(s, at, &frame{parent: env, tuple: t})
		if err != nil {
			return nil, err
		}
		if v.kind == Undefined {
			continue
		}
		results, nested := []Value{v}, v.isTuples()
		if v.kind == ArrayKind {
			results = v.array().Items
		}
		for i, r := range results {
			if err := m.take(96 + 40*(t.Len()+3)); err != nil {
				return nil, err
			}
			if err := m.step(1); err != nil {
				return nil, err
			}
			x := t.clone(3)
			x.made = true
			if o := r.Object(); nested && o != nil {
				for _, e := range o.entries {
					x.Set(e.key, e.val)
				}
			} else {
				if s.focus != "" {
					x.Set(s.focus, r)
				} else {
					x.Set("@", r)
				}
				if s.index != "" {
					x.Set(s.index, Num(float64(i)))
				}
				if s.ancestor != nil {
					x.Set(s.ancestor.label, at)
				}
			}
			if out.Items, err = m.push(out.Items, Obj(x)); err != nil {
				return nil, err
			}
		}
	}
	v, err := m.runStages(s.stages, arrayValue(out), env)
	if err != nil {
		return nil, err
	}
	return v.array(), nil
}

func (m *machine) sortTuples(s *node, input Value, stream *Array, env *frame) (*Array, *Error) {
	var v Value
	var err *Error
	if stream != nil {
		v, err = m.order(s, arrayValue(stream), env)
	} else {
		if v, err = m.order(s, input, env); err != nil {
			return nil, err
		}
		out := &Array{seq: true, tuples: true, made: true}
		for i, x := range v.Items() {
			t, err := m.tuple(2)
			if err != nil {
				return nil, err
			}
			t.Set("@", x)
			if s.index != "" {
				t.Set(s.index, Num(float64(i)))
			}
			if out.Items, err = m.push(out.Items, Obj(t)); err != nil {
				return nil, err
			}
		}
		v = arrayValue(out)
	}
	if err == nil {
		v, err = m.runStages(s.stages, v, env)
	}
	if err != nil {
		return nil, err
	}
	return v.array(), nil
}
