package logpattern

import (
	"strconv"
	"strings"
)

// fieldPattern is [ … ]: fields by position, an ellipsis for any number of them.
type fieldPattern struct {
	fields   []field
	ellipsis int // where it stands among fields, -1 = nowhere
}

type field struct {
	name       string // "" = none
	expr       *expr  // nil = no conditions
	conditions []fieldCondition
}

type fieldCondition struct {
	op    operator
	value operand
}

func (c *compiler) fields() (*fieldPattern, error) {
	c.at++
	p := &fieldPattern{ellipsis: -1}
	for {
		c.space()
		switch {
		case c.take("...") || c.take("…"):
			if p.ellipsis >= 0 {
				return nil, c.bad("there are two ellipses")
			}
			p.ellipsis = len(p.fields)
		case c.peek() == ',' || c.peek() == ']':
			p.fields = append(p.fields, field{})
		default:
			f, err := c.field()
			if err != nil {
				return nil, err
			}
			for _, g := range p.fields {
				if g.name == f.name {
					return nil, c.bad("two fields are named %s", f.name)
				}
			}
			p.fields = append(p.fields, f)
		}
		if len(p.fields) > c.limits.Fields {
			return nil, c.bad("it has more than %d fields", c.limits.Fields)
		}
		if c.space(); c.take(",") {
			continue
		}
		if !c.take("]") {
			return nil, c.bad("expected a comma or the closing bracket")
		}
		if c.space(); c.peek() != 0 {
			return nil, c.bad("something follows the closing bracket")
		}
		return p, nil
	}
}

// field reads a name alone, or conditions that all speak of one name.
func (c *compiler) field() (field, error) {
	var f field
	start := c.at
	name := c.fieldName()
	if c.space(); name != "" && (c.peek() == ',' || c.peek() == ']') {
		f.name = name
		return f, nil
	}
	c.at = start
	e, err := c.expression(0, func() (int, error) {
		c.space()
		name := c.fieldName()
		switch {
		case name == "":
			return 0, c.bad("a field's name is missing; it has letters, digits, - and _")
		case f.name != "" && f.name != name:
			return 0, c.bad("conditions of one field speak of %s and %s", f.name, name)
		}
		f.name = name
		c.space()
		op, err := c.operator()
		if err != nil {
			return 0, err
		}
		c.space()
		v, err := c.value(op)
		if err != nil {
			return 0, err
		}
		f.conditions = append(f.conditions, fieldCondition{op, v})
		return len(f.conditions) - 1, nil
	})
	f.expr = e
	return f, err
}

func (c *compiler) fieldName() string {
	start := c.at
	for c.at < len(c.src) && (isAlnum(c.src[c.at]) || c.src[c.at] == '_' || c.src[c.at] == '-') {
		c.at++
	}
	return c.src[start:c.at]
}

func (p *fieldPattern) match(line string, l Limits, extract map[string]string) bool {
	if len(line) > l.LineBytes {
		return false
	}
	var few [32]string
	words, ok := split(line, few[:0], l.Fields)
	if !ok || len(words) < len(p.fields) || p.ellipsis < 0 && len(words) != len(p.fields) {
		return false
	}
	skip := len(words) - len(p.fields)
	for i := range p.fields {
		at := i
		if p.ellipsis >= 0 && i >= p.ellipsis {
			at += skip
		}
		if f := &p.fields[i]; f.expr != nil && !f.expr.eval(func(c int) bool { return f.conditions[c].holds(words[at]) }) {
			return false
		}
	}
	if extract != nil {
		for at, w := range words {
			name, i := "", at
			if p.ellipsis >= 0 && at >= p.ellipsis {
				i = at - skip
				if i < p.ellipsis {
					i = -1 // one of those the ellipsis stands for
				}
			}
			if i >= 0 {
				name = p.fields[i].name
			}
			if name == "" {
				name = strconv.Itoa(at + 1)
			}
			extract["$"+name] = w
		}
	}
	return true
}

func (c *fieldCondition) holds(s string) bool {
	if c.op == equal || c.op == notEqual {
		is := false
		if f, ok := number(s); ok && c.value.numeric {
			is = f == c.value.number
		} else {
			is = c.value.matchText(s)
		}
		return is == (c.op == equal)
	}
	f, ok := number(s)
	return ok && compare(c.op, f, c.value.number)
}

// split cuts a line into its fields: words, and what stands between brackets or quotation marks. ok is false for more
// than limit fields.
func split(line string, out []string, limit int) (fields []string, ok bool) {
	for i := 0; i < len(line); {
		if isSpace(line[i]) {
			i++
			continue
		}
		if len(out) == limit {
			return out, false
		}
		closing := -1
		switch line[i] {
		case '[':
			closing = strings.IndexByte(line[i+1:], ']')
		case '"':
			for j := i + 1; j < len(line); j++ {
				if line[j] == '\\' {
					j++
				} else if line[j] == '"' {
					closing = j - i - 1
					break
				}
			}
		}
		if closing >= 0 {
			out = append(out, line[i+1:i+1+closing])
			i += closing + 2
			continue
		}
		start := i
		for i < len(line) && !isSpace(line[i]) {
			i++
		}
		out = append(out, line[start:i])
	}
	return out, true
}
