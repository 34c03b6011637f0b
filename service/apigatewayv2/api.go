package apigatewayv2

import (
	"context"
	"fmt"
	"strings"

	v2api "virga/api/apigatewayv2"
	"virga/internal/execute"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

func sprintf(format string, a ...any) string {
	if len(a) == 0 {
		return format
	}
	return fmt.Sprintf(format, a...)
}

// endpoint is the URL of an API. Host and port come from the request's own, so that what is handed out can be called.
func endpoint(c *wire.Call, region, id string) string {
	scheme, rest, ok := strings.Cut(c.BaseURL, "://")
	if !ok {
		scheme, rest = "https", ""
	}
	domain := c.Domain
	if domain == "" {
		domain = "localhost"
	}
	port := ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		port = rest[i:]
	}
	return scheme + "://" + id + ".execute-api." + region + "." + domain + port
}

func show(c *wire.Call, a *api) *v2api.Api {
	out := members.New[v2api.Api](a)
	out.ApiEndpoint = wire.P(endpoint(c, c.Region, a.ApiId))
	if out.Tags == nil {
		out.Tags = map[string]string{}
	}
	return out
}

func checkName(what, name string, max int) error {
	if n := len([]rune(name)); n < 1 || n > max {
		return bad("Invalid %s specified: it must have between 1 and %d characters", what, max)
	}
	return nil
}

// checkCORS checks a CORS configuration (Developer Guide, Configuring CORS for an HTTP API).
func checkCORS(c *v2api.Cors) error {
	if c == nil {
		return nil
	}
	if c.MaxAge != nil && (*c.MaxAge < -1 || *c.MaxAge > 86400) {
		return bad("Invalid MaxAge specified. MaxAge must be between -1 and 86400.")
	}
	for _, o := range c.AllowOrigins {
		if o != "*" && !strings.HasPrefix(o, "http://") && !strings.HasPrefix(o, "https://") && !strings.Contains(o, "://") {
			return bad("Invalid format for origin. Origin %s must be in the format scheme://host or *", o)
		}
		if o == "*" && wire.V(c.AllowCredentials) {
			return bad("allowCredentials is not supported for origin *")
		}
	}
	for _, m := range c.AllowMethods {
		switch m {
		case "*", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE":
		default:
			return bad("Invalid method specified: %s", m)
		}
	}
	return nil
}

func checkTags(tags map[string]string) error {
	if len(tags) > tagsMax {
		return bad("Too many tags: a resource has at most %d", tagsMax)
	}
	for k, v := range tags {
		if k == "" || len(k) > 128 || len(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") && !strings.HasPrefix(k, "aws:cloudformation:") {
			return bad("Invalid tag: %s", k)
		}
	}
	return nil
}

// CreateApi implements the operation.
func (s *Service) CreateApi(ctx context.Context, in *v2api.CreateApiInput) (*v2api.CreateApiOutput, error) {
	c := wire.CallOf(ctx)
	switch {
	case in.ProtocolType == "WEBSOCKET":
		return nil, wire.Unsupported("CreateApi: ProtocolType=WEBSOCKET")
	case in.ProtocolType != "HTTP":
		return nil, bad("Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]")
	case in.RouteSelectionExpression != nil && *in.RouteSelectionExpression != routeSelection:
		return nil, bad("Only %s is supported as the routeSelectionExpression of an HTTP API", routeSelection)
	case in.ApiKeySelectionExpression != nil && *in.ApiKeySelectionExpression != keySelection:
		return nil, bad("ApiKeySelectionExpression is supported only for WebSocket APIs")
	case in.DisableSchemaValidation != nil:
		return nil, bad("DisableSchemaValidation is supported only for WebSocket APIs")
	case in.Target == nil && (in.RouteKey != nil || in.CredentialsArn != nil):
		return nil, bad("Target must be specified with routeKey and credentialsArn")
	case in.IpAddressType != nil && *in.IpAddressType != "ipv4":
		return nil, wire.Unsupported("CreateApi: IpAddressType=" + *in.IpAddressType)
	}
	if err := checkName("name", in.Name, 128); err != nil {
		return nil, err
	}
	if err := checkCORS(in.CorsConfiguration); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	a := members.New[api](in)
	s.begin(ctx, a)
	var rt *route
	var ig *integration
	if in.Target != nil {
		ig = &integration{IntegrationId: s.newID(ctx, 7, "integration"), IntegrationType: "AWS_PROXY", IntegrationUri: *in.Target, IntegrationMethod: "POST", PayloadFormatVersion: "2.0",
			TimeoutInMillis: timeoutMax, CredentialsArn: wire.V(in.CredentialsArn), ConnectionType: "INTERNET", ApiGatewayManaged: wire.P(true)}
		if err := s.checkIntegration("CreateApi", ig); err != nil {
			return nil, err
		}
		rt = &route{RouteId: s.newID(ctx, 7, "route"), RouteKey: wire.Or(in.RouteKey, "$default"), Target: "integrations/" + ig.IntegrationId, AuthorizationType: "NONE", ApiGatewayManaged: wire.P(true)}
		if err := checkRouteKey(rt.RouteKey); err != nil {
			return nil, err
		}
		a.QuickRoute, a.QuickIntegration = rt.RouteId, ig.IntegrationId
	}
	now := s.cfg.Env.Now()
	dep := s.newID(ctx, 6, "deployment")
	sc := scope{c.Account, c.Region, a.ApiId}
	err := s.cfg.Store.Update(ctx, []store.Key{sc.key()}, func(tx store.Tx) error {
		if err := s.room(tx, c); err != nil {
			return err
		}
		if rt != nil {
			store.Put(tx, sc.parts(kindIntegration).Str(ig.IntegrationId), ig)
			store.Put(tx, sc.parts(kindRoute).Str(rt.RouteId), rt)
			store.Put(tx, sc.parts(kindStage).Str("$default"), &stage{StageName: "$default", AutoDeploy: wire.P(true), ApiGatewayManaged: wire.P(true), CreatedDate: now, LastUpdatedDate: now})
		}
		s.put(tx, sc, a)
		autoDeploy(tx, sc, a, dep, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[v2api.CreateApiOutput](show(c, a)), nil
}

const (
	routeSelection = "$request.method $request.path"
	keySelection   = "$request.header.x-api-key"
)

// begin gives a new API its id and defaults.
func (s *Service) begin(ctx context.Context, a *api) {
	a.ApiId, a.ProtocolType, a.RouteSelectionExpression, a.ApiKeySelectionExpression = s.newID(ctx, 10, "api"), "HTTP", routeSelection, keySelection
	a.CreatedDate, a.IpAddressType = s.cfg.Env.Now(), "ipv4"
}

func (s *Service) room(tx store.Tx, c *wire.Call) error {
	n := 0
	tx.Range(store.Prefix(apisOf(c.Account, c.Region)), func(store.Key, []byte) bool { n++; return n < apisMax })
	if n >= apisMax {
		return wire.Errorf("LimitExceededException", 429, "Maximum number of APIs per account has been reached. The limit is %d.", apisMax)
	}
	return nil
}

func (s *Service) put(tx store.Tx, sc scope, a *api) {
	store.Put(tx, sc.key(), a)
	store.Put(tx, ownerKey(a.ApiId), &owner{sc.account, sc.region})
	tx.Bump(execute.Scope(a.ApiId))
}

// GetApi implements the operation.
func (s *Service) GetApi(ctx context.Context, in *v2api.GetApiInput) (*v2api.GetApiOutput, error) {
	var out *v2api.GetApiOutput
	err := s.view(ctx, in.ApiId, func(_ store.Reader, _ scope, a *api) error {
		out = members.New[v2api.GetApiOutput](show(wire.CallOf(ctx), a))
		return nil
	})
	return out, err
}

// GetApis implements the operation.
func (s *Service) GetApis(ctx context.Context, in *v2api.GetApisInput) (*v2api.GetApisOutput, error) {
	c := wire.CallOf(ctx)
	var list []api
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		list = nil
		store.Each(r, store.Prefix(apisOf(c.Account, c.Region)), func(_ store.Key, a *api) bool {
			list = append(list, *a)
			return true
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, c, "", list, func(a *api) string { return a.ApiId }, in.MaxResults, in.NextToken)
	out := &v2api.GetApisOutput{Items: []v2api.Api{}, NextToken: next}
	for i := range list {
		out.Items = append(out.Items, *show(c, &list[i]))
	}
	return out, err
}

// UpdateApi implements the operation.
func (s *Service) UpdateApi(ctx context.Context, in *v2api.UpdateApiInput) (*v2api.UpdateApiOutput, error) {
	switch {
	case in.DisableSchemaValidation != nil:
		return nil, bad("DisableSchemaValidation is supported only for WebSocket APIs")
	case in.RouteSelectionExpression != nil && *in.RouteSelectionExpression != routeSelection:
		return nil, bad("Only %s is supported as the routeSelectionExpression of an HTTP API", routeSelection)
	case in.ApiKeySelectionExpression != nil && *in.ApiKeySelectionExpression != keySelection:
		return nil, bad("ApiKeySelectionExpression is supported only for WebSocket APIs")
	case in.IpAddressType != nil && *in.IpAddressType != "ipv4":
		return nil, wire.Unsupported("UpdateApi: IpAddressType=" + *in.IpAddressType)
	}
	if in.Name != nil {
		if err := checkName("name", *in.Name, 128); err != nil {
			return nil, err
		}
	}
	if err := checkCORS(in.CorsConfiguration); err != nil {
		return nil, err
	}
	if in.RouteKey != nil {
		if err := checkRouteKey(*in.RouteKey); err != nil {
			return nil, err
		}
	}
	var out *v2api.UpdateApiOutput
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, a *api) error {
		if in.Target != nil || in.CredentialsArn != nil {
			k := sc.parts(kindIntegration).Str(a.QuickIntegration)
			ig, ok := store.Load[integration](tx, k)
			if !ok {
				return bad("The API was not made by quick create: target and credentialsArn can't be changed")
			}
			ig.IntegrationUri = wire.Or(in.Target, ig.IntegrationUri)
			ig.CredentialsArn = wire.Or(in.CredentialsArn, ig.CredentialsArn)
			if err := s.checkIntegration("UpdateApi", ig); err != nil {
				return err
			}
			store.Put(tx, k, ig)
		}
		if in.RouteKey != nil {
			k := sc.parts(kindRoute).Str(a.QuickRoute)
			rt, ok := store.Load[route](tx, k)
			if !ok {
				return bad("The API was not made by quick create: routeKey can't be changed")
			}
			if err := unique(tx, sc, *in.RouteKey, rt.RouteId); err != nil {
				return err
			}
			rt.RouteKey = *in.RouteKey
			store.Put(tx, k, rt)
		}
		if in.CorsConfiguration != nil {
			a.CorsConfiguration = members.New[cors](in.CorsConfiguration)
		}
		x := *in
		x.CorsConfiguration = nil
		members.Copy(a, &x)
		s.put(tx, sc, a)
		out = members.New[v2api.UpdateApiOutput](show(wire.CallOf(ctx), a))
		return nil
	})
	return out, err
}

// DeleteCorsConfiguration implements the operation.
func (s *Service) DeleteCorsConfiguration(ctx context.Context, in *v2api.DeleteCorsConfigurationInput) (*v2api.DeleteCorsConfigurationOutput, error) {
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, a *api) error {
		a.CorsConfiguration = nil
		store.Put(tx, sc.key(), a)
		return nil
	})
	return &v2api.DeleteCorsConfigurationOutput{}, err
}

// DeleteApi implements the operation.
func (s *Service) DeleteApi(ctx context.Context, in *v2api.DeleteApiInput) (*v2api.DeleteApiOutput, error) {
	sc := scopeOf(ctx, in.ApiId)
	err := s.cfg.Store.Update(ctx, []store.Key{sc.key()}, func(tx store.Tx) error {
		if _, err := load(tx, sc); err != nil {
			return err
		}
		wipe(tx, sc)
		for _, k := range []string{kindStage, kindDeployment} {
			p := sc.parts(k)
			tx.DeleteRange(p, p.End())
		}
		tx.Delete(sc.key())
		tx.Delete(ownerKey(in.ApiId))
		tx.Bump(execute.Scope(in.ApiId))
		return nil
	})
	return &v2api.DeleteApiOutput{}, err
}

// wipe removes what an API routes: routes, integrations, authorizers.
func wipe(tx store.Tx, sc scope) {
	for _, k := range []string{kindRoute, kindIntegration, kindAuthorizer} {
		p := sc.parts(k)
		tx.DeleteRange(p, p.End())
	}
}
