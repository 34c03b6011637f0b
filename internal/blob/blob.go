// Package blob keeps large immutable bytes: S3 objects, function packages, layers.
//
// A blob is written once, under an id of its own, never under a user's name. Small ones (InlineMax) ride inside the
// record that refers to them. Larger ones are files: an intent row precedes the first byte, the bytes are sealed in
// chunks bound to blob id, index and last, the file is synced, renamed into place and its folder synced; only then may
// a record refer to it (Keep, in the record's own transaction, which also ends the intent). Drop gives a blob up; the
// sweeper removes its file a day later, and takes every file that has neither record nor live intent.
//
// Keys: FamilyBlob ‖ 0 ‖ account ‖ "b" ‖ id → row;  FamilyBlob ‖ 0 ‖ account ‖ "i" ‖ id → intent.
// A file: magic (4) ‖ chunks; a chunk is ChunkSize plain bytes (the last one fewer) sealed with the account's key.
//
// It knows no bucket and no key; what a blob is for is its record's business.
package blob

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"virga/internal/env"
	"virga/internal/store"
)

// Limits with names.
const (
	InlineMax    = 16 << 10  // bytes of a blob that rides in its record
	ChunkSize    = 128 << 10 // plain bytes sealed together
	SizeMax      = 5 << 40   // of one blob
	intentFor    = time.Hour // how long an upload may go without a byte
	keepDropped  = 24 * time.Hour
	sweepBatch   = 500
	sweepEvery   = 10 * time.Minute
	renewEvery   = 10 * time.Minute
	filesPerTick = 10_000
)

const magic = "VBL1"

// ErrNotFound: there is no such blob.
var ErrNotFound = errors.New("blob: not found")

// Sealer seals chunks; seal.Sealer is one.
type Sealer interface {
	AppendToken(dst []byte, account, context string, plain []byte) ([]byte, error)
	AppendOpened(dst []byte, account, context string, sealed []byte) ([]byte, error)
}

// Ref names a blob inside a record. The zero Ref is an empty blob.
type Ref struct {
	ID     string `rec:"1"` // "" where Inline holds all bytes
	Size   int64  `rec:"2"`
	Inline []byte `rec:"3"`
}

type row struct {
	Size    int64     `rec:"1"`
	Dropped time.Time `rec:"2"` // zero while referred to
	Refs    uint64    `rec:"3"`
}

type intent struct {
	Until time.Time `rec:"1"`
}

func rowKey(account, id string) store.Key {
	return store.K(store.FamilyBlob, 0, account).Str("b").Str(id)
}

func intentKey(account, id string) store.Key {
	return store.K(store.FamilyBlob, 0, account).Str("i").Str(id)
}

// Config joins the plane.
type Config struct {
	Env    env.Env
	Store  store.Store
	FS     vfs.FS // nil: the machine's disk
	Dir    string
	Sealer Sealer // nil: plain files (tests)
	NoSync bool   // only for the test that must fail
}

// Blobs is the plane.
type Blobs struct {
	cfg  Config
	mu   sync.Mutex // guards dirs; never held across a wait for anything but a folder's creation
	dirs map[string]bool
	// buffers of a chunk, plain or sealed
	chunks sync.Pool
}

// chunk gives an empty buffer with room for a sealed chunk; free takes it back.
func (b *Blobs) chunk() []byte {
	if p, ok := b.chunks.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, ChunkSize+sealOverhead)
}

func (b *Blobs) free(buf []byte) {
	if cap(buf) >= ChunkSize+sealOverhead {
		b.chunks.Put(&buf)
	}
}

// New opens the plane in its folder.
func New(cfg Config) (*Blobs, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	b := &Blobs{cfg: cfg, dirs: map[string]bool{}}
	if err := cfg.FS.MkdirAll(path.Join(cfg.Dir, "new"), 0o700); err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	if err := b.syncDir(path.Dir(cfg.Dir)); err != nil {
		return nil, err
	}
	return b, b.syncDir(cfg.Dir)
}

func (b *Blobs) syncDir(dir string) error {
	if b.cfg.NoSync {
		return nil
	}
	d, err := b.cfg.FS.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	err = d.Sync()
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}

func (b *Blobs) fileDir(id string) string { return path.Join(b.cfg.Dir, id[:2]) }

func (b *Blobs) file(account, id string) string {
	return path.Join(b.fileDir(id), account+"."+id)
}

func (b *Blobs) tmp(account, id string) string { return path.Join(b.cfg.Dir, "new", account+"."+id) }

// Writer takes a blob's bytes. Commit or Abort ends it.
type Writer struct {
	b       *Blobs
	ctx     context.Context
	account string
	id      string
	buf     []byte
	f       vfs.File
	chunks  uint64
	size    int64
	renewed time.Time
	ended   bool
	err     error
}

// Create begins a blob of an account.
func (b *Blobs) Create(ctx context.Context, account string) *Writer {
	return &Writer{b: b, ctx: ctx, account: account}
}

// Size is how many bytes were written so far.
func (w *Writer) Size() int64 { return w.size }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, errors.New("blob: write after the end")
	}
	if w.err != nil {
		return 0, w.err
	}
	n := len(p)
	if w.size+int64(n) > SizeMax {
		w.err = fmt.Errorf("blob: over %d bytes", int64(SizeMax))
		return 0, w.err
	}
	w.size += int64(n)
	if w.f == nil && len(w.buf)+n <= InlineMax {
		w.buf = append(w.buf, p...)
		return n, nil
	}
	if w.f == nil {
		if w.err = w.open(); w.err != nil {
			return 0, w.err
		}
		old := w.buf
		w.buf = append(w.b.chunk(), old...)
	}
	for len(p) > 0 {
		// A full buffer is written only when more comes: the last chunk is marked as such.
		if len(w.buf) == ChunkSize {
			if w.err = w.flush(false); w.err != nil {
				return 0, w.err
			}
		}
		k := min(ChunkSize-len(w.buf), len(p))
		w.buf = append(w.buf, p[:k]...)
		p = p[k:]
	}
	return n, nil
}

func (w *Writer) open() error {
	w.id = env.NewName(w.b.cfg.Env, env.AlnumLow, 26)
	if err := w.renew(); err != nil {
		return err
	}
	w.b.cfg.Env.Point("blob intent")
	f, err := w.b.cfg.FS.Create(w.b.tmp(w.account, w.id), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	w.f = f
	_, err = f.Write([]byte(magic))
	return err
}

func (w *Writer) renew() error {
	now := w.b.cfg.Env.Now()
	w.renewed = now
	return w.b.cfg.Store.Update(w.ctx, nil, func(tx store.Tx) error {
		store.Put(tx, intentKey(w.account, w.id), &intent{Until: now.Add(intentFor)})
		return nil
	})
}

func chunkContext(id string, index uint64, last bool) string {
	var b [9]byte
	binary.BigEndian.PutUint64(b[:], index)
	if last {
		b[8] = 1
	}
	return "blob\x00" + id + string(b[:])
}

func (w *Writer) flush(last bool) error {
	out := w.buf
	if w.b.cfg.Sealer != nil {
		sealed := w.b.chunk()
		defer w.b.free(sealed)
		var err error
		if out, err = w.b.cfg.Sealer.AppendToken(sealed, w.account, chunkContext(w.id, w.chunks, last), w.buf); err != nil {
			return err
		}
	}
	w.chunks++
	if _, err := w.f.Write(out); err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	w.buf = w.buf[:0]
	if w.b.cfg.Env.Now().Sub(w.renewed) > renewEvery {
		return w.renew()
	}
	return nil
}

// Commit makes the bytes durable. The caller's record keeps the Ref by Keep in its own transaction.
func (w *Writer) Commit() (Ref, error) {
	if w.err != nil || w.ended {
		w.Abort()
		if w.err == nil {
			w.err = errors.New("blob: committed twice")
		}
		return Ref{}, w.err
	}
	if w.f == nil {
		w.ended = true
		return Ref{Size: w.size, Inline: w.buf}, nil
	}
	if err := w.finish(); err != nil {
		w.err = err
		w.Abort()
		return Ref{}, err
	}
	w.ended = true
	return Ref{ID: w.id, Size: w.size}, nil
}

func (w *Writer) finish() error {
	if err := w.flush(true); err != nil {
		return err
	}
	b := w.b
	if !b.cfg.NoSync {
		if err := w.f.Sync(); err != nil {
			return fmt.Errorf("blob: %w", err)
		}
	}
	f := w.f
	w.f = nil
	w.b.free(w.buf)
	w.buf = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	b.cfg.Env.Point("blob synced")
	dir := b.fileDir(w.id)
	if err := b.ensure(dir); err != nil {
		return err
	}
	if err := b.cfg.FS.Rename(b.tmp(w.account, w.id), b.file(w.account, w.id)); err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	b.cfg.Env.Point("blob renamed")
	return b.syncDir(dir)
}

func (b *Blobs) ensure(dir string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dirs[dir] {
		return nil
	}
	if err := b.cfg.FS.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	if err := b.syncDir(b.cfg.Dir); err != nil {
		return err
	}
	b.dirs[dir] = true
	return nil
}

// Abort gives the blob up. It may be called after Commit, and does nothing then.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	if w.f != nil {
		w.f.Close()
		w.f = nil
		w.b.free(w.buf)
		w.buf = nil
	}
	if w.id != "" {
		w.b.cfg.FS.Remove(w.b.tmp(w.account, w.id)) // what is left is the sweeper's
	}
}

// Keep makes ref referred to by a record written in the same transaction. Each Keep needs its Drop.
func Keep(tx store.Tx, account string, ref Ref) {
	if ref.ID == "" {
		return
	}
	r, ok := store.Load[row](tx, rowKey(account, ref.ID))
	if !ok {
		r = &row{Size: ref.Size}
	}
	r.Refs++
	r.Dropped = time.Time{}
	store.Put(tx, rowKey(account, ref.ID), r)
	tx.Delete(intentKey(account, ref.ID))
}

// Drop ends one record's reference.
func Drop(tx store.Tx, account string, ref Ref, now time.Time) {
	if ref.ID == "" {
		return
	}
	r, ok := store.Load[row](tx, rowKey(account, ref.ID))
	if !ok {
		return
	}
	if r.Refs > 0 {
		r.Refs--
	}
	if r.Refs == 0 {
		r.Dropped = now
	}
	store.Put(tx, rowKey(account, ref.ID), r)
}

// Open reads n bytes of a blob from off; n < 0 reads to the end.
func (b *Blobs) Open(ctx context.Context, account string, ref Ref, off, n int64) (io.ReadCloser, error) {
	if off < 0 || off > ref.Size {
		return nil, fmt.Errorf("blob: offset %d of %d bytes", off, ref.Size)
	}
	if n < 0 || off+n > ref.Size {
		n = ref.Size - off
	}
	if ref.ID == "" {
		if int64(len(ref.Inline)) != ref.Size {
			return nil, fmt.Errorf("%w: blob of %d bytes holds %d", store.ErrCorrupt, ref.Size, len(ref.Inline))
		}
		return &inlineReader{b: ref.Inline[off : off+n]}, nil
	}
	f, err := b.cfg.FS.Open(b.file(account, ref.ID))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotFound, err)
	}
	return &reader{b: b, f: f, account: account, ref: ref, at: off, left: n, index: -1}, nil
}

type inlineReader struct{ b []byte }

func (r *inlineReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}

func (r *inlineReader) Close() error { return nil }

type reader struct {
	b       *Blobs
	f       vfs.File
	account string
	ref     Ref
	at      int64
	left    int64
	index   int64 // of the chunk in plain
	plain   []byte
	buf     []byte
	opened  []byte
}

const sealOverhead = 4 + 24 + 16 // what SealToken adds

func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	i := r.at / ChunkSize
	if i != r.index {
		if err := r.load(i); err != nil {
			return 0, err
		}
	}
	o := r.at - i*ChunkSize
	if o >= int64(len(r.plain)) {
		return 0, fmt.Errorf("%w: blob %s ends early", store.ErrCorrupt, r.ref.ID)
	}
	n := copy(p, r.plain[o:min(int64(len(r.plain)), o+r.left)])
	r.at += int64(n)
	r.left -= int64(n)
	return n, nil
}

func (r *reader) load(i int64) error {
	chunks := (r.ref.Size + ChunkSize - 1) / ChunkSize
	last := i == chunks-1
	size := int64(ChunkSize)
	if last {
		size = r.ref.Size - i*ChunkSize
	}
	over := int64(sealOverhead)
	if r.b.cfg.Sealer == nil {
		over = 0
	}
	if r.buf == nil {
		r.buf = r.b.chunk()
	}
	buf := r.buf[:size+over]
	if _, err := r.f.ReadAt(buf, int64(len(magic))+i*(ChunkSize+over)); err != nil {
		return fmt.Errorf("%w: blob %s chunk %d: %v", store.ErrCorrupt, r.ref.ID, i, err)
	}
	if r.b.cfg.Sealer == nil {
		r.plain, r.index = buf, i
		return nil
	}
	if r.opened == nil {
		r.opened = r.b.chunk()
	}
	plain, err := r.b.cfg.Sealer.AppendOpened(r.opened, r.account, chunkContext(r.ref.ID, uint64(i), last), buf)
	if err != nil || int64(len(plain)) != size {
		return fmt.Errorf("%w: blob %s chunk %d does not open", store.ErrCorrupt, r.ref.ID, i)
	}
	r.plain, r.index = plain, i
	return nil
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.b.free(r.buf)
	r.b.free(r.opened)
	r.buf, r.opened, r.plain, r.index = nil, nil, nil, -1
	return r.f.Close()
}

// ReaderAt reads a blob at random places, for zip archives.
func (b *Blobs) ReaderAt(ctx context.Context, account string, ref Ref) io.ReaderAt {
	return &readerAt{b, ctx, account, ref}
}

type readerAt struct {
	b       *Blobs
	ctx     context.Context
	account string
	ref     Ref
}

func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= r.ref.Size {
		return 0, io.EOF
	}
	rd, err := r.b.Open(r.ctx, r.account, r.ref, off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	defer rd.Close()
	n, err := io.ReadFull(rd, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
