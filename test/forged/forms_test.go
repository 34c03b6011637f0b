package forged

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

// code is an error as a family of protocols spells it.
type code struct {
	status int
	code   string
}

// codes are AWS's spellings by family: json, rest-json, query, s3.
type codes map[string]code

func all(json, rest, query, s3 code) codes {
	return codes{"json": json, "rest-json": rest, "query": query, "s3": s3}
}

func invalid(s3 code) codes { // a signature that is not good for this request
	return all(code{400, "InvalidSignatureException"}, code{403, "InvalidSignatureException"}, code{403, "SignatureDoesNotMatch"}, s3)
}

func incomplete(rest int, s3 code) codes {
	return all(code{400, "IncompleteSignatureException"}, code{rest, "IncompleteSignatureException"}, code{400, "IncompleteSignature"}, s3)
}

var (
	noMatch   = code{403, "SignatureDoesNotMatch"}
	badToken  = all(code{400, "UnrecognizedClientException"}, code{403, "UnrecognizedClientException"}, code{403, "InvalidClientTokenId"}, code{400, "InvalidToken"})
	malformed = code{400, "AuthorizationHeaderMalformed"}
)

// form is a way to lie. forge and twin make the same request, once with the lie and once without.
type form struct {
	name  string
	for_  func(x *target) bool // nil: every operation
	forge func(w *world, x *target) *http.Request
	twin  func(w *world, x *target) *http.Request
	want  codes
}

// sign signs a request in its header.
func sign(x *target, s *shot, who sigv4.Credentials, at time.Time, change func(*sigv4.Signer)) *shot {
	c := s.clone()
	g := sigv4.SignerFor(who, region, x.op.Schema.SigningName)
	if change != nil {
		change(&g)
	}
	if _, err := g.Sign(c.wire(), at, sigv4.HashOf(c.body)); err != nil {
		panic(err)
	}
	return c
}

func presign(x *target, s *shot, who sigv4.Credentials, at time.Time, good time.Duration) *shot {
	c := s.clone()
	q := c.wire()
	payload := sigv4.HashOf(c.body)
	if x.fam == "s3" {
		payload = sigv4.UnsignedPayload
	}
	if _, err := sigv4.SignerFor(who, region, x.op.Schema.SigningName).Presign(q, at, good, payload); err != nil {
		panic(err)
	}
	c.query = q.RawQuery
	return c
}

func valid(w *world, x *target) *http.Request {
	return sign(x, x.shot, w.admin, time.Now(), nil).request()
}

func session(w *world, x *target) *http.Request {
	return sign(x, x.shot, w.roleA, time.Now(), nil).request()
}

func presigned(w *world, x *target) *http.Request {
	return presign(x, x.shot, w.admin, time.Now().Add(-time.Minute), time.Hour).request()
}

// hashed signs with x-amz-content-sha256 in any service.
func hashed(w *world, x *target) *http.Request {
	return sign(x, x.shot, w.admin, time.Now(), func(s *sigv4.Signer) { s.HashHeader = true }).request()
}

func by(who func(w *world) sigv4.Credentials) func(w *world, x *target) *http.Request {
	return func(w *world, x *target) *http.Request { return sign(x, x.shot, who(w), time.Now(), nil).request() }
}

func at(d time.Duration) func(w *world, x *target) *http.Request {
	return func(w *world, x *target) *http.Request {
		return sign(x, x.shot, w.admin, time.Now().Add(d), nil).request()
	}
}

// changed signs and then changes the request.
func changed(change func(s *shot)) func(w *world, x *target) *http.Request {
	return func(w *world, x *target) *http.Request {
		s := sign(x, x.shot, w.admin, time.Now(), nil)
		change(s)
		return s.request()
	}
}

func with(k, v string, sign_ func(w *world, x *target) *http.Request) func(w *world, x *target) *http.Request {
	return func(w *world, x *target) *http.Request {
		y := *x
		y.shot = x.shot.clone()
		y.shot.header.Set(k, v)
		return sign_(w, &y)
	}
}

func twice(k string, who func(w *world) sigv4.Credentials) func(w *world, x *target) *http.Request {
	return func(w *world, x *target) *http.Request {
		s := sign(x, x.shot, who(w), time.Now(), func(g *sigv4.Signer) { g.HashHeader = true })
		s.header[k] = append(s.header[k], s.header[k]...)
		return s.request()
	}
}

func inScope(old, new string) func(s *shot) {
	return func(s *shot) {
		s.header.Set("Authorization", strings.Replace(s.header.Get("Authorization"), old, new, 1))
	}
}

func hasBody(x *target) bool { return len(x.shot.body) > 0 }
func s3Body(x *target) bool {
	return x.fam == "s3" && (x.shot.method == "PUT" || x.shot.method == "POST")
}
func streaming(x *target) bool { return x.op.Has(wire.StreamingInput) && x.fam == "s3" }

// chunks sends a body as aws-chunked; spoil changes it afterwards.
func chunks(payload string, trailer bool, spoil func(s *shot)) func(w *world, x *target) *http.Request {
	return func(w *world, x *target) *http.Request {
		s := x.shot.clone()
		plain := s.body
		if streaming(x) {
			plain = bytes.Repeat([]byte("hello"), 4000) // three chunks
		}
		s.header.Set("Content-Encoding", "aws-chunked")
		s.header.Set("X-Amz-Decoded-Content-Length", itoa(len(plain)))
		if trailer {
			s.header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		}
		g := sigv4.SignerFor(w.admin, region, "s3")
		if _, err := g.Sign(s.wire(), time.Now(), payload); err != nil {
			panic(err)
		}
		var b bytes.Buffer
		c := must(g.NewChunkWriter(&b, s.wire(), 8192))
		if trailer {
			c.Trailer("x-amz-checksum-crc32", crc32Of(plain))
		}
		must(c.Write(plain))
		if err := c.Close(); err != nil {
			panic(err)
		}
		s.body = b.Bytes()
		if spoil != nil {
			spoil(s)
		}
		return s.request()
	}
}

// flip changes the hexadecimal digit after a mark, the last one of the body.
func flip(mark string) func(s *shot) {
	return func(s *shot) {
		i := bytes.LastIndex(s.body, []byte(mark)) + len(mark)
		if s.body[i] == 'a' {
			s.body[i] = 'b'
		} else {
			s.body[i] = 'a'
		}
	}
}

func flipFirst(mark string) func(s *shot) {
	return func(s *shot) {
		i := bytes.Index(s.body, []byte(mark)) + len(mark)
		if s.body[i] == 'a' {
			s.body[i] = 'b'
		} else {
			s.body[i] = 'a'
		}
	}
}

func admin(w *world) sigv4.Credentials { return w.admin }

func forms() []form {
	signed, trailed, unsigned := sigv4.StreamingPayload, sigv4.StreamingPayloadTrailer, sigv4.StreamingUnsignedTrailer
	return []form{
		{"unsigned", nil, func(w *world, x *target) *http.Request {
			s := x.shot.clone()
			s.host = x.op.Schema.EndpointPrefix + "." + region + ".localhost" // what else would tell the service
			return s.request()
		}, valid,
			all(code{400, "MissingAuthenticationTokenException"}, code{403, "MissingAuthenticationTokenException"}, code{403, "MissingAuthenticationToken"}, code{403, "AccessDenied"})},
		{"unknown key", nil, by(func(w *world) sigv4.Credentials {
			return sigv4.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: w.admin.SecretAccessKey}
		}), valid, all(code{400, "UnrecognizedClientException"}, code{403, "UnrecognizedClientException"}, code{403, "InvalidClientTokenId"}, code{403, "InvalidAccessKeyId"})},
		{"wrong secret", nil, by(func(w *world) sigv4.Credentials {
			return sigv4.Credentials{AccessKeyID: w.admin.AccessKeyID, SecretAccessKey: "wrong"}
		}), valid, invalid(noMatch)},
		{"key A with token B", nil, by(func(w *world) sigv4.Credentials {
			return sigv4.Credentials{AccessKeyID: w.roleA.AccessKeyID, SecretAccessKey: w.roleA.SecretAccessKey, SessionToken: w.roleB.SessionToken}
		}), session, badToken},
		{"session key without its token", nil, by(func(w *world) sigv4.Credentials {
			return sigv4.Credentials{AccessKeyID: w.roleA.AccessKeyID, SecretAccessKey: w.roleA.SecretAccessKey}
		}), session, all(code{400, "UnrecognizedClientException"}, code{403, "UnrecognizedClientException"}, code{403, "InvalidClientTokenId"}, code{403, "InvalidAccessKeyId"})},
		{"expired session", nil, by(func(w *world) sigv4.Credentials { return w.expired }), session,
			all(code{400, "ExpiredTokenException"}, code{403, "ExpiredTokenException"}, code{403, "ExpiredToken"}, code{400, "ExpiredToken"})},
		{"bogus token", nil, by(func(w *world) sigv4.Credentials {
			return sigv4.Credentials{AccessKeyID: w.roleA.AccessKeyID, SecretAccessKey: w.roleA.SecretAccessKey, SessionToken: "AAAA"}
		}), session, badToken},
		{"token of a long-term key", nil, by(func(w *world) sigv4.Credentials {
			return sigv4.Credentials{AccessKeyID: w.admin.AccessKeyID, SecretAccessKey: w.admin.SecretAccessKey, SessionToken: w.roleA.SessionToken}
		}), valid, badToken},
		{"20 minutes late", nil, at(-20 * time.Minute), at(-10 * time.Minute), invalid(code{403, "RequestTimeTooSkewed"})},
		{"20 minutes early", nil, at(20 * time.Minute), at(10 * time.Minute), invalid(code{403, "RequestTimeTooSkewed"})},
		{"wrong service in the scope", nil, func(w *world, x *target) *http.Request {
			return sign(x, x.shot, w.admin, time.Now(), func(g *sigv4.Signer) { g.Service = elsewhere(x) }).request()
		}, valid, nil},
		{"wrong region in the scope", nil, func(w *world, x *target) *http.Request {
			return sign(x, x.shot, w.admin, time.Now(), func(g *sigv4.Signer) { g.Region = "nowhere" }).request()
		}, valid, invalid(malformed)},
		{"scope of another region than the host's", nil, func(w *world, x *target) *http.Request {
			y := *x
			y.shot = x.shot.clone()
			y.shot.host = x.op.Schema.EndpointPrefix + ".eu-west-1.localhost"
			return sign(&y, y.shot, w.admin, time.Now(), nil).request()
		}, func(w *world, x *target) *http.Request {
			y := *x
			y.shot = x.shot.clone()
			y.shot.host = x.op.Schema.EndpointPrefix + "." + region + ".localhost"
			return sign(&y, y.shot, w.admin, time.Now(), nil).request()
		}, invalid(malformed)},
		{"region changed after signing", nil, changed(inScope("/"+region+"/", "/eu-west-1/")), valid, invalid(noMatch)},
		{"body changed", hasBody, changed(func(s *shot) { s.body = append(s.body, ' ') }), valid, invalid(code{400, "XAmzContentSHA256Mismatch"})},
		{"body changed under a signed hash", hasBody, func(w *world, x *target) *http.Request {
			s := sign(x, x.shot, w.admin, time.Now(), func(g *sigv4.Signer) { g.HashHeader = true })
			s.body = append(s.body, ' ')
			return s.request()
		}, hashed, invalid(code{400, "XAmzContentSHA256Mismatch"})},
		{"query changed", nil, changed(func(s *shot) {
			if s.query != "" {
				s.query += "&"
			}
			s.query += "zz=1"
		}), valid, invalid(noMatch)},
		{"signed header changed", nil, func(w *world, x *target) *http.Request {
			r := with("X-Extra", "a", valid)(w, x)
			r.Header.Set("X-Extra", "b")
			return r
		}, with("X-Extra", "a", valid), invalid(noMatch)},
		{"signed header taken away", nil, func(w *world, x *target) *http.Request {
			r := with("X-Extra", "a", valid)(w, x)
			r.Header.Del("X-Extra")
			return r
		}, with("X-Extra", "a", valid), invalid(noMatch)},
		{"host changed", nil, func(w *world, x *target) *http.Request {
			r := valid(w, x)
			r.Host = "127.0.0.1"
			return r
		}, valid, invalid(noMatch)},
		{"x-amz header beside the signature", nil, changed(func(s *shot) { s.header.Set("X-Amz-Meta-Extra", "a") }), with("X-Amz-Meta-Extra", "a", valid), invalid(code{403, "AccessDenied"})},
		{"signed in header and query", nil, func(w *world, x *target) *http.Request {
			s := presign(x, x.shot, w.admin, time.Now(), time.Hour)
			return sign(x, s, w.admin, time.Now(), nil).request()
		}, presigned, incomplete(400, code{400, "InvalidArgument"})},
		{"Authorization twice", nil, twice("Authorization", admin), hashed, incomplete(400, code{400, "InvalidArgument"})},
		{"date twice", nil, twice("X-Amz-Date", admin), hashed, incomplete(400, code{400, "InvalidArgument"})},
		{"token twice", nil, twice("X-Amz-Security-Token", func(w *world) sigv4.Credentials { return w.roleA }), session, incomplete(400, code{400, "InvalidArgument"})},
		{"content hash twice", nil, twice("X-Amz-Content-Sha256", admin), hashed, incomplete(400, code{400, "InvalidArgument"})},
		{"presigned for another method", nil, func(w *world, x *target) *http.Request {
			s := x.shot.clone()
			if s.method = "GET"; x.shot.method == "GET" {
				s.method = "HEAD"
			}
			s = presign(x, s, w.admin, time.Now(), time.Hour)
			s.method = x.shot.method
			return s.request()
		}, presigned, invalid(noMatch)},
		{"presigned, past its expiry", nil, func(w *world, x *target) *http.Request {
			return presign(x, x.shot, w.admin, time.Now().Add(-2*time.Hour), time.Hour).request()
		}, presigned, invalid(code{403, "AccessDenied"})},
		{"presigned for more than a week", nil, func(w *world, x *target) *http.Request {
			return presign(x, x.shot, w.admin, time.Now(), 8*24*time.Hour).request()
		}, presigned, nil},
		{"unsigned payload", func(x *target) bool { return x.fam != "s3" }, func(w *world, x *target) *http.Request {
			s := x.shot.clone()
			g := sigv4.SignerFor(w.admin, region, x.op.Schema.SigningName)
			g.HashHeader = true
			if _, err := g.Sign(s.wire(), time.Now(), sigv4.UnsignedPayload); err != nil {
				panic(err)
			}
			return s.request()
		}, hashed, invalid(noMatch)},
		{"signed chunks outside S3", func(x *target) bool { return x.fam != "s3" }, func(w *world, x *target) *http.Request {
			s := x.shot.clone()
			g := sigv4.SignerFor(w.admin, region, x.op.Schema.SigningName)
			g.HashHeader = true
			if _, err := g.Sign(s.wire(), time.Now(), sigv4.StreamingPayload); err != nil {
				panic(err)
			}
			return s.request()
		}, hashed, invalid(noMatch)},
		{"wrong chunk signature", s3Body, chunks(signed, false, flip("chunk-signature=")), chunks(signed, false, nil), codes{"s3": noMatch}},
		{"first chunk's signature wrong", s3Body, chunks(signed, false, flipFirst("chunk-signature=")), chunks(signed, false, nil), codes{"s3": noMatch}},
		{"last chunk missing", s3Body, chunks(signed, false, func(s *shot) {
			s.body = s.body[:bytes.LastIndex(s.body, []byte("0;chunk-signature="))]
		}), chunks(signed, false, nil), codes{"s3": {400, "IncompleteBody"}}},
		{"wrong decoded length", s3Body, func(w *world, x *target) *http.Request {
			return chunksOfLength(w, x, 1)
		}, chunks(signed, false, nil), codes{"s3": {400, "IncompleteBody"}}},
		{"wrong trailer signature", s3Body, chunks(trailed, true, flip("x-amz-trailer-signature:")), chunks(trailed, true, nil), codes{"s3": noMatch}},
		{"trailer changed", s3Body, chunks(trailed, true, flip("x-amz-checksum-crc32:")), chunks(trailed, true, nil), codes{"s3": noMatch}},
		{"unsigned trailer, wrong checksum", streaming, chunks(unsigned, true, flip("x-amz-checksum-crc32:")), chunks(unsigned, true, nil), codes{"s3": {400, "BadDigest"}}},
		{"unsigned trailer, wrong secret", s3Body, func(w *world, x *target) *http.Request {
			r := chunks(unsigned, true, nil)(w, x)
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-1]+map[bool]string{true: "b", false: "a"}[a[len(a)-1] == 'a'])
			return r
		}, chunks(unsigned, true, nil), codes{"s3": noMatch}},
		{"Signature Version 4A", nil, changed(inScope("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")), valid, nil},
	}
}

// chunksOfLength promises by more bytes than come.
func chunksOfLength(w *world, x *target, more int) *http.Request {
	s := x.shot.clone()
	plain := s.body
	s.header.Set("Content-Encoding", "aws-chunked")
	s.header.Set("X-Amz-Decoded-Content-Length", itoa(len(plain)+more))
	g := sigv4.SignerFor(w.admin, region, "s3")
	if _, err := g.Sign(s.wire(), time.Now(), sigv4.StreamingPayload); err != nil {
		panic(err)
	}
	var b bytes.Buffer
	c := must(g.NewChunkWriter(&b, s.wire(), 8192))
	must(c.Write(plain))
	if err := c.Close(); err != nil {
		panic(err)
	}
	s.body = b.Bytes()
	return s.request()
}

// elsewhere is another service whose scope a request is signed for, one that speaks differently.
func elsewhere(x *target) string {
	if x.op.Schema.SigningName == "dynamodb" {
		return "sqs"
	}
	return "dynamodb"
}
