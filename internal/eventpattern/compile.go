package eventpattern

import (
	"errors"
	"slices"
	"strings"
)

// compiler turns the tokens of a pattern into branches.
type compiler struct {
	lexer
	limits    Limits
	steps     []string // the names down to here
	values    int
	wildcards []*wildcard // of the field at hand
	sns       bool        // the older operators of SNS
	nested    bool        // some field lies in an object
}

const tooComplex = "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"

func compile(text string, limits Limits) ([]branch, error) {
	c := &compiler{limits: limits}
	return c.compile(text)
}

func (c *compiler) compile(text string) ([]branch, error) {
	limits := c.limits
	if len(text) > limits.Bytes {
		return nil, &Error{Reason: "Pattern is larger than the limit of bytes"}
	}
	c.src, c.depth = text, limits.Depth
	t, err := c.read()
	if err != nil {
		return nil, err
	}
	if t != tokObject {
		return nil, c.fail("Filter is not an object")
	}
	var sets []set
	if err := c.object(&sets, false); err != nil {
		return nil, err
	}
	branches := make([]branch, 0, len(sets))
	for _, s := range sets {
		if len(s) > limits.Fields {
			return nil, &Error{Reason: "Pattern names more fields than the limit"}
		}
		branches = append(branches, s.branch())
	}
	return branches, nil
}

// reserved names cannot be fields inside $or.
var reserved = strings.Fields("exactly equals-ignore-case prefix suffix anything-but exists wildcard numeric cidr = < <= > >= " +
	"regex not-wildcard not-equals-ignore-case date-after date-on-or-after date-before date-on-or-before in-date-range " +
	"ip-address-in-range ip-address-not-in-range")

func (c *compiler) object(sets *[]set, inOr bool) error {
	some := false
	for {
		t, err := c.read()
		if err != nil {
			return err
		}
		if t == tokObjectEnd {
			break
		}
		some = true
		name := c.name
		if name == "$or" {
			if err := c.or(sets); err != nil {
				return err
			}
			continue
		}
		if inOr && slices.Contains(reserved, name) {
			return c.fail("%s is Ruler reserved fieldName which cannot be used inside $or.", name)
		}
		if t, err = c.read(); err != nil {
			return err
		}
		switch t {
		case tokObject:
			c.nested = true
			c.steps = append(c.steps, name)
			if err := c.object(sets, inOr); err != nil {
				return err
			}
			c.steps = c.steps[:len(c.steps)-1]
		case tokArray:
			path := strings.Join(c.steps, ".")
			if path != "" {
				path += "."
			}
			if err := c.field(sets, path+name); err != nil {
				return err
			}
		default:
			return c.fail("\"%s\" must be an object or an array", name)
		}
	}
	if !some {
		return c.fail("Empty objects are not allowed")
	}
	return nil
}

func (c *compiler) or(sets *[]set) error {
	before := *sets
	*sets = nil
	t, err := c.read()
	if err != nil {
		return err
	}
	if t != tokArray {
		return c.fail("It must be an Array followed with $or.")
	}
	count := 0
	for {
		if t, err = c.read(); err != nil {
			return err
		}
		if t == tokArrayEnd {
			break
		}
		count++
		if t != tokObject {
			return c.fail("Only JSON object is allowed in array of $or relationship.")
		}
		branch := make([]set, 0, len(before))
		for _, s := range before {
			branch = append(branch, s.copy())
		}
		if len(branch) == 0 {
			branch = append(branch, set{})
		}
		if err := c.object(&branch, true); err != nil {
			return err
		}
		if *sets = append(*sets, branch...); len(*sets) > c.limits.Combinations {
			return c.fail("Rule has more combinations of $or than the limit of %d", c.limits.Combinations)
		}
	}
	if count < 2 {
		return c.fail("There must have at least 2 Objects in $or relationship.")
	}
	return nil
}

// field reads the list of values that stands behind a field.
func (c *compiler) field(sets *[]set, path string) error {
	made := condition{path: path}
	c.wildcards = nil
	for {
		t, err := c.read()
		if err != nil {
			return err
		}
		if t == tokArrayEnd {
			break
		}
		var one test
		switch t {
		case tokObject:
			if one, err = c.expression(); err != nil {
				return err
			}
		case tokString:
			s, err := c.string()
			if err != nil {
				return err
			}
			if a, ok := parseAddress(s); ok {
				one = test{kind: cidr, rare: &rare{network: network{a, a.n * 8}}}
			} else {
				one = test{kind: exact, text: `"` + s + `"`}
			}
		case tokNumber:
			one = test{kind: number, text: c.text}
			one.number, one.isNumber = comparable(c.text)
		case tokTrue, tokFalse, tokNull:
			one = test{kind: exact, text: c.text}
		default:
			return c.fail("Match value must be String, number, true, false, or null")
		}
		if err := c.count(); err != nil {
			return err
		}
		if one.kind == absent {
			made.absent = true
		} else {
			made.tests = append(made.tests, one)
		}
	}
	if len(made.tests) == 0 && !made.absent {
		return c.fail("Empty arrays are not allowed")
	}
	if len(c.wildcards) > 0 && complexity(c.wildcards, c.limits.Complexity) > c.limits.Complexity {
		return &Error{Reason: tooComplex}
	}
	if len(*sets) == 0 {
		*sets = append(*sets, set{})
	}
	for _, s := range *sets {
		s[path] = made
	}
	return nil
}

func (c *compiler) count() error {
	if c.values++; c.values > c.limits.Values {
		return c.fail("Pattern has more values than the limit of %d", c.limits.Values)
	}
	return nil
}

// expression reads an object in a list of values, after its opening brace.
func (c *compiler) expression() (test, error) {
	t, err := c.read()
	if err != nil {
		return test{}, err
	}
	if t != tokName {
		return test{}, c.fail("Match expression name not found")
	}
	name := c.name
	var one test
	switch name {
	case "exactly":
		one, err = c.literal(name, "exact")
		one.kind, one.text = exact, `"`+one.text+`"`
	case "prefix":
		if one, err = c.literal(name, "prefix"); one.kind == caseless {
			one.kind, one.rare = prefixFold, &rare{folded: fold(`"` + one.text)}
		} else {
			one.kind, one.text = prefix, `"`+one.text
		}
	case "suffix":
		if one, err = c.literal(name, "suffix"); one.kind == caseless {
			one.kind, one.rare = suffixFold, &rare{folded: fold(one.text + `"`)}
		} else {
			one.kind, one.text = suffix, one.text+`"`
		}
	case "equals-ignore-case":
		one, err = c.literal(name, name)
		one.kind, one.rare = equalsFold, &rare{folded: fold(`"` + one.text + `"`)}
	case "wildcard":
		if one, err = c.literal(name, name); err == nil {
			one.kind, one.rare = glob, &rare{}
			if one.wildcard, err = c.wildcard(one.text); err == nil {
				c.wildcards = append(c.wildcards, one.wildcard)
			}
		}
	case "cidr":
		if one, err = c.literal(name, "prefix"); err == nil {
			one.kind, one.rare = cidr, &rare{}
			if one.network, err = parseNetwork(one.text); err != nil {
				return one, &Error{Reason: err.Error()}
			}
		}
	case "exists":
		if t, err = c.read(); err != nil {
			return one, err
		}
		switch t {
		case tokTrue:
			one.kind = exists
		case tokFalse:
			one.kind = absent
		default:
			return one, c.fail("exists match pattern must be either true or false.")
		}
	case "numeric":
		if t, err = c.read(); err != nil {
			return one, err
		}
		if t != tokArray {
			return one, c.fail("Value of numeric must be an array.")
		}
		if one, err = c.numeric(); err != nil {
			return one, err
		}
		return one, c.closing("Too many elements in numeric expression")
	case "anything-but":
		return c.anythingBut()
	default:
		return one, c.fail("Unrecognized match type %s", name)
	}
	if err != nil {
		return one, err
	}
	return one, c.closing("Only one key allowed in match expression")
}

func (c *compiler) closing(otherwise string) error {
	t, err := c.read()
	if err == nil && t != tokObjectEnd {
		err = c.fail("%s", otherwise)
	}
	return err
}

func (c *compiler) wildcard(text string) (*wildcard, error) {
	w, err := parseWildcard(text)
	if err != nil {
		return nil, c.fail("%s", err.Error())
	}
	return w, nil
}

// literal reads a string, or for prefix and suffix {"equals-ignore-case": string}, of kind caseless then.
func (c *compiler) literal(name, called string) (test, error) {
	var one test
	t, err := c.read()
	if err != nil {
		return one, err
	}
	if t == tokObject && (name == "prefix" || name == "suffix") {
		title := strings.ToUpper(name[:1]) + name[1:]
		if t, err = c.read(); err != nil {
			return one, err
		}
		if t != tokName {
			return one, c.fail("%s expression name not found", title)
		}
		if c.name != "equals-ignore-case" {
			return one, c.fail("Unsupported %s pattern: %s", name, c.name)
		}
		if t, err = c.read(); err != nil {
			return one, err
		}
		if t != tokString {
			return one, c.fail("equals-ignore-case match pattern must be a string")
		}
		one.kind = caseless
		if one.text, err = c.string(); err != nil {
			return one, err
		}
		return one, c.closing("Only one key allowed in match expression")
	}
	if t != tokString {
		return one, c.fail("%s match pattern must be a string", called)
	}
	one.text, err = c.string()
	return one, err
}

func (c *compiler) anythingBut() (test, error) {
	one := test{kind: but, rare: &rare{}}
	t, err := c.read()
	if err != nil {
		return one, err
	}
	nested := t == tokObject
	if nested {
		if t, err = c.read(); err != nil {
			return one, err
		}
		if t != tokName {
			return one, c.fail("Anything-But expression name not found")
		}
		switch c.name {
		case "equals-ignore-case":
			one.kind = butFold
		case "prefix":
			one.kind = butPrefix
		case "suffix":
			if c.sns {
				return one, c.fail("Unsupported anything-but pattern: suffix")
			}
			one.kind = butSuffix
		case "wildcard":
			one.kind = butGlob
		default:
			return one, c.fail("Unsupported anything-but pattern: %s", c.name)
		}
		if t, err = c.read(); err != nil {
			return one, err
		}
	}
	if c.sns && one.kind == butPrefix && t != tokString {
		return one, c.fail("prefix match pattern must be a string")
	}
	switch t {
	case tokString, tokNumber:
		err = c.butValue(&one, t, "Inside anything-but list, start|null|boolean is not supported.")
	case tokArray:
		err = c.butList(&one)
		var wrapped *Error
		if errors.As(err, &wrapped) {
			err = c.fail("%s", wrapped.Error()) // the reference wraps a refusal inside a list once more
		}
		if err == nil && one.kind == but && (len(one.numbers) > 0) == (len(one.list) > 0) {
			err = c.fail("Inside anything but list, either all values are number or string, mixed type is not supported")
		}
	default:
		return one, c.fail("Value of anything-but must be an array or single string/number value.")
	}
	if err != nil {
		return one, err
	}
	for _, s := range one.list {
		if one.kind != butGlob {
			break
		}
		w, err := c.wildcard(s)
		if err != nil {
			return one, err
		}
		c.wildcards, one.wildcards = append(c.wildcards, w), append(one.wildcards, w)
	}
	if err = c.closing("Too many elements in numeric expression"); err == nil && nested {
		err = c.closing("Too many elements in numeric expression")
	}
	return one, err
}

func (c *compiler) butList(one *test) error {
	for {
		t, err := c.read()
		if err != nil || t == tokArrayEnd {
			return err
		}
		if err := c.butValue(one, t, "Inside anything but list, start|null|boolean is not supported."); err != nil {
			return err
		}
		if err := c.count(); err != nil {
			return err
		}
	}
}

// butValue adds a value that the field must not have.
func (c *compiler) butValue(one *test, t token, otherwise string) error {
	if t == tokNumber && one.kind == but {
		n, ok := comparable(c.text)
		if !ok {
			return &Error{Reason: "Cannot compare number : " + c.text}
		}
		one.numbers = append(one.numbers, n)
		return nil
	}
	if t != tokString {
		switch one.kind {
		case butFold:
			otherwise = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
		case butPrefix, butSuffix:
			otherwise = "prefix/suffix match pattern must be a string"
		case butGlob:
			otherwise = "wildcard match pattern must be a string"
		}
		return c.fail("%s", otherwise)
	}
	s, err := c.string()
	if err != nil {
		return err
	}
	switch one.kind {
	case but:
		s = `"` + s + `"`
	case butFold:
		one.folds = append(one.folds, fold(`"`+s+`"`))
	case butPrefix, butSuffix:
		if s == "" {
			return c.fail("Null prefix/suffix not allowed")
		}
		if one.kind == butPrefix {
			s = `"` + s
		} else {
			s += `"`
		}
	}
	one.list = append(one.list, s)
	return nil
}

func (c *compiler) numeric() (test, error) {
	one := test{kind: span, rare: &rare{low: lowest, high: highest}}
	t, err := c.read()
	if err != nil {
		return one, err
	}
	s, err := c.string()
	if err != nil {
		return one, err
	}
	if t != tokString {
		return one, c.fail("Invalid member in numeric match: %s", s)
	}
	op, named := s, s
	if op == "=" {
		named = "equals"
	}
	if t, err = c.read(); err != nil {
		return one, err
	}
	switch op {
	case "=", "<", "<=", ">", ">=":
	default:
		return one, c.fail("Unrecognized numeric range operator: %s", op)
	}
	if t != tokNumber {
		return one, c.fail("Value of %s must be numeric", named)
	}
	first := c.text
	if t, err = c.read(); err != nil {
		return one, err
	}
	second, closing := "", ""
	if t != tokArrayEnd {
		if op[0] != '>' {
			return one, c.fail("Too many elements in numeric expression")
		}
		if closing, err = c.string(); err != nil {
			return one, err
		}
		if t != tokString {
			return one, c.fail("Bad value in numeric range: %s", closing)
		}
		if closing != "<" && closing != "<=" {
			return one, c.fail("Bad numeric range operator: %s", closing)
		}
		if t, err = c.read(); err != nil {
			return one, err
		}
		if t != tokNumber {
			return one, c.fail("Value of %s must be numeric", closing)
		}
		second = c.text
		if t, err = c.read(); err != nil {
			return one, err
		}
		if t != tokArrayEnd {
			return one, c.fail("Too many terms in numeric range expression")
		}
	}
	n, ok := comparable(first)
	if !ok {
		return one, c.fail("Cannot compare number : %s", first)
	}
	switch op {
	case "=":
		return test{kind: number, number: n, isNumber: true}, nil
	case "<", "<=":
		one.high, one.belowHigh = n, op == "<"
	default:
		one.low, one.aboveLow = n, op == ">"
	}
	if closing != "" {
		m, ok := comparable(second)
		if !ok {
			return one, c.fail("Cannot compare number : %s", second)
		}
		if n >= m {
			return one, c.fail("Bottom must be less than top")
		}
		one.high, one.belowHigh = m, closing == "<"
	}
	return one, nil
}
