// Package landlock builds rule sets for Landlock, by which a process gives up the file system outside some folders.
//
// It does not say who is restricted: whoever calls landlock_restrict_self with the descriptor is.
package landlock

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock rights by the version of the interface that brought them.
const (
	v1  = 1<<13 - 1 // everything on files but what follows
	v2  = 1 << 13   // refer
	v3  = 1 << 14   // truncate
	v5  = 1 << 15   // ioctl on devices
	run = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	// Rights that files have; a rule for a file may not name the others.
	file = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | v3 | v5
)

// What a scoped rule set also forbids, from version 6 on: reaching abstract UNIX sockets and sending signals to
// processes that are not under it.
const (
	scopeVersion = 6
	scopes       = 1<<0 | 1<<1
)

// ErrUnsupported means that this kernel has no Landlock.
var ErrUnsupported = errors.New("no Landlock in this kernel")

// Ruleset gives a rule set, as a descriptor that closes on exec: everything is allowed below write, reading and
// running below read, nothing elsewhere.
func Ruleset(write, read []string) (int, error) { return ruleset(write, read, 0) }

// Scoped is Ruleset, and also keeps who is under it from sockets and signals to others, where this kernel can.
func Scoped(write, read []string) (int, error) { return ruleset(write, read, scopes) }

func ruleset(write, read []string, scoped uint64) (int, error) {
	abi, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e == unix.ENOSYS || e == unix.EOPNOTSUPP {
		return -1, ErrUnsupported
	}
	if e != 0 {
		return -1, e
	}
	rights := uint64(v1)
	for version, bit := range map[uintptr]uint64{2: v2, 3: v3, 5: v5} {
		if abi >= version {
			rights |= bit
		}
	}
	attr := struct{ fs, net, scoped uint64 }{fs: rights}
	size := unsafe.Sizeof(attr.fs) // what the first version knows
	if scoped != 0 && abi >= scopeVersion {
		attr.scoped, size = scoped, unsafe.Sizeof(attr)
	}
	set, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if e != 0 {
		return -1, fmt.Errorf("ruleset: %w", e)
	}
	for _, rule := range []struct {
		paths  []string
		access uint64
	}{{write, rights}, {read, run}} {
		for _, p := range rule.paths {
			if err := allow(int(set), p, rule.access&rights); err != nil {
				unix.Close(int(set))
				return -1, err
			}
		}
	}
	return int(set), nil
}

func allow(set int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= file
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if e != 0 {
		return fmt.Errorf("%s: %w", path, e)
	}
	return nil
}

// RestrictThread puts a rule set on the calling thread, which has no_new_privs, and on what it starts.
func RestrictThread(set int) error {
	if _, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(set), 0, 0); e != 0 {
		return e
	}
	return nil
}
