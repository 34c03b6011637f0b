package jsonata

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math"
)

// hashBytesMax is how much text $hash takes: a state's whole input.
const hashBytesMax = 256 << 10

func fnHash(m *machine, a args) (Value, *Error) {
	v, algorithm := a.at(0), a.at(1)
	if v.kind == Undefined {
		return v, nil
	}
	s, err := m.text(v, false)
	if err != nil {
		return Value{}, err
	}
	if len(s) > hashBytesMax {
		return Value{}, limitError("Hash", hashBytesMax)
	}
	if err := m.step(1 + len(s)/16); err != nil {
		return Value{}, err
	}
	data := []byte(spell(s))
	var sum []byte
	switch stringOr(algorithm, "SHA-256") {
	case "MD5":
		x := md5.Sum(data)
		sum = x[:]
	case "SHA-1":
		x := sha1.Sum(data)
		sum = x[:]
	case "SHA-256":
		x := sha256.Sum256(data)
		sum = x[:]
	case "SHA-384":
		x := sha512.Sum384(data)
		sum = x[:]
	case "SHA-512":
		x := sha512.Sum512(data)
		sum = x[:]
	default:
		return Value{}, &Error{Code: "D3137", Value: algorithm, said: "$hash(): the algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512"}
	}
	return Str(hex.EncodeToString(sum)), nil
}

// fnRandomSeed is $random with an optional seed: the same seed gives the same number, that of Java's generator.
func fnRandomSeed(m *machine, a args) (Value, *Error) {
	seed := a.at(0)
	if seed.kind == Undefined {
		return fnRandom(m, a)
	}
	f := seed.Float()
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return Value{}, &Error{Code: "T0410", Value: seed, index: 1}
	}
	const multiplier, mask = 0x5DEECE66D, 1<<48 - 1
	state := (uint64(int64(f)) ^ multiplier) & mask
	next := func(bits uint) uint64 {
		state = (state*multiplier + 0xB) & mask
		return state >> (48 - bits)
	}
	high := next(26)
	return Num(float64(high<<27+next(27)) / (1 << 53)), nil
}

func fnUUID(m *machine, a args) (Value, *Error) {
	if m.call.Chance == nil {
		_, err := m.chance("uuid")
		return Value{}, err
	}
	x, y := m.call.Chance(), m.call.Chance()
	x = x&^0xF000 | 0x4000
	y = y&^(3<<62) | 2<<62
	return Str(fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", x>>32, x>>16&0xFFFF, x&0xFFFF, y>>48, y&(1<<48-1))), nil
}
