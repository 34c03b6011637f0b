package attr

import (
	"encoding/base64"
	"unicode/utf8"
)

// AppendJSON appends the value in DynamoDB's JSON.
func (v Value) AppendJSON(dst []byte) []byte {
	k := v.Kind()
	if k == Invalid {
		return append(dst, "null"...)
	}
	dst = append(dst, `{"`...)
	dst = append(dst, k.String()...)
	dst = append(dst, `":`...)
	switch k {
	case Null:
		dst = append(dst, "true"...)
	case Bool:
		if v.True() {
			dst = append(dst, "true"...)
		} else {
			dst = append(dst, "false"...)
		}
	case S, N, B:
		dst = appendScalarJSON(dst, k, v.payload())
	case M:
		dst = v.Item().AppendJSON(dst)
	case L:
		dst = append(dst, '[')
		first := true
		for e := range v.List() {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = e.AppendJSON(dst)
		}
		dst = append(dst, ']')
	default:
		dst = append(dst, '[')
		first := true
		for e := range v.Set() {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendScalarJSON(dst, k.element(), e)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// AppendJSON appends the attributes as a JSON map.
func (it Item) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	for name, v := range it.All() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendText(dst, name), ':')
		dst = v.AppendJSON(dst)
	}
	return append(dst, '}')
}

// AppendWire appends the value in DynamoDB's JSON.
func (v *Value) AppendWire(dst []byte) ([]byte, error) { return v.AppendJSON(dst), nil }

func appendScalarJSON(dst []byte, k Kind, b []byte) []byte {
	switch k {
	case S:
		return appendText(dst, b)
	case B:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, b)
		return append(dst, '"')
	}
	dst = append(dst, '"')
	dst = Number(b).AppendText(dst)
	return append(dst, '"')
}

// appendText appends a JSON string.
func appendText(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				i++
				from = i
				continue
			}
			i += n
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// String is the value as AWS's messages print it: {S:text}.
func (v Value) String() string {
	switch k := v.Kind(); k {
	case S:
		return "{S:" + string(v.payload()) + "}"
	case N:
		return "{N:" + v.Number().String() + "}"
	default:
		return string(v.AppendJSON(nil))
	}
}
