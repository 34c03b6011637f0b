package ssm

import (
	"context"
	"regexp"
	"sort"
	"strconv"
	"strings"

	ssmapi "virga/api/ssm"
	"virga/internal/store"
	"virga/internal/wire"
)

var labelText = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.\-]{0,99}$`)

func validLabel(l string) bool {
	low := strings.ToLower(l)
	return labelText.MatchString(l) && !strings.HasPrefix(low, "aws") && !strings.HasPrefix(low, "ssm")
}

// LabelParameterVersion implements the operation: a label stands on one version and moves to another.
func (s *Service) LabelParameterVersion(ctx context.Context, in *ssmapi.LabelParameterVersionInput) (*ssmapi.LabelParameterVersionOutput, error) {
	c := wire.CallOf(ctx)
	name := plainName(c, in.Name)
	k := parameterKey(c.Account, c.Region, name)
	var out *ssmapi.LabelParameterVersionOutput
	err := s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		out = &ssmapi.LabelParameterVersionOutput{InvalidLabels: []string{}}
		p, ok := store.Load[parameter](tx, k)
		if !ok {
			return notFound(name)
		}
		n := wire.Or(in.ParameterVersion, p.Version)
		if _, ok := tx.Get(versionKey(c.Account, c.Region, name, n)); !ok {
			return &ssmapi.ParameterVersionNotFound{Message: "Systems Manager could not find version " + strconv.FormatInt(n, 10) + " of " + name + ". Verify the version and try again."}
		}
		out.ParameterVersion = &n
		at := strconv.FormatInt(n, 10)
		if p.Labels == nil {
			p.Labels = map[string]string{}
		}
		for _, l := range in.Labels {
			if !validLabel(l) {
				out.InvalidLabels = append(out.InvalidLabels, l)
				continue
			}
			p.Labels[l] = at
		}
		count := 0
		for _, v := range p.Labels {
			if v == at {
				count++
			}
		}
		if count > labelsMax {
			return &ssmapi.ParameterVersionLabelLimitExceeded{Message: "A parameter version can have a maximum of ten labels."}
		}
		store.Put(tx, k, p)
		return nil
	})
	return out, err
}

// LabelParameterVersionRequires implements the operation's requirements.
func (s *Service) LabelParameterVersionRequires(ctx context.Context, in *ssmapi.LabelParameterVersionInput, r *wire.Requirements) error {
	need(ctx, r, "LabelParameterVersion", in.Name)
	return nil
}

// UnlabelParameterVersion implements the operation.
func (s *Service) UnlabelParameterVersion(ctx context.Context, in *ssmapi.UnlabelParameterVersionInput) (*ssmapi.UnlabelParameterVersionOutput, error) {
	c := wire.CallOf(ctx)
	name := plainName(c, in.Name)
	k := parameterKey(c.Account, c.Region, name)
	var out *ssmapi.UnlabelParameterVersionOutput
	err := s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		out = &ssmapi.UnlabelParameterVersionOutput{RemovedLabels: []string{}, InvalidLabels: []string{}}
		p, ok := store.Load[parameter](tx, k)
		if !ok {
			return notFound(name)
		}
		if _, ok := tx.Get(versionKey(c.Account, c.Region, name, in.ParameterVersion)); !ok {
			return &ssmapi.ParameterVersionNotFound{Message: "Systems Manager could not find version " + strconv.FormatInt(in.ParameterVersion, 10) + " of " + name + ". Verify the version and try again."}
		}
		at := strconv.FormatInt(in.ParameterVersion, 10)
		for _, l := range in.Labels {
			if p.Labels[l] != at {
				out.InvalidLabels = append(out.InvalidLabels, l)
				continue
			}
			delete(p.Labels, l)
			out.RemovedLabels = append(out.RemovedLabels, l)
		}
		store.Put(tx, k, p)
		return nil
	})
	return out, err
}

// UnlabelParameterVersionRequires implements the operation's requirements.
func (s *Service) UnlabelParameterVersionRequires(ctx context.Context, in *ssmapi.UnlabelParameterVersionInput, r *wire.Requirements) error {
	need(ctx, r, "UnlabelParameterVersion", in.Name)
	return nil
}

func tagMap(old map[string]string, add []ssmapi.Tag) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range old {
		out[k] = v
	}
	for _, t := range add {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, badName("Tag keys can't begin with aws:.")
		}
		out[t.Key] = t.Value
	}
	if len(out) > tagsMax {
		return nil, &ssmapi.TooManyTagsError{Message: "A resource can have at most 50 tags."}
	}
	return out, nil
}

// tagged runs fn on the tags of a parameter; other resources of Systems Manager are not there.
func (s *Service) tagged(ctx context.Context, kind, id string, fn func(tags map[string]string) (map[string]string, error)) error {
	c := wire.CallOf(ctx)
	if kind != "Parameter" {
		return wire.Unsupported(c.Operation + ": " + "ResourceType=" + kind)
	}
	k := parameterKey(c.Account, c.Region, plainName(c, id))
	return s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		p, ok := store.Load[parameter](tx, k)
		if !ok {
			return &ssmapi.InvalidResourceId{Message: "The resource ID isn't valid. Verify that you entered the correct ID and try again."}
		}
		tags, err := fn(p.Tags)
		if err != nil {
			return err
		}
		p.Tags = tags
		store.Put(tx, k, p)
		return nil
	})
}

// AddTagsToResource implements the operation.
func (s *Service) AddTagsToResource(ctx context.Context, in *ssmapi.AddTagsToResourceInput) (*ssmapi.AddTagsToResourceOutput, error) {
	return &ssmapi.AddTagsToResourceOutput{}, s.tagged(ctx, in.ResourceType, in.ResourceId, func(t map[string]string) (map[string]string, error) { return tagMap(t, in.Tags) })
}

// AddTagsToResourceRequires implements the operation's requirements.
func (s *Service) AddTagsToResourceRequires(ctx context.Context, in *ssmapi.AddTagsToResourceInput, r *wire.Requirements) error {
	need(ctx, r, "AddTagsToResource", in.ResourceId)
	return nil
}

// RemoveTagsFromResource implements the operation.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *ssmapi.RemoveTagsFromResourceInput) (*ssmapi.RemoveTagsFromResourceOutput, error) {
	return &ssmapi.RemoveTagsFromResourceOutput{}, s.tagged(ctx, in.ResourceType, in.ResourceId, func(t map[string]string) (map[string]string, error) {
		out := map[string]string{}
		for k, v := range t {
			out[k] = v
		}
		for _, k := range in.TagKeys {
			delete(out, k)
		}
		return out, nil
	})
}

// RemoveTagsFromResourceRequires implements the operation's requirements.
func (s *Service) RemoveTagsFromResourceRequires(ctx context.Context, in *ssmapi.RemoveTagsFromResourceInput, r *wire.Requirements) error {
	need(ctx, r, "RemoveTagsFromResource", in.ResourceId)
	return nil
}

// ListTagsForResource implements the operation.
func (s *Service) ListTagsForResource(ctx context.Context, in *ssmapi.ListTagsForResourceInput) (*ssmapi.ListTagsForResourceOutput, error) {
	c := wire.CallOf(ctx)
	if in.ResourceType != "Parameter" {
		return nil, wire.Unsupported(c.Operation + ": " + "ResourceType=" + in.ResourceType)
	}
	out := &ssmapi.ListTagsForResourceOutput{TagList: []ssmapi.Tag{}}
	var tags map[string]string
	err := s.view(ctx, func(r store.Reader) error {
		p, ok := store.Load[parameter](r, parameterKey(c.Account, c.Region, plainName(c, in.ResourceId)))
		if !ok {
			return &ssmapi.InvalidResourceId{Message: "The resource ID isn't valid. Verify that you entered the correct ID and try again."}
		}
		tags = p.Tags
		return nil
	})
	keys := make([]string, 0, len(tags))
	for k := range tags {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		out.TagList = append(out.TagList, ssmapi.Tag{Key: k, Value: tags[k]})
	}
	return out, err
}

// ListTagsForResourceRequires implements the operation's requirements.
func (s *Service) ListTagsForResourceRequires(ctx context.Context, in *ssmapi.ListTagsForResourceInput, r *wire.Requirements) error {
	need(ctx, r, "ListTagsForResource", in.ResourceId)
	return nil
}
