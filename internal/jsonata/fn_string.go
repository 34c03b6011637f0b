package jsonata

import (
	"encoding/base64"
	"math"
	"strconv"
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

func fnContains(m *machine, a args) (Value, *Error) {
	v, t := a.at(0), a.at(1)
	if v.kind == Undefined || t.kind == Undefined {
		return Value{}, nil
	}
	if t.kind == String {
		if err := m.step(1 + len(v.Text())/64); err != nil {
			return Value{}, err
		}
		return Bool(strings.Contains(v.Text(), t.Text())), nil
	}
	yes := false
	err := m.matches(t, v.Text(), a, func(found) (bool, *Error) {
		yes = true
		return false, nil
	})
	return Bool(yes), err
}

func fnMatch(m *machine, a args) (Value, *Error) {
	v, limit := a.at(0), a.at(2)
	if v.kind == Undefined {
		return v, nil
	}
	if limit.kind == Number && limit.Float() < 0 {
		return Value{}, &Error{Code: "D3040", Value: limit, index: 3}
	}
	out := &Array{seq: true, made: true}
	if limit.kind == Number && !(limit.Float() > 0) {
		return arrayValue(out), nil
	}
	s, seen, unitsSeen := v.Text(), 0, 0
	plain := ascii(s)
	err := m.matches(a.at(1), s, a, func(x found) (bool, *Error) {
		if limit.kind == Number && float64(len(out.Items)) >= limit.Float() {
			return false, nil
		}
		index := x.start
		if x.bytes && !plain {
			unitsSeen += units(s[seen:x.start])
			seen = x.start
			index = unitsSeen
		}
		o, err := m.tuple(3)
		if err != nil {
			return false, err
		}
		o.Set("match", Str(x.text))
		o.Set("index", Num(float64(index)))
		o.Set("groups", x.groups)
		out.Items, err = m.push(out.Items, Obj(o))
		return true, err
	})
	return arrayValue(out), err
}

func fnReplace(m *machine, a args) (Value, *Error) {
	v, pattern, by, limit := a.at(0), a.at(1), a.at(2), a.at(3)
	if v.kind == Undefined {
		return v, nil
	}
	if pattern.kind == String && pattern.Text() == "" {
		return Value{}, &Error{Code: "D3010", Value: pattern, index: 2}
	}
	if limit.kind == Number && limit.Float() < 0 {
		return Value{}, &Error{Code: "D3011", Value: limit, index: 4}
	}
	if pattern.kind == Undefined || limit.kind == Number && !(limit.Float() > 0) {
		return v, nil
	}
	s := v.Text()
	var b []byte
	count, at := 0, 0
	enough := func() bool { return limit.kind == Number && float64(count) >= limit.Float() }
	grow := func(t string) *Error {
		if len(b)+len(t) > m.limits.Output {
			return limitError("Output", m.limits.Output)
		}
		if err := m.take(len(t)); err != nil {
			return err
		}
		b = append(b, t...)
		return m.step(1)
	}
	if pattern.kind == String {
		p := pattern.Text()
		if by.kind != String {
			if strings.Contains(s, p) {
				return Value{}, &Error{Code: "D3012", Value: by}
			}
			return v, nil
		}
		for !enough() {
			i := strings.Index(s[at:], p)
			if i < 0 {
				break
			}
			if err := grow(s[at : at+i]); err != nil {
				return Value{}, err
			}
			if err := grow(by.Text()); err != nil {
				return Value{}, err
			}
			at += i + len(p)
			count++
		}
		err := grow(s[at:])
		return Str(string(b)), err
	}
	matcher := pattern.fn()
	err := m.matches(pattern, s, a, func(x found) (bool, *Error) {
		if enough() {
			return false, nil
		}
		start, end := x.start, x.end
		if !x.bytes {
			start = max(at, byteOffset(s, x.start))
			end = min(len(s), start+len(x.text))
		}
		if err := grow(s[at:max(at, start)]); err != nil {
			return false, err
		}
		var t string
		if by.kind == String {
			t = substitute(by.Text(), x)
		} else {
			o := x.whole
			if o.kind == Undefined {
				var err *Error
				if o, err = m.matchObject(s, matcher.regex.locate(s, start), matcher); err != nil {
					return false, err
				}
			}
			r, err := m.callback(by, a, 1, o, Value{}, Value{}, Value{})
			if err != nil {
				return false, err
			}
			if r.kind != String {
				return false, &Error{Code: "D3012", Value: r}
			}
			t = r.Text()
		}
		if err := grow(t); err != nil {
			return false, err
		}
		at = end
		count++
		return true, nil
	})
	if err != nil {
		return Value{}, err
	}
	err = grow(s[at:])
	return Str(string(b)), err
}

// locate is the match that begins at or after a place where one is known to begin.
func (r *regex) locate(s string, start int) []int { return r.find(s, start) }

// substitute fills $0, $1 … and $$ of a replacement.
func substitute(by string, x found) string {
	if strings.IndexByte(by, '$') < 0 {
		return by
	}
	groups := x.groups.Items()
	var b strings.Builder
	for {
		i := strings.IndexByte(by, '$')
		if i < 0 {
			b.WriteString(by)
			return b.String()
		}
		b.WriteString(by[:i])
		by = by[i+1:]
		switch {
		case strings.HasPrefix(by, "$"):
			b.WriteByte('$')
			by = by[1:]
			continue
		case strings.HasPrefix(by, "0"):
			b.WriteString(x.text)
			by = by[1:]
			continue
		}
		digits := 1
		if len(groups) > 0 {
			digits = len(strconv.Itoa(len(groups)))
		}
		number := func(n int) (int, bool) {
			end := 0
			for end < n && end < len(by) && by[end] >= '0' && by[end] <= '9' {
				end++
			}
			v, err := strconv.Atoi(by[:end])
			return v, err == nil
		}
		n, ok := number(digits)
		if digits > 1 && n > len(groups) {
			n, ok = number(digits - 1)
		}
		if !ok {
			b.WriteByte('$')
			continue
		}
		if n >= 1 && n <= len(groups) && groups[n-1].kind == String {
			b.WriteString(groups[n-1].Text())
		}
		by = by[len(strconv.Itoa(n)):]
	}
}

func fnSplit(m *machine, a args) (Value, *Error) {
	v, sep, limit := a.at(0), a.at(1), a.at(2)
	if v.kind == Undefined {
		return v, nil
	}
	if limit.kind == Number && limit.Float() < 0 {
		return Value{}, &Error{Code: "D3020", Value: limit, index: 3}
	}
	out := &Array{made: true}
	if limit.kind == Number && !(limit.Float() > 0) {
		return arrayValue(out), nil
	}
	s := v.Text()
	most := math.MaxInt32
	if limit.kind == Number && sep.kind == String {
		most = clampInt(limit.Float())
	}
	if sep.kind == Undefined {
		out.Items = []Value{v}
		return arrayValue(out), nil
	}
	if sep.kind == String {
		n := len(s)
		if sep.Text() != "" {
			n = strings.Count(s, sep.Text()) + 1
		}
		n = min(n, most)
		if err := m.takeItems(2 * n); err != nil {
			return Value{}, err
		}
		if err := m.step(n + len(s)/64); err != nil {
			return Value{}, err
		}
		var parts []string
		if sep.Text() == "" {
			parts = splitUnits(s, n)
		} else if parts = strings.SplitN(s, sep.Text(), n+1); len(parts) > n {
			parts = parts[:n]
		}
		for _, p := range parts {
			out.Items = append(out.Items, Str(p))
		}
		return arrayValue(out), nil
	}
	at := 0
	enough := func() bool { return limit.kind == Number && float64(len(out.Items)) >= limit.Float() }
	err := m.matches(sep, s, a, func(x found) (bool, *Error) {
		if enough() {
			return false, nil
		}
		start, end := x.start, x.end
		if !x.bytes {
			start, end = byteOffset(s, start), byteOffset(s, end)
		}
		var err *Error
		out.Items, err = m.push(out.Items, Str(s[min(at, start):start]))
		at = end
		return true, err
	})
	if err != nil {
		return Value{}, err
	}
	if !enough() {
		out.Items, err = m.push(out.Items, Str(s[at:]))
	}
	return arrayValue(out), err
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
