package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"time"

	"virga/internal/compute"
	"virga/internal/egress"
	"virga/internal/front"
	"virga/internal/launcher"
	"virga/internal/runtime"
	"virga/internal/sandbox"
	"virga/internal/sandbox/namespace"
	"virga/internal/sandbox/process"
	"virga/internal/worker"
)

// Functions says how functions run. The zero value runs none: a cloud without sandboxes.
type Functions struct {
	// Run is the folder of what lives no longer than the server: unpacked code, runtimes, sockets. "" runs no functions.
	Run string
	// Runtimes is the folder that `make runtimes` fills; "" is one below Run, with the bootstraps alone.
	Runtimes string
	// Launcher makes sandboxes of kind namespace; nil uses kind process, which only Dev may.
	Launcher *launcher.Client
	// Exe is the binary that workers and process sandboxes are; "" the running one.
	Exe string
	// Public lets functions reach the public internet; Allow are the operator's rules beside it.
	Public bool
	Allow  []egress.Rule
	// IsolationMin refuses a weaker kind: "namespace" or "".
	IsolationMin string
	// Weaker are what the machine cannot do, for the notice at start.
	Weaker []string
}

// Folders below Run.
const (
	codeFolder    = "code"
	runtimeFolder = "runtimes"
	workFolder    = "work"
	caSecret      = "ca.secret"
	caBundle      = "ca.pem"
)

// caInside is where a sandbox finds the certificates to trust.
const caInside = "/etc/ssl/certs/ca-certificates.crt"

// CodeDir is the folder of unpacked code, the launcher's CodeRoot.
func (f Functions) CodeDir() string { return filepath.Join(f.Run, codeFolder) }

// RuntimesDir is the folder of runtimes.
func (f Functions) RuntimesDir() string {
	if f.Runtimes != "" {
		return f.Runtimes
	}
	return filepath.Join(f.Run, runtimeFolder)
}

// Prepare makes the folders, the bootstraps and the authority that vouches for AWS's names inside sandboxes; the launcher
// opens them at its start. Whoever starts the launcher calls it first.
func (f Functions) Prepare(dev bool, domain string) error {
	for _, d := range []string{f.Run, f.CodeDir(), f.RuntimesDir(), filepath.Join(f.Run, workFolder)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := (&runtime.Finder{Dir: f.RuntimesDir(), Dev: dev}).Prepare(); err != nil {
		return fmt.Errorf("runtimes: %w", err)
	}
	a, err := egress.NewAuthority(time.Now(), isAWS(domain))
	if err != nil {
		return err
	}
	secret, err := a.Secret()
	if err != nil {
		return err
	}
	system, _ := os.ReadFile(caInside)
	if err := os.WriteFile(filepath.Join(f.Run, caBundle), a.Bundle(system), 0o644); err != nil {
		return err
	}
	os.Remove(filepath.Join(f.Run, caSecret))
	return os.WriteFile(filepath.Join(f.Run, caSecret), secret, 0o600)
}

// LauncherConfig is what the launcher is started with; Prepare must have run.
func (f Functions) LauncherConfig(dev bool, cgroup string) launcher.Config {
	cfg := launcher.Config{CodeRoot: f.CodeDir(), Dev: dev, Cgroup: cgroup, Etc: map[string]string{"ssl/certs/ca-certificates.crt": filepath.Join(f.Run, caBundle)}}
	for _, d := range (&runtime.Finder{Dir: f.RuntimesDir(), Dev: dev}).Dirs() {
		cfg.Runtimes = append(cfg.Runtimes, launcher.Runtime{Name: filepath.Base(d), Dir: d})
	}
	return cfg.WithDefaults()
}

func isAWS(domain string) func(string) bool {
	return func(name string) bool { return namespace.IsEndpointName(name, domain) }
}

// arch is the machine's architecture in AWS's words.
func arch() string {
	if goruntime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// finder implements compute.Runtimes.
type finder struct{ f *runtime.Finder }

// Find implements compute.Runtimes.
func (x finder) Find(identifier string) (compute.Interpreter, bool, error) {
	r, known := runtime.Lookup(identifier)
	if !known || x.f == nil {
		return compute.Interpreter{Interpreted: r.Family != "provided"}, known, errNoFunctions
	}
	c, err := x.f.Find(identifier)
	if err != nil {
		return compute.Interpreter{Interpreted: r.Family != "provided"}, true, err
	}
	return compute.Interpreter{Dir: c.Dir, Interpreted: r.Family != "provided", Command: func(code, wrapper, requestID string) ([]string, *runtime.Result) {
		return c.Command(code, "", wrapper, requestID)
	}}, true, nil
}

var errNoFunctions = errors.New("this server runs no functions: it was started without a sandbox kind")

// unpacker implements compute.Unpacker.
type unpacker struct{ c *worker.Cache }

// Unpack implements compute.Unpacker.
func (u unpacker) Unpack(ctx context.Context, digest string, open func(ctx context.Context) (io.ReadCloser, error)) (string, error) {
	if u.c == nil {
		return "", errNoFunctions
	}
	return u.c.Get(ctx, worker.Source{Digest: digest, Open: open})
}

// functions makes the compute plane and what is below it.
func (c *Cloud) functions(roles functionRoles) (*compute.Plane, error) {
	f := c.cfg.Functions
	cfg := compute.Config{Env: c.Env, Log: c.log, Blobs: c.Blobs, Roles: roles, Logs: roles, Runtimes: finder{}, Unpacker: unpacker{}}
	if f.Run == "" {
		return compute.New(cfg), nil
	}
	cache, err := worker.NewCache(worker.CacheConfig{Dir: f.CodeDir(), Exe: f.Exe})
	if err != nil {
		return nil, err
	}
	cfg.Runtimes = finder{&runtime.Finder{Dir: f.RuntimesDir(), Dev: c.cfg.Dev}}
	cfg.Unpacker = unpacker{cache}
	if f.Launcher != nil {
		cfg.Kind = namespace.New(namespace.Config{Launcher: f.Launcher, Env: c.Env})
		cfg.CABundle = caInside
	} else {
		if f.IsolationMin == "namespace" {
			return nil, errors.New("--isolation-min namespace: this machine gives no namespaces here, and a weaker kind is refused")
		}
		if !c.cfg.Dev {
			return nil, errors.New("functions need the sandbox kind namespace, which this machine does not give here; the kind process is for --dev only (see `virga doctor`)")
		}
		if cfg.Kind, err = process.New(process.Config{Env: c.Env, WorkDir: filepath.Join(f.Run, workFolder), Deny: c.denied(), Allow: []string{f.CodeDir()}, Exe: f.Exe}); err != nil {
			return nil, err
		}
	}
	c.kind = cfg.Kind
	secret, err := os.ReadFile(filepath.Join(f.Run, caSecret))
	if err != nil {
		return nil, err
	}
	name := isAWS(c.domain())
	authority, err := egress.LoadAuthority(secret, name)
	if err != nil {
		return nil, err
	}
	n := &network{c: c, roles: roles, authority: authority, name: name, dialer: egress.New(egress.Config{Policy: egress.Policy{Public: f.Public, Allow: f.Allow}})}
	cfg.Network = n.serve
	return compute.New(cfg), nil
}

func (c *Cloud) denied() []string {
	if c.cfg.Data == "" {
		return nil
	}
	return []string{c.cfg.Data}
}

func (c *Cloud) domain() string {
	if c.cfg.Domain == "" {
		return "localhost"
	}
	return c.cfg.Domain
}

// network serves what sandboxes see of the world.
type network struct {
	c         *Cloud
	roles     functionRoles
	authority *egress.Authority
	name      func(string) bool
	dialer    *egress.Dialer
}

// serve serves one sandbox until what it gives is called.
func (n *network) serve(ctx context.Context, f *compute.Function, sb sandbox.Sandbox) func() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	if l := sb.Listener(sandbox.SurfaceEndpoint); l != nil {
		who, err := n.roles.principal(ctx, f)
		if err != nil {
			n.c.log.Warn("function without a role's session", "function", f.ARN, "err", err)
			l.Close()
		} else {
			either := egress.EitherListener(l, n.authority.TLS(n.c.Env.Wall))
			work.Go(func() {
				if err := n.c.Front.Serve(ctx, front.Listener{Listener: either, Surfaces: front.API | front.Apps, Principal: who}); err != nil {
					n.c.log.Debug("endpoint of a sandbox", "function", f.ARN, "err", err)
				}
			})
		}
	}
	var g *egress.Gateway
	if sb.Listener(sandbox.SurfaceRedirect) != nil || sb.PacketConn(sandbox.SurfaceDNS) != nil {
		g = egress.NewGateway(egress.GatewayConfig{Dialer: n.dialer, EndpointName: n.name, EndpointIP: namespace.EndpointIP(), Original: original,
			OnDenied: func(err error) { n.c.log.Info("egress", "function", f.ARN, "err", err) }})
		if l := sb.Listener(sandbox.SurfaceRedirect); l != nil {
			work.Go(func() { g.ServeRedirect(l) })
		}
		if l := sb.Listener(sandbox.SurfaceDNS); l != nil {
			work.Go(func() { g.ServeDNSStream(l) })
		}
		if p := sb.PacketConn(sandbox.SurfaceDNS); p != nil {
			work.Go(func() { g.ServeDNS(p) })
		}
	}
	return func() {
		cancel()
		if g != nil {
			g.Close()
		}
	}
}

// original gives a redirected connection's first destination.
func original(c net.Conn) (netip.AddrPort, error) {
	o, ok := c.(sandbox.OriginalDst)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("a connection of type %T was not redirected", c)
	}
	a, err := o.OriginalDst()
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(a.String())
}

// describe says in one line how functions run, for the start.
func (c *Cloud) describe() string {
	if c.kind == nil {
		return "none: functions do not run here"
	}
	s := c.kind.Name() + ": " + c.kind.Claims()
	if len(c.cfg.Functions.Weaker) > 0 {
		s += "; weaker here: " + strings.Join(c.cfg.Functions.Weaker, "; ")
	}
	return s
}

// Isolation says how functions run.
func (c *Cloud) Isolation() string { return c.describe() }
