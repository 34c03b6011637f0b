package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"sort"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// DepthMax is how deep a JSON or XML document may nest.
const DepthMax = 64

var errDepth = &Malformed{Message: "the document nests deeper than 64 levels"}

// checkDepth refuses a JSON document that nests too deep, before anything is made of it.
func checkDepth(b []byte) error {
	depth, str := 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		if str {
			if c == '\\' {
				i++
			} else if c == '"' {
				str = false
			}
			continue
		}
		switch c {
		case '"':
			str = true
		case '{', '[':
			if depth++; depth > DepthMax {
				return errDepth
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// decodeJSON reads a JSON document into v, the struct of a structure shape. Only members in the body are read.
func decodeJSON(m *Model, shape int32, body []byte, v reflect.Value) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	if err := checkDepth(body); err != nil {
		return err
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	if err := readJSON(d, m, shape, v, TimeDefault); err != nil {
		return asMalformed(err)
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return &Malformed{Message: "Unexpected data behind the document"}
	}
	return nil
}

func asMalformed(err error) error {
	var mal *Malformed
	if errors.As(err, &mal) {
		return mal
	}
	return &Malformed{Message: "Unable to parse the request body: it is not valid JSON"}
}

func jsonKind(k jsontext.Kind) string {
	switch k {
	case '"':
		return "STRING_VALUE"
	case '0':
		return "NUMBER_VALUE"
	case 't':
		return "TRUE_VALUE"
	case 'f':
		return "FALSE_VALUE"
	case '{':
		return "START_OBJECT"
	case '[':
		return "START_ARRAY"
	}
	return "VALUE"
}

func cannot(k jsontext.Kind, to string) error {
	return &Malformed{Message: jsonKind(k) + " cannot be converted to " + to}
}

// place gives the value to fill: a pointer is made where there is none.
func place(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return v.Elem()
	}
	return v
}

func readJSON(d *jsontext.Decoder, m *Model, shape int32, v reflect.Value, tf TimeFormat) error {
	s := m.Shape(shape)
	k := d.PeekKind()
	if k == 'n' {
		return d.SkipValue()
	}
	switch s.Kind {
	case KindStructure:
		if k != '{' {
			return cannot(k, s.Name)
		}
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		st := place(v)
		for d.PeekKind() != '}' {
			t, err := d.ReadToken()
			if err != nil {
				return err
			}
			i := memberByWire(s, t.String())
			if i < 0 || s.Members[i].Location != InBody {
				if err := d.SkipValue(); err != nil {
					return err
				}
				continue
			}
			if err := readJSON(d, m, s.Members[i].Shape, st.Field(i), s.Members[i].Time); err != nil {
				return err
			}
		}
		_, err := d.ReadToken()
		return err
	case KindList:
		if k != '[' {
			return cannot(k, "List")
		}
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		l := reflect.MakeSlice(v.Type(), 0, 4)
		for d.PeekKind() != ']' {
			if d.PeekKind() == 'n' {
				if err := d.SkipValue(); err != nil {
					return err
				}
				l = reflect.Append(l, reflect.Zero(v.Type().Elem()))
				continue
			}
			e := reflect.New(v.Type().Elem()).Elem()
			if err := readJSON(d, m, s.Elem, e, TimeDefault); err != nil {
				return err
			}
			l = reflect.Append(l, e)
		}
		v.Set(l)
		_, err := d.ReadToken()
		return err
	case KindMap:
		if k != '{' {
			return cannot(k, "Map")
		}
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		mp := reflect.MakeMap(v.Type())
		for d.PeekKind() != '}' {
			t, err := d.ReadToken()
			if err != nil {
				return err
			}
			key := t.String()
			if d.PeekKind() == 'n' {
				if err := d.SkipValue(); err != nil {
					return err
				}
				continue
			}
			e := reflect.New(v.Type().Elem()).Elem()
			if err := readJSON(d, m, s.Elem, e, TimeDefault); err != nil {
				return err
			}
			mp.SetMapIndex(reflect.ValueOf(key), e)
		}
		v.Set(mp)
		_, err := d.ReadToken()
		return err
	case KindDocument:
		b, err := d.ReadValue()
		if err != nil {
			return err
		}
		v.SetBytes(bytes.Clone(b))
		return nil
	}
	if k == '{' || k == '[' {
		return cannot(k, s.kindName())
	}
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch s.Kind {
	case KindString:
		if k != '"' {
			return cannot(k, "String")
		}
		place(v).SetString(t.String())
	case KindBoolean:
		switch k {
		case 't', 'f':
			place(v).SetBool(k == 't')
		case '"':
			switch t.String() {
			case "true":
				place(v).SetBool(true)
			case "false":
				place(v).SetBool(false)
			default:
				return cannot(k, "Boolean")
			}
		default:
			return cannot(k, "Boolean")
		}
	case KindInteger, KindLong:
		if k != '0' && k != '"' {
			return cannot(k, s.kindName())
		}
		n, err := parseInt(t.String(), s.Kind)
		if err != nil {
			return cannot(k, s.kindName())
		}
		place(v).SetInt(n)
	case KindFloat, KindDouble:
		if k != '0' && k != '"' {
			return cannot(k, s.kindName())
		}
		f, err := parseFloat(t.String(), 64)
		if err != nil {
			return cannot(k, s.kindName())
		}
		place(v).SetFloat(f)
	case KindBlob:
		if k != '"' {
			return cannot(k, "Blob")
		}
		b, err := base64.StdEncoding.DecodeString(t.String())
		if err != nil {
			return &Malformed{Message: "Invalid base64 in a blob"}
		}
		v.SetBytes(b)
	case KindTimestamp:
		at, err := parseTime(t.String(), firstTime(tf, s.Time, TimeUnix))
		if err != nil || k != '0' && k != '"' {
			return cannot(k, "Timestamp")
		}
		place(v).Set(reflect.ValueOf(at))
	default:
		return fmt.Errorf("shape %s in a JSON body", s.Name)
	}
	return nil
}

// parseInt reads an integer, also one written with a fraction of zero or an exponent.
func parseInt(s string, k Kind) (int64, error) {
	bits := 64
	if k == KindInteger {
		bits = 32
	}
	n, err := strconv.ParseInt(s, 10, bits)
	if err == nil {
		return n, nil
	}
	f, e := strconv.ParseFloat(s, 64)
	if e != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 || bits == 32 && math.Abs(f) > math.MaxInt32 {
		return 0, err
	}
	return int64(f), nil
}

func firstTime(f ...TimeFormat) TimeFormat {
	for _, x := range f {
		if x != TimeDefault {
			return x
		}
	}
	return TimeDefault
}

func (s *Shape) kindName() string {
	switch s.Kind {
	case KindInteger:
		return "Integer"
	case KindLong:
		return "Long"
	case KindFloat:
		return "Float"
	case KindDouble:
		return "Double"
	case KindBoolean:
		return "Boolean"
	case KindBlob:
		return "Blob"
	case KindTimestamp:
		return "Timestamp"
	case KindString:
		return "String"
	}
	return s.Name
}

func memberByWire(s *Shape, name string) int {
	for i := range s.Members {
		if s.Members[i].WireName() == name {
			return i
		}
	}
	return -1
}

// appendJSON writes v, of the shape, behind b. A structure's members outside the body are left out at the top.
func appendJSON(b []byte, m *Model, shape int32, v reflect.Value, tf TimeFormat) []byte {
	s := m.Shape(shape)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return append(b, "null"...)
		}
		v = v.Elem()
	}
	switch s.Kind {
	case KindStructure:
		b = append(b, '{')
		first := true
		for i := range s.Members {
			mb := &s.Members[i]
			f := v.Field(i)
			if mb.Location != InBody || absent(f) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = appendQuoted(b, mb.WireName())
			b = append(b, ':')
			b = appendJSON(b, m, mb.Shape, f, mb.Time)
		}
		return append(b, '}')
	case KindList:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, m, s.Elem, v.Index(i), TimeDefault)
		}
		return append(b, ']')
	case KindMap:
		b = append(b, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, k.String())
			b = append(b, ':')
			b = appendJSON(b, m, s.Elem, v.MapIndex(k), TimeDefault)
		}
		return append(b, '}')
	case KindString:
		return appendQuoted(b, v.String())
	case KindBoolean:
		return strconv.AppendBool(b, v.Bool())
	case KindInteger, KindLong:
		return strconv.AppendInt(b, v.Int(), 10)
	case KindFloat, KindDouble:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return appendQuoted(b, formatFloat(f, 64))
		}
		if f == math.Trunc(f) && math.Abs(f) < 1e15 {
			return strconv.AppendFloat(b, f, 'f', 1, 64)
		}
		return append(b, formatFloat(f, floatBits(s.Kind))...)
	case KindBlob:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case KindTimestamp:
		at := v.Interface().(time.Time)
		f := firstTime(tf, s.Time, TimeUnix)
		if f == TimeUnix {
			return append(b, unixText(at)...)
		}
		return appendQuoted(b, formatTime(at, f))
	case KindDocument:
		if v.Len() == 0 {
			return append(b, "null"...)
		}
		return append(b, v.Bytes()...)
	}
	return append(b, "null"...)
}

func floatBits(k Kind) int {
	if k == KindFloat {
		return 32
	}
	return 64
}

// absent tells whether a member is not there.
func absent(f reflect.Value) bool {
	switch f.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return f.IsNil()
	}
	return false
}

func sortedKeys(v reflect.Value) []reflect.Value {
	ks := v.MapKeys()
	sort.Slice(ks, func(i, k int) bool { return ks[i].String() < ks[k].String() })
	return ks
}

// appendQuoted writes a JSON string; bytes that are no UTF-8 become the replacement character.
func appendQuoted(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil {
		out, _ = jsontext.AppendQuote(b, string(bytes.ToValidUTF8([]byte(s), []byte("\uFFFD"))))
	}
	return out
}
