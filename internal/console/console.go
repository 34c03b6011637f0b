// Package console is the frame of the web console: its own host name, who is signed in, the rules for browsers, and the
// page around what the services' panels bring (internal/console/panel). Go templates, embedded assets, a little script
// of its own; nothing is built and nothing is fetched from elsewhere.
//
// Sessions are cookies of this host only, held in memory, and each request looks the access key up again: a key that is
// deleted or made inactive ends its sessions at once. Everything that changes something must come from a page of the
// console itself (Origin). Pages call services through the gate as who is signed in, in this process.
//
// It has no rights of its own and knows no service.
package console

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"virga/internal/auth"
	"virga/internal/console/panel"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/record"
	"virga/internal/wire"
)

// Limits with names.
const (
	formBytesMax = 20 << 20 // an event of 6 MB for a function, as a browser writes forms
	formTime     = 60 * time.Second
	signInBytes  = 16 << 10
)

//go:embed assets templates
var files embed.FS

// Config joins a console.
type Config struct {
	Env    env.Env
	Gate   *gate.Gate
	Auth   *auth.Auth
	Record *record.Recorder
	Log    *slog.Logger
	Domain string
	Region string
	// Ephemeral is said on every page: what is here is gone with the process.
	Ephemeral bool
	// DevKey is the development key that signs in with one click, "" for none.
	DevKey string
	// DevPeer tells whether a request comes from where development keys work.
	DevPeer func(r *http.Request) bool
	// Panels are those of the services, in the order of the menu.
	Panels []panel.Panel
}

// Console serves the console's host.
type Console struct {
	cfg      Config
	sessions *sessions
	mux      *http.ServeMux
	assets   map[string]asset // by path
	sheets   map[string]*template.Template
	links    map[string]func(string) string
	urls     map[string]string // an asset's address by its name
}

type asset struct {
	kind string
	data []byte
}

// New makes a console. It panics on a template that does not parse or a panel that comes twice: the program is wrong.
func New(cfg Config) *Console {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.DevPeer == nil {
		cfg.DevPeer = func(*http.Request) bool { return false }
	}
	c := &Console{cfg: cfg, sessions: newSessions(cfg.Env), mux: http.NewServeMux(), assets: map[string]asset{}, urls: map[string]string{},
		sheets: map[string]*template.Template{}, links: map[string]func(string) string{}}
	c.loadAssets()
	base := template.Must(template.New("").Funcs(c.funcs()).ParseFS(files, "templates/*.html"))
	c.sheets[""] = template.Must(base.Clone())
	c.mux.HandleFunc("GET /signin", c.signInPage)
	c.mux.HandleFunc("POST /signin", c.signIn)
	c.mux.HandleFunc("POST /signout", c.signOut)
	c.mux.HandleFunc("POST /region", c.setRegion)
	c.mux.HandleFunc("GET /{$}", c.page(nil, c.overview))
	c.mux.HandleFunc("/", c.page(nil, func(context.Context, *panel.Request) (*panel.View, error) {
		return nil, wire.Errorf("NoSuchPage", 404, "There is no such page.")
	}))
	for i := range cfg.Panels {
		p := &cfg.Panels[i]
		if c.sheets[p.Name] != nil || p.Name == "" {
			panic("console: panel " + p.Name)
		}
		c.sheets[p.Name] = template.Must(template.Must(base.Clone()).New(p.Name).Parse(p.HTML))
		for _, pg := range p.Pages {
			c.mux.HandleFunc(pg.Pattern, c.page(p, pg.Do))
		}
		for t, f := range p.Links {
			c.links[t] = f
		}
	}
	return c
}

func (c *Console) loadAssets() {
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		b, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(b)
		u := "/assets/" + hex.EncodeToString(sum[:8]) + "/" + e.Name()
		c.assets[u] = asset{kinds[path.Ext(e.Name())], b}
		c.urls[e.Name()] = u
	}
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	guard(w.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		if !own(r) {
			http.Error(w, "403 Forbidden: this must come from a page of the console itself; open http://"+r.Host+"/ and try there", http.StatusForbidden)
			return
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "405 Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	if a, ok := c.assets[r.URL.Path]; ok {
		w.Header().Set("Content-Type", a.kind)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Write(a.data)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/assets/") || r.URL.Path == "/favicon.ico" {
		http.NotFound(w, r)
		return
	}
	c.mux.ServeHTTP(w, r)
}

// live tells whether a page refreshes itself; that is no sign of a person.
func live(r *http.Request) bool { return r.Header.Get("Virga-Live") != "" }

// who gives the session of a request, nil for none; its key must still be what it was.
func (c *Console) who(r *http.Request) *session {
	k, err := r.Cookie(cookieName(r))
	if err != nil {
		return nil
	}
	s := c.sessions.get(k.Value, !live(r))
	if s == nil {
		return nil
	}
	cred, err := c.cfg.Auth.Lookup(r.Context(), s.keyID, s.token)
	if err != nil || cred.Dev != s.dev || !same(cred.Secret, s.secret) || cred.Dev && !c.cfg.DevPeer(r) {
		c.sessions.end(k.Value)
		return nil
	}
	c.sessions.mu.Lock()
	s.principal = cred.Principal
	c.sessions.mu.Unlock()
	return s
}

// call is a call's ground in the name of who is signed in; the gate makes inner calls of it.
func (c *Console) call(r *http.Request, s *session) *wire.Call {
	c.sessions.mu.Lock()
	p, region := s.principal, s.region
	c.sessions.mu.Unlock()
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return &wire.Call{Service: "console", Operation: r.Method, RequestID: env.NewID(c.cfg.Env), Account: p.Account, Region: region, Partition: "aws", Principal: p,
		BaseURL: endpoint(r), Domain: c.cfg.Domain, SourceIP: host, UserAgent: r.UserAgent(), Time: c.cfg.Env.Wall(), SecureTransport: r.TLS != nil || loopback(host)}
}

// loopback tells whether a peer is on this machine: nobody on a network could read along (docs/decisions/0012).
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// endpoint is where the API answers for this browser: the console's host without its first label.
func endpoint(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + strings.TrimPrefix(strings.ToLower(r.Host), "console.")
}

// page makes the handler of a page: session, form, the page's own work, the frame around its answer.
func (c *Console) page(p *panel.Panel, do func(ctx context.Context, r *panel.Request) (*panel.View, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := c.who(r)
		if s == nil {
			c.askToSignIn(w, r)
			return
		}
		if err := readForm(w, r, formBytesMax); err != nil {
			c.show(w, r, s, p, nil, err)
			return
		}
		call := c.call(r, s)
		ctx := wire.WithCall(gate.WithSize(r.Context(), r.ContentLength), call)
		req := &panel.Request{Invoker: c.cfg.Gate.With(call.Principal), Account: call.Account, Region: call.Region, Endpoint: call.BaseURL, Now: c.cfg.Env.Now(),
			Query: r.URL.Query(), Form: r.PostForm, Path: r.PathValue}
		v, err := do(ctx, req)
		if err == nil && v.Redirect != "" {
			if v.Notice != "" {
				c.sessions.note(s, v.Notice)
			}
			http.Redirect(w, r, local(v.Redirect), http.StatusSeeOther)
			return
		}
		c.show(w, r, s, p, v, err)
	}
}

func readForm(w http.ResponseWriter, r *http.Request, max int64) error {
	if r.Method != http.MethodPost {
		return nil
	}
	if r.ContentLength < 0 { // browsers say it, and the gate admits by it
		return wire.Errorf("InvalidForm", http.StatusLengthRequired, "A form must say how long it is.")
	}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(formTime))
	defer rc.SetReadDeadline(time.Time{})
	r.Body = http.MaxBytesReader(w, r.Body, max)
	if err := r.ParseForm(); err != nil {
		return wire.Errorf("InvalidForm", 400, "The form could not be read: it is too large, malformed, or did not arrive in time.")
	}
	return nil
}

func (c *Console) setRegion(w http.ResponseWriter, r *http.Request) {
	s := c.who(r)
	if s == nil {
		c.askToSignIn(w, r)
		return
	}
	if err := readForm(w, r, signInBytes); err != nil {
		c.show(w, r, s, nil, nil, err)
		return
	}
	region := r.PostForm.Get("region")
	if !regionText.MatchString(region) {
		c.show(w, r, s, nil, nil, panel.Bad("%q is not the name of a region.", region))
		return
	}
	c.sessions.setRegion(s, region)
	// A page of one thing would show nothing in another region: its panel's list is the next best.
	next := local(r.PostForm.Get("next"))
	if i := strings.IndexByte(next[1:], '/'); i >= 0 {
		next = next[:i+1]
	}
	if u, err := url.Parse(next); err == nil {
		next = u.Path
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}
