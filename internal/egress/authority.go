package egress

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"
)

// Authority is a server's own certificate authority: it vouches, to the sandboxes of this server alone, for the
// names that lead to the endpoint.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	name func(string) bool
	leaf *ecdsa.PrivateKey // one key for all names; it never leaves the process

	mu    sync.Mutex
	certs map[string]*tls.Certificate
}

// Bounds of certificates.
const (
	authorityYears = 10
	leafTime       = 30 * 24 * time.Hour
	certsMax       = 1024
	serialBits     = 128
)

// NewAuthority makes an authority for the names that name accepts.
func NewAuthority(now time.Time, name func(string) bool) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Virga endpoint authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(authorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return newAuthority(der, key, name)
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
}

func newAuthority(der []byte, key *ecdsa.PrivateKey, name func(string) bool) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	leaf, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Authority{cert: cert, key: key, name: name, leaf: leaf, certs: map[string]*tls.Certificate{}}, nil
}

// LoadAuthority reads what Secret gave.
func LoadAuthority(secret []byte, name func(string) bool) (*Authority, error) {
	var der []byte
	var key *ecdsa.PrivateKey
	for len(secret) > 0 {
		var b *pem.Block
		if b, secret = pem.Decode(secret); b == nil {
			break
		}
		switch b.Type {
		case "CERTIFICATE":
			der = b.Bytes
		case "EC PRIVATE KEY":
			k, err := x509.ParseECPrivateKey(b.Bytes)
			if err != nil {
				return nil, fmt.Errorf("authority: %w", err)
			}
			key = k
		}
	}
	if der == nil || key == nil {
		return nil, errors.New("authority: no certificate or no key")
	}
	return newAuthority(der, key, name)
}

// Secret is the authority as PEM, its key included: for the sealed store only.
func (a *Authority) Secret() ([]byte, error) {
	k, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return nil, err
	}
	return append(a.PEM(), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: k})...), nil
}

// PEM is the certificate that sandboxes trust.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Bundle is a system's bundle of certificates with the authority's added, for a sandbox's /etc/ssl/certs and the
// variables that libraries read.
func (a *Authority) Bundle(system []byte) []byte {
	b := bytes.TrimRight(system, "\n")
	if len(b) > 0 {
		b = append(bytes.Clone(b), '\n')
	}
	return append(b, a.PEM()...)
}

// TLS is the configuration under which the endpoint answers inside sandboxes.
func (a *Authority) TLS(now func() time.Time) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return a.certificate(h.ServerName, now())
	}}
}

// ServerTLS is the configuration of a listener that is not a sandbox's: a client that names no server, because it
// called an address, gets a certificate for the address it reached.
func (a *Authority) ServerTLS(now func() time.Time) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := h.ServerName
		if name == "" && h.Conn != nil {
			name, _, _ = net.SplitHostPort(h.Conn.LocalAddr().String())
			name, _, _ = strings.Cut(name, "%")
		}
		return a.certificate(name, now())
	}}
}

func (a *Authority) certificate(server string, now time.Time) (*tls.Certificate, error) {
	server = normal(server)
	if server == "" || len(server) > 253 || !a.name(server) || strings.ContainsAny(server, "*/ ") {
		return nil, fmt.Errorf("no certificate for %q", server)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.certs[server]; c != nil && now.Before(c.Leaf.NotAfter.Add(-leafTime/2)) {
		return c, nil
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Virga endpoint"}, DNSNames: []string{server}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(leafTime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(server); ip != nil {
		t.DNSNames, t.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, a.leaf.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: a.leaf, Leaf: leaf}
	if len(a.certs) >= certsMax {
		clear(a.certs)
	}
	a.certs[server] = c
	return c, nil
}
