// Package peer is node to node: who is there, who owns a shard, and calls to the owner.
//
// Ownership is a lease in the store. A lease has two rows: the epoch row (owner and number, changed only when the owner
// changes, read by every fenced write) and the renewal row (a counter). The holder counts on its own clock from before
// a renewal was sent and stops at two thirds of the term; a taker must have seen the counter unchanged for a whole term
// on its own clock. With an engine that one process holds exclusively, whoever held a lease before is dead, so leases
// are taken at once.
//
// It authenticates nobody itself: a forwarded call carries the caller that the first node verified.
package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"virga/internal/env"
	"virga/internal/store"
)

// TermDefault is how long a lease holds without renewal.
const TermDefault = 9 * time.Second

// ErrNotOwner is returned by Fence when another node owns the shard, or nobody does.
var ErrNotOwner = errors.New("peer: this node does not own the shard")

// ErrNoOwner is returned when a shard has had no owner for a whole term: the caller gets 503.
var ErrNoOwner = errors.New("peer: the shard has no owner")

// Config of a node's leases.
type Config struct {
	Env       env.Env
	Store     store.Store
	Node      string // unique per start
	Term      time.Duration
	Exclusive bool // the engine is held by this process alone
}

type leaseRow struct {
	Owner string `rec:"1"`
	Epoch uint64 `rec:"2"`
}

type renewRow struct {
	Counter uint64 `rec:"1"`
}

// Leases holds and seeks the leases of a node.
type Leases struct {
	cfg Config
	mu  sync.Mutex // never held across a wait
	m   map[string]*lease
}

type lease struct {
	held    bool
	epoch   uint64
	until   time.Time // on this node's clock; the holder stops here
	seen    uint64    // counter seen of another's lease
	seenEp  uint64
	seenAt  time.Time
	gained  func(ctx context.Context)
	lost    func()
	topic   string
	running bool
}

// NewLeases makes the leases of a node; none is held.
func NewLeases(cfg Config) *Leases {
	if cfg.Term == 0 {
		cfg.Term = TermDefault
	}
	return &Leases{cfg: cfg, m: map[string]*lease{}}
}

// Node is this node's name.
func (l *Leases) Node() string { return l.cfg.Node }

func epochKey(shard string) store.Key {
	return store.K(store.FamilyLease, 0, store.SystemAccount).Str("epoch").Str(shard)
}

func renewKey(shard string) store.Key {
	return store.K(store.FamilyLease, 0, store.SystemAccount).Str("renew").Str(shard)
}

// Seek makes this node try for the shard until ctx ends. It runs in the background of the plane that needs the shard.
func (l *Leases) Seek(ctx context.Context, shard string) {
	for ctx.Err() == nil {
		l.turn(ctx, shard)
		if _, err := l.cfg.Env.Wait(ctx, "peer/"+shard, l.cfg.Env.Now().Add(l.cfg.Term/3)); err != nil {
			return
		}
	}
}

func (l *Leases) get(shard string) *lease {
	x := l.m[shard]
	if x == nil {
		x = &lease{}
		l.m[shard] = x
	}
	return x
}

// turn renews the shard's lease or tries to take it.
func (l *Leases) turn(ctx context.Context, shard string) {
	before := l.cfg.Env.Now()
	l.mu.Lock()
	x := *l.get(shard)
	l.mu.Unlock()
	var held bool
	var epoch, seen, seenEp uint64
	err := l.cfg.Store.Update(ctx, []store.Key{epochKey(shard), renewKey(shard)}, func(tx store.Tx) error {
		held, epoch = false, 0
		row, ok := store.Load[leaseRow](tx, epochKey(shard))
		ren, _ := store.Load[renewRow](tx, renewKey(shard))
		if ren == nil {
			ren = &renewRow{}
		}
		if !ok {
			row = &leaseRow{}
		}
		mine := ok && row.Owner == l.cfg.Node
		switch {
		case mine && x.held && row.Epoch == x.epoch:
		case !ok, mine, l.cfg.Exclusive, row.Epoch == x.seenEp && ren.Counter == x.seen && !x.seenAt.IsZero() && before.Sub(x.seenAt) >= l.cfg.Term:
			row.Owner, row.Epoch = l.cfg.Node, row.Epoch+1
			store.Put(tx, epochKey(shard), row)
		default:
			seen, seenEp = ren.Counter, row.Epoch
			return nil
		}
		ren.Counter++
		store.Put(tx, renewKey(shard), ren)
		held, epoch = true, row.Epoch
		return nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.get(shard)
	if err != nil {
		return // what is held runs out by itself
	}
	if held {
		p.held, p.epoch, p.until = true, epoch, before.Add(l.cfg.Term*2/3)
		return
	}
	p.held = false
	if p.seenAt.IsZero() || p.seen != seen || p.seenEp != seenEp {
		p.seen, p.seenEp, p.seenAt = seen, seenEp, before
	}
}

// Take tries once, at once; it is how an exclusive engine's node owns everything before its first call.
func (l *Leases) Take(ctx context.Context, shard string) bool {
	l.turn(ctx, shard)
	_, ok := l.Held(shard)
	return ok
}

// Held tells whether this node holds the shard now, and under which epoch.
func (l *Leases) Held(shard string) (epoch uint64, ok bool) {
	now := l.cfg.Env.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.m[shard]
	if x == nil || !x.held || (!l.cfg.Exclusive && !now.Before(x.until)) {
		return 0, false
	}
	return x.epoch, true
}

// Fence joins the shard's epoch row to the transaction: it fails, now or at commit, when this node is not the owner.
func (l *Leases) Fence(tx store.Reader, shard string) error {
	epoch, ok := l.Held(shard)
	if !ok {
		return fmt.Errorf("%w: %s", ErrNotOwner, shard)
	}
	if l.cfg.Exclusive {
		return nil // nobody else can write
	}
	row, ok := store.Load[leaseRow](tx, epochKey(shard))
	if !ok || row.Owner != l.cfg.Node || row.Epoch != epoch {
		return fmt.Errorf("%w: %s", ErrNotOwner, shard)
	}
	return nil
}

// Owner gives the node that the store names as the shard's owner, "" for none.
func (l *Leases) Owner(ctx context.Context, shard string) (string, error) {
	if _, ok := l.Held(shard); ok {
		return l.cfg.Node, nil
	}
	var owner string
	err := l.cfg.Store.View(ctx, func(r store.Reader) error {
		owner = ""
		if row, ok := store.Load[leaseRow](r, epochKey(shard)); ok {
			owner = row.Owner
		}
		return nil
	})
	return owner, err
}

// Network carries calls between nodes; in one process it is a map of nodes.
type Network interface {
	// Call runs a request on another node and gives its answer. An error that is not the answer's own means that
	// nobody knows whether it was done.
	Call(ctx context.Context, node string, req any) (any, error)
}

// ErrUnreachable is returned by a Network for a node that is not there.
var ErrUnreachable = errors.New("peer: node is unreachable")

// OnOwner runs req where the shard is owned: local here, or by the network there. It waits a term at most for an owner.
func (l *Leases) OnOwner(ctx context.Context, net Network, shard string, req any, local func(ctx context.Context) (any, error)) (any, error) {
	deadline := l.cfg.Env.Now().Add(l.cfg.Term)
	for {
		if _, ok := l.Held(shard); ok {
			out, err := local(ctx)
			if !errors.Is(err, ErrNotOwner) {
				return out, err
			}
		} else {
			node, err := l.Owner(ctx, shard)
			if err != nil {
				return nil, err
			}
			if node != "" && node != l.cfg.Node && net != nil {
				out, err := net.Call(ctx, node, req)
				if !errors.Is(err, ErrNotOwner) && !errors.Is(err, ErrUnreachable) {
					return out, err
				}
			}
		}
		now := l.cfg.Env.Now()
		if !now.Before(deadline) {
			return nil, ErrNoOwner
		}
		if _, err := l.cfg.Env.Wait(ctx, "peer/"+shard, now.Add(l.cfg.Term/10)); err != nil {
			return nil, err
		}
	}
}
