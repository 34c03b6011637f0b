package jsonata

import "strings"

// signature is what a function asks of its arguments, as <s-n?:s>.
type signature struct {
	params []param
	simple bool // no + among them
}

type param struct {
	types    uint16 // bits of the kinds that are accepted
	optional bool
	many     bool
	context  bool   // the context stands in where the argument is missing
	kind     byte   // the letter of the type, ( for a choice
	sub      string // type of an array's members
}

// typeLetters are the letters of the kinds, in their order; m is a missing argument.
const typeLetters = "mlbnsaof"

func typeBits(letters string) uint16 {
	var bits uint16
	for i := 0; i < len(letters); i++ {
		if j := strings.IndexByte(typeLetters, letters[i]); j >= 0 {
			bits |= 1 << j
		}
	}
	return bits
}

func (v Value) typeBit() uint16 { return 1 << v.kind }

// parseSignature reads a signature with its brackets. The error's position is from its start.
func parseSignature(s string) (*signature, *Error) {
	sig := &signature{simple: true}
	last := func() *param {
		if len(sig.params) == 0 {
			return &param{}
		}
		return &sig.params[len(sig.params)-1]
	}
	closing := func(from int, open, end byte) int {
		depth := 1
		for from++; from < len(s); from++ {
			switch s[from] {
			case end:
				if depth--; depth == 0 {
					return from
				}
			case open:
				depth++
			}
		}
		return len(s)
	}
	for i := 1; i < len(s) && s[i] != ':'; i++ {
		switch c := s[i]; c {
		case 's', 'n', 'b', 'l', 'o':
			sig.params = append(sig.params, param{types: typeBits(s[i:i+1] + "m"), kind: c})
		case 'a', 'x':
			sig.params = append(sig.params, param{types: typeBits(typeLetters), kind: c})
		case 'f':
			sig.params = append(sig.params, param{types: typeBits("f"), kind: c})
		case 'j':
			sig.params = append(sig.params, param{types: typeBits("asnblom"), kind: c})
		case '-':
			last().context, last().optional = true, true
		case '?':
			last().optional = true
		case '+':
			last().many, sig.simple = true, false
		case '(':
			end := closing(i, '(', ')')
			choice := s[i+1 : min(end, len(s))]
			if strings.IndexByte(choice, '<') >= 0 {
				return nil, &Error{Code: "S0402", Position: i, Value: Str(choice)}
			}
			sig.params = append(sig.params, param{types: typeBits(choice + "m"), kind: c})
			i = end
		case '<':
			if k := last().kind; k != 'a' && k != 'f' {
				return nil, &Error{Code: "S0401", Position: i, Value: Str(string(rune(k)))}
			}
			end := closing(i, '<', '>')
			last().sub = s[i+1 : min(end, len(s))]
			i = end
		}
	}
	return sig, nil
}

// counts says how many arguments each parameter takes: as many as it can, the earlier first. ok is false where they do
// not fit, and then at is the first argument that does not.
func (g *signature) counts(args []Value) (n []int, at int, ok bool) {
	p, a := len(g.params), len(args)
	fits := make([]bool, (p+1)*(a+1)) // from parameter i on, arguments from j on fit
	cell := func(i, j int) int { return i*(a+1) + j }
	fits[cell(p, a)] = true
	for i := p - 1; i >= 0; i-- {
		q := &g.params[i]
		for j := a; j >= 0; j-- {
			takes := j < a && q.types&args[j].typeBit() != 0
			fits[cell(i, j)] = takes && (fits[cell(i+1, j+1)] || q.many && fits[cell(i, j+1)] && (q.optional || j+1 < a)) || q.optional && fits[cell(i+1, j)]
		}
	}
	n = make([]int, p)
	if !fits[0] {
		return nil, g.firstBad(args), false
	}
	j := 0
	for i := range g.params {
		q := &g.params[i]
		for j < a && q.types&args[j].typeBit() != 0 && (n[i] == 0 || q.many) {
			if !fits[cell(i+1, j+1)] && !(q.many && fits[cell(i, j+1)]) {
				break
			}
			n[i]++
			j++
		}
	}
	return n, 0, true
}

// firstBad is the argument at which an incomplete match ends.
func (g *signature) firstBad(args []Value) int {
	for i := range g.params {
		part := signature{params: g.params[:i+1]}
		reach := part.reach(args)
		if reach < 0 {
			if i == 0 {
				return 0
			}
			return max(0, (&signature{params: g.params[:i]}).reach(args))
		}
	}
	return max(0, g.reach(args))
}

// reach is how many arguments the parameters take from the left when what follows does not matter, -1 for no match.
func (g *signature) reach(args []Value) int {
	j := 0
	for i := range g.params {
		q, n := &g.params[i], 0
		for j < len(args) && q.types&args[j].typeBit() != 0 && (n == 0 || q.many) {
			j++
			n++
		}
		if n == 0 && !q.optional {
			return -1
		}
	}
	return j
}

var pluralTypes = map[string]string{"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}

// check gives the arguments as the function takes them: the context where one is missing, single values as arrays.
func (g *signature) check(m *machine, args []Value, context Value) ([]Value, *Error) {
	if g.simple && len(args) == len(g.params) {
		fits := true
		for i := range args {
			fits = fits && g.params[i].types&args[i].typeBit() != 0
		}
		if fits {
			for i := range args {
				if g.params[i].kind == 'a' {
					if err := g.params[i].array(m, &args[i], 1, i); err != nil {
						return nil, err
					}
				}
			}
			return args, nil
		}
	}
	counts, at, ok := g.counts(args)
	if !ok {
		e := &Error{Code: "T0410", index: at + 1}
		if at < len(args) {
			e.Value = args[at]
		}
		return nil, e
	}
	out := make([]Value, 0, len(g.params)+len(args))
	j := 0
	arg := func() Value {
		j++
		if j <= len(args) {
			return args[j-1]
		}
		return Value{}
	}
	for i := range g.params {
		p := &g.params[i]
		if counts[i] == 0 {
			if !p.context {
				out = append(out, arg())
				continue
			}
			if p.types&context.typeBit() == 0 {
				return nil, &Error{Code: "T0411", Value: context, index: j + 1}
			}
			out = append(out, context)
			continue
		}
		for range counts[i] {
			v := arg()
			if p.kind == 'a' {
				if err := p.array(m, &v, counts[i], j-1); err != nil {
					return nil, err
				}
			}
			out = append(out, v)
		}
	}
	return out, nil
}

// array makes the argument an array and looks at its members.
func (p *param) array(m *machine, v *Value, count, at int) *Error {
	if v.kind == Undefined {
		return nil
	}
	ok := true
	if p.sub != "" {
		if v.kind != ArrayKind {
			ok = count == 1 && len(p.sub) == 1 && typeLetters[v.kind] == p.sub[0]
		} else if items := v.array().Items; len(items) > 0 {
			ok = typeLetters[items[0].kind] == p.sub[0]
			for i := 1; ok && i < len(items); i++ {
				ok = items[i].kind == items[0].kind
			}
		}
	}
	if !ok {
		return &Error{Code: "T0412", Value: *v, index: at + 1, kind: pluralTypes[p.sub]}
	}
	if v.kind != ArrayKind {
		if err := m.takeItems(1); err != nil {
			return err
		}
		*v = arrayValue(&Array{Items: []Value{*v}, made: true})
	}
	return nil
}
