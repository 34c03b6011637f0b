// Package env is the only door to time, chance and identifiers, and the only place where a handler may block.
//
// Two clocks: the world clock (Now) drives everything that is scheduled, expires or is retried and can be moved
// forward in development; the wall clock (Wall) drives signatures, credential expiry, TLS and log stamps and is
// moved by nobody. A simulator replaces all of it and plays a whole cloud from a seed.
//
// It is not a scheduler: what has to happen later is a durable step (internal/job).
package env

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Env is what a plane or a service may know of the world outside its inputs and the store.
type Env interface {
	// Now is the world clock, UTC.
	Now() time.Time
	// Wall is the machine's clock, UTC. Only signatures, credential expiry, TLS and log stamps use it.
	Wall() time.Time
	// Uint64 is a number by chance, for jitter and sampling; never for secrets.
	Uint64() uint64
	// Secret fills b from the system's generator (from the seed in the simulator).
	Secret(b []byte)
	// Wait blocks until topic is woken, the world clock reaches until, or ctx ends; it tells whether it was woken.
	// A wake is a hint: it may come late, twice or for nothing.
	Wait(ctx context.Context, topic string, until time.Time) (woken bool, err error)
	// Watch registers for topic before state is looked at, so that a wake between look and Wait is not missed.
	Watch(topic string) Watch
	// Wake wakes the waiters of topic on this node.
	Wake(topic string)
	// Go runs fn in the background, owned by a plane (never called by a service).
	Go(name string, fn func(ctx context.Context))
	// Point names a place between two durable acts; the simulator may crash the node there. It does nothing else.
	Point(name string)
}

// Watch is a registration for wakes of one topic.
type Watch interface {
	// Wait is Env.Wait for the watched topic; wakes since Watch count.
	Wait(ctx context.Context, until time.Time) (woken bool, err error)
	// Close ends the registration.
	Close()
}

// NewID gives a random UUID (version 4) in AWS's lower-case form.
func NewID(e Env) string {
	var b [16]byte
	e.Secret(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var o [36]byte
	hex.Encode(o[0:8], b[0:4])
	o[8] = '-'
	hex.Encode(o[9:13], b[4:6])
	o[13] = '-'
	hex.Encode(o[14:18], b[6:8])
	o[18] = '-'
	hex.Encode(o[19:23], b[8:10])
	o[23] = '-'
	hex.Encode(o[24:], b[10:])
	return string(o[:])
}

// NewName gives n random characters of alphabet, for physical names, key ids and the like.
func NewName(e Env, alphabet string, n int) string {
	out := make([]byte, n)
	var buf [64]byte
	limit := 256 - 256%len(alphabet) // above it a byte would favour the alphabet's start
	for i := 0; i < n; {
		e.Secret(buf[:])
		for _, c := range buf {
			if int(c) < limit && i < n {
				out[i] = alphabet[int(c)%len(alphabet)]
				i++
			}
		}
	}
	return string(out)
}

// Alphabets for NewName.
const (
	Upper32  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // access key and unique ids
	Alnum    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	AlnumLow = "abcdefghijklmnopqrstuvwxyz0123456789"
	AlnumMix = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// Real is the machine's time and chance.
type Real struct {
	offset atomic.Int64 // nanoseconds the world clock is ahead of the wall clock
	last   atomic.Int64 // the world clock never goes back on this node
	hub    hub
	wg     sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
}

// NewReal makes the environment of a real node.
func NewReal() *Real {
	ctx, cancel := context.WithCancel(context.Background())
	return &Real{ctx: ctx, cancel: cancel}
}

// Now implements Env.
func (r *Real) Now() time.Time {
	n := time.Now().UnixNano() + r.offset.Load()
	for {
		l := r.last.Load()
		if n <= l {
			return time.Unix(0, l).UTC()
		}
		if r.last.CompareAndSwap(l, n) {
			return time.Unix(0, n).UTC()
		}
	}
}

// Wall implements Env.
func (r *Real) Wall() time.Time { return time.Now().UTC() }

// SetOffset says how far the world clock is ahead of the wall clock; it wakes every waiter, for their time may have come.
func (r *Real) SetOffset(d time.Duration) {
	r.offset.Store(int64(d))
	r.hub.wakeAll()
}

// Offset is the world clock's lead.
func (r *Real) Offset() time.Duration { return time.Duration(r.offset.Load()) }

// Uint64 implements Env.
func (r *Real) Uint64() uint64 { return rand.Uint64() }

// Secret implements Env.
func (r *Real) Secret(b []byte) { crand.Read(b) }

// Wake implements Env.
func (r *Real) Wake(topic string) { r.hub.wake(topic) }

// Watch implements Env.
func (r *Real) Watch(topic string) Watch { return &realWatch{r: r, w: r.hub.add(topic)} }

// Wait implements Env.
func (r *Real) Wait(ctx context.Context, topic string, until time.Time) (bool, error) {
	w := r.Watch(topic)
	defer w.Close()
	return w.Wait(ctx, until)
}

// Go implements Env.
func (r *Real) Go(name string, fn func(ctx context.Context)) {
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		fn(r.ctx)
	}()
}

// Point implements Env.
func (r *Real) Point(string) {}

// Close ends the background work and waits for it.
func (r *Real) Close() {
	r.cancel()
	r.wg.Wait()
}

type realWatch struct {
	r *Real
	w *waiter
}

func (w *realWatch) Wait(ctx context.Context, until time.Time) (bool, error) {
	for {
		d := until.Sub(w.r.Now())
		if d <= 0 {
			select {
			case <-w.w.c:
				return true, ctx.Err()
			default:
				return false, ctx.Err()
			}
		}
		t := time.NewTimer(d)
		select {
		case <-w.w.c:
			t.Stop()
			if w.w.clockMoved.Swap(false) {
				continue
			}
			return true, nil
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false, ctx.Err()
		}
	}
}

func (w *realWatch) Close() { w.r.hub.remove(w.w) }

// hub holds the waiters by topic. Its lock is held for map work only.
type hub struct {
	mu sync.Mutex
	m  map[string][]*waiter
}

type waiter struct {
	topic      string
	c          chan struct{}
	clockMoved atomic.Bool
}

func (h *hub) add(topic string) *waiter {
	w := &waiter{topic: topic, c: make(chan struct{}, 1)}
	h.mu.Lock()
	if h.m == nil {
		h.m = map[string][]*waiter{}
	}
	h.m[topic] = append(h.m[topic], w)
	h.mu.Unlock()
	return w
}

func (h *hub) remove(w *waiter) {
	h.mu.Lock()
	l := h.m[w.topic]
	for i := range l {
		if l[i] == w {
			l[i] = l[len(l)-1]
			l = l[:len(l)-1]
			break
		}
	}
	if len(l) == 0 {
		delete(h.m, w.topic)
	} else {
		h.m[w.topic] = l
	}
	h.mu.Unlock()
}

func (h *hub) wake(topic string) {
	h.mu.Lock()
	for _, w := range h.m[topic] {
		select {
		case w.c <- struct{}{}:
		default:
		}
	}
	h.mu.Unlock()
}

func (h *hub) wakeAll() {
	h.mu.Lock()
	for _, l := range h.m {
		for _, w := range l {
			w.clockMoved.Store(true)
			select {
			case w.c <- struct{}{}:
			default:
			}
		}
	}
	h.mu.Unlock()
}

// Uint64n gives a number below n by chance, for jitter.
func Uint64n(e Env, n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return e.Uint64() % n
}

// SecretUint64 gives a number from the secret generator.
func SecretUint64(e Env) uint64 {
	var b [8]byte
	e.Secret(b[:])
	return binary.BigEndian.Uint64(b[:])
}
