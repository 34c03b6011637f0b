package apigatewayv2

import (
	"context"

	v2api "virga/api/apigatewayv2"
	"virga/internal/resource"
)

// routeType is AWS::ApiGatewayV2::Route.
type routeType struct{}

// Name implements resource.Type.
func (routeType) Name() string { return "AWS::ApiGatewayV2::Route" }

// Supports implements resource.Type.
func (routeType) Supports() []string {
	return []string{"ApiId", "ApiKeyRequired", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "OperationName", "RouteKey", "Target"}
}

// Create implements resource.Type.
func (routeType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &v2api.CreateRouteInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	out, err := clientOf(r).CreateRoute(ctx, in)
	if err != nil {
		return nil, err
	}
	return made(out.RouteId, "RouteId"), nil
}

// Update implements resource.Type.
func (routeType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &v2api.UpdateRouteInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	in.RouteId = r.Physical
	if in.AuthorizationType == nil {
		none := "NONE"
		in.AuthorizationType = &none
	}
	_, err := clientOf(r).UpdateRoute(ctx, in)
	return made(&r.Physical, "RouteId"), err
}

// Delete implements resource.Type.
func (routeType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteRoute(ctx, &v2api.DeleteRouteInput{ApiId: r.Properties.Str("ApiId"), RouteId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (routeType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetRoute(ctx, &v2api.GetRouteInput{ApiId: r.Properties.Str("ApiId"), RouteId: r.Physical})
	return made(&r.Physical, "RouteId"), err
}

// integrationType is AWS::ApiGatewayV2::Integration.
type integrationType struct{}

// Name implements resource.Type.
func (integrationType) Name() string { return "AWS::ApiGatewayV2::Integration" }

// Supports implements resource.Type.
func (integrationType) Supports() []string {
	return []string{"ApiId", "ConnectionType", "CredentialsArn", "Description", "IntegrationMethod", "IntegrationType", "IntegrationUri", "PayloadFormatVersion", "TimeoutInMillis"}
}

// Create implements resource.Type.
func (integrationType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &v2api.CreateIntegrationInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	out, err := clientOf(r).CreateIntegration(ctx, in)
	if err != nil {
		return nil, err
	}
	return made(out.IntegrationId, "IntegrationId"), nil
}

// Update implements resource.Type.
func (integrationType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &v2api.UpdateIntegrationInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	in.IntegrationId = r.Physical
	_, err := clientOf(r).UpdateIntegration(ctx, in)
	return made(&r.Physical, "IntegrationId"), err
}

// Delete implements resource.Type.
func (integrationType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteIntegration(ctx, &v2api.DeleteIntegrationInput{ApiId: r.Properties.Str("ApiId"), IntegrationId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (integrationType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetIntegration(ctx, &v2api.GetIntegrationInput{ApiId: r.Properties.Str("ApiId"), IntegrationId: r.Physical})
	return made(&r.Physical, "IntegrationId"), err
}

// deploymentType is AWS::ApiGatewayV2::Deployment.
type deploymentType struct{}

// Name implements resource.Type.
func (deploymentType) Name() string { return "AWS::ApiGatewayV2::Deployment" }

// Supports implements resource.Type.
func (deploymentType) Supports() []string { return []string{"ApiId", "Description", "StageName"} }

// Replaces implements resource.Replacer: a deployment does not change.
func (deploymentType) Replaces(r *resource.Request) bool { return true }

// Create implements resource.Type.
func (deploymentType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &v2api.CreateDeploymentInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	out, err := clientOf(r).CreateDeployment(ctx, in)
	if err != nil {
		return nil, err
	}
	return made(out.DeploymentId, "DeploymentId"), nil
}

// Update implements resource.Type.
func (t deploymentType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (deploymentType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteDeployment(ctx, &v2api.DeleteDeploymentInput{ApiId: r.Properties.Str("ApiId"), DeploymentId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (deploymentType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetDeployment(ctx, &v2api.GetDeploymentInput{ApiId: r.Properties.Str("ApiId"), DeploymentId: r.Physical})
	return made(&r.Physical, "DeploymentId"), err
}

// authorizerType is AWS::ApiGatewayV2::Authorizer.
type authorizerType struct{}

// Name implements resource.Type.
func (authorizerType) Name() string { return "AWS::ApiGatewayV2::Authorizer" }

// Supports implements resource.Type.
func (authorizerType) Supports() []string {
	return []string{"ApiId", "AuthorizerCredentialsArn", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds", "AuthorizerType", "AuthorizerUri", "EnableSimpleResponses", "IdentitySource", "Name"}
}

// Create implements resource.Type.
func (authorizerType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &v2api.CreateAuthorizerInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	out, err := clientOf(r).CreateAuthorizer(ctx, in)
	if err != nil {
		return nil, err
	}
	return made(out.AuthorizerId, "AuthorizerId"), nil
}

// Update implements resource.Type.
func (authorizerType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &v2api.UpdateAuthorizerInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	in.AuthorizerId = r.Physical
	_, err := clientOf(r).UpdateAuthorizer(ctx, in)
	return made(&r.Physical, "AuthorizerId"), err
}

// Delete implements resource.Type.
func (authorizerType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteAuthorizer(ctx, &v2api.DeleteAuthorizerInput{ApiId: r.Properties.Str("ApiId"), AuthorizerId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (authorizerType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetAuthorizer(ctx, &v2api.GetAuthorizerInput{ApiId: r.Properties.Str("ApiId"), AuthorizerId: r.Physical})
	return made(&r.Physical, "AuthorizerId"), err
}
