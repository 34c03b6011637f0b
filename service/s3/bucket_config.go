package s3

import (
	"context"

	s3api "virga/api/s3"
	"virga/internal/store"
	"virga/internal/wire"
)

// change rewrites a bucket's record. fn gets a copy.
func (s *Service) change(ctx context.Context, name string, fn func(b *bucket) error) error {
	b, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	k := bucketKey(b.Account, b.Name)
	return s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		cur, ok := store.Load[bucket](tx, k)
		if !ok || cur.ID != b.ID {
			return noBucket(name)
		}
		if err := fn(cur); err != nil {
			return err
		}
		store.Put(tx, k, cur)
		tx.Bump(scope(name))
		return nil
	})
}

// PutBucketVersioning implements the operation.
func (s *Service) PutBucketVersioning(ctx context.Context, in *s3api.PutBucketVersioningInput) (*s3api.PutBucketVersioningOutput, error) {
	v := in.VersioningConfiguration
	switch {
	case wire.V(v.MFADelete) == "Enabled":
		return nil, wire.Unsupported("PutBucketVersioning: MfaDelete=Enabled")
	case v.Status == nil:
		return nil, wire.Errorf("IllegalVersioningConfigurationException", 400, "The Versioning element must be specified")
	}
	return &s3api.PutBucketVersioningOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.Versioning = *v.Status
		return nil
	})
}

// PutBucketVersioningRequires implements the operation's requirements.
func (s *Service) PutBucketVersioningRequires(ctx context.Context, in *s3api.PutBucketVersioningInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketVersioning")
	return err
}

// GetBucketVersioning implements the operation.
func (s *Service) GetBucketVersioning(ctx context.Context, in *s3api.GetBucketVersioningInput) (*s3api.GetBucketVersioningOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3api.GetBucketVersioningOutput{Status: optional(b.Versioning)}, nil
}

// GetBucketVersioningRequires implements the operation's requirements.
func (s *Service) GetBucketVersioningRequires(ctx context.Context, in *s3api.GetBucketVersioningInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketVersioning")
	return err
}

// PutBucketTagging implements the operation.
func (s *Service) PutBucketTagging(ctx context.Context, in *s3api.PutBucketTaggingInput) (*s3api.PutBucketTaggingOutput, error) {
	tags, err := tagSet(in.Tagging.TagSet, tagsMax, wire.CallOf(ctx).Depth > 0)
	if err != nil {
		return nil, err
	}
	return &s3api.PutBucketTaggingOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.Tags = tags
		return nil
	})
}

// PutBucketTaggingRequires implements the operation's requirements.
func (s *Service) PutBucketTaggingRequires(ctx context.Context, in *s3api.PutBucketTaggingInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketTagging")
	return err
}

// GetBucketTagging implements the operation.
func (s *Service) GetBucketTagging(ctx context.Context, in *s3api.GetBucketTaggingInput) (*s3api.GetBucketTaggingOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, absent("NoSuchTagSet", "The TagSet does not exist", b.Name)
	}
	return &s3api.GetBucketTaggingOutput{TagSet: tagList(b.Tags)}, nil
}

// GetBucketTaggingRequires implements the operation's requirements.
func (s *Service) GetBucketTaggingRequires(ctx context.Context, in *s3api.GetBucketTaggingInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketTagging")
	return err
}

// DeleteBucketTagging implements the operation.
func (s *Service) DeleteBucketTagging(ctx context.Context, in *s3api.DeleteBucketTaggingInput) (*s3api.DeleteBucketTaggingOutput, error) {
	return &s3api.DeleteBucketTaggingOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.Tags = nil
		return nil
	})
}

// DeleteBucketTaggingRequires implements the operation's requirements.
func (s *Service) DeleteBucketTaggingRequires(ctx context.Context, in *s3api.DeleteBucketTaggingInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketTagging")
	return err
}

// PutBucketEncryption implements the operation.
func (s *Service) PutBucketEncryption(ctx context.Context, in *s3api.PutBucketEncryptionInput) (*s3api.PutBucketEncryptionOutput, error) {
	rules := in.ServerSideEncryptionConfiguration.Rules
	if len(rules) != 1 || rules[0].ApplyServerSideEncryptionByDefault == nil {
		return nil, malformed()
	}
	r := rules[0]
	d := r.ApplyServerSideEncryptionByDefault
	switch {
	case d.SSEAlgorithm != "AES256" && d.SSEAlgorithm != "aws:kms":
		return nil, wire.Unsupported("PutBucketEncryption: SSEAlgorithm=" + d.SSEAlgorithm)
	case d.SSEAlgorithm == "aws:kms" && d.KMSMasterKeyID != nil && !managedKey(*d.KMSMasterKeyID):
		return nil, wire.Unsupported("PutBucketEncryption: KMSMasterKeyID (keys of one's own)")
	case d.SSEAlgorithm == "AES256" && d.KMSMasterKeyID != nil:
		return nil, argument("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse", "ApplyServerSideEncryptionByDefault", "")
	case r.BlockedEncryptionTypes != nil && !only(r.BlockedEncryptionTypes.EncryptionType, "NONE", "SSE-C"):
		return nil, wire.Unsupported("PutBucketEncryption: BlockedEncryptionTypes")
	}
	return &s3api.PutBucketEncryptionOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.BucketKey, b.KMS = wire.V(r.BucketKeyEnabled), d.SSEAlgorithm == "aws:kms"
		return nil
	})
}

func only(list []string, words ...string) bool {
	for _, v := range list {
		ok := false
		for _, w := range words {
			ok = ok || v == w
		}
		if !ok {
			return false
		}
	}
	return true
}

// PutBucketEncryptionRequires implements the operation's requirements.
func (s *Service) PutBucketEncryptionRequires(ctx context.Context, in *s3api.PutBucketEncryptionInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutEncryptionConfiguration")
	return err
}

// GetBucketEncryption implements the operation: every bucket is encrypted.
func (s *Service) GetBucketEncryption(ctx context.Context, in *s3api.GetBucketEncryptionInput) (*s3api.GetBucketEncryptionOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3api.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: &s3api.ServerSideEncryptionConfiguration{Rules: []s3api.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &s3api.ServerSideEncryptionByDefault{SSEAlgorithm: *(&headers{KMS: b.KMS}).sse()}, BucketKeyEnabled: &b.BucketKey}}}}, nil
}

// GetBucketEncryptionRequires implements the operation's requirements.
func (s *Service) GetBucketEncryptionRequires(ctx context.Context, in *s3api.GetBucketEncryptionInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetEncryptionConfiguration")
	return err
}

// DeleteBucketEncryption implements the operation: the default comes back.
func (s *Service) DeleteBucketEncryption(ctx context.Context, in *s3api.DeleteBucketEncryptionInput) (*s3api.DeleteBucketEncryptionOutput, error) {
	return &s3api.DeleteBucketEncryptionOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.BucketKey, b.KMS = false, false
		return nil
	})
}

// DeleteBucketEncryptionRequires implements the operation's requirements.
func (s *Service) DeleteBucketEncryptionRequires(ctx context.Context, in *s3api.DeleteBucketEncryptionInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutEncryptionConfiguration")
	return err
}

// PutPublicAccessBlock implements the operation.
func (s *Service) PutPublicAccessBlock(ctx context.Context, in *s3api.PutPublicAccessBlockInput) (*s3api.PutPublicAccessBlockOutput, error) {
	p := in.PublicAccessBlockConfiguration
	return &s3api.PutPublicAccessBlockOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.HasBlock = true
		b.Block = block{ACLs: wire.V(p.BlockPublicAcls), Ignore: wire.V(p.IgnorePublicAcls), Policy: wire.V(p.BlockPublicPolicy), Restrict: wire.V(p.RestrictPublicBuckets)}
		return nil
	})
}

// PutPublicAccessBlockRequires implements the operation's requirements.
func (s *Service) PutPublicAccessBlockRequires(ctx context.Context, in *s3api.PutPublicAccessBlockInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketPublicAccessBlock")
	return err
}

// GetPublicAccessBlock implements the operation.
func (s *Service) GetPublicAccessBlock(ctx context.Context, in *s3api.GetPublicAccessBlockInput) (*s3api.GetPublicAccessBlockOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if !b.HasBlock {
		return nil, absent("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", b.Name)
	}
	return &s3api.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: &s3api.PublicAccessBlockConfiguration{BlockPublicAcls: &b.Block.ACLs,
		IgnorePublicAcls: &b.Block.Ignore, BlockPublicPolicy: &b.Block.Policy, RestrictPublicBuckets: &b.Block.Restrict}}, nil
}

// GetPublicAccessBlockRequires implements the operation's requirements.
func (s *Service) GetPublicAccessBlockRequires(ctx context.Context, in *s3api.GetPublicAccessBlockInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketPublicAccessBlock")
	return err
}

// DeletePublicAccessBlock implements the operation.
func (s *Service) DeletePublicAccessBlock(ctx context.Context, in *s3api.DeletePublicAccessBlockInput) (*s3api.DeletePublicAccessBlockOutput, error) {
	return &s3api.DeletePublicAccessBlockOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.HasBlock, b.Block = false, block{}
		return nil
	})
}

// DeletePublicAccessBlockRequires implements the operation's requirements.
func (s *Service) DeletePublicAccessBlockRequires(ctx context.Context, in *s3api.DeletePublicAccessBlockInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketPublicAccessBlock")
	return err
}

func validOwnership(o string) bool {
	return o == "BucketOwnerEnforced" || o == "BucketOwnerPreferred" || o == "ObjectWriter"
}

// PutBucketOwnershipControls implements the operation.
func (s *Service) PutBucketOwnershipControls(ctx context.Context, in *s3api.PutBucketOwnershipControlsInput) (*s3api.PutBucketOwnershipControlsOutput, error) {
	if len(in.OwnershipControls.Rules) != 1 || !validOwnership(in.OwnershipControls.Rules[0].ObjectOwnership) {
		return nil, malformed()
	}
	return &s3api.PutBucketOwnershipControlsOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.Ownership = in.OwnershipControls.Rules[0].ObjectOwnership
		return nil
	})
}

// PutBucketOwnershipControlsRequires implements the operation's requirements.
func (s *Service) PutBucketOwnershipControlsRequires(ctx context.Context, in *s3api.PutBucketOwnershipControlsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketOwnershipControls")
	return err
}

// GetBucketOwnershipControls implements the operation.
func (s *Service) GetBucketOwnershipControls(ctx context.Context, in *s3api.GetBucketOwnershipControlsInput) (*s3api.GetBucketOwnershipControlsOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Ownership == "" {
		return nil, absent("OwnershipControlsNotFoundError", "The bucket ownership controls were not found", b.Name)
	}
	return &s3api.GetBucketOwnershipControlsOutput{OwnershipControls: &s3api.OwnershipControls{Rules: []s3api.OwnershipControlsRule{{ObjectOwnership: b.Ownership}}}}, nil
}

// GetBucketOwnershipControlsRequires implements the operation's requirements.
func (s *Service) GetBucketOwnershipControlsRequires(ctx context.Context, in *s3api.GetBucketOwnershipControlsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketOwnershipControls")
	return err
}

// DeleteBucketOwnershipControls implements the operation.
func (s *Service) DeleteBucketOwnershipControls(ctx context.Context, in *s3api.DeleteBucketOwnershipControlsInput) (*s3api.DeleteBucketOwnershipControlsOutput, error) {
	return &s3api.DeleteBucketOwnershipControlsOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.Ownership = ""
		return nil
	})
}

// DeleteBucketOwnershipControlsRequires implements the operation's requirements.
func (s *Service) DeleteBucketOwnershipControlsRequires(ctx context.Context, in *s3api.DeleteBucketOwnershipControlsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketOwnershipControls")
	return err
}
