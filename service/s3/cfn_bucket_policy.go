package s3

import (
	"context"

	s3api "virga/api/s3"
	"virga/internal/resource"
	"virga/internal/wire"
)

// bucketPolicyType is AWS::S3::BucketPolicy; its physical id is the bucket's name.
type bucketPolicyType struct{}

// Name implements resource.Type.
func (bucketPolicyType) Name() string { return "AWS::S3::BucketPolicy" }

// Supports implements resource.Type.
func (bucketPolicyType) Supports() []string { return []string{"Bucket", "PolicyDocument"} }

// PhysicalName implements resource.Namer.
func (bucketPolicyType) PhysicalName(r *resource.Request) string { return r.Properties.Str("Bucket") }

func putPolicy(ctx context.Context, r *resource.Request, fresh bool) (*resource.Progress, error) {
	c := &s3api.Client{Invoker: r.Invoker}
	name := r.Properties.Str("Bucket")
	doc, err := r.Properties.JSON("PolicyDocument")
	if err != nil {
		return nil, err
	}
	if fresh {
		have, err := c.GetBucketPolicy(ctx, &s3api.GetBucketPolicyInput{Bucket: name})
		switch {
		case err == nil && *have.Policy != doc:
			return nil, wire.Errorf("AlreadyExists", 409, "The bucket policy already exists on bucket %s.", name)
		case err != nil && codeOf(err) != "NoSuchBucketPolicy":
			return nil, err
		}
	}
	if _, err := c.PutBucketPolicy(ctx, &s3api.PutBucketPolicyInput{Bucket: name, Policy: doc}); err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: name}, nil
}

// Create implements resource.Type.
func (bucketPolicyType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return putPolicy(ctx, r, true)
}

// Update implements resource.Type.
func (bucketPolicyType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return putPolicy(ctx, r, false)
}

// Delete implements resource.Type.
func (bucketPolicyType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &s3api.Client{Invoker: r.Invoker}
	_, err := c.DeleteBucketPolicy(ctx, &s3api.DeleteBucketPolicyInput{Bucket: r.Physical})
	if code := codeOf(err); err != nil && code != "NoSuchBucket" && code != "NoSuchBucketPolicy" {
		return nil, err
	}
	return &resource.Progress{Physical: r.Physical}, nil
}

// Read implements resource.Type.
func (bucketPolicyType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &s3api.Client{Invoker: r.Invoker}
	if _, err := c.GetBucketPolicy(ctx, &s3api.GetBucketPolicyInput{Bucket: r.Physical}); err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: r.Physical}, nil
}
