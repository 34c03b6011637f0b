// Package storetest is the conformance suite of store.Store: the contract as tests, and one seeded history that every
// engine runs and must answer alike.
package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sort"
	"sync"
	"testing"
	"time"

	"virga/internal/store"
)

const family store.Family = 9999

func key(parts ...string) store.Key {
	k := store.K(family, 0, "111122223333")
	for _, p := range parts {
		k = k.Str(p)
	}
	return k
}

// Wakes collects wakes; it is handed to the engine under test.
type Wakes struct {
	mu     sync.Mutex
	topics []string
}

// Wake implements store.Waker.
func (w *Wakes) Wake(t string) {
	w.mu.Lock()
	w.topics = append(w.topics, t)
	w.mu.Unlock()
}

func (w *Wakes) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.topics
	w.topics = nil
	return t
}

// Run runs the suite. open makes an empty store that passes its wakes to w.
func Run(t *testing.T, open func(t *testing.T, w *Wakes) store.Store) {
	for _, c := range []struct {
		name string
		fn   func(*testing.T, store.Store, *Wakes)
	}{
		{"ReadOwnWrites", readOwnWrites}, {"Ranges", ranges}, {"RangesMergeOwnWrites", mergedRanges}, {"Refusal", refusal},
		{"Counter", counter}, {"WriteSkew", writeSkew}, {"Phantom", phantom}, {"RangeDelete", rangeDelete}, {"RangeDeleteConflicts", rangeDeleteConflicts},
		{"Limits", limits}, {"NestedPanics", nested}, {"Wakes", wakes}, {"Epochs", epochs}, {"Rider", rider}, {"Snapshot", snapshot},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &Wakes{}
			s := open(t, w)
			c.fn(t, s, w)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func set(t *testing.T, s store.Store, kv ...string) {
	t.Helper()
	must(t, s.Update(context.Background(), nil, func(tx store.Tx) error {
		for i := 0; i < len(kv); i += 2 {
			tx.Set(key(kv[i]), []byte(kv[i+1]))
		}
		return nil
	}))
}

func get(t *testing.T, s store.Store, k string) (string, bool) {
	t.Helper()
	var out string
	var ok bool
	must(t, s.View(context.Background(), func(r store.Reader) error {
		v, o := r.Get(key(k))
		out, ok = string(v), o
		return nil
	}))
	return out, ok
}

func list(r store.Reader, sp store.Span, max int) []string {
	var out []string
	r.Range(sp, func(k store.Key, v []byte) bool {
		out = append(out, k.StrPart(0)+"="+string(v))
		return max == 0 || len(out) < max
	})
	return out
}

func want(t *testing.T, got any, expect any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(expect) {
		t.Fatalf("got %v, want %v", got, expect)
	}
}

func readOwnWrites(t *testing.T, s store.Store, _ *Wakes) {
	must(t, s.Update(context.Background(), nil, func(tx store.Tx) error {
		tx.Set(key("a"), []byte("1"))
		v, ok := tx.Get(key("a"))
		want(t, string(v)+fmt.Sprint(ok), "1true")
		tx.Delete(key("a"))
		_, ok = tx.Get(key("a"))
		want(t, ok, false)
		tx.Set(key("a"), []byte{})
		v, ok = tx.Get(key("a"))
		want(t, len(v) == 0 && ok, true)
		return nil
	}))
	v, ok := get(t, s, "a")
	want(t, v == "" && ok, true)
}

func ranges(t *testing.T, s store.Store, _ *Wakes) {
	set(t, s, "a", "1", "a\x00b", "2", "a\x00", "3", "b", "4", "c", "5")
	must(t, s.View(context.Background(), func(r store.Reader) error {
		all := store.Prefix(key())
		want(t, list(r, all, 0), []string{"a=1", "a\x00=3", "a\x00b=2", "b=4", "c=5"})
		all.Reverse = true
		want(t, list(r, all, 2), []string{"c=5", "b=4"})
		want(t, list(r, store.Span{From: key("a"), To: key("b")}, 0), []string{"a=1", "a\x00=3", "a\x00b=2"})
		want(t, list(r, store.Prefix(key().StrPrefix("a\x00")), 0), []string{"a\x00=3", "a\x00b=2"})
		want(t, list(r, store.After(key(), key("b")), 0), []string{"c=5"})
		return nil
	}))
}

func mergedRanges(t *testing.T, s store.Store, _ *Wakes) {
	set(t, s, "b", "1", "d", "2", "f", "3")
	must(t, s.Update(context.Background(), nil, func(tx store.Tx) error {
		tx.Set(key("a"), []byte("x"))
		tx.Set(key("c"), []byte("y"))
		tx.Delete(key("d"))
		tx.Set(key("g"), []byte("z"))
		sp := store.Prefix(key())
		want(t, list(tx, sp, 0), []string{"a=x", "b=1", "c=y", "f=3", "g=z"})
		sp.Reverse = true
		want(t, list(tx, sp, 3), []string{"g=z", "f=3", "c=y"})
		tx.DeleteRange(key("b"), key("g"))
		tx.Set(key("e"), []byte("w"))
		sp.Reverse = false
		want(t, list(tx, sp, 0), []string{"a=x", "e=w", "g=z"})
		return nil
	}))
	must(t, s.View(context.Background(), func(r store.Reader) error {
		want(t, list(r, store.Prefix(key()), 0), []string{"a=x", "e=w", "g=z"})
		return nil
	}))
}

func refusal(t *testing.T, s store.Store, _ *Wakes) {
	no := errors.New("no")
	err := s.Update(context.Background(), nil, func(tx store.Tx) error { tx.Set(key("a"), []byte("1")); return no })
	want(t, err == no, true)
	_, ok := get(t, s, "a")
	want(t, ok, false)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Update(ctx, nil, func(tx store.Tx) error { tx.Set(key("a"), nil); return nil }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func counter(t *testing.T, s store.Store, _ *Wakes) {
	const workers, each = 8, 40
	for _, declared := range []bool{true, false} {
		k := key("n", fmt.Sprint(declared))
		var foot []store.Key
		if declared {
			foot = []store.Key{k}
		}
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each {
					err := s.Update(context.Background(), foot, func(tx store.Tx) error {
						var n uint64
						if v, ok := tx.Get(k); ok {
							n = binary.BigEndian.Uint64(v)
						}
						tx.Set(k, binary.BigEndian.AppendUint64(nil, n+1))
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		must(t, s.View(context.Background(), func(r store.Reader) error {
			v, _ := r.Get(k)
			want(t, binary.BigEndian.Uint64(v), workers*each)
			return nil
		}))
	}
}

// writeSkew: two doctors, at most one may leave; each transaction reads both and writes one.
func writeSkew(t *testing.T, s store.Store, _ *Wakes) {
	for round := range 60 {
		set(t, s, "x", "1", "y", "1")
		var wg sync.WaitGroup
		for _, me := range []string{"x", "y"} {
			wg.Go(func() {
				err := s.Update(context.Background(), []store.Key{key(me)}, func(tx store.Tx) error {
					a, _ := tx.Get(key("x"))
					b, _ := tx.Get(key("y"))
					if string(a) == "1" && string(b) == "1" {
						tx.Set(key(me), []byte("0"))
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		x, _ := get(t, s, "x")
		y, _ := get(t, s, "y")
		if x == "0" && y == "0" {
			t.Fatalf("round %d: both left", round)
		}
	}
}

// phantom: at most three rows may be in a range; each transaction counts, then inserts one of its own.
func phantom(t *testing.T, s store.Store, _ *Wakes) {
	for round := range 30 {
		p := fmt.Sprintf("p%03d", round)
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				err := s.Update(context.Background(), nil, func(tx store.Tx) error {
					n := 0
					tx.Range(store.Prefix(key(p)), func(store.Key, []byte) bool { n++; return true })
					if n < 3 {
						tx.Set(key(p, fmt.Sprint(i)), nil)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		must(t, s.View(context.Background(), func(r store.Reader) error {
			want(t, len(list(r, store.Prefix(key(p)), 0)), 3)
			return nil
		}))
	}
}

func rangeDelete(t *testing.T, s store.Store, _ *Wakes) {
	set(t, s, "a", "1", "b", "2", "c", "3")
	must(t, s.Update(context.Background(), nil, func(tx store.Tx) error {
		tx.DeleteRange(key("a"), key("c"))
		_, ok := tx.Get(key("b"))
		want(t, ok, false)
		return nil
	}))
	must(t, s.View(context.Background(), func(r store.Reader) error {
		want(t, list(r, store.Prefix(key()), 0), []string{"c=3"})
		return nil
	}))
}

// rangeDeleteConflicts: a row is moved by read and write while its range is deleted; afterwards it is nowhere or moved, never back.
func rangeDeleteConflicts(t *testing.T, s store.Store, _ *Wakes) {
	for range 40 {
		set(t, s, "m", "1")
		must(t, s.Update(context.Background(), nil, func(tx store.Tx) error { tx.Delete(key("gone")); tx.Delete(key("copy")); return nil }))
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Update(context.Background(), nil, func(tx store.Tx) error {
				tx.DeleteRange(key("l"), key("n"))
				tx.Set(key("gone"), nil)
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := s.Update(context.Background(), nil, func(tx store.Tx) error {
				_, gone := tx.Get(key("gone"))
				v, ok := tx.Get(key("m"))
				if ok == gone {
					return fmt.Errorf("row is there: %v, its range deleted: %v", ok, gone)
				}
				if ok {
					tx.Set(key("copy"), v)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		_, there := get(t, s, "m")
		want(t, there, false)
	}
}

func limits(t *testing.T, s store.Store, _ *Wakes) {
	long := make([]byte, store.KeyBytesMax)
	err := s.Update(context.Background(), nil, func(tx store.Tx) error { tx.Set(key(string(long)), nil); return nil })
	want(t, errors.Is(err, store.ErrTooLarge), true)
	fits := key(string(make([]byte, 0)))
	for len(fits) < store.KeyBytesMax {
		fits = append(fits, 'x')
	}
	must(t, s.Update(context.Background(), nil, func(tx store.Tx) error { tx.Set(fits, []byte("v")); return nil }))
	err = s.Update(context.Background(), nil, func(tx store.Tx) error {
		for i := range store.UpdateWritesMax + 1 {
			tx.Set(key("w", fmt.Sprint(i)), nil)
		}
		return nil
	})
	want(t, errors.Is(err, store.ErrTooLarge), true)
	err = s.Update(context.Background(), nil, func(tx store.Tx) error {
		tx.Set(key("big"), make([]byte, store.UpdateBytesMax+1))
		return nil
	})
	want(t, errors.Is(err, store.ErrTooLarge), true)
	_, ok := get(t, s, "big")
	want(t, ok, false)
}

func nested(t *testing.T, s store.Store, _ *Wakes) {
	defer func() {
		if recover() == nil {
			t.Fatal("a nested Update was let through")
		}
	}()
	ctx := store.MarkTx(context.Background())
	s.Update(ctx, nil, func(store.Tx) error { return nil })
}

func wakes(t *testing.T, s store.Store, w *Wakes) {
	must(t, s.Update(context.Background(), nil, func(tx store.Tx) error {
		tx.Wake("topic")
		want(t, len(w.take()), 0)
		tx.Set(key("a"), nil)
		return nil
	}))
	deadline := time.Now().Add(5 * time.Second)
	for {
		if got := w.take(); len(got) > 0 {
			want(t, got, []string{"topic"})
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no wake")
		}
		time.Sleep(time.Millisecond)
	}
	s.Update(context.Background(), nil, func(tx store.Tx) error { tx.Wake("never"); return errors.New("refused") })
	want(t, len(w.take()), 0)
}

func epochs(t *testing.T, s store.Store, _ *Wakes) {
	ctx := context.Background()
	a, err := s.Epoch(ctx, "iam")
	must(t, err)
	must(t, s.Update(ctx, nil, func(tx store.Tx) error { tx.Bump("iam"); tx.Bump("iam"); return nil }))
	b, err := s.Epoch(ctx, "iam")
	must(t, err)
	want(t, b, a+1)
	s.Update(ctx, nil, func(tx store.Tx) error { tx.Bump("iam"); return errors.New("refused") })
	c, err := s.Epoch(ctx, "iam")
	must(t, err)
	want(t, c, b)
}

func rider(t *testing.T, s store.Store, _ *Wakes) {
	ctx, slot := store.WithRider(context.Background(), func(tx store.Tx) { tx.Set(key("rider"), []byte("1")) })
	s.Update(ctx, nil, func(tx store.Tx) error { tx.Set(key("a"), nil); return errors.New("refused") })
	want(t, slot.Carried(), false)
	must(t, s.Update(ctx, nil, func(tx store.Tx) error { tx.Set(key("a"), nil); return nil }))
	want(t, slot.Carried(), true)
	_, ok := get(t, s, "rider")
	want(t, ok, true)
	must(t, s.Update(ctx, nil, func(tx store.Tx) error { tx.Delete(key("rider")); return nil }))
	_, ok = get(t, s, "rider")
	want(t, ok, false)
}

// snapshot: a sum over accounts is constant however often money moves.
func snapshot(t *testing.T, s store.Store, _ *Wakes) {
	const n = 8
	for i := range n {
		set(t, s, fmt.Sprint("acct", i), "100")
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, b := key(fmt.Sprint("acct", r.IntN(n))), key(fmt.Sprint("acct", r.IntN(n)))
				err := s.Update(context.Background(), nil, func(tx store.Tx) error {
					var x, y int
					va, _ := tx.Get(a)
					fmt.Sscan(string(va), &x)
					tx.Set(a, fmt.Append(nil, x-1))
					vb, _ := tx.Get(b)
					fmt.Sscan(string(vb), &y)
					tx.Set(b, fmt.Append(nil, y+1))
					return nil
				})
				if err != nil && !errors.Is(err, store.ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 150 {
		sum := 0
		must(t, s.View(context.Background(), func(r store.Reader) error {
			sum = 0
			r.Range(store.Prefix(key()), func(_ store.Key, v []byte) bool {
				var x int
				fmt.Sscan(string(v), &x)
				sum += x
				return true
			})
			return nil
		}))
		if sum != n*100 {
			close(stop)
			t.Fatalf("sum %d", sum)
		}
	}
	close(stop)
	wg.Wait()
}

// History runs a seeded history of transactions one after another and returns a fingerprint of every answer; all
// engines must give the same one.
func History(t *testing.T, s store.Store, seed uint64, transactions int) uint64 {
	r := rand.New(rand.NewPCG(seed, 7))
	h := fnv.New64a()
	name := func() store.Key { return key(fmt.Sprint("h", r.IntN(40))) }
	for range transactions {
		type op struct {
			kind int
			a, b store.Key
			v    string
		}
		ops := make([]op, 1+r.IntN(8))
		for i := range ops {
			ops[i] = op{r.IntN(7), name(), name(), fmt.Sprint(r.IntN(1000))}
		}
		fail := r.IntN(6) == 0
		var out []string
		err := s.Update(context.Background(), nil, func(tx store.Tx) error {
			out = out[:0]
			for _, o := range ops {
				switch o.kind {
				case 0, 1:
					v, ok := tx.Get(o.a)
					out = append(out, fmt.Sprint(string(v), ok))
				case 2, 3:
					tx.Set(o.a, []byte(o.v))
				case 4:
					tx.Delete(o.a)
				case 5:
					ks := []string{string(o.a), string(o.b)}
					sort.Strings(ks)
					if len(o.v) == 1 {
						tx.DeleteRange(store.Key(ks[0]), store.Key(ks[1]))
					}
					out = append(out, list(tx, store.Span{From: store.Key(ks[0]), To: store.Key(ks[1])}, 5)...)
				case 6:
					out = append(out, list(tx, store.Span{From: key(), To: key().End(), Reverse: true}, 7)...)
				}
			}
			if fail {
				return errors.New("refused")
			}
			return nil
		})
		fmt.Fprint(h, out, err)
	}
	must(t, s.View(context.Background(), func(r store.Reader) error {
		fmt.Fprint(h, list(r, store.Prefix(key()), 0))
		return nil
	}))
	return h.Sum64()
}
