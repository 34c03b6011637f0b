package partiql

import (
	"strconv"
	"strings"

	"virga/internal/ddbexpr"
	"virga/internal/ddbexpr/attr"
)

// Parse reads one statement.
func Parse(s string, lim Limits) (*Statement, error) {
	lim = lim.orDefault()
	if len(s) > lim.StatementBytes {
		return nil, invalid("1 validation error detected: Value at 'statement' failed to satisfy constraint: Member must have length less than or equal to " + strconv.Itoa(lim.StatementBytes))
	}
	s = strings.Clone(s)
	p := parser{whole: s, toks: lex(s), st: &Statement{Returning: Nothing, lim: lim}}
	p.statement()
	if p.err == nil {
		p.accept(";")
		if p.tok().kind != end {
			p.malformed()
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.st, nil
}

type parser struct {
	whole string
	toks  []token
	at    int
	st    *Statement
	depth int
	err   error
}

func (p *parser) tok() token { return p.toks[p.at] }

func (p *parser) peek() token { return p.toks[min(p.at+1, len(p.toks)-1)] }

func (p *parser) advance() token {
	t := p.tok()
	if t.kind != end {
		p.at++
	}
	return t
}

func (p *parser) accept(words ...string) bool {
	if p.err != nil {
		return false
	}
	for i, w := range words {
		if at := p.at + i; at >= len(p.toks) || !p.toks[at].is(w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *parser) expect(words ...string) {
	if !p.accept(words...) {
		p.malformed()
	}
}

func (p *parser) fail(message string) {
	if p.err == nil {
		p.err = invalid(message)
		p.at = len(p.toks) - 1
	}
}

func (p *parser) malformed() { p.fail("Statement wasn't well formed, can't be processed: " + p.whole) }

// place is line, column and length of a token, as messages name it.
func (p *parser) place(t token) string {
	line, col := 1, 1
	for _, c := range p.whole[:t.from] {
		if col++; c == '\n' {
			line, col = line+1, 1
		}
	}
	return strconv.Itoa(line) + ":" + strconv.Itoa(col) + ":" + strconv.Itoa(t.to-t.from)
}

func (p *parser) enter() bool {
	if p.depth++; p.depth > p.st.lim.Depth {
		p.fail("Statement wasn't well formed, can't be processed: too many nesting levels")
	}
	return p.err == nil
}

func (p *parser) statement() {
	switch {
	case p.accept("SELECT"):
		p.selects()
	case p.accept("EXISTS", "("):
		p.expect("SELECT")
		p.selects()
		p.expect(")")
		p.st.Verb = Exists
	case p.accept("INSERT", "INTO"):
		p.inserts()
	case p.accept("UPDATE"):
		p.updates()
	case p.accept("DELETE", "FROM"):
		p.st.Verb = Delete
		p.from()
		p.tail()
		if r := p.st.Returning; r != Nothing && r != AllOld {
			p.fail("RETURNING " + strings.ReplaceAll(string(r), "_", " ") + " is not supported in DELETE")
		}
	case p.tok().is("CREATE"), p.tok().is("DROP"):
		verb := strings.ToLower(p.tok().text)
		p.fail("Unsupported operation: " + strings.ToUpper(verb[:1]) + verb[1:] + "Table")
	default:
		p.malformed()
	}
}

func (p *parser) selects() {
	switch {
	case p.tok().is("DISTINCT"):
		p.fail("Unsupported token in expression: DISTINCT")
	case p.tok().is("VALUE"):
		p.fail("Select projection doesn't support value or pivot keywords")
	case p.accept("*"):
	default:
		seen := map[string]bool{}
		for {
			t := p.tok()
			if t.kind == word && p.peek().is("(") {
				p.fail("Unexpected path component at " + p.place(t))
				return
			}
			c := Column{Path: p.path()}
			if p.tok().is("AS") || p.err == nil && p.tok().kind == word && !p.tok().is("FROM") {
				p.fail("Aliasing is not supported")
			}
			if p.err != nil {
				return
			}
			last := c.Path[len(c.Path)-1]
			if c.Name = last.Name; last.Index >= 0 {
				i := len(c.Path)
				for i > 0 && c.Path[i-1].Index >= 0 {
					i--
				}
				c.Name = c.Path[i-1].Name
				for _, e := range c.Path[i:] {
					c.Name += "[" + strconv.Itoa(e.Index) + "]"
				}
			}
			if seen[c.Name] {
				p.fail("Duplicate identifiers in select clause: " + c.Name)
				return
			}
			seen[c.Name] = true
			p.st.Columns = append(p.st.Columns, c)
			if !p.accept(",") {
				break
			}
		}
	}
	p.expect("FROM")
	p.from()
	if p.accept("WHERE") {
		p.st.where = p.condition()
	}
	if p.accept("ORDER", "BY") {
		if p.st.where == nil {
			p.fail("Must have WHERE clause in the statement when using ORDER BY clause.")
		}
		for {
			o := Order{Name: p.name()}
			if !p.accept("ASC") {
				o.Descending = p.accept("DESC")
			}
			p.st.OrderBy = append(p.st.OrderBy, o)
			if !p.accept(",") {
				break
			}
		}
	}
	for _, clause := range []string{"LIMIT", "GROUP", "HAVING", "OFFSET"} {
		if t := p.tok(); p.err == nil && t.is(clause) {
			if clause == "GROUP" {
				clause = "GROUP BY"
			}
			p.fail("Unsupported clause: " + clause)
		}
	}
}

// from reads a table's name, and an index's after it.
func (p *parser) from() {
	p.st.Table = p.name()
	if p.accept(".") {
		p.st.Index = p.name()
	}
	if p.tok().is(".") {
		p.fail("A path may contain at most 2 components in the FROM clause")
	}
	if p.st.Verb == Select && p.tok().is(",") {
		p.fail("Only select from a single table or index is supported.")
	}
	if t := p.tok(); p.err == nil && (t.kind == quoted || t.is("AS") || t.kind == word && !clauses[strings.ToUpper(t.text)]) {
		p.fail("Aliasing is not supported")
	}
	if p.st.Verb != Select && p.st.Index != "" {
		p.fail("This operation is not supported on an index")
	}
}

var clauses = map[string]bool{"WHERE": true, "ORDER": true, "GROUP": true, "HAVING": true, "LIMIT": true, "OFFSET": true, "SET": true, "REMOVE": true, "VALUE": true, "VALUES": true, "RETURNING": true}

func (p *parser) inserts() {
	p.st.Verb = Insert
	p.from()
	if p.tok().is("VALUES") {
		p.fail("Unsupported operation: InsertOp")
	}
	p.expect("VALUE")
	p.st.item = p.literal("root")
	if p.err == nil && p.st.item.kind != attr.M && p.st.item.param == 0 && p.st.item.whole.Kind() != attr.M {
		p.fail("Unsupported data type in INSERT: only a tuple is an item")
	}
	if p.tok().is("RETURNING") {
		p.fail("RETURNING is not supported in INSERT")
	}
}

func (p *parser) updates() {
	p.st.Verb = Update
	p.from()
	for p.err == nil {
		switch {
		case p.accept("SET"):
			for {
				a := assignment{target: p.path()}
				p.expect("=")
				a.give = p.sum()
				p.st.set = append(p.st.set, a)
				if !p.accept(",") {
					break
				}
			}
			continue
		case p.accept("REMOVE"):
			for {
				p.st.remove = append(p.st.remove, p.path())
				if !p.accept(",") {
					break
				}
			}
			continue
		}
		break
	}
	if len(p.st.set)+len(p.st.remove) == 0 {
		p.malformed()
	}
	p.tail()
}

// tail reads WHERE and RETURNING of UPDATE and DELETE.
func (p *parser) tail() {
	if p.accept("WHERE") {
		p.st.where = p.condition()
	}
	if !p.accept("RETURNING") {
		return
	}
	all := p.accept("ALL")
	if !all {
		p.expect("MODIFIED")
	}
	old := p.accept("OLD")
	if !old {
		p.expect("NEW")
	}
	p.expect("*")
	switch {
	case all && old:
		p.st.Returning = AllOld
	case all:
		p.st.Returning = AllNew
	case old:
		p.st.Returning = ModifiedOld
	default:
		p.st.Returning = ModifiedNew
	}
}

// name reads an identifier.
func (p *parser) name() string {
	switch t := p.tok(); {
	case t.kind == quoted && t.text == "":
		p.fail("Path component cannot be an empty string")
	case t.kind == quoted, t.kind == word && !keyword(t.text):
		return p.advance().text
	}
	p.malformed()
	return ""
}

// keyword tells the words that are no identifiers.
func keyword(w string) bool {
	switch strings.ToUpper(w) {
	case "SELECT", "FROM", "WHERE", "INSERT", "INTO", "VALUE", "VALUES", "UPDATE", "SET", "REMOVE", "DELETE", "RETURNING", "ORDER", "BY", "AND", "OR", "NOT", "IN", "IS", "BETWEEN", "NULL", "MISSING", "TRUE", "FALSE", "LIKE", "AS",
		"GROUP", "HAVING", "LIMIT", "OFFSET", "EXISTS", "SIZE", "DISTINCT", "CREATE", "DROP", "TABLE", "UNION", "ALL", "ASC", "DESC", "CASE", "WHEN", "THEN", "ELSE", "END":
		return true
	}
	return false
}

// path reads a document path.
func (p *parser) path() []ddbexpr.Element {
	out := []ddbexpr.Element{{Name: p.name(), Index: -1}}
	for p.err == nil {
		switch {
		case p.accept("."):
			if p.tok().is("*") {
				p.fail("Unpivot path component like a.*.b are not supported")
			}
			out = append(out, ddbexpr.Element{Name: p.name(), Index: -1})
		case p.accept("["):
			t := p.advance()
			switch {
			case t.is("*"):
				p.fail("Wildcard path component like a[*].b are not supported")
			case t.kind == text && t.text != "": // a['b']
				out = append(out, ddbexpr.Element{Name: t.text, Index: -1})
			case t.kind != number:
				p.fail("Unexpected path component at " + p.place(t))
			default:
				n, err := strconv.ParseInt(t.text, 10, 32)
				if err != nil {
					p.fail("List index is not within the allowable range; index: [" + t.text + "]")
				}
				out = append(out, ddbexpr.Element{Name: t.text, Index: int(n)})
			}
			p.expect("]")
		default:
			return out
		}
		if len(out) > p.st.lim.Expressions.PathElements {
			p.fail("The document path has too many nesting levels; nesting levels: " + strconv.Itoa(len(out)))
		}
	}
	return out
}

func (p *parser) condition() *cond {
	return p.chain("OR", func() *cond { return p.chain("AND", p.not) })
}

func (p *parser) chain(op string, next func() *cond) *cond {
	first := next()
	if !p.tok().is(op) {
		return first
	}
	out := &cond{op: op, kids: []*cond{first}}
	for p.accept(op) {
		out.kids = append(out.kids, next())
	}
	return out
}

func (p *parser) not() *cond {
	if p.err != nil {
		return &cond{}
	}
	if p.accept("NOT") {
		if !p.enter() {
			return &cond{}
		}
		c := p.not()
		p.depth--
		return &cond{op: "NOT", kids: []*cond{c}}
	}
	if p.tok().is("(") && !p.operandParens() {
		if !p.enter() {
			return &cond{}
		}
		p.advance()
		c := p.condition()
		p.expect(")")
		p.depth--
		return c
	}
	return p.comparison()
}

// operandParens tells whether what stands in the present parentheses is an operand: a comparison follows them.
func (p *parser) operandParens() bool {
	depth := 0
	for i := p.at; i < len(p.toks); i++ {
		switch t := p.toks[i]; {
		case t.is("("):
			depth++
		case t.is(")"):
			if depth--; depth == 0 {
				next := p.toks[min(i+1, len(p.toks)-1)]
				for _, op := range []string{"=", "<>", "!=", "<", "<=", ">", ">=", "IN", "BETWEEN", "IS"} {
					if next.is(op) {
						return true
					}
				}
				return false
			}
		}
	}
	return false
}

func (p *parser) comparison() *cond {
	if p.tok().is("MISSING") {
		p.fail("MISSING must be compared using IS operator")
	}
	left := p.operand()
	if p.err != nil {
		return &cond{}
	}
	t := p.tok()
	switch {
	case t.is("+"), t.is("-"), t.is("LIKE"):
		p.fail("Unsupported operator in Condition Expression. Operator: " + strings.ToLower(t.text))
	case t.is("="), t.is("<>"), t.is("!="), t.is("<"), t.is("<="), t.is(">"), t.is(">="):
		op := p.advance().text
		if op == "!=" {
			op = "<>"
		}
		if p.tok().is("MISSING") {
			p.fail("MISSING must be compared using IS operator")
		}
		c := &cond{op: op, args: []*operand{left, p.operand()}}
		if p.tok().is("+") || p.tok().is("-") {
			p.fail("Unsupported operator in Condition Expression. Operator: " + p.tok().text)
		}
		return c
	case t.is("NOT"):
		p.advance()
		if !p.tok().is("IN") && !p.tok().is("BETWEEN") {
			p.malformed()
			return &cond{}
		}
		return &cond{op: "NOT", kids: []*cond{p.ranges(left)}}
	case t.is("IN"), t.is("BETWEEN"):
		return p.ranges(left)
	case t.is("IS"):
		return p.is(left)
	case left.kind == isCall:
		if left.name == "size" {
			break
		}
		return &cond{args: []*operand{left}}
	}
	p.fail("WHERE clause must contain an expression that resolves to a boolean")
	return &cond{}
}

func (p *parser) ranges(left *operand) *cond {
	if p.accept("BETWEEN") {
		low := p.operand()
		p.expect("AND")
		return &cond{op: "BETWEEN", args: []*operand{left, low, p.operand()}}
	}
	p.expect("IN")
	closing := "]"
	if !p.accept("[") {
		p.expect("(")
		closing = ")"
	}
	c := &cond{op: "IN", args: []*operand{left}}
	for p.err == nil {
		c.args = append(c.args, p.operand())
		if !p.accept(",") {
			break
		}
	}
	p.expect(closing)
	if left.kind != isPath {
		p.fail("IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with at least one member")
	}
	return c
}

// kinds are the types that IS knows.
var kinds = map[string]attr.Kind{"NULL": attr.Null, "BOOLEAN": attr.Bool, "BLOB": attr.B, "STRING": attr.S, "NUMERIC": attr.N, "STRUCT": attr.M, "TUPLE": attr.M, "LIST": attr.L}

func (p *parser) is(left *operand) *cond {
	p.advance()
	negative := p.accept("NOT")
	t := p.advance()
	name := strings.ToUpper(t.text)
	var c *cond
	if name == "MISSING" {
		c = &cond{args: []*operand{{kind: isCall, name: "attribute_not_exists", args: []*operand{left}}}}
	} else if k, ok := kinds[name]; ok && t.kind == word {
		c = &cond{args: []*operand{{kind: isCall, name: "attribute_type", args: []*operand{left, {kind: isValue, val: &value{whole: attr.String(k.String())}}}}}}
	} else if t.kind != word {
		p.malformed()
		return &cond{}
	} else {
		p.fail("Unsupported data type for IS operator: " + name + ". Supported data types are [MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]")
		return &cond{}
	}
	if negative {
		return &cond{op: "NOT", kids: []*cond{c}}
	}
	return c
}

// functions are those of a condition and of SET, with the number of their operands.
var functions = map[string]int{"begins_with": 2, "contains": 2, "attribute_type": 2, "size": 1, "attribute_exists": 1, "attribute_not_exists": 1}

var setFunctions = map[string]int{"list_append": 2, "set_add": 2, "set_delete": 2, "if_not_exists": 2}

// operand reads a path, a literal or a call.
func (p *parser) operand() *operand {
	if p.err != nil {
		return &operand{}
	}
	t := p.tok()
	switch {
	case t.is("("):
		if !p.enter() {
			return &operand{}
		}
		p.advance()
		o := p.operand()
		p.expect(")")
		p.depth--
		return o
	case t.kind == word && p.peek().is("("):
		return p.call(functions)
	case t.kind == quoted, t.kind == word && !keyword(t.text):
		return &operand{kind: isPath, path: p.path()}
	}
	return &operand{kind: isValue, val: p.literal("root")}
}

func (p *parser) call(known map[string]int) *operand {
	t := p.advance()
	o := &operand{kind: isCall, name: strings.ToLower(t.text)}
	n, ok := known[o.name]
	if !ok {
		p.fail("Unrecognized function: " + t.text)
	}
	if !p.enter() {
		return o
	}
	p.expect("(")
	for p.err == nil {
		if _, ok := setFunctions[o.name]; ok {
			o.args = append(o.args, p.setOperand())
		} else {
			o.args = append(o.args, p.operand())
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	p.depth--
	if p.err == nil && len(o.args) != n {
		switch o.name {
		case "set_add", "set_delete":
			p.fail(strings.ToUpper(o.name) + " must have exactly two arguments")
		default:
			p.fail("Incorrect number of operands for operator or function; operator or function: " + o.name + ", number of operands: " + strconv.Itoa(len(o.args)))
		}
	}
	return o
}

func (p *parser) setOperand() *operand {
	if t := p.tok(); t.kind == word && p.peek().is("(") {
		return p.call(setFunctions)
	}
	return p.operand()
}

// sum reads what SET assigns.
func (p *parser) sum() *operand {
	o := p.setOperand()
	t := p.tok()
	switch {
	case t.is("+"), t.is("-"):
		p.advance()
		return &operand{kind: isSum, name: t.text, args: []*operand{o, p.setOperand()}}
	case t.is("*"):
		p.fail("Unsupported operator in Update Expression. Operator: *")
	}
	return o
}

// literal reads a value; under is the key that messages name.
func (p *parser) literal(under string) *value {
	if p.err != nil || !p.enter() {
		return &value{}
	}
	defer func() { p.depth-- }()
	t := p.advance()
	switch {
	case t.kind == text:
		return &value{whole: attr.String(t.text)}
	case t.kind == number:
		return p.number(t.text)
	case (t.is("-") || t.is("+")) && p.tok().kind == number:
		return p.number(t.text + p.advance().text)
	case t.is("TRUE"), t.is("FALSE"):
		return &value{whole: attr.BoolValue(t.is("TRUE"))}
	case t.is("NULL"):
		return &value{whole: attr.NullValue()}
	case t.is("?"):
		p.st.Parameters++
		return &value{param: p.st.Parameters}
	case t.is("["):
		v := &value{kind: attr.L}
		if !p.accept("]") {
			p.elements(v, "]", under)
		}
		return v
	case t.is("<<"):
		if p.accept(">>") {
			p.fail("Empty bags are not supported at " + p.place(t))
		}
		v := &value{kind: attr.SS} // which kind of set its elements tell
		p.elements(v, ">>", under)
		return v
	case t.is("{"):
		return p.tuple(under)
	}
	p.malformed()
	return &value{}
}

func (p *parser) number(s string) *value {
	v, err := attr.NumberValue(s)
	if err != nil {
		p.fail(err.Error())
	}
	return &value{whole: v}
}

func (p *parser) elements(v *value, closing, under string) {
	for p.err == nil {
		v.elems = append(v.elems, p.literal(under))
		if !p.accept(",") {
			break
		}
	}
	p.expect(closing)
}

func (p *parser) tuple(under string) *value {
	v := &value{kind: attr.M}
	seen := map[string]bool{}
	if p.accept("}") {
		return v
	}
	for p.err == nil {
		t := p.advance()
		switch {
		case t.kind == word || t.kind == quoted:
			p.fail("Tuple keys must be of type String. Actual type: VariableReference under " + under + " at " + p.place(t))
		case t.kind != text:
			p.malformed()
		case seen[t.text]:
			p.fail("Duplicate keys in tuple. Key: " + t.text + " under " + under)
		}
		seen[t.text] = true
		p.expect(":")
		v.names = append(v.names, t.text)
		v.elems = append(v.elems, p.literal(t.text))
		if !p.accept(",") {
			break
		}
	}
	p.expect("}")
	return v
}
