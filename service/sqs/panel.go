package sqs

import (
	"context"
	_ "embed"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	sqsapi "virga/api/sqs"
	"virga/internal/console/panel"
	"virga/internal/wire"
)

//go:embed panel.html
var panelHTML string

const (
	panelFiguresMax = 50 // queues of a list whose figures are read
	panelPeek       = 10 // messages that a look takes, the most that a receive gives
)

// consolePanel is the console's panel of queues. It uses the service's client as who is signed in, like any caller.
func consolePanel() panel.Panel {
	return panel.Panel{Name: "queues", Title: "Queues", Key: "q", HTML: panelHTML, Card: queuesCard,
		Links: map[string]func(string) string{"AWS::SQS::Queue": func(u string) string { return panel.Join("queues", u[strings.LastIndexByte(u, '/')+1:]) }},
		Pages: []panel.Page{
			{Pattern: "GET /queues", Do: queuesPage},
			{Pattern: "GET /queues/{queue}", Do: queuePage},
			{Pattern: "GET /queues/{queue}/configuration", Do: queueConfigurationPage},
			{Pattern: "POST /queues/{queue}/peek", Do: queuePeek},
			{Pattern: "POST /queues/{queue}/send", Do: queueSend},
			{Pattern: "POST /queues/{queue}/delete-message", Do: queueDeleteMessage},
			{Pattern: "POST /queues/{queue}/purge", Do: queuePurge},
		}}
}

// queueView is a queue as the panel shows it.
type queueView struct {
	Name, URL, ARN             string
	Known                      bool // its figures were read
	Visible, InFlight, Delayed int64
	Created                    time.Time
	Fifo                       bool
	Visibility                 string
	DeadLetter                 string // name of the dead-letter queue
	MaxReceive                 string
	Facts                      [][2]string
	Policy                     string
}

type messageView struct {
	ID, Handle, Body, Received string
	Sent                       time.Time
	Attributes                 [][2]string
}

type queueData struct {
	Queue    queueView
	Tab      string
	Looked   bool
	Messages []messageView
	SentID   string
	Gone     string // id of a deleted message
}

func panelClient(r *panel.Request) *sqsapi.Client { return &sqsapi.Client{Invoker: r.Invoker} }

func panelURL(r *panel.Request, name string) string {
	return r.Endpoint + "/" + r.Account + "/" + name
}

func panelQueues(ctx context.Context, r *panel.Request) ([]string, bool, error) {
	urls, more, err := panel.Collect(func(token *string) ([]string, *string, error) {
		out, err := panelClient(r).ListQueues(ctx, &sqsapi.ListQueuesInput{MaxResults: wire.P(int32(500)), NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		return out.QueueUrls, out.NextToken, nil
	})
	for i, u := range urls {
		urls[i] = u[strings.LastIndexByte(u, '/')+1:]
	}
	return urls, more, err
}

func panelQueue(ctx context.Context, r *panel.Request, name string) (queueView, error) {
	q := queueView{Name: name, URL: panelURL(r, name), Fifo: strings.HasSuffix(name, ".fifo")}
	out, err := panelClient(r).GetQueueAttributes(ctx, &sqsapi.GetQueueAttributesInput{QueueUrl: q.URL, AttributeNames: []string{"All"}})
	if err != nil {
		return q, err
	}
	a := out.Attributes
	n := func(k string) int64 { v, _ := strconv.ParseInt(a[k], 10, 64); return v }
	q.Known, q.ARN, q.Policy = true, a["QueueArn"], a["Policy"]
	q.Visible, q.InFlight, q.Delayed = n("ApproximateNumberOfMessages"), n("ApproximateNumberOfMessagesNotVisible"), n("ApproximateNumberOfMessagesDelayed")
	q.Created, q.Visibility = time.Unix(n("CreatedTimestamp"), 0), seconds(n("VisibilityTimeout"))
	q.Facts = [][2]string{{"URL", q.URL}, {"ARN", q.ARN}, {"Visibility timeout", q.Visibility}, {"Delay", seconds(n("DelaySeconds"))},
		{"Retention", seconds(n("MessageRetentionPeriod"))}, {"Largest message", strconv.FormatInt(n("MaximumMessageSize"), 10) + " bytes"},
		{"Receive wait", seconds(n("ReceiveMessageWaitTimeSeconds"))}}
	if p := a["RedrivePolicy"]; p != "" {
		var d struct {
			Target string      `json:"deadLetterTargetArn"`
			Max    json.Number `json:"maxReceiveCount"`
		}
		if json.Unmarshal([]byte(p), &d) == nil {
			q.DeadLetter, q.MaxReceive = d.Target[strings.LastIndexByte(d.Target, ':')+1:], d.Max.String()
		}
	}
	return q, nil
}

// seconds writes a duration as a person says it.
func seconds(n int64) string {
	switch {
	case n >= 86400 && n%86400 == 0:
		return strconv.FormatInt(n/86400, 10) + " d"
	case n >= 3600 && n%3600 == 0:
		return strconv.FormatInt(n/3600, 10) + " h"
	case n >= 60 && n%60 == 0:
		return strconv.FormatInt(n/60, 10) + " min"
	}
	return strconv.FormatInt(n, 10) + " s"
}

func queuesCard(ctx context.Context, r *panel.Request) (*panel.Card, error) {
	names, more, err := panelQueues(ctx, r)
	if err != nil {
		return nil, err
	}
	c := &panel.Card{Count: len(names), More: more, Noun: "queue", Plural: "queues", Hint: "sqs create-queue --queue-name orders"}
	for _, n := range names[:min(5, len(names))] {
		i := panel.Item{Text: n, To: panel.Join("queues", n)}
		if q, err := panelQueue(ctx, r, n); err == nil {
			i.Note = strconv.FormatInt(q.Visible+q.Delayed, 10) + " waiting, " + strconv.FormatInt(q.InFlight, 10) + " in flight"
		}
		c.Items = append(c.Items, i)
	}
	return c, nil
}

func queuesPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	names, more, err := panelQueues(ctx, r)
	if err != nil {
		return nil, err
	}
	var d struct {
		Queues []queueView
		More   bool
	}
	d.More = more
	for i, n := range names {
		q := queueView{Name: n}
		if i < panelFiguresMax {
			if full, err := panelQueue(ctx, r, n); err == nil {
				q = full
			}
		}
		d.Queues = append(d.Queues, q)
	}
	return &panel.View{Template: "queues/list", Title: "Queues", Data: d}, nil
}

func viewQueue(ctx context.Context, r *panel.Request, tab string, change func(*queueData) error) (*panel.View, error) {
	q, err := panelQueue(ctx, r, r.Path("queue"))
	if err != nil {
		return nil, err
	}
	d := queueData{Queue: q, Tab: tab}
	if change != nil {
		if err := change(&d); err != nil {
			return nil, err
		}
	}
	return &panel.View{Template: "queues/queue", Title: q.Name, Data: d}, nil
}

func queuePage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	return viewQueue(ctx, r, "messages", nil)
}

func queueConfigurationPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	return viewQueue(ctx, r, "configuration", nil)
}

// queuePeek looks at messages with a receive that hides nothing: it counts as a receive, as the page says.
func queuePeek(ctx context.Context, r *panel.Request) (*panel.View, error) {
	return viewQueue(ctx, r, "messages", func(d *queueData) error {
		out, err := panelClient(r).ReceiveMessage(ctx, &sqsapi.ReceiveMessageInput{QueueUrl: d.Queue.URL, MaxNumberOfMessages: wire.P(int32(panelPeek)), VisibilityTimeout: wire.P(int32(0)),
			WaitTimeSeconds: wire.P(int32(0)), MessageSystemAttributeNames: []string{"All"}, MessageAttributeNames: []string{"All"}})
		if err != nil {
			return err
		}
		d.Looked = true
		for _, m := range out.Messages {
			x := messageView{ID: wire.V(m.MessageId), Handle: wire.V(m.ReceiptHandle), Body: wire.V(m.Body), Received: m.Attributes["ApproximateReceiveCount"]}
			if ms, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64); err == nil {
				x.Sent = time.UnixMilli(ms)
			}
			for _, k := range slices.Sorted(maps.Keys(m.MessageAttributes)) {
				a := m.MessageAttributes[k]
				v := wire.V(a.StringValue)
				if a.StringValue == nil {
					v = strconv.Itoa(len(a.BinaryValue)) + " bytes"
				}
				x.Attributes = append(x.Attributes, [2]string{k + " (" + a.DataType + ")", v})
			}
			d.Messages = append(d.Messages, x)
		}
		return nil
	})
}

func queueSend(ctx context.Context, r *panel.Request) (*panel.View, error) {
	in := &sqsapi.SendMessageInput{QueueUrl: panelURL(r, r.Path("queue")), MessageBody: strings.ReplaceAll(r.Form.Get("body"), "\r\n", "\n")}
	if v := r.Form.Get("delay"); v != "" {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return nil, panel.Bad("The delay %q is not a number of seconds.", v)
		}
		in.DelaySeconds = wire.P(int32(n))
	}
	if v := r.Form.Get("group"); v != "" {
		in.MessageGroupId = &v
	}
	out, err := panelClient(r).SendMessage(ctx, in)
	if err != nil {
		return nil, err
	}
	return viewQueue(ctx, r, "messages", func(d *queueData) error {
		d.SentID = wire.V(out.MessageId)
		return nil
	})
}

func queueDeleteMessage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	name := r.Path("queue")
	if _, err := panelClient(r).DeleteMessage(ctx, &sqsapi.DeleteMessageInput{QueueUrl: panelURL(r, name), ReceiptHandle: r.Form.Get("handle")}); err != nil {
		return nil, err
	}
	return &panel.View{Redirect: panel.Join("queues", name), Notice: "The message was deleted."}, nil
}

func queuePurge(ctx context.Context, r *panel.Request) (*panel.View, error) {
	name := r.Path("queue")
	if _, err := panelClient(r).PurgeQueue(ctx, &sqsapi.PurgeQueueInput{QueueUrl: panelURL(r, name)}); err != nil {
		return nil, err
	}
	return &panel.View{Redirect: panel.Join("queues", name), Notice: "The queue is being emptied; that takes up to a minute."}, nil
}
