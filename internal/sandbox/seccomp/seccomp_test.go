package seccomp

import (
	"testing"

	"golang.org/x/sys/unix"
)

func run(t *testing.T, d Data) Action {
	t.Helper()
	a, err := Run(Filter(), d)
	if err != nil {
		t.Fatalf("%+v: %v", d, err)
	}
	return a
}

func at(nr uint32, args ...uint64) Data {
	d := Data{Nr: nr, Arch: auditArch}
	copy(d.Args[:], args)
	return d
}

func TestListsAnswer(t *testing.T) {
	for _, c := range allowed() {
		if got := run(t, at(c.nr)); got != Allow {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	for _, c := range refused() {
		if got := run(t, at(c.nr)); got != Errno(ePerm) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Every number up to far beyond the newest call gets exactly the answer of the lists, so the binary search has no
// hole and no neighbour leaks into a gap.
func TestEveryNumber(t *testing.T) {
	want := map[uint32]Action{}
	for _, c := range allowed() {
		want[c.nr] = Allow
	}
	for _, c := range refused() {
		want[c.nr] = Errno(ePerm)
	}
	cond := conditions()
	prog := Filter()
	if len(prog) > 4096 {
		t.Fatalf("%d instructions; the kernel takes 4096", len(prog))
	}
	for nr := uint32(0); nr < 2000; nr++ {
		if _, ok := cond[nr]; ok {
			continue
		}
		w, ok := want[nr]
		if !ok {
			w = Errno(eNoSys)
		}
		got, err := Run(prog, at(nr))
		if err != nil || got != w {
			t.Fatalf("call %d: %v, %v; want %v", nr, got, err, w)
		}
	}
	for _, nr := range []uint32{1 << 20, 1<<30 - 1, 0x7fffffff &^ x32Bit, 0xffffffff &^ x32Bit} {
		if got := run(t, at(nr)); got != Errno(eNoSys) {
			t.Errorf("call %#x: %v", nr, got)
		}
	}
}

func TestUnknownNumbersAreNoSys(t *testing.T) {
	for name, nr := range map[string]uint32{
		"clone3": unix.SYS_CLONE3, "io_uring_setup": unix.SYS_IO_URING_SETUP,
		"io_uring_enter": unix.SYS_IO_URING_ENTER, "io_uring_register": unix.SYS_IO_URING_REGISTER,
	} {
		if got := run(t, at(nr)); got != Errno(eNoSys) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestForeignArchitectureIsKilled(t *testing.T) {
	for _, arch := range []uint32{0, 0x40000003, 0xc00000b7, 0xc000003e, 0xffffffff} {
		if arch == auditArch {
			continue
		}
		d := at(unix.SYS_GETPID)
		d.Arch = arch
		if got := run(t, d); got != KillProcess {
			t.Errorf("architecture %#x: %v", arch, got)
		}
	}
	if x32Bit != 0 {
		for _, nr := range []uint32{0, 39, 512, 547} {
			if got := run(t, at(nr|x32Bit)); got != KillProcess {
				t.Errorf("x32 call %d: %v", nr, got)
			}
		}
	}
}

func TestArguments(t *testing.T) {
	eaf, eproto, eperm := Errno(eAFNoSupport), Errno(eProtoNoSupport), Errno(ePerm)
	const high = 0xdead_beef << 32 // the kernel does not see the high half of an int, so neither may the rule
	for _, c := range []struct {
		name string
		d    Data
		want Action
	}{
		{"unix", at(unix.SYS_SOCKET, unix.AF_UNIX, 1, 0), Allow},
		{"inet", at(unix.SYS_SOCKET, unix.AF_INET, 1, 6), Allow},
		{"inet6", at(unix.SYS_SOCKET, unix.AF_INET6, 2, 0), Allow},
		{"inet, high half set", at(unix.SYS_SOCKET, high|unix.AF_INET, 1, 0), Allow},
		{"netlink route", at(unix.SYS_SOCKET, unix.AF_NETLINK, 3, unix.NETLINK_ROUTE), Allow},
		{"netlink netfilter", at(unix.SYS_SOCKET, unix.AF_NETLINK, 3, unix.NETLINK_NETFILTER), eproto},
		{"netlink sock_diag", at(unix.SYS_SOCKET, unix.AF_NETLINK, 3, unix.NETLINK_SOCK_DIAG), eproto},
		{"netlink, high half of protocol", at(unix.SYS_SOCKET, unix.AF_NETLINK, 3, high), Allow},
		{"vsock", at(unix.SYS_SOCKET, unix.AF_VSOCK, 1, 0), eaf},
		{"vsock, high half set", at(unix.SYS_SOCKET, high|unix.AF_VSOCK, 1, 0), eaf},
		{"alg", at(unix.SYS_SOCKET, unix.AF_ALG, 5, 0), eaf},
		{"packet", at(unix.SYS_SOCKET, unix.AF_PACKET, 3, 0), eaf},
		{"family 0", at(unix.SYS_SOCKET, 0, 1, 0), eaf},
		{"socketpair unix", at(unix.SYS_SOCKETPAIR, unix.AF_UNIX, 1, 0), Allow},
		{"socketpair tipc", at(unix.SYS_SOCKETPAIR, unix.AF_TIPC, 1, 0), eaf},
		{"fork", at(unix.SYS_CLONE, 17), Allow},
		{"thread", at(unix.SYS_CLONE, 0x3d0f00), Allow},
		{"clone user", at(unix.SYS_CLONE, unix.CLONE_NEWUSER|17), eperm},
		{"clone mount", at(unix.SYS_CLONE, unix.CLONE_NEWNS|17), eperm},
		{"clone pid", at(unix.SYS_CLONE, unix.CLONE_NEWPID|17), eperm},
		{"clone net", at(unix.SYS_CLONE, unix.CLONE_NEWNET|17), eperm},
		{"clone ipc", at(unix.SYS_CLONE, unix.CLONE_NEWIPC|17), eperm},
		{"clone uts", at(unix.SYS_CLONE, unix.CLONE_NEWUTS|17), eperm},
		{"clone cgroup", at(unix.SYS_CLONE, unix.CLONE_NEWCGROUP|17), eperm},
		{"clone user, high half set", at(unix.SYS_CLONE, high|unix.CLONE_NEWUSER), eperm},
		{"personality 0", at(unix.SYS_PERSONALITY, 0), Allow},
		{"personality no randomisation", at(unix.SYS_PERSONALITY, 0x40000), eperm},
		{"personality query", at(unix.SYS_PERSONALITY, 0xffffffff), eperm},
		{"setrlimit core", at(unix.SYS_SETRLIMIT, unix.RLIMIT_CORE, 1), eperm},
		{"setrlimit core, high half set", at(unix.SYS_SETRLIMIT, high|unix.RLIMIT_CORE, 1), eperm},
		{"setrlimit files", at(unix.SYS_SETRLIMIT, unix.RLIMIT_NOFILE, 1), Allow},
		{"prlimit core, reading", at(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, 0, 1), Allow},
		{"prlimit core, setting", at(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, 0x7000, 0), eperm},
		{"prlimit core, setting from a high address", at(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, 1<<32, 0), eperm},
		{"prlimit files", at(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, 0x7000, 0), Allow},
		{"ioctl FIONREAD", at(unix.SYS_IOCTL, 0, 0x541b), Allow},
		{"ioctl TIOCSTI", at(unix.SYS_IOCTL, 0, 0x5412), eperm},
		{"ioctl TIOCSTI, high half set", at(unix.SYS_IOCTL, 0, high|0x5412), eperm},
		{"ioctl TIOCLINUX", at(unix.SYS_IOCTL, 0, 0x541c), eperm},
	} {
		if got := run(t, c.d); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestInterpreterRefusesBadPrograms(t *testing.T) {
	for name, prog := range map[string][]Inst{
		"empty":            {},
		"no return":        {{Code: opLoad, K: 0}},
		"load outside":     {{Code: opLoad, K: 64}, {Code: opReturn}},
		"load unaligned":   {{Code: opLoad, K: 2}, {Code: opReturn}},
		"jump outside":     {{Code: opJump, K: 5}, {Code: opReturn}},
		"jump far outside": {{Code: opJump, K: 0xffffffff}, {Code: opReturn}},
		"unknown":          {{Code: 0x99}, {Code: opReturn}},
	} {
		if a, err := Run(prog, Data{}); err == nil {
			t.Errorf("%s: %v, no error", name, a)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(uint32(1), uint32(auditArch), uint64(0), uint64(0), uint64(0))
	f.Add(uint32(unix.SYS_CLONE), uint32(auditArch), uint64(unix.CLONE_NEWUSER), uint64(0), uint64(0))
	prog := Filter()
	known := map[uint32]bool{}
	for _, c := range allowed() {
		known[c.nr] = true
	}
	for nr := range conditions() {
		known[nr] = true
	}
	f.Fuzz(func(t *testing.T, nr, arch uint32, a0, a1, a2 uint64) {
		got, err := Run(prog, Data{Nr: nr, Arch: arch, Args: [6]uint64{a0, a1, a2}})
		if err != nil {
			t.Fatal(err)
		}
		if got == Allow && (arch != auditArch || !known[nr]) {
			t.Fatalf("call %d of architecture %#x is allowed", nr, arch)
		}
	})
}

func TestServerFilter(t *testing.T) {
	no := map[uint32]bool{}
	for _, c := range refused() {
		no[c.nr] = true
	}
	prog := ServerFilter()
	for nr := uint32(0); nr < 600; nr++ {
		want := Allow
		if no[nr] {
			want = Errno(ePerm)
		}
		if got, err := Run(prog, at(nr)); err != nil || got != want {
			t.Fatalf("call %d: %v %v, want %v", nr, got, err, want)
		}
	}
}
