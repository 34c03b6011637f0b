package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	lambdaapi "virga/api/lambda"
	"virga/internal/compute"
	"virga/internal/env"
	"virga/internal/wire"
)

const (
	payloadSyncMax  = 6 << 20
	payloadAsyncMax = 1 << 20
	contextMax      = 3583 // bytes of a client context before base 64
)

// Invoke implements the operation: the event is run (RequestResponse), kept for later (Event), or only checked (DryRun).
func (s *Service) Invoke(ctx context.Context, in *lambdaapi.InvokeInput) (*lambdaapi.InvokeOutput, error) {
	c := wire.CallOf(ctx)
	x, err := locate(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	switch {
	case in.DurableExecutionName != nil:
		return nil, wire.Unsupported("Invoke: DurableExecutionName")
	case in.TenantId != nil:
		return nil, wire.Unsupported("Invoke: TenantId")
	}
	t, err := s.find(ctx, x)
	if err != nil {
		return nil, err
	}
	kind := wire.Or(in.InvocationType, "RequestResponse")
	max := payloadSyncMax
	if kind == "Event" {
		max = payloadAsyncMax
	}
	if len(in.Payload) > max {
		return nil, &lambdaapi.RequestTooLargeException{Message: fmt.Sprintf("%d byte payload is too large for the %s invocation type (limit %d bytes)", len(in.Payload), kind, max), Type: wire.P("User")}
	}
	payload, err := checkPayload(in.Payload)
	if err != nil {
		return nil, err
	}
	cc, err := clientContext(in.ClientContext)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "DryRun":
		return &lambdaapi.InvokeOutput{StatusCode: wire.P(int32(204))}, nil
	case "Event":
		return &lambdaapi.InvokeOutput{StatusCode: wire.P(int32(202)), Payload: []byte{}}, s.enqueue(ctx, x, t, payload, cc)
	}
	if t, err = s.active(ctx, x, t); err != nil {
		return nil, err
	}
	v, f := s.pick(t)
	r, err := s.cfg.Compute.Invoke(ctx, f, compute.Invocation{RequestID: c.RequestID, InvokedARN: x.qualified(), Payload: payload, ClientContext: cc,
		Tail: wire.V(in.LogType) == "Tail", Reserved: reservation(t)})
	if err != nil {
		return nil, translate(err)
	}
	out := &lambdaapi.InvokeOutput{StatusCode: wire.P(int32(200)), Payload: r.Payload, ExecutedVersion: wire.P(v.label())}
	if r.Error != "" {
		out.FunctionError = &r.Error
	}
	if wire.V(in.LogType) == "Tail" {
		out.LogResult = wire.P(base64.StdEncoding.EncodeToString(r.Tail))
	}
	return out, nil
}

// InvokeRequires implements the operation's requirements.
func (s *Service) InvokeRequires(ctx context.Context, in *lambdaapi.InvokeInput, r *wire.Requirements) error {
	return s.need(ctx, r, "InvokeFunction", in.FunctionName, in.Qualifier)
}

func reservation(t *target) int {
	return int(t.fn.Reserved) - 1
}

// pick chooses the version of a weighted alias by chance.
func (s *Service) pick(t *target) (*version, *compute.Function) {
	if t.second != nil && float64(env.Uint64n(s.cfg.Env, 1_000_000))/1_000_000 < t.alias.Weight {
		return t.second, t.runSecond
	}
	return t.version, t.run
}

// active waits for a function that is being made.
func (s *Service) active(ctx context.Context, x ref, t *target) (*target, error) {
	if t.version.State == "Active" {
		return t, nil
	}
	w := s.cfg.Env.Watch(stateTopic(x.account, x.region, x.name))
	defer w.Close()
	until := s.cfg.Env.Now().Add(stateWaitMax)
	for {
		var err error
		if t, err = s.find(ctx, x); err != nil {
			return nil, err
		}
		switch t.version.State {
		case "Active":
			return t, nil
		case "Failed":
			return nil, conflict("The operation cannot be performed at this time. The function is currently in the following state: Failed")
		}
		now := s.cfg.Env.Now()
		if !now.Before(until) {
			return nil, conflict("The operation cannot be performed at this time. The function is currently in the following state: %s", t.version.State)
		}
		if _, err := w.Wait(ctx, minTime(until, now.Add(250*time.Millisecond))); err != nil {
			return nil, err
		}
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// checkPayload refuses what is no JSON; no payload is an empty object.
func checkPayload(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return []byte("{}"), nil
	}
	if !json.Valid(b) {
		var v any
		why := "not a JSON value"
		if err := json.Unmarshal(b, &v); err != nil {
			why = err.Error()
		}
		return nil, &lambdaapi.InvalidRequestContentException{Message: "Could not parse request body into json: Could not parse payload into json: " + why, Type: wire.P("User")}
	}
	return b, nil
}

func clientContext(in *string) (string, error) {
	if in == nil || *in == "" {
		return "", nil
	}
	b, err := base64.StdEncoding.DecodeString(*in)
	if err != nil || len(b) > contextMax || !json.Valid(b) {
		return "", &lambdaapi.InvalidRequestContentException{Message: "Client context must be a valid Base64-encoded JSON object.", Type: wire.P("User")}
	}
	return string(b), nil
}

// translate makes AWS's errors of what kept an event from running.
func translate(err error) error {
	switch {
	case errors.Is(err, compute.ErrReserved):
		return &lambdaapi.TooManyRequestsException{Message: "Rate Exceeded.", Reason: wire.P("ReservedFunctionConcurrentInvocationLimitExceeded"), Type: wire.P("User")}
	case errors.Is(err, compute.ErrThrottled):
		return &lambdaapi.TooManyRequestsException{Message: "Rate Exceeded.", Reason: wire.P("ConcurrentInvocationLimitExceeded"), Type: wire.P("User")}
	case errors.Is(err, compute.ErrNoRuntime):
		return &lambdaapi.InvalidRuntimeException{Message: err.Error(), Type: wire.P("User")}
	case errors.Is(err, compute.ErrClosed):
		return &lambdaapi.ServiceException{Message: "The server is going down.", Type: wire.P("Service")}
	}
	return err
}
