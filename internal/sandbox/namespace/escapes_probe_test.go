package namespace

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An escape is tried twice: outside as root, where it must succeed so that the test can fail, and inside a sandbox,
// where it must not. It returns nil when it has succeeded.
type escape struct {
	name string
	try  func(arg string) error
}

// errOf makes a raw call's error number an error.
func errOf(e unix.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

func opens(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st, null unix.Stat_t
	if unix.Fstat(fd, &st) == nil && unix.Stat("/dev/null", &null) == nil && st.Rdev == null.Rdev && st.Mode == null.Mode {
		return errors.New("masked")
	}
	return nil
}

func notEmpty(path string) error {
	b, err := os.ReadFile(path)
	if err == nil && len(b) == 0 {
		return errors.New("empty")
	}
	return err
}

func exists(path string) error {
	var st unix.Stat_t
	return unix.Stat(path, &st)
}

// cloneWith makes a child by clone that ends at once.
func cloneWith(flags uintptr) error {
	pid, _, e := unix.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if e == 0 && pid == 0 {
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	if e != 0 {
		return e
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

func scratch() string {
	dir, err := os.MkdirTemp("/tmp", "escape")
	if err != nil {
		panic(err)
	}
	return dir
}

func mounts(fs, data string, after func(dir string) error) error {
	dir := scratch()
	defer os.Remove(dir)
	if err := unix.Mount("none", dir, fs, 0, data); err != nil {
		return err
	}
	defer unix.Unmount(dir, unix.MNT_DETACH) //nolint:errcheck // the namespace ends with the probe
	return after(dir)
}

// addressMessage is RTM_NEWADDR of 10.9.8.7/32 on loopback.
func addressMessage() []byte {
	return []byte{32, 0, 0, 0, 20, 0, 5, 6, 1, 0, 0, 0, 0, 0, 0, 0, unix.AF_INET, 32, 0, 0, 1, 0, 0, 0, 8, 0, 2, 0, 10, 9, 8, 7}
}

var escapes = []escape{
	{"clone NEWUSER", func(string) error { return cloneWith(unix.CLONE_NEWUSER) }},
	{"clone NEWNS", func(string) error { return cloneWith(unix.CLONE_NEWNS) }},
	{"clone NEWPID", func(string) error { return cloneWith(unix.CLONE_NEWPID) }},
	{"clone NEWNET", func(string) error { return cloneWith(unix.CLONE_NEWNET) }},
	{"clone NEWIPC", func(string) error { return cloneWith(unix.CLONE_NEWIPC) }},
	{"clone NEWUTS", func(string) error { return cloneWith(unix.CLONE_NEWUTS) }},
	{"clone NEWCGROUP", func(string) error { return cloneWith(unix.CLONE_NEWCGROUP) }},
	{"clone3 NEWUSER", func(string) error {
		args := struct{ flags, pidfd, child, parent, exit, stack, size, tls uint64 }{flags: unix.CLONE_NEWUSER, exit: uint64(unix.SIGCHLD)}
		pid, _, e := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
		if e == 0 && pid == 0 {
			for {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		if e != 0 {
			return e
		}
		_, err := unix.Wait4(int(pid), nil, 0, nil)
		return err
	}},
	{"unshare NEWNS", func(string) error { return unix.Unshare(unix.CLONE_NEWNS) }},
	{"user namespaces are not forbidden", func(string) error {
		b, err := os.ReadFile("/proc/sys/user/max_user_namespaces")
		if err == nil && strings.TrimSpace(string(b)) == "0" {
			return errors.New("limit is 0")
		}
		return err
	}},
	{"setns to process 1", func(pid string) error {
		fd, err := unix.Open("/proc/"+pid+"/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return unix.Setns(fd, 0)
	}},
	{"vsock", func(string) error {
		fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}},
	{"raw socket", func(string) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}},
	{"netfilter netlink", func(string) error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}},
	{"add an address", func(string) error {
		_ = unix.Unshare(unix.CLONE_NEWNET) // outside, to leave the host alone; inside it is refused
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Sendto(fd, addressMessage(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		var b [512]byte
		if _, _, err := unix.Recvfrom(fd, b[:], 0); err != nil {
			return err
		}
		return errOf(unix.Errno(-int32(uint32(b[16]) | uint32(b[17])<<8 | uint32(b[18])<<16 | uint32(b[19])<<24)))
	}},
	{"release_agent", func(string) error {
		return mounts("cgroup", "memory", func(dir string) error { return opens(dir+"/release_agent", unix.O_WRONLY) })
	}},
	{"mount tmpfs", func(string) error { return mounts("tmpfs", "", func(string) error { return nil }) }},
	{"mount proc", func(string) error { return mounts("proc", "", func(string) error { return nil }) }},
	{"fsopen", func(string) error {
		fd, err := unix.Fsopen("tmpfs", 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}},
	{"chroot", func(string) error { return unix.Chroot("/") }},
	{"read /proc/1/exe", func(pid string) error { return opens("/proc/"+pid+"/exe", unix.O_RDONLY) }},
	{"write /proc/1/mem", func(pid string) error { return opens("/proc/"+pid+"/mem", unix.O_RDWR) }},
	{"read /proc/1/environ", func(pid string) error { return opens("/proc/"+pid+"/environ", unix.O_RDONLY) }},
	{"descriptors of process 1", func(pid string) error { _, err := os.ReadDir("/proc/" + pid + "/fd"); return err }},
	{"write /proc/sys", func(string) error { return opens("/proc/sys/kernel/core_pattern", unix.O_WRONLY) }},
	{"kernel symbols", func(string) error { return notEmpty("/proc/kallsyms") }},
	{"kernel command line", func(string) error { return notEmpty("/proc/cmdline") }},
	{"/sys", func(string) error { return exists("/sys/kernel") }},
	{"host's /root", func(string) error { return exists("/root") }},
	{"host's shadow", func(string) error { return opens("/etc/shadow", unix.O_RDONLY) }},
	{"host's /usr/local", func(string) error {
		e, err := os.ReadDir("/usr/local")
		if err == nil && len(e) == 0 {
			return errors.New("empty")
		}
		return err
	}},
	{"a file of the host", func(arg string) error { return opens(arg, unix.O_RDONLY) }},
	{"write below /usr", func(string) error {
		const path = "/usr/bin/.virga-escape"
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		unix.Close(fd)
		return os.Remove(path)
	}},
	{"device node", func(string) error {
		dir := scratch()
		defer os.RemoveAll(dir)
		if err := unix.Mknod(dir+"/disk", unix.S_IFCHR|0o600, 1<<8|3); err != nil {
			return err
		}
		return nil
	}},
	{"host's disk", func(string) error {
		disks, _ := filepath.Glob("/dev/*")
		for _, d := range disks {
			var st unix.Stat_t
			if unix.Stat(d, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK {
				return nil
			}
		}
		return errors.New("no block device")
	}},
	{"handle of a file", func(string) error { _, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/etc", 0); return err }},
	{"ptrace", func(string) error {
		_, _, e := unix.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0)
		return errOf(e)
	}},
	{"memory of a process", func(string) error {
		from, to := []byte("memory"), make([]byte, 6)
		_, err := unix.ProcessVMReadv(os.Getpid(), []unix.Iovec{{Base: &to[0], Len: 6}}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&from[0])), Len: 6}}, 0)
		return err
	}},
	{"keys", func(string) error {
		_, err := unix.AddKey("user", "virga-escape", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
		return err
	}},
	{"io_uring", func(string) error {
		var params [120]byte
		fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
		if e == 0 {
			unix.Close(int(fd))
		}
		return errOf(e)
	}},
	{"bpf", func(string) error {
		attr := [16]uint32{0: 2 /* array */, 1: 4, 2: 4, 3: 1}
		fd, _, e := unix.Syscall(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		if e == 0 {
			unix.Close(int(fd))
		}
		return errOf(e)
	}},
	{"userfaultfd", func(string) error {
		fd, _, e := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
		if e == 0 {
			unix.Close(int(fd))
		}
		return errOf(e)
	}},
	{"personality", func(string) error { _, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, 0x0040000, 0, 0); return errOf(e) }},
	{"uid 0", func(string) error { return unix.Setresuid(0, 0, 0) }},
	{"groups", func(string) error { return unix.Setgroups([]int{0}) }},
	{"a capability left to gain", func(string) error {
		if v := status("CapBnd"); strings.Trim(v, "0") == "" {
			return errors.New("none")
		}
		return nil
	}},
	{"core handler by a lower limit", func(string) error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }},
	{"signal to a process of the host", func(arg string) error {
		pid, _ := strconv.Atoi(arg)
		return unix.Kill(pid, 0)
	}},
	{"listener on the host", func(arg string) error {
		c, err := net.DialTimeout("tcp", arg, 2*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	}},
	{"abstract socket", func(arg string) error {
		c, err := net.DialTimeout("unix", arg, 2*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	}},
	{"another function's log", func(arg string) error {
		// Any pipe of a process of another sandbox: arg is the host pid of one, unknown inside, so all are tried.
		pids := []string{arg}
		if dirs, err := filepath.Glob("/proc/[0-9]*"); err == nil {
			for _, d := range dirs {
				pids = append(pids, filepath.Base(d))
			}
		}
		err := errors.New("none")
		for _, pid := range pids {
			if pid == strconv.Itoa(os.Getpid()) {
				continue
			}
			to, e := os.Readlink("/proc/" + pid + "/fd/1")
			if e == nil && strings.HasPrefix(to, "pipe:") {
				if e = opens("/proc/"+pid+"/fd/1", unix.O_WRONLY|unix.O_NONBLOCK); e == nil {
					return nil
				}
			}
			err = errors.Join(err, e)
		}
		return err
	}},
}

// escapeMain runs one escape and tells.
func escapeMain(name, arg string) {
	for _, e := range escapes {
		if e.name != name {
			continue
		}
		if err := e.try(arg); err != nil {
			fmt.Println("refused:", strings.ReplaceAll(err.Error(), "\n", "; "))
			return
		}
		fmt.Println("ESCAPED")
		return
	}
	fmt.Println("no such escape")
}
