//go:build !cgo

package launcher

import "syscall"

// everyThreadWorks tells whether a system call can be made on all threads: not with cgo.
const everyThreadWorks = true

// everyThread makes a system call on every thread of the process, present and future.
func everyThread(nr, a, b, c uintptr) syscall.Errno {
	_, _, e := syscall.AllThreadsSyscall(nr, a, b, c)
	return e
}
