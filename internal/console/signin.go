package console

import (
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/url"

	"virga/internal/auth"
	"virga/internal/env"
	"virga/internal/wire"
)

// askToSignIn leads to the sign-in page and back; a page that refreshes itself is told that its session is over.
func (c *Console) askToSignIn(w http.ResponseWriter, r *http.Request) {
	if live(r) {
		http.Error(w, "401 Unauthorized: sign in again", http.StatusUnauthorized)
		return
	}
	to := "/signin"
	if r.Method == http.MethodGet && r.URL.Path != "/" {
		to += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

type signInData struct {
	KeyID, Next, Problem string
	Dev                  bool
}

func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	if s := c.who(r); s != nil {
		http.Redirect(w, r, local(r.URL.Query().Get("next")), http.StatusSeeOther)
		return
	}
	c.showSignIn(w, r, http.StatusOK, signInData{Next: local(r.URL.Query().Get("next"))})
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, d signInData) {
	d.Dev = c.cfg.DevKey != "" && c.cfg.DevPeer(r)
	c.write(w, status, "", "signin", &frame{Title: "Sign in", Endpoint: endpoint(r), Ephemeral: c.cfg.Ephemeral, Data: d})
}

// signIn takes an access key id with its secret (and a session token), or the development key from where those work.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	if err := readForm(w, r, signInBytes); err != nil {
		c.showSignIn(w, r, http.StatusBadRequest, signInData{Problem: "The form could not be read. Try again."})
		return
	}
	d := signInData{KeyID: r.PostForm.Get("key"), Next: local(r.PostForm.Get("next"))}
	if c.sessions.blocked(address) {
		d.Problem = "Too many attempts failed from here. Wait a minute, then try again."
		c.showSignIn(w, r, http.StatusTooManyRequests, d)
		return
	}
	secret, token := r.PostForm.Get("secret"), r.PostForm.Get("token")
	click := r.PostForm.Get("dev") != "" && c.cfg.DevKey != "" && c.cfg.DevPeer(r)
	if click {
		d.KeyID, token = c.cfg.DevKey, ""
	}
	call := &wire.Call{Service: "signin", Operation: "ConsoleLogin", RequestID: env.NewID(c.cfg.Env), Region: c.cfg.Region, SourceIP: address, UserAgent: r.UserAgent(), Time: c.cfg.Env.Wall()}
	cred, err := c.cfg.Auth.Lookup(r.Context(), d.KeyID, token)
	hash := sha256.Sum256(nil)
	if err == nil {
		hash = sha256.Sum256([]byte(cred.Secret))
	}
	match := same(secret, hash)
	switch {
	case err == nil && cred.Dev && !c.cfg.DevPeer(r):
		err = auth.ErrUnknownKey
	case err == nil && !match && !click:
		err = auth.ErrUnknownKey
	}
	if err != nil {
		c.sessions.fail(address)
		c.cfg.Record.Refused(call, "ConsoleLoginFailure")
		d.Problem = "The access key id or the secret is wrong."
		switch {
		case errors.Is(err, auth.ErrExpiredToken):
			d.Problem = "These temporary credentials have expired. Get new ones, then sign in again."
		case errors.Is(err, auth.ErrBadToken):
			d.Problem = "The session token does not belong to this access key id."
		}
		c.showSignIn(w, r, http.StatusForbidden, d)
		return
	}
	call.Principal, call.Account = cred.Principal, cred.Principal.Account
	if err := c.cfg.Record.Done(r.Context(), call, false, false, "", 0, 0); err != nil {
		c.cfg.Log.Error("console: sign-in was not recorded", "err", err)
		d.Problem = "The sign-in could not be recorded, so nobody was signed in. The server's log says why."
		c.showSignIn(w, r, http.StatusInternalServerError, d)
		return
	}
	if old, err := r.Cookie(cookieName(r)); err == nil {
		c.sessions.end(old.Value)
	}
	id := c.sessions.add(&session{keyID: d.KeyID, token: token, secret: hash, dev: cred.Dev, principal: cred.Principal, region: c.cfg.Region})
	c.setCookie(w, r, id)
	http.Redirect(w, r, d.Next, http.StatusSeeOther)
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if k, err := r.Cookie(cookieName(r)); err == nil {
		c.sessions.end(k.Value)
	}
	c.setCookie(w, r, "")
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}
