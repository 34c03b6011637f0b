package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	s3api "virga/api/s3"
	"virga/internal/policy"
	"virga/internal/wire"
)

const (
	policyBytesMax = 20 << 10
	policyDepthMax = 16
)

func malformedPolicy(format string, a ...any) *wire.Error {
	return wire.Errorf("MalformedPolicy", 400, format, a...)
}

// PutBucketPolicy implements the operation.
func (s *Service) PutBucketPolicy(ctx context.Context, in *s3api.PutBucketPolicyInput) (*s3api.PutBucketPolicyOutput, error) {
	st, err := parsePolicy(in.Bucket, in.Policy)
	if err != nil {
		return nil, err
	}
	public := isPublic(st)
	c := wire.CallOf(ctx)
	return &s3api.PutBucketPolicyOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		if err := ownPolicy(ctx, b); err != nil {
			return err
		}
		if public && b.Block.Policy {
			return wire.AccessDenied(fmt.Sprintf("User: %s is not authorized to perform: s3:PutBucketPolicy on resource: %q because public policies are blocked by the BlockPublicPolicy block public access setting.",
				c.Principal.ARN, bucketARN(b.Name)))
		}
		b.Policy, b.Public = in.Policy, public
		return nil
	})
}

// PutBucketPolicyRequires implements the operation's requirements.
func (s *Service) PutBucketPolicyRequires(ctx context.Context, in *s3api.PutBucketPolicyInput, r *wire.Requirements) error {
	return s.needPolicy(ctx, r, in.Bucket, in.ExpectedBucketOwner, "PutBucketPolicy")
}

// needPolicy: the root of the bucket's own account may always read and change its policy, so that one that denies everyone
// can be mended.
func (s *Service) needPolicy(ctx context.Context, r *wire.Requirements, name string, owner *string, action string) error {
	b, n, err := s.need(ctx, r, name, "", owner, action)
	if err != nil {
		return err
	}
	if p := wire.Caller(ctx); p.Type == "Root" && p.Account == b.Account {
		n.ResourcePolicy = ""
	}
	return nil
}

// ownPolicy refuses a caller of another account whom the policy would let in: it may read no policy and write none.
func ownPolicy(ctx context.Context, b *bucket) error {
	if p := wire.Caller(ctx); p.Account != b.Account && p.Type != "Service" {
		return wire.Errorf("MethodNotAllowed", 405, "The specified method is not allowed against this resource.").With("Method", "POLICY").With("ResourceType", "BUCKETPOLICY")
	}
	return nil
}

// GetBucketPolicy implements the operation.
func (s *Service) GetBucketPolicy(ctx context.Context, in *s3api.GetBucketPolicyInput) (*s3api.GetBucketPolicyOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := ownPolicy(ctx, b); err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, absent("NoSuchBucketPolicy", "The bucket policy does not exist", b.Name)
	}
	return &s3api.GetBucketPolicyOutput{Policy: &b.Policy}, nil
}

// GetBucketPolicyRequires implements the operation's requirements.
func (s *Service) GetBucketPolicyRequires(ctx context.Context, in *s3api.GetBucketPolicyInput, r *wire.Requirements) error {
	return s.needPolicy(ctx, r, in.Bucket, in.ExpectedBucketOwner, "GetBucketPolicy")
}

// DeleteBucketPolicy implements the operation.
func (s *Service) DeleteBucketPolicy(ctx context.Context, in *s3api.DeleteBucketPolicyInput) (*s3api.DeleteBucketPolicyOutput, error) {
	return &s3api.DeleteBucketPolicyOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		if err := ownPolicy(ctx, b); err != nil {
			return err
		}
		b.Policy, b.Public = "", false
		return nil
	})
}

// DeleteBucketPolicyRequires implements the operation's requirements.
func (s *Service) DeleteBucketPolicyRequires(ctx context.Context, in *s3api.DeleteBucketPolicyInput, r *wire.Requirements) error {
	return s.needPolicy(ctx, r, in.Bucket, in.ExpectedBucketOwner, "DeleteBucketPolicy")
}

// GetBucketPolicyStatus implements the operation.
func (s *Service) GetBucketPolicyStatus(ctx context.Context, in *s3api.GetBucketPolicyStatusInput) (*s3api.GetBucketPolicyStatusOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, absent("NoSuchBucketPolicy", "The bucket policy does not exist", b.Name)
	}
	return &s3api.GetBucketPolicyStatusOutput{PolicyStatus: &s3api.PolicyStatus{IsPublic: &b.Public}}, nil
}

// GetBucketPolicyStatusRequires implements the operation's requirements.
func (s *Service) GetBucketPolicyStatusRequires(ctx context.Context, in *s3api.GetBucketPolicyStatusInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketPolicyStatus")
	return err
}

// words is a string or a list of strings.
type words []string

// UnmarshalJSON reads both forms.
func (w *words) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*w = words{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*w = list
	return nil
}

type statement struct {
	Sid          *string                     `json:"Sid"`
	Effect       *string                     `json:"Effect"`
	Principal    json.RawMessage             `json:"Principal"`
	NotPrincipal json.RawMessage             `json:"NotPrincipal"`
	Action       words                       `json:"Action"`
	NotAction    words                       `json:"NotAction"`
	Resource     words                       `json:"Resource"`
	NotResource  words                       `json:"NotResource"`
	Condition    map[string]map[string]loose `json:"Condition"`
}

// loose is a condition's value: strings, numbers or truth values, one or many.
type loose []string

// UnmarshalJSON reads all forms.
func (l *loose) UnmarshalJSON(b []byte) error {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	*l = nil
	for _, x := range list {
		switch x := x.(type) {
		case string, bool, json.Number:
			*l = append(*l, fmt.Sprint(x))
		default:
			return fmt.Errorf("a condition's value is no text")
		}
	}
	return nil
}

// parsePolicy checks a bucket policy as far as its being one: its grammar, and that it speaks of this bucket.
func parsePolicy(bucket, text string) ([]statement, error) {
	t := strings.TrimSpace(text)
	if !strings.HasPrefix(t, "{") || depth(t) > policyDepthMax || !json.Valid([]byte(t)) {
		return nil, malformedPolicy("Policies must be valid JSON and the first byte must be '{'")
	}
	if len(text) > policyBytesMax {
		return nil, malformedPolicy("Policy exceeds the maximum allowed document size.")
	}
	var doc struct {
		Version   *string         `json:"Version"`
		ID        *string         `json:"Id"`
		Statement json.RawMessage `json:"Statement"`
	}
	d := json.NewDecoder(strings.NewReader(t))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, malformedPolicy("%s", unknownField(err))
	}
	switch {
	case doc.Version != nil && *doc.Version != "2012-10-17" && *doc.Version != "2008-10-17":
		return nil, malformedPolicy("The policy must contain a valid version string")
	case len(doc.Statement) == 0 || string(doc.Statement) == "null":
		return nil, malformedPolicy("Missing required field Statement")
	}
	raw := doc.Statement
	if raw[0] == '{' {
		raw = append(append([]byte{'['}, raw...), ']')
	}
	var list []statement
	d = json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, malformedPolicy("%s", unknownField(err))
	}
	if len(list) == 0 {
		return nil, malformedPolicy("Could not parse the policy: Statement is empty!")
	}
	sids := map[string]bool{}
	for i := range list {
		if err := list[i].check(bucket); err != nil {
			return nil, err
		}
		if sid := list[i].Sid; sid != nil {
			if sids[*sid] && *sid != "" {
				return nil, malformedPolicy("Statement IDs (SID) in a single policy must be unique.")
			}
			sids[*sid] = true
		}
	}
	// What the policy plane cannot read must not be kept: it would deny everyone.
	if _, err := policy.Parse(policy.Resource, []byte(t), policy.DefaultLimits()); err != nil {
		var pe *policy.Error
		if errors.As(err, &pe) {
			return nil, malformedPolicy("%s", pe.Message)
		}
		return nil, malformedPolicy("Policy has invalid format")
	}
	return list, nil
}

func depth(s string) (max int) {
	n := 0
	for i := range len(s) {
		switch s[i] {
		case '{', '[':
			n++
			if n > max {
				max = n
			}
		case '}', ']':
			n--
		}
	}
	return max
}

func unknownField(err error) string {
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return "Unknown field " + strings.Trim(name, `"`)
	}
	return "Policy has invalid format"
}

func (st *statement) check(bucket string) error {
	switch {
	case st.Effect == nil:
		return malformedPolicy("Missing required field Effect")
	case *st.Effect != "Allow" && *st.Effect != "Deny":
		return malformedPolicy("Invalid effect: %s", *st.Effect)
	case len(st.Principal) == 0 && len(st.NotPrincipal) == 0:
		return malformedPolicy("Missing required field Principal")
	case len(st.Principal) > 0 && len(st.NotPrincipal) > 0:
		return malformedPolicy("Statement must not have both Principal and NotPrincipal")
	case len(st.Action) == 0 && len(st.NotAction) == 0:
		return malformedPolicy("Missing required field Action")
	case len(st.Action) > 0 && len(st.NotAction) > 0:
		return malformedPolicy("Statement must not have both Action and NotAction")
	case len(st.Resource) == 0 && len(st.NotResource) == 0:
		return malformedPolicy("Missing required field Resource")
	case len(st.Resource) > 0 && len(st.NotResource) > 0:
		return malformedPolicy("Statement must not have both Resource and NotResource")
	}
	for _, a := range append(append(words{}, st.Action...), st.NotAction...) {
		if a != "*" && (len(a) < 4 || !strings.EqualFold(a[:3], "s3:")) {
			return malformedPolicy("Policy has invalid action")
		}
	}
	for _, r := range append(append(words{}, st.Resource...), st.NotResource...) {
		name, ok := strings.CutPrefix(r, "arn:aws:s3:::")
		base, _, object := strings.Cut(name, "/")
		if !ok || !globs(base, bucket, object) {
			return malformedPolicy("Policy has invalid resource")
		}
	}
	for _, p := range [...]json.RawMessage{st.Principal, st.NotPrincipal} {
		if len(p) == 0 {
			continue
		}
		if _, err := principals(p); err != nil {
			return err
		}
	}
	return nil
}

// globs tells whether a resource's bucket part can mean the bucket.
func globs(pattern, name string, object bool) bool {
	if strings.ContainsAny(pattern, "*?") || strings.Contains(pattern, "${") {
		i := strings.IndexAny(pattern, "*?$")
		return strings.HasPrefix(name, pattern[:i])
	}
	return pattern == name
}

// principals reads a Principal element: kind → names; "*" alone is AWS: "*".
func principals(raw json.RawMessage) (map[string]words, error) {
	var star string
	if json.Unmarshal(raw, &star) == nil {
		if star != "*" {
			return nil, malformedPolicy("Invalid policy syntax.")
		}
		return map[string]words{"AWS": {"*"}}, nil
	}
	var m map[string]words
	if json.Unmarshal(raw, &m) != nil || len(m) == 0 {
		return nil, malformedPolicy("Invalid policy syntax.")
	}
	for kind, list := range m {
		for _, p := range list {
			ok := false
			switch kind {
			case "AWS":
				ok = p == "*" || len(p) == 12 && strings.Trim(p, "0123456789") == "" || strings.HasPrefix(p, "AROA") || strings.HasPrefix(p, "AIDA")
				if part := strings.SplitN(p, ":", 6); len(part) == 6 && part[0] == "arn" && (part[2] == "iam" || part[2] == "sts") && part[5] != "" {
					ok = len(part[4]) == 12 && strings.Trim(part[4], "0123456789") == "" || part[4] == "cloudfront"
				}
			case "Service":
				ok = strings.Contains(p, ".")
			case "CanonicalUser":
				ok = len(p) == 64
			case "Federated":
				ok = p != ""
			}
			if !ok {
				return nil, malformedPolicy("Invalid principal in policy").With("Detail", fmt.Sprintf("%q : %q", kind, p))
			}
		}
	}
	return m, nil
}

// fixing are the condition keys whose fixed values make a statement not public (Amazon S3 User Guide, Blocking public
// access, The meaning of "public").
var fixing = map[string]bool{"aws:principalorgid": true, "aws:principalorgpaths": true, "aws:sourcearn": true, "aws:sourcevpc": true, "aws:sourcevpce": true,
	"aws:sourceowner": true, "aws:sourceaccount": true, "aws:sourceorgid": true, "aws:userid": true, "aws:principalaccount": true, "aws:principalarn": true,
	"s3:x-amz-server-side-encryption-aws-kms-key-id": true, "s3:dataaccesspointarn": true, "s3:dataaccesspointaccount": true, "aws:sourceip": true}

// isPublic tells whether a policy lets in people whom it does not name.
func isPublic(list []statement) bool {
	for i := range list {
		st := &list[i]
		if *st.Effect != "Allow" {
			continue
		}
		open := len(st.NotPrincipal) > 0
		if m, err := principals(st.Principal); err == nil {
			for kind, names := range m {
				for _, n := range names {
					open = open || kind == "AWS" && strings.Contains(n, "*")
				}
			}
		}
		if open && !st.fixed() {
			return true
		}
	}
	return false
}

func (st *statement) fixed() bool {
	for op, keys := range st.Condition {
		if strings.HasSuffix(op, "IfExists") {
			continue
		}
		op = strings.TrimPrefix(strings.TrimPrefix(op, "ForAnyValue:"), "ForAllValues:")
		for key, values := range keys {
			k := strings.ToLower(key)
			if !fixing[k] || len(values) == 0 {
				continue
			}
			ok := true
			for _, v := range values {
				switch op {
				case "StringEquals", "StringEqualsIgnoreCase", "ArnEquals":
					ok = ok && v != "" && (op != "ArnEquals" || !strings.ContainsAny(v, "*?"))
				case "StringLike", "ArnLike":
					ok = ok && !strings.ContainsAny(v, "*?") || ok && k == "aws:principalarn" && strings.Count(strings.SplitN(v, "/", 2)[0], "*") == 0
				case "IpAddress":
					p, err := netip.ParsePrefix(v)
					if err != nil {
						_, err = netip.ParseAddr(v)
						ok = ok && err == nil
						continue
					}
					wide := p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 32
					ok = ok && !wide
				default:
					ok = false
				}
			}
			if ok {
				return true
			}
		}
	}
	return false
}
