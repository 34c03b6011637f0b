package iam

import (
	"context"
	"slices"
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/resource"
	"virga/internal/wire"
)

func types() []resource.Type {
	return []resource.Type{roleType{}, userType{}, groupType{}, policyType{}, managedPolicyType{}, accessKeyType{},
		inlineType{role, "AWS::IAM::RolePolicy"}, inlineType{user, "AWS::IAM::UserPolicy"}, inlineType{group, "AWS::IAM::GroupPolicy"}}
}

// owner is a user, group or role whose policies a resource type keeps.
type owner struct {
	c          *iamapi.Client
	kind, name string
}

func clientOf(r *resource.Request) *iamapi.Client { return &iamapi.Client{Invoker: r.Invoker} }

// gone takes what is not there any more for done.
func gone(err error) error {
	if wire.CodeOf(err) == "NoSuchEntity" {
		return nil
	}
	return err
}

func (o owner) put(ctx context.Context, policy, doc string) (err error) {
	switch o.kind {
	case user:
		_, err = o.c.PutUserPolicy(ctx, &iamapi.PutUserPolicyInput{UserName: o.name, PolicyName: policy, PolicyDocument: doc})
	case group:
		_, err = o.c.PutGroupPolicy(ctx, &iamapi.PutGroupPolicyInput{GroupName: o.name, PolicyName: policy, PolicyDocument: doc})
	default:
		_, err = o.c.PutRolePolicy(ctx, &iamapi.PutRolePolicyInput{RoleName: o.name, PolicyName: policy, PolicyDocument: doc})
	}
	return err
}

func (o owner) get(ctx context.Context, policy string) (err error) {
	switch o.kind {
	case user:
		_, err = o.c.GetUserPolicy(ctx, &iamapi.GetUserPolicyInput{UserName: o.name, PolicyName: policy})
	case group:
		_, err = o.c.GetGroupPolicy(ctx, &iamapi.GetGroupPolicyInput{GroupName: o.name, PolicyName: policy})
	default:
		_, err = o.c.GetRolePolicy(ctx, &iamapi.GetRolePolicyInput{RoleName: o.name, PolicyName: policy})
	}
	return err
}

func (o owner) drop(ctx context.Context, policy string) (err error) {
	switch o.kind {
	case user:
		_, err = o.c.DeleteUserPolicy(ctx, &iamapi.DeleteUserPolicyInput{UserName: o.name, PolicyName: policy})
	case group:
		_, err = o.c.DeleteGroupPolicy(ctx, &iamapi.DeleteGroupPolicyInput{GroupName: o.name, PolicyName: policy})
	default:
		_, err = o.c.DeleteRolePolicy(ctx, &iamapi.DeleteRolePolicyInput{RoleName: o.name, PolicyName: policy})
	}
	return gone(err)
}

func (o owner) attach(ctx context.Context, arn string) (err error) {
	switch o.kind {
	case user:
		_, err = o.c.AttachUserPolicy(ctx, &iamapi.AttachUserPolicyInput{UserName: o.name, PolicyArn: arn})
	case group:
		_, err = o.c.AttachGroupPolicy(ctx, &iamapi.AttachGroupPolicyInput{GroupName: o.name, PolicyArn: arn})
	default:
		_, err = o.c.AttachRolePolicy(ctx, &iamapi.AttachRolePolicyInput{RoleName: o.name, PolicyArn: arn})
	}
	return err
}

func (o owner) detach(ctx context.Context, arn string) (err error) {
	switch o.kind {
	case user:
		_, err = o.c.DetachUserPolicy(ctx, &iamapi.DetachUserPolicyInput{UserName: o.name, PolicyArn: arn})
	case group:
		_, err = o.c.DetachGroupPolicy(ctx, &iamapi.DetachGroupPolicyInput{GroupName: o.name, PolicyArn: arn})
	default:
		_, err = o.c.DetachRolePolicy(ctx, &iamapi.DetachRolePolicyInput{RoleName: o.name, PolicyArn: arn})
	}
	return gone(err)
}

type namedDocument struct{ name, doc string }

// policiesOfTemplate reads the property Policies.
func policiesOfTemplate(p resource.Properties) ([]namedDocument, error) {
	var out []namedDocument
	for _, x := range p.List("Policies") {
		m, ok := x.(map[string]any)
		if !ok {
			return nil, wire.Invalid("Value of property Policies must be a list of objects")
		}
		doc, err := resource.Properties(m).JSON("PolicyDocument")
		if err != nil {
			return nil, err
		}
		out = append(out, namedDocument{resource.Text(m["PolicyName"]), doc})
	}
	return out, nil
}

// keep makes inline and attached policies what now says, and ends what only before said. Every act may be repeated.
func (o owner) keep(ctx context.Context, before, now resource.Properties) error {
	old, err := policiesOfTemplate(before)
	if err != nil {
		return err
	}
	want, err := policiesOfTemplate(now)
	if err != nil {
		return err
	}
	for _, arn := range before.Strings("ManagedPolicyArns") {
		if !slices.Contains(now.Strings("ManagedPolicyArns"), arn) {
			if err := o.detach(ctx, arn); err != nil {
				return err
			}
		}
	}
	for _, p := range old {
		if !slices.ContainsFunc(want, func(w namedDocument) bool { return w.name == p.name }) {
			if err := o.drop(ctx, p.name); err != nil {
				return err
			}
		}
	}
	for _, arn := range now.Strings("ManagedPolicyArns") {
		if err := o.attach(ctx, arn); err != nil {
			return err
		}
	}
	for _, p := range want {
		if err := o.put(ctx, p.name, p.doc); err != nil {
			return err
		}
	}
	return nil
}

// tagsOfTemplate are the tags of the resource and of the stack; tags of the system are not kept by IAM.
func tagsOfTemplate(stack map[string]string, p resource.Properties) ([]iamapi.Tag, error) {
	all := map[string]string{}
	for k, v := range stack {
		if !strings.HasPrefix(strings.ToLower(k), "aws:") {
			all[k] = v
		}
	}
	var own []iamapi.Tag
	if err := p.Decode("Tags", &own); err != nil {
		return nil, err
	}
	for _, t := range own {
		all[t.Key] = t.Value
	}
	var out []iamapi.Tag
	for k, v := range all {
		out = append(out, iamapi.Tag{Key: k, Value: v})
	}
	slices.SortFunc(out, func(a, b iamapi.Tag) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// lostTags are the keys that only before has.
func lostTags(before resource.Properties, now []iamapi.Tag) []string {
	var old []iamapi.Tag
	if before.Decode("Tags", &old) != nil {
		return nil
	}
	var out []string
	for _, t := range old {
		if !slices.ContainsFunc(now, func(n iamapi.Tag) bool { return strings.EqualFold(n.Key, t.Key) }) {
			out = append(out, t.Key)
		}
	}
	return out
}

func text(p resource.Properties, name string) *string {
	if !p.Has(name) {
		return nil
	}
	return wire.P(p.Str(name))
}
