package policy_test

import (
	"testing"

	"virga/internal/policy"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		wrap(okHead), doc(st("Allow", `"*"`, "sqs:*", "*", "")), doc(st("Deny", `{"AWS":["123456789012"],"Service":"s3.amazonaws.com"}`, "sts:AssumeRole", "", `{"Bool":{"a":true}}`)),
		twenty(true), `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"*"},"NotAction":["a:b"],"NotResource":["arn:aws:s3:::${a, 'b'}"],"Condition":{"ForAllValues:ArnLikeIfExists":{"aws:SourceArn":["arn:*:*:*:*:*"]}}}]}`,
	} {
		for k := range 7 {
			f.Add(s, k)
		}
	}
	ctx := policy.Keys{{Name: "a", Values: []string{"2020-01-01", "1.5", "10.0.0.1"}}}
	f.Fuzz(func(t *testing.T, text string, k int) {
		kind := policy.Kind(uint(k) % 7)
		d, err := policy.Parse(kind, []byte(text), policy.Limits{Bytes: 8192})
		if err != nil {
			return
		}
		normal := d.Normal()
		again, err := policy.Parse(kind, normal, policy.Limits{})
		if err != nil || !policy.Equivalent(d, again) {
			t.Fatalf("%s\nbecame %s: %v", text, normal, err)
		}
		a := policy.Attached{Policy: d.Compile()}
		s := policy.Set{Identity: []policy.Attached{a}, Resource: []policy.Attached{a}, Boundary: &a, Session: []policy.Attached{a}, ServiceControl: [][]policy.Attached{{a}}}
		for _, p := range []*policy.Principal{alice(), worker(), root(home), {Type: policy.Service, Service: "s3.amazonaws.com"}, {}} {
			r := &policy.Request{Action: send, Resource: queue, Principal: p, Context: ctx}
			dec := policy.Evaluate(&s, r)
			if dec.Message(r) == "" != dec.Allowed() {
				t.Fatalf("%+v", dec)
			}
		}
	})
}
