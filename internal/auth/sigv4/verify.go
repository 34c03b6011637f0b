package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Options is what the server knows of the place a request was sent to.
type Options struct {
	Service string // the scope must name it; for SES, API Gateway and the like the signing name
	Region  string // the scope must name it; "" = any region
	S3      bool   // Amazon S3's rules: unsigned and chunked payloads, Version 2, its errors

	// DoubleEncode and Normalize are how the path enters the canonical request: both for all services but S3.
	DoubleEncode, Normalize bool

	// UnsignedToken lets x-amz-security-token stand outside SignedHeaders, as AWS's own test suite and AWS IoT's
	// clients have it: a token put in after signing. A token is bound to its key id, so exchanging it gains nothing; the
	// gate leaves this off all the same.
	UnsignedToken bool

	// Bucket is the bucket named by the host of a virtual-hosted request, for Version 2 signatures; "" = path style.
	Bucket string
}

// OptionsFor gives the options of a service by its signing name.
func OptionsFor(service, region string) Options {
	s3 := service == "s3" || service == "s3express" || service == "s3-object-lambda" || service == "s3-outposts"
	return Options{Service: service, Region: region, S3: s3, DoubleEncode: !s3, Normalize: !s3}
}

// NeedsBodyHash tells whether Verify must be given the hash of the whole body: for every service but S3 when the
// client did not sign one.
func (s *Signature) NeedsBodyHash(o Options) bool {
	return !o.S3 && (s.Form == Header || s.Form == QueryV4) && s.Payload != PayloadHash
}

// Precheck finds what is wrong with a signature before its body is known: scope, time and headers outside the signature.
// A server asks it before it reads a body whose hash [Verify] needs.
func Precheck(s *Signature, now time.Time, o Options) error {
	if s.Form != Header && s.Form != QueryV4 {
		return nil
	}
	if err := s.checkScope(o); err != nil {
		return err
	}
	if err := s.checkTime(now, o); err != nil {
		return err
	}
	return s.checkUnsigned(o)
}

// Verify checks a parsed signature at time now. bodyHash is the lower-case hexadecimal SHA-256 of the body, or "" when
// the body has not been read; then the hash that the client signed is taken at its word, and [NewBody] must check it.
// The error is an *[Error]. Comparison takes constant time. Session tokens, key owners and form conditions are the
// caller's.
func Verify(s *Signature, key Key, now time.Time, bodyHash string, o Options) error {
	switch s.Form {
	case Anonymous:
		return fail(MissingAuthenticationToken, "Request is missing Authentication Token", "")
	case Header, QueryV4:
	case QueryV2:
		return s.verifyV2(key.Secret, now, o)
	case PostPolicy:
		return s.verifyPost(key, now, o)
	default:
		return fail(AccessDenied, "Access Denied", "")
	}
	if err := Precheck(s, now, o); err != nil {
		return err
	}
	payload, err := s.payload(bodyHash, o)
	if err != nil {
		return err
	}
	drop := ""
	if s.Form == QueryV4 {
		drop = "X-Amz-Signature"
	}
	var buf [4096]byte
	canonical, err := s.req.appendCanonical(buf[:0], s.params, drop, s.SignedHeaders, s.signedList, payload, o.DoubleEncode, o.Normalize)
	if err != nil {
		return err
	}
	var tobuf [512]byte
	sts := appendStringToSign(tobuf[:0], s.Timestamp, s.Date, s.Region, s.Service, sha256.Sum256(canonical))
	k := key.Cache.Key(s.KeyID, key.Secret, s.Date, s.Region, s.Service)
	mac := hmac256(k[:], sts)
	var want [64]byte
	hex.Encode(want[:], mac[:])
	if len(s.Value) != len(want) || subtle.ConstantTimeCompare(want[:], []byte(s.Value)) != 1 {
		e := fail(SignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.", "")
		e.CanonicalRequest, e.StringToSign, e.SignatureProvided, e.KeyID = string(canonical), string(sts), s.Value, s.KeyID
		return e
	}
	return nil
}

// checkScope compares the credential's scope with the time and place of the request.
func (s *Signature) checkScope(o Options) error {
	kind, prefix := AuthorizationMalformed, s3Auth
	if s.Form == QueryV4 {
		kind, prefix = QueryParametersInvalid, "Error parsing the X-Amz-Credential parameter; "
	}
	bad := func(general, s3 string) *Error {
		e := fail(kind, general, prefix+s3)
		if !o.S3 {
			e.Kind = SignatureDoesNotMatch
		}
		return e
	}
	switch {
	case s.Terminator != terminator:
		return bad("Credential should be scoped with a valid terminator: 'aws4_request'.", `incorrect terminal. This endpoint uses "aws4_request".`)
	case s.Date != s.Timestamp[:8]:
		return bad("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+s.Date+"' != '"+s.Timestamp[:8]+"', from '"+s.Timestamp+"'.",
			`Invalid credential date "`+s.Date+`". This date is not the same as X-Amz-Date: "`+s.Timestamp[:8]+`".`)
	case s.Service != o.Service:
		return bad("Credential should be scoped to correct service: '"+o.Service+"'.", `incorrect service "`+s.Service+`". This endpoint belongs to "`+o.Service+`".`)
	case o.Region != "" && s.Region != o.Region:
		e := bad("Credential should be scoped to a valid region.", "the region '"+s.Region+"' is wrong; expecting '"+o.Region+"'")
		e.Region = o.Region
		return e
	}
	return nil
}

// checkTime compares the signature's time with the server's.
func (s *Signature) checkTime(now time.Time, o Options) error {
	at := func(t time.Time) string { return t.UTC().Format(timeFormat) }
	if s.Time.After(now.Add(MaxSkew)) {
		k := RequestTimeTooSkewed
		if s.Form == QueryV4 {
			k = RequestExpired
		}
		e := fail(k, "Signature not yet current: "+s.Timestamp+" is still later than "+at(now.Add(MaxSkew))+" ("+at(now)+" + 15 min.)", "")
		if s.Form == QueryV4 {
			e.S3 = "Request is not valid yet"
		}
		return e
	}
	if s.Form == QueryV4 && s.Expires >= 0 {
		if end := s.Time.Add(time.Duration(s.Expires) * time.Second); now.After(end) {
			return fail(RequestExpired, "Signature expired: "+s.Timestamp+" is now earlier than "+at(now.Add(-time.Duration(s.Expires)*time.Second))+" ("+at(now)+" - "+strconv.FormatInt(s.Expires, 10)+" s)", "")
		}
		return nil
	}
	if s.Form == QueryV4 && o.S3 {
		return fail(QueryParametersInvalid, s3QueryAll, s3QueryAll)
	}
	if s.Time.Before(now.Add(-MaxSkew)) {
		return fail(RequestTimeTooSkewed, "Signature expired: "+s.Timestamp+" is now earlier than "+at(now.Add(-MaxSkew))+" ("+at(now)+" - 15 min.)", "")
	}
	return nil
}

// checkUnsigned refuses x-amz-* headers outside SignedHeaders, and such headers under a spelling that net/http would
// not have given them, for they would be looked for in vain.
func (s *Signature) checkUnsigned(o Options) error {
	for k, vs := range s.req.Header {
		if len(k) < 6 || len(vs) == 0 || !strings.EqualFold(k[:6], "x-amz-") || o.UnsignedToken && k == "X-Amz-Security-Token" {
			continue
		}
		found := false
		for _, h := range s.SignedHeaders {
			if lowerEqual(h, k) {
				var buf [64]byte
				found = string(canonicalKey(buf[:0], h)) == k
				break
			}
		}
		if !found {
			return fail(HeadersNotSigned, "The header '"+strings.ToLower(k)+"' is present in the request and not signed. Every x-amz-* header must be a SignedHeader.", "")
		}
	}
	return nil
}

// payload gives the last line of the canonical request.
func (s *Signature) payload(bodyHash string, o Options) (string, error) {
	if !o.S3 {
		switch s.Payload {
		case PayloadUndeclared:
			if bodyHash == "" {
				return "", fail(SignatureDoesNotMatch, "The body's hash is needed to check the signature.", "")
			}
			return bodyHash, nil
		case PayloadHash:
			if bodyHash != "" && bodyHash != s.ContentSHA256 {
				return "", fail(ContentHashMismatch, "The request signature we calculated does not match the signature you provided: the body's hash is not the one in x-amz-content-sha256.", "")
			}
			return s.ContentSHA256, nil
		}
		return "", fail(SignatureDoesNotMatch, "This service does not take x-amz-content-sha256: '"+clip(s.ContentSHA256)+"'.", "")
	}
	switch s.Payload {
	case PayloadUndeclared:
		if s.Form == QueryV4 {
			return UnsignedPayload, nil
		}
		return "", fail(MissingContentHash, "Missing required header for this request: x-amz-content-sha256", "")
	case PayloadHash:
		if bodyHash != "" && bodyHash != s.ContentSHA256 {
			return "", fail(ContentHashMismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.", "")
		}
		return s.ContentSHA256, nil
	case PayloadUnsigned, PayloadChunkedUnsignedTrailer:
		return s.ContentSHA256, nil
	case PayloadChunked, PayloadChunkedTrailer:
		if s.Form == QueryV4 {
			return "", fail(InvalidContentHash, "Signed chunks need the Authorization header.", "Signed chunks need the Authorization header.")
		}
		return s.ContentSHA256, nil
	}
	if strings.HasPrefix(s.ContentSHA256, "STREAMING-AWS4-ECDSA-") {
		return "", fail(UnsupportedAlgorithm, "Signature Version 4A is not supported.", "Signature Version 4A (STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD) is not supported.")
	}
	return "", fail(InvalidContentHash, "x-amz-content-sha256 cannot be read",
		"x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
}

func clip(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.ToValidUTF8(s, "?")
}
