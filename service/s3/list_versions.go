package s3

import (
	"context"
	"strings"

	s3api "virga/api/s3"
	"virga/internal/store"
	"virga/internal/wire"
)

// versionEntry is one line of a listing of versions.
type versionEntry struct {
	key    string
	o      *object
	latest bool
	prefix bool
}

// walkVersions lists all versions: by key, then the newest first. marker and id say where the page before ended.
func walkVersions(r store.Reader, b *bucket, q query, id string) (list []versionEntry, more bool) {
	if q.limit == 0 {
		return nil, false
	}
	of := objectsOf(b)
	span := store.Prefix(of.StrPrefix(q.prefix))
	if q.after != "" && q.after >= q.prefix {
		span.From = behind(of, q.after, q.prefix, q.delimiter)
		if id != "" {
			span.From = of.Str(q.after)
		}
	}
	for {
		// One key at a time: the versions behind its current one are in a span of their own.
		var key string
		var cur *object
		store.Each(r, span, func(k store.Key, o *object) bool {
			key, cur = tail(k, len(of)), o
			return false
		})
		if cur == nil {
			return list, false
		}
		if q.delimiter != "" {
			if i := strings.Index(key[len(q.prefix):], q.delimiter); i >= 0 {
				if len(list) == q.limit {
					return list, true
				}
				p := key[:len(q.prefix)+i+len(q.delimiter)]
				list = append(list, versionEntry{key: p, prefix: true})
				span.From = of.StrPrefix(p).End()
				continue
			}
		}
		skipping := id != "" && key == q.after
		add := func(o *object, latest bool) bool {
			if skipping {
				skipping = o.versionID() != id
				return true
			}
			if len(list) == q.limit {
				more = true
				return false
			}
			list = append(list, versionEntry{key: key, o: o, latest: latest})
			return true
		}
		if add(cur, true) {
			store.Each(r, store.Prefix(versionsOf(b, key)), func(_ store.Key, o *object) bool { return add(o, false) })
		}
		if more {
			return list, true
		}
		span.From = append(of.Str(key), 0)
	}
}

// ListObjectVersions implements the operation.
func (s *Service) ListObjectVersions(ctx context.Context, in *s3api.ListObjectVersionsInput) (*s3api.ListObjectVersionsOutput, error) {
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
	q := query{prefix: wire.V(in.Prefix), delimiter: wire.V(in.Delimiter), after: wire.V(in.KeyMarker), limit: limit}
	id := wire.V(in.VersionIdMarker)
	switch {
	case in.VersionIdMarker != nil && in.KeyMarker == nil:
		return nil, argument("A version-id marker cannot be specified without a key marker.", "version-id-marker", id)
	case in.VersionIdMarker != nil && id == "" && wire.V(in.KeyMarker) != "":
		return nil, argument("A version-id marker cannot be empty.", "version-id-marker", "")
	}
	if _, ok := decodeSeq(id); id != "" && id != "null" && (!ok || len(id) != versionLen) {
		return nil, badVersion(id)
	}
	var list []versionEntry
	var more bool
	if err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		list, more = walkVersions(r, b, q, id)
		return nil
	}); err != nil {
		return nil, err
	}
	out := &s3api.ListObjectVersionsOutput{Name: &b.Name, Prefix: enc(q.prefix), KeyMarker: enc(q.after), VersionIdMarker: &id, MaxKeys: wire.P(int32(limit)), IsTruncated: &more, EncodingType: in.EncodingType}
	if q.delimiter != "" {
		out.Delimiter = enc(q.delimiter)
	}
	own := owner(b.Account)
	for i := range list {
		e := &list[i]
		switch {
		case e.prefix:
			out.CommonPrefixes = append(out.CommonPrefixes, s3api.CommonPrefix{Prefix: enc(e.key)})
		case e.o.Marker:
			out.DeleteMarkers = append(out.DeleteMarkers, s3api.DeleteMarkerEntry{Owner: own, Key: enc(e.key), VersionId: wire.P(e.o.versionID()), IsLatest: &e.latest, LastModified: &e.o.Modified})
		default:
			x := s3api.ObjectVersion{ETag: quoted(e.o.ETag), Size: &e.o.Size, StorageClass: class(e.o), Key: enc(e.key), VersionId: wire.P(e.o.versionID()), IsLatest: &e.latest,
				LastModified: &e.o.Modified, Owner: own, ChecksumAlgorithm: e.o.algorithms()}
			if x.ChecksumAlgorithm != nil {
				x.ChecksumType = checksumType(e.o.Compose)
			}
			out.Versions = append(out.Versions, x)
		}
	}
	if more {
		e := &list[len(list)-1]
		out.NextKeyMarker = enc(e.key)
		if !e.prefix {
			out.NextVersionIdMarker = wire.P(e.o.versionID())
		}
	}
	return out, nil
}

// ListObjectVersionsRequires implements the operation's requirements.
func (s *Service) ListObjectVersionsRequires(ctx context.Context, in *s3api.ListObjectVersionsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "ListBucketVersions", listConditions(in.Prefix, in.Delimiter, in.MaxKeys)...)
	return err
}
