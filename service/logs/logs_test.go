package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	logsapi "virga/api/logs"
	"virga/internal/job"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/wire"
)

// step runs a job as the runner does until it is not due any more, and gives the rounds.
func (w *world) step(t *testing.T, kind job.Kind, name, id string, now time.Time) (rounds int) {
	t.Helper()
	for ; rounds < 100; rounds++ {
		ended := false
		err := w.store.Update(w.ctx, nil, func(tx store.Tx) error {
			j, ok := job.Get(tx, account, name, id)
			if ended = !ok; ended {
				return nil
			}
			_, next, err := kind.Step(tx, j, now)
			switch {
			case err != nil:
				return err
			case next.At.IsZero():
				job.Cancel(tx, account, name, id)
			default:
				payload := next.Payload
				if payload == nil {
					payload = j.Payload
				}
				job.At(tx, account, region, name, id, next.At, payload)
				ended = next.At.After(now)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if ended {
			return rounds
		}
	}
	t.Fatal("the job does not end")
	return 0
}

func (w *world) group(t *testing.T, name string) *group {
	t.Helper()
	g, err := w.s.find(w.ctx, account, region, name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestRetentionDropsWholeDays(t *testing.T) {
	w := newWorld(t, false)
	w.make(t, "g", "a", "b")
	now := w.now()
	for d := int64(10); d >= 0; d-- {
		w.put(t, "g", []string{"a", "b"}[d%2], at(now-d*dayMillis, fmt.Sprint("day ", d)))
	}
	if _, err := w.PutRetentionPolicy(w.ctx, &logsapi.PutRetentionPolicyInput{LogGroupName: "g", RetentionInDays: 5}); err != nil {
		t.Fatal(err)
	}
	g := w.group(t, "g")
	stored := func() int64 {
		out, err := w.DescribeLogGroups(w.ctx, &logsapi.DescribeLogGroupsInput{})
		if err != nil {
			t.Fatal(err)
		}
		return *out.LogGroups[0].StoredBytes
	}
	before := stored()
	w.step(t, retain{}, retainKind, g.ID, w.env.Now())
	out, err := w.FilterLogEvents(w.ctx, &logsapi.FilterLogEventsInput{LogGroupName: wire.P("g")})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(out.Events); n != 6 {
		t.Errorf("%d events are left of 11, want those of 6 days", n)
	}
	if n := w.rows(t, "c"); n != 6 || w.rows(t, "x") != 6 || w.rows(t, "i") != 6 {
		t.Errorf("%d chunks are left", n)
	}
	if after := stored(); after == 0 || after >= before {
		t.Errorf("stored bytes went from %d to %d", before, after)
	}
	w.step(t, retain{}, retainKind, g.ID, w.env.Now().Add(30*24*time.Hour))
	for _, kind := range []string{"c", "x", "i", "u"} {
		if n := w.rows(t, kind); n != 0 {
			t.Errorf("%d rows of %q are left after a month", n, kind)
		}
	}
}

func TestDeletionLeavesNothing(t *testing.T) {
	w := newWorld(t, false)
	w.make(t, "g", "a", "b")
	now := w.now()
	for d := range int64(4) {
		w.put(t, "g", "a", at(now-d*dayMillis, "x"), at(now-d*dayMillis+1, "y"))
		w.put(t, "g", "b", at(now-d*dayMillis, "z"))
	}
	g := w.group(t, "g")
	sts, err := w.s.streams(w.ctx, g, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.DeleteLogStream(w.ctx, &logsapi.DeleteLogStreamInput{LogGroupName: "g", LogStreamName: "a"}); err != nil {
		t.Fatal(err)
	}
	w.step(t, discard{}, discardKind, g.ID+"/"+sts[0].ID, w.env.Now())
	if n := w.rows(t, "c"); n != 4 || w.rows(t, "x") != 4 || w.rows(t, "i") != 4 {
		t.Errorf("%d chunks are left, want those of b", n)
	}
	if _, err := w.DeleteLogGroup(w.ctx, &logsapi.DeleteLogGroupInput{LogGroupName: "g"}); err != nil {
		t.Fatal(err)
	}
	w.step(t, discard{}, discardKind, g.ID, w.env.Now())
	for _, kind := range []string{"g", "s", "l", "c", "x", "i", "u"} {
		if n := w.rows(t, kind); n != 0 {
			t.Errorf("%d rows of %q are left", n, kind)
		}
	}
}

func TestRequirements(t *testing.T) {
	w := newWorld(t, false)
	w.make(t, "/g", "s")
	if _, err := w.TagResource(w.ctx, &logsapi.TagResourceInput{ResourceArn: groupARN(account, region, "/g"), Tags: map[string]string{"team": "x"}}); err != nil {
		t.Fatal(err)
	}
	if r := w.who.last[0]; r.Action != "logs:TagResource" || r.Resource != "arn:aws:logs:eu-west-1:111122223333:log-group:/g" {
		t.Errorf("%+v", r)
	}
	w.put(t, "/g", "s", at(w.now(), "x"))
	r := w.who.last[0]
	if r.Action != "logs:PutLogEvents" || r.Resource != "arn:aws:logs:eu-west-1:111122223333:log-group:/g:log-stream:s" || len(r.Conditions) != 1 || r.Conditions[0].Key != "aws:ResourceTag/team" {
		t.Errorf("%+v", r)
	}
	w.who.refuse["logs:PutLogEvents"] = true
	if _, err := w.PutLogEvents(w.ctx, &logsapi.PutLogEventsInput{LogGroupName: "/g", LogStreamName: "s", LogEvents: []logsapi.InputLogEvent{at(w.now(), "y")}}); wire.CodeOf(err) != "AccessDeniedException" {
		t.Error(err)
	}
	w.who.refuse["logs:Unmask"] = true
	if _, err := w.FilterLogEvents(w.ctx, &logsapi.FilterLogEventsInput{LogGroupName: wire.P("/g"), Unmask: wire.P(true)}); wire.CodeOf(err) != "AccessDeniedException" {
		t.Error(err)
	}
	out, err := w.FilterLogEvents(w.ctx, &logsapi.FilterLogEventsInput{LogGroupName: wire.P("/g")})
	if err != nil || len(out.Events) != 1 {
		t.Error("a refused put left something", err)
	}
	// Another account's group is not there.
	if _, err := w.GetLogEvents(w.ctx, &logsapi.GetLogEventsInput{LogGroupIdentifier: wire.P("arn:aws:logs:eu-west-1:999900001111:log-group:/g"), LogStreamName: "s"}); wire.CodeOf(err) != "ResourceNotFoundException" {
		t.Error(err)
	}
	if r := w.who.last[0]; !strings.Contains(r.Resource, ":999900001111:") {
		t.Error("the requirement names another resource than the call:", r.Resource)
	}
}

func TestLiveTail(t *testing.T) {
	w := newWorld(t, false)
	w.make(t, "g", "s")
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	open := func() (*tail, error) {
		out, err := w.StartLiveTail(ctx, &logsapi.StartLiveTailInput{LogGroupIdentifiers: []string{groupARN(account, region, "g")}})
		if err != nil {
			return nil, err
		}
		return out.ResponseStream.(*tail), nil
	}
	x, err := open()
	if err != nil {
		t.Fatal(err)
	}
	next := func() *logsapi.StartLiveTailResponseStream {
		t.Helper()
		e, err := x.Next()
		if err != nil {
			t.Fatal(err)
		}
		return e.(*logsapi.StartLiveTailResponseStream)
	}
	if next().SessionStart == nil {
		t.Fatal("no start")
	}
	w.put(t, "g", "s", at(w.now(), "one"))
	if u := next().SessionUpdate; u == nil || len(u.SessionResults) != 1 || *u.SessionResults[0].Message != "one" {
		t.Fatalf("%+v", u)
	}
	w.env.SetOffset(time.Hour) // time passes; nothing came
	if u := next().SessionUpdate; u == nil || len(u.SessionResults) != 0 {
		t.Fatalf("%+v", u)
	}
	// A client that does not read keeps bounded memory: the oldest seconds are dropped.
	for i := range 2 * tailUpdatesMax {
		w.put(t, "g", "s", at(w.now(), fmt.Sprint(i)))
		w.env.SetOffset(time.Hour + time.Duration(i+1)*2*time.Second)
	}
	if u := next().SessionUpdate; *u.SessionResults[0].Message != fmt.Sprint(tailUpdatesMax) || len(x.full) != tailUpdatesMax-1 {
		t.Errorf("first kept: %s, %d behind it", *u.SessionResults[0].Message, len(x.full))
	}
	w.env.SetOffset(5 * time.Hour)
	if e := next(); e.SessionTimeoutException == nil {
		t.Errorf("%+v", e)
	}
	if _, err := x.Next(); err != io.EOF {
		t.Error(err)
	}
	x.Close()
	x.Close()
	var sessions []*tail
	for range tailSessionsMax {
		y, err := open()
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, y)
	}
	if _, err := open(); wire.CodeOf(err) != "LimitExceededException" {
		t.Error(err)
	}
	sessions[0].Next()
	cancel()
	if _, err := sessions[0].Next(); err != io.EOF {
		t.Error("a client that has gone: ", err)
	}
	for _, y := range sessions {
		y.Close()
	}
	if n := w.s.tails.count.Load(); n != 0 || len(w.s.tails.by) != 0 || len(w.s.tails.open) != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// TestResources takes the resource types through their lives: made, made again by the same effect, changed, removed twice.
func TestResources(t *testing.T) {
	w := newWorld(t, false)
	call := *wire.CallOf(w.ctx)
	call.EffectID = "stack/effect"
	ctx := wire.WithCall(context.Background(), &call)
	req := &resource.Request{StackName: "stack", LogicalID: "Group", Suffix: "ABCDEFGHIJKL", Invoker: w.Client.Invoker, Call: &call,
		Tags:       map[string]string{"team": "x", "aws:cloudformation:stack-name": "stack"},
		Properties: resource.Properties{"RetentionInDays": "7", "Tags": []any{map[string]any{"Key": "k", "Value": "v"}}}}
	g := groupType{}
	req.Physical = g.PhysicalName(req)
	if req.Physical != "stack-Group-ABCDEFGHIJKL" {
		t.Error(req.Physical)
	}
	for range 2 {
		p, err := g.Create(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if p.Attributes["Arn"] != groupARN(account, region, req.Physical)+":*" {
			t.Errorf("%+v", p)
		}
	}
	other := call
	other.EffectID = "another"
	var exists *logsapi.ResourceAlreadyExistsException
	if _, err := g.Create(wire.WithCall(context.Background(), &other), req); !errors.As(err, &exists) {
		t.Error("another effect must not take the group over:", err)
	}
	now := w.group(t, req.Physical)
	if now.Retention != 7 || len(now.Tags) != 2 || now.Tags["k"] != "v" {
		t.Errorf("%+v", now)
	}
	req.Previous, req.Properties = req.Properties, resource.Properties{"Tags": []any{map[string]any{"Key": "k", "Value": "w"}}, "DeletionProtectionEnabled": true}
	if _, err := g.Update(ctx, req); err != nil {
		t.Fatal(err)
	}
	now = w.group(t, req.Physical)
	if now.Retention != 0 || now.Tags["k"] != "w" || !now.Protected {
		t.Errorf("%+v", now)
	}
	if _, err := g.Delete(ctx, req); wire.CodeOf(err) != "ValidationException" {
		t.Error(err)
	}
	req.Previous, req.Properties = req.Properties, resource.Properties{}
	if _, err := g.Update(ctx, req); err != nil {
		t.Fatal(err)
	}

	st := &resource.Request{StackName: "stack", LogicalID: "Stream", Suffix: "ABCDEFGHIJKL", Invoker: w.Client.Invoker, Call: &call, Properties: resource.Properties{"LogGroupName": req.Physical}}
	y := streamType{}
	st.Physical = y.PhysicalName(st)
	for range 2 {
		if p, err := y.Create(ctx, st); err != nil || p.Ref != "stack-Stream-ABCDEFGHIJKL" {
			t.Fatal(p, err)
		}
	}
	for range 2 {
		if _, err := y.Delete(ctx, st); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Delete(ctx, req); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzEach: bytes that no put made end with an error and give no more events than they have bytes.
func FuzzEach(f *testing.F) {
	f.Add("\x01\x01\x05\x02hi")
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01")
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		each(s, 0, func(int, int64, int64, string) { n++ })
		if n > len(s) {
			t.Fatal("more events than bytes")
		}
	})
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPutLogEvents puts batches of 100 lines through the gate, as a function's log writer does.
func BenchmarkPutLogEvents(b *testing.B) {
	for _, c := range []struct {
		name    string
		disk    bool
		writers int
	}{{"mem", false, 1}, {"pebble synced sealed", true, 1}, {"pebble synced sealed 32 writers", true, 32}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b, c.disk)
			var names []string
			for i := range c.writers {
				names = append(names, fmt.Sprint("2026/11/25/[$LATEST]", i))
			}
			w.make(b, "/aws/lambda/fn", names...)
			const lines = 100
			batch := make([]logsapi.InputLogEvent, lines)
			for i := range batch {
				batch[i].Message = fmt.Sprintf("2026-11-25T12:00:00.000Z\t8a1c2c58-0000-4000-8000-0123456789%02d\tINFO\trequest %d served in %d ms\n", i, i*7919, i%97)
			}
			b.ReportAllocs()
			b.ResetTimer()
			began := cpu()
			work := make(chan string)
			done := make(chan error, c.writers)
			for _, n := range names {
				go func() {
					for range work {
						events := append([]logsapi.InputLogEvent{}, batch...)
						now := w.now()
						for i := range events {
							events[i].Timestamp = now
						}
						if _, err := w.PutLogEvents(w.ctx, &logsapi.PutLogEventsInput{LogGroupName: "/aws/lambda/fn", LogStreamName: n, LogEvents: events}); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range b.N {
				work <- ""
			}
			close(work)
			for range names {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(b.N*lines), "cpu-ns/line")
			b.ReportMetric(float64(b.N*lines)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
