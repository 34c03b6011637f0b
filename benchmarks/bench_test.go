// Package benchmarks times the hot ways through the whole cloud: signed requests over TCP on one machine, state on disk,
// audit and metering on. The client's part (signing, HTTP) is measured too and named in README.md; parts of the way have
// benchmarks beside them.
package benchmarks

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"virga/internal/auth/sigv4"
	"virga/virgatest"
)

// clients at once in the parallel benchmarks, as in the goals.
const clients = 32

type bench struct {
	*virgatest.Cloud
	http *http.Client
	keys *sigv4.KeyCache
}

func start(tb testing.TB) *bench {
	return &bench{Cloud: virgatest.New(tb, virgatest.Data(tb.TempDir()), virgatest.Log(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))), keys: sigv4.NewKeyCache(64),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
}

// do sends a signed request and gives the answer's body.
func (c *bench) do(tb testing.TB, service, method, path, target string, body []byte, headers ...string) []byte {
	r, err := http.NewRequest(method, c.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		tb.Error(err)
		return nil
	}
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		if service == "logs" {
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		}
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	s := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey}, c.Region, service)
	s.Cache = c.keys
	hash := sigv4.HashOf(body)
	if len(headers) > 0 && headers[0] == "Unsigned" {
		hash = "UNSIGNED-PAYLOAD"
	}
	if err := s.SignHTTP(r, time.Now(), hash); err != nil {
		tb.Error(err)
		return nil
	}
	res, err := c.http.Do(r)
	if err != nil {
		tb.Error(err)
		return nil
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		tb.Errorf("%s %s %s: %d %v %s", method, path, target, res.StatusCode, err, out)
	}
	return out
}

// measured runs fn by n clients at once and reports calls and CPU per call, client and server together.
func measured(b *testing.B, n int, fn func(i int)) {
	b.ReportAllocs()
	before, began := cpu(), time.Now()
	b.ResetTimer()
	var wg sync.WaitGroup
	for k := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := k; i < b.N; i += n {
				fn(i)
			}
		}()
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(cpu()-before)/float64(b.N)/1e3, "cpu-µs/op")
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "op/s")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (c *bench) queue(tb testing.TB) string {
	c.do(tb, "sqs", "POST", "/", "AmazonSQS.CreateQueue", []byte(`{"QueueName":"q"}`))
	return c.Endpoint + "/" + c.Account + "/q"
}

func BenchmarkSQSSend(b *testing.B) {
	c := start(b)
	u := c.queue(b)
	body := []byte(fmt.Sprintf(`{"QueueUrl":%q,"MessageBody":%q}`, u, strings.Repeat("x", 1024)))
	measured(b, clients, func(int) { c.do(b, "sqs", "POST", "/", "AmazonSQS.SendMessage", body) })
}

func BenchmarkSQSSendReceiveDelete(b *testing.B) {
	c := start(b)
	u := c.queue(b)
	send := []byte(fmt.Sprintf(`{"QueueUrl":%q,"MessageBody":%q}`, u, strings.Repeat("x", 1024)))
	receive := []byte(fmt.Sprintf(`{"QueueUrl":%q,"WaitTimeSeconds":1}`, u))
	measured(b, clients, func(int) {
		c.do(b, "sqs", "POST", "/", "AmazonSQS.SendMessage", send)
		var got struct {
			Messages []struct{ ReceiptHandle string }
		}
		if err := json.Unmarshal(c.do(b, "sqs", "POST", "/", "AmazonSQS.ReceiveMessage", receive), &got); err != nil || len(got.Messages) != 1 {
			b.Errorf("%v %v", got, err)
			return
		}
		c.do(b, "sqs", "POST", "/", "AmazonSQS.DeleteMessage", []byte(fmt.Sprintf(`{"QueueUrl":%q,"ReceiptHandle":%q}`, u, got.Messages[0].ReceiptHandle)))
	})
}

func benchS3(b *testing.B, size, n int, get bool, headers ...string) {
	c := start(b)
	c.do(b, "s3", "PUT", "/bench", "", nil)
	body := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(body)
	for i := range len(headers) {
		if headers[i] == "md5" {
			s := md5.Sum(body)
			headers[i] = base64.StdEncoding.EncodeToString(s[:])
		}
	}
	if get {
		c.do(b, "s3", "PUT", "/bench/k", "", body)
	}
	b.SetBytes(int64(size))
	measured(b, n, func(i int) {
		if get {
			c.do(b, "s3", "GET", "/bench/k", "", nil)
			return
		}
		c.do(b, "s3", "PUT", fmt.Sprint("/bench/k", i%1000), "", body, headers...)
	})
}

func BenchmarkS3Put1KB(b *testing.B) { benchS3(b, 1<<10, clients, false) }
func BenchmarkS3Get1KB(b *testing.B) { benchS3(b, 1<<10, clients, true) }
func BenchmarkS3Put1MB(b *testing.B) { benchS3(b, 1<<20, 4, false) }
func BenchmarkS3Get1MB(b *testing.B) { benchS3(b, 1<<20, 4, true) }

// What SDKs of today send: a CRC32 checksum (here by its header) beside the signed hash.
func BenchmarkS3Put1MBUnsignedPayload(b *testing.B) {
	benchS3(b, 1<<20, 4, false, "Unsigned", "1")
}

func BenchmarkPutLogEvents(b *testing.B) {
	c := start(b)
	c.do(b, "logs", "POST", "/", "Logs_20140328.CreateLogGroup", []byte(`{"logGroupName":"g"}`))
	c.do(b, "logs", "POST", "/", "Logs_20140328.CreateLogStream", []byte(`{"logGroupName":"g","logStreamName":"s"}`))
	measured(b, 4, func(int) {
		var events []string
		now := time.Now().UnixMilli()
		for range 100 {
			events = append(events, fmt.Sprintf(`{"timestamp":%d,"message":"2026-01-01T00:00:00Z INFO a line of a log with some hundred bytes of text, as functions write it"}`, now))
		}
		c.do(b, "logs", "POST", "/", "Logs_20140328.PutLogEvents", []byte(`{"logGroupName":"g","logStreamName":"s","logEvents":[`+strings.Join(events, ",")+`]}`))
	})
}

// A call that does next to nothing: the price of HTTP, signature, policy, gate and metering.
func BenchmarkGetCallerIdentity(b *testing.B) {
	c := start(b)
	measured(b, clients, func(int) {
		c.do(b, "sts", "POST", "/", "", []byte("Action=GetCallerIdentity&Version=2011-06-15"), "Content-Type", "application/x-www-form-urlencoded")
	})
}
