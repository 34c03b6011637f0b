package apigw

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func (w *world) serve(id, path string) int {
	req := httptest.NewRequest("GET", path, nil)
	req.RequestURI = path
	req.Host = id + ".execute-api.localhost"
	req.Header = http.Header{"User-Agent": {"bench"}, "Accept": {"*/*"}}
	rec := httptest.NewRecorder()
	w.plane.Serve(rec, req)
	return rec.Code
}

// The price of the data path without HTTP: host and path, admission, event, gate, answer.
func BenchmarkPlaneHTTPAPI(b *testing.B) {
	w := newWorld(b)
	w.lambda.quick = []byte(`{"statusCode":200,"body":"ok"}`)
	id, _ := w.httpAPI(b, "2.0", "GET /pets/{id}")
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if c := w.serve(id, "/pets/7"); c != 200 {
				b.Errorf("%d", c)
			}
		}
	})
}

func BenchmarkPlaneREST(b *testing.B) {
	w := newWorld(b)
	w.lambda.quick = []byte(`{"statusCode":200,"body":"ok"}`)
	id := w.restAPI(b, samBody(""), nil)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if c := w.serve(id, "/Prod/hello/7"); c != 200 {
				b.Errorf("%d", c)
			}
		}
	})
}

// Over a TCP connection, with the client on the same two cores.
func BenchmarkHTTPAPI(b *testing.B) {
	w := newWorld(b)
	w.lambda.quick = []byte(`{"statusCode":200,"body":"ok"}`)
	id, _ := w.httpAPI(b, "2.0", "GET /pets/{id}")
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	defer tr.CloseIdleConnections()
	b.SetParallelism(16)
	began := time.Now()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			req, _ := http.NewRequestWithContext(context.Background(), "GET", "http://"+w.addr+"/pets/7", nil)
			req.Host = id + ".execute-api.localhost"
			res, err := tr.RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode != 200 {
				b.Errorf("%d", res.StatusCode)
			}
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "req/s")
}
