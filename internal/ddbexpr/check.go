package ddbexpr

import "strconv"

// check makes the checks of an expression's form, in the order in which it was written: functions and where they stand,
// reserved words, list indexes; then sections, depth of paths and number of operators.
func check(e *Expression, lim Limits) error {
	c := checker{lim: lim}
	switch e.kind {
	case Update:
		for _, a := range e.actions {
			c.path(a.target)
			if a.value != nil {
				c.value(a.value, true)
			}
		}
	case Projection:
		for _, p := range e.paths {
			c.path(p)
		}
	default:
		c.condition(e.cond)
	}
	if c.err != nil {
		return c.err
	}
	var seen [4]bool
	for _, s := range e.sections {
		if seen[s] {
			return invalid(`The "` + sectionNames[s] + `" section can only be used once in an update expression;`)
		}
		seen[s] = true
	}
	switch {
	case c.deepest > lim.PathElements:
		return invalid("The document path has too many nesting levels; nesting levels: " + strconv.Itoa(c.deepest))
	case c.operators > lim.Operators:
		return invalid("The expression contains too many operators; operator count: " + strconv.Itoa(c.operators))
	}
	return nil
}

type checker struct {
	lim       Limits
	err       error
	operators int
	deepest   int
}

func (c *checker) fail(message string) {
	if c.err == nil {
		c.err = invalid(message)
	}
}

func (c *checker) path(p path) {
	c.deepest = max(c.deepest, len(p))
	for _, s := range p {
		switch {
		case s.index == -2:
			c.fail("List index is not within the allowable range; index: [" + s.name + "]")
		case s.index < 0 && s.slot < 0 && Reserved(s.name):
			c.fail("Attribute name is a reserved keyword; reserved keyword: " + s.name)
		}
	}
}

func (c *checker) condition(x *cond) {
	if c.err != nil {
		return
	}
	c.operators++
	switch x.kind {
	case cFunction:
		c.function(x.args[0], true)
		return
	case cAnd, cOr:
		c.operators += len(x.kids) - 2
	}
	for _, k := range x.kids {
		c.condition(k)
	}
	for _, o := range x.args {
		c.operand(o)
	}
}

func (c *checker) operand(o *operand) {
	switch o.kind {
	case opPath:
		c.path(o.path)
	case opFunction:
		c.operators++
		c.function(o, false)
	}
}

// function checks a function of a condition: alone it is a condition (alone), elsewhere an operand.
func (c *checker) function(o *operand, alone bool) {
	switch {
	case o.known == fnUnknown:
		c.fail("Invalid function name; function: " + o.fn)
	case o.known == fnIfNotExists || o.known == fnListAppend:
		c.fail("The function is not allowed in a condition expression; function: " + o.fn)
	case (o.known == fnSize) == alone:
		c.fail("The function is not allowed to be used this way in an expression; function: " + o.fn)
	}
	for _, a := range o.args {
		c.operand(a)
	}
}

// value checks what an update gives; top says that it is the whole.
func (c *checker) value(o *operand, top bool) {
	switch o.kind {
	case opPath:
		c.path(o.path)
	case opSum:
		c.operators++
		for _, a := range o.args {
			c.value(a, false)
		}
	case opFunction:
		c.operators++
		switch {
		case o.known == fnUnknown:
			c.fail("Invalid function name; function: " + o.fn)
		case o.known < fnIfNotExists:
			c.fail("The function is not allowed in an update expression; function: " + o.fn)
		case o.known == fnListAppend && !top:
			c.fail("The function is not allowed to be used this way in an expression; function: " + o.fn)
		}
		for _, a := range o.args {
			c.value(a, false)
		}
	}
}
