package ssm

import (
	"context"
	"errors"
	"sort"
	"strings"

	ssmapi "virga/api/ssm"
	"virga/internal/resource"
	"virga/internal/wire"
)

// parameterType is AWS::SSM::Parameter (AWS CloudFormation Template Reference): Ref is the name.
type parameterType struct{}

// Name implements resource.Type.
func (parameterType) Name() string { return "AWS::SSM::Parameter" }

// Supports implements resource.Type.
func (parameterType) Supports() []string {
	return []string{"Name", "Type", "Value", "Description", "AllowedPattern", "Tier", "DataType", "Tags"}
}

// PhysicalName implements resource.Namer.
func (parameterType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("Name"); n != "" {
		return n
	}
	return "CFN-" + r.Name(200)
}

// tags are the resource's: an object, or a list of Key and Value.
func (parameterType) tags(r *resource.Request) map[string]string {
	out := map[string]string{}
	for k, v := range r.Tags {
		if !strings.HasPrefix(k, "aws:") {
			out[k] = v
		}
	}
	for k, v := range r.Properties.Map("Tags") {
		out[k] = resource.Text(v)
	}
	return out
}

func (t parameterType) put(ctx context.Context, r *resource.Request, overwrite bool) (*resource.Progress, error) {
	c := &ssmapi.Client{Invoker: r.Invoker}
	in := &ssmapi.PutParameterInput{Name: r.Physical, Value: r.Properties.Str("Value"), Type: wire.P(r.Properties.Str("Type")), Overwrite: &overwrite}
	for name, to := range map[string]**string{"Description": &in.Description, "AllowedPattern": &in.AllowedPattern, "Tier": &in.Tier, "DataType": &in.DataType} {
		if r.Properties.Has(name) {
			*to = wire.P(r.Properties.Str(name))
		}
	}
	if _, err := c.PutParameter(ctx, in); err != nil {
		return nil, err
	}
	want := t.tags(r)
	names := make([]string, 0, len(want))
	for k := range want {
		names = append(names, k)
	}
	sort.Strings(names)
	var list []ssmapi.Tag
	for _, k := range names {
		list = append(list, ssmapi.Tag{Key: k, Value: want[k]})
	}
	if len(list) > 0 {
		if _, err := c.AddTagsToResource(ctx, &ssmapi.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: r.Physical, Tags: list}); err != nil {
			return nil, err
		}
	}
	return t.progress(r), nil
}

func (parameterType) progress(r *resource.Request) *resource.Progress {
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Type": r.Properties.Str("Type"), "Value": r.Properties.Str("Value")}}
}

// Create implements resource.Type. A repeat of the step finds its own parameter with the same value.
func (t parameterType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p, err := t.put(ctx, r, false)
	var there *ssmapi.ParameterAlreadyExists
	if errors.As(err, &there) && !r.Properties.Has("Name") {
		return t.progress(r), nil // the name holds this resource's own suffix
	}
	return p, err
}

// Update implements resource.Type.
func (t parameterType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p, err := t.put(ctx, r, true)
	if err != nil {
		return nil, err
	}
	c := &ssmapi.Client{Invoker: r.Invoker}
	have, err := c.ListTagsForResource(ctx, &ssmapi.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: r.Physical})
	if err != nil {
		return nil, err
	}
	want := t.tags(r)
	var gone []string
	for _, h := range have.TagList {
		if _, ok := want[h.Key]; !ok {
			gone = append(gone, h.Key)
		}
	}
	if len(gone) > 0 {
		_, err = c.RemoveTagsFromResource(ctx, &ssmapi.RemoveTagsFromResourceInput{ResourceType: "Parameter", ResourceId: r.Physical, TagKeys: gone})
	}
	return p, err
}

// Delete implements resource.Type.
func (parameterType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := (&ssmapi.Client{Invoker: r.Invoker}).DeleteParameter(ctx, &ssmapi.DeleteParameterInput{Name: r.Physical})
	var gone *ssmapi.ParameterNotFound
	if errors.As(err, &gone) {
		err = nil
	}
	return &resource.Progress{}, err
}

// Read implements resource.Type.
func (t parameterType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	if _, err := (&ssmapi.Client{Invoker: r.Invoker}).GetParameter(ctx, &ssmapi.GetParameterInput{Name: r.Physical}); err != nil {
		return nil, err
	}
	return t.progress(r), nil
}
