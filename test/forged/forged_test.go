package forged

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"virga/internal/record"
	"virga/internal/store"
	"virga/internal/wire"
)

func itoa(n int) string { return strconv.Itoa(n) }

func crc32Of(b []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)))
}

// refusals are codes that say who may not come in. NoSuchBucket and the like are no refusals: the call was let in.
func refused(status int, code string) bool {
	for _, s := range []string{"AccessDenied", "Signature", "AuthenticationToken", "ClientToken", "UnrecognizedClient", "ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "AuthorizationHeader", "AuthorizationQuery",
		"RequestTimeTooSkewed", "AuthorizationError", "XAmzContentSHA256", "IncompleteBody", "MissingContentLength", "MalformedTrailer", "ChunkSize"} {
		if strings.Contains(code, s) {
			return true
		}
	}
	return status >= 500 && status != 501 || status == 403 && code == "" || code == "UnknownOperationException" || code == "UnknownService" || code == "InvalidAction" || status == 421
}

func rootOf(account string) wire.Principal {
	return wire.Principal{Type: "Root", Account: account, ID: account, ARN: "arn:aws:iam::" + account + ":root"}
}

// requirements gives what a call needs of a caller.
func (w *world) requirements(x *target, who wire.Principal) (*wire.Requirements, error) {
	h := w.Gate.Handler(x.op)
	in, err := wire.Decode(h, x.p, x.wireRequest())
	if err != nil {
		return nil, err
	}
	var reqs wire.Requirements
	ctx := wire.WithCall(context.Background(), &wire.Call{Account: who.Account, Region: region, Partition: "aws", Service: x.op.Schema.Package, Operation: x.op.Name, Domain: "localhost", BaseURL: "http://localhost",
		Principal: who})
	return &reqs, h.Requires(ctx, in, &reqs)
}

// without names the operations whose requirements cannot be stated for the smallest input, and why.
var without = map[string]string{
	"sqs:CancelMessageMoveTask": "the task must exist, and it must be running",
}

// TestInputs shows that the generated inputs are what the servers read.
func TestInputs(t *testing.T) {
	w := newWorld(t)
	n := 0
	for _, x := range w.targets() {
		if _, err := w.requirements(x, rootOf(account)); err != nil && without[x.op.Schema.Package+":"+x.op.Name] == "" {
			t.Errorf("%s: %v", x, err)
		}
		n++
	}
	t.Logf("%d operations in their protocols", n)
}

// TestForged sends every form to every operation: none is let in, each is counted and spelled as AWS spells it, and its
// twin is let in.
func TestForged(t *testing.T) {
	w := newWorld(t)
	sent, in, twins, counted := 0, 0, 0, 0
	rows := map[string]string{}
	wrong := map[string]int{}
	say := func(kind, format string, args ...any) {
		if wrong[kind]++; wrong[kind] <= 6 {
			t.Errorf(format, args...)
		}
	}
	targets := w.targets()
	for _, f := range forms() {
		for _, x := range targets {
			if f.for_ != nil && !f.for_(x) {
				continue
			}
			before := w.Record.Refusals.Load()
			r := w.send(f.forge(w, x))
			got := code{r.Code, codeOf(r)}
			sent++
			if !refused(got.status, got.code) && got.status/100 == 2 {
				in++
				say("in "+f.name, "%s let in: %s: %d %.300s", f.name, x, r.Code, r.Body)
				continue
			}
			want, ok := f.want[x.fam]
			if r.Body.Len() == 0 { // a HEAD's answer has no body
				want.code = ""
			}
			if ok && got != want {
				say("code "+f.name+" "+x.fam, "%s: %s: %d %s, want %d %s: %.200s", f.name, x, got.status, got.code, want.status, want.code, r.Body)
			} else if !ok && (got.status/100 != 4 || got.code == "") && r.Body.Len() > 0 {
				say("code "+f.name, "%s: %s: %d %s: %.200s", f.name, x, got.status, got.code, r.Body)
			}
			// Counted, or recorded where somebody is known: by a signature that was good for another service or for the
			// headers of a body that came later, and S3's anonymous callers, whom policies know.
			switch n := w.Record.Refusals.Load() - before; {
			case n == 1:
				counted++
			case n == 0:
				rows[requestID(r)] = f.name + ": " + x.String()
			default:
				say("count "+f.name, "%s: %s: counted %d times", f.name, x, n)
			}
		}
	}
	kept := w.events(t)
	for id, what := range rows {
		if e, ok := kept[id]; !ok || e.ErrorCode == "" {
			name, _, _ := strings.Cut(what, ":")
			say("row "+name, "neither counted nor recorded: %s (%s)", what, id)
		}
	}
	// Twins last, those that destroy last of all: what they do must not hide a refusal.
	seen := map[string]bool{}
	for _, x := range w.inOrder() {
		for _, f := range forms() {
			if f.for_ != nil && !f.for_(x) {
				continue
			}
			r := w.send(f.twin(w, x))
			twins++
			if c := codeOf(r); refused(r.Code, c) && !(x.op.Name == "GetSessionToken" && strings.Contains(r.Body.String(), "with session credentials")) {
				say("twin "+f.name, "the twin of %s is not let in: %s: %d %.300s", f.name, x, r.Code, r.Body)
			}
			seen[x.String()] = true
		}
	}
	if len(seen) != len(targets) {
		t.Errorf("%d of %d operations had a twin", len(seen), len(targets))
	}
	for k, n := range wrong {
		if n > 6 {
			t.Errorf("%s: %d times", k, n)
		}
	}
	t.Logf("%d operations in their protocols, %d forms: %d forged calls, %d let in, %d counted, %d recorded; %d valid twins", len(targets), len(forms()), sent, in, counted, len(rows), twins)
}

// events gives the audit events of everybody, data events too.
func (w *world) events(t *testing.T) map[string]record.Event {
	t.Helper()
	time.Sleep(time.Second) // data events are written in batches, twice a second
	out := w.audited(account)
	for _, a := range []string{other, store.SystemAccount} {
		for k, v := range w.audited(a) {
			out[k] = v
		}
	}
	return out
}

// rank says how late an operation is tried, for one world serves all.
func rank(x *target) int {
	for i, l := range [][]string{{"Update", "Put", "Set", "Add", "Attach"}, {"Delete", "Remove", "Purge", "Abort", "Detach"}} {
		for _, p := range l {
			if strings.HasPrefix(x.op.Name, p) {
				return i + 1
			}
		}
	}
	return 0
}

// inOrder gives all operations, those that destroy targets last.
func (w *world) inOrder() []*target {
	l := w.targets()
	slices.SortStableFunc(l, func(a, b *target) int { return rank(a) - rank(b) })
	return l
}
