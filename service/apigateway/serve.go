package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	lambdaapi "virga/api/lambda"
	"virga/internal/auth/sigv4"
	"virga/internal/execute"
	"virga/internal/policy"
	"virga/internal/proxyevent"
	"virga/internal/wire"
)

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// exchange is one request on its way through a stage.
type exchange struct {
	c      *compiled
	st     *served
	r      *execute.Request
	t      *target
	ev     *proxyevent.Request
	path   string // of the request, without the stage
	noAuth bool   // TestInvokeMethod
}

// Serve implements execute.API.
func (c *compiled) Serve(ctx context.Context, r *execute.Request) *execute.Response {
	x := &exchange{c: c, r: r}
	out := x.serve(ctx)
	out.Header["x-amzn-RequestId"] = []string{r.ID}
	out.Header["x-amz-apigw-id"] = []string{proxyevent.ExtendedID(r.ID)}
	return out
}

func (x *exchange) serve(ctx context.Context) *execute.Response {
	c, r := x.c, x.r
	stageName, rest, _ := strings.Cut(strings.TrimLeft(r.Path, "/"), "/")
	if c.api.DisableExecuteApiEndpoint || c.stages[stageName] == nil {
		return &execute.Response{Status: 403, Code: "ForbiddenException", Header: http.Header{"Content-Type": {"application/json"}, "x-amzn-ErrorType": {"ForbiddenException"}}, Body: []byte(`{"message":"Forbidden"}`)}
	}
	x.st = c.stages[stageName]
	x.path = "/" + strings.TrimLeft(rest, "/")
	x.ev = &proxyevent.Request{Method: r.Method, Protocol: r.HTTP.Proto, Host: r.HTTP.Host, Header: r.HTTP.Header, RawPath: x.path, RawQuery: r.RawQuery, Body: r.Body,
		SourceIP: r.SourceIP, Port: r.Port, Scheme: r.Scheme, AccountID: c.owner.Account, APIID: c.api.Id, Domain: r.Domain, DomainPrefix: domainPrefix(r.Domain), Stage: stageName, RequestID: r.ID, Time: r.Now,
		DeploymentID: x.st.dep.Id, Variables: x.st.stage.Variables}
	n, params := x.st.root.find(strings.Trim(x.path, "/"), nil)
	if n == nil {
		return x.refuse("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
	}
	if x.t = n.verbs[r.Method]; x.t == nil {
		if x.t = n.verbs["ANY"]; x.t == nil {
			return x.refuse("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
		}
	}
	x.ev.Resource, x.ev.ResourceID, x.ev.Params = x.t.res.Path, x.t.res.Id, params
	return x.method(ctx)
}

func domainPrefix(domain string) string {
	p, _, _ := strings.Cut(domain, ".")
	return p
}

// arn is the request's resource: what policies name.
func (x *exchange) arn() string {
	return execute.InvokeARN(x.c.owner.Account, x.c.owner.Region, x.c.api.Id, x.ev.Stage, x.ev.Method, x.path)
}

func (x *exchange) method(ctx context.Context) *execute.Response {
	if l := x.t.limit; l != nil && !l.bucket.Take(x.r.Now, l.rate, l.burst) {
		return x.refuse("THROTTLED", "Too Many Requests")
	}
	if !x.noAuth {
		if out := x.authorize(ctx); out != nil {
			return out
		}
	}
	if out := x.validate(); out != nil {
		return out
	}
	switch ig := x.t.MethodIntegration; {
	case ig == nil:
		return x.refuse("API_CONFIGURATION_ERROR", internal)
	case ig.Type == "MOCK":
		return x.mock()
	case ig.Type == "AWS_PROXY":
		return x.proxy(ctx)
	case ig.Type == "AWS":
		return x.lambda(ctx)
	}
	return x.refuse("API_CONFIGURATION_ERROR", internal)
}

const internal = "Internal server error"

func (x *exchange) authorize(ctx context.Context) *execute.Response {
	switch x.t.AuthorizationType {
	case "AWS_IAM":
		id, err := execute.Signed(ctx, x.c.s.cfg.Callers, x.r, x.arn(), x.st.document)
		var se *sigv4.Error
		switch {
		case errors.Is(err, execute.ErrUnsigned):
			return x.refuse("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
		case errors.As(err, &se) && se.Kind == sigv4.SignatureDoesNotMatch:
			return x.refuse("INVALID_SIGNATURE", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
		case errors.As(err, &se) && se.Kind == sigv4.ExpiredToken:
			return x.refuse("EXPIRED_TOKEN", "The security token included in the request is expired")
		case errors.As(err, &se):
			return x.refuse("MISSING_AUTHENTICATION_TOKEN", "The security token included in the request is invalid.")
		case err != nil:
			return x.refuse("ACCESS_DENIED", wire.Info(nil, wire.RESTJSON, err).Message)
		}
		x.ev.Identity = id
		return nil
	case "CUSTOM":
		if out := x.custom(ctx); out != nil {
			return out
		}
	}
	if x.st.policy == nil {
		return nil
	}
	arn := x.arn()
	keys := policy.Keys{{Name: "aws:SourceIp", Values: []string{x.r.SourceIP}}, {Name: "aws:UserAgent", Values: []string{x.ev.Header.Get("User-Agent")}},
		{Name: "aws:CurrentTime", Values: []string{x.r.Now.UTC().Format(time.RFC3339)}}, {Name: "aws:SecureTransport", Values: []string{strconv.FormatBool(x.r.Scheme == "https")}}}
	d := policy.Evaluate(&policy.Set{Resource: []policy.Attached{{Policy: x.st.policy}}}, &policy.Request{Action: "execute-api:Invoke", Resource: arn, Principal: &policy.Principal{Type: policy.Anonymous}, ResourceAccount: x.c.owner.Account, Context: keys})
	if d.Allowed() {
		return nil
	}
	why := ""
	if d.Verdict == policy.ExplicitDeny {
		why = " with an explicit deny in a resource-based policy"
	}
	return x.refuse("ACCESS_DENIED", "User: anonymous is not authorized to perform: execute-api:Invoke on resource: "+arn+why)
}

// validate checks parameters and body as the method's request validator asks.
func (x *exchange) validate() *execute.Response {
	v := x.t.validator
	if v == nil {
		return nil
	}
	if v.ValidateRequestParameters {
		var lacking []string
		for _, k := range sortedKeys(x.t.RequestParameters) {
			if !x.t.RequestParameters[k] {
				continue
			}
			p := strings.SplitN(k, ".", 4)
			ok := true
			switch p[2] {
			case "querystring":
				ok = len(proxyevent.QueryValues(x.ev.RawQuery, p[3])) > 0 && proxyevent.QueryValues(x.ev.RawQuery, p[3])[0] != ""
			case "header":
				ok = x.ev.Header.Get(p[3]) != ""
			}
			if !ok {
				lacking = append(lacking, p[3])
			}
		}
		if len(lacking) > 0 {
			return x.refuse("BAD_REQUEST_PARAMETERS", "Missing required request parameters: ["+strings.Join(lacking, ", ")+"]")
		}
	}
	if v.ValidateRequestBody && len(x.t.models) > 0 {
		ct, _, _ := strings.Cut(x.ev.Header.Get("Content-Type"), ";")
		if ct = strings.TrimSpace(ct); ct == "" {
			ct = "application/json"
		}
		sch, ok := x.t.models[ct]
		if !ok || sch == nil {
			return nil
		}
		body := string(x.r.Body)
		if body == "" {
			body = "{}"
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		var doc any
		if err := d.Decode(&doc); err != nil || d.More() || sch.Validate(doc) != nil {
			return x.refuse("BAD_REQUEST_BODY", "Invalid request body")
		}
	}
	return nil
}

// function calls a function. out is the answer where the call failed.
func (x *exchange) function(ctx context.Context, arn, role string, payload []byte, source string, timeout time.Duration) (got *lambdaapi.InvokeOutput, out *execute.Response) {
	call := *wire.CallOf(ctx)
	call.Account, call.Region, call.SourceARN, call.SourceAccount = x.c.owner.Account, x.c.owner.Region, source, x.c.owner.Account
	ctx = wire.WithCall(ctx, &call)
	functions := x.c.s.functions
	if role != "" {
		inv, err := execute.AsRole(ctx, x.c.s.cfg.Roles, role, x.c.api.Id)
		if err != nil {
			return nil, x.refuse("API_CONFIGURATION_ERROR", internal)
		}
		functions = &lambdaapi.Client{Invoker: inv}
	}
	late, err := execute.Within(ctx, timeout, func(ctx context.Context) (err error) {
		got, err = functions.Invoke(ctx, &lambdaapi.InvokeInput{FunctionName: arn, Payload: payload})
		return err
	})
	switch {
	case late:
		return nil, x.refuse("INTEGRATION_TIMEOUT", "Endpoint request timed out")
	case err != nil:
		x.c.s.cfg.Log.Debug("integration failed", "api", x.c.api.Id, "function", arn, "err", err)
		return nil, x.refuse("API_CONFIGURATION_ERROR", internal)
	}
	return got, nil
}

// source is what SourceArn says: the method and the resource's path.
func (x *exchange) source() string {
	return execute.InvokeARN(x.c.owner.Account, x.c.owner.Region, x.c.api.Id, x.ev.Stage, x.sourceMethod(), x.t.res.Path)
}

func (x *exchange) sourceMethod() string {
	if x.t.HttpMethod == "ANY" {
		return x.ev.Method
	}
	return x.t.HttpMethod
}

// proxy is the Lambda proxy integration.
func (x *exchange) proxy(ctx context.Context) *execute.Response {
	ig := x.t.MethodIntegration
	if x.t.function == "" {
		return x.refuse("API_CONFIGURATION_ERROR", internal)
	}
	x.ev.Base64 = len(x.ev.Body) > 0 && proxyevent.BinaryType(x.st.dep.BinaryMediaTypes, x.ev.Header.Get("Content-Type"))
	ev := *x.ev
	ev.Params = trimGreedy(ev.Params, x.t.res.Path)
	got, out := x.function(ctx, x.t.function, ig.Credentials, proxyevent.REST(&ev), x.source(), time.Duration(ig.TimeoutInMillis)*time.Millisecond)
	if out != nil {
		return out
	}
	if got.FunctionError != nil {
		return x.badGateway()
	}
	decode := proxyevent.BinaryType(x.st.dep.BinaryMediaTypes, x.ev.Header.Get("Accept"))
	a, err := proxyevent.ReadREST(got.Payload, decode)
	if err != nil {
		return x.badGateway()
	}
	h := http.Header{}
	for k, vs := range a.Header {
		for _, v := range vs {
			if proxyevent.BadHeader(k, v) {
				return x.badGateway()
			}
		}
		if proxyevent.Remapped(k) {
			k = "x-amzn-Remapped-" + k
		}
		h[k] = append(h[k], vs...)
	}
	if !has(h, "Content-Type") {
		h["Content-Type"] = []string{"application/json"}
	}
	return &execute.Response{Status: a.Status, Header: h, Body: a.Body}
}

// trimGreedy takes the slash at the end of a greedy variable away, as API Gateway does.
func trimGreedy(ps []proxyevent.Param, path string) []proxyevent.Param {
	if len(ps) > 0 && strings.HasSuffix(path, "+}") {
		ps[len(ps)-1].Value = strings.TrimSuffix(ps[len(ps)-1].Value, "/")
	}
	return ps
}

func has(h http.Header, name string) bool {
	for k := range h {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

// badGateway is the answer to a function's answer that is none.
func (x *exchange) badGateway() *execute.Response {
	out := x.refuse("INTEGRATION_FAILURE", internal)
	if x.st.responses["INTEGRATION_FAILURE"] == nil && (x.st.responses["DEFAULT_5XX"] == nil || x.st.responses["DEFAULT_5XX"].StatusCode == "") {
		out.Status = http.StatusBadGateway
	}
	out.Code = "InternalServerErrorException"
	return out
}

// template chooses a static template by content type: the request's own, or JSON's.
func template(templates map[string]string, contentType string) (string, bool) {
	ct, _, _ := strings.Cut(contentType, ";")
	if ct = strings.TrimSpace(ct); ct == "" {
		ct = "application/json"
	}
	t, ok := templates[ct]
	return t, ok
}

// mock is the integration that answers without a backend: the request template's statusCode chooses the response.
func (x *exchange) mock() *execute.Response {
	ig := x.t.MethodIntegration
	t, ok := template(ig.RequestTemplates, x.ev.Header.Get("Content-Type"))
	if !ok {
		if ig.PassthroughBehavior == "NEVER" || ig.PassthroughBehavior == "WHEN_NO_TEMPLATES" && len(ig.RequestTemplates) > 0 {
			return x.refuse("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
		}
		t = string(x.ev.Body)
		if x.ev.Method == http.MethodOptions || x.ev.Method == http.MethodGet || x.ev.Method == http.MethodHead {
			if def, ok := ig.RequestTemplates["application/json"]; ok {
				t = def
			}
		}
	}
	var req struct {
		StatusCode json.Number `json:"statusCode"`
	}
	if err := json.Unmarshal([]byte(t), &req); err != nil || req.StatusCode == "" {
		return x.refuse("API_CONFIGURATION_ERROR", internal)
	}
	return x.mapped(req.StatusCode.String(), nil)
}

// lambda is the integration that is no proxy: the body goes in and the answer out as they are.
func (x *exchange) lambda(ctx context.Context) *execute.Response {
	ig := x.t.MethodIntegration
	if x.t.function == "" {
		return x.refuse("API_CONFIGURATION_ERROR", internal)
	}
	body := string(x.ev.Body)
	if t, ok := template(ig.RequestTemplates, x.ev.Header.Get("Content-Type")); ok {
		body = t
	} else if ig.PassthroughBehavior == "NEVER" || ig.PassthroughBehavior == "WHEN_NO_TEMPLATES" && len(ig.RequestTemplates) > 0 {
		return x.refuse("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
	}
	if body == "" {
		body = "{}"
	}
	if !json.Valid([]byte(body)) {
		return x.refuse("API_CONFIGURATION_ERROR", internal) // Lambda could not parse the request body
	}
	got, out := x.function(ctx, x.t.function, ig.Credentials, []byte(body), x.source(), time.Duration(ig.TimeoutInMillis)*time.Millisecond)
	if out != nil {
		return out
	}
	message := ""
	if got.FunctionError != nil {
		var e struct {
			ErrorMessage string `json:"errorMessage"`
		}
		if json.Unmarshal(got.Payload, &e) == nil {
			message = e.ErrorMessage
		}
	}
	return x.mapped(message, got.Payload)
}

// mapped makes the answer of the integration response whose pattern matches, else of the default one.
func (x *exchange) mapped(what string, body []byte) *execute.Response {
	var pick *choice
	for i := range x.t.choices {
		ch := &x.t.choices[i]
		if ch.pattern != nil && what != "" && ch.pattern.MatchString(what) {
			pick = ch
			break
		}
		if ch.pattern == nil && pick == nil {
			pick = ch
		}
	}
	if pick == nil {
		return x.refuse("API_CONFIGURATION_ERROR", internal)
	}
	out := &execute.Response{Header: http.Header{}, Body: body}
	out.Status, _ = strconv.Atoi(pick.StatusCode)
	if out.Status < 200 || out.Status > 599 {
		return x.refuse("API_CONFIGURATION_ERROR", internal)
	}
	ct := "application/json"
	if len(pick.ResponseTemplates) > 0 {
		accept, _, _ := strings.Cut(x.ev.Header.Get("Accept"), ",")
		t, ok := pick.ResponseTemplates[accept]
		if ok {
			ct = accept
		} else if t, ok = pick.ResponseTemplates["application/json"]; !ok {
			ct = sortedKeys(pick.ResponseTemplates)[0]
			t = pick.ResponseTemplates[ct]
		}
		if t != "" {
			out.Body = []byte(t)
		}
	}
	out.Header["Content-Type"] = []string{ct}
	for k, v := range pick.ResponseParameters {
		name := strings.TrimPrefix(k, "method.response.header.")
		if l, ok := literal(v); ok {
			if proxyevent.BadHeader(name, l) {
				return x.refuse("API_CONFIGURATION_ERROR", internal)
			}
			out.Header[http.CanonicalHeaderKey(name)] = []string{l}
		}
	}
	return out
}
