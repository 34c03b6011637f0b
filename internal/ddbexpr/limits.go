package ddbexpr

import "virga/internal/ddbexpr/attr"

// Limits bound what an expression may be. The zero value means AWS's own.
type Limits struct {
	ExpressionBytes   int // of one expression's text: 4096
	Operators         int // operators and functions in one expression: 300
	PathElements      int // of one document path: 32
	InOperands        int // of IN: 100
	SubstitutionBytes int // of all names and values together: 2 MB
	Depth             int // of parentheses, NOT and functions within one another, as read: 1000 (AWS: by its operators alone)
}

// Default are AWS's limits.
func Default() Limits {
	return Limits{ExpressionBytes: 4096, Operators: 300, PathElements: 32, InOperands: 100, SubstitutionBytes: 2 << 20, Depth: 1000}
}

func (l Limits) orDefault() Limits {
	d := Default()
	for _, f := range []struct{ have, standard *int }{
		{&l.ExpressionBytes, &d.ExpressionBytes}, {&l.Operators, &d.Operators}, {&l.PathElements, &d.PathElements},
		{&l.InOperands, &d.InOperands}, {&l.SubstitutionBytes, &d.SubstitutionBytes}, {&l.Depth, &d.Depth},
	} {
		if *f.have == 0 {
			*f.have = *f.standard
		}
	}
	return l
}

// Error is a refusal with AWS's code and wording.
type Error = attr.Error

func invalid(message string) *Error {
	return &Error{Code: attr.ValidationException, Message: message}
}
