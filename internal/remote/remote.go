// Package remote calls an AWS endpoint over HTTP with generated clients: this server's own for the command and the
// tests. It speaks the json protocols.
//
// It is not the SDK: no retries, no paginators, no credential chain.
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
	version := "1.0"
	switch {
	case op.Schema.Speaks(wire.JSON10):
	case op.Schema.Speaks(wire.JSON11):
		version = "1.1"
	default:
		return fmt.Errorf("remote: %s does not speak a JSON protocol", op.Schema.Package)
	}
	body, err := wire.InputJSON(op, in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, v.Endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-"+version)
	r.Header.Set("X-Amz-Target", op.Schema.TargetPrefix+"."+op.Name)
	if err := sigv4.SignerFor(v.Credentials, v.Region, op.Schema.SigningName).SignHTTP(r, v.Now(), sigv4.HashOf(body)); err != nil {
		return err
	}
	c := v.HTTP
	if c == nil {
		c = http.DefaultClient
	}
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return wire.ErrorJSON(resp.StatusCode, b)
	}
	return wire.OutputJSON(op, b, out)
}
