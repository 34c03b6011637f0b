package compute

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"virga/internal/blob"
	"virga/internal/env"
	"virga/internal/runtime"
	"virga/internal/sandbox"
)

// Interpreter is how a runtime starts here.
type Interpreter struct {
	Dir         string // host folder seen as /var/runtime
	Interpreted bool   // code that runs on either architecture
	// Command gives the argv as seen inside, for code unpacked in a host folder; a result instead says, as AWS does, that
	// nothing can be started.
	Command func(codeDir, wrapper, requestID string) ([]string, *runtime.Result)
}

// Runtimes finds interpreters.
type Runtimes interface {
	// Find gives a runtime's interpreter: known tells whether there is a runtime of that name, err why it cannot run here.
	Find(identifier string) (i Interpreter, known bool, err error)
}

// Unpacker makes folders of packages.
type Unpacker interface {
	// Unpack gives the folder of a package, named by digest (64 hex digits); it unpacks it once.
	Unpack(ctx context.Context, digest string, open func(ctx context.Context) (io.ReadCloser, error)) (dir string, err error)
}

// Config joins the plane.
type Config struct {
	Env      env.Env
	Log      *slog.Logger
	Kind     sandbox.Kind
	Blobs    *blob.Blobs
	Runtimes Runtimes
	Unpacker Unpacker
	Roles    Roles
	Logs     Logs
	// Network serves what a sandbox sees of the world beside its runtime: AWS's endpoint, the redirected network, names.
	// What it gives ends that. Nil: nothing is served.
	Network func(ctx context.Context, f *Function, sb sandbox.Sandbox) (end func())
	// Endpoint is where kinds without a network of their own find AWS: "http://127.0.0.1:4566".
	Endpoint string
	// CABundle is the file inside that holds the certificates to trust, "" for none.
	CABundle string
	// ConcurrencyMax bounds what runs at once in an account, all functions; 0 means 1,000.
	ConcurrencyMax int
	IdleMax        time.Duration // 0 means the package's IdleMax
}

// Plane runs functions.
type Plane struct {
	cfg Config

	mu       sync.Mutex // never held across a wait
	pools    map[string]*pool
	running  map[string]int // by account
	byName   map[string]int // by account, region and function
	endpoint string
	closed   bool
	all      map[*instance]struct{} // every environment that has not ended
	live     sync.WaitGroup
	count    uint64
}

// pool holds the idle environments of one version under one revision.
type pool struct {
	revision string
	idle     []*instance // the one used last at the end
}

// New makes the plane; Run keeps it tidy.
func New(cfg Config) *Plane {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.ConcurrencyMax == 0 {
		cfg.ConcurrencyMax = 1000
	}
	if cfg.IdleMax == 0 {
		cfg.IdleMax = IdleMax
	}
	return &Plane{cfg: cfg, pools: map[string]*pool{}, running: map[string]int{}, byName: map[string]int{}, endpoint: cfg.Endpoint, all: map[*instance]struct{}{}}
}

// SetEndpoint tells where AWS is for kinds without a network of their own.
func (p *Plane) SetEndpoint(url string) {
	p.mu.Lock()
	p.endpoint = url
	p.mu.Unlock()
}

// Runtime tells whether a runtime is known, can run here, and is interpreted.
func (p *Plane) Runtime(name string) (known, available, interpreted bool) {
	i, known, err := p.cfg.Runtimes.Find(name)
	return known, known && err == nil, i.Interpreted
}

// Prepare unpacks a function's code, so that what is wrong with it shows before an event comes.
func (p *Plane) Prepare(ctx context.Context, f *Function) error {
	_, err := p.code(ctx, f)
	return err
}

func (p *Plane) code(ctx context.Context, f *Function) (string, error) {
	sum, err := base64.StdEncoding.DecodeString(f.CodeSHA)
	if err != nil || len(sum) != 32 {
		return "", fmt.Errorf("compute: code digest %q", f.CodeSHA)
	}
	return p.cfg.Unpacker.Unpack(ctx, hex.EncodeToString(sum), func(ctx context.Context) (io.ReadCloser, error) {
		return p.cfg.Blobs.Open(ctx, f.Account, f.Code, 0, -1)
	})
}

func (f *Function) group() string { return f.Account + "/" + f.Region + "/" + f.Name }

// enter counts an invocation in; reserved is the function's own bound, -1 for none.
func (p *Plane) enter(f *Function, reserved int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case reserved >= 0 && p.byName[f.group()] >= reserved:
		return ErrReserved
	case p.running[f.Account] >= p.cfg.ConcurrencyMax:
		return ErrThrottled
	}
	p.running[f.Account]++
	p.byName[f.group()]++
	p.live.Add(1)
	return nil
}

func (p *Plane) leave(f *Function) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[f.Account]--; p.running[f.Account] == 0 {
		delete(p.running, f.Account)
	}
	if p.byName[f.group()]--; p.byName[f.group()] == 0 {
		delete(p.byName, f.group())
	}
	p.live.Done()
}

// Invoke runs one event and waits for what becomes of it. The event is run to its end even when ctx ends earlier: a
// caller that left does not stop a function.
func (p *Plane) Invoke(ctx context.Context, f *Function, in Invocation) (*Result, error) {
	if err := p.enter(f, in.Reserved); err != nil {
		return nil, err
	}
	defer p.leave(f)
	ctx = context.WithoutCancel(ctx)
	i := p.take(f)
	if i == nil {
		var err error
		if i, err = p.start(ctx, f, in.RequestID); err != nil {
			var u *unstartable
			if errors.As(err, &u) {
				return &Result{Payload: u.r.Payload, Error: "Unhandled"}, nil
			}
			return nil, err
		}
	}
	r := i.invoke(ctx, &in)
	p.give(f, i)
	return r, nil
}

// take gives a warm environment, nil where there is none.
func (p *Plane) take(f *Function) *instance {
	soon := p.cfg.Env.Wall().Add(credentialsAhead)
	var dead []*instance
	p.mu.Lock()
	pl := p.pools[f.ARN]
	if pl == nil || pl.revision != f.Revision {
		if pl != nil { // code or configuration are another: what is idle of the old ones goes
			dead = pl.idle
		}
		pl = &pool{revision: f.Revision}
		p.pools[f.ARN] = pl
	}
	var got *instance
	for len(pl.idle) > 0 && got == nil {
		i := pl.idle[len(pl.idle)-1]
		pl.idle = pl.idle[:len(pl.idle)-1]
		if i.alive() && i.expires.After(soon) {
			got = i
		} else {
			dead = append(dead, i)
		}
	}
	p.mu.Unlock()
	for _, i := range dead {
		i.end()
	}
	return got
}

// give puts an environment back, or ends it.
func (p *Plane) give(f *Function, i *instance) {
	p.mu.Lock()
	pl := p.pools[f.ARN]
	ok := i.alive() && !p.closed && pl != nil && pl.revision == f.Revision
	if ok {
		i.used = p.cfg.Env.Wall()
		pl.idle = append(pl.idle, i)
	}
	p.mu.Unlock()
	if !ok {
		i.end()
	}
}

// Retire ends what is idle of a function: it was deleted.
func (p *Plane) Retire(account, region, name string) {
	prefix := "arn:aws:lambda:" + region + ":" + account + ":function:" + name
	p.reap(func(arn string, i *instance) bool { return arn == prefix || strings.HasPrefix(arn, prefix+":") })
}

// reap ends idle environments that match.
func (p *Plane) reap(match func(arn string, i *instance) bool) {
	var dead []*instance
	p.mu.Lock()
	for arn, pl := range p.pools {
		keep := pl.idle[:0]
		for _, i := range pl.idle {
			if match(arn, i) {
				dead = append(dead, i)
			} else {
				keep = append(keep, i)
			}
		}
		pl.idle = keep
		if len(pl.idle) == 0 {
			delete(p.pools, arn)
		}
	}
	p.mu.Unlock()
	for _, i := range dead {
		i.end()
	}
}

// evict ends the environment that was idle longest, to make room; it tells whether there was one.
func (p *Plane) evict() bool {
	var oldest *instance
	p.mu.Lock()
	var from *pool
	for _, pl := range p.pools {
		if len(pl.idle) > 0 && (oldest == nil || pl.idle[0].used.Before(oldest.used)) {
			oldest, from = pl.idle[0], pl
		}
	}
	if oldest != nil {
		from.idle = from.idle[1:]
	}
	p.mu.Unlock()
	if oldest == nil {
		return false
	}
	oldest.end()
	<-oldest.sb.Done()
	return true
}

// Environments is how many idle environments there are.
func (p *Plane) Environments() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, pl := range p.pools {
		n += len(pl.idle)
	}
	return n
}

const tidyEvery = 5 * time.Second

// Run ends environments that are idle too long or dead, until ctx ends; then it waits for what runs and ends all.
func (p *Plane) Run(ctx context.Context) {
	for {
		_, err := p.cfg.Env.Wait(ctx, "compute/tidy", p.cfg.Env.Now().Add(tidyEvery))
		if err != nil {
			break
		}
		now := p.cfg.Env.Wall()
		p.reap(func(_ string, i *instance) bool { return !i.alive() || now.Sub(i.used) > p.cfg.IdleMax })
	}
	p.Close()
}

// Reset ends every environment of an account ("" means all accounts), what runs in them included: development's clean
// start. It tells how many there were.
func (p *Plane) Reset(account string) int {
	var dead []*instance
	p.mu.Lock()
	for i := range p.all {
		if account == "" || i.f.Account == account {
			dead = append(dead, i)
		}
	}
	for arn, pl := range p.pools {
		if len(pl.idle) > 0 && (account == "" || pl.idle[0].f.Account == account) {
			delete(p.pools, arn)
		}
	}
	p.mu.Unlock()
	for _, i := range dead {
		i.end()
	}
	return len(dead)
}

// Close refuses new events, waits for those under way, and ends every environment.
func (p *Plane) Close() {
	p.mu.Lock()
	was := p.closed
	p.closed = true
	p.mu.Unlock()
	if was {
		return
	}
	p.live.Wait()
	p.reap(func(string, *instance) bool { return true })
}

var errNoKind = errors.New("compute: this server runs no functions: no sandbox kind is allowed (see `virga doctor`)")
