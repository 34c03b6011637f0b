package sam

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) *Map {
	t.Helper()
	m, err := Parse([]byte(text), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTransform runs testdata/*.yaml: a template, a line "---", and what it becomes, as JSON, or the error's text.
func TestTransform(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			template, want, ok := strings.Cut(string(data), "\n---\n")
			if !ok {
				t.Fatal("no line ---")
			}
			in := Input{Template: parse(t, template), Region: "eu-west-1", Parameters: map[string]any{"Stage": "beta"},
				Application: func(id, version string) (Application, error) {
					if id == "refused" {
						return Application{}, errors.New("Cannot access application: refused.")
					}
					return Application{URL: "https://templates.example/" + id + "/" + version}, nil
				}}
			got := ""
			if r, err := Transform(in); err != nil {
				got = err.Error()
			} else {
				b, err := json.MarshalIndent(r.Template, "", " ")
				if err != nil {
					t.Fatal(err)
				}
				got = string(b)
			}
			if got != strings.TrimSpace(want) {
				if os.Getenv("REWRITE") != "" {
					if err := os.WriteFile(f, []byte(template+"\n---\n"+got+"\n"), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestFailure looks at single findings, one template a line.
func TestFailure(t *testing.T) {
	function := func(more string) string {
		return `{"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://b/k", "Handler": "h", "Runtime": "r"` + more + `}}}}`
	}
	resource := func(kind, props string) string {
		return `{"Resources": {"R": {"Type": "AWS::Serverless::` + kind + `", "Properties": {` + props + `}}}}`
	}
	for _, c := range []struct{ name, template, want string }{
		{"none", `{}`, "Structure of the SAM template is invalid. 'Resources' section is required"},
		{"scalar", `{"Resources": {"A": 1}}`, "Structure of the SAM template is invalid. All 'Resources' must be Objects. If you're using YAML, this may be an indentation issue."},
		{"properties", `{"Resources": {"A": {"Type": "AWS::Serverless::Function", "Properties": []}}}`, "Resource with id [A] is invalid. Attribute 'Properties' should be a map."},
		{"id", `{"Resources": {"A-b": {"Type": "AWS::Serverless::SimpleTable"}}}`, "Resource with id [A-b] is invalid. Logical ids must be alphanumeric."},
		{"unknown", function(`, "Colour": "red"`), "Resource with id [F] is invalid. property Colour not defined for resource of type AWS::Serverless::Function"},
		{"type", function(`, "Events": []`), "Resource with id [F] is invalid. Type of property 'Events' is invalid."},
		{"event", function(`, "Events": {"E": {"Type": "Nothing"}}`), "Resource with id [F] is invalid. Event with id [E] is invalid. Resource dict has missing or invalid value for key Type. Event Type is: Nothing."},
		{"bucket", function(`, "Events": {"E": {"Type": "S3", "Properties": {"Bucket": {"Ref": "B"}, "Events": "s3:*"}}}`), "Resource with id [F] is invalid. Event with id [E] is invalid. S3 events must reference an S3 bucket in the same template."},
		{"template", function(`, "Policies": [{"S3ReadPolicy": {}}]`), "Resource with id [F] is invalid. Following required parameters of template 'S3ReadPolicy' don't have values: ['BucketName']"},
		{"policy", function(`, "Policies": [{"NoSuchPolicy": {}}]`), "Resource with id [F] is invalid. Policy at index 0 in the 'Policies' property is not valid"},
		{"alias", function(`, "AutoPublishAlias": "12"`), "Resource with id [F] is invalid. AutoPublishAlias name ('12') must contain only alphanumeric characters, hyphens, or underscores matching (?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern."},
		{"twice", function(`, "Events": {"A": {"Type": "Api", "Properties": {"Path": "/", "Method": "get"}}, "B": {"Type": "Api", "Properties": {"Path": "/", "Method": "GET"}}}`), "Resource with id [F] is invalid. Event with id [B] is invalid. API method \"get\" defined multiple times for path \"/\"."},
		{"globals", `{"Globals": {"Table": {}}, "Resources": {"A": {"Type": "X"}}}`, "'Globals' section is invalid. 'Table' is not supported. Must be one of the following values - ['Api', 'CapacityProvider', 'Function', 'HttpApi', 'LayerVersion', 'MicrovmImage', 'NetworkConnector', 'SimpleTable', 'StateMachine', 'WebSocketApi']"},
		{"application", resource("Application", `"Location": {"ApplicationId": "a", "SemanticVersion": "1.0.0"}`), "Resource with id [R] is invalid. Serverless Application Repository is not available in this region."},
		{"stage", resource("Api", `"Name": "n"`), "Resource with id [R] is invalid. Missing required property 'StageName'."},
		{"connector", resource("Connector", `"Source": {"Id": "A"}, "Destination": {"Id": "B"}, "Permissions": ["Read"]`), "Resource with id [R] is invalid. Unable to find resource with logical ID 'B'."},
		{"model", resource("CapacityProvider", `"VpcConfig": {"SubnetIds": 1, "Zone": "a"}`), "Resource with id [R] is invalid. Property 'VpcConfig.SubnetIds' value must be dictionary or list. Property 'VpcConfig.Zone' is an invalid property."},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Transform(Input{Template: parse(t, c.template)})
			var e *Error
			if !errors.As(err, &e) || len(e.Causes) != 1 || e.Causes[0].Message != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestInternalFailure(t *testing.T) {
	_, err := Transform(Input{Template: parse(t, `{"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://b/k", "Handler": "h",
		"Runtime": "r", "FunctionUrlConfig": {"AuthType": "NONE"}, "Role": {"Fn::If": ["C", "r", {"Ref": "AWS::NoValue"}]}}}}}`)})
	var e *InternalError
	if !errors.As(err, &e) {
		t.Fatalf("a condition without the section Conditions: %v", err)
	}
}

// TestInputKept: a template can be transformed twice.
func TestInputKept(t *testing.T) {
	in := parse(t, `{"Globals": {"Function": {"Handler": "h", "Runtime": "r"}}, "Resources": {"F": {"Type": "AWS::Serverless::Function",
		"Properties": {"CodeUri": "s3://b/k", "Events": {"E": {"Type": "Api", "Properties": {"Path": "/", "Method": "get"}}}}}}}`)
	before := pyJSON(in)
	var last string
	for range 3 {
		r, err := Transform(Input{Template: in})
		if err != nil {
			t.Fatal(err)
		}
		if pyJSON(in) != before {
			t.Fatal("the input changed")
		}
		if s := pyJSON(r.Template); last != "" && s != last {
			t.Fatal("a second run gives another template")
		} else {
			last = s
		}
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]any{"1": int64(1), "1.5": 1.5, "1e2": 100.0, "x": "x", "true": "true", "98765432109876543210": json.Number("98765432109876543210")} {
		if got := Number(text); got != want {
			t.Errorf("%s: got %v (%T)", text, got, got)
		}
	}
}

// TestPlainResult: nothing of the transform's own types is left in what it gives back.
func TestPlainResult(t *testing.T) {
	r, err := Transform(Input{Template: parse(t, `{"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://b/k",
		"Handler": {"Ref": "H"}, "Runtime": "r", "Events": {"E": {"Type": "Api", "Properties": {"Path": "/", "Method": "get"}}}}}}}`),
		Parameters: map[string]any{"H": 3}})
	if err != nil {
		t.Fatal(err)
	}
	var walk func(v any, path string)
	walk = func(v any, path string) {
		switch x := v.(type) {
		case *Map:
			for k, w := range x.All() {
				walk(w, path+"/"+k)
			}
		case []any:
			for _, w := range x {
				walk(w, path)
			}
		case nil, string, bool, int64, float64, json.Number:
		default:
			t.Errorf("%s: %T", path, v)
		}
	}
	walk(r.Template, "")
}
