package logs

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	logsapi "virga/api/logs"
	"virga/internal/logpattern"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	tokenFor     = 24 * time.Hour
	timeMax      = math.MaxInt64 - 2*dayMillis
	reverseSince = 1704067200000 // 2024-01-01: from then on FilterLogEvents reads backwards
)

func (p pos) bytes() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.ts))
	b = binary.BigEndian.AppendUint64(b, uint64(p.ingested))
	b = binary.BigEndian.AppendUint64(b, p.seq)
	b = binary.BigEndian.AppendUint64(b, uint64(p.at))
	return append(b, p.stream...)
}

func posOf(b []byte) (p pos, ok bool) {
	if len(b) < 32 {
		return pos{}, false
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	return pos{ts: int64(n(0)), ingested: int64(n(1)), seq: n(2), at: int(n(3)), stream: string(b[32:])}, true
}

// id is the event's id: 56 digits that order events by time.
func (p pos) id() string {
	h := fnv.New64a()
	h.Write([]byte(p.stream))
	return fmt.Sprintf("3%013d%020d%015d%07d", p.ts, h.Sum64(), p.seq, p.at)
}

// GetLogEvents implements the operation. Tokens are places between events: f/ goes on behind one, b/ before one; the end of
// the stream repeats the token it was given.
func (s *Service) GetLogEvents(ctx context.Context, in *logsapi.GetLogEventsInput) (*logsapi.GetLogEventsOutput, error) {
	c := wire.CallOf(ctx)
	i, err := either(c, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if err := namesOK(in.LogStreamName); err != nil {
		return nil, err
	}
	g, err := s.own(ctx, i)
	if err != nil {
		return nil, err
	}
	sts, err := s.streams(ctx, g, []string{in.LogStreamName})
	if err != nil {
		return nil, err
	}
	q := &scan{s: s, g: g, streams: sts, lo: wire.V(in.StartTime), hi: min(wire.Or(in.EndTime, timeMax), timeMax), max: int(wire.Or(in.Limit, pageEventsMax)), back: !wire.V(in.StartFromHead)}
	query, token := sts[0].ID, wire.V(in.NextToken)
	if token != "" {
		kind, sealed, _ := strings.Cut(token, "/")
		b, err := s.untoken(c, query, sealed)
		if err != nil {
			return nil, err
		}
		p, ok := posOf(b)
		if !ok || kind != "f" && kind != "b" {
			return nil, bad("The specified nextToken is invalid.")
		}
		q.from, q.back = &p, kind == "b"
	}
	events, next, err := q.run(ctx)
	if err != nil {
		return nil, err
	}
	out := &logsapi.GetLogEventsOutput{Events: make([]logsapi.OutputLogEvent, len(events))}
	if q.back {
		slices.Reverse(events)
	}
	for i := range events {
		e := &events[i]
		out.Events[i] = logsapi.OutputLogEvent{Timestamp: &e.ts, Message: &e.message, IngestionTime: &e.ingested}
	}
	// Without an event both tokens stand where the page began, or where the search was broken off.
	first, last := before(q.lo), before(q.lo)
	switch {
	case len(events) > 0:
		first, last = events[0].pos, events[len(events)-1].pos
	case next != nil:
		first, last = *next, *next
	case q.from != nil:
		first, last = *q.from, *q.from
	}
	if len(events) > 0 && next != nil { // broken off behind the last event
		if q.back {
			first = *next
		} else {
			last = *next
		}
	}
	repeat := token != "" && len(events) == 0 && next == nil
	for _, t := range []struct {
		kind string
		at   pos
		to   **string
	}{{"f", last, &out.NextForwardToken}, {"b", first, &out.NextBackwardToken}} {
		if repeat && token[:1] == t.kind {
			*t.to = &token
			continue
		}
		sealed, err := s.token(c, query, t.at.bytes())
		if err != nil {
			return nil, err
		}
		*t.to = wire.P(t.kind + "/" + sealed)
	}
	return out, nil
}

// streams finds streams of a group by name.
func (s *Service) streams(ctx context.Context, g *group, names []string) (out []*stream, err error) {
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		out = out[:0]
		for _, n := range names {
			st, ok := store.Load[stream](r, streamKey(g.Account, g.ID, n))
			if !ok {
				return noStream()
			}
			out = append(out, st)
		}
		return nil
	})
	return out, err
}

// GetLogEventsRequires implements the operation's requirements.
func (s *Service) GetLogEventsRequires(ctx context.Context, in *logsapi.GetLogEventsInput, r *wire.Requirements) error {
	i, err := either(wire.CallOf(ctx), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return err
	}
	s.need(ctx, r, "GetLogEvents", i, in.LogStreamName)
	if wire.V(in.Unmask) {
		s.need(ctx, r, "Unmask", i, "")
	}
	return nil
}

// FilterLogEvents implements the operation. interleaved is taken and means nothing, as with AWS since 2019.
func (s *Service) FilterLogEvents(ctx context.Context, in *logsapi.FilterLogEventsInput) (*logsapi.FilterLogEventsOutput, error) {
	c := wire.CallOf(ctx)
	i, err := either(c, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	prefix := wire.V(in.LogStreamNamePrefix)
	if err := namesOK(append([]string{prefix}, in.LogStreamNames...)...); err != nil {
		return nil, err
	}
	if prefix != "" && len(in.LogStreamNames) > 0 {
		return nil, bad("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
	}
	g, err := s.own(ctx, i)
	if err != nil {
		return nil, err
	}
	q := &scan{s: s, g: g, prefix: prefix, lo: wire.V(in.StartTime), hi: timeMax, max: int(wire.Or(in.Limit, pageEventsMax)), back: !wire.Or(in.StartFromHead, true)}
	if in.EndTime != nil {
		q.hi = min(*in.EndTime, timeMax-1) + 1
	}
	if q.back && q.lo < reverseSince {
		return nil, bad("startFromHead can be false only when startTime is on or after Jan 1, 2024 00:00:00 UTC.")
	}
	if in.StartTime != nil && in.EndTime != nil && *in.StartTime > *in.EndTime {
		return nil, bad("startTime must not be after endTime.")
	}
	if q.match, err = matcher(wire.V(in.FilterPattern)); err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 {
		names := slices.Clone(in.LogStreamNames)
		slices.Sort(names)
		if q.streams, err = s.streams(ctx, g, slices.Compact(names)); err != nil {
			return nil, err
		}
	}
	query := fmt.Sprintf("%s %q %q %q %d %d", g.ID, in.LogStreamNames, prefix, wire.V(in.FilterPattern), q.lo, q.hi)
	now := s.cfg.Env.Wall()
	if t := wire.V(in.NextToken); t != "" {
		b, err := s.untoken(c, query, t)
		if err != nil {
			return nil, err
		}
		p, ok := pos{}, len(b) > 9
		if ok {
			p, ok = posOf(b[9:])
		}
		if !ok || now.Sub(time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0)) > tokenFor {
			return nil, bad("The specified nextToken is invalid.")
		}
		q.from, q.back = &p, b[0] == 1
	}
	events, next, err := q.run(ctx)
	if err != nil {
		return nil, err
	}
	out := &logsapi.FilterLogEventsOutput{Events: make([]logsapi.FilteredLogEvent, len(events)), SearchedLogStreams: []logsapi.SearchedLogStream{}}
	for i := range events {
		e := &events[i]
		out.Events[i] = logsapi.FilteredLogEvent{LogStreamName: &e.name, Timestamp: &e.ts, Message: &e.message, IngestionTime: &e.ingested, EventId: wire.P(e.id())}
	}
	if next != nil {
		b := []byte{0}
		if q.back {
			b[0] = 1
		}
		t, err := s.token(c, query, append(binary.BigEndian.AppendUint64(b, uint64(now.Unix())), next.bytes()...))
		if err != nil {
			return nil, err
		}
		out.NextToken = &t
	}
	return out, nil
}

// matcher compiles a filter pattern, nil for one that everything matches.
func matcher(pattern string) (func(string) bool, error) {
	if strings.TrimSpace(pattern) == "" {
		return nil, nil
	}
	p, err := logpattern.Compile(pattern, logpattern.Limits{})
	if err != nil {
		return nil, bad(err.Error())
	}
	return p.Match, nil
}

// FilterLogEventsRequires implements the operation's requirements.
func (s *Service) FilterLogEventsRequires(ctx context.Context, in *logsapi.FilterLogEventsInput, r *wire.Requirements) error {
	i, err := either(wire.CallOf(ctx), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return err
	}
	s.need(ctx, r, "FilterLogEvents", i, "")
	if wire.V(in.Unmask) {
		s.need(ctx, r, "Unmask", i, "")
	}
	return nil
}
