package cloudformation

import (
	"fmt"
	"strings"
	"testing"

	cfnapi "virga/api/cloudformation"
	"virga/internal/wire"
)

func (x *world) changeSet(stack, name, kind, body string, change ...func(*cfnapi.CreateChangeSetInput)) (string, error) {
	in := &cfnapi.CreateChangeSetInput{StackName: stack, ChangeSetName: name, ChangeSetType: &kind, TemplateBody: &body}
	for _, f := range change {
		f(in)
	}
	o, err := x.svc.CreateChangeSet(x.ctx("CreateChangeSet"), in)
	if err != nil {
		return "", err
	}
	return *o.Id, nil
}

func (x *world) describeChangeSet(name, stack string) (*cfnapi.DescribeChangeSetOutput, error) {
	in := &cfnapi.DescribeChangeSetInput{ChangeSetName: name}
	if stack != "" {
		in.StackName = &stack
	}
	return x.svc.DescribeChangeSet(x.ctx("DescribeChangeSet"), in)
}

func (x *world) execute(name, stack string) error {
	in := &cfnapi.ExecuteChangeSetInput{ChangeSetName: name}
	if stack != "" {
		in.StackName = &stack
	}
	_, err := x.svc.ExecuteChangeSet(x.ctx("ExecuteChangeSet"), in)
	return err
}

func changesOf(o *cfnapi.DescribeChangeSetOutput) string {
	var out []string
	for _, c := range o.Changes {
		r := c.ResourceChange
		s := *r.Action + " " + *r.LogicalResourceId
		if r.Replacement != nil {
			s += " " + *r.Replacement
		}
		for _, d := range r.Details {
			s += " " + wire.V(d.Target.Name) + ":" + wire.V(d.Target.RequiresRecreation) + ":" + wire.V(d.Evaluation)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestChangeSets(t *testing.T) {
	x := newWorld(t, 1, true)
	_, err := x.changeSet("s", "c", "UPDATE", two)
	wantErr(t, err, "ValidationError", "Stack [s] does not exist")
	id, err := x.changeSet("s", "c", "CREATE", two)
	ok(t, err)
	x.status("s", "REVIEW_IN_PROGRESS")
	o, err := x.describeChangeSet(id, "")
	ok(t, err)
	if *o.Status != "CREATE_COMPLETE" || *o.ExecutionStatus != "AVAILABLE" || changesOf(o) != "Add A; Add B" {
		t.Errorf("%s %s %s", *o.Status, *o.ExecutionStatus, changesOf(o))
	}
	_, err = x.changeSet("s", "c", "CREATE", two)
	wantErr(t, err, "AlreadyExistsException", "c")
	_, err = x.svc.GetTemplateSummary(x.ctx("GetTemplateSummary"), &cfnapi.GetTemplateSummaryInput{StackName: wire.P("s")})
	wantErr(t, err, "ValidationError", "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")
	_, err = x.changeSet("s", "c2", "CREATE", two) // obsolete when the other is executed
	ok(t, err)
	if len(x.log) > 0 {
		t.Error("a change set made something")
	}
	ok(t, x.execute("c", "s"))
	x.rest()
	x.wantEvents("s", 0, "s REVIEW_IN_PROGRESS: User Initiated", "s CREATE_IN_PROGRESS: User Initiated",
		"A CREATE_IN_PROGRESS", "A CREATE_IN_PROGRESS: Resource creation Initiated", "A CREATE_COMPLETE",
		"B CREATE_IN_PROGRESS", "B CREATE_IN_PROGRESS: Resource creation Initiated", "B CREATE_COMPLETE",
		"s CREATE_COMPLETE")
	if got := wire.V(x.describe("s").ChangeSetId); got != id {
		t.Error(got)
	}
	_, err = x.describeChangeSet("c2", "s")
	wantErr(t, err, "ChangeSetNotFound", "ChangeSet [c2] does not exist")
	_, err = x.changeSet("s", "c3", "CREATE", two)
	wantErr(t, err, "ValidationError", "Stack [s] already exists and cannot be created again with the changeSet [c3].")

	// nothing to change
	id, err = x.changeSet("s", "none", "UPDATE", two)
	ok(t, err)
	o, err = x.describeChangeSet("none", "s")
	ok(t, err)
	if *o.Status != "FAILED" || *o.ExecutionStatus != "UNAVAILABLE" || *o.StatusReason != "The submitted information didn't contain changes. Submit different information to create a change set." {
		t.Errorf("%+v", o)
	}
	wantErr(t, x.execute(id, ""), "InvalidChangeSetStatus", "ChangeSet ["+id+"] cannot be executed in its current status of [FAILED]")

	// an update: what it shows before it is done
	topic := "\n  T: {Type: AWS::SNS::Topic, Properties: {TopicName: %s, DisplayName: %s}}"
	ok(t, x.update("s", strings.Replace(two, "\nOutputs", fmt.Sprintf(topic, "t", "one")+"\nOutputs", 1)))
	x.rest()
	id, err = x.changeSet("s", "up", "UPDATE", strings.Replace(two, "\nOutputs", fmt.Sprintf(topic, "t", "two")+"\nOutputs", 1))
	ok(t, err)
	o, err = x.describeChangeSet("up", "s")
	ok(t, err)
	if changesOf(o) != "Modify T False DisplayName:Never:Static" {
		t.Error(changesOf(o))
	}
	_, err = x.changeSet("s", "rep", "UPDATE", strings.Replace(two, "\nOutputs", fmt.Sprintf(topic, "t2", "two")+"\nOutputs", 1))
	ok(t, err)
	o, err = x.describeChangeSet("rep", "s")
	ok(t, err)
	if got := changesOf(o); !strings.HasPrefix(got, "Modify T True") || !strings.Contains(got, "TopicName:Always:Static") {
		t.Error(got)
	}
	l, err := x.svc.ListChangeSets(x.ctx("ListChangeSets"), &cfnapi.ListChangeSetsInput{StackName: "s"})
	ok(t, err)
	if len(l.Summaries) < 3 {
		t.Errorf("%+v", l.Summaries)
	}
	ok(t, x.execute(id, ""))
	x.rest()
	x.status("s", "UPDATE_COMPLETE")
	_, err = x.describeChangeSet("rep", "s")
	wantErr(t, err, "ChangeSetNotFound", "ChangeSet [rep] does not exist")

	// a stack that changes otherwise makes its change sets obsolete
	id, err = x.changeSet("s", "late", "UPDATE", two)
	ok(t, err)
	o, err = x.describeChangeSet("late", "s")
	ok(t, err)
	if changesOf(o) != "Remove T" {
		t.Error(changesOf(o))
	}
	ok(t, x.update("s", two, value("7")))
	x.rest()
	wantErr(t, x.execute(id, ""), "InvalidChangeSetStatus", "cannot be executed in its current execution status of [OBSOLETE]")

	// deleted
	_, err = x.svc.DeleteChangeSet(x.ctx("DeleteChangeSet"), &cfnapi.DeleteChangeSetInput{ChangeSetName: id})
	ok(t, err)
	_, err = x.describeChangeSet(id, "")
	wantErr(t, err, "ChangeSetNotFound", "ChangeSet ["+id+"] does not exist")
	wantErr(t, x.execute(id, ""), "ChangeSetNotFound", "does not exist")
	_, err = x.describeChangeSet("late", "")
	wantErr(t, err, "ValidationError", "StackName must be specified if ChangeSetName is not specified as an ARN.")
	_, err = x.describeChangeSet("late", "somestack")
	wantErr(t, err, "ValidationError", "Stack [somestack] does not exist")

	// a new stack that fails to be made
	x.broken["Create/B"] = -1
	_, err = x.changeSet("f", "c", "CREATE", two, func(in *cfnapi.CreateChangeSetInput) { in.OnStackFailure = wire.P("DELETE") })
	ok(t, err)
	arn := *x.describe("f").StackId
	ok(t, x.execute("c", "f"))
	x.rest()
	x.status(arn, "DELETE_COMPLETE")
	_, err = x.changeSet(arn, "revived", "CREATE", two)
	wantErr(t, err, "ValidationError", "Stack ["+arn+"] already exists and cannot be created again with the changeSet [revived].")
	// a stack under review goes without having been
	_, err = x.changeSet("r", "c", "CREATE", two)
	ok(t, err)
	ok(t, x.delete("r"))
	x.rest()
}
