package runtime_test

import (
	"testing"
	"time"
)

// BenchmarkInvoke is a warm invocation of a Python function in the namespace kind, from Invoke to its Result.
func BenchmarkInvoke(b *testing.B) {
	w := newWorld(b, "namespace")
	r := w.start(b, fn{runtime: "python3.11", handler: "app.handler", dir: files(b, map[string]string{"app.py": "def handler(event, context):\n    return event\n"})})
	if r.init != nil {
		b.Fatalf("%s", r.init.Payload)
	}
	b.ReportAllocs()
	var all []time.Duration
	for b.Loop() {
		begin := time.Now()
		r.invoke(`{"a":1}`, 5*time.Second)
		all = append(all, time.Since(begin))
	}
	b.ReportMetric(float64(p50(all).Microseconds()), "p50-µs")
}
