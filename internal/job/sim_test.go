package job_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"virga/internal/job"
	"virga/internal/peer"
	"virga/internal/sim"
	"virga/internal/store"
)

const acct = "111122223333"

func testKey(parts ...string) store.Key {
	k := store.K(9999, 0, acct)
	for _, p := range parts {
		k = k.Str(p)
	}
	return k
}

// work is a kind whose jobs run three rounds each; every round's effect is done outside and settled once.
type work struct {
	w    *sim.World
	env  *sim.Env
	st   store.Store
	done map[string]int // effect id -> times done, in the world outside
}

const rounds = 3

func (k *work) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	round := j.Payload[0]
	if round >= rounds {
		return nil, job.End, nil
	}
	return []job.Effect{{ID: job.EffectID(j, strconv.Itoa(int(round))), Name: "do"}}, job.Next{}, nil
}

func (k *work) Do(ctx context.Context, j job.Job, e job.Effect) job.Result {
	// Slow now and then: longer than a claim, so that another node takes over.
	if k.w.Rand.IntN(8) == 0 {
		k.env.Wait(ctx, "nothing", k.env.Now().Add(time.Duration(k.w.Rand.IntN(90))*time.Second))
	}
	k.done[e.ID]++
	err := k.st.Update(ctx, nil, func(tx store.Tx) error {
		if _, done := job.Once(tx, acct, e.ID); done {
			return nil
		}
		bump(tx, testKey("once", e.ID))
		job.Finish(tx, acct, e.ID, k.env.Now(), nil)
		return nil
	})
	if err != nil {
		return job.Result{Err: err.Error()}
	}
	return job.Result{}
}

func (k *work) Settle(tx store.Tx, j *job.Job, rs []job.Result, now time.Time) (job.Next, error) {
	if rs[0].Err != "" {
		return job.Next{At: now.Add(time.Second), Payload: j.Payload}, nil
	}
	bump(tx, testKey("settled", j.ID, strconv.Itoa(int(j.Payload[0]))))
	return job.Next{At: now.Add(time.Second), Payload: []byte{j.Payload[0] + 1}}, nil
}

func bump(tx store.Tx, k store.Key) {
	var n uint64
	if v, ok := tx.Get(k); ok {
		n = binary.BigEndian.Uint64(v)
	}
	tx.Set(k, binary.BigEndian.AppendUint64(nil, n+1))
}

// play runs one world: three nodes, jobs made while nodes crash; afterwards every round of every job was settled once.
func play(seed uint64, unfenced bool) (*sim.World, error) {
	w := sim.New(seed)
	done := map[string]int{}
	for i := range 3 {
		w.AddNode(fmt.Sprint("n", i), func(n *sim.Node, e *sim.Env) {
			st := e.Store()
			ls := peer.NewLeases(peer.Config{Env: e, Store: st, Node: fmt.Sprintf("%s.%d", n.Name, n.Life())})
			job.NewRunner(job.Config{Env: e, Store: st, Leases: ls, Unfenced: unfenced, Kinds: map[string]job.Kind{"work": &work{w, e, st, done}}}).Start()
		})
	}
	const jobs = 6
	made := 0
	w.Client("client", func(ctx context.Context) {
		e := w.ClientEnv()
		for i := range jobs {
			w.Base().Update(ctx, nil, func(tx store.Tx) error {
				job.At(tx, acct, "", "work", fmt.Sprint(i), w.Now().Add(time.Duration(i)*time.Second), []byte{0})
				return nil
			})
			made++
			e.Wait(ctx, "never", e.Now().Add(time.Duration(w.Rand.IntN(3000))*time.Millisecond))
		}
	})
	left := func() int {
		n := 0
		w.Base().View(context.Background(), func(r store.Reader) error {
			n = 0
			for i := range jobs {
				if j, ok := job.Get(r, acct, "work", fmt.Sprint(i)); ok {
					n++
					if j.State == job.Parked {
						w.Failf("job %d is parked: %s", i, j.LastErr)
					}
				}
			}
			return nil
		})
		return n
	}
	began := w.Now()
	err := w.Run(400_000, func() bool {
		if w.Now().Sub(began) > 5*time.Minute {
			w.Quiet = true
		}
		return made == jobs && left() == 0
	})
	if err == nil {
		// Let what is still under way arrive late.
		late := w.Now().Add(2 * time.Minute)
		w.Quiet = true
		err = w.Run(400_000, func() bool { return w.Now().After(late) })
	}
	defer w.Close()
	if err != nil {
		return w, err
	}
	return w, w.Base().View(context.Background(), func(r store.Reader) error {
		for i := range jobs {
			for round := range rounds {
				settled := testKey("settled", fmt.Sprint(i), strconv.Itoa(round))
				if v, ok := r.Get(settled); !ok || binary.BigEndian.Uint64(v) != 1 {
					return fmt.Errorf("seed %d: job %d round %d settled %x times, not once", seed, i, round, v)
				}
				id := job.EffectID(&job.Job{Kind: "work", Account: acct, ID: fmt.Sprint(i)}, strconv.Itoa(round))
				if v, ok := r.Get(testKey("once", id)); !ok || binary.BigEndian.Uint64(v) != 1 {
					return fmt.Errorf("seed %d: job %d round %d took effect %x times, not once", seed, i, round, v)
				}
				if done[id] == 0 {
					return fmt.Errorf("seed %d: effect %s was never done", seed, id)
				}
			}
		}
		return nil
	})
}

func seeds(t *testing.T, n uint64) uint64 {
	if v := os.Getenv("VIRGA_SEEDS"); v != "" {
		u, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	return n
}

// TestSim plays worlds from seeds; VIRGA_SEEDS sets how many.
func TestSim(t *testing.T) {
	crashes := map[string]int{}
	n := seeds(t, 150)
	for seed := range n {
		w, err := play(seed, false)
		if err != nil {
			t.Fatal(err)
		}
		for p, c := range w.Crashes {
			crashes[p] += c
		}
	}
	for _, p := range []string{"before claim", "after claim", "after effect", "before settle", "before update", "after update", "unknown outcome"} {
		if crashes[p] == 0 {
			t.Errorf("no crash at %q", p)
		}
	}
	t.Logf("%d seeds, crashes by point: %v", n, crashes)
}

// TestSimRepeats: equal seeds are equal runs.
func TestSimRepeats(t *testing.T) {
	for seed := range uint64(3) {
		a, err := play(seed, false)
		if err != nil {
			t.Fatal(err)
		}
		b, err := play(seed, false)
		if err != nil {
			t.Fatal(err)
		}
		if a.Trace() != b.Trace() {
			t.Fatalf("seed %d ran otherwise the second time", seed)
		}
	}
}

// TestSimFindsUnfencedSettle: with the fence taken out, the suite must notice within its seeds.
func TestSimFindsUnfencedSettle(t *testing.T) {
	for seed := range uint64(1000) {
		if _, err := play(seed, true); err != nil {
			t.Logf("found: %v", err)
			return
		}
	}
	t.Fatal("1,000 seeds did not find a settle without fence")
}
