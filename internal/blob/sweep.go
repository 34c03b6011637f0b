package blob

import (
	"context"
	"path"
	"strings"

	"virga/internal/store"
)

// Run sweeps until ctx ends; it belongs to the plane's environment.
func (b *Blobs) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if _, err := b.cfg.Env.Wait(ctx, "blob/sweep", b.cfg.Env.Now().Add(sweepEvery)); err != nil {
			return
		}
		b.Sweep(ctx)
	}
}

// Sweep removes the files of blobs that were dropped long enough ago and those with neither record nor live intent;
// it tells how many it removed.
func (b *Blobs) Sweep(ctx context.Context) (removed int, err error) {
	dirs, err := b.cfg.FS.List(b.cfg.Dir)
	if err != nil {
		return 0, err
	}
	seen := 0
	for _, d := range dirs {
		names, err := b.cfg.FS.List(path.Join(b.cfg.Dir, d))
		if err != nil {
			continue // a file, not a folder
		}
		for _, n := range names {
			account, id, ok := strings.Cut(n, ".")
			if !ok || len(account) != 12 {
				continue
			}
			if seen++; seen > filesPerTick || ctx.Err() != nil {
				return removed, ctx.Err()
			}
			gone, err := b.sweepOne(ctx, account, id)
			if err != nil {
				return removed, err
			}
			if gone {
				b.cfg.Env.Point("blob swept")
				if err := b.cfg.FS.Remove(path.Join(b.cfg.Dir, d, n)); err == nil {
					removed++
				}
			}
		}
	}
	return removed, nil
}

// sweepOne decides in a transaction, so that a Keep at the same moment conflicts with it.
func (b *Blobs) sweepOne(ctx context.Context, account, id string) (gone bool, err error) {
	now := b.cfg.Env.Now()
	err = b.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		gone = false
		r, kept := store.Load[row](tx, rowKey(account, id))
		in, live := store.Load[intent](tx, intentKey(account, id))
		switch {
		case kept && r.Dropped.IsZero():
		case kept && now.Sub(r.Dropped) < keepDropped:
		case live && in.Until.After(now):
		default:
			gone = true
			tx.Delete(rowKey(account, id))
			tx.Delete(intentKey(account, id))
		}
		return nil
	})
	return gone, err
}
