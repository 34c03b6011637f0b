package schema

import (
	"fmt"
	"testing"

	"virga/internal/template"
)

func value(t testing.TB, s string) template.Value {
	t.Helper()
	v, err := template.ParseValue([]byte("v: "+s), template.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v.Get("v")
}

// TestTable reads every type.
func TestTable(t *testing.T) {
	names := Names()
	bad := 0
	for _, n := range names {
		ty, ok := Find(n)
		if !ok || ty.Schema().Get("typeName").Text() != n {
			t.Fatalf("%s: %v", n, ok)
		}
		if len(ty.Properties()) == 0 {
			bad++
		}
		ty.Attributes()
	}
	t.Logf("%d types, %d bytes embedded, %d without properties", len(names), len(table), bad)
	if len(names) < 1850 {
		t.Errorf("%d types", len(names))
	}
	if Known("AWS::Nope::X") || !Known("AWS::SQS::Queue") {
		t.Error("Known")
	}
}

func TestFacts(t *testing.T) {
	q, _ := Find("AWS::SQS::Queue")
	names, _ := q.Attributes()
	if fmt.Sprintln(q.RefProperties(), q.TagProperty, q.Has("read"), q.HasAttribute("Arn"), q.HasAttribute("Nope"), len(names) > 10) != "[QueueUrl] Tags true true false true\n" {
		t.Error(q.RefProperties(), q.TagProperty, q.Handlers, names)
	}
	r, _ := Find("AWS::Events::Rule")
	s, _ := Find("AWS::CloudFormation::Stack")
	if fmt.Sprint(r.RefProperties(), s.HasAttribute("Outputs.X")) != "[Name] true" {
		t.Error(r.RefProperties())
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct{ ty, in, want string }{
		{"AWS::SQS::Queue", "{}", "[]"},
		{"AWS::SQS::Queue", "{DelaySeconds: '5', FifoQueue: 'true', KmsMasterKeyId: 12}", "[]"},
		{"AWS::SQS::Queue", "{Foo: 1}", "[E3002 Encountered unsupported property Foo]"},
		{"AWS::SQS::Queue", "{DelaySeconds: x}", "[E3012 #/DelaySeconds: expected type: Number, found: String]"},
		{"AWS::SQS::Queue", "{DelaySeconds: 901}", "[E3034 #/DelaySeconds: 901 is not less or equal to 900]"},
		{"AWS::SQS::Queue", "{DelaySeconds: !Ref P, Tags: !If [C, [{Key: a, Value: b}], !Ref 'AWS::NoValue']}", "[]"},
		{"AWS::SQS::Queue", "{Arn: x}", "[E3040 Encountered unsupported property Arn]"},
		{"AWS::Lambda::Function", "{Code: {}}", "[E3003 #: required key [Role] not found]"},
		{"AWS::Lambda::Function", "{Role: !Ref R, Code: {ZipFile: x}, TracingConfig: {Mode: No}}", "[E3030 #/TracingConfig/Mode: false is not a valid enum value]"},
		{"AWS::Lambda::Function", "{Role: 'arn:aws:iam::012345678901:role/x', Code: {ZipFile: x}, Runtime: python3.12, Handler: a.b}", "[]"},
	} {
		ty, ok := Find(c.ty)
		if !ok {
			t.Fatal(c.ty)
		}
		var got []string
		for _, p := range ty.Validate(value(t, c.in), Options{}) {
			got = append(got, p.Rule+" "+p.AWS)
		}
		if s := fmt.Sprint(got); s != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.ty, c.in, s, c.want)
		}
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ ty, a, b, want string }{
		{"AWS::SQS::Queue", "{QueueName: a, DelaySeconds: 1}", "{QueueName: a, DelaySeconds: '1'}", "[]"},
		{"AWS::SQS::Queue", "{QueueName: a, DelaySeconds: 1}", "{QueueName: b, DelaySeconds: 2}", "[QueueName:Always DelaySeconds:Never]"},
		{"AWS::SQS::Queue", "{Tags: [{Key: a, Value: '1'}, {Key: b, Value: '2'}]}", "{Tags: [{Key: b, Value: '2'}, {Key: a, Value: '1'}]}", "[]"},
		{"AWS::SQS::Queue", "{QueueName: a}", "{}", "[QueueName:Always]"},
		{"AWS::Lambda::Function", "{Code: {S3Key: a}, PackageType: Zip}", "{Code: {S3Key: b}, PackageType: Image}", "[Code/S3Key:Never PackageType:Always]"},
		{"AWS::DynamoDB::Table", "{TableName: a}", "{TableName: a, BillingMode: PAY_PER_REQUEST}", "[BillingMode:Never]"},
	} {
		ty, _ := Find(c.ty)
		got := []string{}
		for _, d := range ty.Diff(value(t, c.a), value(t, c.b)) {
			got = append(got, d.Path+":"+d.Replacement.String())
		}
		if s := fmt.Sprint(got); s != c.want {
			t.Errorf("%s: got %s, want %s", c.ty, s, c.want)
		}
	}
	q, _ := Find("AWS::SQS::Queue")
	d := q.Diff(value(t, "{QueueName: a}"), template.MapOf(template.E("QueueName", template.UnknownOf("X"))))
	if len(d) != 1 || !d[0].Dynamic || d[0].Replacement != Conditionally {
		t.Error(d)
	}
	if s := q.Coerce(value(t, "{DelaySeconds: '5', QueueName: 7, FifoQueue: 'true'}")).JSON(); s != `{"DelaySeconds":5,"QueueName":"7","FifoQueue":true}` {
		t.Error(s)
	}
}

func FuzzValidate(f *testing.F) {
	f.Add("AWS::S3::Bucket", "{BucketName: a, LifecycleConfiguration: {Rules: [{Status: Enabled}]}}")
	f.Add("AWS::WAFv2::WebACL", "{Rules: [{Statement: {NotStatement: {Statement: {}}}}]}")
	f.Fuzz(func(t *testing.T, name, text string) {
		ty, ok := Find(name)
		v, err := template.ParseValue([]byte("v: "+text), template.Limits{Bytes: 10_000})
		if !ok || err != nil {
			return
		}
		v = v.Get("v")
		ty.Validate(v, Options{})
		if d := ty.Diff(v, v); !v.Unknown() && len(d) > 0 {
			t.Fatalf("%s differs from itself: %v", text, d)
		}
		ty.Coerce(v)
	})
}

func BenchmarkFind(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Find("AWS::Lambda::Function")
	}
}

func BenchmarkValidate(b *testing.B) {
	ty, _ := Find("AWS::Lambda::Function")
	v := value(b, "{Role: !Ref R, Code: {ZipFile: x}, Runtime: python3.12, Handler: a.b, MemorySize: 256, Timeout: 30, Environment: {Variables: {AA: b, CC: d}}, Tags: [{Key: a, Value: b}]}")
	b.ReportAllocs()
	for b.Loop() {
		if len(ty.Validate(v, Options{})) > 0 {
			b.Fatal("problems")
		}
	}
}
