package wire

import (
	"math"
	"reflect"
)

// cborEncoder writes values as CBOR with definite lengths where they are known.
type cborEncoder struct {
	schema *Schema
	buf    []byte
	depth  int
}

func (e *cborEncoder) head(major byte, n uint64) {
	major <<= 5
	switch {
	case n < 24:
		e.buf = append(e.buf, major|byte(n))
	case n <= math.MaxUint8:
		e.buf = append(e.buf, major|24, byte(n))
	case n <= math.MaxUint16:
		e.buf = append(e.buf, major|25, byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		e.buf = append(e.buf, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	default:
		e.buf = append(e.buf, major|27)
		e.bits(n, 8)
	}
}

func (e *cborEncoder) bits(n uint64, bytes int) {
	for i := bytes - 1; i >= 0; i-- {
		e.buf = append(e.buf, byte(n>>(8*i)))
	}
}

func (e *cborEncoder) text(s string) {
	e.head(3, uint64(len(s)))
	e.buf = append(e.buf, s...)
}

func (e *cborEncoder) integer(n int64) {
	if n < 0 {
		e.head(1, uint64(-1-n))
		return
	}
	e.head(0, uint64(n))
}

func (e *cborEncoder) double(f float64) {
	if float64(float32(f)) == f {
		e.buf = append(e.buf, 0xFA)
		e.bits(uint64(math.Float32bits(float32(f))), 4)
		return
	}
	e.buf = append(e.buf, 0xFB)
	e.bits(math.Float64bits(f), 8)
}

func (e *cborEncoder) structure(sh *Shape, v reflect.Value) error {
	e.buf = append(e.buf, 0xBF)
	if err := e.members(sh, v, -1); err != nil {
		return err
	}
	e.buf = append(e.buf, cborBreak)
	return nil
}

// members writes the members but one.
func (e *cborEncoder) members(sh *Shape, v reflect.Value, but int) error {
	for i := range sh.Members {
		m := &sh.Members[i]
		ms := &e.schema.Shapes[m.Shape]
		if i == but || ms.Flags&EventStream != 0 {
			continue
		}
		x, ok := member(sh, v, i)
		if !ok {
			continue
		}
		e.text(m.Key())
		if err := e.value(ms, x); err != nil {
			return err
		}
	}
	return nil
}

func (e *cborEncoder) value(sh *Shape, v reflect.Value) error {
	if e.depth++; e.depth > DepthMax {
		return errDepth
	}
	defer func() { e.depth-- }()
	switch sh.Kind {
	case KindStructure:
		return e.structure(sh, v)
	case KindList:
		es := &e.schema.Shapes[sh.Members[0].Shape]
		e.head(4, uint64(v.Len()))
		for i := range v.Len() {
			if err := e.item(es, v.Index(i)); err != nil {
				return err
			}
		}
	case KindMap:
		es := &e.schema.Shapes[sh.Members[1].Shape]
		e.head(5, uint64(v.Len()))
		for _, k := range sortedKeys(v) {
			e.text(k.String())
			if err := e.item(es, v.MapIndex(k)); err != nil {
				return err
			}
		}
	case KindString:
		e.text(stringOf(v))
	case KindBoolean:
		b := byte(0xF4)
		if v.Bool() {
			b = 0xF5
		}
		e.buf = append(e.buf, b)
	case KindInteger, KindLong:
		e.integer(asInt(v))
	case KindFloat, KindDouble:
		e.double(asFloat(v))
	case KindBlob:
		b := asBytes(v)
		e.head(2, uint64(len(b)))
		e.buf = append(e.buf, b...)
	case KindTimestamp:
		e.buf = append(e.buf, 0xC1)
		ms := asTime(v).UnixMilli()
		if ms%1000 == 0 {
			e.integer(ms / 1000)
		} else {
			e.buf = append(e.buf, 0xFB)
			e.bits(math.Float64bits(float64(ms)/1000), 8)
		}
	case KindDocument:
		return Unsupported("A document in CBOR")
	}
	return nil
}

func (e *cborEncoder) item(es *Shape, v reflect.Value) error {
	x, ok := deref(v)
	if !ok {
		if x = emptyOf(x); !x.IsValid() {
			e.buf = append(e.buf, cborNull)
			return nil
		}
	}
	return e.value(es, x)
}

func cborError(s *Schema, in *ErrorInfo, requestID string) *Response {
	e := cborEncoder{buf: []byte{0xBF}}
	code := in.Code
	if in.Shape != nil && s != nil && s.ErrorNamespace != "" {
		code = s.ErrorNamespace + "#" + code
	}
	e.text("__type")
	e.text(code)
	key, msg := messageKey(in, "message")
	if in.Message != "" || in.Shape == nil {
		e.text(key)
		e.text(in.Message)
	}
	if in.Modeled != nil {
		e.schema = in.Schema
		n := len(e.buf)
		if err := e.members(in.Shape, valueOfError(in.Modeled), msg); err != nil {
			e.buf = e.buf[:n]
		}
	}
	e.buf = append(e.buf, cborBreak)
	res := respond(s, CBOR, in.Status, e.buf, requestID)
	queryError(s, in, res)
	return res
}
