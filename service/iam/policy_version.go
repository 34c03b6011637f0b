package iam

import (
	"context"
	"regexp"
	"slices"
	"strconv"

	iamapi "virga/api/iam"
	"virga/internal/store"
	"virga/internal/wire"
)

var versionName = regexp.MustCompile(`^v[1-9][0-9]{0,17}$`)

func versionID(n uint64) string { return "v" + strconv.FormatUint(n, 10) }

// versionNumber reads "v3"; what is another form names no version that there is.
func versionNumber(id string) uint64 {
	if !versionName.MatchString(id) {
		return 0
	}
	n, _ := strconv.ParseUint(id[1:], 10, 64)
	return n
}

func noVersion(arn, id string) error {
	return &iamapi.NoSuchEntityException{Message: "Policy " + arn + " version " + id + " does not exist or is not attachable."}
}

func showVersion(p *managed, v *version) *iamapi.PolicyVersion {
	return &iamapi.PolicyVersion{VersionId: wire.P(versionID(v.Number)), IsDefaultVersion: wire.P(v.Number == p.Default), CreateDate: &v.Created}
}

// CreatePolicyVersion implements the operation.
func (s *Service) CreatePolicyVersion(ctx context.Context, in *iamapi.CreatePolicyVersionInput) (*iamapi.CreatePolicyVersionOutput, error) {
	c := wire.CallOf(ctx)
	if err := validateManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	now := s.now()
	out := &iamapi.CreatePolicyVersionOutput{}
	return out, s.changePolicy(ctx, in.PolicyArn, func(tx store.Tx, p *managed) error {
		if p.Versions >= versionsMax {
			return &iamapi.LimitExceededException{Message: "A managed policy can have up to " + strconv.Itoa(versionsMax) + " versions. Before you create a new version, you must delete an existing version."}
		}
		p.Last++
		p.Versions++
		p.Updated = now
		if wire.V(in.SetAsDefault) {
			p.Default = p.Last
		}
		v := &version{Number: p.Last, Document: in.PolicyDocument, Created: now}
		store.Put(tx, versionKey(c.Account, p.Name, v.Number), v)
		out.PolicyVersion = showVersion(p, v)
		return nil
	})
}

// CreatePolicyVersionRequires implements the operation's requirements.
func (s *Service) CreatePolicyVersionRequires(ctx context.Context, in *iamapi.CreatePolicyVersionInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "CreatePolicyVersion", in.PolicyArn)
}

// GetPolicyVersion implements the operation.
func (s *Service) GetPolicyVersion(ctx context.Context, in *iamapi.GetPolicyVersionInput) (*iamapi.GetPolicyVersionOutput, error) {
	out := &iamapi.GetPolicyVersionOutput{}
	n := versionNumber(in.VersionId)
	return out, s.lookPolicy(ctx, in.PolicyArn, func(r store.Reader, p *managed) error {
		v, ok := loadVersion(r, wire.CallOf(ctx).Account, in.PolicyArn, p, n)
		if !ok {
			return noVersion(in.PolicyArn, in.VersionId)
		}
		out.PolicyVersion = showVersion(p, v)
		out.PolicyVersion.Document = encoded(v.Document)
		return nil
	})
}

// loadVersion reads a version of a policy; of AWS's policies the default one is known.
func loadVersion(r store.Reader, account, arn string, p *managed, n uint64) (*version, bool) {
	if isAWS(arn) {
		return &version{Number: p.Default, Document: awsDocument(arn), Created: p.Updated}, n == p.Default
	}
	return store.Load[version](r, versionKey(account, p.Name, n))
}

// GetPolicyVersionRequires implements the operation's requirements.
func (s *Service) GetPolicyVersionRequires(ctx context.Context, in *iamapi.GetPolicyVersionInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "GetPolicyVersion", in.PolicyArn)
}

// ListPolicyVersions implements the operation; the newest comes first.
func (s *Service) ListPolicyVersions(ctx context.Context, in *iamapi.ListPolicyVersionsInput) (*iamapi.ListPolicyVersionsOutput, error) {
	pg, err := s.newPage(ctx, in.PolicyArn, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListPolicyVersionsOutput{}
	err = s.lookPolicy(ctx, in.PolicyArn, func(r store.Reader, p *managed) error {
		var all []iamapi.PolicyVersion
		if isAWS(in.PolicyArn) {
			v, _ := loadVersion(r, "", in.PolicyArn, p, p.Default)
			all = append(all, *showVersion(p, v))
		} else {
			store.Each(r, store.Prefix(versionsOf(pg.c.Account, p.Name)), func(_ store.Key, v *version) bool {
				all = append(all, *showVersion(p, v))
				return true
			})
			slices.Reverse(all)
		}
		out.Versions = cut(pg, all)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker, err = pg.end()
	return out, err
}

// ListPolicyVersionsRequires implements the operation's requirements.
func (s *Service) ListPolicyVersionsRequires(ctx context.Context, in *iamapi.ListPolicyVersionsInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "ListPolicyVersions", in.PolicyArn)
}

// SetDefaultPolicyVersion implements the operation.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, in *iamapi.SetDefaultPolicyVersionInput) (*iamapi.SetDefaultPolicyVersionOutput, error) {
	c := wire.CallOf(ctx)
	n, now := versionNumber(in.VersionId), s.now()
	return &iamapi.SetDefaultPolicyVersionOutput{}, s.changePolicy(ctx, in.PolicyArn, func(tx store.Tx, p *managed) error {
		if _, ok := tx.Get(versionKey(c.Account, p.Name, n)); !ok {
			return noVersion(in.PolicyArn, in.VersionId)
		}
		p.Default, p.Updated = n, now
		return nil
	})
}

// SetDefaultPolicyVersionRequires implements the operation's requirements.
func (s *Service) SetDefaultPolicyVersionRequires(ctx context.Context, in *iamapi.SetDefaultPolicyVersionInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "SetDefaultPolicyVersion", in.PolicyArn)
}

// DeletePolicyVersion implements the operation.
func (s *Service) DeletePolicyVersion(ctx context.Context, in *iamapi.DeletePolicyVersionInput) (*iamapi.DeletePolicyVersionOutput, error) {
	c := wire.CallOf(ctx)
	n := versionNumber(in.VersionId)
	return &iamapi.DeletePolicyVersionOutput{}, s.changePolicy(ctx, in.PolicyArn, func(tx store.Tx, p *managed) error {
		k := versionKey(c.Account, p.Name, n)
		if _, ok := tx.Get(k); !ok {
			return noVersion(in.PolicyArn, in.VersionId)
		}
		if n == p.Default {
			return conflict("Cannot delete the default version of a policy.")
		}
		tx.Delete(k)
		p.Versions--
		return nil
	})
}

// DeletePolicyVersionRequires implements the operation's requirements.
func (s *Service) DeletePolicyVersionRequires(ctx context.Context, in *iamapi.DeletePolicyVersionInput, r *wire.Requirements) error {
	return s.requirePolicy(ctx, r, "DeletePolicyVersion", in.PolicyArn)
}
