// Package record is what every call leaves behind: an audit record (management calls and denials always, data calls
// in batches), a count in AWS's units, and a line of log.
//
// A management call that writes carries its audit row in its own transaction (Rider); one that only reads, and every
// denial of an authenticated caller, is written before the answer leaves; data calls are written in batches, of which a
// crash loses at most a second. Refusals of callers that nobody knows are counted, and one in sampleEvery is kept.
//
// Keys: FamilyAudit ‖ 0 ‖ account ‖ region ‖ time ‖ request id → Event;  FamilyMeter ‖ 0 ‖ account ‖ minute ‖ service ‖
// operation ‖ node → Count.
//
// The plane writes directly and is never recorded itself.
package record

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/wire"
)

// Limits with names.
const (
	flushEvery  = 500 * time.Millisecond // data events and counts; what a crash may lose
	pendingMax  = 20_000                 // data events waiting; beyond it they are counted as dropped
	batchMax    = 1000                   // rows in one transaction
	sampleEvery = 100
	keepFor     = 90 * 24 * time.Hour
	metersMax   = 50_000 // distinct counters between two flushes
)

// Event is one audit record, in CloudTrail's terms.
type Event struct {
	Time      time.Time `rec:"1"`
	RequestID string    `rec:"2"`
	Service   string    `rec:"3"`
	Operation string    `rec:"4"`
	Region    string    `rec:"5"`
	Principal string    `rec:"6"` // ARN
	UserID    string    `rec:"7"`
	AccessKey string    `rec:"8"`
	SourceIP  string    `rec:"9"`
	UserAgent string    `rec:"10"`
	ErrorCode string    `rec:"11"`
	Decision  []byte    `rec:"12"` // policy explanation of a denial, JSON
	Data      bool      `rec:"13"` // a data event
	Depth     int       `rec:"14"`
	Via       string    `rec:"15"`
	Unknown   store.Unknown
}

// Count is how often an operation was called in a minute.
type Count struct {
	Calls, Errors, Bytes uint64
}

type countRow struct {
	Calls  uint64 `rec:"1"`
	Errors uint64 `rec:"2"`
	Bytes  uint64 `rec:"3"`
}

// Config joins the plane.
type Config struct {
	Env   env.Env
	Store store.Store
	Node  string
	Log   *slog.Logger
	// DataEvents says whether data calls are audited at all: on in development, off unless asked for otherwise.
	DataEvents bool
}

// Recorder is the plane.
type Recorder struct {
	cfg Config

	mu      sync.Mutex // never held across a wait
	pending []pending
	meters  map[meterKey]*Count
	dropped uint64
	refused map[string]uint64

	Refusals atomic.Uint64
}

type pending struct {
	account string
	e       Event
}

type meterKey struct {
	account, service, operation string
	minute                      int64
}

// New makes the plane; Run flushes until its context ends.
func New(cfg Config) *Recorder {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{cfg: cfg, meters: map[meterKey]*Count{}, refused: map[string]uint64{}}
}

// EventOf makes the audit record of a call.
func EventOf(c *wire.Call, errorCode string) Event {
	e := Event{Time: c.Time, RequestID: c.RequestID, Service: c.Service, Operation: c.Operation, Region: c.Region, Principal: c.Principal.ARN,
		UserID: c.Principal.ID, AccessKey: c.Principal.AccessKey, SourceIP: c.SourceIP, UserAgent: clip(c.UserAgent, 512), ErrorCode: errorCode, Depth: c.Depth}
	for i, v := range c.Via {
		if i > 0 {
			e.Via += ","
		}
		e.Via += v
	}
	return e
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func eventKey(account string, e *Event) store.Key {
	return store.K(store.FamilyAudit, 0, account).Str(e.Region).Time(e.Time).Str(e.RequestID)
}

func accountOf(c *wire.Call) string {
	if len(c.Principal.Account) == 12 {
		return c.Principal.Account
	}
	if len(c.Account) == 12 {
		return c.Account
	}
	return store.SystemAccount
}

// Rider gives the rows that the call's first transaction carries. The error code stays empty: a call that fails after
// its transaction is recorded once more by Done.
func (r *Recorder) Rider(c *wire.Call) store.Rider {
	e, account := EventOf(c, ""), accountOf(c)
	return func(tx store.Tx) { store.Put(tx, eventKey(account, &e), &e) }
}

// Done records a call that has ended. carried tells that a transaction of the call took the rider with it.
func (r *Recorder) Done(ctx context.Context, c *wire.Call, data, carried bool, code string, bytes int64, took time.Duration) error {
	r.count(c, code, bytes)
	if r.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		r.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "call", slog.String("service", c.Service), slog.String("operation", c.Operation),
			slog.String("request", c.RequestID), slog.String("account", c.Account), slog.String("region", c.Region), slog.String("error", code), slog.Duration("took", took))
	}
	switch {
	case carried && code == "":
		return nil
	case data:
		if r.cfg.DataEvents {
			e := EventOf(c, code)
			e.Data = true
			r.later(accountOf(c), e)
		}
		return nil
	default:
		return r.write(ctx, accountOf(c), EventOf(c, code))
	}
}

// Denied records that an authenticated caller was refused; decision explains it.
func (r *Recorder) Denied(ctx context.Context, c *wire.Call, code string, decision []byte) error {
	r.count(c, code, 0)
	e := EventOf(c, code)
	e.Decision = decision
	return r.write(ctx, accountOf(c), e)
}

// Refused counts a call whose caller nobody knows; one in sampleEvery is kept under the system's account.
func (r *Recorder) Refused(c *wire.Call, code string) {
	n := r.Refusals.Add(1)
	r.mu.Lock()
	if len(r.refused) < 1000 {
		r.refused[code]++
	}
	r.mu.Unlock()
	if n%sampleEvery == 1 {
		r.later(store.SystemAccount, EventOf(c, code))
	}
}

// RefusedBy gives the counts of refusals by code since the start.
func (r *Recorder) RefusedBy() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]uint64, len(r.refused))
	for k, v := range r.refused {
		out[k] = v
	}
	return out
}

func (r *Recorder) write(ctx context.Context, account string, e Event) error {
	// A client that left takes nothing from the record.
	err := r.cfg.Store.Update(context.WithoutCancel(ctx), nil, func(tx store.Tx) error {
		store.Put(tx, eventKey(account, &e), &e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

func (r *Recorder) later(account string, e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) >= pendingMax {
		r.dropped++
		return
	}
	r.pending = append(r.pending, pending{account, e})
}

func (r *Recorder) count(c *wire.Call, code string, bytes int64) {
	k := meterKey{accountOf(c), c.Service, c.Operation, c.Time.Unix() / 60}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.meters[k]
	if m == nil {
		if len(r.meters) >= metersMax {
			return
		}
		m = &Count{}
		r.meters[k] = m
	}
	m.Calls++
	m.Bytes += uint64(max(bytes, 0))
	if code != "" {
		m.Errors++
	}
}

// Run flushes until ctx ends, and once more then.
func (r *Recorder) Run(ctx context.Context) {
	for {
		_, err := r.cfg.Env.Wait(ctx, "record/flush", r.cfg.Env.Now().Add(flushEvery))
		if e := r.Flush(context.WithoutCancel(ctx)); e != nil {
			r.cfg.Log.Warn("record", "err", e)
		}
		if err != nil {
			return
		}
	}
}

// Flush writes what waits: data events in batches, counts added to their minute's row.
func (r *Recorder) Flush(ctx context.Context) error {
	r.mu.Lock()
	events, meters, dropped := r.pending, r.meters, r.dropped
	r.pending, r.meters, r.dropped = nil, map[meterKey]*Count{}, 0
	r.mu.Unlock()
	if dropped > 0 {
		r.cfg.Log.Warn("data events were not audited: too many at once", "dropped", dropped, "limit", pendingMax)
	}
	for len(events) > 0 {
		n := min(len(events), batchMax)
		part := events[:n]
		events = events[n:]
		err := r.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
			for i := range part {
				store.Put(tx, eventKey(part[i].account, &part[i].e), &part[i].e)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	type one struct {
		k meterKey
		c *Count
	}
	all := make([]one, 0, len(meters))
	for k, c := range meters {
		all = append(all, one{k, c})
	}
	for len(all) > 0 {
		n := min(len(all), batchMax)
		part := all[:n]
		all = all[n:]
		err := r.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
			for _, o := range part {
				k := store.K(store.FamilyMeter, 0, o.k.account).Uint(uint64(o.k.minute)).Str(o.k.service).Str(o.k.operation).Str(r.cfg.Node)
				row, ok := store.Load[countRow](tx, k)
				if !ok {
					row = &countRow{}
				}
				row.Calls += o.c.Calls
				row.Errors += o.c.Errors
				row.Bytes += o.c.Bytes
				store.Put(tx, k, row)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Find gives the audit records of an account and region between two times, newest first, at most max.
func (r *Recorder) Find(ctx context.Context, account, region string, from, to time.Time, max int) ([]Event, error) {
	var out []Event
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		out = nil
		p := store.K(store.FamilyAudit, 0, account).Str(region)
		store.Each(rd, store.Span{From: p.Time(from), To: p.Time(to).End(), Reverse: true}, func(_ store.Key, e *Event) bool {
			out = append(out, *e)
			return len(out) < max
		})
		return nil
	})
	return out, err
}

// ByRequest finds the record of a request id among an account's newest.
func (r *Recorder) ByRequest(ctx context.Context, account, region, requestID string, max int) (*Event, bool, error) {
	var found *Event
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		found = nil
		n := 0
		p := store.Prefix(store.K(store.FamilyAudit, 0, account).Str(region))
		p.Reverse = true
		store.Each(rd, p, func(_ store.Key, e *Event) bool {
			if e.RequestID == requestID {
				found = e
				return false
			}
			n++
			return n < max
		})
		return nil
	})
	return found, found != nil, err
}

// Counts sums an account's calls by service and operation between two times.
func (r *Recorder) Counts(ctx context.Context, account string, from, to time.Time) (map[string]Count, error) {
	var out map[string]Count
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		out = map[string]Count{}
		p := store.K(store.FamilyMeter, 0, account)
		store.Each(rd, store.Span{From: p.Uint(uint64(from.Unix() / 60)), To: p.Uint(uint64(to.Unix()/60) + 1)}, func(k store.Key, row *countRow) bool {
			name := k.StrPart(1) + ":" + k.StrPart(2)
			c := out[name]
			c.Calls += row.Calls
			c.Errors += row.Errors
			c.Bytes += row.Bytes
			out[name] = c
			return true
		})
		return nil
	})
	return out, err
}

// Expire removes the audit rows of an account and region that are older than they are kept; it is called by a step.
func Expire(tx store.Tx, account, region string, now time.Time) {
	p := store.K(store.FamilyAudit, 0, account).Str(region)
	tx.DeleteRange(p, p.Time(now.Add(-keepFor)))
}
