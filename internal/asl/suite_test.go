package asl

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The floors of the recorded executions; they only rise.
const (
	outcomeFloor = 97.0
	historyFloor = 95.0
)

type recorded struct {
	Name, Group, Kind, Type, Definition string
	Input                               *string
	Tasks                               []string
	Lambdas                             []struct{ Name, Handler string }
	Params                              map[string]any
	Replace                             [][2]string
	Expect                              any
}

func recordings(t testing.TB) []recorded {
	t.Helper()
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
	var all []recorded
	for s.Scan() {
		var c recorded
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// dropped are members that a recording leaves out.
var dropped = map[string]bool{"timestamp": true, "id": true, "previousEventId": true, "ResponseMetadata": true, "inputDetails": true, "outputDetails": true,
	"startDate": true, "stopDate": true, "billingDetails": true, "traceHeader": true, "SdkHttpMetadata": true, "SdkResponseMetadata": true, "redriveCount": true,
	"redriveStatus": true, "executionArn": true, "stateMachineArn": true, "name_of_run": true}

// plain reads JSON texts within values, as the recordings do.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := map[string]any{}
		for k, x := range v {
			if !dropped[k] {
				o[k] = plain(x)
			}
		}
		return o
	case []any:
		l := make([]any, len(v))
		for i, x := range v {
			l[i] = plain(x)
		}
		return l
	case string:
		if v != "" && (v[0] == '{' || v[0] == '[') {
			var x any
			if json.Unmarshal([]byte(v), &x) == nil {
				return plain(x)
			}
		}
	}
	return v
}

var (
	volatile   = regexp.MustCompile(`<[A-Za-z_0-9-]+(?::\d+)?>`)
	looseWords = []string{"timestamp", "date", "datetime", "x-amzn-RequestId", "X-Amzn-Trace-Id", "RequestId", "start-time", "entered-time"}
)

func same(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(want) {
			return false
		}
		for k, w := range want {
			x, ok := g[k]
			if !ok || !same(x, w) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return false
		}
		for i := range want {
			if !same(g[i], want[i]) {
				return false
			}
		}
		return true
	case string:
		if slices.Contains(looseWords, want) {
			return true
		}
		g, ok := got.(string)
		if !ok || g == want {
			return ok
		}
		parts := volatile.Split(want, -1)
		if len(parts) < 2 {
			return false
		}
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".+?") + `$`).MatchString(g)
	case float64:
		g, ok := got.(float64)
		return ok && g == want
	}
	return reflect.DeepEqual(got, want)
}

// renamed gives values the names that a recording uses.
func renamed(v any, c recorded) any {
	b, err := json.Marshal(v)
	if err != nil {
		return v
	}
	s := string(b)
	for _, r := range c.Replace {
		p, err := regexp.Compile(r[0])
		if err != nil {
			continue
		}
		s = p.ReplaceAllLiteralString(s, strings.ReplaceAll(r[1], `\`, `\\`))
	}
	var out any
	if json.Unmarshal([]byte(s), &out) != nil {
		return v
	}
	return out
}

// world runs executions: it has the time and brings about the effects that need no task.
type world struct {
	t     testing.TB
	now   time.Time
	count byte
	// functions are what tasks may call, by name: echo gives its event, const a constant.
	functions map[string]string
}

// invoke answers a task that calls a function.
func (w *world) invoke(e Effect) []Event {
	w.t.Helper()
	name, payload := e.Resource, e.Parameters
	if e.Service == "lambda" {
		var p struct {
			FunctionName string
			Payload      json.RawMessage
		}
		if err := json.Unmarshal([]byte(e.Parameters), &p); err != nil {
			w.t.Fatal(err)
		}
		if name, payload = p.FunctionName, string(p.Payload); payload == "" {
			payload = "{}"
		}
		var raw string // a text is the payload itself
		if json.Unmarshal([]byte(payload), &raw) == nil {
			payload = raw
		}
	}
	begun, ended := w.event(TaskStarted), w.event(TaskSucceeded)
	begun.Task, ended.Task = e.Task, e.Task
	switch handler := w.functions[name[strings.LastIndexByte(name, ':')+1:]]; handler {
	case "echo":
		ended.Output = payload
	case "const":
		ended.Output = `{"Return":"HelloWorld"}`
	default:
		w.t.Fatalf("a task: %s %s %s", e.Resource, name, handler)
	}
	if e.Service == "lambda" {
		ended.Output = `{"ExecutedVersion":"$LATEST","Payload":` + ended.Output + `,"StatusCode":200}`
	}
	return []Event{begun, ended}
}

func (w *world) identity() Identity {
	return Identity{ID: "arn:aws:states:us-east-1:111111111111:execution:machine:run", Name: "run", RoleArn: "snf_role_arn", Region: "us-east-1",
		StateMachineID: "arn:aws:states:us-east-1:111111111111:stateMachine:machine", StateMachineName: "machine", StartTime: w.now}
}

func (w *world) event(kind EventKind) Event {
	w.count++
	return Event{Kind: kind, Now: w.now, Entropy: [32]byte{w.count, byte(kind)}}
}

// run runs an execution to its end. Between steps the execution is kept as JSON.
func (w *world) run(m *Machine, input *Document) (*Execution, []HistoryEvent) {
	w.t.Helper()
	x := NewExecution(w.identity(), input)
	var all []HistoryEvent
	queue := []Event{w.event(Start)}
	for steps := 0; x.Status == Running; steps++ {
		if steps > 5000 {
			w.t.Fatalf("no end after %d steps", steps)
		}
		if len(queue) == 0 {
			at, ok := x.Wake()
			if !ok {
				w.t.Fatalf("the execution waits for nothing: %+v", x.Frames)
			}
			if at.After(w.now) {
				w.now = at
			}
			queue = append(queue, w.event(Wake))
		}
		kept, err := json.Marshal(x)
		if err != nil {
			w.t.Fatal(err)
		}
		next := &Execution{}
		if err := json.Unmarshal(kept, next); err != nil {
			w.t.Fatal(err)
		}
		var history []HistoryEvent
		var effects []Effect
		x, history, effects = m.Step(next, queue[0])
		queue = queue[1:]
		all = append(all, history...)
		for _, e := range effects {
			switch e.Kind {
			case ProceedNow:
				queue = append(queue, w.event(Proceed))
			case StartMapRun:
				begun := w.event(MapRunStarted)
				begun.Task, begun.Arn = e.Task, "arn:aws:states:us-east-1:111111111111:mapRun:machine/"+e.Run.Label+"x:y"
				if e.Run.Label != "" {
					begun.Arn = "arn:aws:states:us-east-1:111111111111:mapRun:machine/" + e.Run.Label + ":y"
				}
				queue = append(queue, begun, w.mapRun(m, x, e))
			case StartTask:
				queue = append(queue, w.invoke(e)...)
			}
		}
	}
	return x, all
}

func (w *world) mapRun(m *Machine, x *Execution, e Effect) Event {
	ended := w.event(MapRunEnded)
	ended.Task = e.Task
	fail := func(err error) Event {
		r := err.(*RunError)
		ended.Error, ended.Cause = &r.Err, &r.Cause
		return ended
	}
	items := make([]Item, len(e.Run.Items))
	for i, d := range e.Run.Items {
		items[i] = Item{Index: i, Value: d}
	}
	inputs, err := m.Inputs(x, e.Task, e.Run, items, w.now, [32]byte{})
	if err != nil {
		return fail(err)
	}
	child, _ := m.Child(e.Run.State)
	run := e.Run
	run.Begin(len(inputs))
	for {
		output, failed, ended2 := run.Ended()
		if failed != nil {
			return fail(failed)
		}
		if ended2 {
			ended.Output = output.Text()
			return ended
		}
		for _, i := range run.Next() {
			c, _ := w.run(child, inputs[i])
			run.Done(i, c.Output)
		}
	}
}

// shown is an event as GetExecutionHistory gives it.
func shown(e *HistoryEvent) map[string]any {
	o := map[string]any{"type": e.Type}
	member, details := e.Details()
	if member == "" {
		return o
	}
	d := map[string]any{}
	for _, m := range details {
		switch v := m.Value.(type) {
		case int64:
			d[m.Name] = float64(v)
		case []Assigned:
			vars := map[string]any{}
			for _, a := range v {
				vars[a.Name] = a.Value
			}
			d[m.Name] = vars
			d["assignedVariablesDetails"] = map[string]any{"truncated": false}
		default:
			d[m.Name] = v
		}
	}
	o[member] = d
	return o
}

func lastOf(events []any) map[string]any {
	for _, e := range slices.Backward(events) {
		o := e.(map[string]any)
		switch o["type"] {
		case "ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted":
			out := map[string]any{"type": o["type"]}
			for k, v := range o {
				if strings.HasPrefix(k, "execution") {
					out["details"] = v
				}
			}
			return out
		}
	}
	return map[string]any{"type": "no end"}
}

func matchAll(got, want []any) bool {
	left := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(left, func(g any) bool { return same(g, w) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return len(left) == 0
}

func pick(v any, keys ...string) map[string]any {
	o := map[string]any{}
	m, _ := v.(map[string]any)
	for _, k := range keys {
		if x, ok := m[k]; ok {
			o[k] = x
		}
	}
	return o
}

// verdict is how a case went; history is nil where only the outcome was recorded.
type verdict struct {
	outcome bool
	history *bool
	note    string
}

func text(v any) string {
	b, _ := json.Marshal(v)
	s := string(b)
	if len(s) > 600 {
		s = s[:600] + "…"
	}
	return s
}

func judge(t testing.TB, c recorded) (v verdict) {
	want := plain(c.Expect)
	w := &world{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), functions: map[string]string{}}
	for _, f := range c.Lambdas {
		w.functions[f.Name] = f.Handler
	}
	switch c.Kind {
	case "validate":
		return judgeValidate(c, want)
	case "create_refused":
		return judgeCreate(c, want)
	case "test_state":
		return judgeTest(c, want)
	}
	whole := func(ok bool, note string, h *bool) verdict { return verdict{ok, h, note} }
	no := false
	m, err := Parse(c.Definition, Options{Type: Type(c.Type)})
	if err != nil {
		if c.Kind == "history" {
			return whole(false, err.Error(), &no)
		}
		return whole(false, err.Error(), nil)
	}
	in := ""
	if c.Input != nil {
		in = *c.Input
	}
	input, err := ParseInput(in)
	if err != nil {
		return whole(false, err.Error(), nil)
	}
	x, history := w.run(m, input)
	switch c.Kind {
	case "sync", "describe":
		got := map[string]any{"status": string(x.Status)}
		if x.Output != nil {
			got["output"] = x.Output.Text()
		}
		if x.Error != nil {
			got["error"] = *x.Error
		}
		if x.Cause != nil {
			got["cause"] = *x.Cause
		}
		g, e := plain(renamed(got, c)), pick(want, "status", "output", "error", "cause")
		return whole(same(g, e), "got "+text(g)+" want "+text(e), nil)
	}
	events := make([]any, len(history))
	for i := range history {
		events[i] = plain(renamed(plain(shown(&history[i])), c))
	}
	if c.Kind == "output" {
		var g any = lastOf(events)
		if d, ok := g.(map[string]any)["details"].(map[string]any); ok {
			if o, ok := d["output"]; ok {
				g = o
			}
		}
		return whole(same(g, want), "got "+text(g)+" want "+text(want), nil)
	}
	wanted, _ := want.(map[string]any)["events"].([]any)
	ok := matchAll(events, wanted)
	note := ""
	if !ok {
		for _, e := range wanted {
			if !slices.ContainsFunc(events, func(g any) bool { return same(g, e) }) {
				note += "\n      no event like " + text(e)
			}
		}
		for _, g := range events {
			if !slices.ContainsFunc(wanted, func(e any) bool { return same(g, e) }) {
				note += "\n      surplus " + text(g)
			}
		}
	}
	a, b := lastOf(events), lastOf(wanted)
	return whole(same(a, b), note, &ok)
}

func judgeValidate(c recorded, want any) verdict {
	definition, _ := c.Params["definition"].(string)
	typ, _ := c.Params["type"].(string)
	_, found := Validate(definition, Options{Type: Type(typ)})
	got := map[string]any{"result": "OK", "truncated": false}
	list := []any{}
	for _, d := range found {
		if d.Severity != SeverityError {
			continue
		}
		got["result"] = "FAIL"
		o := map[string]any{"code": d.Code, "message": d.Message, "severity": d.Severity}
		if d.Location != "" {
			o["location"] = d.Location
		}
		list = append(list, o)
	}
	got["diagnostics"] = list
	g := plain(got)
	h := same(g, want)
	return verdict{same(pick(g, "result"), pick(want, "result")), &h, "got " + text(g) + " want " + text(want)}
}

func judgeCreate(c recorded, want any) verdict {
	definition, _ := c.Params["definition"].(string)
	typ, _ := c.Params["type"].(string)
	message := ""
	if _, err := Parse(definition, Options{Type: Type(typ)}); err != nil {
		message = err.Error()
	}
	return judgeError(want, "InvalidDefinition", message)
}

func judgeError(want any, code, message string) verdict {
	e := pick(want.(map[string]any)["Error"], "Code", "Message")
	g := map[string]any{"Code": code, "Message": message}
	h := same(plain(g), e)
	return verdict{message != "" && code == e["Code"], &h, "got " + text(g) + " want " + text(e)}
}

// TestRecorded judges the cases without tasks, TestRecordedFunctions those whose tasks call a function.
func TestRecorded(t *testing.T) {
	score(t, "asl", func(c recorded) bool { return len(c.Tasks) == 0 })
}

func TestRecordedFunctions(t *testing.T) {
	score(t, "asl with functions", func(c recorded) bool { return len(c.Tasks) == 1 && c.Tasks[0] == "lambda" })
}

func score(t *testing.T, name string, wanted func(recorded) bool) {
	type tally struct{ right, all int }
	var outcome, history tally
	groups := map[string]*tally{}
	for _, c := range recordings(t) {
		if !wanted(c) {
			continue
		}
		v := judge(t, c)
		if groups[c.Group] == nil {
			groups[c.Group] = &tally{}
		}
		outcome.all++
		groups[c.Group].all++
		if v.outcome {
			outcome.right++
			groups[c.Group].right++
		}
		if v.history != nil {
			history.all++
			if *v.history {
				history.right++
			}
		}
		if !v.outcome || v.history != nil && !*v.history {
			t.Logf("%s: outcome %v %s", c.Name, v.outcome, v.note)
		}
	}
	for name, g := range groups {
		if g.right < g.all {
			t.Logf("%s: %d of %d", name, g.right, g.all)
		}
	}
	o, h := 100*float64(outcome.right)/float64(outcome.all), 100*float64(history.right)/float64(history.all)
	t.Logf("%s: outcome %d of %d (%.1f %%), whole %d of %d (%.1f %%)", name, outcome.right, outcome.all, o, history.right, history.all, h)
	if o < outcomeFloor || h < historyFloor {
		t.Errorf("below the floors of %.1f %% and %.1f %%", outcomeFloor, historyFloor)
	}
}
