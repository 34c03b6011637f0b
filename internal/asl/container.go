package asl

// effective is InputPath and Parameters, or Arguments.
func (r *run) effective(f *Frame, st *state, without *Document) (*Document, *failure) {
	if st.ata {
		if st.parameters == nil {
			return without, nil
		}
		return r.query(f, st, st.parameters.query, &states{})
	}
	d, fail := r.through(f, st, st.input, f.Input)
	if fail != nil {
		return nil, fail
	}
	r.saw(func(i *inspection) { i.afterInputPath = d })
	if st.parameters != nil && st.kind != kindMap {
		if d, fail = r.payload(f, st, st.parameters, d); fail != nil {
			return nil, fail
		}
		r.saw(func(i *inspection) { i.afterParameters = d })
	}
	return d, nil
}

// branch begins a Parallel state.
func (r *run) branch(f *Frame, st *state) *failure {
	input, fail := r.effective(f, st, f.Input)
	if fail != nil {
		return fail
	}
	if len(input.Text()) > DataBytesMax {
		return f.tooLarge(st.name)
	}
	if len(r.x.Frames)+len(st.branches) > FramesMax {
		return f.runtime("More than %d branches and iterations run at once", FramesMax)
	}
	r.note(f, HistoryEvent{Type: "ParallelStateStarted"})
	f.Phase, f.Effective, f.Done = Branching, input, 0
	f.Results = make([]*Document, len(st.branches))
	for i, b := range st.branches {
		c := r.x.add(&Frame{Parent: f.ID, Index: i, State: b.start, Input: input, Prev: f.Prev})
		r.ready = append(r.ready, c.ID)
	}
	return nil
}

// childDone takes the output of a branch or an iteration.
func (r *run) childDone(p, c *Frame, output *Document) {
	st := r.m.states[p.State]
	r.x.remove(c)
	p.Results[c.Index] = output
	p.Done++
	p.Prev = c.Prev
	if st.kind == kindMap {
		p.Prev = r.tell(HistoryEvent{Type: "MapIterationSucceeded", Name: st.name, Index: c.Index, Previous: c.Prev})
		if p.Started < len(p.Items) {
			if fail := r.iterateNext(p, st, c.Prev); fail != nil {
				r.failed(p, st, fail)
				return
			}
		}
	}
	if p.Done == len(p.Results) {
		r.allDone(p, st)
	}
}

// allDone ends a Parallel or an inline Map state.
func (r *run) allDone(p *Frame, st *state) {
	kind := "ParallelStateSucceeded"
	if st.kind == kindMap {
		kind = "MapStateSucceeded"
	}
	r.tell(HistoryEvent{Type: kind, Previous: p.Prev})
	result := listOf(p.Results)
	if len(result.Text()) > DataBytesMax {
		r.failed(p, st, p.tooLarge(st.name))
		return
	}
	if fail := r.complete(p, st, result); fail != nil {
		r.failed(p, st, fail)
	}
}

// iterate begins a Map state.
func (r *run) iterate(f *Frame, st *state) *failure {
	e := st.each
	input, fail := r.effective(f, st, f.Input)
	if fail != nil {
		return fail
	}
	f.Effective = input
	if e.distributed {
		return r.distribute(f, st, input)
	}
	items, fail := r.itemsOf(f, st, input)
	if fail != nil {
		return fail
	}
	n, _, fail := r.quantity(f, st, e.concurrency, input)
	if fail != nil {
		return fail
	}
	f.AtOnce = int(n)
	if f.AtOnce == 0 || f.AtOnce > InlineConcurrency {
		f.AtOnce = InlineConcurrency
	}
	f.Items = items
	f.Results, f.Started, f.Done = make([]*Document, len(items)), 0, 0
	f.Phase = Branching
	r.note(f, HistoryEvent{Type: "MapStateStarted", Length: len(items)})
	if len(items) == 0 {
		r.allDone(f, st)
		return nil
	}
	begun := f.Prev
	for f.Started < len(items) && f.Started < f.AtOnce {
		if fail := r.iterateNext(f, st, begun); fail != nil {
			return fail
		}
	}
	return nil
}

// itemsOf is the array that a Map state goes through.
func (r *run) itemsOf(f *Frame, st *state, input *Document) ([]*Document, *failure) {
	e := st.each
	if st.ata {
		v := input.jsonata()
		if e.items != nil {
			var fail *failure
			if v, fail = r.value(f, st, e.items, &states{}); fail != nil {
				return nil, fail
			}
			if v.TypeName() != "array" {
				return nil, f.unexpected(e.items, "array", v)
			}
		} else if v.TypeName() != "array" {
			return nil, f.evaluation("", "Map state input must be an array but was: %s", input.Text())
		}
		items := make([]*Document, len(v.Items()))
		for i, x := range v.Items() {
			items[i] = ofAta(x)
		}
		return items, nil
	}
	v := input.jsonpath()
	path := "$"
	if e.itemsPath != nil {
		var err error
		path = e.itemsPath.text
		if v, err = e.itemsPath.path.Read(r.env(f, st, input)); err != nil {
			return nil, f.runtime("Invalid path '%s' : %v", path, err)
		}
		if len(path) > 1 && path[:2] == "$$" {
			path = path[1:]
		}
	}
	list, ok := v.([]any)
	if !ok {
		cause := "Reference path \"" + path + "\" must point to array."
		return nil, &failure{err: textOf("States.Runtime"), cause: &cause, fatal: true}
	}
	items := make([]*Document, len(list))
	for i, x := range list {
		items[i] = ofPath(x)
	}
	return items, nil
}

// iterateNext begins the next iteration.
func (r *run) iterateNext(f *Frame, st *state, prev int64) *failure {
	i := f.Started
	f.Started++
	if len(r.x.Frames) >= FramesMax {
		return f.runtime("More than %d branches and iterations run at once", FramesMax)
	}
	item := &Item{Index: i, Value: f.Items[i]}
	input := item.Value
	if st.each.selector != nil {
		var fail *failure
		if input, fail = r.selected(f, st, item); fail != nil {
			return fail
		}
	}
	id := r.tell(HistoryEvent{Type: "MapIterationStarted", Name: st.name, Index: i, Previous: prev})
	c := r.x.add(&Frame{Parent: f.ID, Index: i, State: st.branches[0].start, Input: input, Prev: id, Item: item})
	r.ready = append(r.ready, c.ID)
	return nil
}

// selected is ItemSelector for one item.
func (r *run) selected(f *Frame, st *state, item *Item) (*Document, *failure) {
	outer := f.Item
	f.Item = item
	defer func() { f.Item = outer }()
	if st.ata {
		return r.query(f, st, st.each.selector.query, &states{})
	}
	return r.payload(f, st, st.each.selector, f.Effective)
}
