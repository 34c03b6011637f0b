package iam

import (
	"context"
	"regexp"
	"slices"

	iamapi "virga/api/iam"
	"virga/internal/authority"
	"virga/internal/policy"
	"virga/internal/store"
	"virga/internal/wire"
)

// variable finds ${key} and ${key, 'default'}; ${*}, ${?} and ${$} are characters and no keys.
var variable = regexp.MustCompile(`\$\{\s*([^*?$},\s][^},]*?)\s*[},]`)

// contextKeys gives the keys that documents mention, in conditions and as variables.
func contextKeys(docs []string) ([]string, error) {
	out := []string{}
	add := func(k string) {
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	for _, doc := range docs {
		d, err := policy.Parse(policy.Identity, []byte(doc), policy.Limits{})
		if err != nil {
			return nil, &iamapi.InvalidInputException{Message: err.Error()}
		}
		for _, st := range d.Statements {
			texts := append(slices.Clone(st.Resources), st.NotResources...)
			for _, c := range st.Conditions {
				add(c.Key)
				texts = append(texts, c.Values...)
			}
			if d.Version != policy.Version2012 {
				continue
			}
			for _, t := range texts {
				for _, m := range variable.FindAllStringSubmatch(t, -1) {
					add(m[1])
				}
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// GetContextKeysForCustomPolicy implements the operation.
func (s *Service) GetContextKeysForCustomPolicy(ctx context.Context, in *iamapi.GetContextKeysForCustomPolicyInput) (*iamapi.GetContextKeysForCustomPolicyOutput, error) {
	keys, err := contextKeys(in.PolicyInputList)
	return &iamapi.GetContextKeysForCustomPolicyOutput{ContextKeyNames: keys}, err
}

// GetContextKeysForCustomPolicyRequires implements the operation's requirements.
func (s *Service) GetContextKeysForCustomPolicyRequires(ctx context.Context, in *iamapi.GetContextKeysForCustomPolicyInput, r *wire.Requirements) error {
	r.Need("iam:GetContextKeysForCustomPolicy", "*")
	return nil
}

// GetContextKeysForPrincipalPolicy implements the operation.
func (s *Service) GetContextKeysForPrincipalPolicy(ctx context.Context, in *iamapi.GetContextKeysForPrincipalPolicyInput) (*iamapi.GetContextKeysForPrincipalPolicyOutput, error) {
	e, _, err := s.source(ctx, in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	docs := slices.Clone(in.PolicyInputList)
	for _, p := range e.Policies {
		docs = append(docs, p.JSON)
	}
	keys, err := contextKeys(docs)
	return &iamapi.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: keys}, err
}

// GetContextKeysForPrincipalPolicyRequires implements the operation's requirements.
func (s *Service) GetContextKeysForPrincipalPolicyRequires(ctx context.Context, in *iamapi.GetContextKeysForPrincipalPolicyInput, r *wire.Requirements) error {
	r.Need("iam:GetContextKeysForPrincipalPolicy", in.PolicySourceArn)
	return nil
}

// source finds the user, group or role whose policies are looked at.
func (s *Service) source(ctx context.Context, arn string) (e *authority.Entity, kind string, err error) {
	account := wire.CallOf(ctx).Account
	return e, kind, s.view(ctx, func(r store.Reader) error {
		owner, found, ok := entityByARN(r, arn)
		if !ok || owner != account {
			return &iamapi.NoSuchEntityException{Message: "The entity " + arn + " cannot be found."}
		}
		e, kind = authorityEntity(r, account, found), found.Kind
		return nil
	})
}
