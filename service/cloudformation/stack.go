package cloudformation

import (
	"context"
	"slices"
	"strings"
	"time"

	cfnapi "virga/api/cloudformation"
	"virga/internal/auth"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	stacksMax     = 2000 // of an account and region
	stacksPerPage = 100
	keepDeleted   = 90 * 24 * time.Hour
)

func checkName(n string) error {
	if len(n) > 128 {
		return invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must have length less than or equal to 128", n)
	}
	if !stackName.MatchString(n) {
		return invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*", n)
	}
	return nil
}

// newStack is a record that is not written yet.
func (s *Service) newStack(c *wire.Call, name string) *stack {
	return &stack{ID: env.NewID(s.cfg.Env), Name: name, Region: c.Region, Account: c.Account, Created: s.cfg.Env.Now(), BaseURL: c.BaseURL, Domain: c.Domain, Retain: map[string]string{}}
}

// roleFor refuses a role that CloudFormation may not assume.
func (s *Service) roleFor(ctx context.Context, role string) error {
	if role == "" {
		return nil
	}
	if _, err := s.cfg.Role(ctx, role, "AWSCloudFormation"); err != nil {
		if wire.Known(err) {
			return invalid("Role %s is invalid or cannot be assumed", role)
		}
		return err
	}
	return nil
}

// CreateStack implements the operation.
func (s *Service) CreateStack(ctx context.Context, in *cfnapi.CreateStackInput) (*cfnapi.CreateStackOutput, error) {
	c := wire.CallOf(ctx)
	if err := checkName(in.StackName); err != nil {
		return nil, err
	}
	switch {
	case in.StackPolicyBody != nil || in.StackPolicyURL != nil:
		return nil, wire.Unsupported("CreateStack: StackPolicyBody, StackPolicyURL")
	case triggers(in.RollbackConfiguration):
		return nil, wire.Unsupported("CreateStack: RollbackConfiguration")
	case in.DeploymentConfig != nil:
		return nil, wire.Unsupported("CreateStack: DeploymentConfig")
	case in.OnFailure != nil && wire.V(in.DisableRollback):
		return nil, invalid("Either DisableRollback or OnFailure can be specified, not both.")
	}
	st := s.newStack(c, in.StackName)
	st.NoRollback, st.Protected, st.TimeoutAfter = wire.V(in.DisableRollback), wire.V(in.EnableTerminationProtection), int64(wire.V(in.TimeoutInMinutes))
	st.OnFailure = wire.Or(in.OnFailure, "ROLLBACK")
	if existing, err := s.find(ctx, in.StackName); err == nil {
		if answer, done := s.again(ctx, c); done && string(answer) == existing.ID {
			return &cfnapi.CreateStackOutput{StackId: wire.P(existing.arn())}, nil
		}
		return nil, exists(in.StackName)
	}
	p, err := s.prepare(ctx, st, nil, nil, request{body: in.TemplateBody, url: in.TemplateURL, parameters: in.Parameters, capabilities: in.Capabilities, tags: in.Tags, role: in.RoleARN,
		topics: in.NotificationARNs, types: in.ResourceTypes})
	if err != nil {
		return nil, err
	}
	if err := s.roleFor(ctx, p.want.Role); err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	err = s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		if load(tx, c, in.StackName) != nil {
			return exists(in.StackName)
		}
		n := 0
		tx.Range(store.Prefix(key(c.Account, "n", c.Region)), func(store.Key, []byte) bool { n++; return n < stacksMax })
		if n >= stacksMax {
			return &cfnapi.LimitExceededException{Message: "Limit on the number of stacks has been reached."}
		}
		x := *st
		want := p.want
		want.Source = putSource(tx, &x, p.src)
		tx.Set(nameKey(c.Account, c.Region, x.Name), []byte(x.ID))
		op := operation{Kind: "create", Phase: phaseApply, By: auth.Delegate(c.Principal, now), Want: want, Token: wire.V(in.ClientRequestToken), Role: want.Role}
		x.Operation = &op
		s.stackEvent(tx, &x, "CREATE_IN_PROGRESS", "User Initiated", now)
		s.begin(tx, &x, op, now)
		x.Now, x.Description = want, want.Description
		store.Put(tx, x.key(), &x)
		job.Finish(tx, c.Account, c.EffectID, now, []byte(x.ID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cfnapi.CreateStackOutput{StackId: wire.P(st.arn())}, nil
}

// again gives the answer of the first time where a step repeats a call.
func (s *Service) again(ctx context.Context, c *wire.Call) (answer []byte, done bool) {
	if c.EffectID == "" {
		return nil, false
	}
	_ = s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		answer, done = job.Once(tx, c.Account, c.EffectID)
		return nil
	})
	return answer, done
}

func exists(name string) error {
	return &cfnapi.AlreadyExistsException{Message: "Stack [" + name + "] already exists"}
}

func triggers(r *cfnapi.RollbackConfiguration) bool {
	return r != nil && (len(r.RollbackTriggers) > 0 || wire.V(r.MonitoringTimeInMinutes) > 0)
}

// CreateStackRequires implements the operation's requirements.
func (s *Service) CreateStackRequires(ctx context.Context, in *cfnapi.CreateStackInput, r *wire.Requirements) error {
	passRole(r, in.RoleARN)
	var conds []wire.Condition
	if in.RoleARN != nil {
		conds = append(conds, wire.Condition{Key: "cloudformation:RoleArn", Values: []string{*in.RoleARN}})
	}
	if in.TemplateURL != nil {
		conds = append(conds, wire.Condition{Key: "cloudformation:TemplateUrl", Values: []string{*in.TemplateURL}})
	}
	return s.need(ctx, r, "CreateStack", in.StackName, conds...)
}

// changeable refuses a stack that cannot be updated now.
func changeable(st *stack) error {
	switch st.Status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE":
		return nil
	case "CREATE_FAILED", "UPDATE_FAILED":
		if st.NoRollback || st.OnFailure == "DO_NOTHING" {
			return nil
		}
	}
	return invalid("Stack:%s is in %s state and can not be updated.", st.arn(), st.Status)
}

// UpdateStack implements the operation.
func (s *Service) UpdateStack(ctx context.Context, in *cfnapi.UpdateStackInput) (*cfnapi.UpdateStackOutput, error) {
	c := wire.CallOf(ctx)
	switch {
	case in.StackPolicyBody != nil || in.StackPolicyURL != nil || in.StackPolicyDuringUpdateBody != nil || in.StackPolicyDuringUpdateURL != nil:
		return nil, wire.Unsupported("UpdateStack: stack policies")
	case triggers(in.RollbackConfiguration):
		return nil, wire.Unsupported("UpdateStack: RollbackConfiguration")
	}
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, invalid("Stack [%s] does not exist", in.StackName)
	}
	if _, done := s.again(ctx, c); done {
		return &cfnapi.UpdateStackOutput{StackId: wire.P(st.arn())}, nil
	}
	if err := changeable(st); err != nil {
		return nil, err
	}
	src, err := s.source(ctx, st)
	if err != nil {
		return nil, err
	}
	p, err := s.prepare(ctx, st, &st.Now, src, request{body: in.TemplateBody, url: in.TemplateURL, previous: wire.V(in.UsePreviousTemplate), parameters: in.Parameters,
		capabilities: in.Capabilities, tags: in.Tags, tagsGiven: in.Tags != nil, role: in.RoleARN, topics: in.NotificationARNs, types: in.ResourceTypes})
	if err != nil {
		return nil, err
	}
	if err := s.roleFor(ctx, p.want.Role); err != nil {
		return nil, err
	}
	changes, err := s.diff(ctx, st, p)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 && !s.outputsDiffer(st, p) && st.Status != "UPDATE_FAILED" {
		return nil, invalid("No updates are to be performed.")
	}
	now := s.cfg.Env.Now()
	err = s.cfg.Store.Update(ctx, []store.Key{st.key()}, func(tx store.Tx) error {
		x := load(tx, c, st.arn())
		if x == nil {
			return invalid("Stack [%s] does not exist", in.StackName)
		}
		if err := changeable(x); err != nil {
			return err
		}
		if in.DisableRollback != nil {
			x.NoRollback = *in.DisableRollback
		}
		store.Each(tx, store.Prefix(changeSetsOf(x)), func(k store.Key, cs *changeSet) bool { // made against what the stack no longer is
			if cs.Execution == "AVAILABLE" {
				cs.Execution = "OBSOLETE"
				store.Put(tx, k, cs)
			}
			return true
		})
		s.startUpdate(tx, x, p, wire.V(in.ClientRequestToken), "", c, now)
		job.Finish(tx, c.Account, c.EffectID, now, []byte(x.ID))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cfnapi.UpdateStackOutput{StackId: wire.P(st.arn())}, nil
}

// startUpdate begins an update and writes the stack.
func (s *Service) startUpdate(tx store.Tx, x *stack, p *prepared, token, changeSet string, c *wire.Call, now time.Time) {
	want := p.want
	if p.src != nil {
		want.Source = putSource(tx, x, p.src)
	}
	x.BaseURL, x.Domain, x.Updated = c.BaseURL, c.Domain, now
	op := operation{Kind: "update", Phase: phaseApply, By: auth.Delegate(c.Principal, now), Want: want, Before: x.Now, Token: token, ChangeSet: changeSet, Role: want.Role}
	if changeSet != "" {
		x.ChangeSet = changeSet
	}
	x.Operation = &op
	s.stackEvent(tx, x, "UPDATE_IN_PROGRESS", "User Initiated", now)
	s.begin(tx, x, op, now)
	store.Put(tx, x.key(), x)
}

func (s *Service) source(ctx context.Context, st *stack) (src *source, err error) {
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		src = sourceOf(r, st, st.Now.Source)
		return nil
	})
	return src, err
}

// UpdateStackRequires implements the operation's requirements.
func (s *Service) UpdateStackRequires(ctx context.Context, in *cfnapi.UpdateStackInput, r *wire.Requirements) error {
	passRole(r, in.RoleARN)
	return s.need(ctx, r, "UpdateStack", in.StackName)
}

// DeleteStack implements the operation; a stack that is not there is no error.
func (s *Service) DeleteStack(ctx context.Context, in *cfnapi.DeleteStackInput) (*cfnapi.DeleteStackOutput, error) {
	c := wire.CallOf(ctx)
	if in.DeploymentConfig != nil {
		return nil, wire.Unsupported("DeleteStack: DeploymentConfig")
	}
	if err := s.roleFor(ctx, wire.V(in.RoleARN)); err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		x := load(tx, c, in.StackName)
		if x == nil || x.Status == "DELETE_COMPLETE" || x.Status == "DELETE_IN_PROGRESS" {
			return nil
		}
		if x.Protected {
			return invalid("Stack [%s] cannot be deleted while TerminationProtection is enabled", x.Name)
		}
		if x.busy() && x.Status != "CREATE_IN_PROGRESS" {
			return invalid("Stack [%s] cannot be deleted while in status %s", x.Name, x.Status)
		}
		if len(in.RetainResources) > 0 && x.Status != "DELETE_FAILED" {
			return invalid("The following resources cannot be retained: [%s]: RetainResources is for stacks in DELETE_FAILED state", strings.Join(in.RetainResources, ", "))
		}
		x.Retain = map[string]string{}
		for _, id := range in.RetainResources {
			x.Retain[id] = "Retain"
		}
		role := wire.Or(in.RoleARN, x.Now.Role)
		if op := x.Operation; x.Status == "CREATE_IN_PROGRESS" && op != nil { // what is being made is made to its end, and deleted
			op.Kind, op.Phase, op.By, op.Token, op.Role = "delete", phaseDelete, auth.Delegate(c.Principal, now), wire.V(in.ClientRequestToken), role
			x.Deleted = now
			s.stackEvent(tx, x, "DELETE_IN_PROGRESS", "User Initiated", now)
			s.poke(tx, x, now)
			decide(tx, x, now)
			store.Put(tx, x.key(), x)
			return nil
		}
		op := operation{Kind: "delete", Phase: phaseDelete, By: auth.Delegate(c.Principal, now), Want: x.Now, Token: wire.V(in.ClientRequestToken), Role: role}
		x.Operation = &op
		for _, r := range rows(tx, x) { // a failed deletion may be tried again
			r.Work, r.Action, r.Step, r.Stage, r.Context = workNone, "", "", 0, nil
			store.Put(tx, rowKey(x, r.ID), r)
		}
		if why := inUse(tx, x); why != "" {
			s.stackEvent(tx, x, "DELETE_FAILED", why, now)
			x.Operation = nil
			store.Put(tx, x.key(), x)
			return nil
		}
		cs := changeSetsOf(x)
		tx.DeleteRange(cs, cs.End())
		x.Deleted = now
		s.stackEvent(tx, x, "DELETE_IN_PROGRESS", "User Initiated", now)
		s.begin(tx, x, op, now)
		store.Put(tx, x.key(), x)
		return nil
	})
	return &cfnapi.DeleteStackOutput{}, err
}

// DeleteStackRequires implements the operation's requirements.
func (s *Service) DeleteStackRequires(ctx context.Context, in *cfnapi.DeleteStackInput, r *wire.Requirements) error {
	passRole(r, in.RoleARN)
	return s.need(ctx, r, "DeleteStack", in.StackName)
}

// CancelUpdateStack implements the operation: the update goes back.
func (s *Service) CancelUpdateStack(ctx context.Context, in *cfnapi.CancelUpdateStackInput) (*cfnapi.CancelUpdateStackOutput, error) {
	c := wire.CallOf(ctx)
	now := s.cfg.Env.Now()
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		x := load(tx, c, in.StackName)
		if x == nil {
			return invalid("Stack [%s] does not exist", in.StackName)
		}
		if x.Status != "UPDATE_IN_PROGRESS" || x.Operation == nil {
			return invalid("CancelUpdateStack cannot be called from current stack status")
		}
		x.Operation.Cancelled = true
		s.stackEvent(tx, x, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", now)
		s.poke(tx, x, now)
		decide(tx, x, now)
		store.Put(tx, x.key(), x)
		return nil
	})
	return &cfnapi.CancelUpdateStackOutput{}, err
}

// CancelUpdateStackRequires implements the operation's requirements.
func (s *Service) CancelUpdateStackRequires(ctx context.Context, in *cfnapi.CancelUpdateStackInput, r *wire.Requirements) error {
	return s.need(ctx, r, "CancelUpdateStack", in.StackName)
}

// ContinueUpdateRollback implements the operation: what could not be undone is tried again, or skipped.
func (s *Service) ContinueUpdateRollback(ctx context.Context, in *cfnapi.ContinueUpdateRollbackInput) (*cfnapi.ContinueUpdateRollbackOutput, error) {
	c := wire.CallOf(ctx)
	now := s.cfg.Env.Now()
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		x := load(tx, c, in.StackName)
		if x == nil {
			return invalid("Stack [%s] does not exist", in.StackName)
		}
		if x.Status != "UPDATE_ROLLBACK_FAILED" || x.Operation == nil {
			return invalid("Stack:%s is in %s state and can not be rolled back.", x.arn(), x.Status)
		}
		x.Operation.By, x.Operation.Skip = auth.Delegate(c.Principal, now), in.ResourcesToSkip
		if in.RoleARN != nil {
			x.Operation.Role = *in.RoleARN
		}
		var skipped []*row
		for _, r := range rows(tx, x) {
			if r.Action != actionRevert || r.Work != workFailed {
				if slices.Contains(in.ResourcesToSkip, r.ID) {
					return invalid("ResourcesToSkip contains resources that are not in the UPDATE_FAILED state: [%s]", r.ID)
				}
				continue
			}
			if slices.Contains(in.ResourcesToSkip, r.ID) {
				skipped = append(skipped, r)
				continue
			}
			r.Action = ""
			store.Put(tx, rowKey(x, r.ID), r)
		}
		s.stackEvent(tx, x, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", now)
		for _, r := range skipped {
			r.Work = workDone
			s.rowEvent(tx, x, r, "UPDATE_COMPLETE", "", now)
			store.Put(tx, rowKey(x, r.ID), r)
		}
		decide(tx, x, now)
		store.Put(tx, x.key(), x)
		return nil
	})
	return &cfnapi.ContinueUpdateRollbackOutput{}, err
}

// ContinueUpdateRollbackRequires implements the operation's requirements.
func (s *Service) ContinueUpdateRollbackRequires(ctx context.Context, in *cfnapi.ContinueUpdateRollbackInput, r *wire.Requirements) error {
	passRole(r, in.RoleARN)
	return s.need(ctx, r, "ContinueUpdateRollback", in.StackName)
}

// UpdateTerminationProtection implements the operation.
func (s *Service) UpdateTerminationProtection(ctx context.Context, in *cfnapi.UpdateTerminationProtectionInput) (*cfnapi.UpdateTerminationProtectionOutput, error) {
	c := wire.CallOf(ctx)
	var arn string
	err := s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		x := load(tx, c, in.StackName)
		if x == nil {
			return invalid("Stack [%s] does not exist", in.StackName)
		}
		x.Protected, arn = in.EnableTerminationProtection, x.arn()
		store.Put(tx, x.key(), x)
		return nil
	})
	return &cfnapi.UpdateTerminationProtectionOutput{StackId: &arn}, err
}

// UpdateTerminationProtectionRequires implements the operation's requirements.
func (s *Service) UpdateTerminationProtectionRequires(ctx context.Context, in *cfnapi.UpdateTerminationProtectionInput, r *wire.Requirements) error {
	return s.need(ctx, r, "UpdateTerminationProtection", in.StackName)
}
