package jsonpath

import "fmt"

// Reference is a reference path: one that leads to a single place, so that it can also be written (ResultPath).
type Reference struct{ path *Path }

// ParseReference compiles a reference path: $ with names and indices only.
func ParseReference(text string) (*Reference, error) {
	p, err := ParsePath(text)
	if err != nil {
		return nil, err
	}
	if !p.definite {
		return nil, fmt.Errorf("reference path %q may lead to several values", text)
	}
	for _, s := range p.steps {
		if s.kind == indices && s.indices[0] < 0 {
			return nil, fmt.Errorf("reference path %q counts from the end", text)
		}
	}
	return &Reference{p}, nil
}

// Path is the same path for reading.
func (r *Reference) Path() *Path { return r.path }

// Set gives input with value in the place of the path; what is missing on the way is made. An array has only the
// places that it has.
func (r *Reference) Set(input, value any) (any, error) { return r.set(input, value, 0) }

func (r *Reference) set(at, value any, i int) (any, error) {
	if i == len(r.path.steps) {
		return value, nil
	}
	s := &r.path.steps[i]
	if s.kind == names {
		o, ok := at.(*Object)
		if !ok {
			if at != nil {
				return nil, fmt.Errorf("reference path %q leads into a value that is no object", r.path.text)
			}
			o = &Object{}
		}
		old, _ := o.Get(s.names[0])
		v, err := r.set(old, value, i+1)
		if err != nil {
			return nil, err
		}
		o = o.clone()
		o.Set(s.names[0], v)
		return o, nil
	}
	list, ok := at.([]any)
	if !ok || s.indices[0] >= len(list) {
		return nil, fmt.Errorf("reference path %q leads to no element", r.path.text)
	}
	v, err := r.set(list[s.indices[0]], value, i+1)
	if err != nil {
		return nil, err
	}
	list = append([]any{}, list...)
	list[s.indices[0]] = v
	return list, nil
}
