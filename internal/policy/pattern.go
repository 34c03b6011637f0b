package policy

import (
	"strings"
	"unicode/utf8"
)

// variablesMax is how many variables one string may have; Parse refuses more.
const variablesMax = 16

type tokenKind uint8

const (
	literal  tokenKind = iota
	star               // any characters
	one                // one character
	variable           // the value of a key, taken literally
)

type token struct {
	kind     tokenKind
	text     string // the literal, or the key's name in lower case
	fallback string
	hasFall  bool
}

type patternForm uint8

const (
	exact patternForm = iota
	anything
	prefix
	general
)

// pattern is a compiled string of a policy. Matching takes no memory.
type pattern struct {
	form   patternForm
	fold   bool // ASCII letters in any case
	text   string
	tokens []token
	vars   int
}

// outcome is what a match gives; unresolved means that a variable had no value.
type outcome uint8

const (
	no outcome = iota
	yes
	unresolved
)

// variables counts the variables that a string may have.
func variables(s string) int { return strings.Count(s, "${") }

// compilePattern reads a string: wild lets * and ? be wildcards, vars lets ${…} be variables and escapes.
func compilePattern(s string, wild, vars, fold bool) pattern {
	p := pattern{fold: fold}
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			p.tokens = append(p.tokens, token{text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case wild && c == '*':
			flush()
			if n := len(p.tokens); n == 0 || p.tokens[n-1].kind != star {
				p.tokens = append(p.tokens, token{kind: star})
			}
			continue
		case wild && c == '?':
			flush()
			p.tokens = append(p.tokens, token{kind: one})
			continue
		case vars && c == '$' && strings.HasPrefix(s[i:], "${"):
			if end := strings.IndexByte(s[i:], '}'); end > 2 {
				body := s[i+2 : i+end]
				i += end
				if body == "*" || body == "?" || body == "$" {
					lit.WriteString(body)
					continue
				}
				flush()
				p.tokens = append(p.tokens, variableToken(body))
				p.vars++
				continue
			}
		}
		lit.WriteByte(c)
	}
	flush()
	t := p.tokens
	switch {
	case len(t) == 0:
		p.form, p.tokens = exact, nil
	case len(t) == 1 && t[0].kind == literal:
		p.form, p.text, p.tokens = exact, t[0].text, nil
	case len(t) == 1 && t[0].kind == star:
		p.form, p.tokens = anything, nil
	case len(t) == 2 && t[0].kind == literal && t[1].kind == star && !fold:
		p.form, p.text, p.tokens = prefix, t[0].text, nil
	default:
		p.form = general
	}
	return p
}

// variableToken reads what stands between ${ and }: a key, or a key, a comma and a quoted default.
func variableToken(body string) token {
	key, rest, has := strings.Cut(body, ",")
	t := token{kind: variable, text: strings.ToLower(strings.TrimSpace(key))}
	if rest = strings.TrimSpace(rest); has && len(rest) >= 2 && rest[0] == '\'' && rest[len(rest)-1] == '\'' {
		t.fallback, t.hasFall = rest[1:len(rest)-1], true
	}
	return t
}

// run is one evaluation: where its keys come from, and how many steps its patterns may still take. Below zero the
// evaluation ends in a refusal, whatever the pattern stands in.
type run struct {
	ctx   Context
	steps int
}

// match tells whether s is what the pattern describes.
func (p *pattern) match(s string, on *run) outcome {
	switch p.form {
	case exact:
		if p.text == s || p.fold && strings.EqualFold(p.text, s) {
			return yes
		}
		return no
	case anything:
		return yes
	case prefix:
		if strings.HasPrefix(s, p.text) {
			return yes
		}
		return no
	}
	if t := &p.tokens[0]; t.kind == literal { // most strings end here, before variables are looked up
		if len(s) < len(t.text) || !equal(t.text, s[:len(t.text)], p.fold) {
			return no
		}
	}
	var vals [variablesMax]string
	if p.vars > 0 {
		n := 0
		for i := range p.tokens {
			t := &p.tokens[i]
			if t.kind != variable {
				continue
			}
			if n == len(vals) {
				return unresolved
			}
			v, ok := lookup(on.ctx, t.text)
			switch {
			case ok && len(v) == 1:
				vals[n] = v[0]
			case t.hasFall:
				vals[n] = t.fallback
			default:
				return unresolved
			}
			n++
		}
	}
	if glob(p.tokens, &vals, s, p.fold, &on.steps) {
		return yes
	}
	return no
}

func equal(a, b string, fold bool) bool {
	return a == b || fold && strings.EqualFold(a, b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// glob matches with the last star only remembered, which is enough for globs: time is at most the product of the
// lengths of pattern and string, never exponential, and steps ends it before.
func glob(tokens []token, vals *[variablesMax]string, s string, fold bool, steps *int) bool {
	at, off, nv, si := 0, 0, 0, 0 // token, byte in its text, variables before it, byte in s
	starAt, starVar, starS := -1, 0, 0
	for {
		if *steps--; *steps < 0 {
			return false
		}
		ok := false
		if at == len(tokens) {
			if si == len(s) {
				return true
			}
		} else {
			t := &tokens[at]
			switch t.kind {
			case star:
				starAt, starVar, starS = at, nv, si
				at++
				if at == len(tokens) {
					return true
				}
				continue
			case one:
				if si < len(s) {
					si += width(s[si:])
					at++
					ok = true
				}
			default:
				text := t.text
				if t.kind == variable {
					text = vals[nv]
				}
				from := off
				for off < len(text) && si < len(s) && (text[off] == s[si] || fold && lower(text[off]) == lower(s[si])) {
					off++
					si++
				}
				*steps -= off - from
				if off == len(text) {
					if t.kind == variable {
						nv++
					}
					at, off, ok = at+1, 0, true
				}
			}
		}
		if ok {
			continue
		}
		if starAt < 0 || starS >= len(s) {
			return false
		}
		starS += width(s[starS:])
		at, off, nv, si = starAt+1, 0, starVar, starS
		if t := &tokens[at]; t.kind == literal && !fold { // go to the next place where the literal stands
			i := strings.Index(s[si:], t.text)
			if i < 0 {
				return false
			}
			si += i
			starS = si
		}
	}
}

func width(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// splitARN cuts a string at its first five colons outside ${…}.
func splitARN(s string, vars bool) []string {
	var parts []string
	start, inside := 0, false
	for i := 0; i < len(s) && len(parts) < 5; i++ {
		switch {
		case inside:
			inside = s[i] != '}'
		case vars && strings.HasPrefix(s[i:], "${") && strings.IndexByte(s[i:], '}') > 2:
			inside = true
		case s[i] == ':':
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// compileResource reads a Resource: an incomplete ARN is completed with wildcards.
func compileResource(s string, vars bool) pattern {
	if s != "*" {
		if n := len(splitARN(s, vars)); n > 1 {
			s += strings.Repeat(":*", 6-n)
		}
	}
	return compilePattern(s, true, vars, false)
}
