package launcher

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// One sandbox from nothing to its end: the parts are reported on their own. The first byte is the code's first byte
// of log, so it includes fork, exec and the dynamic linker of a shell.
func BenchmarkLifetime(b *testing.B) {
	c := spawn(b)
	blob, err := Blob([]string{"/bin/sh", "-c", "echo"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	var create, mount, first, kill time.Duration
	n := 0
	for b.Loop() {
		t0 := time.Now()
		p, err := c.Create(0, 0, testLimits)
		if err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		if err := c.MountCode(0, TargetTask, testDigest); err != nil {
			b.Fatal(err)
		}
		t2 := time.Now()
		_, _ = unix.Write(p.Control, blob)
		if err := c.Start(0, PhaseStart); err != nil {
			b.Fatal(err)
		}
		_ = unix.SetNonblock(p.Log, false)
		var buf [16]byte
		_, _ = unix.Read(p.Log, buf[:])
		t3 := time.Now()
		_ = c.Kill(0)
		closeParked(p)
		for c.Reap(0) != nil {
			time.Sleep(50 * time.Microsecond)
		}
		t4 := time.Now()
		create, mount, first, kill, n = create+t1.Sub(t0), mount+t2.Sub(t1), first+t3.Sub(t2), kill+t4.Sub(t3), n+1
	}
	for _, v := range []struct {
		d    time.Duration
		name string
	}{{create, "us-create"}, {mount, "us-mount"}, {first, "us-start-to-byte"}, {kill, "us-kill-reap"}} {
		b.ReportMetric(float64(v.d.Microseconds())/float64(n), v.name)
	}
}

// One request and its answer, with nothing behind it.
func BenchmarkTurn(b *testing.B) {
	c := spawn(b)
	for b.Loop() {
		_ = c.Kill(0) // the slot is free: refused
	}
}
