package iam

import (
	"context"
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/authority"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// title is how messages begin a kind.
func title(kind string) string { return strings.ToUpper(kind[:1]) + kind[1:] }

// create writes a new user, group or role; before, if any, runs in the transaction once the name is known to be free.
func (s *Service) create(ctx context.Context, e *entity, before func(tx store.Tx) error) error {
	c := wire.CallOf(ctx)
	k := entityKey(c.Account, e.Kind, e.Name)
	return s.cfg.Store.Update(ctx, []store.Key{k, quotaKey(c.Account)}, func(tx store.Tx) error {
		if old, ok := store.Load[entity](tx, k); ok {
			if id, done := job.Once(tx, c.Account, effect(c)); done && string(id) == old.ID {
				*e = *old
				return nil
			}
			return &iamapi.EntityAlreadyExistsException{Message: title(e.Kind) + " with name " + e.Name + " already exists."}
		}
		max := map[string]int64{user: usersMax, group: groupsMax, role: rolesMax}[e.Kind]
		if err := count(tx, c.Account, title(e.Kind)+"s", 1, max); err != nil {
			return err
		}
		if before != nil {
			if err := before(tx); err != nil {
				return err
			}
		}
		if e.Boundary != "" {
			if err := s.use(tx, c.Account, "b", e.Boundary, e, 1); err != nil {
				return err
			}
		}
		store.Put(tx, k, e)
		putRef(tx, c.Account, e)
		job.Finish(tx, c.Account, effect(c), e.Created, []byte(e.ID))
		tx.Bump(authority.Scope(c.Account))
		return nil
	})
}

// effect names what a repeat of a durable effect must not make twice, "" outside of one.
func effect(c *wire.Call) string {
	if c.EffectID == "" {
		return ""
	}
	return c.EffectID + "/iam:" + c.Operation
}

func putRef(tx store.Tx, account string, e *entity) {
	store.Put(tx, idKey(account, e.ID), &ref{Kind: e.Kind, Name: e.Name})
	if e.Kind != group {
		tx.Set(everyIDKey(e.ID), []byte(account))
	}
}

// remove deletes a user, group or role that nothing depends on any more; check says whether something does.
func (s *Service) remove(ctx context.Context, kind, name string, check func(e *entity) error) error {
	c := wire.CallOf(ctx)
	k := entityKey(c.Account, kind, name)
	return s.cfg.Store.Update(ctx, []store.Key{k, quotaKey(c.Account)}, func(tx store.Tx) error {
		e, ok := store.Load[entity](tx, k)
		if !ok {
			return noEntity(kind, name)
		}
		if check != nil {
			if err := check(e); err != nil {
				return err
			}
		}
		switch {
		case len(e.Attached) > 0:
			return conflict("Cannot delete entity, must detach all policies first.")
		case e.Inlines > 0:
			return conflict("Cannot delete entity, must delete policies first.")
		}
		if e.Boundary != "" {
			if err := s.use(tx, c.Account, "b", e.Boundary, e, -1); err != nil {
				return err
			}
		}
		if err := count(tx, c.Account, title(kind)+"s", -1, 0); err != nil {
			return err
		}
		tx.Delete(k)
		tx.Delete(idKey(c.Account, e.ID))
		tx.Delete(everyIDKey(e.ID))
		tx.Bump(authority.Scope(c.Account))
		return nil
	})
}

// rename gives a user or group another name or path.
func (s *Service) rename(ctx context.Context, kind, name string, newName, newPath *string, also func(tx store.Tx, e *entity)) error {
	c := wire.CallOf(ctx)
	k := entityKey(c.Account, kind, name)
	return s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		e, ok := store.Load[entity](tx, k)
		if !ok {
			return noEntity(kind, name)
		}
		if newPath != nil {
			e.Path = *newPath
		}
		if newName != nil && *newName != e.Name {
			nk := entityKey(c.Account, kind, *newName)
			if _, ok := tx.Get(nk); ok && string(nk) != string(k) {
				return &iamapi.EntityAlreadyExistsException{Message: title(kind) + " with name " + *newName + " already exists."}
			}
			tx.Delete(k)
			e.Name = *newName
		}
		store.Put(tx, entityKey(c.Account, kind, e.Name), e)
		putRef(tx, c.Account, e)
		if also != nil {
			also(tx, e)
		}
		tx.Bump(authority.Scope(c.Account))
		return nil
	})
}

// list pages over the entities of a kind below a path prefix.
func (s *Service) list(ctx context.Context, kind string, prefix, marker *string, maxItems *int32, fn func(r store.Reader, e *entity) error) (more *bool, next *string, err error) {
	p, err := s.newPage(ctx, wire.V(prefix), marker, maxItems)
	if err != nil {
		return nil, nil, err
	}
	err = s.view(ctx, func(r store.Reader) (failed error) {
		p.reset()
		store.Each(r, p.span(entitiesOf(p.c.Account, kind)), func(_ store.Key, e *entity) bool {
			if !strings.HasPrefix(e.Path, wire.Or(prefix, "/")) {
				return true
			}
			mine, more := p.take(strings.ToLower(e.Name))
			if mine {
				failed = fn(r, e)
			}
			return more && failed == nil
		})
		return failed
	})
	if err != nil {
		return nil, nil, err
	}
	return p.end()
}

func showBoundary(arn string) *iamapi.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &iamapi.AttachedPermissionsBoundary{PermissionsBoundaryType: wire.P("Policy"), PermissionsBoundaryArn: &arn}
}

func (s *Service) setBoundary(ctx context.Context, kind, name, arn string) error {
	if arn != "" {
		if err := checkPolicyARN(arn); err != nil {
			return err
		}
	}
	account := wire.CallOf(ctx).Account
	return s.change(ctx, kind, name, func(tx store.Tx, e *entity) error {
		if e.Boundary == "" && arn == "" {
			return &iamapi.NoSuchEntityException{Message: "Permissions boundary of " + name + " was not found."}
		}
		if e.Boundary != "" {
			if err := s.use(tx, account, "b", e.Boundary, e, -1); err != nil {
				return err
			}
		}
		if e.Boundary = arn; arn != "" {
			return s.use(tx, account, "b", arn, e, 1)
		}
		return nil
	})
}

// PutRolePermissionsBoundary implements the operation.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, in *iamapi.PutRolePermissionsBoundaryInput) (*iamapi.PutRolePermissionsBoundaryOutput, error) {
	return &iamapi.PutRolePermissionsBoundaryOutput{}, s.setBoundary(ctx, role, in.RoleName, in.PermissionsBoundary)
}

// PutRolePermissionsBoundaryRequires implements the operation's requirements: the boundary meant is the new one.
func (s *Service) PutRolePermissionsBoundaryRequires(ctx context.Context, in *iamapi.PutRolePermissionsBoundaryInput, r *wire.Requirements) error {
	return s.requireBoundary(ctx, r, "PutRolePermissionsBoundary", role, in.RoleName, in.PermissionsBoundary)
}

func (s *Service) requireBoundary(ctx context.Context, r *wire.Requirements, action, kind, name, arn string) error {
	n, err := s.need(ctx, r, action, kind, name)
	if err != nil {
		return err
	}
	conds := []wire.Condition{{Key: "iam:PermissionsBoundary", Values: []string{arn}}}
	for _, c := range n.Conditions {
		if c.Key != "iam:PermissionsBoundary" {
			conds = append(conds, c)
		}
	}
	n.Conditions = conds
	return nil
}

// DeleteRolePermissionsBoundary implements the operation.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, in *iamapi.DeleteRolePermissionsBoundaryInput) (*iamapi.DeleteRolePermissionsBoundaryOutput, error) {
	return &iamapi.DeleteRolePermissionsBoundaryOutput{}, s.setBoundary(ctx, role, in.RoleName, "")
}

// DeleteRolePermissionsBoundaryRequires implements the operation's requirements.
func (s *Service) DeleteRolePermissionsBoundaryRequires(ctx context.Context, in *iamapi.DeleteRolePermissionsBoundaryInput, r *wire.Requirements) error {
	return s.require(ctx, r, "DeleteRolePermissionsBoundary", role, in.RoleName)
}

// PutUserPermissionsBoundary implements the operation.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, in *iamapi.PutUserPermissionsBoundaryInput) (*iamapi.PutUserPermissionsBoundaryOutput, error) {
	return &iamapi.PutUserPermissionsBoundaryOutput{}, s.setBoundary(ctx, user, in.UserName, in.PermissionsBoundary)
}

// PutUserPermissionsBoundaryRequires implements the operation's requirements: the boundary meant is the new one.
func (s *Service) PutUserPermissionsBoundaryRequires(ctx context.Context, in *iamapi.PutUserPermissionsBoundaryInput, r *wire.Requirements) error {
	return s.requireBoundary(ctx, r, "PutUserPermissionsBoundary", user, in.UserName, in.PermissionsBoundary)
}

// DeleteUserPermissionsBoundary implements the operation.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, in *iamapi.DeleteUserPermissionsBoundaryInput) (*iamapi.DeleteUserPermissionsBoundaryOutput, error) {
	return &iamapi.DeleteUserPermissionsBoundaryOutput{}, s.setBoundary(ctx, user, in.UserName, "")
}

// DeleteUserPermissionsBoundaryRequires implements the operation's requirements.
func (s *Service) DeleteUserPermissionsBoundaryRequires(ctx context.Context, in *iamapi.DeleteUserPermissionsBoundaryInput, r *wire.Requirements) error {
	return s.require(ctx, r, "DeleteUserPermissionsBoundary", user, in.UserName)
}
