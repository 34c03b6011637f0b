package partiql

import (
	"virga/internal/ddbexpr"
	"virga/internal/ddbexpr/attr"
)

// Verb is what a statement does.
type Verb uint8

// The verbs.
const (
	Select Verb = iota
	Insert
	Update
	Delete
	Exists // a condition of a transaction: EXISTS(SELECT …)
)

// Returning is the RETURNING clause.
type Returning string

// What a statement gives back.
const (
	Nothing     Returning = "NONE"
	AllOld      Returning = "ALL_OLD"
	AllNew      Returning = "ALL_NEW"
	ModifiedOld Returning = "UPDATED_OLD"
	ModifiedNew Returning = "UPDATED_NEW"
)

// Column is one path of a SELECT's list.
type Column struct {
	Name string // under which its value is given
	Path []ddbexpr.Element
}

// Order is one attribute of ORDER BY.
type Order struct {
	Name       string
	Descending bool
}

// Statement is a parsed statement. It does not change and may be used by many at once.
type Statement struct {
	Verb       Verb
	Table      string
	Index      string   // "" for the table itself
	Columns    []Column // nil for *
	OrderBy    []Order
	Returning  Returning
	Parameters int // how many ? it has

	where  *cond
	item   *value
	set    []assignment
	remove [][]ddbexpr.Element
	lim    Limits
}

type assignment struct {
	target []ddbexpr.Element
	give   *operand
}

type operandKind uint8

const (
	isPath operandKind = iota
	isValue
	isCall
	isSum
)

type operand struct {
	kind operandKind
	path []ddbexpr.Element
	val  *value
	name string // of a call in lower case; the sign of a sum
	args []*operand
}

type cond struct {
	op   string // = <> < <= > >= BETWEEN IN AND OR NOT, or "" for a call
	args []*operand
	kids []*cond
}

// value is a literal: a whole value, a parameter, or a collection that holds one of those.
type value struct {
	whole attr.Value
	param int // 1 for the first ?, 0 for none
	kind  attr.Kind
	names []string
	elems []*value
}

// Limits bound what a statement may be. The zero value means AWS's own.
type Limits struct {
	StatementBytes int // 8192
	Depth          int // of parentheses and collections within one another: 64
	Expressions    ddbexpr.Limits
}

func (l Limits) orDefault() Limits {
	if l.StatementBytes == 0 {
		l.StatementBytes = 8192
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Expressions == (ddbexpr.Limits{}) { // a statement's own bytes bound what is made of it
		l.Expressions = ddbexpr.Default()
		l.Expressions.ExpressionBytes = 8 * l.StatementBytes
	}
	return l
}

func invalid(message string) *ddbexpr.Error {
	return &ddbexpr.Error{Code: attr.ValidationException, Message: message}
}
