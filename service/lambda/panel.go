package lambda

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	lambdaapi "virga/api/lambda"
	logsapi "virga/api/logs"
	"virga/internal/console/panel"
	"virga/internal/wire"
)

//go:embed panel.html
var panelHTML string

const (
	panelLogLines = 100
	panelLogBack  = 24 * time.Hour
)

// consolePanel is the console's panel of functions. It uses the services' clients as who is signed in, like any caller.
func consolePanel() panel.Panel {
	return panel.Panel{Name: "functions", Title: "Functions", Key: "f", HTML: panelHTML, Card: functionsCard,
		Links: map[string]func(string) string{"AWS::Lambda::Function": func(name string) string { return panel.Join("functions", name) }},
		Pages: []panel.Page{
			{Pattern: "GET /functions", Do: functionsPage},
			{Pattern: "GET /functions/{function}", Do: functionPage},
			{Pattern: "GET /functions/{function}/test", Do: functionTestPage},
			{Pattern: "POST /functions/{function}/test", Do: functionTest},
			{Pattern: "GET /functions/{function}/logs", Do: functionLogsPage},
		}}
}

type functionView struct {
	Name, Runtime, Handler, State, Reason, Description string
	Memory, Timeout                                    int32
	Size                                               int64
	Changed                                            time.Time
}

type variable struct{ Name, Value string }

type triggerView struct {
	Source, Kind, Link, State, Result string
	Batch                             int32
}

type panelLine struct {
	Key, Message, Kind string
	At                 time.Time
	Stream             string
}

type invocation struct {
	OK                       bool
	Error                    string // kind of the function's error
	Payload, Log             string
	Duration, Billed, Memory string
	Init                     string
	Async                    bool
	RequestID                string
}

type functionData struct {
	Function  functionView
	Tab       string
	Facts     [][2]string
	Role      string
	Variables []variable
	Shown     bool
	Layers    []string
	Triggers  []triggerView
	Policy    string
	LogGroup  string
	Lines     []panelLine
	Denied    string // what the logs answered instead
	Samples   []sampleEvent
	Saved     []sampleEvent
	Event     string // name of the chosen event
	IsSaved   bool
	Payload   string
	Result    *invocation
}

func panelClient(r *panel.Request) *lambdaapi.Client { return &lambdaapi.Client{Invoker: r.Invoker} }

func viewFunction(c *lambdaapi.FunctionConfiguration) functionView {
	v := functionView{Name: wire.V(c.FunctionName), Runtime: wire.V(c.Runtime), Handler: wire.V(c.Handler), State: wire.V(c.State), Reason: wire.V(c.StateReason),
		Description: wire.V(c.Description), Memory: wire.V(c.MemorySize), Timeout: wire.V(c.Timeout), Size: wire.V(c.CodeSize)}
	if wire.V(c.LastUpdateStatus) != "Successful" && c.LastUpdateStatus != nil {
		v.State, v.Reason = "Update"+*c.LastUpdateStatus, wire.V(c.LastUpdateStatusReason)
	}
	if v.Runtime == "" {
		v.Runtime = wire.V(c.PackageType)
	}
	v.Changed, _ = time.Parse("2006-01-02T15:04:05.000-0700", wire.V(c.LastModified))
	return v
}

func panelFunctions(ctx context.Context, r *panel.Request) ([]functionView, bool, error) {
	return panel.Collect(func(token *string) ([]functionView, *string, error) {
		out, err := panelClient(r).ListFunctions(ctx, &lambdaapi.ListFunctionsInput{Marker: token, MaxItems: wire.P(int32(50))})
		if err != nil {
			return nil, nil, err
		}
		l := make([]functionView, len(out.Functions))
		for i := range out.Functions {
			l[i] = viewFunction(&out.Functions[i])
		}
		return l, out.NextMarker, nil
	})
}

func functionsCard(ctx context.Context, r *panel.Request) (*panel.Card, error) {
	l, more, err := panelFunctions(ctx, r)
	if err != nil {
		return nil, err
	}
	c := &panel.Card{Count: len(l), More: more, Noun: "function", Plural: "functions", Hint: functionHint}
	for _, f := range l[:min(5, len(l))] {
		i := panel.Item{Text: f.Name, To: panel.Join("functions", f.Name), Note: f.Runtime}
		c.Items = append(c.Items, i)
	}
	return c, nil
}

const functionHint = "lambda create-function --function-name hello --runtime python3.11 --handler app.handler --zip-file fileb://app.zip --role arn:aws:iam::ACCOUNT:role/ROLE"

func functionsPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	l, more, err := panelFunctions(ctx, r)
	if err != nil {
		return nil, err
	}
	return &panel.View{Template: "functions/list", Title: "Functions", Data: struct {
		Functions []functionView
		More      bool
		Hint      string
	}{l, more, functionHint}}, nil
}

// panelFunction reads a function; the values of its environment are not among what it gives.
func panelFunction(ctx context.Context, r *panel.Request, tab string) (*functionData, *lambdaapi.FunctionConfiguration, error) {
	c, err := panelClient(r).GetFunctionConfiguration(ctx, &lambdaapi.GetFunctionConfigurationInput{FunctionName: r.Path("function")})
	if err != nil {
		return nil, nil, err
	}
	f := c
	d := &functionData{Function: viewFunction(f), Tab: tab, Role: wire.V(f.Role), LogGroup: "/aws/lambda/" + wire.V(f.FunctionName)}
	if l := f.LoggingConfig; l != nil && wire.V(l.LogGroup) != "" {
		d.LogGroup = *l.LogGroup
	}
	return d, f, nil
}

func functionPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	d, f, err := panelFunction(ctx, r, "configuration")
	if err != nil {
		return nil, err
	}
	d.Facts = [][2]string{{"ARN", wire.V(f.FunctionArn)}, {"Role", d.Role}, {"Code", byteCount(d.Function.Size) + ", SHA-256 " + wire.V(f.CodeSha256)}, {"Architecture", strings.Join(f.Architectures, ", ")}}
	if f.EphemeralStorage != nil {
		d.Facts = append(d.Facts, [2]string{"/tmp", strconv.Itoa(int(f.EphemeralStorage.Size)) + " MB"})
	}
	if c, err := panelClient(r).GetFunctionConcurrency(ctx, &lambdaapi.GetFunctionConcurrencyInput{FunctionName: d.Function.Name}); err == nil && c.ReservedConcurrentExecutions != nil {
		d.Facts = append(d.Facts, [2]string{"Reserved concurrency", strconv.Itoa(int(*c.ReservedConcurrentExecutions))})
	}
	d.Shown = r.Query.Get("environment") == "shown"
	if f.Environment != nil {
		for _, k := range slices.Sorted(maps.Keys(f.Environment.Variables)) {
			v := variable{Name: k}
			if d.Shown {
				v.Value = f.Environment.Variables[k]
			}
			d.Variables = append(d.Variables, v)
		}
	}
	for _, l := range f.Layers {
		d.Layers = append(d.Layers, wire.V(l.Arn))
	}
	if m, err := panelClient(r).ListEventSourceMappings(ctx, &lambdaapi.ListEventSourceMappingsInput{FunctionName: &d.Function.Name}); err == nil {
		for _, x := range m.EventSourceMappings {
			t := triggerView{Source: wire.V(x.EventSourceArn), State: wire.V(x.State), Result: wire.V(x.LastProcessingResult), Batch: wire.V(x.BatchSize)}
			if p := strings.Split(t.Source, ":"); len(p) == 6 {
				if t.Kind = strings.ToUpper(p[2]); p[2] == "sqs" {
					t.Link = panel.Join("queues", p[5])
				}
			}
			d.Triggers = append(d.Triggers, t)
		}
	}
	if p, err := panelClient(r).GetPolicy(ctx, &lambdaapi.GetPolicyInput{FunctionName: d.Function.Name}); err == nil {
		d.Policy = wire.V(p.Policy)
	}
	return &panel.View{Template: "functions/function", Title: d.Function.Name, Data: d}, nil
}

func byteCount(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }

func functionLogsPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	d, _, err := panelFunction(ctx, r, "logs")
	if err != nil {
		return nil, err
	}
	out, err := (&logsapi.Client{Invoker: r.Invoker}).FilterLogEvents(ctx, &logsapi.FilterLogEventsInput{LogGroupName: &d.LogGroup, StartTime: wire.P(r.Now.Add(-panelLogBack).UnixMilli()),
		StartFromHead: wire.P(false), Limit: wire.P(int32(panelLogLines))})
	var missing *logsapi.ResourceNotFoundException
	switch {
	case err == nil:
		for _, e := range out.Events {
			l := panelLine{Key: wire.V(e.EventId), Message: strings.TrimRight(wire.V(e.Message), "\n"), Stream: wire.V(e.LogStreamName), At: time.UnixMilli(wire.V(e.Timestamp))}
			if platformLine.MatchString(l.Message) {
				l.Kind = "platform"
			} else if errorLine.MatchString(l.Message) {
				l.Kind = "error"
			}
			d.Lines = append(d.Lines, l)
		}
		slices.Reverse(d.Lines)
	case asLogs(err, &missing):
	default:
		d.Denied = err.Error()
	}
	return &panel.View{Template: "functions/function", Title: d.Function.Name, Data: d}, nil
}

func asLogs(err error, to **logsapi.ResourceNotFoundException) bool {
	e, ok := err.(*logsapi.ResourceNotFoundException)
	*to = e
	return ok
}

var (
	platformLine = regexp.MustCompile(`^(START RequestId: |END RequestId: |REPORT RequestId: |INIT_START )`)
	errorLine    = regexp.MustCompile(`^[^\n]*(ERROR|Traceback |Task timed out|Error:|Exception)`)
	reportField  = regexp.MustCompile(`\t(Duration|Billed Duration|Max Memory Used|Init Duration): ([0-9.]+ (?:ms|MB))`)
	reportStart  = regexp.MustCompile(`REPORT RequestId: (\S+)`)
)

func functionTestPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	d, _, err := panelFunction(ctx, r, "test")
	if err != nil {
		return nil, err
	}
	if err := d.events(ctx, r, r.Query.Get("event")); err != nil {
		return nil, err
	}
	return &panel.View{Template: "functions/function", Title: d.Function.Name, Data: d}, nil
}

// functionTest invokes the function with the event of the form, or keeps or deletes the event.
func functionTest(ctx context.Context, r *panel.Request) (*panel.View, error) {
	name, event, payload := r.Path("function"), strings.TrimSpace(r.Form.Get("name")), strings.ReplaceAll(r.Form.Get("payload"), "\r\n", "\n")
	back := func(event, notice string) (*panel.View, error) {
		return &panel.View{Redirect: panel.Join("functions", name, "test") + "?event=" + event, Notice: notice}, nil
	}
	switch r.Form.Get("do") {
	case "save":
		if err := saveEvent(ctx, r, name, event, payload); err != nil {
			return nil, err
		}
		return back(event, "The event "+event+" is saved.")
	case "forget":
		if err := forgetEvent(ctx, r, name, event); err != nil {
			return nil, err
		}
		return back("", "The event "+event+" is deleted.")
	}
	if strings.TrimSpace(payload) == "" {
		payload = "{}"
	}
	if !json.Valid([]byte(payload)) {
		var v any
		return nil, panel.Bad("The event is not JSON: %v.", json.Unmarshal([]byte(payload), &v))
	}
	in := &lambdaapi.InvokeInput{FunctionName: name, Payload: []byte(payload), LogType: wire.P("Tail")}
	if q := r.Form.Get("qualifier"); q != "" {
		in.Qualifier = &q
	}
	async := r.Form.Get("async") != ""
	if async {
		in.InvocationType, in.LogType = wire.P("Event"), nil
	}
	out, err := panelClient(r).Invoke(ctx, in)
	if err != nil {
		return nil, err
	}
	x := &invocation{OK: out.FunctionError == nil, Error: wire.V(out.FunctionError), Payload: string(out.Payload), Async: async}
	if b, err := base64.StdEncoding.DecodeString(wire.V(out.LogResult)); err == nil {
		x.Log = string(b)
		for _, m := range reportField.FindAllStringSubmatch(x.Log, -1) {
			switch m[1] {
			case "Duration":
				x.Duration = m[2]
			case "Billed Duration":
				x.Billed = m[2]
			case "Max Memory Used":
				x.Memory = m[2]
			case "Init Duration":
				x.Init = m[2]
			}
		}
		if m := reportStart.FindStringSubmatch(x.Log); m != nil {
			x.RequestID = m[1]
		}
	}
	d, _, err := panelFunction(ctx, r, "test")
	if err != nil {
		return nil, err
	}
	if err := d.events(ctx, r, event); err != nil {
		return nil, err
	}
	d.Payload, d.Result = payload, x
	return &panel.View{Template: "functions/function", Title: d.Function.Name, Data: d}, nil
}
