package asl

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// maker makes random machines that are mostly valid, and drives them with random events.
type maker struct {
	*rand.Rand
	names int
}

func (g *maker) of(list ...string) string { return list[g.IntN(len(list))] }

func (g *maker) path() string {
	return g.of("$", "$.a", "$.b", "$.l", "$.l[0]", "$.a.b", "$$.Execution.Input", "$$.State.Name", "$$.Map.Item.Index", "$v", "$.none", "$.l[*]", "$..a", "$.l[?(@.a > 1)]")
}

func (g *maker) reading() string {
	return g.of("$", "$.a", "$.b", "$.l", "$.l[0]", "$v", "$$.Execution.Input.l", "$.none")
}

func (g *maker) expression() string {
	return g.of(g.path(), g.path(), "States.Array("+g.path()+", 1)", "States.Format('{}-{}', "+g.path()+", 2)", "States.MathAdd("+g.reading()+", 1)", "States.ArrayGetItem("+g.reading()+", 0)", "States.UUID()", "States.JsonToString("+g.path()+")", "States.MathRandom(1, 9)")
}

func (g *maker) payload() string {
	return g.of(`{"a.$":`+quoted(g.expression())+`,"l":[1,{"b.$":`+quoted(g.expression())+`}]}`, `{"l.$":`+quoted(g.expression())+`,"b":2}`, `{}`, `{"a":1,"l":[1,2,3]}`)
}

func (g *maker) jsonata() string {
	return g.of(`"{% $states.input %}"`, `"{% $states.input.l %}"`, `"{% $states.input.a %}"`, `"{% [1,2,3] %}"`, `{"a":"{% $random() %}","l":["{% $states.context.State.Name %}",2]}`, `"{% $v %}"`, `"{% 1 + 'a' %}"`, `"{% $states.result %}"`, `{"l":[1,2]}`, `5`)
}

func (g *maker) maybe(s string) string {
	if g.IntN(3) == 0 {
		return "," + s
	}
	return ""
}

func (g *maker) catches(names []string, ata bool) string {
	s := ""
	if g.IntN(2) == 0 {
		s += `,"Retry":[{"ErrorEquals":[` + quoted(g.of("E", "States.TaskFailed", "States.Timeout")) + `],"MaxAttempts":` + strconv.Itoa(g.IntN(3)) + `},{"ErrorEquals":["States.ALL"],"MaxAttempts":1,"JitterStrategy":"FULL"}]`
	}
	if g.IntN(2) == 0 {
		s += `,"Catch":[{"ErrorEquals":[` + quoted(g.of("E", "States.ALL", "States.QueryEvaluationError", "States.HeartbeatTimeout")) + `],"Next":` + quoted(g.of(names...))
		if ata {
			s += g.maybe(`"Output":` + g.of(`"{% $states.errorOutput %}"`, g.jsonata()))
		} else {
			s += g.maybe(`"ResultPath":` + g.of(`"$.e"`, `null`, `"$.a.b"`))
		}
		s += `}]`
	}
	return s
}

// scope makes a StartAt with its States.
func (g *maker) scope(depth int) string {
	n := 1 + g.IntN(4)
	names := make([]string, n)
	for i := range names {
		g.names++
		names[i] = "s" + strconv.Itoa(g.names)
	}
	states := make([]string, n)
	for i, name := range names {
		next := `,"End":true`
		if i+1 < n {
			next = `,"Next":` + quoted(names[i+1])
			if g.IntN(4) == 0 {
				next = `,"Next":` + quoted(g.of(names...))
			}
		}
		states[i] = quoted(name) + ":" + g.state(names[min(i+1, n-1):], names, next, i == n-1, depth)
	}
	return `"StartAt":` + quoted(names[0]) + `,"States":{` + strings.Join(states, ",") + `}`
}

func (g *maker) state(later, names []string, next string, last bool, depth int) string {
	ata := g.IntN(3) == 0
	s := `{`
	if ata {
		s = `{"QueryLanguage":"JSONata"`
	} else {
		s = `{"QueryLanguage":"JSONPath"`
	}
	flow := func() string {
		if ata {
			return g.maybe(`"Output":`+g.jsonata()) + g.maybe(`"Assign":{"v":`+g.jsonata()+`}`)
		}
		return g.maybe(`"InputPath":`+g.of(quoted(g.path()), "null")) + g.maybe(`"OutputPath":`+g.of(quoted(g.path()), "null")) + g.maybe(`"Assign":{"v.$":`+quoted(g.expression())+`}`)
	}
	results := func() string {
		if ata {
			return g.maybe(`"Arguments":` + g.jsonata())
		}
		return g.maybe(`"ResultPath":`+g.of(`"$.r"`, `"$.a.b"`, `null`, `"$"`)) + g.maybe(`"ResultSelector":`+g.payload()) + g.maybe(`"Parameters":`+g.payload())
	}
	kind := g.IntN(8)
	if depth > 2 && kind >= 6 {
		kind = g.IntN(6)
	}
	switch {
	case kind == 0 && !last:
		if ata {
			return s + `,"Type":"Choice","Choices":[{"Condition":` + g.of(`"{% $states.input.a > 1 %}"`, `"{% true %}"`, `"{% $v %}"`) + `,"Next":` + quoted(g.of(names...)) + `}],"Default":` + quoted(later[0]) + `}`
		}
		return s + `,"Type":"Choice","Choices":[{"And":[{"Variable":` + quoted(g.reading()) + `,"IsPresent":true},{"Not":{"Variable":` + quoted(g.reading()) + `,"NumericLessThanPath":` + quoted(g.reading()) + `}}],"Next":` + quoted(g.of(names...)) + `}]` + g.maybe(`"Default":`+quoted(later[0])) + `,"Assign":{"v":1}}`
	case kind == 1 && last:
		return s + `,"Type":"Fail","Error":` + quoted(g.of("E", "F", "States.Timeout")) + `}`
	case kind == 2:
		if ata {
			return s + `,"Type":"Wait","Seconds":` + g.of(`1`, `"{% $states.input.a %}"`, `"{% 2 %}"`) + flow() + next + `}`
		}
		return s + `,"Type":"Wait",` + g.of(`"Seconds":2`, `"SecondsPath":"$.a"`, `"Timestamp":"2026-01-02T03:04:09Z"`, `"TimestampPath":"$.t"`) + flow() + next + `}`
	case kind == 3 || kind == 4:
		return s + `,"Type":"Task","Resource":` + quoted(g.of("arn:aws:lambda:us-east-1:1:function:f", "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "arn:aws:states:::ecs:runTask.sync", "arn:aws:states:us-east-1:1:activity:a")) +
			g.maybe(`"TimeoutSeconds":9`) + g.maybe(`"HeartbeatSeconds":3`) + flow() + results() + g.catches(names, ata) + next + `}`
	case kind == 6:
		b := make([]string, 1+g.IntN(3))
		for i := range b {
			b[i] = "{" + g.scope(depth+1) + "}"
		}
		return s + `,"Type":"Parallel","Branches":[` + strings.Join(b, ",") + `]` + flow() + results() + g.catches(names, ata) + next + `}`
	case kind == 7:
		config := g.of(``, `"ProcessorConfig":{"Mode":"INLINE"},`, `"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},`)
		s += `,"Type":"Map","ItemProcessor":{` + config + g.scope(depth+1) + `}` + g.maybe(`"MaxConcurrency":1`)
		if ata {
			return s + g.maybe(`"Items":`+g.of(`"{% $states.input.l %}"`, `"{% [1..3] %}"`, `[1,2]`)) + g.maybe(`"ItemSelector":`+g.jsonata()) + flow() + g.catches(names, ata) + next + `}`
		}
		return s + g.maybe(`"ItemsPath":`+quoted(g.of("$.l", "$v", "$"))) + g.maybe(`"ItemSelector":`+g.payload()) + g.maybe(`"ResultPath":"$.r"`) + flow() + g.catches(names, ata) + next + `}`
	}
	if ata {
		return s + `,"Type":"Pass"` + flow() + next + `}`
	}
	return s + `,"Type":"Pass"` + flow() + g.maybe(`"Parameters":`+g.payload()) + g.maybe(`"Result":{"l":[1,2],"a":3}`) + g.maybe(`"ResultPath":`+g.of(`"$.r"`, `null`)) + next + `}`
}

// drive runs a machine with random results, and checks what always holds.
func (g *maker) drive(t *testing.T, m *Machine, input string, depth int) *Document {
	in, err := ParseInput(input)
	if err != nil {
		return nil
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	x := NewExecution(Identity{ID: "x", Name: "n"}, in)
	queue := []Event{{Kind: Start}}
	tasks := map[int64]bool{}
	events := int64(0)
	redriven := false
	for steps := 0; steps < 400; steps++ {
		if x.Status != Running {
			if redriven || !m.CanRedrive(x) || g.IntN(2) == 0 {
				break
			}
			redriven = true
			queue, tasks = []Event{{Kind: Redrive}}, map[int64]bool{}
		}
		if len(queue) == 0 {
			at, timed := x.Wake()
			var open []int64
			for id := range tasks {
				open = append(open, id)
			}
			switch {
			case g.IntN(200) == 0:
				queue = append(queue, Event{Kind: Abort})
			case timed && (len(open) == 0 || g.IntN(4) == 0):
				if at.After(now) {
					now = at
				}
				queue = append(queue, Event{Kind: Wake})
			case len(open) > 0:
				id := open[g.IntN(len(open))]
				ev := Event{Task: id}
				switch g.IntN(5) {
				case 0:
					name := g.of("E", "G", "States.Timeout", "States.Runtime")
					ev.Kind, ev.Error = TaskFailed, &name
				case 1:
					ev.Kind = []EventKind{TaskStarted, TaskHeartbeat, TaskSubmitted}[g.IntN(3)]
					ev.Output = `{}`
				default:
					ev.Kind, ev.Output = TaskSucceeded, g.of(`{"a":2,"l":[1,2]}`, `[1]`, `"s"`, `{"Payload":{"a":1}}`)
				}
				queue = append(queue, ev)
			default:
				t.Fatalf("the execution runs and waits for nothing: %s", text(x))
			}
		}
		ev := queue[0]
		queue = queue[1:]
		ev.Now = now
		ev.Entropy[0] = byte(steps)
		before := text(x)
		next, history, effects := m.Step(x, ev)
		if text(x) != before {
			t.Fatal("the step changed the execution that it was given")
		}
		again, history2, _ := m.Step(x, ev)
		if text(again) != text(next) || len(history2) != len(history) {
			t.Fatal("the same step gave something else")
		}
		for i := range history {
			e := &history[i]
			if events++; e.ID != events || e.Previous >= e.ID {
				t.Fatalf("event %d has the identifier %d after %d", events, e.ID, e.Previous)
			}
			if member, _ := e.Details(); member == "" && !strings.HasSuffix(e.Type, "Started") && !strings.HasSuffix(e.Type, "Failed") && !strings.HasSuffix(e.Type, "Aborted") && !strings.HasSuffix(e.Type, "Succeeded") {
				t.Fatalf("an event of the type %s", e.Type)
			}
		}
		for _, e := range effects {
			switch e.Kind {
			case StartTask:
				tasks[e.Task] = true
			case CancelTask, CancelMapRun:
				delete(tasks, e.Task)
			case ProceedNow:
				queue = append(queue, Event{Kind: Proceed})
			case StartMapRun:
				queue = append(queue, Event{Kind: MapRunStarted, Task: e.Task, Arn: "arn"}, g.mapRun(t, m, next, e, now, depth))
			}
		}
		kept, err := json.Marshal(next)
		if err != nil {
			t.Fatal(err)
		}
		x = &Execution{}
		if err := json.Unmarshal(kept, x); err != nil {
			t.Fatal(err)
		}
		waiting := map[int64]bool{}
		variables := int64(0)
		for _, f := range x.Frames {
			if f.Phase == Tasking {
				waiting[f.Task] = true
			}
			for _, d := range f.Variables {
				variables += int64(len(d.Text()))
			}
			if x.Status == Running && f.Phase == Stopped {
				t.Fatal("a frame is stopped while the execution runs")
			}
		}
		for id := range tasks {
			if !waiting[id] {
				delete(tasks, id)
			}
		}
		if x.Status == Running && len(waiting) != len(tasks) {
			t.Fatalf("%d frames wait for %d tasks", len(waiting), len(tasks))
		}
		if x.Status == Running && variables != x.Variables {
			t.Fatalf("the variables have %d bytes, not %d", variables, x.Variables)
		}
	}
	return x.Output
}

func (g *maker) mapRun(t *testing.T, m *Machine, x *Execution, e Effect, now time.Time, depth int) Event {
	ev := Event{Kind: MapRunEnded, Task: e.Task}
	items := make([]Item, len(e.Run.Items))
	for i, d := range e.Run.Items {
		items[i] = Item{Index: i, Value: d}
	}
	inputs, err := m.Inputs(x, e.Task, e.Run, items, now, [32]byte{})
	if err != nil || depth > 1 {
		name := "States.ItemReaderFailed"
		ev.Error = &name
		return ev
	}
	child, ok := m.Child(e.Run.State)
	if !ok {
		t.Fatal("no child")
	}
	run := e.Run
	run.Begin(len(inputs))
	for {
		output, fail, ended := run.Ended()
		if fail != nil {
			ev.Error, ev.Cause = &fail.Err, &fail.Cause
			return ev
		}
		if ended {
			ev.Output = output.Text()
			return ev
		}
		for _, i := range run.Next() {
			run.Done(i, g.drive(t, child, inputs[i].Text(), depth+1))
		}
	}
}

// TestGenerated drives random machines with random events. VIRGA_SEEDS says how many.
func TestGenerated(t *testing.T) {
	n := 1000
	if s := os.Getenv("VIRGA_SEEDS"); s != "" {
		if v, err := strconv.Atoi(s); err == nil {
			n = v
		}
	}
	valid := 0
	for seed := range n {
		g := &maker{Rand: rand.New(rand.NewPCG(uint64(seed), 7))}
		definition := `{` + g.scope(0) + g.maybe(`"TimeoutSeconds":8`) + `}`
		m, err := Parse(definition, Options{})
		if err != nil {
			if !strings.Contains(err.Error(), codeTarget) {
				t.Fatalf("seed %d: %v\n%s", seed, err, definition)
			}
			continue
		}
		valid++
		func() {
			defer func() {
				if p := recover(); p != nil {
					panic(fmt.Sprintf("seed %d: %v\n%s", seed, p, definition))
				}
				if t.Failed() {
					t.Logf("seed %d: %s", seed, definition)
				}
			}()
			g.drive(t, m, g.of(`{"a":1,"b":{"b":[2]},"l":[1,2,{"a":3}],"t":"2026-01-02T03:04:08Z"}`, `{"l":[]}`, `[1,2,3]`, `{"a":2,"l":[[1],[2]]}`), 0)
		}()
	}
	t.Logf("%d machines of %d seeds", valid, n)
	if valid < n/4 {
		t.Errorf("only %d machines are valid", valid)
	}
}
