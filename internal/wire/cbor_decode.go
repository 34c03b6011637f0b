package wire

import (
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// cborDecoder fills values from CBOR (RFC 8949) as Smithy RPC v2 uses it: definite and indefinite lengths,
// tag 1 for timestamps, no other tags that mean anything.
type cborDecoder struct {
	data   []byte
	pos    int
	schema *Schema
	path   path
	depth  int
}

var errCBOR = serialization("The body is not well-formed CBOR.")

func decodeCBOR(s *Schema, sh *Shape, data []byte, v reflect.Value, p *path) error {
	if len(data) == 0 {
		data = []byte{0xA0}
	}
	d := cborDecoder{data: data, schema: s, path: *p}
	defer func() { *p = d.path }()
	if data[0]>>5 != 5 {
		return errCBOR
	}
	if err := d.value(sh, v); err != nil {
		return err
	}
	if d.pos != len(data) {
		return errCBOR
	}
	return nil
}

// head reads one item's head: major type, its argument, and whether the length is indefinite.
func (d *cborDecoder) head() (major byte, arg uint64, indefinite bool, err error) {
	if d.pos >= len(d.data) {
		return 0, 0, false, errCBOR
	}
	b := d.data[d.pos]
	d.pos++
	major, info := b>>5, b&31
	if info < 24 {
		return major, uint64(info), false, nil
	}
	if info == 31 {
		if major < 2 || major == 6 {
			return 0, 0, false, errCBOR
		}
		return major, 0, true, nil
	}
	if info > 27 {
		return 0, 0, false, errCBOR
	}
	n := 1 << (info - 24)
	if len(d.data)-d.pos < n {
		return 0, 0, false, errCBOR
	}
	for _, c := range d.data[d.pos : d.pos+n] {
		arg = arg<<8 | uint64(c)
	}
	d.pos += n
	return major, arg, false, nil
}

func (d *cborDecoder) next() byte {
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0xFF
}

const (
	cborNull  = 0xF6
	cborUndef = 0xF7
	cborBreak = 0xFF
)

// null consumes null or undefined.
func (d *cborDecoder) null() bool {
	if b := d.next(); b == cborNull || b == cborUndef {
		d.pos++
		return true
	}
	return false
}

// chunks reads a byte or text string; one of indefinite length is a row of definite ones.
func (d *cborDecoder) chunks(major byte) ([]byte, error) {
	m, n, indefinite, err := d.head()
	if err != nil || m != major {
		return nil, errCBOR
	}
	if !indefinite {
		if n > uint64(len(d.data)-d.pos) {
			return nil, errCBOR
		}
		b := d.data[d.pos : d.pos+int(n)]
		d.pos += int(n)
		return b, nil
	}
	out := []byte{}
	for {
		if d.next() == cborBreak {
			if d.pos >= len(d.data) {
				return nil, errCBOR
			}
			d.pos++
			return out, nil
		}
		m, n, ind, err := d.head()
		if err != nil || m != major || ind || n > uint64(len(d.data)-d.pos) {
			return nil, errCBOR
		}
		out = append(out, d.data[d.pos:d.pos+int(n)]...)
		d.pos += int(n)
	}
}

func (d *cborDecoder) text() (string, error) {
	b, err := d.chunks(3)
	if err != nil || !utf8.Valid(b) {
		return "", errCBOR
	}
	return string(b), nil
}

// items calls f for each item of an array (or pair of a map) until its end.
func (d *cborDecoder) items(major byte, f func(i int) error) error {
	m, n, indefinite, err := d.head()
	if err != nil || m != major {
		return errCBOR
	}
	if d.depth++; d.depth > DepthMax {
		return errCBOR
	}
	for i := 0; ; i++ {
		if indefinite {
			if d.next() == cborBreak {
				if d.pos >= len(d.data) {
					return errCBOR
				}
				d.pos++
				break
			}
		} else if uint64(i) >= n {
			break
		}
		if d.pos >= len(d.data) {
			return errCBOR
		}
		if err := f(i); err != nil {
			return err
		}
	}
	d.depth--
	return nil
}

func (d *cborDecoder) skip() error {
	switch b := d.next(); b >> 5 {
	case 2, 3:
		_, err := d.chunks(b >> 5)
		return err
	case 4:
		return d.items(4, func(int) error { return d.skip() })
	case 5:
		return d.items(5, func(int) error {
			if err := d.skip(); err != nil {
				return err
			}
			return d.skip()
		})
	case 6:
		if _, _, _, err := d.head(); err != nil {
			return err
		}
		if d.depth++; d.depth > DepthMax {
			return errCBOR
		}
		defer func() { d.depth-- }()
		return d.skip()
	}
	_, _, indefinite, err := d.head()
	if indefinite {
		return errCBOR
	}
	return err
}

func (d *cborDecoder) value(sh *Shape, v reflect.Value) error {
	switch sh.Kind {
	case KindStructure:
		t := concrete(sh, v)
		o := openObject(sh, t)
		if err := d.fields(&o); err != nil {
			return err
		}
		o.missing(&d.path)
		settle(v, t)
		return nil
	case KindList:
		es := &d.schema.Shapes[sh.Members[0].Shape]
		t := concrete(sh, v)
		t.Set(reflect.MakeSlice(t.Type(), 0, 0))
		err := d.items(4, func(i int) error {
			if i == t.Cap() {
				t.Grow(max(i, 4))
			}
			t.SetLen(i + 1)
			t.Index(i).SetZero()
			if d.null() {
				return nil
			}
			d.path.pushIndex(i)
			err := d.value(es, t.Index(i))
			if err == nil {
				d.path.pop()
			}
			return err
		})
		if err != nil {
			return err
		}
		settle(v, t)
		return nil
	case KindMap:
		es := &d.schema.Shapes[sh.Members[1].Shape]
		t := concrete(sh, v)
		t.Set(reflect.MakeMap(t.Type()))
		err := d.items(5, func(int) error {
			k, err := d.text()
			if err != nil {
				return err
			}
			e := reflect.New(t.Type().Elem()).Elem()
			if d.null() {
				if sh.Flags&Sparse != 0 {
					t.SetMapIndex(reflect.ValueOf(k), e)
				}
				return nil
			}
			d.path.pushKey(k)
			if err := d.value(es, e); err != nil {
				return err
			}
			d.path.pop()
			t.SetMapIndex(reflect.ValueOf(k), e)
			return nil
		})
		if err != nil {
			return err
		}
		settle(v, t)
		return nil
	case KindString:
		s, err := d.text()
		if err != nil {
			return err
		}
		setString(v, s)
		return nil
	case KindDocument:
		return Unsupported("A document in CBOR")
	}
	t := concrete(sh, v)
	if err := d.scalar(sh, t); err != nil {
		return err
	}
	settle(v, t)
	return nil
}

func (d *cborDecoder) fields(o *object) error {
	next := 0
	return d.items(5, func(int) error {
		key, err := d.chunks(3)
		if err != nil {
			return err
		}
		i := findMember(o.sh, key, next)
		if i < 0 {
			return d.skip()
		}
		next = i + 1
		if d.null() {
			return nil
		}
		m := &o.sh.Members[i]
		s := o.slot(i)
		d.path.push(m)
		if err := d.value(&d.schema.Shapes[m.Shape], s); err != nil {
			return err
		}
		d.path.pop()
		o.done(i, s)
		return nil
	})
}

func (d *cborDecoder) scalar(sh *Shape, t reflect.Value) error {
	b := d.next()
	switch sh.Kind {
	case KindBoolean:
		switch b {
		case 0xF4:
			t.SetBool(false)
		case 0xF5:
			t.SetBool(true)
		default:
			return errCBOR
		}
		d.pos++
		return nil
	case KindBlob:
		x, err := d.chunks(2)
		if err != nil {
			return err
		}
		t.SetBytes(append([]byte{}, x...))
		return nil
	case KindInteger, KindLong:
		n, f, float, err := d.number()
		if err != nil {
			return err
		}
		if float {
			if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return errCBOR
			}
			n = int64(f)
		}
		if sh.Kind == KindInteger && (n > math.MaxInt32 || n < math.MinInt32) {
			return serialization("A number is out of the range of an Integer")
		}
		t.SetInt(n)
		return nil
	case KindFloat, KindDouble:
		n, f, float, err := d.number()
		if err != nil {
			return err
		}
		if !float {
			f = float64(n)
		}
		t.SetFloat(f)
		return nil
	case KindTimestamp:
		if b>>5 == 6 {
			if _, tag, _, err := d.head(); err != nil || tag != 1 {
				return errCBOR
			}
		}
		n, f, float, err := d.number()
		if err != nil {
			return err
		}
		if !float {
			f = float64(n)
		}
		tm, ok := unixTime(f)
		if !ok {
			return errCBOR
		}
		setTime(t, tm)
		return nil
	}
	return errCBOR
}

// number reads an integer or a float of any width.
func (d *cborDecoder) number() (n int64, f float64, float bool, err error) {
	first := d.next()
	major, arg, indefinite, err := d.head()
	switch {
	case err != nil || indefinite:
		return 0, 0, false, errCBOR
	case major == 0 && arg <= math.MaxInt64:
		return int64(arg), 0, false, nil
	case major == 1 && arg <= math.MaxInt64:
		return -1 - int64(arg), 0, false, nil
	case major == 0 || major == 1:
		return 0, 0, false, serialization("A number is out of range: " + strconv.FormatUint(arg, 10))
	case major != 7:
		return 0, 0, false, errCBOR
	}
	switch first {
	case 0xF9:
		return 0, halfFloat(uint16(arg)), true, nil
	case 0xFA:
		return 0, float64(math.Float32frombits(uint32(arg))), true, nil
	case 0xFB:
		return 0, math.Float64frombits(arg), true, nil
	}
	return 0, 0, false, errCBOR
}

func halfFloat(h uint16) float64 {
	sign, exp, frac := h>>15, int(h>>10&31), float64(h&1023)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 31:
		if f = math.Inf(1); frac != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+frac, exp-25)
	}
	if sign == 1 {
		f = -f
	}
	return f
}
