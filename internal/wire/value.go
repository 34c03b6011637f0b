package wire

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Stream is a body that is not held in memory.
type Stream struct {
	io.ReadCloser
	Size int64 // -1: unknown
}

// Events is a stream of events, encoded one by one.
type Events struct {
	// Next gives the next event, the member of the union it is, and io.EOF at the end.
	Next func() (member string, event any, err error)
	// Close ends the stream early.
	Close func()
}

// Pointer helpers for optional members.

// P gives a pointer to v.
func P[T any](v T) *T { return &v }

// V gives what p points to, the zero value for nil.
func V[T any](p *T) T {
	if p == nil {
		var z T
		return z
	}
	return *p
}

// Or gives what p points to, d for nil.
func Or[T any](p *T, d T) T {
	if p == nil {
		return d
	}
	return *p
}

const rfc822 = "Mon, 02 Jan 2006 15:04:05 GMT"

// formatTime writes a timestamp.
func formatTime(t time.Time, f TimeFormat) string {
	t = t.UTC()
	switch f {
	case TimeISO8601:
		if ms := t.Nanosecond() / 1e6; ms != 0 {
			return t.Format("2006-01-02T15:04:05.000Z")
		}
		return t.Format("2006-01-02T15:04:05Z")
	case TimeRFC822:
		return t.Format(rfc822)
	default:
		return unixText(t)
	}
}

// unixText writes seconds with up to three decimals.
func unixText(t time.Time) string {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return strconv.FormatInt(ms/1000, 10)
	}
	return strings.TrimRight(strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64), "0")
}

// parseTime reads a timestamp in the format given, or in any other that a client may use.
func parseTime(s string, f TimeFormat) (time.Time, error) {
	s = strings.TrimSpace(s)
	if f == TimeUnix || f == TimeDefault {
		if v, err := strconv.ParseFloat(s, 64); err == nil {
			return unixTime(v)
		}
	}
	for _, l := range []string{time.RFC3339Nano, rfc822, time.RFC1123Z, time.RFC1123, "2006-01-02T15:04:05Z", "Mon, 2 Jan 2006 15:04:05.999 GMT", "2006-01-02T15:04:05.999999", "20060102T150405Z", "2006-01-02"} {
		if t, err := time.Parse(l, s); err == nil {
			return t.UTC(), nil
		}
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		return unixTime(v)
	}
	return time.Time{}, fmt.Errorf("invalid timestamp")
}

func unixTime(v float64) (time.Time, error) {
	if math.IsNaN(v) || math.Abs(v) > 253402300799 {
		return time.Time{}, fmt.Errorf("invalid timestamp")
	}
	sec := math.Floor(v)
	ns := math.Round((v-sec)*1e6) * 1e3
	return time.Unix(int64(sec), int64(ns)).UTC(), nil
}

func parseFloat(s string, bits int) (float64, error) {
	switch s {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	return strconv.ParseFloat(s, bits)
}

func formatFloat(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}
