package apigatewayv2

import (
	"context"
	"strings"

	v2api "virga/api/apigatewayv2"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

var methods = map[string]bool{"GET": true, "HEAD": true, "OPTIONS": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "ANY": true}

// checkRouteKey checks a route key: $default, or a method and a path (Developer Guide, Create routes for HTTP APIs).
func checkRouteKey(k string) error {
	if k == "$default" {
		return nil
	}
	m, p, ok := strings.Cut(k, " ")
	if !ok || !methods[m] || !strings.HasPrefix(p, "/") || len(k) > 512 {
		return bad("The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"")
	}
	seen := map[string]bool{}
	segments := strings.Split(p[1:], "/")
	for i, seg := range segments {
		if !strings.ContainsAny(seg, "{}") {
			if seg == "" && len(segments) > 1 && i < len(segments)-1 {
				return bad("Resource path segments can't be empty: %s", p)
			}
			continue
		}
		if len(seg) < 3 || seg[0] != '{' || seg[len(seg)-1] != '}' || strings.ContainsAny(seg[1:len(seg)-1], "{}") {
			return bad("Path parameters must fill a whole segment: %s", seg)
		}
		name := seg[1 : len(seg)-1]
		greedy := strings.HasSuffix(name, "+")
		name = strings.TrimSuffix(name, "+")
		if greedy && i != len(segments)-1 {
			return bad("The greedy path variable %s must be at the end of the path", seg)
		}
		if name == "" || seen[name] {
			return bad("Path parameter names must not be empty and must be unique: %s", seg)
		}
		seen[name] = true
	}
	return nil
}

func unique(r store.Reader, sc scope, key, except string) error {
	for _, o := range all[route](r, sc, kindRoute) {
		if o.RouteKey == key && o.RouteId != except {
			return &v2api.ConflictException{Message: "Route with key " + key + " already exists for this API"}
		}
	}
	return nil
}

func (s *Service) checkRoute(tx store.Reader, sc scope, rt *route) error {
	if err := checkRouteKey(rt.RouteKey); err != nil {
		return err
	}
	if rt.Target != "" {
		id, ok := strings.CutPrefix(rt.Target, "integrations/")
		if !ok {
			return bad("Target must be in the format integrations/<integration-id>")
		}
		if _, ok := tx.Get(sc.parts(kindIntegration).Str(id)); !ok {
			return missing("Invalid Integration identifier specified %s", id)
		}
	}
	switch rt.AuthorizationType {
	case "NONE", "AWS_IAM":
		if rt.AuthorizerId != "" {
			return bad("AuthorizerId can be specified only with the authorization types CUSTOM and JWT")
		}
	case "JWT":
		return wire.Unsupported("AuthorizationType=JWT")
	case "CUSTOM":
		if _, ok := tx.Get(sc.parts(kindAuthorizer).Str(rt.AuthorizerId)); rt.AuthorizerId == "" || !ok {
			return bad("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or JWT requires a valid authorizer.")
		}
	default:
		return bad("Invalid authorization type specified: %s", rt.AuthorizationType)
	}
	if len(rt.AuthorizationScopes) > 0 {
		return bad("Authorization scopes are supported only with the authorization type JWT")
	}
	return nil
}

func webSocketOnly(op string, names map[string]bool) error {
	for n, given := range names {
		if given {
			return bad("%s is supported only for WebSocket APIs", n)
		}
	}
	return nil
}

// CreateRoute implements the operation.
func (s *Service) CreateRoute(ctx context.Context, in *v2api.CreateRouteInput) (*v2api.CreateRouteOutput, error) {
	if err := webSocketOnly("CreateRoute", map[string]bool{"apiKeyRequired": wire.V(in.ApiKeyRequired), "modelSelectionExpression": in.ModelSelectionExpression != nil, "requestModels": len(in.RequestModels) > 0, "requestParameters": len(in.RequestParameters) > 0, "routeResponseSelectionExpression": in.RouteResponseSelectionExpression != nil}); err != nil {
		return nil, err
	}
	rt := members.New[route](in)
	rt.RouteId = s.newID(ctx, 7, "route")
	if rt.AuthorizationType == "" {
		rt.AuthorizationType = "NONE"
	}
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, a *api) error {
		if err := s.checkRoute(tx, sc, rt); err != nil {
			return err
		}
		if err := unique(tx, sc, rt.RouteKey, rt.RouteId); err != nil {
			return err
		}
		if len(all[route](tx, sc, kindRoute)) >= routesMax {
			return tooMany("routes", routesMax)
		}
		store.Put(tx, sc.parts(kindRoute).Str(rt.RouteId), rt)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[v2api.CreateRouteOutput](rt), nil
}

// UpdateRoute implements the operation.
func (s *Service) UpdateRoute(ctx context.Context, in *v2api.UpdateRouteInput) (*v2api.UpdateRouteOutput, error) {
	if err := webSocketOnly("UpdateRoute", map[string]bool{"apiKeyRequired": wire.V(in.ApiKeyRequired), "modelSelectionExpression": in.ModelSelectionExpression != nil, "requestModels": len(in.RequestModels) > 0, "requestParameters": len(in.RequestParameters) > 0, "routeResponseSelectionExpression": in.RouteResponseSelectionExpression != nil}); err != nil {
		return nil, err
	}
	var out *v2api.UpdateRouteOutput
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, a *api) error {
		rt, k, err := part[route](tx, sc, kindRoute, "Route", in.RouteId)
		if err != nil {
			return err
		}
		members.Copy(rt, in)
		if in.AuthorizationType != nil && *in.AuthorizationType != "CUSTOM" && in.AuthorizerId == nil {
			rt.AuthorizerId = ""
		}
		if err := s.checkRoute(tx, sc, rt); err != nil {
			return err
		}
		if err := unique(tx, sc, rt.RouteKey, rt.RouteId); err != nil {
			return err
		}
		store.Put(tx, k, rt)
		out = members.New[v2api.UpdateRouteOutput](rt)
		return nil
	})
	return out, err
}

// part reads one part of an API.
func part[T any](r store.Reader, sc scope, kind, noun, id string) (*T, store.Key, error) {
	k := sc.parts(kind).Str(id)
	v, ok := store.Load[T](r, k)
	if !ok {
		return nil, nil, missing("Invalid %s identifier specified %s", noun, id)
	}
	return v, k, nil
}

// GetRoute implements the operation.
func (s *Service) GetRoute(ctx context.Context, in *v2api.GetRouteInput) (*v2api.GetRouteOutput, error) {
	var out *v2api.GetRouteOutput
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		rt, _, err := part[route](r, sc, kindRoute, "Route", in.RouteId)
		if err == nil {
			out = members.New[v2api.GetRouteOutput](rt)
		}
		return err
	})
	return out, err
}

// GetRoutes implements the operation.
func (s *Service) GetRoutes(ctx context.Context, in *v2api.GetRoutesInput) (*v2api.GetRoutesOutput, error) {
	var list []route
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		list = all[route](r, sc, kindRoute)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.ApiId, list, func(r *route) string { return r.RouteId }, in.MaxResults, in.NextToken)
	out := &v2api.GetRoutesOutput{Items: []v2api.Route{}, NextToken: next}
	for i := range list {
		out.Items = append(out.Items, *members.New[v2api.Route](&list[i]))
	}
	return out, err
}

// DeleteRoute implements the operation.
func (s *Service) DeleteRoute(ctx context.Context, in *v2api.DeleteRouteInput) (*v2api.DeleteRouteOutput, error) {
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		_, k, err := part[route](tx, sc, kindRoute, "Route", in.RouteId)
		if err == nil {
			tx.Delete(k)
		}
		return err
	})
	return &v2api.DeleteRouteOutput{}, err
}
