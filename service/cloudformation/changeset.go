package cloudformation

import (
	"context"
	"strings"

	cfnapi "virga/api/cloudformation"
	"virga/internal/auth"
	"virga/internal/env"
	"virga/internal/store"
	"virga/internal/wire"
)

const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// CreateChangeSet implements the operation. It is complete when it answers: its diff needs no step.
func (s *Service) CreateChangeSet(ctx context.Context, in *cfnapi.CreateChangeSetInput) (*cfnapi.CreateChangeSetOutput, error) {
	c := wire.CallOf(ctx)
	kind := wire.Or(in.ChangeSetType, "UPDATE")
	switch {
	case kind == "IMPORT" || len(in.ResourcesToImport) > 0 || wire.V(in.ImportExistingResources):
		return nil, wire.Unsupported("CreateChangeSet: imports")
	case triggers(in.RollbackConfiguration):
		return nil, wire.Unsupported("CreateChangeSet: RollbackConfiguration")
	case in.DeploymentMode != nil || in.DeploymentConfig != nil:
		return nil, wire.Unsupported("CreateChangeSet: DeploymentMode, DeploymentConfig")
	}
	if strings.HasPrefix(in.StackName, "arn:") {
		if _, _, ok := idOf(in.StackName); !ok {
			return nil, checkName(in.StackName)
		}
	} else if err := checkName(in.StackName); err != nil {
		return nil, err
	}
	st, err := s.find(ctx, in.StackName)
	fresh := false
	switch {
	case err != nil && kind == "UPDATE":
		return nil, invalid("Stack [%s] does not exist", in.StackName)
	case err != nil:
		st, fresh = s.newStack(c, in.StackName), true
		st.OnFailure = wire.Or(in.OnStackFailure, "ROLLBACK")
	case kind == "CREATE" && st.Status != "REVIEW_IN_PROGRESS":
		return nil, invalid("Stack [%s] already exists and cannot be created again with the changeSet [%s].", in.StackName, in.ChangeSetName)
	case kind == "UPDATE" && st.Status == "REVIEW_IN_PROGRESS":
		return nil, invalid("Stack [%s] does not exist", in.StackName)
	case st.Status == "DELETE_COMPLETE":
		return nil, invalid("Stack [%s] already exists and cannot be created again with the changeSet [%s].", in.StackName, in.ChangeSetName)
	case kind == "UPDATE":
		if err := changeable(st); err != nil {
			return nil, err
		}
	}
	var before *input
	var src *source
	if kind == "UPDATE" {
		before = &st.Now
		if src, err = s.source(ctx, st); err != nil {
			return nil, err
		}
	}
	p, err := s.prepare(ctx, st, before, src, request{body: in.TemplateBody, url: in.TemplateURL, previous: wire.V(in.UsePreviousTemplate), parameters: in.Parameters,
		capabilities: in.Capabilities, tags: in.Tags, tagsGiven: in.Tags != nil, role: in.RoleARN, topics: in.NotificationARNs, types: in.ResourceTypes, reviewed: true})
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
	now := s.cfg.Env.Now()
	cs := &changeSet{ID: env.NewID(s.cfg.Env), Name: in.ChangeSetName, Kind: kind, Created: now, Description: wire.V(in.Description), Token: wire.V(in.ClientToken),
		Status: "CREATE_COMPLETE", Execution: "AVAILABLE", Changes: jsonOf(changes), OnFailure: wire.V(in.OnStackFailure)}
	if kind == "UPDATE" && len(changes) == 0 && !s.outputsDiffer(st, p) {
		cs.Status, cs.Execution, cs.Reason = "FAILED", "UNAVAILABLE", noChanges
	}
	err = s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		x := load(tx, c, st.arn())
		if x == nil {
			if !fresh || load(tx, c, st.Name) != nil {
				return invalid("Stack [%s] does not exist", in.StackName)
			}
			y := *st
			x = &y
			tx.Set(nameKey(c.Account, c.Region, x.Name), []byte(x.ID))
			s.stackEvent(tx, x, "REVIEW_IN_PROGRESS", "User Initiated", now)
		}
		dup := false
		store.Each(tx, store.Prefix(changeSetsOf(x)), func(_ store.Key, o *changeSet) bool {
			dup = dup || o.Name == cs.Name
			return !dup
		})
		if dup {
			return &cfnapi.AlreadyExistsException{Message: "ChangeSet " + x.changeSetARN(cs) + " cannot be created due to a mismatch with existing ChangeSet " + cs.Name}
		}
		z := *cs
		z.Want = p.want
		if p.src != nil {
			z.Want.Source = putSource(tx, x, p.src)
		}
		store.Put(tx, changeSetKey(x, z.ID), &z)
		store.Put(tx, x.key(), x)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cfnapi.CreateChangeSetOutput{Id: wire.P(st.changeSetARN(cs)), StackId: wire.P(st.arn())}, nil
}

// CreateChangeSetRequires implements the operation's requirements.
func (s *Service) CreateChangeSetRequires(ctx context.Context, in *cfnapi.CreateChangeSetInput, r *wire.Requirements) error {
	passRole(r, in.RoleARN)
	return s.need(ctx, r, "CreateChangeSet", in.StackName, wire.Condition{Key: "cloudformation:ChangeSetName", Values: []string{in.ChangeSetName}})
}

// findChangeSet finds a change set by ARN, or by name and stack.
func (s *Service) findChangeSet(ctx context.Context, name string, stackNameOrARN *string) (*stack, *changeSet, error) {
	c := wire.CallOf(ctx)
	if strings.HasPrefix(name, "arn:") {
		i := strings.LastIndexByte(name, '/')
		id := name[i+1:]
		var st *stack
		var cs *changeSet
		err := s.cfg.Store.View(ctx, func(r store.Reader) error {
			st, cs = nil, nil
			store.Each(r, store.Prefix(key(c.Account, "c", c.Region)), func(k store.Key, x *changeSet) bool {
				if x.ID == id {
					cs = x
					st, _ = store.Load[stack](r, stackKey(c.Account, c.Region, k.StrPart(2)))
				}
				return cs == nil
			})
			return nil
		})
		if err == nil && (cs == nil || st == nil) {
			err = &cfnapi.ChangeSetNotFoundException{Message: "ChangeSet [" + name + "] does not exist"}
		}
		return st, cs, err
	}
	if stackNameOrARN == nil {
		return nil, nil, invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	st, err := s.find(ctx, *stackNameOrARN)
	if err != nil {
		return nil, nil, invalid("Stack [%s] does not exist", *stackNameOrARN)
	}
	var cs *changeSet
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		cs = nil
		store.Each(r, store.Prefix(changeSetsOf(st)), func(_ store.Key, x *changeSet) bool {
			if x.Name == name {
				cs = x
			}
			return cs == nil
		})
		return nil
	})
	if err == nil && cs == nil {
		err = &cfnapi.ChangeSetNotFoundException{Message: "ChangeSet [" + name + "] does not exist"}
	}
	return st, cs, err
}

// needChangeSet adds a requirement on the stack of a change set.
func (s *Service) needChangeSet(ctx context.Context, r *wire.Requirements, action, name string, stackName *string) error {
	if st, _, err := s.findChangeSet(ctx, name, stackName); err == nil {
		r.Need("cloudformation:"+action, st.arn())
		return nil
	}
	return s.need(ctx, r, action, wire.V(stackName))
}

// DescribeChangeSet implements the operation.
func (s *Service) DescribeChangeSet(ctx context.Context, in *cfnapi.DescribeChangeSetInput) (*cfnapi.DescribeChangeSetOutput, error) {
	st, cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	out := &cfnapi.DescribeChangeSetOutput{ChangeSetName: &cs.Name, ChangeSetId: wire.P(st.changeSetARN(cs)), StackId: wire.P(st.arn()), StackName: &st.Name, CreationTime: &cs.Created,
		ExecutionStatus: &cs.Execution, Status: &cs.Status, Parameters: shownParameters(&cs.Want), Capabilities: cs.Want.Capabilities, Tags: shownTags(cs.Want.Tags),
		RollbackConfiguration: &cfnapi.RollbackConfiguration{}, NotificationARNs: cs.Want.Topics, Changes: []cfnapi.Change{}, IncludeNestedStacks: wire.P(false)}
	if cs.Reason != "" {
		out.StatusReason = &cs.Reason
	}
	if cs.Description != "" {
		out.Description = &cs.Description
	}
	if cs.OnFailure != "" {
		out.OnStackFailure = &cs.OnFailure
	}
	for _, x := range decodeChanges(cs.Changes) {
		rc := &cfnapi.ResourceChange{Action: wire.P(x.Action), LogicalResourceId: wire.P(x.Logical), ResourceType: wire.P(x.Type), Scope: x.Scope, Details: []cfnapi.ResourceChangeDetail{}}
		if rc.Scope == nil {
			rc.Scope = []string{}
		}
		if x.Physical != "" {
			rc.PhysicalResourceId = wire.P(x.Physical)
		}
		if x.Replacement != "" {
			rc.Replacement = wire.P(x.Replacement)
		}
		if x.Policy != "" {
			rc.PolicyAction = wire.P(x.Policy)
		}
		for _, d := range x.Details {
			t := &cfnapi.ResourceTargetDefinition{Attribute: wire.P(d.Attribute), RequiresRecreation: wire.P(d.Recreate)}
			if d.Name != "" {
				t.Name = wire.P(d.Name)
			}
			o := cfnapi.ResourceChangeDetail{Target: t, Evaluation: wire.P("Static"), ChangeSource: wire.P(d.Source)}
			if d.Dynamic {
				o.Evaluation = wire.P("Dynamic")
			}
			rc.Details = append(rc.Details, o)
		}
		out.Changes = append(out.Changes, cfnapi.Change{Type: wire.P("Resource"), ResourceChange: rc})
	}
	return out, nil
}

// DescribeChangeSetRequires implements the operation's requirements.
func (s *Service) DescribeChangeSetRequires(ctx context.Context, in *cfnapi.DescribeChangeSetInput, r *wire.Requirements) error {
	return s.needChangeSet(ctx, r, "DescribeChangeSet", in.ChangeSetName, in.StackName)
}

// ExecuteChangeSet implements the operation.
func (s *Service) ExecuteChangeSet(ctx context.Context, in *cfnapi.ExecuteChangeSetInput) (*cfnapi.ExecuteChangeSetOutput, error) {
	c := wire.CallOf(ctx)
	st, found, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Env.Now()
	err = s.cfg.Store.Update(ctx, []store.Key{st.key()}, func(tx store.Tx) error {
		x, ok := store.Load[stack](tx, st.key())
		cs, ok2 := store.Load[changeSet](tx, changeSetKey(st, found.ID))
		if !ok || !ok2 {
			return &cfnapi.ChangeSetNotFoundException{Message: "ChangeSet [" + in.ChangeSetName + "] does not exist"}
		}
		arn := x.changeSetARN(cs)
		if cs.Status != "CREATE_COMPLETE" {
			return &cfnapi.InvalidChangeSetStatusException{Message: "ChangeSet [" + arn + "] cannot be executed in its current status of [" + cs.Status + "]"}
		}
		if cs.Execution != "AVAILABLE" {
			return &cfnapi.InvalidChangeSetStatusException{Message: "ChangeSet [" + arn + "] cannot be executed in its current execution status of [" + cs.Execution + "]"}
		}
		token := wire.V(in.ClientRequestToken)
		if in.DisableRollback != nil {
			x.NoRollback = *in.DisableRollback
		}
		if cs.OnFailure != "" {
			x.OnFailure = cs.OnFailure
		}
		x.BaseURL, x.Domain, x.ChangeSet = c.BaseURL, c.Domain, arn
		if x.Status == "REVIEW_IN_PROGRESS" {
			op := operation{Kind: "create", Phase: phaseApply, By: auth.Delegate(c.Principal, now), Want: cs.Want, Token: token, ChangeSet: arn, Role: cs.Want.Role}
			x.Operation = &op
			x.Updated = now
			s.stackEvent(tx, x, "CREATE_IN_PROGRESS", "User Initiated", now)
			s.begin(tx, x, op, now)
			x.Now, x.Description = cs.Want, cs.Want.Description
			store.Put(tx, x.key(), x)
		} else {
			if err := changeable(x); err != nil {
				return err
			}
			s.startUpdate(tx, x, &prepared{want: cs.Want}, token, arn, c, now)
		}
		// The others were made against what the stack no longer is.
		p := changeSetsOf(x)
		tx.DeleteRange(p, p.End())
		cs.Execution = "EXECUTE_COMPLETE"
		store.Put(tx, changeSetKey(x, cs.ID), cs)
		return nil
	})
	return &cfnapi.ExecuteChangeSetOutput{}, err
}

// ExecuteChangeSetRequires implements the operation's requirements.
func (s *Service) ExecuteChangeSetRequires(ctx context.Context, in *cfnapi.ExecuteChangeSetInput, r *wire.Requirements) error {
	return s.needChangeSet(ctx, r, "ExecuteChangeSet", in.ChangeSetName, in.StackName)
}

// DeleteChangeSet implements the operation; one that is gone is no error where its stack is known.
func (s *Service) DeleteChangeSet(ctx context.Context, in *cfnapi.DeleteChangeSetInput) (*cfnapi.DeleteChangeSetOutput, error) {
	st, cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
	if err != nil {
		if _, ok := err.(*cfnapi.ChangeSetNotFoundException); ok && in.StackName != nil {
			return &cfnapi.DeleteChangeSetOutput{}, nil
		}
		return nil, err
	}
	return &cfnapi.DeleteChangeSetOutput{}, s.cfg.Store.Update(ctx, nil, func(tx store.Tx) error {
		tx.Delete(changeSetKey(st, cs.ID))
		return nil
	})
}

// DeleteChangeSetRequires implements the operation's requirements.
func (s *Service) DeleteChangeSetRequires(ctx context.Context, in *cfnapi.DeleteChangeSetInput, r *wire.Requirements) error {
	return s.needChangeSet(ctx, r, "DeleteChangeSet", in.ChangeSetName, in.StackName)
}

// ListChangeSets implements the operation.
func (s *Service) ListChangeSets(ctx context.Context, in *cfnapi.ListChangeSetsInput) (*cfnapi.ListChangeSetsOutput, error) {
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, invalid("Stack [%s] does not exist", in.StackName)
	}
	l, next, err := page[changeSet](ctx, s, changeSetsOf(st), st.ID, in.NextToken, listPage, false, nil)
	if err != nil {
		return nil, err
	}
	out := &cfnapi.ListChangeSetsOutput{Summaries: []cfnapi.ChangeSetSummary{}, NextToken: next}
	for i := range l {
		cs := &l[i]
		o := cfnapi.ChangeSetSummary{StackId: wire.P(st.arn()), StackName: &st.Name, ChangeSetId: wire.P(st.changeSetARN(cs)), ChangeSetName: &cs.Name, ExecutionStatus: &cs.Execution,
			Status: &cs.Status, CreationTime: &cs.Created, IncludeNestedStacks: wire.P(false)}
		if cs.Reason != "" {
			o.StatusReason = &cs.Reason
		}
		if cs.Description != "" {
			o.Description = &cs.Description
		}
		out.Summaries = append(out.Summaries, o)
	}
	return out, nil
}

// ListChangeSetsRequires implements the operation's requirements.
func (s *Service) ListChangeSetsRequires(ctx context.Context, in *cfnapi.ListChangeSetsInput, r *wire.Requirements) error {
	return s.need(ctx, r, "ListChangeSets", in.StackName)
}
