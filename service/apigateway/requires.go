package apigateway

import (
	"context"
	"net/url"

	restapi "virga/api/apigateway"
	"virga/internal/execute"
	"virga/internal/wire"
)

// CreateAuthorizerRequires implements the operation's requirements.
func (s *Service) CreateAuthorizerRequires(ctx context.Context, in *restapi.CreateAuthorizerInput, r *wire.Requirements) error {
	execute.Pass(r, wire.V(in.AuthorizerCredentials))
	return execute.Need(ctx, r, "POST", "/restapis/"+in.RestApiId+"/authorizers", nil)
}

// CreateDeploymentRequires implements the operation's requirements.
func (s *Service) CreateDeploymentRequires(ctx context.Context, in *restapi.CreateDeploymentInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/restapis/"+in.RestApiId+"/deployments", nil)
}

// CreateModelRequires implements the operation's requirements.
func (s *Service) CreateModelRequires(ctx context.Context, in *restapi.CreateModelInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/restapis/"+in.RestApiId+"/models", nil)
}

// CreateRequestValidatorRequires implements the operation's requirements.
func (s *Service) CreateRequestValidatorRequires(ctx context.Context, in *restapi.CreateRequestValidatorInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/restapis/"+in.RestApiId+"/requestvalidators", nil)
}

// CreateResourceRequires implements the operation's requirements.
func (s *Service) CreateResourceRequires(ctx context.Context, in *restapi.CreateResourceInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/restapis/"+in.RestApiId+"/resources/"+in.ParentId, nil)
}

// CreateRestApiRequires implements the operation's requirements.
func (s *Service) CreateRestApiRequires(ctx context.Context, in *restapi.CreateRestApiInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/restapis", in.Tags)
}

// CreateStageRequires implements the operation's requirements.
func (s *Service) CreateStageRequires(ctx context.Context, in *restapi.CreateStageInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/restapis/"+in.RestApiId+"/stages", in.Tags)
}

// DeleteAuthorizerRequires implements the operation's requirements.
func (s *Service) DeleteAuthorizerRequires(ctx context.Context, in *restapi.DeleteAuthorizerInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/authorizers/"+in.AuthorizerId, nil)
}

// DeleteDeploymentRequires implements the operation's requirements.
func (s *Service) DeleteDeploymentRequires(ctx context.Context, in *restapi.DeleteDeploymentInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/deployments/"+in.DeploymentId, nil)
}

// DeleteGatewayResponseRequires implements the operation's requirements.
func (s *Service) DeleteGatewayResponseRequires(ctx context.Context, in *restapi.DeleteGatewayResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/gatewayresponses/"+in.ResponseType, nil)
}

// DeleteIntegrationRequires implements the operation's requirements.
func (s *Service) DeleteIntegrationRequires(ctx context.Context, in *restapi.DeleteIntegrationInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/integration", nil)
}

// DeleteIntegrationResponseRequires implements the operation's requirements.
func (s *Service) DeleteIntegrationResponseRequires(ctx context.Context, in *restapi.DeleteIntegrationResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/integration/responses/"+in.StatusCode, nil)
}

// DeleteMethodRequires implements the operation's requirements.
func (s *Service) DeleteMethodRequires(ctx context.Context, in *restapi.DeleteMethodInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod, nil)
}

// DeleteMethodResponseRequires implements the operation's requirements.
func (s *Service) DeleteMethodResponseRequires(ctx context.Context, in *restapi.DeleteMethodResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/responses/"+in.StatusCode, nil)
}

// DeleteModelRequires implements the operation's requirements.
func (s *Service) DeleteModelRequires(ctx context.Context, in *restapi.DeleteModelInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/models/"+in.ModelName, nil)
}

// DeleteRequestValidatorRequires implements the operation's requirements.
func (s *Service) DeleteRequestValidatorRequires(ctx context.Context, in *restapi.DeleteRequestValidatorInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/requestvalidators/"+in.RequestValidatorId, nil)
}

// DeleteResourceRequires implements the operation's requirements.
func (s *Service) DeleteResourceRequires(ctx context.Context, in *restapi.DeleteResourceInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId, nil)
}

// DeleteRestApiRequires implements the operation's requirements.
func (s *Service) DeleteRestApiRequires(ctx context.Context, in *restapi.DeleteRestApiInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId, nil)
}

// DeleteStageRequires implements the operation's requirements.
func (s *Service) DeleteStageRequires(ctx context.Context, in *restapi.DeleteStageInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/stages/"+in.StageName, nil)
}

// FlushStageAuthorizersCacheRequires implements the operation's requirements.
func (s *Service) FlushStageAuthorizersCacheRequires(ctx context.Context, in *restapi.FlushStageAuthorizersCacheInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/restapis/"+in.RestApiId+"/stages/"+in.StageName+"/cache/authorizers", nil)
}

// GetAccountRequires implements the operation's requirements.
func (s *Service) GetAccountRequires(ctx context.Context, in *restapi.GetAccountInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/account", nil)
}

// GetAuthorizerRequires implements the operation's requirements.
func (s *Service) GetAuthorizerRequires(ctx context.Context, in *restapi.GetAuthorizerInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/authorizers/"+in.AuthorizerId, nil)
}

// GetAuthorizersRequires implements the operation's requirements.
func (s *Service) GetAuthorizersRequires(ctx context.Context, in *restapi.GetAuthorizersInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/authorizers", nil)
}

// GetDeploymentRequires implements the operation's requirements.
func (s *Service) GetDeploymentRequires(ctx context.Context, in *restapi.GetDeploymentInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/deployments/"+in.DeploymentId, nil)
}

// GetDeploymentsRequires implements the operation's requirements.
func (s *Service) GetDeploymentsRequires(ctx context.Context, in *restapi.GetDeploymentsInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/deployments", nil)
}

// GetExportRequires implements the operation's requirements.
func (s *Service) GetExportRequires(ctx context.Context, in *restapi.GetExportInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/stages/"+in.StageName+"/exports/"+in.ExportType, nil)
}

// GetGatewayResponseRequires implements the operation's requirements.
func (s *Service) GetGatewayResponseRequires(ctx context.Context, in *restapi.GetGatewayResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/gatewayresponses/"+in.ResponseType, nil)
}

// GetGatewayResponsesRequires implements the operation's requirements.
func (s *Service) GetGatewayResponsesRequires(ctx context.Context, in *restapi.GetGatewayResponsesInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/gatewayresponses", nil)
}

// GetIntegrationRequires implements the operation's requirements.
func (s *Service) GetIntegrationRequires(ctx context.Context, in *restapi.GetIntegrationInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/integration", nil)
}

// GetIntegrationResponseRequires implements the operation's requirements.
func (s *Service) GetIntegrationResponseRequires(ctx context.Context, in *restapi.GetIntegrationResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/integration/responses/"+in.StatusCode, nil)
}

// GetMethodRequires implements the operation's requirements.
func (s *Service) GetMethodRequires(ctx context.Context, in *restapi.GetMethodInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod, nil)
}

// GetMethodResponseRequires implements the operation's requirements.
func (s *Service) GetMethodResponseRequires(ctx context.Context, in *restapi.GetMethodResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/responses/"+in.StatusCode, nil)
}

// GetModelRequires implements the operation's requirements.
func (s *Service) GetModelRequires(ctx context.Context, in *restapi.GetModelInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/models/"+in.ModelName, nil)
}

// GetModelsRequires implements the operation's requirements.
func (s *Service) GetModelsRequires(ctx context.Context, in *restapi.GetModelsInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/models", nil)
}

// GetRequestValidatorRequires implements the operation's requirements.
func (s *Service) GetRequestValidatorRequires(ctx context.Context, in *restapi.GetRequestValidatorInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/requestvalidators/"+in.RequestValidatorId, nil)
}

// GetRequestValidatorsRequires implements the operation's requirements.
func (s *Service) GetRequestValidatorsRequires(ctx context.Context, in *restapi.GetRequestValidatorsInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/requestvalidators", nil)
}

// GetResourceRequires implements the operation's requirements.
func (s *Service) GetResourceRequires(ctx context.Context, in *restapi.GetResourceInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId, nil)
}

// GetResourcesRequires implements the operation's requirements.
func (s *Service) GetResourcesRequires(ctx context.Context, in *restapi.GetResourcesInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/resources", nil)
}

// GetRestApiRequires implements the operation's requirements.
func (s *Service) GetRestApiRequires(ctx context.Context, in *restapi.GetRestApiInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId, nil)
}

// GetRestApisRequires implements the operation's requirements.
func (s *Service) GetRestApisRequires(ctx context.Context, in *restapi.GetRestApisInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis", nil)
}

// GetStageRequires implements the operation's requirements.
func (s *Service) GetStageRequires(ctx context.Context, in *restapi.GetStageInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/stages/"+in.StageName, nil)
}

// GetStagesRequires implements the operation's requirements.
func (s *Service) GetStagesRequires(ctx context.Context, in *restapi.GetStagesInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/restapis/"+in.RestApiId+"/stages", nil)
}

// GetTagsRequires implements the operation's requirements.
func (s *Service) GetTagsRequires(ctx context.Context, in *restapi.GetTagsInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "GET", "/tags/"+url.PathEscape(in.ResourceArn), nil)
}

// ImportRestApiRequires implements the operation's requirements.
func (s *Service) ImportRestApiRequires(ctx context.Context, in *restapi.ImportRestApiInput, r *wire.Requirements) error {
	execute.PassOf(r, in.Body)
	return execute.Need(ctx, r, "POST", "/restapis", nil)
}

// PutGatewayResponseRequires implements the operation's requirements.
func (s *Service) PutGatewayResponseRequires(ctx context.Context, in *restapi.PutGatewayResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PUT", "/restapis/"+in.RestApiId+"/gatewayresponses/"+in.ResponseType, nil)
}

// PutIntegrationRequires implements the operation's requirements.
func (s *Service) PutIntegrationRequires(ctx context.Context, in *restapi.PutIntegrationInput, r *wire.Requirements) error {
	execute.Pass(r, wire.V(in.Credentials))
	return execute.Need(ctx, r, "PUT", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/integration", nil)
}

// PutIntegrationResponseRequires implements the operation's requirements.
func (s *Service) PutIntegrationResponseRequires(ctx context.Context, in *restapi.PutIntegrationResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PUT", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/integration/responses/"+in.StatusCode, nil)
}

// PutMethodRequires implements the operation's requirements.
func (s *Service) PutMethodRequires(ctx context.Context, in *restapi.PutMethodInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PUT", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod, nil)
}

// PutMethodResponseRequires implements the operation's requirements.
func (s *Service) PutMethodResponseRequires(ctx context.Context, in *restapi.PutMethodResponseInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PUT", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod+"/responses/"+in.StatusCode, nil)
}

// PutRestApiRequires implements the operation's requirements.
func (s *Service) PutRestApiRequires(ctx context.Context, in *restapi.PutRestApiInput, r *wire.Requirements) error {
	execute.PassOf(r, in.Body)
	return execute.Need(ctx, r, "PUT", "/restapis/"+in.RestApiId, nil)
}

// TagResourceRequires implements the operation's requirements.
func (s *Service) TagResourceRequires(ctx context.Context, in *restapi.TagResourceInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PUT", "/tags/"+url.PathEscape(in.ResourceArn), in.Tags)
}

// TestInvokeMethodRequires implements the operation's requirements.
func (s *Service) TestInvokeMethodRequires(ctx context.Context, in *restapi.TestInvokeMethodInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "POST", "/restapis/"+in.RestApiId+"/resources/"+in.ResourceId+"/methods/"+in.HttpMethod, nil)
}

// UntagResourceRequires implements the operation's requirements.
func (s *Service) UntagResourceRequires(ctx context.Context, in *restapi.UntagResourceInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "DELETE", "/tags/"+url.PathEscape(in.ResourceArn), nil)
}

// UpdateAccountRequires implements the operation's requirements.
func (s *Service) UpdateAccountRequires(ctx context.Context, in *restapi.UpdateAccountInput, r *wire.Requirements) error {
	for _, p := range in.PatchOperations {
		if v := wire.V(p.Value); wire.V(p.Path) == "/cloudwatchRoleArn" && v != "" {
			execute.Pass(r, v)
		}
	}
	return execute.Need(ctx, r, "PATCH", "/account", nil)
}

// UpdateAuthorizerRequires implements the operation's requirements.
func (s *Service) UpdateAuthorizerRequires(ctx context.Context, in *restapi.UpdateAuthorizerInput, r *wire.Requirements) error {
	for _, p := range in.PatchOperations {
		if wire.V(p.Path) == "/authorizerCredentials" {
			execute.Pass(r, wire.V(p.Value))
		}
	}
	return execute.Need(ctx, r, "PATCH", "/restapis/"+in.RestApiId+"/authorizers/"+in.AuthorizerId, nil)
}

// UpdateDeploymentRequires implements the operation's requirements.
func (s *Service) UpdateDeploymentRequires(ctx context.Context, in *restapi.UpdateDeploymentInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PATCH", "/restapis/"+in.RestApiId+"/deployments/"+in.DeploymentId, nil)
}

// UpdateModelRequires implements the operation's requirements.
func (s *Service) UpdateModelRequires(ctx context.Context, in *restapi.UpdateModelInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PATCH", "/restapis/"+in.RestApiId+"/models/"+in.ModelName, nil)
}

// UpdateRequestValidatorRequires implements the operation's requirements.
func (s *Service) UpdateRequestValidatorRequires(ctx context.Context, in *restapi.UpdateRequestValidatorInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PATCH", "/restapis/"+in.RestApiId+"/requestvalidators/"+in.RequestValidatorId, nil)
}

// UpdateRestApiRequires implements the operation's requirements.
func (s *Service) UpdateRestApiRequires(ctx context.Context, in *restapi.UpdateRestApiInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PATCH", "/restapis/"+in.RestApiId, nil)
}

// UpdateStageRequires implements the operation's requirements.
func (s *Service) UpdateStageRequires(ctx context.Context, in *restapi.UpdateStageInput, r *wire.Requirements) error {
	return execute.Need(ctx, r, "PATCH", "/restapis/"+in.RestApiId+"/stages/"+in.StageName, nil)
}
