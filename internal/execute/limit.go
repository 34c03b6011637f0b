package execute

import (
	"context"
	"sync"
	"time"
)

// Bucket is a token bucket. The zero value is full.
type Bucket struct {
	mu     sync.Mutex
	used   float64 // tokens missing
	last   time.Time
	inited bool
}

// Take takes one token of a bucket that fills with rate tokens a second up to burst; it tells whether there was one.
func (b *Bucket) Take(now time.Time, rate float64, burst int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inited {
		if d := now.Sub(b.last); d > 0 {
			b.used = max(0, b.used-d.Seconds()*rate)
			b.last = now
		}
	} else {
		b.inited, b.last = true, now
	}
	if b.used+1 > float64(burst) {
		return false
	}
	b.used++
	return true
}

// Cache keeps values until their time is over: what authorizers said of a caller. The zero value is empty.
type Cache[V any] struct {
	mu sync.Mutex
	m  map[string]kept[V]
}

type kept[V any] struct {
	v     V
	until time.Time
}

const cacheMax = 10_000 // entries; beyond it any is forgotten

// Get gives a value whose time is not over.
func (c *Cache[V]) Get(key string, now time.Time) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.m[key]
	if !ok || !now.Before(k.until) {
		delete(c.m, key)
		return v, false
	}
	return k.v, true
}

// Put keeps a value.
func (c *Cache[V]) Put(key string, v V, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]kept[V]{}
	}
	if len(c.m) >= cacheMax {
		for k := range c.m {
			delete(c.m, k)
			break
		}
	}
	c.m[key] = kept[V]{v, until}
}

// Within runs fn with a deadline d away; it tells whether fn ended because of it.
func Within(ctx context.Context, d time.Duration, fn func(ctx context.Context) error) (timedOut bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err = fn(ctx)
	return err != nil && ctx.Err() == context.DeadlineExceeded, err
}
