package iam

import (
	"context"
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/store"
	"virga/internal/wire"
)

// servicePath is the path of service-linked roles, and of the policies that are for them alone.
const servicePath = "/aws-service-role/"

// showRole is a role as lists show it.
func showRole(r store.Reader, account string, e *entity) *iamapi.Role {
	return &iamapi.Role{Path: e.Path, RoleName: e.Name, RoleId: e.ID, Arn: e.arn(account), CreateDate: e.Created,
		AssumeRolePolicyDocument: encoded(shownTrust(r, e)), MaxSessionDuration: &e.MaxSession, Description: optional(e.Description)}
}

// fullRole is a role as GetRole shows it.
func fullRole(r store.Reader, account string, e *entity) *iamapi.Role {
	out := showRole(r, account, e)
	out.Tags, out.PermissionsBoundary, out.RoleLastUsed = showTags(e.Tags), showBoundary(e.Boundary), &iamapi.RoleLastUsed{}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// CreateRole implements the operation.
func (s *Service) CreateRole(ctx context.Context, in *iamapi.CreateRoleInput) (*iamapi.CreateRoleOutput, error) {
	c := wire.CallOf(ctx)
	tags, err := addTags(nil, in.Tags, "Role")
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(wire.V(in.Path), servicePath) {
		return nil, &iamapi.InvalidInputException{Message: "The path " + servicePath + " is reserved for roles that services make for themselves."}
	}
	if in.PermissionsBoundary != nil {
		if err := checkPolicyARN(*in.PermissionsBoundary); err != nil {
			return nil, err
		}
	}
	if err := validateTrust(in.AssumeRolePolicyDocument, s.cfg.Domain); err != nil {
		return nil, err
	}
	e := &entity{Kind: role, Name: in.RoleName, ID: s.newID("AROA"), Path: wire.Or(in.Path, "/"), Created: s.now(), Tags: tags,
		Boundary: wire.V(in.PermissionsBoundary), Description: wire.V(in.Description), MaxSession: wire.Or(in.MaxSessionDuration, sessionDefault),
		Trust: in.AssumeRolePolicyDocument}
	err = s.create(ctx, e, func(tx store.Tx) (err error) {
		e.Principals, err = resolveTrust(tx, wire.CallOf(ctx).Account, e.Trust)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateRoleOutput{Role: &iamapi.Role{Path: e.Path, RoleName: e.Name, RoleId: e.ID, Arn: e.arn(c.Account), CreateDate: e.Created,
		AssumeRolePolicyDocument: encoded(e.Trust), Tags: showTags(tags), PermissionsBoundary: showBoundary(e.Boundary)}}, nil
}

// CreateRoleRequires implements the operation's requirements.
func (s *Service) CreateRoleRequires(ctx context.Context, in *iamapi.CreateRoleInput, r *wire.Requirements) error {
	return requireNew(r, "CreateRole", "TagRole", arnOf(wire.CallOf(ctx).Account, role, wire.Or(in.Path, "/"), in.RoleName), in.PermissionsBoundary, in.Tags)
}

// GetRole implements the operation.
func (s *Service) GetRole(ctx context.Context, in *iamapi.GetRoleInput) (*iamapi.GetRoleOutput, error) {
	out := &iamapi.GetRoleOutput{}
	err := s.look(ctx, role, in.RoleName, func(r store.Reader, e *entity) error {
		out.Role = fullRole(r, wire.CallOf(ctx).Account, e)
		return nil
	})
	return out, err
}

// GetRoleRequires implements the operation's requirements.
func (s *Service) GetRoleRequires(ctx context.Context, in *iamapi.GetRoleInput, r *wire.Requirements) error {
	return s.require(ctx, r, "GetRole", role, in.RoleName)
}

// ListRoles implements the operation.
func (s *Service) ListRoles(ctx context.Context, in *iamapi.ListRolesInput) (*iamapi.ListRolesOutput, error) {
	out := &iamapi.ListRolesOutput{Roles: []iamapi.Role{}}
	var err error
	out.IsTruncated, out.Marker, err = s.list(ctx, role, in.PathPrefix, in.Marker, in.MaxItems, func(r store.Reader, e *entity) error {
		out.Roles = append(out.Roles, *showRole(r, wire.CallOf(ctx).Account, e))
		return nil
	})
	return out, err
}

// ListRolesRequires implements the operation's requirements.
func (s *Service) ListRolesRequires(ctx context.Context, in *iamapi.ListRolesInput, r *wire.Requirements) error {
	return requireList(ctx, r, "ListRoles", role, in.PathPrefix)
}

// UpdateRole implements the operation.
func (s *Service) UpdateRole(ctx context.Context, in *iamapi.UpdateRoleInput) (*iamapi.UpdateRoleOutput, error) {
	return &iamapi.UpdateRoleOutput{}, s.change(ctx, role, in.RoleName, func(tx store.Tx, e *entity) error {
		e.Description = wire.Or(in.Description, e.Description)
		e.MaxSession = wire.Or(in.MaxSessionDuration, e.MaxSession)
		return nil
	})
}

// UpdateRoleRequires implements the operation's requirements.
func (s *Service) UpdateRoleRequires(ctx context.Context, in *iamapi.UpdateRoleInput, r *wire.Requirements) error {
	return s.require(ctx, r, "UpdateRole", role, in.RoleName)
}

// UpdateRoleDescription implements the operation.
func (s *Service) UpdateRoleDescription(ctx context.Context, in *iamapi.UpdateRoleDescriptionInput) (*iamapi.UpdateRoleDescriptionOutput, error) {
	out := &iamapi.UpdateRoleDescriptionOutput{}
	err := s.change(ctx, role, in.RoleName, func(tx store.Tx, e *entity) error {
		e.Description = in.Description
		out.Role = fullRole(tx, wire.CallOf(ctx).Account, e)
		return nil
	})
	return out, err
}

// UpdateRoleDescriptionRequires implements the operation's requirements.
func (s *Service) UpdateRoleDescriptionRequires(ctx context.Context, in *iamapi.UpdateRoleDescriptionInput, r *wire.Requirements) error {
	return s.require(ctx, r, "UpdateRoleDescription", role, in.RoleName)
}

// UpdateAssumeRolePolicy implements the operation.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *iamapi.UpdateAssumeRolePolicyInput) (*iamapi.UpdateAssumeRolePolicyOutput, error) {
	if err := validateTrust(in.PolicyDocument, s.cfg.Domain); err != nil {
		return nil, err
	}
	return &iamapi.UpdateAssumeRolePolicyOutput{}, s.change(ctx, role, in.RoleName, func(tx store.Tx, e *entity) (err error) {
		e.Trust = in.PolicyDocument
		e.Principals, err = resolveTrust(tx, wire.CallOf(ctx).Account, e.Trust)
		return err
	})
}

// UpdateAssumeRolePolicyRequires implements the operation's requirements.
func (s *Service) UpdateAssumeRolePolicyRequires(ctx context.Context, in *iamapi.UpdateAssumeRolePolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "UpdateAssumeRolePolicy", role, in.RoleName)
}

// DeleteRole implements the operation.
func (s *Service) DeleteRole(ctx context.Context, in *iamapi.DeleteRoleInput) (*iamapi.DeleteRoleOutput, error) {
	return &iamapi.DeleteRoleOutput{}, s.remove(ctx, role, in.RoleName, nil)
}

// DeleteRoleRequires implements the operation's requirements.
func (s *Service) DeleteRoleRequires(ctx context.Context, in *iamapi.DeleteRoleInput, r *wire.Requirements) error {
	return s.require(ctx, r, "DeleteRole", role, in.RoleName)
}

// ListInstanceProfilesForRole implements the operation: instance profiles cannot be made here, so a role is in none.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *iamapi.ListInstanceProfilesForRoleInput) (*iamapi.ListInstanceProfilesForRoleOutput, error) {
	out := &iamapi.ListInstanceProfilesForRoleOutput{InstanceProfiles: []iamapi.InstanceProfile{}, IsTruncated: wire.P(false)}
	return out, s.look(ctx, role, in.RoleName, func(store.Reader, *entity) error { return nil })
}

// ListInstanceProfilesForRoleRequires implements the operation's requirements.
func (s *Service) ListInstanceProfilesForRoleRequires(ctx context.Context, in *iamapi.ListInstanceProfilesForRoleInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListInstanceProfilesForRole", role, in.RoleName)
}
