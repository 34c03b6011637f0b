package front

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

// route is what a request is for, found once.
type route struct {
	model    *wire.Model
	table    *wire.Table
	op       *wire.Op
	protocol wire.Protocol
	path     string // with the bucket of a virtual-hosted request put in front
	bucket   string // of a virtual-hosted S3 request
	key      bool   // an S3 object is meant
	late     bool   // the operation stands in the body
}

func (rt route) s3() bool { return rt.model != nil && rt.model.Flags&wire.S3 != 0 }

// table finds models. It is built once and only read.
type table struct {
	index   *wire.Index
	signing map[string][]*wire.Table // by signing name
	hosts   map[string]*wire.Table   // by endpoint prefix
	s3      *wire.Table
}

func newTable(models []*wire.Model) *table {
	t := &table{signing: map[string][]*wire.Table{}, hosts: map[string]*wire.Table{}}
	var all []*wire.Table
	for _, m := range models {
		x := wire.NewTable(m)
		all = append(all, x)
		t.signing[m.SigningName] = append(t.signing[m.SigningName], x)
		if t.hosts[m.EndpointPrefix] == nil {
			t.hosts[m.EndpointPrefix] = x
		}
		if m.Flags&wire.S3 != 0 {
			t.s3 = x
		}
	}
	t.index = wire.NewIndex(all...)
	return t
}

// find picks service, protocol and, where the body need not be read for it, the operation. The route is filled in as
// far as it could be found when err is not nil.
func (t *table) find(r *wire.Request, host, scope string) (route, error) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		x := t.index.Target(target)
		if x == nil || scope != "" && x.Model.SigningName != scope {
			rt := route{protocol: wire.JSON11, path: r.Path}
			if l := t.signing[scope]; len(l) > 0 {
				rt.table, rt.model = l[0], l[0].Model
				rt.protocol = rt.model.Protocols[0]
			}
			return rt, wire.CommonError(wire.UnknownOperationError, "")
		}
		return t.choose(x, r)
	}
	candidates := t.signing[scope]
	if scope == "" {
		name, _, _ := strings.Cut(host, ".")
		if x := t.hosts[name]; x != nil && x != t.s3 {
			candidates = []*wire.Table{x}
		} else if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") && r.Method == http.MethodPost {
			candidates = t.signing["sts"] // refused all the same: nobody has signed
		} else if t.s3 != nil {
			candidates = []*wire.Table{t.s3}
		}
	}
	if len(candidates) == 0 {
		return route{path: r.Path, protocol: wire.RESTXML}, wire.Errorf("UnknownService", 400, "The service %s is not known to this server.", scope)
	}
	var first route
	var firstErr error
	for i, x := range candidates {
		if x == t.s3 {
			return t.findS3(r, host)
		}
		rt, err := t.choose(x, r)
		if err == nil {
			return rt, nil
		}
		if i == 0 {
			first, firstErr = rt, err
		}
	}
	return first, firstErr
}

// choose finds the operation of a service; a form's stands in its body, which is read later.
func (t *table) choose(x *wire.Table, r *wire.Request) (route, error) {
	rt := route{table: x, model: x.Model, path: r.Path, protocol: wire.Detect(x.Model.Schema, r)}
	if rt.protocol == wire.Query || rt.protocol == wire.EC2 {
		if r.Method == http.MethodPost && len(r.Body) == 0 {
			rt.late = true
			return rt, nil
		}
	}
	op, p, err := x.Find(rt.protocol, r)
	rt.op, rt.protocol = op, p
	return rt, err
}

// findS3 reads bucket and key from host and path.
func (t *table) findS3(r *wire.Request, host string) (route, error) {
	rt := route{table: t.s3, model: t.s3.Model, protocol: wire.RESTXML, path: r.Path}
	if b := bucketOf(host); b != "" {
		rt.bucket = b
		rt.path = "/" + url.PathEscape(b)
		if r.Path != "" && r.Path != "/" {
			rt.path += r.Path
		}
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(rt.path, "/"), "/")
	rt.key = key != ""
	whole := *r
	whole.Path = rt.path
	op, p, err := t.s3.Find(wire.RESTXML, &whole)
	rt.op, rt.protocol = op, p
	return rt, err
}

// bucketOf reads the bucket of a virtual host: <bucket>.s3.<anything>, <bucket>.s3-<region>.<anything>.
func bucketOf(host string) string {
	for _, mark := range []string{".s3.", ".s3-"} {
		if i := strings.Index(host, mark); i > 0 {
			return host[:i]
		}
	}
	return ""
}

// wantedRegion gives the region that a signature's scope must name: the one that the host names (sqs.eu-west-1.localhost),
// or this server's where the scope names no region at all. "" where the scope's own is as good as any, for this server
// answers for all of them.
func (c *call) wantedRegion(host, scope string) string {
	at := host
	if c.route.s3() {
		_, after, ok := strings.Cut("."+host, ".s3.")
		if !ok {
			at = ""
		}
		at = "s3." + after
	}
	if _, rest, ok := strings.Cut(at, "."); ok {
		label, _, _ := strings.Cut(rest, ".")
		if isRegion(label) {
			return label
		}
	}
	if scope == c.f.cfg.Region || isRegion(scope) {
		return ""
	}
	return c.f.cfg.Region
}

// isRegion tells whether a name is shaped as AWS's regions are: eu-west-1, us-gov-east-1, ap-southeast-4.
func isRegion(s string) bool {
	p := strings.Split(s, "-")
	if len(s) > 32 || len(p) < 3 || len(p) > 5 || len(p[0]) < 2 || len(p[0]) > 4 {
		return false
	}
	for i, w := range p {
		if w == "" {
			return false
		}
		for j := range len(w) {
			if last := i == len(p)-1; last && (w[j] < '0' || w[j] > '9') || !last && (w[j] < 'a' || w[j] > 'z') {
				return false
			}
		}
	}
	return len(p[len(p)-1]) <= 2
}

func hostOf(h string) string {
	if host, _, err := net.SplitHostPort(h); err == nil {
		h = host
	}
	return strings.ToLower(strings.Trim(h, "[]"))
}

// known tells whether this server answers for a host.
func (f *Front) known(host string, l *Listener, local net.Addr) bool {
	if host == "" {
		return false
	}
	if ip := net.ParseIP(host); ip != nil {
		if ip.IsLoopback() {
			return true
		}
		if a, ok := local.(*net.TCPAddr); ok && a.IP.Equal(ip) { // the address that was called
			return true
		}
		if l.Listener != nil {
			if a, ok := l.Addr().(*net.TCPAddr); ok {
				return a.IP.Equal(ip) || l.Principal != nil
			}
		}
		return false
	}
	// An operation's own host prefix (CloudWatch Logs' StartLiveTail) stands before any host of this server.
	for _, p := range []string{"streaming-", "stream-"} {
		if rest, ok := strings.CutPrefix(host, p); ok && rest != "" && !strings.HasPrefix(rest, p) && f.known(rest, l, local) {
			return true
		}
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
