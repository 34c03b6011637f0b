package wire

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Validate checks an input against its model, as a service does before anything else. in is what Handler.New gives
// or a dynamic map. A required string that is empty counts as missing here, for a Go struct cannot say which it is.
func Validate(op *Op, in any) error { return validate(op, in, nil, true) }

// validate goes on with what a decoder found missing.
func validate(op *Op, in any, nulls []string, direct bool) error {
	s := op.Schema
	if s.Validation == ValidateNone || op.Input < 0 {
		return nil
	}
	if s.Validation == ValidateBody {
		return validateBody(op, in, nulls)
	}
	c := checker{schema: s, direct: direct}
	c.nulls = nulls
	if s.Flags&BodyPath != 0 {
		c.prefix = &Member{Name: op.Name + "Input"}
	}
	for _, p := range nulls {
		if c.prefix != nil {
			first, _, _ := strings.Cut(p, ".")
			for i := range s.Shapes[op.Input].Members {
				if m := &s.Shapes[op.Input].Members[i]; m.Location == InBody && lowerFirst(m.Name) == first {
					p = lowerFirst(c.prefix.Name) + "." + p
				}
			}
		}
		c.bad = append(c.bad, "Value null at '"+p+"' failed to satisfy constraint: Member must not be null")
	}
	c.structure(&s.Shapes[op.Input], structOf(in))
	if s.Validation == ValidateRequired {
		if len(c.missing) > 0 {
			return CommonError(MissingParameterError, "The request must contain the parameter "+c.missing[0]+".")
		}
		if len(nulls) > 0 {
			last := nulls[0][strings.LastIndexByte(nulls[0], '.')+1:]
			return CommonError(MissingParameterError, "The request must contain the parameter "+upperFirst(last)+".")
		}
		return nil
	}
	switch n := len(c.bad); n {
	case 0:
		return nil
	case 1:
		return Invalid("1 validation error detected: " + c.bad[0])
	default:
		return Invalid(strconv.Itoa(n) + " validation errors detected: " + strings.Join(c.bad, "; "))
	}
}

// validateBody checks S3's XML bodies: what is missing or no word of an enumeration makes them malformed.
func validateBody(op *Op, in any, nulls []string) error {
	s := op.Schema
	sh := &s.Shapes[op.Input]
	if sh.Payload < 0 {
		return nil
	}
	m := &sh.Members[sh.Payload]
	ms := &s.Shapes[m.Shape]
	if ms.Kind != KindStructure {
		return nil
	}
	x, ok := member(sh, structOf(in), int(sh.Payload))
	if !ok {
		if m.Flags&Required != 0 {
			return &Error{Code: "MissingRequestBodyError", Status: 400, Message: "Request Body is empty"}
		}
		return nil
	}
	for _, n := range nulls {
		if strings.HasPrefix(n, lowerFirst(m.Name)+".") {
			return errXML
		}
	}
	c := checker{schema: s, only: true}
	c.structure(ms, x)
	if len(c.bad) > 0 {
		return errXML
	}
	return nil
}

func upperFirst(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

type checker struct {
	path
	schema  *Schema
	bad     []string
	missing []string
	direct  bool
	prefix  *Member // stands before body members at the top
	only    bool    // absence and enumerations only
	depth   int
}

func (c *checker) fail(sh *Shape, m *Member, shown, constraint string) {
	if len(c.bad) >= ErrorsMax {
		return
	}
	at := c.render(m)
	if sh.Flags&Sensitive != 0 {
		c.bad = append(c.bad, "Value at '"+at+"' failed to satisfy constraint: "+constraint)
		return
	}
	c.bad = append(c.bad, "Value '"+clip(shown)+"' at '"+at+"' failed to satisfy constraint: "+constraint)
}

func (c *checker) structure(sh *Shape, v reflect.Value) {
	if !v.IsValid() {
		v = reflect.Zero(typeMap)
	}
	if c.depth++; c.depth > DepthMax {
		c.depth--
		return
	}
	dynamic := v.Kind() == reflect.Map
	prefix := c.prefix
	c.prefix = nil
	for i := range sh.Members {
		m := &sh.Members[i]
		ms := &c.schema.Shapes[m.Shape]
		x, ok := member(sh, v, i)
		if prefix != nil {
			c.steps = c.steps[:0]
			if m.Location == InBody {
				c.push(prefix)
			}
		}
		if ok && !dynamic && m.Flags&Required != 0 && x.Kind() == reflect.String && x.Len() == 0 && v.Field(i).Kind() == reflect.String {
			if c.direct {
				ok = false
			} else if len(c.nulls) > 0 && c.isNull(m) {
				continue // reported already
			}
		}
		if !ok {
			if m.Flags&Required != 0 {
				if len(c.bad) < ErrorsMax {
					c.bad = append(c.bad, "Value null at '"+c.render(m)+"' failed to satisfy constraint: Member must not be null")
					c.missing = append(c.missing, m.Name)
				}
			}
			continue
		}
		if c.schema.Validation == ValidateRequired && ms.Kind > KindMap {
			continue
		}
		c.value(ms, m, x)
	}
	c.depth--
}

func (c *checker) isNull(m *Member) bool {
	at := c.render(m)
	for _, n := range c.nulls {
		if n == at {
			return true
		}
	}
	return false
}

func (c *checker) value(sh *Shape, m *Member, x reflect.Value) {
	if sh.Flags&Custom != 0 && x.Type() != typeMap {
		return
	}
	switch sh.Kind {
	case KindStructure:
		if x.Kind() != reflect.Struct && x.Kind() != reflect.Map {
			return // an event stream
		}
		c.push(m)
		c.structure(sh, x)
		c.pop()
	case KindList:
		c.list(sh, m, x)
	case KindMap:
		c.mapping(sh, m, x)
	default:
		for _, k := range c.scalar(sh, x) {
			c.fail(sh, m, show(x), k)
		}
	}
}

// scalar gives the constraints of sh that x breaks.
func (c *checker) scalar(sh *Shape, x reflect.Value) (bad []string) {
	if c.only && len(sh.Enum) == 0 {
		return nil
	}
	switch sh.Kind {
	case KindString:
		s := stringOf(x)
		if c.only {
			if !contains(sh.Enum, s) {
				bad = append(bad, "enum")
			}
			return bad
		}
		if sh.Flags&(HasMin|HasMax) != 0 {
			if n := utf16Len(s); sh.Flags&HasMax != 0 && float64(n) > sh.Max {
				bad = append(bad, "Member must have length less than or equal to "+number(sh.Max))
			} else if sh.Flags&HasMin != 0 && float64(n) < sh.Min {
				bad = append(bad, "Member must have length greater than or equal to "+number(sh.Min))
			}
		}
		if sh.Pattern >= 0 && !c.schema.Patterns[sh.Pattern].Match(s) {
			bad = append(bad, "Member must satisfy regular expression pattern: "+c.schema.Patterns[sh.Pattern].Text)
		}
		if len(sh.Enum) > 0 && !contains(sh.Enum, s) {
			bad = append(bad, "Member must satisfy enum value set: ["+strings.Join(sh.Enum, ", ")+"]")
		}
	case KindBlob:
		if x.Kind() != reflect.Slice {
			return nil
		}
		if n := float64(x.Len()); sh.Flags&HasMax != 0 && n > sh.Max {
			bad = append(bad, "Member must have length less than or equal to "+number(sh.Max))
		} else if sh.Flags&HasMin != 0 && n < sh.Min {
			bad = append(bad, "Member must have length greater than or equal to "+number(sh.Min))
		}
	case KindInteger, KindLong, KindFloat, KindDouble:
		f := asFloat(x)
		if sh.Flags&HasMax != 0 && f > sh.Max {
			bad = append(bad, "Member must have value less than or equal to "+number(sh.Max))
		} else if sh.Flags&HasMin != 0 && f < sh.Min {
			bad = append(bad, "Member must have value greater than or equal to "+number(sh.Min))
		}
	}
	return bad
}

// all gives every constraint of a scalar shape: what the message for an element of a list says.
func (c *checker) all(sh *Shape) string {
	var l []string
	word := "value"
	if sh.Kind == KindString || sh.Kind == KindBlob {
		word = "length"
	}
	if sh.Flags&HasMax != 0 {
		l = append(l, "Member must have "+word+" less than or equal to "+number(sh.Max))
	}
	if sh.Flags&HasMin != 0 {
		l = append(l, "Member must have "+word+" greater than or equal to "+number(sh.Min))
	}
	if sh.Pattern >= 0 {
		l = append(l, "Member must satisfy regular expression pattern: "+c.schema.Patterns[sh.Pattern].Text)
	}
	if len(sh.Enum) > 0 {
		l = append(l, "Member must satisfy enum value set: ["+strings.Join(sh.Enum, ", ")+"]")
	}
	return "[" + strings.Join(l, ", ") + "]"
}

func (c *checker) size(sh *Shape, m *Member, x reflect.Value) {
	if c.only {
		return
	}
	n := float64(x.Len())
	if sh.Flags&HasMax != 0 && n > sh.Max {
		c.fail(sh, m, show(x), "Member must have length less than or equal to "+number(sh.Max))
	} else if sh.Flags&HasMin != 0 && n < sh.Min {
		c.fail(sh, m, show(x), "Member must have length greater than or equal to "+number(sh.Min))
	}
}

func (c *checker) list(sh *Shape, m *Member, x reflect.Value) {
	es := &c.schema.Shapes[sh.Members[0].Shape]
	c.size(sh, m, x)
	if es.Kind > KindMap && es.Flags&(HasMin|HasMax) == 0 && es.Pattern < 0 && len(es.Enum) == 0 {
		return
	}
	if c.depth++; c.depth <= DepthMax {
		if es.Kind > KindMap {
			for i := range x.Len() {
				if y, ok := deref(x.Index(i)); ok && len(c.scalar(es, y)) > 0 {
					c.fail(es, m, show(x), "Member must satisfy constraint: "+c.all(es))
					break
				}
			}
		} else {
			c.push(m)
			for i := range x.Len() {
				if y, ok := deref(x.Index(i)); ok {
					c.pushIndex(i)
					c.inner(es, y)
					c.pop()
				}
			}
			c.pop()
		}
	}
	c.depth--
}

// inner checks a compound element, to which the path leads already.
func (c *checker) inner(es *Shape, y reflect.Value) {
	switch es.Kind {
	case KindStructure:
		if es.Flags&Custom == 0 || y.Kind() == reflect.Map {
			c.structure(es, y)
		}
	case KindList:
		c.list(es, &Member{}, y)
	case KindMap:
		c.mapping(es, &Member{}, y)
	}
}

func (c *checker) mapping(sh *Shape, m *Member, x reflect.Value) {
	c.size(sh, m, x)
	ks := &c.schema.Shapes[sh.Members[0].Shape]
	es := &c.schema.Shapes[sh.Members[1].Shape]
	if c.depth++; c.depth > DepthMax {
		c.depth--
		return
	}
	keysBad, valuesBad := false, false
	for _, k := range sortedKeys(x) {
		if !keysBad && len(c.scalar(ks, k)) > 0 {
			keysBad = true
			c.fail(ks, m, show(x), "Map keys must satisfy constraint: "+c.all(ks))
		}
		y, ok := deref(x.MapIndex(k))
		if !ok {
			continue
		}
		if es.Kind > KindMap {
			if !valuesBad && len(c.scalar(es, y)) > 0 {
				valuesBad = true
				c.fail(es, m, show(x), "Map value must satisfy constraint: "+c.all(es))
			}
			continue
		}
		c.push(m)
		c.pushKey(k.String())
		c.inner(es, y)
		c.pop()
		c.pop()
	}
	c.depth--
}

// show writes a value as AWS's messages do: lists as [a, b], maps as {k=v}, structures as Name(member=value).
func show(x reflect.Value) string {
	var b strings.Builder
	showTo(&b, x, 0)
	return b.String()
}

func showTo(b *strings.Builder, x reflect.Value, depth int) {
	x, ok := deref(x)
	if !ok {
		b.WriteString("null")
		return
	}
	if b.Len() > ValueChars || depth > DepthMax {
		return
	}
	switch x.Kind() {
	case reflect.String:
		b.WriteString(x.String())
	case reflect.Slice:
		if x.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "java.nio.HeapByteBuffer[pos=0 lim=%d cap=%d]", x.Len(), x.Len())
			return
		}
		b.WriteByte('[')
		for i := range x.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			showTo(b, x.Index(i), depth+1)
		}
		b.WriteByte(']')
	case reflect.Map:
		b.WriteByte('{')
		for i, k := range sortedKeys(x) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(k.String())
			b.WriteByte('=')
			showTo(b, x.MapIndex(k), depth+1)
		}
		b.WriteByte('}')
	case reflect.Struct:
		if x.Type() == typeTime {
			b.Write(appendTime(nil, asTime(x), TimeISO8601, false))
			return
		}
		t := x.Type()
		b.WriteString(t.Name())
		b.WriteByte('(')
		for i := range x.NumField() {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(lowerFirst(t.Field(i).Name))
			b.WriteByte('=')
			showTo(b, x.Field(i), depth+1)
		}
		b.WriteByte(')')
	case reflect.Bool:
		b.WriteString(strconv.FormatBool(x.Bool()))
	default:
		switch {
		case x.CanInt():
			b.WriteString(strconv.FormatInt(x.Int(), 10))
		case x.CanFloat():
			b.Write(appendFloat(nil, x.Float(), KindDouble))
		}
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// utf16Len is the length as Java counts it.
func utf16Len(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			n++
			continue
		}
		r, w := utf8.DecodeRuneInString(s[i:])
		i += w
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// Match tells whether the whole of s matches. An expression that Go's dialect cannot say matches everything.
func (p *Pattern) Match(s string) bool {
	if p.Expr == "" {
		return true
	}
	re := p.re.Load()
	if re == nil {
		re = regexp.MustCompile(`\A(?:` + p.Expr + `)\z`)
		p.re.Store(re)
	}
	if !re.MatchString(s) {
		return false
	}
	if p.Not == "" {
		return true
	}
	not := p.not.Load()
	if not == nil {
		not = regexp.MustCompile(`\A(?:` + p.Not + `)`)
		p.not.Store(not)
	}
	return !not.MatchString(s)
}
