package apigatewayv2

import (
	"context"
	"errors"
	"maps"
	"strings"

	v2api "virga/api/apigatewayv2"
	"virga/internal/env"
	"virga/internal/members"
	"virga/internal/openapi"
	"virga/internal/store"
	"virga/internal/wire"
)

// plan is a document, checked and ready to be written into an API.
type plan struct {
	doc          *openapi.API
	routes       []route
	integrations []integration
	authorizers  []authorizer
	cors         *cors
	warnings     []string
}

func (s *Service) plan(op, body string, basepath *string, failOnWarnings *bool) (*plan, error) {
	doc, err := openapi.Import([]byte(body), openapi.Limits{})
	if err != nil {
		return nil, bad("%s", err.Error())
	}
	if wire.V(failOnWarnings) && len(doc.Warnings) > 0 {
		return nil, bad("%s", "Warnings found during import:\n\t"+strings.Join(doc.Warnings, "\n\t"))
	}
	if err := checkName("name", doc.Title, 128); err != nil {
		return nil, err
	}
	p := &plan{doc: doc, warnings: doc.Warnings}
	base := ""
	switch wire.Or(basepath, "ignore") {
	case "ignore":
	case "prepend":
		base = strings.TrimSuffix("/"+strings.Trim(doc.BasePath, "/"), "/")
	case "split":
		if part := strings.SplitN(strings.Trim(doc.BasePath, "/"), "/", 2); len(part) == 2 {
			base = "/" + part[1]
		}
	default:
		return nil, bad("Invalid basepath: %s. Must be one of: ignore, prepend, split", *basepath)
	}
	if doc.CORS != nil {
		c := &v2api.Cors{AllowCredentials: doc.CORS.AllowCredentials, AllowHeaders: doc.CORS.AllowHeaders, AllowMethods: doc.CORS.AllowMethods, AllowOrigins: doc.CORS.AllowOrigins, ExposeHeaders: doc.CORS.ExposeHeaders}
		if doc.CORS.MaxAge != nil {
			c.MaxAge = wire.P(int32(*doc.CORS.MaxAge))
		}
		if err := checkCORS(c); err != nil {
			return nil, err
		}
		p.cors = members.New[cors](c)
	}
	ids := map[string]string{}
	for _, z := range doc.Authorizers {
		x := authorizer{AuthorizerId: s.random(6), Name: z.Name, AuthorizerType: strings.ToUpper(z.Type), AuthorizerUri: z.URI, AuthorizerPayloadFormatVersion: z.PayloadFormat,
			EnableSimpleResponses: z.Simple != nil && *z.Simple, AuthorizerCredentialsArn: z.Credentials}
		for _, src := range strings.Split(z.IdentitySource, ",") {
			if src = strings.TrimSpace(src); src != "" {
				x.IdentitySource = append(x.IdentitySource, src)
			}
		}
		if z.TTL != nil {
			x.AuthorizerResultTtlInSeconds = int32(*z.TTL)
		}
		if err := s.checkAuthorizer(op, &x); err != nil {
			return nil, err
		}
		ids[z.Name] = x.AuthorizerId
		p.authorizers = append(p.authorizers, x)
	}
	if len(p.authorizers) > authorizersMax {
		return nil, tooMany("authorizers", authorizersMax)
	}
	var wrong []string
	for i := range doc.Methods {
		err := s.planRoute(op, p, &doc.Methods[i], base, ids)
		var br *v2api.BadRequestException
		if errors.As(err, &br) {
			wrong = append(wrong, "Unable to create route '"+doc.Methods[i].HTTPMethod+" "+doc.Methods[i].Path+"': "+br.Message)
		} else if err != nil {
			return nil, err
		}
	}
	if len(wrong) > 0 {
		return nil, bad("%s", "Errors found during import:\n\t"+strings.Join(wrong, "\n\t"))
	}
	if len(p.routes) > routesMax {
		return nil, tooMany("routes", routesMax)
	}
	return p, nil
}

func (s *Service) random(n int) string { return env.NewName(s.cfg.Env, env.AlnumLow, n) }

func (s *Service) planRoute(op string, p *plan, m *openapi.Method, base string, authorizers map[string]string) error {
	rt := route{RouteId: s.random(7), RouteKey: m.HTTPMethod + " " + base + m.Path, OperationName: m.OperationName, AuthorizationType: "NONE"}
	if m.Path == "/$default" && m.HTTPMethod == "ANY" {
		rt.RouteKey = "$default"
	}
	if err := checkRouteKey(rt.RouteKey); err != nil {
		return err
	}
	switch m.Auth {
	case "IAM":
		rt.AuthorizationType = "AWS_IAM"
	case "AUTHORIZER":
		rt.AuthorizationType, rt.AuthorizerId = "CUSTOM", authorizers[m.Authorizer]
		if len(m.Scopes) > 0 {
			return bad("Authorization scopes are supported only with the authorization type JWT")
		}
	}
	if m.APIKey {
		return bad("API keys are not supported by HTTP APIs")
	}
	if g := m.Integration; g != nil {
		ig := integration{IntegrationType: g.Type, IntegrationUri: g.URI, IntegrationMethod: orElse(g.HTTPMethod, "POST"), PayloadFormatVersion: orElse(g.PayloadFormat, "1.0"),
			TimeoutInMillis: timeoutMax, CredentialsArn: g.Credentials, ConnectionType: orElse(g.ConnectionType, "INTERNET")}
		if g.Timeout != nil {
			ig.TimeoutInMillis = int32(*g.Timeout)
		}
		switch {
		case g.Subtype != "":
			return wire.Unsupported(op + ": integrationSubtype")
		case len(g.RequestParameters) > 0:
			return wire.Unsupported(op + ": requestParameters of an integration")
		case len(g.Responses) > 0:
			for _, r := range g.Responses {
				if len(r.Parameters) > 0 {
					return wire.Unsupported(op + ": responseParameters of an integration")
				}
			}
		}
		if err := s.checkIntegration(op, &ig); err != nil {
			return err
		}
		for i := range p.integrations { // routes that lead to the same place share it
			have := p.integrations[i]
			have.IntegrationId = ""
			if sameIntegration(&have, &ig) {
				rt.Target = "integrations/" + p.integrations[i].IntegrationId
			}
		}
		if rt.Target == "" {
			ig.IntegrationId = s.random(7)
			rt.Target = "integrations/" + ig.IntegrationId
			p.integrations = append(p.integrations, ig)
		}
	}
	p.routes = append(p.routes, rt)
	return nil
}

func sameIntegration(a, b *integration) bool {
	return a.IntegrationType == b.IntegrationType && a.IntegrationUri == b.IntegrationUri && a.IntegrationMethod == b.IntegrationMethod && a.PayloadFormatVersion == b.PayloadFormatVersion &&
		a.TimeoutInMillis == b.TimeoutInMillis && a.CredentialsArn == b.CredentialsArn
}

func orElse(s, d string) string {
	if s != "" {
		return s
	}
	return d
}

// write puts a plan in place of what an API routes.
func (p *plan) write(tx store.Tx, sc scope, a *api) {
	a.Name, a.Description, a.Version, a.CorsConfiguration = p.doc.Title, p.doc.Description, p.doc.Version, p.cors
	if p.doc.DisableExecuteEndpoint != nil {
		a.DisableExecuteApiEndpoint = *p.doc.DisableExecuteEndpoint
	}
	if p.doc.Tags != nil {
		if a.Tags == nil {
			a.Tags = map[string]string{}
		}
		maps.Copy(a.Tags, p.doc.Tags)
	}
	wipe(tx, sc)
	for i := range p.authorizers {
		store.Put(tx, sc.parts(kindAuthorizer).Str(p.authorizers[i].AuthorizerId), &p.authorizers[i])
	}
	for i := range p.integrations {
		store.Put(tx, sc.parts(kindIntegration).Str(p.integrations[i].IntegrationId), &p.integrations[i])
	}
	for i := range p.routes {
		store.Put(tx, sc.parts(kindRoute).Str(p.routes[i].RouteId), &p.routes[i])
	}
}

// ImportApi implements the operation.
func (s *Service) ImportApi(ctx context.Context, in *v2api.ImportApiInput) (*v2api.ImportApiOutput, error) {
	c := wire.CallOf(ctx)
	p, err := s.plan("ImportApi", in.Body, in.Basepath, in.FailOnWarnings)
	if err != nil {
		return nil, err
	}
	first := &api{}
	s.begin(ctx, first)
	sc := scope{c.Account, c.Region, first.ApiId}
	var a api
	err = s.cfg.Store.Update(ctx, []store.Key{sc.key()}, func(tx store.Tx) error {
		a = *first
		if err := s.room(tx, c); err != nil {
			return err
		}
		p.write(tx, sc, &a)
		s.put(tx, sc, &a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := show(c, &a)
	out.Warnings = p.warnings
	return members.New[v2api.ImportApiOutput](out), nil
}

// ReimportApi implements the operation: the document comes in the place of what the API routed; stages stay.
func (s *Service) ReimportApi(ctx context.Context, in *v2api.ReimportApiInput) (*v2api.ReimportApiOutput, error) {
	p, err := s.plan("ReimportApi", in.Body, in.Basepath, in.FailOnWarnings)
	if err != nil {
		return nil, err
	}
	var out *v2api.ReimportApiOutput
	err = s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, a *api) error {
		p.write(tx, sc, a)
		s.put(tx, sc, a)
		x := show(wire.CallOf(ctx), a)
		x.Warnings = p.warnings
		out = members.New[v2api.ReimportApiOutput](x)
		return nil
	})
	return out, err
}

// ExportApi implements the operation.
func (s *Service) ExportApi(ctx context.Context, in *v2api.ExportApiInput) (*v2api.ExportApiOutput, error) {
	switch {
	case in.Specification != "OAS30":
		return nil, bad("Invalid specification: %s. Must be OAS30", in.Specification)
	case in.OutputType != "JSON" && in.OutputType != "YAML":
		return nil, bad("Invalid output type: %s. Must be one of [YAML, JSON]", in.OutputType)
	case in.ExportVersion != nil && *in.ExportVersion != "1.0":
		return nil, bad("Invalid export version: %s", *in.ExportVersion)
	}
	var doc *openapi.API
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, a *api) error {
		d := snapshot(r, sc, a, "", a.CreatedDate)
		if in.StageName != nil {
			st, _, err := part[stage](r, sc, kindStage, "Stage", *in.StageName)
			if err != nil {
				return err
			}
			if d, _, err = part[deployment](r, sc, kindDeployment, "Deployment", st.DeploymentId); err != nil {
				return err
			}
		}
		doc = describe(a, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	b, err := openapi.Export(doc, openapi.Options{OpenAPI3: true, YAML: in.OutputType == "YAML", Integrations: wire.Or(in.IncludeExtensions, true), Authorizers: wire.Or(in.IncludeExtensions, true)})
	return &v2api.ExportApiOutput{Body: b}, err
}

// describe gives the neutral model of a deployment.
func describe(a *api, d *deployment) *openapi.API {
	out := &openapi.API{Title: a.Name, Description: a.Description, Version: orElse(a.Version, a.CreatedDate.UTC().Format("2006-01-02 15:04:05UTC")), Tags: a.Tags}
	if c := d.Cors; c != nil {
		out.CORS = &openapi.CORS{AllowOrigins: c.AllowOrigins, AllowMethods: c.AllowMethods, AllowHeaders: c.AllowHeaders, ExposeHeaders: c.ExposeHeaders, AllowCredentials: c.AllowCredentials}
		if c.MaxAge != nil {
			n := int(*c.MaxAge)
			out.CORS.MaxAge = &n
		}
	}
	names := map[string]string{}
	for _, z := range d.Authorizers {
		names[z.AuthorizerId] = z.Name
		n := int(z.AuthorizerResultTtlInSeconds)
		simple := z.EnableSimpleResponses
		out.Authorizers = append(out.Authorizers, openapi.Authorizer{Name: z.Name, Type: strings.ToLower(z.AuthorizerType), URI: z.AuthorizerUri, Credentials: z.AuthorizerCredentialsArn, TTL: &n, Simple: &simple,
			PayloadFormat: z.AuthorizerPayloadFormatVersion, IdentitySource: strings.Join(z.IdentitySource, ", ")})
	}
	backends := map[string]*integration{}
	for i := range d.Integrations {
		backends["integrations/"+d.Integrations[i].IntegrationId] = &d.Integrations[i]
	}
	for _, rt := range d.Routes {
		m := openapi.Method{HTTPMethod: "ANY", Path: "/$default", OperationName: rt.OperationName, Responses: []openapi.Response{{StatusCode: "default"}}}
		if verb, path, ok := strings.Cut(rt.RouteKey, " "); ok {
			m.HTTPMethod, m.Path = verb, path
			for _, seg := range strings.Split(path, "/") {
				if strings.HasPrefix(seg, "{") {
					m.Parameters = append(m.Parameters, openapi.Parameter{In: "path", Name: strings.TrimSuffix(strings.Trim(seg, "{}"), "+"), Required: true})
				}
			}
		}
		switch rt.AuthorizationType {
		case "AWS_IAM":
			m.Auth = "IAM"
		case "CUSTOM":
			m.Auth, m.Authorizer = "AUTHORIZER", names[rt.AuthorizerId]
		}
		if ig := backends[rt.Target]; ig != nil {
			t := int(ig.TimeoutInMillis)
			m.Integration = &openapi.Integration{Type: ig.IntegrationType, HTTPMethod: ig.IntegrationMethod, URI: ig.IntegrationUri, Credentials: ig.CredentialsArn, PayloadFormat: ig.PayloadFormatVersion, ConnectionType: ig.ConnectionType, Timeout: &t}
		}
		out.Methods = append(out.Methods, m)
	}
	return out
}
