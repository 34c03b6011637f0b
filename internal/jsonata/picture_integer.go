package jsonata

import (
	"math"
	"strings"
	"unicode"
)

type integerStyle uint8

const (
	styleDecimal integerStyle = iota
	styleLetters
	styleRoman
	styleWords
	styleSequence
)

type letterCase uint8

const (
	lower letterCase = iota
	upper
	title
)

// integerPicture is a picture of an integer (F&O 4.6.1).
type integerPicture struct {
	style     integerStyle
	letters   letterCase
	ordinal   bool
	zero      rune
	mandatory int
	optional  int
	seps      []separator // from the right
	every     int         // the distance of separators that are evenly spaced
	width     int         // for parsing, 0 for any
	token     string
}

type separator struct {
	at   int
	char rune
}

// digitGroup is the zero of the decimal digits to which r belongs.
func digitGroup(r rune) (rune, bool) {
	if !unicode.Is(unicode.Nd, r) || r > 0xFFFF {
		return 0, false
	}
	if r <= '9' {
		return '0', true
	}
	// Every group of ten begins at its zero; groups of the basic plane begin at multiples given by the tables.
	z := r
	for n := 0; n < 9 && unicode.Is(unicode.Nd, z-1) && digitZero(z) != z; n++ {
		z--
	}
	return z, true
}

// digitZero is r where r is the zero of its group, else 0.
func digitZero(r rune) rune {
	for _, x := range unicode.Nd.R16 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) && (r-rune(x.Lo))%10 == 0 {
			return r
		}
	}
	return 0
}

func parsePicture(picture string) (*integerPicture, *Error) {
	p := &integerPicture{zero: '0'}
	primary := picture
	if i := strings.LastIndexByte(picture, ';'); i >= 0 {
		primary = picture[:i]
		p.ordinal = strings.HasPrefix(picture[i+1:], "o")
	}
	switch primary {
	case "A", "a":
		p.style = styleLetters
	case "I", "i":
		p.style = styleRoman
	case "W", "w", "Ww":
		p.style = styleWords
	default:
		return p, p.decimal(primary)
	}
	switch {
	case primary == "Ww":
		p.letters = title
	case primary[0] < 'a':
		p.letters = upper
	}
	return p, nil
}

func (p *integerPicture) decimal(primary string) *Error {
	zero, at := rune(0), 0
	runes := []rune(primary)
	for i := len(runes) - 1; i >= 0; i-- {
		r := runes[i]
		if z, ok := digitGroup(r); ok {
			p.mandatory++
			at++
			if zero == 0 {
				zero = z
			} else if zero != z {
				return &Error{Code: "D3131"}
			}
		} else if r == '#' {
			at++
			p.optional++
		} else {
			p.seps = append(p.seps, separator{at, r})
		}
	}
	if p.mandatory == 0 {
		p.style, p.token = styleSequence, primary
		return nil
	}
	p.zero = zero
	var places []int
	for _, s := range p.seps {
		if s.char != p.seps[0].char {
			return nil
		}
		places = append(places, s.at)
	}
	p.every = interval(places)
	return nil
}

var (
	smallWords   = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	smallOrdinal = strings.Fields("zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth")
	tenWords     = strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety")
	powerWords   = strings.Fields("thousand million billion trillion")
	romanDigits  = []struct {
		value float64
		text  string
	}{{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"}}
)

// inWords spells a number; after says that a larger part stands before it.
func inWords(n float64, after, ordinal bool) string {
	lead := func(s string) string {
		if after {
			return s
		}
		return ""
	}
	ending := func(rest float64, join string) string {
		switch {
		case rest > 0 && join != "":
			return join + inWords(rest, false, ordinal)
		case rest > 0:
			return inWords(rest, true, ordinal)
		case ordinal:
			return "th"
		}
		return ""
	}
	switch {
	case n <= 19:
		if ordinal {
			return lead(" and ") + smallOrdinal[int(n)]
		}
		return lead(" and ") + smallWords[int(n)]
	case n < 100:
		word, rest := tenWords[int(n)/10-2], math.Mod(n, 10)
		if rest == 0 && ordinal {
			word = word[:len(word)-1] + "ieth"
			return lead(" and ") + word
		}
		if rest == 0 {
			return lead(" and ") + word
		}
		return lead(" and ") + word + ending(rest, "-")
	case n < 1000:
		return lead(", ") + smallWords[int(n)/100] + " hundred" + ending(math.Mod(n, 100), "")
	}
	power, size := 0, 1000.0
	for power+1 < len(powerWords) && n >= size*1000 {
		power++
		size *= 1000
	}
	count := math.Floor(n / size)
	return lead(", ") + inWords(count, false, false) + " " + powerWords[power] + ending(n-count*size, "")
}

// romanMax is the largest number that is written in Roman numerals; above it there are thousands of M.
const romanMax = 1e6

func (p *integerPicture) format(f float64) (string, *Error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "", &Error{Code: "D1001", Value: Num(f)}
	}
	negative := f < 0
	f = math.Abs(f)
	out := ""
	switch p.style {
	case styleLetters:
		first := byte('a')
		if p.letters == upper {
			first = 'A'
		}
		for f > 0 {
			out = string(first+byte(math.Mod(f-1, 26))) + out
			f = math.Floor((f - 1) / 26)
		}
	case styleRoman:
		if f > romanMax {
			return "", limitError("Roman", romanMax)
		}
		for _, d := range romanDigits {
			for f >= d.value {
				out += d.text
				f -= d.value
			}
		}
		if p.letters == upper {
			out = strings.ToUpper(out)
		}
	case styleWords:
		out = inWords(f, false, p.ordinal)
		switch p.letters {
		case upper:
			out = strings.ToUpper(out)
		case title:
			out = titleWords(out)
		}
	case styleDecimal:
		out = p.digits(f)
	default:
		return "", &Error{Code: "D3130", Value: Str(p.token)}
	}
	if negative {
		out = "-" + out
	}
	return out, nil
}

// titleWords begins words with capitals, all but "and".
func titleWords(s string) string {
	b := []byte(s)
	for i := range b {
		if (i == 0 || b[i-1] == ' ' || b[i-1] == '-') && !strings.HasPrefix(s[i:], "and ") {
			b[i] = byte(unicode.ToUpper(rune(b[i])))
		}
	}
	return string(b)
}

func (p *integerPicture) digits(f float64) string {
	text := numberText(f)
	text = strings.Repeat("0", max(0, p.mandatory-len(text))) + text
	d := []rune(text)
	for i := range d {
		d[i] += p.zero - '0'
	}
	insert := func(from int, r rune) {
		at := max(0, len(d)-from)
		d = append(d[:at:at], append([]rune{r}, d[at:]...)...)
	}
	if p.every > 0 {
		for i := (len(d) - 1) / p.every; i > 0; i-- {
			// Those further left move nothing to their right.
			insert(i*p.every, p.seps[0].char)
		}
	} else {
		for i := len(p.seps) - 1; i >= 0; i-- {
			insert(p.seps[i].at, p.seps[i].char)
		}
	}
	if !p.ordinal {
		return string(d)
	}
	suffix := "th"
	if last := d[len(d)-1]; last >= '1' && last <= '3' && !(len(d) > 1 && d[len(d)-2] == '1') {
		suffix = [...]string{"st", "nd", "rd"}[last-'1']
	}
	return string(d) + suffix
}

func fnFormatInteger(m *machine, a args) (Value, *Error) {
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
	p, err := parsePicture(picture)
	if err != nil {
		return Value{}, err
	}
	s, err := p.format(math.Floor(v.Float()))
	return Str(s), err
}
