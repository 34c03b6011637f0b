// Package rec encodes records as numbered-field binary: a struct's exported fields carry `rec:"N"`, a field that is
// zero is not written, and fields that a newer version wrote are kept and written again, so that two versions can
// share one store. It is not a wire protocol.
//
// Encoding of a field: uvarint(N<<2 | kind), then by kind: 0 uvarint, 1 bytes (uvarint length, bytes).
// Signed integers are zig-zag, floats their bits, times nanoseconds since 1970 (UTC), structs and maps nested bytes;
// a slice is one nested value of uvarint count and its elements, a map the same with its pairs in key order.
package rec

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
)

// ErrMalformed is returned for bytes that Marshal did not make.
var ErrMalformed = errors.New("rec: malformed record")

const (
	kindVar   = 0
	kindBytes = 1
	depthMax  = 32
)

// Unknown keeps what a newer version wrote; a record that should survive a rolling upgrade has one such field.
type Unknown []byte

var (
	timeType    = reflect.TypeFor[time.Time]()
	unknownType = reflect.TypeFor[Unknown]()
	plans       sync.Map // reflect.Type -> *plan; a cache, nothing else
)

type plan struct {
	fields  []field
	byNum   map[uint64]int
	unknown int // index of the Unknown field, -1
}

type field struct {
	num   uint64
	index int
}

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{byNum: map[uint64]int{}, unknown: -1}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type == unknownType {
			p.unknown = i
			continue
		}
		tag, ok := f.Tag.Lookup("rec")
		if !ok {
			if f.IsExported() {
				panic(fmt.Sprintf("rec: field %s.%s has no number", t, f.Name))
			}
			continue
		}
		n, err := strconv.ParseUint(tag, 10, 16)
		if err != nil || n == 0 {
			panic(fmt.Sprintf("rec: field %s.%s: bad number %q", t, f.Name, tag))
		}
		if _, dup := p.byNum[n]; dup {
			panic(fmt.Sprintf("rec: %s uses number %d twice", t, n))
		}
		p.byNum[n] = len(p.fields)
		p.fields = append(p.fields, field{n, i})
	}
	slices.SortFunc(p.fields, func(a, b field) int { return cmp.Compare(a.num, b.num) })
	for i, f := range p.fields {
		p.byNum[f.num] = i
	}
	plans.Store(t, p)
	return p
}

// Marshal encodes a struct or a pointer to one.
func Marshal(v any) []byte {
	r := reflect.ValueOf(v)
	for r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	return appendStruct(make([]byte, 0, 256), r)
}

func appendStruct(b []byte, v reflect.Value) []byte {
	p := planOf(v.Type())
	for _, f := range p.fields {
		fv := v.Field(f.index)
		if fv.IsZero() {
			continue
		}
		if isVar(fv.Type()) {
			b = binary.AppendUvarint(b, f.num<<2|kindVar)
			b = appendValue(b, fv)
			continue
		}
		b = binary.AppendUvarint(b, f.num<<2|kindBytes)
		switch {
		case fv.Kind() == reflect.String:
			b = binary.AppendUvarint(b, uint64(fv.Len()))
			b = append(b, fv.String()...)
		case fv.Kind() == reflect.Slice && fv.Type().Elem().Kind() == reflect.Uint8:
			b = binary.AppendUvarint(b, uint64(fv.Len()))
			b = append(b, fv.Bytes()...)
		default:
			inner := appendBody(nil, fv)
			b = binary.AppendUvarint(b, uint64(len(inner)))
			b = append(b, inner...)
		}
	}
	if p.unknown >= 0 {
		b = append(b, v.Field(p.unknown).Bytes()...)
	}
	return b
}

func isVar(t reflect.Type) bool {
	if t == timeType {
		return true
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return true
	}
	return false
}

// appendValue writes a value that stands alone: in a slice, a map or as a number.
func appendValue(b []byte, v reflect.Value) []byte {
	if v.Type() == timeType {
		return binary.AppendVarint(b, nanos(v.Interface().(time.Time)))
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(b, v.Uint())
	case reflect.Float32, reflect.Float64:
		return binary.AppendUvarint(b, math.Float64bits(v.Float()))
	case reflect.String:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		return append(b, v.String()...)
	}
	inner := appendBody(nil, v)
	b = binary.AppendUvarint(b, uint64(len(inner)))
	return append(b, inner...)
}

// appendBody writes what stands inside a length: a struct, a slice, a map, what a pointer points at.
func appendBody(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return b
		}
		b = append(b, 1)
		return appendValue(b, v.Elem())
	case reflect.Struct:
		return appendStruct(b, v)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(b, v.Bytes()...)
		}
		b = binary.AppendUvarint(b, uint64(v.Len()))
		for i := range v.Len() {
			b = appendValue(b, v.Index(i))
		}
		return b
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		b = binary.AppendUvarint(b, uint64(len(keys)))
		for _, k := range keys {
			b = binary.AppendUvarint(b, uint64(k.Len()))
			b = append(b, k.String()...)
			b = appendValue(b, v.MapIndex(k))
		}
		return b
	}
	panic("rec: cannot encode " + v.Type().String())
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixNano()
}

// Unmarshal decodes into the struct that v points at. It never panics on bytes.
func Unmarshal(b []byte, v any) error {
	return readStruct(b, reflect.ValueOf(v).Elem(), 0)
}

func readStruct(b []byte, v reflect.Value, depth int) error {
	if depth > depthMax {
		return ErrMalformed
	}
	p := planOf(v.Type())
	for len(b) > 0 {
		whole := b
		h, n := binary.Uvarint(b)
		if n <= 0 {
			return ErrMalformed
		}
		b = b[n:]
		var payload []byte
		switch h & 3 {
		case kindVar:
			if _, n = binary.Uvarint(b); n <= 0 {
				return ErrMalformed
			}
			payload, b = b[:n], b[n:]
		case kindBytes:
			l, n := binary.Uvarint(b)
			if n <= 0 || l > uint64(len(b)-n) {
				return ErrMalformed
			}
			payload, b = b[n:n+int(l)], b[n+int(l):]
		default:
			return ErrMalformed
		}
		i, ok := p.byNum[h>>2]
		if !ok {
			if p.unknown >= 0 {
				u := v.Field(p.unknown)
				u.SetBytes(append(u.Bytes(), whole[:len(whole)-len(b)]...))
			}
			continue
		}
		fv := v.Field(p.fields[i].index)
		if isVar(fv.Type()) != (h&3 == kindVar) {
			return fmt.Errorf("%w: field %d has another kind", ErrMalformed, h>>2)
		}
		if h&3 == kindVar {
			if _, err := readValue(payload, fv, depth); err != nil {
				return err
			}
			continue
		}
		if err := readBody(payload, fv, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func readValue(b []byte, v reflect.Value, depth int) ([]byte, error) {
	if depth > depthMax {
		return nil, ErrMalformed
	}
	if v.Type() == timeType {
		i, n := binary.Varint(b)
		if n <= 0 {
			return nil, ErrMalformed
		}
		t := time.Time{}
		if i != math.MinInt64 {
			t = time.Unix(0, i).UTC()
		}
		v.Set(reflect.ValueOf(t))
		return b[n:], nil
	}
	switch v.Kind() {
	case reflect.Bool:
		if len(b) == 0 || b[0] > 1 {
			return nil, ErrMalformed
		}
		v.SetBool(b[0] == 1)
		return b[1:], nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, n := binary.Varint(b)
		if n <= 0 || v.OverflowInt(i) {
			return nil, ErrMalformed
		}
		v.SetInt(i)
		return b[n:], nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, n := binary.Uvarint(b)
		if n <= 0 || v.OverflowUint(u) {
			return nil, ErrMalformed
		}
		v.SetUint(u)
		return b[n:], nil
	case reflect.Float32, reflect.Float64:
		u, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, ErrMalformed
		}
		v.SetFloat(math.Float64frombits(u))
		return b[n:], nil
	}
	l, n := binary.Uvarint(b)
	if n <= 0 || l > uint64(len(b)-n) {
		return nil, ErrMalformed
	}
	return b[n+int(l):], readBody(b[n:n+int(l)], v, depth+1)
}

func readBody(b []byte, v reflect.Value, depth int) error {
	if depth > depthMax {
		return ErrMalformed
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(string(b))
		return nil
	case reflect.Pointer:
		if len(b) == 0 {
			v.SetZero()
			return nil
		}
		if b[0] != 1 {
			return ErrMalformed
		}
		v.Set(reflect.New(v.Type().Elem()))
		_, err := readValue(b[1:], v.Elem(), depth)
		return err
	case reflect.Struct:
		return readStruct(b, v, depth)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(slices.Clone(b))
			return nil
		}
		c, n := binary.Uvarint(b)
		if n <= 0 || c > uint64(len(b)) { // every element takes a byte at least
			return ErrMalformed
		}
		b = b[n:]
		s := reflect.MakeSlice(v.Type(), int(c), int(c))
		for i := range int(c) {
			var err error
			if b, err = readValue(b, s.Index(i), depth); err != nil {
				return err
			}
		}
		v.Set(s)
		return nil
	case reflect.Map:
		c, n := binary.Uvarint(b)
		if n <= 0 || c > uint64(len(b)) {
			return ErrMalformed
		}
		b = b[n:]
		m := reflect.MakeMapWithSize(v.Type(), int(c))
		for range int(c) {
			l, n := binary.Uvarint(b)
			if n <= 0 || l > uint64(len(b)-n) {
				return ErrMalformed
			}
			k := reflect.New(v.Type().Key()).Elem()
			k.SetString(string(b[n : n+int(l)]))
			b = b[n+int(l):]
			e := reflect.New(v.Type().Elem()).Elem()
			var err error
			if b, err = readValue(b, e, depth); err != nil {
				return err
			}
			m.SetMapIndex(k, e)
		}
		v.Set(m)
		return nil
	}
	return fmt.Errorf("rec: cannot decode %s", v.Type())
}
