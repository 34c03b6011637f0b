package apigateway

import (
	"context"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/resource"
)

// authorizerType is AWS::ApiGateway::Authorizer.
type authorizerType struct{}

// Name implements resource.Type.
func (authorizerType) Name() string { return "AWS::ApiGateway::Authorizer" }

// Supports implements resource.Type.
func (authorizerType) Supports() []string {
	return []string{"AuthType", "AuthorizerCredentials", "AuthorizerResultTtlInSeconds", "AuthorizerUri", "IdentitySource", "IdentityValidationExpression", "Name", "RestApiId", "Type"}
}

// Create implements resource.Type.
func (authorizerType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &restapi.CreateAuthorizerInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	out, err := clientOf(r).CreateAuthorizer(ctx, in)
	if err != nil {
		return nil, err
	}
	return made(*out.Id, "AuthorizerId"), nil
}

// Update implements resource.Type.
func (authorizerType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p := r.Properties
	ops := []restapi.PatchOperation{patch("replace", "/authorizerCredentials", p.Str("AuthorizerCredentials")), patch("replace", "/identitySource", p.Str("IdentitySource")),
		patch("replace", "/identityValidationExpression", p.Str("IdentityValidationExpression"))}
	for _, x := range [][2]string{{"Name", "/name"}, {"Type", "/type"}, {"AuthType", "/authType"}, {"AuthorizerUri", "/authorizerUri"}, {"AuthorizerResultTtlInSeconds", "/authorizerResultTtlInSeconds"}} {
		if v := p.Str(x[0]); v != "" {
			ops = append(ops, patch("replace", x[1], v))
		}
	}
	_, err := clientOf(r).UpdateAuthorizer(ctx, &restapi.UpdateAuthorizerInput{RestApiId: p.Str("RestApiId"), AuthorizerId: r.Physical, PatchOperations: ops})
	return made(r.Physical, "AuthorizerId"), err
}

// Delete implements resource.Type.
func (authorizerType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteAuthorizer(ctx, &restapi.DeleteAuthorizerInput{RestApiId: r.Properties.Str("RestApiId"), AuthorizerId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (authorizerType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetAuthorizer(ctx, &restapi.GetAuthorizerInput{RestApiId: r.Properties.Str("RestApiId"), AuthorizerId: r.Physical})
	return made(r.Physical, "AuthorizerId"), err
}

// gatewayResponseType is AWS::ApiGateway::GatewayResponse.
type gatewayResponseType struct{}

// Name implements resource.Type.
func (gatewayResponseType) Name() string { return "AWS::ApiGateway::GatewayResponse" }

// Supports implements resource.Type.
func (gatewayResponseType) Supports() []string {
	return []string{"ResponseParameters", "ResponseTemplates", "ResponseType", "RestApiId", "StatusCode"}
}

// PhysicalName implements resource.Namer.
func (gatewayResponseType) PhysicalName(r *resource.Request) string {
	return r.Properties.Str("RestApiId") + "|" + r.Properties.Str("ResponseType")
}

// Create implements resource.Type.
func (gatewayResponseType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &restapi.PutGatewayResponseInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	_, err := clientOf(r).PutGatewayResponse(ctx, in)
	return made(r.Physical, "Id"), err
}

// Update implements resource.Type.
func (t gatewayResponseType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.Create(ctx, r)
}

// Delete implements resource.Type.
func (gatewayResponseType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	api, kind, _ := strings.Cut(r.Physical, "|")
	_, err := clientOf(r).DeleteGatewayResponse(ctx, &restapi.DeleteGatewayResponseInput{RestApiId: api, ResponseType: kind})
	return gone(err)
}

// Read implements resource.Type.
func (gatewayResponseType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	api, kind, _ := strings.Cut(r.Physical, "|")
	_, err := clientOf(r).GetGatewayResponse(ctx, &restapi.GetGatewayResponseInput{RestApiId: api, ResponseType: kind})
	return made(r.Physical, "Id"), err
}

// modelType is AWS::ApiGateway::Model.
type modelType struct{}

// Name implements resource.Type.
func (modelType) Name() string { return "AWS::ApiGateway::Model" }

// Supports implements resource.Type.
func (modelType) Supports() []string {
	return []string{"ContentType", "Description", "Name", "RestApiId", "Schema"}
}

// PhysicalName implements resource.Namer: names of models are letters and digits alone.
func (modelType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("Name"); n != "" {
		return n
	}
	return strings.ReplaceAll(r.Name(128), "-", "")
}

// Create implements resource.Type.
func (modelType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p := r.Properties
	in := &restapi.CreateModelInput{RestApiId: p.Str("RestApiId"), Name: r.Physical, Description: optional(p.Str("Description")), Schema: optional(text(p, "Schema")), ContentType: p.Str("ContentType")}
	if in.ContentType == "" {
		in.ContentType = "application/json"
	}
	_, err := clientOf(r).CreateModel(ctx, in)
	return &resource.Progress{Physical: r.Physical}, err
}

// Update implements resource.Type.
func (modelType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	ops := []restapi.PatchOperation{patch("replace", "/description", r.Properties.Str("Description")), patch("replace", "/schema", text(r.Properties, "Schema"))}
	_, err := clientOf(r).UpdateModel(ctx, &restapi.UpdateModelInput{RestApiId: r.Properties.Str("RestApiId"), ModelName: r.Physical, PatchOperations: ops})
	return &resource.Progress{Physical: r.Physical}, err
}

// Delete implements resource.Type.
func (modelType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteModel(ctx, &restapi.DeleteModelInput{RestApiId: r.Properties.Str("RestApiId"), ModelName: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (modelType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetModel(ctx, &restapi.GetModelInput{RestApiId: r.Properties.Str("RestApiId"), ModelName: r.Physical})
	return &resource.Progress{Physical: r.Physical}, err
}

// validatorType is AWS::ApiGateway::RequestValidator.
type validatorType struct{}

// Name implements resource.Type.
func (validatorType) Name() string { return "AWS::ApiGateway::RequestValidator" }

// Supports implements resource.Type.
func (validatorType) Supports() []string {
	return []string{"Name", "RestApiId", "ValidateRequestBody", "ValidateRequestParameters"}
}

// Create implements resource.Type.
func (validatorType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &restapi.CreateRequestValidatorInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	out, err := clientOf(r).CreateRequestValidator(ctx, in)
	if err != nil {
		return nil, err
	}
	return made(*out.Id, "RequestValidatorId"), nil
}

// Update implements resource.Type.
func (validatorType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	flag := func(name string) string {
		if r.Properties.Bool(name) {
			return "true"
		}
		return "false"
	}
	ops := []restapi.PatchOperation{patch("replace", "/validateRequestBody", flag("ValidateRequestBody")), patch("replace", "/validateRequestParameters", flag("ValidateRequestParameters"))}
	_, err := clientOf(r).UpdateRequestValidator(ctx, &restapi.UpdateRequestValidatorInput{RestApiId: r.Properties.Str("RestApiId"), RequestValidatorId: r.Physical, PatchOperations: ops})
	return made(r.Physical, "RequestValidatorId"), err
}

// Delete implements resource.Type.
func (validatorType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteRequestValidator(ctx, &restapi.DeleteRequestValidatorInput{RestApiId: r.Properties.Str("RestApiId"), RequestValidatorId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (validatorType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetRequestValidator(ctx, &restapi.GetRequestValidatorInput{RestApiId: r.Properties.Str("RestApiId"), RequestValidatorId: r.Physical})
	return made(r.Physical, "RequestValidatorId"), err
}
