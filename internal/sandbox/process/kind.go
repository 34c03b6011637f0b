package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"virga/internal/env"
	"virga/internal/sandbox"
)

// Config is what the kind works with.
type Config struct {
	Env env.Env
	// WorkDir holds one folder per sandbox, for its /tmp; "" means the system's folder for temporary files.
	WorkDir string
	// Deny are folders that code must never reach, the data folder among them. A sandbox whose folders lie in one
	// of them, or hold one, is refused unless it is below Allow.
	Deny []string
	// Allow are folders inside Deny that code may be run from: the cache of unpacked code.
	Allow []string
	// Read are further folders code may read and run from: where interpreters are.
	Read []string
	// ConnectionsMax bounds the open connections of each listener; 0 means DefaultConnectionsMax.
	ConnectionsMax int
	// Plain leaves out namespaces even where they are possible.
	Plain bool
	// Exe is the binary whose main calls Main for Arg; "" means the running one.
	Exe string
}

// DefaultConnectionsMax is enough for a function with a pool of keep-alive connections.
const DefaultConnectionsMax = 512

// Kind implements sandbox.Kind.
type Kind struct {
	cfg   Config
	flags uintptr // of clone: the namespaces of a sandbox, 0 for none
	why   error   // why there are none

	starts chan func() // run by the one thread that is every sandbox's parent
	quit   chan struct{}
	forker sync.WaitGroup

	mu   sync.Mutex
	live map[string]*Sandbox
	done bool
	all  sync.WaitGroup
}

// New makes the kind and finds out what this machine allows.
func New(cfg Config) (*Kind, error) {
	if cfg.WorkDir == "" {
		cfg.WorkDir = os.TempDir()
	}
	if cfg.ConnectionsMax == 0 {
		cfg.ConnectionsMax = DefaultConnectionsMax
	}
	if cfg.Exe == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cfg.Exe = exe
	}
	if err := os.MkdirAll(cfg.WorkDir, 0o700); err != nil {
		return nil, err
	}
	k := &Kind{cfg: cfg, starts: make(chan func()), quit: make(chan struct{}), live: map[string]*Sandbox{}}
	k.forker.Add(1)
	go k.fork()
	if !cfg.Plain {
		k.flags, k.why = k.probe()
	}
	return k, nil
}

// fork is every sandbox's parent: their parent-death signals are bound to this thread, which lives as long as the
// kind does.
func (k *Kind) fork() {
	defer k.forker.Done()
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	for {
		select {
		case f := <-k.starts:
			f()
		case <-k.quit:
			return
		}
	}
}

func (k *Kind) onThread(f func() error) error {
	out := make(chan error, 1)
	select {
	case k.starts <- func() { out <- f() }:
		return <-out
	case <-k.quit:
		return errClosed
	}
}

// probe tries the namespaces with a command that does nothing.
func (k *Kind) probe() (flags uintptr, err error) {
	flags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC
	if os.Geteuid() != 0 {
		flags |= unix.CLONE_NEWUSER
	}
	tmp, err := os.MkdirTemp(k.cfg.WorkDir, "probe")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	cmd, told, err := k.command(flags, start{Command: []string{"/bin/true"}, Tmp: tmp, Namespaces: true, OpenFiles: 64, Read: systemRead}, nil)
	if err != nil {
		return 0, err
	}
	if err := k.onThread(cmd.Start); err != nil {
		told.close()
		return 0, err
	}
	if err := errors.Join(told.finish(), cmd.Wait()); err != nil {
		return 0, err
	}
	return flags, nil
}

// Name implements sandbox.Kind.
func (k *Kind) Name() string { return "process" }

// Claims implements sandbox.Kind.
func (k *Kind) Claims() string {
	s := "development only: a process of this user, kept to its folders (Landlock) and to known system calls; the network is the host's"
	if k.flags == 0 {
		s += "; without namespaces, so paths are the host's and /tmp is shared"
		if k.why != nil {
			s += " (" + k.why.Error() + ")"
		}
	}
	return s
}

// Namespaces tells whether sandboxes see AWS's paths and a /tmp of their own.
func (k *Kind) Namespaces() bool { return k.flags != 0 }

var idPattern = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

var errClosed = errors.New("sandbox: the kind is closed")

// Create implements sandbox.Kind.
func (k *Kind) Create(ctx context.Context, spec sandbox.Spec) (sandbox.Sandbox, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !idPattern.MatchString(spec.ID) || len(spec.Command) == 0 {
		return nil, fmt.Errorf("sandbox: id %q, command %q", spec.ID, spec.Command)
	}
	for _, d := range []string{spec.CodeDir, spec.RuntimeDir, spec.LayersDir} {
		if err := k.permitted(d); err != nil {
			return nil, fmt.Errorf("sandbox %s: %w", spec.ID, err)
		}
	}
	s, err := newSandbox(k, spec)
	if err != nil {
		return nil, fmt.Errorf("sandbox %s: %w", spec.ID, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.done:
		err = errClosed
	case k.live[spec.ID] != nil:
		err = fmt.Errorf("sandbox: id %q is in use", spec.ID)
	}
	if err != nil {
		s.discard()
		return nil, err
	}
	k.live[spec.ID] = s
	k.all.Add(1)
	return s, nil
}

// permitted refuses folders that lie in a denied one or hold one.
func (k *Kind) permitted(dir string) error {
	if dir == "" {
		return nil
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(real) {
		return fmt.Errorf("folder %q is not absolute", dir)
	}
	for _, d := range k.cfg.Deny {
		deny, err := filepath.EvalSymlinks(d)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !within(real, deny) && !within(deny, real) {
			continue
		}
		ok := false
		for _, a := range k.cfg.Allow {
			allow, err := filepath.EvalSymlinks(a)
			ok = ok || err == nil && allow != real && within(real, allow) && !within(deny, real)
		}
		if !ok {
			return fmt.Errorf("folder %q is not for function code", dir)
		}
	}
	return nil
}

// within tells whether p is dir or lies below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

func (k *Kind) forget(s *Sandbox) {
	k.mu.Lock()
	delete(k.live, s.spec.ID)
	k.mu.Unlock()
	k.all.Done()
}

// Close implements sandbox.Kind.
func (k *Kind) Close() error {
	k.mu.Lock()
	first := !k.done
	k.done = true
	var all []*Sandbox
	for _, s := range k.live {
		all = append(all, s)
	}
	k.mu.Unlock()
	for _, s := range all {
		s.Kill()
	}
	k.all.Wait()
	if first {
		close(k.quit)
	}
	k.forker.Wait()
	return nil
}

// channel is the pair of pipes to a starting process: what to do, and what went wrong.
type channel struct {
	in, out  *os.File // ours
	childIn  *os.File
	childOut *os.File
	text     []byte
}

func (c *channel) close() {
	for _, f := range []*os.File{c.in, c.out, c.childIn, c.childOut} {
		f.Close()
	}
}

// startTime bounds the way from the clone to the exec.
const startTime = 10 * time.Second

// finish hands the process its orders and waits for its exec.
func (c *channel) finish() error {
	c.childIn.Close()
	c.childOut.Close()
	defer c.in.Close()
	defer c.out.Close()
	deadline := time.Now().Add(startTime)
	_ = c.in.SetDeadline(deadline)
	_ = c.out.SetDeadline(deadline)
	if _, err := c.in.Write(c.text); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	c.in.Close()
	why := make([]byte, 4096)
	n, err := c.out.Read(why)
	if n > 0 {
		return fmt.Errorf("start: %s", why[:n])
	}
	if err != nil && err.Error() != "EOF" {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// command prepares the helper that becomes the sandbox's first process.
func (k *Kind) command(flags uintptr, st start, log *os.File) (*exec.Cmd, *channel, error) {
	c := &channel{}
	var err error
	if c.text, err = st.encode(); err != nil {
		return nil, nil, err
	}
	if c.childIn, c.in, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	if c.out, c.childOut, err = os.Pipe(); err != nil {
		c.childIn.Close()
		c.in.Close()
		return nil, nil, err
	}
	cmd := exec.Command(k.cfg.Exe, Arg)
	cmd.Env = []string{"GOMAXPROCS=1", "GOGC=off"}
	cmd.Dir = "/"
	if log != nil {
		cmd.Stdout, cmd.Stderr = log, log
	}
	cmd.ExtraFiles = []*os.File{c.childIn, c.childOut}
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: flags}
	if flags&unix.CLONE_NEWUSER != 0 {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		// Kept over the helper's exec, for its mounts; the helper drops all of it.
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	}
	cmd.SysProcAttr = attr
	return cmd, c, nil
}
