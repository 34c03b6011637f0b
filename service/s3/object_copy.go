package s3

import (
	"context"
	"hash"
	"io"
	"net/url"
	"strings"
	"time"

	s3api "virga/api/s3"
	"virga/internal/arn"
	"virga/internal/blob"
	"virga/internal/checksum"
	"virga/internal/wire"
)

const copyMax = 5 << 30

// source is what x-amz-copy-source names.
type source struct {
	bucket, key string
	version     *string
}

func parseSource(h string) (src source, err error) {
	raw := strings.TrimPrefix(h, "/")
	if i := strings.LastIndex(raw, "?versionId="); i >= 0 {
		v := raw[i+len("?versionId="):]
		raw = raw[:i]
		src.version = &v
		if v == "" {
			return src, argument("Version id cannot be the empty string", "x-amz-copy-source", h)
		}
	}
	if strings.HasPrefix(raw, "arn:") || strings.HasPrefix(raw, "arn%3A") {
		return src, wire.Unsupported("x-amz-copy-source with an access point")
	}
	text, err := url.PathUnescape(raw)
	if err != nil {
		return src, argument("Invalid copy source encoding.", "x-amz-copy-source", h)
	}
	text = strings.TrimPrefix(text, "/")
	name, key, ok := strings.Cut(text, "/")
	if !ok || key == "" {
		return src, argument("Invalid copy source object key", "x-amz-copy-source", h)
	}
	if arn.CheckName(arn.S3Bucket, name) != nil {
		return src, argument("Invalid copy source bucket name", "x-amz-copy-source", h)
	}
	src.bucket, src.key = name, key
	return src, nil
}

// lookSource reads the source of a copy and applies its conditions.
func (s *Service) lookSource(ctx context.Context, header string, expected, customer *string, match, none *string, modified, unchanged *time.Time) (source, *found, error) {
	src, err := parseSource(header)
	if err != nil {
		return src, nil, err
	}
	if customer != nil {
		return src, nil, wire.Unsupported(wire.CallOf(ctx).Operation + ": CopySourceSSECustomerAlgorithm (SSE-C)")
	}
	b, err := s.find(ctx, src.bucket)
	if err != nil {
		return src, nil, err
	}
	if err := checkOwner(b, expected); err != nil {
		return src, nil, err
	}
	f, err := s.look(ctx, b, src.key, src.version, "GET", true)
	if err != nil {
		if info := wire.Info(s3api.Model.Schema, wire.RESTXML, err); info.Code == "MethodNotAllowed" {
			return src, nil, invalid("The source of a copy request may not specifically refer to a delete marker by version id.")
		}
		return src, nil, s.hide(ctx, b, err)
	}
	c := readConditions{match: match, none: none, modified: modified, unchanged: unchanged, prefix: "x-amz-copy-source-", now: s.cfg.Env.Now()}
	return src, f, c.check(f.o)
}

// CopyObject implements the operation.
func (s *Service) CopyObject(ctx context.Context, in *s3api.CopyObjectInput) (*s3api.CopyObjectOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := checkEncryption("CopyObject", in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext, in.SSECustomerAlgorithm); err != nil {
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
	replace, err := directive("x-amz-metadata-directive", "metadata", in.MetadataDirective)
	if err != nil {
		return nil, err
	}
	retag, err := directive("x-amz-tagging-directive", "tagging", in.TaggingDirective)
	if err != nil {
		return nil, err
	}
	if in.AnnotationDirective != nil {
		return nil, wire.Unsupported("CopyObject: AnnotationDirective")
	}
	src, f, err := s.lookSource(ctx, in.CopySource, in.ExpectedSourceBucketOwner, in.CopySourceSSECustomerAlgorithm, in.CopySourceIfMatch, in.CopySourceIfNoneMatch,
		in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince)
	if err != nil {
		return nil, err
	}
	same := src.bucket == in.Bucket && src.key == in.Key && src.version == nil
	if same && !replace && in.StorageClass == nil && in.WebsiteRedirectLocation == nil && in.ServerSideEncryption == nil {
		return nil, invalid("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if f.o.Size > copyMax {
		return nil, invalid("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(copyMax))
	}
	o := object{Tags: f.o.Tags}
	if retag {
		if o.Tags, err = headerTags(in.Tagging); err != nil {
			return nil, err
		}
	}
	bucketKey := wire.Or(in.BucketKeyEnabled, b.BucketKey)
	if replace {
		o.Headers, err = headerSet("CopyObject", in.ContentType, in.ContentEncoding, in.ContentLanguage, in.ContentDisposition, in.CacheControl, in.Expires,
			in.WebsiteRedirectLocation, in.StorageClass, in.Metadata, bucketKey)
	} else {
		o.Headers = f.o.Headers
		o.Headers.Redirect, o.Headers.BucketKey = wire.V(in.WebsiteRedirectLocation), bucketKey
		o.Headers.Class, err = checkClass("CopyObject", in.StorageClass)
	}
	if err != nil {
		return nil, err
	}
	o.Headers.KMS = sealedBy(b, in.ServerSideEncryption)
	algo := checksum.Algorithm(f.o.Algo)
	if in.ChecksumAlgorithm != nil && *in.ChecksumAlgorithm != "" {
		if algo, err = algorithm(*in.ChecksumAlgorithm); err != nil {
			return nil, err
		}
	}
	if algo == checksum.None {
		algo = checksum.CRC64NVME
	}
	ref, err := s.copied(ctx, b, f, &o, algo)
	if err != nil {
		return nil, err
	}
	as, err := s.commit(ctx, b, in.Key, &o, ref, in.IfMatch, in.IfNoneMatch)
	if err != nil {
		return nil, err
	}
	v, kind := o.shown()
	out := &s3api.CopyObjectOutput{ServerSideEncryption: o.Headers.sse(), SSEKMSKeyId: o.Headers.sseKey(as), BucketKeyEnabled: keyEnabled(&o), VersionId: written(as, &o), Expiration: as.expiration(in.Key, &o), CopyObjectResult: &s3api.CopyObjectResult{ETag: quoted(o.ETag),
		LastModified: &o.Modified, ChecksumType: kind, ChecksumCRC32: v.CRC32, ChecksumCRC32C: v.CRC32C, ChecksumCRC64NVME: v.CRC64NVME, ChecksumSHA1: v.SHA1,
		ChecksumSHA256: v.SHA256, ChecksumSHA512: v.SHA512, ChecksumMD5: v.MD5, ChecksumXXHASH64: v.XXHASH64}}
	out.CopySourceVersionId = shownVersion(f.b, f.o)
	return out, nil
}

func directive(header, noun string, d *string) (replace bool, err error) {
	switch wire.V(d) {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	}
	return false, argument("Unknown "+noun+" directive.", header, *d)
}

// copied gives the bytes of f to o: shared where they are one piece of the same account, read through else.
func (s *Service) copied(ctx context.Context, b *bucket, f *found, o *object, algo checksum.Algorithm) (*blob.Ref, error) {
	o.Size, o.Algo = f.o.Size, uint8(algo)
	shared := len(f.parts) == 0 && f.b.Account == b.Account
	if !shared {
		r, err := s.reader(ctx, f, 0, f.o.Size)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		got, err := s.receive(ctx, b.Account, inner{r}, nil, copyMax, integrity{algo: algo})
		if err != nil {
			return nil, err
		}
		o.ETag, o.Sum = checksum.ETag(got.md5), checksum.Encode(got.sum)
		return &got.ref, nil
	}
	o.ETag, o.Sum = f.o.ETag, f.o.Sum
	if algo != checksum.Algorithm(f.o.Algo) || f.o.Compose {
		r, err := s.reader(ctx, f, 0, f.o.Size)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		var h hash.Hash
		if h, err = checksum.New(algo); err != nil {
			return nil, err
		}
		if _, err := io.Copy(h, r); err != nil {
			return nil, err
		}
		o.Sum = checksum.Encode(h.Sum(nil))
	}
	ref := f.o.Piece.ref()
	if ref.ID == "" {
		ref.Inline = f.inline
	}
	return &ref, nil
}

// inner marks the errors of our own reading as ours: they are no client's short body.
type inner struct{ io.Reader }

// CopyObjectRequires implements the operation's requirements: of the source and of the destination.
func (s *Service) CopyObjectRequires(ctx context.Context, in *s3api.CopyObjectInput, r *wire.Requirements) error {
	tagging := in.Tagging
	if wire.V(in.TaggingDirective) != "REPLACE" {
		tagging = nil
	}
	if err := s.needSource(ctx, r, in.CopySource, in.ExpectedSourceBucketOwner, in.Bucket, in.Key, wire.V(in.TaggingDirective) != "REPLACE"); err != nil {
		return err
	}
	if err := s.needPut(ctx, r, in.Bucket, in.Key, in.ExpectedBucketOwner, in.ACL, tagging, in.StorageClass, in.ServerSideEncryption); err != nil {
		return err
	}
	n := &r.All()[len(r.All())-1]
	n.Conditions = append(n.Conditions, cond("s3:x-amz-copy-source", in.CopySource))
	if in.MetadataDirective != nil {
		n.Conditions = append(n.Conditions, cond("s3:x-amz-metadata-directive", *in.MetadataDirective))
	}
	return nil
}

// needSource adds what reading the source of a copy requires, its tags included where they are copied.
func (s *Service) needSource(ctx context.Context, r *wire.Requirements, header string, expected *string, name, key string, tags bool) error {
	src, err := parseSource(header)
	if err != nil {
		return err
	}
	sb, err := s.find(ctx, src.bucket)
	if err != nil {
		return err
	}
	if err := checkOwner(sb, expected); err != nil {
		return err
	}
	c := wire.CallOf(ctx)
	conds := s.existingTags(ctx, sb, src.key, src.version)
	need := func(action string) {
		n := r.Need("s3:"+action, objectARN(src.bucket, src.key), conds...)
		n.ResourceAccount, n.ResourcePolicy = sb.Account, sb.policyFor(c)
	}
	mid := ""
	if src.version != nil {
		mid = "Version"
		conds = append(conds, cond("s3:VersionId", *src.version))
	}
	need("GetObject" + mid)
	for _, x := range conds {
		if tags && strings.HasPrefix(x.Key, "s3:ExistingObjectTag/") {
			need("GetObject" + mid + "Tagging")
			n := r.Need("s3:PutObjectTagging", objectARN(name, key))
			if b, err := s.find(ctx, name); err == nil {
				n.ResourceAccount, n.ResourcePolicy = b.Account, b.policyFor(c)
			}
			break
		}
	}
	return nil
}
