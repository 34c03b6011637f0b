package store

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Key is an injective tuple of typed parts in an order-preserving encoding:
//
//	family (2 bytes) ‖ shard (2 bytes) ‖ account (12 bytes) ‖ parts
//
// A string part is tag 0x02, its bytes with 0x00 written as 0x00 0xFF, then 0x00; an unsigned number is tag 0x15 and
// eight bytes, big-endian. Equal keys have equal parts and the order of keys is the order of their parts.
// The account stands at a fixed place because values are sealed with its data key.
type Key []byte

// Family is the first part of every key: one per kind of record, listed in families.go.
type Family uint16

const (
	keyHead    = 16
	tagString  = 0x02
	tagUint    = 0x15
	tagAfter   = 0xff // sorts behind every tag and escape
	accountLen = 12
)

// SystemAccount is the account part of what belongs to no account.
const SystemAccount = "------------"

// K starts a key.
func K(f Family, shard uint16, account string) Key {
	k := make(Key, keyHead, 64)
	binary.BigEndian.PutUint16(k, uint16(f))
	binary.BigEndian.PutUint16(k[2:], shard)
	if len(account) != accountLen {
		panic(fmt.Sprintf("store: account %q has not 12 characters", account))
	}
	copy(k[4:], account)
	return k
}

// Str appends a string part. The receiver may be shared: Str never writes into its spare room twice.
func (k Key) Str(s string) Key {
	k = k.grow(len(s) + 2)
	k = append(k, tagString)
	if strings.IndexByte(s, 0) < 0 {
		k = append(k, s...)
	} else {
		for i := range len(s) {
			k = append(k, s[i])
			if s[i] == 0 {
				k = append(k, 0xff)
			}
		}
	}
	return append(k, 0)
}

// StrPrefix appends the start of a string part, for spans over all strings that begin so.
func (k Key) StrPrefix(s string) Key {
	k = k.Str(s)
	return k[:len(k)-1]
}

// Uint appends a number.
func (k Key) Uint(u uint64) Key {
	k = k.grow(9)
	k = append(k, tagUint)
	return binary.BigEndian.AppendUint64(k, u)
}

// Time appends a time with nanoseconds; times before 1970 are not representable.
func (k Key) Time(t time.Time) Key {
	n := t.UnixNano()
	if n < 0 {
		n = 0
	}
	return k.Uint(uint64(n))
}

// grow copies k into fresh memory so that two keys built from one prefix never share bytes.
func (k Key) grow(n int) Key {
	c := make(Key, len(k), len(k)+n+16)
	copy(c, k)
	return c
}

// End is the first key behind all keys that begin with k.
func (k Key) End() Key {
	return append(k.grow(1), tagAfter)
}

// Prefix is the span of all keys that begin with k.
func Prefix(k Key) Span { return Span{From: k, To: k.End()} }

// After is the span of the keys below prefix that come after k.
func After(prefix, k Key) Span {
	return Span{From: append(k.grow(1), 0), To: prefix.End()}
}

// Account is the account part.
func (k Key) Account() string {
	if len(k) < keyHead {
		return ""
	}
	return string(k[4:keyHead])
}

// Family is the first part.
func (k Key) Family() Family {
	if len(k) < 2 {
		return 0
	}
	return Family(binary.BigEndian.Uint16(k))
}

// Parts decodes the parts behind the account: strings and uint64s. It fails on bytes that K, Str and Uint did not make.
func (k Key) Parts() ([]any, error) {
	if len(k) < keyHead {
		return nil, fmt.Errorf("%w: key of %d bytes", ErrCorrupt, len(k))
	}
	var out []any
	for b := []byte(k[keyHead:]); len(b) > 0; {
		switch b[0] {
		case tagUint:
			if len(b) < 9 {
				return nil, fmt.Errorf("%w: short number in a key", ErrCorrupt)
			}
			out = append(out, binary.BigEndian.Uint64(b[1:]))
			b = b[9:]
		case tagString:
			s := make([]byte, 0, len(b))
			i := 1
			for ; ; i++ {
				if i >= len(b) {
					return nil, fmt.Errorf("%w: string without end in a key", ErrCorrupt)
				}
				if b[i] != 0 {
					s = append(s, b[i])
					continue
				}
				if i+1 < len(b) && b[i+1] == 0xff {
					s = append(s, 0)
					i++
					continue
				}
				break
			}
			out = append(out, string(s))
			b = b[i+1:]
		default:
			return nil, fmt.Errorf("%w: tag %#x in a key", ErrCorrupt, b[0])
		}
	}
	return out, nil
}

// StrPart gives the i-th part behind the account as a string, "" where it is none.
func (k Key) StrPart(i int) string {
	p, err := k.Parts()
	if err != nil || i >= len(p) {
		return ""
	}
	s, _ := p[i].(string)
	return s
}

// UintPart gives the i-th part behind the account as a number, 0 where it is none.
func (k Key) UintPart(i int) uint64 {
	p, err := k.Parts()
	if err != nil || i >= len(p) {
		return 0
	}
	u, _ := p[i].(uint64)
	return u
}

// String shows a key for people.
func (k Key) String() string {
	p, err := k.Parts()
	if err != nil {
		return hex.EncodeToString(k)
	}
	return fmt.Sprintf("%d/%d/%s%v", k.Family(), binary.BigEndian.Uint16(k[2:]), k.Account(), p)
}
