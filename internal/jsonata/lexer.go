package jsonata

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokOperator
	tokName
	tokVariable
	tokString
	tokNumber
	tokValue
	tokRegex
)

// token is one word of an expression. pos is where the next one begins, or would, as the reference counts: after the
// token itself.
type token struct {
	kind  tokenKind
	text  string // operator, name, variable or string; source text of a number
	value Value  // of a literal
	regex *regex
	pos   int
}

// lexer gives the tokens of an expression.
type lexer struct {
	src         string
	i           int
	ascii       bool
	seen, units int // bytes already counted, and the code units in them
}

// at is the position of byte i in UTF-16 code units.
func (l *lexer) at(i int) int {
	i = min(i, len(l.src))
	if l.ascii {
		return i
	}
	if i < l.seen {
		return units(l.src[:i])
	}
	l.units += units(l.src[l.seen:i])
	l.seen = i
	return l.units
}

func (l *lexer) fail(code string, at int, tok string) *Error {
	return &Error{Code: code, Position: l.at(at), Token: tok, hasToken: tok != "", placed: true}
}

func (l *lexer) made(kind tokenKind, text string) (token, *Error) {
	return token{kind: kind, text: text, pos: l.at(l.i)}, nil
}

const (
	blanks = " \t\n\r\v"
	// single are the operators of one character; each ends a name.
	single = ".[]{}(),@#;:?+-*/%|=<>^&!~"
)

var doubles = []string{"..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??"}

func (l *lexer) skip() *Error {
	for l.i < len(l.src) {
		if strings.IndexByte(blanks, l.src[l.i]) >= 0 {
			l.i++
			continue
		}
		if !strings.HasPrefix(l.src[l.i:], "/*") {
			return nil
		}
		end := strings.Index(l.src[l.i+2:], "*/")
		if end < 0 {
			return l.fail("S0106", l.i, "")
		}
		l.i += 2 + end + 2
	}
	return nil
}

// next is the next token; where an operand is awaited a slash begins a regular expression.
func (l *lexer) next(operand bool) (token, *Error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	if l.i >= len(l.src) {
		return token{text: "(end)", pos: l.at(len(l.src))}, nil
	}
	rest := l.src[l.i:]
	c := rest[0]
	if c == '/' && operand {
		return l.pattern()
	}
	for _, op := range doubles {
		if strings.HasPrefix(rest, op) {
			l.i += 2
			return l.made(tokOperator, op)
		}
	}
	if strings.IndexByte(single, c) >= 0 {
		l.i++
		return l.made(tokOperator, rest[:1])
	}
	switch {
	case c == '"' || c == '\'':
		return l.quoted(c)
	case c >= '0' && c <= '9':
		return l.number()
	case c == '`':
		end := strings.IndexByte(rest[1:], '`')
		if end < 0 {
			l.i = len(l.src)
			return token{}, l.fail("S0105", l.i, "")
		}
		l.i += end + 2
		return l.made(tokName, rest[1:end+1])
	}
	n := strings.IndexAny(rest, blanks+single)
	if n < 0 {
		n = len(rest)
	}
	l.i += n
	word := rest[:n]
	if c == '$' {
		return l.made(tokVariable, word[1:])
	}
	switch word {
	case "or", "in", "and":
		return l.made(tokOperator, word)
	case "true", "false":
		t, _ := l.made(tokValue, word)
		t.value = Bool(word == "true")
		return t, nil
	case "null":
		t, _ := l.made(tokValue, word)
		t.value = NullValue
		return t, nil
	}
	return l.made(tokName, word)
}

func (l *lexer) number() (token, *Error) {
	s, n := l.src[l.i:], 1
	digits := func(from int) int {
		for from < len(s) && s[from] >= '0' && s[from] <= '9' {
			from++
		}
		return from
	}
	if s[0] != '0' {
		n = digits(1)
	}
	if n < len(s) && s[n] == '.' {
		if end := digits(n + 1); end > n+1 {
			n = end
		}
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		from := n + 1
		if from < len(s) && (s[from] == '+' || s[from] == '-') {
			from++
		}
		if end := digits(from); end > from {
			n = end
		}
	}
	f, err := strconv.ParseFloat(s[:n], 64)
	if err != nil {
		return token{}, l.fail("S0102", l.i, s[:n])
	}
	l.i += n
	t, _ := l.made(tokNumber, s[:n])
	t.value = Num(f)
	return t, nil
}

func (l *lexer) quoted(quote byte) (token, *Error) {
	l.i++
	start := l.i
	var b []byte // once there was an escape
	for l.i < len(l.src) {
		c := l.src[l.i]
		if c == quote {
			text := l.src[start:l.i]
			if b != nil {
				text = string(b)
			}
			l.i++
			t, _ := l.made(tokString, text)
			t.value = Str(text)
			return t, nil
		}
		if c != '\\' {
			if b != nil {
				b = append(b, c)
			}
			l.i++
			continue
		}
		if b == nil {
			b = append(make([]byte, 0, l.i-start+16), l.src[start:l.i]...)
		}
		l.i++
		if l.i >= len(l.src) {
			return token{}, l.fail("S0103", l.i, "")
		}
		c = l.src[l.i]
		if j := strings.IndexByte(`"\/bfnrt`, c); j >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[j])
			l.i++
			continue
		}
		if c != 'u' {
			_, w := utf8.DecodeRuneInString(l.src[l.i:])
			return token{}, l.fail("S0103", l.i, l.src[l.i:l.i+w])
		}
		hex := l.src[l.i+1 : min(l.i+5, len(l.src))]
		n, err := strconv.ParseUint(hex, 16, 16)
		if err != nil || len(hex) < 4 {
			return token{}, l.fail("S0104", l.i, "")
		}
		b = appendChar(b, rune(n))
		l.i += 5
	}
	return token{}, l.fail("S0101", l.i, "")
}

// pattern reads /…/ with its flags; a slash inside brackets or after a backslash does not end it.
func (l *lexer) pattern() (token, *Error) {
	l.i++
	start, depth := l.i, 0
	for ; l.i < len(l.src); l.i++ {
		c := l.src[l.i]
		if c == '/' && depth == 0 {
			slashes := 0
			for l.src[l.i-1-slashes] == '\\' {
				slashes++
			}
			if slashes%2 == 0 {
				break
			}
		}
		escaped := l.i > start && l.src[l.i-1] == '\\'
		switch {
		case escaped:
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		}
	}
	if l.i >= len(l.src) {
		return token{}, l.fail("S0302", l.i, "")
	}
	source := l.src[start:l.i]
	if source == "" {
		return token{}, l.fail("S0301", l.i, "")
	}
	end := l.i
	l.i++
	flags := l.i
	for l.i < len(l.src) && (l.src[l.i] == 'i' || l.src[l.i] == 'm') {
		l.i++
	}
	re, why := newRegex(source, l.src[flags:l.i])
	if why != "" {
		return token{}, l.fail("S0303", end, why)
	}
	t, _ := l.made(tokRegex, source)
	t.regex = re
	return t, nil
}
