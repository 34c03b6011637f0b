package sigv4

import (
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// AWS's example credentials and the examples of its documents.
const (
	exampleID     = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	iamID         = "AKIDEXAMPLE"
	iamSecret     = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var may2013 = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// IAM User Guide, "Derive a signing key".
func TestDeriveKeyPublished(t *testing.T) {
	k := DeriveKey(iamSecret, "20150830", "us-east-1", "iam")
	if got := hex.EncodeToString(k[:]); got != "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9" {
		t.Fatal(got)
	}
}

// IAM User Guide, the ListUsers example.
func TestListUsersPublished(t *testing.T) {
	r := Request{Method: "GET", RawPath: "/", RawQuery: "Action=ListUsers&Version=2010-05-08", Host: "iam.amazonaws.com",
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}}
	tr, err := SignerFor(Credentials{AccessKeyID: iamID, SecretAccessKey: iamSecret}, "us-east-1", "iam").Sign(&r, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), EmptyHash)
	if err != nil || tr.Signature != "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7" {
		t.Fatal(tr.Signature, err, tr.CanonicalRequest)
	}
}

// Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk".
func TestS3HeaderPublished(t *testing.T) {
	for _, c := range []struct {
		name, method, path, query, want, payload string
		header                                   http.Header
	}{
		{"get object", "GET", "/test.txt", "", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", EmptyHash, http.Header{"Range": {"bytes=0-9"}}},
		{"put object", "PUT", "/test$file.text", "", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", HashOf([]byte("Welcome to Amazon S3.")),
			http.Header{"Date": {"Fri, 24 May 2013 00:00:00 GMT"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}}},
		{"get lifecycle", "GET", "/", "lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", EmptyHash, http.Header{}},
		{"list objects", "GET", "/", "max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", EmptyHash, http.Header{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Method: c.method, RawPath: c.path, RawQuery: c.query, Host: "examplebucket.s3.amazonaws.com", Header: c.header}
			tr, err := s3Signer().Sign(&r, may2013, c.payload)
			if err != nil || tr.Signature != c.want {
				t.Fatal(tr.Signature, err, tr.CanonicalRequest)
			}
			s, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := Verify(s, Key{Secret: exampleSecret}, may2013, "", OptionsFor("s3", "us-east-1")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func s3Signer() Signer {
	return SignerFor(Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleSecret}, "us-east-1", "s3")
}

// Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters".
func TestPresignPublished(t *testing.T) {
	r := Request{Method: "GET", RawPath: "/test.txt", Host: "examplebucket.s3.amazonaws.com", Header: http.Header{}}
	tr, err := s3Signer().Presign(&r, may2013, 86400*time.Second, UnsignedPayload)
	if err != nil || tr.Signature != "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404" {
		t.Fatal(tr.Signature, err, tr.CanonicalRequest)
	}
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(s, Key{Secret: exampleSecret}, may2013.Add(86400*time.Second), "", OptionsFor("s3", "us-east-1")); err != nil {
		t.Fatal(err)
	}
	wantKind(t, Verify(s, Key{Secret: exampleSecret}, may2013.Add(86401*time.Second), "", OptionsFor("s3", "us-east-1")), RequestExpired)
}

// Amazon S3 API Reference, "Transferring Payload in Multiple Chunks" and "Including Trailing Headers".
func TestChunkedPublished(t *testing.T) {
	data := strings.Repeat("a", 66560)
	for _, c := range []struct {
		payload, seed string
		chunks        []string
		trailer       string
		extra         http.Header
		length        int64
	}{
		{StreamingPayload, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", []string{
			"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
			"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
			"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}, "", http.Header{"Content-Length": {"66824"}}, 66824},
		{StreamingPayloadTrailer, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", []string{
			"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
			"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
			"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"}, "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
			http.Header{"X-Amz-Trailer": {"x-amz-checksum-crc32c"}}, 0},
	} {
		t.Run(c.payload, func(t *testing.T) {
			r := Request{Method: "PUT", RawPath: "/examplebucket/chunkObject.txt", Host: "s3.amazonaws.com", Header: http.Header{
				"X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}, "Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {"66560"}}}
			for k, v := range c.extra {
				r.Header[k] = v
			}
			tr, err := s3Signer().Sign(&r, may2013, c.payload)
			if err != nil {
				t.Fatal(err)
			}
			if tr.Signature != c.seed {
				t.Fatalf("seed %s\n%s", tr.Signature, tr.CanonicalRequest)
			}
			var wire strings.Builder
			w, err := s3Signer().NewChunkWriter(&wire, &r, 65536)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, data)
			if c.trailer != "" {
				w.Trailer("x-amz-checksum-crc32c", "sOO8/Q==")
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for _, sig := range append(c.chunks, c.trailer) {
				if !strings.Contains(wire.String(), sig) {
					t.Errorf("signature %s is not in the body", sig)
				}
			}
			if c.length > 0 && int64(wire.Len()) != c.length {
				t.Errorf("%d bytes on the wire, want %d", wire.Len(), c.length)
			}
			b := openBody(t, r, wire.String(), "s3")
			got, err := io.ReadAll(b)
			if err != nil || string(got) != data {
				t.Fatal(len(got), err)
			}
			if c.trailer != "" && b.Trailer().Get("x-amz-checksum-crc32c") != "sOO8/Q==" {
				t.Error(b.Trailer())
			}
		})
	}
}

// AWS's trailer example puts a bare line feed behind the header and a line end before the signature.
func TestTrailerAsDocumented(t *testing.T) {
	r, wire := chunkedRequest(t, StreamingPayloadTrailer, strings.Repeat("x", 100), 65536, "x-amz-checksum-crc32c", "sOO8/Q==")
	wire = strings.Replace(wire, "sOO8/Q==\r\n", "sOO8/Q==\n\r\n", 1)
	if _, err := io.ReadAll(openBody(t, r, wire, "s3")); err != nil {
		t.Fatal(err)
	}
}

// Amazon S3 User Guide, "Signing and authenticating REST requests": the query string example.
func TestV2Published(t *testing.T) {
	r := Request{Method: "GET", RawPath: "/photos/puppy.jpg", Host: "awsexamplebucket1.us-west-1.s3.amazonaws.com", Header: http.Header{},
		RawQuery: "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"}
	o := OptionsFor("s3", "us-west-1")
	s, err := Parse(r)
	if err != nil || s.Form != QueryV2 {
		t.Fatal(s, err)
	}
	o.Bucket = "johnsmith" // the name the example's signature was made for
	now := time.Unix(1175139620, 0)
	if err := Verify(s, Key{Secret: exampleSecret}, now, "", o); err != nil {
		t.Fatal(err)
	}
	wantKind(t, Verify(s, Key{Secret: exampleSecret}, now.Add(time.Second), "", o), RequestExpired)
	s.req.Method = "PUT"
	wantKind(t, Verify(s, Key{Secret: exampleSecret}, now, "", o), SignatureDoesNotMatch)
	s.req.Method = "DELETE"
	wantKind(t, Verify(s, Key{Secret: exampleSecret}, now, "", o), UnsupportedAlgorithm)
}

func wantKind(t *testing.T, err error, k Kind) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok || e.Kind != k {
		t.Fatalf("got %v (%T), want kind %d", err, err, k)
	}
}

// chunkedRequest signs a PUT with a streamed payload and gives it with its body as written on the wire.
func chunkedRequest(t testing.TB, payload, data string, chunk int, trailers ...string) (Request, string) {
	t.Helper()
	r := Request{Method: "PUT", RawPath: "/b/k", Host: "s3.amazonaws.com", Header: http.Header{
		"Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {itoa(len(data))}}}
	for i := 0; i < len(trailers); i += 2 {
		r.Header.Add("X-Amz-Trailer", trailers[i])
	}
	if _, err := s3Signer().Sign(&r, may2013, payload); err != nil {
		t.Fatal(err)
	}
	var wire strings.Builder
	w, err := s3Signer().NewChunkWriter(&wire, &r, chunk)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, data)
	var lines []string
	for i := 0; i < len(trailers); i += 2 {
		w.Trailer(trailers[i], trailers[i+1])
		lines = append(lines, trailers[i]+":"+trailers[i+1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if want := ChunkedLength(payload, int64(len(data)), int64(chunk), lines...); want != int64(wire.Len()) {
		t.Fatalf("ChunkedLength says %d, written %d", want, wire.Len())
	}
	return r, wire.String()
}

// openBody verifies r and gives its payload.
func openBody(t testing.TB, r Request, wire, service string) *Body {
	t.Helper()
	s, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	k := Key{Secret: exampleSecret}
	if err := Verify(s, k, may2013, "", OptionsFor(service, "us-east-1")); err != nil {
		t.Fatal(err)
	}
	b, err := NewBody(strings.NewReader(wire), s, k, BodyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
