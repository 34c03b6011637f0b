package resolver_test

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/resolver"
)

// slow is an engine that takes its time, as one does while it turns its log or the machine is busy.
type slow struct{ *mem.Engine }

func (s slow) Apply(ops []resolver.Op, deletes []store.Span, lazy bool) (resolver.Commit, error) {
	time.Sleep(3 * time.Millisecond)
	return s.Engine.Apply(ops, deletes, lazy)
}

// TestSlowCommit: while a commit is on its way into the engine, those who read what it writes wait for it instead of
// losing against it until their attempts are used up.
func TestSlowCommit(t *testing.T) {
	st := resolver.New(resolver.Config{Engine: slow{mem.NewEngine()}})
	defer st.Close()
	k := store.K(9999, 0, "111122223333").Str("counter")
	const writers, rounds = 8, 20
	var wg sync.WaitGroup
	for range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range rounds {
				err := st.Update(context.Background(), nil, func(tx store.Tx) error {
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
		}()
	}
	wg.Wait()
	if err := st.View(context.Background(), func(r store.Reader) error {
		if v, _ := r.Get(k); binary.BigEndian.Uint64(v) != writers*rounds {
			t.Errorf("%d, not %d", binary.BigEndian.Uint64(v), writers*rounds)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
