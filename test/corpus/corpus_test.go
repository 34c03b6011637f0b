// Package corpus deploys real serverless applications that others wrote. Those whose resource types exist here must come up
// and go away again; every other one must be refused by name before anything is made. The templates are data beside the
// project (VIRGA_CORPUS names the archive, ../shared/corpus/visible.zip by default); they hold no handler code, so each
// function gets a stub that its language and handler call for, in the version of the language that the machine has.
//
// The result is written to result.json with VIRGA_REWRITE=1, from which the coverage page counts.
package corpus

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	cfnapi "virga/api/cloudformation"
	iamapi "virga/api/iam"
	ssmapi "virga/api/ssm"
	"virga/internal/auth/sigv4"
	"virga/internal/remote"
	"virga/internal/template"
	"virga/internal/wire"
)

// result is what became of one application.
type result struct {
	ID      string   `json:"id"`
	Outcome string   `json:"outcome"` // deployed, refused, invalid
	Missing []string `json:"missing,omitempty"`
	Why     string   `json:"why,omitempty"` // where it is more than missing types
	why     string
}

type world struct {
	t        *testing.T
	endpoint string
	cfn      cfnapi.Client
}

const region = "us-east-1"

// start builds the server and runs it until the test ends.
func start(t *testing.T) string {
	bin := filepath.Join(t.TempDir(), "virga")
	if out, err := exec.Command("go", "build", "-o", bin, "virga/cmd/virga").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := exec.Command(bin, "serve", "--dev", "--ephemeral", "--listen", "127.0.0.1:0")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
	said := regexp.MustCompile(`endpoint (http://\S+)`)
	endpoint := ""
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if m := said.FindStringSubmatch(sc.Text()); m != nil {
			endpoint = m[1]
		}
		if sc.Text() == "Ready." {
			go io.Copy(io.Discard, out)
			return endpoint
		}
	}
	t.Fatal("the server ended before it was ready")
	return ""
}

func open(t *testing.T) (files map[string][]byte, index [][]string) {
	name := os.Getenv("VIRGA_CORPUS")
	if name == "" {
		name = filepath.Join("..", "..", "..", "shared", "corpus", "visible.zip")
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the corpus is not there: ", err)
		}
		t.Skip("not run: the corpus is not there: ", err)
	}
	defer z.Close()
	files = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(io.LimitReader(r, 4<<20))
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		files[f.Name] = b
	}
	f, err := os.Open(filepath.Join(filepath.Dir(name), "index.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if index, err = csv.NewReader(f).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return files, index
}

func TestCorpus(t *testing.T) {
	files, index := open(t)
	endpoint := start(t)
	w := &world{t: t, endpoint: endpoint, cfn: cfnapi.Client{Invoker: &remote.Invoker{Endpoint: endpoint, Region: region, Credentials: sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, Now: time.Now}}}
	if err := w.put("/stubs", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := (&ssmapi.Client{Invoker: w.cfn.Invoker}).PutParameter(t.Context(), &ssmapi.PutParameterInput{Name: "sample", Value: "sample", Type: wire.P("String")}); err != nil {
		t.Fatal(err)
	}
	if _, err := (&iamapi.Client{Invoker: w.cfn.Invoker}).CreateRole(t.Context(), &iamapi.CreateRoleInput{RoleName: "sample", AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`}); err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, n := range index[0] {
		column[n] = i
	}
	var all []result
	var mu sync.Mutex
	var wg sync.WaitGroup
	room := make(chan struct{}, 4)
	for _, row := range index[1:] {
		wg.Add(1)
		room <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-room }()
			id := row[column["id"]]
			r := w.deploy(id, path.Base(row[column["path"]]), files)
			mu.Lock()
			all = append(all, r)
			mu.Unlock()
		}()
	}
	wg.Wait()
	sort.Slice(all, func(i, k int) bool { return all[i].ID < all[k].ID })
	n := map[string]int{}
	missing := map[string]int{}
	for _, r := range all {
		n[r.Outcome]++
		if r.Outcome != "deployed" && r.Outcome != "refused" && r.Outcome != "invalid" {
			t.Errorf("%s %s: %s", r.ID, r.Outcome, r.why)
		}
		for _, m := range r.Missing {
			missing[m]++
		}
	}
	t.Logf("%d applications: %d deployed, %d refused by name before anything was made, %d refused by AWS too", len(all), n["deployed"], n["refused"], n["invalid"])
	t.Log("missing: ", missing)
	if os.Getenv("VIRGA_REWRITE") != "" {
		b, err := json.MarshalIndent(all, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("result.json", append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile("result.json")
	if err != nil {
		t.Fatal(err)
	}
	var had []result
	if err := json.Unmarshal(b, &had); err != nil {
		t.Fatal(err)
	}
	was := map[string]string{}
	for _, r := range had {
		was[r.ID] = r.Outcome
	}
	for _, r := range all {
		if was[r.ID] != r.Outcome {
			t.Errorf("%s was %s and is %s: VIRGA_REWRITE=1 writes result.json anew", r.ID, was[r.ID], r.Outcome)
		}
	}
}

// nodeHere is the runtime of the machine's Node.
var nodeHere = func() string {
	b, _ := exec.Command("/usr/bin/node", "--version").Output()
	if major, _, ok := strings.Cut(strings.TrimPrefix(string(b), "v"), "."); ok {
		return "nodejs" + major + ".x"
	}
	return "nodejs20.x"
}()

// invalid are templates that AWS refuses too, with what it says.
var invalid = map[string]string{"c3e2948833": "Circular dependency between resources: [BucketSource, ReplicationRole]"}

var (
	placeholder = regexp.MustCompile(`\{\{\s*cookiecutter\.[^}]*\}\}`)
	named       = regexp.MustCompile(`AWS::[A-Za-z0-9]+::[A-Za-z0-9]+`)
)

// deploy makes a stack of one application, and deletes it.
func (w *world) deploy(id, name string, files map[string][]byte) result {
	r := result{ID: id}
	text, ok := files[id+"/"+name]
	if !ok {
		r.Outcome, r.why = "unread", "no template "+name
		return r
	}
	text = placeholder.ReplaceAll(text, []byte("sample"))
	v, err := template.ParseValue(text, template.Limits{})
	if err != nil {
		r.Outcome, r.why = "unread", err.Error()
		return r
	}
	var doc map[string]any
	d := json.NewDecoder(strings.NewReader(v.JSON()))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		r.Outcome, r.why = "unread", err.Error()
		return r
	}
	if err := w.stub(id, doc, files); err != nil {
		r.Outcome, r.why = "unread", err.Error()
		return r
	}
	body, err := json.Marshal(doc)
	if err != nil {
		r.Outcome, r.why = "unread", err.Error()
		return r
	}
	ctx := context.Background()
	stack := "app-" + id
	in := &cfnapi.CreateStackInput{StackName: stack, Parameters: parameters(doc), Capabilities: []string{"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}}
	key := "/stubs/" + id + ".json"
	if err := w.put(key, body); err != nil {
		r.Outcome, r.why = "unread", err.Error()
		return r
	}
	in.TemplateURL = wire.P(w.endpoint + key)
	o, err := w.cfn.CreateStack(ctx, in)
	if err != nil {
		r.Outcome, r.why = "failed", err.Error()
		if invalid[id] != "" && strings.Contains(r.why, invalid[id]) {
			r.Outcome = "invalid"
		}
		if strings.Contains(r.why, "not implemented") {
			r.Outcome = "refused"
			if !strings.Contains(r.why, "Each of the resource types") {
				r.Why = r.why
			}
			for _, m := range named.FindAllString(r.why, -1) {
				r.Missing = append(r.Missing, m)
			}
		}
		if _, err := w.cfn.DescribeStacks(ctx, &cfnapi.DescribeStacksInput{StackName: &stack}); err == nil {
			r.Outcome, r.why = "half", "it was refused and there is a stack"
		}
		return r
	}
	if status := w.rest(*o.StackId); status != "CREATE_COMPLETE" {
		r.Outcome, r.why = status, w.events(*o.StackId)
		return r
	}
	if _, err := w.cfn.DeleteStack(ctx, &cfnapi.DeleteStackInput{StackName: stack}); err != nil {
		r.Outcome, r.why = "undeleted", err.Error()
		return r
	}
	if status := w.rest(*o.StackId); status != "DELETE_COMPLETE" {
		r.Outcome, r.why = status, w.events(*o.StackId)
		return r
	}
	r.Outcome = "deployed"
	return r
}

// rest waits until a stack operation is over.
func (w *world) rest(arn string) string {
	status := ""
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		o, err := w.cfn.DescribeStacks(context.Background(), &cfnapi.DescribeStacksInput{StackName: &arn})
		if err != nil {
			return err.Error()
		}
		if status = o.Stacks[0].StackStatus; !strings.HasSuffix(status, "_IN_PROGRESS") {
			return status
		}
	}
	return "still " + status
}

// events gives what failed.
func (w *world) events(arn string) string {
	o, err := w.cfn.DescribeStackEvents(context.Background(), &cfnapi.DescribeStackEventsInput{StackName: arn})
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, e := range o.StackEvents {
		if strings.HasSuffix(wire.V(e.ResourceStatus), "_FAILED") || strings.HasPrefix(wire.V(e.ResourceStatus), "ROLLBACK_IN") {
			out = append(out, fmt.Sprintf("%s (%s): %s", *e.LogicalResourceId, *e.ResourceType, wire.V(e.ResourceStatusReason)))
		}
	}
	return strings.Join(out, "; ")
}

// put writes an object, or makes a bucket.
func (w *world) put(key string, body []byte) error {
	r, err := http.NewRequest("PUT", w.endpoint+key, bytes.NewReader(body))
	if err != nil {
		return err
	}
	s := sigv4.SignerFor(sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, region, "s3")
	if err := s.SignHTTP(r, time.Now(), sigv4.HashOf(body)); err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		b, _ := io.ReadAll(res.Body)
		return fmt.Errorf("PUT %s: %d %s", key, res.StatusCode, b)
	}
	return nil
}

// stub does what sam package does: local code becomes an object, here a stub, and documents beside the template go into it.
func (w *world) stub(id string, doc map[string]any, files map[string][]byte) error {
	attributes := map[string]string{}
	asked(doc, attributes)
	b, err := json.Marshal(attributes)
	if err != nil {
		return err
	}
	data := string(b)
	globals := object(object(doc["Globals"])["Function"])
	layer, err := w.code(id, "", "", "")
	if err != nil {
		return err
	}
	for _, v := range object(doc["Resources"]) {
		res := object(v)
		p := object(res["Properties"])
		switch res["Type"] {
		case "AWS::Serverless::Function", "AWS::Lambda::Function":
			if p["InlineCode"] != nil || p["ImageUri"] != nil || p["PackageType"] == "Image" {
				break
			}
			if c := object(p["Code"]); c["ZipFile"] != nil {
				break
			}
			pick := func(n string) string {
				if s, ok := p[n].(string); ok {
					return s
				}
				s, _ := globals[n].(string)
				return s
			}
			runtime := here(pick("Runtime"))
			if runtime != pick("Runtime") {
				p["Runtime"] = runtime
			}
			key, err := w.code(id, runtime, pick("Handler"), data)
			if err != nil {
				return err
			}
			if res["Type"] == "AWS::Lambda::Function" {
				p["Code"] = map[string]any{"S3Bucket": "stubs", "S3Key": key}
			} else {
				p["CodeUri"] = "s3://stubs/" + key
			}
		case "AWS::Serverless::LayerVersion":
			p["ContentUri"] = "s3://stubs/" + layer
		case "AWS::Lambda::LayerVersion":
			p["Content"] = map[string]any{"S3Bucket": "stubs", "S3Key": layer}
		case "AWS::Serverless::Api", "AWS::Serverless::HttpApi", "AWS::Serverless::StateMachine":
			if at, ok := p["DefinitionUri"].(string); ok {
				if p["DefinitionUri"], err = w.document(id, at, files); err != nil {
					return err
				}
			}
		}
	}
	if err := w.include(id, doc, files); err != nil {
		return err
	}
	delete(globals, "CodeUri")
	return nil
}

// here gives the runtime of the same language that this machine has.
func here(runtime string) string {
	for language, has := range map[string]string{"python": "python3.11", "nodejs": nodeHere} {
		if strings.HasPrefix(runtime, language) {
			return has
		}
	}
	return runtime
}

// document puts a file that lies beside a template, or a stub of an API where it is not in the archive.
func (w *world) document(id, at string, files map[string][]byte) (string, error) {
	text, ok := files[path.Join(id, at)]
	if !ok {
		text = []byte(`{"openapi":"3.0.1","info":{"title":"stub","version":"1"},"paths":{}}`)
	}
	key := id + "/" + path.Join("files", path.Clean("/"+at))
	return "s3://stubs/" + key, w.put("/stubs/"+key, text)
}

// asked collects the attributes that a template asks resources for.
func asked(v any, into map[string]string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			asked(x, into)
		}
	case map[string]any:
		if l, ok := v["Fn::GetAtt"].([]any); ok && len(l) == 2 {
			if name, ok := l[1].(string); ok {
				into[name] = "stub"
			}
		}
		for _, x := range v {
			asked(x, into)
		}
	}
}

// include puts what AWS::Include reads.
func (w *world) include(id string, v any, files map[string][]byte) (err error) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			err = errors.Join(err, w.include(id, x, files))
		}
	case map[string]any:
		if at, ok := object(v["Parameters"])["Location"].(string); ok && v["Name"] == "AWS::Include" {
			object(v["Parameters"])["Location"], err = w.document(id, at, files)
		}
		for _, x := range v {
			err = errors.Join(err, w.include(id, x, files))
		}
	}
	return err
}

// The stubs give their event back; as custom resources they say that all is well.
const (
	pythonStub = `import json, urllib.request

def NAME(event, context):
    if isinstance(event, dict) and "ResponseURL" in event:
        answer = {"Status": "SUCCESS", "PhysicalResourceId": event.get("PhysicalResourceId", "stub"), "StackId": event["StackId"], "RequestId": event["RequestId"], "LogicalResourceId": event["LogicalResourceId"], "Data": DATA}
        urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT"))
    return event
`
	nodeStub = `exports.NAME = async (event) => {
  if (event.ResponseURL) {
    const body = JSON.stringify({Status: "SUCCESS", PhysicalResourceId: event.PhysicalResourceId || "stub", StackId: event.StackId, RequestId: event.RequestId, LogicalResourceId: event.LogicalResourceId, Data: DATA});
    await new Promise((done, failed) => {
      const r = require("https").request(event.ResponseURL, {method: "PUT", headers: {"content-length": Buffer.byteLength(body)}}, (res) => { res.resume(); res.on("end", done); });
      r.on("error", failed);
      r.end(body);
    });
  }
  return event;
};
`
)

// code puts a package that holds a stub of a handler.
func (w *world) code(id, runtime, handler, data string) (key string, err error) {
	module, function := handler, "handler"
	if i := strings.LastIndexByte(handler, '.'); i >= 0 {
		module, function = handler[:i], handler[i+1:]
	}
	name, text := "bootstrap", "#!/bin/sh\nexit 1\n"
	switch {
	case strings.HasPrefix(runtime, "python"):
		name, text = strings.ReplaceAll(module, ".", "/")+".py", strings.NewReplacer("NAME", function, "DATA", data).Replace(pythonStub)
	case strings.HasPrefix(runtime, "nodejs"):
		name, text = module+".js", strings.NewReplacer("NAME", function, "DATA", data).Replace(nodeStub)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(strings.TrimPrefix(path.Clean("/"+name), "/"))
	if err == nil {
		if _, err = f.Write([]byte(text)); err == nil {
			err = z.Close()
		}
	}
	if err != nil {
		return "", err
	}
	key = id + "/" + strings.NewReplacer("/", "-", " ", "-").Replace(runtime+"-"+handler) + ".zip"
	return key, w.put("/stubs/"+key, b.Bytes())
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// parameters gives those without a default some value that their type allows.
func parameters(doc map[string]any) (out []cfnapi.Parameter) {
	for k, v := range object(doc["Parameters"]) {
		p := object(v)
		if p["Default"] != nil {
			continue
		}
		value := "sample"
		typ, _ := p["Type"].(string)
		switch l, _ := p["AllowedValues"].([]any); {
		case len(l) > 0:
			value = fmt.Sprint(l[0])
		case typ == "Number" && p["MinValue"] != nil:
			value = fmt.Sprint(p["MinValue"])
		case typ == "Number":
			value = "1"
		case strings.Contains(strings.ToLower(k), "email"):
			value = "someone@example.com"
		case strings.HasPrefix(typ, "AWS::SSM::Parameter::"):
		case strings.Contains(strings.ToLower(k), "arn"), strings.Contains(strings.ToLower(fmt.Sprint(p["Description"])), "arn of"):
			value = "arn:aws:iam::000000000000:role/sample"
		case strings.Contains(strings.ToLower(k), "bucket"):
			value = "sample-bucket"
		}
		out = append(out, cfnapi.Parameter{ParameterKey: &k, ParameterValue: &value})
	}
	return out
}
