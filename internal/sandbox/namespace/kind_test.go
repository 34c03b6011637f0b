package namespace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"virga/internal/sandbox"
)

func TestRunAndExit(t *testing.T) {
	k, l := newKind(t)
	for _, c := range []struct {
		script string
		out    string
		exit   sandbox.Exit
	}{
		{"echo hello $A; exit 3", "hello b", sandbox.Exit{Code: 3}},
		{"echo err >&2", "err", sandbox.Exit{}},
		{"kill -TERM $$", "", sandbox.Exit{Code: -1, Signal: "SIGTERM"}},
		{"kill -KILL $$", "", sandbox.Exit{Code: -1, Signal: "SIGKILL"}},
		{"cat /var/task/app.txt; pwd; id -u; id -g; hostname", "code of the function\n/var/task\n993\n990\nsandbox", sandbox.Exit{}},
		{"sleep 1000 & exit 0", "", sandbox.Exit{}}, // the rest of the tree dies with the command
	} {
		spec := l.shell(c.script)
		spec.CodeDir = filepath.Join(l.code, fmt.Sprintf("%x", digest[:]))
		spec.Env = append(spec.Env, "A=b")
		out, e := run(t, k, spec)
		if out != c.out || e != c.exit {
			t.Errorf("%s: %q, %+v; want %q, %+v", c.script, out, e, c.out, c.exit)
		}
	}
}

func TestCommandThatCannotRun(t *testing.T) {
	k, l := newKind(t)
	spec := l.shell("")
	spec.Command = []string{"/var/task/bootstrap"}
	s := park(t, k, spec)
	start(t, s)
	if e := wait(t, s); e.Code != 126 || !errors.Is(s.ExecError(), syscall.ENOENT) {
		t.Errorf("%+v, %v", e, s.ExecError())
	}
	spec = l.shell("")
	spec.Command = []string{"bootstrap"}
	if _, err := k.Create(context.Background(), spec); err == nil {
		t.Error("a relative command was taken")
	}
}

func TestKillEndsTheTree(t *testing.T) {
	k, l := newKind(t)
	s := park(t, k, l.shell("trap '' TERM INT; (setsid sleep 1000 &) ; sleep 1000 & echo up; wait; wait"))
	start(t, s)
	line, err := bufio.NewReader(s.Logs()).ReadString('\n')
	if line != "up\n" || err != nil {
		t.Fatalf("%q %v", line, err)
	}
	s.Kill()
	s.Kill()
	if e := wait(t, s); e != (sandbox.Exit{Code: -1, Signal: "SIGKILL", Killed: true}) {
		t.Errorf("%+v", e)
	}
	if n := len(sandboxProcesses()); n != 0 {
		t.Errorf("%d processes left", n)
	}
	s.Kill() // after the end: nothing
	if err := s.Freeze(); err == nil {
		t.Error("frozen after the end")
	}
	parked := park(t, k, l.shell("true"))
	parked.Kill()
	if e := wait(t, parked); !e.Killed {
		t.Errorf("parked: %+v", e)
	}
}

func TestSlotsAreReused(t *testing.T) {
	k, l := newKind(t)
	for range 3 * testSlots {
		if _, e := run(t, k, l.shell("true")); e != (sandbox.Exit{}) {
			t.Fatalf("%+v", e)
		}
	}
	var all []*Sandbox
	for range testSlots {
		all = append(all, park(t, k, l.shell("true")))
	}
	if _, err := k.Park(context.Background(), l.shell("true")); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the last slot: %v", err)
	}
	all[3].Kill()
	wait(t, all[3])
	park(t, k, l.shell("true"))
}

func TestListenersAreServedFromOutside(t *testing.T) {
	k, l := newKind(t)
	s := park(t, k, l.spec("dial", "127.0.0.1:9001", "127.0.0.1:9002", "192.0.2.2:443", "198.51.100.7:5432", "127.0.0.1:53", "203.0.113.9:53"))
	for _, at := range []sandbox.Surface{sandbox.SurfaceRuntimeAPI, sandbox.SurfaceEndpoint, sandbox.SurfaceRedirect, sandbox.SurfaceDNS} {
		go func() {
			for {
				c, err := s.Listener(at).Accept()
				if err != nil {
					return
				}
				dst := "none"
				if o, ok := c.(sandbox.OriginalDst); ok {
					if a, err := o.OriginalDst(); err == nil {
						dst = a.String()
					}
				}
				fmt.Fprintf(c, "%s %s", at, dst)
				c.Close()
			}
		}()
	}
	start(t, s)
	out, _ := io.ReadAll(s.Logs())
	want := "runtime none\nendpoint 127.0.0.1:9002\nendpoint 192.0.2.2:443\nredirect 198.51.100.7:5432\ndns none\ndns none\n"
	if string(out) != want || !s.Transparent() {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	if got := s.Addr(sandbox.SurfaceRuntimeAPI); got != "127.0.0.1:9001" {
		t.Errorf("address %q", got)
	}
}

func TestNamesAreAskedFromTheServer(t *testing.T) {
	k, l := newKind(t)
	s := park(t, k, l.spec("udp", "8.8.8.8:53"))
	go func() {
		var b [512]byte
		n, from, err := s.PacketConn(sandbox.SurfaceDNS).ReadFrom(b[:])
		if err == nil {
			_, _ = s.PacketConn(sandbox.SurfaceDNS).WriteTo(append([]byte("answer to "), b[:n]...), from)
		}
	}()
	start(t, s)
	if out, _ := io.ReadAll(s.Logs()); string(out) != "answer to question\n" {
		t.Errorf("%q", out)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	l := newLayout(t)
	k := l.kind(t)
	k.cfg.ConnectionsMax = 3
	s := park(t, k, l.spec("dialmany", "127.0.0.1:9002", "8"))
	var held []net.Conn
	go func() {
		for {
			c, err := s.Listener(sandbox.SurfaceEndpoint).Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "x")
			held = append(held, c)
		}
	}()
	start(t, s)
	if out, _ := io.ReadAll(s.Logs()); string(out) != "3 of 8\n" {
		t.Errorf("%q", out)
	}
}

func TestFreezeAndThaw(t *testing.T) {
	k, l := newKind(t)
	s := park(t, k, l.shell("while :; do echo x; sleep 0.01; done"))
	start(t, s)
	r := bufio.NewReader(s.Logs())
	read := func() bool {
		got := make(chan bool, 1)
		go func() { _, err := r.ReadString('\n'); got <- err == nil }()
		select {
		case ok := <-got:
			return ok
		case <-time.After(2 * time.Second):
			return false
		}
	}
	if !read() {
		t.Fatal("no line before the freeze")
	}
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	before := s.Usage().CPU
	time.Sleep(200 * time.Millisecond)
	if used := s.Usage().CPU - before; used > 2*time.Millisecond {
		t.Errorf("used %v while frozen", used)
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(3 * time.Second)
	for s.Usage().CPU == before && time.Now().Before(deadline) {
		read()
	}
	if s.Usage().CPU == before {
		t.Error("does not run after the thaw")
	}
}

func TestBootThenMountThenStart(t *testing.T) {
	k, l := newKind(t)
	spec := l.shell("echo booted; ls /var/task | wc -l; while [ ! -e /var/task/app.txt ]; do sleep 0.01; done; cat /var/task/app.txt")
	s := park(t, k, spec)
	if err := s.Boot(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(s.Logs())
	for _, want := range []string{"booted\n", "0\n"} {
		if line, _ := r.ReadString('\n'); line != want {
			t.Fatalf("%q, want %q", line, want)
		}
	}
	if err := s.Freeze(); err != nil { // as in the pool
		t.Fatal(err)
	}
	code := filepath.Join(l.code, fmt.Sprintf("%x", digest[:]))
	if err := s.Mount(context.Background(), code, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Mount(context.Background(), code, ""); err == nil {
		t.Error("mounted twice")
	}
	if err := s.Start(context.Background(), []string{"A=b"}); err == nil {
		t.Error("environment after the boot was taken")
	}
	if err := s.Start(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Mount(context.Background(), "", code); err == nil {
		t.Error("mounted after the start")
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	if line, _ := r.ReadString('\n'); line != "code of the function\n" {
		t.Errorf("%q", line)
	}
	if e := wait(t, s); e != (sandbox.Exit{}) {
		t.Errorf("%+v", e)
	}
}

func TestFoldersOfDevelopers(t *testing.T) {
	k, l := newKind(t)
	dir := t.TempDir()
	for p := dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		_ = os.Chmod(p, 0o755)
	}
	if err := os.WriteFile(filepath.Join(dir, "dev.txt"), []byte("saved just now\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	spec := l.shell("cat /opt/dev.txt; touch /opt/x 2>/dev/null || echo read-only")
	spec.LayersDir = dir
	if out, _ := run(t, k, spec); out != "saved just now\nread-only" {
		t.Errorf("%q", out)
	}
	prod := &Kind{lcfg: k.lcfg}
	prod.lcfg.Dev = false
	if _, err := prod.place(dir); err == nil {
		t.Error("without Dev a folder was taken")
	}
}

func TestOOMIsTold(t *testing.T) {
	k, l := newKind(t)
	spec := l.spec("eat", "400")
	spec.Limits.MemoryBytes = 64 << 20
	s := park(t, k, spec)
	start(t, s)
	e := wait(t, s)
	if !e.OOM || e.Signal != "SIGKILL" || e.Killed {
		t.Errorf("%+v", e)
	}
	if p := s.Usage().MemoryPeakBytes; p < 32<<20 || p > 64<<20 {
		t.Errorf("peak %d", p)
	}
	// A child that is killed for memory while the command lives on.
	spec = l.shell("/var/runtime/probe " + probeArg + " eat 400; echo survived; read x < /dev/zero; sleep 1")
	spec.Limits.MemoryBytes = 64 << 20
	s = park(t, k, spec)
	start(t, s)
	r := bufio.NewReader(s.Logs())
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal("no line:", err)
		}
		if strings.Contains(line, "survived") {
			break
		}
	}
	if n := s.OOMKills(); n < 1 {
		t.Errorf("%d kills told", n)
	}
}

func TestLimits(t *testing.T) {
	k, l := newKind(t)
	out, _ := run(t, k, l.shell("dd if=/dev/zero of=/tmp/full bs=1M count=100 2>&1 | grep -c 'No space'; ls -l /tmp/full | cut -d' ' -f5; ulimit -n; ulimit -c"))
	if out != "1\n16777216\n256\n0" {
		t.Errorf("%q", out)
	}
	spec := l.spec("burn", "300")
	spec.Limits.CPUMillis = 250
	s := park(t, k, spec)
	t0 := time.Now()
	start(t, s)
	wait(t, s)
	took, used := time.Since(t0), s.Usage().CPU
	if used < 250*time.Millisecond || float64(used)/float64(took) > 0.40 {
		t.Errorf("a quarter of a core: used %v in %v", used, took)
	}
	t.Logf("a quarter of a core: used %v in %v", used, took)
}

func TestLogsAreBounded(t *testing.T) {
	k, l := newKind(t)
	spec := l.shell("yes 0123456789 | head -c 3000000; echo end")
	spec.Limits.LogBytes = 100_000
	s := park(t, k, spec)
	t0 := time.Now()
	start(t, s)
	out, err := io.ReadAll(s.Logs())
	if err != nil {
		t.Fatal(err)
	}
	wait(t, s)
	lines, dropped := s.LogDropped()
	limit := 100_000 * (2 + int(time.Since(t0).Seconds()))
	if len(out) > limit || lines == 0 || int64(len(out))+dropped < 3_000_004 || int64(len(out))+dropped > 3_000_004+lines { // a line that is cut gets an end
		t.Errorf("%d bytes read (limit %d), %d lines of %d bytes dropped", len(out), limit, lines, dropped)
	}
}

func TestIsEndpointName(t *testing.T) {
	for name, want := range map[string]bool{
		"sqs.eu-west-1.amazonaws.com": true, "S3.Amazonaws.Com.": true, "bucket.s3.amazonaws.com": true, "ec2.cn-north-1.amazonaws.com.cn": true,
		"lambda.us-east-1.api.aws": true, "abc.lambda-url.us-east-1.on.aws": true, "api.cloud.example": true, "cloud.example": true,
		"example.com": false, "amazonaws.com.evil.example": false, "notamazonaws.com": false, "": false, "aws": false, "mycloud.example": false,
	} {
		if got := IsEndpointName(name, "cloud.example"); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	if IsEndpointName("", "") || IsEndpointName("example.com", "") {
		t.Error("no domain matches everything")
	}
}
