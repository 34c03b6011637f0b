package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"virga/internal/sandbox/landlock"
	"virga/internal/sandbox/seccomp"
)

// Arg is os.Args[1] of a worker. main dispatches on it before anything else:
//
//	if len(os.Args) > 1 && os.Args[1] == worker.Arg { worker.Main() }
const Arg = "virga-worker"

// Descriptors of a worker: standard output takes its report.
const (
	fdArchive = 3
	fdFolder  = 4
)

// Bounds of a worker beside those of its job.
const (
	workerTime   = 60 * time.Second
	workerData   = 1 << 30 // bytes of memory it may write
	workerFiles  = 64
	reportMax    = 64 << 10
	hardenBroken = 3 // exit status when it could not be confined
)

// report is a worker's one answer.
type report struct {
	Stats Stats
	Kind  string // "", or the name of the error below
	Error string
}

var kinds = map[string]error{"zip": ErrNotZip, "large": ErrTooLarge, "refused": ErrRefused}

// Main is a worker's whole life. It does not return. It confines one thread and then runs itself anew, so that the
// whole process is confined before it looks at a byte of the archive.
func Main() {
	var l Limits
	if len(os.Args) < 3 || json.Unmarshal([]byte(os.Args[2]), &l) != nil {
		fmt.Fprintln(os.Stderr, "worker: started by hand")
		os.Exit(hardenBroken)
	}
	if len(os.Args) == 3 {
		runtime.LockOSThread()
		err := confine()
		if err == nil {
			err = unix.Exec(selfExe, append(os.Args, "confined"), os.Environ())
		}
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(hardenBroken)
	}
	r := work(l)
	b, _ := json.Marshal(r)
	_, _ = os.Stdout.Write(b)
	os.Exit(0)
}

const selfExe = "/proc/self/exe"

func work(l Limits) report {
	var r report
	dir, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", fdFolder))
	if err == nil {
		archive := os.NewFile(fdArchive, "archive")
		var st os.FileInfo
		if st, err = archive.Stat(); err == nil {
			r.Stats, err = Unzip(archive, st.Size(), dir, l)
		}
	}
	if err != nil {
		r.Kind, r.Error = "other", err.Error()
		for name, e := range kinds {
			if errors.Is(err, e) {
				r.Kind = name
			}
		}
	}
	return r
}

// confine leaves the thread, and what it runs, the folder, the archive and little else.
func confine() error {
	for which, n := range map[int]uint64{unix.RLIMIT_CORE: 1, unix.RLIMIT_NOFILE: workerFiles, unix.RLIMIT_DATA: workerData, unix.RLIMIT_CPU: uint64(workerTime / time.Second)} {
		var now unix.Rlimit
		if err := unix.Getrlimit(which, &now); err != nil {
			return fmt.Errorf("limit %d: %w", which, err)
		}
		n = min(n, now.Max) // a hardened server has lower ones, which nobody raises
		if err := unix.Setrlimit(which, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit %d: %w", which, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	read := []string{selfExe}
	for _, p := range []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"} {
		if unix.Access(p, unix.F_OK) == nil {
			read = append(read, p) // a binary that was built with cgo is not static
		}
	}
	set, err := landlock.Scoped([]string{fmt.Sprintf("/proc/self/fd/%d", fdFolder)}, read)
	switch {
	case errors.Is(err, landlock.ErrUnsupported):
	case err != nil:
		return fmt.Errorf("landlock: %w", err)
	default:
		if err := landlock.RestrictThread(set); err != nil {
			return fmt.Errorf("landlock: %w", err)
		}
		unix.Close(set)
	}
	if err := seccomp.Install(seccomp.Filter()); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return nil
}

// run starts a worker on an archive and an empty folder and waits for it.
func run(ctx context.Context, exe string, archive, folder *os.File, l Limits) (Stats, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return Stats{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, workerTime)
	defer cancel()
	st, err := start(ctx, exe, string(text), archive, folder, true)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES) {
		// No namespaces for this user: the system call filter and Landlock remain.
		st, err = start(ctx, exe, string(text), archive, folder, false)
	}
	return st, err
}

// start runs one worker. An error of the fork itself is given as it is.
func start(ctx context.Context, exe, limits string, archive, folder *os.File, apart bool) (Stats, error) {
	cmd := exec.CommandContext(ctx, exe, Arg, limits)
	cmd.Env = []string{"GOMAXPROCS=1"}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{archive, folder}
	attr := &syscall.SysProcAttr{Setsid: true}
	if apart {
		attr.Cloneflags = unix.CLONE_NEWNET | unix.CLONE_NEWIPC
		if os.Geteuid() != 0 {
			attr.Cloneflags |= unix.CLONE_NEWUSER
			attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		}
	}
	cmd.SysProcAttr = attr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Stats{}, err
	}
	var why limited
	cmd.Stderr = &why
	if err := cmd.Start(); err != nil {
		return Stats{}, err
	}
	b, rerr := io.ReadAll(io.LimitReader(out, reportMax))
	werr := cmd.Wait()
	if ctx.Err() != nil {
		return Stats{}, fmt.Errorf("%w: unpacking took longer than %v", ErrRefused, workerTime)
	}
	if werr != nil || rerr != nil {
		return Stats{}, fmt.Errorf("worker: %w: %s", errors.Join(werr, rerr), why.b)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		return Stats{}, fmt.Errorf("worker: report: %w", err)
	}
	if r.Kind == "" {
		return r.Stats, nil
	}
	return Stats{}, &workerError{kinds[r.Kind], r.Error}
}

// workerError is an error that a worker has reported.
type workerError struct {
	kind error
	text string
}

func (e *workerError) Error() string { return e.text }

// Unwrap gives the kind of it, nil for a failure of the machine.
func (e *workerError) Unwrap() error { return e.kind }

// limited keeps the beginning of what a worker says on standard error.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	const most = 2048
	l.b = append(l.b, p[:min(len(p), most-len(l.b))]...)
	return len(p), nil
}
