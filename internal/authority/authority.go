// Package authority is the policy plane: it finds the policies that concern a call and has package policy evaluate them.
//
// Identity policies come from a Directory (IAM), resource policies with the requirement, session policies from the
// session itself. What is compiled is kept per principal under the account's epoch (Scope), so on the node that changes
// a policy the change holds before the answer; a role or user that is gone makes its sessions worthless. A policy that
// cannot be read denies.
//
// It knows no service and no API; who the caller is was decided before (internal/auth).
package authority

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"virga/internal/env"
	"virga/internal/policy"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits with names.
const (
	principalsMax = 10_000 // compiled principals kept
	documentsMax  = 10_000 // compiled resource and session policies kept
)

// Config joins the plane.
type Config struct {
	Env       env.Env
	Store     store.Store
	Directory Directory // nil: there are no users and roles
	Domain    string    // of the server: a service principal X.Domain is X.amazonaws.com
}

// Plane decides calls.
type Plane struct {
	cfg Config

	mu         sync.Mutex // never held across a wait
	principals map[string]*known
	documents  map[documentKey]*policy.Compiled
}

type documentKey struct {
	kind policy.Kind
	text string
}

// known is a user or role with its policies compiled, under the epoch at which they were read.
type known struct {
	epoch    uint64
	entity   *Entity // nil: there is none
	identity []policy.Attached
	boundary *policy.Attached
}

// New makes the plane.
func New(cfg Config) *Plane {
	return &Plane{cfg: cfg, principals: map[string]*known{}, documents: map[documentKey]*policy.Compiled{}}
}

// Explanation is what is kept of a refusal, as JSON.
type Explanation struct {
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	Verdict   string `json:"verdict"` // explicitDeny or implicitDeny
	By        string `json:"by"`      // the kind of policy that decided, or that had to allow
	Policy    string `json:"policy,omitempty"`
	Sid       string `json:"sid,omitempty"`
	Statement int    `json:"statement"` // index in the policy, -1 where none decided
	Reason    string `json:"reason"`
	Allow     string `json:"wouldAllow,omitempty"` // the statement that would allow it
	Into      string `json:"into,omitempty"`       // the kind of policy it belongs into
}

// Denied is a refusal that can be explained; it is an AccessDenied to the client.
type Denied struct {
	error
	explanation []byte
}

// Unwrap gives the client's error.
func (d *Denied) Unwrap() error { return d.error }

// Explanation is the decision as JSON, for the audit record.
func (d *Denied) Explanation() []byte { return d.explanation }

// Authorize implements gate.Authority: every requirement must be allowed.
func (p *Plane) Authorize(ctx context.Context, c *wire.Call, reqs []wire.Requirement) error {
	var who policy.Principal
	var set policy.Set
	if err := p.principal(ctx, &c.Principal, &who, &set); err != nil {
		return err
	}
	k := keys{call: c, who: &who}
	if e := p.entity(&c.Principal); e != nil {
		k.tags = e.Tags
	}
	for i := range reqs {
		d, r, err := p.decide(&k, &who, &set, &reqs[i])
		if err != nil {
			return err
		}
		if !d.Allowed() {
			return deny(d, r)
		}
	}
	return nil
}

// Allows tells whether a principal may do one thing, without a call: services ask it before they promise to act later.
func (p *Plane) Allows(ctx context.Context, c *wire.Call, w wire.Principal, r wire.Requirement) (bool, error) {
	x := *c
	x.Principal = w
	err := p.Authorize(ctx, &x, []wire.Requirement{r})
	var d *Denied
	if errors.As(err, &d) {
		return false, nil
	}
	return err == nil, err
}

func (p *Plane) decide(k *keys, who *policy.Principal, set *policy.Set, r *wire.Requirement) (policy.Decision, *policy.Request, error) {
	s := *set
	var one [1]policy.Attached
	if r.ResourcePolicy != "" {
		kind := policy.Resource
		if r.ResourceMustGrant && strings.HasPrefix(r.Action, "sts:") {
			kind = policy.Trust
		}
		c, err := p.compiled(kind, r.ResourcePolicy)
		if err != nil {
			return policy.Decision{}, nil, fmt.Errorf("policy of %s: %w", r.Resource, err)
		}
		one[0] = policy.Attached{Policy: c}
		s.Resource = one[:]
	}
	kk := *k
	kk.req = r
	q := &policy.Request{Action: r.Action, Resource: r.Resource, Principal: who, ResourceAccount: r.ResourceAccount, ResourceMustGrant: r.ResourceMustGrant, Context: &kk}
	if q.ResourceAccount == "" && !strings.HasPrefix(r.Resource, "arn:") {
		q.ResourceAccount = k.call.Account
	}
	return policy.Evaluate(&s, q), q, nil
}

func deny(d policy.Decision, r *policy.Request) error {
	msg := d.Message(r)
	allow, into, _ := d.Remedy(r)
	who := r.Principal.ARN
	if who == "" {
		who = r.Principal.Service
	}
	e := Explanation{Principal: who, Action: r.Action, Resource: r.Resource, Verdict: d.Verdict.String(), By: d.By.String(), Policy: d.Policy, Sid: d.Sid, Statement: d.Statement,
		Reason: d.Reason(r.Action), Allow: allow}
	if allow != "" {
		e.Into = into.String()
	}
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return &Denied{wire.AccessDenied(msg), b}
}

// gone refuses the credentials of a user or role that is there no more.
func gone() error {
	return wire.CommonError(wire.InvalidTokenError, "The security token included in the request is invalid.")
}

// principal fills in who calls and the policies that come with it.
func (p *Plane) principal(ctx context.Context, w *wire.Principal, who *policy.Principal, set *policy.Set) error {
	*who = policy.Principal{ARN: w.ARN, ID: w.ID, Account: w.Account, Service: w.Service}
	switch w.Type {
	case "Root":
		who.Type = policy.Root
	case "User":
		who.Type = policy.User
	case "AssumedRole":
		who.Type = policy.AssumedRole
	case "FederatedUser":
		who.Type = policy.FederatedUser
	case "Service":
		*who = policy.Principal{Type: policy.Service, ARN: w.ARN, Service: w.Service}
	case "Anonymous":
		*who = policy.Principal{Type: policy.Anonymous}
	default:
		return gone()
	}
	if w.Session != nil {
		who.Issuer = w.Session.Issuer
		if err := p.session(ctx, w, set); err != nil {
			return err
		}
	}
	if who.Type != policy.User && who.Type != policy.AssumedRole && who.Type != policy.FederatedUser {
		return nil
	}
	n, err := p.known(ctx, w)
	if err != nil {
		return err
	}
	if n.entity == nil {
		return gone()
	}
	set.Identity, set.Boundary = n.identity, n.boundary
	if who.Type == policy.User && n.entity.ARN != "" {
		who.ARN = n.entity.ARN // a user may have been renamed
	}
	return nil
}

func entityID(w *wire.Principal) string {
	id, _, _ := strings.Cut(w.ID, ":")
	return id
}

func (p *Plane) entity(w *wire.Principal) *Entity {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.principals[w.Account+"/"+entityID(w)]; n != nil {
		return n.entity
	}
	return nil
}

// known gives a user or role compiled, read again where the account's epoch moved.
func (p *Plane) known(ctx context.Context, w *wire.Principal) (*known, error) {
	if p.cfg.Directory == nil {
		return &known{}, nil
	}
	epoch, err := p.cfg.Store.Epoch(ctx, Scope(w.Account))
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	id := w.Account + "/" + entityID(w)
	p.mu.Lock()
	n := p.principals[id]
	p.mu.Unlock()
	if n != nil && n.epoch == epoch {
		return n, nil
	}
	e, err := p.cfg.Directory.EntityByID(ctx, w.Account, entityID(w))
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	n = &known{epoch: epoch, entity: e}
	if e != nil {
		for _, d := range e.Policies {
			c, err := p.compiled(policy.Identity, d.JSON)
			if err != nil {
				return nil, fmt.Errorf("policy %s of %s: %w", d.Name, e.ARN, err)
			}
			n.identity = append(n.identity, policy.Attached{Name: d.Name, Policy: c})
		}
		if e.Boundary != nil {
			c, err := p.compiled(policy.Identity, e.Boundary.JSON)
			if err != nil {
				return nil, fmt.Errorf("boundary %s of %s: %w", e.Boundary.Name, e.ARN, err)
			}
			n.boundary = &policy.Attached{Name: e.Boundary.Name, Policy: c}
		}
	}
	p.mu.Lock()
	if len(p.principals) >= principalsMax {
		clear(p.principals)
	}
	p.principals[id] = n
	p.mu.Unlock()
	return n, nil
}

// session adds the policies that a session was given.
func (p *Plane) session(ctx context.Context, w *wire.Principal, set *policy.Set) error {
	for _, text := range w.Session.Policies {
		set.HasSession = true
		c, err := p.compiled(policy.Identity, text)
		if err != nil {
			return fmt.Errorf("session policy: %w", err)
		}
		set.Session = append(set.Session, policy.Attached{Name: "session", Policy: c})
	}
	for _, arn := range w.Session.PolicyARNs {
		set.HasSession = true
		if p.cfg.Directory == nil {
			continue
		}
		d, err := p.cfg.Directory.PolicyByARN(ctx, w.Account, arn)
		if err != nil {
			return fmt.Errorf("session policy %s: %w", arn, err)
		}
		if d == nil {
			continue // one that is gone grants nothing
		}
		c, err := p.compiled(policy.Identity, d.JSON)
		if err != nil {
			return fmt.Errorf("session policy %s: %w", arn, err)
		}
		set.Session = append(set.Session, policy.Attached{Name: arn, Policy: c})
	}
	return nil
}

// compiled reads and compiles a document once.
func (p *Plane) compiled(kind policy.Kind, text string) (*policy.Compiled, error) {
	k := documentKey{kind, text}
	p.mu.Lock()
	c := p.documents[k]
	p.mu.Unlock()
	if c != nil {
		return c, nil
	}
	d, err := policy.Parse(kind, []byte(text), policy.Limits{Domain: p.cfg.Domain})
	if err != nil {
		return nil, err
	}
	c = d.Compile()
	p.mu.Lock()
	if len(p.documents) >= documentsMax {
		clear(p.documents)
	}
	p.documents[k] = c
	p.mu.Unlock()
	return c, nil
}
