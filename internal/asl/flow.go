package asl

import (
	"math"
	"slices"
	"time"

	"virga/internal/jsonpath"
)

// complete ends a state that has a result; nil is JSONata's Pass, whose result is its input.
func (r *run) complete(f *Frame, st *state, result *Document) *failure {
	if st.ata {
		s := &states{result: result}
		output := result
		if output == nil {
			output = f.Input
		}
		var fail *failure
		if st.outputs != nil {
			if output, fail = r.query(f, st, st.outputs.query, s); fail != nil {
				return fail
			}
		}
		assigned, fail := r.assign(f, st, st.assign, nil, s)
		if fail != nil {
			return fail
		}
		return r.exit(f, st, st.next, output, assigned)
	}
	assigned, fail := r.assign(f, st, st.assign, result, nil)
	if fail != nil {
		return fail
	}
	if st.selector != nil {
		if result, fail = r.payload(f, st, st.selector, result); fail != nil {
			return fail
		}
	}
	r.saw(func(i *inspection) { i.afterResultSelector = result })
	output, fail := r.result(f, st.resultPath, st.discard, result)
	if fail != nil {
		return fail
	}
	r.saw(func(i *inspection) { i.afterResultPath = output })
	if output, fail = r.through(f, st, st.output, output); fail != nil {
		return fail
	}
	return r.exit(f, st, st.next, output, assigned)
}

// outputs gives Output, or what it is without one.
func (r *run) outputs(f *Frame, st *state, without *Document, s *states) (*Document, *failure) {
	if st.outputs == nil {
		return without, nil
	}
	return r.query(f, st, st.outputs.query, s)
}

// assign evaluates Assign: all of it with the variables as they are.
func (r *run) assign(f *Frame, st *state, t *template, input *Document, s *states) (map[string]*Document, *failure) {
	if t == nil {
		return nil, nil
	}
	values := map[string]*Document{}
	if t.query != nil {
		d, fail := r.query(f, st, t.query, s)
		if fail != nil {
			return nil, fail
		}
		o := d.jsonata().Object()
		for i := range o.Len() {
			name, v := o.At(i)
			values[name] = ofAta(v)
		}
	} else {
		d, fail := r.payload(f, st, t, input)
		if fail != nil {
			return nil, fail
		}
		o := d.jsonpath().(*jsonpath.Object)
		for i := range o.Len() {
			name, v := o.At(i)
			values[name] = ofPath(v)
		}
	}
	bytes := r.x.Variables
	for name, d := range values {
		if tooDeep(d.Text()) {
			return nil, f.runtime("The variable '$%s' is nested more than %d deep", name, DocumentDepthMax)
		}
		if len(d.Text()) > VariableBytesMax {
			return nil, f.tooLarge(f.State)
		}
		bytes += int64(len(d.Text()))
		if old := f.Variables[name]; old != nil {
			bytes -= int64(len(old.Text()))
		}
	}
	if bytes > VariablesBytesMax {
		return nil, f.tooLarge(f.State)
	}
	return values, nil
}

// store keeps variables in a frame.
func (r *run) store(f *Frame, values map[string]*Document) []Assigned {
	if len(values) == 0 {
		return nil
	}
	list := make([]Assigned, 0, len(values))
	if f.Variables == nil {
		f.Variables = make(map[string]*Document, len(values))
	}
	for name, d := range values {
		if old := f.Variables[name]; old != nil {
			r.x.Variables -= int64(len(old.Text()))
		}
		r.x.Variables += int64(len(d.Text()))
		f.Variables[name] = d
		list = append(list, Assigned{name, d.Text()})
	}
	sortAssigned(list)
	return list
}

// exit leaves a state for the next one, or ends the frame.
func (r *run) exit(f *Frame, st *state, next string, output *Document, assigned map[string]*Document) *failure {
	if len(output.Text()) > DataBytesMax {
		return f.tooLarge(st.name)
	}
	if output != f.Input && tooDeep(output.Text()) {
		return f.runtime("The output is nested more than %d deep", DocumentDepthMax)
	}
	r.forget(f)
	r.note(f, HistoryEvent{Type: st.exited, Name: st.name, Output: output.Text(), Assigned: r.store(f, assigned)})
	f.Input = output
	if r.watch != nil {
		r.watch.next, r.watch.output = next, output
	}
	if next == "" {
		r.done(f, output)
		return nil
	}
	f.State, f.Phase, f.Entered = next, Ready, 0
	r.ready = append(r.ready, f.ID)
	return nil
}

// forget clears what a frame knew of its state.
func (r *run) forget(f *Frame) {
	f.Deadline, f.Beat, f.Heartbeat, f.Task, f.Token, f.Begun, f.Submitted = time.Time{}, time.Time{}, 0, 0, "", false, false
	f.Effective, f.Items, f.Results, f.Started, f.Done, f.AtOnce, f.MapRun = nil, nil, nil, 0, 0, 0, ""
}

// done ends a frame with its output.
func (r *run) done(f *Frame, output *Document) {
	if f.Parent == 0 {
		r.x.Output = output
		r.note(f, HistoryEvent{Type: "ExecutionSucceeded", Output: output.Text()})
		if r.x.Status == Running {
			r.x.Status, r.x.Frames, r.ready, r.x.Deadline = Succeeded, nil, nil, time.Time{}
		}
		return
	}
	r.childDone(r.x.frame(f.Parent), f, output)
}

// matchesError says whether a list of ErrorEquals meets an error.
func matchesError(list []string, name string) bool {
	for _, e := range list {
		switch {
		case e == name:
			return true
		case e == "States.ALL":
			if name != "States.DataLimitExceeded" && name != "States.Runtime" {
				return true
			}
		case e == "States.TaskFailed":
			if name != "States.Timeout" && name != "States.DataLimitExceeded" && name != "States.Runtime" {
				return true
			}
		case e == "States.Timeout":
			if name == "States.HeartbeatTimeout" {
				return true
			}
		}
	}
	return false
}

// retrierOf is the retrier that meets an error and has attempts left.
func retrierOf(f *Frame, st *state, fail *failure) int {
	if fail.fatal {
		return -1
	}
	for i := range st.retry {
		if matchesError(st.retry[i].errors, fail.name()) {
			if len(f.Tries) > i && f.Tries[i] >= st.retry[i].attempts || st.retry[i].attempts == 0 {
				return -1
			}
			return i
		}
	}
	return -1
}

func catcherOf(st *state, fail *failure) int {
	if fail.fatal {
		return -1
	}
	for i := range st.catch {
		if matchesError(st.catch[i].errors, fail.name()) {
			return i
		}
	}
	return -1
}

// delay is how long a retrier waits before an attempt, the first being 0.
func (x *retrier) delay(attempt int64, chance func() uint64) time.Duration {
	s := x.interval * math.Pow(x.backoff, float64(attempt))
	if x.delayMax > 0 && s > x.delayMax {
		s = x.delayMax
	}
	s = min(s, TimeoutMax)
	if x.jitter {
		s *= float64(chance()>>11) / (1 << 53)
	}
	return time.Duration(s * float64(time.Second))
}

// failed deals with the failure of a state: it is retried, caught, or ends the frame.
func (r *run) failed(f *Frame, st *state, fail *failure) {
	container := st.kind == kindParallel || st.kind == kindMap
	if fail.evaluation && !fail.fatal {
		e := HistoryEvent{Type: "EvaluationFailed", Error: fail.err, Cause: fail.cause, Particulars: &Particulars{Location: fail.location, State: st.name}}
		if e.Previous = f.Prev; f.Prev == f.Entered {
			e.Previous = f.Before
		}
		f.Prev = r.tell(e)
		fail.evaluation = false
	}
	r.stopChildren(f, true)
	r.cancel(f)
	if i := retrierOf(f, st, fail); i >= 0 {
		if len(f.Tries) < len(st.retry) {
			f.Tries = append(f.Tries, make([]int64, len(st.retry)-len(f.Tries))...)
		}
		wait := st.retry[i].delay(f.Tries[i], r.draw)
		f.Tries[i]++
		f.Retries++
		r.forget(f)
		f.Phase, f.Deadline = Retrying, r.now.Add(wait)
		return
	}
	if container && !fail.fatal {
		r.note(f, HistoryEvent{Type: st.failedT})
	}
	if i := catcherOf(st, fail); i >= 0 {
		if caught := r.caught(f, st, &st.catch[i], fail); caught != nil {
			r.frameFailed(f, caught)
		}
		return
	}
	r.frameFailed(f, fail)
}

// errorOutput is what a catcher sees.
func errorOutput(fail *failure) *Document {
	o := &jsonpath.Object{}
	if fail.err != nil {
		o.Set("Error", *fail.err)
	}
	if fail.cause != nil {
		o.Set("Cause", *fail.cause)
	}
	return ofPath(o)
}

func (r *run) caught(f *Frame, st *state, c *catcher, fail *failure) *failure {
	what := errorOutput(fail)
	s := &states{failed: what}
	assigned, bad := r.assign(f, st, c.assign, what, s)
	if bad != nil {
		return bad
	}
	output := what
	if st.ata {
		if c.output != nil {
			output, bad = r.query(f, st, c.output.query, s)
		}
	} else {
		output, bad = r.result(f, c.resultPath, c.discard, what)
	}
	if bad != nil {
		return bad
	}
	return r.exit(f, st, c.next, output, assigned)
}

// frameFailed ends a frame with a failure that its state did not deal with.
func (r *run) frameFailed(f *Frame, fail *failure) {
	if r.x.Status != Running {
		return
	}
	if f.Parent == 0 || !r.handled(f, fail) {
		r.unhandled(f, fail)
		r.end(Failed, fail.err, fail.cause)
		return
	}
	p := r.x.frame(f.Parent)
	st := r.m.states[p.State]
	last := f.Prev
	if st.kind == kindMap {
		r.tell(HistoryEvent{Type: "MapIterationFailed", Name: st.name, Index: f.Index, Previous: last})
	}
	p.Prev = last
	r.stopChildren(f, true)
	r.x.remove(f)
	r.failed(p, st, fail)
}

// unhandled tells of a failure that ends the execution, from the frame outwards. The frames stay, for a redrive.
func (r *run) unhandled(f *Frame, fail *failure) {
	if fail.fatal {
		return
	}
	around := map[int]bool{f.ID: true}
	for p := f; p.Parent != 0; {
		p = r.x.frame(p.Parent)
		around[p.ID] = true
	}
	for _, c := range slices.Backward(r.x.Frames) {
		if !around[c.ID] {
			r.stoppedEvents(r.x.frame(c.Parent), c)
		}
	}
	for p := f; p.Parent != 0; {
		child := p
		p = r.x.frame(p.Parent)
		st := r.m.states[p.State]
		if p.Prev = child.Prev; st.kind == kindMap {
			r.tell(HistoryEvent{Type: "MapIterationFailed", Name: st.name, Index: child.Index, Previous: child.Prev})
		}
		r.note(p, HistoryEvent{Type: st.failedT})
	}
	r.x.Frames[0].Prev = r.x.NextEvent
}

// handled says whether a state around a frame retries or catches a failure.
func (r *run) handled(f *Frame, fail *failure) bool {
	for f.Parent != 0 {
		f = r.x.frame(f.Parent)
		st := r.m.states[f.State]
		if retrierOf(f, st, fail) >= 0 || catcherOf(st, fail) >= 0 {
			return true
		}
	}
	return false
}

// cancel withdraws what a frame waits for outside.
func (r *run) cancel(f *Frame) {
	switch f.Phase {
	case Tasking:
		r.effect(Effect{Kind: CancelTask, Task: f.Task, Token: f.Token})
	case Mapping:
		r.effect(Effect{Kind: CancelMapRun, Task: f.Task})
	}
}

// stopChildren ends the branches or iterations of a frame.
func (r *run) stopChildren(f *Frame, tell bool) {
	for i := len(r.x.Frames) - 1; i >= 0; i-- {
		if i >= len(r.x.Frames) {
			continue
		}
		c := r.x.Frames[i]
		if c.Parent != f.ID {
			continue
		}
		r.stopChildren(c, tell)
		r.cancel(c)
		if tell {
			r.stoppedEvents(f, c)
		}
		r.x.remove(c)
	}
}

// stoppedEvents tells that a frame was ended from outside.
func (r *run) stoppedEvents(parent, f *Frame) {
	if st := r.m.states[f.State]; f.Phase != Ready {
		switch st.kind {
		case kindWait, kindTask, kindParallel, kindMap:
			r.note(f, HistoryEvent{Type: st.aborted})
		}
	}
	if parent != nil && r.m.states[parent.State].kind == kindMap {
		r.note(f, HistoryEvent{Type: "MapIterationAborted", Name: parent.State, Index: f.Index})
	}
}

// end ends the execution; its frames stay, for a redrive.
func (r *run) end(status Status, err, cause *string) {
	x := r.x
	if x.Status != Running {
		return
	}
	for _, f := range slices.Clone(x.Frames) {
		r.cancel(f)
	}
	var prev int64
	if len(x.Frames) > 0 {
		prev = x.Frames[0].Prev
	}
	x.NextEvent++
	kind := map[Status]string{Failed: "ExecutionFailed", TimedOut: "ExecutionTimedOut", Aborted: "ExecutionAborted"}[status]
	r.history = append(r.history, HistoryEvent{ID: x.NextEvent, Previous: prev, Timestamp: r.now, Type: kind, Error: err, Cause: cause})
	x.Status, x.Error, x.Cause, x.Deadline = status, err, cause, time.Time{}
	r.ready = nil
	for _, f := range x.Frames {
		f.Phase, f.Deadline, f.Beat = Stopped, time.Time{}, time.Time{}
	}
}

// CanRedrive says whether the execution can be redriven.
func (m *Machine) CanRedrive(x *Execution) bool {
	return m.typ == Standard && x.Status != Running && x.Status != Succeeded && len(x.Frames) > 0 && x.NextEvent < HistoryMax-1
}

// redrive runs the states again at which the execution ended.
func (r *run) redrive() {
	x := r.x
	if !r.m.CanRedrive(x) {
		return
	}
	x.Status, x.Error, x.Cause = Running, nil, nil
	x.Redrives++
	x.RedriveTime = r.now
	if r.m.timeout > 0 {
		x.Deadline = r.now.Add(time.Duration(r.m.timeout) * time.Second)
	}
	prev := x.NextEvent
	id := r.tell(HistoryEvent{Type: "ExecutionRedriven", Previous: prev, Particulars: &Particulars{RedriveCount: x.Redrives}})
	inner := map[int]bool{}
	for _, f := range x.Frames {
		inner[f.Parent] = true
	}
	for _, f := range slices.Clone(x.Frames) {
		f.Tries = nil
		f.Prev = id
		if inner[f.ID] {
			f.Phase = Branching
			continue
		}
		f.Phase = Again
		if st := r.m.states[f.State]; st.kind == kindFail || f.Entered == 0 {
			f.Phase = Ready
		}
		r.ready = append(r.ready, f.ID)
	}
}
