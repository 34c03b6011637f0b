package schedule

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func must(tb testing.TB, expression string) *Schedule {
	tb.Helper()
	s, err := Parse(expression, Scheduler)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

// The recorded refusals of EventBridge Scheduler, and others of their kind.
func TestRefusals(t *testing.T) {
	for _, e := range strings.Split(` rate(10 minutes)|at(2021-12-31)|at(2021-12-31T23:59:59Z)|cron()|cron(0 1 * * * *)|cron(0 dummy ? * MON-FRI *)|cron(7 20 * * NOT *)|cron(71 8 1 * ? *)|cron(INVALID)|rate( 10 minutes )|rate()|rate(-10 minutes)|rate(10 minutess)|rate(10 seconds)|rate(10 years)|rate(10)|rate(foo minutes)`+
		`|rate(0 minutes)|rate(1.5 hours)|rate(99999999999 days)|at(2021-02-30T00:00:00)|at(2021-01-01T24:00:00)|cron(0 0 ? * ? *)|cron(0 0 * * ? 1969)|cron(0 0 * * ? 2200)|cron(0 0 1 13 ? *)|cron(0 24 1 * ? *)|cron(0 0 32 * ? *)|cron(0 0 0 * ? *)|cron(0 0 ? * 0 *)|cron(0 0 ? * 8 *)|cron(0 0 ? * 2#6 *)|cron(0 0 ? * 2#0 *)|cron(0 0 ? * 2#1,3#1 *)|cron(0 0 1,15W * ? *)|cron(0/0 0 1 * ? *)|cron(*/61 0 1 * ? *)|cron(0 0 1 * ?)|cron(0 0 1 * ? * *)|cron(0 0 ? * MON,? *)|cron(1- 0 1 * ? *)|cron(,1 0 1 * ? *)|cron(+1 0 1 * ? *)|rate(5 minutes|rate5 minutes)|hello|`, "|") {
		_, err := Parse(e, Scheduler)
		var refused *Error
		if !errors.As(err, &refused) || refused.Message() != "Invalid Schedule Expression "+e+"." || refused.Reason == "" {
			t.Errorf("%q: %v", e, err)
		}
	}
	for _, e := range []string{"at(2021-12-31T23:59:59)", "rate(1 minutes)", "rate(5 minute)", "rate(2 day)"} {
		if _, err := Parse(e, Scheduler); err != nil {
			t.Error(err)
		}
		_, err := Parse(e, Rule)
		var refused *Error
		if !errors.As(err, &refused) || refused.Message() != "Parameter ScheduleExpression is not valid." {
			t.Errorf("%q: %v", e, err)
		}
	}
}

// The examples of the guides, with the times that follow.
func TestNext(t *testing.T) {
	for _, c := range []struct{ expression, zone, after, want string }{
		{"cron(0 10 * * ? *)", "UTC", "2026-03-01T10:00:00", "2026-03-02T10:00:00 2026-03-03T10:00:00"},
		{"cron(15 12 * * ? *)", "UTC", "2026-03-01T12:14:59", "2026-03-01T12:15:00"},
		{"cron(0 18 ? * MON-FRI *)", "UTC", "2026-03-06T18:00:00", "2026-03-09T18:00:00"},
		{"cron(0 8 1 * ? *)", "UTC", "2026-01-31T00:00:00", "2026-02-01T08:00:00 2026-03-01T08:00:00"},
		{"cron(0/15 * * * ? *)", "UTC", "2026-01-01T23:50:00", "2026-01-02T00:00:00 2026-01-02T00:15:00"},
		{"cron(0/5 8-17 ? * MON-FRI *)", "UTC", "2026-03-06T17:55:00", "2026-03-09T08:00:00"},
		{"cron(0 9 ? * 2#1 *)", "UTC", "2026-03-01T00:00:00", "2026-03-02T09:00:00 2026-04-06T09:00:00"},
		{"cron(15 10 ? * 6L 2022-2023)", "UTC", "2022-01-01T00:00:00", "2022-01-28T10:15:00 2022-02-25T10:15:00"},
		{"cron(15 10 ? * 6L 2022-2023)", "UTC", "2023-12-29T10:15:00", "never"},
		{"cron(0 0 L * ? *)", "UTC", "2028-02-01T00:00:00", "2028-02-29T00:00:00 2028-03-31T00:00:00"},
		{"cron(0 0 L-2 * ? *)", "UTC", "2026-02-01T00:00:00", "2026-02-26T00:00:00"},
		{"cron(0 0 LW * ? *)", "UTC", "2026-02-01T00:00:00", "2026-02-27T00:00:00"},
		{"cron(0 0 1W * ? *)", "UTC", "2026-07-31T23:00:00", "2026-08-03T00:00:00"},
		{"cron(0 0 31W * ? *)", "UTC", "2026-02-01T00:00:00", "2026-03-31T00:00:00 2026-05-29T00:00:00"},
		{"cron(0 0 ? * L *)", "UTC", "2026-03-01T00:00:00", "2026-03-07T00:00:00"},
		{"cron(0 22-2 ? * fri-mon *)", "UTC", "2026-03-09T23:00:00", "2026-03-13T00:00:00 2026-03-13T01:00:00"},
		{"cron(0 0 29 2 ? *)", "UTC", "2096-03-01T00:00:00", "2104-02-29T00:00:00"},
		{"cron(0 0 31 2 ? *)", "UTC", "2026-01-01T00:00:00", "never"},
		{"cron(59 23 31 12 ? 2199)", "UTC", "1900-01-01T00:00:00", "2199-12-31T23:59:00 never"},
		{"cron(30 2 * * ? *)", "America/New_York", "2026-03-07T12:00:00", "2026-03-09T02:30:00"},                     // the clock leaps over it
		{"cron(30 1 * * ? *)", "America/New_York", "2026-10-31T12:00:00", "2026-11-01T01:30:00 2026-11-02T01:30:00"}, // the clock shows it twice
		{"cron(0 8 * * ? *)", "America/New_York", "2026-03-07T12:00:00", "2026-03-08T08:00:00"},
		{"cron(0 0 30 12 ? *)", "Pacific/Apia", "2011-12-01T00:00:00", "2012-12-30T00:00:00"}, // a day that was not
		{"at(2026-11-20T13:00:00)", "America/Los_Angeles", "2026-01-01T00:00:00", "2026-11-20T13:00:00 never"},
		{"at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00:00", "2026-03-08T03:30:00"},
		{"at(2026-11-01T01:30:00)", "America/New_York", "2026-01-01T00:00:00", "2026-11-01T01:30:00"},
	} {
		z := zone(t, c.zone)
		plan := Plan{Schedule: must(t, c.expression), Zone: z}
		after, err := time.ParseInLocation("2006-01-02T15:04:05", c.after, z)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range strings.Fields(c.want) {
			due, ok := plan.Next(after)
			got := "never"
			if ok {
				got = due.In(z).Format("2006-01-02T15:04:05")
			}
			if got != want {
				t.Errorf("%s after %s: %s, want %s", c.expression, after, got, want)
				break
			}
			if ok {
				if back, was := plan.Previous(due.Add(time.Nanosecond)); !was || !back.Equal(due) {
					t.Errorf("%s before %s: %s, %v", c.expression, due, back, was)
				}
			}
			after = due
		}
	}
}

func TestRateAndBounds(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 30, 0, time.UTC)
	plan := Plan{Schedule: must(t, "rate(5 minutes)"), Start: start, End: start.Add(12 * time.Minute)}
	var got []string
	for at := start.Add(-time.Hour); ; {
		due, ok := plan.Next(at)
		if !ok {
			break
		}
		got, at = append(got, due.Format("04:05")), due
	}
	if fmt.Sprint(got) != "[00:30 05:30 10:30]" {
		t.Error(got)
	}
	if due, ok := plan.Previous(start.Add(time.Hour)); !ok || due.Format("04:05") != "10:30" {
		t.Error(due, ok)
	}
	if due, ok := plan.Previous(start); ok {
		t.Error(due)
	}
	days := Plan{Schedule: must(t, "rate(1 day)"), Zone: zone(t, "America/New_York"), Start: time.Date(2026, 3, 7, 17, 0, 0, 0, time.UTC)}
	if due, ok := days.Next(days.Start); !ok || due.Sub(days.Start) != 24*time.Hour {
		t.Error("a rate's day is 24 hours", due)
	}
	cron := Plan{Schedule: must(t, "cron(0 0 * * ? *)"), Start: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}
	if due, ok := cron.Next(time.Time{}); !ok || !due.Equal(cron.Start) {
		t.Error(due, ok)
	}
	if due, ok := cron.Next(cron.Start); ok {
		t.Error("nothing is due at the end", due)
	}
}

func TestWindow(t *testing.T) {
	due := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if (Window{}).Begin(due, 0.9) != due || (Window{15}).Begin(due, 0.5) != due.Add(450*time.Second) {
		t.Error("window")
	}
	if (Window{1440}).Check() != nil || (Window{1441}).Check() == nil || (Window{-1}).Check() == nil {
		t.Error("check")
	}
}

// oracle is the plainest reading of a cron expression: each minute's clock is held against each field.
type oracle struct {
	minutes, hours, months, years map[int]bool
	day, week                     string
}

func plainly(text string, min, max int, names string) map[int]bool {
	set := map[int]bool{}
	number := func(s string) int {
		if at := strings.Index(names, strings.ToUpper(s)); names != "" && at >= 0 && len(s) == 3 {
			return min + at/3
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			panic(s)
		}
		return n
	}
	for _, item := range strings.Split(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		by := 1
		if stepped {
			by = number(step)
		}
		from, to := min, max
		if span != "*" {
			a, b, ranged := strings.Cut(span, "-")
			from = number(a)
			if ranged {
				to = number(b)
			} else if !stepped {
				to = from
			}
		}
		if from <= to {
			for v := from; v <= to; v += by {
				set[v] = true
			}
			continue
		}
		v := from
		for n := 0; ; n++ {
			if n%by == 0 {
				set[v] = true
			}
			if v == to {
				break
			}
			if v++; v > max {
				v = min
			}
		}
	}
	return set
}

func (o *oracle) date(t time.Time) bool {
	last := time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	if o.day != "?" {
		switch {
		case o.day == "L":
			return t.Day() == last.Day()
		case o.day == "LW":
			for last.Weekday() == time.Saturday || last.Weekday() == time.Sunday {
				last = last.AddDate(0, 0, -1)
			}
			return t.Day() == last.Day()
		case strings.HasPrefix(o.day, "L-"):
			n, _ := strconv.Atoi(o.day[2:])
			return t.Day() == last.Day()-n
		case strings.HasSuffix(o.day, "W"):
			n, _ := strconv.Atoi(strings.TrimSuffix(o.day, "W"))
			if n > last.Day() {
				return false
			}
			best := 0
			for _, by := range []int{0, -1, 1, -2, 2} {
				d := time.Date(t.Year(), t.Month(), n+by, 0, 0, 0, 0, time.UTC)
				if d.Month() == t.Month() && d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
					best = n + by
					break
				}
			}
			return t.Day() == best
		}
		return plainly(o.day, 1, 31, "")[t.Day()]
	}
	const names = "SUNMONTUEWEDTHUFRISAT"
	today := int(t.Weekday()) + 1
	if day, nth, ok := strings.Cut(o.week, "#"); ok {
		n, _ := strconv.Atoi(nth)
		return plainly(day, 1, 7, names)[today] && (t.Day()-1)/7+1 == n
	}
	if o.week == "L" {
		return today == 7
	}
	if day, ok := strings.CutSuffix(o.week, "L"); ok {
		return plainly(day, 1, 7, names)[today] && t.Day()+7 > last.Day()
	}
	return plainly(o.week, 1, 7, names)[today]
}

func newOracle(expression string) *oracle {
	f := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(expression, "cron("), ")"))
	return &oracle{plainly(f[0], 0, 59, ""), plainly(f[1], 0, 23, ""), plainly(f[3], 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"), plainly(f[5], 1970, 2199, ""), f[2], f[4]}
}

func randomCron(r *rand.Rand) string {
	pick := func(s string) string { all := strings.Fields(s); return all[r.IntN(len(all))] }
	day, week := "?", "?"
	if r.IntN(2) == 0 {
		day = pick("* 1 15 31 30,31 1-7 28-3 L LW L-3 1W 15W 30W 31W 5/10 */9")
	} else {
		week = pick("* MON MON-FRI fri-mon 1,7 2#1 FRI#5 3#3 L 6L SUNL 2/2 WED")
	}
	return fmt.Sprintf("cron(%s %s %s %s %s %s)", pick("0 30 59 0/15 */7 5,50 50-10 10-50/20"), pick("0 1 2 3 * 0-4 22-2 */5 1,2,23"), day,
		pick("* 1 2 MAR,NOV 10-4 */2 feb-JUN"), week, pick("* * 2026 2024-2030 2021/2"))
}

// Ten years of minutes, by the clocks of several zones: what is due is what the oracle says, forwards and backwards.
func TestEveryMinuteOfTenYears(t *testing.T) {
	zones := []string{"UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia"}
	cases := 8
	if s := os.Getenv("VIRGA_CASES"); s != "" {
		cases, _ = strconv.Atoi(s)
	}
	r := rand.New(rand.NewPCG(3, 4))
	total := 0
	for i := range cases {
		z := zone(t, zones[i%len(zones)])
		from := time.Date(2019, 6, 1, 0, 0, 0, 0, z)
		if i%len(zones) == 7 {
			from = time.Date(2009, 6, 1, 0, 0, 0, 0, z) // Samoa left out a day in 2011
		}
		end := from.AddDate(10, 0, 0)
		const each = 12
		var expressions []string
		var oracles []*oracle
		var plans []Plan
		for range each {
			e := randomCron(r)
			expressions, oracles, plans = append(expressions, e), append(oracles, newOracle(e)), append(plans, Plan{Schedule: must(t, e), Zone: z})
		}
		due := make([]time.Time, each)
		some := make([]bool, each)
		all := make([][]time.Time, each)
		for k := range plans {
			due[k], some[k] = plans[k].Next(from.Add(-1))
		}
		highest := int64(-1 << 62)
		dates := make([]bool, each)
		today := -1
		for at := from; at.Before(end); at = at.Add(time.Minute) {
			year, month, day := at.Date()
			hour, minute, _ := at.Clock()
			shown := time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
			if day != today {
				today = day
				for k, o := range oracles {
					dates[k] = o.months[int(month)] && o.years[year] && o.date(shown)
				}
			}
			if shown.Unix() <= highest {
				continue
			}
			highest = shown.Unix()
			for k, o := range oracles {
				if !dates[k] || !o.minutes[minute] || !o.hours[hour] {
					continue
				}
				if !some[k] || !due[k].Equal(at) {
					t.Fatalf("%s in %s: %s is due, not %s", expressions[k], z, at, due[k])
				}
				all[k] = append(all[k], at)
				due[k], some[k] = plans[k].Next(at)
				total++
			}
		}
		for k := range plans {
			if some[k] && due[k].Before(end) {
				t.Fatalf("%s in %s: %s is not due", expressions[k], z, due[k])
			}
			at := end
			for n := len(all[k]) - 1; n >= 0; n-- {
				back, ok := plans[k].Previous(at)
				if !ok || !back.Equal(all[k][n]) {
					t.Fatalf("%s in %s before %s: %s, want %s", expressions[k], z, at, back, all[k][n])
				}
				at = back
			}
			// from anywhere between, too
			for range 200 {
				if len(all[k]) < 2 {
					break
				}
				n := r.IntN(len(all[k]) - 1)
				at := all[k][n].Add(time.Duration(1 + r.Int64N(int64(all[k][n+1].Sub(all[k][n])))))
				if back, ok := plans[k].Previous(at); !ok || !back.Equal(all[k][n]) {
					t.Fatalf("%s in %s before %s: %s, want %s", expressions[k], z, at, back, all[k][n])
				}
				if next, ok := plans[k].Next(at.Add(-1)); !ok || !next.Equal(all[k][n+1]) && !next.Equal(all[k][n]) {
					t.Fatalf("%s in %s after %s: %s, want %s", expressions[k], z, at, next, all[k][n+1])
				}
			}
		}
	}
	t.Logf("%d expressions, %d times due", cases*12, total)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"rate(5 minutes)", "cron(0/5 8-17 ? * MON-FRI *)", "cron(0 0 LW * ? 2026)", "at(2026-11-20T13:00:00)", "cron(0 0 ? * 2#1 *)"} {
		f.Add(s, int64(1780000000))
	}
	f.Fuzz(func(t *testing.T, expression string, seconds int64) {
		s, err := Parse(expression, Scheduler)
		if err != nil {
			return
		}
		at := time.Unix(seconds%(1<<33), 0)
		plan := Plan{Schedule: s, Zone: time.UTC}
		due, ok := plan.Next(at)
		if !ok {
			return
		}
		if !due.After(at) {
			t.Fatalf("%s after %s: %s", expression, at, due)
		}
		if back, ok := plan.Previous(due.Add(1)); !ok || !back.Equal(due) {
			t.Fatalf("%s before %s: %s", expression, due, back)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, e := range []string{"rate(5 minutes)", "cron(0/5 8-17 ? * MON-FRI *)", "cron(0 9 ? * 2#1 *)", "cron(0 0 LW 12 ? *)", "cron(0 0 29 2 ? *)"} {
		for _, z := range []string{"UTC", "America/New_York"} {
			b.Run(strings.ReplaceAll(e, " ", "_")+"/"+strings.ReplaceAll(z, "/", "_"), func(b *testing.B) {
				plan := Plan{Schedule: must(b, e), Zone: zone(b, z)}
				at := time.Date(2026, 3, 6, 17, 57, 3, 0, time.UTC)
				b.ReportAllocs()
				for b.Loop() {
					if _, ok := plan.Next(at); !ok {
						b.Fatal("never")
					}
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("cron(0/5 8-17 ? * MON-FRI *)", Scheduler); err != nil {
			b.Fatal(err)
		}
	}
}
