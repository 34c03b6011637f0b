package policy

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// reference is the same language by package regexp.
func reference(pattern, s string, fold bool) bool {
	var b strings.Builder
	b.WriteString("(?s)^")
	if fold {
		b.WriteString("(?i)")
	}
	for _, r := range pattern {
		switch r {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(b.String() + "$").MatchString(s)
}

func TestGlobIsItsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?:éA")), 0, 12, -1).Draw(t, "pattern")
		s := rapid.StringOfN(rapid.SampledFrom([]rune("ab:éB")), 0, 16, -1).Draw(t, "string")
		fold := rapid.Bool().Draw(t, "fold")
		c := compilePattern(p, true, false, fold)
		if got := c.match(s, &run{steps: 1 << 30}) == yes; got != reference(p, s, fold) {
			t.Fatalf("%q %q: %v", p, s, got)
		}
	})
}

// TestVariableIsLiteral: a value behaves as the same text without wildcards.
func TestVariableIsLiteral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?")), 0, 4, -1)
		v, s := word.Draw(t, "value"), rapid.StringOfN(rapid.SampledFrom([]rune("ab*?")), 0, 10, -1).Draw(t, "string")
		head, tail := word.Draw(t, "head"), word.Draw(t, "tail")
		c := compilePattern(head+"${x}"+tail, true, true, false)
		escaped := strings.NewReplacer("*", "${*}", "?", "${?}").Replace(v)
		e := compilePattern(head+escaped+tail, true, true, false)
		if got, want := c.match(s, &run{Keys{{"x", []string{v}}}, 1 << 30}), e.match(s, &run{steps: 1 << 30}); got != want {
			t.Fatalf("%q with x=%q on %q: %v, escaped %v", head+"${x}"+tail, v, s, got, want)
		}
	})
}

// TestHostilePatterns prints what patterns made to be slow take on the longest ARN.
func TestHostilePatterns(t *testing.T) {
	s := strings.Repeat("a", 2048)
	for _, p := range []string{strings.Repeat("*a", 1000) + "b", strings.Repeat("a*", 1000) + "b", strings.Repeat("*?a", 600) + "b", "*" + strings.Repeat("a?", 500) + "b", strings.Repeat("*", 2000) + "b"} {
		c := compilePattern(p, true, false, false)
		began := time.Now()
		if c.match(s, &run{steps: 1 << 30}) == yes {
			t.Errorf("%.20s… matches", p)
		}
		t.Logf("%.20s…: %v", p, time.Since(began))
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b?c", "axxbyc", "v", false)
	f.Add("arn:aws:s3:::${x}/*", "arn:aws:s3:::v/k", "v", true)
	f.Fuzz(func(t *testing.T, p, s, v string, fold bool) {
		if len(p) > 1024 || len(s) > 1024 || variables(p) > variablesMax {
			return
		}
		c := compilePattern(p, true, true, fold)
		c.match(s, &run{Keys{{"x", []string{v}}}, 1 << 30})
		if r := compileResource(p, true); r.match(s, &run{Keys{{"x", []string{v}}}, 1 << 30}) == yes && p == "" && s != "" {
			t.Errorf("nothing matches %q", s)
		}
		parseInstant(s)
		parseNumber(s)
		legacyDate(s)
		parseOperator(s)
		if !strings.ContainsAny(p, "$") && !fold && strings.ToValidUTF8(p, "") == p && strings.ToValidUTF8(s, "") == s {
			if got := c.match(s, &run{steps: 1 << 30}) == yes; got != reference(p, s, false) {
				t.Errorf("%q %q: %v", p, s, got)
			}
		}
	})
}

// TestSteps: a document full of slow patterns ends in a refusal, also where only a Deny is slow.
func TestSteps(t *testing.T) {
	slow := `"arn:aws:s3:::*` + strings.Repeat("a?", 500) + `b"`
	for _, effect := range []string{"Allow", "Deny"} {
		doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"` + effect + `","Action":"*","Resource":[` + strings.Repeat(slow+",", 99) + slow + `]}]}`
		d, err := Parse(Identity, []byte(doc), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		s := Set{Identity: []Attached{{Policy: d.Compile()}}}
		r := &Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::" + strings.Repeat("a", 2035), Principal: &Principal{Type: User, Account: "111111111111"}}
		began := time.Now()
		got := Evaluate(&s, r)
		t.Logf("%s: %+v after %v", effect, got, time.Since(began))
		if effect == "Deny" && (got.Allowed() || !got.Exhausted) {
			t.Errorf("%s: %+v", effect, got)
		}
	}
}
