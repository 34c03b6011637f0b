package s3

import (
	"context"
	"strings"
	"time"

	s3api "virga/api/s3"
	"virga/internal/resource"
	"virga/internal/wire"
)

// bucketType is AWS::S3::Bucket.
type bucketType struct{}

// Name implements resource.Type.
func (bucketType) Name() string { return "AWS::S3::Bucket" }

// Supports implements resource.Type.
func (bucketType) Supports() []string {
	return []string{"BucketName", "AccessControl", "BucketEncryption", "VersioningConfiguration", "PublicAccessBlockConfiguration", "OwnershipControls", "CorsConfiguration", "LifecycleConfiguration", "Tags"}
}

// PhysicalName implements resource.Namer: names of buckets are lower case.
func (bucketType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("BucketName"); n != "" {
		return n
	}
	return strings.ToLower(r.Name(63))
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return wire.Info(s3api.Model.Schema, wire.RESTXML, err).Code
}

func stackTags(r *resource.Request) ([]s3api.Tag, error) {
	var own []s3api.Tag
	if err := r.Properties.Decode("Tags", &own); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for k, v := range r.Tags {
		all[k] = v
	}
	for _, t := range own {
		all[t.Key] = t.Value
	}
	return tagList(all), nil
}

// Create implements resource.Type. A repeat finds its own bucket by the stack's tags.
func (t bucketType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &s3api.Client{Invoker: r.Invoker}
	tags, err := stackTags(r)
	if err != nil {
		return nil, err
	}
	in := &s3api.CreateBucketInput{Bucket: r.Physical, CreateBucketConfiguration: &s3api.CreateBucketConfiguration{Tags: tags}}
	if r.Call.Region != "us-east-1" {
		in.CreateBucketConfiguration.LocationConstraint = &r.Call.Region
	}
	if err := bucketACL(r); err != nil {
		return nil, err
	}
	_, err = c.CreateBucket(ctx, in)
	if codeOf(err) == "BucketAlreadyOwnedByYou" {
		have, terr := c.GetBucketTagging(ctx, &s3api.GetBucketTaggingInput{Bucket: r.Physical})
		if terr == nil && tagged(have.TagSet, "aws:cloudformation:stack-id", r.StackID) && tagged(have.TagSet, "aws:cloudformation:logical-id", r.LogicalID) {
			err = nil
		} else {
			err = wire.Errorf("AlreadyExists", 409, "%s already exists", r.Physical)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := t.configure(ctx, c, r); err != nil {
		return nil, err
	}
	return t.progress(r), nil
}

func tagged(list []s3api.Tag, key, value string) bool {
	for _, t := range list {
		if t.Key == key && t.Value == value {
			return true
		}
	}
	return false
}

// bucketACL takes the canned ACLs that change nothing.
func bucketACL(r *resource.Request) error {
	switch a := r.Properties.Str("AccessControl"); a {
	case "", "Private", "BucketOwnerFullControl":
		return nil
	default:
		return wire.Unsupported("AWS::S3::Bucket: AccessControl=" + a)
	}
}

// configure sets what the properties say, and on an update takes back what they say no more.
func (bucketType) configure(ctx context.Context, c *s3api.Client, r *resource.Request) error {
	p, old := r.Properties, r.Previous
	gone := func(name string) bool { return old.Has(name) && !p.Has(name) }
	if p.Has("VersioningConfiguration") || gone("VersioningConfiguration") {
		v := &s3api.VersioningConfiguration{Status: wire.P("Suspended")}
		if err := p.Decode("VersioningConfiguration", v); err != nil {
			return err
		}
		if _, err := c.PutBucketVersioning(ctx, &s3api.PutBucketVersioningInput{Bucket: r.Physical, VersioningConfiguration: v}); err != nil {
			return err
		}
	}
	if p.Has("BucketEncryption") {
		var enc struct {
			ServerSideEncryptionConfiguration []struct {
				BucketKeyEnabled              *bool
				ServerSideEncryptionByDefault *s3api.ServerSideEncryptionByDefault
				BlockedEncryptionTypes        *s3api.BlockedEncryptionTypes
			}
		}
		if err := p.Decode("BucketEncryption", &enc); err != nil {
			return err
		}
		conf := &s3api.ServerSideEncryptionConfiguration{}
		for _, x := range enc.ServerSideEncryptionConfiguration {
			conf.Rules = append(conf.Rules, s3api.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: x.ServerSideEncryptionByDefault, BucketKeyEnabled: x.BucketKeyEnabled, BlockedEncryptionTypes: x.BlockedEncryptionTypes})
		}
		if _, err := c.PutBucketEncryption(ctx, &s3api.PutBucketEncryptionInput{Bucket: r.Physical, ServerSideEncryptionConfiguration: conf}); err != nil {
			return err
		}
	} else if gone("BucketEncryption") {
		if _, err := c.DeleteBucketEncryption(ctx, &s3api.DeleteBucketEncryptionInput{Bucket: r.Physical}); err != nil {
			return err
		}
	}
	if p.Has("PublicAccessBlockConfiguration") {
		conf := &s3api.PublicAccessBlockConfiguration{}
		if err := p.Decode("PublicAccessBlockConfiguration", conf); err != nil {
			return err
		}
		if _, err := c.PutPublicAccessBlock(ctx, &s3api.PutPublicAccessBlockInput{Bucket: r.Physical, PublicAccessBlockConfiguration: conf}); err != nil {
			return err
		}
	} else if gone("PublicAccessBlockConfiguration") {
		if _, err := c.DeletePublicAccessBlock(ctx, &s3api.DeletePublicAccessBlockInput{Bucket: r.Physical}); err != nil {
			return err
		}
	}
	if p.Has("CorsConfiguration") {
		conf, err := corsOf(p)
		if err != nil {
			return err
		}
		if _, err := c.PutBucketCors(ctx, &s3api.PutBucketCorsInput{Bucket: r.Physical, CORSConfiguration: conf}); err != nil {
			return err
		}
	} else if gone("CorsConfiguration") {
		if _, err := c.DeleteBucketCors(ctx, &s3api.DeleteBucketCorsInput{Bucket: r.Physical}); err != nil {
			return err
		}
	}
	if p.Has("LifecycleConfiguration") {
		conf, err := lifecycleOf(p)
		if err != nil {
			return err
		}
		if _, err := c.PutBucketLifecycleConfiguration(ctx, &s3api.PutBucketLifecycleConfigurationInput{Bucket: r.Physical, LifecycleConfiguration: conf}); err != nil {
			return err
		}
	} else if gone("LifecycleConfiguration") {
		if _, err := c.DeleteBucketLifecycle(ctx, &s3api.DeleteBucketLifecycleInput{Bucket: r.Physical}); err != nil {
			return err
		}
	}
	if p.Has("OwnershipControls") {
		conf := &s3api.OwnershipControls{}
		if err := p.Decode("OwnershipControls", conf); err != nil {
			return err
		}
		if _, err := c.PutBucketOwnershipControls(ctx, &s3api.PutBucketOwnershipControlsInput{Bucket: r.Physical, OwnershipControls: conf}); err != nil {
			return err
		}
	} else if gone("OwnershipControls") {
		if _, err := c.DeleteBucketOwnershipControls(ctx, &s3api.DeleteBucketOwnershipControlsInput{Bucket: r.Physical}); err != nil {
			return err
		}
	}
	return nil
}

// corsOf reads CorsConfiguration, whose members are spelled otherwise than the operation's.
func corsOf(p resource.Properties) (*s3api.CORSConfiguration, error) {
	var conf struct {
		CorsRules []struct {
			Id                                                             *string
			AllowedHeaders, AllowedMethods, AllowedOrigins, ExposedHeaders []string
			MaxAge                                                         *int32
		}
	}
	if err := p.Decode("CorsConfiguration", &conf); err != nil {
		return nil, err
	}
	out := &s3api.CORSConfiguration{}
	for _, r := range conf.CorsRules {
		out.CORSRules = append(out.CORSRules, s3api.CORSRule{ID: r.Id, AllowedHeaders: r.AllowedHeaders, AllowedMethods: r.AllowedMethods, AllowedOrigins: r.AllowedOrigins,
			ExposeHeaders: r.ExposedHeaders, MaxAgeSeconds: r.MaxAge})
	}
	return out, nil
}

// lifecycleOf reads LifecycleConfiguration: its rules are flat, the operation's have filters.
func lifecycleOf(p resource.Properties) (*s3api.BucketLifecycleConfiguration, error) {
	var conf struct {
		Rules []struct {
			Id, Prefix                                *string
			Status                                    string
			TagFilters                                []s3api.Tag
			ExpirationInDays                          *int32
			ExpirationDate                            *time.Time
			ExpiredObjectDeleteMarker                 *bool
			NoncurrentVersionExpiration               *s3api.NoncurrentVersionExpiration
			NoncurrentVersionExpirationInDays         *int32
			AbortIncompleteMultipartUpload            *s3api.AbortIncompleteMultipartUpload
			ObjectSizeGreaterThan, ObjectSizeLessThan *int64
			Transitions, NoncurrentVersionTransitions []any
			Transition, NoncurrentVersionTransition   any
		}
		TransitionDefaultMinimumObjectSize *string
	}
	if err := p.Decode("LifecycleConfiguration", &conf); err != nil {
		return nil, err
	}
	out := &s3api.BucketLifecycleConfiguration{}
	for _, r := range conf.Rules {
		if len(r.Transitions)+len(r.NoncurrentVersionTransitions) > 0 || r.Transition != nil || r.NoncurrentVersionTransition != nil {
			return nil, wire.Unsupported("AWS::S3::Bucket: LifecycleConfiguration with transitions")
		}
		l := s3api.LifecycleRule{ID: r.Id, Status: r.Status, NoncurrentVersionExpiration: r.NoncurrentVersionExpiration, AbortIncompleteMultipartUpload: r.AbortIncompleteMultipartUpload}
		if l.NoncurrentVersionExpiration == nil && r.NoncurrentVersionExpirationInDays != nil {
			l.NoncurrentVersionExpiration = &s3api.NoncurrentVersionExpiration{NoncurrentDays: r.NoncurrentVersionExpirationInDays}
		}
		if r.ExpirationInDays != nil || r.ExpirationDate != nil || r.ExpiredObjectDeleteMarker != nil {
			l.Expiration = &s3api.LifecycleExpiration{Days: r.ExpirationInDays, Date: r.ExpirationDate, ExpiredObjectDeleteMarker: r.ExpiredObjectDeleteMarker}
		}
		and := s3api.LifecycleRuleAndOperator{Prefix: r.Prefix, Tags: r.TagFilters, ObjectSizeGreaterThan: r.ObjectSizeGreaterThan, ObjectSizeLessThan: r.ObjectSizeLessThan}
		n := len(and.Tags)
		for _, has := range []bool{and.Prefix != nil, and.ObjectSizeGreaterThan != nil, and.ObjectSizeLessThan != nil} {
			if has {
				n++
			}
		}
		switch {
		case n > 1:
			l.Filter = &s3api.LifecycleRuleFilter{And: &and}
		case n == 0:
			l.Filter = &s3api.LifecycleRuleFilter{Prefix: wire.P("")}
		default:
			l.Filter = &s3api.LifecycleRuleFilter{Prefix: and.Prefix, ObjectSizeGreaterThan: and.ObjectSizeGreaterThan, ObjectSizeLessThan: and.ObjectSizeLessThan}
			if len(and.Tags) == 1 {
				l.Filter.Tag = &and.Tags[0]
			}
		}
		out.Rules = append(out.Rules, l)
	}
	return out, nil
}

// Update implements resource.Type.
func (t bucketType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	if err := bucketACL(r); err != nil {
		return nil, err
	}
	c := &s3api.Client{Invoker: r.Invoker}
	tags, err := stackTags(r)
	if err != nil {
		return nil, err
	}
	if _, err := c.PutBucketTagging(ctx, &s3api.PutBucketTaggingInput{Bucket: r.Physical, Tagging: &s3api.Tagging{TagSet: tags}}); err != nil {
		return nil, err
	}
	if err := t.configure(ctx, c, r); err != nil {
		return nil, err
	}
	return t.progress(r), nil
}

// Delete implements resource.Type: a bucket that holds objects stays, and the stack's deletion fails.
func (bucketType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &s3api.Client{Invoker: r.Invoker}
	if _, err := c.DeleteBucket(ctx, &s3api.DeleteBucketInput{Bucket: r.Physical}); err != nil && codeOf(err) != "NoSuchBucket" {
		return nil, err
	}
	return &resource.Progress{Physical: r.Physical}, nil
}

// Read implements resource.Type.
func (t bucketType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &s3api.Client{Invoker: r.Invoker}
	if _, err := c.HeadBucket(ctx, &s3api.HeadBucketInput{Bucket: r.Physical}); err != nil {
		return nil, err
	}
	return t.progress(r), nil
}

func (bucketType) progress(r *resource.Request) *resource.Progress {
	domain := r.Call.Domain
	if domain == "" {
		domain = "amazonaws.com"
	}
	n := r.Physical
	return &resource.Progress{Physical: n, Attributes: map[string]any{"Arn": bucketARN(n), "DomainName": n + ".s3." + domain,
		"RegionalDomainName": n + ".s3." + r.Call.Region + "." + domain, "DualStackDomainName": n + ".s3.dualstack." + r.Call.Region + "." + domain,
		"WebsiteURL": "http://" + n + ".s3-website-" + r.Call.Region + "." + domain}}
}
