// Package compute runs function versions: it starts their execution environments (sandboxes with a runtime inside),
// hands each one event at a time, keeps them warm, and ends those that are idle, broken or of an old revision.
//
// An environment serves one function version under one revision and is never reused for another. What it holds is live
// state: it dies with the node, and whatever must outlive that (asynchronous events, mappings) is a durable step of the
// service that calls. Invoke blocks its caller only; an environment whose function runs over its time is killed as a
// whole tree.
//
// It knows no API and decides no rights: credentials and logs come and go through what Config names.
package compute

import (
	"context"
	"errors"
	"time"

	"virga/internal/blob"
)

// Limits with names.
const (
	EventBytesMax    = 6 << 20          // of a synchronous event
	ResponseMax      = 6 << 20          // of an answer, AWS's 6 MB
	LogTailBytes     = 4 << 10          // of the log that an answer may carry
	InitMax          = 10 * time.Second // an init that takes longer is repeated within the first invocation
	ExtraInit        = 130 * time.Second
	IdleMax          = 10 * time.Minute // after which a warm environment ends
	credentialsAhead = 5 * time.Minute  // an environment whose credentials end sooner retires
	logLineMax       = 256 << 10
	logBatchMax      = 1000
	logFlush         = 300 * time.Millisecond
	logsPendingMax   = 20_000 // lines of one environment that wait; beyond it they are dropped and counted
)

// Function is one function version as an environment needs it.
type Function struct {
	ARN      string // of the version: …:function:name:7, or unqualified for $LATEST
	Account  string
	Region   string
	Name     string
	Version  string // "$LATEST" or a number
	Revision string // another whenever code or configuration are another
	Runtime  string // "python3.12"
	Handler  string
	RoleARN  string
	Code     blob.Ref
	CodeSHA  string        // of the zip, base64 as AWS shows it
	Timeout  time.Duration // of one invocation
	MemoryMB int
	TmpMB    int
	Env      map[string]string // the user's
	LogGroup string
}

// Invocation is one event.
type Invocation struct {
	RequestID     string
	InvokedARN    string // as the caller named it, with alias
	Payload       []byte
	ClientContext string // JSON
	TraceID       string
	Tail          bool // the end of the log is wanted
	// Reserved bounds how many run at once of the function, -1 for the account's common pool.
	Reserved int
}

// Result is how an invocation ended.
type Result struct {
	Payload  []byte
	Error    string // "" or AWS's X-Amz-Function-Error: "Unhandled" (and "Handled" of old runtimes)
	Tail     []byte // last LogTailBytes of the log
	Duration time.Duration
	Billed   time.Duration
	Init     time.Duration // 0 when it was warm
	MemoryMB int           // the most that was used
}

// Credentials are a role session's, for the code inside.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expires                                    time.Time
}

// LogEvent is one line that a function or the platform wrote.
type LogEvent struct {
	At      time.Time
	Message string
}

// Errors of Invoke; everything that happens inside the function is a Result.
var (
	// ErrThrottled: no more invocations at once are allowed.
	ErrThrottled = errors.New("compute: too many concurrent invocations")
	// ErrReserved: the function's own reservation is used up.
	ErrReserved = errors.New("compute: reserved concurrency is used up")
	// ErrNoRuntime: there is no interpreter here for the function's runtime.
	ErrNoRuntime = errors.New("compute: no interpreter for the runtime")
	// ErrClosed: the node is going down.
	ErrClosed = errors.New("compute: closing")
)

// Roles gives the credentials of a function's role; STS is behind it.
type Roles interface {
	Assume(ctx context.Context, f *Function) (Credentials, error)
}

// Logs takes what functions write, with the rights of the function's role: one without rights loses its logs silently.
type Logs interface {
	Write(ctx context.Context, f *Function, stream string, events []LogEvent) error
}
