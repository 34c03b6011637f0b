package cloud

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"virga/internal/egress"
)

// authorityFile holds this server's own certificate authority with its key.
const authorityFile = "tls-authority.pem"

// openTLS finds out how the server proves who it is: by the operator's certificate, or by one of its own authority, which
// is made at the first start and kept in the data folder.
func (c *Cloud) openTLS() error {
	if c.cfg.TLSCert != nil || c.cfg.TLSKey != nil {
		cert, err := tls.X509KeyPair(c.cfg.TLSCert, c.cfg.TLSKey)
		if err != nil {
			return fmt.Errorf("the certificate of --tls-cert and --tls-key: %w", err)
		}
		c.tls = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{cert}}
		return nil
	}
	a, err := c.authority()
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	c.CA = a.PEM()
	c.tls = a.ServerTLS(c.Env.Wall)
	return nil
}

// authority reads or makes the authority. It vouches for the names of the endpoint and for addresses: names of others get
// no certificate.
func (c *Cloud) authority() (*egress.Authority, error) {
	domain := c.domain()
	name := func(n string) bool {
		return net.ParseIP(n) != nil || endpointName(n, "localhost") || endpointName(n, "localhost.localstack.cloud") || endpointName(n, domain)
	}
	if c.cfg.Ephemeral {
		return egress.NewAuthority(c.Env.Wall(), name)
	}
	file := filepath.Join(c.cfg.Data, authorityFile)
	b, err := os.ReadFile(file)
	switch {
	case err == nil:
		return egress.LoadAuthority(b, name)
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	a, err := egress.NewAuthority(c.Env.Wall(), name)
	if err != nil {
		return nil, err
	}
	secret, err := a.Secret()
	if err != nil {
		return nil, err
	}
	return a, writeSecret(file, string(secret))
}

func endpointName(name, domain string) bool {
	n := len(name) - len(domain)
	return name == domain || n > 1 && name[n:] == domain && name[n-1] == '.'
}

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// Reachable is an address under which this machine reaches a listener: loopback where it listens everywhere.
func Reachable(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && t.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(t.Port))
	}
	return a.String()
}
