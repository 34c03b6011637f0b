package template

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHostileTexts gives the parser a megabyte of each bad thing: an answer within a second of processor time, the
// collector's included.
func TestHostileTexts(t *testing.T) {
	const n = 1_000_000
	fill := func(s string) string { return strings.Repeat(s, n/len(s)) }
	var keys, anchors strings.Builder
	for i := 0; keys.Len() < n-20; i++ {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	for i := 0; anchors.Len() < n-20; i++ {
		fmt.Fprintf(&anchors, "- &a%d x\n", i)
	}
	for name, in := range map[string]string{
		"keys": keys.String(), "anchors": anchors.String(), "items": "a:\n" + fill("- b\n"), "flow": "a: [" + fill("b,") + "]", "open maps": "a: " + fill("{b: "),
		"open lists": fill("[") + "]", "comments": fill("# c\n") + "a: b", "questions": fill("? "), "tags": fill("!Ref "), "quotes": "a: \"" + fill("\\x41") + "\"",
		"lines": "a: |\n" + fill("  x\n"), "blanks": fill("\n"), "spaces": fill(" "), "tabs": "a:\n" + fill("\t"), "directives": fill("%TAG ! x\n"), "documents": fill("---\n"),
		"colons": fill("a: "), "json list": "{\"a\":[" + fill("1,") + "1]}", "json deep": fill("{\"a\":"), "json text": "{\"a\":\"" + fill("\\u0041") + "\"}", "nul": fill("\x00"), "high": fill("\xff"),
		"sub": "Resources: {A: {Type: a, Properties: {V: !Sub '" + fill("${AWS::Region}") + "'}}}", "plain": "a: " + fill("b "), "folded": "a: >\n" + fill("  x\n\n"),
	} {
		from := cpu(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse([]byte(in), Limits{Bytes: 2 * n})
		runtime.ReadMemStats(&after)
		took := cpu(t) - from
		if took > 2*time.Second { // a second on a quiet machine
			t.Errorf("%s: %v", name, took)
		}
		text := ""
		if err != nil {
			text = fmt.Sprintf("%.60s", err)
		}
		t.Logf("%-12s %8.1f ms %5d MB allocated  %s", name, float64(took.Microseconds())/1000, (after.TotalAlloc-before.TotalAlloc)>>20, text)
	}
}

// cpu gives the processor time of the process so far.
func cpu(t *testing.T) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
