package sqs

import (
	"context"
	"errors"
	"sort"
	"strings"

	sqsapi "virga/api/sqs"
	"virga/internal/resource"
	"virga/internal/wire"
)

// queueType is AWS::SQS::Queue (AWS CloudFormation Template Reference): its physical id, which Ref gives, is the URL.
type queueType struct{}

// Name implements resource.Type.
func (queueType) Name() string { return "AWS::SQS::Queue" }

// attributesOf are the properties that are attributes of the same name, with their defaults.
var attributesOf = []struct{ name, def string }{{"DelaySeconds", "0"}, {"MaximumMessageSize", itoa(sizeDefault)}, {"MessageRetentionPeriod", itoa(retentionDefault)},
	{"ReceiveMessageWaitTimeSeconds", "0"}, {"VisibilityTimeout", itoa(visibilityDefault)}, {"RedrivePolicy", ""}, {"RedriveAllowPolicy", ""}, {"SqsManagedSseEnabled", "true"}}

// Supports implements resource.Type.
func (queueType) Supports() []string {
	out := []string{"QueueName", "Tags"}
	for _, a := range attributesOf {
		out = append(out, a.name)
	}
	return out
}

func queueName(r *resource.Request) string {
	if n := r.Properties.Str("QueueName"); n != "" {
		return n
	}
	return r.Name(80)
}

// attributes gives what the properties ask for; with all, defaults stand for what they leave out.
func (queueType) attributes(p resource.Properties, all bool) (map[string]string, error) {
	out := map[string]string{}
	for _, a := range attributesOf {
		if !p.Has(a.name) {
			if all {
				out[a.name] = a.def
			}
			continue
		}
		v, err := p.JSON(a.name)
		if err != nil {
			return nil, err
		}
		if v = strings.Trim(v, `"`); v == "" {
			v = p.Str(a.name)
		}
		out[a.name] = v
	}
	return out, nil
}

func tagsOf(r *resource.Request) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range r.Tags {
		if !strings.HasPrefix(k, "aws:") { // CloudFormation's own stand beside the queue, not on it
			out[k] = v
		}
	}
	var list []struct{ Key, Value string }
	if err := r.Properties.Decode("Tags", &list); err != nil {
		return nil, err
	}
	for _, t := range list {
		out[t.Key] = t.Value
	}
	return out, nil
}

// Create implements resource.Type.
func (t queueType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	attrs, err := t.attributes(r.Properties, false)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	o, err := (&sqsapi.Client{Invoker: r.Invoker}).CreateQueue(ctx, &sqsapi.CreateQueueInput{QueueName: queueName(r), Attributes: attrs, Tags: tags})
	if err != nil {
		return nil, err
	}
	return t.progress(r, wire.V(o.QueueUrl)), nil
}

func (queueType) progress(r *resource.Request, url string) *resource.Progress {
	account, name, err := locate(url)
	if err != nil {
		account, name = r.Call.Account, queueName(r)
	}
	return &resource.Progress{Physical: url, Attributes: map[string]any{"Arn": "arn:aws:sqs:" + r.Call.Region + ":" + account + ":" + name, "QueueName": name, "QueueUrl": url}}
}

// Update implements resource.Type.
func (t queueType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &sqsapi.Client{Invoker: r.Invoker}
	attrs, err := t.attributes(r.Properties, true)
	if err != nil {
		return nil, err
	}
	if _, err := c.SetQueueAttributes(ctx, &sqsapi.SetQueueAttributesInput{QueueUrl: r.Physical, Attributes: attrs}); err != nil {
		return nil, err
	}
	want, err := tagsOf(r)
	if err != nil {
		return nil, err
	}
	have, err := c.ListQueueTags(ctx, &sqsapi.ListQueueTagsInput{QueueUrl: r.Physical})
	if err != nil {
		return nil, err
	}
	var gone []string
	for k := range have.Tags {
		if _, ok := want[k]; !ok {
			gone = append(gone, k)
		}
	}
	sort.Strings(gone)
	if len(gone) > 0 {
		if _, err := c.UntagQueue(ctx, &sqsapi.UntagQueueInput{QueueUrl: r.Physical, TagKeys: gone}); err != nil {
			return nil, err
		}
	}
	if len(want) > 0 {
		if _, err := c.TagQueue(ctx, &sqsapi.TagQueueInput{QueueUrl: r.Physical, Tags: want}); err != nil {
			return nil, err
		}
	}
	return t.progress(r, r.Physical), nil
}

// Delete implements resource.Type.
func (queueType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := (&sqsapi.Client{Invoker: r.Invoker}).DeleteQueue(ctx, &sqsapi.DeleteQueueInput{QueueUrl: r.Physical})
	return &resource.Progress{}, absent(err)
}

func absent(err error) error {
	var e *sqsapi.QueueDoesNotExist
	if errors.As(err, &e) {
		return nil
	}
	return err
}

// Read implements resource.Type.
func (t queueType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	if _, err := (&sqsapi.Client{Invoker: r.Invoker}).GetQueueAttributes(ctx, &sqsapi.GetQueueAttributesInput{QueueUrl: r.Physical, AttributeNames: []string{"QueueArn"}}); err != nil {
		return nil, err
	}
	return t.progress(r, r.Physical), nil
}

// queuePolicyType is AWS::SQS::QueuePolicy: one policy put on several queues.
type queuePolicyType struct{}

// Name implements resource.Type.
func (queuePolicyType) Name() string { return "AWS::SQS::QueuePolicy" }

// Supports implements resource.Type.
func (queuePolicyType) Supports() []string { return []string{"PolicyDocument", "Queues"} }

// PhysicalName implements resource.Namer.
func (queuePolicyType) PhysicalName(r *resource.Request) string { return r.Name(100) }

func (queuePolicyType) put(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	doc, err := r.Properties.JSON("PolicyDocument")
	if err != nil {
		return nil, err
	}
	c := &sqsapi.Client{Invoker: r.Invoker}
	now := map[string]bool{}
	for _, q := range r.Properties.Strings("Queues") {
		now[q] = true
		if _, err := c.SetQueueAttributes(ctx, &sqsapi.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"Policy": doc}}); err != nil {
			return nil, err
		}
	}
	for _, q := range r.Previous.Strings("Queues") {
		if !now[q] {
			if _, err := c.SetQueueAttributes(ctx, &sqsapi.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"Policy": ""}}); absent(err) != nil {
				return nil, err
			}
		}
	}
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Id": r.Physical}}, nil
}

// Create implements resource.Type.
func (t queuePolicyType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.put(ctx, r)
}

// Update implements resource.Type.
func (t queuePolicyType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.put(ctx, r)
}

// Delete implements resource.Type.
func (queuePolicyType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	for _, q := range r.Properties.Strings("Queues") {
		_, err := (&sqsapi.Client{Invoker: r.Invoker}).SetQueueAttributes(ctx, &sqsapi.SetQueueAttributesInput{QueueUrl: q, Attributes: map[string]string{"Policy": ""}})
		if absent(err) != nil {
			return nil, err
		}
	}
	return &resource.Progress{}, nil
}

// Read implements resource.Type.
func (queuePolicyType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Id": r.Physical}}, nil
}
