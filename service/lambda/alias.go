package lambda

import (
	"context"

	lambdaapi "virga/api/lambda"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

func (x ref) aliasARN(name string) string { return x.arn() + ":" + name }

func noAlias(x ref, name string) error {
	return &lambdaapi.ResourceNotFoundException{Message: "Cannot find alias arn: " + x.aliasARN(name), Type: wire.P("User")}
}

func showAlias(x ref, a *alias) *lambdaapi.AliasConfiguration {
	o := &lambdaapi.AliasConfiguration{AliasArn: wire.P(x.aliasARN(a.Name)), Name: &a.Name, FunctionVersion: &a.Version, Description: &a.Description, RevisionId: &a.Revision}
	if a.Other != "" {
		o.RoutingConfig = &lambdaapi.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{a.Other: a.Weight}}
	}
	return o
}

// route sets where an alias leads.
func route(tx store.Tx, x ref, a *alias, to *string, rc *lambdaapi.AliasRoutingConfiguration) error {
	if to != nil {
		a.Version = *to
	}
	if rc != nil {
		a.Other, a.Weight = "", 0
		if len(rc.AdditionalVersionWeights) > 1 {
			return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
		}
		for v, w := range rc.AdditionalVersionWeights {
			if _, ok := number(v); !ok {
				return wire.Invalid("1 validation error detected: Value '{" + v + "}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]")
			}
			if v == a.Version {
				return invalid("Invalid function version %s. Function version %s is already included in routing configuration.", v, v)
			}
			a.Other, a.Weight = v, w
		}
		if a.Other != "" && a.Version == latest {
			return invalid("$LATEST is not supported for an alias pointing to more than 1 version")
		}
	}
	for _, v := range []string{a.Version, a.Other} {
		if v == "" || v == latest {
			continue
		}
		n, ok := number(v)
		if _, there := tx.Get(versionKey(x.account, x.region, x.name, n)); !ok || !there {
			y := x
			y.qualifier = v
			return notFound(y)
		}
	}
	return nil
}

// CreateAlias implements the operation.
func (s *Service) CreateAlias(ctx context.Context, in *lambdaapi.CreateAliasInput) (*lambdaapi.CreateAliasOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	var out *lambdaapi.AliasConfiguration
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		k := aliasKey(x.account, x.region, x.name, in.Name)
		if old, ok := store.Load[alias](tx, k); ok {
			if _, done := job.Once(tx, x.account, c.EffectID); done {
				out = showAlias(x, old)
				return nil
			}
			return conflict("Alias already exists: %s", x.aliasARN(in.Name))
		}
		a := &alias{Name: in.Name, Description: wire.V(in.Description), Revision: env.NewID(s.cfg.Env)}
		if err := route(tx, x, a, &in.FunctionVersion, in.RoutingConfig); err != nil {
			return err
		}
		store.Put(tx, k, a)
		job.Finish(tx, x.account, c.EffectID, now, nil)
		out = showAlias(x, a)
		return nil
	})
	return out, err
}

// CreateAliasRequires implements the operation's requirements.
func (s *Service) CreateAliasRequires(ctx context.Context, in *lambdaapi.CreateAliasInput, r *wire.Requirements) error {
	return s.need(ctx, r, "CreateAlias", in.FunctionName, nil)
}

// UpdateAlias implements the operation.
func (s *Service) UpdateAlias(ctx context.Context, in *lambdaapi.UpdateAliasInput) (*lambdaapi.UpdateAliasOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var out *lambdaapi.AliasConfiguration
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		k := aliasKey(x.account, x.region, x.name, in.Name)
		a, ok := store.Load[alias](tx, k)
		if !ok {
			return &lambdaapi.ResourceNotFoundException{Message: "Alias not found: " + x.aliasARN(in.Name), Type: wire.P("User")}
		}
		if in.RevisionId != nil && *in.RevisionId != a.Revision {
			return stale()
		}
		if in.Description != nil {
			a.Description = *in.Description
		}
		if err := route(tx, x, a, in.FunctionVersion, in.RoutingConfig); err != nil {
			return err
		}
		a.Revision = env.NewID(s.cfg.Env)
		store.Put(tx, k, a)
		out = showAlias(x, a)
		return nil
	})
	return out, err
}

// UpdateAliasRequires implements the operation's requirements.
func (s *Service) UpdateAliasRequires(ctx context.Context, in *lambdaapi.UpdateAliasInput, r *wire.Requirements) error {
	return s.need(ctx, r, "UpdateAlias", in.FunctionName, nil)
}

// GetAlias implements the operation.
func (s *Service) GetAlias(ctx context.Context, in *lambdaapi.GetAliasInput) (*lambdaapi.GetAliasOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var out *lambdaapi.AliasConfiguration
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		a, ok := store.Load[alias](r, aliasKey(x.account, x.region, x.name, in.Name))
		if !ok {
			return noAlias(x, in.Name)
		}
		out = showAlias(x, a)
		return nil
	})
	return out, err
}

// GetAliasRequires implements the operation's requirements.
func (s *Service) GetAliasRequires(ctx context.Context, in *lambdaapi.GetAliasInput, r *wire.Requirements) error {
	return s.need(ctx, r, "GetAlias", in.FunctionName, nil)
}

// DeleteAlias implements the operation; one that is gone is no error.
func (s *Service) DeleteAlias(ctx context.Context, in *lambdaapi.DeleteAliasInput) (*lambdaapi.DeleteAliasOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		tx.Delete(aliasKey(x.account, x.region, x.name, in.Name))
		delete(f.Policies, in.Name)
		delete(f.Async, in.Name)
		return nil
	})
	return &lambdaapi.DeleteAliasOutput{}, err
}

// DeleteAliasRequires implements the operation's requirements.
func (s *Service) DeleteAliasRequires(ctx context.Context, in *lambdaapi.DeleteAliasInput, r *wire.Requirements) error {
	return s.need(ctx, r, "DeleteAlias", in.FunctionName, nil)
}

// ListAliases implements the operation.
func (s *Service) ListAliases(ctx context.Context, in *lambdaapi.ListAliasesInput) (*lambdaapi.ListAliasesOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.find(ctx, x); err != nil {
		return nil, err
	}
	as, next, err := page[alias](ctx, s, aliasesOf(x.account, x.region, x.name), x.name, in.Marker, min(int(wire.Or(in.MaxItems, 50)), 50), func(a *alias) bool {
		return in.FunctionVersion == nil || a.Version == *in.FunctionVersion || a.Other == *in.FunctionVersion
	})
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListAliasesOutput{Aliases: []lambdaapi.AliasConfiguration{}, NextMarker: next}
	for i := range as {
		out.Aliases = append(out.Aliases, *showAlias(x, &as[i]))
	}
	return out, nil
}

// ListAliasesRequires implements the operation's requirements.
func (s *Service) ListAliasesRequires(ctx context.Context, in *lambdaapi.ListAliasesInput, r *wire.Requirements) error {
	return s.need(ctx, r, "ListAliases", in.FunctionName, nil)
}
