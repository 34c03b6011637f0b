package asl

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"virga/internal/jsonata"
	"virga/internal/jsonpath"
)

// failure is an error of a state.
type failure struct {
	err, cause *string
	fatal      bool   // nothing retries or catches it
	evaluation bool   // of JSONata: history tells of it in an event of its own
	location   string // the field
}

func textOf(s string) *string { return &s }

func (f *failure) name() string {
	if f.err == nil {
		return ""
	}
	return *f.err
}

// happened is a failure in the words that begin with where it happened.
func (f *Frame) happened(err, format string, args ...any) *failure {
	cause := fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). ", f.State, f.Entered) + fmt.Sprintf(format, args...)
	return &failure{err: textOf(err), cause: &cause}
}

// runtime is a failure that ends the execution.
func (f *Frame) runtime(format string, args ...any) *failure {
	x := f.happened("States.Runtime", format, args...)
	x.fatal = true
	return x
}

func (f *Frame) tooLarge(what string) *failure {
	cause := "The state/task '" + what + "' returned a result with a size exceeding the maximum number of bytes service limit."
	return &failure{err: textOf("States.DataLimitExceeded"), cause: &cause}
}

// source is the chance of jsonpath: its numbers are drawn from the event's entropy.
type source struct{ r *run }

func (s source) Uint64() uint64 { return s.r.draw() }

// env is what paths and templates of a state are read in.
func (r *run) env(f *Frame, st *state, input *Document) *jsonpath.Env {
	env := &jsonpath.Env{Input: input.jsonpath(), NewID: r.uuid, Variable: func(name string) (any, bool) {
		if d := r.variable(f, name); d != nil {
			return d.jsonpath(), true
		}
		return nil, false
	}}
	if r.random == nil {
		r.random = rand.New(source{r})
	}
	env.Rand = r.random
	if st.context {
		env.Context = r.context(f, st).jsonpath()
	}
	return env
}

// variable looks a variable up in the frame and those around it.
func (r *run) variable(f *Frame, name string) *Document {
	for f != nil {
		if d := f.Variables[name]; d != nil {
			return d
		}
		if f.Parent == 0 {
			return nil
		}
		f = r.x.frame(f.Parent)
	}
	return nil
}

const timeForm = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeForm) }

// context is the context object as the state sees it.
func (r *run) context(f *Frame, st *state) *Document {
	if r.given != nil {
		return r.given
	}
	x := r.x
	o := &jsonpath.Object{}
	e := &jsonpath.Object{}
	e.Set("Id", x.ID)
	e.Set("Input", x.Input.jsonpath())
	if r.test {
		e.Set("Name", x.Name)
		e.Set("RoleArn", x.RoleArn)
		e.Set("StartTime", stamp(x.StartTime))
	} else {
		e.Set("StartTime", stamp(x.StartTime))
		e.Set("Name", x.Name)
		e.Set("RoleArn", x.RoleArn)
		e.Set("RedriveCount", jsonpath.Number(strconv.Itoa(x.Redrives)))
		if !x.RedriveTime.IsZero() {
			e.Set("RedriveTime", stamp(x.RedriveTime))
		}
	}
	o.Set("Execution", e)
	m := &jsonpath.Object{}
	m.Set("Id", x.StateMachineID)
	m.Set("Name", x.StateMachineName)
	o.Set("StateMachine", m)
	s := &jsonpath.Object{}
	s.Set("Name", f.State)
	s.Set("EnteredTime", stamp(f.EnteredAt))
	if st.kind == kindTask || st.kind == kindParallel || st.kind == kindMap {
		s.Set("RetryCount", jsonpath.Number(strconv.Itoa(f.Retries)))
	}
	o.Set("State", s)
	if f.Token != "" && st.task != nil && st.task.pattern == WaitForToken {
		t := &jsonpath.Object{}
		t.Set("Token", f.Token)
		o.Set("Task", t)
	}
	if i := r.item(f); i != nil {
		item := &jsonpath.Object{}
		item.Set("Index", jsonpath.Number(strconv.Itoa(i.Index)))
		if i.Key != "" {
			item.Set("Key", i.Key)
		}
		item.Set("Value", i.Value.jsonpath())
		mo := &jsonpath.Object{}
		mo.Set("Item", item)
		o.Set("Map", mo)
	}
	return ofPath(o)
}

// item is the element that the innermost iteration around a frame is about.
func (r *run) item(f *Frame) *Item {
	for f != nil {
		if f.Item != nil {
			return f.Item
		}
		if f.Parent == 0 {
			break
		}
		f = r.x.frame(f.Parent)
	}
	return r.x.Item
}

// reading explains why a path could not be read.
func (f *Frame) reading(field, path string, input *Document, err error) *failure {
	var none *jsonpath.NoResult
	var unknown *jsonpath.UnknownVariable
	switch {
	case errors.As(err, &none):
		return f.runtime("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", path, field, input.Text())
	case errors.As(err, &unknown):
		return f.runtime("The variable '$%s' specified for the field '%s' is not defined", unknown.Name, field)
	case errors.Is(err, jsonpath.ErrResultBytes):
		return f.tooLarge(f.State)
	}
	return f.runtime("The field '%s': %v", field, err)
}

// payload fills a payload template.
func (r *run) payload(f *Frame, st *state, t *template, input *Document) (*Document, *failure) {
	v, err := t.payload.Eval(r.env(f, st, input))
	if err == nil {
		return ofPath(v), nil
	}
	var field *jsonpath.FieldError
	var intrinsic *jsonpath.IntrinsicFailure
	switch {
	case errors.As(err, &intrinsic):
		name := intrinsic.Function
		if errors.As(err, &field) {
			name = field.Expression.String()
		}
		return nil, f.happened("States.IntrinsicFailure", "The function '%s' had the following error: %s", name, intrinsic.Reason)
	case errors.As(err, &field):
		return nil, f.reading(field.Field, pathOf(field), ofPath(field.Input), field.Err)
	}
	return nil, f.reading("", "", input, err)
}

func pathOf(e *jsonpath.FieldError) string {
	var none *jsonpath.NoResult
	if errors.As(e.Err, &none) {
		return none.Path.String()
	}
	return e.Expression.String()
}

// through reads InputPath and OutputPath.
func (r *run) through(f *Frame, st *state, p *pathField, input *Document) (*Document, *failure) {
	switch {
	case p == nil || p.whole:
		return input, nil
	case p.null:
		return emptyObject, nil
	}
	v, err := p.path.Read(r.env(f, st, input))
	if err == nil {
		return ofPath(v), nil
	}
	var none *jsonpath.NoResult
	if errors.As(err, &none) {
		return nil, f.runtime("Invalid path '%s' : %v", p.text, none)
	}
	return nil, f.reading("", p.text, input, err)
}

// result puts a state's result into its input.
func (r *run) result(f *Frame, reference *jsonpath.Reference, discard bool, result *Document) (*Document, *failure) {
	switch {
	case discard:
		return f.Input, nil
	case reference == nil:
		return result, nil
	}
	v, err := reference.Set(f.Input.jsonpath(), result.jsonpath())
	if err != nil {
		return nil, f.happened("States.ResultPathMatchFailure", "Unable to apply ResultPath '%s' to the input of the state", reference.Path())
	}
	return ofPath(v), nil
}

// states are the members of $states that a field of a JSONata state sees.
type states struct {
	input  *Document
	result *Document
	failed *Document
	vars   map[string]jsonata.Value
}

func (r *run) vars(f *Frame, st *state, s *states) map[string]jsonata.Value {
	if s.vars != nil {
		return s.vars
	}
	vars := map[string]jsonata.Value{}
	for g := f; g != nil; {
		for name, d := range g.Variables {
			if _, inner := vars[name]; !inner {
				vars[name] = d.jsonata()
			}
		}
		if g.Parent == 0 {
			break
		}
		g = r.x.frame(g.Parent)
	}
	o := jsonata.NewObject(4)
	input := s.input
	if input == nil {
		input = f.Input
	}
	o.Set("input", input.jsonata())
	if st.context {
		o.Set("context", r.context(f, st).jsonata())
	}
	if s.result != nil {
		o.Set("result", s.result.jsonata())
	}
	if s.failed != nil {
		o.Set("errorOutput", s.failed.jsonata())
	}
	vars["states"] = jsonata.Obj(o)
	s.vars = vars
	return vars
}

func (f *Frame) evaluation(field, format string, args ...any) *failure {
	x := f.happened("States.QueryEvaluationError", format, args...)
	x.evaluation, x.location = true, field
	return x
}

// query evaluates a field of a JSONata state.
func (r *run) query(f *Frame, st *state, q *query, s *states) (*Document, *failure) {
	if q.constant != nil {
		return q.constant, nil
	}
	v, fail := r.value(f, st, q, s)
	if fail != nil {
		return nil, fail
	}
	b, err := v.AppendJSON(nil, DataBytesMax+1)
	if err != nil || len(b) > DataBytesMax {
		return nil, f.tooLarge(f.State)
	}
	return &Document{text: string(b), isText: true, ata: v, isAta: true}, nil
}

func (r *run) value(f *Frame, st *state, q *query, s *states) (jsonata.Value, *failure) {
	switch {
	case q.constant != nil:
		return q.value, nil
	case q.program != nil:
		v, err := q.program.Eval(jsonata.Call{Vars: r.vars(f, st, s), Millis: r.now.UnixMilli(), Chance: r.draw})
		switch {
		case err != nil:
			return v, f.evaluation(q.field, "%s", jsonata.EvaluationCause(q.source, q.field, err))
		case v.IsUndefined():
			return v, f.evaluation(q.field, "The JSONata expression '%s' specified for the field '%s' returned nothing (undefined).", q.source, q.field)
		case v.Kind() == jsonata.FunctionKind:
			return v, f.evaluation(q.field, "The JSONata expression '%s' specified for the field '%s' returned an unsupported result type.", q.source, q.field)
		}
		return v, nil
	case q.isList:
		items := make([]jsonata.Value, len(q.list))
		for i, e := range q.list {
			v, fail := r.value(f, st, e, s)
			if fail != nil {
				return v, fail
			}
			items[i] = v
		}
		return jsonata.List(items), nil
	}
	o := jsonata.NewObject(len(q.nodes))
	for i, e := range q.nodes {
		v, fail := r.value(f, st, e, s)
		if fail != nil {
			return v, fail
		}
		o.Set(q.names[i], v)
	}
	return jsonata.Obj(o), nil
}

// unexpected is a result of the wrong type.
func (f *Frame) unexpected(q *query, want string, v jsonata.Value) *failure {
	return f.evaluation(q.field, "The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected '%s', but was '%s' for value: %s",
		q.source, q.field, want, v.TypeName(), v.JSON())
}

// quantity gives a whole number; false where the field is not there.
func (r *run) quantity(f *Frame, st *state, q *quantity, input *Document) (float64, bool, *failure) {
	switch {
	case q == nil:
		return 0, false, nil
	case q.fixed():
		return q.value, true, nil
	case q.query != nil:
		v, fail := r.value(f, st, q.query, &states{input: input})
		if fail != nil {
			return 0, false, fail
		}
		n := v.Float()
		if v.Kind() != jsonata.Number || n != math.Trunc(n) && q.name != "ToleratedFailurePercentage" {
			return 0, false, f.unexpected(q.query, "integer", v)
		}
		if n < 0 || n > TimeoutMax {
			return 0, false, f.evaluation(q.name, "The JSONata expression '%s' specified for the field '%s' returned a value that is out of range: %s", q.query.source, q.name, v.JSON())
		}
		return n, true, nil
	}
	v, err := q.path.Read(r.env(f, st, input))
	if err != nil {
		return 0, false, f.reading(q.name+"Path", q.path.String(), input, err)
	}
	wait := q.name == "Seconds" || q.name == "TimeoutSeconds" || q.name == "HeartbeatSeconds"
	n, ok := v.(jsonpath.Number)
	if s, is := v.(string); is && !wait {
		if _, err := strconv.ParseInt(s, 10, 64); err == nil {
			n, ok = jsonpath.Number(s), true
		}
	}
	i, err := integerOf(n)
	shown := string(jsonpath.Encode(v))
	if wait {
		switch {
		case !ok || err != nil:
			return 0, false, f.runtime("The %sPath parameter cannot be parsed as a long value: %s == %s", q.name, q.path, shown)
		case i < 0:
			return 0, false, f.runtime("The %sPath parameter references a negative value: %s == %s", q.name, q.path, shown)
		case i > TimeoutMax:
			return 0, false, f.runtime("The %sPath parameter references a value that is too large: %s == %s", q.name, q.path, shown)
		}
		return float64(i), true, nil
	}
	if !ok || err != nil {
		if s, is := v.(string); is {
			shown = s
		}
		return 0, false, f.runtime("The %sPath field refers to value \"%s\" which is not a valid integer: %s", q.name, shown, q.path)
	}
	if i < 0 || q.name == "ToleratedFailurePercentage" && i > 100 {
		return 0, false, f.runtime("The %sPath field refers to value \"%d\" which is out of range: %s", q.name, i, q.path)
	}
	return float64(i), true, nil
}

// text gives Error and Cause of a Fail state.
func (r *run) text(f *Frame, st *state, t *textField) (*string, *failure) {
	switch {
	case t == nil:
		return nil, nil
	case t.query != nil:
		v, fail := r.value(f, st, t.query, &states{})
		if fail != nil {
			return nil, fail
		}
		if v.Kind() != jsonata.String {
			return nil, f.unexpected(t.query, "string", v)
		}
		return textOf(v.Text()), nil
	case t.expression == nil:
		return &t.text, nil
	}
	v, err := t.expression.Eval(r.env(f, st, f.Input))
	if err != nil {
		var intrinsic *jsonpath.IntrinsicFailure
		if errors.As(err, &intrinsic) {
			return nil, f.runtime("The function '%s' had the following error: %s", t.expression, intrinsic.Reason)
		}
		return nil, f.reading(t.name, t.expression.String(), f.Input, err)
	}
	s, ok := v.(string)
	if !ok {
		return nil, f.runtime("The value of the field '%s' must be a string: %s", t.name, jsonpath.Encode(v))
	}
	return &s, nil
}
