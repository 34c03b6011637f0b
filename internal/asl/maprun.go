package asl

import (
	"time"
)

// MapRun is a distributed Map state at work: a pure machine of its own. Its children are executions of Machine.Child,
// their inputs come from Machine.Inputs.
type MapRun struct {
	State       string
	Label       string
	Express     bool          // the children's type
	Concurrency int           // 0: no limit of its own
	Count       *float64      `json:",omitempty"` // ToleratedFailureCount
	Percentage  *float64      `json:",omitempty"` // ToleratedFailurePercentage
	Items       []*Document   `json:",omitempty"` // from the state's input; nil with a Reader
	Reader      *ReadItems    `json:",omitempty"`
	Writer      *WriteResults `json:",omitempty"`
	BatchItems  int64
	BatchBytes  int64
	BatchInput  *Document `json:",omitempty"`

	Total, Started, Succeeded, Failed int
	Results                           []*Document // of children that ended; nil for others
}

// ReadItems is where the items of a map run come from.
type ReadItems struct {
	Resource, Service, Action string
	Parameters                string // JSON
	Config                    ReaderConfig
	MaxItems                  int64
}

// WriteResults is where the results of a map run go.
type WriteResults struct {
	Resource, Service, Action  string
	Parameters                 string // JSON, "" without
	Transformation, OutputType string
}

// distribute begins a distributed Map state.
func (r *run) distribute(f *Frame, st *state, input *Document) *failure {
	e := st.each
	run := &MapRun{State: st.name, Label: e.label, Express: e.express}
	number := func(q *quantity) (*float64, *failure) {
		n, ok, fail := r.quantity(f, st, q, input)
		if !ok || fail != nil {
			return nil, fail
		}
		return &n, nil
	}
	arguments := func(t *template) (string, *failure) {
		if t == nil {
			return "", nil
		}
		d, fail := r.fill(f, st, t, input)
		if fail != nil {
			return "", fail
		}
		return d.Text(), nil
	}
	var fail *failure
	if e.reader == nil {
		if run.Items, fail = r.itemsOf(f, st, input); fail != nil {
			return fail
		}
	}
	n, fail := number(e.concurrency)
	if fail != nil {
		return fail
	}
	if n != nil {
		run.Concurrency = int(*n)
	}
	if run.Count, fail = number(e.count); fail != nil {
		return fail
	}
	if run.Percentage, fail = number(e.percentage); fail != nil {
		return fail
	}
	if e.reader != nil {
		run.Reader = &ReadItems{Config: e.reader.config}
		if t := e.reader.resource; t != nil {
			run.Reader.Resource, run.Reader.Service, run.Reader.Action = t.arn, t.service, t.action
		}
		if run.Reader.Parameters, fail = arguments(e.reader.arguments); fail != nil {
			return fail
		}
		if n, fail = number(e.reader.itemsMax); fail != nil {
			return fail
		}
		if n != nil {
			run.Reader.MaxItems = int64(*n)
		}
	}
	if w := e.writer; w != nil {
		run.Writer = &WriteResults{Transformation: w.transform, OutputType: w.output}
		if t := w.resource; t != nil {
			run.Writer.Resource, run.Writer.Service, run.Writer.Action = t.arn, t.service, t.action
		}
		if run.Writer.Parameters, fail = arguments(w.arguments); fail != nil {
			return fail
		}
	}
	if b := e.batcher; b != nil {
		if n, fail = number(b.items); fail != nil {
			return fail
		}
		if n != nil {
			run.BatchItems = int64(*n)
		}
		if n, fail = number(b.bytes); fail != nil {
			return fail
		}
		if n != nil {
			run.BatchBytes = int64(*n)
		}
		if b.input != nil {
			if run.BatchInput, fail = r.fill(f, st, b.input, input); fail != nil {
				return fail
			}
		}
	}
	r.saw(func(i *inspection) { i.run = run })
	redriven := f.MapRun != ""
	if !redriven {
		r.note(f, HistoryEvent{Type: "MapStateStarted", Length: len(run.Items)})
	}
	r.x.NextTask++
	f.Phase, f.Task = Mapping, r.x.NextTask
	r.effect(Effect{Kind: StartMapRun, Task: f.Task, Run: run, StateName: st.name, Redriven: redriven})
	return nil
}

// fill evaluates a payload template or JSON with JSONata.
func (r *run) fill(f *Frame, st *state, t *template, input *Document) (*Document, *failure) {
	if t.query != nil {
		return r.query(f, st, t.query, &states{})
	}
	return r.payload(f, st, t, input)
}

// mapRun takes an event of a map run.
func (r *run) mapRun(ev Event) {
	f := r.waiting(ev.Task)
	if f == nil || f.Phase != Mapping {
		return
	}
	st := r.m.states[f.State]
	if ev.Kind == MapRunStarted {
		kind := "MapRunStarted"
		if f.MapRun != "" {
			kind = "MapRunRedriven"
		}
		f.MapRun = ev.Arn
		r.note(f, HistoryEvent{Type: kind, Particulars: &Particulars{MapRunArn: ev.Arn, RedriveCount: r.x.Redrives}})
		return
	}
	f.Phase = Again
	if ev.Error != nil || ev.Cause != nil {
		r.note(f, HistoryEvent{Type: "MapRunFailed", Error: ev.Error, Cause: ev.Cause})
		r.failed(f, st, &failure{err: ev.Error, cause: ev.Cause})
		return
	}
	r.note(f, HistoryEvent{Type: "MapRunSucceeded"})
	r.tell(HistoryEvent{Type: "MapStateSucceeded", Previous: f.Prev})
	if len(ev.Output) > DataBytesMax {
		r.failed(f, st, f.tooLarge(st.name))
		return
	}
	if fail := r.complete(f, st, NewDocument(ev.Output)); fail != nil {
		r.failed(f, st, fail)
	}
}

// Child is the machine that the executions of a distributed Map state run.
func (m *Machine) Child(name string) (*Machine, bool) {
	st := m.states[name]
	if st == nil || st.each == nil || !st.each.distributed {
		return nil, false
	}
	c := &Machine{typ: Standard, ata: m.ata, top: st.branches[0], states: m.states}
	if st.each.express {
		c.typ = Express
	}
	return c, true
}

// RunError is why the items of a map run could not be used.
type RunError struct{ Err, Cause string }

func (e *RunError) Error() string { return e.Err + ": " + e.Cause }

// Inputs makes the inputs of a map run's children from its items: ItemSelector for each, batches where ItemBatcher asks
// for them. The execution is the one whose map run waits; now and entropy are as in an event. Its errors are *RunError.
func (m *Machine) Inputs(x *Execution, task int64, mapRun *MapRun, items []Item, now time.Time, entropy [32]byte) ([]*Document, error) {
	b := &batches{run: mapRun}
	e := &run{m: m, x: x, now: now, entropy: entropy}
	f := e.waiting(task)
	if f == nil {
		return nil, &RunError{"States.Runtime", "The map run is not under way"}
	}
	st := m.states[f.State]
	for i := range items {
		d := items[i].Value
		if st.each.selector != nil {
			g := *f
			var fail *failure
			if d, fail = e.selected(&g, st, &items[i]); fail != nil {
				return nil, runError(fail)
			}
		}
		if err := b.add(d); err != nil {
			return nil, err
		}
	}
	return b.all(), nil
}

func runError(fail *failure) *RunError {
	e := &RunError{Err: fail.name()}
	if fail.cause != nil {
		e.Cause = *fail.cause
	}
	return e
}

// batches gathers items into the inputs of children.
type batches struct {
	run    *MapRun
	inputs []*Document
	batch  []*Document
	bytes  int
}

func (b *batches) add(d *Document) error {
	if b.run.BatchItems == 0 && b.run.BatchBytes == 0 {
		if len(d.Text()) > DataBytesMax {
			return &RunError{"States.DataLimitExceeded", "An item exceeds the maximum number of bytes service limit."}
		}
		b.inputs = append(b.inputs, d)
		return nil
	}
	n := len(d.Text()) + 1
	most := int64(DataBytesMax)
	if b.run.BatchBytes > 0 {
		most = min(most, b.run.BatchBytes)
	}
	if len(b.batch) > 0 && (b.run.BatchItems > 0 && int64(len(b.batch)) >= b.run.BatchItems || int64(b.bytes+n)+b.overhead() > most) {
		b.close()
	}
	if int64(n)+b.overhead() > most {
		return &RunError{"States.ItemReaderFailed", "An item exceeds the maximum number of bytes of a batch."}
	}
	b.batch = append(b.batch, d)
	b.bytes += n
	return nil
}

func (b *batches) overhead() int64 {
	if b.run.BatchInput == nil {
		return int64(len(`{"Items":[]}`))
	}
	return int64(len(`{"Items":[],"BatchInput":}`) + len(b.run.BatchInput.Text()))
}

func (b *batches) close() {
	text := `{"Items":` + listOf(b.batch).Text()
	if b.run.BatchInput != nil {
		text = `{"BatchInput":` + b.run.BatchInput.Text() + `,"Items":` + listOf(b.batch).Text()
	}
	b.inputs = append(b.inputs, NewDocument(text+"}"))
	b.batch, b.bytes = nil, 0
}

func (b *batches) all() []*Document {
	if len(b.batch) > 0 {
		b.close()
	}
	return b.inputs
}

// Begin says how many children there are.
func (m *MapRun) Begin(total int) {
	m.Total = total
	m.Results = make([]*Document, total)
}

// Next are the children to start now.
func (m *MapRun) Next() []int {
	var start []int
	for m.Started < m.Total && (m.Concurrency == 0 || m.Started-m.Succeeded-m.Failed < m.Concurrency) {
		start = append(start, m.Started)
		m.Started++
	}
	return start
}

// Done notes how a child ended; a nil output is a failure.
func (m *MapRun) Done(child int, output *Document) {
	if output == nil {
		m.Failed++
		return
	}
	m.Succeeded++
	m.Results[child] = output
}

// exceeded says whether more children failed than is tolerated.
func (m *MapRun) exceeded() bool {
	if m.Failed == 0 {
		return false
	}
	if m.Count == nil && m.Percentage == nil {
		return true
	}
	return m.Count != nil && float64(m.Failed) > *m.Count || m.Percentage != nil && float64(m.Failed)*100 > *m.Percentage*float64(m.Total)
}

// Ended says whether the run is over: with the array of results, or with the error of MapRunEnded while children may
// still run.
func (m *MapRun) Ended() (output *Document, fail *RunError, ended bool) {
	if m.exceeded() {
		return nil, &RunError{"States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"}, true
	}
	if m.Succeeded+m.Failed < m.Total {
		return nil, nil, false
	}
	list := make([]*Document, 0, m.Total)
	for _, d := range m.Results {
		if d != nil {
			list = append(list, d)
		}
	}
	return listOf(list), nil, true
}
