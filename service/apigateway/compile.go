package apigateway

import (
	"context"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"virga/internal/execute"
	"virga/internal/policy"
	"virga/internal/proxyevent"
	"virga/internal/store"
)

// compiled is an API made ready for requests, under one epoch.
type compiled struct {
	s      *Service
	api    *restAPI
	owner  owner
	stages map[string]*served
}

// served is a stage with the deployment it serves.
type served struct {
	stage     stage
	dep       *deployment
	root      node
	responses map[string]*gatewayResponse
	policy    *policy.Compiled // of the API, nil for none
	document  string
}

// node is one path segment of a deployment's resources.
type node struct {
	static map[string]*node
	param  *node
	greedy *node
	name   string // of the path variable
	res    *apiResource
	verbs  map[string]*target
}

// target is a method, compiled.
type target struct {
	method
	res       *apiResource
	function  string
	auth      *checker
	validator *validator
	models    map[string]*jsonschema.Schema // by content type
	limit     *limits
	choices   []choice
}

// choice is an integration response with its pattern; nil is the default's.
type choice struct {
	integrationResponse
	pattern *regexp.Regexp
}

// limits are the throttling settings of a method in a stage.
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
			c.stages[st.StageName] = c.compile(st, d)
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

func (c *compiled) compile(st stage, d *deployment) *served {
	out := &served{stage: st, dep: d, responses: byType(d.Responses)}
	if d.Policy != "" {
		out.document = expandPolicy(d.Policy, c.owner.Region, c.owner.Account, c.api.Id)
		p, err := policy.Parse(policy.Resource, []byte(out.document), policy.Limits{})
		if err == nil {
			out.policy = p.Compile()
		} else {
			out.policy = (&policy.Document{Kind: policy.Resource, Version: policy.Version2012}).Compile() // allows nobody
		}
	}
	checkers := map[string]*checker{}
	for _, z := range d.Authorizers {
		k := &checker{authorizer: z}
		if uri, ok := execute.Expand(z.AuthorizerUri, st.Variables); ok {
			k.function, _ = execute.FunctionARN(uri)
		}
		if z.IdentityValidationExpression != "" {
			k.valid = regexp.MustCompile("^(?:" + z.IdentityValidationExpression + ")$") // compiled before, when it was stored
		}
		checkers[z.Id] = k
	}
	validators := map[string]*validator{}
	for i := range d.Validators {
		validators[d.Validators[i].Id] = &d.Validators[i]
	}
	for i := range d.Resources {
		r := &d.Resources[i]
		n := &out.root
		if r.Path != "/" {
			for _, seg := range strings.Split(r.Path[1:], "/") {
				n = n.child(seg)
			}
		}
		n.res, n.verbs = r, map[string]*target{}
		for verb, m := range r.Methods {
			t := &target{method: m, res: r, auth: checkers[m.AuthorizerId], validator: validators[m.RequestValidatorId], limit: limitOf(st, r.Path, verb)}
			t.prepare(st, d, c.api.Id)
			n.verbs[verb] = t
		}
	}
	return out
}

func (n *node) child(seg string) *node {
	switch {
	case strings.HasPrefix(seg, "{") && strings.HasSuffix(seg, "+}"):
		if n.greedy == nil {
			n.greedy = &node{name: seg[1 : len(seg)-2]}
		}
		return n.greedy
	case strings.HasPrefix(seg, "{"):
		if n.param == nil {
			n.param = &node{name: seg[1 : len(seg)-1]}
		}
		return n.param
	}
	if n.static == nil {
		n.static = map[string]*node{}
	}
	if n.static[seg] == nil {
		n.static[seg] = &node{}
	}
	return n.static[seg]
}

// limitOf gives the throttling of a method: its own, its path's, or the stage's.
func limitOf(st stage, path, verb string) *limits {
	flat := strings.ReplaceAll(path, "/", "~1")
	var rate *float64
	var burst *int32
	for _, k := range []string{"*/*", flat + "/*", flat + "/" + verb, strings.TrimPrefix(path, "/") + "/" + verb} {
		x, ok := st.MethodSettings[k]
		if !ok {
			continue
		}
		if x.ThrottlingRateLimit != nil {
			rate = x.ThrottlingRateLimit
		}
		if x.ThrottlingBurstLimit != nil {
			burst = x.ThrottlingBurstLimit
		}
	}
	if rate == nil && burst == nil {
		return nil
	}
	l := &limits{rate: 10_000, burst: 5_000}
	if rate != nil {
		l.rate = *rate
	}
	if burst != nil {
		l.burst = int(*burst)
	}
	return l
}

func (t *target) prepare(st stage, d *deployment, api string) {
	ig := t.MethodIntegration
	if ig == nil {
		return
	}
	if ig.Type == "AWS" || ig.Type == "AWS_PROXY" {
		if uri, ok := execute.Expand(ig.Uri, st.Variables); ok {
			t.function, _ = execute.FunctionARN(uri)
		}
	}
	for _, code := range sortedKeys(ig.IntegrationResponses) {
		x := choice{integrationResponse: ig.IntegrationResponses[code]}
		if x.SelectionPattern != "" {
			re, err := regexp.Compile("^(?:" + x.SelectionPattern + ")$")
			if err != nil {
				continue
			}
			x.pattern = re
		}
		t.choices = append(t.choices, x)
	}
	if t.validator != nil && t.validator.ValidateRequestBody {
		t.models = map[string]*jsonschema.Schema{}
		for ct, name := range t.RequestModels {
			for i := range d.Models {
				if d.Models[i].Name == name {
					if sch, err := compileSchema(&d.Models[i], d.Models, api); err == nil {
						t.models[ct] = sch
					}
				}
			}
		}
	}
}

// find gives the resource of a path, the more exact segment first, and its variables. path has no slash at its ends.
func (n *node) find(path string, params []proxyevent.Param) (*node, []proxyevent.Param) {
	if path == "" {
		if n.res != nil && len(n.verbs) > 0 {
			return n, params
		}
		return nil, nil
	}
	seg, rest, _ := strings.Cut(path, "/")
	if c := n.static[seg]; c != nil {
		if f, p := c.find(rest, params); f != nil {
			return f, p
		}
	}
	if n.param != nil && seg != "" {
		if f, p := n.param.find(rest, append(params[:len(params):len(params)], proxyevent.Param{Name: n.param.name, Value: seg})); f != nil {
			return f, p
		}
	}
	if n.greedy != nil && len(n.greedy.verbs) > 0 {
		return n.greedy, append(params[:len(params):len(params)], proxyevent.Param{Name: n.greedy.name, Value: path})
	}
	return nil, nil
}
