package wire

import (
	"io"
	"reflect"
	"time"
)

// Values come in two forms: Go structs whose field i is member i of their shape (generated types), and dynamic
// ones, where a structure is map[string]any, a list []any, a map map[string]any, and scalars are string, int64,
// float64, bool, []byte, time.Time and Document. The codecs treat both alike: a settable interface is a dynamic slot.

var (
	typeAny      = reflect.TypeFor[any]()
	typeTime     = reflect.TypeFor[time.Time]()
	typeReader   = reflect.TypeFor[io.Reader]()
	typeReadCl   = reflect.TypeFor[io.ReadCloser]()
	typeCoder    = reflect.TypeFor[Coder]()
	typeEvents   = reflect.TypeFor[EventReader]()
	typeDocument = reflect.TypeFor[Document]()

	typeList   = reflect.TypeFor[[]any]()
	typeMap    = reflect.TypeFor[map[string]any]()
	typeString = reflect.TypeFor[string]()
	typeInt    = reflect.TypeFor[int64]()
	typeFloat  = reflect.TypeFor[float64]()
	typeBool   = reflect.TypeFor[bool]()
	typeBytes  = reflect.TypeFor[[]byte]()
)

// concrete gives where a value of a shape is written: v itself, what its pointer points to, or for a dynamic slot
// a fresh variable that settle then stores.
func concrete(sh *Shape, v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return v.Elem()
	case reflect.Interface:
		if v.Type() != typeAny {
			return v
		}
		var t reflect.Type
		switch sh.Kind {
		case KindStructure, KindMap:
			t = typeMap
		case KindList:
			t = typeList
		case KindString:
			t = typeString
		case KindInteger, KindLong:
			t = typeInt
		case KindFloat, KindDouble:
			t = typeFloat
		case KindBoolean:
			t = typeBool
		case KindBlob:
			t = typeBytes
		case KindTimestamp:
			t = typeTime
		case KindDocument:
			t = typeDocument
		}
		return reflect.New(t).Elem()
	}
	return v
}

// settle stores what concrete gave for a dynamic slot.
func settle(v, c reflect.Value) {
	if v.Kind() == reflect.Interface && v.Type() == typeAny {
		v.Set(c)
	}
}

// object is a structure being filled.
type object struct {
	sh   *Shape
	v    reflect.Value
	m    map[string]any
	seen [4]uint64
}

func openObject(sh *Shape, c reflect.Value) object {
	o := object{sh: sh, v: c}
	if c.Kind() == reflect.Map {
		o.m = map[string]any{}
		c.Set(reflect.ValueOf(o.m))
	}
	return o
}

// slot gives where member i is written.
func (o *object) slot(i int) reflect.Value {
	if o.m == nil {
		return o.v.Field(i)
	}
	s := reflect.New(typeAny).Elem()
	if x := o.m[o.sh.Members[i].Name]; x != nil {
		s.Set(reflect.ValueOf(x))
	}
	return s
}

// done says that member i has been written to s.
func (o *object) done(i int, s reflect.Value) {
	o.mark(i)
	if o.m != nil {
		o.m[o.sh.Members[i].Name] = s.Interface()
	}
}

func (o *object) mark(i int) {
	if i < 256 {
		o.seen[i>>6] |= 1 << (i & 63)
	}
}

func (o *object) has(i int) bool { return i >= 256 || o.seen[i>>6]&(1<<(i&63)) != 0 }

// missing reports the required members that were not there and of which the struct keeps no trace.
func (o *object) missing(p *path) {
	if o.m != nil {
		return
	}
	for i := range o.sh.Members {
		m := &o.sh.Members[i]
		if m.Flags&Required == 0 || o.has(i) || i >= o.v.NumField() {
			continue
		}
		switch f := o.v.Field(i); f.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		default:
			p.null(m)
		}
	}
}

// deref gives the value behind pointers and dynamic slots, and false for what is absent.
func deref(v reflect.Value) (reflect.Value, bool) {
	for {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		case reflect.Interface:
			if v.IsNil() {
				return v, false
			}
			if v.Type() != typeAny {
				return v, true
			}
			v = v.Elem()
		case reflect.Slice, reflect.Map:
			return v, !v.IsNil()
		case reflect.Invalid:
			return v, false
		default:
			return v, true
		}
	}
}

// member gives member i of a structure, and false where it is absent.
func member(sh *Shape, v reflect.Value, i int) (reflect.Value, bool) {
	if v.Kind() == reflect.Map {
		x := v.MapIndex(reflect.ValueOf(sh.Members[i].Name))
		if !x.IsValid() {
			return x, false
		}
		return deref(x)
	}
	return deref(v.Field(i))
}

// structOf gives the value of an operation's input or output: a pointer to a struct, or a dynamic map.
func structOf(x any) reflect.Value {
	v := reflect.ValueOf(x)
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return reflect.Value{}
		}
		v = v.Elem()
	}
	return v
}

func setString(v reflect.Value, s string) {
	if v.Kind() == reflect.Pointer {
		if p, ok := v.Addr().Interface().(**string); ok {
			*p = &s
			return
		}
	}
	c := v
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		c = v.Elem()
	case reflect.Interface:
		v.Set(reflect.ValueOf(s))
		return
	}
	c.SetString(s)
}

// asInt reads a whole number of any Go type that dynamic values may use.
func asInt(v reflect.Value) int64 {
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return int64(v.Uint())
	case v.CanFloat():
		return int64(v.Float())
	}
	return 0
}

func asFloat(v reflect.Value) float64 {
	switch {
	case v.CanFloat():
		return v.Float()
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	}
	return 0
}

func asTime(v reflect.Value) time.Time {
	if v.Type() == typeTime {
		if v.CanAddr() {
			return *v.Addr().Interface().(*time.Time)
		}
		return v.Interface().(time.Time)
	}
	return time.Time{}
}

func setTime(c reflect.Value, t time.Time) {
	*c.Addr().Interface().(*time.Time) = t
}

func asBytes(v reflect.Value) []byte {
	if v.Kind() == reflect.String {
		return []byte(v.String())
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		return v.Bytes()
	}
	return nil
}
