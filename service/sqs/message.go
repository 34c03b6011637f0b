package sqs

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	sqsapi "virga/api/sqs"
	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits of messages (Amazon SQS Developer Guide, Message quotas).
const (
	batchMax      = 10
	batchBytesMax = 1 << 20
	attributesMax = 10
)

func sum(s string) string {
	h := md5.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}

// sumAttributes is the MD5 of message attributes (Amazon SQS Developer Guide, Calculating the MD5 message digest for
// message attributes).
func sumAttributes(as []attribute) string {
	sort.Slice(as, func(i, k int) bool { return as[i].Name < as[k].Name })
	h := md5.New()
	text := func(s string) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, a := range as {
		text(a.Name)
		text(a.Type)
		if a.IsBin {
			h.Write([]byte{2})
			text(string(a.Binary))
		} else {
			h.Write([]byte{1})
			text(a.String)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// validText tells whether XML 1.0 can hold a text; others are refused by SQS.
func validText(s string) bool {
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n < 2 {
				return false
			}
		case r == 9, r == 10, r == 13, r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000 && r <= 0x10FFFF:
		default:
			return false
		}
	}
	return true
}

func readAttributes(in map[string]sqsapi.MessageAttributeValue) (as []attribute, size int, err error) {
	if len(in) > attributesMax {
		return nil, 0, wire.Errorf("InvalidParameterValue", 400, "Number of message attributes [%d] exceeds the allowed maximum [10].", len(in))
	}
	for name, v := range in {
		typ := v.DataType
		base, _, _ := strings.Cut(typ, ".")
		a := attribute{Name: name, Type: typ}
		bad := func(format string, args ...any) error {
			return wire.Errorf("InvalidParameterValue", 400, format, args...)
		}
		switch {
		case name == "" || len(name) > 256 || !validAttributeName(name):
			return nil, 0, bad("The message attribute name '%s' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.", name)
		case typ == "" || len(typ) > 256:
			return nil, 0, bad("The message attribute '%s' must contain a non-empty message attribute type.", name)
		case base != "String" && base != "Number" && base != "Binary":
			return nil, 0, bad("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case v.StringListValues != nil || v.BinaryListValues != nil:
			return nil, 0, &sqsapi.UnsupportedOperation{Message: "Message attribute list values in SendMessage operation are not supported."}
		case base == "Binary":
			if len(v.BinaryValue) == 0 || v.StringValue != nil {
				return nil, 0, bad("The message attribute '%s' must contain a non-empty message attribute value of type %s.", name, base)
			}
			a.IsBin, a.Binary = true, v.BinaryValue
			size += len(v.BinaryValue)
		default:
			if wire.V(v.StringValue) == "" || v.BinaryValue != nil {
				return nil, 0, bad("The message attribute '%s' must contain a non-empty message attribute value for message attribute type '%s'.", name, typ)
			}
			if base == "Number" {
				if _, err := strconv.ParseFloat(*v.StringValue, 64); err != nil {
					return nil, 0, bad("Can't cast the value of message (user) attribute '%s' to a number.", name)
				}
			}
			if !validText(*v.StringValue) {
				return nil, 0, &sqsapi.InvalidMessageContents{Message: "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"}
			}
			a.String = *v.StringValue
			size += len(a.String)
		}
		size += len(name) + len(typ)
		as = append(as, a)
	}
	sort.Slice(as, func(i, k int) bool { return as[i].Name < as[k].Name })
	return as, size, nil
}

func validAttributeName(n string) bool {
	low := strings.ToLower(n)
	if strings.HasPrefix(low, "aws.") || strings.HasPrefix(low, "amazon.") || n[0] == '.' || n[len(n)-1] == '.' || strings.Contains(n, "..") {
		return false
	}
	for i := range len(n) {
		c := n[i]
		if c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// compose makes a message of what a request holds.
func (s *Service) compose(ctx context.Context, q *queue, body string, delay *int32, attrs map[string]sqsapi.MessageAttributeValue, system map[string]sqsapi.MessageSystemAttributeValue, group, dedup *string) (*message, int, error) {
	if body == "" {
		return nil, 0, missing("MessageBody")
	}
	if dedup != nil {
		return nil, 0, wire.Errorf("InvalidParameterValue", 400, "The request includes a parameter that is not valid for this queue type: MessageDeduplicationId.")
	}
	if group != nil {
		return nil, 0, wire.Unsupported("SendMessage" + ": " + "MessageGroupId on a standard queue (fair queues)")
	}
	if !validText(body) {
		return nil, 0, &sqsapi.InvalidMessageContents{Message: "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"}
	}
	as, n, err := readAttributes(attrs)
	if err != nil {
		return nil, 0, err
	}
	now := s.cfg.Env.Now()
	m := &message{ID: env.NewID(s.cfg.Env), Body: body, Sender: wire.Caller(ctx).ID, Sent: now, Attributes: as}
	for k, v := range system {
		if k != "AWSTraceHeader" || v.DataType != "String" {
			return nil, 0, wire.Errorf("InvalidParameterValue", 400, "Message system attribute name '%s' is invalid.", k)
		}
		m.Trace = wire.V(v.StringValue)
	}
	wait := q.Delay
	if delay != nil {
		if *delay < 0 || *delay > delayMax {
			return nil, 0, invalid(*delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
		}
		wait = int64(*delay)
	}
	m.VisibleAt = now.Add(time.Duration(wait) * time.Second)
	size := len(m.Body) + n
	if int64(size) > q.MaxSize {
		return nil, 0, wire.Errorf("InvalidParameterValue", 400, "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.MaxSize)
	}
	return m, size, nil
}

// retryStale repeats what met a purge with the queue's new record.
func (s *Service) retryStale(ctx context.Context, url string, fn func(q *queue) error) error {
	for range 3 {
		q, err := s.byURL(ctx, url)
		if err != nil {
			return err
		}
		if err = fn(q); err == nil || !isStale(err) {
			return translate(err)
		}
	}
	return translate(errStale)
}

func isStale(err error) bool { return err == errStale }

// SendMessage implements the operation.
func (s *Service) SendMessage(ctx context.Context, in *sqsapi.SendMessageInput) (*sqsapi.SendMessageOutput, error) {
	var m *message
	err := s.retryStale(ctx, in.QueueUrl, func(q *queue) (err error) {
		if m, _, err = s.compose(ctx, q, in.MessageBody, in.DelaySeconds, in.MessageAttributes, in.MessageSystemAttributes, in.MessageGroupId, in.MessageDeduplicationId); err != nil {
			return err
		}
		sent, err := ask[[]*message](ctx, s.eng, q, sendRequest{q, []*message{m}})
		if err == nil {
			m = sent[0]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &sqsapi.SendMessageOutput{MessageId: &m.ID, MD5OfMessageBody: wire.P(sum(m.Body))}
	if len(m.Attributes) > 0 {
		out.MD5OfMessageAttributes = wire.P(sumAttributes(m.Attributes))
	}
	if m.Trace != "" {
		out.MD5OfMessageSystemAttributes = wire.P(sumAttributes([]attribute{{Name: "AWSTraceHeader", Type: "String", String: m.Trace}}))
	}
	return out, nil
}

// SendMessageRequires implements the operation's requirements.
func (s *Service) SendMessageRequires(ctx context.Context, in *sqsapi.SendMessageInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "SendMessage")
}

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch checks what all batches have in common.
func checkBatch(op string, n int, id func(i int) string) error {
	if n == 0 {
		return &sqsapi.EmptyBatchRequest{Message: "There should be at least one " + op + "RequestEntry in the request."}
	}
	if n > batchMax {
		return &sqsapi.TooManyEntriesInBatchRequest{Message: fmt.Sprintf("Maximum number of entries per request are 10. You have sent %d.", n)}
	}
	seen := map[string]bool{}
	for i := range n {
		x := id(i)
		if !entryID.MatchString(x) {
			return &sqsapi.InvalidBatchEntryId{Message: "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."}
		}
		if seen[x] {
			return &sqsapi.BatchEntryIdsNotDistinct{Message: "Id " + x + " repeated."}
		}
		seen[x] = true
	}
	return nil
}

func failure(id string, err error) sqsapi.BatchResultErrorEntry {
	f := wire.Info(sqsapi.Model.Schema, wire.Query, err)
	return sqsapi.BatchResultErrorEntry{Id: id, Code: f.Code, Message: &f.Message, SenderFault: !f.Server}
}

// SendMessageBatch implements the operation.
func (s *Service) SendMessageBatch(ctx context.Context, in *sqsapi.SendMessageBatchInput) (*sqsapi.SendMessageBatchOutput, error) {
	if err := checkBatch("SendMessageBatch", len(in.Entries), func(i int) string { return in.Entries[i].Id }); err != nil {
		return nil, err
	}
	var out *sqsapi.SendMessageBatchOutput
	err := s.retryStale(ctx, in.QueueUrl, func(q *queue) error {
		out = &sqsapi.SendMessageBatchOutput{Successful: []sqsapi.SendMessageBatchResultEntry{}, Failed: []sqsapi.BatchResultErrorEntry{}}
		total := 0
		for _, e := range in.Entries {
			total += len(e.MessageBody)
			for k, v := range e.MessageAttributes {
				total += len(k) + len(v.DataType) + len(wire.V(v.StringValue)) + len(v.BinaryValue)
			}
		}
		if total > batchBytesMax {
			return &sqsapi.BatchRequestTooLong{Message: fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", batchBytesMax, total)}
		}
		var ms []*message
		for i := range in.Entries {
			e := &in.Entries[i]
			m, _, err := s.compose(ctx, q, e.MessageBody, e.DelaySeconds, e.MessageAttributes, e.MessageSystemAttributes, e.MessageGroupId, e.MessageDeduplicationId)
			if err != nil {
				out.Failed = append(out.Failed, failure(e.Id, err))
				continue
			}
			ms = append(ms, m)
			r := sqsapi.SendMessageBatchResultEntry{Id: e.Id, MessageId: m.ID, MD5OfMessageBody: sum(m.Body)}
			if len(m.Attributes) > 0 {
				r.MD5OfMessageAttributes = wire.P(sumAttributes(m.Attributes))
			}
			out.Successful = append(out.Successful, r)
		}
		if len(ms) == 0 {
			return nil
		}
		_, err := ask[[]*message](ctx, s.eng, q, sendRequest{q, ms})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// SendMessageBatchRequires implements the operation's requirements.
func (s *Service) SendMessageBatchRequires(ctx context.Context, in *sqsapi.SendMessageBatchInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "SendMessage")
}

func (s *Service) handle(q *queue, r received) (string, error) {
	return s.seal(q.Account, "handle/"+q.ID, []byte(r.key))
}

// key opens a receipt handle of the queue.
func (s *Service) key(q *queue, handle string) (string, error) {
	if handle == "" {
		return "", missing("ReceiptHandle")
	}
	b, ok := s.open(q.Account, "handle/"+q.ID, handle)
	if !ok || store.Key(b).Family() != store.FamilySQS {
		return "", handleInvalid(handle)
	}
	return string(b), nil
}

var systemAttributes = []string{"All", "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber",
	"MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn"}

// ReceiveMessage implements the operation.
func (s *Service) ReceiveMessage(ctx context.Context, in *sqsapi.ReceiveMessageInput) (*sqsapi.ReceiveMessageOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	max := wire.Or(in.MaxNumberOfMessages, 1)
	if max < 1 || max > 10 {
		return nil, invalid(max, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	}
	visibility := q.Visibility
	if in.VisibilityTimeout != nil {
		if visibility = int64(*in.VisibilityTimeout); visibility < 0 || visibility > visibilityMax {
			return nil, invalid(visibility, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
		}
	}
	wait := q.ReceiveWait
	if in.WaitTimeSeconds != nil {
		if wait = int64(*in.WaitTimeSeconds); wait < 0 || wait > waitMax {
			return nil, invalid(wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
		}
	}
	want := map[string]bool{}
	for _, l := range [][]string{in.AttributeNames, in.MessageSystemAttributeNames} {
		for _, n := range l {
			known := false
			for _, k := range systemAttributes {
				known = known || k == n
			}
			if !known {
				return nil, unknownAttribute(n)
			}
			want[n] = true
		}
	}
	until := s.cfg.Env.Now().Add(time.Duration(wait) * time.Second)
	found, err := ask[[]received](ctx, s.eng, q, pollRequest{q, int(max), time.Duration(visibility) * time.Second, until})
	if err != nil {
		return nil, translate(err)
	}
	out := &sqsapi.ReceiveMessageOutput{}
	for _, f := range found {
		h, err := s.handle(q, f)
		if err != nil {
			return nil, err
		}
		out.Messages = append(out.Messages, present(f.m, h, want, in.MessageAttributeNames))
	}
	return out, nil
}

// present shows a message as a client asked for it.
func present(m *message, handle string, want map[string]bool, names []string) sqsapi.Message {
	out := sqsapi.Message{MessageId: &m.ID, ReceiptHandle: &handle, Body: &m.Body, MD5OfBody: wire.P(sum(m.Body))}
	all := map[string]string{"SenderId": m.Sender, "SentTimestamp": millis(m.Sent), "ApproximateReceiveCount": itoa(m.Received),
		"ApproximateFirstReceiveTimestamp": millis(m.FirstSeen), "AWSTraceHeader": m.Trace, "DeadLetterQueueSourceArn": m.Source}
	for n, v := range all {
		if v != "" && (want["All"] || want[n]) {
			if out.Attributes == nil {
				out.Attributes = map[string]string{}
			}
			out.Attributes[n] = v
		}
	}
	var shown []attribute
	for _, a := range m.Attributes {
		if !asked(a.Name, names) {
			continue
		}
		if out.MessageAttributes == nil {
			out.MessageAttributes = map[string]sqsapi.MessageAttributeValue{}
		}
		v := sqsapi.MessageAttributeValue{DataType: a.Type}
		if a.IsBin {
			v.BinaryValue = a.Binary
		} else {
			v.StringValue = wire.P(a.String)
		}
		out.MessageAttributes[a.Name] = v
		shown = append(shown, a)
	}
	if len(shown) > 0 {
		out.MD5OfMessageAttributes = wire.P(sumAttributes(shown))
	}
	return out
}

func asked(name string, names []string) bool {
	for _, n := range names {
		if n == "All" || n == ".*" || n == name {
			return true
		}
		if p, ok := strings.CutSuffix(n, ".*"); ok && (name == p || strings.HasPrefix(name, p+".") || strings.HasPrefix(name, p)) {
			return true
		}
	}
	return false
}

func millis(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

// ReceiveMessageRequires implements the operation's requirements.
func (s *Service) ReceiveMessageRequires(ctx context.Context, in *sqsapi.ReceiveMessageInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "ReceiveMessage")
}

// DeleteMessage implements the operation.
func (s *Service) DeleteMessage(ctx context.Context, in *sqsapi.DeleteMessageInput) (*sqsapi.DeleteMessageOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	k, err := s.key(q, in.ReceiptHandle)
	if err != nil {
		return nil, err
	}
	if _, err := ask[any](ctx, s.eng, q, removeRequest{q, []string{k}}); err != nil {
		return nil, translate(err)
	}
	return &sqsapi.DeleteMessageOutput{}, nil
}

// DeleteMessageRequires implements the operation's requirements.
func (s *Service) DeleteMessageRequires(ctx context.Context, in *sqsapi.DeleteMessageInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "DeleteMessage")
}

// DeleteMessageBatch implements the operation.
func (s *Service) DeleteMessageBatch(ctx context.Context, in *sqsapi.DeleteMessageBatchInput) (*sqsapi.DeleteMessageBatchOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch("DeleteMessageBatch", len(in.Entries), func(i int) string { return in.Entries[i].Id }); err != nil {
		return nil, err
	}
	out := &sqsapi.DeleteMessageBatchOutput{Successful: []sqsapi.DeleteMessageBatchResultEntry{}, Failed: []sqsapi.BatchResultErrorEntry{}}
	var keys []string
	for _, e := range in.Entries {
		k, err := s.key(q, e.ReceiptHandle)
		if err != nil {
			out.Failed = append(out.Failed, failure(e.Id, err))
			continue
		}
		keys = append(keys, k)
		out.Successful = append(out.Successful, sqsapi.DeleteMessageBatchResultEntry{Id: e.Id})
	}
	if len(keys) > 0 {
		if _, err := ask[any](ctx, s.eng, q, removeRequest{q, keys}); err != nil {
			return nil, translate(err)
		}
	}
	return out, nil
}

// DeleteMessageBatchRequires implements the operation's requirements.
func (s *Service) DeleteMessageBatchRequires(ctx context.Context, in *sqsapi.DeleteMessageBatchInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "DeleteMessage")
}

func (s *Service) visibility(q *queue, handle string, seconds int32) (string, time.Duration, error) {
	k, err := s.key(q, handle)
	if err != nil {
		return "", 0, err
	}
	if seconds < 0 || seconds > visibilityMax {
		return "", 0, invalid(seconds, "VisibilityTimeout", "VisibilityTimeout must be >= 0 and <= 43200.")
	}
	return k, time.Duration(seconds) * time.Second, nil
}

func notInFlight(handle string) error {
	return &sqsapi.MessageNotInflight{Message: "Value " + handle + " for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."}
}

// ChangeMessageVisibility implements the operation.
func (s *Service) ChangeMessageVisibility(ctx context.Context, in *sqsapi.ChangeMessageVisibilityInput) (*sqsapi.ChangeMessageVisibilityOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	k, d, err := s.visibility(q, in.ReceiptHandle, in.VisibilityTimeout)
	if err != nil {
		return nil, err
	}
	refused, err := ask[[]error](ctx, s.eng, q, changeRequest{q, []string{k}, []time.Duration{d}})
	if err != nil {
		return nil, translate(err)
	}
	if refused[0] != nil {
		return nil, notInFlight(in.ReceiptHandle)
	}
	return &sqsapi.ChangeMessageVisibilityOutput{}, nil
}

// ChangeMessageVisibilityRequires implements the operation's requirements.
func (s *Service) ChangeMessageVisibilityRequires(ctx context.Context, in *sqsapi.ChangeMessageVisibilityInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "ChangeMessageVisibility")
}

// ChangeMessageVisibilityBatch implements the operation.
func (s *Service) ChangeMessageVisibilityBatch(ctx context.Context, in *sqsapi.ChangeMessageVisibilityBatchInput) (*sqsapi.ChangeMessageVisibilityBatchOutput, error) {
	q, err := s.byURL(ctx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch("ChangeMessageVisibilityBatch", len(in.Entries), func(i int) string { return in.Entries[i].Id }); err != nil {
		return nil, err
	}
	out := &sqsapi.ChangeMessageVisibilityBatchOutput{Successful: []sqsapi.ChangeMessageVisibilityBatchResultEntry{}, Failed: []sqsapi.BatchResultErrorEntry{}}
	var keys []string
	var ds []time.Duration
	var of []int
	for i, e := range in.Entries {
		k, d, err := s.visibility(q, e.ReceiptHandle, wire.V(e.VisibilityTimeout))
		if err != nil {
			out.Failed = append(out.Failed, failure(e.Id, err))
			continue
		}
		keys, ds, of = append(keys, k), append(ds, d), append(of, i)
	}
	refused, err := ask[[]error](ctx, s.eng, q, changeRequest{q, keys, ds})
	if err != nil {
		return nil, translate(err)
	}
	for j, i := range of {
		e := in.Entries[i]
		if refused[j] != nil {
			out.Failed = append(out.Failed, failure(e.Id, notInFlight(e.ReceiptHandle)))
			continue
		}
		out.Successful = append(out.Successful, sqsapi.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

// ChangeMessageVisibilityBatchRequires implements the operation's requirements.
func (s *Service) ChangeMessageVisibilityBatchRequires(ctx context.Context, in *sqsapi.ChangeMessageVisibilityBatchInput, r *wire.Requirements) error {
	return s.need(ctx, r, in.QueueUrl, "ChangeMessageVisibility")
}
