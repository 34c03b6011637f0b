package cli

import (
	"context"
	"strings"
	"time"

	iamapi "virga/api/iam"
	"virga/internal/wire"
)

type statusCmd struct{ Globals }

// Help teaches.
func (*statusCmd) Help() string {
	return `Shows the server's services, the stacks and the functions, and names those functions whose role has no right to write logs: AWS
loses such logs silently, and so does this server.

  virga status
  virga status --output json | jq '.functions[] | select(.noLogs)'`
}

type stackLine struct {
	Name    string    `json:"name"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Updated time.Time `json:"updated"`
}

// Run shows the state of a server.
func (c *statusCmd) Run(a *App) error {
	ctx := context.Background()
	h, err := a.health(ctx)
	if err != nil {
		return err
	}
	cl := a.clients()
	stacks, err := a.stacks(ctx, cl)
	if err != nil {
		return err
	}
	fs, err := a.functions(ctx, cl)
	if err != nil {
		return err
	}
	for i := range fs {
		fs[i].NoLogs = a.lacksLogs(ctx, cl, &fs[i])
	}
	lines := []stackLine{}
	for _, s := range stacks {
		l := stackLine{s.StackName, s.StackStatus, wire.V(s.StackStatusReason), s.CreationTime}
		if s.LastUpdatedTime != nil {
			l.Updated = *s.LastUpdatedTime
		}
		lines = append(lines, l)
	}
	if fs == nil {
		fs = []function{}
	}
	if a.json() {
		return a.print(map[string]any{"endpoint": a.endpoint(), "region": a.region(), "server": h, "stacks": lines, "functions": fs})
	}
	services, _ := h["services"].(map[string]any)
	a.say("Virga %v at %s, region %s", h["version"], a.endpoint(), a.region())
	a.say("Services: %s", strings.Join(sortedNames(services), ", "))
	a.say("\nStacks: %d", len(lines))
	for _, l := range lines {
		a.say("  %-28s %s%s", l.Name, a.paint(l.Status), because(l.Reason))
	}
	a.say("\nFunctions: %d", len(fs))
	for _, f := range fs {
		a.say("  %-40s %-14s %-10s %s", f.Name, f.Runtime, f.State, f.Stack)
		if len(f.NoLogs) > 0 {
			a.say("    loses its logs: its role %s may not %s\n    attach arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole to it", f.Role, strings.Join(f.NoLogs, ", "))
		}
	}
	return nil
}

// lacksLogs gives the actions that a function's role lacks to write its log.
func (a *App) lacksLogs(ctx context.Context, c *clients, f *function) []string {
	account := ""
	if p := strings.Split(f.ARN, ":"); len(p) > 4 {
		account = p[4]
	}
	out, err := c.iam.SimulatePrincipalPolicy(ctx, &iamapi.SimulatePrincipalPolicyInput{PolicySourceArn: f.Role, ActionNames: []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		ResourceArns: []string{"arn:aws:logs:" + a.region() + ":" + account + ":log-group:" + f.Group + ":log-stream:x"}})
	if err != nil {
		if codeIs(err, "NoSuchEntity") {
			return []string{"anything: the role is gone"}
		}
		return nil
	}
	var lacks []string
	for _, r := range out.EvaluationResults {
		if r.EvalDecision != "allowed" {
			lacks = append(lacks, r.EvalActionName)
		}
	}
	return lacks
}
