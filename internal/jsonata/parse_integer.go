package jsonata

import (
	"math"
	"strconv"
	"strings"
)

func fnParseInteger(m *machine, a args) (Value, *Error) {
	v := a.at(0)
	if v.kind == Undefined {
		return v, nil
	}
	picture := stringOr(a.at(1), "")
	if err := m.step(1 + len(picture) + len(v.Text())); err != nil {
		return Value{}, err
	}
	p, err := parsePicture(picture)
	if err != nil {
		return Value{}, err
	}
	f, err := p.parse(v.Text())
	return Num(f), err
}

// pattern is the regular expression of texts in this picture.
func (p *integerPicture) pattern() (string, *Error) {
	switch p.style {
	case styleLetters:
		return "[a-z]+", nil
	case styleRoman:
		return "[mdclxvi]+", nil
	case styleWords:
		return wordPattern(), nil
	case styleSequence:
		return "", &Error{Code: "D3130", Value: Str(p.token)}
	}
	out := "[0-9]+"
	if p.width > 0 {
		out = "[0-9]{" + strconv.Itoa(min(p.width, repeatMax)) + "}"
	}
	if p.ordinal {
		out += "(?:th|st|nd|rd)"
	}
	return out, nil
}

func wordPattern() string {
	words := append(append([]string(nil), smallWords...), smallOrdinal...)
	for _, t := range tenWords {
		words = append(words, t, t[:len(t)-1]+"ieth")
	}
	words = append(words, "hundred", "hundredth")
	for _, t := range powerWords {
		words = append(words, t, t+"th")
	}
	return "(?:" + strings.Join(words, "|") + `|and|[\-, ])+`
}

// parse reads a text in this picture; NaN where it is none.
func (p *integerPicture) parse(s string) (float64, *Error) {
	switch p.style {
	case styleLetters:
		first := 'a'
		if p.letters == upper {
			first = 'A'
		}
		n := 0.0
		for _, r := range s {
			n = n*26 + float64(r-first+1)
		}
		return n, nil
	case styleRoman:
		if p.letters != upper {
			s = strings.ToUpper(s)
		}
		return fromRoman(s), nil
	case styleWords:
		return fromWords(strings.ToLower(s)), nil
	case styleSequence:
		return 0, &Error{Code: "D3130", Value: Str(p.token)}
	}
	if p.ordinal && len(s) >= 2 {
		s = s[:len(s)-2]
	}
	if p.every > 0 {
		s = strings.ReplaceAll(s, ",", "")
	} else {
		for _, sep := range p.seps {
			s = strings.ReplaceAll(s, string(sep.char), "")
		}
	}
	if p.zero != '0' {
		s = strings.Map(func(r rune) rune { return r - p.zero + '0' }, s)
	}
	return leadingInt(s), nil
}

// leadingInt is the integer at the start of a text, NaN if there is none.
func leadingInt(s string) float64 {
	s = strings.TrimLeft(s, " \t\n\r\v\f")
	end := 0
	if end < len(s) && (s[end] == '-' || s[end] == '+') {
		end++
	}
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	f, err := strconv.ParseFloat(strings.TrimPrefix(s[:end], "+"), 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

func fromRoman(s string) float64 {
	n, most := 0.0, 1.0
	for i := len(s) - 1; i >= 0; i-- {
		j := strings.IndexByte("IVXLCDM", s[i])
		if j < 0 {
			return math.NaN()
		}
		v := [...]float64{1, 5, 10, 50, 100, 500, 1000}[j]
		if v < most {
			n -= v
		} else {
			most = v
			n += v
		}
	}
	return n
}

func wordValue(w string) float64 {
	for i := range smallWords {
		if w == smallWords[i] || w == smallOrdinal[i] {
			return float64(i)
		}
	}
	for i, t := range tenWords {
		if w == t || w == t[:len(t)-1]+"ieth" {
			return float64(10 * (i + 2))
		}
	}
	if w == "hundred" || w == "hundredth" {
		return 100
	}
	for i, t := range powerWords {
		if w == t || w == t+"th" {
			return math.Pow(1000, float64(i+1))
		}
	}
	return math.NaN()
}

func fromWords(s string) float64 {
	s = strings.NewReplacer(", ", " ", " and ", " ", "-", " ", "\\", " ").Replace(s)
	parts := []float64{0}
	for _, w := range strings.Split(s, " ") {
		v, last := wordValue(w), len(parts)-1
		switch {
		case !(v < 100):
			parts[last] *= v
		case parts[last] >= 1000:
			parts = append(parts, v)
		default:
			parts[last] += v
		}
	}
	total := 0.0
	for _, v := range parts {
		total += v
	}
	return total
}
