package namespace

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outside runs a probe as root without a sandbox, in a mount namespace of its own.
func outside(t *testing.T, args ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{probeArg}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Setsid: true}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s (%v)", out, err)
	}
	return strings.TrimSpace(string(out))
}

// notHere are escapes that succeed on no kernel that lacks what they need, with what tells that it is lacking.
var notHere = map[string]string{"io_uring": "function not implemented", "bpf": "function not implemented", "userfaultfd": "function not implemented",
	"vsock": "address family not supported", "release_agent": "no such device"}

func TestEscape(t *testing.T) {
	k, l := newKind(t)
	// What the escapes of others aim at.
	marker := filepath.Join(filepath.Dir(l.code), "marker")
	if err := os.WriteFile(marker, []byte("secret of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	host, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	abstract := fmt.Sprintf("@virga-escape-%d", os.Getpid())
	hidden, err := net.Listen("unix", abstract)
	if err != nil {
		t.Fatal(err)
	}
	defer hidden.Close()
	victim := park(t, k, l.shell("echo up; sleep 1000"))
	start(t, victim)
	if line, _ := bufio.NewReader(victim.Logs()).ReadString('\n'); line != "up\n" {
		t.Fatal("no victim")
	}
	victims := sandboxProcesses()
	if len(victims) < 2 {
		t.Fatalf("victim's processes: %v", victims)
	}
	args := map[string]string{"a file of the host": marker, "listener on the host": host.Addr().String(), "abstract socket": abstract,
		"signal to a process of the host": strconv.Itoa(os.Getpid()), "another function's log": strconv.Itoa(victims[len(victims)-1])}
	// Inside, process 1 is the aim; outside, process 1 may be out of even root's reach, so it is this one.
	inside := map[string]string{}
	for _, name := range []string{"setns to process 1", "read /proc/1/exe", "write /proc/1/mem", "read /proc/1/environ", "descriptors of process 1"} {
		args[name], inside[name] = strconv.Itoa(os.Getpid()), "1"
	}
	for _, e := range escapes {
		if inside[e.name] == "" {
			inside[e.name] = args[e.name]
		}
		t.Run(e.name, func(t *testing.T) {
			free := outside(t, "escape", e.name, args[e.name])
			if free != "ESCAPED" {
				if why := notHere[e.name]; why != "" && strings.Contains(free, why) {
					t.Logf("not run: %s (this kernel: %s)", e.name, free)
				} else {
					t.Errorf("without a sandbox: %s; the test could not fail", free)
				}
			}
			out, _ := run(t, k, l.spec("escape", e.name, inside[e.name]))
			if !strings.HasPrefix(out, "refused: ") {
				t.Errorf("inside: %s", out)
			}
		})
	}
	t.Logf("%d escapes", len(escapes))
}

// A function's own listener and abstract socket are out of another function's reach.
func TestEscapeToAnotherFunction(t *testing.T) {
	k, l := newKind(t)
	const script = `python3 -c "
import socket,time,sys
l=socket.socket(); l.bind(('127.0.0.1',7777)); l.listen()
a=socket.socket(socket.AF_UNIX); a.bind(chr(0)+'virga-other'); a.listen()
c=socket.create_connection(('127.0.0.1',7777)); d=socket.socket(socket.AF_UNIX); d.connect(chr(0)+'virga-other')
print('both reached by myself',flush=True); time.sleep(1000)"`
	a := park(t, k, l.shell(script))
	start(t, a)
	if line, _ := bufio.NewReader(a.Logs()).ReadString('\n'); line != "both reached by myself\n" {
		t.Fatalf("first function: %q", line)
	}
	for _, e := range [][2]string{{"listener on the host", "127.0.0.1:7777"}, {"abstract socket", "@virga-other"}} {
		if out, _ := run(t, k, l.spec("escape", e[0], e[1])); !strings.Contains(out, "refused: ") || !strings.Contains(out, "connection refused") {
			t.Errorf("%s: %s", e[0], out)
		}
	}
}

// A crash inside starts no core handler of the host, whatever limit the code sets for itself.
func TestEscapeByCoreHandler(t *testing.T) {
	k, l := newKind(t)
	const pattern = "/proc/sys/kernel/core_pattern"
	before, err := os.ReadFile(pattern)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(l.code)
	handler, mark := filepath.Join(dir, "handler"), filepath.Join(dir, "handled")
	if err := os.WriteFile(handler, []byte("#!/bin/sh\necho $1 >> "+mark+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	// The machine's own setting, for the second that this test takes.
	defer func() { _ = os.WriteFile(pattern, before, 0) }()
	if err := os.WriteFile(pattern, []byte("|"+handler+" %P"), 0); err != nil {
		t.Fatal(err)
	}
	handled := func() int {
		time.Sleep(200 * time.Millisecond)
		b, _ := os.ReadFile(mark)
		return strings.Count(string(b), "\n")
	}
	for _, args := range [][]string{{"crash"}, {"crash", "lower"}} {
		if out, e := run(t, k, l.spec(args...)); !strings.HasPrefix(out, "crashing") || e.Signal == "" {
			t.Errorf("%v: %q, %+v: it did not crash", args, out, e)
		}
	}
	if n := handled(); n != 0 {
		t.Errorf("the host's core handler ran %d times for a sandbox", n)
	}
	outside(t, "crash", "lower")
	if n := handled(); n != 1 {
		t.Errorf("without a sandbox the handler ran %d times; the test could not fail", n)
	}
}

// One function that takes all it can get leaves another one working.
func TestEscapeByStarvation(t *testing.T) {
	k, l := newKind(t)
	greedy := map[string]string{
		"processes": "exec /var/runtime/probe " + probeArg + " forks 500",
		"memory":    "while :; do /var/runtime/probe " + probeArg + " eat 4000; done",
		"/tmp":      "cat /dev/zero > /tmp/all; sleep 1000",
		"processor": "while :; do :; done & while :; do :; done",
		"log":       "yes",
		"inodes":    "i=0; while :; do i=$((i+1)); : > /tmp/$i || sleep 1; done 2>/dev/null",
	}
	for _, script := range greedy {
		spec := l.shell(script)
		spec.Limits.CPUMillis = 100
		s := park(t, k, spec)
		start(t, s)
		go func() { _, _ = io.Copy(io.Discard, s.Logs()) }()
	}
	time.Sleep(500 * time.Millisecond)
	if n := len(sandboxProcesses()); n < 30 || n > len(greedy)*(40+2) {
		t.Errorf("%d processes; the limit is 40 in each", n)
	}
	t0 := time.Now()
	out, e := run(t, k, l.shell("echo fine; echo x > /tmp/x; sleep 0.01 & wait; cat /tmp/x"))
	if out != "fine\nx" || e.Code != 0 {
		t.Errorf("%q %+v", out, e)
	}
	if d := time.Since(t0); d > 5*time.Second {
		t.Errorf("took %v beside %d greedy ones", d, len(greedy))
	}
	t.Logf("%v beside %d greedy ones, %d processes", time.Since(t0).Round(time.Millisecond), len(greedy), len(sandboxProcesses()))
}

// cgroupsOf reads in which folders a process is.
func cgroupsOf(t *testing.T, pid int) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Code that forks as its first act is held by its limits with all its children.
func TestEscapeByForkBeforeAttach(t *testing.T) {
	k, l := newKind(t)
	s := park(t, k, l.spec("forks", "20"))
	start(t, s)
	if line, err := bufio.NewReader(s.Logs()).ReadString('\n'); line != "forked\n" {
		t.Fatal(line, err)
	}
	procs := sandboxProcesses()
	if len(procs) < 22 {
		t.Fatalf("%d processes", len(procs))
	}
	name := fmt.Sprintf("/%s/s%d\n", l.cfg.Cgroup, s.Slot())
	held := 0
	for _, pid := range procs {
		got := cgroupsOf(t, pid)
		for _, c := range []string{"memory", "pids", "freezer", "cpu"} {
			for line := range strings.Lines(got) {
				f := strings.SplitN(line, ":", 3)
				if f[1] == c || f[1] == "" {
					if !strings.HasSuffix(line, name) {
						t.Errorf("process %d is in %s", pid, line)
					}
					held++
				}
			}
		}
	}
	if held == 0 {
		t.Error("no cgroup seen, so the test shows nothing")
	}
	// Unprotected: attaching after the start, a child that was quick is outside.
	cmd := exec.Command("/bin/sh", "-c", "sleep 1000 & echo up; exec sleep 1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() }()
	_, _ = bufio.NewReader(out).ReadString('\n')
	mounts, _ := filepath.Glob("/sys/fs/cgroup/pids")
	dir := "/sys/fs/cgroup/" + l.cfg.Cgroup + "-late"
	if len(mounts) == 1 {
		dir = "/sys/fs/cgroup/pids/" + l.cfg.Cgroup + "-late"
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer func() { time.Sleep(50 * time.Millisecond); _ = os.Remove(dir) }()
	if err := os.WriteFile(dir+"/cgroup.procs", []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(dir + "/cgroup.procs")
	if n := len(strings.Fields(string(b))); n != 1 {
		t.Errorf("unprotected: %d processes held; the test could not fail", n)
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}

// A frozen sandbox dies by Kill.
func TestEscapeDeathWhileFrozen(t *testing.T) {
	k, l := newKind(t)
	s := park(t, k, l.shell("echo up; sleep 1000 & sleep 1000"))
	start(t, s)
	_, _ = bufio.NewReader(s.Logs()).ReadString('\n')
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	s.Kill()
	select {
	case <-s.Done():
	case <-time.After(deathLimit):
		t.Fatal("lives on while frozen")
	}
	if n := len(sandboxProcesses()); n != 0 {
		t.Errorf("%d processes left", n)
	}
	// Unprotected: what version 1 has frozen does not die of SIGKILL alone.
	const freezer = "/sys/fs/cgroup/freezer"
	if _, err := os.Stat(freezer); err != nil {
		t.Log("not run: the unprotected half of " + t.Name() + " (no version 1 freezer)")
		return
	}
	dir := freezer + "/" + l.cfg.Cgroup + "-frozen"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = os.WriteFile(dir+"/cgroup.procs", []byte(strconv.Itoa(cmd.Process.Pid)), 0)
	_ = os.WriteFile(dir+"/freezer.state", []byte("FROZEN"), 0)
	time.Sleep(20 * time.Millisecond)
	_ = cmd.Process.Kill()
	time.Sleep(200 * time.Millisecond)
	st, _ := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/stat")
	if len(st) == 0 || strings.Contains(string(st), ") Z ") {
		t.Error("unprotected: it died; the test could not fail")
	}
	_ = os.WriteFile(dir+"/freezer.state", []byte("THAWED"), 0)
	_ = cmd.Wait()
	time.Sleep(20 * time.Millisecond)
	_ = os.Remove(dir)
}

// What a sandbox sees: descriptors, mounts, groups.
func TestEscapeNothingExtraInside(t *testing.T) {
	k, l := newKind(t)
	out, _ := run(t, k, l.shell("ls -1 /proc/self/fd | tr '\\n' ' '; echo; ls /; ls /dev; cut -d' ' -f2- /proc/net/dev | wc -l; cat /proc/mounts"))
	lines := strings.Split(out, "\n")
	if lines[0] != "0 1 2 3 " { // 3 is ls's own
		t.Errorf("descriptors: %s", lines[0])
	}
	writable := 0
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) != 6 {
			continue
		}
		opts := "," + f[3] + ","
		dev := strings.HasPrefix(f[1], "/dev/") || f[0] == "devtmpfs"
		if !strings.Contains(opts, ",nosuid,") || !dev && !strings.Contains(opts, ",nodev,") {
			t.Errorf("mount %s", line)
		}
		if !strings.Contains(opts, ",ro,") {
			writable++
			if f[1] != "/tmp" && f[1] != "/proc" {
				t.Errorf("writable: %s", line)
			}
		}
	}
	if writable != 2 {
		t.Errorf("%d writable mounts, want /tmp and /proc", writable)
	}
	if want := "full\nnull\nrandom\nstderr\nstdin\nstdout\nurandom\nzero\n"; !strings.Contains(out, want) {
		t.Errorf("/dev is not %q in\n%s", want, out)
	}
}
