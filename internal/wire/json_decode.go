package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
)

// jsonDecoder fills values from JSON text under a schema. Unknown members are passed over, null is absence,
// the last of two equal names wins, as AWS's services do.
type jsonDecoder struct {
	scanner
	schema *Schema
	path   path
	depth  int
}

func decodeJSON(s *Schema, sh *Shape, data []byte, v reflect.Value, p *path) error {
	d := jsonDecoder{scanner: scanner{data: data}, schema: s, path: *p}
	defer func() { *p = d.path }()
	if d.peek() != '{' && sh.Kind == KindStructure {
		return errMalformed
	}
	if err := d.value(sh, nil, v); err != nil {
		return err
	}
	if d.peek() != 0 || d.pos < len(d.data) {
		return errMalformed
	}
	return nil
}

func (d *jsonDecoder) value(sh *Shape, m *Member, v reflect.Value) error {
	if sh.Flags&Custom != 0 && v.Type() != typeAny {
		if v.Kind() == reflect.Pointer && v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		if v.Kind() != reflect.Pointer {
			v = v.Addr()
		}
		if c, ok := v.Interface().(Coder); ok {
			raw, err := d.raw()
			if err != nil {
				return err
			}
			return c.DecodeWire(raw)
		}
	}
	c := d.peek()
	switch sh.Kind {
	case KindStructure:
		return d.structure(sh, v, c)
	case KindList:
		return d.list(sh, v, c)
	case KindMap:
		return d.mapping(sh, v, c)
	case KindString:
		if c != '"' {
			return d.mismatch(c, "a String", m)
		}
		b, ok := d.text()
		if !ok {
			return errMalformed
		}
		setString(v, string(b))
		return nil
	case KindDocument:
		raw, err := d.raw()
		if err != nil {
			return err
		}
		t := concrete(sh, v)
		t.SetBytes(append([]byte(nil), raw...))
		settle(v, t)
		return nil
	}
	t := concrete(sh, v)
	if err := d.scalar(sh, m, t, c); err != nil {
		return err
	}
	settle(v, t)
	return nil
}

func (d *jsonDecoder) raw() ([]byte, error) {
	d.space()
	start := d.pos
	if !d.skip(d.depth) {
		return nil, errMalformed
	}
	return d.data[start:d.pos], nil
}

func (d *jsonDecoder) structure(sh *Shape, v reflect.Value, c byte) error {
	if c != '{' {
		return d.mismatch(c, "", nil)
	}
	if d.depth++; d.depth > DepthMax {
		return errMalformed
	}
	d.pos++
	t := concrete(sh, v)
	o := openObject(sh, t)
	if err := d.fields(&o); err != nil {
		return err
	}
	o.missing(&d.path)
	settle(v, t)
	d.depth--
	return nil
}

// fields reads members up to and including the closing brace.
func (d *jsonDecoder) fields(o *object) error {
	if d.take('}') {
		return nil
	}
	next := 0
	for {
		key, ok := d.text()
		if !ok || !d.take(':') {
			return errMalformed
		}
		i := findMember(o.sh, key, next)
		switch {
		case d.peek() == 'n' && (i < 0 || d.schema.Shapes[o.sh.Members[i].Shape].Kind != KindDocument):
			if !d.literal("null") {
				return errMalformed
			}
		case i < 0:
			if !d.skip(d.depth) {
				return errMalformed
			}
		default:
			next = i + 1
			m := &o.sh.Members[i]
			s := o.slot(i)
			d.path.push(m)
			if err := d.value(&d.schema.Shapes[m.Shape], m, s); err != nil {
				return err
			}
			d.path.pop()
			o.done(i, s)
		}
		if d.take('}') {
			return nil
		}
		if !d.take(',') {
			return errMalformed
		}
	}
}

// findMember looks a name up, first where it is likely: after the one before.
func findMember(sh *Shape, key []byte, next int) int {
	n := len(sh.Members)
	for k := 0; k < n; k++ {
		i := next + k
		if i >= n {
			i -= n
		}
		m := &sh.Members[i]
		w := m.WireName
		if w == "" {
			w = m.Name
		}
		if string(key) == w && m.Location == InBody {
			return i
		}
	}
	return -1
}

func (d *jsonDecoder) list(sh *Shape, v reflect.Value, c byte) error {
	if c != '[' {
		return d.mismatch(c, "", nil)
	}
	if d.depth++; d.depth > DepthMax {
		return errMalformed
	}
	d.pos++
	el := &sh.Members[0]
	es := &d.schema.Shapes[el.Shape]
	t := concrete(sh, v)
	t.Set(reflect.MakeSlice(t.Type(), 0, 0))
	if !d.take(']') {
		for n := 0; ; n++ {
			if n == t.Cap() {
				t.Grow(max(n, 4))
			}
			t.SetLen(n + 1)
			s := t.Index(n)
			s.SetZero()
			if d.peek() == 'n' {
				if !d.literal("null") {
					return errMalformed
				}
			} else {
				d.path.pushIndex(n)
				if err := d.value(es, el, s); err != nil {
					return err
				}
				d.path.pop()
			}
			if d.take(']') {
				break
			}
			if !d.take(',') {
				return errMalformed
			}
		}
	}
	settle(v, t)
	d.depth--
	return nil
}

func (d *jsonDecoder) mapping(sh *Shape, v reflect.Value, c byte) error {
	if c != '{' {
		return d.mismatch(c, "", nil)
	}
	if d.depth++; d.depth > DepthMax {
		return errMalformed
	}
	d.pos++
	el := &sh.Members[1]
	es := &d.schema.Shapes[el.Shape]
	t := concrete(sh, v)
	t.Set(reflect.MakeMap(t.Type()))
	strs, _ := t.Addr().Interface().(*map[string]string)
	var s reflect.Value
	if !d.take('}') {
		for {
			b, ok := d.text()
			if !ok {
				return errMalformed
			}
			key := string(b)
			if !d.take(':') {
				return errMalformed
			}
			switch {
			case d.peek() == 'n':
				if !d.literal("null") {
					return errMalformed
				}
				if sh.Flags&Sparse != 0 {
					t.SetMapIndex(reflect.ValueOf(key), reflect.Zero(t.Type().Elem()))
				}
			case strs != nil:
				if d.peek() != '"' {
					return d.mismatch(d.peek(), "a String", el)
				}
				b, ok := d.text()
				if !ok {
					return errMalformed
				}
				(*strs)[key] = string(b)
			default:
				if !s.IsValid() {
					s = reflect.New(t.Type().Elem()).Elem()
				} else {
					s.SetZero()
				}
				d.path.pushKey(key)
				if err := d.value(es, el, s); err != nil {
					return err
				}
				d.path.pop()
				t.SetMapIndex(reflect.ValueOf(key), s)
			}
			if d.take('}') {
				break
			}
			if !d.take(',') {
				return errMalformed
			}
		}
	}
	settle(v, t)
	d.depth--
	return nil
}

func (d *jsonDecoder) scalar(sh *Shape, m *Member, t reflect.Value, c byte) error {
	switch sh.Kind {
	case KindBoolean:
		switch {
		case c == 't' && d.literal("true"):
			t.SetBool(true)
		case c == 'f' && d.literal("false"):
			t.SetBool(false)
		default:
			return d.mismatch(c, "a Boolean", m)
		}
		return nil
	case KindInteger, KindLong:
		name := "a Long"
		if sh.Kind == KindInteger {
			name = "an Integer"
		}
		if c != '-' && (c < '0' || c > '9') {
			return d.mismatch(c, name, m)
		}
		b, whole, ok := d.number()
		if !ok {
			return errMalformed
		}
		n, ok := wholeNumber(b, whole)
		if !ok || sh.Kind == KindInteger && (n > math.MaxInt32 || n < math.MinInt32) {
			return serialization("NUMBER_VALUE can not be converted to " + name)
		}
		t.SetInt(n)
		return nil
	case KindFloat, KindDouble:
		if c == '"' {
			b, ok := d.text()
			if !ok {
				return errMalformed
			}
			switch string(b) {
			case "NaN":
				t.SetFloat(math.NaN())
			case "Infinity":
				t.SetFloat(math.Inf(1))
			case "-Infinity":
				t.SetFloat(math.Inf(-1))
			default:
				return serialization("STRING_VALUE can not be converted to a Double")
			}
			return nil
		}
		if c != '-' && (c < '0' || c > '9') {
			return d.mismatch(c, "a Double", m)
		}
		b, _, ok := d.number()
		if !ok {
			return errMalformed
		}
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil {
			return serialization("NUMBER_VALUE can not be converted to a Double")
		}
		t.SetFloat(f)
		return nil
	case KindBlob:
		if c != '"' {
			return d.mismatch(c, "a Blob", m)
		}
		b, ok := d.text()
		if !ok {
			return errMalformed
		}
		out, err := decodeBase64(b)
		if err != nil {
			return err
		}
		t.SetBytes(out)
		return nil
	case KindTimestamp:
		if c == '"' {
			b, ok := d.text()
			if !ok {
				return errMalformed
			}
			tm, ok := parseTime(string(b))
			if !ok {
				return serialization("STRING_VALUE can not be converted to a Date")
			}
			setTime(t, tm)
			return nil
		}
		if c != '-' && (c < '0' || c > '9') {
			return d.mismatch(c, "a Date", m)
		}
		b, _, ok := d.number()
		if !ok {
			return errMalformed
		}
		f, err := strconv.ParseFloat(string(b), 64)
		tm, ok := unixTime(f)
		if err != nil || !ok {
			return serialization("NUMBER_VALUE can not be converted to a Date")
		}
		setTime(t, tm)
		return nil
	}
	return errMalformed
}

func wholeNumber(b []byte, whole bool) (int64, bool) {
	if whole {
		n, err := strconv.ParseInt(string(b), 10, 64)
		return n, err == nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

func decodeBase64(b []byte) ([]byte, error) {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(out, b)
	if err != nil {
		if n, err = base64.RawStdEncoding.Decode(out, b); err != nil {
			return nil, serialization("Invalid base64 data")
		}
	}
	return out[:n:n], nil
}

// mismatch is the error for a value that starts with c where another type must stand.
func (d *jsonDecoder) mismatch(c byte, want string, _ *Member) error {
	switch c {
	case '{':
		return serialization("Start of structure or map found where not expected.")
	case '[':
		return serialization("Start of list found where not expected")
	}
	got := ""
	switch {
	case c == '"':
		got = "STRING_VALUE"
	case c == 't':
		got = "TRUE_VALUE"
	case c == 'f':
		got = "FALSE_VALUE"
	case c == '-' || c >= '0' && c <= '9':
		got = "NUMBER_VALUE"
	default:
		return errMalformed
	}
	if !d.skip(d.depth) {
		return errMalformed
	}
	if want == "" {
		return serialization("Unexpected field type")
	}
	return serialization(got + " can not be converted to " + want)
}
