package logs

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	logsapi "virga/api/logs"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of PutLogEvents (Amazon CloudWatch Logs API Reference, PutLogEvents).
const (
	batchBytesMax = 1 << 20
	eventOverhead = 26
	spanMax       = 24 * time.Hour
	tooOld        = 14 * 24 * time.Hour
	tooNew        = 2 * time.Hour
)

// PutLogEvents implements the operation. Sequence tokens are taken and not looked at, as AWS does.
func (s *Service) PutLogEvents(ctx context.Context, in *logsapi.PutLogEventsInput) (*logsapi.PutLogEventsOutput, error) {
	c := wire.CallOf(ctx)
	if err := namesOK(in.LogGroupName, in.LogStreamName); err != nil {
		return nil, err
	}
	size := 0
	for i := range in.LogEvents {
		e := &in.LogEvents[i]
		size += len(e.Message) + eventOverhead
		if i > 0 && e.Timestamp < in.LogEvents[i-1].Timestamp {
			return nil, bad("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > batchBytesMax {
		return nil, bad(fmt.Sprintf("Upload too large: %d bytes exceeds limit of %d", size, batchBytesMax))
	}
	g, err := s.find(ctx, c.Account, c.Region, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Env.Wall()
	events, rejected := sift(in.LogEvents, g, now)
	out := &logsapi.PutLogEventsOutput{RejectedLogEventsInfo: rejected}
	if in.Entity != nil {
		out.RejectedEntityInfo = &logsapi.RejectedEntityInfo{ErrorType: "UnsupportedLogGroupType"}
	}
	if len(events) > 0 && events[len(events)-1].Timestamp-events[0].Timestamp > spanMax.Milliseconds() {
		return nil, bad("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	for i := range events {
		if !utf8.ValidString(events[i].Message) {
			events = clean(events)
			break
		}
	}
	st, err := s.store(ctx, g, in.LogStreamName, events, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	out.NextSequenceToken = wire.P(sequenceToken(st.ID, st.Seq))
	if len(events) > 0 {
		s.tails.publish(g, in.LogStreamName, events, now.UnixMilli())
	}
	return out, nil
}

// sift gives the events whose time is right, and says which are not.
func sift(all []logsapi.InputLogEvent, g *group, now time.Time) ([]logsapi.InputLogEvent, *logsapi.RejectedLogEventsInfo) {
	old, kept, newest := now.Add(-tooOld).UnixMilli(), g.keptFrom(now), now.Add(tooNew).UnixMilli()
	if n := len(all); n > 0 && all[0].Timestamp >= max(old, kept) && all[n-1].Timestamp <= newest {
		return all, nil
	}
	from, to := 0, len(all)
	var r logsapi.RejectedLogEventsInfo
	for from < len(all) && all[from].Timestamp < old {
		from++
		r.TooOldLogEventEndIndex = wire.P(int32(from))
	}
	for from < len(all) && all[from].Timestamp < kept {
		from++
		r.ExpiredLogEventEndIndex = wire.P(int32(from))
	}
	for to > from && all[to-1].Timestamp > newest {
		to--
		r.TooNewLogEventStartIndex = wire.P(int32(to))
	}
	return all[from:to], &r
}

func clean(events []logsapi.InputLogEvent) []logsapi.InputLogEvent {
	out := make([]logsapi.InputLogEvent, len(events))
	for i, e := range events {
		out[i] = logsapi.InputLogEvent{Timestamp: e.Timestamp, Message: strings.ToValidUTF8(e.Message, "\uFFFD")}
	}
	return out
}

// store writes events in time order to a stream and gives its record afterwards.
func (s *Service) store(ctx context.Context, g *group, name string, events []logsapi.InputLogEvent, ingested int64) (*stream, error) {
	parts := pieces(events, ingested)
	packed := make([][]byte, len(parts))
	days := map[int64]int64{}
	for i, p := range parts {
		packed[i] = s.codec.pack(p.plain)
		days[p.min/dayMillis] += int64(len(p.plain))
	}
	due := s.used.take(g.ID, s.cfg.Env.Wall())
	k := streamKey(g.Account, g.ID, name)
	var st *stream
	err := s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		var ok bool
		if st, ok = store.Load[stream](tx, k); !ok {
			return noStream()
		}
		if len(parts) == 0 {
			return nil
		}
		last := st.Last
		for i, p := range parts {
			row, x := packed[i], index{Stream: name, Max: p.max, Count: p.count, Plain: int64(len(p.plain))}
			min, seq := p.min, st.Seq+1
			if i == 0 && st.grows(p, ingested) {
				// The stream's newest chunk is young and small: it takes the put in.
				grown, old, err := s.grow(tx, g, st, p)
				if err != nil {
					return err
				}
				row, min, seq = grown, st.Open.Min, st.Open.Seq
				x.Max, x.Count, x.Plain = max(x.Max, old.Max), x.Count+old.Count, x.Plain+old.Plain
			} else {
				st.Seq = seq
				st.Open = open{Min: min, Seq: seq, Began: ingested}
			}
			st.Open.Plain = x.Plain
			store.Put(tx, chunkKey(g.Account, g.ID, min, st.ID, seq), &chunk{Packed: row})
			store.Put(tx, indexKey(g.Account, g.ID, min, st.ID, seq), &x)
			store.Put(tx, streamIndexKey(g.Account, g.ID, st.ID, min, seq), &x)
			if st.First == 0 || p.min < st.First {
				st.First = p.min
			}
			st.Last = max(st.Last, p.max)
		}
		st.Ingested = ingested
		store.Put(tx, k, st)
		if st.Last != last {
			tx.Delete(lastKey(g.Account, g.ID, last, name))
			tx.Set(lastKey(g.Account, g.ID, st.Last, name), nil)
		}
		if due != nil {
			writeUsage(tx, g.Account, g.ID, due)
			writeUsage(tx, g.Account, g.ID, days)
		}
		return nil
	})
	switch {
	case err != nil && due != nil:
		s.used.add(g.ID, due)
	case err == nil && due == nil:
		s.used.add(g.ID, days)
	}
	return st, err
}

// grows tells whether the newest chunk takes a piece in.
func (st *stream) grows(p piece, ingested int64) bool {
	o := &st.Open
	return o.Seq > 0 && o.Plain <= chunkGrows && ingested >= o.Began && ingested-o.Began < chunkOpen && p.min >= o.Min &&
		p.max/minuteMillis == o.Min/minuteMillis && o.Plain+int64(len(p.plain)) <= chunkMax
}

// grow gives the newest chunk with a piece at its end, packed, and its index row as it was.
func (s *Service) grow(tx store.Tx, g *group, st *stream, p piece) ([]byte, *index, error) {
	old, ok := store.Load[index](tx, indexKey(g.Account, g.ID, st.Open.Min, st.ID, st.Open.Seq))
	c, ok2 := store.Load[chunk](tx, chunkKey(g.Account, g.ID, st.Open.Min, st.ID, st.Open.Seq))
	if !ok || !ok2 { // retention has dropped it
		return s.codec.pack(p.plain), &index{}, nil
	}
	plain, err := s.codec.unpack(c.Packed, nil)
	if err != nil {
		return nil, nil, err
	}
	return s.codec.pack(append(plain, p.plain...)), old, nil
}

// PutLogEventsRequires implements the operation's requirements.
func (s *Service) PutLogEventsRequires(ctx context.Context, in *logsapi.PutLogEventsInput, r *wire.Requirements) error {
	s.need(ctx, r, "PutLogEvents", here(wire.CallOf(ctx), in.LogGroupName), in.LogStreamName)
	return nil
}
