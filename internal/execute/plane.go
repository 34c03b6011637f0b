// Package execute is the way of a request to a user's API (execute-api): which API host and path name, bounds before
// anyone is known, admission and count, the compiled API under the epoch of its configuration, and an answer that is
// checked before it reaches the wire (Amazon API Gateway Developer Guide, Invoke REST APIs; Quotas).
//
// What an API does with a request is its service's: the plane knows no route, no integration and no event.
package execute

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/proxyevent"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits with names (Amazon API Gateway Developer Guide, Quotas).
const (
	BodyBytesMax   = 10 << 20
	headerBytesMax = 10240 // of all headers of a request
	bodyTime       = 30 * time.Second
	apisMax        = 10_000 // compiled APIs kept
	accountRate    = 10_000 // requests a second of one account
	accountBurst   = 5_000
)

// API is one compiled API: what its service made of its configuration under one epoch.
type API interface {
	// Account and Region own it.
	Account() string
	Region() string
	// Serve answers one request. It never gives nil.
	Serve(ctx context.Context, r *Request) *Response
}

// Finder is a service that has APIs.
type Finder interface {
	// FindAPI compiles the API of an id, nil where the service has none of it.
	FindAPI(ctx context.Context, id string) (API, error)
}

// Scope is the epoch of an API's configuration: who changes it bumps this scope in the same transaction.
func Scope(id string) string { return "execute-api/" + id }

// Request is a request to an API.
type Request struct {
	Target
	HTTP     *http.Request
	Method   string
	RawQuery string
	Body     []byte
	ID       string // request id
	SourceIP string
	Port     string
	Scheme   string
	Call     *wire.Call // as which it is counted; account and region are the API's
	Now      time.Time
}

// Response is an API's answer.
type Response struct {
	Status int
	Header http.Header // names are written as they are spelt
	Body   []byte
	// Code is under what a failure is counted, "" for an answer that the application itself made.
	Code string
}

// Config joins the plane.
type Config struct {
	Env    env.Env
	Store  store.Store
	Gate   *gate.Gate
	Domain string
	Region string
	Log    *slog.Logger
	// AccountRate and AccountBurst are what one account may ask of all its APIs of a region; 0: AWS's defaults.
	AccountRate  float64
	AccountBurst int
	// Finders are asked in turn for an id.
	Finders []Finder
}

// Plane is the way of requests to APIs.
type Plane struct {
	cfg Config

	mu      sync.Mutex // never held across a wait
	apis    map[string]*entry
	buckets map[string]*Bucket
}

type entry struct {
	epoch uint64
	api   API
}

// New makes the plane.
func New(cfg Config) *Plane {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.AccountRate <= 0 {
		cfg.AccountRate = accountRate
	}
	if cfg.AccountBurst <= 0 {
		cfg.AccountBurst = accountBurst
	}
	return &Plane{cfg: cfg, apis: map[string]*entry{}, buckets: map[string]*Bucket{}}
}

// Serve answers a request if it is one to an API; it tells whether it was.
func (p *Plane) Serve(w http.ResponseWriter, r *http.Request) bool {
	host, port := hostPort(r.Host)
	path := r.URL.EscapedPath()
	if raw := r.RequestURI; strings.HasPrefix(raw, "/") {
		path, _, _ = strings.Cut(raw, "?") // as sent
	}
	t, ok := Parse(host, path, p.cfg.Domain)
	if !ok {
		return false
	}
	req := &Request{Target: t, HTTP: r, Method: r.Method, RawQuery: r.URL.RawQuery, ID: env.NewID(p.cfg.Env), Port: port, Scheme: "http", Now: p.cfg.Env.Now()}
	if r.TLS != nil {
		req.Scheme = "https"
	}
	if req.Port == "" {
		req.Port = map[string]string{"http": "80", "https": "443"}[req.Scheme]
	}
	req.SourceIP, _, _ = net.SplitHostPort(r.RemoteAddr)
	api, err := p.find(r.Context(), t.API)
	switch {
	case err != nil:
		p.cfg.Log.Error("API", "api", t.API, "request", req.ID, "err", err)
		p.write(w, req, message(500, "Internal Server Error", "InternalFailure"))
		return true
	case api == nil || t.Region != "" && t.Region != api.Region():
		p.write(w, req, message(403, "Forbidden", "Forbidden"))
		return true
	}
	req.Call = &wire.Call{Service: "execute-api", Operation: "Invoke", RequestID: req.ID, Account: api.Account(), Region: api.Region(), Partition: "aws",
		Principal: wire.Principal{Type: "Anonymous", ARN: "anonymous", ID: "anonymous"}, BaseURL: req.Scheme + "://" + r.Host, Domain: p.cfg.Domain, SourceIP: req.SourceIP, UserAgent: r.UserAgent(), Time: p.cfg.Env.Wall(), SecureTransport: r.TLS != nil}
	size := r.ContentLength
	if size < 0 || size > BodyBytesMax {
		size = BodyBytesMax // not said: admitted for the most it may be
	}
	var out *Response
	err = p.cfg.Gate.App(r.Context(), req.Call, size, func(ctx context.Context) string {
		out = p.serve(ctx, w, api, req)
		return out.Code
	})
	switch {
	case out != nil:
	case wire.CodeOf(err) == "ThrottlingException":
		out = message(429, "Too Many Requests", "ThrottlingException")
	default:
		if err != nil {
			p.cfg.Log.Error("API", "api", t.API, "request", req.ID, "err", err)
		}
		out = message(500, "Internal Server Error", "InternalFailure")
	}
	p.write(w, req, out)
	return true
}

func (p *Plane) serve(ctx context.Context, w http.ResponseWriter, api API, req *Request) *Response {
	if !p.bucket(api.Account()+"/"+api.Region()).Take(req.Now, p.cfg.AccountRate, p.cfg.AccountBurst) {
		return message(429, "Too Many Requests", "ThrottlingException")
	}
	if req.HTTP.ContentLength > BodyBytesMax {
		return message(413, "Request Entity Too Large", "RequestEntityTooLarge")
	}
	n := 0
	for k, v := range req.HTTP.Header {
		for _, x := range v {
			n += len(k) + len(x) + 4
		}
	}
	if n > headerBytesMax {
		return message(431, "Request Header Fields Too Large", "RequestHeaderFieldsTooLarge")
	}
	if req.HTTP.ContentLength != 0 {
		rc := http.NewResponseController(w)
		rc.SetReadDeadline(p.cfg.Env.Wall().Add(bodyTime))
		body, err := read(req.HTTP.Body, req.HTTP.ContentLength)
		rc.SetReadDeadline(time.Time{})
		if err != nil {
			return message(408, "Request Timeout", "RequestTimeout")
		}
		if len(body) > BodyBytesMax {
			return message(413, "Request Entity Too Large", "RequestEntityTooLarge")
		}
		req.Body = body
	}
	return api.Serve(ctx, req)
}

func read(r io.Reader, length int64) ([]byte, error) {
	if length > 0 {
		b := make([]byte, length)
		_, err := io.ReadFull(r, b)
		return b, err
	}
	return io.ReadAll(io.LimitReader(r, BodyBytesMax+1))
}

// find gives the compiled API of an id. A warm one costs a look at its epoch.
func (p *Plane) find(ctx context.Context, id string) (API, error) {
	epoch, err := p.cfg.Store.Epoch(ctx, Scope(id))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	e := p.apis[id]
	p.mu.Unlock()
	if e != nil && e.epoch == epoch {
		return e.api, nil
	}
	var api API
	for _, f := range p.cfg.Finders {
		if api, err = f.FindAPI(ctx, id); err != nil {
			return nil, err
		}
		if api != nil {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if api == nil {
		delete(p.apis, id)
		return nil, nil
	}
	if len(p.apis) >= apisMax {
		for k := range p.apis { // any: it is compiled anew when it is called
			delete(p.apis, k)
			break
		}
	}
	p.apis[id] = &entry{epoch, api}
	return api, nil
}

func (p *Plane) bucket(name string) *Bucket {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.buckets[name]
	if b == nil {
		if len(p.buckets) >= apisMax {
			clear(p.buckets)
		}
		b = &Bucket{}
		p.buckets[name] = b
	}
	return b
}

// message is an answer of the gateway itself.
func message(status int, text, code string) *Response {
	return &Response{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"message":"` + text + `"}`), Code: code}
}

// write sends an answer. Headers that must not reach the wire turn it into a failure: services check theirs before, so
// that the failure is worded as their kind of API words it.
func (p *Plane) write(w http.ResponseWriter, req *Request, out *Response) {
	for k, vs := range out.Header {
		for _, v := range vs {
			if proxyevent.BadHeader(k, v) {
				out = message(502, "Internal server error", "BadGateway")
			}
		}
	}
	h := w.Header()
	for k, v := range out.Header {
		h[k] = v
	}
	if len(h["X-Amzn-Requestid"]) == 0 && len(h["apigw-requestid"]) == 0 {
		h["X-Amzn-Requestid"] = []string{req.ID}
	}
	if out.Status != http.StatusNoContent && out.Status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.Itoa(len(out.Body))}
	}
	w.WriteHeader(out.Status)
	if req.Method != http.MethodHead && out.Status != http.StatusNoContent && out.Status != http.StatusNotModified {
		w.Write(out.Body)
	}
}
