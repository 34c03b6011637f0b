// Package logpipe reads what a sandbox writes, at a bounded rate. Every isolation kind uses it.
//
// It is no log service: it knows lines only to drop them whole.
package logpipe

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// Reader passes on a sandbox's output at no more than so many bytes a second, with a burst of one second. Lines
// past it are dropped, the rest of a line in which the limit is reached too, and both are counted.
type Reader struct {
	f    *os.File
	rate int64 // bytes per second; 0 means no limit
	now  func() time.Time

	mu       sync.Mutex // of the counts
	lines    int64
	bytes    int64
	tokens   int64
	last     time.Time
	mid      bool // inside a line
	dropping bool // the rest of the line is dropped
}

// New makes a reader of f; rate is in bytes per second, 0 for no limit.
func New(f *os.File, rate int64, now func() time.Time) *Reader {
	return &Reader{f: f, rate: rate, now: now, tokens: rate, last: now()}
}

// Read implements io.Reader. One goroutine reads.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := r.f.Read(p)
		if r.rate > 0 {
			n = r.filter(p[:n])
		}
		if err != nil {
			r.f.Close()
			if errors.Is(err, os.ErrClosed) {
				err = io.EOF
			}
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

// filter keeps what the limit allows, in place, and gives its length.
func (r *Reader) filter(b []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if d := now.Sub(r.last); d > 0 {
		// A fresh second fills the bucket; a longer pause fills it no further.
		r.tokens = min(r.tokens+int64(float64(r.rate)*min(d.Seconds(), 1)), r.rate)
		r.last = now
	}
	out := 0
	for rest := b; len(rest) > 0; {
		line := rest
		whole := false
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, whole = rest[:i+1], true
		}
		rest = rest[len(line):]
		if !r.mid {
			r.dropping = int64(len(line)) > r.tokens
			if r.dropping {
				r.lines++
			}
		}
		switch {
		case r.dropping:
			r.bytes += int64(len(line))
		case int64(len(line)) > r.tokens: // the line went on past the limit
			r.dropping = true
			r.lines++
			r.bytes += int64(len(line))
			if r.mid && out < cap(b) {
				out += copy(b[out:], "\n")
			}
		default:
			r.tokens -= int64(len(line))
			out += copy(b[out:], line)
		}
		r.mid = !whole
	}
	return out
}

// Dropped tells how many lines and bytes were not passed on.
func (r *Reader) Dropped() (lines, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines, r.bytes
}

// Close closes the pipe's end.
func (r *Reader) Close() { r.f.Close() }
