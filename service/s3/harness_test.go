package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	s3api "virga/api/s3"
	"virga/internal/auth/sigv4"
	"virga/internal/cloud"
	"virga/internal/store"
	"virga/internal/wire"
)

// world is a cloud of one test with the client of its root, behind the gate.
type world struct {
	*cloud.Cloud
	t        testing.TB
	c        *s3api.Client
	ctx      context.Context
	endpoint string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := cloud.New(ctx, cloud.Config{Ephemeral: true, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		<-done
		c.Close()
	})
	w := &world{Cloud: c, t: t, endpoint: "http://" + l.Addr().String()}
	w.ctx, w.c = w.as(c.Account)
	return w
}

// as gives the client of an account's root.
func (w *world) as(account string) (context.Context, *s3api.Client) {
	p := wire.Principal{Type: "Root", ARN: "arn:aws:iam::" + account + ":root", ID: account, Account: account}
	call := &wire.Call{Service: "s3", Account: account, Region: "us-east-1", Partition: "aws", Principal: p, BaseURL: w.endpoint, Domain: "localhost"}
	return wire.WithCall(context.Background(), call), &s3api.Client{Invoker: w.Gate.With(p)}
}

func (w *world) bucket(name string) string {
	w.t.Helper()
	if _, err := w.c.CreateBucket(w.ctx, &s3api.CreateBucketInput{Bucket: name}); err != nil {
		w.t.Fatal(err)
	}
	return name
}

func body(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

func (w *world) put(bucket, key string, b []byte) string {
	w.t.Helper()
	out, err := w.c.PutObject(w.ctx, &s3api.PutObjectInput{Bucket: bucket, Key: key, Body: body(b)})
	if err != nil {
		w.t.Fatal(err)
	}
	return wire.V(out.VersionId)
}

func (w *world) get(bucket, key string, version *string) ([]byte, error) {
	out, err := w.c.GetObject(w.ctx, &s3api.GetObjectInput{Bucket: bucket, Key: key, VersionId: version})
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(out.Body)
	out.Body.(io.Closer).Close()
	return b, err
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return wire.Info(s3api.Model.Schema, wire.RESTXML, err).Code
}

func (w *world) wants(want string, err error) {
	w.t.Helper()
	if code(err) != want {
		w.t.Errorf("%v, want %s", err, want)
	}
}

// rows counts what the service has in the store.
func (w *world) rows() (n int, first string) {
	err := w.Store.View(context.Background(), func(r store.Reader) error {
		n = 0
		for _, account := range []string{w.Account, store.SystemAccount} {
			r.Range(store.Prefix(store.K(store.FamilyS3, 0, account)), func(k store.Key, _ []byte) bool {
				if n++; n == 1 {
					first = k.String()
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n, first
}

// eventually waits for background steps.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal(what + " did not come about")
}

// send makes a signed HTTP request; payload is its hash or one of S3's words.
func (w *world) send(method, path string, b []byte, payload string, h map[string]string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.endpoint+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	for k, v := range h {
		r.Header.Set(k, v)
	}
	s := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, "us-east-1", "s3")
	if payload == "" {
		payload = sigv4.HashOf(b)
	}
	if err := s.SignHTTP(r, time.Now(), payload); err != nil {
		w.t.Fatal(err)
	}
	return w.do(r)
}

func (w *world) do(r *http.Request) (int, string) {
	w.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(out)
}

func sum256(b []byte) []byte { h := sha256.Sum256(b); return h[:] }
