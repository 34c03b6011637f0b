package runtime_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"virga/internal/env"
	"virga/internal/launcher"
	"virga/internal/runtime"
	"virga/internal/sandbox"
	"virga/internal/sandbox/namespace"
	"virga/internal/sandbox/process"
	"virga/internal/worker"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case launcher.Arg:
			launcher.Main()
		case process.Arg:
			process.Main()
		case worker.Arg:
			worker.Main()
		}
	}
	os.Exit(m.Run())
}

// world is one isolation kind with runtimes.
type world struct {
	kind   sandbox.Kind
	finder *runtime.Finder
	env    env.Env
	code   string            // folder of unpacked code
	etc    map[string]string // further files of /etc, for the namespace kind
}

var cgroups atomic.Int64

// worlds runs a test in every kind this machine has.
func worlds(t *testing.T, test func(t *testing.T, w *world)) {
	for _, name := range []string{"process", "plain process", "namespace"} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, name)) })
	}
}

func newWorld(t testing.TB, name string, change ...func(*world)) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "virga-rt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, d := range []string{dir, filepath.Join(dir, "code"), filepath.Join(dir, "runtimes")} {
		if err := errors.Join(os.MkdirAll(d, 0o755), os.Chmod(d, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{finder: &runtime.Finder{Dir: filepath.Join(dir, "runtimes"), Dev: true}, env: env.NewReal(), code: filepath.Join(dir, "code")}
	for _, c := range change {
		c(w)
	}
	if err := w.finder.Prepare(); err != nil {
		t.Fatal(err)
	}
	if name == "namespace" {
		w.kind = newNamespace(t, dir, w)
	} else {
		work := filepath.Join(dir, "work")
		k, err := process.New(process.Config{Env: w.env, WorkDir: work, Plain: name != "process"})
		if err != nil {
			t.Fatal(err)
		}
		w.kind = k
	}
	t.Cleanup(func() {
		if err := w.kind.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func newNamespace(t testing.TB, dir string, w *world) sandbox.Kind {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI without root")
		}
		t.Skip("not run: namespace (needs root)")
	}
	cfg := launcher.Config{CodeRoot: w.code, Etc: w.etc, UIDBase: 340_000, Slots: 16, Dev: true, Cgroup: fmt.Sprintf("virgart-%d-%d", os.Getpid(), cgroups.Add(1))}
	for _, d := range w.finder.Dirs() {
		cfg.Runtimes = append(cfg.Runtimes, launcher.Runtime{Name: filepath.Base(d), Dir: d})
	}
	c, err := launcher.Spawn(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return namespace.New(namespace.Config{Launcher: c, Env: w.env})
}

// files writes a function's code and gives its folder.
func files(t testing.TB, content map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "virga-code")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, text := range content {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// running is one sandbox with its function.
type running struct {
	t       testing.TB
	box     sandbox.Sandbox
	server  *runtime.Server
	init    *runtime.Result
	initErr error
	wait    sync.WaitGroup
	mu      sync.Mutex
	lines   []string
	exact   bool
	cold    time.Duration
}

type fn struct {
	runtime, handler, dir, layers string
	env                           map[string]string
	format                        string
	mem                           int64
	noReady                       bool
}

var serial atomic.Int64

func (w *world) start(t testing.TB, f fn) *running {
	t.Helper()
	c, err := w.finder.Find(f.runtime)
	if err != nil {
		t.Fatal(err)
	}
	argv, fail := c.Command(f.dir, f.layers, f.env["AWS_LAMBDA_EXEC_WRAPPER"], "r0")
	if fail != nil {
		return &running{t: t, init: fail}
	}
	if f.mem == 0 {
		f.mem = 512
	}
	begin := time.Now()
	box, err := w.kind.Create(context.Background(), sandbox.Spec{ID: fmt.Sprintf("f-%d", serial.Add(1)), Command: argv, RuntimeDir: c.Dir, CodeDir: f.dir, LayersDir: f.layers,
		Limits: sandbox.Limits{MemoryBytes: f.mem << 20, TmpBytes: 64 << 20, CPUMillis: 2000, Pids: 200, OpenFiles: 1024, LogBytes: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, box: box, server: runtime.NewServer(runtime.Config{Process: box}), exact: c.Exact}
	t.Cleanup(r.stop)
	r.wait.Go(func() {
		if err := r.server.Serve(box.Listener(sandbox.SurfaceRuntimeAPI)); err != nil {
			t.Error(err)
		}
	})
	r.wait.Go(func() {
		sc := bufio.NewScanner(box.Logs())
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			r.mu.Lock()
			r.lines = append(r.lines, sc.Text())
			r.mu.Unlock()
		}
	})
	e := runtime.Environment(runtime.Function{Name: "f", Version: "$LATEST", Runtime: f.runtime, Handler: f.handler, Region: "eu-west-1", MemoryMB: int(f.mem), LogGroup: "/aws/lambda/f",
		LogStream: "2026/01/02/[$LATEST]abc", Credentials: runtime.Credentials{AccessKeyID: "ASIA", SecretAccessKey: "secret", SessionToken: "token"}, Environment: f.env, LogFormat: f.format,
		RuntimeAPI: box.Addr(sandbox.SurfaceRuntimeAPI), EndpointURL: "http://" + box.Addr(sandbox.SurfaceEndpoint)})
	if err := box.Start(context.Background(), e); err != nil {
		t.Fatal(err)
	}
	if !f.noReady {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r.init, r.initErr = r.server.Ready(ctx)
	}
	r.cold = time.Since(begin)
	return r
}

func (r *running) stop() {
	if r.box == nil {
		return
	}
	r.box.Kill()
	select {
	case <-r.box.Done():
	case <-time.After(10 * time.Second):
		r.t.Error("the sandbox has not ended")
	}
	r.server.Close()
	r.wait.Wait()
}

// logs waits for a line that holds text.
func (r *running) logs(text string) string {
	r.t.Helper()
	for range 200 {
		r.mu.Lock()
		for _, l := range r.lines {
			if strings.Contains(l, text) {
				r.mu.Unlock()
				return l
			}
		}
		r.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.t.Errorf("no line with %q in %q", text, r.lines)
	return ""
}

func (r *running) invoke(event string, timeout time.Duration, change ...func(*runtime.Invocation)) *runtime.Result {
	r.t.Helper()
	if r.init != nil {
		r.t.Fatalf("init: %v %s", r.init.Outcome, r.init.Payload)
	}
	inv := runtime.Invocation{RequestID: fmt.Sprintf("req-%d", serial.Add(1)), Event: []byte(event), Timeout: timeout, FunctionARN: "arn:aws:lambda:eu-west-1:000000000000:function:f", TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}
	for _, c := range change {
		c(&inv)
	}
	res, err := r.server.Invoke(context.Background(), inv)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// answer invokes and expects a response.
func (r *running) answer(event, want string) {
	r.t.Helper()
	if res := r.invoke(event, 10*time.Second); res.Outcome != runtime.Answered || string(res.Payload) != want {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.t.Errorf("%s: %v %s; want %s; log %q", event, res.Outcome, res.Payload, want, r.lines)
	}
}

type failure struct {
	Message string   `json:"errorMessage"`
	Type    string   `json:"errorType"`
	Request *string  `json:"requestId"`
	Stack   []string `json:"stackTrace"`
	Trace   []string `json:"trace"`
}

func fails(t testing.TB, res *runtime.Result, outcome runtime.Outcome, typ, message string) failure {
	t.Helper()
	if res == nil {
		t.Fatal("no failure")
	}
	var f failure
	if err := json.Unmarshal(res.Payload, &f); err != nil {
		t.Errorf("%s: %v", res.Payload, err)
	}
	if res.Outcome != outcome || f.Type != typ || f.Message != message && !(strings.HasSuffix(message, "…") && strings.HasPrefix(f.Message, strings.TrimSuffix(message, "…"))) {
		t.Errorf("%v %s; want %v %s: %s", res.Outcome, res.Payload, outcome, typ, message)
	}
	return f
}
