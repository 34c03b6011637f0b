package sqs

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"
	"sync"

	sqsapi "virga/api/sqs"
	"virga/internal/console/panel"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/job"
	"virga/internal/peer"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/wire"
)

// Sealer seals tokens; seal.Sealer is one.
type Sealer interface {
	SealToken(account, context string, plain []byte) ([]byte, error)
	OpenToken(account, context string, sealed []byte) ([]byte, error)
}

// Config joins the service.
type Config struct {
	Env    env.Env
	Store  store.Store
	Leases *peer.Leases
	// Network carries what another node's shards are asked for; nil where there is one node.
	Network peer.Network
	Sealer  Sealer
}

// Service is SQS.
type Service struct {
	cfg Config
	eng *engine

	mu    sync.Mutex // never held across a wait
	cache map[string]cached
}

type cached struct {
	epoch uint64
	q     *queue // nil: there is none
}

const cacheMax = 10_000

var _ sqsapi.Server = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, cache: map[string]cached{}}
	s.eng = &engine{env: cfg.Env, store: cfg.Store, leases: cfg.Leases, network: cfg.Network, find: s.find, room: indexMax, indexes: map[string]*index{}}
	return s
}

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Model: &sqsapi.Model, Handlers: sqsapi.Handlers(s), Types: []resource.Type{queueType{}, queuePolicyType{}}, Panels: []panel.Panel{consolePanel()},
		Jobs: map[string]job.Kind{retainKind: retain{s}, discardKind: discard{}, moveKind: &move{s}},
		DataEvents: []string{"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
			"ChangeMessageVisibility", "ChangeMessageVisibilityBatch"}}
}

// Start seeks the shards of the queues; planes own the goroutines.
func (s *Service) Start() {
	for i := range uint16(shardsOfQueues) {
		s.cfg.Env.Go("lease "+shardName(i), func(ctx context.Context) { s.cfg.Leases.Seek(ctx, shardName(i)) })
	}
}

// locate reads account and name from a queue URL; any host will do, for URLs are handed about between networks.
func locate(queueURL string) (account, name string, err error) {
	if queueURL == "" {
		return "", "", missing("QueueUrl")
	}
	u, e := url.Parse(queueURL)
	if e != nil {
		return "", "", badAddress(queueURL)
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 {
		return "", "", badAddress(queueURL)
	}
	account, name = parts[len(parts)-2], parts[len(parts)-1]
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" || name == "" {
		return "", "", badAddress(queueURL)
	}
	return account, name, nil
}

func badAddress(u string) error {
	return wire.Errorf("InvalidAddress", 404, "The address %s is not valid for this endpoint.", u)
}

// find reads a queue's record, from the cache while its account's epoch stands. The record must not be changed.
func (s *Service) find(ctx context.Context, account, region, name string) (*queue, error) {
	epoch, err := s.cfg.Store.Epoch(ctx, queueScope(account))
	if err != nil {
		return nil, err
	}
	id := account + "\x00" + region + "\x00" + name
	s.mu.Lock()
	c, ok := s.cache[id]
	s.mu.Unlock()
	if ok && c.epoch == epoch {
		if c.q == nil {
			return nil, noQueue()
		}
		return c.q, nil
	}
	var q *queue
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		q, _ = store.Load[queue](r, queueKey(account, region, name))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if len(s.cache) >= cacheMax {
		clear(s.cache)
	}
	s.cache[id] = cached{epoch, q}
	s.mu.Unlock()
	if q == nil {
		return nil, noQueue()
	}
	return q, nil
}

// byURL finds the queue of a URL in the call's region.
func (s *Service) byURL(ctx context.Context, queueURL string) (*queue, error) {
	account, name, err := locate(queueURL)
	if err != nil {
		return nil, err
	}
	q, err := s.find(ctx, account, wire.CallOf(ctx).Region, name)
	if err == nil || wire.CallOf(ctx).Service == "" {
		return q, err
	}
	return nil, err
}

// byARN finds a queue by its ARN.
func (s *Service) byARN(ctx context.Context, arn string) (*queue, error) {
	return s.eng.byARN(ctx, arn)
}

// need adds the requirement of an action on the queue of a URL.
func (s *Service) need(ctx context.Context, r *wire.Requirements, queueURL string, actions ...string) error {
	account, name, err := locate(queueURL)
	if err != nil {
		return err
	}
	return s.needQueue(ctx, r, account, name, actions...)
}

func (s *Service) needQueue(ctx context.Context, r *wire.Requirements, account, name string, actions ...string) error {
	c := wire.CallOf(ctx)
	policy := ""
	if q, err := s.find(ctx, account, c.Region, name); err == nil {
		policy = q.Policy
	}
	for _, a := range actions {
		n := r.Need("sqs:"+a, "arn:aws:sqs:"+c.Region+":"+account+":"+name)
		n.ResourcePolicy, n.ResourceAccount = policy, account
	}
	return nil
}

func queueURL(c *wire.Call, q *queue) string { return c.BaseURL + "/" + q.Account + "/" + q.Name }

// seal makes a token bound to its use; open is its inverse.
func (s *Service) seal(account, use string, plain []byte) (string, error) {
	b, err := s.cfg.Sealer.SealToken(account, "sqs/"+use, plain)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

func (s *Service) open(account, use, token string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return nil, false
	}
	plain, err := s.cfg.Sealer.OpenToken(account, "sqs/"+use, b)
	return plain, err == nil
}
