package record

import (
	"context"
	"testing"
	"time"

	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/wire"
)

func call(op, id string, e env.Env) *wire.Call {
	return &wire.Call{Service: "sqs", Operation: op, RequestID: id, Account: "111122223333", Region: "us-east-1", Time: e.Wall(),
		Principal: wire.Principal{Type: "User", ARN: "arn:aws:iam::111122223333:user/a", Account: "111122223333"}}
}

func TestRiderCommitsWithItsCall(t *testing.T) {
	e := env.NewReal()
	defer e.Close()
	st := mem.New(e, nil)
	r := New(Config{Env: e, Store: st, Node: "n"})
	c := call("CreateQueue", "r1", e)
	ctx, slot := store.WithRider(context.Background(), r.Rider(c))
	k := store.K(9999, 0, c.Account).Str("x")
	if err := st.Update(ctx, nil, func(tx store.Tx) error { return context.Canceled }); err == nil || slot.Carried() {
		t.Fatal("a refused transaction carried the audit row")
	}
	if err := st.Update(ctx, nil, func(tx store.Tx) error { tx.Set(k, nil); return nil }); err != nil || !slot.Carried() {
		t.Fatal("not carried", err)
	}
	if err := r.Done(ctx, c, false, slot.Carried(), "", 0, 0); err != nil {
		t.Fatal(err)
	}
	got, err := r.Find(ctx, c.Account, c.Region, e.Wall().Add(-time.Minute), e.Wall().Add(time.Minute), 10)
	if err != nil || len(got) != 1 || got[0].Operation != "CreateQueue" || got[0].ErrorCode != "" {
		t.Fatalf("%+v %v", got, err)
	}
}

func TestWhatIsAlwaysRecorded(t *testing.T) {
	e := env.NewReal()
	defer e.Close()
	st := mem.New(e, nil)
	r := New(Config{Env: e, Store: st, Node: "n", DataEvents: true})
	ctx := context.Background()
	if err := r.Done(ctx, call("ListQueues", "read", e), false, false, "", 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := r.Denied(ctx, call("SendMessage", "denied", e), "AccessDenied", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	find := func(id string) bool {
		_, ok, err := r.ByRequest(ctx, "111122223333", "us-east-1", id, 100)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !find("read") || !find("denied") {
		t.Fatal("a management call or a denial left no record")
	}
	if err := r.Done(ctx, call("SendMessage", "data", e), true, false, "", 7, 0); err != nil {
		t.Fatal(err)
	}
	if find("data") {
		t.Fatal("a data event was written at once")
	}
	if err := r.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if !find("data") {
		t.Fatal("a data event was lost")
	}
	counts, err := r.Counts(ctx, "111122223333", e.Wall().Add(-time.Hour), e.Wall().Add(time.Hour))
	if c := counts["sqs:SendMessage"]; err != nil || c.Calls != 2 || c.Errors != 1 || c.Bytes != 7 {
		t.Fatalf("%+v %v", counts, err)
	}
	for range 250 {
		r.Refused(call("SendMessage", env.NewID(e), e), "InvalidClientTokenId")
	}
	if r.RefusedBy()["InvalidClientTokenId"] != 250 || len(r.pending) != 3 {
		t.Fatalf("refusals: %v, samples %d", r.RefusedBy(), len(r.pending))
	}
}
