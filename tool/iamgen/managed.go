package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// blockBytes is how much text is compressed together: what one look-up unpacks.
const blockBytes = 96 << 10

// managedPolicies writes the format that internal/policy/managed describes.
func managedPolicies(python []byte) ([]byte, error) {
	text, err := between(string(python), `aws_managed_policies_data = """`, `"""`)
	if err != nil {
		return nil, err
	}
	if strings.Contains(text, `\`) {
		return nil, fmt.Errorf("an escape, which Python would read before JSON does")
	}
	type policy struct {
		CreateDate, UpdateDate time.Time
		DefaultVersionId, Path string
		Document               json.RawMessage
	}
	var all map[string]policy
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, err
	}
	be := binary.BigEndian
	var records, offsets, table, blobs, block []byte
	blocks := uint32(0)
	flush := func() error {
		if len(block) == 0 {
			return nil
		}
		z, err := compress(block)
		if err != nil {
			return err
		}
		table = be.AppendUint32(table, uint32(len(blobs)))
		table = be.AppendUint32(table, uint32(len(z)))
		table = be.AppendUint32(table, uint32(len(block)))
		blobs = append(blobs, z...)
		blocks++
		block = block[:0]
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		var doc bytes.Buffer
		if err := json.Compact(&doc, p.Document); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(block)+doc.Len() > blockBytes {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		offsets = be.AppendUint32(offsets, uint32(len(records)))
		for _, s := range []string{name, p.Path, p.DefaultVersionId} {
			records = binary.AppendUvarint(records, uint64(len(s)))
			records = append(records, s...)
		}
		for _, n := range []int64{p.CreateDate.Unix(), p.UpdateDate.Unix(), int64(blocks), int64(len(block)), int64(doc.Len())} {
			if n < 0 {
				return nil, fmt.Errorf("%s: %d", name, n)
			}
			records = binary.AppendUvarint(records, uint64(n))
		}
		block = append(block, doc.Bytes()...)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	out := be.AppendUint32(nil, uint32(len(all)))
	out = be.AppendUint32(out, blocks)
	out = be.AppendUint32(out, uint32(len(records)))
	return slices.Concat(out, table, offsets, records, blobs), nil
}
