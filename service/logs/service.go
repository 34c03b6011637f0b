package logs

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"

	logsapi "virga/api/logs"
	"virga/internal/console/panel"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/job"
	"virga/internal/pagetoken"
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
	Sealer Sealer
}

// Service is CloudWatch Logs.
type Service struct {
	cfg   Config
	codec codec
	tails tails
	used  counter

	scanBytes int64 // ScanBytesMax; less in tests

	mu    sync.Mutex // never held across a wait
	cache map[string]cached
}

type cached struct {
	epoch uint64
	g     *group // nil: there is none
}

const (
	cacheMax = 10_000
	nameMax  = 512
	tagsMax  = 50
	idLen    = 16
)

var _ logsapi.Server = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, codec: newCodec(), scanBytes: ScanBytesMax, cache: map[string]cached{}}
	s.tails.init(cfg.Env)
	s.used.init()
	return s
}

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Model: &logsapi.Model, Handlers: logsapi.Handlers(s),
		Jobs:       map[string]job.Kind{retainKind: retain{}, discardKind: discard{}},
		DataEvents: []string{"PutLogEvents", "GetLogEvents", "FilterLogEvents"},
		Types:      []resource.Type{groupType{}, streamType{}},
		Panels:     []panel.Panel{consolePanel()}}
}

func noGroup() error {
	return &logsapi.ResourceNotFoundException{Message: "The specified log group does not exist."}
}

func noStream() error {
	return &logsapi.ResourceNotFoundException{Message: "The specified log stream does not exist."}
}

func bad(message string) error { return &logsapi.InvalidParameterException{Message: message} }

// namesOK checks the length of names, which the service words itself.
func namesOK(names ...string) error {
	for _, n := range names {
		if len(n) > nameMax {
			return bad("Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
		}
	}
	return nil
}

// find reads a group's record, from the cache while its account's epoch stands. The record must not be changed.
func (s *Service) find(ctx context.Context, account, region, name string) (*group, error) {
	epoch, err := s.cfg.Store.Epoch(ctx, groupScope(account))
	if err != nil {
		return nil, err
	}
	id := account + "\x00" + region + "\x00" + name
	s.mu.Lock()
	c, ok := s.cache[id]
	s.mu.Unlock()
	if ok && c.epoch == epoch {
		if c.g == nil {
			return nil, noGroup()
		}
		return c.g, nil
	}
	var g *group
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		g, _ = store.Load[group](r, groupKey(account, region, name))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if len(s.cache) >= cacheMax {
		clear(s.cache)
	}
	s.cache[id] = cached{epoch, g}
	s.mu.Unlock()
	if g == nil {
		return nil, noGroup()
	}
	return g, nil
}

// Resource ARNs. What policies name is the group with ":*" behind it, which AWS matches against
// log-group:NAME:log-stream:STREAM, with an empty stream for what concerns the group alone; the tagging operations name the
// bare group (Amazon CloudWatch Logs User Guide, Overview of managing access permissions).

func groupARN(account, region, name string) string {
	return "arn:aws:logs:" + region + ":" + account + ":log-group:" + name
}

func streamARN(account, region, group, stream string) string {
	return groupARN(account, region, group) + ":log-stream:" + stream
}

// ident is a group as a call names it.
type ident struct{ account, region, name string }

// identify reads a group's name or its ARN, with ":*" behind it or without.
func identify(c *wire.Call, s string) (ident, error) {
	if !strings.HasPrefix(s, "arn:") {
		return ident{c.Account, c.Region, s}, nil
	}
	p := strings.SplitN(s, ":", 7)
	if len(p) != 7 || p[2] != "logs" || p[5] != "log-group" || p[6] == "" || len(p[4]) != 12 {
		return ident{}, bad("The specified resource ARN is not valid: " + s)
	}
	name := strings.TrimSuffix(p[6], ":*")
	if strings.ContainsAny(name, ":*") || name == "" {
		return ident{}, bad("The specified resource ARN is not valid: " + s)
	}
	return ident{p[4], p[3], name}, nil
}

// either reads logGroupName and logGroupIdentifier, of which a call has one.
func either(c *wire.Call, name, id *string) (ident, error) {
	switch {
	case name != nil && id != nil:
		return ident{}, &logsapi.ValidationException{Message: "LogGroup name and LogGroup ARN are mutually exclusive parameters."}
	case name != nil:
		return ident{c.Account, c.Region, *name}, namesOK(*name)
	case id != nil:
		i, err := identify(c, *id)
		if err == nil {
			err = namesOK(i.name)
		}
		return i, err
	}
	return ident{}, bad("At least one of logGroupName and logGroupIdentifier must be specified.")
}

// own finds a group that a call names; those of other accounts or regions are not there for it.
func (s *Service) own(ctx context.Context, i ident) (*group, error) {
	c := wire.CallOf(ctx)
	if i.account != c.Account || i.region != c.Region {
		return nil, noGroup()
	}
	return s.find(ctx, i.account, i.region, i.name)
}

// need adds the requirement of an action on a stream of a group ("" for the group alone), with the group's tags.
func (s *Service) need(ctx context.Context, r *wire.Requirements, action string, i ident, stream string) {
	s.needOn(ctx, r, action, i, streamARN(i.account, i.region, i.name, stream))
}

func (s *Service) needOn(ctx context.Context, r *wire.Requirements, action string, i ident, arn string) {
	n := r.Need("logs:"+action, arn)
	if g, err := s.find(ctx, i.account, i.region, i.name); err == nil {
		for k, v := range g.Tags {
			n.Conditions = append(n.Conditions, wire.Condition{Key: "aws:ResourceTag/" + k, Values: []string{v}})
		}
	}
}

func (s *Service) pages() pagetoken.Tokens {
	return pagetoken.Tokens{Sealer: s.cfg.Sealer, Service: "logs", Encoding: base64.RawURLEncoding}
}

func (s *Service) token(c *wire.Call, query string, at []byte) (string, error) {
	t, err := s.pages().Seal(c, query, string(at))
	return wire.V(t), err
}

func (s *Service) untoken(c *wire.Call, query, t string) ([]byte, error) {
	at, ok := s.pages().Open(c, query, &t)
	if !ok || t == "" {
		return nil, bad("The specified nextToken is invalid.")
	}
	return []byte(at), nil
}
