package logs

import (
	"sync"
	"time"

	"virga/internal/store"
)

// UsageEvery is how often a group's stored bytes are written: with the first put after it.
const UsageEvery = 10 * time.Second

const usageGroupsMax = 100_000

// counter keeps what puts added to the groups' stored bytes since it was last written.
type counter struct {
	mu sync.Mutex // never held across a wait
	m  map[string]*added
}

type added struct {
	since time.Time
	days  map[int64]int64
}

func (u *counter) init() { u.m = map[string]*added{} }

// take hands out what has come together where it is time to write it with the put under way, nil otherwise.
func (u *counter) take(groupID string, now time.Time) map[int64]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.m[groupID]
	if a == nil {
		if len(u.m) >= usageGroupsMax {
			clear(u.m)
		}
		a = &added{days: map[int64]int64{}} // since is zero: the first put is written at once
		u.m[groupID] = a
	}
	if now.Sub(a.since) < UsageEvery {
		return nil
	}
	out := a.days
	a.since, a.days = now, map[int64]int64{}
	return out
}

// add counts what a put stored, or takes in again what could not be written.
func (u *counter) add(groupID string, days map[int64]int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a := u.m[groupID]; a != nil {
		for d, n := range days {
			a.days[d] += n
		}
	}
}

// pending is what is not written yet.
func (u *counter) pending(groupID string) (n int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a := u.m[groupID]; a != nil {
		for _, d := range a.days {
			n += d
		}
	}
	return n
}

func (u *counter) forget(groupID string) {
	u.mu.Lock()
	delete(u.m, groupID)
	u.mu.Unlock()
}

func writeUsage(tx store.Tx, account, groupID string, days map[int64]int64) {
	for d, n := range days {
		k := usageKey(account, groupID, d)
		v, ok := store.Load[usage](tx, k)
		if !ok {
			v = &usage{}
		}
		v.Bytes += n
		store.Put(tx, k, v)
	}
}
