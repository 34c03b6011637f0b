package schedule

import (
	"testing"
	"time"
)

// An expression without a date ends by itself, and the time is printed.
func TestNeverIsBounded(t *testing.T) {
	for _, e := range []string{"cron(0 0 31 2 ? *)", "cron(* * 31W 2,4 ? *)", "cron(* * L-30 2 ? *)"} {
		plan := Plan{Schedule: must(t, e), Zone: zone(t, "America/New_York")}
		start := time.Now()
		if due, ok := plan.Next(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
			t.Errorf("%s: %s", e, due)
		}
		if due, ok := plan.Previous(time.Date(2199, 12, 31, 0, 0, 0, 0, time.UTC)); ok {
			t.Errorf("%s: %s", e, due)
		}
		t.Logf("%s: %s", e, time.Since(start))
	}
}
