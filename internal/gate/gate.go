// Package gate is the chain that every call passes, from outside or from one service to another: validate, authorise,
// admit, do, record. There is no way round it: services are reached through Serve and Invoke alone.
//
// An inner call carries the caller's own context (Forward), the calling service's principal (As), or a role's session;
// it skips codec and signature, nothing else. Calls carry their depth, so a loop ends.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"virga/internal/admit"
	"virga/internal/console/panel"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/record"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/wire"
)

// DepthMax is how many inner calls a chain may have.
const DepthMax = 16

// Parts is what a service brings.
type Parts struct {
	Model    *wire.Model
	Handlers []wire.Handler
	Jobs     map[string]job.Kind
	// DataEvents names the operations that are data events and not management events.
	DataEvents []string
	// Types are the CloudFormation resource types of the service.
	Types []resource.Type
	// Forget takes away what the service keeps of an account outside the account's own rows (names that are one space for
	// all): a reset calls it before those rows go. Nil: nothing.
	Forget func(tx store.Tx, account string)
	// Panels are the service's pages of the web console.
	Panels []panel.Panel
}

// Authority decides whether a call's requirements are met: the policy plane.
type Authority interface {
	// Authorize gives nil, or an AccessDenied; where it is a Denial it says why.
	Authorize(ctx context.Context, c *wire.Call, reqs []wire.Requirement) error
}

// Denial is a refusal that can be explained.
type Denial interface {
	error
	Explanation() []byte
}

// Config joins the gate.
type Config struct {
	Env       env.Env
	Authority Authority
	Admit     *admit.Admit
	Record    *record.Recorder
	Log       *slog.Logger
	// Dev lets Halt end the calls under way: development's clean start.
	Dev bool
}

// Gate is the chain.
type Gate struct {
	cfg      Config
	handlers map[*wire.Op]*handler
	models   []*wire.Model
	types    []resource.Type
	doors    doors
}

type handler struct {
	wire.Handler
	data bool
}

// New makes a gate without services.
func New(cfg Config) *Gate {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Gate{cfg: cfg, handlers: map[*wire.Op]*handler{}}
}

// Add joins a service. It panics on an operation that is not of the model or comes twice: the program is wrong.
func (g *Gate) Add(p Parts) {
	g.AddModel(p.Model)
	g.types = append(g.types, p.Types...)
	data := map[string]bool{}
	for _, d := range p.DataEvents {
		if p.Model.Op(d) == nil {
			panic("gate: no operation " + p.Model.Package + ":" + d)
		}
		data[d] = true
	}
	for _, h := range p.Handlers {
		if h.Op == nil || h.Requires == nil || h.Do == nil || g.handlers[h.Op] != nil {
			panic(fmt.Sprintf("gate: handler %+v of %s", h.Op, p.Model.Package))
		}
		g.handlers[h.Op] = &handler{Handler: h, data: data[h.Op.Name]}
	}
}

// AddModel makes the operations of a service known of which nothing is implemented.
func (g *Gate) AddModel(m *wire.Model) {
	for _, o := range g.models {
		if o == m {
			return
		}
	}
	g.models = append(g.models, m)
}

// Types gives the resource types of all services.
func (g *Gate) Types() []resource.Type { return g.types }

// Models gives every service's model.
func (g *Gate) Models() []*wire.Model { return g.models }

// Handler gives the handler of an operation, nil where it is not implemented.
func (g *Gate) Handler(op *wire.Op) *wire.Handler {
	if h := g.handlers[op]; h != nil {
		return &h.Handler
	}
	return nil
}

type sizeKey struct{}

// WithSize tells the gate how many bytes a request holds in memory.
func WithSize(ctx context.Context, n int64) context.Context {
	return context.WithValue(ctx, sizeKey{}, n)
}

// Serve runs one authenticated call: c says who calls, in is the decoded input (nil where the operation is not implemented).
func (g *Gate) Serve(ctx context.Context, c *wire.Call, op *wire.Op, in any) (any, error) {
	store.MustNotBeInTx(ctx, "a call of "+c.Service+":"+c.Operation)
	began := g.cfg.Env.Wall()
	size, _ := ctx.Value(sizeKey{}).(int64)
	h := g.handlers[op]
	if g.cfg.Dev && c.Depth == 0 {
		in, leave, err := g.doors.enter(ctx, c.Account)
		if err != nil {
			return nil, err
		}
		defer leave()
		ctx = in
	}
	out, slot, err := g.serve(ctx, c, op, h, in, size)
	code := ""
	if err != nil {
		code = wire.Info(op.Schema, wire.JSON11, err).Code
		if !wire.Known(err) {
			g.cfg.Log.Error("call failed", "service", c.Service, "operation", c.Operation, "request", c.RequestID, "account", c.Account, "region", c.Region, "err", err)
		}
	}
	ctx = context.WithoutCancel(ctx)
	var denied Denial
	var rerr error
	if errors.As(err, &denied) {
		rerr = g.cfg.Record.Denied(ctx, c, code, denied.Explanation())
	} else {
		rerr = g.cfg.Record.Done(ctx, c, h != nil && h.data, slot.Carried(), code, size, g.cfg.Env.Wall().Sub(began))
	}
	if rerr != nil && err == nil {
		return nil, rerr // a call that leaves no record did not succeed
	}
	return out, err
}

func (g *Gate) serve(ctx context.Context, c *wire.Call, op *wire.Op, h *handler, in any, size int64) (out any, slot *store.RiderSlot, err error) {
	if h == nil {
		return nil, nil, wire.NotImplemented(op)
	}
	if c.Depth > 0 && ctx.Err() != nil { // whoever asked was ended: nothing begins in its name
		return nil, nil, ctx.Err()
	}
	if c.Depth > DepthMax {
		return nil, nil, wire.Errorf("RecursiveInvocationException", 400, "%s:%s: %d calls deep: a loop was stopped", c.Service, c.Operation, c.Depth)
	}
	ctx = wire.WithCall(ctx, c)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s:%s: %v\n%s", c.Service, c.Operation, p, debug.Stack())
		}
	}()
	if c.Depth > 0 { // what came from outside was validated when it was decoded
		if err := wire.Validate(h.Op, in); err != nil {
			return nil, nil, err
		}
	}
	var reqs wire.Requirements
	if err := h.Requires(ctx, in, &reqs); err != nil {
		return nil, nil, err
	}
	if len(reqs.All()) == 0 && !reqs.IsOpen() {
		return nil, nil, fmt.Errorf("%s:%s states no requirement", c.Service, c.Operation)
	}
	if len(reqs.All()) > 0 {
		if err := g.cfg.Authority.Authorize(ctx, c, reqs.All()); err != nil {
			return nil, nil, err
		}
	} else if c.Principal.Type == "" || c.Principal.Type == "Anonymous" {
		return nil, nil, wire.AccessDenied("Access Denied")
	}
	leave, err := g.cfg.Admit.Enter(c.Account, size)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	if !h.data {
		ctx, slot = store.WithRider(ctx, g.cfg.Record.Rider(c))
	}
	out, err = h.Do(ctx, in)
	return out, slot, err
}

// Forward is the invoker that carries the caller's own context on, in the name of the service via ("cloudformation.amazonaws.com").
func (g *Gate) Forward(via string) wire.Invoker { return forward{g, via} }

type forward struct {
	g   *Gate
	via string
}

// Invoke implements wire.Invoker.
func (f forward) Invoke(ctx context.Context, op *wire.Op, in any) (any, error) {
	c := *wire.CallOf(ctx)
	c.Via = append(append([]string{}, c.Via...), f.via)
	return f.g.inner(ctx, &c, op, in)
}

// As is the invoker of a service principal. The call in the context names the account and region that are meant, and
// SourceARN and SourceAccount.
func (g *Gate) As(service string) wire.Invoker { return as{g, service} }

type as struct {
	g       *Gate
	service string
}

// Invoke implements wire.Invoker.
func (a as) Invoke(ctx context.Context, op *wire.Op, in any) (any, error) {
	c := *wire.CallOf(ctx)
	c.Principal = wire.Principal{Type: "Service", Service: a.service, ARN: a.service, ID: a.service}
	return a.g.inner(ctx, &c, op, in)
}

// With is the invoker of a principal that the caller got from the session plane, such as a role's session.
func (g *Gate) With(p wire.Principal) wire.Invoker { return with{g, p} }

type with struct {
	g *Gate
	p wire.Principal
}

// Invoke implements wire.Invoker.
func (w with) Invoke(ctx context.Context, op *wire.Op, in any) (any, error) {
	if w.p.Type == "" {
		return nil, errors.New("gate: an inner call without a principal")
	}
	c := *wire.CallOf(ctx)
	c.Principal, c.Account = w.p, w.p.Account
	return w.g.inner(ctx, &c, op, in)
}

func (g *Gate) inner(ctx context.Context, c *wire.Call, op *wire.Op, in any) (any, error) {
	h := g.handlers[op]
	if h == nil {
		return nil, wire.NotImplemented(op)
	}
	c.Service, c.Operation = op.Schema.Package, op.Name
	c.Depth++
	c.SecureTransport = true // it never leaves the process
	c.RequestID = env.NewID(g.cfg.Env)
	c.Time = g.cfg.Env.Wall()
	return g.Serve(ctx, c, op, in)
}
