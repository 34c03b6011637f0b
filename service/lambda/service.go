package lambda

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	lambdaapi "virga/api/lambda"
	"virga/internal/blob"
	"virga/internal/compute"
	"virga/internal/console/panel"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/job"
	"virga/internal/pagetoken"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/wire"
)

const latest = "$LATEST"

// Principal is Lambda's service principal.
const Principal = "lambda.amazonaws.com"

// Sealer seals tokens; seal.Sealer is one.
type Sealer interface {
	SealToken(account, context string, plain []byte) ([]byte, error)
	OpenToken(account, context string, sealed []byte) ([]byte, error)
}

// environments runs functions; compute.Plane is one.
type environments interface {
	Invoke(ctx context.Context, f *compute.Function, in compute.Invocation) (*compute.Result, error)
	// Prepare unpacks a function's code and says what is wrong with it.
	Prepare(ctx context.Context, f *compute.Function) error
	// Runtime tells whether a runtime of that name can run here; interpreted ones run on either architecture.
	Runtime(name string) (known, available, interpreted bool)
	// Retire ends what is idle of a function that was deleted.
	Retire(account, region, name string)
}

// Config joins the service.
type Config struct {
	Env     env.Env
	Store   store.Store
	Blobs   *blob.Blobs
	Sealer  Sealer
	Compute environments
	// Forward calls other services with the caller's own context, As with Lambda's principal, Role as a session of a role
	// that trusts Lambda.
	Forward wire.Invoker
	As      wire.Invoker
	Role    func(ctx context.Context, roleARN, session string) (wire.Invoker, error)
	// Allows tells whether a role's own policies let it do something; mappings are refused at creation where not.
	Allows func(ctx context.Context, roleARN, action, resource string) (bool, error)
	// Arch is the machine's architecture in AWS's words: x86_64 or arm64.
	Arch string
	// Dev takes code of the other architecture where it is interpreted.
	Dev bool
}

// Service is Lambda.
type Service struct {
	cfg Config

	mu    sync.Mutex // never held across a wait
	cache map[string]cached
}

type cached struct {
	epoch uint64
	t     *target
	err   error
}

const cacheMax = 10_000

var _ lambdaapi.Server = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service { return &Service{cfg: cfg, cache: map[string]cached{}} }

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Model: &lambdaapi.Model, Handlers: lambdaapi.Handlers(s),
		Jobs:       map[string]job.Kind{settleKind: &settle{s}, asyncKind: &async{s}, pollKind: &poll{s}},
		DataEvents: []string{"Invoke"},
		Types:      []resource.Type{functionType{}, versionType{}, aliasType{}, permissionType{}, mappingType{}, invokeConfigType{}},
		Panels:     []panel.Panel{consolePanel()}}
}

// ref names a function as a caller did.
type ref struct {
	account, region, name, qualifier string
}

func (r ref) arn() string {
	return "arn:aws:lambda:" + r.region + ":" + r.account + ":function:" + r.name
}

func (r ref) qualified() string {
	if r.qualifier == "" {
		return r.arn()
	}
	return r.arn() + ":" + r.qualifier
}

func (r ref) key() store.Key { return functionKey(r.account, r.region, r.name) }

var nameText = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)

// locate reads a name, a partial ARN or an ARN, with the qualifier given beside it or at its end.
func locate(c *wire.Call, name string, qualifier *string) (ref, error) {
	r := ref{account: c.Account, region: c.Region, qualifier: wire.V(qualifier)}
	rest := name
	if p := strings.Split(name, ":"); strings.HasPrefix(name, "arn:") {
		if len(p) < 7 || p[2] != "lambda" || p[5] != "function" {
			return r, badName(name)
		}
		r.region, r.account = p[3], p[4]
		rest = strings.Join(p[6:], ":")
		if r.region != c.Region {
			return r, &lambdaapi.ResourceNotFoundException{Message: "Functions from '" + r.region + "' are not reachable in this region ('" + c.Region + "')", Type: wire.P("User")}
		}
	} else if len(p) >= 3 && p[1] == "function" {
		r.account, rest = p[0], strings.Join(p[2:], ":")
	} else if len(p) >= 2 && p[0] == "function" {
		rest = strings.Join(p[1:], ":")
	}
	base, q, has := strings.Cut(rest, ":")
	if has {
		if r.qualifier != "" && r.qualifier != q {
			return r, &lambdaapi.InvalidParameterValueException{Message: "The derived qualifier from the function name does not match the specified qualifier.", Type: wire.P("User")}
		}
		r.qualifier = q
	}
	if len(base) > 64 {
		return r, &lambdaapi.InvalidParameterValueException{Message: "1 validation error detected: Value '" + clip(name) + "' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64", Type: wire.P("User")}
	}
	if !nameText.MatchString(base) || len(r.account) != 12 {
		return r, badName(name)
	}
	r.name = base
	return r, nil
}

func badName(n string) error {
	return wire.Invalid("1 validation error detected: Value '" + clip(n) + "' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?")
}

func clip(s string) string {
	if len(s) > 300 {
		return s[:300]
	}
	return s
}

func notFound(r ref) error {
	return &lambdaapi.ResourceNotFoundException{Message: "Function not found: " + r.qualified(), Type: wire.P("User")}
}

func invalid(format string, a ...any) error {
	return &lambdaapi.InvalidParameterValueException{Message: fmt.Sprintf(format, a...), Type: wire.P("User")}
}

func conflict(format string, a ...any) error {
	return &lambdaapi.ResourceConflictException{Message: fmt.Sprintf(format, a...), Type: wire.P("User")}
}

// target is what a reference leads to: the version that runs.
type target struct {
	fn      *function
	version *version
	alias   *alias
	second  *version // of a weighted alias
	policy  string   // the qualifier's resource policy as one document
	ref     ref
	// run and runSecond are the versions as compute runs them.
	run, runSecond *compute.Function
}

func number(q string) (int64, bool) {
	n, err := strconv.ParseInt(q, 10, 64)
	return n, err == nil && n > 0
}

// load reads what a reference leads to.
func load(r store.Reader, x ref) (*target, error) {
	f, ok := store.Load[function](r, x.key())
	if !ok {
		return nil, notFound(x)
	}
	t := &target{fn: f, ref: x}
	at := func(q string) (*version, error) {
		if q == "" || q == latest {
			return &f.Latest, nil
		}
		n, ok := number(q)
		if !ok {
			return nil, notFound(x)
		}
		v, ok := store.Load[version](r, versionKey(x.account, x.region, x.name, n))
		if !ok {
			return nil, notFound(x)
		}
		return v, nil
	}
	var err error
	q := x.qualifier
	if _, isNumber := number(q); q != "" && q != latest && !isNumber {
		a, ok := store.Load[alias](r, aliasKey(x.account, x.region, x.name, q))
		if !ok {
			return nil, notFound(x)
		}
		t.alias = a
		if t.version, err = at(a.Version); err != nil {
			return nil, err
		}
		if a.Other != "" {
			if t.second, err = at(a.Other); err != nil {
				return nil, err
			}
		}
	} else if t.version, err = at(q); err != nil {
		return nil, err
	}
	t.run = runnable(x, t.version)
	if t.second != nil {
		t.runSecond = runnable(x, t.second)
	}
	t.policy = f.Policies[policyKey(q)].document()
	return t, nil
}

func policyKey(q string) string {
	if q == latest {
		return ""
	}
	return q
}

// find is load on a snapshot, from the cache while the account's epoch stands. What it gives must not be changed.
func (s *Service) find(ctx context.Context, x ref) (*target, error) {
	epoch, err := s.cfg.Store.Epoch(ctx, scope(x.account))
	if err != nil {
		return nil, err
	}
	id := x.account + x.region + "/" + x.name + ":" + x.qualifier
	s.mu.Lock()
	c, ok := s.cache[id]
	s.mu.Unlock()
	if ok && c.epoch == epoch {
		return c.t, c.err
	}
	var t *target
	var lerr error
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		t, lerr = load(r, x)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if len(s.cache) >= cacheMax {
		clear(s.cache)
	}
	s.cache[id] = cached{epoch, t, lerr}
	s.mu.Unlock()
	return t, lerr
}

// update changes a function in one transaction and makes what is cached of it stale.
func (s *Service) update(ctx context.Context, x ref, fn func(tx store.Tx, f *function) error) error {
	return s.cfg.Store.Update(ctx, []store.Key{x.key()}, func(tx store.Tx) error {
		f, ok := store.Load[function](tx, x.key())
		if !ok {
			return notFound(x)
		}
		if err := fn(tx, f); err != nil {
			return err
		}
		store.Put(tx, x.key(), f)
		tx.Bump(scope(x.account))
		return nil
	})
}

// need adds a requirement on a function; the resource policy is the qualifier's.
func (s *Service) need(ctx context.Context, r *wire.Requirements, action, name string, qualifier *string) error {
	x, err := locate(wire.CallOf(ctx), name, qualifier)
	if err != nil {
		return err
	}
	n := r.Need("lambda:"+action, x.qualified())
	n.ResourceAccount = x.account
	if t, err := s.find(ctx, x); err == nil {
		n.ResourcePolicy = t.policy
	}
	return nil
}

func (s *Service) pages() pagetoken.Tokens {
	return pagetoken.Tokens{Sealer: s.cfg.Sealer, Service: "lambda", Encoding: base64.StdEncoding}
}

func (s *Service) untoken(c *wire.Call, query string, t *string) (string, error) {
	at, ok := s.pages().Open(c, query, t)
	if !ok {
		return "", invalid("Invalid pagination token provided.")
	}
	return at, nil
}

// page lists records below prefix, at most max, from behind a token; at gives a record's key from its name.
func page[T any](ctx context.Context, s *Service, prefix store.Key, query string, marker *string, max int, keep func(v *T) bool) (out []T, next *string, err error) {
	c := wire.CallOf(ctx)
	after, err := s.untoken(c, query, marker)
	if err != nil {
		return nil, nil, err
	}
	var last store.Key
	more := false
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		out, last, more = nil, nil, false
		span := store.Prefix(prefix)
		if after != "" {
			span = store.After(prefix, store.Key(after))
		}
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
