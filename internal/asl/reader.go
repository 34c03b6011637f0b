package asl

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"virga/internal/jsonpath"
)

// syntaxError is a mistake in JSON in the words of the reader that AWS uses, with its place.
type syntaxError struct {
	what     string
	location string
}

func (e *syntaxError) Error() string {
	if e.location == "" {
		return e.what
	}
	return e.what + "\n at " + e.location
}

// sourceShown is how much of a source a location repeats.
const sourceShown = 500

// reader reads JSON with positions.
type reader struct {
	s    string
	i    int
	once bool // equal names within an object are refused
}

// readJSON reads one JSON value; of equal names the last counts.
func readJSON(s string) (any, error) { return (&reader{s: s}).all() }

// readDefinition reads one JSON value in which equal names within an object are refused.
func readDefinition(s string) (any, error) { return (&reader{s: s, once: true}).all() }

func (r *reader) all() (any, error) {
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	r.space()
	if r.i < len(r.s) {
		return nil, r.unexpected("Expected only one value")
	}
	return v, nil
}

func (r *reader) place(at int) string {
	line, start := 1, 0
	for i := 0; i < at && i < len(r.s); i++ {
		if r.s[i] == '\n' {
			line, start = line+1, i+1
		}
	}
	column := 1
	if start <= at {
		column += utf8.RuneCountInString(r.s[start:min(at, len(r.s))])
	}
	shown, rest := r.s, ""
	if len(shown) > sourceShown {
		rest = "[truncated " + strconv.Itoa(len(shown)-sourceShown) + " chars]"
		shown = strings.ToValidUTF8(shown[:sourceShown], "")
	}
	return fmt.Sprintf("[Source: (String)%s; line: %d, column: %d]", `"`+shown+`"`+rest, line, column)
}

func (r *reader) fail(at int, format string, args ...any) error {
	return &syntaxError{fmt.Sprintf(format, args...), r.place(at)}
}

func (r *reader) unexpected(wanted string) error {
	if r.i >= len(r.s) {
		return r.fail(len(r.s), "Unexpected end-of-input: %s", wanted)
	}
	c, _ := utf8.DecodeRuneInString(r.s[r.i:])
	return r.fail(r.i+1, "Unexpected character ('%c' (code %d)): %s", c, c, wanted)
}

func (r *reader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

const someValue = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

func (r *reader) value(depth int) (any, error) {
	if depth > DocumentDepthMax {
		return nil, r.fail(r.i, "Document nesting depth (%d) exceeds the maximum allowed (%d)", depth, DocumentDepthMax)
	}
	r.space()
	if r.i >= len(r.s) {
		return nil, &syntaxError{what: "No content to map due to end-of-input"}
	}
	switch c := r.s[r.i]; {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.list(depth)
	case c == '"':
		return r.text()
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	case c|32 >= 'a' && c|32 <= 'z' || c == '_' || c == '$' || c >= utf8.RuneSelf:
		start := r.i
		for r.i < len(r.s) {
			k, n := utf8.DecodeRuneInString(r.s[r.i:])
			if !(k|32 >= 'a' && k|32 <= 'z' || k >= '0' && k <= '9' || k == '_' || k == '$' || k >= utf8.RuneSelf) {
				break
			}
			r.i += n
		}
		switch word := r.s[start:r.i]; word {
		case "null":
			return nil, nil
		case "true":
			return true, nil
		case "false":
			return false, nil
		default:
			return nil, r.fail(r.i, "Unrecognized token '%s': %s", word, someValue)
		}
	}
	return nil, r.unexpected("expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
}

func (r *reader) object(depth int) (any, error) {
	start := r.i
	r.i++
	o := &jsonpath.Object{}
	for first := true; ; first = false {
		r.space()
		if r.i >= len(r.s) {
			return nil, r.fail(len(r.s), "Unexpected end-of-input: expected close marker for Object (start marker at %s)", r.place(start))
		}
		if first && r.s[r.i] == '}' {
			r.i++
			return o, nil
		}
		if r.s[r.i] != '"' {
			return nil, r.unexpected("was expecting double-quote to start field name")
		}
		at := r.i
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if _, again := o.Get(name); again && r.once {
			return nil, r.fail(at, "Duplicate field '%s'", name)
		}
		r.space()
		if r.i >= len(r.s) || r.s[r.i] != ':' {
			return nil, r.unexpected("was expecting a colon to separate field name and value")
		}
		r.i++
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.Set(name, v)
		r.space()
		switch {
		case r.i < len(r.s) && r.s[r.i] == ',':
			r.i++
		case r.i < len(r.s) && r.s[r.i] == '}':
			r.i++
			return o, nil
		case r.i >= len(r.s):
			return nil, r.fail(len(r.s), "Unexpected end-of-input: expected close marker for Object (start marker at %s)", r.place(start))
		default:
			return nil, r.unexpected("was expecting comma to separate Object entries")
		}
	}
}

func (r *reader) list(depth int) (any, error) {
	start := r.i
	r.i++
	list := []any{}
	for first := true; ; first = false {
		r.space()
		if first && r.i < len(r.s) && r.s[r.i] == ']' {
			r.i++
			return list, nil
		}
		if r.i >= len(r.s) {
			return nil, r.fail(len(r.s), "Unexpected end-of-input: expected close marker for Array (start marker at %s)", r.place(start))
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		r.space()
		switch {
		case r.i < len(r.s) && r.s[r.i] == ',':
			r.i++
		case r.i < len(r.s) && r.s[r.i] == ']':
			r.i++
			return list, nil
		case r.i >= len(r.s):
			return nil, r.fail(len(r.s), "Unexpected end-of-input: expected close marker for Array (start marker at %s)", r.place(start))
		default:
			return nil, r.unexpected("was expecting comma to separate Array entries")
		}
	}
}

func (r *reader) text() (string, error) {
	r.i++
	var b []byte
	start := r.i
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == '"':
			t := r.s[start:r.i]
			r.i++
			if b != nil {
				t = string(append(b, t...))
			}
			return strings.ToValidUTF8(t, "\ufffd"), nil
		case c < 0x20:
			return "", r.fail(r.i+1, "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		case c != '\\':
			r.i++
		default:
			b = append(b, r.s[start:r.i]...)
			k, err := r.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, k)
			start = r.i
		}
	}
	return "", r.fail(len(r.s), "Unexpected end-of-input in VALUE_STRING")
}

// escape reads what follows a backslash.
func (r *reader) escape() (rune, error) {
	r.i++
	if r.i >= len(r.s) {
		return 0, r.fail(len(r.s), "Unexpected end-of-input in character escape sequence")
	}
	c := r.s[r.i]
	r.i++
	if k := strings.IndexByte(`"\/bfnrt`, c); k >= 0 {
		return rune("\"\\/\b\f\n\r\t"[k]), nil
	}
	if c != 'u' {
		return 0, r.fail(r.i, "Unrecognized character escape '%c' (code %d)", c, c)
	}
	hex := func() (rune, bool) {
		if r.i+4 > len(r.s) {
			return 0, false
		}
		n, err := strconv.ParseUint(r.s[r.i:r.i+4], 16, 16)
		return rune(n), err == nil
	}
	k, ok := hex()
	if !ok {
		return 0, r.fail(r.i, "Unexpected character: expected a hex-digit for character escape sequence")
	}
	r.i += 4
	if utf16.IsSurrogate(k) && strings.HasPrefix(r.s[r.i:], `\u`) {
		r.i += 2
		if low, ok := hex(); ok {
			if both := utf16.DecodeRune(k, low); both != utf8.RuneError {
				r.i += 4
				return both, nil
			}
		}
		r.i -= 2
	}
	return k, nil
}

func (r *reader) number() (any, error) {
	start := r.i
	digits := func() int {
		from := r.i
		for r.i < len(r.s) && r.s[r.i] >= '0' && r.s[r.i] <= '9' {
			r.i++
		}
		return r.i - from
	}
	if r.s[r.i] == '-' {
		r.i++
	}
	zero := r.i < len(r.s) && r.s[r.i] == '0'
	switch n := digits(); {
	case n == 0:
		return nil, r.unexpected("expected digit (0-9) to follow minus sign, for valid numeric value")
	case zero && n > 1:
		return nil, r.fail(r.i, "Invalid numeric value: Leading zeroes not allowed")
	}
	if r.i < len(r.s) && r.s[r.i] == '.' {
		r.i++
		if digits() == 0 {
			return nil, r.unexpected("Decimal point not followed by a digit")
		}
	}
	if r.i < len(r.s) && r.s[r.i]|32 == 'e' {
		r.i++
		if r.i < len(r.s) && (r.s[r.i] == '+' || r.s[r.i] == '-') {
			r.i++
		}
		if digits() == 0 {
			return nil, r.unexpected("Exponent indicator not followed by a digit")
		}
	}
	return jsonpath.Number(r.s[start:r.i]), nil
}
