package apigw

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	v2api "virga/api/apigatewayv2"
	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

// httpAPI makes an API with routes to the function; a route is "KEY" or "KEY|authorizer|version".
func (w *world) httpAPI(t testing.TB, version string, routes ...string) (id, integration string) {
	t.Helper()
	a := must(w.http.CreateApi(w.ctx, &v2api.CreateApiInput{Name: "x", ProtocolType: "HTTP"}))(t)
	id = *a.ApiId
	ig := must(w.http.CreateIntegration(w.ctx, &v2api.CreateIntegrationInput{ApiId: id, IntegrationType: "AWS_PROXY", IntegrationUri: wire.P(function), PayloadFormatVersion: &version}))(t)
	for _, k := range routes {
		must(w.http.CreateRoute(w.ctx, &v2api.CreateRouteInput{ApiId: id, RouteKey: k, Target: wire.P("integrations/" + *ig.IntegrationId)}))(t)
	}
	must(w.http.CreateStage(w.ctx, &v2api.CreateStageInput{ApiId: id, StageName: "$default", AutoDeploy: wire.P(true)}))(t)
	return id, *ig.IntegrationId
}

func echoRoute(_ context.Context, event json.RawMessage) (any, error) {
	var e struct {
		RouteKey       string            `json:"routeKey"`
		PathParameters map[string]string `json:"pathParameters"`
	}
	json.Unmarshal(event, &e)
	out := e.RouteKey
	for _, k := range []string{"id", "proxy", "x"} {
		if v, ok := e.PathParameters[k]; ok {
			out += " " + k + "=" + v
		}
	}
	return out, nil
}

func TestRoutes(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = echoRoute
	id, _ := w.httpAPI(t, "2.0", "GET /pets", "ANY /pets", "GET /pets/{id}", "GET /pets/dog", "ANY /pets/{proxy+}", "POST /pets/{id}", "GET /{x}/last", "GET /a/{proxy+}", "$default")
	for _, c := range [][3]string{
		{"GET", "/pets", "GET /pets"},
		{"PUT", "/pets", "ANY /pets"},
		{"GET", "/pets/7", "GET /pets/{id} id=7"},
		{"GET", "/pets/dog", "GET /pets/dog"},
		{"POST", "/pets/dog", "POST /pets/{id} id=dog"},
		{"PUT", "/pets/7", "ANY /pets/{proxy+} proxy=7"},
		{"GET", "/pets/7/toys", "ANY /pets/{proxy+} proxy=7/toys"},
		{"GET", "/a/last", "GET /{x}/last x=a"}, // a full match before a greedy one
		{"GET", "/a/b/c", "GET /a/{proxy+} proxy=b/c"},
		{"GET", "/pets/a%20b", "GET /pets/{id} id=a b"},
		{"GET", "/pets/", "$default"},
		{"GET", "/", "$default"},
		{"GET", "/other", "$default"},
	} {
		if a := w.call(c[0], id, c[1], ""); a.status != 200 || a.body != c[2] {
			t.Errorf("%s %s: %d %q, want %q", c[0], c[1], a.status, a.body, c[2])
		}
	}
}

func TestEventV2(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) {
		return map[string]any{"statusCode": 201, "headers": map[string]any{"X-One": "1", "content-type": "text/css"}, "cookies": []string{"a=1", "b=2; Secure"}, "body": "aGk=", "isBase64Encoded": true}, nil
	}
	id, _ := w.httpAPI(t, "2.0", "POST /orders/{id}")
	must(w.http.CreateStage(w.ctx, &v2api.CreateStageInput{ApiId: id, StageName: "test", AutoDeploy: wire.P(true), StageVariables: map[string]string{"colour": "red"}}))(t)
	a := w.call("POST", id, "/test/orders/7?q=1&q=2&r=a%20b", `{"n":1}`, "Content-Type", "application/json", "Cookie", "u=1; v=2", "X-Multi", "a", "X-Multi", "b")
	w.want(a, 201, "hi")
	if a.header.Get("X-One") != "1" || a.header.Get("Content-Type") != "text/css" || strings.Join(a.header["Set-Cookie"], "|") != "a=1|b=2; Secure" || a.header.Get("Apigw-Requestid") == "" {
		t.Errorf("headers %v", a.header)
	}
	e := w.lambda.last(t)
	for _, c := range []struct {
		want any
		path []string
	}{
		{"2.0", []string{"version"}}, {"POST /orders/{id}", []string{"routeKey"}}, {"/test/orders/7", []string{"rawPath"}}, {"q=1&q=2&r=a%20b", []string{"rawQueryString"}},
		{"1,2", []string{"queryStringParameters", "q"}}, {"a b", []string{"queryStringParameters", "r"}}, {"a,b", []string{"headers", "x-multi"}}, {nil, []string{"headers", "cookie"}},
		{"7", []string{"pathParameters", "id"}}, {"red", []string{"stageVariables", "colour"}}, {`{"n":1}`, []string{"body"}}, {false, []string{"isBase64Encoded"}},
		{account, []string{"requestContext", "accountId"}}, {id, []string{"requestContext", "apiId"}}, {"test", []string{"requestContext", "stage"}}, {id + ".execute-api.localhost", []string{"requestContext", "domainName"}},
		{id, []string{"requestContext", "domainPrefix"}}, {"POST", []string{"requestContext", "http", "method"}}, {"127.0.0.1", []string{"requestContext", "http", "sourceIp"}}, {"HTTP/1.1", []string{"requestContext", "http", "protocol"}},
	} {
		if got := get(e, c.path...); got != c.want {
			t.Errorf("%v is %v, want %v", c.path, got, c.want)
		}
	}
	if c, _ := json.Marshal(e["cookies"]); string(c) != `["u=1","v=2"]` {
		t.Errorf("cookies %s", c)
	}
	// Bytes travel in base 64; without a body the member is absent.
	w.call("POST", id, "/orders/1", "\x00\xff", "Content-Type", "image/png")
	if e := w.lambda.last(t); e["body"] != base64.StdEncoding.EncodeToString([]byte("\x00\xff")) || e["isBase64Encoded"] != true {
		t.Errorf("body %v", e["body"])
	}
	w.call("POST", id, "/orders/1", "")
	if _, ok := w.lambda.last(t)["body"]; ok {
		t.Error("an event without a body has one")
	}
}

func TestEventV1(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) {
		return map[string]any{"statusCode": 200, "headers": map[string]any{"a": "1"}, "multiValueHeaders": map[string]any{"set-cookie": []string{"x=1", "y=2"}}, "body": "ok"}, nil
	}
	id, _ := w.httpAPI(t, "1.0", "GET /p/{id}")
	a := w.call("GET", id, "/p/9?q=1&q=2", "")
	w.want(a, 200, "ok")
	if len(a.header["Set-Cookie"]) != 2 || a.header.Get("A") != "1" {
		t.Errorf("headers %v", a.header)
	}
	e := w.lambda.last(t)
	if e["version"] != "1.0" || e["resource"] != "/p/{id}" || e["path"] != "/p/9" || get(e, "queryStringParameters", "q") != "2" || len(get(e, "multiValueQueryStringParameters", "q").([]any)) != 2 || e["body"] != nil || get(e, "requestContext", "identity", "sourceIp") != "127.0.0.1" {
		t.Errorf("event %v", e)
	}
}

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	id, _ := w.httpAPI(t, "2.0", "$default")
	for _, c := range []struct {
		answer any
		err    error
		status int
		body   string
	}{
		{answer: map[string]any{"message": "x"}, status: 200, body: `{"message":"x"}`},
		{answer: "plain", status: 200, body: "plain"},
		{answer: json.RawMessage(`{"statusCode":204}`), status: 204},
		{answer: map[string]any{"statusCode": "abc"}, status: 500, body: `{"message":"Internal Server Error"}`},
		{answer: map[string]any{"statusCode": 99}, status: 500, body: `{"message":"Internal Server Error"}`},
		{answer: map[string]any{"statusCode": 101}, status: 500, body: `{"message":"Internal Server Error"}`},
		{answer: map[string]any{"statusCode": 200, "headers": map[string]any{"x": "a\r\nb: c"}}, status: 500, body: `{"message":"Internal Server Error"}`},
		{answer: map[string]any{"statusCode": 200, "headers": map[string]any{"Transfer-Encoding": "chunked"}}, status: 500, body: `{"message":"Internal Server Error"}`},
		{answer: map[string]any{"statusCode": 200, "body": "!!", "isBase64Encoded": true}, status: 500, body: `{"message":"Internal Server Error"}`},
		{err: functionError("boom"), status: 500, body: `{"message":"Internal Server Error"}`},
		{err: wire.Throttling(""), status: 503, body: `{"message":"Service Unavailable"}`},
	} {
		w.lambda.fn = func(context.Context, json.RawMessage) (any, error) { return c.answer, c.err }
		w.want(w.call("GET", id, "/", ""), c.status, c.body)
	}
}

func TestPermission(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = echoRoute
	id, _ := w.httpAPI(t, "2.0", "GET /pets", "GET /cats")
	w.lambda.policy = grant("arn:aws:execute-api:eu-west-1:123456789012:" + id + "/*/GET/pets")
	w.want(w.call("GET", id, "/pets", ""), 200, "GET /pets")
	w.want(w.call("GET", id, "/cats", ""), 500, `{"message":"Internal Server Error"}`)
	w.lambda.policy = ""
	w.want(w.call("GET", id, "/pets", ""), 500, `{"message":"Internal Server Error"}`)
}

func TestHostsAndPaths(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = echoRoute
	id, _ := w.httpAPI(t, "2.0", "GET /pets")
	must(w.http.CreateStage(w.ctx, &v2api.CreateStageInput{ApiId: id, StageName: "dev", AutoDeploy: wire.P(true)}))(t)
	for _, c := range [][2]string{
		{id + ".execute-api.localhost", "/pets"}, {id + ".execute-api.eu-west-1.localhost:1", "/dev/pets"}, {id + ".execute-api.localhost.localstack.cloud", "/pets"},
		{"localhost:4566", "/_aws/execute-api/" + id + "/pets"}, {"127.0.0.1", "/_aws/execute-api/" + id + "/dev/pets"}, {"localhost", "/restapis/" + id + "/dev/_user_request_/pets"},
	} {
		req, _ := http.NewRequest("GET", "http://"+w.addr+c[1], nil)
		req.Host = c[0]
		w.want(w.send(req), 200, "GET /pets")
	}
	for _, c := range []struct {
		host, path string
		status     int
	}{
		{"nosuchapi1.execute-api.localhost", "/", 403}, {id + ".execute-api.us-west-2.localhost", "/pets", 403}, {id + ".execute-api.localhost", "/nothing", 404},
		{id + ".execute-api.evil.example", "/pets", 421}, {id + ".execute-api.eu-west-1.amazonaws.com", "/pets", 421},
	} {
		req, _ := http.NewRequest("GET", "http://"+w.addr+c.path, nil)
		req.Host = c.host
		if a := w.send(req); a.status != c.status {
			t.Errorf("%s%s: %d %s, want %d", c.host, c.path, a.status, a.body, c.status)
		}
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(ctx context.Context, _ json.RawMessage) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
	id, ig := w.httpAPI(t, "2.0", "$default")
	must(w.http.UpdateIntegration(w.ctx, &v2api.UpdateIntegrationInput{ApiId: id, IntegrationId: ig, TimeoutInMillis: wire.P(int32(50))}))(t)
	w.want(w.call("GET", id, "/", ""), 503, `{"message":"Service Unavailable"}`)
	w.want(w.call("POST", id, "/", strings.Repeat("x", 10<<20+1)), 413, `{"message":"Request Entity Too Large"}`)
	req, _ := http.NewRequest("POST", "http://"+w.addr+"/", struct{ *strings.Reader }{strings.NewReader(strings.Repeat("x", 10<<20+1))})
	req.Host, req.ContentLength = id+".execute-api.localhost", -1
	w.want(w.send(req), 413, `{"message":"Request Entity Too Large"}`)
	if a := w.call("GET", id, "/", "", "X-Big", strings.Repeat("x", 11000)); a.status != 431 {
		t.Errorf("a large header: %d", a.status)
	}
	w.lambda.fn = echoRoute
	must(w.http.UpdateStage(w.ctx, &v2api.UpdateStageInput{ApiId: id, StageName: "$default", DefaultRouteSettings: &v2api.RouteSettings{ThrottlingBurstLimit: wire.P(int32(3)), ThrottlingRateLimit: wire.P(0.001)}}))(t)
	codes := map[int]int{}
	for range 5 {
		codes[w.call("GET", id, "/", "").status]++
	}
	if codes[200] != 3 || codes[429] != 2 {
		t.Errorf("throttled: %v", codes)
	}
}

func TestCORS(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) {
		return map[string]any{"statusCode": 200, "headers": map[string]any{"Access-Control-Allow-Origin": "https://evil.example", "X": "1"}, "body": "ok"}, nil
	}
	id, _ := w.httpAPI(t, "2.0", "GET /pets")
	must(w.http.UpdateApi(w.ctx, &v2api.UpdateApiInput{ApiId: id, CorsConfiguration: &v2api.Cors{AllowOrigins: []string{"https://app.example"}, AllowMethods: []string{"GET", "POST"}, AllowHeaders: []string{"x-a"}, MaxAge: wire.P(int32(300)), AllowCredentials: wire.P(true), ExposeHeaders: []string{"x"}}}))(t)
	a := w.call("OPTIONS", id, "/nothing/here", "", "Origin", "https://app.example", "Access-Control-Request-Method", "POST")
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "https://app.example" || a.header.Get("Access-Control-Allow-Methods") != "GET,POST" || a.header.Get("Access-Control-Max-Age") != "300" || a.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("preflight %d %v", a.status, a.header)
	}
	a = w.call("OPTIONS", id, "/pets", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of another origin %d %v", a.status, a.header)
	}
	a = w.call("GET", id, "/pets", "", "Origin", "https://app.example")
	if a.header.Get("Access-Control-Allow-Origin") != "https://app.example" || a.header.Get("X") != "1" || a.header.Get("Access-Control-Expose-Headers") != "x" {
		t.Errorf("headers %v", a.header)
	}
	if a = w.call("GET", id, "/pets", ""); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the backend's CORS header came through")
	}
}

func TestLambdaAuthorizer(t *testing.T) {
	w := newWorld(t)
	id, ig := w.httpAPI(t, "2.0")
	asked := 0
	w.lambda.fn = func(_ context.Context, event json.RawMessage) (any, error) {
		var e struct {
			Type           string          `json:"type"`
			IdentitySource []string        `json:"identitySource"`
			RouteArn       string          `json:"routeArn"`
			RequestContext json.RawMessage `json:"requestContext"`
		}
		json.Unmarshal(event, &e)
		if e.Type != "REQUEST" {
			var m map[string]any
			json.Unmarshal(event, &m)
			return get(m, "requestContext", "authorizer"), nil
		}
		asked++
		switch tok := e.IdentitySource[0]; tok {
		case "boom":
			return nil, functionError("broken")
		case "stop":
			return nil, functionError("Unauthorized")
		case "policy":
			return map[string]any{"principalId": "me", "policyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": e.RouteArn}}}, "context": map[string]any{"k": "v"}}, nil
		default:
			return map[string]any{"isAuthorized": tok == "yes", "context": map[string]any{"n": 1}}, nil
		}
	}
	z := must(w.http.CreateAuthorizer(w.ctx, &v2api.CreateAuthorizerInput{ApiId: id, Name: "a", AuthorizerType: "REQUEST", AuthorizerUri: wire.P("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/" + function + "/invocations"),
		AuthorizerPayloadFormatVersion: wire.P("2.0"), EnableSimpleResponses: wire.P(true), IdentitySource: []string{"$request.header.Authorization"}, AuthorizerResultTtlInSeconds: wire.P(int32(60))}))(t)
	must(w.http.CreateRoute(w.ctx, &v2api.CreateRouteInput{ApiId: id, RouteKey: "GET /x", Target: wire.P("integrations/" + ig), AuthorizationType: wire.P("CUSTOM"), AuthorizerId: z.AuthorizerId}))(t)
	w.want(w.call("GET", id, "/x", "", "Authorization", "yes"), 200, `{"lambda":{"n":1}}`)
	w.want(w.call("GET", id, "/x", "", "Authorization", "yes"), 200, `{"lambda":{"n":1}}`)
	if asked != 1 {
		t.Errorf("asked %d times; the answer was to be kept", asked)
	}
	w.want(w.call("GET", id, "/x", "", "Authorization", "no"), 403, `{"message":"Forbidden"}`)
	w.want(w.call("GET", id, "/x", ""), 401, `{"message":"Unauthorized"}`)
	w.want(w.call("GET", id, "/x", "", "Authorization", "boom"), 500, `{"message":"Internal Server Error"}`)
	w.want(w.call("GET", id, "/x", "", "Authorization", "stop"), 401, `{"message":"Unauthorized"}`)
	must(w.http.UpdateAuthorizer(w.ctx, &v2api.UpdateAuthorizerInput{ApiId: id, AuthorizerId: *z.AuthorizerId, EnableSimpleResponses: wire.P(false), AuthorizerResultTtlInSeconds: wire.P(int32(0))}))(t)
	w.want(w.call("GET", id, "/x", "", "Authorization", "policy"), 200, `{"lambda":{"k":"v"}}`)
	w.want(w.call("GET", id, "/x", "", "Authorization", "yes"), 500, `{"message":"Internal Server Error"}`)
}

func TestIAM(t *testing.T) {
	w := newWorld(t)
	id, ig := w.httpAPI(t, "2.0")
	w.lambda.fn = func(_ context.Context, event json.RawMessage) (any, error) {
		var m map[string]any
		json.Unmarshal(event, &m)
		return get(m, "requestContext", "authorizer", "iam", "userArn"), nil
	}
	must(w.http.CreateRoute(w.ctx, &v2api.CreateRouteInput{ApiId: id, RouteKey: "POST /x", Target: wire.P("integrations/" + ig), AuthorizationType: wire.P("AWS_IAM")}))(t)
	w.want(w.call("POST", id, "/x", "hi"), 403, `{"message":"Forbidden"}`)
	sign := func(secret, body string) *http.Request {
		req, _ := http.NewRequest("POST", "http://"+w.addr+"/x", strings.NewReader(body))
		req.Host = id + ".execute-api.localhost"
		s := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: w.key.ID, SecretAccessKey: secret}, region, "execute-api")
		if err := s.SignHTTP(req, time.Now(), sigv4.HashOf([]byte("hi"))); err != nil {
			t.Fatal(err)
		}
		return req
	}
	w.want(w.send(sign(w.key.Secret, "hi")), 200, "arn:aws:iam::"+account+":root")
	w.want(w.send(sign("wrong", "hi")), 403, `{"message":"Forbidden"}`)
	w.want(w.send(sign(w.key.Secret, "ho")), 403, `{"message":"Forbidden"}`) // another body than was signed
}

func TestRefusedByName(t *testing.T) {
	w := newWorld(t)
	id, _ := w.httpAPI(t, "2.0")
	for name, err := range map[string]error{
		"WEBSOCKET":      second(w.http.CreateApi(w.ctx, &v2api.CreateApiInput{Name: "w", ProtocolType: "WEBSOCKET"})),
		"JWT":            second(w.http.CreateAuthorizer(w.ctx, &v2api.CreateAuthorizerInput{ApiId: id, Name: "j", AuthorizerType: "JWT", IdentitySource: []string{"$request.header.Authorization"}, JwtConfiguration: &v2api.JWTConfiguration{Issuer: wire.P("https://x")}})),
		"HTTP_PROXY":     second(w.http.CreateIntegration(w.ctx, &v2api.CreateIntegrationInput{ApiId: id, IntegrationType: "HTTP_PROXY", IntegrationUri: wire.P("https://example.com"), PayloadFormatVersion: wire.P("1.0"), IntegrationMethod: wire.P("GET")})),
		"CredentialsArn": second(w.http.CreateIntegration(w.ctx, &v2api.CreateIntegrationInput{ApiId: id, IntegrationType: "AWS_PROXY", IntegrationUri: wire.P(function), PayloadFormatVersion: wire.P("1.0"), CredentialsArn: wire.P("arn:aws:iam::1:role/x")})),
	} {
		if wire.CodeOf(err) != "NotImplemented" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second(w.http.CreateRoute(w.ctx, &v2api.CreateRouteInput{ApiId: id, RouteKey: "GET pets"})); wire.CodeOf(err) != "BadRequestException" {
		t.Errorf("route key: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestQuickCreate(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = echoRoute
	a := must(w.http.CreateApi(w.ctx, &v2api.CreateApiInput{Name: "q", ProtocolType: "HTTP", Target: wire.P(function)}))(t)
	w.want(w.call("GET", *a.ApiId, "/any/thing", ""), 200, "$default")
	if !strings.HasPrefix(*a.ApiEndpoint, "http://"+*a.ApiId+".execute-api.eu-west-1.localhost:4566") {
		t.Errorf("endpoint %s", *a.ApiEndpoint)
	}
	must(w.http.DeleteApi(w.ctx, &v2api.DeleteApiInput{ApiId: *a.ApiId}))(t)
	w.want(w.call("GET", *a.ApiId, "/any/thing", ""), 403, `{"message":"Forbidden"}`)
}

func TestCounted(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = echoRoute
	id, _ := w.httpAPI(t, "2.0", "GET /pets")
	w.call("GET", id, "/pets", "")
	w.call("GET", id, "/none", "")
	if err := w.record.Flush(w.ctx); err != nil {
		t.Fatal(err)
	}
	n := must(w.record.Counts(w.ctx, account, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))(t)
	if c := n["execute-api:Invoke"]; c.Calls != 2 || c.Errors != 1 {
		t.Errorf("counted %+v", c)
	}
}
