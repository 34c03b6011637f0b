package s3_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	iamapi "virga/api/iam"
	s3api "virga/api/s3"
	"virga/internal/wire"
)

// user makes an IAM user with a policy and gives the client that calls as it.
func (w *world) user(name, policy string) (context.Context, *s3api.Client) {
	w.t.Helper()
	iam := &iamapi.Client{Invoker: w.Gate.With(wire.CallOf(w.ctx).Principal)}
	out, err := iam.CreateUser(w.ctx, &iamapi.CreateUserInput{UserName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := iam.PutUserPolicy(w.ctx, &iamapi.PutUserPolicyInput{UserName: name, PolicyName: "p", PolicyDocument: policy}); err != nil {
		w.t.Fatal(err)
	}
	p := wire.Principal{Type: "User", ARN: out.User.Arn, ID: out.User.UserId, Account: w.Account}
	c := *wire.CallOf(w.ctx)
	c.Principal = p
	return wire.WithCall(context.Background(), &c), &s3api.Client{Invoker: w.Gate.With(p)}
}

func allow(action, resource, more string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[%s],"Resource":[%s]%s}]}`, action, resource, more)
}

// TestIdentityPolicies: what a user may do, and what one without ListBucket learns.
func TestIdentityPolicies(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("policies")
	w.put(name, "a/k", []byte("body"))
	if _, err := w.c.PutObjectTagging(w.ctx, &s3api.PutObjectTaggingInput{Bucket: name, Key: "a/k", Tagging: &s3api.Tagging{TagSet: []s3api.Tag{{Key: "class", Value: "open"}}}}); err != nil {
		t.Fatal(err)
	}
	w.put(name, "a/secret", []byte("body"))
	obj, buc := `"arn:aws:s3:::policies/*"`, `"arn:aws:s3:::policies"`
	get := func(ctx context.Context, c *s3api.Client, key string) error {
		_, err := c.GetObject(ctx, &s3api.GetObjectInput{Bucket: name, Key: key})
		return err
	}
	ctx, c := w.user("reader", allow(`"s3:GetObject"`, obj, ""))
	w.wants("", get(ctx, c, "a/k"))
	w.wants("AccessDenied", get(ctx, c, "none"))
	_, err := c.HeadObject(ctx, &s3api.HeadObjectInput{Bucket: name, Key: "none"})
	w.wants("AccessDenied", err)
	_, err = c.GetObject(ctx, &s3api.GetObjectInput{Bucket: name, Key: "a/k", VersionId: wire.P("null")})
	w.wants("AccessDenied", err) // s3:GetObjectVersion is another action
	_, err = c.PutObject(ctx, &s3api.PutObjectInput{Bucket: name, Key: "a/k", Body: body(nil)})
	w.wants("AccessDenied", err)
	ctx, c = w.user("lister", allow(`"s3:GetObject","s3:ListBucket"`, obj+","+buc, ""))
	w.wants("NoSuchKey", get(ctx, c, "none"))
	ctx, c = w.user("prefix", allow(`"s3:ListBucket"`, buc, `,"Condition":{"StringLike":{"s3:prefix":"a/*"}}`))
	_, err = c.ListObjectsV2(ctx, &s3api.ListObjectsV2Input{Bucket: name, Prefix: wire.P("a/x")})
	w.wants("", err)
	_, err = c.ListObjectsV2(ctx, &s3api.ListObjectsV2Input{Bucket: name})
	w.wants("AccessDenied", err)
	ctx, c = w.user("tagged", allow(`"s3:GetObject"`, obj, `,"Condition":{"StringEquals":{"s3:ExistingObjectTag/class":"open"}}`))
	w.wants("", get(ctx, c, "a/k"))
	w.wants("AccessDenied", get(ctx, c, "a/secret"))
	ctx, c = w.user("writer", allow(`"s3:PutObject"`, obj, ""))
	_, err = c.CopyObject(ctx, &s3api.CopyObjectInput{Bucket: name, Key: "copy", CopySource: name + "/a/secret"})
	w.wants("AccessDenied", err)
	_, err = c.PutObject(ctx, &s3api.PutObjectInput{Bucket: name, Key: "t", Body: body(nil), Tagging: wire.P("a=b")})
	w.wants("AccessDenied", err) // s3:PutObjectTagging too
	_, err = c.PutObject(ctx, &s3api.PutObjectInput{Bucket: name, Key: "t", Body: body(nil)})
	w.wants("", err)
	ctx, c = w.user("copier", allow(`"s3:PutObject","s3:GetObject"`, obj, ""))
	_, err = c.CopyObject(ctx, &s3api.CopyObjectInput{Bucket: name, Key: "copy", CopySource: name + "/a/secret"})
	w.wants("", err)
	_, err = c.CopyObject(ctx, &s3api.CopyObjectInput{Bucket: name, Key: "copy", CopySource: name + "/a/k"})
	w.wants("AccessDenied", err) // its tags are copied too
	ctx, c = w.user("deleter", allow(`"s3:DeleteObject"`, `"arn:aws:s3:::policies/a/*"`, ""))
	_, err = c.DeleteObjects(ctx, &s3api.DeleteObjectsInput{Bucket: name, Delete: &s3api.Delete{Objects: []s3api.ObjectIdentifier{{Key: "a/k"}, {Key: "t"}}}})
	w.wants("AccessDenied", err)
	w.wants("", get(w.ctx, w.c, "a/k"))
	_, err = c.DeleteObjects(ctx, &s3api.DeleteObjectsInput{Bucket: name, Delete: &s3api.Delete{Objects: []s3api.ObjectIdentifier{{Key: "a/k"}}}})
	w.wants("", err)
}

// TestBucketPolicies: other accounts and nobody at all, by the bucket's own policy; the public access block stands above.
func TestBucketPolicies(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("shared")
	w.put(name, "k", []byte("body"))
	set := func(principal string) error {
		_, err := w.c.PutBucketPolicy(w.ctx, &s3api.PutBucketPolicyInput{Bucket: name,
			Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::shared/*"}]}`})
		return err
	}
	anonymous := func() int {
		r, err := http.NewRequest("GET", w.endpoint+"/shared/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := w.do(r)
		return status
	}
	ctx, c := w.as("222222222222")
	read := func() error {
		_, err := c.GetObject(ctx, &s3api.GetObjectInput{Bucket: name, Key: "k"})
		return err
	}
	w.wants("AccessDenied", read())
	w.wants("", set(`{"AWS":"arn:aws:iam::222222222222:root"}`))
	w.wants("", read())
	if s := anonymous(); s != 403 {
		t.Errorf("anonymous: %d", s)
	}
	w.wants("AccessDenied", set(`"*"`)) // BlockPublicPolicy
	block := func(policy, restrict bool) {
		if _, err := w.c.PutPublicAccessBlock(w.ctx, &s3api.PutPublicAccessBlockInput{Bucket: name, PublicAccessBlockConfiguration: &s3api.PublicAccessBlockConfiguration{BlockPublicPolicy: &policy, RestrictPublicBuckets: &restrict}}); err != nil {
			t.Fatal(err)
		}
	}
	block(false, false)
	w.wants("", set(`"*"`))
	if s := anonymous(); s != 200 {
		t.Errorf("anonymous under a public policy: %d", s)
	}
	block(true, true)
	if s := anonymous(); s != 403 {
		t.Errorf("anonymous at a restricted bucket: %d", s)
	}
	w.wants("AccessDenied", read())
	// A policy that denies everyone can be mended by the root.
	if _, err := w.c.PutBucketPolicy(w.ctx, &s3api.PutBucketPolicyInput{Bucket: name, Policy: `{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::shared","arn:aws:s3:::shared/*"]}}`}); err != nil {
		t.Fatal(err)
	}
	_, err := w.get(name, "k", nil)
	w.wants("AccessDenied", err)
	if _, err := w.c.DeleteBucketPolicy(w.ctx, &s3api.DeleteBucketPolicyInput{Bucket: name}); err != nil {
		t.Fatal(err)
	}
	_, err = w.get(name, "k", nil)
	w.wants("", err)
}
