package jsonata

import "math"

// filter keeps the members for which a predicate holds, or those at the positions that it names.
func (m *machine) filter(p *node, in Value, env *frame) (Value, *Error) {
	out := &Array{seq: true, made: true}
	var items []Value
	tuples := false
	if in.kind == ArrayKind {
		items, tuples = in.array().Items, in.array().tuples
		out.tuples = tuples
	} else {
		items = []Value{in}
	}
	if p.kind == nkNumber {
		i := place(p.val.Float(), len(items))
		if i >= 0 && i < len(items) && items[i].kind != Undefined {
			if items[i].kind == ArrayKind {
				return items[i], nil
			}
			out.Items = items[i : i+1 : i+1]
		}
		return arrayValue(out), nil
	}
	var scope frame
	for i, x := range items {
		context, e := x, env
		if tuples {
			if t := x.Object(); t != nil {
				scope = frame{parent: env, tuple: t}
				f := scope
				context, e = t.Get("@"), &f
			}
		}
		v, err := m.eval(p, context, e)
		if err != nil {
			return Value{}, err
		}
		times, err := m.selects(v, i, len(items))
		for ; err == nil && times > 0; times-- {
			out.Items, err = m.push(out.Items, x)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return arrayValue(out), nil
}

// place is the position that a number names, counted from the end if it is negative.
func place(f float64, n int) int {
	f = math.Floor(f)
	if f < 0 {
		f += float64(n)
	}
	if !(f >= 0 && f < float64(n)) {
		return -1
	}
	return int(f)
}

// selects is how often a predicate's value takes the member at i.
func (m *machine) selects(v Value, i, n int) (int, *Error) {
	switch v.kind {
	case Boolean:
		return int(v.bits), nil
	case Number:
		is, err := isNumber(v)
		if !is || err != nil || place(v.Float(), n) != i {
			return 0, err
		}
		return 1, nil
	case ArrayKind:
		times := 0
		if err := m.step(len(v.array().Items)); err != nil {
			return 0, err
		}
		for _, x := range v.array().Items {
			is, err := isNumber(x)
			if err != nil {
				return 0, err
			}
			if !is {
				times = -1
				break
			}
			if place(x.Float(), n) == i {
				times++
			}
		}
		if times >= 0 {
			return times, nil
		}
	}
	yes, err := m.truth(v)
	if yes {
		return 1, err
	}
	return 0, err
}
