package wire

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// secondsMax bounds timestamps to the years 1 to 9999.
const secondsMax = 253402300799

func unixTime(f float64) (time.Time, bool) {
	if math.IsNaN(f) || f > secondsMax || f < -62135596800 {
		return time.Time{}, false
	}
	sec := math.Floor(f)
	milli := math.Round((f - sec) * 1000)
	return time.Unix(int64(sec), int64(milli)*int64(time.Millisecond)).UTC(), true
}

// parseTime reads a timestamp in any of AWS's forms; services take each of them wherever one may stand.
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return time.Time{}, false
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), true
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return unixTime(f)
	}
	if t, err := http.ParseTime(s); err == nil {
		return t.UTC(), true
	}
	for _, layout := range []string{
		"Mon, 02 Jan 2006 15:04:05.999999999 MST", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00",
		"20060102T150405Z", "2006-01-02",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// appendTime writes a timestamp. Fractions go to milliseconds; always says whether ISO 8601 shows them when zero.
func appendTime(dst []byte, t time.Time, f TimeFormat, always bool) []byte {
	t = t.UTC()
	switch f {
	case TimeHTTP:
		return t.AppendFormat(dst, http.TimeFormat)
	case TimeUnix:
		return appendUnix(dst, t)
	}
	if ms := t.Nanosecond() / 1e6; ms != 0 || always {
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05Z")
}

func appendUnix(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		return strconv.AppendFloat(dst, float64(ms)/1000, 'f', -1, 64)
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	if r := ms % 1000; r != 0 {
		dst = append(dst, '.', byte('0'+r/100), byte('0'+r/10%10), byte('0'+r%10))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}
