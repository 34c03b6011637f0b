package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Limits of the codecs.
const (
	DepthMax    = 64      // nesting of JSON, XML, CBOR and query names
	FormPairs   = 100_000 // pairs of a form
	ErrorsMax   = 100     // validation errors collected for one input
	ValueChars  = 4096    // characters of a bad value that a message repeats
	HeaderBytes = 64 << 10
)

// Handler is one implemented operation. Generated code makes handlers, so that none lacks its requirements.
type Handler struct {
	Op       *Op
	New      func() any
	Do       func(ctx context.Context, in any) (any, error)
	Requires func(ctx context.Context, in any, r *Requirements) error
}

// Handle joins the typed methods of a server to an operation.
func Handle[I, O any](op *Op, do func(context.Context, *I) (*O, error), requires func(context.Context, *I, *Requirements) error) Handler {
	if do == nil || requires == nil {
		panic("wire: " + op.Name + " lacks its method or its requirements")
	}
	return Handler{
		Op:  op,
		New: func() any { return new(I) },
		Do: func(ctx context.Context, in any) (any, error) {
			out, err := do(ctx, in.(*I))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
		Requires: func(ctx context.Context, in any, r *Requirements) error { return requires(ctx, in.(*I), r) },
	}
}

// Invoker performs an operation for a client: in this process behind the gate, or over HTTP.
// in and the answer are pointers to the operation's input and output structs.
type Invoker interface {
	Invoke(ctx context.Context, op *Op, in any) (any, error)
}

// Invoke is what generated clients call. An answer of another type breaks an invariant.
func Invoke[O any](ctx context.Context, v Invoker, op *Op, in any) (*O, error) {
	out, err := v.Invoke(ctx, op, in)
	if err != nil {
		return nil, err
	}
	o, ok := out.(*O)
	if !ok {
		panic(fmt.Sprintf("wire: %s.%s answered %T", op.Schema.Package, op.Name, out))
	}
	return o, nil
}

// Request is an HTTP request as the codecs need it. Either Body holds the whole body or BodyStream gives it.
type Request struct {
	Method        string
	Path          string // raw, escaped, begins with '/'
	RawQuery      string
	Header        http.Header // canonical keys
	Body          []byte
	BodyStream    io.ReadCloser
	ContentLength int64 // -1 = unknown
	Host          string
}

// Response is an HTTP response. Where Stream is set it is the body and Body is nil; whoever writes it closes
// Stream if it is an io.Closer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Stream io.Reader
}

// Coder is implemented by Go types of shapes marked Custom: they read and write their own JSON.
type Coder interface {
	// DecodeWire reads one whole JSON value. raw is valid during the call only.
	DecodeWire(raw []byte) error
	// AppendWire appends the value as JSON.
	AppendWire(dst []byte) ([]byte, error)
}

// Document is any JSON value, as its bytes.
type Document []byte

// EventReader is the source of an event stream's events: each a pointer to the stream's union struct with one
// member set. Next gives io.EOF after the last. If it is an io.Closer it is closed when the stream ends.
type EventReader interface {
	Next() (any, error)
}
