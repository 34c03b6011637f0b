package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

const v2All = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"

func (s *Signature) parseQueryV2(q *queryAuth) error {
	if q.v2signature.v == "" || q.v2expires.v == "" || q.v2key.v == "" {
		return fail(AccessDenied, v2All, v2All)
	}
	if q.token.set || len(s.req.Header["X-Amz-Security-Token"]) > 0 {
		return fail(UnsupportedAlgorithm, "Signature Version 2 is for long-term keys only; use AWS4-HMAC-SHA256.", v4Only)
	}
	for _, p := range s.params {
		if strings.EqualFold(p.name, "x-amz-security-token") {
			return fail(UnsupportedAlgorithm, "Signature Version 2 is for long-term keys only; use AWS4-HMAC-SHA256.", v4Only)
		}
	}
	n, err := strconv.ParseInt(q.v2expires.v, 10, 64)
	if err != nil || n < 0 {
		return fail(AccessDenied, "Invalid date (should be seconds since epoch)", "Invalid date (should be seconds since epoch): "+clip(q.v2expires.v))
	}
	if !name(q.v2key.v) {
		return fail(InvalidClientTokenID, "", "")
	}
	s.Form, s.KeyID, s.Value, s.Expires = QueryV2, q.v2key.v, q.v2signature.v, n
	return nil
}

// v2Sub are the query parameters that Version 2 signs (Amazon S3 User Guide, "Constructing the CanonicalizedResource
// element").
func v2Sub(name string) bool {
	switch name {
	case "acl", "cors", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy", "requestPayment",
		"restore", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website", "encryption",
		"accelerate", "analytics", "inventory", "metrics", "replication", "object-lock", "retention", "legal-hold",
		"publicAccessBlock", "ownershipControls", "policyStatus", "intelligent-tiering", "select", "select-type",
		"response-content-type", "response-content-language", "response-expires", "response-cache-control",
		"response-content-disposition", "response-content-encoding":
		return true
	}
	return false
}

// stringToSignV2 builds what Version 2 signs.
func (s *Signature) stringToSignV2(bucket string) string {
	var b strings.Builder
	for _, v := range []string{s.req.Method, first(s.req.Header, "Content-Md5"), first(s.req.Header, "Content-Type"), strconv.FormatInt(s.Expires, 10)} {
		b.WriteString(v + "\n")
	}
	type header struct{ name, value string }
	var amz []header
	for k, vs := range s.req.Header {
		if l := strings.ToLower(k); strings.HasPrefix(l, "x-amz-") && len(vs) > 0 {
			var v []byte
			for i, one := range vs {
				if i > 0 {
					v = append(v, ',')
				}
				v = append(v, strings.TrimSpace(one)...)
			}
			amz = append(amz, header{l, string(v)})
		}
	}
	slices.SortFunc(amz, func(a, b header) int { return strings.Compare(a.name, b.name) })
	for _, h := range amz {
		b.WriteString(h.name + ":" + h.value + "\n")
	}
	if bucket != "" {
		b.WriteString("/" + bucket)
	}
	path := s.req.RawPath
	if path == "" {
		path = "/"
	}
	b.WriteString(path)
	var sub []param
	for _, p := range s.params {
		if v2Sub(p.name) {
			sub = append(sub, p)
		}
	}
	slices.SortStableFunc(sub, func(a, b param) int { return strings.Compare(a.name, b.name) })
	for i, p := range sub {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(p.name)
		if p.value != "" {
			b.WriteString("=" + p.value)
		}
	}
	return b.String()
}

func (s *Signature) verifyV2(secret string, now time.Time, o Options) error {
	if !o.S3 {
		return fail(UnsupportedAlgorithm, "Signature Version 2 is not supported; use AWS4-HMAC-SHA256.", v4Only)
	}
	switch s.req.Method {
	case "GET", "HEAD", "PUT":
	default:
		return fail(UnsupportedAlgorithm, "Signature Version 2 is for GET, HEAD and PUT of objects; use AWS4-HMAC-SHA256.", v4Only)
	}
	if now.Unix() > s.Expires {
		return fail(RequestExpired, "Request has expired", "")
	}
	sts := s.stringToSignV2(o.Bucket)
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(sts))
	want := base64.StdEncoding.EncodeToString(h.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(want), []byte(s.Value)) != 1 {
		e := fail(SignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided.", "")
		e.StringToSign, e.SignatureProvided, e.KeyID = sts, s.Value, s.KeyID
		return e
	}
	return nil
}
