package apigateway

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"

	restapi "virga/api/apigateway"
	lambdaapi "virga/api/lambda"
	"virga/internal/env"
	"virga/internal/execute"
	"virga/internal/gate"
	"virga/internal/pagetoken"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits (Amazon API Gateway Developer Guide, Quotas for configuring and running a REST API).
const (
	apisMax        = 600
	resourcesMax   = 300
	stagesMax      = 10
	authorizersMax = 10
	modelsMax      = 300
	deploymentsMax = 300
	tagsMax        = 50
	timeoutDefault = 29_000 // milliseconds
	timeoutMax     = 29_000
	timeoutMin     = 50
	pageDefault    = 25
	pageMax        = 500
	policyBytesMax = 8192
	variablesMax   = 100
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
	// Callers tells who signed a request to a method with IAM authorization.
	Callers execute.Callers
	// Roles takes on the roles of integrations and authorizers; nil: they are refused.
	Roles execute.Roles
	Log   *slog.Logger
}

// Service is REST APIs.
type Service struct {
	cfg       Config
	functions *lambdaapi.Client
}

var _ restapi.Server = (*Service)(nil)
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
	return gate.Parts{Forget: forget, Model: &restapi.Model, Handlers: restapi.Handlers(s), DataEvents: []string{"TestInvokeMethod"}, Types: types(s)}
}

func bad(format string, a ...any) error {
	if len(a) > 0 {
		format = fmt.Sprintf(format, a...)
	}
	return &restapi.BadRequestException{Message: format}
}

func missing(format string, a ...any) error {
	if len(a) > 0 {
		format = fmt.Sprintf(format, a...)
	}
	return &restapi.NotFoundException{Message: format}
}

func conflict(format string, a ...any) error {
	return &restapi.ConflictException{Message: fmt.Sprintf(format, a...)}
}

func tooMany(what string, max int) error {
	return &restapi.LimitExceededException{Message: fmt.Sprintf("Maximum number of %s for this API has been reached. Please contact AWS if you need additional %s. The limit is %d.", what, what, max)}
}

func scopeOf(ctx context.Context, id string) scope {
	c := wire.CallOf(ctx)
	return scope{c.Account, c.Region, id}
}

func load(r store.Reader, sc scope) (*restAPI, error) {
	a, ok := store.Load[restAPI](r, sc.key())
	if !ok {
		return nil, missing("Invalid API identifier specified %s:%s", sc.account, sc.api)
	}
	return a, nil
}

// change changes an API in one transaction. What was compiled of it is stale afterwards.
func (s *Service) change(ctx context.Context, id string, fn func(tx store.Tx, sc scope, a *restAPI) error) error {
	sc := scopeOf(ctx, id)
	return s.cfg.Store.Update(ctx, []store.Key{sc.key()}, func(tx store.Tx) error {
		a, err := load(tx, sc)
		if err != nil {
			return err
		}
		if err := fn(tx, sc, a); err != nil {
			return err
		}
		tx.Bump(execute.Scope(id))
		return nil
	})
}

func (s *Service) view(ctx context.Context, id string, fn func(r store.Reader, sc scope, a *restAPI) error) error {
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

// random gives an identifier for what an import makes: a repeat of it puts new ones in the old ones' place.
func (s *Service) random(n int) string { return env.NewName(s.cfg.Env, env.AlnumLow, n) }

// page cuts a list at its limit; position says after which id it goes on.
func page[T any](s *Service, c *wire.Call, query string, list []T, id func(*T) string, limit *int32, position *string) ([]T, *string, error) {
	n := int(wire.Or(limit, pageDefault))
	if n < 1 || n > pageMax {
		n = min(max(n, 1), pageMax)
	}
	out, next, ok, err := pagetoken.Cut(pagetoken.Tokens{Sealer: s.cfg.Sealer, Service: "apigateway", Encoding: base64.RawURLEncoding}, c, query, position, list, id, n)
	if !ok {
		return nil, nil, bad("Invalid position parameter")
	}
	return out, next, err
}
