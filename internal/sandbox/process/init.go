package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"virga/internal/sandbox/landlock"
	"virga/internal/sandbox/seccomp"
)

// Arg is os.Args[1] of a process that is about to become a sandbox's first. main dispatches on it before anything
// else:
//
//	if len(os.Args) > 1 && os.Args[1] == process.Arg { process.Main() }
const Arg = "virga-process"

// start is what the helper is told; the user's bytes in it are arguments of execve and nothing else.
type start struct {
	Command, Env      []string
	Code, Runtime     string
	Layers, Tmp       string
	Namespaces        bool
	Read, Write, Hide []string
	OpenFiles         int
	TmpBytes          int64
}

func (s start) encode() ([]byte, error) { return json.Marshal(s) }

// startBytesMax bounds what the helper reads.
const startBytesMax = 4 << 20

const (
	fdOrders = 3
	fdErrors = 4
)

// Main turns the calling process into a sandbox's first process. It returns never.
func Main() {
	runtime.LockOSThread()
	unix.CloseOnExec(fdErrors)
	err := become()
	fmt.Fprint(os.NewFile(fdErrors, "errors"), err)
	os.Exit(125)
}

func become() error {
	orders := os.NewFile(fdOrders, "orders")
	b, err := io.ReadAll(io.LimitReader(orders, startBytesMax))
	if err != nil {
		return err
	}
	orders.Close()
	var s start
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("descriptors: %w", err)
	}
	dir := s.Code
	if s.Namespaces {
		if err := s.mounts(); err != nil {
			return err
		}
		dir = "/var/task"
	}
	if err := unix.Chdir(orRoot(dir)); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	for which, n := range map[int]uint64{unix.RLIMIT_CORE: 1, unix.RLIMIT_NOFILE: uint64(s.OpenFiles)} {
		if n == 0 {
			continue
		}
		if err := unix.Setrlimit(which, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit %d: %w", which, err)
		}
	}
	// What was raised for the mounts goes before any right could matter to user code.
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	set, err := landlock.Scoped(existing(s.Write), existing(s.Read))
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
	err = unix.Exec(s.Command[0], s.Command, s.Env)
	return fmt.Errorf("%s: %w", s.Command[0], err)
}

func orRoot(dir string) string {
	if dir == "" {
		return "/"
	}
	return dir
}

// existing leaves out what is not on this machine; what is left out is not allowed.
func existing(paths []string) []string {
	var out []string
	for _, p := range paths {
		if unix.Access(p, unix.F_OK) == nil {
			out = append(out, p)
		}
	}
	return out
}

// mounts lays AWS's folders over the host's, in this process's own namespace.
func (s start) mounts() error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	// Sources are held as descriptors, for they may lie below what is about to be covered.
	hold := func(path string) (int, error) {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		return fd, err
	}
	type bind struct {
		fd int
		at string
		ro bool
	}
	var binds []bind
	for _, m := range []struct {
		from, at string
		ro       bool
	}{{s.Code, "/var/task", true}, {s.Runtime, "/var/runtime", true}, {s.Layers, "/opt", true}, {s.Tmp, "/tmp", false}} {
		if m.from == "" {
			continue
		}
		fd, err := hold(m.from)
		if err != nil {
			return err
		}
		binds = append(binds, bind{fd, m.at, m.ro})
	}
	// Interpreters and code may lie below /tmp or /var, which are covered: they are put back at their own places.
	for _, p := range s.Read {
		if !within(p, "/tmp") && !within(p, "/var") || p == "/tmp" || p == "/var" || within(p, "/var/task") || within(p, "/var/runtime") {
			continue
		}
		if fd, err := hold(p); err == nil {
			binds = append(binds, bind{fd, p, true})
		}
	}
	// /run goes too: sockets of the host's services are there, and Landlock does not keep anybody from connecting.
	if fd, err := hold(resolved); err == nil {
		binds = append(binds, bind{fd, resolved, true})
	}
	for _, p := range []string{"/var", "/run"} {
		if err := unix.Mount("tmpfs", p, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,mode=755"); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	for _, d := range []string{"/var/task", "/var/runtime", "/var/empty"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	// /tmp first: others may lie below it.
	for _, tmp := range []bool{true, false} {
		for _, b := range binds {
			if (b.at == "/tmp") != tmp {
				continue
			}
			if b.at != "/opt" {
				if err := os.MkdirAll(b.at, 0o755); err != nil {
					return err
				}
			} else if unix.Access("/opt", unix.F_OK) != nil {
				continue
			}
			if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(b.fd), b.at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				return fmt.Errorf("%s: %w", b.at, err)
			}
			if b.ro {
				// A mount that may not be made read-only stays as it is: Landlock refuses the writing.
				_ = unix.MountSetattr(unix.AT_FDCWD, b.at, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID})
			}
			unix.Close(b.fd)
		}
	}
	// The sandbox's own processes only. A host that covers parts of /proc lets nobody mount another one: then /proc is
	// the host's, and no more is lost than a view.
	_ = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	return nil
}

// dropCapabilities gives up what root, or a user namespace, gave to this thread.
func dropCapabilities() error {
	b, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return err
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	for c := range last + 1 {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EPERM {
			return fmt.Errorf("bounding set: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient set: %w", err)
	}
	h := struct {
		version uint32
		pid     int32
	}{version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if _, _, e := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&d[0])), 0); e != 0 {
		return fmt.Errorf("capabilities: %w", e)
	}
	return nil
}

// systemRead is what interpreters need of the host.
var systemRead = []string{"/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
	"/sys/devices/system/cpu", "/sys/fs/cgroup", resolved}

// resolved is where /etc/resolv.conf leads to on many machines.
const resolved = "/run/systemd/resolve"

// systemWrite are devices code may write to; terminals are not among them.
var systemWrite = []string{"/dev/null", "/dev/zero", "/dev/full"}

func clean(paths ...string) []string {
	var out []string
	for _, p := range paths {
		if p != "" {
			out = append(out, filepath.Clean(p))
		}
	}
	return out
}
