package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"virga/internal/policy"
)

func compile(t testing.TB, kind policy.Kind, doc string) *policy.Compiled {
	t.Helper()
	d, err := policy.Parse(kind, []byte(doc), policy.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return d.Compile()
}

// st makes a statement: effect, principal ("" for none), action, resource, condition ("" for none).
func st(effect, principal, action, resource, cond string) string {
	s := `{"Effect":"` + effect + `"`
	if principal != "" {
		s += `,"Principal":` + principal
	}
	s += `,"Action":"` + action + `"`
	if resource != "" {
		s += `,"Resource":"` + resource + `"`
	}
	if cond != "" {
		s += `,"Condition":` + cond
	}
	return s + "}"
}

func doc(sts ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(sts, ",") + `]}`
}

const (
	home   = "111111111111"
	away   = "222222222222"
	queue  = "arn:aws:sqs:eu-west-1:111111111111:q"
	send   = "sqs:SendMessage"
	aliceA = "arn:aws:iam::111111111111:user/alice"
	roleA  = "arn:aws:iam::111111111111:role/app/worker"
	sessA  = "arn:aws:sts::111111111111:assumed-role/worker/one"
)

func alice() *policy.Principal {
	return &policy.Principal{Type: policy.User, ARN: aliceA, ID: "AIDAALICEALICEALICE0", Account: home}
}

func worker() *policy.Principal {
	return &policy.Principal{Type: policy.AssumedRole, ARN: sessA, Issuer: roleA, ID: "AROAWORKERWORKERWORK:one", Account: home}
}

func root(account string) *policy.Principal {
	return &policy.Principal{Type: policy.Root, ARN: "arn:aws:iam::" + account + ":root", ID: account, Account: account}
}

// TestEvaluation holds the guide's rules of how kinds of policies meet, a line each.
func TestEvaluation(t *testing.T) {
	idAllow := doc(st("Allow", "", "sqs:*", "*", ""))
	idDeny := doc(st("Deny", "", "sqs:*", "*", ""))
	other := doc(st("Allow", "", "s3:*", "*", ""))
	to := func(principal string) string { return doc(st("Allow", principal, "sqs:*", "*", "")) }
	aws := func(s string) string { return `{"AWS":"` + s + `"}` }
	type in struct {
		who                       *policy.Principal
		id, res, bound, sess, scp string
		must                      bool
	}
	foreign := alice()
	foreign.Account, foreign.ARN = away, "arn:aws:iam::222222222222:user/alice"
	fed := &policy.Principal{Type: policy.FederatedUser, ARN: "arn:aws:sts::111111111111:federated-user/bob", Issuer: aliceA, ID: home + ":bob", Account: home}
	sns := &policy.Principal{Type: policy.Service, Service: "sns.amazonaws.com"}
	anon := &policy.Principal{Type: policy.Anonymous}
	linked := worker()
	linked.ServiceLinked = true
	for _, c := range []struct {
		name string
		in   in
		want policy.Verdict
		by   policy.Source
	}{
		{"nothing allows", in{who: alice()}, policy.ImplicitDeny, policy.IdentityPolicy},
		{"identity allows", in{who: alice(), id: idAllow}, policy.Allowed, policy.IdentityPolicy},
		{"identity allows something else", in{who: alice(), id: other}, policy.ImplicitDeny, policy.IdentityPolicy},
		{"identity denies", in{who: alice(), id: idDeny, res: to(aws(aliceA))}, policy.ExplicitDeny, policy.IdentityPolicy},
		{"root needs nothing", in{who: root(home)}, policy.Allowed, policy.NoPolicy},
		{"root is denied by the resource", in{who: root(home), res: doc(st("Deny", `"*"`, "*", "*", ""))}, policy.ExplicitDeny, policy.ResourcePolicy},
		{"root under a control policy", in{who: root(home), scp: other}, policy.ImplicitDeny, policy.ServiceControlPolicy},
		{"root where the resource must grant", in{who: root(home), must: true}, policy.ImplicitDeny, policy.ResourcePolicy},
		{"root granted where it must", in{who: root(home), res: to(aws(home)), must: true}, policy.Allowed, policy.ResourcePolicy},
		{"foreign root without a grant", in{who: root(away)}, policy.ImplicitDeny, policy.ResourcePolicy},
		{"foreign root with a grant", in{who: root(away), res: to(aws(away))}, policy.Allowed, policy.NoPolicy},

		{"resource names the user", in{who: alice(), res: to(aws(aliceA))}, policy.Allowed, policy.ResourcePolicy},
		{"resource names the user's id", in{who: alice(), res: to(aws("AIDAALICEALICEALICE0"))}, policy.Allowed, policy.ResourcePolicy},
		{"resource names another id", in{who: alice(), res: to(aws("AIDAALICEALICEALICE1"))}, policy.ImplicitDeny, policy.IdentityPolicy},
		{"a user's grant passes the boundary", in{who: alice(), res: to(aws(aliceA)), bound: other}, policy.Allowed, policy.ResourcePolicy},
		{"resource names everyone", in{who: alice(), res: to(`"*"`)}, policy.Allowed, policy.ResourcePolicy},
		{"resource names the account: not enough", in{who: alice(), res: to(aws(home))}, policy.ImplicitDeny, policy.IdentityPolicy},
		{"resource names the account, identity allows", in{who: alice(), id: idAllow, res: to(aws("arn:aws:iam::111111111111:root")), must: true}, policy.Allowed, policy.IdentityPolicy},
		{"resource must grant and names nobody", in{who: alice(), id: idAllow, must: true}, policy.ImplicitDeny, policy.ResourcePolicy},

		{"boundary allows nothing", in{who: alice(), id: idAllow, bound: other}, policy.ImplicitDeny, policy.PermissionsBoundary},
		{"boundary grants nothing", in{who: alice(), bound: idAllow}, policy.ImplicitDeny, policy.IdentityPolicy},
		{"boundary denies", in{who: alice(), id: idAllow, bound: idDeny}, policy.ExplicitDeny, policy.PermissionsBoundary},
		{"session shrinks", in{who: worker(), id: idAllow, sess: other}, policy.ImplicitDeny, policy.SessionPolicy},
		{"session grants nothing", in{who: worker(), sess: idAllow}, policy.ImplicitDeny, policy.IdentityPolicy},
		{"session and role", in{who: worker(), id: idAllow, sess: idAllow}, policy.Allowed, policy.IdentityPolicy},

		{"resource names the role", in{who: worker(), res: to(aws(roleA))}, policy.Allowed, policy.ResourcePolicy},
		{"resource names the role's id", in{who: worker(), res: to(aws("AROAWORKERWORKERWORK"))}, policy.Allowed, policy.ResourcePolicy},
		{"a role's grant stops at the boundary", in{who: worker(), res: to(aws(roleA)), bound: other}, policy.ImplicitDeny, policy.PermissionsBoundary},
		{"a role's grant stops at the session", in{who: worker(), res: to(aws(roleA)), sess: other}, policy.ImplicitDeny, policy.SessionPolicy},
		{"a session's grant passes both", in{who: worker(), res: to(aws(sessA)), bound: other, sess: other}, policy.Allowed, policy.ResourcePolicy},
		{"everyone is the role, not the session", in{who: worker(), res: to(`"*"`), sess: other}, policy.ImplicitDeny, policy.SessionPolicy},
		{"another session", in{who: worker(), res: to(aws("arn:aws:sts::111111111111:assumed-role/worker/two"))}, policy.ImplicitDeny, policy.IdentityPolicy},
		{"federated user by its session", in{who: fed, res: to(aws("arn:aws:sts::111111111111:federated-user/bob")), sess: other}, policy.Allowed, policy.ResourcePolicy},
		{"federated user by its user", in{who: fed, res: to(aws(aliceA)), sess: other}, policy.ImplicitDeny, policy.SessionPolicy},

		{"across accounts: identity alone", in{who: foreign, id: idAllow}, policy.ImplicitDeny, policy.ResourcePolicy},
		{"across accounts: resource alone", in{who: foreign, res: to(aws(foreign.ARN))}, policy.ImplicitDeny, policy.IdentityPolicy},
		{"across accounts: both", in{who: foreign, id: idAllow, res: to(aws(away))}, policy.Allowed, policy.IdentityPolicy},
		{"across accounts: boundary", in{who: foreign, id: idAllow, res: to(aws(away)), bound: other}, policy.ImplicitDeny, policy.PermissionsBoundary},

		{"control policy allows nothing", in{who: alice(), id: idAllow, scp: other}, policy.ImplicitDeny, policy.ServiceControlPolicy},
		{"control policy denies", in{who: alice(), id: idAllow, scp: idDeny}, policy.ExplicitDeny, policy.ServiceControlPolicy},
		{"control policy limits a grant of the resource", in{who: alice(), res: to(aws(aliceA)), scp: other}, policy.ImplicitDeny, policy.ServiceControlPolicy},
		{"control policy and a service-linked role", in{who: linked, id: idAllow, scp: idDeny}, policy.Allowed, policy.IdentityPolicy},
		{"control policy and a service", in{who: sns, res: to(`{"Service":"sns.amazonaws.com"}`), scp: idDeny}, policy.Allowed, policy.ResourcePolicy},

		{"service without a grant", in{who: sns}, policy.ImplicitDeny, policy.ResourcePolicy},
		{"another service", in{who: sns, res: to(`{"Service":"s3.amazonaws.com"}`)}, policy.ImplicitDeny, policy.ResourcePolicy},
		{"anonymous", in{who: anon}, policy.ImplicitDeny, policy.ResourcePolicy},
		{"anonymous and everyone", in{who: anon, res: to(`{"AWS":"*"}`)}, policy.Allowed, policy.ResourcePolicy},
		{"anonymous and an account", in{who: anon, res: to(aws(home))}, policy.ImplicitDeny, policy.ResourcePolicy},
		{"no account at all", in{who: &policy.Principal{Type: policy.User}, id: idAllow}, policy.ImplicitDeny, policy.IdentityPolicy},
	} {
		var s policy.Set
		one := func(kind policy.Kind, d string) []policy.Attached {
			if d == "" {
				return nil
			}
			return []policy.Attached{{Name: "p", Policy: compile(t, kind, d)}}
		}
		s.Identity, s.Resource, s.Session = one(policy.Identity, c.in.id), one(policy.Resource, c.in.res), one(policy.Session, c.in.sess)
		if b := one(policy.Managed, c.in.bound); b != nil {
			s.Boundary = &b[0]
		}
		if p := one(policy.ServiceControl, c.in.scp); p != nil {
			s.ServiceControl = [][]policy.Attached{p}
		}
		r := &policy.Request{Action: send, Resource: queue, Principal: c.in.who, ResourceMustGrant: c.in.must}
		d := policy.Evaluate(&s, r)
		if d.Verdict != c.want || d.By != c.by {
			t.Errorf("%s: %v by %v, want %v by %v", c.name, d.Verdict, d.By, c.want, c.by)
		}
		if d.Verdict == policy.ImplicitDeny {
			if _, into, ok := d.Remedy(r); !ok || into != c.by {
				t.Errorf("%s: no remedy", c.name)
			}
		}
	}
}

func TestNotPrincipal(t *testing.T) {
	deny := func(l string) policy.Set {
		return policy.Set{
			Identity: []policy.Attached{{Policy: compile(t, policy.Identity, doc(st("Allow", "", "*", "*", "")))}},
			Resource: []policy.Attached{{Policy: compile(t, policy.Resource, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotPrincipal":{"AWS":[`+l+`]},"Action":"*","Resource":"*"}}`)}},
		}
	}
	for _, c := range []struct {
		who  *policy.Principal
		list string
		want policy.Verdict
	}{
		{alice(), `"` + aliceA + `","111111111111"`, policy.Allowed},
		{alice(), `"` + aliceA + `"`, policy.ExplicitDeny}, // the account is not named
		{alice(), `"111111111111"`, policy.ExplicitDeny},
		{worker(), `"` + roleA + `","` + sessA + `","111111111111"`, policy.Allowed},
		{worker(), `"` + roleA + `","111111111111"`, policy.ExplicitDeny},
		{root(home), `"111111111111"`, policy.Allowed},
	} {
		s := deny(c.list)
		if d := policy.Evaluate(&s, &policy.Request{Action: send, Resource: queue, Principal: c.who}); d.Verdict != c.want {
			t.Errorf("%s, not %s: %v", c.who.ARN, c.list, d.Verdict)
		}
	}
}

// TestConditions: operator, policy's values, the request's values ("-" is a key that is absent), outcome.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		op, policy, request string
		want                bool
	}{
		{"StringEquals", `["a","b"]`, "b", true},
		{"StringEquals", `"a"`, "A", false},
		{"StringEquals", `"a*"`, "ab", false},
		{"StringEquals", `"a"`, "-", false},
		{"StringEquals", `[]`, "a", false},
		{"StringNotEquals", `["a","b"]`, "b", false},
		{"StringNotEquals", `["a","b"]`, "c", true},
		{"StringNotEquals", `"a"`, "-", true},
		{"StringEqualsIfExists", `"a"`, "-", true},
		{"StringEqualsIfExists", `"a"`, "b", false},
		{"StringEqualsIgnoreCase", `"aB"`, "Ab", true},
		{"StringNotEqualsIgnoreCase", `"aB"`, "Ab", false},
		{"StringLike", `"a*c?"`, "abbbcd", true},
		{"StringLike", `"a*c?"`, "abbbc", false},
		{"StringLike", `"?"`, "é", true},
		{"StringNotLike", `"a*"`, "abc", false},
		{"StringLike", `"${*}${?}${$}"`, "*?$", true},
		{"StringLike", `"${*}"`, "x", false},
		{"StringEquals", `"${aws:username}"`, "alice", true},
		{"StringEquals", `"${AWS:UserName}"`, "bob", false},
		{"StringLike", `"home/${aws:username}/*"`, "home/alice/x", true},
		{"StringLike", `"${evil}"`, "anything", false}, // the value is *
		{"StringLike", `"${evil}"`, "*", true},
		{"StringEquals", `"${none, 'team a'}"`, "team a", true},
		{"StringEquals", `"${none}"`, "", false},
		{"StringNotEquals", `"${none}"`, "x", true},
		{"StringEquals", `"${many}"`, "x", false},
		{"StringEquals", `"${"`, "${", true},
		{"NumericEquals", `"10"`, "10.0", true},
		{"NumericNotEquals", `"10"`, "10.0", false},
		{"NumericLessThan", `10`, "9.5", true},
		{"NumericLessThanEquals", `"9007199254740993"`, "9007199254740993", true},
		{"NumericLessThan", `"9007199254740993"`, "9007199254740992", true},
		{"NumericGreaterThan", `"1"`, "x", false},
		{"NumericGreaterThanEquals", `"1"`, "1", true},
		{"NumericEquals", `"0x10"`, "16", false},
		{"DateGreaterThan", `"2019-07-01T00:00:00Z"`, "2019-07-01T00:00:01Z", true},
		{"DateLessThan", `"2019-07-01T02:00:00+02:00"`, "2019-06-30T23:59:59.9Z", true},
		{"DateEquals", `"2019-07-01"`, "1561939200", true},
		{"DateNotEquals", `"2019-07-01"`, "1561939200", false},
		{"DateLessThanEquals", `"1561939200"`, "2019-07-01T00:00:00Z", true},
		{"DateGreaterThanEquals", `"2020"`, "2019-12-31T23:59:59Z", false},
		{"Bool", `true`, "True", true},
		{"Bool", `"false"`, "true", false},
		{"Bool", `"true"`, "-", false},
		{"BoolIfExists", `"false"`, "-", true},
		{"BinaryEquals", `"QmluYXJ5"`, "QmluYXJ5", true},
		{"BinaryEquals", `"QmluYXJ5"`, "Qmlu", false},
		{"IpAddress", `["203.0.113.0/24","2001:DB8:1234:5678::/64"]`, "203.0.113.7", true},
		{"IpAddress", `"203.0.113.0/24"`, "203.0.114.7", false},
		{"IpAddress", `"203.0.113.7"`, "::ffff:203.0.113.7", true},
		{"IpAddress", `"2001:DB8:1234:5678::/64"`, "2001:db8:1234:5678::1", true},
		{"NotIpAddress", `"203.0.113.0/24"`, "203.0.113.7", false},
		{"NotIpAddress", `"203.0.113.0/24"`, "-", true},
		{"ArnEquals", `"arn:aws:sns:*:111111111111:t*"`, "arn:aws:sns:eu-west-1:111111111111:topic", true},
		{"ArnLike", `"arn:aws:sns:*:topic"`, "arn:aws:sns:eu-west-1:111111111111:topic", false}, // * spans no colon
		{"ArnLike", `"arn:aws:s3:::b/*"`, "arn:aws:s3:::b/a:b/c", true},
		{"ArnNotLike", `"arn:aws:s3:::b"`, "arn:aws:s3:::c", true},
		{"ArnNotEquals", `"arn:aws:s3:::b"`, "arn:aws:s3:::b", false},
		{"ArnLike", `"arn:aws:iam::*:user/${aws:username}"`, "arn:aws:iam::111111111111:user/alice", true},
		{"Null", `"true"`, "-", true},
		{"Null", `"true"`, "x", false},
		{"Null", `"false"`, "x", true},
		{"Null", `false`, "-", false},
		{"ForAllValues:StringEquals", `["a","b"]`, "a,b", true},
		{"ForAllValues:StringEquals", `["a","b"]`, "a,c", false},
		{"ForAllValues:StringEquals", `["a","b"]`, "-", true},
		{"ForAllValues:StringNotEquals", `["a","b"]`, "c,d", true},
		{"ForAllValues:StringNotEquals", `["a","b"]`, "c,a", false},
		{"ForAnyValue:StringEquals", `["a","b"]`, "c,a", true},
		{"ForAnyValue:StringEquals", `["a","b"]`, "c,d", false},
		{"ForAnyValue:StringEquals", `"a"`, "-", false},
		{"ForAnyValue:StringNotEquals", `"a"`, "a,c", true},
		{"ForAnyValue:StringNotEquals", `"a"`, "a", false},
		{"ForAnyValue:StringEqualsIfExists", `"a"`, "-", true},
		{"ForAnyValue:StringLike", `"o-a/*"`, "x,o-a/b", true},
	} {
		p := compile(t, policy.Identity, doc(st("Allow", "", "*", "*", `{"`+c.op+`":{"test:Key":`+c.policy+`}}`)))
		ctx := policy.Keys{{Name: "aws:username", Values: []string{"alice"}}, {Name: "evil", Values: []string{"*"}}, {Name: "many", Values: []string{"x", "y"}}}
		if c.request != "-" {
			ctx = append(ctx, policy.Key{Name: "TEST:key", Values: strings.Split(c.request, ",")})
		}
		s := policy.Set{Identity: []policy.Attached{{Policy: p}}}
		if got := policy.Evaluate(&s, &policy.Request{Action: send, Resource: queue, Principal: alice(), Context: ctx}).Allowed(); got != c.want {
			t.Errorf("%s %s of %q: %v", c.op, c.policy, c.request, got)
		}
	}
}

// TestMatching: action and resource of a statement against those of a request.
func TestMatching(t *testing.T) {
	for _, c := range []struct {
		statement, action, resource string
		want                        bool
	}{
		{`"Action":"SQS:sendmessage","Resource":"*"`, send, queue, true},
		{`"Action":"sqs:Send*","Resource":"*"`, send, queue, true},
		{`"Action":"sqs:Send?essage","Resource":"*"`, "SQS:SENDMESSAGE", queue, true},
		{`"Action":["s3:*","sqs:Receive*"],"Resource":"*"`, send, queue, false},
		{`"NotAction":"s3:*","Resource":"*"`, send, queue, true},
		{`"NotAction":["sqs:*","s3:*"],"Resource":"*"`, send, queue, false},
		{`"Action":"*","Resource":"arn:aws:sqs:*:*:q"`, send, queue, true},
		{`"Action":"*","Resource":"arn:aws:sqs:*:*:p"`, send, queue, false},
		{`"Action":"*","Resource":"arn:aws:sqs"`, send, queue, true}, // completed with wildcards
		{`"Action":"*","Resource":"arn:aws:sns"`, send, queue, false},
		{`"Action":"*","NotResource":"arn:aws:sqs:*:*:p"`, send, queue, true},
		{`"Action":"*","NotResource":["arn:aws:sqs:*:*:p","arn:aws:sqs:*:*:q"]`, send, queue, false},
		{`"Action":"*","Resource":"arn:aws:sqs:*:*:Q"`, send, queue, false},
		{`"Action":"*","Resource":"arn:aws:s3:::b"`, "s3:ListAllMyBuckets", "*", false},
		{`"Action":"*","Resource":"arn:aws:s3:::b/${aws:username}/*"`, "s3:GetObject", "arn:aws:s3:::b/alice/x", true},
		{`"Action":"*","Resource":"arn:aws:s3:::b/${aws:username}/*"`, "s3:GetObject", "arn:aws:s3:::b/bob/x", false},
		{`"Action":"*","Resource":"arn:aws:s3:::b/${none}/*"`, "s3:GetObject", "arn:aws:s3:::b//x", false},
		{`"Action":"*","NotResource":"arn:aws:s3:::b/${none}/*"`, "s3:GetObject", "arn:aws:s3:::b/x", false},
		{`"Action":"*","Resource":"arn:aws:s3:::b/${evil}/k"`, "s3:GetObject", "arn:aws:s3:::b/x/k", false},
		{`"Action":"*","Resource":"arn:aws:s3:::b/*/test/*"`, "s3:GetObject", "arn:aws:s3:::b/1/2/test/3/object.jpg", true},
		{`"Action":"*","Resource":"arn:aws:s3:::b/*/test/*"`, "s3:GetObject", "arn:aws:s3:::b/1-test/object.jpg", false},
	} {
		ctx := policy.Keys{{Name: "aws:username", Values: []string{"alice"}}, {Name: "evil", Values: []string{"*"}}}
		s := policy.Set{Identity: []policy.Attached{{Policy: compile(t, policy.Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow",`+c.statement+`}}`)}}}
		p := alice()
		if got := policy.Evaluate(&s, &policy.Request{Action: c.action, Resource: c.resource, ResourceAccount: home, Principal: p, Context: ctx}).Allowed(); got != c.want {
			t.Errorf("%s, %s %s: %v", c.statement, c.action, c.resource, got)
		}
	}
	old := compile(t, policy.Identity, `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}}`)
	s := policy.Set{Identity: []policy.Attached{{Policy: old}}}
	for r, want := range map[string]bool{"arn:aws:s3:::alice": false, "arn:aws:s3:::${aws:username}": true} {
		if got := policy.Evaluate(&s, &policy.Request{Action: "s3:Get", Resource: r, Principal: alice(), Context: policy.PrincipalKeys(alice())}).Allowed(); got != want {
			t.Errorf("the language of 2008 and %s: %v", r, got)
		}
	}
}

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		d    policy.Decision
		want string
	}{
		{policy.Decision{By: policy.IdentityPolicy}, "because no identity-based policy allows the sqs:SendMessage action"},
		{policy.Decision{By: policy.ResourcePolicy}, "because no resource-based policy allows the sqs:SendMessage action"},
		{policy.Decision{By: policy.PermissionsBoundary}, "because no permissions boundary allows the sqs:SendMessage action"},
		{policy.Decision{By: policy.SessionPolicy}, "because no session policy allows the sqs:SendMessage action"},
		{policy.Decision{By: policy.ServiceControlPolicy}, "because no service control policy allows the sqs:SendMessage action"},
		{policy.Decision{By: policy.ResourceControlPolicy, Verdict: policy.ExplicitDeny}, "with an explicit deny in a resource control policy"},
		{policy.Decision{By: policy.IdentityPolicy, Verdict: policy.ExplicitDeny}, "with an explicit deny in an identity-based policy"},
		{policy.Decision{By: policy.PermissionsBoundary, Verdict: policy.ExplicitDeny, Policy: "arn:aws:iam::111111111111:policy/limit"},
			"with an explicit deny in a permissions boundary: arn:aws:iam::111111111111:policy/limit"},
		{policy.Decision{By: policy.IdentityPolicy, Verdict: policy.ExplicitDeny, Policy: "inline"}, "with an explicit deny in an identity-based policy"},
		{policy.Decision{By: policy.ResourcePolicy, Verdict: policy.ExplicitDeny}, "with an explicit deny in a resource-based policy"},
	} {
		want := "User: " + aliceA + " is not authorized to perform: sqs:SendMessage on resource: " + queue + " " + c.want
		if got := c.d.Message(&policy.Request{Action: send, Resource: queue, Principal: alice()}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	trust := policy.Decision{By: policy.RoleTrustPolicy}
	r := &policy.Request{Action: "sts:AssumeRole", Resource: roleA, Principal: alice()}
	if got, want := trust.Message(r), "User: "+aliceA+" is not authorized to perform: sts:AssumeRole because no role trust policy allows the sts:AssumeRole action"; got != want {
		t.Error(got)
	}
	if s, _, _ := trust.Remedy(r); s != `{"Effect":"Allow","Principal":{"AWS":"`+aliceA+`"},"Action":"sts:AssumeRole"}` {
		t.Error(s)
	}
}

// twenty is a policy of 20 statements of which the last decides.
func twenty(service bool) string {
	var l []string
	for i := range 19 {
		action := fmt.Sprintf("svc%d:Do*", i)
		if service {
			action = fmt.Sprintf("sqs:Send%d*", i)
		}
		l = append(l, st("Allow", "", action, fmt.Sprintf("arn:aws:sqs:*:111111111111:q%d-*", i), `{"StringEquals":{"aws:PrincipalTag/team":"a"}}`))
	}
	l = append(l, st("Allow", "", "sqs:SendMessage", "arn:aws:sqs:*:111111111111:${aws:username}-*", `{"StringLike":{"aws:username":"al*"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`))
	return doc(l...)
}

func BenchmarkEvaluate(b *testing.B) {
	ctx := policy.Keys{{Name: "aws:SourceIp", Values: []string{"10.1.2.3"}}, {Name: "aws:username", Values: []string{"alice"}}, {Name: "aws:PrincipalTag/team", Values: []string{"b"}}}
	for _, c := range []struct {
		name, doc string
	}{{"20 statements of 20 services", twenty(false)}, {"20 statements of one service", twenty(true)},
		{"20 statements that all concern the action", doc(append(strings.Split(strings.Repeat(st("Allow", "", "sqs:*", "arn:aws:sqs:*:*:alice-*", `{"StringEquals":{"aws:PrincipalTag/team":"a"}}`)+"\n", 19), "\n")[:19], st("Allow", "", "sqs:Send*", "*", ""))...)}} {
		b.Run(c.name, func(b *testing.B) {
			s := policy.Set{Identity: []policy.Attached{{Policy: compile(b, policy.Identity, c.doc)}}}
			r := &policy.Request{Action: send, Resource: "arn:aws:sqs:eu-west-1:111111111111:alice-queue", Principal: alice(), Context: ctx}
			if d := policy.Evaluate(&s, r); !d.Allowed() || d.Statement != 19 {
				b.Fatal(d)
			}
			b.ReportAllocs()
			for b.Loop() {
				policy.Evaluate(&s, r)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	d := []byte(twenty(true))
	b.SetBytes(int64(len(d)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := policy.Parse(policy.Identity, d, policy.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		p.Compile()
	}
}

func TestNoAllocation(t *testing.T) {
	s := policy.Set{Identity: []policy.Attached{{Policy: compile(t, policy.Identity, twenty(true))}}}
	r := &policy.Request{Action: send, Resource: "arn:aws:sqs:eu-west-1:111111111111:alice-queue", Principal: alice(),
		Context: policy.Keys{{Name: "aws:SourceIp", Values: []string{"10.1.2.3"}}, {Name: "aws:username", Values: []string{"alice"}}}}
	if n := testing.AllocsPerRun(100, func() { policy.Evaluate(&s, r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
