package s3

import (
	"context"
	"strings"

	s3api "virga/api/s3"
	"virga/internal/checksum"
	"virga/internal/store"
	"virga/internal/wire"
)

func initiator(arn, account string) *s3api.Initiator {
	id := arn
	if strings.HasSuffix(arn, ":root") {
		id = canonicalID(account)
	}
	_, name, _ := strings.Cut(arn, "/")
	return &s3api.Initiator{ID: &id, DisplayName: &name}
}

// ListParts implements the operation.
func (s *Service) ListParts(ctx context.Context, in *s3api.ListPartsInput) (*s3api.ListPartsOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.SSECustomerAlgorithm != nil {
		return nil, wire.Unsupported("ListParts: SSECustomerAlgorithm (SSE-C)")
	}
	limit, err := pageSize(in.MaxParts, "max-parts")
	if err != nil {
		return nil, err
	}
	from := wire.V(in.PartNumberMarker)
	if from < 0 {
		return nil, argument("Argument part-number-marker must be an integer between 0 and 2147483647", "part-number-marker", itoa(int64(from)))
	}
	var u *upload
	var list []*part
	more := false
	err = s.cfg.Store.View(ctx, func(r store.Reader) (err error) {
		list, more = nil, false
		if u, err = loadUpload(r, b, in.Key, in.UploadId); err != nil {
			return err
		}
		span := store.Prefix(partsOf(b.Account, u.ID))
		span.From = partKey(b.Account, u.ID, int64(from)+1)
		store.Each(r, span, func(_ store.Key, p *part) bool {
			if len(list) == limit {
				more = limit > 0
				return false
			}
			list = append(list, p)
			return true
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &s3api.ListPartsOutput{Bucket: &in.Bucket, Key: &in.Key, UploadId: &u.ID, PartNumberMarker: &from, NextPartNumberMarker: wire.P(int32(0)), MaxParts: wire.P(int32(limit)), IsTruncated: &more,
		Initiator: initiator(u.Initiator, b.Account), Owner: owner(b.Account), StorageClass: class(&object{Headers: u.Headers})}
	if u.Algo != 0 {
		out.ChecksumAlgorithm, out.ChecksumType = wire.P(checksum.Algorithm(u.Algo).String()), checksumType(u.Compose)
	}
	for _, p := range list {
		out.NextPartNumberMarker = wire.P(int32(p.Number))
		x := s3api.Part{PartNumber: wire.P(int32(p.Number)), LastModified: &p.Modified, ETag: quoted(md5Hex(p)), Size: &p.Piece.Size}
		if u.Algo != 0 {
			v := fieldsOf(checksum.Algorithm(u.Algo), checksum.Encode(p.Sum))
			x.ChecksumCRC32, x.ChecksumCRC32C, x.ChecksumCRC64NVME, x.ChecksumSHA1 = v.CRC32, v.CRC32C, v.CRC64NVME, v.SHA1
			x.ChecksumSHA256, x.ChecksumSHA512, x.ChecksumMD5, x.ChecksumXXHASH64 = v.SHA256, v.SHA512, v.MD5, v.XXHASH64
		}
		out.Parts = append(out.Parts, x)
	}
	return out, nil
}

// ListPartsRequires implements the operation's requirements.
func (s *Service) ListPartsRequires(ctx context.Context, in *s3api.ListPartsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, in.Key, in.ExpectedBucketOwner, "ListMultipartUploadParts")
	return err
}

// ListMultipartUploads implements the operation.
func (s *Service) ListMultipartUploads(ctx context.Context, in *s3api.ListMultipartUploadsInput) (*s3api.ListMultipartUploadsOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxUploads, "max-uploads")
	if err != nil {
		return nil, err
	}
	enc, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	prefix, delimiter, marker, idMarker := wire.V(in.Prefix), wire.V(in.Delimiter), wire.V(in.KeyMarker), wire.V(in.UploadIdMarker)
	if marker == "" {
		idMarker = ""
	}
	out := &s3api.ListMultipartUploadsOutput{Bucket: &in.Bucket, KeyMarker: enc(marker), UploadIdMarker: &idMarker, MaxUploads: wire.P(int32(limit)), EncodingType: in.EncodingType}
	if in.Prefix != nil {
		out.Prefix = enc(prefix)
	}
	if delimiter != "" {
		out.Delimiter = enc(delimiter)
	}
	own := owner(b.Account)
	lastKey, lastID, more := "", "", false
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		out.Uploads, out.CommonPrefixes, lastKey, lastID, more = nil, nil, "", "", false
		of := uploadsOf(b)
		span := store.Prefix(of.StrPrefix(prefix))
		if marker != "" && marker >= prefix {
			if span.From = append(of.Str(marker), 0xff); idMarker != "" {
				span.From = store.After(of, uploadKey(b, marker, idMarker)).From
			} else if delimiter != "" && strings.HasSuffix(marker, delimiter) && strings.HasPrefix(marker, prefix) {
				span.From = of.StrPrefix(marker).End()
			}
		}
		count := 0
		for {
			var jump store.Key
			store.Each(r, span, func(k store.Key, u *upload) bool {
				key := tail(k, len(of))
				if count == limit {
					more = limit > 0
					return false
				}
				count++
				if delimiter != "" {
					if i := strings.Index(key[len(prefix):], delimiter); i >= 0 {
						p := key[:len(prefix)+i+len(delimiter)]
						out.CommonPrefixes = append(out.CommonPrefixes, s3api.CommonPrefix{Prefix: enc(p)})
						jump = of.StrPrefix(p).End()
						lastKey, lastID = p, ""
						return false
					}
				}
				lastKey, lastID = key, u.ID
				x := s3api.MultipartUpload{UploadId: &u.ID, Key: enc(key), Initiated: &u.Initiated, StorageClass: class(&object{Headers: u.Headers}), Owner: own, Initiator: initiator(u.Initiator, b.Account)}
				if u.Algo != 0 {
					x.ChecksumAlgorithm, x.ChecksumType = wire.P(checksum.Algorithm(u.Algo).String()), checksumType(u.Compose)
				}
				out.Uploads = append(out.Uploads, x)
				return true
			})
			if jump == nil || more {
				return nil
			}
			span.From = jump
		}
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.NextKeyMarker, out.NextUploadIdMarker = &more, enc(lastKey), &lastID
	return out, nil
}

// ListMultipartUploadsRequires implements the operation's requirements.
func (s *Service) ListMultipartUploadsRequires(ctx context.Context, in *s3api.ListMultipartUploadsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "ListBucketMultipartUploads", listConditions(in.Prefix, in.Delimiter, nil)...)
	return err
}
