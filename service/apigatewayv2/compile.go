package apigatewayv2

import (
	"context"
	"strings"

	"virga/internal/execute"
	"virga/internal/store"
)

// compiled is an API made ready for requests, under one epoch.
type compiled struct {
	s      *Service
	api    *api
	owner  owner
	stages map[string]*served
}

// served is a stage with the deployment it serves.
type served struct {
	stage  stage
	cors   *cors
	router router
}

// backend is an integration of a stage.
type backend struct {
	integration
	function string // ARN, stage variables put in; "" where one is not set
}

// limits are the throttling settings of a route in a stage, nil for none but the account's.
type limits struct {
	rate   float64
	burst  int
	bucket execute.Bucket
}

// FindAPI implements execute.Finder.
func (s *Service) FindAPI(ctx context.Context, id string) (execute.API, error) {
	var c *compiled
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		c = nil
		o, ok := store.Load[owner](r, ownerKey(id))
		if !ok {
			return nil
		}
		sc := scope{o.Account, o.Region, id}
		a, err := load(r, sc)
		if err != nil {
			return err
		}
		c = &compiled{s: s, api: a, owner: *o, stages: map[string]*served{}}
		for _, st := range all[stage](r, sc, kindStage) {
			d, ok := store.Load[deployment](r, sc.parts(kindDeployment).Str(st.DeploymentId))
			if !ok {
				d = &deployment{}
			}
			c.stages[st.StageName] = serve(st, d)
		}
		return nil
	})
	if err != nil || c == nil {
		return nil, err
	}
	return c, nil
}

// Account implements execute.API.
func (c *compiled) Account() string { return c.owner.Account }

// Region implements execute.API.
func (c *compiled) Region() string { return c.owner.Region }

func serve(st stage, d *deployment) *served {
	out := &served{stage: st, cors: d.Cors}
	backends := map[string]*backend{}
	for _, ig := range d.Integrations {
		b := &backend{integration: ig}
		if uri, ok := execute.Expand(ig.IntegrationUri, st.StageVariables); ok {
			b.function, _ = execute.FunctionARN(uri)
		}
		backends["integrations/"+ig.IntegrationId] = b
	}
	checkers := map[string]*checker{}
	for _, z := range d.Authorizers {
		k := &checker{authorizer: z}
		if uri, ok := execute.Expand(z.AuthorizerUri, st.StageVariables); ok {
			k.function, _ = execute.FunctionARN(uri)
		}
		checkers[z.AuthorizerId] = k
	}

	for _, rt := range d.Routes {
		t := &target{route: rt, ig: backends[rt.Target], auth: checkers[rt.AuthorizerId]}
		set := st.DefaultRouteSettings
		if own, ok := st.RouteSettings[rt.RouteKey]; ok {
			if own.ThrottlingBurstLimit != nil {
				set.ThrottlingBurstLimit = own.ThrottlingBurstLimit
			}
			if own.ThrottlingRateLimit != nil {
				set.ThrottlingRateLimit = own.ThrottlingRateLimit
			}
		}
		if set.ThrottlingBurstLimit != nil || set.ThrottlingRateLimit != nil {
			l := &limits{rate: 10_000, burst: 5_000}
			if set.ThrottlingRateLimit != nil {
				l.rate = *set.ThrottlingRateLimit
			}
			if set.ThrottlingBurstLimit != nil {
				l.burst = int(*set.ThrottlingBurstLimit)
			}
			t.limit = l
		}
		out.router.add(t)
	}
	return out
}

// stageOf finds the stage of a path: the first segment where it names one, else $default.
func (c *compiled) stageOf(path string) (*served, string) {
	seg, rest, more := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if st := c.stages[seg]; st != nil && seg != "$default" {
		if !more {
			return st, "/"
		}
		return st, "/" + rest
	}
	if st := c.stages["$default"]; st != nil {
		return st, path
	}
	return nil, ""
}
