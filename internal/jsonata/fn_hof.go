package jsonata

func fnMap(m *machine, a args) (Value, *Error) {
	v, f := a.at(0), a.at(1)
	if v.kind == Undefined {
		return v, nil
	}
	out := &Array{seq: true, made: true}
	for i, x := range v.Items() {
		r, err := m.callback(f, a, f.fn().takes(3), x, Num(float64(i)), v, Value{})
		if err == nil && r.kind != Undefined {
			out.Items, err = m.push(out.Items, r)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return arrayValue(out), nil
}

func (m *machine) holds(f Value, a args, x, y, z Value) (bool, *Error) {
	r, err := m.callback(f, a, f.fn().takes(3), x, y, z, Value{})
	if err != nil {
		return false, err
	}
	return m.truth(r)
}

func fnFilter(m *machine, a args) (Value, *Error) {
	v, f := a.at(0), a.at(1)
	if v.kind == Undefined {
		return v, nil
	}
	out := &Array{seq: true, made: true}
	for i, x := range v.Items() {
		yes, err := m.holds(f, a, x, Num(float64(i)), v)
		if err == nil && yes {
			out.Items, err = m.push(out.Items, x)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return arrayValue(out), nil
}

func fnSingle(m *machine, a args) (Value, *Error) {
	v, f := a.at(0), a.at(1)
	if v.kind == Undefined {
		return v, nil
	}
	var one Value
	have := false
	for i, x := range v.Items() {
		yes := true
		if f.kind == FunctionKind {
			var err *Error
			if yes, err = m.holds(f, a, x, Num(float64(i)), v); err != nil {
				return Value{}, err
			}
		}
		if !yes {
			continue
		}
		if have {
			return Value{}, &Error{Code: "D3138", index: i}
		}
		one, have = x, true
	}
	if !have {
		return Value{}, &Error{Code: "D3139"}
	}
	return one, nil
}

func fnReduce(m *machine, a args) (Value, *Error) {
	v, f, acc := a.at(0), a.at(1), a.at(2)
	if v.kind == Undefined {
		return v, nil
	}
	if f.fn().arity < 2 {
		return Value{}, &Error{Code: "D3050", index: 1}
	}
	items, from := v.Items(), 0
	if acc.kind == Undefined && len(items) > 0 {
		acc, from = items[0], 1
	}
	for i := from; i < len(items); i++ {
		var err *Error
		if acc, err = m.callback(f, a, max(2, f.fn().takes(4)), acc, items[i], Num(float64(i)), v); err != nil {
			return Value{}, err
		}
	}
	return acc, nil
}

func fnEach(m *machine, a args) (Value, *Error) {
	v, f := a.at(0), a.at(1)
	out := &Array{seq: true, made: true}
	if v.kind != ObjectKind {
		return arrayValue(out), nil
	}
	for _, e := range v.Object().entries {
		r, err := m.callback(f, a, f.fn().takes(3), e.val, Str(e.key), v, Value{})
		if err == nil && r.kind != Undefined {
			out.Items, err = m.push(out.Items, r)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return arrayValue(out), nil
}

func fnSift(m *machine, a args) (Value, *Error) {
	v, f := a.at(0), a.at(1)
	if v.kind != ObjectKind {
		return Value{}, nil
	}
	if f.kind != FunctionKind {
		return Value{}, &Error{Code: "T0410", index: 2}
	}
	o, err := m.tuple(v.Object().Len())
	if err != nil {
		return Value{}, err
	}
	for _, e := range v.Object().entries {
		yes, err := m.holds(f, a, e.val, Str(e.key), v)
		if err != nil {
			return Value{}, err
		}
		if yes {
			o.Set(e.key, e.val)
		}
	}
	if o.Len() == 0 {
		return Value{}, nil
	}
	return Obj(o), nil
}
