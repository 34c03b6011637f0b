package front

import (
	"net"
	"net/http"
	"strings"

	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

// SignedCall is a request for one of this server's own paths whose signature holds.
type SignedCall struct {
	Path string
	Call *wire.Call
	Dev  bool // signed with a development key
	// Surfaces are the listener's.
	Surfaces Surface
}

// signedPaths are the paths that Config.Signed serves; all others are Control's.
var signedPaths = map[string]bool{"/_virga/reset": true, "/_virga/why": true}

// signed verifies who asks for one of the server's own paths and passes it on.
func (c *call) signed(path string) bool {
	if !signedPaths[path] {
		return false
	}
	f, r := c.f, c.r
	if foreign(r, f.cfg.Origins) {
		http.Error(c.w, "403 Forbidden: a page of another origin may not ask this", http.StatusForbidden)
		return true
	}
	c.route.protocol = wire.RESTJSON
	req := sigv4.FromHTTP(r)
	req.RawPath = path
	sig, err := sigv4.Parse(req)
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	c.call = &wire.Call{RequestID: c.id, Region: f.cfg.Region, Partition: "aws", BaseURL: c.baseURL(), Domain: f.cfg.Domain, SourceIP: ip, UserAgent: r.UserAgent(),
		Time: f.cfg.Env.Wall(), SecureTransport: c.secure, Service: "virga", Operation: "unknown"}
	if err == nil && sig.Form != sigv4.Header {
		err = &sigv4.Error{Kind: sigv4.MissingAuthenticationToken}
	}
	if err != nil {
		c.refuse(err)
		return true
	}
	cred, err := c.authenticate(sig)
	if err != nil {
		c.refuse(err)
		return true
	}
	c.call.Principal, c.call.Account = cred.Principal, cred.Principal.Account
	if sig.Region != "" {
		c.call.Region = sig.Region
	}
	body, err := c.read(r.Body)
	if err != nil {
		c.fail(err)
		return true
	}
	now := f.cfg.Env.Wall()
	if d := now.Sub(sig.Time); d > sigv4.MaxSkew || d < -sigv4.MaxSkew {
		c.refuse(&sigv4.Error{Kind: sigv4.RequestTimeTooSkewed, Message: "Signature expired: " + sig.Timestamp + " is not within 15 minutes of the server's time"})
		return true
	}
	service := sig.Service
	if strings.HasPrefix(service, "s3") { // S3's rules for paths and bodies are its own
		service = "virga"
	}
	if err := sigv4.Verify(sig, sigv4.Key{Secret: cred.Secret, Cache: f.keys}, now, sigv4.HashOf(body), sigv4.OptionsFor(service, "")); err != nil {
		c.refuse(err)
		return true
	}
	return f.cfg.Signed(c.w, r, SignedCall{Path: strings.TrimPrefix(path, "/_virga/"), Call: c.call, Dev: cred.Dev && c.listener.Principal == nil, Surfaces: c.listener.Surfaces})
}
