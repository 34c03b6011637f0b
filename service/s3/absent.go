package s3

import (
	"context"

	s3api "virga/api/s3"
	"virga/internal/wire"
)

// The sub-resources that no bucket can have yet: asking for one gets what AWS answers where it is absent.

func absent(code, message, bucket string) error {
	return wire.Errorf(code, 404, "%s", message).With("BucketName", bucket)
}

// GetBucketWebsite implements the operation.
func (s *Service) GetBucketWebsite(ctx context.Context, in *s3api.GetBucketWebsiteInput) (*s3api.GetBucketWebsiteOutput, error) {
	return nil, absent("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration", in.Bucket)
}

// GetBucketWebsiteRequires implements the operation's requirements.
func (s *Service) GetBucketWebsiteRequires(ctx context.Context, in *s3api.GetBucketWebsiteInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketWebsite")
	return err
}

// GetBucketReplication implements the operation.
func (s *Service) GetBucketReplication(ctx context.Context, in *s3api.GetBucketReplicationInput) (*s3api.GetBucketReplicationOutput, error) {
	return nil, absent("ReplicationConfigurationNotFoundError", "The replication configuration was not found", in.Bucket)
}

// GetBucketReplicationRequires implements the operation's requirements.
func (s *Service) GetBucketReplicationRequires(ctx context.Context, in *s3api.GetBucketReplicationInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetReplicationConfiguration")
	return err
}

// GetObjectLockConfiguration implements the operation.
func (s *Service) GetObjectLockConfiguration(ctx context.Context, in *s3api.GetObjectLockConfigurationInput) (*s3api.GetObjectLockConfigurationOutput, error) {
	return nil, absent("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket", in.Bucket)
}

// GetObjectLockConfigurationRequires implements the operation's requirements.
func (s *Service) GetObjectLockConfigurationRequires(ctx context.Context, in *s3api.GetObjectLockConfigurationInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketObjectLockConfiguration")
	return err
}

// GetBucketLogging implements the operation.
func (s *Service) GetBucketLogging(ctx context.Context, in *s3api.GetBucketLoggingInput) (*s3api.GetBucketLoggingOutput, error) {
	return &s3api.GetBucketLoggingOutput{}, nil
}

// GetBucketLoggingRequires implements the operation's requirements.
func (s *Service) GetBucketLoggingRequires(ctx context.Context, in *s3api.GetBucketLoggingInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketLogging")
	return err
}

// GetBucketNotificationConfiguration implements the operation.
func (s *Service) GetBucketNotificationConfiguration(ctx context.Context, in *s3api.GetBucketNotificationConfigurationInput) (*s3api.GetBucketNotificationConfigurationOutput, error) {
	return &s3api.GetBucketNotificationConfigurationOutput{}, nil
}

// GetBucketNotificationConfigurationRequires implements the operation's requirements.
func (s *Service) GetBucketNotificationConfigurationRequires(ctx context.Context, in *s3api.GetBucketNotificationConfigurationInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketNotification")
	return err
}

// GetBucketAccelerateConfiguration implements the operation.
func (s *Service) GetBucketAccelerateConfiguration(ctx context.Context, in *s3api.GetBucketAccelerateConfigurationInput) (*s3api.GetBucketAccelerateConfigurationOutput, error) {
	return &s3api.GetBucketAccelerateConfigurationOutput{}, nil
}

// GetBucketAccelerateConfigurationRequires implements the operation's requirements.
func (s *Service) GetBucketAccelerateConfigurationRequires(ctx context.Context, in *s3api.GetBucketAccelerateConfigurationInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetAccelerateConfiguration")
	return err
}

// GetBucketRequestPayment implements the operation.
func (s *Service) GetBucketRequestPayment(ctx context.Context, in *s3api.GetBucketRequestPaymentInput) (*s3api.GetBucketRequestPaymentOutput, error) {
	return &s3api.GetBucketRequestPaymentOutput{Payer: wire.P("BucketOwner")}, nil
}

// GetBucketRequestPaymentRequires implements the operation's requirements.
func (s *Service) GetBucketRequestPaymentRequires(ctx context.Context, in *s3api.GetBucketRequestPaymentInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketRequestPayment")
	return err
}
