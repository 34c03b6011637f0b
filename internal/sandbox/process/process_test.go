package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"virga/internal/env"
	"virga/internal/sandbox"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Arg {
		Main()
	}
	os.Exit(m.Run())
}

type fixture struct {
	*Kind
	code, data, work string
	socket           string
}

// kinds runs a test with namespaces, where the machine has them, and without.
func kinds(t *testing.T, test func(t *testing.T, f *fixture)) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("plain=%v", plain), func(t *testing.T) {
			f := &fixture{code: t.TempDir(), data: t.TempDir(), work: t.TempDir()}
			if err := os.WriteFile(filepath.Join(f.code, "app.txt"), []byte("code"), 0o444); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(f.data, "secret"), []byte("planted"), 0o644); err != nil {
				t.Fatal(err)
			}
			k, err := New(Config{Env: env.NewReal(), WorkDir: f.work, Deny: []string{f.data}, Plain: plain})
			if err != nil {
				t.Fatal(err)
			}
			f.Kind = k
			if !plain && !k.Namespaces() {
				if os.Geteuid() == 0 {
					t.Fatal("root, and no namespaces: " + k.Claims())
				}
				k.Close()
				t.Skip("not run: no namespaces for this user")
			}
			t.Cleanup(func() {
				if err := k.Close(); err != nil {
					t.Error(err)
				}
				if left, _ := os.ReadDir(f.work); len(left) > 0 {
					t.Errorf("left in the work folder: %v", left)
				}
			})
			test(t, f)
		})
	}
}

var serial atomic.Int64

func (f *fixture) spec(script string) sandbox.Spec {
	return sandbox.Spec{ID: fmt.Sprintf("t-%d", serial.Add(1)), Command: []string{"/bin/sh", "-c", script}, CodeDir: f.code,
		Env:    []string{"PATH=/usr/bin:/bin", "LAMBDA_TASK_ROOT=/var/task"},
		Limits: sandbox.Limits{MemoryBytes: 256 << 20, OpenFiles: 128, LogBytes: 1 << 20}}
}

func (f *fixture) start(t *testing.T, spec sandbox.Spec) sandbox.Sandbox {
	t.Helper()
	s, err := f.Create(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background(), []string{"EXTRA=1"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *fixture) run(t *testing.T, spec sandbox.Spec) (string, sandbox.Exit) {
	t.Helper()
	s := f.start(t, spec)
	out, err := io.ReadAll(s.Logs())
	if err != nil {
		t.Error(err)
	}
	wait(t, s)
	return strings.TrimSpace(string(out)), s.Exit()
}

func wait(t *testing.T, s sandbox.Sandbox) {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("has not ended")
	}
}

func TestRun(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		out, e := f.run(t, f.spec(`cat app.txt; echo " $EXTRA"; cat "$LAMBDA_TASK_ROOT/app.txt"; echo; ls -l /proc/self/fd | grep -c ' -> '; exit 7`))
		// ls itself has the folder it lists open: 0, 1, 2 and that.
		if out != "code 1\ncode\n4" || e != (sandbox.Exit{Code: 7}) {
			t.Errorf("%q %+v", out, e)
		}
	})
}

// python is a command that tries something with a UNIX socket.
func python(what string) string {
	return `/usr/bin/python3 -c "import socket; s = socket.socket(socket.AF_UNIX); ` + what + `"`
}

func TestOutside(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		f.socket = fmt.Sprintf("/run/virga-test-%d", os.Getpid())
		if os.Geteuid() != 0 {
			f.socket = filepath.Join(f.data, "socket")
		}
		for _, name := range []string{f.socket, "@" + f.socket} {
			l, err := net.Listen("unix", name)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			c, err := net.Dial("unix", name) // from here it can be reached
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		for name, script := range map[string]string{
			"data folder": "cat " + f.data + "/secret",
			"new file":    "echo x > " + f.data + "/new",
			"own code":    "echo x > $LAMBDA_TASK_ROOT/new",
			"terminal":    "echo x > /dev/tty",
			"home":        "ls /root /home",
			"etc":         "echo x >> /etc/passwd",
			"namespace":   "unshare -U true",
			"mount":       "mount -t tmpfs x /mnt",
			"environment": fmt.Sprintf("cat /proc/%d/environ", os.Getpid()),
			"other root":  fmt.Sprintf("cat /proc/%d/root/%s/secret", os.Getpid(), f.data),
			"signal":      fmt.Sprintf("kill -0 %d", os.Getpid()),
			"socket":      python("s.connect('" + f.socket + "')"),
			"abstract":    python("s.connect('\\0" + f.socket + "')"),
		} {
			if name == "socket" && !f.Namespaces() {
				continue // only namespaces keep code from the sockets of the host's services
			}
			out, e := f.run(t, f.spec(script))
			if e.Code == 0 || strings.Contains(out, "planted") {
				t.Errorf("%s: %q %+v", name, out, e)
			}
		}
		if _, err := os.Stat(filepath.Join(f.data, "new")); err == nil {
			t.Error("a file was made in the data folder")
		}
	})
}

// The same commands succeed without a sandbox, so that TestOutside can fail.
func TestOutsideCanFail(t *testing.T) {
	if b, err := os.ReadFile("/etc/passwd"); err != nil || len(b) == 0 {
		t.Fatal(err)
	}
	f := filepath.Join(t.TempDir(), "secret")
	if os.WriteFile(f, []byte("planted"), 0o644) != nil {
		t.Fatal("no file")
	}
	if b, _ := os.ReadFile(f); string(b) != "planted" {
		t.Error("a file cannot be read without a sandbox either")
	}
}

func TestTmp(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		name := fmt.Sprintf("virga-test-%d", os.Getpid())
		out, e := f.run(t, f.spec(`echo mine > ${TMPDIR:-/tmp}/`+name+` && cat ${TMPDIR:-/tmp}/`+name))
		if out != "mine" || e.Code != 0 {
			t.Errorf("%q %+v", out, e)
		}
		if _, err := os.Stat("/tmp/" + name); err == nil {
			t.Error("the file is in the machine's own folder")
		}
	})
}

// hostPIDs finds processes that carry a marker argument.
func hostPIDs(marker string) []string {
	dirs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var out []string
	for _, d := range dirs {
		if b, _ := os.ReadFile(d); bytes.Contains(b, []byte(marker)) && !bytes.Contains(b, []byte("sh\x00-c")) {
			out = append(out, filepath.Base(filepath.Dir(d)))
		}
	}
	return out
}

func TestKillTree(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		marker := fmt.Sprintf("%d.%d", 4000+serial.Add(1), os.Getpid())
		s := f.start(t, f.spec(`sleep `+marker+` & (setsid sleep `+marker+` & ) ; (setsid sh -c 'setsid sleep `+marker+` & exit' ); echo up; wait`))
		buf := make([]byte, 3)
		if _, err := io.ReadFull(s.Logs(), buf); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if len(hostPIDs(marker)) == 3 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(hostPIDs(marker)); n != 3 {
			t.Fatalf("%d processes before the kill", n)
		}
		s.Kill()
		s.Kill()
		wait(t, s)
		if e := s.Exit(); !e.Killed || e.Signal != "SIGKILL" {
			t.Errorf("%+v", e)
		}
		if left := hostPIDs(marker); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// What a first process leaves running ends with it.
func TestLeftovers(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		marker := fmt.Sprintf("%d.%d", 5000+serial.Add(1), os.Getpid())
		s := f.start(t, f.spec(`setsid sleep `+marker+` >/dev/null 2>&1 & sleep 0.05`))
		wait(t, s)
		if left := hostPIDs(marker); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestMemoryLimit(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		spec := f.spec(`exec /usr/bin/python3 -c 'import time; b = b"x" * (150 << 20); time.sleep(20)'`)
		spec.Limits.MemoryBytes = 64 << 20
		_, e := f.run(t, spec)
		if !e.OOM || e.Signal != "SIGKILL" || e.Killed {
			t.Errorf("%+v", e)
		}
	})
}

func TestRefusedFolders(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		below := filepath.Join(f.data, "code")
		if err := os.Mkdir(below, 0o755); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(f.data, link); err != nil {
			t.Fatal(err)
		}
		for _, d := range []string{f.data, filepath.Dir(f.data), below, link, "/"} {
			spec := f.spec("true")
			spec.CodeDir = d
			if s, err := f.Create(context.Background(), spec); err == nil {
				s.Kill()
				t.Errorf("%s is taken", d)
			}
		}
		f.cfg.Allow = []string{filepath.Join(f.data, "code")}
		cached := filepath.Join(below, "digest")
		if err := os.Mkdir(cached, 0o755); err != nil {
			t.Fatal(err)
		}
		spec := f.spec("cat " + f.data + "/secret")
		spec.CodeDir = cached
		if out, e := f.run(t, spec); e.Code == 0 {
			t.Errorf("the cache lets code out: %q", out)
		}
	})
}

func TestListeners(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		spec := f.spec(`exec /usr/bin/python3 -c "import time; time.sleep(5)"`)
		s := f.start(t, spec)
		if s.Listener(sandbox.SurfaceDNS) != nil || s.PacketConn(sandbox.SurfaceDNS) != nil || s.Addr(sandbox.SurfaceRedirect) != "" {
			t.Error("a surface too many")
		}
		go func() {
			if c, err := s.Listener(sandbox.SurfaceRuntimeAPI).Accept(); err == nil {
				c.Close()
			}
		}()
		c, err := net.Dial("tcp", s.Addr(sandbox.SurfaceRuntimeAPI))
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		for range 200 {
			if s.Usage().MemoryPeakBytes > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if u := s.Usage(); u.MemoryPeakBytes == 0 {
			t.Error("no memory used")
		}
		s.Kill()
		wait(t, s)
		if _, err := net.Dial("tcp", s.Addr(sandbox.SurfaceRuntimeAPI)); err == nil {
			t.Error("the listener outlives its sandbox")
		}
	})
}

func TestNotStarted(t *testing.T) {
	kinds(t, func(t *testing.T, f *fixture) {
		s, err := f.Create(context.Background(), f.spec("true"))
		if err != nil {
			t.Fatal(err)
		}
		s.Kill()
		wait(t, s)
		if err := s.Start(context.Background(), nil); err == nil {
			t.Error("started after its end")
		}
		spec := f.spec("")
		spec.Command = []string{"/no/such/binary"}
		s, err = f.Create(context.Background(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(context.Background(), nil); err == nil || !strings.Contains(err.Error(), syscall.ENOENT.Error()) {
			t.Errorf("start: %v", err)
		}
		wait(t, s)
	})
}
