package iam

import (
	"context"
	"strconv"
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/store"
	"virga/internal/wire"
)

func noInline(kind, name string) error {
	return &iamapi.NoSuchEntityException{Message: "The " + kind + " policy with name " + name + " cannot be found."}
}

// putInline writes an inline policy; the sum of all of an entity has a quota, which does not count white space.
func (s *Service) putInline(ctx context.Context, kind, name, policy, doc string) error {
	if err := validateInline(doc); err != nil {
		return err
	}
	account := wire.CallOf(ctx).Account
	max := map[string]int64{user: userInlineMax, group: groupInlineMax, role: roleInlineMax}[kind]
	return s.change(ctx, kind, name, func(tx store.Tx, e *entity) error {
		k := inlineKey(account, e.ID, policy)
		if old, ok := store.Load[inline](tx, k); ok {
			e.InlineSize -= size(old.Document)
			e.InlineBytes -= int64(len(old.Document))
		} else {
			e.Inlines++
		}
		e.InlineSize += size(doc)
		e.InlineBytes += int64(len(doc))
		if e.InlineSize > max {
			return &iamapi.LimitExceededException{Message: "Maximum policy size of " + strconv.FormatInt(max, 10) + " bytes exceeded for " + kind + " " + e.Name}
		}
		if e.InlineBytes > inlineBytesMax {
			return &iamapi.LimitExceededException{Message: "Maximum policy size of " + strconv.FormatInt(inlineBytesMax, 10) + " bytes, white space included, exceeded for " + kind + " " + e.Name}
		}
		store.Put(tx, k, &inline{Name: policy, Document: doc})
		return nil
	})
}

// size counts what IAM's quotas count: all but white space.
func size(doc string) (n int64) {
	for _, c := range doc {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			n++
		}
	}
	return n
}

func (s *Service) getInline(ctx context.Context, kind, name, policy string) (doc string, err error) {
	account := wire.CallOf(ctx).Account
	return doc, s.look(ctx, kind, name, func(r store.Reader, e *entity) error {
		p, ok := store.Load[inline](r, inlineKey(account, e.ID, policy))
		if !ok {
			return noInline(kind, policy)
		}
		doc = *encoded(p.Document)
		return nil
	})
}

func (s *Service) deleteInline(ctx context.Context, kind, name, policy string) error {
	account := wire.CallOf(ctx).Account
	return s.change(ctx, kind, name, func(tx store.Tx, e *entity) error {
		k := inlineKey(account, e.ID, policy)
		p, ok := store.Load[inline](tx, k)
		if !ok {
			return noInline(kind, policy)
		}
		e.InlineSize -= size(p.Document)
		e.InlineBytes -= int64(len(p.Document))
		e.Inlines--
		tx.Delete(k)
		return nil
	})
}

func (s *Service) listInline(ctx context.Context, kind, name string, marker *string, maxItems *int32) (names []string, more *bool, next *string, err error) {
	p, err := s.newPage(ctx, strings.ToLower(name), marker, maxItems)
	if err != nil {
		return nil, nil, nil, err
	}
	err = s.look(ctx, kind, name, func(r store.Reader, e *entity) error {
		p.reset()
		names = []string{}
		r.Range(p.span(inlinesOf(p.c.Account, e.ID)), func(k store.Key, _ []byte) bool {
			n := k.StrPart(2)
			mine, more := p.take(n)
			if mine {
				names = append(names, n)
			}
			return more
		})
		return nil
	})
	if err != nil {
		return nil, nil, nil, err
	}
	more, next, err = p.end()
	return names, more, next, err
}

// PutGroupPolicy implements the operation.
func (s *Service) PutGroupPolicy(ctx context.Context, in *iamapi.PutGroupPolicyInput) (*iamapi.PutGroupPolicyOutput, error) {
	return &iamapi.PutGroupPolicyOutput{}, s.putInline(ctx, group, in.GroupName, in.PolicyName, in.PolicyDocument)
}

// PutGroupPolicyRequires implements the operation's requirements.
func (s *Service) PutGroupPolicyRequires(ctx context.Context, in *iamapi.PutGroupPolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "PutGroupPolicy", group, in.GroupName)
}

// GetGroupPolicy implements the operation.
func (s *Service) GetGroupPolicy(ctx context.Context, in *iamapi.GetGroupPolicyInput) (*iamapi.GetGroupPolicyOutput, error) {
	doc, err := s.getInline(ctx, group, in.GroupName, in.PolicyName)
	return &iamapi.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: doc}, err
}

// GetGroupPolicyRequires implements the operation's requirements.
func (s *Service) GetGroupPolicyRequires(ctx context.Context, in *iamapi.GetGroupPolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "GetGroupPolicy", group, in.GroupName)
}

// ListGroupPolicies implements the operation.
func (s *Service) ListGroupPolicies(ctx context.Context, in *iamapi.ListGroupPoliciesInput) (*iamapi.ListGroupPoliciesOutput, error) {
	names, more, next, err := s.listInline(ctx, group, in.GroupName, in.Marker, in.MaxItems)
	return &iamapi.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: next}, err
}

// ListGroupPoliciesRequires implements the operation's requirements.
func (s *Service) ListGroupPoliciesRequires(ctx context.Context, in *iamapi.ListGroupPoliciesInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListGroupPolicies", group, in.GroupName)
}

// DeleteGroupPolicy implements the operation.
func (s *Service) DeleteGroupPolicy(ctx context.Context, in *iamapi.DeleteGroupPolicyInput) (*iamapi.DeleteGroupPolicyOutput, error) {
	return &iamapi.DeleteGroupPolicyOutput{}, s.deleteInline(ctx, group, in.GroupName, in.PolicyName)
}

// DeleteGroupPolicyRequires implements the operation's requirements.
func (s *Service) DeleteGroupPolicyRequires(ctx context.Context, in *iamapi.DeleteGroupPolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "DeleteGroupPolicy", group, in.GroupName)
}

// PutRolePolicy implements the operation.
func (s *Service) PutRolePolicy(ctx context.Context, in *iamapi.PutRolePolicyInput) (*iamapi.PutRolePolicyOutput, error) {
	return &iamapi.PutRolePolicyOutput{}, s.putInline(ctx, role, in.RoleName, in.PolicyName, in.PolicyDocument)
}

// PutRolePolicyRequires implements the operation's requirements.
func (s *Service) PutRolePolicyRequires(ctx context.Context, in *iamapi.PutRolePolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "PutRolePolicy", role, in.RoleName)
}

// GetRolePolicy implements the operation.
func (s *Service) GetRolePolicy(ctx context.Context, in *iamapi.GetRolePolicyInput) (*iamapi.GetRolePolicyOutput, error) {
	doc, err := s.getInline(ctx, role, in.RoleName, in.PolicyName)
	return &iamapi.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: doc}, err
}

// GetRolePolicyRequires implements the operation's requirements.
func (s *Service) GetRolePolicyRequires(ctx context.Context, in *iamapi.GetRolePolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "GetRolePolicy", role, in.RoleName)
}

// ListRolePolicies implements the operation.
func (s *Service) ListRolePolicies(ctx context.Context, in *iamapi.ListRolePoliciesInput) (*iamapi.ListRolePoliciesOutput, error) {
	names, more, next, err := s.listInline(ctx, role, in.RoleName, in.Marker, in.MaxItems)
	return &iamapi.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: next}, err
}

// ListRolePoliciesRequires implements the operation's requirements.
func (s *Service) ListRolePoliciesRequires(ctx context.Context, in *iamapi.ListRolePoliciesInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListRolePolicies", role, in.RoleName)
}

// DeleteRolePolicy implements the operation.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *iamapi.DeleteRolePolicyInput) (*iamapi.DeleteRolePolicyOutput, error) {
	return &iamapi.DeleteRolePolicyOutput{}, s.deleteInline(ctx, role, in.RoleName, in.PolicyName)
}

// DeleteRolePolicyRequires implements the operation's requirements.
func (s *Service) DeleteRolePolicyRequires(ctx context.Context, in *iamapi.DeleteRolePolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "DeleteRolePolicy", role, in.RoleName)
}

// PutUserPolicy implements the operation.
func (s *Service) PutUserPolicy(ctx context.Context, in *iamapi.PutUserPolicyInput) (*iamapi.PutUserPolicyOutput, error) {
	return &iamapi.PutUserPolicyOutput{}, s.putInline(ctx, user, in.UserName, in.PolicyName, in.PolicyDocument)
}

// PutUserPolicyRequires implements the operation's requirements.
func (s *Service) PutUserPolicyRequires(ctx context.Context, in *iamapi.PutUserPolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "PutUserPolicy", user, in.UserName)
}

// GetUserPolicy implements the operation.
func (s *Service) GetUserPolicy(ctx context.Context, in *iamapi.GetUserPolicyInput) (*iamapi.GetUserPolicyOutput, error) {
	doc, err := s.getInline(ctx, user, in.UserName, in.PolicyName)
	return &iamapi.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: doc}, err
}

// GetUserPolicyRequires implements the operation's requirements.
func (s *Service) GetUserPolicyRequires(ctx context.Context, in *iamapi.GetUserPolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "GetUserPolicy", user, in.UserName)
}

// ListUserPolicies implements the operation.
func (s *Service) ListUserPolicies(ctx context.Context, in *iamapi.ListUserPoliciesInput) (*iamapi.ListUserPoliciesOutput, error) {
	names, more, next, err := s.listInline(ctx, user, in.UserName, in.Marker, in.MaxItems)
	return &iamapi.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: next}, err
}

// ListUserPoliciesRequires implements the operation's requirements.
func (s *Service) ListUserPoliciesRequires(ctx context.Context, in *iamapi.ListUserPoliciesInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListUserPolicies", user, in.UserName)
}

// DeleteUserPolicy implements the operation.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *iamapi.DeleteUserPolicyInput) (*iamapi.DeleteUserPolicyOutput, error) {
	return &iamapi.DeleteUserPolicyOutput{}, s.deleteInline(ctx, user, in.UserName, in.PolicyName)
}

// DeleteUserPolicyRequires implements the operation's requirements.
func (s *Service) DeleteUserPolicyRequires(ctx context.Context, in *iamapi.DeleteUserPolicyInput, r *wire.Requirements) error {
	return s.require(ctx, r, "DeleteUserPolicy", user, in.UserName)
}
