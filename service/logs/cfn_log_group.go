package logs

import (
	"context"
	"errors"
	"maps"

	logsapi "virga/api/logs"
	"virga/internal/resource"
	"virga/internal/wire"
)

// groupType is AWS::Logs::LogGroup (AWS CloudFormation Template Reference). Ref is the name, GetAtt Arn ends with ":*".
type groupType struct{}

// Name implements resource.Type.
func (groupType) Name() string { return "AWS::Logs::LogGroup" }

// Supports implements resource.Type.
func (groupType) Supports() []string {
	return []string{"LogGroupName", "RetentionInDays", "Tags", "LogGroupClass", "DeletionProtectionEnabled"}
}

// PhysicalName implements resource.Namer.
func (groupType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("LogGroupName"); n != "" {
		return n
	}
	return r.Name(nameMax)
}

// stackTags are the stack's tags under the resource's own; those of CloudFormation itself stand beside the group, not on it.
func stackTags(r *resource.Request, p resource.Properties) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range r.Tags {
		if _, reserved := cutAWS(k); !reserved {
			out[k] = v
		}
	}
	var list []struct{ Key, Value string }
	if err := p.Decode("Tags", &list); err != nil {
		return nil, err
	}
	for _, t := range list {
		out[t.Key] = t.Value
	}
	return out, nil
}

// Create implements resource.Type.
func (t groupType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &logsapi.Client{Invoker: r.Invoker}
	tags, err := stackTags(r, r.Properties)
	if err != nil {
		return nil, err
	}
	in := &logsapi.CreateLogGroupInput{LogGroupName: r.Physical}
	if len(tags) > 0 {
		in.Tags = tags
	}
	if v := r.Properties.Str("LogGroupClass"); v != "" {
		in.LogGroupClass = &v
	}
	if r.Properties.Bool("DeletionProtectionEnabled") {
		in.DeletionProtectionEnabled = wire.P(true)
	}
	if _, err := c.CreateLogGroup(ctx, in); err != nil {
		return nil, err
	}
	if err := t.retain(ctx, c, r); err != nil {
		return nil, err
	}
	return t.Read(ctx, r)
}

func (groupType) retain(ctx context.Context, c *logsapi.Client, r *resource.Request) error {
	var err error
	if days := r.Properties.Int("RetentionInDays"); days != nil {
		_, err = c.PutRetentionPolicy(ctx, &logsapi.PutRetentionPolicyInput{LogGroupName: r.Physical, RetentionInDays: int32(*days)})
	} else if r.Previous.Has("RetentionInDays") {
		_, err = c.DeleteRetentionPolicy(ctx, &logsapi.DeleteRetentionPolicyInput{LogGroupName: r.Physical})
	}
	return err
}

// Update implements resource.Type.
func (t groupType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &logsapi.Client{Invoker: r.Invoker}
	if a, b := r.Properties.Str("LogGroupClass"), r.Previous.Str("LogGroupClass"); a != b && (a != "" && a != "STANDARD" || b != "" && b != "STANDARD") {
		return nil, wire.Unsupported("AWS::Logs::LogGroup: LogGroupClass=" + a)
	}
	if err := t.retain(ctx, c, r); err != nil {
		return nil, err
	}
	if on := r.Properties.Bool("DeletionProtectionEnabled"); on != r.Previous.Bool("DeletionProtectionEnabled") {
		if _, err := c.PutLogGroupDeletionProtection(ctx, &logsapi.PutLogGroupDeletionProtectionInput{LogGroupIdentifier: r.Physical, DeletionProtectionEnabled: on}); err != nil {
			return nil, err
		}
	}
	want, err := stackTags(r, r.Properties)
	if err != nil {
		return nil, err
	}
	arn := groupARN(r.Call.Account, r.Call.Region, r.Physical)
	have, err := c.ListTagsForResource(ctx, &logsapi.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil {
		return nil, err
	}
	if !maps.Equal(want, have.Tags) {
		var gone []string
		for k := range have.Tags {
			if _, ok := want[k]; !ok {
				gone = append(gone, k)
			}
		}
		if len(gone) > 0 {
			if _, err := c.UntagResource(ctx, &logsapi.UntagResourceInput{ResourceArn: arn, TagKeys: gone}); err != nil {
				return nil, err
			}
		}
		if len(want) > 0 {
			if _, err := c.TagResource(ctx, &logsapi.TagResourceInput{ResourceArn: arn, Tags: want}); err != nil {
				return nil, err
			}
		}
	}
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (groupType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &logsapi.Client{Invoker: r.Invoker}
	_, err := c.DeleteLogGroup(ctx, &logsapi.DeleteLogGroupInput{LogGroupName: r.Physical})
	return &resource.Progress{Physical: r.Physical}, unlessGone(err)
}

// Read implements resource.Type.
func (groupType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &logsapi.Client{Invoker: r.Invoker}
	out, err := c.DescribeLogGroups(ctx, &logsapi.DescribeLogGroupsInput{LogGroupNamePrefix: &r.Physical, Limit: wire.P(int32(1))})
	if err != nil {
		return nil, err
	}
	if len(out.LogGroups) == 0 || wire.V(out.LogGroups[0].LogGroupName) != r.Physical {
		return nil, noGroup()
	}
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Arn": wire.V(out.LogGroups[0].Arn)}}, nil
}

// unlessGone drops the error of something that is not there any more.
func unlessGone(err error) error {
	var gone *logsapi.ResourceNotFoundException
	if errors.As(err, &gone) {
		return nil
	}
	return err
}

func cutAWS(k string) (string, bool) {
	if len(k) >= 4 && (k[:4] == "aws:" || k[:4] == "AWS:") {
		return k[4:], true
	}
	return k, false
}
