package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fake is a tree in memory: each folder gets the files that kernels make in it.
type fake struct {
	layout Layout
	files  map[string]string // "hierarchy:name/file" -> content
	dirs   map[string]bool   // "hierarchy:name"
	busy   map[string]bool
	opened []string
}

func newFake(l Layout) *fake {
	return &fake{layout: l, files: map[string]string{}, dirs: map[string]bool{}, busy: map[string]bool{}}
}

var kernelFiles = map[string][]string{
	"memory":  {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control", "tasks"},
	"pids":    {"pids.max", "tasks"},
	"cpu":     {"cpu.cfs_period_us", "cpu.cfs_quota_us", "tasks"},
	"cpuacct": {"cpuacct.usage", "tasks"},
	"freezer": {"freezer.state", "tasks"},
	"":        {"cgroup.freeze", "cgroup.kill", "cgroup.procs", "cpu.stat"},
}

func (f *fake) Mkdir(h, name string) error {
	if f.dirs[h+":"+name] {
		return unix.EEXIST
	}
	f.dirs[h+":"+name] = true
	files := kernelFiles[h]
	if h == "" {
		if f.layout.V2Controllers["memory"] {
			files = append(slices.Clone(files), "memory.max", "memory.swap.max", "memory.peak", "memory.events")
		}
		if f.layout.V2Controllers["pids"] {
			files = append(slices.Clone(files), "pids.max")
		}
		if f.layout.V2Controllers["cpu"] {
			files = append(slices.Clone(files), "cpu.max")
		}
	}
	for _, n := range files {
		f.files[h+":"+name+"/"+n] = ""
	}
	return nil
}

func (f *fake) Rmdir(h, name string) error {
	k := h + ":" + name
	switch {
	case !f.dirs[k]:
		return unix.ENOENT
	case f.busy[k]:
		return unix.EBUSY
	}
	delete(f.dirs, k)
	for n := range f.files {
		if strings.HasPrefix(n, k+"/") {
			delete(f.files, n)
		}
	}
	return nil
}

func (f *fake) Write(h, p, v string) error {
	if _, ok := f.files[h+":"+p]; !ok {
		return unix.ENOENT
	}
	f.files[h+":"+p] = v
	return nil
}

func (f *fake) Open(h, p string, flags int) (int, error) {
	if _, ok := f.files[h+":"+p]; !ok && !f.dirs[h+":"+p] {
		return -1, unix.ENOENT
	}
	f.opened = append(f.opened, fmt.Sprintf("%s:%s:%d", h, path.Base(p), flags&unix.O_ACCMODE))
	return unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
}

func (f *fake) List(h string) ([]string, error) {
	var out []string
	for k := range f.dirs {
		if n, ok := strings.CutPrefix(k, h+":"); ok {
			out = append(out, n)
		}
	}
	return out, nil
}

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

var layouts = map[string]Layout{
	"v1":     {V1: set("memory", "pids", "cpu", "cpuacct", "freezer")},
	"v2":     {V2: true, V2Controllers: set("memory", "pids", "cpu")},
	"hybrid": {V1: set("memory", "pids", "cpu", "cpuacct", "freezer"), V2: true},
}

func TestLimitsInEveryLayout(t *testing.T) {
	want := map[string][]string{
		"v1": {"cpu:a/cpu.cfs_period_us=100000", "cpu:a/cpu.cfs_quota_us=25000", "memory:a/memory.limit_in_bytes=134217728",
			"memory:a/memory.memsw.limit_in_bytes=134217728", "pids:a/pids.max=64"},
		"v2": {":a/cpu.max=25000 100000", ":a/memory.max=134217728", ":a/memory.swap.max=0", ":a/pids.max=64"},
	}
	want["hybrid"] = want["v1"]
	opened := map[string][]string{
		"v1": {"cpu:cpu.cfs_quota_us:1", "cpuacct:cpuacct.usage:0", "memory:memory.limit_in_bytes:1",
			"memory:memory.max_usage_in_bytes:0", "memory:memory.oom_control:0"},
		"v2": {":cgroup.freeze:1", ":cpu.max:1", ":cpu.stat:0", ":memory.events:0", ":memory.max:1", ":memory.peak:0"},
		"hybrid": {":cgroup.freeze:1", "cpu:cpu.cfs_quota_us:1", "cpuacct:cpuacct.usage:0", "memory:memory.limit_in_bytes:1",
			"memory:memory.max_usage_in_bytes:0", "memory:memory.oom_control:0"},
	}
	for name, l := range layouts {
		f := newFake(l)
		if l.Version() != name {
			t.Errorf("%s calls itself %s", name, l.Version())
		}
		if lacks := l.Lacks(); len(lacks) > 0 && (name != "v1" || !slices.Equal(lacks, []string{"freezing"})) {
			t.Errorf("%s lacks %v", name, lacks)
		}
		g, err := New(f, l, "a", Limits{MemoryBytes: 128 << 20, CPUMillis: 250, Pids: 64})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for k, v := range f.files {
			if v != "" {
				got = append(got, k+"="+v)
			}
		}
		sort.Strings(got)
		if !slices.Equal(got, want[name]) {
			t.Errorf("%s: wrote %q, want %q", name, got, want[name])
		}
		if err := g.Attach(77); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for c := range l.V1 {
			if f.files[c+":a/tasks"] != "77" {
				t.Errorf("%s: not attached to %s", name, c)
			}
		}
		h, err := g.Handles()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sort.Strings(f.opened)
		if !slices.Equal(f.opened, opened[name]) {
			t.Errorf("%s: opened %q, want %q", name, f.opened, opened[name])
		}
		if h.CPULimitV1 != (name != "v2") || h.CPUUsageV1 != (name != "v2") {
			t.Errorf("%s: %+v", name, h)
		}
		h.Close()
		g.Kill()
		if l.V2 && f.files[":a/cgroup.kill"] != "1" {
			t.Errorf("%s: no cgroup.kill", name)
		}
		if l.V1["freezer"] && f.files["freezer:a/freezer.state"] != "THAWED" {
			t.Errorf("%s: not thawed after the kill", name)
		}
		if err := g.Remove(); err != nil || len(f.dirs) != 0 {
			t.Errorf("%s: %v, left %v", name, err, f.dirs)
		}
	}
}

func TestBusyIsTold(t *testing.T) {
	f := newFake(layouts["hybrid"])
	g, err := New(f, f.layout, "a", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f.busy["memory:a"] = true
	if err := g.Remove(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("got %v", err)
	}
	f.busy["memory:a"] = false
	if err := g.Remove(); err != nil {
		t.Errorf("second time: %v", err)
	}
}

func TestNothingLeftWhenMakingFails(t *testing.T) {
	f := newFake(layouts["hybrid"])
	f.dirs["cpu:a"] = true // somebody's
	if _, err := New(f, f.layout, "a", Limits{}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("got %v", err)
	}
	if len(f.dirs) != 1 || !f.dirs["cpu:a"] {
		t.Errorf("left %v, want what was there before", f.dirs)
	}
}

func TestJoinedControllers(t *testing.T) {
	l := Layout{V1: set("memory", "cpu", "cpuacct"), Joined: set("cpuacct")}
	f := newFake(l)
	f.files["cpuacct:a/cpuacct.usage"] = "" // the same folder under its other name
	g, err := New(f, l, "a", Limits{})
	if err != nil || len(f.dirs) != 2 {
		t.Fatalf("%v, %v", err, f.dirs)
	}
	h, err := g.Handles()
	if err != nil || h.CPUUsage < 0 {
		t.Errorf("%+v, %v", h, err)
	}
	h.Close()
	if err := g.Remove(); err != nil || len(f.dirs) != 0 {
		t.Errorf("%v, left %v", err, f.dirs)
	}
}

func TestSweep(t *testing.T) {
	f := newFake(layouts["hybrid"])
	for _, n := range []string{"a", "b"} {
		if _, err := New(f, f.layout, n, Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(f, f.layout); err != nil || len(f.dirs) != 0 {
		t.Errorf("%v, left %v", err, f.dirs)
	}
}

// Where nobody has mounted version 2, we do for ourselves.
func TestOwnV2(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI without root: " + t.Name() + " cannot run")
		}
		t.Skip("not run: " + t.Name() + " (needs root)")
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var v1 []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, " - cgroup ") {
			v1 = append(v1, line)
		}
	}
	if len(v1) == 0 {
		t.Skip("not run: " + t.Name() + " (this machine has no version 1 hierarchy)")
	}
	name := fmt.Sprintf("virgatest-own-%d", os.Getpid())
	tree, l, err := Find(strings.Join(v1, ""), name)
	if err != nil || !l.V2 || l.Version() != "hybrid" {
		t.Fatalf("%+v, %v", l, err)
	}
	g, err := New(tree, l, "a", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := g.Handles()
	if err != nil || h.Freeze < 0 {
		t.Errorf("%+v, %v", h, err)
	}
	h.Close()
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	tree.Close()
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/" + name); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestMountsOfEveryLayout(t *testing.T) {
	v1, v2 := mounts(`30 20 0:26 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/unified\040x rw shared:9 - cgroup2 cgroup2 rw
broken line
34 30
`)
	if v1["cpu"] != "/sys/fs/cgroup/cpu,cpuacct" || v1["cpuacct"] != v1["cpu"] || v1["memory"] != "/sys/fs/cgroup/memory" || v2 != "/sys/fs/cgroup/unified x" {
		t.Errorf("%v %q", v1, v2)
	}
	if l := (Layout{}); l.Version() != "none" || len(l.Lacks()) != 4 {
		t.Errorf("empty layout: %s lacks %v", l.Version(), l.Lacks())
	}
}
