package iam

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	iamapi "virga/api/iam"
	"virga/internal/auth"
	"virga/internal/resource"
	"virga/internal/template/schema"
	"virga/internal/wire"
)

func properties(t *testing.T, text string) resource.Properties {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var p resource.Properties
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

// Each type is created, created again by the same effect, read, updated, deleted and deleted again.
func TestResourceTypes(t *testing.T) {
	r := newRig(t)
	byName := map[string]resource.Type{}
	for _, x := range types() {
		byName[x.Name()] = x
	}
	do[iamapi.CreateUserOutput](r)(r.CreateUser(r.ctx, &iamapi.CreateUserInput{UserName: "there"}))
	do[iamapi.CreateRoleOutput](r)(r.CreateRole(r.ctx, &iamapi.CreateRoleInput{RoleName: "there", AssumeRolePolicyDocument: trustOf(account)}))
	do[iamapi.CreateGroupOutput](r)(r.CreateGroup(r.ctx, &iamapi.CreateGroupInput{GroupName: "there"}))
	for i, c := range []struct{ name, now, then, physical, attribute string }{
		{"AWS::IAM::Role", `{"AssumeRolePolicyDocument":` + trustOf(account) + `,"ManagedPolicyArns":["arn:aws:iam::aws:policy/ReadOnlyAccess"],"Policies":[{"PolicyName":"a","PolicyDocument":` + allow + `}],"Tags":[{"Key":"x","Value":"1"}]}`,
			`{"AssumeRolePolicyDocument":` + trustOf(account) + `,"MaxSessionDuration":"7200","Policies":[{"PolicyName":"b","PolicyDocument":` + allow + `}]}`, "stack-Logical-SUFFIX000000", "Arn"},
		{"AWS::IAM::User", `{"UserName":"cfn","Groups":["there"],"Policies":[{"PolicyName":"a","PolicyDocument":` + allow + `}]}`, `{"UserName":"cfn","Path":"/p/","PermissionsBoundary":"arn:aws:iam::aws:policy/ReadOnlyAccess"}`, "cfn", "Arn"},
		{"AWS::IAM::Group", `{"ManagedPolicyArns":["arn:aws:iam::aws:policy/ReadOnlyAccess"]}`, `{"Path":"/p/"}`, "stack-Logical-SUFFIX000000", "Arn"},
		{"AWS::IAM::Policy", `{"PolicyName":"in","PolicyDocument":` + allow + `,"Roles":["there"],"Users":["there"]}`, `{"PolicyName":"in2","PolicyDocument":` + allow + `,"Groups":["there"],"Users":["there"]}`, "stack-Logical-SUFFIX000000", "Id"},
		{"AWS::IAM::ManagedPolicy", `{"PolicyDocument":` + allow + `,"Roles":["there"]}`, `{"PolicyDocument":` + strings.Replace(allow, "GetObject", "PutObject", 1) + `,"Groups":["there"]}`, "arn:aws:iam::" + account + ":policy/stack-Logical-SUFFIX000000", "PolicyArn"},
		{"AWS::IAM::RolePolicy", `{"RoleName":"there","PolicyName":"rp","PolicyDocument":` + allow + `}`, `{"RoleName":"there","PolicyName":"rp","PolicyDocument":` + strings.Replace(allow, "GetObject", "PutObject", 1) + `}`, "rp|there", ""},
		{"AWS::IAM::UserPolicy", `{"UserName":"there","PolicyName":"rp","PolicyDocument":` + allow + `}`, `{"UserName":"there","PolicyName":"rp","PolicyDocument":` + allow + `}`, "rp|there", ""},
		{"AWS::IAM::GroupPolicy", `{"GroupName":"there","PolicyName":"rp","PolicyDocument":` + allow + `}`, `{"GroupName":"there","PolicyName":"rp","PolicyDocument":` + allow + `}`, "rp|there", ""},
		{"AWS::IAM::AccessKey", `{"UserName":"there"}`, `{"UserName":"there","Status":"Inactive"}`, "AKIA", "SecretAccessKey"},
	} {
		x := byName[c.name]
		root := auth.Root(account, "k")
		effect := func(n string) context.Context { return r.as(root, "cfn/"+string(rune('a'+i))+n) }
		q := &resource.Request{Type: c.name, LogicalID: "Logical", StackName: "stack", Suffix: "SUFFIX000000", Properties: properties(t, c.now), Invoker: r.g.With(root), Tags: map[string]string{"stack-tag": "v", "aws:cloudformation:stack-name": "stack"}}
		if n, ok := x.(resource.Namer); ok {
			q.Physical = n.PhysicalName(q)
		}
		first, err := x.Create(effect("create"), q)
		if err != nil {
			t.Errorf("%s: create: %v", c.name, err)
			continue
		}
		again, err := x.Create(effect("create"), q)
		if err != nil || again.Physical != first.Physical || !strings.HasPrefix(first.Physical, c.physical) {
			t.Errorf("%s: %+v, repeated %+v, %v, want %s", c.name, first, again, err, c.physical)
		}
		published, ok := schema.Find(c.name)
		if !ok {
			t.Fatalf("no published schema of %s", c.name)
		}
		for _, p := range x.Supports() {
			if !slices.Contains(published.Properties(), p) {
				t.Errorf("%s has no property %s", c.name, p)
			}
		}
		if names, _ := published.Attributes(); !slices.Equal(names, slices.Sorted(maps.Keys(first.Attributes))) {
			t.Errorf("%s: attributes %v, published %v", c.name, first.Attributes, names)
		}
		if _, ok := x.(resource.Namer); ok && c.attribute == "Arn" {
			if _, err := x.Create(effect("other"), q); wire.CodeOf(err) != "EntityAlreadyExists" {
				t.Errorf("%s: somebody else's: %v", c.name, err)
			}
		}
		q.Physical = first.Physical
		if _, err := x.Read(effect("read"), q); err != nil {
			t.Errorf("%s: read: %v", c.name, err)
		}
		q.Previous, q.Properties = q.Properties, properties(t, c.then)
		for range 2 {
			if p, err := x.Update(effect("update"), q); err != nil || p.Physical != q.Physical {
				t.Errorf("%s: update: %+v, %v", c.name, p, err)
			}
		}
		if c.name == "AWS::IAM::Role" {
			out := do[iamapi.GetRoleOutput](r)(r.GetRole(r.ctx, &iamapi.GetRoleInput{RoleName: q.Physical})).Role
			if *out.MaxSessionDuration != 7200 || len(out.Tags) != 1 || out.Tags[0].Key != "stack-tag" {
				t.Errorf("after the update: %d, %v", *out.MaxSessionDuration, out.Tags)
			}
			if l := do[iamapi.ListRolePoliciesOutput](r)(r.ListRolePolicies(r.ctx, &iamapi.ListRolePoliciesInput{RoleName: q.Physical})); strings.Join(l.PolicyNames, " ") != "b" {
				t.Errorf("inline policies %v", l.PolicyNames)
			}
		}
		for range 2 {
			if _, err := x.Delete(effect("delete"), q); err != nil {
				t.Errorf("%s: delete: %v", c.name, err)
			}
		}
		if _, err := x.Read(effect("read"), q); c.name != "AWS::IAM::Policy" && wire.CodeOf(err) != "NoSuchEntity" || err == nil {
			t.Errorf("%s: read after delete: %v", c.name, err)
		}
	}
	for kind, err := range map[string]error{
		"user":  func() error { _, err := r.DeleteUser(r.ctx, &iamapi.DeleteUserInput{UserName: "there"}); return err }(),
		"role":  func() error { _, err := r.DeleteRole(r.ctx, &iamapi.DeleteRoleInput{RoleName: "there"}); return err }(),
		"group": func() error { _, err := r.DeleteGroup(r.ctx, &iamapi.DeleteGroupInput{GroupName: "there"}); return err }(),
	} {
		if err != nil {
			t.Errorf("types left something in the %s: %v", kind, err)
		}
	}
}
