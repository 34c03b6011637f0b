package eventpattern

import (
	"encoding/binary"
	"errors"
	"slices"
)

// MatchStepsMax bounds the comparisons that one branch makes to find elements of arrays that fit together.
const MatchStepsMax = 100000

// ErrTooComplex says that an event's arrays made a pattern's match too long.
var ErrTooComplex = errors.New("Event's arrays need more steps than the limit to match this pattern")

// matching is what is kept while a branch is matched.
type matching struct {
	candidates [][]int32 // by condition: values that pass, where all of them lie in arrays
	relevant   [][]int32 // by condition: arrays that later ones ask for
	failed     map[string]bool
	chosen     []element
	steps      int
}

// meets says whether the event meets all conditions of a branch, with values that lie in the same elements of every
// array that they share.
func (e *fields) meets(b *branch) (bool, error) {
	slow := false
	for i := range b.conditions {
		c := &b.conditions[i]
		head := e.heads[c.field]
		if head < 0 {
			if c.absent {
				continue
			}
			return false, nil
		}
		found, free, inside := false, false, true
		for at := head; at >= 0; at = e.values[at].next {
			v := &e.values[at]
			if v.member < 0 {
				inside = false
			}
			if c.holds(v) {
				found = true
				if v.member < 0 {
					free = true
					break
				}
			}
		}
		switch {
		case free:
		case found, c.absent && inside:
			slow = true
		default:
			return false, nil
		}
	}
	if !slow {
		return true, nil
	}
	return e.search(b)
}

// search tries the elements of arrays in the order of conditions.
func (e *fields) search(b *branch) (bool, error) {
	m := &e.matching
	n := len(b.conditions)
	for len(m.candidates) < n {
		m.candidates = append(m.candidates, nil)
		m.relevant = append(m.relevant, nil)
	}
	m.failed, m.chosen, m.steps = map[string]bool{}, m.chosen[:0], 0
	var later []int32
	for i := n - 1; i >= 0; i-- {
		c := &b.conditions[i]
		m.candidates[i] = m.candidates[i][:0]
		m.relevant[i] = append(m.relevant[i][:0], later...)
		for at := e.heads[c.field]; at >= 0; at = e.values[at].next {
			passes := c.holds(&e.values[at])
			if passes {
				m.candidates[i] = append(m.candidates[i], at)
			}
			if passes || c.absent {
				for in := e.values[at].member; in >= 0; in = e.elements[in].in {
					later = append(later, e.elements[in].array)
				}
			}
		}
		slices.Sort(later)
		later = slices.Compact(later)
	}
	return e.from(b, 0)
}

// consistent says whether the value lies in the chosen elements of all arrays that it shares with them.
func (e *fields) consistent(at int32) bool {
	for in := e.values[at].member; in >= 0; in = e.elements[in].in {
		for _, c := range e.matching.chosen {
			if c.array == e.elements[in].array && c.index != e.elements[in].index {
				return false
			}
		}
	}
	return true
}

func (e *fields) from(b *branch, i int) (bool, error) {
	m := &e.matching
	if i == len(b.conditions) {
		return true, nil
	}
	key := binary.LittleEndian.AppendUint32(nil, uint32(i))
	for _, c := range m.chosen {
		key = binary.LittleEndian.AppendUint32(key, uint32(c.array))
		key = binary.LittleEndian.AppendUint32(key, uint32(c.index))
	}
	if m.failed[string(key)] {
		return false, nil
	}
	c := &b.conditions[i]
	if c.absent {
		gone := true
		for at := e.heads[c.field]; at >= 0 && gone; at = e.values[at].next {
			if m.steps++; m.steps > MatchStepsMax {
				return false, ErrTooComplex
			}
			gone = !e.consistent(at)
		}
		if gone {
			if ok, err := e.from(b, i+1); ok || err != nil {
				return ok, err
			}
		}
	}
	before := slices.Clone(m.chosen)
	for _, at := range m.candidates[i] {
		if m.steps++; m.steps > MatchStepsMax {
			return false, ErrTooComplex
		}
		if !e.consistent(at) {
			continue
		}
		for in := e.values[at].member; in >= 0; in = e.elements[in].in {
			if !slices.ContainsFunc(m.chosen, func(x element) bool { return x.array == e.elements[in].array }) {
				m.chosen = append(m.chosen, e.elements[in])
			}
		}
		m.chosen = slices.DeleteFunc(m.chosen, func(x element) bool {
			_, wanted := slices.BinarySearch(m.relevant[i], x.array)
			return !wanted
		})
		slices.SortFunc(m.chosen, func(x, y element) int { return int(x.array - y.array) })
		ok, err := e.from(b, i+1)
		m.chosen = append(m.chosen[:0], before...)
		if ok || err != nil {
			return ok, err
		}
	}
	m.failed[string(key)] = true
	return false, nil
}
