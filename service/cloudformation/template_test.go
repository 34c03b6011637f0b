package cloudformation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	cfnapi "virga/api/cloudformation"
	"virga/internal/store"
	"virga/internal/wire"
)

func given(kv ...string) func(*cfnapi.CreateStackInput) {
	return func(in *cfnapi.CreateStackInput) {
		for i := 0; i < len(kv); i += 2 {
			in.Parameters = append(in.Parameters, cfnapi.Parameter{ParameterKey: &kv[i], ParameterValue: &kv[i+1]})
		}
	}
}

func acknowledged(c ...string) func(*cfnapi.CreateStackInput) {
	return func(in *cfnapi.CreateStackInput) { in.Capabilities = c }
}

func TestExports(t *testing.T) {
	x := newWorld(t, 1, true)
	out := "Resources: {A: {Type: 'Fake::Unit::Thing', Properties: {Value: %s}}}\nOutputs: {O: {Value: %s, Export: {Name: e}}}"
	ok(t, x.create("out", fmt.Sprintf(out, "1", "v1")))
	x.rest()
	ok(t, x.create("in", "Resources: {B: {Type: 'Fake::Unit::Thing', Properties: {Value: !ImportValue e}}}"))
	x.rest()
	x.status("in", "CREATE_COMPLETE")
	if x.made() != "A=1 B=v1" {
		t.Error(x.made())
	}
	l, err := x.svc.ListExports(x.ctx("ListExports"), &cfnapi.ListExportsInput{})
	ok(t, err)
	if len(l.Exports) != 1 || *l.Exports[0].Name != "e" || *l.Exports[0].Value != "v1" || *l.Exports[0].ExportingStackId != *x.describe("out").StackId {
		t.Errorf("%+v", l.Exports)
	}
	imports := func() ([]string, error) {
		o, err := x.svc.ListImports(x.ctx("ListImports"), &cfnapi.ListImportsInput{ExportName: "e"})
		if err != nil {
			return nil, err
		}
		return o.Imports, nil
	}
	if l, err := imports(); err != nil || len(l) != 1 || l[0] != "in" {
		t.Error(l, err)
	}
	// in use: neither changed nor taken away
	ok(t, x.update("out", fmt.Sprintf(out, "1", "v2")))
	x.rest()
	x.status("out", "UPDATE_ROLLBACK_COMPLETE")
	if got := strings.Join(x.events("out"), "\n"); !strings.Contains(got, "Cannot update export e as it is in use by in") {
		t.Error(got)
	}
	ok(t, x.delete("out"))
	x.rest()
	x.status("out", "DELETE_FAILED")
	if got := *x.describe("out").StackStatusReason; got != "Delete canceled. Cannot delete export e as it is in use by in." {
		t.Error(got)
	}
	if x.made() != "A=1 B=v1" {
		t.Error(x.made())
	}
	// a second exporter of the name
	ok(t, x.create("out2", fmt.Sprintf(out, "1", "v1")))
	x.rest()
	x.status("out2", "ROLLBACK_COMPLETE")
	if got := strings.Join(x.events("out2"), "\n"); !strings.Contains(got, "Export with name e is already exported by stack out") {
		t.Error(got)
	}
	// no such export
	ok(t, x.create("no", "Resources: {B: {Type: 'Fake::Unit::Thing', Properties: {Value: !ImportValue none}}}"))
	x.rest()
	x.status("no", "ROLLBACK_COMPLETE")
	if got := strings.Join(x.events("no"), "\n"); !strings.Contains(got, "B CREATE_FAILED: No export named none found.") {
		t.Error(got)
	}
	// a stack that stops importing lets go
	ok(t, x.update("in", "Resources: {B: {Type: 'Fake::Unit::Thing', Properties: {Value: own}}}"))
	x.rest()
	x.status("in", "UPDATE_COMPLETE")
	_, err = imports()
	wantErr(t, err, "ValidationError", "Export 'e' is not imported by any stack.")
	// one whose beginning to import is rolled back does, too
	x.broken["Create/X"] = -1
	ok(t, x.update("in", "Resources: {B: {Type: 'Fake::Unit::Thing', Properties: {Value: !ImportValue e}}, X: {Type: 'Fake::Unit::Thing', DependsOn: B}}"))
	x.rest()
	x.status("in", "UPDATE_ROLLBACK_COMPLETE")
	if _, err = imports(); err == nil {
		t.Error("still imported")
	}
	ok(t, x.delete("out"))
	x.rest()
	if l, _ := x.svc.ListExports(x.ctx("ListExports"), &cfnapi.ListExportsInput{}); len(l.Exports) != 0 {
		t.Errorf("%+v", l.Exports)
	}
}

func TestParameters(t *testing.T) {
	x := newWorld(t, 1, true)
	x.params["/cfg"] = "from-ssm"
	tmpl := `
Parameters:
  S: {Type: String, NoEcho: true, MinLength: 3}
  C: {Type: String, Default: small, AllowedValues: [small, big]}
  P: {Type: "AWS::SSM::Parameter::Value<String>", Default: /cfg}
  N: {Type: Number, Default: 5, MaxValue: 9}
  L: {Type: CommaDelimitedList, Default: "a, b"}
Resources:
  A: {Type: Fake::Unit::Thing, Properties: {Value: !Sub "${S}/${C}/${P}/${N}/${AWS::StackName}/${AWS::Region}/${AWS::AccountId}", Uses: !Select [1, !Ref L]}}
`
	ok(t, x.create("s", tmpl, given("S", "hush-hush")))
	x.rest()
	x.status("s", "CREATE_COMPLETE")
	if got := x.made(); got != "A=hush-hush/small/from-ssm/5/s/us-east-1/"+testAccount {
		t.Error(got)
	}
	shown := map[string]string{}
	for _, p := range x.describe("s").Parameters {
		shown[*p.ParameterKey] = *p.ParameterValue + "|" + wire.V(p.ResolvedValue)
	}
	if shown["S"] != "****|" || shown["P"] != "/cfg|from-ssm" || shown["C"] != "small|" {
		t.Error(shown)
	}
	ev, err := x.svc.DescribeStackEvents(x.ctx("DescribeStackEvents"), &cfnapi.DescribeStackEventsInput{StackName: "s"})
	ok(t, err)
	for _, e := range ev.StackEvents {
		if strings.Contains(wire.V(e.ResourceProperties), "hush-hush") {
			t.Fatal("an event shows a NoEcho parameter: ", *e.ResourceProperties)
		}
	}
	// UsePreviousValue, and a Systems Manager parameter that has changed
	x.params["/cfg"] = "newer"
	prev := func(in *cfnapi.UpdateStackInput) {
		in.Parameters = []cfnapi.Parameter{{ParameterKey: wire.P("S"), UsePreviousValue: wire.P(true)}}
		in.TemplateBody, in.UsePreviousTemplate = nil, wire.P(true)
	}
	ok(t, x.update("s", "", prev))
	x.rest()
	if got := x.made(); !strings.HasPrefix(got, "A=hush-hush/small/newer") {
		t.Error(got)
	}
	for _, c := range []struct {
		want string
		kv   []string
	}{
		{"Parameters: [S] must have values", nil},
		{"Parameter 'S' must contain at least 3 characters", []string{"S", "ab"}},
		{"Parameter 'C' must be one of AllowedValues", []string{"S", "abc", "C", "huge"}},
		{"Parameter 'N' must be a number not greater than 9", []string{"S", "abc", "N", "10"}},
		{"Parameters: [Q] do not exist in the template", []string{"S", "abc", "Q", "1"}},
		{"Unable to fetch parameters [/none] from parameter store for this account.", []string{"S", "abc", "P", "/none"}},
	} {
		wantErr(t, x.create("p", tmpl, given(c.kv...)), "ValidationError", c.want)
	}
	if len(x.stacks()) != 1 {
		t.Error("a refused stack was made")
	}
}

func TestConditions(t *testing.T) {
	x := newWorld(t, 1, true)
	tmpl := `
Parameters: {E: {Type: String}}
Conditions: {Prod: !Equals [!Ref E, prod]}
Resources:
  A: {Type: Fake::Unit::Thing, Properties: {Value: !If [Prod, big, !Ref AWS::NoValue]}}
  B: {Type: Fake::Unit::Thing, Condition: Prod, DependsOn: A}
Outputs:
  O: {Condition: Prod, Value: !Ref B}
`
	ok(t, x.create("s", tmpl, given("E", "test")))
	x.rest()
	if x.made() != "A=" || len(x.describe("s").Outputs) != 0 {
		t.Error(x.made())
	}
	up := func(v string) func(*cfnapi.UpdateStackInput) {
		return func(in *cfnapi.UpdateStackInput) {
			in.Parameters = []cfnapi.Parameter{{ParameterKey: wire.P("E"), ParameterValue: &v}}
		}
	}
	ok(t, x.update("s", tmpl, up("prod")))
	x.rest()
	if x.made() != "A=big B=" || len(x.describe("s").Outputs) != 1 {
		t.Error(x.made())
	}
	ok(t, x.update("s", tmpl, up("test")))
	x.rest()
	if x.made() != "A=" {
		t.Error(x.made())
	}
}

func TestCapabilities(t *testing.T) {
	x := newWorld(t, 1, true)
	role := `Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}%s}}}`
	plain, byName := fmt.Sprintf(role, ""), fmt.Sprintf(role, ", RoleName: mine")
	wantErr(t, x.create("s", plain), "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
	wantErr(t, x.create("s", byName), "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")
	wantErr(t, x.create("s", byName, acknowledged("CAPABILITY_IAM")), "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")
	ok(t, x.create("s", plain, acknowledged("CAPABILITY_NAMED_IAM")))
	ok(t, x.create("s2", byName, acknowledged("CAPABILITY_NAMED_IAM")))
	wantErr(t, x.create("s3", "Transform: AWS::LanguageExtensions\nResources: {A: {Type: 'Fake::Unit::Thing'}}"), "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_AUTO_EXPAND]")
	x.rest()
}

func TestRoles(t *testing.T) {
	x := newWorld(t, 1, true)
	wantErr(t, x.create("s", two, func(in *cfnapi.CreateStackInput) { in.RoleARN = wire.P("arn:aws:iam::111122223333:role/nobody") }), "ValidationError", "is invalid or cannot be assumed")
	var r wire.Requirements
	ok(t, x.svc.CreateStackRequires(x.ctx("CreateStack"), &cfnapi.CreateStackInput{StackName: "s", RoleARN: wire.P("arn:aws:iam::111122223333:role/r")}, &r))
	if s := fmt.Sprintf("%+v", r); !strings.Contains(s, "iam:PassRole") || !strings.Contains(s, "cloudformation.amazonaws.com") {
		t.Error(s)
	}
}

func TestRefusedByName(t *testing.T) {
	x := newWorld(t, 1, true)
	for _, c := range []struct{ tmpl, want string }{
		{"Resources: {A: {Type: 'Fake::Unit::Thing'}, K: {Type: 'AWS::MSK::Cluster'}, E: {Type: 'AWS::EC2::VPC'}}", "[AWS::EC2::VPC, AWS::MSK::Cluster]"},
		{"Resources: {A: {Type: 'Fake::Unit::Thing'}, T: {Type: 'AWS::SNS::Topic', Properties: {TracingConfig: Active}}}", "TracingConfig of AWS::SNS::Topic (resource T"},
		{"Resources: {A: {Type: 'Fake::Unit::Thing', CreationPolicy: {ResourceSignal: {Count: 1}}}}", "CreationPolicy of resource A"},
	} {
		err := x.create("s", c.tmpl)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
	wantErr(t, x.create("s", "Resources: {T: {Type: 'AWS::SNS::Topic', Properties: {Nonsense: 1}}}"), "ValidationError", "Nonsense")
	if len(x.log) > 0 || len(x.stacks()) > 0 {
		t.Error("something was made: ", x.log)
	}
	wantErr(t, x.create("s", "Resources: {A: {Type: 'Fake::Unit::Thing'}}", func(in *cfnapi.CreateStackInput) { in.ResourceTypes = []string{"AWS::EC2::*"} }), "ValidationError", "Resource type Fake::Unit::Thing is not allowed by parameter ResourceTypes [AWS::EC2::*]")
}

// What is hostile or wrong is refused with AWS's text, in under a second.
func TestBadTemplates(t *testing.T) {
	x := newWorld(t, 1, true)
	bomb := "Mappings: {a: &a [1,2,3,4,5,6,7,8,9]"
	for i := range 9 {
		n := string(rune('b' + i))
		p := string(rune('a' + i))
		bomb += fmt.Sprintf(", %s: &%s [*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s]", n, n, p, p, p, p, p, p, p, p, p)
	}
	bomb += "}\nResources: {A: {Type: 'Fake::Unit::Thing'}}"
	circle := "Resources:\n"
	for i := range 400 {
		circle += fmt.Sprintf("  R%d: {Type: 'Fake::Unit::Thing', DependsOn: R%d}\n", i, (i+1)%400)
	}
	for _, c := range []struct{ what, tmpl, want string }{
		{"over 51,200 bytes", "Resources: {A: {Type: 'Fake::Unit::Thing'}}\n#" + strings.Repeat("x", 51200), "Member must have length less than or equal to 51200"},
		{"a bomb of aliases", bomb, "emplate"},
		{"depth", strings.Repeat("[", 25_000) + strings.Repeat("]", 25_000), "emplate"},
		{"depth of JSON", `{"Resources":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_001), "emplate"},
		{"circular", "Resources: {A: {Type: 'Fake::Unit::Thing', Properties: {Value: !Ref B}}, B: {Type: 'Fake::Unit::Thing', Properties: {Value: !Ref A}}}", "Circular dependency between resources: ["},
		{"a circle of 400", circle, "Circular dependency between resources: ["},
		{"no resources", "Parameters: {}", "Template format error: At least one Resources member must be defined."},
		{"no type", "Resources: {Foo: {}}", "Template format error: [/Resources/Foo] Every Resources object must contain a Type member."},
		{"no reference", "Resources: {A: {Type: 'Fake::Unit::Thing', Properties: {Value: !Ref InvalidRef}}}", "Template format error: Unresolved resource dependencies [InvalidRef] in the Resources block of the template"},
		{"an output's reference", "Resources: {A: {Type: 'Fake::Unit::Thing'}}\nOutputs: {O: {Value: !Ref MyTopic}}", "Unresolved resource dependencies [MyTopic] in the Outputs block of the template"},
		{"a name", "Resources: {my-bad-resource-id: {Type: 'Fake::Unit::Thing'}}", "Template format error: Resource name my-bad-resource-id is non alphanumeric."},
		{"null", "Resources: {A: {Type: 'Fake::Unit::Thing'}}\nOutputs: {MyOutput: {Value: null}}", "[/Outputs/MyOutput/Value] 'null' values are not allowed in templates"},
		{"an output without value", "Resources: {A: {Type: 'Fake::Unit::Thing'}}\nOutputs: {MyOutput: {Description: x}}", "Template format error: Every Outputs member must contain a Value object"},
		{"no YAML", "Resources: [", "Template format error: YAML not well-formed."},
		{"no JSON", `{"Resources": {"A" 1}}`, "Template format error: JSON not well-formed. (line 1, column"},
		{"too many resources", func() string {
			s := "Resources:\n"
			for i := range 501 {
				s += fmt.Sprintf(" R%d: {Type: 'Fake::Unit::Thing'}\n", i)
			}
			return s
		}(), "500"},
	} {
		began := time.Now()
		err := x.create("s", c.tmpl)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s took %v", c.what, took)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !wire.Known(err) {
			t.Errorf("%s: %v\nwant %s", c.what, err, c.want)
		}
		began = time.Now()
		_, _ = x.svc.ValidateTemplate(x.ctx("ValidateTemplate"), &cfnapi.ValidateTemplateInput{TemplateBody: &c.tmpl})
		if took := time.Since(began); took > time.Second {
			t.Errorf("validating %s took %v", c.what, took)
		}
	}
	wantErr(t, x.create("*@da591fa3_$", two), "ValidationError", "1 validation error detected: Value '*@da591fa3_$' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*")
	if len(x.stacks()) > 0 || len(x.log) > 0 {
		t.Error("something was made")
	}
}

func TestTemplateURL(t *testing.T) {
	x := newWorld(t, 1, true)
	x.objects["b/k/t.yaml"] = two
	for i, u := range []string{"https://b.s3.us-east-1.amazonaws.com/k/t.yaml", "https://s3.amazonaws.com/b/k/t.yaml", "http://127.0.0.1:4566/b/k/t.yaml"} {
		ok(t, x.create(fmt.Sprint("s", i), "", func(in *cfnapi.CreateStackInput) { in.TemplateBody, in.TemplateURL = nil, &u }))
	}
	err := x.create("x", "", func(in *cfnapi.CreateStackInput) {
		in.TemplateBody, in.TemplateURL = nil, wire.P("https://s3.amazonaws.com/b/none")
	})
	wantErr(t, err, "ValidationError", "S3 error: ")
	wantErr(t, x.create("x", two, func(in *cfnapi.CreateStackInput) { in.TemplateURL = wire.P("https://s3.amazonaws.com/b/k/t.yaml") }), "ValidationError", "TemplateBody or TemplateURL")
	x.rest()
}

func TestGetTemplate(t *testing.T) {
	x := newWorld(t, 1, true)
	ok(t, x.create("s", two))
	lang := "Transform: AWS::LanguageExtensions\nResources: {A: {Type: 'Fake::Unit::Thing', Properties: {Value: !Length [1, 2, 3]}}}"
	ok(t, x.create("l", lang, acknowledged("CAPABILITY_AUTO_EXPAND")))
	x.rest()
	x.status("l", "CREATE_COMPLETE")
	if !strings.Contains(x.made(), "A=3") {
		t.Error(x.made())
	}
	get := func(name, stage string) string {
		o, err := x.svc.GetTemplate(x.ctx("GetTemplate"), &cfnapi.GetTemplateInput{StackName: &name, TemplateStage: &stage})
		ok(t, err)
		if fmt.Sprint(o.StagesAvailable) != "[Original Processed]" {
			t.Error(o.StagesAvailable)
		}
		return *o.TemplateBody
	}
	if get("s", "Original") != two || get("s", "Processed") != two || get("l", "Original") != lang {
		t.Error("the template is not as it was given")
	}
	if p := get("l", "Processed"); strings.Contains(p, "Transform") || p == lang {
		t.Error(p)
	}
	_, err := x.svc.GetTemplate(x.ctx("GetTemplate"), &cfnapi.GetTemplateInput{})
	wantErr(t, err, "ValidationError", "StackName is required if ChangeSetName is not specified.")
}

func TestValidateAndSummary(t *testing.T) {
	x := newWorld(t, 1, true)
	body := `
Description: what it is
Metadata: {M: 1}
Parameters: {K: {Type: String, Default: d, Description: k, NoEcho: true}}
Resources: {T: {Type: AWS::SNS::Topic}, R: {Type: AWS::IAM::Role, Properties: {RoleName: r, AssumeRolePolicyDocument: {}}}}
`
	v, err := x.svc.ValidateTemplate(x.ctx("ValidateTemplate"), &cfnapi.ValidateTemplateInput{TemplateBody: &body})
	ok(t, err)
	if *v.Description != "what it is" || len(v.Parameters) != 1 || *v.Parameters[0].DefaultValue != "d" || fmt.Sprint(v.Capabilities) != "[CAPABILITY_NAMED_IAM]" ||
		*v.CapabilitiesReason != "The following resource(s) require capabilities: [AWS::IAM::Role]" {
		t.Errorf("%+v", v)
	}
	s, err := x.svc.GetTemplateSummary(x.ctx("GetTemplateSummary"), &cfnapi.GetTemplateSummaryInput{TemplateBody: &body})
	ok(t, err)
	if fmt.Sprint(s.ResourceTypes) != "[AWS::IAM::Role AWS::SNS::Topic]" && fmt.Sprint(s.ResourceTypes) != "[AWS::SNS::Topic AWS::IAM::Role]" || *s.Metadata != `{"M":1}` && *s.Metadata != `{"M":"1"}` {
		t.Errorf("%+v", s)
	}
	_, err = x.svc.ValidateTemplate(x.ctx("ValidateTemplate"), &cfnapi.ValidateTemplateInput{})
	wantErr(t, err, "ValidationError", "Either Template URL or Template Body must be specified.")
}

func TestListStacks(t *testing.T) {
	x := newWorld(t, 1, true)
	for i := range 230 {
		st := x.svc.newStack(wire.CallOf(x.ctx("CreateStack")), fmt.Sprint("s", i))
		if st.Status = "CREATE_COMPLETE"; i == 7 {
			st.Status, st.Deleted = "DELETE_COMPLETE", x.w.Now()
		}
		ok(t, x.w.Base().Update(t.Context(), nil, func(tx store.Tx) error { store.Put(tx, st.key(), st); return nil }))
	}
	seen := map[string]bool{}
	var token *string
	pages := 0
	for {
		o, err := x.svc.ListStacks(x.ctx("ListStacks"), &cfnapi.ListStacksInput{NextToken: token})
		ok(t, err)
		for _, s := range o.StackSummaries {
			seen[s.StackName+s.StackStatus] = true
		}
		pages++
		if token = o.NextToken; token == nil {
			break
		}
	}
	if len(seen) != 230 || pages != 3 || !seen["s7DELETE_COMPLETE"] {
		t.Error(len(seen), pages)
	}
	o, err := x.svc.ListStacks(x.ctx("ListStacks"), &cfnapi.ListStacksInput{StackStatusFilter: []string{"DELETE_COMPLETE"}})
	ok(t, err)
	if len(o.StackSummaries) != 1 || o.StackSummaries[0].DeletionTime == nil {
		t.Errorf("%+v", o.StackSummaries)
	}
	_, err = x.svc.ListStacks(x.ctx("ListStacks"), &cfnapi.ListStacksInput{NextToken: wire.P("bogus")})
	wantErr(t, err, "ValidationError", "NextToken")
	d, err := x.svc.DescribeStacks(x.ctx("DescribeStacks"), &cfnapi.DescribeStacksInput{})
	ok(t, err)
	if len(d.Stacks) != 100 || d.NextToken == nil {
		t.Error(len(d.Stacks))
	}
}

func TestUnknownNames(t *testing.T) {
	x := newWorld(t, 1, true)
	_, err := x.svc.DescribeStackEvents(x.ctx("DescribeStackEvents"), &cfnapi.DescribeStackEventsInput{StackName: "nostack"})
	wantErr(t, err, "ValidationError", "Stack [nostack] does not exist")
	_, err = x.svc.DescribeStackResource(x.ctx("DescribeStackResource"), &cfnapi.DescribeStackResourceInput{StackName: "not-a-valid-stack", LogicalResourceId: "A"})
	wantErr(t, err, "ValidationError", "Stack 'not-a-valid-stack' does not exist")
	ok(t, x.create("s", two))
	x.rest()
	_, err = x.svc.DescribeStackResource(x.ctx("DescribeStackResource"), &cfnapi.DescribeStackResourceInput{StackName: "s", LogicalResourceId: "N"})
	wantErr(t, err, "ValidationError", "Resource N does not exist for stack s")
	o, err := x.svc.DescribeStackResources(x.ctx("DescribeStackResources"), &cfnapi.DescribeStackResourcesInput{PhysicalResourceId: wire.P(x.physical("s", "A"))})
	ok(t, err)
	if len(o.StackResources) != 2 {
		t.Errorf("%+v", o.StackResources)
	}
	wantErr(t, x.update("nostack", two), "ValidationError", "Stack [nostack] does not exist")
	ok(t, x.delete("nostack"))
}
