package apigateway

import (
	"context"
	"regexp"
	"slices"
	"sort"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

var pathPart = regexp.MustCompile(`^([a-zA-Z0-9._\-:$@]+|\{[a-zA-Z0-9._\-:]+\+?\})$`)

func showResource(r *apiResource, withMethods bool) *restapi.Resource {
	out := members.New[restapi.Resource](&struct{ Id, ParentId, PathPart, Path string }{r.Id, r.ParentId, r.PathPart, r.Path})
	for k, m := range r.Methods {
		if out.ResourceMethods == nil {
			out.ResourceMethods = map[string]restapi.Method{}
		}
		if withMethods {
			out.ResourceMethods[k] = *showMethod(&m)
		} else {
			out.ResourceMethods[k] = restapi.Method{}
		}
	}
	return out
}

func checkPathPart(p string) error {
	if !pathPart.MatchString(p) {
		return bad("Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.")
	}
	return nil
}

// join puts a part behind a path.
func join(path, part string) string { return strings.TrimSuffix(path, "/") + "/" + part }

// checkSibling refuses a part that another child of the parent has, or a second path variable.
func checkSibling(list []apiResource, parent, part, except string) error {
	for _, o := range list {
		if o.ParentId != parent || o.Id == except {
			continue
		}
		if o.PathPart == part {
			return conflict("Another resource with the same parent already has this name: %s", part)
		}
		if isVariable(o.PathPart) && isVariable(part) && strings.HasSuffix(o.PathPart, "+}") == strings.HasSuffix(part, "+}") {
			return bad("A sibling (%s) of this resource already has a variable path part -- only one is allowed", o.PathPart)
		}
	}
	return nil
}

func isVariable(part string) bool { return strings.HasPrefix(part, "{") }

// CreateResource implements the operation.
func (s *Service) CreateResource(ctx context.Context, in *restapi.CreateResourceInput) (*restapi.CreateResourceOutput, error) {
	if err := checkPathPart(in.PathPart); err != nil {
		return nil, err
	}
	r := &apiResource{Id: s.newID(ctx, 6, "resource"), ParentId: in.ParentId, PathPart: in.PathPart}
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		parent, _, err := part[apiResource](tx, sc, kindResource, "Resource", in.ParentId)
		if err != nil {
			return err
		}
		if strings.HasSuffix(parent.PathPart, "+}") {
			return bad("Cannot create a child of a resource with a greedy path variable: %s", parent.Path)
		}
		list := all[apiResource](tx, sc, kindResource)
		if len(list) >= resourcesMax {
			return tooMany("resources", resourcesMax)
		}
		if err := checkSibling(list, in.ParentId, in.PathPart, r.Id); err != nil {
			return err
		}
		r.Path = join(parent.Path, in.PathPart)
		store.Put(tx, sc.parts(kindResource).Str(r.Id), r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return showResource(r, false), nil
}

// GetResource implements the operation.
func (s *Service) GetResource(ctx context.Context, in *restapi.GetResourceInput) (*restapi.GetResourceOutput, error) {
	var out *restapi.Resource
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		x, _, err := part[apiResource](r, sc, kindResource, "Resource", in.ResourceId)
		if err == nil {
			out = showResource(x, slices.Contains(in.Embed, "methods"))
		}
		return err
	})
	return out, err
}

// GetResources implements the operation.
func (s *Service) GetResources(ctx context.Context, in *restapi.GetResourcesInput) (*restapi.GetResourcesOutput, error) {
	var list []apiResource
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		list = all[apiResource](r, sc, kindResource)
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	list, next, err := page(s, wire.CallOf(ctx), in.RestApiId, list, func(r *apiResource) string { return r.Path }, in.Limit, in.Position)
	out := &restapi.GetResourcesOutput{Items: []restapi.Resource{}, Position: next}
	for i := range list {
		out.Items = append(out.Items, *showResource(&list[i], slices.Contains(in.Embed, "methods")))
	}
	return out, err
}

// DeleteResource implements the operation: its children go with it.
func (s *Service) DeleteResource(ctx context.Context, in *restapi.DeleteResourceInput) (*restapi.DeleteResourceOutput, error) {
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, a *restAPI) error {
		x, k, err := part[apiResource](tx, sc, kindResource, "Resource", in.ResourceId)
		if err != nil {
			return err
		}
		if x.Id == a.RootResourceId {
			return bad("Root resource cannot be deleted")
		}
		for _, o := range all[apiResource](tx, sc, kindResource) {
			if strings.HasPrefix(o.Path, x.Path+"/") {
				tx.Delete(sc.parts(kindResource).Str(o.Id))
			}
		}
		tx.Delete(k)
		return nil
	})
	return &restapi.DeleteResourceOutput{}, err
}
