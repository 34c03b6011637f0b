package resolver

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"virga/internal/store"
)

// tx is one attempt of a transaction.
type tx struct {
	s        *Store
	ctx      context.Context
	start    uint64
	began    time.Duration
	timeMax  time.Duration
	readOnly bool
	checks   int
	bytes    int

	reads   []uint32     // stripes of the keys read
	ranges  []store.Span // ranges read, as far as they were consumed
	writes  []write
	index   map[string]int // position in writes by key, once there are many
	deletes []store.Span
	ops     []Op
	wakes   []string
	bumps   []string
	buf     []byte
}

type write struct {
	key store.Key
	val []byte
	del bool
}

const indexFrom = 16 // writes from which a map finds them

var txPool = sync.Pool{New: func() any { return new(tx) }}

func (t *tx) reset(s *Store, ctx context.Context, limit time.Duration) {
	*t = tx{s: s, ctx: ctx, timeMax: limit, reads: t.reads[:0], ranges: t.ranges[:0], writes: t.writes[:0], deletes: t.deletes[:0],
		ops: t.ops[:0], wakes: t.wakes[:0], bumps: t.bumps[:0], start: s.seq.Load()}
	if s.cfg.Clock != nil {
		t.began = s.cfg.Clock()
	}
}

func (t *tx) free() {
	clear(t.writes[:cap(t.writes)])
	clear(t.ops[:cap(t.ops)])
	t.s, t.ctx, t.index, t.buf = nil, nil, nil, nil
	if cap(t.writes) <= 256 && cap(t.reads) <= 4096 && cap(t.ranges) <= 256 {
		txPool.Put(t)
	}
}

// run calls fn and turns the signals of failed reads into errors. A panic of fn that may come from a state no
// serial order has is a conflict; any other goes on.
func (t *tx) run(fn func(store.Tx) error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case signal:
			err = p.err
		default:
			if !t.s.valid(t) {
				err = errConflict
				return
			}
			panic(p)
		}
	}()
	return fn(t)
}

func (t *tx) wrote() bool { return len(t.writes)+len(t.deletes)+len(t.bumps) > 0 }

func (t *tx) check() {
	if t.checks++; t.checks&63 != 0 {
		return
	}
	if err := t.ctx.Err(); err != nil {
		panic(signal{err})
	}
	if c := t.s.cfg.Clock; c != nil && c()-t.began > t.timeMax {
		panic(signal{store.ErrTimeout})
	}
}

func (t *tx) find(k store.Key) (int, bool) {
	if t.index != nil {
		i, ok := t.index[string(k)]
		return i, ok
	}
	for i := range t.writes {
		if bytes.Equal(t.writes[i].key, k) {
			return i, true
		}
	}
	return 0, false
}

func (t *tx) deleted(k []byte) bool {
	for _, d := range t.deletes {
		if bytes.Compare(k, d.From) >= 0 && bytes.Compare(k, d.To) < 0 {
			return true
		}
	}
	return false
}

// Get implements store.Reader.
func (t *tx) Get(k store.Key) ([]byte, bool) {
	t.check()
	if i, ok := t.find(k); ok {
		return t.writes[i].val, !t.writes[i].del
	}
	if t.deleted(k) {
		return nil, false
	}
	st := t.s.stripe(k)
	t.reads = append(t.reads, st)
	v, ok, err := t.s.cfg.Engine.Get(nil, k)
	if t.s.last[st].Load() > t.start {
		panic(signal{errConflict})
	}
	if err != nil {
		panic(signal{err})
	}
	if !ok {
		return nil, false
	}
	return t.open(k, v), true
}

func (t *tx) open(k store.Key, v []byte) []byte {
	if t.s.cfg.Sealer == nil {
		return v
	}
	o, err := t.s.cfg.Sealer.Open(nil, k, v)
	if err != nil {
		panic(signal{fmt.Errorf("%w: family %d: %v", store.ErrCorrupt, k.Family(), err)})
	}
	return o
}

// Range implements store.Reader.
func (t *tx) Range(sp store.Span, fn func(store.Key, []byte) bool) {
	if bytes.Compare(sp.From, sp.To) >= 0 {
		return
	}
	// Own writes inside the span, in walking order, are merged in.
	var own []write
	for _, w := range t.writes {
		if bytes.Compare(w.key, sp.From) >= 0 && bytes.Compare(w.key, sp.To) < 0 {
			own = append(own, w)
		}
	}
	dir := 1
	if sp.Reverse {
		dir = -1
	}
	slices.SortFunc(own, func(a, b write) int { return dir * bytes.Compare(a.key, b.key) })
	it, err := t.s.cfg.Engine.Iter(sp.From, sp.To, sp.Reverse)
	if err != nil {
		panic(signal{err})
	}
	closed := false
	defer func() {
		if !closed {
			it.Close()
		}
	}()
	var last store.Key
	stopped := false
	for !stopped && it.Next() {
		t.check()
		k := store.Key(bytes.Clone(it.Key()))
		last = k
		for len(own) > 0 && !stopped && dir*bytes.Compare(own[0].key, k) < 0 {
			w := own[0]
			own = own[1:]
			if !w.del {
				stopped = !fn(w.key, w.val)
				last = w.key
			}
		}
		if stopped {
			break
		}
		if len(own) > 0 && bytes.Equal(own[0].key, k) {
			w := own[0]
			own = own[1:]
			if !w.del {
				stopped = !fn(w.key, w.val)
			}
			continue
		}
		if t.deleted(k) {
			continue
		}
		stopped = !fn(k, t.open(k, bytes.Clone(it.Value())))
	}
	for len(own) > 0 && !stopped {
		w := own[0]
		own = own[1:]
		if !w.del {
			stopped = !fn(w.key, w.val)
			last = w.key
		}
	}
	closed = true
	if err := it.Close(); err != nil {
		panic(signal{err})
	}
	seen := store.Span{From: sp.From, To: sp.To}
	if stopped {
		if sp.Reverse {
			seen.From = last
		} else {
			seen.To = append(bytes.Clone(last), 0)
		}
	}
	t.ranges = append(t.ranges, seen)
	if t.s.touchedSince(t.start, t.ranges[len(t.ranges)-1:], false) {
		panic(signal{errConflict})
	}
}

// Set implements store.Tx.
func (t *tx) Set(k store.Key, v []byte) {
	if v == nil {
		v = []byte{}
	}
	t.put(write{key: k, val: v})
}

// Delete implements store.Tx.
func (t *tx) Delete(k store.Key) { t.put(write{key: k, del: true}) }

func (t *tx) put(w write) {
	if t.readOnly {
		panic("store: write in a View")
	}
	if len(w.key) > store.KeyBytesMax || len(w.key) < 16 {
		panic(signal{fmt.Errorf("%w: key of %d bytes", store.ErrTooLarge, len(w.key))})
	}
	t.check()
	t.bytes += len(w.key) + len(w.val)
	if i, ok := t.find(w.key); ok {
		t.writes[i] = w
		return
	}
	// Validated like a read: a blind write never overtakes another it has not seen.
	t.reads = append(t.reads, t.s.stripe(w.key))
	t.writes = append(t.writes, w)
	if t.index != nil {
		t.index[string(w.key)] = len(t.writes) - 1
	} else if len(t.writes) == indexFrom {
		t.index = make(map[string]int, 4*indexFrom)
		for i := range t.writes {
			t.index[string(t.writes[i].key)] = i
		}
	}
}

// DeleteRange implements store.Tx.
func (t *tx) DeleteRange(lo, hi store.Key) {
	if t.readOnly {
		panic("store: write in a View")
	}
	if bytes.Compare(lo, hi) >= 0 {
		return
	}
	kept := t.writes[:0]
	for _, w := range t.writes {
		if bytes.Compare(w.key, lo) < 0 || bytes.Compare(w.key, hi) >= 0 {
			kept = append(kept, w)
		}
	}
	t.writes = kept
	if t.index != nil {
		clear(t.index)
		for i := range t.writes {
			t.index[string(t.writes[i].key)] = i
		}
	}
	t.deletes = append(t.deletes, store.Span{From: lo, To: hi})
	t.ranges = append(t.ranges, store.Span{From: lo, To: hi})
}

// Wake implements store.Tx.
func (t *tx) Wake(topic string) { t.wakes = append(t.wakes, topic) }

// Bump implements store.Tx.
func (t *tx) Bump(scope string) {
	if !slices.Contains(t.bumps, scope) {
		t.bumps = append(t.bumps, scope)
	}
}

func (t *tx) limits() error {
	if t.bytes > store.UpdateBytesMax {
		return fmt.Errorf("%w: %d bytes", store.ErrTooLarge, t.bytes)
	}
	if len(t.writes) > store.UpdateWritesMax {
		return fmt.Errorf("%w: %d writes", store.ErrTooLarge, len(t.writes))
	}
	return nil
}

// seal makes the engine's operations of the writes, outside the commit lock.
func (t *tx) seal() error {
	t.ops = t.ops[:0]
	for _, w := range t.writes {
		if w.del {
			t.ops = append(t.ops, Op{Key: w.key})
			continue
		}
		v, err := t.s.sealed(w.key, w.val)
		if err != nil {
			return err
		}
		t.ops = append(t.ops, Op{w.key, v})
	}
	return nil
}

// Epochs are rows, so that they survive; this node's numbers are kept in memory beside them.

func epochKey(scope string) store.Key {
	return store.K(store.FamilyEpoch, 0, store.SystemAccount).Str(scope)
}

func encodeEpoch(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func (s *Store) epoch(scope string) (uint64, error) {
	s.epochMu.Lock()
	defer s.epochMu.Unlock()
	if n, ok := s.epochs[scope]; ok {
		return n, nil
	}
	k := epochKey(scope)
	v, ok, err := s.cfg.Engine.Get(nil, k)
	if err != nil {
		return 0, err
	}
	var n uint64
	if ok {
		if s.cfg.Sealer != nil {
			if v, err = s.cfg.Sealer.Open(nil, k, v); err != nil {
				return 0, fmt.Errorf("%w: epoch %s: %v", store.ErrCorrupt, scope, err)
			}
		}
		if len(v) != 8 {
			return 0, fmt.Errorf("%w: epoch %s", store.ErrCorrupt, scope)
		}
		n = binary.BigEndian.Uint64(v)
	}
	if len(s.epochs) >= epochsCachedMax {
		clear(s.epochs)
	}
	s.epochs[scope] = n
	return n, nil
}

const epochsCachedMax = 100_000

// Epoch implements store.Store.
func (s *Store) Epoch(ctx context.Context, scope string) (uint64, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	return s.epoch(scope)
}
