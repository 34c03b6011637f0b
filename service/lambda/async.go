package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	lambdaapi "virga/api/lambda"
	sqsapi "virga/api/sqs"
	"virga/internal/blob"
	"virga/internal/compute"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// Asynchronous invocation (AWS Lambda Developer Guide, How Lambda handles errors and retries with asynchronous
// invocation): two retries, a minute and two minutes later; throttles back off up to five minutes; six hours at most.
const (
	asyncKind       = "lambda.async"
	retriesDefault  = 2
	ageDefault      = 6 * time.Hour
	throttleBackoff = time.Second
	throttleMax     = 5 * time.Minute
	answerKept      = 256 << 10 // bytes of an answer that go to a destination
	deliverTries    = 5
)

// enqueue keeps an event for later; it is durable when this returns.
func (s *Service) enqueue(ctx context.Context, x ref, t *target, payload []byte, cc string) error {
	c := wire.CallOf(ctx)
	w := s.cfg.Blobs.Create(ctx, x.account)
	defer w.Abort()
	if _, err := w.Write(payload); err != nil {
		return err
	}
	body, err := w.Commit()
	if err != nil {
		return err
	}
	now := s.cfg.Env.Now()
	e := &event{ID: c.RequestID, Function: x.name, FunctionID: t.fn.ID, Qualifier: x.qualifier, InvokedARN: x.qualified(), Payload: body, ClientContext: cc, At: now}
	return s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		if _, done := job.Once(tx, x.account, c.EffectID); done {
			return nil
		}
		blob.Keep(tx, x.account, body)
		store.Put(tx, eventKey(x.account, x.region, e.ID), e)
		job.At(tx, x.account, x.region, asyncKind, e.ID, now, nil)
		job.Finish(tx, x.account, c.EffectID, now, nil)
		return nil
	})
}

type async struct{ s *Service }

// outcome is what a run of an event left, and where it goes.
type outcome struct {
	Target    string // destination, "" = the dead-letter queue in Letter
	Letter    string
	Condition string // Success, RetriesExhausted, EventAgeExceeded
	Error     string
	Version   string
	Role      string
	Answer    json.RawMessage
	Tries     int
	Throttled bool
	Gone      bool
}

// Step implements job.Kind.
func (k *async) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	e, ok := store.Load[event](tx, eventKey(j.Account, j.Region, j.ID))
	if !ok {
		return nil, job.End, nil
	}
	if len(j.Payload) > 0 {
		return []job.Effect{{ID: job.EffectID(j, "deliver"), Name: "deliver"}}, job.Next{}, nil
	}
	return []job.Effect{{ID: job.EffectID(j, strconv.FormatInt(e.Failures, 10)), Name: "invoke"}}, job.Next{}, nil
}

// Do implements job.Kind.
func (k *async) Do(ctx context.Context, j job.Job, eff job.Effect) job.Result {
	var e *event
	err := k.s.cfg.Store.View(ctx, func(r store.Reader) error {
		e, _ = store.Load[event](r, eventKey(j.Account, j.Region, j.ID))
		return nil
	})
	if err != nil || e == nil {
		return result(outcome{Gone: e == nil}, err)
	}
	x := ref{account: j.Account, region: j.Region, name: e.Function, qualifier: e.Qualifier}
	if eff.Name == "deliver" {
		return result(outcome{}, k.s.deliver(k.s.base(ctx, x), x, e, j.Payload, eff.ID))
	}
	t, err := k.s.find(ctx, x)
	if err != nil || t.fn.ID != e.FunctionID {
		return result(outcome{Gone: true}, nil) // the function was deleted: AWS drops its events
	}
	rules := t.fn.Async[asyncKey(e.Qualifier)]
	o := outcome{Letter: t.version.DeadLetter, Role: t.version.Role, Tries: int(e.Failures), Target: rules.OnFailure}
	age := ageDefault
	if rules.AgeMax > 0 {
		age = time.Duration(rules.AgeMax) * time.Second
	}
	if k.s.cfg.Env.Now().Sub(e.At) > age {
		o.Condition = "EventAgeExceeded"
		return result(o, nil)
	}
	payload, err := k.s.body(ctx, j.Account, e.Payload)
	if err != nil {
		return result(o, err)
	}
	if t, err = k.s.active(ctx, x, t); err != nil {
		return result(outcome{Throttled: true}, nil)
	}
	v, f := k.s.pick(t)
	r, err := k.s.cfg.Compute.Invoke(ctx, f, compute.Invocation{RequestID: e.ID, InvokedARN: e.InvokedARN, Payload: payload, ClientContext: e.ClientContext, TraceID: e.TraceID, Reserved: reservation(t)})
	if err != nil {
		if errors.Is(err, compute.ErrThrottled) || errors.Is(err, compute.ErrReserved) || errors.Is(err, compute.ErrClosed) {
			return result(outcome{Throttled: true}, nil)
		}
		return result(o, err)
	}
	o.Version, o.Error, o.Tries = v.label(), r.Error, o.Tries+1
	if len(r.Payload) <= answerKept && json.Valid(r.Payload) {
		o.Answer = r.Payload
	}
	if r.Error == "" {
		o.Condition, o.Target, o.Letter = "Success", rules.OnSuccess, ""
		return result(o, nil)
	}
	retries := retriesDefault
	if rules.Retries > 0 {
		retries = int(rules.Retries) - 1
	}
	if o.Tries > retries {
		o.Condition = "RetriesExhausted"
	}
	return result(o, nil)
}

func result(o outcome, err error) job.Result {
	if err != nil {
		return job.Result{Err: err.Error()}
	}
	b, err := json.Marshal(o)
	if err != nil {
		return job.Result{Err: err.Error()}
	}
	return job.Result{Data: b}
}

func (s *Service) body(ctx context.Context, account string, ref blob.Ref) ([]byte, error) {
	r, err := s.cfg.Blobs.Open(ctx, account, ref, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, payloadSyncMax+1))
}

// Settle implements job.Kind.
func (k *async) Settle(tx store.Tx, j *job.Job, rs []job.Result, now time.Time) (job.Next, error) {
	ek := eventKey(j.Account, j.Region, j.ID)
	e, ok := store.Load[event](tx, ek)
	if !ok {
		return job.End, nil
	}
	end := func() (job.Next, error) {
		blob.Drop(tx, j.Account, e.Payload, now)
		tx.Delete(ek)
		return job.End, nil
	}
	if rs[0].Err != "" {
		e.Throttles++
		store.Put(tx, ek, e)
		if len(j.Payload) > 0 && e.Throttles > deliverTries {
			return end() // AWS drops what cannot be delivered, and counts it
		}
		return job.Next{At: now.Add(backoff(e.Throttles))}, nil
	}
	var o outcome
	if err := json.Unmarshal(rs[0].Data, &o); err != nil {
		return job.Next{}, err
	}
	switch {
	case o.Gone || len(j.Payload) > 0:
		return end()
	case o.Throttled:
		e.Throttles++
		store.Put(tx, ek, e)
		return job.Next{At: now.Add(backoff(e.Throttles))}, nil
	case o.Condition == "":
		e.Failures++
		store.Put(tx, ek, e)
		return job.Next{At: now.Add(time.Duration(e.Failures) * time.Minute)}, nil
	case o.Target == "" && o.Letter == "":
		return end()
	}
	e.Throttles = 0
	store.Put(tx, ek, e)
	return job.Next{At: now, Payload: rs[0].Data}, nil
}

func backoff(n int64) time.Duration {
	return min(throttleBackoff<<min(n-1, 16), throttleMax)
}

// base is the context of work that no call made: it names account and region, and nobody as caller.
func (s *Service) base(ctx context.Context, x ref) context.Context {
	return wire.WithCall(ctx, &wire.Call{Account: x.account, Region: x.region, Partition: "aws", RequestID: env.NewID(s.cfg.Env), Time: s.cfg.Env.Wall()})
}

// deliver sends an outcome to its destination, and to the dead-letter queue, with the function's role.
func (s *Service) deliver(ctx context.Context, x ref, e *event, data []byte, effect string) error {
	var o outcome
	if err := json.Unmarshal(data, &o); err != nil {
		return err
	}
	payload, err := s.body(ctx, x.account, e.Payload)
	if err != nil {
		return err
	}
	inv, err := s.cfg.Role(ctx, o.Role, "awslambda-async")
	if err != nil {
		return err
	}
	wire.CallOf(ctx).EffectID = effect
	if o.Letter != "" {
		msg := "Function returned an error"
		if o.Condition == "EventAgeExceeded" {
			msg = "Event age exceeded"
		}
		attr := func(v, kind string) sqsapi.MessageAttributeValue {
			return sqsapi.MessageAttributeValue{DataType: kind, StringValue: &v}
		}
		if err := s.send(ctx, inv, o.Letter, string(payload), map[string]sqsapi.MessageAttributeValue{"RequestID": attr(e.ID, "String"), "ErrorCode": attr("200", "Number"), "ErrorMessage": attr(msg, "String")}); err != nil {
			return err
		}
	}
	if o.Target == "" {
		return nil
	}
	type contextOf struct {
		RequestID string `json:"requestId"`
		Function  string `json:"functionArn"`
		Condition string `json:"condition"`
		Count     int    `json:"approximateInvokeCount"`
	}
	type responseOf struct {
		Status  int    `json:"statusCode"`
		Version string `json:"executedVersion"`
		Error   string `json:"functionError,omitempty"`
	}
	y := x
	if y.qualifier == "" {
		y.qualifier = latest
	}
	rec := struct {
		Version   string          `json:"version"`
		Timestamp string          `json:"timestamp"`
		Context   contextOf       `json:"requestContext"`
		Request   json.RawMessage `json:"requestPayload"`
		Response  *responseOf     `json:"responseContext,omitempty"`
		Answer    json.RawMessage `json:"responsePayload,omitempty"`
	}{"1.0", s.cfg.Env.Now().UTC().Format("2006-01-02T15:04:05.000Z"), contextOf{e.ID, y.qualified(), o.Condition, o.Tries}, payload, nil, o.Answer}
	if o.Version != "" {
		rec.Response = &responseOf{200, o.Version, o.Error}
	}
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	if strings.HasPrefix(o.Target, "arn:aws:sqs:") {
		return s.send(ctx, inv, o.Target, string(b), nil)
	}
	_, err = (&lambdaapi.Client{Invoker: inv}).Invoke(ctx, &lambdaapi.InvokeInput{FunctionName: o.Target, InvocationType: wire.P("Event"), Payload: b})
	return err
}

func (s *Service) send(ctx context.Context, inv wire.Invoker, queue, body string, attrs map[string]sqsapi.MessageAttributeValue) error {
	_, err := (&sqsapi.Client{Invoker: inv}).SendMessage(ctx, &sqsapi.SendMessageInput{QueueUrl: queueURL(queue), MessageBody: body, MessageAttributes: attrs})
	return err
}

// queueURL is a queue's address for calls inside: any host will do.
func queueURL(arn string) string {
	p := strings.Split(arn, ":")
	if len(p) != 6 {
		return arn
	}
	return "http://sqs/" + p[4] + "/" + p[5]
}
