package logs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	logsapi "virga/api/logs"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	pageDefault   = 50
	groupsScanMax = 5000 // rows that one call looks through
)

// CreateLogGroup implements the operation.
func (s *Service) CreateLogGroup(ctx context.Context, in *logsapi.CreateLogGroupInput) (*logsapi.CreateLogGroupOutput, error) {
	c := wire.CallOf(ctx)
	if err := namesOK(in.LogGroupName); err != nil {
		return nil, err
	}
	if strings.HasPrefix(strings.ToLower(in.LogGroupName), "aws/") {
		return nil, bad("Log groups starting with AWS/ are reserved for AWS.")
	}
	if in.KmsKeyId != nil {
		return nil, wire.Unsupported("CreateLogGroup: kmsKeyId")
	}
	if class := wire.Or(in.LogGroupClass, "STANDARD"); class != "STANDARD" {
		return nil, wire.Unsupported("CreateLogGroup: logGroupClass=" + class)
	}
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	g := &group{Name: in.LogGroupName, ID: env.NewName(s.cfg.Env, env.AlnumLow, idLen), Account: c.Account, Region: c.Region,
		Created: s.cfg.Env.Wall(), Tags: tags, Protected: wire.V(in.DeletionProtectionEnabled)}
	k := groupKey(c.Account, c.Region, g.Name)
	now := s.cfg.Env.Now()
	err = s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		if old, ok := store.Load[group](tx, k); ok {
			if id, done := job.Once(tx, c.Account, effect(c)); done && string(id) == old.ID {
				return nil
			}
			return &logsapi.ResourceAlreadyExistsException{Message: "The specified log group already exists"}
		}
		store.Put(tx, k, g)
		job.Finish(tx, c.Account, effect(c), now, []byte(g.ID))
		tx.Bump(groupScope(c.Account))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &logsapi.CreateLogGroupOutput{}, nil
}

// effect names what a durable effect does by this operation, "" outside of effects: a repeat is answered as the first time.
func effect(c *wire.Call) string {
	if c.EffectID == "" {
		return ""
	}
	return "logs/" + c.Operation + "/" + c.EffectID
}

// CreateLogGroupRequires implements the operation's requirements.
func (s *Service) CreateLogGroupRequires(ctx context.Context, in *logsapi.CreateLogGroupInput, r *wire.Requirements) error {
	c := wire.CallOf(ctx)
	tags := wire.RequestTags(in.Tags)
	r.Need("logs:CreateLogGroup", streamARN(c.Account, c.Region, in.LogGroupName, ""), tags...)
	if len(in.Tags) > 0 {
		r.Need("logs:TagResource", groupARN(c.Account, c.Region, in.LogGroupName), tags...)
	}
	return nil
}

// change runs fn on a group's record and writes it back.
func (s *Service) change(ctx context.Context, i ident, fn func(tx store.Tx, g *group) error) error {
	c := wire.CallOf(ctx)
	if err := namesOK(i.name); err != nil {
		return err
	}
	if i.account != c.Account || i.region != c.Region {
		return noGroup()
	}
	k := groupKey(i.account, i.region, i.name)
	return s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		g, ok := store.Load[group](tx, k)
		if !ok {
			return noGroup()
		}
		if err := fn(tx, g); err != nil {
			return err
		}
		store.Put(tx, k, g)
		tx.Bump(groupScope(i.account))
		return nil
	})
}

func here(c *wire.Call, name string) ident { return ident{c.Account, c.Region, name} }

// DeleteLogGroup implements the operation: the group and its streams are gone at once, their chunks by a step.
func (s *Service) DeleteLogGroup(ctx context.Context, in *logsapi.DeleteLogGroupInput) (*logsapi.DeleteLogGroupOutput, error) {
	c := wire.CallOf(ctx)
	if err := namesOK(in.LogGroupName); err != nil {
		return nil, err
	}
	k := groupKey(c.Account, c.Region, in.LogGroupName)
	now := s.cfg.Env.Now()
	id := ""
	err := s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		g, ok := store.Load[group](tx, k)
		if !ok {
			return noGroup()
		}
		if g.Protected {
			return &logsapi.ValidationException{Message: "The log group " + g.Name + " cannot be deleted because deletion protection is enabled. Disable deletion protection and try again."}
		}
		id = g.ID
		tx.Delete(k)
		for _, p := range []store.Key{streamsOf(c.Account, g.ID), lastsOf(c.Account, g.ID)} {
			sp := store.Prefix(p)
			tx.DeleteRange(sp.From, sp.To)
		}
		cancelRetention(tx, g)
		discardLater(tx, c.Account, c.Region, ref{Group: g.ID}, now)
		tx.Bump(groupScope(c.Account))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.used.forget(id)
	return &logsapi.DeleteLogGroupOutput{}, nil
}

// DeleteLogGroupRequires implements the operation's requirements.
func (s *Service) DeleteLogGroupRequires(ctx context.Context, in *logsapi.DeleteLogGroupInput, r *wire.Requirements) error {
	s.need(ctx, r, "DeleteLogGroup", here(wire.CallOf(ctx), in.LogGroupName), "")
	return nil
}

// PutLogGroupDeletionProtection implements the operation.
func (s *Service) PutLogGroupDeletionProtection(ctx context.Context, in *logsapi.PutLogGroupDeletionProtectionInput) (*logsapi.PutLogGroupDeletionProtectionOutput, error) {
	i, err := identify(wire.CallOf(ctx), in.LogGroupIdentifier)
	if err == nil {
		err = s.change(ctx, i, func(_ store.Tx, g *group) error {
			g.Protected = in.DeletionProtectionEnabled
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return &logsapi.PutLogGroupDeletionProtectionOutput{}, nil
}

// PutLogGroupDeletionProtectionRequires implements the operation's requirements.
func (s *Service) PutLogGroupDeletionProtectionRequires(ctx context.Context, in *logsapi.PutLogGroupDeletionProtectionInput, r *wire.Requirements) error {
	i, err := identify(wire.CallOf(ctx), in.LogGroupIdentifier)
	if err != nil {
		return err
	}
	s.need(ctx, r, "PutLogGroupDeletionProtection", i, "")
	return nil
}

// DescribeLogGroups implements the operation.
func (s *Service) DescribeLogGroups(ctx context.Context, in *logsapi.DescribeLogGroupsInput) (*logsapi.DescribeLogGroupsOutput, error) {
	c := wire.CallOf(ctx)
	prefix, pattern := wire.V(in.LogGroupNamePrefix), wire.V(in.LogGroupNamePattern)
	switch {
	case wire.V(in.IncludeLinkedAccounts):
		return nil, wire.Unsupported("DescribeLogGroups: includeLinkedAccounts=true")
	case len(in.AccountIdentifiers) > 0:
		return nil, wire.Unsupported("DescribeLogGroups: accountIdentifiers")
	case prefix != "" && pattern != "":
		return nil, bad("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	case len(in.LogGroupIdentifiers) > 0 && (prefix != "" || pattern != "" || in.LogGroupClass != nil || in.Limit != nil || in.NextToken != nil):
		return nil, bad("logGroupIdentifiers cannot be combined with other filters.")
	}
	if err := namesOK(prefix, pattern); err != nil {
		return nil, err
	}
	if len(in.LogGroupIdentifiers) > 0 {
		return s.describeNamed(ctx, in.LogGroupIdentifiers)
	}
	max := int(wire.Or(in.Limit, pageDefault))
	query := fmt.Sprintf("%q %q %q", prefix, pattern, wire.V(in.LogGroupClass))
	after := ""
	if t := wire.V(in.NextToken); t != "" {
		b, err := s.untoken(c, query, t)
		if err != nil {
			return nil, err
		}
		after = string(b)
	}
	var found []*group
	last, more := "", false
	bytes := map[string]int64{}
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		found, last, more = nil, "", false
		p := groupsOf(c.Account, c.Region).StrPrefix(prefix)
		span := store.Prefix(p)
		if after != "" {
			span = store.After(p, groupKey(c.Account, c.Region, after))
		}
		seen := 0
		store.Each(r, span, func(_ store.Key, g *group) bool {
			if len(found) == max || seen == groupsScanMax {
				more = true
				return false
			}
			seen++
			last = g.Name
			if (pattern == "" || strings.Contains(g.Name, pattern)) && wire.Or(in.LogGroupClass, "STANDARD") == "STANDARD" {
				found = append(found, g)
			}
			return true
		})
		for _, g := range found {
			bytes[g.ID] = storedBytes(r, g)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &logsapi.DescribeLogGroupsOutput{LogGroups: make([]logsapi.LogGroup, 0, len(found))}
	for _, g := range found {
		out.LogGroups = append(out.LogGroups, s.show(g, bytes[g.ID], pattern != ""))
	}
	if more {
		t, err := s.token(c, query, []byte(last))
		if err != nil {
			return nil, err
		}
		out.NextToken = &t
	}
	return out, nil
}

func (s *Service) describeNamed(ctx context.Context, ids []string) (*logsapi.DescribeLogGroupsOutput, error) {
	out := &logsapi.DescribeLogGroupsOutput{LogGroups: []logsapi.LogGroup{}}
	c := wire.CallOf(ctx)
	for _, id := range ids {
		i, err := identify(c, id)
		if err != nil {
			return nil, err
		}
		if i.account != c.Account || i.region != c.Region {
			continue
		}
		err = s.cfg.Store.View(ctx, func(r store.Reader) error {
			if g, ok := store.Load[group](r, groupKey(i.account, i.region, i.name)); ok {
				out.LogGroups = append(out.LogGroups, s.show(g, storedBytes(r, g), false))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out.LogGroups, func(a, b logsapi.LogGroup) int { return strings.Compare(*a.LogGroupName, *b.LogGroupName) })
	return out, nil
}

func storedBytes(r store.Reader, g *group) (n int64) {
	store.Each(r, store.Prefix(usagesOf(g.Account, g.ID)), func(_ store.Key, u *usage) bool {
		n += u.Bytes
		return true
	})
	return n
}

// show is a group as DescribeLogGroups answers it; with a pattern AWS leaves the rest out.
func (s *Service) show(g *group, bytes int64, short bool) logsapi.LogGroup {
	arn := groupARN(g.Account, g.Region, g.Name)
	l := logsapi.LogGroup{LogGroupName: &g.Name, CreationTime: wire.P(g.Created.UnixMilli()), MetricFilterCount: wire.P(int32(0)), Arn: wire.P(arn + ":*"),
		LogGroupArn: &arn, LogGroupClass: wire.P("STANDARD")}
	if short {
		return l
	}
	l.StoredBytes, l.DeletionProtectionEnabled = wire.P(bytes+s.used.pending(g.ID)), &g.Protected
	if g.Retention > 0 {
		l.RetentionInDays = wire.P(int32(g.Retention))
	}
	return l
}

// DescribeLogGroupsRequires implements the operation's requirements.
func (s *Service) DescribeLogGroupsRequires(ctx context.Context, in *logsapi.DescribeLogGroupsInput, r *wire.Requirements) error {
	c := wire.CallOf(ctx)
	r.Need("logs:DescribeLogGroups", streamARN(c.Account, c.Region, wire.V(in.LogGroupNamePrefix), ""))
	return nil
}

var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy implements the operation.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *logsapi.PutRetentionPolicyInput) (*logsapi.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, in.RetentionInDays) {
		return nil, bad(fmt.Sprintf("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
			in.RetentionInDays, strings.Trim(strings.ReplaceAll(fmt.Sprint(retentions), " ", ", "), "[]")))
	}
	now := s.cfg.Env.Now()
	err := s.change(ctx, here(wire.CallOf(ctx), in.LogGroupName), func(tx store.Tx, g *group) error {
		g.Retention = int64(in.RetentionInDays)
		scheduleRetention(tx, g, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &logsapi.PutRetentionPolicyOutput{}, nil
}

// PutRetentionPolicyRequires implements the operation's requirements.
func (s *Service) PutRetentionPolicyRequires(ctx context.Context, in *logsapi.PutRetentionPolicyInput, r *wire.Requirements) error {
	s.need(ctx, r, "PutRetentionPolicy", here(wire.CallOf(ctx), in.LogGroupName), "")
	return nil
}

// DeleteRetentionPolicy implements the operation.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *logsapi.DeleteRetentionPolicyInput) (*logsapi.DeleteRetentionPolicyOutput, error) {
	err := s.change(ctx, here(wire.CallOf(ctx), in.LogGroupName), func(tx store.Tx, g *group) error {
		g.Retention = 0
		cancelRetention(tx, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &logsapi.DeleteRetentionPolicyOutput{}, nil
}

// DeleteRetentionPolicyRequires implements the operation's requirements.
func (s *Service) DeleteRetentionPolicyRequires(ctx context.Context, in *logsapi.DeleteRetentionPolicyInput, r *wire.Requirements) error {
	s.need(ctx, r, "DeleteRetentionPolicy", here(wire.CallOf(ctx), in.LogGroupName), "")
	return nil
}

// keptFrom is the first moment (ms) of which a group's retention leaves events, 0 for all.
func (g *group) keptFrom(now time.Time) int64 {
	if g.Retention == 0 {
		return 0
	}
	return now.Add(-time.Duration(g.Retention) * 24 * time.Hour).UnixMilli()
}
