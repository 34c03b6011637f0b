package jsonata

type nodeKind uint8

const (
	nkName nodeKind = iota
	nkString
	nkNumber
	nkValue
	nkVariable
	nkRegex
	nkWildcard
	nkDescendant
	nkParent
	nkOperator // an operator's word as an operand: and, or, in as names, ? in a partial application
	nkEnd
	nkBinary // as written; of these . [ { ^ := @ # ~> are gone once analysed
	nkUnary  // - [ {
	nkFunction
	nkPartial
	nkLambda
	nkCondition
	nkBlock
	nkTransform
	nkPath
	nkSort
	nkBind
	nkApply
	nkNothing
)

// node is one part of an expression, as written and, once analysed, as evaluated.
type node struct {
	kind nodeKind
	op   string // operator; name of a name, variable, focus
	val  Value  // literal
	pos  int
	bin  binaryOp

	lhs, rhs *node   // operands; procedure of a call in lhs; condition, pattern in lhs; update and then in rhs
	third    *node   // else, delete
	list     []*node // arguments, parameters, steps, expressions of a block or array
	pairs    []pair
	terms    []sortTerm
	regex    *regex
	sig      *signature
	builtin  *function // of a variable that nothing in the program binds

	predicates []stage
	stages     []stage
	group      *grouping

	keepArray, keepSingleton bool
	cons                     bool
	tuple                    bool
	tail                     bool // a call whose result is the result of the function around it
	binds                    bool // a block that needs a frame of its own
	literalKeys              bool // an object constructor whose keys are distinct strings
	captures                 bool // a lambda whose frame may outlive the call
	repeats                  bool // a lambda with two parameters of one name
	plain                    bool // a path of names alone

	focus, index string
	ancestor     *slot
	slot         *slot   // of a parent
	seeking      []*slot // parents below whose step is still to be found
}

type pair struct{ key, val *node }

type sortTerm struct {
	expr       *node
	descending bool
}

type grouping struct {
	pairs       []pair
	pos         int
	literalKeys bool
}

// stage is a predicate, or the binding of a position where expr is nil.
type stage struct {
	expr *node
	name string
	pos  int
}

// slot ties a parent operator to the step whose input it means.
type slot struct {
	label string
	level int
}

// copyNode copies what was parsed, for operators that evaluate an operand twice.
func copyNode(n *node) *node {
	if n == nil {
		return nil
	}
	c := *n
	c.lhs, c.rhs, c.third = copyNode(n.lhs), copyNode(n.rhs), copyNode(n.third)
	c.list = nil
	for _, x := range n.list {
		c.list = append(c.list, copyNode(x))
	}
	c.pairs, c.terms = nil, nil
	for _, p := range n.pairs {
		c.pairs = append(c.pairs, pair{copyNode(p.key), copyNode(p.val)})
	}
	for _, t := range n.terms {
		c.terms = append(c.terms, sortTerm{copyNode(t.expr), t.descending})
	}
	return &c
}

type binaryOp uint8

const (
	opNone binaryOp = iota
	opAdd
	opSub
	opMul
	opDiv
	opMod
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opConcat
	opAnd
	opOr
	opIn
	opRange
)

var binaryOps = map[string]binaryOp{"+": opAdd, "-": opSub, "*": opMul, "/": opDiv, "%": opMod, "=": opEq, "!=": opNe, "<": opLt, "<=": opLe,
	">": opGt, ">=": opGe, "&": opConcat, "and": opAnd, "or": opOr, "in": opIn, "..": opRange}
