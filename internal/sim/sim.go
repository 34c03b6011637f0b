// Package sim plays whole clouds from a seed: several nodes on one store, one clock, crashes between any two durable
// acts, injected retries, unknown outcomes, and wakes that are lost, late or for nothing.
//
// Every task is a goroutine, but one runs at a time: at each wait, transaction and named point it hands the baton to the
// scheduler, which draws from the seed who goes on. So a failing seed fails again.
//
// Not simulated: the engines, HTTP, real sandboxes.
package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"sort"
	"time"

	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/store/mem"
)

// Chances per mille of what a world does to its nodes.
type Chances struct {
	Crash     int // at a point
	Retry     int // a transaction's function runs once more than it had to
	Unknown   int // ErrUnknown, committed or not
	LostWake  int
	LateWake  int // up to two seconds after its time
	LostCall  int // between nodes: the request or the answer is lost, or who asked has left
	Spurious  int
	Stall     int           // at a point the whole node stands still for a while, and goes on as if nothing had been
	StallFor  time.Duration // upper bound of it
	RestartIn time.Duration // upper bound until a crashed node is back
}

// DefaultChances are those of the suites.
var DefaultChances = Chances{Crash: 15, Retry: 50, Unknown: 10, LostWake: 100, LateWake: 50, LostCall: 15, Spurious: 20, Stall: 2, StallFor: 90 * time.Second, RestartIn: 20 * time.Second}

// World is one simulated universe.
type World struct {
	Seed    uint64
	Rand    *rand.Rand
	Chances Chances
	Crashes map[string]int // by point
	Quiet   bool           // no more mischief: let everything come to rest

	now     time.Time
	base    store.Store
	nodes   []*Node
	tasks   []*task
	yielded chan struct{}
	running *task // the task that has the baton
	watches []*watch
	steps   int
	trace   uint64
	failure error
}

// Node is a machine that crashes and comes back; each life has an environment of its own.
type Node struct {
	Name string
	Boot func(n *Node, e *Env)
	Env  *Env
	w    *World
	life int
	back time.Time // when it boots again, while down
	// stalled: until then no task of the node runs, though the world goes on.
	stalled time.Time
}

type task struct {
	name   string
	env    *Env // nil for the world's own clients, which never crash
	resume chan struct{}
	ready  bool
	done   bool
	ctx    context.Context
	topics string
	until  time.Time
	woken  bool
}

// New makes a world at a fixed date.
func New(seed uint64) *World {
	w := &World{Seed: seed, Rand: rand.New(rand.NewPCG(seed, 0x51a)), Chances: DefaultChances, Crashes: map[string]int{},
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), yielded: make(chan struct{})}
	w.base = mem.New(waker{w}, nil)
	return w
}

// Now is the world's clock.
func (w *World) Now() time.Time { return w.now }

// Base is the store without mischief, for checkers.
func (w *World) Base() store.Store { return w.base }

// Failf ends the run with a failure that names the seed.
func (w *World) Failf(f string, a ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf("seed %d: %s", w.Seed, fmt.Sprintf(f, a...))
	}
}

func (w *World) chance(perMille int) bool {
	return !w.Quiet && perMille > 0 && w.Rand.IntN(1000) < perMille
}

// AddNode makes a node and boots it.
func (w *World) AddNode(name string, boot func(n *Node, e *Env)) *Node {
	n := &Node{Name: name, Boot: boot, w: w}
	w.nodes = append(w.nodes, n)
	w.boot(n)
	return n
}

func (w *World) boot(n *Node) {
	n.life++
	n.back, n.stalled = time.Time{}, time.Time{}
	e := &Env{w: w, node: n}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	n.Env = e
	n.Boot(n, e)
}

// Life is how often the node has booted.
func (n *Node) Life() int { return n.life }

// Up tells whether the node is running.
func (n *Node) Up() bool { return n.Env != nil && !n.Env.dead }

// Crash ends a node's life at once; nothing of it runs on.
func (w *World) Crash(n *Node) {
	if !n.Up() {
		return
	}
	n.Env.dead = true
	n.Env.cancel()
	n.back = w.now.Add(time.Duration(w.Rand.Int64N(int64(w.Chances.RestartIn) + 1)))
	if w.Quiet {
		n.back = w.now
	}
	for _, t := range w.tasks {
		if t.env == n.Env && !t.done {
			t.ready = true // it is resumed once more, to end
		}
	}
}

// Client runs fn as a task that belongs to no node.
func (w *World) Client(name string, fn func(ctx context.Context)) { w.spawn(name, nil, fn) }

func (w *World) spawn(name string, e *Env, fn func(ctx context.Context)) {
	t := &task{name: name, env: e, resume: make(chan struct{}), ready: true}
	ctx := context.Background()
	if e != nil {
		ctx = e.ctx
	}
	ctx = context.WithValue(ctx, taskKey{}, t)
	w.tasks = append(w.tasks, t)
	go func() {
		<-t.resume
		defer func() {
			if p := recover(); p != nil {
				buf := make([]byte, 8<<10)
				w.Failf("task %s: panic: %v\n%s", name, p, buf[:runtime.Stack(buf, false)])
			}
			t.done = true
			w.yielded <- struct{}{}
		}()
		if e == nil || !e.dead {
			fn(ctx)
		}
	}()
}

type taskKey struct{}

func (w *World) park(t *task) {
	w.yielded <- struct{}{}
	<-t.resume
	if t.env != nil && t.env.dead {
		runtime.Goexit()
	}
}

func (w *World) yield() {
	t := w.running
	if t == nil {
		return
	}
	if t.env != nil && t.env.dead {
		runtime.Goexit()
	}
	t.ready = true
	w.park(t)
}

// Run lets the world go on until cond holds or the limit of steps is reached.
func (w *World) Run(maxSteps int, cond func() bool) error {
	for range maxSteps {
		if w.failure != nil {
			break
		}
		if cond() {
			return nil
		}
		w.step()
	}
	if w.failure != nil {
		return w.failure
	}
	var stuck []string
	for _, t := range w.tasks {
		if !t.done {
			stuck = append(stuck, t.name)
		}
	}
	return fmt.Errorf("seed %d: not at rest after %d steps, at %s; tasks: %v", w.Seed, maxSteps, w.now.Format(time.RFC3339), stuck)
}

func (w *World) step() {
	w.steps++
	for _, n := range w.nodes {
		if !n.Up() && !n.back.After(w.now) {
			w.boot(n)
		}
	}
	var ready []*task
	live := w.tasks[:0]
	for _, t := range w.tasks {
		if t.done {
			continue
		}
		live = append(live, t)
		if !t.ready && (!t.until.After(w.now) || t.ctx != nil && t.ctx.Err() != nil) {
			t.ready = true
		}
		if t.ready && !t.stalled(w.now) {
			ready = append(ready, t)
		}
	}
	w.tasks = live
	if len(ready) == 0 {
		next := time.Time{}
		for _, t := range w.tasks {
			at := t.until
			if t.stalled(w.now) {
				at = t.env.node.stalled
			}
			if next.IsZero() || at.Before(next) {
				next = at
			}
		}
		for _, n := range w.nodes {
			if !n.Up() && (next.IsZero() || n.back.Before(next)) {
				next = n.back
			}
		}
		if next.After(w.now) {
			w.now = next
		}
		return
	}
	t := ready[w.Rand.IntN(len(ready))]
	h := fnv.New64a()
	fmt.Fprint(h, w.trace, t.name, w.now.UnixNano())
	w.trace = h.Sum64()
	t.ready = false
	w.running = t
	t.resume <- struct{}{}
	<-w.yielded
	w.running = nil
	if w.Rand.IntN(50) == 0 {
		w.now = w.now.Add(time.Duration(w.Rand.IntN(int(20 * time.Millisecond))))
	}
}

func (t *task) stalled(now time.Time) bool {
	return t.env != nil && t.env.node != nil && !t.env.dead && t.env.node.stalled.After(now)
}

// Trace is a fingerprint of everything that ran, in order: equal for equal seeds.
func (w *World) Trace() uint64 { return w.trace }

// Close ends every task.
func (w *World) Close() {
	for _, n := range w.nodes {
		if n.Up() {
			n.Env.dead = true
			n.Env.cancel()
		}
	}
	for _, t := range w.tasks {
		if t.env == nil {
			t.env = &Env{w: w, dead: true}
		}
	}
	for range 3 {
		for _, t := range w.tasks {
			if !t.done {
				w.running = t
				t.resume <- struct{}{}
				<-w.yielded
			}
		}
	}
}

// CrashPoints lists the points at which nodes crashed, with their counts.
func (w *World) CrashPoints() []string {
	var out []string
	for p, n := range w.Crashes {
		out = append(out, fmt.Sprintf("%s %d", p, n))
	}
	sort.Strings(out)
	return out
}

type waker struct{ w *World }

// Wake passes a committed transaction's wake to the waiters of every node, unless it is lost.
func (k waker) Wake(topic string) { k.w.wake(topic, nil) }

const lateMax = 2 * time.Second

// wake wakes the waiters of a topic, on the node of e alone where it is one.
func (w *World) wake(topic string, e *Env) {
	for _, t := range w.tasks {
		if t.done || e != nil && e.node != nil && t.env != e {
			continue
		}
		switch {
		case t.topics == topic && w.chance(w.Chances.LateWake):
			if at := w.now.Add(time.Duration(w.Rand.Int64N(int64(lateMax)))); at.Before(t.until) {
				t.until = at
			}
		case t.topics == topic && !w.chance(w.Chances.LostWake), t.topics != "" && t.topics != topic && w.chance(w.Chances.Spurious):
			t.woken, t.ready = true, true
		}
	}
	mark := func(l []*watch) {
		for _, x := range l {
			if x.topic == topic {
				x.woken = true
			}
		}
	}
	if e != nil && e.node != nil {
		mark(e.watches)
		return
	}
	for _, n := range w.nodes {
		if n.Up() {
			mark(n.Env.watches)
		}
	}
	mark(w.watches)
}

var _ env.Env = (*Env)(nil)
