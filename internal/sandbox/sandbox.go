// Package sandbox says what a function execution environment is: the interface that every isolation
// kind implements and that service/lambda uses. Kinds live in sub-packages (process, namespace).
//
// A sandbox serves one function version and is never reused for another. Its listeners are made where
// the function will see them (inside its network namespace, where the kind has one) and are served by the
// host process, so a listener is the sandbox's identity and no address or header has to be trusted.
//
// It is not the Runtime API (internal/runtime), not the pool, and it knows no AWS noun.
package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// Kind makes sandboxes of one isolation class.
type Kind interface {
	// Name is the kind's name as operators read it: "process", "namespace".
	Name() string
	// Claims says in one sentence what the kind promises, for `doctor` and the start-up notice.
	Claims() string
	// Create makes a parked sandbox: namespaces, mounts, limits and listeners exist, no user code runs.
	Create(ctx context.Context, spec Spec) (Sandbox, error)
	// Close kills every sandbox of this kind and returns when none is left.
	Close() error
}

// Spec says what a sandbox is made of. No field but Env holds bytes a user chose.
type Spec struct {
	ID         string   // unique; chosen by the server, [a-z0-9-]{1,40}
	Command    []string // the bootstrap's argv as seen inside
	RuntimeDir string   // host folder seen as /var/runtime
	CodeDir    string   // host folder with unpacked code, seen read-only as /var/task
	LayersDir  string   // host folder seen as /opt; "" for none
	Env        []string // KEY=VALUE, handed over by execve only
	Limits     Limits
}

// Limits bound one sandbox.
type Limits struct {
	MemoryBytes int64 // of all processes together; /tmp pages included
	TmpBytes    int64 // size of /tmp
	CPUMillis   int   // thousandths of one core
	Pids        int   // processes and threads
	OpenFiles   int   // descriptors of one process
	LogBytes    int64 // bytes of log per second before lines are dropped and counted
}

// A Surface names one of the listeners inside a sandbox.
type Surface string

// The surfaces of a sandbox. A kind without a network namespace has no Redirect and no DNS.
const (
	SurfaceRuntimeAPI Surface = "runtime"  // the Lambda Runtime API
	SurfaceEndpoint   Surface = "endpoint" // AWS's own API, plain and TLS
	SurfaceRedirect   Surface = "redirect" // every other TCP connection, with its original destination
	SurfaceDNS        Surface = "dns"      // a TCP listener; its UDP twin is given by PacketConn
)

// Sandbox is one execution environment.
type Sandbox interface {
	ID() string
	// Listener gives the listener of a surface, nil where the kind has none.
	Listener(Surface) net.Listener
	// PacketConn gives the UDP socket for SurfaceDNS, nil where the kind has none.
	PacketConn(Surface) net.PacketConn
	// Addr is the address under which the code inside reaches the surface, "127.0.0.1:9001".
	Addr(Surface) string
	// Start runs Spec.Command with Spec.Env and extra, once.
	Start(ctx context.Context, extra []string) error
	// Logs is what the code writes to stdout and stderr, one stream; it ends when the sandbox does.
	Logs() io.Reader
	// Kill ends the whole process tree. It may be called at any time and more than once.
	Kill()
	// Done is closed when no process of the sandbox is left; Exit is valid from then on.
	Done() <-chan struct{}
	Exit() Exit
	// Usage is what was used since the start.
	Usage() Usage
	// Freeze stops all processes, Thaw lets them go on. ErrUnsupported where the kind cannot.
	Freeze() error
	Thaw() error
}

// Exit says how a sandbox ended.
type Exit struct {
	Code   int    // exit status, -1 when killed by a signal
	Signal string // name of the signal, "" when it exited
	OOM    bool   // the memory limit was hit by any of its processes
	Killed bool   // Kill was called before it ended by itself
}

// Usage is a sandbox's consumption.
type Usage struct {
	MemoryPeakBytes int64
	CPU             time.Duration
}

// OriginalDst is implemented by connections accepted on SurfaceRedirect.
type OriginalDst interface {
	OriginalDst() (net.Addr, error)
}

// ErrUnsupported is returned for what a kind cannot do on this machine.
var ErrUnsupported = errors.New("sandbox: not supported by this kind on this machine")
