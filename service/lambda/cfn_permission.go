package lambda

import (
	"context"
	"errors"
	"strings"

	lambdaapi "virga/api/lambda"
	"virga/internal/resource"
	"virga/internal/wire"
)

// permissionType is AWS::Lambda::Permission: its physical id is the statement's.
type permissionType struct{}

// Name implements resource.Type.
func (permissionType) Name() string { return "AWS::Lambda::Permission" }

// Supports implements resource.Type.
func (permissionType) Supports() []string {
	return []string{"FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken", "FunctionUrlAuthType", "PrincipalOrgID", "InvokedViaFunctionUrl"}
}

// PhysicalName implements resource.Namer.
func (permissionType) PhysicalName(r *resource.Request) string { return r.Name(100) }

// Create implements resource.Type.
func (permissionType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &lambdaapi.AddPermissionInput{StatementId: r.Physical}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	_, err := (&lambdaapi.Client{Invoker: r.Invoker}).AddPermission(ctx, in)
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Id": r.Physical}}, err
}

// Update implements resource.Type: every property replaces.
func (p permissionType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return p.Read(ctx, r)
}

// Delete implements resource.Type.
func (permissionType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := (&lambdaapi.Client{Invoker: r.Invoker}).RemovePermission(ctx, &lambdaapi.RemovePermissionInput{FunctionName: r.Properties.Str("FunctionName"), StatementId: r.Physical})
	return &resource.Progress{}, gone(err)
}

// Read implements resource.Type.
func (permissionType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Id": r.Physical}}, nil
}

// mappingType is AWS::Lambda::EventSourceMapping.
type mappingType struct{}

// Name implements resource.Type.
func (mappingType) Name() string { return "AWS::Lambda::EventSourceMapping" }

// Supports implements resource.Type.
func (mappingType) Supports() []string {
	return []string{"FunctionName", "EventSourceArn", "BatchSize", "Enabled", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "ScalingConfig", "FilterCriteria", "Tags"}
}

// Create implements resource.Type.
func (t mappingType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &lambdaapi.Client{Invoker: r.Invoker}
	if r.Context != nil {
		return t.settled(ctx, c, r.Physical)
	}
	in := &lambdaapi.CreateEventSourceMappingInput{}
	p := resource.Properties{}
	for k, v := range r.Properties {
		if k != "Tags" {
			p[k] = v
		}
	}
	if err := resource.Decode(p, in); err != nil {
		return nil, err
	}
	in.Tags = tagsFor(r, r.Properties)
	o, err := c.CreateEventSourceMapping(ctx, in)
	if err != nil {
		return nil, err
	}
	return t.settled(ctx, c, wire.V(o.UUID))
}

func (mappingType) settled(ctx context.Context, c *lambdaapi.Client, uuid string) (*resource.Progress, error) {
	o, err := c.GetEventSourceMapping(ctx, &lambdaapi.GetEventSourceMappingInput{UUID: uuid})
	if err != nil {
		return nil, err
	}
	p := &resource.Progress{Physical: uuid, Attributes: map[string]any{"Id": uuid, "EventSourceMappingArn": wire.V(o.EventSourceMappingArn)}}
	switch wire.V(o.State) {
	case "Creating", "Updating", "Enabling", "Disabling":
		p.Pending, p.After, p.Context = true, pendingAfter, []byte{1}
	}
	return p, nil
}

// Update implements resource.Type.
func (t mappingType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &lambdaapi.Client{Invoker: r.Invoker}
	if r.Context != nil {
		return t.settled(ctx, c, r.Physical)
	}
	in := &lambdaapi.UpdateEventSourceMappingInput{UUID: r.Physical}
	p := resource.Properties{}
	for k, v := range r.Properties {
		if k != "EventSourceArn" && k != "Tags" {
			p[k] = v
		}
	}
	if err := resource.Decode(p, in); err != nil {
		return nil, err
	}
	if in.Enabled == nil {
		in.Enabled = wire.P(true)
	}
	if in.FilterCriteria == nil {
		in.FilterCriteria = &lambdaapi.FilterCriteria{}
	}
	if in.FunctionResponseTypes == nil {
		in.FunctionResponseTypes = []string{}
	}
	o, err := c.UpdateEventSourceMapping(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := retag(ctx, c, wire.V(o.EventSourceMappingArn), tagsFor(r, r.Properties)); err != nil {
		return nil, err
	}
	return t.settled(ctx, c, r.Physical)
}

// Delete implements resource.Type: it ends when the mapping is gone.
func (mappingType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &lambdaapi.Client{Invoker: r.Invoker}
	if r.Context == nil {
		if _, err := c.DeleteEventSourceMapping(ctx, &lambdaapi.DeleteEventSourceMappingInput{UUID: r.Physical}); err != nil {
			return &resource.Progress{}, gone(err)
		}
	}
	_, err := c.GetEventSourceMapping(ctx, &lambdaapi.GetEventSourceMappingInput{UUID: r.Physical})
	var nf *lambdaapi.ResourceNotFoundException
	if errors.As(err, &nf) {
		return &resource.Progress{}, nil
	}
	return &resource.Progress{Physical: r.Physical, Pending: true, After: pendingAfter, Context: []byte{1}}, err
}

// Read implements resource.Type.
func (t mappingType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.settled(ctx, &lambdaapi.Client{Invoker: r.Invoker}, r.Physical)
}

// invokeConfigType is AWS::Lambda::EventInvokeConfig; its physical id is function|qualifier.
type invokeConfigType struct{}

// Name implements resource.Type.
func (invokeConfigType) Name() string { return "AWS::Lambda::EventInvokeConfig" }

// Supports implements resource.Type.
func (invokeConfigType) Supports() []string {
	return []string{"FunctionName", "Qualifier", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig"}
}

// PhysicalName implements resource.Namer.
func (invokeConfigType) PhysicalName(r *resource.Request) string {
	return r.Properties.Str("FunctionName") + "|" + r.Properties.Str("Qualifier")
}

// Create implements resource.Type.
func (t invokeConfigType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	in := &lambdaapi.PutFunctionEventInvokeConfigInput{}
	if err := resource.Decode(r.Properties, in); err != nil {
		return nil, err
	}
	_, err := (&lambdaapi.Client{Invoker: r.Invoker}).PutFunctionEventInvokeConfig(ctx, in)
	return &resource.Progress{Physical: r.Physical}, err
}

// Update implements resource.Type.
func (t invokeConfigType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.Create(ctx, r)
}

// Delete implements resource.Type.
func (invokeConfigType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	fn, q, _ := strings.Cut(r.Physical, "|")
	_, err := (&lambdaapi.Client{Invoker: r.Invoker}).DeleteFunctionEventInvokeConfig(ctx, &lambdaapi.DeleteFunctionEventInvokeConfigInput{FunctionName: fn, Qualifier: &q})
	return &resource.Progress{}, gone(err)
}

// Read implements resource.Type.
func (invokeConfigType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical}, nil
}
