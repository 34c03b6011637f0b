package eventpattern

import "errors"

// Trial is what a person wants to know who tries a pattern: virga pattern test prints it.
type Trial struct {
	Match   bool   `json:"match"`
	Refused string `json:"refused,omitempty"` // why the pattern is none
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Event   string `json:"event,omitempty"`  // why the event is none
	Missed  string `json:"missed,omitempty"` // the first field that the nearest branch does not find met
}

// Try compiles a pattern and matches one event.
func Try(pattern, event string, limits Limits) Trial {
	p, err := Parse(pattern, limits)
	var refused *Error
	if errors.As(err, &refused) {
		return Trial{Refused: refused.Reason, Line: refused.Line, Column: refused.Column}
	} else if err != nil {
		return Trial{Refused: err.Error()}
	}
	match, err := p.Match([]byte(event))
	if err != nil {
		return Trial{Event: err.Error()}
	}
	trial := Trial{Match: match}
	if !match {
		trial.Missed = p.missed([]byte(event))
	}
	return trial
}

// missed names the field that fails in the branch that comes furthest.
func (p *Pattern) missed(event []byte) string {
	e := &fields{}
	if e.read(&p.paths, event) != nil {
		return ""
	}
	most, name := -1, ""
	for i := range p.branches {
		all := p.branches[i].conditions
		met, first := 0, ""
		for j := range all {
			one := branch{all[j : j+1]}
			if ok, err := e.meets(&one); ok && err == nil {
				met++
			} else if first == "" {
				first = all[j].path
			}
		}
		if met > most {
			most, name = met, first
		}
	}
	return name
}
