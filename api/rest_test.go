package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	apigatewayapi "virga/api/apigateway"
	apigatewayv2api "virga/api/apigatewayv2"
	lambdaapi "virga/api/lambda"
	s3api "virga/api/s3"
	"virga/internal/wire"
)

func rest(method, uri, body string, headers ...string) *wire.Request {
	path, query, _ := strings.Cut(uri, "?")
	r := &wire.Request{Method: method, Path: path, RawQuery: query, Header: http.Header{}, Body: []byte(body)}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestS3Routes(t *testing.T) {
	table := wire.NewTable(&s3api.Model)
	for _, c := range []struct{ method, uri, header, want string }{
		{"GET", "/", "", "ListBuckets"},
		{"GET", "/?x-id=ListBuckets", "", "ListBuckets"},
		{"GET", "/?x-id=ListDirectoryBuckets", "", "ListDirectoryBuckets"},
		{"GET", "/b", "", "ListObjects"},
		{"GET", "/b/", "", "ListObjects"},
		{"GET", "/b?list-type=2&prefix=a%2Fb", "", "ListObjectsV2"},
		{"GET", "/b?list-type=1", "", "ListObjects"},
		{"GET", "/b?versions", "", "ListObjectVersions"},
		{"GET", "/b/?uploads=", "", "ListMultipartUploads"},
		{"GET", "/b?location", "", "GetBucketLocation"},
		{"GET", "/b?notification", "", "GetBucketNotificationConfiguration"},
		{"GET", "/b?lifecycle", "", "GetBucketLifecycleConfiguration"},
		{"GET", "/b?analytics&id=1", "", "GetBucketAnalyticsConfiguration"},
		{"GET", "/b?analytics", "", "ListBucketAnalyticsConfigurations"},
		{"GET", "/b/k", "", "GetObject"},
		{"GET", "/b//k/../x", "", "GetObject"},
		{"GET", "/b/k?x-id=GetObject&versionId=3", "", "GetObject"},
		{"GET", "/b/k?attributes", "", "GetObjectAttributes"},
		{"GET", "/b/k?uploadId=1", "", "ListParts"},
		{"GET", "/b/k?tagging", "", "GetObjectTagging"},
		{"GET", "/b/k?retention", "", "GetObjectRetention"},
		{"HEAD", "/b", "", "HeadBucket"},
		{"HEAD", "/b/k", "", "HeadObject"},
		{"PUT", "/b", "", "CreateBucket"},
		{"PUT", "/b?policy", "", "PutBucketPolicy"},
		{"PUT", "/b/k", "", "PutObject"},
		{"PUT", "/b/k", "X-Amz-Copy-Source", "CopyObject"},
		{"PUT", "/b/k?partNumber=1&uploadId=2", "", "UploadPart"},
		{"PUT", "/b/k?partNumber=1&uploadId=2", "X-Amz-Copy-Source", "UploadPartCopy"},
		{"POST", "/b?delete", "", "DeleteObjects"},
		{"POST", "/b/k?uploads", "", "CreateMultipartUpload"},
		{"POST", "/b/k?uploadId=2", "", "CompleteMultipartUpload"},
		{"DELETE", "/b/k", "", "DeleteObject"},
		{"DELETE", "/b/k?uploadId=2", "", "AbortMultipartUpload"},
		{"DELETE", "/b/k?tagging", "", "DeleteObjectTagging"},
		{"DELETE", "/b", "", "DeleteBucket"},
		{"PATCH", "/b", "", "MethodNotAllowed: The specified method is not allowed against this resource."},
	} {
		r := rest(c.method, c.uri, "")
		if c.header != "" {
			r.Header.Set(c.header, "x/y")
		}
		op, p, err := table.Find(wire.Unknown, r)
		got := fmt.Sprint(err)
		if err == nil {
			got = op.Name
		}
		if got != c.want || p != wire.RESTXML {
			t.Errorf("%s %s: %s, want %s (%v)", c.method, c.uri, got, c.want, p)
		}
	}
}

type nobodyS3 struct{ s3api.Server }

func s3(t testing.TB) *handlers {
	return inputs(t, &s3api.Model, s3api.Handlers(struct{ s3api.Server }{&nobodyS3{}}))
}

func TestS3Input(t *testing.T) {
	h := s3(t)
	r := rest("PUT", "/b/a%2Fb//c%20d+e", "hello", "Content-Type", "text/x", "x-amz-meta-Some-Thing", "v", "x-amz-meta-other", "w", "Content-Length", "5", "X-Amz-Checksum-Crc32", "AAAAAA==")
	in, _, _, err := h.decode(r)
	if err != nil {
		t.Fatal(err)
	}
	put := in.(*s3api.PutObjectInput)
	body, _ := io.ReadAll(put.Body)
	if put.Bucket != "b" || put.Key != "a/b//c d+e" || string(body) != "hello" || *put.ContentType != "text/x" || *put.ContentLength != 5 || *put.ChecksumCRC32 != "AAAAAA==" {
		t.Errorf("%+v", put)
	}
	if d := cmp.Diff(map[string]string{"some-thing": "v", "other": "w"}, put.Metadata); d != "" {
		t.Error(d)
	}
	// a stream is handed on unread
	stream := io.NopCloser(strings.NewReader("streamed"))
	r = rest("PUT", "/b/k", "")
	r.BodyStream = stream
	if in, _, _, err = h.decode(r); err != nil || in.(*s3api.PutObjectInput).Body != stream {
		t.Errorf("%v %v", in, err)
	}
	in, _, _, err = h.decode(rest("POST", "/b?delete", `<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>a&amp;b</Key></Object><Object><Key> c </Key><VersionId>1</VersionId></Object></Delete>`))
	want := &s3api.DeleteObjectsInput{Bucket: "b", Delete: &s3api.Delete{Quiet: ptr(true), Objects: []s3api.ObjectIdentifier{{Key: "a&b"}, {Key: " c ", VersionId: ptr("1")}}}}
	if d := cmp.Diff(want, in); d != "" || err != nil {
		t.Error(d, err)
	}
	for _, c := range []struct{ uri, body, want string }{
		{"/b?versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`, "<nil>"},
		{"/b?versioning", `<VersioningConfiguration><Status>Perhaps</Status></VersioningConfiguration>`, "MalformedXML"},
		{"/b?versioning", `<Other><Status>Enabled</Status></Other>`, "MalformedXML"},
		{"/b?versioning", `<VersioningConfiguration><Status>Enabled</Status>`, "MalformedXML"},
		{"/b?versioning", `<!DOCTYPE x [<!ENTITY a "b">]><VersioningConfiguration><Status>&a;</Status></VersioningConfiguration>`, "MalformedXML"},
		{"/b?versioning", strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100), "MalformedXML"},
		{"/b?versioning", "", "MissingRequestBodyError"},
		{"/b?tagging", `<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>`, "<nil>"},
		{"/b?tagging", `<Tagging><TagSet/></Tagging>`, "<nil>"},
		{"/b?tagging", `<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>`, "MalformedXML"},
		{"/b?tagging", `<Tagging/>`, "MalformedXML"},
	} {
		_, _, _, err := h.decode(rest("PUT", c.uri, c.body))
		got := "<nil>"
		if err != nil {
			got = wire.Info(s3api.Model.Schema, wire.RESTXML, err).Code
		}
		if got != c.want {
			t.Errorf("%s %s: %v, want %s", c.uri, c.body, err, c.want)
		}
	}
}

func TestS3Output(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	enc := func(name string, out any) *wire.Response {
		return wire.Encode(s3api.Model.Op(name), wire.RESTXML, out, "rid")
	}
	head := `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	for _, c := range []struct {
		op   string
		out  any
		body string
	}{
		{"GetBucketLocation", &s3api.GetBucketLocationOutput{}, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`},
		{"GetBucketLocation", &s3api.GetBucketLocationOutput{LocationConstraint: ptr("eu-west-1")}, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>`},
		{"ListObjectsV2", &s3api.ListObjectsV2Output{Name: ptr("b"), Contents: []s3api.Object{{Key: ptr("k"), Size: ptr(int64(3)), LastModified: &when}}, CommonPrefixes: []s3api.CommonPrefix{{Prefix: ptr("p/")}}},
			`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Contents><Key>k</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><Size>3</Size></Contents><Name>b</Name><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>`},
		{"GetBucketAcl", &s3api.GetBucketAclOutput{Grants: []s3api.Grant{{Grantee: &s3api.Grantee{Type: "CanonicalUser", ID: ptr("1")}, Permission: ptr("FULL_CONTROL")}}},
			`<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>1</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`},
	} {
		res := enc(c.op, c.out)
		if d := cmp.Diff(head+c.body, string(res.Body)); d != "" || res.Status != 200 || res.Header.Get("x-amz-request-id") != "rid" {
			t.Errorf("%s: %d %v %s", c.op, res.Status, res.Header, d)
		}
	}
	if res := enc("GetBucketPolicy", &s3api.GetBucketPolicyOutput{Policy: ptr("{}")}); string(res.Body) != "{}" {
		t.Errorf("%s", res.Body)
	}
	res := enc("GetObject", &s3api.GetObjectOutput{Body: strings.NewReader("data"), ContentType: ptr("text/x"), LastModified: &when, Metadata: map[string]string{"a": "b"}, ETag: ptr(`"e"`)})
	if res.Stream == nil || res.Header.Get("Content-Type") != "text/x" || res.Header.Get("Last-Modified") != "Fri, 02 Jan 2026 03:04:05 GMT" || res.Header["x-amz-meta-a"][0] != "b" {
		t.Errorf("%+v", res)
	}
	if res := enc("DeleteObject", &s3api.DeleteObjectOutput{}); res.Status != 204 || res.Body != nil {
		t.Errorf("%+v", res)
	}
	res = wire.EncodeError(nil, s3api.Model.Op("GetObject"), wire.RESTXML, &s3api.NoSuchKey{Message: "The specified key does not exist."}, "rid")
	if want := head + `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><RequestId>rid</RequestId><HostId>rid</HostId></Error>`; string(res.Body) != want || res.Status != 404 {
		t.Errorf("%d %s", res.Status, res.Body)
	}
	if res = wire.EncodeError(nil, s3api.Model.Op("HeadObject"), wire.RESTXML, &s3api.NoSuchKey{}, "rid"); len(res.Body) > 0 || res.Status != 404 {
		t.Errorf("%d %s", res.Status, res.Body)
	}
}

type nobodyLambda struct{ lambdaapi.Server }

func TestLambda(t *testing.T) {
	h := inputs(t, &lambdaapi.Model, lambdaapi.Handlers(struct{ lambdaapi.Server }{&nobodyLambda{}}))
	arn := "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af"
	in, op, _, err := h.decode(rest("POST", "/2015-03-31/functions/"+arn+"/invocations?Qualifier=1", `{"a":1}`, "X-Amz-Invocation-Type", "Event"))
	want := &lambdaapi.InvokeInput{FunctionName: "arn:aws:lambda:us-east-1:123456789012:function:f", Qualifier: ptr("1"), InvocationType: ptr("Event"), Payload: []byte(`{"a":1}`)}
	if d := cmp.Diff(want, in); d != "" || err != nil || op.Name != "Invoke" {
		t.Error(d, err)
	}
	for _, c := range []struct{ method, uri, want string }{
		{"GET", "/2015-03-31/functions/", "ListFunctions"},
		{"GET", "/2015-03-31/functions", "ListFunctions"},
		{"GET", "/2015-03-31/functions/f", "GetFunction"},
		{"GET", "/2015-03-31/functions/f/aliases", "ListAliases"},
		{"GET", "/2015-03-31/functions/f/aliases/a", "GetAlias"},
		{"POST", "/2021-11-15/functions/f/response-streaming-invocations", "InvokeWithResponseStream"},
		{"GET", "/2017-03-31/tags/" + arn, "ListTags"},
		{"DELETE", "/2017-03-31/tags/" + arn + "?tagKeys=a&tagKeys=b", "UntagResource"},
		{"GET", "/2015-03-31/nothing", "UnknownOperationException"},
	} {
		op, _, err := h.table.Find(wire.Unknown, rest(c.method, c.uri, ""))
		got := wire.CodeOf(err)
		if err == nil {
			got = op.Name
		}
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.uri, got, c.want)
		}
	}
	in, _, _, err = h.decode(rest("DELETE", "/2017-03-31/tags/"+arn+"?tagKeys=a&tagKeys=b", ""))
	if d := cmp.Diff(&lambdaapi.UntagResourceInput{Resource: "arn:aws:lambda:us-east-1:123456789012:function:f", TagKeys: []string{"a", "b"}}, in); d != "" || err != nil {
		t.Error(d, err)
	}
	_, _, _, err = h.decode(rest("GET", "/2015-03-31/functions/"+strings.Repeat("f", 141)+"/aliases/a%20b", ""))
	if err == nil || !strings.Contains(err.Error(), "validation errors detected: Value 'fff") || !strings.Contains(err.Error(), "at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)") {
		t.Error(err)
	}
	_, _, _, err = h.decode(rest("POST", "/2015-03-31/functions/f/aliases", `{"Name":"2024","FunctionVersion":"1"}`))
	if want := "ValidationException: 1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"; fmt.Sprint(err) != want {
		t.Error(err)
	}
	// errors
	res := wire.EncodeError(nil, op, wire.RESTJSON, &lambdaapi.ResourceNotFoundException{Type: ptr("User"), Message: "Function not found: x"}, "rid")
	if string(res.Body) != `{"Message":"Function not found: x","Type":"User"}` || res.Status != 404 || res.Header.Get("x-amzn-ErrorType") != "ResourceNotFoundException" {
		t.Errorf("%d %v %s", res.Status, res.Header, res.Body)
	}
	res = wire.Encode(op, wire.RESTJSON, &lambdaapi.InvokeOutput{StatusCode: ptr(int32(202)), Payload: []byte("1")}, "rid")
	if res.Status != 202 || string(res.Body) != "1" || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", res)
	}
}

type nobodyGW struct{ apigatewayapi.Server }
type nobodyGW2 struct{ apigatewayv2api.Server }

func TestAPIGateway(t *testing.T) {
	h := inputs(t, &apigatewayapi.Model, apigatewayapi.Handlers(struct{ apigatewayapi.Server }{&nobodyGW{}}))
	_, _, _, err := h.decode(rest("PUT", "/restapis/a/resources/b/methods/GET/integration", `{"type":"HTTPS_PROXY"}`))
	if want := "Value 'HTTPS_PROXY' at 'putIntegrationInput.type' failed to satisfy constraint"; err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	_, _, _, err = h.decode(rest("PUT", "/restapis/a/resources/b/methods/GET/integration", `{}`))
	if want := "Value null at 'putIntegrationInput.type' failed to satisfy constraint: Member must not be null"; err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	_, _, _, err = h.decode(rest("PUT", "/restapis/a/resources/b/methods/GET/responses/wrong", `{}`))
	if want := `1 validation error detected: Value 'wrong' at 'statusCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [1-5]\d\d`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Error(err)
	}
	h = inputs(t, &apigatewayv2api.Model, apigatewayv2api.Handlers(struct{ apigatewayv2api.Server }{&nobodyGW2{}}))
	in, _, _, err := h.decode(rest("POST", "/v2/apis", `{"name":"n","protocolType":"HTTP","corsConfiguration":{"allowOrigins":["*"]},"tags":{"a":"b"}}`))
	if d := cmp.Diff(&apigatewayv2api.CreateApiInput{Name: "n", ProtocolType: "HTTP", CorsConfiguration: &apigatewayv2api.Cors{AllowOrigins: []string{"*"}}, Tags: map[string]string{"a": "b"}}, in); d != "" || err != nil {
		t.Error(d, err)
	}
	res := wire.Encode(apigatewayv2api.Model.Op("CreateApi"), wire.RESTJSON, &apigatewayv2api.CreateApiOutput{Name: ptr("n"), CreatedDate: ptr(time.Unix(1, 0))}, "r")
	if res.Status != 201 || !bytes.Contains(res.Body, []byte(`"createdDate":"1970-01-01T00:00:01Z"`)) {
		t.Errorf("%d %s", res.Status, res.Body)
	}
}

func BenchmarkS3GetObject(b *testing.B) {
	h := s3(b)
	r := rest("GET", "/bucket/some/key/with/parts?x-id=GetObject", "", "Range", "bytes=0-9")
	out := &s3api.GetObjectOutput{Body: strings.NewReader("data"), ContentType: ptr("text/x"), ContentLength: ptr(int64(4)), ETag: ptr(`"e"`)}
	op := s3api.Model.Op("GetObject")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := h.decode(r); err != nil {
			b.Fatal(err)
		}
		if res := wire.Encode(op, wire.RESTXML, out, "rid"); res.Status != 200 {
			b.Fatal(res.Status)
		}
	}
}

func BenchmarkLambdaInvoke(b *testing.B) {
	h := inputs(b, &lambdaapi.Model, lambdaapi.Handlers(struct{ lambdaapi.Server }{&nobodyLambda{}}))
	r := rest("POST", "/2015-03-31/functions/my-function/invocations", `{"a":1}`, "Content-Type", "application/json")
	out := &lambdaapi.InvokeOutput{StatusCode: ptr(int32(200)), Payload: []byte(`{"ok":true}`)}
	op := lambdaapi.Model.Op("Invoke")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := h.decode(r); err != nil {
			b.Fatal(err)
		}
		if res := wire.Encode(op, wire.RESTJSON, out, "rid"); res.Status != 200 {
			b.Fatal(res.Status)
		}
	}
}
