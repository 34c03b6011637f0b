package cloudformation

import (
	"context"
	_ "embed"
	"strings"
	"time"

	cfnapi "virga/api/cloudformation"
	"virga/internal/console/panel"
	"virga/internal/wire"
)

//go:embed panel.html
var panelHTML string

// How often pages of stacks ask again, ms.
const (
	panelBusyEvery  = 1000
	panelQuietEvery = 4000
)

// consolePanel is the console's panel of stacks. It uses the service's client as who is signed in, like any caller.
func consolePanel() panel.Panel {
	return panel.Panel{Name: "stacks", Title: "Stacks", Key: "s", HTML: panelHTML, Card: stacksCard,
		Links: map[string]func(string) string{"AWS::CloudFormation::Stack": func(id string) string { return panel.Join("stacks", id) }},
		Pages: []panel.Page{
			{Pattern: "GET /stacks", Do: stacksPage},
			{Pattern: "GET /stacks/{stack}", Do: stackTab("events")},
			{Pattern: "GET /stacks/{stack}/resources", Do: stackTab("resources")},
			{Pattern: "GET /stacks/{stack}/outputs", Do: stackTab("outputs")},
			{Pattern: "GET /stacks/{stack}/parameters", Do: stackTab("parameters")},
			{Pattern: "GET /stacks/{stack}/template", Do: stackTab("template")},
			{Pattern: "POST /stacks/{stack}/delete", Do: stackDelete},
			{Pattern: "POST /stacks/{stack}/cancel", Do: stackCancel},
		}}
}

type stackView struct {
	Name, ID, Status, Reason, Description, Role, Nested string
	At                                                  time.Time
	Protected                                           bool
}

type eventView struct {
	ID, Logical, Physical, Type, Status, Reason string
	At                                          time.Time
}

type resourceView struct {
	Logical, Physical, Type, Status, Reason string
	At                                      time.Time
}

type stackData struct {
	Stack      stackView
	Key        string // how the page names the stack: its name, or its ARN once it is deleted
	Tab        string
	Every      int
	Busy       bool
	Cause      *eventView // of a failure
	Events     []eventView
	Older      bool
	Resources  []resourceView
	More       bool
	Outputs    []cfnapi.Output
	Parameters []cfnapi.Parameter
	Template   string
	Processed  bool
	Stages     bool
}

func panelClient(r *panel.Request) *cfnapi.Client { return &cfnapi.Client{Invoker: r.Invoker} }

func busy(status string) bool { return strings.HasSuffix(status, "_IN_PROGRESS") }

func viewStack(s *cfnapi.Stack) stackView {
	v := stackView{Name: s.StackName, ID: wire.V(s.StackId), Status: s.StackStatus, Reason: wire.V(s.StackStatusReason), Description: wire.V(s.Description), Role: wire.V(s.RoleARN),
		Nested: wire.V(s.ParentId), At: s.CreationTime, Protected: wire.V(s.EnableTerminationProtection)}
	for _, t := range []*time.Time{s.LastUpdatedTime, s.DeletionTime} {
		if t != nil && t.After(v.At) {
			v.At = *t
		}
	}
	return v
}

func panelStacks(ctx context.Context, r *panel.Request) ([]stackView, bool, error) {
	return panel.Collect(func(token *string) ([]stackView, *string, error) {
		out, err := panelClient(r).DescribeStacks(ctx, &cfnapi.DescribeStacksInput{NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		l := make([]stackView, len(out.Stacks))
		for i := range out.Stacks {
			l[i] = viewStack(&out.Stacks[i])
		}
		return l, out.NextToken, nil
	})
}

func deletedStacks(ctx context.Context, r *panel.Request) ([]stackView, bool, error) {
	return panel.Collect(func(token *string) ([]stackView, *string, error) {
		out, err := panelClient(r).ListStacks(ctx, &cfnapi.ListStacksInput{NextToken: token, StackStatusFilter: []string{"DELETE_COMPLETE"}})
		if err != nil {
			return nil, nil, err
		}
		var l []stackView
		for _, s := range out.StackSummaries {
			v := stackView{Name: s.StackName, ID: wire.V(s.StackId), Status: s.StackStatus, Description: wire.V(s.TemplateDescription), At: s.CreationTime}
			if s.DeletionTime != nil {
				v.At = *s.DeletionTime
			}
			l = append(l, v)
		}
		return l, out.NextToken, nil
	})
}

func stacksCard(ctx context.Context, r *panel.Request) (*panel.Card, error) {
	l, more, err := panelStacks(ctx, r)
	if err != nil {
		return nil, err
	}
	c := &panel.Card{Count: len(l), More: more, Noun: "stack", Plural: "stacks", Hint: "cloudformation deploy --template-file template.yaml --stack-name hello --capabilities CAPABILITY_IAM"}
	for _, s := range l[:min(5, len(l))] {
		c.Items = append(c.Items, panel.Item{Text: s.Name, To: panel.Join("stacks", s.Name), Status: s.Status})
	}
	return c, nil
}

func stacksPage(ctx context.Context, r *panel.Request) (*panel.View, error) {
	d := struct {
		Stacks  []stackView
		More    bool
		Deleted bool
		Every   int
	}{Deleted: r.Query.Get("deleted") != "", Every: panelQuietEvery / 2}
	var err error
	if d.Deleted {
		d.Stacks, d.More, err = deletedStacks(ctx, r)
	} else {
		d.Stacks, d.More, err = panelStacks(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	for _, s := range d.Stacks {
		if busy(s.Status) {
			d.Every = panelBusyEvery
		}
	}
	return &panel.View{Template: "stacks/list", Title: "Stacks", Data: d}, nil
}

func stackTab(tab string) func(context.Context, *panel.Request) (*panel.View, error) {
	return func(ctx context.Context, r *panel.Request) (*panel.View, error) {
		d := stackData{Key: r.Path("stack"), Tab: tab, Every: panelQuietEvery}
		out, err := panelClient(r).DescribeStacks(ctx, &cfnapi.DescribeStacksInput{StackName: &d.Key})
		if err != nil {
			return nil, err
		}
		s := &out.Stacks[0]
		d.Stack = viewStack(s)
		if d.Busy = busy(d.Stack.Status); d.Busy {
			d.Every = panelBusyEvery
		}
		if d.Stack.Status == "DELETE_COMPLETE" {
			d.Key = d.Stack.ID
		}
		d.Outputs, d.Parameters = s.Outputs, s.Parameters
		if failed := strings.Contains(d.Stack.Status, "ROLLBACK") || strings.HasSuffix(d.Stack.Status, "_FAILED"); failed || tab == "events" {
			if err = stackEvents(ctx, r, &d); failed {
				d.Cause = cause(d.Events)
			}
		}
		switch tab {
		case "resources":
			err = stackResources(ctx, r, &d)
		case "template":
			err = stackTemplate(ctx, r, &d)
		}
		if err != nil {
			return nil, err
		}
		return &panel.View{Template: "stacks/stack", Title: d.Stack.Name, Data: d}, nil
	}
}

func stackEvents(ctx context.Context, r *panel.Request, d *stackData) error {
	out, err := panelClient(r).DescribeStackEvents(ctx, &cfnapi.DescribeStackEventsInput{StackName: d.Stack.ID})
	if err != nil {
		return err
	}
	d.Older = out.NextToken != nil
	for _, e := range out.StackEvents {
		d.Events = append(d.Events, eventView{ID: e.EventId, Logical: wire.V(e.LogicalResourceId), Physical: wire.V(e.PhysicalResourceId), Type: wire.V(e.ResourceType),
			Status: wire.V(e.ResourceStatus), Reason: wire.V(e.ResourceStatusReason), At: e.Timestamp})
	}
	return nil
}

// cause finds the first failure of the last operation among events, newest first. What was cancelled because of it is
// no cause.
func cause(events []eventView) *eventView {
	var first *eventView
	for i := range events {
		e := &events[i]
		switch {
		case strings.HasSuffix(e.Status, "_FAILED") && !strings.HasSuffix(e.Reason, " cancelled") && e.Reason != "":
			first = e
		case e.Type == "AWS::CloudFormation::Stack" && e.Reason == "User Initiated":
			return first
		}
	}
	return first
}

func stackResources(ctx context.Context, r *panel.Request, d *stackData) (err error) {
	d.Resources, d.More, err = panel.Collect(func(token *string) ([]resourceView, *string, error) {
		out, err := panelClient(r).ListStackResources(ctx, &cfnapi.ListStackResourcesInput{StackName: d.Stack.ID, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		var l []resourceView
		for _, x := range out.StackResourceSummaries {
			l = append(l, resourceView{Logical: x.LogicalResourceId, Physical: wire.V(x.PhysicalResourceId), Type: x.ResourceType, Status: x.ResourceStatus, Reason: wire.V(x.ResourceStatusReason), At: x.LastUpdatedTimestamp})
		}
		return l, out.NextToken, nil
	})
	return err
}

func stackTemplate(ctx context.Context, r *panel.Request, d *stackData) error {
	in := &cfnapi.GetTemplateInput{StackName: &d.Stack.ID}
	if r.Query.Get("stage") == "processed" {
		in.TemplateStage, d.Processed = wire.P("Processed"), true
	}
	out, err := panelClient(r).GetTemplate(ctx, in)
	if err != nil {
		return err
	}
	d.Template, d.Stages = wire.V(out.TemplateBody), len(out.StagesAvailable) > 1
	return nil
}

func stackDelete(ctx context.Context, r *panel.Request) (*panel.View, error) {
	name := r.Path("stack")
	out, err := panelClient(r).DescribeStacks(ctx, &cfnapi.DescribeStacksInput{StackName: &name})
	if err != nil {
		return nil, err
	}
	id := wire.V(out.Stacks[0].StackId)
	if _, err := panelClient(r).DeleteStack(ctx, &cfnapi.DeleteStackInput{StackName: id}); err != nil {
		return nil, err
	}
	return &panel.View{Redirect: panel.Join("stacks", id), Notice: "The stack is being deleted."}, nil
}

func stackCancel(ctx context.Context, r *panel.Request) (*panel.View, error) {
	name := r.Path("stack")
	if _, err := panelClient(r).CancelUpdateStack(ctx, &cfnapi.CancelUpdateStackInput{StackName: name}); err != nil {
		return nil, err
	}
	return &panel.View{Redirect: panel.Join("stacks", name), Notice: "The update is being cancelled; what it changed is rolled back."}, nil
}
