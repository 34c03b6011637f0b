// Package mem is the store's engine in memory, for tests, the simulator and `serve --ephemeral`: an immutable treap
// whose root is replaced at each commit, so that a snapshot is a pointer. Nothing survives the process.
package mem

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
	"time"

	"virga/internal/store"
	"virga/internal/store/resolver"
)

// New makes an empty store in memory. clock is monotonic time for the transactions' limit; nil for none.
func New(waker store.Waker, clock func() time.Duration) *resolver.Store {
	return resolver.New(resolver.Config{Engine: NewEngine(), Waker: waker, Clock: clock})
}

// Engine is the engine alone, for tests that wrap it.
type Engine struct {
	root atomic.Pointer[node]
	seed maphash.Seed
}

// NewEngine makes an empty engine.
func NewEngine() *Engine { return &Engine{seed: maphash.MakeSeed()} }

type node struct {
	key, val    []byte
	prio        uint64
	left, right *node
}

// Name implements resolver.Engine.
func (e *Engine) Name() string { return "mem" }

// Close implements resolver.Engine.
func (e *Engine) Close() error { return nil }

// Sync implements resolver.Engine.
func (e *Engine) Sync() error { return nil }

type done struct{}

func (done) Wait() error { return nil }

// Get implements resolver.Engine.
func (e *Engine) Get(dst, key []byte) ([]byte, bool, error) {
	for n := e.root.Load(); n != nil; {
		switch c := bytes.Compare(key, n.key); {
		case c == 0:
			return append(dst, n.val...), true, nil
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return dst, false, nil
}

// Apply implements resolver.Engine.
func (e *Engine) Apply(ops []resolver.Op, deletes []store.Span, _ bool) (resolver.Commit, error) {
	r := e.root.Load()
	for _, d := range deletes {
		lo, rest := split(r, d.From)
		_, hi := split(rest, d.To)
		r = join(lo, hi)
	}
	for _, o := range ops {
		if o.Value == nil {
			r = remove(r, o.Key)
			continue
		}
		r = insert(r, &node{key: bytes.Clone(o.Key), val: append([]byte{}, o.Value...), prio: maphash.Bytes(e.seed, o.Key)})
	}
	e.root.Store(r)
	return done{}, nil
}

func (n *node) with(l, r *node) *node {
	return &node{key: n.key, val: n.val, prio: n.prio, left: l, right: r}
}

// split parts t into keys below k and keys from k on.
func split(t *node, k []byte) (lo, hi *node) {
	if t == nil {
		return nil, nil
	}
	if bytes.Compare(t.key, k) < 0 {
		a, b := split(t.right, k)
		return t.with(t.left, a), b
	}
	a, b := split(t.left, k)
	return a, t.with(b, t.right)
}

func join(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.prio > b.prio:
		return a.with(a.left, join(a.right, b))
	default:
		return b.with(join(a, b.left), b.right)
	}
}

func insert(t, n *node) *node {
	if t == nil {
		return n
	}
	switch c := bytes.Compare(n.key, t.key); {
	case c == 0:
		return n.with(t.left, t.right)
	case n.prio > t.prio:
		l, r := split(t, n.key)
		if r2 := remove(r, n.key); r2 != r {
			r = r2
		}
		return n.with(l, r)
	case c < 0:
		return t.with(insert(t.left, n), t.right)
	default:
		return t.with(t.left, insert(t.right, n))
	}
}

func remove(t *node, k []byte) *node {
	if t == nil {
		return nil
	}
	switch c := bytes.Compare(k, t.key); {
	case c == 0:
		return join(t.left, t.right)
	case c < 0:
		if l := remove(t.left, k); l != t.left {
			return t.with(l, t.right)
		}
	default:
		if r := remove(t.right, k); r != t.right {
			return t.with(t.left, r)
		}
	}
	return t
}

// Iter implements resolver.Engine.
func (e *Engine) Iter(lo, hi []byte, reverse bool) (resolver.Iter, error) {
	it := &iter{lo: lo, hi: hi, reverse: reverse}
	if reverse {
		it.pushBelow(e.root.Load())
	} else {
		it.pushFrom(e.root.Load())
	}
	return it, nil
}

type iter struct {
	stack   []*node
	cur     *node
	lo, hi  []byte
	reverse bool
}

// pushFrom stacks the path to the first key from lo on.
func (i *iter) pushFrom(n *node) {
	for n != nil {
		if bytes.Compare(n.key, i.lo) >= 0 {
			i.stack = append(i.stack, n)
			n = n.left
		} else {
			n = n.right
		}
	}
}

// pushBelow stacks the path to the last key below hi.
func (i *iter) pushBelow(n *node) {
	for n != nil {
		if bytes.Compare(n.key, i.hi) < 0 {
			i.stack = append(i.stack, n)
			n = n.right
		} else {
			n = n.left
		}
	}
}

func (i *iter) Next() bool {
	if len(i.stack) == 0 {
		return false
	}
	n := i.stack[len(i.stack)-1]
	i.stack = i.stack[:len(i.stack)-1]
	if i.reverse {
		if bytes.Compare(n.key, i.lo) < 0 {
			i.stack = nil
			return false
		}
		i.pushBelow(n.left)
	} else {
		if bytes.Compare(n.key, i.hi) >= 0 {
			i.stack = nil
			return false
		}
		i.pushFrom(n.right)
	}
	i.cur = n
	return true
}

func (i *iter) Key() []byte   { return i.cur.key }
func (i *iter) Value() []byte { return i.cur.val }
func (i *iter) Close() error  { return nil }
