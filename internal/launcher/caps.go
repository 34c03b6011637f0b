package launcher

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launcherCaps are all that the launcher keeps once its place is built.
var launcherCaps = [...]uint{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SETPCAP,
	unix.CAP_NET_ADMIN, unix.CAP_KILL, unix.CAP_DAC_OVERRIDE}

func capMask(caps []uint) uint64 {
	var m uint64
	for _, c := range caps {
		m |= 1 << c
	}
	return m
}

type capHeader struct {
	version uint32
	pid     int32
}

// setCaps makes mask the permitted and effective capabilities of every thread, and nothing inheritable.
func setCaps(mask uint64) error {
	h := capHeader{version: unix.LINUX_CAPABILITY_VERSION_3}
	d := [2]unix.CapUserData{
		{Effective: uint32(mask), Permitted: uint32(mask)},
		{Effective: uint32(mask >> 32), Permitted: uint32(mask >> 32)},
	}
	e := everyThread(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&d[0])), 0)
	if e != 0 {
		return fmt.Errorf("capset: %w", e)
	}
	return nil
}

// dropTo leaves every thread the capabilities of mask, in the bounding set too.
func dropTo(mask uint64) error {
	last, err := readInt("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return err
	}
	for c := range last + 1 {
		if mask&(1<<c) != 0 {
			continue
		}
		if e := everyThread(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0); e != 0 && e != unix.EPERM {
			return fmt.Errorf("bounding set: %w", e)
		}
	}
	have, err := statusCaps("CapPrm")
	if err != nil {
		return err
	}
	return setCaps(mask & have)
}

// statusCaps reads a capability set of the calling thread.
func statusCaps(name string) (uint64, error) {
	b, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseUint(strings.TrimSpace(v), 16, 64)
		}
	}
	return 0, fmt.Errorf("no %s in status", name)
}

// Sanitise closes every descriptor above 2 that is not in keep, and marks what stays close-on-exec. Go leaves
// inherited descriptors open, so the first thing that launcher and server do is to call it. The runtime's own
// polling descriptors stay.
func Sanitise(keep ...int) error {
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close on exec: %w", err)
	}
	kept := map[int]bool{0: true, 1: true, 2: true}
	for _, fd := range keep {
		kept[fd] = true
	}
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("descriptors: %w", err)
	}
	kept[dir] = true
	defer unix.Close(dir)
	buf := make([]byte, 64<<10)
	var names []string
	for {
		n, err := unix.Getdents(dir, buf)
		if err != nil {
			return fmt.Errorf("descriptors: %w", err)
		}
		if n == 0 {
			break
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || kept[fd] {
			continue
		}
		to, err := os.Readlink("/proc/self/fd/" + name)
		if err == nil && (to == "anon_inode:[eventpoll]" || to == "anon_inode:[eventfd]") {
			continue
		}
		unix.Close(fd)
	}
	return nil
}
