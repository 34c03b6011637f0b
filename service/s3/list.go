package s3

import (
	"context"
	"strings"

	s3api "virga/api/s3"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	pageMax = 1000
	scanMax = 20_000 // rows looked at for one page: delete markers are passed over
)

// pageSize reads max-keys and its like.
func pageSize(n *int32, name string) (int, error) {
	switch {
	case n == nil:
		return pageMax, nil
	case *n < 0:
		return 0, argument("Argument "+name+" must be an integer between 0 and 2147483647", name, itoa(int64(*n)))
	}
	return min(int(*n), pageMax), nil
}

// encoder gives the function that writes keys as encoding-type asks.
func encoder(kind *string) (func(string) *string, error) {
	switch {
	case kind == nil:
		return func(s string) *string { return &s }, nil
	case *kind == "url":
		return func(s string) *string { return wire.P(urlEncode(s)) }, nil
	}
	return nil, argument("Invalid Encoding Method specified in Request", "encoding-type", *kind)
}

// urlEncode writes a key as S3's encoding-type=url does: slashes stay, a space is a plus sign.
func urlEncode(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.*/", c) >= 0:
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// query is what a listing of objects asks for.
type query struct {
	prefix, delimiter string
	after             string // keys behind it; "" = from the start
	limit             int
}

// entry is one line of a listing: an object, or a common prefix.
type entry struct {
	key    string
	o      *object
	prefix bool
}

// walk lists the current objects of a bucket in the order of their keys, keys below a common prefix as one. more tells
// that the listing goes on behind the last entry or, where a page had too many delete markers, behind next.
func walk(r store.Reader, b *bucket, q query) (list []entry, next string, more bool) {
	if q.limit == 0 {
		return nil, "", false
	}
	of := objectsOf(b)
	all := of.StrPrefix(q.prefix)
	span := store.Prefix(all)
	if q.after != "" && q.after >= q.prefix {
		span.From = behind(of, q.after, q.prefix, q.delimiter)
	}
	scanned := 0
	for {
		var jump store.Key
		store.Each(r, span, func(k store.Key, o *object) bool {
			key := tail(k, len(of))
			if scanned++; scanned > scanMax {
				more = true
				return false
			}
			if o.Marker {
				next = key
				return true
			}
			if q.delimiter != "" {
				if i := strings.Index(key[len(q.prefix):], q.delimiter); i >= 0 {
					if len(list) == q.limit {
						more = true
						return false
					}
					p := key[:len(q.prefix)+i+len(q.delimiter)]
					list = append(list, entry{key: p, prefix: true})
					next, jump = p, of.StrPrefix(p).End()
					return false
				}
			}
			if len(list) == q.limit {
				more = true
				return false
			}
			list = append(list, entry{key: key, o: o})
			next = key
			return true
		})
		if jump == nil || more {
			return list, next, more
		}
		span.From = jump
	}
}

// behind is the first key that a listing shows after a marker: a marker that is a common prefix covers all below it.
func behind(of store.Key, marker, prefix, delimiter string) store.Key {
	if delimiter != "" && strings.HasPrefix(marker, prefix) && strings.HasSuffix(marker, delimiter) &&
		strings.Index(marker[len(prefix):], delimiter) == len(marker)-len(prefix)-len(delimiter) {
		return of.StrPrefix(marker).End()
	}
	return append(of.Str(marker), 0)
}

func (s *Service) page(ctx context.Context, b *bucket, q query) (list []entry, next string, more bool, err error) {
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		list, next, more = walk(r, b, q)
		return nil
	})
	return list, next, more, err
}

func contents(b *bucket, list []entry, enc func(string) *string, withOwner bool) (objects []s3api.Object, prefixes []s3api.CommonPrefix) {
	var own *s3api.Owner
	if withOwner {
		own = owner(b.Account)
	}
	for i := range list {
		e := &list[i]
		if e.prefix {
			prefixes = append(prefixes, s3api.CommonPrefix{Prefix: enc(e.key)})
			continue
		}
		x := s3api.Object{Key: enc(e.key), LastModified: &e.o.Modified, ETag: quoted(e.o.ETag), Size: &e.o.Size, StorageClass: class(e.o), Owner: own, ChecksumAlgorithm: e.o.algorithms()}
		if x.ChecksumAlgorithm != nil {
			x.ChecksumType = checksumType(e.o.Compose)
		}
		objects = append(objects, x)
	}
	return objects, prefixes
}

// listConditions are the conditions of ListBucket.
func listConditions(prefix, delimiter *string, n *int32) []wire.Condition {
	out := []wire.Condition{cond("s3:prefix", wire.V(prefix))}
	if delimiter != nil {
		out = append(out, cond("s3:delimiter", *delimiter))
	}
	if n != nil {
		out = append(out, cond("s3:max-keys", itoa(int64(*n))))
	}
	return out
}

// ListObjects implements the operation.
func (s *Service) ListObjects(ctx context.Context, in *s3api.ListObjectsInput) (*s3api.ListObjectsOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxKeys, "max-keys")
	if err != nil {
		return nil, err
	}
	enc, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	list, next, more, err := s.page(ctx, b, query{prefix: wire.V(in.Prefix), delimiter: wire.V(in.Delimiter), after: wire.V(in.Marker), limit: limit})
	if err != nil {
		return nil, err
	}
	out := &s3api.ListObjectsOutput{Name: &b.Name, Prefix: enc(wire.V(in.Prefix)), Marker: enc(wire.V(in.Marker)), MaxKeys: wire.P(int32(limit)), IsTruncated: &more, EncodingType: in.EncodingType}
	if wire.V(in.Delimiter) != "" {
		out.Delimiter = enc(*in.Delimiter)
		if more {
			out.NextMarker = enc(next)
		}
	} else if more && (len(list) == 0 || list[len(list)-1].key != next) {
		out.NextMarker = enc(next) // the page ended among delete markers
	}
	out.Contents, out.CommonPrefixes = contents(b, list, enc, true)
	return out, nil
}

// ListObjectsRequires implements the operation's requirements.
func (s *Service) ListObjectsRequires(ctx context.Context, in *s3api.ListObjectsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "ListBucket", listConditions(in.Prefix, in.Delimiter, in.MaxKeys)...)
	return err
}

// ListObjectsV2 implements the operation.
func (s *Service) ListObjectsV2(ctx context.Context, in *s3api.ListObjectsV2Input) (*s3api.ListObjectsV2Output, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(in.MaxKeys, "max-keys")
	if err != nil {
		return nil, err
	}
	enc, err := encoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	q := query{prefix: wire.V(in.Prefix), delimiter: wire.V(in.Delimiter), after: wire.V(in.StartAfter), limit: limit}
	use := "ListObjectsV2/" + b.ID + "/" + q.delimiter + "/" + q.prefix
	if in.ContinuationToken != nil {
		at, ok := s.open(b.Account, use, *in.ContinuationToken)
		if !ok {
			return nil, argument("The continuation token provided is incorrect", "continuation-token", "")
		}
		q.after = at
	}
	list, next, more, err := s.page(ctx, b, q)
	if err != nil {
		return nil, err
	}
	out := &s3api.ListObjectsV2Output{Name: &b.Name, Prefix: enc(q.prefix), MaxKeys: wire.P(int32(limit)), KeyCount: wire.P(int32(len(list))), IsTruncated: &more,
		EncodingType: in.EncodingType, ContinuationToken: in.ContinuationToken}
	if q.delimiter != "" {
		out.Delimiter = enc(q.delimiter)
	}
	if wire.V(in.StartAfter) != "" {
		out.StartAfter = enc(*in.StartAfter)
	}
	if more {
		if out.NextContinuationToken, err = s.seal(b.Account, use, next); err != nil {
			return nil, err
		}
	}
	out.Contents, out.CommonPrefixes = contents(b, list, enc, wire.V(in.FetchOwner))
	return out, nil
}

// ListObjectsV2Requires implements the operation's requirements.
func (s *Service) ListObjectsV2Requires(ctx context.Context, in *s3api.ListObjectsV2Input, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "ListBucket", listConditions(in.Prefix, in.Delimiter, in.MaxKeys)...)
	return err
}
