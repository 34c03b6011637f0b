package asl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"virga/internal/jsonpath"
)

// Type is the type of a state machine.
type Type string

// The types of state machines.
const (
	Standard Type = "STANDARD"
	Express  Type = "EXPRESS"
)

// Options say how a definition is read.
type Options struct {
	Type         Type // "": Standard
	Placeholders bool // ${Name} and CloudFormation's functions may stand where a template fills in a resource
	single       bool // TestState: a Map or Parallel may be alone, transitions lead nowhere
}

// Diagnostic is one finding about a definition.
type Diagnostic struct{ Severity, Code, Message, Location string }

// The severities of diagnostics.
const (
	SeverityError   = "ERROR"
	SeverityWarning = "WARNING"
)

// The codes of diagnostics that a definition can give.
const (
	codeJSON       = "INVALID_JSON_DESCRIPTION"
	codeSchema     = "SCHEMA_VALIDATION_FAILED"
	codeResource   = "INVALID_RESOURCE"
	codeEnd        = "MISSING_END_STATE"
	codeDuplicate  = "DUPLICATE_STATE_NAME"
	codeName       = "INVALID_STATE_NAME"
	codeLabel      = "DUPLICATE_LABEL_NAME"
	codeTarget     = "MISSING_TRANSITION_TARGET"
	codeDeep       = "TOO_DEEPLY_NESTED"
	codeNoDollar   = "NO_DOLLAR"
	codeNoPath     = "NO_PATH"
	codePassResult = "PASS_RESULT_IS_STATIC"
)

// InvalidDefinition is why CreateStateMachine refuses a definition.
type InvalidDefinition struct{ Diagnostics []Diagnostic }

// Error is AWS's message.
func (e *InvalidDefinition) Error() string {
	var b strings.Builder
	for i, d := range e.Diagnostics {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(d.Code + ": " + d.Message)
		if d.Location != "" && d.Code != codeJSON {
			b.WriteString(" at " + d.Location)
		}
	}
	return "Invalid State Machine Definition: '" + b.String() + "'"
}

// LabelError is a Label that CreateStateMachine refuses in words of its own.
type LabelError struct{ Definition string }

// Error is AWS's message.
func (e *LabelError) Error() string {
	return fmt.Sprintf("Error=ValueError Args=['Label cannot exceed %d characters'] in definition '%s'.", LabelMax, e.Definition)
}

// Machine is a compiled state machine; it may be shared.
type Machine struct {
	comment string
	version string
	typ     Type
	ata     bool
	timeout int64 // seconds, 0: none
	top     *scope
	states  map[string]*state
}

// scope is a StartAt with its States.
type scope struct {
	start  string
	states []*state
	byName map[string]*state
	at     string
}

// Type is the machine's type.
func (m *Machine) Type() Type { return m.typ }

// TimeoutSeconds is how long an execution may take, 0 for no limit.
func (m *Machine) TimeoutSeconds() int64 { return m.timeout }

// Comment is the definition's comment.
func (m *Machine) Comment() string { return m.comment }

// StateNames are the names of all states, in the order of the definition, inner ones behind theirs.
func (m *Machine) StateNames() []string {
	var names []string
	var walk func(s *scope)
	walk = func(s *scope) {
		for _, st := range s.states {
			names = append(names, st.name)
			for _, b := range st.branches {
				walk(b)
			}
		}
	}
	walk(m.top)
	return names
}

// Validate reads a definition and says everything that is wrong with it, and what is doubtful; the machine is nil where
// something is wrong.
func Validate(definition string, o Options) (*Machine, []Diagnostic) {
	if o.Type == "" {
		o.Type = Standard
	}
	schema := func(message string) []Diagnostic {
		return []Diagnostic{{SeverityError, codeSchema, message, ""}}
	}
	if len(definition) > DefinitionBytesMax {
		return nil, schema(fmt.Sprintf("Definition exceeds the maximum of %d bytes", DefinitionBytesMax))
	}
	if strings.TrimSpace(definition) == "" {
		return nil, schema("Definition must be a valid JSON object")
	}
	v, err := readDefinition(definition)
	var bad *syntaxError
	if errors.As(err, &bad) {
		return nil, []Diagnostic{{SeverityError, codeJSON, bad.Error(), bad.location}}
	}
	root, ok := v.(*jsonpath.Object)
	if !ok {
		return nil, schema("Definition must be a valid JSON object")
	}
	c := &checker{o: o, labels: map[string]string{}, m: &Machine{typ: o.Type, states: map[string]*state{}}}
	c.machine(root)
	return c.done()
}

// Parse reads a definition. Its errors are *InvalidDefinition and *LabelError.
func Parse(definition string, o Options) (*Machine, error) {
	m, found := Validate(definition, o)
	if m != nil {
		return m, nil
	}
	found = slices.DeleteFunc(found, func(d Diagnostic) bool { return d.Severity != SeverityError })
	if len(found) == 1 && found[0].Message == labelTooLong {
		return nil, &LabelError{definition}
	}
	return nil, &InvalidDefinition{found}
}

// checker compiles a definition and collects what is wrong.
type checker struct {
	o      Options
	m      *Machine
	found  []Diagnostic
	labels map[string]string
	depth  int
	failed bool
	links  []Diagnostic // of transitions: told only where everything else is right
}

func (c *checker) add(severity, code, at, format string, args ...any) {
	c.failed = c.failed || severity == SeverityError
	if len(c.found) < DiagnosticsMax {
		c.found = append(c.found, Diagnostic{severity, code, fmt.Sprintf(format, args...), at})
	}
}

// bad notes a mistake of the schema.
func (c *checker) bad(at, format string, args ...any) {
	c.add(SeverityError, codeSchema, at, format, args...)
}

func (c *checker) link(code, at, format string, args ...any) {
	if len(c.links) < DiagnosticsMax {
		c.links = append(c.links, Diagnostic{SeverityError, code, fmt.Sprintf(format, args...), at})
	}
}

func (c *checker) done() (*Machine, []Diagnostic) {
	if !c.failed {
		c.found = append(c.found, c.links...)
		c.failed = len(c.links) > 0
	}
	if c.failed {
		return nil, c.found
	}
	return c.m, c.found
}

func (c *checker) machine(root *jsonpath.Object) {
	f := c.fields(root, "")
	f.allow("Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage", "ProcessorConfig")
	c.m.comment, _ = f.str("Comment")
	if v, ok := f.str("Version"); ok {
		if c.m.version = v; v != "1.0" {
			c.bad("/Version", "The field 'Version' should have one of these values: [1.0]")
		}
	}
	c.m.timeout, _ = f.whole("TimeoutSeconds", 1, TimeoutMax)
	c.m.ata = f.language(false)
	c.m.top = c.scope(f, "")
}

// scope compiles StartAt and States of an object.
func (c *checker) scope(f *fields, at string) *scope {
	if c.depth++; c.depth > NestingMax {
		c.add(SeverityError, codeDeep, f.place(), "States are nested more than %d deep", NestingMax)
		c.depth--
		return nil
	}
	defer func() { c.depth-- }()
	f.require("States", "StartAt")
	s := &scope{byName: map[string]*state{}, at: at}
	s.start, _ = f.str("StartAt")
	states, ok := f.object("States")
	if !ok {
		return s
	}
	if states.Len() == 0 {
		c.bad(at+"/States", "Value cannot be empty")
	}
	for i := range states.Len() {
		name, v := states.At(i)
		where := at + "/States/" + name
		if n := utf8.RuneCountInString(name); n > StateNameMax || n == 0 {
			c.add(SeverityError, codeName, where, "State name must have between 1 and %d characters", StateNameMax)
		}
		o, ok := v.(*jsonpath.Object)
		if !ok {
			c.bad(where, "Expected value of type Object")
			continue
		}
		if c.m.states[name] != nil {
			c.add(SeverityError, codeDuplicate, where, "Duplicate State name: %s", name)
		}
		st := &state{name: name}
		c.m.states[name] = st
		s.states = append(s.states, st)
		s.byName[name] = st
		c.state(st, c.fields(o, where))
	}
	c.reach(s)
	return s
}

// reach follows the transitions of a scope.
func (c *checker) reach(s *scope) {
	if c.o.single {
		return
	}
	target := func(at, name string) {
		if s.byName[name] == nil {
			c.link(codeTarget, at, "Missing 'Next' target: %s", name)
		}
	}
	seen := map[string]bool{}
	var queue []*state
	visit := func(name string) {
		if st := s.byName[name]; st != nil && !seen[name] {
			seen[name] = true
			queue = append(queue, st)
		}
	}
	target(s.at+"/StartAt", s.start)
	visit(s.start)
	for len(queue) > 0 {
		st := queue[0]
		queue = queue[1:]
		for _, t := range st.targets {
			visit(t.name)
		}
	}
	terminal := false
	for _, st := range s.states {
		for _, t := range st.targets {
			target(t.at, t.name)
		}
		if !seen[st.name] {
			c.link(codeTarget, s.at+"/States/"+st.name, "State \"%s\" is not reachable.", st.name)
		}
		terminal = terminal || st.end || st.kind == kindSucceed || st.kind == kindFail
	}
	if !terminal && len(s.states) > 0 {
		c.link(codeEnd, s.at+"/States", "No terminal state found in machine")
	}
}
