package lambda

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	sqsapi "virga/api/sqs"
	"virga/internal/compute"
	"virga/internal/env"
	"virga/internal/eventpattern"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

// A mapping polls by durable steps: step 0 always stands while the mapping is enabled; each one that finds messages
// sets the next going, up to pollersMax or the mapping's own limit, and those above 0 end when they find none.
const (
	pollKind      = "lambda.poll"
	pollersMax    = 10
	longPoll      = 1 // seconds: so soon a poll sees that its mapping changed
	pollFor       = 20 * time.Second
	pollPause     = 5 * time.Second // after a failure to poll
	throttlePause = time.Second
	batchBytesMax = 6 << 20
)

type pollPayload struct {
	Region, UUID string
	Index        int
	Off          bool // the mapping shall not poll
}

func (p pollPayload) bytes() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and a number
	}
	return b
}

func pollID(region, uuid string, index int) string {
	return region + "/" + uuid + "/" + strconv.Itoa(index)
}

type poll struct{ s *Service }

// Step implements job.Kind: it settles the mapping's state, and names a poll where the mapping is enabled.
func (k *poll) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	var p pollPayload
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return nil, job.End, nil
	}
	mk := mappingKey(j.Account, p.Region, p.UUID)
	m, ok := store.Load[mapping](tx, mk)
	if !ok {
		return nil, job.End, nil
	}
	if p.Index == 0 {
		was := m.State
		switch {
		case m.State == "Deleting":
			tx.Delete(mk)
			return nil, job.End, nil
		case p.Off:
			m.State = "Disabled"
		default:
			m.State = "Enabled"
		}
		if m.State != was {
			store.Put(tx, mk, m)
		}
	}
	if p.Off || m.State != "Enabled" {
		return nil, job.End, nil
	}
	return []job.Effect{{ID: job.EffectID(j, strconv.FormatUint(j.Attempt, 10)), Name: "poll"}}, job.Next{}, nil
}

type polled struct {
	Found int
	Pause time.Duration
	Gone  bool
	Last  string // LastProcessingResult
}

// Do implements job.Kind: one long poll, or more while there are messages and time.
func (k *poll) Do(ctx context.Context, j job.Job, e job.Effect) job.Result {
	var p pollPayload
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return job.Result{Err: err.Error()}
	}
	out := polled{Last: "No records processed"}
	until := k.s.cfg.Env.Now().Add(pollFor)
	for {
		n, last, err := k.s.pollOnce(ctx, j.Account, p)
		if last != "" {
			out.Last = last
		}
		out.Found += max(n, 0)
		switch {
		case errors.Is(err, errGone):
			out.Gone = true
		case errors.Is(err, compute.ErrThrottled), errors.Is(err, compute.ErrReserved), errors.Is(err, compute.ErrClosed):
			out.Pause = throttlePause
		case err != nil:
			out.Pause, out.Last = pollPause, "PROBLEM: "+wire.Info(nil, wire.JSON11, err).Message
		}
		// Step 0 goes on while nothing comes, and ends with the first batch, so that its settling can set another poller going.
		done := p.Index == 0 && n > 0 || p.Index > 0 && n == 0
		if err != nil || n < 0 || done || ctx.Err() != nil || !k.s.cfg.Env.Now().Before(until) {
			break
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return job.Result{Err: err.Error()}
	}
	return job.Result{Data: b}
}

// Settle implements job.Kind.
func (k *poll) Settle(tx store.Tx, j *job.Job, rs []job.Result, now time.Time) (job.Next, error) {
	var p pollPayload
	var out polled
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return job.End, nil
	}
	if rs[0].Err != "" {
		return job.Next{At: now.Add(pollPause)}, nil
	}
	if err := json.Unmarshal(rs[0].Data, &out); err != nil {
		return job.Next{}, err
	}
	m, ok := store.Load[mapping](tx, mappingKey(j.Account, p.Region, p.UUID))
	if !ok {
		return job.End, nil
	}
	if out.Found > 0 {
		if m.LastResult != out.Last {
			m.LastResult = out.Last
			store.Put(tx, mappingKey(j.Account, p.Region, p.UUID), m)
		}
		most := pollersMax
		if m.MaxAtOnce > 0 {
			most = min(most, int(m.MaxAtOnce))
		}
		if next := p.Index + 1; next < most {
			if _, there := job.Get(tx, j.Account, pollKind, pollID(p.Region, p.UUID, next)); !there {
				job.At(tx, j.Account, p.Region, pollKind, pollID(p.Region, p.UUID, next), now, pollPayload{Region: p.Region, UUID: p.UUID, Index: next}.bytes())
			}
		}
	} else if p.Index > 0 {
		return job.End, nil
	}
	if out.Gone {
		out.Pause = time.Minute
	}
	return job.Next{At: now.Add(out.Pause)}, nil
}

var errGone = errors.New("lambda: the mapping's function is gone")

// record is one message as a function sees it (AWS Lambda Developer Guide, Using Lambda with Amazon SQS).
type record struct {
	MessageID     string               `json:"messageId"`
	ReceiptHandle string               `json:"receiptHandle"`
	Body          string               `json:"body"`
	Attributes    map[string]string    `json:"attributes"`
	Message       map[string]attribute `json:"messageAttributes"`
	AttributesMD5 string               `json:"md5OfMessageAttributes,omitempty"`
	MD5           string               `json:"md5OfBody"`
	Source        string               `json:"eventSource"`
	SourceARN     string               `json:"eventSourceARN"`
	Region        string               `json:"awsRegion"`
}

type attribute struct {
	StringValue *string  `json:"stringValue,omitempty"`
	BinaryValue *string  `json:"binaryValue,omitempty"`
	StringList  []string `json:"stringListValues"`
	BinaryList  []string `json:"binaryListValues"`
	DataType    string   `json:"dataType"`
}

// pollOnce receives one batch, runs the function with it and deletes what was done. Messages of a failed batch stay
// hidden until their visibility timeout ends, as AWS leaves them. found is -1 where the mapping is no longer enabled.
func (s *Service) pollOnce(ctx context.Context, account string, p pollPayload) (found int, last string, err error) {
	var m *mapping
	if err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		m, _ = store.Load[mapping](r, mappingKey(account, p.Region, p.UUID))
		return nil
	}); err != nil {
		return 0, "", err
	}
	if m == nil || m.State != "Enabled" {
		return -1, "", nil
	}
	x := m.target(account, p.Region)
	t, err := s.find(ctx, x)
	if err != nil || t.fn.ID != m.FunctionID {
		return 0, "", errGone
	}
	ctx = s.base(ctx, x)
	inv, err := s.cfg.Role(ctx, t.version.Role, "awslambda-sqs")
	if err != nil {
		return 0, "", err
	}
	client := &sqsapi.Client{Invoker: inv}
	msgs, err := s.receive(ctx, client, m)
	if err != nil || len(msgs) == 0 {
		return 0, "", err
	}
	filters, err := eventpattern.ParseFilters(m.Filters, eventpattern.SourceSQS, eventpattern.Limits{})
	if err != nil {
		return 0, "", err
	}
	event := struct{ Records []record }{}
	var wanted, refused []sqsapi.Message
	for i := range msgs {
		r := recordOf(m, p.Region, &msgs[i])
		if len(m.Filters) > 0 {
			b, err := json.Marshal(r)
			if err != nil {
				return 0, "", err
			}
			if ok, err := filters.Match(b); err != nil || !ok { // what no filter takes leaves the queue unseen
				refused = append(refused, msgs[i])
				continue
			}
		}
		wanted = append(wanted, msgs[i])
		event.Records = append(event.Records, r)
	}
	found, msgs = len(msgs), wanted
	if err := remove(ctx, client, m, refused, nil); err != nil || len(msgs) == 0 {
		return found, "", err
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return 0, "", err
	}
	if t, err = s.active(ctx, x, t); err != nil {
		return 0, "", err
	}
	_, f := s.pick(t)
	r, err := s.cfg.Compute.Invoke(ctx, f, compute.Invocation{RequestID: env.NewID(s.cfg.Env), InvokedARN: x.qualified(), Payload: payload, Reserved: reservation(t)})
	if err != nil {
		return found, "PROBLEM: " + err.Error(), err
	}
	ok, failed, last := processed(m, r, msgs)
	if ok {
		if err := remove(ctx, client, m, msgs, failed); err != nil {
			return found, "PROBLEM: messages could not be deleted", err
		}
	}
	return found, last, nil
}

// remove deletes messages but those named.
func remove(ctx context.Context, client *sqsapi.Client, m *mapping, msgs []sqsapi.Message, but map[string]bool) error {
	var done []sqsapi.DeleteMessageBatchRequestEntry
	for i := range msgs {
		if !but[wire.V(msgs[i].MessageId)] {
			done = append(done, sqsapi.DeleteMessageBatchRequestEntry{Id: strconv.Itoa(i), ReceiptHandle: wire.V(msgs[i].ReceiptHandle)})
		}
	}
	for len(done) > 0 {
		n := min(len(done), 10)
		if _, err := client.DeleteMessageBatch(ctx, &sqsapi.DeleteMessageBatchInput{QueueUrl: queueURL(m.Source), Entries: done[:n]}); err != nil {
			return err
		}
		done = done[n:]
	}
	return nil
}

// receive gathers a batch: one receive, or more until the batching window ends.
func (s *Service) receive(ctx context.Context, client *sqsapi.Client, m *mapping) ([]sqsapi.Message, error) {
	var msgs []sqsapi.Message
	size := 0
	until := s.cfg.Env.Now().Add(time.Duration(m.Window) * time.Second)
	wait := int32(longPoll)
	for {
		in := &sqsapi.ReceiveMessageInput{QueueUrl: queueURL(m.Source), MessageSystemAttributeNames: []string{"All"}, MessageAttributeNames: []string{"All"},
			MaxNumberOfMessages: wire.P(min(10, m.Batch-int32(len(msgs)))), WaitTimeSeconds: &wait}
		out, err := client.ReceiveMessage(ctx, in)
		if err != nil {
			if len(msgs) > 0 {
				return msgs, nil
			}
			return nil, err
		}
		if len(msgs) == 0 && len(out.Messages) > 0 {
			until = s.cfg.Env.Now().Add(time.Duration(m.Window) * time.Second)
		}
		for i := range out.Messages {
			size += len(wire.V(out.Messages[i].Body)) + 1024
		}
		msgs = append(msgs, out.Messages...)
		left := until.Sub(s.cfg.Env.Now())
		if len(msgs) == 0 || int32(len(msgs)) >= m.Batch || left <= 0 || size > batchBytesMax-(2<<20) {
			return msgs, nil
		}
		wait = int32(min(longPoll, max(1, int64(left/time.Second))))
	}
}

func recordOf(m *mapping, region string, msg *sqsapi.Message) record {
	r := record{MessageID: wire.V(msg.MessageId), ReceiptHandle: wire.V(msg.ReceiptHandle), Body: wire.V(msg.Body), Attributes: msg.Attributes, Message: map[string]attribute{},
		AttributesMD5: wire.V(msg.MD5OfMessageAttributes), MD5: wire.V(msg.MD5OfBody), Source: "aws:sqs", SourceARN: m.Source, Region: region}
	if r.MD5 == "" {
		h := md5.Sum([]byte(r.Body))
		r.MD5 = hex.EncodeToString(h[:])
	}
	for n, a := range msg.MessageAttributes {
		o := attribute{StringValue: a.StringValue, DataType: a.DataType, StringList: []string{}, BinaryList: []string{}}
		if a.BinaryValue != nil {
			o.BinaryValue = wire.P(base64.StdEncoding.EncodeToString(a.BinaryValue))
		}
		r.Message[n] = o
	}
	return r
}

// processed tells what of a batch is done with: all of it, none after an error, or all but those that the function names
// where the mapping reports failures. An answer that names nothing well fails the whole batch.
func processed(m *mapping, r *compute.Result, msgs []sqsapi.Message) (ok bool, failed map[string]bool, last string) {
	if r.Error != "" {
		return false, nil, "PROBLEM: Function call failed"
	}
	failed = map[string]bool{}
	if !m.Report || len(r.Payload) == 0 || string(r.Payload) == "null" || string(r.Payload) == "{}" {
		return true, failed, "OK"
	}
	var answer struct {
		Failures []struct {
			ID *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(r.Payload, &answer); err != nil {
		return false, nil, "PROBLEM: the function's answer names no batchItemFailures"
	}
	known := map[string]bool{}
	for i := range msgs {
		known[wire.V(msgs[i].MessageId)] = true
	}
	for _, f := range answer.Failures {
		if f.ID == nil || !known[*f.ID] {
			return false, nil, "PROBLEM: the function names a message that is not of the batch"
		}
		failed[*f.ID] = true
	}
	if len(failed) > 0 {
		return true, failed, "PROBLEM: Function reported " + strconv.Itoa(len(failed)) + " failed messages"
	}
	return true, failed, "OK"
}
