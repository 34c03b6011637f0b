package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"virga/internal/cli/bundle"
	"virga/internal/macro"
	"virga/internal/sam"
	"virga/internal/template"
	"virga/internal/template/lint"
)

const templateBytesMax = 8 << 20 // of a file; CloudFormation's own limit is checked where it is deployed

func stamp() string { return strconv.FormatInt(time.Now().Unix(), 10) }

func macros(te template.Env) template.Macros {
	return func(m template.MacroCall) (template.Value, error) {
		if m.Name == macro.Serverless {
			m.Fragment = bundle.Placed(m.Fragment)
			return macro.SAM(m, te, stamp)
		}
		if m.Name == template.Include {
			return template.Value{}, &template.Error{Message: "AWS::Include reads from S3: deploy the template to have it done"}
		}
		return template.Value{}, &template.Error{Message: "No transform named " + m.Name + " found."}
	}
}

func templateEnv(region string) template.Env {
	return template.Env{AccountID: "000000000000", Region: region, Partition: partition(region), URLSuffix: "amazonaws.com", StackName: "stack",
		StackID: "arn:aws:cloudformation:" + region + ":000000000000:stack/stack/00000000-0000-0000-0000-000000000000"}
}

func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

type validateCmd struct {
	Globals

	File      string            `arg:"" help:"Template, or - for standard input."`
	Parameter map[string]string `short:"p" placeholder:"K=V" help:"Value of a parameter, for transforms; may be repeated."`
}

// Help teaches.
func (*validateCmd) Help() string {
	return `Checks syntax, references, types and limits against the published resource schemas, SAM templates after their transform.
Each finding has line, column and, where one is known, the fix. Ends with 1 where there are findings.

  virga validate template.yaml
  virga validate template.yaml --output json | jq '.findings[].message'`
}

type finding struct {
	Rule    string `json:"rule"`
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// lintTemplate checks a template that lies in the folder dir.
func lintTemplate(text []byte, dir, region string, parameters map[string]string) []finding {
	te := templateEnv(region)
	out := []finding{}
	if root, err := template.ParseValue(text, template.Limits{Bytes: templateBytesMax}); err == nil {
		_, missing := bundle.Find(root, dir)
		for _, m := range missing {
			out = append(out, finding{"local", "Resources/" + m.Resource + "/Properties/" + m.Property, m.Pos.Line, m.Pos.Column, m.Error(), "paths are relative to the template's folder"})
		}
	}
	for _, f := range lint.Lint(text, lint.Options{Macros: macros(te), Parameters: parameters, Env: te, Limits: template.Limits{Bytes: templateBytesMax}}) {
		out = append(out, finding{f.Rule, f.Path, f.Line, f.Column, f.Message, f.Fix})
	}
	return out
}

func (a *App) showFindings(file string, fs []finding) {
	for _, f := range fs {
		at := file
		if f.Line > 0 {
			at += fmt.Sprintf(":%d:%d", f.Line, f.Column)
		}
		a.say("%s: %s %s", at, f.Rule, f.Message)
		if f.Path != "" {
			a.say("    at %s", f.Path)
		}
		if f.Fix != "" {
			a.say("    fix: %s", f.Fix)
		}
	}
}

// Run checks a template.
func (c *validateCmd) Run(a *App) error {
	text, err := readFile(a, c.File, templateBytesMax)
	if err != nil {
		return err
	}
	dir := "."
	if c.File != "-" {
		dir = filepath.Dir(c.File)
	}
	fs := lintTemplate(text, dir, a.region(), c.Parameter)
	if a.json() {
		if err := a.print(map[string]any{"file": c.File, "findings": fs}); err != nil {
			return err
		}
	} else {
		a.showFindings(c.File, fs)
		if len(fs) == 0 {
			a.say("%s: no findings", c.File)
		} else {
			a.say("%d findings", len(fs))
		}
	}
	if len(fs) > 0 {
		return silent(ExitFailed)
	}
	return nil
}

type transformCmd struct {
	Globals

	File      string            `arg:"" help:"Template, or - for standard input."`
	Parameter map[string]string `short:"p" placeholder:"K=V" help:"Value of a parameter; may be repeated."`
}

// Help teaches.
func (*transformCmd) Help() string {
	return `Does what CloudFormation does with AWS::Serverless-2016-10-31 and AWS::LanguageExtensions and prints the result as JSON.

  virga transform template.yaml | jq '.Resources | keys'
  virga transform template.yaml --parameter Stage=prod --region eu-west-1

For comparison with the reference translator it reads SAM_REGION, SAM_PARTITION, SAM_PARAMETERS (JSON), SAM_MANAGED_POLICIES
(JSON, name to ARN) and SAM_FEATURE_TOGGLE (0 or 1) from the environment. A failure's last line on standard error is
{"errorMessage": "..."}. With SAM_PARTITION set, applications of the Serverless Application Repository are those of the reference's cases.`
}

// Run prints a transformed template.
func (c *transformCmd) Run(a *App) error {
	text, err := readFile(a, c.File, templateBytesMax)
	if err != nil {
		return err
	}
	b, err := c.transform(a, text)
	if err != nil {
		var x *Exit
		if errors.As(err, &x) {
			return err
		}
		line, _ := json.Marshal(map[string]string{"errorMessage": err.Error()})
		fmt.Fprintln(a.Err, string(line))
		return silent(ExitFailed)
	}
	return a.print(json.RawMessage(b))
}

func (c *transformCmd) transform(a *App, text []byte) ([]byte, error) {
	region := a.region()
	if a.g.Region == "" {
		if r := a.Getenv("SAM_REGION"); r != "" {
			region = r
		}
	}
	te := templateEnv(region)
	if p := a.Getenv("SAM_PARTITION"); p != "" {
		te.Partition = p
	}
	parameters := map[string]any{}
	if p := a.Getenv("SAM_PARAMETERS"); p != "" {
		if err := json.Unmarshal([]byte(p), &parameters); err != nil {
			return nil, usage("SAM_PARAMETERS: %v", err)
		}
	}
	for k, v := range c.Parameter {
		parameters[k] = v
	}
	managed := map[string]string{}
	if p := a.Getenv("SAM_MANAGED_POLICIES"); p != "" {
		if err := json.Unmarshal([]byte(p), &managed); err != nil {
			return nil, usage("SAM_MANAGED_POLICIES: %v", err)
		}
	}
	if !serverlessAlone(text) {
		t, err := template.Parse(text, template.Limits{Bytes: templateBytesMax})
		if err != nil {
			return nil, err
		}
		given := map[string]string{}
		for _, p := range t.Parameters {
			if v, ok := parameters[p.Name]; ok {
				given[p.Name] = fmt.Sprint(v)
			} else if !p.HasDefault && !p.SSM() {
				given[p.Name] = p.Name
			}
		}
		if t, err = t.Expand(given, te, macros(te)); err != nil {
			return nil, err
		}
		return t.Root.MarshalJSON()
	}
	t, err := sam.Parse(text, sam.Limits{})
	if err != nil {
		return nil, err
	}
	var application func(id, version string) (sam.Application, error) // the repository is not available here
	if a.Getenv("SAM_PARTITION") != "" {
		application = imaginaryApplication
	}
	r, err := sam.Transform(sam.Input{Template: t, Parameters: parameters, Region: region, Partition: te.Partition, AlwaysDeploy: stamp, Application: application,
		ManagedPolicies: func(name string) (string, bool) {
			if arn, ok := managed[name]; ok {
				return arn, true
			}
			if len(managed) > 0 {
				return "", false
			}
			return macro.ManagedPolicy(name)
		},
		FeatureToggles: func(string) bool { return a.Getenv("SAM_FEATURE_TOGGLE") == "1" }})
	if err != nil {
		return nil, err
	}
	return r.Template.MarshalJSON()
}

// imaginaryApplication is the Serverless Application Repository of the reference translator's own cases: used for the
// comparison with it alone.
func imaginaryApplication(id, _ string) (sam.Application, error) {
	switch id {
	case "no-access", "non-existent", "invalid-semver":
		return sam.Application{}, errors.New("Cannot access application: " + id + ".")
	}
	return sam.Application{URL: "https://awsserverlessrepo-changesets-xxx.s3.amazonaws.com/signed-url"}, nil
}

// serverlessAlone tells whether SAM's is a template's only transform, or it declares none at all.
func serverlessAlone(text []byte) bool {
	v, err := template.ParseValue(text, template.Limits{Bytes: templateBytesMax})
	if err != nil {
		return true // the transform's own reader says what is wrong
	}
	switch t := v.Get("Transform"); {
	case !t.Exists():
		s := string(text)
		return !strings.Contains(s, "Fn::Transform") && !strings.Contains(s, "Fn::ForEach")
	case t.IsString():
		return strings.HasPrefix(t.Text(), macro.Serverless)
	default:
		return t.Len() == 1 && strings.HasPrefix(t.Index(0).Text(), macro.Serverless)
	}
}

// findTemplate gives the template that is meant where none is named.
func findTemplate(name string) (string, error) {
	if name != "" {
		return name, nil
	}
	for _, n := range []string{"template.yaml", "template.yml", "template.json"} {
		if _, err := os.Stat(n); err == nil {
			return n, nil
		}
	}
	return "", usage("there is no template.yaml here: name one, or make an example with `virga dev --init hello`")
}
