package policy

import (
	"encoding/json"
	"strings"
)

// noun is AWS's name of a policy's kind with its article (IAM User Guide, "Troubleshoot access denied error messages").
func (s Source) noun() (article, noun string) {
	switch s {
	case ServiceControlPolicy:
		return "a", "service control policy"
	case ResourceControlPolicy:
		return "a", "resource control policy"
	case ResourcePolicy:
		return "a", "resource-based policy"
	case RoleTrustPolicy:
		return "the", "role trust policy"
	case PermissionsBoundary:
		return "a", "permissions boundary"
	case SessionPolicy:
		return "a", "session policy"
	}
	return "an", "identity-based policy"
}

// String gives the kind's name as AWS's messages have it.
func (s Source) String() string {
	if s == NoPolicy {
		return "no policy"
	}
	_, n := s.noun()
	return n
}

// Message gives AWS's text of AccessDenied for a refusal, "" for an allowed request.
func (d Decision) Message(r *Request) string {
	if d.Allowed() {
		return ""
	}
	who := r.Principal.ARN
	switch {
	case r.Principal.Type == Anonymous:
		who = "anonymous"
	case who == "":
		who = r.Principal.Service
	}
	var b strings.Builder
	b.WriteString("User: " + who + " is not authorized to perform: " + r.Action)
	if r.Resource != "" && r.Resource != "*" && d.By != RoleTrustPolicy {
		b.WriteString(" on resource: " + r.Resource)
	}
	b.WriteString(" " + d.Reason(r.Action))
	if d.Verdict == ExplicitDeny && strings.HasPrefix(d.Policy, "arn:") { // managed policies are named
		b.WriteString(": " + d.Policy)
	}
	return b.String()
}

// Reason gives the end of AWS's text: "because no identity-based policy allows the sqs:SendMessage action".
func (d Decision) Reason(action string) string {
	article, noun := d.By.noun()
	if d.Verdict == ExplicitDeny {
		return "with an explicit deny in " + article + " " + noun
	}
	return "because no " + noun + " allows the " + action + " action"
}

// Remedy gives the statement, as JSON, that would let a refused request pass where d refused it, and the kind of policy it
// belongs into. False: the request is allowed, or a Deny must go. Another kind of policy may still refuse afterwards.
func (d Decision) Remedy(r *Request) (statement string, into Source, ok bool) {
	if d.Verdict != ImplicitDeny {
		return "", NoPolicy, false
	}
	type allow struct {
		Effect    string            `json:"Effect"`
		Principal map[string]string `json:"Principal,omitempty"`
		Action    string            `json:"Action"`
		Resource  string            `json:"Resource,omitempty"`
	}
	a := allow{Effect: "Allow", Action: r.Action, Resource: r.Resource}
	if d.By == ResourcePolicy || d.By == RoleTrustPolicy {
		p := r.Principal
		switch {
		case p.Type == Service:
			a.Principal = map[string]string{"Service": p.Service}
		case p.Type == Federated:
			a.Principal = map[string]string{"Federated": p.Federated}
		case p.Type == Anonymous:
			a.Principal = map[string]string{"AWS": "*"}
		case p.Issuer != "":
			a.Principal = map[string]string{"AWS": p.Issuer}
		default:
			a.Principal = map[string]string{"AWS": p.ARN}
		}
		if d.By == RoleTrustPolicy {
			a.Resource = ""
		}
	}
	b, err := json.Marshal(a)
	if err != nil {
		return "", NoPolicy, false
	}
	return string(b), d.By, true
}
