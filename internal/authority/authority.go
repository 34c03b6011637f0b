// Package authority is the policy plane: it finds the policies that concern a call and has package policy evaluate them.
//
// At this stage it knows the root of an account, who may do everything in it, and denies everyone else: the evaluation
// of policies comes with IAM.
package authority

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"virga/internal/wire"
)

// RootOnly is the plane before IAM.
type RootOnly struct{}

// Explanation is what is kept of a decision, as JSON.
type Explanation struct {
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	Reason    string `json:"reason"`
	Allow     string `json:"wouldAllow,omitempty"` // the statement that would allow it
}

// Denied is a refusal that can be explained; it is an AccessDenied to the client.
type Denied struct {
	error
	explanation []byte
}

// Unwrap gives the client's error.
func (d *Denied) Unwrap() error { return d.error }

// Explanation is the decision as JSON, for the audit record.
func (d *Denied) Explanation() []byte { return d.explanation }

// Authorize implements gate.Authority.
func (RootOnly) Authorize(ctx context.Context, c *wire.Call, reqs []wire.Requirement) error {
	for _, r := range reqs {
		if c.Principal.Type == "Root" && c.Principal.Session == nil && owner(c, r) == c.Principal.Account {
			continue
		}
		return Deny(c, r, "because no identity-based policy allows the "+r.Action+" action")
	}
	return nil
}

// owner is the account that a requirement's resource belongs to.
func owner(c *wire.Call, r wire.Requirement) string {
	if r.ResourceAccount != "" {
		return r.ResourceAccount
	}
	if p := strings.SplitN(r.Resource, ":", 6); len(p) == 6 && p[4] != "" {
		return p[4]
	}
	return c.Account
}

// Deny makes AWS's refusal with its explanation.
func Deny(c *wire.Call, r wire.Requirement, reason string) error {
	who := c.Principal.ARN
	if who == "" {
		who = "anonymous"
	}
	allow, err := json.Marshal(map[string]any{"Effect": "Allow", "Action": r.Action, "Resource": r.Resource})
	if err != nil {
		return err
	}
	why, err := json.Marshal(Explanation{Principal: who, Action: r.Action, Resource: r.Resource, Reason: reason, Allow: string(allow)})
	if err != nil {
		return err
	}
	on := " on resource: " + r.Resource
	return &Denied{wire.AccessDenied(fmt.Sprintf("User: %s is not authorized to perform: %s%s %s", who, r.Action, on, reason)), why}
}
