package gate

import (
	"context"
	"errors"
	"sync"
)

// ErrHalted ends the calls that were under way when their account was reset.
var ErrHalted = errors.New("gate: the account was reset")

// doors count the calls from outside by account, so that a reset can end them and wait for the last one. They are used
// in development only.
type doors struct {
	mu     sync.Mutex // never held across a wait
	by     map[string]*door
	all    chan struct{} // closed when the halt of all accounts ends; nil: none
	inside int
}

type door struct {
	calls  map[*visit]struct{}
	halted chan struct{} // closed when the halt ends; nil: none
}

type visit struct{ cancel context.CancelCauseFunc }

// enter lets a call in, or has it wait while its account is halted.
func (d *doors) enter(ctx context.Context, account string) (context.Context, func(), error) {
	for {
		d.mu.Lock()
		o := d.by[account]
		if o == nil {
			o = &door{calls: map[*visit]struct{}{}}
			if d.by == nil {
				d.by = map[string]*door{}
			}
			d.by[account] = o
		}
		wait := o.halted
		if wait == nil {
			wait = d.all
		}
		if wait == nil {
			ctx, cancel := context.WithCancelCause(ctx)
			v := &visit{cancel}
			o.calls[v] = struct{}{}
			d.inside++
			d.mu.Unlock()
			// Leaving does not cancel: a stream that the handler answers with is read afterwards, until the request ends.
			return ctx, func() {
				d.mu.Lock()
				delete(o.calls, v)
				d.inside--
				if len(o.calls) == 0 && o.halted == nil && d.by[account] == o {
					delete(d.by, account)
				}
				d.mu.Unlock()
			}, nil
		}
		d.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// Halt ends the calls under way of an account ("" means all) and lets none in until resume is called; those wait. Ended
// tells whether the last one has left. One halt of an account at a time: the caller sees to it.
func (g *Gate) Halt(account string) (ended func() bool, resume func()) {
	d := &g.doors
	again := make(chan struct{})
	d.mu.Lock()
	if d.by == nil {
		d.by = map[string]*door{}
	}
	if account == "" {
		d.all = again
	} else {
		if d.by[account] == nil {
			d.by[account] = &door{calls: map[*visit]struct{}{}}
		}
		d.by[account].halted = again
	}
	for a, o := range d.by {
		if account == "" || a == account {
			for v := range o.calls {
				v.cancel(ErrHalted)
			}
		}
	}
	d.mu.Unlock()
	ended = func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return account == "" && d.inside == 0 || account != "" && len(d.by[account].calls) == 0
	}
	return ended, func() {
		d.mu.Lock()
		if account == "" {
			d.all = nil
		} else {
			d.by[account].halted = nil
		}
		d.mu.Unlock()
		close(again)
	}
}
