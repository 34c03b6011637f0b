package s3

import (
	"context"
	"net"
	"net/url"
	"strings"

	s3api "virga/api/s3"
	"virga/internal/arn"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of buckets (Amazon S3 User Guide, General purpose buckets quotas).
const (
	bucketsMax = 10_000 // of an account
	keyMax     = 1024   // bytes
	tagsMax    = 50     // of a bucket
)

// regions that a location constraint may name at the global endpoint.
var regions = map[string]bool{"af-south-1": true, "ap-east-1": true, "ap-east-2": true, "ap-northeast-1": true, "ap-northeast-2": true, "ap-northeast-3": true, "ap-south-1": true,
	"ap-south-2": true, "ap-southeast-1": true, "ap-southeast-2": true, "ap-southeast-3": true, "ap-southeast-4": true, "ap-southeast-5": true, "ap-southeast-6": true,
	"ap-southeast-7": true, "ca-central-1": true, "ca-west-1": true, "eu-central-1": true, "eu-central-2": true, "eu-north-1": true, "eu-south-1": true, "eu-south-2": true,
	"eu-west-1": true, "eu-west-2": true, "eu-west-3": true, "il-central-1": true, "me-central-1": true, "me-south-1": true, "mx-central-1": true, "sa-east-1": true,
	"us-east-2": true, "us-west-1": true, "us-west-2": true, "EU": true}

// place gives the region that a bucket is made in.
func place(region, constraint string) (string, error) {
	illegal := func(what string) error {
		return wire.Errorf("IllegalLocationConstraintException", 400, "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", what)
	}
	if region == "us-east-1" {
		switch {
		case constraint == "":
			return region, nil
		case constraint == "EU":
			return "eu-west-1", nil
		case !regions[constraint]:
			return "", wire.Errorf("InvalidLocationConstraint", 400, "The specified location-constraint is not valid").With("LocationConstraint", constraint)
		}
		return constraint, nil
	}
	switch {
	case constraint == "":
		return "", illegal("unspecified")
	case constraint == "EU" && region == "eu-west-1", constraint == region:
		return region, nil
	}
	return "", illegal(constraint)
}

// CreateBucket implements the operation.
func (s *Service) CreateBucket(ctx context.Context, in *s3api.CreateBucketInput) (*s3api.CreateBucketOutput, error) {
	c := wire.CallOf(ctx)
	conf := in.CreateBucketConfiguration
	if conf == nil {
		conf = &s3api.CreateBucketConfiguration{}
	}
	switch {
	case arn.CheckName(arn.S3Bucket, in.Bucket) != nil:
		return nil, wire.Errorf("InvalidBucketName", 400, "The specified bucket is not valid.").With("BucketName", in.Bucket)
	case conf.Location != nil || conf.Bucket != nil:
		return nil, wire.Unsupported("CreateBucket: CreateBucketConfiguration.Location (directory buckets)")
	case wire.V(in.ObjectLockEnabledForBucket):
		return nil, wire.Unsupported("CreateBucket: ObjectLockEnabledForBucket")
	case wire.V(in.BucketNamespace) != "" && *in.BucketNamespace != "global":
		return nil, wire.Unsupported("CreateBucket: BucketNamespace=" + *in.BucketNamespace)
	}
	ownership := wire.Or(in.ObjectOwnership, "BucketOwnerEnforced")
	if !validOwnership(ownership) {
		return nil, argument("Invalid x-amz-object-ownership header: "+ownership, "x-amz-object-ownership", "")
	}
	if err := checkACL(ownership, in.ACL, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP); err != nil {
		if ownership == "BucketOwnerEnforced" && wire.CodeOf(err) == "AccessControlListNotSupported" {
			return nil, wire.Errorf("InvalidBucketAclWithObjectOwnership", 400, "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
		}
		return nil, err
	}
	region, err := place(c.Region, wire.V(conf.LocationConstraint))
	if err != nil {
		return nil, err
	}
	tags, err := tagSet(conf.Tags, tagsMax, c.Depth > 0)
	if err != nil {
		return nil, err
	}
	b := &bucket{Name: in.Bucket, ID: env.NewName(s.cfg.Env, env.AlnumLow, 16), Account: c.Account, Region: region, Created: s.cfg.Env.Now(), Tags: tags, HasBlock: true,
		Block: block{true, true, true, true}, Ownership: ownership, Location: wire.V(conf.LocationConstraint)}
	k := bucketKey(c.Account, in.Bucket)
	err = s.cfg.Store.Update(ctx, []store.Key{nameKey(in.Bucket), k}, func(tx store.Tx) error {
		if n, ok := store.Load[bucketName](tx, nameKey(in.Bucket)); ok {
			if id, done := job.Once(tx, c.Account, c.EffectID); done && string(id) == n.ID {
				return nil
			}
			switch {
			case n.Account != c.Account:
				return &s3api.BucketAlreadyExists{Message: "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."}
			case c.Region == "us-east-1" && n.Region == "us-east-1" && region == "us-east-1" && len(tags) == 0:
				return nil // the endpoint of us-east-1 alone takes a repeat
			}
			return wire.Errorf("BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and you already own it.").With("BucketName", in.Bucket)
		}
		n := 0
		tx.Range(store.Prefix(bucketsOf(c.Account)), func(store.Key, []byte) bool { n++; return n < bucketsMax })
		if n >= bucketsMax {
			return wire.Errorf("TooManyBuckets", 400, "You have attempted to create more buckets than allowed")
		}
		store.Put(tx, nameKey(in.Bucket), &bucketName{Account: c.Account, Region: region, ID: b.ID})
		store.Put(tx, k, b)
		tx.Bump(scope(in.Bucket))
		job.Finish(tx, c.Account, c.EffectID, b.Created, []byte(b.ID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &s3api.CreateBucketOutput{Location: wire.P(bucketURL(c, in.Bucket)), BucketArn: wire.P(bucketARN(in.Bucket))}, nil
}

// bucketURL is what CreateBucket answers as the place.
func bucketURL(c *wire.Call, name string) string {
	if c.Region == "us-east-1" {
		return "/" + name
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || net.ParseIP(u.Hostname()) != nil {
		return c.BaseURL + "/" + name + "/"
	}
	return u.Scheme + "://" + name + ".s3." + strings.TrimPrefix(u.Host, "s3.") + "/"
}

// CreateBucketRequires implements the operation's requirements.
func (s *Service) CreateBucketRequires(ctx context.Context, in *s3api.CreateBucketInput, r *wire.Requirements) error {
	c := wire.CallOf(ctx)
	if c.Account == "" {
		return denied()
	}
	var conds []wire.Condition
	if in.CreateBucketConfiguration != nil && in.CreateBucketConfiguration.LocationConstraint != nil {
		conds = append(conds, cond("s3:locationconstraint", *in.CreateBucketConfiguration.LocationConstraint))
	}
	if in.ACL != nil {
		conds = append(conds, cond("s3:x-amz-acl", *in.ACL))
	}
	need := func(action string, more ...wire.Condition) {
		r.Need("s3:"+action, bucketARN(in.Bucket), append(more, conds...)...).ResourceAccount = c.Account
	}
	need("CreateBucket")
	if in.ObjectOwnership != nil {
		need("PutBucketOwnershipControls", cond("s3:x-amz-object-ownership", *in.ObjectOwnership))
	}
	if in.CreateBucketConfiguration != nil && len(in.CreateBucketConfiguration.Tags) > 0 {
		need("TagResource")
	}
	return nil
}

// DeleteBucket implements the operation.
func (s *Service) DeleteBucket(ctx context.Context, in *s3api.DeleteBucketInput) (*s3api.DeleteBucketOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	k := bucketKey(b.Account, b.Name)
	err = s.cfg.Store.Update(ctx, []store.Key{nameKey(b.Name), k}, func(tx store.Tx) error {
		b, err := s.current(tx, b)
		if err != nil {
			return err
		}
		full := false
		tx.Range(store.Prefix(objectsOf(b)), func(store.Key, []byte) bool { full = true; return false })
		switch {
		case full && b.Versioning != "":
			return wire.Errorf("BucketNotEmpty", 409, "The bucket you tried to delete is not empty. You must delete all versions in the bucket.").With("BucketName", b.Name)
		case full:
			return wire.Errorf("BucketNotEmpty", 409, "The bucket you tried to delete is not empty").With("BucketName", b.Name)
		}
		tx.Delete(nameKey(b.Name))
		tx.Delete(k)
		tx.Bump(scope(b.Name))
		job.Cancel(tx, b.Account, lifecycleKind, b.ID)
		uploads := false
		tx.Range(store.Prefix(uploadsOf(b)), func(store.Key, []byte) bool { uploads = true; return false })
		if uploads {
			job.At(tx, b.Account, b.Region, uploadsKind, b.ID, now, nil)
		}
		return nil
	})
	return &s3api.DeleteBucketOutput{}, err
}

// DeleteBucketRequires implements the operation's requirements.
func (s *Service) DeleteBucketRequires(ctx context.Context, in *s3api.DeleteBucketInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "DeleteBucket")
	return err
}

// HeadBucket implements the operation.
func (s *Service) HeadBucket(ctx context.Context, in *s3api.HeadBucketInput) (*s3api.HeadBucketOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3api.HeadBucketOutput{BucketArn: wire.P(bucketARN(b.Name)), BucketRegion: &b.Region, AccessPointAlias: wire.P(false)}, nil
}

// HeadBucketRequires implements the operation's requirements.
func (s *Service) HeadBucketRequires(ctx context.Context, in *s3api.HeadBucketInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "ListBucket")
	return err
}

// ListBuckets implements the operation.
func (s *Service) ListBuckets(ctx context.Context, in *s3api.ListBucketsInput) (*s3api.ListBucketsOutput, error) {
	c := wire.CallOf(ctx)
	limit := bucketsMax
	if in.MaxBuckets != nil {
		if *in.MaxBuckets < 1 || *in.MaxBuckets > bucketsMax {
			return nil, argument("Argument max-buckets must be an integer between 1 and 10000.", "max-buckets", itoa(int64(*in.MaxBuckets)))
		}
		limit = int(*in.MaxBuckets)
	}
	prefix, region := wire.V(in.Prefix), wire.V(in.BucketRegion)
	use := "ListBuckets/" + prefix + "/" + region
	span := store.Prefix(bucketsOf(c.Account).StrPrefix(prefix))
	if t := wire.V(in.ContinuationToken); t != "" {
		after, ok := s.open(c.Account, use, t)
		if !ok {
			return nil, argument("The continuation token provided is incorrect", "continuation-token", "")
		}
		span.From = store.After(bucketsOf(c.Account), bucketKey(c.Account, after)).From
	}
	out := &s3api.ListBucketsOutput{Owner: owner(c.Account), Prefix: in.Prefix}
	more := false
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		out.Buckets, more = []s3api.Bucket{}, false
		store.Each(r, span, func(_ store.Key, b *bucket) bool {
			if region != "" && b.Region != region {
				return true
			}
			if len(out.Buckets) == limit {
				more = true
				return false
			}
			x := s3api.Bucket{Name: &b.Name, CreationDate: wire.P(b.Created.Truncate(1e9))}
			if in.MaxBuckets != nil || region != "" || prefix != "" || in.ContinuationToken != nil {
				x.BucketRegion, x.BucketArn = &b.Region, wire.P(bucketARN(b.Name))
			}
			out.Buckets = append(out.Buckets, x)
			return true
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if more {
		out.ContinuationToken, err = s.seal(c.Account, use, *out.Buckets[len(out.Buckets)-1].Name)
	}
	return out, err
}

// ListBucketsRequires implements the operation's requirements.
func (s *Service) ListBucketsRequires(ctx context.Context, in *s3api.ListBucketsInput, r *wire.Requirements) error {
	if wire.CallOf(ctx).Account == "" {
		return denied()
	}
	r.Need("s3:ListAllMyBuckets", "*")
	return nil
}

// GetBucketLocation implements the operation.
func (s *Service) GetBucketLocation(ctx context.Context, in *s3api.GetBucketLocationInput) (*s3api.GetBucketLocationOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3api.GetBucketLocationOutput{LocationConstraint: optional(b.Location)}, nil
}

// GetBucketLocationRequires implements the operation's requirements. It answers from every region.
func (s *Service) GetBucketLocationRequires(ctx context.Context, in *s3api.GetBucketLocationInput, r *wire.Requirements) error {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return err
	}
	if err := checkOwner(b, in.ExpectedBucketOwner); err != nil {
		return err
	}
	n := r.Need("s3:GetBucketLocation", bucketARN(b.Name))
	n.ResourceAccount, n.ResourcePolicy = b.Account, b.policyFor(wire.CallOf(ctx))
	return nil
}
