package sqs

import (
	"context"
	"strings"
	"time"

	sqsapi "virga/api/sqs"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	moveKind    = "sqs.move" // id: task id
	moveBatch   = 100
	moveRateMax = 500
	tasksListed = 10
	tasksMax    = 100
	moveNothing = "none"
	moveMore    = "more"
)

func noSource() error {
	return &sqsapi.ResourceNotFoundException{Message: "The resource that you specified for the SourceArn parameter doesn't exist."}
}

// StartMessageMoveTask implements the operation.
func (s *Service) StartMessageMoveTask(ctx context.Context, in *sqsapi.StartMessageMoveTaskInput) (*sqsapi.StartMessageMoveTaskOutput, error) {
	if in.SourceArn == "" {
		return nil, missing("SourceArn")
	}
	src, err := s.byARN(ctx, in.SourceArn)
	if err != nil {
		return nil, noSource()
	}
	c := wire.CallOf(ctx)
	if src.Account != c.Account {
		return nil, noSource()
	}
	if r := in.MaxNumberOfMessagesPerSecond; r != nil && (*r < 1 || *r > moveRateMax) {
		return nil, invalid(*r, "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500, if provided.")
	}
	var sources int
	if _, _, err := s.page(ctx, src.Account, src.Region, "", nil, nil, func(q *queue) bool {
		if q.DeadLetterARN == src.arn() {
			sources++
		}
		return false
	}); err != nil {
		return nil, err
	}
	if sources == 0 {
		return nil, wire.Errorf("InvalidParameterValue", 400, "Source queue must be configured as a Dead Letter Queue.")
	}
	if in.DestinationArn != nil {
		d, err := s.byARN(ctx, *in.DestinationArn)
		if err != nil || d.Account != src.Account || d.Region != src.Region {
			return nil, &sqsapi.ResourceNotFoundException{Message: "The resource that you specified for the DestinationArn parameter doesn't exist."}
		}
	}
	visible, _, _, err := s.eng.counts(ctx, src)
	if err != nil {
		return nil, translate(err)
	}
	now := s.cfg.Env.Now()
	t := &moveTask{ID: env.NewID(s.cfg.Env), Source: src.arn(), Destination: wire.V(in.DestinationArn), Rate: int64(wire.V(in.MaxNumberOfMessagesPerSecond)), Status: "RUNNING", ToMove: visible, Started: now}
	err = s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		n, running := 0, false
		var oldest store.Key
		store.Each(tx, store.Prefix(tasksOf(src.Account, src.Region)), func(k store.Key, o *moveTask) bool {
			n++
			if o.Source == t.Source && (o.Status == "RUNNING" || o.Status == "CANCELLING") {
				running = true
			}
			if oldest == nil && o.Status != "RUNNING" && o.Status != "CANCELLING" {
				oldest = k
			}
			return true
		})
		if running {
			return wire.Errorf("InvalidParameterValue", 400, "There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
		}
		if n >= tasksMax {
			if oldest == nil {
				return &sqsapi.OverLimit{Message: "Too many message move tasks are running."}
			}
			tx.Delete(oldest)
		}
		store.Put(tx, taskKey(src.Account, src.Region, t.ID), t)
		job.At(tx, src.Account, src.Region, moveKind, t.ID, now, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	h, err := s.seal(src.Account, "task", []byte(src.Region+"/"+t.ID))
	return &sqsapi.StartMessageMoveTaskOutput{TaskHandle: &h}, err
}

// StartMessageMoveTaskRequires implements the operation's requirements.
func (s *Service) StartMessageMoveTaskRequires(ctx context.Context, in *sqsapi.StartMessageMoveTaskInput, r *wire.Requirements) error {
	if in.SourceArn == "" {
		return missing("SourceArn")
	}
	if err := s.needARN(ctx, r, in.SourceArn, "StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"); err != nil {
		return err
	}
	if in.DestinationArn != nil {
		return s.needARN(ctx, r, *in.DestinationArn, "SendMessage")
	}
	return nil
}

func (s *Service) needARN(ctx context.Context, r *wire.Requirements, arn string, actions ...string) error {
	p := strings.Split(arn, ":")
	if len(p) != 6 || p[2] != "sqs" || len(p[4]) != 12 || p[3] != wire.CallOf(ctx).Region {
		return noSource()
	}
	return s.needQueue(ctx, r, p[4], p[5], actions...)
}

func (s *Service) task(ctx context.Context, handle string) (region, id string, err error) {
	if handle == "" {
		return "", "", missing("TaskHandle")
	}
	b, ok := s.open(wire.CallOf(ctx).Account, "task", handle)
	if !ok {
		return "", "", &sqsapi.ResourceNotFoundException{Message: "Task does not exist."}
	}
	region, id, _ = strings.Cut(string(b), "/")
	return region, id, nil
}

// CancelMessageMoveTask implements the operation.
func (s *Service) CancelMessageMoveTask(ctx context.Context, in *sqsapi.CancelMessageMoveTaskInput) (*sqsapi.CancelMessageMoveTaskOutput, error) {
	region, id, err := s.task(ctx, in.TaskHandle)
	if err != nil {
		return nil, err
	}
	c := wire.CallOf(ctx)
	k := taskKey(c.Account, region, id)
	var moved int64
	err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		t, ok := store.Load[moveTask](tx, k)
		if !ok || t.Status != "RUNNING" {
			return wire.Errorf("InvalidParameterValue", 400, "Only active tasks can be cancelled.")
		}
		t.Status = "CANCELLING"
		moved = t.Moved
		store.Put(tx, k, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sqsapi.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: &moved}, nil
}

// CancelMessageMoveTaskRequires implements the operation's requirements.
func (s *Service) CancelMessageMoveTaskRequires(ctx context.Context, in *sqsapi.CancelMessageMoveTaskInput, r *wire.Requirements) error {
	region, id, err := s.task(ctx, in.TaskHandle)
	if err != nil {
		return err
	}
	source := ""
	err = s.cfg.Store.View(ctx, func(rd store.Reader) error {
		if t, ok := store.Load[moveTask](rd, taskKey(wire.CallOf(ctx).Account, region, id)); ok {
			source = t.Source
		}
		return nil
	})
	if err != nil {
		return err
	}
	if source == "" {
		return &sqsapi.ResourceNotFoundException{Message: "Task does not exist."}
	}
	return s.needARN(ctx, r, source, "CancelMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
}

// ListMessageMoveTasks implements the operation.
func (s *Service) ListMessageMoveTasks(ctx context.Context, in *sqsapi.ListMessageMoveTasksInput) (*sqsapi.ListMessageMoveTasksOutput, error) {
	if in.SourceArn == "" {
		return nil, missing("SourceArn")
	}
	max := int(wire.Or(in.MaxResults, 1))
	if max < 1 || max > tasksListed {
		return nil, invalid(max, "MaxResults", "Must be between 1 and 10, if provided.")
	}
	src, err := s.byARN(ctx, in.SourceArn)
	if err != nil {
		return nil, noSource()
	}
	var all []*moveTask
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		all = nil
		store.Each(r, store.Prefix(tasksOf(src.Account, src.Region)), func(_ store.Key, t *moveTask) bool {
			if t.Source == src.arn() {
				all = append(all, t)
			}
			return true
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &sqsapi.ListMessageMoveTasksOutput{Results: []sqsapi.ListMessageMoveTasksResultEntry{}}
	for len(out.Results) < max && len(all) > 0 {
		newest := 0
		for i := range all {
			if all[i].Started.After(all[newest].Started) {
				newest = i
			}
		}
		t := all[newest]
		all = append(all[:newest], all[newest+1:]...)
		e := sqsapi.ListMessageMoveTasksResultEntry{Status: &t.Status, SourceArn: &t.Source, ApproximateNumberOfMessagesMoved: &t.Moved,
			ApproximateNumberOfMessagesToMove: &t.ToMove, StartedTimestamp: wire.P(t.Started.UnixMilli())}
		if t.Destination != "" {
			e.DestinationArn = &t.Destination
		}
		if t.Rate != 0 {
			e.MaxNumberOfMessagesPerSecond = wire.P(int32(t.Rate))
		}
		if t.Failure != "" {
			e.FailureReason = &t.Failure
		}
		if t.Status == "RUNNING" || t.Status == "CANCELLING" {
			h, err := s.seal(src.Account, "task", []byte(src.Region+"/"+t.ID))
			if err != nil {
				return nil, err
			}
			e.TaskHandle = &h
		}
		out.Results = append(out.Results, e)
	}
	return out, nil
}

// ListMessageMoveTasksRequires implements the operation's requirements.
func (s *Service) ListMessageMoveTasksRequires(ctx context.Context, in *sqsapi.ListMessageMoveTasksInput, r *wire.Requirements) error {
	if in.SourceArn == "" {
		return missing("SourceArn")
	}
	return s.needARN(ctx, r, in.SourceArn, "ListMessageMoveTasks", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
}

// move carries messages from a dead-letter queue, a bounded batch at a time. An effect done twice moves what is left.
type move struct{ s *Service }

// Step implements job.Kind.
func (m *move) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	t, ok := store.Load[moveTask](tx, taskKey(j.Account, j.Region, j.ID))
	if !ok {
		return nil, job.End, nil
	}
	if t.Status == "CANCELLING" {
		t.Status = "CANCELLED"
		store.Put(tx, taskKey(j.Account, j.Region, j.ID), t)
		return nil, job.End, nil
	}
	return []job.Effect{{ID: job.EffectID(j, itoa(t.Moved)), Name: "move"}}, job.Next{}, nil
}

// Do implements job.Kind.
func (m *move) Do(ctx context.Context, j job.Job, e job.Effect) job.Result {
	var t *moveTask
	err := m.s.cfg.Store.View(ctx, func(r store.Reader) error {
		t, _ = store.Load[moveTask](r, taskKey(j.Account, j.Region, j.ID))
		return nil
	})
	if err != nil || t == nil {
		return job.Result{Code: moveMore}
	}
	src, err := m.s.byARN(ctx, t.Source)
	if err != nil {
		return job.Result{Err: "AWS.SimpleQueueService.NonExistentQueue"}
	}
	limit := moveBatch
	if t.Rate > 0 {
		limit = int(min(t.Rate, moveBatch))
	}
	n, err := m.s.moveBatch(ctx, src, t, j.Region, limit)
	switch {
	case err != nil:
		if wire.Known(err) {
			return job.Result{Err: wire.Info(sqsapi.Model.Schema, wire.Query, err).Code}
		}
		return job.Result{Code: moveMore} // try again
	case n == 0:
		return job.Result{Code: moveNothing}
	}
	return job.Result{Code: moveMore}
}

// Settle implements job.Kind.
func (m *move) Settle(tx store.Tx, j *job.Job, rs []job.Result, now time.Time) (job.Next, error) {
	k := taskKey(j.Account, j.Region, j.ID)
	t, ok := store.Load[moveTask](tx, k)
	if !ok {
		return job.End, nil
	}
	switch {
	case rs[0].Err != "":
		t.Status, t.Failure = "FAILED", rs[0].Err
	case rs[0].Code == moveNothing:
		t.Status = "COMPLETED"
	default:
		next := now
		if t.Rate > 0 {
			next = now.Add(time.Second * time.Duration(min(t.Rate, moveBatch)) / time.Duration(t.Rate))
		}
		return job.Next{At: next}, nil
	}
	store.Put(tx, k, t)
	return job.End, nil
}

// moveBatch moves up to limit visible messages in one transaction and counts them on the task.
func (s *Service) moveBatch(ctx context.Context, src *queue, t *moveTask, region string, limit int) (int, error) {
	x, err := s.eng.hold(ctx, src)
	if err != nil {
		return 0, err
	}
	now := s.cfg.Env.Now()
	x.mu.Lock()
	taken := x.reserve(limit, now, time.Duration(src.Retention)*time.Second)
	x.mu.Unlock()
	if len(taken) == 0 {
		return 0, nil
	}
	back := func(err error) (int, error) {
		x.mu.Lock()
		x.giveBack(taken, s.cfg.Env.Now())
		x.mu.Unlock()
		return 0, err
	}
	// Where each message goes is looked up before the transaction.
	type target struct {
		q *queue
		m *message
	}
	targets := make([]target, len(taken))
	rows := map[string]*message{}
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		clear(rows)
		for _, e := range taken {
			if m, ok := store.Load[message](r, store.Key(e.key)); ok {
				rows[e.key] = m
			}
		}
		return nil
	})
	if err != nil {
		return back(err)
	}
	for i, e := range taken {
		m := rows[e.key]
		if m == nil {
			continue
		}
		arn := t.Destination
		if arn == "" {
			arn = m.Source
		}
		if arn == "" {
			return back(wire.Errorf("CouldNotDetermineMessageSource", 400, "The message has no source queue."))
		}
		d, err := s.byARN(ctx, arn)
		if err != nil {
			return back(err)
		}
		c := *m
		c.Source, c.Received, c.FirstSeen, c.VisibleAt, c.Sent = "", 0, time.Time{}, now, now
		targets[i] = target{d, &c}
	}
	k := taskKey(src.Account, region, t.ID)
	moved := 0
	err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		moved = 0
		if err := s.eng.leases.Fence(tx, shardName(shardOf(src.Account))); err != nil {
			return err
		}
		cur, ok := store.Load[moveTask](tx, k)
		if !ok {
			return errStale
		}
		for i, e := range taken {
			if targets[i].q == nil {
				continue
			}
			if _, ok := tx.Get(store.Key(e.key)); !ok {
				continue
			}
			tx.Delete(store.Key(e.key))
			store.Put(tx, messageKey(targets[i].q, targets[i].m.Sent, targets[i].m.ID), targets[i].m)
			moved++
		}
		cur.Moved += int64(moved)
		store.Put(tx, k, cur)
		return nil
	})
	if err != nil {
		s.eng.forget(src)
		return 0, err
	}
	x.mu.Lock()
	for _, e := range taken {
		x.removed(e.key)
	}
	x.mu.Unlock()
	for _, d := range targets {
		if d.q == nil {
			continue
		}
		if dx, err := s.eng.hold(ctx, d.q); err == nil {
			dx.mu.Lock()
			dx.inserted(&entry{key: string(messageKey(d.q, d.m.Sent, d.m.ID)), at: d.m.Sent, visibleAt: d.m.VisibleAt}, now)
			dx.mu.Unlock()
		}
		s.cfg.Env.Wake(messageTopic(d.q.ID))
	}
	return moved, nil
}
