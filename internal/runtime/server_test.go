package runtime

import (
	"bytes"
	"context"
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

	"github.com/google/go-cmp/cmp"

	"virga/internal/sandbox"
)

// process is a sandbox that a test ends.
type process struct {
	done chan struct{}
	exit sandbox.Exit
}

func (p *process) Done() <-chan struct{} { return p.done }
func (p *process) Exit() sandbox.Exit    { return p.exit }

type harness struct {
	*Server
	t    *testing.T
	base string
	proc *process
}

func serve(t *testing.T) *harness {
	t.Helper()
	p := &process{done: make(chan struct{})}
	s := NewServer(Config{Process: p})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { s.Close(); wg.Wait() })
	return &harness{s, t, "http://" + l.Addr().String(), p}
}

type reply struct {
	status int
	body   string
	header http.Header
}

func (h *harness) call(method, path string, body io.Reader, header ...string) reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.base+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{body: err.Error()}
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, strings.TrimSpace(string(b)), resp.Header}
}

// runtime plays the other side in the background: it asks once and does as told.
func (h *harness) runtime(do func(next reply)) {
	var wg sync.WaitGroup
	wg.Go(func() { do(h.call("GET", pathNext, nil)) })
	h.t.Cleanup(wg.Wait)
}

func event(id string) Invocation {
	return Invocation{RequestID: id, Event: []byte(`{"a":1}`), Timeout: 5 * time.Second, FunctionARN: "arn:aws:lambda:us-east-1:000000000000:function:f"}
}

func (h *harness) invoke(inv Invocation) *Result {
	h.t.Helper()
	r, err := h.Invoke(context.Background(), inv)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func TestResponse(t *testing.T) {
	h := serve(t)
	inv := event("r1")
	inv.TraceID, inv.ClientContext, inv.CognitoIdentity = "Root=1-2-3", "{\"a\":\r\n 1}", `{"cognitoIdentityId":"x"}`
	h.runtime(func(n reply) {
		if n.body != `{"a":1}` || n.header.Get("Lambda-Runtime-Aws-Request-Id") != "r1" || n.header.Get("Lambda-Runtime-Client-Context") != `{"a":1}` ||
			n.header.Get("Lambda-Runtime-Trace-Id") != "Root=1-2-3" || n.header.Get("Lambda-Runtime-Invoked-Function-Arn") != inv.FunctionARN || len(n.header.Get("Lambda-Runtime-Deadline-Ms")) != 13 ||
			n.header.Get("Lambda-Runtime-Cognito-Identity") == "" {
			t.Errorf("%+v", n)
		}
		if r := h.call("POST", pathStart+"other/response", strings.NewReader("1")); r.status != 400 || !strings.Contains(r.body, "InvalidRequestID") {
			t.Errorf("answer for another request: %+v", r)
		}
		if r := h.call("GET", pathNext, nil); r.status != 403 || !strings.Contains(r.body, "InvalidStateTransition") {
			t.Errorf("next while running: %+v", r)
		}
		if r := h.call("POST", pathStart+"r1/response", strings.NewReader(`"ok"`), "Content-Type", "application/json"); r.status != 202 {
			t.Errorf("%+v", r)
		}
	})
	got := h.invoke(inv)
	if diff := cmp.Diff(&Result{Outcome: Answered, Payload: []byte(`"ok"`), ContentType: "application/json", Alive: true}, got); diff != "" {
		t.Error(diff)
	}
	if r := h.call("POST", pathStart+"r1/response", strings.NewReader("2")); r.status != 400 {
		t.Errorf("second answer: %+v", r)
	}
	if r, err := h.Ready(context.Background()); r != nil || err != nil {
		t.Errorf("ready: %v %v", r, err)
	}
}

func TestFunctionError(t *testing.T) {
	h := serve(t)
	h.runtime(func(reply) {
		h.call("POST", pathStart+"r1/error", strings.NewReader(`{"errorMessage":"m","errorType":"E"}`), "Lambda-Runtime-Function-Error-Type", "E")
	})
	if diff := cmp.Diff(&Result{Outcome: Failed, Payload: []byte(`{"errorMessage":"m","errorType":"E"}`), ErrorType: "E", Alive: true}, h.invoke(event("r1"))); diff != "" {
		t.Error(diff)
	}
}

func TestInitError(t *testing.T) {
	h := serve(t)
	go h.call("POST", pathInit, strings.NewReader(`{"errorMessage":"m","errorType":"Runtime.ImportModuleError"}`), "Lambda-Runtime-Function-Error-Type", "Runtime.ImportModuleError")
	r, err := h.Ready(context.Background())
	if err != nil || r == nil || r.Outcome != InitFailed || r.ErrorType != "Runtime.ImportModuleError" || r.Alive {
		t.Errorf("%+v %v", r, err)
	}
	if r := h.invoke(event("r2")); r.Outcome != InitFailed {
		t.Errorf("invoke after it: %+v", r)
	}
	if r := h.call("GET", pathNext, nil); r.status != 403 {
		t.Errorf("next after it: %+v", r)
	}
}

func TestTimeout(t *testing.T) {
	h := serve(t)
	got := make(chan reply, 1)
	h.runtime(func(reply) {
		time.Sleep(80 * time.Millisecond)
		got <- h.call("POST", pathStart+"r1/response", strings.NewReader("1"))
	})
	inv := event("r1")
	inv.Timeout = 20 * time.Millisecond
	r := h.invoke(inv)
	if r.Outcome != TimedOut || r.Alive || string(r.Payload) != `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r1 Error: Task timed out after 0.02 seconds"}` {
		t.Errorf("%+v %s", r, r.Payload)
	}
	if late := <-got; late.status != 400 {
		t.Errorf("late answer: %+v", late)
	}
}

func TestExit(t *testing.T) {
	for name, c := range map[string]struct {
		exit sandbox.Exit
		want string
	}{
		"silent": {sandbox.Exit{}, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r1 Error: Runtime exited without providing a reason"}`},
		"status": {sandbox.Exit{Code: 3}, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r1 Error: Runtime exited with error: exit status 3"}`},
		"signal": {sandbox.Exit{Code: -1, Signal: "SIGSEGV"}, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r1 Error: Runtime exited with error: signal: segmentation fault"}`},
		"memory": {sandbox.Exit{Code: -1, Signal: "SIGKILL", OOM: true}, `{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: r1 Error: Runtime exited with error: signal: killed"}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t)
			h.proc.exit = c.exit
			h.runtime(func(reply) { close(h.proc.done) })
			if r := h.invoke(event("r1")); string(r.Payload) != c.want || r.Alive {
				t.Errorf("%+v %s", r, r.Payload)
			}
		})
	}
}

// An answer that was on its way when the process ended counts.
func TestAnswerBeforeExit(t *testing.T) {
	h := serve(t)
	h.runtime(func(n reply) {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		close(h.proc.done)
		time.Sleep(20 * time.Millisecond)
		fmt.Fprintf(c, "POST %sr1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n7", pathStart)
		c.Close()
	})
	r := h.invoke(event("r1"))
	if r.Outcome != Answered || string(r.Payload) != "7" || r.Alive {
		t.Errorf("%+v %s", r, r.Payload)
	}
}

func TestTooLarge(t *testing.T) {
	h := serve(t)
	h.runtime(func(reply) {
		if r := h.call("POST", pathStart+"r1/response", bytes.NewReader(make([]byte, ResponseBytesMax+1))); r.status != 413 || !strings.Contains(r.body, "RequestEntityTooLarge") {
			t.Errorf("%+v", r)
		}
		h.call("GET", pathNext, nil)
		h.call("POST", pathStart+"r2/response", bytes.NewReader(make([]byte, ResponseBytesMax)))
	})
	r := h.invoke(event("r1"))
	if r.Outcome != TooLarge || !r.Alive || string(r.Payload) != `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}` {
		t.Errorf("%+v %s", r, r.Payload)
	}
	if r := h.invoke(event("r2")); r.Outcome != Answered || len(r.Payload) != ResponseBytesMax {
		t.Errorf("the next one: %v %d", r.Outcome, len(r.Payload))
	}
}

// lines is a receiver that fails after so many writes.
type lines struct {
	bytes.Buffer
	types []string
	max   int
	n     int
}

func (l *lines) Write(p []byte) (int, error) {
	l.n++
	if l.max > 0 && l.n > l.max {
		return 0, errors.New("gone")
	}
	return l.Buffer.Write(p)
}

func streaming(l *lines) Invocation {
	inv := event("r1")
	inv.Stream, inv.StreamType = l, func(s string) { l.types = append(l.types, s) }
	return inv
}

func TestStream(t *testing.T) {
	post := func(h *harness, body io.Reader, trailer http.Header) {
		req, _ := http.NewRequest("POST", h.base+pathStart+"r1/response", body)
		req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
		req.Header.Set("Content-Type", "text/x\x7f-y")
		req.Header["Content-Type"] = []string{"text/x-y"}
		req.ContentLength = -1
		req.Trailer = trailer
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	parts := func(n int, gap time.Duration) io.Reader {
		r, w := io.Pipe()
		go func() {
			for i := range n {
				fmt.Fprintf(w, "part %d\n", i)
				time.Sleep(gap)
			}
			w.Close()
		}()
		return r
	}
	t.Run("whole", func(t *testing.T) {
		h, l := serve(t), &lines{}
		h.runtime(func(reply) { post(h, parts(3, 5*time.Millisecond), nil) })
		r := h.invoke(streaming(l))
		if r.Outcome != Answered || !r.Streamed || r.Payload != nil || l.String() != "part 0\npart 1\npart 2\n" || len(l.types) != 1 || l.types[0] != "text/x-y" || l.n < 2 {
			t.Errorf("%+v %q %v %d", r, l.String(), l.types, l.n)
		}
	})
	t.Run("error at the end", func(t *testing.T) {
		h, l := serve(t), &lines{}
		body := base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"m"}`))
		h.runtime(func(reply) {
			post(h, parts(2, 0), http.Header{"Lambda-Runtime-Function-Error-Type": {"E"}, "Lambda-Runtime-Function-Error-Body": {body}})
		})
		r := h.invoke(streaming(l))
		if r.Outcome != Failed || r.ErrorType != "E" || string(r.Payload) != `{"errorMessage":"m"}` || !r.Streamed {
			t.Errorf("%+v", r)
		}
	})
	t.Run("time is up", func(t *testing.T) {
		h, l := serve(t), &lines{}
		h.runtime(func(reply) { post(h, parts(30, 10*time.Millisecond), nil) })
		inv := streaming(l)
		inv.Timeout = 50 * time.Millisecond
		if r := h.invoke(inv); r.Outcome != TimedOut || !r.Streamed || !strings.HasPrefix(l.String(), "part 0\n") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("receiver gone", func(t *testing.T) {
		h, l := serve(t), &lines{max: 1}
		h.runtime(func(reply) { post(h, parts(30, 5*time.Millisecond), nil) })
		if r := h.invoke(streaming(l)); r.Outcome != ReceiverGone {
			t.Errorf("%+v", r)
		}
	})
	t.Run("collected", func(t *testing.T) {
		h := serve(t)
		h.runtime(func(reply) { post(h, parts(3, 0), nil) })
		if r := h.invoke(event("r1")); string(r.Payload) != "part 0\npart 1\npart 2\n" || r.Streamed {
			t.Errorf("%+v", r)
		}
	})
	t.Run("buffered answer", func(t *testing.T) {
		h, l := serve(t), &lines{}
		h.runtime(func(reply) { h.call("POST", pathStart+"r1/response", strings.NewReader("1")) })
		if r := h.invoke(streaming(l)); !r.Streamed || l.String() != "1" {
			t.Errorf("%+v", r)
		}
	})
}

func TestRefused(t *testing.T) {
	h := serve(t)
	for name, change := range map[string]func(*Invocation){
		"line end in arn":  func(i *Invocation) { i.FunctionARN = "a\r\nX-Evil: 1" },
		"line end in id":   func(i *Invocation) { i.RequestID = "a\nb" },
		"context no JSON":  func(i *Invocation) { i.ClientContext = "{" },
		"event too large":  func(i *Invocation) { i.Event = make([]byte, EventBytesMax+1) },
		"no timeout":       func(i *Invocation) { i.Timeout = 0 },
		"trace with a DEL": func(i *Invocation) { i.TraceID = "\x7f" },
	} {
		inv := event("r1")
		change(&inv)
		if r, err := h.Invoke(context.Background(), inv); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for _, p := range []string{"/", "/2018-06-01/runtime/invocation/x/other", "/2020-01-01/extension/register", "/2018-06-01/runtime/invocation//response"} {
		if r := h.call("POST", p, strings.NewReader("1")); r.status != 404 && r.status != 400 {
			t.Errorf("%s: %+v", p, r)
		}
	}
}

func TestOneAtATime(t *testing.T) {
	h := serve(t)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := h.Invoke(ctx, event("r1")); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	for {
		h.mu.Lock()
		busy := h.current != nil
		h.mu.Unlock()
		if busy {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := h.Invoke(context.Background(), event("r2")); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	cancel()
	wg.Wait()
	h.Close()
	if _, err := h.Invoke(context.Background(), event("r3")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// A runtime that gives up a connection on which it has asked, and asks anew, gets the event once.
func TestAsksAnew(t *testing.T) {
	h := serve(t)
	ask := func() net.Conn {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", pathNext)
		return c
	}
	first := ask()
	if _, err := h.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	first.Close()
	second := ask() // still open, but not the last to ask
	defer second.Close()
	h.runtime(func(n reply) {
		if n.body != `{"a":1}` {
			t.Errorf("%+v", n)
		}
		h.call("POST", pathStart+"r1/response", strings.NewReader("1"))
	})
	time.Sleep(50 * time.Millisecond)
	if r := h.invoke(event("r1")); r.Outcome != Answered {
		t.Errorf("%+v", r)
	}
	// Asked and gone, with nobody asking anew: the event waits for the next to ask.
	gone := ask()
	time.Sleep(20 * time.Millisecond)
	gone.Close()
	time.Sleep(20 * time.Millisecond)
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(50 * time.Millisecond)
		h.call("GET", pathNext, nil)
		h.call("POST", pathStart+"r2/response", strings.NewReader("2"))
	})
	if r := h.invoke(event("r2")); r.Outcome != Answered || string(r.Payload) != "2" {
		t.Errorf("%+v", r)
	}
	wg.Wait()
}

// Hostile and odd requests end their connection or get an answer; the server goes on.
func TestOddRequests(t *testing.T) {
	h := serve(t)
	for name, c := range map[string]struct{ send, want string }{
		"no HTTP":        {"hello\r\n\r\n", ""},
		"long header":    {"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", headerBytesMax) + "\r\n\r\n", ""},
		"expect":         {"POST " + pathStart + "x/response HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\n"},
		"close":          {"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
		"head":           {"HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
		"bad length":     {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", ""},
		"two in a row":   {"GET /x HTTP/1.1\r\nHost: x\r\n\r\nGET /y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
		"torn body":      {"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1", ""},
		"nothing at all": {"", ""},
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(3 * time.Second))
		_, _ = io.WriteString(conn, c.send)
		_ = conn.(*net.TCPConn).CloseWrite()
		b, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.HasPrefix(string(b), c.want) || c.want == "" && len(b) > 0 {
			t.Errorf("%s: %q", name, b)
		}
		if name == "two in a row" && strings.Count(string(b), "404 Not Found") != 2 {
			t.Errorf("%s: %q", name, b)
		}
	}
}
