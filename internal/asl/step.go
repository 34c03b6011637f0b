package asl

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"
)

// run is one step.
type run struct {
	m       *Machine
	x       *Execution
	now     time.Time
	history []HistoryEvent
	effects []Effect
	ready   []int
	left    int // states that may be entered

	entropy [32]byte
	drawn   uint64
	block   [32]byte
	random  *rand.Rand

	test  bool      // TestState
	given *Document // the context object that TestState was given
	watch *inspection
}

// Step takes an execution and an event, and gives the execution that follows, the events of its history and the effects
// to bring about. An event that an execution does not wait for changes nothing. The execution that was given is not
// changed.
func (m *Machine) Step(x *Execution, ev Event) (*Execution, []HistoryEvent, []Effect) {
	r := &run{m: m, x: x.clone(), now: ev.Now, entropy: ev.Entropy, left: TransitionsMax}
	if ev.Kind == Redrive {
		r.redrive()
		r.drain()
		return r.x, r.history, r.effects
	}
	if x.Status != Running || ev.Kind != Start && x.NextEvent == 0 {
		return x, nil, nil
	}
	switch ev.Kind {
	case Start:
		if x.NextEvent > 0 {
			return x, nil, nil
		}
		r.start()
	case Proceed:
		for _, f := range r.x.Frames {
			if f.Phase == Ready || f.Phase == Again {
				r.ready = append(r.ready, f.ID)
			}
		}
	case Wake:
		r.wake()
	case Abort:
		r.end(Aborted, ev.Error, ev.Cause)
	case MapRunStarted, MapRunEnded:
		r.mapRun(ev)
	default:
		r.task(ev)
	}
	r.drain()
	return r.x, r.history, r.effects
}

// draw gives bits of the event's entropy.
func (r *run) draw() uint64 {
	i := r.drawn % 4
	if i == 0 {
		var in [40]byte
		copy(in[:], r.entropy[:])
		binary.BigEndian.PutUint64(in[32:], r.drawn)
		r.block = sha256.Sum256(in[:])
	}
	r.drawn++
	return binary.BigEndian.Uint64(r.block[8*i:])
}

func (r *run) uuid() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.draw())
	binary.BigEndian.PutUint64(b[8:], r.draw())
	b[6], b[8] = b[6]&15|64, b[8]&63|128
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// token is a task's token.
func (r *run) token() string {
	var b [32]byte
	for i := range 4 {
		binary.BigEndian.PutUint64(b[8*i:], r.draw())
	}
	return hex.EncodeToString(b[:])
}

// tell adds an event to the history; e.Previous is set.
func (r *run) tell(e HistoryEvent) int64 {
	if r.x.Status != Running {
		return r.x.NextEvent
	}
	if r.m.typ == Standard && r.x.NextEvent >= HistoryMax-1 {
		r.end(Failed, textOf("States.Runtime"), textOf(fmt.Sprintf("The execution reached the maximum number of history events (%d).", HistoryMax)))
		return r.x.NextEvent
	}
	r.x.NextEvent++
	e.ID, e.Timestamp = r.x.NextEvent, r.now
	r.history = append(r.history, e)
	return e.ID
}

// note adds an event of a frame.
func (r *run) note(f *Frame, e HistoryEvent) {
	e.Previous = f.Prev
	f.Prev = r.tell(e)
}

func (r *run) effect(e Effect) { r.effects = append(r.effects, e) }

func (r *run) start() {
	x := r.x
	if x.StartTime.IsZero() {
		x.StartTime = r.now
	}
	if r.m.timeout > 0 {
		x.Deadline = r.now.Add(time.Duration(r.m.timeout) * time.Second)
	}
	r.tell(HistoryEvent{Type: "ExecutionStarted", Input: x.Input.Text(), Particulars: &Particulars{RoleArn: x.RoleArn}})
	f := x.add(&Frame{State: r.m.top.start, Input: x.Input})
	r.ready = append(r.ready, f.ID)
}

// drain lets frames enter states until all wait for something.
func (r *run) drain() {
	for len(r.ready) > 0 && r.x.Status == Running {
		if r.left == 0 {
			r.effect(Effect{Kind: ProceedNow})
			return
		}
		r.left--
		f := r.x.frame(r.ready[0])
		r.ready = r.ready[1:]
		if f != nil {
			r.enter(f)
		}
	}
}

// enter begins a frame's state.
func (r *run) enter(f *Frame) {
	st := r.m.states[f.State]
	switch f.Phase {
	case Ready:
		f.EnteredAt, f.Before = r.now, f.Prev
		f.Tries, f.Retries = nil, 0
		r.note(f, HistoryEvent{Type: st.entered, Name: st.name, Input: f.Input.Text()})
		f.Entered = f.Prev
	case Again:
	default:
		return
	}
	if r.x.Status != Running {
		return
	}
	var fail *failure
	switch st.kind {
	case kindPass:
		fail = r.pass(f, st)
	case kindChoice:
		fail = r.choose(f, st)
	case kindWait:
		fail = r.wait(f, st)
	case kindSucceed:
		fail = r.succeed(f, st)
	case kindFail:
		fail = r.failState(f, st)
	case kindTask:
		fail = r.schedule(f, st)
	case kindParallel:
		fail = r.branch(f, st)
	case kindMap:
		fail = r.iterate(f, st)
	}
	if fail != nil {
		r.failed(f, st, fail)
	}
}

func (r *run) pass(f *Frame, st *state) *failure {
	if st.ata {
		return r.complete(f, st, nil)
	}
	result, fail := r.through(f, st, st.input, f.Input)
	if fail != nil {
		return fail
	}
	r.saw(func(i *inspection) { i.afterInputPath = result })
	if st.parameters != nil {
		if result, fail = r.payload(f, st, st.parameters, result); fail != nil {
			return fail
		}
	}
	r.saw(func(i *inspection) { i.afterParameters = result })
	if st.result != nil {
		result = st.result
	}
	return r.complete(f, st, result)
}

func (r *run) succeed(f *Frame, st *state) *failure {
	if st.ata {
		return r.complete(f, st, nil)
	}
	d, fail := r.through(f, st, st.input, f.Input)
	if fail == nil {
		r.saw(func(i *inspection) { i.afterInputPath = d })
		d, fail = r.through(f, st, st.output, d)
	}
	if fail != nil {
		return fail
	}
	return r.exit(f, st, "", d, nil)
}

func (r *run) failState(f *Frame, st *state) *failure {
	err, fail := r.text(f, st, st.failure)
	if fail != nil {
		return fail
	}
	cause, fail := r.text(f, st, st.cause)
	if fail != nil {
		return fail
	}
	r.frameFailed(f, &failure{err: err, cause: cause})
	return nil
}

func (r *run) choose(f *Frame, st *state) *failure {
	var chosen *rule
	input := f.Input
	if st.ata {
		s := &states{}
		for _, c := range st.choices {
			v, fail := r.value(f, st, c.query, s)
			if fail != nil {
				return fail
			}
			is, ok := truth(v)
			if !ok {
				return f.unexpected(c.query, "boolean", v)
			}
			if is {
				chosen = c
				break
			}
		}
	} else {
		var fail *failure
		if input, fail = r.through(f, st, st.input, f.Input); fail != nil {
			return fail
		}
		r.saw(func(i *inspection) { i.afterInputPath = input })
		env := r.env(f, st, input)
		for _, c := range st.choices {
			ok, err := c.holds(env)
			if err != nil {
				return f.runtime("%v", err)
			}
			if ok {
				chosen = c
				break
			}
		}
	}
	next, assign, outputs := st.fallback, st.assign, st.outputs
	if chosen != nil {
		next, assign, outputs = chosen.next, chosen.assign, chosen.output
	}
	if next == "" {
		return f.happened("States.NoChoiceMatched", "Failed to transition out of the state. The state does not point to a next state.")
	}
	assigned, fail := r.assign(f, st, assign, input, &states{})
	if fail != nil {
		return fail
	}
	output := input
	if st.ata {
		output = f.Input
		if outputs != nil {
			if output, fail = r.query(f, st, outputs.query, &states{}); fail != nil {
				return fail
			}
		}
	} else if output, fail = r.through(f, st, st.output, input); fail != nil {
		return fail
	}
	return r.exit(f, st, next, output, assigned)
}

func (r *run) wait(f *Frame, st *state) *failure {
	input, fail := r.through(f, st, st.input, f.Input)
	if fail != nil {
		return fail
	}
	r.saw(func(i *inspection) { i.afterInputPath = input })
	at := r.now
	switch {
	case st.seconds != nil:
		n, _, fail := r.quantity(f, st, st.seconds, input)
		if fail != nil {
			return fail
		}
		at = r.now.Add(time.Duration(n) * time.Second)
	case st.timestamp != nil:
		if at, fail = r.moment(f, st, st.timestamp, input); fail != nil {
			return fail
		}
	}
	if at.After(r.now) && !r.test {
		f.Phase, f.Deadline = Waiting, at
		return nil
	}
	return r.waited(f, st)
}

func (r *run) moment(f *Frame, st *state, m *moment, input *Document) (time.Time, *failure) {
	var s string
	switch {
	case m.query != nil:
		v, fail := r.query(f, st, m.query, &states{})
		if fail != nil {
			return time.Time{}, fail
		}
		s, _ = v.jsonpath().(string)
		if at, ok := parseTimestamp(s); ok {
			return at, nil
		}
		return time.Time{}, f.evaluation("Timestamp", "The JSONata expression '%s' specified for the field 'Timestamp' does not give a valid ISO-8601 extended offset date-time format string: %s", m.query.source, v.Text())
	case m.path != nil:
		v, err := m.path.Read(r.env(f, st, input))
		if err != nil {
			return time.Time{}, f.reading("TimestampPath", m.path.String(), input, err)
		}
		s, _ = v.(string)
		if at, ok := parseTimestamp(s); ok {
			return at, nil
		}
		return time.Time{}, f.runtime("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s", m.path, ofPath(v).Text())
	}
	return m.at, nil
}

// waited ends a Wait state.
func (r *run) waited(f *Frame, st *state) *failure {
	input, fail := r.through(f, st, st.input, f.Input)
	if fail != nil {
		return fail
	}
	assigned, fail := r.assign(f, st, st.assign, input, &states{})
	if fail != nil {
		return fail
	}
	output := input
	if st.ata {
		if output, fail = r.outputs(f, st, f.Input, &states{}); fail != nil {
			return fail
		}
	} else if output, fail = r.through(f, st, st.output, input); fail != nil {
		return fail
	}
	return r.exit(f, st, st.next, output, assigned)
}

// wake brings what is due.
func (r *run) wake() {
	if d := r.x.Deadline; !d.IsZero() && !r.now.Before(d) {
		r.end(TimedOut, nil, nil)
		return
	}
	due := func(t time.Time) bool { return !t.IsZero() && !r.now.Before(t) }
	for i := 0; i < len(r.x.Frames); i++ {
		f := r.x.Frames[i]
		st := r.m.states[f.State]
		n := len(r.x.Frames)
		switch {
		case f.Phase == Waiting && due(f.Deadline):
			f.Deadline = time.Time{}
			if fail := r.waited(f, st); fail != nil {
				r.failed(f, st, fail)
			}
		case f.Phase == Retrying && due(f.Deadline):
			f.Deadline = time.Time{}
			f.Phase = Again
			r.ready = append(r.ready, f.ID)
		case (f.Phase == Tasking || f.Phase == Mapping) && (due(f.Deadline) || due(f.Beat)):
			r.timedOut(f, st, due(f.Deadline))
		}
		if r.x.Status != Running {
			return
		}
		if len(r.x.Frames) < n {
			i = -1 // frames went; those that were due are no longer
		}
	}
}
