package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"virga/internal/peer"
)

// ErrLost is what a caller sees whose connection broke: nobody knows whether the call was done.
var ErrLost = errors.New("sim: the connection was lost")

// Network carries calls between nodes and from clients: requests and answers are lost, callers leave, nodes die.
type Network struct {
	// Patience is how long a caller waits for an answer, 0 for ever.
	Patience time.Duration

	w     *World
	calls int
	ends  map[string]*end
}

type end struct {
	env   *Env
	serve func(ctx context.Context, req any) (any, error)
}

// NewNetwork makes a network of a world on which nobody listens.
func (w *World) NewNetwork() *Network { return &Network{w: w, ends: map[string]*end{}} }

// Join makes a node's present life listen under a name.
func (n *Network) Join(name string, e *Env, serve func(ctx context.Context, req any) (any, error)) {
	n.ends[name] = &end{e, serve}
}

// From is the network as one caller sees it.
func (n *Network) From(e *Env) peer.Network { return from{n, e} }

type from struct {
	n *Network
	e *Env
}

// Call implements peer.Network.
func (f from) Call(ctx context.Context, node string, req any) (any, error) {
	w := f.n.w
	to := f.n.ends[node]
	if to == nil || to.env.dead {
		return nil, peer.ErrUnreachable
	}
	lost := 0
	if w.chance(w.Chances.LostCall) {
		w.Crashes["lost call"]++
		lost = 1 + w.Rand.IntN(3)
	}
	if lost == 1 {
		f.e.Wait(ctx, "lost", f.e.Now().Add(time.Second))
		return nil, ErrLost // the request never came
	}
	f.n.calls++
	id := fmt.Sprint("call/", f.n.calls)
	var out any
	var err error
	done := false
	served, leave := context.WithCancel(context.Background())
	defer leave()
	w.spawn(node+": "+id, to.env, func(context.Context) {
		out, err = to.serve(served, req)
		done = true
		w.wake(id, f.e)
	})
	watch := f.e.Watch(id)
	defer watch.Close()
	began, patience := f.e.Now(), f.n.Patience
	leaves := f.e.Now().Add(time.Duration(w.Rand.Int64N(int64(5 * time.Second))))
	for !done {
		switch {
		case patience > 0 && f.e.Now().Sub(began) > patience, to.env.dead, lost == 2 && !f.e.Now().Before(leaves):
			return nil, ErrLost // the caller left, and the other side is told by its context
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		watch.Wait(ctx, f.e.Now().Add(100*time.Millisecond))
	}
	if lost == 3 {
		return nil, ErrLost // the answer never came
	}
	return out, err
}
