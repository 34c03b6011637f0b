package logpipe

import (
	"testing"
	"time"
)

func TestLogFilter(t *testing.T) {
	now := time.Unix(0, 0)
	r := New(nil, 10, func() time.Time { return now })
	feed := func(s string) string { b := []byte(s); return string(b[:r.filter(b)]) }
	if got := feed("abc\ndef\n"); got != "abc\ndef\n" {
		t.Errorf("within the limit: %q", got)
	}
	if got := feed("ghi\n"); got != "" {
		t.Errorf("past it: %q", got)
	}
	now = now.Add(time.Hour)
	if got := feed("12345678\n9\n"); got != "12345678\n" {
		t.Errorf("after a pause: %q", got)
	}
	now = now.Add(time.Hour)
	if got := feed("long"); got != "long" {
		t.Errorf("half a line: %q", got)
	}
	if got := feed("er than the rest"); got != "\n" {
		t.Errorf("the other half: %q", got)
	}
	if got := feed(" and more\n"); got != "" {
		t.Errorf("still the same line: %q", got)
	}
	now = now.Add(time.Hour)
	if got := feed("ok\n"); got != "ok\n" {
		t.Errorf("the next line: %q", got)
	}
	if lines, bytes := r.Dropped(); lines != 3 || bytes != 4+2+16+10 {
		t.Errorf("%d lines, %d bytes", lines, bytes)
	}
}
