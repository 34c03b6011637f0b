package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	s3api "virga/api/s3"
	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

// TestBadInputs are the inputs that every S3 must refuse, by signed HTTP.
func TestBadInputs(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("bad-inputs")
	w.put(name, "k", []byte("body"))
	manyKeys := "<Delete>" + strings.Repeat("<Object><Key>a</Key></Object>", 1001) + "</Delete>"
	md := func(s string) map[string]string {
		h := md5.Sum([]byte(s))
		return map[string]string{"Content-Md5": base64.StdEncoding.EncodeToString(h[:])}
	}
	for _, c := range []struct {
		name, method, path, body string
		h                        map[string]string
		status                   int
		code                     string
	}{
		{"bucket name", "PUT", "/Bad_Name", "", nil, 400, "InvalidBucketName"},
		{"digest that is none", "PUT", "/" + name + "/x", "b", map[string]string{"Content-Md5": "eHl6"}, 400, "InvalidDigest"},
		{"digest of another body", "PUT", "/" + name + "/x", "b", md("c"), 400, "BadDigest"},
		{"unknown upload", "POST", "/" + name + "/x?uploadId=none", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>", nil, 404, "NoSuchUpload"},
		{"part number", "PUT", "/" + name + "/x?partNumber=10001&uploadId=none", "b", nil, 400, "InvalidArgument"},
		{"bucket not empty", "DELETE", "/" + name, "", nil, 409, "BucketNotEmpty"},
		{"stale etag", "PUT", "/" + name + "/k", "b", map[string]string{"If-Match": `"0"`}, 412, "PreconditionFailed"},
		{"max-keys", "GET", "/" + name + "?max-keys=-1", "", nil, 400, "InvalidArgument"},
		{"policy", "PUT", "/" + name + "?policy", "nonsense", nil, 400, "MalformedPolicy"},
		{"copy onto itself", "PUT", "/" + name + "/k", "", map[string]string{"X-Amz-Copy-Source": name + "/k"}, 400, "InvalidRequest"},
		{"copy without a key", "PUT", "/" + name + "/x", "", map[string]string{"X-Amz-Copy-Source": name}, 400, "InvalidArgument"},
		{"1001 keys", "POST", "/" + name + "?delete", manyKeys, md(manyKeys), 400, "MalformedXML"},
		{"keys without digest", "POST", "/" + name + "?delete", "<Delete><Object><Key>a</Key></Object></Delete>", nil, 400, "InvalidRequest"},
		{"two checksums", "PUT", "/" + name + "/x", "b", map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA==", "X-Amz-Checksum-Sha1": "AAAA"}, 400, "InvalidRequest"},
		{"a document type", "PUT", "/" + name + "?tagging", "<!DOCTYPE a [<!ENTITY x 'y'>]><Tagging/>", nil, 400, "MalformedXML"},
		{"deep XML", "PUT", "/" + name + "?tagging", strings.Repeat("<a>", 100_000), nil, 400, "MalformedXML"},
		{"not implemented", "PUT", "/" + name + "?website", "<WebsiteConfiguration/>", nil, 501, "NotImplemented"},
		{"CORS without rules", "PUT", "/" + name + "?cors", "<CORSConfiguration/>", nil, 400, "MalformedXML"},
		{"no such method", "PATCH", "/" + name, "", nil, 405, "MethodNotAllowed"},
		{"key of bytes that are no text", "PUT", "/" + name + "/%ff%fe", "b", nil, 400, "InvalidURI"},
		{"storage class", "PUT", "/" + name + "/x", "b", map[string]string{"X-Amz-Storage-Class": "SHELF"}, 400, "InvalidStorageClass"},
		{"customer key", "PUT", "/" + name + "/x", "b", map[string]string{"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}, 501, "NotImplemented"},
		{"metadata", "PUT", "/" + name + "/x", "b", map[string]string{"X-Amz-Meta-A": strings.Repeat("x", 2100)}, 400, "MetadataTooLarge"},
	} {
		status, out := w.send(c.method, c.path, []byte(c.body), "", c.h)
		if status != c.status || !strings.Contains(out, "<Code>"+c.code+"</Code>") {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, out, c.status, c.code)
		}
	}
	out, err := w.c.ListObjectsV2(w.ctx, &s3api.ListObjectsV2Input{Bucket: name})
	if err != nil || len(out.Contents) != 1 {
		t.Errorf("a refused write left something: %v %v", out, err)
	}
}

// TestChunked: what a chunked body promises is kept, or the object is absent.
func TestChunked(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("chunked")
	plain := bytes.Repeat([]byte("chunk of text "), 3000)
	signer := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, "us-east-1", "s3")
	try := func(key string, spoil func([]byte) []byte, trailer string) (int, string) {
		t.Helper()
		var b bytes.Buffer
		r, err := http.NewRequest("PUT", w.endpoint+"/"+name+"/"+key, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload := "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
		r.Header.Set("X-Amz-Decoded-Content-Length", "42000")
		r.Header.Set("Content-Encoding", "aws-chunked,gzip")
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-sha256")
		sr := sigv4.FromHTTP(r)
		if _, err := signer.Sign(&sr, time.Now(), payload); err != nil {
			t.Fatal(err)
		}
		for k, v := range sr.Header {
			r.Header[k] = v
		}
		cw, err := signer.NewChunkWriter(&b, &sr, 16<<10)
		if err != nil {
			t.Fatal(err)
		}
		cw.Write(plain)
		cw.Trailer("x-amz-checksum-sha256", trailer)
		if err := cw.Close(); err != nil {
			t.Fatal(err)
		}
		raw := b.Bytes()
		if spoil != nil {
			raw = spoil(raw)
		}
		r2, err := http.NewRequest("PUT", r.URL.String(), bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		r2.Header = r.Header
		return w.do(r2)
	}
	good := base64.StdEncoding.EncodeToString(sum256(plain))
	if status, out := try("good", nil, good); status != 200 {
		t.Fatal(status, out)
	}
	got, err := w.c.GetObject(w.ctx, &s3api.GetObjectInput{Bucket: name, Key: "good", ChecksumMode: wire.P("ENABLED")})
	if err != nil || wire.V(got.ChecksumSHA256) != good || wire.V(got.ContentEncoding) != "gzip" {
		t.Errorf("%+v %v", got, err)
	}
	for _, c := range []struct {
		key   string
		spoil func([]byte) []byte
		sum   string
		code  string
	}{
		{"signature", func(b []byte) []byte { b[200] ^= 1; return b }, good, "SignatureDoesNotMatch"},
		{"last-chunk", func(b []byte) []byte { return b[:bytes.LastIndex(b, []byte("\r\n0;"))+2] }, good, "IncompleteBody"},
		{"checksum", nil, base64.StdEncoding.EncodeToString(sum256([]byte("x"))), "BadDigest"},
	} {
		status, out := try(c.key, c.spoil, c.sum)
		if status < 400 || !strings.Contains(out, "<Code>"+c.code+"</Code>") {
			t.Errorf("%s: %d %s, want %s", c.key, status, out, c.code)
		}
		_, err := w.get(name, c.key, nil)
		w.wants("NoSuchKey", err)
	}
}

// TestAnonymous: nobody gets in without the bucket's policy, and nothing breaks.
func TestAnonymous(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("nobody")
	w.put(name, "k", []byte("body"))
	for _, c := range []struct{ method, path, code string }{
		{"GET", "/" + name + "/k", "AccessDenied"}, {"GET", "/" + name + "/none", "AccessDenied"}, {"PUT", "/" + name + "/k", "AccessDenied"},
		{"GET", "/" + name, "AccessDenied"}, {"GET", "/", "AccessDenied"}, {"PUT", "/mine-now", "AccessDenied"}, {"GET", "/nobody-has-this/k", "NoSuchBucket"},
	} {
		r, err := http.NewRequest(c.method, w.endpoint+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, out := w.do(r); status < 400 || !strings.Contains(out, "<Code>"+c.code+"</Code>") {
			t.Errorf("%s %s: %d %s, want %s", c.method, c.path, status, out, c.code)
		}
	}
}

// TestOtherAccount: another account's root is not let in, and learns nothing of what is there.
func TestOtherAccount(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("ours")
	w.put(name, "k", []byte("body"))
	ctx, c := w.as("222222222222")
	_, err := c.GetObject(ctx, &s3api.GetObjectInput{Bucket: name, Key: "k"})
	w.wants("AccessDenied", err)
	_, err = c.GetObject(ctx, &s3api.GetObjectInput{Bucket: name, Key: "none"})
	w.wants("AccessDenied", err)
	_, err = c.GetBucketPolicy(ctx, &s3api.GetBucketPolicyInput{Bucket: name})
	w.wants("AccessDenied", err)
	if _, err := w.c.PutBucketPolicy(w.ctx, &s3api.PutBucketPolicyInput{Bucket: name, Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"s3:GetBucketPolicy","Resource":"arn:aws:s3:::ours"}]}`}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetBucketPolicy(ctx, &s3api.GetBucketPolicyInput{Bucket: name}) // let in by the policy, which is still not theirs
	w.wants("MethodNotAllowed", err)
	_, err = c.CreateBucket(ctx, &s3api.CreateBucketInput{Bucket: name})
	w.wants("BucketAlreadyExists", err)
	if _, err = c.CreateBucket(ctx, &s3api.CreateBucketInput{Bucket: "theirs"}); err != nil {
		t.Fatal(err)
	}
	_, err = c.CopyObject(ctx, &s3api.CopyObjectInput{Bucket: "theirs", Key: "k", CopySource: name + "/k"})
	w.wants("AccessDenied", err)
	_, err = w.c.HeadBucket(w.ctx, &s3api.HeadBucketInput{Bucket: name, ExpectedBucketOwner: wire.P("222222222222")})
	w.wants("AccessDenied", err)
	_, err = w.c.HeadBucket(w.ctx, &s3api.HeadBucketInput{Bucket: name, ExpectedBucketOwner: &w.Account})
	w.wants("", err)
}
