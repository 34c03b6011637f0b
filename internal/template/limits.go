package template

import (
	"errors"
	"fmt"
)

// Limits bound a template and its evaluation. A zero member means the bound named beside it.
type Limits struct {
	Bytes     int // 1,000,000: the text; callers pass 51,200 for a body in a request
	Depth     int // 64: nested lists and maps
	Nodes     int // 400,000: values after aliases, macros and loops
	Aliases   int // 1,000: YAML aliases; negative refuses them as AWS does
	Steps     int // 2,000,000: values visited in one Bind or Resolve
	TextBytes int // 8,000,000: text that functions make in one Bind or Resolve
	Loops     int // 10,000: turns of all Fn::ForEach
	Cidrs     int // 256: blocks of one Fn::Cidr

	Resources      int // 500
	Parameters     int // 200
	Outputs        int // 200
	Mappings       int // 200
	Conditions     int // 500
	Name           int // 255: characters of a logical id
	ParameterBytes int // 4,096: of a parameter's value
	Description    int // 1,024: bytes of the description
}

func (l Limits) filled() Limits {
	for _, m := range []struct {
		p *int
		v int
	}{{&l.Bytes, 1_000_000}, {&l.Depth, 64}, {&l.Nodes, 400_000}, {&l.Aliases, 1000}, {&l.Steps, 2_000_000}, {&l.TextBytes, 8_000_000},
		{&l.Loops, 10_000}, {&l.Cidrs, 256}, {&l.Resources, 500}, {&l.Parameters, 200}, {&l.Outputs, 200}, {&l.Mappings, 200}, {&l.Conditions, 500},
		{&l.Name, 255}, {&l.ParameterBytes, 4096}, {&l.Description, 1024}} {
		if *m.p == 0 {
			*m.p = m.v
		}
	}
	return l
}

// Error is a template, a parameter or a value that is refused. Services answer it as ValidationError with Message as
// its text.
type Error struct {
	Message string // AWS's wording
	Detail  string // what is wrong in our words, where AWS says less
	Pos     Pos    // where; zero where no single place is to blame
	Limit   string // the name of the limit that ended it, "" otherwise
	Err     error  // what a callback gave, nil otherwise
}

// Unwrap gives the callback's error.
func (e *Error) Unwrap() error { return e.Err }

// asError makes an *Error of what a callback gave.
func asError(err error, p Pos) *Error {
	var e *Error
	if errors.As(err, &e) {
		if e.Pos == (Pos{}) {
			c := *e
			c.Pos = p
			return &c
		}
		return e
	}
	return &Error{Message: err.Error(), Pos: p, Err: err}
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// Long gives the message with place and detail, for people at a terminal.
func (e *Error) Long() string {
	s := e.Message
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Pos.Line > 0 {
		s = fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Column, s)
	}
	return s
}

func errorAt(p Pos, format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Pos: p}
}

func formatError(p Pos, format string, args ...any) *Error {
	return errorAt(p, "Template format error: "+format, args...)
}

func templateError(p Pos, format string, args ...any) *Error {
	return errorAt(p, "Template error: "+format, args...)
}

func limitError(p Pos, name string, format string, args ...any) *Error {
	e := formatError(p, format, args...)
	e.Limit = name
	return e
}
