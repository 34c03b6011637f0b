// Package forged shows that nobody who is not who they say, or may not do what they ask, is let in: every implemented
// operation, in every protocol its service speaks, with every forged form, each beside a valid twin that is let in.
package forged

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"virga/internal/auth"
	"virga/internal/auth/sigv4"
	"virga/internal/cloud"
	"virga/internal/record"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	account = "111111111111"
	other   = "222222222222"
	region  = "us-east-1"
	bucket  = "target-bucket"
)

func md5Of(b []byte) string { s := md5.Sum(b); return base64.StdEncoding.EncodeToString(s[:]) }

// world is a cloud with a target of each kind, and who calls.
type world struct {
	*cloud.Cloud
	t     testing.TB
	hints map[string]string

	root, stranger sigv4.Credentials // root keys of two accounts
	admin          sigv4.Credentials // a user who may do everything
	nobody         sigv4.Credentials // a user without a policy
	probe          sigv4.Credentials // a user whose one policy a test sets
	probeName      string
	roleA, roleB   sigv4.Credentials // two sessions of a role that may do everything
	expired        sigv4.Credentials
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c, err := cloud.New(context.Background(), cloud.Config{Ephemeral: true, Dev: true, Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{Cloud: c, t: t, probeName: "probe", hints: map[string]string{}}
	w.root = sigv4.Credentials{AccessKeyID: c.RootKey.ID, SecretAccessKey: c.RootKey.Secret}
	k, _, err := c.Auth.MakeRoot(context.Background(), other)
	if err != nil {
		t.Fatal(err)
	}
	w.stranger = sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
	for k, v := range hints {
		w.hints[k] = v
	}
	w.hints["lambda.CreateFunction.Code"] = `{"ZipFile":""}`
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `","Service":["lambda.amazonaws.com","apigateway.amazonaws.com","cloudformation.amazonaws.com"]},"Action":"sts:AssumeRole"}]}`
	w.need("iam", "CreateRole", map[string]any{"RoleName": "target-role", "AssumeRolePolicyDocument": trust})
	w.need("iam", "CreateRole", map[string]any{"RoleName": "caller", "AssumeRolePolicyDocument": trust})
	w.need("iam", "AttachRolePolicy", map[string]any{"RoleName": "caller", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
	w.need("iam", "CreatePolicy", map[string]any{"PolicyName": "target", "PolicyDocument": everything})
	w.need("iam", "CreateGroup", map[string]any{"GroupName": "target-group"})
	w.admin = w.user("admin")
	w.need("iam", "PutUserPolicy", map[string]any{"UserName": "admin", "PolicyName": "p", "PolicyDocument": everything})
	w.nobody = w.user("nobody")
	w.probe = w.user(w.probeName)
	target := w.user("target-user")
	w.hints["AccessKeyId"] = target.AccessKeyID
	w.need("sqs", "CreateQueue", map[string]any{"QueueName": "target"})
	w.need("sqs", "CreateQueue", map[string]any{"QueueName": "target-dlq"})
	w.need("s3", "CreateBucket", map[string]any{"Bucket": bucket})
	w.need("s3", "PutObject", map[string]any{"Bucket": bucket, "Key": "key", "Body": []byte("hello")})
	w.hints["s3.UploadId"] = field(w.need("s3", "CreateMultipartUpload", map[string]any{"Bucket": bucket, "Key": "key"}), "UploadId")
	w.need("ssm", "PutParameter", map[string]any{"Name": "target", "Value": "v", "Type": "String"})
	w.need("logs", "CreateLogGroup", map[string]any{"logGroupName": "target"})
	w.need("logs", "CreateLogStream", map[string]any{"logGroupName": "target", "logStreamName": "target"})
	w.hints["apigateway.restApiId"] = field(w.need("apigateway", "CreateRestApi", map[string]any{"name": "target"}), "id")
	w.hints["apigatewayv2.ApiId"] = field(w.need("apigatewayv2", "CreateApi", map[string]any{"Name": "target", "ProtocolType": "HTTP"}), "apiId")
	w.need("cloudformation", "CreateStack", map[string]any{"StackName": "target", "TemplateBody": w.hints["TemplateBody"]})
	w.roleA, w.roleB = w.assume("caller", "one"), w.assume("caller", "two")
	w.expired = w.session("caller", "old", "", time.Now().Add(-time.Hour))
	return w
}

// session issues a role's session past STS, which would not make it.
func (w *world) session(role, name, tag string, until time.Time) sigv4.Credentials {
	s := auth.Session{Account: account, PrincipalType: "AssumedRole", PrincipalID: field(w.need("iam", "GetRole", map[string]any{"RoleName": role}), "RoleId"), Name: name,
		ARN: "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + name, IssuerARN: "arn:aws:iam::" + account + ":role/" + role, IssuedAt: until.Add(-time.Hour), ExpiresAt: until}
	if tag != "" {
		s.Tags = []auth.Tag{{Key: "who", Value: tag}}
	}
	kid, secret, token, err := w.Auth.Issue(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return sigv4.Credentials{AccessKeyID: kid, SecretAccessKey: secret, SessionToken: token}
}

func (w *world) issue(role, name, tag string) sigv4.Credentials {
	return w.session(role, name, tag, time.Now().Add(time.Hour))
}

const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func (w *world) user(name string) sigv4.Credentials {
	w.need("iam", "CreateUser", map[string]any{"UserName": name})
	a := w.need("iam", "CreateAccessKey", map[string]any{"UserName": name})
	return sigv4.Credentials{AccessKeyID: field(a, "AccessKeyId"), SecretAccessKey: field(a, "SecretAccessKey")}
}

func (w *world) assume(role, name string) sigv4.Credentials {
	a := w.as(w.admin, "sts", "AssumeRole", map[string]any{"RoleArn": "arn:aws:iam::" + account + ":role/" + role, "RoleSessionName": name})
	if a.Code != 200 {
		w.t.Fatal(a.Body)
	}
	b := a.Body.String()
	return sigv4.Credentials{AccessKeyID: field(b, "AccessKeyId"), SecretAccessKey: field(b, "SecretAccessKey"), SessionToken: field(b, "SessionToken")}
}

// field finds the first element or member of a name in an answer.
func field(answer, name string) string {
	if i := strings.Index(answer, "<"+name+">"); i >= 0 {
		rest := answer[i+len(name)+2:]
		return rest[:strings.IndexByte(rest, '<')]
	}
	var m map[string]any
	json.Unmarshal([]byte(answer), &m)
	s, _ := m[name].(string)
	return s
}

func (w *world) op(service, name string) *wire.Op {
	for _, m := range w.Gate.Models() {
		if m.Package == service {
			return m.Op(name)
		}
	}
	return nil
}

func (w *world) as(who sigv4.Credentials, service, name string, in map[string]any) *httptest.ResponseRecorder {
	op := w.op(service, name)
	s := encode(op, op.Schema.Protocols[0], in)
	return w.send(s.signed(op, who, time.Now()))
}

func (w *world) need(service, name string, in map[string]any) string {
	w.t.Helper()
	r := w.as(w.root, service, name, in)
	if r.Code/100 != 2 {
		w.t.Fatalf("%s:%s: %d %s", service, name, r.Code, r.Body)
	}
	return r.Body.String()
}

func (w *world) send(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	for_ := 10 * time.Second
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".StartLiveTail") {
		for_ = 20 * time.Millisecond // it goes on for hours; the first piece of its answer is enough
	}
	ctx, cancel := context.WithTimeout(r.Context(), for_)
	defer cancel()
	r = r.WithContext(ctx)
	w.Front.ServeHTTP(rec, r)
	return rec
}

// request makes what a server receives.
func (s *shot) request() *http.Request {
	target := s.path
	if s.query != "" {
		target += "?" + s.query
	}
	r := httptest.NewRequest(s.method, target, bytes.NewReader(s.body))
	r.Host, r.RemoteAddr = s.host, "127.0.0.1:1"
	for k, v := range s.header {
		r.Header[k] = v
	}
	if len(s.body) > 0 || s.method == "PUT" || s.method == "POST" {
		r.Header.Set("Content-Length", strconv.Itoa(len(s.body)))
	}
	return r
}

func (s *shot) wire() *sigv4.Request {
	return &sigv4.Request{Method: s.method, RawPath: s.path, RawQuery: s.query, Header: s.header, Host: s.host}
}

func (s *shot) signed(op *wire.Op, who sigv4.Credentials, at time.Time) *http.Request {
	c := s.clone()
	if _, err := sigv4.SignerFor(who, region, op.Schema.SigningName).Sign(c.wire(), at, sigv4.HashOf(c.body)); err != nil {
		panic(err)
	}
	return c.request()
}

// target is one operation in one protocol with its smallest input.
type target struct {
	op   *wire.Op
	p    wire.Protocol
	shot *shot
	fam  string
}

func (x *target) String() string { return x.op.Schema.Package + ":" + x.op.Name + "/" + x.p.String() }

func (w *world) input(op *wire.Op) map[string]any {
	if op.Input < 0 {
		return map[string]any{}
	}
	m := &maker{schema: op.Schema, op: op.Name, hints: w.hints}
	return m.structure(&op.Schema.Shapes[op.Input])
}

// targets are all implemented operations.
func (w *world) targets() (out []*target) {
	for _, m := range w.Gate.Models() {
		for i := range m.Ops {
			op := &m.Ops[i]
			if w.Gate.Handler(op) == nil {
				continue
			}
			for _, p := range m.Protocols {
				if s := encode(op, p, w.input(op)); s != nil {
					out = append(out, &target{op, p, s, familyOf(m, p)})
				}
			}
		}
	}
	return out
}

func familyOf(m *wire.Model, p wire.Protocol) string {
	switch {
	case m.Flags&wire.S3 != 0:
		return "s3"
	case p == wire.RESTJSON:
		return "rest-json"
	case p == wire.JSON10, p == wire.JSON11:
		return "json"
	}
	return "query"
}

func (x *target) wireRequest() *wire.Request {
	s := x.shot
	return &wire.Request{Method: s.method, Path: s.path, RawQuery: s.query, Header: s.header, Body: s.body, BodyStream: io.NopCloser(bytes.NewReader(s.body)), ContentLength: int64(len(s.body)), Host: s.host}
}

// codeOf reads an answer's error code.
func codeOf(r *httptest.ResponseRecorder) string {
	if r.Code/100 == 2 {
		return ""
	}
	b := r.Body.Bytes()
	var j struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(b, &j) == nil && j.Type != "" {
		return j.Type[strings.LastIndexByte(j.Type, '#')+1:]
	}
	if h := r.Header().Get("X-Amzn-Errortype"); h != "" {
		h, _, _ = strings.Cut(h, ":")
		return h[strings.LastIndexByte(h, '#')+1:]
	}
	var x struct {
		Code  string `xml:"Code"`
		Error struct {
			Code string `xml:"Code"`
		} `xml:"Error"`
	}
	xml.Unmarshal(b, &x)
	return x.Code + x.Error.Code
}

func requestID(r *httptest.ResponseRecorder) string {
	if h := r.Header().Get("X-Amzn-Requestid"); h != "" {
		return h
	}
	return r.Header().Get("X-Amz-Request-Id")
}

// audited gives the audit events of an account by request id.
func (w *world) audited(account string) map[string]record.Event {
	out := map[string]record.Event{}
	if err := w.Store.View(context.Background(), func(r store.Reader) error {
		store.Each(r, store.Prefix(store.K(store.FamilyAudit, 0, account)), func(_ store.Key, e *record.Event) bool {
			out[e.RequestID] = *e
			return true
		})
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}
