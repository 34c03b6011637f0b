package sigv4

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"encoding/base64"

	"pgregory.net/rapid"
)

func itoa(n int) string { return strconv.Itoa(n) }

const sqsBody = `{"QueueUrl":"http://localhost:4566/000000000000/orders","MessageBody":"hello"}`

// sqsRequest is an SQS call as SDKs make it, signed.
func sqsRequest(t testing.TB, c Credentials, body string) Request {
	t.Helper()
	r := Request{Method: "POST", RawPath: "/", Host: "sqs.us-east-1.amazonaws.com", Header: http.Header{
		"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"AmazonSQS.SendMessage"}, "User-Agent": {"test"},
		"Amz-Sdk-Invocation-Id": {"b1a4f2e8-6d0c-4f43-9a20-0d6f6a3a4f1e"}, "Amz-Sdk-Request": {"attempt=1"}, "Content-Length": {itoa(len(body))}}}
	if _, err := SignerFor(c, "us-east-1", "sqs").Sign(&r, may2013, HashOf([]byte(body))); err != nil {
		t.Fatal(err)
	}
	return r
}

var testCreds = Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleSecret}

// check runs the whole way: parse, verify, read the body.
func check(r Request, body string, now time.Time, o Options) error {
	s, err := Parse(r)
	if err != nil {
		return err
	}
	if s.Form != Anonymous && s.Form != QueryV2 && s.KeyID != exampleID {
		return fail(InvalidClientTokenID, "", "") // the look-up that the caller does: the key id is not itself signed
	}
	hash := ""
	if s.NeedsBodyHash(o) {
		hash = HashOf([]byte(body))
	}
	if err := Verify(s, Key{Secret: exampleSecret}, now, hash, o); err != nil {
		return err
	}
	b, err := NewBody(strings.NewReader(body), s, Key{Secret: exampleSecret}, BodyOptions{})
	if err != nil {
		return err
	}
	_, err = io.ReadAll(b)
	return err
}

// TestForged holds the forged forms of the security rules, each beside the valid twin that is let in.
func TestForged(t *testing.T) {
	sqs, s3 := OptionsFor("sqs", "us-east-1"), OptionsFor("s3", "us-east-1")
	hash := HashOf([]byte("body"))
	put := func() Request {
		r := Request{Method: "PUT", RawPath: "/b/k", Host: "s3.amazonaws.com", Header: http.Header{"X-Amz-Meta-A": {"1"}}}
		if _, err := s3Signer().Sign(&r, may2013, hash); err != nil {
			t.Fatal(err)
		}
		return r
	}
	presigned := func() Request {
		r := Request{Method: "GET", RawPath: "/b/k", RawQuery: "versionId=3", Host: "s3.amazonaws.com", Header: http.Header{}}
		if _, err := s3Signer().Presign(&r, may2013, time.Hour, UnsignedPayload); err != nil {
			t.Fatal(err)
		}
		return r
	}
	call := func() Request { return sqsRequest(t, testCreds, sqsBody) }
	for _, c := range []struct {
		name   string
		make   func() Request
		change func(*Request)
		body   string // of the forgery, "" = the valid one's
		at     time.Duration
		o      Options
		want   Kind
	}{
		{"unsigned", call, func(r *Request) { r.Header.Del("Authorization") }, "", 0, sqs, MissingAuthenticationToken},
		{"empty Authorization", call, func(r *Request) { r.Header.Set("Authorization", "") }, "", 0, sqs, MultipleMechanisms},
		{"skewed forward", call, func(*Request) {}, "", 20 * time.Minute, sqs, RequestTimeTooSkewed},
		{"skewed back", call, func(*Request) {}, "", -20 * time.Minute, sqs, RequestTimeTooSkewed},
		{"other service's scope", call, func(*Request) {}, "", 0, OptionsFor("sns", "us-east-1"), SignatureDoesNotMatch},
		{"other region's scope", call, func(*Request) {}, "", 0, OptionsFor("sqs", "eu-west-1"), SignatureDoesNotMatch},
		{"other region's scope, s3", put, func(*Request) {}, "", 0, OptionsFor("s3", "eu-west-1"), AuthorizationMalformed},
		{"terminator", call, swap("Authorization", "/aws4_request", "/aws5_request"), "", 0, sqs, SignatureDoesNotMatch},
		{"date of another day", call, swap("Authorization", "/20130524/", "/20130523/"), "", 0, sqs, SignatureDoesNotMatch},
		{"tampered body", call, func(*Request) {}, sqsBody + " ", 0, sqs, SignatureDoesNotMatch},
		{"tampered body, s3", put, func(*Request) {}, "b0dy", 0, s3, ContentHashMismatch},
		{"tampered signed header", call, func(r *Request) { r.Header.Set("X-Amz-Target", "AmazonSQS.DeleteQueue") }, "", 0, sqs, SignatureDoesNotMatch},
		{"tampered host", call, func(r *Request) { r.Host = "sns.us-east-1.amazonaws.com" }, "", 0, sqs, SignatureDoesNotMatch},
		{"no host", call, func(r *Request) { r.Host = "" }, "", 0, sqs, SignatureDoesNotMatch},
		{"listed header absent", call, func(r *Request) { r.Header.Del("Content-Type") }, "", 0, sqs, SignatureDoesNotMatch},
		{"x-amz header unsigned", call, func(r *Request) { r.Header.Set("X-Amz-Extra", "1") }, "", 0, sqs, HeadersNotSigned},
		{"x-amz header unsigned, s3", put, func(r *Request) { r.Header.Set("X-Amz-Acl", "public-read") }, "", 0, s3, HeadersNotSigned},
		{"x-amz header in another spelling", put, func(r *Request) { r.Header["x-amz-meta-a"] = []string{"2"} }, "", 0, s3, HeadersNotSigned},
		{"second value of a signed header", put, func(r *Request) { r.Header.Add("X-Amz-Meta-A", "2") }, "", 0, s3, SignatureDoesNotMatch},
		{"token not signed", call, func(r *Request) { r.Header.Set("X-Amz-Security-Token", "other") }, "", 0, sqs, HeadersNotSigned},
		{"both forms", call, func(r *Request) { r.RawQuery = presigned().RawQuery }, "", 0, sqs, MultipleMechanisms},
		{"header and v2", put, func(r *Request) { r.RawQuery = "AWSAccessKeyId=a&Signature=b&Expires=1" }, "", 0, s3, MultipleMechanisms},
		{"v4 and v2 queries", presigned, func(r *Request) { r.RawQuery += "&AWSAccessKeyId=a" }, "", 0, s3, MultipleMechanisms},
		{"two Authorization headers", call, func(r *Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, "", 0, sqs, MultipleMechanisms},
		{"two dates", call, func(r *Request) { r.Header.Add("X-Amz-Date", "20130524T000000Z") }, "", 0, sqs, MultipleMechanisms},
		{"two Date headers", call, func(r *Request) { r.Header["Date"] = []string{"a", "b"} }, "", 0, sqs, MultipleMechanisms},
		{"two tokens", call, func(r *Request) { r.Header["X-Amz-Security-Token"] = []string{"a", "b"} }, "", 0, sqs, MultipleMechanisms},
		{"two content hashes", put, func(r *Request) { r.Header.Add("X-Amz-Content-Sha256", hash) }, "", 0, s3, MultipleMechanisms},
		{"two query signatures", presigned, func(r *Request) { r.RawQuery += "&X-Amz-Signature=0" }, "", 0, s3, MultipleMechanisms},
		{"two expiries, one encoded", presigned, func(r *Request) { r.RawQuery += "&X%2DAmz-Expires=604800" }, "", 0, s3, MultipleMechanisms},
		{"presigned for another method", presigned, func(r *Request) { r.Method = "PUT" }, "", 0, s3, SignatureDoesNotMatch},
		{"presigned past its expiry", presigned, func(*Request) {}, "", time.Hour + time.Second, s3, RequestExpired},
		{"presigned from the future", presigned, func(*Request) {}, "", -16 * time.Minute, s3, RequestExpired},
		{"presigned, longer life", presigned, swapQuery("X-Amz-Expires=3600", "X-Amz-Expires=7200"), "", 0, s3, SignatureDoesNotMatch},
		{"presigned, more than a week", presigned, swapQuery("X-Amz-Expires=3600", "X-Amz-Expires=604801"), "", 0, s3, QueryParametersInvalid},
		{"presigned, nothing", presigned, swapQuery("X-Amz-Expires=3600", "X-Amz-Expires=0"), "", 0, s3, QueryParametersInvalid},
		{"presigned, negative", presigned, swapQuery("X-Amz-Expires=3600", "X-Amz-Expires=-1"), "", 0, s3, QueryParametersInvalid},
		{"presigned without expiry", presigned, swapQuery("&X-Amz-Expires=3600", ""), "", 0, s3, QueryParametersInvalid},
		{"presigned, another parameter", presigned, swapQuery("versionId=3", "versionId=4"), "", 0, s3, SignatureDoesNotMatch},
		{"presigned, added parameter", presigned, func(r *Request) { r.RawQuery += "&acl" }, "", 0, s3, SignatureDoesNotMatch},
		{"presigned, token in a header", presigned, func(r *Request) { r.Header.Set("X-Amz-Security-Token", "t") }, "", 0, s3, HeadersNotSigned},
		{"presigned, broken escape", presigned, func(r *Request) { r.RawQuery += "&a=%zz" }, "", 0, s3, InvalidURI},
		{"UNSIGNED-PAYLOAD outside s3", func() Request { return streamed(t, "sqs", UnsignedPayload) }, func(*Request) {}, "", 0, sqs, SignatureDoesNotMatch},
		{"chunks outside s3", func() Request { return streamed(t, "sqs", StreamingPayload) }, func(*Request) {}, "", 0, sqs, SignatureDoesNotMatch},
		{"sigv4a payload", func() Request { return streamed(t, "s3", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD") }, func(*Request) {}, "", 0, s3, UnsupportedAlgorithm},
		{"payload word unknown", func() Request { return streamed(t, "s3", "NONE") }, func(*Request) {}, "", 0, s3, InvalidContentHash},
		{"s3 without content hash", put, func(r *Request) {
			r.Header.Del("X-Amz-Content-Sha256")
			swap("Authorization", "x-amz-content-sha256;", "")(r)
		}, "", 0, s3, MissingContentHash},
		{"sigv4a", call, swap("Authorization", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "", 0, sqs, UnsupportedAlgorithm},
		{"sigv4a query", presigned, swapQuery("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "", 0, s3, QueryParametersInvalid},
		{"v2 header", put, func(r *Request) { r.Header.Set("Authorization", "AWS "+exampleID+":c2ln") }, "", 0, s3, UnsupportedAlgorithm},
		{"bearer", call, func(r *Request) { r.Header.Set("Authorization", "Bearer x") }, "", 0, sqs, MultipleMechanisms},
		{"v2 with a token", put, func(r *Request) {
			r.Header = http.Header{}
			r.RawQuery = "AWSAccessKeyId=a&Signature=b&Expires=1&x-amz-security-token=t"
		}, "", 0, s3, UnsupportedAlgorithm},
		{"v2 incomplete", put, func(r *Request) { r.Header = http.Header{}; r.RawQuery = "AWSAccessKeyId=a&Expires=1" }, "", 0, s3, AccessDenied},
		{"v2 outside s3", call, func(r *Request) {
			r.Header = http.Header{}
			r.RawQuery = "AWSAccessKeyId=a&Signature=b&Expires=99999999999"
		}, "", 0, sqs, UnsupportedAlgorithm},
		{"no date", call, func(r *Request) { r.Header.Del("X-Amz-Date") }, "", 0, sqs, IncompleteSignature},
		{"date of another shape", call, func(r *Request) { r.Header.Set("X-Amz-Date", "2013-05-24T00:00:00Z") }, "", 0, sqs, IncompleteSignature},
		{"day 31 of a short month", call, func(r *Request) { r.Header.Set("X-Amz-Date", "20130431T000000Z") }, "", 0, sqs, IncompleteSignature},
		{"host not signed", call, swap("Authorization", "host;", ""), "", 0, sqs, SignatureDoesNotMatch},
		{"signed headers unsorted", call, swap("Authorization", "host;x-amz-date", "x-amz-date;host"), "", 0, sqs, IncompleteSignature},
		{"signed headers upper case", call, swap("Authorization", "host;", "Host;"), "", 0, sqs, IncompleteSignature},
		{"credential of four parts", call, swap("Authorization", "/us-east-1/", "/"), "", 0, sqs, IncompleteSignature},
		{"signature upper case", call, func(r *Request) {
			a := r.Header.Get("Authorization")
			i := strings.Index(a, "Signature=") + len("Signature=")
			r.Header.Set("Authorization", a[:i]+strings.ToUpper(a[i:]))
		}, "", 0, sqs, SignatureDoesNotMatch},
		{"unknown element", call, func(r *Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")+", X=1") }, "", 0, sqs, IncompleteSignature},
		{"element twice", call, func(r *Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")+", Signature=1") }, "", 0, sqs, MultipleMechanisms},
		{"long header", call, func(r *Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+strings.Repeat("x", MaxAuthorizationBytes))
		}, "", 0, sqs, IncompleteSignature},
		{"many signed headers", call, swap("Authorization", "SignedHeaders=", "SignedHeaders="+strings.Repeat("a;", MaxSignedHeaders)), "", 0, sqs, IncompleteSignature},
		{"many parameters", presigned, func(r *Request) { r.RawQuery += strings.Repeat("&a", MaxQueryParameters) }, "", 0, s3, InvalidURI},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, body := c.make(), sqsBody
			if c.o.S3 {
				body = "body"
			}
			// The twin: the same request untouched, in the place and at the time it was made for.
			o := c.o
			if s, err := Parse(r); err == nil && c.want != UnsupportedAlgorithm || s != nil && s.Payload <= PayloadHash {
				o = OptionsFor(s.Service, s.Region)
				if p := s.Payload; p == PayloadUndeclared || p == PayloadHash {
					if err := check(r, body, may2013, o); err != nil {
						t.Fatal("the valid twin is refused:", err)
					}
				}
			}
			c.change(&r)
			if c.body != "" {
				body = c.body
			}
			wantKind(t, check(r, body, may2013.Add(c.at), c.o), c.want)
		})
	}
}

func swap(header, old, new string) func(*Request) {
	return func(r *Request) {
		v := r.Header.Get(header)
		if !strings.Contains(v, old) {
			panic(v + " has no " + old)
		}
		r.Header.Set(header, strings.Replace(v, old, new, 1))
	}
}

func swapQuery(old, new string) func(*Request) {
	return func(r *Request) {
		if !strings.Contains(r.RawQuery, old) {
			panic(r.RawQuery + " has no " + old)
		}
		r.RawQuery = strings.Replace(r.RawQuery, old, new, 1)
	}
}

func streamed(t *testing.T, service, payload string) Request {
	r := Request{Method: "PUT", RawPath: "/b/k", Host: "x.amazonaws.com", Header: http.Header{}}
	s := SignerFor(testCreds, "us-east-1", service)
	s.HashHeader = true
	if _, err := s.Sign(&r, may2013, payload); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSessionToken(t *testing.T) {
	c := testCreds
	c.SessionToken = "FwoGZXIvYXdzE/+token=="
	r := sqsRequest(t, c, sqsBody)
	s, err := Parse(r)
	if err != nil || s.Token != c.SessionToken {
		t.Fatal(s, err)
	}
	if err := check(r, sqsBody, may2013, OptionsFor("sqs", "us-east-1")); err != nil {
		t.Fatal(err)
	}
	q := Request{Method: "GET", RawPath: "/", RawQuery: "Action=GetCallerIdentity&Version=2011-06-15", Host: "sts.amazonaws.com", Header: http.Header{}}
	if _, err := SignerFor(c, "us-east-1", "sts").Presign(&q, may2013, time.Minute, EmptyHash); err != nil {
		t.Fatal(err)
	}
	if s, err = Parse(q); err != nil || s.Token != c.SessionToken {
		t.Fatal(s, err)
	}
	if err := check(q, "", may2013, OptionsFor("sts", "us-east-1")); err != nil {
		t.Fatal(err)
	}
}

// Without X-Amz-Expires a presigned request of another service than S3 lives as long as a signed header.
func TestPresignedWithoutExpiry(t *testing.T) {
	r := Request{Method: "GET", RawPath: "/", RawQuery: "Action=GetCallerIdentity", Host: "sts.amazonaws.com", Header: http.Header{}}
	s := SignerFor(testCreds, "us-east-1", "sts")
	r.RawQuery += "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + exampleID + "%2F20130524%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host"
	tr, err := s.trace(&r, []string{"host"}, "20130524T000000Z", EmptyHash)
	if err != nil {
		t.Fatal(err)
	}
	r.RawQuery += "&X-Amz-Signature=" + tr.Signature
	o := OptionsFor("sts", "us-east-1")
	if err := check(r, "", may2013.Add(MaxSkew), o); err != nil {
		t.Fatal(err)
	}
	wantKind(t, check(r, "", may2013.Add(MaxSkew+time.Second), o), RequestTimeTooSkewed)
}

func TestPostPolicy(t *testing.T) {
	policy := base64.StdEncoding.EncodeToString([]byte(`{"expiration": "2013-05-24T01:00:00.000Z", "conditions": [{"bucket": "b"}]}`))
	r := Request{Method: "POST", RawPath: "/b", Host: "s3.amazonaws.com", Header: http.Header{}}
	fields := s3Signer().SignPolicy(policy, may2013)
	o := OptionsFor("s3", "us-east-1")
	verify := func(f map[string]string, now time.Time) error {
		s, err := ParsePost(r, f)
		if err != nil {
			return err
		}
		return Verify(s, Key{Secret: exampleSecret}, now, "", o)
	}
	if err := verify(fields, may2013.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantKind(t, verify(fields, may2013.Add(time.Hour+time.Second)), AccessDenied)
	for name, c := range map[string]struct {
		change func(map[string]string)
		want   Kind
	}{
		"policy changed":  {func(f map[string]string) { f["policy"] = "e30=" }, SignatureDoesNotMatch},
		"no signature":    {func(f map[string]string) { delete(f, "x-amz-signature") }, MultipleMechanisms},
		"no policy":       {func(f map[string]string) { delete(f, "policy") }, MultipleMechanisms},
		"only policy":     {func(f map[string]string) { p := f["policy"]; clear(f); f["policy"] = p }, AccessDenied},
		"two spellings":   {func(f map[string]string) { f["Policy"] = f["policy"] }, MultipleMechanisms},
		"v2 form":         {func(f map[string]string) { f["AWSAccessKeyId"] = "a" }, UnsupportedAlgorithm},
		"other algorithm": {func(f map[string]string) { f["x-amz-algorithm"] = "AWS4-ECDSA-P256-SHA256" }, MultipleMechanisms},
		"other region":    {func(f map[string]string) { f["x-amz-credential"] = exampleID + "/20130524/eu-west-1/s3/aws4_request" }, AuthorizationMalformed},
	} {
		f := maps.Clone(fields)
		c.change(f)
		t.Run(name, func(t *testing.T) { wantKind(t, verify(f, may2013), c.want) })
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x=1")
	wantKind(t, verify(fields, may2013), IncompleteSignature)
	r = sqsRequest(t, testCreds, "")
	wantKind(t, verify(fields, may2013), MultipleMechanisms)
	r = Request{Method: "POST", Header: http.Header{}}
	if s, err := ParsePost(r, map[string]string{"key": "a"}); err != nil || s.Form != Anonymous {
		t.Fatal(s, err)
	}
}

func TestBadChunks(t *testing.T) {
	data := strings.Repeat("0123456789abcdef", 1024) // two chunks of 8 KiB
	sum := []string{"x-amz-checksum-crc32", "AAAAAA=="}
	for _, c := range []struct {
		name, payload string
		trailers      []string
		change        func(string) string
		want          Kind
	}{
		{"good", StreamingPayload, nil, same, 0},
		{"good with trailer", StreamingPayloadTrailer, sum, same, 0},
		{"good unsigned", StreamingUnsignedTrailer, sum, same, 0},
		{"good without closing line", StreamingPayload, nil, func(s string) string { return strings.TrimSuffix(s, "\r\n") }, 0},
		{"data changed", StreamingPayload, nil, sub("0123", "0124"), ChunkSignatureMismatch},
		{"data changed, trailer", StreamingPayloadTrailer, sum, sub("0123", "0124"), ChunkSignatureMismatch},
		{"last chunk missing", StreamingPayload, nil, cutAt("\r\n0;chunk"), IncompleteBody},
		{"last chunk missing, unsigned", StreamingUnsignedTrailer, sum, cutAt("\r\n0\r\n"), IncompleteBody},
		{"body cut", StreamingPayload, nil, func(s string) string { return s[:9000] }, IncompleteBody},
		{"chunks exchanged", StreamingPayload, nil, func(s string) string {
			p := strings.SplitAfter(s, "cdef\r\n")
			return p[1] + p[0] + p[2]
		}, ChunkSignatureMismatch},
		{"chunk dropped", StreamingPayload, nil, func(s string) string { return strings.SplitAfterN(s, "cdef\r\n", 2)[1] }, ChunkSignatureMismatch},
		{"chunk unsigned", StreamingPayload, nil, func(s string) string { return "2000" + s[strings.Index(s, "\r\n"):] }, IncompleteBody},
		{"signature in an unsigned chunk", StreamingUnsignedTrailer, sum, sub("2000\r\n", "2000;chunk-signature="+EmptyHash+"\r\n"), IncompleteBody},
		{"longer than announced", StreamingUnsignedTrailer, sum, sub("\r\n0\r\n", "\r\n1\r\nx\r\n0\r\n"), IncompleteBody},
		{"size negative", StreamingUnsignedTrailer, sum, sub("2000\r\n", "-2000\r\n"), IncompleteBody},
		{"size huge", StreamingUnsignedTrailer, sum, sub("2000\r\n", "ffffffffffffffff\r\n"), IncompleteBody},
		{"size with 0x", StreamingUnsignedTrailer, sum, sub("2000\r\n", "0x2000\r\n"), IncompleteBody},
		{"chunk line without end", StreamingUnsignedTrailer, sum, func(string) string { return strings.Repeat("0", 9000) }, IncompleteBody},
		{"data longer than size", StreamingUnsignedTrailer, sum, sub("2000\r\n", "1000\r\n"), IncompleteBody},
		{"trailer changed", StreamingPayloadTrailer, sum, sub("AAAAAA==", "AAAAAB=="), ChunkSignatureMismatch},
		{"trailer signature missing", StreamingPayloadTrailer, sum, cutAt("x-amz-trailer-signature"), MalformedTrailer},
		{"trailer missing", StreamingUnsignedTrailer, sum, sub("x-amz-checksum-crc32:AAAAAA==\r\n", ""), MalformedTrailer},
		{"trailer undeclared", StreamingUnsignedTrailer, sum, sub("x-amz-checksum-crc32:", "x-amz-checksum-sha1:"), MalformedTrailer},
		{"trailer twice", StreamingUnsignedTrailer, sum, sub("x-amz-checksum-crc32:AAAAAA==\r\n", strings.Repeat("x-amz-checksum-crc32:AAAAAA==\r\n", 2)), MalformedTrailer},
		{"trailer signature unasked", StreamingUnsignedTrailer, sum, sub("AAAAAA==\r\n", "AAAAAA==\r\nx-amz-trailer-signature:"+EmptyHash+"\r\n"), MalformedTrailer},
		{"bytes behind", StreamingPayload, nil, func(s string) string { return s + "x" }, IncompleteBody},
		{"trailer in a body without", StreamingPayload, nil, func(s string) string { return strings.TrimSuffix(s, "\r\n") + "a:b\r\n\r\n" }, MalformedTrailer},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, wire := chunkedRequest(t, c.payload, data, 8192, c.trailers...)
			changed := c.change(wire)
			if c.want != 0 && changed == wire {
				t.Fatal("nothing was changed")
			}
			got, err := io.ReadAll(openBody(t, r, changed, "s3"))
			if !strings.HasPrefix(data, string(got)) && c.payload != StreamingUnsignedTrailer {
				t.Error("bytes were released that nobody signed")
			}
			if c.want == 0 {
				if err != nil || string(got) != data {
					t.Fatal(len(got), err)
				}
				return
			}
			wantKind(t, err, c.want)
		})
	}
}

func same(s string) string { return s }

func sub(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

func cutAt(at string) func(string) string {
	return func(s string) string { before, _, _ := strings.Cut(s, at); return before }
}

func TestChunkBounds(t *testing.T) {
	small, wire := chunkedRequest(t, StreamingPayload, strings.Repeat("a", 100), 40)
	_, err := io.ReadAll(openBody(t, small, wire, "s3"))
	wantKind(t, err, InvalidChunkSize)

	r, wire := chunkedRequest(t, StreamingPayload, strings.Repeat("a", 100000), 50000)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	open := func(o BodyOptions) error {
		b, err := NewBody(strings.NewReader(wire), s, Key{Secret: exampleSecret}, o)
		if err != nil {
			return err
		}
		_, err = io.ReadAll(b)
		return err
	}
	wantKind(t, open(BodyOptions{MaxChunkBytes: 49999}), InvalidChunkSize)
	wantKind(t, open(BodyOptions{MaxBytes: 99999}), IncompleteBody)
	if err := open(BodyOptions{MaxChunkBytes: 50000, MaxBytes: 100000}); err != nil {
		t.Fatal(err)
	}
	s.req.Header = s.req.Header.Clone()
	s.req.Header.Del("X-Amz-Decoded-Content-Length")
	wantKind(t, open(BodyOptions{}), MissingContentLength)
	s.req.Header.Set("X-Amz-Decoded-Content-Length", "99999")
	wantKind(t, open(BodyOptions{}), IncompleteBody)
	s.req.Header.Set("X-Amz-Decoded-Content-Length", "100001")
	wantKind(t, open(BodyOptions{}), IncompleteBody)
	s.req.Header.Set("X-Amz-Decoded-Content-Length", "+5")
	wantKind(t, open(BodyOptions{}), IncompleteBody)
}

// A line that announces much and a connection that brings little cost little memory.
func TestAnnouncedChunkCostsNothing(t *testing.T) {
	r := Request{Method: "PUT", RawPath: "/b/k", Host: "s3", Header: http.Header{"X-Amz-Decoded-Content-Length": {"999999999"}}}
	if _, err := s3Signer().Sign(&r, may2013, StreamingPayload); err != nil {
		t.Fatal(err)
	}
	b := openBody(t, r, "1000000;chunk-signature="+EmptyHash+"\r\nabc", "s3")
	_, err := io.ReadAll(b)
	wantKind(t, err, IncompleteBody)
	if cap(b.buf) > 64<<10 {
		t.Fatal(cap(b.buf))
	}
}

func TestReadErrorStays(t *testing.T) {
	r, wire := chunkedRequest(t, StreamingPayload, strings.Repeat("a", 100), 8192)
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	lost := errors.New("connection lost")
	b, err := NewBody(io.MultiReader(strings.NewReader(wire[:150]), failing{lost}), s, Key{Secret: exampleSecret}, BodyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(b); err != lost {
		t.Fatal(err)
	}
	if _, err := b.Read(make([]byte, 1)); err != lost {
		t.Fatal("the error does not stay:", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// flip changes one bit of one part of a request, and says of which.
func flip(t *rapid.T, r *Request, body *[]byte) string {
	type part struct {
		name string
		get  string
		set  func(string)
	}
	parts := []part{
		{"method", r.Method, func(v string) { r.Method = v }},
		{"path", r.RawPath, func(v string) { r.RawPath = v }},
		{"host", r.Host, func(v string) { r.Host = v }},
		{"body", string(*body), func(v string) { *body = []byte(v) }},
		{"query", r.RawQuery, func(v string) { r.RawQuery = v }},
	}
	keys := slices.Sorted(maps.Keys(r.Header))
	for _, k := range keys {
		if k != "User-Agent" { // never signed
			parts = append(parts, part{k, r.Header[k][0], func(v string) { r.Header[k] = []string{v} }})
		}
	}
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.get == "" })
	p := rapid.SampledFrom(parts).Draw(t, "part")
	b := []byte(p.get)
	i := rapid.IntRange(0, len(b)-1).Draw(t, "byte")
	b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	p.set(string(b))
	return fmt.Sprintf("%s %q -> %q", p.name, p.get, b)
}

// meaning is what a request says, in a form where two spellings of one request are equal: AWS's canonical form equates
// %2f with %2F, + with %20, and runs of white space.
func meaning(r Request, double bool) string {
	ps, ok := parseQuery(r.RawQuery)
	path, ok2 := appendPath(nil, r.RawPath, double, double)
	if !ok || !ok2 {
		return "?"
	}
	auth := strings.Join(strings.FieldsFunc(r.Header.Get("Authorization"), func(c rune) bool {
		return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\r' || c == '\f'
	}), ",")
	s := r.Method + " " + string(path) + "?" + string(appendQuery(nil, ps, "")) + auth
	for _, k := range slices.Sorted(maps.Keys(r.Header)) {
		if k != "User-Agent" && k != "Authorization" {
			s += k + string(appendValue(nil, r.Header[k][0]))
		}
	}
	return s + string(appendValue(nil, r.Host))
}

// TestAnyBitRefused: whichever single bit of a signed request changes, it is refused, unless the request still says
// the same.
func TestAnyBitRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		service := rapid.SampledFrom([]string{"s3", "sqs"}).Draw(t, "service")
		r := Request{Method: "PUT", Host: "h.example.com:4566", RawPath: "/" + rapid.StringMatching(`[a-z./]{0,9}(%2F|%c3%a4)?[a-zA-Z]{0,3}`).Draw(t, "path"),
			RawQuery: rapid.StringMatching(`([a-z]{1,4}=[a-z0-9%20]{0,0}[a-z0-9]{0,6}(%20|\+|%2f)?(&[A-Z]{1,3})?)?`).Draw(t, "query"),
			Header:   http.Header{"X-Amz-Meta-A": {rapid.StringMatching(`[ -~]{1,12}`).Draw(t, "meta")}, "Content-Type": {"text/plain"}, "User-Agent": {"x"}}}
		body := []byte(rapid.StringN(0, 40, 80).Draw(t, "body"))
		s := SignerFor(testCreds, "us-east-1", service)
		var err error
		if rapid.Bool().Draw(t, "presign") {
			hash := HashOf(body)
			if service == "s3" {
				r.Header.Set("X-Amz-Content-Sha256", hash)
			}
			_, err = s.Presign(&r, may2013, time.Hour, hash)
		} else {
			_, err = s.Sign(&r, may2013, HashOf(body))
		}
		if err != nil {
			t.Fatal(err)
		}
		o := OptionsFor(service, "us-east-1")
		if err := check(r, string(body), may2013, o); err != nil {
			t.Fatal("the valid request is refused:", err)
		}
		before, was := meaning(r, o.DoubleEncode), string(body)
		what := flip(t, &r, &body)
		if err := check(r, string(body), may2013, o); err == nil && (meaning(r, o.DoubleEncode) != before || string(body) != was) {
			t.Fatal("accepted:", what)
		}
	})
}

// TestAnyChunkBitRefused: the same for a chunked body; bits that only change spelling (the case of a size's digits,
// the line end) are told by the decoded result.
func TestAnyChunkBitRefused(t *testing.T) {
	data := strings.Repeat("abcdefgh", 1100)
	rapid.Check(t, func(t *rapid.T) {
		r := Request{Method: "PUT", RawPath: "/b/k", Host: "s3", Header: http.Header{"X-Amz-Decoded-Content-Length": {itoa(len(data))}, "X-Amz-Trailer": {"x-amz-checksum-crc32"}}}
		if _, err := s3Signer().Sign(&r, may2013, StreamingPayloadTrailer); err != nil {
			t.Fatal(err)
		}
		var w bytes.Buffer
		c, err := s3Signer().NewChunkWriter(&w, &r, 8192)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, data)
		c.Trailer("x-amz-checksum-crc32", "AAAAAA==")
		c.Close()
		wire := w.Bytes()
		second := 88 + 8192 // the first line, 88 bytes, and the first chunk's data are behind us
		i := rapid.OneOf(rapid.IntRange(0, len(wire)-1), rapid.IntRange(0, 87), rapid.IntRange(second, second+100),
			rapid.IntRange(len(wire)-230, len(wire)-1)).Draw(t, "byte") // mostly lines, for data is all alike
		wire[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewBody(bytes.NewReader(wire), s, Key{Secret: exampleSecret}, BodyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(b)
		if !strings.HasPrefix(data, string(got)) {
			t.Fatal("bytes were released that nobody signed")
		}
		if err == nil && (string(got) != data || b.Trailer().Get("x-amz-checksum-crc32") != "AAAAAA==") {
			t.Fatalf("byte %d: accepted with another meaning", i)
		}
	})
}

func TestCodes(t *testing.T) {
	for _, c := range []struct {
		k    Kind
		f    Family
		want string
	}{
		{SignatureDoesNotMatch, JSON, "InvalidSignatureException 400"},
		{SignatureDoesNotMatch, RESTJSON, "InvalidSignatureException 403"},
		{SignatureDoesNotMatch, Query, "SignatureDoesNotMatch 403"},
		{SignatureDoesNotMatch, S3, "SignatureDoesNotMatch 403"},
		{InvalidClientTokenID, JSON, "UnrecognizedClientException 400"},
		{InvalidClientTokenID, Query, "InvalidClientTokenId 403"},
		{InvalidClientTokenID, S3, "InvalidAccessKeyId 403"},
		{ExpiredToken, JSON, "ExpiredTokenException 400"},
		{ExpiredToken, Query, "ExpiredToken 403"},
		{ExpiredToken, S3, "ExpiredToken 400"},
		{MissingAuthenticationToken, JSON, "MissingAuthenticationTokenException 400"},
		{MissingAuthenticationToken, Query, "MissingAuthenticationToken 403"},
		{MissingAuthenticationToken, S3, "AccessDenied 403"},
		{IncompleteSignature, JSON, "IncompleteSignatureException 400"},
		{IncompleteSignature, Query, "IncompleteSignature 400"},
		{AuthorizationMalformed, S3, "AuthorizationHeaderMalformed 400"},
		{RequestTimeTooSkewed, S3, "RequestTimeTooSkewed 403"},
		{RequestTimeTooSkewed, JSON, "InvalidSignatureException 400"},
		{RequestTimeTooSkewed, Query, "SignatureDoesNotMatch 403"},
		{RequestExpired, S3, "AccessDenied 403"},
		{HeadersNotSigned, S3, "AccessDenied 403"},
		{MultipleMechanisms, S3, "InvalidArgument 400"},
		{MultipleMechanisms, RESTJSON, "IncompleteSignatureException 400"},
		{ChunkSignatureMismatch, S3, "SignatureDoesNotMatch 403"},
		{0, JSON, "AccessDenied 403"},
		{kindEnd, S3, "AccessDenied 403"},
	} {
		if got := CodeFor(c.k, c.f); fmt.Sprint(got.Code, " ", got.Status) != c.want {
			t.Errorf("kind %d family %d: %s %d, want %s", c.k, c.f, got.Code, got.Status, c.want)
		}
	}
	for k := Kind(1); k < kindEnd; k++ { // every refusal has a code, a status and words in every family
		for f := range familyEnd {
			c := (&Error{Kind: k, Message: "words"}).For(f)
			if c.Code == "" || c.Status < 400 || c.Message == "" {
				t.Errorf("kind %d family %d: %+v", k, f, c)
			}
		}
	}
}

func TestKeyCache(t *testing.T) {
	c := NewKeyCache(32)
	want := DeriveKey("s", "20130524", "r", "sqs")
	for range 3 {
		if c.Key("id", "s", "20130524", "r", "sqs") != want {
			t.Fatal("another key")
		}
	}
	if c.Len() != 1 {
		t.Fatal(c.Len())
	}
	if c.Key("id", "other", "20130524", "r", "sqs") == want {
		t.Fatal("a changed secret met the old key")
	}
	for i := range 1000 {
		c.Key("id"+itoa(i), "s", "20130524", "r", "sqs")
	}
	if c.Len() > 32 {
		t.Fatal(c.Len())
	}
	c.Purge()
	if c.Len() != 0 || c.Key("id", "s", "20130524", "r", "sqs") != want {
		t.Fatal("after Purge")
	}
	var none *KeyCache
	if none.Key("id", "s", "20130524", "r", "sqs") != want {
		t.Fatal("nil cache")
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				id := itoa((i * (g + 1)) % 70)
				if c.Key(id, id, "20130524", "r", "sqs") != DeriveKey(id, "20130524", "r", "sqs") {
					t.Error("wrong key under load")
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestFromHTTP(t *testing.T) {
	h, err := http.NewRequest("POST", "http://sqs.us-east-1.amazonaws.com/a%2Fb?x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := SignerFor(testCreds, "us-east-1", "sqs").SignHTTP(h, may2013, EmptyHash); err != nil {
		t.Fatal(err)
	}
	if err := check(FromHTTP(h), "", may2013, OptionsFor("sqs", "us-east-1")); err != nil {
		t.Fatal(err)
	}
	h.RequestURI = "/a%2Fb?x=1" // as a server sees it
	if err := check(FromHTTP(h), "", may2013, OptionsFor("sqs", "us-east-1")); err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	r := sqsRequest(f, testCreds, sqsBody)
	f.Add(r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), "a=b", "tok")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20130524/r/s3/aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0&X-Amz-Expires=5", "")
	f.Add("", "", "AWSAccessKeyId=a&Signature=b&Expires=1", "")
	f.Fuzz(func(t *testing.T, auth, date, query, token string) {
		r := Request{Method: "GET", RawPath: "/", RawQuery: query, Host: "h", Header: http.Header{}}
		for k, v := range map[string]string{"Authorization": auth, "X-Amz-Date": date, "X-Amz-Security-Token": token} {
			if v != "" {
				r.Header[k] = []string{v}
			}
		}
		s, err := Parse(r)
		if (s == nil) == (err == nil) {
			t.Fatal("neither or both of signature and error")
		}
		if err != nil {
			return
		}
		for _, o := range []Options{OptionsFor("s3", "us-east-1"), OptionsFor("sqs", "")} {
			if Verify(s, Key{Secret: "unguessable"}, may2013, EmptyHash, o) == nil {
				t.Fatal("accepted")
			}
		}
	})
}

func FuzzBody(f *testing.F) {
	r, wire := chunkedRequest(f, StreamingPayloadTrailer, strings.Repeat("a", 9000), 8192, "x-amz-checksum-crc32", "AAAAAA==")
	f.Add([]byte(wire), true)
	u, uwire := chunkedRequest(f, StreamingUnsignedTrailer, strings.Repeat("a", 9000), 8192, "x-amz-checksum-crc32", "AAAAAA==")
	f.Add([]byte(uwire), false)
	f.Fuzz(func(t *testing.T, wire []byte, signed bool) {
		q := u
		if signed {
			q = r
		}
		s, err := Parse(q)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewBody(bytes.NewReader(wire), s, Key{Secret: exampleSecret}, BodyOptions{MaxChunkBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(b)
		if len(got) > 9000 || err == nil && len(got) != 9000 {
			t.Fatal(len(got), err)
		}
		if signed && !strings.HasPrefix(strings.Repeat("a", 9000), string(got)) {
			t.Fatal("bytes were released that nobody signed")
		}
	})
}

func BenchmarkVerify1KB(b *testing.B) {
	body := strings.Repeat("x", 1024)
	r := sqsRequest(b, testCreds, body)
	key, o := Key{Secret: exampleSecret, Cache: NewKeyCache(0)}, OptionsFor("sqs", "us-east-1")
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := Verify(s, key, may2013, HashOf([]byte(body)), o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyPresigned(b *testing.B) {
	r := Request{Method: "GET", RawPath: "/b/some/key.txt", Host: "s3.amazonaws.com", Header: http.Header{}}
	if _, err := s3Signer().Presign(&r, may2013, time.Hour, UnsignedPayload); err != nil {
		b.Fatal(err)
	}
	key, o := Key{Secret: exampleSecret, Cache: NewKeyCache(0)}, OptionsFor("s3", "us-east-1")
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := Verify(s, key, may2013, "", o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChunked64K(b *testing.B) {
	r, wire := chunkedRequest(b, StreamingPayload, strings.Repeat("a", 1<<20), 65536)
	s, err := Parse(r)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		body, err := NewBody(strings.NewReader(wire), s, Key{Secret: exampleSecret}, BodyOptions{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleVerify() {
	now := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	body := []byte(`{}`)
	r := Request{Method: "POST", RawPath: "/", Host: "localhost:4566", Header: http.Header{"X-Amz-Target": {"AmazonSQS.ListQueues"}}}
	signer := SignerFor(Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"}, "us-east-1", "sqs")
	if _, err := signer.Sign(&r, now, HashOf(body)); err != nil {
		fmt.Println(err)
	}
	s, err := Parse(r)
	if err != nil {
		fmt.Println(err)
	}
	err = Verify(s, Key{Secret: "secret"}, now, HashOf(body), OptionsFor("sqs", "us-east-1"))
	fmt.Println(s.Form, s.KeyID, err)
	err = Verify(s, Key{Secret: "guess"}, now, HashOf(body), OptionsFor("sqs", "us-east-1"))
	fmt.Println(err.(*Error).For(JSON).Code)
	// Output:
	// header AKIAIOSFODNN7EXAMPLE <nil>
	// InvalidSignatureException
}
