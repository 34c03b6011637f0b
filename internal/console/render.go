package console

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"
	"time"

	"virga/internal/console/panel"
	"virga/internal/wire"
)

// frame is what templates see: what surrounds every page, and the page's own Data.
type frame struct {
	Title     string
	Panel     string // name, "" for the overview
	Panels    []panel.Panel
	Trail     []panel.Link
	Who       string
	Account   string
	Region    string
	Regions   []string
	Endpoint  string
	Ephemeral bool
	Here      string
	Now       time.Time
	Notices   []string
	Content   template.HTML
	Data      any
}

// problem is an error as a person reads it: what happened, and what to do next.
type problem struct {
	Code, Message, Hint, RequestID string
	Status                         int
}

func (c *Console) problemOf(call *wire.Call, err error) problem {
	in := wire.Info(nil, wire.JSON11, err)
	p := problem{Code: in.Code, Message: in.Message, Status: in.Status, RequestID: call.RequestID}
	if !wire.Known(err) {
		c.cfg.Log.Error("console: page failed", "request", call.RequestID, "account", call.Account, "err", err)
	}
	switch lower := strings.ToLower(p.Code + " " + p.Message); {
	case !wire.Known(err):
		p.Message = "The page could not be made."
		p.Hint = "The server's log says why, under the request id below. Reload to try again."
	case p.Code == "NoSuchPage":
		p.Hint = "Start from the overview, or press ? for the keys."
	case in.Status == http.StatusNotImplemented:
		p.Hint = "This version does not do that yet. docs/coverage.md lists what it does."
	case strings.Contains(lower, "accessdenied") || strings.Contains(lower, "not authorized") || strings.Contains(lower, "access denied"):
		p.Hint = "Attach a policy that allows the action named here, or sign in with a key that may."
	case strings.Contains(lower, "not found") || strings.Contains(lower, "notfound") || strings.Contains(lower, "not exist") || strings.Contains(lower, "nonexistent"):
		p.Hint = "It may have been deleted, or it is in another region: you are looking at " + call.Region + "."
	case strings.Contains(lower, "throttl") || in.Status == http.StatusTooManyRequests:
		p.Hint = "Too much is asked for at once. Wait a moment, then try again."
	case in.Server:
		p.Hint = "Reload to try again; the server's log says more, under the request id below."
	default:
		p.Hint = "Go back, change what is named here, and try again."
	}
	return p
}

// show writes a page with its frame, or what went wrong. A page that refreshes itself gets its content alone.
func (c *Console) show(w http.ResponseWriter, r *http.Request, s *session, p *panel.Panel, v *panel.View, err error) {
	call := c.call(r, s)
	f := &frame{Panels: c.cfg.Panels, Who: name(call.Principal), Account: call.Account, Region: call.Region, Regions: regions, Endpoint: call.BaseURL,
		Ephemeral: c.cfg.Ephemeral, Here: r.URL.EscapedPath(), Now: c.cfg.Env.Now()}
	sheet := ""
	if p != nil {
		sheet, f.Panel = p.Name, p.Name
	}
	status, tmpl := http.StatusOK, "problem"
	if err != nil {
		x := c.problemOf(call, err)
		status, f.Title, f.Data = x.Status, "That did not work", x
		sheet = ""
	} else {
		f.Title, f.Trail, f.Data, tmpl = v.Title, v.Trail, v.Data, v.Template
	}
	var body bytes.Buffer
	if err := c.sheets[sheet].ExecuteTemplate(&body, tmpl, f); err != nil {
		c.cfg.Log.Error("console: template failed", "template", tmpl, "err", err)
		http.Error(w, "500 Internal Server Error: the page could not be made; the server's log says why", http.StatusInternalServerError)
		return
	}
	f.Content = template.HTML(body.String())
	if live(r) {
		c.write(w, status, "", "bare", f)
		return
	}
	f.Notices = c.sessions.notes(s)
	c.write(w, status, "", "layout", f)
}

func (c *Console) write(w http.ResponseWriter, status int, sheet, tmpl string, f *frame) {
	var b bytes.Buffer
	if err := c.sheets[sheet].ExecuteTemplate(&b, tmpl, f); err != nil {
		c.cfg.Log.Error("console: template failed", "template", tmpl, "err", err)
		http.Error(w, "500 Internal Server Error: the page could not be made; the server's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// name is how somebody is called: the end of the ARN.
func name(p wire.Principal) string {
	if p.Type == "Root" {
		return "root"
	}
	if i := strings.LastIndexByte(p.ARN, ':'); i >= 0 {
		return p.ARN[i+1:]
	}
	return p.Type
}
