package policy

import "strings"

// family is what an operator compares.
type family uint8

const (
	famString family = iota
	famNumeric
	famDate
	famBool
	famBinary
	famIP
	famARN
	famNull
)

// relation is how it compares.
type relation uint8

const (
	relEqual relation = iota
	relLess
	relLessEqual
	relGreater
	relGreaterEqual
)

type quantifier uint8

const (
	single quantifier = iota
	forAll
	forAny
)

// operator is a condition operator taken apart.
type operator struct {
	quantifier quantifier
	family     family
	relation   relation
	negated    bool
	like       bool // * and ? are wildcards
	fold       bool
	ifExists   bool
}

func (o operator) date() bool { return o.family == famDate }

// parseOperator reads the name of a condition operator in any case.
func parseOperator(s string) (o operator, ok bool) {
	if a, b, has := strings.Cut(s, ":"); has {
		switch {
		case strings.EqualFold(a, "ForAllValues"):
			o.quantifier = forAll
		case strings.EqualFold(a, "ForAnyValue"):
			o.quantifier = forAny
		default:
			return o, false
		}
		s = b
	}
	s = strings.ToLower(s)
	if base, has := strings.CutSuffix(s, "ifexists"); has {
		o.ifExists, s = true, base
	}
	switch s {
	case "null":
		o.family = famNull
		return o, !o.ifExists
	case "bool":
		o.family = famBool
		return o, true
	case "binaryequals":
		o.family = famBinary
		return o, true
	case "ipaddress":
		o.family = famIP
		return o, true
	case "notipaddress":
		o.family, o.negated = famIP, true
		return o, true
	}
	for _, f := range [...]struct {
		prefix string
		family family
	}{{"string", famString}, {"numeric", famNumeric}, {"date", famDate}, {"arn", famARN}} {
		rest, has := strings.CutPrefix(s, f.prefix)
		if !has {
			continue
		}
		o.family = f.family
		ordered := f.family == famNumeric || f.family == famDate
		switch rest {
		case "equals":
		case "notequals":
			o.negated = true
		case "equalsignorecase", "notequalsignorecase":
			o.fold, o.negated = true, rest[0] == 'n'
			return o, f.family == famString
		case "like", "notlike":
			o.like, o.negated = true, rest[0] == 'n'
			return o, !ordered
		case "lessthan":
			o.relation = relLess
			return o, ordered
		case "lessthanequals":
			o.relation = relLessEqual
			return o, ordered
		case "greaterthan":
			o.relation = relGreater
			return o, ordered
		case "greaterthanequals":
			o.relation = relGreaterEqual
			return o, ordered
		default:
			return o, false
		}
		if f.family == famARN {
			o.like = true // ArnEquals and ArnLike are one
		}
		return o, true
	}
	return o, false
}
