// Package postgres is the store's engine over PostgreSQL: one table, SERIALIZABLE transactions, writes sent with the
// commit. It is plain on purpose: it proves that the store's contract does not lean on one process; speed and several
// nodes come later.
//
// A wake reaches the waiters of this process only; every waiter has a poll maximum for the rest. Names and keys are
// visible to the database, values are sealed before they leave the process.
package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"virga/internal/store"
	"virga/internal/store/resolver"
)

const (
	lockCount  = 1 << 10
	pageRows   = 256
	attemptMax = 100
	pauseAfter = 2  // attempts without a pause
	pauseMax   = 20 // milliseconds
	schema     = `CREATE TABLE IF NOT EXISTS virga_kv (k bytea PRIMARY KEY, v bytea NOT NULL)`
)

// Options of Open.
type Options struct {
	URL    string // a connection string
	Sealer resolver.Sealer
	Waker  store.Waker
	Clock  func() time.Duration // monotonic, for the time limit
}

// Store implements store.Store.
type Store struct {
	o     Options
	pool  *pgxpool.Pool
	seed  maphash.Seed
	locks []sync.Mutex
}

// Open connects, refuses a database that acknowledges before it is durable, and makes the table.
func Open(ctx context.Context, o Options) (*Store, error) {
	pool, err := pgxpool.New(ctx, o.URL)
	if err != nil {
		return nil, fmt.Errorf("store postgres: %w", err)
	}
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var v string
		if err := pool.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&v); err != nil {
			pool.Close()
			return nil, fmt.Errorf("store postgres: %w", err)
		}
		if v == "off" {
			pool.Close()
			return nil, fmt.Errorf("store postgres: %s is off: what is acknowledged would not be durable; set it on", name)
		}
	}
	if _, err := pool.Exec(ctx, schema); err != nil {
		pool.Close()
		return nil, fmt.Errorf("store postgres: %w", err)
	}
	return &Store{o: o, pool: pool, seed: maphash.MakeSeed(), locks: make([]sync.Mutex, lockCount)}, nil
}

// Engine implements store.Store.
func (s *Store) Engine() string { return "postgres" }

// Close implements store.Store.
func (s *Store) Close() error { s.pool.Close(); return nil }

// signal ends a transaction's function from inside a read.
type signal struct{ err error }

func retryable(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

// Update implements store.Store. Lazy is taken as a hint that this engine has no use for.
func (s *Store) Update(ctx context.Context, foot []store.Key, fn func(store.Tx) error, opts ...store.Option) error {
	store.MustNotBeInTx(ctx, "Update")
	var locked []uint64
	for _, k := range foot {
		locked = append(locked, maphash.Bytes(s.seed, k)%lockCount)
	}
	slices.Sort(locked)
	for _, i := range slices.Compact(locked) {
		s.locks[i].Lock()
		defer s.locks[i].Unlock()
	}
	rider := store.RiderOf(ctx)
	for attempt := range attemptMax {
		s.pause(ctx, attempt)
		t, err := s.try(ctx, fn, rider)
		if err == nil {
			if rider != nil && t.wrote() {
				rider.Done()
			}
			if s.o.Waker != nil && t.wrote() {
				for _, w := range t.wakes {
					s.o.Waker.Wake(w)
				}
			}
			return nil
		}
		if !retryable(err) {
			return err
		}
	}
	return store.ErrConflict
}

// pause lets the transaction that was lost against become visible: while its commit is being synced every attempt would lose
// again. The database waits, so that this holds between nodes and needs no clock here.
func (s *Store) pause(ctx context.Context, attempt int) {
	if attempt < pauseAfter {
		return
	}
	_, _ = s.pool.Exec(ctx, "SELECT pg_sleep($1)", float64(min(attempt, pauseMax))/1000)
}

func (s *Store) try(ctx context.Context, fn func(store.Tx) error, rider *store.RiderSlot) (*tx, error) {
	ptx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
	if err != nil {
		return nil, fmt.Errorf("store postgres: begin: %w", err)
	}
	done := false
	defer func() {
		if !done {
			ptx.Rollback(context.WithoutCancel(ctx))
		}
	}()
	t := &tx{s: s, ctx: ctx, p: ptx, timeMax: store.UpdateTimeMax}
	t.begin()
	if err := t.run(fn); err != nil {
		if retryable(err) {
			return t, err
		}
		// A refusal rests on its reads as much as a success does: they must commit.
		done = true
		if e := ptx.Commit(ctx); e != nil && retryable(e) {
			return t, e
		}
		return t, err
	}
	if rider != nil && t.wrote() {
		if err := t.run(func(x store.Tx) error { rider.Run(x); return nil }); err != nil {
			return t, err
		}
	}
	if t.bytes > store.UpdateBytesMax || len(t.writes) > store.UpdateWritesMax {
		return t, fmt.Errorf("%w: %d bytes in %d writes", store.ErrTooLarge, t.bytes, len(t.writes))
	}
	if err := t.send(); err != nil {
		return t, err
	}
	done = true
	if err := ptx.Commit(ctx); err != nil {
		var pe *pgconn.PgError
		if errors.As(err, &pe) || errors.Is(err, pgx.ErrTxCommitRollback) {
			if errors.Is(err, pgx.ErrTxCommitRollback) {
				return t, fmt.Errorf("store postgres: commit: %w", err)
			}
			return t, err
		}
		return t, fmt.Errorf("%w: %v", store.ErrUnknown, err)
	}
	return t, nil
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	store.MustNotBeInTx(ctx, "View")
	// Read only and serializable: what it sees is a state that some serial order has, and it can wait for nobody.
	for attempt := range attemptMax {
		s.pause(ctx, attempt)
		err := func() error {
			ptx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadOnly})
			if err != nil {
				return fmt.Errorf("store postgres: begin: %w", err)
			}
			t := &tx{s: s, ctx: ctx, p: ptx, readOnly: true, timeMax: store.ViewTimeMax}
			t.begin()
			err = t.run(func(x store.Tx) error { return fn(x) })
			e := ptx.Commit(context.WithoutCancel(ctx))
			if e != nil && retryable(e) {
				return e
			}
			return err
		}()
		if !retryable(err) {
			return err
		}
	}
	return store.ErrConflict
}

func epochKey(scope string) store.Key {
	return store.K(store.FamilyEpoch, 0, store.SystemAccount).Str(scope)
}

// Epoch implements store.Store.
func (s *Store) Epoch(ctx context.Context, scope string) (uint64, error) {
	var n uint64
	err := s.View(ctx, func(r store.Reader) error {
		n = 0
		if v, ok := r.Get(epochKey(scope)); ok {
			if len(v) != 8 {
				return fmt.Errorf("%w: epoch %s", store.ErrCorrupt, scope)
			}
			n = binary.BigEndian.Uint64(v)
		}
		return nil
	})
	return n, err
}

type tx struct {
	s        *Store
	ctx      context.Context
	p        pgx.Tx
	readOnly bool
	timeMax  time.Duration
	began    time.Duration
	bytes    int
	writes   map[string]write
	deletes  []store.Span // before the writes
	wakes    []string
	bumped   []string // a scope rises once in a transaction
}

type write struct {
	val []byte
	del bool
}

func (t *tx) begin() {
	t.writes = map[string]write{}
	if t.s.o.Clock != nil {
		t.began = t.s.o.Clock()
	}
}

func (t *tx) run(fn func(store.Tx) error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case signal:
			err = p.err
		default:
			panic(p)
		}
	}()
	return fn(t)
}

func (t *tx) wrote() bool { return len(t.writes)+len(t.deletes) > 0 }

func (t *tx) check() {
	if err := t.ctx.Err(); err != nil {
		panic(signal{err})
	}
	if c := t.s.o.Clock; c != nil && c()-t.began > t.timeMax {
		panic(signal{store.ErrTimeout})
	}
}

func (t *tx) deleted(k []byte) bool {
	for _, d := range t.deletes {
		if bytes.Compare(k, d.From) >= 0 && bytes.Compare(k, d.To) < 0 {
			return true
		}
	}
	return false
}

func (t *tx) open(k store.Key, v []byte) []byte {
	if t.s.o.Sealer == nil {
		return v
	}
	o, err := t.s.o.Sealer.Open(nil, k, v)
	if err != nil {
		panic(signal{fmt.Errorf("%w: family %d: %v", store.ErrCorrupt, k.Family(), err)})
	}
	return o
}

// Get implements store.Reader.
func (t *tx) Get(k store.Key) ([]byte, bool) {
	t.check()
	if w, ok := t.writes[string(k)]; ok {
		return w.val, !w.del
	}
	if t.deleted(k) {
		return nil, false
	}
	var v []byte
	err := t.p.QueryRow(t.ctx, "SELECT v FROM virga_kv WHERE k = $1", []byte(k)).Scan(&v)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false
	}
	if err != nil {
		panic(signal{err})
	}
	return t.open(k, v), true
}

type pair struct{ k, v []byte }

// Range implements store.Reader: pages of the table, merged with the transaction's own writes.
func (t *tx) Range(sp store.Span, fn func(store.Key, []byte) bool) {
	if bytes.Compare(sp.From, sp.To) >= 0 {
		return
	}
	dir := 1
	query := "SELECT k, v FROM virga_kv WHERE k >= $1 AND k < $2 ORDER BY k LIMIT $3"
	if sp.Reverse {
		dir = -1
		query = "SELECT k, v FROM virga_kv WHERE k >= $1 AND k < $2 ORDER BY k DESC LIMIT $3"
	}
	var own []string
	for k := range t.writes {
		if k >= string(sp.From) && k < string(sp.To) {
			own = append(own, k)
		}
	}
	slices.SortFunc(own, func(a, b string) int { return dir * bytes.Compare([]byte(a), []byte(b)) })
	emit := func(k string) bool {
		w := t.writes[k]
		return w.del || fn(store.Key(k), w.val)
	}
	from, to := sp.From, sp.To
	for {
		t.check()
		page := t.page(query, from, to)
		for _, p := range page {
			for len(own) > 0 && dir*bytes.Compare([]byte(own[0]), p.k) < 0 {
				k := own[0]
				own = own[1:]
				if !emit(k) {
					return
				}
			}
			if len(own) > 0 && own[0] == string(p.k) {
				k := own[0]
				own = own[1:]
				if !emit(k) {
					return
				}
				continue
			}
			if t.deleted(p.k) {
				continue
			}
			if !fn(p.k, t.open(p.k, p.v)) {
				return
			}
		}
		if len(page) < pageRows {
			break
		}
		last := page[len(page)-1].k
		if sp.Reverse {
			to = last
		} else {
			from = append(bytes.Clone(last), 0)
		}
	}
	for _, k := range own {
		if !emit(k) {
			return
		}
	}
}

func (t *tx) page(query string, from, to []byte) []pair {
	rows, err := t.p.Query(t.ctx, query, from, to, pageRows)
	if err != nil {
		panic(signal{err})
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (pair, error) {
		var p pair
		err := r.Scan(&p.k, &p.v)
		return p, err
	})
	if err != nil {
		panic(signal{err})
	}
	return out
}

// Set implements store.Tx.
func (t *tx) Set(k store.Key, v []byte) { t.put(k, write{val: append([]byte{}, v...)}) }

// Delete implements store.Tx.
func (t *tx) Delete(k store.Key) { t.put(k, write{del: true}) }

func (t *tx) put(k store.Key, w write) {
	if t.readOnly {
		panic("store: write in a View")
	}
	if len(k) > store.KeyBytesMax || len(k) < 16 {
		panic(signal{fmt.Errorf("%w: key of %d bytes", store.ErrTooLarge, len(k))})
	}
	t.bytes += len(k) + len(w.val)
	t.writes[string(k)] = w
}

// DeleteRange implements store.Tx.
func (t *tx) DeleteRange(lo, hi store.Key) {
	if t.readOnly {
		panic("store: write in a View")
	}
	if bytes.Compare(lo, hi) >= 0 {
		return
	}
	for k := range t.writes {
		if k >= string(lo) && k < string(hi) {
			delete(t.writes, k)
		}
	}
	t.deletes = append(t.deletes, store.Span{From: lo, To: hi})
}

// Wake implements store.Tx.
func (t *tx) Wake(topic string) { t.wakes = append(t.wakes, topic) }

// Bump implements store.Tx.
func (t *tx) Bump(scope string) {
	if slices.Contains(t.bumped, scope) {
		return
	}
	t.bumped = append(t.bumped, scope)
	k := epochKey(scope)
	var n uint64
	if v, ok := t.Get(k); ok && len(v) == 8 {
		n = binary.BigEndian.Uint64(v)
	}
	t.Set(k, binary.BigEndian.AppendUint64(nil, n+1))
}

// send puts the buffered writes into one round trip before the commit.
func (t *tx) send() error {
	if !t.wrote() {
		return nil
	}
	b := &pgx.Batch{}
	for _, d := range t.deletes {
		b.Queue("DELETE FROM virga_kv WHERE k >= $1 AND k < $2", []byte(d.From), []byte(d.To))
	}
	var sets, vals, dels [][]byte
	keys := make([]string, 0, len(t.writes))
	for k := range t.writes {
		keys = append(keys, k)
	}
	slices.Sort(keys) // one order for all: no deadlocks
	for _, k := range keys {
		w := t.writes[k]
		if w.del {
			dels = append(dels, []byte(k))
			continue
		}
		v := w.val
		if t.s.o.Sealer != nil {
			var err error
			if v, err = t.s.o.Sealer.Seal(nil, store.Key(k), v); err != nil {
				return err
			}
		}
		sets, vals = append(sets, []byte(k)), append(vals, v)
	}
	if len(dels) > 0 {
		b.Queue("DELETE FROM virga_kv WHERE k = ANY($1)", dels)
	}
	if len(sets) > 0 {
		b.Queue("INSERT INTO virga_kv SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v", sets, vals)
	}
	return t.p.SendBatch(t.ctx, b).Close()
}
