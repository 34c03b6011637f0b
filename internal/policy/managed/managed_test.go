package managed_test

import (
	"strings"
	"testing"

	"virga/internal/policy"
	"virga/internal/policy/managed"
)

// TestEveryPolicy: every document is one that IAM would take, and can be compiled.
func TestEveryPolicy(t *testing.T) {
	n, statements, bytes, last := 0, 0, 0, ""
	for p, doc := range managed.Documents() {
		d, err := policy.Parse(policy.Managed, []byte(doc), policy.Limits{})
		if err != nil {
			t.Errorf("%s: %v %+v", p.Name, err, err)
			continue
		}
		statements += d.Compile().Len()
		n++
		bytes += len(doc)
		if p.Name <= last {
			t.Errorf("%s after %s", p.Name, last)
		}
		last = p.Name
		if q, ok := managed.Find(p.ARN()); !ok || q != p {
			t.Errorf("%s: found %+v", p.ARN(), q)
		}
		if p.Version == "" || p.Version[0] != 'v' || p.Created.Year() < 2010 || !strings.HasPrefix(p.Path, "/") || p.Updated.Before(p.Created) {
			t.Errorf("%+v", p)
		}
	}
	if n != managed.Len() || n < 1500 {
		t.Errorf("%d of %d policies", n, managed.Len())
	}
	t.Logf("%d policies, %d statements, %d bytes of documents", n, statements, bytes)
}

func TestFind(t *testing.T) {
	p, ok := managed.Find("arn:aws:iam::aws:policy/AdministratorAccess")
	if !ok || p.Document() != `{"Statement":[{"Action":"*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}` {
		t.Error(ok, p)
	}
	if _, ok := managed.Find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"); !ok {
		t.Error("AWSLambdaBasicExecutionRole is not there")
	}
	for _, arn := range []string{"", "arn:aws:iam::aws:policy", "arn:aws:iam::aws:policy/", "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole",
		"arn:aws:iam::aws:policy/zzz", "arn:aws:iam::111111111111:policy/AdministratorAccess"} {
		if p, ok := managed.Find(arn); ok {
			t.Errorf("%s is %+v", arn, p)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		managed.Find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
	}
}

func BenchmarkDocument(b *testing.B) {
	p, _ := managed.Find("arn:aws:iam::aws:policy/ReadOnlyAccess")
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Document()
	}
}

// BenchmarkReadOnly decides by the largest document.
func BenchmarkReadOnly(b *testing.B) {
	p, _ := managed.Find("arn:aws:iam::aws:policy/ReadOnlyAccess")
	d, err := policy.Parse(policy.Managed, []byte(p.Document()), policy.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	s := policy.Set{Identity: []policy.Attached{{Name: p.ARN(), Policy: d.Compile()}}}
	r := &policy.Request{Action: "ec2:DescribeInstances", Resource: "*", Principal: &policy.Principal{Type: policy.User, Account: "111111111111"}}
	if !policy.Evaluate(&s, r).Allowed() {
		b.Fatal("denied")
	}
	b.ReportAllocs()
	for b.Loop() {
		policy.Evaluate(&s, r)
	}
}
