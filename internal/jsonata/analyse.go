package jsonata

import "strconv"

// analyser turns what was parsed into what is evaluated: paths become lists of steps with their predicates, calls in
// tail position are marked, and parents find the step whose input they mean.
type analyser struct {
	slots   int
	depth   int
	limits  Limits
	bound   map[string]bool // names that the program itself binds
	dynamic bool            // $eval is mentioned, so nothing is known of names
}

var kindNames = [...]string{nkName: "name", nkString: "string", nkNumber: "number", nkValue: "value", nkVariable: "variable", nkRegex: "regex",
	nkWildcard: "wildcard", nkDescendant: "descendant", nkParent: "parent", nkOperator: "operator", nkEnd: "(end)", nkBinary: "binary",
	nkUnary: "unary", nkFunction: "function", nkPartial: "partial", nkLambda: "lambda", nkCondition: "condition", nkBlock: "block",
	nkTransform: "transform", nkPath: "path", nkSort: "sort", nkBind: "bind", nkApply: "apply", nkNothing: "nothing"}

func failAt(code string, pos int, tok string, v Value) *Error {
	return &Error{Code: code, Position: pos, Token: tok, Value: v, hasToken: tok != "", placed: true}
}

func (a *analyser) all(list []*node, into *node) *Error {
	for i := range list {
		x, err := a.node(list[i])
		if err != nil {
			return err
		}
		list[i] = x
		if into != nil {
			inherit(into, x)
		}
	}
	return nil
}

// one analyses *n in place and hands its unresolved parents to into.
func (a *analyser) one(n **node, into *node) *Error {
	if *n == nil {
		return nil
	}
	x, err := a.node(*n)
	if err != nil {
		return err
	}
	*n = x
	if into != nil {
		inherit(into, x)
	}
	return nil
}

func (a *analyser) pairs(list []pair, into *node) *Error {
	for i := range list {
		if err := a.one(&list[i].key, into); err != nil {
			return err
		}
		if err := a.one(&list[i].val, into); err != nil {
			return err
		}
	}
	return nil
}

func (a *analyser) node(n *node) (*node, *Error) {
	if a.depth++; a.depth > a.limits.Depth {
		return nil, limitError("Nesting", a.limits.Nesting)
	}
	r, err := a.shape(n)
	if err != nil {
		return nil, err
	}
	a.depth--
	if n.keepArray {
		r.keepArray = true
	}
	return r, nil
}

func (a *analyser) shape(n *node) (*node, *Error) {
	switch n.kind {
	case nkBinary:
		return a.binary(n)
	case nkUnary:
		return a.unary(n)
	case nkFunction, nkPartial:
		if err := a.all(n.list, n); err != nil {
			return nil, err
		}
		return n, a.one(&n.lhs, nil)
	case nkLambda:
		names := map[string]bool{}
		for _, p := range n.list {
			a.bound[p.op] = true
			n.repeats = n.repeats || names[p.op]
			names[p.op] = true
		}
		if err := a.one(&n.rhs, nil); err != nil {
			return nil, err
		}
		markTail(n.rhs)
		return n, nil
	case nkCondition:
		for _, x := range []**node{&n.lhs, &n.rhs, &n.third} {
			if err := a.one(x, n); err != nil {
				return nil, err
			}
		}
		return n, nil
	case nkTransform:
		for _, x := range []**node{&n.lhs, &n.rhs, &n.third} {
			if err := a.one(x, nil); err != nil {
				return nil, err
			}
		}
		return n, nil
	case nkBlock:
		if err := a.all(n.list, n); err != nil {
			return nil, err
		}
		for _, x := range n.list {
			n.cons = n.cons || x.cons || x.kind == nkPath && x.list[0].cons
		}
		return n, nil
	case nkOperator:
		if n.op == "?" {
			return n, nil
		}
		n.kind = nkName
		return a.shape(n)
	case nkName:
		return &node{kind: nkPath, pos: n.pos, list: []*node{n}, keepSingleton: n.keepArray}, nil
	case nkParent:
		n.slot = &slot{label: "!" + strconv.Itoa(a.slots), level: 1}
		a.slots++
		return n, nil
	case nkVariable:
		if n.op == "eval" {
			a.dynamic = true
		}
		return n, nil
	case nkString, nkNumber, nkValue, nkWildcard, nkDescendant, nkRegex:
		return n, nil
	case nkEnd:
		return nil, failAt("S0207", n.pos, n.op, Value{})
	}
	return nil, failAt("S0206", n.pos, n.op, Value{})
}

func (a *analyser) unary(n *node) (*node, *Error) {
	switch n.op {
	case "[":
		return n, a.all(n.list, n)
	case "{":
		if err := a.pairs(n.pairs, n); err != nil {
			return nil, err
		}
		n.literalKeys = literalKeys(n.pairs)
		return n, nil
	}
	x, err := a.node(n.lhs)
	if err != nil {
		return nil, err
	}
	if x.kind == nkNumber {
		x.val = Num(-x.val.Float())
		return x, nil
	}
	n.lhs = x
	inherit(n, x)
	return n, nil
}

// literalKeys says that the keys are strings, all different, so that they need no grouping.
func literalKeys(pairs []pair) bool {
	seen := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		k := p.key
		if k.kind != nkString || k.predicates != nil || k.group != nil || seen[k.op] || reserved(k.op) {
			return false
		}
		seen[k.op] = true
	}
	return true
}

func reserved(key string) bool { return key == "_jsonata_lambda" || key == "_jsonata_function" }

func lastStep(n *node) *node {
	if n.kind == nkPath {
		return n.list[len(n.list)-1]
	}
	return n
}

func (a *analyser) binary(n *node) (*node, *Error) {
	switch n.op {
	case ".":
		return a.dot(n)
	case "[":
		return a.predicate(n)
	case "{":
		r, err := a.node(n.lhs)
		if err != nil {
			return nil, err
		}
		if r.group != nil {
			return nil, failAt("S0210", n.pos, "", Value{})
		}
		if err := a.pairs(n.pairs, nil); err != nil {
			return nil, err
		}
		r.group = &grouping{n.pairs, n.pos, literalKeys(n.pairs)}
		return r, nil
	case "^":
		return a.order(n)
	case ":=":
		n.kind = nkBind
		a.bound[n.lhs.op] = true
		return n, a.one(&n.rhs, n)
	case "@", "#":
		return a.binding(n)
	case "~>":
		n.kind = nkApply
		if err := a.one(&n.lhs, nil); err != nil {
			return nil, err
		}
		if err := a.one(&n.rhs, nil); err != nil {
			return nil, err
		}
		n.keepArray = n.lhs.keepArray || n.rhs.keepArray || n.keepArray
		return n, nil
	}
	n.bin = binaryOps[n.op]
	if err := a.one(&n.lhs, n); err != nil {
		return nil, err
	}
	return n, a.one(&n.rhs, n)
}

func (a *analyser) dot(n *node) (*node, *Error) {
	left, err := a.node(n.lhs)
	if err != nil {
		return nil, err
	}
	path, checked := left, len(left.list)
	if left.kind != nkPath {
		path, checked = &node{kind: nkPath, pos: n.pos, list: []*node{left}}, 0
		if left.kind == nkParent {
			path.seeking = []*slot{left.slot}
		}
	}
	rest, err := a.node(n.rhs)
	if err != nil {
		return nil, err
	}
	if rest.kind == nkPath {
		path.list = append(path.list, rest.list...)
	} else {
		if rest.predicates != nil {
			rest.stages, rest.predicates = rest.predicates, nil
		}
		path.list = append(path.list, rest)
	}
	for _, s := range path.list[checked:] {
		switch s.kind {
		case nkNumber, nkValue:
			return nil, failAt("S0213", s.pos, "", s.val)
		case nkString:
			s.kind = nkName
		}
		path.keepSingleton = path.keepSingleton || s.keepArray
	}
	for _, s := range []*node{path.list[0], path.list[len(path.list)-1]} {
		if s.kind == nkUnary && s.op == "[" {
			s.cons = true
		}
	}
	return path, resolve(path)
}

func (a *analyser) predicate(n *node) (*node, *Error) {
	r, err := a.node(n.lhs)
	if err != nil {
		return nil, err
	}
	step := lastStep(r)
	list := &step.predicates
	if r.kind == nkPath {
		list = &step.stages
	}
	if step.group != nil {
		return nil, failAt("S0209", n.pos, "", Value{})
	}
	p, err := a.node(n.rhs)
	if err != nil {
		return nil, err
	}
	if len(p.seeking) > 0 {
		for _, s := range p.seeking {
			if s.level == 1 {
				if err := seek(step, s); err != nil {
					return nil, err
				}
			} else {
				s.level--
			}
		}
		inherit(step, p)
	}
	*list = append(*list, stage{expr: p, pos: n.pos})
	return r, nil
}

func (a *analyser) order(n *node) (*node, *Error) {
	r, err := a.node(n.lhs)
	if err != nil {
		return nil, err
	}
	if r.kind != nkPath {
		r = &node{kind: nkPath, pos: n.pos, list: []*node{r}}
	}
	s := &node{kind: nkSort, pos: n.pos, terms: n.terms}
	for i := range s.terms {
		if err := a.one(&s.terms[i].expr, s); err != nil {
			return nil, err
		}
	}
	r.list = append(r.list, s)
	return r, resolve(r)
}

func (a *analyser) binding(n *node) (*node, *Error) {
	r, err := a.node(n.lhs)
	if err != nil {
		return nil, err
	}
	step := lastStep(r)
	a.bound[n.rhs.op] = true
	step.tuple = true
	if n.op == "@" {
		if step.stages != nil || step.predicates != nil {
			return nil, failAt("S0215", n.pos, "", Value{})
		}
		if step.kind == nkSort {
			return nil, failAt("S0216", n.pos, "", Value{})
		}
		step.keepArray = step.keepArray || n.keepArray
		step.focus = n.rhs.op
		return r, nil
	}
	if r.kind != nkPath {
		r = &node{kind: nkPath, pos: n.pos, list: []*node{step}}
		if step.predicates != nil {
			step.stages, step.predicates = step.predicates, nil
		}
	}
	if step.stages == nil {
		step.index = n.rhs.op
	} else {
		step.stages = append(step.stages, stage{name: n.rhs.op, pos: n.pos})
	}
	return r, nil
}

// inherit makes the unresolved parents of a part those of the whole.
func inherit(whole, part *node) {
	whole.seeking = append(whole.seeking, part.seeking...)
	if part.kind == nkParent {
		whole.seeking = append(whole.seeking, part.slot)
	}
}

// resolve looks for the steps that the parents in the last step of a path mean.
func resolve(path *node) *Error {
	last := path.list[len(path.list)-1]
	slots := last.seeking
	if last.kind == nkParent {
		slots = append(slots[:len(slots):len(slots)], last.slot)
	}
	for _, s := range slots {
		i := len(path.list) - 2
		for s.level > 0 {
			if i < 0 {
				path.seeking = append(path.seeking, s)
				break
			}
			step := path.list[i]
			i--
			for i >= 0 && step.focus != "" && path.list[i].focus != "" {
				step = path.list[i]
				i--
			}
			if err := seek(step, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// seek takes a slot one step up, and ties it to the step where its level ends.
func seek(n *node, s *slot) *Error {
	switch n.kind {
	case nkName, nkWildcard:
		if s.level--; s.level == 0 {
			if n.ancestor != nil {
				s.label = n.ancestor.label
			}
			n.ancestor, n.tuple = s, true
		}
	case nkParent:
		s.level++
	case nkBlock:
		if len(n.list) > 0 {
			n.tuple = true
			return seek(n.list[len(n.list)-1], s)
		}
	case nkPath:
		n.tuple = true
		for i := len(n.list) - 1; i >= 0 && (s.level > 0 || i == len(n.list)-1); i-- {
			if err := seek(n.list[i], s); err != nil {
				return err
			}
		}
	default:
		return failAt("S0217", n.pos, kindNames[n.kind], Value{})
	}
	return nil
}

// markTail marks the calls whose result is the function's, so that they need no stack.
func markTail(n *node) {
	switch {
	case n == nil || n.predicates != nil || n.group != nil && n.kind != nkFunction:
	case n.kind == nkFunction:
		n.tail = true
	case n.kind == nkCondition:
		markTail(n.rhs)
		markTail(n.third)
	case n.kind == nkBlock && len(n.list) > 0:
		markTail(n.list[len(n.list)-1])
	}
}
