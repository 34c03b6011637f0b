package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"

	cfnapi "virga/api/cloudformation"
	lambdaapi "virga/api/lambda"
	"virga/internal/wire"
)

const eventBytesMax = 6 << 20 // AWS's limit of a synchronous event

type invokeCmd struct {
	Globals

	Function  string `arg:"" help:"Function: its name, its ARN, or its logical id in a stack."`
	Event     string `short:"e" placeholder:"FILE" help:"Event as JSON; - for standard input; else {}."`
	Tail      bool   `help:"Print the end of the log on standard error."`
	Async     bool   `help:"Hand the event over and do not wait."`
	Qualifier string `placeholder:"VERSION" help:"Version or alias."`
}

// Help teaches.
func (*invokeCmd) Help() string {
	return `Prints what the function answers; standard output holds nothing else. Ends with 1 where the function failed.

  virga invoke hello --event event.json --tail
  echo '{"name":"you"}' | virga invoke HelloFunction --event -`
}

// Run calls a function.
func (c *invokeCmd) Run(a *App) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	payload := []byte("{}")
	if c.Event != "" {
		var err error
		if payload, err = readFile(a, c.Event, eventBytesMax); err != nil {
			return err
		}
		if !json.Valid(payload) {
			return usage("the event is no JSON")
		}
	}
	cl := a.clients()
	in := &lambdaapi.InvokeInput{FunctionName: c.Function, Payload: payload}
	if c.Qualifier != "" {
		in.Qualifier = &c.Qualifier
	}
	if c.Tail && !c.Async {
		in.LogType = wire.P("Tail")
	}
	if c.Async {
		in.InvocationType = wire.P("Event")
	}
	out, err := cl.lambda.Invoke(ctx, in)
	if codeIs(err, "ResourceNotFoundException") {
		var name string
		if name, err = a.byLogicalID(ctx, cl, c.Function); err != nil {
			return err
		}
		in.FunctionName = name
		out, err = cl.lambda.Invoke(ctx, in)
	}
	if err != nil {
		return err
	}
	log, _ := base64.StdEncoding.DecodeString(wire.V(out.LogResult))
	if a.json() {
		v := map[string]any{"statusCode": wire.V(out.StatusCode), "version": wire.V(out.ExecutedVersion)}
		if e := wire.V(out.FunctionError); e != "" {
			v["error"] = e
		}
		if len(out.Payload) > 0 {
			if json.Valid(out.Payload) {
				v["payload"] = json.RawMessage(out.Payload)
			} else {
				v["payload"] = string(out.Payload)
			}
		}
		if c.Tail {
			v["log"] = string(log)
		}
		if err := a.print(v); err != nil {
			return err
		}
	} else {
		if c.Tail {
			fmt.Fprint(a.Err, string(log))
		}
		if len(out.Payload) > 0 {
			a.say("%s", out.Payload)
		}
	}
	if e := wire.V(out.FunctionError); e != "" {
		if a.json() {
			return silent(ExitFailed)
		}
		return failed("the function failed (%s); its log: virga logs %s", e, in.FunctionName)
	}
	return nil
}

// byLogicalID finds the one function of all stacks that a template calls by a name.
func (a *App) byLogicalID(ctx context.Context, c *clients, id string) (string, error) {
	fs, err := a.functions(ctx, c)
	if err != nil {
		return "", err
	}
	var found []function
	for _, f := range fs {
		if f.Logical == id {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 1:
		return found[0].Name, nil
	case 0:
		var names []string
		for _, f := range fs {
			names = append(names, f.Name)
		}
		if len(names) == 0 {
			return "", failed("there is no function %s, and none at all in %s", id, a.region())
		}
		return "", failed("there is no function %s in %s; there are: %s", id, a.region(), strings.Join(names, ", "))
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Name+" (stack "+f.Stack+")")
	}
	return "", failed("%s is in several stacks; name one: %s", id, strings.Join(names, ", "))
}

// function is a function with the place a stack has for it.
type function struct {
	Name    string `json:"name"`
	ARN     string `json:"arn"`
	Runtime string `json:"runtime"`
	State   string `json:"state"`
	Stack   string `json:"stack,omitempty"`
	Logical string `json:"logicalId,omitempty"`
	Role    string `json:"role"`
	Group   string `json:"logGroup"`
	// NoLogs says what its role lacks to write its log.
	NoLogs []string `json:"noLogs,omitempty"`
}

const pagesMax = 200 // of a list that a command reads

// functions lists all functions with their stacks.
func (a *App) functions(ctx context.Context, c *clients) ([]function, error) {
	var out []function
	in := &lambdaapi.ListFunctionsInput{}
	for range pagesMax {
		page, err := c.lambda.ListFunctions(ctx, in)
		if err != nil {
			return nil, err
		}
		for i := range page.Functions {
			f := &page.Functions[i]
			x := function{Name: wire.V(f.FunctionName), ARN: wire.V(f.FunctionArn), Runtime: wire.V(f.Runtime), State: wire.V(f.State), Role: wire.V(f.Role), Group: "/aws/lambda/" + wire.V(f.FunctionName)}
			if f.LoggingConfig != nil && wire.V(f.LoggingConfig.LogGroup) != "" {
				x.Group = wire.V(f.LoggingConfig.LogGroup)
			}
			out = append(out, x)
		}
		if wire.V(page.NextMarker) == "" {
			break
		}
		in.Marker = page.NextMarker
	}
	at := map[string]int{}
	for i := range out {
		at[out[i].Name] = i
	}
	stacks, err := a.stacks(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, s := range stacks {
		rs, err := c.cfn.DescribeStackResources(ctx, &cfnapi.DescribeStackResourcesInput{StackName: wire.P(s.StackName)})
		if codeIs(err, "ValidationError") {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		for _, r := range rs.StackResources {
			if i, ok := at[wire.V(r.PhysicalResourceId)]; ok && r.ResourceType == "AWS::Lambda::Function" {
				out[i].Stack, out[i].Logical = s.StackName, r.LogicalResourceId
			}
		}
	}
	return out, nil
}

func (a *App) stacks(ctx context.Context, c *clients) ([]cfnapi.Stack, error) {
	var out []cfnapi.Stack
	in := &cfnapi.DescribeStacksInput{}
	for range pagesMax {
		page, err := c.cfn.DescribeStacks(ctx, in)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Stacks...)
		if wire.V(page.NextToken) == "" {
			break
		}
		in.NextToken = page.NextToken
	}
	return out, nil
}
