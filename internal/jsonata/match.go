package jsonata

// found is one match of a matcher in a text. Offsets are bytes where bytes is set, else what a matcher written in the
// language said.
type found struct {
	text       string
	start, end int
	groups     Value
	next       Value // function that gives the next match; nothing for a regular expression
	bytes      bool
	whole      Value // the object, if there is one already
}

// matches calls each for every match of f in s until each says that it is enough.
func (m *machine) matches(f Value, s string, a args, each func(x found) (bool, *Error)) *Error {
	if r := f.fn().regex; r != nil {
		return m.regexMatches(r, f.fn().pos, s, each)
	}
	v, err := m.callback(f, a, 1, Str(s), Value{}, Value{}, Value{})
	for {
		if err != nil || v.kind == Undefined {
			return err
		}
		x, err2 := matchOf(v)
		if err2 != nil {
			return err2
		}
		if more, err := each(x); !more || err != nil {
			return err
		}
		if x.next.kind != FunctionKind {
			return &Error{Code: "T1006"}
		}
		v, err = m.callback(x.next, a, 0, Value{}, Value{}, Value{}, Value{})
	}
}

func matchOf(v Value) (found, *Error) {
	o := v.Object()
	if o == nil {
		return found{}, &Error{Code: "T1010"}
	}
	start, end, groups, next := o.Get("start"), o.Get("end"), o.Get("groups"), o.Get("next")
	if start.kind != Number && groups.kind != ArrayKind && next.kind != FunctionKind {
		return found{}, &Error{Code: "T1010"}
	}
	x := found{groups: groups, next: next, whole: v}
	if t := o.Get("match"); t.kind == String {
		x.text = t.Text()
	}
	if start.kind == Number {
		x.start = clampInt(start.Float())
	}
	if end.kind == Number {
		x.end = clampInt(end.Float())
	}
	return x, nil
}

func (m *machine) regexMatches(r *regex, pos int, s string, each func(x found) (bool, *Error)) *Error {
	for at, first := 0, true; first || at < len(s); first = false {
		loc := r.find(s, at)
		spent := len(s) - at
		if loc != nil {
			spent = loc[1] - at
		}
		if err := m.step(1 + spent*r.cost/16); err != nil {
			return err
		}
		if loc == nil {
			return nil
		}
		if !first && loc[0] == loc[1] {
			e := &Error{Code: "D1004", Value: Str(r.source), Position: pos, placed: true}
			return e
		}
		if err := m.takeItems(len(loc) / 2); err != nil {
			return err
		}
		x := found{text: s[loc[0]:loc[1]], start: loc[0], end: loc[1], bytes: true, groups: List(groupValues(s, loc))}
		if more, err := each(x); !more || err != nil {
			return err
		}
		at = loc[1]
	}
	return nil
}

func groupValues(s string, loc []int) []Value {
	groups := make([]Value, 0, len(loc)/2-1)
	for i := 2; i < len(loc); i += 2 {
		var g Value
		if loc[i] >= 0 {
			g = Str(s[loc[i]:loc[i+1]])
		}
		groups = append(groups, g)
	}
	return groups
}

// runRegex is a regular expression called as a function: the object of its first match.
func (m *machine) runRegex(f *function, a args) (Value, *Error) {
	s := a.at(0)
	if s.kind != String {
		return Value{}, nil
	}
	from := 0
	if n := a.at(1); n.kind == Number {
		from = byteOffset(s.Text(), clampInt(n.Float()))
	}
	return m.regexObject(f, s.Text(), from, false)
}

func (m *machine) regexObject(f *function, s string, from int, further bool) (Value, *Error) {
	if err := m.step(1 + (len(s)-from)*f.regex.cost/16); err != nil {
		return Value{}, err
	}
	loc := f.regex.find(s, from)
	if loc == nil {
		return Value{}, nil
	}
	if further && loc[0] == loc[1] {
		return Value{}, &Error{Code: "D1004", Value: Str(f.regex.source), Position: f.pos, placed: true}
	}
	return m.matchObject(s, loc, f)
}

// matchObject is what a matcher gives: match, start, end, groups, next.
func (m *machine) matchObject(s string, loc []int, f *function) (Value, *Error) {
	o, err := m.tuple(5 + len(loc)/2)
	if err != nil {
		return Value{}, err
	}
	start := units(s[:loc[0]])
	o.Set("match", Str(s[loc[0]:loc[1]]))
	o.Set("start", Num(float64(start)))
	o.Set("end", Num(float64(start+units(s[loc[0]:loc[1]]))))
	o.Set("groups", List(groupValues(s, loc)))
	end := loc[1]
	o.Set("next", funcValue(&function{name: "next", native: func(m *machine, a args) (Value, *Error) {
		if end >= len(s) {
			return Value{}, nil
		}
		return m.regexObject(f, s, end, true)
	}}))
	return Obj(o), nil
}

// byteOffset is where the n-th code unit of s begins.
func byteOffset(s string, n int) int {
	if ascii(s) {
		return max(0, min(n, len(s)))
	}
	i := 0
	for i < len(s) && n > 0 {
		r, w := decode(s[i:])
		i += w
		n--
		if r > 0xFFFF {
			n--
		}
	}
	return i
}
