package template

import (
	"iter"
	"math"
	"strconv"
	"strings"
)

// Kind tells what a [Value] is.
type Kind uint8

// The kinds of values.
const (
	Absent  Kind = iota // the zero Value
	Null                // null, ~ or nothing after a key
	Bool                // Text is "true" or "false"
	Number              // Text is the number as it was written, always valid JSON
	String              // Text is the string
	List                // Len, Index, Items
	Map                 // Len, Get, All
	Unknown             // a value that exists after apply only; Text says of what
)

// String names the kind as messages do.
func (k Kind) String() string {
	return [...]string{"absent", "null", "boolean", "number", "string", "array", "object", "unknown"}[k]
}

// Pos is a place in a template's text. Both members count from 1; 0 means that the value was made, not read.
type Pos struct{ Line, Column int }

// Value is an immutable node of a template: a scalar with its raw text, a list, or a map that keeps the order of its
// keys. It knows where it was read. The zero Value is [Absent]. Values are small and safe for concurrent use; parts are
// shared, never copied.
type Value struct{ n *node }

type node struct {
	text      string
	entries   []Entry
	items     []Value
	index     map[string]int // of entries, where there are many
	line, col int32
	size      int32 // nodes below and this one, shared ones counted each time
	depth     int32
	kind      Kind
	quoted    bool
	live      bool // a function or a dynamic reference stands in it
}

// Entry is a member of a map: its key, where the key stands, and the value.
type Entry struct {
	Key    string
	KeyPos Pos
	Value  Value
}

const (
	indexFrom     = 12
	dynamicPrefix = "{{resolve:"
)

// StringOf makes a string.
func StringOf(s string) Value {
	return Value{&node{kind: String, text: s, size: 1, depth: 1, quoted: true, live: strings.Contains(s, dynamicPrefix)}}
}

// NullOf makes a null.
func NullOf() Value { return Value{&node{kind: Null, size: 1, depth: 1}} }

// BoolOf makes a boolean.
func BoolOf(b bool) Value {
	return Value{&node{kind: Bool, text: strconv.FormatBool(b), size: 1, depth: 1}}
}

// IntOf makes a number.
func IntOf(i int) Value {
	return Value{&node{kind: Number, text: strconv.Itoa(i), size: 1, depth: 1}}
}

// NumberOf makes a number of its text, or a string where the text is no JSON number.
func NumberOf(text string) Value {
	if !isJSONNumber(text) {
		return StringOf(text)
	}
	return Value{&node{kind: Number, text: text, size: 1, depth: 1}}
}

// UnknownOf makes a value that will be known later; what names it, as in "Queue.Arn".
func UnknownOf(what string) Value { return Value{&node{kind: Unknown, text: what, size: 1, depth: 1}} }

// ListOf makes a list. The slice is kept: the caller must not change it afterwards.
func ListOf(items ...Value) Value {
	n := &node{kind: List, items: items, size: 1}
	for _, v := range items {
		n.grow(v)
	}
	n.depth++
	return Value{n}
}

// MapOf makes a map in the order given. A key given twice keeps its first place and its last value. The slice is kept:
// the caller must not change it afterwards.
func MapOf(entries ...Entry) Value {
	n := &node{kind: Map, entries: entries, size: 1}
	if len(entries) < indexFrom {
		for i := 1; i < len(entries); i++ {
			for j := range i {
				if entries[i].Key == entries[j].Key {
					return MapOf(dedupe(entries)...)
				}
			}
		}
	} else {
		n.index = make(map[string]int, len(entries))
		for i, e := range entries {
			n.index[e.Key] = i
		}
		if len(n.index) < len(entries) {
			return MapOf(dedupe(entries)...)
		}
	}
	for _, e := range entries {
		n.grow(e.Value)
		n.live = n.live || e.Key == "Ref" || strings.HasPrefix(e.Key, "Fn::")
	}
	n.depth++
	return Value{n}
}

func dedupe(entries []Entry) []Entry {
	out, at := make([]Entry, 0, len(entries)), map[string]int{}
	for _, e := range entries {
		if i, ok := at[e.Key]; ok {
			out[i].Value = e.Value
			continue
		}
		at[e.Key] = len(out)
		out = append(out, e)
	}
	return out
}

func (n *node) grow(v Value) {
	if v.n == nil {
		return
	}
	n.depth = max(n.depth, v.n.depth)
	n.live = n.live || v.n.live
	if n.size > math.MaxInt32-v.n.size {
		n.size = math.MaxInt32
		return
	}
	n.size += v.n.size
}

// E is a map entry without a place of its own.
func E(key string, v Value) Entry { return Entry{Key: key, Value: v} }

// At gives the same value at another place.
func (v Value) At(p Pos) Value {
	if v.n == nil {
		return v
	}
	n := *v.n
	n.line, n.col = int32(min(p.Line, math.MaxInt32)), int32(min(p.Column, math.MaxInt32))
	return Value{&n}
}

// Kind tells what the value is.
func (v Value) Kind() Kind {
	if v.n == nil {
		return Absent
	}
	return v.n.kind
}

// Exists tells whether there is a value at all; null is one.
func (v Value) Exists() bool { return v.n != nil }

// IsMap, IsList and IsString ask for one kind.
func (v Value) IsMap() bool { return v.Kind() == Map }

// IsList tells whether the value is a list.
func (v Value) IsList() bool { return v.Kind() == List }

// IsString tells whether the value is a string.
func (v Value) IsString() bool { return v.Kind() == String }

// IsScalar tells whether the value is a string, number or boolean.
func (v Value) IsScalar() bool {
	k := v.Kind()
	return k == String || k == Number || k == Bool
}

// Quoted tells whether a string was written in quotes (or made), not plain.
func (v Value) Quoted() bool { return v.n != nil && v.n.quoted }

// Pos gives where the value was read.
func (v Value) Pos() Pos {
	if v.n == nil {
		return Pos{}
	}
	return Pos{int(v.n.line), int(v.n.col)}
}

// Text gives a scalar's raw text, "" for everything else.
func (v Value) Text() string {
	if v.n == nil {
		return ""
	}
	return v.n.text
}

// Bool gives a boolean, or the boolean that a string spells ("true", "false" in any case).
func (v Value) Bool() (value, ok bool) {
	if k := v.Kind(); k == Bool || k == String {
		switch v.n.text {
		case "true", "True", "TRUE":
			return true, true
		case "false", "False", "FALSE":
			return false, true
		}
	}
	return false, false
}

// Int gives a whole number, or the one that a string spells.
func (v Value) Int() (int, bool) {
	if k := v.Kind(); k != Number && k != String {
		return 0, false
	}
	i, err := strconv.Atoi(v.n.text)
	return i, err == nil
}

// Len gives the members of a list or map.
func (v Value) Len() int {
	if v.n == nil {
		return 0
	}
	return len(v.n.items) + len(v.n.entries)
}

// Size gives the nodes of the whole tree, shared parts counted each time they occur.
func (v Value) Size() int {
	if v.n == nil {
		return 0
	}
	return int(v.n.size)
}

// Depth gives the levels of the tree; a scalar has one.
func (v Value) Depth() int {
	if v.n == nil {
		return 0
	}
	return int(v.n.depth)
}

// Index gives an element of a list, or the absent value.
func (v Value) Index(i int) Value {
	if v.n == nil || i < 0 || i >= len(v.n.items) {
		return Value{}
	}
	return v.n.items[i]
}

// Get gives a member of a map, or the absent value.
func (v Value) Get(key string) Value {
	e, _ := v.Entry(key)
	return e.Value
}

// Has tells whether a map has the key.
func (v Value) Has(key string) bool {
	_, ok := v.Entry(key)
	return ok
}

// Entry gives a member of a map with the place of its key.
func (v Value) Entry(key string) (Entry, bool) {
	if v.n == nil {
		return Entry{}, false
	}
	if v.n.index != nil {
		if i, ok := v.n.index[key]; ok {
			return v.n.entries[i], true
		}
		return Entry{}, false
	}
	for i := range v.n.entries {
		if v.n.entries[i].Key == key {
			return v.n.entries[i], true
		}
	}
	return Entry{}, false
}

// EntryAt gives the member of a map at a place in its order.
func (v Value) EntryAt(i int) Entry {
	if v.n == nil || i < 0 || i >= len(v.n.entries) {
		return Entry{}
	}
	return v.n.entries[i]
}

// Path walks maps by key; the first absent step ends it.
func (v Value) Path(keys ...string) Value {
	for _, k := range keys {
		v = v.Get(k)
	}
	return v
}

// All gives the members of a map in order.
func (v Value) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.n == nil {
			return
		}
		for _, e := range v.n.entries {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

// Entries gives the members of a map with their keys' places, in order.
func (v Value) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if v.n == nil {
			return
		}
		for _, e := range v.n.entries {
			if !yield(e) {
				return
			}
		}
	}
}

// Items gives the elements of a list in order.
func (v Value) Items() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.n == nil {
			return
		}
		for i, e := range v.n.items {
			if !yield(i, e) {
				return
			}
		}
	}
}

// With gives the map with a member set: in its place where the key exists, else at the end. On any other kind it makes
// a map of the one member.
func (v Value) With(key string, member Value) Value {
	var old []Entry
	if v.n != nil {
		old = v.n.entries
	}
	out := make([]Entry, len(old), len(old)+1)
	copy(out, old)
	set := false
	for i := range out {
		if out[i].Key == key {
			out[i].Value, set = member, true
		}
	}
	if !set {
		out = append(out, E(key, member))
	}
	return MapOf(out...).At(v.Pos())
}

// Without gives the map less a member.
func (v Value) Without(key string) Value {
	if !v.Has(key) {
		return v
	}
	out := make([]Entry, 0, len(v.n.entries)-1)
	for _, e := range v.n.entries {
		if e.Key != key {
			out = append(out, e)
		}
	}
	return MapOf(out...).At(v.Pos())
}

// Equal tells whether two values are the same: kinds and texts alike, lists in order, maps in any order. Places do not
// matter. Unknown values equal nothing.
func Equal(a, b Value) bool {
	if a.Kind() != b.Kind() || a.Kind() == Unknown {
		return false
	}
	if a.n == b.n {
		return !hasUnknown(a)
	}
	switch a.Kind() {
	case List:
		if len(a.n.items) != len(b.n.items) {
			return false
		}
		for i := range a.n.items {
			if !Equal(a.n.items[i], b.n.items[i]) {
				return false
			}
		}
		return true
	case Map:
		if len(a.n.entries) != len(b.n.entries) {
			return false
		}
		for _, e := range a.n.entries {
			o, ok := b.Entry(e.Key)
			if !ok || !Equal(e.Value, o.Value) {
				return false
			}
		}
		return true
	}
	return a.n.text == b.n.text
}

// Unknown tells whether the value or a part of it is known after apply only.
func (v Value) Unknown() bool { return hasUnknown(v) }

func hasUnknown(v Value) bool {
	switch v.Kind() {
	case Unknown:
		return true
	case List:
		for _, e := range v.n.items {
			if hasUnknown(e) {
				return true
			}
		}
	case Map:
		for _, e := range v.n.entries {
			if hasUnknown(e.Value) {
				return true
			}
		}
	}
	return false
}
