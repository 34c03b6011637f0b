package lambda

import (
	"context"
	"strings"
	"time"

	lambdaapi "virga/api/lambda"
	sqsapi "virga/api/sqs"
	"virga/internal/env"
	"virga/internal/eventpattern"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of mappings from SQS (AWS Lambda Developer Guide, Using Lambda with Amazon SQS).
const (
	batchDefault = 10
	batchMax     = 10_000
	batchPlain   = 10 // without a batching window
	filtersMax   = 5
)

func (m *mapping) arn(account, region string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":event-source-mapping:" + m.UUID
}

func (m *mapping) target(account, region string) ref {
	return ref{account: account, region: region, name: m.Function, qualifier: m.Qualifier}
}

func showMapping(account, region string, m *mapping) *lambdaapi.EventSourceMappingConfiguration {
	o := &lambdaapi.EventSourceMappingConfiguration{UUID: &m.UUID, BatchSize: &m.Batch, MaximumBatchingWindowInSeconds: &m.Window, EventSourceArn: &m.Source,
		FunctionArn: wire.P(m.target(account, region).qualified()), LastModified: &m.Modified, State: &m.State, StateTransitionReason: &m.Reason,
		EventSourceMappingArn: wire.P(m.arn(account, region)), FunctionResponseTypes: []string{}}
	if m.Report {
		o.FunctionResponseTypes = []string{"ReportBatchItemFailures"}
	}
	if len(m.Filters) > 0 {
		o.FilterCriteria = &lambdaapi.FilterCriteria{}
		for _, f := range m.Filters {
			o.FilterCriteria.Filters = append(o.FilterCriteria.Filters, lambdaapi.Filter{Pattern: &f})
		}
	}
	if m.MaxAtOnce > 0 {
		o.ScalingConfig = &lambdaapi.ScalingConfig{MaximumConcurrency: &m.MaxAtOnce}
	}
	return o
}

// refuseMapping names the first thing asked for that a mapping from SQS does not have, here or on AWS.
func refuseMapping(in *lambdaapi.CreateEventSourceMappingInput) error {
	source := wire.V(in.EventSourceArn)
	switch {
	case source == "" && in.SelfManagedEventSource != nil:
		return wire.Unsupported("CreateEventSourceMapping: SelfManagedEventSource")
	case source == "" || !strings.HasPrefix(source, "arn:"):
		return invalid("Unrecognized event source.")
	case !strings.HasPrefix(source, "arn:aws:sqs:"):
		return wire.Unsupported("CreateEventSourceMapping: EventSourceArn " + source + " (queues of SQS are)")
	case strings.HasSuffix(source, ".fifo"):
		return wire.Unsupported("CreateEventSourceMapping: FIFO queues")
	case in.StartingPosition != nil || in.StartingPositionTimestamp != nil:
		return invalid("StartingPosition is not valid for SQS event sources.")
	case in.ParallelizationFactor != nil || in.BisectBatchOnFunctionError != nil || in.MaximumRetryAttempts != nil || in.MaximumRecordAgeInSeconds != nil || in.TumblingWindowInSeconds != nil && *in.TumblingWindowInSeconds > 0:
		return invalid("Unsupported parameter for given event source mapping type.")
	case in.DestinationConfig != nil && (in.DestinationConfig.OnFailure != nil || in.DestinationConfig.OnSuccess != nil):
		return invalid("Unsupported DestinationConfig parameter for given event source mapping type.")
	case len(in.Topics)+len(in.Queues)+len(in.SourceAccessConfigurations) > 0 || in.AmazonManagedKafkaEventSourceConfig != nil || in.SelfManagedKafkaEventSourceConfig != nil || in.DocumentDBEventSourceConfig != nil:
		return invalid("Unsupported parameter for given event source mapping type.")
	case in.KMSKeyArn != nil:
		return wire.Unsupported("CreateEventSourceMapping: KMSKeyArn")
	case in.MetricsConfig != nil && len(in.MetricsConfig.Metrics) > 0:
		return wire.Unsupported("CreateEventSourceMapping: MetricsConfig")
	case in.LoggingConfig != nil:
		return wire.Unsupported("CreateEventSourceMapping: LoggingConfig")
	case in.ProvisionedPollerConfig != nil:
		return wire.Unsupported("CreateEventSourceMapping: ProvisionedPollerConfig")
	}
	return nil
}

// filtersOf reads filter criteria and refuses patterns that are none.
func filtersOf(in *lambdaapi.FilterCriteria) ([]string, error) {
	if in == nil {
		return nil, nil
	}
	if len(in.Filters) > filtersMax {
		return nil, invalid("Filter criteria can have at most %d filters.", filtersMax)
	}
	var out []string
	for _, f := range in.Filters {
		out = append(out, wire.V(f.Pattern))
	}
	if _, err := eventpattern.ParseFilters(out, eventpattern.SourceSQS, eventpattern.Limits{}); err != nil {
		return nil, invalid(eventpattern.FilterRefusal)
	}
	return out, nil
}

func checkBatch(m *mapping) error {
	if m.Batch > batchPlain && m.Window == 0 {
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	return nil
}

// checkSource refuses a queue that the role cannot poll, and one whose messages would come back while the function runs.
func (s *Service) checkSource(ctx context.Context, t *target, source string) error {
	for _, a := range []string{"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"} {
		ok, err := s.cfg.Allows(ctx, t.version.Role, "sqs:"+a, source)
		if err != nil {
			return err
		}
		if !ok {
			return invalid("The provided execution role does not have permissions to call %s on SQS", a)
		}
	}
	inv, err := s.cfg.Role(ctx, t.version.Role, "awslambda-mapping")
	if err != nil {
		return err
	}
	q, err := (&sqsapi.Client{Invoker: inv}).GetQueueAttributes(ctx, &sqsapi.GetQueueAttributesInput{QueueUrl: queueURL(source), AttributeNames: []string{"VisibilityTimeout"}})
	if err != nil {
		if !wire.Known(err) {
			return err
		}
		in := wire.Info(sqsapi.Model.Schema, wire.Query, err)
		return invalid("Error occurred while ReceiveMessage. SQS Error Code: %s. SQS Error Message: %s", in.QueryCode, "The specified queue does not exist.")
	}
	visible, err := time.ParseDuration(q.Attributes["VisibilityTimeout"] + "s")
	if err == nil && visible < t.run.Timeout {
		return invalid("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", int(visible.Seconds()), int(t.run.Timeout.Seconds()))
	}
	return nil
}

// CreateEventSourceMapping implements the operation for queues.
func (s *Service) CreateEventSourceMapping(ctx context.Context, in *lambdaapi.CreateEventSourceMappingInput) (*lambdaapi.CreateEventSourceMappingOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := refuseMapping(in); err != nil {
		return nil, err
	}
	t, err := s.find(ctx, x)
	if err != nil {
		return nil, invalid("Function does not exist")
	}
	m := &mapping{UUID: env.NewID(s.cfg.Env), Source: *in.EventSourceArn, Function: x.name, Qualifier: x.qualifier, FunctionID: t.fn.ID, Batch: wire.Or(in.BatchSize, batchDefault),
		Window: wire.V(in.MaximumBatchingWindowInSeconds), State: "Creating", Reason: "USER_INITIATED", Modified: s.cfg.Env.Now(), Tags: in.Tags}
	if in.ScalingConfig != nil {
		m.MaxAtOnce = wire.V(in.ScalingConfig.MaximumConcurrency)
	}
	m.Report = len(in.FunctionResponseTypes) > 0
	if m.Filters, err = filtersOf(in.FilterCriteria); err != nil {
		return nil, err
	}
	if err := checkBatch(m); err != nil {
		return nil, err
	}
	if err := s.checkSource(ctx, t, m.Source); err != nil {
		return nil, err
	}
	off := in.Enabled != nil && !*in.Enabled
	var out *lambdaapi.EventSourceMappingConfiguration
	err = s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		if answer, done := job.Once(tx, c.Account, c.EffectID); done {
			if old, ok := store.Load[mapping](tx, mappingKey(c.Account, c.Region, string(answer))); ok {
				out = showMapping(c.Account, c.Region, old)
				return nil
			}
		}
		var dup string
		store.Each(tx, store.Prefix(key(c.Account, "m", c.Region)), func(_ store.Key, o *mapping) bool {
			if o.Source == m.Source && o.Function == m.Function && o.Qualifier == m.Qualifier {
				dup = o.UUID
			}
			return dup == ""
		})
		if dup != "" {
			return conflict("An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. Please update or delete the existing mapping with UUID %s", m.Source, m.Function, dup)
		}
		row := *m
		if off {
			row.State = "Creating"
		}
		store.Put(tx, mappingKey(c.Account, c.Region, m.UUID), &row)
		job.At(tx, c.Account, c.Region, pollKind, pollID(c.Region, m.UUID, 0), m.Modified, pollPayload{Region: c.Region, UUID: m.UUID, Off: off}.bytes())
		job.Finish(tx, c.Account, c.EffectID, m.Modified, []byte(m.UUID))
		out = showMapping(c.Account, c.Region, &row)
		return nil
	})
	return out, err
}

// CreateEventSourceMappingRequires implements the operation's requirements.
func (s *Service) CreateEventSourceMappingRequires(ctx context.Context, in *lambdaapi.CreateEventSourceMappingInput, r *wire.Requirements) error {
	x, err := locate(wire.CallOf(ctx), in.FunctionName, nil)
	if err != nil {
		return err
	}
	r.Need("lambda:CreateEventSourceMapping", "*", wire.Condition{Key: "lambda:FunctionArn", Values: []string{x.qualified()}})
	return nil
}

func (s *Service) mapping(ctx context.Context, uuid string) (*mapping, error) {
	c := wire.CallOf(ctx)
	var m *mapping
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		m, _ = store.Load[mapping](r, mappingKey(c.Account, c.Region, uuid))
		return nil
	})
	if err == nil && m == nil {
		err = noMapping()
	}
	return m, err
}

func noMapping() error {
	return &lambdaapi.ResourceNotFoundException{Message: "The resource you requested does not exist.", Type: wire.P("User")}
}

// needMapping adds a requirement on a mapping, with its function as a condition.
func (s *Service) needMapping(ctx context.Context, r *wire.Requirements, action, uuid string) error {
	c := wire.CallOf(ctx)
	n := r.Need("lambda:"+action, "arn:aws:lambda:"+c.Region+":"+c.Account+":event-source-mapping:"+uuid)
	if m, err := s.mapping(ctx, uuid); err == nil {
		n.Conditions = append(n.Conditions, wire.Condition{Key: "lambda:FunctionArn", Values: []string{m.target(c.Account, c.Region).qualified()}})
	}
	return nil
}

// GetEventSourceMapping implements the operation.
func (s *Service) GetEventSourceMapping(ctx context.Context, in *lambdaapi.GetEventSourceMappingInput) (*lambdaapi.GetEventSourceMappingOutput, error) {
	c := wire.CallOf(ctx)
	m, err := s.mapping(ctx, in.UUID)
	if err != nil {
		return nil, err
	}
	return showMapping(c.Account, c.Region, m), nil
}

// GetEventSourceMappingRequires implements the operation's requirements.
func (s *Service) GetEventSourceMappingRequires(ctx context.Context, in *lambdaapi.GetEventSourceMappingInput, r *wire.Requirements) error {
	return s.needMapping(ctx, r, "GetEventSourceMapping", in.UUID)
}

// ListEventSourceMappings implements the operation.
func (s *Service) ListEventSourceMappings(ctx context.Context, in *lambdaapi.ListEventSourceMappingsInput) (*lambdaapi.ListEventSourceMappingsOutput, error) {
	c := wire.CallOf(ctx)
	var x ref
	var err error
	if in.FunctionName != nil {
		if x, err = locate(c, *in.FunctionName, nil); err != nil {
			return nil, err
		}
	}
	ms, next, err := page[mapping](ctx, s, key(c.Account, "m", c.Region), wire.V(in.FunctionName)+" "+wire.V(in.EventSourceArn), in.Marker, min(int(wire.Or(in.MaxItems, 100)), 100), func(m *mapping) bool {
		return (in.FunctionName == nil || m.Function == x.name && m.Qualifier == x.qualifier) && (in.EventSourceArn == nil || m.Source == *in.EventSourceArn)
	})
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListEventSourceMappingsOutput{EventSourceMappings: []lambdaapi.EventSourceMappingConfiguration{}, NextMarker: next}
	for i := range ms {
		out.EventSourceMappings = append(out.EventSourceMappings, *showMapping(c.Account, c.Region, &ms[i]))
	}
	return out, nil
}

// ListEventSourceMappingsRequires implements the operation's requirements.
func (s *Service) ListEventSourceMappingsRequires(ctx context.Context, in *lambdaapi.ListEventSourceMappingsInput, r *wire.Requirements) error {
	r.Need("lambda:ListEventSourceMappings", "*")
	return nil
}

// UpdateEventSourceMapping implements the operation.
func (s *Service) UpdateEventSourceMapping(ctx context.Context, in *lambdaapi.UpdateEventSourceMappingInput) (*lambdaapi.UpdateEventSourceMappingOutput, error) {
	c := wire.CallOf(ctx)
	err := refuseMapping(&lambdaapi.CreateEventSourceMappingInput{EventSourceArn: wire.P("arn:aws:sqs:"), FilterCriteria: in.FilterCriteria, KMSKeyArn: in.KMSKeyArn, MetricsConfig: in.MetricsConfig,
		LoggingConfig: in.LoggingConfig, ParallelizationFactor: in.ParallelizationFactor, DestinationConfig: in.DestinationConfig, MaximumRecordAgeInSeconds: in.MaximumRecordAgeInSeconds,
		BisectBatchOnFunctionError: in.BisectBatchOnFunctionError, MaximumRetryAttempts: in.MaximumRetryAttempts, TumblingWindowInSeconds: in.TumblingWindowInSeconds,
		SourceAccessConfigurations: in.SourceAccessConfigurations, ProvisionedPollerConfig: in.ProvisionedPollerConfig})
	if err != nil {
		return nil, err
	}
	m, err := s.mapping(ctx, in.UUID)
	if err != nil {
		return nil, err
	}
	x := m.target(c.Account, c.Region)
	if in.FunctionName != nil {
		if x, err = locate(c, *in.FunctionName, nil); err != nil {
			return nil, err
		}
	}
	t, err := s.find(ctx, x)
	if err != nil {
		return nil, invalid("Function does not exist")
	}
	if err := s.checkSource(ctx, t, m.Source); err != nil {
		return nil, err
	}
	filters, err := filtersOf(in.FilterCriteria)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	var out *lambdaapi.EventSourceMappingConfiguration
	err = s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		k := mappingKey(c.Account, c.Region, in.UUID)
		m, ok := store.Load[mapping](tx, k)
		if !ok {
			return noMapping()
		}
		if in.FilterCriteria != nil {
			m.Filters = filters
		}
		if m.State == "Deleting" || m.State == "Creating" || m.State == "Updating" {
			return &lambdaapi.ResourceInUseException{Message: "Cannot update the event source mapping because it is in use.", Type: wire.P("User")}
		}
		off := m.State == "Disabled" || m.State == "Disabling"
		if in.Enabled != nil {
			off = !*in.Enabled
		}
		m.Function, m.Qualifier, m.FunctionID = x.name, x.qualifier, t.fn.ID
		m.Batch, m.Window = wire.Or(in.BatchSize, m.Batch), wire.Or(in.MaximumBatchingWindowInSeconds, m.Window)
		if in.ScalingConfig != nil {
			m.MaxAtOnce = wire.V(in.ScalingConfig.MaximumConcurrency)
		}
		if in.FunctionResponseTypes != nil {
			m.Report = len(in.FunctionResponseTypes) > 0
		}
		if err := checkBatch(m); err != nil {
			return err
		}
		m.State, m.Modified = "Updating", now
		if in.Enabled != nil {
			m.State = map[bool]string{true: "Disabling", false: "Enabling"}[off]
		}
		store.Put(tx, k, m)
		job.At(tx, c.Account, c.Region, pollKind, pollID(c.Region, m.UUID, 0), now, pollPayload{Region: c.Region, UUID: m.UUID, Off: off}.bytes())
		out = showMapping(c.Account, c.Region, m)
		return nil
	})
	return out, err
}

// UpdateEventSourceMappingRequires implements the operation's requirements.
func (s *Service) UpdateEventSourceMappingRequires(ctx context.Context, in *lambdaapi.UpdateEventSourceMappingInput, r *wire.Requirements) error {
	return s.needMapping(ctx, r, "UpdateEventSourceMapping", in.UUID)
}

// DeleteEventSourceMapping implements the operation; a step removes the row once no poll is under way.
func (s *Service) DeleteEventSourceMapping(ctx context.Context, in *lambdaapi.DeleteEventSourceMappingInput) (*lambdaapi.DeleteEventSourceMappingOutput, error) {
	c := wire.CallOf(ctx)
	now := s.cfg.Env.Now()
	var out *lambdaapi.EventSourceMappingConfiguration
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		k := mappingKey(c.Account, c.Region, in.UUID)
		m, ok := store.Load[mapping](tx, k)
		if !ok {
			return noMapping()
		}
		m.State, m.Modified = "Deleting", now
		store.Put(tx, k, m)
		job.At(tx, c.Account, c.Region, pollKind, pollID(c.Region, m.UUID, 0), now, pollPayload{Region: c.Region, UUID: m.UUID, Off: true}.bytes())
		out = showMapping(c.Account, c.Region, m)
		return nil
	})
	return out, err
}

// DeleteEventSourceMappingRequires implements the operation's requirements.
func (s *Service) DeleteEventSourceMappingRequires(ctx context.Context, in *lambdaapi.DeleteEventSourceMappingInput, r *wire.Requirements) error {
	return s.needMapping(ctx, r, "DeleteEventSourceMapping", in.UUID)
}
