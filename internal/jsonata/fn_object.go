package jsonata

import (
	"math"
	"strings"
)

func fnKeys(m *machine, a args) (Value, *Error) {
	out := &Array{seq: true, made: true}
	err := m.keys(a.at(0), map[string]bool{}, out)
	return arrayValue(out), err
}

func (m *machine) keys(v Value, seen map[string]bool, out *Array) *Error {
	if err := m.step(1); err != nil {
		return err
	}
	switch v.kind {
	case ArrayKind:
		if m.depth++; m.depth > m.limits.Depth {
			return limitError("Depth", m.limits.Depth)
		}
		for _, x := range v.array().Items {
			if err := m.keys(x, seen, out); err != nil {
				return err
			}
		}
		m.depth--
	case ObjectKind:
		for _, e := range v.Object().entries {
			if seen[e.key] {
				continue
			}
			seen[e.key] = true
			err := m.take(64)
			if err == nil {
				out.Items, err = m.push(out.Items, Str(e.key))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func fnLookup(m *machine, a args) (Value, *Error) {
	if a.at(1).kind != String {
		return Value{}, nil
	}
	return m.member(a.at(0), a.at(1).Text())
}

func fnSpread(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	out := &Array{made: true}
	switch v.kind {
	case ArrayKind:
		out.seq = len(v.array().Items) == 0
	case ObjectKind:
		out.seq = true
	default:
		return v, nil
	}
	err := m.spread(v, out)
	return arrayValue(out), err
}

func (m *machine) spread(v Value, out *Array) *Error {
	var err *Error
	switch v.kind {
	case ArrayKind:
		if m.depth++; m.depth > m.limits.Depth {
			return limitError("Depth", m.limits.Depth)
		}
		for _, x := range v.array().Items {
			if err := m.spread(x, out); err != nil {
				return err
			}
		}
		m.depth--
	case ObjectKind:
		for _, e := range v.Object().entries {
			o, err := m.tuple(1)
			if err != nil {
				return err
			}
			o.Set(e.key, e.val)
			if out.Items, err = m.push(out.Items, Obj(o)); err != nil {
				return err
			}
		}
	case Undefined:
	default:
		out.Items, err = m.push(out.Items, v)
	}
	if err == nil {
		err = m.step(1)
	}
	return err
}

func fnMerge(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	o, err := m.tuple(4)
	if err != nil {
		return Value{}, err
	}
	for _, x := range v.Items() {
		if x.kind != ObjectKind {
			continue
		}
		n := x.Object().Len()
		if err := m.take(40 * n); err != nil {
			return Value{}, err
		}
		if err := m.step(1 + n); err != nil {
			return Value{}, err
		}
		for _, e := range x.Object().entries {
			o.Set(e.key, e.val)
		}
	}
	return Obj(o), nil
}

func fnExists(m *machine, a args) (Value, *Error) { return Bool(a.at(0).kind != Undefined), nil }

func fnBoolean(m *machine, a args) (Value, *Error) {
	if a.at(0).kind == Undefined {
		return Value{}, nil
	}
	yes, err := m.truth(a.at(0))
	return Bool(yes), err
}

func fnNot(m *machine, a args) (Value, *Error) {
	if a.at(0).kind == Undefined {
		return Value{}, nil
	}
	yes, err := m.truth(a.at(0))
	return Bool(!yes), err
}

func fnType(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	if v.kind == Number {
		if is, err := isNumber(v); err != nil || !is {
			return Str("object"), err
		}
	}
	return Str(v.TypeName()), nil
}

func fnError(m *machine, a args) (Value, *Error) {
	s := stringOr(a.at(0), "")
	if s == "" {
		s = "$error() function evaluated"
	}
	return Value{}, &Error{Code: "D3137", said: s}
}

func fnAssert(m *machine, a args) (Value, *Error) {
	if loose(a.at(0)) {
		return Value{}, nil
	}
	s := stringOr(a.at(1), "")
	if s == "" {
		s = "$assert() statement failed"
	}
	return Value{}, &Error{Code: "D3141", said: s}
}

func fnClone(m *machine, a args) (Value, *Error) { return m.clone(a.at(0), 0) }

// fnEval compiles and evaluates an expression where the call stands.
func fnEval(m *machine, a args) (Value, *Error) {
	v, in := a.at(0), a.in
	if v.kind == Undefined {
		return v, nil
	}
	if focus := a.at(1); focus.kind != Undefined {
		if in = focus; in.kind == ArrayKind && !in.array().seq {
			in = arrayValue(&Array{Items: []Value{in}, seq: true, outer: true, made: true})
		}
	}
	src := v.Text()
	if err := m.step(1 + len(src)); err != nil {
		return Value{}, err
	}
	if err := m.take(256 * len(src)); err != nil {
		return Value{}, err
	}
	wrap := func(code string, err *Error) *Error {
		if err.Limit != "" {
			return err
		}
		return &Error{Code: code, Value: Str(err.Error())}
	}
	p, err := compileWithin(src, m.prog)
	if err != nil {
		return Value{}, wrap("D3120", err)
	}
	r, err := m.eval(p.root, in, a.env)
	if err != nil {
		return Value{}, wrap("D3121", err)
	}
	return r, nil
}

// compileWithin compiles a part that sees the names of the evaluation around it.
func compileWithin(src string, around *Program) (*Program, *Error) {
	options := around.options
	return compileNames(src, options, true)
}

// fnRange and the like are what Step Functions adds.

// rangeStatesMax is how many members $range may give ("Transforming data with JSONata").
const rangeStatesMax = 1000

func fnRange(m *machine, a args) (Value, *Error) {
	first, last, by := a.at(0), a.at(1), a.at(2)
	for i, v := range [3]Value{first, last, by} {
		if v.kind == Undefined {
			if i == 2 {
				by = Num(1)
				continue
			}
			return Value{}, nil
		}
		if v.Float() != math.Trunc(v.Float()) || math.IsInf(v.Float(), 0) {
			return Value{}, &Error{Code: "T0410", Value: v, index: i + 1}
		}
	}
	if by.Float() == 0 {
		return Value{}, &Error{Code: "T0410", Value: by, index: 3}
	}
	n := math.Floor((last.Float()-first.Float())/by.Float()) + 1
	if n > rangeStatesMax {
		return Value{}, &Error{Code: "D2014", said: "$range() must not give more than 1000 values"}
	}
	out := &Array{seq: true, made: true}
	for i := range int(max(0, n)) {
		var err *Error
		if out.Items, err = m.push(out.Items, Num(first.Float()+float64(i)*by.Float())); err != nil {
			return Value{}, err
		}
	}
	return arrayValue(out), nil
}

func fnPartition(m *machine, a args) (Value, *Error) {
	v, size := a.at(0), a.at(1)
	if v.kind == Undefined || size.kind == Undefined {
		return Value{}, nil
	}
	if n := size.Float(); !(n >= 1) || n != math.Trunc(n) {
		return Value{}, &Error{Code: "T0410", Value: size, index: 2}
	}
	items, n := v.Items(), clampInt(size.Float())
	out := &Array{made: true}
	for i := 0; i < len(items); i += n {
		err := m.step(1)
		if err == nil {
			part := items[i:min(i+n, len(items))]
			out.Items, err = m.push(out.Items, arrayValue(&Array{Items: part[:len(part):len(part)], made: true}))
		}
		if err != nil {
			return Value{}, err
		}
	}
	return arrayValue(out), nil
}

func fnParse(m *machine, s string) (Value, *Error) {
	if err := m.step(len(s)); err != nil {
		return Value{}, err
	}
	if err := m.take(24 * len(s)); err != nil {
		return Value{}, err
	}
	v, err := parseJSON(spell(strings.TrimSpace(s)))
	if err != nil {
		return Value{}, &Error{Code: "D3137", said: "$parse(): " + err.Error()}
	}
	return v, nil
}
