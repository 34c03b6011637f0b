package s3

import (
	"context"
	"errors"
	"time"

	s3api "virga/api/s3"
	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	deleteMax   = 1000 // keys of one DeleteObjects
	deleteBatch = 100  // keys of one transaction
)

// deletion is one key to delete and what became of it.
type deletion struct {
	key     string
	version string // "" = the current one
	match   *string

	marker   bool
	answered string // version id: of the marker made, or of what was removed
	err      error
}

// do deletes one key inside a transaction.
func (s *Service) do(tx store.Tx, b *bucket, d *deletion, random string, now time.Time) error {
	d.marker, d.answered, d.err = false, "", nil
	k := objectKey(b, d.key)
	if d.version != "" {
		o, at, err := anyVersion(tx, b, d.key, d.version)
		if err != nil {
			var e *wire.Error
			if errors.As(err, &e) && e.Code == "NoSuchVersion" && d.version == "null" {
				d.answered = "null"
				return nil
			}
			return err
		}
		if d.match != nil && *d.match != "*" && !sameETag(*d.match, o.ETag) {
			return precondition("If-Match")
		}
		remove(tx, b, d.key, o, at, now)
		d.marker, d.answered = o.Marker, d.version
		return nil
	}
	cur, ok := store.Load[object](tx, k)
	if d.match != nil {
		switch {
		case !ok || cur.Marker:
			return noKey(d.key)
		case *d.match != "*" && !sameETag(*d.match, cur.ETag):
			return precondition("If-Match")
		}
	}
	if b.Versioning == "" {
		if ok {
			remove(tx, b, d.key, cur, k, now)
		}
		return nil
	}
	if !ok {
		cur = nil
	}
	o := &object{Marker: true, Modified: now.Truncate(time.Second)}
	putVersion(tx, b, d.key, cur, o, random, now)
	d.marker, d.answered = true, o.versionID()
	return nil
}

func (s *Service) random() string {
	return env.NewName(s.cfg.Env, env.AlnumLow, versionLen-idSeqChars)
}

// DeleteObject implements the operation.
func (s *Service) DeleteObject(ctx context.Context, in *s3api.DeleteObjectInput) (*s3api.DeleteObjectOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	switch {
	case in.IfMatchSize != nil:
		return nil, headerNotImplemented("x-amz-if-match-size", "")
	case in.IfMatchLastModifiedTime != nil:
		return nil, headerNotImplemented("x-amz-if-match-last-modified-time", "")
	case wire.V(in.BypassGovernanceRetention):
		return nil, argument("x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.", "x-amz-bypass-governance-retention", "")
	}
	d := &deletion{key: in.Key, version: wire.V(in.VersionId), match: in.IfMatch}
	now, random := s.cfg.Env.Now(), s.random()
	err = s.cfg.Store.Update(ctx, []store.Key{objectKey(b, in.Key)}, func(tx store.Tx) error {
		b, err := s.current(tx, b)
		if err != nil {
			return err
		}
		return s.do(tx, b, d, random, now)
	})
	var e *wire.Error
	if errors.As(err, &e) && e.Code == "NoSuchVersion" {
		err, d.answered = nil, d.version // a version that is gone is deleted
	}
	if err != nil {
		return nil, s.hide(ctx, b, err)
	}
	out := &s3api.DeleteObjectOutput{VersionId: optional(d.answered)}
	if d.marker {
		out.DeleteMarker = wire.P(true)
	}
	return out, nil
}

// DeleteObjectRequires implements the operation's requirements.
func (s *Service) DeleteObjectRequires(ctx context.Context, in *s3api.DeleteObjectInput, r *wire.Requirements) error {
	return s.needDelete(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
}

func (s *Service) needDelete(ctx context.Context, r *wire.Requirements, name, key string, version, owner *string) error {
	if wire.V(version) != "" {
		_, _, err := s.need(ctx, r, name, key, owner, "DeleteObjectVersion", cond("s3:VersionId", *version))
		return err
	}
	_, _, err := s.need(ctx, r, name, key, owner, "DeleteObject")
	return err
}

// DeleteObjects implements the operation: a batch is a transaction, and each key has its own outcome.
func (s *Service) DeleteObjects(ctx context.Context, in *s3api.DeleteObjectsInput) (*s3api.DeleteObjectsOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > deleteMax {
		return nil, malformed()
	}
	if wire.V(in.BypassGovernanceRetention) {
		return nil, argument("x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.", "x-amz-bypass-governance-retention", "")
	}
	list := make([]deletion, len(in.Delete.Objects))
	for i, x := range in.Delete.Objects {
		list[i] = deletion{key: x.Key, version: wire.V(x.VersionId), match: x.ETag}
		if x.LastModifiedTime != nil || x.Size != nil {
			return nil, headerNotImplemented("LastModifiedTime,Size", "")
		}
	}
	for rest := list; len(rest) > 0; {
		n := min(len(rest), deleteBatch)
		if err := s.deleteBatch(ctx, b, rest[:n]); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	out := &s3api.DeleteObjectsOutput{}
	for i := range list {
		d := &list[i]
		if d.err != nil {
			info := wire.Info(s3api.Model.Schema, wire.RESTXML, d.err)
			out.Errors = append(out.Errors, s3api.Error{Key: &d.key, VersionId: optional(d.version), Code: &info.Code, Message: &info.Message})
			continue
		}
		if wire.V(in.Delete.Quiet) {
			continue
		}
		x := s3api.DeletedObject{Key: &d.key, VersionId: optional(d.version)}
		if d.marker {
			x.DeleteMarker, x.DeleteMarkerVersionId = wire.P(true), &d.answered
		}
		out.Deleted = append(out.Deleted, x)
	}
	return out, nil
}

func (s *Service) deleteBatch(ctx context.Context, b *bucket, list []deletion) error {
	now := s.cfg.Env.Now()
	randoms := make([]string, len(list))
	foot := make([]store.Key, len(list))
	for i := range list {
		randoms[i], foot[i] = s.random(), objectKey(b, list[i].key)
	}
	return s.cfg.Store.Update(ctx, foot, func(tx store.Tx) error {
		b, err := s.current(tx, b)
		if err != nil {
			return err
		}
		for i := range list {
			err := s.do(tx, b, &list[i], randoms[i], now)
			if err != nil && !wire.Known(err) {
				return err
			}
			list[i].err = err
		}
		return nil
	})
}

// DeleteObjectsRequires implements the operation's requirements: one for each key.
func (s *Service) DeleteObjectsRequires(ctx context.Context, in *s3api.DeleteObjectsInput, r *wire.Requirements) error {
	if in.Delete == nil || len(in.Delete.Objects) == 0 || len(in.Delete.Objects) > deleteMax {
		return malformed()
	}
	for i := range in.Delete.Objects {
		x := &in.Delete.Objects[i]
		if x.Key == "" {
			return wire.Errorf("UserKeyMustBeSpecified", 400, "The bucket POST must contain the specified field name. If it is specified, check the order of the fields.")
		}
		if err := s.needDelete(ctx, r, in.Bucket, x.Key, x.VersionId, in.ExpectedBucketOwner); err != nil {
			return err
		}
	}
	return nil
}
