package jsonata

import "math"

func (m *machine) binary(n *node, in Value, env *frame) (Value, *Error) {
	l, err := m.eval(n.lhs, in, env)
	if err != nil {
		return Value{}, err
	}
	if n.bin == opAnd || n.bin == opOr {
		yes, err := m.truth(l)
		if err == nil && yes == (n.bin == opAnd) {
			var r Value
			if r, err = m.eval(n.rhs, in, env); err == nil {
				yes, err = m.truth(r)
			}
		}
		if err != nil {
			return Value{}, m.at(err, n)
		}
		return Bool(yes), nil
	}
	r, err := m.eval(n.rhs, in, env)
	if err != nil {
		return Value{}, err
	}
	v, err := m.operate(n.bin, l, r)
	if err != nil {
		return Value{}, m.at(err, n)
	}
	return v, nil
}

// at says which operator failed.
func (m *machine) at(err *Error, n *node) *Error {
	err.Position, err.Token, err.placed, err.hasToken = n.pos, n.op, true, true
	return err
}

func (m *machine) operate(op binaryOp, l, r Value) (Value, *Error) {
	switch op {
	case opAdd, opSub, opMul, opDiv, opMod:
		return arithmetic(op, l, r)
	case opEq, opNe:
		if l.kind == Undefined || r.kind == Undefined {
			return Bool(false), nil
		}
		same, err := m.equal(l, r)
		return Bool(same == (op == opEq)), err
	case opLt, opLe, opGt, opGe:
		return compare(op, l, r)
	case opConcat:
		return m.concat(l, r)
	case opIn:
		if l.kind == Undefined || r.kind == Undefined {
			return Bool(false), nil
		}
		if r.kind != ArrayKind {
			return Bool(l.same(r)), nil
		}
		if err := m.step(len(r.array().Items)); err != nil {
			return Value{}, err
		}
		for _, x := range r.array().Items {
			if l.same(x) {
				return Bool(true), nil
			}
		}
		return Bool(false), nil
	}
	return m.span(l, r)
}

func arithmetic(op binaryOp, l, r Value) (Value, *Error) {
	for i, v := range [2]Value{l, r} {
		if v.kind == Undefined {
			continue
		}
		is, err := isNumber(v)
		if err != nil {
			return Value{}, err
		}
		if !is {
			return Value{}, &Error{Code: [2]string{"T2001", "T2002"}[i], Value: v}
		}
	}
	if l.kind == Undefined || r.kind == Undefined {
		return Value{}, nil
	}
	a, b := l.Float(), r.Float()
	switch op {
	case opAdd:
		return Num(a + b), nil
	case opSub:
		return Num(a - b), nil
	case opMul:
		return Num(a * b), nil
	case opDiv:
		return Num(a / b), nil
	}
	return Num(math.Mod(a, b)), nil
}

func compare(op binaryOp, l, r Value) (Value, *Error) {
	ordered := func(v Value) bool { return v.kind == Undefined || v.kind == String || v.kind == Number }
	if !ordered(l) || !ordered(r) {
		e := &Error{Code: "T2010", Value: r}
		if l.kind != String && l.kind != Number {
			e.Value = l
		}
		return Value{}, e
	}
	if l.kind == Undefined || r.kind == Undefined {
		return Value{}, nil
	}
	if l.kind != r.kind {
		return Value{}, &Error{Code: "T2009", Value: l, value2: r}
	}
	if l.kind == Number {
		a, b := l.Float(), r.Float()
		switch op {
		case opLt:
			return Bool(a < b), nil
		case opLe:
			return Bool(a <= b), nil
		case opGt:
			return Bool(a > b), nil
		}
		return Bool(a >= b), nil
	}
	c := compareText(l.Text(), r.Text())
	switch op {
	case opLt:
		return Bool(c < 0), nil
	case opLe:
		return Bool(c <= 0), nil
	case opGt:
		return Bool(c > 0), nil
	}
	return Bool(c >= 0), nil
}

// equal is equality through all levels, whatever the order of keys.
func (m *machine) equal(l, r Value) (bool, *Error) {
	if err := m.step(1); err != nil {
		return false, err
	}
	if l.same(r) {
		return true, nil
	}
	if l.kind != r.kind || l.kind != ArrayKind && l.kind != ObjectKind {
		return false, nil
	}
	if m.depth++; m.depth > m.limits.Depth {
		return false, limitError("Depth", m.limits.Depth)
	}
	defer func() { m.depth-- }()
	if l.kind == ArrayKind {
		a, b := l.array().Items, r.array().Items
		if len(a) != len(b) {
			return false, nil
		}
		for i := range a {
			if same, err := m.equal(a[i], b[i]); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	a, b := l.Object(), r.Object()
	if a.Len() != b.Len() {
		return false, nil
	}
	for i := range a.entries {
		j := b.find(a.entries[i].key)
		if j < 0 {
			return false, nil
		}
		if same, err := m.equal(a.entries[i].val, b.entries[j].val); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (m *machine) concat(l, r Value) (Value, *Error) {
	a, err := m.text(l, false)
	if err != nil {
		return Value{}, err
	}
	b, err := m.text(r, false)
	if err != nil {
		return Value{}, err
	}
	if err := m.takeText(len(a) + len(b)); err != nil {
		return Value{}, err
	}
	if err := m.step((len(a) + len(b)) / 64); err != nil {
		return Value{}, err
	}
	return Str(join(a, b)), nil
}

// rangeMax is the reference's limit for a range.
const rangeMax = 1e7

func (m *machine) span(l, r Value) (Value, *Error) {
	for i, v := range [2]Value{l, r} {
		if v.kind != Undefined && (v.kind != Number || v.Float() != math.Trunc(v.Float()) || math.IsInf(v.Float(), 0)) {
			return Value{}, &Error{Code: [2]string{"T2003", "T2004"}[i], Value: v}
		}
	}
	if l.kind == Undefined || r.kind == Undefined || l.Float() > r.Float() {
		return Value{}, nil
	}
	n := r.Float() - l.Float() + 1
	if n > rangeMax {
		return Value{}, &Error{Code: "D2014", Value: Num(n)}
	}
	if err := m.takeItems(int(n)); err != nil {
		return Value{}, err
	}
	if err := m.step(int(n) / 8); err != nil {
		return Value{}, err
	}
	items := make([]Value, int(n))
	for i := range items {
		items[i] = Num(l.Float() + float64(i))
	}
	return m.sequence(items), nil
}
