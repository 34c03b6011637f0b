package jsonata

import (
	"math"
	"unsafe"
)

// Kind is what a value is.
type Kind uint8

// The kinds of values. Undefined is "nothing": no input, a missing path, an empty sequence.
const (
	Undefined Kind = iota
	Null
	Boolean
	Number
	String
	ArrayKind
	ObjectKind
	FunctionKind
)

// Value is one JSON value, a function, or nothing (the zero Value). It is small and is passed by value; arrays and
// objects are shared and must not be changed by whoever holds them.
type Value struct {
	p    unsafe.Pointer // bytes of a string, *Array, *Object, *function
	bits uint64         // the number's bits, a string's length, 1 for true
	kind Kind
}

// Array is the body of an array or a sequence.
type Array struct {
	Items []Value
	// seq: a sequence, which flattens and whose only member stands for itself; keep: [] was asked for, so it does not;
	// cons: built by a constructor inside a path, not flattened; outer: the wrapper around an input that is an array;
	// tuples: a stream of bindings; made: built by the evaluation that runs, so its marks are cleared at the end.
	seq, keep, cons, outer, tuples, made bool
}

// Bool, Num, Str give a value of a Go one. Str takes UTF-8.
func Bool(b bool) Value {
	if b {
		return Value{kind: Boolean, bits: 1}
	}
	return Value{kind: Boolean}
}

// Num is a number.
func Num(f float64) Value { return Value{kind: Number, bits: math.Float64bits(f)} }

// Str is a string.
func Str(s string) Value {
	return Value{kind: String, p: unsafe.Pointer(unsafe.StringData(s)), bits: uint64(len(s))}
}

// NullValue is JSON's null.
var NullValue = Value{kind: Null}

// List is an array of the items, which it keeps.
func List(items []Value) Value { return arrayValue(&Array{Items: items}) }

// Obj is the value of an object.
func Obj(o *Object) Value { return Value{kind: ObjectKind, p: unsafe.Pointer(o)} }

func arrayValue(a *Array) Value   { return Value{kind: ArrayKind, p: unsafe.Pointer(a)} }
func funcValue(f *function) Value { return Value{kind: FunctionKind, p: unsafe.Pointer(f)} }

// Kind is the value's kind.
func (v Value) Kind() Kind { return v.kind }

// IsUndefined says that there is no value.
func (v Value) IsUndefined() bool { return v.kind == Undefined }

// Bool is the value of a boolean.
func (v Value) Bool() bool { return v.bits != 0 }

// Float is the value of a number.
func (v Value) Float() float64 { return math.Float64frombits(v.bits) }

// Text is the text of a string; a lone surrogate is its three bytes.
func (v Value) Text() string { return unsafe.String((*byte)(v.p), int(v.bits)) }

// Items are the members of an array; they must not be changed.
func (v Value) Items() []Value {
	if v.kind != ArrayKind {
		return nil
	}
	return v.array().Items
}

// Object is the body of an object, nil for other kinds.
func (v Value) Object() *Object {
	if v.kind != ObjectKind {
		return nil
	}
	return (*Object)(v.p)
}

func (v Value) array() *Array  { return (*Array)(v.p) }
func (v Value) fn() *function  { return (*function)(v.p) }
func (v Value) isTuples() bool { return v.kind == ArrayKind && v.array().tuples }

// same is identity: equal scalars, the very same array, object or function.
func (v Value) same(w Value) bool {
	if v.kind != w.kind {
		return false
	}
	switch v.kind {
	case Number:
		return v.Float() == w.Float()
	case String:
		return v.Text() == w.Text()
	case Boolean:
		return v.bits == w.bits
	}
	return v.p == w.p
}

// TypeName is the name that $type gives.
func (v Value) TypeName() string {
	return [...]string{"undefined", "null", "boolean", "number", "string", "array", "object", "function"}[v.kind]
}
