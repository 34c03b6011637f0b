package apigatewayv2

import (
	"context"

	v2api "virga/api/apigatewayv2"
	"virga/internal/resource"
	"virga/internal/wire"
)

func types() []resource.Type {
	return []resource.Type{apiType{}, stageType{}, routeType{}, integrationType{}, deploymentType{}, authorizerType{}}
}

func clientOf(r *resource.Request) *v2api.Client { return &v2api.Client{Invoker: r.Invoker} }

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
	for k, v := range r.Properties.Map("Tags") {
		out[k] = resource.Text(v)
	}
	return out
}

// without gives properties that are not among names.
func without(p resource.Properties, names ...string) resource.Properties {
	out := resource.Properties{}
next:
	for k, v := range p {
		for _, n := range names {
			if k == n {
				continue next
			}
		}
		out[k] = v
	}
	return out
}

func made(id *string, attribute string) *resource.Progress {
	return &resource.Progress{Physical: *id, Attributes: map[string]any{attribute: *id}}
}

// apiType is AWS::ApiGatewayV2::Api.
type apiType struct{}

// Refuses implements resource.Refuser.
func (apiType) Refuses(p resource.Properties) error {
	if p.Str("ProtocolType") == "WEBSOCKET" {
		return wire.Unsupported("ProtocolType=WEBSOCKET")
	}
	return nil
}

// Name implements resource.Type.
func (apiType) Name() string { return "AWS::ApiGatewayV2::Api" }

// Supports implements resource.Type.
func (apiType) Supports() []string {
	return []string{"Body", "BasePath", "FailOnWarnings", "CorsConfiguration", "CredentialsArn", "Description", "DisableExecuteApiEndpoint", "Name", "ProtocolType", "RouteKey",
		"RouteSelectionExpression", "Tags", "Target", "Version"}
}

func (t apiType) progress(r *resource.Request, id, endpoint string) *resource.Progress {
	return &resource.Progress{Physical: id, Attributes: map[string]any{"ApiId": id, "ApiEndpoint": endpoint, "ExecuteApiArn": "arn:aws:execute-api:" + r.Call.Region + ":" + r.Call.Account + ":" + id}}
}

// Create implements resource.Type.
func (t apiType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	p := r.Properties
	if !p.Has("Body") {
		in := &v2api.CreateApiInput{}
		if err := resource.Decode(without(p, "FailOnWarnings", "BasePath", "Tags"), in); err != nil {
			return nil, err
		}
		in.Tags = tagsFor(r)
		out, err := c.CreateApi(ctx, in)
		if err != nil {
			return nil, err
		}
		return t.progress(r, *out.ApiId, *out.ApiEndpoint), nil
	}
	body, err := p.JSON("Body")
	if err != nil {
		return nil, err
	}
	in := &v2api.ImportApiInput{Body: body, FailOnWarnings: wire.P(p.Bool("FailOnWarnings"))}
	if err := p.Decode("BasePath", &in.Basepath); err != nil {
		return nil, err
	}
	out, err := c.ImportApi(ctx, in)
	if err != nil {
		return nil, err
	}
	return t.progress(r, *out.ApiId, *out.ApiEndpoint), t.beside(ctx, c, r, *out.ApiId)
}

// beside sets what properties say beside the document.
func (apiType) beside(ctx context.Context, c *v2api.Client, r *resource.Request, id string) error {
	in := &v2api.UpdateApiInput{}
	if err := resource.Decode(without(r.Properties, "Body", "BasePath", "FailOnWarnings", "Tags", "ProtocolType"), in); err != nil {
		return err
	}
	in.ApiId = id
	if _, err := c.UpdateApi(ctx, in); err != nil {
		return err
	}
	if tags := tagsFor(r); len(tags) > 0 {
		_, err := c.TagResource(ctx, &v2api.TagResourceInput{ResourceArn: "arn:aws:apigateway:" + r.Call.Region + "::/apis/" + id, Tags: tags})
		return err
	}
	return nil
}

// Update implements resource.Type.
func (t apiType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	if r.Properties.Has("Body") {
		body, err := r.Properties.JSON("Body")
		if err != nil {
			return nil, err
		}
		in := &v2api.ReimportApiInput{ApiId: r.Physical, Body: body, FailOnWarnings: wire.P(r.Properties.Bool("FailOnWarnings"))}
		if err := r.Properties.Decode("BasePath", &in.Basepath); err != nil {
			return nil, err
		}
		if _, err := c.ReimportApi(ctx, in); err != nil {
			return nil, err
		}
	} else if r.Previous.Has("CorsConfiguration") && !r.Properties.Has("CorsConfiguration") {
		if _, err := c.DeleteCorsConfiguration(ctx, &v2api.DeleteCorsConfigurationInput{ApiId: r.Physical}); err != nil {
			return nil, err
		}
	}
	if err := t.beside(ctx, c, r, r.Physical); err != nil {
		return nil, err
	}
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (apiType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteApi(ctx, &v2api.DeleteApiInput{ApiId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (t apiType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	out, err := clientOf(r).GetApi(ctx, &v2api.GetApiInput{ApiId: r.Physical})
	if err != nil {
		return nil, err
	}
	return t.progress(r, r.Physical, *out.ApiEndpoint), nil
}

// stageType is AWS::ApiGatewayV2::Stage.
type stageType struct{}

// Name implements resource.Type.
func (stageType) Name() string { return "AWS::ApiGatewayV2::Stage" }

// Supports implements resource.Type.
func (stageType) Supports() []string {
	return []string{"ApiId", "AutoDeploy", "DefaultRouteSettings", "DeploymentId", "Description", "RouteSettings", "StageName", "StageVariables", "Tags"}
}

// Create implements resource.Type.
func (stageType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &v2api.CreateStageInput{}
	if err := resource.Decode(without(r.Properties, "Tags"), in); err != nil {
		return nil, err
	}
	in.Tags = tagsFor(r)
	if _, err := clientOf(r).CreateStage(ctx, in); err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: in.StageName}, nil
}

// Update implements resource.Type.
func (stageType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := clientOf(r)
	in := &v2api.UpdateStageInput{}
	if err := resource.Decode(without(r.Properties, "Tags"), in); err != nil {
		return nil, err
	}
	if in.StageVariables == nil {
		in.StageVariables = map[string]string{}
	}
	for k := range r.Previous.Map("RouteSettings") {
		if !r.Properties.Map("RouteSettings").Has(k) {
			if _, err := c.DeleteRouteSettings(ctx, &v2api.DeleteRouteSettingsInput{ApiId: in.ApiId, StageName: in.StageName, RouteKey: k}); err != nil && wire.CodeOf(err) != "NotFoundException" {
				return nil, err
			}
		}
	}
	if _, err := c.UpdateStage(ctx, in); err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: r.Physical}, nil
}

// Delete implements resource.Type.
func (stageType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteStage(ctx, &v2api.DeleteStageInput{ApiId: r.Properties.Str("ApiId"), StageName: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (stageType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetStage(ctx, &v2api.GetStageInput{ApiId: r.Properties.Str("ApiId"), StageName: r.Physical})
	return &resource.Progress{Physical: r.Physical}, err
}
