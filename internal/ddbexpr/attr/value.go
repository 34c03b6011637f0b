package attr

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// Kind is the type of a value.
type Kind byte

// The kinds. Invalid is a value that AWS refuses: it carries the refusal (Value.Err) until the request's checks reach it.
const (
	Invalid Kind = iota
	S
	N
	B
	SS
	NS
	BS
	M
	L
	Null
	Bool
)

var kindNames = [...]string{"", "S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"}

// String is the name that the API gives to the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// KindOf is the kind with a name of the API, Invalid for any other.
func KindOf(name string) Kind {
	for i, n := range kindNames {
		if n == name && i > 0 {
			return Kind(i)
		}
	}
	return Invalid
}

// IsSet tells whether values of the kind are sets.
func (k Kind) IsSet() bool { return k == SS || k == NS || k == BS }

// Tags: the first byte of a value. True and false have their own.
const (
	tagTrue  = byte(Bool)
	tagFalse = byte(Bool) + 1
)

// Value is an attribute's value, encoded: a tag, and for all kinds but NULL and BOOL a length and that many bytes.
//
//	S, B     the bytes
//	N        the number's encoding (Number)
//	SS … BS  a count, then elements as length and bytes, ordered bytewise, none twice
//	L        a count, then the values
//	M        a count, then names as length and bytes, each with its value, ordered by name bytewise, none twice
//
// Lengths and counts are unsigned varints. So equal values, and they alone, have equal bytes. The zero Value is no value.
type Value []byte

// Kind is the value's type.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return Invalid
	}
	if v[0] == tagFalse {
		return Bool
	}
	return Kind(v[0])
}

// payload is what follows tag and length.
func (v Value) payload() []byte {
	if len(v) < 2 {
		return nil
	}
	if v[1] < 0x80 {
		return v[2:]
	}
	_, w := binary.Uvarint(v[1:])
	return v[1+max(w, 0):]
}

// Bytes are the bytes of S and B, and the encoding of N.
func (v Value) Bytes() []byte { return v.payload() }

// Number is the number of an N.
func (v Value) Number() Number { return Number(v.payload()) }

// True tells whether the value is the boolean true.
func (v Value) True() bool { return len(v) > 0 && v[0] == tagTrue }

// Err is the refusal that an invalid value carries.
func (v Value) Err() error {
	switch {
	case len(v) == 0:
		return invalid(msgEmptyValue)
	case v[0] == byte(Invalid):
		return invalid(string(v.payload()))
	}
	return nil
}

// Equal tells whether two values are the same: of one kind and with the same contents, sets and maps in whatever order.
func (v Value) Equal(o Value) bool { return bytes.Equal(v, o) }

// Compare orders two values of one scalar kind (S, N or B); ok is false for all others.
func Compare(a, b Value) (order int, ok bool) {
	k := a.Kind()
	if k != b.Kind() || k != S && k != N && k != B {
		return 0, false
	}
	return bytes.Compare(a.payload(), b.payload()), true
}

// Item is the payload of an M: the attributes of an item.
type Item []byte

// Item is the contents of an M.
func (v Value) Item() Item { return Item(v.payload()) }

// reader walks over encoded parts. Its input was written by this package; a part that does not fit ends the walk.
type reader []byte

func (r *reader) uvarint() int {
	b := *r
	if len(b) > 0 && b[0] < 0x80 {
		*r = b[1:]
		return int(b[0])
	}
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)) {
		*r = nil
		return 0
	}
	*r = b[w:]
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > len(*r) {
		n = len(*r)
	}
	out := (*r)[:n:n]
	*r = (*r)[n:]
	return out
}

func (r *reader) value() Value {
	b := *r
	if len(b) == 0 {
		return nil
	}
	n := 1
	if t := b[0]; t != byte(Null) && t != tagTrue && t != tagFalse {
		rest := reader(b[1:])
		rest.bytes()
		n = len(b) - len(rest)
	}
	*r = b[n:]
	return Value(b[:n:n])
}

// Len is the number of elements of a set, list or map.
func (v Value) Len() int {
	r := reader(v.payload())
	return r.uvarint()
}

// Len is the number of attributes.
func (it Item) Len() int {
	r := reader(it)
	return r.uvarint()
}

// All gives the attributes in order of their names.
func (it Item) All() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		w := it.Walk()
		for w.Next() {
			if !yield(w.Name, w.Value()) {
				return
			}
		}
	}
}

// Get is the value of an attribute, nil where there is none.
func (it Item) Get(name string) Value {
	w := it.Walk()
	for w.Next() {
		if at := w.Name; len(at) == len(name) {
			if string(at) == name {
				return w.Value()
			}
		} else if len(at) > 0 && len(name) > 0 && at[0] > name[0] {
			return nil
		}
	}
	return nil
}

// Walk goes over the attributes of an item in order of their names.
type Walk struct {
	Name []byte // of the present attribute

	all             []byte
	left            int
	from, value, at int // where the present attribute begins, its value begins, and ends
}

// Walk begins before the first attribute.
func (it Item) Walk() Walk {
	r := reader(it)
	n := r.uvarint()
	at := len(it) - len(r)
	return Walk{all: it, left: n, from: at, at: at}
}

// Next goes to the next attribute and tells whether there is one.
func (w *Walk) Next() bool {
	b, i := w.all, w.at
	if w.left <= 0 || i >= len(b) {
		return false
	}
	w.left--
	w.from = i
	n := int(b[i])
	if i++; n >= 0x80 {
		n, i = long(b, i-1)
	}
	if n < 0 || n > len(b)-i {
		return false
	}
	w.Name = b[i : i+n : i+n]
	i += n
	if w.value = i; i >= len(b) {
		return false
	}
	switch b[i] {
	case byte(Null), tagTrue, tagFalse:
		w.at = i + 1
		return true
	}
	if i++; i >= len(b) {
		return false
	}
	n = int(b[i])
	if i++; n >= 0x80 {
		n, i = long(b, i-1)
	}
	if n < 0 || n > len(b)-i {
		return false
	}
	w.at = i + n
	return true
}

// long reads a length of more than one byte.
func long(b []byte, i int) (n, after int) {
	v, w := binary.Uvarint(b[i:])
	if w <= 0 || v > uint64(len(b)) {
		return -1, i
	}
	return int(v), i + w
}

// Value is the value of the present attribute.
func (w *Walk) Value() Value { return Value(w.all[w.value:w.at:w.at]) }

// Before is where the present attribute begins.
func (w *Walk) Before() int { return w.from }

// Left is how many attributes follow.
func (w *Walk) Left() int { return w.left }

// After is where the present attribute ends.
func (w *Walk) After() int { return w.at }

// Raw are the attributes between two places, as they lie.
func (w *Walk) Raw(from, to int) []byte { return w.all[from:to:to] }

// Index is the element of a list, nil where there is none.
func (v Value) Index(i int) Value {
	r := reader(v.payload())
	if i < 0 || i >= r.uvarint() {
		return nil
	}
	for ; i > 0; i-- {
		r.value()
	}
	return r.value()
}

// List gives the elements of a list.
func (v Value) List() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		r := reader(v.payload())
		for n := r.uvarint(); n > 0 && len(r) > 0; n-- {
			if !yield(r.value()) {
				return
			}
		}
	}
}

// Set gives the elements of a set in their order: text, bytes or encoded numbers.
func (v Value) Set() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		r := reader(v.payload())
		for n := r.uvarint(); n > 0; n-- {
			if !yield(r.bytes()) {
				return
			}
		}
	}
}

// element is the scalar kind that a set's elements have.
func (k Kind) element() Kind { return k - SS + S }

// Has tells whether a set or list holds a value.
func (v Value) Has(e Value) bool {
	k := v.Kind()
	switch {
	case k == L:
		for x := range v.List() {
			if x.Equal(e) {
				return true
			}
		}
	case k.IsSet() && e.Kind() == k.element():
		want := e.payload()
		for x := range v.Set() {
			if c := bytes.Compare(x, want); c >= 0 {
				return c == 0
			}
		}
	}
	return false
}

// Depth is how many lists and maps lie within one another: 0 for a scalar, 1 for a list of scalars.
func (v Value) Depth() int {
	deepest := 0
	switch v.Kind() {
	case L:
		for e := range v.List() {
			deepest = max(deepest, e.Depth())
		}
	case M:
		for _, e := range v.Item().All() {
			deepest = max(deepest, e.Depth())
		}
	default:
		return 0
	}
	return deepest + 1
}
