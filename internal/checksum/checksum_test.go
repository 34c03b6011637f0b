package checksum

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The check values of the CRC catalogue and of the algorithms' standards.
func TestKnown(t *testing.T) {
	for _, c := range []struct {
		a        Algorithm
		in, want string
	}{
		{CRC32, "123456789", "cbf43926"},
		{CRC32C, "123456789", "e3069283"},
		{CRC64NVME, "123456789", "ae8b14860a799888"},
		{CRC64NVME, "", "0000000000000000"},
		{SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{SHA512, "", "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
		{MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
		{XXHASH64, "", "ef46db3751d8e999"},
		{XXHASH64, "a", "d24ec4f1a98c6e5b"},
		{XXHASH64, "abc", "44bc2cf5ad770999"},
		{XXHASH64, "Nobody inspects the spammish repetition", "fbcea83c8a378bf1"},
	} {
		h, err := New(c.a)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(h, c.in)
		got := h.Sum(nil)
		if hex.EncodeToString(got) != c.want || len(got) != c.a.Size() || h.Size() != c.a.Size() {
			t.Errorf("%s of %q: %x, want %s", c.a, c.in, got, c.want)
		}
		h.Reset()
		io.WriteString(h, c.in)
		if !bytes.Equal(h.Sum(nil), got) {
			t.Errorf("%s: Reset does not begin anew", c.a)
		}
	}
	for _, a := range []Algorithm{XXHASH3, XXHASH128, None, end} {
		if _, err := New(a); !errors.Is(err, ErrUnsupported) {
			t.Error(a, err)
		}
	}
}

// Amazon S3's documents: the CRC32C of the trailer example (66560 times "a").
func TestPublishedTrailer(t *testing.T) {
	w, err := NewWriter(CRC32C)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, strings.Repeat("a", 66560))
	if got := Encode(w.Sum(CRC32C)); got != "sOO8/Q==" {
		t.Fatal(got)
	}
}

func TestNames(t *testing.T) {
	for a := CRC32; a < end; a++ {
		if b, ok := Parse(strings.ToLower(a.String())); !ok || b != a {
			t.Error(a, b)
		}
		if b, ok := FromHeader(strings.ToUpper(a.Header())); !ok || b != a {
			t.Error(a, b)
		}
	}
	for _, bad := range []string{"", "CRC", "x-amz-checksum-", "x-amz-checksum-type", "x-amz-checksum-crc32x"} {
		if _, ok := Parse(bad); ok {
			t.Error(bad)
		}
		if _, ok := FromHeader(bad); ok {
			t.Error(bad)
		}
	}
	for _, bad := range []string{"", "AAAA", "AAAAAA=", "AAAAAB==", "AAAAAA==x"} {
		if _, err := Decode(CRC32, bad); err == nil {
			t.Error(bad)
		}
	}
}

func TestMultipart(t *testing.T) {
	parts := []Part{}
	for _, p := range []string{strings.Repeat("a", 10), strings.Repeat("b", 20)} {
		w, _ := NewWriter(MD5)
		io.WriteString(w, p)
		parts = append(parts, Part{w.Sum(MD5), w.Size()})
	}
	tag, err := MultipartETag(parts)
	h, _ := New(MD5)
	h.Write(parts[0].Sum)
	h.Write(parts[1].Sum)
	if want := ETag(h.Sum(nil)) + "-2"; err != nil || tag != want {
		t.Fatal(tag, want, err)
	}
	c, err := Composite(MD5, parts)
	if err != nil || c != Encode(h.Sum(nil))+"-2" {
		t.Fatal(c, err)
	}
	sum, n, err := DecodeComposite(MD5, c)
	if err != nil || n != 2 || !bytes.Equal(sum, h.Sum(nil)) {
		t.Fatal(sum, n, err)
	}
	for _, bad := range []string{"", "-", "AAAAAA==", "AAAAAA==-", "AAAAAA==-0", "AAAAAA==-10001", "AAAAAA==-+1", "x-1"} {
		if _, _, err := DecodeComposite(CRC32, bad); err == nil {
			t.Error(bad)
		}
	}
	if _, err := Composite(CRC64NVME, parts); err == nil {
		t.Error("CRC64NVME has no composite sums")
	}
	if _, err := FullObject(SHA256, parts); err == nil {
		t.Error("SHA256 has no full sums from parts")
	}
	if _, err := MultipartETag(nil); err == nil {
		t.Error("no parts")
	}
	if _, err := Composite(SHA1, parts); err == nil {
		t.Error("sums of another length")
	}
}

// TestFullObject: the sum combined from parts is the sum of the whole, wherever it is cut.
func TestFullObject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom([]Algorithm{CRC32, CRC32C, CRC64NVME}).Draw(t, "algorithm")
		whole, _ := NewWriter(a, SHA256, a)
		var parts []Part
		for range rapid.IntRange(1, 6).Draw(t, "parts") {
			data := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "data"), rapid.IntRange(1, 700).Draw(t, "times"))
			whole.Write(data)
			w, _ := NewWriter(a)
			w.Write(data)
			parts = append(parts, Part{w.Sum(a), w.Size()})
		}
		got, err := FullObject(a, parts)
		if err != nil || !bytes.Equal(got, whole.Sum(a)) {
			t.Fatalf("%s: %x, want %x, %v", a, got, whole.Sum(a), err)
		}
	})
}

// TestPieces: how a stream is cut into writes does not matter.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
		cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
		for a := CRC32; a <= XXHASH64; a++ {
			x, _ := NewWriter(a)
			x.Write(data)
			y, _ := NewWriter(a)
			y.Write(data[:cut])
			y.Write(data[cut:])
			if !bytes.Equal(x.Sum(a), y.Sum(a)) || y.Size() != int64(len(data)) {
				t.Fatal(a)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add("AAAAAA==-3")
	f.Fuzz(func(t *testing.T, s string) {
		for a := None; a <= end; a++ {
			if b, err := Decode(a, s); err == nil && Encode(b) != s {
				t.Fatal(a, s)
			}
			DecodeComposite(a, s)
		}
		FromHeader(s)
	})
}

func BenchmarkSums(b *testing.B) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for a := CRC32; a <= XXHASH64; a++ {
		b.Run(a.String(), func(b *testing.B) {
			h, _ := New(a)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				h.Write(data)
			}
		})
	}
}

func BenchmarkFullObject(b *testing.B) {
	parts := make([]Part, 1000)
	for i := range parts {
		parts[i] = Part{[]byte{1, 2, 3, 4, 5, 6, 7, byte(i)}, 5 << 20}
	}
	for b.Loop() {
		if _, err := FullObject(CRC64NVME, parts); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleNewWriter() {
	w, err := NewWriter(MD5, CRC64NVME)
	io.WriteString(w, "hello")
	fmt.Println(ETag(w.Sum(MD5)), Encode(w.Sum(CRC64NVME)), w.Size(), err)
	// Output: 5d41402abc4b2a76b9719d911017c592 M3eFcAZSQlc= 5 <nil>
}
