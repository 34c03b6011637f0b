// Package front is the listener side of the gate: one port that takes HTTP/1.1 and HTTP/2, picks service and operation
// once, bounds what a caller may send before anyone knows who it is, verifies who signed, decodes, calls the gate and
// encodes the answer.
//
// Trust belongs to the listener a call came in by, never to a peer's address or a header: each listener has surfaces.
// Hosts that are not this server's are refused (421), so a web page that reaches a loopback port by another name gets
// nothing, and a call with a development key that comes from a foreign origin is refused on every method.
//
// It decides nothing about rights: that is the gate's.
package front

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"virga/internal/auth"
	"virga/internal/auth/sigv4"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/record"
	"virga/internal/wire"
)

// Limits with names.
const (
	headerBytesMax = 64 << 10
	headerTime     = 10 * time.Second // to send the headers
	idleTime       = 120 * time.Second
	bodyTime       = 60 * time.Second // to send a body that is read into memory
	stallTime      = 30 * time.Second // between two pieces of a streamed body
	pingTime       = 60 * time.Second // of silence before an HTTP/2 client is asked whether it is there
	streamsMax     = 250              // requests of one HTTP/2 connection at a time
	connsPerAddr   = 4096
	bodyDefault    = 2 << 20
	pathBytesMax   = 16 << 10
)

// bodyMax is how many bytes a request may have that is read into memory, by service.
var bodyMax = map[string]int64{"sqs": 4 << 20, "lambda": 72 << 20, "dynamodb": 18 << 20, "apigateway": 12 << 20, "apigatewayv2": 12 << 20, "s3": 4 << 20, "logs": 3 << 20, "cloudformation": 4 << 20}

// A Surface is what a listener offers.
type Surface uint8

// The surfaces.
const (
	API Surface = 1 << iota
	Apps
	Console
	Dev
)

// Config joins a front.
type Config struct {
	Env    env.Env
	Gate   *gate.Gate
	Auth   *auth.Auth
	Record *record.Recorder
	Log    *slog.Logger
	Domain string // the server's domain, "localhost"
	Region string // where a request names none
	// Origins may call the API from a web page.
	Origins []string
	// DevNetworks admit development keys beside loopback.
	DevNetworks []*net.IPNet
	// Proxies are networks of proxies whose word on whom they forward is taken (X-Forwarded-For, X-Forwarded-Proto).
	Proxies []*net.IPNet
	// Authority is the certificate of this server's own authority (PEM), which anybody may fetch; nil for none.
	Authority []byte
	// App serves hosts and paths of applications (APIs, function URLs); it tells whether the request was one.
	App func(w http.ResponseWriter, r *http.Request) bool
	// Console serves the console's host.
	Console http.Handler
	// BucketCORS gives the headers that let a web page's request to a bucket through, or the refusal of a preflight.
	BucketCORS func(ctx context.Context, bucket, origin, method, headers string, preflight, object bool) (http.Header, error)
	// Health is what the health paths answer.
	Health func() any
	// Signed serves those /_virga/ paths whose caller has signed the request, for any service's scope; it tells whether
	// the path is one. What the caller may is its own business.
	Signed func(w http.ResponseWriter, r *http.Request, s SignedCall) bool
	// Control serves /_virga/ paths of development.
	Control func(w http.ResponseWriter, r *http.Request) bool
}

// Front takes requests.
type Front struct {
	cfg   Config
	table *table
	keys  *sigv4.KeyCache
}

// New makes a front over the gate's models.
func New(cfg Config) *Front {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Domain == "" {
		cfg.Domain = "localhost"
	}
	return &Front{cfg: cfg, table: newTable(cfg.Gate.Models()), keys: sigv4.NewKeyCache(4096)}
}

// Console gives the handler of the console's host, nil for none.
func (f *Front) Console() http.Handler { return f.cfg.Console }

// call is one request on its way.
type call struct {
	f        *Front
	w        http.ResponseWriter
	r        *http.Request
	id       string
	listener *Listener
	secure   bool // nobody on a network could read it
	route    route
	call     *wire.Call
}

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l, _ := r.Context().Value(listenerKey{}).(*Listener)
	if l == nil {
		l = &Listener{Surfaces: API | Apps}
	}
	r.TLS = tlsOf(r)
	secure := f.resolve(r, l)
	c := &call{f: f, w: w, r: r, id: env.NewID(f.cfg.Env), listener: l, secure: secure}
	if r.ProtoMajor == 2 {
		if h := r.Header["Host"]; len(h) > 1 || len(h) == 1 && h[0] != r.Host {
			http.Error(w, "400 Bad Request: :authority and host differ", http.StatusBadRequest)
			return
		}
		delete(r.Header, "Host")
	}
	host := hostOf(r.Host)
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !f.known(host, l, local) {
		http.Error(w, "421 Misdirected Request: this server does not answer for "+strconv.Quote(host)+"; start it with --domain or use localhost", http.StatusMisdirectedRequest)
		return
	}
	path := r.URL.EscapedPath()
	if raw := r.RequestURI; strings.HasPrefix(raw, "/") {
		path, _, _ = strings.Cut(raw, "?") // as sent: no byte of a key is cleaned
	}
	switch {
	case len(path) > pathBytesMax:
		http.Error(w, "414 URI Too Long", http.StatusRequestURITooLong)
		return
	case f.isConsole(host):
		if l.Surfaces&Console == 0 || f.cfg.Console == nil {
			http.NotFound(w, r)
			return
		}
		f.cfg.Console.ServeHTTP(w, r)
		return
	case path == "/_virga/ca.pem" && f.cfg.Authority != nil:
		w.Header().Set("Content-Type", "application/x-pem-file")
		w.Write(f.cfg.Authority)
		return
	case path == "/_virga/health" || path == "/_localstack/health" || path == "/health":
		c.health()
		return
	case strings.HasPrefix(path, "/_virga/") && f.cfg.Signed != nil && l.Surfaces&API != 0 && c.signed(path):
		return
	case strings.HasPrefix(path, "/_virga/"):
		if l.Surfaces&Dev == 0 || f.cfg.Control == nil || foreign(r, f.cfg.Origins) || !f.cfg.Control(w, r) {
			http.NotFound(w, r)
		}
		return
	}
	if l.Surfaces&Apps != 0 && f.cfg.App != nil && f.cfg.App(withHijack(w, r), r) {
		return
	}
	if l.Surfaces&API == 0 {
		http.NotFound(w, r)
		return
	}
	c.api(host, path)
}

func (c *call) health() {
	var v any = map[string]string{"status": "ok"}
	if c.f.cfg.Health != nil {
		v = c.f.cfg.Health()
	}
	writeJSON(c.w, http.StatusOK, v)
}

// api handles a call of AWS's API.
func (c *call) api(host, path string) {
	f, r := c.f, c.r
	req := sigv4.FromHTTP(r)
	req.RawPath = path
	sig, err := sigv4.Parse(req)
	scope := ""
	if sig != nil {
		scope = sig.Service
	} else {
		scope = sigv4.ClaimedService(req) // for the words of the refusal
	}
	in := &wire.Request{Method: r.Method, Path: path, RawQuery: r.URL.RawQuery, Header: r.Header, ContentLength: r.ContentLength, Host: r.Host}
	rt, rerr := f.table.find(in, host, scope)
	c.route = rt
	region := f.cfg.Region
	if sig != nil && sig.Region != "" {
		region = sig.Region
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	c.call = &wire.Call{RequestID: c.id, Region: region, Partition: "aws", BaseURL: c.baseURL(), Domain: f.cfg.Domain, SourceIP: ip, UserAgent: r.UserAgent(),
		Time: f.cfg.Env.Wall(), SecureTransport: c.secure, Service: "unknown", Operation: "unknown"}
	c.call.AnyRegion = sig == nil || sig.Region == ""
	if rt.model != nil {
		c.call.Service = rt.model.Package
	}
	if rt.op != nil {
		c.call.Operation = rt.op.Name
	}
	if err != nil {
		c.refuse(err)
		return
	}
	if r.Method == http.MethodOptions && (sig.Form == sigv4.Anonymous || rt.s3()) { // a browser asks without regard to a presigned query
		c.preflight()
		return
	}
	cred, err := c.authenticate(sig)
	if err != nil {
		c.refuse(err)
		return
	}
	c.call.Principal = cred.Principal
	c.call.Account = cred.Principal.Account
	o := sigv4.OptionsFor(signingName(rt, sig), "")
	if rt.bucket != "" {
		o.Bucket = rt.bucket
	}
	o.Region = c.wantedRegion(host, sig.Region)
	key := sigv4.Key{Secret: cred.Secret, Cache: f.keys}
	stream := rt.op != nil && rt.op.Has(wire.StreamingInput) && f.cfg.Gate.Handler(rt.op) != nil
	ctx := r.Context()
	in.Path = rt.path
	if sig.Form == sigv4.Anonymous {
		if stream {
			in.BodyStream = &stalling{r: r.Body, rc: http.NewResponseController(c.w)}
		} else if in.Body, err = c.read(r.Body); err != nil {
			c.fail(err)
			return
		}
	} else {
		if err := sigv4.Precheck(sig, f.cfg.Env.Wall(), o); err != nil {
			c.refuse(err)
			return
		}
		var raw io.Reader = r.Body
		hash := ""
		if sig.NeedsBodyHash(o) {
			b, err := c.read(r.Body)
			if err != nil {
				c.fail(err)
				return
			}
			hash = sigv4.HashOf(b)
			raw = strings.NewReader(string(b))
			in.Body = b
		}
		if err := sigv4.Verify(sig, key, f.cfg.Env.Wall(), hash, o); err != nil {
			c.refuse(err)
			return
		}
		if in.Body == nil {
			if stream {
				raw = &stalling{r: r.Body, rc: http.NewResponseController(c.w)}
			}
			body, err := sigv4.NewBody(raw, sig, key, sigv4.BodyOptions{MaxBytes: c.bodyMax(stream)})
			if err != nil {
				c.refuse(err)
				return
			}
			if stream {
				in.BodyStream = &trailing{body, r}
				if n := body.DecodedLength(); n >= 0 {
					in.ContentLength = n
				}
			} else if in.Body, err = c.read(body); err != nil {
				var se *sigv4.Error
				if errors.As(err, &se) {
					c.refuse(se)
				} else {
					c.fail(err)
				}
				return
			} else if n := len(body.Trailer()); n > 0 {
				for k, v := range body.Trailer() {
					r.Header[k] = v
				}
			}
		}
	}
	if rt.late {
		c.route.op, c.route.protocol, rerr = rt.table.Find(rt.protocol, in)
		if c.route.op != nil {
			c.call.Operation = c.route.op.Name
		}
	}
	if rerr != nil { // known caller, unknown operation
		c.fail(rerr)
		return
	}
	c.serve(ctx, in)
}

// signingName is the service that the scope must name.
func signingName(rt route, sig *sigv4.Signature) string {
	if rt.model != nil {
		return rt.model.SigningName
	}
	return sig.Service
}

// authenticate resolves the key id and applies the rules for development keys.
func (c *call) authenticate(sig *sigv4.Signature) (*auth.Credential, error) {
	s3 := c.route.s3()
	if sig.Form == sigv4.Anonymous {
		if !s3 {
			return nil, &sigv4.Error{Kind: sigv4.MissingAuthenticationToken}
		}
		return &auth.Credential{Principal: wire.Principal{Type: "Anonymous", ARN: "*", ID: "anonymous"}}, nil
	}
	cred, err := c.f.cfg.Auth.Lookup(c.r.Context(), sig.KeyID, sig.Token)
	switch {
	case errors.Is(err, auth.ErrUnknownKey), errors.Is(err, auth.ErrInactiveKey):
		return nil, &sigv4.Error{Kind: sigv4.InvalidClientTokenID}
	case errors.Is(err, auth.ErrBadToken):
		return nil, &sigv4.Error{Kind: sigv4.InvalidToken}
	case errors.Is(err, auth.ErrExpiredToken):
		return nil, &sigv4.Error{Kind: sigv4.ExpiredToken}
	case err != nil:
		return nil, err
	}
	if cred.Dev {
		if foreign(c.r, c.f.cfg.Origins) {
			return nil, wire.Errorf("AccessDenied", 403, "A web page of another origin may not use a development key.")
		}
		if sig.Form == sigv4.QueryV4 && !(s3 && c.route.key) {
			return nil, wire.Errorf("AccessDenied", 403, "A query signature with a development key is for S3 objects only.")
		}
		if p := c.listener.Principal; p != nil {
			cred.Principal = *p // inside a sandbox the well-known key is the function's role
		} else if !c.devAllowed() {
			return nil, &sigv4.Error{Kind: sigv4.InvalidClientTokenID}
		}
	}
	return cred, nil
}

func (c *call) bodyMax(stream bool) int64 {
	if stream {
		return 6 << 30 // one part of an upload, and what a protocol adds
	}
	if c.route.model != nil {
		if n := bodyMax[c.route.model.Package]; n > 0 {
			return n
		}
	}
	return bodyDefault
}

func (c *call) read(r io.Reader) ([]byte, error) {
	max := c.bodyMax(false)
	if c.r.ContentLength > max+(max>>2)+4096 {
		return nil, wire.Errorf("RequestEntityTooLargeException", 413, "Request must be smaller than %d bytes", max)
	}
	rc := http.NewResponseController(c.w)
	rc.SetReadDeadline(time.Now().Add(bodyTime))
	defer rc.SetReadDeadline(time.Time{})
	var b []byte
	if n := c.r.ContentLength; n > 0 {
		b = make([]byte, 0, min(n+1, max+1))
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if int64(len(b)) > max {
			return nil, wire.Errorf("RequestEntityTooLargeException", 413, "Request must be smaller than %d bytes", max)
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			var se *sigv4.Error
			if errors.As(err, &se) {
				return nil, err
			}
			return nil, wire.Errorf("RequestTimeout", 400, "The request's body did not arrive.")
		}
	}
}

// serve decodes, passes the gate and answers.
func (c *call) serve(ctx context.Context, in *wire.Request) {
	f, rt := c.f, c.route
	h := f.cfg.Gate.Handler(rt.op)
	var input any
	if h != nil {
		var err error
		if rt.s3() && in.BodyStream == nil {
			if err = checkBody(rt.op, in); err != nil {
				c.fail(err)
				return
			}
		}
		if input, err = wire.Decode(h, rt.protocol, in); err != nil {
			c.fail(err)
			return
		}
	}
	size := int64(len(in.Body))
	out, err := f.cfg.Gate.Serve(gate.WithSize(ctx, size), c.call, rt.op, input)
	if err != nil {
		c.answerError(err)
		return
	}
	c.write(wire.Encode(rt.op, rt.protocol, out, c.id))
}

// refuse answers a caller whom nobody knows, and counts it.
func (c *call) refuse(err error) {
	var se *sigv4.Error
	if errors.As(err, &se) {
		code := se.For(c.family())
		e := wire.Errorf(code.Code, code.Status, "%s", code.Message)
		if se.Kind == sigv4.SignatureDoesNotMatch && c.family() == sigv4.S3 {
			e.With("AWSAccessKeyId", se.KeyID).With("StringToSign", se.StringToSign).With("SignatureProvided", se.SignatureProvided).With("CanonicalRequest", se.CanonicalRequest)
		}
		if se.Region != "" {
			e.With("Region", se.Region)
		}
		err = e
	}
	c.f.cfg.Record.Refused(c.call, wire.Info(c.schema(), c.protocol(), err).Code)
	c.answerError(err)
}

// fail answers an authenticated caller whose request is wrong before it reaches the gate.
func (c *call) fail(err error) {
	code := wire.Info(c.schema(), c.protocol(), err).Code
	if rerr := c.f.cfg.Record.Done(context.WithoutCancel(c.r.Context()), c.call, true, false, code, 0, 0); rerr != nil {
		c.f.cfg.Log.Error("record", "err", rerr)
	}
	c.answerError(err)
}

func (c *call) protocol() wire.Protocol {
	if c.route.protocol != wire.Unknown {
		return c.route.protocol
	}
	return wire.RESTXML
}

func (c *call) schema() *wire.Schema {
	if c.route.model == nil {
		return nil
	}
	return c.route.model.Schema
}

func (c *call) family() sigv4.Family {
	switch c.protocol() {
	case wire.JSON10, wire.JSON11, wire.CBOR:
		return sigv4.JSON
	case wire.RESTJSON:
		return sigv4.RESTJSON
	case wire.RESTXML:
		if c.route.model == nil || c.route.s3() {
			return sigv4.S3
		}
	}
	return sigv4.Query
}

func (c *call) answerError(err error) {
	r := wire.EncodeError(c.route.model, c.route.op, c.protocol(), err, c.id)
	if !wire.Known(err) {
		c.f.cfg.Log.Error("request failed", "request", c.id, "service", c.call.Service, "operation", c.call.Operation, "err", err)
	}
	if c.r.Method == http.MethodHead {
		r.Body = nil
	}
	c.write(r)
}

func (c *call) write(r *wire.Response) {
	h := c.w.Header()
	for k, v := range r.Header {
		h[k] = v
	}
	if c.route.s3() {
		h["X-Amz-Request-Id"] = []string{c.id}
		h["X-Amz-Id-2"] = []string{c.id}
		c.crossOrigin(h)
	} else {
		h["X-Amzn-Requestid"] = []string{c.id}
	}
	rc := http.NewResponseController(c.w)
	switch {
	case r.Stream != nil:
		if cl, ok := r.Stream.(io.Closer); ok {
			defer cl.Close()
		}
		c.w.WriteHeader(r.Status)
		if c.r.Method == http.MethodHead {
			return
		}
		if c.route.op != nil && c.route.op.Has(wire.EventStreamOutput) {
			c.flushing(rc, r.Stream)
			return
		}
		if _, err := io.Copy(c.w, r.Stream); err != nil {
			c.f.cfg.Log.Debug("answer cut", "request", c.id, "err", err)
			panic(http.ErrAbortHandler) // the client must not take half an object for a whole one
		}
	default:
		if r.Status != http.StatusNoContent && r.Status != http.StatusNotModified && !(c.r.Method == http.MethodHead && h.Get("Content-Length") != "") {
			h.Set("Content-Length", strconv.Itoa(len(r.Body)))
		}
		c.w.WriteHeader(r.Status)
		if c.r.Method != http.MethodHead {
			c.w.Write(r.Body)
		}
	}
}

// flushing sends each piece of a stream as it comes.
func (c *call) flushing(rc *http.ResponseController, r io.Reader) {
	buf := make([]byte, 32<<10)
	rc.Flush()
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := c.w.Write(buf[:n]); werr != nil {
				return
			}
			rc.Flush()
		}
		if err != nil {
			return
		}
	}
}
