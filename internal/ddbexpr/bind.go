package ddbexpr

import (
	"slices"
	"strconv"
	"strings"

	"virga/internal/ddbexpr/attr"
)

// Names are ExpressionAttributeNames, Values ExpressionAttributeValues.
type (
	Names  map[string]string
	Values map[string]attr.Value
)

// Bound is an expression with the names and values of one request. It is used by one goroutine at a time.
type Bound struct {
	e       *Expression
	names   []string
	values  []attr.Value
	trie    *node  // of projections and updates
	scratch []byte // what operands give that lies neither in the item nor among the values
	store   [64]byte
}

// Kind is the kind of the expression.
func (b *Bound) Kind() Kind { return b.e.kind }

// Bind gives an expression its names and values, and makes the checks that need them.
func (e *Expression) Bind(names Names, values Values) (*Bound, error) {
	b := &Bound{e: e}
	if err := b.bind(names, values); err != nil {
		return nil, invalid("Invalid " + e.kind.String() + ": " + err.Error())
	}
	return b, nil
}

func (b *Bound) bind(names Names, values Values) error {
	e := b.e
	missing := false
	if len(e.names) > 0 {
		b.names = make([]string, len(e.names))
		for i, n := range e.names {
			full, ok := names[n]
			b.names[i] = full
			missing = missing || !ok
		}
	}
	if len(e.values) > 0 {
		b.values = make([]attr.Value, len(e.values))
		for i, n := range e.values {
			v, ok := values[n]
			b.values[i] = v
			missing = missing || !ok
		}
	}
	c := binder{Bound: b, have: names, haveValues: values, missing: missing}
	switch e.kind {
	case Update:
		return c.update()
	case Projection:
		for _, p := range e.paths {
			c.path(p)
		}
		if c.err != nil {
			return c.err
		}
		if err := c.overlap(len(e.paths), func(i int) path { return e.paths[i] }); err != nil {
			return err
		}
		b.trie = b.tree(len(e.paths), func(i int) path { return e.paths[i] })
		return nil
	}
	c.condition(e.cond)
	return c.err
}

// name is the name of a step.
func (b *Bound) name(s step) string {
	if s.slot >= 0 {
		return b.names[s.slot]
	}
	return s.name
}

// pathText prints a path as AWS's messages do.
func (b *Bound) pathText(p path) string {
	out := make([]string, len(p))
	for i, s := range p {
		if out[i] = b.name(s); s.index >= 0 {
			out[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

type binder struct {
	*Bound
	have       Names
	haveValues Values
	missing    bool
	err        error
}

func (c *binder) fail(message string) {
	if c.err == nil {
		c.err = invalid(message)
	}
}

func (c *binder) path(p path) {
	if !c.missing {
		return
	}
	for _, s := range p {
		if s.slot < 0 {
			continue
		}
		if n := c.e.names[s.slot]; !has(c.have, n) {
			c.fail("An expression attribute name used in the document path is not defined; attribute name: " + n)
		}
	}
}

func has[V any](m map[string]V, k string) bool {
	_, ok := m[k]
	return ok
}

func (c *binder) value(slot int) {
	if n := c.e.values[slot]; c.missing && !has(c.haveValues, n) {
		c.fail("An expression attribute value used in expression is not defined; attribute value: " + n)
	}
}

// same tells whether two paths are one.
func (b *Bound) same(p, q path) bool {
	return slices.EqualFunc(p, q, func(s, t step) bool {
		return s.index == t.index && (s.index >= 0 || b.name(s) == b.name(t))
	})
}

// condition checks in the order in which an expression is written: first what stands inside, then the operator.
func (c *binder) condition(x *cond) {
	for _, k := range x.kids {
		c.condition(k)
	}
	for _, o := range x.args {
		c.operand(o)
	}
	if c.err != nil || len(x.args) < 2 {
		return
	}
	if x.kind == cIn && len(x.args)-1 > c.e.inMax {
		c.fail("The IN operator is provided with too many operands; number of operands: " + strconv.Itoa(len(x.args)-1))
		return
	}
	switch x.kind {
	case cLT, cLE, cGT, cGE, cBetween:
		for _, o := range x.args {
			if k := c.kindOf(o); k != attr.Invalid && k != attr.S && k != attr.N && k != attr.B {
				c.operandType(condNames[x.kind], k.String())
			}
		}
	}
	c.distinct(condNames[x.kind], x.args)
	if x.kind == cBetween && c.err == nil && x.args[1].kind == opValue && x.args[2].kind == opValue {
		low, high := c.values[x.args[1].slot], c.values[x.args[2].slot]
		bounds := "lower bound operand: AttributeValue: " + low.String() + ", upper bound operand: AttributeValue: " + high.String()
		if low.Kind() != high.Kind() {
			c.fail("The BETWEEN operator requires same data type for lower and upper bounds; " + bounds)
		} else if order, ok := attr.Compare(low, high); ok && order > 0 {
			c.fail("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; " + bounds)
		}
	}
}

func (c *binder) distinct(operator string, args []*operand) {
	if args[0].kind != opPath {
		return
	}
	for _, o := range args[1:] {
		if o.kind == opPath && c.same(args[0].path, o.path) {
			c.fail("The first operand must be distinct from the remaining operands for this operator or function; operator: " +
				operator + ", first operand: " + c.pathText(o.path))
			return
		}
	}
}

func (c *binder) operandType(operator, kind string) {
	c.fail("Incorrect operand type for operator or function; operator or function: " + operator + ", operand type: " + kind)
}

// kindOf is the kind of an operand where it is known before there is an item.
func (c *binder) kindOf(o *operand) attr.Kind {
	switch o.kind {
	case opValue:
		return c.values[o.slot].Kind()
	case opSum:
		return attr.N
	case opFunction:
		switch o.known {
		case fnSize:
			return attr.N
		case fnListAppend:
			return attr.L
		}
	}
	return attr.Invalid
}

const (
	typesAny   = "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"
	typesNamed = "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
)

func (c *binder) operand(o *operand) {
	switch o.kind {
	case opPath:
		c.path(o.path)
		return
	case opValue:
		c.value(o.slot)
		return
	}
	for _, a := range o.args {
		c.operand(a)
	}
	if c.err != nil {
		return
	}
	if o.kind == opFunction && len(o.args) != o.known.arity() {
		c.fail("Incorrect number of operands for operator or function; operator or function: " + o.fn + ", number of operands: " + strconv.Itoa(len(o.args)))
		return
	}
	switch o.known {
	case fnExists, fnNotExists, fnIfNotExists:
		if o.args[0].kind != opPath {
			c.fail("Operator or function requires a document path; operator or function: " + o.fn)
		}
		if o.known == fnIfNotExists {
			c.distinct(o.fn, o.args)
		}
		return
	case fnSize:
		switch k := c.kindOf(o.args[0]); k {
		case attr.N, attr.Bool, attr.Null:
			c.operandType(o.fn, k.String())
		}
		return
	}
	if o.known == fnBeginsWith || o.known == fnContains || o.known == fnType {
		c.distinct(o.fn, o.args)
	}
	switch {
	case o.known == fnType:
		v := o.args[1]
		k := c.kindOf(v)
		switch {
		case k == attr.Invalid:
			c.operandType(o.fn, typesAny)
		case k != attr.S:
			c.operandType(o.fn, k.String())
		case attr.KindOf(string(c.values[v.slot].Bytes())) == attr.Invalid:
			c.fail("Invalid attribute type name found; type: " + string(c.values[v.slot].Bytes()) + ", valid types: " + typesNamed)
		}
		return
	}
	for _, a := range o.args {
		k, want := c.kindOf(a), true
		switch {
		case k == attr.Invalid:
		case o.known == fnBeginsWith:
			want = k == attr.S || k == attr.B
		case o.known == fnListAppend:
			want = k == attr.L
		case o.kind == opSum:
			want = k == attr.N
		}
		if !want {
			c.operandType(o.fn, k.String())
		}
	}
}

var longNames = [...]string{attr.S: "STRING", attr.N: "NUMBER", attr.B: "BINARY", attr.M: "MAP", attr.L: "LIST", attr.Null: "NULL", attr.Bool: "BOOLEAN"}

// update checks all names, then all values, then how the targets lie to one another, then the kinds.
func (c *binder) update() error {
	if c.missing {
		for _, a := range c.e.actions {
			c.path(a.target)
			eachPath(a.value, c.path)
		}
		for _, a := range c.e.actions {
			eachValue(a.value, c.value)
		}
	}
	if c.err != nil {
		return c.err
	}
	target := func(i int) path { return c.e.actions[i].target }
	if err := c.overlap(len(c.e.actions), target); err != nil {
		return err
	}
	for _, a := range c.e.actions {
		if a.section == sAdd || a.section == sDelete {
			k := c.kindOf(a.value)
			if !k.IsSet() && (k != attr.N || a.section == sDelete) {
				op := sectionNames[a.section]
				c.fail("Incorrect operand type for operator or function; operator: " + op + ", operand type: " + longNames[k] + ", typeSet: ALLOWED_FOR_" + op + "_OPERAND")
			}
		} else if a.value != nil {
			c.operand(a.value)
		}
	}
	if c.err != nil {
		return c.err
	}
	c.trie = c.tree(len(c.e.actions), target)
	return nil
}

func eachPath(o *operand, do func(path)) {
	if o == nil {
		return
	}
	if o.kind == opPath {
		do(o.path)
	}
	for _, a := range o.args {
		eachPath(a, do)
	}
}

func eachValue(o *operand, do func(int)) {
	if o == nil {
		return
	}
	if o.kind == opValue {
		do(o.slot)
	}
	for _, a := range o.args {
		eachValue(a, do)
	}
}
