package launcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Arg is os.Args[1] of a launcher that a server has started (Spawn). main dispatches on it before anything else:
//
//	if len(os.Args) > 1 && os.Args[1] == launcher.Arg { launcher.Main() }
const Arg = "virga-launcher"

// ConnFD is the descriptor under which launcher and server find their end of the pair.
const ConnFD = 3

// ErrorExit is the exit status of a launcher that could not start; why is on its standard error.
const ErrorExit = 78

// Main is the launcher's whole life when a server has started it. It does not return.
func Main() {
	runtime.LockOSThread()
	err := func() error {
		if err := Sanitise(ConnFD); err != nil {
			return err
		}
		var cfg Config
		if len(os.Args) != 3 {
			return errors.New("launcher: started by hand")
		}
		if err := json.Unmarshal([]byte(os.Args[2]), &cfg); err != nil {
			return fmt.Errorf("launcher: configuration: %w", err)
		}
		t, err := newTable(cfg, cfg.Dev)
		if err != nil {
			return err
		}
		defer t.make.(*home).tree.Close()
		return t.serve(ConnFD)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(ErrorExit)
	}
	os.Exit(0)
}

// newTable checks the configuration, builds the launcher's place and gives up every other privilege.
func newTable(cfg Config, keepHost bool) (*table, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	h, err := newHome(cfg, keepHost)
	if err != nil {
		return nil, fmt.Errorf("launcher: %w", err)
	}
	keep := launcherCaps[:]
	if cfg.Rootless {
		keep = append(slices.Clone(keep), unix.CAP_SETFCAP) // to map a sandbox's uid to the only one there is, which is 0 here
	}
	if err := dropTo(capMask(keep)); err != nil {
		return nil, fmt.Errorf("launcher: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("launcher: %w", err)
	}
	return &table{slots: make([]slot, cfg.Slots), runtimes: len(cfg.Runtimes), max: cfg.Max, dev: cfg.Dev, make: h}, nil
}

// fdsMax is how many descriptors a message may bring; more than one is refused, but must be received to be closed.
const fdsMax = 253

// helloSlot marks the message by which the launcher says that it is ready.
const helloSlot = 0xffffffff

// serve answers messages until the server is gone, then kills everything. One thread, one message at a time.
func (t *table) serve(conn int) error {
	defer t.drain()
	hello := answer{slot: helloSlot}.encode()
	if err := unix.Sendto(conn, hello[:], unix.MSG_NOSIGNAL, nil); err != nil {
		return nil
	}
	buf := make([]byte, messageSize+1)
	oob := make([]byte, unix.CmsgSpace(4*fdsMax))
	for {
		n, oobn, _, _, err := unix.Recvmsg(conn, buf, oob, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 && oobn == 0 {
			return nil // the server is gone
		}
		fds := receivedFDs(oob[:oobn])
		a, out := t.handle(buf[:n], fds)
		closeAll(fds...)
		msg := a.encode()
		var rights []byte
		if len(out) > 0 {
			rights = unix.UnixRights(out...)
		}
		err = unix.Sendmsg(conn, msg[:], rights, nil, unix.MSG_NOSIGNAL)
		closeAll(out...)
		if err != nil {
			return nil
		}
	}
}

func receivedFDs(oob []byte) []int {
	var out []int
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range msgs {
		fds, err := unix.ParseUnixRights(&m)
		if err == nil {
			out = append(out, fds...)
		}
	}
	return out
}

// How long and how often the launcher tries to see the last sandbox go after the server has gone.
const (
	drainTries = 2000
	drainPause = 5 * time.Millisecond
)

func (t *table) drain() {
	for range drainTries {
		if t.killAll() == 0 {
			return
		}
		time.Sleep(drainPause)
	}
}

// ServerCommand is how Serve starts the server: the same binary, with arguments of its own.
type ServerCommand struct {
	Path  string // "/proc/self/exe" for this binary; its folders must be open to ServerUID
	Args  []string
	Env   []string
	Files []*os.File // descriptors 4 and on (public listeners); 3 is the connection
	// Started is told the server's process each time it is started; may be nil.
	Started func(pid int)
}

// restartPauseMax bounds the pause between two starts of a server that keeps ending.
const restartPauseMax = 5 * time.Second

// Serve is the launcher's whole life when it starts first, as root: it builds its place, starts the server under
// its own uid with descriptor 3 as connection, and serves it. When the server ends, every sandbox is killed and the
// server is started anew, unless it ended with status 0 or a signal asked the launcher to end. It returns the
// status to exit with.
func Serve(cfg Config, cmd ServerCommand) (int, error) {
	runtime.LockOSThread()
	keep := []int{}
	for _, f := range cmd.Files {
		keep = append(keep, int(f.Fd()))
	}
	if err := Sanitise(keep...); err != nil {
		return ErrorExit, err
	}
	if cfg.ServerUID < uidMin && !cfg.Rootless {
		return ErrorExit, fmt.Errorf("launcher: server uid %d: from %d on", cfg.ServerUID, uidMin)
	}
	// Opened before the host's files go out of sight.
	// A path, not a descriptor: a process that has just changed its uid may not look below its own /proc folder.
	exe, err := filepath.EvalSymlinks(cmd.Path)
	if err != nil {
		return ErrorExit, fmt.Errorf("launcher: %w", err)
	}
	cwd, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ErrorExit, err
	}
	t, err := newTable(cfg, true)
	if err != nil {
		return ErrorExit, err
	}
	h := t.make.(*home)
	defer h.tree.Close()
	for pause := 10 * time.Millisecond; ; pause = min(pause*2, restartPauseMax) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return ErrorExit, err
		}
		pid, err := h.startServer(cmd, exe, cwd, pair[1])
		unix.Close(pair[1])
		if err != nil {
			return ErrorExit, err
		}
		if cmd.Started != nil {
			cmd.Started(pid)
		}
		_ = t.serve(pair[0])
		unix.Close(pair[0])
		// A server that closed its connection without ending is of no use any more.
		_ = unix.Kill(pid, unix.SIGKILL)
		var ws unix.WaitStatus
		for {
			if _, err = unix.Wait4(pid, &ws, 0, nil); err != unix.EINTR {
				break
			}
		}
		if ws.Exited() && ws.ExitStatus() == 0 {
			return 0, nil
		}
		fmt.Fprintf(os.Stderr, "launcher: the server ended (%s); it is started anew\n", waitText(ws))
		time.Sleep(pause)
	}
}

func waitText(ws unix.WaitStatus) string {
	if ws.Signaled() {
		return "signal " + unix.SignalName(ws.Signal())
	}
	return "status " + strconv.Itoa(ws.ExitStatus())
}

// startServer starts the server in the place that the launcher came from, under its own uid, without groups.
func (h *home) startServer(cmd ServerCommand, exe string, cwd, conn int) (pid int, err error) {
	files := []uintptr{0, 1, 2, uintptr(conn)}
	for _, f := range cmd.Files {
		files = append(files, f.Fd())
	}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if !h.cfg.Rootless {
		attr.Credential = &syscall.Credential{Uid: uint32(h.cfg.ServerUID), Gid: uint32(h.cfg.ServerGID), Groups: []uint32{}}
	}
	err = h.away(func() error {
		if err := h.host.enter(); err != nil {
			return err
		}
		if err := unix.Fchdir(cwd); err != nil {
			return err
		}
		var err error
		pid, err = syscall.ForkExec(exe, append([]string{cmd.Path}, cmd.Args...),
			&syscall.ProcAttr{Env: cmd.Env, Files: files, Sys: attr})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("launcher: server %s under uid %d: %w", exe, h.cfg.ServerUID, err)
	}
	return pid, nil
}
