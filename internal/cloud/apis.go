package cloud

import (
	"context"
	"net/http"

	"virga/internal/wire"
)

// apiCallers tells API Gateway who signed a request: the front and the gate know.
type apiCallers struct{ c *Cloud }

// Identify implements execute.Callers.
func (a apiCallers) Identify(r *http.Request, body []byte) (wire.Principal, error) {
	return a.c.Front.Identify(r, "execute-api", body)
}

// Authorize implements execute.Callers.
func (a apiCallers) Authorize(ctx context.Context, c *wire.Call, reqs []wire.Requirement) error {
	return a.c.Gate.Authorize(ctx, c, reqs)
}

// apiRoles gives API Gateway the sessions of integrations' and authorizers' roles.
type apiRoles struct{ s *sessions }

// Assume implements execute.Roles.
func (r apiRoles) Assume(ctx context.Context, roleARN, session string) (wire.Invoker, error) {
	return r.s.invoker(ctx, roleARN, session)
}
