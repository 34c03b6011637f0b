package servicemodel

import (
	"regexp"
	"strconv"
	"strings"
)

var counted = regexp.MustCompile(`\{(\d+)(,?)(\d*)\}`)

// Translate turns a Java expression into Go's dialect: expr must match the whole value, and not, where it is set,
// must not match its beginning. An empty expr means that Go cannot say it and nothing is to be checked.
func Translate(p string) (expr, not string) {
	expr = p
	// a leading negative lookahead, perhaps inside a group that spans the rest
	if rest, ok := strings.CutPrefix(expr, "("); ok && strings.HasPrefix(rest, "?!") || strings.HasPrefix(expr, "((?!") || strings.HasPrefix(expr, "^(?!") {
		open := strings.Index(expr, "(?!")
		if end := closing(expr, open); end > 0 {
			not = expr[open+3 : end]
			expr = expr[:open] + expr[end+1:]
		}
	}
	expr, not = dialect(expr), dialect(not)
	if _, err := regexp.Compile(`\A(?:` + expr + `)\z`); err != nil {
		return "", ""
	}
	if _, err := regexp.Compile(`\A(?:` + not + `)`); err != nil {
		return "", ""
	}
	return expr, not
}

// closing gives the index of the parenthesis that closes the one at open, -1 where there is none.
func closing(s string, open int) int {
	depth, class := 0, false
	for i := open; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			class = true
		case ']':
			class = false
		case '(':
			if !class {
				depth++
			}
		case ')':
			if !class {
				if depth--; depth == 0 {
					return i
				}
			}
		}
	}
	return -1
}

func dialect(p string) string {
	if p == "" {
		return ""
	}
	// JSON's surrogate pairs of the supplementary planes, then other UTF-16 escapes
	p = strings.ReplaceAll(p, `\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`)
	p = strings.ReplaceAll(p, `\ud800\udc00-\udbff\udfff`, `\x{10000}-\x{10FFFF}`)
	var b strings.Builder
	class := 0
	for i := 0; i < len(p); i++ {
		c := p[i]
		if c == '\\' && i+1 < len(p) {
			switch n := p[i+1]; {
			case n == 'u' && i+5 < len(p):
				h := p[i+2 : i+6]
				if v, err := strconv.ParseUint(h, 16, 32); err == nil {
					if v >= 0xD800 && v <= 0xDFFF {
						if v = 0xD7FF; strings.EqualFold(h, "DFFF") {
							v = 0xDFFF
						}
					}
					b.WriteString(`\x{` + strings.ToUpper(strconv.FormatUint(v, 16)) + `}`)
					i += 5
					continue
				}
				return "("
			case n == 'p' && strings.HasPrefix(p[i:], `\p{Graph}`):
				b.WriteString("!-~")
				if class == 0 {
					return "("
				}
				i += len(`\p{Graph}`) - 1
				continue
			case n == 'p' && strings.HasPrefix(p[i:], `\p{ASCII}`):
				b.WriteString(`\x00-\x7F`)
				if class == 0 {
					return "("
				}
				i += len(`\p{ASCII}`) - 1
				continue
			case n == 'p' && strings.HasPrefix(p[i:], `\p{Print}`):
				b.WriteString(` -~`)
				if class == 0 {
					return "("
				}
				i += len(`\p{Print}`) - 1
				continue
			case n == 'p' && strings.HasPrefix(p[i:], `\p{IsLetter}`):
				b.WriteString(`\pL`)
				i += len(`\p{IsLetter}`) - 1
				continue
			case n == 'p' && strings.HasPrefix(p[i:], `\p{IsDigit}`):
				b.WriteString(`\p{Nd}`)
				i += len(`\p{IsDigit}`) - 1
				continue
			case n == 'p' && strings.HasPrefix(p[i:], `\p{Alnum}`) && class > 0:
				b.WriteString(`0-9A-Za-z`)
				i += len(`\p{Alnum}`) - 1
				continue
			}
			b.WriteByte(c)
			b.WriteByte(p[i+1])
			i++
			continue
		}
		switch {
		case c == '[' && class == 0:
			class = 1
			b.WriteByte(c)
			if i+1 < len(p) && p[i+1] == '^' {
				i++
				b.WriteByte('^')
			}
			continue
		case c == '[':
			b.WriteString(`\[`) // Java would open a nested class; models mean the character
			continue
		case c == ']' && class > 0:
			class = 0
		case c == '-' && class > 0 && i > 0 && i+1 < len(p) && p[i+1] != ']' && afterSet(p, i):
			b.WriteString(`\-`) // [\w-_]: no range can begin at a set
			continue
		case c == '+' && class == 0 && i > 0 && (p[i-1] == '+' || p[i-1] == '*' || p[i-1] == '?' || p[i-1] == '}') && !escapedAt(p, i-1):
			continue // possessive: the same words, other ways of finding them
		case c == '{' && class == 0:
			if loc := counted.FindStringSubmatchIndex(p[i:]); loc != nil && loc[0] == 0 {
				b.WriteString(repeat(p[i : i+loc[1]]))
				i += loc[1] - 1
				continue
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// escapedAt tells whether the byte at i is escaped.
func escapedAt(p string, i int) bool {
	n := 0
	for i--; i >= 0 && p[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// afterSet tells whether a set (\w, \d, a finished range) stands before the '-' at i.
func afterSet(p string, i int) bool {
	if i >= 2 && p[i-2] == '\\' && strings.IndexByte("wWdDsS", p[i-1]) >= 0 && !escapedAt(p, i-2) {
		return true
	}
	if i >= 3 && p[i-2] == '-' && p[i-3] != '[' && p[i-1] != '\\' && !escapedAt(p, i-2) {
		return true
	}
	return p[i-1] == '}'
}

// repeat bounds a counted repetition to what Go takes: a thousand. Beyond, the upper bound is left to the length
// constraint that such shapes have.
func repeat(s string) string {
	m := counted.FindStringSubmatch(s)
	lo, _ := strconv.Atoi(m[1])
	hi, _ := strconv.Atoi(m[3])
	if lo <= 1000 && hi <= 1000 {
		return s
	}
	if lo > 1000 {
		return "+"
	}
	return "{" + m[1] + ",}"
}
