package apigateway

import (
	"context"
	"slices"
	"strings"
	"time"

	restapi "virga/api/apigateway"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

// snapshot makes a deployment of an API as it is.
func snapshot(r store.Reader, sc scope, a *restAPI, id string, now time.Time) *deployment {
	return &deployment{Id: id, CreatedDate: now, Resources: all[apiResource](r, sc, kindResource), Authorizers: all[authorizer](r, sc, kindAuthorizer),
		Responses: all[gatewayResponse](r, sc, kindResponse), Models: all[model](r, sc, kindModel), Validators: all[validator](r, sc, kindValidator),
		BinaryMediaTypes: a.BinaryMediaTypes, Policy: a.Policy}
}

// CreateDeployment implements the operation.
func (s *Service) CreateDeployment(ctx context.Context, in *restapi.CreateDeploymentInput) (*restapi.CreateDeploymentOutput, error) {
	if err := refusedOfStage("CreateDeployment", in.CacheClusterEnabled, in.CacheClusterSize, in.TracingEnabled, in.CanarySettings != nil, nil); err != nil {
		return nil, err
	}
	if err := checkVariables(in.Variables); err != nil {
		return nil, err
	}
	if in.StageName != nil && *in.StageName != "" && !stageName.MatchString(*in.StageName) {
		return nil, bad("Stage name only allows a-zA-Z0-9_")
	}
	id, now := s.newID(ctx, 6, "deployment"), s.cfg.Env.Now()
	var out *restapi.Deployment
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, a *restAPI) error {
		d := snapshot(tx, sc, a, id, now)
		d.Description = wire.V(in.Description)
		n := 0
		for _, r := range d.Resources {
			for _, m := range r.Methods {
				n++
				if m.MethodIntegration == nil {
					return bad("No integration defined for method")
				}
			}
		}
		if n == 0 {
			return bad("The REST API doesn't contain any methods")
		}
		if len(all[deployment](tx, sc, kindDeployment)) >= deploymentsMax {
			return tooMany("deployments", deploymentsMax)
		}
		store.Put(tx, sc.parts(kindDeployment).Str(id), d)
		if name := wire.V(in.StageName); name != "" {
			k := sc.parts(kindStage).Str(name)
			st, ok := store.Load[stage](tx, k)
			if !ok {
				if len(all[stage](tx, sc, kindStage)) >= stagesMax {
					return tooMany("stages", stagesMax)
				}
				st = &stage{StageName: name, CreatedDate: now}
			}
			st.DeploymentId, st.LastUpdatedDate = id, now
			if in.StageDescription != nil {
				st.Description = *in.StageDescription
			}
			if in.Variables != nil {
				st.Variables = in.Variables
			}
			store.Put(tx, k, st)
		}
		out = showDeployment(d, false)
		return nil
	})
	return out, err
}

func showDeployment(d *deployment, summary bool) *restapi.Deployment {
	out := members.New[restapi.Deployment](&struct {
		Id, Description string
		CreatedDate     time.Time
	}{d.Id, d.Description, d.CreatedDate})
	if !summary {
		return out
	}
	out.ApiSummary = map[string]map[string]restapi.MethodSnapshot{}
	for _, r := range d.Resources {
		for verb, m := range r.Methods {
			if out.ApiSummary[r.Path] == nil {
				out.ApiSummary[r.Path] = map[string]restapi.MethodSnapshot{}
			}
			out.ApiSummary[r.Path][verb] = restapi.MethodSnapshot{AuthorizationType: wire.P(m.AuthorizationType), ApiKeyRequired: wire.P(m.ApiKeyRequired)}
		}
	}
	return out
}

// GetDeployment implements the operation.
func (s *Service) GetDeployment(ctx context.Context, in *restapi.GetDeploymentInput) (*restapi.GetDeploymentOutput, error) {
	var out *restapi.Deployment
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		d, _, err := part[deployment](r, sc, kindDeployment, "Deployment", in.DeploymentId)
		if err == nil {
			out = showDeployment(d, slices.Contains(in.Embed, "apisummary"))
		}
		return err
	})
	return out, err
}

// GetDeployments implements the operation.
func (s *Service) GetDeployments(ctx context.Context, in *restapi.GetDeploymentsInput) (*restapi.GetDeploymentsOutput, error) {
	var list []deployment
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		list = all[deployment](r, sc, kindDeployment)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.RestApiId, list, func(d *deployment) string { return d.Id }, in.Limit, in.Position)
	out := &restapi.GetDeploymentsOutput{Items: []restapi.Deployment{}, Position: next}
	for i := range list {
		out.Items = append(out.Items, *showDeployment(&list[i], false))
	}
	return out, err
}

// UpdateDeployment implements the operation.
func (s *Service) UpdateDeployment(ctx context.Context, in *restapi.UpdateDeploymentInput) (*restapi.UpdateDeploymentOutput, error) {
	var out *restapi.Deployment
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		d, k, err := part[deployment](tx, sc, kindDeployment, "Deployment", in.DeploymentId)
		if err != nil {
			return err
		}
		for _, p := range in.PatchOperations {
			if wire.V(p.Op) != "replace" || wire.V(p.Path) != "/description" {
				return bad("Invalid patch path  '%s' specified for op '%s'. Must be one of: [/description]", wire.V(p.Path), wire.V(p.Op))
			}
			d.Description = wire.V(p.Value)
		}
		store.Put(tx, k, d)
		out = showDeployment(d, false)
		return nil
	})
	return out, err
}

// DeleteDeployment implements the operation.
func (s *Service) DeleteDeployment(ctx context.Context, in *restapi.DeleteDeploymentInput) (*restapi.DeleteDeploymentOutput, error) {
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		_, k, err := part[deployment](tx, sc, kindDeployment, "Deployment", in.DeploymentId)
		if err != nil {
			return err
		}
		for _, st := range all[stage](tx, sc, kindStage) {
			if st.DeploymentId == in.DeploymentId {
				return bad("Active stages pointing to this deployment must be moved or deleted")
			}
		}
		tx.Delete(k)
		return nil
	})
	return &restapi.DeleteDeploymentOutput{}, err
}

// GetAccount implements the operation.
func (s *Service) GetAccount(ctx context.Context, in *restapi.GetAccountInput) (*restapi.GetAccountOutput, error) {
	c := wire.CallOf(ctx)
	var x settings
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		x = settings{}
		if v, ok := store.Load[settings](r, settingsKey(c.Account, c.Region)); ok {
			x = *v
		}
		return nil
	})
	return showAccount(&x), err
}

func showAccount(x *settings) *restapi.Account {
	out := &restapi.Account{ApiKeyVersion: wire.P("4"), Features: []string{}, ThrottleSettings: &restapi.ThrottleSettings{BurstLimit: wire.P(int32(5000)), RateLimit: wire.P(10000.0)}}
	if x.CloudwatchRoleArn != "" {
		out.CloudwatchRoleArn = &x.CloudwatchRoleArn
	}
	return out
}

// UpdateAccount implements the operation.
func (s *Service) UpdateAccount(ctx context.Context, in *restapi.UpdateAccountInput) (*restapi.UpdateAccountOutput, error) {
	c := wire.CallOf(ctx)
	k := settingsKey(c.Account, c.Region)
	var x settings
	err := s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		x = settings{}
		if v, ok := store.Load[settings](tx, k); ok {
			x = *v
		}
		for _, p := range in.PatchOperations {
			if wire.V(p.Path) != "/cloudwatchRoleArn" || wire.V(p.Op) != "replace" && wire.V(p.Op) != "remove" {
				return bad("Invalid patch path %s", wire.V(p.Path))
			}
			v := wire.V(p.Value)
			if v != "" && (!strings.HasPrefix(v, "arn:aws:iam::") || !strings.Contains(v, ":role/")) {
				return bad("Invalid ARN specified in the request")
			}
			x.CloudwatchRoleArn = v
		}
		store.Put(tx, k, &x)
		return nil
	})
	return showAccount(&x), err
}
