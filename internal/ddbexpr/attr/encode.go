package attr

import (
	"encoding/base64"
	"virga/internal/jsontext"
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
		dst = append(jsontext.AppendString(dst, name), ':')
		dst = v.AppendJSON(dst)
	}
	return append(dst, '}')
}

// AppendWire appends the value in DynamoDB's JSON.
func (v *Value) AppendWire(dst []byte) ([]byte, error) { return v.AppendJSON(dst), nil }

func appendScalarJSON(dst []byte, k Kind, b []byte) []byte {
	switch k {
	case S:
		return jsontext.AppendString(dst, b)
	case B:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, b)
		return append(dst, '"')
	}
	dst = append(dst, '"')
	dst = Number(b).AppendText(dst)
	return append(dst, '"')
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
