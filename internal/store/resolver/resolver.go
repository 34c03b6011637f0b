// Package resolver makes serializable transactions over a local engine of ordered keys; mem and pebble share it.
//
// How it isolates. Commits are numbered. A transaction notes the number it began at; each key it reads is checked
// against a table of the last commit per stripe of keys, and each range against a ring of recent commits, so what it
// has seen is always the state at its beginning or it is run again. At commit everything read is validated once more
// under the commit lock, then the batch is applied and becomes visible; the sync is waited for outside the lock, so
// writers share syncs. Keys of a declared footprint are locked first, in order, and released before the sync.
//
// How nothing undurable is answered. Each stripe remembers its last commit that must be durable; who read it waits
// until the durable mark has passed that commit, successful or refused alike.
//
// Lock order: footprint stripes ascending, then commit. The engine is called under commit only to apply.
package resolver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"virga/internal/store"
)

// Engine is a local engine: a map of ordered keys with atomic batches and a log.
type Engine interface {
	// Get appends the value of key, as last applied, to dst.
	Get(dst, key []byte) ([]byte, bool, error)
	// Iter walks lo <= key < hi as it was at the call.
	Iter(lo, hi []byte, reverse bool) (Iter, error)
	// Apply makes a batch visible and appends it to the log; calls come one at a time, in commit order.
	// A lazy batch asks for no sync and nobody calls its Wait; every other Commit is waited for exactly once.
	Apply(b []Op, deletes []store.Span, lazy bool) (Commit, error)
	// Sync returns when everything applied before is durable.
	Sync() error
	// Name is the engine's name.
	Name() string
	Close() error
}

// Iter is a cursor of an engine.
type Iter interface {
	Next() bool
	Key() []byte
	Value() []byte
	Close() error
}

// Commit waits for one applied batch to be durable.
type Commit interface{ Wait() error }

// Op is one write of a batch; a nil Value deletes.
type Op struct{ Key, Value []byte }

// Sealer seals values before they reach the engine; nil stores them as they are.
type Sealer interface {
	Seal(dst []byte, key store.Key, value []byte) ([]byte, error)
	Open(dst []byte, key store.Key, sealed []byte) ([]byte, error)
}

// Config joins a store.
type Config struct {
	Engine Engine
	Sealer Sealer
	Waker  store.Waker          // receives the wakes of committed transactions
	Clock  func() time.Duration // monotonic, for the time limit; nil for none
	// NoSync answers before the sync. Only the test that must fail sets it.
	NoSync bool
}

const (
	stripeCount = 1 << 16
	lockCount   = 1 << 12
	ringCommits = 1 << 14
	ringKeysMax = 1 << 18
)

// Store implements store.Store.
type Store struct {
	cfg     Config
	seed    maphash.Seed
	last    []atomic.Uint64 // per stripe: the last commit that wrote it
	need    []atomic.Uint64 // per stripe: the last commit that must be durable before it is answered from
	locks   []sync.Mutex
	commit  sync.Mutex
	seq     atomic.Uint64 // last applied commit
	durable atomic.Uint64 // everything up to it is synced
	closed  atomic.Bool
	broken  atomic.Pointer[error] // set when the log failed: nothing after it can be promised

	ringMu   sync.RWMutex
	ring     []commitKeys // indexed by seq % ringCommits
	ringFrom uint64       // oldest commit kept
	ringKeys int

	epochMu sync.Mutex
	epochs  map[string]uint64

	// Retries and SyncJoins count conflicts and answers that waited for another's sync.
	Retries, SyncJoins atomic.Int64
}

type commitKeys struct {
	seq     uint64
	keys    [][]byte
	deletes []store.Span
	lazy    bool
}

// New makes a store over an engine.
func New(cfg Config) *Store {
	return &Store{cfg: cfg, seed: maphash.MakeSeed(), last: make([]atomic.Uint64, stripeCount), need: make([]atomic.Uint64, stripeCount),
		locks: make([]sync.Mutex, lockCount), ring: make([]commitKeys, ringCommits), ringFrom: 1, epochs: map[string]uint64{}}
}

// Engine implements store.Store.
func (s *Store) Engine() string { return s.cfg.Engine.Name() }

// Close implements store.Store.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.commit.Lock()
	defer s.commit.Unlock()
	return s.cfg.Engine.Close()
}

func (s *Store) stripe(k []byte) uint32 {
	return uint32(maphash.Bytes(s.seed, k)) & (stripeCount - 1)
}

// signal ends a transaction's function from inside a read.
type signal struct{ err error }

var errConflict = errors.New("store: conflict")

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, foot []store.Key, fn func(store.Tx) error, opts ...store.Option) error {
	store.MustNotBeInTx(ctx, "Update")
	lazy := slices.Contains(opts, store.Lazy)
	var lockBuf [16]uint32
	locked := lockBuf[:0]
	for _, k := range foot {
		locked = append(locked, s.stripe(k)&(lockCount-1))
	}
	slices.Sort(locked)
	locked = slices.Compact(locked)
	for _, i := range locked {
		s.locks[i].Lock()
	}
	held := true
	release := func() {
		if held {
			held = false
			for _, i := range locked {
				s.locks[i].Unlock()
			}
		}
	}
	defer release()
	rider := store.RiderOf(ctx)
	t := txPool.Get().(*tx)
	defer t.free()
	for attempt := 0; ; attempt++ {
		if err := s.ready(ctx); err != nil {
			return err
		}
		if attempt >= store.UpdateAttemptsMax {
			return store.ErrConflict
		}
		if attempt > 0 {
			s.Retries.Add(1)
			s.settle(attempt)
		}
		t.reset(s, ctx, store.UpdateTimeMax)
		err := t.run(fn)
		if err == errConflict {
			continue
		}
		if err == nil && rider != nil && t.wrote() {
			if err = t.run(func(x store.Tx) error { rider.Run(x); return nil }); err == errConflict {
				continue
			}
		}
		if err != nil || !t.wrote() {
			// A refusal rests on its reads as much as a success does.
			if !s.valid(t) {
				continue
			}
			release()
			if e := s.waitReads(t); e != nil {
				return e
			}
			return err
		}
		if err := t.limits(); err != nil {
			return err
		}
		c, seq, err := s.apply(t, lazy)
		if err == errConflict {
			continue
		}
		release()
		if err != nil {
			return err
		}
		if !lazy {
			if err := c.Wait(); err != nil {
				return s.fail(err)
			}
			s.raise(seq)
		}
		if lazy {
			// What a lazy transaction read may itself be undurable; its own answer is the stated exception, theirs is not.
			if err := s.waitReads(t); err != nil {
				return err
			}
		}
		if rider != nil {
			rider.Done()
		}
		if s.cfg.Waker != nil {
			for _, w := range t.wakes {
				s.cfg.Waker.Wake(w)
			}
		}
		return nil
	}
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	store.MustNotBeInTx(ctx, "View")
	t := txPool.Get().(*tx)
	defer t.free()
	for attempt := 0; ; attempt++ {
		if err := s.ready(ctx); err != nil {
			return err
		}
		t.reset(s, ctx, store.ViewTimeMax)
		t.readOnly = true
		// A reader that loses too often reads under the commit lock: writers wait for it, once.
		last := attempt >= 20
		if last {
			s.commit.Lock()
			t.start = s.seq.Load()
		}
		err := t.run(func(x store.Tx) error { return fn(x) })
		if last {
			s.commit.Unlock()
		}
		if err == errConflict || !last && !s.valid(t) {
			if last {
				return store.ErrConflict
			}
			s.Retries.Add(1)
			s.settle(attempt)
			continue
		}
		if e := s.waitReads(t); e != nil {
			return e
		}
		return err
	}
}

// settle lets the commit that a transaction lost against become visible: between a stripe's mark and the batch every attempt would
// lose again.
func (s *Store) settle(attempt int) {
	if attempt < 2 {
		runtime.Gosched()
		return
	}
	s.commit.Lock()
	s.commit.Unlock() //nolint:staticcheck // only waited for
}

func (s *Store) ready(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	if p := s.broken.Load(); p != nil {
		return *p
	}
	return ctx.Err()
}

// fail stops the store for good: the log did not take a batch that is already visible.
func (s *Store) fail(err error) error {
	err = fmt.Errorf("store: the log failed, nothing more is accepted: %w", err)
	s.broken.CompareAndSwap(nil, &err)
	return err
}

func (s *Store) raise(seq uint64) {
	for {
		d := s.durable.Load()
		if d >= seq || s.durable.CompareAndSwap(d, seq) {
			return
		}
	}
}

// valid tells whether everything t has read is still as it was at t's start.
func (s *Store) valid(t *tx) bool {
	for _, i := range t.reads {
		if s.last[i].Load() > t.start {
			return false
		}
	}
	if len(t.ranges) == 0 {
		return true
	}
	return !s.touchedSince(t.start, t.ranges, false)
}

// touchedSince tells whether a commit after from wrote into one of the spans; with durable, lazy commits do not count.
func (s *Store) touchedSince(from uint64, spans []store.Span, durable bool) bool {
	now := s.seq.Load()
	if now <= from {
		return false
	}
	s.ringMu.RLock()
	defer s.ringMu.RUnlock()
	if from+1 < s.ringFrom {
		return true // too long ago to know
	}
	for q := from + 1; q <= now; q++ {
		c := &s.ring[q%ringCommits]
		if c.seq != q {
			return true
		}
		if durable && c.lazy {
			continue
		}
		for _, sp := range spans {
			for _, k := range c.keys {
				if bytes.Compare(k, sp.From) >= 0 && bytes.Compare(k, sp.To) < 0 {
					return true
				}
			}
			for _, d := range c.deletes {
				if bytes.Compare(d.From, sp.To) < 0 && bytes.Compare(sp.From, d.To) < 0 {
					return true
				}
			}
		}
	}
	return false
}

// waitReads returns when everything t has read is durable.
func (s *Store) waitReads(t *tx) error {
	if s.cfg.NoSync {
		return nil
	}
	d := s.durable.Load()
	wait := false
	for _, i := range t.reads {
		if s.need[i].Load() > d {
			wait = true
			break
		}
	}
	if !wait && (len(t.ranges) == 0 || !s.touchedSince(d, t.ranges, true)) {
		return nil
	}
	s.SyncJoins.Add(1)
	seq := s.seq.Load()
	if err := s.cfg.Engine.Sync(); err != nil {
		return s.fail(err)
	}
	s.raise(seq)
	return nil
}

// apply validates and applies t under the commit lock.
func (s *Store) apply(t *tx, lazy bool) (Commit, uint64, error) {
	if err := t.seal(); err != nil {
		return nil, 0, err
	}
	s.commit.Lock()
	defer s.commit.Unlock()
	if s.closed.Load() {
		return nil, 0, store.ErrClosed
	}
	if !s.valid(t) {
		return nil, 0, errConflict
	}
	raised := make([]uint64, len(t.bumps))
	for i, scope := range t.bumps {
		k := epochKey(scope)
		n, err := s.epoch(scope)
		if err != nil {
			return nil, 0, err
		}
		raised[i] = n + 1
		v, err := s.sealed(k, encodeEpoch(n+1))
		if err != nil {
			return nil, 0, err
		}
		t.ops = append(t.ops, Op{k, v})
	}
	seq := s.seq.Load() + 1
	keys := make([][]byte, len(t.ops))
	for i := range t.ops {
		keys[i] = t.ops[i].Key
		st := s.stripe(t.ops[i].Key)
		s.last[st].Store(seq) // before the batch is visible: who reads it knows
		if !lazy {
			s.need[st].Store(seq)
		}
	}
	s.push(commitKeys{seq, keys, slices.Clone(t.deletes), lazy})
	for _, d := range t.deletes {
		if err := s.markRange(d, seq, lazy); err != nil {
			return nil, 0, s.fail(err)
		}
	}
	c, err := s.cfg.Engine.Apply(t.ops, t.deletes, lazy)
	s.seq.Store(seq)
	if err != nil {
		return nil, 0, s.fail(err)
	}
	for i, scope := range t.bumps {
		s.epochMu.Lock()
		s.epochs[scope] = raised[i]
		s.epochMu.Unlock()
	}
	return c, seq, nil
}

// markRange marks the stripes of the keys that a range delete removes, so that point reads of them conflict.
func (s *Store) markRange(d store.Span, seq uint64, lazy bool) error {
	it, err := s.cfg.Engine.Iter(d.From, d.To, false)
	if err != nil {
		return err
	}
	for it.Next() {
		st := s.stripe(it.Key())
		s.last[st].Store(seq)
		if !lazy {
			s.need[st].Store(seq)
		}
	}
	return it.Close()
}

func (s *Store) push(c commitKeys) {
	s.ringMu.Lock()
	old := &s.ring[c.seq%ringCommits]
	if old.seq != 0 {
		s.ringKeys -= len(old.keys)
		if old.seq >= s.ringFrom {
			s.ringFrom = old.seq + 1
		}
	}
	*old = c
	s.ringKeys += len(c.keys)
	for s.ringKeys > ringKeysMax && s.ringFrom < c.seq {
		o := &s.ring[s.ringFrom%ringCommits]
		s.ringKeys -= len(o.keys)
		*o = commitKeys{}
		s.ringFrom++
	}
	s.ringMu.Unlock()
}

func (s *Store) sealed(k store.Key, v []byte) ([]byte, error) {
	if s.cfg.Sealer == nil {
		return v, nil
	}
	return s.cfg.Sealer.Seal(nil, k, v)
}
