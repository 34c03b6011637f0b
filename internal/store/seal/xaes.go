package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
)

// XAES-256-GCM, as c2sp.org/XAES-256-GCM specifies it: from a 256-bit key and the first half of a 192-bit nonce a
// fresh AES-256-GCM key is derived, so nonces can be drawn at random without a bound that matters.

const (
	// NonceSize is the length of a nonce.
	NonceSize = 24
	// KeySize is the length of a key.
	KeySize = 32
	// Overhead is the length of the tag.
	Overhead = 16
)

var errOpen = errors.New("seal: message authentication failed")

type xaes struct {
	c  cipher.Block
	k1 [aes.BlockSize]byte
}

func newXAES(key []byte) (*xaes, error) {
	if len(key) != KeySize {
		return nil, errors.New("seal: key is not 32 bytes")
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	x := &xaes{c: c}
	c.Encrypt(x.k1[:], x.k1[:])
	var msb byte
	for i := len(x.k1) - 1; i >= 0; i-- {
		msb, x.k1[i] = x.k1[i]>>7, x.k1[i]<<1|msb
	}
	x.k1[len(x.k1)-1] ^= msb * 0b10000111
	return x, nil
}

// derive gives the cipher for all nonces that begin with the 12 bytes of prefix.
func (x *xaes) derive(prefix []byte) (cipher.AEAD, error) {
	var k [KeySize]byte
	for half := range 2 {
		m := [aes.BlockSize]byte{0, byte(half + 1), 'X', 0}
		copy(m[4:], prefix[:12])
		for i := range m {
			m[i] ^= x.k1[i]
		}
		x.c.Encrypt(k[half*aes.BlockSize:], m[:])
	}
	b, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}
