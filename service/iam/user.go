package iam

import (
	"context"
	"time"

	iamapi "virga/api/iam"
	"virga/internal/auth"
	"virga/internal/store"
	"virga/internal/wire"
)

// showUser is a user as lists show it.
func showUser(account string, e *entity) *iamapi.User {
	return &iamapi.User{Path: e.Path, UserName: e.Name, UserId: e.ID, Arn: e.arn(account), CreateDate: e.Created}
}

// fullUser is a user as GetUser shows it.
func fullUser(account string, e *entity) *iamapi.User {
	out := showUser(account, e)
	out.Tags, out.PermissionsBoundary = showTags(e.Tags), showBoundary(e.Boundary)
	return out
}

// CreateUser implements the operation.
func (s *Service) CreateUser(ctx context.Context, in *iamapi.CreateUserInput) (*iamapi.CreateUserOutput, error) {
	tags, err := addTags(nil, in.Tags, "User")
	if err != nil {
		return nil, err
	}
	if in.PermissionsBoundary != nil {
		if err := checkPolicyARN(*in.PermissionsBoundary); err != nil {
			return nil, err
		}
	}
	e := &entity{Kind: user, Name: in.UserName, ID: s.newID("AIDA"), Path: wire.Or(in.Path, "/"), Created: s.now(), Tags: tags, Boundary: wire.V(in.PermissionsBoundary)}
	if err := s.create(ctx, e, nil); err != nil {
		return nil, err
	}
	return &iamapi.CreateUserOutput{User: fullUser(wire.CallOf(ctx).Account, e)}, nil
}

// CreateUserRequires implements the operation's requirements.
func (s *Service) CreateUserRequires(ctx context.Context, in *iamapi.CreateUserInput, r *wire.Requirements) error {
	return requireNew(r, "CreateUser", "TagUser", arnOf(wire.CallOf(ctx).Account, user, wire.Or(in.Path, "/"), in.UserName), in.PermissionsBoundary, in.Tags)
}

// GetUser implements the operation; without a name it is the caller's own user, or the root user.
func (s *Service) GetUser(ctx context.Context, in *iamapi.GetUserInput) (*iamapi.GetUserOutput, error) {
	p := wire.Caller(ctx)
	if in.UserName == nil && p.Type == "Root" {
		return &iamapi.GetUserOutput{User: &iamapi.User{UserId: p.Account, Arn: p.ARN, CreateDate: time.Unix(0, 0).UTC()}}, nil
	}
	name, err := s.self(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	out := &iamapi.GetUserOutput{}
	err = s.look(ctx, user, name, func(r store.Reader, e *entity) error {
		out.User = fullUser(wire.CallOf(ctx).Account, e)
		return nil
	})
	return out, err
}

// GetUserRequires implements the operation's requirements.
func (s *Service) GetUserRequires(ctx context.Context, in *iamapi.GetUserInput, r *wire.Requirements) error {
	if p := wire.Caller(ctx); in.UserName == nil && p.Type == "Root" {
		r.Need("iam:GetUser", p.ARN)
		return nil
	}
	return s.requireSelf(ctx, r, "GetUser", in.UserName)
}

// requireSelf is require for a user whose name may be left out.
func (s *Service) requireSelf(ctx context.Context, r *wire.Requirements, action string, name *string) error {
	n, err := s.self(ctx, name)
	if err != nil {
		r.Need("iam:"+action, "arn:aws:iam::"+wire.CallOf(ctx).Account+":user/*")
		return nil
	}
	return s.require(ctx, r, action, user, n)
}

// ListUsers implements the operation.
func (s *Service) ListUsers(ctx context.Context, in *iamapi.ListUsersInput) (*iamapi.ListUsersOutput, error) {
	out := &iamapi.ListUsersOutput{Users: []iamapi.User{}}
	var err error
	out.IsTruncated, out.Marker, err = s.list(ctx, user, in.PathPrefix, in.Marker, in.MaxItems, func(r store.Reader, e *entity) error {
		out.Users = append(out.Users, *showUser(wire.CallOf(ctx).Account, e))
		return nil
	})
	return out, err
}

// ListUsersRequires implements the operation's requirements.
func (s *Service) ListUsersRequires(ctx context.Context, in *iamapi.ListUsersInput, r *wire.Requirements) error {
	return requireList(ctx, r, "ListUsers", user, in.PathPrefix)
}

// UpdateUser implements the operation.
func (s *Service) UpdateUser(ctx context.Context, in *iamapi.UpdateUserInput) (*iamapi.UpdateUserOutput, error) {
	account := wire.CallOf(ctx).Account
	return &iamapi.UpdateUserOutput{}, s.rename(ctx, user, in.UserName, in.NewUserName, in.NewPath, func(tx store.Tx, e *entity) {
		for _, id := range e.Keys {
			if k, ok := auth.GetKey(tx, id); ok {
				k.UserARN = e.arn(account)
				auth.PutKey(tx, k)
			}
		}
	})
}

// UpdateUserRequires implements the operation's requirements: the user as it is and as it will be.
func (s *Service) UpdateUserRequires(ctx context.Context, in *iamapi.UpdateUserInput, r *wire.Requirements) error {
	return s.requireRename(ctx, r, "UpdateUser", user, in.UserName, in.NewUserName, in.NewPath)
}

func (s *Service) requireRename(ctx context.Context, r *wire.Requirements, action, kind, name string, newName, newPath *string) error {
	n, err := s.need(ctx, r, action, kind, name)
	if err != nil {
		return err
	}
	c := wire.CallOf(ctx)
	path := "/"
	err = s.view(ctx, func(r store.Reader) error {
		if e, ok := loadEntity(r, c.Account, kind, name); ok {
			path = e.Path
		}
		return nil
	})
	if to := arnOf(c.Account, kind, wire.Or(newPath, path), wire.Or(newName, name)); to != n.Resource {
		r.Need("iam:"+action, to)
	}
	return err
}

// DeleteUser implements the operation.
func (s *Service) DeleteUser(ctx context.Context, in *iamapi.DeleteUserInput) (*iamapi.DeleteUserOutput, error) {
	return &iamapi.DeleteUserOutput{}, s.remove(ctx, user, in.UserName, func(e *entity) error {
		switch {
		case len(e.Keys) > 0:
			return conflict("Cannot delete entity, must delete access keys first.")
		case len(e.Groups) > 0:
			return conflict("Cannot delete entity, must remove users from group first.")
		}
		return nil
	})
}

// DeleteUserRequires implements the operation's requirements.
func (s *Service) DeleteUserRequires(ctx context.Context, in *iamapi.DeleteUserInput, r *wire.Requirements) error {
	return s.require(ctx, r, "DeleteUser", user, in.UserName)
}

// ListGroupsForUser implements the operation.
func (s *Service) ListGroupsForUser(ctx context.Context, in *iamapi.ListGroupsForUserInput) (*iamapi.ListGroupsForUserOutput, error) {
	p, err := s.newPage(ctx, in.UserName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListGroupsForUserOutput{}
	err = s.look(ctx, user, in.UserName, func(r store.Reader, e *entity) error {
		out.Groups = []iamapi.Group{}
		for _, id := range cut(p, e.Groups) {
			if g, ok := entityByID(r, p.c.Account, id); ok {
				out.Groups = append(out.Groups, *showGroup(p.c.Account, g))
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

// ListGroupsForUserRequires implements the operation's requirements.
func (s *Service) ListGroupsForUserRequires(ctx context.Context, in *iamapi.ListGroupsForUserInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListGroupsForUser", user, in.UserName)
}
