package lambda

import (
	"context"
	"strings"

	lambdaapi "virga/api/lambda"
	"virga/internal/store"
	"virga/internal/wire"
)

// tagged runs fn on the tags of a function or a mapping.
func (s *Service) tagged(ctx context.Context, arn string, write bool, fn func(tags map[string]string) (map[string]string, error)) error {
	c := wire.CallOf(ctx)
	p := strings.Split(arn, ":")
	gone := &lambdaapi.ResourceNotFoundException{Message: "The resource you requested does not exist.", Type: wire.P("User")}
	if len(p) < 7 || p[3] != c.Region || len(p[4]) != 12 {
		return gone
	}
	account := p[4]
	run := func(tx store.Tx, r store.Reader) error {
		switch p[5] {
		case "function":
			if len(p) != 7 {
				return invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
			}
			k := functionKey(account, c.Region, p[6])
			f, ok := store.Load[function](r, k)
			if !ok {
				return notFound(ref{account: account, region: c.Region, name: p[6]})
			}
			tags, err := fn(f.Tags)
			if err != nil || tx == nil {
				return err
			}
			f.Tags = tags
			store.Put(tx, k, f)
		case "event-source-mapping":
			k := mappingKey(account, c.Region, p[6])
			m, ok := store.Load[mapping](r, k)
			if !ok {
				return &lambdaapi.ResourceNotFoundException{Message: "Event source mapping not found: " + arn, Type: wire.P("User")}
			}
			tags, err := fn(m.Tags)
			if err != nil || tx == nil {
				return err
			}
			m.Tags = tags
			store.Put(tx, k, m)
		default:
			return gone
		}
		if tx != nil {
			tx.Bump(scope(account))
		}
		return nil
	}
	if write {
		return s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error { return run(tx, tx) })
	}
	return s.cfg.Store.View(ctx, func(r store.Reader) error { return run(nil, r) })
}

// TagResource implements the operation.
func (s *Service) TagResource(ctx context.Context, in *lambdaapi.TagResourceInput) (*lambdaapi.TagResourceOutput, error) {
	return &lambdaapi.TagResourceOutput{}, s.tagged(ctx, in.Resource, true, func(old map[string]string) (map[string]string, error) {
		out := map[string]string{}
		for k, v := range old {
			out[k] = v
		}
		for k, v := range in.Tags {
			out[k] = v
		}
		return out, checkTags(out)
	})
}

// TagResourceRequires implements the operation's requirements.
func (s *Service) TagResourceRequires(ctx context.Context, in *lambdaapi.TagResourceInput, r *wire.Requirements) error {
	n := r.Need("lambda:TagResource", in.Resource)
	for k, v := range in.Tags {
		n.Conditions = append(n.Conditions, wire.Condition{Key: "aws:RequestTag/" + k, Values: []string{v}})
	}
	return nil
}

// UntagResource implements the operation.
func (s *Service) UntagResource(ctx context.Context, in *lambdaapi.UntagResourceInput) (*lambdaapi.UntagResourceOutput, error) {
	return &lambdaapi.UntagResourceOutput{}, s.tagged(ctx, in.Resource, true, func(old map[string]string) (map[string]string, error) {
		out := map[string]string{}
		for k, v := range old {
			out[k] = v
		}
		for _, k := range in.TagKeys {
			delete(out, k)
		}
		return out, nil
	})
}

// UntagResourceRequires implements the operation's requirements.
func (s *Service) UntagResourceRequires(ctx context.Context, in *lambdaapi.UntagResourceInput, r *wire.Requirements) error {
	r.Need("lambda:UntagResource", in.Resource)
	return nil
}

// ListTags implements the operation.
func (s *Service) ListTags(ctx context.Context, in *lambdaapi.ListTagsInput) (*lambdaapi.ListTagsOutput, error) {
	out := &lambdaapi.ListTagsOutput{Tags: map[string]string{}}
	return out, s.tagged(ctx, in.Resource, false, func(old map[string]string) (map[string]string, error) {
		out.Tags = map[string]string{}
		for k, v := range old {
			out.Tags[k] = v
		}
		return nil, nil
	})
}

// ListTagsRequires implements the operation's requirements.
func (s *Service) ListTagsRequires(ctx context.Context, in *lambdaapi.ListTagsInput, r *wire.Requirements) error {
	r.Need("lambda:ListTags", in.Resource)
	return nil
}
