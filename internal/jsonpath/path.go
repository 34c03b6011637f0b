package jsonpath

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of paths.
const (
	PathBytesMax = 4096
	StepsMax     = 100000 // values that one path looks at
	FilterMax    = 20     // depth of parentheses in a filter
)

// ErrSteps says that a path looks at more values than StepsMax.
var ErrSteps = errors.New("the path looks at more values than the limit")

// Root says what a path begins at.
type Root uint8

// The roots of paths.
const (
	RootInput    Root = iota // $
	RootContext              // $$
	RootVariable             // $name
	rootItem                 // @, in filters
)

// Path is a compiled path that reads.
type Path struct {
	text     string
	root     Root
	variable string
	steps    []step
	definite bool
}

type stepKind uint8

const (
	names stepKind = iota
	indices
	slice
	all
	filtered
)

type step struct {
	kind    stepKind
	deep    bool // behind ..
	names   []string
	indices []int
	from    *int
	to      *int
	by      int
	filter  *filter
}

// String is the path's text.
func (p *Path) String() string { return p.text }

// Root is what it begins at, and for a variable its name.
func (p *Path) Root() (Root, string) { return p.root, p.variable }

// Definite says that it leads to one value at most.
func (p *Path) Definite() bool { return p.definite }

type pathParser struct {
	s     string
	i     int
	depth int
}

func (p *pathParser) fail(what string) error {
	return fmt.Errorf("%s at position %d of path %q", what, p.i, p.s)
}

// ParsePath compiles a path.
func ParsePath(text string) (*Path, error) {
	if len(text) > PathBytesMax {
		return nil, fmt.Errorf("path is longer than %d", PathBytesMax)
	}
	p := &pathParser{s: text}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if p.i != len(p.s) {
		return nil, p.fail("unexpected character")
	}
	return path, nil
}

func nameRune(r rune) bool {
	return r == '_' || r == '-' || r >= '0' && r <= '9' || r|32 >= 'a' && r|32 <= 'z' || r > 0x7f && r != utf8.RuneError
}

func (p *pathParser) name() string {
	from := p.i
	for p.i < len(p.s) {
		r, n := utf8.DecodeRuneInString(p.s[p.i:])
		if !nameRune(r) {
			break
		}
		p.i += n
	}
	return p.s[from:p.i]
}

func (p *pathParser) is(s string) bool {
	if strings.HasPrefix(p.s[p.i:], s) {
		p.i += len(s)
		return true
	}
	return false
}

func (p *pathParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t') {
		p.i++
	}
}

func (p *pathParser) path() (*Path, error) {
	path := &Path{definite: true}
	from := p.i
	switch {
	case p.is("@"):
		path.root = rootItem
	case p.is("$$"):
		path.root = RootContext
	case p.is("$"):
		if v := p.name(); v != "" {
			path.root, path.variable = RootVariable, v
		}
	default:
		return nil, p.fail("a path begins with $")
	}
	for p.i < len(p.s) {
		s := step{}
		switch {
		case p.is(".."):
			s.deep = true
			if p.i < len(p.s) && p.s[p.i] == '[' {
				p.i++
				if err := p.bracket(&s); err != nil {
					return nil, err
				}
			} else if err := p.dotted(&s); err != nil {
				return nil, err
			}
		case p.is("."):
			if err := p.dotted(&s); err != nil {
				return nil, err
			}
		case p.is("["):
			if err := p.bracket(&s); err != nil {
				return nil, err
			}
		default:
			path.text = p.s[from:p.i]
			return path, nil
		}
		one := !s.deep && (s.kind == names && len(s.names) == 1 || s.kind == indices && len(s.indices) == 1)
		path.definite = path.definite && one
		path.steps = append(path.steps, s)
	}
	path.text = p.s[from:p.i]
	return path, nil
}

func (p *pathParser) dotted(s *step) error {
	if p.is("*") {
		s.kind = all
		return nil
	}
	n := p.name()
	if n == "" {
		return p.fail("a name is missing")
	}
	if p.i < len(p.s) && p.s[p.i] == '(' {
		return p.fail("functions are not supported: " + n)
	}
	s.names = []string{n}
	return nil
}

func (p *pathParser) quoted() (string, error) {
	q := p.s[p.i]
	p.i++
	var b strings.Builder
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == q:
			return b.String(), nil
		case c == '\\' && p.i < len(p.s):
			b.WriteByte(p.s[p.i])
			p.i++
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail("a quote is not closed")
}

// quotedName reads a name in brackets, in which a backslash stands for itself but before the quote and another one.
func (p *pathParser) quotedName() (string, error) {
	q := p.s[p.i]
	p.i++
	var b strings.Builder
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == q:
			return b.String(), nil
		case c == '\\' && p.i < len(p.s) && (p.s[p.i] == q || p.s[p.i] == '\\'):
			b.WriteByte(p.s[p.i])
			p.i++
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail("a quote is not closed")
}

func (p *pathParser) integer() (*int, error) {
	from := p.i
	if p.i < len(p.s) && p.s[p.i] == '-' {
		p.i++
	}
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	if from == p.i {
		return nil, nil
	}
	n, err := strconv.ParseInt(p.s[from:p.i], 10, 32)
	if err != nil {
		return nil, p.fail("no index")
	}
	v := int(n)
	return &v, nil
}

func (p *pathParser) bracket(s *step) error {
	p.space()
	if p.i >= len(p.s) {
		return p.fail("a bracket is not closed")
	}
	switch c := p.s[p.i]; {
	case c == '*':
		p.i++
		s.kind = all
	case c == '(':
		p.i++
		if !p.is("@.length-") {
			return p.fail("an index is computed as (@.length-1)")
		}
		n, err := p.integer()
		if err != nil || n == nil || *n < 1 || !p.is(")") {
			return p.fail("no index")
		}
		s.kind, s.indices = indices, []int{-*n}
	case c == '?':
		p.i++
		s.kind = filtered
		p.space()
		if !p.is("(") {
			return p.fail("a filter begins with ?(")
		}
		f, err := p.or()
		if err != nil {
			return err
		}
		p.space()
		if !p.is(")") {
			return p.fail("a parenthesis is not closed")
		}
		s.filter = f
	case c == '\'' || c == '"':
		for {
			n, err := p.quotedName()
			if err != nil {
				return err
			}
			s.names = append(s.names, n)
			p.space()
			if !p.is(",") {
				break
			}
			p.space()
			if p.i >= len(p.s) || p.s[p.i] != '\'' && p.s[p.i] != '"' {
				return p.fail("a name is missing")
			}
		}
	default:
		first, err := p.integer()
		if err != nil {
			return err
		}
		p.space()
		if p.is(":") {
			s.kind, s.from, s.by = slice, first, 1
			if s.to, err = p.integer(); err != nil {
				return err
			}
			if p.is(":") {
				by, err := p.integer()
				if err != nil || by == nil || *by < 1 {
					return p.fail("no step")
				}
				s.by = *by
			}
			break
		}
		if first == nil {
			return p.fail("no index")
		}
		s.kind, s.indices = indices, []int{*first}
		for p.is(",") {
			p.space()
			n, err := p.integer()
			if err != nil || n == nil {
				return p.fail("no index")
			}
			s.indices = append(s.indices, *n)
			p.space()
		}
	}
	p.space()
	if !p.is("]") {
		return p.fail("a bracket is not closed")
	}
	return nil
}

// reading is one evaluation of a path.
type reading struct {
	env   *Env
	steps int
	found []any
	item  any
}

func (r *reading) count() error {
	if r.steps++; r.steps > StepsMax {
		return ErrSteps
	}
	return nil
}

// charge counts a comparison's steps: one for every 64 bytes of the value.
func (r *reading) charge(v any) error {
	const most = StepsMax * 64
	r.steps += (most - max(0, spend(v, most))) / 64
	return r.count()
}

// start is the value at the path's root.
func (p *Path) start(r *reading) (any, error) {
	switch p.root {
	case RootContext:
		return r.env.Context, nil
	case RootVariable:
		if r.env.Variable != nil {
			if v, ok := r.env.Variable(p.variable); ok {
				return v, nil
			}
		}
		return nil, &UnknownVariable{p.variable}
	case rootItem:
		return r.item, nil
	}
	return r.env.Input, nil
}

// UnknownVariable says that a path begins at a variable that is not there.
type UnknownVariable struct{ Name string }

func (e *UnknownVariable) Error() string { return "variable $" + e.Name + " is not defined" }

// NoResult says that a definite path leads nowhere.
type NoResult struct{ Path *Path }

// Error is in the words of the library that Step Functions reads paths with.
func (e *NoResult) Error() string {
	var b strings.Builder
	b.WriteString("No results for path: $")
	for _, s := range e.Path.steps {
		switch s.kind {
		case names:
			b.WriteString("['" + strings.Join(s.names, "','") + "']")
		case indices:
			b.WriteString("[" + strconv.Itoa(s.indices[0]) + "]")
		}
	}
	return b.String()
}

// Read gives the value that the path leads to; a path that is not definite gives an array, which may be empty.
func (p *Path) Read(env *Env) (any, error) {
	r := &reading{env: env}
	return p.read(r)
}

func (p *Path) read(r *reading) (any, error) {
	v, err := p.start(r)
	if err != nil {
		return nil, err
	}
	if p.definite {
		for i := range p.steps {
			var ok bool
			if s := &p.steps[i]; s.kind == names {
				o, is := v.(*Object)
				if !is {
					return nil, &NoResult{p}
				}
				v, ok = o.Get(s.names[0])
			} else {
				list, is := v.([]any)
				if !is {
					return nil, &NoResult{p}
				}
				v, ok = element(list, s.indices[0])
			}
			if !ok {
				return nil, &NoResult{p}
			}
		}
		return v, nil
	}
	before := r.found
	r.found = []any{}
	err = p.walk(r, v, 0)
	found := r.found
	r.found = before
	return found, err
}

func element(list []any, i int) (any, bool) {
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return nil, false
	}
	return list[i], true
}

func (p *Path) walk(r *reading, v any, at int) error {
	if err := r.count(); err != nil {
		return err
	}
	if at == len(p.steps) {
		r.found = append(r.found, v)
		return nil
	}
	s := &p.steps[at]
	if err := p.step(r, v, s, at); err != nil || !s.deep {
		return err
	}
	for _, child := range childrenOf(v) { // the children by the same step
		if err := p.walk(r, child, at); err != nil {
			return err
		}
	}
	return nil
}

func childrenOf(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case *Object:
		return v.values
	}
	return nil
}

func (p *Path) step(r *reading, v any, s *step, at int) error {
	switch s.kind {
	case names:
		if o, ok := v.(*Object); ok {
			for _, n := range s.names {
				if c, ok := o.Get(n); ok {
					if err := p.walk(r, c, at+1); err != nil {
						return err
					}
				}
			}
		}
	case indices:
		if list, ok := v.([]any); ok {
			for _, i := range s.indices {
				if c, ok := element(list, i); ok {
					if err := p.walk(r, c, at+1); err != nil {
						return err
					}
				}
			}
		}
	case slice:
		list, ok := v.([]any)
		if !ok {
			return nil
		}
		from, to := 0, len(list)
		bound := func(n int) int {
			if n < 0 {
				n += len(list)
			}
			return max(0, min(n, len(list)))
		}
		if s.from != nil {
			from = bound(*s.from)
		}
		if s.to != nil {
			to = bound(*s.to)
		}
		for i := from; i < to; i += s.by {
			if err := p.walk(r, list[i], at+1); err != nil {
				return err
			}
		}
	default:
		for _, c := range childrenOf(v) {
			if s.kind == filtered {
				ok, err := s.filter.holds(r, c)
				if err != nil {
					return err
				}
				if !ok {
					continue
				}
			}
			if err := p.walk(r, c, at+1); err != nil {
				return err
			}
		}
	}
	return nil
}
