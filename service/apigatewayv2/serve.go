package apigatewayv2

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	lambdaapi "virga/api/lambda"
	"virga/internal/execute"
	"virga/internal/proxyevent"
	"virga/internal/wire"
)

func reply(status int, text, code string) *execute.Response {
	return &execute.Response{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"message":"` + text + `"}`), Code: code}
}

func notFound() *execute.Response         { return reply(404, "Not Found", "NotFound") }
func failed(why string) *execute.Response { return reply(500, "Internal Server Error", why) }

// Serve implements execute.API.
func (c *compiled) Serve(ctx context.Context, r *execute.Request) *execute.Response {
	out := c.answer(ctx, r)
	out.Header["apigw-requestid"] = []string{proxyevent.ExtendedID(r.ID)}
	return out
}

func (c *compiled) answer(ctx context.Context, r *execute.Request) *execute.Response {
	if c.api.DisableExecuteApiEndpoint {
		return notFound()
	}
	st, path := c.stageOf(r.Path)
	if st == nil {
		return notFound()
	}
	if st.cors != nil && r.Method == http.MethodOptions && r.HTTP.Header.Get("Origin") != "" && r.HTTP.Header.Get("Access-Control-Request-Method") != "" {
		return st.cors.preflight(r.HTTP.Header.Get("Origin"))
	}
	out := c.route(ctx, r, st, path)
	if st.cors != nil {
		st.cors.mark(out, r.HTTP.Header.Get("Origin"))
	}
	return out
}

func (c *compiled) route(ctx context.Context, r *execute.Request, st *served, path string) *execute.Response {
	t, params := st.router.find(r.Method, path)
	if t == nil {
		return notFound()
	}
	if l := t.limit; l != nil && !l.bucket.Take(r.Now, l.rate, l.burst) {
		return reply(429, "Too Many Requests", "ThrottlingException")
	}
	ev := &proxyevent.Request{
		Method: r.Method, Protocol: r.HTTP.Proto, Host: r.HTTP.Host, Header: r.HTTP.Header, RawPath: decodePath(path), RawQuery: r.RawQuery, Body: r.Body,
		SourceIP: r.SourceIP, Port: r.Port, Scheme: r.Scheme, AccountID: c.owner.Account, APIID: c.api.ApiId, Domain: r.Domain, DomainPrefix: prefix(r.Domain),
		Stage: st.stage.StageName, RequestID: proxyevent.ExtendedID(r.ID), Time: r.Now, RouteKey: t.route.RouteKey, Params: params, Variables: st.stage.StageVariables,
	}
	source := execute.InvokeARN(c.owner.Account, c.owner.Region, c.api.ApiId, st.stage.StageName, routeMethod(t, r.Method), routePath(t))
	switch t.route.AuthorizationType {
	case "AWS_IAM":
		arn := execute.InvokeARN(c.owner.Account, c.owner.Region, c.api.ApiId, st.stage.StageName, r.Method, path)
		id, err := execute.Signed(ctx, c.s.cfg.Callers, r, arn, "")
		if err != nil {
			return reply(403, "Forbidden", "AccessDeniedException")
		}
		ev.Identity = id
	case "CUSTOM":
		if out := c.custom(ctx, r, t, ev, st, path); out != nil {
			return out
		}
	}
	if t.ig == nil {
		return failed("NoIntegration")
	}
	return c.invoke(ctx, t.ig, ev, source)
}

// routeMethod and routePath are what SourceArn says: the route, not the request.
func routeMethod(t *target, method string) string {
	if m, _, ok := strings.Cut(t.route.RouteKey, " "); ok && m != "ANY" {
		return m
	}
	if t.route.RouteKey == "$default" {
		return "$default"
	}
	return method
}

func routePath(t *target) string {
	_, p, _ := strings.Cut(t.route.RouteKey, " ")
	return p
}

func prefix(domain string) string {
	p, _, _ := strings.Cut(domain, ".")
	return p
}

func decodePath(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	return unescapePath(p)
}

func (c *compiled) invoke(ctx context.Context, ig *backend, ev *proxyevent.Request, source string) *execute.Response {
	if ig.function == "" {
		return failed("InvalidIntegration")
	}
	if len(ev.Body) > 0 {
		ev.Base64 = !proxyevent.TextBody(ev.Header.Get("Content-Type"), ev.Body) || ev.Header.Get("Content-Encoding") != ""
	}
	var payload []byte
	if ig.PayloadFormatVersion == "2.0" {
		payload = proxyevent.V2(ev)
	} else {
		payload = proxyevent.V1(ev)
	}
	answer, out := c.function(ctx, ig.function, ig.CredentialsArn, payload, source, time.Duration(ig.TimeoutInMillis)*time.Millisecond)
	if out != nil {
		return out
	}
	var a *proxyevent.Answer
	var err error
	if ig.PayloadFormatVersion == "2.0" {
		a, err = proxyevent.ReadV2(answer)
	} else {
		a, err = proxyevent.ReadV1(answer)
	}
	if err != nil {
		return failed("MalformedAnswer")
	}
	h := http.Header{}
	for k, vs := range a.Header {
		if proxyevent.Dropped(k) {
			continue
		}
		for _, v := range vs {
			if proxyevent.BadHeader(k, v) {
				return failed("MalformedAnswer")
			}
		}
		h[http.CanonicalHeaderKey(k)] = append(h[http.CanonicalHeaderKey(k)], vs...)
	}
	if h.Get("Content-Type") == "" && len(a.Body) > 0 {
		h["Content-Type"] = []string{"text/plain;charset=UTF-8"}
	}
	return &execute.Response{Status: a.Status, Header: h, Body: a.Body}
}

// errThrottled is what a function's throttle looks like.
func throttled(err error) bool {
	code := wire.CodeOf(err)
	return code == "TooManyRequestsException" || code == "ThrottlingException"
}

// function calls a function. out is the answer where the call failed.
func (c *compiled) function(ctx context.Context, arn, role string, payload []byte, source string, timeout time.Duration) (answer []byte, out *execute.Response) {
	call := *wire.CallOf(ctx)
	call.Account, call.Region, call.SourceARN, call.SourceAccount = c.owner.Account, c.owner.Region, source, c.owner.Account
	ctx = wire.WithCall(ctx, &call)
	functions := c.s.functions
	if role != "" {
		inv, err := execute.AsRole(ctx, c.s.cfg.Roles, role, c.api.ApiId)
		if err != nil {
			return nil, failed("IntegrationRole")
		}
		functions = &lambdaapi.Client{Invoker: inv}
	}
	var got *lambdaapi.InvokeOutput
	late, err := execute.Within(ctx, timeout, func(ctx context.Context) (err error) {
		got, err = functions.Invoke(ctx, &lambdaapi.InvokeInput{FunctionName: arn, Payload: payload})
		return err
	})
	switch {
	case late:
		return nil, reply(503, "Service Unavailable", "IntegrationTimeout")
	case err != nil && errors.Is(err, context.Canceled):
		return nil, reply(503, "Service Unavailable", "ClientLeft")
	case throttled(err):
		return nil, reply(503, "Service Unavailable", "IntegrationThrottled")
	case err != nil:
		c.s.cfg.Log.Debug("integration failed", "api", c.api.ApiId, "function", arn, "err", err)
		return nil, failed("IntegrationFailure")
	case got.FunctionError != nil:
		return got.Payload, failed("FunctionError")
	}
	return got.Payload, nil
}
