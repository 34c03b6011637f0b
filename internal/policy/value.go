package policy

import (
	"cmp"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// number is a decimal: an exact integer where it is one.
type number struct {
	i     int64
	f     float64
	whole bool
}

func parseNumber(s string) (n number, ok bool) {
	if len(s) == 0 || len(s) > 64 {
		return n, false
	}
	for i := range len(s) { // no hexadecimals, underscores, infinities
		if c := s[i]; (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return n, false
		}
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{i, float64(i), true}, true
	}
	f, err := strconv.ParseFloat(s, 64)
	return number{f: f}, err == nil && !math.IsNaN(f)
}

func (n number) compare(m number) int {
	if n.whole && m.whole {
		return cmp.Compare(n.i, m.i)
	}
	return cmp.Compare(n.f, m.f)
}

// instant is a point in time.
type instant struct {
	sec  int64
	nano int32
}

func (a instant) compare(b instant) int {
	if c := cmp.Compare(a.sec, b.sec); c != 0 {
		return c
	}
	return cmp.Compare(a.nano, b.nano)
}

// parseInstant reads ISO 8601 as the W3C's profile has it (year to fractions of a second, any of them left out from the
// right) or seconds since 1970.
func parseInstant(s string) (t instant, ok bool) {
	if s == "" || len(s) > 64 {
		return t, false
	}
	if strings.Trim(s, "0123456789") == "" && len(s) != 4 {
		n, err := strconv.ParseInt(s, 10, 64)
		return instant{sec: n}, err == nil
	}
	r := scanner{s: s, ok: true}
	neg := r.eat('-')
	year, month, day := r.digits(1, 9), int64(1), int64(1)
	if neg {
		year = -year
	}
	if r.eat('-') {
		month = r.digits(1, 2)
		if r.eat('-') {
			day = r.digits(1, 2)
		}
	}
	var hour, minute, sec, offset int64
	if r.eat('T') || r.eat('t') {
		if hour = r.digits(1, 2); r.eat(':') {
			if minute = r.digits(1, 2); r.eat(':') {
				sec = r.digits(1, 2)
				if r.eat('.') {
					t.nano = r.fraction()
				}
			}
		}
		switch {
		case r.eat('Z'), r.eat('z'):
		case r.eat('+'):
			offset = r.zone()
		case r.eat('-'):
			offset = -r.zone()
		}
	}
	if !r.ok || r.s != "" || month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || sec > 60 {
		return instant{}, false
	}
	t.sec = days(year, month, day)*86400 + hour*3600 + minute*60 + sec - offset
	return t, true
}

// days counts from 1970-01-01 in the Gregorian calendar carried back.
func days(y, m, d int64) int64 {
	if m <= 2 {
		y, m = y-1, m+12
	}
	era := y / 400
	if y < 0 && y%400 != 0 {
		era--
	}
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

type scanner struct {
	s  string
	ok bool
}

func (r *scanner) eat(c byte) bool {
	if r.s == "" || r.s[0] != c {
		return false
	}
	r.s = r.s[1:]
	return true
}

func (r *scanner) digits(from, to int) (n int64) {
	i := 0
	for ; i < len(r.s) && i < to && r.s[i] >= '0' && r.s[i] <= '9'; i++ {
		n = n*10 + int64(r.s[i]-'0')
	}
	r.s = r.s[i:]
	r.ok = r.ok && i >= from
	return n
}

func (r *scanner) fraction() int32 {
	n, scale := int32(0), int32(100_000_000)
	i := 0
	for ; i < len(r.s) && r.s[i] >= '0' && r.s[i] <= '9'; i++ {
		n += int32(r.s[i]-'0') * scale
		scale /= 10
	}
	r.s = r.s[i:]
	r.ok = r.ok && i > 0
	return n
}

func (r *scanner) zone() int64 {
	h, m := r.digits(2, 2), int64(0)
	if r.eat(':') || r.s != "" {
		m = r.digits(2, 2)
	}
	return h*3600 + m*60
}

// legacyDate tells whether a date of a policy is one that IAM takes: looser than parseInstant, which decides.
func legacyDate(v string) bool {
	l := strings.ToLower(v)
	if !strings.ContainsAny(l, "t-") {
		n, err := strconv.ParseInt(l, 10, 64)
		return err == nil && n >= 0
	}
	date, clock, _ := strings.Cut(l, "t")
	neg := strings.HasPrefix(date, "-")
	part := strings.Split(strings.TrimPrefix(date, "-"), "-")
	year, err := strconv.ParseInt(part[0], 10, 64)
	if neg {
		year = -year
	}
	if err != nil || year < -292275054 || year > 292278993 || len(part) > 3 ||
		len(part) > 1 && !within(part[1], 1, 12) || len(part) > 2 && !within(part[2], 1, 31) {
		return false
	}
	hms := strings.SplitN(clock, ":", 3)
	if hms[0] != "" && !within(hms[0], 0, 23) || len(hms) > 1 && !within(hms[1], 0, 59) {
		return false
	}
	if len(hms) < 3 {
		return true
	}
	sec := hms[2]
	if i := strings.IndexAny(sec, "z+-"); i >= 0 {
		zone := sec[i+1:]
		h, m, has := strings.Cut(zone, ":")
		switch {
		case sec[i] == 'z' && zone != "":
			return false
		case sec[i] != 'z' && (len(h) != 2 || !within(h, 0, 23) || has && (len(m) != 2 || !within(m, 0, 59))):
			return false
		}
		sec = sec[:i]
	}
	sec, frac, has := strings.Cut(sec, ".")
	return within(sec, 0, 59) && (!has || within(frac, 0, 999999999))
}

func within(s string, from, to int64) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && n >= from && n <= to
}

// parseNet reads an address or a network; an address is the network of itself.
func parseNet(s string) (netip.Prefix, bool) {
	if strings.IndexByte(s, '/') >= 0 {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err == nil
	}
	a, ok := parseAddr(s)
	return netip.PrefixFrom(a, a.BitLen()), ok
}

func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return a, false
	}
	return a.Unmap(), true
}

func holds(r relation, c int) bool {
	switch r {
	case relLess:
		return c < 0
	case relLessEqual:
		return c <= 0
	case relGreater:
		return c > 0
	case relGreaterEqual:
		return c >= 0
	}
	return c == 0
}
