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

// addTags puts tags on tags; keys are unique regardless of case and keep the spelling they first had.
func addTags(old []tag, add []iamapi.Tag, what string) ([]tag, error) {
	out := slices.Clone(old)
	seen := map[string]bool{}
	for _, t := range add {
		low := strings.ToLower(t.Key)
		if seen[low] {
			return nil, &iamapi.InvalidInputException{Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive."}
		}
		seen[low] = true
		if strings.HasPrefix(low, "aws:") {
			return nil, &iamapi.InvalidInputException{Message: "Tag keys cannot start with the reserved prefix aws:."}
		}
		if i := slices.IndexFunc(out, func(o tag) bool { return strings.EqualFold(o.Key, t.Key) }); i >= 0 {
			out[i].Value = t.Value
		} else {
			out = append(out, tag{t.Key, t.Value})
		}
	}
	if len(out) > tagsMax {
		return nil, overQuota("TagsPer"+what, tagsMax)
	}
	slices.SortFunc(out, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func dropTags(old []tag, keys []string) []tag {
	return slices.DeleteFunc(slices.Clone(old), func(t tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, t.Key) })
	})
}

func showTags(tags []tag) []iamapi.Tag {
	var out []iamapi.Tag
	for _, t := range tags {
		out = append(out, iamapi.Tag{Key: t.Key, Value: t.Value})
	}
	return out
}

func (s *Service) tag(ctx context.Context, kind, name, what string, tags []iamapi.Tag) error {
	return s.change(ctx, kind, name, func(tx store.Tx, e *entity) (err error) {
		e.Tags, err = addTags(e.Tags, tags, what)
		return err
	})
}

func (s *Service) untag(ctx context.Context, kind, name string, keys []string) error {
	return s.change(ctx, kind, name, func(tx store.Tx, e *entity) error {
		e.Tags = dropTags(e.Tags, keys)
		return nil
	})
}

func (s *Service) listTags(ctx context.Context, kind, name string, marker *string, maxItems *int32) (tags []iamapi.Tag, more *bool, next *string, err error) {
	p, err := s.newPage(ctx, strings.ToLower(name), marker, maxItems)
	if err != nil {
		return nil, nil, nil, err
	}
	err = s.look(ctx, kind, name, func(r store.Reader, e *entity) error {
		tags = cut(p, showTags(e.Tags))
		return nil
	})
	if err != nil {
		return nil, nil, nil, err
	}
	more, next, err = p.end()
	return tags, more, next, err
}

func (s *Service) requireTag(ctx context.Context, r *wire.Requirements, action, kind, name string, tags []iamapi.Tag) error {
	n, err := s.need(ctx, r, action, kind, name)
	if err == nil {
		n.Conditions = append(n.Conditions, requestTags(tags)...)
	}
	return err
}

func (s *Service) requireUntag(ctx context.Context, r *wire.Requirements, action, kind, name string, keys []string) error {
	n, err := s.need(ctx, r, action, kind, name)
	if err == nil {
		n.Conditions = append(n.Conditions, wire.Condition{Key: "aws:TagKeys", Values: keys})
	}
	return err
}

// TagUser implements the operation.
func (s *Service) TagUser(ctx context.Context, in *iamapi.TagUserInput) (*iamapi.TagUserOutput, error) {
	return &iamapi.TagUserOutput{}, s.tag(ctx, user, in.UserName, "User", in.Tags)
}

// TagUserRequires implements the operation's requirements.
func (s *Service) TagUserRequires(ctx context.Context, in *iamapi.TagUserInput, r *wire.Requirements) error {
	return s.requireTag(ctx, r, "TagUser", user, in.UserName, in.Tags)
}

// UntagUser implements the operation.
func (s *Service) UntagUser(ctx context.Context, in *iamapi.UntagUserInput) (*iamapi.UntagUserOutput, error) {
	return &iamapi.UntagUserOutput{}, s.untag(ctx, user, in.UserName, in.TagKeys)
}

// UntagUserRequires implements the operation's requirements.
func (s *Service) UntagUserRequires(ctx context.Context, in *iamapi.UntagUserInput, r *wire.Requirements) error {
	return s.requireUntag(ctx, r, "UntagUser", user, in.UserName, in.TagKeys)
}

// ListUserTags implements the operation.
func (s *Service) ListUserTags(ctx context.Context, in *iamapi.ListUserTagsInput) (*iamapi.ListUserTagsOutput, error) {
	tags, more, next, err := s.listTags(ctx, user, in.UserName, in.Marker, in.MaxItems)
	return &iamapi.ListUserTagsOutput{Tags: tags, IsTruncated: more, Marker: next}, err
}

// ListUserTagsRequires implements the operation's requirements.
func (s *Service) ListUserTagsRequires(ctx context.Context, in *iamapi.ListUserTagsInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListUserTags", user, in.UserName)
}

// TagRole implements the operation.
func (s *Service) TagRole(ctx context.Context, in *iamapi.TagRoleInput) (*iamapi.TagRoleOutput, error) {
	return &iamapi.TagRoleOutput{}, s.tag(ctx, role, in.RoleName, "Role", in.Tags)
}

// TagRoleRequires implements the operation's requirements.
func (s *Service) TagRoleRequires(ctx context.Context, in *iamapi.TagRoleInput, r *wire.Requirements) error {
	return s.requireTag(ctx, r, "TagRole", role, in.RoleName, in.Tags)
}

// UntagRole implements the operation.
func (s *Service) UntagRole(ctx context.Context, in *iamapi.UntagRoleInput) (*iamapi.UntagRoleOutput, error) {
	return &iamapi.UntagRoleOutput{}, s.untag(ctx, role, in.RoleName, in.TagKeys)
}

// UntagRoleRequires implements the operation's requirements.
func (s *Service) UntagRoleRequires(ctx context.Context, in *iamapi.UntagRoleInput, r *wire.Requirements) error {
	return s.requireUntag(ctx, r, "UntagRole", role, in.RoleName, in.TagKeys)
}

// ListRoleTags implements the operation.
func (s *Service) ListRoleTags(ctx context.Context, in *iamapi.ListRoleTagsInput) (*iamapi.ListRoleTagsOutput, error) {
	tags, more, next, err := s.listTags(ctx, role, in.RoleName, in.Marker, in.MaxItems)
	return &iamapi.ListRoleTagsOutput{Tags: tags, IsTruncated: more, Marker: next}, err
}

// ListRoleTagsRequires implements the operation's requirements.
func (s *Service) ListRoleTagsRequires(ctx context.Context, in *iamapi.ListRoleTagsInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListRoleTags", role, in.RoleName)
}

// changePolicy runs fn on a customer managed policy and writes it back.
func (s *Service) changePolicy(ctx context.Context, arn string, fn func(tx store.Tx, p *managed) error) error {
	c := wire.CallOf(ctx)
	if err := ownPolicy(c, arn); err != nil {
		return err
	}
	return s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		p, ok := policyByARN(tx, c.Account, arn)
		if !ok {
			return noPolicy(arn)
		}
		if err := fn(tx, p); err != nil {
			return err
		}
		store.Put(tx, policyKey(c.Account, p.Name), p)
		tx.Bump(authority.Scope(c.Account))
		return nil
	})
}

// TagPolicy implements the operation.
func (s *Service) TagPolicy(ctx context.Context, in *iamapi.TagPolicyInput) (*iamapi.TagPolicyOutput, error) {
	return &iamapi.TagPolicyOutput{}, s.changePolicy(ctx, in.PolicyArn, func(tx store.Tx, p *managed) (err error) {
		p.Tags, err = addTags(p.Tags, in.Tags, "Policy")
		return err
	})
}

// TagPolicyRequires implements the operation's requirements.
func (s *Service) TagPolicyRequires(ctx context.Context, in *iamapi.TagPolicyInput, r *wire.Requirements) error {
	n, err := s.needPolicy(ctx, r, "TagPolicy", in.PolicyArn)
	if err == nil {
		n.Conditions = append(n.Conditions, requestTags(in.Tags)...)
	}
	return err
}

// UntagPolicy implements the operation.
func (s *Service) UntagPolicy(ctx context.Context, in *iamapi.UntagPolicyInput) (*iamapi.UntagPolicyOutput, error) {
	return &iamapi.UntagPolicyOutput{}, s.changePolicy(ctx, in.PolicyArn, func(tx store.Tx, p *managed) error {
		p.Tags = dropTags(p.Tags, in.TagKeys)
		return nil
	})
}

// UntagPolicyRequires implements the operation's requirements.
func (s *Service) UntagPolicyRequires(ctx context.Context, in *iamapi.UntagPolicyInput, r *wire.Requirements) error {
	n, err := s.needPolicy(ctx, r, "UntagPolicy", in.PolicyArn)
	if err == nil {
		n.Conditions = append(n.Conditions, wire.Condition{Key: "aws:TagKeys", Values: in.TagKeys})
	}
	return err
}

// ListPolicyTags implements the operation.
func (s *Service) ListPolicyTags(ctx context.Context, in *iamapi.ListPolicyTagsInput) (*iamapi.ListPolicyTagsOutput, error) {
	pg, err := s.newPage(ctx, in.PolicyArn, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListPolicyTagsOutput{}
	err = s.lookPolicy(ctx, in.PolicyArn, func(r store.Reader, p *managed) error {
		out.Tags = cut(pg, showTags(p.Tags))
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = pg.end()
	return out, err
}

// ListPolicyTagsRequires implements the operation's requirements.
func (s *Service) ListPolicyTagsRequires(ctx context.Context, in *iamapi.ListPolicyTagsInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "ListPolicyTags", in.PolicyArn)
}
