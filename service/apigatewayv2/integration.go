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

// checkIntegration checks an integration that is complete.
func (s *Service) checkIntegration(op string, ig *integration) error {
	switch ig.IntegrationType {
	case "AWS_PROXY":
	case "HTTP_PROXY":
		return wire.Unsupported(op + ": IntegrationType=HTTP_PROXY")
	case "AWS", "HTTP", "MOCK":
		return bad("IntegrationType %s is supported only for WebSocket APIs", ig.IntegrationType)
	default:
		return bad("Invalid integration type specified: %s", ig.IntegrationType)
	}
	if _, ok := execute.FunctionARN(strings.ReplaceAll(ig.IntegrationUri, "${stageVariables.", "${")); !ok {
		if strings.HasPrefix(ig.IntegrationUri, "http") {
			return wire.Unsupported(op + ": an integration with an HTTP endpoint")
		}
		return bad("Invalid function ARN or invalid uri: %s", ig.IntegrationUri)
	}
	switch {
	case ig.ConnectionType != "INTERNET":
		return wire.Unsupported(op + ": ConnectionType=" + ig.ConnectionType)
	case ig.PayloadFormatVersion != "1.0" && ig.PayloadFormatVersion != "2.0":
		return bad("Invalid payload format version specified: %s. Must be 1.0 or 2.0.", ig.PayloadFormatVersion)
	case ig.TimeoutInMillis < timeoutMin || ig.TimeoutInMillis > timeoutMax:
		return bad("Timeout should be between 50 ms and 30000 ms")
	case ig.CredentialsArn != "" && s.cfg.Roles == nil:
		return wire.Unsupported(op + ": CredentialsArn")
	case strings.HasPrefix(ig.CredentialsArn, "arn:aws:iam::*:"):
		return wire.Unsupported(op + ": CredentialsArn of the caller")
	case ig.CredentialsArn != "" && !strings.HasPrefix(ig.CredentialsArn, "arn:aws:iam::"):
		return bad("Invalid credentials ARN specified: %s", ig.CredentialsArn)
	}
	return nil
}

func refusedOfIntegration(op string, subtype *string, params map[string]string, responses map[string]map[string]string, tls *v2api.TlsConfigInput, connection *string) error {
	switch {
	case subtype != nil && *subtype != "":
		return wire.Unsupported(op + ": IntegrationSubtype")
	case len(params) > 0:
		return wire.Unsupported(op + ": RequestParameters")
	case len(responses) > 0:
		return wire.Unsupported(op + ": ResponseParameters")
	case tls != nil:
		return wire.Unsupported(op + ": TlsConfig")
	case connection != nil && *connection != "":
		return wire.Unsupported(op + ": ConnectionId")
	}
	return nil
}

// CreateIntegration implements the operation.
func (s *Service) CreateIntegration(ctx context.Context, in *v2api.CreateIntegrationInput) (*v2api.CreateIntegrationOutput, error) {
	if err := refusedOfIntegration("CreateIntegration", in.IntegrationSubtype, in.RequestParameters, in.ResponseParameters, in.TlsConfig, in.ConnectionId); err != nil {
		return nil, err
	}
	if err := webSocketOnly("CreateIntegration", map[string]bool{"contentHandlingStrategy": in.ContentHandlingStrategy != nil, "passthroughBehavior": in.PassthroughBehavior != nil, "requestTemplates": len(in.RequestTemplates) > 0, "templateSelectionExpression": in.TemplateSelectionExpression != nil}); err != nil {
		return nil, err
	}
	ig := members.New[integration](in)
	ig.IntegrationId = s.newID(ctx, 7, "integration")
	if in.PayloadFormatVersion == nil {
		return nil, bad("PayloadFormatVersion is a required parameter for integration type %s", in.IntegrationType)
	}
	if ig.TimeoutInMillis == 0 {
		ig.TimeoutInMillis = timeoutMax
	}
	if ig.ConnectionType == "" {
		ig.ConnectionType = "INTERNET"
	}
	if ig.IntegrationMethod == "" {
		ig.IntegrationMethod = "POST"
	}
	if err := s.checkIntegration("CreateIntegration", ig); err != nil {
		return nil, err
	}
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		if len(all[integration](tx, sc, kindIntegration)) >= integrationsMax {
			return tooMany("integrations", integrationsMax)
		}
		store.Put(tx, sc.parts(kindIntegration).Str(ig.IntegrationId), ig)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[v2api.CreateIntegrationOutput](ig), nil
}

// UpdateIntegration implements the operation.
func (s *Service) UpdateIntegration(ctx context.Context, in *v2api.UpdateIntegrationInput) (*v2api.UpdateIntegrationOutput, error) {
	if err := refusedOfIntegration("UpdateIntegration", in.IntegrationSubtype, in.RequestParameters, in.ResponseParameters, in.TlsConfig, in.ConnectionId); err != nil {
		return nil, err
	}
	if err := webSocketOnly("UpdateIntegration", map[string]bool{"contentHandlingStrategy": in.ContentHandlingStrategy != nil, "passthroughBehavior": in.PassthroughBehavior != nil, "requestTemplates": len(in.RequestTemplates) > 0, "templateSelectionExpression": in.TemplateSelectionExpression != nil}); err != nil {
		return nil, err
	}
	var out *v2api.UpdateIntegrationOutput
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		ig, k, err := part[integration](tx, sc, kindIntegration, "Integration", in.IntegrationId)
		if err != nil {
			return err
		}
		members.Copy(ig, in)
		if err := s.checkIntegration("UpdateIntegration", ig); err != nil {
			return err
		}
		store.Put(tx, k, ig)
		out = members.New[v2api.UpdateIntegrationOutput](ig)
		return nil
	})
	return out, err
}

// GetIntegration implements the operation.
func (s *Service) GetIntegration(ctx context.Context, in *v2api.GetIntegrationInput) (*v2api.GetIntegrationOutput, error) {
	var out *v2api.GetIntegrationOutput
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		ig, _, err := part[integration](r, sc, kindIntegration, "Integration", in.IntegrationId)
		if err == nil {
			out = members.New[v2api.GetIntegrationOutput](ig)
		}
		return err
	})
	return out, err
}

// GetIntegrations implements the operation.
func (s *Service) GetIntegrations(ctx context.Context, in *v2api.GetIntegrationsInput) (*v2api.GetIntegrationsOutput, error) {
	var list []integration
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		list = all[integration](r, sc, kindIntegration)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.ApiId, list, func(r *integration) string { return r.IntegrationId }, in.MaxResults, in.NextToken)
	out := &v2api.GetIntegrationsOutput{Items: []v2api.Integration{}, NextToken: next}
	for i := range list {
		out.Items = append(out.Items, *members.New[v2api.Integration](&list[i]))
	}
	return out, err
}

// DeleteIntegration implements the operation.
func (s *Service) DeleteIntegration(ctx context.Context, in *v2api.DeleteIntegrationInput) (*v2api.DeleteIntegrationOutput, error) {
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		_, k, err := part[integration](tx, sc, kindIntegration, "Integration", in.IntegrationId)
		if err != nil {
			return err
		}
		for _, rt := range all[route](tx, sc, kindRoute) {
			if rt.Target == "integrations/"+in.IntegrationId {
				return &v2api.ConflictException{Message: "Cannot delete Integration '" + in.IntegrationId + "'. Integration is referenced by route '" + rt.RouteId + "'."}
			}
		}
		tx.Delete(k)
		return nil
	})
	return &v2api.DeleteIntegrationOutput{}, err
}
