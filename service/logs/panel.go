package logs

import (
	"context"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"time"

	logsapi "virga/api/logs"
	"virga/internal/console/panel"
	"virga/internal/wire"
)

//go:embed panel.html
var panelHTML string

const (
	panelLinesMax   = 200 // lines of a page at first; what grows comes behind
	panelPageMax    = 1000
	panelPagesMax   = 5
	panelStreamsMax = 100
	panelOverlap    = 2 * time.Second // a line of a slower stream may be older than the last one shown
)

// consolePanel is the console's panel of log groups. It uses the service's client as who is signed in, like any caller.
func consolePanel() panel.Panel {
	return panel.Panel{Name: "logs", Title: "Logs", Key: "l", HTML: panelHTML, Card: groupsCard,
		Links: map[string]func(string) string{"AWS::Logs::LogGroup": func(name string) string { return panel.Join("logs", name) }},
		Pages: []panel.Page{
			{Pattern: "GET /logs", Do: groupsPage},
			{Pattern: "GET /logs/{group}", Do: eventsPage},
			{Pattern: "GET /logs/{group}/streams", Do: streamsPage},
		}}
}

type groupView struct {
	Name      string
	Bytes     int64
	Retention string
	Created   time.Time
}

type streamView struct {
	Name    string
	Last    time.Time
	Created time.Time
}

type lineView struct {
	Key     string
	At      time.Time
	Stream  string
	Message string
	Kind    string // "platform", "error" or ""
}

type eventsData struct {
	Group, Tab                     string
	Stream, Filter, Since, Problem string
	Lines                          []lineView
	After                          string // where a page that grows goes on, ms
	Full                           bool   // there are older ones
	Streams                        []streamView
	More                           bool
}

var sinces = map[string]time.Duration{"5m": 5 * time.Minute, "1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "all": 0}

func panelClient(r *panel.Request) *logsapi.Client { return &logsapi.Client{Invoker: r.Invoker} }

func panelGroups(ctx context.Context, r *panel.Request) ([]groupView, bool, error) {
	return panel.Collect(func(token *string) ([]groupView, *string, error) {
		out, err := panelClient(r).DescribeLogGroups(ctx, &logsapi.DescribeLogGroupsInput{Limit: wire.P(int32(50)), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		l := make([]groupView, 0, len(out.LogGroups))
		for _, g := range out.LogGroups {
			v := groupView{Name: wire.V(g.LogGroupName), Bytes: wire.V(g.StoredBytes), Retention: "never", Created: millis(g.CreationTime)}
			if g.RetentionInDays != nil {
				v.Retention = "after " + strconv.Itoa(int(*g.RetentionInDays)) + " days"
			}
			l = append(l, v)
		}
		return l, out.NextToken, nil
	})
}

func millis(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms)
}

func groupsCard(ctx context.Context, r *panel.Request) (*panel.Card, error) {
	l, more, err := panelGroups(ctx, r)
	if err != nil {
		return nil, err
	}
	c := &panel.Card{Count: len(l), More: more, Noun: "log group", Plural: "log groups", Hint: "logs create-log-group --log-group-name /app/orders"}
	for _, g := range l[:min(5, len(l))] {
		c.Items = append(c.Items, panel.Item{Text: g.Name, To: panel.Join("logs", g.Name)})
	}
	return c, nil
}

func groupsPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	l, more, err := panelGroups(ctx, r)
	if err != nil {
		return nil, err
	}
	return &panel.View{Template: "logs/list", Title: "Logs", Data: struct {
		Groups []groupView
		More   bool
	}{l, more}}, nil
}

func streamsPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	d := eventsData{Group: r.Path("group"), Tab: "streams"}
	out, err := panelClient(r).DescribeLogStreams(ctx, &logsapi.DescribeLogStreamsInput{LogGroupName: &d.Group, OrderBy: wire.P("LastEventTime"), Descending: wire.P(true), Limit: wire.P(int32(50))})
	if err != nil {
		return nil, err
	}
	for _, s := range out.LogStreams {
		d.Streams = append(d.Streams, streamView{Name: wire.V(s.LogStreamName), Last: millis(s.LastEventTimestamp), Created: millis(s.CreationTime)})
	}
	d.More = out.NextToken != nil
	return &panel.View{Template: "logs/group", Title: d.Group, Data: d}, nil
}

// eventsPage shows the last lines of a group or a stream, and what came after a point for a page that grows.
func eventsPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	d := eventsData{Group: r.Path("group"), Tab: "events", Stream: r.Query.Get("stream"), Filter: r.Query.Get("filter"), Since: r.Query.Get("since")}
	if _, ok := sinces[d.Since]; !ok {
		d.Since = "24h"
	}
	in := &logsapi.FilterLogEventsInput{LogGroupName: &d.Group, StartTime: wire.P(int64(reverseSince)), StartFromHead: wire.P(false), Limit: wire.P(int32(panelLinesMax))}
	if back := sinces[d.Since]; back > 0 {
		in.StartTime = wire.P(r.Now.Add(-back).UnixMilli())
	}
	// A page that grows gets the newest lines too: where more came than a page holds, those between are skipped, and it
	// says so; it never falls behind.
	after, _ := strconv.ParseInt(r.Query.Get("after"), 10, 64)
	if after > 0 {
		in.StartTime, in.Limit = wire.P(max(after-panelOverlap.Milliseconds(), reverseSince)), wire.P(int32(panelPageMax))
	}
	if d.Filter != "" {
		in.FilterPattern = &d.Filter
	}
	if d.Stream != "" {
		in.LogStreamNames = []string{d.Stream}
	}
	events, more, err := latest(ctx, r, in)
	if err != nil {
		if d.Filter == "" || wire.CodeOf(err) != "InvalidParameterException" {
			return nil, err
		}
		d.Problem = wire.Info(nil, wire.JSON11, err).Message // of the pattern: the page stays, so that it can be changed
		return &panel.View{Template: "logs/group", Title: d.Group, Data: d}, nil
	}
	d.Full = more && after == 0
	last := after
	if more && after > 0 && len(events) > 0 && wire.V(events[0].Timestamp) > after {
		at := wire.V(events[0].Timestamp)
		d.Lines = append(d.Lines, lineView{Key: "skipped-" + strconv.FormatInt(at, 10), At: time.UnixMilli(at), Kind: "platform", Message: "… lines were skipped here: more came than can be shown. A filter shows those that matter."})
	}
	for _, e := range events {
		last = max(last, wire.V(e.Timestamp))
		d.Lines = append(d.Lines, lineView{Key: wire.V(e.EventId), At: millis(e.Timestamp), Stream: wire.V(e.LogStreamName), Message: strings.TrimRight(wire.V(e.Message), "\n"), Kind: lineKind(wire.V(e.Message))})
	}
	if last > 0 {
		d.After = strconv.FormatInt(last, 10)
	}
	return &panel.View{Template: "logs/group", Title: d.Group, Data: d}, nil
}

// latest reads the last lines of a query, oldest first. A filter that seldom matches is looked for in panelPagesMax pages.
func latest(ctx context.Context, r *panel.Request, in *logsapi.FilterLogEventsInput) (events []logsapi.FilteredLogEvent, more bool, err error) {
	want := int(*in.Limit)
	for range panelPagesMax {
		out, err := panelClient(r).FilterLogEvents(ctx, in)
		if err != nil {
			return nil, false, err
		}
		events = append(events, out.Events...)
		if in.NextToken = out.NextToken; in.NextToken == nil || len(events) >= want {
			break
		}
	}
	events = events[:min(len(events), want)]
	slices.Reverse(events)
	return events, in.NextToken != nil, nil
}

// lineKind tells platform lines of functions and those that look like errors, for their colour.
func lineKind(s string) string {
	for _, p := range []string{"START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START "} {
		if strings.HasPrefix(s, p) {
			return "platform"
		}
	}
	if i := strings.Index(s, "\n"); i >= 0 {
		s = s[:i]
	}
	for _, p := range []string{"ERROR", "Traceback ", "Task timed out", "Error:", "Exception"} {
		if strings.Contains(s, p) {
			return "error"
		}
	}
	return ""
}
