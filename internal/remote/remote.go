// Package remote calls an AWS endpoint over HTTP with generated clients: this server's own for the command and the
// tests. It speaks JSON, rest-json, rest-xml and the query protocol; bodies are held in memory.
//
// It is not the SDK: no retries, no paginators, no credential chain, no streams.
package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

const answerMax = 64 << 20

// Invoker calls an endpoint.
type Invoker struct {
	Endpoint    string
	Region      string
	Credentials sigv4.Credentials
	HTTP        *http.Client
	Now         func() time.Time
}

var _ wire.Remote = (*Invoker)(nil)

// Invoke implements wire.Invoker; answers are read by InvokeInto.
func (v *Invoker) Invoke(ctx context.Context, op *wire.Op, in any) (any, error) {
	return nil, fmt.Errorf("remote: %s is called without a place for its answer", op.Name)
}

// InvokeInto implements wire.Remote.
func (v *Invoker) InvokeInto(ctx context.Context, op *wire.Op, in, out any) error {
	p := wire.ClientProtocol(op.Schema)
	q, err := wire.EncodeRequest(op, p, in)
	if err != nil {
		return err
	}
	target := q.Path
	if q.RawQuery != "" {
		target += "?" + q.RawQuery
	}
	resp, body, err := v.Do(ctx, op.Schema.SigningName, q.Method, target, q.Header, q.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return wire.DecodeErrorAnswer(p, resp.StatusCode, resp.Header, body)
	}
	return wire.DecodeAnswer(op, p, &wire.Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, out)
}

// Do sends one signed request of a service and reads its answer whole. target is the escaped path with its query.
func (v *Invoker) Do(ctx context.Context, service, method, target string, header http.Header, body []byte) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, v.Endpoint+target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for k, vals := range header {
		r.Header[k] = vals
	}
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", sigv4.HashOf(body))
	}
	if err := sigv4.SignerFor(v.Credentials, v.Region, service).SignHTTP(r, v.Now(), sigv4.HashOf(body)); err != nil {
		return nil, nil, err
	}
	c := v.HTTP
	if c == nil {
		c = http.DefaultClient
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	return resp, b, err
}
