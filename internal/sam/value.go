package sam

import (
	"encoding/json"
	"iter"
	"strings"
)

// A value of a template is one of: *Map, []any, string, ustr, int64, float64, json.Number (integers beyond int64), bool, nil.

// ustr is a string that the reference marks as unicode; it differs from string only in Python's printed form.
type ustr string

// Map is an ordered map of strings to values: a template's objects. The zero value is not ready; see NewMap.
type Map struct {
	ents  []entry
	index map[string]int // made when the map outgrows a linear search
	live  int
	py    *pyOrder // the order of iteration where it is not the order of insertion
}

type entry struct {
	key  string
	uni  bool
	dead bool
	val  any
}

const linearMax = 8

// NewMap makes a map of key, value pairs.
func NewMap(pairs ...any) *Map {
	m := &Map{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set(pairs[i].(string), pairs[i+1])
	}
	return m
}

// pyMap makes a map that iterates as a Python 2.7 dictionary does.
func pyMap(pairs ...any) *Map {
	m := &Map{py: newPyOrder()}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set(pairs[i].(string), pairs[i+1])
	}
	return m
}

func (m *Map) find(key string) int {
	if m == nil {
		return -1
	}
	if m.index != nil {
		if i, ok := m.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range m.ents {
		if m.ents[i].key == key && !m.ents[i].dead {
			return i
		}
	}
	return -1
}

// Get gives the value of a key.
func (m *Map) Get(key string) (any, bool) {
	if i := m.find(key); i >= 0 {
		return m.ents[i].val, true
	}
	return nil, false
}

func (m *Map) get(key string) any {
	v, _ := m.Get(key)
	return v
}

// Has reports whether the key is there.
func (m *Map) Has(key string) bool { return m.find(key) >= 0 }

// Len is the number of keys.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return m.live
}

// Set gives a key its value; a new key comes last.
func (m *Map) Set(key string, v any) { m.setKey(key, false, v) }

// setKey is Set with the key's unicode mark, which a new key keeps.
func (m *Map) setKey(key string, uni bool, v any) {
	if i := m.find(key); i >= 0 {
		m.ents[i].val = v
		return
	}
	m.ents = append(m.ents, entry{key: key, uni: uni, val: v})
	m.live++
	if m.index != nil {
		m.index[key] = len(m.ents) - 1
	} else if len(m.ents) > linearMax {
		m.reindex()
	}
	if m.py != nil {
		m.py.add(key)
	}
}

// setVal is setKey with a key that is a template's string.
func (m *Map) setVal(key any, v any) {
	switch k := key.(type) {
	case ustr:
		m.setKey(string(k), true, v)
	case string:
		m.setKey(k, false, v)
	default:
		failPy("unhashable type: '%s'", pyType(key))
	}
}

func (m *Map) reindex() {
	if m.live < len(m.ents) {
		kept := m.ents[:0]
		for _, e := range m.ents {
			if !e.dead {
				kept = append(kept, e)
			}
		}
		clear(m.ents[len(kept):])
		m.ents = kept
	}
	m.index = make(map[string]int, 2*len(m.ents))
	for i := range m.ents {
		m.index[m.ents[i].key] = i
	}
}

// Delete removes a key.
func (m *Map) Delete(key string) {
	i := m.find(key)
	if i < 0 {
		return
	}
	m.ents[i] = entry{dead: true}
	m.live--
	if m.index != nil {
		delete(m.index, key)
		if len(m.ents) > 64 && m.live < len(m.ents)/2 {
			m.reindex()
		}
	}
	if m.py != nil {
		m.py.remove(key)
	}
}

// All iterates over keys and values in the map's order. Values may be set while it runs; new keys may be missed.
func (m *Map) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for e := range m.entries() {
			if !yield(e.key, e.val) {
				return
			}
		}
	}
}

func (m *Map) entries() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		if m == nil {
			return
		}
		if m.py != nil {
			for _, k := range m.py.keys() {
				if i := m.find(k); i >= 0 && !yield(m.ents[i]) {
					return
				}
			}
			return
		}
		for i := 0; i < len(m.ents); i++ {
			if e := m.ents[i]; !e.dead && !yield(e) {
				return
			}
		}
	}
}

// Keys gives the keys in the map's order.
func (m *Map) Keys() []string {
	out := make([]string, 0, m.Len())
	for k := range m.All() {
		out = append(out, k)
	}
	return out
}

// first gives the first key and its value.
func (m *Map) first() (string, any) {
	for k, v := range m.All() {
		return k, v
	}
	return "", nil
}

// update sets every pair of another map.
func (m *Map) update(o *Map) {
	if m.py != nil {
		m.py.merge(o.Keys())
	}
	for e := range o.entries() {
		m.setKey(e.key, e.uni, e.val)
	}
}

// shallow copies the map but not its values.
func (m *Map) shallow() *Map {
	c := &Map{ents: make([]entry, 0, m.Len())}
	if m != nil && m.py != nil {
		c.py = newPyOrder()
		c.py.merge(m.py.keys())
	}
	for e := range m.entries() {
		c.setKey(e.key, e.uni, e.val)
	}
	return c
}

// clone copies a value and all it holds.
func clone(v any) any {
	switch t := v.(type) {
	case *Map:
		return t.clone()
	case []any:
		c := make([]any, len(t))
		for i, x := range t {
			c[i] = clone(x)
		}
		return c
	}
	return v
}

func (m *Map) clone() *Map {
	if m == nil {
		return nil
	}
	c := &Map{ents: make([]entry, 0, m.live), live: m.live}
	for i := range m.ents {
		if e := m.ents[i]; !e.dead {
			e.val = clone(e.val)
			c.ents = append(c.ents, e)
		}
	}
	if len(c.ents) > linearMax {
		c.reindex()
	}
	if m.py != nil {
		c.py = m.py.copied()
	}
	return c
}

// MarshalJSON writes the map in its order.
func (m *Map) MarshalJSON() ([]byte, error) {
	b := jsonText{}
	b.value(m)
	return []byte(b.String()), nil
}

// str gives the text of either kind of string.
func str(v any) (string, bool) {
	switch s := v.(type) {
	case string:
		return s, true
	case ustr:
		return string(s), true
	}
	return "", false
}

func isStr(v any) bool { _, ok := str(v); return ok }

// text is str for values known to be strings.
func text(v any) string { s, _ := str(v); return s }

// is reports whether v is the string s.
func is(v any, s string) bool { t, ok := str(v); return ok && t == s }

// like gives s the unicode mark of the string it was made of.
func like(v any, s string) any {
	if _, ok := v.(ustr); ok {
		return ustr(s)
	}
	return s
}

func isMap(v any) bool  { _, ok := v.(*Map); return ok }
func isList(v any) bool { _, ok := v.([]any); return ok }
func isBool(v any) bool { _, ok := v.(bool); return ok }

// isInt follows Python, where a boolean is an integer too.
func isInt(v any) bool {
	switch v.(type) {
	case int64, bool, json.Number:
		return true
	}
	return false
}

func truthy(v any) bool {
	switch t := v.(type) {
	case nil:
		return false
	case bool:
		return t
	case string:
		return t != ""
	case ustr:
		return t != ""
	case int64:
		return t != 0
	case float64:
		return t != 0
	case []any:
		return len(t) > 0
	case *Map:
		return t.Len() > 0
	}
	return true
}

// equal compares as Python does: 1 equals 1.0 and True, and the order of keys is nothing.
func equal(a, b any) bool {
	if s, ok := str(a); ok {
		t, ok := str(b)
		return ok && s == t
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case *Map:
		y, ok := b.(*Map)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for k, v := range x.All() {
			if w, ok := y.Get(k); !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i]) {
				return false
			}
		}
		return true
	}
	x, ok := number(a)
	y, ok2 := number(b)
	return ok && ok2 && x == y
}

func number(v any) (float64, bool) {
	switch t := v.(type) {
	case int64:
		return float64(t), true
	case float64:
		return t, true
	case bool:
		if t {
			return 1, true
		}
		return 0, true
	case json.Number:
		f, err := t.Float64()
		return f, err == nil
	}
	return 0, false
}

// contains is Python's "in" for a list.
func contains(l []any, v any) bool {
	for _, x := range l {
		if equal(x, v) {
			return true
		}
	}
	return false
}

// oneOf reports whether v is one of some strings.
func oneOf(v any, words ...string) bool {
	s, ok := str(v)
	if !ok {
		return false
	}
	for _, w := range words {
		if s == w {
			return true
		}
	}
	return false
}

// anys makes a list of strings a list of values.
func anys(l ...string) []any {
	out := make([]any, len(l))
	for i, s := range l {
		out[i] = s
	}
	return out
}

// alnum is Python's str.isalnum for the letters and digits that matter here.
func alnum(s string) bool {
	if s == "" {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !alnumRune(r) }) < 0
}
