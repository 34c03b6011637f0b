package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/seal"
)

const account = "111122223333"

type keys map[uint32]seal.WrappedKey

func (k keys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return k, nil }
func (k keys) SaveKey(id uint32, w seal.WrappedKey) error    { k[id] = w; return nil }
func sealer(t *testing.T, e env.Env, k keys) *seal.Sealer {
	t.Helper()
	s, err := seal.New(make([]byte, seal.KeySize), k, e.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plane(t *testing.T, fs vfs.FS) (*Blobs, *env.Real, store.Store) {
	t.Helper()
	e := env.NewReal()
	t.Cleanup(e.Close)
	st := mem.New(e, nil)
	b, err := New(Config{Env: e, Store: st, FS: fs, Dir: "/blobs", Sealer: sealer(t, e, keys{})})
	if err != nil {
		t.Fatal(err)
	}
	return b, e, st
}

func put(t *testing.T, b *Blobs, st store.Store, data []byte) Ref {
	t.Helper()
	w := b.Create(context.Background(), account)
	for p := data; len(p) > 0; {
		n := min(len(p), 1+rand.IntN(200_000))
		if _, err := w.Write(p[:n]); err != nil {
			t.Fatal(err)
		}
		p = p[n:]
	}
	ref, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	keep(t, st, ref)
	return ref
}

func keep(t *testing.T, st store.Store, ref Ref) {
	t.Helper()
	if err := st.Update(context.Background(), nil, func(tx store.Tx) error { Keep(tx, account, ref); return nil }); err != nil {
		t.Fatal(err)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

func TestReadBack(t *testing.T) {
	b, _, st := plane(t, vfs.NewMem())
	for _, n := range []int{0, 1, InlineMax, InlineMax + 1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3*ChunkSize + 17} {
		data := random(n)
		ref := put(t, b, st, data)
		if (ref.ID == "") != (n <= InlineMax) {
			t.Errorf("%d bytes: inline is %v", n, ref.ID == "")
		}
		for range 20 {
			off := int64(rand.IntN(n + 1))
			k := int64(rand.IntN(n+2)) - 1
			r, err := b.Open(context.Background(), account, ref, off, k)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			end := min(off+k, int64(n))
			if k < 0 {
				end = int64(n)
			}
			if !bytes.Equal(got, data[off:end]) {
				t.Fatalf("%d bytes, %d from %d: %d bytes read differ", n, k, off, len(got))
			}
		}
	}
}

func TestTamperedFileDoesNotOpen(t *testing.T) {
	fs := vfs.NewMem()
	b, _, st := plane(t, fs)
	ref := put(t, b, st, random(2*ChunkSize+5))
	name := b.file(account, ref.ID)
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	f.ReadAt(one[:], ChunkSize+1000)
	one[0] ^= 1
	f.WriteAt(one[:], ChunkSize+1000)
	f.Close()
	r, err := b.Open(context.Background(), account, ref, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, store.ErrCorrupt) {
		t.Fatalf("a changed byte gave %v", err)
	}
}

func TestSweep(t *testing.T) {
	b, e, st := plane(t, vfs.NewMem())
	ctx := context.Background()
	kept := put(t, b, st, random(50_000))
	dropped := put(t, b, st, random(50_001))
	w := b.Create(ctx, account) // committed, but no record ever refers to it
	w.Write(random(50_002))
	orphan, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	half := b.Create(ctx, account) // never ended
	half.Write(random(300_000))
	drop := func() {
		if err := st.Update(ctx, nil, func(tx store.Tx) error { Drop(tx, account, dropped, e.Now()); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	drop()
	sweep := func(want int) {
		t.Helper()
		n, err := b.Sweep(ctx)
		if err != nil || n != want {
			t.Fatalf("swept %d, %v; want %d", n, err, want)
		}
	}
	sweep(0)
	e.SetOffset(2 * time.Hour)
	sweep(2) // the orphan and the half one
	e.SetOffset(26 * time.Hour)
	sweep(1) // the dropped one
	for ref, want := range map[string]bool{kept.ID: true, dropped.ID: false, orphan.ID: false} {
		_, err := b.Open(ctx, account, Ref{ID: ref, Size: 50_000}, 0, -1)
		if (err == nil) != want {
			t.Errorf("blob %s: %v", ref, err)
		}
	}
}

// crash writes blobs over a disk that drops unsynced bytes and tells how many acknowledged ones were lost.
func crash(t *testing.T, seed uint64, noSync bool) (acked, lost int) {
	fs := vfs.NewCrashableMem()
	e := env.NewReal()
	defer e.Close()
	st := mem.New(e, nil)
	s := sealer(t, e, keys{})
	b, err := New(Config{Env: e, Store: st, FS: fs, Dir: "/blobs", Sealer: s, NoSync: noSync})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	refs := map[string][]byte{}
	sizes := map[string]Ref{}
	for range 5 + r.IntN(10) {
		data := make([]byte, InlineMax+1+r.IntN(200_000))
		for i := 0; i < len(data); i += 97 {
			data[i] = byte(r.Uint32())
		}
		w := b.Create(context.Background(), account)
		w.Write(data)
		ref, err := w.Commit()
		if err != nil {
			t.Fatal(err)
		}
		refs[ref.ID], sizes[ref.ID] = data, ref
	}
	after := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed % 100), RNG: rand.New(rand.NewPCG(seed, 2))})
	b2, err := New(Config{Env: e, Store: st, FS: after, Dir: "/blobs", Sealer: s})
	if err != nil {
		t.Fatal(err)
	}
	for id, data := range refs {
		rd, err := b2.Open(context.Background(), account, sizes[id], 0, -1)
		if err != nil {
			lost++
			continue
		}
		got, err := io.ReadAll(rd)
		rd.Close()
		if err != nil || !bytes.Equal(got, data) {
			lost++
		}
	}
	return len(refs), lost
}

func TestPowerLoss(t *testing.T) {
	acked := 0
	for seed := range uint64(100) {
		a, lost := crash(t, seed, false)
		if acked += a; lost != 0 {
			t.Fatalf("seed %d: %d of %d acknowledged blobs lost", seed, lost, a)
		}
	}
	t.Logf("100 seeds, %d blobs acknowledged, 0 lost", acked)
}

// TestPowerLossWithoutSync proves that the test above can fail.
func TestPowerLossWithoutSync(t *testing.T) {
	lost := 0
	for seed := range uint64(100) {
		_, l := crash(t, seed, true)
		lost += l
	}
	if lost == 0 {
		t.Fatal("without syncs nothing was lost: the power-loss test proves nothing")
	}
	t.Logf("without syncs %d lost", lost)
}
