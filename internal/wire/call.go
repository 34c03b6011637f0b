package wire

import (
	"context"
	"time"
)

// Principal is who makes a call, as authentication found it. The zero value is nobody and may do nothing.
type Principal struct {
	Type      string // "Root", "User", "AssumedRole", "FederatedUser", "Service", "Anonymous"
	ARN       string // arn:aws:iam::123456789012:user/name, arn:aws:sts::…:assumed-role/role/session
	ID        string // unique id: AIDA…, AROA…:session, the account id for root
	Account   string // 12 digits
	Service   string // for Type Service: "sns.amazonaws.com"
	AccessKey string // key id the call was signed with, "" for inner calls
	// Of a session: what limits it and what it carries. Nil for long-term keys and service principals.
	Session *Session
}

// Session is what a temporary credential adds to its principal.
type Session struct {
	Issuer         string   // ARN of the role or user
	Policies       []string // inline session policies
	PolicyARNs     []string
	Tags           map[string]string
	TransitiveTags []string
	SourceIdentity string
	IssuedAt       time.Time
	ExpiresAt      time.Time
}

// Call is what the gate knows of one call. Services read it by CallOf and never change it.
type Call struct {
	Service   string // package name of the api: "sqs"
	Operation string // "SendMessage"
	RequestID string
	Account   string // account whose resources are meant: the caller's
	Region    string
	// AnyRegion: the call names no region (anonymous, S3's old query signatures); Region is the server's own.
	AnyRegion bool
	Partition string // "aws"
	Principal Principal
	BaseURL   string // scheme://host[:port] as the client spoke it, for URLs in answers
	Domain    string // the server's domain, AWS::URLSuffix
	SourceIP  string
	UserAgent string
	Time      time.Time // wall time at which the call was accepted
	Depth     int       // inner calls so far on this chain; at most 16
	Via       []string  // services the call came through (aws:CalledVia)
	EffectID  string    // idempotency id of the durable effect that makes this call, "" otherwise
	// SourceARN and SourceAccount are set for a service principal acting for a resource.
	SourceARN, SourceAccount string
	SecureTransport          bool
}

type callKey struct{}

// WithCall attaches a call to a context.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallOf gives the call of a context. It panics where there is none: every handler runs behind the gate.
func CallOf(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	if c == nil {
		panic("wire: no call in context: a handler was reached without the gate")
	}
	return c
}

// Caller gives the principal of a context's call.
func Caller(ctx context.Context) Principal { return CallOf(ctx).Principal }
