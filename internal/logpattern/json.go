package logpattern

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonPattern is { … }: an expression over conditions on selectors.
type jsonPattern struct {
	expr       *expr
	conditions []jsonCondition
	root       node
	selectors  []string // by slot, as written
}

type jsonCondition struct {
	slot  int
	op    operator
	value operand
}

// node is a place in a JSON document that some selector names or passes.
type node struct {
	slot  int // of the value there, -1 = none is wanted
	names []named
	items []item
}

type named struct {
	name string
	to   *node
}

type item struct {
	index int
	to    *node
}

func (c *compiler) json() (*jsonPattern, error) {
	c.at++
	p := &jsonPattern{root: node{slot: -1}}
	e, err := c.expression(0, func() (int, error) {
		slot, err := c.selector(p)
		if err != nil {
			return 0, err
		}
		cond := jsonCondition{slot: slot}
		c.space()
		if word := c.keyword(); word != "" {
			c.space()
			second := c.keyword()
			switch strings.ToUpper(word + " " + second) {
			case "IS NULL":
				cond.op = isNull
			case "IS TRUE":
				cond.op = isTrue
			case "IS FALSE":
				cond.op = isFalse
			case "NOT EXISTS":
				cond.op = notExists
			default:
				return 0, c.bad("there are IS NULL, IS TRUE, IS FALSE and NOT EXISTS, but not %s %s", word, second)
			}
		} else {
			if cond.op, err = c.operator(); err != nil {
				return 0, err
			}
			c.space()
			if cond.value, err = c.value(cond.op); err != nil {
				return 0, err
			}
		}
		p.conditions = append(p.conditions, cond)
		return len(p.conditions) - 1, nil
	})
	if err != nil {
		return nil, err
	}
	p.expr = e
	if c.space(); !c.take("}") {
		return nil, c.bad("expected &&, || or the closing brace")
	}
	if c.space(); c.peek() != 0 {
		return nil, c.bad("something follows the closing brace")
	}
	return p, nil
}

// keyword reads letters.
func (c *compiler) keyword() string {
	start := c.at
	for c.at < len(c.src) && (c.src[c.at]|0x20 >= 'a' && c.src[c.at]|0x20 <= 'z') {
		c.at++
	}
	return c.src[start:c.at]
}

// selector reads $.a.b[0].c into the tree and gives the slot of its value.
func (c *compiler) selector(p *jsonPattern) (int, error) {
	start := c.at
	if !c.take("$") {
		return 0, c.bad("a selector must begin with $")
	}
	at := &p.root
	for steps := 0; ; steps++ {
		if steps > c.limits.Depth {
			return 0, c.bad("a selector has too many steps")
		}
		switch c.peek() {
		case '.':
			c.at++
			from := c.at
			for c.at < len(c.src) && (isAlnum(c.src[c.at]) || c.src[c.at] == '_' || c.src[c.at] == '-') {
				c.at++
			}
			name := c.src[from:c.at]
			switch {
			case c.peek() == '*':
				return 0, c.bad("wildcards in selectors are not supported")
			case name == "" && c.peek() == '[':
				continue // $.[0], which the guide does not write but clients do
			case name == "":
				return 0, c.bad("a property's name is missing; it has letters, digits, - and _")
			}
			at = at.name(name)
		case '[':
			c.at++
			from := c.at
			for c.at < len(c.src) && c.src[c.at] >= '0' && c.src[c.at] <= '9' {
				c.at++
			}
			n, err := strconv.Atoi(c.src[from:c.at])
			switch {
			case c.peek() == '*':
				return 0, c.bad("wildcards in selectors are not supported")
			case c.peek() == '\'' || c.peek() == '"':
				return 0, c.bad("quoted names in selectors are not supported")
			case err != nil || !c.take("]"):
				return 0, c.bad("an array element is written [NUMBER]")
			}
			at = at.item(n)
		default:
			if at == &p.root {
				return 0, c.bad("a selector must name a property")
			}
			if at.slot < 0 {
				at.slot = len(p.selectors)
				p.selectors = append(p.selectors, c.src[start:c.at])
			}
			return at.slot, nil
		}
	}
}

func (n *node) name(s string) *node {
	for _, m := range n.names {
		if m.name == s {
			return m.to
		}
	}
	to := &node{slot: -1}
	n.names = append(n.names, named{s, to})
	return to
}

func (n *node) item(i int) *node {
	for _, m := range n.items {
		if m.index == i {
			return m.to
		}
	}
	to := &node{slot: -1}
	n.items = append(n.items, item{i, to})
	return to
}

// kind is a JSON value's type.
type kind uint8

const (
	absent kind = iota
	null
	boolTrue
	boolFalse
	numeral
	text
	container
)

type jsonValue struct {
	kind kind
	raw  string // a number's digits, a string between its quotes, still escaped
}

// match scans the line once and evaluates the conditions on what it met.
func (p *jsonPattern) match(line string, l Limits, extract map[string]string) bool {
	if len(line) > l.LineBytes {
		return false
	}
	var few [8]jsonValue
	values := few[:]
	if len(p.selectors) > len(few) {
		values = make([]jsonValue, len(p.selectors))
	}
	s := scanner{src: line, values: values, depth: l.Depth}
	s.space()
	if s.at >= len(line) || line[s.at] != '{' && line[s.at] != '[' || !s.value(&p.root) {
		return false
	}
	if s.space(); s.at != len(line) {
		return false
	}
	if !p.expr.eval(func(i int) bool { return p.conditions[i].holds(values) }) {
		return false
	}
	if extract != nil {
		for i, name := range p.selectors {
			switch v := values[i]; v.kind {
			case text:
				extract[name] = unescape(v.raw)
			case numeral:
				extract[name] = v.raw
			case boolTrue:
				extract[name] = "true"
			case boolFalse:
				extract[name] = "false"
			}
		}
	}
	return true
}

func (c *jsonCondition) holds(values []jsonValue) bool {
	v := values[c.slot]
	switch c.op {
	case isNull:
		return v.kind == null
	case isTrue:
		return v.kind == boolTrue
	case isFalse:
		return v.kind == boolFalse
	case notExists:
		return v.kind == absent
	case equal, notEqual:
		var is bool
		switch v.kind {
		case numeral:
			if f, ok := number(v.raw); ok && c.value.numeric {
				is = f == c.value.number
			} else {
				is = c.value.matchText(v.raw)
			}
		case text:
			is = c.value.matchText(unescape(v.raw))
		case boolTrue, boolFalse:
			if !c.value.any {
				return false
			}
			is = true
		default:
			return false
		}
		return is == (c.op == equal)
	}
	if v.kind != numeral {
		return false
	}
	f, ok := number(v.raw)
	return ok && compare(c.op, f, c.value.number)
}

// scanner reads JSON strictly and remembers the values that a tree of selectors wants.
type scanner struct {
	src    string
	at     int
	depth  int
	values []jsonValue
}

func (s *scanner) space() {
	for s.at < len(s.src) && isSpace(s.src[s.at]) {
		s.at++
	}
}

func (s *scanner) literal(w string) bool {
	if strings.HasPrefix(s.src[s.at:], w) {
		s.at += len(w)
		return true
	}
	return false
}

// value reads one value; n is the place it has among the selectors, nil for none.
func (s *scanner) value(n *node) bool {
	if s.at >= len(s.src) {
		return false
	}
	k, start, ok := absent, s.at, false
	switch c := s.src[s.at]; {
	case c == '{':
		k, ok = container, s.object(n)
	case c == '[':
		k, ok = container, s.array(n)
	case c == '"':
		raw, good := s.str()
		if n != nil && n.slot >= 0 {
			s.values[n.slot] = jsonValue{text, raw}
		}
		return good
	case c == 't':
		k, ok = boolTrue, s.literal("true")
	case c == 'f':
		k, ok = boolFalse, s.literal("false")
	case c == 'n':
		k, ok = null, s.literal("null")
	default:
		k, ok = numeral, s.number()
	}
	if ok && n != nil && n.slot >= 0 {
		v := jsonValue{kind: k}
		if k == numeral {
			v.raw = s.src[start:s.at]
		}
		s.values[n.slot] = v
	}
	return ok
}

func (s *scanner) object(n *node) bool {
	if s.depth--; s.depth < 0 {
		return false
	}
	s.at++
	if s.space(); s.literal("}") {
		s.depth++
		return true
	}
	for {
		if s.space(); s.at >= len(s.src) || s.src[s.at] != '"' {
			return false
		}
		key, ok := s.str()
		if !ok {
			return false
		}
		var to *node
		if n != nil && len(n.names) > 0 {
			key = unescape(key)
			for i := range n.names {
				if n.names[i].name == key {
					to = n.names[i].to
					to.forget(s.values) // a repeated name: the last one counts
					break
				}
			}
		}
		if s.space(); !s.literal(":") {
			return false
		}
		if s.space(); !s.value(to) {
			return false
		}
		s.space()
		if s.literal(",") {
			continue
		}
		s.depth++
		return s.literal("}")
	}
}

// forget drops what was met below a place.
func (n *node) forget(values []jsonValue) {
	if n.slot >= 0 {
		values[n.slot] = jsonValue{}
	}
	for i := range n.names {
		n.names[i].to.forget(values)
	}
	for i := range n.items {
		n.items[i].to.forget(values)
	}
}

func (s *scanner) array(n *node) bool {
	if s.depth--; s.depth < 0 {
		return false
	}
	s.at++
	if s.space(); s.literal("]") {
		s.depth++
		return true
	}
	for i := 0; ; i++ {
		var to *node
		if n != nil {
			for j := range n.items {
				if n.items[j].index == i {
					to = n.items[j].to
					break
				}
			}
		}
		if s.space(); !s.value(to) {
			return false
		}
		s.space()
		if s.literal(",") {
			continue
		}
		s.depth++
		return s.literal("]")
	}
}

// str reads a string and gives what stands between its quotes.
func (s *scanner) str() (string, bool) {
	start := s.at + 1
	for i := start; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '"':
			s.at = i + 1
			return s.src[start:i], true
		case c < ' ':
			return "", false
		case c == '\\':
			i++
			if i >= len(s.src) {
				return "", false
			}
			switch s.src[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(s.src) || !isHex(s.src[i]) {
						return "", false
					}
				}
			default:
				return "", false
			}
		}
	}
	return "", false
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.src) && s.src[s.at] >= '0' && s.src[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *scanner) number() bool {
	s.literal("-")
	if !s.literal("0") && !s.digits() {
		return false
	}
	if s.literal(".") && !s.digits() {
		return false
	}
	if s.literal("e") || s.literal("E") {
		if !s.literal("+") {
			s.literal("-")
		}
		return s.digits()
	}
	return true
}

// unescape undoes a JSON string's escapes.
func unescape(raw string) string {
	i := strings.IndexByte(raw, '\\')
	if i < 0 {
		return raw
	}
	b := append(make([]byte, 0, len(raw)), raw[:i]...)
	for ; i < len(raw); i++ {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r := hex4(raw[i+1:])
			i += 4
			if r >= 0xd800 && r < 0xdc00 && i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
				if low := hex4(raw[i+3:]); low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			b = utf8.AppendRune(b, r) // a lone surrogate becomes U+FFFD
		default:
			b = append(b, raw[i])
		}
	}
	return string(b)
}

func hex4(s string) rune {
	n, _ := strconv.ParseUint(s[:4], 16, 32)
	return rune(n)
}
