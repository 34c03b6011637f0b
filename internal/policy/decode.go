package policy

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonKind is what a JSON value is.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonList
	jsonObject
)

// node is one JSON value; text holds strings decoded, numbers and booleans as they are written.
type node struct {
	kind    jsonKind
	text    string
	list    []node
	members []member
}

type member struct {
	key   string
	value node
}

func (n *node) get(key string) *node {
	for i := range n.members {
		if n.members[i].key == key {
			return &n.members[i].value
		}
	}
	return nil
}

// decoder reads JSON strictly: no duplicate keys, no invalid UTF-8, no lone surrogates, depth and number of values bounded.
type decoder struct {
	in     string
	pos    int
	depth  int
	values int
	why    string
}

func (d *decoder) fail(why string) bool {
	if d.why == "" {
		d.why = why
	}
	return false
}

func (d *decoder) space() {
	for d.pos < len(d.in) {
		switch d.in[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

func (d *decoder) peek() byte {
	if d.pos < len(d.in) {
		return d.in[d.pos]
	}
	return 0
}

// document reads the whole input as one value.
func (d *decoder) document(n *node) bool {
	d.space()
	if !d.value(n) {
		return false
	}
	d.space()
	if d.pos < len(d.in) {
		return d.fail("text after the document")
	}
	return true
}

func (d *decoder) value(n *node) bool {
	if d.values--; d.values < 0 {
		return d.fail("too many values")
	}
	switch c := d.peek(); {
	case c == '{':
		return d.object(n)
	case c == '[':
		return d.array(n)
	case c == '"':
		n.kind = jsonString
		return d.string(&n.text)
	case c == '-' || c >= '0' && c <= '9':
		return d.number(n)
	}
	for _, w := range [...]struct {
		word string
		kind jsonKind
	}{{"true", jsonBool}, {"false", jsonBool}, {"null", jsonNull}} {
		if strings.HasPrefix(d.in[d.pos:], w.word) {
			d.pos += len(w.word)
			n.kind, n.text = w.kind, w.word
			return true
		}
	}
	return d.fail("a value is missing")
}

func (d *decoder) object(n *node) bool {
	n.kind = jsonObject
	if d.depth--; d.depth < 0 {
		return d.fail("nested too deeply")
	}
	defer func() { d.depth++ }()
	d.pos++
	d.space()
	if d.peek() == '}' {
		d.pos++
		return true
	}
	var seen map[string]bool // made where a scan would be slow
	for {
		var m member
		if d.peek() != '"' {
			return d.fail("a key is missing")
		}
		if !d.string(&m.key) {
			return false
		}
		if len(n.members) == 16 {
			seen = map[string]bool{}
			for i := range n.members {
				seen[n.members[i].key] = true
			}
		}
		if seen == nil && n.get(m.key) != nil || seen[m.key] {
			return d.fail("duplicate key " + strconv.Quote(m.key))
		}
		if seen != nil {
			seen[m.key] = true
		}
		d.space()
		if d.peek() != ':' {
			return d.fail("a colon is missing")
		}
		d.pos++
		d.space()
		if !d.value(&m.value) {
			return false
		}
		n.members = append(n.members, m)
		d.space()
		c := d.peek()
		d.pos++
		switch c {
		case '}':
			return true
		case ',':
			d.space()
		default:
			d.pos--
			return d.fail("a comma or } is missing")
		}
	}
}

func (d *decoder) array(n *node) bool {
	n.kind = jsonList
	if d.depth--; d.depth < 0 {
		return d.fail("nested too deeply")
	}
	defer func() { d.depth++ }()
	d.pos++
	d.space()
	if d.peek() == ']' {
		d.pos++
		return true
	}
	for {
		var v node
		if !d.value(&v) {
			return false
		}
		n.list = append(n.list, v)
		d.space()
		c := d.peek()
		d.pos++
		switch c {
		case ']':
			return true
		case ',':
			d.space()
		default:
			d.pos--
			return d.fail("a comma or ] is missing")
		}
	}
}

func (d *decoder) number(n *node) bool {
	start := d.pos
	digits := func() bool {
		from := d.pos
		for c := d.peek(); c >= '0' && c <= '9'; c = d.peek() {
			d.pos++
		}
		return d.pos > from
	}
	if d.peek() == '-' {
		d.pos++
	}
	if d.peek() == '0' {
		d.pos++
	} else if !digits() {
		return d.fail("a number without digits")
	}
	if d.peek() == '.' {
		if d.pos++; !digits() {
			return d.fail("a number without a fraction")
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		d.pos++
		if c := d.peek(); c == '+' || c == '-' {
			d.pos++
		}
		if !digits() {
			return d.fail("a number without an exponent")
		}
	}
	n.kind, n.text = jsonNumber, d.in[start:d.pos]
	return true
}

func (d *decoder) string(to *string) bool {
	d.pos++
	start := d.pos
	for d.pos < len(d.in) { // without escapes the text is part of the input
		switch c := d.in[d.pos]; {
		case c == '"':
			*to = d.in[start:d.pos]
			d.pos++
			return utf8.ValidString(*to) || d.fail("invalid UTF-8")
		case c == '\\':
			return d.escaped(to, start)
		case c < ' ':
			return d.fail("a control character in a string")
		}
		d.pos++
	}
	return d.fail("a string without an end")
}

func (d *decoder) escaped(to *string, start int) bool {
	out := append([]byte(nil), d.in[start:d.pos]...)
	for d.pos < len(d.in) {
		c := d.in[d.pos]
		d.pos++
		switch {
		case c == '"':
			*to = string(out)
			return utf8.ValidString(*to) || d.fail("invalid UTF-8")
		case c < ' ':
			return d.fail("a control character in a string")
		case c != '\\':
			out = append(out, c)
			continue
		}
		e := d.peek()
		d.pos++
		switch e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := d.hex()
			if utf16.IsSurrogate(r) {
				low := rune(0)
				if ok = ok && strings.HasPrefix(d.in[d.pos:], `\u`); ok {
					d.pos += 2
					low, ok = d.hex()
				}
				r = utf16.DecodeRune(r, low)
				ok = ok && r != utf8.RuneError
			}
			if !ok {
				return d.fail("a wrong \\u escape")
			}
			out = utf8.AppendRune(out, r)
		default:
			return d.fail("an unknown escape")
		}
	}
	return d.fail("a string without an end")
}

func (d *decoder) hex() (rune, bool) {
	if len(d.in)-d.pos < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(d.in[d.pos:d.pos+4], 16, 16)
	d.pos += 4
	return rune(v), err == nil
}
