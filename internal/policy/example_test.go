package policy_test

import (
	"fmt"

	"virga/internal/policy"
)

// A worker may send to the queues of its own team, unless its boundary says otherwise.
func Example() {
	read := func(kind policy.Kind, text string) *policy.Compiled {
		d, err := policy.Parse(kind, []byte(text), policy.Limits{})
		if err != nil {
			panic(err)
		}
		return d.Compile()
	}
	own := read(policy.Identity, `{
	  "Version": "2012-10-17",
	  "Statement": {
	    "Sid": "OwnTeam",
	    "Effect": "Allow",
	    "Action": ["sqs:SendMessage", "sqs:DeleteQueue"],
	    "Resource": "arn:aws:sqs:*:111111111111:${aws:PrincipalTag/team, 'common'}-*"
	  }
	}`)
	boundary := read(policy.Managed, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:Send*", "Resource": "*"}}`)

	set := &policy.Set{
		Identity: []policy.Attached{{Name: "own-team", Policy: own}},
		Boundary: &policy.Attached{Name: "arn:aws:iam::111111111111:policy/limit", Policy: boundary},
	}
	who := &policy.Principal{
		Type: policy.AssumedRole, Account: "111111111111", ID: "AROAEXAMPLEEXAMPLE00:one",
		ARN:    "arn:aws:sts::111111111111:assumed-role/worker/one",
		Issuer: "arn:aws:iam::111111111111:role/worker",
	}
	keys := append(policy.PrincipalKeys(who), policy.Key{Name: "aws:PrincipalTag/team", Values: []string{"blue"}})
	for _, ask := range [][2]string{
		{"sqs:SendMessage", "arn:aws:sqs:eu-west-1:111111111111:blue-orders"},
		{"sqs:SendMessage", "arn:aws:sqs:eu-west-1:111111111111:red-orders"},
		{"sqs:DeleteQueue", "arn:aws:sqs:eu-west-1:111111111111:blue-orders"},
	} {
		r := &policy.Request{Action: ask[0], Resource: ask[1], Principal: who, Context: keys}
		d := policy.Evaluate(set, r)
		if d.Allowed() {
			fmt.Printf("allowed by %s, policy %s, statement %s\n", d.By, d.Policy, d.Sid)
			continue
		}
		fmt.Println(d.Message(r))
		if s, into, ok := d.Remedy(r); ok {
			fmt.Printf("  %s would need %s\n", into, s)
		}
	}
	// Output:
	// allowed by identity-based policy, policy own-team, statement OwnTeam
	// User: arn:aws:sts::111111111111:assumed-role/worker/one is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:eu-west-1:111111111111:red-orders because no identity-based policy allows the sqs:SendMessage action
	//   identity-based policy would need {"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:111111111111:red-orders"}
	// User: arn:aws:sts::111111111111:assumed-role/worker/one is not authorized to perform: sqs:DeleteQueue on resource: arn:aws:sqs:eu-west-1:111111111111:blue-orders because no permissions boundary allows the sqs:DeleteQueue action
	//   permissions boundary would need {"Effect":"Allow","Action":"sqs:DeleteQueue","Resource":"arn:aws:sqs:eu-west-1:111111111111:blue-orders"}
}
