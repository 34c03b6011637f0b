package launcher

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"virga/internal/sandbox/seccomp"
)

// The image of a sandbox's first process: a static program of two pages' code and a table of system calls. It is
// made once at start, written to a memory file and sealed, so that it is no file of the host and nobody can change
// it. A parked sandbox costs a few pages of memory instead of a Go runtime.

// Addresses inside the image. init_amd64.s knows imageTable and imageFailure.
const (
	imageCode    = 0x400000
	imageTable   = 0x600000
	imageStrings = 0x608000
	imageFailure = 0x60f000
	imageDataEnd = 0x610000
	imageGate    = 0x610000 // where the launcher's message is read to
	imageScratch = 0x610100
	imageBlob    = 0x620000 // where arguments and environment are read to
	imageEnd     = imageBlob + BlobMax
	imageRowSize = 64
	imageProgMax = 4096
)

// BlobMax bounds the arguments and environment of a sandbox, pointers included.
const BlobMax = 128 << 10

// Identity inside every sandbox; outside it is the slot's own.
const (
	insideUID = 993
	insideGID = 990
)

// Descriptors of the first process.
const (
	fdControl = 3 // to the server: arguments in, exit status out
	fdGate    = 4 // to the launcher
)

// Modes of a row; see init_amd64.s.
const (
	modeIndirect = 1 << 0
	modeFork     = 1 << 1
	modeUntil    = 1 << 2
	modeStore    = 1 << 3
	modeExact    = 1 << 4
)

// except makes an error number no failure.
func except(e unix.Errno) uint64 { return uint64(e) << 32 }

type imageBuilder struct {
	rows    [][8]uint64
	names   []string // of rows, for messages
	strings bytes.Buffer
	fixups  []func()
}

func (b *imageBuilder) row(name string, nr uint64, mode uint64, extra uint64, args ...uint64) {
	r := [8]uint64{0: nr, 1: mode, 7: extra}
	copy(r[2:7], args)
	b.rows = append(b.rows, r)
	b.names = append(b.names, name)
}

// here is the address of the next row.
func (b *imageBuilder) here() uint64 { return imageTable + uint64(len(b.rows))*imageRowSize }

func (b *imageBuilder) bytes(p []byte) uint64 {
	for b.strings.Len()%8 != 0 {
		b.strings.WriteByte(0)
	}
	at := imageStrings + uint64(b.strings.Len())
	b.strings.Write(p)
	return at
}

func (b *imageBuilder) str(s string) uint64 { return b.bytes(append([]byte(s), 0)) }

func words(v ...uint64) []byte {
	var out []byte
	for _, x := range v {
		out = binary.LittleEndian.AppendUint64(out, x)
	}
	return out
}

// gateSize is the length of the launcher's first message: two rlimits, soft and hard.
const gateSize = 32

// Messages on the gate, one byte each, except the launcher's first (gateSize bytes) and a failure (16 bytes).
const (
	gateWantMaps = 'u' // own user namespace made; the launcher writes the id maps
	gateGo       = 'g'
	gateReady    = 'r' // nothing left to do but to read arguments and run
)

// Exit statuses of the first process itself.
const (
	exitFailed  = 125 // a step failed; which one was written to the gate
	exitExec    = 126 // the command could not be run; the error was written to the control descriptor
	controlExec = 0x58455631
	controlExit = 0x54584531
)

// masks are files and folders of /proc that tell about the machine rather than about the sandbox.
var maskedFiles = [...]string{"kcore", "keys", "key-users", "kmsg", "kallsyms", "modules", "timer_list", "sched_debug", "latency_stats",
	"sysrq-trigger", "kpagecount", "kpageflags", "kpagecgroup", "vmallocinfo", "slabinfo", "iomem", "ioports", "config.gz", "cmdline",
	"mtrr", "allocinfo", "schedstat", "swaps", "partitions", "diskstats"}

var maskedDirs = [...]string{"acpi", "asound", "bus", "dynamic_debug", "driver", "fs", "irq", "scsi", "tty", "pressure"}

// imageSteps builds the table. Its order is the start contract of the design's security part; each step's reason
// is beside it. has tells whether a name exists in /proc.
func imageSteps(has func(string) bool, capLast int, limitUserNS bool) *imageBuilder {
	b := &imageBuilder{}
	dot, slash := b.str("."), b.str("/")
	devNull, empty := b.str("/dev/null"), b.str("/run/empty")

	// Into the sandbox's root; the launcher's own root is let go of. /proc first: where the launcher has no privileges
	// the kernel mounts it only as long as another one is in sight.
	proc := b.str("proc")
	b.row("chdir root", unix.SYS_CHDIR, 0, 0, b.str("/"+homeTree))
	b.row("mount /proc", unix.SYS_MOUNT, 0, 0, proc, proc, proc, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, 0)
	b.row("pivot_root", unix.SYS_PIVOT_ROOT, 0, 0, dot, dot)
	b.row("umount old root", unix.SYS_UMOUNT2, 0, 0, dot, unix.MNT_DETACH)
	b.row("chdir /", unix.SYS_CHDIR, 0, 0, slash)
	for _, n := range maskedFiles {
		if has(n) {
			b.row("mask /proc/"+n, unix.SYS_MOUNT, 0, 0, devNull, b.str("/proc/"+n), 0, unix.MS_BIND, 0)
		}
	}
	for _, n := range maskedDirs {
		if has(n) {
			b.row("mask /proc/"+n, unix.SYS_MOUNT, 0, 0, empty, b.str("/proc/"+n), 0, unix.MS_BIND, 0)
		}
	}
	// Wait until attached to the limits: from here on every page and process counts.
	b.row("wait for limits", unix.SYS_READ, modeExact, gateSize, fdGate, imageGate, gateSize)
	b.row("cgroup namespace", unix.SYS_UNSHARE, except(unix.EINVAL), 0, unix.CLONE_NEWCGROUP)
	b.row("user namespace", unix.SYS_UNSHARE, 0, 0, unix.CLONE_NEWUSER)
	if limitUserNS {
		// The namespace's own limit on further ones below it: nested ones are forbidden even without seccomp.
		b.row("open user namespace limit", unix.SYS_OPENAT, modeExact, 5, atFDCWD, b.str("/proc/sys/user/max_user_namespaces"), unix.O_WRONLY|unix.O_CLOEXEC)
		b.row("forbid nested user namespaces", unix.SYS_WRITE, modeExact, 1, 5, b.str("0"), 1)
		b.row("close user namespace limit", unix.SYS_CLOSE, 0, 0, 5)
	}
	b.row("ask for id maps", unix.SYS_WRITE, modeExact, 1, fdGate, b.bytes([]byte{gateWantMaps}), 1)
	b.row("wait for id maps", unix.SYS_READ, modeExact, 1, fdGate, imageScratch, 1)
	b.row("session keyring", unix.SYS_KEYCTL, except(unix.ENOSYS), 0, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, 0)
	b.row("setsid", unix.SYS_SETSID, 0, 0)
	// One byte of core, which no kernel writes and which keeps a core handler on the host from being started.
	b.row("rlimit core", unix.SYS_PRLIMIT64, 0, 0, 0, unix.RLIMIT_CORE, b.bytes(words(1, 1)), 0)
	b.row("rlimit files", unix.SYS_PRLIMIT64, 0, 0, 0, unix.RLIMIT_NOFILE, imageGate, 0)
	b.row("rlimit processes", unix.SYS_PRLIMIT64, 0, 0, 0, unix.RLIMIT_NPROC, imageGate+16, 0)
	b.row("clear ambient", unix.SYS_PRCTL, 0, 0, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	for c := range capLast + 1 {
		b.row(fmt.Sprintf("drop capability %d from the bounding set", c), unix.SYS_PRCTL, 0, 0, unix.PR_CAPBSET_DROP, uint64(c))
	}
	b.row("lock securebits", unix.SYS_PRCTL, 0, 0, unix.PR_SET_SECUREBITS, secureBitsLocked)
	b.row("setgroups", unix.SYS_SETGROUPS, except(unix.EPERM), 0, 0, 0) // EPERM: rootless, where the map forbids it
	b.row("setresgid", unix.SYS_SETRESGID, 0, 0, insideGID, insideGID, insideGID)
	b.row("setresuid", unix.SYS_SETRESUID, 0, 0, insideUID, insideUID, insideUID)
	b.row("drop capabilities", unix.SYS_CAPSET, 0, 0, b.bytes(binary.LittleEndian.AppendUint64(nil, unix.LINUX_CAPABILITY_VERSION_3)), b.bytes(make([]byte, 24)))
	b.row("parent-death signal", unix.SYS_PRCTL, 0, 0, unix.PR_SET_PDEATHSIG, uint64(unix.SIGKILL))
	b.row("not dumpable", unix.SYS_PRCTL, 0, 0, unix.PR_SET_DUMPABLE, 0)
	b.row("no_new_privs", unix.SYS_PRCTL, 0, 0, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	prog := seccomp.Filter()
	filter := b.bytes(seccomp.Encode(prog))
	b.row("seccomp", unix.SYS_SECCOMP, 0, 0, unix.SECCOMP_SET_MODE_FILTER, 0, b.bytes(words(uint64(len(prog)), filter)))
	b.row("ready", unix.SYS_WRITE, modeExact, 1, fdGate, b.bytes([]byte{gateReady}), 1)
	b.row("wait for start", unix.SYS_READ, modeExact, 1, fdGate, imageScratch, 1)

	fork := len(b.rows)
	b.row("fork", unix.SYS_CLONE, modeFork, 0, uint64(unix.SIGCHLD), 0, 0, 0, 0)
	// The child: the user's own process. Arguments and environment come straight from the server.
	b.row("child setsid", unix.SYS_SETSID, 0, 0)
	b.row("read arguments", unix.SYS_READ, 0, 0, fdControl, imageBlob, BlobMax)
	b.row("close on exec", unix.SYS_CLOSE_RANGE, 0, 0, 3, 0xffffffff, unix.CLOSE_RANGE_CLOEXEC)
	b.row("working folder", unix.SYS_CHDIR, 0, 0, b.str("/var/task"))
	result := b.bytes(words(controlExec, 0)) // the image's data is writable: results are stored beside their mark
	b.row("exec", unix.SYS_EXECVE, modeIndirect|modeStore, result+8, imageBlob, imageBlob+8, imageBlob+16)
	b.row("tell exec's error", unix.SYS_WRITE, 0, 0, fdControl, result, 16)
	b.row("exit", unix.SYS_EXIT_GROUP, 0, 0, exitExec)
	// The parent, process 1: reaps everything until the user's process, always number 2, has ended.
	b.rows[fork][7] = b.here()
	status := b.bytes(words(controlExit, 0))
	b.row("wait", unix.SYS_WAIT4, modeUntil, 2, ^uint64(0), status+8, 0, 0)
	b.row("tell exit status", unix.SYS_WRITE, except(unix.EPIPE), 0, fdControl, status, 16)
	b.row("exit", unix.SYS_EXIT_GROUP, 0, 0, 0)
	return b
}

// atFDCWD is AT_FDCWD as a system call's argument.
const atFDCWD = 1<<64 - 100

// secureBitsLocked: no privilege for uid 0, none kept over setuid or raised as ambient, and all of it locked.
const secureBitsLocked = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7

// stepName names the row at an address, for a failure written to the gate.
func (b *imageBuilder) stepName(addr uint64) string {
	i := (addr - imageTable) / imageRowSize
	if addr < imageTable || i >= uint64(len(b.names)) {
		return fmt.Sprintf("row at %#x", addr)
	}
	return b.names[i]
}

// elf lays the image out as a static executable.
func (b *imageBuilder) elf(code []byte) ([]byte, error) {
	table := 0
	for _, r := range b.rows {
		table += len(words(r[:]...))
	}
	if table > imageStrings-imageTable || b.strings.Len() > imageFailure-imageStrings || len(code) > imageProgMax {
		return nil, fmt.Errorf("first process: table %d, strings %d, code %d bytes are too large", table, b.strings.Len(), len(code))
	}
	const page = 4096
	out := make([]byte, 2*page, 2*page+imageDataEnd-imageTable)
	h := binary.LittleEndian
	copy(out, "\x7fELF\x02\x01\x01")
	h.PutUint16(out[16:], 2) // ET_EXEC
	h.PutUint16(out[18:], elfMachine)
	h.PutUint32(out[20:], 1)
	h.PutUint64(out[24:], imageCode)
	h.PutUint64(out[32:], 64) // program headers
	h.PutUint16(out[52:], 64)
	h.PutUint16(out[54:], 56)
	h.PutUint16(out[56:], 3)
	const flagX, flagW, flagR = 1, 2, 4
	segment := func(i int, typ, flags uint32, off, addr, filesz, memsz uint64) {
		p := out[64+56*i:]
		h.PutUint32(p[0:], typ)
		h.PutUint32(p[4:], flags)
		for j, v := range []uint64{off, addr, addr, filesz, memsz, page} {
			h.PutUint64(p[8+8*j:], v)
		}
	}
	segment(0, 1, flagR|flagX, page, imageCode, page, page)
	segment(1, 1, flagR|flagW, 2*page, imageTable, imageDataEnd-imageTable, imageEnd-imageTable)
	segment(2, 0x6474e551, flagR|flagW, 0, 0, 0, 0) // PT_GNU_STACK, not executable
	copy(out[page:], code)
	data := make([]byte, imageDataEnd-imageTable)
	at := 0
	for _, r := range b.rows {
		at += copy(data[at:], words(r[:]...))
	}
	copy(data[imageStrings-imageTable:], b.strings.Bytes())
	return append(out, data...), nil
}

// imageCodeEnd marks the end of the program in init_amd64.s: "VIRGAEND".
var imageCodeEnd = []byte("VIRGAEND")

func imageProgram() ([]byte, error) {
	if !imageSupported {
		return nil, ErrArch
	}
	text := unsafe.Slice(initProgramAddr, imageProgMax)
	n := bytes.Index(text, imageCodeEnd)
	if n < 0 {
		return nil, fmt.Errorf("first process: end not found")
	}
	return bytes.Clone(text[:n]), nil
}

// sealed writes the image to a sealed memory file and gives its descriptor, close-on-exec.
func sealed(elf []byte) (int, error) {
	fd, err := unix.MemfdCreate("virga-init", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3 every memory file is executable
		fd, err = unix.MemfdCreate("virga-init", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return -1, fmt.Errorf("memory file: %w", err)
	}
	for rest := elf; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("memory file: %w", err)
		}
		rest = rest[n:]
	}
	// Executable by its owner only: a process of another uid can neither read nor dump it.
	if err := unix.Fchmod(fd, 0o500); err != nil {
		unix.Close(fd)
		return -1, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("seal: %w", err)
	}
	return fd, nil
}
