package asl

import "time"

// schedule begins a Task state.
func (r *run) schedule(f *Frame, st *state) *failure {
	f.Begun, f.Submitted, f.Token = false, false, ""
	if st.task.pattern == WaitForToken || st.task.kind == "Activity" {
		f.Token = r.token()
	}
	parameters, fail := r.effective(f, st, f.Input)
	if fail != nil {
		return fail
	}
	if st.ata && r.watch != nil {
		r.watch.afterArguments = parameters
	}
	if len(parameters.Text()) > DataBytesMax {
		return f.tooLarge(st.name)
	}
	timeout, limited, fail := r.quantity(f, st, st.timeout, parametersInput(f, st, parameters))
	if fail != nil {
		return fail
	}
	beat, beats, fail := r.quantity(f, st, st.heartbeat, parametersInput(f, st, parameters))
	if fail != nil {
		return fail
	}
	credentials := ""
	if st.credentials != nil {
		d, fail := r.credentials(f, st)
		if fail != nil {
			return fail
		}
		credentials = d.Text()
	}
	e := HistoryEvent{Type: st.task.kind + "Scheduled", Particulars: &Particulars{Credentials: credentials, TimeoutSeconds: int64(timeout), HeartbeatSeconds: int64(beat)}}
	if st.task.kind == "Task" {
		e.Resource, e.ResourceType, e.Region, e.Parameters = st.task.action, st.task.service, r.x.Region, parameters.Text()
	} else {
		e.Resource, e.Input = st.task.arn, parameters.Text()
	}
	r.note(f, e)
	r.x.NextTask++
	f.Phase, f.Task = Tasking, r.x.NextTask
	if limited {
		f.Deadline = r.now.Add(time.Duration(timeout) * time.Second)
	}
	if beats {
		f.Heartbeat = time.Duration(beat) * time.Second
		f.Beat = r.now.Add(f.Heartbeat)
	}
	action := st.task.action
	if p := string(st.task.pattern); p != "" {
		for i := range action {
			if action[i] == '.' {
				action = action[:i]
				break
			}
		}
	}
	r.effect(Effect{Kind: StartTask, Task: f.Task, Resource: st.task.arn, Service: st.task.service, Action: action, Pattern: st.task.pattern, Parameters: parameters.Text(),
		Credentials: credentials, Token: f.Token, Timeout: time.Duration(timeout) * time.Second, Heartbeat: f.Heartbeat, StateName: st.name, Attempt: f.Retries})
	return nil
}

// parametersInput is what TimeoutSecondsPath reads: the effective input of the state.
func parametersInput(f *Frame, st *state, parameters *Document) *Document {
	if st.ata || st.parameters != nil {
		return f.Input
	}
	return parameters
}

func (r *run) credentials(f *Frame, st *state) (*Document, *failure) {
	if st.ata {
		return r.query(f, st, st.credentials.query, &states{})
	}
	d, fail := r.through(f, st, st.input, f.Input)
	if fail != nil {
		return nil, fail
	}
	return r.payload(f, st, st.credentials, d)
}

// waiting is the frame that waits for a task.
func (r *run) waiting(task int64) *Frame {
	for _, f := range r.x.Frames {
		if f.Task == task && (f.Phase == Tasking || f.Phase == Mapping) {
			return f
		}
	}
	return nil
}

// about begins an event of a task.
func (st *state) about(what string) HistoryEvent {
	e := HistoryEvent{Type: st.task.kind + what, Particulars: &Particulars{}}
	if st.task.kind == "Task" {
		e.Resource, e.ResourceType = st.task.action, st.task.service
	}
	return e
}

// task takes an event of a task.
func (r *run) task(ev Event) {
	f := r.waiting(ev.Task)
	if f == nil || f.Phase != Tasking {
		return
	}
	st := r.m.states[f.State]
	switch ev.Kind {
	case TaskStarted:
		if f.Begun {
			return
		}
		f.Begun = true
		e := st.about("Started")
		e.WorkerName = ev.Worker
		r.note(f, e)
		if st.task.kind == "Activity" && f.Heartbeat > 0 {
			f.Beat = r.now.Add(f.Heartbeat)
		}
	case TaskHeartbeat:
		if f.Heartbeat > 0 {
			f.Beat = r.now.Add(f.Heartbeat)
		}
	case TaskSubmitted:
		if f.Submitted || st.task.pattern == RequestResponse {
			return
		}
		f.Submitted = true
		e := st.about("Submitted")
		e.Output = ev.Output
		r.note(f, e)
	case TaskSucceeded:
		r.taskSucceeded(f, st, ev.Output)
	case TaskFailed:
		e := st.about("Failed")
		e.Error, e.Cause = ev.Error, ev.Cause
		r.note(f, e)
		f.Phase = Again
		r.failed(f, st, &failure{err: ev.Error, cause: ev.Cause, fatal: ev.Error != nil && *ev.Error == "States.Runtime"})
	}
}

func (r *run) taskSucceeded(f *Frame, st *state, output string) {
	f.Phase = Again
	if len(output) > DataBytesMax {
		fail := f.tooLarge(st.task.arn)
		e := st.about("Failed")
		e.Error, e.Cause = fail.err, fail.cause
		r.note(f, e)
		r.failed(f, st, fail)
		return
	}
	if _, err := readJSON(output); err != nil {
		r.failed(f, st, f.happened("States.Runtime", "The output of the task is not valid JSON"))
		return
	}
	e := st.about("Succeeded")
	e.Output = output
	r.note(f, e)
	if fail := r.complete(f, st, NewDocument(output)); fail != nil {
		r.failed(f, st, fail)
	}
}

// timedOut ends a task or a map run that took too long, or whose heartbeat did not come.
func (r *run) timedOut(f *Frame, st *state, whole bool) {
	name := "States.Timeout"
	if !whole {
		name = "States.HeartbeatTimeout"
	}
	if f.Phase == Tasking {
		e := st.about("TimedOut")
		e.Error = &name
		r.note(f, e)
	}
	r.cancel(f)
	f.Phase = Again
	r.failed(f, st, &failure{err: &name})
}
