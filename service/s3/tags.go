package s3

import (
	"context"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	s3api "virga/api/s3"
	"virga/internal/store"
	"virga/internal/wire"
)

const objectTagsMax = 10

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func tagText(s string, max int) bool {
	if utf8.RuneCountInString(s) > max || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.Is(unicode.Zs, c) && !strings.ContainsRune("_.:/=+-@", c) {
			return false
		}
	}
	return true
}

// tagSet checks tags and makes a map of them. system: an inner call may set those of AWS's own.
func tagSet(list []s3api.Tag, max int, system bool) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > max {
		if max == objectTagsMax {
			return nil, wire.Errorf("BadRequest", 400, "Object tags cannot be greater than 10")
		}
		return nil, wire.Errorf("BadRequest", 400, "Bucket tag count cannot be greater than 50")
	}
	out := make(map[string]string, len(list))
	for _, t := range list {
		switch {
		case t.Key == "" || !tagText(t.Key, 128):
			return nil, wire.Errorf("InvalidTag", 400, "The TagKey you have provided is invalid").With("TagKey", t.Key)
		case !tagText(t.Value, 256):
			return nil, wire.Errorf("InvalidTag", 400, "The TagValue you have provided is invalid").With("TagKey", t.Key).With("TagValue", t.Value)
		case strings.HasPrefix(t.Key, "aws:") && !system:
			return nil, wire.Errorf("InvalidTag", 400, `User-defined tag keys can't start with "aws:". This prefix is reserved for system tags. Remove "aws:" from your tag keys and try again.`)
		}
		if _, twice := out[t.Key]; twice {
			return nil, wire.Errorf("InvalidTag", 400, "Cannot provide multiple Tags with the same key").With("TagKey", t.Key)
		}
		out[t.Key] = t.Value
	}
	return out, nil
}

func tagList(tags map[string]string) []s3api.Tag {
	out := make([]s3api.Tag, 0, len(tags))
	for k, v := range tags {
		out = append(out, s3api.Tag{Key: k, Value: v})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

// headerTags reads x-amz-tagging.
func headerTags(h *string) (map[string]string, error) {
	if h == nil || *h == "" {
		return nil, nil
	}
	var list []s3api.Tag
	seen := map[string]bool{}
	for p := range strings.SplitSeq(*h, "&") {
		k, v, _ := strings.Cut(p, "=")
		key, err := url.QueryUnescape(k)
		value, verr := url.QueryUnescape(v)
		if err != nil || verr != nil || key == "" || seen[key] || strings.Contains(v, "=") {
			return nil, argument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.", "x-amz-tagging", *h)
		}
		seen[key] = true
		list = append(list, s3api.Tag{Key: key, Value: value})
	}
	return tagSet(list, objectTagsMax, false)
}

// existingTags are the conditions on an object's tags; they are read where the bucket policy or anybody's could ask.
func (s *Service) existingTags(ctx context.Context, b *bucket, key string, version *string) []wire.Condition {
	var out []wire.Condition
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		out = nil
		o, err := loadVersion(r, b, key, version, "GET")
		if err != nil {
			return nil // the operation says what is wrong
		}
		for k, v := range o.Tags {
			out = append(out, cond("s3:ExistingObjectTag/"+k, v))
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}

// needVersion adds the requirement of an action on an object, or on one version of it: GetObject and GetObjectVersion,
// GetObjectTagging and GetObjectVersionTagging.
func (s *Service) needVersion(ctx context.Context, r *wire.Requirements, name, key string, version, owner *string, verb, noun string) error {
	action := verb + noun
	var conds []wire.Condition
	if wire.V(version) != "" {
		action = verb + "Version" + noun
		conds = append(conds, cond("s3:VersionId", *version))
	}
	b, n, err := s.need(ctx, r, name, key, owner, action, conds...)
	if err != nil {
		return err
	}
	// The root of the bucket's account needs no conditions: the hot way does not read the object twice.
	if p := wire.Caller(ctx); p.Type != "Root" || p.Account != b.Account {
		n.Conditions = append(n.Conditions, s.existingTags(ctx, b, key, version)...)
	}
	return nil
}

// PutObjectTagging implements the operation.
func (s *Service) PutObjectTagging(ctx context.Context, in *s3api.PutObjectTaggingInput) (*s3api.PutObjectTaggingOutput, error) {
	tags, err := tagSet(in.Tagging.TagSet, objectTagsMax, false)
	if err != nil {
		return nil, err
	}
	id, err := s.retag(ctx, in.Bucket, in.Key, in.VersionId, "PUT", tags)
	return &s3api.PutObjectTaggingOutput{VersionId: id}, err
}

func (s *Service) retag(ctx context.Context, name, key string, version *string, method string, tags map[string]string) (id *string, err error) {
	b, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	err = s.cfg.Store.Update(ctx, []store.Key{objectKey(b, key)}, func(tx store.Tx) error {
		b, err := s.current(tx, b)
		if err != nil {
			return err
		}
		o, k, err := versionAt(tx, b, key, version, method)
		if err != nil {
			return err
		}
		o.Tags = tags
		store.Put(tx, k, o)
		id = shownVersion(b, o)
		return nil
	})
	return id, s.hide(ctx, b, err)
}

// PutObjectTaggingRequires implements the operation's requirements.
func (s *Service) PutObjectTaggingRequires(ctx context.Context, in *s3api.PutObjectTaggingInput, r *wire.Requirements) error {
	if err := s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "PutObject", "Tagging"); err != nil {
		return err
	}
	if in.Tagging != nil {
		n := &r.All()[0]
		for _, t := range in.Tagging.TagSet {
			n.Conditions = append(n.Conditions, cond("s3:RequestObjectTag/"+t.Key, t.Value))
		}
	}
	return nil
}

// GetObjectTagging implements the operation.
func (s *Service) GetObjectTagging(ctx context.Context, in *s3api.GetObjectTaggingInput) (*s3api.GetObjectTaggingOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	var o *object
	err = s.cfg.Store.View(ctx, func(r store.Reader) (err error) {
		o, err = loadVersion(r, b, in.Key, in.VersionId, "GET")
		return err
	})
	if err != nil {
		return nil, s.hide(ctx, b, err)
	}
	return &s3api.GetObjectTaggingOutput{TagSet: tagList(o.Tags), VersionId: shownVersion(b, o)}, nil
}

// GetObjectTaggingRequires implements the operation's requirements.
func (s *Service) GetObjectTaggingRequires(ctx context.Context, in *s3api.GetObjectTaggingInput, r *wire.Requirements) error {
	return s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "GetObject", "Tagging")
}

// DeleteObjectTagging implements the operation.
func (s *Service) DeleteObjectTagging(ctx context.Context, in *s3api.DeleteObjectTaggingInput) (*s3api.DeleteObjectTaggingOutput, error) {
	id, err := s.retag(ctx, in.Bucket, in.Key, in.VersionId, "DELETE", nil)
	return &s3api.DeleteObjectTaggingOutput{VersionId: id}, err
}

// DeleteObjectTaggingRequires implements the operation's requirements.
func (s *Service) DeleteObjectTaggingRequires(ctx context.Context, in *s3api.DeleteObjectTaggingInput, r *wire.Requirements) error {
	return s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "DeleteObject", "Tagging")
}
