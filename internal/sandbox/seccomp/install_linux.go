package seccomp

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Install puts a program on the calling thread and on what it starts. The caller has locked its goroutine to the
// thread and set no_new_privs. Kinds without an init of their own (process) use it from their helper.
func Install(prog []Inst) error {
	fprog := struct {
		n int16
		_ [6]byte
		p *Inst
	}{n: int16(len(prog)), p: &prog[0]}
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	if e != 0 {
		return e
	}
	return nil
}

// InstallAll puts a program on every thread of the process. no_new_privs is set on all of them before.
func InstallAll(prog []Inst) error {
	fprog := struct {
		n int16
		_ [6]byte
		p *Inst
	}{n: int16(len(prog)), p: &prog[0]}
	tid, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	if e != 0 {
		return e
	}
	if tid != 0 {
		return fmt.Errorf("thread %d could not be given the filter", tid)
	}
	return nil
}
