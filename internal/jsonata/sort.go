package jsonata

// order sorts by the terms of an order-by clause; each term is evaluated once for an item, when it is first needed.
func (m *machine) order(s *node, in Value, env *frame) (Value, *Error) {
	items, tuples := in.Items(), in.isTuples()
	if len(items) <= 1 {
		return in, nil
	}
	type keys struct {
		item  Value
		have  int
		value []Value
	}
	if err := m.takeItems(len(items) * (2 + len(s.terms))); err != nil {
		return Value{}, err
	}
	list := make([]*keys, len(items))
	for i, x := range items {
		list[i] = &keys{item: x}
	}
	key := func(k *keys, t int) (Value, *Error) {
		for k.have <= t {
			context, e := k.item, env
			if o := k.item.Object(); tuples && o != nil {
				context, e = o.Get("@"), &frame{parent: env, tuple: o}
			}
			v, err := m.eval(s.terms[k.have].expr, context, e)
			if err != nil {
				return Value{}, err
			}
			k.value = append(k.value, v)
			k.have++
		}
		return k.value[t], nil
	}
	sorted, err := mergeSort(m, list, func(a, b *keys) (bool, *Error) {
		for t := range s.terms {
			x, err := key(a, t)
			if err != nil {
				return false, err
			}
			y, err := key(b, t)
			if err != nil {
				return false, err
			}
			c, err := collate(x, y, s.pos)
			if err != nil {
				return false, err
			}
			if x.kind != Undefined && y.kind != Undefined && s.terms[t].descending {
				c = -c
			}
			if c != 0 {
				return c > 0, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return Value{}, err
	}
	out := make([]Value, len(sorted))
	for i, k := range sorted {
		out[i] = k.item
	}
	return arrayValue(&Array{Items: out, made: true}), nil
}

// collate compares two sort keys; nothing comes last.
func collate(x, y Value, pos int) (int, *Error) {
	switch {
	case x.kind == Undefined && y.kind == Undefined:
		return 0, nil
	case x.kind == Undefined:
		return 1, nil
	case y.kind == Undefined:
		return -1, nil
	}
	for _, v := range [2]Value{x, y} {
		if v.kind != String && v.kind != Number {
			return 0, failAt("T2008", pos, "", v)
		}
	}
	if x.kind != y.kind {
		e := failAt("T2007", pos, "", x)
		e.value2 = y
		return 0, e
	}
	if x.kind == String {
		return compareText(x.Text(), y.Text()), nil
	}
	a, b := x.Float(), y.Float()
	switch {
	case a == b:
		return 0, nil
	case a < b:
		return -1, nil
	}
	return 1, nil
}

// mergeSort is stable and compares in the reference's order, so that a comparison which is no order gives its result.
// after says that a belongs after b.
func mergeSort[T any](m *machine, list []T, after func(a, b T) (bool, *Error)) ([]T, *Error) {
	if len(list) <= 1 {
		return list, nil
	}
	left, err := mergeSort(m, list[:len(list)/2], after)
	if err != nil {
		return nil, err
	}
	right, err := mergeSort(m, list[len(list)/2:], after)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(list))
	for len(left) > 0 && len(right) > 0 {
		if err := m.step(1); err != nil {
			return nil, err
		}
		swap, err := after(left[0], right[0])
		if err != nil {
			return nil, err
		}
		if swap {
			out, right = append(out, right[0]), right[1:]
		} else {
			out, left = append(out, left[0]), left[1:]
		}
	}
	return append(append(out, left...), right...), nil
}
