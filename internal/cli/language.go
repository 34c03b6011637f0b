package cli

import (
	"encoding/json"
	"os"
	"time"

	"virga/internal/eventpattern"
	"virga/internal/jsonata"
	"virga/internal/schedule"
)

const (
	documentBytesMax = 16 << 20 // of a document or event that a language is tried on
)

type jsonataCmd struct {
	Globals

	Expression string `arg:"" help:"JSONata expression."`
	Input      string `arg:"" optional:"" help:"JSON document, or - for standard input; else none."`
	Vars       string `placeholder:"JSON" help:"Object of variables."`
	Compact    bool   `help:"One line."`
}

// Help teaches.
func (*jsonataCmd) Help() string {
	return `Evaluates a JSONata expression without a server. An error shows the place where it lies.

  virga jsonata '$sum(items.price)' order.json
  echo '{"a": [1, 2]}' | virga jsonata 'a[0] + $x' - --vars '{"x": 5}'`
}

// Run evaluates.
func (c *jsonataCmd) Run(a *App) error {
	var doc []byte
	if c.Input != "" {
		var err error
		if doc, err = readFile(a, c.Input, documentBytesMax); err != nil {
			return err
		}
	}
	out, err := jsonata.Run(c.Expression, doc, jsonata.RunOptions{Compact: c.Compact, Millis: time.Now().UnixMilli(), Vars: []byte(c.Vars)})
	if a.json() {
		v := map[string]any{}
		switch {
		case err != nil:
			v["error"] = err.Error()
		case out != "":
			v["result"] = json.RawMessage(out)
		}
		if e := a.print(v); e != nil {
			return e
		}
		if err != nil {
			return silent(ExitFailed)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if out != "" {
		a.say("%s", out)
	}
	return nil
}

type patternCmd struct {
	Test patternTestCmd `cmd:"" help:"Tell whether an event matches an EventBridge pattern, and if not, which field."`
}

type patternTestCmd struct {
	Globals

	Pattern string `arg:"" help:"File of the pattern, or the pattern itself."`
	Event   string `arg:"" default:"-" help:"File of the event; else standard input."`
}

// Help teaches.
func (*patternTestCmd) Help() string {
	return `Ends with 0 where it matches and with 1 where not. A pattern that AWS refuses is explained with its place.

  virga pattern test pattern.json event.json
  echo '{"source": "shop"}' | virga pattern test '{"source": ["shop", {"prefix": "my."}]}'`
}

// Run matches.
func (c *patternTestCmd) Run(a *App) error {
	pattern := []byte(c.Pattern)
	if _, err := os.Stat(c.Pattern); err == nil {
		if pattern, err = readFile(a, c.Pattern, documentBytesMax); err != nil {
			return err
		}
	}
	event, err := readFile(a, c.Event, documentBytesMax)
	if err != nil {
		return err
	}
	t := eventpattern.Try(string(pattern), string(event), eventpattern.Limits{})
	if a.json() {
		if err := a.print(t); err != nil {
			return err
		}
	} else {
		switch {
		case t.Refused != "" && t.Line > 0:
			a.say("no pattern: line %d, column %d: %s", t.Line, t.Column, t.Refused)
		case t.Refused != "":
			a.say("no pattern: %s", t.Refused)
		case t.Event != "":
			a.say("no event: %s", t.Event)
		case t.Match:
			a.say("matches")
		case t.Missed != "":
			a.say("does not match: %s", t.Missed)
		default:
			a.say("does not match")
		}
	}
	if !t.Match {
		return silent(ExitFailed)
	}
	return nil
}

type cronCmd struct {
	Next cronNextCmd `cmd:"" help:"Show when a schedule expression is due."`
}

type cronNextCmd struct {
	Globals

	Expression string `arg:"" help:"cron(…), rate(…) or at(…)."`
	Zone       string `default:"UTC" help:"Time zone, by its name: Europe/Berlin."`
	Count      int    `short:"n" default:"5" help:"How many times."`
	From       string `placeholder:"TIME" help:"After this time (RFC 3339); else now."`
	Rule       bool   `help:"As rules of EventBridge read it; else as EventBridge Scheduler does."`
}

// Help teaches.
func (*cronNextCmd) Help() string {
	return `  virga cron next 'cron(0 9 ? * MON-FRI *)' --zone Europe/Berlin
  virga cron next 'cron(0 12 L * ? *)' -n 12 --output json`
}

// Run shows the next times.
func (c *cronNextCmd) Run(a *App) error {
	from := time.Now()
	if c.From != "" {
		var err error
		if from, err = time.Parse(time.RFC3339, c.From); err != nil {
			return usage("--from: %v", err)
		}
	}
	if c.Count < 1 || c.Count > schedule.TryTimesMax {
		return usage("-n goes from 1 to %d", schedule.TryTimesMax)
	}
	dialect := schedule.Scheduler
	if c.Rule {
		dialect = schedule.Rule
	}
	t := schedule.Try(c.Expression, dialect, c.Zone, from, c.Count)
	switch {
	case a.json():
		if err := a.print(t); err != nil {
			return err
		}
	case t.Refused != "":
		a.say("no schedule: %s", t.Refused)
		if t.Message != "" {
			a.say("AWS says: %s", t.Message)
		}
	default:
		for _, x := range t.Times {
			a.say("%s", x.Format("Mon 2006-01-02 15:04:05 MST"))
		}
		if t.Ended {
			a.say("and never again")
		}
	}
	if t.Refused != "" {
		return silent(ExitFailed)
	}
	return nil
}
