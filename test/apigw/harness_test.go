// Package apigw tests API Gateway through the gate and real HTTP, with a function behind it that is a handler of the
// test: the lambda it meets checks its resource policy as the real one does.
package apigw

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	restapi "virga/api/apigateway"
	v2api "virga/api/apigatewayv2"
	lambdaapi "virga/api/lambda"
	"virga/internal/admit"
	"virga/internal/auth"
	"virga/internal/authority"
	"virga/internal/env"
	"virga/internal/execute"
	"virga/internal/front"
	"virga/internal/gate"
	"virga/internal/record"
	"virga/internal/store/mem"
	"virga/internal/store/seal"
	"virga/internal/wire"
	"virga/service/apigateway"
	"virga/service/apigatewayv2"
)

const (
	account  = "123456789012"
	region   = "eu-west-1"
	function = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
)

type keys map[uint32]seal.WrappedKey

func (m keys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return nil, nil }
func (m keys) SaveKey(id uint32, k seal.WrappedKey) error    { m[id] = k; return nil }

// fake is a lambda of one function.
type fake struct {
	mu     sync.Mutex
	fn     func(ctx context.Context, event json.RawMessage) (any, error) // an error is the function's
	policy string
	events []json.RawMessage
	quick  []byte // where set, every event gets it without a look
}

type functionError string

func (e functionError) Error() string { return string(e) }

func (f *fake) parts() gate.Parts {
	op := lambdaapi.Model.Op("Invoke")
	return gate.Parts{Model: &lambdaapi.Model, DataEvents: []string{"Invoke"}, Handlers: []wire.Handler{wire.Handle(op, f.invoke, f.requires)}}
}

func (f *fake) requires(_ context.Context, in *lambdaapi.InvokeInput, r *wire.Requirements) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.Need("lambda:InvokeFunction", in.FunctionName).ResourcePolicy = f.policy
	return nil
}

func (f *fake) invoke(ctx context.Context, in *lambdaapi.InvokeInput) (*lambdaapi.InvokeOutput, error) {
	if f.quick != nil {
		return &lambdaapi.InvokeOutput{StatusCode: wire.P(int32(200)), Payload: f.quick}, nil
	}
	f.mu.Lock()
	fn := f.fn
	f.events = append(f.events, bytes.Clone(in.Payload))
	f.mu.Unlock()
	if !json.Valid(in.Payload) {
		panic("the event is no JSON: " + string(in.Payload))
	}
	v, err := fn(ctx, in.Payload)
	if e, ok := err.(functionError); ok {
		b, _ := json.Marshal(map[string]string{"errorMessage": string(e), "errorType": "Error"})
		return &lambdaapi.InvokeOutput{StatusCode: wire.P(int32(200)), FunctionError: wire.P("Unhandled"), Payload: b}, nil
	}
	if err != nil {
		return nil, err
	}
	b, ok := v.(json.RawMessage)
	if !ok {
		if b, err = json.Marshal(v); err != nil {
			panic(err)
		}
	}
	return &lambdaapi.InvokeOutput{StatusCode: wire.P(int32(200)), Payload: b}, nil
}

func (f *fake) last(t testing.TB) map[string]any {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) == 0 {
		t.Fatal("the function was not called")
	}
	var m map[string]any
	if err := json.Unmarshal(f.events[len(f.events)-1], &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func grant(source string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*","Condition":{"ArnLike":{"AWS:SourceArn":"` + source + `"}}}]}`
}

type world struct {
	t      testing.TB
	env    *env.Real
	lambda *fake
	gate   *gate.Gate
	record *record.Recorder
	plane  *execute.Plane
	addr   string
	key    *auth.Key
	http   *v2api.Client
	rest   *restapi.Client
	inv    wire.Invoker
	ctx    context.Context
}

type callers struct {
	w     *world
	front *front.Front
}

func (c *callers) Identify(r *http.Request, body []byte) (wire.Principal, error) {
	return c.front.Identify(r, "execute-api", body)
}

func (c *callers) Authorize(ctx context.Context, call *wire.Call, reqs []wire.Requirement) error {
	return c.w.gate.Authorize(ctx, call, reqs)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	e := env.NewReal()
	began := time.Now()
	st := mem.New(e, func() time.Duration { return time.Since(began) })
	master := make([]byte, seal.KeySize)
	sealer, err := seal.New(master, keys{}, e.Secret)
	if err != nil {
		t.Fatal(err)
	}
	a := auth.New(auth.Config{Env: e, Store: st, Sealer: sealer})
	ctx, cancel := context.WithCancel(context.Background())
	key, _, err := a.MakeRoot(ctx, account)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, env: e, lambda: &fake{policy: grant("*")}, key: key}
	w.record = record.New(record.Config{Env: e, Store: st, Node: "n"})
	w.gate = gate.New(gate.Config{Env: e, Authority: authority.New(authority.Config{Env: e, Store: st}), Admit: admit.New(), Record: w.record})
	cs := &callers{w: w}
	inv := w.gate.As("apigateway.amazonaws.com")
	hs := apigatewayv2.New(apigatewayv2.Config{Env: e, Store: st, Sealer: sealer, Lambda: inv, Callers: cs})
	rs := apigateway.New(apigateway.Config{Env: e, Store: st, Sealer: sealer, Lambda: inv, Callers: cs})
	w.gate.Add(w.lambda.parts())
	w.gate.Add(hs.Parts())
	w.gate.Add(rs.Parts())
	w.plane = execute.New(execute.Config{Env: e, Store: st, Gate: w.gate, Domain: "localhost", Region: region, AccountRate: 1e9, AccountBurst: 1e9, Finders: []execute.Finder{hs, rs}})
	cs.front = front.New(front.Config{Env: e, Gate: w.gate, Auth: a, Record: w.record, Domain: "localhost", Region: region, App: w.plane.Serve})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- cs.front.Serve(ctx, front.Listener{Listener: l, Surfaces: front.API | front.Apps}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		e.Close()
		st.Close()
	})
	root := wire.Principal{Type: "Root", ARN: "arn:aws:iam::" + account + ":root", ID: account, Account: account}
	w.inv = w.gate.With(root)
	w.http, w.rest = &v2api.Client{Invoker: w.inv}, &restapi.Client{Invoker: w.inv}
	w.ctx = wire.WithCall(ctx, &wire.Call{Account: account, Region: region, Partition: "aws", BaseURL: "http://localhost:4566", Domain: "localhost"})
	return w
}

type answer struct {
	status int
	header http.Header
	body   string
}

// call sends one request to an API: host form.
func (w *world) call(method, id, path, body string, header ...string) answer {
	w.t.Helper()
	req, err := http.NewRequest(method, "http://"+w.addr+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if id != "" {
		req.Host = id + ".execute-api.localhost:4566"
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return w.send(req)
}

func (w *world) send(req *http.Request) answer {
	w.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func (w *world) want(a answer, status int, body string) {
	w.t.Helper()
	if a.status != status || a.body != body {
		w.t.Errorf("answer %d %q, want %d %q", a.status, a.body, status, body)
	}
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func get(m any, path ...string) any {
	for _, p := range path {
		x, _ := m.(map[string]any)
		m = x[p]
	}
	return m
}
