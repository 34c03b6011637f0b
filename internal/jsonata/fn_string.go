package jsonata

import (
	"encoding/base64"
	"math"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// text is a value as $string gives it; nothing is "".
func (m *machine) text(v Value, pretty bool) (string, *Error) {
	switch v.kind {
	case Undefined, FunctionKind:
		return "", nil
	case String:
		return v.Text(), nil
	case Boolean:
		if v.Bool() {
			return "true", nil
		}
		return "false", nil
	case Null:
		return "null", nil
	case Number:
		f := v.Float()
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return "", &Error{Code: "D3001", Value: v}
		}
		return numberText(fifteen(f)), nil
	}
	if v.kind == ArrayKind && v.array().outer {
		v = v.array().Items[0]
		if v.kind != ArrayKind {
			return m.text(v, pretty)
		}
	}
	e := encoder{max: min(m.limits.Output, m.memory), pretty: pretty, asText: true, steps: m.step}
	if err := e.value(v, 0); err != nil {
		switch err := err.(type) {
		case *Error:
			return "", err
		case *OutputError:
			return "", limitError(err.Limit, err.Max)
		}
	}
	if err := m.takeText(len(e.b)); err != nil {
		return "", err
	}
	return string(e.b), nil
}

func fnString(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	s, err := m.text(v, a.at(1).kind == Boolean && a.at(1).Bool())
	return Str(s), err
}

// clampInt truncates towards zero, within what an int32 holds.
func clampInt(f float64) int {
	switch {
	case math.IsNaN(f):
		return 0
	case f > math.MaxInt32:
		return math.MaxInt32
	case f < math.MinInt32:
		return math.MinInt32
	}
	return int(f)
}

func fnSubstring(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	s := v.Text()
	if err := m.step(1 + len(s)/64); err != nil {
		return Value{}, err
	}
	n, start := float64(chars(s)), 0.0
	if a.at(1).kind == Number {
		start = a.at(1).Float()
	}
	if n+start < 0 {
		start = 0
	}
	end := n
	if l := a.at(2); l.kind == Number {
		if l.Float() <= 0 {
			return Str(""), nil
		}
		end = start + l.Float()
		if start < 0 {
			end += n
		}
	}
	from, to := clampInt(start), clampInt(end)
	if from < 0 {
		from = max(0, int(n)+from)
	}
	if to < 0 {
		to = max(0, int(n)+to)
	}
	return Str(cut(s, from, min(to, int(n)))), nil
}

func fnSubstringBefore(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	if i := strings.Index(v.Text(), stringOr(a.at(1), "undefined")); i >= 0 {
		return Str(v.Text()[:i]), nil
	}
	return v, nil
}

func fnSubstringAfter(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	c := stringOr(a.at(1), "undefined")
	if i := strings.Index(v.Text(), c); i >= 0 {
		return Str(v.Text()[i+len(c):]), nil
	}
	return v, nil
}

func stringOr(v Value, or string) string {
	if v.kind == String {
		return v.Text()
	}
	return or
}

// onText makes a function of one string.
func onText(f func(m *machine, s string) (Value, *Error)) func(m *machine, a args) (Value, *Error) {
	return func(m *machine, a args) (Value, *Error) {
		v := a.at(0)
		if v.kind == Undefined {
			return v, nil
		}
		s := v.Text()
		if err := m.step(1 + len(s)/64); err != nil {
			return Value{}, err
		}
		if err := m.takeText(len(s)); err != nil {
			return Value{}, err
		}
		return f(m, s)
	}
}

func fnLowercase(m *machine, s string) (Value, *Error) {
	if ascii(s) || loneSurrogate(s) {
		return Str(strings.ToLower(s)), nil
	}
	return Str(cases.Lower(language.Und).String(s)), nil
}

func fnUppercase(m *machine, s string) (Value, *Error) {
	if ascii(s) || loneSurrogate(s) {
		return Str(strings.ToUpper(s)), nil
	}
	return Str(cases.Upper(language.Und).String(s)), nil
}

func fnLength(m *machine, s string) (Value, *Error) { return Num(float64(chars(s))), nil }

func fnTrim(m *machine, s string) (Value, *Error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(" \t\n\r", s[i]) < 0 {
			b = append(b, s[i])
		} else if len(b) > 0 && b[len(b)-1] != ' ' {
			b = append(b, ' ')
		}
	}
	return Str(strings.TrimSuffix(string(b), " ")), nil
}

func fnPad(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined || a.at(1).kind != Number {
		return v, nil
	}
	s, width, fill := v.Text(), a.at(1).Float(), stringOr(a.at(2), " ")
	if fill == "" {
		fill = " "
	}
	n := clampInt(math.Abs(width)) - chars(s)
	if n <= 0 {
		return v, nil
	}
	if err := m.takeText(len(s) + n*len(fill)/chars(fill)); err != nil {
		return Value{}, err
	}
	if err := m.step(n / 16); err != nil {
		return Value{}, err
	}
	padding := cut(strings.Repeat(fill, n/chars(fill)+1), 0, n)
	if width > 0 {
		return Str(s + padding), nil
	}
	return Str(padding + s), nil
}

func fnJoin(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	sep, size := stringOr(a.at(1), ""), 0
	for _, x := range v.Items() {
		size += int(x.bits) + len(sep)
	}
	if err := m.takeText(size); err != nil {
		return Value{}, err
	}
	if err := m.step(1 + len(v.Items()) + size/64); err != nil {
		return Value{}, err
	}
	b := make([]byte, 0, size)
	for i, x := range v.Items() {
		if i > 0 {
			b = append(b, sep...)
		}
		b = append(b, stringOr(x, "")...)
	}
	return Str(string(b)), nil
}

func fnBase64encode(m *machine, s string) (Value, *Error) {
	if err := m.takeText(2 * len(s)); err != nil {
		return Value{}, err
	}
	b := make([]byte, 0, len(s))
	for len(s) > 0 {
		r, w := decode(s)
		s = s[w:]
		if r > 0xFFFF {
			b = append(b, byte((r-0x10000)>>10))
		}
		b = append(b, byte(r))
	}
	return Str(base64.StdEncoding.EncodeToString(b)), nil
}

// fnBase64decode takes both alphabets, passes over what belongs to neither and gives a character for each byte.
func fnBase64decode(m *machine, s string) (Value, *Error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s) && s[i] != '='; i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/':
			b = append(b, c)
		case c == '-':
			b = append(b, '+')
		case c == '_':
			b = append(b, '/')
		}
	}
	if len(b)%4 == 1 {
		b = b[:len(b)-1]
	}
	dec := make([]byte, base64.RawStdEncoding.DecodedLen(len(b)))
	n, _ := base64.RawStdEncoding.Decode(dec, b) // lenient: the alphabet was checked above
	out := make([]byte, 0, 2*n)
	for _, c := range dec[:n] {
		out = appendChar(out, rune(c))
	}
	return Str(string(out)), nil
}
