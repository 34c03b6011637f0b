package asl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"virga/internal/jsonpath"
)

// TestRequest is one call of TestState. Identity is what the context object tells unless Context gives it whole.
type TestRequest struct {
	Definition    string
	StateName     string // "": the definition is one state
	Input         string
	Variables     string // JSON object
	Context       string // JSON object
	HasRole       bool
	RevealSecrets bool
	Mock          *Mock
	Config        TestConfig
	Identity      Identity
	Now           time.Time
	Entropy       [32]byte
	// Shapes gives the shape of what an action answers, nil where it is not known.
	Shapes func(service, action string) *Shape
}

// Mock is a result given in place of the real one.
type Mock struct {
	Result *string
	Error  *MockError
	Mode   string // STRICT (also ""), PRESENT, NONE
}

// MockError is a mocked failure.
type MockError struct{ Error, Cause *string }

// TestConfig is TestState's stateConfiguration.
type TestConfig struct {
	RetrierRetryCount        int64
	ErrorCausedByState       string
	MapIterationFailureCount *int64
	MapItemReaderData        *string
}

// TestResult is TestState's answer.
type TestResult struct {
	Status     string // SUCCEEDED, FAILED, RETRIABLE, CAUGHT_ERROR
	Output     *string
	Error      *string
	Cause      *string
	NextState  string
	Inspection []Member // of inspectionData, for DEBUG and TRACE: texts, numbers, []Member
}

// TestError is why TestState refuses a call.
type TestError struct{ Code, Message string }

func (e *TestError) Error() string { return e.Message }

func refuse(format string, args ...any) error {
	return &TestError{"ValidationException", fmt.Sprintf(format, args...)}
}

// defaultStateName names the state of a definition that is one state.
const defaultStateName = "StateName"

// Test is TestState. For a Task without a mock the effect is what has to be called: its result comes back as a Mock
// with the mode NONE.
func Test(q TestRequest) (*TestResult, *Effect, error) {
	if m := q.Mock; m != nil {
		if m.Result != nil && m.Error != nil {
			return nil, nil, refuse("A test mock should have only one of the following fields: [result, errorOutput].")
		}
		if q.RevealSecrets {
			return nil, nil, refuse("TestState does not support RevealSecrets when a mock is specified.")
		}
	}
	m, st, err := testMachine(q)
	if err != nil {
		return nil, nil, err
	}
	if err := testAllowed(q, st); err != nil {
		return nil, nil, err
	}
	t := &test{q: q, st: st}
	t.r = &run{m: m, now: q.Now, entropy: q.Entropy, left: 1, test: true, watch: &inspection{}}
	if err := t.prepare(); err != nil {
		return nil, nil, err
	}
	return t.run()
}

// testMachine reads the definition and finds the state.
func testMachine(q TestRequest) (*Machine, *state, error) {
	definition, name, o := q.Definition, q.StateName, Options{}
	if name == "" {
		if _, err := readJSON(definition); err == nil {
			definition = `{"StartAt":"` + defaultStateName + `","States":{"` + defaultStateName + `":` + definition + `}}`
		}
		name, o.single = defaultStateName, true
	}
	m, err := Parse(definition, o)
	if err != nil {
		return nil, nil, &TestError{"InvalidDefinition", err.Error()}
	}
	st := m.states[name]
	if st == nil {
		return nil, nil, refuse("State not found in definition")
	}
	return m, st, nil
}

func testAllowed(q TestRequest, st *state) error {
	container := st.kind == kindMap || st.kind == kindParallel
	if q.Mock == nil {
		switch {
		case q.Config.MapIterationFailureCount != nil:
			return refuse("TestState does not support MapIterationFailureCount when a mock is not specified.")
		case container:
			return &TestError{"InvalidDefinition", "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"}
		case st.kind == kindTask && !q.HasRole:
			return refuse("RoleArn must be specified when testing a Task state")
		}
		return nil
	}
	if !container && st.kind != kindTask {
		return refuse("State type '%s' is not supported when a mock is specified", kindNames[st.kind])
	}
	if q.Mock.Result == nil {
		return nil
	}
	v, err := readJSON(*q.Mock.Result)
	if err != nil {
		return refuse("Mocked result must be a valid JSON.")
	}
	list, isList := v.([]any)
	_, isObject := v.(*jsonpath.Object)
	switch {
	case st.kind == kindMap && st.each.writer != nil:
		if !isObject {
			return refuse("Mocked result must be a JSON object.")
		}
	case container && !isList:
		return refuse("Mocked result must be an array.")
	case st.kind == kindParallel && len(list) != len(st.branches):
		return refuse("Mocked result must contain the same number of items as number of Parallel branches.")
	case st.kind == kindTask && q.Mock.Mode != "NONE" && q.Shapes != nil && st.task.service != "":
		action, _, _ := strings.Cut(st.task.action, ".")
		if shape := q.Shapes(st.task.service, action); shape != nil {
			if why := shape.check("", v, q.Mock.Mode != "PRESENT"); why != "" {
				return refuse("Mock result schema validation error: %s", why)
			}
		}
	}
	return nil
}

// test is one TestState at work.
type test struct {
	q     TestRequest
	st    *state
	r     *run
	f     *Frame
	shown []Member
}

func (t *test) prepare() error {
	text := t.q.Input
	if text == "" {
		text = "{}"
	}
	input, err := ParseInput(text)
	if err != nil {
		var e *InputError
		errors.As(err, &e)
		return &TestError{"InvalidExecutionInput", err.Error()}
	}
	x := NewExecution(t.q.Identity, input)
	if x.StartTime.IsZero() {
		x.StartTime = t.q.Now
	}
	t.f = x.add(&Frame{State: t.st.name, Input: input, Phase: Again, EnteredAt: t.q.Now})
	t.r.x = x
	if t.q.Variables != "" {
		v, err := readJSON(t.q.Variables)
		o, ok := v.(*jsonpath.Object)
		if err != nil || !ok {
			return refuse("Variables must be a valid JSON object")
		}
		t.f.Variables = map[string]*Document{}
		for i := range o.Len() {
			name, v := o.At(i)
			t.f.Variables[name] = ofPath(v)
		}
	}
	if t.q.Context != "" {
		v, err := readJSON(t.q.Context)
		o, ok := v.(*jsonpath.Object)
		if err != nil || !ok {
			return refuse("Invalid Context object provided: Context object must be a valid JSON object")
		}
		if why := contextObject(o, t.st); why != "" {
			return refuse("Invalid Context object provided: %s", why)
		}
		t.r.given = ofPath(v)
	}
	return nil
}

// contextFields are the members that a context object may have.
var contextFields = map[string][]string{
	"Execution":    {"Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"},
	"State":        {"EnteredTime", "Name", "RetryCount"},
	"StateMachine": {"Id", "Name"},
	"Task":         {"Token"},
}

func contextObject(o *jsonpath.Object, st *state) string {
	for i := range o.Len() {
		name, v := o.At(i)
		fields := contextFields[name]
		switch {
		case name == "Map":
			return "'Map' field is not supported when mocking a Context object"
		case fields == nil:
			return "Field '" + name + "' is not allowed"
		case name == "Task" && (st.kind != kindTask || st.task.pattern == RequestResponse):
			return "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern"
		}
		inner, ok := v.(*jsonpath.Object)
		if !ok {
			return name + " must be an object"
		}
		for i := range inner.Len() {
			field, v := inner.At(i)
			if !slices.Contains(fields, field) {
				return "Field '" + field + "' is not allowed"
			}
			switch field {
			case "Input":
			case "RetryCount", "RedriveCount":
				if _, ok := v.(jsonpath.Number); !ok {
					return name + "." + field + " must be a number"
				}
			default:
				if _, ok := v.(string); !ok {
					return name + "." + field + " must be a string"
				}
			}
		}
	}
	return ""
}

func (t *test) show(name string, d *Document) {
	if d != nil {
		t.shown = append(t.shown, Member{name, d.Text()})
	}
}

// run runs the state.
func (t *test) run() (*TestResult, *Effect, error) {
	input := t.f.Input
	var fail *failure
	switch t.st.kind {
	case kindMap:
		var err error
		if fail, err = t.mapState(); err != nil {
			return nil, nil, err
		}
	case kindParallel:
		if _, fail = t.r.effective(t.f, t.st, t.f.Input); fail == nil {
			t.r.watch.afterInputPath, t.r.watch.afterParameters = nil, nil
			fail = t.mocked()
		}
	case kindTask:
		if fail = t.r.schedule(t.f, t.st); fail == nil {
			if t.q.Mock == nil {
				return nil, &t.r.effects[0], nil
			}
			fail = t.mocked()
		}
	default:
		t.r.enter(t.f)
	}
	x := &TestResult{}
	details := []Member{}
	if fail != nil {
		details = t.failed(x, fail)
	} else {
		switch {
		case t.r.x.Status == Failed:
			x.Status, x.Error, x.Cause = "FAILED", t.r.x.Error, t.r.x.Cause
		default:
			x.Status, x.NextState = "SUCCEEDED", t.r.watch.next
			t.output(x)
		}
	}
	w := t.r.watch
	t.show("input", input)
	if t.st.ata {
		t.show("afterArguments", w.afterArguments)
	} else {
		t.show("afterInputPath", w.afterInputPath)
		t.show("afterItemsPath", w.afterItemsPath)
		t.show("afterParameters", w.afterParameters)
	}
	t.show("result", w.result)
	if !t.st.ata {
		t.show("afterResultSelector", w.afterResultSelector)
		t.show("afterResultPath", w.afterResultPath)
	}
	x.Inspection = t.shown
	if len(details) > 0 {
		x.Inspection = append(x.Inspection, Member{"errorDetails", details})
	}
	return x, nil, nil
}

func (t *test) output(x *TestResult) {
	if d := t.r.watch.output; d != nil {
		x.Output = textOf(d.Text())
	}
}

// mocked ends a state with its mock.
func (t *test) mocked() *failure {
	if e := t.q.Mock.Error; e != nil {
		return &failure{err: e.Error, cause: e.Cause}
	}
	text := "{}"
	if t.q.Mock.Result != nil {
		text = *t.q.Mock.Result
	}
	d := NewDocument(text)
	if t.st.kind == kindTask {
		t.r.watch.result = d
	}
	t.f.Phase = Again
	return t.r.complete(t.f, t.st, d)
}

// mapState looks at a Map state's fields before its mock.
func (t *test) mapState() (*failure, error) {
	r, f, st, e := t.r, t.f, t.st, t.st.each
	input, fail := r.effective(f, st, f.Input)
	if fail != nil {
		return fail, nil
	}
	f.Effective = input
	var items []*Document
	if e.reader != nil {
		if t.q.Config.MapItemReaderData == nil {
			return nil, refuse("MapItemReaderData must be specified when testing a Map state with an ItemReader")
		}
		v, err := readJSON(*t.q.Config.MapItemReaderData)
		list, ok := v.([]any)
		if err != nil || !ok {
			return nil, refuse("MapItemReaderData must be a valid JSON array")
		}
		for _, x := range list {
			items = append(items, ofPath(x))
		}
		for _, a := range []*template{e.reader.arguments} {
			if a != nil {
				if _, fail := r.fill(f, st, a, input); fail != nil {
					return fail, nil
				}
			}
		}
	} else {
		if items, fail = r.itemsOf(f, st, input); fail != nil {
			return fail, nil
		}
		if e.itemsPath != nil {
			r.watch.afterItemsPath = listOf(items)
		}
	}
	if n := t.q.Config.MapIterationFailureCount; n != nil && *n > int64(len(items)) {
		return nil, refuse("Map iteration failure count must be less than or equal to the number of Map iterations")
	}
	n, _, fail := r.quantity(f, st, e.concurrency, input)
	if fail != nil {
		return fail, nil
	}
	t.shown = append(t.shown, Member{"maxConcurrency", int64(n)})
	run := &MapRun{Total: len(items)}
	for _, q := range []struct {
		q    *quantity
		name string
		to   **float64
	}{{e.count, "toleratedFailureCount", &run.Count}, {e.percentage, "toleratedFailurePercentage", &run.Percentage}} {
		n, ok, fail := r.quantity(f, st, q.q, input)
		if fail != nil {
			return fail, nil
		}
		if ok {
			*q.to = &n
			if q.q == e.count {
				t.shown = append(t.shown, Member{q.name, int64(n)})
			} else {
				t.shown = append(t.shown, Member{q.name, n})
			}
		}
	}
	if t.q.Mock.Error == nil {
		if n := t.q.Config.MapIterationFailureCount; n != nil {
			run.Failed = int(*n)
			if run.exceeded() {
				_, why, _ := run.Ended()
				return &failure{err: &why.Err, cause: &why.Cause}, nil
			}
		}
	}
	return t.mocked(), nil
}

// failed says how a failure ends.
func (t *test) failed(x *TestResult, fail *failure) []Member {
	x.Error, x.Cause = fail.err, fail.cause
	details := []Member{}
	f, st := t.f, t.st
	f.Tries = make([]int64, len(st.retry))
	for i := range st.retry {
		if matchesError(st.retry[i].errors, fail.name()) && !fail.fatal {
			f.Tries[i] = t.q.Config.RetrierRetryCount
			if i := retrierOf(f, st, fail); i >= 0 {
				x.Status = "RETRIABLE"
				seconds := int64(st.retry[i].delay(f.Tries[i], t.r.draw) / time.Second)
				return append(details, Member{"retryBackoffIntervalSeconds", seconds}, Member{"retryIndex", int64(i)})
			}
			details = append(details, Member{"retryIndex", int64(i)})
			break
		}
	}
	i := catcherOf(st, fail)
	if i < 0 {
		x.Status = "FAILED"
		return details
	}
	if bad := t.r.caught(f, st, &st.catch[i], fail); bad != nil {
		x.Status, x.Error, x.Cause = "FAILED", bad.err, bad.cause
		return details
	}
	x.Status, x.NextState = "CAUGHT_ERROR", t.r.watch.next
	t.output(x)
	return append(details, Member{"catchIndex", int64(i)})
}
