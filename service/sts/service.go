// Package sts is AWS Security Token Service: who am I, and temporary credentials (AWS Security Token Service API
// Reference). A session's token is sealed and carries all it says; nothing is stored for it.
//
// What differs from AWS: MFA and web or SAML identities are not there and are refused by name.
package sts

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	stsapi "virga/api/sts"
	"virga/internal/auth"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/wire"
)

// Limits (AWS Security Token Service API Reference).
const (
	sessionDefault = time.Hour
	roleChainMax   = time.Hour
	tokenDefault   = 12 * time.Hour
	rootTokenMax   = time.Hour
	policyMax      = 2048
	tagsMax        = 50
)

// Role is what STS needs to know of a role.
type Role struct {
	ARN, ID, Account   string
	Trust              string // trust policy document
	MaxSessionDuration time.Duration
}

// Roles finds roles; IAM is one.
type Roles interface {
	// RoleByARN gives a role, nil where there is none.
	RoleByARN(ctx context.Context, arn string) (*Role, error)
}

// Config joins the service.
type Config struct {
	Env   env.Env
	Auth  *auth.Auth
	Roles Roles // nil: there are none yet
}

// Service is STS.
type Service struct{ cfg Config }

var _ stsapi.Server = (*Service)(nil)

var _ stsapi.Server = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service { return &Service{cfg} }

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Model: &stsapi.Model, Handlers: stsapi.Handlers(s)}
}

// GetCallerIdentity implements the operation.
func (s *Service) GetCallerIdentity(ctx context.Context, in *stsapi.GetCallerIdentityInput) (*stsapi.GetCallerIdentityOutput, error) {
	p := wire.Caller(ctx)
	return &stsapi.GetCallerIdentityOutput{Account: &p.Account, Arn: &p.ARN, UserId: &p.ID}, nil
}

// GetCallerIdentityRequires implements the operation's requirements: none.
func (s *Service) GetCallerIdentityRequires(ctx context.Context, in *stsapi.GetCallerIdentityInput, r *wire.Requirements) error {
	r.Open()
	return nil
}

// GetAccessKeyInfo implements the operation.
func (s *Service) GetAccessKeyInfo(ctx context.Context, in *stsapi.GetAccessKeyInfoInput) (*stsapi.GetAccessKeyInfoOutput, error) {
	c, err := s.cfg.Auth.Lookup(ctx, in.AccessKeyId, "")
	if err != nil {
		return nil, wire.Invalid("Access key " + in.AccessKeyId + " is not valid")
	}
	return &stsapi.GetAccessKeyInfoOutput{Account: &c.Principal.Account}, nil
}

// GetAccessKeyInfoRequires implements the operation's requirements.
func (s *Service) GetAccessKeyInfoRequires(ctx context.Context, in *stsapi.GetAccessKeyInfoInput, r *wire.Requirements) error {
	r.Need("sts:GetAccessKeyInfo", "*")
	return nil
}

// GetSessionToken implements the operation.
func (s *Service) GetSessionToken(ctx context.Context, in *stsapi.GetSessionTokenInput) (*stsapi.GetSessionTokenOutput, error) {
	p := wire.Caller(ctx)
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, wire.Unsupported("GetSessionToken" + ": " + "multi-factor authentication (SerialNumber, TokenCode)")
	}
	if p.Session != nil {
		return nil, wire.AccessDenied("Cannot call GetSessionToken with session credentials")
	}
	d := tokenDefault
	if in.DurationSeconds != nil {
		d = time.Duration(*in.DurationSeconds) * time.Second
	}
	if p.Type == "Root" {
		d = min(d, rootTokenMax)
	}
	cred, err := s.issue(auth.Session{Account: p.Account, PrincipalType: p.Type, PrincipalID: p.ID, ARN: p.ARN, IssuerARN: p.ARN}, d)
	return &stsapi.GetSessionTokenOutput{Credentials: cred}, err
}

// GetSessionTokenRequires implements the operation's requirements: none beyond long-term credentials.
func (s *Service) GetSessionTokenRequires(ctx context.Context, in *stsapi.GetSessionTokenInput, r *wire.Requirements) error {
	r.Open()
	return nil
}

func (s *Service) issue(x auth.Session, d time.Duration) (*stsapi.Credentials, error) {
	now := s.cfg.Env.Wall()
	x.IssuedAt, x.ExpiresAt = now, now.Add(d).Truncate(time.Second)
	id, secret, token, err := s.cfg.Auth.Issue(x)
	if err != nil {
		return nil, err
	}
	return &stsapi.Credentials{AccessKeyId: id, SecretAccessKey: secret, SessionToken: token, Expiration: x.ExpiresAt}, nil
}

var roleARN = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:role/[\x21-\x7e]+$`)

// AssumeRole implements the operation.
func (s *Service) AssumeRole(ctx context.Context, in *stsapi.AssumeRoleInput) (*stsapi.AssumeRoleOutput, error) {
	role, err := s.role(ctx, in.RoleArn)
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, denied(ctx, in.RoleArn)
	}
	p := wire.Caller(ctx)
	switch {
	case in.SerialNumber != nil || in.TokenCode != nil:
		return nil, wire.Unsupported("AssumeRole" + ": " + "multi-factor authentication (SerialNumber, TokenCode)")
	case len(in.ProvidedContexts) > 0:
		return nil, wire.Unsupported("AssumeRole" + ": " + "ProvidedContexts")
	case p.Type == "Root":
		return nil, wire.AccessDenied("Roles may not be assumed by root accounts.")
	}
	d := sessionDefault
	if in.DurationSeconds != nil {
		d = time.Duration(*in.DurationSeconds) * time.Second
	}
	if d > role.MaxSessionDuration {
		return nil, wire.Invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if p.Type == "AssumedRole" && d > roleChainMax {
		return nil, wire.Invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	x := auth.Session{Account: role.Account, PrincipalType: "AssumedRole", PrincipalID: role.ID, Name: in.RoleSessionName, IssuerARN: role.ARN,
		ARN: SessionARN(role.ARN, in.RoleSessionName), SourceIdentity: wire.V(in.SourceIdentity), TransitiveTags: in.TransitiveTagKeys}
	if in.Policy != nil {
		x.Policies = []string{*in.Policy}
	}
	for _, a := range in.PolicyArns {
		x.PolicyARNs = append(x.PolicyARNs, wire.V(a.Arn))
	}
	seen := map[string]bool{}
	for _, t := range in.Tags {
		if low := strings.ToLower(t.Key); seen[low] {
			return nil, wire.Errorf("InvalidParameterValue", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		} else if seen[low] = true; strings.HasPrefix(low, "aws:") {
			return nil, wire.Errorf("InvalidParameterValue", 400, "Tag keys may not begin with aws:.")
		}
		x.Tags = append(x.Tags, auth.Tag{Key: t.Key, Value: t.Value})
	}
	if p.Session != nil {
		for _, k := range p.Session.TransitiveTags {
			if seen[strings.ToLower(k)] {
				return nil, wire.Errorf("InvalidParameterValue", 400, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
			x.Tags = append(x.Tags, auth.Tag{Key: k, Value: p.Session.Tags[k]})
			x.TransitiveTags = append(x.TransitiveTags, k)
		}
		if p.Session.SourceIdentity != "" {
			x.SourceIdentity = p.Session.SourceIdentity
		}
	}
	cred, err := s.issue(x, d)
	if err != nil {
		return nil, err
	}
	out := &stsapi.AssumeRoleOutput{Credentials: cred, AssumedRoleUser: &stsapi.AssumedRoleUser{Arn: x.ARN, AssumedRoleId: role.ID + ":" + x.Name}}
	if x.SourceIdentity != "" {
		out.SourceIdentity = &x.SourceIdentity
	}
	if len(x.Policies)+len(x.PolicyARNs)+len(x.Tags) > 0 {
		n := 0
		for _, pol := range x.Policies {
			n += len(pol)
		}
		out.PackedPolicySize = wire.P(int32(max(1, n*100/policyMax)))
	}
	return out, nil
}

func (s *Service) role(ctx context.Context, arn string) (*Role, error) {
	if !roleARN.MatchString(arn) {
		return nil, wire.Invalid(arn + " is invalid")
	}
	if s.cfg.Roles == nil {
		return nil, nil
	}
	return s.cfg.Roles.RoleByARN(ctx, arn)
}

func denied(ctx context.Context, arn string) error {
	return wire.AccessDenied(fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", wire.Caller(ctx).ARN, arn))
}

// AssumeRoleRequires implements the operation's requirements: the role's trust policy must grant.
func (s *Service) AssumeRoleRequires(ctx context.Context, in *stsapi.AssumeRoleInput, r *wire.Requirements) error {
	role, err := s.role(ctx, in.RoleArn)
	if err != nil {
		return err
	}
	actions := []string{"sts:AssumeRole"}
	if len(in.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if in.SourceIdentity != nil {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	for _, a := range actions {
		n := r.Need(a, in.RoleArn)
		n.Conditions = append(n.Conditions, wire.Condition{Key: "sts:RoleSessionName", Values: []string{in.RoleSessionName}})
		if in.ExternalId != nil {
			n.Conditions = append(n.Conditions, wire.Condition{Key: "sts:ExternalId", Values: []string{*in.ExternalId}})
		}
		if in.SourceIdentity != nil {
			n.Conditions = append(n.Conditions, wire.Condition{Key: "sts:SourceIdentity", Values: []string{*in.SourceIdentity}})
		}
		for _, t := range in.Tags {
			n.Conditions = append(n.Conditions, wire.Condition{Key: "aws:RequestTag/" + t.Key, Values: []string{t.Value}})
		}
		n.ResourceMustGrant = true
		if role != nil {
			n.ResourcePolicy = role.Trust
		}
	}
	return nil
}

// SessionARN is the ARN of a role's session: it drops the role's path.
func SessionARN(role, session string) string {
	p := strings.SplitN(role, ":", 6)
	name := role[strings.LastIndexByte(role, '/')+1:]
	return "arn:aws:sts::" + p[4] + ":assumed-role/" + name + "/" + session
}
