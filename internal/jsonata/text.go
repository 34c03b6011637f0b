package jsonata

import (
	"strings"
	"unicode/utf8"
)

// Strings are UTF-8 in which a lone surrogate keeps its three bytes (ED A0..BF xx), so that text of JavaScript comes
// through whole. A pair of surrogates is always the one character that it means.

// decode is the character at the start of s, a surrogate as itself, and its length.
func decode(s string) (rune, int) {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n <= 1 && len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] <= 0xBF && s[2]&0xC0 == 0x80 {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return r, n
}

// appendChar writes a character or a surrogate; a low surrogate after a high one completes it.
func appendChar(b []byte, r rune) []byte {
	if r < 0xD800 || r > 0xDFFF {
		return utf8.AppendRune(b, r)
	}
	if r >= 0xDC00 && len(b) >= 3 {
		if h, _ := decode(string(b[len(b)-3:])); h >= 0xD800 && h < 0xDC00 {
			return utf8.AppendRune(b[:len(b)-3], 0x10000+(h-0xD800)<<10+(r-0xDC00))
		}
	}
	return append(b, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F|0x80, 0x80|byte(r)&0x3F)
}

// join puts two strings together, completing a pair of surrogates at the seam.
func join(a, b string) string {
	if len(a) >= 3 && len(b) >= 3 && b[0] == 0xED && b[1] >= 0xB0 && a[len(a)-3] == 0xED {
		if h, _ := decode(a[len(a)-3:]); h >= 0xD800 && h < 0xDC00 {
			l, _ := decode(b)
			return a[:len(a)-3] + string(0x10000+(h-0xD800)<<10+(l-0xDC00)) + b[3:]
		}
	}
	return a + b
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// chars is the number of characters.
func chars(s string) int {
	if ascii(s) {
		return len(s)
	}
	n := 0
	for len(s) > 0 {
		_, w := decode(s)
		s = s[w:]
		n++
	}
	return n
}

// cut is the text from one character to another.
func cut(s string, from, to int) string {
	if from >= to {
		return ""
	}
	if ascii(s) {
		return s[min(from, len(s)):min(to, len(s))]
	}
	start, n := len(s), 0
	for i := 0; i < len(s); {
		if n == from {
			start = i
		}
		if n == to {
			return s[start:i]
		}
		_, w := decode(s[i:])
		i += w
		n++
	}
	return s[start:]
}

// units is the number of UTF-16 code units.
func units(s string) int {
	if ascii(s) {
		return len(s)
	}
	n := 0
	for len(s) > 0 {
		r, w := decode(s)
		s = s[w:]
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// splitUnits is the text in UTF-16 code units, at most limit of them.
func splitUnits(s string, limit int) []string {
	var out []string
	for len(s) > 0 && len(out) < limit {
		r, w := decode(s)
		if r > 0xFFFF {
			r -= 0x10000
			out = append(out, string(appendChar(nil, 0xD800+r>>10)), string(appendChar(nil, 0xDC00+r&0x3FF)))
		} else {
			out = append(out, s[:w])
		}
		s = s[w:]
	}
	return out[:min(len(out), limit)]
}

// compareText orders strings by their UTF-16 code units.
func compareText(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) || a[i] < 0xEE && b[i] < 0xEE {
		return strings.Compare(a, b)
	}
	// One of them is U+E000 or above: characters beyond the basic plane are surrogates and come first.
	x, y := a[i], b[i]
	if x >= 0xF0 && (y == 0xEE || y == 0xEF) {
		return -1
	}
	if y >= 0xF0 && (x == 0xEE || x == 0xEF) {
		return 1
	}
	return strings.Compare(a, b)
}

// spell makes a lone surrogate the replacement character, for Go's own libraries.
func spell(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// loneSurrogate says that half a pair is in the text.
func loneSurrogate(s string) bool {
	for i := strings.IndexByte(s, 0xED); i >= 0 && i+1 < len(s); {
		if s[i+1] >= 0xA0 {
			return true
		}
		j := strings.IndexByte(s[i+1:], 0xED)
		if j < 0 {
			return false
		}
		i += 1 + j
	}
	return false
}
