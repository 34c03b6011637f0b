package cloudformation

import (
	"context"
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"time"

	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/template"
)

// stackKind is the job that decides for a stack: which resources may start, when a phase is over, what comes next. It
// has no effects of its own, so a decision and its events commit together.
const stackKind = "cfn.stack"

type stackPayload struct{ Region, ID string }

func (p stackPayload) bytes() []byte { return jsonOf(p) }

// decide makes the stack's coordinator look again.
func decide(tx store.Tx, st *stack, now time.Time) {
	job.At(tx, st.Account, st.Region, stackKind, st.ID, now, stackPayload{st.Region, st.ID}.bytes())
}

type coordinator struct{ s *Service }

// Do implements job.Kind: there are no effects.
func (*coordinator) Do(context.Context, job.Job, job.Effect) job.Result { return job.Result{} }

// Settle implements job.Kind.
func (*coordinator) Settle(store.Tx, *job.Job, []job.Result, time.Time) (job.Next, error) {
	return job.End, nil
}

// Step implements job.Kind.
func (k *coordinator) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	var p stackPayload
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return nil, job.End, nil
	}
	st, ok := store.Load[stack](tx, stackKey(j.Account, p.Region, p.ID))
	if ok && st.Status == "DELETE_COMPLETE" && st.Operation == nil {
		return nil, k.s.forget(tx, st, now), nil
	}
	if !ok || st.Operation == nil {
		return nil, job.End, nil
	}
	var next time.Time
	for st.Operation != nil { // a phase that ends at once leads to the next
		was := st.Operation.Phase
		var err error
		switch was {
		case phaseApply:
			next, err = k.s.apply(tx, st, now)
		case phaseRollback:
			next, err = time.Time{}, k.s.rollback(tx, st, now)
		case phaseCleanup:
			next, err = time.Time{}, k.s.cleanup(tx, st, now)
		case phaseDelete:
			next, err = time.Time{}, k.s.remove(tx, st, now)
		}
		if err != nil {
			return nil, job.End, err
		}
		if st.Operation == nil || st.Operation.Phase == was {
			break
		}
	}
	store.Put(tx, st.key(), st)
	if st.Status == "DELETE_COMPLETE" {
		next = now.Add(keepDeleted)
	}
	return nil, job.Next{At: next}, nil
}

// forget takes away what is known of a deleted stack when nobody may ask for it any more.
func (s *Service) forget(tx store.Tx, st *stack, now time.Time) job.Next {
	if at := st.Deleted.Add(keepDeleted); now.Before(at) {
		return job.Next{At: at}
	}
	for _, p := range []store.Key{rowsOf(st), eventsOf(st), changeSetsOf(st), key(st.Account, "t", st.Region).Str(st.ID), key(st.Account, "w", st.Region).Str(st.ID)} {
		tx.DeleteRange(p, p.End())
	}
	tx.Delete(st.key())
	return job.End
}

// start sets a resource's job going.
func (s *Service) start(tx store.Tx, st *stack, r *row, action string, now time.Time) {
	r.Work, r.Action, r.Step, r.Stage, r.Context, r.Since = workRunning, action, "", 0, nil, now
	r.Try++
	store.Put(tx, rowKey(st, r.ID), r)
	job.At(tx, st.Account, st.Region, resourceKind, resourceID(st, r.ID, action), now, resourcePayload{st.Region, st.ID, r.ID, st.Operation.Number, action}.bytes())
}

func byID(all []*row) map[string]*row {
	m := make(map[string]*row, len(all))
	for _, r := range all {
		m[r.ID] = r
	}
	return m
}

// apply starts every resource whose dependencies are done, and ends the phase when nothing is left.
func (s *Service) apply(tx store.Tx, st *stack, now time.Time) (time.Time, error) {
	op := st.Operation
	have := byID(rows(tx, st))
	b, err := s.boundFor(tx, st, &op.Want)
	if err != nil { // it was read when the operation began: this version reads it otherwise
		op.Failed, op.Why = []string{""}, "The template cannot be read: "+err.Error()+". "
		s.fail(tx, st, have, now)
		return time.Time{}, nil
	}
	running, left := 0, 0
	if st.TimeoutAfter > 0 && op.Kind == "create" && len(op.Failed) == 0 && !now.Before(op.Started.Add(time.Duration(st.TimeoutAfter)*time.Minute)) {
		op.Why, op.Failed = "Stack creation time exceeded the specified timeout. ", []string{""}
	}
	for _, id := range b.Graph().Order() {
		r := have[id]
		deps := b.Graph().Deps(id)
		switch {
		case r != nil && r.Work == workRunning:
			running++
			continue
		case r != nil && r.Work != workNone && r.Work != workWaiting:
			continue
		}
		left++
		if len(op.Failed) > 0 || op.Cancelled {
			continue
		}
		ready := true
		for _, d := range deps {
			if x := have[d]; x == nil || x.Work != workDone {
				ready = false
			}
		}
		if !ready {
			continue
		}
		def, _ := b.Resource(id)
		if r == nil {
			r = &row{ID: id, Type: def.Type}
			have[id] = r
		} else if r.Before == nil && r.Physical != "" {
			r.Before = r.snapshot()
		}
		r.Gone, r.Deps = false, deps
		if r.Keep, r.KeepOld, err = b.Policies(def); err != nil {
			return time.Time{}, err
		}
		s.start(tx, st, r, actionApply, now)
		running++
	}
	switch {
	case running > 0:
	case len(op.Failed) > 0 || op.Cancelled:
		s.fail(tx, st, have, now)
	case left == 0:
		return time.Time{}, s.applied(tx, st, b, have, now)
	}
	if st.TimeoutAfter > 0 && op.Kind == "create" && st.Operation == op && op.Phase == phaseApply && len(op.Failed) == 0 {
		return op.Started.Add(time.Duration(st.TimeoutAfter) * time.Minute), nil
	}
	return time.Time{}, nil
}

// fail ends the apply phase after a failure: it goes back, or stops where it is.
func (s *Service) fail(tx store.Tx, st *stack, have map[string]*row, now time.Time) {
	op := st.Operation
	why := op.Why
	if why == "" {
		failed := map[bool][]string{}
		for _, f := range op.Failed {
			if r := have[f]; r != nil {
				failed[r.Before != nil] = append(failed[r.Before != nil], f)
			}
		}
		for _, before := range []bool{false, true} {
			if ids := failed[before]; len(ids) > 0 {
				sort.Strings(ids)
				why += "The following resource(s) failed to " + map[bool]string{false: "create", true: "update"}[before] + ": [" + strings.Join(ids, ", ") + "]. "
			}
		}
	}
	if op.Kind == "create" {
		switch {
		case st.OnFailure == "DO_NOTHING" || st.NoRollback:
			s.stackEvent(tx, st, "CREATE_FAILED", why, now)
			s.done(tx, st, have)
		case st.OnFailure == "DELETE":
			op.Phase = phaseDelete
			st.Deleted = now
			s.stackEvent(tx, st, "DELETE_IN_PROGRESS", why+"Delete requested by user.", now)
		default:
			st.Deleted = now
			op.Phase = phaseRollback
			s.stackEvent(tx, st, "ROLLBACK_IN_PROGRESS", why+"Rollback requested by user.", now)
		}
		return
	}
	if op.NotAgain || st.NoRollback && op.Kind == "update" && !op.Cancelled {
		s.stackEvent(tx, st, "UPDATE_FAILED", why, now)
		s.done(tx, st, have)
		return
	}
	op.Phase = phaseRollback
	if !op.Cancelled { // cancelling said so already
		s.stackEvent(tx, st, "UPDATE_ROLLBACK_IN_PROGRESS", why, now)
	}
}

// applied ends the apply phase after success: outputs, exports, then the cleanup of an update.
func (s *Service) applied(tx store.Tx, st *stack, b *template.Bound, have map[string]*row, now time.Time) error {
	op := st.Operation
	outs, why := s.outputs(tx, st, b, have)
	if why != "" {
		op.Failed, op.Why = []string{""}, strings.TrimSuffix(why, ".")+". "
		s.fail(tx, st, have, now)
		return nil
	}
	st.Outputs, st.Now, st.Description = outs, op.Want, op.Want.Description
	if op.Kind == "create" {
		s.stackEvent(tx, st, "CREATE_COMPLETE", "", now)
		s.done(tx, st, have)
		return nil
	}
	for _, r := range have {
		if _, in := b.Resource(r.ID); !in {
			r.Gone = true
			r.Work, r.Action = workWaiting, actionDelete
			store.Put(tx, rowKey(st, r.ID), r)
		} else if len(r.Old) > 0 {
			r.Work, r.Action = workWaiting, actionClean
			store.Put(tx, rowKey(st, r.ID), r)
		}
	}
	op.Phase = phaseCleanup
	s.stackEvent(tx, st, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "", now)
	return nil
}

// done ends the operation and clears the rows' work.
func (s *Service) done(tx store.Tx, st *stack, have map[string]*row) {
	st.Operation = nil
	for _, r := range have {
		if r.Physical == "" && r.Status == "" && len(r.Old) == 0 {
			tx.Delete(rowKey(st, r.ID))
			continue
		}
		// What was replaced and not cleaned up, for the update ended in failure, stays known.
		r.Work, r.Action, r.Desired, r.Step, r.Stage, r.Context, r.Changed, r.Before = workNone, "", nil, "", 0, nil, "", nil
		store.Put(tx, rowKey(st, r.ID), r)
	}
	tx.Wake(eventTopic(st))
}

// users gives, for each resource, those that need it: they go first when things are deleted.
func users(have map[string]*row) map[string][]string {
	m := map[string][]string{}
	for _, r := range have {
		for _, d := range r.Deps {
			m[d] = append(m[d], r.ID)
		}
	}
	return m
}

// needed tells whether something that could not be deleted still needs a resource, at once or through others.
func needed(have map[string]*row, users map[string][]string, match func(r *row) bool, id string) bool {
	for _, u := range users[id] {
		x := have[u]
		if x == nil || u == id {
			continue
		}
		if x.Work == workFailed && x.Action == actionDelete || x.Work != workRunning && match(x) && needed(have, users, match, u) {
			return true
		}
	}
	return false
}

// sweep starts the deletions of rows that match, dependents first; it tells how many are under way or waiting.
func (s *Service) sweep(tx store.Tx, st *stack, have map[string]*row, action string, match func(r *row) bool, now time.Time) (left int) {
	need := users(have)
	ids := make([]string, 0, len(have))
	for id := range have {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		r := have[id]
		if r.Work == workRunning {
			left++
			continue
		}
		if !match(r) || st.Operation.Phase != phaseCleanup && needed(have, need, match, id) { // a cleanup tries everything once
			continue
		}
		left++
		free := true
		for _, u := range need[id] {
			if x := have[u]; x != nil && u != id && (x.Work == workRunning || match(x)) {
				free = false
			}
		}
		if free {
			s.start(tx, st, r, action, now)
		}
	}
	return left
}

// rollback goes back: a failed creation is deleted, a failed update undone.
func (s *Service) rollback(tx store.Tx, st *stack, now time.Time) error {
	op := st.Operation
	have := byID(rows(tx, st))
	if op.Kind == "create" {
		match := func(r *row) bool {
			return r.Action != actionDelete && (r.Physical != "" || r.Changed == "created")
		}
		if s.sweep(tx, st, have, actionDelete, match, now) > 0 {
			return nil
		}
		var bad []string
		for _, r := range have {
			if r.Work == workFailed && r.Action == actionDelete {
				bad = append(bad, r.ID)
			}
		}
		if len(bad) > 0 {
			sort.Strings(bad)
			s.stackEvent(tx, st, "ROLLBACK_FAILED", "The following resource(s) failed to delete: ["+strings.Join(bad, ", ")+"]. ", now)
		} else {
			s.stackEvent(tx, st, "ROLLBACK_COMPLETE", "", now)
		}
		st.Now = op.Want
		s.done(tx, st, have)
		return nil
	}
	// an update: what was changed is changed back, in no order, for the properties of before are known
	left := 0
	var bad []string
	ids := make([]string, 0, len(have))
	for id := range have {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		r := have[id]
		switch {
		case r.Work == workRunning:
			left++
		case r.Action == actionRevert && r.Work == workFailed && !contains(op.Skip, id):
			bad = append(bad, id)
		case r.Action == actionRevert:
		case r.Changed == "updated" || r.Changed == "replaced" && r.Before != nil || (r.Work == workFailed || r.Work == workOff) && r.Before != nil:
			s.start(tx, st, r, actionRevert, now)
			left++
		}
	}
	if left > 0 {
		return nil
	}
	if len(bad) > 0 {
		s.stackEvent(tx, st, "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: ["+strings.Join(bad, ", ")+"]. ", now)
		return nil // ContinueUpdateRollback goes on from here: the operation stays
	}
	st.Now = op.Before
	for _, r := range have {
		if r.Before == nil && r.Changed == "created" {
			r.Work, r.Action = workWaiting, actionDelete
			r.Gone = true
			store.Put(tx, rowKey(st, r.ID), r)
		} else if len(r.Old) > 0 {
			r.Work, r.Action = workWaiting, actionClean
			store.Put(tx, rowKey(st, r.ID), r)
		} else if r.Before == nil && r.Physical == "" {
			r.Gone = true
			store.Put(tx, rowKey(st, r.ID), r)
		}
	}
	op.Phase = phaseCleanup
	s.stackEvent(tx, st, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", now)
	return nil
}

func contains(l []string, v string) bool {
	for _, x := range l {
		if x == v {
			return true
		}
	}
	return false
}

// cleanup deletes what an update replaced or took out; what cannot be deleted stays and is said in an event.
func (s *Service) cleanup(tx store.Tx, st *stack, now time.Time) error {
	have := byID(rows(tx, st))
	left := s.sweep(tx, st, have, actionDelete, func(r *row) bool { return r.Work == workWaiting && r.Action == actionDelete }, now)
	for _, r := range have {
		if r.Work == workWaiting && r.Action == actionClean {
			s.start(tx, st, r, actionClean, now)
			left++
		}
	}
	if left > 0 {
		return nil
	}
	for id, r := range have {
		if r.Gone {
			tx.Delete(rowKey(st, id))
			delete(have, id)
		}
	}
	status := "UPDATE_COMPLETE"
	if st.Status == "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" {
		status = "UPDATE_ROLLBACK_COMPLETE"
	}
	s.settleImports(tx, st, status == "UPDATE_COMPLETE")
	s.stackEvent(tx, st, status, "", now)
	s.done(tx, st, have)
	return nil
}

// remove deletes a stack's resources, dependents first, and then the stack.
func (s *Service) remove(tx store.Tx, st *stack, now time.Time) error {
	have := byID(rows(tx, st))
	olds := 0
	for _, r := range have { // what a failed update replaced
		if len(r.Old) > 0 && r.Work != workRunning {
			s.start(tx, st, r, actionClean, now)
		}
		if r.Work == workRunning && r.Action == actionClean {
			olds++
		}
	}
	if olds > 0 {
		return nil
	}
	if s.sweep(tx, st, have, actionDelete, func(r *row) bool {
		return r.Action != actionDelete && r.Status != "DELETE_COMPLETE" && r.Status != "DELETE_SKIPPED"
	}, now) > 0 {
		return nil
	}
	var bad []string
	for _, r := range have {
		if r.Work == workFailed {
			bad = append(bad, r.ID)
		}
	}
	if len(bad) > 0 {
		sort.Strings(bad)
		s.stackEvent(tx, st, "DELETE_FAILED", "The following resource(s) failed to delete: ["+strings.Join(bad, ", ")+"]. ", now)
		s.done(tx, st, have)
		return nil
	}
	s.unexport(tx, st)
	st.Deleted = now
	s.stackEvent(tx, st, "DELETE_COMPLETE", "", now)
	s.done(tx, st, have)
	tx.Delete(nameKey(st.Account, st.Region, st.Name))
	return nil
}

// begin makes an operation on a stack; the caller has checked that none is under way, and writes the stack.
func (s *Service) begin(tx store.Tx, st *stack, op operation, now time.Time) {
	st.Operations++
	op.Number, op.Started = st.Operations, now
	st.Operation = &op
	decide(tx, st, now)
}

// newSuffix draws what makes a physical name unique.
func (s *Service) newSuffix() string { return env.NewName(s.cfg.Env, env.AlnumMix, 12) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
