package jsontext

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"": `""`, "plain": `"plain"`, `a"b\c`: `"a\"b\\c"`, "\n\r\t": `"\n\r\t"`, "\b\x00\x1f\x7f": "\"\\u0008\\u0000\\u001f\x7f\"",
		"</script>&": `"</script>&"`, "é\u2028😀": "\"é\u2028😀\"", "a\xffb\xc3": "\"a\ufffdb\ufffd\"", "\ufffd": "\"\ufffd\"", "\xed\xa0\x80": "\"\ufffd\ufffd\ufffd\"",
	} {
		if got := string(AppendString([]byte("x"), in)); got != "x"+want {
			t.Errorf("%q: %s, want %s", in, got[1:], want)
		}
		if got := string(AppendString(nil, []byte(in))); got != want {
			t.Errorf("bytes %q: %s, want %s", in, got, want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		var back string
		if err := json.Unmarshal(AppendString(nil, b), &back); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		var clean strings.Builder
		for _, c := range string(b) {
			clean.WriteRune(c)
		}
		if back != clean.String() {
			t.Fatalf("%q: came back as %q", b, back)
		}
	}
	long := []byte(strings.Repeat("é ", 100))
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { dst = AppendString(dst[:0], long) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
