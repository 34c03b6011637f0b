package apigatewayv2

import (
	"context"
	"encoding/base64"
	"log/slog"
	"strconv"

	v2api "virga/api/apigatewayv2"
	lambdaapi "virga/api/lambda"
	"virga/internal/env"
	"virga/internal/execute"
	"virga/internal/gate"
	"virga/internal/pagetoken"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits (Amazon API Gateway Developer Guide, Quotas for configuring and running an HTTP API).
const (
	apisMax         = 600
	routesMax       = 300
	integrationsMax = 300
	authorizersMax  = 10
	stagesMax       = 10
	deploymentsMax  = 300
	tagsMax         = 50
	timeoutMax      = 30_000 // milliseconds
	timeoutMin      = 50
	pageMax         = 500
	pageDefault     = 100
	variablesMax    = 100
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
	// Lambda invokes functions in the name of apigateway.amazonaws.com.
	Lambda wire.Invoker
	// Callers tells who signed a request to an API with IAM authorization.
	Callers execute.Callers
	// Roles takes on the roles of integrations and authorizers; nil: they are refused.
	Roles execute.Roles
	Log   *slog.Logger
}

// Service is HTTP APIs.
type Service struct {
	cfg       Config
	functions *lambdaapi.Client
}

var _ v2api.Server = (*Service)(nil)
var _ execute.Finder = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: cfg, functions: &lambdaapi.Client{Invoker: cfg.Lambda}}
}

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Forget: forget, Model: &v2api.Model, Handlers: v2api.Handlers(s), Types: types()}
}

func bad(format string, a ...any) error {
	return &v2api.BadRequestException{Message: sprintf(format, a...)}
}

func missing(format string, a ...any) error {
	return &v2api.NotFoundException{Message: sprintf(format, a...)}
}

func tooMany(what string, max int) error {
	return wire.Errorf("LimitExceededException", 429, "Maximum number of %s for this API has been reached. Please contact AWS if you need additional %s. The limit is %d.", what, what, max)
}

// page cuts a list: a token says after which id it goes on.
func page[T any](s *Service, c *wire.Call, query string, list []T, id func(*T) string, maxResults, token *string) ([]T, *string, error) {
	n := pageDefault
	if maxResults != nil && *maxResults != "" {
		v, err := strconv.Atoi(*maxResults)
		if err != nil || v < 1 || v > pageMax {
			return nil, nil, bad("Invalid value for maxResults: %s", *maxResults)
		}
		n = v
	}
	out, next, ok, err := pagetoken.Cut(pagetoken.Tokens{Sealer: s.cfg.Sealer, Service: "apigatewayv2", Encoding: base64.RawURLEncoding}, c, query, token, list, id, n)
	if !ok {
		return nil, nil, bad("Invalid nextToken")
	}
	return out, next, err
}

func scopeOf(ctx context.Context, id string) scope {
	c := wire.CallOf(ctx)
	return scope{c.Account, c.Region, id}
}

// load reads an API of the caller's.
func load(r store.Reader, sc scope) (*api, error) {
	a, ok := store.Load[api](r, sc.key())
	if !ok {
		return nil, missing("Invalid API identifier specified %s:%s", sc.account, sc.api)
	}
	return a, nil
}

// change changes an API: fn works on its parts; what it leaves is deployed to the stages that deploy automatically,
// and what was compiled of it is stale.
func (s *Service) change(ctx context.Context, id string, fn func(tx store.Tx, sc scope, a *api) error) error {
	sc := scopeOf(ctx, id)
	now := s.cfg.Env.Now()
	fresh := env.NewName(s.cfg.Env, env.AlnumLow, 6)
	return s.cfg.Store.Update(ctx, []store.Key{sc.key()}, func(tx store.Tx) error {
		a, err := load(tx, sc)
		if err != nil {
			return err
		}
		if err := fn(tx, sc, a); err != nil {
			return err
		}
		autoDeploy(tx, sc, a, fresh, now)
		tx.Bump(execute.Scope(id))
		return nil
	})
}

func (s *Service) view(ctx context.Context, id string, fn func(r store.Reader, sc scope, a *api) error) error {
	sc := scopeOf(ctx, id)
	return s.cfg.Store.View(ctx, func(r store.Reader) error {
		a, err := load(r, sc)
		if err != nil {
			return err
		}
		return fn(r, sc, a)
	})
}

func (s *Service) newID(ctx context.Context, n int, purpose string) string {
	return execute.ID(s.cfg.Env, wire.CallOf(ctx), n, purpose)
}
