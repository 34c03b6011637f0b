// Package virgatest gives a Go test a whole cloud in memory, as httptest gives it a server: no process, no port that
// clashes, nothing left behind.
package virgatest

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"virga/internal/cloud"
)

// Cloud is a cloud of one test.
type Cloud struct {
	// Endpoint is its address, "http://127.0.0.1:12345". Keys test/test work, in account 000000000000.
	Endpoint string
	Account  string
	Region   string
	// AccessKeyID and SecretAccessKey are the account's own root key, verified like any other.
	AccessKeyID, SecretAccessKey string
}

// Option changes the cloud of New.
type Option func(*cloud.Config)

// Data keeps the cloud's state in a folder, so that another cloud of the same test can open it again.
func Data(dir string) Option {
	return func(c *cloud.Config) { c.Data, c.Ephemeral = dir, false }
}

// Log sends the server's log somewhere.
func Log(l *slog.Logger) Option { return func(c *cloud.Config) { c.Log = l } }

// New starts a cloud that ends with the test.
func New(t testing.TB, opts ...Option) *Cloud {
	t.Helper()
	cfg := cloud.Config{Ephemeral: true, Dev: true}
	for _, o := range opts {
		o(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c, err := cloud.New(ctx, cfg)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		c.Close()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Cloud{Endpoint: "http://" + l.Addr().String(), Account: c.Account, Region: c.Region, AccessKeyID: c.RootKey.ID, SecretAccessKey: c.RootKey.Secret}
}
