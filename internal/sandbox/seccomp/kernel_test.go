package seccomp

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The child: with the filter or without, makes raw calls named on stdin ("nr a0 a1 a2 a3 a4 a5") and prints the
// error number of each.
const childEnv = "VIRGA_SECCOMP_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childEnv); mode != "" {
		child(mode == "filtered")
		return
	}
	os.Exit(m.Run())
}

func child(filtered bool) {
	runtime.LockOSThread()
	in := bufio.NewScanner(os.Stdin)
	if filtered {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			fmt.Println("no_new_privs:", err)
			os.Exit(3)
		}
		if err := Install(Filter()); err != nil {
			fmt.Println("seccomp:", err)
			os.Exit(3)
		}
	}
	for in.Scan() {
		var a [7]uintptr
		for i, w := range strings.Fields(in.Text()) {
			v, _ := strconv.ParseUint(w, 0, 64)
			a[i] = uintptr(v)
		}
		_, _, e := unix.RawSyscall6(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
		fmt.Println(int(e))
	}
}

// probe makes the calls in a child and gives their error numbers; a dead child gives the signal.
func probe(t *testing.T, filtered bool, lines []string) ([]int, syscall.WaitStatus) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	mode := "open"
	if filtered {
		mode = "filtered"
	}
	cmd.Env = []string{childEnv + "=" + mode}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, _ := cmd.Output()
	var got []int
	for _, l := range strings.Fields(string(out)) {
		v, err := strconv.Atoi(l)
		if err != nil {
			t.Fatalf("child says %q", out)
		}
		got = append(got, v)
	}
	return got, cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func needRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI without root: " + t.Name() + " cannot run")
	}
	t.Skip("not run: " + t.Name() + " (needs root)")
}

// Every refused call, on the real kernel: without the filter it reaches the kernel and fails for its nonsense
// arguments with something else than the filter's answer (or succeeds); with the filter it gets the answer.
func TestKernelRefuses(t *testing.T) {
	needRoot(t)
	const bad = "0xffffffffffffffff"
	args := func(nr uint32, a ...string) string {
		for len(a) < 6 {
			a = append(a, bad)
		}
		return fmt.Sprint(nr) + " " + strings.Join(a, " ")
	}
	type row struct {
		name string
		line string
		want int
	}
	var rows []row
	for _, c := range refused() {
		line := args(c.nr)
		switch c.name {
		case "unshare":
			line = args(c.nr, "0x10000000") // CLONE_NEWUSER in a threaded process: EINVAL
		case "sethostname", "setdomainname":
			line = args(c.nr, bad, "1")
		case "userfaultfd":
			line = args(c.nr, "0x1000")
		case "get_mempolicy", "set_mempolicy", "mbind", "migrate_pages":
			line = args(c.nr, bad, bad, bad, "1")
		}
		rows = append(rows, row{c.name, line, ePerm})
	}
	rows = append(rows,
		row{"clone3", args(unix.SYS_CLONE3, "0", "0"), eNoSys},
		row{"io_uring_setup", args(unix.SYS_IO_URING_SETUP, "0", "0"), eNoSys},
		row{"io_uring_enter", args(unix.SYS_IO_URING_ENTER), eNoSys},
		row{"io_uring_register", args(unix.SYS_IO_URING_REGISTER), eNoSys},
		row{"vsock", args(unix.SYS_SOCKET, "40", "1", "0"), eAFNoSupport},
		row{"packet", args(unix.SYS_SOCKET, "17", "3", "0"), eAFNoSupport},
		row{"netlink netfilter", args(unix.SYS_SOCKET, "16", "3", "12"), eProtoNoSupport},
		row{"socketpair inet", args(unix.SYS_SOCKETPAIR, "2", "1", "0", "0"), eAFNoSupport},
		row{"clone newnet", args(unix.SYS_CLONE, "0x40010000", "0", "0", "0", "0"), ePerm}, // CLONE_THREAD without SIGHAND: EINVAL
		row{"personality", args(unix.SYS_PERSONALITY, "0xffffffff"), ePerm},
		row{"setrlimit core", args(unix.SYS_SETRLIMIT, "4"), ePerm},
		row{"prlimit core", args(unix.SYS_PRLIMIT64, "0", "4", bad, "0"), ePerm},
		row{"ioctl TIOCSTI", args(unix.SYS_IOCTL, "0", "0x5412", "0"), ePerm},
		row{"ioctl TIOCLINUX", args(unix.SYS_IOCTL, "0", "0x541c", "0"), ePerm},
	)
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.line)
	}
	open, _ := probe(t, false, lines)
	shut, _ := probe(t, true, lines)
	if len(open) != len(rows) || len(shut) != len(rows) {
		t.Fatalf("%d and %d answers for %d calls", len(open), len(shut), len(rows))
	}
	for i, r := range rows {
		if open[i] == r.want {
			// The running kernel has no such call or refuses it by itself: the row proves nothing here.
			t.Logf("not run: %s (this kernel itself answers %v)", r.name, syscall.Errno(open[i]))
			if !mayBeAbsent[r.name] {
				t.Errorf("%s: the kernel itself answers %v, so the test could not fail", r.name, syscall.Errno(open[i]))
			}
		}
		if shut[i] != r.want {
			t.Errorf("%s: %v under the filter, want %v", r.name, syscall.Errno(shut[i]), syscall.Errno(r.want))
		}
	}
	t.Logf("%d calls refused, %d instructions", len(rows), len(Filter()))
}

// mayBeAbsent are calls that a kernel may be built without or lock, so that it answers as the filter does.
var mayBeAbsent = map[string]bool{
	"vsock": true, "io_uring_setup": true, "io_uring_enter": true, "io_uring_register": true, "packet": true,
	"init_module": true, "finit_module": true, "delete_module": true, "kexec_load": true, "kexec_file_load": true, "bpf": true,
}

func TestKernelKillsX32(t *testing.T) {
	needRoot(t)
	if x32Bit == 0 {
		t.Skip("not run: no second ABI on this architecture")
	}
	line := []string{fmt.Sprintf("%d 0 0 0 0 0 0", unix.SYS_GETPID|x32Bit)}
	if got, ws := probe(t, false, line); len(got) != 1 || ws.ExitStatus() != 0 {
		t.Fatalf("without the filter: %v, %v", got, ws)
	}
	if got, ws := probe(t, true, line); !ws.Signaled() || ws.Signal() != syscall.SIGSYS {
		t.Errorf("with the filter: %v, %v", got, ws)
	}
}

func TestKernelAllowsOrdinaryWork(t *testing.T) {
	needRoot(t)
	lines := []string{
		fmt.Sprintf("%d 0 0 0 0 0 0", unix.SYS_GETPID),
		fmt.Sprintf("%d 1 1 0 0 0 0", unix.SYS_SOCKET),
		fmt.Sprintf("%d 2 1 0 0 0 0", unix.SYS_SOCKET),
		fmt.Sprintf("%d 10 1 0 0 0 0", unix.SYS_SOCKET),
		fmt.Sprintf("%d 16 3 0 0 0 0", unix.SYS_SOCKET),
		fmt.Sprintf("%d 0 0 0 0 0 0", unix.SYS_PERSONALITY),
	}
	got, ws := probe(t, true, lines)
	if len(got) != len(lines) || ws.ExitStatus() != 0 {
		t.Fatalf("%v, %v", got, ws)
	}
	for i, e := range got {
		if e != 0 {
			t.Errorf("%s: %v", lines[i], syscall.Errno(e))
		}
	}
}
