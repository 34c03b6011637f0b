package schedule_test

import (
	"fmt"
	"time"

	"virga/internal/schedule"
)

// The first Monday of each month at nine in the morning, by New York's clock.
func Example() {
	s, err := schedule.Parse("cron(0 9 ? * 2#1 *)", schedule.Scheduler)
	if err != nil {
		panic(err)
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	plan := schedule.Plan{Schedule: s, Zone: zone}
	due, ok := plan.Next(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(due.UTC(), ok)
	// Output: 2026-03-02 14:00:00 +0000 UTC true
}

func ExampleTry() {
	at := time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC)
	for _, t := range schedule.Try("cron(30 2 * * ? *)", schedule.Scheduler, "America/New_York", at, 3).Times {
		fmt.Println(t)
	}
	fmt.Println(schedule.Try("cron(0 1 * * * *)", schedule.Scheduler, "UTC", at, 1).Refused)
	// Output:
	// 2026-03-07 02:30:00 -0500 EST
	// 2026-03-09 02:30:00 -0400 EDT
	// 2026-03-10 02:30:00 -0400 EDT
	// one of day-of-month and day-of-week must be ?, and not both
}
