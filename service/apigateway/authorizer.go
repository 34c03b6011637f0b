package apigateway

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/execute"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

const ttlDefault = 300

func (s *Service) checkAuthorizer(op string, z *authorizer) error {
	switch z.Type {
	case "TOKEN", "REQUEST":
	case "COGNITO_USER_POOLS":
		return wire.Unsupported(op + ": Type=COGNITO_USER_POOLS")
	default:
		return bad("Invalid authorizer type specified: %s", z.Type)
	}
	if z.Name == "" {
		return bad("Authorizer name must be non-empty")
	}
	if _, ok := execute.FunctionARN(strings.ReplaceAll(z.AuthorizerUri, "${stageVariables.", "${")); !ok {
		return bad("Invalid Authorizer URI: %s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.", z.AuthorizerUri)
	}
	if z.AuthorizerCredentials != "" && s.cfg.Roles == nil {
		return wire.Unsupported(op + ": AuthorizerCredentials")
	}
	if t := z.AuthorizerResultTtlInSeconds; t != nil && (*t < 0 || *t > 3600) {
		return bad("Authorizer result TTL should be between 0 and 3600 seconds")
	}
	if z.Type == "TOKEN" {
		if !strings.HasPrefix(z.IdentitySource, "method.request.header.") || strings.Contains(z.IdentitySource, ",") {
			return bad("Identity source is required and must be a header for authorizer type TOKEN: %s", z.IdentitySource)
		}
	} else {
		if z.IdentitySource == "" && wire.Or(z.AuthorizerResultTtlInSeconds, ttlDefault) > 0 {
			return bad("Identity source is required when caching is enabled for authorizer type REQUEST")
		}
		for _, src := range splitSources(z.IdentitySource) {
			if !strings.HasPrefix(src, "method.request.header.") && !strings.HasPrefix(src, "method.request.querystring.") && !strings.HasPrefix(src, "stageVariables.") {
				if strings.HasPrefix(src, "context.") {
					return wire.Unsupported(op + ": IdentitySource " + src)
				}
				return bad("Invalid identity source specified: %s", src)
			}
		}
		if z.IdentityValidationExpression != "" {
			return bad("Identity validation expression is supported only for authorizer type TOKEN")
		}
	}
	if z.IdentityValidationExpression != "" {
		if _, err := regexp.Compile(z.IdentityValidationExpression); err != nil {
			return bad("Invalid identity validation expression: %s", z.IdentityValidationExpression)
		}
	}
	return nil
}

func splitSources(s string) []string {
	var out []string
	for _, x := range strings.Split(s, ",") {
		if x = strings.TrimSpace(x); x != "" {
			out = append(out, x)
		}
	}
	return out
}

// CreateAuthorizer implements the operation.
func (s *Service) CreateAuthorizer(ctx context.Context, in *restapi.CreateAuthorizerInput) (*restapi.CreateAuthorizerOutput, error) {
	if len(in.ProviderARNs) > 0 {
		return nil, wire.Unsupported("CreateAuthorizer: ProviderARNs")
	}
	if in.JwtConfiguration != nil {
		return nil, wire.Unsupported("CreateAuthorizer: JwtConfiguration")
	}
	z := members.New[authorizer](in)
	z.Id = s.newID(ctx, 6, "authorizer")
	if z.AuthType == "" {
		z.AuthType = "custom"
	}
	if err := s.checkAuthorizer("CreateAuthorizer", z); err != nil {
		return nil, err
	}
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		list := all[authorizer](tx, sc, kindAuthorizer)
		if len(list) >= authorizersMax {
			return tooMany("authorizers", authorizersMax)
		}
		for _, o := range list {
			if o.Name == z.Name && o.Id != z.Id {
				return bad("Authorizer name must be unique. Authorizer %s already exists in this RestApi.", z.Name)
			}
		}
		store.Put(tx, sc.parts(kindAuthorizer).Str(z.Id), z)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[restapi.Authorizer](z), nil
}

// GetAuthorizer implements the operation.
func (s *Service) GetAuthorizer(ctx context.Context, in *restapi.GetAuthorizerInput) (*restapi.GetAuthorizerOutput, error) {
	var out *restapi.Authorizer
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		z, _, err := part[authorizer](r, sc, kindAuthorizer, "Authorizer", in.AuthorizerId)
		if err == nil {
			out = members.New[restapi.Authorizer](z)
		}
		return err
	})
	return out, err
}

// GetAuthorizers implements the operation.
func (s *Service) GetAuthorizers(ctx context.Context, in *restapi.GetAuthorizersInput) (*restapi.GetAuthorizersOutput, error) {
	var list []authorizer
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		list = all[authorizer](r, sc, kindAuthorizer)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.RestApiId, list, func(z *authorizer) string { return z.Id }, in.Limit, in.Position)
	out := &restapi.GetAuthorizersOutput{Items: []restapi.Authorizer{}, Position: next}
	for i := range list {
		out.Items = append(out.Items, *members.New[restapi.Authorizer](&list[i]))
	}
	return out, err
}

// DeleteAuthorizer implements the operation.
func (s *Service) DeleteAuthorizer(ctx context.Context, in *restapi.DeleteAuthorizerInput) (*restapi.DeleteAuthorizerOutput, error) {
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		_, k, err := part[authorizer](tx, sc, kindAuthorizer, "Authorizer", in.AuthorizerId)
		if err != nil {
			return err
		}
		for _, r := range all[apiResource](tx, sc, kindResource) {
			for verb, m := range r.Methods {
				if m.AuthorizerId == in.AuthorizerId {
					return conflict("Cannot delete authorizer '%s', is referenced in method: %s/%s", in.AuthorizerId, r.Path, verb)
				}
			}
		}
		tx.Delete(k)
		return nil
	})
	return &restapi.DeleteAuthorizerOutput{}, err
}

// FlushStageAuthorizersCache implements the operation: what authorizers answered is forgotten with the compiled stage.
func (s *Service) FlushStageAuthorizersCache(ctx context.Context, in *restapi.FlushStageAuthorizersCacheInput) (*restapi.FlushStageAuthorizersCacheOutput, error) {
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		_, _, err := part[stage](tx, sc, kindStage, "stage", in.StageName)
		return err
	})
	return &restapi.FlushStageAuthorizersCacheOutput{}, err
}

// UpdateAuthorizer implements the operation.
func (s *Service) UpdateAuthorizer(ctx context.Context, in *restapi.UpdateAuthorizerInput) (*restapi.UpdateAuthorizerOutput, error) {
	var out *restapi.Authorizer
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		z, k, err := part[authorizer](tx, sc, kindAuthorizer, "Authorizer", in.AuthorizerId)
		if err != nil {
			return err
		}
		for _, p := range in.PatchOperations {
			path, v := wire.V(p.Path), wire.V(p.Value)
			if op := wire.V(p.Op); op != "replace" {
				return bad("Invalid patch path  '%s' specified for op '%s'. Please choose supported operations", path, op)
			}
			switch path {
			case "/name":
				z.Name = v
			case "/type":
				z.Type = v
			case "/authType":
				z.AuthType = v
			case "/authorizerUri":
				z.AuthorizerUri = v
			case "/authorizerCredentials":
				z.AuthorizerCredentials = v
			case "/identitySource":
				z.IdentitySource = v
			case "/identityValidationExpression":
				z.IdentityValidationExpression = v
			case "/authorizerResultTtlInSeconds":
				n, err := strconv.ParseInt(v, 10, 32)
				if err != nil {
					return bad("Authorizer result TTL should be between 0 and 3600 seconds")
				}
				z.AuthorizerResultTtlInSeconds = wire.P(int32(n))
			default:
				return bad("Invalid patch path %s", path)
			}
		}
		for _, o := range all[authorizer](tx, sc, kindAuthorizer) {
			if o.Name == z.Name && o.Id != z.Id {
				return bad("Authorizer name must be unique. Authorizer %s already exists in this RestApi.", z.Name)
			}
		}
		if err := s.checkAuthorizer("UpdateAuthorizer", z); err != nil {
			return err
		}
		store.Put(tx, k, z)
		out = members.New[restapi.Authorizer](z)
		return nil
	})
	return out, err
}
