package front

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

// route is what a request is for, found once.
type route struct {
	model    *wire.Model
	op       *wire.Op
	protocol wire.Protocol
	labels   []wire.Label
	bucket   string // of a virtual-hosted S3 request
	key      bool   // an S3 object is meant
}

// table finds models. It is built once and only read.
type table struct {
	targets map[string]*wire.Model   // X-Amz-Target prefix
	signing map[string][]*wire.Model // by signing name
	routers map[*wire.Model]*wire.Router
	s3      *wire.Model
	models  []*wire.Model
}

func newTable(models []*wire.Model) *table {
	t := &table{targets: map[string]*wire.Model{}, signing: map[string][]*wire.Model{}, routers: map[*wire.Model]*wire.Router{}, models: models}
	for _, m := range models {
		if m.TargetPrefix != "" {
			t.targets[m.TargetPrefix] = m
		}
		t.signing[m.SigningName] = append(t.signing[m.SigningName], m)
		if m.Has(wire.RESTJSON) || m.Has(wire.RESTXML) {
			t.routers[m] = wire.NewRouter(m)
		}
		if m.Package == "s3" {
			t.s3 = m
		}
	}
	return t
}

// find picks service, protocol and operation. The route is filled in as far as it could be found when err is not nil.
func (t *table) find(r *http.Request, host, path, scope, domain string) (route, error) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		prefix, name, _ := strings.Cut(target, ".")
		if i := strings.LastIndexByte(target, '.'); i >= 0 {
			if t.targets[target[:i]] != nil {
				prefix, name = target[:i], target[i+1:]
			}
		}
		rt := route{model: t.targets[prefix], protocol: wire.JSON}
		if rt.model == nil || scope != "" && rt.model.SigningName != scope {
			if l := t.signing[scope]; rt.model == nil && len(l) > 0 {
				rt.model = l[0]
			}
			return rt, wire.Errorf("UnknownOperationException", 400, "The operation %s is not known.", target)
		}
		if rt.op = rt.model.Op(name); rt.op == nil {
			return rt, wire.Errorf("UnknownOperationException", 400, "The operation %s is not known.", name)
		}
		return rt, nil
	}
	candidates := t.signing[scope]
	if scope == "" {
		if m := t.byHost(host); m != nil {
			candidates = []*wire.Model{m}
		}
	}
	for _, m := range candidates {
		if m.Has(wire.Query) || m.Has(wire.EC2) {
			p := wire.Query
			if m.Has(wire.EC2) {
				p = wire.EC2
			}
			rt := route{model: m, protocol: p}
			if m.Has(wire.JSON) && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json") {
				rt.protocol = wire.JSON
				return rt, wire.Errorf("UnknownOperationException", 400, "The request names no X-Amz-Target.")
			}
			action, err := actionOf(r)
			if err != nil {
				return rt, err
			}
			if action == "" {
				return rt, wire.Errorf("MissingAction", 400, "The request is missing an Action parameter.")
			}
			if rt.op = m.Op(action); rt.op == nil {
				return rt, wire.Errorf("InvalidAction", 400, "The action %s is not valid for this endpoint.", action)
			}
			return rt, nil
		}
		if m.Has(wire.JSON) {
			return route{model: m, protocol: wire.JSON}, wire.Errorf("UnknownOperationException", 400, "The request names no X-Amz-Target.")
		}
		if m.Package == "s3" {
			return t.findS3(r, host, path, domain)
		}
	}
	var first route
	for _, m := range candidates {
		p := wire.RESTJSON
		if m.Has(wire.RESTXML) {
			p = wire.RESTXML
		}
		rt := route{model: m, protocol: p}
		if first.model == nil {
			first = rt
		}
		if rt.op, rt.labels = t.routers[m].Find(r.Method, path, r.URL.RawQuery, r.Header); rt.op != nil {
			return rt, nil
		}
	}
	if first.model != nil {
		if first.model.Package == "lambda" {
			return first, wire.Errorf("UnknownOperationException", 404, "No operation for %s %s", r.Method, path)
		}
		return first, wire.Errorf("UnknownOperationException", 404, "No operation for %s %s", r.Method, path)
	}
	if scope != "" {
		return route{}, wire.Errorf("UnknownService", 400, "The service %s is not known.", scope)
	}
	if action, err := actionOf(r); err == nil && action != "" && r.Method == http.MethodPost {
		for _, m := range t.models {
			if m.Has(wire.Query) && m.Op(action) != nil {
				return route{model: m, op: m.Op(action), protocol: wire.Query}, nil
			}
		}
	}
	if t.s3 != nil {
		return t.findS3(r, host, path, domain)
	}
	return route{}, wire.Errorf("UnknownService", 400, "The request names no service.")
}

// byHost finds a model by an AWS-like host name: sqs.us-east-1.localhost.
func (t *table) byHost(host string) *wire.Model {
	name, _, ok := strings.Cut(host, ".")
	if !ok {
		return nil
	}
	for _, m := range t.models {
		if m.EndpointName == name {
			return m
		}
	}
	return nil
}

// findS3 reads bucket and key from host and path.
func (t *table) findS3(r *http.Request, host, path, domain string) (route, error) {
	rt := route{model: t.s3, protocol: wire.RESTXML}
	full := path
	if b := bucketOf(host, domain); b != "" {
		rt.bucket = b
		full = "/" + url.PathEscape(b)
		if path != "" && path != "/" {
			full += path
		}
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	rt.key = key != ""
	rt.op, rt.labels = t.routers[t.s3].Find(r.Method, full, r.URL.RawQuery, r.Header)
	if rt.op == nil {
		return rt, wire.Errorf("MethodNotAllowed", 405, "The specified method is not allowed against this resource.")
	}
	return rt, nil
}

// bucketOf reads the bucket of a virtual host: <bucket>.s3.<anything>, <bucket>.s3-<region>.<anything>.
func bucketOf(host, domain string) string {
	for _, mark := range []string{".s3.", ".s3-"} {
		if i := strings.Index(host, mark); i > 0 {
			return host[:i]
		}
	}
	return ""
}

// actionOf reads the Action parameter of a query request; the body is put back.
func actionOf(r *http.Request) (string, error) {
	if a := r.URL.Query().Get("Action"); a != "" {
		return a, nil
	}
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return "", nil
	}
	head := make([]byte, 0, 4096)
	// The action stands at the start in every client known; a body is looked at up to actionWithin bytes.
	const actionWithin = 64 << 10
	buf := make([]byte, 4096)
	for {
		if a, ok := findAction(string(head)); ok {
			r.Body = prefixed{io.MultiReader(strings.NewReader(string(head)), r.Body), r.Body}
			return a, nil
		}
		if len(head) > actionWithin {
			break
		}
		n, err := r.Body.Read(buf)
		head = append(head, buf[:n]...)
		if err != nil {
			a, _ := findAction(string(head) + "&")
			r.Body = prefixed{io.MultiReader(strings.NewReader(string(head)), r.Body), r.Body}
			return a, nil
		}
	}
	r.Body = prefixed{io.MultiReader(strings.NewReader(string(head)), r.Body), r.Body}
	return "", nil
}

type prefixed struct {
	io.Reader
	io.Closer
}

// findAction looks for a whole Action parameter.
func findAction(body string) (string, bool) {
	for {
		pair, rest, more := strings.Cut(body, "&")
		if !more {
			return "", false
		}
		if v, ok := strings.CutPrefix(pair, "Action="); ok {
			a, err := url.QueryUnescape(v)
			return a, err == nil
		}
		body = rest
	}
}

func hostOf(h string) string {
	if host, _, err := net.SplitHostPort(h); err == nil {
		h = host
	}
	return strings.ToLower(strings.Trim(h, "[]"))
}

// known tells whether this server answers for a host.
func (f *Front) known(host string, l *Listener) bool {
	if host == "" {
		return false
	}
	if ip := net.ParseIP(host); ip != nil {
		if ip.IsLoopback() {
			return true
		}
		if l.Listener != nil {
			if a, ok := l.Addr().(*net.TCPAddr); ok {
				return a.IP.Equal(ip) || l.Principal != nil
			}
		}
		return false
	}
	for _, d := range []string{"localhost", "localhost.localstack.cloud", f.cfg.Domain} {
		if host == d || strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	// A sandbox's names for AWS lead to its own endpoint.
	return l.Principal != nil && (strings.HasSuffix(host, ".amazonaws.com") || host == "virga")
}

func (f *Front) isConsole(host string) bool {
	return host == "console."+f.cfg.Domain || host == "console.localhost"
}

// foreign tells whether a web page of another origin makes the request.
func foreign(r *http.Request, allowed []string) bool {
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "same-origin", "none":
	default:
		return !listed(r.Header.Get("Origin"), allowed)
	}
	o := r.Header.Get("Origin")
	if o == "" {
		return false
	}
	if listed(o, allowed) {
		return false
	}
	u, err := url.Parse(o)
	return err != nil || u.Host == "" || u.Host != r.Host
}

func listed(origin string, allowed []string) bool {
	for _, a := range allowed {
		if origin == a {
			return true
		}
	}
	return false
}

// preflight answers a browser's question: only listed origins may call.
func (c *call) preflight() {
	o := c.r.Header.Get("Origin")
	if !listed(o, c.f.cfg.Origins) {
		c.answerError(wire.Errorf("AccessForbidden", 403, "CORSResponse: This CORS request is not allowed."))
		return
	}
	h := c.w.Header()
	h.Set("Access-Control-Allow-Origin", o)
	h.Set("Access-Control-Allow-Methods", "GET, PUT, POST, DELETE, HEAD")
	h.Set("Access-Control-Allow-Headers", c.r.Header.Get("Access-Control-Request-Headers"))
	h.Set("Vary", "Origin")
	c.w.WriteHeader(http.StatusNoContent)
}

func baseURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// stalling cuts a body that stops coming.
type stalling struct {
	r  io.ReadCloser
	rc *http.ResponseController
}

func (s *stalling) Read(p []byte) (int, error) {
	s.rc.SetReadDeadline(time.Now().Add(stallTime))
	return s.r.Read(p)
}

func (s *stalling) Close() error {
	s.rc.SetReadDeadline(time.Time{})
	return s.r.Close()
}

// trailing puts the trailers of a verified body where the service finds them, as signed headers, once it has ended.
type trailing struct {
	*sigv4.Body
	r *http.Request
}

func (t *trailing) Read(p []byte) (int, error) {
	n, err := t.Body.Read(p)
	if err == io.EOF {
		for k, v := range t.Body.Trailer() {
			t.r.Header[k] = v
		}
	}
	return n, err
}

func (t *trailing) Close() error { return nil }

// limitConns bounds the connections of one address.
func limitConns(l net.Listener, max int) net.Listener {
	return &limited{Listener: l, max: max, m: map[string]int{}}
}

type limited struct {
	net.Listener
	max int
	mu  sync.Mutex
	m   map[string]int
}

// Accept implements net.Listener: a connection over the bound is closed at once.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		l.mu.Lock()
		n := l.m[host]
		if n < l.max {
			l.m[host] = n + 1
		}
		l.mu.Unlock()
		if n >= l.max {
			c.Close()
			continue
		}
		return &countedConn{Conn: c, l: l, host: host}, nil
	}
}

type countedConn struct {
	net.Conn
	l    *limited
	host string
	once sync.Once
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.once.Do(func() {
		c.l.mu.Lock()
		if c.l.m[c.host]--; c.l.m[c.host] <= 0 {
			delete(c.l.m, c.host)
		}
		c.l.mu.Unlock()
	})
	return c.Conn.Close()
}
