package proxyevent

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"virga/internal/jsontext"
)

// Limits with names.
const (
	QueryPairsMax = 1000 // pairs of a query string that are read
)

// Request is what an event is made of.
type Request struct {
	Method   string
	Protocol string // "HTTP/1.1"
	Host     string
	Header   http.Header // without Host
	RawPath  string      // as sent, without the stage
	RawQuery string
	Body     []byte
	SourceIP string
	Port     string // the port the client spoke to
	Scheme   string

	AccountID, APIID, Domain, DomainPrefix, Stage, RequestID string
	Time                                                     time.Time

	RouteKey     string // HTTP APIs: "GET /pets/{id}"
	Resource     string // REST APIs: "/pets/{id}"
	ResourceID   string
	DeploymentID string
	Params       []Param // path parameters
	Variables    map[string]string

	// Authorizer is the JSON of requestContext.authorizer, nil for none.
	Authorizer []byte
	// Identity is the caller of an API with IAM authorization, nil for none.
	Identity *Identity
	// Bare leaves the body's members out, as authorizers' events do.
	Bare bool
	// Base64 says whether the body travels in base 64.
	Base64 bool
}

// Param is a path parameter.
type Param struct{ Name, Value string }

// Identity is who signed a request to an API with IAM authorization.
type Identity struct{ AccessKey, Account, Caller, UserARN, User string }

// pair is one pair of a query.
type pair struct{ name, value string }

// query reads a raw query. Pairs that are not well formed are kept as they are, as API Gateway does.
func query(raw string) []pair {
	var out []pair
	for raw != "" && len(out) < QueryPairsMax {
		var p string
		p, raw, _ = strings.Cut(raw, "&")
		if p == "" {
			continue
		}
		n, v, _ := strings.Cut(p, "=")
		out = append(out, pair{unescape(n), unescape(v)})
	}
	return out
}

// QueryValues gives the values of one query parameter.
func QueryValues(raw, name string) []string {
	var out []string
	for _, p := range query(raw) {
		if p.name == name {
			out = append(out, p.value)
		}
	}
	return out
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// TextBody tells whether HTTP APIs hand a body to a function as text: by its content type, and because it is text.
func TextBody(contentType string, body []byte) bool {
	ct, _, _ := strings.Cut(contentType, ";")
	ct = strings.ToLower(strings.TrimSpace(ct))
	switch {
	case ct == "", strings.HasPrefix(ct, "text/"), ct == "application/json", ct == "application/javascript", ct == "application/xml",
		strings.HasSuffix(ct, "+json"), strings.HasSuffix(ct, "+xml"):
		return utf8.Valid(body)
	}
	return false
}

// BinaryType tells whether a media type is among a REST API's binary media types. "*/*" and "image/*" match widely.
func BinaryType(types []string, header string) bool {
	if len(types) == 0 {
		return false
	}
	h, _, _ := strings.Cut(header, ",")
	h, _, _ = strings.Cut(h, ";")
	h = strings.ToLower(strings.TrimSpace(h))
	major, _, _ := strings.Cut(h, "/")
	for _, t := range types {
		t = strings.ToLower(t)
		if t == "*/*" || t == h && h != "" || h != "" && t == major+"/*" {
			return true
		}
	}
	return false
}

type builder struct{ b []byte }

func (w *builder) raw(s string) { w.b = append(w.b, s...) }
func (w *builder) str(s string) { w.b = jsontext.AppendString(w.b, s) }

func (w *builder) key(k string) {
	if c := w.b[len(w.b)-1]; c != '{' {
		w.b = append(w.b, ',')
	}
	w.b = jsontext.AppendString(w.b, k)
	w.b = append(w.b, ':')
}

func (w *builder) member(k, v string) {
	w.key(k)
	w.str(v)
}

// orNull writes null for "".
func (w *builder) orNull(k, v string) {
	w.key(k)
	if v == "" {
		w.raw("null")
		return
	}
	w.str(v)
}

func (w *builder) list(v []string) {
	w.raw("[")
	for i, s := range v {
		if i > 0 {
			w.raw(",")
		}
		w.str(s)
	}
	w.raw("]")
}

func (w *builder) params(k string, ps []Param) {
	w.key(k)
	w.raw("{")
	for _, p := range ps {
		w.member(p.Name, p.Value)
	}
	w.raw("}")
}

func (w *builder) vars(k string, m map[string]string) {
	w.key(k)
	w.raw("{")
	for _, n := range names(m) {
		w.member(n, m[n])
	}
	w.raw("}")
}

func (w *builder) body(r *Request) {
	w.key("body")
	if r.Base64 {
		w.b = append(w.b, '"')
		w.b = base64.StdEncoding.AppendEncode(w.b, r.Body)
		w.b = append(w.b, '"')
		return
	}
	w.b = jsontext.AppendString(w.b, string(r.Body))
}

func names[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// clock is the time as requestContext.time shows it.
func clock(t time.Time) string { return t.UTC().Format("02/Jan/2006:15:04:05 -0700") }

func (w *builder) int(k string, n int64) {
	w.key(k)
	w.b = strconv.AppendInt(w.b, n, 10)
}

// forwarded are the headers that API Gateway adds.
func (r *Request) forwarded() []Param {
	port := r.Port
	if port == "" {
		port = "443"
	}
	ip := r.SourceIP
	if was := r.Header["X-Forwarded-For"]; len(was) > 0 {
		ip = strings.Join(was, ", ") + ", " + ip
	}
	return []Param{{"X-Forwarded-For", ip}, {"X-Forwarded-Port", port}, {"X-Forwarded-Proto", r.Scheme}}
}

func hop(k string) bool {
	switch k {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect":
		return true
	}
	return false
}
