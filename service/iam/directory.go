package iam

import (
	"context"
	"strings"
	"time"

	"virga/internal/authority"
	"virga/internal/store"
)

// EntityByID implements authority.Directory.
func (s *Service) EntityByID(ctx context.Context, account, id string) (out *authority.Entity, err error) {
	return out, s.view(ctx, func(r store.Reader) error {
		out = nil
		if e, ok := entityByID(r, account, id); ok && e.Kind != group {
			out = authorityEntity(r, account, e)
		}
		return nil
	})
}

// PolicyByARN implements authority.Directory.
func (s *Service) PolicyByARN(ctx context.Context, account, arn string) (out *authority.Document, err error) {
	return out, s.view(ctx, func(r store.Reader) error {
		out = document(r, account, arn)
		return nil
	})
}

// RoleByARN gives a role by its exact ARN with its longest session, nil where there is none: what STS asks.
func (s *Service) RoleByARN(ctx context.Context, arn string) (out *authority.Entity, longest time.Duration, err error) {
	return out, longest, s.view(ctx, func(r store.Reader) error {
		out = nil
		if account, e, ok := entityByARN(r, arn); ok && e.Kind == role {
			out, longest = authorityEntity(r, account, e), time.Duration(e.MaxSession)*time.Second
		}
		return nil
	})
}

// PrincipalID gives the unique id of the user or role that has an ARN now, "" where there is none: resource policies keep
// ids as trust policies do.
func (s *Service) PrincipalID(ctx context.Context, arn string) (id string, err error) {
	return id, s.view(ctx, func(r store.Reader) error {
		if _, e, ok := entityByARN(r, arn); ok && e.Kind != group {
			id = e.ID
		}
		return nil
	})
}

// PrincipalARN gives the present ARN of a user or role by its unique id, "" where it is gone.
func (s *Service) PrincipalARN(ctx context.Context, id string) (arn string, err error) {
	return arn, s.view(ctx, func(r store.Reader) error {
		if account, ok := r.Get(everyIDKey(id)); ok {
			if e, ok := entityByID(r, string(account), id); ok {
				arn = e.arn(string(account))
			}
		}
		return nil
	})
}

// document gives a managed policy's default version, nil where there is none.
func document(r store.Reader, account, arn string) *authority.Document {
	if isAWS(arn) {
		if awsPolicy(arn) == nil {
			return nil
		}
		return &authority.Document{Name: arn, JSON: awsDocument(arn)}
	}
	p, ok := policyByARN(r, account, arn)
	if !ok {
		return nil
	}
	v, ok := loadVersion(r, account, arn, p, p.Default)
	if !ok {
		return nil
	}
	return &authority.Document{Name: arn, JSON: v.Document}
}

// identityPolicies are the inline and attached policies of one entity; prefix stands before an inline policy's name.
func identityPolicies(r store.Reader, account, prefix string, e *entity) []authority.Document {
	var out []authority.Document
	store.Each(r, store.Prefix(inlinesOf(account, e.ID)), func(_ store.Key, p *inline) bool {
		out = append(out, authority.Document{Name: "inline:" + prefix + p.Name, JSON: p.Document})
		return true
	})
	for _, arn := range e.Attached {
		if d := document(r, account, arn); d != nil {
			out = append(out, *d)
		}
	}
	return out
}

func authorityEntity(r store.Reader, account string, e *entity) *authority.Entity {
	out := &authority.Entity{Type: title(e.Kind), ARN: e.arn(account), ID: e.ID, Account: account, Name: e.Name, Tags: map[string]string{}}
	for _, t := range e.Tags {
		out.Tags[t.Key] = t.Value
	}
	out.Policies = identityPolicies(r, account, "", e)
	for _, id := range e.Groups {
		if g, ok := entityByID(r, account, id); ok {
			out.Policies = append(out.Policies, identityPolicies(r, account, g.Name+"/", g)...)
		}
	}
	if e.Boundary != "" {
		if out.Boundary = document(r, account, e.Boundary); out.Boundary == nil {
			// A boundary that cannot be read allows nothing.
			out.Boundary = &authority.Document{Name: e.Boundary, JSON: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`}
		}
	}
	if e.Kind == role {
		out.Trust = decidedTrust(e)
	}
	return out
}

// policyName is the last part of an ARN.
func policyName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
