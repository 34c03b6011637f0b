package cloudformation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	cfnapi "virga/api/cloudformation"
	"virga/internal/store"
	"virga/internal/wire"
)

const two = `
Parameters: {V: {Type: String, Default: "1"}}
Resources:
  A: {Type: Fake::Unit::Thing, Properties: {Value: !Ref V}}
  B: {Type: Fake::Unit::Thing, Properties: {Value: !GetAtt A.Arn}}
Outputs:
  O: {Value: !Ref B, Description: what}
`

func value(v string) func(*cfnapi.UpdateStackInput) {
	return func(in *cfnapi.UpdateStackInput) {
		in.Parameters = []cfnapi.Parameter{{ParameterKey: wire.P("V"), ParameterValue: &v}}
	}
}

func TestCreateUpdateDelete(t *testing.T) {
	x := newWorld(t, 1, true)
	ok(t, x.create("s", two))
	wantErr(t, x.create("s", two), "AlreadyExistsException", "Stack [s] already exists")
	x.status("s", "CREATE_IN_PROGRESS")
	wantErr(t, x.update("s", two), "ValidationError", "is in CREATE_IN_PROGRESS state and can not be updated.")
	x.rest()
	x.wantEvents("s", 0,
		"s CREATE_IN_PROGRESS: User Initiated",
		"A CREATE_IN_PROGRESS", "A CREATE_IN_PROGRESS: Resource creation Initiated", "A CREATE_COMPLETE",
		"B CREATE_IN_PROGRESS", "B CREATE_IN_PROGRESS: Resource creation Initiated", "B CREATE_COMPLETE",
		"s CREATE_COMPLETE")
	a := x.physical("s", "A")
	if !strings.HasPrefix(a, "s-A-") || len(a) != len("s-A-")+12 {
		t.Errorf("the name is %s", a)
	}
	d := x.describe("s")
	if len(d.Outputs) != 1 || *d.Outputs[0].OutputValue != x.physical("s", "B") || *d.Outputs[0].Description != "what" {
		t.Errorf("outputs: %+v", d.Outputs)
	}
	tags := x.things[a].Tags
	if tags["aws:cloudformation:stack-name"] != "s" || tags["aws:cloudformation:logical-id"] != "A" || tags["aws:cloudformation:stack-id"] != *d.StackId {
		t.Errorf("tags: %v", tags)
	}

	wantErr(t, x.update("s", two), "ValidationError", "No updates are to be performed.")

	n := len(x.events("s"))
	ok(t, x.update("s", two, value("2")))
	wantErr(t, x.delete("s"), "ValidationError", "cannot be deleted while in status UPDATE_IN_PROGRESS")
	x.rest()
	x.wantEvents("s", n, "s UPDATE_IN_PROGRESS: User Initiated", "A UPDATE_IN_PROGRESS", "A UPDATE_COMPLETE", "s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "s UPDATE_COMPLETE")
	if x.physical("s", "A") != a || !strings.HasPrefix(x.made(), "A=2 ") {
		t.Error(x.made())
	}

	n = len(x.events("s"))
	ok(t, x.update("s", strings.Replace(two, "Value: !Ref V", "Value: !Ref V, Name: other", 1), value("2")))
	x.rest()
	x.wantEvents("s", n, "s UPDATE_IN_PROGRESS: User Initiated",
		"A UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.", "A UPDATE_IN_PROGRESS: Resource creation Initiated", "A UPDATE_COMPLETE",
		"B UPDATE_IN_PROGRESS", "B UPDATE_COMPLETE",
		"s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "A DELETE_IN_PROGRESS", "A DELETE_COMPLETE", "s UPDATE_COMPLETE")
	if x.physical("s", "A") != "other" || x.things[a] != nil || x.things["other"] == nil {
		t.Error(x.made())
	}

	arn, log := *d.StackId, len(x.log)
	ok(t, x.delete("s"))
	ok(t, x.delete("s")) // under way
	x.rest()
	x.status(arn, "DELETE_COMPLETE")
	if got := strings.Join(x.log[log:], ","); got != "Delete B,Delete A" || len(x.things) != 0 {
		t.Error(got, x.made())
	}
	ok(t, x.delete("s"))
	ok(t, x.delete(arn))
	_, err := x.svc.DescribeStacks(x.ctx("DescribeStacks"), &cfnapi.DescribeStacksInput{StackName: wire.P("s")})
	wantErr(t, err, "ValidationError", "Stack with id s does not exist")
	wantErr(t, x.update(arn, two), "ValidationError", "is in DELETE_COMPLETE state and can not be updated.")
	ok(t, x.create("s", two)) // the name is free
	x.rest()
	x.status("s", "CREATE_COMPLETE")
}

func TestTypeReplaced(t *testing.T) {
	x := newWorld(t, 1, true)
	x.params["p"] = ""
	tmpl := `{Resources: {T: {Type: "AWS::SSM::Parameter", Properties: {Name: mine, Type: String, Value: a}}, K: {Type: "Fake::Unit::Thing", DependsOn: T}}}`
	ok(t, x.create("s", tmpl))
	x.rest()
	x.status("s", "CREATE_COMPLETE")
	ok(t, x.update("s", `{Resources: {T: {Type: "AWS::SSM::Parameter", Properties: {Name: mine, Type: String, Value: b}}, K: {Type: "Fake::Unit::Thing", DependsOn: T}}}`))
	x.rest()
	x.status("s", "UPDATE_COMPLETE")
	ok(t, x.update("s", `{Resources: {T: {Type: "AWS::SNS::Topic", Properties: {TopicName: mine}}, K: {Type: "Fake::Unit::Thing", DependsOn: T}}}`))
	x.rest()
	x.status("s", "UPDATE_ROLLBACK_COMPLETE")
	if x.things["mine"] == nil || x.things["mine"].Kind != "AWS::SSM::Parameter" {
		t.Fatal("the resource of before is gone: ", x.made())
	}
}

func TestCustomNamedReplacing(t *testing.T) {
	x := newWorld(t, 1, true)
	tmpl := "Resources: {T: {Type: AWS::SNS::Topic, Properties: {TopicName: %s, FifoTopic: %s}}}"
	ok(t, x.create("s", fmt.Sprintf(tmpl, "mine.fifo", "true")))
	x.rest()
	n := len(x.events("s"))
	ok(t, x.update("s", fmt.Sprintf(tmpl, "mine.fifo", "false")))
	x.rest()
	x.status("s", "UPDATE_ROLLBACK_COMPLETE")
	if got := x.events("s")[n+1]; got != "T UPDATE_FAILED: CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename mine.fifo and update the stack again." {
		t.Error(got)
	}
	ok(t, x.update("s", fmt.Sprintf(tmpl, "mine", "false")))
	x.rest()
	x.status("s", "UPDATE_COMPLETE")
	if x.things["mine.fifo"] != nil || x.physical("s", "T") != "mine" {
		t.Error(x.made())
	}
}

func TestRollbackOfCreate(t *testing.T) {
	x := newWorld(t, 1, true)
	x.broken["Create/B"] = -1
	x.slow["Create/C"] = -1
	ok(t, x.create("s", two+`
`+""))
	x.rest()
	x.status("s", "ROLLBACK_COMPLETE")
	x.wantEvents("s", 0,
		"s CREATE_IN_PROGRESS: User Initiated",
		"A CREATE_IN_PROGRESS", "A CREATE_IN_PROGRESS: Resource creation Initiated", "A CREATE_COMPLETE",
		"B CREATE_IN_PROGRESS", `B CREATE_FAILED: Resource handler returned message: "Create of B is broken (Status Code: 400)" (HandlerErrorCode: InvalidRequest)`,
		"s ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [B]. Rollback requested by user.",
		"B DELETE_COMPLETE", "A DELETE_IN_PROGRESS", "A DELETE_COMPLETE",
		"s ROLLBACK_COMPLETE")
	if len(x.things) != 0 {
		t.Error(x.made())
	}
	wantErr(t, x.update("s", two), "ValidationError", "is in ROLLBACK_COMPLETE state and can not be updated.")
	ok(t, x.delete("s"))
	x.rest()

	// a sibling that is waiting is ended
	ok(t, x.create("p", `{Resources: {B: {Type: "Fake::Unit::Thing"}, C: {Type: "Fake::Unit::Thing"}}}`))
	x.rest()
	x.status("p", "ROLLBACK_COMPLETE")
	if got := strings.Join(x.events("p"), "\n"); !strings.Contains(got, "C CREATE_FAILED: Resource creation cancelled") || !strings.Contains(got, "failed to create: [B]. ") {
		t.Error(got)
	}
}

// What has the name already belongs to somebody else: a rollback must leave it.
func TestRollbackLeavesWhatItDidNotMake(t *testing.T) {
	x := newWorld(t, 1, true)
	x.things["theirs"] = &thing{Logical: "Theirs"}
	ok(t, x.create("s", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Name: theirs}}}}`))
	x.rest()
	x.status("s", "ROLLBACK_COMPLETE")
	if x.things["theirs"] == nil {
		t.Fatal("the rollback deleted a thing that the stack had not made")
	}
	if got := x.events("s")[2]; got != `A CREATE_FAILED: Resource handler returned message: "theirs already exists (Status Code: 409)" (HandlerErrorCode: AlreadyExists)` {
		t.Error(got)
	}
	// the same in an update, for a new and for a replaced resource
	ok(t, x.create("u", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Name: mine}}}}`))
	x.rest()
	ok(t, x.update("u", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Name: theirs}}, B: {Type: "Fake::Unit::Thing"}}}`))
	x.rest()
	x.status("u", "UPDATE_ROLLBACK_COMPLETE")
	if x.things["theirs"] == nil || x.things["mine"] == nil || len(x.things) != 2 || x.physical("u", "A") != "mine" {
		t.Fatal(x.made(), x.trail("u"))
	}
	ok(t, x.update("u", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Name: mine}}, B: {Type: "Fake::Unit::Thing", Properties: {Name: theirs}}}}`))
	x.rest()
	x.status("u", "UPDATE_ROLLBACK_COMPLETE")
	if x.things["theirs"] == nil || len(x.things) != 2 {
		t.Fatal(x.made(), x.trail("u"))
	}
}

func TestRollbackOfUpdate(t *testing.T) {
	x := newWorld(t, 1, true)
	ok(t, x.create("s", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Value: 1}}, B: {Type: "Fake::Unit::Thing", Properties: {Name: b1, Value: 1}, DependsOn: A}, G: {Type: "Fake::Unit::Drawn", Properties: {Value: 1}}}}`))
	x.rest()
	before := x.made()
	x.broken["Create/C"] = -1
	n := len(x.events("s"))
	ok(t, x.update("s", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Value: 2}}, B: {Type: "Fake::Unit::Thing", Properties: {Name: b2, Value: 2}, DependsOn: A}, D: {Type: "Fake::Unit::Thing", DependsOn: B}, C: {Type: "Fake::Unit::Thing", DependsOn: D}}}`))
	x.rest()
	x.status("s", "UPDATE_ROLLBACK_COMPLETE")
	if x.made() != before || x.physical("s", "B") != "b1" {
		t.Fatal(x.made(), x.trail("s"))
	}
	got := strings.Join(x.events("s")[n:], "\n")
	for _, want := range []string{
		"s UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [C]. \n",
		"\nA UPDATE_IN_PROGRESS\nA UPDATE_COMPLETE\n", "s UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS\n", "\nD DELETE_IN_PROGRESS\n", "\nC DELETE_COMPLETE\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	l, err := x.svc.ListStackResources(x.ctx("ListStackResources"), &cfnapi.ListStackResourcesInput{StackName: "s"})
	ok(t, err)
	if len(l.StackResourceSummaries) != 3 {
		t.Errorf("%+v", l.StackResourceSummaries)
	}
	// the stack can be updated again
	delete(x.broken, "Create/C")
	ok(t, x.update("s", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Value: 3}}, C: {Type: "Fake::Unit::Thing", DependsOn: A}}}`))
	x.rest()
	x.status("s", "UPDATE_COMPLETE")
	if x.made() != "A=3 C=" {
		t.Error(x.made())
	}
}

func TestContinueUpdateRollback(t *testing.T) {
	x := newWorld(t, 1, true)
	tmpl := func(v, more string) string {
		return `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Value: ` + v + `}}, B: {Type: "Fake::Unit::Thing", Properties: {Value: ` + v + `}}` + more + `}}`
	}
	for _, skip := range []bool{false, true} {
		name := map[bool]string{false: "s", true: "k"}[skip]
		ok(t, x.create(name, tmpl("1", "")))
		x.rest()
		x.broken["Create/C"] = 1
		ok(t, x.update(name, tmpl("2", `, C: {Type: "Fake::Unit::Thing", DependsOn: [A, B]}`)))
		x.until(name, "C", "CREATE_FAILED")
		x.broken["Update/A"] = 1
		x.rest()
		x.status(name, "UPDATE_ROLLBACK_FAILED")
		wantErr(t, x.update(name, tmpl("3", "")), "ValidationError", "is in UPDATE_ROLLBACK_FAILED state and can not be updated.")
		in := &cfnapi.ContinueUpdateRollbackInput{StackName: name}
		n := len(x.events(name))
		if skip {
			in.ResourcesToSkip = []string{"B"}
			_, err := x.svc.ContinueUpdateRollback(x.ctx("ContinueUpdateRollback"), in)
			wantErr(t, err, "ValidationError", "UPDATE_FAILED")
			in.ResourcesToSkip = []string{"A"}
		}
		_, err := x.svc.ContinueUpdateRollback(x.ctx("ContinueUpdateRollback"), in)
		ok(t, err)
		x.rest()
		x.status(name, "UPDATE_ROLLBACK_COMPLETE")
		want := []string{name + " UPDATE_ROLLBACK_IN_PROGRESS: User Initiated", "A UPDATE_IN_PROGRESS", "A UPDATE_COMPLETE"}
		if skip {
			want = []string{name + " UPDATE_ROLLBACK_IN_PROGRESS: User Initiated", "A UPDATE_COMPLETE"}
		}
		x.wantEvents(name, n, append(want, name+" UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "C DELETE_COMPLETE", name+" UPDATE_ROLLBACK_COMPLETE")...)
		if got := x.made(); !skip && got != "A=1 B=1" || skip && got != "A=2 B=1" {
			t.Error(got)
		}
		ok(t, x.delete(name))
		x.rest()
		if len(x.things) != 0 {
			t.Error(x.made())
		}
	}
	_, err := x.svc.ContinueUpdateRollback(x.ctx("ContinueUpdateRollback"), &cfnapi.ContinueUpdateRollbackInput{StackName: "nostack"})
	wantErr(t, err, "ValidationError", "Stack [nostack] does not exist")
}

func TestCancelUpdate(t *testing.T) {
	x := newWorld(t, 1, true)
	ok(t, x.create("s", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Value: 1}}}}`))
	x.rest()
	_, err := x.svc.CancelUpdateStack(x.ctx("CancelUpdateStack"), &cfnapi.CancelUpdateStackInput{StackName: "s"})
	wantErr(t, err, "ValidationError", "CancelUpdateStack cannot be called from current stack status")
	x.slow["Create/B"] = -1
	n := len(x.events("s"))
	ok(t, x.update("s", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Value: 2}}, B: {Type: "Fake::Unit::Thing", DependsOn: A}, C: {Type: "Fake::Unit::Thing", DependsOn: B}}}`))
	x.until("s", "B", "CREATE_IN_PROGRESS: Resource")
	_, err = x.svc.CancelUpdateStack(x.ctx("CancelUpdateStack"), &cfnapi.CancelUpdateStackInput{StackName: "s"})
	ok(t, err)
	x.status("s", "UPDATE_ROLLBACK_IN_PROGRESS")
	delete(x.slow, "Create/B")
	x.rest()
	x.status("s", "UPDATE_ROLLBACK_COMPLETE")
	if x.made() != "A=1" {
		t.Error(x.made(), x.trail("s"))
	}
	if got := strings.Join(x.events("s")[n:], "\n"); strings.Count(got, "UPDATE_ROLLBACK_IN_PROGRESS: User Initiated") != 1 || strings.Contains(got, "C ") {
		t.Error(got)
	}
}

func TestDeletionPolicies(t *testing.T) {
	x := newWorld(t, 1, true)
	tmpl := `
Resources:
  D: {Type: Fake::Unit::Thing, DeletionPolicy: Delete}
  R: {Type: Fake::Unit::Thing, DeletionPolicy: Retain}
  E: {Type: Fake::Unit::Thing, DeletionPolicy: RetainExceptOnCreate}
`
	ok(t, x.create("s", tmpl))
	x.rest()
	ok(t, x.delete("s"))
	x.rest()
	if x.made() != "E= R=" {
		t.Error(x.made())
	}
	clear(x.things)

	x.broken["Create/X"] = -1
	ok(t, x.create("s", tmpl+"  X: {Type: Fake::Unit::Thing, DependsOn: [D, R, E], DeletionPolicy: Retain}\n"))
	x.rest()
	x.status("s", "ROLLBACK_COMPLETE")
	if x.made() != "R=" {
		t.Error(x.made())
	}
	if got := strings.Join(x.events("s"), "\n"); !strings.Contains(got, "R DELETE_SKIPPED") {
		t.Error(got)
	}
	ok(t, x.delete("s"))
	x.rest()
	clear(x.things)

	// replaced and taken out
	ok(t, x.create("s", tmpl+"  P: {Type: Fake::Unit::Thing, UpdateReplacePolicy: Retain, Properties: {Name: p1}}\n"))
	x.rest()
	n := len(x.events("s"))
	ok(t, x.update("s", "Resources:\n  P: {Type: Fake::Unit::Thing, UpdateReplacePolicy: Retain, Properties: {Name: p2}}\n"))
	x.rest()
	x.status("s", "UPDATE_COMPLETE")
	if x.made() != "E= P= P= R=" {
		t.Error(x.made())
	}
	got := strings.Join(x.events("s")[n:], "\n")
	for _, want := range []string{"P DELETE_SKIPPED", "R DELETE_SKIPPED", "E DELETE_SKIPPED", "D DELETE_COMPLETE"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func TestDeleteFailed(t *testing.T) {
	x := newWorld(t, 1, true)
	ok(t, x.create("s", `{Resources: {A: {Type: "Fake::Unit::Thing"}, B: {Type: "Fake::Unit::Thing", DependsOn: A}, C: {Type: "Fake::Unit::Thing", DependsOn: B}, D: {Type: "Fake::Unit::Thing"}}}`))
	x.rest()
	x.broken["Delete/B"] = 2
	ok(t, x.delete("s"))
	x.rest()
	x.status("s", "DELETE_FAILED")
	if got := *x.describe("s").StackStatusReason; got != "The following resource(s) failed to delete: [B]. " {
		t.Error(got)
	}
	if x.made() != "A= B=" {
		t.Error("what B needs must stay: ", x.made(), x.trail("s"))
	}
	ok(t, x.delete("s"))
	x.rest()
	x.status("s", "DELETE_FAILED")
	arn := *x.describe("s").StackId
	wantErr(t, x.update("s", two), "ValidationError", "is in DELETE_FAILED state and can not be updated.")
	x.broken["Delete/B"] = -1
	ok(t, x.delete("s", "B"))
	x.rest()
	x.status(arn, "DELETE_COMPLETE")
	if x.made() != "B=" {
		t.Error(x.made())
	}
	if got := strings.Join(x.events(arn), "\n"); !strings.Contains(got, "B DELETE_SKIPPED") {
		t.Error(got)
	}
	// retaining is for stacks whose deletion failed
	ok(t, x.create("s", two))
	x.rest()
	wantErr(t, x.delete("s", "A"), "ValidationError", "A")
}

func TestDeleteWhileCreating(t *testing.T) {
	x := newWorld(t, 1, true)
	x.slow["Create/B"] = -1
	ok(t, x.create("s", two))
	x.until("s", "B", "CREATE_IN_PROGRESS: Resource")
	arn := *x.describe("s").StackId
	ok(t, x.delete("s"))
	x.status("s", "DELETE_IN_PROGRESS")
	x.rest()
	x.status(arn, "DELETE_COMPLETE")
	if len(x.things) != 0 {
		t.Error(x.made())
	}
}

func TestOnFailureAndDisableRollback(t *testing.T) {
	x := newWorld(t, 1, true)
	x.broken["Create/B"] = -1
	ok(t, x.create("d", two, func(in *cfnapi.CreateStackInput) { in.OnFailure = wire.P("DELETE") }))
	arn := *x.describe("d").StackId
	x.rest()
	x.status(arn, "DELETE_COMPLETE")
	ok(t, x.create("n", two, func(in *cfnapi.CreateStackInput) { in.OnFailure = wire.P("DO_NOTHING") }))
	ok(t, x.create("m", two, func(in *cfnapi.CreateStackInput) { in.DisableRollback = wire.P(true) }))
	x.rest()
	for _, s := range []string{"n", "m"} {
		x.status(s, "CREATE_FAILED")
		if got := *x.describe(s).StackStatusReason; got != "The following resource(s) failed to create: [B]. " {
			t.Error(got)
		}
	}
	wantErr(t, x.create("x", two, func(in *cfnapi.CreateStackInput) { in.DisableRollback, in.OnFailure = wire.P(true), wire.P("DELETE") }), "ValidationError", "Either DisableRollback or OnFailure can be specified, not both.")
	// an update goes on with what failed
	delete(x.broken, "Create/B")
	ok(t, x.update("n", two, value("2")))
	x.rest()
	x.status("n", "UPDATE_COMPLETE")
	// an update that is not rolled back stays, and what it replaced is cleaned up by the next one or the deletion
	clear(x.things)
	ok(t, x.create("u", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Name: a1}}}}`))
	x.rest()
	x.broken["Create/B"] = -1
	ok(t, x.update("u", `{Resources: {A: {Type: "Fake::Unit::Thing", Properties: {Name: a2}}, B: {Type: "Fake::Unit::Thing", DependsOn: A}}}`, func(in *cfnapi.UpdateStackInput) { in.DisableRollback = wire.P(true) }))
	x.rest()
	x.status("u", "UPDATE_FAILED")
	ok(t, x.delete("u"))
	x.rest()
	if len(x.things) != 0 {
		t.Error("left: ", x.made())
	}
}

func TestTimeout(t *testing.T) {
	x := newWorld(t, 1, true)
	x.slow["Create/A"] = -1
	began := x.w.Now()
	ok(t, x.create("s", two, func(in *cfnapi.CreateStackInput) { in.TimeoutInMinutes = wire.P(int32(5)) }))
	x.rest()
	x.status("s", "ROLLBACK_COMPLETE")
	if took := x.w.Now().Sub(began).Minutes(); took < 5 || took > 6 {
		t.Errorf("it took %v minutes", took)
	}
	if got := strings.Join(x.events("s"), "\n"); !strings.Contains(got, "s ROLLBACK_IN_PROGRESS: Stack creation time exceeded the specified timeout. Rollback requested by user.") {
		t.Error(got)
	}
}

func TestTerminationProtection(t *testing.T) {
	x := newWorld(t, 1, true)
	ok(t, x.create("s", two, func(in *cfnapi.CreateStackInput) { in.EnableTerminationProtection = wire.P(true) }))
	x.rest()
	wantErr(t, x.delete("s"), "ValidationError", "Stack [s] cannot be deleted while TerminationProtection is enabled")
	_, err := x.svc.UpdateTerminationProtection(x.ctx("UpdateTerminationProtection"), &cfnapi.UpdateTerminationProtectionInput{StackName: "s"})
	ok(t, err)
	ok(t, x.delete("s"))
	x.rest()
	_, err = x.svc.UpdateTerminationProtection(x.ctx("UpdateTerminationProtection"), &cfnapi.UpdateTerminationProtectionInput{StackName: "s"})
	wantErr(t, err, "ValidationError", "Stack [s] does not exist")
}

func TestForget(t *testing.T) {
	x := newWorld(t, 1, true)
	ok(t, x.create("s", two))
	x.rest()
	ok(t, x.delete("s"))
	x.rest()
	st := x.stacks()[0]
	for _, after := range []time.Duration{keepDeleted - time.Second, keepDeleted} {
		ok(t, x.w.Base().Update(t.Context(), nil, func(tx store.Tx) error {
			x.svc.forget(tx, st, st.Deleted.Add(after))
			return nil
		}))
		left := 0
		ok(t, x.w.Base().View(t.Context(), func(r store.Reader) error {
			left = 0
			r.Range(store.Prefix(store.K(store.FamilyCloudFormation, 0, testAccount)), func(store.Key, []byte) bool { left++; return true })
			return nil
		}))
		if (left == 0) != (after == keepDeleted) {
			t.Errorf("%d rows after %v", left, after)
		}
	}
}
