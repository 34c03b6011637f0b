package s3

import (
	"context"

	s3api "virga/api/s3"
	"virga/internal/checksum"
	"virga/internal/wire"
)

// GetObjectAttributes implements the operation.
func (s *Service) GetObjectAttributes(ctx context.Context, in *s3api.GetObjectAttributesInput) (*s3api.GetObjectAttributesOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.SSECustomerAlgorithm != nil {
		return nil, wire.Unsupported("GetObjectAttributes: SSECustomerAlgorithm (SSE-C)")
	}
	want := map[string]bool{}
	for _, a := range in.ObjectAttributes {
		switch a {
		case "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize":
			want[a] = true
		default:
			return nil, argument("Invalid attribute name specified.", "x-amz-object-attributes", a)
		}
	}
	if len(want) == 0 {
		return nil, invalid("Missing required header for this request: x-amz-object-attributes")
	}
	f, err := s.look(ctx, b, in.Key, in.VersionId, "GET", want["ObjectParts"])
	if err != nil {
		return nil, s.hide(ctx, b, err)
	}
	o := f.o
	out := &s3api.GetObjectAttributesOutput{LastModified: &o.Modified, VersionId: shownVersion(b, o)}
	if want["ETag"] {
		out.ETag = &o.ETag
	}
	if want["ObjectSize"] {
		out.ObjectSize = &o.Size
	}
	if want["StorageClass"] {
		out.StorageClass = class(o)
	}
	if v, kind := o.shown(); want["Checksum"] && kind != nil {
		out.Checksum = &s3api.Checksum{ChecksumType: kind, ChecksumCRC32: v.CRC32, ChecksumCRC32C: v.CRC32C, ChecksumCRC64NVME: v.CRC64NVME, ChecksumSHA1: v.SHA1,
			ChecksumSHA256: v.SHA256, ChecksumSHA512: v.SHA512, ChecksumMD5: v.MD5, ChecksumXXHASH64: v.XXHASH64}
	}
	if want["ObjectParts"] && len(f.parts) > 0 {
		limit, err := pageSize(in.MaxParts, "max-parts")
		if err != nil {
			return nil, err
		}
		from := int64(wire.V(in.PartNumberMarker))
		p := &s3api.GetObjectAttributesParts{TotalPartsCount: wire.P(int32(len(f.parts))), PartNumberMarker: wire.P(int32(from)), MaxParts: wire.P(int32(limit)), IsTruncated: wire.P(false)}
		last := int64(0)
		for i := range f.parts {
			pt := &f.parts[i]
			if pt.Number <= from || !o.Compose {
				continue // AWS lists the parts of COMPOSITE objects alone
			}
			if len(p.Parts) == limit {
				p.IsTruncated = wire.P(true)
				break
			}
			last = pt.Number
			v := fieldsOf(checksum.Algorithm(o.Algo), checksum.Encode(pt.Sum))
			p.Parts = append(p.Parts, s3api.ObjectPart{PartNumber: wire.P(int32(pt.Number)), Size: &pt.Piece.Size, ChecksumCRC32: v.CRC32, ChecksumCRC32C: v.CRC32C, ChecksumCRC64NVME: v.CRC64NVME,
				ChecksumSHA1: v.SHA1, ChecksumSHA256: v.SHA256, ChecksumSHA512: v.SHA512, ChecksumMD5: v.MD5, ChecksumXXHASH64: v.XXHASH64})
		}
		if o.Compose {
			p.NextPartNumberMarker = wire.P(int32(last))
		} else {
			p = &s3api.GetObjectAttributesParts{TotalPartsCount: p.TotalPartsCount}
		}
		out.ObjectParts = p
	}
	return out, nil
}

// GetObjectAttributesRequires implements the operation's requirements.
func (s *Service) GetObjectAttributesRequires(ctx context.Context, in *s3api.GetObjectAttributesInput, r *wire.Requirements) error {
	if err := s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "GetObject", ""); err != nil {
		return err
	}
	return s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "GetObject", "Attributes")
}

// class is the storage class as lists carry it.
func class(o *object) *string {
	if o.Headers.Class == "" {
		return wire.P("STANDARD")
	}
	return &o.Headers.Class
}
