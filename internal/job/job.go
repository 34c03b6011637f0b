// Package job is everything that happens later: durable steps with effects.
//
// A job is a row with a due time. When it is due, the runner that owns its shard claims it: in one transaction the
// kind's Step looks at the state and names effects; attempt and deadline are written with it. After the commit the
// effects run outside any transaction; then Settle records the outcome, fenced by the attempt and the shard's epoch, so a
// late result of an older claim is dropped. A crash anywhere between runs the job again at the claim's deadline. An
// effect's id does not depend on the attempt: who is called with it twice answers twice the same (Once).
//
// Due work is indexed shard ‖ account ‖ time and taken by round robin over the accounts with a quantum and caps, so
// one account's million due jobs do not delay another's. A job that fails FailuresMax times is parked, visible and
// redrivable.
//
// Keys: FamilyJob ‖ shard ‖ account ‖ kind ‖ id → row;  FamilyDue ‖ shard ‖ account ‖ time ‖ kind ‖ id → empty;
// FamilyDone ‖ 0 ‖ account ‖ effect id → answer.
package job

import (
	"context"
	"hash/fnv"
	"time"

	"virga/internal/store"
)

// Limits with names.
const (
	FailuresMax    = 20                     // failures in a row after which a job is parked
	ClaimDefault   = 30 * time.Second       // how long a claim holds without renewal
	quantum        = 8                      // jobs taken from one account in a turn
	runningMax     = 256                    // jobs under way per runner
	perAccountMax  = 64                     // of one account
	pollMax        = time.Second            // a wake may be lost; no due job waits longer than this for one
	seekPoll       = 250 * time.Millisecond // how soon a node notices that a shard has become its own
	backoffFirst   = 200 * time.Millisecond
	backoffMax     = time.Minute
	shardsOfStore  = 8
	doneKeepFor    = 24 * time.Hour
	payloadMax     = 1 << 20
	effectsPerStep = 256
)

// State of a job.
type State uint8

// The states of a job.
const (
	Waiting State = iota
	Claimed
	Parked
)

// Job is a durable step's row.
type Job struct {
	Kind     string    `rec:"1"`
	Account  string    `rec:"2"`
	ID       string    `rec:"3"`
	Due      time.Time `rec:"4"` // the claim's deadline while claimed
	State    State     `rec:"5"`
	Attempt  uint64    `rec:"6"`
	Epoch    uint64    `rec:"7"` // of the shard's lease under which it was claimed
	Failures int       `rec:"8"`
	LastErr  string    `rec:"9"`
	Payload  []byte    `rec:"10"` // the kind's own record
	Region   string    `rec:"11"`
	Effects  []Effect  `rec:"12"` // named by the claim under way
	Again    time.Time `rec:"13"` // asked for by At while claimed: due again when the claim settles
	Unknown  store.Unknown
}

// Effect is something to do outside the transaction.
type Effect struct {
	ID   string `rec:"1"` // independent of the attempt; made by EffectID
	Name string `rec:"2"`
	Data []byte `rec:"3"`
}

// Result is how an effect ended. Err is text, for it may come from anywhere.
type Result struct {
	Data []byte
	Err  string
	Code string
}

// Next says what becomes of a job. The zero value ends it.
type Next struct {
	At      time.Time // due again then
	Payload []byte    // replaces the payload where not nil
}

// End ends a job.
var End = Next{}

// Kind is what a service or a plane does later. Step and Settle are pure: they read and write through tx alone and may
// run many times; Do runs the effect and may be repeated with the same effect id.
type Kind interface {
	// Step looks at what is due and names effects. Without effects, next takes hold at once.
	Step(tx store.Tx, j *Job, now time.Time) (effects []Effect, next Next, err error)
	// Do runs one effect.
	Do(ctx context.Context, j Job, e Effect) Result
	// Settle records the results, in the order of the effects.
	Settle(tx store.Tx, j *Job, results []Result, now time.Time) (Next, error)
}

// Shard tells on which shard an id lives.
func Shard(account, kind, id string) uint16 {
	h := fnv.New32a()
	h.Write([]byte(account))
	h.Write([]byte{0})
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(id))
	return uint16(h.Sum32() % shardsOfStore)
}

func jobKey(account, kind, id string) store.Key {
	return store.K(store.FamilyJob, Shard(account, kind, id), account).Str(kind).Str(id)
}

func dueKey(j *Job) store.Key {
	return store.K(store.FamilyDue, Shard(j.Account, j.Kind, j.ID), j.Account).Time(j.Due).Str(j.Kind).Str(j.ID)
}

// At makes or moves a job: one per account, kind and id. A job that is under way goes on, and is due again at due when
// its claim settles, with the new payload where one is given.
func At(tx store.Tx, account, region, kind, id string, due time.Time, payload []byte) {
	if len(payload) > payloadMax {
		panic("job: payload over its limit: " + kind)
	}
	j := &Job{Kind: kind, Account: account, Region: region, ID: id}
	if old, ok := store.Load[Job](tx, jobKey(account, kind, id)); ok {
		if old.State == Claimed {
			if old.Again.IsZero() || due.Before(old.Again) {
				old.Again = due
			}
			if payload != nil {
				old.Payload = payload
			}
			put(tx, old)
			return
		}
		tx.Delete(dueKey(old))
		j.Attempt = old.Attempt
	}
	j.Due, j.Payload = due, payload
	put(tx, j)
	tx.Wake(topic(Shard(account, kind, id)))
}

// Cancel takes a job away; a claim under way settles into nothing.
func Cancel(tx store.Tx, account, kind, id string) {
	if old, ok := store.Load[Job](tx, jobKey(account, kind, id)); ok {
		tx.Delete(dueKey(old))
		tx.Delete(jobKey(account, kind, id))
	}
}

// Get reads a job.
func Get(r store.Reader, account, kind, id string) (*Job, bool) {
	return store.Load[Job](r, jobKey(account, kind, id))
}

// Redrive lets a parked job run again.
func Redrive(tx store.Tx, account, kind, id string, now time.Time) bool {
	j, ok := store.Load[Job](tx, jobKey(account, kind, id))
	if !ok || j.State != Parked {
		return false
	}
	j.State, j.Failures, j.Due = Waiting, 0, now
	put(tx, j)
	tx.Wake(topic(Shard(account, kind, id)))
	return true
}

func put(tx store.Tx, j *Job) {
	store.Put(tx, jobKey(j.Account, j.Kind, j.ID), j)
	if j.State != Parked {
		tx.Set(dueKey(j), nil)
	}
}

// EffectID names an effect of a job so that a repeat carries the same name.
func EffectID(j *Job, part string) string { return j.Kind + "/" + j.Account + "/" + j.ID + "/" + part }

type doneRow struct {
	At     time.Time `rec:"1"`
	Answer []byte    `rec:"2"`
}

func doneKey(account, effect string) store.Key {
	return store.K(store.FamilyDone, 0, account).Str(effect)
}

// Once gives a repeat of an effect the answer of the first time. Called inside the operation's transaction: when
// done is true, answer is what Finish kept, and the operation must change nothing.
func Once(tx store.Tx, account, effect string) (answer []byte, done bool) {
	if effect == "" {
		return nil, false
	}
	if d, ok := store.Load[doneRow](tx, doneKey(account, effect)); ok {
		return d.Answer, true
	}
	return nil, false
}

// Finish keeps the answer for Once, in the operation's transaction.
func Finish(tx store.Tx, account, effect string, now time.Time, answer []byte) {
	if effect == "" {
		return
	}
	store.Put(tx, doneKey(account, effect), &doneRow{At: now, Answer: answer})
	bucket := now.Truncate(doneKeepFor)
	id := bucket.Format("2006-01-02")
	if _, ok := Get(tx, account, sweepKind, id); !ok {
		At(tx, account, "", sweepKind, id, bucket.Add(2*doneKeepFor), nil)
	}
}
