package eventpattern

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is what the lexer finds.
type token uint8

const (
	tokEnd token = iota
	tokObject
	tokObjectEnd
	tokArray
	tokArrayEnd
	tokName
	tokString
	tokNumber
	tokTrue
	tokFalse
	tokNull
)

type scope struct {
	array bool
	start int // offset of its opening character
	count int // entries so far
}

// lexer reads a pattern as the JSON reader of event-ruler does: a name comes together with the start of its value, a
// string's characters are read when they are asked for, and both show in the positions of refusals.
type lexer struct {
	src     string
	pos     int
	tok     token
	next    token // the value that came with a name
	named   bool
	at      int // offset where the value began
	name    string
	text    string
	pending bool // tok is a string whose characters were not read yet
	scopes  []scope
	depth   int
}

func (l *lexer) fail(format string, args ...any) error {
	return l.failAt(l.pos, format, args...)
}

func (l *lexer) failAt(offset int, format string, args ...any) error {
	line, column := position(l.src, offset)
	return &Error{Reason: fmt.Sprintf(format, args...), Line: line, Column: column, source: l.src}
}

func describe(r rune) string {
	switch {
	case r < 0x20 || r >= 0x7f && r <= 0x9f:
		return "(CTRL-CHAR, code " + strconv.Itoa(int(r)) + ")"
	case r > 255:
		return fmt.Sprintf("'%c' (code %d / 0x%x)", r, r, r)
	}
	return fmt.Sprintf("'%c' (code %d)", r, r)
}

func (l *lexer) unexpected(offset int, why string) error {
	r, size := utf8.DecodeRuneInString(l.src[offset:])
	if why != "" {
		why = ": " + why
	}
	l.pos = offset + size // the reader has passed it, as a refusal around this one shows
	return l.failAt(offset, "Unexpected character (%s)%s", describe(r), why)
}

// space moves to the next character that is none; false is the end.
func (l *lexer) space() (bool, error) {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			l.pos++
		case c < 0x20:
			return false, l.failAt(l.pos, "Illegal character (%s): only regular white space (\\r, \\n, \\t) is allowed between tokens", describe(rune(c)))
		case c == '/':
			return false, l.unexpected(l.pos, "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)")
		default:
			return true, nil
		}
	}
	return false, nil
}

func (l *lexer) scope() *scope {
	if len(l.scopes) == 0 {
		return nil
	}
	return &l.scopes[len(l.scopes)-1]
}

func (s *scope) kind() string {
	if s.array {
		return "Array"
	}
	return "Object"
}

func (l *lexer) open(array bool, at int) error {
	if len(l.scopes) >= l.depth {
		return l.fail("Document nesting depth (%d) exceeds the maximum allowed (%d, from `StreamReadConstraints.getMaxNestingDepth()`)", l.depth+1, l.depth)
	}
	l.scopes = append(l.scopes, scope{array: array, start: at})
	return nil
}

// read moves to the next token.
func (l *lexer) read() (token, error) {
	if l.named {
		l.named = false
		l.tok = l.next
		switch l.tok {
		case tokObject, tokArray:
			return l.tok, l.open(l.tok == tokArray, l.at)
		}
		return l.tok, nil
	}
	if l.pending {
		if err := l.finish(); err != nil {
			return 0, err
		}
	}
	some, err := l.space()
	if err != nil {
		return 0, err
	}
	in := l.scope()
	if !some {
		if in == nil {
			l.tok = tokEnd
			return tokEnd, nil
		}
		line, column := position(l.src, in.start)
		return 0, l.fail("Unexpected end-of-input: expected close marker for %s (start marker at %s)", in.kind(), location(l.src, line, column))
	}
	c := l.src[l.pos]
	if c == ']' || c == '}' {
		return l.close(in, c)
	}
	if in != nil && in.count > 0 {
		if c != ',' {
			return 0, l.unexpected(l.pos, "was expecting comma to separate "+in.kind()+" entries")
		}
		l.pos++
		if some, err = l.space(); err != nil {
			return 0, err
		} else if !some {
			return 0, l.fail("Unexpected end-of-input within/between %s entries", in.kind())
		}
	}
	if in != nil {
		in.count++
	}
	if in == nil || in.array {
		l.tok, err = l.value()
		if err == nil && (l.tok == tokObject || l.tok == tokArray) {
			err = l.open(l.tok == tokArray, l.at)
		}
		return l.tok, err
	}
	if l.src[l.pos] != '"' {
		return 0, l.unexpected(l.pos, "was expecting double-quote to start field name")
	}
	l.pos++
	if l.name, err = l.quoted("name"); err != nil {
		return 0, err
	}
	if some, err = l.space(); err != nil {
		return 0, err
	} else if !some {
		return 0, l.fail("Unexpected end-of-input within/between Object entries")
	}
	if l.src[l.pos] != ':' {
		return 0, l.unexpected(l.pos, "was expecting a colon to separate field name and value")
	}
	l.pos++
	if some, err = l.space(); err != nil {
		return 0, err
	} else if !some {
		return 0, l.fail("Unexpected end-of-input within/between Object entries")
	}
	if l.next, err = l.value(); err != nil {
		return 0, err
	}
	l.named, l.tok = true, tokName
	return tokName, nil
}

func (l *lexer) close(in *scope, c byte) (token, error) {
	array := c == ']'
	if in == nil || in.array != array {
		if in == nil {
			kind := scope{array: array}
			return 0, l.fail("Unexpected close marker '%c': no open %s to close", c, kind.kind())
		}
		kind, want, start := in.kind(), '}', in.start
		if c == '}' {
			want = ']'
		}
		line, column := position(l.src, start)
		return 0, l.fail("Unexpected close marker '%c': expected '%c' (for %s starting at %s)", c, want, kind, location(l.src, line, column))
	}
	l.pos++
	l.scopes = l.scopes[:len(l.scopes)-1]
	l.tok = tokObjectEnd
	if array {
		l.tok = tokArrayEnd
	}
	return l.tok, nil
}

const valuesExpected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

// value reads the start of a value; strings are left pending.
func (l *lexer) value() (token, error) {
	l.at = l.pos
	switch c := l.src[l.pos]; {
	case c == '"':
		l.pos++
		l.pending = true
		return tokString, nil
	case c == '[':
		l.pos++
		return tokArray, nil
	case c == '{':
		l.pos++
		return tokObject, nil
	case c == '}':
		return 0, l.unexpected(l.pos, "expected a value")
	case c == 't':
		return tokTrue, l.word("true")
	case c == 'f':
		return tokFalse, l.word("false")
	case c == 'n':
		return tokNull, l.word("null")
	case c == '-' || c >= '0' && c <= '9':
		return tokNumber, l.number()
	case c == '+' && l.pos+1 < len(l.src) && l.src[l.pos+1] >= '0' && l.src[l.pos+1] <= '9':
		return 0, l.failAt(l.pos+1, "Unexpected character ('+' (code 43)) in numeric value: JSON spec does not allow numbers to have plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow")
	}
	for _, odd := range []string{"NaN", "Infinity"} {
		if strings.HasPrefix(l.src[l.pos:], odd) && !partAt(l.src, l.pos+len(odd)) {
			return 0, l.failAt(l.pos+len(odd), "Non-standard token '%s': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", odd)
		}
	}
	if partAt(l.src, l.pos) {
		return 0, l.unrecognized()
	}
	return 0, l.unexpected(l.pos, "expected a valid value "+valuesExpected)
}

func partAt(s string, at int) bool {
	if at >= len(s) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[at:])
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// tokenRunesShown of an unknown word stand in the refusal.
const tokenRunesShown = 256

func (l *lexer) unrecognized() error {
	end := l.at
	for n := 0; n < tokenRunesShown && partAt(l.src, end); n++ {
		_, size := utf8.DecodeRuneInString(l.src[end:])
		end += size
	}
	return l.failAt(l.at, "Unrecognized token '%s': was expecting %s", l.src[l.at:end], valuesExpected)
}

func (l *lexer) word(w string) error {
	if !strings.HasPrefix(l.src[l.pos:], w) || partAt(l.src, l.pos+len(w)) {
		return l.unrecognized()
	}
	l.pos += len(w)
	l.text = w
	return nil
}

// digitsMax is the length of a number that the reference's JSON reader takes.
const digitsMax = 1000

func (l *lexer) number() error {
	s, i := l.src, l.pos
	digit := func() bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }
	bad := func(at, shown int, why string) error {
		r, _ := utf8.DecodeRuneInString(s[shown:])
		return l.failAt(at, "Unexpected character (%s) in numeric value: %s", describe(r), why)
	}
	if s[i] == '-' {
		if i++; !digit() {
			if l.pos = i; i == len(s) {
				return l.fail("Unexpected end-of-inputNo digit following sign")
			}
			return bad(i, i, "expected digit (0-9) to follow minus sign, for valid numeric value")
		}
	}
	if s[i] == '0' {
		if i++; digit() {
			l.pos = i
			return l.failAt(i, "Invalid numeric value: Leading zeroes not allowed")
		}
	}
	for digit() {
		i++
	}
	whole := i // where the reader stands when a later part is wrong
	if i < len(s) && s[i] == '.' {
		if i++; !digit() {
			l.pos = i
			return bad(whole, min(i, len(s)-1), "Decimal point not followed by a digit")
		}
		for digit() {
			i++
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digit() {
			if l.pos = i; i == len(s) {
				return l.fail("Unexpected end-of-inputexpected a digit for number exponent")
			}
			return bad(whole, i, "Exponent indicator not followed by a digit")
		}
		for digit() {
			i++
		}
	}
	if len(l.scopes) == 0 && i < len(s) && s[i] > ' ' {
		return l.unexpected(i, "Expected space separating root-level values")
	}
	if i-l.pos > digitsMax {
		return l.fail("Number value length (%d) exceeds the maximum allowed (%d, from `StreamReadConstraints.getMaxNumberLength()`)", i-l.pos, digitsMax)
	}
	l.text, l.pos = s[l.pos:i], i
	return nil
}

// finish reads the characters of a pending string.
func (l *lexer) finish() (err error) {
	l.pending = false
	l.text, err = l.quoted("string value")
	return err
}

// value of the current token as text.
func (l *lexer) string() (string, error) {
	switch l.tok {
	case tokString:
		if l.pending {
			if err := l.finish(); err != nil {
				return "", err
			}
		}
		return l.text, nil
	case tokName:
		return l.name, nil
	case tokObject:
		return "{", nil
	case tokObjectEnd:
		return "}", nil
	case tokArray:
		return "[", nil
	case tokArrayEnd:
		return "]", nil
	case tokEnd:
		return "null", nil
	}
	return l.text, nil
}

// quoted reads to the closing quote.
func (l *lexer) quoted(what string) (string, error) {
	s := l.src
	start := l.pos
	for i := start; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			l.pos = i + 1
			return s[start:i], nil
		case c == '\\':
			return l.escaped(what, start, i)
		case c < 0x20:
			return "", l.unquoted(i, what)
		}
	}
	return "", l.unclosed(what)
}

func (l *lexer) unquoted(at int, what string) error {
	return l.failAt(at, "Illegal unquoted character (%s): has to be escaped using backslash to be included in %s", describe(rune(l.src[at])), what)
}

func (l *lexer) unclosed(what string) error {
	l.pos = len(l.src)
	if what == "name" {
		return l.fail("Unexpected end-of-input in field name")
	}
	return l.fail("Unexpected end-of-input: was expecting closing quote for a string value")
}

func (l *lexer) escaped(what string, start, i int) (string, error) {
	s := l.src
	out := append(make([]byte, 0, len(s)-start), s[start:i]...)
	for i < len(s) {
		switch c := s[i]; {
		case c == '"':
			l.pos = i + 1
			return string(out), nil
		case c < 0x20:
			return "", l.unquoted(i, what)
		case c != '\\':
			out = append(out, c)
			i++
		default:
			n, bad := 0, 0
			if out, n, bad = unescape(out, s, i); n == 0 {
				if bad >= len(s) {
					l.pos = len(s)
					return "", l.fail("Unexpected end-of-input in character escape sequence")
				}
				r, _ := utf8.DecodeRuneInString(s[bad:])
				if bad > i+1 {
					return "", l.unexpected(bad, "expected a hex-digit for character escape sequence")
				}
				return "", l.failAt(bad, "Unrecognized character escape %s", describe(r))
			}
			i += n
		}
	}
	return "", l.unclosed(what)
}

// unescape appends what the escape at s[i] stands for and gives its length, 0 and the offending place if it is none. A
// surrogate without its other half becomes a question mark, as in Java's bytes of it.
func unescape[T string | []byte](out []byte, s T, i int) ([]byte, int, int) {
	if i+1 >= len(s) {
		return out, 0, i + 1
	}
	switch c := s[i+1]; c {
	case '"', '\\', '/':
		return append(out, c), 2, 0
	case 'b':
		return append(out, '\b'), 2, 0
	case 'f':
		return append(out, '\f'), 2, 0
	case 'n':
		return append(out, '\n'), 2, 0
	case 'r':
		return append(out, '\r'), 2, 0
	case 't':
		return append(out, '\t'), 2, 0
	case 'u':
	default:
		return out, 0, i + 1
	}
	r, bad := hex4(s, i+2)
	if bad >= 0 {
		return out, 0, bad
	}
	if r >= 0xd800 && r < 0xdc00 && i+7 < len(s) && s[i+6] == '\\' && s[i+7] == 'u' {
		if low, bad := hex4(s, i+8); bad < 0 && low >= 0xdc00 && low < 0xe000 {
			return utf8.AppendRune(out, 0x10000+(r-0xd800)<<10+(low-0xdc00)), 12, 0
		}
	}
	if r >= 0xd800 && r < 0xe000 {
		return append(out, '?'), 6, 0
	}
	return utf8.AppendRune(out, r), 6, 0
}

func hex4[T string | []byte](s T, at int) (rune, int) {
	var r rune
	for i := at; i < at+4; i++ {
		if i >= len(s) {
			return 0, i
		}
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|32 >= 'a' && c|32 <= 'f':
			r = r<<4 | rune(c|32-'a'+10)
		default:
			return 0, i
		}
	}
	return r, -1
}
