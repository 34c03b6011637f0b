package iam

import (
	"context"

	iamapi "virga/api/iam"
	"virga/internal/store"
	"virga/internal/wire"
)

// need adds an action on a user, group or role, with its tags and boundary as condition keys.
func (s *Service) need(ctx context.Context, r *wire.Requirements, action, kind, name string) (*wire.Requirement, error) {
	c := wire.CallOf(ctx)
	var e *entity
	err := s.view(ctx, func(r store.Reader) error {
		e, _ = loadEntity(r, c.Account, kind, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if e == nil {
		return r.Need("iam:"+action, arnOf(c.Account, kind, "/", name)), nil
	}
	n := r.Need("iam:"+action, e.arn(c.Account))
	if e.Boundary != "" {
		n.Conditions = append(n.Conditions, wire.Condition{Key: "iam:PermissionsBoundary", Values: []string{e.Boundary}})
	}
	n.Conditions = append(n.Conditions, resourceTags(e.Tags)...)
	return n, nil
}

// require is need where nothing is added.
func (s *Service) require(ctx context.Context, r *wire.Requirements, action, kind, name string) error {
	_, err := s.need(ctx, r, action, kind, name)
	return err
}

// requireWith is need with one more condition key.
func (s *Service) requireWith(ctx context.Context, r *wire.Requirements, action, kind, name, key, value string) error {
	n, err := s.need(ctx, r, action, kind, name)
	if err == nil {
		n.Conditions = append([]wire.Condition{{Key: key, Values: []string{value}}}, n.Conditions...)
	}
	return err
}

// requireList adds an action on all entities below a path prefix.
func requireList(ctx context.Context, r *wire.Requirements, action, kind string, prefix *string) error {
	r.Need("iam:"+action, "arn:aws:iam::"+wire.CallOf(ctx).Account+":"+kind+wire.Or(prefix, "/"))
	return nil
}

// requireNew adds the creation of something, with tags and boundary.
func requireNew(r *wire.Requirements, action, tagAction, arn string, boundary *string, tags []iamapi.Tag) error {
	n := r.Need("iam:"+action, arn, requestTags(tags)...)
	if boundary != nil {
		n.Conditions = append(n.Conditions, wire.Condition{Key: "iam:PermissionsBoundary", Values: []string{*boundary}})
	}
	if len(tags) > 0 {
		r.Need("iam:"+tagAction, arn, requestTags(tags)...)
	}
	return nil
}

// needPolicy adds an action on a managed policy.
func (s *Service) needPolicy(ctx context.Context, r *wire.Requirements, action, arn string) (*wire.Requirement, error) {
	c := wire.CallOf(ctx)
	n := r.Need("iam:"+action, arn)
	err := s.view(ctx, func(r store.Reader) error {
		if p, ok := policyByARN(r, c.Account, arn); ok {
			n.Conditions = resourceTags(p.Tags)
		}
		return nil
	})
	return n, err
}

func (s *Service) requirePolicy(ctx context.Context, r *wire.Requirements, action, arn string) error {
	_, err := s.needPolicy(ctx, r, action, arn)
	return err
}

func resourceTags(tags []tag) []wire.Condition {
	var out []wire.Condition
	for _, t := range tags {
		out = append(out, wire.Condition{Key: "aws:ResourceTag/" + t.Key, Values: []string{t.Value}}, wire.Condition{Key: "iam:ResourceTag/" + t.Key, Values: []string{t.Value}})
	}
	return out
}

func requestTags(tags []iamapi.Tag) []wire.Condition {
	if len(tags) == 0 {
		return nil
	}
	var out []wire.Condition
	var keys []string
	for _, t := range tags {
		out = append(out, wire.Condition{Key: "aws:RequestTag/" + t.Key, Values: []string{t.Value}})
		keys = append(keys, t.Key)
	}
	return append(out, wire.Condition{Key: "aws:TagKeys", Values: keys})
}

// self names the caller's own user where the input names none. It goes by the id, for a session may be older than the
// user's present name.
func (s *Service) self(ctx context.Context, name *string) (own string, err error) {
	if name != nil {
		return *name, nil
	}
	c := wire.CallOf(ctx)
	if c.Principal.Type != "User" {
		return "", wire.Invalid("Must specify userName when calling with non-User credentials")
	}
	return own, s.view(ctx, func(r store.Reader) error {
		e, ok := entityByID(r, c.Account, c.Principal.ID)
		if !ok {
			return noEntity(user, c.Principal.ID)
		}
		own = e.Name
		return nil
	})
}
