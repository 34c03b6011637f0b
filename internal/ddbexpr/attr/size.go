package attr

import "unicode/utf8"

// ItemSizeMax is the largest item, as Size counts it.
const ItemSizeMax = 400 << 10

// Size is the size of a value as AWS counts it ("DynamoDB Item sizes and formats"): text and bytes their length, a
// number one byte and one for each two digits, a list or map three bytes and one for each member beside the members.
func (v Value) Size() int {
	switch v.Kind() {
	case Null, Bool:
		return 1
	case S, N, B:
		return len(v.payload())
	case M:
		n := 3
		for name, e := range v.Item().All() {
			n += 1 + len(name) + e.Size()
		}
		return n
	case L:
		n := 3
		for e := range v.List() {
			n += 1 + e.Size()
		}
		return n
	case SS, NS, BS:
		n := 0
		for e := range v.Set() {
			n += len(e)
		}
		return n
	}
	return 0
}

// Size is the size of an item as AWS counts it: names and values.
func (it Item) Size() int {
	n := 0
	for name, v := range it.All() {
		n += len(name) + v.Size()
	}
	return n
}

// AppendSizeOf appends what the function size(path) gives for a value: characters of an S, bytes of a B, members of the
// rest; ok is false for kinds that have no size.
func AppendSizeOf(dst Value, v Value) (out Value, ok bool) {
	switch v.Kind() {
	case S:
		return AppendInt(dst, utf8.RuneCount(v.payload())), true
	case B:
		return AppendInt(dst, len(v.payload())), true
	case SS, NS, BS, L, M:
		return AppendInt(dst, v.Len()), true
	}
	return dst, false
}
