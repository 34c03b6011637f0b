package sqs

import (
	"context"
	"fmt"
	"time"

	"virga/internal/store"
)

// A request is what the owner of a queue's shard does, wherever it was asked for: operations and steps run on any node.
// Its fields are values and records, so that it can be sent.
type request interface {
	do(ctx context.Context, e *engine) (any, error)
}

type (
	sendRequest struct {
		Queue    *queue
		Messages []*message
	}
	pollRequest struct {
		Queue      *queue
		Max        int
		Visibility time.Duration
		Until      time.Time
	}
	removeRequest struct {
		Queue *queue
		Keys  []string
	}
	changeRequest struct {
		Queue      *queue
		Keys       []string
		Visibility []time.Duration
	}
	countRequest struct{ Queue *queue }
	moveRequest  struct {
		Source *queue
		Task   *moveTask
		Limit  int
	}
)

type counted struct{ visible, inFlight, delayed int64 }

func (r sendRequest) do(ctx context.Context, e *engine) (any, error) {
	return r.Messages, e.send(ctx, r.Queue, r.Messages)
}

func (r pollRequest) do(ctx context.Context, e *engine) (any, error) {
	return e.poll(ctx, r.Queue, r.Max, r.Visibility, r.Until)
}

func (r removeRequest) do(ctx context.Context, e *engine) (any, error) {
	return nil, e.remove(ctx, r.Queue, r.Keys)
}

func (r changeRequest) do(ctx context.Context, e *engine) (any, error) {
	return e.change(ctx, r.Queue, r.Keys, r.Visibility)
}

func (r countRequest) do(ctx context.Context, e *engine) (any, error) {
	v, f, d, err := e.counts(ctx, r.Queue)
	return counted{v, f, d}, err
}

func (r moveRequest) do(ctx context.Context, e *engine) (any, error) {
	return e.moveBatch(ctx, r.Source, r.Task, r.Limit)
}

// ask has the owner of a queue's shard do a request. It waits a lease's term at most for an owner.
func ask[T any](ctx context.Context, e *engine, q *queue, r request) (out T, err error) {
	shard := shardName(shardOf(q.Account))
	var v any
	if _, ok := e.owns(q.Account); ok && (e.network == nil || e.unfenced) {
		v, err = r.do(ctx, e)
	} else {
		v, err = e.leases.OnOwner(ctx, e.network, shard, r, func(ctx context.Context) (any, error) { return r.do(ctx, e) })
	}
	out, _ = v.(T)
	return out, err
}

// ServePeer does what another node asks of this one as the owner of a shard.
func (s *Service) ServePeer(ctx context.Context, req any) (any, error) {
	store.MustNotBeInTx(ctx, "a request of another node")
	r, ok := req.(request)
	if !ok {
		return nil, fmt.Errorf("sqs: request %T of another node", req)
	}
	return r.do(ctx, s.eng)
}
