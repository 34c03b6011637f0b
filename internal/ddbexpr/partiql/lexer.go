package partiql

import (
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	end    kind = iota
	word        // an identifier or keyword
	quoted      // "identifier"
	text        // 'string'
	number
	symbol
	wrong
)

type token struct {
	kind     kind
	text     string // a word as written, a string or quoted identifier without its quotes
	from, to int
}

// is tells whether a token is a keyword (in any case) or symbol.
func (t token) is(s string) bool {
	return t.kind == word && strings.EqualFold(t.text, s) || t.kind == symbol && t.text == s
}

// lex gives all tokens of a statement, the last of kind end.
func lex(s string) []token {
	var out []token
	for i := 0; i < len(s); {
		c, from := s[i], i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case strings.HasPrefix(s[i:], "--"):
			for i < len(s) && s[i] != '\n' {
				i++
			}
			continue
		case c == '\'' || c == '"':
			t, after, ok := unquote(s, i)
			k := text
			if c == '"' {
				k = quoted
			}
			if !ok {
				k = wrong
			}
			i = after
			out = append(out, token{k, t, from, i})
			continue
		case c >= '0' && c <= '9' || c == '.' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' && !afterPath(out):
			i = lexNumber(s, i)
			out = append(out, token{number, s[from:i], from, i})
			continue
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$':
			for i < len(s) && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' || s[i] == '_' || s[i] == '$' || s[i] >= '0' && s[i] <= '9') {
				i++
			}
			out = append(out, token{word, s[from:i], from, i})
			continue
		}
		k, n := wrong, 1
		for _, sym := range symbols {
			if strings.HasPrefix(s[i:], sym) {
				k, n = symbol, len(sym)
				break
			}
		}
		if k == wrong {
			_, n = utf8.DecodeRuneInString(s[i:])
		}
		i += n
		out = append(out, token{k, s[from:i], from, i})
	}
	return append(out, token{end, "", len(s), len(s)})
}

var symbols = [...]string{"<<", ">>", "<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", "[", "]", "{", "}", ",", ".", ":", "*", "?", "+", "-", ";"}

func afterPath(out []token) bool {
	if len(out) == 0 {
		return false
	}
	t := out[len(out)-1]
	return t.kind == word || t.kind == quoted || t.is("]")
}

// unquote reads a quoted text in which a quote stands twice.
func unquote(s string, i int) (string, int, bool) {
	q := s[i]
	from := i + 1
	for i = from; i < len(s); i++ {
		if s[i] != q {
			continue
		}
		if i+1 < len(s) && s[i+1] == q {
			i++
			continue
		}
		t := s[from:i]
		if strings.IndexByte(t, q) >= 0 {
			t = strings.ReplaceAll(t, string([]byte{q, q}), string(q))
		}
		return t, i + 1, true
	}
	return "", len(s), false
}

func lexNumber(s string, i int) int {
	digits := func() {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
	}
	digits()
	if i < len(s) && s[i] == '.' {
		i++
		digits()
	}
	if i+1 < len(s) && s[i]|0x20 == 'e' {
		j := i + 1
		if s[j] == '+' || s[j] == '-' {
			j++
		}
		if j < len(s) && s[j] >= '0' && s[j] <= '9' {
			i = j
			digits()
		}
	}
	return i
}
