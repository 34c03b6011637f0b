package eventpattern

import (
	"math"
	"slices"
)

type kind uint8

const (
	exact      kind = iota // text is the value as JSON writes it, strings in quotes
	number                 // number, or text where the number is not comparable
	prefix                 // text begins with a quote
	suffix                 // text ends with a quote
	equalsFold             // folded
	prefixFold
	suffixFold
	glob      // wildcard
	span      // low to high
	cidr      // network
	exists    // any value
	absent    // none; condition.absent stands for it
	but       // none of list or numbers
	butFold   // none of folds
	butPrefix // none of list
	butSuffix // none of list
	butGlob   // none of wildcards
	caseless  // only while it is compiled
	lowest    = -math.MaxFloat64
	highest   = math.MaxFloat64
)

// test is one thing that a value may be. What exact texts and numbers do not need lies apart, for an index reads many.
type test struct {
	kind     kind
	isNumber bool
	text     string
	number   float64
	*rare
}

type rare struct {
	aboveLow, belowHigh bool
	low, high           float64
	network             network
	folded              folded
	wildcard            *wildcard
	list                []string
	numbers             []float64
	folds               []folded
	wildcards           []*wildcard
}

// holds says whether the value passes.
func (t *test) holds(v *value) bool {
	switch t.kind {
	case exact:
		return string(v.text) == t.text
	case number:
		if v.kind != numberValue {
			return false
		}
		if t.isNumber {
			n, ok := v.comparable()
			return ok && n == t.number
		}
		return string(v.text) == t.text
	case prefix:
		return starts(v.text, t.text)
	case suffix:
		return v.kind == stringValue && ends(v.text, t.text)
	case equalsFold:
		return t.folded.equal(v.text)
	case prefixFold:
		_, ok := t.folded.prefix(v.text)
		return ok
	case suffixFold:
		return v.kind == stringValue && t.folded.suffix(v.text)
	case glob:
		return t.wildcard.match(v.text)
	case span:
		n, ok := v.comparable()
		return ok && (n > t.low || n == t.low && !t.aboveLow) && (n < t.high || n == t.high && !t.belowHigh)
	case cidr:
		a := v.ip()
		return a != nil && t.network.holds(a)
	case exists:
		return true
	case but:
		if len(t.numbers) > 0 {
			n, ok := v.comparable()
			return !ok || !slices.Contains(t.numbers, n)
		}
		for _, s := range t.list {
			if string(v.text) == s {
				return false
			}
		}
		return true
	case butFold:
		for i := range t.folds {
			if t.folds[i].equal(v.text) {
				return false
			}
		}
		return true
	case butPrefix:
		for _, s := range t.list {
			if starts(v.text, s) {
				return false
			}
		}
		return true
	case butSuffix:
		for _, s := range t.list {
			if v.kind == stringValue && ends(v.text, s) {
				return false
			}
		}
		return true
	case butGlob:
		for _, w := range t.wildcards {
			if w.match(v.text) {
				return false
			}
		}
		return true
	}
	return false
}

func (c *condition) holds(v *value) bool {
	for i := range c.tests {
		if c.tests[i].holds(v) {
			return true
		}
	}
	return false
}
