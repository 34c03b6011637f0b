package eventpattern

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// folded is a text compared without regard to case: each character of it is met by its lower or its upper case.
type folded struct {
	either []pair
	odd    bool // a character's cases are not of one kind, so that its key cannot be computed from a value
}

type pair struct{ lower, upper string }

func fold(s string) folded {
	f := folded{either: make([]pair, 0, len(s))}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		own := s[i : i+size]
		i += size
		if r == utf8.RuneError && size == 1 {
			f.either = append(f.either, pair{own, own})
			continue
		}
		p := pair{strings.ToLower(own), upper(r)}
		if r == 'İ' {
			p.lower = "i̇"
		}
		if key(p.lower) != key(p.upper) {
			f.odd = true
		}
		f.either = append(f.either, p)
	}
	return f
}

// wideUpper are characters whose upper case is more than one character (Unicode's SpecialCasing, without conditions).
const wideUpper = "ß SS ŉ ʼN ǰ J̌ ΐ Ϊ́ ΰ Ϋ́ և ԵՒ ẖ H̱ ẗ T̈ ẘ W̊ ẙ Y̊ ẚ Aʾ ﬀ FF ﬁ FI ﬂ FL ﬃ FFI ﬄ FFL ﬅ ST ﬆ ST ﬓ ՄՆ ﬔ ՄԵ ﬕ ՄԻ ﬖ ՎՆ ﬗ ՄԽ"

func upper(r rune) string {
	if r < 0x80 {
		return string(unicode.ToUpper(r))
	}
	if at := strings.Index(wideUpper, " "+string(r)+" "); at >= 0 || r == 'ß' {
		words := strings.Fields(wideUpper[at+1:])
		return words[1]
	}
	return string(unicode.ToUpper(r))
}

// prefix gives the length of v's start that f covers.
func (f *folded) prefix(v []byte) (int, bool) {
	at := 0
	for i := range f.either {
		p := &f.either[i]
		switch {
		case starts(v[at:], p.lower):
			at += len(p.lower)
		case starts(v[at:], p.upper):
			at += len(p.upper)
		default:
			return 0, false
		}
	}
	return at, true
}

func (f *folded) equal(v []byte) bool {
	n, ok := f.prefix(v)
	return ok && n == len(v)
}

func (f *folded) suffix(v []byte) bool {
	end := len(v)
	for i := len(f.either) - 1; i >= 0; i-- {
		p := &f.either[i]
		switch {
		case ends(v[:end], p.lower):
			end -= len(p.lower)
		case ends(v[:end], p.upper):
			end -= len(p.upper)
		default:
			return false
		}
	}
	return true
}

func starts(v []byte, s string) bool { return len(v) >= len(s) && string(v[:len(s)]) == s }
func ends(v []byte, s string) bool   { return len(v) >= len(s) && string(v[len(v)-len(s):]) == s }

// key is the same for texts that a fold holds to be one.
func key(s string) string { return string(appendKey(nil, []byte(s))) }

func appendKey(out, s []byte) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < 0x80 && c != 'k' && c != 'K' && c != 's' && c != 'S' {
			if c >= 'a' && c <= 'z' {
				c -= 32
			}
			out = append(out, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && size == 1 {
			out = append(out, s[i])
			i++
			continue
		}
		i += size
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		out = utf8.AppendRune(out, least)
	}
	return out
}

// key of the whole text; none if it is odd.
func (f *folded) key() string {
	if f.odd {
		return ""
	}
	var out []byte
	for i := range f.either {
		out = appendKey(out, []byte(f.either[i].lower))
	}
	return string(out)
}
