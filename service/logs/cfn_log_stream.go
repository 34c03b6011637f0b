package logs

import (
	"context"
	"strings"

	logsapi "virga/api/logs"
	"virga/internal/resource"
	"virga/internal/wire"
)

// streamType is AWS::Logs::LogStream (AWS CloudFormation Template Reference). Ref is the stream's name; the physical id here
// is group|stream, for the name alone does not say which stream is meant.
type streamType struct{}

// Name implements resource.Type.
func (streamType) Name() string { return "AWS::Logs::LogStream" }

// Supports implements resource.Type.
func (streamType) Supports() []string { return []string{"LogGroupName", "LogStreamName"} }

// PhysicalName implements resource.Namer.
func (streamType) PhysicalName(r *resource.Request) string {
	n := r.Properties.Str("LogStreamName")
	if n == "" {
		n = r.Name(nameMax)
	}
	return r.Properties.Str("LogGroupName") + "|" + n
}

func (streamType) progress(r *resource.Request) *resource.Progress {
	_, name, _ := strings.Cut(r.Physical, "|")
	return &resource.Progress{Physical: r.Physical, Ref: name}
}

// Create implements resource.Type.
func (t streamType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &logsapi.Client{Invoker: r.Invoker}
	group, name, _ := strings.Cut(r.Physical, "|")
	if _, err := c.CreateLogStream(ctx, &logsapi.CreateLogStreamInput{LogGroupName: group, LogStreamName: name}); err != nil {
		return nil, err
	}
	return t.progress(r), nil
}

// Update implements resource.Type: both properties replace, so there is nothing to change.
func (t streamType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.Read(ctx, r)
}

// Delete implements resource.Type.
func (t streamType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &logsapi.Client{Invoker: r.Invoker}
	group, name, _ := strings.Cut(r.Physical, "|")
	_, err := c.DeleteLogStream(ctx, &logsapi.DeleteLogStreamInput{LogGroupName: group, LogStreamName: name})
	return t.progress(r), unlessGone(err)
}

// Read implements resource.Type.
func (t streamType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &logsapi.Client{Invoker: r.Invoker}
	group, name, _ := strings.Cut(r.Physical, "|")
	out, err := c.DescribeLogStreams(ctx, &logsapi.DescribeLogStreamsInput{LogGroupName: &group, LogStreamNamePrefix: &name, Limit: wire.P(int32(1))})
	if err != nil {
		return nil, err
	}
	if len(out.LogStreams) == 0 || wire.V(out.LogStreams[0].LogStreamName) != name {
		return nil, noStream()
	}
	return t.progress(r), nil
}
