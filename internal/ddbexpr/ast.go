package ddbexpr

import "strings"

// step is one element of a document path: a name, a placeholder of one, or an index.
type step struct {
	name  string
	slot  int // of the placeholder among the expression's names, -1 for none
	index int // of a list's element, -1 for a name
}

type path []step

type operandKind uint8

const (
	opPath operandKind = iota
	opValue
	opFunction
	opSum
)

type operand struct {
	kind   operandKind
	parens bool
	path   path
	slot   int    // opValue: of the placeholder among the expression's values
	fn     string // opFunction: its name; opSum: + or -
	known  fnKind
	args   []*operand
}

type condKind uint8

const (
	cEQ condKind = iota
	cNE
	cLT
	cLE
	cGT
	cGE
	cIn
	cBetween
	cFunction
	cAnd
	cOr
	cNot
)

var condNames = [...]string{"=", "<>", "<", "<=", ">", ">=", "IN", "BETWEEN", "", "AND", "OR", "NOT"}

type cond struct {
	kind   condKind
	parens bool
	args   []*operand // of comparisons; the one function of cFunction
	kids   []*cond    // of AND, OR and NOT
}

type fnKind uint8

const (
	fnUnknown fnKind = iota
	fnExists
	fnNotExists
	fnType
	fnBeginsWith
	fnContains
	fnSize
	fnIfNotExists
	fnListAppend
)

func function(name string) fnKind {
	switch name {
	case "attribute_exists":
		return fnExists
	case "attribute_not_exists":
		return fnNotExists
	case "attribute_type":
		return fnType
	case "begins_with":
		return fnBeginsWith
	case "contains":
		return fnContains
	case "size":
		return fnSize
	case "if_not_exists":
		return fnIfNotExists
	case "list_append":
		return fnListAppend
	}
	return fnUnknown
}

// arity is how many operands a function takes.
func (f fnKind) arity() int {
	switch f {
	case fnExists, fnNotExists, fnSize:
		return 1
	}
	return 2
}

type section uint8

const (
	sSet section = iota
	sAdd
	sDelete
	sRemove
)

var sectionNames = [...]string{"SET", "ADD", "DELETE", "REMOVE"}

type action struct {
	section section
	target  path
	value   *operand // nil for REMOVE
}

// Kind is the kind of an expression.
type Kind uint8

// The kinds of expressions.
const (
	Condition Kind = iota
	Filter
	KeyCondition
	Projection
	Update
)

var kindNames = [...]string{"ConditionExpression", "FilterExpression", "KeyConditionExpression", "ProjectionExpression", "UpdateExpression"}

// String is the name of the request's parameter.
func (k Kind) String() string { return kindNames[k] }

// Expression is a parsed expression. It knows neither the names nor the values behind its placeholders, so the same
// text need be parsed once only; it does not change and may be used by many at once.
type Expression struct {
	kind     Kind
	cond     *cond
	actions  []action
	paths    []path
	names    []string // placeholders, each once
	values   []string
	sections []section // in the order written
	inMax    int       // operands of IN
}

// Kind is the kind of the expression.
func (e *Expression) Kind() Kind { return e.kind }

func (e *Expression) nameSlot(n string) int {
	for i, have := range e.names {
		if have == n {
			return i
		}
	}
	e.names = append(e.names, strings.Clone(n))
	return len(e.names) - 1
}

func (e *Expression) valueSlot(n string) int {
	for i, have := range e.values {
		if have == n {
			return i
		}
	}
	e.values = append(e.values, strings.Clone(n))
	return len(e.values) - 1
}
