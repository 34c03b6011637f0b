package s3

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	s3api "virga/api/s3"
	"virga/internal/checksum"
	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of multipart uploads (Amazon S3 User Guide, Multipart upload limits).
const (
	partMax     = 5 << 30
	partMin     = 5 << 20 // but the last
	objectMax   = 50 << 40
	uploadIDLen = 64
)

// uploadType chooses the checksum type of an upload.
func uploadType(algo checksum.Algorithm, kind *string) (composite bool, err error) {
	switch k := wire.V(kind); {
	case kind != nil && algo == checksum.None:
		return false, invalid("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
	case algo == checksum.None:
		return false, nil
	case k == "":
		return algo.CompositeAllowed(), nil
	case k == "COMPOSITE" && !algo.CompositeAllowed():
		return false, invalid("The COMPOSITE checksum type cannot be used with the %s checksum algorithm.", strings.ToLower(algo.String()))
	case k == "FULL_OBJECT" && !algo.Linear():
		return false, invalid("The FULL_OBJECT checksum type cannot be used with the %s checksum algorithm.", strings.ToLower(algo.String()))
	case k != "COMPOSITE" && k != "FULL_OBJECT":
		return false, invalid("Value for x-amz-checksum-type header is invalid.")
	default:
		return k == "COMPOSITE", nil
	}
}

// CreateMultipartUpload implements the operation.
func (s *Service) CreateMultipartUpload(ctx context.Context, in *s3api.CreateMultipartUploadInput) (*s3api.CreateMultipartUploadOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := checkEncryption("CreateMultipartUpload", in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.SSECustomerAlgorithm); err != nil {
		return nil, err
	}
	if err := checkACL(b.Ownership, in.ACL, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWriteACP); err != nil {
		return nil, err
	}
	if err := lockHeaders(in.ObjectLockMode, in.ObjectLockLegalHoldStatus, in.ObjectLockEventHold, in.ObjectLockRetainUntilDate); err != nil {
		return nil, err
	}
	u := upload{Initiator: wire.Caller(ctx).ARN}
	if u.Headers, err = headerSet("CreateMultipartUpload", in.ContentType, in.ContentEncoding, in.ContentLanguage, in.ContentDisposition, in.CacheControl, in.Expires,
		in.WebsiteRedirectLocation, in.StorageClass, in.Metadata, wire.Or(in.BucketKeyEnabled, b.BucketKey)); err != nil {
		return nil, err
	}
	u.Headers.KMS = sealedBy(b, in.ServerSideEncryption)
	if u.Tags, err = headerTags(in.Tagging); err != nil {
		return nil, err
	}
	algo := checksum.None
	if in.ChecksumAlgorithm != nil && *in.ChecksumAlgorithm != "" {
		if algo, err = algorithm(*in.ChecksumAlgorithm); err != nil {
			return nil, err
		}
	}
	if u.Compose, err = uploadType(algo, in.ChecksumType); err != nil {
		return nil, err
	}
	u.Algo = uint8(algo)
	now := s.cfg.Env.Now()
	u.Initiated = now.Truncate(time.Second)
	u.ID = encodeSeq(uint64(now.UnixNano())) + env.NewName(s.cfg.Env, env.AlnumLow, uploadIDLen-idSeqChars)
	k := uploadKey(b, in.Key, u.ID)
	err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		b, err := s.current(tx, b)
		if err != nil {
			return err
		}
		u.Base = 0
		if cur, ok := store.Load[object](tx, objectKey(b, in.Key)); ok {
			u.Base = cur.Seq
		}
		store.Put(tx, k, &u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &s3api.CreateMultipartUploadOutput{Bucket: &in.Bucket, Key: &in.Key, UploadId: &u.ID, ServerSideEncryption: u.Headers.sse(), SSEKMSKeyId: u.Headers.sseKey(b)}
	if algo != checksum.None {
		out.ChecksumAlgorithm, out.ChecksumType = wire.P(algo.String()), checksumType(u.Compose)
	}
	return out, nil
}

// CreateMultipartUploadRequires implements the operation's requirements.
func (s *Service) CreateMultipartUploadRequires(ctx context.Context, in *s3api.CreateMultipartUploadInput, r *wire.Requirements) error {
	return s.needPut(ctx, r, in.Bucket, in.Key, in.ExpectedBucketOwner, in.ACL, in.Tagging, in.StorageClass, in.ServerSideEncryption)
}

// upload reads an upload's record.
func loadUpload(r store.Reader, b *bucket, key, id string) (*upload, error) {
	if len(id) == uploadIDLen {
		if u, ok := store.Load[upload](r, uploadKey(b, key, id)); ok {
			return u, nil
		}
	}
	return nil, noUpload(id)
}

func checkPartNumber(n int32) error {
	if n < 1 || n > checksum.MaxParts {
		return argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", itoa(int64(n)))
	}
	return nil
}

// beginPart finds the upload that a part is for.
func (s *Service) beginPart(ctx context.Context, name, key, id string, number int32) (*bucket, *upload, error) {
	if err := checkPartNumber(number); err != nil {
		return nil, nil, err
	}
	b, err := s.find(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	var u *upload
	err = s.cfg.Store.View(ctx, func(r store.Reader) (err error) {
		u, err = loadUpload(r, b, key, id)
		return err
	})
	return b, u, err
}

// keepPart makes a received body a part of an upload, in place of an older one of the same number.
func (s *Service) keepPart(ctx context.Context, b *bucket, key string, u *upload, number int32, got *received) (*part, error) {
	now := s.cfg.Env.Now()
	p := &part{Number: int64(number), MD5: got.md5, Sum: got.two, Modified: now.Truncate(time.Second)}
	id := s.newID()
	k := partKey(b.Account, u.ID, p.Number)
	return p, s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		if _, err := loadUpload(tx, b, key, u.ID); err != nil {
			return err
		}
		if old, ok := store.Load[part](tx, k); ok {
			dropPiece(tx, b.Account, old.Piece, now)
		}
		p.Piece = keep(tx, b.Account, got.ref, id)
		store.Put(tx, k, p)
		return nil
	})
}

// UploadPart implements the operation.
func (s *Service) UploadPart(ctx context.Context, in *s3api.UploadPartInput) (*s3api.UploadPartOutput, error) {
	b, u, err := s.beginPart(ctx, in.Bucket, in.Key, in.UploadId, in.PartNumber)
	if err != nil {
		return nil, err
	}
	if in.SSECustomerAlgorithm != nil {
		return nil, wire.Unsupported("UploadPart: SSECustomerAlgorithm (SSE-C)")
	}
	if err := lengthSaid(ctx, in.ContentLength, in.Body); err != nil {
		return nil, err
	}
	algo := checksum.Algorithm(u.Algo)
	def := algo
	if def == checksum.None {
		def = checksum.CRC64NVME
	}
	p, err := promised(in.ContentMD5, in.ChecksumAlgorithm, sumsOf(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256,
		in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128), in.Body, def)
	if err != nil {
		return nil, err
	}
	if algo != checksum.None && p.algo != algo {
		return nil, invalid("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", strings.ToLower(algo.String()), strings.ToLower(p.algo.String()))
	}
	p.also = def
	got, err := s.receive(ctx, b.Account, in.Body, in.ContentLength, partMax, p)
	if err != nil {
		return nil, err
	}
	if _, err := s.keepPart(ctx, b, in.Key, u, in.PartNumber, got); err != nil {
		return nil, err
	}
	out := &s3api.UploadPartOutput{ETag: quoted(checksum.ETag(got.md5)), ServerSideEncryption: u.Headers.sse(), SSEKMSKeyId: u.Headers.sseKey(b)}
	if algo != checksum.None || p.want != nil {
		v := fieldsOf(p.algo, checksum.Encode(got.sum))
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1 = v.CRC32, v.CRC32C, v.CRC64NVME, v.SHA1
		out.ChecksumSHA256, out.ChecksumSHA512, out.ChecksumMD5, out.ChecksumXXHASH64 = v.SHA256, v.SHA512, v.MD5, v.XXHASH64
	}
	if p.trailer {
		v := fieldsOf(p.algo, checksum.Encode(got.sum))
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1 = v.CRC32, v.CRC32C, v.CRC64NVME, v.SHA1
		out.ChecksumSHA256, out.ChecksumSHA512, out.ChecksumMD5, out.ChecksumXXHASH64 = v.SHA256, v.SHA512, v.MD5, v.XXHASH64
	}
	return out, nil
}

// UploadPartRequires implements the operation's requirements.
func (s *Service) UploadPartRequires(ctx context.Context, in *s3api.UploadPartInput, r *wire.Requirements) error {
	return s.needPut(ctx, r, in.Bucket, in.Key, in.ExpectedBucketOwner, nil, nil, nil, nil)
}

// UploadPartCopy implements the operation.
func (s *Service) UploadPartCopy(ctx context.Context, in *s3api.UploadPartCopyInput) (*s3api.UploadPartCopyOutput, error) {
	b, u, err := s.beginPart(ctx, in.Bucket, in.Key, in.UploadId, in.PartNumber)
	if err != nil {
		return nil, err
	}
	if in.SSECustomerAlgorithm != nil {
		return nil, wire.Unsupported("UploadPartCopy: SSECustomerAlgorithm (SSE-C)")
	}
	_, f, err := s.lookSource(ctx, in.CopySource, in.ExpectedSourceBucketOwner, in.CopySourceSSECustomerAlgorithm, in.CopySourceIfMatch, in.CopySourceIfNoneMatch,
		in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince)
	if err != nil {
		return nil, err
	}
	off, n := int64(0), f.o.Size
	if in.CopySourceRange != nil {
		var ok bool
		first, last, _ := strings.Cut(strings.TrimPrefix(*in.CopySourceRange, "bytes="), "-")
		if off, n, ok, err = parseRange(*in.CopySourceRange, f.o.Size); err != nil || !ok || first == "" || last == "" {
			if err == nil || first == "" || last == "" {
				return nil, argument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy", "x-amz-copy-source-range", *in.CopySourceRange)
			}
			return nil, err
		}
		if itoa(off+n-1) != strings.TrimSpace(last) {
			return nil, argument("Range specified is not valid for source object of size: "+itoa(f.o.Size), "x-amz-copy-source-range", *in.CopySourceRange)
		}
	}
	if n > partMax {
		return nil, invalid("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(copyMax))
	}
	algo := checksum.Algorithm(u.Algo)
	p := integrity{algo: algo}
	if algo == checksum.None {
		p.algo = checksum.CRC64NVME
	}
	rd, err := s.reader(ctx, f, off, n)
	if err != nil {
		return nil, err
	}
	defer rd.Close()
	got, err := s.receive(ctx, b.Account, inner{rd}, nil, partMax, p)
	if err != nil {
		return nil, err
	}
	pt, err := s.keepPart(ctx, b, in.Key, u, in.PartNumber, got)
	if err != nil {
		return nil, err
	}
	out := &s3api.UploadPartCopyOutput{ServerSideEncryption: u.Headers.sse(), SSEKMSKeyId: u.Headers.sseKey(b), CopySourceVersionId: shownVersion(f.b, f.o),
		CopyPartResult: &s3api.CopyPartResult{ETag: quoted(checksum.ETag(got.md5)), LastModified: &pt.Modified}}
	if algo != checksum.None {
		v := fieldsOf(algo, checksum.Encode(got.sum))
		c := out.CopyPartResult
		c.ChecksumCRC32, c.ChecksumCRC32C, c.ChecksumCRC64NVME, c.ChecksumSHA1 = v.CRC32, v.CRC32C, v.CRC64NVME, v.SHA1
		c.ChecksumSHA256, c.ChecksumSHA512, c.ChecksumMD5, c.ChecksumXXHASH64 = v.SHA256, v.SHA512, v.MD5, v.XXHASH64
	}
	return out, nil
}

// UploadPartCopyRequires implements the operation's requirements.
func (s *Service) UploadPartCopyRequires(ctx context.Context, in *s3api.UploadPartCopyInput, r *wire.Requirements) error {
	if err := s.needSource(ctx, r, in.CopySource, in.ExpectedSourceBucketOwner, in.Bucket, in.Key, false); err != nil {
		return err
	}
	return s.needPut(ctx, r, in.Bucket, in.Key, in.ExpectedBucketOwner, nil, nil, nil, nil)
}

// AbortMultipartUpload implements the operation.
func (s *Service) AbortMultipartUpload(ctx context.Context, in *s3api.AbortMultipartUploadInput) (*s3api.AbortMultipartUploadOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.IfMatchInitiatedTime != nil {
		return nil, headerNotImplemented("x-amz-if-match-initiated-time", "")
	}
	now := s.cfg.Env.Now()
	k := uploadKey(b, in.Key, in.UploadId)
	if len(in.UploadId) != uploadIDLen {
		return nil, noUpload(in.UploadId)
	}
	return &s3api.AbortMultipartUploadOutput{}, s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		if _, err := loadUpload(tx, b, in.Key, in.UploadId); err != nil {
			return err
		}
		dropUpload(tx, b, in.UploadId, now)
		tx.Delete(k)
		return nil
	})
}

// AbortMultipartUploadRequires implements the operation's requirements.
func (s *Service) AbortMultipartUploadRequires(ctx context.Context, in *s3api.AbortMultipartUploadInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, in.Key, in.ExpectedBucketOwner, "AbortMultipartUpload")
	return err
}

func md5Hex(p *part) string { return hex.EncodeToString(p.MD5) }
