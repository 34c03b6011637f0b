package iam

import (
	"context"
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/authority"
	"virga/internal/job"
	awsmanaged "virga/internal/policy/managed"
	"virga/internal/store"
	"virga/internal/wire"
)

// ownPolicy refuses to change what is not the account's own.
func ownPolicy(c *wire.Call, arn string) error {
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	if !strings.HasPrefix(arn, "arn:aws:iam::"+c.Account+":") {
		return wire.AccessDenied("Policy is outside your own account.")
	}
	return nil
}

// lookPolicy runs fn on a managed policy, the account's own or AWS's.
func (s *Service) lookPolicy(ctx context.Context, arn string, fn func(r store.Reader, p *managed) error) error {
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	c := wire.CallOf(ctx)
	return s.view(ctx, func(r store.Reader) error {
		if isAWS(arn) {
			if p := awsPolicy(arn); p != nil {
				return fn(r, p)
			}
			return noPolicy(arn)
		}
		p, ok := policyByARN(r, c.Account, arn)
		if !ok {
			return noPolicy(arn)
		}
		return fn(r, p)
	})
}

// showPolicy is a policy as lists show it; arn is given because AWS's belong to no account.
func showPolicy(r store.Reader, account, arn string, p *managed) *iamapi.Policy {
	u, ok := store.Load[usage](r, usageKey(account, arn))
	if !ok {
		u = &usage{}
	}
	return &iamapi.Policy{PolicyName: &p.Name, PolicyId: &p.ID, Arn: &arn, Path: &p.Path, DefaultVersionId: wire.P(versionID(p.Default)),
		AttachmentCount: wire.P(int32(u.Attached)), PermissionsBoundaryUsageCount: wire.P(int32(u.Boundary)), IsAttachable: wire.P(true),
		CreateDate: &p.Created, UpdateDate: &p.Updated}
}

// CreatePolicy implements the operation.
func (s *Service) CreatePolicy(ctx context.Context, in *iamapi.CreatePolicyInput) (*iamapi.CreatePolicyOutput, error) {
	c := wire.CallOf(ctx)
	tags, err := addTags(nil, in.Tags, "Policy")
	if err != nil {
		return nil, err
	}
	if err := validateManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	now := s.now()
	p := &managed{Name: in.PolicyName, ID: s.newID("ANPA"), Path: wire.Or(in.Path, "/"), Description: wire.V(in.Description), Created: now, Updated: now,
		Default: 1, Last: 1, Versions: 1, Tags: tags}
	k := policyKey(c.Account, p.Name)
	out := &iamapi.CreatePolicyOutput{}
	err = s.cfg.Store.Update(ctx, []store.Key{k, quotaKey(c.Account)}, func(tx store.Tx) error {
		if old, ok := store.Load[managed](tx, k); ok {
			if id, done := job.Once(tx, c.Account, effect(c)); done && string(id) == old.ID {
				out.Policy = showPolicy(tx, c.Account, old.arn(c.Account), old)
				return nil
			}
			return &iamapi.EntityAlreadyExistsException{Message: "A policy called " + p.Name + " already exists. Duplicate names are not allowed."}
		}
		if err := count(tx, c.Account, "Policies", 1, policiesMax); err != nil {
			return err
		}
		store.Put(tx, k, p)
		store.Put(tx, versionKey(c.Account, p.Name, 1), &version{Number: 1, Document: in.PolicyDocument, Created: now})
		job.Finish(tx, c.Account, effect(c), now, []byte(p.ID))
		tx.Bump(authority.Scope(c.Account))
		out.Policy = showPolicy(tx, c.Account, p.arn(c.Account), p)
		out.Policy.Tags = showTags(tags)
		return nil
	})
	return out, err
}

// CreatePolicyRequires implements the operation's requirements.
func (s *Service) CreatePolicyRequires(ctx context.Context, in *iamapi.CreatePolicyInput, r *wire.Requirements) error {
	return requireNew(r, "CreatePolicy", "TagPolicy", arnOf(wire.CallOf(ctx).Account, "policy", wire.Or(in.Path, "/"), in.PolicyName), nil, in.Tags)
}

// GetPolicy implements the operation.
func (s *Service) GetPolicy(ctx context.Context, in *iamapi.GetPolicyInput) (*iamapi.GetPolicyOutput, error) {
	out := &iamapi.GetPolicyOutput{}
	err := s.lookPolicy(ctx, in.PolicyArn, func(r store.Reader, p *managed) error {
		out.Policy = showPolicy(r, wire.CallOf(ctx).Account, in.PolicyArn, p)
		out.Policy.Description = optional(p.Description)
		if out.Policy.Tags = showTags(p.Tags); out.Policy.Tags == nil {
			out.Policy.Tags = []iamapi.Tag{}
		}
		return nil
	})
	return out, err
}

// GetPolicyRequires implements the operation's requirements.
func (s *Service) GetPolicyRequires(ctx context.Context, in *iamapi.GetPolicyInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "GetPolicy", in.PolicyArn)
}

// ListPolicies implements the operation: first the account's own policies, then AWS's.
func (s *Service) ListPolicies(ctx context.Context, in *iamapi.ListPoliciesInput) (*iamapi.ListPoliciesOutput, error) {
	scope, usageFilter := wire.Or(in.Scope, "All"), wire.V(in.PolicyUsageFilter)
	prefix := wire.Or(in.PathPrefix, "/")
	query := scope + "/" + usageFilter + prefix
	if wire.V(in.OnlyAttached) {
		query += "+"
	}
	pg, err := s.newPage(ctx, query, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListPoliciesOutput{}
	account := pg.c.Account
	own, ownOK := strings.CutPrefix(pg.after, "own/")
	aws, awsOK := strings.CutPrefix(pg.after, "aws/")
	err = s.view(ctx, func(r store.Reader) error {
		pg.reset()
		out.Policies = []iamapi.Policy{}
		offer := func(arn, mark string, p *managed) bool {
			if !strings.HasPrefix(p.Path, prefix) {
				return true
			}
			x := showPolicy(r, account, arn, p)
			attached, boundary := *x.AttachmentCount > 0, *x.PermissionsBoundaryUsageCount > 0
			if wire.V(in.OnlyAttached) && !attached || usageFilter == "PermissionsPolicy" && !attached || usageFilter == "PermissionsBoundary" && !boundary {
				return true
			}
			mine, more := pg.take(mark)
			if mine {
				out.Policies = append(out.Policies, *x)
			}
			return more
		}
		if scope != "AWS" && !awsOK {
			base := policiesOf(account)
			span := store.Prefix(base)
			if ownOK {
				span = store.After(base, base.Str(own))
			}
			store.Each(r, span, func(_ store.Key, p *managed) bool {
				return offer(p.arn(account), "own/"+strings.ToLower(p.Name), p)
			})
		}
		if scope != "Local" && !pg.isMore {
			for p := range awsmanaged.All() {
				if awsOK && p.Name <= aws {
					continue
				}
				if !offer(p.ARN(), "aws/"+p.Name, awsRecord(&p)) {
					break
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

// ListPoliciesRequires implements the operation's requirements.
func (s *Service) ListPoliciesRequires(ctx context.Context, in *iamapi.ListPoliciesInput, r *wire.Requirements) error {
	return requireList(ctx, r, "ListPolicies", "policy", in.PathPrefix)
}

// DeletePolicy implements the operation.
func (s *Service) DeletePolicy(ctx context.Context, in *iamapi.DeletePolicyInput) (*iamapi.DeletePolicyOutput, error) {
	c := wire.CallOf(ctx)
	if err := ownPolicy(c, in.PolicyArn); err != nil {
		return nil, err
	}
	return &iamapi.DeletePolicyOutput{}, s.cfg.Store.Update(ctx, []store.Key{quotaKey(c.Account)}, func(tx store.Tx) error {
		p, ok := policyByARN(tx, c.Account, in.PolicyArn)
		if !ok {
			return noPolicy(in.PolicyArn)
		}
		if u, ok := store.Load[usage](tx, usageKey(c.Account, in.PolicyArn)); ok && u.Attached+u.Boundary > 0 {
			return conflict("Cannot delete a policy attached to entities.")
		}
		if p.Versions > 1 {
			return conflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		if err := count(tx, c.Account, "Policies", -1, 0); err != nil {
			return err
		}
		tx.Delete(policyKey(c.Account, p.Name))
		tx.Delete(usageKey(c.Account, in.PolicyArn))
		tx.Delete(versionKey(c.Account, p.Name, p.Default))
		tx.Bump(authority.Scope(c.Account))
		return nil
	})
}

// DeletePolicyRequires implements the operation's requirements.
func (s *Service) DeletePolicyRequires(ctx context.Context, in *iamapi.DeletePolicyInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "DeletePolicy", in.PolicyArn)
}
