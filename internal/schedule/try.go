package schedule

import (
	"errors"
	"time"
)

// TryTimesMax is how many times Try gives at most.
const TryTimesMax = 1000

// Trial is what a person wants to know who tries an expression: virga cron next prints it.
type Trial struct {
	Kind    Kind        `json:"kind,omitempty"`
	Refused string      `json:"refused,omitempty"` // why it is none
	Message string      `json:"message,omitempty"` // what AWS answers then
	Times   []time.Time `json:"times,omitempty"`   // in the zone
	Ended   bool        `json:"ended,omitempty"`   // nothing is due after them
}

// Try gives the next times after t of an expression in a zone, by its name in the time zone database.
func Try(expression string, dialect Dialect, zone string, t time.Time, count int) Trial {
	s, err := Parse(expression, dialect)
	var refused *Error
	if errors.As(err, &refused) {
		return Trial{Refused: refused.Reason, Message: refused.Message()}
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Trial{Refused: err.Error()}
	}
	trial := Trial{Kind: s.kind}
	plan := Plan{Schedule: s, Zone: location}
	if s.kind == Rate {
		plan.Start = t.Add(s.every)
	}
	for len(trial.Times) < min(count, TryTimesMax) {
		due, ok := plan.Next(t)
		if !ok {
			trial.Ended = true
			break
		}
		trial.Times = append(trial.Times, due.In(location))
		t = due
	}
	return trial
}
