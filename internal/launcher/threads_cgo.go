//go:build cgo

package launcher

import "syscall"

// The binary is built without cgo. This is for tests with the race detector, which needs it: of the launcher the
// thread that does everything gives up its privileges, and Harden leaves out Landlock and says so.
const everyThreadWorks = false

func everyThread(nr, a, b, c uintptr) syscall.Errno {
	_, _, e := syscall.RawSyscall(nr, a, b, c)
	return e
}
