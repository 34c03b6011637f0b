package checksum

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"strconv"
	"strings"
)

// Algorithm is a checksum algorithm. The zero value is none.
type Algorithm uint8

// The algorithms, spelled by String as S3's ChecksumAlgorithm.
const (
	None Algorithm = iota
	CRC32
	CRC32C
	CRC64NVME
	SHA1
	SHA256
	SHA512
	MD5
	XXHASH64
	XXHASH3   // known by name, not computed
	XXHASH128 // known by name, not computed
	end
)

// ErrUnsupported says that an algorithm is known and not computed.
var ErrUnsupported = errors.New("checksum algorithm is not supported")

// String gives S3's name.
func (a Algorithm) String() string {
	if a == None || a >= end {
		return ""
	}
	return [...]string{"", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"}[a]
}

// Parse reads S3's name of an algorithm, without regard to case; unknown names are None and false.
func Parse(s string) (Algorithm, bool) {
	for a := CRC32; a < end; a++ {
		if strings.EqualFold(a.String(), s) {
			return a, true
		}
	}
	return None, false
}

// Header gives the header that carries the checksum: "x-amz-checksum-crc32".
func (a Algorithm) Header() string { return "x-amz-checksum-" + strings.ToLower(a.String()) }

// FromHeader reads a header's name, any case.
func FromHeader(name string) (Algorithm, bool) {
	const prefix = "x-amz-checksum-"
	if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) {
		return None, false
	}
	return Parse(name[len(prefix):])
}

// Size is the number of bytes of a sum.
func (a Algorithm) Size() int {
	if a >= end {
		return 0
	}
	return [...]int{0, 4, 4, 8, 20, 32, 64, 16, 8, 8, 16}[a]
}

// Linear tells whether the sum of an object follows from its parts' sums, as for the CRCs: their multipart uploads may
// be FULL_OBJECT.
func (a Algorithm) Linear() bool { return a == CRC32 || a == CRC32C || a == CRC64NVME }

// CompositeAllowed tells whether a multipart upload may have the type COMPOSITE: not with CRC64NVME.
func (a Algorithm) CompositeAllowed() bool { return a != None && a != CRC64NVME && a < end }

// New begins a sum. It fails with ErrUnsupported for what is known and not computed.
func New(a Algorithm) (hash.Hash, error) {
	switch a {
	case CRC32:
		return crc32.NewIEEE(), nil
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)), nil
	case CRC64NVME:
		return &crc64nvme{}, nil
	case SHA1:
		return sha1.New(), nil
	case SHA256:
		return sha256.New(), nil
	case SHA512:
		return sha512.New(), nil
	case MD5:
		return md5.New(), nil
	case XXHASH64:
		x := &xxh64{}
		x.Reset()
		return x, nil
	}
	return nil, fmt.Errorf("%s: %w", a, ErrUnsupported)
}

// Encode gives a sum as headers carry it: base64.
func Encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// Decode reads a header's value and checks its length. Composite values ("…-3") are read by DecodeComposite.
func Decode(a Algorithm, value string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || a.Size() == 0 || len(b) != a.Size() {
		return nil, fmt.Errorf("checksum %s: value is not the base64 of %d bytes", a, a.Size())
	}
	return b, nil
}

// MaxParts is the greatest number of parts of an upload.
const MaxParts = 10000

// Part is what an upload keeps of one part: its sum and its length in bytes.
type Part struct {
	Sum  []byte
	Size int64
}

// Composite gives the checksum of a multipart object of type COMPOSITE: the sum of the parts' sums, and their number:
// "base64-3".
func Composite(a Algorithm, parts []Part) (string, error) {
	if !a.CompositeAllowed() {
		return "", fmt.Errorf("checksum %s: no COMPOSITE uploads", a)
	}
	sum, err := sumOfSums(a, parts)
	if err != nil {
		return "", err
	}
	return Encode(sum) + "-" + strconv.Itoa(len(parts)), nil
}

func sumOfSums(a Algorithm, parts []Part) ([]byte, error) {
	if len(parts) == 0 || len(parts) > MaxParts {
		return nil, fmt.Errorf("checksum %s: %d parts", a, len(parts))
	}
	h, err := New(a)
	if err != nil {
		return nil, err
	}
	for i, p := range parts {
		if len(p.Sum) != a.Size() {
			return nil, fmt.Errorf("checksum %s: part %d: sum of %d bytes", a, i+1, len(p.Sum))
		}
		h.Write(p.Sum)
	}
	return h.Sum(nil), nil
}

// DecodeComposite reads "base64-3".
func DecodeComposite(a Algorithm, value string) (sum []byte, parts int, err error) {
	v, n, ok := strings.Cut(value, "-")
	parts, e := strconv.Atoi(n)
	if !ok || e != nil || parts < 1 || parts > MaxParts || n[0] == '+' {
		return nil, 0, fmt.Errorf("checksum %s: value is not a composite checksum", a)
	}
	sum, err = Decode(a, v)
	return sum, parts, err
}

// FullObject gives the checksum of a multipart object of type FULL_OBJECT from its parts' sums alone; only for CRCs.
func FullObject(a Algorithm, parts []Part) ([]byte, error) {
	if !a.Linear() {
		return nil, fmt.Errorf("checksum %s: no FULL_OBJECT sum from parts", a)
	}
	if len(parts) == 0 || len(parts) > MaxParts {
		return nil, fmt.Errorf("checksum %s: %d parts", a, len(parts))
	}
	var all uint64
	for i, p := range parts {
		if len(p.Sum) != a.Size() || p.Size < 0 {
			return nil, fmt.Errorf("checksum %s: part %d: sum of %d bytes, length %d", a, i+1, len(p.Sum), p.Size)
		}
		v := uint64(0)
		for _, c := range p.Sum {
			v = v<<8 | uint64(c)
		}
		if i == 0 {
			all = v
		} else {
			all = combine(a, all, v, uint64(p.Size))
		}
	}
	if a == CRC64NVME {
		return binary.BigEndian.AppendUint64(nil, all), nil
	}
	return binary.BigEndian.AppendUint32(nil, uint32(all)), nil
}

// combine gives the CRC of A followed by B from the CRCs of both and B's length: A's, moved on by B's length of zero
// bits, plus B's. The polynomials are reflected: bit 0 is the highest power.
func combine(a Algorithm, crcA, crcB, lenB uint64) uint64 {
	poly, bits := uint64(crc32.IEEE), uint(32)
	switch a {
	case CRC32C:
		poly = crc32.Castagnoli
	case CRC64NVME:
		poly, bits = nvmePoly, 64
	}
	return multiply(power(lenB, poly, bits), crcA, poly, bits) ^ crcB
}

// multiply multiplies two polynomials modulo poly over GF(2), reflected.
func multiply(x, y, poly uint64, bits uint) uint64 {
	var p uint64
	for m := uint64(1) << (bits - 1); m != 0; m >>= 1 {
		if x&m != 0 {
			p ^= y
		}
		if y&1 != 0 {
			y = y>>1 ^ poly
		} else {
			y >>= 1
		}
	}
	return p
}

// power gives x to the power of 8n, modulo poly.
func power(n, poly uint64, bits uint) uint64 {
	result := uint64(1) << (bits - 1)     // 1
	square := uint64(1) << (bits - 1 - 8) // x^8
	for ; n != 0; n >>= 1 {
		if n&1 != 0 {
			result = multiply(square, result, poly, bits)
		}
		square = multiply(square, square, poly, bits)
	}
	return result
}

// ETag gives the entity tag of an object uploaded at once: its MD5 in hexadecimal, without quotes.
func ETag(md5sum []byte) string { return hex.EncodeToString(md5sum) }

// MultipartETag gives the entity tag of an object from its parts' MD5 sums: "hex-3", without quotes.
func MultipartETag(parts []Part) (string, error) {
	sum, err := sumOfSums(MD5, parts)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum) + "-" + strconv.Itoa(len(parts)), nil
}

// Writer computes several sums of one stream.
type Writer struct {
	algorithms []Algorithm
	hashes     []hash.Hash
	n          int64
}

// NewWriter begins the sums of the given algorithms, each once.
func NewWriter(algorithms ...Algorithm) (*Writer, error) {
	w := &Writer{}
	for _, a := range algorithms {
		if w.index(a) >= 0 {
			continue
		}
		h, err := New(a)
		if err != nil {
			return nil, err
		}
		w.algorithms, w.hashes = append(w.algorithms, a), append(w.hashes, h)
	}
	return w, nil
}

func (w *Writer) index(a Algorithm) int {
	for i, b := range w.algorithms {
		if a == b {
			return i
		}
	}
	return -1
}

// Write implements io.Writer and never fails.
func (w *Writer) Write(p []byte) (int, error) {
	const step = 32 << 10 // so that all sums read a piece while it is in the cache
	w.n += int64(len(p))
	for rest := p; len(rest) > 0; {
		k := min(step, len(rest))
		for _, h := range w.hashes {
			h.Write(rest[:k])
		}
		rest = rest[k:]
	}
	return len(p), nil
}

// Size is the number of bytes written.
func (w *Writer) Size() int64 { return w.n }

// Sum gives the sum of what was written, nil for an algorithm that NewWriter was not given.
func (w *Writer) Sum(a Algorithm) []byte {
	if i := w.index(a); i >= 0 {
		return w.hashes[i].Sum(nil)
	}
	return nil
}
