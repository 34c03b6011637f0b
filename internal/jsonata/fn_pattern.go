package jsonata

import (
	"math"
	"strconv"
	"strings"
)

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
