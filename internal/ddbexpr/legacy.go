package ddbexpr

import (
	"slices"

	"virga/internal/ddbexpr/attr"
)

const badParameter = "One or more parameter values were invalid: "

// LegacyCondition is an entry of Expected, QueryFilter, ScanFilter or KeyConditions.
type LegacyCondition struct {
	Name   string
	Op     Operator // "" where none was given
	Values []attr.Value
	Value  attr.Value // of Expected alone
	Exists *bool      // of Expected alone
}

// counts tells whether an operator takes that many values.
func (o Operator) takes(n int) bool {
	switch o {
	case Null, NotNull:
		return n == 0
	case Between:
		return n == 2
	case In:
		return n > 0
	}
	return n == 1
}

// takesKind tells whether an operator compares values of a kind.
func (o Operator) takesKind(k attr.Kind) bool {
	switch o {
	case EQ, NE:
		return true
	case BeginsWith:
		return k == attr.S || k == attr.B
	}
	return k == attr.S || k == attr.N || k == attr.B
}

// checkValues makes the checks that all legacy conditions share.
func checkValues(op Operator, values []attr.Value) error {
	if !op.takes(len(values)) {
		return invalid(badParameter + "Invalid number of argument(s) for the " + string(op) + " ComparisonOperator")
	}
	for _, v := range values[min(1, len(values)):] {
		if v.Kind() != values[0].Kind() {
			return invalid(badParameter + "AttributeValues inside AttributeValueList must be of same type")
		}
	}
	for _, v := range values {
		if !op.takesKind(v.Kind()) {
			return invalid(badParameter + "ComparisonOperator " + string(op) + " is not valid for " + v.Kind().String() + " AttributeValue type")
		}
	}
	if op == Between {
		if order, ok := attr.Compare(values[0], values[1]); ok && order > 0 {
			return invalid("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
		}
	}
	return nil
}

func checkOperator(conditional string, n int) error {
	switch {
	case conditional == "":
		return nil
	case n == 0:
		return invalid(badParameter + "ConditionalOperator cannot be used without Filter or Expected")
	case n == 1:
		return invalid(badParameter + "ConditionalOperator can only be used when Filter or Expected has two or more elements")
	}
	return nil
}

// Expected makes a condition of the parameter Expected; conditional is ConditionalOperator ("" for none). It is nil for
// no entries.
func Expected(entries []LegacyCondition, conditional string) (*Bound, error) {
	for i := range entries {
		if err := entries[i].expected(); err != nil {
			return nil, err
		}
	}
	if err := checkOperator(conditional, len(entries)); err != nil {
		return nil, err
	}
	return legacy(Condition, entries, conditional), nil
}

func (c *LegacyCondition) expected() error {
	of := " for Attribute: " + c.Name
	for _, v := range append(slices.Clone(c.Values), c.Value) {
		if v != nil && v.Err() != nil {
			return v.Err()
		}
	}
	switch {
	case c.Values != nil && c.Value != nil:
		return invalid(badParameter + "Value and AttributeValueList cannot be used together" + of)
	case c.Op != "":
		if c.Exists != nil {
			return invalid(badParameter + "Exists and ComparisonOperator cannot be used together" + of)
		}
		if c.Op != Null && c.Op != NotNull && c.Values == nil && c.Value == nil {
			return invalid(badParameter + "Value or AttributeValueList must be used with ComparisonOperator: " + string(c.Op) + of)
		}
		if c.Value != nil {
			c.Values = []attr.Value{c.Value}
		}
		return checkValues(c.Op, c.Values)
	case c.Values != nil:
		return invalid(badParameter + "AttributeValueList can only be used with a ComparisonOperator" + of)
	case c.Value == nil && (c.Exists == nil || *c.Exists):
		said := "null"
		if c.Exists != nil {
			said = "true"
		}
		return invalid(badParameter + "Value must be provided when Exists is " + said + of)
	case c.Value != nil && c.Exists != nil && !*c.Exists:
		return invalid(badParameter + "Value cannot be used when Exists is false" + of)
	case c.Value == nil:
		c.Op = Null
	default:
		c.Op, c.Values = EQ, []attr.Value{c.Value}
	}
	return nil
}

// LegacyFilter makes a filter of QueryFilter or ScanFilter. It is nil for no entries.
func LegacyFilter(entries []LegacyCondition, conditional string) (*Bound, error) {
	if err := checkConditions(entries); err != nil {
		return nil, err
	}
	if err := checkOperator(conditional, len(entries)); err != nil {
		return nil, err
	}
	return legacy(Filter, entries, conditional), nil
}

func checkConditions(entries []LegacyCondition) error {
	for _, c := range entries {
		for _, v := range c.Values {
			if err := v.Err(); err != nil {
				return err
			}
		}
		if err := checkValues(c.Op, c.Values); err != nil {
			return err
		}
	}
	return nil
}

// LegacyKeyConds checks the parameter KeyConditions; Plan goes on from there.
func LegacyKeyConds(entries []LegacyCondition) ([]KeyCond, error) {
	if err := checkConditions(entries); err != nil {
		return nil, err
	}
	out := make([]KeyCond, len(entries))
	for i, c := range entries {
		out[i] = KeyCond{c.Name, c.Op, c.Values}
	}
	return out, nil
}

// legacy makes the condition that entries mean.
func legacy(kind Kind, entries []LegacyCondition, conditional string) *Bound {
	if len(entries) == 0 {
		return nil
	}
	b := &Bound{e: &Expression{kind: kind}}
	var all []*cond
	for _, c := range entries {
		target := &operand{kind: opPath, path: path{{name: c.Name, slot: -1, index: -1}}}
		args := []*operand{target}
		for _, v := range c.Values {
			args = append(args, &operand{kind: opValue, slot: len(b.values)})
			b.values = append(b.values, v)
		}
		call := func(f fnKind) *cond {
			return &cond{kind: cFunction, args: []*operand{{kind: opFunction, known: f, args: args}}}
		}
		there := &cond{kind: cFunction, args: []*operand{{kind: opFunction, known: fnExists, args: args[:1]}}}
		var x *cond
		switch c.Op {
		case Null:
			x = call(fnNotExists)
		case NotNull:
			x = call(fnExists)
		case BeginsWith:
			x = call(fnBeginsWith)
		case Contains:
			x = call(fnContains)
		case NotContains:
			x = &cond{kind: cAnd, kids: []*cond{there, {kind: cNot, kids: []*cond{call(fnContains)}}}}
		default:
			kinds := map[Operator]condKind{EQ: cEQ, NE: cNE, LT: cLT, LE: cLE, GT: cGT, GE: cGE, In: cIn, Between: cBetween}
			x = &cond{kind: kinds[c.Op], args: args}
		}
		all = append(all, x)
	}
	b.e.cond = &cond{kind: cAnd, kids: all}
	if conditional == "OR" {
		b.e.cond.kind = cOr
	}
	return b
}

// LegacyUpdate is an entry of AttributeUpdates.
type LegacyUpdate struct {
	Name   string
	Action string     // PUT (or ""), ADD or DELETE
	Value  attr.Value // nil where none was given
}

// AttributeUpdates makes an update of the parameter of that name. It is nil for no entries.
func AttributeUpdates(entries []LegacyUpdate) (*Bound, error) {
	b := &Bound{e: &Expression{kind: Update}}
	for _, u := range entries {
		if u.Value != nil {
			if err := u.Value.Err(); err != nil {
				return nil, err
			}
		}
		a := action{target: path{{name: u.Name, slot: -1, index: -1}}}
		k := u.Value.Kind()
		switch {
		case u.Value == nil && u.Action != "DELETE":
			return nil, invalid(badParameter + "Only DELETE action is allowed when no attribute value is specified")
		case u.Value == nil:
			a.section = sRemove
		case u.Action == "DELETE" && !k.IsSet():
			return nil, invalid(badParameter + "DELETE action with value is not supported for the type " + k.String())
		case u.Action == "DELETE":
			a.section = sDelete
		case u.Action == "ADD" && k != attr.L && k != attr.N && !k.IsSet():
			return nil, invalid(badParameter + "ADD action is not supported for the type " + k.String())
		case u.Action == "ADD":
			a.section = sAdd
		}
		if u.Value != nil {
			a.value = &operand{kind: opValue, slot: len(b.values)}
			b.values = append(b.values, u.Value)
		}
		b.e.actions = append(b.e.actions, a)
	}
	if len(entries) == 0 {
		return nil, nil
	}
	b.trie = b.tree(len(b.e.actions), func(i int) path { return b.e.actions[i].target })
	return b, nil
}

// AttributesToGet makes a projection of the parameter of that name. It is nil for no names.
func AttributesToGet(names []string) (*Bound, error) {
	b := &Bound{e: &Expression{kind: Projection}}
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			return nil, invalid(badParameter + "Duplicate value in attribute name: " + n)
		}
		seen[n] = true
		b.e.paths = append(b.e.paths, path{{name: n, slot: -1, index: -1}})
	}
	if len(names) == 0 {
		return nil, nil
	}
	b.trie = b.tree(len(names), func(i int) path { return b.e.paths[i] })
	return b, nil
}
