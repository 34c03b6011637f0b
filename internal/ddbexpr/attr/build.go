package attr

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// appendCounted appends length and bytes.
func appendCounted(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendBytes(dst []byte, tag byte, b []byte) []byte { return appendCounted(append(dst, tag), b) }

// patch puts a count into the one byte that was kept for it at start, making room where it needs more.
func patch(dst []byte, start, n int) []byte {
	if n < 0x80 {
		dst[start] = byte(n)
		return dst
	}
	var buf [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(buf[:], uint64(n))
	dst = append(dst, buf[:w-1]...)
	copy(dst[start+w:], dst[start+1:])
	copy(dst[start:], buf[:w])
	return dst
}

// closeLength puts the length of what follows start before it.
func closeLength(dst []byte, start int) []byte {
	n := len(dst) - start
	var buf [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(buf[:], uint64(n))
	dst = append(dst, buf[:w]...)
	copy(dst[start+w:], dst[start:start+n])
	copy(dst[start:], buf[:w])
	return dst
}

// String is an S.
func String(s string) Value { return AppendString(nil, s) }

// AppendString appends an S.
func AppendString(dst Value, s string) Value {
	dst = binary.AppendUvarint(append(dst, byte(S)), uint64(len(s)))
	return append(dst, s...)
}

// Binary is a B.
func Binary(b []byte) Value { return appendBytes(nil, byte(B), b) }

// NumberValue is an N with the number of the text.
func NumberValue(text string) (Value, error) {
	n, err := AppendNumber(nil, []byte(text))
	if err != nil {
		return nil, err
	}
	return appendBytes(nil, byte(N), n), nil
}

// NumberOf is an N.
func NumberOf(n Number) Value { return appendBytes(nil, byte(N), n) }

// AppendInt appends an N that holds a count.
func AppendInt(dst Value, n int) Value {
	at := len(dst) + 1
	out := appendInt(append(dst, byte(N), 0), n)
	out[at] = byte(len(out) - at - 1)
	return out
}

// BoolValue is a BOOL.
func BoolValue(b bool) Value {
	if b {
		return Value{tagTrue}
	}
	return Value{tagFalse}
}

// NullValue is the NULL.
func NullValue() Value { return Value{byte(Null)} }

// AppendScalar appends a value of kind S, N or B with the bytes that Bytes gives.
func AppendScalar(dst Value, k Kind, b []byte) Value { return appendBytes(dst, byte(k), b) }

// ListOf is an L.
func ListOf(vs ...Value) Value { return AppendList(nil, vs...) }

// AppendList appends an L.
func AppendList(dst Value, vs ...Value) Value {
	dst = append(dst, byte(L))
	start := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(vs)))
	for _, v := range vs {
		dst = append(dst, v...)
	}
	return closeLength(dst, start)
}

// Attribute is a name and its value.
type Attribute struct {
	Name  string
	Value Value
}

// ItemOf makes an item; of attributes with one name the last counts.
func ItemOf(as ...Attribute) Item {
	as = slices.Clone(as)
	slices.SortStableFunc(as, func(a, b Attribute) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	kept := as[:0]
	for i, a := range as {
		if i+1 == len(as) || as[i+1].Name != a.Name {
			kept = append(kept, a)
		}
	}
	dst := binary.AppendUvarint(nil, uint64(len(kept)))
	for _, a := range kept {
		dst = appendCounted(dst, []byte(a.Name))
		dst = append(dst, a.Value...)
	}
	return dst
}

// MapOf is an M.
func MapOf(it Item) Value {
	if len(it) == 0 {
		it = Item{0}
	}
	return appendBytes(nil, byte(M), it)
}

// SetOf makes a set of scalars of one kind; doubles are left out. It gives nil for no elements or unlike ones.
func SetOf(vs ...Value) Value {
	if len(vs) == 0 {
		return nil
	}
	k := vs[0].Kind()
	if k != S && k != N && k != B {
		return nil
	}
	es := make([][]byte, len(vs))
	for i, v := range vs {
		if v.Kind() != k {
			return nil
		}
		es[i] = v.payload()
	}
	slices.SortFunc(es, bytes.Compare)
	es = slices.CompactFunc(es, bytes.Equal)
	return appendSet(nil, k-S+SS, es)
}

func appendSet(dst []byte, k Kind, es [][]byte) []byte {
	dst = append(dst, byte(k))
	start := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(es)))
	for _, e := range es {
		dst = appendCounted(dst, e)
	}
	return closeLength(dst, start)
}

// AppendUnion appends the union of two sets of one kind, or what is in a and not in b where minus is set. An empty set
// appends nothing.
func AppendUnion(dst Value, a, b Value, minus bool) Value {
	out := append(dst, a[0])
	start := len(out)
	out = append(out, 0)
	ra, rb := reader(a.payload()), reader(b.payload())
	left, right := ra.uvarint(), rb.uvarint()
	n := 0
	var x, y []byte
	haveX, haveY := false, false
	for {
		if !haveX && left > 0 {
			x, haveX = ra.bytes(), true
			left--
		}
		if !haveY && right > 0 {
			y, haveY = rb.bytes(), true
			right--
		}
		if !haveX && (minus || !haveY) {
			break
		}
		c := -1
		switch {
		case !haveX:
			c = 1
		case haveY:
			c = bytes.Compare(x, y)
		}
		switch {
		case c < 0 || c == 0 && !minus:
			out = appendCounted(out, x)
			n++
		case c > 0 && !minus:
			out = appendCounted(out, y)
			n++
		}
		if c <= 0 {
			haveX = false
		}
		if c >= 0 {
			haveY = false
		}
	}
	if n == 0 {
		return dst
	}
	return Value(closeLength(patch(out, start, n), start))
}

// Concat appends the list of a's elements and b's.
func Concat(dst Value, a, b Value) Value {
	ra, rb := reader(a.payload()), reader(b.payload())
	n := ra.uvarint() + rb.uvarint()
	out := append(dst, byte(L))
	start := len(out)
	out = binary.AppendUvarint(out, uint64(n))
	out = append(append(out, ra...), rb...)
	return closeLength(out, start)
}

// Builder writes an item or map whose attributes come in order of their names, or a list.
type Builder struct {
	dst   []byte
	start int
	n     int
}

// Begin starts the contents of a map or list at the end of dst.
func Begin(dst []byte) Builder { return Builder{dst: append(dst, 0), start: len(dst)} }

// Name appends the name of the next attribute; its value follows.
func (b *Builder) Name(name []byte) { b.dst = appendCounted(b.dst, name) }

// NameString is Name for a string.
func (b *Builder) NameString(name string) {
	b.dst = append(binary.AppendUvarint(b.dst, uint64(len(name))), name...)
}

// Value appends a whole value: an element, or the value of the last name.
func (b *Builder) Value(v Value) {
	b.dst = append(b.dst, v...)
	b.n++
}

// Raw appends n attributes as they lie in another item.
func (b *Builder) Raw(raw []byte, n int) {
	b.dst = append(b.dst, raw...)
	b.n += n
}

// Open begins a nested value of kind M or L; Close gives it back to its parent.
func (b *Builder) Open(k Kind) Builder { return Begin(append(b.dst, byte(k))) }

// Close ends a nested value that Open began.
func (b *Builder) Close(child *Builder) {
	b.dst = closeLength(child.Finish(), child.start)
	b.n++
}

// Drop undoes what was written since the builder had the length that Mark gave.
func (b *Builder) Drop(mark int) { b.dst = b.dst[:mark] }

// Mark is the present length.
func (b *Builder) Mark() int { return len(b.dst) }

// Count is the number of values written.
func (b *Builder) Count() int { return b.n }

// Finish writes the count and gives the whole.
func (b *Builder) Finish() []byte { return patch(b.dst, b.start, b.n) }
