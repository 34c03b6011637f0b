package apigateway

import (
	"context"
	"maps"

	restapi "virga/api/apigateway"
	"virga/internal/execute"
	"virga/internal/store"
	"virga/internal/wire"
)

// tagged finds what an ARN names: arn:aws:apigateway:REGION::/restapis/ID or …/restapis/ID/stages/NAME.
func tagged(c *wire.Call, arn string) (apiID, stageID string, err error) {
	id, name, ok := execute.Tagged(c, "restapis", arn)
	if !ok {
		return "", "", bad("Invalid ARN specified in the request: %s", arn)
	}
	return id, name, nil
}

func (s *Service) retag(ctx context.Context, arn string, fn func(tags map[string]string)) error {
	id, name, err := tagged(wire.CallOf(ctx), arn)
	if err != nil {
		return err
	}
	sc := scopeOf(ctx, id)
	return s.cfg.Store.Update(ctx, []store.Key{sc.key()}, func(tx store.Tx) error {
		a, err := load(tx, sc)
		if err != nil {
			return err
		}
		if name == "" {
			if a.Tags == nil {
				a.Tags = map[string]string{}
			}
			fn(a.Tags)
			store.Put(tx, sc.key(), a)
			return checkTags(a.Tags)
		}
		st, k, err := part[stage](tx, sc, kindStage, "stage", name)
		if err != nil {
			return err
		}
		if st.Tags == nil {
			st.Tags = map[string]string{}
		}
		fn(st.Tags)
		store.Put(tx, k, st)
		return checkTags(st.Tags)
	})
}

// TagResource implements the operation.
func (s *Service) TagResource(ctx context.Context, in *restapi.TagResourceInput) (*restapi.TagResourceOutput, error) {
	return &restapi.TagResourceOutput{}, s.retag(ctx, in.ResourceArn, func(t map[string]string) { maps.Copy(t, in.Tags) })
}

// UntagResource implements the operation.
func (s *Service) UntagResource(ctx context.Context, in *restapi.UntagResourceInput) (*restapi.UntagResourceOutput, error) {
	return &restapi.UntagResourceOutput{}, s.retag(ctx, in.ResourceArn, func(t map[string]string) {
		for _, k := range in.TagKeys {
			delete(t, k)
		}
	})
}

// GetTags implements the operation.
func (s *Service) GetTags(ctx context.Context, in *restapi.GetTagsInput) (*restapi.GetTagsOutput, error) {
	id, name, err := tagged(wire.CallOf(ctx), in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &restapi.GetTagsOutput{}
	err = s.view(ctx, id, func(r store.Reader, sc scope, a *restAPI) error {
		out.Tags = a.Tags
		if name != "" {
			st, _, err := part[stage](r, sc, kindStage, "stage", name)
			if err != nil {
				return err
			}
			out.Tags = st.Tags
		}
		if out.Tags == nil {
			out.Tags = map[string]string{}
		}
		return nil
	})
	return out, err
}
