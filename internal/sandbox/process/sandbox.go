package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"virga/internal/sandbox"
	"virga/internal/sandbox/logpipe"
)

// Sandbox implements sandbox.Sandbox.
type Sandbox struct {
	kind      *Kind
	spec      sandbox.Spec
	dir       string // its own folder; /tmp is below it
	tmp       string
	listeners map[sandbox.Surface]*listener
	logs      *logpipe.Reader
	logEnd    *os.File // the writing end, until the start
	mark      string   // an environment entry by which its processes are known

	mu      sync.Mutex
	cmd     *exec.Cmd
	started bool
	ended   bool
	killed  bool
	oom     bool
	exit    sandbox.Exit
	final   sandbox.Usage
	peak    int64
	done    chan struct{}
}

// markName is the variable of mark; function code sees it and may even remove it: it is a help, not a wall.
const markName = "VIRGA_SANDBOX_ID"

func newSandbox(k *Kind, spec sandbox.Spec) (*Sandbox, error) {
	dir, err := os.MkdirTemp(k.cfg.WorkDir, "virga-"+spec.ID+"-")
	if err != nil {
		return nil, err
	}
	s := &Sandbox{kind: k, spec: spec, dir: dir, tmp: filepath.Join(dir, "tmp"), done: make(chan struct{}), listeners: map[sandbox.Surface]*listener{}, mark: markName + "=" + filepath.Base(dir)}
	fail := func(err error) (*Sandbox, error) {
		s.discard()
		return nil, err
	}
	if err := os.Mkdir(s.tmp, 0o700); err != nil {
		return fail(err)
	}
	for _, at := range []sandbox.Surface{sandbox.SurfaceRuntimeAPI, sandbox.SurfaceEndpoint} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fail(err)
		}
		s.listeners[at] = &listener{Listener: l, max: int64(k.cfg.ConnectionsMax)}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	s.logEnd = w
	s.logs = logpipe.New(r, spec.Limits.LogBytes, k.cfg.Env.Wall)
	return s, nil
}

// discard frees what a sandbox without processes holds.
func (s *Sandbox) discard() {
	for _, l := range s.listeners {
		l.Close()
	}
	if s.logEnd != nil {
		s.logEnd.Close()
		s.logEnd = nil
	}
	_ = os.RemoveAll(s.dir)
}

// listener bounds the open connections.
type listener struct {
	net.Listener
	max  int64
	open atomic.Int64
}

// Accept gives the next connection; those past the limit are closed at once.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) > l.max {
			l.open.Add(-1)
			c.Close()
			continue
		}
		return &conn{Conn: c, l: l}, nil
	}
}

type conn struct {
	net.Conn
	l    *listener
	once sync.Once
}

// Close gives the connection's place back.
func (c *conn) Close() error {
	c.once.Do(func() { c.l.open.Add(-1) })
	return c.Conn.Close()
}

// SyscallConn lets a server see whether the other side has gone.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return sc.SyscallConn()
}

// CloseWrite ends one way of the connection.
func (c *conn) CloseWrite() error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}

// ID implements sandbox.Sandbox.
func (s *Sandbox) ID() string { return s.spec.ID }

// Listener implements sandbox.Sandbox.
func (s *Sandbox) Listener(at sandbox.Surface) net.Listener {
	if l, ok := s.listeners[at]; ok {
		return l
	}
	return nil
}

// PacketConn implements sandbox.Sandbox.
func (s *Sandbox) PacketConn(sandbox.Surface) net.PacketConn { return nil }

// Addr implements sandbox.Sandbox.
func (s *Sandbox) Addr(at sandbox.Surface) string {
	if l, ok := s.listeners[at]; ok {
		return l.Addr().String()
	}
	return ""
}

// Logs implements sandbox.Sandbox.
func (s *Sandbox) Logs() io.Reader { return s.logs }

// LogDropped tells how many lines and bytes went past the limit.
func (s *Sandbox) LogDropped() (lines, bytes int64) { return s.logs.Dropped() }

// Start implements sandbox.Sandbox.
func (s *Sandbox) Start(ctx context.Context, extra []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.ended {
		return fmt.Errorf("sandbox %s: start: started twice, or ended", s.spec.ID)
	}
	k := s.kind
	st := start{Command: s.spec.Command, Env: append(slices.Clone(s.spec.Env), extra...), Code: s.spec.CodeDir, Runtime: s.spec.RuntimeDir, Layers: s.spec.LayersDir,
		Tmp: s.tmp, Namespaces: k.flags != 0, OpenFiles: s.spec.Limits.OpenFiles}
	st.Read = append(slices.Clone(systemRead), clean(k.cfg.Read...)...)
	if st.Namespaces {
		st.Write = append(slices.Clone(systemWrite), "/tmp")
		st.Read = append(st.Read, "/var/task", "/var/runtime", "/opt")
	} else {
		s.rewrite(&st)
		st.Write = append(slices.Clone(systemWrite), s.tmp)
		if !s.kind.deniedBelow("/tmp") {
			st.Write = append(st.Write, "/tmp") // code writes there by its name
		}
		st.Read = append(st.Read, clean(s.spec.CodeDir, s.spec.RuntimeDir, s.spec.LayersDir)...)
	}
	st.Env = append(st.Env, s.mark)
	cmd, told, err := k.command(k.flags, st, s.logEnd)
	if err != nil {
		return fmt.Errorf("sandbox %s: %w", s.spec.ID, err)
	}
	if err := k.onThread(cmd.Start); err != nil {
		told.close()
		return fmt.Errorf("sandbox %s: start: %w", s.spec.ID, err)
	}
	s.started, s.cmd = true, cmd
	s.logEnd.Close()
	s.logEnd = nil
	err = told.finish()
	if err != nil {
		_ = cmd.Process.Kill()
	}
	go s.watch()
	if err != nil {
		return fmt.Errorf("sandbox %s: %w", s.spec.ID, err)
	}
	return nil
}

func (k *Kind) deniedBelow(dir string) bool {
	for _, d := range k.cfg.Deny {
		if within(filepath.Clean(d), dir) {
			return true
		}
	}
	return false
}

// pathVariables hold lists of folders that are rewritten where AWS's own paths cannot be made.
var pathVariables = []string{"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "NODE_PATH", "PWD"}

func (s *Sandbox) rewrite(st *start) {
	st.Command = slices.Clone(st.Command)
	for i, a := range st.Command {
		st.Command[i] = s.hostPath(a)
	}
	for i, kv := range st.Env {
		name, v, _ := strings.Cut(kv, "=")
		if !slices.Contains(pathVariables, name) {
			continue
		}
		parts := strings.Split(v, ":")
		for j := range parts {
			parts[j] = s.hostPath(parts[j])
		}
		st.Env[i] = name + "=" + strings.Join(parts, ":")
	}
	st.Env = append(st.Env, "TMPDIR="+s.tmp)
}

func (s *Sandbox) hostPath(p string) string {
	for inside, outside := range map[string]string{"/var/task": s.spec.CodeDir, "/var/runtime": s.spec.RuntimeDir, "/opt": s.spec.LayersDir} {
		if outside != "" && within(p, inside) {
			return outside + p[len(inside):]
		}
	}
	return p
}

// Kill implements sandbox.Sandbox.
func (s *Sandbox) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.killed = true
	if s.cmd == nil {
		s.ended = true
		s.exit = sandbox.Exit{Code: -1, Signal: "SIGKILL", Killed: true}
		s.discard()
		close(s.done)
		go s.kind.forget(s)
		return
	}
	s.killAll()
}

// killAll ends every process; Sandbox.mu is held, so that the first one has not been reaped.
func (s *Sandbox) killAll() {
	pid := s.cmd.Process.Pid
	_ = unix.Kill(pid, unix.SIGKILL)
	if s.kind.flags != 0 {
		return // the kernel ends the rest of its namespace
	}
	_ = unix.Kill(-pid, unix.SIGKILL)
	for _, p := range s.tree() {
		_ = unix.Kill(p, unix.SIGKILL)
	}
}

// Done implements sandbox.Sandbox.
func (s *Sandbox) Done() <-chan struct{} { return s.done }

// Exit implements sandbox.Sandbox.
func (s *Sandbox) Exit() sandbox.Exit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit
}

// Usage implements sandbox.Sandbox.
func (s *Sandbox) Usage() sandbox.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.cmd == nil {
		return s.final
	}
	mem, cpu := s.measure()
	s.peak = max(s.peak, mem)
	return sandbox.Usage{MemoryPeakBytes: s.peak, CPU: cpu}
}

// Freeze implements sandbox.Sandbox.
func (s *Sandbox) Freeze() error { return sandbox.ErrUnsupported }

// Thaw implements sandbox.Sandbox.
func (s *Sandbox) Thaw() error { return sandbox.ErrUnsupported }

// OOMKills tells whether the memory limit was hit.
func (s *Sandbox) OOMKills() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.oom {
		return 1
	}
	return 0
}

// How often memory is looked at, and how long leftovers may take to die.
const (
	memoryPeriod = 100 * time.Millisecond
	leftPause    = 2 * time.Millisecond
	leftTries    = 1000
)

// watch owns the process from its start to its end.
func (s *Sandbox) watch() {
	defer s.kind.forget(s)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { defer close(stopped); s.watchMemory(stop) }()
	// Wait without reaping first: a process that is not reaped keeps its number, so that Kill cannot hit another.
	err := waitUnreaped(s.cmd.Process.Pid)
	close(stop)
	<-stopped
	s.mu.Lock()
	s.killAll()
	waitErr := s.cmd.Wait()
	s.mu.Unlock()
	for range leftTries {
		left := s.left()
		if len(left) == 0 {
			break
		}
		for _, p := range left {
			_ = unix.Kill(p, unix.SIGKILL)
		}
		time.Sleep(leftPause)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.exit = ending(s.cmd.ProcessState, errors.Join(err, waitErr))
	s.exit.OOM = s.oom
	s.exit.Killed = s.killed && s.exit.Signal == "SIGKILL"
	if st := s.cmd.ProcessState; st != nil {
		s.final.CPU = st.UserTime() + st.SystemTime()
		if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
			s.peak = max(s.peak, ru.Maxrss<<10)
		}
	}
	s.final.MemoryPeakBytes = s.peak
	s.discard()
	close(s.done)
}

func waitUnreaped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

func ending(st *os.ProcessState, err error) sandbox.Exit {
	if st == nil {
		return sandbox.Exit{Code: -1, Signal: fmt.Sprint(err)}
	}
	ws, ok := st.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return sandbox.Exit{Code: -1, Signal: unix.SignalName(ws.Signal())}
	}
	return sandbox.Exit{Code: st.ExitCode()}
}

// watchMemory ends a sandbox that passes its limit: without cgroups somebody has to look.
func (s *Sandbox) watchMemory(stop <-chan struct{}) {
	t := time.NewTicker(memoryPeriod)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		s.mu.Lock()
		mem, _ := s.measure()
		s.peak = max(s.peak, mem)
		if l := s.spec.Limits.MemoryBytes; l > 0 && mem > l {
			s.oom = true
			s.killAll()
		}
		s.mu.Unlock()
	}
}

var _ sandbox.Sandbox = (*Sandbox)(nil)
