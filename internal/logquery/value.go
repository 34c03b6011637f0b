package logquery

import (
	"math"
	"strconv"
	"strings"
)

type typ uint8

const (
	missing typ = iota
	str
	num
	truth
	when // milliseconds since 1970
)

// value is what an expression gives.
type value struct {
	t typ
	s string
	f float64
}

func strOf(s string) value    { return value{t: str, s: s} }
func numOf(f float64) value   { return value{t: num, f: f} }
func timeOf(ms float64) value { return value{t: when, f: ms} }
func boolOf(b bool) value {
	v := value{t: truth}
	if b {
		v.f = 1
	}
	return v
}

// number reads a value as a number; texts that look like one are one.
func (v value) number() (float64, bool) {
	switch v.t {
	case num, when:
		return v.f, true
	case str:
		s := strings.TrimSpace(v.s)
		if s == "" || !(digit(s[0]) || s[0] == '-' || s[0] == '+' || s[0] == '.') {
			return 0, false
		}
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
	}
	return 0, false
}

func (v value) truth() bool {
	switch v.t {
	case truth, num:
		return v.f != 0
	case str:
		return v.s == "true"
	}
	return false
}

// text is a value as a result shows it.
func (v value) text() string {
	switch v.t {
	case str:
		return v.s
	case num:
		if v.f == math.Trunc(v.f) && math.Abs(v.f) < 1e15 {
			return strconv.FormatInt(int64(v.f), 10)
		}
		s := strconv.FormatFloat(v.f, 'f', 4, 64)
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	case when:
		return stamp(v.f)
	case truth:
		if v.f != 0 {
			return "1"
		}
		return "0"
	}
	return ""
}

// compare orders values: missing first, numbers by size, the rest by text.
func compare(a, b value) int {
	if a.t == missing || b.t == missing {
		switch {
		case a.t == b.t:
			return 0
		case a.t == missing:
			return -1
		}
		return 1
	}
	x, ok := a.number()
	y, ok2 := b.number()
	if ok && ok2 {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return strings.Compare(a.text(), b.text())
}
