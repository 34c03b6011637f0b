package jsonpath

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestScore evaluates the payload templates of the recorded executions that consist of one Pass state with intrinsic
// functions, and prints how many outputs are AWS's.
func TestScore(t *testing.T) {
	shared := os.Getenv("VIRGA_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	f, err := os.Open(filepath.Join(shared, "conformance/stepfunctions/cases.jsonl.gz"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("not run: the recorded executions are not there")
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 64<<20)
	right, all := 0, 0
	for s.Scan() {
		var c struct {
			Name, Group, Definition, Input string
			Expect                         json.RawMessage
		}
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(c.Group, "intrinsic_functions") || strings.Contains(c.Group, "jsonata") {
			continue
		}
		var definition struct {
			States map[string]struct{ Parameters json.RawMessage }
		}
		if err := json.Unmarshal([]byte(c.Definition), &definition); err != nil {
			t.Fatal(err)
		}
		var history struct {
			Events []struct {
				ExecutionSucceededEventDetails struct{ Output json.RawMessage }
			}
		}
		if err := json.Unmarshal(c.Expect, &history); err != nil {
			t.Fatal(err)
		}
		var want json.RawMessage
		for _, e := range history.Events {
			if e.ExecutionSucceededEventDetails.Output != nil {
				want = e.ExecutionSucceededEventDetails.Output
			}
		}
		for _, state := range definition.States {
			all++
			if got := evaluate(t, string(state.Parameters), c.Input); !sameOutput(t, got, string(want)) {
				t.Errorf("%s: %s with %s: got %s, want %s", c.Name, state.Parameters, c.Input, got, want)
				continue
			}
			right++
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("jsonpath: %d of %d recorded templates", right, all)
}

// context is the context object that the recordings name in place of volatile values.
const context = `{"StateMachine":{"Name":"<ArnPart_0idx>"},"Execution":{"Id":"e","Input":{"a":1}}}`

func evaluate(t *testing.T, template, input string) string {
	t.Helper()
	v, err := Decode([]byte(template))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseTemplate(v)
	if err != nil {
		return err.Error()
	}
	got, err := p.Eval(environment(t, input))
	if err != nil {
		return err.Error()
	}
	return string(Encode(got))
}

func environment(t testing.TB, input string) *Env {
	t.Helper()
	in, err := Decode([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Decode([]byte(context))
	if err != nil {
		t.Fatal(err)
	}
	return &Env{Input: in, Context: c, NewID: func() string { return "id" }, Variable: func(name string) (any, bool) {
		return Number("7"), name == "seven"
	}}
}

// sameOutput compares JSON; of a random number the recording tells only that it was one.
func sameOutput(t *testing.T, got, want string) bool {
	t.Helper()
	if strings.Contains(want, "RandomNumberGenerated") {
		return got == `{"FunctionResult":`+strings.Trim(got[len(`{"FunctionResult":`):], "}")+`}` && !strings.Contains(got, `"States`)
	}
	a, err := Decode([]byte(got))
	if err != nil {
		return false
	}
	b, err := Decode([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	return equal(a, b)
}
