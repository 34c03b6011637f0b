// Package managed holds AWS's managed policies: names, paths, default versions, dates and documents.
//
// Source: moto 5.2.5 on PyPI (Apache-2.0), which carries what IAM's ListPolicies and GetPolicyVersion answer; tool/iamgen
// takes the facts over. The documents are those of the default versions, in compact JSON; older versions are not known.
//
// managed_gen.bin is an index sorted by name and blocks of documents, each compressed by itself. It is read where it lies
// in the binary: nothing is done at start, Find unpacks one block and nothing is kept.
//
//	count, blocks, length of the records     3 × uint32, big endian
//	offset, length, length unpacked          of each block
//	offset of each record
//	records: name, path, version; created, updated (seconds), block, offset in it, length   (strings and numbers by uvarint)
//	blocks
//
// It is not IAM: attachments and customers' policies are the service's.
package managed

import (
	"compress/flate"
	_ "embed" // the facts
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

//go:embed managed_gen.bin
var data string

const (
	headBytes  = 12
	blockEntry = 12
	arnPrefix  = "arn:aws:iam::aws:policy"
)

// Policy is a managed policy without its document.
type Policy struct {
	Name    string
	Path    string // "/", "/service-role/", "/aws-service-role/", "/job-function/"
	Version string // DefaultVersionId: "v3"
	Created time.Time
	Updated time.Time // when the default version was made

	block, offset, length int
}

// ARN is arn:aws:iam::aws:policy with path and name.
func (p Policy) ARN() string { return arnPrefix + p.Path + p.Name }

// Document gives the default version's document. It unpacks a block of about 100 KB.
func (p Policy) Document() string {
	return block(p.block)[p.offset : p.offset+p.length]
}

func u32(at int) int { return int(binary.BigEndian.Uint32([]byte(data[at : at+4]))) }

// Len is the number of policies.
func Len() int { return u32(0) }

// Find gives the policy of an ARN, false where AWS has none of that name and path.
func Find(arn string) (Policy, bool) {
	rest, ok := strings.CutPrefix(arn, arnPrefix+"/")
	if !ok {
		return Policy{}, false
	}
	name := rest[strings.LastIndexByte(rest, '/')+1:]
	lo, hi := 0, Len()
	for lo < hi {
		mid := (lo + hi) / 2
		if nameAt(mid) < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == Len() || nameAt(lo) != name {
		return Policy{}, false
	}
	p := at(lo)
	return p, p.Path == "/"+rest[:len(rest)-len(name)]
}

// All gives every policy in the order of names.
func All() iter.Seq[Policy] {
	return func(yield func(Policy) bool) {
		for i := range Len() {
			if !yield(at(i)) {
				return
			}
		}
	}
}

// Documents gives every policy with its document, each block unpacked once.
func Documents() iter.Seq2[Policy, string] {
	return func(yield func(Policy, string) bool) {
		last, text := -1, ""
		for p := range All() {
			if p.block != last {
				last, text = p.block, block(p.block)
			}
			if !yield(p, text[p.offset:p.offset+p.length]) {
				return
			}
		}
	}
}

// record gives where record i begins.
func record(i int) int {
	offsets := headBytes + blockEntry*u32(4)
	return offsets + 4*Len() + u32(offsets+4*i)
}

func nameAt(i int) string {
	r := reader{record(i)}
	return r.text()
}

func at(i int) Policy {
	r := reader{record(i)}
	p := Policy{Name: r.text(), Path: r.text(), Version: r.text()}
	p.Created, p.Updated = time.Unix(int64(r.number()), 0).UTC(), time.Unix(int64(r.number()), 0).UTC()
	p.block, p.offset, p.length = r.number(), r.number(), r.number()
	return p
}

type reader struct{ at int }

func (r *reader) number() int {
	n, shift := 0, 0
	for {
		c := data[r.at]
		r.at++
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
		shift += 7
	}
}

func (r *reader) text() string {
	n := r.number()
	r.at += n
	return data[r.at-n : r.at]
}

func block(i int) string {
	blobs := headBytes + blockEntry*u32(4) + 4*Len() + u32(8)
	e := headBytes + blockEntry*i
	from := blobs + u32(e)
	var b strings.Builder
	b.Grow(u32(e + 8))
	z := flate.NewReader(strings.NewReader(data[from : from+u32(e+4)]))
	if _, err := io.Copy(&b, z); err != nil || b.Len() != u32(e+8) {
		panic(fmt.Sprintf("managed: block %d cannot be unpacked to %d bytes: %v", i, u32(e+8), err))
	}
	return b.String()
}
