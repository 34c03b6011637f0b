package main

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"virga/internal/jsonata"
)

// jsonataCase is one line of the runner run/jsonata.py; data stays text, so that half a surrogate pair comes through.
type jsonataCase struct {
	Expr     json.RawMessage            `json:"expr"`
	HasData  bool                       `json:"has_data"`
	Data     json.RawMessage            `json:"data"`
	Bindings map[string]json.RawMessage `json:"bindings"`
	Depth    int                        `json:"depth"`
}

type jsonataAnswer struct {
	Result    json.RawMessage `json:"result,omitempty"`
	Undefined bool            `json:"undefined,omitempty"`
	Code      string          `json:"code,omitempty"`
	Message   string          `json:"message,omitempty"`
}

// jsonataLine answers one case. The reference's suite bounds time and depth only, so memory and steps are wide here.
func jsonataLine(q jsonataCase) any {
	fail := func(err error) any {
		a := jsonataAnswer{Message: err.Error()}
		var e *jsonata.Error
		if errors.As(err, &e) {
			a.Code = e.Code
		}
		return a
	}
	limits := jsonata.Limits{Steps: 1 << 30, Memory: 4 << 30, Depth: q.Depth}
	expr, err := jsonata.ParseJSON(q.Expr)
	if err != nil {
		return fail(err)
	}
	p, err := jsonata.Compile(expr.Text(), jsonata.Options{Limits: jsonata.Limits{Steps: limits.Steps, Memory: limits.Memory}})
	if err != nil {
		return fail(err)
	}
	c := jsonata.Call{Vars: map[string]jsonata.Value{}, Millis: time.Now().UnixMilli(), Chance: rand.Uint64, Limits: limits}
	if q.HasData {
		if c.Input, err = jsonata.ParseJSON(q.Data); err != nil {
			return fail(err)
		}
	}
	for name, text := range q.Bindings {
		if c.Vars[name], err = jsonata.ParseJSON(text); err != nil {
			return fail(err)
		}
	}
	v, err := p.Eval(c)
	if err != nil {
		return fail(err)
	}
	if v.IsUndefined() || v.Kind() == jsonata.FunctionKind {
		return jsonataAnswer{Undefined: true}
	}
	text, err := v.AppendJSON(nil, 0)
	if err != nil {
		return fail(err)
	}
	return jsonataAnswer{Result: text}
}
