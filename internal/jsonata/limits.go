package jsonata

// Limits bound what an expression may cost. A zero field takes its default.
type Limits struct {
	Source   int // bytes of the expression
	Nesting  int // of parentheses, operators and clauses in the expression
	Steps    int // evaluations of nodes and items touched by functions
	Depth    int // of evaluations in one another, and of nested results
	Memory   int // bytes of what is built, counted and never given back
	Output   int // bytes of one string
	Sequence int // members of one array or sequence
}

// DefaultLimits are for an expression of a state machine: text and data of at most 256 KiB.
var DefaultLimits = Limits{
	Source:   256 << 10,
	Nesting:  250,
	Steps:    5_000_000,
	Depth:    2_000,
	Memory:   256 << 20,
	Output:   16 << 20,
	Sequence: 10_000_000,
}

func (l Limits) filled() Limits {
	d := DefaultLimits
	for _, f := range []struct{ have, want *int }{{&l.Source, &d.Source}, {&l.Nesting, &d.Nesting}, {&l.Steps, &d.Steps}, {&l.Depth, &d.Depth},
		{&l.Memory, &d.Memory}, {&l.Output, &d.Output}, {&l.Sequence, &d.Sequence}} {
		if *f.have <= 0 {
			*f.have = *f.want
		}
	}
	return l
}

func limitError(name string, max int) *Error {
	return &Error{Code: "U1001", Limit: name, index: max}
}

// step counts n units of work.
func (m *machine) step(n int) *Error {
	if m.steps -= n; m.steps < 0 {
		return limitError("Steps", m.limits.Steps)
	}
	return nil
}

// take counts n bytes that are about to be built.
func (m *machine) take(n int) *Error {
	if m.memory -= n; m.memory < 0 || n < 0 {
		return limitError("Memory", m.limits.Memory)
	}
	return nil
}

// takeText counts a string that is about to be built.
func (m *machine) takeText(n int) *Error {
	if n > m.limits.Output {
		return limitError("Output", m.limits.Output)
	}
	return m.take(n)
}

const valueBytes = 24

// takeItems counts an array of n members that is about to be built.
func (m *machine) takeItems(n int) *Error {
	if n > m.limits.Sequence {
		return &Error{Code: "D2015", Value: Num(float64(m.limits.Sequence)), Limit: "Sequence", index: m.limits.Sequence}
	}
	return m.take(64 + n*valueBytes)
}
