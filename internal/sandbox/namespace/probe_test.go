package namespace

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// probeArg marks a run of this binary as the function inside a sandbox (or outside, to see that a probe works).
const probeArg = "virga-probe"

func probeMain(args []string) {
	switch args[0] {
	case "escape":
		escapeMain(args[1], args[2])
	case "forks":
		n, _ := strconv.Atoi(args[1])
		for range n {
			_, _ = os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{})
		}
		fmt.Println("forked")
		time.Sleep(time.Hour)
	case "crash":
		if len(args) > 1 { // tries to get the core handler by another limit
			_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
			_ = unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
		}
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
		signal.Reset(unix.SIGABRT)
		fmt.Println("crashing")
		debug.SetTraceback("crash")
		_ = unix.Kill(os.Getpid(), unix.SIGSEGV)
		_ = unix.Kill(os.Getpid(), unix.SIGABRT)
		time.Sleep(time.Second)
	case "dial":
		for _, a := range args[1:] {
			c, err := net.DialTimeout("tcp", a, 3*time.Second)
			if err != nil {
				fmt.Println(err)
				continue
			}
			b, err := io.ReadAll(c)
			if err != nil {
				fmt.Println(err)
			}
			fmt.Printf("%s\n", b)
			c.Close()
		}
	case "dialmany":
		n, _ := strconv.Atoi(args[2])
		ok := 0
		for range n {
			c, err := net.DialTimeout("tcp", args[1], 3*time.Second)
			if err != nil {
				continue
			}
			var b [1]byte
			_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
			if n, _ := c.Read(b[:]); n == 1 {
				ok++ // kept open
			}
		}
		fmt.Printf("%d of %d\n", ok, n)
	case "udp":
		c, err := net.Dial("udp", args[1])
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = c.SetDeadline(time.Now().Add(3 * time.Second))
		fmt.Fprint(c, "question")
		var b [512]byte
		n, err := c.Read(b[:])
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", b[:n])
	case "eat":
		mb, _ := strconv.Atoi(args[1])
		var keep [][]byte
		for range mb {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			keep = append(keep, b)
		}
		fmt.Println("ate", len(keep))
	case "burn":
		ms, _ := strconv.Atoi(args[1])
		var r unix.Rusage
		for {
			_ = unix.Getrusage(unix.RUSAGE_SELF, &r)
			if (r.Utime.Sec+r.Stime.Sec)*1000+(r.Utime.Usec+r.Stime.Usec)/1000 >= int64(ms) {
				return
			}
		}
	default:
		fmt.Println("no probe", args[0])
		os.Exit(2)
	}
}

// sandboxProcesses are the processes whose uid is one of the tests' slots.
func sandboxProcesses() []int { return processesOf(testUIDBase, testSlots) }

// processesOf are the living processes with one of n uids.
func processesOf(first, n int) []int {
	var out []int
	files, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if strings.Contains(string(b), "State:\tZ") {
			continue // dead; its new parent has yet to look
		}
		for line := range strings.Lines(string(b)) {
			v, ok := strings.CutPrefix(line, "Uid:")
			if !ok {
				continue
			}
			uid, _ := strconv.Atoi(strings.Fields(v)[0])
			if uid >= first && uid < first+n {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
				out = append(out, pid)
			}
		}
	}
	return out
}
