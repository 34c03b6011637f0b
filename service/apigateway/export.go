package apigateway

import (
	"context"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/openapi"
	"virga/internal/store"
	"virga/internal/wire"
)

// GetExport implements the operation: a stage's deployment as an OpenAPI document.
func (s *Service) GetExport(ctx context.Context, in *restapi.GetExportInput) (*restapi.GetExportOutput, error) {
	if in.ExportType != "swagger" && in.ExportType != "oas30" {
		return nil, bad("No API exporter for type '%s'", in.ExportType)
	}
	o := openapi.Options{OpenAPI3: in.ExportType == "oas30"}
	for k, v := range in.Parameters {
		if k != "extensions" {
			return nil, bad("Invalid parameter: %s", k)
		}
		for _, x := range strings.Split(v, ",") {
			switch x {
			case "integrations", "apigateway":
				o.Integrations = true
			case "authorizers":
				o.Authorizers = true
			default:
				return nil, wire.Unsupported("GetExport: extensions=" + x)
			}
		}
	}
	ct := wire.Or(in.Accepts, "application/json")
	switch ct {
	case "application/json", "*/*", "":
		ct = "application/json"
	case "application/yaml", "application/x-yaml":
		o.YAML = true
	default:
		return nil, bad("Content-Type specified was not found: %s", ct)
	}
	c := wire.CallOf(ctx)
	var doc *openapi.API
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, a *restAPI) error {
		st, _, err := part[stage](r, sc, kindStage, "stage", in.StageName)
		if err != nil {
			return missing("Invalid stage identifier specified")
		}
		d, _, err := part[deployment](r, sc, kindDeployment, "Deployment", st.DeploymentId)
		if err != nil {
			return err
		}
		doc = describe(a, d)
		o.Server = "https://" + a.Id + ".execute-api." + c.Region + "." + c.Domain + "/" + st.StageName
		return nil
	})
	if err != nil {
		return nil, err
	}
	b, err := openapi.Export(doc, o)
	if err != nil {
		return nil, err
	}
	ext := "json"
	if o.YAML {
		ext = "yaml"
	}
	return &restapi.GetExportOutput{ContentType: &ct, ContentDisposition: wire.P("attachment; filename=\"" + in.ExportType + "_" + in.RestApiId + "." + ext + "\""), Body: b}, nil
}

// describe gives the neutral model of a deployment.
func describe(a *restAPI, d *deployment) *openapi.API {
	out := &openapi.API{Title: a.Name, Description: a.Description, Version: a.Version, BinaryMediaTypes: d.BinaryMediaTypes, Policy: d.Policy, Tags: a.Tags}
	if out.Version == "" {
		out.Version = d.CreatedDate.UTC().Format("2006-01-02T15:04:05Z")
	}
	names := map[string]string{}
	for _, z := range d.Authorizers {
		names[z.Id] = z.Name
		x := openapi.Authorizer{Name: z.Name, Type: strings.ToLower(z.Type), AuthType: z.AuthType, URI: z.AuthorizerUri, Credentials: z.AuthorizerCredentials, Validation: z.IdentityValidationExpression}
		if z.AuthorizerResultTtlInSeconds != nil {
			n := int(*z.AuthorizerResultTtlInSeconds)
			x.TTL = &n
		}
		if h, ok := strings.CutPrefix(z.IdentitySource, "method.request.header."); ok && z.Type == "TOKEN" {
			x.Header = h
		} else {
			x.IdentitySource = z.IdentitySource
		}
		out.Authorizers = append(out.Authorizers, x)
	}
	valids := map[string]string{}
	for _, v := range d.Validators {
		valids[v.Id] = v.Name
		out.Validators = append(out.Validators, openapi.Validator{Name: v.Name, Body: v.ValidateRequestBody, Parameters: v.ValidateRequestParameters})
	}
	for _, g := range d.Responses {
		out.GatewayResponses = append(out.GatewayResponses, openapi.GatewayResponse{Type: g.ResponseType, StatusCode: g.StatusCode, Parameters: g.ResponseParameters, Templates: g.ResponseTemplates})
	}
	for _, m := range d.Models {
		out.Models = append(out.Models, openapi.Model{Name: m.Name, Description: m.Description, Schema: m.Schema})
	}
	byPath := map[string]*apiResource{}
	for i := range d.Resources {
		byPath[d.Resources[i].Path] = &d.Resources[i]
	}
	for _, path := range sortedKeys(byPath) {
		for _, verb := range sortedKeys(byPath[path].Methods) {
			m := byPath[path].Methods[verb]
			out.Methods = append(out.Methods, describeMethod(path, &m, names, valids))
		}
	}
	return out
}

func describeMethod(path string, m *method, authorizers, validators map[string]string) openapi.Method {
	x := openapi.Method{Path: path, HTTPMethod: m.HttpMethod, OperationName: m.OperationName, RequestModels: m.RequestModels, Validator: validators[m.RequestValidatorId]}
	switch m.AuthorizationType {
	case "AWS_IAM":
		x.Auth = "IAM"
	case "CUSTOM":
		x.Auth, x.Authorizer, x.Scopes = "AUTHORIZER", authorizers[m.AuthorizerId], m.AuthorizationScopes
	}
	for _, k := range sortedKeys(m.RequestParameters) {
		p := strings.SplitN(k, ".", 4)
		x.Parameters = append(x.Parameters, openapi.Parameter{In: p[2], Name: p[3], Required: m.RequestParameters[k]})
	}
	for _, code := range sortedKeys(m.MethodResponses) {
		r := m.MethodResponses[code]
		o := openapi.Response{StatusCode: code, Models: r.ResponseModels}
		for _, h := range sortedKeys(r.ResponseParameters) {
			o.Headers = append(o.Headers, strings.TrimPrefix(h, "method.response.header."))
		}
		x.Responses = append(x.Responses, o)
	}
	if ig := m.MethodIntegration; ig != nil {
		t := int(ig.TimeoutInMillis)
		y := &openapi.Integration{Type: ig.Type, HTTPMethod: ig.HttpMethod, URI: ig.Uri, Credentials: ig.Credentials, Passthrough: ig.PassthroughBehavior, ContentHandling: ig.ContentHandling,
			RequestTemplates: ig.RequestTemplates, RequestParameters: ig.RequestParameters, Timeout: &t}
		for _, code := range sortedKeys(ig.IntegrationResponses) {
			r := ig.IntegrationResponses[code]
			pat := r.SelectionPattern
			if pat == "" {
				pat = "default"
			}
			y.Responses = append(y.Responses, openapi.IntegrationResponse{Pattern: pat, StatusCode: code, Parameters: r.ResponseParameters, Templates: r.ResponseTemplates})
		}
		x.Integration = y
	}
	return x
}
