package ddbexpr

import (
	"strconv"
	"strings"
)

// Parse reads an expression and makes the checks that need neither names nor values.
func Parse(kind Kind, text string, lim Limits) (*Expression, error) {
	lim = lim.orDefault()
	switch {
	case text == "":
		return nil, invalid("Invalid " + kind.String() + ": The expression can not be empty;")
	case len(text) > lim.ExpressionBytes:
		return nil, invalid("Invalid " + kind.String() + ": Expression size has exceeded the maximum allowed size; expression size: " + strconv.Itoa(len(text)))
	}
	text = strings.Clone(text)
	p := parser{lexer: lexer{text: text}, lim: lim, e: &Expression{kind: kind, inMax: lim.InOperands}}
	p.prev = token{tEOF, -1, -1}
	p.tok = p.lexer.next()
	switch kind {
	case Update:
		p.update()
	case Projection:
		p.projection()
	default:
		p.e.cond = p.condition()
	}
	if p.err == nil && p.tok.kind != tEOF {
		p.fail()
	}
	if p.err == nil {
		p.err = check(p.e, lim)
	}
	if p.err != nil {
		return nil, invalid("Invalid " + kind.String() + ": " + p.err.Error())
	}
	return p.e, nil
}

type parser struct {
	lexer     lexer
	lim       Limits
	e         *Expression
	prev, tok token
	err       error
	depth     int
}

func (p *parser) advance() token {
	t := p.tok
	p.prev, p.tok = t, p.lexer.next()
	return t
}

func (p *parser) str(t token) string { return p.lexer.text[t.from:t.to] }

// fail notes a syntax error at the present token.
func (p *parser) fail() {
	if p.err != nil {
		return
	}
	from := max(p.prev.from, 0)
	word, end := p.str(p.tok), p.lexer.next().to
	if p.tok.kind == tEOF {
		word = "<EOF>"
	}
	p.err = invalid(`Syntax error; token: "` + word + `", near: "` + p.lexer.text[from:end] + `"`)
	p.tok = token{tEOF, len(p.lexer.text), len(p.lexer.text)}
	p.lexer.at = len(p.lexer.text)
}

// closed refuses parentheses that hold nothing but parentheses.
func (p *parser) closed(again bool) {
	if again && p.err == nil {
		p.err = invalid("The expression has redundant parentheses;")
		p.tok = token{tEOF, len(p.lexer.text), len(p.lexer.text)}
		p.lexer.at = len(p.lexer.text)
	}
}

func (p *parser) expect(k tokenKind) token {
	if p.tok.kind != k {
		p.fail()
		return p.tok
	}
	return p.advance()
}

func (p *parser) accept(k tokenKind) bool {
	if p.tok.kind != k || p.err != nil {
		return false
	}
	p.advance()
	return true
}

// condition reads a whole condition.
func (p *parser) condition() *cond {
	c, o := p.or()
	return p.whole(c, o)
}

// whole makes a condition of what was read: an operand alone is none, unless it is a function.
func (p *parser) whole(c *cond, o *operand) *cond {
	if o == nil {
		return c
	}
	if o.kind != opFunction {
		p.fail()
		return nil
	}
	return &cond{kind: cFunction, args: []*operand{o}, parens: o.parens}
}

// or, and, not and primary each give a condition, or an operand that stands alone (it may be in parentheses that a
// comparison follows).
func (p *parser) or() (*cond, *operand) { return p.chain(tOr, cOr, p.and) }

func (p *parser) and() (*cond, *operand) { return p.chain(tAnd, cAnd, p.not) }

func (p *parser) chain(word tokenKind, kind condKind, next func() (*cond, *operand)) (*cond, *operand) {
	c, o := next()
	if p.tok.kind != word || p.err != nil {
		return c, o
	}
	first := p.whole(c, o)
	out := &cond{kind: kind, kids: []*cond{first}}
	for p.accept(word) {
		out.kids = append(out.kids, p.whole(next()))
	}
	return out, nil
}

func (p *parser) not() (*cond, *operand) {
	if p.tok.kind != tNot {
		return p.primary()
	}
	if !p.enter() {
		return nil, nil
	}
	p.advance()
	c := p.whole(p.not())
	p.depth--
	return &cond{kind: cNot, kids: []*cond{c}}, nil
}

// enter bounds how deep the reading goes.
func (p *parser) enter() bool {
	if p.depth++; p.depth > p.lim.Depth && p.err == nil {
		p.err = invalid("The expression has too many nesting levels; nesting levels: " + strconv.Itoa(p.depth))
		p.tok = token{tEOF, len(p.lexer.text), len(p.lexer.text)}
	}
	return p.err == nil
}

func (p *parser) primary() (*cond, *operand) {
	var o *operand
	if p.tok.kind == tOpen {
		if !p.enter() {
			return nil, nil
		}
		p.advance()
		c, inner := p.or()
		if p.expect(tClose); p.err != nil {
			return nil, nil
		}
		p.depth--
		if c != nil {
			p.closed(c.parens)
			c.parens = true
			return c, nil
		}
		p.closed(inner.parens)
		inner.parens = true
		o = inner
	} else {
		o = p.operand()
	}
	if p.err != nil {
		return nil, nil
	}
	switch k := p.tok.kind; k {
	case tEQ, tNE, tLT, tLE, tGT, tGE:
		p.advance()
		return &cond{kind: condKind(k-tEQ) + cEQ, args: []*operand{o, p.operand()}}, nil
	case tIn:
		p.advance()
		p.expect(tOpen)
		args := []*operand{o, p.operand()}
		for p.accept(tComma) {
			args = append(args, p.operand())
		}
		p.expect(tClose)
		return &cond{kind: cIn, args: args}, nil
	case tBetween:
		p.advance()
		low := p.operand()
		p.expect(tAnd)
		return &cond{kind: cBetween, args: []*operand{o, low, p.operand()}}, nil
	}
	return nil, o
}

// operand reads a path, a value, a function or one of these in parentheses.
func (p *parser) operand() *operand {
	if p.err != nil {
		return &operand{}
	}
	switch p.tok.kind {
	case tOpen:
		if !p.enter() {
			return &operand{}
		}
		p.advance()
		o := p.operand()
		p.expect(tClose)
		p.depth--
		p.closed(o.parens)
		o.parens = true
		return o
	case tValue:
		return &operand{kind: opValue, slot: p.e.valueSlot(p.str(p.advance()))}
	case tID:
		t := p.tok
		if p.lexer.peek() == '(' {
			p.advance()
			return p.function(p.str(t))
		}
	}
	return &operand{kind: opPath, path: p.path()}
}

// peek is the next byte that is not white space.
func (l *lexer) peek() byte {
	at := l.at
	t := l.next()
	l.at = at
	if t.kind == tEOF {
		return 0
	}
	return l.text[t.from]
}

func (p *parser) function(name string) *operand {
	o := &operand{kind: opFunction, fn: name, known: function(name)}
	if !p.enter() {
		return o
	}
	p.expect(tOpen)
	o.args = append(o.args, p.operand())
	for p.accept(tComma) {
		o.args = append(o.args, p.operand())
	}
	p.expect(tClose)
	p.depth--
	return o
}

// path reads a document path.
func (p *parser) path() path {
	out := path{p.name()}
	for p.err == nil {
		switch p.tok.kind {
		case tDot:
			p.advance()
			out = append(out, p.name())
		case tSquare:
			p.advance()
			t := p.tok
			if t.kind != tIndex {
				p.fail()
				return out
			}
			p.advance()
			p.expect(tSquareEnd)
			text := p.str(t)
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				n = -2
			}
			out = append(out, step{name: text, slot: -1, index: int(n)})
		default:
			return out
		}
	}
	return out
}

func (p *parser) name() step {
	switch p.tok.kind {
	case tID:
		return step{name: p.str(p.advance()), slot: -1, index: -1}
	case tName:
		return step{slot: p.e.nameSlot(p.str(p.advance())), index: -1}
	case tValue: // a.:v is read, and never defined
		if p.prev.kind == tDot {
			return step{slot: p.e.nameSlot(p.str(p.advance())), index: -1}
		}
	}
	p.fail()
	return step{slot: -1, index: -1}
}

func (p *parser) projection() {
	p.e.paths = append(p.e.paths, p.path())
	for p.accept(tComma) {
		p.e.paths = append(p.e.paths, p.path())
	}
}

func (p *parser) update() {
	for {
		k := p.tok.kind
		if k < tSet || k > tRemove {
			if len(p.e.sections) == 0 || k != tEOF {
				p.fail()
			}
			return
		}
		p.advance()
		s := section(k - tSet)
		p.e.sections = append(p.e.sections, s)
		for {
			a := action{section: s, target: p.path()}
			switch s {
			case sSet:
				p.expect(tEQ)
				a.value = p.sum()
			case sAdd, sDelete:
				if p.tok.kind != tValue {
					p.fail()
					return
				}
				a.value = &operand{kind: opValue, slot: p.e.valueSlot(p.str(p.advance()))}
			}
			p.e.actions = append(p.e.actions, a)
			if !p.accept(tComma) {
				break
			}
		}
		if p.err != nil {
			return
		}
	}
}

// sum reads what SET gives: an operand, or two with + or - between, maybe in parentheses.
func (p *parser) sum() *operand {
	if p.tok.kind == tOpen {
		if !p.enter() {
			return &operand{}
		}
		p.advance()
		o := p.sum()
		p.expect(tClose)
		p.depth--
		p.closed(o.parens)
		o.parens = true
		if o.kind == opSum || p.err != nil {
			return o
		}
		return p.sumRest(o)
	}
	return p.sumRest(p.operand())
}

func (p *parser) sumRest(o *operand) *operand {
	if p.err != nil || p.tok.kind != tPlus && p.tok.kind != tMinus {
		return o
	}
	sign := p.str(p.advance())
	return &operand{kind: opSum, fn: sign, args: []*operand{o, p.operand()}}
}
