package launcher

import (
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Arg {
		Main()
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

var testLimits = Limits{MemoryBytes: 128 << 20, TmpBytes: 64 << 20, CPUMillis: 1000, Pids: 64, OpenFiles: 1024}

// testDigest is the name of the code that spawn puts into its code root.
var testDigest = Digest{0xab, 31: 0xcd}

func spawn(t testing.TB) *Client {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	for p := dir; p != "/"; p = filepath.Dir(p) {
		if p == os.TempDir() {
			break // it is everybody's
		}
		_ = os.Chmod(p, 0o755)
	}
	code := filepath.Join(dir, "code", hex.EncodeToString(testDigest[:]))
	rt := filepath.Join(dir, "rt")
	for _, d := range []string{code, rt} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(code, "hello"), []byte("from the code\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Spawn(Config{CodeRoot: filepath.Join(dir, "code"), Runtimes: []Runtime{{Name: "sh", Dir: rt}}, Slots: 16,
		Cgroup: "virgatest" + idText(os.Getpid()), Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func closeParked(p Parked) {
	closeAll(p.Control, p.Log, p.Pid, p.Runtime, p.Endpoint, p.Redirect, p.DNS, p.DNSPackets, p.MemoryLimit, p.MemoryPeak, p.OOM, p.CPULimit, p.CPUUsage, p.Freeze)
}

func waitReaped(t testing.TB, c *Client, slot uint32) {
	t.Helper()
	for range 2000 {
		if err := c.Reap(slot); err == nil {
			return
		}
		time.Sleep(200 * time.Microsecond)
	}
	t.Fatal("not reaped:", c.Reap(slot))
}

func TestRunInSandbox(t *testing.T) {
	c := spawn(t)
	p, err := c.Create(3, 0, testLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer closeParked(p)
	if err := c.MountCode(3, TargetTask, testDigest); err != nil {
		t.Fatal(err)
	}
	blob, err := Blob([]string{"/bin/sh", "-c", "id; cat hello; ls -la /proc/self/fd; cat /proc/self/status | grep -E 'Cap|Groups|Seccomp|NoNew'; echo $X; ls /; cat /proc/self/cgroup; ls -la /proc/1/exe; cat /proc/self/mountinfo; exit 7"}, []string{"PATH=/usr/bin:/bin", "X=value"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(p.Control, blob); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(3, PhaseStart); err != nil {
		t.Fatal(err)
	}
	_ = unix.SetNonblock(p.Log, false)
	f := os.NewFile(uintptr(p.Log), "log")
	out, err := io.ReadAll(f)
	t.Logf("%s %v", out, err)
	_ = unix.SetNonblock(p.Control, false)
	var b [64]byte
	n, err := unix.Read(p.Control, b[:])
	e, ok := ParseEnding(b[:n])
	t.Log(e, ok, err)
	if !ok || unix.WaitStatus(e.Status).ExitStatus() != 7 {
		t.Errorf("ending %+v", e)
	}
	waitReaped(t, c, 3)
}
