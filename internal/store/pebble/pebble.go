// Package pebble is the embedded durable engine of the store, over cockroachdb/pebble: every commit is in the
// write-ahead log and synced before it is acknowledged; writers share syncs.
//
// The format is pinned to one that tells a torn tail from corruption (sync chunks in the log); a newer one on disk is
// refused. Corruption stops the start and names the file.
package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"virga/internal/store"
	"virga/internal/store/resolver"
)

// Format is the engine's pinned on-disk format.
const Format = pebble.FormatWALSyncChunks

// Options of Open.
type Options struct {
	Dir        string
	FS         vfs.FS // nil: the machine's disk
	Sealer     resolver.Sealer
	Waker      store.Waker
	Clock      func() time.Duration
	CacheBytes int64 // 0: 32 MiB
	Log        *slog.Logger
	NoSync     bool // only for the test that must fail
}

// Open opens or makes a store in a folder.
func Open(o Options) (*resolver.Store, error) {
	e, err := OpenEngine(o)
	if err != nil {
		return nil, err
	}
	return resolver.New(resolver.Config{Engine: e, Sealer: o.Sealer, Waker: o.Waker, Clock: o.Clock, NoSync: o.NoSync}), nil
}

// Engine is the engine alone.
type Engine struct {
	db     *pebble.DB
	noSync bool
}

// OpenEngine opens the engine alone, for what must read before values can be opened.
func OpenEngine(o Options) (*Engine, error) {
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	cache := pebble.NewCache(o.CacheBytes)
	defer cache.Unref()
	po := &pebble.Options{
		Cache: cache, FS: o.FS, FormatMajorVersion: Format,
		MemTableSize: 16 << 20, MemTableStopWritesThreshold: 4,
		L0CompactionThreshold: 4, L0StopWritesThreshold: 20,
		BytesPerSync: 1 << 20, Logger: logger{o.Log},
	}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(o.Dir, po)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", o.Dir, err)
	}
	if v := db.FormatMajorVersion(); v > Format {
		db.Close()
		return nil, fmt.Errorf("store %s: format %d is newer than this version's %d; use the version that wrote it", o.Dir, v, Format)
	}
	return &Engine{db: db, noSync: o.NoSync}, nil
}

type logger struct{ l *slog.Logger }

func (l logger) Infof(string, ...any) {}
func (l logger) Errorf(f string, a ...any) {
	if l.l != nil {
		l.l.Error("store engine", "msg", fmt.Sprintf(f, a...))
	}
}
func (l logger) Fatalf(f string, a ...any) { panic("store engine: " + fmt.Sprintf(f, a...)) }

// Name implements resolver.Engine.
func (e *Engine) Name() string { return "pebble" }

// Close implements resolver.Engine.
func (e *Engine) Close() error { return e.db.Close() }

// Sync implements resolver.Engine.
func (e *Engine) Sync() error { return e.db.LogData(nil, pebble.Sync) }

// Get implements resolver.Engine.
func (e *Engine) Get(dst, key []byte) ([]byte, bool, error) {
	v, c, err := e.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, err
	}
	dst = append(dst, v...)
	return dst, true, c.Close()
}

type commit struct{ b *pebble.Batch }

func (c commit) Wait() error {
	err := c.b.SyncWait()
	if e := c.b.Close(); err == nil {
		err = e
	}
	return err
}

type unsynced struct{}

func (unsynced) Wait() error { return nil }

// Apply implements resolver.Engine.
func (e *Engine) Apply(ops []resolver.Op, deletes []store.Span, lazy bool) (resolver.Commit, error) {
	b := e.db.NewBatch()
	for _, d := range deletes {
		if err := b.DeleteRange(d.From, d.To, nil); err != nil {
			return nil, err
		}
	}
	for _, o := range ops {
		var err error
		if o.Value == nil {
			err = b.Delete(o.Key, nil)
		} else {
			err = b.Set(o.Key, o.Value, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	if e.noSync || lazy {
		err := e.db.Apply(b, pebble.NoSync)
		if c := b.Close(); err == nil {
			err = c
		}
		return unsynced{}, err
	}
	if err := e.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		return nil, err
	}
	return commit{b}, nil
}

// Iter implements resolver.Engine.
func (e *Engine) Iter(lo, hi []byte, reverse bool) (resolver.Iter, error) {
	it, err := e.db.NewIter(&pebble.IterOptions{LowerBound: bytes.Clone(lo), UpperBound: bytes.Clone(hi)})
	if err != nil {
		return nil, err
	}
	return &iter{it: it, reverse: reverse}, nil
}

type iter struct {
	it      *pebble.Iterator
	begun   bool
	reverse bool
}

func (i *iter) Next() bool {
	switch {
	case !i.begun && i.reverse:
		i.begun = true
		return i.it.Last()
	case !i.begun:
		i.begun = true
		return i.it.First()
	case i.reverse:
		return i.it.Prev()
	default:
		return i.it.Next()
	}
}

func (i *iter) Key() []byte { return i.it.Key() }

func (i *iter) Value() []byte { return i.it.Value() }

func (i *iter) Close() error {
	err := i.it.Error()
	if e := i.it.Close(); err == nil {
		err = e
	}
	return err
}
