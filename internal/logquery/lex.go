package logquery

import (
	"fmt"
	"strings"
)

// Error is a query that is refused. Services answer it as MalformedQueryException.
type Error struct {
	Message string
	Offset  int // byte of the query where it was noticed
}

// Error gives the message and the place.
func (e *Error) Error() string { return fmt.Sprintf("%s (at character %d)", e.Message, e.Offset+1) }

type kind uint8

const (
	end kind = iota
	name
	quotedName // in backticks
	text
	number // with a unit where it has one: 5m
	regex
	sign
)

type token struct {
	kind kind
	s    string
	at   int
	to   int
}

func letter(c byte) bool {
	return c == '@' || c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// lex cuts a query into tokens. A slash begins a regular expression where an operand can stand.
func lex(q string) ([]token, error) {
	var out []token
	operand := true // an operand can stand here
	for i := 0; i < len(q); {
		c := q[i]
		from := i
		add := func(k kind, s string) { out = append(out, token{k, s, from, i}) }
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '#':
			for i < len(q) && q[i] != '\n' {
				i++
			}
			continue
		case letter(c):
			for i < len(q) && (letter(q[i]) || digit(q[i]) || q[i] == '.' && i+1 < len(q) && (letter(q[i+1]) || digit(q[i+1]))) {
				i++
			}
			s := q[from:i]
			add(name, s)
			switch strings.ToLower(s) {
			case "like", "parse", "and", "or", "not", "in", "by", "as", "filter":
				operand = true
			default:
				// parse FIELD /regex/
				operand = len(out) > 1 && strings.EqualFold(out[len(out)-2].s, "parse") && out[len(out)-2].kind == name
			}
			continue
		case digit(c) || c == '.' && i+1 < len(q) && digit(q[i+1]):
			for i < len(q) && (digit(q[i]) || q[i] == '.') {
				i++
			}
			if i < len(q) && (q[i] == 'e' || q[i] == 'E') && i+1 < len(q) && (digit(q[i+1]) || (q[i+1] == '-' || q[i+1] == '+') && i+2 < len(q) && digit(q[i+2])) {
				i += 2
				for i < len(q) && digit(q[i]) {
					i++
				}
			}
			for i < len(q) && letter(q[i]) {
				i++
			}
			add(number, q[from:i])
			operand = false
			continue
		case c == '"' || c == '\'' || c == '`':
			var b strings.Builder
			i++
			for ; ; i++ {
				if i >= len(q) {
					return nil, &Error{"a quoted text does not end", from}
				}
				if q[i] == c {
					break
				}
				if q[i] == '\\' && i+1 < len(q) && c != '`' {
					i++
					switch q[i] {
					case 'n':
						b.WriteByte('\n')
					case 't':
						b.WriteByte('\t')
					case '"', '\'', '\\', '/':
						b.WriteByte(q[i])
					default:
						b.WriteByte('\\')
						b.WriteByte(q[i])
					}
					continue
				}
				b.WriteByte(q[i])
			}
			i++
			k := text
			if c == '`' {
				k = quotedName
			}
			operand = len(out) > 0 && out[len(out)-1].kind == name && strings.EqualFold(out[len(out)-1].s, "parse")
			add(k, b.String())
			continue
		case c == '/' && operand:
			i++
			for ; ; i++ {
				if i >= len(q) {
					return nil, &Error{"a regular expression does not end", from}
				}
				if q[i] == '/' {
					break
				}
				if q[i] == '\\' {
					i++
				}
			}
			i++
			add(regex, strings.ReplaceAll(q[from+1:i-1], `\/`, "/"))
			operand = false
			continue
		}
		two := ""
		if i+1 < len(q) {
			two = q[i : i+2]
		}
		switch two {
		case "!=", "<=", ">=", "=~":
			i += 2
			add(sign, two)
			operand = true
			continue
		}
		if strings.IndexByte("=<>+-*/%^(),|[]", c) < 0 {
			return nil, &Error{fmt.Sprintf("unexpected character %q", c), i}
		}
		i++
		add(sign, string(c))
		operand = c != ')' && c != ']'
	}
	out = append(out, token{kind: end, at: len(q), to: len(q)})
	return out, nil
}
