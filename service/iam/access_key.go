package iam

import (
	"context"
	"slices"
	"time"

	iamapi "virga/api/iam"
	"virga/internal/auth"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// keyOwner names the user whose key is meant: the caller where none is named.
func (s *Service) keyOwner(ctx context.Context, name *string) (string, error) {
	if c := wire.CallOf(ctx); name == nil && c.Principal.Type == "Root" {
		return "", wire.Unsupported(c.Operation + ": access keys of the root user (UserName is missing)")
	}
	return s.self(ctx, name)
}

func noKey(id string) error {
	return &iamapi.NoSuchEntityException{Message: "The Access Key with id " + id + " cannot be found."}
}

func keyStatus(k *auth.Key) string {
	if k.Inactive {
		return "Inactive"
	}
	return "Active"
}

func showKey(e *entity, k *auth.Key) *iamapi.AccessKey {
	return &iamapi.AccessKey{UserName: e.Name, AccessKeyId: k.ID, Status: keyStatus(k), SecretAccessKey: k.Secret, CreateDate: &k.CreatedAt}
}

// CreateAccessKey implements the operation. The secret is shown this once.
func (s *Service) CreateAccessKey(ctx context.Context, in *iamapi.CreateAccessKeyInput) (*iamapi.CreateAccessKeyOutput, error) {
	name, err := s.keyOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	c := wire.CallOf(ctx)
	k := s.cfg.Auth.NewKey(c.Account, "", "")
	k.CreatedAt = k.CreatedAt.Truncate(time.Second)
	now := s.now()
	out := &iamapi.CreateAccessKeyOutput{}
	return out, s.change(ctx, user, name, func(tx store.Tx, e *entity) error {
		if id, done := job.Once(tx, c.Account, effect(c)); done {
			old, ok := auth.GetKey(tx, string(id))
			if !ok || old.UserID != e.ID {
				return noKey(string(id))
			}
			out.AccessKey = showKey(e, old)
			return nil
		}
		if len(e.Keys) >= keysMax {
			return overQuota("AccessKeysPerUser", keysMax)
		}
		k.UserID, k.UserARN = e.ID, e.arn(c.Account)
		auth.PutKey(tx, k)
		e.Keys = append(e.Keys, k.ID)
		job.Finish(tx, c.Account, effect(c), now, []byte(k.ID))
		out.AccessKey = showKey(e, k)
		return nil
	})
}

// CreateAccessKeyRequires implements the operation's requirements.
func (s *Service) CreateAccessKeyRequires(ctx context.Context, in *iamapi.CreateAccessKeyInput, r *wire.Requirements) error {
	return s.requireSelf(ctx, r, "CreateAccessKey", in.UserName)
}

// ListAccessKeys implements the operation.
func (s *Service) ListAccessKeys(ctx context.Context, in *iamapi.ListAccessKeysInput) (*iamapi.ListAccessKeysOutput, error) {
	name, err := s.keyOwner(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	p, err := s.newPage(ctx, name, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListAccessKeysOutput{}
	err = s.look(ctx, user, name, func(r store.Reader, e *entity) error {
		out.AccessKeyMetadata = []iamapi.AccessKeyMetadata{}
		for _, id := range cut(p, e.Keys) {
			if k, ok := auth.GetKey(r, id); ok {
				out.AccessKeyMetadata = append(out.AccessKeyMetadata, iamapi.AccessKeyMetadata{UserName: &e.Name, AccessKeyId: &k.ID, Status: wire.P(keyStatus(k)), CreateDate: &k.CreatedAt})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = p.end()
	return out, err
}

// ListAccessKeysRequires implements the operation's requirements.
func (s *Service) ListAccessKeysRequires(ctx context.Context, in *iamapi.ListAccessKeysInput, r *wire.Requirements) error {
	return s.requireSelf(ctx, r, "ListAccessKeys", in.UserName)
}

// changeKey runs fn on a key of a user.
func (s *Service) changeKey(ctx context.Context, name *string, id string, fn func(tx store.Tx, e *entity, k *auth.Key)) error {
	owner, err := s.keyOwner(ctx, name)
	if err != nil {
		return err
	}
	return s.change(ctx, user, owner, func(tx store.Tx, e *entity) error {
		k, ok := auth.GetKey(tx, id)
		if !ok || !slices.Contains(e.Keys, id) {
			return noKey(id)
		}
		fn(tx, e, k)
		return nil
	})
}

// UpdateAccessKey implements the operation.
func (s *Service) UpdateAccessKey(ctx context.Context, in *iamapi.UpdateAccessKeyInput) (*iamapi.UpdateAccessKeyOutput, error) {
	if in.Status == "Expired" {
		return nil, wire.Invalid("The status of an access key can be set to Active or Inactive only.")
	}
	return &iamapi.UpdateAccessKeyOutput{}, s.changeKey(ctx, in.UserName, in.AccessKeyId, func(tx store.Tx, _ *entity, k *auth.Key) {
		k.Inactive = in.Status == "Inactive"
		auth.PutKey(tx, k)
	})
}

// UpdateAccessKeyRequires implements the operation's requirements.
func (s *Service) UpdateAccessKeyRequires(ctx context.Context, in *iamapi.UpdateAccessKeyInput, r *wire.Requirements) error {
	return s.requireSelf(ctx, r, "UpdateAccessKey", in.UserName)
}

// DeleteAccessKey implements the operation.
func (s *Service) DeleteAccessKey(ctx context.Context, in *iamapi.DeleteAccessKeyInput) (*iamapi.DeleteAccessKeyOutput, error) {
	return &iamapi.DeleteAccessKeyOutput{}, s.changeKey(ctx, in.UserName, in.AccessKeyId, func(tx store.Tx, e *entity, k *auth.Key) {
		e.Keys = slices.DeleteFunc(e.Keys, func(id string) bool { return id == k.ID })
		auth.DeleteKey(tx, k.ID)
	})
}

// DeleteAccessKeyRequires implements the operation's requirements.
func (s *Service) DeleteAccessKeyRequires(ctx context.Context, in *iamapi.DeleteAccessKeyInput, r *wire.Requirements) error {
	return s.requireSelf(ctx, r, "DeleteAccessKey", in.UserName)
}

// owned finds the user whose key an id is, in the caller's account.
func (s *Service) owned(ctx context.Context, id string) (e *entity, err error) {
	account := wire.CallOf(ctx).Account
	return e, s.view(ctx, func(r store.Reader) error {
		if k, ok := auth.GetKey(r, id); ok && k.Account == account && k.UserID != "" {
			e, _ = entityByID(r, account, k.UserID)
		}
		return nil
	})
}

// GetAccessKeyLastUsed implements the operation: the use of keys is not recorded, and the answer says that as AWS says it
// of keys from before there was a record.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, in *iamapi.GetAccessKeyLastUsedInput) (*iamapi.GetAccessKeyLastUsedOutput, error) {
	e, err := s.owned(ctx, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, noKey(in.AccessKeyId)
	}
	return &iamapi.GetAccessKeyLastUsedOutput{UserName: &e.Name, AccessKeyLastUsed: &iamapi.AccessKeyLastUsed{ServiceName: "N/A", Region: "N/A"}}, nil
}

// GetAccessKeyLastUsedRequires implements the operation's requirements.
func (s *Service) GetAccessKeyLastUsedRequires(ctx context.Context, in *iamapi.GetAccessKeyLastUsedInput, r *wire.Requirements) error {
	e, err := s.owned(ctx, in.AccessKeyId)
	if err != nil {
		return err
	}
	if e == nil {
		r.Need("iam:GetAccessKeyLastUsed", "*")
		return nil
	}
	return s.require(ctx, r, "GetAccessKeyLastUsed", user, e.Name)
}
