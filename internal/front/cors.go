package front

import (
	"net/http"
	"net/url"
	"strings"

	"virga/internal/wire"
)

// preflight answers a browser's question: origins that the operator listed may call, and buckets let in whom their
// own configuration names.
func (c *call) preflight() {
	o := c.r.Header.Get("Origin")
	h := c.w.Header()
	if !listed(o, c.f.cfg.Origins) {
		bucket := c.route.bucketName()
		if c.f.cfg.BucketCORS == nil || bucket == "" {
			c.answerError(wire.Errorf("AccessForbidden", 403, "CORSResponse: This CORS request is not allowed."))
			return
		}
		allow, err := c.f.cfg.BucketCORS(c.r.Context(), bucket, o, c.r.Header.Get("Access-Control-Request-Method"), c.r.Header.Get("Access-Control-Request-Headers"), true, c.route.key)
		if err != nil {
			c.answerError(err)
			return
		}
		for k, v := range allow {
			h[k] = v
		}
		h["X-Amz-Request-Id"], h["X-Amz-Id-2"] = []string{c.id}, []string{c.id}
		c.w.WriteHeader(http.StatusOK)
		return
	}
	h.Set("Access-Control-Allow-Origin", o)
	h.Set("Access-Control-Allow-Methods", "GET, PUT, POST, DELETE, HEAD")
	h.Set("Access-Control-Allow-Headers", c.r.Header.Get("Access-Control-Request-Headers"))
	h.Set("Vary", "Origin")
	c.w.WriteHeader(http.StatusNoContent)
}

// bucketName is the bucket that an S3 request means, "" where there is none.
func (rt route) bucketName() string {
	if !rt.s3() {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(rt.path, "/"), "/")
	if n, err := url.PathUnescape(name); err == nil {
		return n
	}
	return ""
}

// crossOrigin adds to the answer of a web page's request what the bucket's configuration says.
func (c *call) crossOrigin(h http.Header) {
	o := c.r.Header.Get("Origin")
	if o == "" || c.f.cfg.BucketCORS == nil || c.r.Method == http.MethodOptions {
		return
	}
	bucket := c.route.bucketName()
	if bucket == "" {
		return
	}
	allow, err := c.f.cfg.BucketCORS(c.r.Context(), bucket, o, c.r.Method, "", false, c.route.key)
	if err != nil {
		c.f.cfg.Log.Error("cors", "bucket", bucket, "err", err)
		return
	}
	for k, v := range allow {
		h[k] = v
	}
}
