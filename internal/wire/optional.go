package wire

import "fmt"

// P gives a pointer to v, for optional members.
func P[T any](v T) *T { return &v }

// V gives what p points to, the zero value for nil.
func V[T any](p *T) T {
	if p == nil {
		var z T
		return z
	}
	return *p
}

// Or gives what p points to, d for nil.
func Or[T any](p *T, d T) T {
	if p == nil {
		return d
	}
	return *p
}

// Errorf makes an error with a code of its own.
func Errorf(code string, status int, format string, a ...any) *Error {
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, a...), Server: status >= 500}
}

// Header adds a header to an error's answer in the REST protocols.
func (e *Error) Header(name, value string) *Error {
	e.Headers = append(e.Headers, [2]string{name, value})
	return e
}

// With adds an element to an error's answer.
func (e *Error) With(name, value string) *Error {
	e.Extra = append(e.Extra, [2]string{name, value})
	return e
}
