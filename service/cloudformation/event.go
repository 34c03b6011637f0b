package cloudformation

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	cfnapi "virga/api/cloudformation"
	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	stackType     = "AWS::CloudFormation::Stack"
	eventsPerPage = 100
	reasonMax     = 4000
)

// tick gives the next event's time: times of one stack rise strictly.
func (st *stack) tick(now time.Time) time.Time {
	now = now.Truncate(time.Millisecond)
	if !now.After(st.LastEvent) {
		now = st.LastEvent.Add(time.Millisecond)
	}
	st.LastEvent = now
	return now
}

// stackEvent sets the stack's status and writes the event; the caller writes the stack.
func (s *Service) stackEvent(tx store.Tx, st *stack, status, reason string, now time.Time) {
	st.Status, st.Reason = status, clip(reason)
	at := st.tick(now)
	e := &event{ID: env.NewID(s.cfg.Env), Logical: st.Name, Physical: st.arn(), Type: stackType, At: at, Status: status, Reason: clip(reason)}
	if st.Operation != nil {
		e.Token = st.Operation.Token
	}
	store.Put(tx, eventsOf(st).Time(at), e)
	tx.Wake(eventTopic(st))
}

// rowEvent sets a resource's status and writes the event; the caller writes stack and row.
func (s *Service) rowEvent(tx store.Tx, st *stack, r *row, status, reason string, now time.Time) {
	at := st.tick(now)
	r.Status, r.Reason, r.At = status, clip(reason), at
	props := r.Desired
	if props == nil {
		props = r.Properties
	}
	e := &event{ID: r.ID + "-" + status + "-" + strconv.FormatInt(at.UnixMilli(), 10), Logical: r.ID, Physical: r.Physical, Type: r.Type, At: at, Status: status, Reason: clip(reason)}
	if len(props) <= 32<<10 {
		e.Properties = hidden(st, string(props))
	}
	if st.Operation != nil {
		e.Token = st.Operation.Token
	}
	store.Put(tx, eventsOf(st).Time(at), e)
	tx.Wake(eventTopic(st))
}

// hidden masks the values of NoEcho parameters in a resource's properties.
func hidden(st *stack, props string) string {
	in := &st.Now
	if st.Operation != nil {
		in = &st.Operation.Want
	}
	for _, p := range in.Parameters {
		if p.NoEcho && p.Value != "" {
			quoted := string(jsonOf(p.Value))
			props = strings.ReplaceAll(props, quoted[1:len(quoted)-1], "****")
		}
	}
	return props
}

func clip(s string) string {
	if len(s) > reasonMax {
		return s[:reasonMax]
	}
	return s
}

func eventTopic(st *stack) string { return "cloudformation/events/" + st.ID }

// DescribeStackEvents implements the operation: newest first.
func (s *Service) DescribeStackEvents(ctx context.Context, in *cfnapi.DescribeStackEventsInput) (*cfnapi.DescribeStackEventsOutput, error) {
	c := wire.CallOf(ctx)
	var st *stack
	if err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		st = load(r, c, in.StackName)
		return nil
	}); err != nil {
		return nil, err
	}
	if st == nil {
		return nil, invalid("Stack [%s] does not exist", in.StackName)
	}
	es, next, err := page[event](ctx, s, eventsOf(st), st.ID, in.NextToken, eventsPerPage, true, nil)
	if err != nil {
		return nil, err
	}
	out := &cfnapi.DescribeStackEventsOutput{StackEvents: []cfnapi.StackEvent{}, NextToken: next}
	for i := range es {
		e := &es[i]
		o := cfnapi.StackEvent{StackId: st.arn(), EventId: e.ID, StackName: st.Name, LogicalResourceId: &e.Logical, PhysicalResourceId: &e.Physical, ResourceType: &e.Type,
			Timestamp: e.At, ResourceStatus: &e.Status}
		if e.Reason != "" {
			o.ResourceStatusReason = &e.Reason
		}
		if e.Properties != "" {
			o.ResourceProperties = &e.Properties
		}
		if e.Token != "" {
			o.ClientRequestToken = &e.Token
		}
		out.StackEvents = append(out.StackEvents, o)
	}
	return out, nil
}

// DescribeStackEventsRequires implements the operation's requirements.
func (s *Service) DescribeStackEventsRequires(ctx context.Context, in *cfnapi.DescribeStackEventsInput, r *wire.Requirements) error {
	return s.need(ctx, r, "DescribeStackEvents", in.StackName)
}

// jsonOf is v as JSON; it must be a value that JSON has.
func jsonOf(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("cloudformation: " + err.Error())
	}
	return b
}

// object reads a JSON object with its numbers as they were written.
func object(b []byte) map[string]any {
	if len(b) == 0 {
		return map[string]any{}
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil || m == nil {
		return map[string]any{}
	}
	return m
}
