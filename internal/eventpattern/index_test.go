package eventpattern

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// An index finds what its patterns find one by one.
func TestIndexAgreesWithPatterns(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	met := 0
	for range 60 {
		var patterns []*Pattern
		var texts []string
		for len(patterns) < 100 {
			text := g.pattern(0)
			p, err := Parse(text, Limits{})
			if err != nil {
				continue
			}
			patterns, texts = append(patterns, p), append(texts, text)
		}
		x := NewIndex(patterns)
		for range 50 {
			event := []byte(g.event(0))
			var want []int
			for i, p := range patterns {
				ok, err := p.Match(event)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					want = append(want, i)
				}
			}
			got, err := x.Match(event, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				for _, i := range want {
					if !slices.Contains(got, i) {
						t.Errorf("%s meets %s, not found", event, texts[i])
					}
				}
				t.Fatalf("%s: found %v, want %v", event, got, want)
			}
			met += len(want)
		}
	}
	if met < 10000 {
		t.Errorf("only %d matches among 300000: the test asks too little", met)
	}
}

// busRules are a hundred thousand rules as applications write them.
func busRules(tb testing.TB, n int) []*Pattern {
	patterns := make([]*Pattern, n)
	for i := range patterns {
		var text string
		switch i % 10 {
		case 0:
			text = fmt.Sprintf(`{"source":["app.orders"],"detail-type":["OrderPlaced"],"detail":{"total":[{"numeric":[">",%d,"<=",%d]}]}}`, i, i+9)
		case 1:
			text = fmt.Sprintf(`{"source":[{"prefix":"app.%d."}],"detail":{"state":["RUNNING"]}}`, i)
		case 2:
			text = fmt.Sprintf(`{"source":["aws.s3"],"detail":{"bucket":{"name":["bucket-%d"]},"object":{"key":[{"prefix":"in/"},{"suffix":".csv"}]}}}`, i)
		case 3:
			text = fmt.Sprintf(`{"detail":{"customer":{"id":["c-%d"]},"state":[{"anything-but":["FAILED"]}]}}`, i)
		case 4:
			text = fmt.Sprintf(`{"source":["app.orders"],"detail":{"region":[{"wildcard":"eu-*-%d"}]}}`, i)
		default:
			text = fmt.Sprintf(`{"source":["app.orders"],"detail-type":["OrderPlaced","OrderPaid"],"detail":{"customer":{"id":["c-%d"]},"state":["RUNNING","PENDING"]}}`, i)
		}
		p, err := Parse(text, Limits{})
		if err != nil {
			tb.Fatal(err)
		}
		patterns[i] = p
	}
	return patterns
}

func busEvent(i int) []byte {
	return fmt.Appendf(nil, `{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","detail-type":"OrderPlaced","source":"app.orders","account":"123456789012","time":"2026-07-13T13:48:01Z","region":"eu-west-1","resources":[],"detail":{"customer":{"id":"c-%d"},"state":"RUNNING","total":%d}}`, i, i/10*10+5)
}

func BenchmarkIndex100000Rules(b *testing.B) {
	x := NewIndex(busRules(b, 100000))
	events := make([][]byte, 1000)
	for i := range events {
		events[i] = busEvent(i*97%100000 | 1)
	}
	var found []int
	total := 0
	runtime.GC() // of the making of the index
	before := cpu(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(events[0])))
	for i := 0; b.Loop(); i++ {
		var err error
		if found, err = x.Match(events[i%len(events)], found[:0]); err != nil {
			b.Fatal(err)
		}
		total += len(found)
	}
	used := cpu(b) - before
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)/used.Seconds(), "events/cpu-s")
	b.ReportMetric(float64(total)/float64(b.N), "rules/event")
}

// cpu is the processor's time that this process used, which a busy machine does not lengthen.
func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func BenchmarkNewIndex100000Rules(b *testing.B) {
	patterns := busRules(b, 100000)
	for b.Loop() {
		NewIndex(patterns)
	}
}

func BenchmarkMatch(b *testing.B) {
	p, err := Parse(`{"source":["app.orders"],"detail-type":["OrderPlaced"],"detail":{"total":[{"numeric":[">",3,"<=",9]}]}}`, Limits{})
	if err != nil {
		b.Fatal(err)
	}
	event := busEvent(7)
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		if ok, err := p.Match(event); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(`{"source":["app.orders"],"detail-type":["OrderPlaced"],"detail":{"total":[{"numeric":[">",3,"<=",9]}]}}`, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
