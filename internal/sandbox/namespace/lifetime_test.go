package namespace

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"virga/internal/env"
	"virga/internal/launcher"
	"virga/internal/sandbox"
)

// Parts that the test binary plays when started with these arguments.
const (
	serverArg = "virga-test-server" // a server; "spawn": it starts the launcher; "launched": the launcher started it
	serveArg  = "virga-test-serve"  // a launcher that starts the server
)

// told is what a test server says about itself, one line of JSON.
type told struct {
	Server, Launcher int
	Sandboxes        int
	CapEff           string
	NoNewPrivs       string
	UID              int
	Dumpable         bool
	FDs              string // in a sandbox
	Outside          string // opening a file that Landlock should close
	Weaker           []string
	Dev              string // what a developer's folder shows inside
}

func status(name string) string {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func serverMain(args []string) {
	var cfg launcher.Config
	if err := json.Unmarshal([]byte(args[1]), &cfg); err != nil {
		panic(err)
	}
	var c *launcher.Client
	var err error
	var say told
	if args[0] == "spawn" {
		if err := launcher.Sanitise(); err != nil {
			panic(err)
		}
		c, err = launcher.Spawn(cfg)
		if err == nil {
			say.Launcher = c.Pid()
		}
	} else {
		if err := launcher.Sanitise(launcher.ConnFD); err != nil {
			panic(err)
		}
		c, err = launcher.Connect(launcher.ConnFD, cfg)
		if err == nil && args[0] == "hardened" {
			say.Weaker, err = launcher.Harden(launcher.HardenConfig{Read: []string{filepath.Dir(cfg.CodeRoot), "/proc", "/sys"}})
		}
		say.Launcher = os.Getppid()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "test server:", err)
		os.Exit(9)
	}
	k := New(Config{Launcher: c, Env: env.NewReal()})
	l := layout{code: cfg.CodeRoot, rt: cfg.Runtimes[0].Dir}
	ctx := context.Background()
	for i, script := range []string{"ls -1 /proc/self/fd; sleep 1000", "sleep 1000 & sleep 1000", "sleep 1000"} {
		s, err := k.Park(ctx, l.shell(script))
		if err != nil {
			panic(err)
		}
		if i == 2 {
			continue // stays parked
		}
		if err := s.Start(ctx, nil); err != nil {
			panic(err)
		}
		if i == 0 {
			// ls holds its own folder as the fourth: 0, 1, 2, 3.
			r := bufio.NewReader(s.Logs())
			for range 4 {
				line, err := r.ReadString('\n')
				if err != nil {
					panic(err)
				}
				say.FDs += strings.TrimSpace(line) + " "
			}
		} else if err := s.Freeze(); err != nil && (os.Geteuid() == 0 || !errors.Is(err, sandbox.ErrUnsupported)) {
			panic(err)
		}
	}
	if args[0] == "spawn" {
		spec := l.shell("echo $(ls /opt)")
		spec.LayersDir = l.rt // a developer's folder
		s, err := k.Park(ctx, spec)
		if err != nil {
			panic(err)
		}
		_ = s.Start(ctx, nil)
		b, _ := io.ReadAll(s.Logs())
		say.Dev = strings.TrimSpace(string(b))
	}
	say.Server, say.UID, say.CapEff, say.NoNewPrivs = os.Getpid(), os.Getuid(), status("CapEff"), status("NoNewPrivs")
	d, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	say.Dumpable = d != 0
	_, err = os.ReadFile("/etc/hostname")
	say.Outside = fmt.Sprint(err)
	line, _ := json.Marshal(say)
	fmt.Println(string(line))
	<-c.Gone()
	os.Exit(1)
}

func serveMain(args []string) {
	var cfg launcher.Config
	if err := json.Unmarshal([]byte(args[1]), &cfg); err != nil {
		panic(err)
	}
	code, err := launcher.Serve(cfg, launcher.ServerCommand{Path: "/proc/self/exe", Args: []string{serverArg, args[0], args[1]}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// cloud is a running test server with its launcher.
type cloud struct {
	told
	cmd *exec.Cmd
	out *bufio.Reader
}

func (c *cloud) next(t *testing.T) told {
	t.Helper()
	line := make(chan string, 1)
	go func() { l, _ := c.out.ReadString('\n'); line <- l }()
	var say told
	select {
	case l := <-line:
		if err := json.Unmarshal([]byte(l), &say); err != nil {
			t.Fatalf("the server says %q", l)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("the server says nothing")
	}
	return say
}

func startCloud(t *testing.T, odd int, args ...string) *cloud {
	t.Helper()
	l := newLayout(t)
	l.cfg = l.cfg.WithDefaults()
	l.cfg.UIDBase, l.cfg.Slots = testUIDBase, testSlots
	l.cfg.ServerUID, l.cfg.ServerGID = testUIDBase-10, testUIDBase-10
	text, _ := json.Marshal(l.cfg)
	exe, _ := os.Executable()
	// The server runs under a uid of its own, which must be able to run this binary.
	bin := filepath.Join(l.rt, "probe")
	if args[0] == serverArg {
		bin = exe
	}
	cmd := exec.Command(bin, append(args, string(text))...)
	cmd.Stderr = os.Stderr
	cmd.Env = []string{}
	for range odd {
		f, err := os.Open("/etc/passwd")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &cloud{cmd: cmd, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, c.out)
		_ = cmd.Wait()
	})
	c.told = c.next(t)
	return c
}

// goneWithin checks that within a time no process of a slot is left and none of pids lives.
func goneWithin(t *testing.T, limit time.Duration, pids ...int) {
	t.Helper()
	alive := func() []string {
		var out []string
		for _, pid := range append(sandboxProcesses(), processesOf(rootlessUID, 1)...) {
			out = append(out, "sandbox "+strconv.Itoa(pid))
		}
		for _, pid := range pids {
			b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
			if err == nil && !strings.Contains(string(b), ") Z ") {
				out = append(out, strconv.Itoa(pid))
			}
		}
		return out
	}
	t0 := time.Now()
	for len(alive()) > 0 && time.Since(t0) < limit {
		time.Sleep(5 * time.Millisecond)
	}
	if left := alive(); len(left) > 0 {
		t.Errorf("after %v these live: %v", limit, left)
		return
	}
	t.Logf("gone after %v", time.Since(t0).Round(time.Millisecond))
}

const deathLimit = 2 * time.Second

func kill9(t *testing.T, pid int) {
	t.Helper()
	if n := len(sandboxProcesses()); n < 4 {
		t.Fatalf("only %d processes in sandboxes before the kill", n)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestDeathOfServerThatStartedItsLauncher(t *testing.T) {
	c := startCloud(t, 0, serverArg, "spawn")
	kill9(t, c.Server)
	goneWithin(t, deathLimit, c.Server, c.Launcher)
}

func TestDeathOfLauncherThatAServerStarted(t *testing.T) {
	c := startCloud(t, 0, serverArg, "spawn")
	kill9(t, c.Launcher)
	goneWithin(t, deathLimit, c.Server, c.Launcher)
}

func TestDeathOfServerUnderItsLauncher(t *testing.T) {
	c := startCloud(t, 0, serveArg, "launched")
	kill9(t, c.Server)
	again := c.next(t) // the launcher starts a new one, which makes its sandboxes anew
	if again.Server == c.Server || again.Launcher != c.Launcher {
		t.Errorf("after the kill: %+v, before: %+v", again, c.told)
	}
	if n := len(sandboxProcesses()); n > 3*2+2 {
		t.Errorf("%d processes: the old server's sandboxes live", n)
	}
	kill9(t, again.Launcher)
	goneWithin(t, deathLimit, again.Server, c.Launcher)
}

func TestDeathOfLauncherOverItsServer(t *testing.T) {
	c := startCloud(t, 0, serveArg, "launched")
	kill9(t, c.Launcher)
	goneWithin(t, deathLimit, c.Server, c.Launcher)
}

// Ten odd descriptors that the server was started with reach neither launcher nor sandbox.
func TestEscapeOddDescriptors(t *testing.T) {
	for _, args := range [][]string{{serverArg, "spawn"}, {serveArg, "launched"}} {
		c := startCloud(t, 10, args...)
		if c.FDs != "0 1 2 3 " {
			t.Errorf("%v: inside a sandbox: %s (3 is ls's own)", args, c.FDs)
		}
		for _, pid := range []int{c.Launcher, c.Server} {
			fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
			if err != nil || len(fds) == 0 {
				t.Fatalf("no descriptors of %d: %v", pid, err)
			}
			for _, fd := range fds {
				if to, _ := os.Readlink(fd); to == "/etc/passwd" {
					t.Errorf("%v: process %d still holds %s -> %s", args, pid, filepath.Base(fd), to)
				}
			}
		}
		_ = syscall.Kill(c.Launcher, syscall.SIGKILL)
		goneWithin(t, deathLimit, c.Launcher, c.Server)
	}
	// Without the cleaning a child gets them: the test can fail.
	cmd := exec.Command("/bin/sh", "-c", "ls -1 /proc/self/fd | wc -l")
	for range 10 {
		cmd.ExtraFiles = append(cmd.ExtraFiles, os.Stderr)
	}
	if out, _ := cmd.Output(); strings.TrimSpace(string(out)) < "13" {
		t.Errorf("unprotected: %s descriptors", out)
	}
}

// The server has nothing: no capability, no way to one, not dumpable, own uid, no files outside its folders.
func TestServerIsHardened(t *testing.T) {
	if status("CapEff") == "0000000000000000" && os.Geteuid() == 0 {
		t.Fatal("this test itself has no capabilities, so it could not fail")
	}
	c := startCloud(t, 0, serveArg, "hardened")
	if c.CapEff != "0000000000000000" || c.NoNewPrivs != "1" || c.UID != testUIDBase-10 || c.Dumpable {
		t.Errorf("%+v", c.told)
	}
	if len(c.Weaker) == 0 && !strings.Contains(c.Outside, "permission denied") {
		t.Errorf("outside its folders: %s", c.Outside)
	}
	t.Logf("weaker: %q; outside: %s", c.Weaker, c.Outside)
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", c.Server))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, want := range []string{"CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s lacks %q", f, want)
			}
		}
	}
	if len(files) == 0 {
		t.Error("no threads seen")
	}
	// The launcher keeps what it names and nothing else.
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Launcher))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "CapEff:\t"); ok && strings.TrimSpace(v) != "00000000002411e2" {
			t.Errorf("the launcher's capabilities: %s", v)
		}
	}
}
