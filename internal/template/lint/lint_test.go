package lint

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"virga/internal/template/schema"
)

func TestLint(t *testing.T) {
	got := Lint([]byte(`Resources:
  Q:
    Type: AWS::SQS::Queue
    Properties:
      Foo: 1
      DelaySeconds: abc
      VisibilityTimeout: 99999999
      FifoQueue: [1]
  F:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nope
      MemorySize: "1"
      Role: !GetAtt Q.Nope
      Handler: !Ref Nothing
      TracingConfig:
        Mod: x
  G:
    Type: AWS::Nope::X
  H:
    Type: AWS::SQS::Queue
    DependsOn: [Zed, G]
    Condition: NoCond
    Properties:
      QueueName: !Sub "${Nope}-x"
      KmsMasterKeyId: !GetAtt Nope.Arn
      RedrivePolicy: !If [NoCond, {maxReceiveCount: 1}, {}]
Outputs:
  X: {Value: !Ref Nope}
`), Options{})
	want := []string{"E3002:5:7", "E3012:6:21", "E3034:7:26", "E3012:8:18", "E3003:12:7", "E3030:12:16", "E3034:13:19", "E1010:14:13", "E1020:15:16", "E3002:17:9",
		"E3006:19:11", "E3005:22:17", "E3015:23:16", "E1019:25:18", "E1010:26:23", "E1028:27:27", "E6101:29:14"}
	for i, f := range got {
		s := fmt.Sprintf("%s:%d:%d", f.Rule, f.Line, f.Column)
		if i >= len(want) || s != want[i] {
			t.Errorf("%d: %s %s: %s (%s)", i, s, f.Path, f.Message, f.Fix)
		}
		if Done()[f.Rule] == "" {
			t.Errorf("%s is not in the list", f.Rule)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d findings", len(got))
	}
}

// TestFiles prints findings of the files that VIRGA_LINT_FILES names, one path a line: what test/cfnlint.py reads.
func TestFiles(t *testing.T) {
	list := os.Getenv("VIRGA_LINT_FILES")
	if list == "" {
		return
	}
	paths, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range splitLines(string(paths)) {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Lint(text, Options{}) {
			fmt.Printf("FINDING\t%s\t%s\t%d\t%s\t%s\n", p, f.Rule, f.Line, f.Path, f.Message)
		}
	}
}

func splitLines(s string) (out []string) {
	for len(s) > 0 {
		i := 0
		for i < len(s) && s[i] != '\n' {
			i++
		}
		if i > 0 {
			out = append(out, s[:i])
		}
		s = s[min(i+1, len(s)):]
	}
	return out
}

// BenchmarkLint500 parses and checks a template of 500 functions, with the types kept from call to call.
func BenchmarkLint500(b *testing.B) {
	var s strings.Builder
	s.WriteString("Resources:\n")
	for i := range 500 {
		fmt.Fprintf(&s, "  F%d:\n    Type: AWS::Lambda::Function\n    Properties:\n      FunctionName: !Sub '${AWS::StackName}-f%d'\n      Runtime: python3.12\n      Handler: index.handler\n      MemorySize: 256\n      Timeout: 30\n      Role: !Sub 'arn:aws:iam::${AWS::AccountId}:role/r'\n      Code: {S3Bucket: bucket, S3Key: k}\n      Environment:\n        Variables: {AA: b, CC: !Ref AWS::Region}\n", i, i)
	}
	text := []byte(s.String())
	o := Options{Types: &schema.Cache{}}
	b.ReportAllocs()
	for b.Loop() {
		if f := Lint(text, o); len(f) > 0 {
			b.Fatal(f[0])
		}
	}
}
