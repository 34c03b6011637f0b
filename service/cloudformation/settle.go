package cloudformation

import (
	"encoding/json"
	"time"

	"virga/internal/job"
	"virga/internal/store"
)

// Settle implements job.Kind: it records what an effect found or did, writes the event, and makes the stack look again.
func (k *worker) Settle(tx store.Tx, j *job.Job, rs []job.Result, now time.Time) (job.Next, error) {
	_, st, r := k.load(tx, j)
	if r == nil {
		return job.End, nil
	}
	var d done
	switch {
	case rs[0].Code == "gone":
		return job.End, nil
	case rs[0].Err != "": // the server's own fault: tried again, with the same effect id
		if now.Sub(r.Since) > workMax {
			d.Failure = "Internal error: " + rs[0].Err
			break
		}
		wait := min(retryFirst<<min(j.Attempt, 6), 30*time.Second)
		return job.Next{At: now.Add(wait)}, nil
	default:
		if err := json.Unmarshal(rs[0].Data, &d); err != nil {
			return job.Next{}, err
		}
	}
	s := k.s
	next := job.End
	switch {
	case d.Failure != "":
		if !d.Made && r.Stage == 0 {
			s.unmade(r)
		} else if d.Physical != "" && (r.Step == "create" || r.Step == "replace") {
			r.Physical = d.Physical
		}
		s.failed(tx, st, r, d.Failure, now)
	case r.Step == "":
		next = s.planned(tx, st, r, d, now)
	case d.Pending:
		next = s.pending(tx, st, r, d, now)
	default:
		s.settled(tx, st, r, d, now)
	}
	store.Put(tx, rowKey(st, r.ID), r)
	if r.Work != workRunning {
		decide(tx, st, now)
	}
	store.Put(tx, st.key(), st)
	return next, nil
}

// unmade takes back the physical id that was chosen for what was then not made: what has that name is not the stack's.
func (s *Service) unmade(r *row) {
	switch {
	case r.Action != actionApply:
	case r.Step == "create":
		r.Physical, r.Ref, r.Attributes = "", "", nil
	case r.Step == "replace" && r.Before != nil:
		before := *r.Before
		before.Deps, before.Keep, before.KeepOld = r.Deps, r.Keep, r.KeepOld
		r.restore(&before)
		r.Old = r.Old[:len(r.Old)-1]
	}
}

// planned records the decision, so that it holds before the service is called.
func (s *Service) planned(tx store.Tx, st *stack, r *row, d done, now time.Time) job.Next {
	r.Step, r.Stage, r.Context = d.Step, 0, nil
	if d.Metadata != nil {
		r.Metadata = d.Metadata
	}
	switch d.Step {
	case "": // nothing to do
		r.Work = workDone
		if r.Desired = nil; d.Desired != nil {
			r.Properties = d.Desired
		}
		return job.End
	case "create":
		r.Desired, r.Suffix, r.Physical = d.Desired, d.Suffix, d.Physical
		physical := r.Physical
		r.Physical = ""
		s.rowEvent(tx, st, r, "CREATE_IN_PROGRESS", "", now)
		r.Physical = physical
		if r.Before == nil {
			r.Changed = "created"
		}
	case "update":
		r.Desired = d.Desired
		s.rowEvent(tx, st, r, "UPDATE_IN_PROGRESS", "", now)
	case "replace":
		r.Desired = d.Desired
		s.rowEvent(tx, st, r, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; hence creating one.", now)
		r.Old = append(r.Old, old{Type: r.Type, Physical: r.Physical, Properties: r.Properties, Keep: r.KeepOld == "Retain" || r.KeepOld == "Snapshot", Suffix: r.Suffix})
		r.Suffix, r.Physical, r.Ref, r.Attributes = d.Suffix, d.Physical, "", nil
		if d.Replaces != "" {
			r.Type = d.Replaces
		}
	case "revert":
		as := r.Properties
		if r.Desired != nil { // what failed, as it was to be
			as = r.Desired
		}
		r.Desired = d.Desired
		if r.Physical != r.Before.Physical { // a replacement: the old resource is the one again, the new one is cleaned up
			var olds []old
			for _, o := range r.Old {
				if o.Physical != r.Before.Physical {
					olds = append(olds, o)
				}
			}
			if r.Physical != "" {
				olds = append(olds, old{Type: r.Type, Physical: r.Physical, Properties: as, Suffix: r.Suffix})
			}
			r.restore(r.Before)
			r.Old, r.Work, r.Desired = olds, workDone, nil
			s.rowEvent(tx, st, r, "UPDATE_COMPLETE", "", now)
			return job.End
		}
		s.rowEvent(tx, st, r, "UPDATE_IN_PROGRESS", "", now)
	case "delete":
		if r.Action == actionClean {
			o := r.Old[0]
			keep := *r
			r.Type, r.Physical = o.Type, o.Physical
			if o.Keep {
				s.rowEvent(tx, st, r, "DELETE_SKIPPED", "", now)
				s.cleaned(r, &keep)
				return s.nextOld(r, now)
			}
			s.rowEvent(tx, st, r, "DELETE_IN_PROGRESS", "", now)
			keep.At = r.At
			s.restored(r, &keep)
			break
		}
		if s.kept(st, r) {
			s.rowEvent(tx, st, r, "DELETE_SKIPPED", "", now)
			r.Work = workDone
			return job.End
		}
		if r.Physical == "" { // it was not made
			if r.Status != "" {
				s.rowEvent(tx, st, r, "DELETE_COMPLETE", "", now)
			}
			r.Work, r.Changed = workDone, "deleted"
			return job.End
		}
		s.rowEvent(tx, st, r, "DELETE_IN_PROGRESS", "", now)
	}
	return job.Next{At: now}
}

// kept tells whether a resource stays when it leaves the stack.
func (s *Service) kept(st *stack, r *row) bool {
	if _, ok := st.Retain[r.ID]; ok && st.Operation.Phase == phaseDelete {
		return true
	}
	created := r.Changed == "created" // by the operation that is undone
	return r.Physical != "" && (r.Keep == "Retain" || r.Keep == "Snapshot" || r.Keep == "RetainExceptOnCreate" && !created)
}

// restored puts a row back that lent its type and id to an event.
func (s *Service) restored(r, keep *row) {
	r.Type, r.Physical, r.Status, r.Reason = keep.Type, keep.Physical, keep.Status, keep.Reason
}

// cleaned takes the first old resource off a row.
func (s *Service) cleaned(r, keep *row) {
	s.restored(r, keep)
	r.Old = r.Old[1:]
}

// nextOld goes on with the next old resource, or ends the row's work.
func (s *Service) nextOld(r *row, now time.Time) job.Next {
	r.Step, r.Stage, r.Context = "", 0, nil
	r.Try++
	if len(r.Old) == 0 {
		r.Work = workDone
		return job.End
	}
	return job.Next{At: now}
}

// pending records that a type is not ready.
func (s *Service) pending(tx store.Tx, st *stack, r *row, d done, now time.Time) job.Next {
	first := r.Stage == 0
	r.Stage++
	r.Context = d.Context
	s.took(r, d)
	if first && (r.Step == "create" || r.Step == "replace") {
		s.initiated(tx, st, r, now)
	}
	if now.Sub(r.Since) > workMax {
		s.failed(tx, st, r, "Exceeded attempts to wait", now)
		return job.End
	}
	return job.Next{At: now.Add(max(d.After, 50*time.Millisecond))}
}

func (s *Service) initiated(tx store.Tx, st *stack, r *row, now time.Time) {
	status := "CREATE_IN_PROGRESS"
	if r.Step == "replace" {
		status = "UPDATE_IN_PROGRESS"
	}
	s.rowEvent(tx, st, r, status, "Resource creation Initiated", now)
}

// took keeps what a type told of its resource.
func (s *Service) took(r *row, d done) {
	if r.Action == actionClean || r.Action == actionDelete {
		return
	}
	if d.Physical != "" {
		r.Physical = d.Physical
	}
	if d.Ref != "" {
		r.Ref = d.Ref
	}
	if d.Attrs != nil {
		r.Attributes = d.Attrs
	}
}

// settled ends a resource's step.
func (s *Service) settled(tx store.Tx, st *stack, r *row, d done, now time.Time) {
	before := r.Physical
	s.took(r, d)
	switch r.Step {
	case "create":
		if r.Stage == 0 {
			s.initiated(tx, st, r, now)
		}
		s.rowEvent(tx, st, r, "CREATE_COMPLETE", "", now)
		r.Properties, r.Desired, r.Work = r.Desired, nil, workDone
	case "replace":
		if r.Stage == 0 {
			s.initiated(tx, st, r, now)
		}
		s.rowEvent(tx, st, r, "UPDATE_COMPLETE", "", now)
		r.Properties, r.Desired, r.Work, r.Changed = r.Desired, nil, workDone, "replaced"
	case "update", "revert":
		if r.Physical != before && before != "" { // a custom resource may answer with another id: the old one goes
			r.Old = append(r.Old, old{Type: r.Type, Physical: before, Properties: r.Properties, Suffix: r.Suffix})
		}
		s.rowEvent(tx, st, r, "UPDATE_COMPLETE", "", now)
		r.Properties, r.Desired, r.Work = r.Desired, nil, workDone
		if r.Step == "update" {
			r.Changed = "updated"
		}
	case "delete":
		if r.Action == actionClean {
			o := r.Old[0]
			keep := *r
			r.Type, r.Physical = o.Type, o.Physical
			s.rowEvent(tx, st, r, "DELETE_COMPLETE", "", now)
			s.cleaned(r, &keep)
			if s.nextOld(r, now); r.Work == workRunning {
				job.At(tx, st.Account, st.Region, resourceKind, resourceID(st, r.ID, r.Action), now, nil)
			}
			return
		}
		if r.Physical != "" || r.Status != "" {
			s.rowEvent(tx, st, r, "DELETE_COMPLETE", "", now)
		}
		r.Work, r.Changed = workDone, "deleted"
	}
}

// failed records a failure of a resource's step.
func (s *Service) failed(tx store.Tx, st *stack, r *row, why string, now time.Time) {
	op := st.Operation
	if r.Action == actionClean { // what cannot be cleaned up is said and left
		o := r.Old[0]
		keep := *r
		r.Type, r.Physical = o.Type, o.Physical
		s.rowEvent(tx, st, r, "DELETE_FAILED", why, now)
		s.cleaned(r, &keep)
		r.Step = ""
		if r.Work = workDone; len(r.Old) > 0 {
			r.Work = workWaiting
		}
		return
	}
	r.Work = workFailed
	switch {
	case r.Action == actionDelete:
		s.rowEvent(tx, st, r, "DELETE_FAILED", why, now)
	case r.Action == actionRevert:
		s.rowEvent(tx, st, r, "UPDATE_FAILED", why, now)
	default:
		status := "CREATE_FAILED"
		if r.Before != nil {
			status = "UPDATE_FAILED"
		}
		if len(op.Failed) > 0 {
			why = cancelledText(r)
		}
		// The first failure decides; what fails while siblings are being ended counts as ended.
		if len(op.Failed) == 0 {
			op.Failed = append(op.Failed, r.ID)
		}
		if r.Step == "" && r.Before == nil && r.Physical == "" {
			r.Changed = ""
		}
		s.rowEvent(tx, st, r, status, why, now)
	}
}

func cancelledText(r *row) string {
	if r.Before != nil {
		return "Resource update cancelled"
	}
	return "Resource creation cancelled"
}

// cancelled ends a resource that waits because a sibling failed.
func (s *Service) cancelled(tx store.Tx, st *stack, r *row, now time.Time) {
	status := "CREATE_FAILED"
	if r.Before != nil {
		status = "UPDATE_FAILED"
	}
	s.rowEvent(tx, st, r, status, cancelledText(r), now)
	r.Work = workOff
	store.Put(tx, rowKey(st, r.ID), r)
	store.Put(tx, st.key(), st)
	decide(tx, st, now)
}
