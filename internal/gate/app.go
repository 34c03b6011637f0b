package gate

import (
	"context"
	"fmt"
	"runtime/debug"

	"virga/internal/store"
	"virga/internal/wire"
)

// App runs one request to an application (a stage of an API, a function's URL): it is admitted in the name of the
// account that owns the application and counted as a data call, whoever the client is. do answers the code under which
// a failure is counted, "" for a success. Whether the client may call is decided by do, with Authorize or by what the
// application itself asks; what do calls inside passes the gate like any other call.
func (g *Gate) App(ctx context.Context, c *wire.Call, size int64, do func(ctx context.Context) (code string)) error {
	store.MustNotBeInTx(ctx, "a request to "+c.Service)
	began := g.cfg.Env.Wall()
	code, err := g.app(ctx, c, size, do)
	if err != nil {
		code = wire.CodeOf(err)
	}
	if rerr := g.cfg.Record.Done(context.WithoutCancel(ctx), c, true, false, code, size, g.cfg.Env.Wall().Sub(began)); rerr != nil && err == nil {
		return rerr
	}
	return err
}

func (g *Gate) app(ctx context.Context, c *wire.Call, size int64, do func(ctx context.Context) string) (code string, err error) {
	leave, err := g.cfg.Admit.Enter(c.Account, size)
	if err != nil {
		return "", err
	}
	defer leave()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s:%s: %v\n%s", c.Service, c.Operation, p, debug.Stack())
			g.cfg.Log.Error("request failed", "service", c.Service, "request", c.RequestID, "account", c.Account, "err", err)
		}
	}()
	return do(wire.WithCall(ctx, c)), nil
}

// Authorize decides whether a call's principal meets requirements, and records a denial: for applications whose
// clients sign as they do for AWS's own APIs.
func (g *Gate) Authorize(ctx context.Context, c *wire.Call, reqs []wire.Requirement) error {
	err := g.cfg.Authority.Authorize(ctx, c, reqs)
	if d, ok := err.(Denial); ok {
		if rerr := g.cfg.Record.Denied(context.WithoutCancel(ctx), c, "AccessDeniedException", d.Explanation()); rerr != nil {
			return rerr
		}
	}
	return err
}
