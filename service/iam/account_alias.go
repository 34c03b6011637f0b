package iam

import (
	"context"

	iamapi "virga/api/iam"
	"virga/internal/store"
	"virga/internal/wire"
)

// An account has one alias, and no two accounts have the same (IAM User Guide, Your AWS account ID and its alias).

// CreateAccountAlias implements the operation; another alias takes the place of the one there was.
func (s *Service) CreateAccountAlias(ctx context.Context, in *iamapi.CreateAccountAliasInput) (*iamapi.CreateAccountAliasOutput, error) {
	account := wire.CallOf(ctx).Account
	k := aliasKey(in.AccountAlias)
	return &iamapi.CreateAccountAliasOutput{}, s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		if owner, ok := tx.Get(k); ok && string(owner) != account {
			return &iamapi.EntityAlreadyExistsException{Message: "The account alias " + in.AccountAlias + " already exists."}
		}
		if old, ok := tx.Get(accountAliasKey(account)); ok {
			tx.Delete(aliasKey(string(old)))
		}
		tx.Set(k, []byte(account))
		tx.Set(accountAliasKey(account), []byte(in.AccountAlias))
		return nil
	})
}

// CreateAccountAliasRequires implements the operation's requirements.
func (s *Service) CreateAccountAliasRequires(ctx context.Context, in *iamapi.CreateAccountAliasInput, r *wire.Requirements) error {
	r.Need("iam:CreateAccountAlias", "*")
	return nil
}

// DeleteAccountAlias implements the operation.
func (s *Service) DeleteAccountAlias(ctx context.Context, in *iamapi.DeleteAccountAliasInput) (*iamapi.DeleteAccountAliasOutput, error) {
	account := wire.CallOf(ctx).Account
	return &iamapi.DeleteAccountAliasOutput{}, s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		if old, ok := tx.Get(accountAliasKey(account)); !ok || string(old) != in.AccountAlias {
			return &iamapi.NoSuchEntityException{Message: "The account alias " + in.AccountAlias + " cannot be found."}
		}
		tx.Delete(accountAliasKey(account))
		tx.Delete(aliasKey(in.AccountAlias))
		return nil
	})
}

// DeleteAccountAliasRequires implements the operation's requirements.
func (s *Service) DeleteAccountAliasRequires(ctx context.Context, in *iamapi.DeleteAccountAliasInput, r *wire.Requirements) error {
	r.Need("iam:DeleteAccountAlias", "*")
	return nil
}

// ListAccountAliases implements the operation.
func (s *Service) ListAccountAliases(ctx context.Context, in *iamapi.ListAccountAliasesInput) (*iamapi.ListAccountAliasesOutput, error) {
	p, err := s.newPage(ctx, "", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListAccountAliasesOutput{}
	err = s.view(ctx, func(r store.Reader) error {
		var all []string
		if a, ok := r.Get(accountAliasKey(p.c.Account)); ok {
			all = []string{string(a)}
		}
		out.AccountAliases = cut(p, all)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = p.end()
	return out, err
}

// ListAccountAliasesRequires implements the operation's requirements.
func (s *Service) ListAccountAliasesRequires(ctx context.Context, in *iamapi.ListAccountAliasesInput, r *wire.Requirements) error {
	r.Need("iam:ListAccountAliases", "*")
	return nil
}
