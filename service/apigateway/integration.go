package apigateway

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/execute"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

// usesVTL tells whether a mapping template says more than it shows.
var usesVTL = regexp.MustCompile(`\$!?\{?[a-zA-Z]|#(\*|#|\[\[|@|\{?[a-z])`).MatchString

// checkIntegration checks an integration that is complete, and fills what is left to it.
func (s *Service) checkIntegration(op string, ig *integration) error {
	if ig.TimeoutInMillis == 0 {
		ig.TimeoutInMillis = timeoutDefault
	}
	if ig.PassthroughBehavior == "" {
		ig.PassthroughBehavior = "WHEN_NO_MATCH"
	}
	switch ig.PassthroughBehavior {
	case "WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER":
	default:
		return bad("Invalid passthrough behavior specified: %s", ig.PassthroughBehavior)
	}
	if ig.TimeoutInMillis < timeoutMin || ig.TimeoutInMillis > timeoutMax {
		return bad("Timeout should be between 50 ms and 29000 ms")
	}
	if ig.Credentials != "" && s.cfg.Roles == nil {
		return wire.Unsupported(op + ": Credentials")
	}
	if strings.HasPrefix(ig.Credentials, "arn:aws:iam::*:") {
		return wire.Unsupported(op + ": Credentials of the caller")
	}
	if ig.ContentHandling != "" && ig.Type != "AWS_PROXY" {
		return wire.Unsupported(op + ": ContentHandling")
	}
	if len(ig.CacheKeyParameters) > 0 {
		return wire.Unsupported(op + ": CacheKeyParameters")
	}
	switch ig.Type {
	case "MOCK":
	case "HTTP", "HTTP_PROXY":
		if ig.HttpMethod == "" {
			return bad("Enumeration value for HttpMethod must be non-empty")
		}
		if !strings.HasPrefix(ig.Uri, "http://") && !strings.HasPrefix(ig.Uri, "https://") {
			return bad("Invalid HTTP endpoint specified for URI")
		}
		return wire.Unsupported(op + ": Type=" + ig.Type)
	case "AWS", "AWS_PROXY":
		if ig.HttpMethod == "" {
			return bad("Enumeration value for HttpMethod must be non-empty")
		}
		if err := checkURI(op, ig); err != nil {
			return err
		}
	default:
		return bad("Invalid integration type specified: %s", ig.Type)
	}
	if ig.Type == "AWS_PROXY" && len(ig.RequestParameters) > 0 || ig.Type == "AWS" && len(ig.RequestParameters) > 0 {
		return wire.Unsupported(op + ": RequestParameters")
	}
	for ct, t := range ig.RequestTemplates {
		if usesVTL(t) {
			return wire.Unsupported(op + ": a request template of " + ct + " that uses VTL")
		}
		if ig.Type == "MOCK" {
			var x struct {
				StatusCode json.Number `json:"statusCode"`
			}
			if err := json.Unmarshal([]byte(t), &x); err != nil {
				return wire.Unsupported(op + ": a request template of " + ct + " that is no JSON")
			}
		}
	}
	return nil
}

func checkURI(op string, ig *integration) error {
	p := strings.SplitN(ig.Uri, ":", 6)
	if len(p) < 6 || p[0] != "arn" {
		return bad("Invalid ARN specified in the request")
	}
	if p[2] != "apigateway" || !strings.HasPrefix(p[5], "path/") && !strings.HasPrefix(p[5], "action/") {
		return bad("AWS ARN for integration must contain path or action")
	}
	if p[4] == "lambda" {
		if _, ok := execute.FunctionARN(strings.ReplaceAll(ig.Uri, "${stageVariables.", "${")); ok {
			return nil
		}
	}
	if ig.Type == "AWS_PROXY" {
		return bad("Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.")
	}
	return wire.Unsupported(op + ": an integration with the service " + p[4])
}

func showIntegration(ig *integration) *restapi.Integration {
	out := members.New[restapi.Integration](ig)
	if out.CacheKeyParameters == nil {
		out.CacheKeyParameters = []string{}
	}
	return out
}

// PutIntegration implements the operation.
func (s *Service) PutIntegration(ctx context.Context, in *restapi.PutIntegrationInput) (*restapi.PutIntegrationOutput, error) {
	switch {
	case in.ConnectionType != nil && *in.ConnectionType != "INTERNET":
		return nil, wire.Unsupported("PutIntegration: ConnectionType=" + *in.ConnectionType)
	case in.ConnectionId != nil:
		return nil, wire.Unsupported("PutIntegration: ConnectionId")
	case in.TlsConfig != nil:
		return nil, wire.Unsupported("PutIntegration: TlsConfig")
	case in.ResponseTransferMode != nil && *in.ResponseTransferMode != "BUFFERED":
		return nil, wire.Unsupported("PutIntegration: ResponseTransferMode=" + *in.ResponseTransferMode)
	case in.IntegrationTarget != nil:
		return nil, wire.Unsupported("PutIntegration: IntegrationTarget")
	}
	x := *in
	x.HttpMethod = "" // of the method, not of the integration
	ig := members.New[integration](&x)
	ig.HttpMethod = wire.V(in.IntegrationHttpMethod)
	if ig.CacheNamespace == "" {
		ig.CacheNamespace = in.ResourceId
	}
	if err := s.checkIntegration("PutIntegration", ig); err != nil {
		return nil, err
	}
	err := s.onMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(_ store.Tx, _ scope, m *method) error {
		m.MethodIntegration = ig
		return nil
	})
	if err != nil {
		return nil, err
	}
	return showIntegration(ig), nil
}

func (s *Service) integration(ctx context.Context, api, id, verb string, fn func(ig *integration) error) error {
	return s.method(ctx, api, id, verb, func(m *method) error {
		if m.MethodIntegration == nil {
			return missing("Invalid Integration identifier specified")
		}
		return fn(m.MethodIntegration)
	})
}

// GetIntegration implements the operation.
func (s *Service) GetIntegration(ctx context.Context, in *restapi.GetIntegrationInput) (*restapi.GetIntegrationOutput, error) {
	var out *restapi.Integration
	err := s.integration(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(ig *integration) error {
		out = showIntegration(ig)
		return nil
	})
	return out, err
}

// DeleteIntegration implements the operation.
func (s *Service) DeleteIntegration(ctx context.Context, in *restapi.DeleteIntegrationInput) (*restapi.DeleteIntegrationOutput, error) {
	err := s.onMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(_ store.Tx, _ scope, m *method) error {
		if m.MethodIntegration == nil {
			return missing("Invalid Integration identifier specified")
		}
		m.MethodIntegration = nil
		return nil
	})
	return &restapi.DeleteIntegrationOutput{}, err
}

func checkIntegrationResponse(op string, x *integrationResponse) error {
	if x.ContentHandling != "" {
		return wire.Unsupported(op + ": ContentHandling")
	}
	if x.SelectionPattern != "" {
		if _, err := regexp.Compile(x.SelectionPattern); err != nil {
			return bad("Invalid selection pattern specified: %s", x.SelectionPattern)
		}
	}
	for ct, t := range x.ResponseTemplates {
		if usesVTL(t) {
			return wire.Unsupported(op + ": a response template of " + ct + " that uses VTL")
		}
	}
	for k, v := range x.ResponseParameters {
		if !strings.HasPrefix(k, "method.response.header.") {
			return bad("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: %s]", k)
		}
		if _, ok := literal(v); !ok {
			return wire.Unsupported(op + ": the mapping expression " + v)
		}
	}
	return nil
}

// literal reads a static value of a mapping expression: 'text'.
func literal(v string) (string, bool) {
	if len(v) >= 2 && v[0] == '\'' && v[len(v)-1] == '\'' {
		return v[1 : len(v)-1], true
	}
	return "", false
}

// PutIntegrationResponse implements the operation.
func (s *Service) PutIntegrationResponse(ctx context.Context, in *restapi.PutIntegrationResponseInput) (*restapi.PutIntegrationResponseOutput, error) {
	x := members.New[integrationResponse](in)
	if err := checkIntegrationResponse("PutIntegrationResponse", x); err != nil {
		return nil, err
	}
	err := s.onMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(_ store.Tx, _ scope, m *method) error {
		if m.MethodIntegration == nil {
			return missing("Invalid Integration identifier specified")
		}
		if _, ok := m.MethodResponses[in.StatusCode]; !ok {
			return missing("Invalid Response status code specified")
		}
		if m.MethodIntegration.IntegrationResponses == nil {
			m.MethodIntegration.IntegrationResponses = map[string]integrationResponse{}
		}
		m.MethodIntegration.IntegrationResponses[in.StatusCode] = *x
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[restapi.IntegrationResponse](x), nil
}

// GetIntegrationResponse implements the operation.
func (s *Service) GetIntegrationResponse(ctx context.Context, in *restapi.GetIntegrationResponseInput) (*restapi.GetIntegrationResponseOutput, error) {
	var out *restapi.IntegrationResponse
	err := s.integration(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(ig *integration) error {
		x, ok := ig.IntegrationResponses[in.StatusCode]
		if !ok {
			return missing("Invalid Response status code specified")
		}
		out = members.New[restapi.IntegrationResponse](&x)
		return nil
	})
	return out, err
}

// DeleteIntegrationResponse implements the operation.
func (s *Service) DeleteIntegrationResponse(ctx context.Context, in *restapi.DeleteIntegrationResponseInput) (*restapi.DeleteIntegrationResponseOutput, error) {
	err := s.onMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(_ store.Tx, _ scope, m *method) error {
		if m.MethodIntegration == nil {
			return missing("Invalid Integration identifier specified")
		}
		if _, ok := m.MethodIntegration.IntegrationResponses[in.StatusCode]; !ok {
			return missing("Invalid Response status code specified")
		}
		delete(m.MethodIntegration.IntegrationResponses, in.StatusCode)
		return nil
	})
	return &restapi.DeleteIntegrationResponseOutput{}, err
}
