package asl

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// player steps one execution by hand.
type player struct {
	*world
	m       *Machine
	x       *Execution
	history []HistoryEvent
	effects []Effect
}

func play(t testing.TB, definition, input string) *player {
	t.Helper()
	m, err := Parse(definition, Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := ParseInput(input)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	p := &player{world: w, m: m, x: NewExecution(w.identity(), in)}
	p.step(p.event(Start))
	return p
}

func (p *player) step(ev Event) {
	p.t.Helper()
	before, _ := json.Marshal(p.x)
	x, history, effects := p.m.Step(p.x, ev)
	if after, _ := json.Marshal(p.x); string(after) != string(before) {
		p.t.Fatal("the step changed the execution that it was given")
	}
	p.x, p.history, p.effects = x, append(p.history, history...), effects
}

func (p *player) task(kind EventKind, task int64, change func(*Event)) {
	p.t.Helper()
	ev := p.event(kind)
	ev.Task = task
	if change != nil {
		change(&ev)
	}
	p.step(ev)
}

func (p *player) fail(task int64, err, cause string) {
	p.t.Helper()
	p.task(TaskFailed, task, func(ev *Event) { ev.Error, ev.Cause = &err, &cause })
}

func (p *player) succeed(task int64, output string) {
	p.t.Helper()
	p.task(TaskSucceeded, task, func(ev *Event) { ev.Output = output })
}

// until lets time pass until the execution is due, and says how long that was.
func (p *player) until() time.Duration {
	p.t.Helper()
	at, ok := p.x.Wake()
	if !ok {
		p.t.Fatal("nothing is due")
	}
	d := at.Sub(p.now)
	p.now = at
	p.step(p.event(Wake))
	return d
}

// types are the types of the history's events, after the first ones.
func (p *player) types(from int) string {
	var names []string
	for _, e := range p.history[from:] {
		names = append(names, e.Type)
	}
	return strings.Join(names, " ")
}

func (p *player) ends(status Status, want string) {
	p.t.Helper()
	got := ""
	switch {
	case p.x.Output != nil:
		got = p.x.Output.Text()
	case p.x.Error != nil || p.x.Cause != nil:
		got = show(p.x.Error) + ": " + show(p.x.Cause)
	}
	if p.x.Status != status || got != want {
		p.t.Errorf("%s %s, want %s %s\n%s", p.x.Status, got, status, want, p.types(0))
	}
	for i, e := range p.history {
		if e.ID != int64(i+1) || e.Previous >= e.ID {
			p.t.Errorf("event %d has the identifier %d after %d", i+1, e.ID, e.Previous)
		}
	}
}

func show(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

const callback = `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","TimeoutSeconds":100,"HeartbeatSeconds":10,
	"Parameters":{"MessageBody":{"token.$":"$$.Task.Token","try.$":"$$.State.RetryCount"}},"ResultPath":"$.r",%s"End":true}}}`

func TestCallback(t *testing.T) {
	p := play(t, fmt.Sprintf(callback, ""), `{"a":1}`)
	e := p.effects[0]
	if e.Kind != StartTask || e.Service != "sqs" || e.Action != "sendMessage" || e.Pattern != WaitForToken || e.Timeout != 100*time.Second ||
		e.Parameters != `{"MessageBody":{"token":"`+e.Token+`","try":0}}` || len(e.Token) != 64 {
		t.Fatalf("%+v", e)
	}
	if task, ok := p.x.TaskByToken(e.Token); !ok || task != e.Task {
		t.Error("the token is not known")
	}
	p.task(TaskStarted, e.Task, nil)
	p.task(TaskSubmitted, e.Task, func(ev *Event) { ev.Output = `{"MessageId":"m"}` })
	p.now = p.now.Add(9 * time.Second)
	p.task(TaskHeartbeat, e.Task, nil)
	if d := p.x.Frames[0].Beat.Sub(p.now); d != 10*time.Second {
		t.Errorf("the heartbeat is due in %s", d)
	}
	p.succeed(e.Task+1, `1`) // of nobody
	p.succeed(e.Task, `{"b": 2}`)
	p.ends(Succeeded, `{"a":1,"r":{"b":2}}`)
	if got := p.types(2); got != "TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded" {
		t.Error(got)
	}
	p.succeed(e.Task, `3`) // too late
	p.ends(Succeeded, `{"a":1,"r":{"b":2}}`)
}

func TestHeartbeat(t *testing.T) {
	p := play(t, `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","HeartbeatSeconds":10,"Parameters":{"t.$":"$$.Task.Token"},
		"Retry":[{"ErrorEquals":["States.Timeout"],"MaxAttempts":1,"IntervalSeconds":7}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C","ResultPath":"$.e"}],"End":true},"C":{"Type":"Pass","End":true}}}`, `{}`)
	first := p.effects[0]
	if d := p.until(); d != 10*time.Second {
		t.Errorf("the heartbeat is due after %s", d)
	}
	if p.effects[0].Kind != CancelTask || p.effects[0].Task != first.Task {
		t.Errorf("%+v", p.effects)
	}
	if d := p.until(); d != 7*time.Second {
		t.Errorf("the attempt comes after %s", d)
	}
	second := p.effects[0]
	if second.Token == first.Token || second.Attempt != 1 {
		t.Errorf("%+v", second)
	}
	p.until()
	p.ends(Succeeded, `{"e":{"Error":"States.HeartbeatTimeout"}}`)
}

func TestRetry(t *testing.T) {
	const definition = `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:f","End":true,"Retry":[
		{"ErrorEquals":["A"],"IntervalSeconds":2,"BackoffRate":3,"MaxAttempts":4,"MaxDelaySeconds":20},
		{"ErrorEquals":["B"],"MaxAttempts":0},
		{"ErrorEquals":["States.TaskFailed"],"JitterStrategy":"FULL","IntervalSeconds":100,"MaxAttempts":1}]}}}`
	p := play(t, definition, `{}`)
	for _, want := range []time.Duration{2, 6, 18, 20} {
		p.fail(p.effects[0].Task, "A", "c")
		if d := p.until(); d != want*time.Second {
			t.Errorf("waited %s, not %ds", d, want)
		}
	}
	p.fail(p.effects[0].Task, "Z", "c") // another retrier has attempts of its own
	if d := p.until(); d <= 0 || d >= 100*time.Second {
		t.Errorf("waited %s", d)
	}
	p.fail(p.effects[0].Task, "A", "last")
	p.ends(Failed, "A: last")
	p = play(t, definition, `{}`)
	p.fail(p.effects[0].Task, "B", "none")
	p.ends(Failed, "B: none")
	if got := p.types(2); got != "LambdaFunctionScheduled LambdaFunctionFailed ExecutionFailed" {
		t.Error(got)
	}
}

func TestErrorNames(t *testing.T) {
	for _, c := range []struct {
		list, name string
		want       bool
	}{
		{"States.ALL", "X", true}, {"States.ALL", "States.Timeout", true}, {"States.ALL", "States.DataLimitExceeded", false}, {"States.ALL", "States.Runtime", false},
		{"States.TaskFailed", "X", true}, {"States.TaskFailed", "States.Timeout", false}, {"States.Timeout", "States.HeartbeatTimeout", true},
		{"States.DataLimitExceeded", "States.DataLimitExceeded", true}, {"X", "x", false},
	} {
		if got := matchesError([]string{c.list}, c.name); got != c.want {
			t.Errorf("%s meets %s: %v", c.list, c.name, got)
		}
	}
}

func TestParallelFailure(t *testing.T) {
	const definition = `{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,%s"Branches":[
		{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:111111111111:activity:a","End":true}}},
		{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":50,"Next":"B"},"B":{"Type":"Pass","Result":2,"End":true}}}]},"C":{"Type":"Pass","End":true}}}`
	p := play(t, fmt.Sprintf(definition, `"Catch":[{"ErrorEquals":["X"],"Next":"C","Assign":{"e.$":"$.Error"}}],`), `{}`)
	p.task(TaskStarted, p.effects[0].Task, func(ev *Event) { ev.Worker = "w" })
	p.fail(1, "X", "broken")
	p.ends(Succeeded, `{"Error":"X","Cause":"broken"}`)
	if got := p.types(3); !strings.Contains(got, "ActivityFailed WaitStateAborted ParallelStateFailed ParallelStateExited PassStateEntered") {
		t.Error(got)
	}
	if len(p.x.Frames) > 0 {
		t.Errorf("%d frames are left", len(p.x.Frames))
	}
	// Without a catcher the execution fails, and a redrive runs the failed branch alone.
	p = play(t, fmt.Sprintf(strings.Replace(definition, `,"C":{"Type":"Pass","End":true}`, "", 1), ""), `{}`)
	p.until()
	p.fail(1, "X", "broken")
	p.ends(Failed, "X: broken")
	if !p.m.CanRedrive(p.x) {
		t.Fatal("no redrive")
	}
	from := len(p.history)
	p.step(p.event(Redrive))
	if len(p.effects) != 1 || p.effects[0].Kind != StartTask {
		t.Fatalf("%+v", p.effects)
	}
	p.succeed(p.effects[0].Task, `1`)
	p.ends(Succeeded, `[1,2]`)
	if got := p.types(from); got != "ExecutionRedriven ActivityScheduled ActivitySucceeded TaskStateExited ParallelStateSucceeded ParallelStateExited ExecutionSucceeded" {
		t.Error(got)
	}
}

func TestTimeoutAndAbort(t *testing.T) {
	const definition = `{"TimeoutSeconds":5,"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}`
	p := play(t, definition, `{}`)
	p.until()
	p.ends(TimedOut, "")
	p = play(t, definition, `{}`)
	ev := p.event(Abort)
	ev.Error, ev.Cause = textOf("E"), textOf("c")
	p.step(ev)
	p.ends(Aborted, "E: c")
	p.step(p.event(Redrive))
	p.now = p.now.Add(time.Second)
	if p.x.Status != Running || p.x.Redrives != 1 {
		t.Errorf("%s %d", p.x.Status, p.x.Redrives)
	}
}

func TestInlineMap(t *testing.T) {
	p := play(t, `{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":2,"ItemSelector":{"v.$":"$$.Map.Item.Value"},"ItemProcessor":{"StartAt":"T","States":{
		"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:111111111111:function:f","End":true}}},"End":true}}}`, `[1,2,3]`)
	if len(p.effects) != 2 || p.effects[1].Parameters != `{"v":2}` {
		t.Fatalf("%+v", p.effects)
	}
	p.succeed(2, `"b"`)
	if len(p.effects) != 1 || p.effects[0].Parameters != `{"v":3}` {
		t.Fatalf("%+v", p.effects)
	}
	p.succeed(3, `"c"`)
	p.succeed(1, `"a"`)
	p.ends(Succeeded, `["a","b","c"]`)
}

func TestMapRun(t *testing.T) {
	p := play(t, `{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l","Label":"L","ToleratedFailureCount":1,"MaxConcurrency":2,"ItemSelector":{"v.$":"$$.Map.Item.Value","k.$":"$.k"},
		"ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"b.$":"$.k"}},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"StartAt":"F","States":{"F":{"Type":"Pass","End":true}}},"End":true}}}`, `{"l":[1,2,3],"k":"x"}`)
	e := p.effects[0]
	if e.Kind != StartMapRun || e.Run.Label != "L" || !e.Run.Express || len(e.Run.Items) != 3 {
		t.Fatalf("%+v", e)
	}
	var items []Item
	for i, d := range e.Run.Items {
		items = append(items, Item{Index: i, Value: d})
	}
	inputs, err := p.m.Inputs(p.x, e.Task, e.Run, items, p.now, [32]byte{})
	if err != nil || len(inputs) != 2 || inputs[1].Text() != `{"BatchInput":{"b":"x"},"Items":[{"v":3,"k":"x"}]}` {
		t.Fatalf("%v %v", inputs, err)
	}
	child, ok := p.m.Child("M")
	if !ok || child.Type() != Express {
		t.Error("no child")
	}
	run := e.Run
	run.Begin(5)
	if got := run.Next(); len(got) != 2 {
		t.Errorf("%v start", got)
	}
	run.Done(0, nil)
	run.Done(1, NewDocument("1"))
	if got := run.Next(); len(got) != 2 || got[0] != 2 {
		t.Errorf("%v start", got)
	}
	if _, _, ended := run.Ended(); ended {
		t.Error("one failure is tolerated")
	}
	run.Done(2, nil)
	_, fail, ended := run.Ended()
	if !ended || fail == nil {
		t.Fatal("two failures are not tolerated")
	}
	p.task(MapRunEnded, e.Task, func(ev *Event) { ev.Error, ev.Cause = &fail.Err, &fail.Cause })
	p.ends(Failed, "States.ExceedToleratedFailureThreshold: The specified tolerated failure threshold was exceeded")
	if got := p.types(2); got != "MapStateStarted MapRunFailed MapStateFailed ExecutionFailed" {
		t.Error(got)
	}
}

func TestReadItems(t *testing.T) {
	for _, c := range []struct {
		config     ReaderConfig
		file, want string
		max        int64
	}{
		{ReaderConfig{InputType: "CSV", CSVHeaderLocation: "FIRST_ROW"}, "a,b\n1,\"x,y\"\n2\n", `{"a":"1","b":"x,y"} {"a":"2","b":""}`, 0},
		{ReaderConfig{InputType: "CSV", CSVHeaderLocation: "GIVEN", CSVHeaders: []string{"k"}, CSVDelimiter: "PIPE"}, "1|2\n3|4\n", `{"k":"1"}`, 1},
		{ReaderConfig{InputType: "JSON"}, ` [1, {"a": 2}] `, `1 {"a": 2}`, 0},
		{ReaderConfig{InputType: "JSON", ItemsPointer: "/x/y"}, `{"w":[{"x":[]}],"x":{"y":{"k":1,"l":[2]}}}`, `1 [2]`, 0},
		{ReaderConfig{InputType: "JSONL"}, "1\n\n{\"a\":2}", `1 {"a":2}`, 0},
		{ReaderConfig{InputType: "JSON"}, `{`, `States.ItemReaderFailed`, 0},
		{ReaderConfig{InputType: "JSON", ItemsPointer: "/q"}, `{}`, `States.ItemReaderFailed`, 0},
		{ReaderConfig{InputType: "JSONL"}, `"` + strings.Repeat("x", DataBytesMax) + `"`, `States.ItemReaderFailed`, 0},
		{ReaderConfig{InputType: "PARQUET"}, ``, `States.ItemReaderFailed`, 0},
	} {
		var got []string
		err := c.config.Items(strings.NewReader(c.file), c.max, func(i Item) error { got = append(got, i.Value.Text()); return nil })
		if err != nil {
			got = []string{err.(*RunError).Err}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v: %s, want %s", c.config, s, c.want)
		}
	}
}

func TestRuntimeErrors(t *testing.T) {
	for _, c := range []struct{ state, input, want string }{
		{`"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":1,"Next":"E"}]`, `{"a":2}`, "States.NoChoiceMatched: An error occurred while executing the state 'S' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state."},
		{`"Type":"Choice","Choices":[{"Variable":"$.b","NumericEquals":1,"Next":"E"}]`, `{"a":2}`, "States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). Invalid path '$.b': The choice state's condition path references an invalid value."},
		{`"Type":"Pass","ResultPath":"$.a.b","Next":"E"`, `{"a":2}`, "States.ResultPathMatchFailure: An error occurred while executing the state 'S' (entered at the event id #2). Unable to apply ResultPath '$.a.b' to the input of the state"},
		{`"Type":"Pass","Parameters":{"x.$":"States.ArrayGetItem($.a, 5)"},"Next":"E"`, `{"a":[]}`, "States.IntrinsicFailure: An error occurred while executing the state 'S' (entered at the event id #2). The function 'States.ArrayGetItem($.a, 5)' had the following error: index 5 is out of bounds of an array of 0"},
		{`"Type":"Wait","TimestampPath":"$.a","Next":"E"`, `{"a":"x"}`, `States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.a == "x"`},
		{`"Type":"Pass","QueryLanguage":"JSONata","Output":"{% $states.input.b %}","Next":"E"`, `{"a":"x"}`, "States.QueryEvaluationError: An error occurred while executing the state 'S' (entered at the event id #2). The JSONata expression '$states.input.b' specified for the field 'Output' returned nothing (undefined)."},
		{`"Type":"Pass","Parameters":{"a.$":"$.a","b.$":"$.a","c.$":"$.a"},"Next":"E"`, `{"a":"` + strings.Repeat("x", 100000) + `"}`, "States.DataLimitExceeded: The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit."},
	} {
		p := play(t, `{"StartAt":"S","States":{"S":{`+c.state+`},"E":{"Type":"Succeed"}}}`, c.input)
		p.ends(Failed, c.want)
	}
}
