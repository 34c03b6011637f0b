package ddbexpr

import (
	"bytes"
	"slices"

	"virga/internal/ddbexpr/attr"
)

// Operator is a comparison as the legacy parameters name it.
type Operator string

// The operators.
const (
	EQ          Operator = "EQ"
	NE          Operator = "NE"
	LT          Operator = "LT"
	LE          Operator = "LE"
	GT          Operator = "GT"
	GE          Operator = "GE"
	In          Operator = "IN"
	Between     Operator = "BETWEEN"
	BeginsWith  Operator = "BEGINS_WITH"
	Contains    Operator = "CONTAINS"
	NotContains Operator = "NOT_CONTAINS"
	Null        Operator = "NULL"
	NotNull     Operator = "NOT_NULL"
)

// KeyCond is a condition on one key attribute.
type KeyCond struct {
	Name   string
	Op     Operator
	Values []attr.Value
}

const badKeyOperator = "Invalid operator used in KeyConditionExpression: "

// KeyConds are the conditions of a key condition expression, or why it is none.
func (b *Bound) KeyConds() ([]KeyCond, error) {
	var out []KeyCond
	err := b.keyConds(b.e.cond, &out)
	return out, err
}

func (b *Bound) keyConds(x *cond, out *[]KeyCond) error {
	name := ""
	switch x.kind {
	case cAnd:
		for _, k := range x.kids {
			if err := b.keyConds(k, out); err != nil {
				return err
			}
		}
		return nil
	case cOr, cNot, cIn, cNE:
		return invalid(badKeyOperator + condNames[x.kind])
	case cFunction:
		if x.args[0].known != fnBeginsWith {
			return invalid(badKeyOperator + x.args[0].fn)
		}
		name = x.args[0].fn
	case cBetween:
		name = condNames[x.kind]
	}
	args := x.args
	if x.kind == cFunction {
		args = args[0].args
	}
	if name != "" && args[0].kind == opValue {
		return invalid("Invalid condition in KeyConditionExpression: " + name + " operator must have the key attribute as its first operand")
	}
	at := -1
	k := KeyCond{Values: make([]attr.Value, 0, 2)}
	for i, o := range args {
		switch o.kind {
		case opFunction:
			return invalid("KeyConditionExpressions cannot contain nested operations")
		case opValue:
			k.Values = append(k.Values, b.values[o.slot])
		case opPath:
			switch {
			case at >= 0:
				return invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
			case len(o.path) > 1:
				return invalid("KeyConditionExpressions cannot have conditions on nested attributes")
			}
			at, k.Name = i, b.name(o.path[0])
		}
	}
	if at < 0 {
		return invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
	}
	if slices.ContainsFunc(*out, func(c KeyCond) bool { return c.Name == k.Name }) {
		return invalid("KeyConditionExpressions must only contain one condition per key")
	}
	switch x.kind {
	case cFunction:
		k.Op = BeginsWith
	case cBetween:
		k.Op = Between
	default:
		ops := [...]Operator{cEQ: EQ, cLT: LT, cLE: LE, cGT: GT, cGE: GE}
		if at == 1 { // :v < key
			ops = [...]Operator{cEQ: EQ, cLT: GT, cLE: GE, cGT: LT, cGE: LE}
		}
		k.Op = ops[x.kind]
	}
	*out = append(*out, k)
	return nil
}

// KeyRange is what a query reads: one hash key, and those of its range keys that lie within.
type KeyRange struct {
	Hash  attr.Value
	Range *KeyCond // nil for all
}

// Plan matches conditions with the key of a table or index.
func Plan(conds []KeyCond, s attr.Schema) (KeyRange, error) {
	var out KeyRange
	if len(conds) < 1 || len(conds) > 2 {
		return out, invalid("Conditions can be of length 1 or 2 only")
	}
	hash := slices.IndexFunc(conds, func(c KeyCond) bool { return c.Name == s.Hash.Name })
	if hash < 0 {
		return out, invalid("Query condition missed key schema element: " + s.Hash.Name)
	}
	if len(conds) == 2 {
		other := &conds[1-hash]
		if s.Range.Name == "" || other.Name != s.Range.Name {
			if s.Range.Name == "" {
				return out, invalid("Query key condition not supported")
			}
			return out, invalid("Query condition missed key schema element: " + s.Range.Name)
		}
		out.Range = other
	}
	if conds[hash].Op != EQ {
		return out, invalid("Query key condition not supported")
	}
	if r := out.Range; r != nil {
		switch r.Op {
		case EQ, LT, LE, GT, GE, Between, BeginsWith:
		default:
			return out, invalid("Query key condition not supported")
		}
		if r.Op == BeginsWith && s.Range.Kind == attr.N {
			return out, invalid("Query key condition not supported")
		}
	}
	for _, c := range conds {
		k := s.Hash
		if c.Name != k.Name {
			k = s.Range
		}
		for _, v := range c.Values {
			if v.Kind() != k.Kind {
				return out, invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
			}
			if len(v.Bytes()) == 0 {
				kind := "string"
				if k.Kind == attr.B {
					kind = "binary"
				}
				return out, invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty " + kind + " value. Key: " + k.Name)
			}
		}
	}
	out.Hash = conds[hash].Values[0]
	return out, nil
}

// Bounds are the encoded range keys (attr.AppendKey) between which a range lies: from low, up to but without high; nil
// is no bound.
func (r KeyRange) Bounds() (low, high []byte) {
	if r.Range == nil {
		return nil, nil
	}
	first := attr.AppendKey(nil, r.Range.Values[0])
	after := func(b []byte) []byte { return append(bytes.Clone(b), 0) }
	switch r.Range.Op {
	case EQ:
		return first, after(first)
	case LT:
		return nil, first
	case LE:
		return nil, after(first)
	case GT:
		return after(first), nil
	case GE:
		return first, nil
	case Between:
		return first, after(attr.AppendKey(nil, r.Range.Values[1]))
	}
	high = bytes.Clone(first)
	for len(high) > 0 && high[len(high)-1] == 0xff {
		high = high[:len(high)-1]
	}
	if len(high) == 0 {
		return first, nil
	}
	high[len(high)-1]++
	return first, high
}

// Contains tells whether a range key lies in the range.
func (r KeyRange) Contains(v attr.Value) bool {
	if r.Range == nil {
		return true
	}
	k := attr.AppendKey(nil, v)
	low, high := r.Bounds()
	return bytes.Compare(k, low) >= 0 && (high == nil || bytes.Compare(k, high) < 0)
}

// CheckFilter refuses a filter on the key's attributes.
func (b *Bound) CheckFilter(s attr.Schema) error {
	var err error
	look := func(p path) {
		if n := b.name(p[0]); err == nil && (n == s.Hash.Name || n == s.Range.Name && n != "") {
			err = invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: " + n)
		}
	}
	eachCondPath(b.e.cond, look)
	return err
}

func eachCondPath(x *cond, do func(path)) {
	if x == nil {
		return
	}
	for _, k := range x.kids {
		eachCondPath(k, do)
	}
	for _, o := range x.args {
		eachPath(o, do)
	}
}

// Paths gives the first names of the paths in the expression, for rights on attributes and for projections of indexes.
func (b *Bound) Paths(do func(name string, nested bool)) {
	each := func(p path) { do(b.name(p[0]), len(p) > 1) }
	eachCondPath(b.e.cond, each)
	for _, p := range b.e.paths {
		each(p)
	}
	for _, a := range b.e.actions {
		each(a.target)
		eachPath(a.value, each)
	}
}

// CheckKeys refuses paths into the attributes of a key, and updates of them.
func (b *Bound) CheckKeys(s attr.Schema) error {
	for _, a := range b.e.actions {
		n := b.name(a.target[0])
		if n != s.Hash.Name && (n != s.Range.Name || n == "") {
			continue
		}
		return invalid("One or more parameter values were invalid: Cannot update attribute " + n + ". This attribute is part of the key")
	}
	return nil
}
