package jsonpath

import (
	"regexp"
	"strings"
)

// filter is a condition on an element: a tree of and, or and not over comparisons.
type filter struct {
	op          string // && || ! or a comparison; "" asks whether left is there
	left, right *filter
	a, b        operand
	pattern     *regexp.Regexp
}

type operand struct {
	path  *Path
	value any
}

func (p *pathParser) or() (*filter, error) {
	return p.chain("||", func() (*filter, error) { return p.chain("&&", p.not) })
}

func (p *pathParser) chain(op string, next func() (*filter, error)) (*filter, error) {
	left, err := next()
	for err == nil {
		p.space()
		if !p.is(op) {
			return left, nil
		}
		var right *filter
		if right, err = next(); err == nil {
			left = &filter{op: op, left: left, right: right}
		}
	}
	return nil, err
}

func (p *pathParser) not() (*filter, error) {
	if p.depth++; p.depth > FilterMax {
		return nil, p.fail("a filter is nested too deeply")
	}
	defer func() { p.depth-- }()
	p.space()
	switch {
	case p.is("!"):
		f, err := p.not()
		return &filter{op: "!", left: f}, err
	case p.is("("):
		f, err := p.or()
		if err != nil {
			return nil, err
		}
		if p.space(); !p.is(")") {
			return nil, p.fail("a parenthesis is not closed")
		}
		return f, nil
	}
	f := &filter{}
	var err error
	if f.a, err = p.operand(); err != nil {
		return nil, err
	}
	p.space()
	for _, op := range []string{"==", "!=", "<=", ">=", "=~", "<", ">"} {
		if !p.is(op) {
			continue
		}
		p.space()
		f.op = op
		if op == "=~" {
			return f, p.regex(f)
		}
		f.b, err = p.word()
		return f, err
	}
	if f.a.path == nil {
		return nil, p.fail("a comparison is missing")
	}
	return f, nil
}

func (p *pathParser) regex(f *filter) error {
	if !p.is("/") {
		return p.fail("a regular expression begins with /")
	}
	from := p.i
	for p.i < len(p.s) && p.s[p.i] != '/' {
		if p.s[p.i] == '\\' {
			p.i++
		}
		p.i++
	}
	if p.i >= len(p.s) {
		return p.fail("a regular expression is not closed")
	}
	text := "^(?:" + strings.ReplaceAll(p.s[from:p.i], `\/`, "/") + ")$"
	p.i++
	if p.is("i") {
		text = "(?i)" + text
	}
	var err error
	if f.pattern, err = regexp.Compile(text); err != nil {
		return p.fail("no regular expression")
	}
	return nil
}

// word reads the right side of a comparison, which may be a word without quotes.
func (p *pathParser) word() (operand, error) {
	from := p.i
	if p.i < len(p.s) && p.s[p.i]|32 >= 'a' && p.s[p.i]|32 <= 'z' {
		if w := p.name(); w != "true" && w != "false" && w != "null" {
			return operand{value: w}, nil
		}
	}
	p.i = from
	return p.operand()
}

func (p *pathParser) operand() (operand, error) {
	if p.i >= len(p.s) {
		return operand{}, p.fail("a value is missing")
	}
	switch c := p.s[p.i]; {
	case c == '@' || c == '$':
		path, err := p.path()
		return operand{path: path}, err
	case c == '\'' || c == '"':
		s, err := p.quoted()
		return operand{value: s}, err
	}
	for word, v := range map[string]any{"true": true, "false": false, "null": nil} {
		if p.is(word) {
			return operand{value: v}, nil
		}
	}
	from := p.i
	for p.i < len(p.s) && strings.IndexByte("0123456789+-.eE", p.s[p.i]) >= 0 {
		p.i++
	}
	v, err := Decode([]byte(p.s[from:p.i]))
	if err != nil {
		return operand{}, p.fail("no value")
	}
	return operand{value: v}, nil
}

// get gives the operand's value; false if its path leads nowhere.
func (o *operand) get(r *reading) (any, bool, error) {
	if o.path == nil {
		return o.value, true, nil
	}
	v, err := o.path.read(r)
	if _, none := err.(*NoResult); none {
		return nil, false, nil
	}
	if list, ok := v.([]any); ok && !o.path.definite {
		return v, len(list) > 0, err
	}
	return v, err == nil, err
}

func (f *filter) holds(r *reading, item any) (bool, error) {
	if err := r.count(); err != nil {
		return false, err
	}
	switch f.op {
	case "!":
		ok, err := f.left.holds(r, item)
		return !ok, err
	case "&&", "||":
		ok, err := f.left.holds(r, item)
		if err != nil || ok == (f.op == "||") {
			return ok, err
		}
		return f.right.holds(r, item)
	}
	before := r.item
	r.item = item
	defer func() { r.item = before }()
	a, there, err := f.a.get(r)
	if err != nil || f.op == "" {
		return there, err
	}
	if err := r.charge(a); err != nil {
		return false, err
	}
	if f.op == "=~" {
		s, ok := a.(string)
		return ok && f.pattern.MatchString(s), nil
	}
	b, also, err := f.b.get(r)
	if err != nil {
		return false, err
	}
	same := there && also && equal(a, b) || !there && !also
	switch f.op {
	case "==":
		return same, nil
	case "!=":
		return !same, nil
	}
	order, ok := compare(a, b)
	switch {
	case !ok || !there || !also:
		return false, nil
	case order < 0:
		return f.op[0] == '<', nil
	case order > 0:
		return f.op[0] == '>', nil
	}
	return len(f.op) == 2, nil
}

func compare(a, b any) (int, bool) {
	switch a := a.(type) {
	case Number:
		if b, ok := b.(Number); ok {
			return compareNumbers(a, b), true
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b), true
		}
	}
	return 0, false
}
