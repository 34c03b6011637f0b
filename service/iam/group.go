package iam

import (
	"context"
	"slices"
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/authority"
	"virga/internal/store"
	"virga/internal/wire"
)

func showGroup(account string, e *entity) *iamapi.Group {
	return &iamapi.Group{Path: e.Path, GroupName: e.Name, GroupId: e.ID, Arn: e.arn(account), CreateDate: e.Created}
}

// CreateGroup implements the operation.
func (s *Service) CreateGroup(ctx context.Context, in *iamapi.CreateGroupInput) (*iamapi.CreateGroupOutput, error) {
	e := &entity{Kind: group, Name: in.GroupName, ID: s.newID("AGPA"), Path: wire.Or(in.Path, "/"), Created: s.now()}
	if err := s.create(ctx, e, nil); err != nil {
		return nil, err
	}
	return &iamapi.CreateGroupOutput{Group: showGroup(wire.CallOf(ctx).Account, e)}, nil
}

// CreateGroupRequires implements the operation's requirements.
func (s *Service) CreateGroupRequires(ctx context.Context, in *iamapi.CreateGroupInput, r *wire.Requirements) error {
	return requireNew(r, "CreateGroup", "", arnOf(wire.CallOf(ctx).Account, group, wire.Or(in.Path, "/"), in.GroupName), nil, nil)
}

// GetGroup implements the operation: the group and its users.
func (s *Service) GetGroup(ctx context.Context, in *iamapi.GetGroupInput) (*iamapi.GetGroupOutput, error) {
	p, err := s.newPage(ctx, strings.ToLower(in.GroupName), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.GetGroupOutput{}
	err = s.look(ctx, group, in.GroupName, func(r store.Reader, e *entity) error {
		p.reset()
		out.Group, out.Users = showGroup(p.c.Account, e), []iamapi.User{}
		r.Range(p.span(membersOf(p.c.Account, e.ID)), func(k store.Key, _ []byte) bool {
			id := k.StrPart(2)
			mine, more := p.take(id)
			if mine {
				if u, ok := entityByID(r, p.c.Account, id); ok {
					out.Users = append(out.Users, *showUser(p.c.Account, u))
				}
			}
			return more
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = p.end()
	return out, err
}

// GetGroupRequires implements the operation's requirements.
func (s *Service) GetGroupRequires(ctx context.Context, in *iamapi.GetGroupInput, r *wire.Requirements) error {
	return s.require(ctx, r, "GetGroup", group, in.GroupName)
}

// ListGroups implements the operation.
func (s *Service) ListGroups(ctx context.Context, in *iamapi.ListGroupsInput) (*iamapi.ListGroupsOutput, error) {
	out := &iamapi.ListGroupsOutput{Groups: []iamapi.Group{}}
	var err error
	out.IsTruncated, out.Marker, err = s.list(ctx, group, in.PathPrefix, in.Marker, in.MaxItems, func(r store.Reader, e *entity) error {
		out.Groups = append(out.Groups, *showGroup(wire.CallOf(ctx).Account, e))
		return nil
	})
	return out, err
}

// ListGroupsRequires implements the operation's requirements.
func (s *Service) ListGroupsRequires(ctx context.Context, in *iamapi.ListGroupsInput, r *wire.Requirements) error {
	return requireList(ctx, r, "ListGroups", group, in.PathPrefix)
}

// UpdateGroup implements the operation.
func (s *Service) UpdateGroup(ctx context.Context, in *iamapi.UpdateGroupInput) (*iamapi.UpdateGroupOutput, error) {
	return &iamapi.UpdateGroupOutput{}, s.rename(ctx, group, in.GroupName, in.NewGroupName, in.NewPath, nil)
}

// UpdateGroupRequires implements the operation's requirements: the group as it is and as it will be.
func (s *Service) UpdateGroupRequires(ctx context.Context, in *iamapi.UpdateGroupInput, r *wire.Requirements) error {
	return s.requireRename(ctx, r, "UpdateGroup", group, in.GroupName, in.NewGroupName, in.NewPath)
}

// DeleteGroup implements the operation.
func (s *Service) DeleteGroup(ctx context.Context, in *iamapi.DeleteGroupInput) (*iamapi.DeleteGroupOutput, error) {
	return &iamapi.DeleteGroupOutput{}, s.remove(ctx, group, in.GroupName, func(e *entity) error {
		if e.Members > 0 {
			return conflict("Cannot delete entity, must remove users from group first.")
		}
		return nil
	})
}

// DeleteGroupRequires implements the operation's requirements.
func (s *Service) DeleteGroupRequires(ctx context.Context, in *iamapi.DeleteGroupInput, r *wire.Requirements) error {
	return s.require(ctx, r, "DeleteGroup", group, in.GroupName)
}

// member makes a user a member of a group, or ends it.
func (s *Service) member(ctx context.Context, groupName, userName string, in bool) error {
	c := wire.CallOf(ctx)
	gk, uk := entityKey(c.Account, group, groupName), entityKey(c.Account, user, userName)
	return s.cfg.Store.Update(ctx, []store.Key{gk, uk}, func(tx store.Tx) error {
		g, ok := store.Load[entity](tx, gk)
		if !ok {
			return noEntity(group, groupName)
		}
		u, ok := store.Load[entity](tx, uk)
		if !ok {
			return noEntity(user, userName)
		}
		if slices.Contains(u.Groups, g.ID) == in {
			return nil
		}
		mk := membersOf(c.Account, g.ID).Str(u.ID)
		if in {
			if len(u.Groups) == groupsOfUserMax {
				return overQuota("GroupsPerUser", groupsOfUserMax)
			}
			u.Groups = append(u.Groups, g.ID)
			g.Members++
			tx.Set(mk, []byte{1})
		} else {
			u.Groups = slices.DeleteFunc(u.Groups, func(id string) bool { return id == g.ID })
			g.Members--
			tx.Delete(mk)
		}
		store.Put(tx, gk, g)
		store.Put(tx, uk, u)
		tx.Bump(authority.Scope(c.Account))
		return nil
	})
}

// AddUserToGroup implements the operation.
func (s *Service) AddUserToGroup(ctx context.Context, in *iamapi.AddUserToGroupInput) (*iamapi.AddUserToGroupOutput, error) {
	return &iamapi.AddUserToGroupOutput{}, s.member(ctx, in.GroupName, in.UserName, true)
}

// AddUserToGroupRequires implements the operation's requirements.
func (s *Service) AddUserToGroupRequires(ctx context.Context, in *iamapi.AddUserToGroupInput, r *wire.Requirements) error {
	return s.require(ctx, r, "AddUserToGroup", group, in.GroupName)
}

// RemoveUserFromGroup implements the operation.
func (s *Service) RemoveUserFromGroup(ctx context.Context, in *iamapi.RemoveUserFromGroupInput) (*iamapi.RemoveUserFromGroupOutput, error) {
	return &iamapi.RemoveUserFromGroupOutput{}, s.member(ctx, in.GroupName, in.UserName, false)
}

// RemoveUserFromGroupRequires implements the operation's requirements.
func (s *Service) RemoveUserFromGroupRequires(ctx context.Context, in *iamapi.RemoveUserFromGroupInput, r *wire.Requirements) error {
	return s.require(ctx, r, "RemoveUserFromGroup", group, in.GroupName)
}
