package s3

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	s3api "virga/api/s3"
	"virga/internal/store"
	"virga/internal/wire"
)

const corsRulesMax = 100

// corsRule is a rule of a bucket's CORS configuration.
type corsRule struct {
	ID      string   `rec:"1"`
	Headers []string `rec:"2"`
	Methods []string `rec:"3"`
	Origins []string `rec:"4"`
	Expose  []string `rec:"5"`
	MaxAge  int64    `rec:"6"`
	HasAge  bool     `rec:"7"`
	Unknown store.Unknown
}

// PutBucketCors implements the operation.
func (s *Service) PutBucketCors(ctx context.Context, in *s3api.PutBucketCorsInput) (*s3api.PutBucketCorsOutput, error) {
	list := in.CORSConfiguration.CORSRules
	if len(list) == 0 || len(list) > corsRulesMax {
		return nil, malformed()
	}
	rules := make([]corsRule, len(list))
	for i, r := range list {
		if len(r.AllowedMethods) == 0 || len(r.AllowedOrigins) == 0 {
			return nil, malformed()
		}
		for _, m := range r.AllowedMethods {
			switch m {
			case "GET", "PUT", "POST", "DELETE", "HEAD":
			default:
				return nil, invalid("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
			}
		}
		for _, o := range r.AllowedOrigins {
			if strings.Count(o, "*") > 1 {
				return nil, invalid("AllowedOrigin %q can not have more than one wildcard.", o)
			}
		}
		for _, h := range r.AllowedHeaders {
			if strings.Count(h, "*") > 1 {
				return nil, invalid("AllowedHeader %q can not have more than one wildcard.", h)
			}
		}
		for _, h := range r.ExposeHeaders {
			if strings.Contains(h, "*") {
				return nil, invalid("ExposeHeader %q contains wildcard. We currently do not support wildcard for ExposeHeader.", h)
			}
		}
		rules[i] = corsRule{ID: wire.V(r.ID), Headers: r.AllowedHeaders, Methods: r.AllowedMethods, Origins: r.AllowedOrigins, Expose: r.ExposeHeaders}
		if r.MaxAgeSeconds != nil {
			rules[i].MaxAge, rules[i].HasAge = int64(*r.MaxAgeSeconds), true
		}
	}
	return &s3api.PutBucketCorsOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.CORS = rules
		return nil
	})
}

// PutBucketCorsRequires implements the operation's requirements.
func (s *Service) PutBucketCorsRequires(ctx context.Context, in *s3api.PutBucketCorsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketCORS")
	return err
}

// GetBucketCors implements the operation.
func (s *Service) GetBucketCors(ctx context.Context, in *s3api.GetBucketCorsInput) (*s3api.GetBucketCorsOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.CORS) == 0 {
		return nil, absent("NoSuchCORSConfiguration", "The CORS configuration does not exist", b.Name)
	}
	out := &s3api.GetBucketCorsOutput{}
	for i := range b.CORS {
		r := &b.CORS[i]
		x := s3api.CORSRule{ID: optional(r.ID), AllowedHeaders: r.Headers, AllowedMethods: r.Methods, AllowedOrigins: r.Origins, ExposeHeaders: r.Expose}
		if r.HasAge {
			x.MaxAgeSeconds = wire.P(int32(r.MaxAge))
		}
		out.CORSRules = append(out.CORSRules, x)
	}
	return out, nil
}

// GetBucketCorsRequires implements the operation's requirements.
func (s *Service) GetBucketCorsRequires(ctx context.Context, in *s3api.GetBucketCorsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetBucketCORS")
	return err
}

// DeleteBucketCors implements the operation.
func (s *Service) DeleteBucketCors(ctx context.Context, in *s3api.DeleteBucketCorsInput) (*s3api.DeleteBucketCorsOutput, error) {
	return &s3api.DeleteBucketCorsOutput{}, s.change(ctx, in.Bucket, func(b *bucket) error {
		b.CORS = nil
		return nil
	})
}

// DeleteBucketCorsRequires implements the operation's requirements.
func (s *Service) DeleteBucketCorsRequires(ctx context.Context, in *s3api.DeleteBucketCorsInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutBucketCORS")
	return err
}

// oneStar matches a text against a pattern with at most one star.
func oneStar(pattern, s string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
}

// grants gives the headers by which a rule lets a web page's request through, nil where it does not.
func (r *corsRule) grants(origin, method string, headers []string) http.Header {
	allowed, any := false, false
	for _, o := range r.Origins {
		allowed = allowed || oneStar(o, origin)
		any = any || o == "*"
	}
	known := false
	for _, m := range r.Methods {
		known = known || m == method
	}
	if !allowed || !known {
		return nil
	}
	for _, h := range headers {
		ok := false
		for _, p := range r.Headers {
			ok = ok || oneStar(strings.ToLower(p), strings.ToLower(h))
		}
		if !ok {
			return nil
		}
	}
	out := http.Header{"Access-Control-Allow-Methods": {strings.Join(r.Methods, ", ")}, "Vary": {"Origin, Access-Control-Request-Headers, Access-Control-Request-Method"}}
	if any {
		out.Set("Access-Control-Allow-Origin", "*")
	} else {
		out.Set("Access-Control-Allow-Origin", origin)
		out.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(headers) > 0 {
		out.Set("Access-Control-Allow-Headers", strings.ToLower(strings.Join(headers, ", ")))
	}
	if len(r.Expose) > 0 {
		out.Set("Access-Control-Expose-Headers", strings.Join(r.Expose, ", "))
	}
	if r.HasAge {
		out.Set("Access-Control-Max-Age", strconv.FormatInt(r.MaxAge, 10))
	}
	return out
}

// CORS answers the listener about a web page's request to a bucket: the headers that let it through, or, for a preflight,
// AWS's refusal (Amazon S3 User Guide, Using cross-origin resource sharing). It gives no right: it only tells browsers
// whether the page may see the answer.
func (s *Service) CORS(ctx context.Context, name, origin, method, headers string, preflight, object bool) (http.Header, error) {
	refuse := func(message string) error {
		if !preflight {
			return nil
		}
		kind := "BUCKET"
		if object {
			kind = "OBJECT"
		}
		return wire.Errorf("AccessForbidden", 403, "%s", message).With("Method", method).With("ResourceType", kind)
	}
	switch {
	case preflight && origin == "":
		return nil, wire.Errorf("BadRequest", 400, "Insufficient information. Origin request header needed.")
	case preflight && method == "":
		return nil, wire.Errorf("BadRequest", 400, "Invalid Access-Control-Request-Method: null")
	}
	c, err := s.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if c.b == nil || len(c.b.CORS) == 0 {
		return nil, refuse("CORSResponse: CORS is not enabled for this bucket.")
	}
	var list []string
	for h := range strings.SplitSeq(headers, ",") {
		if h = strings.TrimSpace(h); h != "" {
			list = append(list, h)
		}
	}
	for i := range c.b.CORS {
		if h := c.b.CORS[i].grants(origin, method, list); h != nil {
			return h, nil
		}
	}
	return nil, refuse("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
}
