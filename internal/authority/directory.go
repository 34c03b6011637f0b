package authority

import "context"

// Entity is what the directory knows of a user or a role: what authority needs to decide.
type Entity struct {
	Type    string // "User" or "Role"
	ARN     string
	ID      string // unique id: AIDA…, AROA…
	Account string
	Name    string
	Tags    map[string]string
	// Policies are the identity policies: inline ones, attached ones, and for a user those of the groups.
	Policies []Document
	// Boundary is the permissions boundary, nil for none.
	Boundary *Document
	Trust    string // of a role
}

// Document is a policy with the name under which a decision mentions it.
type Document struct {
	Name string // the policy's ARN, or "inline:<name>" with the group where it is a group's
	JSON string
}

// Directory finds users, roles and policies; IAM is one. What it answers is cached under Scope of the account: whoever
// changes a user, group, role or policy bumps that scope in the same transaction.
type Directory interface {
	// EntityByID gives a user or role by its unique id, nil where there is none any more.
	EntityByID(ctx context.Context, account, id string) (*Entity, error)
	// PolicyByARN gives the default version of a managed policy, the account's own or AWS's, nil where there is none.
	PolicyByARN(ctx context.Context, account, arn string) (*Document, error)
}

// Scope is the epoch under which an account's authority is cached.
func Scope(account string) string { return "iam/" + account }
