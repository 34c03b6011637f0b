package compute

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"virga/internal/runtime"
	"virga/internal/sandbox"
)

// instance is one execution environment. One invocation at a time uses it.
type instance struct {
	p       *Plane
	f       *Function
	sb      sandbox.Sandbox
	srv     *runtime.Server
	sink    *sink
	expires time.Time // of its credentials
	used    time.Time // under Plane.mu
	init    time.Duration
	first   bool // no event has come so far
	failed  *runtime.Result
	network func() // ends what serves the sandbox's network
	ended   atomic.Bool
	broken  atomic.Bool
}

// Limits of a sandbox that are not the function's own.
const (
	pidsMax   = 1024
	filesMax  = 1024
	logPerSec = 4 << 20
	mbPerCPU  = 1769 // MB of memory that come with one core, as AWS says
)

func (p *Plane) start(ctx context.Context, f *Function, requestID string) (*instance, error) {
	if p.cfg.Kind == nil {
		return nil, errNoKind
	}
	rt, known, err := p.cfg.Runtimes.Find(f.Runtime)
	if !known || err != nil {
		return nil, fmt.Errorf("%w %s: %v", ErrNoRuntime, f.Runtime, err)
	}
	dir, err := p.code(ctx, f)
	if err != nil {
		return nil, err
	}
	cred, err := p.cfg.Roles.Assume(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("role %s of function %s: %w", f.RoleARN, f.Name, err)
	}
	p.mu.Lock()
	p.count++
	id := "f" + strconv.FormatUint(p.count, 36)
	endpoint := p.endpoint
	p.mu.Unlock()
	command, bad := rt.Command(dir, f.Env["AWS_LAMBDA_EXEC_WRAPPER"], requestID)
	if bad != nil {
		return nil, &unstartable{bad}
	}
	spec := sandbox.Spec{ID: id, Command: command, RuntimeDir: rt.Dir, CodeDir: dir, Limits: sandbox.Limits{MemoryBytes: int64(f.MemoryMB) << 20,
		TmpBytes: int64(f.TmpMB) << 20, CPUMillis: max(100, f.MemoryMB*1000/mbPerCPU), Pids: pidsMax, OpenFiles: filesMax, LogBytes: logPerSec}}
	var sb sandbox.Sandbox
	for try := 0; ; try++ {
		if sb, err = p.cfg.Kind.Create(ctx, spec); err == nil {
			break
		}
		if try == 3 || !p.evict() {
			p.cfg.Log.Warn("sandbox", "function", f.ARN, "err", err)
			return nil, fmt.Errorf("%w: %v", ErrThrottled, err)
		}
	}
	i := &instance{p: p, f: f, sb: sb, expires: cred.Expires, first: true}
	i.srv = runtime.NewServer(runtime.Config{Process: sb})
	i.sink = newSink(p, f, streamName(p, f), sb.Logs())
	go i.srv.Serve(sb.Listener(sandbox.SurfaceRuntimeAPI))
	if p.cfg.Network != nil {
		i.network = p.cfg.Network(ctx, f, sb)
	}
	p.mu.Lock()
	p.all[i] = struct{}{}
	p.mu.Unlock()
	if a := sb.Addr(sandbox.SurfaceEndpoint); a != "" {
		endpoint = "http://" + a
	}
	vars := runtime.Environment(runtime.Function{Name: f.Name, Version: f.Version, Runtime: f.Runtime, Handler: f.Handler, Region: f.Region, MemoryMB: f.MemoryMB,
		LogGroup: f.LogGroup, LogStream: i.sink.stream, Credentials: runtime.Credentials{AccessKeyID: cred.AccessKeyID, SecretAccessKey: cred.SecretAccessKey, SessionToken: cred.SessionToken},
		Environment: f.Env, LogFormat: "Text", RuntimeAPI: sb.Addr(sandbox.SurfaceRuntimeAPI), EndpointURL: endpoint, CABundle: p.cfg.CABundle})
	i.sink.platform("INIT_START Runtime Version: " + strings.Replace(f.Runtime, ".", ":", 1) + "\tRuntime Version ARN: arn:aws:lambda:" + f.Region + "::runtime:" + f.Runtime + "\n")
	began := time.Now()
	if err := sb.Start(ctx, vars); err != nil {
		i.end()
		return nil, fmt.Errorf("sandbox of %s: %w", f.ARN, err)
	}
	ictx, cancel := context.WithTimeout(ctx, InitMax)
	i.failed, err = i.srv.Ready(ictx)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		// The init goes on within the first invocation, whose time then bounds it.
		i.sink.platform("INIT_REPORT Init Duration: " + millis(InitMax) + " ms\tPhase: init\tStatus: timeout\n")
		i.init = InitMax
		return i, nil
	}
	if err != nil {
		i.end()
		return nil, fmt.Errorf("sandbox of %s: %w", f.ARN, err)
	}
	i.init = time.Since(began)
	return i, nil
}

func streamName(p *Plane, f *Function) string {
	var b [16]byte
	p.cfg.Env.Secret(b[:])
	return p.cfg.Env.Wall().UTC().Format("2006/01/02") + "/[" + f.Version + "]" + hex.EncodeToString(b[:])
}

func (i *instance) alive() bool {
	if i.broken.Load() || i.ended.Load() {
		return false
	}
	select {
	case <-i.sb.Done():
		return false
	default:
		return true
	}
}

// end kills the environment; what it had written is still read and sent on.
func (i *instance) end() {
	if i.ended.Swap(true) {
		return
	}
	i.p.mu.Lock()
	delete(i.p.all, i)
	i.p.mu.Unlock()
	i.sb.Kill()
	i.srv.Close()
	for _, s := range []sandbox.Surface{sandbox.SurfaceRuntimeAPI, sandbox.SurfaceEndpoint, sandbox.SurfaceRedirect, sandbox.SurfaceDNS} {
		if l := i.sb.Listener(s); l != nil {
			l.Close()
		}
	}
	if c := i.sb.PacketConn(sandbox.SurfaceDNS); c != nil {
		c.Close()
	}
	if i.network != nil {
		i.network()
	}
	i.sink.end()
}

// unstartable is a function whose package holds nothing to start: every event ends with the same result.
type unstartable struct{ r *runtime.Result }

func (u *unstartable) Error() string { return "compute: " + u.r.ErrorType }

// invoke runs one event. Afterwards alive tells whether the environment may be used again.
func (i *instance) invoke(ctx context.Context, in *Invocation) *Result {
	f := i.f
	out := &Result{}
	mark := i.sink.begin("START RequestId: " + in.RequestID + " Version: " + f.Version + "\n")
	if i.first {
		out.Init = i.init
	}
	began := time.Now()
	r := i.failed
	if r == nil {
		var err error
		r, err = i.srv.Invoke(ctx, runtime.Invocation{RequestID: in.RequestID, Event: in.Payload, Timeout: f.Timeout, FunctionARN: in.InvokedARN, TraceID: in.TraceID, ClientContext: in.ClientContext})
		if err != nil {
			i.p.cfg.Log.Warn("invoke", "function", f.ARN, "err", err)
			r = &runtime.Result{Outcome: runtime.Exited, ErrorType: "Runtime.Unknown", Payload: []byte(`{"errorType":"Runtime.Unknown","errorMessage":"RequestId: ` + in.RequestID + ` Error: the execution environment could not be used"}`)}
		}
	}
	i.first, i.failed = false, nil
	out.Duration = time.Since(began)
	out.Payload = r.Payload
	if r.Outcome != runtime.Answered {
		out.Error = "Unhandled"
	}
	if !r.Alive {
		i.broken.Store(true)
	}
	billed := out.Duration + out.Init
	out.Billed = time.Duration(math.Ceil(float64(billed)/float64(time.Millisecond))) * time.Millisecond
	out.MemoryMB = int(min(i.sb.Usage().MemoryPeakBytes>>20, int64(f.MemoryMB)))
	i.report(in, out, r, mark)
	return out
}

// report ends an invocation in the log as AWS words it.
func (i *instance) report(in *Invocation, out *Result, r *runtime.Result, mark uint64) {
	var b strings.Builder
	status := ""
	switch r.Outcome {
	case runtime.TimedOut:
		b.WriteString(i.p.cfg.Env.Wall().UTC().Format("2006-01-02T15:04:05.000Z") + " " + in.RequestID + " Task timed out after " + strconv.FormatFloat(i.f.Timeout.Seconds(), 'f', 2, 64) + " seconds\n\n")
		status = "timeout"
	case runtime.Exited, runtime.InitFailed:
		status = "error"
	}
	b.WriteString("END RequestId: " + in.RequestID + "\n")
	b.WriteString("REPORT RequestId: " + in.RequestID + "\tDuration: " + millis(out.Duration) + " ms\tBilled Duration: " + strconv.FormatInt(out.Billed.Milliseconds(), 10) +
		" ms\tMemory Size: " + strconv.Itoa(i.f.MemoryMB) + " MB\tMax Memory Used: " + strconv.Itoa(out.MemoryMB) + " MB\t")
	if out.Init > 0 {
		b.WriteString("Init Duration: " + millis(out.Init) + " ms\t")
	}
	if status != "" {
		b.WriteString("Status: " + status)
		if r.ErrorType != "" && status == "error" {
			b.WriteString("\tError Type: " + r.ErrorType)
		}
	}
	b.WriteString("\n")
	out.Tail = i.sink.finish(b.String(), mark, in.Tail)
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 2, 64)
}
