package jsonpath

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Number is a JSON number in the form of its text.
type Number = json.Number

// Object is a JSON object that keeps the order of its members. A value is nil, a bool, a Number, a string, a []any or an
// *Object; values are shared and not changed once they are made.
type Object struct {
	names  []string
	values []any
	at     map[string]int // of more than a few members
}

// membersPlain is how many members are looked through one by one.
const membersPlain = 8

// Len is the number of members.
func (o *Object) Len() int { return len(o.names) }

// At is a member by its place.
func (o *Object) At(i int) (string, any) { return o.names[i], o.values[i] }

func (o *Object) find(name string) int {
	if o.at != nil {
		if i, ok := o.at[name]; ok {
			return i
		}
		return -1
	}
	for i, n := range o.names {
		if n == name {
			return i
		}
	}
	return -1
}

// Get is a member by its name.
func (o *Object) Get(name string) (any, bool) {
	if i := o.find(name); i >= 0 {
		return o.values[i], true
	}
	return nil, false
}

// Set adds a member, or gives it another value in its old place; only for objects that nobody shares yet.
func (o *Object) Set(name string, v any) {
	if i := o.find(name); i >= 0 {
		o.values[i] = v
		return
	}
	o.names, o.values = append(o.names, name), append(o.values, v)
	if o.at != nil {
		o.at[name] = len(o.names) - 1
	} else if len(o.names) > membersPlain {
		o.at = make(map[string]int, 2*len(o.names))
		for i, n := range o.names {
			o.at[n] = i
		}
	}
}

func (o *Object) clone() *Object {
	c := &Object{}
	for i, n := range o.names {
		c.Set(n, o.values[i])
	}
	return c
}

// DepthMax is how deeply a value may be nested.
const DepthMax = 1000

// Decode reads one JSON value.
func Decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decode(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func decode(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > DepthMax {
		return nil, fmt.Errorf("nested more than %d deep", DepthMax)
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decode(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		o := &Object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decode(d, depth+1)
			if err != nil {
				return nil, err
			}
			o.Set(name.(string), v)
		}
		_, err := d.Token()
		return o, err
	}
	return t, nil
}

// Encode writes a value as JSON without spaces.
func Encode(v any) []byte { return encode(nil, v) }

func encode(out []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		if v {
			return append(out, "true"...)
		}
		return append(out, "false"...)
	case Number:
		return append(out, v...)
	case string:
		return quote(out, v)
	case []any:
		out = append(out, '[')
		for i, e := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = encode(out, e)
		}
		return append(out, ']')
	case *Object:
		out = append(out, '{')
		for i, n := range v.names {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(quote(out, n), ':')
			out = encode(out, v.values[i])
		}
		return append(out, '}')
	}
	panic(fmt.Sprintf("jsonpath: %T is no value", v))
}

func quote(out []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		out = append(append(out, '"'), s...)
		return append(out, '"')
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return append(out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// equal compares values; numbers by what they say, members in any order.
func equal(a, b any) bool {
	switch a := a.(type) {
	case Number:
		b, ok := b.(Number)
		return ok && (a == b || compareNumbers(a, b) == 0)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *Object:
		b, ok := b.(*Object)
		if !ok || a.Len() != b.Len() {
			return false
		}
		for i, n := range a.names {
			v, ok := b.Get(n)
			if !ok || !equal(a.values[i], v) {
				return false
			}
		}
		return true
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	}
	return a == nil && b == nil
}

func compareNumbers(a, b Number) int {
	x, _ := a.Float64()
	y, _ := b.Float64()
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// display is a value within States.Format: JSON for lists of plain values, and Java's form of maps for objects.
func display(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString(v)
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			display(b, e)
		}
		b.WriteByte(']')
	case *Object:
		b.WriteByte('{')
		for i, n := range v.names {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(n + "=")
			display(b, v.values[i])
		}
		b.WriteByte('}')
	default:
		b.Write(Encode(v))
	}
}

// Compare orders two numbers by what they say.
func Compare(a, b Number) int { return compareNumbers(a, b) }
