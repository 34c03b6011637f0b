package jsonata

// Options choose the dialect.
type Options struct {
	// StepFunctions adds $partition, $range, $hash, $random with a seed, $uuid and $parse, and takes $eval away.
	StepFunctions bool
	// Limits bound the expression's text here, and are what Eval takes where the call names none.
	Limits Limits
}

// Program is a compiled expression; it is safe for concurrent use.
type Program struct {
	src       string
	root      *node
	options   Options
	functions map[string]*function
	dynamic   bool
}

// Compile reads an expression. Its errors are of type *Error.
func Compile(src string, options Options) (*Program, error) {
	p, err := compile(src, options)
	if err != nil {
		return nil, err.finished()
	}
	return p, nil
}

func compile(src string, options Options) (*Program, *Error) {
	return compileNames(src, options, false)
}

// compileNames compiles; inner says that names may be bound by an expression around this one.
func compileNames(src string, options Options, inner bool) (*Program, *Error) {
	options.Limits = options.Limits.filled()
	n, err := parse(src, options.Limits)
	if err != nil {
		return nil, err
	}
	a := &analyser{limits: options.Limits, bound: map[string]bool{}}
	if n, err = a.node(n); err != nil {
		return nil, err
	}
	if n.kind == nkParent || len(n.seeking) > 0 {
		e := failAt("S0217", n.pos, kindNames[n.kind], Value{})
		e.placed = n.kind != nkParent && n.kind != nkPath
		return nil, e
	}
	p := &Program{src: src, root: n, options: options, functions: library(options.StepFunctions), dynamic: inner || a.dynamic && !options.StepFunctions}
	f := finisher{p: p, bound: a.bound, seen: map[*node]bool{}}
	f.node(n)
	return p, nil
}

// String is the expression as it was written.
func (p *Program) String() string { return p.src }

// finisher sets down what the evaluator would otherwise ask again and again.
type finisher struct {
	p     *Program
	bound map[string]bool
	seen  map[*node]bool
}

// node says whether the part binds a name in the frame around it, and whether it may keep that frame.
func (f *finisher) node(n *node) (binds, keeps bool) {
	if n == nil || f.seen[n] {
		return false, false
	}
	f.seen[n] = true
	note := func(x *node) {
		b, k := f.node(x)
		binds, keeps = binds || b, keeps || k
	}
	note(n.lhs)
	note(n.rhs)
	note(n.third)
	for _, x := range n.list {
		note(x)
	}
	for _, x := range n.pairs {
		note(x.key)
		note(x.val)
	}
	for _, x := range n.terms {
		note(x.expr)
	}
	for _, list := range [][]stage{n.predicates, n.stages} {
		for _, x := range list {
			note(x.expr)
		}
	}
	if n.group != nil {
		for _, x := range n.group.pairs {
			note(x.key)
			note(x.val)
		}
	}
	switch n.kind {
	case nkVariable:
		if !f.p.dynamic && !f.bound[n.op] {
			n.builtin = f.p.functions[n.op]
		}
		if n.op == "eval" && f.p.dynamic {
			return true, true
		}
	case nkBind:
		binds = true
	case nkFunction:
		keeps = keeps || n.tail
	case nkBlock:
		n.binds, binds = binds, false
	case nkLambda:
		n.captures = keeps
		return false, true
	case nkTransform:
		return false, true
	case nkPath:
		n.plain = n.group == nil && !n.keepSingleton && !n.tuple && !n.keepArray
		for i, s := range n.list {
			n.plain = n.plain && (s.bare() || i == 0 && len(n.list) > 1 && s.kind == nkVariable && s.undecorated())
		}
	}
	return binds, keeps
}

// bare says that the step is a name and nothing else.
func (n *node) bare() bool { return n.kind == nkName && n.undecorated() }

func (n *node) undecorated() bool {
	return n.predicates == nil && n.stages == nil && n.group == nil && !n.keepArray && !n.tuple && n.focus == "" && n.index == ""
}
