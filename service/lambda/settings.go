package lambda

import (
	"context"
	"strconv"
	"strings"

	lambdaapi "virga/api/lambda"
	"virga/internal/store"
	"virga/internal/wire"
)

func itoa(n int) string { return strconv.Itoa(n) }

// PutFunctionConcurrency implements the operation.
func (s *Service) PutFunctionConcurrency(ctx context.Context, in *lambdaapi.PutFunctionConcurrencyInput) (*lambdaapi.PutFunctionConcurrencyOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		sum := int64(in.ReservedConcurrentExecutions)
		store.Each(tx, store.Prefix(key(x.account, "f", x.region)), func(_ store.Key, o *function) bool {
			if o.Name != f.Name && o.Reserved > 0 {
				sum += o.Reserved - 1
			}
			return true
		})
		if sum > concurrencyMax-unreservedMin {
			return invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", unreservedMin)
		}
		f.Reserved = int64(in.ReservedConcurrentExecutions) + 1
		return nil
	})
	return &lambdaapi.Concurrency{ReservedConcurrentExecutions: &in.ReservedConcurrentExecutions}, err
}

// PutFunctionConcurrencyRequires implements the operation's requirements.
func (s *Service) PutFunctionConcurrencyRequires(ctx context.Context, in *lambdaapi.PutFunctionConcurrencyInput, r *wire.Requirements) error {
	return s.need(ctx, r, "PutFunctionConcurrency", in.FunctionName, nil)
}

// GetFunctionConcurrency implements the operation.
func (s *Service) GetFunctionConcurrency(ctx context.Context, in *lambdaapi.GetFunctionConcurrencyInput) (*lambdaapi.GetFunctionConcurrencyOutput, error) {
	t, err := s.named(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.GetFunctionConcurrencyOutput{}
	if t.fn.Reserved > 0 {
		out.ReservedConcurrentExecutions = wire.P(int32(t.fn.Reserved - 1))
	}
	return out, nil
}

// GetFunctionConcurrencyRequires implements the operation's requirements.
func (s *Service) GetFunctionConcurrencyRequires(ctx context.Context, in *lambdaapi.GetFunctionConcurrencyInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetFunctionConcurrency", in.FunctionName, nil)
}

// DeleteFunctionConcurrency implements the operation.
func (s *Service) DeleteFunctionConcurrency(ctx context.Context, in *lambdaapi.DeleteFunctionConcurrencyInput) (*lambdaapi.DeleteFunctionConcurrencyOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.DeleteFunctionConcurrencyOutput{}, s.update(ctx, x, func(tx store.Tx, f *function) error {
		f.Reserved = 0
		return nil
	})
}

// DeleteFunctionConcurrencyRequires implements the operation's requirements.
func (s *Service) DeleteFunctionConcurrencyRequires(ctx context.Context, in *lambdaapi.DeleteFunctionConcurrencyInput, r *wire.Requirements) error {
	return s.need(ctx, r, "DeleteFunctionConcurrency", in.FunctionName, nil)
}

// named is find for a name as operations take it.
func (s *Service) named(ctx context.Context, name string, qualifier *string) (*target, error) {
	x, err := locate(wire.CallOf(ctx), name, qualifier)
	if err != nil {
		return nil, err
	}
	return s.find(ctx, x)
}

// asyncKey is under what qualifier an EventInvokeConfig is kept.
func asyncKey(q string) string {
	if q == "" {
		return latest
	}
	return q
}

// checkDestination refuses what events cannot be delivered to here.
func checkDestination(x ref, d *string, what string) (string, error) {
	t := wire.V(d)
	switch {
	case t == "":
		return "", nil
	case t == x.arn() || t == x.qualified():
		return "", invalid("You can't specify the function as a destination for itself.")
	case strings.HasPrefix(t, "arn:aws:sqs:") || strings.HasPrefix(t, "arn:aws:lambda:"):
		return t, nil
	}
	return "", wire.Unsupported("DestinationConfig " + what + " with a target other than an SQS queue or a function (" + t + ")")
}

// PutFunctionEventInvokeConfig implements the operation.
func (s *Service) PutFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.PutFunctionEventInvokeConfigInput) (*lambdaapi.PutFunctionEventInvokeConfigOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.MaximumEventAgeInSeconds == nil && in.MaximumRetryAttempts == nil && in.DestinationConfig == nil {
		return nil, invalid("You must specify at least one of error handling or destination setting.")
	}
	a := asyncRules{AgeMax: int64(wire.V(in.MaximumEventAgeInSeconds)), Modified: s.cfg.Env.Now()}
	if in.MaximumRetryAttempts != nil {
		a.Retries = int64(*in.MaximumRetryAttempts) + 1
	}
	if d := in.DestinationConfig; d != nil {
		if d.OnSuccess != nil {
			if a.OnSuccess, err = checkDestination(x, d.OnSuccess.Destination, "OnSuccess"); err != nil {
				return nil, err
			}
		}
		if d.OnFailure != nil {
			if a.OnFailure, err = checkDestination(x, d.OnFailure.Destination, "OnFailure"); err != nil {
				return nil, err
			}
		}
	}
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		if _, err := load(tx, x); err != nil {
			return &lambdaapi.ResourceNotFoundException{Message: "The function doesn't exist.", Type: wire.P("User")}
		}
		if f.Async == nil {
			f.Async = map[string]asyncRules{}
		}
		f.Async[asyncKey(x.qualifier)] = a
		return nil
	})
	if err != nil {
		return nil, err
	}
	return showAsync(x, a), nil
}

func showAsync(x ref, a asyncRules) *lambdaapi.FunctionEventInvokeConfig {
	y := x
	y.qualifier = asyncKey(x.qualifier)
	o := &lambdaapi.FunctionEventInvokeConfig{LastModified: &a.Modified, FunctionArn: wire.P(y.qualified()), DestinationConfig: &lambdaapi.DestinationConfig{OnSuccess: &lambdaapi.OnSuccess{}, OnFailure: &lambdaapi.OnFailure{}}}
	if a.Retries > 0 {
		o.MaximumRetryAttempts = wire.P(int32(a.Retries - 1))
	}
	if a.AgeMax > 0 {
		o.MaximumEventAgeInSeconds = wire.P(int32(a.AgeMax))
	}
	if a.OnSuccess != "" {
		o.DestinationConfig.OnSuccess.Destination = &a.OnSuccess
	}
	if a.OnFailure != "" {
		o.DestinationConfig.OnFailure.Destination = &a.OnFailure
	}
	return o
}

func noAsync(x ref) error {
	y := x
	y.qualifier = asyncKey(x.qualifier)
	return &lambdaapi.ResourceNotFoundException{Message: "The function " + y.qualified() + " doesn't have an EventInvokeConfig", Type: wire.P("User")}
}

// PutFunctionEventInvokeConfigRequires implements the operation's requirements.
func (s *Service) PutFunctionEventInvokeConfigRequires(ctx context.Context, in *lambdaapi.PutFunctionEventInvokeConfigInput, r *wire.Requirements) error {
	return s.need(ctx, r, "PutFunctionEventInvokeConfig", in.FunctionName, in.Qualifier)
}

// GetFunctionEventInvokeConfig implements the operation.
func (s *Service) GetFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.GetFunctionEventInvokeConfigInput) (*lambdaapi.GetFunctionEventInvokeConfigOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, x)
	if err != nil {
		return nil, noAsync(x)
	}
	a, ok := t.fn.Async[asyncKey(x.qualifier)]
	if !ok {
		return nil, noAsync(x)
	}
	return showAsync(x, a), nil
}

// GetFunctionEventInvokeConfigRequires implements the operation's requirements.
func (s *Service) GetFunctionEventInvokeConfigRequires(ctx context.Context, in *lambdaapi.GetFunctionEventInvokeConfigInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetFunctionEventInvokeConfig", in.FunctionName, in.Qualifier)
}

// DeleteFunctionEventInvokeConfig implements the operation.
func (s *Service) DeleteFunctionEventInvokeConfig(ctx context.Context, in *lambdaapi.DeleteFunctionEventInvokeConfigInput) (*lambdaapi.DeleteFunctionEventInvokeConfigOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.DeleteFunctionEventInvokeConfigOutput{}, s.update(ctx, x, func(tx store.Tx, f *function) error {
		if _, ok := f.Async[asyncKey(x.qualifier)]; !ok {
			return noAsync(x)
		}
		delete(f.Async, asyncKey(x.qualifier))
		return nil
	})
}

// DeleteFunctionEventInvokeConfigRequires implements the operation's requirements.
func (s *Service) DeleteFunctionEventInvokeConfigRequires(ctx context.Context, in *lambdaapi.DeleteFunctionEventInvokeConfigInput, r *wire.Requirements) error {
	return s.need(ctx, r, "DeleteFunctionEventInvokeConfig", in.FunctionName, in.Qualifier)
}

// GetFunctionCodeSigningConfig implements the operation: no function has one.
func (s *Service) GetFunctionCodeSigningConfig(ctx context.Context, in *lambdaapi.GetFunctionCodeSigningConfigInput) (*lambdaapi.GetFunctionCodeSigningConfigOutput, error) {
	t, err := s.named(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.GetFunctionCodeSigningConfigOutput{FunctionName: t.fn.Name}, nil
}

// GetFunctionCodeSigningConfigRequires implements the operation's requirements.
func (s *Service) GetFunctionCodeSigningConfigRequires(ctx context.Context, in *lambdaapi.GetFunctionCodeSigningConfigInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetFunctionCodeSigningConfig", in.FunctionName, nil)
}

// GetFunctionRecursionConfig implements the operation: loops are always ended.
func (s *Service) GetFunctionRecursionConfig(ctx context.Context, in *lambdaapi.GetFunctionRecursionConfigInput) (*lambdaapi.GetFunctionRecursionConfigOutput, error) {
	if _, err := s.named(ctx, in.FunctionName, nil); err != nil {
		return nil, err
	}
	return &lambdaapi.GetFunctionRecursionConfigOutput{RecursiveLoop: wire.P("Terminate")}, nil
}

// GetFunctionRecursionConfigRequires implements the operation's requirements.
func (s *Service) GetFunctionRecursionConfigRequires(ctx context.Context, in *lambdaapi.GetFunctionRecursionConfigInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetFunctionRecursionConfig", in.FunctionName, nil)
}

// GetRuntimeManagementConfig implements the operation: interpreters are the operator's, so updates are automatic.
func (s *Service) GetRuntimeManagementConfig(ctx context.Context, in *lambdaapi.GetRuntimeManagementConfigInput) (*lambdaapi.GetRuntimeManagementConfigOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if _, err := s.find(ctx, x); err != nil {
		return nil, err
	}
	if x.qualifier == "" {
		x.qualifier = latest
	}
	return &lambdaapi.GetRuntimeManagementConfigOutput{UpdateRuntimeOn: wire.P("Auto"), FunctionArn: wire.P(x.qualified())}, nil
}

// GetRuntimeManagementConfigRequires implements the operation's requirements.
func (s *Service) GetRuntimeManagementConfigRequires(ctx context.Context, in *lambdaapi.GetRuntimeManagementConfigInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetRuntimeManagementConfig", in.FunctionName, in.Qualifier)
}

// GetAccountSettings implements the operation.
func (s *Service) GetAccountSettings(ctx context.Context, in *lambdaapi.GetAccountSettingsInput) (*lambdaapi.GetAccountSettingsOutput, error) {
	c := wire.CallOf(ctx)
	var count, size, kept int64
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		count, size, kept = 0, 0, 0
		store.Each(r, store.Prefix(key(c.Account, "f", c.Region)), func(_ store.Key, f *function) bool {
			count++
			size += f.Latest.Code.Size
			if f.Reserved > 0 {
				kept += f.Reserved - 1
			}
			return true
		})
		store.Each(r, store.Prefix(key(c.Account, "v", c.Region)), func(_ store.Key, v *version) bool {
			size += v.Code.Size
			return true
		})
		return nil
	})
	return &lambdaapi.GetAccountSettingsOutput{
		AccountLimit: &lambdaapi.AccountLimit{TotalCodeSize: wire.P(int64(codeTotalMax)), CodeSizeUnzipped: wire.P(int64(unzippedMax)), CodeSizeZipped: wire.P(int64(zipInlineMax)),
			ConcurrentExecutions: wire.P(int32(concurrencyMax)), UnreservedConcurrentExecutions: wire.P(int32(concurrencyMax - kept))},
		AccountUsage: &lambdaapi.AccountUsage{TotalCodeSize: &size, FunctionCount: &count}}, err
}

// GetAccountSettingsRequires implements the operation's requirements.
func (s *Service) GetAccountSettingsRequires(ctx context.Context, in *lambdaapi.GetAccountSettingsInput, r *wire.Requirements) error {
	r.Need("lambda:GetAccountSettings", "*")
	return nil
}
