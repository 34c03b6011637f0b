package jsonata

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// NestingMax is how deep arrays and objects may lie in one another in a document.
const NestingMax = 512

// ParseJSON reads one JSON document. Keys keep their order, the last of equal keys wins, half a pair of surrogates is
// kept.
func ParseJSON(doc []byte) (Value, error) { return parseJSON(string(doc)) }

func parseJSON(s string) (Value, error) {
	d := decoder{s: s}
	v, err := d.value(0)
	if err != nil {
		return Value{}, err
	}
	d.space()
	if d.i < len(s) {
		return Value{}, d.wrong()
	}
	return v, nil
}

type decoder struct {
	s string
	i int
}

func (d *decoder) wrong() error {
	if d.i >= len(d.s) {
		return fmt.Errorf("unexpected end of JSON")
	}
	return fmt.Errorf("unexpected character %q in JSON at offset %d", d.s[d.i], d.i)
}

func (d *decoder) space() {
	for d.i < len(d.s) {
		switch d.s[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

func (d *decoder) value(depth int) (Value, error) {
	if depth > NestingMax {
		return Value{}, fmt.Errorf("JSON nested deeper than %d at offset %d", NestingMax, d.i)
	}
	d.space()
	if d.i >= len(d.s) {
		return Value{}, d.wrong()
	}
	switch c := d.s[d.i]; c {
	case '{':
		return d.object(depth)
	case '[':
		return d.list(depth)
	case '"':
		t, err := d.text()
		return Str(t), err
	case 't':
		return d.word("true", Bool(true))
	case 'f':
		return d.word("false", Bool(false))
	case 'n':
		return d.word("null", NullValue)
	}
	return d.number()
}

func (d *decoder) word(w string, v Value) (Value, error) {
	if !strings.HasPrefix(d.s[d.i:], w) {
		return Value{}, d.wrong()
	}
	d.i += len(w)
	return v, nil
}

func (d *decoder) object(depth int) (Value, error) {
	d.i++
	o := NewObject(4)
	for first := true; ; first = false {
		d.space()
		if first && d.i < len(d.s) && d.s[d.i] == '}' {
			d.i++
			return Obj(o), nil
		}
		if d.i >= len(d.s) || d.s[d.i] != '"' {
			return Value{}, d.wrong()
		}
		key, err := d.text()
		if err != nil {
			return Value{}, err
		}
		d.space()
		if d.i >= len(d.s) || d.s[d.i] != ':' {
			return Value{}, d.wrong()
		}
		d.i++
		v, err := d.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		o.Set(key, v)
		done, err := d.next('}')
		if done || err != nil {
			return Obj(o), err
		}
	}
}

// next passes a comma, or says that the closing character came.
func (d *decoder) next(end byte) (bool, error) {
	d.space()
	if d.i < len(d.s) {
		switch d.s[d.i] {
		case ',':
			d.i++
			return false, nil
		case end:
			d.i++
			return true, nil
		}
	}
	return false, d.wrong()
}

func (d *decoder) list(depth int) (Value, error) {
	d.i++
	var items []Value
	for {
		d.space()
		if len(items) == 0 && d.i < len(d.s) && d.s[d.i] == ']' {
			d.i++
			return List(nil), nil
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		items = append(items, v)
		done, err := d.next(']')
		if done || err != nil {
			return List(items), err
		}
	}
}

func (d *decoder) text() (string, error) {
	d.i++
	start := d.i
	for d.i < len(d.s) {
		switch c := d.s[d.i]; {
		case c == '"':
			d.i++
			return d.s[start : d.i-1], nil
		case c == '\\':
			return d.escaped(start)
		case c < 0x20:
			return "", d.wrong()
		}
		d.i++
	}
	return "", d.wrong()
}

func (d *decoder) escaped(start int) (string, error) {
	b := append(make([]byte, 0, 2*(d.i-start)+16), d.s[start:d.i]...)
	for d.i < len(d.s) {
		c := d.s[d.i]
		d.i++
		switch {
		case c == '"':
			return string(b), nil
		case c < 0x20:
			d.i--
			return "", d.wrong()
		case c != '\\':
			b = append(b, c)
			continue
		}
		if d.i >= len(d.s) {
			break
		}
		c = d.s[d.i]
		d.i++
		if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[i])
			continue
		}
		if c != 'u' || d.i+4 > len(d.s) {
			d.i--
			return "", d.wrong()
		}
		n, err := strconv.ParseUint(d.s[d.i:d.i+4], 16, 16)
		if err != nil {
			return "", d.wrong()
		}
		d.i += 4
		b = appendChar(b, rune(n))
	}
	return "", d.wrong()
}

func (d *decoder) digits() bool {
	start := d.i
	for d.i < len(d.s) && d.s[d.i] >= '0' && d.s[d.i] <= '9' {
		d.i++
	}
	return d.i > start
}

func (d *decoder) number() (Value, error) {
	start := d.i
	if d.s[d.i] == '-' {
		d.i++
	}
	lead := d.i
	if !d.digits() || d.s[lead] == '0' && d.i > lead+1 {
		if d.i > lead {
			d.i = lead + 1
		}
		return Value{}, d.wrong()
	}
	whole := true
	if d.i < len(d.s) && d.s[d.i] == '.' {
		whole = false
		d.i++
		if !d.digits() {
			return Value{}, d.wrong()
		}
	}
	if d.i < len(d.s) && d.s[d.i]|0x20 == 'e' {
		whole = false
		d.i++
		if d.i < len(d.s) && (d.s[d.i] == '+' || d.s[d.i] == '-') {
			d.i++
		}
		if !d.digits() {
			return Value{}, d.wrong()
		}
	}
	if whole && d.i-lead <= 15 {
		n, _ := strconv.ParseInt(d.s[start:d.i], 10, 64)
		return Num(float64(n)), nil
	}
	f, _ := strconv.ParseFloat(d.s[start:d.i], 64) // out of range is an infinity
	return Num(f), nil
}

// OutputError says that a value does not fit the bytes or the depth that it may have as JSON.
type OutputError struct {
	Limit string // "Output" or "Depth"
	Max   int
}

func (e *OutputError) Error() string {
	return fmt.Sprintf("the result exceeds the limit %s of %d", e.Limit, e.Max)
}

// encoder writes values as JSON.
type encoder struct {
	b      []byte
	max    int  // bytes, 0 for no limit
	pretty bool // as JSON.stringify(v, null, 2)
	asText bool // as $string: fifteen digits, and infinities are errors
	steps  func(n int) *Error
}

// AppendJSON writes the value as compact JSON to b, at most max bytes (0: no limit). Functions and nothing inside arrays
// are null, inside objects they are left out, infinities and NaN are null.
func (v Value) AppendJSON(b []byte, max int) ([]byte, error) {
	e := encoder{b: b, max: max}
	if max > 0 {
		e.max = len(b) + max
	}
	if err := e.value(v, 0); err != nil {
		return b, err
	}
	return e.b, nil
}

// JSON is the value as compact JSON; "" for nothing.
func (v Value) JSON() string {
	if v.kind == Undefined || v.kind == FunctionKind {
		return ""
	}
	b, err := v.AppendJSON(nil, 0)
	if err != nil {
		return ""
	}
	return string(b)
}

func (e *encoder) value(v Value, depth int) error {
	if e.max > 0 && len(e.b) > e.max {
		return &OutputError{"Output", e.max}
	}
	if depth > DefaultLimits.Depth {
		return &OutputError{"Depth", DefaultLimits.Depth}
	}
	if e.steps != nil {
		if err := e.steps(1); err != nil {
			return err
		}
	}
	switch v.kind {
	case Undefined, Null:
		e.b = append(e.b, "null"...)
	case FunctionKind:
		if e.asText {
			e.b = append(e.b, `""`...)
		} else {
			e.b = append(e.b, "null"...)
		}
	case Boolean:
		e.b = strconv.AppendBool(e.b, v.Bool())
	case Number:
		f := v.Float()
		if e.asText {
			if math.IsInf(f, 0) {
				return &Error{Code: "D1001", Value: v}
			}
			f = fifteen(f)
		}
		if math.IsInf(f, 0) || math.IsNaN(f) {
			e.b = append(e.b, "null"...)
		} else {
			e.b = appendNumber(e.b, f)
		}
	case String:
		e.b = appendQuoted(e.b, v.Text())
	case ArrayKind:
		return e.list(v.array().Items, depth)
	case ObjectKind:
		return e.object(v.Object(), depth)
	}
	return nil
}

func (e *encoder) line(depth int) {
	if e.pretty {
		e.b = append(e.b, '\n')
		for range depth {
			e.b = append(e.b, "  "...)
		}
	}
}

func (e *encoder) list(items []Value, depth int) error {
	e.b = append(e.b, '[')
	for i, x := range items {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.line(depth + 1)
		if err := e.value(x, depth+1); err != nil {
			return err
		}
	}
	if len(items) > 0 {
		e.line(depth)
	}
	e.b = append(e.b, ']')
	return nil
}

func (e *encoder) object(o *Object, depth int) error {
	e.b = append(e.b, '{')
	n := 0
	for i := range o.entries {
		x := &o.entries[i]
		if x.val.kind == Undefined || x.val.kind == FunctionKind && !e.asText {
			continue
		}
		if n > 0 {
			e.b = append(e.b, ',')
		}
		n++
		e.line(depth + 1)
		e.b = append(appendQuoted(e.b, x.key), ':')
		if e.pretty {
			e.b = append(e.b, ' ')
		}
		if err := e.value(x.val, depth+1); err != nil {
			return err
		}
	}
	if n > 0 {
		e.line(depth)
	}
	e.b = append(e.b, '}')
	return nil
}

// appendQuoted writes a JSON string as JavaScript does.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, w := decode(s[i:])
			if r >= 0xD800 && r <= 0xDFFF {
				b = append(b, s[start:i]...)
				b = append(b, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
				start = i + w
			}
			i += w
			continue
		}
		b = append(b, s[start:i]...)
		if j := strings.IndexByte("\"\\\b\f\n\r\t", c); j >= 0 {
			b = append(b, '\\', `"\bfnrt`[j])
		} else {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
