package namespace

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"virga/internal/env"
	"virga/internal/launcher"
	"virga/internal/sandbox"
)

// This binary plays every part: the launcher, a probe inside sandboxes, and servers that are killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case launcher.Arg:
			launcher.Main()
		case probeArg:
			runtime.LockOSThread()
			probeMain(os.Args[2:])
			os.Exit(0)
		case serverArg:
			serverMain(os.Args[2:])
		case serveArg:
			serveMain(os.Args[2:])
		}
	}
	os.Exit(m.Run())
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI without root: " + t.Name() + " cannot run")
	}
	t.Skip("not run: " + t.Name() + " (needs root)")
}

// layout is the folders of one test cloud.
type layout struct {
	code, rt string
	cfg      launcher.Config
}

var digest = launcher.Digest{1, 2, 3, 31: 0xff}

var cgroupSerial atomic.Int64

// uidBase is apart from the default, so that a running server is no nuisance; slots are few.
const (
	testUIDBase = 330_000
	testSlots   = 24
)

func newLayout(t testing.TB) layout {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("", "virga-ns")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := layout{code: filepath.Join(dir, "code"), rt: filepath.Join(dir, "rt")}
	task := filepath.Join(l.code, hex.EncodeToString(digest[:]))
	for _, d := range []string{dir, l.code, l.rt, task} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(task, "app.txt"), []byte("code of the function\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.rt, "probe"), bin, 0o555); err != nil {
		t.Fatal(err)
	}
	l.cfg = launcher.Config{CodeRoot: l.code, Runtimes: []launcher.Runtime{{Name: "probe", Dir: l.rt}}, UIDBase: testUIDBase, Slots: testSlots,
		Cgroup: fmt.Sprintf("virgatest-%d-%d", os.Getpid(), cgroupSerial.Add(1)), Dev: true}
	t.Cleanup(func() { removeCgroups(l.cfg.Cgroup) })
	return l
}

// removeCgroups removes what a launcher that was killed has left; processes may take a moment to be gone.
func removeCgroups(name string) {
	for range 50 {
		left := 0
		dirs, _ := filepath.Glob("/sys/fs/cgroup/*/" + name + "/s*")
		more, _ := filepath.Glob("/sys/fs/cgroup/" + name + "/s*")
		tops, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
		for _, d := range append(append(append(dirs, more...), tops...), "/sys/fs/cgroup/"+name) {
			if err := os.Remove(d); err != nil && !errors.Is(err, os.ErrNotExist) {
				left++
			}
		}
		if left == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// newKind starts a launcher of its own.
func newKind(t testing.TB) (*Kind, layout) {
	t.Helper()
	l := newLayout(t)
	return l.kind(t), l
}

func (l layout) kind(t testing.TB) *Kind {
	t.Helper()
	c, err := launcher.Spawn(l.cfg)
	if err != nil {
		t.Fatal(err)
	}
	k := New(Config{Launcher: c, Env: env.NewReal()})
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
		_ = c.Close()
	})
	return k
}

var serial atomic.Int64

func (l layout) spec(args ...string) sandbox.Spec {
	return sandbox.Spec{ID: fmt.Sprintf("t-%d", serial.Add(1)), Command: append([]string{"/var/runtime/probe", probeArg}, args...), RuntimeDir: l.rt,
		Env:    []string{"PATH=/usr/bin:/bin", "GOMAXPROCS=1"},
		Limits: sandbox.Limits{MemoryBytes: 192 << 20, TmpBytes: 16 << 20, CPUMillis: 2000, Pids: 40, OpenFiles: 256, LogBytes: 1 << 20}}
}

func (l layout) shell(script string) sandbox.Spec {
	s := l.spec()
	s.Command = []string{"/bin/sh", "-c", script}
	return s
}

// park makes a sandbox and kills it at the test's end.
func park(t testing.TB, k *Kind, spec sandbox.Spec) *Sandbox {
	t.Helper()
	s, err := k.Park(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

func start(t testing.TB, s *Sandbox, env ...string) {
	t.Helper()
	if err := s.Start(context.Background(), env); err != nil {
		t.Fatal(err)
	}
}

func wait(t testing.TB, s *Sandbox) sandbox.Exit {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("sandbox %s has not ended", s.ID())
	}
	return s.Exit()
}

// run starts a spec and gives its output and end.
func run(t testing.TB, k *Kind, spec sandbox.Spec) (string, sandbox.Exit) {
	t.Helper()
	s := park(t, k, spec)
	start(t, s)
	out, err := io.ReadAll(s.Logs())
	if err != nil {
		t.Errorf("logs: %v", err)
	}
	e := wait(t, s)
	return strings.TrimSpace(string(out)), e
}
