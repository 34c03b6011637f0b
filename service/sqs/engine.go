package sqs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"virga/internal/env"
	"virga/internal/peer"
	"virga/internal/store"
)

// engine moves messages. It knows rows, the index and the clock, and nothing of requests.
type engine struct {
	env    env.Env
	store  store.Store
	leases *peer.Leases

	mu      sync.Mutex // never held across a wait
	indexes map[string]*index
}

const inFlightMax = 120_000 // of one standard queue (Amazon SQS Developer Guide, Message quotas)

func shardName(shard uint16) string { return fmt.Sprintf("sqs/%d", shard) }

// hold gives the queue's index, read in from the store where it is new, of another term or of another generation.
func (e *engine) hold(ctx context.Context, q *queue) (*index, error) {
	term, ok := e.leases.Held(shardName(shardOf(q.Account)))
	if !ok {
		return nil, peer.ErrNotOwner
	}
	e.mu.Lock()
	x := e.indexes[q.ID]
	if x == nil {
		x = newIndex()
		e.indexes[q.ID] = x
	}
	e.mu.Unlock()
	return x, e.fill(ctx, q, x, term)
}

// fill reads rows into the index until something can be received or everything is in.
func (e *engine) fill(ctx context.Context, q *queue, x *index, term uint64) error {
	for {
		x.mu.Lock()
		if x.term != term || x.gen != q.Generation {
			if x.gen > q.Generation && x.term == term {
				x.mu.Unlock()
				return nil // the caller's record is older than a purge
			}
			x.reset()
			x.term, x.gen = term, q.Generation
		}
		x.promote(e.env.Now())
		if x.built && (x.complete || len(x.ready) > 0 || len(x.byKey) >= indexMax) {
			x.mu.Unlock()
			return nil
		}
		if x.loading { // somebody else is at it
			x.mu.Unlock()
			if _, err := e.env.Wait(ctx, "sqs/load/"+q.ID, e.env.Now().Add(20*time.Millisecond)); err != nil {
				return err
			}
			continue
		}
		after, room := x.loadedTo, indexMax-len(x.byKey)
		x.loading = true
		x.mu.Unlock()
		var l load
		err := e.store.View(ctx, func(r store.Reader) error { l = readRows(r, q, after, room); return nil })
		x.mu.Lock()
		if err != nil {
			x.reset()
			x.mu.Unlock()
			return err
		}
		if x.term == term && x.gen == q.Generation && x.loading {
			x.take(l, e.env.Now())
		}
		x.mu.Unlock()
		e.env.Wake("sqs/load/" + q.ID)
	}
}

// forget drops the index of a queue: its next user reads the rows again.
func (e *engine) forget(q *queue) {
	e.mu.Lock()
	x := e.indexes[q.ID]
	e.mu.Unlock()
	if x != nil {
		x.mu.Lock()
		x.reset()
		x.term = 0
		x.mu.Unlock()
	}
}

// send writes messages; all or none.
func (e *engine) send(ctx context.Context, q *queue, ms []*message, write func(tx store.Tx) error) error {
	x, err := e.hold(ctx, q)
	if err != nil {
		return err
	}
	shard := shardName(shardOf(q.Account))
	err = e.store.Update(ctx, nil, func(tx store.Tx) error {
		if err := e.leases.Fence(tx, shard); err != nil {
			return err
		}
		if err := stillThere(tx, q); err != nil {
			return err
		}
		if write != nil {
			if err := write(tx); err != nil {
				return err
			}
		}
		for _, m := range ms {
			store.Put(tx, messageKey(q, m.Sent, m.ID), m)
		}
		return nil
	})
	if err != nil {
		e.forget(q) // what became of it may be unknown
		return err
	}
	now := e.env.Now()
	x.mu.Lock()
	for _, m := range ms {
		x.inserted(&entry{key: string(messageKey(q, m.Sent, m.ID)), at: m.Sent, visibleAt: m.VisibleAt}, now)
	}
	x.mu.Unlock()
	e.env.Wake(messageTopic(q.ID))
	return nil
}

// stillThere fails when the queue was deleted, made anew or purged since its record was read.
func stillThere(r store.Reader, q *queue) error {
	cur, ok := store.Load[queue](r, queueKey(q.Account, q.Region, q.Name))
	if !ok || cur.ID != q.ID {
		return errNoQueue
	}
	if cur.Generation != q.Generation {
		return errStale
	}
	return nil
}

// received is a message handed out.
type received struct {
	m   *message
	key string
}

// receive hands out up to max messages at once; visibility hides them. To is the dead-letter queue, nil for none.
func (e *engine) receive(ctx context.Context, q *queue, max int, visibility time.Duration, dead *queue) ([]received, error) {
	x, err := e.hold(ctx, q)
	if err != nil {
		return nil, err
	}
	shard := shardName(shardOf(q.Account))
	now := e.env.Now()
	x.mu.Lock()
	if x.inFlight+max > inFlightMax {
		if x.inFlight >= inFlightMax {
			x.mu.Unlock()
			return nil, errOverLimit
		}
		max = inFlightMax - x.inFlight
	}
	taken := x.reserve(max, now, time.Duration(q.Retention)*time.Second)
	x.mu.Unlock()
	if len(taken) == 0 {
		return nil, nil
	}
	var out []received
	var moved []*message
	var buried, gone []string
	err = e.store.Update(ctx, nil, func(tx store.Tx) error {
		out, moved, buried, gone = nil, nil, nil, nil
		if err := e.leases.Fence(tx, shard); err != nil {
			return err
		}
		for _, t := range taken {
			k := store.Key(t.key)
			m, ok := store.Load[message](tx, k)
			if !ok || m.VisibleAt.After(now) {
				gone = append(gone, t.key)
				continue
			}
			if dead != nil && t.received >= q.MaxReceive && m.Received >= q.MaxReceive {
				// The move happens at receive and keeps id and sent time.
				tx.Delete(k)
				c := *m
				c.Source, c.VisibleAt = q.arn(), now
				store.Put(tx, messageKey(dead, c.Sent, c.ID), &c)
				moved, buried = append(moved, &c), append(buried, t.key)
				continue
			}
			m.Received++
			if m.FirstSeen.IsZero() {
				m.FirstSeen = now
			}
			m.VisibleAt = now.Add(visibility)
			store.Put(tx, k, m)
			out = append(out, received{m, t.key})
		}
		return nil
	}, lazyUnlessMoved(q, taken, dead))
	x.mu.Lock()
	if err != nil {
		x.giveBack(taken, e.env.Now())
		x.mu.Unlock()
		e.forget(q)
		return nil, err
	}
	for _, r := range out {
		x.changed(r.key, r.m.VisibleAt, r.m.Received, now)
	}
	for _, k := range append(buried, gone...) {
		x.removed(k)
	}
	x.mu.Unlock()
	if len(moved) > 0 {
		dx, err := e.hold(ctx, dead)
		if err == nil {
			dx.mu.Lock()
			for _, m := range moved {
				dx.inserted(&entry{key: string(messageKey(dead, m.Sent, m.ID)), at: m.Sent, visibleAt: m.VisibleAt}, now)
			}
			dx.mu.Unlock()
		}
		e.env.Wake(messageTopic(dead.ID))
		if len(out) == 0 {
			return e.receive(ctx, q, max, visibility, dead) // the moved ones made room at the head
		}
	}
	return out, nil
}

// lazyUnlessMoved: a receive may commit unsynced, a move to another queue may not.
func lazyUnlessMoved(q *queue, taken []*entry, dead *queue) store.Option {
	if dead != nil {
		for _, t := range taken {
			if t.received >= q.MaxReceive {
				return 0
			}
		}
	}
	return store.Lazy
}

// poll is receive that waits for the first message until the deadline. It blocks in env alone.
func (e *engine) poll(ctx context.Context, q *queue, max int, visibility time.Duration, dead *queue, until time.Time) ([]received, error) {
	w := e.env.Watch(messageTopic(q.ID))
	defer w.Close()
	for {
		out, err := e.receive(ctx, q, max, visibility, dead)
		if err != nil || len(out) > 0 {
			return out, err
		}
		now := e.env.Now()
		if !now.Before(until) {
			return nil, nil
		}
		next := until
		if n := e.nextVisible(q); !n.IsZero() && n.Before(next) {
			next = n
		}
		if p := now.Add(pollMax); p.Before(next) {
			next = p // a wake may be lost
		}
		if !next.After(now) {
			next = now.Add(time.Millisecond)
		}
		if _, err := w.Wait(ctx, next); err != nil {
			return nil, err
		}
	}
}

const pollMax = 5 * time.Second

func (e *engine) nextVisible(q *queue) time.Time {
	e.mu.Lock()
	x := e.indexes[q.ID]
	e.mu.Unlock()
	if x == nil {
		return time.Time{}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.next()
}

// remove deletes rows; one that is gone already is no failure.
func (e *engine) remove(ctx context.Context, q *queue, keys []string) error {
	x, err := e.hold(ctx, q)
	if err != nil {
		return err
	}
	shard := shardName(shardOf(q.Account))
	err = e.store.Update(ctx, nil, func(tx store.Tx) error {
		if err := e.leases.Fence(tx, shard); err != nil {
			return err
		}
		for _, k := range keys {
			tx.Delete(store.Key(k))
		}
		return nil
	})
	if err != nil {
		e.forget(q)
		return err
	}
	x.mu.Lock()
	for _, k := range keys {
		x.removed(k)
	}
	x.mu.Unlock()
	return nil
}

// change sets when messages in flight become visible again. It gives, in the order of keys, why one was refused.
func (e *engine) change(ctx context.Context, q *queue, keys []string, visibility []time.Duration) ([]error, error) {
	x, err := e.hold(ctx, q)
	if err != nil {
		return nil, err
	}
	shard := shardName(shardOf(q.Account))
	now := e.env.Now()
	refused := make([]error, len(keys))
	rows := make([]*message, len(keys))
	err = e.store.Update(ctx, nil, func(tx store.Tx) error {
		if err := e.leases.Fence(tx, shard); err != nil {
			return err
		}
		for i, k := range keys {
			refused[i], rows[i] = nil, nil
			m, ok := store.Load[message](tx, store.Key(k))
			switch {
			case !ok:
				refused[i] = errNotInFlight
				continue
			case !m.VisibleAt.After(now):
				refused[i] = errNotInFlight
				continue
			}
			m.VisibleAt = now.Add(visibility[i])
			store.Put(tx, store.Key(k), m)
			rows[i] = m
		}
		return nil
	}, store.Lazy)
	if err != nil {
		e.forget(q)
		return nil, err
	}
	x.mu.Lock()
	for i, m := range rows {
		if m != nil {
			x.changed(keys[i], m.VisibleAt, m.Received, now)
		}
	}
	x.mu.Unlock()
	e.env.Wake(messageTopic(q.ID))
	return refused, nil
}

// counts gives how many messages can be received, are in flight and are delayed.
func (e *engine) counts(ctx context.Context, q *queue) (visible, inFlight, delayed int64, err error) {
	x, err := e.hold(ctx, q)
	if err != nil {
		return 0, 0, 0, err
	}
	now := e.env.Now()
	x.mu.Lock()
	x.promote(now)
	visible, inFlight, delayed = int64(len(x.ready)), int64(x.inFlight), int64(x.delayed)
	complete, after := x.complete, x.loadedTo
	x.mu.Unlock()
	if complete {
		return visible, inFlight, delayed, nil
	}
	// What lies beyond the index is counted from the rows, in bounded reads.
	for range 100 {
		var n int
		var last store.Key
		err := e.store.View(ctx, func(r store.Reader) error {
			n, last = 0, nil
			r.Range(store.After(messagesOf(q, q.Generation), store.Key(after)), func(k store.Key, _ []byte) bool {
				n, last = n+1, k
				return n < 20_000
			})
			return nil
		})
		if err != nil {
			return 0, 0, 0, err
		}
		visible += int64(n)
		if n < 20_000 {
			break
		}
		after = string(last)
	}
	return visible, inFlight, delayed, nil
}
