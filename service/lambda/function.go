package lambda

import (
	"context"
	"errors"
	"time"

	lambdaapi "virga/api/lambda"
	"virga/internal/blob"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits and defaults (AWS Lambda Developer Guide, Lambda quotas).
const (
	timeoutDefault   = 3
	memoryDefault    = 128
	tmpDefault       = 512
	envBytesMax      = 4 << 10
	tagsMax          = 50
	functionsPerPage = 50
	concurrencyMax   = 1000 // of an account and region, all functions
	unreservedMin    = 100  // that must stay for functions without a reservation
	codeTotalMax     = 75 << 30
)

const timeFormat = "2006-01-02T15:04:05.000-0700"

// CreateFunction implements the operation: the package is durable when it answers; unpacking it is a step.
func (s *Service) CreateFunction(ctx context.Context, in *lambdaapi.CreateFunctionInput) (*lambdaapi.CreateFunctionOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if x.account != c.Account || x.qualifier != "" {
		return nil, badName(in.FunctionName)
	}
	v := version{Timeout: timeoutDefault, Memory: memoryDefault, Tmp: tmpDefault, Arch: s.cfg.Arch, LogGroup: "/aws/lambda/" + x.name,
		State: "Pending", Reason: "The function is being created.", ReasonCode: "Creating"}
	if err := refuseCreate(in); err != nil {
		return nil, err
	}
	if in.Runtime == nil || in.Handler == nil {
		return nil, invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	}
	ch := changes{Role: &in.Role, Handler: in.Handler, Description: in.Description, Timeout: in.Timeout, Memory: in.MemorySize, Runtime: in.Runtime,
		Env: in.Environment, DeadLetter: in.DeadLetterConfig, Tracing: in.TracingConfig, Tmp: in.EphemeralStorage, Logging: in.LoggingConfig, Arch: in.Architectures}
	if err := s.apply(&v, ch); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if err := s.trusts(ctx, in.Role); err != nil {
		return nil, err
	}
	code := in.Code
	if code == nil {
		code = &lambdaapi.FunctionCode{}
	}
	if v.Code, v.CodeSHA, err = s.fetch(ctx, codeOf(code)); err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	v.Modified, v.Revision = now, env.NewID(s.cfg.Env)
	v.ConfigSHA = v.digest()
	f := &function{Name: x.name, ID: env.NewID(s.cfg.Env), Next: 1, Tags: in.Tags, Latest: v, Policies: map[string]policy{}, Async: map[string]asyncRules{}}
	var out *lambdaapi.FunctionConfiguration
	err = s.cfg.Store.Update(ctx, []store.Key{x.key()}, func(tx store.Tx) error {
		if answer, done := job.Once(tx, c.Account, c.EffectID); done && string(answer) == x.name {
			old, ok := store.Load[function](tx, x.key())
			if !ok {
				return notFound(x)
			}
			out = s.show(x, &old.Latest)
			return nil
		}
		if _, ok := tx.Get(x.key()); ok {
			return conflict("Function already exist: %s", x.name)
		}
		g := *f
		blob.Keep(tx, c.Account, v.Code)
		if wire.V(in.Publish) {
			n := g.Latest
			n.Number, g.Next = 1, 2
			blob.Keep(tx, c.Account, v.Code)
			store.Put(tx, versionKey(c.Account, c.Region, x.name, 1), &n)
			out = s.show(x, &n)
		} else {
			out = s.show(x, &g.Latest)
		}
		store.Put(tx, x.key(), &g)
		job.At(tx, c.Account, c.Region, settleKind, settleID(c.Region, &g), now, settlePayload{Name: x.name, Region: c.Region, ID: g.ID}.bytes())
		job.Finish(tx, c.Account, c.EffectID, now, []byte(x.name))
		tx.Bump(scope(c.Account))
		return nil
	})
	return out, err
}

// CreateFunctionRequires implements the operation's requirements: making the function, and passing its role.
func (s *Service) CreateFunctionRequires(ctx context.Context, in *lambdaapi.CreateFunctionInput, r *wire.Requirements) error {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return err
	}
	n := r.Need("lambda:CreateFunction", x.arn())
	for k, v := range in.Tags {
		n.Conditions = append(n.Conditions, wire.Condition{Key: "aws:RequestTag/" + k, Values: []string{v}})
	}
	passRole(r, in.Role)
	if len(in.Tags) > 0 {
		r.Need("lambda:TagResource", x.arn())
	}
	return nil
}

func passRole(r *wire.Requirements, role string) {
	r.Need("iam:PassRole", role, wire.Condition{Key: "iam:PassedToService", Values: []string{Principal}})
}

// trusts refuses a role that Lambda may not assume.
func (s *Service) trusts(ctx context.Context, role string) error {
	if _, err := s.cfg.Role(ctx, role, "awslambda-check"); err != nil {
		if wire.Known(err) {
			return invalid("The role defined for the function cannot be assumed by Lambda.")
		}
		return err
	}
	return nil
}

// show makes the configuration that operations answer with.
func (s *Service) show(x ref, v *version) *lambdaapi.FunctionConfiguration {
	arn := x.arn()
	if v.Number > 0 {
		arn += ":" + v.label()
	} else if x.qualifier == latest {
		arn += ":" + latest
	}
	size := v.Code.Size
	o := &lambdaapi.FunctionConfiguration{FunctionName: &x.name, FunctionArn: &arn, Runtime: &v.Runtime, Role: &v.Role, Handler: &v.Handler, CodeSize: &size,
		Description: &v.Description, Timeout: &v.Timeout, MemorySize: &v.Memory, LastModified: wire.P(v.Modified.UTC().Format(timeFormat)), CodeSha256: &v.CodeSHA,
		Version: wire.P(v.label()), TracingConfig: &lambdaapi.TracingConfigResponse{Mode: wire.P("PassThrough")}, RevisionId: &v.Revision, State: &v.State,
		PackageType: wire.P("Zip"), Architectures: []string{v.Arch}, EphemeralStorage: &lambdaapi.EphemeralStorage{Size: v.Tmp},
		SnapStart:            &lambdaapi.SnapStartResponse{ApplyOn: wire.P("None"), OptimizationStatus: wire.P("Off")},
		RuntimeVersionConfig: &lambdaapi.RuntimeVersionConfig{RuntimeVersionArn: wire.P(runtimeARN(x.region, v.Runtime))},
		LoggingConfig:        &lambdaapi.LoggingConfig{LogFormat: wire.P("Text"), LogGroup: &v.LogGroup}}
	if v.HasEnv {
		o.Environment = &lambdaapi.EnvironmentResponse{Variables: v.Env}
		if v.Env == nil {
			o.Environment.Variables = map[string]string{}
		}
	}
	if v.DeadLetter != "" {
		o.DeadLetterConfig = &lambdaapi.DeadLetterConfig{TargetArn: &v.DeadLetter}
	}
	for _, m := range []struct {
		to   **string
		text string
	}{{&o.StateReason, v.Reason}, {&o.StateReasonCode, v.ReasonCode}, {&o.LastUpdateStatus, v.Update}, {&o.LastUpdateStatusReason, v.UpdateWhy}, {&o.LastUpdateStatusReasonCode, v.UpdateCode}} {
		if m.text != "" {
			*m.to = wire.P(m.text)
		}
	}
	return o
}

// GetFunctionConfiguration implements the operation.
func (s *Service) GetFunctionConfiguration(ctx context.Context, in *lambdaapi.GetFunctionConfigurationInput) (*lambdaapi.GetFunctionConfigurationOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, x)
	if err != nil {
		return nil, err
	}
	o := s.show(x, t.version)
	if t.alias != nil {
		o.FunctionArn = wire.P(x.qualified())
	}
	return o, nil
}

// GetFunctionConfigurationRequires implements the operation's requirements.
func (s *Service) GetFunctionConfigurationRequires(ctx context.Context, in *lambdaapi.GetFunctionConfigurationInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetFunctionConfiguration", in.FunctionName, in.Qualifier)
}

// GetFunction implements the operation.
func (s *Service) GetFunction(ctx context.Context, in *lambdaapi.GetFunctionInput) (*lambdaapi.GetFunctionOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, x)
	if err != nil {
		return nil, err
	}
	o := s.show(x, t.version)
	if t.alias != nil {
		o.FunctionArn = wire.P(x.qualified())
	}
	link, err := s.codeLink(c, x, t.version)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.GetFunctionOutput{Configuration: o, Code: &lambdaapi.FunctionCodeLocation{RepositoryType: wire.P("S3"), Location: &link}}
	if len(t.fn.Tags) > 0 {
		out.Tags = t.fn.Tags
	}
	if t.fn.Reserved > 0 {
		out.Concurrency = &lambdaapi.Concurrency{ReservedConcurrentExecutions: wire.P(int32(t.fn.Reserved - 1))}
	}
	return out, nil
}

// GetFunctionRequires implements the operation's requirements.
func (s *Service) GetFunctionRequires(ctx context.Context, in *lambdaapi.GetFunctionInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetFunction", in.FunctionName, in.Qualifier)
}

// ListFunctions implements the operation.
func (s *Service) ListFunctions(ctx context.Context, in *lambdaapi.ListFunctionsInput) (*lambdaapi.ListFunctionsOutput, error) {
	c := wire.CallOf(ctx)
	if in.MasterRegion != nil {
		return nil, wire.Unsupported("ListFunctions: MasterRegion")
	}
	max := min(int(wire.Or(in.MaxItems, functionsPerPage)), functionsPerPage)
	out := &lambdaapi.ListFunctionsOutput{Functions: []lambdaapi.FunctionConfiguration{}}
	fs, next, err := page[function](ctx, s, key(c.Account, "f", c.Region), wire.V(in.FunctionVersion), in.Marker, max, nil)
	if err != nil {
		return nil, err
	}
	out.NextMarker = next
	for i := range fs {
		x := ref{account: c.Account, region: c.Region, name: fs[i].Name}
		if in.FunctionVersion == nil {
			out.Functions = append(out.Functions, listed(s.show(x, &fs[i].Latest)))
			continue
		}
		x.qualifier = latest
		out.Functions = append(out.Functions, listed(s.show(x, &fs[i].Latest)))
		vs, _, err := page[version](ctx, s, versionsOf(c.Account, c.Region, fs[i].Name), "", nil, 1000, nil)
		if err != nil {
			return nil, err
		}
		for j := range vs {
			out.Functions = append(out.Functions, listed(s.show(x, &vs[j])))
		}
	}
	return out, nil
}

// listed leaves out what lists do not show.
func listed(o *lambdaapi.FunctionConfiguration) lambdaapi.FunctionConfiguration {
	o.State, o.StateReason, o.StateReasonCode, o.LastUpdateStatus, o.LastUpdateStatusReason, o.LastUpdateStatusReasonCode = nil, nil, nil, nil, nil, nil
	o.RuntimeVersionConfig = nil
	return *o
}

// ListFunctionsRequires implements the operation's requirements.
func (s *Service) ListFunctionsRequires(ctx context.Context, in *lambdaapi.ListFunctionsInput, r *wire.Requirements) error {
	r.Need("lambda:ListFunctions", "*")
	return nil
}

// DeleteFunction implements the operation: the function with all its versions, or one version.
func (s *Service) DeleteFunction(ctx context.Context, in *lambdaapi.DeleteFunctionInput) (*lambdaapi.DeleteFunctionOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if x.qualifier == latest {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	now := s.cfg.Env.Now()
	err = s.cfg.Store.Update(ctx, []store.Key{x.key()}, func(tx store.Tx) error {
		f, ok := store.Load[function](tx, x.key())
		if !ok {
			return notFound(ref{account: x.account, region: x.region, name: x.name})
		}
		tx.Bump(scope(x.account))
		if x.qualifier != "" {
			n, isNumber := number(x.qualifier)
			if !isNumber {
				return invalid("Deletion of aliases is not currently supported.")
			}
			v, ok := store.Load[version](tx, versionKey(x.account, x.region, x.name, n))
			if !ok {
				return nil // AWS answers a version that is gone with success
			}
			var used []string
			store.Each(tx, store.Prefix(aliasesOf(x.account, x.region, x.name)), func(_ store.Key, a *alias) bool {
				if a.Version == x.qualifier || a.Other == x.qualifier {
					used = append(used, a.Name)
				}
				return true
			})
			if len(used) > 0 {
				return conflict("Version is referenced by alias, cannot be deleted: %s:%s", x.arn(), used[0])
			}
			blob.Drop(tx, x.account, v.Code, now)
			tx.Delete(versionKey(x.account, x.region, x.name, n))
			delete(f.Policies, x.qualifier)
			delete(f.Async, x.qualifier)
			store.Put(tx, x.key(), f)
			return nil
		}
		blob.Drop(tx, x.account, f.Latest.Code, now)
		store.Each(tx, store.Prefix(versionsOf(x.account, x.region, x.name)), func(_ store.Key, v *version) bool {
			blob.Drop(tx, x.account, v.Code, now)
			return true
		})
		for _, p := range []store.Key{versionsOf(x.account, x.region, x.name), aliasesOf(x.account, x.region, x.name)} {
			tx.DeleteRange(p, p.End())
		}
		tx.Delete(x.key())
		job.Cancel(tx, x.account, settleKind, settleID(x.region, f))
		return nil
	})
	if err == nil && x.qualifier == "" {
		s.cfg.Compute.Retire(x.account, x.region, x.name)
	}
	return &lambdaapi.DeleteFunctionOutput{StatusCode: wire.P(int32(204))}, err
}

// DeleteFunctionRequires implements the operation's requirements.
func (s *Service) DeleteFunctionRequires(ctx context.Context, in *lambdaapi.DeleteFunctionInput, r *wire.Requirements) error {
	return s.need(ctx, r, "DeleteFunction", in.FunctionName, in.Qualifier)
}

// ready refuses a change while another is under way, and a stale revision.
func ready(x ref, v *version, revision *string) error {
	if v.State == "Pending" || v.Update == "InProgress" {
		return conflict("The operation cannot be performed at this time. An update is in progress for resource: %s", x.arn())
	}
	if revision != nil && *revision != v.Revision {
		return stale()
	}
	return nil
}

func stale() error {
	return &lambdaapi.PreconditionFailedException{Message: "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id", Type: wire.P("User")}
}

// changed marks an update that a step will settle.
func (s *Service) changed(tx store.Tx, x ref, f *function, now time.Time) {
	f.Latest.Modified, f.Latest.Revision = now, env.NewID(s.cfg.Env)
	f.Latest.Update, f.Latest.UpdateWhy, f.Latest.UpdateCode = "InProgress", "The function is being created.", "Creating"
	f.Latest.ConfigSHA = f.Latest.digest()
	job.At(tx, x.account, x.region, settleKind, settleID(x.region, f), now, settlePayload{Name: x.name, Region: x.region, ID: f.ID}.bytes())
}

// UpdateFunctionConfiguration implements the operation.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *lambdaapi.UpdateFunctionConfigurationInput) (*lambdaapi.UpdateFunctionConfigurationOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := refuseUpdate(in); err != nil {
		return nil, err
	}
	ch := changes{Role: in.Role, Handler: in.Handler, Description: in.Description, Timeout: in.Timeout, Memory: in.MemorySize, Runtime: in.Runtime,
		Env: in.Environment, DeadLetter: in.DeadLetterConfig, Tracing: in.TracingConfig, Tmp: in.EphemeralStorage, Logging: in.LoggingConfig}
	if in.Role != nil {
		if err := s.trusts(ctx, *in.Role); err != nil {
			return nil, err
		}
	}
	now := s.cfg.Env.Now()
	var out *lambdaapi.FunctionConfiguration
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		if err := ready(x, &f.Latest, in.RevisionId); err != nil {
			return err
		}
		if err := s.apply(&f.Latest, ch); err != nil {
			return err
		}
		s.changed(tx, x, f, now)
		out = s.show(x, &f.Latest)
		return nil
	})
	return out, err
}

// UpdateFunctionConfigurationRequires implements the operation's requirements.
func (s *Service) UpdateFunctionConfigurationRequires(ctx context.Context, in *lambdaapi.UpdateFunctionConfigurationInput, r *wire.Requirements) error {
	if in.Role != nil {
		passRole(r, *in.Role)
	}
	return s.need(ctx, r, "UpdateFunctionConfiguration", in.FunctionName, nil)
}

// UpdateFunctionCode implements the operation.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *lambdaapi.UpdateFunctionCodeInput) (*lambdaapi.UpdateFunctionCodeOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if in.ImageUri != nil || in.PublishTo != nil || in.SourceKMSKeyArn != nil || wire.Or(in.S3ObjectStorageMode, "COPY") != "COPY" {
		return nil, wire.Unsupported("UpdateFunctionCode: ImageUri, PublishTo, SourceKMSKeyArn, S3ObjectStorageMode")
	}
	if _, err := s.find(ctx, x); err != nil {
		return nil, err
	}
	ref, sha, err := s.fetch(ctx, source{zip: in.ZipFile, bucket: in.S3Bucket, key: in.S3Key, version: in.S3ObjectVersion})
	if err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	dry := errors.New("dry run")
	var out *lambdaapi.FunctionConfiguration
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		if err := ready(x, &f.Latest, in.RevisionId); err != nil {
			return err
		}
		if err := s.apply(&f.Latest, changes{Arch: in.Architectures}); err != nil {
			return err
		}
		blob.Keep(tx, x.account, ref)
		blob.Drop(tx, x.account, f.Latest.Code, now)
		f.Latest.Code, f.Latest.CodeSHA = ref, sha
		s.changed(tx, x, f, now)
		out = s.show(x, &f.Latest)
		if wire.V(in.DryRun) {
			return dry
		}
		if wire.V(in.Publish) {
			v, err := s.publish(tx, x, f, nil)
			if err != nil {
				return err
			}
			out = s.show(x, v)
		}
		return nil
	})
	if err == dry {
		err = nil
	}
	return out, err
}

// UpdateFunctionCodeRequires implements the operation's requirements.
func (s *Service) UpdateFunctionCodeRequires(ctx context.Context, in *lambdaapi.UpdateFunctionCodeInput, r *wire.Requirements) error {
	return s.need(ctx, r, "UpdateFunctionCode", in.FunctionName, nil)
}
