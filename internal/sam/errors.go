package sam

import (
	"fmt"
	"runtime"
	"sort"
	"strings"
)

// Error is what the transform refuses a template with: a heading and its findings, as CloudFormation shows them.
type Error struct {
	Causes []Cause // sorted by logical id, then as found
}

// Cause is one finding.
type Cause struct {
	LogicalID string // empty where the finding is about the whole template
	Message   string
}

// Error is the message of the transform on AWS: "Invalid Serverless Application Specification document. Number of
// errors found: 1. Resource with id [F] is invalid. …".
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Invalid Serverless Application Specification document. Number of errors found: %d.", len(e.Causes))
	for _, c := range e.Causes {
		b.WriteByte(' ')
		b.WriteString(c.Message)
	}
	return b.String()
}

// InternalError is a template of a form for which the transform on AWS fails without naming a resource: there its own
// code stumbles over a value of a wrong type.
type InternalError struct{ Message string }

func (e *InternalError) Error() string {
	return "Transform AWS::Serverless-2016-10-31 failed: " + e.Message
}

// LimitError is a template over one of the Limits.
type LimitError struct {
	Limit string // the name of the field of Limits
	Max   int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("template exceeds the limit %s of %d", e.Limit, e.Max)
}

type kind int

const (
	resourceFailure kind = iota
	eventFailure
	templateFailure
	globalsFailure
	duplicateFailure
	documentFailure // several findings; it ends the transform
	pythonFailure   // the reference would raise TypeError or AttributeError
)

// failure is a finding on its way to where it is collected.
type failure struct {
	kind   kind
	id     string
	detail string
	causes []*failure
}

func (f *failure) message() string {
	switch f.kind {
	case resourceFailure:
		return "Resource with id [" + f.id + "] is invalid. " + f.detail
	case eventFailure:
		return "Event with id [" + f.id + "] is invalid. " + f.detail
	case templateFailure:
		return "Structure of the SAM template is invalid. " + f.detail
	case globalsFailure:
		return "'" + f.id + "' section is invalid. " + f.detail
	}
	return f.detail
}

// failResource ends the work on a resource.
func failResource(id, format string, args ...any) {
	panic(&failure{kind: resourceFailure, id: id, detail: sprintf(format, args)})
}

// failEvent ends the work on an event.
func failEvent(id, format string, args ...any) {
	panic(&failure{kind: eventFailure, id: id, detail: sprintf(format, args)})
}

// failTemplate is a finding about the template that ends the work on one resource.
func failTemplate(format string, args ...any) {
	panic(&failure{kind: templateFailure, detail: sprintf(format, args)})
}

// failDocument is a finding about the template that ends the transform.
func failDocument(format string, args ...any) {
	panic(&failure{kind: documentFailure, causes: []*failure{{kind: templateFailure, detail: sprintf(format, args)}}})
}

// failPy stands for an exception the reference does not expect.
func failPy(format string, args ...any) {
	panic(&failure{kind: pythonFailure, detail: sprintf(format, args)})
}

func sprintf(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// catch runs f and gives the failure that ended it.
func catch(f func()) (failed *failure) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *failure:
			failed = e
		case *runtime.TypeAssertionError:
			failed = &failure{kind: pythonFailure, detail: "TypeError: " + e.Error()}
		default:
			panic(e)
		}
	}()
	f()
	return nil
}

// only passes a failure on unless it is of a given kind, in which case it is given back.
func (f *failure) only(kinds ...kind) *failure {
	if f == nil {
		return nil
	}
	for _, k := range kinds {
		if f.kind == k {
			return f
		}
	}
	panic(f)
}

// document makes the findings one error, without repetitions and sorted as AWS sorts them.
func document(found []*failure) error {
	var flat []*failure
	seen := map[string]int{}
	var add func(f *failure)
	add = func(f *failure) {
		if f.kind == documentFailure {
			for _, c := range f.causes {
				add(c)
			}
			return
		}
		if i, ok := seen[f.message()]; ok {
			flat[i] = f
			return
		}
		seen[f.message()] = len(flat)
		flat = append(flat, f)
	}
	for _, f := range found {
		if f.kind == pythonFailure {
			return &InternalError{f.detail}
		}
		add(f)
	}
	e := &Error{}
	sort.SliceStable(flat, func(i, j int) bool { return flat[i].sortKey() < flat[j].sortKey() })
	for _, f := range flat {
		c := Cause{Message: f.message()}
		if f.kind == resourceFailure || f.kind == duplicateFailure {
			c.LogicalID = f.id
		}
		e.Causes = append(e.Causes, c)
	}
	return e
}

func (f *failure) sortKey() string {
	switch f.kind {
	case resourceFailure, duplicateFailure, globalsFailure:
		return f.id
	}
	return f.message()
}

// owner is what a checked value belongs to, for the words of the finding.
type owner struct {
	id        string
	event     bool
	attribute bool
}

func (o owner) fail(path, description, message string) {
	if message == "" {
		what := "Property"
		if o.attribute && !o.event {
			what = "Attribute"
		}
		message = fmt.Sprintf("%s '%s' should be a %s.", what, path, description)
	}
	if o.event {
		failEvent(o.id, "%s", message)
	}
	failResource(o.id, "%s", message)
}

func (o owner) mustMap(v any, path string, message ...string) *Map {
	if m, ok := v.(*Map); ok {
		return m
	}
	o.fail(path, "map", strings.Join(message, ""))
	return nil
}

func (o owner) mustList(v any, path string) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	o.fail(path, "list", "")
	return nil
}

func (o owner) mustStrings(v any, path string) []any {
	l := o.mustList(v, path)
	for i, x := range l {
		o.mustString(x, fmt.Sprintf("%s[%d]", path, i))
	}
	return l
}

func (o owner) mustString(v any, path string) string {
	s, ok := str(v)
	if !ok {
		o.fail(path, "string", "")
	}
	return s
}

func (o owner) mustBool(v any, path string) {
	if !isBool(v) {
		o.fail(path, "boolean", "")
	}
}

func (o owner) mustBe(v any, path string, message ...string) any {
	if v == nil {
		m := strings.Join(message, "")
		if m == "" {
			m = fmt.Sprintf("Property '%s' is required.", path)
		}
		if o.event {
			failEvent(o.id, "%s", m)
		}
		failResource(o.id, "%s", m)
	}
	return v
}

// obj is a value of which the reference would ask for a member without looking at its type first.
func obj(v any) *Map {
	m, ok := v.(*Map)
	if !ok {
		failPy("'%s' object has no attribute 'get'", pyType(v))
	}
	return m
}

// objOr is obj with an empty map for an absent member.
func objOr(m *Map, key string) *Map {
	v, ok := m.Get(key)
	if !ok {
		return NewMap()
	}
	return obj(v)
}
