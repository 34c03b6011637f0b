package iam

import (
	"context"
	"slices"
	"strings"
	"time"

	iamapi "virga/api/iam"
	"virga/internal/resource"
	"virga/internal/wire"
)

// ownersOf are the entities that the properties Groups, Roles and Users name.
func ownersOf(c *iamapi.Client, p resource.Properties) []owner {
	var out []owner
	for _, x := range []struct{ property, kind string }{{"Groups", group}, {"Roles", role}, {"Users", user}} {
		for _, n := range p.Strings(x.property) {
			out = append(out, owner{c, x.kind, n})
		}
	}
	return out
}

// policyType is AWS::IAM::Policy: one inline policy in several groups, roles and users.
type policyType struct{}

// Name implements resource.Type.
func (policyType) Name() string { return "AWS::IAM::Policy" }

// Supports implements resource.Type.
func (policyType) Supports() []string {
	return []string{"Groups", "PolicyDocument", "PolicyName", "Roles", "Users"}
}

// PhysicalName implements resource.Namer: the resource is an id of CloudFormation's alone.
func (policyType) PhysicalName(r *resource.Request) string { return r.Name(64) }

func (t policyType) apply(ctx context.Context, r *resource.Request, before, now resource.Properties) error {
	c := clientOf(r)
	doc, err := now.JSON("PolicyDocument")
	if err != nil {
		return err
	}
	want := ownersOf(c, now)
	if now != nil && len(want) == 0 {
		return wire.Invalid("At least one of [Groups,Roles,Users] must be non-empty.")
	}
	for _, o := range want {
		if err := o.put(ctx, now.Str("PolicyName"), doc); err != nil {
			return err
		}
	}
	for _, o := range ownersOf(c, before) {
		if now.Str("PolicyName") == before.Str("PolicyName") && slices.Contains(want, o) {
			continue
		}
		if err := o.drop(ctx, before.Str("PolicyName")); err != nil {
			return err
		}
	}
	return nil
}

// Create implements resource.Type.
func (t policyType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	if err := t.apply(ctx, r, nil, r.Properties); err != nil {
		return &resource.Progress{Physical: r.Physical}, err
	}
	return t.shown(r), nil
}

// Update implements resource.Type.
func (t policyType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	if err := t.apply(ctx, r, r.Previous, r.Properties); err != nil {
		return nil, err
	}
	return t.shown(r), nil
}

// Delete implements resource.Type.
func (t policyType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.shown(r), t.apply(ctx, r, r.Properties, nil)
}

func (policyType) shown(r *resource.Request) *resource.Progress {
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Id": r.Physical}}
}

// Read implements resource.Type.
func (t policyType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	for _, o := range ownersOf(clientOf(r), r.Properties) {
		if err := o.get(ctx, r.Properties.Str("PolicyName")); err != nil {
			return nil, err
		}
	}
	return t.shown(r), nil
}

// managedPolicyType is AWS::IAM::ManagedPolicy.
type managedPolicyType struct{}

// Name implements resource.Type.
func (managedPolicyType) Name() string { return "AWS::IAM::ManagedPolicy" }

// Supports implements resource.Type.
func (managedPolicyType) Supports() []string {
	return []string{"Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"}
}

// PhysicalName implements resource.Namer: the name; the resource's id is the ARN that Create gives.
func (managedPolicyType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("ManagedPolicyName"); n != "" {
		return n
	}
	return r.Name(128)
}

// Create implements resource.Type.
func (t managedPolicyType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	doc, err := r.Properties.JSON("PolicyDocument")
	if err != nil {
		return nil, err
	}
	name := r.Physical
	if strings.HasPrefix(name, "arn:") { // a repeat: Create had given the ARN
		name = policyName(name)
	}
	out, err := c.CreatePolicy(ctx, &iamapi.CreatePolicyInput{PolicyName: name, Path: text(r.Properties, "Path"), Description: text(r.Properties, "Description"), PolicyDocument: doc})
	if err != nil {
		return nil, err
	}
	made := *r
	made.Physical = *out.Policy.Arn
	for _, o := range ownersOf(c, r.Properties) {
		if err := o.attach(ctx, made.Physical); err != nil {
			return &resource.Progress{Physical: made.Physical}, err
		}
	}
	return t.Read(ctx, &made)
}

// Update implements resource.Type: a changed document becomes the default version, and the oldest makes room for it.
func (t managedPolicyType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	doc, err := r.Properties.JSON("PolicyDocument")
	if err != nil {
		return nil, err
	}
	if was, err := r.Previous.JSON("PolicyDocument"); err != nil || was != doc {
		if err := t.version(ctx, c, r.Physical, doc); err != nil {
			return nil, err
		}
	}
	want, before := ownersOf(c, r.Properties), ownersOf(c, r.Previous)
	for _, o := range want {
		if err := o.attach(ctx, r.Physical); err != nil {
			return nil, err
		}
	}
	for _, o := range before {
		if !slices.Contains(want, o) {
			if err := o.detach(ctx, r.Physical); err != nil {
				return nil, err
			}
		}
	}
	return t.Read(ctx, r)
}

func (managedPolicyType) version(ctx context.Context, c *iamapi.Client, arn, doc string) error {
	versions, err := c.ListPolicyVersions(ctx, &iamapi.ListPolicyVersionsInput{PolicyArn: arn})
	if err != nil {
		return err
	}
	for _, v := range versions.Versions {
		if !*v.IsDefaultVersion {
			continue
		}
		x, err := c.GetPolicyVersion(ctx, &iamapi.GetPolicyVersionInput{PolicyArn: arn, VersionId: *v.VersionId})
		if err != nil {
			return err
		}
		if *x.PolicyVersion.Document == *encoded(doc) {
			return nil // a repeat
		}
	}
	if l := versions.Versions; len(l) >= versionsMax {
		for i := len(l) - 1; i >= 0; i-- {
			if !*l[i].IsDefaultVersion {
				if _, err := c.DeletePolicyVersion(ctx, &iamapi.DeletePolicyVersionInput{PolicyArn: arn, VersionId: *l[i].VersionId}); gone(err) != nil {
					return err
				}
				break
			}
		}
	}
	_, err = c.CreatePolicyVersion(ctx, &iamapi.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: doc, SetAsDefault: wire.P(true)})
	return err
}

// Delete implements resource.Type.
func (managedPolicyType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	done := &resource.Progress{Physical: r.Physical}
	if !strings.HasPrefix(r.Physical, "arn:") {
		return done, nil // it was never made
	}
	for _, o := range ownersOf(c, r.Properties) {
		if err := o.detach(ctx, r.Physical); err != nil {
			return nil, err
		}
	}
	versions, err := c.ListPolicyVersions(ctx, &iamapi.ListPolicyVersionsInput{PolicyArn: r.Physical})
	if err != nil {
		return done, gone(err)
	}
	for _, v := range versions.Versions {
		if !*v.IsDefaultVersion {
			if _, err := c.DeletePolicyVersion(ctx, &iamapi.DeletePolicyVersionInput{PolicyArn: r.Physical, VersionId: *v.VersionId}); gone(err) != nil {
				return nil, err
			}
		}
	}
	_, err = c.DeletePolicy(ctx, &iamapi.DeletePolicyInput{PolicyArn: r.Physical})
	return done, gone(err)
}

// Read implements resource.Type.
func (managedPolicyType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	out, err := clientOf(r).GetPolicy(ctx, &iamapi.GetPolicyInput{PolicyArn: r.Physical})
	if err != nil {
		return nil, err
	}
	p := out.Policy
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"PolicyArn": *p.Arn, "PolicyId": *p.PolicyId, "AttachmentCount": int64(*p.AttachmentCount),
		"PermissionsBoundaryUsageCount": int64(*p.PermissionsBoundaryUsageCount), "DefaultVersionId": *p.DefaultVersionId, "IsAttachable": *p.IsAttachable,
		"CreateDate": p.CreateDate.Format(time.RFC3339), "UpdateDate": p.UpdateDate.Format(time.RFC3339)}}, nil
}

// inlineType is AWS::IAM::RolePolicy, AWS::IAM::UserPolicy or AWS::IAM::GroupPolicy: one inline policy of one entity.
type inlineType struct{ kind, name string }

// Name implements resource.Type.
func (t inlineType) Name() string { return t.name }

func (t inlineType) property() string { return title(t.kind) + "Name" }

// Supports implements resource.Type.
func (t inlineType) Supports() []string {
	return []string{"PolicyDocument", "PolicyName", t.property()}
}

// PhysicalName implements resource.Namer: the primary identifier of the published schema.
func (t inlineType) PhysicalName(r *resource.Request) string {
	return r.Properties.Str("PolicyName") + "|" + r.Properties.Str(t.property())
}

// shown gives Ref the policy's name (AWS CloudFormation Template Reference, AWS::IAM::RolePolicy, Return values).
func (t inlineType) shown(r *resource.Request) *resource.Progress {
	return &resource.Progress{Physical: r.Physical, Ref: r.Properties.Str("PolicyName")}
}

func (t inlineType) owner(r *resource.Request) owner {
	return owner{clientOf(r), t.kind, r.Properties.Str(t.property())}
}

// Create implements resource.Type.
func (t inlineType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	doc, err := r.Properties.JSON("PolicyDocument")
	if err != nil {
		return nil, err
	}
	return t.shown(r), t.owner(r).put(ctx, r.Properties.Str("PolicyName"), doc)
}

// Update implements resource.Type.
func (t inlineType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.Create(ctx, r)
}

// Delete implements resource.Type.
func (t inlineType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.shown(r), t.owner(r).drop(ctx, r.Properties.Str("PolicyName"))
}

// Read implements resource.Type.
func (t inlineType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.shown(r), t.owner(r).get(ctx, r.Properties.Str("PolicyName"))
}
