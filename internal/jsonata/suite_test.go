package jsonata

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// suiteFloor is how many of the reference's cases must pass; it only rises.
const suiteFloor = 1170

type suiteCase struct {
	ID        string                     `json:"id"`
	Expr      json.RawMessage            `json:"expr"`
	Data      json.RawMessage            `json:"data"`
	Dataset   json.RawMessage            `json:"dataset"`
	Bindings  map[string]json.RawMessage `json:"bindings"`
	Depth     int                        `json:"depth"`
	Result    json.RawMessage            `json:"result"`
	Unordered bool                       `json:"unordered"`
	Nothing   bool                       `json:"undefinedResult"`
	Code      string                     `json:"code"`
	Error     struct{ Code string }      `json:"error"`
}

// TestSuite runs the reference's own cases, where they lie beside the project.
func TestSuite(t *testing.T) {
	shared := os.Getenv("VIRGA_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	dir := filepath.Join(shared, "conformance/jsonata")
	f, err := os.Open(filepath.Join(dir, "cases.jsonl"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("not run: the reference's cases are not there: ", err)
	}
	defer f.Close()
	datasets := readDatasets(t, filepath.Join(dir, "datasets.json.gz"))
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	passed, all := 0, 0
	for lines.Scan() {
		var c suiteCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all++
		if why := runCase(t, &c, datasets); why != "" {
			t.Logf("%s: %s: %s", c.ID, c.Expr, why)
		} else {
			passed++
		}
	}
	t.Logf("score %d of %d", passed, all)
	if passed < suiteFloor {
		t.Errorf("score %d is below the floor of %d", passed, suiteFloor)
	}
}

func readDatasets(t *testing.T, name string) Value {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var raw json.RawMessage
	if err := json.NewDecoder(z).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	return mustParse(t, string(raw))
}

func mustParse(t testing.TB, s string) Value {
	t.Helper()
	v, err := ParseJSON([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func runCase(t *testing.T, c *suiteCase, datasets Value) string {
	limits := Limits{Steps: 1 << 30, Memory: 4 << 30}
	want := c.Code
	if want == "" {
		want = c.Error.Code
	}
	check := func(err error) string {
		e, ok := err.(*Error)
		if !ok || e.Code != want || want == "" {
			return err.Error() + ", want " + want
		}
		return ""
	}
	p, err := Compile(mustParse(t, string(c.Expr)).Text(), Options{Limits: limits})
	if err != nil {
		return check(err)
	}
	limits.Depth = c.Depth
	call := Call{Vars: map[string]Value{}, Millis: 1_700_000_000_000, Chance: func() uint64 { return 1 << 60 }, Limits: limits}
	switch name := string(c.Dataset); {
	case c.Data != nil:
		call.Input = mustParse(t, string(c.Data))
	case name != "" && name != "null" && name != "-1" && name != `"-1"`:
		key := name
		if name[0] == '"' {
			key = name[1 : len(name)-1]
		}
		call.Input = datasets.Object().Get(key)
	}
	for name, text := range c.Bindings {
		call.Vars[name] = mustParse(t, string(text))
	}
	v, err := p.Eval(call)
	switch {
	case err != nil:
		return check(err)
	case want != "":
		return "got " + v.JSON() + ", want the error " + want
	case c.Nothing:
		if v.Kind() != Undefined {
			return "got " + v.JSON() + ", want nothing"
		}
		return ""
	}
	if w := mustParse(t, string(c.Result)); !alike(v, w, c.Unordered) {
		return "got " + v.JSON() + ", want " + w.JSON()
	}
	return ""
}

// alike compares to fifteen digits, a list as a set where its order is open.
func alike(a, b Value, unordered bool) bool {
	if a.Kind() != b.Kind() {
		return (a.Kind() == FunctionKind || a.Kind() == Undefined) && b.Kind() == Null
	}
	switch a.Kind() {
	case Number:
		return fifteen(a.Float()) == fifteen(b.Float()) || math.IsNaN(a.Float())
	case ArrayKind:
		x, y := a.Items(), append([]Value(nil), b.Items()...)
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !unordered {
				if !alike(x[i], y[i], false) {
					return false
				}
				continue
			}
			found := false
			for j := range y {
				if alike(x[i], y[j], false) {
					y = append(y[:j], y[j+1:]...)
					found = true
					break
				}
			}
			if !found {
				return false
			}
		}
		return true
	case ObjectKind:
		x, y := a.Object(), b.Object()
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			k, v := x.At(i)
			if !alike(v, y.Get(k), false) {
				return false
			}
		}
		return true
	}
	return a.same(b)
}
