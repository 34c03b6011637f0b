package compute

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"sync"
	"time"
)

// sink takes an environment's log: the lines the function writes and the platform's own, in order, and sends them on in
// batches. A function's own lines may be lost with the node within logFlush; nothing waits for the log but a caller that
// asked for its tail.
type sink struct {
	p      *Plane
	f      *Function
	stream string

	mu      sync.Mutex // never held across a wait
	events  []LogEvent
	dropped int
	seq     uint64 // lines seen so far, for a tail's mark
	tail    []byte // the last bytes of the log
	pending string // the end of an invocation that is not written yet
	ended   bool
	last    time.Time // when the reader got something
	wake    chan struct{}
	read    chan struct{} // closed when the pipe has ended
}

const (
	quietFor   = time.Millisecond      // the pipe is taken for empty when nothing came for so long
	quietMax   = 20 * time.Millisecond // and a tail waits no longer than this
	retryAfter = 200 * time.Millisecond
	logTries   = 3
)

func newSink(p *Plane, f *Function, stream string, r io.Reader) *sink {
	s := &sink{p: p, f: f, stream: stream, wake: make(chan struct{}, 1), read: make(chan struct{})}
	go s.reader(r)
	go s.writer()
	return s
}

// reader cuts the pipe into lines.
func (s *sink) reader(r io.Reader) {
	defer close(s.read)
	buf := make([]byte, 64<<10)
	var part []byte
	for {
		n, err := r.Read(buf)
		at := s.p.cfg.Env.Wall()
		b := buf[:n]
		s.mu.Lock()
		for len(b) > 0 {
			j := bytes.IndexByte(b, '\n')
			if j < 0 {
				part = append(part, b...)
				for len(part) > logLineMax {
					s.add(at, string(part[:logLineMax]))
					part = append(part[:0], part[logLineMax:]...)
				}
				break
			}
			part = append(part, b[:j+1]...)
			// A bootstrap writes a line end inside one message as \r, as AWS's do.
			s.add(at, string(part))
			part, b = part[:0], b[j+1:]
		}
		if err != nil && len(part) > 0 {
			s.add(at, string(part))
		}
		s.last = time.Now()
		s.mu.Unlock()
		if n > 0 {
			s.poke()
		}
		if err != nil {
			return
		}
	}
}

func (s *sink) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// add takes one line; the lock is held.
func (s *sink) add(at time.Time, line string) {
	s.tail = append(s.tail, line...)
	s.seq += uint64(len(line))
	if len(s.tail) > 2*LogTailBytes {
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-LogTailBytes:]...)
	}
	if len(s.events) >= logsPendingMax {
		s.dropped++
		return
	}
	s.events = append(s.events, LogEvent{at, line})
}

// platform writes a line of the platform's own.
func (s *sink) platform(line string) {
	s.mu.Lock()
	s.add(s.p.cfg.Env.Wall(), line)
	s.mu.Unlock()
	s.poke()
}

// begin starts an invocation in the log and gives the mark from which its tail counts.
func (s *sink) begin(line string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushPending()
	mark := s.seq
	s.add(s.p.cfg.Env.Wall(), line)
	return mark
}

func (s *sink) flushPending() {
	for len(s.pending) > 0 {
		line := s.pending
		if j := bytes.IndexByte([]byte(line), '\n'); j >= 0 && j+1 < len(line) {
			line = line[:j+1]
		}
		s.pending = s.pending[len(line):]
		s.add(s.p.cfg.Env.Wall(), line)
	}
}

// finish ends an invocation in the log. Who wants the tail waits until the pipe is quiet; else the end is written with
// the next batch, so that lines still in the pipe come before it.
func (s *sink) finish(lines string, mark uint64, tail bool) []byte {
	if tail {
		for began := time.Now(); ; time.Sleep(quietFor / 4) {
			s.mu.Lock()
			quiet := time.Since(s.last) > quietFor && time.Since(began) > quietFor
			s.mu.Unlock()
			if quiet || time.Since(began) > quietMax {
				break
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending += lines
	var out []byte
	if tail {
		s.flushPending()
		n := min(uint64(len(s.tail)), s.seq-mark, LogTailBytes)
		out = append(out, s.tail[uint64(len(s.tail))-n:]...)
	}
	s.poke()
	return out
}

// end is called once the sandbox is being killed: the writer goes when everything is sent.
func (s *sink) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.poke()
}

// writer sends batches until the sink has ended and the pipe is empty.
func (s *sink) writer() {
	for {
		<-s.wake
		time.Sleep(logFlush)
		for s.flush() {
		}
		s.mu.Lock()
		ended := s.ended
		s.mu.Unlock()
		if ended {
			<-s.read
			for s.flush() {
			}
			return
		}
	}
}

// flush sends one batch; it tells whether there is more.
func (s *sink) flush() bool {
	s.mu.Lock()
	s.flushPending()
	n := min(len(s.events), logBatchMax)
	size := 0
	for i := range n {
		if size += len(s.events[i].Message) + 26; size > 1<<20 {
			n = max(i, 1)
			break
		}
	}
	batch := append([]LogEvent(nil), s.events[:n]...)
	s.events = append(s.events[:0], s.events[n:]...)
	dropped := s.dropped
	s.dropped = 0
	more := len(s.events) > 0
	s.mu.Unlock()
	if dropped > 0 {
		batch = append(batch, LogEvent{s.p.cfg.Env.Wall(), "[virga] " + strconv.Itoa(dropped) + " lines were dropped: more than " + strconv.Itoa(logsPendingMax) + " waited\n"})
	}
	if len(batch) == 0 || s.p.cfg.Logs == nil {
		return more
	}
	for try := range logTries {
		err := s.p.cfg.Logs.Write(context.Background(), s.f, s.stream, batch)
		if err == nil {
			break
		}
		if try == logTries-1 {
			s.p.cfg.Log.Warn("logs of a function were lost", "function", s.f.ARN, "lines", len(batch), "err", err)
			break
		}
		time.Sleep(retryAfter)
	}
	return more
}
