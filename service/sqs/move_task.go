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
	n, err := ask[counted](ctx, s.eng, src, countRequest{src})
	if err != nil {
		return nil, translate(err)
	}
	now := s.cfg.Env.Now()
	t := &moveTask{ID: env.NewID(s.cfg.Env), Source: src.arn(), Destination: wire.V(in.DestinationArn), Rate: int64(wire.V(in.MaxNumberOfMessagesPerSecond)), Status: "RUNNING", ToMove: n.visible, Started: now}
	err = s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		tasks, running := 0, false
		var oldest store.Key
		store.Each(tx, store.Prefix(tasksOf(src.Account, src.Region)), func(k store.Key, o *moveTask) bool {
			tasks++
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
		if tasks >= tasksMax {
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
	n, err := ask[int](ctx, m.s.eng, src, moveRequest{src, t, limit})
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

// moveBatch moves up to limit visible messages in one transaction and counts them on the task. A moved message is new:
// its id, its sent time and its count of receives begin again (Amazon SQS Developer Guide, Dead-letter queue redrive).
func (e *engine) moveBatch(ctx context.Context, src *queue, t *moveTask, limit int) (int, error) {
	x, err := e.hold(ctx, src)
	if err != nil {
		return 0, err
	}
	now := e.env.Now()
	x.mu.Lock()
	taken := x.reserve(limit, now, time.Duration(src.Retention)*time.Second)
	x.mu.Unlock()
	if len(taken) == 0 {
		return 0, nil
	}
	back := func(err error) (int, error) {
		x.mu.Lock()
		x.giveBack(taken, e.env.Now())
		x.mu.Unlock()
		return 0, err
	}
	// Where each message goes is looked up before the transaction.
	rows := map[string]*message{}
	err = e.store.View(ctx, func(r store.Reader) error {
		clear(rows)
		for _, y := range taken {
			if m, ok := store.Load[message](r, store.Key(y.key)); ok {
				rows[y.key] = m
			}
		}
		return nil
	})
	if err != nil {
		return back(err)
	}
	type arrivals struct {
		q  *queue
		ms []*message
	}
	into := map[string]*arrivals{} // by ARN
	var order []*arrivals
	target := make([]*arrivals, len(taken))
	ids := make([]string, len(taken))
	for i, y := range taken {
		m := rows[y.key]
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
		a := into[arn]
		if a == nil {
			q, err := e.byARN(ctx, arn)
			if err != nil {
				return back(err)
			}
			a = &arrivals{q: q}
			into[arn], order = a, append(order, a)
		}
		target[i], ids[i] = a, env.NewID(e.env)
	}
	k := taskKey(src.Account, src.Region, t.ID)
	moved := 0
	var left, gone []string
	var hidden []received
	err = e.store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		moved, left, gone, hidden = 0, nil, nil, nil
		if err := e.fence(tx, src.Account); err != nil {
			return err
		}
		cur, ok := store.Load[moveTask](tx, k)
		if !ok {
			return errStale
		}
		if stillThere(tx, src) != nil {
			return errStale
		}
		for _, a := range order {
			a.ms = nil
			if stillThere(tx, a.q) != nil {
				return errStale
			}
		}
		for i, y := range taken {
			m, ok := store.Load[message](tx, store.Key(y.key))
			switch {
			case !ok || target[i] == nil:
				gone = append(gone, y.key)
				continue
			case m.VisibleAt.After(now): // somebody received it
				hidden = append(hidden, received{m, y.key})
				continue
			}
			c := *m
			c.ID, c.Source, c.Received, c.FirstSeen, c.VisibleAt, c.Sent = ids[i], "", 0, time.Time{}, now, now
			tx.Delete(store.Key(y.key))
			store.Put(tx, messageKey(target[i].q, c.Sent, c.ID), &c)
			target[i].ms = append(target[i].ms, &c)
			left = append(left, y.key)
			moved++
		}
		cur.Moved += int64(moved)
		store.Put(tx, k, cur)
		return nil
	})
	if err != nil {
		e.forget(src)
		for _, a := range order {
			e.forget(a.q)
		}
		return 0, err
	}
	x.mu.Lock()
	for _, y := range append(left, gone...) {
		x.removed(y)
	}
	for _, h := range hidden {
		x.changed(h.key, h.m.VisibleAt, h.m.Received, now)
	}
	x.mu.Unlock()
	for _, a := range order {
		e.tell(a.q, a.ms, now)
	}
	return len(taken), nil
}
