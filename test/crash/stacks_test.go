package crash

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cfnapi "virga/api/cloudformation"
	iamapi "virga/api/iam"
	lambdaapi "virga/api/lambda"
	logsapi "virga/api/logs"
	sqsapi "virga/api/sqs"
	ssmapi "virga/api/ssm"
	"virga/internal/wire"
)

// stackClients are the clients that make, change and delete stacks, each one of its own.
const stackClients = 4

// stacks are the CloudFormation part of the ledger.
type stacks struct {
	mu      sync.Mutex
	tokens  map[string]string // ClientRequestToken of an acknowledged operation → the stack's ARN
	deleted map[string]bool   // ARNs whose deletion was acknowledged
	ops     int
	events  map[string]bool // payloads of asynchronous invocations that were acknowledged
}

// template draws a stack: names that are replaced, resources that come and go, and now and then one that cannot be made.
func template() string {
	t := `
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: ` + strconv.Itoa(rand.IntN(9)) + `}}
  P: {Type: AWS::SSM::Parameter, Properties: {Name: !Sub "/crash-stack/${AWS::StackName}/` + strconv.Itoa(rand.IntN(3)) + `", Type: String, Value: !GetAtt Q.Arn}}
`
	if rand.IntN(2) == 0 {
		t += `  G: {Type: AWS::Logs::LogGroup, DependsOn: P, Properties: {LogGroupName: !Sub "/crash-stack/${AWS::StackName}"}}
`
	}
	if rand.IntN(4) == 0 {
		t += `  X: {Type: AWS::SSM::Parameter, DependsOn: P, Properties: {Name: /crash/taken, Type: String, Value: x}}
`
	}
	return t
}

// work is one client of stacks until its server dies.
func (l *stacks) work(ctx context.Context, s *server, round, client int, ack func()) {
	c := cfnapi.Client{Invoker: s.invoker()}
	name := fmt.Sprint("crash-", client)
	for i := 0; ctx.Err() == nil; i++ {
		token := fmt.Sprintf("t-%d-%d-%d", round, client, i)
		body := template()
		d, err := c.DescribeStacks(ctx, &cfnapi.DescribeStacksInput{StackName: &name})
		if err != nil {
			if !strings.Contains(err.Error(), "does not exist") {
				return
			}
			o, err := c.CreateStack(ctx, &cfnapi.CreateStackInput{StackName: name, TemplateBody: &body, ClientRequestToken: &token})
			if err != nil {
				return
			}
			l.acked(*o.StackId, token, false, ack)
			continue
		}
		st := &d.Stacks[0]
		switch status := st.StackStatus; {
		case strings.HasSuffix(status, "_IN_PROGRESS"):
			time.Sleep(20 * time.Millisecond)
		case rand.IntN(3) > 0 && (status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE" || status == "UPDATE_ROLLBACK_COMPLETE"):
			if _, err := c.UpdateStack(ctx, &cfnapi.UpdateStackInput{StackName: name, TemplateBody: &body, ClientRequestToken: &token}); err != nil {
				if strings.Contains(err.Error(), "No updates") {
					continue
				}
				return
			}
			l.acked(*st.StackId, token, false, ack)
		default:
			if _, err := c.DeleteStack(ctx, &cfnapi.DeleteStackInput{StackName: name, ClientRequestToken: &token}); err != nil {
				return
			}
			l.acked(*st.StackId, token, true, ack)
		}
	}
}

func (l *stacks) acked(arn, token string, deleted bool, ack func()) {
	l.mu.Lock()
	l.tokens[token] = arn
	if deleted {
		l.deleted[arn] = true
	}
	l.ops++
	l.mu.Unlock()
	ack()
}

// prepare makes the function whose invocations are looked for behind its destination.
func (l *stacks) prepare(t *testing.T, s *server) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := (&ssmapi.Client{Invoker: s.invoker()}).PutParameter(ctx, &ssmapi.PutParameterInput{Name: "/crash/taken", Value: "theirs", Type: wire.P("String")})
	must(err)
	_, err = (&sqsapi.Client{Invoker: s.invoker()}).CreateQueue(ctx, &sqsapi.CreateQueueInput{QueueName: "outcomes"})
	must(err)
	iam := iamapi.Client{Invoker: s.invoker()}
	role, err := iam.CreateRole(ctx, &iamapi.CreateRoleInput{RoleName: "crash", AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`})
	must(err)
	_, err = iam.PutRolePolicy(ctx, &iamapi.PutRolePolicyInput{RoleName: "crash", PolicyName: "p", PolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage","logs:*"],"Resource":"*"}]}`})
	must(err)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("f.py")
	must(err)
	_, err = w.Write([]byte("def handler(event, context):\n    return event\n"))
	must(err)
	must(z.Close())
	f := lambdaapi.Client{Invoker: s.invoker()}
	_, err = f.CreateFunction(ctx, &lambdaapi.CreateFunctionInput{FunctionName: "crash", Role: role.Role.Arn, Runtime: wire.P("python3.11"), Handler: wire.P("f.handler"), Timeout: wire.P(int32(30)), Code: &lambdaapi.FunctionCode{ZipFile: b.Bytes()}})
	must(err)
	_, err = f.PutFunctionEventInvokeConfig(ctx, &lambdaapi.PutFunctionEventInvokeConfigInput{FunctionName: "crash",
		DestinationConfig: &lambdaapi.DestinationConfig{OnSuccess: &lambdaapi.OnSuccess{Destination: wire.P("arn:aws:sqs:us-east-1:000000000000:outcomes")}, OnFailure: &lambdaapi.OnFailure{Destination: wire.P("arn:aws:sqs:us-east-1:000000000000:outcomes")}}})
	must(err)
}

// invoke asks for one asynchronous invocation; it tells whether the server still answers.
func (l *stacks) invoke(ctx context.Context, s *server, what string) bool {
	b, _ := json.Marshal(map[string]string{"what": what})
	_, err := (&lambdaapi.Client{Invoker: s.invoker()}).Invoke(ctx, &lambdaapi.InvokeInput{FunctionName: "crash", InvocationType: wire.P("Event"), Payload: b})
	if err != nil {
		return false
	}
	l.mu.Lock()
	l.events[what] = true
	l.mu.Unlock()
	return true
}

// check looks whether every stack has come to an end that its resources agree with, and every event to its destination.
func (l *stacks) check(t *testing.T, s *server) (half, lost int) {
	ctx := context.Background()
	c := cfnapi.Client{Invoker: s.invoker()}
	var all []cfnapi.StackSummary
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		all = nil
		busy := ""
		in := &cfnapi.ListStacksInput{}
		for {
			o, err := c.ListStacks(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range o.StackSummaries {
				if strings.HasSuffix(x.StackStatus, "_IN_PROGRESS") {
					busy = x.StackName + " " + x.StackStatus
				}
			}
			all = append(all, o.StackSummaries...)
			if in.NextToken = o.NextToken; in.NextToken == nil {
				break
			}
		}
		if busy == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("a stack is half made two minutes later: %s", busy)
			half++
			break
		}
	}
	known, want := map[string]string{}, map[string]bool{}
	seen := map[string]bool{} // tokens in events
	for _, x := range all {
		arn := *x.StackId
		known[arn] = x.StackStatus
		r, err := c.DescribeStackResources(ctx, &cfnapi.DescribeStackResourcesInput{StackName: &arn})
		if err != nil {
			t.Fatal(err)
		}
		for _, y := range r.StackResources {
			p := wire.V(y.PhysicalResourceId)
			switch {
			case strings.HasSuffix(y.ResourceStatus, "_IN_PROGRESS"):
				t.Errorf("%s of %s is %s", y.LogicalResourceId, arn, y.ResourceStatus)
				half++
			case y.ResourceStatus != "DELETE_COMPLETE" && p != "":
				want[y.ResourceType+" "+p[strings.LastIndex(p, "/000000000000/")+1:]] = true
			}
		}
		ev := &cfnapi.DescribeStackEventsInput{StackName: arn}
		for {
			o, err := c.DescribeStackEvents(ctx, ev)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range o.StackEvents {
				seen[wire.V(e.ClientRequestToken)] = true
			}
			if ev.NextToken = o.NextToken; ev.NextToken == nil {
				break
			}
		}
	}
	have := l.existing(t, s)
	for p := range want {
		if !have[p] {
			t.Errorf("a stack says that it has %s, which does not exist", p)
			half++
		}
	}
	for p := range have {
		if !want[p] {
			t.Errorf("%s exists and no stack has it", p)
			half++
		}
	}
	for token, arn := range l.tokens {
		if known[arn] == "" || !seen[token] {
			t.Errorf("operation %s of %s was acknowledged and is lost", token, arn)
			lost++
		}
	}
	for arn := range l.deleted {
		if known[arn] != "DELETE_COMPLETE" && known[arn] != "DELETE_FAILED" {
			t.Errorf("the deletion of %s was acknowledged, and it is %s", arn, known[arn])
			lost++
		}
	}
	ends := map[string]int{}
	for _, x := range known {
		ends[x]++
	}
	events := len(l.events)
	lost += l.delivered(t, s)
	t.Logf("%d stack operations on %d stacks, which ended %v: %d half made; %d asynchronous invocations looked for", l.ops, len(known), ends, half, events)
	return half, lost
}

// existing lists what stacks have made, whoever thinks of it.
func (l *stacks) existing(t *testing.T, s *server) map[string]bool {
	ctx := context.Background()
	have := map[string]bool{}
	q := &sqsapi.ListQueuesInput{QueueNamePrefix: wire.P("crash-"), MaxResults: wire.P(int32(1000))}
	o, err := (&sqsapi.Client{Invoker: s.invoker()}).ListQueues(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range o.QueueUrls {
		have["AWS::SQS::Queue "+u[strings.LastIndex(u, "/000000000000/")+1:]] = true
	}
	in := &ssmapi.GetParametersByPathInput{Path: "/crash-stack", Recursive: wire.P(true)}
	for {
		o, err := (&ssmapi.Client{Invoker: s.invoker()}).GetParametersByPath(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range o.Parameters {
			have["AWS::SSM::Parameter "+*p.Name] = true
		}
		if in.NextToken = o.NextToken; in.NextToken == nil {
			break
		}
	}
	g, err := (&logsapi.Client{Invoker: s.invoker()}).DescribeLogGroups(ctx, &logsapi.DescribeLogGroupsInput{LogGroupNamePrefix: wire.P("/crash-stack/")})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range g.LogGroups {
		have["AWS::Logs::LogGroup "+*x.LogGroupName] = true
	}
	return have
}

// delivered takes the outcomes from the destination until every event has one.
func (l *stacks) delivered(t *testing.T, s *server) (lost int) {
	ctx := context.Background()
	q := sqsapi.Client{Invoker: s.invoker()}
	url := s.endpoint + "/000000000000/outcomes"
	for deadline := time.Now().Add(4 * time.Minute); len(l.events) > 0 && time.Now().Before(deadline); {
		r, err := q.ReceiveMessage(ctx, &sqsapi.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: wire.P(int32(10)), WaitTimeSeconds: wire.P(int32(2)), VisibilityTimeout: wire.P(int32(3600))})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Messages {
			var o struct {
				Request struct{ What string } `json:"requestPayload"`
			}
			if err := json.Unmarshal([]byte(*m.Body), &o); err != nil {
				t.Error(err)
			}
			delete(l.events, o.Request.What)
		}
	}
	for e := range l.events {
		if lost++; lost <= 5 {
			t.Errorf("the asynchronous invocation %s was acknowledged and has no outcome", e)
		}
	}
	return lost
}

// descendants lists the processes below one, by pid and start time.
func descendants(pid int) map[string]bool {
	type proc struct{ parent, start string }
	all := map[string]proc{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		i := bytes.LastIndexByte(b, ')')
		p := strings.Fields(string(b[i+1:]))
		if i < 0 || len(p) < 20 || p[0] == "Z" {
			continue
		}
		all[strings.Split(f, "/")[2]] = proc{p[1], p[19]}
	}
	out := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for id, p := range all {
			k := id + "@" + p.start
			if out[k] || p.parent != strconv.Itoa(pid) && !out[p.parent+"@"+all[p.parent].start] {
				continue
			}
			out[k], changed = true, true
		}
	}
	return out
}

// orphans gives those of a killed server's processes that live on after some seconds.
func orphans(was map[string]bool) (left []string) {
	for range 50 {
		left = nil
		for k := range was {
			id, start, _ := strings.Cut(k, "@")
			b, err := os.ReadFile("/proc/" + id + "/stat")
			if err != nil {
				continue
			}
			p := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
			if len(p) > 19 && p[0] != "Z" && p[19] == start {
				c, _ := os.ReadFile("/proc/" + id + "/cmdline")
				left = append(left, id+" "+strings.ReplaceAll(string(c), "\x00", " "))
			}
		}
		if len(left) == 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	sort.Strings(left)
	return left
}
