// Package store is Virga's state: ordered keys, serializable transactions, snapshot reads, range scans, wake-ups and
// epochs, as one small interface with three engines (store/mem, store/pebble, store/postgres) that must answer alike;
// the suite that judges them is store/storetest.
//
// What it promises (docs/decisions/0001): an Update that returned nil is durable and was serializable: every Get, and
// every Range as far as it was consumed, joined its read set. No answer rests on an undurable write: a transaction that
// read something whose last write is not yet synced waits for that sync before it returns.
//
// It knows no service and no AWS noun; values are opaque (store/rec encodes them, store/seal seals them).
package store

import (
	"context"
	"errors"
	"time"
)

// Limits of one transaction; beyond them the work must be cut into steps.
const (
	KeyBytesMax         = 2400 // a PostgreSQL index entry ends at 2,704
	UpdateBytesMax      = 8 << 20
	UpdateWritesMax     = 5000
	UpdateTimeMax       = time.Second
	ViewTimeMax         = 5 * time.Second
	UpdateAttemptsMax   = 100
	ValueBytesMax       = 8 << 20
	RangeUnlimited      = 0
	footprintKeysMax    = 256
	conflictBackoffFrom = 8 // attempts after which a retry backs off
)

// Errors of the store.
var (
	// ErrUnknown: the connection was lost at COMMIT and nobody knows whether it happened. Never retried by the store.
	ErrUnknown = errors.New("store: outcome of the commit is unknown")
	// ErrConflict: the transaction lost against others UpdateAttemptsMax times.
	ErrConflict = errors.New("store: too many conflicts")
	// ErrTooLarge: a limit of this file was passed.
	ErrTooLarge = errors.New("store: transaction passes a limit")
	// ErrCorrupt: data read back fails its check.
	ErrCorrupt = errors.New("store: data is corrupt")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")
	// ErrTimeout: the transaction took longer than its limit.
	ErrTimeout = errors.New("store: transaction took too long")
)

// Reader reads. What it returns is valid until the transaction ends and must not be changed.
// A failure of the engine or a conflict ends the transaction's function at once; the function never sees it.
type Reader interface {
	// Get gives the value of a key.
	Get(k Key) (value []byte, ok bool)
	// Range calls fn for the keys of span in order until fn says false.
	Range(span Span, fn func(k Key, value []byte) bool)
}

// Tx reads and writes.
type Tx interface {
	Reader
	Set(k Key, value []byte)
	Delete(k Key)
	// DeleteRange deletes every key with lo <= key < hi.
	DeleteRange(lo, hi Key)
	// Wake wakes topic on every node once the transaction has committed. It is a hint and may be lost.
	Wake(topic string)
	// Bump raises the epoch of a scope: what was cached under it is stale from the commit on.
	Bump(scope string)
}

// Span is a part of the key space: From <= key < To.
type Span struct {
	From, To Key
	Reverse  bool
}

// Option changes one Update.
type Option uint8

// Lazy lets an Update return before its sync: only what promise 1 lists may ask for it.
const Lazy Option = 1

// Store is a transactional ordered key-value store.
type Store interface {
	// Update runs fn as one serializable transaction. fn may run many times and must have no effect but through tx.
	// Keys of the footprint are locked in order first: declare what is surely written, and contention costs a wait
	// instead of a retry. An error of fn leaves nothing behind and is returned as it is.
	Update(ctx context.Context, footprint []Key, fn func(tx Tx) error, opts ...Option) error
	// View runs fn on one snapshot.
	View(ctx context.Context, fn func(r Reader) error) error
	// Epoch is the current number of a scope. It never goes back.
	Epoch(ctx context.Context, scope string) (uint64, error)
	// Engine names the engine: "mem", "pebble", "postgres".
	Engine() string
	Close() error
}

// Waker passes wakes on to waiters; env.Env is one.
type Waker interface{ Wake(topic string) }

type inTx struct{}

// MarkTx marks a context as being inside a transaction's function, so that a nested Update, View or service call panics.
func MarkTx(ctx context.Context) context.Context { return context.WithValue(ctx, inTx{}, true) }

// MustNotBeInTx panics inside a transaction's function: it may run many times and must have no effects.
func MustNotBeInTx(ctx context.Context, what string) {
	if ctx.Value(inTx{}) != nil {
		panic("store: " + what + " inside an Update")
	}
}

// A Rider adds writes to the first successful Update of a call: the audit row commits with what it records.
type Rider func(tx Tx)

type riderKey struct{}

// RiderSlot holds one rider until an Update has carried it.
type RiderSlot struct {
	rider   Rider
	carried bool
}

// Carried tells whether an Update committed the rider.
func (s *RiderSlot) Carried() bool { return s != nil && s.carried }

// WithRider attaches a rider to the context of a call.
func WithRider(ctx context.Context, r Rider) (context.Context, *RiderSlot) {
	s := &RiderSlot{rider: r}
	return context.WithValue(ctx, riderKey{}, s), s
}

// RiderOf gives the slot of a context whose rider no Update has carried so far, nil otherwise. For engines.
func RiderOf(ctx context.Context) *RiderSlot {
	s, _ := ctx.Value(riderKey{}).(*RiderSlot)
	if s == nil || s.carried {
		return nil
	}
	return s
}

// Run writes the rider's rows. For engines.
func (s *RiderSlot) Run(tx Tx) {
	if s != nil {
		s.rider(tx)
	}
}

// Done notes that the rider's rows are committed. For engines.
func (s *RiderSlot) Done() {
	if s != nil {
		s.carried = true
	}
}
