//go:build cgo

package launcher

import "syscall"

// The binary is built without cgo. This is for tests with the race detector, which needs it: the calling thread
// alone gives up its privileges, and Harden refuses.
const everyThreadWorks = false

func everyThread(nr, a, b, c uintptr) syscall.Errno {
	_, _, e := syscall.RawSyscall(nr, a, b, c)
	return e
}
