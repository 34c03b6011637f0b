package s3

import (
	"context"
	"strings"
	"time"

	s3api "virga/api/s3"
	"virga/internal/blob"
	"virga/internal/checksum"
	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of objects (Amazon S3 User Guide, Uploading objects).
const (
	putMax     = 5 << 30
	metaMax    = 2 << 10 // bytes of user metadata, names and values
	defaultCT  = "binary/octet-stream"
	longestHdr = 8 << 10
)

// lockHeaders refuses the members that only buckets with object lock take.
func lockHeaders(mode, hold, event *string, until *time.Time) error {
	if mode != nil || hold != nil || event != nil || until != nil {
		return invalid("Bucket is missing Object Lock Configuration")
	}
	return nil
}

// headerSet makes an object's headers of a request's.
func headerSet(op string, ct, enc, lang, disp, cache, expires, redirect, class *string, meta map[string]string, bucketKey bool) (headers, error) {
	h := headers{Type: wire.Or(ct, defaultCT), Encoding: encoding(enc), Language: wire.V(lang), Disposition: wire.V(disp), Cache: wire.V(cache), Expires: wire.V(expires),
		Redirect: wire.V(redirect), BucketKey: bucketKey}
	var err error
	if h.Class, err = checkClass(op, class); err != nil {
		return h, err
	}
	if h.Redirect != "" && !strings.HasPrefix(h.Redirect, "/") && !strings.HasPrefix(h.Redirect, "http://") && !strings.HasPrefix(h.Redirect, "https://") {
		return h, wire.Errorf("InvalidRedirectLocation", 400, "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
	}
	if h.Type == "" {
		h.Type = defaultCT
	}
	n := 0
	for k, v := range meta {
		n += len(k) + len(v)
	}
	if n > metaMax {
		return h, wire.Errorf("MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size").With("Size", itoa(int64(n))).With("MaxSizeAllowed", itoa(metaMax))
	}
	if len(meta) > 0 {
		h.Meta = meta
	}
	return h, nil
}

// writeConditions checks the form of If-Match and If-None-Match of a write.
func writeConditions(match, none *string) error {
	switch {
	case match != nil && none != nil:
		return headerNotImplemented("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
	case none != nil && *none != "*":
		return headerNotImplemented("If-None-Match", "We don't accept the provided value of If-None-Match header for this API")
	case match != nil && *match == "*":
		return headerNotImplemented("If-Match", "We don't accept the provided value of If-Match header for this API")
	}
	return nil
}

func sameETag(header, etag string) bool {
	return strings.Trim(strings.TrimSpace(header), `"`) == etag
}

// mayWrite applies a write's conditions to the current version of the key.
func mayWrite(cur *object, key string, match, none *string) error {
	there := cur != nil && !cur.Marker
	switch {
	case none != nil && there:
		return precondition("If-None-Match")
	case match != nil && !there:
		return noKey(key)
	case match != nil && !sameETag(*match, cur.ETag):
		return precondition("If-Match")
	}
	return nil
}

// keep makes the bytes of a blob part of the state: the blob is kept, or bytes too few for a file get a row.
func keep(tx store.Tx, account string, ref blob.Ref, id string) piece {
	p := piece{Blob: ref.ID, Size: ref.Size}
	if ref.ID == "" && ref.Size > 0 {
		p.Data = id
		tx.Set(dataKey(account, id), ref.Inline)
	}
	blob.Keep(tx, account, ref)
	return p
}

// PutObject implements the operation.
func (s *Service) PutObject(ctx context.Context, in *s3api.PutObjectInput) (*s3api.PutObjectOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.WriteOffsetBytes != nil {
		return nil, headerNotImplemented("x-amz-write-offset-bytes", "")
	}
	if err := checkEncryption("PutObject", in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.SSECustomerAlgorithm); err != nil {
		return nil, err
	}
	if err := checkACL(b.Ownership, in.ACL, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWriteACP); err != nil {
		return nil, err
	}
	if err := lockHeaders(in.ObjectLockMode, in.ObjectLockLegalHoldStatus, in.ObjectLockEventHold, in.ObjectLockRetainUntilDate); err != nil {
		return nil, err
	}
	if err := writeConditions(in.IfMatch, in.IfNoneMatch); err != nil {
		return nil, err
	}
	o := object{}
	if o.Headers, err = headerSet("PutObject", in.ContentType, in.ContentEncoding, in.ContentLanguage, in.ContentDisposition, in.CacheControl, in.Expires,
		in.WebsiteRedirectLocation, in.StorageClass, in.Metadata, wire.Or(in.BucketKeyEnabled, b.BucketKey)); err != nil {
		return nil, err
	}
	o.Headers.KMS = sealedBy(b, in.ServerSideEncryption)
	if o.Tags, err = headerTags(in.Tagging); err != nil {
		return nil, err
	}
	if err := lengthSaid(ctx, in.ContentLength, in.Body); err != nil {
		return nil, err
	}
	p, err := promised(in.ContentMD5, in.ChecksumAlgorithm, sumsOf(in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256,
		in.ChecksumSHA512, in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128), in.Body, checksum.CRC64NVME)
	if err != nil {
		return nil, err
	}
	got, err := s.receive(ctx, b.Account, in.Body, in.ContentLength, putMax, p)
	if err != nil {
		return nil, err
	}
	o.ETag, o.Algo, o.Sum, o.Size = checksum.ETag(got.md5), uint8(p.algo), checksum.Encode(got.sum), got.ref.Size
	b, err = s.commit(ctx, b, in.Key, &o, &got.ref, in.IfMatch, in.IfNoneMatch)
	if err != nil {
		return nil, err
	}
	f, kind := o.shown()
	return &s3api.PutObjectOutput{ETag: quoted(o.ETag), ServerSideEncryption: o.Headers.sse(), SSEKMSKeyId: o.Headers.sseKey(b), BucketKeyEnabled: keyEnabled(&o), VersionId: written(b, &o), ChecksumType: kind, Expiration: b.expiration(in.Key, &o),
		ChecksumCRC32: f.CRC32, ChecksumCRC32C: f.CRC32C, ChecksumCRC64NVME: f.CRC64NVME, ChecksumSHA1: f.SHA1, ChecksumSHA256: f.SHA256, ChecksumSHA512: f.SHA512,
		ChecksumMD5: f.MD5, ChecksumXXHASH64: f.XXHASH64}, nil
}

// keyEnabled is the bucket key as answers carry it: with KMS keys alone, which are not here.
func keyEnabled(*object) *bool { return nil }

// written is the version id that a write answers: a bucket with suspended versions names none for its null version.
func written(b *bucket, o *object) *string {
	if b.Versioning == "" {
		return nil
	}
	return wire.P(o.versionID())
}

// lengthSaid: from outside, the length of a body must be known before it comes.
func lengthSaid(ctx context.Context, length *int64, body any) error {
	if length != nil || wire.CallOf(ctx).Depth > 0 {
		return nil
	}
	if t, ok := body.(interface{ DecodedLength() int64 }); ok && t.DecodedLength() >= 0 {
		return nil
	}
	return wire.Errorf("MissingContentLength", 411, "You must provide the Content-Length HTTP header.")
}

// commit makes o the current version of a key. ref, where not nil, holds its bytes.
func (s *Service) commit(ctx context.Context, b *bucket, key string, o *object, ref *blob.Ref, match, none *string) (*bucket, error) {
	random := env.NewName(s.cfg.Env, env.AlnumLow, versionLen-idSeqChars)
	id := ""
	if ref != nil && ref.ID == "" && ref.Size > 0 {
		id = s.newID()
	}
	now := s.cfg.Env.Now()
	o.Modified = now.Truncate(time.Second)
	k := objectKey(b, key)
	var as *bucket
	err := s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		var err error
		if as, err = s.current(tx, b); err != nil {
			return err
		}
		cur, _ := store.Load[object](tx, k)
		if err := mayWrite(cur, key, match, none); err != nil {
			return err
		}
		if ref != nil {
			o.Piece = keep(tx, b.Account, *ref, id)
		}
		putVersion(tx, as, key, cur, o, random, now)
		return nil
	})
	return as, err
}

// PutObjectRequires implements the operation's requirements.
func (s *Service) PutObjectRequires(ctx context.Context, in *s3api.PutObjectInput, r *wire.Requirements) error {
	return s.needPut(ctx, r, in.Bucket, in.Key, in.ExpectedBucketOwner, in.ACL, in.Tagging, in.StorageClass, in.ServerSideEncryption)
}

// needPut adds what a write of an object requires.
func (s *Service) needPut(ctx context.Context, r *wire.Requirements, name, key string, owner, acl, tagging, class, encryption *string) error {
	var conds []wire.Condition
	for _, h := range [...]struct {
		key string
		v   *string
	}{{"s3:x-amz-acl", acl}, {"s3:x-amz-storage-class", class}, {"s3:x-amz-server-side-encryption", encryption}} {
		if h.v != nil {
			conds = append(conds, cond(h.key, *h.v))
		}
	}
	var tags map[string]string
	if tagging != nil && *tagging != "" {
		var err error
		if tags, err = headerTags(tagging); err != nil {
			return err
		}
		keys := make([]string, 0, len(tags))
		for _, t := range tagList(tags) {
			keys = append(keys, t.Key)
			conds = append(conds, cond("s3:RequestObjectTag/"+t.Key, t.Value))
		}
		conds = append(conds, cond("s3:RequestObjectTagKeys", keys...))
	}
	if _, _, err := s.need(ctx, r, name, key, owner, "PutObject", conds...); err != nil {
		return err
	}
	if len(tags) > 0 {
		if _, _, err := s.need(ctx, r, name, key, owner, "PutObjectTagging", conds...); err != nil {
			return err
		}
	}
	if acl != nil {
		if _, _, err := s.need(ctx, r, name, key, owner, "PutObjectAcl", conds...); err != nil {
			return err
		}
	}
	return nil
}
