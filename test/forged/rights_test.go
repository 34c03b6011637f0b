package forged

import (
	"encoding/json"
	"net/http/httptest"
	"sort"
	"strings"
	"testing"
	"time"

	"virga/internal/auth/sigv4"
	"virga/internal/wire"
)

// open are the operations that any authenticated caller may make, as AWS's guides say.
var open = map[string]bool{"sts:GetCallerIdentity": true, "sts:GetSessionToken": true}

func denied(fam string) code {
	return map[string]code{"json": {400, "AccessDeniedException"}, "rest-json": {403, "AccessDeniedException"}, "query": {403, "AccessDenied"}, "s3": {403, "AccessDenied"}}[fam]
}

func (x *target) isDenied(status int, code, body string) bool {
	want := denied(x.fam)
	return status == want.status && (code == want.code || code == "" && body == "" || strings.HasPrefix(code, "AccessDenied"))
}

// TestNobody calls everything as a user without a policy: denied, and recorded with the reason.
func TestNobody(t *testing.T) {
	w := newWorld(t)
	rows := map[string]string{}
	n, free := 0, []string{}
	for _, x := range w.targets() {
		name := x.op.Schema.Package + ":" + x.op.Name
		reqs, err := w.requirements(x, rootOf(account))
		if err != nil && without[name] != "" {
			continue
		}
		if reqs.IsOpen() {
			free = append(free, name)
			if !open[name] {
				t.Errorf("%s asks for no right", name)
			}
			continue
		}
		r := w.as1(x, w.nobody)
		if c := codeOf(r); !x.isDenied(r.Code, c, r.Body.String()) {
			t.Errorf("%s by nobody: %d %s %.200s", x, r.Code, c, r.Body)
			continue
		}
		rows[requestID(r)] = x.String()
		n++
	}
	kept := w.audited(account)
	for id, what := range rows {
		if e, ok := kept[id]; !ok || e.ErrorCode == "" || len(e.Decision) == 0 {
			t.Errorf("%s: the denial was not recorded: %+v", what, e)
		}
	}
	sort.Strings(free)
	t.Logf("%d denied and recorded; open to every caller: %s", n, strings.Join(free, " "))
}

func (w *world) as1(x *target, who sigv4.Credentials) *httptest.ResponseRecorder {
	return w.send(x.shot.signed(x.op, who, time.Now()))
}

// TestStranger calls everything that names a target of the account as the root of another account.
func TestStranger(t *testing.T) {
	w := newWorld(t)
	n, own := 0, 0
	rows := map[string]string{}
	for _, x := range w.targets() {
		reqs, err := w.requirements(x, rootOf(other))
		if err != nil {
			own++ // in the stranger's account there is nothing of the name
			if r := w.as1(x, w.stranger); r.Code/100 == 2 {
				t.Errorf("%s by a stranger: %d %.200s", x, r.Code, r.Body)
			}
			continue
		}
		foreign := false
		for _, r := range reqs.All() {
			foreign = foreign || strings.Contains(r.Resource, ":"+account+":") || r.ResourceAccount == account
		}
		if !foreign {
			own++
			continue
		}
		r := w.as1(x, w.stranger)
		if c := codeOf(r); !x.isDenied(r.Code, c, r.Body.String()) {
			t.Errorf("%s by another account: %d %s %.200s", x, r.Code, c, r.Body)
			continue
		}
		rows[requestID(r)] = x.String()
		n++
	}
	kept := w.audited(other)
	for id, what := range rows {
		if _, ok := kept[id]; !ok {
			t.Errorf("%s: the denial was not recorded", what)
		}
	}
	t.Logf("%d calls on another account's resources denied and recorded; %d mean the caller's own account", n, own)
}

// TestEachRequirement gives a user exactly what a call requires, then all but one: with one missing it is denied.
func TestEachRequirement(t *testing.T) {
	w := newWorld(t)
	who := wire.Principal{Type: "User", Account: account, ID: field(w.need("iam", "GetUser", map[string]any{"UserName": w.probeName}), "UserId"), ARN: "arn:aws:iam::" + account + ":user/" + w.probeName}
	type probe struct {
		x    *target
		list []wire.Requirement
	}
	var probes []probe
	for _, x := range w.inOrder() {
		reqs, err := w.requirements(x, who)
		if err != nil || reqs.IsOpen() {
			continue
		}
		probes = append(probes, probe{x, distinct(reqs.All())})
	}
	removed, several, granted, covered, gone := 0, 0, 0, 0, 0
	policy := ""
	allow := func(list []wire.Requirement, but int) {
		p := policyOf(list, but)
		if p != policy {
			w.need("iam", "PutUserPolicy", map[string]any{"UserName": w.probeName, "PolicyName": "p", "PolicyDocument": p})
			policy = p
		}
	}
	for _, p := range probes {
		if len(p.list) > 1 {
			several++
		}
		for i := range p.list {
			if coveredBy(p.list, i) {
				covered++
				continue
			}
			allow(p.list, i)
			r := w.as1(p.x, w.probe)
			removed++
			if c := codeOf(r); !p.x.isDenied(r.Code, c, r.Body.String()) {
				t.Errorf("%s without %s on %s: %d %s %.200s", p.x, p.list[i].Action, p.list[i].Resource, r.Code, c, r.Body)
			}
		}
	}
	for _, p := range probes {
		if p.x.fam == "s3" { // a missing object is denied to who may not list
			w.as(w.root, "s3", "CreateBucket", map[string]any{"Bucket": bucket})
			w.as(w.root, "s3", "PutObject", map[string]any{"Bucket": bucket, "Key": "key", "Body": []byte("hello")})
		}
		reqs, err := w.requirements(p.x, who) // names may lead elsewhere by now
		if err != nil {
			gone++
			continue
		}
		p.list = distinct(reqs.All())
		allow(p.list, -1)
		r := w.as1(p.x, w.probe)
		granted++
		if c := codeOf(r); refused(r.Code, c) {
			t.Errorf("%s with all it requires (%s): %d %s %.300s", p.x, policyOf(p.list, -1), r.Code, c, r.Body)
		}
	}
	t.Logf("%d operations with all they require let in; %d single requirements removed, each denied; %d operations require several; %d covered by a wider one, %d whose target was gone", granted, removed, several, covered, gone)
	if gone > len(probes)/20 {
		t.Errorf("%d of %d targets were gone", gone, len(probes))
	}
}

func distinct(l []wire.Requirement) (out []wire.Requirement) {
	seen := map[string]bool{}
	for _, r := range l {
		if k := r.Action + " " + r.Resource; !seen[k] {
			seen[k] = true
			out = append(out, r)
		}
	}
	return out
}

// coveredBy tells whether another requirement's statement allows the same: a resource "*" does.
func coveredBy(l []wire.Requirement, i int) bool {
	for j, r := range l {
		if j != i && strings.EqualFold(r.Action, l[i].Action) && r.Resource == "*" {
			return true
		}
	}
	return false
}

func policyOf(l []wire.Requirement, but int) string {
	type statement struct{ Effect, Action, Resource string }
	st := []statement{{"Allow", "none:None", "*"}}
	for i, r := range l {
		if i != but {
			st = append(st, statement{"Allow", r.Action, r.Resource})
		}
	}
	return string(must(json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": st})))
}
