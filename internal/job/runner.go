package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"

	"virga/internal/env"
	"virga/internal/peer"
	"virga/internal/store"
)

// Config of a runner.
type Config struct {
	Env    env.Env
	Store  store.Store
	Leases *peer.Leases
	Kinds  map[string]Kind
	Log    *slog.Logger
	// Unfenced settles without looking at attempt and epoch. Only the test that must find it sets it.
	Unfenced bool
}

// Runner claims due jobs of the shards this node owns and runs their effects.
type Runner struct {
	cfg Config

	mu      sync.Mutex // never held across a wait
	running map[string]*claim
	account map[string]int
	cursor  map[uint16]string // account after which the next turn begins
	lastNow map[uint16]time.Time
	halted  map[string]int // accounts of which nothing is claimed; "" means all
}

type claim struct {
	job    Job
	shard  uint16
	cancel context.CancelFunc
}

func topic(shard uint16) string { return fmt.Sprintf("job/%d", shard) }

func shardName(shard uint16) string { return fmt.Sprintf("job/%d", shard) }

// NewRunner makes a runner; Start sets it going.
func NewRunner(cfg Config) *Runner {
	kinds := map[string]Kind{sweepKind: sweep{}}
	for n, k := range cfg.Kinds {
		kinds[n] = k
	}
	cfg.Kinds = kinds
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner{cfg: cfg, running: map[string]*claim{}, account: map[string]int{}, cursor: map[uint16]string{}, lastNow: map[uint16]time.Time{}, halted: map[string]int{}}
}

// Start seeks the shards and works them until the environment ends.
func (r *Runner) Start() {
	for s := range uint16(shardsOfStore) {
		r.cfg.Env.Go("lease "+shardName(s), func(ctx context.Context) { r.cfg.Leases.Seek(ctx, shardName(s)) })
		r.cfg.Env.Go("jobs "+shardName(s), func(ctx context.Context) { r.loop(ctx, s) })
	}
}

func (r *Runner) loop(ctx context.Context, shard uint16) {
	w := r.cfg.Env.Watch(topic(shard))
	defer w.Close()
	for ctx.Err() == nil {
		now := r.cfg.Env.Now()
		next := now.Add(pollMax)
		if _, ok := r.cfg.Leases.Held(shardName(shard)); ok {
			n, err := r.Tick(ctx, shard)
			if err != nil && ctx.Err() == nil {
				r.cfg.Log.Warn("job shard", "shard", shard, "err", err)
			}
			if n.Before(next) && err == nil {
				next = n
			}
		} else if d := now.Add(seekPoll); d.Before(next) {
			next = d
		}
		if !next.After(now) {
			next = now.Add(time.Millisecond)
		}
		if _, err := w.Wait(ctx, next); err != nil {
			return
		}
	}
}

// Tick claims what is due on a shard, in turns over the accounts, and says when the next job will be due.
func (r *Runner) Tick(ctx context.Context, shard uint16) (time.Time, error) {
	now := r.cfg.Env.Now()
	r.mu.Lock()
	if last := r.lastNow[shard]; now.Before(last) {
		now = last // a shard's now never goes back
	}
	r.lastNow[shard] = now
	r.mu.Unlock()
	next := now.Add(pollMax)
	if err := r.renew(ctx, shard, now); err != nil {
		return next, err
	}
	for {
		due, soonest, err := r.due(ctx, shard, now)
		if err != nil {
			return next, err
		}
		if soonest.Before(next) {
			next = soonest
		}
		started := 0
		for _, j := range due {
			if !r.room(j.Account) {
				continue
			}
			r.cfg.Env.Point("before claim")
			ok, err := r.claim(ctx, shard, j, now)
			if err != nil {
				return next, err
			}
			if ok {
				started++
			}
		}
		if started == 0 {
			if len(due) > 0 {
				next = now.Add(50 * time.Millisecond) // no room: look again soon
			}
			return next, nil
		}
	}
}

func (r *Runner) room(account string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running) < runningMax && r.account[account] < perAccountMax && r.halted[account] == 0 && r.halted[""] == 0
}

type ref struct{ Account, Kind, ID string }

func (f ref) key() string { return f.Account + "\x00" + f.Kind + "\x00" + f.ID }

// due gives up to a quantum of due jobs per account, beginning behind the account where the last turn ended.
func (r *Runner) due(ctx context.Context, shard uint16, now time.Time) ([]ref, time.Time, error) {
	var byAccount map[string][]ref
	soonest := now.Add(pollMax)
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		byAccount, soonest = map[string][]ref{}, now.Add(pollMax)
		lo := store.K(store.FamilyDue, shard, "            ")[:4]
		end := store.K(store.FamilyDue, shard+1, "            ")[:4]
		from := store.Key(lo)
		for {
			account := ""
			rd.Range(store.Span{From: from, To: store.Key(end)}, func(k store.Key, _ []byte) bool {
				if account == "" {
					account = k.Account()
				}
				if k.Account() != account {
					return false
				}
				p, err := k.Parts()
				if err != nil || len(p) != 3 {
					panic(fmt.Errorf("%w: due row %s", store.ErrCorrupt, k))
				}
				at := time.Unix(0, int64(p[0].(uint64))).UTC()
				if at.After(now) {
					if at.Before(soonest) {
						soonest = at
					}
					return false
				}
				f := ref{account, p[1].(string), p[2].(string)}
				r.mu.Lock()
				_, busy := r.running[f.key()]
				r.mu.Unlock()
				if !busy {
					byAccount[account] = append(byAccount[account], f)
				}
				return len(byAccount[account]) < quantum
			})
			if account == "" {
				return nil
			}
			from = store.K(store.FamilyDue, shard, account).End()
		}
	})
	if err != nil {
		return nil, soonest, err
	}
	accounts := make([]string, 0, len(byAccount))
	for a := range byAccount {
		accounts = append(accounts, a)
	}
	sort.Strings(accounts)
	r.mu.Lock()
	at := sort.SearchStrings(accounts, r.cursor[shard]+"\x00")
	if len(accounts) > 0 {
		r.cursor[shard] = accounts[(at+len(accounts)-1)%len(accounts)]
	}
	r.mu.Unlock()
	var out []ref
	for i := range accounts {
		out = append(out, byAccount[accounts[(at+i)%len(accounts)]]...)
	}
	return out, soonest, nil
}

func (r *Runner) fence(tx store.Reader, shard uint16) (uint64, error) {
	if err := r.cfg.Leases.Fence(tx, shardName(shard)); err != nil {
		return 0, err
	}
	epoch, _ := r.cfg.Leases.Held(shardName(shard))
	return epoch, nil
}

// claim runs Step in one transaction and, where it names effects, sets them going.
func (r *Runner) claim(ctx context.Context, shard uint16, f ref, now time.Time) (bool, error) {
	kind := r.cfg.Kinds[f.Kind]
	var started *Job
	var moved bool
	err := r.cfg.Store.Update(ctx, []store.Key{jobKey(f.Account, f.Kind, f.ID)}, func(tx store.Tx) error {
		started, moved = nil, false
		epoch, err := r.fence(tx, shard)
		if err != nil {
			return err
		}
		j, ok := Get(tx, f.Account, f.Kind, f.ID)
		if !ok || j.State == Parked || j.Due.After(now) {
			return nil
		}
		moved = true
		tx.Delete(dueKey(j))
		if kind == nil {
			j.State, j.LastErr = Parked, "no such kind in this version: "+j.Kind
			put(tx, j)
			return nil
		}
		if j.State == Claimed {
			j.Failures++ // the claim ran out
			if j.Failures >= FailuresMax {
				j.State, j.LastErr = Parked, "claims ran out"
				put(tx, j)
				return nil
			}
		}
		j.Attempt++
		j.Epoch, j.State, j.Effects = epoch, Claimed, nil
		store.Put(tx, jobKey(j.Account, j.Kind, j.ID), j) // so that an At of the step itself is asked for again, not lost
		effects, next, err := kind.Step(tx, j, now)
		if err == nil && !askedAgain(tx, j) {
			return nil
		}
		j.State = Waiting
		if err != nil {
			r.failed(tx, j, err.Error(), now)
			return nil
		}
		if len(effects) > effectsPerStep {
			panic(fmt.Sprintf("job: %s names %d effects", j.Kind, len(effects)))
		}
		if len(effects) == 0 {
			settle(tx, j, next)
			return nil
		}
		j.State, j.Effects, j.Due = Claimed, effects, now.Add(ClaimDefault)
		put(tx, j)
		started = j
		return nil
	})
	if err != nil {
		if errors.Is(err, peer.ErrNotOwner) || errors.Is(err, store.ErrConflict) {
			return false, nil
		}
		return false, fmt.Errorf("claim %s %s: %w", f.Kind, f.ID, err)
	}
	if started == nil {
		return moved, nil
	}
	work, cancel := context.WithCancel(context.Background())
	r.mu.Lock()
	r.running[f.key()] = &claim{job: *started, shard: shard, cancel: cancel}
	r.account[f.Account]++
	if r.halted[f.Account] > 0 || r.halted[""] > 0 { // halted between room and here: its effects do not begin
		cancel()
	}
	r.mu.Unlock()
	r.cfg.Env.Go("effects "+f.Kind, func(ctx context.Context) {
		defer cancel()
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(work, stop)()
		r.run(ctx, shard, f, kind, *started)
	})
	return true, nil
}

// askedAgain takes over what a step or settling asked of its own job by At; it tells whether the job is still there.
func askedAgain(tx store.Tx, j *Job) bool {
	cur, ok := Get(tx, j.Account, j.Kind, j.ID)
	if !ok {
		return false
	}
	tx.Delete(dueKey(cur)) // At puts the row's old due time back
	j.Again = cur.Again
	if !bytes.Equal(cur.Payload, j.Payload) {
		j.Payload = cur.Payload
	}
	return true
}

func settle(tx store.Tx, j *Job, next Next) {
	if !j.Again.IsZero() {
		if next.At.IsZero() || j.Again.Before(next.At) {
			next.At = j.Again
		}
		j.Again = time.Time{}
	}
	if next.At.IsZero() {
		tx.Delete(jobKey(j.Account, j.Kind, j.ID))
		return
	}
	if next.Payload != nil {
		j.Payload = next.Payload
	}
	j.State, j.Effects, j.Due, j.Failures, j.LastErr = Waiting, nil, next.At, 0, ""
	put(tx, j)
	tx.Wake(topic(Shard(j.Account, j.Kind, j.ID)))
}

func (r *Runner) failed(tx store.Tx, j *Job, msg string, now time.Time) {
	j.Failures++
	j.LastErr = msg
	j.State, j.Effects = Waiting, nil
	if j.Failures >= FailuresMax {
		j.State = Parked
		put(tx, j)
		return
	}
	d := backoffFirst << min(j.Failures-1, 20)
	j.Due = now.Add(min(d, backoffMax))
	put(tx, j)
}

// run runs the effects of a claim and settles it.
func (r *Runner) run(ctx context.Context, shard uint16, f ref, kind Kind, j Job) {
	defer func() {
		r.mu.Lock()
		delete(r.running, f.key())
		if r.account[f.Account]--; r.account[f.Account] <= 0 {
			delete(r.account, f.Account)
		}
		r.mu.Unlock()
		r.cfg.Env.Wake(topic(shard))
	}()
	r.cfg.Env.Point("after claim")
	results := make([]Result, len(j.Effects))
	for i, e := range j.Effects {
		if ctx.Err() != nil {
			return
		}
		results[i] = kind.Do(ctx, j, e)
		r.cfg.Env.Point("after effect")
		if ctx.Err() != nil {
			return
		}
	}
	r.cfg.Env.Point("before settle")
	now := r.cfg.Env.Now()
	err := r.cfg.Store.Update(ctx, []store.Key{jobKey(f.Account, f.Kind, f.ID)}, func(tx store.Tx) error {
		cur, ok := Get(tx, f.Account, f.Kind, f.ID)
		if !ok {
			return nil
		}
		if !r.cfg.Unfenced {
			if _, err := r.fence(tx, shard); err != nil {
				return err
			}
			if cur.Attempt != j.Attempt || cur.Epoch != j.Epoch || cur.State != Claimed {
				return nil // a late result of an older claim
			}
		}
		tx.Delete(dueKey(cur))
		next, err := kind.Settle(tx, cur, results, now)
		if err == nil && !askedAgain(tx, cur) {
			return nil
		}
		if err != nil {
			r.failed(tx, cur, err.Error(), now)
			return nil
		}
		settle(tx, cur, next)
		return nil
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, peer.ErrNotOwner) {
		r.cfg.Log.Warn("settle", "kind", f.Kind, "job", f.ID, "err", err) // runs again at the claim's deadline
	}
}

// renew moves the deadlines of claims under way that would soon run out.
func (r *Runner) renew(ctx context.Context, shard uint16, now time.Time) error {
	r.mu.Lock()
	var soon []*claim
	for _, c := range r.running {
		if c.shard == shard && c.job.Due.Sub(now) < ClaimDefault/2 {
			soon = append(soon, c)
		}
	}
	r.mu.Unlock()
	sort.Slice(soon, func(i, k int) bool { return soon[i].job.ID < soon[k].job.ID }) // not the map's order: runs must repeat
	for _, c := range soon {
		j := c.job
		due := now.Add(ClaimDefault)
		ok := false
		err := r.cfg.Store.Update(ctx, []store.Key{jobKey(j.Account, j.Kind, j.ID)}, func(tx store.Tx) error {
			ok = false
			if _, err := r.fence(tx, shard); err != nil {
				return err
			}
			cur, there := Get(tx, j.Account, j.Kind, j.ID)
			if !there || cur.State != Claimed || cur.Attempt != j.Attempt {
				return nil
			}
			tx.Delete(dueKey(cur))
			cur.Due = due
			put(tx, cur)
			ok = true
			return nil
		})
		if err != nil {
			return err
		}
		if ok {
			r.mu.Lock()
			c.job.Due = due
			r.mu.Unlock()
		}
	}
	return nil
}

// Halt ends the effects under way of an account ("" means all accounts) and claims nothing of it until what it gives is
// called. Ended tells whether none is left.
func (r *Runner) Halt(account string) (ended func() bool, resume func()) {
	r.mu.Lock()
	r.halted[account]++
	for _, c := range r.running {
		if account == "" || c.job.Account == account {
			c.cancel()
		}
	}
	r.mu.Unlock()
	ended = func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return account == "" && len(r.running) == 0 || account != "" && r.account[account] == 0
	}
	return ended, func() {
		r.mu.Lock()
		if r.halted[account]--; r.halted[account] <= 0 {
			delete(r.halted, account)
		}
		r.mu.Unlock()
		for s := range uint16(shardsOfStore) {
			r.cfg.Env.Wake(topic(s))
		}
	}
}

// Running is how many claims are under way.
func (r *Runner) Running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running)
}

// sweepKind forgets answers of effects a day after nobody can repeat them.
const sweepKind = "job.sweep"

type sweep struct{}

func (sweep) Step(tx store.Tx, j *Job, now time.Time) ([]Effect, Next, error) {
	day, err := time.Parse("2006-01-02", j.ID)
	if err != nil {
		return nil, End, nil
	}
	prefix := store.K(store.FamilyDone, 0, j.Account)
	n, more := 0, false
	from := store.Prefix(prefix)
	if len(j.Payload) > 0 {
		from.From = store.Key(j.Payload)
	}
	var last store.Key
	store.Each(tx, from, func(k store.Key, d *doneRow) bool {
		if n++; n > 1000 {
			more, last = true, k
			return false
		}
		if d.At.Before(day.Add(doneKeepFor)) {
			tx.Delete(k)
		}
		return true
	})
	if more {
		return nil, Next{At: now, Payload: last}, nil
	}
	return nil, End, nil
}

func (sweep) Do(context.Context, Job, Effect) Result { return Result{} }

func (sweep) Settle(store.Tx, *Job, []Result, time.Time) (Next, error) { return End, nil }
