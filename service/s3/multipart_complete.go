package s3

import (
	"context"
	"strings"
	"time"

	s3api "virga/api/s3"
	"virga/internal/checksum"
	"virga/internal/store"
	"virga/internal/wire"
)

// CompleteMultipartUpload implements the operation. A repeat of one that succeeded gets its answer.
func (s *Service) CompleteMultipartUpload(ctx context.Context, in *s3api.CompleteMultipartUploadInput) (*s3api.CompleteMultipartUploadOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.SSECustomerAlgorithm != nil {
		return nil, wire.Unsupported("CompleteMultipartUpload: SSECustomerAlgorithm (SSE-C)")
	}
	if err := writeConditions(in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, invalid("You must specify at least one part")
	}
	wanted := in.MultipartUpload.Parts
	if len(wanted) > checksum.MaxParts {
		return nil, malformed()
	}
	last := int32(0)
	for i := range wanted {
		n := wire.V(wanted[i].PartNumber)
		if wanted[i].PartNumber == nil || wanted[i].ETag == nil {
			return nil, malformed()
		}
		if err := checkPartNumber(n); err != nil {
			return nil, err
		}
		if n <= last {
			return nil, wire.Errorf("InvalidPartOrder", 400, "The list of parts was not in ascending order. Parts must be ordered by part number.").With("UploadId", in.UploadId)
		}
		last = n
	}
	if len(in.UploadId) != uploadIDLen {
		return nil, noUpload(in.UploadId)
	}
	now, random, id := s.cfg.Env.Now(), s.random(), s.newID()
	k := objectKey(b, in.Key)
	uk := uploadKey(b, in.Key, in.UploadId)
	var o *object
	var as *bucket
	err = s.cfg.Store.Update(ctx, []store.Key{k, uk}, func(tx store.Tx) error {
		if as, err = s.current(tx, b); err != nil {
			return err
		}
		cur, _ := store.Load[object](tx, k)
		u, err := loadUpload(tx, b, in.Key, in.UploadId)
		if err != nil {
			if cur != nil && cur.Upload == in.UploadId && repeated(tx, b, cur, wanted) {
				o = cur
				return nil
			}
			return err
		}
		of := partsOf(b.Account, u.ID)
		used := make([]part, 0, len(wanted))
		var unused []piece
		i := 0
		store.Each(tx, store.Prefix(of), func(_ store.Key, p *part) bool {
			for i < len(wanted) && int64(*wanted[i].PartNumber) < p.Number {
				return false // one that was never uploaded
			}
			if i < len(wanted) && int64(*wanted[i].PartNumber) == p.Number {
				used = append(used, *p)
				i++
				return true
			}
			unused = append(unused, p.Piece)
			return true
		})
		if o, err = joined(u, wanted, used, in); err != nil {
			return err
		}
		if err := mayWrite(cur, in.Key, in.IfMatch, in.IfNoneMatch); err != nil {
			return err
		}
		seq := uint64(0)
		if cur != nil {
			seq = cur.Seq
		}
		if seq != u.Base {
			switch {
			case in.IfMatch != nil:
				return raced("If-Match", in.Key)
			case in.IfNoneMatch != nil:
				return raced("If-None-Match", in.Key)
			}
		}
		o.Modified, o.Parts = now.Truncate(time.Second), id
		store.Put(tx, partListKey(b.Account, id), &partList{Parts: used})
		tx.DeleteRange(of, of.End())
		tx.Delete(uk)
		if len(unused) > 0 {
			dropPieces(tx, b, u.ID, unused, now)
		}
		putVersion(tx, as, in.Key, cur, o, random, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	f, kind := o.shown()
	return &s3api.CompleteMultipartUploadOutput{Bucket: &in.Bucket, Key: &in.Key, ETag: quoted(o.ETag), Location: wire.P(location(wire.CallOf(ctx), in.Bucket, in.Key)),
		ServerSideEncryption: o.Headers.sse(), SSEKMSKeyId: o.Headers.sseKey(as), VersionId: written(as, o), Expiration: as.expiration(in.Key, o), ChecksumType: kind, ChecksumCRC32: f.CRC32, ChecksumCRC32C: f.CRC32C, ChecksumCRC64NVME: f.CRC64NVME,
		ChecksumSHA1: f.SHA1, ChecksumSHA256: f.SHA256, ChecksumSHA512: f.SHA512, ChecksumMD5: f.MD5, ChecksumXXHASH64: f.XXHASH64}, nil
}

// location is an object's URL as the client spoke to us.
func location(c *wire.Call, bucket, key string) string {
	if _, host, _ := strings.Cut(c.BaseURL, "://"); strings.HasPrefix(host, bucket+".s3") {
		return c.BaseURL + "/" + escapeKey(key)
	}
	return c.BaseURL + "/" + bucket + "/" + escapeKey(key)
}

// repeated tells whether an object was made of these very parts.
func repeated(r store.Reader, b *bucket, o *object, wanted []s3api.CompletedPart) bool {
	l, ok := store.Load[partList](r, partListKey(b.Account, o.Parts))
	if !ok || len(l.Parts) != len(wanted) {
		return false
	}
	for i := range wanted {
		if l.Parts[i].Number != int64(*wanted[i].PartNumber) || !sameETag(*wanted[i].ETag, md5Hex(&l.Parts[i])) {
			return false
		}
	}
	return true
}

// joined checks the parts of a Complete and makes the object of them.
func joined(u *upload, wanted []s3api.CompletedPart, used []part, in *s3api.CompleteMultipartUploadInput) (*object, error) {
	algo := checksum.Algorithm(u.Algo)
	named := algo != checksum.None
	if !named {
		algo = checksum.CRC64NVME
	}
	if t := wire.V(in.ChecksumType); t != "" && named && (t == "COMPOSITE") != u.Compose {
		return nil, invalid("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", *checksumType(u.Compose))
	}
	etags := make([]checksum.Part, len(wanted))
	sumParts := make([]checksum.Part, len(wanted))
	size := int64(0)
	for i := range wanted {
		w := &wanted[i]
		etag := strings.Trim(*w.ETag, `"`)
		missing := wire.Errorf("InvalidPart", 400, "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.").
			With("UploadId", u.ID).With("PartNumber", itoa(int64(*w.PartNumber))).With("ETag", etag)
		if i >= len(used) || used[i].Number != int64(*w.PartNumber) || etag != md5Hex(&used[i]) {
			return nil, missing
		}
		p := &used[i]
		a, v, err := sumsOf(w.ChecksumCRC32, w.ChecksumCRC32C, w.ChecksumCRC64NVME, w.ChecksumSHA1, w.ChecksumSHA256, w.ChecksumSHA512, w.ChecksumMD5, w.ChecksumXXHASH64,
			w.ChecksumXXHASH3, w.ChecksumXXHASH128).one()
		switch {
		case err != nil:
			return nil, err
		case named && a == checksum.None && u.Compose:
			return nil, invalid("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.", strings.ToLower(algo.String()), *w.PartNumber)
		case named && a != checksum.None && a != algo:
			return nil, wire.Errorf("BadDigest", 400, "The %s you specified for part %d did not match what we received.", strings.ToLower(a.String()), *w.PartNumber)
		case named && a == algo && v != checksum.Encode(p.Sum):
			return nil, missing
		}
		if i < len(wanted)-1 && p.Piece.Size < partMin {
			return nil, wire.Errorf("EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size").With("ProposedSize", itoa(p.Piece.Size)).
				With("MinSizeAllowed", itoa(partMin)).With("PartNumber", itoa(p.Number)).With("ETag", etag)
		}
		size += p.Piece.Size
		etags[i] = checksum.Part{Sum: p.MD5, Size: p.Piece.Size}
		sumParts[i] = checksum.Part{Sum: p.Sum, Size: p.Piece.Size}
	}
	if size > objectMax {
		return nil, tooLarge(size, objectMax)
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != size {
		return nil, invalid("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", *in.MpuObjectSize, size)
	}
	o := &object{Size: size, Count: int64(len(used)), Headers: u.Headers, Tags: u.Tags, Upload: u.ID, Algo: uint8(algo), Compose: u.Compose}
	var err error
	if o.ETag, err = checksum.MultipartETag(etags); err != nil {
		return nil, err
	}
	if u.Compose {
		o.Sum, err = checksum.Composite(algo, sumParts)
	} else {
		var sum []byte
		sum, err = checksum.FullObject(algo, sumParts)
		o.Sum = checksum.Encode(sum)
	}
	if err != nil {
		return nil, err
	}
	a, v, err := sumsOf(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256, in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64,
		in.ChecksumXXHASH3, in.ChecksumXXHASH128).one()
	switch {
	case err != nil:
		return nil, err
	case a != checksum.None && (a != algo || v != o.Sum && v+"-"+itoa(o.Count) != o.Sum):
		return nil, wire.Errorf("BadDigest", 400, "The %s you specified did not match the calculated checksum.", strings.ToLower(algo.String()))
	}
	return o, nil
}

// CompleteMultipartUploadRequires implements the operation's requirements.
func (s *Service) CompleteMultipartUploadRequires(ctx context.Context, in *s3api.CompleteMultipartUploadInput, r *wire.Requirements) error {
	return s.needPut(ctx, r, in.Bucket, in.Key, in.ExpectedBucketOwner, nil, nil, nil, nil)
}
