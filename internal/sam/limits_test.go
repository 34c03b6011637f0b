package sam

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLimits: templates made to cost much end by a limit that names itself, or are small after all.
func TestLimits(t *testing.T) {
	fn := func(extra string) string {
		return `{"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://b/k", "Handler": "h", "Runtime": "r"` + extra + `}}`
	}
	many := func(n int, f func(i int) string) string {
		l := make([]string, n)
		for i := range l {
			l[i] = f(i)
		}
		return strings.Join(l, ",")
	}
	nested := strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300)
	bomb := `{"P0": {"Type": "String", "Default": ["x","x"]}`
	for i := 1; i < 40; i++ {
		bomb += fmt.Sprintf(`, "P%d": {"Default": [{"Ref": "P%d"}, {"Ref": "P%d"}]}`, i, i-1, i-1)
	}
	for _, c := range []struct {
		name, template, limit string
		limits                Limits
	}{
		{"deep", `{"Resources": {"F": ` + fn(`, "Environment": {"Variables": `+nested+`}`) + `}}`, "DepthMax", Limits{}},
		{"parameters that hold parameters", `{"Parameters": ` + bomb + `}, "Resources": {"A": {"Type": "AWS::Serverless::Api", "Properties": {"StageName": "s", "Auth": {"X": {"Ref": "P39"}}}}}}`, "StepsMax", Limits{}},
		{"a parameter that holds itself", `{"Parameters": {"P": {"Default": {"a": {"Ref": "P"}}}}, "Resources": {"A": {"Type": "AWS::Serverless::Api", "Properties": {"StageName": "s", "Auth": {"X": {"Ref": "P"}}}}}}`, "DepthMax", Limits{}},
		{"huge Globals", `{"Globals": {"Function": {"Environment": {"Variables": {` + many(2000, func(i int) string { return fmt.Sprintf(`"V%d": "x"`, i) }) + `}}}}, "Resources": {` +
			many(500, func(i int) string {
				return fmt.Sprintf(`"F%d": %s`, i, fn(`, "Environment": {"Variables": {"A": "b"}}`))
			}) + `}}`, "StepsMax", Limits{StepsMax: 500_000}},
		{"many events", `{"Resources": {"F": ` + fn(`, "Events": {`+many(5000, func(i int) string {
			return fmt.Sprintf(`"E%d": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 day)"}}`, i)
		})+`}`) + `}}`, "ResourcesMax", Limits{ResourcesMax: 5000}},
		{"many methods of one API", `{"Resources": {"F": ` + fn(`, "Events": {`+many(6000, func(i int) string {
			return fmt.Sprintf(`"E%d": {"Type": "Api", "Properties": {"Path": "/p%d", "Method": "get"}}`, i, i)
		})+`}`) + `}}`, "StepsMax", Limits{}},
		{"many values", `{"Resources": {"F": ` + fn(`, "Layers": [`+many(5000, func(int) string { return `"l"` })+`]`) + `}}`, "NodesMax", Limits{NodesMax: 4000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Transform(Input{Template: parse(t, c.template), Limits: c.limits})
			var l *LimitError
			if !errors.As(err, &l) || l.Limit != c.limit {
				t.Errorf("got %v, want the limit %s", err, c.limit)
			}
		})
	}
	alias := "a0: &a0 [x, x]\n"
	for i := 1; i < 30; i++ {
		alias += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	if _, err := Parse([]byte(alias), Limits{}); err == nil {
		t.Error("an alias bomb was read")
	}
}

// FuzzTransform: whatever the template, there is no panic and no run over the limits.
func FuzzTransform(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		template, _, _ := strings.Cut(string(data), "\n---\n")
		f.Add(template)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limits := Limits{NodesMax: 20_000, StepsMax: 1_000_000, ResourcesMax: 1000, DepthMax: 60}
		m, err := Parse([]byte(text), limits)
		if err != nil {
			return
		}
		r, err := Transform(Input{Template: m, Limits: limits})
		if err == nil && r.Template.get("Resources") == nil {
			t.Error("no Resources")
		}
	})
}
