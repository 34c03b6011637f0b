package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	cfnapi "virga/api/cloudformation"
	s3api "virga/api/s3"
	stsapi "virga/api/sts"
	"virga/internal/cli/bundle"
	"virga/internal/template"
	"virga/internal/wire"
)

const (
	inlineTemplateMax = 51_200 // bytes of a template in a call; larger ones go by the bucket
	pollStack         = 150 * time.Millisecond
)

type deployCmd struct {
	Globals

	File         string            `arg:"" optional:"" help:"Template; else template.yaml here."`
	Stack        string            `short:"s" required:"" placeholder:"NAME" help:"Name of the stack."`
	Parameter    map[string]string `short:"p" placeholder:"K=V" help:"Value of a parameter; may be repeated. Others keep what they have."`
	Capabilities []string          `placeholder:"CAP" help:"CAPABILITY_IAM, CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND; comma-separated."`
	RoleARN      string            `name:"role-arn" placeholder:"ARN" help:"Role that the stack acts with."`
	NoValidate   bool              `help:"Deploy a template that has findings."`
}

// Help teaches.
func (*deployCmd) Help() string {
	return `Checks the template, zips the folders it names (CodeUri and its like) and uploads them, makes a change set, executes it and shows
each resource. Nothing is built: dependencies must be in the folder ("sam build" puts them there). Ends with 0 when the stack
is as the template says, with 1 when it is not; then every reason is shown.

  virga deploy template.yaml --stack shop --capabilities CAPABILITY_IAM,CAPABILITY_AUTO_EXPAND
  virga deploy --stack shop --parameter Stage=test --output json`
}

// deployment is what a deploy needs.
type deployment struct {
	file, stack, role string
	parameters        map[string]string
	capabilities      []string
	validate          bool
}

// deployed is what came of it.
type deployed struct {
	Stack     string            `json:"stack"`
	Status    string            `json:"status"`
	Changed   bool              `json:"changed"`
	Outputs   map[string]string `json:"outputs"`
	Reachable map[string]string `json:"reachable,omitempty"`
	Failures  []failure         `json:"failures,omitempty"`

	artifacts []bundle.Artifact
}

type failure struct {
	Resource string `json:"resource"`
	Type     string `json:"type"`
	Reason   string `json:"reason"`
}

// Run deploys.
func (c *deployCmd) Run(a *App) error {
	file, err := findTemplate(c.File)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	d, err := a.deploy(ctx, deployment{file: file, stack: c.Stack, role: c.RoleARN, parameters: c.Parameter, capabilities: c.Capabilities, validate: !c.NoValidate})
	if err != nil {
		return err
	}
	if a.json() {
		if err := a.print(d); err != nil {
			return err
		}
	} else {
		a.showDeployed(d)
	}
	if len(d.Failures) > 0 {
		return silent(ExitFailed)
	}
	return nil
}

func (a *App) showDeployed(d *deployed) {
	if len(d.Failures) > 0 {
		a.say("\nStack %s: %s. Why:", d.Stack, d.Status)
		for _, f := range d.Failures {
			a.say("  %s (%s): %s", f.Resource, f.Type, f.Reason)
		}
		return
	}
	word := ""
	if !d.Changed {
		word = ", nothing to change"
	}
	a.say("Stack %s: %s%s", d.Stack, d.Status, word)
	for _, k := range sortedNames(d.Outputs) {
		a.say("  %s = %s", k, d.Outputs[k])
		if r := d.Reachable[k]; r != "" {
			a.say("  %s   %s  (without name resolution)", strings.Repeat(" ", len(k)), r)
		}
	}
}

// deploy brings a stack to what a template says. Its error is of the way there; a stack that failed is no error.
func (a *App) deploy(ctx context.Context, d deployment) (*deployed, error) {
	text, err := os.ReadFile(d.file)
	if err != nil {
		return nil, usage("%v", err)
	}
	if len(text) > templateBytesMax {
		return nil, usage("%s has more than %d bytes", d.file, templateBytesMax)
	}
	if d.validate {
		if fs := lintTemplate(text, filepath.Dir(d.file), a.region(), d.parameters); len(fs) > 0 {
			if a.json() {
				a.print(map[string]any{"file": d.file, "findings": fs})
			} else {
				a.showFindings(d.file, fs)
			}
			return nil, failed("%s has %d findings; nothing was deployed (--no-validate deploys it all the same)", d.file, len(fs))
		}
	}
	root, err := template.ParseValue(text, template.Limits{Bytes: templateBytesMax})
	if err != nil {
		return nil, err
	}
	artifacts, missing := bundle.Find(root, filepath.Dir(d.file))
	if len(missing) > 0 {
		return nil, usage("%v", missing[0])
	}
	c := a.clients()
	body, link := string(text), ""
	if len(artifacts) > 0 || len(text) > inlineTemplateMax {
		bucket, err := a.packages(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, art := range artifacts {
			b, err := art.Bytes()
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", art.Property, art.Resource, err)
			}
			key := bundle.Digest(b)
			if art.Zip {
				key += ".zip"
			}
			if err := upload(ctx, c, bucket, key, b); err != nil {
				return nil, fmt.Errorf("upload of %s: %w", art.Path, err)
			}
			root = art.Place(root, bundle.Place{Bucket: bucket, Key: key})
		}
		if len(artifacts) > 0 {
			body = root.JSON()
		}
		if len(body) > inlineTemplateMax {
			key := bundle.Digest([]byte(body)) + ".template"
			if err := upload(ctx, c, bucket, key, []byte(body)); err != nil {
				return nil, fmt.Errorf("upload of the template: %w", err)
			}
			body, link = "", "https://s3."+a.region()+".amazonaws.com/"+bucket+"/"+key
		}
	}
	out, err := a.change(ctx, c, d, body, link)
	if out != nil {
		out.artifacts = artifacts
	}
	return out, err
}

// packages makes the bucket of packages where it is missing.
func (a *App) packages(ctx context.Context, c *clients) (string, error) {
	me, err := c.sts.GetCallerIdentity(ctx, &stsapi.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	name := "virga-packages-" + wire.V(me.Account) + "-" + a.region()
	in := &s3api.CreateBucketInput{Bucket: name}
	if a.region() != "us-east-1" {
		in.CreateBucketConfiguration = &s3api.CreateBucketConfiguration{LocationConstraint: wire.P(a.region())}
	}
	if _, err := c.s3.CreateBucket(ctx, in); err != nil && !codeIs(err, "BucketAlreadyOwnedByYou") {
		return "", fmt.Errorf("bucket of packages: %w", err)
	}
	return name, nil
}

func upload(ctx context.Context, c *clients, bucket, key string, b []byte) error {
	if _, err := c.s3.HeadObject(ctx, &s3api.HeadObjectInput{Bucket: bucket, Key: key}); err == nil {
		return nil // keys name their bytes
	}
	_, err := c.s3.PutObject(ctx, &s3api.PutObjectInput{Bucket: bucket, Key: key, Body: io.NopCloser(bytes.NewReader(b))})
	return err
}

// change makes a change set, executes it, and watches the stack.
func (a *App) change(ctx context.Context, c *clients, d deployment, body, link string) (*deployed, error) {
	kind, existing := "CREATE", map[string]bool{}
	if out, err := c.cfn.DescribeStacks(ctx, &cfnapi.DescribeStacksInput{StackName: &d.stack}); err == nil && len(out.Stacks) > 0 {
		switch s := out.Stacks[0]; s.StackStatus {
		case "REVIEW_IN_PROGRESS":
		case "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED":
			a.note("Stack %s is %s, of which nothing can be updated: it is deleted first.", d.stack, s.StackStatus)
			if _, err := a.remove(ctx, c, d.stack, nil); err != nil {
				return nil, err
			}
		default:
			kind = "UPDATE"
			for _, p := range s.Parameters {
				existing[wire.V(p.ParameterKey)] = true
			}
		}
	} else if err != nil && !codeIs(err, "ValidationError") {
		return nil, err
	}
	in := &cfnapi.CreateChangeSetInput{StackName: d.stack, ChangeSetName: fmt.Sprintf("virga-%d", time.Now().UnixNano()), ChangeSetType: &kind, Capabilities: d.capabilities, Parameters: []cfnapi.Parameter{}}
	if link != "" {
		in.TemplateURL = &link
	} else {
		in.TemplateBody = &body
	}
	if d.role != "" {
		in.RoleARN = &d.role
	}
	for _, k := range sortedNames(d.parameters) {
		in.Parameters = append(in.Parameters, cfnapi.Parameter{ParameterKey: wire.P(k), ParameterValue: wire.P(d.parameters[k])})
	}
	if kind == "UPDATE" && len(existing) > 0 {
		sum, err := c.cfn.GetTemplateSummary(ctx, &cfnapi.GetTemplateSummaryInput{TemplateBody: in.TemplateBody, TemplateURL: in.TemplateURL})
		if err != nil {
			return nil, err
		}
		for _, p := range sum.Parameters {
			k := wire.V(p.ParameterKey)
			if _, given := d.parameters[k]; !given && existing[k] {
				in.Parameters = append(in.Parameters, cfnapi.Parameter{ParameterKey: wire.P(k), UsePreviousValue: wire.P(true)})
			}
		}
	}
	since := time.Now()
	set, err := c.cfn.CreateChangeSet(ctx, in)
	if err != nil {
		return nil, err
	}
	for {
		out, err := c.cfn.DescribeChangeSet(ctx, &cfnapi.DescribeChangeSetInput{ChangeSetName: wire.V(set.Id)})
		if err != nil {
			return nil, err
		}
		switch st := wire.V(out.Status); st {
		case "CREATE_COMPLETE":
			if _, err := c.cfn.ExecuteChangeSet(ctx, &cfnapi.ExecuteChangeSetInput{ChangeSetName: wire.V(set.Id)}); err != nil {
				return nil, err
			}
			return a.watchStack(ctx, c, d.stack, wire.V(set.StackId), since)
		case "FAILED":
			reason := wire.V(out.StatusReason)
			_, _ = c.cfn.DeleteChangeSet(ctx, &cfnapi.DeleteChangeSetInput{ChangeSetName: wire.V(set.Id)})
			if strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed") {
				r, err := a.result(ctx, c, d.stack)
				if r != nil {
					r.Changed = false
				}
				return r, err
			}
			if kind == "CREATE" {
				_, _ = c.cfn.DeleteStack(ctx, &cfnapi.DeleteStackInput{StackName: wire.V(set.StackId)})
			}
			return nil, failed("the change set failed: %s", reason)
		}
		if err := pause(ctx, pollStack); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// watchStack shows a stack's events until its operation ends.
func (a *App) watchStack(ctx context.Context, c *clients, name, id string, since time.Time) (*deployed, error) {
	t := &table{a: a}
	failures, err := t.watch(ctx, c, id, since)
	if err != nil {
		return nil, err
	}
	r, err := a.result(ctx, c, id)
	if err != nil {
		return nil, err
	}
	r.Stack, r.Failures = name, failures
	if good := strings.HasSuffix(r.Status, "_COMPLETE") && !strings.Contains(r.Status, "ROLLBACK"); good {
		r.Failures = nil
	} else if len(r.Failures) == 0 {
		r.Failures = []failure{{name, "AWS::CloudFormation::Stack", r.Status}}
	}
	return r, nil
}

// result reads a stack's status and outputs.
func (a *App) result(ctx context.Context, c *clients, stack string) (*deployed, error) {
	out, err := c.cfn.DescribeStacks(ctx, &cfnapi.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return nil, err
	}
	if len(out.Stacks) == 0 {
		return nil, failed("stack %s is gone", stack)
	}
	s := out.Stacks[0]
	r := &deployed{Stack: s.StackName, Status: s.StackStatus, Changed: true, Outputs: map[string]string{}, Reachable: map[string]string{}}
	for _, o := range s.Outputs {
		k, v := wire.V(o.OutputKey), wire.V(o.OutputValue)
		r.Outputs[k] = v
		if u := reachable(a.endpoint(), v); u != "" {
			r.Reachable[k] = u
		}
	}
	return r, nil
}

type deleteCmd struct {
	Globals

	Stack  string   `arg:"" help:"Stack."`
	Retain []string `placeholder:"ID" help:"Resources to leave, of a stack whose deletion failed."`
}

// Help teaches.
func (*deleteCmd) Help() string {
	return `Deletes a stack and waits for it. A stack that is not there is no error.

  virga delete shop`
}

// Run deletes a stack.
func (c *deleteCmd) Run(a *App) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r, err := a.remove(ctx, a.clients(), c.Stack, c.Retain)
	if err != nil {
		return err
	}
	if a.json() {
		if err := a.print(r); err != nil {
			return err
		}
	} else if len(r.Failures) > 0 {
		a.showDeployed(r)
	} else {
		a.say("Stack %s: %s", c.Stack, r.Status)
	}
	if len(r.Failures) > 0 {
		return silent(ExitFailed)
	}
	return nil
}

func (a *App) remove(ctx context.Context, c *clients, stack string, retain []string) (*deployed, error) {
	out, err := c.cfn.DescribeStacks(ctx, &cfnapi.DescribeStacksInput{StackName: &stack})
	if codeIs(err, "ValidationError") {
		return &deployed{Stack: stack, Status: "does not exist", Outputs: map[string]string{}}, nil
	}
	if err != nil {
		return nil, err
	}
	id, since := wire.V(out.Stacks[0].StackId), time.Now()
	if _, err := c.cfn.DeleteStack(ctx, &cfnapi.DeleteStackInput{StackName: stack, RetainResources: retain}); err != nil {
		return nil, err
	}
	return a.watchStack(ctx, c, stack, id, since)
}
