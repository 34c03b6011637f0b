package apigateway

import (
	"context"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/execute"
	"virga/internal/members"
	"virga/internal/policy"
	"virga/internal/store"
	"virga/internal/wire"
)

func show(a *restAPI) *restapi.RestApi {
	out := members.New[restapi.RestApi](a)
	out.EndpointConfiguration = &restapi.EndpointConfiguration{Types: a.EndpointTypes, IpAddressType: wire.P(a.IpAddressType)}
	return out
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

func checkEndpoint(op string, e *restapi.EndpointConfiguration) error {
	if e == nil {
		return nil
	}
	if len(e.Types) > 1 {
		return bad("Cannot create an api with multiple Endpoint Types.")
	}
	for _, t := range e.Types {
		switch t {
		case "EDGE", "REGIONAL":
		case "PRIVATE":
			return wire.Unsupported(op + ": endpoint type PRIVATE")
		default:
			return bad("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
		}
	}
	if len(e.VpcEndpointIds) > 0 {
		return wire.Unsupported(op + ": VpcEndpointIds")
	}
	switch wire.Or(e.IpAddressType, "ipv4") {
	case "ipv4", "dualstack":
	default:
		return bad("ipAddressType must be either ipv4 or dualstack.")
	}
	return nil
}

// expandPolicy writes an API's policy with whole ARNs: execute-api:/stage/GET/x is short for one.
func expandPolicy(doc, region, account, id string) string {
	return strings.ReplaceAll(doc, `"execute-api:/`, `"arn:aws:execute-api:`+region+":"+account+":"+id+"/")
}

func checkPolicy(doc string) error {
	if doc == "" {
		return nil
	}
	if len(doc) > policyBytesMax {
		return &restapi.LimitExceededException{Message: "Resource policy size limit exceeded"}
	}
	if _, err := policy.Parse(policy.Resource, []byte(expandPolicy(doc, "us-east-1", "000000000000", "id")), policy.Limits{}); err != nil {
		return bad("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.")
	}
	return nil
}

// CreateRestApi implements the operation.
func (s *Service) CreateRestApi(ctx context.Context, in *restapi.CreateRestApiInput) (*restapi.CreateRestApiOutput, error) {
	c := wire.CallOf(ctx)
	switch {
	case in.Name == "":
		return nil, bad("Name cannot be empty")
	case in.Description != nil && *in.Description == "":
		return nil, bad("Description cannot be an empty string")
	case in.CloneFrom != nil:
		return nil, wire.Unsupported("CreateRestApi: CloneFrom")
	case in.MinimumCompressionSize != nil:
		return nil, wire.Unsupported("CreateRestApi: MinimumCompressionSize")
	case in.SecurityPolicy != nil:
		return nil, wire.Unsupported("CreateRestApi: SecurityPolicy")
	case in.EndpointAccessMode != nil:
		return nil, wire.Unsupported("CreateRestApi: EndpointAccessMode")
	case in.ApiKeySource != nil && *in.ApiKeySource != "HEADER" && *in.ApiKeySource != "AUTHORIZER":
		return nil, bad("Invalid API key source specified: %s", *in.ApiKeySource)
	}
	if err := checkEndpoint("CreateRestApi", in.EndpointConfiguration); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if err := checkPolicy(wire.V(in.Policy)); err != nil {
		return nil, err
	}
	a := members.New[restAPI](in)
	s.begin(ctx, a)
	if e := in.EndpointConfiguration; e != nil {
		if len(e.Types) > 0 {
			a.EndpointTypes = e.Types
		}
		a.IpAddressType = wire.Or(e.IpAddressType, a.IpAddressType)
	}
	sc := scope{c.Account, c.Region, a.Id}
	err := s.cfg.Store.Update(ctx, []store.Key{sc.key()}, func(tx store.Tx) error {
		if err := s.room(tx, c); err != nil {
			return err
		}
		s.put(tx, sc, a)
		store.Put(tx, sc.parts(kindResource).Str(a.RootResourceId), &apiResource{Id: a.RootResourceId, Path: "/"})
		for _, m := range standardModels(s) {
			store.Put(tx, sc.parts(kindModel).Str(m.Name), &m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return show(a), nil
}

func (s *Service) begin(ctx context.Context, a *restAPI) {
	a.Id, a.RootResourceId, a.CreatedDate = s.newID(ctx, 10, "api"), s.newID(ctx, 10, "root"), s.cfg.Env.Now()
	if a.ApiKeySource == "" {
		a.ApiKeySource = "HEADER"
	}
	a.EndpointTypes, a.IpAddressType = []string{"EDGE"}, "ipv4"
}

func (s *Service) room(tx store.Tx, c *wire.Call) error {
	n := 0
	tx.Range(store.Prefix(apisOf(c.Account, c.Region)), func(store.Key, []byte) bool { n++; return n < apisMax })
	if n >= apisMax {
		return &restapi.LimitExceededException{Message: "Maximum number of APIs per account has been reached."}
	}
	return nil
}

func (s *Service) put(tx store.Tx, sc scope, a *restAPI) {
	store.Put(tx, sc.key(), a)
	store.Put(tx, ownerKey(a.Id), &owner{sc.account, sc.region})
	tx.Bump(execute.Scope(a.Id))
}

// GetRestApi implements the operation.
func (s *Service) GetRestApi(ctx context.Context, in *restapi.GetRestApiInput) (*restapi.GetRestApiOutput, error) {
	var out *restapi.RestApi
	err := s.view(ctx, in.RestApiId, func(_ store.Reader, _ scope, a *restAPI) error {
		out = show(a)
		return nil
	})
	return out, err
}

// GetRestApis implements the operation.
func (s *Service) GetRestApis(ctx context.Context, in *restapi.GetRestApisInput) (*restapi.GetRestApisOutput, error) {
	c := wire.CallOf(ctx)
	var list []restAPI
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		list = nil
		store.Each(r, store.Prefix(apisOf(c.Account, c.Region)), func(_ store.Key, a *restAPI) bool {
			list = append(list, *a)
			return true
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, c, "", list, func(a *restAPI) string { return a.Id }, in.Limit, in.Position)
	out := &restapi.GetRestApisOutput{Items: []restapi.RestApi{}, Position: next}
	for i := range list {
		out.Items = append(out.Items, *show(&list[i]))
	}
	return out, err
}

// UpdateRestApi implements the operation.
func (s *Service) UpdateRestApi(ctx context.Context, in *restapi.UpdateRestApiInput) (*restapi.UpdateRestApiOutput, error) {
	var out *restapi.RestApi
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, a *restAPI) error {
		for _, p := range in.PatchOperations {
			if err := patchAPI(a, p); err != nil {
				return err
			}
		}
		store.Put(tx, sc.key(), a)
		out = show(a)
		return nil
	})
	return out, err
}

func patchAPI(a *restAPI, p restapi.PatchOperation) error {
	op, path, v := wire.V(p.Op), wire.V(p.Path), wire.V(p.Value)
	if t, ok := strings.CutPrefix(path, "/binaryMediaTypes/"); ok {
		t = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
		var list []string
		for _, x := range a.BinaryMediaTypes {
			if x != t {
				list = append(list, x)
			}
		}
		switch op {
		case "add":
			list = append(list, t)
		case "replace":
			list = append(list, v)
		case "remove":
		default:
			return bad("Invalid patch operation specified. Must be 'add'|'remove'|'replace'")
		}
		a.BinaryMediaTypes = list
		return nil
	}
	if op != "replace" {
		return bad("Invalid patch path  '%s' specified for op '%s'. Please choose supported operations", path, op)
	}
	switch path {
	case "/name":
		if v == "" {
			return bad("Name cannot be empty")
		}
		a.Name = v
	case "/description":
		a.Description = v
	case "/version":
		a.Version = v
	case "/apiKeySource":
		if v != "HEADER" && v != "AUTHORIZER" {
			return bad("Invalid API key source specified: %s", v)
		}
		a.ApiKeySource = v
	case "/policy":
		a.Policy = v
		return checkPolicy(v)
	case "/disableExecuteApiEndpoint":
		a.DisableExecuteApiEndpoint = v == "true"
	case "/endpointConfiguration/types/EDGE", "/endpointConfiguration/types/REGIONAL", "/endpointConfiguration/types/0":
		a.EndpointTypes = []string{v}
		return checkEndpoint("UpdateRestApi", &restapi.EndpointConfiguration{Types: a.EndpointTypes})
	case "/minimumCompressionSize":
		return wire.Unsupported("UpdateRestApi: /minimumCompressionSize")
	default:
		return bad("Invalid patch path %s", path)
	}
	return nil
}

// DeleteRestApi implements the operation.
func (s *Service) DeleteRestApi(ctx context.Context, in *restapi.DeleteRestApiInput) (*restapi.DeleteRestApiOutput, error) {
	sc := scopeOf(ctx, in.RestApiId)
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
		tx.Delete(ownerKey(in.RestApiId))
		tx.Bump(execute.Scope(in.RestApiId))
		return nil
	})
	return &restapi.DeleteRestApiOutput{}, err
}

// wipe removes what a document describes.
func wipe(tx store.Tx, sc scope) {
	for _, k := range []string{kindResource, kindAuthorizer, kindResponse, kindModel, kindValidator} {
		p := sc.parts(k)
		tx.DeleteRange(p, p.End())
	}
}
