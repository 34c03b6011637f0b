package apigateway

import (
	"context"
	"regexp"
	"sort"
	"strconv"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

var (
	stageName    = regexp.MustCompile(`^[a-zA-Z0-9_]{1,128}$`)
	variableName = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	variableText = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#&=, ]{0,512}$`)
)

func checkVariables(vars map[string]string) error {
	if len(vars) > variablesMax {
		return bad("A stage has at most %d stage variables", variablesMax)
	}
	for k, v := range vars {
		if !variableName.MatchString(k) {
			return bad("Invalid stage variable name: %s. Please use alphanumeric characters and underscores.", k)
		}
		if !variableText.MatchString(v) {
			return bad("Invalid stage variable value: %s. Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','.", v)
		}
	}
	return nil
}

func showStage(st *stage) *restapi.Stage {
	out := members.New[restapi.Stage](st)
	out.CacheClusterEnabled, out.CacheClusterStatus, out.TracingEnabled = wire.P(false), wire.P("NOT_AVAILABLE"), wire.P(false)
	if out.MethodSettings == nil {
		out.MethodSettings = map[string]restapi.MethodSetting{}
	}
	return out
}

func refusedOfStage(op string, cache *bool, size *string, tracing *bool, canary bool, documentation *string) error {
	switch {
	case wire.V(cache):
		return wire.Unsupported(op + ": CacheClusterEnabled")
	case size != nil && *size != "":
		return wire.Unsupported(op + ": CacheClusterSize")
	case wire.V(tracing):
		return wire.Unsupported(op + ": TracingEnabled")
	case canary:
		return wire.Unsupported(op + ": CanarySettings")
	case documentation != nil && *documentation != "":
		return wire.Unsupported(op + ": DocumentationVersion")
	}
	return nil
}

// CreateStage implements the operation.
func (s *Service) CreateStage(ctx context.Context, in *restapi.CreateStageInput) (*restapi.CreateStageOutput, error) {
	if err := refusedOfStage("CreateStage", in.CacheClusterEnabled, in.CacheClusterSize, in.TracingEnabled, in.CanarySettings != nil, in.DocumentationVersion); err != nil {
		return nil, err
	}
	if !stageName.MatchString(in.StageName) {
		return nil, bad("Stage name only allows a-zA-Z0-9_")
	}
	if err := checkVariables(in.Variables); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	st := members.New[stage](in)
	st.CreatedDate, st.Effect = s.cfg.Env.Now(), wire.CallOf(ctx).EffectID
	st.LastUpdatedDate = st.CreatedDate
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		k := sc.parts(kindStage).Str(in.StageName)
		if was, ok := store.Load[stage](tx, k); ok && (st.Effect == "" || was.Effect != st.Effect) {
			return conflict("Stage already exists")
		}
		if len(all[stage](tx, sc, kindStage)) >= stagesMax {
			return tooMany("stages", stagesMax)
		}
		if _, ok := tx.Get(sc.parts(kindDeployment).Str(in.DeploymentId)); !ok {
			return bad("Deployment id does not exist")
		}
		store.Put(tx, k, st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return showStage(st), nil
}

// GetStage implements the operation.
func (s *Service) GetStage(ctx context.Context, in *restapi.GetStageInput) (*restapi.GetStageOutput, error) {
	var out *restapi.Stage
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		st, _, err := part[stage](r, sc, kindStage, "stage", in.StageName)
		if err == nil {
			out = showStage(st)
		}
		return err
	})
	return out, err
}

// GetStages implements the operation.
func (s *Service) GetStages(ctx context.Context, in *restapi.GetStagesInput) (*restapi.GetStagesOutput, error) {
	out := &restapi.GetStagesOutput{}
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		out.Item = []restapi.Stage{}
		for _, st := range all[stage](r, sc, kindStage) {
			if in.DeploymentId == nil || *in.DeploymentId == st.DeploymentId {
				out.Item = append(out.Item, *showStage(&st))
			}
		}
		sort.Slice(out.Item, func(i, j int) bool { return *out.Item[i].StageName < *out.Item[j].StageName })
		return nil
	})
	return out, err
}

// DeleteStage implements the operation.
func (s *Service) DeleteStage(ctx context.Context, in *restapi.DeleteStageInput) (*restapi.DeleteStageOutput, error) {
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		_, k, err := part[stage](tx, sc, kindStage, "stage", in.StageName)
		if err == nil {
			tx.Delete(k)
		}
		return err
	})
	return &restapi.DeleteStageOutput{}, err
}

// UpdateStage implements the operation.
func (s *Service) UpdateStage(ctx context.Context, in *restapi.UpdateStageInput) (*restapi.UpdateStageOutput, error) {
	now := s.cfg.Env.Now()
	var out *restapi.Stage
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		st, k, err := part[stage](tx, sc, kindStage, "stage", in.StageName)
		if err != nil {
			return err
		}
		for _, p := range in.PatchOperations {
			if err := patchStage(tx, sc, st, wire.V(p.Op), wire.V(p.Path), wire.V(p.Value)); err != nil {
				return err
			}
		}
		st.LastUpdatedDate = now
		store.Put(tx, k, st)
		out = showStage(st)
		return nil
	})
	return out, err
}

func patchStage(r store.Reader, sc scope, st *stage, op, path, value string) error {
	if op != "replace" && op != "add" && op != "remove" {
		return bad("Invalid patch operation specified. Must be 'add'|'remove'|'replace'")
	}
	if name, ok := strings.CutPrefix(path, "/variables/"); ok {
		if op == "remove" {
			delete(st.Variables, name)
			return nil
		}
		if st.Variables == nil {
			st.Variables = map[string]string{}
		}
		st.Variables[name] = value
		return checkVariables(st.Variables)
	}
	switch path {
	case "/deploymentId":
		if _, ok := r.Get(sc.parts(kindDeployment).Str(value)); !ok {
			return bad("Deployment id does not exist")
		}
		st.DeploymentId = value
		return nil
	case "/description":
		st.Description = value
		return nil
	case "/tracingEnabled", "/cacheClusterEnabled":
		if value != "false" {
			return wire.Unsupported("UpdateStage: " + path)
		}
		return nil
	case "/cacheClusterSize", "/clientCertificateId", "/documentationVersion":
		return wire.Unsupported("UpdateStage: " + path)
	}
	if strings.HasPrefix(path, "/accessLogSettings") || strings.HasPrefix(path, "/canarySettings") {
		return wire.Unsupported("UpdateStage: " + path)
	}
	// /{resource}/{method}/{group}/{setting}, the resource's path with ~1 for each slash.
	seg := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(seg) == 2 && op == "remove" {
		if _, ok := st.MethodSettings[seg[0]+"/"+seg[1]]; !ok {
			return bad("Cannot remove method setting %s/%s because there is no method setting for this method ", seg[0], seg[1])
		}
		delete(st.MethodSettings, seg[0]+"/"+seg[1])
		return nil
	}
	if len(seg) != 4 {
		return bad("Invalid method setting path: %s", path)
	}
	key := seg[0] + "/" + seg[1]
	if seg[0] == "*" && seg[1] == "*" {
		key = "*/*"
	}
	x := st.MethodSettings[key]
	if err := patchSetting(&x, seg[2]+"/"+seg[3], op, value); err != nil {
		return err
	}
	if st.MethodSettings == nil {
		st.MethodSettings = map[string]methodSetting{}
	}
	st.MethodSettings[key] = x
	return nil
}

func patchSetting(x *methodSetting, name, op, value string) error {
	off := func(p **bool) error {
		if value != "false" && op != "remove" {
			return wire.Unsupported("UpdateStage: " + name)
		}
		*p = wire.P(false)
		return nil
	}
	switch name {
	case "throttling/burstLimit":
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 0 {
			return bad("Invalid throttling burst limit: %s", value)
		}
		x.ThrottlingBurstLimit = wire.P(int32(n))
	case "throttling/rateLimit":
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || f < 0 {
			return bad("Invalid throttling rate limit: %s", value)
		}
		x.ThrottlingRateLimit = &f
	case "logging/loglevel":
		if value != "OFF" {
			return wire.Unsupported("UpdateStage: " + name + "=" + value)
		}
		x.LoggingLevel = &value
	case "logging/dataTrace":
		return off(&x.DataTraceEnabled)
	case "metrics/enabled":
		return off(&x.MetricsEnabled)
	case "caching/enabled":
		return off(&x.CachingEnabled)
	default:
		return wire.Unsupported("UpdateStage: " + name)
	}
	return nil
}
