package rec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Name string `rec:"1"`
	N    int64  `rec:"2"`
}

type old struct {
	S       string `rec:"1"`
	Unknown Unknown
}

type all struct {
	S  string            `rec:"1"`
	B  bool              `rec:"2"`
	I  int               `rec:"3"`
	U  uint64            `rec:"4"`
	F  float64           `rec:"5"`
	T  time.Time         `rec:"6"`
	By []byte            `rec:"7"`
	L  []string          `rec:"8"`
	M  map[string]string `rec:"9"`
	In inner             `rec:"10"`
	P  *inner            `rec:"11"`
	LI []inner           `rec:"12"`
	MI map[string]inner  `rec:"13"`
	PS *string           `rec:"14"`
	LT []time.Time       `rec:"15"`
	LB [][]byte          `rec:"16"`
	PB *bool             `rec:"17"`
	PI *int64            `rec:"18"`
}

func sample() all {
	s, f, z := "", false, int64(0)
	return all{"x", true, -5, 1 << 63, 1.5, time.Unix(3, 4).UTC(), []byte{0, 1}, []string{"a", ""}, map[string]string{"k": "v", "": ""},
		inner{"n", -1}, &inner{}, []inner{{}, {"z", 2}}, map[string]inner{"q": {"w", 3}}, &s, []time.Time{{}, time.Unix(1, 0).UTC()}, [][]byte{{1}, {}}, &f, &z}
}

func TestRoundTrip(t *testing.T) {
	a := sample()
	var b all
	if err := Unmarshal(Marshal(&a), &b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Fatal(d)
	}
	if n := len(Marshal(all{})); n != 0 {
		t.Fatalf("an empty record takes %d bytes", n)
	}
}

// What a newer version wrote survives a rewrite by an older one.
func TestUnknownFields(t *testing.T) {
	a := sample()
	var o old
	if err := Unmarshal(Marshal(a), &o); err != nil {
		t.Fatal(err)
	}
	o.S = "changed"
	var b all
	if err := Unmarshal(Marshal(o), &b); err != nil {
		t.Fatal(err)
	}
	a.S = "changed"
	if d := cmp.Diff(a, b); d != "" {
		t.Fatal(d)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(Marshal(sample()))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a all
		if Unmarshal(b, &a) != nil {
			return
		}
		var c all
		if err := Unmarshal(Marshal(a), &c); err != nil {
			t.Fatal(err)
		}
	})
}
