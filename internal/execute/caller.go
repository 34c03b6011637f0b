package execute

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"virga/internal/auth/sigv4"
	"virga/internal/proxyevent"
	"virga/internal/wire"
)

// Callers tells who signed a request, and whether they may what it needs.
type Callers interface {
	// Identify verifies a signature with scope "execute-api".
	Identify(r *http.Request, body []byte) (wire.Principal, error)
	// Authorize decides as for a call of AWS's own API.
	Authorize(ctx context.Context, c *wire.Call, reqs []wire.Requirement) error
}

// Roles takes on roles in the name of apigateway.amazonaws.com.
type Roles interface {
	// Assume gives an invoker that calls as a session of a role which trusts the service.
	Assume(ctx context.Context, roleARN, session string) (wire.Invoker, error)
}

// ErrUnsigned is returned where a request that must be signed carries no valid signature.
var ErrUnsigned = errors.New("execute: not signed")

// Signed tells who signed a request to an API with IAM authorization, and that they may invoke arn. The error is
// ErrUnsigned, a *sigv4.Error, or what the gate says.
func Signed(ctx context.Context, cs Callers, r *Request, arn, resourcePolicy string) (*proxyevent.Identity, error) {
	if cs == nil {
		return nil, ErrUnsigned
	}
	p, err := cs.Identify(r.HTTP, r.Body)
	if err != nil {
		var se *sigv4.Error
		if errors.As(err, &se) && se.Kind == sigv4.MissingAuthenticationToken {
			return nil, ErrUnsigned
		}
		return nil, err
	}
	c := *r.Call
	c.Principal, c.Account = p, p.Account
	req := wire.Requirement{Action: "execute-api:Invoke", Resource: arn, ResourcePolicy: resourcePolicy, ResourceAccount: r.Call.Account}
	if err := cs.Authorize(ctx, &c, []wire.Requirement{req}); err != nil {
		return nil, err
	}
	r.Call.Principal = p
	id := p.ID
	return &proxyevent.Identity{AccessKey: p.AccessKey, Account: p.Account, Caller: id, User: id, UserARN: p.ARN}, nil
}

// InvokeARN is the resource of execute-api:Invoke and the source of a function's invocation: api/stage/METHOD/path.
func InvokeARN(account, region, api, stage, method, path string) string {
	return "arn:aws:execute-api:" + region + ":" + account + ":" + api + "/" + stage + "/" + method + "/" + strings.TrimPrefix(path, "/")
}

// AsRole gives the invoker of a role's session for an API's integration.
func AsRole(ctx context.Context, roles Roles, roleARN, api string) (wire.Invoker, error) {
	if roles == nil {
		return nil, errors.New("execute: no roles")
	}
	return roles.Assume(ctx, roleARN, "apigateway-"+api)
}

// Unauthorized tells whether a function that failed did so with the error "Unauthorized": an authorizer's word for 401.
func Unauthorized(payload []byte) bool {
	var e struct {
		ErrorMessage string `json:"errorMessage"`
	}
	return json.Unmarshal(payload, &e) == nil && e.ErrorMessage == "Unauthorized"
}
