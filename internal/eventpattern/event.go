package eventpattern

import (
	"errors"
	"fmt"
	"math/bits"

	"encoding/binary"
)

// EventDepthMax is how deeply an event may be nested.
const EventDepthMax = 1000

// ErrNotObject says that an event is JSON but no object.
var ErrNotObject = errors.New("Event must be a JSON object")

// SyntaxError says where an event stops to be JSON.
type SyntaxError struct{ Offset int }

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("Event is not valid JSON at byte %d", e.Offset)
}

type valueKind uint8

const (
	stringValue valueKind = iota
	numberValue
	wordValue // true, false, null
)

// value is one value of a field in an event.
type value struct {
	text     []byte // as JSON writes it, escapes resolved, strings in their quotes
	next     int32  // of the same field, -1
	member   int32  // the innermost array element it lies in, -1
	kind     valueKind
	numeric  uint8 // 0 not looked at, 1 comparable, 2 not
	numbered bool  // ip was looked at
	isIP     bool
	number   float64
	address  address
}

func (v *value) comparable() (float64, bool) {
	if v.kind != numberValue {
		return 0, false
	}
	if v.numeric == 0 {
		n, ok := comparable(v.text)
		v.number, v.numeric = n, 2
		if ok {
			v.numeric = 1
		}
	}
	return v.number, v.numeric == 1
}

func (v *value) ip() *address {
	if v.kind != stringValue {
		return nil
	}
	if !v.numbered {
		v.numbered = true
		v.address, v.isIP = parseAddress(v.text[1 : len(v.text)-1])
	}
	if !v.isIP {
		return nil
	}
	return &v.address
}

// element is a place in an array of the event, within the place that holds the array.
type element struct{ array, index, in int32 }

// fields are the values of one event in the fields that patterns name; they are used again for the next event.
type fields struct {
	paths    *paths
	heads    []int32 // by field: the first value, -1
	tails    []int32
	touched  []int32
	values   []value
	elements []element
	arrays   int32
	data     []byte
	pos      int
	room     []byte // for text with escapes
	matching matching
}

// read finds the values.
func (e *fields) read(p *paths, event []byte) error {
	if e.paths != p {
		e.paths = p
		e.heads, e.tails = make([]int32, p.count), make([]int32, p.count)
		for i := range e.heads {
			e.heads[i] = -1
		}
		e.touched = e.touched[:0]
	}
	for _, f := range e.touched {
		e.heads[f] = -1
	}
	e.touched, e.values, e.elements = e.touched[:0], e.values[:0], e.elements[:0]
	e.arrays, e.data, e.pos = 0, event, 0
	if cap(e.room) > roomMax {
		e.room = nil
	}
	e.room = e.room[:0]
	e.space()
	if e.pos >= len(event) || event[e.pos] != '{' {
		if e.pos < len(event) && e.skip(0) == nil {
			return ErrNotObject
		}
		return e.bad()
	}
	return e.object(0, -1, 1)
}

// roomMax is the largest room that is kept for the next event, valuesMax the most values.
const (
	roomMax   = 1 << 20
	valuesMax = 10000
)

// release keeps the room and forgets the event.
func (e *fields) release() {
	if e.data = nil; cap(e.values) > valuesMax {
		e.values, e.elements = nil, nil
	}
	clear(e.values)
	e.matching.failed = nil
}

func (e *fields) bad() error { return &SyntaxError{e.pos} }

func (e *fields) space() {
	for e.pos < len(e.data) {
		if c := e.data[e.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return
		}
		e.pos++
	}
}

// peek is the next character that is no space, 0 at the end.
func (e *fields) peek() byte {
	if e.pos < len(e.data) {
		if c := e.data[e.pos]; c > ' ' {
			return c
		}
	}
	e.space()
	if e.pos < len(e.data) {
		return e.data[e.pos]
	}
	return 0
}

// object reads from an opening brace; at is the node of its names.
func (e *fields) object(at, member int32, depth int) error {
	if depth > EventDepthMax {
		return e.bad()
	}
	e.pos++
	if e.peek() == '}' {
		e.pos++
		return nil
	}
	for {
		if e.peek() != '"' {
			return e.bad()
		}
		name, err := e.string()
		if err != nil {
			return err
		}
		if e.peek() != ':' {
			return e.bad()
		}
		e.pos++
		e.peek()
		to := e.paths.walk(at, name[1:len(name)-1])
		if to < 0 {
			err = e.skip(depth)
		} else {
			err = e.value(to, member, depth)
		}
		if err != nil {
			return err
		}
		switch e.peek() {
		case ',':
			e.pos++
		case '}':
			e.pos++
			return nil
		default:
			return e.bad()
		}
	}
}

// array reads from an opening bracket.
func (e *fields) array(at, member int32, depth int) error {
	if depth > EventDepthMax {
		return e.bad()
	}
	array := e.arrays
	e.arrays++
	e.pos++
	if e.peek() == ']' {
		e.pos++
		return nil
	}
	for index := int32(0); ; index++ {
		in := member
		if c := e.peek(); c == '{' || c == '[' {
			in = int32(len(e.elements))
			e.elements = append(e.elements, element{array, index, member})
		}
		if err := e.value(at, in, depth); err != nil {
			return err
		}
		switch e.peek() {
		case ',':
			e.pos++
		case ']':
			e.pos++
			return nil
		default:
			return e.bad()
		}
	}
}

func (e *fields) value(at, member int32, depth int) error {
	if e.pos >= len(e.data) {
		return e.bad()
	}
	v := value{next: -1, member: member}
	switch c := e.data[e.pos]; {
	case c == '{':
		return e.object(at, member, depth+1)
	case c == '[':
		return e.array(at, member, depth+1)
	}
	f := e.paths.nodes[at].field
	if f < 0 {
		return e.skip(depth)
	}
	start := e.pos
	if e.data[start] == '"' {
		text, err := e.string()
		if err != nil {
			return err
		}
		v.text = text
	} else {
		if err := e.scalar(); err != nil {
			return err
		}
		v.text, v.kind = e.data[start:e.pos], numberValue
		if c := e.data[start]; c > '9' {
			v.kind = wordValue
		}
	}
	at = int32(len(e.values))
	e.values = append(e.values, v)
	if e.heads[f] < 0 {
		e.heads[f] = at
		e.touched = append(e.touched, f)
	} else {
		e.values[e.tails[f]].next = at
	}
	e.tails[f] = at
	return nil
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// string reads a string and gives it in its quotes; one with escapes lies in the room.
func (e *fields) string() ([]byte, error) {
	d, start := e.data, e.pos
	i := start + 1
	for i+8 <= len(d) {
		w := binary.LittleEndian.Uint64(d[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		hit := ((quote - ones) &^ quote) | ((slash - ones) &^ slash) | ((w - ones*0x20) &^ w)
		if hit &= highs; hit != 0 {
			i += bits.TrailingZeros64(hit) / 8
			break
		}
		i += 8
	}
	for ; i < len(d); i++ {
		switch c := d[i]; {
		case c == '"':
			e.pos = i + 1
			return d[start:e.pos], nil
		case c == '\\':
			return e.escaped(start, i)
		case c < 0x20:
			e.pos = i
			return nil, e.bad()
		}
	}
	e.pos = len(d)
	return nil, e.bad()
}

func (e *fields) escaped(start, i int) ([]byte, error) {
	d := e.data
	from := len(e.room)
	e.room = append(e.room, d[start:i]...)
	for i < len(d) {
		switch c := d[i]; {
		case c == '"':
			e.room = append(e.room, c)
			e.pos = i + 1
			return e.room[from:len(e.room):len(e.room)], nil
		case c < 0x20:
			e.pos = i
			return nil, e.bad()
		case c != '\\':
			e.room = append(e.room, c)
			i++
		default:
			n := 0
			if e.room, n, _ = unescape(e.room, d, i); n == 0 {
				e.pos = i
				return nil, e.bad()
			}
			i += n
		}
	}
	e.pos = len(d)
	return nil, e.bad()
}

// scalar reads a number or one of JSON's words.
func (e *fields) scalar() error {
	d, i := e.data, e.pos
	digits := func() bool {
		from := i
		for i < len(d) && d[i] >= '0' && d[i] <= '9' {
			i++
		}
		return i > from
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if d[i] == w[0] {
			if len(d)-i < len(w) || string(d[i:i+len(w)]) != w {
				return e.bad()
			}
			e.pos += len(w)
			return nil
		}
	}
	if d[i] == '-' {
		i++
	}
	zero := i < len(d) && d[i] == '0'
	from := i
	if !digits() || zero && i > from+1 {
		return e.bad()
	}
	if i < len(d) && d[i] == '.' {
		if i++; !digits() {
			return e.bad()
		}
	}
	if i < len(d) && d[i]|32 == 'e' {
		if i++; i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		if !digits() {
			return e.bad()
		}
	}
	if i-e.pos > digitsMax {
		return e.bad()
	}
	e.pos = i
	return nil
}

// skip checks a value and passes over it.
func (e *fields) skip(depth int) error {
	if e.pos >= len(e.data) {
		return e.bad()
	}
	c := e.data[e.pos]
	if c == '"' {
		return e.skipString()
	}
	if c != '{' && c != '[' {
		return e.scalar()
	}
	if depth++; depth > EventDepthMax {
		return e.bad()
	}
	end := c + 2 // of either kind
	e.pos++
	if e.peek() == end {
		e.pos++
		return nil
	}
	for {
		if c == '{' {
			if e.peek() != '"' {
				return e.bad()
			}
			if err := e.skipString(); err != nil {
				return err
			}
			if e.peek() != ':' {
				return e.bad()
			}
			e.pos++
		}
		e.peek()
		if err := e.skip(depth); err != nil {
			return err
		}
		switch e.peek() {
		case ',':
			e.pos++
		case end:
			e.pos++
			return nil
		default:
			return e.bad()
		}
	}
}

func (e *fields) skipString() error {
	room := len(e.room)
	_, err := e.string()
	e.room = e.room[:room]
	return err
}
