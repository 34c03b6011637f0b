package sigv4

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// ParsePost reads the fields of a browser's upload form (Amazon S3 API Reference, "Authenticating Requests in
// Browser-Based Uploads Using POST"). Field names count without case; one given twice under two spellings is refused.
// A form that says nothing, policy included, is [Anonymous].
func ParsePost(r Request, fields map[string]string) (*Signature, error) {
	s, err := Parse(r)
	if err != nil {
		return nil, err
	}
	f := make(map[string]string, 8)
	for k, v := range fields {
		switch k := strings.ToLower(k); k {
		case "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-security-token", "awsaccesskeyid", "signature":
			if _, twice := f[k]; twice {
				return nil, fail(MultipleMechanisms, "The form field '"+k+"' may occur once only.", "")
			}
			f[k] = v
		}
	}
	has := func(k string) bool { _, ok := f[k]; return ok }
	v4 := has("x-amz-algorithm") || has("x-amz-credential") || has("x-amz-signature")
	switch {
	case s.Form != Anonymous && len(f) > 0:
		return nil, fail(MultipleMechanisms, oneOnly, "")
	case s.Form != Anonymous || len(f) == 0:
		return s, nil
	case has("awsaccesskeyid") || has("signature"):
		return nil, fail(UnsupportedAlgorithm, "Signature Version 2 forms are not supported; use AWS4-HMAC-SHA256.", v4Only)
	case !v4:
		if has("policy") {
			return nil, fail(AccessDenied, "A form with a policy must be signed.", "Access Denied")
		}
		return s, nil
	}
	for _, k := range []string{"policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"} {
		if f[k] == "" {
			m := "Bucket POST must contain a field named '" + k + "'.  If it is specified, please check the order of the fields."
			return nil, fail(MultipleMechanisms, m, m)
		}
	}
	if f["x-amz-algorithm"] != algorithm {
		m := `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`
		return nil, fail(MultipleMechanisms, m, m)
	}
	if len(f["policy"]) > MaxPolicyBytes {
		return nil, fail(InvalidPolicyDocument, "The policy is too long.", "Invalid Policy: it is too long.")
	}
	s.Form, s.Value, s.Policy = PostPolicy, f["x-amz-signature"], f["policy"]
	if err := s.setCredential(f["x-amz-credential"], QueryParametersInvalid, "Error parsing the X-Amz-Credential parameter; "+s3Cred); err != nil {
		return nil, err
	}
	if err := s.setTime(f["x-amz-date"], false); err != nil {
		return nil, err
	}
	if err := s.setToken(f["x-amz-security-token"]); err != nil {
		return nil, err
	}
	return s, nil
}

// verifyPost checks a form's scope, its policy's expiration and the signature over the policy.
func (s *Signature) verifyPost(key Key, now time.Time, o Options) error {
	if !o.S3 {
		return fail(UnsupportedAlgorithm, "Form policies are for Amazon S3.", v4Only)
	}
	if err := s.checkScope(o); err != nil {
		return err
	}
	k := key.Cache.Key(s.KeyID, key.Secret, s.Date, s.Region, s.Service)
	mac := hmac256(k[:], s.Policy)
	var want [64]byte
	hex.Encode(want[:], mac[:])
	if len(s.Value) != len(want) || subtle.ConstantTimeCompare(want[:], []byte(s.Value)) != 1 {
		e := fail(SignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided.", "")
		e.StringToSign, e.SignatureProvided, e.KeyID = s.Policy, s.Value, s.KeyID
		return e
	}
	raw, err := base64.StdEncoding.DecodeString(s.Policy)
	var doc struct {
		Expiration string `json:"expiration"`
	}
	if err != nil || json.Unmarshal(raw, &doc) != nil {
		return fail(InvalidPolicyDocument, "The policy cannot be read.", "Invalid Policy: Invalid JSON.")
	}
	end, err := time.Parse(time.RFC3339Nano, doc.Expiration)
	if err != nil {
		return fail(InvalidPolicyDocument, "The policy has no expiration.", "Invalid Policy: Policy missing expiration.")
	}
	if now.After(end) {
		return fail(AccessDenied, "Invalid according to Policy: Policy expired.", "Invalid according to Policy: Policy expired.")
	}
	return nil
}
