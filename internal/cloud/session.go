package cloud

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	logsapi "virga/api/logs"
	stsapi "virga/api/sts"
	"virga/internal/auth"
	"virga/internal/authority"
	"virga/internal/compute"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/store"
	"virga/internal/wire"
	"virga/service/iam"
)

// sessions gets role sessions in a service's name from STS, through the gate, and keeps them until they are about to end.
// A role that is gone or changed is seen all the same: a session's role is read anew at each call.
type sessions struct {
	env     env.Env
	gate    *gate.Gate
	auth    *auth.Auth
	store   store.Store
	service string // "lambda.amazonaws.com"
	domain  string

	mu sync.Mutex // never held across a wait
	m  map[string]session
}

type session struct {
	compute.Credentials
	principal wire.Principal
	epoch     uint64 // of the account's authority: a role made anew has another unique id
}

const (
	sessionFor  = time.Hour
	sessionLeft = 20 * time.Minute // of a kept session that is given out again
	sessionsMax = 10_000
)

// call is a context for work that no client's call made: it names account and region, and nobody as caller.
func (s *sessions) call(ctx context.Context, account, region string) context.Context {
	if account == "" || region == "" {
		c := *wire.CallOf(ctx)
		c.Principal = wire.Principal{}
		return wire.WithCall(ctx, &c)
	}
	return wire.WithCall(ctx, &wire.Call{Account: account, Region: region, Partition: "aws", Domain: s.domain, RequestID: env.NewID(s.env), Time: s.env.Wall()})
}

// get gives a session of a role.
func (s *sessions) get(ctx context.Context, roleARN, name string) (session, error) {
	if len(name) == 1 {
		name += "-" // a session's name has two characters; a function's may have one
	}
	k := roleARN + "\x00" + name
	epoch, err := s.store.Epoch(ctx, authority.Scope(wire.CallOf(ctx).Account))
	if err != nil {
		return session{}, err
	}
	s.mu.Lock()
	x, ok := s.m[k]
	s.mu.Unlock()
	if ok && x.epoch == epoch && x.Expires.Sub(s.env.Wall()) > sessionLeft {
		return x, nil
	}
	out, err := (&stsapi.Client{Invoker: s.gate.As(s.service)}).AssumeRole(ctx, &stsapi.AssumeRoleInput{RoleArn: roleARN, RoleSessionName: name, DurationSeconds: wire.P(int32(sessionFor / time.Second))})
	if err != nil {
		return session{}, err
	}
	c := out.Credentials
	opened, err := s.auth.Open(c.AccessKeyId, c.SessionToken)
	if err != nil {
		return session{}, fmt.Errorf("session of %s: %w", roleARN, err)
	}
	x = session{compute.Credentials{AccessKeyID: c.AccessKeyId, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Expires: c.Expiration}, opened.Principal(), epoch}
	s.mu.Lock()
	if s.m == nil || len(s.m) >= sessionsMax {
		s.m = map[string]session{}
	}
	s.m[k] = x
	s.mu.Unlock()
	return x, nil
}

// invoker gives an invoker that acts as a role's session.
func (s *sessions) invoker(ctx context.Context, roleARN, name string) (wire.Invoker, error) {
	x, err := s.get(ctx, roleARN, name)
	if err != nil {
		return nil, err
	}
	return s.gate.With(x.principal), nil
}

// functionRoles implements compute.Roles and compute.Logs.
type functionRoles struct{ s *sessions }

// Assume implements compute.Roles: the session's name is the function's, as on AWS.
func (r functionRoles) Assume(ctx context.Context, f *compute.Function) (compute.Credentials, error) {
	x, err := r.s.get(r.s.call(ctx, f.Account, f.Region), f.RoleARN, f.Name)
	return x.Credentials, err
}

// principal is who a function's code is.
func (r functionRoles) principal(ctx context.Context, f *compute.Function) (*wire.Principal, error) {
	x, err := r.s.get(r.s.call(ctx, f.Account, f.Region), f.RoleARN, f.Name)
	return &x.principal, err
}

// Write implements compute.Logs: what a role may not write is lost silently, as on AWS.
func (r functionRoles) Write(ctx context.Context, f *compute.Function, stream string, events []compute.LogEvent) error {
	ctx = r.s.call(ctx, f.Account, f.Region)
	inv, err := r.s.invoker(ctx, f.RoleARN, f.Name)
	if err != nil {
		return quiet(err)
	}
	c := &logsapi.Client{Invoker: inv}
	in := &logsapi.PutLogEventsInput{LogGroupName: f.LogGroup, LogStreamName: stream, LogEvents: make([]logsapi.InputLogEvent, len(events))}
	for i, e := range events {
		in.LogEvents[i] = logsapi.InputLogEvent{Timestamp: e.At.UnixMilli(), Message: e.Message}
	}
	_, err = c.PutLogEvents(ctx, in)
	var missing *logsapi.ResourceNotFoundException
	if !errors.As(err, &missing) {
		return quiet(err)
	}
	var exists *logsapi.ResourceAlreadyExistsException
	_, err = c.CreateLogStream(ctx, &logsapi.CreateLogStreamInput{LogGroupName: f.LogGroup, LogStreamName: stream})
	if errors.As(err, &missing) {
		if _, err = c.CreateLogGroup(ctx, &logsapi.CreateLogGroupInput{LogGroupName: f.LogGroup}); err != nil && !errors.As(err, &exists) {
			return quiet(err)
		}
		_, err = c.CreateLogStream(ctx, &logsapi.CreateLogStreamInput{LogGroupName: f.LogGroup, LogStreamName: stream})
	}
	if err != nil && !errors.As(err, &exists) {
		return quiet(err)
	}
	_, err = c.PutLogEvents(ctx, in)
	return quiet(err)
}

// quiet takes a refusal as the end of it; other errors are tried again.
func quiet(err error) error {
	if wire.CodeOf(err) == "" {
		return err
	}
	return nil
}

// allows tells whether a role may do something, as a session of it would.
func allows(plane *authority.Plane, ids *iam.Service) func(ctx context.Context, roleARN, action, resource string) (bool, error) {
	return func(ctx context.Context, roleARN, action, resource string) (bool, error) {
		e, _, err := ids.RoleByARN(ctx, roleARN)
		if err != nil || e == nil {
			return false, err
		}
		p := wire.Principal{Type: "AssumedRole", Account: e.Account, ID: e.ID + ":check", ARN: "arn:aws:sts::" + e.Account + ":assumed-role/" + e.Name + "/check", Session: &wire.Session{Issuer: e.ARN}}
		return plane.Allows(ctx, wire.CallOf(ctx), p, wire.Requirement{Action: action, Resource: resource})
	}
}
