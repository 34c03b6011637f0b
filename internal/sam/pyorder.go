package sam

import (
	"slices"
	"unicode"
)

// pyOrder is the order of keys in a Python 2.7 dictionary: a hash table with open addressing. The reference hashes a
// swagger body as Python 2.7 would have printed it, so the identity of a deployment depends on this order.
type pyOrder struct {
	slots      []pySlot
	size, fill int
	settled    bool      // a copy of this map and of all below it is known to have the same order
	next       *pyOrder  // the order after a copy, once it is known
	ring       *pyOrders // the orders that copies of this one went through
	order      []string
}

type pySlot struct {
	state byte
	hash  uint64
	key   string
}

const (
	slotEmpty = iota
	slotDummy
	slotFull
)

const pyMinSize = 8

func newPyOrder() *pyOrder { return &pyOrder{slots: make([]pySlot, pyMinSize)} }

// pyHash is the hash of a string in 64-bit Python 2.7.
func pyHash(s string) uint64 {
	var x uint64
	n := uint64(0)
	for _, r := range s {
		if n == 0 {
			x = uint64(r) << 7
		}
		x = 1000003*x ^ uint64(r)
		n++
	}
	return x ^ n
}

func (o *pyOrder) changed() { o.order, o.settled, o.next, o.ring = nil, false, nil, nil }

func (o *pyOrder) slot(key string, hash uint64) int {
	mask := uint64(len(o.slots) - 1)
	i := hash & mask
	s := &o.slots[i]
	if s.state == slotEmpty || s.state == slotFull && s.key == key {
		return int(i)
	}
	free := -1
	if s.state == slotDummy {
		free = int(i)
	}
	walker, perturb := i, hash
	for {
		walker = walker<<2 + walker + perturb + 1
		i = walker & mask
		s = &o.slots[i]
		switch {
		case s.state == slotEmpty:
			if free >= 0 {
				return free
			}
			return int(i)
		case s.state == slotFull && s.key == key:
			return int(i)
		case s.state == slotDummy && free < 0:
			free = int(i)
		}
		perturb >>= 5
	}
}

func (o *pyOrder) add(key string) { o.addHashed(key, pyHash(key)) }

func (o *pyOrder) addHashed(key string, hash uint64) {
	i := o.slot(key, hash)
	s := &o.slots[i]
	if s.state == slotFull {
		return
	}
	o.changed()
	o.size++
	if s.state == slotEmpty {
		o.fill++
	}
	*s = pySlot{slotFull, hash, key}
	if o.fill*3 >= len(o.slots)*2 {
		factor := 4
		if o.size > 50000 {
			factor = 2
		}
		o.resize(o.size * factor)
	}
}

func (o *pyOrder) resize(request int) {
	n := pyMinSize
	for n <= request {
		n <<= 1
	}
	old := o.slots
	o.slots, o.size, o.fill = make([]pySlot, n), 0, 0
	for _, s := range old {
		if s.state == slotFull {
			o.addHashed(s.key, s.hash)
		}
	}
}

func (o *pyOrder) remove(key string) {
	if s := &o.slots[o.slot(key, pyHash(key))]; s.state == slotFull {
		*s = pySlot{state: slotDummy}
		o.size--
		o.changed()
	}
}

func (o *pyOrder) keys() []string {
	if o.order == nil {
		o.order = make([]string, 0, o.size)
		for _, s := range o.slots {
			if s.state == slotFull {
				o.order = append(o.order, s.key)
			}
		}
	}
	return o.order
}

// merge adds many keys as dict.update does, which may make room for all of them first.
func (o *pyOrder) merge(keys []string) {
	if len(keys) == 0 {
		return
	}
	if (o.fill+len(keys))*3 >= len(o.slots)*2 {
		o.resize((o.size + len(keys)) * 2)
		o.changed()
	}
	for _, k := range keys {
		o.add(k)
	}
}

// copied is the order after a deep copy, which inserts the keys anew in their present order.
func (o *pyOrder) copied() *pyOrder {
	c := newPyOrder()
	for _, s := range o.slots {
		if s.state == slotFull {
			c.addHashed(s.key, s.hash)
		}
	}
	return c
}

// pyOrders remembers a few orders by a sum of what is where.
type pyOrders map[uint64]*pyOrder

const ringMax = 256

func (o *pyOrder) sum() uint64 {
	var x uint64
	for i := range o.slots {
		if o.slots[i].state == slotFull {
			x = (x ^ o.slots[i].hash ^ uint64(i)) * 1099511628211
		}
	}
	return x
}

// after is copied, remembered: copy after copy an order comes back to itself, soon as a rule.
func (o *pyOrder) after() *pyOrder {
	if o.next != nil {
		return o.next
	}
	if o.ring == nil || len(*o.ring) > ringMax {
		o.ring = &pyOrders{o.sum(): o}
	}
	c := o.copied()
	sum := c.sum()
	if same := (*o.ring)[sum]; same != nil && slices.Equal(same.slots, c.slots) {
		o.next = same
		return same
	}
	c.ring = o.ring
	(*o.ring)[sum] = c
	o.next = c
	return c
}

// recopy gives a value the order of keys that a deep copy of it would have, in place, and reports whether another copy
// would change nothing. The reference copies a whole definition for every event that it adds; this does not.
func recopy(v any) bool {
	switch t := v.(type) {
	case *Map:
		return t.recopy()
	case []any:
		ok := true
		for _, x := range t {
			ok = recopy(x) && ok
		}
		return ok
	}
	return true
}

func (m *Map) recopy() bool {
	if m.py != nil && m.py.settled {
		return true
	}
	same := true
	if m.py != nil {
		c := m.py.after()
		same, m.py = c == m.py, c
	}
	for i := range m.ents {
		if !m.ents[i].dead {
			same = recopy(m.ents[i].val) && same
		}
	}
	if m.py != nil {
		m.py.settled = same
	}
	return same
}

// unsettle notes that something below the map is about to change.
func unsettle(v any) {
	if m, ok := v.(*Map); ok && m.py != nil {
		m.py.settled = false
	}
}

func alnumRune(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127 && (unicode.IsLetter(r) || unicode.IsNumber(r))
}
