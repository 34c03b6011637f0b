package jsonata

import (
	"math"
	"regexp"
)

// Call is one evaluation: its input, its variables, its time and its chance.
type Call struct {
	Input Value            // the zero Value: no input at all
	Vars  map[string]Value // by name, without the dollar
	// Millis is the time that $now and $millis tell, in milliseconds since 1970.
	Millis int64
	// Chance gives the bits of $random, $shuffle and $uuid; without it they are refused by name.
	Chance func() uint64
	Limits Limits // zero fields: the program's
}

// Eval evaluates the program. Its errors are of type *Error. The result shares parts with the input and the variables.
func (p *Program) Eval(c Call) (Value, error) {
	m := &machine{prog: p, call: c, limits: p.options.Limits}
	if c.Limits != (Limits{}) {
		m.limits = c.Limits.filled()
	}
	m.steps, m.memory = m.limits.Steps, m.limits.Memory
	for name := range c.Vars {
		if p.functions[name] != nil {
			m.shadowed = true
		}
	}
	in := c.Input
	if in.kind == ArrayKind {
		in = arrayValue(&Array{Items: []Value{in}, seq: true, outer: true, made: true})
	}
	v, err := m.eval(p.root, in, &m.top)
	if err == nil {
		err = m.seal(v, 0)
	}
	if err != nil {
		return Value{}, err.finished()
	}
	return v, nil
}

// finished sets the position of an error that has none.
func (e *Error) finished() *Error {
	if !e.placed {
		e.Position = -1
	}
	return e
}

// machine is the state of one evaluation.
type machine struct {
	prog     *Program
	call     Call
	limits   Limits
	steps    int
	memory   int
	depth    int
	shadowed bool // a variable of the caller has a function's name
	top      frame
	args     []Value // arguments of the calls under way
	pending  thunk
	free     *frame // frames to use again

	// The pictures of dates that were read last.
	lastPicture, lastPatternOf string
	lastParts                  []*datePart
	lastPattern                *regexp.Regexp
	lastReaders                []dateReader
}

// frame binds names. A tuple of a stream is a frame too.
type frame struct {
	parent *frame
	tuple  *Object
	n      int
	small  [3]binding
	more   []binding
}

type binding struct {
	name string
	val  Value
}

func (f *frame) bind(name string, v Value) {
	for i := range f.n {
		if f.small[i].name == name {
			f.small[i].val = v
			return
		}
	}
	for i := range f.more {
		if f.more[i].name == name {
			f.more[i].val = v
			return
		}
	}
	if f.n < len(f.small) {
		f.small[f.n] = binding{name, v}
		f.n++
		return
	}
	f.more = append(f.more, binding{name, v})
}

// lookup is the value of a name, from the innermost frame outwards.
func (m *machine) lookup(f *frame, name string) Value {
	for ; f != nil; f = f.parent {
		if f.tuple != nil {
			if i := f.tuple.find(name); i >= 0 {
				return f.tuple.entries[i].val
			}
			continue
		}
		for i := range f.n {
			if f.small[i].name == name {
				return f.small[i].val
			}
		}
		for i := range f.more {
			if f.more[i].name == name {
				return f.more[i].val
			}
		}
	}
	if name == "$" {
		return m.call.Input
	}
	if v, ok := m.call.Vars[name]; ok {
		return v
	}
	if fn := m.prog.functions[name]; fn != nil {
		return funcValue(fn)
	}
	return Value{}
}

func (m *machine) newFrame(parent *frame) (*frame, *Error) {
	if f := m.free; f != nil {
		m.free = f.parent
		f.parent = parent
		return f, nil
	}
	if err := m.take(200); err != nil {
		return nil, err
	}
	return &frame{parent: parent}, nil
}

// release gives a frame back that nothing can refer to any more.
func (m *machine) release(f *frame) {
	clear(f.small[:f.n])
	f.n, f.more, f.tuple, f.parent = 0, nil, nil, m.free
	m.free = f
}

// sequence is a new sequence of the items.
func (m *machine) sequence(items []Value) Value {
	return arrayValue(&Array{Items: items, seq: true, made: true})
}

// push adds a member to something that is being built.
func (m *machine) push(items []Value, v Value) ([]Value, *Error) {
	if len(items) == cap(items) {
		if err := m.takeItems(max(4, len(items))); err != nil {
			return nil, err
		}
	}
	return append(items, v), nil
}

func (m *machine) pushAll(items, vs []Value) ([]Value, *Error) {
	if len(items)+len(vs) > cap(items) {
		if err := m.takeItems(len(items) + len(vs)); err != nil {
			return nil, err
		}
	}
	if err := m.step(len(vs) / 8); err != nil {
		return nil, err
	}
	return append(items, vs...), nil
}

// collapse makes an empty sequence nothing and one of a single member that member.
func collapse(v Value) Value {
	if v.kind == ArrayKind {
		if a := v.array(); a.seq && !a.tuples {
			switch {
			case len(a.Items) == 0:
				return Value{}
			case len(a.Items) == 1 && !a.keep:
				return a.Items[0]
			}
		}
	}
	return v
}

// eval evaluates a node with its predicates and grouping.
func (m *machine) eval(n *node, in Value, env *frame) (Value, *Error) {
	if m.steps--; m.steps < 0 {
		return Value{}, limitError("Steps", m.limits.Steps)
	}
	if m.depth++; m.depth > m.limits.Depth {
		return Value{}, limitError("Depth", m.limits.Depth)
	}
	v, err := m.raw(n, in, env)
	if err != nil {
		return Value{}, err
	}
	for i := range n.predicates {
		if v, err = m.filter(n.predicates[i].expr, v, env); err != nil {
			return Value{}, err
		}
	}
	if n.group != nil && n.kind != nkPath && !n.tail {
		if v, err = m.group(n.group.pairs, n.group.pos, n.group.literalKeys, v, env); err != nil {
			return Value{}, err
		}
	}
	m.depth--
	if v.kind == ArrayKind {
		if a := v.array(); n.keepArray && a.seq && !a.tuples {
			a.keep = true
		}
		return collapse(v), nil
	}
	return v, nil
}

func (m *machine) raw(n *node, in Value, env *frame) (Value, *Error) {
	switch n.kind {
	case nkPath:
		if n.plain {
			if v := n.list[0]; v.kind == nkVariable {
				x, err := m.eval(v, in, env)
				if err != nil || x.kind == Undefined {
					return x, err
				}
				if x.kind != ArrayKind {
					return m.names(n.list[1:], x)
				}
				if a := x.array(); !a.cons && !a.tuples {
					return m.onwards(n.list[1:], x)
				}
			} else if in.kind != ArrayKind {
				return m.names(n.list, in)
			}
		}
		return m.path(n, in, env)
	case nkName:
		return m.member(in, n.op)
	case nkString, nkNumber, nkValue:
		return n.val, nil
	case nkVariable:
		switch {
		case n.builtin != nil && !m.shadowed:
			return funcValue(n.builtin), nil
		case n.op == "":
			if in.kind == ArrayKind && in.array().outer {
				return in.array().Items[0], nil
			}
			return in, nil
		}
		return m.lookup(env, n.op), nil
	case nkBinary:
		return m.binary(n, in, env)
	case nkUnary:
		return m.unary(n, in, env)
	case nkFunction:
		if n.tail {
			m.pending = thunk{n, in, env}
			return Value{kind: thunkKind}, nil
		}
		return m.invocation(n, in, env, nil)
	case nkPartial:
		return m.partial(n, in, env)
	case nkLambda:
		if err := m.take(160); err != nil {
			return Value{}, err
		}
		return funcValue(&function{lambda: n, env: env, input: in, sig: n.sig, arity: len(n.list)}), nil
	case nkCondition:
		c, err := m.eval(n.lhs, in, env)
		if err != nil {
			return Value{}, err
		}
		yes, err := m.truth(c)
		switch {
		case err != nil:
			return Value{}, err
		case yes:
			return m.eval(n.rhs, in, env)
		case n.third != nil:
			return m.eval(n.third, in, env)
		}
		return Value{}, nil
	case nkBlock:
		return m.block(n, in, env)
	case nkBind:
		v, err := m.eval(n.rhs, in, env)
		if err == nil {
			env.bind(n.lhs.op, v)
		}
		return v, err
	case nkApply:
		return m.chain(n, in, env)
	case nkTransform:
		return funcValue(&function{name: "transform", arity: 1, sig: transformSignature, native: func(m *machine, a args) (Value, *Error) {
			return m.transform(n, a.at(0), env)
		}}), nil
	case nkRegex:
		return funcValue(&function{regex: n.regex, arity: 2, pos: n.pos}), nil
	case nkWildcard:
		return m.wildcard(in)
	case nkDescendant:
		return m.descendants(in)
	case nkParent:
		return m.lookup(env, n.slot.label), nil
	}
	return Value{}, &Error{Code: "S0206", Position: n.pos, Token: n.op, placed: true}
}

func (m *machine) block(n *node, in Value, env *frame) (Value, *Error) {
	if n.binds {
		f, err := m.newFrame(env)
		if err != nil {
			return Value{}, err
		}
		env = f
	}
	var v Value
	for _, x := range n.list {
		var err *Error
		if v, err = m.eval(x, in, env); err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

func (m *machine) unary(n *node, in Value, env *frame) (Value, *Error) {
	switch n.op {
	case "{":
		return m.group(n.pairs, n.pos, n.literalKeys, in, env)
	case "[":
		return m.construct(n, in, env)
	}
	v, err := m.eval(n.lhs, in, env)
	if err != nil || v.kind == Undefined {
		return v, err
	}
	if v.kind != Number || math.IsNaN(v.Float()) {
		return Value{}, failAt("D1002", n.pos, "-", v)
	}
	if math.IsInf(v.Float(), 0) {
		return Value{}, &Error{Code: "D1001", Value: v}
	}
	return Num(-v.Float()), nil
}

// construct builds an array; arrays among the values are flattened unless they were written as arrays.
func (m *machine) construct(n *node, in Value, env *frame) (Value, *Error) {
	items := make([]Value, 0, len(n.list))
	if err := m.takeItems(len(n.list)); err != nil {
		return Value{}, err
	}
	for _, x := range n.list {
		v, err := m.eval(x, in, env)
		if err != nil {
			return Value{}, err
		}
		switch {
		case v.kind == Undefined:
		case v.kind == ArrayKind && (x.kind != nkUnary || x.op != "["):
			if len(items) == 0 && v.array().made && x.kind == nkBinary && len(n.list) == 1 {
				items = v.array().Items // a range of its own
			} else {
				items, err = m.pushAll(items, v.array().Items)
			}
		default:
			items, err = m.push(items, v)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return arrayValue(&Array{Items: items, cons: n.cons, made: true}), nil
}

// isNumber says that v is a number; an infinity is an error.
func isNumber(v Value) (bool, *Error) {
	if v.kind != Number || math.IsNaN(v.Float()) {
		return false, nil
	}
	if math.IsInf(v.Float(), 0) {
		return false, &Error{Code: "D1001", Value: v}
	}
	return true, nil
}

// truth is the effective boolean value; nothing is false.
func (m *machine) truth(v Value) (bool, *Error) {
	switch v.kind {
	case Boolean:
		return v.Bool(), nil
	case String:
		return v.bits > 0, nil
	case Number:
		is, err := isNumber(v)
		return is && v.Float() != 0, err
	case ObjectKind:
		return v.Object().Len() > 0, nil
	case ArrayKind:
		if m.depth++; m.depth > m.limits.Depth {
			return false, limitError("Depth", m.limits.Depth)
		}
		any := false
		for _, x := range v.array().Items {
			if err := m.step(1); err != nil {
				return false, err
			}
			yes, err := m.truth(x)
			if err != nil {
				return false, err
			}
			any = any || yes
		}
		m.depth--
		return any, nil
	}
	return false, nil
}

// seal takes the marks of an evaluation off its result, so that what comes out is plain data.
func (m *machine) seal(v Value, depth int) *Error {
	if depth > m.limits.Depth {
		return limitError("Depth", m.limits.Depth)
	}
	switch v.kind {
	case ArrayKind:
		a := v.array()
		if !a.made {
			return nil
		}
		*a = Array{Items: a.Items}
		for _, x := range a.Items {
			if x.kind >= ArrayKind {
				if err := m.seal(x, depth+1); err != nil {
					return err
				}
			}
		}
	case ObjectKind:
		o := v.Object()
		if !o.made {
			return nil
		}
		o.made = false
		for i := range o.entries {
			if x := o.entries[i].val; x.kind >= ArrayKind {
				if err := m.seal(x, depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
