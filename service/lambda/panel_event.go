package lambda

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	ssmapi "virga/api/ssm"
	"virga/internal/console/panel"
	"virga/internal/wire"
)

// Saved events of the console are SSM parameters, /virga/test-events/FUNCTION/NAME: they are kept like anything else,
// shared with whoever may read them, and can be written by any tool.
const (
	eventsPath   = "/virga/test-events/"
	eventMax     = 8192 // of an advanced parameter
	eventPlain   = 4096 // of a standard one
	eventsMax    = 50
	eventsOfPage = 10
)

var eventName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

// sampleEvent is an event to test with.
type sampleEvent struct{ Name, Title, Payload string }

// samples are the events that are there from the start, in the form that AWS's services send.
var samples = []sampleEvent{
	{"hello", "Hello", `{"name": "world"}`},
	{"http-api", "HTTP API, payload 2.0", `{"version": "2.0", "routeKey": "GET /hello", "rawPath": "/hello", "rawQueryString": "name=world", "headers": {"accept": "*/*", "host": "localhost"}, "queryStringParameters": {"name": "world"}, "requestContext": {"accountId": "000000000000", "apiId": "api", "domainName": "localhost", "http": {"method": "GET", "path": "/hello", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "console"}, "requestId": "test", "routeKey": "GET /hello", "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1767225600000}, "isBase64Encoded": false}`},
	{"rest-api", "REST API, proxy", `{"resource": "/hello", "path": "/hello", "httpMethod": "GET", "headers": {"Accept": "*/*"}, "multiValueHeaders": {"Accept": ["*/*"]}, "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null, "stageVariables": null, "requestContext": {"resourcePath": "/hello", "httpMethod": "GET", "path": "/Prod/hello", "stage": "Prod", "accountId": "000000000000", "apiId": "api", "requestId": "test", "identity": {"sourceIp": "127.0.0.1", "userAgent": "console"}}, "body": null, "isBase64Encoded": false}`},
	{"sqs", "SQS, one message", `{"Records": [{"messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "handle", "body": "{\"order\": 1}", "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767225600000", "SenderId": "000000000000", "ApproximateFirstReceiveTimestamp": "1767225600001"}, "messageAttributes": {}, "md5OfBody": "00000000000000000000000000000000", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders", "awsRegion": "us-east-1"}]}`},
	{"s3-put", "S3, object created", `{"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2026-01-01T00:00:00.000Z", "eventName": "ObjectCreated:Put", "s3": {"s3SchemaVersion": "1.0", "configurationId": "test", "bucket": {"name": "uploads", "ownerIdentity": {"principalId": "EXAMPLE"}, "arn": "arn:aws:s3:::uploads"}, "object": {"key": "cat.jpg", "size": 1024, "eTag": "0123456789abcdef0123456789abcdef", "sequencer": "0A1B2C3D4E5F678901"}}}]}`},
	{"schedule", "Schedule", `{"version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event", "source": "aws.events", "account": "000000000000", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": ["arn:aws:events:us-east-1:000000000000:rule/tick"], "detail": {}}`},
}

func ssmClient(r *panel.Request) *ssmapi.Client { return &ssmapi.Client{Invoker: r.Invoker} }

// events fills the events to choose from, and the payload of the chosen one.
func (d *functionData) events(ctx context.Context, r *panel.Request, chosen string) error {
	d.Samples = samples
	path := eventsPath + d.Function.Name
	var token *string
	for len(d.Saved) < eventsMax {
		out, err := ssmClient(r).GetParametersByPath(ctx, &ssmapi.GetParametersByPathInput{Path: path, NextToken: token, MaxResults: wire.P(int32(eventsOfPage))})
		if err != nil { // who may test a function need not be allowed to read parameters
			break
		}
		for _, p := range out.Parameters {
			d.Saved = append(d.Saved, sampleEvent{Name: strings.TrimPrefix(wire.V(p.Name), path+"/"), Payload: wire.V(p.Value)})
		}
		if token = out.NextToken; token == nil {
			break
		}
	}
	slices.SortFunc(d.Saved, func(a, b sampleEvent) int { return strings.Compare(a.Name, b.Name) })
	if chosen == "" && len(d.Saved) > 0 {
		chosen = d.Saved[0].Name
	}
	d.Event, d.Payload = samples[0].Name, samples[0].Payload
	for _, e := range samples {
		if e.Name == chosen {
			d.Event, d.Payload = e.Name, e.Payload
		}
	}
	for _, e := range d.Saved {
		if e.Name == chosen {
			d.Event, d.Payload, d.IsSaved = e.Name, e.Payload, true
		}
	}
	return nil
}

func checkEvent(name, payload string) error {
	switch {
	case !eventName.MatchString(name):
		return panel.Bad("The name of an event is 1 to 64 letters, digits, and . _ -")
	case !json.Valid([]byte(payload)):
		var v any
		return panel.Bad("The event is not JSON: %v.", json.Unmarshal([]byte(payload), &v))
	case len(payload) > eventMax:
		return panel.Bad("A saved event has at most %d bytes, as a parameter has; this one has %d. It can still be sent.", eventMax, len(payload))
	}
	return nil
}

func saveEvent(ctx context.Context, r *panel.Request, function, name, payload string) error {
	if err := checkEvent(name, payload); err != nil {
		return err
	}
	tier := "Standard"
	if len(payload) > eventPlain {
		tier = "Advanced"
	}
	_, err := ssmClient(r).PutParameter(ctx, &ssmapi.PutParameterInput{Name: eventsPath + function + "/" + name, Value: payload, Type: wire.P("String"), Overwrite: wire.P(true), Tier: &tier})
	return err
}

func forgetEvent(ctx context.Context, r *panel.Request, function, name string) error {
	if !eventName.MatchString(name) {
		return panel.Bad("There is no event of that name.")
	}
	_, err := ssmClient(r).DeleteParameter(ctx, &ssmapi.DeleteParameterInput{Name: eventsPath + function + "/" + name})
	return err
}
