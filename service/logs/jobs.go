package logs

import (
	"context"
	"encoding/json"
	"time"

	"virga/internal/job"
	"virga/internal/store"
)

const (
	retainKind   = "logs.retain"  // id: group id
	discardKind  = "logs.discard" // id: group id, or group id / stream id
	retainEvery  = time.Hour
	discardBatch = 500 // chunks of one stream in a transaction
)

// ref names a group, or a stream of it with the days of its events, in a payload.
type ref struct {
	Group  string
	Name   string `json:",omitempty"` // of the group
	Stream string `json:",omitempty"` // id
	Day    int64  `json:",omitempty"`
	Last   int64  `json:",omitempty"`
}

func (r ref) bytes() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and numbers
	}
	return b
}

func scheduleRetention(tx store.Tx, g *group, now time.Time) {
	job.At(tx, g.Account, g.Region, retainKind, g.ID, now, ref{Group: g.ID, Name: g.Name}.bytes())
}

func cancelRetention(tx store.Tx, g *group) { job.Cancel(tx, g.Account, retainKind, g.ID) }

// dropDay drops the oldest day's segment of a group where it lies wholly before limit (ms); it tells whether there was one.
func dropDay(tx store.Tx, account, groupID string, limit int64) bool {
	oldest := int64(-1)
	tx.Range(store.Prefix(indexOf(account, groupID)), func(k store.Key, _ []byte) bool {
		oldest = int64(k.UintPart(2))
		return false
	})
	if oldest < 0 || (oldest/dayMillis+1)*dayMillis > limit {
		return false
	}
	day := oldest / dayMillis
	end := uint64(day+1) * dayMillis
	for _, p := range []store.Key{indexOf(account, groupID), chunksOf(account, groupID)} {
		tx.DeleteRange(p, p.Uint(end))
	}
	for _, p := range []store.Key{daysOf(account, groupID), usagesOf(account, groupID)} {
		tx.DeleteRange(p, p.Uint(uint64(day+1)))
	}
	return true
}

// retain drops the days that a group's retention has passed.
type retain struct{}

// Step implements job.Kind.
func (retain) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	var r ref
	if err := json.Unmarshal(j.Payload, &r); err != nil {
		return nil, job.End, err
	}
	g, ok := store.Load[group](tx, groupKey(j.Account, j.Region, r.Name))
	if !ok || g.ID != r.Group || g.Retention == 0 {
		return nil, job.End, nil
	}
	if dropDay(tx, j.Account, g.ID, g.keptFrom(now)) {
		return nil, job.Next{At: now}, nil
	}
	return nil, job.Next{At: now.Add(retainEvery)}, nil
}

// Do implements job.Kind.
func (retain) Do(context.Context, job.Job, job.Effect) job.Result { return job.Result{} }

// Settle implements job.Kind.
func (retain) Settle(store.Tx, *job.Job, []job.Result, time.Time) (job.Next, error) {
	return job.End, nil
}

func discardLater(tx store.Tx, account, region string, r ref, now time.Time) {
	id := r.Group
	if r.Stream != "" {
		id += "/" + r.Stream
	}
	job.At(tx, account, region, discardKind, id, now, r.bytes())
}

// discard removes what a deleted group or stream leaves, which nobody reads any more.
type discard struct{}

// Step implements job.Kind.
func (discard) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	var r ref
	if err := json.Unmarshal(j.Payload, &r); err != nil {
		return nil, job.End, err
	}
	if r.Stream == "" {
		if dropDay(tx, j.Account, r.Group, 1<<62) {
			return nil, job.Next{At: now}, nil
		}
		sp := store.Prefix(usagesOf(j.Account, r.Group)) // a group may have counted without keeping
		tx.DeleteRange(sp.From, sp.To)
		return nil, job.End, nil
	}
	type row struct {
		key   store.Key
		plain int64
	}
	var rows []row
	for r.Day <= r.Last && len(rows) == 0 {
		store.Each(tx, store.Prefix(streamIndexOf(j.Account, r.Group, r.Day, r.Stream)), func(k store.Key, x *index) bool {
			rows = append(rows, row{k, x.Plain})
			return len(rows) < discardBatch
		})
		if len(rows) == 0 {
			r.Day++
		}
	}
	if len(rows) == 0 {
		return nil, job.End, nil
	}
	gone := int64(0)
	for _, x := range rows {
		min, seq := int64(x.key.UintPart(4)), x.key.UintPart(5)
		tx.Delete(x.key)
		tx.Delete(indexKey(j.Account, r.Group, min, r.Stream, seq))
		tx.Delete(chunkKey(j.Account, r.Group, min, r.Stream, seq))
		gone += x.plain
	}
	k := usageKey(j.Account, r.Group, r.Day)
	if u, ok := store.Load[usage](tx, k); ok {
		u.Bytes = max(0, u.Bytes-gone)
		store.Put(tx, k, u)
	}
	return nil, job.Next{At: now, Payload: r.bytes()}, nil
}

// Do implements job.Kind.
func (discard) Do(context.Context, job.Job, job.Effect) job.Result { return job.Result{} }

// Settle implements job.Kind.
func (discard) Settle(store.Tx, *job.Job, []job.Result, time.Time) (job.Next, error) {
	return job.End, nil
}
