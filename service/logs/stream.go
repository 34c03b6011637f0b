package logs

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	logsapi "virga/api/logs"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// CreateLogStream implements the operation.
func (s *Service) CreateLogStream(ctx context.Context, in *logsapi.CreateLogStreamInput) (*logsapi.CreateLogStreamOutput, error) {
	c := wire.CallOf(ctx)
	if err := namesOK(in.LogGroupName, in.LogStreamName); err != nil {
		return nil, err
	}
	st := &stream{Name: in.LogStreamName, ID: env.NewName(s.cfg.Env, env.AlnumLow, idLen), Created: s.cfg.Env.Wall()}
	gk := groupKey(c.Account, c.Region, in.LogGroupName)
	now := s.cfg.Env.Now()
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		g, ok := store.Load[group](tx, gk)
		if !ok {
			return noGroup()
		}
		k := streamKey(c.Account, g.ID, st.Name)
		if old, ok := store.Load[stream](tx, k); ok {
			if id, done := job.Once(tx, c.Account, effect(c)); done && string(id) == old.ID {
				return nil
			}
			return &logsapi.ResourceAlreadyExistsException{Message: "The specified log stream already exists"}
		}
		store.Put(tx, k, st)
		tx.Set(lastKey(c.Account, g.ID, 0, st.Name), nil)
		job.Finish(tx, c.Account, effect(c), now, []byte(st.ID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &logsapi.CreateLogStreamOutput{}, nil
}

// CreateLogStreamRequires implements the operation's requirements.
func (s *Service) CreateLogStreamRequires(ctx context.Context, in *logsapi.CreateLogStreamInput, r *wire.Requirements) error {
	s.need(ctx, r, "CreateLogStream", here(wire.CallOf(ctx), in.LogGroupName), in.LogStreamName)
	return nil
}

// DeleteLogStream implements the operation: the stream is gone at once, its chunks by a step.
func (s *Service) DeleteLogStream(ctx context.Context, in *logsapi.DeleteLogStreamInput) (*logsapi.DeleteLogStreamOutput, error) {
	c := wire.CallOf(ctx)
	if err := namesOK(in.LogGroupName, in.LogStreamName); err != nil {
		return nil, err
	}
	g, err := s.find(ctx, c.Account, c.Region, in.LogGroupName)
	if err != nil {
		return nil, err
	}
	k := streamKey(c.Account, g.ID, in.LogStreamName)
	now := s.cfg.Env.Now()
	err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		st, ok := store.Load[stream](tx, k)
		if !ok {
			return noStream()
		}
		tx.Delete(k)
		tx.Delete(lastKey(c.Account, g.ID, st.Last, st.Name))
		if st.Seq > 0 {
			discardLater(tx, c.Account, c.Region, ref{Group: g.ID, Stream: st.ID, Day: st.First / dayMillis, Last: st.Last / dayMillis}, now)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &logsapi.DeleteLogStreamOutput{}, nil
}

// DeleteLogStreamRequires implements the operation's requirements.
func (s *Service) DeleteLogStreamRequires(ctx context.Context, in *logsapi.DeleteLogStreamInput, r *wire.Requirements) error {
	s.need(ctx, r, "DeleteLogStream", here(wire.CallOf(ctx), in.LogGroupName), in.LogStreamName)
	return nil
}

// DescribeLogStreams implements the operation.
func (s *Service) DescribeLogStreams(ctx context.Context, in *logsapi.DescribeLogStreamsInput) (*logsapi.DescribeLogStreamsOutput, error) {
	c := wire.CallOf(ctx)
	i, err := either(c, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	prefix, byTime := wire.V(in.LogStreamNamePrefix), wire.V(in.OrderBy) == "LastEventTime"
	if err := namesOK(prefix); err != nil {
		return nil, err
	}
	if byTime && prefix != "" {
		return nil, bad("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	g, err := s.own(ctx, i)
	if err != nil {
		return nil, err
	}
	reverse := wire.V(in.Descending)
	max := int(wire.Or(in.Limit, pageDefault))
	query := fmt.Sprintf("%s %q %v %v", g.ID, prefix, byTime, reverse)
	var after []byte
	if t := wire.V(in.NextToken); t != "" {
		if after, err = s.untoken(c, query, t); err != nil {
			return nil, err
		}
	}
	p := streamsOf(c.Account, g.ID).StrPrefix(prefix)
	if byTime {
		p = lastsOf(c.Account, g.ID)
	}
	span := store.Prefix(p)
	span.Reverse = reverse
	if len(after) > 8 {
		last, name := int64(binary.BigEndian.Uint64(after)), string(after[8:])
		k := streamKey(c.Account, g.ID, name)
		if byTime {
			k = lastKey(c.Account, g.ID, last, name)
		}
		if reverse {
			span.To = k
		} else {
			span = store.After(p, k)
		}
	}
	var found []*stream
	more := false
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		found, more = nil, false
		take := func(st *stream) bool {
			if len(found) == max {
				more = true
				return false
			}
			found = append(found, st)
			return true
		}
		if !byTime {
			store.Each(r, span, func(_ store.Key, st *stream) bool { return take(st) })
			return nil
		}
		var names []string
		r.Range(span, func(k store.Key, _ []byte) bool {
			names = append(names, k.StrPart(3))
			return len(names) <= max
		})
		for _, n := range names {
			if st, ok := store.Load[stream](r, streamKey(c.Account, g.ID, n)); ok && !take(st) {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &logsapi.DescribeLogStreamsOutput{LogStreams: make([]logsapi.LogStream, 0, len(found))}
	for _, st := range found {
		l := logsapi.LogStream{LogStreamName: &st.Name, CreationTime: wire.P(st.Created.UnixMilli()), StoredBytes: wire.P(int64(0)),
			Arn: wire.P(streamARN(g.Account, g.Region, g.Name, st.Name))}
		if st.Seq > 0 {
			l.FirstEventTimestamp, l.LastEventTimestamp, l.LastIngestionTime = &st.First, &st.Last, &st.Ingested
			l.UploadSequenceToken = wire.P(sequenceToken(st.ID, st.Seq))
		}
		out.LogStreams = append(out.LogStreams, l)
	}
	if more {
		st := found[len(found)-1]
		t, err := s.token(c, query, append(binary.BigEndian.AppendUint64(nil, uint64(st.Last)), st.Name...))
		if err != nil {
			return nil, err
		}
		out.NextToken = &t
	}
	return out, nil
}

// DescribeLogStreamsRequires implements the operation's requirements.
func (s *Service) DescribeLogStreamsRequires(ctx context.Context, in *logsapi.DescribeLogStreamsInput, r *wire.Requirements) error {
	i, err := either(wire.CallOf(ctx), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return err
	}
	s.need(ctx, r, "DescribeLogStreams", i, "")
	return nil
}

// digits writes n bytes of text as decimal digits, for tokens and ids that AWS shows as long numbers.
func digits(b *strings.Builder, text string) {
	for i := range len(text) {
		fmt.Fprintf(b, "%02d", text[i]%100)
	}
}

// sequenceToken is the token that puts once had to carry; it is 56 digits long and nobody reads it.
func sequenceToken(streamID string, seq uint64) string {
	var b strings.Builder
	b.WriteString("4")
	digits(&b, streamID)
	fmt.Fprintf(&b, "%023d", seq)
	return b.String()
}
