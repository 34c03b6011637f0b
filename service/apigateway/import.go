package apigateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sort"
	"strconv"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/openapi"
	"virga/internal/store"
	"virga/internal/wire"
)

// plan is a document, checked and ready to be written into an API.
type plan struct {
	doc         *openapi.API
	methods     []planned
	authorizers []authorizer
	validators  []validator
	models      []model
	responses   []gatewayResponse
}

type planned struct {
	path   string
	method method
}

func reimported(msgs []string) error {
	return bad("%s", "Errors found during import:\n\t"+strings.Join(msgs, "\n\t"))
}

// plan reads a document. params are an import's parameters.
func (s *Service) plan(op string, body []byte, params map[string]string, failOnWarnings bool) (*plan, error) {
	for k := range params {
		switch strings.ToLower(k) {
		case "basepath", "endpointconfigurationtypes", "ignore", "disableexecuteapiendpoint":
		default:
			return nil, wire.Unsupported(op + ": parameter " + k)
		}
	}
	doc, err := openapi.Import(body, openapi.Limits{})
	if err != nil {
		return nil, bad("%s", err.Error())
	}
	if failOnWarnings && len(doc.Warnings) > 0 {
		return nil, bad("%s", "Warnings found during import:\n\t"+strings.Join(doc.Warnings, "\n\t"))
	}
	p := &plan{doc: doc}
	switch {
	case doc.MinimumCompressionSize != nil:
		return nil, wire.Unsupported(op + ": x-amazon-apigateway-minimum-compression-size")
	case len(doc.VPCEndpoints) > 0:
		return nil, wire.Unsupported(op + ": x-amazon-apigateway-endpoint-configuration: vpcEndpointIds")
	}
	if err := checkPolicy(doc.Policy); err != nil {
		return nil, err
	}
	base := ""
	switch mode := params["basepath"]; mode {
	case "", "ignore":
	case "prepend":
		base = strings.TrimSuffix("/"+strings.Trim(doc.BasePath, "/"), "/")
	case "split":
		if part := strings.SplitN(strings.Trim(doc.BasePath, "/"), "/", 2); len(part) == 2 {
			base = "/" + part[1]
		}
	default:
		return nil, bad("Invalid basepath parameter: %s. Must be one of: ignore, prepend, split", mode)
	}
	ids := map[string]string{}
	for _, z := range doc.Authorizers {
		if z.Type == "cognito_user_pools" {
			return nil, wire.Unsupported(op + ": authorizer " + z.Name + " of type cognito_user_pools")
		}
		a := authorizer{Id: s.random(6), Name: z.Name, Type: strings.ToUpper(z.Type), AuthType: z.AuthType, AuthorizerUri: z.URI, AuthorizerCredentials: z.Credentials,
			IdentitySource: z.IdentitySource, IdentityValidationExpression: z.Validation}
		if a.AuthType == "" {
			a.AuthType = "custom"
		}
		if z.TTL != nil {
			a.AuthorizerResultTtlInSeconds = wire.P(int32(*z.TTL))
		}
		if err := s.checkAuthorizer(op, &a); err != nil {
			return nil, err
		}
		ids[z.Name] = a.Id
		p.authorizers = append(p.authorizers, a)
	}
	valids := map[string]string{}
	for _, v := range doc.Validators {
		x := validator{Id: s.random(6), Name: v.Name, ValidateRequestBody: v.Body, ValidateRequestParameters: v.Parameters}
		valids[v.Name] = x.Id
		p.validators = append(p.validators, x)
	}
	for _, m := range doc.Models {
		x := model{Id: s.random(6), Name: m.Name, Description: m.Description, Schema: m.Schema, ContentType: "application/json"}
		if !modelName.MatchString(x.Name) {
			return nil, reimported([]string{"Model name must be alphanumeric: " + x.Name})
		}
		p.models = append(p.models, x)
	}
	for i := range p.models {
		if _, err := compileSchema(&p.models[i], p.models, ""); err != nil {
			return nil, reimported([]string{fmt.Sprintf("Unable to create model for '%s': Validation Result: warnings : [], errors : [Invalid model schema specified. %v]", p.models[i].Name, err)})
		}
	}
	for _, g := range doc.GatewayResponses {
		x := gatewayResponse{ResponseType: g.Type, StatusCode: g.StatusCode, ResponseParameters: g.Parameters, ResponseTemplates: g.Templates}
		if x.StatusCode == "" {
			x.StatusCode = standard[x.ResponseType]
		}
		if len(x.ResponseTemplates) == 0 {
			x.ResponseTemplates = map[string]string{"application/json": standardTemplate}
		}
		if err := checkGatewayResponse(op, &x); err != nil {
			return nil, err
		}
		p.responses = append(p.responses, x)
	}
	var wrong []string
	for i := range doc.Methods {
		d := &doc.Methods[i]
		m, err := s.method2(op, d, ids, valids)
		var br *restapi.BadRequestException
		if errors.As(err, &br) {
			wrong = append(wrong, fmt.Sprintf("Unable to put integration on '%s' for resource at path '%s': %s", d.HTTPMethod, d.Path, br.Message))
			continue
		}
		if err != nil {
			return nil, err
		}
		path := base + d.Path
		if path != "/" {
			path = strings.TrimSuffix(path, "/")
		}
		for _, seg := range strings.Split(path[1:], "/") {
			if path != "/" && !pathPart.MatchString(seg) {
				wrong = append(wrong, fmt.Sprintf("Unable to create resource at path '%s': Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.", d.Path))
				break
			}
		}
		p.methods = append(p.methods, planned{path, *m})
	}
	if len(wrong) > 0 {
		return nil, reimported(wrong)
	}
	return p, nil
}

// method2 makes a method of an imported one.
func (s *Service) method2(op string, d *openapi.Method, authorizers, validators map[string]string) (*method, error) {
	m := &method{HttpMethod: d.HTTPMethod, AuthorizationType: "NONE", OperationName: d.OperationName, RequestModels: d.RequestModels, AuthorizationScopes: d.Scopes}
	switch d.Auth {
	case "IAM":
		m.AuthorizationType = "AWS_IAM"
	case "AUTHORIZER":
		m.AuthorizationType, m.AuthorizerId = "CUSTOM", authorizers[d.Authorizer]
	}
	if d.APIKey {
		return nil, wire.Unsupported(op + ": " + d.HTTPMethod + " " + d.Path + ": API keys and usage plans")
	}
	if d.Validator != "" {
		id, ok := validators[d.Validator]
		if !ok {
			return nil, bad("Invalid Request Validator identifier specified: %s", d.Validator)
		}
		m.RequestValidatorId = id
	}
	for _, q := range d.Parameters {
		if m.RequestParameters == nil {
			m.RequestParameters = map[string]bool{}
		}
		m.RequestParameters["method.request."+q.In+"."+q.Name] = q.Required
	}
	for _, r := range d.Responses {
		if m.MethodResponses == nil {
			m.MethodResponses = map[string]methodResponse{}
		}
		if r.StatusCode == "default" {
			continue
		}
		x := methodResponse{StatusCode: r.StatusCode, ResponseModels: r.Models}
		for _, h := range r.Headers {
			if x.ResponseParameters == nil {
				x.ResponseParameters = map[string]bool{}
			}
			x.ResponseParameters["method.response.header."+h] = false
		}
		m.MethodResponses[r.StatusCode] = x
	}
	g := d.Integration
	if g == nil {
		return m, nil
	}
	if g.ConnectionType != "" && g.ConnectionType != "INTERNET" {
		return nil, wire.Unsupported(op + ": connectionType " + g.ConnectionType)
	}
	ig := &integration{Type: g.Type, HttpMethod: g.HTTPMethod, Uri: g.URI, Credentials: g.Credentials, RequestParameters: g.RequestParameters, RequestTemplates: g.RequestTemplates,
		PassthroughBehavior: g.Passthrough, ContentHandling: g.ContentHandling, CacheNamespace: g.CacheNamespace, CacheKeyParameters: g.CacheKeys}
	if g.Type == "MOCK" {
		ig.HttpMethod = ""
	}
	if g.Timeout != nil {
		ig.TimeoutInMillis = int32(*g.Timeout)
	}
	if err := s.checkIntegration(op, ig); err != nil {
		return nil, err
	}
	for _, r := range g.Responses {
		x := integrationResponse{StatusCode: r.StatusCode, ResponseParameters: r.Parameters, ResponseTemplates: r.Templates, ContentHandling: r.ContentHandling}
		if r.Pattern != "default" {
			x.SelectionPattern = r.Pattern
		}
		if n, err := strconv.Atoi(x.StatusCode); err != nil || n < 100 || n > 599 {
			return nil, bad("Invalid status code specified: %s", x.StatusCode)
		}
		if err := checkIntegrationResponse(op, &x); err != nil {
			return nil, err
		}
		if ig.IntegrationResponses == nil {
			ig.IntegrationResponses = map[string]integrationResponse{}
		}
		ig.IntegrationResponses[x.StatusCode] = x
	}
	m.MethodIntegration = ig
	return m, nil
}

// write puts a plan into an API whose root resource is there. What is there already is merged with it.
func (s *Service) write(tx store.Tx, sc scope, a *restAPI, p *plan, draw func() string) error {
	d := p.doc
	a.Name = orElse(d.Title, a.Name)
	a.Description = orElse(d.Description, a.Description)
	a.Version = orElse(d.Version, a.Version)
	a.ApiKeySource = orElse(d.APIKeySource, a.ApiKeySource)
	a.Policy = orElse(d.Policy, a.Policy)
	if d.BinaryMediaTypes != nil {
		for _, t := range d.BinaryMediaTypes {
			if !contains(a.BinaryMediaTypes, t) {
				a.BinaryMediaTypes = append(a.BinaryMediaTypes, t)
			}
		}
	}
	if d.DisableExecuteEndpoint != nil {
		a.DisableExecuteApiEndpoint = *d.DisableExecuteEndpoint
	}
	if d.Tags != nil {
		if a.Tags == nil {
			a.Tags = map[string]string{}
		}
		maps.Copy(a.Tags, d.Tags)
	}
	for i := range p.models {
		store.Put(tx, sc.parts(kindModel).Str(p.models[i].Name), &p.models[i])
	}
	for i := range p.validators {
		replaceNamed(tx, sc, kindValidator, p.validators[i].Name, func(v *validator) string { return v.Name })
		store.Put(tx, sc.parts(kindValidator).Str(p.validators[i].Id), &p.validators[i])
	}
	for i := range p.authorizers {
		replaceNamed(tx, sc, kindAuthorizer, p.authorizers[i].Name, func(z *authorizer) string { return z.Name })
		store.Put(tx, sc.parts(kindAuthorizer).Str(p.authorizers[i].Id), &p.authorizers[i])
	}
	for i := range p.responses {
		store.Put(tx, sc.parts(kindResponse).Str(p.responses[i].ResponseType), &p.responses[i])
	}
	byPath := map[string]*apiResource{}
	for _, r := range all[apiResource](tx, sc, kindResource) {
		byPath[r.Path] = &r
	}
	root := byPath["/"]
	if root == nil {
		root = &apiResource{Id: a.RootResourceId, Path: "/"}
		byPath["/"] = root
	}
	for _, m := range p.methods {
		r := root
		at := ""
		if m.path != "/" {
			for _, seg := range strings.Split(m.path[1:], "/") {
				at += "/" + seg
				next := byPath[at]
				if next == nil {
					next = &apiResource{Id: draw(), ParentId: r.Id, PathPart: seg, Path: at}
					byPath[at] = next
				}
				r = next
			}
		}
		if r.Methods == nil {
			r.Methods = map[string]method{}
		}
		x := m.method
		if x.MethodIntegration != nil && x.MethodIntegration.CacheNamespace == "" {
			ig := *x.MethodIntegration
			ig.CacheNamespace = r.Id
			x.MethodIntegration = &ig
		}
		r.Methods[x.HttpMethod] = x
	}
	if len(byPath) > resourcesMax {
		return tooMany("resources", resourcesMax)
	}
	paths := make([]string, 0, len(byPath))
	for k := range byPath {
		paths = append(paths, k)
	}
	sort.Strings(paths)
	list := make([]apiResource, 0, len(paths))
	for _, k := range paths {
		if k != "/" {
			if err := checkSibling(list, byPath[k].ParentId, byPath[k].PathPart, byPath[k].Id); err != nil {
				return reimported([]string{fmt.Sprintf("Unable to create resource at path '%s': %s", k, messageOf(err))})
			}
		}
		list = append(list, *byPath[k])
	}
	for i := range list {
		for _, m := range list[i].Methods {
			if err := checkMethod(tx, sc, "ImportRestApi", &m); err != nil {
				return err
			}
		}
		store.Put(tx, sc.parts(kindResource).Str(list[i].Id), &list[i])
	}
	s.put(tx, sc, a)
	return nil
}

func messageOf(err error) string { return wire.Info(nil, wire.RESTJSON, err).Message }

// replaceNamed removes the part of a name that an import brings anew.
func replaceNamed[T any](tx store.Tx, sc scope, kind, name string, nameOf func(*T) string) {
	var gone []store.Key
	store.Each(tx, store.Prefix(sc.parts(kind)), func(k store.Key, v *T) bool {
		if nameOf(v) == name {
			gone = append(gone, append(store.Key{}, k...))
		}
		return true
	})
	for _, k := range gone {
		tx.Delete(k)
	}
}

func orElse(s, d string) string {
	if s != "" {
		return s
	}
	return d
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// ids draws identifiers beforehand, so that a transaction that runs again draws the same.
func (s *Service) ids(n int) func() func() string {
	list := make([]string, n)
	for i := range list {
		list[i] = s.random(6)
	}
	return func() func() string {
		i := 0
		return func() string { i++; return list[(i-1)%len(list)] }
	}
}

func segments(p *plan) int {
	n := 1
	for _, m := range p.methods {
		n += strings.Count(m.path, "/")
	}
	return n
}

// ImportRestApi implements the operation.
func (s *Service) ImportRestApi(ctx context.Context, in *restapi.ImportRestApiInput) (*restapi.ImportRestApiOutput, error) {
	c := wire.CallOf(ctx)
	p, err := s.plan("ImportRestApi", in.Body, in.Parameters, wire.V(in.FailOnWarnings))
	if err != nil {
		return nil, err
	}
	if p.doc.Title == "" {
		return nil, bad("Name cannot be empty")
	}
	first := &restAPI{}
	s.begin(ctx, first)
	if t := in.Parameters["endpointConfigurationTypes"]; t != "" {
		first.EndpointTypes = []string{t}
	} else if len(p.doc.EndpointTypes) > 0 {
		first.EndpointTypes = p.doc.EndpointTypes
	}
	if err := checkEndpoint("ImportRestApi", &restapi.EndpointConfiguration{Types: first.EndpointTypes}); err != nil {
		return nil, err
	}
	sc := scope{c.Account, c.Region, first.Id}
	draw := s.ids(segments(p))
	var a restAPI
	err = s.cfg.Store.Update(ctx, []store.Key{sc.key()}, func(tx store.Tx) error {
		a = *first
		if err := s.room(tx, c); err != nil {
			return err
		}
		return s.write(tx, sc, &a, p, draw())
	})
	if err != nil {
		return nil, err
	}
	out := show(&a)
	out.Warnings = p.doc.Warnings
	return out, nil
}

// PutRestApi implements the operation: mode merge adds to what is there, overwrite puts the document in its place.
func (s *Service) PutRestApi(ctx context.Context, in *restapi.PutRestApiInput) (*restapi.PutRestApiOutput, error) {
	p, err := s.plan("PutRestApi", in.Body, in.Parameters, wire.V(in.FailOnWarnings))
	if err != nil {
		return nil, err
	}
	draw := s.ids(segments(p))
	var out *restapi.RestApi
	err = s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, a *restAPI) error {
		switch wire.Or(in.Mode, "merge") {
		case "merge":
		case "overwrite":
			wipe(tx, sc)
			a.BinaryMediaTypes, a.Policy, a.Description, a.Version = nil, "", "", ""
		default:
			return bad("Invalid mode specified: %s. Must be one of: merge, overwrite", *in.Mode)
		}
		if err := s.write(tx, sc, a, p, draw()); err != nil {
			return err
		}
		out = show(a)
		out.Warnings = p.doc.Warnings
		return nil
	})
	return out, err
}
