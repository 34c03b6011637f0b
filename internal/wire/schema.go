package wire

import "context"

// Kind is what a shape is.
type Kind uint8

// The kinds of shapes, with the Go type that carries a member of each.
const (
	KindString    Kind = iota // *string; string as an element
	KindInteger               // *int32
	KindLong                  // *int64
	KindFloat                 // *float32
	KindDouble                // *float64
	KindBoolean               // *bool
	KindBlob                  // []byte
	KindTimestamp             // *time.Time
	KindList                  // []T
	KindMap                   // map[string]T
	KindStructure             // *T, field i is member i
	KindStream                // *Stream
	KindDocument              // Document
	KindEvents                // *Events: an event stream
)

// Document is a JSON value as it came.
type Document []byte

// TimeFormat is how a timestamp is written.
type TimeFormat uint8

// The time formats; the zero value leaves it to protocol and location.
const (
	TimeDefault TimeFormat = iota
	TimeISO8601
	TimeRFC822
	TimeUnix
)

// Location is where a member travels.
type Location uint8

// The locations of REST protocols.
const (
	InBody Location = iota
	InHeader
	InHeaders // a map of headers with a prefix
	InQuery
	InURI
	InStatus
)

// Shape is a type of a model.
type Shape struct {
	Name      string
	Kind      Kind
	Elem      int32  // of a list, value of a map
	Key       int32  // of a map
	ElemName  string // locationName of a list's element, of a map's value
	KeyName   string
	Flat      bool
	Sensitive bool
	Union     bool
	Wrapper   bool // XML: the result has a wrapper
	JSONValue bool
	Time      TimeFormat
	HasMin    bool
	HasMax    bool
	Min, Max  float64
	Pattern   string
	Enum      []string
	Members   []Member
	Error     *ErrorShape
	XMLNS     string
	XMLPrefix string
}

// ErrorShape is what a modelled error answers with.
type ErrorShape struct {
	Code      string
	Status    int
	Sender    bool // the caller's fault
	QueryCode string
}

// Member is a member of a structure.
type Member struct {
	Name      string // as the model has it
	Wire      string // locationName, "" where it is Name
	QueryName string // ec2 only
	FormName  string // in forms and in the XML that answers them, where it differs from Wire
	Shape     int32
	Location  Location
	Required  bool
	Flat      bool
	Attribute bool // XML attribute
	Payload   bool
	Token     bool // idempotency token
	Host      bool
	Time      TimeFormat
	JSONValue bool
	EventPart uint8 // 1 header, 2 payload of an event
	XMLNS     string
	XMLPrefix string
}

// WireName is the name on the wire.
func (m *Member) WireName() string {
	if m.Wire != "" {
		return m.Wire
	}
	return m.Name
}

// Op is an operation of a model.
type Op struct {
	Name         string
	Method       string
	Path         string // with literal query, as the model has it
	Status       int    // 0: 200
	Implemented  bool
	Input        int32 // shape, -1 for none
	Output       int32
	ResultName   string // query: the wrapper of the result
	InputName    string // rest-xml: root element of the request
	InputNS      string
	Checksum     bool   // the request must carry a checksum
	ChecksumAlgo string // input member that names the algorithm
}

// Protocol names a wire protocol.
type Protocol string

// The protocols.
const (
	JSON     Protocol = "json"
	Query    Protocol = "query"
	EC2      Protocol = "ec2"
	RESTJSON Protocol = "rest-json"
	RESTXML  Protocol = "rest-xml"
	CBOR     Protocol = "smithy-rpc-v2-cbor"
)

// Model is a service as its published model describes it.
type Model struct {
	Package       string // "sqs"
	ServiceID     string // "SQS"
	SigningName   string // "sqs"
	EndpointName  string // "sqs"
	Version       string // "2012-11-05"
	TargetPrefix  string // "AmazonSQS"
	JSONVersion   string // "1.0"
	Namespace     string // of XML answers
	Protocols     []Protocol
	QueryErrors   bool // awsQueryCompatible: x-amzn-query-error
	Ops           []Op // every operation, sorted by name
	Shapes        []Shape
	OwnValidation bool // the service checks its inputs itself, in its own words
}

// Shape gives a shape by number.
func (m *Model) Shape(i int32) *Shape { return &m.Shapes[i] }

// Op finds an operation by name, nil for none.
func (m *Model) Op(name string) *Op {
	lo, hi := 0, len(m.Ops)
	for lo < hi {
		mid := (lo + hi) / 2
		if m.Ops[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(m.Ops) && m.Ops[lo].Name == name {
		return &m.Ops[lo]
	}
	return nil
}

// Has tells whether the model speaks a protocol.
func (m *Model) Has(p Protocol) bool {
	for _, q := range m.Protocols {
		if p == q {
			return true
		}
	}
	return false
}

// Handler is an implemented operation: its typed input, what it requires, and what it does.
type Handler struct {
	Model    *Model
	Op       *Op
	New      func() any
	Do       func(ctx context.Context, in any) (any, error)
	Requires func(ctx context.Context, in any, r *Requirements) error
}

// Invoker carries an operation to its service, through the gate.
type Invoker interface {
	Invoke(ctx context.Context, op *Op, in any) (any, error)
}

// Remote is an invoker that reads answers into a value of the caller's.
type Remote interface {
	InvokeInto(ctx context.Context, m *Model, op *Op, in, out any) error
}

// Invoke invokes an operation whose output is a T.
func Invoke[T any](ctx context.Context, v Invoker, m *Model, op *Op, in any) (*T, error) {
	if r, ok := v.(Remote); ok {
		out := new(T)
		if err := r.InvokeInto(ctx, m, op, in, out); err != nil {
			return nil, err
		}
		return out, nil
	}
	out, err := v.Invoke(ctx, op, in)
	if err != nil {
		return nil, err
	}
	return out.(*T), nil
}
