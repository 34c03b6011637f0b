package checksum

import (
	"encoding/binary"
	"math/bits"
)

// The primes of XXH64 (xxHash fast digest algorithm, specification 0.1.1), seed 0.
const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
	prime5 uint64 = 0x27D4EB2F165667C5
)

type xxh64 struct {
	lane [4]uint64
	n    uint64
	buf  [32]byte
	have int
}

func (h *xxh64) Reset() {
	one, two := prime1, prime2 // variables, so that the sums wrap
	*h = xxh64{lane: [4]uint64{one + two, two, 0, -one}}
}

func round(acc, in uint64) uint64 { return bits.RotateLeft64(acc+in*prime2, 31) * prime1 }

func (h *xxh64) stripe(p []byte) {
	for i := range h.lane {
		h.lane[i] = round(h.lane[i], binary.LittleEndian.Uint64(p[8*i:]))
	}
}

func (h *xxh64) Write(p []byte) (int, error) {
	n := len(p)
	h.n += uint64(n)
	if h.have > 0 {
		k := copy(h.buf[h.have:], p)
		h.have += k
		p = p[k:]
		if h.have < 32 {
			return n, nil
		}
		h.stripe(h.buf[:])
		h.have = 0
	}
	for ; len(p) >= 32; p = p[32:] {
		h.stripe(p)
	}
	h.have = copy(h.buf[:], p)
	return n, nil
}

func (h *xxh64) Sum(b []byte) []byte {
	acc := prime5
	if h.n >= 32 {
		l := h.lane
		acc = bits.RotateLeft64(l[0], 1) + bits.RotateLeft64(l[1], 7) + bits.RotateLeft64(l[2], 12) + bits.RotateLeft64(l[3], 18)
		for _, v := range l {
			acc = (acc^round(0, v))*prime1 + prime4
		}
	}
	acc += h.n
	p := h.buf[:h.have]
	for ; len(p) >= 8; p = p[8:] {
		acc = bits.RotateLeft64(acc^round(0, binary.LittleEndian.Uint64(p)), 27)*prime1 + prime4
	}
	if len(p) >= 4 {
		acc = bits.RotateLeft64(acc^uint64(binary.LittleEndian.Uint32(p))*prime1, 23)*prime2 + prime3
		p = p[4:]
	}
	for _, c := range p {
		acc = bits.RotateLeft64(acc^uint64(c)*prime5, 11) * prime1
	}
	acc = (acc ^ acc>>33) * prime2
	acc = (acc ^ acc>>29) * prime3
	return binary.BigEndian.AppendUint64(b, acc^acc>>32)
}

func (h *xxh64) Size() int      { return 8 }
func (h *xxh64) BlockSize() int { return 32 }
