// Package members copies members of the same name between structs whose types differ in what is optional: an
// operation's input, a service's record and its answer. It decides nothing about what a member means.
package members

import (
	"reflect"
	"time"
)

var timeType = reflect.TypeFor[time.Time]()

// Copy sets every exported field of the struct dst points at from the field of the same name of src, a struct or a
// pointer to one. What src does not say (a nil pointer, list or map, an empty string or time) leaves dst as it is.
// It panics on types that cannot hold one another: the program is wrong.
func Copy(dst, src any) {
	s := reflect.ValueOf(src)
	for s.Kind() == reflect.Pointer {
		if s.IsNil() {
			return
		}
		s = s.Elem()
	}
	structs(reflect.ValueOf(dst).Elem(), s)
}

// New makes a T from src.
func New[T any](src any) *T {
	t := new(T)
	Copy(t, src)
	return t
}

func structs(d, s reflect.Value) {
	for i := range d.NumField() {
		f := d.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		v := s.FieldByName(f.Name)
		if v.IsValid() {
			value(d.Field(i), v)
		}
	}
}

func value(d, s reflect.Value) {
	switch s.Kind() {
	case reflect.Pointer:
		if s.IsNil() {
			return
		}
		s = s.Elem()
	case reflect.Slice, reflect.Map:
		if s.IsNil() {
			return
		}
	case reflect.String:
		if s.Len() == 0 {
			return
		}
	case reflect.Struct:
		if s.Type() == timeType && s.IsZero() {
			return
		}
	}
	if d.Kind() == reflect.Pointer {
		n := reflect.New(d.Type().Elem())
		if !d.IsNil() && d.Type().Elem().Kind() == reflect.Struct {
			n.Elem().Set(d.Elem())
		}
		value(n.Elem(), s)
		d.Set(n)
		return
	}
	switch d.Kind() {
	case reflect.Struct:
		if d.Type() == s.Type() {
			d.Set(s)
			return
		}
		structs(d, s)
	case reflect.Slice:
		if d.Type() == s.Type() {
			d.Set(s)
			return
		}
		n := reflect.MakeSlice(d.Type(), s.Len(), s.Len())
		for i := range s.Len() {
			value(n.Index(i), s.Index(i))
		}
		d.Set(n)
	case reflect.Map:
		if d.Type() == s.Type() {
			d.Set(s)
			return
		}
		n := reflect.MakeMapWithSize(d.Type(), s.Len())
		for it := s.MapRange(); it.Next(); {
			e := reflect.New(d.Type().Elem()).Elem()
			value(e, it.Value())
			n.SetMapIndex(it.Key(), e)
		}
		d.Set(n)
	default:
		d.Set(s.Convert(d.Type()))
	}
}
