package jsonata

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// datePart is a literal or one component of a picture of a date and time (F&O 9.8.4).
type datePart struct {
	literal   string
	component byte
	names     bool
	letters   letterCase
	second    byte // the second presentation modifier
	integer   *integerPicture
	min, max  int // width, -1 for none
	year      int // digits of the year that are shown, -1 for all
}

var defaultModifiers = map[byte]string{'Y': "1", 'M': "1", 'D': "1", 'd': "1", 'F': "n", 'W': "1", 'w': "1", 'X': "1", 'x': "1", 'H': "1", 'h': "1",
	'P': "n", 'm': "01", 's': "01", 'f': "1", 'Z': "01:01", 'z': "01:01", 'C': "n", 'E': "n"}

const isoPicture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

// datePicture reads a picture string, or finds the one that this evaluation read last.
func (m *machine) datePicture(picture string) ([]*datePart, *Error) {
	if picture == m.lastPicture && m.lastParts != nil {
		return m.lastParts, nil
	}
	if err := m.step(1 + len(picture)); err != nil {
		return nil, err
	}
	if err := m.take(64 * len(picture)); err != nil {
		return nil, err
	}
	parts, err := parseDatePicture(picture)
	if err == nil {
		m.lastPicture, m.lastParts = picture, parts
	}
	return parts, err
}

func parseDatePicture(s string) ([]*datePart, *Error) {
	var parts []*datePart
	literal := func(t string) {
		if t != "" {
			parts = append(parts, &datePart{literal: t})
		}
	}
	for s != "" {
		i := strings.IndexByte(s, '[')
		if i < 0 {
			literal(strings.ReplaceAll(s, "]]", "]"))
			break
		}
		literal(strings.ReplaceAll(s[:i], "]]", "]"))
		if s = s[i+1:]; strings.HasPrefix(s, "[") {
			literal("[")
			s = s[1:]
			continue
		}
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return nil, &Error{Code: "D3135"}
		}
		p, err := parseMarker(s[:end])
		if err != nil {
			return nil, err
		}
		if n := len(parts); p.integer != nil && p.component != 'Z' && p.component != 'z' && n > 0 && parts[n-1].integer != nil {
			// Nothing between two numbers: the first has a fixed width when it is read.
			parts[n-1].integer.width = parts[n-1].integer.mandatory
		}
		parts = append(parts, p)
		s = s[end+1:]
	}
	return parts, nil
}

func parseMarker(marker string) (*datePart, *Error) {
	marker = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, marker)
	p := &datePart{min: -1, max: -1, year: -1}
	if marker != "" {
		p.component = marker[0]
	}
	mods := marker[min(1, len(marker)):]
	if i := strings.LastIndexByte(marker, ','); i >= 0 {
		low, high, _ := strings.Cut(marker[i+1:], "-")
		p.min, p.max = width(low), width(high)
		mods = marker[min(1, i):i]
	}
	if n := len(mods); n > 1 && strings.IndexByte("atco", mods[n-1]) >= 0 {
		p.second = mods[n-1]
		mods = mods[:n-1]
	}
	if mods == "" {
		var known bool
		if mods, known = defaultModifiers[p.component]; !known {
			r, _ := decode(marker)
			if marker == "" {
				return nil, &Error{Code: "D3132", Value: Str("")}
			}
			return nil, &Error{Code: "D3132", Value: Str(string(r))}
		}
	}
	var err *Error
	switch {
	case mods[0] == 'n':
		p.names, p.letters = true, lower
	case mods[0] == 'N':
		p.names, p.letters = true, upper
		if strings.HasPrefix(mods, "Nn") {
			p.letters = title
		}
	case strings.IndexByte("YMDdFWwXxHhmsf", p.component) >= 0:
		if p.second != 0 {
			mods += ";" + string(rune(p.second))
		}
		if p.integer, err = parsePicture(mods); err != nil {
			return nil, err
		}
		if p.integer.style == styleDecimal {
			p.integer.mandatory = max(p.integer.mandatory, p.min)
		}
		if p.component == 'Y' {
			if p.max >= 0 {
				p.year, p.integer.mandatory = p.max, p.max
			} else if w := p.integer.mandatory + p.integer.optional; w >= 2 {
				p.year = w
			}
		}
	}
	if p.component == 'Z' || p.component == 'z' {
		p.integer, err = parsePicture(mods)
	}
	return p, err
}

// widthMax is the largest width that a picture may ask for.
const widthMax = 1000

func width(s string) int {
	if s == "" || s == "*" {
		return -1
	}
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return min(n, widthMax)
	}
	return -1
}

var (
	dayNames   = strings.Fields("- Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
	monthNames = strings.Fields("January February March April May June July August September October November December")
)

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// firstWeek is the Monday of the week that holds the first Thursday of a month.
func firstWeek(year int, month time.Month) time.Time {
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	day := (int(first.Weekday())+6)%7 + 1
	if day > 4 {
		return first.AddDate(0, 0, 8-day)
	}
	return first.AddDate(0, 0, 1-day)
}

// weekOf is the week of t in a period, when the period, the one before and the one after begin their first weeks.
func weekOf(t, start, before, after time.Time, most int) int {
	day := midnight(t)
	weeks := func(from time.Time) int { return int(math.Floor(day.Sub(from).Hours()/(24*7))) + 1 }
	w := weeks(start)
	switch {
	case w > most && !day.Before(after):
		return 1
	case w < 1:
		return weeks(before)
	}
	return w
}

// component is the value of one component of a time in UTC.
func component(t time.Time, c byte) float64 {
	year, month := t.Year(), t.Month()
	next := time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(year, month-1, 1, 0, 0, 0, 0, time.UTC)
	n := 0
	switch c {
	case 'Y':
		n = year
	case 'M':
		n = int(month)
	case 'D':
		n = t.Day()
	case 'd':
		n = t.YearDay()
	case 'F':
		n = (int(t.Weekday())+6)%7 + 1
	case 'W':
		n = weekOf(t, firstWeek(year, 1), firstWeek(year-1, 1), firstWeek(year+1, 1), 52)
	case 'w':
		n = weekOf(t, firstWeek(year, month), firstWeek(last.Year(), last.Month()), firstWeek(next.Year(), next.Month()), 4)
	case 'X':
		n = year
		if t.Before(firstWeek(year, 1)) {
			n--
		} else if !t.Before(firstWeek(year+1, 1)) {
			n++
		}
	case 'x':
		n = int(month)
		if t.Before(firstWeek(year, month)) {
			n = int(last.Month())
		} else if !t.Before(firstWeek(next.Year(), next.Month())) {
			n = int(next.Month())
		}
	case 'H':
		n = t.Hour()
	case 'h':
		n = (t.Hour()+11)%12 + 1
	case 'P':
		n = t.Hour() / 12
	case 'm':
		n = t.Minute()
	case 's':
		n = t.Second()
	case 'f':
		n = t.Nanosecond() / 1e6
	}
	return float64(n)
}

// millisMax is the last instant that JavaScript's dates know.
const millisMax = 8.64e15

func (m *machine) formatDate(millis float64, picture, zone Value) (Value, *Error) {
	parts, err := m.datePicture(stringOr(picture, isoPicture))
	if err != nil {
		return Value{}, err
	}
	hours, minutes := 0, 0
	if zone.kind == String {
		f := leadingInt(zone.Text())
		if math.IsNaN(f) || math.Abs(f) > 9999 {
			return Value{}, &Error{Code: "D1001", Value: zone}
		}
		hours, minutes = int(math.Floor(f/100)), int(f)%100
	}
	millis = math.Trunc(millis) + float64((60*hours+minutes)*60_000)
	if !(math.Abs(millis) <= millisMax) {
		return Value{}, &Error{Code: "D1001", Value: Num(millis)}
	}
	t := time.UnixMilli(int64(millis)).UTC()
	var b strings.Builder
	for _, p := range parts {
		if p.component == 0 {
			b.WriteString(p.literal)
			continue
		}
		s, err := p.format(t, hours, minutes)
		if err != nil {
			return Value{}, err
		}
		b.WriteString(s)
		if err := m.takeText(len(s)); err != nil {
			return Value{}, err
		}
	}
	return Str(b.String()), nil
}

func (p *datePart) format(t time.Time, hours, minutes int) (string, *Error) {
	v := component(t, p.component)
	switch p.component {
	case 'Z', 'z':
		return p.zone(hours, minutes)
	case 'C', 'E':
		return "ISO", nil
	case 'P':
		s := [...]string{"am", "pm"}[int(v)]
		if p.letters == upper && p.names {
			s = strings.ToUpper(s)
		}
		return s, nil
	}
	if !p.names {
		if p.integer == nil {
			return "undefined", nil
		}
		if p.component == 'Y' && p.year >= 0 {
			v = math.Mod(v, math.Pow(10, float64(p.year)))
		}
		return p.integer.format(v)
	}
	var s string
	switch p.component {
	case 'M', 'x':
		s = monthNames[int(v)-1]
	case 'F':
		s = dayNames[int(v)]
	case 'f':
		return "", &Error{Code: "D3133", Value: Str("f")}
	default:
		return "", &Error{Code: "D3133", Value: Str(string(rune(p.component)))}
	}
	switch p.letters {
	case upper:
		s = strings.ToUpper(s)
	case lower:
		s = strings.ToLower(s)
	}
	if p.max >= 0 && len(s) > p.max {
		s = s[:p.max]
	}
	return s, nil
}

func (p *datePart) zone(hours, minutes int) (string, *Error) {
	offset := hours*100 + minutes
	digits := p.integer.mandatory
	if offset == 0 && p.second == 't' && (p.integer.every > 0 || digits >= 1 && digits <= 4) {
		return "Z", nil
	}
	var s string
	var err *Error
	switch {
	case p.integer.every > 0 || digits == 3 || digits == 4:
		s, err = p.integer.format(float64(offset))
	case digits == 1 || digits == 2:
		if s, err = p.integer.format(float64(hours)); err == nil && minutes != 0 {
			s += ":" + strconv.Itoa(minutes/10) + strconv.Itoa(minutes%10)
		}
	default:
		return "", &Error{Code: "D3134", Value: Num(float64(digits))}
	}
	if offset >= 0 {
		s = "+" + s
	}
	if p.component == 'z' {
		s = "GMT" + s
	}
	return s, err
}

func fnFromMillis(m *machine, a args) (Value, *Error) {
	if a.at(0).kind == Undefined {
		return Value{}, nil
	}
	return m.formatDate(a.at(0).Float(), a.at(1), a.at(2))
}

func fnNow(m *machine, a args) (Value, *Error) {
	return m.formatDate(float64(m.call.Millis), a.at(0), a.at(1))
}
