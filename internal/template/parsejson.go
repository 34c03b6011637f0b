package template

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader is a strict JSON reader that keeps places and the order and text of what it reads.
type jsonReader struct {
	src    string
	pos    int
	line   int
	col    int // of the character at seen
	seen   int
	limits Limits
	nodes  int
}

func parseJSON(text []byte, l Limits) (Value, error) {
	r := &jsonReader{src: string(text), line: 1, col: 1, limits: l}
	v, e := r.value(1)
	if e == nil {
		r.space()
		if r.pos < len(r.src) {
			e = r.bad("text after the document")
		}
	}
	if e != nil {
		return Value{}, e
	}
	return v, nil
}

func (r *jsonReader) here() Pos {
	at := min(r.pos, len(r.src))
	r.col += utf8.RuneCountInString(r.src[r.seen:at])
	r.seen = at
	return Pos{r.line, r.col}
}

// bad refuses the text at the current character; AWS names the column after it.
func (r *jsonReader) bad(detail string) *Error {
	p := r.here()
	e := formatError(p, "JSON not well-formed. (line %d, column %d)", p.Line, p.Column+1)
	e.Detail = detail
	return e
}

func (r *jsonReader) space() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', '\r':
		case '\n':
			r.line++
			r.col, r.seen = 1, r.pos+1
		default:
			return
		}
		r.pos++
	}
}

func (r *jsonReader) value(depth int) (Value, *Error) {
	r.space()
	if depth > r.limits.Depth+1 {
		e := r.bad(fmt.Sprintf("nested more than %d deep", r.limits.Depth))
		e.Limit = "Depth"
		return Value{}, e
	}
	if r.nodes++; r.nodes > r.limits.Nodes {
		return Value{}, limitError(r.here(), "Nodes", "the template has more than %d values.", r.limits.Nodes)
	}
	if r.pos >= len(r.src) {
		return Value{}, r.bad("the text ends early")
	}
	p := r.here()
	switch c := r.src[r.pos]; {
	case c == '{':
		return r.object(p, depth)
	case c == '[':
		return r.array(p, depth)
	case c == '"':
		s, e := r.str()
		if e != nil {
			return Value{}, e
		}
		return placed(StringOf(s), p), nil
	case c == '-' || c >= '0' && c <= '9':
		from := r.pos
		for r.pos < len(r.src) && strings.IndexByte("+-.eE0123456789", r.src[r.pos]) >= 0 {
			r.pos++
		}
		if t := r.src[from:r.pos]; isJSONNumber(t) {
			return placed(NumberOf(t), p), nil
		}
		return Value{}, r.bad("not a number")
	}
	for _, w := range []string{"true", "false", "null"} {
		if strings.HasPrefix(r.src[r.pos:], w) {
			r.pos += len(w)
			if w == "null" {
				return placed(NullOf(), p), nil
			}
			return placed(BoolOf(w == "true"), p), nil
		}
	}
	return Value{}, r.bad("a value was expected")
}

// placed sets the place of a value that nobody shares yet.
func placed(v Value, p Pos) Value {
	v.n.line, v.n.col = int32(p.Line), int32(p.Column)
	return v
}

func (r *jsonReader) object(p Pos, depth int) (Value, *Error) {
	r.pos++
	var entries []Entry
	var seen map[string]bool
	for {
		r.space()
		if r.pos < len(r.src) && r.src[r.pos] == '}' && len(entries) == 0 {
			r.pos++
			break
		}
		if r.pos >= len(r.src) || r.src[r.pos] != '"' {
			return Value{}, r.bad("a key was expected")
		}
		kp := r.here()
		k, e := r.str()
		if e != nil {
			return Value{}, e
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		if seen[k] {
			return Value{}, r.bad(fmt.Sprintf("key %q is given twice", k))
		}
		seen[k] = true
		r.space()
		if r.pos >= len(r.src) || r.src[r.pos] != ':' {
			return Value{}, r.bad("a colon was expected")
		}
		r.pos++
		v, e := r.value(depth + 1)
		if e != nil {
			return Value{}, e
		}
		entries = append(entries, Entry{Key: k, KeyPos: kp, Value: v})
		more, e := r.next('}')
		if e != nil {
			return Value{}, e
		}
		if !more {
			break
		}
	}
	return placed(MapOf(entries...), p), nil
}

func (r *jsonReader) array(p Pos, depth int) (Value, *Error) {
	r.pos++
	var items []Value
	for {
		r.space()
		if r.pos < len(r.src) && r.src[r.pos] == ']' && len(items) == 0 {
			r.pos++
			break
		}
		v, e := r.value(depth + 1)
		if e != nil {
			return Value{}, e
		}
		items = append(items, v)
		more, e := r.next(']')
		if e != nil {
			return Value{}, e
		}
		if !more {
			break
		}
	}
	return placed(ListOf(items...), p), nil
}

// next reads what follows a member: a comma, or the end.
func (r *jsonReader) next(end byte) (more bool, e *Error) {
	r.space()
	if r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ',':
			r.pos++
			return true, nil
		case end:
			r.pos++
			return false, nil
		}
	}
	return false, r.bad(fmt.Sprintf("a comma or %c was expected", end))
}

func (r *jsonReader) str() (string, *Error) {
	r.pos++
	from := r.pos
	for r.pos < len(r.src) && r.src[r.pos] != '"' && r.src[r.pos] != '\\' && r.src[r.pos] >= 0x20 {
		r.pos++
	}
	if r.pos < len(r.src) && r.src[r.pos] == '"' {
		r.pos++
		return strings.ToValidUTF8(r.src[from:r.pos-1], "\ufffd"), nil
	}
	out := []byte(r.src[from:r.pos])
	for {
		if r.pos >= len(r.src) {
			return "", r.bad("a string has no end")
		}
		c := r.src[r.pos]
		switch {
		case c == '"':
			r.pos++
			return strings.ToValidUTF8(string(out), "\ufffd"), nil
		case c < 0x20:
			return "", r.bad("a control character in a string")
		case c != '\\':
			out = append(out, c)
			r.pos++
			continue
		}
		if r.pos+1 >= len(r.src) {
			return "", r.bad("a string has no end")
		}
		if i := strings.IndexByte(`"\/bfnrt`, r.src[r.pos+1]); i >= 0 {
			out = append(out, "\"\\/\b\f\n\r\t"[i])
			r.pos += 2
			continue
		}
		c1, ok := r.unicode()
		if !ok {
			return "", r.bad("an unknown escape")
		}
		if utf16.IsSurrogate(c1) {
			if c2, ok := r.unicode(); ok {
				c1 = utf16.DecodeRune(c1, c2)
			} else {
				c1 = utf8.RuneError
			}
		}
		out = utf8.AppendRune(out, c1)
	}
}

// unicode reads \uXXXX, or nothing.
func (r *jsonReader) unicode() (rune, bool) {
	if r.pos+6 > len(r.src) || r.src[r.pos] != '\\' || r.src[r.pos+1] != 'u' {
		return 0, false
	}
	var c rune
	for _, h := range []byte(r.src[r.pos+2 : r.pos+6]) {
		switch {
		case h >= '0' && h <= '9':
			h -= '0'
		case h|0x20 >= 'a' && h|0x20 <= 'f':
			h = h | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		c = c<<4 | rune(h)
	}
	r.pos += 6
	return c, true
}
