package apigateway

import (
	"context"
	"encoding/json"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/resource"
	"virga/internal/wire"
)

func types(s *Service) []resource.Type {
	return []resource.Type{apiType{s}, resourceType{}, methodType{s}, deploymentType{}, stageType{}, accountType{}, authorizerType{}, gatewayResponseType{}, modelType{}, validatorType{}}
}

func clientOf(r *resource.Request) *restapi.Client { return &restapi.Client{Invoker: r.Invoker} }

// gone takes what is not there any more for done.
func gone(err error) (*resource.Progress, error) {
	if wire.CodeOf(err) == "NotFoundException" {
		err = nil
	}
	return &resource.Progress{}, err
}

func tagsFor(r *resource.Request) map[string]string {
	out := map[string]string{}
	for k, v := range r.Tags {
		out[k] = v
	}
	for _, t := range r.Properties.List("Tags") {
		if m, ok := t.(map[string]any); ok {
			out[resource.Text(m["Key"])] = resource.Text(m["Value"])
		}
	}
	return out
}

func made(id, attribute string) *resource.Progress {
	return &resource.Progress{Physical: id, Attributes: map[string]any{attribute: id}}
}

func patch(op, path, value string) restapi.PatchOperation {
	return restapi.PatchOperation{Op: &op, Path: &path, Value: &value}
}

// apiType is AWS::ApiGateway::RestApi.
type apiType struct{ s *Service }

// Refuses implements resource.Refuser: the document is read as its import will read it.
func (t apiType) Refuses(p resource.Properties) error {
	if !p.Has("Body") {
		return nil
	}
	body, err := p.JSON("Body")
	if err != nil {
		return nil
	}
	_, err = t.s.plan("AWS::ApiGateway::RestApi", []byte(body), nil, false)
	return err
}

// Name implements resource.Type.
func (apiType) Name() string { return "AWS::ApiGateway::RestApi" }

// Supports implements resource.Type.
func (apiType) Supports() []string {
	return []string{"ApiKeySourceType", "BinaryMediaTypes", "Body", "Description", "DisableExecuteApiEndpoint", "EndpointConfiguration/Types", "EndpointConfiguration/IpAddressType", "FailOnWarnings",
		"Mode", "Name", "Parameters", "Policy", "Tags"}
}

func (apiType) progress(a *restapi.RestApi) *resource.Progress {
	return &resource.Progress{Physical: *a.Id, Attributes: map[string]any{"RestApiId": *a.Id, "RootResourceId": *a.RootResourceId}}
}

// Create implements resource.Type.
func (t apiType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	p := r.Properties
	in := &restapi.CreateRestApiInput{Name: p.Str("Name"), BinaryMediaTypes: p.Strings("BinaryMediaTypes"), Tags: tagsFor(r)}
	if in.Name == "" {
		if in.Name = resource.Text(p.Map("Body").Map("info")["title"]); in.Name == "" {
			return nil, wire.Invalid("Name or Body with a title is required")
		}
	}
	if d := p.Str("Description"); d != "" {
		in.Description = &d
	}
	if k := p.Str("ApiKeySourceType"); k != "" {
		in.ApiKeySource = &k
	}
	if p.Has("DisableExecuteApiEndpoint") {
		in.DisableExecuteApiEndpoint = wire.P(p.Bool("DisableExecuteApiEndpoint"))
	}
	if err := p.Decode("EndpointConfiguration", &in.EndpointConfiguration); err != nil {
		return nil, err
	}
	if doc, err := p.JSON("Policy"); err != nil {
		return nil, err
	} else if doc != "" {
		in.Policy = &doc
	}
	a, err := c.CreateRestApi(ctx, in)
	if err != nil {
		return nil, err
	}
	if !p.Has("Body") {
		return t.progress(a), nil
	}
	if err := t.put(ctx, c, r, *a.Id, "merge"); err != nil {
		_, derr := c.DeleteRestApi(ctx, &restapi.DeleteRestApiInput{RestApiId: *a.Id})
		if derr != nil && wire.CodeOf(derr) != "NotFoundException" {
			return t.progress(a), derr
		}
		return nil, err
	}
	return t.progress(a), t.beside(ctx, c, r, *a.Id, nil)
}

// put writes the document into the API.
func (apiType) put(ctx context.Context, c *restapi.Client, r *resource.Request, id, mode string) error {
	body, err := r.Properties.JSON("Body")
	if err != nil {
		return err
	}
	in := &restapi.PutRestApiInput{RestApiId: id, Mode: &mode, FailOnWarnings: wire.P(r.Properties.Bool("FailOnWarnings")), Body: []byte(body)}
	if err := r.Properties.Decode("Parameters", &in.Parameters); err != nil {
		return err
	}
	_, err = c.PutRestApi(ctx, in)
	return err
}

// beside sets what properties say beside the document; had are the binary media types of before.
func (apiType) beside(ctx context.Context, c *restapi.Client, r *resource.Request, id string, had []string) error {
	p := r.Properties
	var ops []restapi.PatchOperation
	for _, x := range [][2]string{{"Name", "/name"}, {"Description", "/description"}, {"ApiKeySourceType", "/apiKeySource"}, {"DisableExecuteApiEndpoint", "/disableExecuteApiEndpoint"}} {
		if v := p.Str(x[0]); v != "" {
			ops = append(ops, patch("replace", x[1], v))
		}
	}
	if doc, err := p.JSON("Policy"); err != nil {
		return err
	} else if doc != "" {
		ops = append(ops, patch("replace", "/policy", doc))
	}
	for _, t := range had {
		ops = append(ops, patch("remove", "/binaryMediaTypes/"+strings.ReplaceAll(t, "/", "~1"), ""))
	}
	for _, t := range p.Strings("BinaryMediaTypes") {
		ops = append(ops, patch("add", "/binaryMediaTypes/"+strings.ReplaceAll(t, "/", "~1"), ""))
	}
	if ts := p.Map("EndpointConfiguration").Strings("Types"); len(ts) == 1 {
		ops = append(ops, patch("replace", "/endpointConfiguration/types/0", ts[0]))
	}
	if len(ops) == 0 {
		return nil
	}
	_, err := c.UpdateRestApi(ctx, &restapi.UpdateRestApiInput{RestApiId: id, PatchOperations: ops})
	return err
}

// Update implements resource.Type.
func (t apiType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	if r.Properties.Has("Body") {
		mode := r.Properties.Str("Mode")
		if mode == "" {
			mode = "overwrite"
		}
		if err := t.put(ctx, c, r, r.Physical, mode); err != nil {
			return nil, err
		}
	}
	if err := t.beside(ctx, c, r, r.Physical, r.Previous.Strings("BinaryMediaTypes")); err != nil {
		return nil, err
	}
	if tags := tagsFor(r); len(tags) > 0 {
		if _, err := c.TagResource(ctx, &restapi.TagResourceInput{ResourceArn: "arn:aws:apigateway:" + r.Call.Region + "::/restapis/" + r.Physical, Tags: tags}); err != nil {
			return nil, err
		}
	}
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (apiType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteRestApi(ctx, &restapi.DeleteRestApiInput{RestApiId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (t apiType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	a, err := clientOf(r).GetRestApi(ctx, &restapi.GetRestApiInput{RestApiId: r.Physical})
	if err != nil {
		return nil, err
	}
	return t.progress(a), nil
}

// resourceType is AWS::ApiGateway::Resource: each of its properties replaces.
type resourceType struct{}

// Name implements resource.Type.
func (resourceType) Name() string { return "AWS::ApiGateway::Resource" }

// Supports implements resource.Type.
func (resourceType) Supports() []string { return []string{"ParentId", "PathPart", "RestApiId"} }

// Create implements resource.Type.
func (resourceType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &restapi.CreateResourceInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	out, err := clientOf(r).CreateResource(ctx, in)
	if err != nil {
		return nil, err
	}
	return made(*out.Id, "ResourceId"), nil
}

// Update implements resource.Type.
func (t resourceType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (resourceType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteResource(ctx, &restapi.DeleteResourceInput{RestApiId: r.Properties.Str("RestApiId"), ResourceId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (resourceType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetResource(ctx, &restapi.GetResourceInput{RestApiId: r.Properties.Str("RestApiId"), ResourceId: r.Physical})
	return made(r.Physical, "ResourceId"), err
}

// methodType is AWS::ApiGateway::Method.
type methodType struct{ s *Service }

// Refuses implements resource.Refuser.
func (t methodType) Refuses(p resource.Properties) error {
	switch g := p.Map("Integration"); {
	case p.Bool("ApiKeyRequired"):
		return wire.Unsupported("ApiKeyRequired (API keys and usage plans)")
	case p.Str("AuthorizationType") == "COGNITO_USER_POOLS":
		return wire.Unsupported("AuthorizationType=COGNITO_USER_POOLS")
	case g == nil:
		return nil
	default:
		ig := &integration{Type: g.Str("Type"), HttpMethod: g.Str("IntegrationHttpMethod"), Uri: g.Str("Uri"), Credentials: g.Str("Credentials"), PassthroughBehavior: g.Str("PassthroughBehavior"),
			ContentHandling: g.Str("ContentHandling")}
		if err := g.Decode("RequestTemplates", &ig.RequestTemplates); err != nil {
			return nil
		}
		if err := g.Decode("RequestParameters", &ig.RequestParameters); err != nil {
			return nil
		}
		return t.s.checkIntegration("AWS::ApiGateway::Method", ig)
	}
}

// Name implements resource.Type.
func (methodType) Name() string { return "AWS::ApiGateway::Method" }

// Supports implements resource.Type.
func (methodType) Supports() []string {
	return []string{"ApiKeyRequired", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "HttpMethod", "OperationName", "RequestModels", "RequestParameters", "RequestValidatorId", "ResourceId", "RestApiId",
		"MethodResponses", "Integration/Type", "Integration/IntegrationHttpMethod", "Integration/Uri", "Integration/Credentials", "Integration/RequestParameters", "Integration/RequestTemplates",
		"Integration/PassthroughBehavior", "Integration/ContentHandling", "Integration/TimeoutInMillis", "Integration/ConnectionType", "Integration/CacheNamespace", "Integration/IntegrationResponses"}
}

// PhysicalName implements resource.Namer.
func (methodType) PhysicalName(r *resource.Request) string {
	p := r.Properties
	return p.Str("RestApiId") + "|" + p.Str("ResourceId") + "|" + p.Str("HttpMethod")
}

// Create implements resource.Type.
func (methodType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	p := resource.Properties{"AuthorizationType": "NONE"}
	for k, v := range r.Properties {
		if k != "Integration" && k != "MethodResponses" {
			p[k] = v
		}
	}
	in := &restapi.PutMethodInput{}
	if err := resource.Decode(p, in); err != nil {
		return nil, err
	}
	if _, err := c.PutMethod(ctx, in); err != nil {
		return nil, err
	}
	done := &resource.Progress{Physical: r.Physical}
	for _, v := range r.Properties.List("MethodResponses") {
		m, _ := v.(map[string]any)
		x := &restapi.PutMethodResponseInput{}
		if err := resource.Decode(m, x); err != nil {
			return done, err
		}
		x.RestApiId, x.ResourceId, x.HttpMethod = in.RestApiId, in.ResourceId, in.HttpMethod
		if _, err := c.PutMethodResponse(ctx, x); err != nil && wire.CodeOf(err) != "ConflictException" {
			return done, err
		}
	}
	if !r.Properties.Has("Integration") {
		return done, nil
	}
	ig := resource.Properties{}
	for k, v := range r.Properties.Map("Integration") {
		if k != "IntegrationResponses" {
			ig[k] = v
		}
	}
	x := &restapi.PutIntegrationInput{}
	if err := resource.Decode(ig, x); err != nil {
		return done, err
	}
	x.RestApiId, x.ResourceId, x.HttpMethod = in.RestApiId, in.ResourceId, in.HttpMethod
	if _, err := c.PutIntegration(ctx, x); err != nil {
		return done, err
	}
	for _, v := range r.Properties.Map("Integration").List("IntegrationResponses") {
		m, _ := v.(map[string]any)
		y := &restapi.PutIntegrationResponseInput{}
		if err := resource.Decode(m, y); err != nil {
			return done, err
		}
		y.RestApiId, y.ResourceId, y.HttpMethod = in.RestApiId, in.ResourceId, in.HttpMethod
		if _, err := c.PutIntegrationResponse(ctx, y); err != nil {
			return done, err
		}
	}
	return done, nil
}

// Update implements resource.Type: the method is put anew.
func (t methodType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	if _, err := t.Delete(ctx, r); err != nil {
		return nil, err
	}
	return t.Create(ctx, r)
}

// Delete implements resource.Type.
func (methodType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p := strings.SplitN(r.Physical, "|", 3)
	if len(p) != 3 {
		return &resource.Progress{}, nil
	}
	_, err := clientOf(r).DeleteMethod(ctx, &restapi.DeleteMethodInput{RestApiId: p[0], ResourceId: p[1], HttpMethod: p[2]})
	return gone(err)
}

// Read implements resource.Type.
func (methodType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p := strings.SplitN(r.Physical, "|", 3)
	if len(p) != 3 {
		return nil, missing("Invalid Method identifier specified")
	}
	_, err := clientOf(r).GetMethod(ctx, &restapi.GetMethodInput{RestApiId: p[0], ResourceId: p[1], HttpMethod: p[2]})
	return &resource.Progress{Physical: r.Physical}, err
}

// text gives a property as text: an object as its JSON.
func text(p resource.Properties, name string) string {
	switch v := p[name].(type) {
	case map[string]any, []any:
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(b)
	}
	return p.Str(name)
}
