// Package api_test tests the codecs of internal/wire over generated shapes.
package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	sqsapi "virga/api/sqs"
	ssmapi "virga/api/ssm"
	stsapi "virga/api/sts"
	"virga/internal/wire"
)

type handlers struct {
	table *wire.Table
	by    map[string]*wire.Handler
}

// inputs makes handlers that can decode; nobody calls their Do.
func inputs(t testing.TB, m *wire.Model, list []wire.Handler) *handlers {
	t.Helper()
	h := &handlers{table: wire.NewTable(m), by: map[string]*wire.Handler{}}
	for i := range list {
		h.by[list[i].Op.Name] = &list[i]
	}
	return h
}

// decode finds and decodes a request as the gate does.
func (h *handlers) decode(r *wire.Request) (any, *wire.Op, wire.Protocol, error) {
	op, p, err := h.table.Find(wire.Unknown, r)
	if err != nil {
		return nil, nil, p, err
	}
	hd := h.by[op.Name]
	if hd == nil {
		return nil, op, p, wire.NotImplemented(op)
	}
	in, err := wire.Decode(hd, p, r)
	return in, op, p, err
}

func jsonRequest(target, version, body string) *wire.Request {
	h := http.Header{}
	h.Set("X-Amz-Target", target)
	h.Set("Content-Type", "application/x-amz-json-"+version)
	return &wire.Request{Method: "POST", Path: "/", Header: h, Body: []byte(body)}
}

func formRequest(body string) *wire.Request {
	h := http.Header{}
	h.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return &wire.Request{Method: "POST", Path: "/", Header: h, Body: []byte(body)}
}

func ptr[T any](v T) *T { return &v }

func sqs(t testing.TB) *handlers {
	return inputs(t, &sqsapi.Model, sqsapi.Handlers(struct{ sqsapi.Server }{&nobody{}}))
}

// nobody is an SQS server whose methods are never called; only method values are taken of it.
type nobody struct{ sqsapi.Server }

func TestJSONInput(t *testing.T) {
	h := sqs(t)
	in, op, p, err := h.decode(jsonRequest("AmazonSQS.SendMessage", "1.0", `{"QueueUrl":"http://q/1","MessageBody":"h\u00e9 \ud83d\ude00","DelaySeconds":5,"Unknown":{"a":[1,2,{"b":null}]},
		"MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"AAEC"},"b":{"DataType":"String","StringValue":"x","StringListValues":["y",null]}},"MessageGroupId":null}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &sqsapi.SendMessageInput{
		QueueUrl: "http://q/1", MessageBody: "hé 😀", DelaySeconds: ptr(int32(5)),
		MessageAttributes: map[string]sqsapi.MessageAttributeValue{
			"a": {DataType: "Binary", BinaryValue: []byte{0, 1, 2}},
			"b": {DataType: "String", StringValue: ptr("x"), StringListValues: []string{"y", ""}},
		},
	}
	if d := cmp.Diff(want, in); d != "" || op.Name != "SendMessage" || p != wire.JSON10 {
		t.Errorf("%s %v: %s", op.Name, p, d)
	}
}

func TestQueryInput(t *testing.T) {
	h := sqs(t)
	for _, c := range []struct {
		body string
		want any
	}{
		{"Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2Fq%2F1&MessageBody=a+b&MessageAttribute.2.Name=n2&MessageAttribute.2.Value.DataType=String&MessageAttribute.1.Name=n1&MessageAttribute.1.Value.DataType=Binary&MessageAttribute.1.Value.BinaryValue=AAEC",
			&sqsapi.SendMessageInput{QueueUrl: "http://q/1", MessageBody: "a b", MessageAttributes: map[string]sqsapi.MessageAttributeValue{
				"n1": {DataType: "Binary", BinaryValue: []byte{0, 1, 2}}, "n2": {DataType: "String"}}}},
		{"Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=3&Tag.1.Key=k&Tag.1.Value=v",
			&sqsapi.CreateQueueInput{QueueName: "q", Attributes: map[string]string{"DelaySeconds": "3"}, Tags: map[string]string{"k": "v"}}},
		{"Action=ReceiveMessage&QueueUrl=u&AttributeName.1=All&AttributeName.10=B&AttributeName.2=A&MaxNumberOfMessages=10",
			&sqsapi.ReceiveMessageInput{QueueUrl: "u", AttributeNames: []string{"All", "A", "B"}, MessageSystemAttributeNames: []string{"All", "A", "B"}, MaxNumberOfMessages: ptr(int32(10))}},
		{"Action=UntagQueue&QueueUrl=u&TagKeys=", &sqsapi.UntagQueueInput{QueueUrl: "u", TagKeys: []string{}}},
	} {
		in, _, p, err := h.decode(formRequest(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		if d := cmp.Diff(c.want, in); d != "" || p != wire.Query {
			t.Errorf("%s: %v %s", c.body, p, d)
		}
	}
}

func TestJSONAndQueryOutput(t *testing.T) {
	op := sqsapi.Model.Op("ReceiveMessage")
	out := &sqsapi.ReceiveMessageOutput{Messages: []sqsapi.Message{{MessageId: ptr("1"), Body: ptr("a<b>&\"c\"\n"), Attributes: map[string]string{"B": "2", "A": "1"},
		MessageAttributes: map[string]sqsapi.MessageAttributeValue{"x": {DataType: "Binary", BinaryValue: []byte("hi")}}}}}
	res := wire.Encode(op, wire.JSON10, out, "rid")
	want := `{"Messages":[{"MessageId":"1","Body":"a<b>&\"c\"\n","Attributes":{"A":"1","B":"2"},"MessageAttributes":{"x":{"BinaryValue":"aGk=","DataType":"Binary"}}}]}`
	if string(res.Body) != want || res.Status != 200 || res.Header.Get("Content-Type") != "application/x-amz-json-1.0" || res.Header.Get("x-amzn-RequestId") != "rid" {
		t.Errorf("%d %v %s", res.Status, res.Header, res.Body)
	}
	res = wire.Encode(op, wire.Query, out, "rid")
	want = `<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult><Message><MessageId>1</MessageId><Body>a&lt;b&gt;&amp;&quot;c&quot;` + "\n" +
		`</Body><Attribute><Name>A</Name><Value>1</Value></Attribute><Attribute><Name>B</Name><Value>2</Value></Attribute><MessageAttribute><Name>x</Name><Value><BinaryValue>aGk=</BinaryValue><DataType>Binary</DataType></Value></MessageAttribute></Message></ReceiveMessageResult><ResponseMetadata><RequestId>rid</RequestId></ResponseMetadata></ReceiveMessageResponse>`
	if d := cmp.Diff(want, string(res.Body)); d != "" {
		t.Error(d)
	}
}

func TestErrors(t *testing.T) {
	op := sqsapi.Model.Op("SendMessage")
	gone := fmt.Errorf("inner words: %w", &sqsapi.QueueDoesNotExist{Message: "The specified queue does not exist."})
	for _, c := range []struct {
		m       *wire.Model
		op      *wire.Op
		p       wire.Protocol
		err     error
		status  int
		body    string
		headers map[string]string
	}{
		{nil, op, wire.JSON10, gone, 400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`, map[string]string{"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}},
		{nil, op, wire.Query, gone, 400, `<ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist.</Message></Error><RequestId>rid</RequestId></ErrorResponse>`, nil},
		{nil, op, wire.JSON10, wire.InvalidParameter("bad"), 400, `{"__type":"com.amazon.coral.service#InvalidParameterValueException","message":"bad"}`, map[string]string{"x-amzn-query-error": "InvalidParameterValue;Sender"}},
		{nil, op, wire.JSON10, wire.MissingParameter("X"), 400, `{"__type":"com.amazon.coral.service#MissingRequiredParameterException","message":"The request must contain the parameter X."}`, map[string]string{"x-amzn-query-error": "MissingParameter;Sender"}},
		{&ssmapi.Model, nil, wire.JSON11, wire.CommonError(wire.UnknownOperationError, ""), 400, `{"__type":"UnknownOperationException","message":""}`, nil},
		{&ssmapi.Model, nil, wire.JSON11, fmt.Errorf("disk on fire at /secret"), 500, `{"__type":"InternalFailure","message":"The request processing has failed because of an unknown error, exception or failure."}`, nil},
		{&ssmapi.Model, nil, wire.JSON11, wire.AccessDenied("User: x is not authorized"), 400, `{"__type":"AccessDeniedException","Message":"User: x is not authorized"}`, nil},
		{&stsapi.Model, nil, wire.Query, wire.AccessDenied("no"), 403, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>rid</RequestId></ErrorResponse>`, nil},
		{nil, sqsapi.Model.Op("PurgeQueue"), wire.JSON10, wire.NotImplemented(sqsapi.Model.Op("PurgeQueue")), 501, `{"__type":"com.amazon.coral.service#NotImplemented","message":"The operation sqs:PurgeQueue is not implemented."}`, nil},
	} {
		res := wire.EncodeError(c.m, c.op, c.p, c.err, "rid")
		if string(res.Body) != c.body || res.Status != c.status {
			t.Errorf("%v: %d %s\nwant %d %s", c.err, res.Status, res.Body, c.status, c.body)
		}
		for k, v := range c.headers {
			if res.Header.Get(k) != v {
				t.Errorf("%v: %s: %q, want %q", c.err, k, res.Header.Get(k), v)
			}
		}
	}
}

func ssm(t testing.TB) *handlers {
	return inputs(t, &ssmapi.Model, ssmapi.Handlers(struct{ ssmapi.Server }{&nobodySSM{}}))
}

type nobodySSM struct{ ssmapi.Server }

func TestValidation(t *testing.T) {
	h := ssm(t)
	long := strings.Repeat("x", 129)
	for _, c := range []struct{ target, body, want string }{
		{"PutParameter", `{"Name":"/a","Value":"v","Type":"String"}`, ""},
		{"PutParameter", `{"Value":"v"}`, "ValidationException: 1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{"PutParameter", `{"Name":"","Value":"v"}`, "ValidationException: 1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"PutParameter", `{"Name":"a","Value":"v","Type":"Strong"}`, "ValidationException: 1 validation error detected: Value 'Strong' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [String, StringList, SecureString]"},
		{"PutParameter", `{"Name":"a","Value":"v","Tags":[{"Key":"k","Value":"v"},{"Key":"` + long + `","Value":"v"}]}`,
			"ValidationException: 1 validation error detected: Value '" + long + "' at 'tags.2.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"PutParameter", `{"Name":"a","Value":"v","Tags":[{"Key":"k"}]}`, "ValidationException: 1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
		{"GetParameters", `{"Names":[]}`, "ValidationException: 1 validation error detected: Value '[]' at 'names' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"GetParametersByPath", `{"Path":"/","MaxResults":11}`, "ValidationException: 1 validation error detected: Value '11' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 10"},
		{"PutParameter", `{"Name":1,"Value":"v"}`, "SerializationException: NUMBER_VALUE can not be converted to a String"},
		{"PutParameter", `{"Name":"a","Value":"v","Overwrite":"x"}`, "SerializationException: STRING_VALUE can not be converted to a Boolean"},
		{"PutParameter", `{"Name":"a"`, "SerializationException"},
		{"PutParameter", `[]`, "SerializationException"},
		{"PutParameter", `{"Name":"a","Value":"v"} x`, "SerializationException"},
		{"PutParameter", `{"Name":"a","Value":"v","Nothing":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "SerializationException"},
		{"PutParameter", "{\"Name\":\"a\",\"Value\":\"\xff\"}", "SerializationException"},
		{"NoSuchThing", `{}`, "UnknownOperationException"},
		{"CreateDocument", `{}`, "NotImplemented: The operation ssm:CreateDocument is not implemented."},
	} {
		_, _, _, err := h.decode(jsonRequest("AmazonSSM."+c.target, "1.1", c.body))
		if got := fmt.Sprint(err); got != c.want && !(err == nil && c.want == "") {
			t.Errorf("%s %s\n got %s\nwant %s", c.target, c.body, got, c.want)
		}
	}
	// in-process calls are checked alike
	err := wire.Validate(ssmapi.Model.Op("PutParameter"), &ssmapi.PutParameterInput{Value: "v"})
	if want := "ValidationException: 1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"; fmt.Sprint(err) != want {
		t.Error(err)
	}
	// SQS words what is missing in its own way
	_, _, _, err = sqs(t).decode(jsonRequest("AmazonSQS.SendMessage", "1.0", `{"QueueUrl":"u"}`))
	if want := "MissingRequiredParameterException: The request must contain the parameter MessageBody."; fmt.Sprint(err) != want {
		t.Error(err)
	}
}

func TestQueryActions(t *testing.T) {
	h := inputs(t, &stsapi.Model, stsapi.Handlers(struct{ stsapi.Server }{&nobodySTS{}}))
	for _, c := range []struct{ body, want string }{
		{"Action=GetCallerIdentity&Version=2011-06-15", "<nil>"},
		{"Action=Nope&Version=2011-06-15", "UnknownOperationException: Could not find operation Nope for version 2011-06-15"},
		{"Action=GetCallerIdentity&Version=1999-01-01", "UnknownOperationException: Could not find operation GetCallerIdentity for version 1999-01-01"},
		{"Version=2011-06-15", "MissingAction: The request must contain the parameter Action."},
		{"Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=a%20b", `ValidationException: 1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=ab&DurationSeconds=x", "SerializationException: Invalid integer value: x"},
		{"Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=ab&Tags.member.x=1", "SerializationException: The parameter x is not an index of a list."},
	} {
		_, _, p, err := h.decode(formRequest(c.body))
		if fmt.Sprint(err) != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.body, err, c.want)
		}
		if err != nil {
			res := wire.EncodeError(&stsapi.Model, nil, p, err, "r")
			if !strings.HasPrefix(string(res.Body), "<ErrorResponse") {
				t.Errorf("%s", res.Body)
			}
		}
	}
}

type nobodySTS struct{ stsapi.Server }

// loop is an Invoker that sends a call through a codec and back.
type loop struct {
	server *handlers
	answer any
	got    any
}

func (l *loop) Invoke(_ context.Context, op *wire.Op, in any) (any, error) {
	l.got = in
	return l.answer, wire.Validate(op, in)
}

func TestClient(t *testing.T) {
	want := &sqsapi.SendMessageOutput{MessageId: ptr("m")}
	l := &loop{answer: want}
	c := sqsapi.Client{Invoker: l}
	out, err := c.SendMessage(context.Background(), &sqsapi.SendMessageInput{QueueUrl: "u", MessageBody: "b"})
	if err != nil || out != want {
		t.Fatal(out, err)
	}
	if _, err := c.SendMessage(context.Background(), &sqsapi.SendMessageInput{QueueUrl: "u"}); err == nil {
		t.Error("a missing body was accepted")
	}
}

func TestDynamicEqualsTyped(t *testing.T) {
	op := sqsapi.Model.Op("SendMessage")
	r := jsonRequest("AmazonSQS.SendMessage", "1.0", `{"QueueUrl":"u","MessageBody":"b","DelaySeconds":3,"MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"AAEC"}}}`)
	dyn := map[string]any{}
	if _, err := wire.DecodeInto(op, wire.JSON10, r, &dyn); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"QueueUrl": "u", "MessageBody": "b", "DelaySeconds": int64(3), "MessageAttributes": map[string]any{"a": map[string]any{"DataType": "Binary", "BinaryValue": []byte{0, 1, 2}}}}
	if d := cmp.Diff(want, dyn); d != "" {
		t.Error(d)
	}
	if err := wire.Validate(op, dyn); err != nil {
		t.Error(err)
	}
	out := wire.Encode(sqsapi.Model.Op("GetQueueAttributes"), wire.JSON10, map[string]any{"Attributes": map[string]any{"a": "b"}}, "r")
	var got map[string]any
	if err := json.Unmarshal(out.Body, &got); err != nil || fmt.Sprint(got) != "map[Attributes:map[a:b]]" {
		t.Errorf("%s %v", out.Body, err)
	}
}

func BenchmarkSQSSendMessage(b *testing.B) {
	h := sqs(b)
	r := jsonRequest("AmazonSQS.SendMessage", "1.0", `{"QueueUrl":"http://sqs.us-east-1.localhost:4566/123456789012/orders","MessageBody":"{\"order\":4711,\"items\":[1,2,3]}","DelaySeconds":0}`)
	out := &sqsapi.SendMessageOutput{MessageId: ptr("e1c2f3a4-0000-1111-2222-333344445555"), MD5OfMessageBody: ptr("0123456789abcdef0123456789abcdef")}
	op := sqsapi.Model.Op("SendMessage")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := h.decode(r); err != nil {
			b.Fatal(err)
		}
		if res := wire.Encode(op, wire.JSON10, out, "rid"); res.Status != 200 {
			b.Fatal(res.Status)
		}
	}
}
