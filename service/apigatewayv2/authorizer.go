package apigatewayv2

import (
	"context"
	"strings"

	v2api "virga/api/apigatewayv2"
	"virga/internal/execute"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

func (s *Service) checkAuthorizer(op string, z *authorizer) error {
	switch z.AuthorizerType {
	case "REQUEST":
	case "JWT":
		return wire.Unsupported(op + ": AuthorizerType=JWT")
	default:
		return bad("Invalid authorizer type specified: %s", z.AuthorizerType)
	}
	if err := checkName("name", z.Name, 128); err != nil {
		return err
	}
	if _, ok := execute.FunctionARN(strings.ReplaceAll(z.AuthorizerUri, "${stageVariables.", "${")); !ok {
		return bad("Invalid authorizer URI: %s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.", z.AuthorizerUri)
	}
	switch z.AuthorizerPayloadFormatVersion {
	case "2.0":
	case "1.0":
		if z.EnableSimpleResponses {
			return bad("Simple responses are supported only with payload format version 2.0")
		}
	case "":
		return bad("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer")
	default:
		return bad("Invalid authorizer payload format version specified: %s", z.AuthorizerPayloadFormatVersion)
	}
	if z.AuthorizerResultTtlInSeconds < 0 || z.AuthorizerResultTtlInSeconds > 3600 {
		return bad("AuthorizerResultTtlInSeconds must be between 0 and 3600")
	}
	if z.AuthorizerResultTtlInSeconds > 0 && len(z.IdentitySource) == 0 {
		return bad("IdentitySource is required when caching is enabled")
	}
	for _, src := range z.IdentitySource {
		if !strings.HasPrefix(src, "$request.header.") && !strings.HasPrefix(src, "$request.querystring.") && !strings.HasPrefix(src, "$context.") && !strings.HasPrefix(src, "$stageVariables.") {
			return bad("Invalid identity source expression specified: %s", src)
		}
		if name, ok := strings.CutPrefix(src, "$context."); ok && contextValue(name, nil) == unknownContext {
			return wire.Unsupported(op + ": IdentitySource " + src)
		}
	}
	if z.AuthorizerCredentialsArn != "" && s.cfg.Roles == nil {
		return wire.Unsupported(op + ": AuthorizerCredentialsArn")
	}
	return nil
}

// CreateAuthorizer implements the operation.
func (s *Service) CreateAuthorizer(ctx context.Context, in *v2api.CreateAuthorizerInput) (*v2api.CreateAuthorizerOutput, error) {
	if in.IdentityValidationExpression != nil {
		return nil, bad("IdentityValidationExpression is not supported for HTTP APIs")
	}
	if in.JwtConfiguration != nil {
		return nil, wire.Unsupported("CreateAuthorizer: JwtConfiguration")
	}
	z := members.New[authorizer](in)
	z.AuthorizerId = s.newID(ctx, 6, "authorizer")
	if err := s.checkAuthorizer("CreateAuthorizer", z); err != nil {
		return nil, err
	}
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		list := all[authorizer](tx, sc, kindAuthorizer)
		if len(list) >= authorizersMax {
			return tooMany("authorizers", authorizersMax)
		}
		for _, o := range list {
			if o.Name == z.Name && o.AuthorizerId != z.AuthorizerId {
				return bad("Authorizer name must be unique. Authorizer %s already exists in this API.", z.Name)
			}
		}
		store.Put(tx, sc.parts(kindAuthorizer).Str(z.AuthorizerId), z)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[v2api.CreateAuthorizerOutput](z), nil
}

// UpdateAuthorizer implements the operation.
func (s *Service) UpdateAuthorizer(ctx context.Context, in *v2api.UpdateAuthorizerInput) (*v2api.UpdateAuthorizerOutput, error) {
	if in.IdentityValidationExpression != nil {
		return nil, bad("IdentityValidationExpression is not supported for HTTP APIs")
	}
	if in.JwtConfiguration != nil {
		return nil, wire.Unsupported("UpdateAuthorizer: JwtConfiguration")
	}
	var out *v2api.UpdateAuthorizerOutput
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		z, k, err := part[authorizer](tx, sc, kindAuthorizer, "Authorizer", in.AuthorizerId)
		if err != nil {
			return err
		}
		members.Copy(z, in)
		if err := s.checkAuthorizer("UpdateAuthorizer", z); err != nil {
			return err
		}
		store.Put(tx, k, z)
		out = members.New[v2api.UpdateAuthorizerOutput](z)
		return nil
	})
	return out, err
}

// GetAuthorizer implements the operation.
func (s *Service) GetAuthorizer(ctx context.Context, in *v2api.GetAuthorizerInput) (*v2api.GetAuthorizerOutput, error) {
	var out *v2api.GetAuthorizerOutput
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		z, _, err := part[authorizer](r, sc, kindAuthorizer, "Authorizer", in.AuthorizerId)
		if err == nil {
			out = members.New[v2api.GetAuthorizerOutput](z)
		}
		return err
	})
	return out, err
}

// GetAuthorizers implements the operation.
func (s *Service) GetAuthorizers(ctx context.Context, in *v2api.GetAuthorizersInput) (*v2api.GetAuthorizersOutput, error) {
	var list []authorizer
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		list = all[authorizer](r, sc, kindAuthorizer)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.ApiId, list, func(z *authorizer) string { return z.AuthorizerId }, in.MaxResults, in.NextToken)
	out := &v2api.GetAuthorizersOutput{Items: []v2api.Authorizer{}, NextToken: next}
	for i := range list {
		out.Items = append(out.Items, *members.New[v2api.Authorizer](&list[i]))
	}
	return out, err
}

// DeleteAuthorizer implements the operation.
func (s *Service) DeleteAuthorizer(ctx context.Context, in *v2api.DeleteAuthorizerInput) (*v2api.DeleteAuthorizerOutput, error) {
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		_, k, err := part[authorizer](tx, sc, kindAuthorizer, "Authorizer", in.AuthorizerId)
		if err != nil {
			return err
		}
		for _, rt := range all[route](tx, sc, kindRoute) {
			if rt.AuthorizerId == in.AuthorizerId {
				return &v2api.ConflictException{Message: "Cannot delete authorizer '" + in.AuthorizerId + "', is referenced by route: " + rt.RouteKey}
			}
		}
		tx.Delete(k)
		return nil
	})
	return &v2api.DeleteAuthorizerOutput{}, err
}
