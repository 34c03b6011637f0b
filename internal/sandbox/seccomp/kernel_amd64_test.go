package seccomp

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const ia32Env = "VIRGA_SECCOMP_IA32"

// A 64-bit process may enter the kernel by the 32-bit gate (int 0x80), where numbers mean other calls.
func TestKernelKillsIA32Gate(t *testing.T) {
	needRoot(t)
	if mode := os.Getenv(ia32Env); mode != "" {
		runtime.LockOSThread()
		if mode == "filtered" {
			_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
			if err := Install(Filter()); err != nil {
				os.Exit(3)
			}
		}
		// mov eax, 20 (getpid of i386); int 0x80; ret
		code := []byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3}
		page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			os.Exit(4)
		}
		copy(page, code)
		entry := unsafe.Pointer(&page[0])
		fn := unsafe.Pointer(&entry)
		(*(*func())(unsafe.Pointer(&fn)))()
		os.Exit(0)
	}
	exe, _ := os.Executable()
	child := func(mode string) syscall.WaitStatus {
		cmd := exec.Command(exe, "-test.run", "^TestKernelKillsIA32Gate$")
		cmd.Env = append(os.Environ(), ia32Env+"="+mode)
		_ = cmd.Run()
		return cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
	if ws := child("open"); ws != 0 {
		t.Skipf("not run: this kernel has no 32-bit gate (%v)", ws)
	}
	if ws := child("filtered"); !ws.Signaled() || ws.Signal() != syscall.SIGSYS {
		t.Errorf("with the filter: %v, signal %v", ws, ws.Signal())
	}
}
