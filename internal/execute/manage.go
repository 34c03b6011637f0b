package execute

import (
	"context"
	"strings"

	"virga/internal/openapi"
	"virga/internal/wire"
)

// What the management operations of both kinds of API share.

// Need states what a management operation needs: its HTTP method as the action on the ARN of its path (Service Authorization
// Reference, Actions, resources and condition keys for Amazon API Gateway Management).
func Need(ctx context.Context, r *wire.Requirements, method, path string, tags map[string]string) error {
	c := wire.CallOf(ctx)
	r.Need("apigateway:"+method, "arn:aws:apigateway:"+c.Region+"::"+path, wire.RequestTags(tags)...).ResourceAccount = c.Account
	return nil
}

// Pass states that the caller must be allowed to pass a role to API Gateway; "" is none.
func Pass(r *wire.Requirements, role string) {
	if role != "" {
		r.Need("iam:PassRole", role, wire.Condition{Key: "iam:PassedToService", Values: []string{"apigateway.amazonaws.com"}})
	}
}

// PassOf states it for the roles that an OpenAPI document names.
func PassOf(r *wire.Requirements, doc []byte) {
	for _, role := range openapi.Roles(doc) {
		Pass(r, role)
	}
}

// Tagged finds what an ARN names: arn:aws:apigateway:REGION::/KIND/ID or …/KIND/ID/stages/NAME; kind is restapis or apis.
func Tagged(c *wire.Call, kind, arn string) (apiID, stage string, ok bool) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:apigateway:"+c.Region+"::/"+kind+"/")
	if !ok {
		return "", "", false
	}
	id, more, has := strings.Cut(rest, "/")
	if !has {
		return id, "", true
	}
	name, ok := strings.CutPrefix(more, "stages/")
	return id, name, ok && name != ""
}
