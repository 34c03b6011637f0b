package s3

import (
	"context"

	s3api "virga/api/s3"
	"virga/internal/store"
	"virga/internal/wire"
)

// checkACL refuses what is more than the bucket owner's own control. grants are the x-amz-grant-* headers.
func checkACL(ownership string, acl *string, grants ...*string) error {
	granted := false
	for _, g := range grants {
		granted = granted || g != nil
	}
	canned := wire.V(acl)
	switch {
	case canned != "" && granted:
		return invalid("Specifying both Canned ACLs and Header Grants is not allowed")
	case ownership == "BucketOwnerEnforced" && (granted || canned != "" && canned != "private" && canned != "bucket-owner-full-control"):
		return wire.Errorf("AccessControlListNotSupported", 400, "The bucket does not allow ACLs")
	case granted:
		return wire.Unsupported("Grants by x-amz-grant-* headers")
	}
	switch canned {
	case "", "private", "bucket-owner-full-control", "bucket-owner-read":
		return nil
	case "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "log-delivery-write":
		return wire.Unsupported("The canned ACL " + canned)
	}
	return argument("", "x-amz-acl", canned)
}

func fullControl(account string) []s3api.Grant {
	return []s3api.Grant{{Grantee: &s3api.Grantee{ID: wire.P(canonicalID(account)), Type: "CanonicalUser"}, Permission: wire.P("FULL_CONTROL")}}
}

// GetBucketAcl implements the operation: the owner has full control, and nobody else.
func (s *Service) GetBucketAcl(ctx context.Context, in *s3api.GetBucketAclInput) (*s3api.GetBucketAclOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3api.GetBucketAclOutput{Owner: owner(b.Account), Grants: fullControl(b.Account)}, nil
}

// GetBucketAclRequires implements the operation's requirements.
func (s *Service) GetBucketAclRequires(ctx context.Context, in *s3api.GetBucketAclInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketAcl")
	return err
}

// GetObjectAcl implements the operation.
func (s *Service) GetObjectAcl(ctx context.Context, in *s3api.GetObjectAclInput) (*s3api.GetObjectAclOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		_, err := loadVersion(r, b, in.Key, in.VersionId, "GET")
		return err
	})
	if err != nil {
		return nil, s.hide(ctx, b, err)
	}
	return &s3api.GetObjectAclOutput{Owner: owner(b.Account), Grants: fullControl(b.Account)}, nil
}

// GetObjectAclRequires implements the operation's requirements.
func (s *Service) GetObjectAclRequires(ctx context.Context, in *s3api.GetObjectAclInput, r *wire.Requirements) error {
	return s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "GetObject", "Acl")
}
