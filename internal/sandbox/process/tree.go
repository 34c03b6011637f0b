package process

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// proc is one line of /proc.
type proc struct {
	pid, parent, session int
	state                byte
	cpu                  time.Duration
	rss                  int64
}

// clockTick is USER_HZ, which is 100 on every architecture Go runs on.
const clockTick = 10 * time.Millisecond

func readProc(pid int) (proc, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return proc{}, false
	}
	i := bytes.LastIndexByte(b, ')') // the name may hold anything
	if i < 0 {
		return proc{}, false
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 22 {
		return proc{}, false
	}
	num := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
	return proc{pid: pid, state: f[0][0], parent: int(num(1)), session: int(num(3)), cpu: time.Duration(num(11)+num(12)) * clockTick, rss: num(21) * int64(os.Getpagesize())}, true
}

func allProcs() map[int]proc {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	out := make(map[int]proc, len(names))
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			if p, ok := readProc(pid); ok {
				out[pid] = p
			}
		}
	}
	return out
}

// tree lists the sandbox's processes except zombies: the first one's descendants, its session's members, and those
// that carry the mark.
func (s *Sandbox) tree() []int {
	first := s.cmd.Process.Pid
	all := allProcs()
	mine := map[int]bool{first: true}
	for changed := true; changed; {
		changed = false
		for pid, p := range all {
			if !mine[pid] && (mine[p.parent] || p.session == first) {
				mine[pid], changed = true, true
			}
		}
	}
	self := os.Getpid()
	var out []int
	for pid, p := range all {
		if pid != self && p.state != 'Z' && (mine[pid] || s.marked(pid)) {
			out = append(out, pid)
		}
	}
	return out
}

func (s *Sandbox) marked(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && (bytes.HasPrefix(b, []byte(s.mark+"\x00")) || bytes.Contains(b, []byte("\x00"+s.mark+"\x00")))
}

// left lists what is left after the first process has been reaped; its number may be another's by then.
func (s *Sandbox) left() []int {
	if s.kind.flags != 0 {
		return nil // the kernel reaps a namespace before its first process is seen ended
	}
	var out []int
	for pid, p := range allProcs() {
		if p.state != 'Z' && s.marked(pid) {
			out = append(out, pid)
		}
	}
	return out
}

// measure sums up memory and time of the sandbox's processes. With namespaces the descendants are all there are.
func (s *Sandbox) measure() (mem int64, cpu time.Duration) {
	pids := []int{s.cmd.Process.Pid}
	for len(pids) > 0 {
		pid := pids[0]
		pids = pids[1:]
		p, ok := readProc(pid)
		if !ok || p.state == 'Z' {
			continue
		}
		mem += p.rss
		cpu += p.cpu
		pids = append(pids, children(pid)...)
	}
	return mem, cpu
}

// children reads a process's children from its threads, without looking at every process of the machine.
func children(pid int) []int {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	tasks, _ := d.Readdirnames(-1)
	var out []int
	for _, t := range tasks {
		b, _ := os.ReadFile(dir + "/" + t + "/children")
		for _, f := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}
