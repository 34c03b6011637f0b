package compute

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"virga/internal/blob"
	"virga/internal/env"
	"virga/internal/runtime"
	"virga/internal/sandbox"
	"virga/internal/store/mem"
)

// fakeKind makes sandboxes whose code is a goroutine that speaks the Runtime API.
type fakeKind struct {
	mu      sync.Mutex
	max     int
	live    int
	created int
	handle  func(event string, log io.Writer) (answer string, exit bool)
}

func (k *fakeKind) Name() string   { return "fake" }
func (k *fakeKind) Claims() string { return "nothing" }
func (k *fakeKind) Close() error   { return nil }

func (k *fakeKind) Create(ctx context.Context, spec sandbox.Spec) (sandbox.Sandbox, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.live >= k.max {
		return nil, errors.New("full")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k.live++
	k.created++
	r, w := io.Pipe()
	return &fakeSandbox{k: k, spec: spec, l: l, logs: r, out: w, done: make(chan struct{})}, nil
}

type fakeSandbox struct {
	k    *fakeKind
	spec sandbox.Spec
	l    net.Listener
	logs *io.PipeReader
	out  *io.PipeWriter
	once sync.Once
	done chan struct{}
	exit sandbox.Exit
}

func (s *fakeSandbox) ID() string { return s.spec.ID }
func (s *fakeSandbox) Listener(x sandbox.Surface) net.Listener {
	if x == sandbox.SurfaceRuntimeAPI {
		return s.l
	}
	return nil
}
func (s *fakeSandbox) PacketConn(sandbox.Surface) net.PacketConn { return nil }
func (s *fakeSandbox) Addr(x sandbox.Surface) string {
	if x == sandbox.SurfaceRuntimeAPI {
		return s.l.Addr().String()
	}
	return ""
}
func (s *fakeSandbox) Logs() io.Reader       { return s.logs }
func (s *fakeSandbox) Done() <-chan struct{} { return s.done }
func (s *fakeSandbox) Exit() sandbox.Exit    { return s.exit }
func (s *fakeSandbox) Usage() sandbox.Usage  { return sandbox.Usage{MemoryPeakBytes: 5 << 20} }
func (s *fakeSandbox) Freeze() error         { return sandbox.ErrUnsupported }
func (s *fakeSandbox) Thaw() error           { return sandbox.ErrUnsupported }
func (s *fakeSandbox) Kill()                 { s.end(sandbox.Exit{Code: -1, Signal: "SIGKILL", Killed: true}) }

func (s *fakeSandbox) end(e sandbox.Exit) {
	s.once.Do(func() {
		s.exit = e
		close(s.done)
		s.out.Close()
		s.k.mu.Lock()
		s.k.live--
		s.k.mu.Unlock()
	})
}

func (s *fakeSandbox) Start(context.Context, []string) error {
	go func() {
		api := "http://" + s.l.Addr().String() + "/2018-06-01/runtime/invocation/"
		for {
			r, err := http.Get(api + "next")
			if err != nil {
				return
			}
			event, _ := io.ReadAll(r.Body)
			r.Body.Close()
			answer, exit := s.k.handle(string(event), s.out)
			if exit {
				s.end(sandbox.Exit{Code: 3})
				return
			}
			p, err := http.Post(api+r.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader(answer))
			if err != nil {
				return
			}
			p.Body.Close()
		}
	}()
	return nil
}

type fakeWorld struct {
	mu    sync.Mutex
	lines []string
	until time.Time
}

func (w *fakeWorld) Assume(context.Context, *Function) (Credentials, error) {
	return Credentials{AccessKeyID: "ASIA", Expires: w.until}, nil
}

func (w *fakeWorld) Write(_ context.Context, f *Function, stream string, events []LogEvent) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		w.lines = append(w.lines, e.Message)
	}
	return nil
}

func (w *fakeWorld) Find(id string) (Interpreter, bool, error) {
	return Interpreter{Interpreted: true, Command: func(string, string, string) ([]string, *runtime.Result) { return []string{"x"}, nil }}, id == "fake1.x", nil
}

func (w *fakeWorld) Unpack(ctx context.Context, digest string, open func(ctx context.Context) (io.ReadCloser, error)) (string, error) {
	r, err := open(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err == nil && len(b) == 0 {
		err = errors.New("empty")
	}
	return "/code", err
}

func newPlane(t *testing.T, k *fakeKind) (*Plane, *fakeWorld, *Function) {
	t.Helper()
	e := env.NewReal()
	t.Cleanup(e.Close)
	st := mem.New(e, func() time.Duration { return 0 })
	blobs, err := blob.New(blob.Config{Env: e, Store: st, FS: vfs.NewMem(), Dir: "/b"})
	if err != nil {
		t.Fatal(err)
	}
	w := &fakeWorld{until: time.Now().Add(time.Hour)}
	p := New(Config{Env: e, Kind: k, Blobs: blobs, Runtimes: w, Unpacker: w, Roles: w, Logs: w, ConcurrencyMax: 8})
	t.Cleanup(p.Close)
	sum := sha256.Sum256([]byte("zip"))
	f := &Function{ARN: "arn:aws:lambda:r:000000000000:function:f", Account: "000000000000", Region: "r", Name: "f", Version: "$LATEST", Revision: "1", Runtime: "fake1.x", Handler: "h",
		RoleARN: "arn:aws:iam::000000000000:role/r", Code: blob.Ref{Size: 3, Inline: []byte("zip")}, CodeSHA: base64.StdEncoding.EncodeToString(sum[:]), Timeout: 2 * time.Second, MemoryMB: 128, TmpMB: 512, LogGroup: "/aws/lambda/f"}
	return p, w, f
}

func echo(event string, log io.Writer) (string, bool) {
	fmt.Fprintln(log, "saw", event)
	return event, event == `"exit"`
}

func TestWarmAndRevision(t *testing.T) {
	k := &fakeKind{max: 10, handle: echo}
	p, _, f := newPlane(t, k)
	for i := range 5 {
		r, err := p.Invoke(context.Background(), f, Invocation{RequestID: fmt.Sprint("r", i), Payload: []byte(`"x"`), Reserved: -1, Tail: true})
		if err != nil || string(r.Payload) != `"x"` || r.Error != "" {
			t.Fatal(r, err)
		}
		if (r.Init > 0) != (i == 0) {
			t.Errorf("invocation %d: init %v", i, r.Init)
		}
		tail := string(r.Tail)
		a, b, c := strings.Index(tail, "START RequestId: r"+fmt.Sprint(i)), strings.Index(tail, `saw "x"`), strings.Index(tail, "END RequestId")
		if a < 0 || b < a || c < b || strings.Count(tail, "START") != 1 {
			t.Errorf("tail %q", tail)
		}
	}
	if k.created != 1 {
		t.Errorf("%d environments for one warm function", k.created)
	}
	g := *f
	g.Revision = "2"
	if _, err := p.Invoke(context.Background(), &g, Invocation{RequestID: "n", Payload: []byte("1"), Reserved: -1}); err != nil {
		t.Fatal(err)
	}
	if k.created != 2 || p.Environments() != 1 {
		t.Errorf("a new revision: %d environments made, %d idle", k.created, p.Environments())
	}
}

func TestEndsAndErrors(t *testing.T) {
	k := &fakeKind{max: 10, handle: echo}
	p, _, f := newPlane(t, k)
	r, err := p.Invoke(context.Background(), f, Invocation{RequestID: "r", Payload: []byte(`"exit"`), Reserved: -1})
	if err != nil || r.Error != "Unhandled" || !bytes.Contains(r.Payload, []byte("Runtime.ExitError")) {
		t.Fatalf("%s %v", r.Payload, err)
	}
	if p.Environments() != 0 {
		t.Error("a dead environment is kept")
	}
	if r, err = p.Invoke(context.Background(), f, Invocation{RequestID: "r2", Payload: []byte(`1`), Reserved: -1}); err != nil || r.Error != "" {
		t.Fatal(r, err)
	}
	g := *f
	g.Runtime, g.ARN = "none", "other"
	if _, err := p.Invoke(context.Background(), &g, Invocation{RequestID: "r3", Payload: []byte(`1`), Reserved: -1}); !errors.Is(err, ErrNoRuntime) {
		t.Error(err)
	}
}

func TestTimeoutKills(t *testing.T) {
	hang := make(chan struct{})
	k := &fakeKind{max: 10, handle: func(e string, _ io.Writer) (string, bool) { <-hang; return e, false }}
	p, _, f := newPlane(t, k)
	defer close(hang)
	f.Timeout = 50 * time.Millisecond
	r, err := p.Invoke(context.Background(), f, Invocation{RequestID: "r", Payload: []byte(`1`), Reserved: -1, Tail: true})
	if err != nil || !bytes.Contains(r.Payload, []byte("Task timed out after 0.05 seconds")) || !bytes.Contains(r.Tail, []byte("Status: timeout")) {
		t.Fatalf("%s %q %v", r.Payload, r.Tail, err)
	}
	if p.Environments() != 0 || k.live != 0 {
		t.Error("a sandbox whose function ran over its time is alive")
	}
}

func TestConcurrency(t *testing.T) {
	gate := make(chan struct{})
	k := &fakeKind{max: 3, handle: func(e string, _ io.Writer) (string, bool) { <-gate; return e, false }}
	p, _, f := newPlane(t, k)
	f.Timeout = 20 * time.Second
	var wg sync.WaitGroup
	results := make(chan error, 10)
	for i := range 3 {
		wg.Go(func() {
			_, err := p.Invoke(context.Background(), f, Invocation{RequestID: fmt.Sprint(i), Payload: []byte(`1`), Reserved: 3})
			results <- err
		})
	}
	for range 200 {
		p.mu.Lock()
		n := p.byName[f.group()]
		p.mu.Unlock()
		if n == 3 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := p.Invoke(context.Background(), f, Invocation{RequestID: "x", Payload: []byte(`1`), Reserved: 3}); !errors.Is(err, ErrReserved) {
		t.Error(err)
	}
	g := *f
	g.ARN, g.Name = f.ARN+"2", "g"
	if _, err := p.Invoke(context.Background(), &g, Invocation{RequestID: "y", Payload: []byte(`1`), Reserved: -1}); !errors.Is(err, ErrThrottled) { // every place is busy
		t.Error(err)
	}
	close(gate)
	wg.Wait()
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Invoke(context.Background(), &g, Invocation{RequestID: "z", Payload: []byte(`1`), Reserved: -1}); err != nil { // an idle one makes room
		t.Error(err)
	}
	if k.live != 3 {
		t.Errorf("%d sandboxes, 3 have room", k.live)
	}
}

func TestCredentialsThatEndRetire(t *testing.T) {
	k := &fakeKind{max: 10, handle: echo}
	p, w, f := newPlane(t, k)
	w.until = time.Now().Add(time.Minute)
	for i := range 2 {
		if _, err := p.Invoke(context.Background(), f, Invocation{RequestID: fmt.Sprint(i), Payload: []byte(`1`), Reserved: -1}); err != nil {
			t.Fatal(err)
		}
	}
	if k.created != 2 {
		t.Errorf("%d environments: one whose credentials end in a minute must not be used again", k.created)
	}
}

func TestLogsArriveInOrder(t *testing.T) {
	k := &fakeKind{max: 10, handle: func(e string, log io.Writer) (string, bool) {
		for i := range 50 {
			fmt.Fprintf(log, "%s line %d\n", e, i)
		}
		return e, false
	}}
	p, w, f := newPlane(t, k)
	for i := range 20 {
		if _, err := p.Invoke(context.Background(), f, Invocation{RequestID: fmt.Sprint("id", i), Payload: []byte(fmt.Sprint(i)), Reserved: -1}); err != nil {
			t.Fatal(err)
		}
	}
	p.Close()
	want := 1 + 20*53
	for range 300 {
		w.mu.Lock()
		n := len(w.lines)
		w.mu.Unlock()
		if n == want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(w.lines) != want {
		t.Fatalf("%d lines, want %d", len(w.lines), want)
	}
	at := 0
	for i := range 20 {
		for j := range 50 {
			line := fmt.Sprintf("%d line %d\n", i, j)
			for at < len(w.lines) && w.lines[at] != line {
				at++
			}
			if at == len(w.lines) {
				t.Fatalf("%q is missing or out of order", line)
			}
		}
	}
}

func BenchmarkInvoke(b *testing.B) {
	t := &testing.T{}
	k := &fakeKind{max: 10, handle: func(e string, _ io.Writer) (string, bool) { return e, false }}
	p, _, f := newPlane(t, k)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Invoke(context.Background(), f, Invocation{RequestID: "r", Payload: []byte(`1`), Reserved: -1}); err != nil {
			b.Fatal(err)
		}
	}
}
