package sqs

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	sqsapi "virga/api/sqs"
	"virga/internal/env"
	"virga/internal/peer"
	"virga/internal/store"
)

// engine moves messages at the owner of their shard. It knows rows, the index and the clock, and nothing of requests;
// how a call gets to the owner is in owner.go.
type engine struct {
	env     env.Env
	store   store.Store
	leases  *peer.Leases
	network peer.Network // nil: this node is the only one
	find    func(ctx context.Context, account, region, name string) (*queue, error)
	room    int // messages an index holds; indexMax but in tests
	// unfenced goes on as the owner once it was one, whoever owns the shard now. Only the test that must find it sets it.
	unfenced bool
	lastTerm uint64

	mu      sync.Mutex // never held across a wait
	indexes map[string]*index
}

const inFlightMax = 120_000 // of one standard queue (Amazon SQS Developer Guide, Message quotas)

var shardNames = func() (names [shardsOfQueues]string) {
	for i := range names {
		names[i] = fmt.Sprintf("sqs/%d", i)
	}
	return names
}()

func shardName(shard uint16) string { return shardNames[shard] }

// owns tells whether this node owns the account's shard, and under which term.
func (e *engine) owns(account string) (term uint64, ok bool) {
	term, ok = e.leases.Held(shardName(shardOf(account)))
	if e.unfenced {
		e.lastTerm = max(e.lastTerm, term)
		return e.lastTerm, e.lastTerm > 0
	}
	return term, ok
}

// fence joins the ownership of the account's shard to a transaction.
func (e *engine) fence(tx store.Reader, account string) error {
	if e.unfenced {
		return nil
	}
	return e.leases.Fence(tx, shardName(shardOf(account)))
}

// hold gives the queue's index, read in from the store where it is new, of another term or of another generation.
func (e *engine) hold(ctx context.Context, q *queue) (*index, error) {
	term, ok := e.owns(q.Account)
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
		if x.built && (x.complete || len(x.ready) > 0 || len(x.byKey) >= e.room) {
			x.mu.Unlock()
			return nil
		}
		if x.loading != 0 { // somebody else is at it
			x.mu.Unlock()
			if _, err := e.env.Wait(ctx, "sqs/load/"+q.ID, e.env.Now().Add(20*time.Millisecond)); err != nil {
				return err
			}
			continue
		}
		after, room := x.loadedTo, e.room-len(x.byKey)
		turn := x.beginLoad()
		x.mu.Unlock()
		var l load
		err := e.store.View(ctx, func(r store.Reader) error { l = readRows(r, q, after, room); return nil })
		x.mu.Lock()
		if x.loading == turn { // else it was reset meanwhile, and what this read saw is old
			if err != nil {
				x.reset()
			} else {
				x.take(l, e.env.Now())
			}
		}
		x.mu.Unlock()
		e.env.Wake("sqs/load/" + q.ID)
		if err != nil {
			return err
		}
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

// tell adds committed rows to the index of their queue, if there is one: a new one reads them.
func (e *engine) tell(q *queue, ms []*message, now time.Time) {
	e.mu.Lock()
	x := e.indexes[q.ID]
	e.mu.Unlock()
	if x != nil {
		x.mu.Lock()
		if x.gen == q.Generation { // else they were purged
			for _, m := range ms {
				x.inserted(&entry{key: string(messageKey(q, m.Sent, m.ID)), at: m.Sent, visibleAt: m.VisibleAt}, now)
			}
		}
		x.mu.Unlock()
	}
	e.env.Wake(messageTopic(q.ID))
}

// send writes messages; all or none. They are sent when the owner writes them: clocks of nodes differ.
func (e *engine) send(ctx context.Context, q *queue, ms []*message) error {
	if _, err := e.hold(ctx, q); err != nil {
		return err
	}
	now := e.env.Now()
	for _, m := range ms {
		m.Sent, m.VisibleAt = now, now.Add(m.VisibleAt.Sub(m.Sent))
	}
	err := e.store.Update(ctx, nil, func(tx store.Tx) error {
		if err := e.fence(tx, q.Account); err != nil {
			return err
		}
		if err := stillThere(tx, q); err != nil {
			return err
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
	e.tell(q, ms, e.env.Now())
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
	var hidden []received // by somebody else
	err = e.store.Update(ctx, nil, func(tx store.Tx) error {
		out, moved, buried, gone, hidden = nil, nil, nil, nil, nil
		if err := e.fence(tx, q.Account); err != nil {
			return err
		}
		for _, t := range taken {
			k := store.Key(t.key)
			m, ok := store.Load[message](tx, k)
			if !ok {
				gone = append(gone, t.key)
				continue
			}
			if m.VisibleAt.After(now) {
				hidden = append(hidden, received{m, t.key})
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
		if len(moved) == 0 {
			return nil
		}
		if err := stillThere(tx, q); err != nil {
			return err
		}
		if stillThere(tx, dead) != nil {
			return errStale
		}
		return nil
	}, lazyUnlessMoved(q, taken, dead))
	x.mu.Lock()
	if err != nil {
		x.giveBack(taken, e.env.Now())
		x.mu.Unlock()
		e.forget(q)
		if dead != nil {
			e.forget(dead) // the moves may have happened
		}
		return nil, err
	}
	for _, r := range append(hidden, out...) {
		x.changed(r.key, r.m.VisibleAt, r.m.Received, now)
	}
	for _, k := range append(buried, gone...) {
		x.removed(k)
	}
	x.mu.Unlock()
	if len(moved) > 0 {
		e.tell(dead, moved, now)
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

// poll is receive that waits for the first message until the deadline. It blocks in env alone. The queue is looked up
// again after each wait: it may be purged, deleted or changed meanwhile.
func (e *engine) poll(ctx context.Context, q *queue, max int, visibility time.Duration, until time.Time) ([]received, error) {
	w := e.env.Watch(messageTopic(q.ID))
	defer w.Close()
	id := q.ID
	for {
		dead, err := e.deadLetter(ctx, q)
		if err != nil {
			return nil, err
		}
		out, err := e.receive(ctx, q, max, visibility, dead)
		if len(out) > 0 || err != nil && !isStale(err) {
			return out, err
		}
		if isStale(err) {
			// Purged or deleted under the receive: once more with what the queues are now.
			if q, err = e.again(ctx, q, id); err != nil {
				return nil, err
			}
			if dead, err = e.deadLetter(ctx, q); err != nil {
				return nil, err
			}
			return e.receive(ctx, q, max, visibility, dead)
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
		if q, err = e.again(ctx, q, id); err != nil {
			return nil, err
		}
	}
}

// again looks up a queue whose record may have changed.
func (e *engine) again(ctx context.Context, q *queue, id string) (*queue, error) {
	q, err := e.find(ctx, q.Account, q.Region, q.Name)
	if err == nil && q.ID != id {
		err = errNoQueue
	}
	return q, err
}

// deadLetter finds the dead-letter queue; a deleted one lets messages stay where they are.
func (e *engine) deadLetter(ctx context.Context, q *queue) (*queue, error) {
	if q.DeadLetterARN == "" {
		return nil, nil
	}
	d, err := e.byARN(ctx, q.DeadLetterARN)
	if _, gone := err.(*sqsapi.QueueDoesNotExist); gone {
		return nil, nil
	}
	return d, err
}

// byARN finds a queue by its ARN.
func (e *engine) byARN(ctx context.Context, arn string) (*queue, error) {
	p := strings.Split(arn, ":")
	if len(p) != 6 || p[2] != "sqs" || len(p[4]) != 12 {
		return nil, noQueue()
	}
	return e.find(ctx, p[4], p[3], p[5])
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
	err = e.store.Update(ctx, nil, func(tx store.Tx) error {
		if err := e.fence(tx, q.Account); err != nil {
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
	now := e.env.Now()
	refused := make([]error, len(keys))
	rows := make([]*message, len(keys))
	err = e.store.Update(ctx, nil, func(tx store.Tx) error {
		if err := e.fence(tx, q.Account); err != nil {
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
