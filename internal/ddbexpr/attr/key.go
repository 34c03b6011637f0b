package attr

import "fmt"

// Longest values of key attributes.
const (
	HashKeyBytesMax  = 2048
	RangeKeyBytesMax = 1024
)

// Key is one attribute of a key schema.
type Key struct {
	Name string
	Kind Kind // S, N or B
}

// Schema is the key of a table or index: the hash key, and the range key where it has one.
type Schema struct {
	Hash  Key
	Range Key // Name is "" where there is none
}

// AppendKey appends the encoding of a scalar that sorts bytewise as the values of its kind do. It does not end itself.
func AppendKey(dst []byte, v Value) []byte { return append(dst, v.payload()...) }

// KeyValue is the value that AppendKey encoded.
func KeyValue(k Kind, b []byte) (Value, error) {
	if k == N && !Number(b).valid() {
		return nil, fmt.Errorf("key %x is no number", b)
	}
	if k != S && k != N && k != B {
		return nil, fmt.Errorf("%s is no kind of a key", k)
	}
	return appendBytes(nil, byte(k), b), nil
}

// AppendKeyPart appends the same with an end of its own, so that another part may follow and the whole still sorts:
// a zero byte becomes 00 ff, the end is 00 01.
func AppendKeyPart(dst []byte, v Value) []byte {
	for _, b := range v.payload() {
		if dst = append(dst, b); b == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0, 1)
}

// CheckKey says whether key is exactly the key of a schema: the names, their kinds, their sizes.
func (s Schema) CheckKey(key Item) error {
	want := 1
	if s.Range.Name != "" {
		want = 2
	}
	if key.Len() != want {
		return invalid("The provided key element does not match the schema")
	}
	return s.each(func(k Key, limit int) error {
		v := key.Get(k.Name)
		if v == nil || v.Kind() != k.Kind {
			return invalid("The provided key element does not match the schema")
		}
		return keySize(k, v, limit, msgParameter)
	})
}

// CheckItem says whether an item has the key of a table, with the right kinds and sizes.
func (s Schema) CheckItem(item Item) error {
	return s.each(func(k Key, limit int) error {
		v := item.Get(k.Name)
		if v == nil {
			return invalid(msgParameter + "Missing the key " + k.Name + " in the item")
		}
		if v.Kind() != k.Kind {
			return invalid(msgParameter + "Type mismatch for key " + k.Name + " expected: " + k.Kind.String() + " actual: " + v.Kind().String())
		}
		return keySize(k, v, limit, "One or more parameter values are not valid. ")
	})
}

// CheckIndex says whether an item may stand beside an index: it has the index's key with the right kinds and sizes, or
// lacks it.
func (s Schema) CheckIndex(item Item, index string) error {
	return s.each(func(k Key, limit int) error {
		v := item.Get(k.Name)
		if v == nil {
			return nil
		}
		if v.Kind() != k.Kind {
			return invalid(msgParameter + "Type mismatch for Index Key " + k.Name + " Expected: " + k.Kind.String() + " Actual: " + v.Kind().String() + " IndexName: " + index)
		}
		if len(v.payload()) == 0 {
			return invalid("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty " + emptyName(k.Kind) + " value. IndexName: " + index + ", IndexKey: " + k.Name)
		}
		if len(v.payload()) > limit {
			return tooLong(limit)
		}
		return nil
	})
}

func (s Schema) each(check func(Key, int) error) error {
	if err := check(s.Hash, HashKeyBytesMax); err != nil || s.Range.Name == "" {
		return err
	}
	return check(s.Range, RangeKeyBytesMax)
}

func emptyName(k Kind) string {
	if k == S {
		return "string"
	}
	return "binary"
}

func keySize(k Key, v Value, limit int, prefix string) error {
	switch n := len(v.payload()); {
	case n == 0:
		return invalid(prefix + "The AttributeValue for a key attribute cannot contain an empty " + emptyName(k.Kind) + " value. Key: " + k.Name)
	case n > limit:
		return tooLong(limit)
	}
	return nil
}

func tooLong(limit int) error {
	if limit == HashKeyBytesMax {
		return invalid(msgParameter + "Size of hashkey has exceeded the maximum size limit of2048 bytes")
	}
	return invalid(msgParameter + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
}

// KeyOf appends the item that holds the key's attributes alone.
func (s Schema) KeyOf(dst Item, item Item) Item {
	b := Begin(dst)
	for name, v := range item.All() {
		if string(name) == s.Hash.Name || s.Range.Name != "" && string(name) == s.Range.Name {
			b.Name(name)
			b.Value(v)
		}
	}
	return Item(b.Finish())
}
