package jsonata

import "math"

func fnAppend(m *machine, a args) (Value, *Error) {
	x, y := a.at(0), a.at(1)
	switch {
	case x.kind == Undefined:
		return y, nil
	case y.kind == Undefined:
		return x, nil
	}
	var items []Value
	for _, v := range [2]Value{x, y} {
		var err *Error
		if v.kind == ArrayKind {
			items, err = m.pushAll(items, v.array().Items)
		} else {
			items, err = m.push(items, v)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return arrayValue(&Array{Items: items, made: true}), nil
}

func (m *machine) copyOf(items []Value) ([]Value, *Error) {
	if err := m.takeItems(len(items)); err != nil {
		return nil, err
	}
	if err := m.step(1 + len(items)/4); err != nil {
		return nil, err
	}
	return append(make([]Value, 0, len(items)), items...), nil
}

func fnReverse(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if len(v.Items()) <= 1 {
		return v, nil
	}
	out, err := m.copyOf(v.Items())
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return arrayValue(&Array{Items: out, made: true}), err
}

func fnShuffle(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if len(v.Items()) <= 1 {
		return v, nil
	}
	out, err := m.copyOf(v.Items())
	if err != nil {
		return Value{}, err
	}
	for i := range out {
		r, err := m.chance("shuffle")
		if err != nil {
			return Value{}, err
		}
		j := int(r * float64(i+1))
		out[i], out[j] = out[j], out[i]
	}
	return arrayValue(&Array{Items: out, made: true}), nil
}

func fnZip(m *machine, a args) (Value, *Error) {
	n := math.MaxInt
	for _, v := range a.v {
		n = min(n, len(v.Items()))
	}
	if len(a.v) == 0 {
		n = 0
	}
	if err := m.takeItems(n); err != nil {
		return Value{}, err
	}
	out := make([]Value, 0, n)
	for i := range n {
		if err := m.takeItems(len(a.v)); err != nil {
			return Value{}, err
		}
		if err := m.step(len(a.v)); err != nil {
			return Value{}, err
		}
		row := make([]Value, len(a.v))
		for j, v := range a.v {
			row[j] = v.Items()[i]
		}
		out = append(out, arrayValue(&Array{Items: row, made: true}))
	}
	return arrayValue(&Array{Items: out, made: true}), nil
}

func fnDistinct(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind != ArrayKind || len(v.array().Items) <= 1 {
		return v, nil
	}
	out := &Array{seq: v.array().seq, made: true}
	texts, numbers := map[string]bool{}, map[float64]bool{}
	var others []Value
next:
	for _, x := range v.array().Items {
		err := m.step(1)
		switch x.kind {
		case String:
			if texts[x.Text()] {
				continue
			}
			texts[x.Text()] = true
		case Number:
			if numbers[x.Float()] {
				continue
			}
			numbers[x.Float()] = true
		default:
			for _, y := range others {
				same, err := m.equal(x, y)
				if err != nil {
					return Value{}, err
				}
				if same {
					continue next
				}
			}
			others = append(others, x)
		}
		if err == nil {
			err = m.take(64)
		}
		if err == nil {
			out.Items, err = m.push(out.Items, x)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return arrayValue(out), nil
}

func fnSort(m *machine, a args) (Value, *Error) {
	v, by := a.at(0), a.at(1)
	items := v.Items()
	if len(items) <= 1 {
		return v, nil
	}
	if err := m.takeItems(2 * len(items)); err != nil {
		return Value{}, err
	}
	after := func(x, y Value) (bool, *Error) {
		r, err := m.callback(by, a, 2, x, y, Value{}, Value{})
		return loose(r), err
	}
	if by.kind != FunctionKind {
		for _, x := range items {
			is, err := isNumber(x)
			if err != nil {
				return Value{}, err
			}
			if x.kind != items[0].kind || !is && x.kind != String {
				return Value{}, &Error{Code: "D3070", index: 1}
			}
		}
		after = func(x, y Value) (bool, *Error) {
			if x.kind == String {
				return compareText(x.Text(), y.Text()) > 0, nil
			}
			return x.Float() > y.Float(), nil
		}
	}
	out, err := mergeSort(m, items, after)
	return arrayValue(&Array{Items: out, made: true}), err
}

// loose is JavaScript's own idea of truth.
func loose(v Value) bool {
	switch v.kind {
	case Undefined, Null:
		return false
	case Boolean:
		return v.Bool()
	case Number:
		return v.Float() != 0 && !math.IsNaN(v.Float())
	case String:
		return v.bits > 0
	}
	return true
}
