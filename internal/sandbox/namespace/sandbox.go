package namespace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"virga/internal/launcher"
	"virga/internal/launcher/cgroup"
	"virga/internal/sandbox"
	"virga/internal/sandbox/logpipe"
	"virga/internal/sandbox/netredirect"
)

// Sandbox implements sandbox.Sandbox, and adds what the pool needs: Boot, Mount, SetCPU, SetMemory.
type Sandbox struct {
	kind *Kind
	slot uint32
	spec sandbox.Spec

	listeners map[sandbox.Surface]net.Listener
	packets   net.PacketConn
	logs      *logpipe.Reader
	control   int
	pid       *os.File
	limits    launcher.Parked // the limit descriptors of it

	mu      sync.Mutex // held over a turn with the launcher, so that a slot is not freed under it
	booted  bool
	started bool
	ended   bool // no process is left, or the end was seen
	killed  bool
	exit    sandbox.Exit
	execErr error
	final   sandbox.Usage
	done    chan struct{}
}

var errEnded = errors.New("sandbox: has ended")

func newSandbox(k *Kind, slot uint32, spec sandbox.Spec, p launcher.Parked) (*Sandbox, error) {
	s := &Sandbox{kind: k, slot: slot, spec: spec, control: p.Control, limits: p, done: make(chan struct{}), listeners: map[sandbox.Surface]net.Listener{}}
	_ = unix.SetNonblock(p.Pid, true)
	s.pid = os.NewFile(uintptr(p.Pid), "process")
	s.logs = logpipe.New(os.NewFile(uintptr(p.Log), "log"), spec.Limits.LogBytes, k.cfg.Env.Wall)
	var err error
	for _, l := range []struct {
		at sandbox.Surface
		fd int
	}{{sandbox.SurfaceRuntimeAPI, p.Runtime}, {sandbox.SurfaceEndpoint, p.Endpoint}, {sandbox.SurfaceRedirect, p.Redirect}, {sandbox.SurfaceDNS, p.DNS}} {
		f := os.NewFile(uintptr(l.fd), string(l.at))
		nl, e := net.FileListener(f)
		f.Close()
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		s.listeners[l.at] = newListener(nl, k.cfg.ConnectionsMax, l.at)
	}
	f := os.NewFile(uintptr(p.DNSPackets), "dns")
	s.packets, _ = net.FilePacketConn(f)
	f.Close()
	if s.packets == nil {
		err = errors.Join(err, errors.New("no packet socket"))
	}
	if err != nil {
		s.closeAll()
		return nil, err
	}
	return s, nil
}

// ID implements sandbox.Sandbox.
func (s *Sandbox) ID() string { return s.spec.ID }

// Slot is the launcher's number of the sandbox.
func (s *Sandbox) Slot() uint32 { return s.slot }

// Listener implements sandbox.Sandbox.
func (s *Sandbox) Listener(at sandbox.Surface) net.Listener {
	if l, ok := s.listeners[at]; ok {
		return l
	}
	return nil
}

// PacketConn implements sandbox.Sandbox.
func (s *Sandbox) PacketConn(at sandbox.Surface) net.PacketConn {
	if at == sandbox.SurfaceDNS {
		return s.packets
	}
	return nil
}

// Addr implements sandbox.Sandbox.
func (s *Sandbox) Addr(at sandbox.Surface) string {
	ports := map[sandbox.Surface]int{sandbox.SurfaceRuntimeAPI: netredirect.RuntimePort, sandbox.SurfaceEndpoint: netredirect.EndpointPort,
		sandbox.SurfaceRedirect: netredirect.RedirectPort, sandbox.SurfaceDNS: netredirect.DNSPort}
	if p, ok := ports[at]; ok {
		return "127.0.0.1:" + strconv.Itoa(p)
	}
	return ""
}

// Transparent tells whether outbound connections are led to SurfaceRedirect; false means that this kernel took no
// packet rules and everything but the listeners is closed.
func (s *Sandbox) Transparent() bool { return !s.limits.NoNAT }

// turn asks the launcher about this slot, unless the sandbox has ended.
func (s *Sandbox) turn(ask func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errEnded
	}
	return ask()
}

// Boot runs the command with env before any user code is there, so that a runtime can start, warm up and wait. Code
// may be mounted once afterwards; Start then closes the way to further mounts.
func (s *Sandbox) Boot(ctx context.Context, env []string) error {
	return s.run(ctx, env, launcher.PhaseBoot)
}

// Start implements sandbox.Sandbox. After a Boot extra must be empty: the environment was given then.
func (s *Sandbox) Start(ctx context.Context, extra []string) error {
	return s.run(ctx, extra, launcher.PhaseStart)
}

func (s *Sandbox) run(ctx context.Context, extra []string, phase launcher.Phase) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.turn(func() error {
		if s.started || s.booted && phase == launcher.PhaseBoot {
			return errors.New("started twice")
		}
		if s.booted {
			if len(extra) > 0 {
				return errors.New("environment after the boot")
			}
		} else {
			blob, err := launcher.Blob(s.spec.Command, append(append([]string{}, s.spec.Env...), extra...))
			if err != nil {
				return err
			}
			if err := unix.Sendto(s.control, blob, unix.MSG_NOSIGNAL, nil); err != nil {
				return err
			}
		}
		if err := s.kind.cfg.Launcher.Start(s.slot, phase); err != nil {
			return err
		}
		s.booted, s.started = true, phase == launcher.PhaseStart
		return nil
	})
	if err != nil {
		return fmt.Errorf("sandbox %s: start: %w", s.spec.ID, err)
	}
	return nil
}

// Logs implements sandbox.Sandbox.
func (s *Sandbox) Logs() io.Reader { return s.logs }

// LogDropped tells how many lines and bytes went past the limit and were not given to the reader.
func (s *Sandbox) LogDropped() (lines, bytes int64) { return s.logs.Dropped() }

// Kill implements sandbox.Sandbox.
func (s *Sandbox) Kill() {
	_ = s.turn(func() error {
		s.killed = true
		return s.kind.cfg.Launcher.Kill(s.slot)
	})
}

// Done implements sandbox.Sandbox.
func (s *Sandbox) Done() <-chan struct{} { return s.done }

// Exit implements sandbox.Sandbox.
func (s *Sandbox) Exit() sandbox.Exit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit
}

// ExecError is why the command could not be run at all; nil otherwise. Valid once Done is closed; Exit has status
// 126 then.
func (s *Sandbox) ExecError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.execErr
}

// watch waits for the end and cleans up.
func (s *Sandbox) watch() {
	defer s.kind.watch.Done()
	ended := s.wait()
	// Nothing may act on the slot from here on, for it is about to be somebody else's.
	s.mu.Lock()
	s.ended = true
	killed := s.killed
	s.mu.Unlock()
	exit, execErr := s.ending(killed)
	final := s.readUsage()
	if !ended {
		_ = s.kind.cfg.Launcher.Kill(s.slot)
	}
	free := s.kind.reap(s.slot)
	s.mu.Lock()
	s.exit, s.execErr, s.final = exit, execErr, final
	s.closeLimits()
	s.mu.Unlock()
	s.closeListeners()
	if free {
		s.kind.release(s.slot, s.spec.ID)
	}
	close(s.done)
}

// wait returns when the first process has ended, with every other process of its namespace.
func (s *Sandbox) wait() bool {
	raw, err := s.pid.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	err = raw.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		ok = n == 1 && err == nil
		return ok || err != nil && err != unix.EINTR
	})
	return ok && err == nil
}

// ending reads what the first process told about its end.
func (s *Sandbox) ending(killed bool) (sandbox.Exit, error) {
	e := sandbox.Exit{Code: -1, Signal: "SIGKILL", Killed: killed, OOM: s.oomKills() > 0}
	var execErr error
	var buf [64]byte
	for {
		n, err := unix.Read(s.control, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return e, execErr
		}
		end, ok := launcher.ParseEnding(buf[:n])
		switch {
		case !ok:
		case end.ExecErrno != 0:
			execErr = fmt.Errorf("sandbox %s: %s: %w", s.spec.ID, s.spec.Command[0], syscall.Errno(end.ExecErrno))
		case end.Exited:
			ws := unix.WaitStatus(end.Status)
			if ws.Exited() {
				e.Code, e.Signal = ws.ExitStatus(), ""
			} else {
				e.Code, e.Signal = -1, unix.SignalName(ws.Signal())
			}
			e.Killed = false
		}
	}
}

func readAt(fd int) string {
	if fd < 0 {
		return ""
	}
	var buf [4096]byte
	n, err := unix.Pread(fd, buf[:], 0)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// field reads the number after a name at the start of a line.
func field(text, name string) int64 {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}

func (s *Sandbox) oomKills() int64 { return field(readAt(s.limits.OOM), "oom_kill") }

// OOMKills tells how many processes of the sandbox the kernel has killed for memory so far. A runtime may survive
// the loss of a child, so whoever serves invocations looks after each of them.
func (s *Sandbox) OOMKills() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exit.OOM && s.limits.OOM < 0 {
		return 1
	}
	return s.oomKills()
}

func (s *Sandbox) readUsage() sandbox.Usage {
	var u sandbox.Usage
	u.MemoryPeakBytes, _ = strconv.ParseInt(strings.TrimSpace(readAt(s.limits.MemoryPeak)), 10, 64)
	text := readAt(s.limits.CPUUsage)
	if s.limits.CPUUsageV1 {
		n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		u.CPU = time.Duration(n)
	} else {
		u.CPU = time.Duration(field(text, "usage_usec")) * time.Microsecond
	}
	return u
}

// Usage implements sandbox.Sandbox.
func (s *Sandbox) Usage() sandbox.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return s.final
	default:
	}
	if s.final != (sandbox.Usage{}) {
		return s.final
	}
	return s.readUsage()
}

// set writes to one of the limit descriptors.
func (s *Sandbox) set(fd *int, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errEnded
	}
	if *fd < 0 {
		return sandbox.ErrUnsupported
	}
	if _, err := unix.Write(*fd, []byte(value)); err != nil {
		return fmt.Errorf("sandbox %s: limit %q: %w", s.spec.ID, value, err)
	}
	return nil
}

// Freeze implements sandbox.Sandbox.
func (s *Sandbox) Freeze() error {
	return s.set(&s.limits.Freeze, "1")
}

// Thaw implements sandbox.Sandbox.
func (s *Sandbox) Thaw() error {
	return s.set(&s.limits.Freeze, "0")
}

// SetCPU changes the share of the processor: all of it while a runtime initialises, the function's afterwards.
// 0 means no limit.
func (s *Sandbox) SetCPU(millis int) error {
	return s.set(&s.limits.CPULimit, cgroup.CPUMax(s.limits.CPULimitV1, millis))
}

// SetMemory changes the memory limit, in bytes.
func (s *Sandbox) SetMemory(bytes int64) error {
	return s.set(&s.limits.MemoryLimit, strconv.FormatInt(bytes, 10))
}

func (s *Sandbox) closeListeners() {
	for _, l := range s.listeners {
		l.Close()
	}
	if s.packets != nil {
		s.packets.Close()
	}
}

// closeLimits closes the descriptors of limits and process; logs stay open until their reader has read the end.
func (s *Sandbox) closeLimits() {
	for _, fd := range []*int{&s.limits.MemoryLimit, &s.limits.MemoryPeak, &s.limits.OOM, &s.limits.CPULimit, &s.limits.CPUUsage, &s.limits.Freeze, &s.control} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
	s.pid.Close()
}

func (s *Sandbox) closeAll() {
	s.closeListeners()
	s.closeLimits()
	s.logs.Close()
}
