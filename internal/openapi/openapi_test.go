package openapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sam = `
swagger: '2.0'
info: {version: '1.0', title: my-stack}
paths:
  /hello/{id}:
    get:
      parameters: [{name: id, in: path, required: true, type: string}, {name: q, in: query, type: string}]
      x-amazon-apigateway-integration:
        httpMethod: POST
        type: aws_proxy
        uri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:012345678901:function:f/invocations
      responses: {}
      security: [{MyAuth: []}, {api_key: []}]
    options:
      summary: CORS support
      consumes: [application/json]
      produces: [application/json]
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: "{\n  \"statusCode\" : 200\n}\n"}
        responses:
          default:
            statusCode: '200'
            responseParameters: {method.response.header.Access-Control-Allow-Origin: "'*'"}
            responseTemplates: {application/json: "{}\n"}
      responses:
        '200':
          description: Default response for CORS method
          headers: {Access-Control-Allow-Origin: {type: string}}
  /any:
    x-amazon-apigateway-any-method:
      parameters: [{in: body, name: Pet, schema: {$ref: '#/definitions/Pet'}}]
      x-amazon-apigateway-request-validator: body-only
      x-amazon-apigateway-auth: {type: AWS_IAM}
      responses: {}
definitions:
  Pet: {type: object, properties: {kind: {$ref: '#/definitions/Kind'}}}
  Kind: {type: string}
securityDefinitions:
  api_key: {type: apiKey, name: x-api-key, in: header}
  MyAuth:
    type: apiKey
    name: Authorization
    in: header
    x-amazon-apigateway-authtype: custom
    x-amazon-apigateway-authorizer: {type: token, authorizerUri: arn:x, authorizerResultTtlInSeconds: 60}
x-amazon-apigateway-binary-media-types: [image/png, '*/*']
x-amazon-apigateway-request-validators:
  body-only: {validateRequestBody: true, validateRequestParameters: false}
x-amazon-apigateway-gateway-responses:
  DEFAULT_4XX: {statusCode: 499, responseParameters: {gatewayresponse.header.X: "'1'"}}
`

func TestImport(t *testing.T) {
	a, err := Import([]byte(sam), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Methods) != 3 || a.Methods[0].HTTPMethod != "ANY" || a.Methods[1].HTTPMethod != "GET" || a.Methods[2].HTTPMethod != "OPTIONS" {
		t.Fatalf("methods %+v", a.Methods)
	}
	get, options, any := a.Methods[1], a.Methods[2], a.Methods[0]
	if get.Auth != "AUTHORIZER" || get.Authorizer != "MyAuth" || !get.APIKey || get.Integration.Type != "AWS_PROXY" || !strings.Contains(get.Integration.URI, "012345678901") {
		t.Errorf("get %+v", get)
	}
	if d := cmp.Diff([]Parameter{{"path", "id", true}, {"querystring", "q", false}}, get.Parameters); d != "" {
		t.Error(d)
	}
	if r := options.Integration.Responses; len(r) != 1 || r[0].Pattern != "default" || r[0].StatusCode != "200" || r[0].Parameters["method.response.header.Access-Control-Allow-Origin"] != "'*'" {
		t.Errorf("options %+v", r)
	}
	if any.Auth != "IAM" || any.Validator != "body-only" || any.RequestModels["application/json"] != "Pet" {
		t.Errorf("any %+v", any)
	}
	if z := a.Authorizers; len(z) != 1 || z[0].IdentitySource != "method.request.header.Authorization" || *z[0].TTL != 60 {
		t.Errorf("authorizers %+v", z)
	}
	if a.GatewayResponses[0].StatusCode != "499" || a.BinaryMediaTypes[1] != "*/*" || !a.Validators[0].Body {
		t.Errorf("extensions %+v", a)
	}
}

func TestBad(t *testing.T) {
	for _, doc := range []string{"", "{", "[]", "null", `{"swagger":"1.2"}`, `{"openapi":"3.1.0"}`, "a: [", `{"swagger":"2.0","paths":{"/x":{"get":{"parameters":[{"$ref":"#/a"}]}}},"a":{"$ref":"#/a"}}`,
		`{"swagger":"2.0","paths":{"/x":{"$ref":"https://evil.example/x"}}}`, strings.Repeat(`{"a":`, 100_000), "a: &a [x,x]\nb: &b [*a,*a]\n" + bomb(), `{"swagger":"2.0"} {}`} {
		if a, err := Import([]byte(doc), Limits{}); err == nil {
			t.Errorf("%.60q gave %+v", doc, a)
		}
	}
}

// bomb doubles by aliases forty times.
func bomb() string {
	var b strings.Builder
	for c := 'b'; c < 'z'; c++ {
		fmt.Fprintf(&b, "%c: &%c [*%c,*%c]\n", c+1, c+1, c, c)
	}
	return "swagger: '2.0'\n" + b.String()
}

// roundTrip imports what an export of a model gives, in each form.
func roundTrip(t *testing.T, name string, a *API) {
	t.Helper()
	for _, o := range []Options{{OpenAPI3: true, Integrations: true}, {OpenAPI3: true, YAML: true, Integrations: true}, {Integrations: true}, {YAML: true, Integrations: true}} {
		b, err := Export(a, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back, err := Import(b, Limits{})
		if err != nil {
			t.Errorf("%s %+v: %v\n%.2000s", name, o, err, b)
			continue
		}
		if d := cmp.Diff(normal(a, !o.OpenAPI3), normal(back, !o.OpenAPI3)); d != "" {
			t.Errorf("%s %+v: %s", name, o, d)
		}
	}
}

// normal takes away what a form cannot hold.
func normal(a *API, two bool) string {
	c := *a
	c.Warnings = nil
	c.Methods = append([]Method{}, a.Methods...)
	var models []string
	for _, m := range a.Models {
		var v any
		json.Unmarshal([]byte(m.Schema), &v)
		b, _ := json.Marshal(v)
		models = append(models, m.Name+string(b))
	}
	c.Models = nil
	for i := range c.Methods {
		m := &c.Methods[i]
		if two { // one model for all types
			m.RequestModels = nil
			m.Responses = append([]Response{}, m.Responses...)
			for j := range m.Responses {
				m.Responses[j].Models = nil
			}
		}
		if len(m.Scopes) == 0 {
			m.Scopes = nil
		}
		if m.Integration != nil && len(m.Integration.Responses) == 0 {
			x := *m.Integration
			x.Responses = nil
			m.Integration = &x
		}
	}
	for i := range c.Authorizers {
		z := &c.Authorizers[i]
		if z.Header == "Unused" {
			z.Header = ""
		}
	}
	b, _ := json.MarshalIndent(c, "", " ")
	return string(b) + strings.Join(models, "\n")
}

func TestRoundTrip(t *testing.T) {
	a, err := Import([]byte(sam), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, "sam", a)
}

// TestGenerated makes fifty documents of growing size and takes them there and back.
func TestGenerated(t *testing.T) {
	for i := range 50 {
		a := generated(i)
		roundTrip(t, fmt.Sprint("document ", i), a)
	}
}

func generated(n int) *API {
	a := &API{Title: fmt.Sprint("api ", n), Version: "1", BinaryMediaTypes: []string{"image/png"}[:n%2]}
	if n%2 == 0 {
		a.BinaryMediaTypes = nil
	}
	if n%3 == 0 {
		a.CORS = &CORS{AllowOrigins: []string{"*"}, MaxAge: ptr(n), AllowCredentials: ptr(false)}
	}
	a.Authorizers = []Authorizer{{Name: "lambda", Type: "request", AuthType: "custom", URI: "arn:x", IdentitySource: "method.request.header.A, method.request.querystring.b", TTL: ptr(n)}}
	a.Models = []Model{{Name: "M", Schema: `{"type":"object","properties":{"n":{"type":"integer","maximum":1.5}}}`}}
	verbs := []string{"ANY", "DELETE", "GET", "POST"}
	for i := range n + 1 {
		m := Method{Path: fmt.Sprintf("/p%03d/{id}", i), HTTPMethod: verbs[i%4], OperationName: fmt.Sprint("op", i), Parameters: []Parameter{{"path", "id", true}},
			Responses: []Response{{StatusCode: "200", Headers: []string{"X"}, Models: map[string]string{"application/json": "M"}}}}
		if i%2 == 0 {
			m.Integration = &Integration{Type: "AWS_PROXY", HTTPMethod: "POST", URI: "arn:y", Timeout: ptr(i + 50), PayloadFormat: "2.0"}
			m.Auth, m.Authorizer = "AUTHORIZER", "lambda"
		} else {
			m.Integration = &Integration{Type: "MOCK", RequestTemplates: map[string]string{"application/json": "{\"statusCode\": 200}"}, Passthrough: "WHEN_NO_MATCH",
				Responses: []IntegrationResponse{{Pattern: "default", StatusCode: "200", Parameters: map[string]string{"method.response.header.X": "'*'"}}}}
		}
		a.Methods = append(a.Methods, m)
	}
	return a
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(sam))
	f.Add([]byte(`{"openapi":"3.0.1","paths":{"/x":{"get":{"responses":{}}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Import(b, Limits{Bytes: 1 << 16, Values: 5000})
		if err == nil {
			if _, err := Export(a, Options{OpenAPI3: true, Integrations: true}); err != nil {
				t.Error(err)
			}
		}
	})
}

func BenchmarkImport1MB(b *testing.B) {
	doc, err := Export(generated(900), Options{Integrations: true})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Import(doc, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(doc)), "doc-bytes")
}
