package logs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	logsapi "virga/api/logs"
	"virga/internal/wire"
)

// TestPages writes histories by a seed and reads them back in pages of every kind: each must give the same events, in order
// and none twice, whatever limit and budget end its pages.
func TestPages(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t, false)
			w.s.scanBytes = []int64{ScanBytesMax, 1, 3000, 20_000}[seed%4]
			streams := []string{"a/1", "a/2", "b", "quiet"}
			w.make(t, "g", streams...)
			type line struct {
				ts              int64
				stream, message string
			}
			var all []line
			now := w.now()
			span := []int64{5_000, 200_000, 3_000_000, 9 * dayMillis}[r.IntN(4)]
			for n := range 60 {
				st := streams[r.IntN(3)]
				ts := now - r.Int64N(span)
				var events []logsapi.InputLogEvent
				for k := range 1 + r.IntN(8) {
					m := fmt.Sprintf("line %d/%d", n, k)
					if r.IntN(3) == 0 {
						m += " ERROR"
					}
					if r.IntN(20) == 0 {
						m += strings.Repeat("x", r.IntN(300_000))
					}
					events = append(events, at(ts, m))
					all = append(all, line{ts, st, m})
					ts += []int64{0, 1, 500, 70_000}[r.IntN(4)]
				}
				if out := w.put(t, "g", st, events...); out.RejectedLogEventsInfo != nil {
					t.Fatal("rejected")
				}
			}
			check := func(what string, got []line, back bool, keep func(line) bool) {
				t.Helper()
				var want []line
				for _, l := range all {
					if keep(l) {
						want = append(want, l)
					}
				}
				for i := 1; i < len(got); i++ {
					if !back && got[i].ts < got[i-1].ts || back && got[i].ts > got[i-1].ts {
						t.Fatalf("%s: event %d is out of order", what, i)
					}
				}
				byText := func(a, b line) int { return strings.Compare(a.message, b.message) }
				g := slices.Clone(got)
				slices.SortFunc(g, byText)
				slices.SortFunc(want, byText)
				if !slices.Equal(g, want) {
					t.Fatalf("%s: %d events, want %d", what, len(g), len(want))
				}
			}
			filter := func(in logsapi.FilterLogEventsInput) (got []line) {
				t.Helper()
				in.LogGroupName = wire.P("g")
				for page := 0; ; page++ {
					out, err := w.FilterLogEvents(w.ctx, &in)
					if err != nil {
						t.Fatal(err)
					}
					bytes := 0
					for _, e := range out.Events {
						bytes += len(*e.Message) + eventOverhead
						got = append(got, line{*e.Timestamp, *e.LogStreamName, *e.Message})
					}
					if len(out.Events) > 1 && bytes > pageBytesMax || in.Limit != nil && len(out.Events) > int(*in.Limit) {
						t.Fatal("a page over its limit")
					}
					if out.NextToken == nil {
						return got
					}
					if in.NextToken = out.NextToken; page > 5000 {
						t.Fatal("no end")
					}
				}
			}
			for range 6 {
				var limit *int32
				if r.IntN(3) > 0 {
					limit = wire.P(1 + r.Int32N(40))
				}
				lo, hi := now-span-10, now+600_000
				if r.IntN(2) == 0 {
					lo, hi = now-r.Int64N(span), now-r.Int64N(span)
					if lo > hi {
						lo, hi = hi, lo
					}
				}
				in := func(l line) bool { return l.ts >= lo && l.ts <= hi }
				for _, back := range []bool{false, true} {
					q := logsapi.FilterLogEventsInput{Limit: limit, StartTime: &lo, EndTime: &hi, StartFromHead: wire.P(!back)}
					check("all", filter(q), back, in)
					p := q
					p.FilterPattern = wire.P("ERROR")
					check("pattern", filter(p), back, func(l line) bool { return in(l) && strings.Contains(l.message, "ERROR") })
					p = q
					p.LogStreamNamePrefix = wire.P("a/")
					check("prefix", filter(p), back, func(l line) bool { return in(l) && strings.HasPrefix(l.stream, "a/") })
					p = q
					p.LogStreamNames = []string{"b", "quiet", "a/2", "b"}
					check("names", filter(p), back, func(l line) bool { return in(l) && l.stream != "a/1" })
				}
				for _, head := range []bool{true, false} {
					g := logsapi.GetLogEventsInput{LogGroupName: wire.P("g"), LogStreamName: "a/1", StartTime: &lo, EndTime: &hi, Limit: limit, StartFromHead: &head}
					var got []line
					for page := 0; ; page++ {
						out, err := w.GetLogEvents(w.ctx, &g)
						if err != nil {
							t.Fatal(err)
						}
						var l []line
						for _, e := range out.Events {
							l = append(l, line{*e.Timestamp, "a/1", *e.Message})
						}
						next := out.NextForwardToken
						if head {
							got = append(got, l...)
						} else {
							got, next = append(l, got...), out.NextBackwardToken
						}
						if g.NextToken != nil && *next == *g.NextToken {
							break
						}
						if g.NextToken = next; page > 5000 {
							t.Fatal("no end")
						}
					}
					check(fmt.Sprint("get ", head), got, false, func(l line) bool { return l.ts >= lo && l.ts < hi && l.stream == "a/1" })
				}
			}
		})
	}
}

// TestPutsShareAChunk: puts within a second are one chunk while it is small, and none is lost by it.
func TestPutsShareAChunk(t *testing.T) {
	w := newWorld(t, false)
	w.make(t, "g", "s")
	ts := w.now() / minuteMillis * minuteMillis
	for i := range 50 {
		w.put(t, "g", "s", at(ts+int64(i), fmt.Sprint("n", i)))
	}
	if n := w.rows(t, "c"); n > 5 {
		t.Errorf("%d chunks", n)
	}
	out, err := w.GetLogEvents(w.ctx, &logsapi.GetLogEventsInput{LogGroupName: wire.P("g"), LogStreamName: "s"})
	if err != nil || len(out.Events) != 50 || *out.Events[49].Message != "n49" {
		t.Fatal(len(out.Events), err)
	}
}

// TestMillionLines: a page of a group of a million lines looks through ScanBytesMax at most and says how to go on.
func TestMillionLines(t *testing.T) {
	if testing.Short() {
		t.Skip("a million lines")
	}
	w := newWorld(t, false)
	w.make(t, "g", "s0", "s1", "s2", "s3")
	const lines = 1_000_000
	events := make([]logsapi.InputLogEvent, 5000)
	from := w.now() - 3600_000
	for n := 0; n < lines; n += len(events) {
		for i := range events {
			k := n + i
			events[i] = at(from+int64(k)*3, fmt.Sprintf(`2026-11-25T12:00:00Z 7a1c2c58-0000-4000-8000-%012d INFO request served in %d ms by worker %d`, k, k%97, k%13))
		}
		w.put(t, "g", fmt.Sprint("s", n/len(events)%4), events...)
	}
	in := &logsapi.FilterLogEventsInput{LogGroupName: wire.P("g"), FilterPattern: wire.P(`"by worker 12" "000000999999"`)}
	pages, found, longest := 0, 0, time.Duration(0)
	began := time.Now()
	for {
		t0 := time.Now()
		out, err := w.FilterLogEvents(w.ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(t0))
		pages++
		found += len(out.Events)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	all := time.Since(began)
	t.Logf("%d lines looked through in %d pages, %v in all (%.0f lines/s), longest page %v", lines, pages, all, lines/all.Seconds(), longest)
	if pages < 4 || found != 0 && found != 1 {
		t.Errorf("%d pages, %d events", pages, found)
	}
}

// TestReadersAmongWriters: pages read while others put lose nothing that was acknowledged before they began.
func TestReadersAmongWriters(t *testing.T) {
	w := newWorld(t, false)
	w.make(t, "g", "a", "b", "c")
	done := make(chan error, 3)
	for _, st := range []string{"a", "b", "c"} {
		go func() {
			for i := range 150 {
				if _, err := w.PutLogEvents(w.ctx, &logsapi.PutLogEventsInput{LogGroupName: "g", LogStreamName: st, LogEvents: []logsapi.InputLogEvent{at(w.now(), fmt.Sprint(st, i))}}); err != nil {
					done <- err
					return
				}
				if i%30 == 29 {
					end := w.now()
					out, err := w.FilterLogEvents(w.ctx, &logsapi.FilterLogEventsInput{LogGroupName: wire.P("g"), LogStreamNames: []string{st}, EndTime: &end})
					if err == nil && len(out.Events) != i+1 {
						err = fmt.Errorf("%s: %d events after %d puts", st, len(out.Events), i+1)
					}
					if err != nil {
						done <- err
						return
					}
				}
			}
			done <- nil
		}()
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	out, err := w.FilterLogEvents(w.ctx, &logsapi.FilterLogEventsInput{LogGroupName: wire.P("g")})
	if err != nil || len(out.Events) != 450 {
		t.Fatal(len(out.Events), err)
	}
}
