package store

import (
	"fmt"

	"virga/internal/store/rec"
)

// Put writes a record (a struct with rec numbers) under a key.
func Put(tx Tx, k Key, record any) { tx.Set(k, rec.Marshal(record)) }

// Load reads a record. A value that does not decode ends the transaction with ErrCorrupt.
func Load[T any](r Reader, k Key) (*T, bool) {
	b, ok := r.Get(k)
	if !ok {
		return nil, false
	}
	return decode[T](k, b), true
}

// Each calls fn for the records of a span until it says false.
func Each[T any](r Reader, span Span, fn func(k Key, v *T) bool) {
	r.Range(span, func(k Key, b []byte) bool { return fn(k, decode[T](k, b)) })
}

func decode[T any](k Key, b []byte) *T {
	v := new(T)
	if err := rec.Unmarshal(b, v); err != nil {
		panic(fmt.Errorf("%w: record of family %d: %v", ErrCorrupt, k.Family(), err))
	}
	return v
}

// Unknown keeps the fields that a newer version wrote (see store/rec).
type Unknown = rec.Unknown
