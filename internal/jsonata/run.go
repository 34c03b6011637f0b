package jsonata

import (
	"errors"
	"fmt"
	"strings"
)

// RunOptions say how an expression is tried at a terminal.
type RunOptions struct {
	Options
	Compact bool   // one line
	Millis  int64  // the time of $now
	Vars    []byte // a JSON object of variables, none if empty
	Chance  func() uint64
}

// Run compiles and evaluates an expression on one JSON document (none if it is empty) and gives the result as text, ""
// for nothing. An error of the expression shows the place where it lies.
func Run(expr string, document []byte, o RunOptions) (string, error) {
	p, err := Compile(expr, o.Options)
	if err != nil {
		return "", pointed(expr, err)
	}
	c := Call{Millis: o.Millis, Chance: o.Chance}
	if strings.TrimSpace(string(document)) != "" {
		if c.Input, err = ParseJSON(document); err != nil {
			return "", fmt.Errorf("the input: %w", err)
		}
	}
	if len(o.Vars) > 0 {
		v, err := ParseJSON(o.Vars)
		if err != nil || v.Object() == nil {
			return "", errors.Join(errors.New("the variables must be a JSON object"), err)
		}
		c.Vars = map[string]Value{}
		for _, e := range v.Object().entries {
			c.Vars[e.key] = e.val
		}
	}
	v, err := p.Eval(c)
	if err != nil {
		return "", pointed(expr, err)
	}
	switch v.kind {
	case Undefined:
		return "", nil
	case FunctionKind:
		return "", errors.New("the result is a function")
	}
	e := encoder{max: p.options.Limits.Output, pretty: !o.Compact}
	if err := e.value(v, 0); err != nil {
		return "", err
	}
	return string(e.b), nil
}

// lineMax is how long an expression may be that is shown with its error.
const lineMax = 200

// pointed adds the code, and the expression with a mark under the place.
func pointed(expr string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	text := e.Code + ": " + e.Error()
	if e.Position < 0 || len(expr) > lineMax || strings.ContainsAny(expr, "\n\t") {
		return &Pointed{text, e}
	}
	return &Pointed{text + "\n  " + expr + "\n  " + strings.Repeat(" ", max(0, min(e.Position, units(expr))-1)) + "^", e}
}

// Pointed is an error with the place in the expression drawn.
type Pointed struct {
	text string
	err  *Error
}

func (p *Pointed) Error() string { return p.text }

// Unwrap is the error itself.
func (p *Pointed) Unwrap() error { return p.err }
