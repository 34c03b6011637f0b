package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"strings"
	"time"

	logsapi "virga/api/logs"
	"virga/internal/wire"
)

const (
	logPoll     = 300 * time.Millisecond
	logLate     = 5 * time.Second // events may come this late and are still shown
	logsShown   = 10_000          // events that a command without -f prints at most
	logSeenKeep = 20_000
)

type logsCmd struct {
	Globals

	Of     string        `arg:"" optional:"" help:"Function (name or logical id) or log group (begins with /); else all functions."`
	Follow bool          `short:"f" help:"Go on as new lines come."`
	Since  time.Duration `default:"10m" help:"From how long ago."`
	Filter string        `placeholder:"PATTERN" help:"Filter pattern of CloudWatch Logs."`
}

// Help teaches.
func (*logsCmd) Help() string {
	return `Prints log lines, oldest first.

  virga logs -f                                   all functions, as they write
  virga logs HelloFunction --since 1h --filter '?ERROR ?Exception'
  virga logs /aws/lambda/hello --output json | jq .message`
}

// Run prints logs.
func (c *logsCmd) Run(a *App) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cl := a.clients()
	t := &tailer{a: a, c: cl, filter: c.Filter, since: time.Now().Add(-c.Since)}
	groups, err := c.groups(ctx, a, cl)
	if err != nil {
		return err
	}
	known := false
	for {
		t.groups = groups
		found, err := t.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		known = known || found
		if !c.Follow {
			if !known && c.Of != "" {
				return failed("there is no log group %s: nothing was logged so far, or the function's role may not write (virga status tells)", groups[0].group)
			}
			return nil
		}
		if pause(ctx, logPoll) != nil {
			return nil
		}
		if c.Of == "" {
			if gs, err := c.groups(ctx, a, cl); err == nil {
				groups = gs
			}
		}
	}
}

// source is a log group with the name under which its lines are shown.
type source struct{ group, label string }

func (c *logsCmd) groups(ctx context.Context, a *App, cl *clients) ([]source, error) {
	if strings.HasPrefix(c.Of, "/") {
		return []source{{c.Of, ""}}, nil
	}
	fs, err := a.functions(ctx, cl)
	if err != nil {
		return nil, err
	}
	var out []source
	for _, f := range fs {
		label := f.Logical
		if label == "" {
			label = f.Name
		}
		if c.Of == "" || f.Name == c.Of || f.ARN == c.Of || f.Logical == c.Of {
			out = append(out, source{f.Group, label})
		}
	}
	if len(out) == 0 && c.Of != "" {
		return []source{{c.Of, ""}}, nil
	}
	if len(out) == 1 {
		out[0].label = ""
	}
	return out, nil
}

// tailer reads groups again and again and shows each event once.
type tailer struct {
	a      *App
	c      *clients
	groups []source
	filter string
	since  time.Time
	from   map[string]int64 // by group: milliseconds
	seen   map[string]bool
	width  int
}

type logLine struct {
	source
	at      int64
	message string
	stream  string
	id      string
}

// once reads what is new of all groups; found tells whether any of them exists.
func (t *tailer) once(ctx context.Context) (found bool, err error) {
	if t.from == nil {
		t.from, t.seen = map[string]int64{}, map[string]bool{}
	}
	if len(t.seen) > logSeenKeep {
		t.seen = map[string]bool{}
		for g := range t.from {
			t.from[g] = time.Now().Add(-time.Second).UnixMilli()
		}
	}
	var lines []logLine
	for _, g := range t.groups {
		from, ok := t.from[g.group]
		if !ok {
			from = t.since.UnixMilli()
		}
		t.width = max(t.width, len(g.label))
		in := &logsapi.FilterLogEventsInput{LogGroupName: wire.P(g.group), StartTime: wire.P(from)}
		if t.filter != "" {
			in.FilterPattern = &t.filter
		}
		newest := from
		for range pagesMax {
			out, err := t.c.logs.FilterLogEvents(ctx, in)
			if codeIs(err, "ResourceNotFoundException") {
				break
			}
			if err != nil {
				return found, err
			}
			found = true
			for _, e := range out.Events {
				id := g.group + wire.V(e.EventId)
				if t.seen[id] {
					continue
				}
				t.seen[id] = true
				newest = max(newest, wire.V(e.Timestamp))
				lines = append(lines, logLine{g, wire.V(e.Timestamp), wire.V(e.Message), wire.V(e.LogStreamName), id})
			}
			if wire.V(out.NextToken) == "" || len(lines) >= logsShown {
				break
			}
			in.NextToken = out.NextToken
		}
		if late := newest - logLate.Milliseconds(); late > from {
			t.from[g.group] = late
		} else {
			t.from[g.group] = from
		}
	}
	sort.SliceStable(lines, func(i, k int) bool { return lines[i].at < lines[k].at })
	for _, l := range lines {
		t.show(l)
	}
	return found, nil
}

func (t *tailer) show(l logLine) {
	if t.a.json() {
		b, _ := json.Marshal(map[string]any{"time": time.UnixMilli(l.at).UTC().Format(time.RFC3339Nano), "group": l.group, "stream": l.stream, "message": strings.TrimRight(l.message, "\n")})
		t.a.say("%s", b)
		return
	}
	label := ""
	if l.label != "" {
		label = fmt.Sprintf("%-*s  ", t.width, l.label)
		if t.a.Terminal && t.a.Getenv("NO_COLOR") == "" {
			label = "\x1b[36m" + label + "\x1b[0m"
		}
	}
	at := time.UnixMilli(l.at).Local().Format("15:04:05.000")
	for _, line := range strings.Split(strings.TrimRight(l.message, "\n"), "\n") {
		t.a.say("%s  %s%s", at, label, clean(line))
	}
}

// clean takes control characters out of what functions wrote: a log line must not drive the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return -1
	}, s)
}
