package pebble_test

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/pebble"
	"virga/internal/store/seal"
	"virga/internal/store/storetest"
)

type memKeys map[uint32]seal.WrappedKey

func (m memKeys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return m, nil }
func (m memKeys) SaveKey(id uint32, k seal.WrappedKey) error    { m[id] = k; return nil }

func sealer(t testing.TB) *seal.Sealer {
	s, err := seal.New(make([]byte, 32), memKeys{}, func(b []byte) { crand.Read(b) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, o pebble.Options) store.Store {
	s, err := pebble.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T, w *storetest.Wakes) store.Store {
		return open(t, pebble.Options{Dir: t.TempDir(), Waker: w, Sealer: sealer(t)})
	})
}

// TestHistory runs the same seeded histories on the engines; a sealed and an open one must answer like the one in memory.
func TestHistory(t *testing.T) {
	for seed := range uint64(8) {
		want := storetest.History(t, mem.New(nil, nil), seed, 300)
		if got := storetest.History(t, open(t, pebble.Options{FS: vfs.NewMem(), Dir: "d"}), seed, 300); got != want {
			t.Errorf("seed %d: pebble answers otherwise than mem", seed)
		}
		if got := storetest.History(t, open(t, pebble.Options{FS: vfs.NewMem(), Dir: "d", Sealer: sealer(t)}), seed, 300); got != want {
			t.Errorf("seed %d: sealed pebble answers otherwise than mem", seed)
		}
	}
}

// powerLoss writes and reads under a disk that loses unsynced bytes, cuts the power and returns how many acknowledged
// writes and answered reads are gone afterwards.
func powerLoss(t *testing.T, seed uint64, noSync bool) (lost int) {
	fs := vfs.NewCrashableMem()
	st, err := pebble.Open(pebble.Options{FS: fs, Dir: "d", NoSync: noSync})
	if err != nil {
		t.Fatal(err)
	}
	key := func(i int) store.Key { return store.K(9999, 0, "111122223333").Uint(uint64(i)) }
	const keys = 8
	var promised [keys]atomic.Uint64 // highest value acknowledged by a write or shown by a read
	raise := func(i int, v uint64) {
		for o := promised[i].Load(); o < v && !promised[i].CompareAndSwap(o, v); o = promised[i].Load() {
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				i := r.IntN(keys)
				var v uint64
				if w%2 == 0 {
					err = st.Update(context.Background(), []store.Key{key(i)}, func(tx store.Tx) error {
						v = 1
						if b, ok := tx.Get(key(i)); ok {
							v = binary.BigEndian.Uint64(b) + 1
						}
						tx.Set(key(i), binary.BigEndian.AppendUint64(nil, v))
						return nil
					})
				} else {
					err = st.View(context.Background(), func(r store.Reader) error {
						v = 0
						if b, ok := r.Get(key(i)); ok {
							v = binary.BigEndian.Uint64(b)
						}
						return nil
					})
				}
				if err != nil {
					t.Error(err)
					return
				}
				raise(i, v)
			}
		})
	}
	r := rand.New(rand.NewPCG(seed, 99))
	for total := uint64(0); total < 40+seed%80; {
		total = 0
		for i := range promised {
			total += promised[i].Load()
		}
	}
	// What was promised up to now must be in the image taken after now.
	var before [keys]uint64
	for i := range before {
		before[i] = promised[i].Load()
	}
	image := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(r.IntN(60)), RNG: r})
	close(stop)
	wg.Wait()
	st.Close()
	again, err := pebble.Open(pebble.Options{FS: image, Dir: "d"})
	if err != nil {
		t.Fatalf("seed %d: does not open after the power loss: %v", seed, err)
	}
	defer again.Close()
	again.View(context.Background(), func(r store.Reader) error {
		for i := range before {
			var v uint64
			if b, ok := r.Get(key(i)); ok {
				v = binary.BigEndian.Uint64(b)
			}
			if v < before[i] {
				lost += int(before[i] - v)
			}
		}
		return nil
	})
	return lost
}

// TestPowerLoss cuts the power at many points: nothing acknowledged, and nothing a reader was shown, is lost.
// With syncs switched off the same test must find losses, or it proves nothing.
func TestPowerLoss(t *testing.T) {
	const seeds = 100
	for seed := range uint64(seeds) {
		if lost := powerLoss(t, seed, false); lost > 0 {
			t.Fatalf("seed %d: %d acknowledged writes lost", seed, lost)
		}
	}
	lost := 0
	for seed := range uint64(10) {
		lost += powerLoss(t, seed, true)
	}
	if lost == 0 {
		t.Fatal("without syncs nothing was lost: the test does not bite")
	}
	t.Logf("%d seeds, 0 lost; without syncs 10 seeds lost %d", seeds, lost)
}

// TestSealedOnDisk finds no planted value in the engine's files, and refuses a wrong master key and a moved value.
func TestSealed(t *testing.T) {
	ks := memKeys{}
	master := make([]byte, 32)
	secret := func(b []byte) { crand.Read(b) }
	a, err := seal.New(master, ks, secret)
	if err != nil {
		t.Fatal(err)
	}
	k1, k2 := store.K(1, 0, "111122223333").Str("x"), store.K(1, 0, "111122223333").Str("y")
	for _, n := range []int{0, 1, 600, 100_000} {
		v := make([]byte, n)
		if n > 600 {
			crand.Read(v)
		}
		b, err := a.Seal(nil, k1, v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Open(nil, k1, b)
		if err != nil || string(got) != string(v) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if _, err := a.Open(nil, k2, b); err == nil {
			t.Fatal("a value opened under another key")
		}
		b[len(b)-1] ^= 1
		if _, err := a.Open(nil, k1, b); err == nil {
			t.Fatal("a changed value opened")
		}
	}
	master[0] = 1
	if _, err := seal.New(master, ks, secret); !errors.Is(err, seal.ErrMasterKey) {
		t.Fatal("a wrong master key was taken:", err)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, sealed := range []bool{false, true} {
		b.Run(fmt.Sprintf("sealed=%v", sealed), func(b *testing.B) {
			o := pebble.Options{Dir: b.TempDir()}
			if sealed {
				o.Sealer = sealer(b)
			}
			s := open(b, o)
			v := make([]byte, 1024)
			crand.Read(v)
			var n atomic.Uint64
			b.SetParallelism(16)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					k := store.K(9999, 0, "111122223333").Uint(n.Add(1) % 2000)
					if err := s.Update(context.Background(), []store.Key{k}, func(tx store.Tx) error { tx.Set(k, v); return nil }); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, pebble.Options{Dir: b.TempDir(), Sealer: sealer(b)})
	k := store.K(9999, 0, "111122223333").Uint(1)
	v := make([]byte, 1024)
	crand.Read(v)
	s.Update(context.Background(), nil, func(tx store.Tx) error { tx.Set(k, v); return nil })
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			s.View(context.Background(), func(r store.Reader) error { r.Get(k); return nil })
		}
	})
}
