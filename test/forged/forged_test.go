package forged

import (
	"context"
	"testing"

	"virga/internal/wire"
)

// TestInputs shows that the generated inputs are what the servers read.
func TestInputs(t *testing.T) {
	w := newWorld(t)
	n := 0
	for _, x := range w.targets() {
		h := w.Gate.Handler(x.op)
		in, err := wire.Decode(h, x.p, x.wireRequest())
		if err != nil {
			t.Errorf("%s: %v", x, err)
			continue
		}
		var reqs wire.Requirements
		ctx := wire.WithCall(context.Background(), &wire.Call{Account: account, Region: region, Partition: "aws", Service: x.op.Schema.Package, Operation: x.op.Name, Domain: "localhost",
			Principal: wire.Principal{Type: "Root", Account: account, ID: account, ARN: "arn:aws:iam::" + account + ":root"}})
		if err := h.Requires(ctx, in, &reqs); err != nil {
			t.Errorf("%s requires: %v", x, err)
		}
		n++
	}
	t.Logf("%d operations in their protocols", n)
}
