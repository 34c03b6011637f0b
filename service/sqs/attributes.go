package sqs

import (
	"context"
	"encoding/json"
	"sort"
	"strconv"
	"strings"

	sqsapi "virga/api/sqs"
	"virga/internal/wire"
)

// Limits and defaults of queue attributes (Amazon SQS API Reference, SetQueueAttributes).
const (
	delayMax          = 900
	sizeMin           = 1024
	sizeMax           = 1 << 20
	sizeDefault       = 1 << 20
	retentionMin      = 60
	retentionMax      = 1209600
	retentionDefault  = 345600
	waitMax           = 20
	visibilityMax     = 43200
	visibilityDefault = 30
	receiveCountMax   = 1000
	policyBytesMax    = 8192
)

type redrivePolicy struct {
	DeadLetterTargetArn string `json:"deadLetterTargetArn"`
	MaxReceiveCount     any    `json:"maxReceiveCount"`
}

type redriveAllow struct {
	RedrivePermission string   `json:"redrivePermission"`
	SourceQueueArns   []string `json:"sourceQueueArns"`
}

// apply sets attributes on a queue. create tells CreateQueue from SetQueueAttributes.
func (s *Service) apply(ctx context.Context, q *queue, attrs map[string]string, create bool) error {
	names := make([]string, 0, len(attrs))
	for n := range attrs {
		names = append(names, n)
	}
	sort.Strings(names)
	op := "SetQueueAttributes"
	if create {
		op = "CreateQueue"
	}
	for _, n := range names {
		v := attrs[n]
		var err error
		switch n {
		case "DelaySeconds":
			err = number(n, v, 0, delayMax, &q.Delay)
		case "MaximumMessageSize":
			err = number(n, v, sizeMin, sizeMax, &q.MaxSize)
		case "MessageRetentionPeriod":
			err = number(n, v, retentionMin, retentionMax, &q.Retention)
		case "ReceiveMessageWaitTimeSeconds":
			err = number(n, v, 0, waitMax, &q.ReceiveWait)
		case "VisibilityTimeout":
			err = number(n, v, 0, visibilityMax, &q.Visibility)
		case "SqsManagedSseEnabled":
			switch v {
			case "true", "false":
				q.SSEOff = v == "false"
			default:
				err = badAttribute(n)
			}
		case "Policy":
			if v != "" && (len(v) > policyBytesMax || !json.Valid([]byte(v))) {
				err = badAttribute(n)
			}
			q.Policy = v
		case "RedrivePolicy":
			err = s.setRedrive(ctx, q, v)
		case "RedriveAllowPolicy":
			err = setAllow(q, v)
		case "KmsMasterKeyId":
			if v != "" {
				err = wire.Unsupported(op + ": " + "the attribute KmsMasterKeyId")
			}
		case "KmsDataKeyReusePeriodSeconds":
			var n64 int64
			err = number(n, v, 60, 86400, &n64)
			if err == nil && n64 != 300 {
				err = wire.Unsupported(op + ": " + "the attribute KmsDataKeyReusePeriodSeconds")
			}
		case "FifoQueue":
			switch {
			case create && v == "true":
				err = wire.Unsupported(op + ": " + "FifoQueue=true (FIFO queues)")
			case create:
				err = unknownAttribute(n)
			default:
				err = &sqsapi.InvalidAttributeValue{Message: "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."}
			}
		case "ContentBasedDeduplication":
			err = unknownAttribute(n)
		case "DeduplicationScope", "FifoThroughputLimit":
			err = &sqsapi.InvalidAttributeName{Message: "You can specify the " + n + " only when FifoQueue is set to true."}
		default:
			err = unknownAttribute(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func number(name, v string, min, max int64, to *int64) error {
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil || n < min || n > max {
		return badAttribute(name)
	}
	*to = n
	return nil
}

func (s *Service) setRedrive(ctx context.Context, q *queue, v string) error {
	if v == "" {
		q.RedrivePolicy, q.DeadLetterARN, q.MaxReceive = "", "", 0
		return nil
	}
	bad := func(why string) error {
		return wire.Errorf("InvalidParameterValue", 400, "Value %s for parameter RedrivePolicy is invalid. Reason: %s", v, why)
	}
	var p redrivePolicy
	if json.Unmarshal([]byte(v), &p) != nil {
		return bad("Redrive policy is not a valid JSON map.")
	}
	if p.DeadLetterTargetArn == "" {
		return bad("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	}
	var n int64
	switch x := p.MaxReceiveCount.(type) {
	case nil:
		return bad("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	case float64:
		n = int64(x)
	case string:
		n, _ = strconv.ParseInt(x, 10, 64)
	}
	if n < 1 || n > receiveCountMax {
		return bad("Invalid value for maxReceiveCount: must be an integer between 1 and 1000.")
	}
	d, err := s.byARN(ctx, p.DeadLetterTargetArn)
	if err != nil || d.Account != q.Account || d.Region != q.Region {
		return bad("Dead letter target does not exist.")
	}
	if d.RedriveAllow != "" {
		var a redriveAllow
		if json.Unmarshal([]byte(d.RedriveAllow), &a) == nil {
			ok := a.RedrivePermission == "" || a.RedrivePermission == "allowAll"
			for _, x := range a.SourceQueueArns {
				ok = ok || a.RedrivePermission == "byQueue" && x == q.arn()
			}
			if !ok {
				return bad("The dead letter queue does not allow this source queue.")
			}
		}
	}
	b, err := json.Marshal(map[string]any{"deadLetterTargetArn": p.DeadLetterTargetArn, "maxReceiveCount": n})
	if err != nil {
		return err
	}
	q.RedrivePolicy, q.DeadLetterARN, q.MaxReceive = string(b), p.DeadLetterTargetArn, n
	return nil
}

func setAllow(q *queue, v string) error {
	if v == "" {
		q.RedriveAllow = ""
		return nil
	}
	var a redriveAllow
	if json.Unmarshal([]byte(v), &a) != nil {
		return badAttribute("RedriveAllowPolicy")
	}
	switch a.RedrivePermission {
	case "allowAll", "denyAll":
		if a.SourceQueueArns != nil {
			return badAttribute("RedriveAllowPolicy")
		}
	case "byQueue":
		if len(a.SourceQueueArns) == 0 || len(a.SourceQueueArns) > 10 {
			return badAttribute("RedriveAllowPolicy")
		}
	default:
		return badAttribute("RedriveAllowPolicy")
	}
	q.RedriveAllow = v
	return nil
}

// same tells whether the attributes given to CreateQueue are those the queue has, and names the first that is not.
func same(a, b *queue, given map[string]string) (string, bool) {
	differs := []struct {
		name string
		same bool
	}{
		{"DelaySeconds", a.Delay == b.Delay}, {"MaximumMessageSize", a.MaxSize == b.MaxSize}, {"MessageRetentionPeriod", a.Retention == b.Retention},
		{"Policy", a.Policy == b.Policy}, {"ReceiveMessageWaitTimeSeconds", a.ReceiveWait == b.ReceiveWait}, {"RedriveAllowPolicy", a.RedriveAllow == b.RedriveAllow},
		{"RedrivePolicy", a.RedrivePolicy == b.RedrivePolicy}, {"SqsManagedSseEnabled", a.SSEOff == b.SSEOff}, {"VisibilityTimeout", a.Visibility == b.Visibility},
	}
	for _, d := range differs {
		if _, ok := given[d.name]; ok && !d.same {
			return d.name, false
		}
	}
	return "", true
}

var attributeNames = []string{"All", "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible",
	"CreatedTimestamp", "DelaySeconds", "LastModifiedTimestamp", "MaximumMessageSize", "MessageRetentionPeriod", "Policy", "QueueArn",
	"ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout",
	"KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}

// GetQueueAttributes implements the operation.
func (s *Service) GetQueueAttributes(ctx context.Context, in *sqsapi.GetQueueAttributesInput) (*sqsapi.GetQueueAttributesOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	want := map[string]bool{}
	for _, n := range in.AttributeNames {
		known := false
		for _, k := range attributeNames {
			known = known || k == n
		}
		if !known {
			return nil, unknownAttribute(n)
		}
		want[n] = true
	}
	if len(want) == 0 {
		return &sqsapi.GetQueueAttributesOutput{}, nil
	}
	all := map[string]string{
		"CreatedTimestamp": strconv.FormatInt(q.Created.Unix(), 10), "LastModifiedTimestamp": strconv.FormatInt(q.Modified.Unix(), 10),
		"DelaySeconds": itoa(q.Delay), "MaximumMessageSize": itoa(q.MaxSize), "MessageRetentionPeriod": itoa(q.Retention), "QueueArn": q.arn(),
		"ReceiveMessageWaitTimeSeconds": itoa(q.ReceiveWait), "VisibilityTimeout": itoa(q.Visibility), "SqsManagedSseEnabled": strconv.FormatBool(!q.SSEOff),
	}
	for n, v := range map[string]string{"Policy": q.Policy, "RedrivePolicy": q.RedrivePolicy, "RedriveAllowPolicy": q.RedriveAllow} {
		if v != "" {
			all[n] = v
		}
	}
	if want["All"] || want["ApproximateNumberOfMessages"] || want["ApproximateNumberOfMessagesDelayed"] || want["ApproximateNumberOfMessagesNotVisible"] {
		n, err := ask[counted](ctx, s.eng, q, countRequest{q})
		if err != nil {
			return nil, translate(err)
		}
		all["ApproximateNumberOfMessages"], all["ApproximateNumberOfMessagesNotVisible"], all["ApproximateNumberOfMessagesDelayed"] = itoa(n.visible), itoa(n.inFlight), itoa(n.delayed)
	}
	out := map[string]string{}
	for n, v := range all {
		if want["All"] || want[n] {
			out[n] = v
		}
	}
	return &sqsapi.GetQueueAttributesOutput{Attributes: out}, nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// GetQueueAttributesRequires implements the operation's requirements.
func (s *Service) GetQueueAttributesRequires(ctx context.Context, in *sqsapi.GetQueueAttributesInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "GetQueueAttributes")
}

// SetQueueAttributes implements the operation.
func (s *Service) SetQueueAttributes(ctx context.Context, in *sqsapi.SetQueueAttributesInput) (*sqsapi.SetQueueAttributesOutput, error) {
	if len(in.Attributes) == 0 {
		return nil, missing("Attributes")
	}
	err := s.change(ctx, in.QueueUrl, func(q *queue) error { return s.apply(ctx, q, in.Attributes, false) })
	return &sqsapi.SetQueueAttributesOutput{}, err
}

// SetQueueAttributesRequires implements the operation's requirements.
func (s *Service) SetQueueAttributesRequires(ctx context.Context, in *sqsapi.SetQueueAttributesInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "SetQueueAttributes")
}
