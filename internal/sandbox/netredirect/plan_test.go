package netredirect

import (
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inside runs fn in a fresh network namespace, on a thread that is thrown away.
func inside(t testing.TB, fn func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI without root: " + t.Name() + " cannot run")
		}
		t.Skip("not run: " + t.Name() + " (needs root)")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_FS); err != nil {
			t.Error(err)
			return
		}
		fn()
	}()
	<-done
}

func dial(ip [4]byte, port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 2})
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: ip}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func listener(t *testing.T, fd int) *net.TCPListener {
	f := os.NewFile(uintptr(fd), "listener")
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func TestConnectionsAreLed(t *testing.T) {
	inside(t, func() {
		if _, err := dial([4]byte{93, 184, 216, 34}, 443); !errors.Is(err, unix.ENETUNREACH) {
			t.Errorf("before the plan: %v, want unreachable", err)
		}
		if err := NewPlan(0).Apply(); err != nil {
			t.Error(err)
			return
		}
		s, err := Listen()
		if err != nil {
			t.Error(err)
			return
		}
		redirect, endpoint, dns := listener(t, s.Redirect), listener(t, s.Endpoint), listener(t, s.DNS)
		unix.Close(s.Runtime)
		for _, c := range []struct {
			ip   [4]byte
			port int
			at   *net.TCPListener
			want string
		}{
			{[4]byte{93, 184, 216, 34}, 443, redirect, "93.184.216.34:443"},
			{[4]byte{10, 1, 2, 3}, 5432, redirect, "10.1.2.3:5432"},
			{[4]byte{169, 254, 169, 254}, 80, redirect, "169.254.169.254:80"},
			{[4]byte{192, 0, 2, 1}, 22, redirect, "192.0.2.1:22"},
			{[4]byte{192, 0, 2, 2}, 80, endpoint, "192.0.2.2:80"},
			{[4]byte{192, 0, 2, 2}, 443, endpoint, "192.0.2.2:443"},
			{[4]byte{8, 8, 8, 8}, 53, dns, "8.8.8.8:53"},
		} {
			fd, err := dial(c.ip, c.port)
			if err != nil {
				t.Errorf("%s: %v", c.want, err)
				continue
			}
			_ = c.at.SetDeadline(time.Now().Add(2 * time.Second))
			conn, err := c.at.Accept()
			unix.Close(fd)
			if err != nil {
				t.Errorf("%s: %v", c.want, err)
				continue
			}
			raw, _ := conn.(syscall.Conn).SyscallConn()
			dst, err := OriginalDst(raw)
			if err != nil || dst.String() != c.want {
				t.Errorf("%s: original destination %v, %v", c.want, dst, err)
			}
			conn.Close()
		}
		// A port on loopback with no listener is refused, not led anywhere.
		if _, err := dial([4]byte{127, 0, 0, 1}, 7); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("loopback port without listener: %v", err)
		}
		udp := func(ip [4]byte, port int) (int, error) {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return -1, err
			}
			_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2})
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: ip}); err != nil {
				return fd, err
			}
			_, err = unix.Write(fd, []byte("question"))
			return fd, err
		}
		asker, err := udp([4]byte{1, 1, 1, 1}, 53)
		if err != nil {
			t.Errorf("a question to another name server: %v", err)
		}
		var b [64]byte
		_ = unix.SetNonblock(s.DNSPackets, false)
		_ = unix.SetsockoptTimeval(s.DNSPackets, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2})
		n, from, err := unix.Recvfrom(s.DNSPackets, b[:], 0)
		if err != nil || string(b[:n]) != "question" {
			t.Errorf("the question: %q, %v", b[:n], err)
		}
		if err := unix.Sendto(s.DNSPackets, []byte("answer"), 0, from); err != nil {
			t.Errorf("the answer: %v", err)
		}
		n, err = unix.Read(asker, b[:])
		if err != nil || string(b[:n]) != "answer" {
			t.Errorf("the answer: %q, %v", b[:max(n, 0)], err)
		}
		unix.Close(asker)
		other, err := udp([4]byte{1, 1, 1, 1}, 123)
		if err == nil {
			t.Error("other UDP was sent")
		}
		unix.Close(other)
		unix.Close(s.DNSPackets)
	})
}

func BenchmarkApply(b *testing.B) {
	p := NewPlan(0)
	var unshare, apply, listen time.Duration
	n := 0
	for b.Loop() {
		inside(b, func() {
			t0 := time.Now()
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				b.Error(err)
			}
			t1 := time.Now()
			if err := p.Apply(); err != nil {
				b.Error(err)
			}
			t2 := time.Now()
			s, err := Listen()
			if err != nil {
				b.Error(err)
			}
			t3 := time.Now()
			s.Close()
			unshare, apply, listen, n = unshare+t1.Sub(t0), apply+t2.Sub(t1), listen+t3.Sub(t2), n+1
		})
	}
	b.ReportMetric(float64(unshare.Microseconds())/float64(n), "us-unshare")
	b.ReportMetric(float64(apply.Microseconds())/float64(n), "us-apply")
	b.ReportMetric(float64(listen.Microseconds())/float64(n), "us-listen")
}
