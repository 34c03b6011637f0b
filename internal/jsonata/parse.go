package jsonata

// power is how strongly an operator binds to its left.
var power = map[string]int{".": 75, "[": 80, "{": 70, "(": 80, "@": 80, "#": 80, "?": 20, "+": 50, "-": 50, "*": 60, "/": 60, "%": 60, "=": 40,
	"<": 40, ">": 40, "^": 40, ":=": 10, "!=": 40, "<=": 40, ">=": 40, "~>": 40, "?:": 40, "??": 40, "and": 30, "or": 25, "in": 40, "&": 50}

// known are the operators that have a place in the grammar besides those with a power.
var known = map[string]bool{":": true, ";": true, ",": true, ")": true, "]": true, "}": true, "..": true, "**": true, "|": true}

// parser reads an expression by operator precedence.
type parser struct {
	lex    lexer
	tok    token
	budget int // copies of operands, in nodes
	depth  int
	limits Limits
}

func parse(src string, limits Limits) (*node, *Error) {
	if len(src) > limits.Source {
		return nil, limitError("Source", limits.Source)
	}
	p := &parser{lex: lexer{src: src, ascii: ascii(src)}, limits: limits, budget: 4*len(src) + 1000}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, p.wrong("S0201")
	}
	return n, nil
}

func (p *parser) wrong(code string) *Error {
	return &Error{Code: code, Position: p.tok.pos, Token: p.tok.text, hasToken: true, placed: true, literal: p.tok.kind == tokNumber || p.tok.kind == tokValue}
}

// advance takes the next token.
func (p *parser) advance(operand bool) *Error {
	t, err := p.lex.next(operand)
	if err != nil {
		return err
	}
	if t.kind == tokOperator && power[t.text] == 0 && !known[t.text] {
		return &Error{Code: "S0204", Position: t.pos, Token: t.text, placed: true}
	}
	p.tok = t
	return nil
}

func (p *parser) is(op string) bool { return p.tok.kind == tokOperator && p.tok.text == op }

// expect passes one operator; operand says whether a regular expression may follow.
func (p *parser) expect(op string, operand bool) *Error {
	if p.is(op) {
		return p.advance(operand)
	}
	e := p.wrong("S0202")
	e.Value = Str(op)
	if p.tok.kind == tokEnd {
		e.Code = "S0203"
	}
	return e
}

func (p *parser) leftPower() int {
	if p.tok.kind != tokOperator {
		return 0
	}
	return power[p.tok.text]
}

func (p *parser) expression(right int) (*node, *Error) {
	if p.depth++; p.depth > p.limits.Nesting {
		return nil, limitError("Nesting", p.limits.Nesting)
	}
	t := p.tok
	if err := p.advance(false); err != nil {
		return nil, err
	}
	left, err := p.operand(t)
	for links := 0; err == nil && right < p.leftPower(); links++ {
		if links > 8*p.limits.Nesting {
			return nil, limitError("Nesting", p.limits.Nesting)
		}
		t = p.tok
		if err = p.advance(true); err == nil {
			left, err = p.operator(t, left)
		}
	}
	p.depth--
	return left, err
}

// operand reads what begins with t.
func (p *parser) operand(t token) (*node, *Error) {
	n := &node{op: t.text, pos: t.pos, val: t.value}
	switch t.kind {
	case tokEnd:
		n.kind, n.op = nkEnd, "(end)"
		return n, nil
	case tokName:
		n.kind = nkName
		return n, nil
	case tokVariable:
		n.kind = nkVariable
		return n, nil
	case tokString:
		n.kind = nkString
		return n, nil
	case tokNumber:
		n.kind = nkNumber
		return n, nil
	case tokValue:
		n.kind = nkValue
		return n, nil
	case tokRegex:
		n.kind, n.regex = nkRegex, t.regex
		return n, nil
	}
	switch t.text {
	case "and", "or", "in":
		n.kind = nkOperator
		return n, nil
	case "*":
		n.kind = nkWildcard
		return n, nil
	case "**":
		n.kind = nkDescendant
		return n, nil
	case "%":
		n.kind = nkParent
		return n, nil
	case "-":
		n.kind = nkUnary
		// The token after the sign was read as what follows an operand; a slash there would be an operator too.
		var err *Error
		n.lhs, err = p.expression(70)
		return n, err
	case "(":
		return p.block(n)
	case "[":
		return p.array(n)
	case "{":
		n.kind = nkUnary
		return n, p.object(n)
	case "|":
		return p.transform(n)
	}
	return nil, &Error{Code: "S0211", Position: t.pos, Token: t.text, placed: true}
}

func (p *parser) block(n *node) (*node, *Error) {
	n.kind = nkBlock
	for !p.is(")") {
		x, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.list = append(n.list, x)
		if !p.is(";") {
			break
		}
		if err := p.advance(true); err != nil {
			return nil, err
		}
	}
	return n, p.expect(")", false)
}

func (p *parser) array(n *node) (*node, *Error) {
	n.kind = nkUnary
	for more := !p.is("]"); more; more = p.is(",") {
		if len(n.list) > 0 {
			if err := p.advance(true); err != nil {
				return nil, err
			}
		}
		x, err := p.expression(0)
		if err == nil && p.is("..") {
			r := &node{kind: nkBinary, op: "..", pos: p.tok.pos, lhs: x}
			if err = p.advance(true); err == nil {
				r.rhs, err = p.expression(0)
				x = r
			}
		}
		if err != nil {
			return nil, err
		}
		n.list = append(n.list, x)
	}
	return n, p.expect("]", false)
}

// object reads the pairs of an object constructor or grouping.
func (p *parser) object(n *node) *Error {
	for more := !p.is("}"); more; more = p.is(",") {
		if len(n.pairs) > 0 {
			if err := p.advance(true); err != nil {
				return err
			}
		}
		key, err := p.expression(0)
		if err != nil {
			return err
		}
		if err := p.expect(":", true); err != nil {
			return err
		}
		val, err := p.expression(0)
		if err != nil {
			return err
		}
		n.pairs = append(n.pairs, pair{key, val})
	}
	return p.expect("}", false)
}

func (p *parser) transform(n *node) (*node, *Error) {
	n.kind = nkTransform
	var err *Error
	if n.lhs, err = p.expression(0); err != nil {
		return nil, err
	}
	if err = p.expect("|", true); err != nil {
		return nil, err
	}
	if n.rhs, err = p.expression(0); err != nil {
		return nil, err
	}
	if p.is(",") {
		if err = p.advance(true); err != nil {
			return nil, err
		}
		if n.third, err = p.expression(0); err != nil {
			return nil, err
		}
	}
	return n, p.expect("|", true)
}

// operator reads what follows left with the operator t.
func (p *parser) operator(t token, left *node) (*node, *Error) {
	n := &node{kind: nkBinary, op: t.text, pos: t.pos, lhs: left}
	var err *Error
	switch t.text {
	case "(":
		return p.call(n)
	case "[":
		if p.is("]") {
			step := left
			for step.kind == nkBinary && step.op == "[" {
				step = step.lhs
			}
			step.keepArray = true
			return left, p.advance(true)
		}
		if n.rhs, err = p.expression(0); err != nil {
			return nil, err
		}
		return n, p.expect("]", false)
	case "{":
		return n, p.object(n)
	case "^":
		return p.order(n)
	case ":=":
		if left.kind != nkVariable {
			return nil, &Error{Code: "S0212", Position: left.pos, Token: left.op, hasToken: true, placed: true}
		}
		n.rhs, err = p.expression(power[":="] - 1)
		return n, err
	case "@", "#":
		if n.rhs, err = p.expression(80); err == nil && n.rhs.kind != nkVariable {
			err = &Error{Code: "S0214", Position: n.rhs.pos, Token: t.text, placed: true}
		}
		return n, err
	case "?":
		n.kind = nkCondition
		if n.rhs, err = p.expression(0); err == nil && p.is(":") {
			if err = p.advance(true); err == nil {
				n.third, err = p.expression(0)
			}
		}
		return n, err
	case "?:", "??":
		n.kind, n.rhs = nkCondition, left
		if p.budget -= size(left); p.budget < 0 {
			return nil, limitError("Nesting", p.limits.Nesting)
		}
		n.lhs = copyNode(left)
		if t.text == "??" {
			n.lhs = &node{kind: nkFunction, op: "(", lhs: &node{kind: nkVariable, op: "exists"}, list: []*node{n.lhs}}
		}
		n.third, err = p.expression(0)
		return n, err
	}
	n.rhs, err = p.expression(power[t.text])
	return n, err
}

// size is the number of nodes.
func size(n *node) int {
	if n == nil {
		return 0
	}
	total := 1 + size(n.lhs) + size(n.rhs) + size(n.third)
	for _, x := range n.list {
		total += size(x)
	}
	for _, x := range n.pairs {
		total += size(x.key) + size(x.val)
	}
	for _, x := range n.terms {
		total += size(x.expr)
	}
	return total
}

func (p *parser) order(n *node) (*node, *Error) {
	if err := p.expect("(", true); err != nil {
		return nil, err
	}
	for {
		t := sortTerm{descending: p.is(">")}
		if p.is("<") || p.is(">") {
			if err := p.advance(true); err != nil {
				return nil, err
			}
		}
		var err *Error
		if t.expr, err = p.expression(0); err != nil {
			return nil, err
		}
		n.terms = append(n.terms, t)
		if !p.is(",") {
			return n, p.expect(")", true)
		}
		if err := p.advance(true); err != nil {
			return nil, err
		}
	}
}

// call reads the arguments of a call, a partial application or the parameters and body of a function.
func (p *parser) call(n *node) (*node, *Error) {
	n.kind = nkFunction
	for more := !p.is(")"); more; more = p.is(",") {
		if len(n.list) > 0 {
			if err := p.advance(true); err != nil {
				return nil, err
			}
		}
		if p.is("?") {
			n.kind = nkPartial
			n.list = append(n.list, &node{kind: nkOperator, op: "?", pos: p.tok.pos})
			if err := p.advance(true); err != nil {
				return nil, err
			}
			continue
		}
		x, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.list = append(n.list, x)
	}
	if err := p.expect(")", false); err != nil {
		return nil, err
	}
	if n.lhs.kind != nkName || n.lhs.op != "function" && n.lhs.op != "λ" {
		return n, nil
	}
	for i, x := range n.list {
		if x.kind != nkVariable {
			return nil, &Error{Code: "S0208", Position: x.pos, Token: x.op, Value: Num(float64(i + 1)), placed: true}
		}
	}
	n.kind = nkLambda
	if err := p.signature(n); err != nil {
		return nil, err
	}
	if err := p.expect("{", true); err != nil {
		return nil, err
	}
	body, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	n.rhs = body
	return n, p.expect("}", true)
}

// signature reads the types of a function's parameters, if they are there.
func (p *parser) signature(n *node) *Error {
	if !p.is("<") {
		return nil
	}
	pos, text := p.tok.pos, "<"
	for depth := 1; depth > 0 && !p.is("{") && p.tok.kind != tokEnd; {
		if err := p.advance(true); err != nil {
			return err
		}
		if p.is(">") {
			depth--
		} else if p.is("<") {
			depth++
		}
		text += p.tok.text
	}
	if err := p.expect(">", true); err != nil {
		return err
	}
	sig, err := parseSignature(text)
	if err != nil {
		err.Position += pos
		err.placed = true
		return err
	}
	n.sig = sig
	return nil
}
