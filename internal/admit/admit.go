// Package admit bounds what is under way after a caller is known: calls and bytes in flight per account. Past a bound
// the caller is throttled; nobody else is.
//
// What bounds callers that nobody knows yet is the front's.
package admit

import (
	"sync"

	"virga/internal/wire"
)

// Limits with names.
const (
	CallsMax   = 5000      // calls of one account under way, long polls included
	BytesMax   = 512 << 20 // bytes of requests of one account held in memory
	totalCalls = 50_000
)

// Admit is the plane.
type Admit struct {
	mu    sync.Mutex // never held across a wait
	m     map[string]*use
	calls int
}

type use struct {
	calls int
	bytes int64
}

// New makes the plane.
func New() *Admit { return &Admit{m: map[string]*use{}} }

// Enter admits a call of an account that holds bytes; leave ends it.
func (a *Admit) Enter(account string, bytes int64) (leave func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.m[account]
	if u == nil {
		u = &use{}
		a.m[account] = u
	}
	if u.calls >= CallsMax || u.bytes+bytes > BytesMax || a.calls >= totalCalls {
		return nil, wire.Throttling("Rate exceeded")
	}
	u.calls++
	u.bytes += bytes
	a.calls++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.calls--
		u.calls--
		u.bytes -= bytes
		if u.calls == 0 {
			delete(a.m, account)
		}
	}, nil
}

// Under tells how many calls are under way.
func (a *Admit) Under() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}
