package cloudformation

import (
	"context"
	"encoding/base64"
	"regexp"
	"strings"
	"sync"

	cfnapi "virga/api/cloudformation"
	"virga/internal/auth"
	"virga/internal/console/panel"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/job"
	"virga/internal/pagetoken"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/template"
	"virga/internal/template/schema"
	"virga/internal/wire"
)

// Principal is CloudFormation's service principal.
const Principal = "cloudformation.amazonaws.com"

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
	// Forward calls other services with the caller's own context, in CloudFormation's name.
	Forward wire.Invoker
	// Role calls as a session of a role that trusts CloudFormation.
	Role func(ctx context.Context, roleARN, session string) (wire.Invoker, error)
	// Transform processes AWS::Serverless-2016-10-31.
	Transform func(ctx context.Context, t template.MacroCall, env template.Env) (template.Value, error)
	// ResponseBase is where custom resources send their answers, as code inside a sandbox reaches it; "" = as the
	// stack's caller spoke to the server.
	ResponseBase string
	// Twice does every step of a resource twice with one effect id, as a crash between doing and recording does. Only the
	// test of resource types sets it.
	Twice bool
}

// Service is CloudFormation.
type Service struct {
	cfg   Config
	types map[string]resource.Type

	schemas schema.Cache

	mu    sync.Mutex // never held across a wait
	bound map[string]*template.Bound
}

const boundMax = 256

var _ cfnapi.Server = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, types: map[string]resource.Type{}, bound: map[string]*template.Bound{}}
}

// Add joins resource types; internal/cloud hands over those of all services.
func (s *Service) Add(types []resource.Type) {
	for _, t := range types {
		if s.types[t.Name()] != nil {
			panic("cloudformation: the resource type " + t.Name() + " comes twice")
		}
		s.types[t.Name()] = t
	}
}

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Model: &cfnapi.Model, Handlers: cfnapi.Handlers(s), Jobs: map[string]job.Kind{stackKind: &coordinator{s}, resourceKind: &worker{s}},
		Types:  []resource.Type{customType{s}, handleType{s}, waitType{s}},
		Panels: []panel.Panel{consolePanel()}}
}

// typeOf finds a resource type; Custom::Anything is a custom resource.
func (s *Service) typeOf(name string) resource.Type {
	if strings.HasPrefix(name, "Custom::") {
		name = customName
	}
	return s.types[name]
}

var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*$`)

func invalid(format string, a ...any) error {
	return wire.Errorf("ValidationError", 400, format, a...)
}

func noStack(name string) error { return invalid("Stack with id %s does not exist", name) }

// idOf reads the uuid and name out of a stack's ARN.
func idOf(arn string) (name, id string, ok bool) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[2] != "cloudformation" {
		return "", "", false
	}
	q := strings.Split(p[5], "/")
	if len(q) != 3 || q[0] != "stack" {
		return "", "", false
	}
	return q[1], q[2], true
}

// load finds a stack by name or ARN: by name only one that is not deleted. Nil where there is none.
func load(r store.Reader, c *wire.Call, name string) *stack {
	id := ""
	if strings.HasPrefix(name, "arn:") {
		_, x, ok := idOf(name)
		if !ok || strings.Split(name, ":")[3] != c.Region || strings.Split(name, ":")[4] != c.Account {
			return nil
		}
		id = x
	} else if b, ok := r.Get(nameKey(c.Account, c.Region, name)); ok {
		id = string(b)
	} else {
		return nil
	}
	s, ok := store.Load[stack](r, stackKey(c.Account, c.Region, id))
	if !ok {
		return nil
	}
	return s
}

// find is load on a snapshot; it refuses a name that is no stack's.
func (s *Service) find(ctx context.Context, name string) (*stack, error) {
	c := wire.CallOf(ctx)
	var st *stack
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		st = load(r, c, name)
		return nil
	})
	if err == nil && st == nil {
		err = noStack(name)
	}
	return st, err
}

// need adds the requirement of an action on a stack.
func (s *Service) need(ctx context.Context, r *wire.Requirements, action, name string, conditions ...wire.Condition) error {
	c := wire.CallOf(ctx)
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		arn = "arn:aws:cloudformation:" + c.Region + ":" + c.Account + ":stack/" + name + "/*"
	}
	if st, err := s.find(ctx, name); err == nil {
		arn = st.arn()
	}
	r.Need("cloudformation:"+action, arn, conditions...)
	return nil
}

// passRole adds the requirement of giving a role to a stack.
func passRole(r *wire.Requirements, role *string) {
	if wire.V(role) != "" {
		r.Need("iam:PassRole", *role, wire.Condition{Key: "iam:PassedToService", Values: []string{Principal}})
	}
}

func (s *Service) pages() pagetoken.Tokens {
	return pagetoken.Tokens{Sealer: s.cfg.Sealer, Service: "cloudformation", Encoding: base64.RawURLEncoding}
}

func (s *Service) untoken(c *wire.Call, query string, t *string) (string, error) {
	at, ok := s.pages().Open(c, query, t)
	if !ok {
		return "", invalid("Invalid NextToken")
	}
	return at, nil
}

// page lists records below prefix from behind a token.
func page[T any](ctx context.Context, s *Service, prefix store.Key, query string, token *string, max int, reverse bool, keep func(v *T) bool) (out []T, next *string, err error) {
	c := wire.CallOf(ctx)
	after, err := s.untoken(c, query, token)
	if err != nil {
		return nil, nil, err
	}
	var last store.Key
	more := false
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		out, last, more = nil, nil, false
		span := store.Prefix(prefix)
		if after != "" && reverse {
			span.To = store.Key(after)
		} else if after != "" {
			span = store.After(prefix, store.Key(after))
		}
		span.Reverse = reverse
		store.Each(r, span, func(k store.Key, v *T) bool {
			if keep != nil && !keep(v) {
				return true
			}
			if len(out) == max {
				more = true
				return false
			}
			out = append(out, *v)
			last = append(store.Key{}, k...)
			return true
		})
		return nil
	})
	if err == nil && more {
		next, err = s.pages().Seal(c, query, string(last))
	}
	return out, next, err
}

// as is a context that calls in the name of a stack operation: account and region are the stack's, the caller whoever
// asked for the operation.
func (s *Service) as(ctx context.Context, st *stack, by *auth.Delegation) context.Context {
	now := s.cfg.Env.Wall()
	return wire.WithCall(ctx, &wire.Call{Account: st.Account, Region: st.Region, Partition: "aws", Domain: st.Domain, BaseURL: st.BaseURL, RequestID: env.NewID(s.cfg.Env), Time: now,
		Principal: by.Principal(now), Service: "cloudformation", Operation: "StackOperation", UserAgent: Principal})
}

// invoker gives what the operation calls other services with.
func (s *Service) invoker(ctx context.Context, role string) (wire.Invoker, error) {
	if role == "" {
		return s.cfg.Forward, nil
	}
	return s.cfg.Role(ctx, role, "AWSCloudFormation")
}
