package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"sync"
	"time"

	"virga/internal/env"
	"virga/internal/wire"
)

// Limits with names.
const (
	sessionIdle    = time.Hour      // without a page asked for by a person
	sessionFor     = 12 * time.Hour // at most, as AWS's console has it
	sessionsMax    = 1000
	attemptsMax    = 10 // failed sign-ins of an address in attemptsFor
	attemptsFor    = time.Minute
	addressesMax   = 10_000
	noticesMax     = 5
	sessionIDBytes = 32
)

// session is somebody signed in. It lives in memory: a restart asks to sign in again.
type session struct {
	keyID  string
	token  string   // of a temporary credential
	secret [32]byte // hash of the secret access key: another one under the same key id ends the session
	dev    bool

	// Under sessions.mu.
	principal wire.Principal
	region    string
	began     time.Time
	used      time.Time
	notices   []string
}

// sessions are those of one server.
type sessions struct {
	env env.Env

	mu       sync.Mutex // never held across a wait
	m        map[[32]byte]*session
	failures map[string]failed
}

type failed struct {
	since time.Time
	n     int
}

func newSessions(e env.Env) *sessions {
	return &sessions{env: e, m: map[[32]byte]*session{}, failures: map[string]failed{}}
}

// add keeps a session and gives the id for its cookie. The id itself is not kept.
func (s *sessions) add(x *session) string {
	var b [sessionIDBytes]byte
	s.env.Secret(b[:])
	id := base64.RawURLEncoding.EncodeToString(b[:])
	now := s.env.Wall()
	x.began, x.used = now, now
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.m) >= sessionsMax {
		var oldest [32]byte
		var at time.Time
		for k, y := range s.m {
			if over(y, now) {
				delete(s.m, k)
			} else if at.IsZero() || y.used.Before(at) {
				oldest, at = k, y.used
			}
		}
		if len(s.m) >= sessionsMax {
			delete(s.m, oldest)
		}
	}
	s.m[sha256.Sum256([]byte(id))] = x
	return id
}

func over(x *session, now time.Time) bool {
	return now.Sub(x.used) > sessionIdle || now.Sub(x.began) > sessionFor
}

// get finds a cookie's session; touch tells that a person asked, not a page that refreshes itself.
func (s *sessions) get(id string, touch bool) *session {
	if len(id) != base64.RawURLEncoding.EncodedLen(sessionIDBytes) {
		return nil
	}
	k := sha256.Sum256([]byte(id))
	now := s.env.Wall()
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.m[k]
	if x == nil {
		return nil
	}
	if over(x, now) {
		delete(s.m, k)
		return nil
	}
	if touch {
		x.used = now
	}
	return x
}

// end forgets a session.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, sha256.Sum256([]byte(id)))
}

func (s *sessions) setRegion(x *session, region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.region = region
}

// note keeps a text that the next page shows once.
func (s *sessions) note(x *session, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(x.notices) < noticesMax {
		x.notices = append(x.notices, text)
	}
}

func (s *sessions) notes(x *session) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := x.notices
	x.notices = nil
	return n
}

// blocked tells whether an address failed too often lately.
func (s *sessions) blocked(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.failures[address]
	return f.n >= attemptsMax && s.env.Wall().Sub(f.since) < attemptsFor
}

func (s *sessions) fail(address string) {
	now := s.env.Wall()
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.failures[address]
	if now.Sub(f.since) >= attemptsFor {
		f = failed{since: now}
	}
	f.n++
	if len(s.failures) >= addressesMax {
		clear(s.failures)
	}
	s.failures[address] = f
}

// same compares a secret with a hash in constant time.
func same(secret string, hash [32]byte) bool {
	h := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(h[:], hash[:]) == 1
}
