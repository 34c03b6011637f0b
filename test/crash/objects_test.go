package crash

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"virga/internal/auth/sigv4"
)

// objects are the S3 part of the ledger: each key belongs to one client, so that its newest body is known.
type objects struct {
	mu    sync.Mutex
	acked map[string]string // key → seed of the body whose put was acknowledged last
	tried map[string]string // key → seed of the body whose put was begun last
	puts  int
}

// objectBody makes a body of a seed: every third is a file of its own, the others ride in the store.
func objectBody(seed string) []byte {
	n := 200
	if len(seed)%3 == 0 {
		n = 40 << 10
	}
	return bytes.Repeat([]byte(seed+"\n"), n/(len(seed)+1)+1)
}

func (s *server) http(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	signer := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, "us-east-1", "s3")
	if err := signer.SignHTTP(r, time.Now(), sigv4.HashOf(body)); err != nil {
		return 0, nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// put writes one object; it tells whether the server still answers.
func (o *objects) put(ctx context.Context, s *server, key, seed string) bool {
	o.mu.Lock()
	o.tried[key] = seed
	o.mu.Unlock()
	status, _, err := s.http(ctx, "PUT", "/crash/"+key, objectBody(seed))
	if err != nil || status != http.StatusOK {
		return false
	}
	o.mu.Lock()
	o.acked[key] = seed
	o.puts++
	o.mu.Unlock()
	return true
}

// check reads every object back: each is the one acknowledged last, or the one begun after it, and whole.
func (o *objects) check(t *testing.T, s *server) (lost int) {
	ctx := context.Background()
	for key, seed := range o.acked {
		status, b, err := s.http(ctx, "GET", "/crash/"+key, nil)
		if err != nil || status != http.StatusOK || !bytes.Equal(b, objectBody(seed)) && !bytes.Equal(b, objectBody(o.tried[key])) {
			if lost++; lost <= 5 {
				t.Errorf("object %s: %d, %d bytes, %v; %s was acknowledged, %s was tried", key, status, len(b), err, seed, o.tried[key])
			}
		}
	}
	status, b, err := s.http(ctx, "GET", "/crash?list-type=2", nil)
	if err != nil || status != http.StatusOK || strings.Count(string(b), "<Key>") < len(o.acked) {
		lost++
		t.Errorf("the listing has %d of %d keys: %v", strings.Count(string(b), "<Key>"), len(o.acked), err)
	}
	return lost
}

func (o *objects) key(client, i int) string { return fmt.Sprintf("%d/%d", client, i%24) }
