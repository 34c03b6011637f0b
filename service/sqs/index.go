package sqs

import (
	"container/heap"
	"sync"
	"time"

	"virga/internal/store"
)

// indexMax is how many messages of a queue are held in memory; what lies beyond is read from the store when room comes.
const indexMax = 200_000

// entry is a message in the index.
type entry struct {
	key       string // store key
	at        time.Time
	visibleAt time.Time
	received  int64
	state     entryState
	pos       int // in its heap
}

type entryState uint8

const (
	stateReady entryState = iota
	stateDelayed
	stateInFlight
	stateTaken // reserved by a receive under way
	stateGone
)

// index knows which messages of one queue can be received. Its lock is held for memory work only.
type index struct {
	mu       sync.Mutex
	term     uint64 // of the shard's lease under which it was built
	gen      uint64
	built    bool
	byKey    map[string]*entry
	ready    readyHeap   // by key, so by time sent
	waiting  waitingHeap // delayed and in flight, by the time they become visible
	inFlight int
	delayed  int
	complete bool   // everything in the store is here
	loadedTo string // else: up to this key
	loading  uint64 // the read of the store under way, 0 for none; what happens meanwhile is noted and done after it
	loads    uint64 // reads so far
	during   []func()
}

func newIndex() *index { return &index{byKey: map[string]*entry{}} }

// reset forgets everything; the next look builds it anew.
func (x *index) reset() {
	x.byKey, x.ready, x.waiting = map[string]*entry{}, nil, nil
	x.inFlight, x.delayed, x.built, x.complete, x.loadedTo = 0, 0, false, false, ""
	x.loading, x.during = 0, nil
}

// beginLoad begins a read of the store and names it: a reset ends it.
func (x *index) beginLoad() uint64 {
	x.loads++
	x.loading = x.loads
	return x.loading
}

// load is what one read of the store brings.
type load struct {
	entries []*entry
	more    bool
}

// readRows reads rows of a queue behind after, up to room of them. It runs inside a View.
func readRows(r store.Reader, q *queue, after string, room int) load {
	var l load
	span := store.Prefix(messagesOf(q, q.Generation))
	if after != "" {
		span = store.After(messagesOf(q, q.Generation), store.Key(after))
	}
	store.Each(r, span, func(k store.Key, m *message) bool {
		if len(l.entries) >= room {
			l.more = true
			return false
		}
		l.entries = append(l.entries, &entry{key: string(k), at: m.Sent, visibleAt: m.VisibleAt, received: m.Received})
		return true
	})
	return l
}

// take puts a load into the index.
func (x *index) take(l load, now time.Time) {
	for _, e := range l.entries {
		if _, ok := x.byKey[e.key]; !ok {
			x.add(e, now)
		}
	}
	x.complete = !l.more
	if n := len(l.entries); n > 0 {
		x.loadedTo = l.entries[n-1].key
	}
	x.built, x.loading = true, 0
	late := x.during
	x.during = nil
	for _, fn := range late {
		fn()
	}
}

// add takes in an entry whose row is committed.
func (x *index) add(e *entry, now time.Time) {
	x.byKey[e.key] = e
	switch {
	case !e.visibleAt.After(now):
		e.state = stateReady
		heap.Push(&x.ready, e)
	case e.received > 0:
		e.state = stateInFlight
		x.inFlight++
		heap.Push(&x.waiting, e)
	default:
		e.state = stateDelayed
		x.delayed++
		heap.Push(&x.waiting, e)
	}
}

// inserted notes a row written after the index was built.
func (x *index) inserted(e *entry, now time.Time) {
	if x.loading != 0 {
		x.during = append(x.during, func() { x.inserted(e, now) })
		return
	}
	if !x.built || !x.complete && e.key > x.loadedTo {
		return // it will be loaded when its turn comes
	}
	if _, ok := x.byKey[e.key]; !ok {
		x.add(e, now)
		if x.complete && e.key > x.loadedTo {
			x.loadedTo = e.key
		}
	}
}

// leave takes an entry out of its heap.
func (x *index) leave(e *entry) {
	switch e.state {
	case stateReady:
		heap.Remove(&x.ready, e.pos)
	case stateDelayed:
		x.delayed--
		heap.Remove(&x.waiting, e.pos)
	case stateInFlight:
		x.inFlight--
		heap.Remove(&x.waiting, e.pos)
	}
}

// removed notes that a row is gone.
func (x *index) removed(key string) {
	if x.loading != 0 {
		x.during = append(x.during, func() { x.removed(key) })
		return
	}
	if e := x.byKey[key]; e != nil {
		x.leave(e)
		e.state = stateGone
		delete(x.byKey, key)
	}
}

// changed notes a row's new visibility.
func (x *index) changed(key string, visibleAt time.Time, received int64, now time.Time) {
	if x.loading != 0 {
		x.during = append(x.during, func() { x.changed(key, visibleAt, received, now) })
		return
	}
	if e := x.byKey[key]; e != nil {
		x.leave(e)
		delete(x.byKey, key)
		x.add(&entry{key: key, at: e.at, visibleAt: visibleAt, received: received}, now)
	}
}

// promote makes those ready whose time has come.
func (x *index) promote(now time.Time) {
	for len(x.waiting) > 0 && !x.waiting[0].visibleAt.After(now) {
		e := x.waiting[0]
		x.leave(e)
		e.state = stateReady
		heap.Push(&x.ready, e)
	}
}

// reserve takes up to max ready entries whose retention has not run out.
func (x *index) reserve(max int, now time.Time, retention time.Duration) []*entry {
	x.promote(now)
	var out []*entry
	for len(out) < max && len(x.ready) > 0 {
		e := x.ready[0]
		x.leave(e)
		if now.Sub(e.at) >= retention {
			e.state = stateGone // its row goes with the next retention step
			delete(x.byKey, e.key)
			continue
		}
		e.state = stateTaken
		out = append(out, e)
	}
	return out
}

// giveBack ends a reservation that came to nothing.
func (x *index) giveBack(es []*entry, now time.Time) {
	for _, e := range es {
		if e.state == stateTaken && x.byKey[e.key] == e {
			delete(x.byKey, e.key)
			x.add(&entry{key: e.key, at: e.at, visibleAt: e.visibleAt, received: e.received}, now)
		}
	}
}

// next is when the first waiting message becomes visible, zero for none.
func (x *index) next() time.Time {
	if len(x.waiting) == 0 {
		return time.Time{}
	}
	return x.waiting[0].visibleAt
}

type readyHeap []*entry

func (h readyHeap) Len() int           { return len(h) }
func (h readyHeap) Less(i, j int) bool { return h[i].key < h[j].key }
func (h readyHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *readyHeap) Push(v any) {
	e := v.(*entry)
	e.pos = len(*h)
	*h = append(*h, e)
}
func (h *readyHeap) Pop() any {
	o := *h
	e := o[len(o)-1]
	o[len(o)-1] = nil
	*h = o[:len(o)-1]
	return e
}

type waitingHeap []*entry

func (h waitingHeap) Len() int           { return len(h) }
func (h waitingHeap) Less(i, j int) bool { return h[i].visibleAt.Before(h[j].visibleAt) }
func (h waitingHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *waitingHeap) Push(v any) {
	e := v.(*entry)
	e.pos = len(*h)
	*h = append(*h, e)
}
func (h *waitingHeap) Pop() any {
	o := *h
	e := o[len(o)-1]
	o[len(o)-1] = nil
	*h = o[:len(o)-1]
	return e
}
