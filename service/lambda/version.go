package lambda

import (
	"context"

	lambdaapi "virga/api/lambda"
	"virga/internal/blob"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// publish makes $LATEST a version; where nothing changed since the newest one, that one is the answer.
func (s *Service) publish(tx store.Tx, x ref, f *function, description *string) (*version, error) {
	v := f.Latest
	if description != nil {
		v.Description = *description
		v.ConfigSHA = v.digest()
	}
	if f.Next > 1 {
		for n := f.Next - 1; n >= 1; n-- { // the newest that was not deleted
			last, ok := store.Load[version](tx, versionKey(x.account, x.region, x.name, n))
			if !ok {
				continue
			}
			if last.CodeSHA == v.CodeSHA && last.sameButDescription(&v, description == nil) {
				return last, nil
			}
			break
		}
	}
	v.Number = f.Next
	f.Next++
	v.Revision = env.NewID(s.cfg.Env)
	blob.Keep(tx, x.account, v.Code)
	store.Put(tx, versionKey(x.account, x.region, x.name, v.Number), &v)
	return &v, nil
}

// sameButDescription tells whether two configurations would run alike.
func (v *version) sameButDescription(o *version, ignore bool) bool {
	a, b := *v, *o
	if ignore {
		a.Description, b.Description = "", ""
	}
	return a.digest() == b.digest()
}

// PublishVersion implements the operation.
func (s *Service) PublishVersion(ctx context.Context, in *lambdaapi.PublishVersionInput) (*lambdaapi.PublishVersionOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if in.PublishTo != nil {
		return nil, wire.Unsupported("PublishVersion: PublishTo")
	}
	var out *lambdaapi.FunctionConfiguration
	now := s.cfg.Env.Now()
	err = s.update(ctx, x, func(tx store.Tx, f *function) error {
		if answer, done := job.Once(tx, x.account, c.EffectID); done {
			n, _ := number(string(answer))
			if v, ok := store.Load[version](tx, versionKey(x.account, x.region, x.name, n)); ok {
				out = s.show(x, v)
				return nil
			}
		}
		if err := ready(x, &f.Latest, in.RevisionId); err != nil {
			return err
		}
		if in.CodeSha256 != nil && *in.CodeSha256 != "" && *in.CodeSha256 != f.Latest.CodeSHA {
			return invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *in.CodeSha256, f.Latest.CodeSHA)
		}
		v, err := s.publish(tx, x, f, in.Description)
		if err != nil {
			return err
		}
		job.Finish(tx, x.account, c.EffectID, now, []byte(v.label()))
		out = s.show(x, v)
		return nil
	})
	return out, err
}

// PublishVersionRequires implements the operation's requirements.
func (s *Service) PublishVersionRequires(ctx context.Context, in *lambdaapi.PublishVersionInput, r *wire.Requirements) error {
	return s.need(ctx, r, "PublishVersion", in.FunctionName, nil)
}

// ListVersionsByFunction implements the operation.
func (s *Service) ListVersionsByFunction(ctx context.Context, in *lambdaapi.ListVersionsByFunctionInput) (*lambdaapi.ListVersionsByFunctionOutput, error) {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	t, err := s.find(ctx, x)
	if err != nil {
		return nil, err
	}
	max := min(int(wire.Or(in.MaxItems, 50)), 50)
	out := &lambdaapi.ListVersionsByFunctionOutput{Versions: []lambdaapi.FunctionConfiguration{}}
	if wire.V(in.Marker) == "" {
		y := x
		y.qualifier = latest
		out.Versions = append(out.Versions, listed(s.show(y, &t.fn.Latest)))
		max = max - 1
	}
	vs, next, err := page[version](ctx, s, versionsOf(x.account, x.region, x.name), x.name, in.Marker, max, nil)
	if err != nil {
		return nil, err
	}
	for i := range vs {
		out.Versions = append(out.Versions, listed(s.show(x, &vs[i])))
	}
	out.NextMarker = next
	return out, nil
}

// ListVersionsByFunctionRequires implements the operation's requirements.
func (s *Service) ListVersionsByFunctionRequires(ctx context.Context, in *lambdaapi.ListVersionsByFunctionInput, r *wire.Requirements) error {
	return s.need(ctx, r, "ListVersionsByFunction", in.FunctionName, nil)
}
