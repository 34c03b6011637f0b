package main

import "virga/internal/asl"

type aslQuestion struct{ Definition string }

// aslValidityMain answers whether a state machine definition is valid. Definitions come from templates, so places that
// CloudFormation fills in are allowed.
func aslValidityMain() error {
	return lines(func(q aslQuestion) any {
		if _, err := asl.Parse(q.Definition, asl.Options{Placeholders: true}); err != nil {
			return map[string]any{"valid": false, "message": err.Error()}
		}
		return map[string]any{"valid": true}
	})
}
