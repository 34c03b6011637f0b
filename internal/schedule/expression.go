package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Dialect is the service whose expressions are read.
type Dialect uint8

const (
	Scheduler Dialect = iota // EventBridge Scheduler: rate, cron and at, in any time zone
	Rule                     // EventBridge rules: rate and cron, in UTC
)

// ExpressionBytesMax is the length of an expression, as the models of both services say.
const ExpressionBytesMax = 256

// RateValueMax is the largest value of a rate.
const RateValueMax = 1<<31 - 1

// Error refuses an expression.
type Error struct {
	Expression string
	Dialect    Dialect
	Reason     string // for people; AWS gives none
}

// Error says why.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Expression, e.Reason) }

// Message is what AWS answers, with code ValidationException.
func (e *Error) Message() string {
	if e.Dialect == Rule {
		return "Parameter ScheduleExpression is not valid."
	}
	return "Invalid Schedule Expression " + e.Expression + "."
}

// Kind is the kind of an expression.
type Kind string

// The kinds of expressions.
const (
	Rate Kind = "rate"
	Cron Kind = "cron"
	At   Kind = "at"
)

// Schedule is a compiled expression.
type Schedule struct {
	kind  Kind
	every time.Duration // rate
	cron  cron
	at    wall
}

// Kind says which kind of expression it is.
func (s *Schedule) Kind() Kind { return s.kind }

// Every is the time between two runs of a rate, 0 for others.
func (s *Schedule) Every() time.Duration { return s.every }

// Parse compiles an expression. A refusal is an *Error.
func Parse(expression string, dialect Dialect) (*Schedule, error) {
	s, err := parse(expression, dialect)
	if err != nil {
		return nil, &Error{expression, dialect, err.Error()}
	}
	return s, nil
}

func parse(expression string, dialect Dialect) (*Schedule, error) {
	if len(expression) > ExpressionBytesMax {
		return nil, fmt.Errorf("longer than %d characters", ExpressionBytesMax)
	}
	name, rest, ok := strings.Cut(expression, "(")
	if !ok || !strings.HasSuffix(rest, ")") {
		return nil, errors.New("not rate(…), cron(…) or at(…)")
	}
	inside := rest[:len(rest)-1]
	switch Kind(name) {
	case Rate:
		every, err := parseRate(inside, dialect)
		return &Schedule{kind: Rate, every: every}, err
	case Cron:
		c, err := parseCron(inside)
		return &Schedule{kind: Cron, cron: c}, err
	case At:
		if dialect == Rule {
			return nil, errors.New("a rule has no one-time schedule")
		}
		t, err := time.Parse("2006-01-02T15:04:05", inside)
		if err != nil || len(inside) != len("2006-01-02T15:04:05") {
			return nil, errors.New("the time is not yyyy-mm-ddThh:mm:ss")
		}
		return &Schedule{kind: At, at: wallOf(t)}, nil
	}
	return nil, errors.New("not rate(…), cron(…) or at(…)")
}

func parseRate(inside string, dialect Dialect) (time.Duration, error) {
	value, unit, ok := strings.Cut(inside, " ")
	if !ok {
		return 0, errors.New("a rate is a value, a space and a unit")
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, errors.New("the value is no positive number")
		}
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 1 || n > RateValueMax {
		return 0, errors.New("the value is no positive number")
	}
	singular := strings.TrimSuffix(unit, "s")
	var every time.Duration
	switch singular {
	case "minute":
		every = time.Minute
	case "hour":
		every = time.Hour
	case "day":
		every = 24 * time.Hour
	default:
		return 0, errors.New("the unit is not minute, minutes, hour, hours, day or days")
	}
	if dialect == Rule && (n == 1) != (unit == singular) {
		return 0, errors.New("the unit is singular beside 1 and plural beside any other value")
	}
	if n > int64(1<<63-1)/int64(every) {
		return 0, errors.New("the value is too large")
	}
	return time.Duration(n) * every, nil
}
