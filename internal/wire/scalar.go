package wire

import (
	"math"
	"reflect"
	"strconv"
)

// parseScalar fills t from text: a form's value, a header, a label, an XML element's content.
// time is the protocol's default format and decides nothing here: all forms are understood everywhere.
func parseScalar(sh *Shape, t reflect.Value, s string) error {
	switch sh.Kind {
	case KindString:
		t.SetString(s)
	case KindBoolean:
		switch s {
		case "true", "True", "TRUE", "1":
			t.SetBool(true)
		case "false", "False", "FALSE", "0":
			t.SetBool(false)
		default:
			return serialization("Invalid boolean value: " + clip(s))
		}
	case KindInteger, KindLong:
		bits := 64
		if sh.Kind == KindInteger {
			bits = 32
		}
		n, err := strconv.ParseInt(s, 10, bits)
		if err != nil {
			return serialization("Invalid integer value: " + clip(s))
		}
		t.SetInt(n)
	case KindFloat, KindDouble:
		switch s {
		case "NaN":
			t.SetFloat(math.NaN())
			return nil
		case "Infinity":
			t.SetFloat(math.Inf(1))
			return nil
		case "-Infinity":
			t.SetFloat(math.Inf(-1))
			return nil
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || len(s) > 0 && (s[0] == 'i' || s[0] == 'I') {
			return serialization("Invalid number: " + clip(s))
		}
		t.SetFloat(f)
	case KindBlob:
		b, err := decodeBase64([]byte(s))
		if err != nil {
			return err
		}
		t.SetBytes(b)
	case KindTimestamp:
		tm, ok := parseTime(s)
		if !ok {
			return serialization("Invalid timestamp: " + clip(s))
		}
		setTime(t, tm)
	case KindDocument:
		t.SetBytes([]byte(s))
	default:
		return serialization("")
	}
	return nil
}

// setScalar is parseScalar through pointers and dynamic slots.
func setScalar(sh *Shape, v reflect.Value, s string) error {
	if sh.Kind == KindString {
		setString(v, s)
		return nil
	}
	c := concrete(sh, v)
	if err := parseScalar(sh, c, s); err != nil {
		return err
	}
	settle(v, c)
	return nil
}

// appendScalar writes a scalar as text.
func appendScalar(dst []byte, sh *Shape, m *Member, v reflect.Value, def TimeFormat, millis bool) []byte {
	switch sh.Kind {
	case KindString:
		return append(dst, stringOf(v)...)
	case KindBoolean:
		return strconv.AppendBool(dst, v.Bool())
	case KindInteger, KindLong:
		return strconv.AppendInt(dst, asInt(v), 10)
	case KindFloat, KindDouble:
		return appendFloat(dst, asFloat(v), sh.Kind)
	case KindTimestamp:
		return appendTime(dst, asTime(v), timeFormat(sh, m, def), millis)
	case KindDocument:
		return append(dst, asBytes(v)...)
	}
	return dst
}

// clip bounds a value that a message repeats.
func clip(s string) string {
	if len(s) > ValueChars {
		return s[:ValueChars] + "..."
	}
	return s
}
