package jsonata

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var isoDate = regexp.MustCompile(`^(\d{4})(?:-([01]\d))?(?:-([0-3]\d))?(?:T([0-2]\d):([0-5]\d):([0-5]\d))?(\.\d+)?([+-][0-2]\d:?[0-5]\d|Z)?$`)

func fnToMillis(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	if err := m.step(1 + len(v.Text())/8); err != nil {
		return Value{}, err
	}
	if a.at(1).kind == String {
		return m.parseDate(v.Text(), a.at(1).Text())
	}
	f := isoDate.FindStringSubmatch(v.Text())
	if f == nil {
		return Value{}, &Error{Code: "D3110", Value: v}
	}
	return Num(isoMillis(f)), nil
}

// isoMillis is the instant of a timestamp in its parts; NaN for one that no calendar has. Without a zone it is UTC.
func isoMillis(f []string) float64 {
	part := func(i, or int) int {
		if f[i] == "" {
			return or
		}
		n, _ := strconv.Atoi(f[i]) // digits, by the pattern
		return n
	}
	year, month, day := part(1, 0), part(2, 1), part(3, 1)
	hour, minute, second := part(4, 0), part(5, 0), part(6, 0)
	if f[4] == "" && (f[7] != "" || f[8] != "") || month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || hour == 24 && minute+second > 0 {
		return math.NaN()
	}
	millis := 0.0
	if f[7] != "" {
		x, _ := strconv.ParseFloat("0"+f[7][:min(4, len(f[7]))], 64) // digits, by the pattern
		millis = math.Round(x * 1000)
	}
	t := float64(time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).UnixMilli()) + millis
	if z := f[8]; z != "" && z != "Z" {
		h, _ := strconv.Atoi(z[1:3])
		m, _ := strconv.Atoi(z[len(z)-2:])
		if h > 23 {
			return math.NaN()
		}
		offset := float64(h*60+m) * 60_000
		if z[0] == '-' {
			offset = -offset
		}
		t -= offset
	}
	return t
}

// dateReader reads one component of a timestamp.
type dateReader struct {
	component byte
	read      func(s string) (float64, bool, *Error)
}

// readers gives the regular expression of a picture and what to do with its groups.
func readers(parts []*datePart) (string, []dateReader, *Error) {
	var pattern strings.Builder
	var list []dateReader
	pattern.WriteString("(?i)^")
	for _, p := range parts {
		text, r := "", dateReader{component: p.component}
		var err *Error
		switch {
		case p.component == 0:
			text = regexp.QuoteMeta(spell(p.literal))
		case p.component == 'Z' || p.component == 'z':
			text, r.read = p.readZone()
		case p.component == 'f':
			text = "[0-9]+"
			r.read = func(s string) (float64, bool, *Error) {
				f, err := strconv.ParseFloat("0."+s[:min(3, len(s))], 64)
				return math.Round(f*1e6) / 1e3, err == nil, nil
			}
		case p.integer != nil:
			text, err = p.integer.pattern()
			integer := p.integer
			r.read = func(s string) (float64, bool, *Error) {
				f, err := integer.parse(s)
				return f, true, err
			}
		default:
			text = "[a-zA-Z]+"
			r.read, err = p.readName()
		}
		if err != nil {
			return "", nil, err
		}
		pattern.WriteString("(" + text + ")")
		list = append(list, r)
	}
	pattern.WriteByte('$')
	return pattern.String(), list, nil
}

func (p *datePart) readZone() (string, func(s string) (float64, bool, *Error)) {
	text, sep := "[-+][0-9]+", ""
	if p.component == 'z' {
		text = "GMT" + text
	}
	if p.integer.every > 0 {
		sep = string(p.integer.seps[0].char)
		text += regexp.QuoteMeta(sep) + "[0-9]+"
	}
	return text, func(s string) (float64, bool, *Error) {
		if p.component == 'z' {
			s = s[3:]
		}
		if sep != "" {
			h, m, _ := strings.Cut(s, sep)
			return leadingInt(h)*60 + leadingInt(m), true, nil
		}
		if len(s) <= 3 {
			return leadingInt(s) * 60, true, nil
		}
		return leadingInt(s[:3])*60 + leadingInt(s[3:]), true, nil
	}
}

func (p *datePart) readName() (func(s string) (float64, bool, *Error), *Error) {
	values := map[string]float64{}
	put := func(names []string, from int) {
		for i, n := range names {
			if p.max > 0 && len(n) > p.max {
				n = n[:p.max]
			}
			values[n] = float64(i + from)
		}
	}
	switch p.component {
	case 'M', 'x':
		put(monthNames, 1)
	case 'F':
		put(dayNames[1:], 1)
	case 'P':
		values = map[string]float64{"am": 0, "AM": 0, "pm": 1, "PM": 1}
	default:
		return nil, &Error{Code: "D3133", Value: Str(string(rune(p.component)))}
	}
	return func(s string) (float64, bool, *Error) {
		v, ok := values[s]
		return v, ok, nil
	}, nil
}

func (m *machine) parseDate(s, picture string) (Value, *Error) {
	parts, err := m.datePicture(picture)
	if err != nil {
		return Value{}, err
	}
	if m.lastPattern == nil || m.lastPatternOf != picture {
		text, list, err := readers(parts)
		if err != nil {
			return Value{}, err
		}
		if err := m.step(10 * len(text)); err != nil {
			return Value{}, err
		}
		re, bad := regexp.Compile(text)
		if bad != nil {
			return Value{}, &Error{Code: "D3136"}
		}
		m.lastPattern, m.lastReaders, m.lastPatternOf = re, list, picture
	}
	if err := m.step(1 + len(s)*len(picture)/8); err != nil {
		return Value{}, err
	}
	groups := m.lastPattern.FindStringSubmatch(s)
	if groups == nil {
		return Value{}, nil
	}
	have := map[byte]float64{}
	for i, r := range m.lastReaders {
		if r.read == nil {
			continue
		}
		v, ok, err := r.read(groups[i+1])
		if err != nil {
			return Value{}, err
		}
		if ok {
			have[r.component] = v
		} else {
			delete(have, r.component)
		}
	}
	if len(m.lastReaders) == 0 || onlyLiterals(m.lastReaders) {
		return Value{}, nil
	}
	return m.instant(have)
}

func onlyLiterals(list []dateReader) bool {
	for _, r := range list {
		if r.read != nil {
			return false
		}
	}
	return true
}

// among says that at least one of the components in set is there, and none of those in all besides. A zero counts as
// absent, as in the reference.
func among(have map[byte]float64, set, all string) bool {
	any := false
	for i := 0; i < len(all); i++ {
		v, ok := have[all[i]]
		if !ok || v == 0 || math.IsNaN(v) {
			continue
		}
		if strings.IndexByte(set, all[i]) < 0 {
			return false
		}
		any = true
	}
	return any
}

// instant makes a time of components: what is coarser than the given ones comes from now, what is finer is the least.
func (m *machine) instant(have map[byte]float64) (Value, *Error) {
	const dates, times = "YXMxWwdD", "PHhmsf"
	byDay := among(have, "YMD", dates)
	dayOfYear := !byDay && among(have, "Yd", dates)
	weekOfMonth := among(have, "Xxw", dates)
	weekOfYear := !weekOfMonth && among(have, "XW", dates)
	halfDay := !among(have, "Hmsf", times) && among(have, "Phmsf", times)
	order := "YMD"
	switch {
	case dayOfYear:
		order = "YD"
	case weekOfMonth:
		order = "XxwF"
	case weekOfYear:
		order = "XWF"
	}
	if halfDay {
		order += "Phmsf"
	} else {
		order += "Hmsf"
	}
	now := time.UnixMilli(m.call.Millis).UTC()
	started, ended := false, false
	for i := 0; i < len(order); i++ {
		c := order[i]
		if _, ok := have[c]; ok {
			if started = true; ended {
				return Value{}, &Error{Code: "D3136"}
			}
			continue
		}
		switch {
		case !started && c == 'P':
			have[c] = -1 // the half of the day that it is now says nothing of the one that is meant
		case !started:
			have[c] = component(now, c)
		case strings.IndexByte("MDd", c) >= 0:
			have[c], ended = 1, true
		default:
			have[c], ended = 0, true
		}
	}
	if weekOfMonth || weekOfYear {
		return Value{}, &Error{Code: "D3136"}
	}
	year, month, day := have['Y'], max(have['M'], 1), have['D']
	if dayOfYear {
		month, day = 1, have['d']
	}
	hour := have['H']
	if halfDay {
		if hour = have['h']; hour == 12 {
			hour = 0
		}
		if have['P'] == 1 {
			hour += 12
		}
	}
	if year >= 0 && year <= 99 {
		year += 1900 // as JavaScript's calendar reads such years
	}
	for _, f := range []float64{year, month, day, hour, have['m'], have['s'], have['f']} {
		if math.IsNaN(f) || math.Abs(f) > 1e6 {
			return Num(math.NaN()), nil
		}
	}
	t := float64(time.Date(int(year), time.Month(int(month)), int(day), int(hour), int(have['m']), int(have['s']), 0, time.UTC).UnixMilli()) + math.Trunc(have['f'])
	for _, z := range []byte{'Z', 'z'} {
		t -= have[z] * 60_000
	}
	return Num(t), nil
}
