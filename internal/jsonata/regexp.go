package jsonata

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// regex is a regular expression of JavaScript in the words of RE2.
type regex struct {
	source string
	re     *regexp.Regexp
	later  *regexp.Regexp // for a match after the start of the text, where ^ cannot hold
	looks  bool           // it looks at the character before a match: then later takes that character first
	cost   int            // steps for 16 bytes of text
}

// jsSpace is JavaScript's \s, as members of a class.
const jsSpace = `\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`

const (
	anyChar = `[\x{0}-\x{10FFFF}]`
	noChar  = `[^\x{0}-\x{10FFFF}]`
)

// newRegex translates a regular expression; why names what it holds that linear time cannot give.
func newRegex(source, flags string) (re *regex, why string) {
	translate := func(start string, wrap bool) (*regexp.Regexp, string) {
		t := translator{src: source, start: start}
		t.all()
		if t.why != "" {
			return nil, t.why
		}
		text := t.out.String()
		if wrap {
			text = `\A(?s:.)(?s:.*?)(` + text + ")"
		}
		if flags != "" {
			text = "(?" + flags + ")" + text
		}
		re, err := regexp.Compile(text)
		if err != nil {
			if e, ok := err.(*syntax.Error); ok {
				return nil, string(e.Code) + ": " + e.Expr
			}
			return nil, err.Error()
		}
		return re, ""
	}
	r := &regex{source: source, cost: 1 + len(source)/8}
	if r.re, why = translate("^", false); why != "" {
		return nil, why
	}
	start := noChar
	if strings.Contains(flags, "m") {
		start = "^"
	}
	r.looks = strings.Contains(source, `\b`) || strings.Contains(source, `\B`) || strings.Contains(flags, "m")
	if r.later, why = translate(start, r.looks); why != "" {
		return nil, why
	}
	return r, ""
}

type translator struct {
	src   string
	i     int
	start string // what ^ becomes
	out   strings.Builder
	why   string
}

func (t *translator) refuse(format string, a ...any) {
	if t.why == "" {
		t.why = fmt.Sprintf(format, a...)
	}
	t.i = len(t.src)
}

func (t *translator) rest() string { return t.src[t.i:] }

func (t *translator) all() {
	for t.i < len(t.src) {
		switch c := t.src[t.i]; c {
		case '.':
			t.i++
			t.out.WriteString(`[^\n\r\x{2028}\x{2029}]`)
		case '^':
			t.i++
			t.out.WriteString(t.start)
		case '(':
			t.open()
		case '[':
			t.class()
		case ']', '}':
			t.i++
			t.out.WriteByte('\\')
			t.out.WriteByte(c)
		case '{':
			t.repeat()
		case '\\':
			r, class := t.escape(false)
			switch {
			case t.why != "":
			case class != "":
				t.out.WriteString(class)
			default:
				t.char(r)
			}
		case '*', '+', '?', '|', ')', '$':
			t.i++
			t.out.WriteByte(c)
		default:
			r, n := decode(t.rest())
			t.i += n
			t.char(r)
		}
	}
}

// char writes one character that stands for itself.
func (t *translator) char(r rune) {
	if r >= 0xD800 && r <= 0xDFFF {
		t.refuse("half a surrogate pair")
		return
	}
	if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == ' ') {
		t.out.WriteByte(byte(r))
		return
	}
	fmt.Fprintf(&t.out, `\x{%x}`, r)
}

func (t *translator) open() {
	rest := t.rest()
	for _, x := range [...][2]string{{"(?=", "look-ahead (?="}, {"(?!", "look-ahead (?!"}, {"(?<=", "look-behind (?<="}, {"(?<!", "look-behind (?<!"}} {
		if strings.HasPrefix(rest, x[0]) {
			t.refuse("%s", x[1])
			return
		}
	}
	switch {
	case strings.HasPrefix(rest, "(?:"):
		t.i += 3
		t.out.WriteString("(?:")
	case strings.HasPrefix(rest, "(?<"):
		end := strings.IndexByte(rest, '>')
		if end < 0 {
			t.refuse("group name without end")
			return
		}
		t.i += end + 1
		t.out.WriteString("(?P" + rest[2:end+1])
	case strings.HasPrefix(rest, "(?"):
		t.refuse("group %s", rest[:min(3, len(rest))])
	default:
		t.i++
		t.out.WriteByte('(')
	}
}

// repeatMax is the largest count of a repetition.
const repeatMax = 1000

func (t *translator) repeat() {
	rest := t.rest()
	end := strings.IndexByte(rest, '}')
	if end > 0 {
		low, high, comma := strings.Cut(rest[1:end], ",")
		n, err := strconv.Atoi(low)
		m, err2 := n, error(nil)
		if comma && high != "" {
			m, err2 = strconv.Atoi(high)
		}
		if err == nil && err2 == nil && digitsOnly(low) && digitsOnly(high) {
			if n > repeatMax || m > repeatMax {
				t.refuse("repetition %s over %d", rest[:end+1], repeatMax)
				return
			}
			t.out.WriteString(rest[:end+1])
			t.i += end + 1
			return
		}
	}
	t.i++
	t.out.WriteString(`\{`)
}

func digitsOnly(s string) bool { return strings.Trim(s, "0123456789") == "" }

// escape reads what follows a backslash: a character, or a class or assertion in RE2's words.
func (t *translator) escape(inClass bool) (rune, string) {
	t.i++
	if t.i >= len(t.src) {
		t.refuse("a backslash at the end")
		return 0, ""
	}
	c, n := decode(t.rest())
	t.i += n
	hex := func(digits int) (rune, bool) {
		if t.i+digits > len(t.src) {
			return 0, false
		}
		v, err := strconv.ParseUint(t.src[t.i:t.i+digits], 16, 32)
		if err != nil {
			return 0, false
		}
		t.i += digits
		return rune(v), true
	}
	switch c {
	case 'd', 'D', 'w', 'W':
		return 0, `\` + string(c)
	case 's':
		if inClass {
			return 0, jsSpace
		}
		return 0, "[" + jsSpace + "]"
	case 'S':
		if inClass {
			// The complement, written out.
			return 0, `\x{0}-\x{8}\x{e}-\x{1f}!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
		}
		return 0, "[^" + jsSpace + "]"
	case 'b':
		if inClass {
			return 8, ""
		}
		return 0, `\b`
	case 'B':
		return 0, `\B`
	case 't':
		return '\t', ""
	case 'n':
		return '\n', ""
	case 'v':
		return '\v', ""
	case 'f':
		return '\f', ""
	case 'r':
		return '\r', ""
	case '0':
		return 0, ""
	case 'x':
		if r, ok := hex(2); ok {
			return r, ""
		}
		return 'x', ""
	case 'u':
		r, ok := hex(4)
		if !ok {
			return 'u', ""
		}
		if r >= 0xD800 && r < 0xDC00 && strings.HasPrefix(t.rest(), `\u`) {
			t.i += 2
			if l, ok := hex(4); ok && l >= 0xDC00 && l <= 0xDFFF {
				return 0x10000 + (r-0xD800)<<10 + (l - 0xDC00), ""
			}
		}
		if r >= 0xD800 && r <= 0xDFFF {
			t.refuse("half a surrogate pair")
		}
		return r, ""
	case 'c':
		if t.i < len(t.src) {
			if l := t.src[t.i] | 0x20; l >= 'a' && l <= 'z' {
				t.i++
				return rune(l - 'a' + 1), ""
			}
		}
		t.refuse(`\c without a letter`)
		return 0, ""
	case 'k':
		t.refuse(`back-reference \k`)
		return 0, ""
	}
	if c >= '1' && c <= '9' {
		t.refuse(`back-reference \%c`, c)
	}
	return c, ""
}

// class reads […].
func (t *translator) class() {
	t.i++
	negated := strings.HasPrefix(t.rest(), "^")
	if negated {
		t.i++
	}
	if strings.HasPrefix(t.rest(), "]") {
		t.i++
		if negated {
			t.out.WriteString(anyChar)
		} else {
			t.out.WriteString(noChar)
		}
		return
	}
	t.out.WriteByte('[')
	if negated {
		t.out.WriteByte('^')
	}
	atom := func() (rune, string) {
		if t.src[t.i] == '\\' {
			return t.escape(true)
		}
		r, n := decode(t.rest())
		t.i += n
		return r, ""
	}
	for t.i < len(t.src) && t.src[t.i] != ']' {
		r, class := atom()
		if t.why != "" {
			return
		}
		if class != "" {
			t.out.WriteString(class)
			continue
		}
		t.char(r)
		if rest := t.rest(); len(rest) < 2 || rest[0] != '-' || rest[1] == ']' {
			continue
		}
		t.i++
		to, class := atom()
		if t.why != "" {
			return
		}
		if class != "" {
			t.out.WriteString(`\-` + class)
			continue
		}
		if to < r {
			t.refuse("range out of order in character class")
			return
		}
		t.out.WriteByte('-')
		t.char(to)
	}
	if t.i >= len(t.src) {
		t.refuse("character class without end")
		return
	}
	t.i++
	t.out.WriteByte(']')
}

// find is the first match at or after byte from, as pairs of offsets, nil for none.
func (r *regex) find(s string, from int) []int {
	if from == 0 {
		return r.re.FindStringSubmatchIndex(s)
	}
	if from > len(s) {
		return nil
	}
	if !r.looks {
		return moved(r.later.FindStringSubmatchIndex(s[from:]), from)
	}
	back := from - 1
	for back > 0 && s[back]&0xC0 == 0x80 {
		back--
	}
	loc := r.later.FindStringSubmatchIndex(s[back:])
	if loc == nil {
		return nil
	}
	return moved(loc[2:], back)
}

func moved(loc []int, by int) []int {
	for i := range loc {
		if loc[i] >= 0 {
			loc[i] += by
		}
	}
	return loc
}
