package cloudformation

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	lambdaapi "virga/api/lambda"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/wire"
)

// Names of the types that live here.
const (
	customName = "AWS::CloudFormation::CustomResource"
	handleName = "AWS::CloudFormation::WaitConditionHandle"
	waitName   = "AWS::CloudFormation::WaitCondition"
)

const (
	customWait    = time.Hour // that a custom resource may take, unless it says otherwise
	customLook    = 250 * time.Millisecond
	answerMax     = 4096 // bytes of a custom resource's answer (AWS CloudFormation User Guide, Custom resource response objects)
	responsePath  = "/_aws/cloudformation/response/"
	responseHost  = "cloudformation-custom-resource-response-"
	handlePath    = "/_aws/cloudformation/wait/"
	signalsMax    = 1000
	waitLookAgain = time.Second
)

// answer is what a custom resource's function sends back.
type answer struct {
	Status   string         `json:"Status"`
	Reason   string         `json:"Reason"`
	Physical string         `json:"PhysicalResourceId"`
	Stack    string         `json:"StackId"`
	Request  string         `json:"RequestId"`
	Logical  string         `json:"LogicalResourceId"`
	NoEcho   bool           `json:"NoEcho"`
	Data     map[string]any `json:"Data"`
}

// customType is AWS::CloudFormation::CustomResource and Custom::Anything: a function makes, changes and removes it, and
// sends its answer to an address that stands for one request.
type customType struct{ s *Service }

// Name implements resource.Type.
func (customType) Name() string { return customName }

// Supports implements resource.Type: a custom resource takes whatever properties its function does.
func (customType) Supports() []string { return []string{"ServiceToken", "ServiceTimeout"} }

// waiting is what a custom resource's request keeps while its answer is awaited.
type waiting struct {
	Request string
	Until   time.Time
}

func (t customType) ask(ctx context.Context, r *resource.Request, kind string) (*resource.Progress, error) {
	w := waiting{}
	if r.Context != nil {
		if err := json.Unmarshal(r.Context, &w); err != nil {
			return nil, err
		}
		return t.look(ctx, r, kind, w)
	}
	limit := customWait
	if n := r.Properties.Int("ServiceTimeout"); n != nil && *n > 0 && *n <= 3600 {
		limit = time.Duration(*n) * time.Second
	}
	w = waiting{Request: requestID(r.Token), Until: t.s.cfg.Env.Now().Add(limit)}
	token := r.Properties.Str("ServiceToken")
	if !strings.HasPrefix(token, "arn:aws:lambda:") {
		return nil, wire.Unsupported("A custom resource with the ServiceToken " + token + " (functions are)")
	}
	link, err := t.link(ctx, r, w.Request)
	if err != nil {
		return nil, err
	}
	ev := map[string]any{"RequestType": kind, "ServiceToken": token, "ResponseURL": link, "StackId": r.StackID, "RequestId": w.Request, "LogicalResourceId": r.LogicalID, "ResourceType": r.Type,
		"ResourceProperties": texts(map[string]any(r.Properties))}
	if kind != "Create" {
		ev["PhysicalResourceId"] = r.Physical
	}
	if kind == "Update" {
		ev["OldResourceProperties"] = texts(map[string]any(r.Previous))
	}
	_, err = (&lambdaapi.Client{Invoker: r.Invoker}).Invoke(ctx, &lambdaapi.InvokeInput{FunctionName: token, InvocationType: wire.P("Event"), Payload: jsonOf(ev)})
	if err != nil {
		return nil, err
	}
	return &resource.Progress{Physical: physicalOr(r), Pending: true, After: customLook, Context: jsonOf(w)}, nil
}

// physicalOr is the id of a resource whose function has not named one: deletion after a failed creation needs one too.
func physicalOr(r *resource.Request) string {
	if r.Physical != "" {
		return r.Physical
	}
	return r.Name(100)
}

// requestID makes a UUID's form of a step's token, the same for a repeat.
func requestID(token string) string {
	h := fingerprint(&input{Parameters: []parameter{{Key: token}}})
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range 16 {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b.WriteByte('-')
		}
		b.WriteByte(digits[h[i]>>4])
		b.WriteByte(digits[h[i]&15])
	}
	return b.String()
}

// texts makes strings of all scalars, as CloudFormation hands properties to functions.
func texts(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = texts(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = texts(x)
		}
		return out
	case nil:
		return nil
	}
	return resource.Text(v)
}

// look reads the answer if it has come.
func (t customType) look(ctx context.Context, r *resource.Request, kind string, w waiting) (*resource.Progress, error) {
	_, id, _ := idOf(r.StackID)
	var got *signal
	err := t.s.cfg.Store.View(ctx, func(rd store.Reader) error {
		got, _ = store.Load[signal](rd, signalsOf(r.Call.Account, r.Call.Region, id, "response").Str(w.Request))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if got == nil {
		if !t.s.cfg.Env.Now().Before(w.Until) {
			return nil, reasonf("CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [%s]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can attach the updated version.", w.Request)
		}
		return &resource.Progress{Physical: r.Physical, Pending: true, After: customLook, Context: jsonOf(w)}, nil
	}
	var a answer
	if err := json.Unmarshal([]byte(got.Data), &a); err != nil {
		return nil, reasonf("Invalid response from the custom resource: %s", err)
	}
	switch {
	case a.Status == "FAILED":
		why := a.Reason
		if why == "" {
			why = "No reason given"
		}
		return &resource.Progress{Physical: a.Physical}, reasonf("Received response status [FAILED] from custom resource. Message returned: %s (RequestId: %s)", why, w.Request)
	case a.Status != "SUCCESS":
		return nil, reasonf("Invalid Status in the custom resource's response: %s", a.Status)
	case a.Physical == "" && kind != "Delete":
		return nil, reasonf("Invalid PhysicalResourceId")
	case len(a.Physical) > 1024:
		return nil, reasonf("PhysicalResourceId is longer than 1024 characters")
	}
	p := &resource.Progress{Physical: a.Physical, Attributes: a.Data}
	if p.Physical == "" {
		p.Physical = r.Physical
	}
	if p.Attributes == nil {
		p.Attributes = map[string]any{}
	}
	return p, nil
}

// Create implements resource.Type.
func (t customType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.ask(ctx, r, "Create")
}

// Update implements resource.Type.
func (t customType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.ask(ctx, r, "Update")
}

// Delete implements resource.Type.
func (t customType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.ask(ctx, r, "Delete")
}

// Read implements resource.Type.
func (customType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical}, nil
}

// Replaces implements resource.Replacer: another function makes another resource.
func (customType) Replaces(r *resource.Request) bool {
	return r.Properties.Str("ServiceToken") != r.Previous.Str("ServiceToken")
}

// link is where one request's answer goes; whoever knows it may answer that request and no other.
func (t customType) link(ctx context.Context, r *resource.Request, request string) (string, error) {
	_, id, _ := idOf(r.StackID)
	tok, err := t.s.sealLink(r.Call.Account, "response", strings.Join([]string{r.Call.Region, id, request}, "/"))
	if err != nil {
		return "", err
	}
	base := t.s.cfg.ResponseBase
	if base == "" {
		base = r.Call.BaseURL
	}
	base = strings.ReplaceAll(base, "{region}", strings.ReplaceAll(r.Call.Region, "-", ""))
	return base + responsePath + r.Call.Account + "/" + tok, nil
}

func (s *Service) sealLink(account, use, what string) (string, error) {
	b, err := s.cfg.Sealer.SealToken(account, "cloudformation/link/"+use, []byte(what))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func (s *Service) openLink(account, use, token string) (parts []string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(account) != 12 {
		return nil, false
	}
	plain, err := s.cfg.Sealer.OpenToken(account, "cloudformation/link/"+use, b)
	if err != nil {
		return nil, false
	}
	return strings.Split(string(plain), "/"), true
}

// ServeLinks answers the addresses that custom resources and wait conditions were given; it tells whether the request was
// for one.
func (s *Service) ServeLinks(w http.ResponseWriter, r *http.Request) bool {
	use, rest := "", ""
	if x, ok := strings.CutPrefix(r.URL.Path, responsePath); ok {
		use, rest = "response", x
	} else if x, ok := strings.CutPrefix(r.URL.Path, handlePath); ok {
		use, rest = "wait", x
	} else {
		return false
	}
	account, token, _ := strings.Cut(rest, "/")
	parts, ok := s.openLink(account, use, token)
	if !ok || r.Method != http.MethodPut || len(parts) != 3 {
		http.Error(w, "403 Forbidden: the address is not one that was given out", http.StatusForbidden)
		return true
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, answerMax+1))
	if err != nil || len(body) > answerMax {
		http.Error(w, "400 Bad Request: an answer may have "+strconv.Itoa(answerMax)+" bytes", http.StatusBadRequest)
		return true
	}
	if err := s.signalled(r.Context(), account, use, parts, body); err != nil {
		http.Error(w, "400 Bad Request: "+err.Error(), http.StatusBadRequest)
		return true
	}
	w.WriteHeader(http.StatusOK)
	return true
}

// signalled keeps an answer or a signal and wakes the resource that waits for it.
func (s *Service) signalled(ctx context.Context, account, use string, parts []string, body []byte) error {
	region, id, what := parts[0], parts[1], parts[2]
	now := s.cfg.Env.Now()
	sig := signal{Data: string(body), At: now}
	handle, unique := "response", what
	if use == "wait" {
		var in struct{ Status, UniqueId, Data, Reason string }
		if err := json.Unmarshal(body, &in); err != nil || in.UniqueId == "" || in.Status != "SUCCESS" && in.Status != "FAILURE" {
			return invalid("a signal has Status (SUCCESS or FAILURE), UniqueId, Data and Reason")
		}
		sig = signal{Status: in.Status, Data: in.Data, Reason: in.Reason, At: now}
		handle, unique = what, in.UniqueId
	} else if !json.Valid(body) {
		return invalid("the answer is no JSON")
	}
	return s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		st, ok := store.Load[stack](tx, stackKey(account, region, id))
		if !ok || st.Status == "DELETE_COMPLETE" {
			return invalid("the stack is gone")
		}
		n := 0
		p := signalsOf(account, region, id, handle)
		tx.Range(store.Prefix(p), func(store.Key, []byte) bool { n++; return n < signalsMax })
		if n >= signalsMax {
			return invalid("too many signals")
		}
		store.Put(tx, p.Str(unique), &sig)
		s.poke(tx, st, now)
		return nil
	})
}
