package iam

import (
	"context"
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	iamapi "virga/api/iam"
	"virga/internal/auth"
	"virga/internal/authority"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits (IAM User Guide, IAM and AWS STS quotas).
const (
	usersMax        = 5000
	groupsMax       = 300
	rolesMax        = 1000
	policiesMax     = 1500
	attachedMax     = 10
	versionsMax     = 5
	keysMax         = 2
	groupsOfUserMax = 10
	tagsMax         = 50
	managedSizeMax  = 6144
	trustSizeMax    = 2048
	userInlineMax   = 2048
	groupInlineMax  = 5120
	roleInlineMax   = 10240
	inlineBytesMax  = 1 << 20 // white space included; IAM has no such limit
	pageDefault     = 100
	sessionDefault  = 3600
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
	Auth   *auth.Auth
	Domain string // of the server: a service principal X.Domain is X.amazonaws.com
}

// Service is IAM.
type Service struct{ cfg Config }

var (
	_ iamapi.Server       = (*Service)(nil)
	_ authority.Directory = (*Service)(nil)
)

// New makes the service.
func New(cfg Config) *Service { return &Service{cfg} }

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Forget: forget, Model: &iamapi.Model, Handlers: iamapi.Handlers(s), Types: types()}
}

// newID draws a unique id: AIDA… of a user, AGPA… of a group, AROA… of a role, ANPA… of a policy.
func (s *Service) newID(prefix string) string {
	return prefix + env.NewName(s.cfg.Env, env.Upper32, 17)
}

// now is the time as IAM keeps it.
func (s *Service) now() time.Time { return s.cfg.Env.Now().Truncate(time.Second) }

func (s *Service) view(ctx context.Context, fn func(r store.Reader) error) error {
	return s.cfg.Store.View(ctx, fn)
}

// change runs fn on one entity and writes it back, under a new epoch of the account's authority.
func (s *Service) change(ctx context.Context, kind, name string, fn func(tx store.Tx, e *entity) error) error {
	c := wire.CallOf(ctx)
	k := entityKey(c.Account, kind, name)
	return s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		e, ok := store.Load[entity](tx, k)
		if !ok {
			return noEntity(kind, name)
		}
		if err := fn(tx, e); err != nil {
			return err
		}
		store.Put(tx, k, e)
		tx.Bump(authority.Scope(c.Account))
		return nil
	})
}

// look runs fn on one entity.
func (s *Service) look(ctx context.Context, kind, name string, fn func(r store.Reader, e *entity) error) error {
	c := wire.CallOf(ctx)
	return s.view(ctx, func(r store.Reader) error {
		e, ok := loadEntity(r, c.Account, kind, name)
		if !ok {
			return noEntity(kind, name)
		}
		return fn(r, e)
	})
}

// count raises or lowers a number of the account's quota; over max it fails with AWS's words.
func count(tx store.Tx, account, what string, by, max int64) error {
	q, ok := store.Load[quota](tx, quotaKey(account))
	if !ok {
		q = &quota{}
	}
	n := map[string]*int64{"Users": &q.Users, "Groups": &q.Groups, "Roles": &q.Roles, "Policies": &q.Policies}[what]
	if *n += by; by > 0 && *n > max {
		return overQuota(what+"PerAccount", max)
	}
	store.Put(tx, quotaKey(account), q)
	return nil
}

func overQuota(what string, max int64) error {
	return &iamapi.LimitExceededException{Message: "Cannot exceed quota for " + what + ": " + strconv.FormatInt(max, 10)}
}

func noEntity(kind, name string) error {
	return &iamapi.NoSuchEntityException{Message: "The " + kind + " with name " + name + " cannot be found."}
}

func noPolicy(arn string) error {
	return &iamapi.NoSuchEntityException{Message: "Policy " + arn + " was not found."}
}

func notAttachable(arn string) error {
	return &iamapi.NoSuchEntityException{Message: "Policy " + arn + " does not exist or is not attachable."}
}

func conflict(why string) error { return &iamapi.DeleteConflictException{Message: why} }

// encoded is a document as answers carry it: percent-encoded (RFC 3986).
func encoded(doc string) *string {
	return wire.P(strings.ReplaceAll(url.QueryEscape(doc), "+", "%20"))
}

var policyARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[\x21-\x7e]+$`)

// checkPolicyARN refuses what is no ARN of a managed policy.
func checkPolicyARN(arn string) error {
	if part := strings.SplitN(arn, ":", 6); len(part) != 6 || part[0] != "arn" {
		return wire.Invalid("Invalid ARN:  Could not be parsed!")
	}
	if !policyARN.MatchString(arn) {
		return &iamapi.InvalidInputException{Message: "ARN " + arn + " is not valid."}
	}
	return nil
}

// isAWS tells whether an ARN is one of AWS's managed policies.
func isAWS(arn string) bool { return strings.HasPrefix(arn, "arn:aws:iam::aws:policy/") }

// page cuts a list: each entry is offered with a name that tells where the next page goes on.
type page struct {
	s      *Service
	c      *wire.Call
	query  string
	after  string
	max    int
	n      int
	last   string
	isMore bool
}

// newPage opens a page where marker says.
func (s *Service) newPage(ctx context.Context, query string, marker *string, maxItems *int32) (*page, error) {
	p := &page{s: s, c: wire.CallOf(ctx), query: query, max: int(wire.Or(maxItems, pageDefault))}
	if marker == nil {
		return p, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*marker)
	if err == nil {
		b, err = s.cfg.Sealer.OpenToken(p.c.Account, p.seal(), b)
	}
	if err != nil {
		return nil, wire.Invalid("Invalid Marker.")
	}
	p.after = string(b)
	return p, nil
}

func (p *page) seal() string { return "iam/" + p.c.Operation + "/" + p.query }

// reset begins anew, for a transaction's function may run again.
func (p *page) reset() { p.n, p.last, p.isMore = 0, "", false }

// take tells whether an entry belongs to the page; more is whether the list goes on.
func (p *page) take(name string) (mine, more bool) {
	if p.n == p.max {
		p.isMore = true
		return false, false
	}
	p.n++
	p.last = name
	return true, true
}

// end gives IsTruncated and Marker.
func (p *page) end() (*bool, *string, error) {
	if !p.isMore {
		return wire.P(false), nil, nil
	}
	b, err := p.s.cfg.Sealer.SealToken(p.c.Account, p.seal(), []byte(p.last))
	return wire.P(true), wire.P(base64.RawURLEncoding.EncodeToString(b)), err
}

// span is the part of a prefix that follows the page's beginning; last is the part of a key behind base.
func (p *page) span(base store.Key) store.Span {
	if p.after == "" {
		return store.Prefix(base)
	}
	return store.After(base, base.Str(p.after))
}

// number is the place in a list that is no span of keys.
func (p *page) number() int {
	n, _ := strconv.Atoi(p.after)
	return n
}

// cut gives the page of a list in memory.
func cut[T any](p *page, l []T) []T {
	p.reset()
	out := []T{}
	for i := p.number(); i < len(l); i++ {
		mine, more := p.take(strconv.Itoa(i + 1))
		if mine {
			out = append(out, l[i])
		}
		if !more {
			break
		}
	}
	return out
}
