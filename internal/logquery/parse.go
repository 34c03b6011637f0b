package logquery

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits bound a query and what it keeps. A zero member means AWS's own bound or a default of ours.
type Limits struct {
	QueryBytes int // 10,000
	Depth      int // 64: nested expressions
	Rows       int // 10,000: rows of an answer
	Groups     int // 10,000: groups of a stats
	Values     int // 1,000,000: values kept for percentiles and distinct counts
	Bytes      int // 64 MiB: of rows kept at once
	JSONBytes  int // 1 MiB: longer messages are not read as JSON
	JSONDepth  int // 32
}

func (l Limits) filled() Limits {
	for _, m := range []struct {
		p *int
		v int
	}{{&l.QueryBytes, 10_000}, {&l.Depth, 64}, {&l.Rows, 10_000}, {&l.Groups, 10_000}, {&l.Values, 1_000_000}, {&l.Bytes, 64 << 20}, {&l.JSONBytes, 1 << 20}, {&l.JSONDepth, 32}} {
		if *m.p <= 0 {
			*m.p = m.v
		}
	}
	return l
}

// Query is a compiled query. It is immutable and safe for concurrent use.
type Query struct {
	limits Limits
	stages []stage
}

type column struct {
	name string
	x    expr
	desc bool
}

// stage is one command.
type stage struct {
	verb  string
	cols  []column // fields, display, dedup, sort keys, aggregates of stats
	by    []column
	aggs  []*call // of all columns of a stats
	x     expr    // filter's condition; what parse and pattern read
	re    *regexp.Regexp
	names []string // what parse gives
	n     int
}

const commandsMax = 64

var refused = []string{"diff", "anomaly", "join", "unnest", "lookup", "addtotals", "filterindex", "source", "subquery", "fillmissing", "append"}

type parser struct {
	q      string
	toks   []token
	i      int
	limits Limits
	depth  int
	aggs   *[]*call // where aggregates may stand
	inAgg  bool
}

func (p *parser) peek() token { return p.toks[p.i] }
func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != end {
		p.i++
	}
	return t
}
func (p *parser) bad(format string, a ...any) error {
	return &Error{fmt.Sprintf(format, a...), p.peek().at}
}
func (p *parser) is(s string) bool {
	t := p.peek()
	return t.kind == sign && t.s == s || t.kind == name && strings.EqualFold(t.s, s)
}
func (p *parser) take(s string) bool {
	if p.is(s) {
		p.i++
		return true
	}
	return false
}

// Compile reads a query. The error is an *[Error].
func Compile(query string, l Limits) (*Query, error) {
	l = l.filled()
	if len(query) > l.QueryBytes {
		return nil, &Error{fmt.Sprintf("the query has more than %d characters", l.QueryBytes), l.QueryBytes}
	}
	toks, err := lex(query)
	if err != nil {
		return nil, err
	}
	p := &parser{q: query, toks: toks, limits: l}
	out := &Query{limits: l}
	for p.take("|") {
	}
	for p.peek().kind != end {
		s, err := p.command()
		if err != nil {
			return nil, err
		}
		if out.stages = append(out.stages, *s); len(out.stages) > commandsMax {
			return nil, p.bad("more than %d commands", commandsMax)
		}
		if p.peek().kind != end && !p.take("|") {
			return nil, p.bad("unexpected %q", p.peek().s)
		}
	}
	if len(out.stages) == 0 {
		return nil, &Error{"the query is empty", 0}
	}
	return out, nil
}

func (p *parser) command() (*stage, error) {
	t := p.next()
	if t.kind != name {
		p.i--
		return nil, p.bad("a command is missing")
	}
	s := &stage{verb: strings.ToLower(t.s)}
	var err error
	switch s.verb {
	case "fields", "display":
		s.cols, err = p.columns(false)
	case "filter":
		s.x, err = p.expr()
	case "parse":
		err = p.parse(s)
	case "stats":
		p.aggs = &s.aggs
		s.cols, err = p.columns(false)
		p.aggs = nil
		if err == nil && len(s.aggs) == 0 {
			err = p.bad("stats needs an aggregate function")
		}
		if err == nil && p.take("by") {
			s.by, err = p.columns(false)
		}
	case "sort":
		s.cols, err = p.columns(true)
	case "limit", "head", "tail":
		if s.verb != "limit" {
			err = &Error{"the command " + s.verb + " is not implemented", t.at}
			break
		}
		n := p.next()
		if s.n, err = strconv.Atoi(n.s); err != nil || n.kind != number || s.n < 1 || s.n > p.limits.Rows {
			err = &Error{fmt.Sprintf("limit needs a number from 1 to %d", p.limits.Rows), n.at}
		}
	case "dedup":
		s.cols, err = p.columns(false)
	case "pattern":
		s.x, err = p.expr()
	default:
		what := "unknown command "
		if slices.Contains(refused, s.verb) {
			what = "not implemented: the command "
		}
		err = &Error{what + t.s, t.at}
	}
	return s, err
}

func (p *parser) columns(order bool) (out []column, err error) {
	for {
		from := p.peek().at
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		c := column{x: x, name: strings.TrimSpace(p.q[from:p.toks[p.i-1].to])}
		if f, ok := x.(field); ok {
			c.name = f.name
		}
		switch {
		case order:
			if p.take("desc") {
				c.desc = true
			} else {
				p.take("asc")
			}
		case p.take("as"):
			n := p.next()
			if n.kind != name && n.kind != quotedName {
				p.i--
				return nil, p.bad("a name is missing behind as")
			}
			c.name = n.s
		}
		out = append(out, c)
		if !p.take(",") {
			return out, nil
		}
	}
}

func (p *parser) parse(s *stage) (err error) {
	s.x = field{"@message"}
	if k := p.peek().kind; k == name || k == quotedName {
		if s.x, err = p.primary(); err != nil {
			return err
		}
	}
	t := p.next()
	switch t.kind {
	case text:
		var b strings.Builder
		b.WriteString("(?s)")
		parts := strings.Split(t.s, "*")
		for i, x := range parts {
			b.WriteString(regexp.QuoteMeta(x))
			switch {
			case i == len(parts)-1:
			case i == len(parts)-2 && parts[i+1] == "":
				b.WriteString("(.*)")
			default:
				b.WriteString("(.*?)")
			}
		}
		s.re, err = regexp.Compile(b.String())
	case regex:
		s.re, err = regexp.Compile(t.s)
	default:
		p.i--
		return p.bad("parse needs a text in quotes or a regular expression")
	}
	if err != nil {
		return &Error{"the regular expression is refused: " + err.Error(), t.at}
	}
	groups := s.re.SubexpNames()[1:]
	if p.take("as") {
		for {
			n := p.next()
			if n.kind != name && n.kind != quotedName {
				p.i--
				return p.bad("a name is missing behind as")
			}
			s.names = append(s.names, n.s)
			if !p.take(",") {
				break
			}
		}
		if len(s.names) != len(groups) {
			return &Error{fmt.Sprintf("parse finds %d values and names %d", len(groups), len(s.names)), t.at}
		}
		return nil
	}
	s.names = groups
	if len(groups) == 0 || slices.Contains(groups, "") {
		return &Error{"parse needs a name for each value", t.at}
	}
	return nil
}

// expr reads an expression: or, and, not, comparisons, sums, products, powers.
func (p *parser) expr() (expr, error) { return p.binary(0) }

var levels = [][]string{{"or"}, {"and"}, nil, {"+", "-"}, {"*", "/", "%"}, {"^"}}

func (p *parser) binary(level int) (expr, error) {
	if level == len(levels) {
		return p.unary()
	}
	if levels[level] == nil {
		return p.comparison(level)
	}
	if p.depth++; p.depth > p.limits.Depth*8 {
		return nil, p.bad("the expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	left, err := p.binary(level + 1)
	for n := 0; err == nil; n++ {
		op := ""
		for _, o := range levels[level] {
			if p.take(o) {
				op = o
				break
			}
		}
		if op == "" {
			return left, nil
		}
		if n > 500 {
			return nil, p.bad("the expression is too long")
		}
		var right expr
		if right, err = p.binary(level + 1); err == nil {
			left = operation{op, left, right}
		}
	}
	return nil, err
}

func (p *parser) comparison(level int) (expr, error) {
	if p.take("not") {
		if p.depth++; p.depth > p.limits.Depth*8 {
			return nil, p.bad("the expression is nested too deeply")
		}
		defer func() { p.depth-- }()
		x, err := p.comparison(level)
		return not{x}, err
	}
	left, err := p.binary(level + 1)
	if err != nil {
		return nil, err
	}
	negate := p.is("not") && p.toks[min(p.i+1, len(p.toks)-1)].kind == name && p.take("not")
	var x expr
	switch {
	case p.take("like") || !negate && p.take("=~"):
		t := p.next()
		switch t.kind {
		case regex:
			re, err := regexp.Compile(t.s)
			if err != nil {
				return nil, &Error{"the regular expression is refused: " + err.Error(), t.at}
			}
			x = matches{left, re}
		case text:
			x = contains{left, t.s}
		default:
			p.i--
			return nil, p.bad("like needs a text in quotes or a regular expression")
		}
	case p.take("in"):
		if !p.take("[") {
			return nil, p.bad("in needs a list in brackets")
		}
		l := inList{x: left}
		for !p.take("]") {
			y, err := p.expr()
			if err != nil {
				return nil, err
			}
			l.list = append(l.list, y)
			if !p.take(",") && !p.is("]") {
				return nil, p.bad("a list needs commas")
			}
		}
		x = l
	case negate:
		return nil, p.bad("like or in is missing behind not")
	default:
		for _, op := range []string{"=", "!=", "<=", ">=", "<", ">"} {
			if p.take(op) {
				right, err := p.binary(level + 1)
				return operation{op, left, right}, err
			}
		}
		return left, nil
	}
	if negate {
		x = not{x}
	}
	return x, nil
}

func (p *parser) unary() (expr, error) {
	if p.take("-") {
		if p.depth++; p.depth > p.limits.Depth*8 {
			return nil, p.bad("the expression is nested too deeply")
		}
		defer func() { p.depth-- }()
		x, err := p.unary()
		return operation{"-", constant{numOf(0)}, x}, err
	}
	return p.primary()
}

func (p *parser) primary() (expr, error) {
	t := p.next()
	switch t.kind {
	case text:
		return constant{strOf(t.s)}, nil
	case quotedName:
		return field{t.s}, nil
	case number:
		f, err := strconv.ParseFloat(t.s, 64)
		if err != nil {
			p.i--
			return nil, p.bad("%q is no number", t.s)
		}
		return constant{numOf(f)}, nil
	case name:
		if p.peek().kind == sign && p.peek().s == "(" && p.peek().at == t.to {
			return p.call(t)
		}
		switch strings.ToLower(t.s) {
		case "and", "or", "not", "like", "in", "by", "as":
			p.i--
			return nil, p.bad("unexpected %q", t.s)
		case "true", "false":
			return constant{boolOf(strings.EqualFold(t.s, "true"))}, nil
		}
		return field{t.s}, nil
	case sign:
		if t.s == "(" {
			x, err := p.expr()
			if err == nil && !p.take(")") {
				err = p.bad("a closing parenthesis is missing")
			}
			return x, err
		}
	}
	p.i -= min(p.i, btoi(t.kind != end))
	if t.kind == end {
		return nil, p.bad("the query ends where a value is missing")
	}
	return nil, p.bad("unexpected %q", t.s)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
