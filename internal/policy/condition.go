package policy

import (
	"net/netip"
	"strings"
)

// condition is a compiled operator with one key.
type condition struct {
	op     operator
	key    string // lower case
	values []value
}

// value is one value of a policy, read for its operator; ok is false where it can match nothing.
type value struct {
	ok   bool
	pat  pattern
	arn  []pattern // six parts, or one for "*"
	num  number
	at   instant
	net  netip.Prefix
	text string // of BinaryEquals, in one form of Base64
	null bool
}

func compileCondition(c *Condition, vars bool) condition {
	op, known := parseOperator(c.Operator)
	k := condition{op: op, key: strings.ToLower(c.Key), values: make([]value, 0, len(c.Values))}
	for _, s := range c.Values {
		v := value{ok: known}
		switch op.family {
		case famString:
			v.pat = compilePattern(s, op.like, vars, op.fold)
		case famBool:
			v.pat = compilePattern(s, false, vars, true)
		case famARN:
			if s == "*" {
				v.arn = []pattern{{form: anything}}
				break
			}
			for _, p := range splitARN(s, vars) {
				v.arn = append(v.arn, compilePattern(p, true, vars, false))
			}
			for len(v.arn) < 6 && len(v.arn) > 1 {
				v.arn = append(v.arn, pattern{form: anything})
			}
			v.ok = v.ok && len(v.arn) == 6
		case famNumeric:
			v.num, v.ok = parseNumber(s)
		case famDate:
			v.at, v.ok = parseInstant(s)
		case famIP:
			v.net, v.ok = parseNet(s)
		case famBinary:
			v.text = strings.TrimRight(s, "=")
		case famNull:
			v.null, v.ok = strings.EqualFold(s, "true"), strings.EqualFold(s, "true") || strings.EqualFold(s, "false")
		}
		k.values = append(k.values, v)
	}
	return k
}

// holds decides the condition for a request.
func (c *condition) holds(on *run) bool {
	got, has := lookup(on.ctx, c.key)
	if c.op.family == famNull {
		for i := range c.values {
			if v := &c.values[i]; v.ok && v.null == (!has || len(got) == 0) {
				return true
			}
		}
		return false
	}
	if !has || len(got) == 0 {
		switch {
		case c.op.quantifier == forAll:
			return true
		case c.op.ifExists && (c.op.quantifier == single || !has):
			return true
		case c.op.quantifier == forAny:
			return false
		}
		return c.op.negated
	}
	switch c.op.quantifier {
	case forAll:
		for _, g := range got {
			if c.any(g, on) == c.op.negated {
				return false
			}
		}
		return true
	case forAny:
		for _, g := range got {
			if c.any(g, on) != c.op.negated {
				return true
			}
		}
		return false
	}
	for _, g := range got {
		if c.any(g, on) {
			return !c.op.negated
		}
	}
	return c.op.negated
}

// any tells whether one of the policy's values meets a value of the request, negation left out.
func (c *condition) any(got string, on *run) bool {
	switch c.op.family {
	case famString, famBool:
		for i := range c.values {
			if v := &c.values[i]; v.ok && v.pat.match(got, on) == yes {
				return true
			}
		}
	case famARN:
		return c.anyARN(got, on)
	case famNumeric:
		n, ok := parseNumber(got)
		for i := range c.values {
			if v := &c.values[i]; ok && v.ok && holds(c.op.relation, n.compare(v.num)) {
				return true
			}
		}
	case famDate:
		t, ok := parseInstant(got)
		for i := range c.values {
			if v := &c.values[i]; ok && v.ok && holds(c.op.relation, t.compare(v.at)) {
				return true
			}
		}
	case famIP:
		a, ok := parseAddr(got)
		for i := range c.values {
			if v := &c.values[i]; ok && v.ok && v.net.Contains(a) {
				return true
			}
		}
	case famBinary:
		for i := range c.values {
			if v := &c.values[i]; v.ok && v.text == strings.TrimRight(got, "=") {
				return true
			}
		}
	}
	return false
}

// anyARN matches part by part: a wildcard does not span the first five colons.
func (c *condition) anyARN(got string, on *run) bool {
	var part [6]string
	rest, whole := got, true
	for i := range 5 {
		var ok bool
		if part[i], rest, ok = strings.Cut(rest, ":"); !ok {
			whole = false
			break
		}
	}
	part[5] = rest
next:
	for i := range c.values {
		v := &c.values[i]
		if !v.ok {
			continue
		}
		if len(v.arn) == 1 {
			return true
		}
		if !whole {
			continue
		}
		for j := range v.arn {
			if v.arn[j].match(part[j], on) != yes {
				continue next
			}
		}
		return true
	}
	return false
}
