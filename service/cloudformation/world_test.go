package cloudformation

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	cfnapi "virga/api/cloudformation"
	lambdaapi "virga/api/lambda"
	s3api "virga/api/s3"
	ssmapi "virga/api/ssm"
	"virga/internal/job"
	"virga/internal/peer"
	"virga/internal/resource"
	"virga/internal/sim"
	"virga/internal/store"
	"virga/internal/wire"
)

const testAccount = "111122223333"

// world is a simulated node that works stacks, beside a service that makes things and fails when told.
type world struct {
	t       testing.TB
	w       *sim.World
	svc     *Service // the clients' view of it
	things  map[string]*thing
	answers map[string]any // by effect id: a repeat is answered, not done
	log     []string       // what was done, in order: "Create A"
	broken  map[string]int // "Create/A" → how often it still fails, -1 = always
	slow    map[string]int // "Create/A" → how often the type is not ready
	params  map[string]string
	objects map[string]string
	funcs   map[string]func(ev map[string]any) *answer // custom resources; nil = no answer comes
	calls   []map[string]any
}

type thing struct {
	Kind, Logical string
	Props         string
	Tags          map[string]string
}

type tokens struct{}

func sum(l ...string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprintf("%q", l)))) }

func (tokens) SealToken(account, context string, plain []byte) ([]byte, error) {
	return []byte(account + "|" + context + "|" + string(plain) + "|" + sum(account, context, string(plain))), nil
}

func (tokens) OpenToken(account, context string, sealed []byte) ([]byte, error) {
	if rest, ok := strings.CutPrefix(string(sealed), account+"|"+context+"|"); ok {
		if i := strings.LastIndexByte(rest, '|'); i >= 0 && rest[i+1:] == sum(account, context, rest[:i]) {
			return []byte(rest[:i]), nil
		}
	}
	return nil, errors.New("no such token")
}

func newWorld(t testing.TB, seed uint64, quiet bool) *world {
	x := &world{t: t, w: sim.New(seed), things: map[string]*thing{}, answers: map[string]any{}, broken: map[string]int{}, slow: map[string]int{},
		params: map[string]string{}, objects: map[string]string{}, funcs: map[string]func(map[string]any) *answer{}}
	x.w.Quiet = quiet
	x.w.AddNode("n", func(n *sim.Node, e *sim.Env) {
		st := e.Store()
		s := x.service(New(Config{Env: e, Store: st, Sealer: tokens{}, Forward: x, Role: x.role}))
		ls := peer.NewLeases(peer.Config{Env: e, Store: st, Node: fmt.Sprint("n.", n.Life()), Exclusive: true})
		job.NewRunner(job.Config{Env: e, Store: st, Leases: ls, Kinds: s.Parts().Jobs}).Start()
	})
	x.svc = x.service(New(Config{Env: x.w.ClientEnv(), Store: x.w.Base(), Sealer: tokens{}, Forward: x, Role: x.role}))
	t.Cleanup(x.w.Close)
	return x
}

func (x *world) service(s *Service) *Service {
	s.Add(s.Parts().Types)
	s.Add([]resource.Type{named{fake{x, "Fake::Unit::Thing"}}, fake{x, "Fake::Unit::Drawn"}, named{fake{x, "AWS::SNS::Topic"}}, named{fake{x, "AWS::SSM::Parameter"}}, named{fake{x, "AWS::IAM::Role"}}})
	return s
}

func (x *world) role(ctx context.Context, arn, session string) (wire.Invoker, error) {
	if strings.HasSuffix(arn, "/nobody") {
		return nil, wire.Errorf("AccessDenied", 403, "not trusted")
	}
	return x, nil
}

type thingCall struct {
	Kind, Logical, Name string
	Props               resource.Properties
	Tags                map[string]string
}

type thingAnswer struct{ Name string }

// Invoke implements wire.Invoker: the services that stacks call.
func (x *world) Invoke(ctx context.Context, op *wire.Op, in any) (any, error) {
	c := wire.CallOf(ctx)
	switch in := in.(type) {
	case *ssmapi.GetParameterInput:
		v, ok := x.params[in.Name]
		if !ok {
			return nil, &ssmapi.ParameterNotFound{}
		}
		return &ssmapi.GetParameterOutput{Parameter: &ssmapi.Parameter{Name: &in.Name, Value: &v}}, nil
	case *s3api.GetObjectInput:
		v, ok := x.objects[in.Bucket+"/"+in.Key]
		if !ok {
			return nil, &s3api.NoSuchKey{Message: "The specified key does not exist."}
		}
		return &s3api.GetObjectOutput{Body: strings.NewReader(v)}, nil
	}
	if c.EffectID != "" {
		if a, ok := x.answers[c.EffectID]; ok {
			return a, nil
		}
	}
	var out any
	var err error
	switch in := in.(type) {
	case *lambdaapi.InvokeInput:
		out, err = x.function(ctx, in)
	case *thingCall:
		out, err = x.thing(op.Name, in)
	default:
		return nil, wire.Errorf("NotImplemented", 501, "%s", op.Name)
	}
	if err == nil && c.EffectID != "" {
		x.answers[c.EffectID] = out
	}
	return out, err
}

func (x *world) thing(op string, in *thingCall) (any, error) {
	k := op + "/" + in.Logical
	if n := x.broken[k]; n != 0 {
		if n > 0 {
			x.broken[k]--
		}
		return nil, wire.Errorf("InvalidRequest", 400, "%s of %s is broken", op, in.Logical)
	}
	have := x.things[in.Name]
	switch op {
	case "Create":
		if have != nil {
			return nil, wire.Errorf("AlreadyExists", 409, "%s already exists", in.Name)
		}
	case "Update", "Delete":
		if have == nil {
			return nil, wire.Errorf("NotFound", 404, "%s is not there", in.Name)
		}
	}
	x.log = append(x.log, op+" "+in.Logical)
	if op == "Delete" {
		delete(x.things, in.Name)
		return &thingAnswer{in.Name}, nil
	}
	x.things[in.Name] = &thing{in.Kind, in.Logical, string(jsonOf(in.Props)), in.Tags}
	return &thingAnswer{in.Name}, nil
}

func (x *world) function(ctx context.Context, in *lambdaapi.InvokeInput) (any, error) {
	f, ok := x.funcs[in.FunctionName]
	if !ok {
		return nil, &lambdaapi.ResourceNotFoundException{Message: "Function not found: " + in.FunctionName}
	}
	var ev map[string]any
	if err := json.Unmarshal(in.Payload, &ev); err != nil {
		x.t.Error(err)
	}
	x.calls = append(x.calls, ev)
	if a := f(ev); a != nil {
		if code := x.respond(ev["ResponseURL"].(string), jsonOf(a)); code != 200 {
			x.t.Errorf("the answer was refused: %d", code)
		}
	}
	return &lambdaapi.InvokeOutput{StatusCode: wire.P(int32(202))}, nil
}

// respond sends what a custom resource or an instance sends.
func (x *world) respond(link string, body []byte) int {
	r := httptest.NewRequest("PUT", link, strings.NewReader(string(body)))
	w := httptest.NewRecorder()
	if !x.svc.ServeLinks(w, r) {
		x.t.Errorf("%s is nobody's", link)
	}
	return w.Code
}

// fake is a resource type whose service draws the ids.
type fake struct {
	x    *world
	name string
}

func (f fake) Name() string { return f.name }

func (f fake) Supports() []string {
	return []string{"Name", "Value", "Uses", "TopicName", "DisplayName", "FifoTopic", "Type", "RoleName", "AssumeRolePolicyDocument"}
}

func (f fake) call(ctx context.Context, op string, r *resource.Request, name string) (*resource.Progress, error) {
	k := op + "/" + r.LogicalID
	slow := f.x.slow[k] != 0
	if f.x.slow[k] > 0 {
		f.x.slow[k]--
	}
	pending := &resource.Progress{Physical: name, Pending: true, After: time.Second, Context: []byte("x")}
	if slow && op != "Create" { // what is made is there before it is ready
		return pending, nil
	}
	if op != "Create" || r.Context == nil {
		_, err := wire.Invoke[thingAnswer](ctx, r.Invoker, &wire.Op{Name: op, Schema: &wire.Schema{Package: "fake"}}, &thingCall{f.name, r.LogicalID, name, r.Properties, r.Tags})
		if err != nil {
			return nil, err
		}
	}
	if slow {
		return pending, nil
	}
	return &resource.Progress{Physical: name, Attributes: map[string]any{"Arn": "arn:fake:" + name, "Value": r.Properties.Str("Value")}}, nil
}

func (f fake) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	name := r.Physical
	if name == "" {
		name = "drawn-" + r.Suffix
	}
	return f.call(ctx, "Create", r, name)
}

func (f fake) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return f.call(ctx, "Update", r, r.Physical)
}

func (f fake) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	p, err := f.call(ctx, "Delete", r, r.Physical)
	var e *wire.Error
	if errors.As(err, &e) && e.Code == "NotFound" {
		err = nil
	}
	return p, err
}

func (f fake) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical}, nil
}

func (f fake) Replaces(r *resource.Request) bool {
	return r.Properties.Str("Name") != r.Previous.Str("Name") && strings.HasPrefix(f.name, "Fake")
}

// named is a fake whose names CloudFormation chooses.
type named struct{ fake }

func (n named) PhysicalName(r *resource.Request) string {
	for _, p := range []string{"Name", "TopicName", "RoleName"} {
		if v := r.Properties.Str(p); v != "" {
			return v
		}
	}
	return r.Name(64)
}

func (x *world) ctx(op string) context.Context {
	arn := "arn:aws:iam::" + testAccount + ":root"
	return wire.WithCall(context.Background(), &wire.Call{Account: testAccount, Region: "us-east-1", Partition: "aws", Domain: "localhost", BaseURL: "http://localhost", Time: x.w.Now(), RequestID: "r",
		Service: "cloudformation", Operation: op, Principal: wire.Principal{Type: "Account", ARN: arn, Account: testAccount, ID: testAccount}})
}

// flow makes YAML of "{Resources: …}", which would be read as JSON.
func flow(body string) string {
	if strings.HasPrefix(body, "{Resources:") {
		return body[1 : len(body)-1]
	}
	return body
}

func (x *world) create(name, body string, change ...func(*cfnapi.CreateStackInput)) error {
	body = flow(body)
	in := &cfnapi.CreateStackInput{StackName: name, TemplateBody: &body}
	for _, f := range change {
		f(in)
	}
	_, err := x.svc.CreateStack(x.ctx("CreateStack"), in)
	return err
}

func (x *world) update(name, body string, change ...func(*cfnapi.UpdateStackInput)) error {
	body = flow(body)
	in := &cfnapi.UpdateStackInput{StackName: name, TemplateBody: &body}
	for _, f := range change {
		f(in)
	}
	_, err := x.svc.UpdateStack(x.ctx("UpdateStack"), in)
	return err
}

func (x *world) delete(name string, retain ...string) error {
	_, err := x.svc.DeleteStack(x.ctx("DeleteStack"), &cfnapi.DeleteStackInput{StackName: name, RetainResources: retain})
	return err
}

// stacks reads every stack's record.
func (x *world) stacks() (out []*stack) {
	err := x.w.Base().View(context.Background(), func(r store.Reader) error {
		out = nil
		store.Each(r, store.Prefix(key(testAccount, "s", "us-east-1")), func(_ store.Key, s *stack) bool {
			out = append(out, s)
			return true
		})
		return nil
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return out
}

// rest lets the world go on until no stack operation is under way.
func (x *world) rest() {
	x.t.Helper()
	if err := x.w.Run(100_000, func() bool {
		return !slices.ContainsFunc(x.stacks(), func(s *stack) bool { return s.busy() })
	}); err != nil {
		x.t.Fatal(err, x.trail(""))
	}
}

// until lets the world go on until a stack's resource has a status.
func (x *world) until(name, logical, status string) {
	x.t.Helper()
	want := logical + " " + status
	if err := x.w.Run(100_000, func() bool {
		return slices.ContainsFunc(x.events(name), func(e string) bool { return strings.HasPrefix(e, want) })
	}); err != nil {
		x.t.Fatal(err, x.trail(name))
	}
}

func (x *world) trail(name string) string {
	var b strings.Builder
	for _, s := range x.stacks() {
		if name == "" || s.Name == name {
			fmt.Fprintln(&b, "\n"+s.Name+" "+s.Status+": "+strings.Join(x.events(s.arn()), "\n  "))
		}
	}
	return b.String()
}

// events gives a stack's events, oldest first: "A CREATE_COMPLETE" or "A CREATE_FAILED: why". It checks their order.
func (x *world) events(name string) (out []string) {
	var last time.Time
	var token *string
	for {
		o, err := x.svc.DescribeStackEvents(x.ctx("DescribeStackEvents"), &cfnapi.DescribeStackEventsInput{StackName: name, NextToken: token})
		if err != nil {
			x.t.Fatal(err)
		}
		for _, e := range o.StackEvents {
			if !last.IsZero() && !e.Timestamp.Before(last) {
				x.t.Fatalf("events are not newest first with rising times: %v after %v", e.Timestamp, last)
			}
			last = e.Timestamp
			s := *e.LogicalResourceId + " " + *e.ResourceStatus
			if e.ResourceStatusReason != nil {
				s += ": " + *e.ResourceStatusReason
			}
			out = append(out, s)
		}
		if token = o.NextToken; token == nil {
			slices.Reverse(out)
			return out
		}
	}
}

func (x *world) describe(name string) *cfnapi.Stack {
	x.t.Helper()
	o, err := x.svc.DescribeStacks(x.ctx("DescribeStacks"), &cfnapi.DescribeStacksInput{StackName: &name})
	if err != nil {
		x.t.Fatal(err)
	}
	return &o.Stacks[0]
}

func (x *world) status(name, want string) {
	x.t.Helper()
	if got := x.describe(name).StackStatus; got != want {
		x.t.Fatalf("stack %s is %s, not %s\n%s", name, got, want, x.trail(name))
	}
}

// physical gives a resource's physical id.
func (x *world) physical(name, logical string) string {
	x.t.Helper()
	o, err := x.svc.DescribeStackResource(x.ctx("DescribeStackResource"), &cfnapi.DescribeStackResourceInput{StackName: name, LogicalResourceId: logical})
	if err != nil {
		x.t.Fatal(err)
	}
	return *o.StackResourceDetail.PhysicalResourceId
}

// made lists the things that are there: "A=1".
func (x *world) made() string {
	var out []string
	for _, t := range x.things {
		out = append(out, t.Logical+"="+resource.Properties(object([]byte(t.Props))).Str("Value"))
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

// wantEvents compares a stack's events behind the first skip ones.
func (x *world) wantEvents(name string, skip int, want ...string) {
	x.t.Helper()
	got := x.events(name)[skip:]
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		x.t.Fatalf("events are\n  %s\nnot\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func wantErr(t testing.TB, err error, code, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s: %s", code, text)
	}
	in := wire.Info(cfnapi.Model.Schema, wire.Query, err)
	if in.Code != code || !strings.Contains(in.Message, text) {
		t.Fatalf("%s: %s\nwant %s: %s", in.Code, in.Message, code, text)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(wire.Info(cfnapi.Model.Schema, wire.Query, err))
	}
}
