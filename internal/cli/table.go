package cli

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	cfnapi "virga/api/cloudformation"
	"virga/internal/wire"
)

// table shows the resources of a stack while an operation goes on: on a terminal as a table that changes in place, else a
// line per event. With JSON it shows nothing.
type table struct {
	a     *App
	rows  []row
	lines int // drawn
}

type row struct{ id, typ, status, reason string }

const eventsMax = 5000 // of one operation

// watch follows the events until the stack's operation ends, and gives what failed.
func (t *table) watch(ctx context.Context, c *clients, id string, since time.Time) ([]failure, error) {
	seen := map[string]bool{}
	var failures []failure
	for {
		events, err := recent(ctx, c, id, since, seen)
		if err != nil {
			return failures, err
		}
		ended := false
		for _, e := range events {
			seen[e.EventId] = true
			logical, typ, status, reason := wire.V(e.LogicalResourceId), wire.V(e.ResourceType), wire.V(e.ResourceStatus), wire.V(e.ResourceStatusReason)
			t.event(e.Timestamp, row{logical, typ, status, reason})
			stack := wire.V(e.PhysicalResourceId) == id
			if strings.HasSuffix(status, "_FAILED") && !stack && !cancelled(reason) {
				failures = append(failures, failure{logical, typ, reason})
			}
			if stack {
				ended = !strings.HasSuffix(status, "_IN_PROGRESS")
			}
		}
		t.draw()
		if ended {
			return failures, nil
		}
		if err := pause(ctx, pollStack); err != nil {
			return failures, err
		}
	}
}

// cancelled tells that a resource failed only because another did.
func cancelled(reason string) bool {
	return strings.HasPrefix(reason, "Resource creation cancelled") || strings.HasPrefix(reason, "Resource update cancelled")
}

// recent gives the events of an operation that were not seen, oldest first.
func recent(ctx context.Context, c *clients, id string, since time.Time, seen map[string]bool) ([]cfnapi.StackEvent, error) {
	var out []cfnapi.StackEvent
	in := &cfnapi.DescribeStackEventsInput{StackName: id}
	for {
		page, err := c.cfn.DescribeStackEvents(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, e := range page.StackEvents {
			if seen[e.EventId] || e.Timestamp.Before(since.Add(-time.Second)) || len(out) >= eventsMax {
				slices.Reverse(out)
				return out, nil
			}
			if wire.V(e.ResourceStatus) == "REVIEW_IN_PROGRESS" || e.Timestamp.Before(since) && !strings.HasSuffix(wire.V(e.ResourceStatus), "_IN_PROGRESS") {
				continue
			}
			out = append(out, e)
		}
		if wire.V(page.NextToken) == "" {
			slices.Reverse(out)
			return out, nil
		}
		in.NextToken = page.NextToken
	}
}

func (t *table) event(at time.Time, r row) {
	if t.a.json() {
		return
	}
	if !t.a.Terminal {
		t.a.say("%s  %-28s %-32s %s%s", at.Local().Format("15:04:05"), t.a.paint(r.status), r.typ, r.id, because(r.reason))
		return
	}
	for i := range t.rows {
		if t.rows[i].id == r.id {
			t.rows[i] = r
			return
		}
	}
	t.rows = append(t.rows, r)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return "  (" + strings.ReplaceAll(reason, "\n", " ") + ")"
}

// draw shows the table anew, over the old one.
func (t *table) draw() {
	if t.a.json() || !t.a.Terminal || len(t.rows) == 0 {
		return
	}
	if t.lines > 0 {
		fmt.Fprintf(t.a.Out, "\x1b[%dA", t.lines)
	}
	for _, r := range t.rows {
		fmt.Fprintf(t.a.Out, "\x1b[2K  %s  %-32s %s%s\n", t.a.paint(fmt.Sprintf("%-28s", r.status)), r.typ, r.id, because(r.reason))
	}
	t.lines = len(t.rows)
}

// paint colours a status on a terminal.
func (a *App) paint(status string) string {
	if !a.Terminal || a.Getenv("NO_COLOR") != "" {
		return status
	}
	colour := "32"
	switch s := strings.TrimSpace(status); {
	case strings.Contains(s, "FAILED"), strings.Contains(s, "ROLLBACK"):
		colour = "31"
	case strings.HasSuffix(s, "_IN_PROGRESS"):
		colour = "33"
	}
	return "\x1b[" + colour + "m" + status + "\x1b[0m"
}

func sortedNames[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
