package front

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

// Identify tells who signed a request to an application whose clients sign as they do for AWS (an API with IAM
// authorization, scope "execute-api"). The rules of the front hold: keys, skew, origins, the listener's principal.
// body is the whole body as it was read.
func (f *Front) Identify(r *http.Request, service string, body []byte) (wire.Principal, error) {
	l, _ := r.Context().Value(listenerKey{}).(*Listener)
	if l == nil {
		l = &Listener{Surfaces: API | Apps}
	}
	req := sigv4.FromHTTP(r)
	if raw := r.RequestURI; strings.HasPrefix(raw, "/") {
		req.RawPath, _, _ = strings.Cut(raw, "?")
	}
	sig, err := sigv4.Parse(req)
	if err != nil {
		return wire.Principal{}, err
	}
	c := &call{f: f, r: r, listener: l}
	cred, err := c.authenticate(sig)
	if err != nil {
		return wire.Principal{}, err
	}
	if d := f.cfg.Env.Wall().Sub(sig.Time); sig.Form == sigv4.Header && (d > sigv4.MaxSkew || d < -sigv4.MaxSkew) {
		return wire.Principal{}, &sigv4.Error{Kind: sigv4.RequestTimeTooSkewed}
	}
	o := sigv4.OptionsFor(service, "")
	key := sigv4.Key{Secret: cred.Secret, Cache: f.keys}
	hash := ""
	if sig.NeedsBodyHash(o) {
		hash = sigv4.HashOf(body)
	}
	if err := sigv4.Verify(sig, key, f.cfg.Env.Wall(), hash, o); err != nil {
		return wire.Principal{}, err
	}
	if hash == "" { // the body's hash stands in a signed header: hold the body against it
		b, err := sigv4.NewBody(bytes.NewReader(body), sig, key, sigv4.BodyOptions{MaxBytes: int64(len(body)) + 1})
		if err != nil {
			return wire.Principal{}, err
		}
		n, err := io.Copy(io.Discard, b)
		if err != nil {
			return wire.Principal{}, err
		}
		if n != int64(len(body)) {
			return wire.Principal{}, errors.New("front: a chunked signature on a request to an application")
		}
	}
	return cred.Principal, nil
}
