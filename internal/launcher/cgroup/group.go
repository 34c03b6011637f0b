package cgroup

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Limits bound one group. Zero means no limit of that sort.
type Limits struct {
	MemoryBytes int64
	CPUMillis   int // thousandths of one core
	Pids        int
}

// cpuPeriodMicros is the period over which a share of the processor is counted; cpuQuotaMicrosMin is the smallest
// share that kernels take.
const (
	cpuPeriodMicros   = 100_000
	cpuQuotaMicrosMin = 1_000
)

// Group is the cgroup of one sandbox: one folder of the same name in each hierarchy.
type Group struct {
	tree   Tree
	layout Layout
	name   string
}

// New makes the folders and writes the limits. On an error nothing is left.
func New(t Tree, l Layout, name string, lim Limits) (*Group, error) {
	g := &Group{tree: t, layout: l, name: name}
	for i, h := range g.hierarchies() {
		if err := t.Mkdir(h, name); err != nil {
			for _, made := range g.hierarchies()[:i] {
				_ = t.Rmdir(made, name)
			}
			return nil, fmt.Errorf("cgroup %q: %w", h, err)
		}
	}
	if err := g.limit(lim); err != nil {
		_ = g.Remove()
		return nil, err
	}
	return g, nil
}

func (g *Group) hierarchies() []string {
	var out []string
	for _, c := range controllers {
		if g.layout.V1[c] && !g.layout.Joined[c] {
			out = append(out, c)
		}
	}
	if g.layout.V2 {
		out = append(out, "")
	}
	return out
}

// QuotaMicros is the time per period that a share stands for.
func quotaMicros(millis int) int { return max(millis*cpuPeriodMicros/1000, cpuQuotaMicrosMin) }

// CPUMax is what is written to Handles.CPULimit for a share of the processor; millis 0 means no limit.
func CPUMax(v1 bool, millis int) string {
	switch {
	case v1 && millis == 0:
		return "-1"
	case v1:
		return strconv.Itoa(quotaMicros(millis))
	case millis == 0:
		return "max " + strconv.Itoa(cpuPeriodMicros)
	}
	return strconv.Itoa(quotaMicros(millis)) + " " + strconv.Itoa(cpuPeriodMicros)
}

func (g *Group) limit(lim Limits) error {
	var errs []error
	write := func(h, file, value string) {
		if err := g.tree.Write(h, g.name+"/"+file, value); err != nil {
			errs = append(errs, fmt.Errorf("cgroup %s = %s: %w", file, value, err))
		}
	}
	mem := strconv.FormatInt(lim.MemoryBytes, 10)
	if lim.MemoryBytes > 0 {
		if g.layout.V1["memory"] {
			write("memory", "memory.limit_in_bytes", mem)
			// Absent where the kernel counts no swap; then there is nothing to close.
			err := g.tree.Write("memory", g.name+"/memory.memsw.limit_in_bytes", mem)
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EOPNOTSUPP) {
				errs = append(errs, fmt.Errorf("cgroup swap: %w", err))
			}
		} else if g.layout.V2Controllers["memory"] {
			write("", "memory.max", mem)
			err := g.tree.Write("", g.name+"/memory.swap.max", "0")
			if err != nil && !errors.Is(err, unix.ENOENT) {
				errs = append(errs, fmt.Errorf("cgroup swap: %w", err))
			}
		}
	}
	if lim.Pids > 0 {
		if g.layout.V1["pids"] {
			write("pids", "pids.max", strconv.Itoa(lim.Pids))
		} else if g.layout.V2Controllers["pids"] {
			write("", "pids.max", strconv.Itoa(lim.Pids))
		}
	}
	if lim.CPUMillis > 0 {
		if g.layout.V1["cpu"] {
			write("cpu", "cpu.cfs_period_us", strconv.Itoa(cpuPeriodMicros))
			write("cpu", "cpu.cfs_quota_us", CPUMax(true, lim.CPUMillis))
		} else if g.layout.V2Controllers["cpu"] {
			write("", "cpu.max", CPUMax(false, lim.CPUMillis))
		}
	}
	return errors.Join(errs...)
}

// Dir opens the v2 folder so that a process can be cloned into it; -1 where there is none.
func (g *Group) Dir() (int, error) {
	if !g.layout.V2 {
		return -1, nil
	}
	return g.tree.Open("", g.name, unix.O_RDONLY|unix.O_DIRECTORY)
}

// Attach moves a process that has one thread into every v1 folder. It writes the file of threads, not that of
// processes, because moving a whole process takes a lock against every fork on the machine and waits for it.
func (g *Group) Attach(pid int) error {
	for _, c := range controllers {
		if !g.layout.V1[c] || g.layout.Joined[c] {
			continue
		}
		if err := g.tree.Write(c, g.name+"/tasks", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("cgroup %s: attach: %w", c, err)
		}
	}
	return nil
}

// Handles are the descriptors by which the server reads and sets one group; -1 where this layout has none.
type Handles struct {
	MemoryLimit int // write a number of bytes
	MemoryPeak  int // read a number of bytes
	OOM         int // read; holds a line "oom_kill N"
	CPULimit    int // write CPUMax
	CPUUsage    int // read; nanoseconds on v1, a line "usage_usec N" on v2
	Freeze      int // write "1" and "0"; version 2 only
	CPULimitV1  bool
	CPUUsageV1  bool
}

// FDs lists the descriptors in a fixed order.
func (h Handles) FDs() []int {
	return []int{h.MemoryLimit, h.MemoryPeak, h.OOM, h.CPULimit, h.CPUUsage, h.Freeze}
}

// HandleCount is the length of Handles.FDs.
const HandleCount = 6

// Close closes what is open.
func (h Handles) Close() {
	for _, fd := range h.FDs() {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// Handles opens the handles. What the layout lacks is -1; what it should have and cannot open is an error.
func (g *Group) Handles() (Handles, error) {
	h := Handles{-1, -1, -1, -1, -1, -1, g.layout.V1["cpu"], g.layout.V1["cpuacct"]}
	var errs []error
	open := func(at *int, hierarchy, file string, flags int) {
		fd, err := g.tree.Open(hierarchy, g.name+"/"+file, flags)
		if err != nil {
			// Peaks and some events came late to kernels: their absence is no failure.
			if !errors.Is(err, unix.ENOENT) {
				errs = append(errs, fmt.Errorf("cgroup %s: %w", file, err))
			}
			return
		}
		*at = fd
	}
	const rd, wr = unix.O_RDONLY, unix.O_WRONLY
	switch {
	case g.layout.V1["memory"]:
		open(&h.MemoryLimit, "memory", "memory.limit_in_bytes", wr)
		open(&h.MemoryPeak, "memory", "memory.max_usage_in_bytes", rd)
		open(&h.OOM, "memory", "memory.oom_control", rd)
	case g.layout.V2Controllers["memory"]:
		open(&h.MemoryLimit, "", "memory.max", wr)
		open(&h.MemoryPeak, "", "memory.peak", rd)
		open(&h.OOM, "", "memory.events", rd)
	}
	switch {
	case g.layout.V1["cpu"]:
		open(&h.CPULimit, "cpu", "cpu.cfs_quota_us", wr)
	case g.layout.V2Controllers["cpu"]:
		open(&h.CPULimit, "", "cpu.max", wr)
	}
	switch {
	case g.layout.V1["cpuacct"]:
		open(&h.CPUUsage, "cpuacct", "cpuacct.usage", rd)
	case g.layout.V2:
		open(&h.CPUUsage, "", "cpu.stat", rd)
	}
	// Never by version 1: a process it has frozen does not die of SIGKILL, so that it would outlive a killed launcher.
	if g.layout.V2 {
		open(&h.Freeze, "", "cgroup.freeze", wr)
	}
	if len(errs) > 0 {
		h.Close()
		return h, errors.Join(errs...)
	}
	return h, nil
}

// Kill asks the kernel to kill all processes of the group (v2 since Linux 5.14) and thaws what somebody has frozen by
// v1, for there a killed process dies only when it runs again. It complements killing the first process, never replaces it.
func (g *Group) Kill() {
	if g.layout.V2 {
		_ = g.tree.Write("", g.name+"/cgroup.kill", "1")
	}
	if g.layout.V1["freezer"] {
		_ = g.tree.Write("freezer", g.name+"/freezer.state", "THAWED")
	}
}

// Remove removes the folders. unix.EBUSY (in the error) means that a process is still in one of them.
func (g *Group) Remove() error {
	var errs []error
	for _, h := range g.hierarchies() {
		if err := g.tree.Rmdir(h, g.name); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("cgroup %q: %w", h, err))
		}
	}
	return errors.Join(errs...)
}

// Sweep kills and removes what an earlier launcher left in the folder. Folders that are still busy are named in
// the error.
func Sweep(t Tree, l Layout) error {
	names := map[string]bool{}
	all := (&Group{layout: l}).hierarchies()
	for _, h := range all {
		got, err := t.List(h)
		if err != nil {
			return err
		}
		for _, n := range got {
			names[n] = true
		}
	}
	var errs []error
	for n := range names {
		g := &Group{tree: t, layout: l, name: n}
		g.Kill()
		errs = append(errs, g.Remove())
	}
	return errors.Join(errs...)
}
