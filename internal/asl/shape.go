package asl

import (
	"slices"
	"unicode/utf8"

	"virga/internal/jsonpath"
)

// ShapeKind is what a shape describes.
type ShapeKind uint8

// The kinds of shapes.
const (
	AnyShape ShapeKind = iota
	StructureShape
	ListShape
	MapShape
	StringShape
	NumberShape
	BooleanShape
)

// Shape is what a call answers, as far as TestState checks a mock against it.
type Shape struct {
	Kind     ShapeKind
	Members  map[string]*Shape
	Required []string
	Element  *Shape // of lists and maps
	Enum     []string
	Min, Max *float64 // of a number, or of a length
}

// check says what is wrong with a value, "" for nothing. Unknown members are not looked at.
func (s *Shape) check(name string, v any, strict bool) string {
	if s == nil || v == nil {
		return ""
	}
	field := "Field '" + name + "' "
	length := func(n int) string {
		switch {
		case s.Min != nil && float64(n) < *s.Min:
			return field + "is smaller than the minimum length"
		case s.Max != nil && float64(n) > *s.Max:
			return field + "exceeds the maximum length"
		}
		return ""
	}
	switch s.Kind {
	case StructureShape:
		o, ok := v.(*jsonpath.Object)
		if !ok {
			return field + "must be an object"
		}
		if strict {
			for _, n := range s.Required {
				if _, ok := o.Get(n); !ok {
					return "Required field '" + n + "' is missing"
				}
			}
		}
		for i := range o.Len() {
			n, e := o.At(i)
			if why := s.Members[n].check(n, e, strict); why != "" {
				return why
			}
		}
	case ListShape:
		list, ok := v.([]any)
		if !ok {
			return field + "must be an array"
		}
		for _, e := range list {
			if why := s.Element.check(name, e, strict); why != "" {
				return why
			}
		}
		return length(len(list))
	case MapShape:
		o, ok := v.(*jsonpath.Object)
		if !ok {
			return field + "must be an object"
		}
		for i := range o.Len() {
			n, e := o.At(i)
			if why := s.Element.check(n, e, strict); why != "" {
				return why
			}
		}
	case StringShape:
		t, ok := v.(string)
		if !ok {
			return field + "must be a string"
		}
		if s.Enum != nil && !slices.Contains(s.Enum, t) {
			return field + "is not an expected value"
		}
		return length(utf8.RuneCountInString(t))
	case NumberShape:
		n, ok := v.(jsonpath.Number)
		if !ok {
			return field + "must be a number"
		}
		x, _ := n.Float64()
		switch {
		case s.Min != nil && x < *s.Min:
			return field + "is less than the minimum value"
		case s.Max != nil && x > *s.Max:
			return field + "exceeds the maximum value"
		}
	case BooleanShape:
		if _, ok := v.(bool); !ok {
			return field + "must be a boolean"
		}
	}
	return ""
}
