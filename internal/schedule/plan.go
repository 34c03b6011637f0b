package schedule

import (
	"fmt"
	"time"
)

// Plan is a schedule in its time zone, between its start and its end.
type Plan struct {
	Schedule *Schedule
	Zone     *time.Location // nil is UTC
	Start    time.Time      // a rate counts from it, and nothing is due before; zero: no bound, and a rate counts from 1970
	End      time.Time      // nothing is due at or after it; zero: no bound
}

// Next is the first time due after t; false when there is none any more.
func (p *Plan) Next(t time.Time) (time.Time, bool) {
	var due time.Time
	ok := true
	if !p.Start.IsZero() && t.Before(p.Start) {
		t = p.Start.Add(-1)
	}
	switch p.Schedule.kind {
	case Rate:
		due = p.rate(t, 1)
	case At:
		due = p.instant(p.Schedule.at)
		ok = due.After(t)
	default:
		due, ok = p.nextCron(t)
	}
	if !ok || !p.End.IsZero() && !due.Before(p.End) {
		return time.Time{}, false
	}
	return due, true
}

// Previous is the last time due before t; false when there was none yet.
func (p *Plan) Previous(t time.Time) (time.Time, bool) {
	var due time.Time
	ok := true
	if !p.End.IsZero() && t.After(p.End) {
		t = p.End
	}
	switch p.Schedule.kind {
	case Rate:
		due = p.rate(t.Add(-1), 0)
	case At:
		due = p.instant(p.Schedule.at)
		ok = due.Before(t)
	default:
		due, ok = p.previousCron(t)
	}
	if !ok || !p.Start.IsZero() && due.Before(p.Start) || p.Schedule.kind == Rate && due.Before(p.from()) {
		return time.Time{}, false
	}
	return due, true
}

func (p *Plan) from() time.Time {
	if p.Start.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return p.Start
}

// rate is the last multiple of the rate that is not after t, or some more.
func (p *Plan) rate(t time.Time, more int64) time.Time {
	from, every := p.from(), p.Schedule.every
	if t.Before(from) {
		if more > 0 {
			return from
		}
		return from.Add(-1)
	}
	// seconds, for a Duration holds 292 years only
	seconds, each := t.Unix()-from.Unix(), int64(every/time.Second)
	if t.Nanosecond() < from.Nanosecond() {
		seconds--
	}
	count := seconds/each + more
	return time.Unix(from.Unix()+count*each, int64(from.Nanosecond())).In(from.Location())
}

func (p *Plan) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

func (p *Plan) nextCron(t time.Time) (time.Time, bool) {
	w := wallOf(t.In(p.zone()))
	for {
		w.second = 0
		w.minute++ // the first whole minute after t; what is beyond the hour, the sets do not hold
		if w.minute > 59 {
			w.minute = 0
			if w.hour++; w.hour > 23 {
				w.hour = 0
				if w.day++; w.day > daysOf(w.year, w.month) {
					w.day = 1
					if w.month++; w.month > 12 {
						w.year, w.month = w.year+1, 1
					}
				}
			}
		}
		var ok bool
		if w, ok = p.Schedule.cron.next(w); !ok {
			return time.Time{}, false
		}
		if due, exists := p.first(w); exists && due.After(t) {
			return due, true
		}
	}
}

func (p *Plan) previousCron(t time.Time) (time.Time, bool) {
	in := t.In(p.zone())
	from := in
	if start, _ := in.ZoneBounds(); !start.IsZero() { // the clock was set back a moment ago: what it showed before counts
		_, now := in.Zone()
		_, then := start.Add(-1).Zone()
		if back := time.Duration(then-now) * time.Second; back > 0 && in.Sub(start) < back {
			from = time.Date(in.Year(), in.Month(), in.Day(), in.Hour(), in.Minute(), in.Second(), 0, time.UTC).Add(back)
		}
	}
	w := wallOf(from)
	w.second = 0
	for {
		var ok bool
		if w, ok = p.Schedule.cron.previous(w); !ok {
			return time.Time{}, false
		}
		if due, exists := p.first(w); exists && due.Before(t) {
			return due, true
		}
		w.minute--
		if w.minute < 0 {
			w.minute = 59
			if w.hour--; w.hour < 0 {
				w.hour = 23
				if w.day--; w.day < 1 {
					w.day = 31
					if w.month--; w.month < 1 {
						w.year, w.month = w.year-1, 12
					}
				}
			}
		}
	}
}

// first is the first time that the zone's clock shows w; false if it never does.
func (p *Plan) first(w wall) (time.Time, bool) {
	zone := p.zone()
	t := time.Date(w.year, time.Month(w.month), w.day, w.hour, w.minute, w.second, 0, zone)
	if zone == time.UTC {
		return t, true
	}
	if t.Minute() != w.minute || t.Hour() != w.hour || t.Day() != w.day {
		return t, false
	}
	start, _ := t.ZoneBounds()
	if start.IsZero() {
		return t, true
	}
	_, now := t.Zone()
	_, then := start.Add(-1).Zone()
	if earlier := t.Add(time.Duration(now-then) * time.Second); then > now && earlier.Before(start) {
		return earlier, true
	}
	return t, true
}

// instant is w by the zone's clock, or by the clock before it leapt over w.
func (p *Plan) instant(w wall) time.Time {
	t, ok := p.first(w)
	if ok {
		return t
	}
	plain := time.Date(w.year, time.Month(w.month), w.day, w.hour, w.minute, w.second, 0, time.UTC)
	_, offset := t.Add(-24 * time.Hour).Zone()
	return plain.Add(-time.Duration(offset) * time.Second).In(p.zone())
}

// WindowMinutesMax is the longest flexible time window.
const WindowMinutesMax = 1440

// Window is a flexible time window: a run may begin in any of its minutes.
type Window struct{ Minutes int }

// Check refuses what is no window; 0 minutes is none at all (mode OFF).
func (w Window) Check() error {
	if w.Minutes < 0 || w.Minutes > WindowMinutesMax {
		return fmt.Errorf("MaximumWindowInMinutes is %d, not between 1 and %d", w.Minutes, WindowMinutesMax)
	}
	return nil
}

// Begin is when a run that is due begins, by a chance from 0 up to 1 that the caller draws.
func (w Window) Begin(due time.Time, chance float64) time.Time {
	if w.Minutes <= 0 {
		return due
	}
	return due.Add(time.Duration(chance * float64(w.Minutes) * float64(time.Minute)).Truncate(time.Second))
}
