package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

const (
	yearFirst = 1970
	yearLast  = 2199
)

// cron is the times that an expression names, as sets of bits.
type cron struct {
	minutes  uint64
	hours    uint32
	months   uint16
	years    [(yearLast-yearFirst)/64 + 1]uint64
	days     uint32 // of the month
	weekdays uint8  // bit 0 is Sunday
	byWeek   bool   // the day of the week decides
	last     bool   // L: the last day of the month
	before   int    // L-3: days before the last
	nearest  int    // 15W; with last: LW
	nth      int    // 2#1: the first Monday
	lastDay  bool   // 6L: the last Friday
}

// field says what one field may hold.
type field struct {
	name     string
	min, max int
	names    string // three letters each, from min
}

var (
	minuteField  = field{"minutes", 0, 59, ""}
	hourField    = field{"hours", 0, 23, ""}
	dayField     = field{"day-of-month", 1, 31, ""}
	monthField   = field{"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"}
	weekdayField = field{"day-of-week", 1, 7, "SUNMONTUEWEDTHUFRISAT"}
	yearField    = field{"year", yearFirst, yearLast, ""}
)

func (f *field) bad(text string) error { return fmt.Errorf("%s: %q", f.name, text) }

func (f *field) value(text string) (int, error) {
	if len(text) == 3 && f.names != "" {
		if at := strings.Index(f.names, strings.ToUpper(text)); at >= 0 && at%3 == 0 {
			return f.min + at/3, nil
		}
	}
	if text == "" || len(text) > 4 {
		return 0, f.bad(text)
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, f.bad(text)
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max {
		return 0, f.bad(text)
	}
	return n, nil
}

// each reads lists, ranges and steps.
func (f *field) each(text string, add func(int)) error {
	for _, item := range strings.Split(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		from, to := f.min, f.max
		if span != "*" {
			first, second, ranged := strings.Cut(span, "-")
			var err error
			if from, err = f.value(first); err != nil {
				return err
			}
			switch {
			case ranged:
				if to, err = f.value(second); err != nil {
					return err
				}
				if to < from {
					if f == &yearField {
						return f.bad(item)
					}
					to += f.max - f.min + 1
				}
			case !stepped:
				to = from
			}
		}
		by := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 || n > f.max || step[0] == '+' {
				return f.bad(item)
			}
			by = n
		}
		for v := from; v <= to; v += by {
			if v > f.max {
				add(v - (f.max - f.min + 1))
			} else {
				add(v)
			}
		}
	}
	return nil
}

func parseCron(inside string) (cron, error) {
	var c cron
	parts := strings.Split(inside, " ")
	words := parts[:0]
	for _, p := range parts {
		if p != "" {
			words = append(words, p)
		}
	}
	if len(words) != 6 || inside[0] == ' ' || inside[len(inside)-1] == ' ' {
		return c, errors.New("a cron expression has six fields")
	}
	if err := minuteField.each(words[0], func(v int) { c.minutes |= 1 << v }); err != nil {
		return c, err
	}
	if err := hourField.each(words[1], func(v int) { c.hours |= 1 << v }); err != nil {
		return c, err
	}
	if err := monthField.each(words[3], func(v int) { c.months |= 1 << v }); err != nil {
		return c, err
	}
	if err := yearField.each(words[5], func(v int) { v -= yearFirst; c.years[v/64] |= 1 << (v % 64) }); err != nil {
		return c, err
	}
	if (words[2] == "?") == (words[4] == "?") {
		return c, errors.New("one of day-of-month and day-of-week must be ?, and not both")
	}
	if c.byWeek = words[2] == "?"; c.byWeek {
		return c, c.week(strings.ToUpper(words[4]))
	}
	return c, c.month(strings.ToUpper(words[2]))
}

// month reads the day of the month.
func (c *cron) month(text string) (err error) {
	switch {
	case text == "L":
		c.last = true
	case text == "LW":
		c.last, c.nearest = true, 1
	case strings.HasPrefix(text, "L-"):
		c.last = true
		if c.before, err = dayField.value(text[2:]); err == nil && c.before > 30 {
			err = dayField.bad(text)
		}
	case strings.HasSuffix(text, "W"):
		c.nearest, err = dayField.value(text[:len(text)-1])
	default:
		err = dayField.each(text, func(v int) { c.days |= 1 << v })
	}
	return err
}

// week reads the day of the week.
func (c *cron) week(text string) error {
	add := func(v int) { c.weekdays |= 1 << (v - 1) }
	if day, nth, ok := strings.Cut(text, "#"); ok {
		v, err := weekdayField.value(day)
		if err != nil {
			return err
		}
		if c.nth, err = strconv.Atoi(nth); err != nil || len(nth) != 1 || c.nth < 1 || c.nth > 5 {
			return weekdayField.bad(text)
		}
		add(v)
		return nil
	}
	if text == "L" {
		add(7)
		return nil
	}
	if day, ok := strings.CutSuffix(text, "L"); ok {
		v, err := weekdayField.value(day)
		if err != nil {
			return err
		}
		c.lastDay = true
		add(v)
		return nil
	}
	return weekdayField.each(text, add)
}

// every seventh day, from bit 0.
const sevenths = 1 | 1<<7 | 1<<14 | 1<<21 | 1<<28

// in gives the days of a month as bits 1 to 31.
func (c *cron) in(year, month int) uint32 {
	n := daysOf(year, month)
	whole := uint32(1)<<(n+1) - 2
	switch {
	case c.byWeek:
		first := weekday(year, month, 1)
		var days uint32
		for set := c.weekdays; set != 0; set &= set - 1 {
			d := 1 + (bits.TrailingZeros8(set)-first+7)%7
			switch {
			case c.nth > 0:
				days |= 1 << (d + 7*(c.nth-1)) & whole
			case c.lastDay:
				days |= 1 << (d + (n-d)/7*7)
			default:
				days |= uint32(sevenths << d)
			}
		}
		return days & whole
	case c.last && c.nearest > 0:
		return 1 << nearest(year, month, n, n)
	case c.last:
		if n <= c.before {
			return 0
		}
		return 1 << (n - c.before)
	case c.nearest > n:
		return 0
	case c.nearest > 0:
		return 1 << nearest(year, month, c.nearest, n)
	}
	return c.days & whole
}

// nearest is the working day nearest to a day, in the same month.
func nearest(year, month, day, n int) int {
	switch weekday(year, month, day) {
	case 6:
		if day == 1 {
			return 3
		}
		return day - 1
	case 0:
		if day == n {
			return day - 2
		}
		return day + 1
	}
	return day
}

func daysOf(year, month int) int {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month+month/8)&1
}

// weekday of a date, 0 is Sunday.
func weekday(year, month, day int) int {
	if month < 3 {
		month += 12
		year--
	}
	return (day + 13*(month+1)/5 + year + year/4 - year/100 + year/400 + 6) % 7
}

// wall is what a clock on the wall shows.
type wall struct{ year, month, day, hour, minute, second int }

func wallOf(t time.Time) wall {
	y, m, d := t.Date()
	h, min, s := t.Clock()
	return wall{y, int(m), d, h, min, s}
}

// next is the first time of the expression that is not before w; false without one.
func (c *cron) next(w wall) (wall, bool) {
	if w.year < yearFirst {
		w = wall{year: yearFirst, month: 1, day: 1}
	}
	for year := w.year; year <= yearLast; year++ {
		if c.years[(year-yearFirst)/64]>>((year-yearFirst)%64)&1 == 0 {
			continue
		}
		if year > w.year {
			w = wall{year: year, month: 1, day: 1}
		}
		for months := c.months >> w.month << w.month; months != 0; months &= months - 1 {
			month := bits.TrailingZeros16(months)
			if month > w.month {
				w = wall{year: year, month: month, day: 1}
			}
			for days := c.in(year, month) >> w.day << w.day; days != 0; days &= days - 1 {
				day := bits.TrailingZeros32(days)
				if day > w.day {
					w = wall{year: year, month: month, day: day}
				}
				hours := c.hours >> w.hour << w.hour
				if hours == 0 {
					continue
				}
				if hour := bits.TrailingZeros32(hours); hour > w.hour {
					w.hour, w.minute = hour, 0
				}
				minutes := c.minutes >> w.minute << w.minute
				if minutes == 0 {
					if hours &= hours - 1; hours == 0 {
						continue
					}
					w.hour, minutes = bits.TrailingZeros32(hours), c.minutes
				}
				w.minute = bits.TrailingZeros64(minutes)
				return w, true
			}
		}
	}
	return w, false
}

// previous is the last time of the expression that is not after w.
func (c *cron) previous(w wall) (wall, bool) {
	if w.year > yearLast {
		w = wall{yearLast, 12, 31, 23, 59, 0}
	}
	for year := w.year; year >= yearFirst; year-- {
		if c.years[(year-yearFirst)/64]>>((year-yearFirst)%64)&1 == 0 {
			continue
		}
		if year < w.year {
			w = wall{year, 12, 31, 23, 59, 0}
		}
		for month := w.month; month >= 1; month-- {
			if c.months>>month&1 == 0 {
				continue
			}
			if month < w.month {
				w.month, w.day, w.hour, w.minute = month, 31, 23, 59
			}
			for day := w.day; day >= 1; day-- {
				if c.in(year, month)>>day&1 == 0 {
					continue
				}
				if day < w.day {
					w.day, w.hour, w.minute = day, 23, 59
				}
				hours := c.hours << (31 - w.hour) >> (31 - w.hour)
				if hours == 0 {
					continue
				}
				if hour := bits.Len32(hours) - 1; hour < w.hour {
					w.hour, w.minute = hour, 59
				}
				minutes := c.minutes << (63 - w.minute) >> (63 - w.minute)
				if minutes == 0 {
					if hours &^= 1 << w.hour; hours == 0 {
						continue
					}
					w.hour, minutes = bits.Len32(hours)-1, c.minutes
				}
				w.minute = bits.Len64(minutes) - 1
				return w, true
			}
		}
	}
	return w, false
}
