package main

import (
	"encoding/json"
	"errors"

	"virga/internal/eventpattern"
)

type eventpatternQuestion struct{ Event, Pattern json.RawMessage }

// eventpatternsMain answers whether an event meets a pattern, or how the pattern is refused.
func eventpatternsMain() error {
	return lines(func(q eventpatternQuestion) any {
		p, err := eventpattern.Parse(string(q.Pattern), eventpattern.Limits{})
		var refused *eventpattern.Error
		if errors.As(err, &refused) {
			return map[string]any{"code": eventpattern.Code, "message": refused.Message()}
		}
		if err != nil {
			return map[string]any{"code": "InternalError", "message": err.Error()}
		}
		match, err := p.Match(q.Event)
		if err != nil {
			return map[string]any{"code": "ValidationException", "message": err.Error()}
		}
		return map[string]any{"match": match}
	})
}
