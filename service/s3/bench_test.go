package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	s3api "virga/api/s3"
	"virga/internal/auth/sigv4"
)

var sizes = []struct {
	name string
	n    int
}{{"1KB", 1 << 10}, {"1MB", 1 << 20}}

func BenchmarkPutObject(b *testing.B) {
	w := newWorld(b)
	name := w.bucket("bench")
	for _, s := range sizes {
		data := bytes.Repeat([]byte("x"), s.n)
		b.Run("gate/"+s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(s.n))
			for i := 0; b.Loop(); i++ {
				if _, err := w.c.PutObject(w.ctx, &s3api.PutObjectInput{Bucket: name, Key: fmt.Sprint(i & 1023), Body: body(data)}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("http/"+s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(s.n))
			for i := 0; b.Loop(); i++ {
				w.signed(b, "PUT", fmt.Sprintf("/%s/%d", name, i&1023), data)
			}
		})
	}
}

func BenchmarkGetObject(b *testing.B) {
	w := newWorld(b)
	name := w.bucket("bench")
	for _, s := range sizes {
		w.put(name, s.name, bytes.Repeat([]byte("x"), s.n))
		b.Run("gate/"+s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(s.n))
			for b.Loop() {
				out, err := w.c.GetObject(w.ctx, &s3api.GetObjectInput{Bucket: name, Key: s.name})
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, out.Body)
				out.Body.(io.Closer).Close()
			}
		})
		b.Run("http/"+s.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(s.n))
			for b.Loop() {
				w.signed(b, "GET", "/"+name+"/"+s.name, nil)
			}
		})
	}
}

func BenchmarkListObjectsV2(b *testing.B) {
	w := newWorld(b)
	name := w.bucket("bench")
	for i := range 2000 {
		w.put(name, fmt.Sprintf("folder-%02d/key-%d", i%20, i), []byte("x"))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.c.ListObjectsV2(w.ctx, &s3api.ListObjectsV2Input{Bucket: name}); err != nil {
			b.Fatal(err)
		}
	}
}

func (w *world) signed(b *testing.B, method, path string, data []byte) {
	r, err := http.NewRequest(method, w.endpoint+path, bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	s := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, "us-east-1", "s3")
	if err := s.SignHTTP(r, time.Now(), "UNSIGNED-PAYLOAD"); err != nil {
		b.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
		b.Fatal(res.StatusCode, err)
	}
	res.Body.Close()
}
