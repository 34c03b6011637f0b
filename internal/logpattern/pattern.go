package logpattern

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Limits bound a pattern and the lines it is matched with. A zero member means AWS's own bound.
type Limits struct {
	PatternBytes int // 1024
	Regexes      int // 2
	Conditions   int // 64: conditions, or terms
	LineBytes    int // 1 MiB; longer lines do not match JSON or fields
	Depth        int // 64: nested parentheses, nested JSON
	Fields       int // 256: fields of a line that are told apart
}

func (l Limits) filled() Limits {
	for _, m := range []struct {
		p *int
		v int
	}{{&l.PatternBytes, 1024}, {&l.Regexes, 2}, {&l.Conditions, 64}, {&l.LineBytes, 1 << 20}, {&l.Depth, 64}, {&l.Fields, 256}} {
		if *m.p <= 0 {
			*m.p = m.v
		}
	}
	return l
}

// Error is a pattern that is refused. Services answer it as InvalidParameterException.
type Error struct {
	Message string
	Offset  int // byte of the pattern where it was noticed
}

// Error gives the message and the place.
func (e *Error) Error() string {
	return fmt.Sprintf("Invalid filter pattern: %s (at character %d)", e.Message, e.Offset+1)
}

// Pattern is a compiled filter pattern. It is immutable and safe for concurrent use.
type Pattern struct {
	limits Limits
	terms  *terms
	json   *jsonPattern
	fields *fieldPattern
	regex  *regexp.Regexp
	count  int // regular expressions in it
}

// Compile reads a pattern. The error is an *[Error].
func Compile(pattern string, l Limits) (*Pattern, error) {
	l = l.filled()
	p := &Pattern{limits: l}
	if len(pattern) > l.PatternBytes {
		return nil, &Error{fmt.Sprintf("it has more than %d bytes", l.PatternBytes), l.PatternBytes}
	}
	c := &compiler{src: pattern, limits: l}
	c.space()
	var err error
	end := strings.TrimSpace(pattern)
	for _, pair := range [...]string{"{}", "[]"} {
		if c.peek() == pair[0] && end[len(end)-1] != pair[1] {
			return nil, &Error{fmt.Sprintf("If a filter pattern starts with '%c' it must end with '%c'", pair[0], pair[1]), len(pattern)}
		}
	}
	switch c.peek() {
	case 0:
		return p, nil
	case '{':
		p.json, err = c.json()
	case '[':
		p.fields, err = c.fields()
	case '%':
		if p.regex, err = c.regex(); err == nil {
			if c.space(); c.peek() != 0 {
				err = c.bad("a regular expression cannot be combined with terms")
			}
		}
	default:
		p.terms, err = c.terms()
	}
	if err != nil {
		return nil, err
	}
	p.count = c.regexes
	return p, nil
}

// HasRegex tells whether a regular expression is in the pattern; a log group takes five such filters at most.
func (p *Pattern) HasRegex() bool { return p.count > 0 }

// Match tells whether a log event's message matches.
func (p *Pattern) Match(line string) bool {
	switch {
	case p.terms != nil:
		return p.terms.match(line)
	case p.json != nil:
		return p.json.match(line, p.limits, nil)
	case p.fields != nil:
		return p.fields.match(line, p.limits, nil)
	case p.regex != nil:
		return p.regex.MatchString(line)
	}
	return true
}

// Extract matches and gives the values that the pattern names, as TestMetricFilter does: "$.a.b" for JSON selectors,
// "$name", or "$3" where a field has no name, for space-delimited fields. Terms name nothing.
func (p *Pattern) Extract(line string) (values map[string]string, ok bool) {
	values = map[string]string{}
	switch {
	case p.json != nil:
		ok = p.json.match(line, p.limits, values)
	case p.fields != nil:
		ok = p.fields.match(line, p.limits, values)
	default:
		ok = p.Match(line)
	}
	if !ok {
		return nil, false
	}
	return values, true
}

type compiler struct {
	src        string
	at         int
	limits     Limits
	regexes    int
	conditions int
}

func (c *compiler) bad(format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...), c.at}
}

// peek gives the next byte, 0 at the end.
func (c *compiler) peek() byte {
	if c.at < len(c.src) {
		return c.src[c.at]
	}
	return 0
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

func (c *compiler) space() {
	for c.at < len(c.src) && isSpace(c.src[c.at]) {
		c.at++
	}
}

// take moves past s if it comes next.
func (c *compiler) take(s string) bool {
	if strings.HasPrefix(c.src[c.at:], s) {
		c.at += len(s)
		return true
	}
	return false
}

func (c *compiler) oneMore() error {
	if c.conditions++; c.conditions > c.limits.Conditions {
		return c.bad("it has more than %d conditions", c.limits.Conditions)
	}
	return nil
}

// quoted reads "…"; a backslash keeps a quote or a backslash.
func (c *compiler) quoted() (string, error) {
	start := c.at
	c.at++
	var b []byte
	for c.at < len(c.src) {
		switch ch := c.src[c.at]; ch {
		case '"':
			c.at++
			return string(b), nil
		case '\\':
			if c.at+1 < len(c.src) && (c.src[c.at+1] == '"' || c.src[c.at+1] == '\\') {
				c.at++
				ch = c.src[c.at]
			}
			b = append(b, ch)
		default:
			b = append(b, ch)
		}
		c.at++
	}
	c.at = start
	return "", c.bad("a quotation mark is not closed")
}

func isAlnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// regex reads %…%. The alphabet is AWS's; the machine is Go's, whose time is linear in the line.
func (c *compiler) regex() (*regexp.Regexp, error) {
	start := c.at
	if c.regexes++; c.regexes > c.limits.Regexes {
		return nil, c.bad("it has more than %d regular expressions", c.limits.Regexes)
	}
	c.at++
	for c.at < len(c.src) && c.src[c.at] != '%' {
		ch := c.src[c.at]
		switch {
		case ch == '\\':
			c.at++
			switch e := c.peek(); {
			case e == 'x':
				if c.at+2 >= len(c.src) || !isHex(c.src[c.at+1]) || !isHex(c.src[c.at+2]) {
					return nil, c.bad(`\x wants two hexadecimal digits`)
				}
			case strings.IndexByte("dDsSwW", e) >= 0 && e != 0:
			case isAlnum(e) || e <= ' ' || e >= 0x7f:
				return nil, c.bad("this escape is not supported in a regular expression")
			}
		case isAlnum(ch), strings.IndexByte("_#=@/;,-:^$?[]{}|*+.", ch) >= 0:
		default:
			return nil, c.bad("the character %q is not supported in a regular expression", ch)
		}
		c.at++
	}
	if c.peek() != '%' {
		c.at = start
		return nil, c.bad("a regular expression is not closed")
	}
	text := c.src[start+1 : c.at]
	if text == "" {
		return nil, c.bad("a regular expression is empty")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		c.at = start
		return nil, c.bad("a regular expression cannot be read")
	}
	c.at++
	return re, nil
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

// terms is a pattern of words: all of need, none of never, and, if nothing else is asked, any of optional.
type terms struct{ need, never, optional []string }

func (c *compiler) terms() (*terms, error) {
	t := &terms{}
	for c.space(); c.peek() != 0; c.space() {
		list := &t.need
		switch c.peek() {
		case '?':
			list = &t.optional
			c.at++
		case '-':
			list = &t.never
			c.at++
			c.space() // the guide writes the minus apart in one place
		}
		var word string
		switch ch := c.peek(); {
		case ch == '"':
			w, err := c.quoted()
			if err != nil {
				return nil, err
			}
			word = w
		case ch == '%':
			return nil, c.bad("a regular expression cannot be combined with terms")
		default:
			start := c.at
			for c.at < len(c.src) && !isSpace(c.src[c.at]) {
				c.at++
			}
			word = c.src[start:c.at]
			for i := range len(word) {
				if b := word[i]; !isAlnum(b) && b != '_' {
					c.at = start
					return nil, c.bad("Invalid character(s) in term '%s'", strings.ToValidUTF8(word, "?"))
				}
			}
		}
		if word == "" {
			return nil, c.bad("a term is empty")
		}
		if err := c.oneMore(); err != nil {
			return nil, err
		}
		*list = append(*list, word)
	}
	return t, nil
}

func (t *terms) match(line string) bool {
	for _, w := range t.need {
		if !strings.Contains(line, w) {
			return false
		}
	}
	for _, w := range t.never {
		if strings.Contains(line, w) {
			return false
		}
	}
	if len(t.need)+len(t.never) > 0 || len(t.optional) == 0 {
		return true
	}
	for _, w := range t.optional {
		if strings.Contains(line, w) {
			return true
		}
	}
	return false
}

// operator compares a field with a value.
type operator uint8

const (
	equal operator = iota
	notEqual
	less
	lessEqual
	greater
	greaterEqual
	isNull
	isTrue
	isFalse
	notExists
)

// operand is the right side of a comparison.
type operand struct {
	regex       *regexp.Regexp
	text        string // without its wildcards
	front, back bool   // a wildcard stands there
	any         bool   // nothing but a wildcard
	number      float64
	numeric     bool // written as a number without quotes
}

func (c *compiler) operator() (operator, error) {
	for _, o := range []struct {
		text string
		op   operator
	}{{"!=", notEqual}, {"<=", lessEqual}, {">=", greaterEqual}, {"=", equal}, {"<", less}, {">", greater}} {
		if c.take(o.text) {
			return o.op, nil
		}
	}
	return 0, c.bad("an operator is missing; there are =, !=, <, >, <= and >=")
}

// value reads a quoted string, a regular expression, a number or a bare word.
func (c *compiler) value(op operator) (operand, error) {
	var v operand
	var err error
	start := c.at
	switch c.peek() {
	case '"':
		if v.text, err = c.quoted(); err != nil {
			return v, err
		}
	case '%':
		if v.regex, err = c.regex(); err != nil {
			return v, err
		}
		if op != equal && op != notEqual {
			c.at = start
			return v, c.bad("a regular expression is compared with = or !=")
		}
		return v, nil
	default:
		for c.at < len(c.src) && (isAlnum(c.src[c.at]) || strings.IndexByte("_.-*+/:@#", c.src[c.at]) >= 0) {
			c.at++
		}
		if v.text = c.src[start:c.at]; v.text == "" {
			return v, c.bad("a value is missing, or must be enclosed in quotation marks")
		}
		v.number, v.numeric = number(v.text)
	}
	if op != equal && op != notEqual && !v.numeric {
		c.at = start
		return v, c.bad("<, >, <= and >= compare with numbers")
	}
	if v.text == "*" || v.text == "**" {
		v.any = true
		return v, nil
	}
	if rest, ok := strings.CutPrefix(v.text, "*"); ok {
		v.text, v.front = rest, true
	}
	if rest, ok := strings.CutSuffix(v.text, "*"); ok {
		v.text, v.back = rest, true
	}
	return v, nil
}

// number reads an integer, a decimal or scientific notation, with an optional sign.
func number(s string) (float64, bool) {
	digits := false
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits = true
		case c == '+' || c == '-' || c == '.' || (c == 'e' || c == 'E') && digits:
		default:
			return 0, false
		}
	}
	if !digits {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// matchText compares by text.
func (v *operand) matchText(s string) bool {
	switch {
	case v.regex != nil:
		return v.regex.MatchString(s)
	case v.any:
		return true
	case v.front && v.back:
		return strings.Contains(s, v.text)
	case v.front:
		return strings.HasSuffix(s, v.text)
	case v.back:
		return strings.HasPrefix(s, v.text)
	}
	return s == v.text
}

// compare applies an operator of order, or = and != between numbers.
func compare(op operator, a, b float64) bool {
	switch op {
	case equal:
		return a == b
	case notEqual:
		return a != b
	case less:
		return a < b
	case lessEqual:
		return a <= b
	case greater:
		return a > b
	case greaterEqual:
		return a >= b
	}
	return false
}

// expr is a tree of conditions: a leaf has an index, a branch has children.
type expr struct {
	leaf     int // of the conditions; -1 for a branch
	or       bool
	children []*expr
}

func (e *expr) eval(leaf func(int) bool) bool {
	if e.leaf >= 0 {
		return leaf(e.leaf)
	}
	for _, c := range e.children {
		if c.eval(leaf) == e.or {
			return e.or
		}
	}
	return !e.or
}

// expression reads conditions joined by && and ||, && binding closer, with parentheses.
func (c *compiler) expression(depth int, leaf func() (int, error)) (*expr, error) {
	if depth > c.limits.Depth {
		return nil, c.bad("parentheses are nested too deeply")
	}
	or := &expr{leaf: -1, or: true}
	for {
		and := &expr{leaf: -1}
		for {
			var e *expr
			var err error
			if c.space(); c.take("(") {
				if e, err = c.expression(depth+1, leaf); err == nil {
					if c.space(); !c.take(")") {
						err = c.bad("a parenthesis is not closed")
					}
				}
			} else {
				var i int
				if i, err = leaf(); err == nil {
					err = c.oneMore()
				}
				e = &expr{leaf: i}
			}
			if err != nil {
				return nil, err
			}
			and.children = append(and.children, e)
			if c.space(); !c.take("&&") {
				break
			}
		}
		or.children = append(or.children, and)
		if c.space(); !c.take("||") {
			return or, nil
		}
	}
}
