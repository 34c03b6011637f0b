package iam

import (
	"context"
	"slices"
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/store"
	"virga/internal/wire"
)

// use notes that a managed policy is attached to an entity ("a") or is its boundary ("b"), or that this ends.
func (s *Service) use(tx store.Tx, account, part, arn string, e *entity, by int64) error {
	if by > 0 {
		if !attachable(tx, account, arn) {
			if part == "b" {
				return &iamapi.NoSuchEntityException{Message: "Scope ARN: " + arn + " does not exist or is not attachable."}
			}
			return notAttachable(arn)
		}
		tx.Set(usersOfPolicy(account, part, arn).Str(e.Kind).Str(e.ID), []byte{1})
	} else {
		tx.Delete(usersOfPolicy(account, part, arn).Str(e.Kind).Str(e.ID))
	}
	k := usageKey(account, arn)
	u, ok := store.Load[usage](tx, k)
	if !ok {
		u = &usage{}
	}
	if part == "a" {
		u.Attached += by
	} else {
		u.Boundary += by
	}
	if u.Attached == 0 && u.Boundary == 0 {
		tx.Delete(k)
	} else {
		store.Put(tx, k, u)
	}
	return nil
}

func attachable(r store.Reader, account, arn string) bool {
	if isAWS(arn) {
		return awsPolicy(arn) != nil
	}
	_, ok := policyByARN(r, account, arn)
	return ok
}

func (s *Service) attach(ctx context.Context, kind, name, arn string) error {
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	if strings.HasPrefix(arn, "arn:aws:iam::aws:policy"+servicePath) && awsPolicy(arn) != nil {
		return &iamapi.PolicyNotAttachableException{Message: "Cannot attach a Service Role Policy to a Customer Role."}
	}
	account := wire.CallOf(ctx).Account
	return s.change(ctx, kind, name, func(tx store.Tx, e *entity) error {
		if slices.Contains(e.Attached, arn) {
			return nil
		}
		if err := s.use(tx, account, "a", arn, e, 1); err != nil {
			return err
		}
		if len(e.Attached) >= attachedMax {
			return overQuota("PoliciesPer"+title(kind), attachedMax)
		}
		e.Attached = append(e.Attached, arn)
		return nil
	})
}

func (s *Service) detach(ctx context.Context, kind, name, arn string) error {
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	account := wire.CallOf(ctx).Account
	return s.change(ctx, kind, name, func(tx store.Tx, e *entity) error {
		i := slices.Index(e.Attached, arn)
		if i < 0 {
			return noPolicy(arn)
		}
		e.Attached = slices.Delete(e.Attached, i, i+1)
		return s.use(tx, account, "a", arn, e, -1)
	})
}

func (s *Service) listAttached(ctx context.Context, kind, name string, prefix, marker *string, maxItems *int32) (list []iamapi.AttachedPolicy, more *bool, next *string, err error) {
	p, err := s.newPage(ctx, strings.ToLower(name)+"/"+wire.V(prefix), marker, maxItems)
	if err != nil {
		return nil, nil, nil, err
	}
	err = s.look(ctx, kind, name, func(r store.Reader, e *entity) error {
		var all []iamapi.AttachedPolicy
		for _, arn := range e.Attached {
			_, path, _ := strings.Cut(arn, ":policy")
			i := strings.LastIndexByte(path, '/') + 1
			if strings.HasPrefix(path[:i], wire.Or(prefix, "/")) {
				all = append(all, iamapi.AttachedPolicy{PolicyName: wire.P(path[i:]), PolicyArn: &arn})
			}
		}
		list = cut(p, all)
		return nil
	})
	if err != nil {
		return nil, nil, nil, err
	}
	more, next, err = p.end()
	return list, more, next, err
}

// ListEntitiesForPolicy implements the operation: whom a policy is attached to, or whose boundary it is.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, in *iamapi.ListEntitiesForPolicyInput) (*iamapi.ListEntitiesForPolicyOutput, error) {
	filter, usageFilter, prefix := wire.V(in.EntityFilter), wire.V(in.PolicyUsageFilter), wire.Or(in.PathPrefix, "/")
	pg, err := s.newPage(ctx, in.PolicyArn+"/"+filter+"/"+usageFilter+prefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	kinds := []string{group, role, user}
	switch filter {
	case "User", "Role", "Group":
		kinds = []string{strings.ToLower(filter)}
	case "LocalManagedPolicy", "AWSManagedPolicy":
		kinds = nil
	}
	parts := []string{"a", "b"}
	switch usageFilter {
	case "PermissionsPolicy":
		parts = parts[:1]
	case "PermissionsBoundary":
		parts = parts[1:]
	}
	out := &iamapi.ListEntitiesForPolicyOutput{}
	err = s.lookPolicy(ctx, in.PolicyArn, func(r store.Reader, _ *managed) error {
		pg.reset()
		out.PolicyGroups, out.PolicyRoles, out.PolicyUsers = []iamapi.PolicyGroup{}, []iamapi.PolicyRole{}, []iamapi.PolicyUser{}
		for _, kind := range kinds {
			for _, part := range parts {
				mark := kind + "/" + part + "/"
				if pg.after != "" && mark < pg.after && !strings.HasPrefix(pg.after, mark) {
					continue
				}
				base := usersOfPolicy(pg.c.Account, part, in.PolicyArn).Str(kind)
				span := store.Prefix(base)
				if id, ok := strings.CutPrefix(pg.after, mark); ok {
					span = store.After(base, base.Str(id))
				}
				r.Range(span, func(k store.Key, _ []byte) bool {
					e, ok := entityByID(r, pg.c.Account, k.StrPart(3))
					if !ok || !strings.HasPrefix(e.Path, prefix) {
						return true
					}
					if part == "b" && len(parts) == 2 && slices.Contains(e.Attached, in.PolicyArn) {
						return true // shown already
					}
					mine, more := pg.take(mark + e.ID)
					if !mine {
						return more
					}
					switch kind {
					case group:
						out.PolicyGroups = append(out.PolicyGroups, iamapi.PolicyGroup{GroupName: &e.Name, GroupId: &e.ID})
					case role:
						out.PolicyRoles = append(out.PolicyRoles, iamapi.PolicyRole{RoleName: &e.Name, RoleId: &e.ID})
					case user:
						out.PolicyUsers = append(out.PolicyUsers, iamapi.PolicyUser{UserName: &e.Name, UserId: &e.ID})
					}
					return more
				})
				if pg.isMore {
					return nil
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = pg.end()
	return out, err
}

// ListEntitiesForPolicyRequires implements the operation's requirements.
func (s *Service) ListEntitiesForPolicyRequires(ctx context.Context, in *iamapi.ListEntitiesForPolicyInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "ListEntitiesForPolicy", in.PolicyArn)
}

// AttachGroupPolicy implements the operation.
func (s *Service) AttachGroupPolicy(ctx context.Context, in *iamapi.AttachGroupPolicyInput) (*iamapi.AttachGroupPolicyOutput, error) {
	return &iamapi.AttachGroupPolicyOutput{}, s.attach(ctx, group, in.GroupName, in.PolicyArn)
}

// AttachGroupPolicyRequires implements the operation's requirements.
func (s *Service) AttachGroupPolicyRequires(ctx context.Context, in *iamapi.AttachGroupPolicyInput, r *wire.Requirements) error {
	return s.requireWith(ctx, r, "AttachGroupPolicy", group, in.GroupName, "iam:PolicyARN", in.PolicyArn)
}

// DetachGroupPolicy implements the operation.
func (s *Service) DetachGroupPolicy(ctx context.Context, in *iamapi.DetachGroupPolicyInput) (*iamapi.DetachGroupPolicyOutput, error) {
	return &iamapi.DetachGroupPolicyOutput{}, s.detach(ctx, group, in.GroupName, in.PolicyArn)
}

// DetachGroupPolicyRequires implements the operation's requirements.
func (s *Service) DetachGroupPolicyRequires(ctx context.Context, in *iamapi.DetachGroupPolicyInput, r *wire.Requirements) error {
	return s.requireWith(ctx, r, "DetachGroupPolicy", group, in.GroupName, "iam:PolicyARN", in.PolicyArn)
}

// ListAttachedGroupPolicies implements the operation.
func (s *Service) ListAttachedGroupPolicies(ctx context.Context, in *iamapi.ListAttachedGroupPoliciesInput) (*iamapi.ListAttachedGroupPoliciesOutput, error) {
	list, more, next, err := s.listAttached(ctx, group, in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
	return &iamapi.ListAttachedGroupPoliciesOutput{AttachedPolicies: list, IsTruncated: more, Marker: next}, err
}

// ListAttachedGroupPoliciesRequires implements the operation's requirements.
func (s *Service) ListAttachedGroupPoliciesRequires(ctx context.Context, in *iamapi.ListAttachedGroupPoliciesInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListAttachedGroupPolicies", group, in.GroupName)
}

// AttachRolePolicy implements the operation.
func (s *Service) AttachRolePolicy(ctx context.Context, in *iamapi.AttachRolePolicyInput) (*iamapi.AttachRolePolicyOutput, error) {
	return &iamapi.AttachRolePolicyOutput{}, s.attach(ctx, role, in.RoleName, in.PolicyArn)
}

// AttachRolePolicyRequires implements the operation's requirements.
func (s *Service) AttachRolePolicyRequires(ctx context.Context, in *iamapi.AttachRolePolicyInput, r *wire.Requirements) error {
	return s.requireWith(ctx, r, "AttachRolePolicy", role, in.RoleName, "iam:PolicyARN", in.PolicyArn)
}

// DetachRolePolicy implements the operation.
func (s *Service) DetachRolePolicy(ctx context.Context, in *iamapi.DetachRolePolicyInput) (*iamapi.DetachRolePolicyOutput, error) {
	return &iamapi.DetachRolePolicyOutput{}, s.detach(ctx, role, in.RoleName, in.PolicyArn)
}

// DetachRolePolicyRequires implements the operation's requirements.
func (s *Service) DetachRolePolicyRequires(ctx context.Context, in *iamapi.DetachRolePolicyInput, r *wire.Requirements) error {
	return s.requireWith(ctx, r, "DetachRolePolicy", role, in.RoleName, "iam:PolicyARN", in.PolicyArn)
}

// ListAttachedRolePolicies implements the operation.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *iamapi.ListAttachedRolePoliciesInput) (*iamapi.ListAttachedRolePoliciesOutput, error) {
	list, more, next, err := s.listAttached(ctx, role, in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
	return &iamapi.ListAttachedRolePoliciesOutput{AttachedPolicies: list, IsTruncated: more, Marker: next}, err
}

// ListAttachedRolePoliciesRequires implements the operation's requirements.
func (s *Service) ListAttachedRolePoliciesRequires(ctx context.Context, in *iamapi.ListAttachedRolePoliciesInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListAttachedRolePolicies", role, in.RoleName)
}

// AttachUserPolicy implements the operation.
func (s *Service) AttachUserPolicy(ctx context.Context, in *iamapi.AttachUserPolicyInput) (*iamapi.AttachUserPolicyOutput, error) {
	return &iamapi.AttachUserPolicyOutput{}, s.attach(ctx, user, in.UserName, in.PolicyArn)
}

// AttachUserPolicyRequires implements the operation's requirements.
func (s *Service) AttachUserPolicyRequires(ctx context.Context, in *iamapi.AttachUserPolicyInput, r *wire.Requirements) error {
	return s.requireWith(ctx, r, "AttachUserPolicy", user, in.UserName, "iam:PolicyARN", in.PolicyArn)
}

// DetachUserPolicy implements the operation.
func (s *Service) DetachUserPolicy(ctx context.Context, in *iamapi.DetachUserPolicyInput) (*iamapi.DetachUserPolicyOutput, error) {
	return &iamapi.DetachUserPolicyOutput{}, s.detach(ctx, user, in.UserName, in.PolicyArn)
}

// DetachUserPolicyRequires implements the operation's requirements.
func (s *Service) DetachUserPolicyRequires(ctx context.Context, in *iamapi.DetachUserPolicyInput, r *wire.Requirements) error {
	return s.requireWith(ctx, r, "DetachUserPolicy", user, in.UserName, "iam:PolicyARN", in.PolicyArn)
}

// ListAttachedUserPolicies implements the operation.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *iamapi.ListAttachedUserPoliciesInput) (*iamapi.ListAttachedUserPoliciesOutput, error) {
	list, more, next, err := s.listAttached(ctx, user, in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
	return &iamapi.ListAttachedUserPoliciesOutput{AttachedPolicies: list, IsTruncated: more, Marker: next}, err
}

// ListAttachedUserPoliciesRequires implements the operation's requirements.
func (s *Service) ListAttachedUserPoliciesRequires(ctx context.Context, in *iamapi.ListAttachedUserPoliciesInput, r *wire.Requirements) error {
	return s.require(ctx, r, "ListAttachedUserPolicies", user, in.UserName)
}
