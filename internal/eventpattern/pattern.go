package eventpattern

import (
	"cmp"
	"slices"
	"sync"
)

// Pattern is a compiled event pattern. It is safe for use by several goroutines.
type Pattern struct {
	branches []branch
	paths    paths
	scratch  sync.Pool
}

// branch is one way to meet a pattern: conditions on fields that must all hold. $or makes several.
type branch struct {
	conditions []condition // by path
}

// condition is met by a value of the field that meets one of the tests, or by the field's absence if absent.
type condition struct {
	path   string
	field  int32 // of the paths it was compiled for
	tests  []test
	absent bool
}

// Parse compiles the text of a pattern. A refusal is an *Error.
func Parse(text string, limits Limits) (*Pattern, error) {
	branches, err := compile(text, limits.filled())
	if err != nil {
		return nil, err
	}
	return newPattern(branches), nil
}

func newPattern(branches []branch) *Pattern {
	p := &Pattern{branches: branches}
	for i := range p.branches {
		for j := range p.branches[i].conditions {
			c := &p.branches[i].conditions[j]
			c.field = p.paths.add(c.path)
		}
	}
	p.paths.seal()
	return p
}

// Match says whether the event, a JSON object, meets the pattern. What follows the object is not looked at. An event
// that is no JSON object is an error, and so is one whose arrays would need more than MatchStepsMax comparisons.
func (p *Pattern) Match(event []byte) (bool, error) {
	e, _ := p.scratch.Get().(*fields)
	if e == nil {
		e = &fields{}
	}
	defer func() {
		e.release()
		p.scratch.Put(e)
	}()
	if err := e.read(&p.paths, event); err != nil {
		return false, err
	}
	for i := range p.branches {
		ok, err := e.meets(&p.branches[i])
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// set is how $or's branches are built: conditions by path, a later one of the same path in place of the earlier.
type set map[string]condition

func (s set) copy() set {
	to := make(set, len(s)+1)
	for k, v := range s {
		to[k] = v
	}
	return to
}

func (s set) branch() branch {
	b := branch{conditions: make([]condition, 0, len(s))}
	for _, c := range s {
		b.conditions = append(b.conditions, c)
	}
	slices.SortFunc(b.conditions, func(x, y condition) int { return cmp.Compare(x.path, y.path) })
	return b
}
