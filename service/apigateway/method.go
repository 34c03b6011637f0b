package apigateway

import (
	"context"
	"regexp"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

var verbs = map[string]bool{"GET": true, "PUT": true, "POST": true, "DELETE": true, "PATCH": true, "OPTIONS": true, "HEAD": true, "ANY": true}

var parameterName = regexp.MustCompile(`^method\.request\.(querystring|path|header)\.[a-zA-Z0-9._$\-\[\]]+$`)

func showMethod(m *method) *restapi.Method {
	return members.New[restapi.Method](m)
}

// onResource changes one resource of an API.
func (s *Service) onResource(ctx context.Context, api, id string, fn func(tx store.Tx, sc scope, r *apiResource) error) error {
	return s.change(ctx, api, func(tx store.Tx, sc scope, _ *restAPI) error {
		r, k, err := part[apiResource](tx, sc, kindResource, "Resource", id)
		if err != nil {
			return err
		}
		if r.Methods == nil {
			r.Methods = map[string]method{}
		}
		if err := fn(tx, sc, r); err != nil {
			return err
		}
		store.Put(tx, k, r)
		return nil
	})
}

// onMethod changes one method of a resource.
func (s *Service) onMethod(ctx context.Context, api, id, verb string, fn func(tx store.Tx, sc scope, m *method) error) error {
	return s.onResource(ctx, api, id, func(tx store.Tx, sc scope, r *apiResource) error {
		m, ok := r.Methods[verb]
		if !ok {
			return missing("Invalid Method identifier specified")
		}
		if err := fn(tx, sc, &m); err != nil {
			return err
		}
		r.Methods[verb] = m
		return nil
	})
}

func (s *Service) method(ctx context.Context, api, id, verb string, fn func(m *method) error) error {
	return s.view(ctx, api, func(r store.Reader, sc scope, _ *restAPI) error {
		x, _, err := part[apiResource](r, sc, kindResource, "Resource", id)
		if err != nil {
			return err
		}
		m, ok := x.Methods[verb]
		if !ok {
			return missing("Invalid Method identifier specified")
		}
		return fn(&m)
	})
}

func checkMethod(r store.Reader, sc scope, op string, m *method) error {
	if !verbs[m.HttpMethod] {
		return bad("Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY")
	}
	if m.ApiKeyRequired {
		return wire.Unsupported(op + ": ApiKeyRequired (API keys and usage plans)")
	}
	switch m.AuthorizationType {
	case "NONE", "AWS_IAM":
	case "CUSTOM":
		if _, ok := r.Get(sc.parts(kindAuthorizer).Str(m.AuthorizerId)); m.AuthorizerId == "" || !ok {
			return bad("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.")
		}
	case "COGNITO_USER_POOLS":
		return wire.Unsupported(op + ": AuthorizationType=COGNITO_USER_POOLS")
	default:
		return bad("Invalid Authorization Type specified: %s", m.AuthorizationType)
	}
	seen := map[string]bool{}
	for k := range m.RequestParameters {
		if !parameterName.MatchString(k) {
			return bad("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: %s]", k)
		}
		name := strings.SplitN(k, ".", 4)[3]
		if seen[name] {
			return bad("Parameter names must be unique across querystring, header and path")
		}
		seen[name] = true
	}
	for _, name := range m.RequestModels {
		if _, ok := r.Get(sc.parts(kindModel).Str(name)); !ok && name != "Empty" && name != "Error" {
			return bad("Invalid model identifier specified: %s", name)
		}
	}
	if m.RequestValidatorId != "" {
		if _, ok := r.Get(sc.parts(kindValidator).Str(m.RequestValidatorId)); !ok {
			return bad("Invalid Request Validator identifier specified")
		}
	}
	return nil
}

// PutMethod implements the operation.
func (s *Service) PutMethod(ctx context.Context, in *restapi.PutMethodInput) (*restapi.PutMethodOutput, error) {
	m := members.New[method](in)
	m.Effect = wire.CallOf(ctx).EffectID
	err := s.onResource(ctx, in.RestApiId, in.ResourceId, func(tx store.Tx, sc scope, r *apiResource) error {
		if was, ok := r.Methods[m.HttpMethod]; ok && (m.Effect == "" || was.Effect != m.Effect) {
			return conflict("Method already exists for this resource")
		}
		if err := checkMethod(tx, sc, "PutMethod", m); err != nil {
			return err
		}
		r.Methods[m.HttpMethod] = *m
		return nil
	})
	if err != nil {
		return nil, err
	}
	return showMethod(m), nil
}

// GetMethod implements the operation.
func (s *Service) GetMethod(ctx context.Context, in *restapi.GetMethodInput) (*restapi.GetMethodOutput, error) {
	var out *restapi.Method
	err := s.method(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(m *method) error {
		out = showMethod(m)
		return nil
	})
	return out, err
}

// DeleteMethod implements the operation.
func (s *Service) DeleteMethod(ctx context.Context, in *restapi.DeleteMethodInput) (*restapi.DeleteMethodOutput, error) {
	err := s.onResource(ctx, in.RestApiId, in.ResourceId, func(_ store.Tx, _ scope, r *apiResource) error {
		if _, ok := r.Methods[in.HttpMethod]; !ok {
			return missing("Invalid Method identifier specified")
		}
		delete(r.Methods, in.HttpMethod)
		return nil
	})
	return &restapi.DeleteMethodOutput{}, err
}

// PutMethodResponse implements the operation.
func (s *Service) PutMethodResponse(ctx context.Context, in *restapi.PutMethodResponseInput) (*restapi.PutMethodResponseOutput, error) {
	x := members.New[methodResponse](in)
	for k := range x.ResponseParameters {
		if !strings.HasPrefix(k, "method.response.header.") {
			return nil, bad("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: %s]", k)
		}
	}
	err := s.onMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(_ store.Tx, _ scope, m *method) error {
		if _, ok := m.MethodResponses[in.StatusCode]; ok {
			return conflict("Response already exists for this resource")
		}
		if m.MethodResponses == nil {
			m.MethodResponses = map[string]methodResponse{}
		}
		m.MethodResponses[in.StatusCode] = *x
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[restapi.MethodResponse](x), nil
}

// GetMethodResponse implements the operation.
func (s *Service) GetMethodResponse(ctx context.Context, in *restapi.GetMethodResponseInput) (*restapi.GetMethodResponseOutput, error) {
	var out *restapi.MethodResponse
	err := s.method(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(m *method) error {
		x, ok := m.MethodResponses[in.StatusCode]
		if !ok {
			return missing("Invalid Response status code specified")
		}
		out = members.New[restapi.MethodResponse](&x)
		return nil
	})
	return out, err
}

// DeleteMethodResponse implements the operation.
func (s *Service) DeleteMethodResponse(ctx context.Context, in *restapi.DeleteMethodResponseInput) (*restapi.DeleteMethodResponseOutput, error) {
	err := s.onMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, func(_ store.Tx, _ scope, m *method) error {
		if _, ok := m.MethodResponses[in.StatusCode]; !ok {
			return missing("Invalid Response status code specified")
		}
		delete(m.MethodResponses, in.StatusCode)
		return nil
	})
	return &restapi.DeleteMethodResponseOutput{}, err
}
