package template

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var testEnv = Env{AccountID: "012345678901", Region: "eu-west-1", Partition: "aws", URLSuffix: "amazonaws.com", StackName: "st", StackID: "arn:aws:cloudformation:eu-west-1:012345678901:stack/st/1"}

func mustParse(t testing.TB, text string) *Template {
	t.Helper()
	tp, err := Parse([]byte(text), Limits{})
	if err != nil {
		t.Fatal(err.(*Error).Long())
	}
	return tp
}

// TestFunctions evaluates one property per function.
func TestFunctions(t *testing.T) {
	head := `
Parameters:
  Name: {Type: String, Default: n}
  Nums: {Type: List<Number>, Default: "1, 2,3"}
Mappings:
  M: {eu-west-1: {A: x, L: [p, q]}}
Conditions:
  Is: !Equals [!Ref Name, n]
  Isnt: !Not [!Condition Is]
  Both: !And [!Condition Is, !Or [!Condition Isnt, !Equals [a, a]]]
Resources:
  Q: {Type: "AWS::SQS::Queue"}
  R:
    Type: Custom::X
    Properties:
      V: `
	look := Lookup{
		Ref:         func(id string) (Value, error) { return StringOf("ref-" + id), nil },
		GetAtt:      func(id, a string) (Value, error) { return StringOf(id + "/" + a), nil },
		ImportValue: func(n string) (Value, error) { return StringOf("imp-" + n), nil },
		Dynamic: func(d DynamicReference) (string, error) {
			return d.Service + "=" + d.Name + "," + d.Version + d.JSONKey, nil
		},
	}
	for _, c := range []struct{ in, want string }{
		{"!Ref Q", `"ref-Q"`},
		{"!GetAtt Q.Arn", `"Q/Arn"`},
		{"!Sub '${Q}-${Q.Arn}-${AWS::AccountId}-${!Lit}-${Name}'", `"ref-Q-Q/Arn-012345678901-${Lit}-n"`},
		{"!Sub ['${a}${Name}', {a: !Ref Q}]", `"ref-Qn"`},
		{"!Join ['-', [a, !Ref Name, !Ref 'AWS::NoValue', 1]]", `"a-n-1"`},
		{"!Join [',', !Ref Nums]", `"1,2,3"`},
		{"!Select [1, !Ref Nums]", `"2"`},
		{"!Select ['0', !Split ['/', !GetAtt Q.Arn]]", `"Q"`},
		{"!FindInMap [M, !Ref 'AWS::Region', L]", `["p","q"]`},
		{"!Base64 abc", `"YWJj"`},
		{"!Cidr ['10.0.0.0/16', 3, 8]", `["10.0.0.0/24","10.0.1.0/24","10.0.2.0/24"]`},
		{"!Cidr ['2001:db8::/56', 2, 64]", `["2001:db8::/64","2001:db8:0:1::/64"]`},
		{"!GetAZs ''", `["eu-west-1a","eu-west-1b","eu-west-1c"]`},
		{"!ImportValue {'Fn::Sub': '${AWS::StackName}-x'}", `"imp-st-x"`},
		{"!If [Both, [a, !If [Isnt, b, !Ref 'AWS::NoValue']], c]", `["a"]`},
		{"{a: !If [Isnt, 1, !Ref 'AWS::NoValue'], b: 012345678901, c: 2012-10-17}", `{"b":"012345678901","c":"2012-10-17"}`},
		{"'x{{resolve:ssm:/a/b:3}}y{{resolve:secretsmanager:arn:aws:secretsmanager:r:1:secret:s-x:SecretString:k}}'", `"xssm=/a/b,3ysecretsmanager=arn:aws:secretsmanager:r:1:secret:s-x,k"`},
		{"!Sub '{{resolve:ssm:${Name}}}'", `"ssm=n,"`},
		{"{Condition: {StringEquals: {a: b}}}", `{"Condition":{"StringEquals":{"a":"b"}}}`},
	} {
		b, err := mustParse(t, head+c.in).Bind(nil, testEnv)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		v, err := b.Resolve("R", look)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := v.Get("V").JSON(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
	b, _ := mustParse(t, head+"!Join ['', [a, !GetAtt Q.Arn]]").Bind(nil, testEnv)
	if v, err := b.Resolve("R", Lookup{}); err != nil || v.Get("V").Kind() != Unknown || v.Get("V").JSON() != `"(known after apply)"` {
		t.Errorf("unknown: %v %v", v.JSON(), err)
	}
	boom := errors.New("boom")
	if _, err := b.Resolve("R", Lookup{GetAtt: func(string, string) (Value, error) { return Value{}, boom }}); !errors.Is(err, boom) {
		t.Errorf("a callback's error: %v", err)
	}
}

// TestErrors holds AWS's wordings; "rec" marks those that were recorded.
func TestErrors(t *testing.T) {
	q := "Type: AWS::SNS::Topic\n"
	res := "Resources:\n  A:\n    " + q
	prop := res + "    Properties:\n      V: "
	for _, c := range []struct{ in, want string }{
		{"Resources: {}", "Template format error: At least one Resources member must be defined."},                                                                                                                              // rec
		{"Parameters: {}", "Template format error: At least one Resources member must be defined."},                                                                                                                             // rec
		{"Resources: {A: x}", "Template format error: Any Resources member must be an object."},                                                                                                                                 // rec
		{"Resources: [a]", "Template format error: Any Resources member must be an object."},                                                                                                                                    // rec
		{"Resources: {Foo: {Properties: {}}}", "Template format error: [/Resources/Foo] Every Resources object must contain a Type member."},                                                                                    // rec
		{"Resources: {my-bad-resource-id: {Type: a}}", "Template format error: Resource name my-bad-resource-id is non alphanumeric."},                                                                                          // rec
		{res + "Outputs: {MyOutput: {Value: }}", "[/Outputs/MyOutput/Value] 'null' values are not allowed in templates"},                                                                                                        // rec
		{res + "Outputs: {MyOutput: {}}", "Template format error: Every Outputs member must contain a Value object"},                                                                                                            // rec
		{res + "Mappings: {A: {B: {C: {D: e}}}}", "Template format error: Every Mappings attribute must be a String or a List."},                                                                                                // rec
		{prop + "!Ref InvalidRef", "Template format error: Unresolved resource dependencies [InvalidRef] in the Resources block of the template"},                                                                               // rec
		{prop + "!Select [a]", "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"},                                                                                            // rec
		{prop + "!Split [a]", "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."},                           // rec
		{res + "Conditions: {C: !Equals [a]}", "Template error: every Fn::Equals object requires a list of 2 string parameters."},                                                                                               // rec
		{res + "Transform: {Name: [a]}", "Key Name of transform definition must be a string."},                                                                                                                                  // rec
		{res + "Mappings: {TopicSuffixMap: {A: {B: c}}}\nConditions: {C: !Equals [!FindInMap [TopicSuffixMap, A, NotValid], a]}", "Template error: Unable to get mapping for TopicSuffixMap::A::NotValid"},                      // rec
		{res + "    Condition: Isnt\n  B:\n    " + q + "    Properties: {V: !Ref A}\nConditions: {Isnt: !Equals [a, b]}", "Template format error: Unresolved resource dependencies [A] in the Resources block of the template"}, // rec
		{res + "    Condition: Isnt\nConditions: {Isnt: !Equals [a, b]}\nOutputs: {O: {Value: !Ref A}}", "Unresolved resource dependencies [A] in the Outputs block of the template"},                                           // rec
		{res + "Parameters: {Value: {Type: Number, Default: x}}", "Parameter 'Value' must be a number."},                                                                                                                        // rec
		{res + "Parameters: {Input: {Type: String}}", "Parameters: [Input] must have values"},                                                                                                                                   // rec
		{res + "Parameters: {InputValue: {Type: 'AWS::SSM::Parameter::Value<String>'}}", "Parameter InputValue should either have input value or default value"},                                                                // rec
		{prop + "!Ref B\n  B:\n    " + q + "    DependsOn: A", "Circular dependency between resources: [A, B]"},
		{prop + "!If [C, !Ref A, x]\nConditions: {C: !Equals [a, a]}", "Circular dependency between resources: [A]"},
		{res + "Parameters: {P: {Type: String, AllowedValues: [a], Default: b}}", "Parameter 'P' must be one of AllowedValues"},
		{res + "Parameters: {P: {Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: letters, Default: '1'}}", "Parameter 'P' failed to satisfy constraint: letters"},
		{res + "Conditions: {A: !Condition B, B: !Condition A}", ""},
		{prop + "!Length [a]", ""},
		{"Foo: 1\n" + res, "Invalid template property or properties [Foo]"},
		{"hello", "Template format error: unsupported structure."},
		{"AWSTemplateFormatVersion: 2010-09-10\n" + res, "Template format error: 2010-09-10 is not a supported value for AWSTemplateFormatVersion."},
	} {
		tp, err := Parse([]byte(c.in), Limits{})
		if err == nil && !tp.Pending() {
			_, err = tp.Bind(nil, testEnv)
		}
		if err == nil {
			t.Errorf("%s: no error", c.in)
		} else if c.want != "" && err.Error() != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, err, c.want)
		}
	}
}

func TestExpand(t *testing.T) {
	tp := mustParse(t, `
Transform: AWS::LanguageExtensions
Parameters: {Names: {Type: CommaDelimitedList, Default: "a,b-c"}}
Mappings: {M: {k: {v: z}}}
Resources:
  'Fn::ForEach::Topics':
    - N
    - !Ref Names
    - 'Topic&{N}':
        Type: AWS::SNS::Topic
        DeletionPolicy: !FindInMap [M, no, no, {DefaultValue: Retain}]
        Properties:
          TopicName: !Sub '${N}-${AWS::Region}'
          Len: !Length [1, 2]
          Json: !ToJsonString {a: [!Ref N]}
Outputs:
  'Fn::ForEach::Outs': [N, [a], {'Out${N}': {Value: !Ref 'Topic${N}'}}]
`)
	out, err := tp.Expand(nil, testEnv, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := out.Bind(nil, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	v, err := b.Resolve("Topicbc", Lookup{})
	if want := `{"TopicName":"b-c-eu-west-1","Len":2,"Json":"{\"a\":[\"b-c\"]}"}`; err != nil || v.JSON() != want {
		t.Errorf("%s %v", v.JSON(), err)
	}
	r, _ := b.Resource("Topica")
	if d, _, err := b.Policies(r); d != "Retain" || err != nil {
		t.Errorf("%s %v", d, err)
	}
	if len(out.Outputs) != 1 || out.Outputs[0].Name != "Outa" {
		t.Errorf("outputs: %v", out.Outputs)
	}
	tp = mustParse(t, `
Transform: [Mine]
Resources:
  A:
    Type: AWS::SNS::Topic
    Properties:
      X: y
      Fn::Transform: {Name: AWS::Include, Parameters: {Location: !Sub 's3://${AWS::Region}/x'}}
`)
	out, err = tp.Expand(nil, testEnv, func(c MacroCall) (Value, error) {
		if c.Name == Include {
			return MapOf(E("At", c.Parameters.Get("Location"))), nil
		}
		return c.Fragment.With("Description", StringOf("mine")), nil
	})
	if err != nil || out.Description != "mine" || out.Resources[0].Properties.JSON() != `{"X":"y","At":"s3://eu-west-1/x"}` {
		t.Errorf("%v", err)
	}
	if _, err := tp.Expand(nil, testEnv, nil); err == nil || err.Error() != "No transform named AWS::Include found." {
		t.Errorf("%v", err)
	}
}

func TestHostile(t *testing.T) {
	list := strings.TrimSuffix(numbers(200), ",")
	loop := func(depth int) string {
		s := "Transform: AWS::LanguageExtensions\nResources:\n"
		in := "  "
		for i := range depth {
			s += fmt.Sprintf("%s'Fn::ForEach::L%d':\n%s  - I%d\n%s  - [%s]\n%s  - \n", in, i, in, i, in, list, in)
			in += "      "
		}
		return s + in + "X${I0}${I1}${I2}${I3}: {Type: a}\n"
	}
	for _, c := range []struct{ name, in, limit string }{
		{"loops", loop(4), "Loops"},
		{"cidr", "Resources: {A: {Type: a, Properties: {V: !Cidr ['10.0.0.0/8', 1000000, 4]}}}", "Cidrs"},
		{"text", "Resources:\n  A:\n    Type: a\n    Properties:\n      V: &v !Join ['', [" + strings.TrimSuffix(strings.Repeat("'"+strings.Repeat("x", 1000)+"',", 100), ",") + "]]\n      W: [" + strings.TrimSuffix(strings.Repeat("*v,", 200), ",") + "]\n", "TextBytes"},
	} {
		tp, err := Parse([]byte(c.in), Limits{})
		if err == nil {
			tp, err = tp.Expand(nil, testEnv, nil)
		}
		if err == nil {
			var b *Bound
			if b, err = tp.Bind(nil, testEnv); err == nil {
				_, err = b.Resolve("A", Lookup{})
			}
		}
		var e *Error
		if !errors.As(err, &e) || e.Limit != c.limit {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	many := "Resources:\n"
	for i := range 501 {
		many += fmt.Sprintf("  R%d: {Type: a}\n", i)
	}
	var e *Error
	if _, err := Parse([]byte(many), Limits{}); !errors.As(err, &e) || e.Limit != "Resources" {
		t.Errorf("resources: %v", err)
	}
}

func TestSummaryAndGraph(t *testing.T) {
	tp := mustParse(t, `
Transform: AWS::LanguageExtensions
Resources:
  R: {Type: "AWS::IAM::Role", Properties: {RoleName: x}}
  F: {Type: "AWS::Lambda::Function", Properties: {Role: !GetAtt R.Arn}}
  P: {Type: "AWS::Lambda::Permission", DependsOn: F, Properties: {FunctionName: !Sub "${F}"}}
`)
	s := tp.Summary()
	if fmt.Sprintf("%v %v %s", s.Capabilities, s.ResourceTypes, s.CapabilitiesReason) != "[CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND] [AWS::IAM::Role AWS::Lambda::Function AWS::Lambda::Permission] The following resource(s) require capabilities: [AWS::IAM::Role]" {
		t.Error(s.Capabilities, s.ResourceTypes, s.CapabilitiesReason)
	}
	tp, err := tp.Expand(nil, testEnv, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tp.Bind(nil, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	g := b.Graph()
	if fmt.Sprint(g.Order(), g.Deps("P"), g.Dependents("R")) != "[R F P] [F] [F]" {
		t.Error(g.Order(), g.Deps("P"), g.Dependents("R"))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"Resources: {A: {Type: a, Properties: {V: !Sub '${A}'}}}", `{"Resources":{"A":{"Type":"b"}}}`, "a: &a [*a]", "Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::L': [I, [a], {'X${I}': {Type: a}}]}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		slow := time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("no end: %q", text)) })
		defer slow.Stop()
		tp, err := Parse(text, Limits{Bytes: 10_000})
		if err != nil {
			return
		}
		tp.Summary()
		if tp, err = tp.Expand(nil, testEnv, nil); err != nil {
			return
		}
		b, err := tp.Bind(nil, testEnv)
		if err != nil {
			return
		}
		for _, r := range b.Resources() {
			v, err := b.Resolve(r.ID, Lookup{})
			if err != nil {
				continue
			}
			if _, err := ParseValue([]byte(v.JSON()), Limits{Depth: 200}); err != nil {
				t.Fatalf("%s: %v", v.JSON(), err)
			}
		}
		_, _ = b.Outputs(Lookup{})
	})
}

// bigTemplate makes a template of n resources like those of applications.
func bigTemplate(n int) string {
	var s strings.Builder
	s.WriteString("Parameters: {Stage: {Type: String, Default: prod}}\nConditions: {IsProd: !Equals [!Ref Stage, prod]}\nResources:\n")
	for i := range n {
		fmt.Fprintf(&s, "  Fn%d:\n    Type: AWS::Lambda::Function\n    DependsOn: Fn%d\n    Properties:\n      FunctionName: !Sub '${AWS::StackName}-f%d'\n      Runtime: python3.12\n      Handler: index.handler\n      MemorySize: 256\n      Timeout: 30\n      Role: !Sub 'arn:aws:iam::${AWS::AccountId}:role/r'\n      Code: {S3Bucket: b, S3Key: k}\n      Environment:\n        Variables:\n          NEXT: !GetAtt Fn%d.Arn\n          STAGE: !If [IsProd, prod, dev]\n      Tags:\n        - Key: a\n          Value: !Join ['-', [a, b, !Ref 'AWS::Region']]\n", i, max(i-1, 0)+b2i(i == 0), i, max(i-1, 0)+b2i(i == 0))
	}
	return strings.Replace(strings.Replace(s.String(), "    DependsOn: Fn1\n", "", 1), "NEXT: !GetAtt Fn1.Arn", "NEXT: none", 1)
}

func numbers(n int) string {
	s := ""
	for i := range n {
		s += fmt.Sprintf("n%d,", i)
	}
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func BenchmarkTemplate500(b *testing.B) {
	text := []byte(bigTemplate(500))
	if f := os.Getenv("VIRGA_BIG"); f != "" {
		_ = os.WriteFile(f, text, 0o644)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		tp, err := Parse(text, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		bound, err := tp.Bind(nil, testEnv)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range bound.Resources() {
			if _, err := bound.Resolve(r.ID, Lookup{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
