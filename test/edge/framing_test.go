package edge

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func dial(t *testing.T, w *world) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

// answers reads the statuses of all answers until the connection ends; it tells whether it was closed in time.
func answers(t *testing.T, c net.Conn) (statuses []int, closed bool) {
	t.Helper()
	r := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				return statuses, false
			}
			return statuses, true
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		statuses = append(statuses, resp.StatusCode)
	}
}

const get = "GET /_virga/health HTTP/1.1\r\nHost: localhost\r\n\r\n"

func TestTwoLengthsAreRefused(t *testing.T) {
	w := start(t)
	head := "POST /_virga/health HTTP/1.1\r\nHost: localhost\r\n"
	for name, raw := range map[string]string{
		"length, then encoding":     head + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"encoding, then length":     head + "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
		"in other letters":          head + "transfer-ENCODING: ChunkeD\r\ncontent-LENGTH:6\r\n\r\n0\r\n\r\n",
		"bare line feeds":           "POST /_virga/health HTTP/1.1\nHost: localhost\nContent-Length: 6\nTransfer-Encoding: chunked\n\n0\r\n\r\n",
		"zero length":               head + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"length twice":              head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		"encoding twice":            head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"folded encoding":           head + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
		"space before the colon":    head + "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\nhello",
		"another encoding":          head + "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n\r\nhello",
		"encoding under HTTP/1.0":   "POST /_virga/health HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"negative length":           head + "Content-Length: -1\r\n\r\n",
		"length with a plus":        head + "Content-Length: +5\r\n\r\nhello",
		"length list":               head + "Content-Length: 5, 5\r\n\r\nhello",
		"length of many digits":     head + "Content-Length: 99999999999999999999\r\n\r\nhello",
		"not the HTTP/2 preface":    "PRI * HTTP/2.0\r\n\r\n",
		"length and a vertical tab": head + "Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n\r\nhello",
	} {
		for _, step := range []int{len(raw) + len(get), 1} {
			c := dial(t, w)
			go func() {
				all := raw + get // what a proxy would have let through as another request must not be answered
				for i := 0; i < len(all); i += step {
					if _, err := io.WriteString(c, all[i:min(i+step, len(all))]); err != nil {
						return
					}
				}
			}()
			got, closed := answers(t, c)
			if !closed || len(got) > 1 || len(got) == 1 && (got[0] < 400 || got[0] == 404) {
				t.Errorf("%s, %d bytes at a time: answers %v, closed %v", name, step, got, closed)
			}
			if strings.Contains(name, "then") && (len(got) != 1 || got[0] != 400) {
				t.Errorf("%s, %d bytes at a time: answers %v, want 400", name, step, got)
			}
		}
	}
}

func TestRequestsAfterOneAnother(t *testing.T) {
	w := start(t)
	inside := "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" // in a body it is no head
	chunked := fmt.Sprintf("POST /_virga/health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n5;a=b\r\nhello\r\n%X\r\n%s\r\n0\r\nx: y\r\n\r\n", len(inside), inside)
	fixed := fmt.Sprintf("POST /_virga/health HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(inside), inside)
	all := chunked + get + fixed + get + chunked + fixed + "\r\n" + strings.Replace(get, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
	for _, step := range []int{1, 7, len(all)} {
		c := dial(t, w)
		go func() {
			for i := 0; i < len(all); i += step {
				if _, err := io.WriteString(c, all[i:min(i+step, len(all))]); err != nil {
					return
				}
			}
		}()
		got, closed := answers(t, c)
		if !closed || fmt.Sprint(got) != "[200 200 200 200 200 200 200]" {
			t.Errorf("%d bytes at a time: %v, closed %v", step, got, closed)
		}
	}
}

// TestHalfOpen holds 200 connections that never finish their headers: others are served, and they are cut in time.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	w := start(t)
	const n = 200
	began := time.Now()
	ends := make(chan time.Duration, n)
	for i := range n {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		switch i % 4 {
		case 0:
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
		case 1:
			io.WriteString(c, "\x16\x03\x01\x02\x00\x01") // the beginning of a TLS handshake
		case 2:
			io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nS")
		}
		go func() {
			c.SetReadDeadline(began.Add(20 * time.Second))
			io.Copy(io.Discard, c)
			ends <- time.Since(began)
		}()
		if i%4 == 0 {
			go func() { // one byte a second keeps nothing open
				for range 15 {
					time.Sleep(time.Second)
					if _, err := io.WriteString(c, "x"); err != nil {
						return
					}
				}
			}()
		}
	}
	var slowest time.Duration
	for range 200 {
		at := time.Now()
		resp, err := http.DefaultClient.Do(w.root(t, "POST", "http://"+w.addr+"/", "sqs", "{}", "Content-Type", sqsType, "X-Amz-Target", listQueues))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		slowest = max(slowest, time.Since(at))
	}
	if slowest > time.Second {
		t.Errorf("others waited %v", slowest)
	}
	var last time.Duration
	for range n {
		last = max(last, <-ends)
	}
	if last > 12*time.Second {
		t.Errorf("the last half-open connection was cut after %v", last)
	}
	t.Logf("slowest of 200 others %v, last half-open connection cut after %v", slowest, last)
}
