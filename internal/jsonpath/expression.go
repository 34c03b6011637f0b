package jsonpath

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Env is what an expression is evaluated in.
type Env struct {
	Input    any
	Context  any                           // $$
	Variable func(name string) (any, bool) // $name; nil: none
	NewID    func() string                 // a version 4 UUID
	Rand     *rand.Rand                    // States.MathRandom without a seed
	Bytes    int                           // of a result, as JSON; 0: 256 KiB, the limit of Step Functions
}

// ResultBytesMax is the limit of a result if Env names none.
const ResultBytesMax = 256 << 10

// ErrResultBytes says that a result would be larger than the limit.
var ErrResultBytes = errors.New("the result is larger than the limit of bytes")

func (e *Env) bytes() int {
	if e.Bytes > 0 {
		return e.Bytes
	}
	return ResultBytesMax
}

// within says whether a value's JSON is no longer than the limit, in time that the limit bounds.
func within(v any, left int) bool { return spend(v, left) >= 0 }

func spend(v any, left int) int {
	if left < 0 {
		return -1
	}
	switch v := v.(type) {
	case string:
		return left - len(v) - 2
	case Number:
		return left - len(v)
	case []any:
		left -= 2
		for _, e := range v {
			if left = spend(e, left-1); left < 0 {
				return -1
			}
		}
		return left
	case *Object:
		left -= 2
		for i, n := range v.names {
			if left = spend(v.values[i], left-len(n)-4); left < 0 {
				return -1
			}
		}
		return left
	}
	return left - 4
}

// NestingMax is how many intrinsic functions one field may nest.
const NestingMax = 10

// Expression is the value of a field whose name ends in .$: a path or an intrinsic function.
type Expression struct {
	text     string
	path     *Path
	function *function
	name     string
	args     []argument
}

type argument struct {
	value any
	raw   string // of a literal string, before its escapes are resolved
	sub   *Expression
}

// String is the expression's text.
func (e *Expression) String() string { return e.text }

// Path is the path that the expression is, nil for a function.
func (e *Expression) Path() *Path { return e.path }

// ParseExpression compiles a path or a call of an intrinsic function.
func ParseExpression(text string) (*Expression, error) {
	if len(text) > 4*PathBytesMax {
		return nil, fmt.Errorf("expression is longer than %d", 4*PathBytesMax)
	}
	p := &pathParser{s: text}
	e, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.i != len(p.s) {
		return nil, p.fail("unexpected character")
	}
	return e, nil
}

func (p *pathParser) expression(depth int) (*Expression, error) {
	from := p.i
	if p.i < len(p.s) && p.s[p.i] == '$' {
		path, err := p.path()
		if err != nil {
			return nil, err
		}
		return &Expression{text: path.text, path: path}, nil
	}
	if !p.is("States.") {
		return nil, p.fail("neither a path nor an intrinsic function")
	}
	if depth++; depth > NestingMax {
		return nil, p.fail(fmt.Sprintf("more than %d nested intrinsic functions", NestingMax))
	}
	name := p.name()
	f := functions[name]
	if f == nil {
		return nil, p.fail("unknown intrinsic function States." + name)
	}
	e := &Expression{name: "States." + name, function: f}
	if !p.is("(") {
		return nil, p.fail("an opening parenthesis is missing")
	}
	for p.space(); !p.is(")"); p.space() {
		if len(e.args) > 0 {
			if !p.is(",") {
				return nil, p.fail("a comma is missing")
			}
			p.space()
		}
		a, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		if i := len(e.args); a.sub == nil && i < len(f.types) && !literal(f.types[i], a.value) {
			return nil, p.fail(fmt.Sprintf("argument %d of %s is of the wrong type", i+1, e.name))
		}
		e.args = append(e.args, a)
	}
	if n := len(e.args); n < f.least || f.most >= 0 && n > f.most {
		return nil, p.fail(fmt.Sprintf("%s with %d arguments", e.name, n))
	}
	e.text = p.s[from:p.i]
	return e, nil
}

// literal says whether a literal may stand where the type is wanted.
func literal(kind byte, v any) bool {
	switch v.(type) {
	case string:
		return kind == 's' || kind == '*'
	case Number:
		return kind == 'n' || kind == '*'
	case bool:
		return kind == 'b' || kind == '*'
	}
	return kind == '*'
}

func (p *pathParser) argument(depth int) (argument, error) {
	if p.i >= len(p.s) {
		return argument{}, p.fail("an argument is missing")
	}
	switch c := p.s[p.i]; {
	case c == '$' || c == 'S':
		sub, err := p.expression(depth)
		return argument{sub: sub}, err
	case c == '\'':
		from := p.i + 1
		s, err := p.quoted()
		return argument{value: s, raw: p.s[from:max(from, p.i-1)]}, err
	case c == '"':
		return argument{}, p.fail("a string stands in single quotes")
	}
	o, err := p.operand()
	return argument{value: o.value}, err
}

// IntrinsicFailure says that a function cannot do with its arguments: States.IntrinsicFailure.
type IntrinsicFailure struct{ Function, Reason string }

func (e *IntrinsicFailure) Error() string { return e.Function + ": " + e.Reason }

// Eval gives the expression's value.
func (e *Expression) Eval(env *Env) (any, error) {
	if e.path != nil {
		return e.path.Read(env)
	}
	args := make([]any, len(e.args))
	for i := range e.args {
		a := &e.args[i]
		args[i] = a.value
		if a.sub != nil {
			v, err := a.sub.Eval(env)
			if err != nil {
				return nil, err
			}
			args[i] = v
		} else if i == 0 && e.name == "States.Format" {
			args[i] = a.raw
		}
	}
	v, err := e.function.call(env, args)
	if err == nil && !within(v, env.bytes()) {
		err = ErrResultBytes
	}
	if err != nil && !errors.Is(err, ErrResultBytes) {
		return nil, &IntrinsicFailure{e.name, err.Error()}
	}
	return v, err
}

// Template is a payload template: JSON in which the fields that end in .$ are expressions.
type Template struct{ node node }

type node struct {
	constant   any
	list       []node
	names      []string
	nodes      []node
	field      string // the name with .$
	expression *Expression
	changes    bool
}

// ParseTemplate compiles a payload template.
func ParseTemplate(template any) (*Template, error) {
	n, err := compile(template)
	return &Template{n}, err
}

func compile(v any) (node, error) {
	n := node{constant: v}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			c, err := compile(e)
			if err != nil {
				return n, err
			}
			n.list = append(n.list, c)
			n.changes = n.changes || c.changes
		}
	case *Object:
		for i := range v.names {
			name, value := v.At(i)
			var c node
			plain, dynamic := strings.CutSuffix(name, ".$")
			if dynamic {
				text, ok := value.(string)
				if !ok {
					return n, fmt.Errorf("the value of the field '%s' must be a string", name)
				}
				if _, both := v.Get(plain); both {
					return n, fmt.Errorf("the fields '%s' and '%s' exclude each other", plain, name)
				}
				e, err := ParseExpression(text)
				if err != nil {
					return n, fmt.Errorf("the value of the field '%s' must be a valid JSONPath or intrinsic function: %w", name, err)
				}
				c = node{field: name, expression: e, changes: true}
			} else {
				var err error
				if c, err = compile(value); err != nil {
					return n, err
				}
			}
			n.names, n.nodes = append(n.names, plain), append(n.nodes, c)
			n.changes = n.changes || c.changes
		}
	}
	return n, nil
}

// FieldError says which field of a template failed.
type FieldError struct {
	Field      string
	Expression *Expression
	Input      any
	Err        error
}

// Error is in Step Functions' words where a path leads nowhere.
func (e *FieldError) Error() string {
	var none *NoResult
	if errors.As(e.Err, &none) {
		return fmt.Sprintf("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", none.Path, e.Field, Encode(e.Input))
	}
	return fmt.Sprintf("The field '%s': %v", e.Field, e.Err)
}

// Unwrap is the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// Eval fills the template.
func (t *Template) Eval(env *Env) (any, error) {
	v, err := t.node.eval(env)
	if err == nil && !within(v, env.bytes()) {
		err = ErrResultBytes
	}
	return v, err
}

func (n *node) eval(env *Env) (any, error) {
	switch {
	case !n.changes:
		return n.constant, nil
	case n.expression != nil:
		v, err := n.expression.Eval(env)
		if err != nil {
			input := env.Input
			var none *NoResult
			if errors.As(err, &none) && none.Path.root == RootContext {
				input = env.Context
			}
			return nil, &FieldError{n.field, n.expression, input, err}
		}
		return v, nil
	case n.list != nil:
		list := make([]any, len(n.list))
		for i := range n.list {
			v, err := n.list[i].eval(env)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	o := &Object{names: make([]string, 0, len(n.names)), values: make([]any, 0, len(n.names))}
	for i := range n.nodes {
		v, err := n.nodes[i].eval(env)
		if err != nil {
			return nil, err
		}
		o.Set(n.names[i], v)
	}
	return o, nil
}
