package apigatewayv2

import (
	"context"
	"time"

	v2api "virga/api/apigatewayv2"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

// snapshot makes a deployment of an API as it is.
func snapshot(r store.Reader, sc scope, a *api, id string, now time.Time) *deployment {
	return &deployment{DeploymentId: id, CreatedDate: now, DeploymentStatus: "DEPLOYED", Routes: all[route](r, sc, kindRoute),
		Integrations: all[integration](r, sc, kindIntegration), Authorizers: all[authorizer](r, sc, kindAuthorizer), Cors: a.CorsConfiguration}
}

// autoDeploy deploys an API to its stages that ask for it. The deployment that it replaces goes, where no stage has it.
func autoDeploy(tx store.Tx, sc scope, a *api, id string, now time.Time) {
	var auto []stage
	used := map[string]bool{}
	for _, st := range all[stage](tx, sc, kindStage) {
		if wire.V(st.AutoDeploy) {
			auto = append(auto, st)
		} else {
			used[st.DeploymentId] = true
		}
	}
	if len(auto) == 0 {
		return
	}
	d := snapshot(tx, sc, a, id, now)
	d.AutoDeployed = true
	d.Description = "Automatic deployment triggered by changes to the Api configuration"
	for i := range auto {
		st := &auto[i]
		if old := st.DeploymentId; old != "" && !used[old] {
			k := sc.parts(kindDeployment).Str(old)
			if o, ok := store.Load[deployment](tx, k); ok && o.AutoDeployed {
				tx.Delete(k)
			}
		}
		st.DeploymentId, st.LastUpdatedDate = id, now
		st.LastDeploymentStatusMessage = "Successfully deployed stage with deployment ID '" + id + "'"
		store.Put(tx, sc.parts(kindStage).Str(st.StageName), st)
	}
	store.Put(tx, sc.parts(kindDeployment).Str(id), d)
}

// CreateDeployment implements the operation.
func (s *Service) CreateDeployment(ctx context.Context, in *v2api.CreateDeploymentInput) (*v2api.CreateDeploymentOutput, error) {
	id, now := s.newID(ctx, 6, "deployment"), s.cfg.Env.Now()
	var out *v2api.CreateDeploymentOutput
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, a *api) error {
		d := snapshot(tx, sc, a, id, now)
		d.Description = wire.V(in.Description)
		if len(d.Routes) == 0 {
			return bad("At least one route is required before deploying the Api.")
		}
		if len(all[deployment](tx, sc, kindDeployment)) >= deploymentsMax {
			return tooMany("deployments", deploymentsMax)
		}
		if in.StageName != nil {
			st, k, err := part[stage](tx, sc, kindStage, "Stage", *in.StageName)
			if err != nil {
				return err
			}
			if wire.V(st.AutoDeploy) {
				return bad("Deploying to a stage with autoDeploy enabled is not supported: %s", *in.StageName)
			}
			st.DeploymentId, st.LastUpdatedDate = id, now
			st.LastDeploymentStatusMessage = "Successfully deployed stage with deployment ID '" + id + "'"
			store.Put(tx, k, st)
		}
		store.Put(tx, sc.parts(kindDeployment).Str(id), d)
		out = members.New[v2api.CreateDeploymentOutput](d)
		return nil
	})
	return out, err
}

// GetDeployment implements the operation.
func (s *Service) GetDeployment(ctx context.Context, in *v2api.GetDeploymentInput) (*v2api.GetDeploymentOutput, error) {
	var out *v2api.GetDeploymentOutput
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		d, _, err := part[deployment](r, sc, kindDeployment, "Deployment", in.DeploymentId)
		if err == nil {
			out = members.New[v2api.GetDeploymentOutput](d)
		}
		return err
	})
	return out, err
}

// GetDeployments implements the operation.
func (s *Service) GetDeployments(ctx context.Context, in *v2api.GetDeploymentsInput) (*v2api.GetDeploymentsOutput, error) {
	var list []deployment
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		list = all[deployment](r, sc, kindDeployment)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.ApiId, list, func(d *deployment) string { return d.DeploymentId }, in.MaxResults, in.NextToken)
	out := &v2api.GetDeploymentsOutput{Items: []v2api.Deployment{}, NextToken: next}
	for i := range list {
		out.Items = append(out.Items, *members.New[v2api.Deployment](&list[i]))
	}
	return out, err
}

// DeleteDeployment implements the operation.
func (s *Service) DeleteDeployment(ctx context.Context, in *v2api.DeleteDeploymentInput) (*v2api.DeleteDeploymentOutput, error) {
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
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
	return &v2api.DeleteDeploymentOutput{}, err
}
