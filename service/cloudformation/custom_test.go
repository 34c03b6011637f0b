package cloudformation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	cfnapi "virga/api/cloudformation"
)

const fn = "arn:aws:lambda:us-east-1:111122223333:function:f"

func custom(props string) string {
	return "Resources: {C: {Type: 'Custom::Thing', Properties: {ServiceToken: '" + fn + "'" + props + "}}}\nOutputs: {D: {Value: !GetAtt C.Key}}"
}

// asked lists the requests a custom resource's function got: "Create ", "Delete id".
func (x *world) asked() string {
	var out []string
	for _, c := range x.calls {
		id, _ := c["PhysicalResourceId"].(string)
		out = append(out, c["RequestType"].(string)+" "+id)
	}
	return strings.Join(out, ", ")
}

func TestCustomResource(t *testing.T) {
	x := newWorld(t, 1, true)
	id := "id1"
	x.funcs[fn] = func(ev map[string]any) *answer {
		return &answer{Status: "SUCCESS", Physical: id, Data: map[string]any{"Key": "value-" + id}}
	}
	ok(t, x.create("s", custom(", N: 5, B: true, M: {X: [1]}")))
	x.rest()
	x.status("s", "CREATE_COMPLETE")
	if got := *x.describe("s").Outputs[0].OutputValue; got != "value-id1" || x.physical("s", "C") != "id1" {
		t.Error(got)
	}
	ev := x.calls[0]
	p := ev["ResourceProperties"].(map[string]any)
	if p["N"] != "5" || p["B"] != "true" || fmt.Sprint(p["M"]) != "map[X:[1]]" || p["ServiceToken"] != fn || ev["ResourceType"] != "Custom::Thing" || ev["LogicalResourceId"] != "C" || ev["StackId"] != *x.describe("s").StackId {
		t.Errorf("%v", ev)
	}
	// in place: the function keeps the id
	ok(t, x.update("s", custom(", N: 6")))
	x.rest()
	x.status("s", "UPDATE_COMPLETE")
	if o := x.calls[1]["OldResourceProperties"].(map[string]any); o["N"] != "5" {
		t.Error(o)
	}
	// another id: the old one is deleted behind
	id = "id2"
	ok(t, x.update("s", custom(", N: 7")))
	x.rest()
	x.status("s", "UPDATE_COMPLETE")
	if got := x.asked(); got != "Create , Update id1, Update id1, Delete id1" {
		t.Error(got)
	}
	ok(t, x.delete("s"))
	x.rest()
	if got := x.asked(); !strings.HasSuffix(got, "Delete id1, Delete id2") {
		t.Error(got)
	}
	seen := map[any]bool{}
	for _, c := range x.calls {
		if seen[c["RequestId"]] {
			t.Error("a request id came twice")
		}
		seen[c["RequestId"]] = true
	}
}

func TestCustomResourceFails(t *testing.T) {
	x := newWorld(t, 1, true)
	x.funcs[fn] = func(ev map[string]any) *answer {
		if ev["RequestType"] == "Create" {
			return &answer{Status: "FAILED", Reason: "no luck", Physical: "half"}
		}
		return &answer{Status: "SUCCESS", Physical: "half"}
	}
	ok(t, x.create("s", custom("")))
	x.rest()
	x.status("s", "ROLLBACK_COMPLETE")
	req := x.calls[0]["RequestId"].(string)
	if got := strings.Join(x.events("s"), "\n"); !strings.Contains(got, "C CREATE_FAILED: Received response status [FAILED] from custom resource. Message returned: no luck (RequestId: "+req+")") {
		t.Error(got)
	}
	if got := x.asked(); got != "Create , Delete half" {
		t.Error("a creation that failed is deleted too: ", got)
	}
	// an update that fails is undone by another update
	x.funcs[fn] = func(ev map[string]any) *answer {
		p := ev["ResourceProperties"].(map[string]any)
		if p["N"] == "2" {
			return &answer{Status: "FAILED", Reason: "no two"}
		}
		return &answer{Status: "SUCCESS", Physical: "id", Data: map[string]any{"Key": "k"}}
	}
	ok(t, x.create("u", custom(", N: 1")))
	x.rest()
	x.calls = nil
	ok(t, x.update("u", custom(", N: 2")))
	x.rest()
	x.status("u", "UPDATE_ROLLBACK_COMPLETE")
	if got := x.asked(); got != "Update id, Update id" {
		t.Error(got)
	}
	if p := x.calls[1]["ResourceProperties"].(map[string]any); p["N"] != "1" {
		t.Error(p)
	}
	// no function: nothing to delete either
	ok(t, x.create("n", strings.ReplaceAll(custom(""), ":f'", ":gone'")))
	x.rest()
	x.status("n", "ROLLBACK_COMPLETE")
	if got := strings.Join(x.events("n"), "\n"); !strings.Contains(got, "Function not found") || strings.Contains(got, "C DELETE_IN_PROGRESS") {
		t.Error(got)
	}
	// a topic is refused
	ok(t, x.create("t", strings.ReplaceAll(custom(""), "arn:aws:lambda", "arn:aws:sns")))
	x.rest()
	x.status("t", "ROLLBACK_COMPLETE")
}

func TestCustomResourceContinueRollback(t *testing.T) {
	x := newWorld(t, 1, true)
	broken := false
	x.funcs[fn] = func(ev map[string]any) *answer {
		if broken {
			return &answer{Status: "FAILED", Reason: "broken"}
		}
		return &answer{Status: "SUCCESS", Physical: "id", Data: map[string]any{"Key": "k"}}
	}
	ok(t, x.create("s", custom(", N: 1")))
	x.rest()
	broken = true
	ok(t, x.update("s", custom(", N: 2")))
	x.rest()
	x.status("s", "UPDATE_ROLLBACK_FAILED")
	broken = false
	_, err := x.svc.ContinueUpdateRollback(x.ctx("ContinueUpdateRollback"), &cfnapi.ContinueUpdateRollbackInput{StackName: "s"})
	ok(t, err)
	x.rest()
	x.status("s", "UPDATE_ROLLBACK_COMPLETE") // the function is asked again; the answer of before does not count
	if got := x.asked(); got != "Create , Update id, Update id, Update id" {
		t.Error(got)
	}
}

func TestCustomResourceTimeout(t *testing.T) {
	x := newWorld(t, 1, true)
	x.funcs[fn] = func(ev map[string]any) *answer {
		if ev["RequestType"] == "Delete" {
			return &answer{Status: "SUCCESS", Physical: "x"}
		}
		return nil
	}
	began := x.w.Now()
	ok(t, x.create("s", custom(", ServiceTimeout: 30")))
	x.rest()
	x.status("s", "ROLLBACK_COMPLETE")
	if d := x.w.Now().Sub(began); d < 30*time.Second || d > 40*time.Second {
		t.Error(d)
	}
	if got := strings.Join(x.events("s"), "\n"); !strings.Contains(got, "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [") {
		t.Error(got)
	}
}

func TestCustomResourceAnswers(t *testing.T) {
	x := newWorld(t, 1, true)
	x.funcs[fn] = func(ev map[string]any) *answer { return nil }
	ok(t, x.create("s", custom("")))
	x.until("s", "C", "CREATE_IN_PROGRESS: Resource")
	link := x.calls[0]["ResponseURL"].(string)
	for what, c := range map[string]struct {
		link, body string
		code       int
	}{
		"no JSON":           {link, "{", 400},
		"too long":          {link, `{"Status":"` + strings.Repeat("x", 5000) + `"}`, 400},
		"another's address": {link[:len(link)-4] + "AAAA", "{}", 403},
		"another account":   {strings.Replace(link, testAccount, "222233334444", 1), "{}", 403},
		"a handle's use":    {strings.Replace(link, responsePath, handlePath, 1), "{}", 403},
	} {
		if got := x.respond(c.link, []byte(c.body)); got != c.code {
			t.Errorf("%s: %d", what, got)
		}
	}
	if code := x.respond(link, jsonOf(answer{Status: "SUCCESS", Physical: "p", Data: map[string]any{"Key": "late"}})); code != 200 {
		t.Error(code)
	}
	x.rest()
	x.status("s", "CREATE_COMPLETE")
	if got := *x.describe("s").Outputs[0].OutputValue; got != "late" {
		t.Error(got)
	}
}

const waiting2 = `
Resources:
  H: {Type: AWS::CloudFormation::WaitConditionHandle}
  W: {Type: AWS::CloudFormation::WaitCondition, DependsOn: H, Properties: {Handle: !Ref H, Timeout: 60, Count: 2}}
Outputs:
  Data: {Value: !GetAtt W.Data}
  Link: {Value: !Ref H}
`

func TestWaitCondition(t *testing.T) {
	x := newWorld(t, 1, true)
	signal := func(stack, id, status string) {
		if code := x.respond(x.physical(stack, "H"), jsonOf(map[string]string{"Status": status, "UniqueId": id, "Data": "d" + id, "Reason": "because"})); code != 200 {
			t.Error(code)
		}
	}
	ok(t, x.create("s", waiting2))
	x.until("s", "W", "CREATE_IN_PROGRESS: Resource")
	signal("s", "1", "SUCCESS")
	signal("s", "1", "SUCCESS") // the same one
	x.w.Run(2000, func() bool { return false })
	x.status("s", "CREATE_IN_PROGRESS")
	signal("s", "2", "SUCCESS")
	x.rest()
	x.status("s", "CREATE_COMPLETE")
	outs := map[string]string{}
	for _, o := range x.describe("s").Outputs {
		outs[*o.OutputKey] = *o.OutputValue
	}
	if outs["Data"] != `{"1":"d1","2":"d2"}` {
		t.Error(outs)
	}
	if code := x.respond(x.physical("s", "H"), []byte(`{"Status":"MAYBE","UniqueId":"1"}`)); code != 400 {
		t.Error(code)
	}

	ok(t, x.create("f", waiting2))
	x.until("f", "W", "CREATE_IN_PROGRESS: Resource")
	signal("f", "1", "FAILURE")
	x.rest()
	x.status("f", "ROLLBACK_COMPLETE")
	if got := strings.Join(x.events("f"), "\n"); !strings.Contains(got, "W CREATE_FAILED: WaitCondition received failed message: 'because' for uniqueId: 1") {
		t.Error(got)
	}

	ok(t, x.create("t", waiting2))
	began := x.w.Now()
	x.rest()
	x.status("t", "ROLLBACK_COMPLETE")
	if got := strings.Join(x.events("t"), "\n"); !strings.Contains(got, "W CREATE_FAILED: WaitCondition timed out. Received 0 conditions when expecting 2") || x.w.Now().Sub(began) < time.Minute {
		t.Error(got)
	}

	ok(t, x.create("g", waiting2))
	x.until("g", "W", "CREATE_IN_PROGRESS: Resource")
	for _, id := range []string{"a", "b"} {
		_, err := x.svc.SignalResource(x.ctx("SignalResource"), &cfnapi.SignalResourceInput{StackName: "g", LogicalResourceId: "W", UniqueId: id, Status: "SUCCESS"})
		ok(t, err)
	}
	x.rest()
	x.status("g", "CREATE_COMPLETE")
	if slices.ContainsFunc(x.events("g"), func(e string) bool { return strings.Contains(e, "FAILED") }) {
		t.Error(x.trail("g"))
	}
}
