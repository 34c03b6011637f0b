package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"virga/internal/sandbox"
)

// Limits of the Runtime API (AWS Lambda Developer Guide, Lambda quotas).
const (
	EventBytesMax    = 6 << 20         // of a synchronous event
	ResponseBytesMax = 6<<20 + 100     // of a buffered response; AWS names this figure in its error
	StreamBytesMax   = 200 << 20       // of a streamed response
	ErrorBytesMax    = 256 << 10       // of an error's JSON
	headerBytesMax   = 32 << 10        // of one request's headers
	headerTime       = 5 * time.Second // for one request's headers to arrive
	drainTime        = 200 * time.Millisecond
	streamChunk      = 64 << 10
	discardMax       = 64 << 20 // of a response past its limit
)

// Process is what the server needs to know of the sandbox it serves; every sandbox.Sandbox is one.
type Process interface {
	Done() <-chan struct{}
	Exit() sandbox.Exit
}

// Config is what a Server works with. The zero value serves.
type Config struct {
	// Process ends waits when it ends. nil means that no end is ever seen.
	Process Process
	// ResponseBytesMax bounds a buffered response; 0 means the package's ResponseBytesMax.
	ResponseBytesMax int64
	// StreamBytesMax bounds a streamed response; 0 means the package's StreamBytesMax.
	StreamBytesMax int64
}

// Server serves the Runtime API of one sandbox. One invocation at a time.
//
// Lock order: Server.mu only. It is never held over a wait.
type Server struct {
	cfg     Config
	serving sync.WaitGroup // connections

	offers  chan *flight  // to a runtime that asks for the next invocation
	polled  chan struct{} // closed when the runtime has asked for the first time
	failed  chan struct{} // closed when the runtime has told that its initialisation failed
	closed  chan struct{} // closed by Close
	changed chan struct{} // has a token after a connection was opened or closed

	mu      sync.Mutex
	current *flight // the one Invoke is waiting for
	init    *FunctionError
	ready   bool
	ended   bool
	conns   map[net.Conn]struct{}
	// The runtime asks once at a time; a newer question means that the older one's connection is of no use.
	poll      chan struct{}
	listeners []net.Listener
}

// NewServer makes a server; Serve runs it.
func NewServer(cfg Config) *Server {
	if cfg.ResponseBytesMax == 0 {
		cfg.ResponseBytesMax = ResponseBytesMax
	}
	if cfg.StreamBytesMax == 0 {
		cfg.StreamBytesMax = StreamBytesMax
	}
	return &Server{cfg: cfg, offers: make(chan *flight), polled: make(chan struct{}), failed: make(chan struct{}), closed: make(chan struct{}),
		changed: make(chan struct{}, 1), conns: map[net.Conn]struct{}{}}
}

// Close ends the listeners, every connection and every wait. Serve returns when no connection is left.
func (s *Server) Close() {
	s.mu.Lock()
	first := !s.ended
	s.ended = true
	for c := range s.conns {
		c.Close()
	}
	for _, l := range s.listeners {
		l.Close()
	}
	s.mu.Unlock()
	if first {
		close(s.closed)
	}
}

func (s *Server) done() <-chan struct{} {
	if s.cfg.Process == nil {
		return nil
	}
	return s.cfg.Process.Done()
}

// drain waits, after the process has ended, until what it had written has been read: its connections close then.
func (s *Server) drain() {
	t := time.NewTimer(drainTime)
	defer t.Stop()
	for {
		s.mu.Lock()
		n := len(s.conns)
		s.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-s.changed:
		case <-s.closed:
			return
		case <-t.C:
			return
		}
	}
}

// Ready waits for the end of the initialisation: the Result is nil when the runtime has asked for its first
// invocation, else it says how the initialisation failed. ctx's error is given when ctx ends first (AWS ends an
// initialisation after 10 seconds and repeats it within the first invocation).
func (s *Server) Ready(ctx context.Context) (*Result, error) {
	select {
	case <-s.polled:
		return nil, nil
	case <-s.failed:
		return s.initFailed(), nil
	case <-s.done():
		s.drain()
		select {
		case <-s.failed:
			return s.initFailed(), nil
		default:
		}
		return exited("", s.cfg.Process.Exit()), nil
	case <-s.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Errors of Invoke that are no outcome of a function.
var (
	ErrClosed = errors.New("runtime: the server is closed")
	ErrBusy   = errors.New("runtime: an invocation is running")
	ErrDead   = errors.New("runtime: an earlier invocation has ended the sandbox")
)

// Invoke hands over one invocation and waits for its outcome. All writes to inv.Stream happen before it returns,
// on its own goroutine. An error means that nothing was handed over or that ctx ended; after the latter the sandbox
// is no longer usable.
func (s *Server) Invoke(ctx context.Context, inv Invocation) (*Result, error) {
	if err := inv.check(); err != nil {
		return nil, err
	}
	f := &flight{inv: inv, deadline: time.Now().Add(inv.Timeout), result: make(chan *Result, 1), parts: make(chan part), taken: make(chan error), over: make(chan struct{}), again: make(chan struct{}, 1)}
	if err := s.begin(f); err != nil {
		return nil, err
	}
	defer s.end(f)
	timer := time.NewTimer(inv.Timeout)
	defer timer.Stop()

	offers := s.offers
	for {
		select {
		case offers <- f:
			offers = nil
		case <-f.again:
			offers = s.offers
		case p := <-f.parts:
			f.taken <- f.write(p)
		case r := <-f.result:
			return f.finish(r), nil
		case <-s.failed:
			return s.initFailed(), nil
		case <-timer.C:
			return f.finish(timedOut(inv)), nil
		case <-s.done():
			return f.finish(s.ending(f)), nil
		case <-s.closed:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ending is the outcome when the process has ended: what it said before that counts.
func (s *Server) ending(f *flight) *Result {
	read := make(chan struct{})
	go func() {
		s.drain()
		close(read)
	}()
	for {
		select {
		case p := <-f.parts:
			f.taken <- f.write(p)
		case <-read:
			select {
			case r := <-f.result:
				r.Alive = false
				return r
			case <-s.failed:
				return s.initFailed()
			default:
				return exited(f.inv.RequestID, s.cfg.Process.Exit())
			}
		}
	}
}

func (s *Server) begin(f *flight) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return ErrClosed
	case s.current != nil:
		return ErrBusy
	}
	s.current = f
	return nil
}

func (s *Server) end(f *flight) {
	s.mu.Lock()
	s.current = nil
	s.mu.Unlock()
	close(f.over)
}

func (s *Server) initFailed() *Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Result{Outcome: InitFailed, Payload: s.init.Payload, ErrorType: s.init.Type}
}

// flight is one invocation between Invoke and the runtime.
type flight struct {
	inv      Invocation
	deadline time.Time
	result   chan *Result  // the outcome, once
	parts    chan part     // of a streamed response
	taken    chan error    // the answer to each part
	over     chan struct{} // closed when Invoke has returned
	again    chan struct{} // has a token when the runtime that had asked was gone

	// Under Server.mu.
	handed   bool
	answered bool

	// Of Invoke's goroutine.
	streamed bool
}

// part is a piece of a streamed response.
type part struct {
	contentType string
	bytes       []byte
}

func (f *flight) write(p part) error {
	if !f.streamed && f.inv.StreamType != nil {
		f.inv.StreamType(p.contentType)
	}
	f.streamed = true
	_, err := f.inv.Stream.Write(p.bytes)
	return err
}

// finish gives a buffered answer to a caller that wants a stream.
func (f *flight) finish(r *Result) *Result {
	r.Streamed = f.streamed
	if f.inv.Stream != nil && !f.streamed && r.Outcome == Answered {
		if err := f.write(part{r.ContentType, r.Payload}); err == nil {
			r.Streamed, r.Payload = true, nil
		}
	}
	return r
}

const (
	prefix    = "/2018-06-01/runtime/"
	pathNext  = prefix + "invocation/next"
	pathInit  = prefix + "init/error"
	pathStart = prefix + "invocation/"
)

func (s *Server) serve(w *answer, r *http.Request) {
	switch p := r.URL.Path; {
	case p == pathNext && r.Method == http.MethodGet:
		s.next(w, r)
	case p == pathInit && r.Method == http.MethodPost:
		s.initError(w, r)
	case strings.HasPrefix(p, pathStart) && r.Method == http.MethodPost:
		id, what, _ := strings.Cut(p[len(pathStart):], "/")
		switch what {
		case "response":
			s.response(w, r, id)
		case "error":
			s.functionError(w, r, id)
		default:
			refuse(w, http.StatusNotFound, "NotFound", "No such path.")
		}
	default:
		refuse(w, http.StatusNotFound, "NotFound", "No such path.")
	}
}

func refuse(w http.ResponseWriter, status int, typ, message string) {
	b := errorJSON(typ, message)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func accept(w http.ResponseWriter) {
	const body = `{"status":"OK"}` + "\n"
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, body)
}

func transition(w http.ResponseWriter, from, to string) {
	refuse(w, http.StatusForbidden, "InvalidStateTransition", fmt.Sprintf("State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to))
}

func (s *Server) next(w *answer, _ *http.Request) {
	newer := make(chan struct{})
	s.mu.Lock()
	running := s.current != nil && s.current.handed && !s.current.answered
	failed := s.init != nil
	if !s.ready && !failed {
		s.ready = true
		close(s.polled)
	}
	if !failed && !running {
		if s.poll != nil {
			close(s.poll)
		}
		s.poll = newer
	}
	s.mu.Unlock()
	if failed {
		transition(w, "InitError", "Ready")
		return
	}
	if running {
		transition(w, "Running", "Ready")
		return
	}
	var f *flight
	select {
	case f = <-s.offers:
	case <-newer:
		return
	case <-s.done():
		return
	case <-s.closed:
		return
	}
	dead := gone(w.conn)
	s.mu.Lock()
	if s.poll == newer {
		s.poll = nil
	} else {
		dead = true // somebody asks anew
	}
	f.handed = !dead
	s.mu.Unlock()
	if dead {
		f.again <- struct{}{}
		return
	}
	h := w.Header()
	for _, kv := range f.headers() {
		h[kv[0]] = []string{kv[1]}
	}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(f.inv.Event))}
	_, _ = w.Write(f.inv.Event)
}

// claim takes the right to answer the running invocation; it refuses any other.
func (s *Server) claim(w http.ResponseWriter, id string) *flight {
	s.mu.Lock()
	f := s.current
	known := f != nil && f.handed && f.inv.RequestID == id
	free := known && !f.answered
	if free {
		f.answered = true
	}
	s.mu.Unlock()
	switch {
	case !known:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil
	case !free:
		transition(w, "Ready", "Ready")
		return nil
	}
	return f
}

// unclaim gives the right back after an answer that broke off before anything of it was used.
func (s *Server) unclaim(f *flight) {
	s.mu.Lock()
	f.answered = false
	s.mu.Unlock()
}

func (s *Server) response(w http.ResponseWriter, r *http.Request, id string) {
	f := s.claim(w, id)
	if f == nil {
		return
	}
	contentType := sanitise(r.Header.Get("Content-Type"))
	streaming := strings.EqualFold(r.Header.Get("Lambda-Runtime-Function-Response-Mode"), "streaming")
	if streaming && f.inv.Stream != nil {
		s.stream(w, r, f, contentType)
		return
	}
	body, err := readAll(r.Body, s.cfg.ResponseBytesMax, r.ContentLength)
	switch {
	case errors.Is(err, errTooLarge):
		f.result <- tooLarge(s.cfg.ResponseBytesMax)
		// A runtime that writes first and reads afterwards gets to see the answer, unless it goes on and on.
		if _, err := io.CopyN(io.Discard, r.Body, discardMax); err != io.EOF {
			w.Header().Set("Connection", "close")
		}
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", s.cfg.ResponseBytesMax))
		return
	case err != nil:
		s.unclaim(f)
		refuse(w, http.StatusBadRequest, "TruncatedResponse", "The response broke off.")
		return
	}
	if typ := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); typ != "" {
		f.result <- trailed(typ, r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
	} else {
		f.result <- &Result{Outcome: Answered, Payload: body, ContentType: contentType, Alive: true}
	}
	accept(w)
}

// stream passes a streamed response on as it arrives. Past its limit, and when the receiver has gone, it breaks off.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, f *flight, contentType string) {
	buf := make([]byte, streamChunk)
	var sum int64
	for {
		n, err := r.Body.Read(buf)
		sum += int64(n)
		if sum > s.cfg.StreamBytesMax {
			f.result <- tooLarge(s.cfg.StreamBytesMax)
			w.Header().Set("Connection", "close")
			refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", s.cfg.StreamBytesMax))
			return
		}
		if n > 0 {
			select {
			case f.parts <- part{contentType, buf[:n]}:
			case <-f.over:
				w.Header().Set("Connection", "close")
				refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
				return
			}
			if werr := <-f.taken; werr != nil {
				f.result <- &Result{Outcome: ReceiverGone, Alive: true}
				w.Header().Set("Connection", "close")
				refuse(w, http.StatusBadRequest, "ReceiverGone", "The receiver of the response has gone.")
				return
			}
		}
		switch {
		case err == io.EOF:
			if typ := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); typ != "" {
				f.result <- trailed(typ, r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
			} else {
				f.result <- &Result{Outcome: Answered, ContentType: contentType, Alive: true}
			}
			accept(w)
			return
		case err != nil:
			return // the process is about to be seen ended, or the time runs out
		}
	}
}

func (s *Server) functionError(w http.ResponseWriter, r *http.Request, id string) {
	f := s.claim(w, id)
	if f == nil {
		return
	}
	e, err := readError(r)
	if err != nil {
		s.unclaim(f)
		refuse(w, http.StatusBadRequest, "TruncatedResponse", "The error broke off.")
		return
	}
	f.result <- &Result{Outcome: Failed, Payload: e.Payload, ErrorType: e.Type, Alive: true}
	accept(w)
}

func (s *Server) initError(w http.ResponseWriter, r *http.Request) {
	e, err := readError(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "TruncatedResponse", "The error broke off.")
		return
	}
	s.mu.Lock()
	first := s.init == nil && !s.ready
	if first {
		s.init = e
	}
	s.mu.Unlock()
	if !first {
		transition(w, "Ready", "InitError")
		return
	}
	close(s.failed)
	accept(w)
}

var errTooLarge = errors.New("too large")

// readAll reads no more than limit bytes; known is the announced length or -1.
func readAll(r io.Reader, limit, known int64) ([]byte, error) {
	if known > limit {
		return nil, errTooLarge
	}
	if known >= 0 {
		b := make([]byte, known)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errTooLarge
	}
	return b, err
}

// readError reads an error as a runtime reports it. What is past the limit is cut, and said.
func readError(r *http.Request) (*FunctionError, error) {
	typ := sanitise(r.Header.Get("Lambda-Runtime-Function-Error-Type"))
	b, err := readAll(r.Body, ErrorBytesMax, r.ContentLength)
	if errors.Is(err, errTooLarge) {
		return &FunctionError{Type: typ, Payload: errorJSON(orElse(typ, "Runtime.Unknown"), fmt.Sprintf("The error was larger than %d bytes.", ErrorBytesMax))}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		b = errorJSON(orElse(typ, "Runtime.Unknown"), "")
	}
	return &FunctionError{Type: typ, Payload: b}, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
