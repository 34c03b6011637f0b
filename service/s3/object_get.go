package s3

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	s3api "virga/api/s3"
	"virga/internal/blob"
	"virga/internal/checksum"
	"virga/internal/store"
	"virga/internal/wire"
)

// found is one version as a reader has it, with where its bytes are.
type found struct {
	b      *bucket
	o      *object
	parts  []part
	inline []byte
}

// look reads one version; with bytes set, also where its bytes are.
func (s *Service) look(ctx context.Context, b *bucket, key string, id *string, method string, bytes bool) (*found, error) {
	f := &found{b: b}
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		var err error
		if f.o, err = loadVersion(r, b, key, id, method); err != nil || !bytes {
			return err
		}
		f.parts, f.inline = nil, nil
		if f.o.Parts != "" {
			l, ok := store.Load[partList](r, partListKey(b.Account, f.o.Parts))
			if !ok {
				return fmt.Errorf("%w: the parts of %s/%s", store.ErrCorrupt, b.Name, key)
			}
			f.parts = l.Parts
		} else if f.o.Piece.Data != "" {
			v, ok := r.Get(dataKey(b.Account, f.o.Piece.Data))
			if !ok {
				return fmt.Errorf("%w: the bytes of %s/%s", store.ErrCorrupt, b.Name, key)
			}
			f.inline = append([]byte(nil), v...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// reader gives n bytes of a version from off.
func (s *Service) reader(ctx context.Context, f *found, off, n int64) (io.ReadCloser, error) {
	if len(f.parts) == 0 {
		ref := f.o.Piece.ref()
		if ref.ID == "" {
			ref.Inline = f.inline
		}
		return s.cfg.Blobs.Open(ctx, f.b.Account, ref, off, n)
	}
	return &partReader{s: s, ctx: ctx, account: f.b.Account, parts: f.parts, skip: off, left: n}, nil
}

// partReader reads the parts of an object one after the other.
type partReader struct {
	s       *Service
	ctx     context.Context
	account string
	parts   []part
	skip    int64 // bytes before the first wanted
	left    int64
	cur     io.ReadCloser
}

// Read implements io.Reader.
func (r *partReader) Read(p []byte) (int, error) {
	for r.left > 0 {
		if r.cur == nil {
			for len(r.parts) > 0 && r.skip >= r.parts[0].Piece.Size {
				r.skip -= r.parts[0].Piece.Size
				r.parts = r.parts[1:]
			}
			if len(r.parts) == 0 {
				return 0, fmt.Errorf("%w: an object ends early", store.ErrCorrupt)
			}
			pc := r.parts[0].Piece
			n := min(pc.Size-r.skip, r.left)
			ref, err := r.s.refOf(r.ctx, r.account, pc)
			if err == nil {
				r.cur, err = r.s.cfg.Blobs.Open(r.ctx, r.account, ref, r.skip, n)
			}
			if err != nil {
				return 0, err
			}
			r.skip, r.parts = 0, r.parts[1:]
		}
		n, err := r.cur.Read(p)
		r.left -= int64(n)
		if err == io.EOF {
			r.cur.Close()
			r.cur, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// Close implements io.Closer.
func (r *partReader) Close() error {
	if r.cur != nil {
		return r.cur.Close()
	}
	return nil
}

// refOf gives a piece as a blob: bytes in a row are read.
func (s *Service) refOf(ctx context.Context, account string, p piece) (blob.Ref, error) {
	ref := p.ref()
	if p.Data == "" {
		return ref, nil
	}
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		v, ok := r.Get(dataKey(account, p.Data))
		if !ok {
			return fmt.Errorf("%w: the bytes of a part", store.ErrCorrupt)
		}
		ref.Inline = append([]byte(nil), v...)
		return nil
	})
	return ref, err
}

// readConditions are those of a read, by the names they have in errors.
type readConditions struct {
	match, none         *string
	modified, unchanged *time.Time
	prefix              string // of the header names of a copy's source
	now                 time.Time
}

// check gives 412 or 304 (412 where prefix is set) where a condition does not hold (RFC 9110, 13.2.2).
func (c *readConditions) check(o *object) error {
	has := func(list string) bool {
		for e := range strings.SplitSeq(list, ",") {
			if e = strings.TrimSpace(e); e == "*" || sameETag(strings.TrimPrefix(e, "W/"), o.ETag) {
				return true
			}
		}
		return false
	}
	unmodified := func(h string) error {
		if c.prefix != "" {
			return precondition(c.prefix + h)
		}
		return wire.Errorf("NotModified", 304, "Not Modified").Header("ETag", `"`+o.ETag+`"`).Header("Last-Modified", o.Modified.Format(httpTime))
	}
	if c.match != nil {
		if !has(*c.match) {
			return precondition(c.prefix + "If-Match")
		}
	} else if c.unchanged != nil && o.Modified.After(*c.unchanged) {
		return precondition(c.prefix + "If-Unmodified-Since")
	}
	if c.none != nil {
		if has(*c.none) {
			return unmodified("If-None-Match")
		}
	} else if c.modified != nil && !o.Modified.After(*c.modified) && !c.modified.After(c.now) {
		return unmodified("If-Modified-Since")
	}
	return nil
}

// parseRange reads a Range header against a size: ok is false where the header asks for nothing that can be served and
// the whole object is answered.
func parseRange(h string, size int64) (off, n int64, ok bool, err error) {
	spec, found := strings.CutPrefix(strings.TrimSpace(h), "bytes=")
	if !found || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	a, z, dash := strings.Cut(strings.TrimSpace(spec), "-")
	from, ferr := strconv.ParseUint(a, 10, 62)
	to, terr := strconv.ParseUint(z, 10, 62)
	unsatisfiable := wire.Errorf("InvalidRange", 416, "The requested range is not satisfiable").With("RangeRequested", h).With("ActualObjectSize", itoa(size))
	switch {
	case !dash || ferr != nil && a != "" || terr != nil && z != "" || a == "" && z == "":
		return 0, size, false, nil
	case a == "":
		if to == 0 || size == 0 {
			return 0, 0, false, unsatisfiable
		}
		n = min(int64(to), size)
		return size - n, n, true, nil
	case z != "" && to < from:
		return 0, size, false, nil
	case int64(from) >= size:
		return 0, 0, false, unsatisfiable
	case z == "" || int64(to) >= size:
		return int64(from), size - int64(from), true, nil
	}
	return int64(from), int64(to-from) + 1, true, nil
}

// slice says which bytes of a version are wanted.
type slice struct {
	off, n int64
	part   bool // ContentRange is said
	whole  bool // all bytes: the checksum holds for them
	parts  *int32
	number int // index of the part, -1 = none
}

func cut(f *found, rng *string, number *int32) (sl slice, err error) {
	size := f.o.Size
	sl = slice{n: size, number: -1}
	switch {
	case number != nil && rng != nil:
		return sl, invalid("Cannot specify both Range header and partNumber query parameter")
	case number != nil && (*number < 1 || *number > checksum.MaxParts):
		return sl, argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", itoa(int64(*number)))
	case number != nil:
		count := max(int(f.o.Count), 1)
		if int(*number) > count {
			return sl, wire.Errorf("InvalidPartNumber", 416, "The requested partnumber is not satisfiable").With("ActualPartCount", itoa(int64(count))).With("PartNumberRequested", itoa(int64(*number)))
		}
		sl.part = size > 0
		if f.o.Count > 0 {
			sl.parts = wire.P(int32(f.o.Count))
			for _, p := range f.parts[:*number-1] {
				sl.off += p.Piece.Size
			}
			sl.n = f.parts[*number-1].Piece.Size
			sl.number = int(*number) - 1
		}
	case rng != nil:
		if sl.off, sl.n, sl.part, err = parseRange(*rng, size); err != nil {
			return sl, err
		}
	}
	sl.whole = sl.n == size
	return sl, nil
}

// GetObject implements the operation.
func (s *Service) GetObject(ctx context.Context, in *s3api.GetObjectInput) (*s3api.GetObjectOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.SSECustomerAlgorithm != nil {
		return nil, wire.Unsupported("GetObject: SSECustomerAlgorithm (SSE-C)")
	}
	if wire.Caller(ctx).Type == "Anonymous" && (in.ResponseCacheControl != nil || in.ResponseContentDisposition != nil || in.ResponseContentEncoding != nil || in.ResponseContentLanguage != nil ||
		in.ResponseContentType != nil || in.ResponseExpires != nil) {
		return nil, invalid("Request specific response headers cannot be used for anonymous GET requests.")
	}
	f, err := s.look(ctx, b, in.Key, in.VersionId, "GET", true)
	if err != nil {
		return nil, s.hide(ctx, b, err)
	}
	o := f.o
	c := readConditions{match: in.IfMatch, none: in.IfNoneMatch, modified: in.IfModifiedSince, unchanged: in.IfUnmodifiedSince, now: s.cfg.Env.Now()}
	if err := c.check(o); err != nil {
		return nil, err
	}
	sl, err := cut(f, in.Range, in.PartNumber)
	if err != nil {
		return nil, err
	}
	body, err := s.reader(ctx, f, sl.off, sl.n)
	if err != nil {
		return nil, err
	}
	h := &o.Headers
	out := &s3api.GetObjectOutput{Body: body, AcceptRanges: wire.P("bytes"), LastModified: &o.Modified, ContentLength: &sl.n, ETag: quoted(o.ETag), VersionId: shownVersion(b, o),
		CacheControl: optional(h.Cache), ContentDisposition: optional(h.Disposition), ContentEncoding: optional(h.Encoding), ContentLanguage: optional(h.Language),
		ContentType: optional(h.Type), Expires: optional(h.Expires), WebsiteRedirectLocation: optional(h.Redirect), ServerSideEncryption: h.sse(), SSEKMSKeyId: h.sseKey(b), Metadata: h.Meta,
		StorageClass: optional(h.Class), PartsCount: sl.parts}
	if in.VersionId == nil {
		out.Expiration = b.expiration(in.Key, o)
	}
	if sl.part {
		out.ContentRange = wire.P(fmt.Sprintf("bytes %d-%d/%d", sl.off, sl.off+sl.n-1, o.Size))
	}
	if n := len(o.Tags); n > 0 {
		out.TagCount = wire.P(int32(n))
	}
	if wire.V(in.ChecksumMode) == "ENABLED" && sl.whole {
		v, kind := o.shown()
		out.ChecksumType = kind
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1 = v.CRC32, v.CRC32C, v.CRC64NVME, v.SHA1
		out.ChecksumSHA256, out.ChecksumSHA512, out.ChecksumMD5, out.ChecksumXXHASH64 = v.SHA256, v.SHA512, v.MD5, v.XXHASH64
	}
	over := func(dst **string, v *string) {
		if v != nil {
			*dst = v
		}
	}
	over(&out.CacheControl, in.ResponseCacheControl)
	over(&out.ContentDisposition, in.ResponseContentDisposition)
	over(&out.ContentEncoding, in.ResponseContentEncoding)
	over(&out.ContentLanguage, in.ResponseContentLanguage)
	over(&out.ContentType, in.ResponseContentType)
	if in.ResponseExpires != nil {
		out.Expires = wire.P(in.ResponseExpires.UTC().Format(httpTime))
	}
	return out, nil
}

// GetObjectRequires implements the operation's requirements.
func (s *Service) GetObjectRequires(ctx context.Context, in *s3api.GetObjectInput, r *wire.Requirements) error {
	return s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "GetObject", "")
}

// HeadObject implements the operation.
func (s *Service) HeadObject(ctx context.Context, in *s3api.HeadObjectInput) (*s3api.HeadObjectOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if in.SSECustomerAlgorithm != nil {
		return nil, wire.Unsupported("HeadObject: SSECustomerAlgorithm (SSE-C)")
	}
	f, err := s.look(ctx, b, in.Key, in.VersionId, "HEAD", in.PartNumber != nil)
	if err != nil {
		return nil, s.hide(ctx, b, err)
	}
	o := f.o
	c := readConditions{match: in.IfMatch, none: in.IfNoneMatch, modified: in.IfModifiedSince, unchanged: in.IfUnmodifiedSince, now: s.cfg.Env.Now()}
	if err := c.check(o); err != nil {
		return nil, err
	}
	sl, err := cut(f, in.Range, in.PartNumber)
	if err != nil {
		return nil, err
	}
	h := &o.Headers
	out := &s3api.HeadObjectOutput{AcceptRanges: wire.P("bytes"), LastModified: &o.Modified, ContentLength: &sl.n, ETag: quoted(o.ETag), VersionId: shownVersion(b, o),
		CacheControl: optional(h.Cache), ContentDisposition: optional(h.Disposition), ContentEncoding: optional(h.Encoding), ContentLanguage: optional(h.Language),
		ContentType: optional(h.Type), Expires: optional(h.Expires), WebsiteRedirectLocation: optional(h.Redirect), ServerSideEncryption: h.sse(), SSEKMSKeyId: h.sseKey(b), Metadata: h.Meta,
		StorageClass: optional(h.Class), PartsCount: sl.parts}
	if in.VersionId == nil {
		out.Expiration = b.expiration(in.Key, o)
	}
	if sl.part {
		out.ContentRange = wire.P(fmt.Sprintf("bytes %d-%d/%d", sl.off, sl.off+sl.n-1, o.Size))
	}
	if n := len(o.Tags); n > 0 {
		out.TagCount = wire.P(int32(n))
	}
	if wire.V(in.ChecksumMode) == "ENABLED" && sl.whole {
		v, kind := o.shown()
		out.ChecksumType = kind
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1 = v.CRC32, v.CRC32C, v.CRC64NVME, v.SHA1
		out.ChecksumSHA256, out.ChecksumSHA512, out.ChecksumMD5, out.ChecksumXXHASH64 = v.SHA256, v.SHA512, v.MD5, v.XXHASH64
	}
	over := func(dst **string, v *string) {
		if v != nil {
			*dst = v
		}
	}
	over(&out.CacheControl, in.ResponseCacheControl)
	over(&out.ContentDisposition, in.ResponseContentDisposition)
	over(&out.ContentEncoding, in.ResponseContentEncoding)
	over(&out.ContentLanguage, in.ResponseContentLanguage)
	over(&out.ContentType, in.ResponseContentType)
	if in.ResponseExpires != nil {
		out.Expires = wire.P(in.ResponseExpires.UTC().Format(httpTime))
	}
	return out, nil
}

// HeadObjectRequires implements the operation's requirements.
func (s *Service) HeadObjectRequires(ctx context.Context, in *s3api.HeadObjectInput, r *wire.Requirements) error {
	return s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "GetObject", "")
}
