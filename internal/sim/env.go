package sim

import (
	"context"
	"encoding/binary"
	"runtime"
	"time"

	"virga/internal/env"
	"virga/internal/store"
)

// Env is the environment of one life of a node (or, with no node, of the world's clients).
type Env struct {
	w       *World
	node    *Node
	ctx     context.Context
	cancel  context.CancelFunc
	dead    bool
	watches []*watch
	Skew    time.Duration // this node's wall clock is off by so much
	Drift   time.Duration // this node's world clock is off by so much
}

// ClientEnv is an environment for clients outside every node.
func (w *World) ClientEnv() *Env { return &Env{w: w} }

// Now implements env.Env.
func (e *Env) Now() time.Time { return e.w.now.Add(e.Drift) }

// Wall implements env.Env.
func (e *Env) Wall() time.Time { return e.w.now.Add(e.Skew) }

// Uint64 implements env.Env.
func (e *Env) Uint64() uint64 { return e.w.Rand.Uint64() }

// Secret implements env.Env: from the seed, for this build is the simulator's.
func (e *Env) Secret(b []byte) {
	for i := 0; i < len(b); i += 8 {
		var x [8]byte
		binary.LittleEndian.PutUint64(x[:], e.w.Rand.Uint64())
		copy(b[i:], x[:])
	}
}

// Go implements env.Env.
func (e *Env) Go(name string, fn func(ctx context.Context)) { e.w.spawn(e.node.Name+": "+name, e, fn) }

// Wake implements env.Env.
func (e *Env) Wake(topic string) {
	if !e.dead {
		e.w.wake(topic, e)
	}
}

// Point implements env.Env: the node may crash here.
func (e *Env) Point(name string) {
	if e.dead {
		runtime.Goexit()
	}
	if e.node != nil && e.w.chance(e.w.Chances.Crash) {
		e.w.Crashes[name]++
		e.w.Crash(e.node)
		runtime.Goexit()
	}
	if e.node != nil && e.w.chance(e.w.Chances.Stall) {
		e.w.Crashes["stall"]++
		e.node.stalled = e.w.now.Add(time.Duration(e.w.Rand.Int64N(int64(e.w.Chances.StallFor))))
	}
	e.w.yield()
}

type watch struct {
	e     *Env
	topic string
	woken bool
}

// Watch implements env.Env.
func (e *Env) Watch(topic string) env.Watch {
	x := &watch{e: e, topic: topic}
	if e.node == nil {
		e.w.watches = append(e.w.watches, x)
	} else {
		e.watches = append(e.watches, x)
	}
	return x
}

// Wait implements env.Env.
func (e *Env) Wait(ctx context.Context, topic string, until time.Time) (bool, error) {
	x := e.Watch(topic)
	defer x.Close()
	return x.Wait(ctx, until)
}

func (x *watch) Wait(ctx context.Context, until time.Time) (bool, error) {
	w := x.e.w
	t := w.running
	if x.e.dead {
		runtime.Goexit()
	}
	if x.woken {
		x.woken = false
		w.yield()
		return true, ctx.Err()
	}
	until = until.Add(-x.e.Drift)
	t.topics, t.until, t.woken, t.ctx = x.topic, until, false, ctx
	t.ready = !until.After(w.now)
	w.park(t)
	t.topics, t.until, t.ctx = "", time.Time{}, nil
	woken := t.woken || x.woken
	t.woken, x.woken = false, false
	return woken, ctx.Err()
}

func (x *watch) Close() {
	l := &x.e.watches
	if x.e.node == nil {
		l = &x.e.w.watches
	}
	for i := range *l {
		if (*l)[i] == x {
			*l = append((*l)[:i], (*l)[i+1:]...)
			return
		}
	}
}

// Store gives the node its view of the one store, with mischief.
func (e *Env) Store() store.Store { return &simStore{e} }

type simStore struct{ e *Env }

func (s *simStore) Engine() string { return "mem" }
func (s *simStore) Close() error   { return nil }

func (s *simStore) Epoch(ctx context.Context, scope string) (uint64, error) {
	return s.e.w.base.Epoch(ctx, scope)
}

func (s *simStore) Update(ctx context.Context, foot []store.Key, fn func(store.Tx) error, opts ...store.Option) error {
	w := s.e.w
	store.MustNotBeInTx(ctx, "Update")
	s.e.Point("before update")
	if w.chance(w.Chances.Retry) {
		// Once for nothing: a function with an effect of its own shows itself.
		w.base.Update(context.Background(), foot, func(tx store.Tx) error { fn(tx); return errAgain })
	}
	if w.chance(w.Chances.Unknown) {
		if w.Rand.IntN(2) == 0 {
			if err := w.base.Update(ctx, foot, fn, opts...); err != nil {
				return err
			}
		}
		w.Crashes["unknown outcome"]++
		return store.ErrUnknown
	}
	err := w.base.Update(ctx, foot, fn, opts...)
	s.e.Point("after update")
	return err
}

func (s *simStore) View(ctx context.Context, fn func(store.Reader) error) error {
	s.e.w.yield()
	if s.e.dead {
		runtime.Goexit()
	}
	return s.e.w.base.View(ctx, fn)
}

type again struct{}

func (again) Error() string { return "sim: run again" }

var errAgain = again{}
