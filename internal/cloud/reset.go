package cloud

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"virga/internal/auth"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits with names.
const (
	resetQuiet  = 5 * time.Second // for what is under way to end
	resetPoll   = 200 * time.Microsecond
	epochsPerTx = 4000
)

// Reset takes away everything that an account owns, or every account where it is "". What stays is the record of what
// was done, keys, and the root access keys.
//
// Nothing of before acts afterwards: new calls wait at the gate, those under way and the effects of jobs are ended, the
// environments of functions are killed, and when the last of them has left one transaction removes the rows and raises
// every epoch, so that nothing cached outlives it. Files of blobs are without a record then, and the sweeper takes them.
func (c *Cloud) Reset(ctx context.Context, account string) error {
	c.resetting.Lock()
	defer c.resetting.Unlock()
	ctx = context.WithoutCancel(ctx)
	left, open := c.Gate.Halt(account)
	defer open()
	ended, resume := c.jobs.Halt(account)
	defer resume()
	c.compute.Reset(account)
	for until := time.Now().Add(resetQuiet); !left() || !ended(); {
		if time.Now().After(until) {
			return wire.Errorf("ServiceUnavailable", 503, "Something that was under way did not end within %s; nothing was taken away. Try again.", resetQuiet)
		}
		time.Sleep(resetPoll)
		c.compute.Reset(account) // one may have been about to start
	}
	scopes, err := c.epochs(ctx)
	if err != nil {
		return err
	}
	for first := true; first || len(scopes) > 0; first = false {
		n := min(len(scopes), epochsPerTx)
		part := scopes[:n]
		scopes = scopes[n:]
		err := c.Store.Update(ctx, nil, func(tx store.Tx) error {
			if first {
				c.forget(tx, account)
			}
			for _, s := range part {
				tx.Bump(s)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("reset: %w", err)
		}
	}
	return nil
}

func (c *Cloud) forget(tx store.Tx, account string) {
	auth.Forget(tx, account)
	if account == "" {
		for _, f := range store.Holdings() {
			lo, hi := binary.BigEndian.AppendUint16(nil, uint16(f)), binary.BigEndian.AppendUint16(nil, uint16(f)+1)
			tx.DeleteRange(store.Key(lo), store.Key(hi))
		}
		return
	}
	for _, fn := range c.forgets {
		fn(tx, account)
	}
	for _, f := range store.Holdings() {
		for shard := range uint16(store.ShardsMax) {
			p := store.K(f, shard, account)
			tx.DeleteRange(p, p.End())
		}
	}
}

// epochs lists every scope that was ever raised.
func (c *Cloud) epochs(ctx context.Context) ([]string, error) {
	var out []string
	err := c.Store.View(ctx, func(r store.Reader) error {
		out = nil
		p := store.K(store.FamilyEpoch, 0, store.SystemAccount)
		r.Range(store.Prefix(p), func(k store.Key, _ []byte) bool {
			out = append(out, k.StrPart(0))
			return true
		})
		return nil
	})
	return out, err
}
