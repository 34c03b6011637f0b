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

// putACL checks what PutBucketAcl and PutObjectAcl ask for: it can only be what is already so.
func putACL(b *bucket, acl *string, doc *s3api.AccessControlPolicy, grants ...*string) error {
	if doc == nil {
		given := acl != nil
		for _, g := range grants {
			given = given || g != nil
		}
		if !given {
			return wire.Errorf("MissingSecurityHeader", 400, "Your request was missing a required header").With("MissingHeaderName", "x-amz-acl")
		}
		return checkACL(b.Ownership, acl, grants...)
	}
	if acl != nil {
		return wire.Errorf("UnexpectedContent", 400, "This request does not support content")
	}
	if doc.Owner == nil || len(doc.Grants) == 0 {
		return wire.Errorf("MalformedACLError", 400, "The XML you provided was not well-formed or did not validate against our published schema")
	}
	for _, g := range doc.Grants {
		if g.Grantee == nil || g.Grantee.Type != "CanonicalUser" || wire.V(g.Grantee.ID) != canonicalID(b.Account) {
			if b.Ownership == "BucketOwnerEnforced" {
				return wire.Errorf("AccessControlListNotSupported", 400, "The bucket does not allow ACLs")
			}
			return wire.Unsupported("Grants to others than the bucket's owner")
		}
	}
	return nil
}

// PutBucketAcl implements the operation.
func (s *Service) PutBucketAcl(ctx context.Context, in *s3api.PutBucketAclInput) (*s3api.PutBucketAclOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3api.PutBucketAclOutput{}, putACL(b, in.ACL, in.AccessControlPolicy, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP)
}

// PutBucketAclRequires implements the operation's requirements.
func (s *Service) PutBucketAclRequires(ctx context.Context, in *s3api.PutBucketAclInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketAcl", aclCondition(in.ACL)...)
	return err
}

func aclCondition(acl *string) []wire.Condition {
	if acl == nil {
		return nil
	}
	return []wire.Condition{cond("s3:x-amz-acl", *acl)}
}

// PutObjectAcl implements the operation.
func (s *Service) PutObjectAcl(ctx context.Context, in *s3api.PutObjectAclInput) (*s3api.PutObjectAclOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		_, err := loadVersion(r, b, in.Key, in.VersionId, "PUT")
		return err
	})
	if err != nil {
		return nil, s.hide(ctx, b, err)
	}
	return &s3api.PutObjectAclOutput{}, putACL(b, in.ACL, in.AccessControlPolicy, in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP)
}

// PutObjectAclRequires implements the operation's requirements.
func (s *Service) PutObjectAclRequires(ctx context.Context, in *s3api.PutObjectAclInput, r *wire.Requirements) error {
	if err := s.needVersion(ctx, r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, "PutObject", "Acl"); err != nil {
		return err
	}
	n := &r.All()[0]
	n.Conditions = append(n.Conditions, aclCondition(in.ACL)...)
	return nil
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
