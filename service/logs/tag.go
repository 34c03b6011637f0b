package logs

import (
	"context"
	"slices"
	"strings"

	logsapi "virga/api/logs"
	"virga/internal/store"
	"virga/internal/wire"
)

func addTags(old, add map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range old {
		out[k] = v
	}
	for k, v := range add {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, bad("Tag keys can't begin with aws:.")
		}
		out[k] = v
	}
	if len(out) > tagsMax {
		return nil, &logsapi.TooManyTagsException{Message: "A resource can have at most 50 tags."}
	}
	return out, nil
}

func keysOf(tags map[string]string) []string {
	keys := make([]string, 0, len(tags))
	for k := range tags {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (s *Service) tag(ctx context.Context, i ident, tags map[string]string) error {
	return s.change(ctx, i, func(_ store.Tx, g *group) (err error) {
		g.Tags, err = addTags(g.Tags, tags)
		return err
	})
}

func (s *Service) untag(ctx context.Context, i ident, keys []string) error {
	return s.change(ctx, i, func(_ store.Tx, g *group) error {
		for _, k := range keys {
			delete(g.Tags, k)
		}
		return nil
	})
}

func (s *Service) tags(ctx context.Context, i ident) (map[string]string, error) {
	g, err := s.own(ctx, i)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for k, v := range g.Tags {
		out[k] = v
	}
	return out, nil
}

// needTags adds the requirement of a tagging action, which names the bare group.
func (s *Service) needTags(ctx context.Context, r *wire.Requirements, action string, i ident, conditions ...wire.Condition) {
	s.needOn(ctx, r, action, i, groupARN(i.account, i.region, i.name))
	n := &r.All()[len(r.All())-1]
	n.Conditions = append(n.Conditions, conditions...)
}

// byARN reads a resource's ARN; a name is none.
func byARN(c *wire.Call, arn string) (ident, error) {
	if !strings.HasPrefix(arn, "arn:") {
		return ident{}, bad("The specified resource ARN is not valid: " + arn)
	}
	return identify(c, arn)
}

// TagResource implements the operation.
func (s *Service) TagResource(ctx context.Context, in *logsapi.TagResourceInput) (*logsapi.TagResourceOutput, error) {
	i, err := byARN(wire.CallOf(ctx), in.ResourceArn)
	if err == nil {
		err = s.tag(ctx, i, in.Tags)
	}
	if err != nil {
		return nil, err
	}
	return &logsapi.TagResourceOutput{}, nil
}

// TagResourceRequires implements the operation's requirements.
func (s *Service) TagResourceRequires(ctx context.Context, in *logsapi.TagResourceInput, r *wire.Requirements) error {
	i, err := byARN(wire.CallOf(ctx), in.ResourceArn)
	if err == nil {
		s.needTags(ctx, r, "TagResource", i, wire.RequestTags(in.Tags)...)
	}
	return err
}

// UntagResource implements the operation.
func (s *Service) UntagResource(ctx context.Context, in *logsapi.UntagResourceInput) (*logsapi.UntagResourceOutput, error) {
	i, err := byARN(wire.CallOf(ctx), in.ResourceArn)
	if err == nil {
		err = s.untag(ctx, i, in.TagKeys)
	}
	if err != nil {
		return nil, err
	}
	return &logsapi.UntagResourceOutput{}, nil
}

// UntagResourceRequires implements the operation's requirements.
func (s *Service) UntagResourceRequires(ctx context.Context, in *logsapi.UntagResourceInput, r *wire.Requirements) error {
	i, err := byARN(wire.CallOf(ctx), in.ResourceArn)
	if err == nil {
		s.needTags(ctx, r, "UntagResource", i, wire.Condition{Key: "aws:TagKeys", Values: in.TagKeys})
	}
	return err
}

// ListTagsForResource implements the operation.
func (s *Service) ListTagsForResource(ctx context.Context, in *logsapi.ListTagsForResourceInput) (*logsapi.ListTagsForResourceOutput, error) {
	i, err := byARN(wire.CallOf(ctx), in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.tags(ctx, i)
	if err != nil {
		return nil, err
	}
	return &logsapi.ListTagsForResourceOutput{Tags: tags}, nil
}

// ListTagsForResourceRequires implements the operation's requirements.
func (s *Service) ListTagsForResourceRequires(ctx context.Context, in *logsapi.ListTagsForResourceInput, r *wire.Requirements) error {
	i, err := byARN(wire.CallOf(ctx), in.ResourceArn)
	if err == nil {
		s.needTags(ctx, r, "ListTagsForResource", i)
	}
	return err
}

// TagLogGroup implements the operation, TagResource's older form.
func (s *Service) TagLogGroup(ctx context.Context, in *logsapi.TagLogGroupInput) (*logsapi.TagLogGroupOutput, error) {
	if err := s.tag(ctx, here(wire.CallOf(ctx), in.LogGroupName), in.Tags); err != nil {
		return nil, err
	}
	return &logsapi.TagLogGroupOutput{}, nil
}

// TagLogGroupRequires implements the operation's requirements.
func (s *Service) TagLogGroupRequires(ctx context.Context, in *logsapi.TagLogGroupInput, r *wire.Requirements) error {
	s.needTags(ctx, r, "TagLogGroup", here(wire.CallOf(ctx), in.LogGroupName), wire.RequestTags(in.Tags)...)
	return nil
}

// UntagLogGroup implements the operation, UntagResource's older form.
func (s *Service) UntagLogGroup(ctx context.Context, in *logsapi.UntagLogGroupInput) (*logsapi.UntagLogGroupOutput, error) {
	if err := s.untag(ctx, here(wire.CallOf(ctx), in.LogGroupName), in.Tags); err != nil {
		return nil, err
	}
	return &logsapi.UntagLogGroupOutput{}, nil
}

// UntagLogGroupRequires implements the operation's requirements.
func (s *Service) UntagLogGroupRequires(ctx context.Context, in *logsapi.UntagLogGroupInput, r *wire.Requirements) error {
	s.needTags(ctx, r, "UntagLogGroup", here(wire.CallOf(ctx), in.LogGroupName), wire.Condition{Key: "aws:TagKeys", Values: in.Tags})
	return nil
}

// ListTagsLogGroup implements the operation, ListTagsForResource's older form.
func (s *Service) ListTagsLogGroup(ctx context.Context, in *logsapi.ListTagsLogGroupInput) (*logsapi.ListTagsLogGroupOutput, error) {
	tags, err := s.tags(ctx, here(wire.CallOf(ctx), in.LogGroupName))
	if err != nil {
		return nil, err
	}
	return &logsapi.ListTagsLogGroupOutput{Tags: tags}, nil
}

// ListTagsLogGroupRequires implements the operation's requirements.
func (s *Service) ListTagsLogGroupRequires(ctx context.Context, in *logsapi.ListTagsLogGroupInput, r *wire.Requirements) error {
	s.needTags(ctx, r, "ListTagsLogGroup", here(wire.CallOf(ctx), in.LogGroupName))
	return nil
}
