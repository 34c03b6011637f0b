package apigatewayv2

import (
	"context"
	"net/url"

	v2api "virga/api/apigatewayv2"
	"virga/internal/execute"
	"virga/internal/wire"
)

// CreateApiRequires implements the operation's requirements.
func (s *Service) CreateApiRequires(ctx context.Context, in *v2api.CreateApiInput, r *wire.Requirements) error {
	execute.Pass(r, wire.V(in.CredentialsArn))
	return execute.Need(ctx, r, "POST", "/apis", in.Tags)
}

// CreateAuthorizerRequires implements the operation's requirements.
func (s *Service) CreateAuthorizerRequires(ctx context.Context, in *v2api.CreateAuthorizerInput, r *wire.Requirements) error {
	execute.Pass(r, wire.V(in.AuthorizerCredentialsArn))
	return execute.Need(ctx, r, "POST", "/apis/"+in.ApiId+"/authorizers", nil)
}

// CreateDeploymentRequires implements the operation's requirements.
func (s *Service) CreateDeploymentRequires(ctx context.Context, in *v2api.CreateDeploymentInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/apis/"+in.ApiId+"/deployments", nil)
}

// CreateIntegrationRequires implements the operation's requirements.
func (s *Service) CreateIntegrationRequires(ctx context.Context, in *v2api.CreateIntegrationInput, r *wire.Requirements) error {
	execute.Pass(r, wire.V(in.CredentialsArn))
	return execute.Need(ctx, r, "POST", "/apis/"+in.ApiId+"/integrations", nil)
}

// CreateRouteRequires implements the operation's requirements.
func (s *Service) CreateRouteRequires(ctx context.Context, in *v2api.CreateRouteInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/apis/"+in.ApiId+"/routes", nil)
}

// CreateStageRequires implements the operation's requirements.
func (s *Service) CreateStageRequires(ctx context.Context, in *v2api.CreateStageInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/apis/"+in.ApiId+"/stages", in.Tags)
}

// DeleteApiRequires implements the operation's requirements.
func (s *Service) DeleteApiRequires(ctx context.Context, in *v2api.DeleteApiInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/apis/"+in.ApiId, nil)
}

// DeleteAuthorizerRequires implements the operation's requirements.
func (s *Service) DeleteAuthorizerRequires(ctx context.Context, in *v2api.DeleteAuthorizerInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/apis/"+in.ApiId+"/authorizers/"+in.AuthorizerId, nil)
}

// DeleteCorsConfigurationRequires implements the operation's requirements.
func (s *Service) DeleteCorsConfigurationRequires(ctx context.Context, in *v2api.DeleteCorsConfigurationInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/apis/"+in.ApiId+"/cors", nil)
}

// DeleteDeploymentRequires implements the operation's requirements.
func (s *Service) DeleteDeploymentRequires(ctx context.Context, in *v2api.DeleteDeploymentInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/apis/"+in.ApiId+"/deployments/"+in.DeploymentId, nil)
}

// DeleteIntegrationRequires implements the operation's requirements.
func (s *Service) DeleteIntegrationRequires(ctx context.Context, in *v2api.DeleteIntegrationInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/apis/"+in.ApiId+"/integrations/"+in.IntegrationId, nil)
}

// DeleteRouteRequires implements the operation's requirements.
func (s *Service) DeleteRouteRequires(ctx context.Context, in *v2api.DeleteRouteInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/apis/"+in.ApiId+"/routes/"+in.RouteId, nil)
}

// DeleteRouteSettingsRequires implements the operation's requirements.
func (s *Service) DeleteRouteSettingsRequires(ctx context.Context, in *v2api.DeleteRouteSettingsInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/apis/"+in.ApiId+"/stages/"+in.StageName+"/routesettings/"+in.RouteKey, nil)
}

// DeleteStageRequires implements the operation's requirements.
func (s *Service) DeleteStageRequires(ctx context.Context, in *v2api.DeleteStageInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/apis/"+in.ApiId+"/stages/"+in.StageName, nil)
}

// ExportApiRequires implements the operation's requirements.
func (s *Service) ExportApiRequires(ctx context.Context, in *v2api.ExportApiInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/exports/"+in.Specification, nil)
}

// GetApiRequires implements the operation's requirements.
func (s *Service) GetApiRequires(ctx context.Context, in *v2api.GetApiInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId, nil)
}

// GetApisRequires implements the operation's requirements.
func (s *Service) GetApisRequires(ctx context.Context, in *v2api.GetApisInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis", nil)
}

// GetAuthorizerRequires implements the operation's requirements.
func (s *Service) GetAuthorizerRequires(ctx context.Context, in *v2api.GetAuthorizerInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/authorizers/"+in.AuthorizerId, nil)
}

// GetAuthorizersRequires implements the operation's requirements.
func (s *Service) GetAuthorizersRequires(ctx context.Context, in *v2api.GetAuthorizersInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/authorizers", nil)
}

// GetDeploymentRequires implements the operation's requirements.
func (s *Service) GetDeploymentRequires(ctx context.Context, in *v2api.GetDeploymentInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/deployments/"+in.DeploymentId, nil)
}

// GetDeploymentsRequires implements the operation's requirements.
func (s *Service) GetDeploymentsRequires(ctx context.Context, in *v2api.GetDeploymentsInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/deployments", nil)
}

// GetIntegrationRequires implements the operation's requirements.
func (s *Service) GetIntegrationRequires(ctx context.Context, in *v2api.GetIntegrationInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/integrations/"+in.IntegrationId, nil)
}

// GetIntegrationsRequires implements the operation's requirements.
func (s *Service) GetIntegrationsRequires(ctx context.Context, in *v2api.GetIntegrationsInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/integrations", nil)
}

// GetRouteRequires implements the operation's requirements.
func (s *Service) GetRouteRequires(ctx context.Context, in *v2api.GetRouteInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/routes/"+in.RouteId, nil)
}

// GetRoutesRequires implements the operation's requirements.
func (s *Service) GetRoutesRequires(ctx context.Context, in *v2api.GetRoutesInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/routes", nil)
}

// GetStageRequires implements the operation's requirements.
func (s *Service) GetStageRequires(ctx context.Context, in *v2api.GetStageInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/stages/"+in.StageName, nil)
}

// GetStagesRequires implements the operation's requirements.
func (s *Service) GetStagesRequires(ctx context.Context, in *v2api.GetStagesInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/apis/"+in.ApiId+"/stages", nil)
}

// GetTagsRequires implements the operation's requirements.
func (s *Service) GetTagsRequires(ctx context.Context, in *v2api.GetTagsInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/tags/"+url.PathEscape(in.ResourceArn), nil)
}

// ImportApiRequires implements the operation's requirements.
func (s *Service) ImportApiRequires(ctx context.Context, in *v2api.ImportApiInput, r *wire.Requirements) error {
	execute.PassOf(r, []byte(in.Body))
	return execute.Need(ctx, r, "PUT", "/apis", nil)
}

// ReimportApiRequires implements the operation's requirements.
func (s *Service) ReimportApiRequires(ctx context.Context, in *v2api.ReimportApiInput, r *wire.Requirements) error {
	execute.PassOf(r, []byte(in.Body))
	return execute.Need(ctx, r, "PUT", "/apis/"+in.ApiId, nil)
}

// TagResourceRequires implements the operation's requirements.
func (s *Service) TagResourceRequires(ctx context.Context, in *v2api.TagResourceInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/tags/"+url.PathEscape(in.ResourceArn), in.Tags)
}

// UntagResourceRequires implements the operation's requirements.
func (s *Service) UntagResourceRequires(ctx context.Context, in *v2api.UntagResourceInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/tags/"+url.PathEscape(in.ResourceArn), nil)
}

// UpdateApiRequires implements the operation's requirements.
func (s *Service) UpdateApiRequires(ctx context.Context, in *v2api.UpdateApiInput, r *wire.Requirements) error {
	execute.Pass(r, wire.V(in.CredentialsArn))
	return execute.Need(ctx, r, "PATCH", "/apis/"+in.ApiId, nil)
}

// UpdateAuthorizerRequires implements the operation's requirements.
func (s *Service) UpdateAuthorizerRequires(ctx context.Context, in *v2api.UpdateAuthorizerInput, r *wire.Requirements) error {
	execute.Pass(r, wire.V(in.AuthorizerCredentialsArn))
	return execute.Need(ctx, r, "PATCH", "/apis/"+in.ApiId+"/authorizers/"+in.AuthorizerId, nil)
}

// UpdateIntegrationRequires implements the operation's requirements.
func (s *Service) UpdateIntegrationRequires(ctx context.Context, in *v2api.UpdateIntegrationInput, r *wire.Requirements) error {
	execute.Pass(r, wire.V(in.CredentialsArn))
	return execute.Need(ctx, r, "PATCH", "/apis/"+in.ApiId+"/integrations/"+in.IntegrationId, nil)
}

// UpdateRouteRequires implements the operation's requirements.
func (s *Service) UpdateRouteRequires(ctx context.Context, in *v2api.UpdateRouteInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PATCH", "/apis/"+in.ApiId+"/routes/"+in.RouteId, nil)
}

// UpdateStageRequires implements the operation's requirements.
func (s *Service) UpdateStageRequires(ctx context.Context, in *v2api.UpdateStageInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PATCH", "/apis/"+in.ApiId+"/stages/"+in.StageName, nil)
}
