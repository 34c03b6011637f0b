package jsonata

// function is a function of the library, a lambda, a regular expression, a partial application or a chain.
type function struct {
	name   string
	arity  int
	sig    *signature
	native func(m *machine, a args) (Value, *Error)

	lambda *node
	env    *frame
	input  Value

	base  *function // partially applied
	bound []Value
	holes []int

	first, then *function // chained

	regex *regex
	pos   int
}

// args are what a native function is called with.
type args struct {
	v   []Value
	in  Value  // the context
	env *frame // where the call stands
}

func (a args) at(i int) Value {
	if i < len(a.v) {
		return a.v[i]
	}
	return Value{}
}

// thunkKind marks the value of a call in tail position; the call itself waits in machine.pending.
const thunkKind Kind = 255

type thunk struct {
	call *node
	in   Value
	env  *frame
}

// named is the name by which a call calls its function.
func named(n *node) string {
	if n.lhs.kind == nkPath {
		return n.lhs.list[0].op
	}
	return n.lhs.op
}

// invocation evaluates a call; first is what ~> puts before its arguments.
func (m *machine) invocation(n *node, in Value, env *frame, first *Value) (Value, *Error) {
	proc, err := m.eval(n.lhs, in, env)
	if err != nil {
		return Value{}, err
	}
	if proc.kind == Undefined && n.lhs.kind == nkPath && m.exists(env, n.lhs.list[0].op) {
		return Value{}, failAt("T1005", n.pos, n.lhs.list[0].op, Value{})
	}
	base := len(m.args)
	if first != nil {
		m.args = append(m.args, *first)
	}
	for _, x := range n.list {
		v, err := m.eval(x, in, env)
		if err != nil {
			return Value{}, err
		}
		m.args = append(m.args, v)
	}
	v, err := m.apply(proc, m.args[base:len(m.args):len(m.args)], in, env, n)
	m.args = m.args[:base]
	if err != nil {
		if !err.placed {
			err.Position, err.placed = n.pos, true
		}
		if !err.hasToken {
			err.Token, err.hasToken = named(n), true
		}
	}
	return v, err
}

func (m *machine) exists(env *frame, name string) bool {
	v := m.lookup(env, name)
	yes, err := m.truth(v)
	return v.kind == FunctionKind || yes && err == nil
}

// apply calls a function and goes on with the calls in tail position that it ends in. at is the call, if it is written
// as one.
func (m *machine) apply(proc Value, a []Value, in Value, env *frame, at *node) (Value, *Error) {
	v, err := m.run(proc, a, in, env)
	if err != nil {
		if at != nil && proc.kind == FunctionKind {
			place1(err, at.pos, named(at))
		}
		return Value{}, err
	}
	for v.kind == thunkKind {
		t := m.pending
		next, err := m.eval(t.call.lhs, t.in, t.env)
		if err != nil {
			return Value{}, err
		}
		base := len(m.args)
		for _, x := range t.call.list {
			v, err := m.eval(x, t.in, t.env)
			if err != nil {
				return Value{}, err
			}
			m.args = append(m.args, v)
		}
		v, err = m.run(next, m.args[base:len(m.args):len(m.args)], in, env)
		m.args = m.args[:base]
		if err != nil {
			place1(err, t.call.lhs.pos, named(t.call))
			return Value{}, err
		}
	}
	return v, nil
}

// place1 gives an error the position of a call, and its name if nothing closer is known.
func place1(err *Error, pos int, token string) {
	if err.Limit != "" {
		return
	}
	err.Position, err.placed = pos, true
	if !err.hasToken {
		err.Token, err.hasToken = token, true
	}
}

// callback calls a function that was given to a function of the library with the first n of the values.
func (m *machine) callback(f Value, a args, n int, w, x, y, z Value) (Value, *Error) {
	base := len(m.args)
	m.args = append(m.args, w, x, y, z)[:base+n]
	v, err := m.apply(f, m.args[base:base+n:base+n], NullValue, a.env, nil)
	m.args = m.args[:base]
	return v, err
}

// takes is how many of so many arguments a callback is given: as many as it has parameters, but always the first.
func (f *function) takes(most int) int { return max(1, min(f.arity, most)) }

func (m *machine) run(proc Value, a []Value, in Value, env *frame) (Value, *Error) {
	if proc.kind != FunctionKind {
		return Value{}, &Error{Code: "T1006"}
	}
	if err := m.step(1 + len(a)); err != nil {
		return Value{}, err
	}
	if m.depth++; m.depth > m.limits.Depth {
		return Value{}, limitError("Depth", m.limits.Depth)
	}
	f := proc.fn()
	var err *Error
	if f.sig != nil {
		if a, err = f.sig.check(m, a, in); err != nil {
			return Value{}, err
		}
	}
	var v Value
	switch {
	case f.native != nil:
		v, err = f.native(m, args{a, in, env})
	case f.lambda != nil:
		v, err = m.runLambda(f, a)
	case f.base != nil:
		v, err = m.runPartial(f, a, env)
	case f.regex != nil:
		v, err = m.runRegex(f, args{a, in, env})
	default:
		if v, err = m.apply(funcValue(f.first), a[:min(1, len(a))], NullValue, env, nil); err == nil {
			v, err = m.apply(funcValue(f.then), []Value{v}, NullValue, env, nil)
		}
	}
	m.depth--
	return v, err
}

func (m *machine) runLambda(f *function, a []Value) (Value, *Error) {
	env, err := m.newFrame(f.env)
	if err != nil {
		return Value{}, err
	}
	for i, p := range f.lambda.list {
		var v Value
		if i < len(a) {
			v = a[i]
		}
		if i < len(env.small) && i == env.n && !f.lambda.repeats {
			env.small[i] = binding{p.op, v}
			env.n++
		} else {
			env.bind(p.op, v)
		}
	}
	v, err := m.eval(f.lambda.rhs, f.input, env)
	if err == nil && !f.lambda.captures {
		m.release(env)
	}
	return v, err
}

func (m *machine) partial(n *node, in Value, env *frame) (Value, *Error) {
	f := &function{pos: n.pos}
	for i, x := range n.list {
		if x.kind == nkOperator {
			f.holes = append(f.holes, i)
			f.bound = append(f.bound, Value{})
			continue
		}
		v, err := m.eval(x, in, env)
		if err != nil {
			return Value{}, err
		}
		f.bound = append(f.bound, v)
	}
	if err := m.takeItems(8 + len(n.list)); err != nil {
		return Value{}, err
	}
	proc, err := m.eval(n.lhs, in, env)
	if err != nil {
		return Value{}, err
	}
	if proc.kind != FunctionKind {
		if proc.kind == Undefined && n.lhs.kind == nkPath && m.exists(env, n.lhs.list[0].op) {
			return Value{}, failAt("T1007", n.pos, named(n), Value{})
		}
		return Value{}, failAt("T1008", n.pos, named(n), Value{})
	}
	f.base = proc.fn()
	f.arity = len(f.holes)
	if f.base.lambda != nil {
		f.arity = 0
		for _, h := range f.holes {
			if h < f.base.arity {
				f.arity++
			}
		}
	}
	return funcValue(f), nil
}

func (m *machine) runPartial(f *function, a []Value, env *frame) (Value, *Error) {
	full := append([]Value(nil), f.bound...)
	for i, h := range f.holes {
		if i < len(a) {
			full[h] = a[i]
		}
	}
	if f.base.lambda != nil {
		return m.runLambda(f.base, full)
	}
	return m.run(funcValue(f.base), full, Value{}, env)
}

// chain evaluates ~>: a call with one more argument, an application, or the chaining of two functions.
func (m *machine) chain(n *node, in Value, env *frame) (Value, *Error) {
	l, err := m.eval(n.lhs, in, env)
	if err != nil {
		return Value{}, err
	}
	if n.rhs.kind == nkFunction {
		return m.invocation(n.rhs, in, env, &l)
	}
	r, err := m.eval(n.rhs, in, env)
	if err != nil {
		return Value{}, err
	}
	if r.kind != FunctionKind {
		return Value{}, failAt("T2006", n.pos, "", r)
	}
	if l.kind == FunctionKind {
		if err := m.take(200); err != nil {
			return Value{}, err
		}
		return funcValue(&function{first: l.fn(), then: r.fn(), arity: 1}), nil
	}
	return m.apply(r, []Value{l}, NullValue, env, nil)
}
