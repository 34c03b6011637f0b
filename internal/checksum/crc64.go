package checksum

import "encoding/binary"

// nvmePoly is CRC-64/NVME's polynomial, reflected.
const nvmePoly = 0x9a6c9329ac4bc9b5

// nvmeTables serve eight bytes at a time. They are computed once at start and never change.
var nvmeTables = func() *[8][256]uint64 {
	var t [8][256]uint64
	for i := range 256 {
		c := uint64(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ nvmePoly
			} else {
				c >>= 1
			}
		}
		t[0][i] = c
	}
	for i := range 256 {
		for j := 1; j < 8; j++ {
			t[j][i] = t[0][t[j-1][i]&255] ^ t[j-1][i]>>8
		}
	}
	return &t
}()

type crc64nvme struct{ crc uint64 }

func (h *crc64nvme) Write(p []byte) (int, error) {
	t, c, n := nvmeTables, ^h.crc, len(p)
	for len(p) >= 8 {
		c ^= binary.LittleEndian.Uint64(p)
		c = t[7][c&255] ^ t[6][c>>8&255] ^ t[5][c>>16&255] ^ t[4][c>>24&255] ^
			t[3][c>>32&255] ^ t[2][c>>40&255] ^ t[1][c>>48&255] ^ t[0][c>>56]
		p = p[8:]
	}
	for _, b := range p {
		c = t[0][byte(c)^b] ^ c>>8
	}
	h.crc = ^c
	return n, nil
}

func (h *crc64nvme) Sum(b []byte) []byte { return binary.BigEndian.AppendUint64(b, h.crc) }
func (h *crc64nvme) Reset()              { h.crc = 0 }
func (h *crc64nvme) Size() int           { return 8 }
func (h *crc64nvme) BlockSize() int      { return 8 }
