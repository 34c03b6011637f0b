package apigw

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	restapi "virga/api/apigateway"
	"virga/internal/wire"
)

const uri = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/" + function + "/invocations"

// samBody is what SAM makes of a function with two events, CORS, an authorizer and binary types.
func samBody(extra string) []byte {
	return []byte(`{"swagger":"2.0","info":{"version":"1.0","title":"app"},"paths":{
 "/hello/{id}":{
  "get":{"parameters":[{"name":"id","in":"path","required":true,"type":"string"}],"x-amazon-apigateway-integration":{"httpMethod":"POST","type":"aws_proxy","uri":"` + uri + `"},"responses":{}},
  "options":{"x-amazon-apigateway-integration":{"type":"mock","requestTemplates":{"application/json":"{\n  \"statusCode\" : 200\n}\n"},"responses":{"default":{"statusCode":"200","responseParameters":{"method.response.header.Access-Control-Allow-Origin":"'*'","method.response.header.Access-Control-Allow-Methods":"'GET,OPTIONS'"},"responseTemplates":{"application/json":"{}\n"}}}},
   "summary":"CORS support","consumes":["application/json"],"produces":["application/json"],"responses":{"200":{"description":"Default response for CORS method","headers":{"Access-Control-Allow-Origin":{"type":"string"},"Access-Control-Allow-Methods":{"type":"string"}}}}}},
 "/secret":{"get":{"x-amazon-apigateway-integration":{"httpMethod":"POST","type":"aws_proxy","uri":"` + uri + `"},"security":[{"Auth":[]}],"responses":{}}},
 "/proxy/{proxy+}":{"x-amazon-apigateway-any-method":{"x-amazon-apigateway-integration":{"httpMethod":"POST","type":"aws_proxy","uri":"` + uri + `"},"responses":{}}}
 },
 "securityDefinitions":{"Auth":{"type":"apiKey","name":"Authorization","in":"header","x-amazon-apigateway-authtype":"custom","x-amazon-apigateway-authorizer":{"type":"token","authorizerUri":"` + uri + `"}}}` + extra + `}`)
}

func (w *world) restAPI(t testing.TB, body []byte, vars map[string]string) string {
	t.Helper()
	a := must(w.rest.ImportRestApi(w.ctx, &restapi.ImportRestApiInput{Body: body}))(t)
	w.deploy(t, *a.Id, vars)
	return *a.Id
}

func (w *world) deploy(t testing.TB, id string, vars map[string]string) {
	t.Helper()
	must(w.rest.CreateDeployment(w.ctx, &restapi.CreateDeploymentInput{RestApiId: id, StageName: wire.P("Prod"), Variables: vars}))(t)
}

func TestREST(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) {
		return map[string]any{"statusCode": 201, "headers": map[string]any{"X-Bool": true}, "multiValueHeaders": map[string]any{"set-cookie": []string{"a", "b"}}, "body": "ok"}, nil
	}
	id := w.restAPI(t, samBody(""), map[string]string{"colour": "red"})
	a := w.call("GET", id, "/Prod/hello/7?q=1&q=2&plus=a%20b", "", "X-Multi", "a", "X-Multi", "b")
	w.want(a, 201, "ok")
	if a.header.Get("X-Bool") != "true" || len(a.header["Set-Cookie"]) != 2 || a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Amzn-Requestid") == "" || a.header.Get("X-Amz-Apigw-Id") == "" {
		t.Errorf("headers %v", a.header)
	}
	e := w.lambda.last(t)
	for _, c := range []struct {
		want any
		path []string
	}{
		{"/hello/{id}", []string{"resource"}}, {"/hello/7", []string{"path"}}, {"GET", []string{"httpMethod"}}, {"b", []string{"headers", "X-Multi"}}, {"2", []string{"queryStringParameters", "q"}},
		{"a b", []string{"queryStringParameters", "plus"}}, {"7", []string{"pathParameters", "id"}}, {"red", []string{"stageVariables", "colour"}}, {nil, []string{"body"}}, {false, []string{"isBase64Encoded"}},
		{"/Prod/hello/7", []string{"requestContext", "path"}}, {"Prod", []string{"requestContext", "stage"}}, {account, []string{"requestContext", "accountId"}}, {"127.0.0.1", []string{"requestContext", "identity", "sourceIp"}}, {id, []string{"requestContext", "apiId"}},
	} {
		if got := get(e, c.path...); got != c.want {
			t.Errorf("%v is %v, want %v", c.path, got, c.want)
		}
	}
	w.want(w.call("PUT", id, "/Prod//proxy/a//b%2B/", ""), 201, "ok")
	if e := w.lambda.last(t); e["path"] != "/proxy/a//b%2B/" || get(e, "pathParameters", "proxy") != "a//b%2B" || e["resource"] != "/proxy/{proxy+}" {
		t.Errorf("greedy %v %v", e["path"], e["pathParameters"])
	}
	for _, c := range [][2]string{{"GET", "/Prod/none"}, {"POST", "/Prod/hello/7"}, {"GET", "/Prod/proxy"}, {"GET", "/Prod"}} {
		a := w.call(c[0], id, c[1], "")
		w.want(a, 403, `{"message":"Missing Authentication Token"}`)
		if a.header.Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
			t.Errorf("error type %v", a.header)
		}
	}
	w.want(w.call("GET", id, "/nostage/hello/7", ""), 403, `{"message":"Forbidden"}`)
	// CORS by the MOCK integration.
	a = w.call("OPTIONS", id, "/Prod/hello/7", "", "Origin", "https://x.example", "Access-Control-Request-Method", "GET")
	w.want(a, 200, "{}\n")
	if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Methods") != "GET,OPTIONS" {
		t.Errorf("CORS %v", a.header)
	}
}

func TestRESTAnswers(t *testing.T) {
	w := newWorld(t)
	id := w.restAPI(t, samBody(""), nil)
	const wrong = `{"message": "Internal server error"}`
	for _, c := range []struct {
		answer any
		err    error
		status int
		body   string
	}{ // recorded: test_aws_proxy_response_payload_format_validation
		{answer: map[string]any{"statusCode": 200}, status: 200},
		{answer: map[string]any{"headers": map[string]any{"a": "b"}}, status: 200},
		{answer: map[string]any{"statusCode": 200, "headers": nil}, status: 200},
		{answer: map[string]any{"statusCode": 200, "wrongValue": "x"}, status: 502, body: wrong},
		{answer: map[string]any{}, status: 502, body: wrong},
		{answer: map[string]any{"statusCode": 200, "body": "dGVzdC1kYXRh", "isBase64Encoded": true}, status: 200, body: "dGVzdC1kYXRh"},
		{answer: map[string]any{"statusCode": 200, "multiValueHeaders": map[string]any{"a": "x"}}, status: 502, body: wrong},
		{answer: map[string]any{"statusCode": "wrong"}, status: 502, body: wrong},
		{answer: map[string]any{"statusCode": "201"}, status: 201},
		{answer: "text", status: 502, body: wrong},
		{answer: map[string]any{"statusCode": 200, "headers": map[string]any{"x": "a\nb"}}, status: 502, body: wrong},
		{answer: map[string]any{"statusCode": 200, "headers": map[string]any{"Transfer-Encoding": "chunked"}}, status: 502, body: wrong},
		{err: functionError("boom"), status: 502, body: wrong},
		{err: wire.AccessDenied("no"), status: 500, body: wrong},
	} {
		w.lambda.fn = func(context.Context, json.RawMessage) (any, error) { return c.answer, c.err }
		w.want(w.call("GET", id, "/Prod/hello/1", ""), c.status, c.body)
	}
	w.lambda.policy = grant("arn:aws:execute-api:eu-west-1:123456789012:" + id + "/*/GET/other")
	w.want(w.call("GET", id, "/Prod/hello/1", ""), 500, wrong)
	w.lambda.policy = grant("arn:aws:execute-api:eu-west-1:123456789012:" + id + "/*/GET/hello/*") // as SAM writes it
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) { return map[string]any{"statusCode": 200}, nil }
	w.want(w.call("GET", id, "/Prod/hello/1", ""), 200, "")
}

func TestRESTBinary(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) {
		return map[string]any{"statusCode": 200, "headers": map[string]any{"Content-Type": "image/png"}, "body": base64.StdEncoding.EncodeToString([]byte("\x00\xff")), "isBase64Encoded": true}, nil
	}
	id := w.restAPI(t, samBody(`,"x-amazon-apigateway-binary-media-types":["image/png"]`), nil)
	w.want(w.call("POST", id, "/Prod/proxy/x", "\xfe\x01", "Content-Type", "image/png", "Accept", "image/png"), 200, "\x00\xff")
	if e := w.lambda.last(t); e["body"] != base64.StdEncoding.EncodeToString([]byte("\xfe\x01")) || e["isBase64Encoded"] != true {
		t.Errorf("event %v", e["body"])
	}
	w.want(w.call("POST", id, "/Prod/proxy/x", "text", "Content-Type", "text/plain", "Accept", "text/html"), 200, "AP8=")
	if e := w.lambda.last(t); e["body"] != "text" || e["isBase64Encoded"] != false {
		t.Errorf("event %v", e["body"])
	}
}

func TestTokenAuthorizer(t *testing.T) {
	w := newWorld(t)
	asked := 0
	w.lambda.fn = func(_ context.Context, event json.RawMessage) (any, error) {
		var e struct{ Type, AuthorizationToken, MethodArn string }
		json.Unmarshal(event, &e)
		if e.Type != "TOKEN" {
			var m map[string]any
			json.Unmarshal(event, &m)
			b, _ := json.Marshal(get(m, "requestContext", "authorizer"))
			return map[string]any{"statusCode": 200, "body": string(b)}, nil
		}
		asked++
		if e.AuthorizationToken == "stop" {
			return nil, functionError("Unauthorized")
		}
		effect := "Deny"
		if e.AuthorizationToken == "allow" {
			effect = "Allow"
		}
		return map[string]any{"principalId": "me", "context": map[string]any{"n": 1, "ok": true, "s": "x"}, "policyDocument": map[string]any{"Version": "2012-10-17",
			"Statement": []any{map[string]any{"Effect": effect, "Action": "execute-api:Invoke", "Resource": e.MethodArn, "Condition": map[string]any{"IpAddress": map[string]any{"aws:SourceIp": "127.0.0.0/8"}}}}}}, nil
	}
	id := w.restAPI(t, samBody(""), nil)
	for range 3 {
		w.want(w.call("GET", id, "/Prod/secret", "", "Authorization", "allow"), 200, `{"n":"1","ok":"true","principalId":"me","s":"x"}`)
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	w.want(w.call("GET", id, "/Prod/secret", "", "Authorization", "deny"), 403, `{"Message":"User is not authorized to access this resource"}`)
	w.want(w.call("GET", id, "/Prod/secret", "", "Authorization", "stop"), 401, `{"message":"Unauthorized"}`)
	w.want(w.call("GET", id, "/Prod/secret", ""), 401, `{"message":"Unauthorized"}`)
}

func TestGatewayResponses(t *testing.T) {
	w := newWorld(t)
	id := w.restAPI(t, samBody(`,"x-amazon-apigateway-gateway-responses":{"DEFAULT_4XX":{"responseParameters":{"gatewayresponse.header.Access-Control-Allow-Origin":"'*'"},"responseTemplates":{"application/json":"{\"error\":$context.error.messageString,\"type\":\"$context.error.responseType\",\"stage\":\"$context.stage\"}"}},"UNAUTHORIZED":{"statusCode":"418"}}`), nil)
	a := w.call("GET", id, "/Prod/none", "")
	w.want(a, 403, `{"error":"Missing Authentication Token","type":"MISSING_AUTHENTICATION_TOKEN","stage":"Prod"}`)
	if a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", a.header)
	}
	w.want(w.call("GET", id, "/Prod/secret", ""), 418, `{"message":"Unauthorized"}`)
	all := must(w.rest.GetGatewayResponses(w.ctx, &restapi.GetGatewayResponsesInput{RestApiId: id}))(t)
	if len(all.Items) != 21 {
		t.Errorf("%d gateway responses", len(all.Items))
	}
}

func TestValidation(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) {
		return map[string]any{"statusCode": 200, "body": "ok"}, nil
	}
	id := w.restAPI(t, []byte(`{"openapi":"3.0.1","info":{"title":"v","version":"1"},"x-amazon-apigateway-request-validators":{"all":{"validateRequestBody":true,"validateRequestParameters":true}},"x-amazon-apigateway-request-validator":"all",
"paths":{"/p":{"post":{"parameters":[{"name":"q","in":"query","required":true,"schema":{"type":"string"}}],"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Pet"}}}},"responses":{},"x-amazon-apigateway-integration":{"type":"aws_proxy","httpMethod":"POST","uri":"`+uri+`"}}}},
"components":{"schemas":{"Pet":{"type":"object","required":["kind"],"properties":{"kind":{"$ref":"#/components/schemas/Kind"}}},"Kind":{"type":"string","enum":["cat"]}}}}`), nil)
	w.want(w.call("POST", id, "/Prod/p?q=1", `{"kind":"cat"}`, "Content-Type", "application/json"), 200, "ok")
	w.want(w.call("POST", id, "/Prod/p?q=1", `{"kind":"dog"}`, "Content-Type", "application/json"), 400, `{"message":"Invalid request body"}`)
	w.want(w.call("POST", id, "/Prod/p?q=1", `{`, "Content-Type", "application/json"), 400, `{"message":"Invalid request body"}`)
	w.want(w.call("POST", id, "/Prod/p", `{"kind":"cat"}`, "Content-Type", "application/json"), 400, `{"message":"Missing required request parameters: [q]"}`)
}

func TestByHand(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(_ context.Context, e json.RawMessage) (any, error) {
		var m map[string]string
		if json.Unmarshal(e, &m); m["fail"] != "" {
			return nil, functionError(m["fail"])
		}
		return m, nil
	}
	a := must(w.rest.CreateRestApi(w.ctx, &restapi.CreateRestApiInput{Name: "x"}))(t)
	id := *a.Id
	r := must(w.rest.CreateResource(w.ctx, &restapi.CreateResourceInput{RestApiId: id, ParentId: *a.RootResourceId, PathPart: "echo"}))(t)
	must(w.rest.PutMethod(w.ctx, &restapi.PutMethodInput{RestApiId: id, ResourceId: *r.Id, HttpMethod: "POST", AuthorizationType: "NONE"}))(t)
	for _, code := range []string{"200", "400"} {
		must(w.rest.PutMethodResponse(w.ctx, &restapi.PutMethodResponseInput{RestApiId: id, ResourceId: *r.Id, HttpMethod: "POST", StatusCode: code}))(t)
	}
	if err := second(w.rest.CreateDeployment(w.ctx, &restapi.CreateDeploymentInput{RestApiId: id})); wire.CodeOf(err) != "BadRequestException" || !strings.Contains(err.Error(), "No integration defined for method") {
		t.Errorf("deployment %v", err)
	}
	must(w.rest.PutIntegration(w.ctx, &restapi.PutIntegrationInput{RestApiId: id, ResourceId: *r.Id, HttpMethod: "POST", Type: "AWS", IntegrationHttpMethod: wire.P("POST"), Uri: wire.P(uri)}))(t)
	must(w.rest.PutIntegrationResponse(w.ctx, &restapi.PutIntegrationResponseInput{RestApiId: id, ResourceId: *r.Id, HttpMethod: "POST", StatusCode: "200"}))(t)
	must(w.rest.PutIntegrationResponse(w.ctx, &restapi.PutIntegrationResponseInput{RestApiId: id, ResourceId: *r.Id, HttpMethod: "POST", StatusCode: "400", SelectionPattern: wire.P("bad .*")}))(t)
	w.deploy(t, id, nil)
	w.want(w.call("POST", id, "/Prod/echo", `{"a":"b"}`, "Content-Type", "application/json"), 200, `{"a":"b"}`)
	if a := w.call("POST", id, "/Prod/echo", `{"fail":"bad thing"}`, "Content-Type", "application/json"); a.status != 400 {
		t.Errorf("selected %d %s", a.status, a.body)
	}
	// A deployment is a copy: what changes afterwards is not served before the next.
	must(w.rest.DeleteResource(w.ctx, &restapi.DeleteResourceInput{RestApiId: id, ResourceId: *r.Id}))(t)
	w.want(w.call("POST", id, "/Prod/echo", `{"a":"b"}`), 200, `{"a":"b"}`)
	for name, err := range map[string]error{
		"VTL":       second(w.rest.PutIntegration(w.ctx, &restapi.PutIntegrationInput{RestApiId: id, ResourceId: *a.RootResourceId, HttpMethod: "GET", Type: "MOCK", RequestTemplates: map[string]string{"application/json": "#set($x = 1)"}})),
		"HTTP":      second(w.rest.PutIntegration(w.ctx, &restapi.PutIntegrationInput{RestApiId: id, ResourceId: *a.RootResourceId, HttpMethod: "GET", Type: "HTTP_PROXY", IntegrationHttpMethod: wire.P("GET"), Uri: wire.P("https://example.com")})),
		"API keys":  second(w.rest.PutMethod(w.ctx, &restapi.PutMethodInput{RestApiId: id, ResourceId: *a.RootResourceId, HttpMethod: "GET", AuthorizationType: "NONE", ApiKeyRequired: wire.P(true)})),
		"Cognito":   second(w.rest.CreateAuthorizer(w.ctx, &restapi.CreateAuthorizerInput{RestApiId: id, Name: "c", Type: "COGNITO_USER_POOLS", AuthorizerUri: wire.P("x")})),
		"DynamoDB":  second(w.rest.PutIntegration(w.ctx, &restapi.PutIntegrationInput{RestApiId: id, ResourceId: *a.RootResourceId, HttpMethod: "GET", Type: "AWS", IntegrationHttpMethod: wire.P("POST"), Uri: wire.P("arn:aws:apigateway:eu-west-1:dynamodb:action/Scan")})),
		"caches":    second(w.rest.CreateStage(w.ctx, &restapi.CreateStageInput{RestApiId: id, StageName: "s", DeploymentId: "x", CacheClusterEnabled: wire.P(true)})),
		"UsagePlan": second(w.inv.Invoke(w.ctx, restapi.Model.Op("CreateUsagePlan"), nil)),
	} {
		if wire.CodeOf(err) != "NotImplemented" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRecordedErrors holds the messages against those recorded from AWS.
func TestRecordedErrors(t *testing.T) {
	w := newWorld(t)
	id := w.restAPI(t, samBody(""), nil)
	root := *must(w.rest.GetRestApi(w.ctx, &restapi.GetRestApiInput{RestApiId: id}))(t).RootResourceId
	must(w.rest.PutMethod(w.ctx, &restapi.PutMethodInput{RestApiId: id, ResourceId: root, HttpMethod: "GET", AuthorizationType: "NONE"}))(t)
	put := func(kind, method, u string) error {
		in := &restapi.PutIntegrationInput{RestApiId: id, ResourceId: root, HttpMethod: "GET", Type: kind, Uri: &u}
		if method != "" {
			in.IntegrationHttpMethod = &method
		}
		return second(w.rest.PutIntegration(w.ctx, in))
	}
	for want, err := range map[string]error{
		"NotFoundException: Invalid API identifier specified 123456789012:nosuch":                                                        second(w.rest.GetRestApi(w.ctx, &restapi.GetRestApiInput{RestApiId: "nosuch"})),
		"NotFoundException: Invalid Resource identifier specified":                                                                       second(w.rest.GetResource(w.ctx, &restapi.GetResourceInput{RestApiId: id, ResourceId: "x"})),
		"NotFoundException: Invalid Method identifier specified":                                                                         second(w.rest.GetMethod(w.ctx, &restapi.GetMethodInput{RestApiId: id, ResourceId: root, HttpMethod: "PUT"})),
		"NotFoundException: Invalid Integration identifier specified":                                                                    second(w.rest.GetIntegration(w.ctx, &restapi.GetIntegrationInput{RestApiId: id, ResourceId: root, HttpMethod: "GET"})),
		"NotFoundException: Invalid Response status code specified":                                                                      second(w.rest.GetMethodResponse(w.ctx, &restapi.GetMethodResponseInput{RestApiId: id, ResourceId: root, HttpMethod: "GET", StatusCode: "200"})),
		"NotFoundException: Invalid model name specified: mySchema":                                                                      second(w.rest.GetModel(w.ctx, &restapi.GetModelInput{RestApiId: id, ModelName: "mySchema"})),
		"BadRequestException: Enumeration value for HttpMethod must be non-empty":                                                        put("AWS", "", "arn:x"),
		"BadRequestException: Invalid ARN specified in the request":                                                                      put("AWS_PROXY", "POST", "not-an-arn"),
		"BadRequestException: AWS ARN for integration must contain path or action":                                                       put("AWS_PROXY", "POST", function),
		"BadRequestException: Invalid HTTP endpoint specified for URI":                                                                   put("HTTP", "GET", "nothing"),
		"BadRequestException: Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.": put("AWS_PROXY", "POST", "arn:aws:apigateway:eu-west-1:dynamodb:action/Scan"),
		"BadRequestException: Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY":                second(w.rest.PutMethod(w.ctx, &restapi.PutMethodInput{RestApiId: id, ResourceId: root, HttpMethod: "GOT", AuthorizationType: "NONE"})),
		"BadRequestException: Invalid model identifier specified: petModel":                                                              second(w.rest.PutMethod(w.ctx, &restapi.PutMethodInput{RestApiId: id, ResourceId: root, HttpMethod: "PUT", AuthorizationType: "NONE", RequestModels: map[string]string{"application/json": "petModel"}})),
		"BadRequestException: Cannot create an api with multiple Endpoint Types.":                                                        second(w.rest.CreateRestApi(w.ctx, &restapi.CreateRestApiInput{Name: "x", EndpointConfiguration: &restapi.EndpointConfiguration{Types: []string{"EDGE", "REGIONAL"}}})),
		"BadRequestException: Deployment id does not exist":                                                                              second(w.rest.CreateStage(w.ctx, &restapi.CreateStageInput{RestApiId: id, StageName: "s", DeploymentId: "nothing"})),
		"BadRequestException: Unable to build importer with provided input.":                                                             second(w.rest.ImportRestApi(w.ctx, &restapi.ImportRestApiInput{Body: []byte("{}")})),
		"BadRequestException: Active stages pointing to this deployment must be moved or deleted": func() error {
			d := must(w.rest.GetDeployments(w.ctx, &restapi.GetDeploymentsInput{RestApiId: id}))(t)
			return second(w.rest.DeleteDeployment(w.ctx, &restapi.DeleteDeploymentInput{RestApiId: id, DeploymentId: *d.Items[0].Id}))
		}(),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestModes(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) { return map[string]any{"statusCode": 200}, nil }
	id := w.restAPI(t, samBody(`,"x-amazon-apigateway-binary-media-types":["image/png"]`), nil)
	more := []byte(`{"swagger":"2.0","info":{"title":"two","version":"2"},"x-amazon-apigateway-binary-media-types":["image/gif"],"paths":{"/more":{"get":{"x-amazon-apigateway-integration":{"httpMethod":"POST","type":"aws_proxy","uri":"` + uri + `"},"responses":{}}}}}`)
	a := must(w.rest.PutRestApi(w.ctx, &restapi.PutRestApiInput{RestApiId: id, Body: more}))(t)
	if *a.Name != "two" || strings.Join(a.BinaryMediaTypes, " ") != "image/png image/gif" {
		t.Errorf("merged %v %v", *a.Name, a.BinaryMediaTypes)
	}
	w.deploy(t, id, nil)
	w.want(w.call("GET", id, "/Prod/more", ""), 200, "")
	w.want(w.call("GET", id, "/Prod/hello/1", ""), 200, "")
	a = must(w.rest.PutRestApi(w.ctx, &restapi.PutRestApiInput{RestApiId: id, Body: more, Mode: wire.P("overwrite")}))(t)
	if strings.Join(a.BinaryMediaTypes, " ") != "image/gif" {
		t.Errorf("overwritten %v", a.BinaryMediaTypes)
	}
	w.deploy(t, id, nil)
	w.want(w.call("GET", id, "/Prod/more", ""), 200, "")
	w.want(w.call("GET", id, "/Prod/hello/1", ""), 403, `{"message":"Missing Authentication Token"}`)
	x := must(w.rest.GetExport(w.ctx, &restapi.GetExportInput{RestApiId: id, StageName: "Prod", ExportType: "oas30", Parameters: map[string]string{"extensions": "integrations"}}))(t)
	again := must(w.rest.ImportRestApi(w.ctx, &restapi.ImportRestApiInput{Body: x.Body}))(t)
	w.deploy(t, *again.Id, nil)
	w.want(w.call("GET", *again.Id, "/Prod/more", ""), 200, "")
}

func TestRESTTimeoutAndThrottle(t *testing.T) {
	w := newWorld(t)
	id := w.restAPI(t, samBody(""), nil)
	w.lambda.fn = func(ctx context.Context, _ json.RawMessage) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
	rs := must(w.rest.GetResources(w.ctx, &restapi.GetResourcesInput{RestApiId: id}))(t)
	for _, r := range rs.Items {
		if *r.Path == "/hello/{id}" {
			must(w.rest.PutIntegration(w.ctx, &restapi.PutIntegrationInput{RestApiId: id, ResourceId: *r.Id, HttpMethod: "GET", Type: "AWS_PROXY", IntegrationHttpMethod: wire.P("POST"), Uri: wire.P(uri), TimeoutInMillis: wire.P(int32(50))}))(t)
			out := must(w.rest.TestInvokeMethod(w.ctx, &restapi.TestInvokeMethodInput{RestApiId: id, ResourceId: *r.Id, HttpMethod: "GET", PathWithQueryString: wire.P("/hello/5?x=1")}))(t)
			if *out.Status != 504 {
				t.Errorf("test invoke %d %s", *out.Status, *out.Body)
			}
		}
	}
	w.deploy(t, id, nil)
	w.want(w.call("GET", id, "/Prod/hello/1", ""), 504, `{"message": "Endpoint request timed out"}`)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) { return map[string]any{"statusCode": 200}, nil }
	must(w.rest.UpdateStage(w.ctx, &restapi.UpdateStageInput{RestApiId: id, StageName: "Prod", PatchOperations: []restapi.PatchOperation{
		{Op: wire.P("replace"), Path: wire.P("/*/*/throttling/burstLimit"), Value: wire.P("2")}, {Op: wire.P("replace"), Path: wire.P("/*/*/throttling/rateLimit"), Value: wire.P("0.001")}}}))(t)
	codes := map[int]int{}
	for range 4 {
		codes[w.call("GET", id, "/Prod/hello/1", "").status]++
	}
	if codes[200] != 2 || codes[429] != 2 {
		t.Errorf("throttled: %v", codes)
	}
}

func TestResourcePolicy(t *testing.T) {
	w := newWorld(t)
	w.lambda.fn = func(context.Context, json.RawMessage) (any, error) { return map[string]any{"statusCode": 200}, nil }
	id := w.restAPI(t, samBody(`,"x-amazon-apigateway-policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/Prod/GET/hello/*"}]}`), nil)
	w.want(w.call("GET", id, "/Prod/hello/1", ""), 200, "")
	if a := w.call("GET", id, "/Prod/proxy/1", ""); a.status != 403 || !strings.Contains(a.body, "is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:eu-west-1:123456789012:"+id+"/Prod/GET/proxy/1") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
