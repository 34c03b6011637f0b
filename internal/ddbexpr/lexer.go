package ddbexpr

import "unicode/utf8"

type tokenKind uint8

const (
	tEOF tokenKind = iota
	tUnknown
	tID
	tIndex
	tName  // #name
	tValue // :value
	tComma
	tOpen
	tClose
	tDot
	tSquare
	tSquareEnd
	tEQ
	tNE
	tLT
	tLE
	tGT
	tGE
	tPlus
	tMinus
	tIn
	tBetween
	tNot
	tAnd
	tOr
	tSet
	tAdd
	tDelete
	tRemove
)

type token struct {
	kind     tokenKind
	from, to int
}

// lexer gives the tokens of an expression one by one.
type lexer struct {
	text string
	at   int
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

func (l *lexer) next() token {
	for l.at < len(l.text) {
		switch l.text[l.at] {
		case ' ', '\t', '\n', '\r':
			l.at++
			continue
		}
		break
	}
	from := l.at
	if from == len(l.text) {
		return token{tEOF, from, from}
	}
	c := l.text[from]
	end := from + 1
	kind := tUnknown
	switch {
	case isLetter(c):
		for end < len(l.text) && isWord(l.text[end]) {
			end++
		}
		kind = keyword(l.text[from:end])
	case isDigit(c):
		for c != '0' && end < len(l.text) && isDigit(l.text[end]) { // 01 is two numbers
			end++
		}
		kind = tIndex
	case c == '#' || c == ':':
		for end < len(l.text) && isWord(l.text[end]) {
			end++
		}
		switch {
		case end == from+1:
		case c == '#':
			kind = tName
		default:
			kind = tValue
		}
	case c == ',':
		kind = tComma
	case c == '(':
		kind = tOpen
	case c == ')':
		kind = tClose
	case c == '.':
		kind = tDot
	case c == '[':
		kind = tSquare
	case c == ']':
		kind = tSquareEnd
	case c == '+':
		kind = tPlus
	case c == '-':
		kind = tMinus
	case c == '=':
		kind = tEQ
	case c == '<' || c == '>':
		kind = tLT
		if c == '>' {
			kind = tGT
		}
		if end < len(l.text) && l.text[end] == '=' {
			kind++
			end++
		} else if c == '<' && end < len(l.text) && l.text[end] == '>' {
			kind = tNE
			end++
		}
	default:
		_, w := utf8.DecodeRuneInString(l.text[from:])
		end = from + w
	}
	l.at = end
	return token{kind, from, end}
}

// keyword tells keywords, in any case, from names.
func keyword(w string) tokenKind {
	var buf [7]byte
	if len(w) < 2 || len(w) > len(buf) {
		return tID
	}
	for i := range len(w) {
		buf[i] = w[i] | 0x20
	}
	switch string(buf[:len(w)]) {
	case "in":
		return tIn
	case "between":
		return tBetween
	case "not":
		return tNot
	case "and":
		return tAnd
	case "or":
		return tOr
	case "set":
		return tSet
	case "add":
		return tAdd
	case "delete":
		return tDelete
	case "remove":
		return tRemove
	}
	return tID
}
