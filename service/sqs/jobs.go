package sqs

import (
	"context"
	"encoding/json"
	"time"

	"virga/internal/job"
	"virga/internal/store"
)

const (
	retainKind   = "sqs.retain"  // id: queue id
	discardKind  = "sqs.discard" // id: queue id / generation
	retainEvery  = time.Hour
	discardBatch = 2000
)

// queueRef names a queue in a payload.
type queueRef struct {
	Name, Region, ID string
	Generation       uint64
}

func (r queueRef) bytes() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and a number
	}
	return b
}

func refOf(j *job.Job) (r queueRef, ok bool) {
	return r, json.Unmarshal(j.Payload, &r) == nil
}

func scheduleRetention(tx store.Tx, q *queue, now time.Time) {
	job.At(tx, q.Account, q.Region, retainKind, q.ID, now.Add(retainEvery), queueRef{Name: q.Name, Region: q.Region, ID: q.ID}.bytes())
}

// retain removes messages whose retention has run out. Nobody receives them before that either: the index looks too.
type retain struct{ s *Service }

// Step implements job.Kind.
func (retain) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	return []job.Effect{{ID: job.EffectID(j, now.Format(time.RFC3339)), Name: "expire"}}, job.Next{}, nil
}

// Do implements job.Kind.
func (r retain) Do(ctx context.Context, j job.Job, e job.Effect) job.Result {
	ref, ok := refOf(&j)
	if !ok {
		return job.Result{Code: "gone"}
	}
	q, err := r.s.find(ctx, j.Account, ref.Region, ref.Name)
	if err != nil || q.ID != ref.ID {
		return job.Result{Code: "gone"}
	}
	var keys []string
	limit := r.s.cfg.Env.Now().Add(-time.Duration(q.Retention) * time.Second)
	more := false
	err = r.s.cfg.Store.View(ctx, func(rd store.Reader) error {
		keys, more = nil, false
		p := messagesOf(q, q.Generation)
		rd.Range(store.Span{From: p, To: p.Time(limit)}, func(k store.Key, _ []byte) bool {
			if len(keys) == discardBatch {
				more = true
				return false
			}
			keys = append(keys, string(k))
			return true
		})
		return nil
	})
	if err == nil && len(keys) > 0 {
		_, err = ask[any](ctx, r.s.eng, q, removeRequest{q, keys})
	}
	switch {
	case err != nil:
		return job.Result{Err: err.Error()}
	case more:
		return job.Result{Code: "more"}
	}
	return job.Result{}
}

// Settle implements job.Kind.
func (retain) Settle(tx store.Tx, j *job.Job, rs []job.Result, now time.Time) (job.Next, error) {
	switch {
	case rs[0].Code == "gone":
		return job.End, nil
	case rs[0].Code == "more":
		return job.Next{At: now}, nil
	case rs[0].Err != "":
		return job.Next{At: now.Add(time.Minute)}, nil
	}
	return job.Next{At: now.Add(retainEvery)}, nil
}

func discardLater(tx store.Tx, q *queue, generation uint64, now time.Time) {
	job.At(tx, q.Account, q.Region, discardKind, q.ID+"/"+itoa(int64(generation)), now, queueRef{Name: q.Name, Region: q.Region, ID: q.ID, Generation: generation}.bytes())
}

// discard removes the rows of a deleted queue or a purged generation, which nobody reads any more.
type discard struct{}

// Step implements job.Kind.
func (discard) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	ref, ok := refOf(j)
	if !ok {
		return nil, job.End, nil
	}
	var keys []store.Key
	q := &queue{Account: j.Account, ID: ref.ID}
	tx.Range(store.Prefix(messagesOf(q, ref.Generation)), func(k store.Key, _ []byte) bool {
		keys = append(keys, k)
		return len(keys) < discardBatch
	})
	for _, k := range keys {
		tx.Delete(k)
	}
	if len(keys) == discardBatch {
		return nil, job.Next{At: now}, nil
	}
	return nil, job.End, nil
}

// Do implements job.Kind.
func (discard) Do(context.Context, job.Job, job.Effect) job.Result { return job.Result{} }

// Settle implements job.Kind.
func (discard) Settle(store.Tx, *job.Job, []job.Result, time.Time) (job.Next, error) {
	return job.End, nil
}
