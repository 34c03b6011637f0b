package s3

import (
	"context"
	"net/url"
	"strings"
	"time"

	s3api "virga/api/s3"
	"virga/internal/env"
	"virga/internal/job"
	"virga/internal/store"
	"virga/internal/wire"
)

const (
	lifecycleRulesMax = 1000
	minimumSize       = "all_storage_classes_128K"
	day               = 24 * time.Hour
)

// lifecycleRule is a rule of a bucket's lifecycle configuration. A zero number means that the action is not there.
type lifecycleRule struct {
	ID      string            `rec:"1"`
	Enabled bool              `rec:"2"`
	Legacy  bool              `rec:"3"` // Prefix stands in the rule, not in a filter
	And     bool              `rec:"4"` // the filter is an And
	Prefix  string            `rec:"5"`
	HasPre  bool              `rec:"6"`
	Tags    map[string]string `rec:"7"`
	Greater int64             `rec:"8"`
	HasGt   bool              `rec:"9"`
	Less    int64             `rec:"10"` // 0 = none
	Days    int64             `rec:"11"`
	Date    time.Time         `rec:"12"`
	Markers bool              `rec:"13"` // ExpiredObjectDeleteMarker
	NonDays int64             `rec:"14"`
	NonKeep int64             `rec:"15"`
	Abort   int64             `rec:"16"`
	Unknown store.Unknown
}

// parseRule checks one rule and makes its record.
func parseRule(r *s3api.LifecycleRule) (l lifecycleRule, err error) {
	if len(r.Transitions) > 0 || len(r.NoncurrentVersionTransitions) > 0 {
		return l, wire.Unsupported("PutBucketLifecycleConfiguration: Transitions")
	}
	l = lifecycleRule{ID: wire.V(r.ID), Enabled: r.Status == "Enabled"}
	if len(l.ID) > 255 {
		return l, argument("ID length should not exceed allowed limit of 255", "ID", l.ID)
	}
	if (r.Prefix == nil) == (r.Filter == nil) {
		return l, malformed()
	}
	prefix := func(p *string) {
		if p != nil {
			l.Prefix, l.HasPre = *p, true
		}
	}
	sizes := func(gt, lt *int64) {
		if gt != nil {
			l.Greater, l.HasGt = *gt, true
		}
		l.Less = wire.V(lt)
	}
	var tags []s3api.Tag
	if f := r.Filter; f == nil {
		l.Legacy = true
		prefix(r.Prefix)
	} else {
		n := 0
		for _, has := range []bool{f.Prefix != nil, f.Tag != nil, f.ObjectSizeGreaterThan != nil, f.ObjectSizeLessThan != nil, f.And != nil} {
			if has {
				n++
			}
		}
		if n > 1 {
			return l, malformed()
		}
		prefix(f.Prefix)
		sizes(f.ObjectSizeGreaterThan, f.ObjectSizeLessThan)
		if f.Tag != nil {
			tags = []s3api.Tag{*f.Tag}
		}
		if a := f.And; a != nil {
			l.And = true
			prefix(a.Prefix)
			sizes(a.ObjectSizeGreaterThan, a.ObjectSizeLessThan)
			tags = a.Tags
		}
	}
	for _, t := range tags {
		if _, twice := l.Tags[t.Key]; twice {
			return l, invalid("Duplicate Tag Keys are not allowed.")
		}
		if l.Tags == nil {
			l.Tags = map[string]string{}
		}
		l.Tags[t.Key] = t.Value
	}
	acts := false
	if e := r.Expiration; e != nil {
		n := 0
		for _, has := range []bool{e.Days != nil, e.Date != nil, e.ExpiredObjectDeleteMarker != nil} {
			if has {
				n++
			}
		}
		if n != 1 {
			return l, malformed()
		}
		switch {
		case e.Days != nil && *e.Days <= 0:
			return l, argument("'Days' for Expiration action must be a positive integer", "Days", itoa(int64(*e.Days)))
		case e.Date != nil && !e.Date.Equal(e.Date.Truncate(day)):
			return l, argument("'Date' must be at midnight GMT", "Date", e.Date.UTC().Format(time.RFC3339))
		}
		l.Days, l.Date, l.Markers = int64(wire.V(e.Days)), wire.V(e.Date), wire.V(e.ExpiredObjectDeleteMarker)
		acts = true
	}
	if e := r.NoncurrentVersionExpiration; e != nil {
		if wire.V(e.NoncurrentDays) <= 0 || e.NewerNoncurrentVersions != nil && (*e.NewerNoncurrentVersions < 1 || *e.NewerNoncurrentVersions > 100) {
			return l, malformed()
		}
		l.NonDays, l.NonKeep = int64(*e.NoncurrentDays), int64(wire.V(e.NewerNoncurrentVersions))
		acts = true
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil {
		switch {
		case wire.V(a.DaysAfterInitiation) <= 0:
			return l, argument("'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer", "DaysAfterInitiation", itoa(int64(wire.V(a.DaysAfterInitiation))))
		case len(l.Tags) > 0 || l.HasGt || l.Less > 0:
			return l, invalid("AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes")
		}
		l.Abort = int64(*a.DaysAfterInitiation)
		acts = true
	}
	if !acts {
		return l, invalid("At least one action needs to be specified in a rule")
	}
	return l, nil
}

// PutBucketLifecycleConfiguration implements the operation.
func (s *Service) PutBucketLifecycleConfiguration(ctx context.Context, in *s3api.PutBucketLifecycleConfigurationInput) (*s3api.PutBucketLifecycleConfigurationOutput, error) {
	if in.LifecycleConfiguration == nil || len(in.LifecycleConfiguration.Rules) == 0 || len(in.LifecycleConfiguration.Rules) > lifecycleRulesMax {
		return nil, malformed()
	}
	if t := wire.V(in.TransitionDefaultMinimumObjectSize); t != "" && t != minimumSize {
		return nil, wire.Unsupported("PutBucketLifecycleConfiguration: TransitionDefaultMinimumObjectSize=" + t)
	}
	rules := make([]lifecycleRule, len(in.LifecycleConfiguration.Rules))
	ids := map[string]bool{}
	for i := range rules {
		var err error
		if rules[i], err = parseRule(&in.LifecycleConfiguration.Rules[i]); err != nil {
			return nil, err
		}
		if rules[i].ID == "" {
			rules[i].ID = env.NewID(s.cfg.Env)
		}
		if ids[rules[i].ID] {
			return nil, argument("Rule ID must be unique. Found same ID for more than one rule", "ID", rules[i].ID)
		}
		ids[rules[i].ID] = true
	}
	err := s.reset(ctx, in.Bucket, rules)
	return &s3api.PutBucketLifecycleConfigurationOutput{TransitionDefaultMinimumObjectSize: wire.P(minimumSize)}, err
}

// reset sets a bucket's rules; their job runs at each midnight, and now for what is due already.
func (s *Service) reset(ctx context.Context, name string, rules []lifecycleRule) error {
	b, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	now := s.cfg.Env.Now()
	k := bucketKey(b.Account, b.Name)
	return s.cfg.Store.Update(ctx, []store.Key{k}, func(tx store.Tx) error {
		cur, ok := store.Load[bucket](tx, k)
		if !ok || cur.ID != b.ID {
			return noBucket(name)
		}
		cur.Lifecycle = rules
		store.Put(tx, k, cur)
		tx.Bump(scope(name))
		if len(rules) == 0 {
			job.Cancel(tx, b.Account, lifecycleKind, b.ID)
			return nil
		}
		job.At(tx, b.Account, b.Region, lifecycleKind, b.ID, now, sweepState{Name: name}.bytes())
		return nil
	})
}

// PutBucketLifecycleConfigurationRequires implements the operation's requirements.
func (s *Service) PutBucketLifecycleConfigurationRequires(ctx context.Context, in *s3api.PutBucketLifecycleConfigurationInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutLifecycleConfiguration")
	return err
}

// GetBucketLifecycleConfiguration implements the operation.
func (s *Service) GetBucketLifecycleConfiguration(ctx context.Context, in *s3api.GetBucketLifecycleConfigurationInput) (*s3api.GetBucketLifecycleConfigurationOutput, error) {
	b, err := s.find(ctx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.Lifecycle) == 0 {
		return nil, absent("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", b.Name)
	}
	out := &s3api.GetBucketLifecycleConfigurationOutput{TransitionDefaultMinimumObjectSize: wire.P(minimumSize)}
	for i := range b.Lifecycle {
		out.Rules = append(out.Rules, b.Lifecycle[i].shown())
	}
	return out, nil
}

// shown gives a rule as it was put.
func (l *lifecycleRule) shown() s3api.LifecycleRule {
	r := s3api.LifecycleRule{ID: &l.ID, Status: "Disabled"}
	if l.Enabled {
		r.Status = "Enabled"
	}
	var prefix *string
	if l.HasPre {
		prefix = &l.Prefix
	}
	var gt, lt *int64
	if l.HasGt {
		gt = &l.Greater
	}
	if l.Less > 0 {
		lt = &l.Less
	}
	switch {
	case l.Legacy:
		r.Prefix = prefix
	case l.And:
		r.Filter = &s3api.LifecycleRuleFilter{And: &s3api.LifecycleRuleAndOperator{Prefix: prefix, Tags: tagList(l.Tags), ObjectSizeGreaterThan: gt, ObjectSizeLessThan: lt}}
	default:
		r.Filter = &s3api.LifecycleRuleFilter{Prefix: prefix, ObjectSizeGreaterThan: gt, ObjectSizeLessThan: lt}
		for _, t := range tagList(l.Tags) {
			r.Filter.Tag = &t
		}
	}
	days := func(n int64) *int32 { return wire.P(int32(n)) }
	switch {
	case l.Days > 0:
		r.Expiration = &s3api.LifecycleExpiration{Days: days(l.Days)}
	case !l.Date.IsZero():
		r.Expiration = &s3api.LifecycleExpiration{Date: &l.Date}
	case l.Markers:
		r.Expiration = &s3api.LifecycleExpiration{ExpiredObjectDeleteMarker: &l.Markers}
	}
	if l.NonDays > 0 {
		r.NoncurrentVersionExpiration = &s3api.NoncurrentVersionExpiration{NoncurrentDays: days(l.NonDays)}
		if l.NonKeep > 0 {
			r.NoncurrentVersionExpiration.NewerNoncurrentVersions = days(l.NonKeep)
		}
	}
	if l.Abort > 0 {
		r.AbortIncompleteMultipartUpload = &s3api.AbortIncompleteMultipartUpload{DaysAfterInitiation: days(l.Abort)}
	}
	return r
}

// GetBucketLifecycleConfigurationRequires implements the operation's requirements.
func (s *Service) GetBucketLifecycleConfigurationRequires(ctx context.Context, in *s3api.GetBucketLifecycleConfigurationInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "GetLifecycleConfiguration")
	return err
}

// DeleteBucketLifecycle implements the operation.
func (s *Service) DeleteBucketLifecycle(ctx context.Context, in *s3api.DeleteBucketLifecycleInput) (*s3api.DeleteBucketLifecycleOutput, error) {
	return &s3api.DeleteBucketLifecycleOutput{}, s.reset(ctx, in.Bucket, nil)
}

// DeleteBucketLifecycleRequires implements the operation's requirements.
func (s *Service) DeleteBucketLifecycleRequires(ctx context.Context, in *s3api.DeleteBucketLifecycleInput, r *wire.Requirements) error {
	_, _, err := s.need(ctx, r, in.Bucket, "", in.ExpectedBucketOwner, "PutLifecycleConfiguration")
	return err
}

// matches tells whether a rule's filter takes a version.
func (l *lifecycleRule) matches(key string, o *object) bool {
	if !l.Enabled || !strings.HasPrefix(key, l.Prefix) || l.HasGt && o.Size <= l.Greater || l.Less > 0 && o.Size >= l.Less {
		return false
	}
	for k, v := range l.Tags {
		if have, ok := o.Tags[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// after is the midnight at which n days since t have passed.
func after(t time.Time, n int64) time.Time {
	t = t.Add(time.Duration(n) * day)
	m := t.Truncate(day)
	if m.Before(t) {
		m = m.Add(day)
	}
	return m
}

// expires tells when a current version expires and by which rule; zero where it does not.
func (b *bucket) expires(key string, o *object) (at time.Time, rule string) {
	for i := range b.Lifecycle {
		l := &b.Lifecycle[i]
		if l.Days == 0 && l.Date.IsZero() || !l.matches(key, o) {
			continue
		}
		t := l.Date
		if l.Days > 0 {
			t = after(o.Modified, l.Days)
		}
		if at.IsZero() || t.Before(at) {
			at, rule = t, l.ID
		}
	}
	return at, rule
}

// expiration is the x-amz-expiration header of a current version.
func (b *bucket) expiration(key string, o *object) *string {
	if len(b.Lifecycle) == 0 {
		return nil
	}
	at, rule := b.expires(key, o)
	if at.IsZero() {
		return nil
	}
	return wire.P(`expiry-date="` + at.UTC().Format(httpTime) + `", rule-id="` + url.QueryEscape(rule) + `"`)
}
