package asl

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Every hostile definition and input ends at a limit that has a name.
func TestHostileDefinitions(t *testing.T) {
	deep := `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`
	for i := range 40 {
		n := "P" + itoa(i)
		deep = `{"StartAt":"` + n + `","States":{"` + n + `":{"Type":"Parallel","Branches":[` + deep + `],"End":true}}}`
	}
	rule := `{"Variable":"$.a","IsNull":true}`
	nested := rule
	for range 100 {
		nested = `{"Not":` + nested + `}`
	}
	choice := func(r string) string {
		return `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[` + strings.TrimSuffix(r, "}") + `,"Next":"S"}]},"S":{"Type":"Succeed"}}}`
	}
	many := strings.Repeat(`"x":{"Type":"Nothing"},`, 1) + func() string {
		var b strings.Builder
		for i := range 20000 {
			b.WriteString(`"s` + itoa(i) + `":{"Type":"Nothing"},`)
		}
		return strings.TrimSuffix(b.String(), ",")
	}()
	for name, c := range map[string]struct{ definition, want string }{
		"brackets":     {strings.Repeat("[", 100000), "Document nesting depth"},
		"objects":      {strings.Repeat(`{"a":`, 100000), "Document nesting depth"},
		"branches":     {deep, codeDeep},
		"long":         {strings.Repeat(" ", DefinitionBytesMax+1), "Definition exceeds"},
		"rules nested": {choice(nested), "Choice rule has more than"},
		"rules":        {choice(`{"And":[` + strings.TrimSuffix(strings.Repeat(rule+",", 5000), ",") + `]}`), "Choice rule has more than"},
		"findings":     {`{"StartAt":"x","States":{` + many + `}}`, "The field 'Type'"},
		"expression":   {`{"StartAt":"x","States":{"x":{"Type":"Pass","End":true,"Parameters":{"a.$":"` + strings.Repeat("States.Array(", 2000) + `"}}}}`, "must be a valid JSONPath"},
		"jsonata":      {`{"StartAt":"x","States":{"x":{"Type":"Pass","QueryLanguage":"JSONata","End":true,"Output":"{% ` + strings.Repeat("(", 20000) + ` %}"}}}`, "is not valid"},
	} {
		start := time.Now()
		m, found := Validate(c.definition, Options{})
		t.Logf("%s: %s", name, time.Since(start))
		if m != nil || len(found) == 0 || len(found) > DiagnosticsMax || !strings.Contains(found[0].Code+found[0].Message, c.want) {
			t.Errorf("%s: %d findings: %.300v", name, len(found), found)
		}
	}
	for name, in := range map[string]string{"deep": strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "long": `"` + strings.Repeat("x", DataBytesMax) + `"`, "no JSON": "{", "two": "1 2"} {
		if _, err := ParseInput(in); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestHistoryLimit shows that an endless loop ends at the limit of events, a step at its limit of states.
func TestHistoryLimit(t *testing.T) {
	m, err := Parse(`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$","IsPresent":false,"Next":"E"}],"Default":"A"},"E":{"Type":"Succeed"}}}`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	x := NewExecution(w.identity(), NewDocument("{}"))
	ev := w.event(Start)
	steps, events := 0, 0
	var last HistoryEvent
	for x.Status == Running {
		var history []HistoryEvent
		x, history, _ = m.Step(x, ev)
		if len(history) > 2*TransitionsMax+1 {
			t.Fatalf("%d events in one step", len(history))
		}
		events += len(history)
		last = history[len(history)-1]
		ev = w.event(Proceed)
		steps++
	}
	if events != HistoryMax || last.Type != "ExecutionFailed" || *last.Cause != "The execution reached the maximum number of history events (25000)." {
		t.Errorf("%d events in %d steps, the last: %+v", events, steps, last)
	}
	if m.CanRedrive(x) {
		t.Error("no events are left for a redrive")
	}
}

// Data that grows with each round ends at the limits of bytes and of depth.
func TestGrowth(t *testing.T) {
	for name, c := range map[string]struct{ state, want string }{
		"bytes":     {`"Type":"Pass","Parameters":{"a.$":"States.Format('{}{}', $.a, $.a)"}`, "States.DataLimitExceeded"},
		"depth":     {`"Type":"Pass","Parameters":{"a.$":"$"}`, "States.Runtime"},
		"variables": {`"Type":"Pass","Assign":{"v.$":"States.Array($.a, $.a)"},"Parameters":{"a.$":"States.Array($.a)"}`, "States.Runtime"},
		"jsonata":   {`"Type":"Pass","QueryLanguage":"JSONata","Output":{"a":"{% [$states.input.a] %}"}`, "States.Runtime"},
		"steps":     {`"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $count([1..10000000].([1..10000000])) %}"`, "States.QueryEvaluationError"},
	} {
		start := time.Now()
		p := play(t, `{"StartAt":"A","States":{"A":{`+c.state+`,"Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$","IsPresent":false,"Next":"E"}],"Default":"A"},"E":{"Type":"Succeed"}}}`, `{"a":"xxxxxxxxxx"}`)
		for i := 0; p.x.Status == Running && i < 100; i++ {
			p.step(p.event(Proceed))
		}
		t.Logf("%s: %s, %d events", name, time.Since(start), len(p.history))
		if p.x.Status != Failed || *p.x.Error != c.want {
			t.Errorf("%s: %s %s %s", name, p.x.Status, show(p.x.Error), show(p.x.Cause))
		}
	}
}

func TestManyIterations(t *testing.T) {
	p := play(t, `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"N","States":{"N":{"Type":"Map","ItemsPath":"$$.Execution.Input","ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Wait","Seconds":1,"End":true}}},"End":true}}},"End":true}}}`,
		`[`+list(3000)+`]`)
	for i := 0; p.x.Status == Running && i < 500; i++ {
		if len(p.x.Frames) > 2*InlineConcurrency*InlineConcurrency {
			t.Fatalf("%d frames", len(p.x.Frames))
		}
		if len(p.effects) > 0 {
			p.step(p.event(Proceed))
			continue
		}
		p.until()
	}
	if p.x.Status != Failed {
		t.Errorf("%s after %d events", p.x.Status, len(p.history))
	}
}

func FuzzDefinition(f *testing.F) {
	f.Add(`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Map","ItemsPath":"$.l","ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Fail","Error":"e"}}},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"D"}],"End":true},"D":{"Type":"Succeed"}}}`, `{"l":[1]}`)
	f.Add(`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.a > 1 %}","Next":"B","Assign":{"x":"{% $states.input %}"}}],"Default":"B"},"B":{"Type":"Wait","Seconds":"{% 1 %}","End":true}}}`, `{"a":2}`)
	f.Add(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"t.$":"$$.Task.Token"},"Retry":[{"ErrorEquals":["States.ALL"]}],"TimeoutSeconds":3,"End":true}}}`, `{}`)
	f.Add(`{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}},{"StartAt":"B","States":{"B":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.a","IsPresent":true},{"Not":{"Variable":"$.a","StringMatches":"*x"}}],"Next":"C"}]},"C":{"Type":"Succeed"}}}],"ResultPath":"$.r","End":true}}}`, `{"a":"b"}`)
	f.Fuzz(func(t *testing.T, definition, input string) {
		m, found := Validate(definition, Options{})
		if m == nil {
			if len(found) == 0 {
				t.Fatal("refused without a reason")
			}
			return
		}
		in, err := ParseInput(input)
		if err != nil {
			return
		}
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		x := NewExecution(Identity{ID: "x"}, in)
		ev := Event{Kind: Start, Now: now}
		for i := 0; x.Status == Running && i < 30; i++ {
			next, history, effects := m.Step(x, ev)
			for j, e := range history {
				if e.ID != x.NextEvent+int64(j)+1 {
					t.Fatalf("event %d after %d", e.ID, x.NextEvent)
				}
				e.Details()
			}
			if next.Output != nil && len(next.Output.Text()) > DataBytesMax {
				t.Fatal("the output is larger than the limit")
			}
			x = next
			kept, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			x = &Execution{}
			if err := json.Unmarshal(kept, x); err != nil {
				t.Fatal(err)
			}
			ev = Event{Kind: Proceed, Now: now}
			if at, ok := x.Wake(); ok {
				if now = at; i%2 == 1 {
					ev = Event{Kind: Wake, Now: now}
				}
			}
			for _, e := range effects {
				switch e.Kind {
				case StartTask:
					name := "E"
					ev = Event{Kind: TaskFailed, Now: now, Task: e.Task, Error: &name}
					if i%3 == 0 {
						ev = Event{Kind: TaskSucceeded, Now: now, Task: e.Task, Output: input}
					}
				case StartMapRun:
					ev = Event{Kind: MapRunEnded, Now: now, Task: e.Task, Output: "[]"}
				}
			}
		}
		if x.Status == Running {
			x, _, _ = m.Step(x, Event{Kind: Abort, Now: now})
		}
		if x.Status == Running {
			t.Fatal("aborted and still running")
		}
		m.Step(x, Event{Kind: Redrive, Now: now})
	})
}

func FuzzTestState(f *testing.F) {
	f.Add(`{"Type":"Map","ItemsPath":"$.l","ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Succeed"}}},"End":true}`, `{"l":[1]}`, `[2]`)
	f.Add(`{"Type":"Task","QueryLanguage":"JSONata","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"a":"{% $states.input %}"},"Output":"{% $states.result %}","End":true}`, `{}`, `{}`)
	f.Fuzz(func(t *testing.T, definition, input, mock string) {
		for _, m := range []*Mock{nil, {Result: &mock}, {Error: &MockError{Error: &mock}}} {
			x, effect, err := Test(TestRequest{Definition: definition, Input: input, Mock: m, HasRole: true})
			if (x != nil) == (err != nil || effect != nil) {
				t.Fatalf("%v %v %v", x, effect, err)
			}
		}
	})
}
