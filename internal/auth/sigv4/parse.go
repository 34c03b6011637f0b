package sigv4

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	mustFive   = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
	s3Auth     = "The authorization header is malformed; "
	s3Cred     = `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`
	s3QueryAll = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	oneOnly    = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
	v4Only     = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
)

// Parse finds which form a request uses and reads it. It believes nothing: the signature, its time and its scope are
// checked by [Verify]. A request that says nothing is [Anonymous] and no error; a request that says two things is refused.
// Forms with fields are read by [ParsePost].
func Parse(r Request) (*Signature, error) {
	for _, k := range [...]string{"Authorization", "X-Amz-Date", "Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-Decoded-Content-Length"} {
		if len(r.Header[k]) > 1 {
			return nil, fail(MultipleMechanisms, "The header '"+k+"' may occur once only.", "")
		}
	}
	params, ok := parseQuery(r.RawQuery)
	if !ok {
		return nil, fail(InvalidURI, "The query string cannot be read", "")
	}
	var q queryAuth
	for _, p := range params {
		if !q.take(p) {
			return nil, fail(MultipleMechanisms, "The query parameter '"+p.name+"' may occur once only.", "")
		}
	}
	s := &Signature{Form: Anonymous, Expires: -1, req: r, params: params}
	_, said := r.Header["Authorization"] // an empty header is a broken one, not none
	auth := first(r.Header, "Authorization")
	v4 := q.algorithm.set || q.credential.set || q.signature.set
	v2 := q.v2key.set
	var err error
	switch {
	case said && (v4 || v2) || v4 && v2:
		err = fail(MultipleMechanisms, oneOnly, "")
	case said && q.token.set:
		err = fail(MultipleMechanisms, "X-Amz-Security-Token in the query belongs to a presigned request.", "")
	case said:
		err = s.parseHeader(auth)
	case v4:
		err = s.parseQueryV4(&q)
	case v2:
		err = s.parseQueryV2(&q)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ClaimedService gives the service that a request's credential scope names, "" where there is none to be read: for the
// answer to a request that [Parse] refuses, which says it in the protocol of the service that was meant. It is believed
// in nothing else.
func ClaimedService(r Request) string {
	claim := first(r.Header, "Authorization")
	if _, after, ok := strings.Cut(claim, "Credential="); ok {
		claim, _, _ = strings.Cut(after, ",")
	} else {
		params, _ := parseQuery(r.RawQuery)
		claim = ""
		for _, p := range params {
			if p.name == "X-Amz-Credential" {
				claim = p.value
			}
		}
	}
	if p := strings.Split(claim, "/"); len(p) >= 5 && len(claim) < MaxAuthorizationBytes {
		return p[len(p)-2]
	}
	return ""
}

// queryAuth collects the query parameters that say who sends.
type queryAuth struct {
	algorithm, credential, date, expires, signedHeaders, signature, token, contentSHA256 opt
	v2key, v2expires, v2signature                                                        opt
}

type opt struct {
	v   string
	set bool
}

// take reports false for a parameter met the second time.
func (q *queryAuth) take(p param) bool {
	var o *opt
	switch p.name {
	case "X-Amz-Algorithm":
		o = &q.algorithm
	case "X-Amz-Credential":
		o = &q.credential
	case "X-Amz-Date":
		o = &q.date
	case "X-Amz-Expires":
		o = &q.expires
	case "X-Amz-SignedHeaders":
		o = &q.signedHeaders
	case "X-Amz-Signature":
		o = &q.signature
	case "X-Amz-Security-Token":
		o = &q.token
	case "X-Amz-Content-Sha256":
		o = &q.contentSHA256
	case "AWSAccessKeyId":
		o = &q.v2key
	case "Expires":
		if q.v2expires.set { // a name that operations may use too: only counted, judged by parseQueryV2
			q.v2expires.v = "twice"
			return true
		}
		o = &q.v2expires
	case "Signature":
		if q.v2signature.set {
			q.v2signature.v = ""
			return true
		}
		o = &q.v2signature
	default:
		return true
	}
	if o.set {
		return false
	}
	*o = opt{p.value, true}
	return true
}

func first(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (s *Signature) parseHeader(auth string) error {
	if len(auth) > MaxAuthorizationBytes {
		return fail(IncompleteSignature, "The Authorization header is too long.", s3Auth+"it is too long.")
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(auth), " ")
	if scheme != algorithm {
		return wrongScheme(scheme)
	}
	var cred, signed, sig opt
	for rest != "" {
		var piece string
		piece, rest, _ = strings.Cut(rest, ",")
		piece = strings.TrimSpace(piece)
		k, v, ok := strings.Cut(piece, "=")
		if !ok {
			return fail(IncompleteSignature, "An element of the Authorization header is not a valid key=value pair (missing equal-sign).",
				s3Auth+"an element is not a key=value pair.")
		}
		var o *opt
		switch k {
		case "Credential":
			o = &cred
		case "SignedHeaders":
			o = &signed
		case "Signature":
			o = &sig
		default:
			return fail(IncompleteSignature, "The Authorization header has an unknown element.", s3Auth+"it has an unknown element.")
		}
		if o.set {
			return fail(MultipleMechanisms, "The Authorization header names '"+k+"' twice.", "")
		}
		*o = opt{v, true}
	}
	date, byDate := first(s.req.Header, "X-Amz-Date"), false
	if date == "" {
		date, byDate = first(s.req.Header, "Date"), true
	}
	var missing []string
	for _, m := range []struct {
		name string
		ok   bool
	}{{"'Credential' parameter", cred.v != ""}, {"'Signature' parameter", sig.v != ""}, {"'SignedHeaders' parameter", signed.v != ""}} {
		if !m.ok {
			missing = append(missing, "Authorization header requires "+m.name+".")
		}
	}
	if date == "" {
		missing = append(missing, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if missing != nil {
		m := strings.Join(missing, " ")
		return fail(IncompleteSignature, m, s3Auth+m)
	}
	s.Form, s.Value = Header, sig.v
	if err := s.setCredential(cred.v, IncompleteSignature, s3Auth+s3Cred); err != nil {
		return err
	}
	if err := s.setTime(date, byDate); err != nil {
		return err
	}
	if err := s.setSignedHeaders(signed.v); err != nil {
		return err
	}
	if err := s.setToken(first(s.req.Header, "X-Amz-Security-Token")); err != nil {
		return err
	}
	s.ContentSHA256 = first(s.req.Header, "X-Amz-Content-Sha256")
	s.Payload = payloadOf(s.ContentSHA256)
	return nil
}

// wrongScheme refuses an Authorization header that is not Signature Version 4, by name where it has one.
func wrongScheme(scheme string) error {
	switch {
	case strings.HasPrefix(scheme, "AWS4-ECDSA-"):
		m := "Unsupported AWS 'algorithm': Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not supported; use AWS4-HMAC-SHA256."
		return fail(UnsupportedAlgorithm, m, m)
	case scheme == "AWS":
		return fail(UnsupportedAlgorithm, "Signature Version 2 in the Authorization header is not supported; use AWS4-HMAC-SHA256.", v4Only)
	case strings.HasPrefix(scheme, "AWS"):
		return fail(UnsupportedAlgorithm, "Unsupported AWS 'algorithm' in the Authorization header; use AWS4-HMAC-SHA256.", v4Only)
	}
	return fail(MultipleMechanisms, "The Authorization header is of a type that is not supported; use AWS4-HMAC-SHA256.", "Unsupported Authorization Type")
}

func (s *Signature) parseQueryV4(q *queryAuth) error {
	if q.algorithm.set && q.algorithm.v != algorithm {
		m := "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""
		if strings.HasPrefix(q.algorithm.v, "AWS4-ECDSA-") {
			m = "Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not supported. " + m
		}
		return fail(QueryParametersInvalid, m, m)
	}
	for _, m := range []struct {
		name string
		o    opt
	}{{"X-Amz-Algorithm", q.algorithm}, {"X-Amz-Credential", q.credential}, {"X-Amz-Signature", q.signature}, {"X-Amz-Date", q.date}, {"X-Amz-SignedHeaders", q.signedHeaders}} {
		if m.o.v == "" {
			return fail(QueryParametersInvalid, "AWS query-string parameters must include '"+m.name+"'. Re-examine the query-string parameters.", s3QueryAll)
		}
	}
	if len(q.credential.v) > MaxAuthorizationBytes || len(q.signedHeaders.v) > MaxAuthorizationBytes {
		return fail(QueryParametersInvalid, "A query-string parameter is too long.", "")
	}
	if q.token.set && len(s.req.Header["X-Amz-Security-Token"]) > 0 {
		return fail(MultipleMechanisms, "X-Amz-Security-Token is given both in the query and in a header.", "")
	}
	if q.contentSHA256.set && len(s.req.Header["X-Amz-Content-Sha256"]) > 0 {
		return fail(MultipleMechanisms, "X-Amz-Content-Sha256 is given both in the query and in a header.", "")
	}
	if q.expires.set {
		n, err := strconv.ParseInt(q.expires.v, 10, 64)
		m := ""
		switch {
		case err != nil:
			m = "X-Amz-Expires should be a number"
		case n < 0:
			m = "X-Amz-Expires must be non-negative"
		case n == 0:
			m = "X-Amz-Expires must be at least 1 second"
		case n > MaxExpiresSeconds:
			m = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
		}
		if m != "" {
			return fail(QueryParametersInvalid, m, m)
		}
		s.Expires = n
	}
	s.Form, s.Value = QueryV4, q.signature.v
	if err := s.setCredential(q.credential.v, QueryParametersInvalid, "Error parsing the X-Amz-Credential parameter; "+s3Cred); err != nil {
		return err
	}
	if err := s.setTime(q.date.v, false); err != nil {
		return err
	}
	if err := s.setSignedHeaders(q.signedHeaders.v); err != nil {
		return err
	}
	token := q.token.v
	if !q.token.set {
		token = first(s.req.Header, "X-Amz-Security-Token")
	}
	if err := s.setToken(token); err != nil {
		return err
	}
	s.ContentSHA256 = q.contentSHA256.v
	if !q.contentSHA256.set {
		s.ContentSHA256 = first(s.req.Header, "X-Amz-Content-Sha256")
	}
	s.Payload = payloadOf(s.ContentSHA256)
	return nil
}

func (s *Signature) setCredential(c string, k Kind, s3 string) error {
	part := strings.Split(c, "/")
	if len(part) != 5 || !name(part[0]) || !digits(part[1], 8) || !name(part[2]) || !name(part[3]) || part[4] == "" {
		return fail(k, mustFive+".", s3)
	}
	s.KeyID, s.Date, s.Region, s.Service, s.Terminator = part[0], part[1], part[2], part[3], part[4]
	return nil
}

// name tells whether v can be a key id, a region or a service.
func name(v string) bool {
	for i := range len(v) {
		if c := v[i]; !unreserved(c) || c == '~' {
			return false
		}
	}
	return v != "" && len(v) <= maxNameBytes
}

func digits(v string, n int) bool {
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			return false
		}
	}
	return len(v) == n
}

func (s *Signature) setTime(v string, dateHeader bool) error {
	t, err := parseTimestamp(v)
	if err != nil && dateHeader {
		t, err = http.ParseTime(v)
	}
	if err != nil {
		if s.Form == QueryV4 {
			return fail(QueryParametersInvalid, "Date must be in ISO-8601 'basic format'.", `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
		}
		return fail(IncompleteSignature, "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601", "AWS authentication requires a valid Date or x-amz-date header")
	}
	s.Time = t.UTC()
	s.Timestamp = v
	if dateHeader {
		s.Timestamp = s.Time.Format(timeFormat)
	}
	return nil
}

// parseTimestamp reads 20150830T123600Z and nothing else.
func parseTimestamp(v string) (time.Time, error) {
	if len(v) != 16 || v[8] != 'T' || v[15] != 'Z' || !digits(v[:8], 8) || !digits(v[9:15], 6) {
		return time.Time{}, fmt.Errorf("not a timestamp")
	}
	n := func(a, b int) int {
		x := 0
		for _, c := range []byte(v[a:b]) {
			x = x*10 + int(c-'0')
		}
		return x
	}
	mo, d, h, mi, sec := n(4, 6), n(6, 8), n(9, 11), n(11, 13), n(13, 15)
	t := time.Date(n(0, 4), time.Month(mo), d, h, mi, sec, 0, time.UTC)
	if mo < 1 || mo > 12 || t.Day() != d || h > 23 || mi > 59 || sec > 59 || d == 0 {
		return time.Time{}, fmt.Errorf("not a time")
	}
	return t, nil
}

func (s *Signature) setSignedHeaders(v string) error {
	n := strings.Count(v, ";") + 1
	bad := func(why string) error {
		if s.Form == QueryV4 {
			return fail(QueryParametersInvalid, "SignedHeaders: "+why, "")
		}
		return fail(IncompleteSignature, "SignedHeaders: "+why, s3Auth+"SignedHeaders: "+why)
	}
	if n > MaxSignedHeaders {
		return bad("too many names.")
	}
	s.SignedHeaders = make([]string, 0, n)
	host, last := false, ""
	for h := range strings.SplitSeq(v, ";") {
		if h == "" || len(h) > 256 {
			return bad("a name is empty or too long.")
		}
		for i := range len(h) {
			c := h[i]
			if 'A' <= c && c <= 'Z' {
				return bad("names must be lower case.")
			}
			if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
				return bad("a name has a character that header names have not.")
			}
		}
		if h <= last {
			return bad("names must be sorted and occur once.")
		}
		host = host || h == "host"
		last = h
		s.SignedHeaders = append(s.SignedHeaders, h)
	}
	s.signedList = v
	if !host {
		return fail(SignatureDoesNotMatch, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.", "")
	}
	return nil
}

func (s *Signature) setToken(v string) error {
	if len(v) > MaxTokenBytes {
		return fail(InvalidToken, "The security token included in the request is invalid.", "")
	}
	s.Token = v
	return nil
}
