package lambda

import (
	"context"
	"strings"

	lambdaapi "virga/api/lambda"
	"virga/internal/resource"
	"virga/internal/wire"
)

// versionType is AWS::Lambda::Version: what it made is found by its ARN, and a repeat by the step's token.
type versionType struct{}

// Name implements resource.Type.
func (versionType) Name() string { return "AWS::Lambda::Version" }

// Supports implements resource.Type.
func (versionType) Supports() []string { return []string{"FunctionName", "CodeSha256", "Description"} }

// Create implements resource.Type.
func (versionType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &lambdaapi.PublishVersionInput{FunctionName: r.Properties.Str("FunctionName")}
	if r.Properties.Has("CodeSha256") {
		in.CodeSha256 = wire.P(r.Properties.Str("CodeSha256"))
	}
	if r.Properties.Has("Description") {
		in.Description = wire.P(r.Properties.Str("Description"))
	}
	o, err := (&lambdaapi.Client{Invoker: r.Invoker}).PublishVersion(ctx, in)
	if err != nil {
		return nil, err
	}
	return versionProgress(wire.V(o.FunctionArn), wire.V(o.Version)), nil
}

func versionProgress(arn, number string) *resource.Progress {
	return &resource.Progress{Physical: arn, Attributes: map[string]any{"Version": number, "FunctionArn": arn}}
}

// Update implements resource.Type: every property of a version replaces it, so nothing is left to change.
func (v versionType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return v.Read(ctx, r)
}

// Delete implements resource.Type.
func (versionType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	if r.Physical == "" {
		return &resource.Progress{}, nil
	}
	_, err := (&lambdaapi.Client{Invoker: r.Invoker}).DeleteFunction(ctx, &lambdaapi.DeleteFunctionInput{FunctionName: r.Physical})
	return &resource.Progress{}, gone(err)
}

// Read implements resource.Type.
func (versionType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return versionProgress(r.Physical, r.Physical[strings.LastIndexByte(r.Physical, ':')+1:]), nil
}

// aliasType is AWS::Lambda::Alias.
type aliasType struct{}

// Name implements resource.Type.
func (aliasType) Name() string { return "AWS::Lambda::Alias" }

// Supports implements resource.Type.
func (aliasType) Supports() []string {
	return []string{"FunctionName", "FunctionVersion", "Name", "Description", "RoutingConfig"}
}

func routingFor(p resource.Properties) *lambdaapi.AliasRoutingConfiguration {
	rc := p.Map("RoutingConfig")
	out := &lambdaapi.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	for _, v := range rc.List("AdditionalVersionWeights") {
		m, _ := v.(map[string]any)
		var w float64
		if resource.Properties(m).Decode("FunctionWeight", &w) == nil {
			out.AdditionalVersionWeights[resource.Text(m["FunctionVersion"])] = w
		}
	}
	return out
}

// Create implements resource.Type.
func (aliasType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &lambdaapi.CreateAliasInput{FunctionName: r.Properties.Str("FunctionName"), Name: r.Properties.Str("Name"), FunctionVersion: r.Properties.Str("FunctionVersion")}
	if r.Properties.Has("Description") {
		in.Description = wire.P(r.Properties.Str("Description"))
	}
	if r.Properties.Has("RoutingConfig") {
		in.RoutingConfig = routingFor(r.Properties)
	}
	o, err := (&lambdaapi.Client{Invoker: r.Invoker}).CreateAlias(ctx, in)
	if err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: wire.V(o.AliasArn), Attributes: map[string]any{"AliasArn": wire.V(o.AliasArn)}}, nil
}

func splitAlias(arn string) (function, name string) {
	i := strings.LastIndexByte(arn, ':')
	if i < 0 {
		return arn, ""
	}
	return arn[:i], arn[i+1:]
}

// Update implements resource.Type.
func (aliasType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	fn, name := splitAlias(r.Physical)
	o, err := (&lambdaapi.Client{Invoker: r.Invoker}).UpdateAlias(ctx, &lambdaapi.UpdateAliasInput{FunctionName: fn, Name: name, FunctionVersion: wire.P(r.Properties.Str("FunctionVersion")),
		Description: wire.P(r.Properties.Str("Description")), RoutingConfig: routingFor(r.Properties)})
	if err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: wire.V(o.AliasArn), Attributes: map[string]any{"AliasArn": wire.V(o.AliasArn)}}, nil
}

// Delete implements resource.Type.
func (aliasType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	fn, name := splitAlias(r.Physical)
	_, err := (&lambdaapi.Client{Invoker: r.Invoker}).DeleteAlias(ctx, &lambdaapi.DeleteAliasInput{FunctionName: fn, Name: name})
	return &resource.Progress{}, gone(err)
}

// Read implements resource.Type.
func (aliasType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	fn, name := splitAlias(r.Physical)
	o, err := (&lambdaapi.Client{Invoker: r.Invoker}).GetAlias(ctx, &lambdaapi.GetAliasInput{FunctionName: fn, Name: name})
	if err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: wire.V(o.AliasArn), Attributes: map[string]any{"AliasArn": wire.V(o.AliasArn)}}, nil
}
