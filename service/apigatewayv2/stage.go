package apigatewayv2

import (
	"context"
	"regexp"

	v2api "virga/api/apigatewayv2"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

var (
	stageName    = regexp.MustCompile(`^(\$default|[-_A-Za-z0-9]{1,128})$`)
	variableName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	variableText = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#&=,]*$`)
)

func refusedOfStage(op string, logs *v2api.AccessLogSettings, cert *string, all map[string]v2api.RouteSettings, def *v2api.RouteSettings, vars map[string]string) error {
	if logs != nil {
		return wire.Unsupported(op + ": AccessLogSettings")
	}
	if cert != nil {
		return bad("ClientCertificateId is supported only for WebSocket APIs")
	}
	check := func(r *v2api.RouteSettings) error {
		switch {
		case r == nil:
			return nil
		case wire.V(r.DataTraceEnabled) || r.LoggingLevel != nil && *r.LoggingLevel != "OFF":
			return bad("Execution logs are not supported on protocolType HTTP")
		case r.ThrottlingBurstLimit != nil && *r.ThrottlingBurstLimit < 0, r.ThrottlingRateLimit != nil && *r.ThrottlingRateLimit < 0:
			return bad("Throttling limits must not be negative")
		}
		return nil
	}
	if err := check(def); err != nil {
		return err
	}
	for k, r := range all {
		if err := checkRouteKey(k); err != nil {
			return err
		}
		if err := check(&r); err != nil {
			return err
		}
	}
	if len(vars) > variablesMax {
		return bad("A stage has at most %d stage variables", variablesMax)
	}
	for k, v := range vars {
		if !variableName.MatchString(k) || len(k) > 64 {
			return bad("Invalid stage variable name: %s. Please use alphanumeric characters and underscores.", k)
		}
		if !variableText.MatchString(v) || len(v) > 512 {
			return bad("Invalid stage variable value: %s. Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','.", v)
		}
	}
	return nil
}

// CreateStage implements the operation.
func (s *Service) CreateStage(ctx context.Context, in *v2api.CreateStageInput) (*v2api.CreateStageOutput, error) {
	if !stageName.MatchString(in.StageName) {
		return nil, bad("Stage name only allows a-zA-Z0-9_- or $default: %s", in.StageName)
	}
	if err := refusedOfStage("CreateStage", in.AccessLogSettings, in.ClientCertificateId, in.RouteSettings, in.DefaultRouteSettings, in.StageVariables); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if wire.V(in.AutoDeploy) && in.DeploymentId != nil {
		return nil, bad("DeploymentId cannot be set when AutoDeploy is enabled")
	}
	st := members.New[stage](in)
	st.CreatedDate, st.Effect = s.cfg.Env.Now(), wire.CallOf(ctx).EffectID
	st.LastUpdatedDate = st.CreatedDate
	var out *v2api.CreateStageOutput
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		k := sc.parts(kindStage).Str(in.StageName)
		if was, ok := store.Load[stage](tx, k); ok && (st.Effect == "" || was.Effect != st.Effect) {
			return &v2api.ConflictException{Message: "Stage already exists"}
		}
		if len(all[stage](tx, sc, kindStage)) >= stagesMax {
			return tooMany("stages", stagesMax)
		}
		if st.DeploymentId != "" {
			if _, _, err := part[deployment](tx, sc, kindDeployment, "Deployment", st.DeploymentId); err != nil {
				return err
			}
		}
		store.Put(tx, k, st)
		out = members.New[v2api.CreateStageOutput](st)
		return nil
	})
	if err == nil && wire.V(st.AutoDeploy) { // the deployment was made behind it
		return as[v2api.CreateStageOutput](s.GetStage(ctx, &v2api.GetStageInput{ApiId: in.ApiId, StageName: in.StageName}))
	}
	return out, err
}

func as[O any](in any, err error) (*O, error) {
	if err != nil {
		return nil, err
	}
	return members.New[O](in), nil
}

// UpdateStage implements the operation.
func (s *Service) UpdateStage(ctx context.Context, in *v2api.UpdateStageInput) (*v2api.UpdateStageOutput, error) {
	if err := refusedOfStage("UpdateStage", in.AccessLogSettings, in.ClientCertificateId, in.RouteSettings, in.DefaultRouteSettings, in.StageVariables); err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		st, k, err := part[stage](tx, sc, kindStage, "Stage", in.StageName)
		if err != nil {
			return err
		}
		members.Copy(st, in)
		if in.DeploymentId != nil {
			if wire.V(st.AutoDeploy) {
				return bad("DeploymentId cannot be set when AutoDeploy is enabled")
			}
			if _, _, err := part[deployment](tx, sc, kindDeployment, "Deployment", *in.DeploymentId); err != nil {
				return err
			}
		}
		st.LastUpdatedDate = now
		store.Put(tx, k, st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return as[v2api.UpdateStageOutput](s.GetStage(ctx, &v2api.GetStageInput{ApiId: in.ApiId, StageName: in.StageName}))
}

func showStage(st *stage) *v2api.Stage {
	out := members.New[v2api.Stage](st)
	if out.RouteSettings == nil {
		out.RouteSettings = map[string]v2api.RouteSettings{}
	}
	if out.StageVariables == nil {
		out.StageVariables = map[string]string{}
	}
	if out.Tags == nil {
		out.Tags = map[string]string{}
	}
	if out.DefaultRouteSettings.DetailedMetricsEnabled == nil {
		out.DefaultRouteSettings.DetailedMetricsEnabled = wire.P(false)
	}
	return out
}

// GetStage implements the operation.
func (s *Service) GetStage(ctx context.Context, in *v2api.GetStageInput) (*v2api.GetStageOutput, error) {
	var out *v2api.GetStageOutput
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		st, _, err := part[stage](r, sc, kindStage, "Stage", in.StageName)
		if err == nil {
			out = members.New[v2api.GetStageOutput](showStage(st))
		}
		return err
	})
	return out, err
}

// GetStages implements the operation.
func (s *Service) GetStages(ctx context.Context, in *v2api.GetStagesInput) (*v2api.GetStagesOutput, error) {
	var list []stage
	err := s.view(ctx, in.ApiId, func(r store.Reader, sc scope, _ *api) error {
		list = all[stage](r, sc, kindStage)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.ApiId, list, func(st *stage) string { return st.StageName }, in.MaxResults, in.NextToken)
	out := &v2api.GetStagesOutput{Items: []v2api.Stage{}, NextToken: next}
	for i := range list {
		out.Items = append(out.Items, *showStage(&list[i]))
	}
	return out, err
}

// DeleteStage implements the operation.
func (s *Service) DeleteStage(ctx context.Context, in *v2api.DeleteStageInput) (*v2api.DeleteStageOutput, error) {
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		_, k, err := part[stage](tx, sc, kindStage, "Stage", in.StageName)
		if err == nil {
			tx.Delete(k)
		}
		return err
	})
	return &v2api.DeleteStageOutput{}, err
}

// DeleteRouteSettings implements the operation.
func (s *Service) DeleteRouteSettings(ctx context.Context, in *v2api.DeleteRouteSettingsInput) (*v2api.DeleteRouteSettingsOutput, error) {
	now := s.cfg.Env.Now()
	err := s.change(ctx, in.ApiId, func(tx store.Tx, sc scope, _ *api) error {
		st, k, err := part[stage](tx, sc, kindStage, "Stage", in.StageName)
		if err != nil {
			return err
		}
		if _, ok := st.RouteSettings[in.RouteKey]; !ok {
			return missing("Unable to find route settings of %s in stage %s", in.RouteKey, in.StageName)
		}
		delete(st.RouteSettings, in.RouteKey)
		st.LastUpdatedDate = now
		store.Put(tx, k, st)
		return nil
	})
	return &v2api.DeleteRouteSettingsOutput{}, err
}
