package execute

import (
	"time"

	"virga/internal/policy"
)

// PolicyBytesMax is how large a policy may be that an authorizer answers.
const PolicyBytesMax = 8 << 10

// ParsePolicy reads a policy that a Lambda authorizer answered.
func ParsePolicy(doc []byte) (*policy.Compiled, error) {
	d, err := policy.Parse(policy.Identity, doc, policy.Limits{Bytes: PolicyBytesMax})
	if err != nil {
		return nil, err
	}
	return d.Compile(), nil
}

// Allows tells whether a policy that an authorizer answered for a caller allows execute-api:Invoke on arn.
func Allows(p *policy.Compiled, caller string, r *Request, arn string) bool {
	who := &policy.Principal{Type: policy.User, Account: r.Call.Account, ARN: caller, ID: caller}
	secure := "false"
	if r.Scheme == "https" {
		secure = "true"
	}
	keys := policy.Keys{{Name: "aws:SourceIp", Values: []string{r.SourceIP}}, {Name: "aws:UserAgent", Values: []string{r.HTTP.UserAgent()}},
		{Name: "aws:CurrentTime", Values: []string{r.Now.UTC().Format(time.RFC3339)}}, {Name: "aws:SecureTransport", Values: []string{secure}}}
	set := &policy.Set{Identity: []policy.Attached{{Name: "authorizer", Policy: p}}}
	return policy.Evaluate(set, &policy.Request{Action: "execute-api:Invoke", Resource: arn, Principal: who, ResourceAccount: r.Call.Account, Context: keys}).Allowed()
}
