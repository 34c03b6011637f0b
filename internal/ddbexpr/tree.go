package ddbexpr

import (
	"slices"
	"strings"
)

// node is a tree of document paths: the steps below one path, in the order in which names and indexes lie in a value.
type node struct {
	name  string
	index int // of a list's element, -1 for a name
	leaf  int // which path ends here, -1 for none
	kids  []node
}

// overlap looks for two paths of which one holds the other, or which take one value for a map and for a list.
func (b *Bound) overlap(n int, at func(int) path) error {
	if n < 2 {
		return nil
	}
	if n > 16 && !b.mayOverlap(n, at) {
		return nil
	}
	var overlap error
	for j := 1; j < n; j++ {
		for i := 0; i < j; i++ {
			p, q := at(i), at(j)
			switch b.relation(p, q) {
			case conflicting:
				return invalid("Two document paths conflict with each other; must remove or rewrite one of these paths; path one: " + b.pathText(p) + ", path two: " + b.pathText(q))
			case overlapping:
				if overlap == nil {
					overlap = invalid("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: " + b.pathText(p) + ", path two: " + b.pathText(q))
				}
			}
		}
	}
	return overlap
}

// mayOverlap says no quickly when all first names differ.
func (b *Bound) mayOverlap(n int, at func(int) path) bool {
	heads := make(map[string]bool, n)
	for i := range n {
		h := b.name(at(i)[0])
		if heads[h] {
			return true
		}
		heads[h] = true
	}
	return false
}

type relation uint8

const (
	apart relation = iota
	overlapping
	conflicting
)

func (b *Bound) relation(p, q path) relation {
	for i := 0; i < len(p) && i < len(q); i++ {
		s, t := p[i], q[i]
		switch {
		case (s.index >= 0) != (t.index >= 0):
			return conflicting
		case s.index != t.index || s.index < 0 && b.name(s) != b.name(t):
			return apart
		}
	}
	return overlapping
}

// tree makes the tree of paths that do not overlap.
func (b *Bound) tree(n int, at func(int) path) *node {
	root := &node{index: -1, leaf: -1, kids: make([]node, 0, n)}
	for i := range n {
		at0 := root
		for _, s := range at(i) {
			at0 = at0.kid(b.name(s), s.index)
		}
		at0.leaf = i
	}
	return root
}

// kid is the node below, made where there is none.
func (n *node) kid(name string, index int) *node {
	if index >= 0 {
		name = ""
	}
	i, ok := slices.BinarySearchFunc(n.kids, node{name: name, index: index}, func(a, b node) int {
		if a.index != b.index {
			return a.index - b.index
		}
		return strings.Compare(a.name, b.name)
	})
	if !ok {
		n.kids = slices.Insert(n.kids, i, node{name: name, index: index, leaf: -1})
	}
	return &n.kids[i]
}
