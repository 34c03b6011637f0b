package apigatewayv2

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"virga/internal/execute"
)

func unescapePath(p string) string {
	if u, err := url.PathUnescape(p); err == nil {
		return u
	}
	return p
}

// allowed gives the Access-Control-Allow-Origin for an origin, "" where it is not allowed.
func (c *cors) allowed(origin string) string {
	for _, o := range c.AllowOrigins {
		switch {
		case o == "*":
			return "*"
		case strings.EqualFold(o, origin):
			return origin
		case strings.HasSuffix(o, "*") && strings.HasPrefix(strings.ToLower(origin), strings.ToLower(strings.TrimSuffix(o, "*"))):
			return origin
		}
	}
	return ""
}

// preflight answers a browser's question, whatever the routes are.
func (c *cors) preflight(origin string) *execute.Response {
	out := &execute.Response{Status: http.StatusNoContent, Header: http.Header{}}
	allow := c.allowed(origin)
	if allow == "" {
		return out
	}
	set := func(k string, v []string) {
		if len(v) > 0 {
			out.Header[k] = []string{strings.Join(v, ",")}
		}
	}
	out.Header["Access-Control-Allow-Origin"] = []string{allow}
	set("Access-Control-Allow-Methods", c.AllowMethods)
	set("Access-Control-Allow-Headers", c.AllowHeaders)
	if c.MaxAge != nil {
		out.Header["Access-Control-Max-Age"] = []string{strconv.Itoa(int(*c.MaxAge))}
	}
	if c.AllowCredentials != nil && *c.AllowCredentials {
		out.Header["Access-Control-Allow-Credentials"] = []string{"true"}
	}
	return out
}

// mark takes the backend's own CORS headers from an answer and puts the API's in their place.
func (c *cors) mark(out *execute.Response, origin string) {
	for k := range out.Header {
		if strings.HasPrefix(strings.ToLower(k), "access-control-") {
			delete(out.Header, k)
		}
	}
	if origin == "" {
		return
	}
	allow := c.allowed(origin)
	if allow == "" {
		return
	}
	out.Header["Access-Control-Allow-Origin"] = []string{allow}
	if allow != "*" {
		out.Header["Vary"] = append(out.Header["Vary"], "Origin")
	}
	if len(c.ExposeHeaders) > 0 {
		out.Header["Access-Control-Expose-Headers"] = []string{strings.Join(c.ExposeHeaders, ",")}
	}
	if c.AllowCredentials != nil && *c.AllowCredentials {
		out.Header["Access-Control-Allow-Credentials"] = []string{"true"}
	}
}
