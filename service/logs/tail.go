package logs

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	logsapi "virga/api/logs"
	"virga/internal/env"
	"virga/internal/wire"
)

// Limits of Live Tail (Amazon CloudWatch Logs API Reference, StartLiveTail; CloudWatch Logs quotas).
const (
	tailGroupsMax   = 10
	tailSessionsMax = 15 // of an account in a region
	tailEventsMax   = 500
	tailUpdatesMax  = 10 // kept for a slow client; the oldest are dropped
	tailEvery       = time.Second
	tailFor         = 3 * time.Hour
	tailBytesMax    = 1 << 20 // of messages in one update
)

// tails are the Live Tail sessions of this node.
type tails struct {
	env   env.Env
	count atomic.Int32
	mu    sync.Mutex // never held across a wait
	by    map[string][]*tail
	open  map[string]int // sessions by account and region
}

func (t *tails) init(e env.Env) { t.env, t.by, t.open = e, map[string][]*tail{}, map[string]int{} }

// tail is a session: the source of its event stream.
type tail struct {
	ctx    context.Context
	all    *tails
	scope  string
	id     string
	start  logsapi.LiveTailSessionStart
	groups []string // ids
	match  func(string) bool
	begins time.Time // of the session
	next   time.Time // of the next update
	state  int

	mu     sync.Mutex // never held across a wait
	now    update
	full   []update
	closed bool
}

// update is what one second brought.
type update struct {
	until   time.Time
	events  []logsapi.LiveTailSessionLogEvent
	bytes   int
	sampled bool
}

// StartLiveTail implements the operation.
func (s *Service) StartLiveTail(ctx context.Context, in *logsapi.StartLiveTailInput) (*logsapi.StartLiveTailOutput, error) {
	c := wire.CallOf(ctx)
	switch {
	case len(in.LogGroupIdentifiers) > tailGroupsMax:
		return nil, bad("At most 10 log groups can be tailed in one session.")
	case len(in.LogStreamNames) > 0 && len(in.LogStreamNamePrefixes) > 0:
		return nil, bad("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
	case len(in.LogGroupIdentifiers) > 1 && len(in.LogStreamNames)+len(in.LogStreamNamePrefixes) > 0:
		return nil, bad("logStreamNames and logStreamNamePrefixes can be specified with one log group only.")
	}
	match, err := matcher(wire.V(in.LogEventFilterPattern))
	if err != nil {
		return nil, err
	}
	t := &tail{ctx: ctx, all: &s.tails, scope: c.Account + "/" + c.Region, id: env.NewID(s.cfg.Env), match: match}
	for _, id := range in.LogGroupIdentifiers {
		i, err := tailed(c, id)
		if err != nil {
			return nil, err
		}
		g, err := s.own(ctx, i)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(t.groups, g.ID) {
			t.groups = append(t.groups, g.ID)
		}
	}
	t.start = logsapi.LiveTailSessionStart{RequestId: &c.RequestID, SessionId: &t.id, LogGroupIdentifiers: in.LogGroupIdentifiers,
		LogStreamNames: list(in.LogStreamNames), LogStreamNamePrefixes: list(in.LogStreamNamePrefixes), LogEventFilterPattern: wire.P(wire.V(in.LogEventFilterPattern))}
	now := s.cfg.Env.Now()
	t.begins, t.next = now, now.Add(tailEvery)
	t.now.until = t.next
	if !s.tails.add(t) {
		return nil, &logsapi.LimitExceededException{Message: "The maximum number of concurrent Live Tail sessions was reached."}
	}
	return &logsapi.StartLiveTailOutput{ResponseStream: t}, nil
}

// tailed reads a group's ARN, which must not end with an asterisk here.
func tailed(c *wire.Call, id string) (ident, error) {
	if !strings.HasPrefix(id, "arn:") || strings.HasSuffix(id, "*") {
		return ident{}, bad("The log group identifier must be the ARN of a log group without an asterisk at its end: " + id)
	}
	return identify(c, id)
}

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// StartLiveTailRequires implements the operation's requirements.
func (s *Service) StartLiveTailRequires(ctx context.Context, in *logsapi.StartLiveTailInput, r *wire.Requirements) error {
	for _, id := range in.LogGroupIdentifiers {
		i, err := tailed(wire.CallOf(ctx), id)
		if err != nil {
			return err
		}
		s.need(ctx, r, "StartLiveTail", i, "")
	}
	return nil
}

func (t *tails) add(x *tail) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[x.scope] >= tailSessionsMax {
		return false
	}
	t.open[x.scope]++
	for _, g := range x.groups {
		t.by[g] = append(t.by[g], x)
	}
	t.count.Add(1)
	return true
}

// publish shows events that were stored to the sessions of their group. Without a session it costs one load.
func (t *tails) publish(g *group, streamName string, events []logsapi.InputLogEvent, ingested int64) {
	if t.count.Load() == 0 {
		return
	}
	t.mu.Lock()
	l := slices.Clone(t.by[g.ID])
	t.mu.Unlock()
	now := t.env.Now()
	for _, x := range l {
		x.take(g, streamName, events, ingested, now)
	}
}

func (x *tail) take(g *group, streamName string, events []logsapi.InputLogEvent, ingested int64, now time.Time) {
	if n := x.start.LogStreamNames; len(n) > 0 && !slices.Contains(n, streamName) {
		return
	}
	if p := x.start.LogStreamNamePrefixes; len(p) > 0 && !slices.ContainsFunc(p, func(p string) bool { return strings.HasPrefix(streamName, p) }) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return
	}
	x.turn(now)
	id := g.Account + ":" + g.Name
	for i := range events {
		e := &events[i]
		if x.now.sampled {
			return
		}
		if x.match != nil && !x.match(e.Message) {
			continue
		}
		if len(x.now.events) == tailEventsMax || len(x.now.events) > 0 && x.now.bytes+len(e.Message) > tailBytesMax {
			x.now.sampled = true
			return
		}
		x.now.bytes += len(e.Message)
		x.now.events = append(x.now.events, logsapi.LiveTailSessionLogEvent{LogStreamName: &streamName, LogGroupIdentifier: &id,
			Message: wire.P(strings.Clone(e.Message)), Timestamp: wire.P(e.Timestamp), IngestionTime: &ingested})
	}
}

// turn puts a second that is over among those to send.
func (x *tail) turn(now time.Time) {
	if now.Before(x.now.until) {
		return
	}
	if len(x.now.events) > 0 {
		if len(x.full) == tailUpdatesMax {
			x.full = x.full[1:]
		}
		x.full = append(x.full, x.now)
	}
	x.now = update{until: now.Add(tailEvery)}
}

// Next implements wire.EventReader: the start, then an update every second.
func (x *tail) Next() (any, error) {
	switch x.state {
	case 0:
		x.state = 1
		return &logsapi.StartLiveTailResponseStream{SessionStart: &x.start}, nil
	case 2:
		return nil, io.EOF
	}
	for x.all.env.Now().Before(x.next) {
		if _, err := x.all.env.Wait(x.ctx, "logs/tail/"+x.id, x.next); err != nil {
			x.state = 2
			return nil, io.EOF // the client has gone
		}
	}
	now := x.all.env.Now()
	if now.Sub(x.begins) >= tailFor {
		x.state = 2
		return &logsapi.StartLiveTailResponseStream{SessionTimeoutException: &logsapi.SessionTimeoutException{Message: "Your live tail session was closed because it reached the maximum duration of three hours."}}, nil
	}
	x.next = now.Add(tailEvery)
	x.mu.Lock()
	x.turn(now)
	u := update{}
	if len(x.full) > 0 {
		u, x.full = x.full[0], x.full[1:]
	}
	if len(x.full) > 0 {
		x.next = now // behind: send the rest at once
	}
	x.mu.Unlock()
	if u.events == nil {
		u.events = []logsapi.LiveTailSessionLogEvent{}
	}
	return &logsapi.StartLiveTailResponseStream{SessionUpdate: &logsapi.LiveTailSessionUpdate{
		SessionMetadata: &logsapi.LiveTailSessionMetadata{Sampled: &u.sampled}, SessionResults: u.events}}, nil
}

// Close implements io.Closer.
func (x *tail) Close() error {
	x.mu.Lock()
	was := x.closed
	x.closed = true
	x.mu.Unlock()
	if was {
		return nil
	}
	t := x.all
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[x.scope]--; t.open[x.scope] <= 0 {
		delete(t.open, x.scope)
	}
	for _, g := range x.groups {
		if l := slices.DeleteFunc(t.by[g], func(y *tail) bool { return y == x }); len(l) > 0 {
			t.by[g] = l
		} else {
			delete(t.by, g)
		}
	}
	t.count.Add(-1)
	return nil
}
