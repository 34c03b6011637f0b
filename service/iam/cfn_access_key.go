package iam

import (
	"context"

	iamapi "virga/api/iam"
	"virga/internal/resource"
	"virga/internal/wire"
)

// accessKeyType is AWS::IAM::AccessKey. IAM draws the id and shows the secret once, so only Create gives SecretAccessKey.
type accessKeyType struct{}

// Name implements resource.Type.
func (accessKeyType) Name() string { return "AWS::IAM::AccessKey" }

// Supports implements resource.Type.
func (accessKeyType) Supports() []string { return []string{"Serial", "Status", "UserName"} }

func (accessKeyType) status(ctx context.Context, c *iamapi.Client, r *resource.Request, id string) error {
	s := r.Properties.Str("Status")
	if s == "" {
		s = "Active"
	}
	_, err := c.UpdateAccessKey(ctx, &iamapi.UpdateAccessKeyInput{UserName: wire.P(r.Properties.Str("UserName")), AccessKeyId: id, Status: s})
	return err
}

// Create implements resource.Type.
func (t accessKeyType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	out, err := c.CreateAccessKey(ctx, &iamapi.CreateAccessKeyInput{UserName: wire.P(r.Properties.Str("UserName"))})
	if err != nil {
		return nil, err
	}
	k := out.AccessKey
	done := &resource.Progress{Physical: k.AccessKeyId, Attributes: map[string]any{"Id": k.AccessKeyId, "SecretAccessKey": k.SecretAccessKey}}
	return done, t.status(ctx, c, r, k.AccessKeyId)
}

// Update implements resource.Type.
func (t accessKeyType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Id": r.Physical}}, t.status(ctx, clientOf(r), r, r.Physical)
}

// Replaces implements resource.Replacer: a higher Serial asks for another key.
func (accessKeyType) Replaces(r *resource.Request) bool {
	return r.Properties.Str("Serial") != r.Previous.Str("Serial")
}

// Delete implements resource.Type.
func (accessKeyType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	done := &resource.Progress{Physical: r.Physical}
	if r.Physical == "" {
		return done, nil
	}
	_, err := clientOf(r).DeleteAccessKey(ctx, &iamapi.DeleteAccessKeyInput{UserName: wire.P(r.Properties.Str("UserName")), AccessKeyId: r.Physical})
	return done, gone(err)
}

// Read implements resource.Type.
func (accessKeyType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	out, err := clientOf(r).ListAccessKeys(ctx, &iamapi.ListAccessKeysInput{UserName: wire.P(r.Properties.Str("UserName"))})
	if err != nil {
		return nil, err
	}
	for _, k := range out.AccessKeyMetadata {
		if *k.AccessKeyId == r.Physical {
			return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Id": r.Physical}}, nil
		}
	}
	return nil, noKey(r.Physical)
}
