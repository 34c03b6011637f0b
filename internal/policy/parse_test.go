package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"virga/internal/policy"
)

// wrap makes a managed policy of a statement's members.
func wrap(members string) string {
	return `{"Version":"2012-10-17","Statement":{` + members + `}}`
}

const (
	syntax = "Syntax errors in policy."
	legacy = "The policy failed legacy parsing"
	vendor = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	okHead = `"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b"`
)

// TestRefusals holds what IAM is known to answer to wrong documents.
func TestRefusals(t *testing.T) {
	res := func(r string) string { return wrap(`"Effect":"Allow","Action":"s3:ListBucket","Resource":` + r) }
	act := func(a string) string { return wrap(`"Effect":"Allow","Action":` + a + `,"Resource":"*"`) }
	cond := func(c string) string { return wrap(okHead + `,"Condition":` + c) }
	for _, c := range []struct {
		kind policy.Kind
		doc  string
		want string
	}{
		{policy.Managed, `no json`, syntax},
		{policy.Managed, ``, syntax},
		{policy.Managed, `[]`, syntax},
		{policy.Managed, `{}`, syntax},
		{policy.Managed, `{"Version":"2012-10-17"}`, syntax},
		{policy.Managed, `{"Version":"2012-10-17","Statement":[]}`, syntax},
		{policy.Managed, `{"Version":"2012-10-17","Statement":null}`, syntax},
		{policy.Managed, `{"Version":"2012-10-17","Statement":["x"]}`, syntax},
		{policy.Managed, `{"Version":"2013-10-17","Statement":{` + okHead + `}}`, syntax},
		{policy.Managed, `{"Version":"2012-10-17","Extra":"","Statement":{` + okHead + `}}`, syntax},
		{policy.Managed, `{"Version":"2012-10-17","Id":{},"Statement":{` + okHead + `}}`, syntax},
		{policy.Managed, `{"Statement":{` + okHead + `}}`, "Policy document must be version 2012-10-17 or greater."},
		{policy.Managed, `{"Version":"2008-10-17","Statement":{` + okHead + `}}`, "Policy document must be version 2012-10-17 or greater."},
		{policy.Managed, `{"Version":"2012-10-17","Version":"2012-10-17","Statement":{` + okHead + `}}`, syntax},
		{policy.Managed, wrap(okHead + `,"Effect":"Deny"`), syntax},
		{policy.Managed, wrap(okHead + `,"Extra":1`), syntax},
		{policy.Managed, wrap(okHead + `,"Sid":[]`), syntax},
		{policy.Managed, wrap(`"Effect":"maybe","Action":"s3:ListBucket","Resource":"*"`), syntax},
		{policy.Managed, wrap(`"Action":"s3:ListBucket","Resource":"*"`), syntax},
		{policy.Managed, wrap(`"Effect":"denY","Action":"s3:ListBucket","Resource":"*"`), legacy},
		{policy.Managed, wrap(okHead + `,"NotAction":[]`), syntax},
		{policy.Managed, wrap(okHead + `,"NotResource":"*"`), syntax},
		{policy.Managed, wrap(`"Effect":"Allow","Resource":"*"`), "Policy statement must contain actions."},
		{policy.Managed, act(`[]`), "Policy statement must contain actions."},
		{policy.Managed, wrap(`"Effect":"Allow","Action":"wrong"`), "Policy statement must contain resources."},
		{policy.Managed, res(`[]`), "Policy statement must contain resources."},
		{policy.Managed, res(`[null]`), "Policy statement must contain resources."},
		{policy.Managed, act(`1`), syntax},
		{policy.Managed, act(`[[]]`), syntax},
		{policy.Managed, act(`"wrong"`), vendor},
		{policy.Managed, act(`""`), vendor},
		{policy.Managed, act(`":Get"`), "Vendor  is not valid"},
		{policy.Managed, act(`"a a:Get"`), "Vendor a a is not valid"},
		{policy.Managed, act(`"s3:Get:Object"`), "Actions/Condition can contain only one colon."},
		{policy.Managed, res(`"wrong"`), `Resource wrong must be in ARN format or "*".`},
		{policy.Managed, res(`""`), `Resource  must be in ARN format or "*".`},
		{policy.Managed, res(`"a:b"`), `Partition "b" is not valid for resource "arn:b:*:*:*:*".`},
		{policy.Managed, res(`"a:b:c"`), `Partition "b" is not valid for resource "arn:b:c:*:*:*".`},
		{policy.Managed, res(`"a:b:c:d:e:f:g"`), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g".`},
		{policy.Managed, res(`"aws:s3:::b"`), `Partition "s3" is not valid for resource "arn:s3:::b:*".`},
		{policy.Managed, res(`"s3::b/*"`), `Partition "" is not valid for resource "arn::b/*:*:*:*".`},
		{policy.Managed, res(`"arn:aws2:s3:::b/*"`), `Partition "aws2" is not valid for resource "arn:aws2:s3:::b/*".`},
		{policy.Managed, res(`"arn:aws"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{policy.Managed, res(`"arn:aws:s3::b"`), legacy},
		{policy.Managed, res(`"arn:aws::b"`), legacy},
		{policy.Managed, res(`"arn:aws::::b"`), legacy},
		{policy.Managed, res(`"arn:aws:iam:::b"`), `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`},
		{policy.Managed, res(`"arn:aws:iam:us-east-1::user/b"`), "IAM resource arn:aws:iam:us-east-1::user/b cannot contain region information."},
		{policy.Managed, res(`"arn:aws:s3:us-east-1::b"`), "Resource arn:aws:s3:us-east-1::b can not contain region information."},
		{policy.Managed, cond(`[]`), syntax},
		{policy.Managed, cond(`"x"`), syntax},
		{policy.Managed, cond(`{"x":{"a":"1"}}`), syntax},
		{policy.Managed, cond(`{"ForAnyValue::StringEquals":{"a":"1"}}`), syntax},
		{policy.Managed, cond(`{"DateLessThan":{"a":{}}}`), syntax},
		{policy.Managed, cond(`{"NullIfExists":{"a":"true"}}`), syntax},
		{policy.Managed, cond(`{"DateLessThan":{"a":"soon"}}`), legacy},
		{policy.Managed, cond(`{"DateLessThan":{"a":"9223372036854775808"}}`), legacy},
		{policy.Managed, cond(`{"DateLessThan":{"a":"234-13"}}`), legacy},
		{policy.Managed, `{"Version":"2012-10-17","Statement":[{"Sid":"a",` + okHead + `},{"Sid":"a",` + okHead + `}]}`, "Statement IDs (SID) in a single policy must be unique."},
		{policy.Managed, wrap(okHead + `,"Sid":"a_b"`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{policy.Identity, wrap(okHead + `,"Principal":"*"`), "Policy document should not specify a principal."},

		{policy.Trust, `{`, "This policy contains invalid Json"},
		{policy.Trust, `{"Version":"2012-10-17","Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		{policy.Trust, `{"Version":"2012-10-17"}`, "Missing required field Statement"},
		{policy.Trust, `{"Version":"x","Statement":[]}`, "The policy must contain a valid version string"},
		{policy.Trust, wrap(`"Effect":"Allow","Action":"sts:AssumeRole"`), "Missing required field Principal"},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{},"Action":"sts:AssumeRole"`), "Missing required field Principal cannot be empty!"},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"`), "Principal must be a JSON object."},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{"AWS":"bob"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "AWS":"bob"`},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/*"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/*"`},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{"Service":"lambda"},"Action":"sts:AssumeRole"`), `Invalid principal in policy: "SERVICE":"lambda"`},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"s3:Get"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"*"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole","Resource":"*"`), "Has prohibited field Resource"},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole","Foo":1`), "Unknown field Foo"},
		{policy.Trust, wrap(`"Effect":"allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"`), "Invalid effect: allow"},
		{policy.Trust, wrap(`"Effect":"Allow","NotPrincipal":{"AWS":"*"},"Action":"sts:AssumeRole"`), "Allow with NotPrincipal is not allowed."},
		{policy.Trust, wrap(`"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity"`), "A condition block must be present for the Cognito provider"},
		{policy.Resource, wrap(`"Effect":"Allow","Principal":"*","Action":"s3:Get*"`), "Missing required field Resource"},
		{policy.ServiceControl, wrap(`"Effect":"Allow","Principal":"*","Action":"s3:Get*","Resource":"*"`), "The provided policy document does not meet the requirements of the specified policy type."},
	} {
		_, err := policy.Parse(c.kind, []byte(c.doc), policy.Limits{})
		var e *policy.Error
		if !errors.As(err, &e) || e.Message != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.doc, err, c.want)
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, s := range []string{
		okHead,
		`"Effect":"Allow","Action":"*","Resource":["arn:aws:s3:::b","*"]`,
		`"Effect":"Allow","Action":"s3.x-y:Get Object ","Resource":"arn:aws:fdsasf"`,
		`"Effect":"Allow","Action":"kms:*","Resource":["arn:aws:kms:*:*:key/*",null]`,
		`"Effect":"Allow","NotAction":"s3:*","NotResource":"arn:*:iam::*:user/x"`,
		`"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::*:user/${aws:username}"`,
		okHead + `,"Condition":{}`,
		okHead + `,"Condition":{"x":{}}`,
		okHead + `,"Condition":{"DateGreaterThan":{"a":[]}}`,
		okHead + `,"Condition":{"DateGreaterThan":{"a":"01T"}}`,
		okHead + `,"Condition":{"DateLessThan":{"a":"-292275054"}}`,
		okHead + `,"Condition":{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+23"}}`,
		okHead + `,"Condition":{"Bool":{"aws:SecureTransport":false},"NumericLessThan":{"s3:max-keys":10}}`,
		okHead + `,"Condition":{"ForAnyValue:StringEqualsIfExists":{"a":"b"},"stringlike":{"b":"c*"}}`,
	} {
		if _, err := policy.Parse(policy.Managed, []byte(wrap(s)), policy.Limits{}); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{
		`"Effect":"Allow","Principal":{"AWS":["*","123456789012","arn:aws:iam::123456789012:root","AROAABCDEFGHIJKLMNOP"]},"Action":"sts:AssumeRole"`,
		`"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","states.eu-west-1.amazonaws.com"]},"Action":["sts:AssumeRole","sts:TagSession"]`,
	} {
		if _, err := policy.Parse(policy.Trust, []byte(wrap(s)), policy.Limits{}); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestResourceLeftOut(t *testing.T) {
	text := []byte(wrap(`"Effect":"Allow","Principal":"*","Action":"ecr:*"`))
	if _, err := policy.Parse(policy.Resource, text, policy.Limits{}); err == nil || err.Error() != "Missing required field Resource" {
		t.Error(err)
	}
	d, err := policy.Parse(policy.ResourceSelf, text, policy.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := policy.Set{Resource: []policy.Attached{{Policy: d.Compile()}}}
	r := &policy.Request{Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:eu-west-1:111111111111:repository/r", Principal: &policy.Principal{}}
	if got := policy.Evaluate(&s, r); !got.Allowed() || got.By != policy.ResourcePolicy {
		t.Errorf("%+v", got)
	}
}

// TestHostile shows that each bound ends a document made to cost much.
func TestHostile(t *testing.T) {
	many := func(s string, n int) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	for name, doc := range map[string]string{
		"bytes":      strings.Repeat(" ", 1<<20),
		"depth":      strings.Repeat(`{"a":`, 1<<12),
		"lists":      strings.Repeat("[", 1<<16),
		"statements": `{"Version":"2012-10-17","Statement":[` + many(`{}`, 2000) + `]}`,
		"values":     wrap(`"Effect":"Allow","Action":[` + many(`"a:b"`, 21000) + `],"Resource":"*"`),
		"variables":  wrap(`"Effect":"Allow","Action":"a:b","Resource":"arn:aws:s3:::` + strings.Repeat("${a}", 17) + `"`),
		"duplicates": `{` + many(`"a":1`, 10000) + `}`,
		"keys": func() string {
			var b strings.Builder
			for i := range 9000 {
				fmt.Fprintf(&b, `"k%d":1,`, i)
			}
			return `{` + b.String() + `"k0":2}`
		}(),
		"utf8":      wrap(okHead + ",\"Sid\":\"\xff\""),
		"surrogate": wrap(okHead + `,"Sid":"\ud800"`),
	} {
		if _, err := policy.Parse(policy.Managed, []byte(doc), policy.Limits{}); err == nil || err.Error() != syntax {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := policy.Parse(policy.Managed, []byte(wrap(okHead)), policy.Limits{Size: 20})
	if err == nil || err.Error() != "Cannot exceed quota for PolicySize: 20" {
		t.Error(err)
	}
}
