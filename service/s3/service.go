package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"sync"

	s3api "virga/api/s3"
	"virga/internal/blob"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/job"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/store/rec"
	"virga/internal/wire"
)

// Sealer seals tokens; seal.Sealer is one.
type Sealer interface {
	SealToken(account, context string, plain []byte) ([]byte, error)
	OpenToken(account, context string, sealed []byte) ([]byte, error)
}

// Authority answers whether a caller might do something else too: a missing key is 404 only to those who may list.
type Authority interface {
	Authorize(ctx context.Context, c *wire.Call, reqs []wire.Requirement) error
}

// Config joins the service.
type Config struct {
	Env       env.Env
	Store     store.Store
	Blobs     *blob.Blobs
	Sealer    Sealer
	Authority Authority
}

// Service is S3.
type Service struct {
	cfg Config

	mu    sync.Mutex // never held across a wait
	cache map[string]cached
	bufs  sync.Pool
}

type cached struct {
	epoch uint64
	b     *bucket // nil: there is none
	raw   []byte  // the record as stored
}

const (
	cacheMax  = 10_000
	copyBytes = 128 << 10
)

var _ s3api.Server = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, cache: map[string]cached{}, bufs: sync.Pool{New: func() any { b := make([]byte, copyBytes); return &b }}}
}

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Forget: forget, Model: &s3api.Model, Handlers: s3api.Handlers(s),
		Jobs:  map[string]job.Kind{dropKind: drop{}, uploadsKind: dropUploads{}, lifecycleKind: sweep{}},
		Types: []resource.Type{bucketType{}, bucketPolicyType{}},
		DataEvents: []string{"AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject", "DeleteObjectTagging",
			"DeleteObjects", "GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectTagging", "HeadBucket", "HeadObject", "ListMultipartUploads",
			"ListObjectVersions", "ListObjects", "ListObjectsV2", "ListParts", "PutObject", "PutObjectAcl", "PutObjectTagging", "UploadPart", "UploadPartCopy"}}
}

// find reads a bucket's record, from the cache while its epoch stands. The record must not be changed.
func (s *Service) find(ctx context.Context, name string) (*bucket, error) {
	c, err := s.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if c.b == nil {
		return nil, noBucket(name)
	}
	return c.b, nil
}

func (s *Service) lookup(ctx context.Context, name string) (cached, error) {
	epoch, err := s.cfg.Store.Epoch(ctx, scope(name))
	if err != nil {
		return cached{}, err
	}
	s.mu.Lock()
	c, ok := s.cache[name]
	s.mu.Unlock()
	if ok && c.epoch == epoch {
		return c, nil
	}
	c = cached{epoch: epoch}
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		n, ok := store.Load[bucketName](r, nameKey(name))
		if !ok {
			return nil
		}
		k := bucketKey(n.Account, name)
		raw, ok := r.Get(k)
		if !ok {
			return nil
		}
		c.raw = bytes.Clone(raw)
		c.b, _ = store.Load[bucket](r, k)
		return nil
	})
	if err != nil {
		return cached{}, err
	}
	s.mu.Lock()
	if len(s.cache) >= cacheMax {
		clear(s.cache)
	}
	s.cache[name] = c
	s.mu.Unlock()
	return c, nil
}

// current reads the bucket inside a transaction: what was found before it may have changed.
func (s *Service) current(tx store.Reader, b *bucket) (*bucket, error) {
	raw, ok := tx.Get(bucketKey(b.Account, b.Name))
	if !ok {
		return nil, noBucket(b.Name)
	}
	s.mu.Lock()
	c := s.cache[b.Name]
	s.mu.Unlock()
	if c.b != nil && c.b.ID == b.ID && bytes.Equal(c.raw, raw) {
		return c.b, nil
	}
	now := new(bucket)
	if err := rec.Unmarshal(raw, now); err != nil {
		return nil, err
	}
	if now.ID != b.ID {
		return nil, noBucket(b.Name)
	}
	return now, nil
}

func bucketARN(name string) string      { return "arn:aws:s3:::" + name }
func objectARN(name, key string) string { return "arn:aws:s3:::" + name + "/" + key }

// need adds the requirement of an action on a bucket (key "") or an object. It answers what everyone may know: that there
// is no such bucket, or that it is in another region.
func (s *Service) need(ctx context.Context, r *wire.Requirements, name, key string, owner *string, action string, conds ...wire.Condition) (*bucket, *wire.Requirement, error) {
	c := wire.CallOf(ctx)
	b, err := s.find(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if err := checkOwner(b, owner); err != nil {
		return nil, nil, err
	}
	if c.Depth == 0 && !c.AnyRegion && c.Region != b.Region {
		return nil, nil, wire.Errorf("AuthorizationHeaderMalformed", 400, "The authorization header is malformed; the region '%s' is wrong; expecting '%s'", c.Region, b.Region).
			With("Region", b.Region).Header("x-amz-bucket-region", b.Region)
	}
	res := bucketARN(name)
	if key != "" {
		if err := checkKey(key); err != nil {
			return nil, nil, err
		}
		res = objectARN(name, key)
	}
	n := r.Need("s3:"+action, res, conds...)
	n.ResourceAccount = b.Account
	n.ResourcePolicy = b.policyFor(c)
	return b, n, nil
}

// policyFor gives the bucket policy as far as it counts for a caller: a restricted public one counts at home only.
func (b *bucket) policyFor(c *wire.Call) string {
	if b.Public && b.Block.Restrict && c.Principal.Account != b.Account && c.Principal.Type != "Service" {
		return ""
	}
	return b.Policy
}

func checkOwner(b *bucket, owner *string) error {
	if owner == nil || *owner == "" {
		return nil
	}
	if len(*owner) != 12 || strings.Trim(*owner, "0123456789") != "" {
		return wire.Errorf("InvalidBucketOwnerAWSAccountID", 400, "The value of the expected bucket owner parameter must be an AWS Account ID... [%s]", *owner)
	}
	if *owner != b.Account {
		return denied()
	}
	return nil
}

// missing turns a 404 into a 403 for a caller who may not list the bucket.
func (s *Service) missing(ctx context.Context, b *bucket, err error) error {
	c := wire.CallOf(ctx)
	var r wire.Requirements
	n := r.Need("s3:ListBucket", bucketARN(b.Name))
	n.ResourceAccount, n.ResourcePolicy = b.Account, b.policyFor(c)
	if s.cfg.Authority != nil && s.cfg.Authority.Authorize(ctx, c, r.All()) != nil {
		return denied()
	}
	return err
}

// canonicalID is the canonical user id of an account.
func canonicalID(account string) string {
	h := sha256.Sum256([]byte("canonical user id of account " + account))
	return hex.EncodeToString(h[:])
}

func owner(account string) *s3api.Owner { return &s3api.Owner{ID: wire.P(canonicalID(account))} }

// seal makes a token bound to a bucket and its use; open is its inverse.
func (s *Service) seal(account, use, plain string) (*string, error) {
	b, err := s.cfg.Sealer.SealToken(account, "s3/"+use, []byte(plain))
	if err != nil {
		return nil, err
	}
	return wire.P(base64.RawURLEncoding.EncodeToString(b)), nil
}

func (s *Service) open(account, use, token string) (string, bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", false
	}
	plain, err := s.cfg.Sealer.OpenToken(account, "s3/"+use, b)
	return string(plain), err == nil
}

// escapeKey writes a key into a URL's path.
func escapeKey(key string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func cond(key string, values ...string) wire.Condition {
	return wire.Condition{Key: key, Values: values}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func quoted(etag string) *string { return wire.P(`"` + etag + `"`) }
