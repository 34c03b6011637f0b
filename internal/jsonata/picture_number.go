package jsonata

import (
	"math"
	"strconv"
	"strings"
)

// numberStyle is the characters of a decimal format (F&O 4.7.1).
type numberStyle struct {
	decimal, grouping, exponent, minus, percent, perMille, zero, digit, separator string
	zeroCode                                                                      rune
}

func (s *numberStyle) isDigit(r rune) bool { return r >= s.zeroCode && r < s.zeroCode+10 }

func (s *numberStyle) active(r rune) bool {
	t := string(r)
	return s.isDigit(r) || t == s.decimal || t == s.exponent || t == s.grouping || t == s.digit || t == s.separator
}

func (s *numberStyle) digits(t string) (mandatory, optional int) {
	for _, r := range t {
		switch {
		case s.isDigit(r):
			mandatory++
		case string(r) == s.digit:
			optional++
		}
	}
	return mandatory, optional
}

func styleOf(o *Object) (*numberStyle, *Error) {
	s := &numberStyle{".", ",", "e", "-", "%", "\u2030", "0", "#", ";", '0'}
	fields := map[string]*string{"decimal-separator": &s.decimal, "grouping-separator": &s.grouping, "exponent-separator": &s.exponent,
		"minus-sign": &s.minus, "percent": &s.percent, "per-mille": &s.perMille, "zero-digit": &s.zero, "digit": &s.digit, "pattern-separator": &s.separator}
	if o == nil {
		return s, nil
	}
	for _, e := range o.entries {
		f := fields[e.key]
		if f == nil {
			continue
		}
		if e.val.kind != String || e.val.Text() == "" {
			return nil, &Error{Code: "T0410", Value: e.val, index: 3}
		}
		*f = e.val.Text()
	}
	s.zeroCode, _ = decode(s.zero)
	s.zero = string(s.zeroCode)
	return s, nil
}

// subPicture is one half of a picture string, in its parts (F&O 4.7.3, 4.7.4).
type subPicture struct {
	text, prefix, suffix, active, mantissa, exponent, integer, fraction string
	hasExponent                                                         bool

	intGroups, fracGroups               []int
	regular                             int
	minInt, scaling, minFrac, maxFrac   int
	minExponent                         int
	percentFound, perMilleFound, dotted bool
}

func (s *numberStyle) split(text string) *subPicture {
	p := &subPicture{text: text}
	first, last := -1, -1
	for i, r := range text {
		if s.active(r) && string(r) != s.exponent {
			if first < 0 {
				first = i
			}
			last = i + len(string(r))
		}
	}
	if first >= 0 {
		p.prefix, p.suffix = text[:first], text[last:]
	}
	p.active = text[len(p.prefix) : len(text)-len(p.suffix)]
	p.mantissa = p.active
	if e := strings.Index(text[len(p.prefix):], s.exponent); e >= 0 && len(p.prefix)+e <= len(text)-len(p.suffix) {
		// The place is counted from the start of the picture here, and used from the end of the prefix.
		e += len(p.prefix)
		p.hasExponent = true
		p.mantissa = p.active[:min(e, len(p.active))]
		p.exponent = p.active[min(e+len(s.exponent), len(p.active)):]
	}
	if d := strings.Index(p.mantissa, s.decimal); d >= 0 {
		p.integer, p.fraction = p.mantissa[:d], p.mantissa[d+len(s.decimal):]
	} else {
		p.integer, p.fraction = p.mantissa, p.suffix
	}
	p.percentFound = strings.Contains(text, s.percent)
	p.perMilleFound = strings.Contains(text, s.perMille)
	p.dotted = strings.Contains(text, s.decimal)
	return p
}

// check gives the code of the last rule that the picture breaks.
func (s *numberStyle) check(p *subPicture) string {
	code := ""
	rule := func(broken bool, c string) {
		if broken {
			code = c
		}
	}
	many := func(t string) bool { return strings.Count(p.text, t) > 1 }
	rule(many(s.decimal), "D3081")
	rule(many(s.percent), "D3082")
	rule(many(s.perMille), "D3083")
	rule(p.percentFound && p.perMilleFound, "D3084")
	m, o := s.digits(p.mantissa)
	rule(m+o == 0, "D3085")
	passive := false
	for _, r := range p.active {
		passive = passive || !s.active(r)
	}
	rule(passive, "D3086")
	if d := strings.Index(p.text, s.decimal); d >= 0 {
		rule(strings.HasSuffix(p.text[:d], s.grouping) || strings.HasPrefix(p.text[d+len(s.decimal):], s.grouping), "D3087")
	} else {
		rule(strings.HasSuffix(p.integer, s.grouping), "D3088")
	}
	rule(strings.Contains(p.text, s.grouping+s.grouping), "D3089")
	if i := strings.Index(p.integer, s.digit); i >= 0 {
		m, _ := s.digits(p.integer[:i])
		rule(m > 0, "D3090")
	}
	if i := strings.LastIndex(p.fraction, s.digit); i >= 0 {
		m, _ := s.digits(p.fraction[i:])
		rule(m > 0, "D3091")
	}
	rule(p.exponent != "" && (p.percentFound || p.perMilleFound), "D3092")
	bad := false
	for _, r := range p.exponent {
		bad = bad || !s.isDigit(r)
	}
	rule(p.hasExponent && (p.exponent == "" || bad), "D3093")
	return code
}

func (s *numberStyle) groups(part, integer string, left bool) []int {
	var out []int
	at := strings.Index(part, s.grouping)
	for at >= 0 {
		rest := part[min(at, len(part)):]
		if left {
			rest = part[:min(at, len(part))]
		}
		m, o := s.digits(rest)
		out = append(out, m+o)
		from := at + 1
		if from > len(integer) {
			break
		}
		if at = strings.Index(integer[from:], s.grouping); at >= 0 {
			at += from
		}
	}
	return out
}

// interval is the distance between grouping separators that are evenly spaced, else 0.
func interval(places []int) int {
	if len(places) == 0 {
		return 0
	}
	factor := places[0]
	for _, p := range places[1:] {
		a, b := factor, p
		for b != 0 {
			a, b = b, a%b
		}
		factor = a
	}
	seen := map[int]bool{}
	for _, p := range places {
		seen[p] = true
	}
	for i := 1; i <= len(places); i++ {
		if !seen[i*factor] {
			return 0
		}
	}
	return factor
}

func (s *numberStyle) analyse(p *subPicture) {
	p.intGroups = s.groups(p.integer, p.integer, false)
	p.regular = interval(p.intGroups)
	p.fracGroups = s.groups(p.fraction, p.integer, true)
	p.minInt, _ = s.digits(p.integer)
	p.scaling = p.minInt
	m, o := s.digits(p.fraction)
	p.minFrac, p.maxFrac = m, m+o
	if p.minInt == 0 && p.maxFrac == 0 {
		if p.hasExponent {
			p.minFrac, p.maxFrac = 1, 1
		} else {
			p.minInt = 1
		}
	}
	if p.hasExponent && p.minInt == 0 && strings.Contains(p.integer, s.digit) {
		p.minInt = 1
	}
	if p.minInt == 0 && p.minFrac == 0 {
		p.minFrac = 1
	}
	p.minExponent, _ = s.digits(p.exponent)
}

// fixed is the number's digits with so many decimal places, in the style's own digits.
func (s *numberStyle) fixed(f float64, places int) string {
	f = math.Abs(f)
	t := ""
	if f >= 1e21 || math.IsNaN(f) {
		t = numberText(f)
	} else {
		t = strconv.FormatFloat(f, 'f', places, 64)
	}
	if s.zeroCode == '0' {
		return t
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + s.zeroCode
		}
		return r
	}, t)
}

// fractionMax is how many decimal places a picture may ask for.
const fractionMax = 100

func fnFormatNumber(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	picture := stringOr(a.at(1), "")
	if err := m.step(1 + len(picture)); err != nil {
		return Value{}, err
	}
	if err := m.takeText(64 * len(picture)); err != nil {
		return Value{}, err
	}
	s, err := styleOf(a.at(2).Object())
	if err != nil {
		return Value{}, err
	}
	halves := strings.Split(picture, s.separator)
	if len(halves) > 2 {
		return Value{}, &Error{Code: "D3080"}
	}
	var subs []*subPicture
	for _, h := range halves {
		p := s.split(h)
		if code := s.check(p); code != "" {
			return Value{}, &Error{Code: code}
		}
		s.analyse(p)
		if p.maxFrac > fractionMax {
			return Value{}, limitError("Fraction", fractionMax)
		}
		subs = append(subs, p)
	}
	p, f := subs[0], v.Float()
	if !(f >= 0) {
		p = subs[len(subs)-1]
		if len(subs) == 1 {
			p.prefix = s.minus + p.prefix
		}
	}
	return Str(s.format(p, f)), nil
}

func (s *numberStyle) format(p *subPicture, f float64) string {
	switch {
	case p.percentFound:
		f *= 100
	case p.perMilleFound:
		f *= 1000
	}
	exponent := 0
	if p.minExponent > 0 && f != 0 {
		top, bottom := math.Pow(10, float64(p.scaling)), math.Pow(10, float64(p.scaling-1))
		for math.Abs(f) < bottom && !math.IsInf(f, 0) {
			f *= 10
			exponent--
		}
		for math.Abs(f) > top && !math.IsInf(f, 0) {
			f /= 10
			exponent++
		}
	}
	t := s.fixed(roundTo(f, p.maxFrac), p.maxFrac)
	whole, frac, _ := strings.Cut(t, ".")
	if p.maxFrac == 0 && !strings.Contains(t, ".") {
		whole, frac = t, ""
	}
	w, fr := []rune(strings.TrimLeft(whole, s.zero)), []rune(strings.TrimRight(frac, s.zero))
	zeros := func(n int) []rune { return []rune(strings.Repeat(s.zero, max(0, n))) }
	w = append(zeros(p.minInt-len(w)), w...)
	fr = append(fr, zeros(p.minFrac-len(fr))...)
	text := append(append(w, []rune(s.decimal)...), fr...)
	point := len(w)
	if p.regular > 0 {
		for i := 1; i <= (point-1)/p.regular; i++ {
			text = s.separate(text, point-i*p.regular)
		}
	} else {
		for i, g := range p.intGroups {
			text = s.separate(text, point+i-g)
		}
	}
	point = strings.Index(string(text), s.decimal)
	point = len([]rune(string(text)[:max(0, point)]))
	for _, g := range p.fracGroups {
		text = s.separate(text, point+1+g)
	}
	if !p.dotted || point == len(text)-1 {
		text = text[:len(text)-1]
	}
	out := string(text)
	if p.minExponent > 0 {
		e := s.fixed(float64(exponent), 0)
		out += s.exponent
		if exponent < 0 {
			out += s.minus
		}
		out += string(zeros(p.minExponent-len([]rune(e)))) + e
	}
	return p.prefix + out + p.suffix
}

// separate puts a grouping separator before a place; a negative one counts from the end.
func (s *numberStyle) separate(text []rune, at int) []rune {
	if at < 0 {
		at += len(text)
	}
	at = max(0, min(at, len(text)))
	return append(text[:at:at], append([]rune(s.grouping), text[at:]...)...)
}
