package iam

import (
	"context"
	"strconv"
	"strings"

	iamapi "virga/api/iam"
	"virga/internal/policy"
	"virga/internal/wire"
)

// Limits of one simulation.
const (
	simulatePairsMax   = 100_000   // actions times resources
	simulateBytesMax   = 256 << 10 // of the policies that the call brings
	simulateEntriesMax = 256       // context entries
	simulateWorkMax    = 200_000   // statements times results of one page; a page may hold less than MaxItems
)

// scenario is a simulation: the policies, who asks and under which conditions.
type scenario struct {
	set       policy.Set
	parts     []part // every statement by itself
	principal policy.Principal
	context   policy.Keys
	owner     string // account of the resources
}

// part is one statement with its place.
type part struct {
	source, sourceType string
	kind               policy.Source
	deny               bool
	from, to           iamapi.Position
	whole, bare        *policy.Compiled // bare has no conditions
	keys               []string         // condition keys
}

// add reads a policy into the scenario.
func (sc *scenario) add(kind policy.Source, name, sourceType, doc string) (policy.Attached, error) {
	grammar := policy.Identity
	if kind == policy.ResourcePolicy {
		grammar = policy.Resource
	}
	d, err := policy.Parse(grammar, []byte(doc), policy.Limits{})
	if err != nil {
		return policy.Attached{}, &iamapi.InvalidInputException{Message: err.Error()}
	}
	_, places := scan(doc)
	for i, st := range d.Statements {
		p := part{source: name, sourceType: sourceType, kind: kind, deny: st.Effect == policy.Deny}
		if i < len(places) {
			p.from, p.to = position(doc, places[i].from+1), position(doc, places[i].to)
		}
		one := policy.Document{Kind: d.Kind, Version: d.Version, Statements: []policy.Statement{st}}
		p.whole = one.Compile()
		for _, c := range st.Conditions {
			p.keys = append(p.keys, c.Key)
		}
		st.Conditions = nil
		p.bare = (&policy.Document{Kind: d.Kind, Version: d.Version, Statements: []policy.Statement{st}}).Compile()
		sc.parts = append(sc.parts, p)
	}
	return policy.Attached{Name: name, Policy: d.Compile()}, nil
}

// position is where an offset lies in a text; columns begin with 1.
func position(doc string, offset int) iamapi.Position {
	before := doc[:offset]
	line := int32(strings.Count(before, "\n") + 1)
	column := int32(offset - strings.LastIndexByte(before, '\n'))
	return iamapi.Position{Line: &line, Column: &column}
}

func (sc *scenario) identity(name, doc string) error {
	a, err := sc.add(policy.IdentityPolicy, name, "IAM Policy", doc)
	sc.set.Identity = append(sc.set.Identity, a)
	return err
}

func (sc *scenario) boundary(name, doc string) error {
	a, err := sc.add(policy.PermissionsBoundary, name, "Permissions Boundary", doc)
	sc.set.Boundary = &a
	return err
}

// inputs are what both operations have in common.
type inputs struct {
	policies, boundaries            []string
	resourcePolicy, owner, caller   *string
	handling                        *string
	entries                         []iamapi.ContextEntry
	actions, resources              []string
	marker                          *string
	maxItems                        *int32
	organization, exclusions, named bool
}

func (sc *scenario) read(account string, in *inputs) error {
	op := "SimulateCustomPolicy"
	if in.named {
		op = "SimulatePrincipalPolicy"
	}
	bad := func(why string) error { return &iamapi.InvalidInputException{Message: why} }
	switch {
	case in.handling != nil && *in.handling != "":
		return wire.Unsupported(op + ": ResourceHandlingOption")
	case in.organization:
		return wire.Unsupported(op + ": OrderedOrganizationPolicyInputList")
	case in.exclusions:
		return wire.Unsupported(op + ": PolicyExclusionList")
	case len(in.boundaries) > 1:
		return bad("PermissionsBoundaryPolicyInputList can contain only one policy.")
	case len(in.actions)*max(1, len(in.resources)) > simulatePairsMax:
		return bad("A simulation can have at most " + strconv.Itoa(simulatePairsMax) + " pairs of action and resource.")
	case len(in.entries) > simulateEntriesMax:
		return bad("A simulation can have at most " + strconv.Itoa(simulateEntriesMax) + " context entries.")
	}
	total := len(wire.V(in.resourcePolicy))
	for _, doc := range append(in.policies[:len(in.policies):len(in.policies)], in.boundaries...) {
		total += len(doc)
	}
	if total > simulateBytesMax {
		return bad("The policies of a simulation can have at most " + strconv.Itoa(simulateBytesMax) + " bytes.")
	}
	for i, doc := range in.policies {
		if err := sc.identity("PolicyInputList."+strconv.Itoa(i+1), doc); err != nil {
			return err
		}
	}
	for _, doc := range in.boundaries {
		if err := sc.boundary("PermissionsBoundaryPolicyInputList.1", doc); err != nil {
			return err
		}
	}
	if in.caller != nil {
		p := strings.SplitN(*in.caller, ":", 6)
		if len(p) != 6 || p[2] != "iam" || len(p[4]) != 12 || !strings.HasPrefix(p[5], "user/") {
			return bad("Invalid CallerArn: it must be the ARN of a user.")
		}
		sc.principal = policy.Principal{Type: policy.User, ARN: *in.caller, Account: p[4]}
	}
	sc.owner = sc.principal.Account
	if in.resourcePolicy != nil {
		if sc.principal.ARN == "" || in.caller == nil && sc.principal.Type != policy.User {
			return bad("CallerArn is required when a ResourcePolicy is given and no user is simulated.")
		}
		a, err := sc.add(policy.ResourcePolicy, "ResourcePolicy", "Resource Policy", *in.resourcePolicy)
		if err != nil {
			return err
		}
		sc.set.Resource, sc.owner = []policy.Attached{a}, ""
		if in.owner != nil {
			sc.owner = strings.TrimSuffix(strings.TrimPrefix(*in.owner, "arn:aws:iam::"), ":root")
			if len(sc.owner) != 12 {
				return bad("Invalid ResourceOwner: it must be an account.")
			}
		}
	}
	for _, e := range in.entries {
		if e.ContextKeyName == nil || e.ContextKeyType == nil {
			return bad("A context entry needs ContextKeyName and ContextKeyType.")
		}
		sc.context = append(sc.context, policy.Key{Name: *e.ContextKeyName, Values: e.ContextKeyValues})
	}
	for _, a := range in.actions {
		if v, n, ok := strings.Cut(a, ":"); !ok || v == "" || n == "" || strings.ContainsAny(a, "*?") {
			return bad("Invalid Action Name: " + a)
		}
	}
	if sc.principal.ARN == "" { // nobody in particular
		return nil
	}
	for _, k := range policy.PrincipalKeys(&sc.principal) {
		if _, ok := sc.context.Lookup(k.Name); !ok {
			sc.context = append(sc.context, k)
		}
	}
	return nil
}

// run decides one pair of action and resource.
func (sc *scenario) run(action, resource string) iamapi.EvaluationResult {
	q := &policy.Request{Action: action, Resource: resource, Principal: &sc.principal, ResourceAccount: sc.owner, Context: sc.context}
	d := policy.Evaluate(&sc.set, q)
	out := iamapi.EvaluationResult{EvalActionName: action, EvalResourceName: &resource, EvalDecision: d.Verdict.String(), EvalDecisionDetails: map[string]string{},
		MatchedStatements: []iamapi.Statement{}, MissingContextValues: []string{},
		OrganizationsDecisionDetail: &iamapi.OrganizationsDecisionDetail{AllowedByOrganizations: wire.P(true)}}
	alone := *q
	alone.ResourceAccount = sc.principal.Account
	missing := map[string]bool{}
	for i := range sc.parts {
		p := &sc.parts[i]
		if !p.matches(p.bare, &alone) {
			continue
		}
		for _, k := range p.keys {
			if _, ok := sc.context.Lookup(k); !ok && !missing[strings.ToLower(k)] {
				missing[strings.ToLower(k)] = true
				out.MissingContextValues = append(out.MissingContextValues, k)
			}
		}
		if d.Verdict == policy.ImplicitDeny || p.deny != (d.Verdict == policy.ExplicitDeny) || !p.matches(p.whole, &alone) {
			continue
		}
		out.MatchedStatements = append(out.MatchedStatements, iamapi.Statement{SourcePolicyId: &p.source, SourcePolicyType: &p.sourceType, StartPosition: &p.from, EndPosition: &p.to})
	}
	if sc.set.Boundary != nil {
		b := policy.Evaluate(&policy.Set{Identity: []policy.Attached{*sc.set.Boundary}}, &alone)
		out.PermissionsBoundaryDecisionDetail = &iamapi.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: wire.P(b.Allowed())}
	}
	if resource != "*" {
		out.ResourceSpecificResults = []iamapi.ResourceSpecificResult{{EvalResourceName: resource, EvalResourceDecision: out.EvalDecision, MatchedStatements: out.MatchedStatements,
			MissingContextValues: out.MissingContextValues, PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail}}
	}
	return out
}

// matches tells whether a statement by itself says something about a request.
func (p *part) matches(c *policy.Compiled, q *policy.Request) bool {
	l := []policy.Attached{{Policy: c}}
	set := policy.Set{Identity: l}
	if p.kind == policy.ResourcePolicy {
		set = policy.Set{Resource: l}
	}
	return policy.Evaluate(&set, q).Verdict != policy.ImplicitDeny
}

// simulate gives the page of results that is asked for.
func (s *Service) simulate(ctx context.Context, sc *scenario, in *inputs) (*iamapi.SimulatePolicyResponse, error) {
	pg, err := s.newPage(ctx, "", in.marker, in.maxItems)
	if err != nil {
		return nil, err
	}
	pg.max = min(pg.max, max(1, simulateWorkMax/max(1, len(sc.parts))))
	resources := in.resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	out := &iamapi.SimulatePolicyResponse{EvaluationResults: []iamapi.EvaluationResult{}}
	for i := pg.number(); i < len(in.actions)*len(resources); i++ {
		mine, more := pg.take(strconv.Itoa(i + 1))
		if !more {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if mine {
			out.EvaluationResults = append(out.EvaluationResults, sc.run(in.actions[i/len(resources)], resources[i%len(resources)]))
		}
	}
	out.IsTruncated, out.Marker, err = pg.end()
	return out, err
}

// SimulateCustomPolicy implements the operation.
func (s *Service) SimulateCustomPolicy(ctx context.Context, in *iamapi.SimulateCustomPolicyInput) (*iamapi.SimulateCustomPolicyOutput, error) {
	account := wire.CallOf(ctx).Account
	x := &inputs{policies: in.PolicyInputList, boundaries: in.PermissionsBoundaryPolicyInputList, resourcePolicy: in.ResourcePolicy, owner: in.ResourceOwner,
		caller: in.CallerArn, handling: in.ResourceHandlingOption, entries: in.ContextEntries, actions: in.ActionNames, resources: in.ResourceArns,
		marker: in.Marker, maxItems: in.MaxItems, organization: len(in.OrderedOrganizationPolicyInputList) > 0}
	sc := &scenario{principal: policy.Principal{Type: policy.AssumedRole, Account: account}}
	if err := sc.read(account, x); err != nil {
		return nil, err
	}
	return s.simulate(ctx, sc, x)
}

// SimulateCustomPolicyRequires implements the operation's requirements.
func (s *Service) SimulateCustomPolicyRequires(ctx context.Context, in *iamapi.SimulateCustomPolicyInput, r *wire.Requirements) error {
	r.Need("iam:SimulateCustomPolicy", "*")
	return nil
}

// SimulatePrincipalPolicy implements the operation: the policies of a user with its groups, a group or a role.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in *iamapi.SimulatePrincipalPolicyInput) (*iamapi.SimulatePrincipalPolicyOutput, error) {
	account := wire.CallOf(ctx).Account
	x := &inputs{policies: in.PolicyInputList, boundaries: in.PermissionsBoundaryPolicyInputList, resourcePolicy: in.ResourcePolicy, owner: in.ResourceOwner,
		caller: in.CallerArn, handling: in.ResourceHandlingOption, entries: in.ContextEntries, actions: in.ActionNames, resources: in.ResourceArns,
		marker: in.Marker, maxItems: in.MaxItems, exclusions: len(in.PolicyExclusionList) > 0, named: true}
	e, kind, err := s.source(ctx, in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	sc := &scenario{principal: policy.Principal{Type: policy.AssumedRole, ARN: e.ARN, Issuer: e.ARN, ID: e.ID, Account: account}}
	if kind == user {
		sc.principal = policy.Principal{Type: policy.User, ARN: e.ARN, ID: e.ID, Account: account}
	}
	for _, d := range e.Policies {
		if err := sc.identity(sourceName(kind, e.Name, d.Name), d.JSON); err != nil {
			return nil, err
		}
	}
	if e.Boundary != nil && len(in.PermissionsBoundaryPolicyInputList) == 0 {
		if err := sc.boundary(policyName(e.Boundary.Name), e.Boundary.JSON); err != nil {
			return nil, err
		}
	}
	for k, v := range e.Tags {
		sc.context = append(sc.context, policy.Key{Name: "aws:PrincipalTag/" + k, Values: []string{v}})
	}
	if err := sc.read(account, x); err != nil {
		return nil, err
	}
	return s.simulate(ctx, sc, x)
}

// sourceName is how a result names a policy: a managed one by its name, an inline one with its owner.
func sourceName(kind, owner, name string) string {
	n, ok := strings.CutPrefix(name, "inline:")
	if !ok {
		return policyName(name)
	}
	if g, p, ok := strings.Cut(n, "/"); ok {
		return "group_" + g + "_" + p
	}
	return kind + "_" + owner + "_" + n
}

// SimulatePrincipalPolicyRequires implements the operation's requirements.
func (s *Service) SimulatePrincipalPolicyRequires(ctx context.Context, in *iamapi.SimulatePrincipalPolicyInput, r *wire.Requirements) error {
	r.Need("iam:SimulatePrincipalPolicy", in.PolicySourceArn)
	return nil
}
