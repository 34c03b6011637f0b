package sigv4

import (
	"crypto/sha256"
	"strings"
	"sync"
)

// SigningKey is a secret key bound to one day, region and service.
type SigningKey [sha256.Size]byte

// DeriveKey makes the signing key of a scope (IAM User Guide, "Derive a signing key"). date is YYYYMMDD.
func DeriveKey(secret, date, region, service string) SigningKey {
	k := hmac256(append([]byte("AWS4"), secret...), date)
	k = hmac256(k[:], region)
	k = hmac256(k[:], service)
	return hmac256(k[:], terminator)
}

const (
	terminator = "aws4_request"
	algorithm  = "AWS4-HMAC-SHA256"
)

// hmac256 is HMAC-SHA-256 without the allocations of crypto/hmac; messages are short strings.
func hmac256[T string | []byte](key []byte, msg T) [sha256.Size]byte {
	const block = 64
	var ipad [block + 512]byte
	var opad [block + sha256.Size]byte
	if len(key) > block {
		h := sha256.Sum256(key)
		key = h[:]
	}
	copy(ipad[:], key)
	copy(opad[:], key)
	for i := range block {
		ipad[i] ^= 0x36
		opad[i] ^= 0x5c
	}
	in := sha256.Sum256(append(ipad[:block], msg...))
	copy(opad[block:], in[:])
	return sha256.Sum256(opad[:])
}

const (
	cacheShards = 16
	// DefaultKeyCacheSize is the number of derived keys a cache keeps when not told otherwise.
	DefaultKeyCacheSize = 4096
)

// KeyCache keeps derived keys, the most recently used ones, so that a call costs one HMAC and not five. It is safe for
// concurrent use. A changed secret never meets an old key: the secret's fingerprint is part of the entry's name.
// The zero value is not usable; a nil *KeyCache is, and keeps nothing.
type KeyCache struct{ shards [cacheShards]cacheShard }

type cacheKey struct {
	id, date, region, service string
	secret                    [16]byte
}

type cacheShard struct {
	mu    sync.Mutex
	limit int
	m     map[cacheKey]*cacheEntry
	ring  cacheEntry // next = most recent, prev = oldest
}

type cacheEntry struct {
	next, prev *cacheEntry
	name       cacheKey
	key        SigningKey
}

// NewKeyCache makes a cache of at most limit keys (rounded up to a multiple of 16); limit ≤ 0 means DefaultKeyCacheSize.
func NewKeyCache(limit int) *KeyCache {
	if limit <= 0 {
		limit = DefaultKeyCacheSize
	}
	c := &KeyCache{}
	for i := range c.shards {
		s := &c.shards[i]
		s.limit = (limit + cacheShards - 1) / cacheShards
		s.m = make(map[cacheKey]*cacheEntry)
		s.ring.next, s.ring.prev = &s.ring, &s.ring
	}
	return c
}

// Key gives the signing key, derived or remembered.
func (c *KeyCache) Key(keyID, secret, date, region, service string) SigningKey {
	if c == nil {
		return DeriveKey(secret, date, region, service)
	}
	name := cacheKey{id: keyID, date: date, region: region, service: service}
	var buf [96]byte
	sum := sha256.Sum256(append(buf[:0], secret...))
	copy(name.secret[:], sum[:])
	h := uint32(2166136261)
	for i := range len(keyID) {
		h = (h ^ uint32(keyID[i])) * 16777619
	}
	s := &c.shards[(h^h>>16)%cacheShards]
	s.mu.Lock()
	if e := s.m[name]; e != nil {
		e.unlink()
		e.linkAfter(&s.ring)
		k := e.key
		s.mu.Unlock()
		return k
	}
	s.mu.Unlock()
	k := DeriveKey(secret, date, region, service)
	// The names are parts of a request's headers: keep copies, not the headers.
	name.id, name.date, name.region, name.service = strings.Clone(keyID), strings.Clone(date), strings.Clone(region), strings.Clone(service)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[name] != nil { // another call was quicker
		return k
	}
	e := &cacheEntry{name: name, key: k}
	if len(s.m) >= s.limit {
		old := s.ring.prev
		old.unlink()
		delete(s.m, old.name)
		old.key = SigningKey{}
	}
	s.m[name] = e
	e.linkAfter(&s.ring)
	return k
}

// Len is the number of keys kept.
func (c *KeyCache) Len() int {
	n := 0
	for i := range c.shards {
		c.shards[i].mu.Lock()
		n += len(c.shards[i].m)
		c.shards[i].mu.Unlock()
	}
	return n
}

// Purge forgets everything.
func (c *KeyCache) Purge() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		clear(s.m)
		s.ring.next, s.ring.prev = &s.ring, &s.ring
		s.mu.Unlock()
	}
}

func (e *cacheEntry) unlink() { e.prev.next, e.next.prev = e.next, e.prev }

func (e *cacheEntry) linkAfter(at *cacheEntry) {
	e.prev, e.next = at, at.next
	at.next.prev, at.next = e, e
}

// Key is what Verify checks with: a secret access key and, if there is one, the cache of keys derived from secrets.
type Key struct {
	Secret string
	Cache  *KeyCache
}
