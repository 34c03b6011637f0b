package iam

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	iamapi "virga/api/iam"
	"virga/internal/admit"
	"virga/internal/auth"
	"virga/internal/authority"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/record"
	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/seal"
	"virga/internal/wire"
)

const account = "111111111111"

const allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`

type noKeys struct{}

func (noKeys) LoadKeys() (map[uint32]seal.WrappedKey, error) { return nil, nil }

func (noKeys) SaveKey(uint32, seal.WrappedKey) error { return nil }

// rig is IAM behind a gate, with the policy plane that asks it.
type rig struct {
	*testing.T
	s   *Service
	g   *gate.Gate
	st  store.Store
	ctx context.Context
	*iamapi.Client
}

func newRig(t testing.TB) *rig {
	t.Helper()
	e := env.NewReal()
	began := time.Now()
	st := mem.New(e, func() time.Duration { return time.Since(began) })
	master := make([]byte, seal.KeySize)
	rand.Read(master)
	sealer, err := seal.New(master, noKeys{}, e.Secret)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Env: e, Store: st, Sealer: sealer, Auth: auth.New(auth.Config{Env: e, Store: st, Sealer: sealer})})
	g := gate.New(gate.Config{Env: e, Authority: authority.New(authority.Config{Env: e, Store: st, Directory: s}), Admit: admit.New(), Record: record.New(record.Config{Env: e, Store: st, Node: "n"})})
	g.Add(s.Parts())
	t.Cleanup(func() { st.Close(); e.Close() })
	r := &rig{s: s, g: g, st: st}
	r.T, _ = t.(*testing.T)
	r.ctx = r.as(auth.Root(account, "k"), "")
	r.Client = &iamapi.Client{Invoker: g.With(auth.Root(account, "k"))}
	return r
}

// as is the context of a call by a principal, within a durable effect if there is one.
func (r *rig) as(p wire.Principal, effect string) context.Context {
	return wire.WithCall(context.Background(), &wire.Call{Account: p.Account, Region: "us-east-1", Partition: "aws", Principal: p, EffectID: effect})
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) fails(err error, code, message string) {
	r.Helper()
	if got := wire.CodeOf(err); got != code || !strings.Contains(err.Error(), message) {
		r.Errorf("%v, want %s %q", err, code, message)
	}
}

func do[O any](r *rig) func(*O, error) *O {
	r.Helper()
	return func(o *O, err error) *O {
		r.Helper()
		r.must(err)
		return o
	}
}

func trustOf(principals ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + strings.Join(principals, `","`) + `"]},"Action":"sts:AssumeRole"}]}`
}

func (r *rig) trust(role string) string {
	r.Helper()
	out := do[iamapi.GetRoleOutput](r)(r.GetRole(r.ctx, &iamapi.GetRoleInput{RoleName: role}))
	return strings.ReplaceAll(strings.ReplaceAll(*out.Role.AssumeRolePolicyDocument, "%3A", ":"), "%2F", "/")
}

func TestTrustKeepsUniqueIDs(t *testing.T) {
	r := newRig(t)
	u := do[iamapi.CreateUserOutput](r)(r.CreateUser(r.ctx, &iamapi.CreateUserInput{UserName: "ann"})).User
	made := do[iamapi.CreateRoleOutput](r)(r.CreateRole(r.ctx, &iamapi.CreateRoleInput{RoleName: "r", AssumeRolePolicyDocument: trustOf(u.Arn, account)})).Role
	decided := func() string {
		e, err := r.s.EntityByID(r.ctx, account, made.RoleId)
		r.must(err)
		return e.Trust
	}
	if want := trustOf(u.UserId, account); decided() != want {
		t.Errorf("decisions are made by %s, want %s", decided(), want)
	}
	if !strings.Contains(r.trust("r"), u.Arn) {
		t.Errorf("while the user lives, its ARN is shown: %s", r.trust("r"))
	}
	do[iamapi.UpdateUserOutput](r)(r.UpdateUser(r.ctx, &iamapi.UpdateUserInput{UserName: "ann", NewUserName: wire.P("bea"), NewPath: wire.P("/p/")}))
	if !strings.Contains(r.trust("r"), "user/p/bea") {
		t.Errorf("a renamed user is shown by its new ARN: %s", r.trust("r"))
	}
	do[iamapi.DeleteUserOutput](r)(r.DeleteUser(r.ctx, &iamapi.DeleteUserInput{UserName: "bea"}))
	do[iamapi.CreateUserOutput](r)(r.CreateUser(r.ctx, &iamapi.CreateUserInput{UserName: "ann"}))
	if got := r.trust("r"); !strings.Contains(got, u.UserId) || strings.Contains(got, "user/") {
		t.Errorf("a user that is gone is shown by its id: %s", got)
	}
	if want := trustOf(u.UserId, account); decided() != want {
		t.Errorf("a user made again is another one: %s", decided())
	}
	_, err := r.UpdateAssumeRolePolicy(r.ctx, &iamapi.UpdateAssumeRolePolicyInput{RoleName: "r", PolicyDocument: trustOf(u.UserId)})
	r.fails(err, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"`+u.UserId+`"`)
	_, err = r.CreateRole(r.ctx, &iamapi.CreateRoleInput{RoleName: "r2", AssumeRolePolicyDocument: trustOf("arn:aws:iam::" + account + ":role/r2")})
	r.fails(err, "MalformedPolicyDocument", "Invalid principal")
	_, err = r.CreateRole(r.ctx, &iamapi.CreateRoleInput{RoleName: "r2", AssumeRolePolicyDocument: trustOf("arn:aws:sts::" + account + ":assumed-role/none/s")})
	r.fails(err, "MalformedPolicyDocument", "Invalid principal")
	role, longest, err := r.s.RoleByARN(r.ctx, "arn:aws:iam::"+account+":role/R")
	if role != nil || longest != 0 || err != nil {
		t.Error("an ARN is found in its own spelling only")
	}
}

func TestRewrite(t *testing.T) {
	swap := func(s string) string { return strings.ReplaceAll(s, "old", "new") }
	for doc, want := range map[string]string{
		trustOf("old"): trustOf("new"),
		`{ "Statement" : { "Principal" : { "AWS" : "old" , "Service":"old" } , "Condition":{"x":{"AWS":"old"}} } }`:       `{ "Statement" : { "Principal" : { "AWS" : "new" , "Service":"old" } , "Condition":{"x":{"AWS":"old"}} } }`,
		`{"Statement":[{"NotPrincipal":{"AWS":["a","old"]}},{"Principal":{"AWS":"\u006fld"}}]}`:                           `{"Statement":[{"NotPrincipal":{"AWS":["a","new"]}},{"Principal":{"AWS":"new"}}]}`,
		`{"AWS":"old","Principal":{"AWS":"old"},"Statement":[{"Sid":"old","Principal":"old","Statement":{"AWS":"old"}}]}`: `{"AWS":"old","Principal":{"AWS":"old"},"Statement":[{"Sid":"old","Principal":"old","Statement":{"AWS":"old"}}]}`,
	} {
		if got := rewrite(doc, swap); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", doc, got, want)
		}
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add(trustOf("a", "b"))
	f.Add(`{"Statement":{"Principal":{"AWS":"x"}}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		if rewrite(doc, func(s string) string { return s }) != doc {
			t.Error("nothing to change, and it changed")
		}
		if validateTrust(doc, "") != nil {
			return
		}
		n := 0
		out := rewrite(doc, func(string) string { n++; return "AIDAAAAAAAAAAAAAAAAAA" })
		if n > 0 && !strings.Contains(out, "AIDAAAAAAAAAAAAAAAAAA") {
			t.Errorf("%q became %q", doc, out)
		}
		if p, _ := scan(out); len(p) != n {
			t.Errorf("%d principals became %d", n, len(p))
		}
	})
}

// Every change is under a new epoch, so that what the policy plane keeps is stale at once.
func TestChangesRaiseTheEpoch(t *testing.T) {
	r := newRig(t)
	arn := "arn:aws:iam::" + account + ":policy/p"
	var key string
	for i, step := range []func() error{
		func() error {
			_, err := r.CreatePolicy(r.ctx, &iamapi.CreatePolicyInput{PolicyName: "p", PolicyDocument: allow})
			return err
		},
		func() error {
			_, err := r.CreateUser(r.ctx, &iamapi.CreateUserInput{UserName: "u", PermissionsBoundary: &arn})
			return err
		},
		func() error { _, err := r.CreateGroup(r.ctx, &iamapi.CreateGroupInput{GroupName: "g"}); return err },
		func() error {
			_, err := r.CreateRole(r.ctx, &iamapi.CreateRoleInput{RoleName: "r", AssumeRolePolicyDocument: trustOf(account)})
			return err
		},
		func() error {
			_, err := r.AddUserToGroup(r.ctx, &iamapi.AddUserToGroupInput{GroupName: "g", UserName: "u"})
			return err
		},
		func() error {
			_, err := r.AttachGroupPolicy(r.ctx, &iamapi.AttachGroupPolicyInput{GroupName: "g", PolicyArn: arn})
			return err
		},
		func() error {
			_, err := r.PutUserPolicy(r.ctx, &iamapi.PutUserPolicyInput{UserName: "u", PolicyName: "i", PolicyDocument: allow})
			return err
		},
		func() error {
			_, err := r.CreatePolicyVersion(r.ctx, &iamapi.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: allow})
			return err
		},
		func() error {
			_, err := r.SetDefaultPolicyVersion(r.ctx, &iamapi.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: "v2"})
			return err
		},
		func() error {
			_, err := r.DeletePolicyVersion(r.ctx, &iamapi.DeletePolicyVersionInput{PolicyArn: arn, VersionId: "v1"})
			return err
		},
		func() error {
			_, err := r.UpdateAssumeRolePolicy(r.ctx, &iamapi.UpdateAssumeRolePolicyInput{RoleName: "r", PolicyDocument: trustOf(account)})
			return err
		},
		func() error {
			_, err := r.TagRole(r.ctx, &iamapi.TagRoleInput{RoleName: "r", Tags: []iamapi.Tag{{Key: "a", Value: "b"}}})
			return err
		},
		func() error {
			_, err := r.PutRolePermissionsBoundary(r.ctx, &iamapi.PutRolePermissionsBoundaryInput{RoleName: "r", PermissionsBoundary: arn})
			return err
		},
		func() error {
			_, err := r.DeleteRolePermissionsBoundary(r.ctx, &iamapi.DeleteRolePermissionsBoundaryInput{RoleName: "r"})
			return err
		},
		func() error {
			o, err := r.CreateAccessKey(r.ctx, &iamapi.CreateAccessKeyInput{UserName: wire.P("u")})
			if err == nil {
				key = o.AccessKey.AccessKeyId
			}
			return err
		},
		func() error {
			_, err := r.UpdateAccessKey(r.ctx, &iamapi.UpdateAccessKeyInput{UserName: wire.P("u"), AccessKeyId: key, Status: "Inactive"})
			return err
		},
		func() error {
			_, err := r.DeleteAccessKey(r.ctx, &iamapi.DeleteAccessKeyInput{UserName: wire.P("u"), AccessKeyId: key})
			return err
		},
		func() error {
			_, err := r.UpdateUser(r.ctx, &iamapi.UpdateUserInput{UserName: "u", NewUserName: wire.P("w")})
			return err
		},
		func() error {
			_, err := r.DeleteUserPolicy(r.ctx, &iamapi.DeleteUserPolicyInput{UserName: "w", PolicyName: "i"})
			return err
		},
		func() error {
			_, err := r.DetachGroupPolicy(r.ctx, &iamapi.DetachGroupPolicyInput{GroupName: "g", PolicyArn: arn})
			return err
		},
		func() error {
			_, err := r.RemoveUserFromGroup(r.ctx, &iamapi.RemoveUserFromGroupInput{GroupName: "g", UserName: "w"})
			return err
		},
		func() error { _, err := r.DeleteGroup(r.ctx, &iamapi.DeleteGroupInput{GroupName: "g"}); return err },
		func() error { _, err := r.DeleteUser(r.ctx, &iamapi.DeleteUserInput{UserName: "w"}); return err },
		func() error { _, err := r.DeleteRole(r.ctx, &iamapi.DeleteRoleInput{RoleName: "r"}); return err },
		func() error { _, err := r.DeletePolicy(r.ctx, &iamapi.DeletePolicyInput{PolicyArn: arn}); return err },
	} {
		before, err := r.st.Epoch(r.ctx, authority.Scope(account))
		r.must(err)
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if after, err := r.st.Epoch(r.ctx, authority.Scope(account)); err != nil || after <= before {
			t.Errorf("step %d: epoch %d, then %d, %v", i, before, after, err)
		}
	}
	// Nothing is left but the counters of what happened.
	r.must(r.st.View(r.ctx, func(rd store.Reader) error {
		for _, a := range []string{account, store.SystemAccount} {
			rd.Range(store.Prefix(store.K(store.FamilyIAM, 0, a)), func(k store.Key, v []byte) bool {
				if k.StrPart(0) != "q" {
					t.Errorf("left behind: %s", k)
				}
				return true
			})
		}
		if q, _ := store.Load[quota](rd, quotaKey(account)); q == nil || q.Users+q.Groups+q.Roles+q.Policies != 0 {
			t.Errorf("counted %+v of nothing", q)
		}
		return nil
	}))
}

func TestDirectory(t *testing.T) {
	r := newRig(t)
	arn := *do[iamapi.CreatePolicyOutput](r)(r.CreatePolicy(r.ctx, &iamapi.CreatePolicyInput{PolicyName: "p", PolicyDocument: allow})).Policy.Arn
	u := do[iamapi.CreateUserOutput](r)(r.CreateUser(r.ctx, &iamapi.CreateUserInput{UserName: "u", PermissionsBoundary: &arn, Tags: []iamapi.Tag{{Key: "k", Value: "v"}}})).User
	do[iamapi.CreateGroupOutput](r)(r.CreateGroup(r.ctx, &iamapi.CreateGroupInput{GroupName: "g"}))
	do[iamapi.AddUserToGroupOutput](r)(r.AddUserToGroup(r.ctx, &iamapi.AddUserToGroupInput{GroupName: "g", UserName: "u"}))
	do[iamapi.PutGroupPolicyOutput](r)(r.PutGroupPolicy(r.ctx, &iamapi.PutGroupPolicyInput{GroupName: "g", PolicyName: "gi", PolicyDocument: allow}))
	do[iamapi.AttachGroupPolicyOutput](r)(r.AttachGroupPolicy(r.ctx, &iamapi.AttachGroupPolicyInput{GroupName: "g", PolicyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess"}))
	do[iamapi.PutUserPolicyOutput](r)(r.PutUserPolicy(r.ctx, &iamapi.PutUserPolicyInput{UserName: "u", PolicyName: "ui", PolicyDocument: allow}))
	do[iamapi.AttachUserPolicyOutput](r)(r.AttachUserPolicy(r.ctx, &iamapi.AttachUserPolicyInput{UserName: "u", PolicyArn: arn}))
	e, err := r.s.EntityByID(r.ctx, account, u.UserId)
	r.must(err)
	var names []string
	for _, p := range e.Policies {
		names = append(names, p.Name)
	}
	want := "inline:ui " + arn + " inline:g/gi arn:aws:iam::aws:policy/ReadOnlyAccess"
	if got := strings.Join(names, " "); got != want || e.Boundary == nil || e.Boundary.Name != arn || e.Tags["k"] != "v" || e.Type != "User" {
		t.Errorf("%+v with %s, want %s", e, got, want)
	}
	if id, err := r.s.PrincipalID(r.ctx, u.Arn); id != u.UserId || err != nil {
		t.Errorf("%s is %s, %v", u.Arn, id, err)
	}
	if arn, err := r.s.PrincipalARN(r.ctx, u.UserId); arn != u.Arn || err != nil {
		t.Errorf("%s is %s, %v", u.UserId, arn, err)
	}
	if e, err := r.s.EntityByID(r.ctx, "222222222222", u.UserId); e != nil || err != nil {
		t.Error("a user is of its own account alone")
	}
	for a, there := range map[string]bool{arn: true, arn + "x": false, "arn:aws:iam::aws:policy/AdministratorAccess": true, "arn:aws:iam::aws:policy/None": false, "x": false} {
		if d, err := r.s.PolicyByARN(r.ctx, account, a); err != nil || (d != nil) != there {
			t.Errorf("policy %s: %v, %v", a, d, err)
		}
	}
}

func TestLimitsHoldUnderContention(t *testing.T) {
	r := newRig(t)
	do[iamapi.CreateUserOutput](r)(r.CreateUser(r.ctx, &iamapi.CreateUserInput{UserName: "u"}))
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 16 {
		wg.Go(func() {
			_, err := r.CreateAccessKey(r.ctx, &iamapi.CreateAccessKeyInput{UserName: wire.P("u")})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if wire.CodeOf(err) != "LimitExceeded" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made != keysMax {
		t.Errorf("%d keys, limit %d", made, keysMax)
	}
}

func TestPrincipalsOfUnknownAccounts(t *testing.T) {
	r := newRig(t)
	there := "arn:aws:iam::222222222222:role/later"
	made := do[iamapi.CreateRoleOutput](r)(r.CreateRole(r.ctx, &iamapi.CreateRoleInput{RoleName: "r", AssumeRolePolicyDocument: trustOf(there)})).Role
	other := auth.Root("222222222222", "k")
	c := &iamapi.Client{Invoker: r.g.With(other)}
	do[iamapi.CreateRoleOutput](r)(c.CreateRole(r.as(other, ""), &iamapi.CreateRoleInput{RoleName: "later", AssumeRolePolicyDocument: trustOf("222222222222")}))
	e, err := r.s.EntityByID(r.ctx, account, made.RoleId)
	r.must(err)
	if e.Trust != trustOf(nobody) || !strings.Contains(r.trust("r"), there) {
		t.Errorf("decided by %s, shown as %s", e.Trust, r.trust("r"))
	}
	do[iamapi.UpdateAssumeRolePolicyOutput](r)(r.UpdateAssumeRolePolicy(r.ctx, &iamapi.UpdateAssumeRolePolicyInput{RoleName: "r", PolicyDocument: trustOf(there)}))
	if e, err = r.s.EntityByID(r.ctx, account, made.RoleId); err != nil || !strings.Contains(e.Trust, "AROA") {
		t.Errorf("decided by %s, %v", e.Trust, err)
	}
	_, err = r.UpdateAssumeRolePolicy(r.ctx, &iamapi.UpdateAssumeRolePolicyInput{RoleName: "r", PolicyDocument: trustOf(there + "x")})
	r.fails(err, "MalformedPolicyDocument", "Invalid principal")
	_, err = r.UpdateAssumeRolePolicy(r.ctx, &iamapi.UpdateAssumeRolePolicyInput{RoleName: "r", PolicyDocument: trustOf(nobody)})
	r.fails(err, "MalformedPolicyDocument", "Invalid principal")
}

// A simulation as large as its limits let it be ends soon, and its pages are cut.
func TestSimulationIsBounded(t *testing.T) {
	r := newRig(t)
	var b strings.Builder
	for i := 0; b.Len() < simulateBytesMax/2-200; i++ {
		fmt.Fprintf(&b, `{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"aws:x%d":"*a*a*a*a*b"}}},`, i%200)
	}
	one := b.String()[:b.Len()-1]
	doc := `{"Version":"2012-10-17","Statement":[` + strings.Join(strings.SplitAfterN(one, "}},", 1000)[:900], "")
	doc = strings.TrimSuffix(doc, ",") + "]}"
	in := &iamapi.SimulateCustomPolicyInput{PolicyInputList: []string{doc, doc}, MaxItems: wire.P(int32(1000))}
	for i := range 50 {
		in.ActionNames = append(in.ActionNames, fmt.Sprint("s3:A", i))
		in.ResourceArns = append(in.ResourceArns, fmt.Sprint("arn:aws:s3:::b", i))
	}
	for i := range simulateEntriesMax {
		in.ContextEntries = append(in.ContextEntries, iamapi.ContextEntry{ContextKeyName: wire.P(fmt.Sprint("aws:x", i)), ContextKeyType: wire.P("string"), ContextKeyValues: []string{strings.Repeat("a", 200)}})
	}
	began := time.Now()
	out := do[iamapi.SimulatePolicyResponse](r)(r.SimulateCustomPolicy(r.ctx, in))
	if d := time.Since(began); d > 10*time.Second || !*out.IsTruncated || len(out.EvaluationResults) != simulateWorkMax/1800 {
		t.Errorf("%d results in %v", len(out.EvaluationResults), d)
	} else {
		t.Logf("%d results in %v", len(out.EvaluationResults), d)
	}
	in.PolicyInputList = append(in.PolicyInputList, doc, doc)
	_, err := r.SimulateCustomPolicy(r.ctx, in)
	r.fails(err, "InvalidInput", "bytes")
}

func TestContextKeys(t *testing.T) {
	got, err := contextKeys([]string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${*}${$}/${aws:PrincipalTag/t, 'none'}",
		"Condition":{"StringLike":{"s3:prefix":["${aws:userid}/*"]},"Null":{"aws:TokenIssueTime":"true"}}}]}`})
	if want := "[aws:PrincipalTag/t aws:TokenIssueTime aws:userid aws:username s3:prefix]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
}

func BenchmarkEntityByID(b *testing.B) {
	r := newRig(b)
	out, err := r.CreateRole(r.ctx, &iamapi.CreateRoleInput{RoleName: "r", AssumeRolePolicyDocument: trustOf(account)})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 5 {
		if _, err := r.PutRolePolicy(r.ctx, &iamapi.PutRolePolicyInput{RoleName: "r", PolicyName: fmt.Sprint(i), PolicyDocument: allow}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if e, err := r.s.EntityByID(r.ctx, account, out.Role.RoleId); e == nil || err != nil {
			b.Fatal(e, err)
		}
	}
}
