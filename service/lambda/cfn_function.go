package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	_ "embed" // the response modules
	"errors"
	"sort"
	"strings"
	"time"

	lambdaapi "virga/api/lambda"
	"virga/internal/resource"
	"virga/internal/wire"
)

// functionType is AWS::Lambda::Function.
type functionType struct{}

// Name implements resource.Type.
func (functionType) Name() string { return "AWS::Lambda::Function" }

// Supports implements resource.Type.
func (functionType) Supports() []string {
	return []string{"FunctionName", "Runtime", "Role", "Handler", "Code/ZipFile", "Code/S3Bucket", "Code/S3Key", "Code/S3ObjectVersion", "Description", "Timeout", "MemorySize",
		"PackageType", "Environment", "Tags", "Architectures", "EphemeralStorage", "ReservedConcurrentExecutions", "DeadLetterConfig", "LoggingConfig", "TracingConfig"}
}

// PhysicalName implements resource.Namer.
func (functionType) PhysicalName(r *resource.Request) string {
	if n := r.Properties.Str("FunctionName"); n != "" {
		return n
	}
	return r.Name(64)
}

const pendingAfter = 200 * time.Millisecond

// The modules with which code written in a template answers custom resource requests; packages of one's own bring theirs
// (AWS CloudFormation User Guide, cfn-response module).
var (
	//go:embed inline/cfnresponse.py
	responsePython string
	//go:embed inline/cfn-response.js
	responseNode string
)

// inlineZip makes a package of code written in a template: the file is named as the runtime looks for it (AWS
// CloudFormation User Guide, AWS::Lambda::Function Code). The response module is added where the code names it.
func inlineZip(code, runtime string) ([]byte, error) {
	type file struct{ name, text string }
	var files []file
	switch {
	case strings.HasPrefix(runtime, "python"):
		files = append(files, file{"index.py", code})
		if strings.Contains(code, "cfnresponse") {
			files = append(files, file{"cfnresponse.py", responsePython})
		}
	case strings.HasPrefix(runtime, "nodejs"):
		files = append(files, file{"index.js", code})
		if strings.Contains(code, "cfn-response") {
			files = append(files, file{"node_modules/cfn-response/index.js", responseNode})
		}
	default:
		return nil, wire.Invalid("ZipFile can only be used when Runtime is set to either of nodejs, python.")
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, x := range files {
		f, err := w.CreateHeader(&zip.FileHeader{Name: x.name, Method: zip.Deflate, Modified: time.Unix(315532800, 0).UTC()})
		if err != nil {
			return nil, err
		}
		if _, err := f.Write([]byte(x.text)); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

func codeFor(p resource.Properties) (*lambdaapi.FunctionCode, error) {
	c := p.Map("Code")
	out := &lambdaapi.FunctionCode{}
	if c.Has("ZipFile") {
		b, err := inlineZip(c.Str("ZipFile"), p.Str("Runtime"))
		out.ZipFile = b
		return out, err
	}
	for _, m := range []struct {
		to   **string
		name string
	}{{&out.S3Bucket, "S3Bucket"}, {&out.S3Key, "S3Key"}, {&out.S3ObjectVersion, "S3ObjectVersion"}} {
		if c.Has(m.name) {
			*m.to = wire.P(c.Str(m.name))
		}
	}
	return out, nil
}

func tagsFor(r *resource.Request, p resource.Properties) map[string]string {
	out := map[string]string{}
	for k, v := range r.Tags {
		out[k] = v
	}
	for _, t := range p.List("Tags") {
		if m, ok := t.(map[string]any); ok {
			out[resource.Text(m["Key"])] = resource.Text(m["Value"])
		}
	}
	return out
}

// settings are what CreateFunction and UpdateFunctionConfiguration have in common.
type settings struct {
	Runtime, Handler, Role, Description *string
	Timeout, MemorySize                 *int32
	Environment                         *lambdaapi.Environment
	EphemeralStorage                    *lambdaapi.EphemeralStorage
	DeadLetterConfig                    *lambdaapi.DeadLetterConfig
	LoggingConfig                       *lambdaapi.LoggingConfig
	TracingConfig                       *lambdaapi.TracingConfig
}

func settingsFor(p resource.Properties) (settings, error) {
	var s settings
	for _, m := range []struct {
		name string
		into any
	}{{"Runtime", &s.Runtime}, {"Handler", &s.Handler}, {"Role", &s.Role}, {"Description", &s.Description}, {"Timeout", &s.Timeout}, {"MemorySize", &s.MemorySize},
		{"Environment", &s.Environment}, {"EphemeralStorage", &s.EphemeralStorage}, {"DeadLetterConfig", &s.DeadLetterConfig}, {"LoggingConfig", &s.LoggingConfig}, {"TracingConfig", &s.TracingConfig}} {
		if err := p.Decode(m.name, m.into); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Create implements resource.Type.
func (t functionType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &lambdaapi.Client{Invoker: r.Invoker}
	if r.Context == nil {
		s, err := settingsFor(r.Properties)
		if err != nil {
			return nil, err
		}
		code, err := codeFor(r.Properties)
		if err != nil {
			return nil, err
		}
		in := &lambdaapi.CreateFunctionInput{FunctionName: r.Physical, Runtime: s.Runtime, Role: wire.V(s.Role), Handler: s.Handler, Code: code, Description: s.Description, Timeout: s.Timeout,
			MemorySize: s.MemorySize, Environment: s.Environment, DeadLetterConfig: s.DeadLetterConfig, TracingConfig: s.TracingConfig, LoggingConfig: s.LoggingConfig,
			EphemeralStorage: s.EphemeralStorage, Tags: tagsFor(r, r.Properties), Architectures: r.Properties.Strings("Architectures")}
		if r.Properties.Has("PackageType") {
			in.PackageType = wire.P(r.Properties.Str("PackageType"))
		}
		if _, err := c.CreateFunction(ctx, in); err != nil {
			return nil, err
		}
	}
	p, err := t.settled(ctx, c, r)
	if err != nil || p.Pending {
		return p, err
	}
	if n := r.Properties.Int("ReservedConcurrentExecutions"); n != nil {
		if _, err := c.PutFunctionConcurrency(ctx, &lambdaapi.PutFunctionConcurrencyInput{FunctionName: r.Physical, ReservedConcurrentExecutions: int32(*n)}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// settled waits for a function to leave Pending or InProgress.
func (t functionType) settled(ctx context.Context, c *lambdaapi.Client, r *resource.Request) (*resource.Progress, error) {
	o, err := c.GetFunctionConfiguration(ctx, &lambdaapi.GetFunctionConfigurationInput{FunctionName: r.Physical})
	if err != nil {
		return nil, err
	}
	p := &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Arn": wire.V(o.FunctionArn)}}
	switch {
	case wire.V(o.State) == "Failed":
		return nil, invalid("Function %s failed to become active: %s", r.Physical, wire.V(o.StateReason))
	case wire.V(o.LastUpdateStatus) == "Failed":
		return nil, invalid("Function %s failed to update: %s", r.Physical, wire.V(o.LastUpdateStatusReason))
	case wire.V(o.State) == "Pending" || wire.V(o.LastUpdateStatus) == "InProgress":
		p.Pending, p.After, p.Context = true, pendingAfter, append([]byte{1}, nextStage(r)...)
	}
	return p, nil
}

// nextStage keeps the stage of an update behind the first byte of a context.
func nextStage(r *resource.Request) []byte {
	if len(r.Context) > 1 {
		return r.Context[1:]
	}
	return nil
}

// Update implements resource.Type: code first, then configuration, each until it holds.
func (t functionType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	c := &lambdaapi.Client{Invoker: r.Invoker}
	stage := byte(0)
	if len(r.Context) > 1 {
		stage = r.Context[1]
	}
	if p, err := t.settled(ctx, c, r); err != nil && stage > 0 || err == nil && p.Pending {
		if err == nil {
			p.Context = []byte{1, stage}
		}
		return p, err
	}
	again := func(next byte) (*resource.Progress, error) {
		return &resource.Progress{Physical: r.Physical, Pending: true, After: pendingAfter, Context: []byte{1, next}}, nil
	}
	if stage == 0 {
		if differ(r, "Code") || differ(r, "Architectures") {
			code, err := codeFor(r.Properties)
			if err != nil {
				return nil, err
			}
			in := &lambdaapi.UpdateFunctionCodeInput{FunctionName: r.Physical, ZipFile: code.ZipFile, S3Bucket: code.S3Bucket, S3Key: code.S3Key, S3ObjectVersion: code.S3ObjectVersion,
				Architectures: r.Properties.Strings("Architectures")}
			if _, err := c.UpdateFunctionCode(ctx, in); err != nil {
				return nil, err
			}
		}
		return again(1)
	}
	if stage == 1 {
		s, err := settingsFor(r.Properties)
		if err != nil {
			return nil, err
		}
		in := &lambdaapi.UpdateFunctionConfigurationInput{FunctionName: r.Physical, Runtime: s.Runtime, Role: s.Role, Handler: s.Handler, Description: orEmpty(s.Description),
			Timeout: orInt(s.Timeout, timeoutDefault), MemorySize: orInt(s.MemorySize, memoryDefault), Environment: s.Environment, DeadLetterConfig: s.DeadLetterConfig,
			TracingConfig: s.TracingConfig, LoggingConfig: s.LoggingConfig, EphemeralStorage: s.EphemeralStorage}
		if in.Environment == nil {
			in.Environment = &lambdaapi.Environment{Variables: map[string]string{}}
		}
		if in.DeadLetterConfig == nil {
			in.DeadLetterConfig = &lambdaapi.DeadLetterConfig{TargetArn: wire.P("")}
		}
		if in.EphemeralStorage == nil {
			in.EphemeralStorage = &lambdaapi.EphemeralStorage{Size: tmpDefault}
		}
		if in.LoggingConfig == nil {
			in.LoggingConfig = &lambdaapi.LoggingConfig{LogGroup: wire.P("/aws/lambda/" + r.Physical)}
		}
		if _, err := c.UpdateFunctionConfiguration(ctx, in); err != nil {
			return nil, err
		}
		return again(2)
	}
	if n := r.Properties.Int("ReservedConcurrentExecutions"); n != nil {
		if _, err := c.PutFunctionConcurrency(ctx, &lambdaapi.PutFunctionConcurrencyInput{FunctionName: r.Physical, ReservedConcurrentExecutions: int32(*n)}); err != nil {
			return nil, err
		}
	} else if r.Previous.Has("ReservedConcurrentExecutions") {
		if _, err := c.DeleteFunctionConcurrency(ctx, &lambdaapi.DeleteFunctionConcurrencyInput{FunctionName: r.Physical}); err != nil {
			return nil, err
		}
	}
	p, err := t.settled(ctx, c, r)
	if err != nil {
		return nil, err
	}
	return p, retag(ctx, c, p.Attributes["Arn"].(string), tagsFor(r, r.Properties))
}

// retag makes a resource's tags those wanted.
func retag(ctx context.Context, c *lambdaapi.Client, arn string, want map[string]string) error {
	have, err := c.ListTags(ctx, &lambdaapi.ListTagsInput{Resource: arn})
	if err != nil {
		return err
	}
	var gone []string
	for k := range have.Tags {
		if _, ok := want[k]; !ok {
			gone = append(gone, k)
		}
	}
	sort.Strings(gone)
	if len(gone) > 0 {
		if _, err := c.UntagResource(ctx, &lambdaapi.UntagResourceInput{Resource: arn, TagKeys: gone}); err != nil {
			return err
		}
	}
	if len(want) == 0 {
		return nil
	}
	_, err = c.TagResource(ctx, &lambdaapi.TagResourceInput{Resource: arn, Tags: want})
	return err
}

func orEmpty(s *string) *string {
	if s == nil {
		return wire.P("")
	}
	return s
}

func orInt(n *int32, d int32) *int32 {
	if n == nil {
		return &d
	}
	return n
}

// differ tells whether a property changes.
func differ(r *resource.Request, name string) bool {
	a, _ := resource.Properties{"x": r.Properties[name]}.JSON("x")
	b, _ := resource.Properties{"x": r.Previous[name]}.JSON("x")
	return a != b
}

// Delete implements resource.Type.
func (functionType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, err := (&lambdaapi.Client{Invoker: r.Invoker}).DeleteFunction(ctx, &lambdaapi.DeleteFunctionInput{FunctionName: r.Physical})
	return &resource.Progress{}, gone(err)
}

// gone makes success of an error that says that a thing is not there.
func gone(err error) error {
	var e *lambdaapi.ResourceNotFoundException
	if errors.As(err, &e) {
		return nil
	}
	return err
}

// Read implements resource.Type.
func (t functionType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return t.settled(ctx, &lambdaapi.Client{Invoker: r.Invoker}, r)
}
