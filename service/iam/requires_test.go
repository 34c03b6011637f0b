package iam

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	iamapi "virga/api/iam"
	"virga/internal/policy/actions"
	"virga/internal/wire"
)

func TestRequirementsNameTheResource(t *testing.T) {
	r := newRig(t)
	do[iamapi.CreateRoleOutput](r)(r.CreateRole(r.ctx, &iamapi.CreateRoleInput{RoleName: "r", Path: wire.P("/p/"), AssumeRolePolicyDocument: trustOf(account), Tags: []iamapi.Tag{{Key: "k", Value: "v"}}}))
	var reqs wire.Requirements
	r.must(r.s.AttachRolePolicyRequires(r.ctx, &iamapi.AttachRolePolicyInput{RoleName: "R", PolicyArn: "arn:aws:iam::aws:policy/X"}, &reqs))
	got := fmt.Sprintf("%+v", reqs.All())
	for _, want := range []string{"iam:AttachRolePolicy", "arn:aws:iam::" + account + ":role/p/r", "{Key:iam:PolicyARN Values:[arn:aws:iam::aws:policy/X]}", "{Key:aws:ResourceTag/k Values:[v]}"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s: no %s", got, want)
		}
	}
	reqs.Reset()
	r.must(r.s.CreateRoleRequires(r.ctx, &iamapi.CreateRoleInput{RoleName: "n", PermissionsBoundary: wire.P("arn:b"), Tags: []iamapi.Tag{{Key: "k", Value: "v"}}}, &reqs))
	got = fmt.Sprintf("%+v", reqs.All())
	for _, want := range []string{"iam:CreateRole", "iam:TagRole", "{Key:aws:RequestTag/k Values:[v]}", "{Key:aws:TagKeys Values:[k]}", "{Key:iam:PermissionsBoundary Values:[arn:b]}"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s: no %s", got, want)
		}
	}
}

// pathLists are asked for on the path below which they list, as AWS's refusals show; the reference has no resource for
// them. The last one is about a key that nobody has.
var pathLists = map[string]bool{"ListRoles": true, "ListUsers": true, "ListGroups": true, "ListPolicies": true, "GetAccessKeyLastUsed": true}

// Every operation asks for the action of its name, on a resource of the kind that AWS's reference lists for it.
func TestEveryOperationRequiresItsAction(t *testing.T) {
	r := newRig(t)
	for _, h := range iamapi.Handlers(r.s) {
		var reqs wire.Requirements
		in := h.New()
		for v, i := reflect.ValueOf(in).Elem(), 0; i < v.NumField(); i++ {
			if f := v.Field(i); f.Kind() == reflect.String {
				f.SetString("x")
			}
		}
		if err := h.Requires(r.ctx, in, &reqs); err != nil {
			t.Errorf("%s: %v", h.Op.Name, err)
			continue
		}
		if len(reqs.All()) == 0 || reqs.All()[0].Action != "iam:"+h.Op.Name {
			t.Errorf("%s requires %+v", h.Op.Name, reqs.All())
		}
		a, ok := actions.Find("iam:" + h.Op.Name)
		if !ok {
			t.Errorf("the reference has no action %s", h.Op.Name)
			continue
		}
		for _, q := range reqs.All() {
			if q.Resource == "*" == a.NeedsResource() && !pathLists[h.Op.Name] {
				t.Errorf("%s on %q, the reference says %+v", h.Op.Name, q.Resource, a.On)
			}
		}
	}
}
