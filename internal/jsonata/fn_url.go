package jsonata

import (
	"strings"
	"unicode/utf8"
)

const (
	urlMarks    = "-_.!~*'()"
	urlReserved = ";/?:@&=+$,#"
)

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// encodeURL makes a function that escapes all but letters, digits and keep.
func encodeURL(name, keep string) func(m *machine, a args) (Value, *Error) {
	return onText(func(m *machine, s string) (Value, *Error) {
		if loneSurrogate(s) {
			return Value{}, &Error{Code: "D3140", Value: Str(s), Function: name}
		}
		if err := m.takeText(3 * len(s)); err != nil {
			return Value{}, err
		}
		const hex = "0123456789ABCDEF"
		b := make([]byte, 0, len(s)+16)
		for i := 0; i < len(s); i++ {
			if c := s[i]; alphanumeric(c) || strings.IndexByte(keep, c) >= 0 {
				b = append(b, c)
			} else {
				b = append(b, '%', hex[c>>4], hex[c&15])
			}
		}
		return Str(string(b)), nil
	})
}

// decodeURL makes a function that undoes escapes, but for those of the characters in keep.
func decodeURL(name, keep string) func(m *machine, a args) (Value, *Error) {
	return onText(func(m *machine, s string) (Value, *Error) {
		bad := &Error{Code: "D3140", Value: Str(s), Function: name}
		b := make([]byte, 0, len(s))
		for i := 0; i < len(s); i++ {
			if s[i] != '%' {
				b = append(b, s[i])
				continue
			}
			c, ok := hexByte(s, i)
			if !ok {
				return Value{}, bad
			}
			if c < utf8.RuneSelf {
				if strings.IndexByte(keep, c) >= 0 {
					b = append(b, s[i:i+3]...)
				} else {
					b = append(b, c)
				}
				i += 2
				continue
			}
			n := 2
			if c >= 0xE0 {
				n = 3
			}
			if c >= 0xF0 {
				n = 4
			}
			char := make([]byte, 0, 4)
			for j := range n {
				x, ok := hexByte(s, i+3*j)
				if !ok {
					return Value{}, bad
				}
				char = append(char, x)
			}
			if r, w := utf8.DecodeRune(char); r == utf8.RuneError && w <= 1 || w != n {
				return Value{}, bad
			}
			b = append(b, char...)
			i += 3*n - 1
		}
		return Str(string(b)), nil
	})
}

func hexByte(s string, i int) (byte, bool) {
	if i+3 > len(s) || s[i] != '%' {
		return 0, false
	}
	digit := func(c byte) int { return strings.IndexByte("0123456789abcdef", c|0x20) }
	h, l := s[i+1], s[i+2]
	if !alphanumeric(h) || !alphanumeric(l) {
		return 0, false
	}
	x, y := digit(h), digit(l)
	if x < 0 || y < 0 {
		return 0, false
	}
	return byte(x<<4 | y), true
}
