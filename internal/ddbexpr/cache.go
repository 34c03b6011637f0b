package ddbexpr

import "sync"

// Cache keeps parsed expressions by their text: programs send the same few over and over. A nil Cache keeps none.
type Cache struct {
	mu       sync.RWMutex
	entries  int
	now, old map[cacheKey]*Expression
}

type cacheKey struct {
	kind Kind
	text string
}

// NewCache makes a cache of at most that many expressions.
func NewCache(entries int) *Cache {
	return &Cache{entries: max(entries/2, 1), now: map[cacheKey]*Expression{}}
}

// Parse is Parse, or what it gave before for the same text. All users of one cache have the same limits.
func (c *Cache) Parse(kind Kind, text string, lim Limits) (*Expression, error) {
	if c == nil {
		return Parse(kind, text, lim)
	}
	k := cacheKey{kind, text}
	c.mu.RLock()
	e, ok := c.now[k]
	if !ok {
		e = c.old[k]
	}
	c.mu.RUnlock()
	if ok {
		return e, nil
	}
	if e == nil {
		var err error
		if e, err = Parse(kind, text, lim); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.now) >= c.entries { // the older half goes
		c.old, c.now = c.now, make(map[cacheKey]*Expression, c.entries)
	}
	k.text = string(append([]byte(nil), text...))
	c.now[k] = e
	return e, nil
}
