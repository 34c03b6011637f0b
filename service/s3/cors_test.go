package s3_test

import (
	"net/http"
	"strings"
	"testing"

	s3api "virga/api/s3"
	"virga/internal/wire"
)

// TestCORS: what a browser is told before and with a page's request.
func TestCORS(t *testing.T) {
	w := newWorld(t)
	name := w.bucket("pages")
	w.put(name, "k", []byte("test-cors"))
	ask := func(origin, method, headers string) (int, http.Header, string) {
		t.Helper()
		r, err := http.NewRequest("OPTIONS", w.endpoint+"/pages/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers} {
			if v != "" {
				r.Header.Set(k, v)
			}
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b := make([]byte, 2000)
		n, _ := res.Body.Read(b)
		return res.StatusCode, res.Header, string(b[:n])
	}
	if s, _, b := ask("https://a.example", "GET", ""); s != 403 || !strings.Contains(b, "CORS is not enabled for this bucket") {
		t.Errorf("%d %s", s, b)
	}
	_, err := w.c.PutBucketCors(w.ctx, &s3api.PutBucketCorsInput{Bucket: name, CORSConfiguration: &s3api.CORSConfiguration{CORSRules: []s3api.CORSRule{{AllowedMethods: []string{"MYMETHOD"}, AllowedOrigins: []string{"*"}}}}})
	w.wants("InvalidRequest", err)
	if _, err := w.c.PutBucketCors(w.ctx, &s3api.PutBucketCorsInput{Bucket: name, CORSConfiguration: &s3api.CORSConfiguration{CORSRules: []s3api.CORSRule{
		{AllowedMethods: []string{"GET", "PUT"}, AllowedOrigins: []string{"https://*.example"}, AllowedHeaders: []string{"x-AMZ-*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: wire.P(int32(3000))}}}}); err != nil {
		t.Fatal(err)
	}
	s, h, _ := ask("https://a.example", "GET", "x-amz-request-payer, x-amz-expected-bucket-owner")
	if s != 200 || h.Get("Access-Control-Allow-Origin") != "https://a.example" || h.Get("Access-Control-Allow-Methods") != "GET, PUT" || h.Get("Access-Control-Max-Age") != "3000" ||
		h.Get("Access-Control-Allow-Headers") != "x-amz-request-payer, x-amz-expected-bucket-owner" || h.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("%d %v", s, h)
	}
	for _, c := range [][3]string{{"https://a.other", "GET", ""}, {"https://a.example", "DELETE", ""}, {"https://a.example", "GET", "content-type"}} {
		if s, _, b := ask(c[0], c[1], c[2]); s != 403 || !strings.Contains(b, "<Code>AccessForbidden</Code>") {
			t.Errorf("%v: %d %s", c, s, b)
		}
	}
	if s, _, b := ask("", "GET", ""); s != 400 || !strings.Contains(b, "BadRequest") {
		t.Errorf("no origin: %d %s", s, b)
	}
	// The answer itself carries the headers too, a refusal as well.
	r, err := http.NewRequest("GET", w.endpoint+"/pages/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://a.example")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "https://a.example" || res.Header.Get("Access-Control-Expose-Headers") != "ETag" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	got, err := w.c.GetBucketCors(w.ctx, &s3api.GetBucketCorsInput{Bucket: name})
	if err != nil || len(got.CORSRules) != 1 || got.CORSRules[0].AllowedHeaders[0] != "x-AMZ-*" {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := w.c.DeleteBucketCors(w.ctx, &s3api.DeleteBucketCorsInput{Bucket: name}); err != nil {
		t.Fatal(err)
	}
	_, err = w.c.GetBucketCors(w.ctx, &s3api.GetBucketCorsInput{Bucket: name})
	w.wants("NoSuchCORSConfiguration", err)
}
