package arn

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, kind, id string }{
		{"arn:aws:sqs:us-east-1:123456789012:orders", "", "orders"},
		{"arn:aws:lambda:eu-central-1:123456789012:function:f:1", "function", "f:1"},
		{"arn:aws:iam::123456789012:role/service-role/r", "role", "service-role/r"},
		{"arn:aws:iam::aws:policy/AdministratorAccess", "policy", "AdministratorAccess"},
		{"arn:aws:s3:::bucket/key:with/all", "bucket", "key:with/all"},
		{"arn:aws-us-gov:states:us-gov-west-1:123456789012:express:m:e:1", "express", "m:e:1"},
		{"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f:*", "log-group", "/aws/lambda/f:*"},
		{"arn:aws:apigateway:us-east-1::/restapis/x", "", "restapis/x"},
	} {
		a, err := Parse(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if kind, id := a.Split(); a.String() != c.in || kind != c.kind || id != c.id {
			t.Errorf("%s: %s %q %q", c.in, a, kind, id)
		}
		var b ARN
		if text, _ := a.MarshalText(); b.UnmarshalText(text) != nil || a != b {
			t.Error(c.in, "through text:", b)
		}
	}
	for _, bad := range []string{"", "arn", "arn:aws:sqs:us-east-1:123456789012", "arn:aws:sqs:us-east-1:123456789012:", "arn:gcp:sqs:::x",
		"arn:aws::us-east-1:123456789012:x", "arn:aws:sqs:us-east-1:12345:x", "arn:aws:sqs:US:123456789012:x", "arn:aws:sqs:us-east-1:123456789012:a\nb",
		"ARN:aws:sqs:us-east-1:123456789012:x", "arn:aws:sqs:us-east-1:123456789012:" + strings.Repeat("x", MaxBytes)} {
		if a, err := Parse(bad); err == nil {
			t.Errorf("%q was read as %v", bad, a)
		}
	}
}

func TestAccountID(t *testing.T) {
	if a, err := ParseAccountID("000000000000"); err != nil || a != "000000000000" {
		t.Fatal(a, err)
	}
	for _, bad := range []string{"", "12345678901", "1234567890123", "12345678901a", "１２３４"} {
		if _, err := ParseAccountID(bad); err == nil {
			t.Error(bad)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, c := range []struct {
		n         Noun
		good, bad []string
	}{
		{SQSQueue, []string{"a", "a.fifo", strings.Repeat("q", 80)}, []string{"", "a.b", ".fifo", strings.Repeat("q", 81), strings.Repeat("q", 76) + ".fifo", "a b", "é"}},
		{SNSTopic, []string{"t.fifo"}, []string{"t.x"}},
		{LambdaFunction, []string{"f_-9"}, []string{"f.1", strings.Repeat("f", 65)}},
		{LambdaAlias, []string{"v1"}, []string{"12"}},
		{DynamoDBTable, []string{"a.b"}, []string{"ab", "a/b"}},
		{S3Bucket, []string{"my-bucket", "a.b.c", "1bc"}, []string{"Bad_Name", "ab", "-abc", "abc-", "a..b", "192.168.1.1", "xn--a", "sthree-x", "a-s3alias", "a--ol-s3", "abc.", "a_b"}},
		{EventsRule, []string{"r.1"}, []string{"r/1"}},
		{StatesExecution, []string{"e-1"}, []string{"e:1", "e 1"}},
		{LogsGroup, []string{"/aws/lambda/f", "a#1"}, []string{"a:b"}},
		{LogsStream, []string{"2026/01/01/[$LATEST]abc"}, []string{"a:b", "*"}},
		{IAMRole, []string{"r+=,.@-"}, []string{"r/1", strings.Repeat("r", 65)}},
		{STSSession, []string{"ab"}, []string{"a"}},
		{KMSAlias, []string{"alias/x"}, []string{"x", "alias/"}},
		{SSMParameter, []string{"/a/b", "plain"}, []string{"a/b", "/aws/x", "ssm1", "/a//b", strings.Repeat("/a", 16)}},
		{CloudFormationStack, []string{"S-1"}, []string{"1s", "a_b"}},
		{CloudWatchAlarm, []string{"CPU > 80 %"}, []string{"a\nb"}},
		{ECRRepository, []string{"team/app"}, []string{"Team/app", "a//b", "-a"}},
		{Noun(0), nil, []string{"x"}},
	} {
		for _, s := range c.good {
			if err := CheckName(c.n, s); err != nil {
				t.Error(err)
			}
		}
		for _, s := range c.bad {
			if CheckName(c.n, s) == nil {
				t.Errorf("%s %q was taken", c.n, s)
			}
		}
	}
	for n := Noun(1); n < nounEnd; n++ {
		if n.String() == "" || CheckName(n, "") == nil || CheckName(n, strings.Repeat("a", 3000)) == nil {
			t.Errorf("noun %d has no rule", n)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("arn:aws:sqs:us-east-1:123456789012:orders")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := Parse(s); err == nil && a.String() != s {
			t.Fatal(a)
		}
		for n := Noun(0); n <= nounEnd; n++ {
			CheckName(n, s)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("arn:aws:lambda:eu-central-1:123456789012:function:f:1"); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleParse() {
	a, err := Parse("arn:aws:lambda:eu-central-1:123456789012:function:thumbs:live")
	kind, id := a.Split()
	fmt.Println(a.Service, a.Region, a.Account, kind, id, err)
	// Output: lambda eu-central-1 123456789012 function thumbs:live <nil>
}
