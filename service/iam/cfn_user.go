package iam

import (
	"context"
	"slices"

	iamapi "virga/api/iam"
	"virga/internal/resource"
	"virga/internal/wire"
)

// userType is AWS::IAM::User.
type userType struct{}

// Name implements resource.Type.
func (userType) Name() string { return "AWS::IAM::User" }

// Supports implements resource.Type.
func (userType) Supports() []string {
	return []string{"Groups", "ManagedPolicyArns", "Path", "PermissionsBoundary", "Policies", "Tags", "UserName"}
}

// PhysicalName implements resource.Namer.
func (userType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("UserName"); n != "" {
		return n
	}
	return r.Name(64)
}

// groupsOf makes the user a member of what now says, and of what only before said no more.
func (userType) groupsOf(ctx context.Context, c *iamapi.Client, name string, before, now resource.Properties) error {
	for _, g := range before.Strings("Groups") {
		if !slices.Contains(now.Strings("Groups"), g) {
			if _, err := c.RemoveUserFromGroup(ctx, &iamapi.RemoveUserFromGroupInput{GroupName: g, UserName: name}); gone(err) != nil {
				return err
			}
		}
	}
	for _, g := range now.Strings("Groups") {
		if _, err := c.AddUserToGroup(ctx, &iamapi.AddUserToGroupInput{GroupName: g, UserName: name}); err != nil {
			return err
		}
	}
	return nil
}

// Create implements resource.Type.
func (t userType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	tags, err := tagsOfTemplate(r.Tags, r.Properties)
	if err != nil {
		return nil, err
	}
	if _, err := c.CreateUser(ctx, &iamapi.CreateUserInput{UserName: r.Physical, Path: text(r.Properties, "Path"), PermissionsBoundary: text(r.Properties, "PermissionsBoundary"), Tags: tags}); err != nil {
		return nil, err
	}
	err = (owner{c, user, r.Physical}).keep(ctx, nil, r.Properties)
	if err == nil {
		err = t.groupsOf(ctx, c, r.Physical, nil, r.Properties)
	}
	if err != nil {
		return &resource.Progress{Physical: r.Physical}, err
	}
	return t.Read(ctx, r)
}

// Update implements resource.Type.
func (t userType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	p := r.Properties
	if p.Str("Path") != r.Previous.Str("Path") {
		path := p.Str("Path")
		if path == "" {
			path = "/"
		}
		if _, err := c.UpdateUser(ctx, &iamapi.UpdateUserInput{UserName: r.Physical, NewPath: &path}); err != nil {
			return nil, err
		}
	}
	if b := p.Str("PermissionsBoundary"); b != r.Previous.Str("PermissionsBoundary") {
		var err error
		if b != "" {
			_, err = c.PutUserPermissionsBoundary(ctx, &iamapi.PutUserPermissionsBoundaryInput{UserName: r.Physical, PermissionsBoundary: b})
		} else {
			_, err = c.DeleteUserPermissionsBoundary(ctx, &iamapi.DeleteUserPermissionsBoundaryInput{UserName: r.Physical})
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
		if _, err := c.UntagUser(ctx, &iamapi.UntagUserInput{UserName: r.Physical, TagKeys: lost}); err != nil {
			return nil, err
		}
	}
	if len(tags) > 0 {
		if _, err := c.TagUser(ctx, &iamapi.TagUserInput{UserName: r.Physical, Tags: tags}); err != nil {
			return nil, err
		}
	}
	if err := (owner{c, user, r.Physical}).keep(ctx, r.Previous, p); err != nil {
		return nil, err
	}
	if err := t.groupsOf(ctx, c, r.Physical, r.Previous, p); err != nil {
		return nil, err
	}
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (t userType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	if err := (owner{c, user, r.Physical}).keep(ctx, r.Properties, nil); err != nil {
		return nil, err
	}
	if err := t.groupsOf(ctx, c, r.Physical, r.Properties, nil); err != nil {
		return nil, err
	}
	_, err := c.DeleteUser(ctx, &iamapi.DeleteUserInput{UserName: r.Physical})
	return &resource.Progress{Physical: r.Physical}, gone(err)
}

// Read implements resource.Type.
func (userType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	out, err := clientOf(r).GetUser(ctx, &iamapi.GetUserInput{UserName: &r.Physical})
	if err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Arn": out.User.Arn}}, nil
}

// groupType is AWS::IAM::Group.
type groupType struct{}

// Name implements resource.Type.
func (groupType) Name() string { return "AWS::IAM::Group" }

// Supports implements resource.Type.
func (groupType) Supports() []string {
	return []string{"GroupName", "ManagedPolicyArns", "Path", "Policies"}
}

// PhysicalName implements resource.Namer.
func (groupType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("GroupName"); n != "" {
		return n
	}
	return r.Name(128)
}

// Create implements resource.Type.
func (t groupType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	if _, err := c.CreateGroup(ctx, &iamapi.CreateGroupInput{GroupName: r.Physical, Path: text(r.Properties, "Path")}); err != nil {
		return nil, err
	}
	if err := (owner{c, group, r.Physical}).keep(ctx, nil, r.Properties); err != nil {
		return &resource.Progress{Physical: r.Physical}, err
	}
	return t.Read(ctx, r)
}

// Update implements resource.Type.
func (t groupType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	if p := r.Properties.Str("Path"); p != r.Previous.Str("Path") {
		if p == "" {
			p = "/"
		}
		if _, err := c.UpdateGroup(ctx, &iamapi.UpdateGroupInput{GroupName: r.Physical, NewPath: &p}); err != nil {
			return nil, err
		}
	}
	if err := (owner{c, group, r.Physical}).keep(ctx, r.Previous, r.Properties); err != nil {
		return nil, err
	}
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (groupType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	if err := (owner{c, group, r.Physical}).keep(ctx, r.Properties, nil); err != nil {
		return nil, err
	}
	_, err := c.DeleteGroup(ctx, &iamapi.DeleteGroupInput{GroupName: r.Physical})
	return &resource.Progress{Physical: r.Physical}, gone(err)
}

// Read implements resource.Type.
func (groupType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	out, err := clientOf(r).GetGroup(ctx, &iamapi.GetGroupInput{GroupName: r.Physical, MaxItems: wire.P(int32(1))})
	if err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Arn": out.Group.Arn}}, nil
}
