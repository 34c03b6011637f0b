package apigateway

import (
	"context"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/resource"
	"virga/internal/wire"
)

// deploymentType is AWS::ApiGateway::Deployment.
type deploymentType struct{}

// Name implements resource.Type.
func (deploymentType) Name() string { return "AWS::ApiGateway::Deployment" }

// Supports implements resource.Type.
func (deploymentType) Supports() []string {
	return []string{"Description", "RestApiId", "StageName", "StageDescription/Description", "StageDescription/Variables"}
}

// Create implements resource.Type.
func (deploymentType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p := r.Properties
	in := &restapi.CreateDeploymentInput{RestApiId: p.Str("RestApiId"), StageName: optional(p.Str("StageName")), Description: optional(p.Str("Description"))}
	if sd := p.Map("StageDescription"); sd != nil {
		in.StageDescription = optional(sd.Str("Description"))
		if err := sd.Decode("Variables", &in.Variables); err != nil {
			return nil, err
		}
	}
	out, err := clientOf(r).CreateDeployment(ctx, in)
	if err != nil {
		return nil, err
	}
	return made(*out.Id, "DeploymentId"), nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Update implements resource.Type: only the description changes in place.
func (t deploymentType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).UpdateDeployment(ctx, &restapi.UpdateDeploymentInput{RestApiId: r.Properties.Str("RestApiId"), DeploymentId: r.Physical, PatchOperations: []restapi.PatchOperation{patch("replace", "/description", r.Properties.Str("Description"))}})
	if err != nil {
		return nil, err
	}
	return made(r.Physical, "DeploymentId"), nil
}

// Delete implements resource.Type: the stage that the deployment made goes with it, where nothing else was deployed to it.
func (deploymentType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c, api := clientOf(r), r.Properties.Str("RestApiId")
	if name := r.Properties.Str("StageName"); name != "" {
		st, err := c.GetStage(ctx, &restapi.GetStageInput{RestApiId: api, StageName: name})
		if err == nil && wire.V(st.DeploymentId) == r.Physical {
			if _, err := c.DeleteStage(ctx, &restapi.DeleteStageInput{RestApiId: api, StageName: name}); err != nil && wire.CodeOf(err) != "NotFoundException" {
				return nil, err
			}
		} else if err != nil && wire.CodeOf(err) != "NotFoundException" {
			return nil, err
		}
	}
	_, err := c.DeleteDeployment(ctx, &restapi.DeleteDeploymentInput{RestApiId: api, DeploymentId: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (deploymentType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetDeployment(ctx, &restapi.GetDeploymentInput{RestApiId: r.Properties.Str("RestApiId"), DeploymentId: r.Physical})
	return made(r.Physical, "DeploymentId"), err
}

// stageType is AWS::ApiGateway::Stage.
type stageType struct{}

// Name implements resource.Type.
func (stageType) Name() string { return "AWS::ApiGateway::Stage" }

// Supports implements resource.Type.
func (stageType) Supports() []string {
	return []string{"CacheClusterEnabled", "DeploymentId", "Description", "MethodSettings", "RestApiId", "StageName", "Tags", "TracingEnabled", "Variables"}
}

// settings gives the patches of MethodSettings.
func (stageType) settings(p resource.Properties) ([]restapi.PatchOperation, error) {
	var ops []restapi.PatchOperation
	for _, v := range p.List("MethodSettings") {
		m, _ := v.(map[string]any)
		x := resource.Properties(m)
		path, verb := x.Str("ResourcePath"), x.Str("HttpMethod")
		if path == "/*" || path == "" {
			path = "*"
		}
		if path != "*" && strings.HasPrefix(path, "/") && !strings.Contains(path, "~1") {
			path = strings.ReplaceAll(path, "/", "~1")
		}
		path = strings.TrimPrefix(path, "/")
		for k := range x {
			name := ""
			switch k {
			case "ResourcePath", "HttpMethod":
				continue
			case "ThrottlingBurstLimit":
				name = "throttling/burstLimit"
			case "ThrottlingRateLimit":
				name = "throttling/rateLimit"
			case "LoggingLevel":
				name = "logging/loglevel"
			case "DataTraceEnabled":
				name = "logging/dataTrace"
			case "MetricsEnabled":
				name = "metrics/enabled"
			case "CachingEnabled":
				name = "caching/enabled"
			default:
				return nil, wire.Unsupported("AWS::ApiGateway::Stage: MethodSettings/" + k)
			}
			ops = append(ops, patch("replace", "/"+path+"/"+verb+"/"+name, x.Str(k)))
		}
	}
	return ops, nil
}

// Create implements resource.Type.
func (t stageType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p := resource.Properties{}
	for k, v := range r.Properties {
		if k != "Tags" && k != "MethodSettings" {
			p[k] = v
		}
	}
	in := &restapi.CreateStageInput{}
	if err := resource.Decode(p, in); err != nil {
		return nil, err
	}
	in.Tags = tagsFor(r)
	ops, err := t.settings(r.Properties)
	if err != nil {
		return nil, err
	}
	c := clientOf(r)
	if _, err := c.CreateStage(ctx, in); err != nil {
		return nil, err
	}
	if len(ops) > 0 {
		if _, err := c.UpdateStage(ctx, &restapi.UpdateStageInput{RestApiId: in.RestApiId, StageName: in.StageName, PatchOperations: ops}); err != nil {
			return &resource.Progress{Physical: in.StageName}, err
		}
	}
	return &resource.Progress{Physical: in.StageName}, nil
}

// Update implements resource.Type.
func (t stageType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p, c := r.Properties, clientOf(r)
	var ops []restapi.PatchOperation
	if d := p.Str("DeploymentId"); d != "" {
		ops = append(ops, patch("replace", "/deploymentId", d))
	}
	ops = append(ops, patch("replace", "/description", p.Str("Description")))
	for _, k := range []string{"TracingEnabled", "CacheClusterEnabled"} {
		if p.Has(k) {
			ops = append(ops, patch("replace", "/"+strings.ToLower(k[:1])+k[1:], p.Str(k)))
		}
	}
	for k := range r.Previous.Map("Variables") {
		if !p.Map("Variables").Has(k) {
			ops = append(ops, patch("remove", "/variables/"+k, ""))
		}
	}
	for k, v := range p.Map("Variables") {
		ops = append(ops, patch("replace", "/variables/"+k, resource.Text(v)))
	}
	more, err := t.settings(p)
	if err != nil {
		return nil, err
	}
	if _, err := c.UpdateStage(ctx, &restapi.UpdateStageInput{RestApiId: p.Str("RestApiId"), StageName: r.Physical, PatchOperations: append(ops, more...)}); err != nil {
		return nil, err
	}
	if tags := tagsFor(r); len(tags) > 0 {
		if _, err := c.TagResource(ctx, &restapi.TagResourceInput{ResourceArn: "arn:aws:apigateway:" + r.Call.Region + "::/restapis/" + p.Str("RestApiId") + "/stages/" + r.Physical, Tags: tags}); err != nil {
			return nil, err
		}
	}
	return &resource.Progress{Physical: r.Physical}, nil
}

// Delete implements resource.Type.
func (stageType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).DeleteStage(ctx, &restapi.DeleteStageInput{RestApiId: r.Properties.Str("RestApiId"), StageName: r.Physical})
	return gone(err)
}

// Read implements resource.Type.
func (stageType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).GetStage(ctx, &restapi.GetStageInput{RestApiId: r.Properties.Str("RestApiId"), StageName: r.Physical})
	return &resource.Progress{Physical: r.Physical}, err
}

// accountType is AWS::ApiGateway::Account: the account's role for logs. Deleting it leaves the account as it is.
type accountType struct{}

// Name implements resource.Type.
func (accountType) Name() string { return "AWS::ApiGateway::Account" }

// Supports implements resource.Type.
func (accountType) Supports() []string { return []string{"CloudWatchRoleArn"} }

// PhysicalName implements resource.Namer.
func (accountType) PhysicalName(r *resource.Request) string { return r.Name(64) }

// Create implements resource.Type.
func (t accountType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.Update(ctx, r)
}

// Update implements resource.Type.
func (accountType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := clientOf(r).UpdateAccount(ctx, &restapi.UpdateAccountInput{PatchOperations: []restapi.PatchOperation{patch("replace", "/cloudwatchRoleArn", r.Properties.Str("CloudWatchRoleArn"))}})
	return made(r.Physical, "Id"), err
}

// Delete implements resource.Type.
func (accountType) Delete(context.Context, *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{}, nil
}

// Read implements resource.Type.
func (accountType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return made(r.Physical, "Id"), nil
}
