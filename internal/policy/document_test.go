package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"virga/internal/policy"
)

func TestNormal(t *testing.T) {
	for _, c := range []struct {
		kind       policy.Kind
		text, want string
	}{
		{policy.Resource, `{"Statement":{"Action":["b:c","a:b","a:b"],"Resource":["*"],"Principal":{"AWS":["111111111111"],"Service":[]},"Effect":"Allow","Sid":""},"Version":"2012-10-17"}`,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["a:b","b:c"],"Resource":"*"}]}`},
		{policy.Identity, `{"Statement":[{"Effect":"Deny","NotAction":"a:b","NotResource":"*","Condition":{"StringLike":{"k":["<b>","a"]},"Bool":{"x":true,"a":"false"},"Null":{}}}]}`,
			`{"Statement":[{"Effect":"Deny","NotAction":"a:b","NotResource":"*","Condition":{"Bool":{"a":"false","x":"true"},"StringLike":{"k":["<b>","a"]}}}]}`},
	} {
		d, err := policy.Parse(c.kind, []byte(c.text), policy.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(d.Normal())); diff != "" {
			t.Error(diff)
		}
	}
}

// TestUniqueIDs: a trust policy is kept with the id of the role it names, so that a role made anew is another one.
func TestUniqueIDs(t *testing.T) {
	d, err := policy.Parse(policy.Trust, []byte(doc(st("Allow", `{"AWS":["`+roleA+`","`+away+`"]}`, "sts:AssumeRole", "", ""))), policy.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := d.MapPrincipals(func(s string) (string, error) { return strings.ReplaceAll(s, roleA, "AROAWORKERWORKERWORK"), nil })
	if err != nil {
		t.Fatal(err)
	}
	again := worker()
	again.ID = "AROAWORKERMADEANEW00:one"
	for _, c := range []struct {
		d    *policy.Document
		who  *policy.Principal
		want bool
	}{{d, worker(), true}, {d, again, true}, {kept, worker(), true}, {kept, again, false}} {
		s := policy.Set{Resource: []policy.Attached{{Policy: c.d.Compile()}}}
		r := &policy.Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::111111111111:role/other", Principal: c.who, ResourceMustGrant: true}
		if got := policy.Evaluate(&s, r); got.Allowed() != c.want || got.By != policy.RoleTrustPolicy {
			t.Errorf("%s by %s: %+v", c.who.ID, c.d.Normal(), got)
		}
	}
	no := errors.New("no such role")
	if _, err := d.MapPrincipals(func(string) (string, error) { return "", no }); !errors.Is(err, no) {
		t.Error(err)
	}
}

func TestContextKeys(t *testing.T) {
	d, err := policy.Parse(policy.Identity, []byte(doc(st("Allow", "", "a:b", "arn:aws:s3:::${aws:username}/${*}${aws:PrincipalTag/team, 'x'}", `{"StringEquals":{"AWS:UserName":"${s3:prefix}"},"Bool":{"aws:SecureTransport":"true"}}`))), policy.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"aws:username", "aws:PrincipalTag/team", "s3:prefix", "aws:SecureTransport"}, d.ContextKeys()); diff != "" {
		t.Error(diff)
	}
}

func TestPrincipalKeys(t *testing.T) {
	for _, c := range []struct {
		who  *policy.Principal
		want string
	}{
		{alice(), "aws:PrincipalType=User aws:username=alice aws:PrincipalIsAWSService=false aws:PrincipalArn=" + aliceA + " aws:PrincipalAccount=111111111111 aws:userid=AIDAALICEALICEALICE0"},
		{worker(), "aws:PrincipalType=AssumedRole aws:PrincipalIsAWSService=false aws:PrincipalArn=" + roleA + " aws:PrincipalAccount=111111111111 aws:userid=AROAWORKERWORKERWORK:one"},
		{root(home), "aws:PrincipalType=Account aws:PrincipalIsAWSService=false aws:PrincipalArn=arn:aws:iam::111111111111:root aws:PrincipalAccount=111111111111 aws:userid=111111111111"},
		{&policy.Principal{Type: policy.Service, Service: "sns.amazonaws.com"}, "aws:PrincipalServiceName=sns.amazonaws.com aws:PrincipalServiceNamesList=sns.amazonaws.com aws:PrincipalIsAWSService=true"},
		{&policy.Principal{}, "aws:PrincipalType=Anonymous"},
	} {
		var l []string
		for _, k := range policy.PrincipalKeys(c.who) {
			l = append(l, k.Name+"="+strings.Join(k.Values, ","))
		}
		if diff := cmp.Diff(c.want, strings.Join(l, " ")); diff != "" {
			t.Error(diff)
		}
	}
}
