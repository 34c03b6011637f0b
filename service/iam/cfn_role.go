package iam

import (
	"context"

	iamapi "virga/api/iam"
	"virga/internal/resource"
	"virga/internal/wire"
)

// roleType is AWS::IAM::Role.
type roleType struct{}

// Name implements resource.Type.
func (roleType) Name() string { return "AWS::IAM::Role" }

// Supports implements resource.Type.
func (roleType) Supports() []string {
	return []string{"AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path", "PermissionsBoundary", "Policies", "RoleName", "Tags"}
}

// PhysicalName implements resource.Namer.
func (roleType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("RoleName"); n != "" {
		return n
	}
	return r.Name(64)
}

// Create implements resource.Type.
func (t roleType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	trust, err := r.Properties.JSON("AssumeRolePolicyDocument")
	if err != nil {
		return nil, err
	}
	tags, err := tagsOfTemplate(r.Tags, r.Properties)
	if err != nil {
		return nil, err
	}
	in := &iamapi.CreateRoleInput{RoleName: r.Physical, Path: text(r.Properties, "Path"), AssumeRolePolicyDocument: trust, Description: text(r.Properties, "Description"),
		PermissionsBoundary: text(r.Properties, "PermissionsBoundary"), Tags: tags}
	if err := r.Properties.Decode("MaxSessionDuration", &in.MaxSessionDuration); err != nil {
		return nil, err
	}
	if _, err := c.CreateRole(ctx, in); err != nil {
		return nil, err
	}
	if err := (owner{c, role, r.Physical}).keep(ctx, nil, r.Properties); err != nil {
		return &resource.Progress{Physical: r.Physical}, err
	}
	return t.Read(ctx, r)
}

// Update implements resource.Type.
func (t roleType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	p := r.Properties
	trust, err := p.JSON("AssumeRolePolicyDocument")
	if err != nil {
		return nil, err
	}
	if was, err := r.Previous.JSON("AssumeRolePolicyDocument"); err != nil || was != trust {
		if _, err := c.UpdateAssumeRolePolicy(ctx, &iamapi.UpdateAssumeRolePolicyInput{RoleName: r.Physical, PolicyDocument: trust}); err != nil {
			return nil, err
		}
	}
	in := &iamapi.UpdateRoleInput{RoleName: r.Physical, Description: wire.P(p.Str("Description")), MaxSessionDuration: wire.P(int32(sessionDefault))}
	if p.Has("MaxSessionDuration") {
		if err := p.Decode("MaxSessionDuration", &in.MaxSessionDuration); err != nil {
			return nil, err
		}
	}
	if _, err := c.UpdateRole(ctx, in); err != nil {
		return nil, err
	}
	if b := p.Str("PermissionsBoundary"); b != r.Previous.Str("PermissionsBoundary") {
		if b != "" {
			_, err = c.PutRolePermissionsBoundary(ctx, &iamapi.PutRolePermissionsBoundaryInput{RoleName: r.Physical, PermissionsBoundary: b})
		} else {
			_, err = c.DeleteRolePermissionsBoundary(ctx, &iamapi.DeleteRolePermissionsBoundaryInput{RoleName: r.Physical})
			err = gone(err)
		}
		if err != nil {
			return nil, err
		}
	}
	tags, err := tagsOfTemplate(r.Tags, p)
	if err != nil {
		return nil, err
	}
	if lost := lostTags(r.Previous, tags); len(lost) > 0 {
		if _, err := c.UntagRole(ctx, &iamapi.UntagRoleInput{RoleName: r.Physical, TagKeys: lost}); err != nil {
			return nil, err
		}
	}
	if len(tags) > 0 {
		if _, err := c.TagRole(ctx, &iamapi.TagRoleInput{RoleName: r.Physical, Tags: tags}); err != nil {
			return nil, err
		}
	}
	if err := (owner{c, role, r.Physical}).keep(ctx, r.Previous, p); err != nil {
		return nil, err
	}
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (roleType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	if err := (owner{c, role, r.Physical}).keep(ctx, r.Properties, nil); err != nil {
		return nil, err
	}
	_, err := c.DeleteRole(ctx, &iamapi.DeleteRoleInput{RoleName: r.Physical})
	return &resource.Progress{Physical: r.Physical}, gone(err)
}

// Read implements resource.Type.
func (roleType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	out, err := clientOf(r).GetRole(ctx, &iamapi.GetRoleInput{RoleName: r.Physical})
	if err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Arn": out.Role.Arn, "RoleId": out.Role.RoleId}}, nil
}
