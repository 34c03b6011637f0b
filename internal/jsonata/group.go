package jsonata

// group builds an object: each pair's key is evaluated for each item, and its value for the items that share a key.
func (m *machine) group(pairs []pair, pos int, literal bool, in Value, env *frame) (Value, *Error) {
	one := [1]Value{in}
	items, tuples := one[:], false
	if in.kind == ArrayKind {
		items, tuples = in.array().Items, in.array().tuples
		if len(items) == 0 && !tuples {
			items = []Value{{}}
		}
	}
	if err := m.take(96 + 40*len(pairs)); err != nil {
		return Value{}, err
	}
	out := NewObject(len(pairs))
	out.made = true
	if literal && !tuples && len(items) == 1 {
		for i := range pairs {
			v, err := m.eval(pairs[i].val, items[0], env)
			if err != nil {
				return Value{}, err
			}
			if v.kind != Undefined {
				out.Set(pairs[i].key.op, v)
			}
		}
		return Obj(out), nil
	}
	groups, err := m.groups(pairs, pos, items, tuples, env)
	if err != nil {
		return Value{}, err
	}
	for _, g := range groups {
		context, e := g.data(), env
		if tuples {
			t, err := m.reduce(g)
			if err != nil {
				return Value{}, err
			}
			if t != nil {
				context = t.Get("@")
				t.delete("@")
				e = &frame{parent: env, tuple: t}
			}
		}
		v, err := m.eval(pairs[g.pair].val, context, e)
		if err != nil {
			return Value{}, err
		}
		if v.kind != Undefined {
			if err := m.take(40); err != nil {
				return Value{}, err
			}
			out.Set(g.key, v)
		}
	}
	return Obj(out), nil
}

// bucket holds the items of one key: a single one as it is, several as one array.
type bucket struct {
	key   string
	pair  int
	first Value
	more  []Value // all of them, flattened, once there are several
}

func (g *bucket) data() Value {
	if g.more == nil {
		return g.first
	}
	return arrayValue(&Array{Items: g.more, made: true})
}

func (m *machine) groups(pairs []pair, pos int, items []Value, tuples bool, env *frame) ([]*bucket, *Error) {
	var list []*bucket
	byKey := map[string]*bucket{}
	for _, x := range items {
		context, e := x, env
		if tuples {
			if t := x.Object(); t != nil {
				context, e = t.Get("@"), &frame{parent: env, tuple: t}
			}
		}
		for i := range pairs {
			k, err := m.eval(pairs[i].key, context, e)
			if err != nil {
				return nil, err
			}
			if k.kind == Undefined {
				continue
			}
			if k.kind != String {
				return nil, failAt("T1003", pos, "", k)
			}
			key := k.Text()
			if reserved(key) {
				return nil, failAt("D1013", pos, "", k)
			}
			g := byKey[key]
			switch {
			case g == nil:
				if err := m.take(160); err != nil {
					return nil, err
				}
				g = &bucket{key: key, pair: i, first: x}
				byKey[key] = g
				list = append(list, g)
			case g.pair != i:
				return nil, failAt("D1009", pos, "", k)
			default:
				if err := m.add(g, x); err != nil {
					return nil, err
				}
			}
		}
	}
	return list, nil
}

func (m *machine) add(g *bucket, x Value) *Error {
	if x.kind == Undefined {
		return nil
	}
	if g.more == nil && g.first.kind == Undefined {
		g.first = x
		return nil
	}
	var err *Error
	put := func(v Value) {
		if err != nil {
			return
		}
		if v.kind == ArrayKind {
			g.more, err = m.pushAll(g.more, v.array().Items)
		} else {
			g.more, err = m.push(g.more, v)
		}
	}
	if g.more == nil {
		g.more = []Value{}
		put(g.first)
	}
	put(x)
	return err
}

// reduce makes one tuple of several: each binding becomes the array of its values.
func (m *machine) reduce(g *bucket) (*Object, *Error) {
	if g.more == nil {
		if t := g.first.Object(); t != nil {
			return t.clone(0), nil
		}
		return nil, nil
	}
	var t *Object
	built := map[string]*bucket{}
	for i, x := range g.more {
		o := x.Object()
		if o == nil {
			continue
		}
		if i == 0 {
			t = o.clone(0)
			for _, e := range t.entries {
				built[e.key] = &bucket{first: e.val}
			}
			continue
		}
		for _, e := range o.entries {
			b := built[e.key]
			if b == nil {
				b = &bucket{}
				built[e.key] = b
				t.Set(e.key, Value{})
			}
			if err := m.add(b, e.val); err != nil {
				return nil, err
			}
		}
	}
	for i := range t.entries {
		t.entries[i].val = built[t.entries[i].key].data()
	}
	return t, nil
}
