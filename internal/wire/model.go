package wire

import (
	"regexp"
	"sync/atomic"
)

// Protocol is one of AWS's wire protocols.
type Protocol uint8

// The protocols. Unknown is the zero value: whoever reads it must choose (Table.Find does).
const (
	Unknown  Protocol = iota
	JSON10            // awsJson 1.0
	JSON11            // awsJson 1.1
	Query             // form in, XML out
	EC2               // EC2's dialect of query
	RESTJSON          // REST bindings, JSON bodies
	RESTXML           // REST bindings, XML bodies
	CBOR              // Smithy RPC v2 over CBOR
)

// String gives the name that service models use; both versions of JSON are "json".
func (p Protocol) String() string {
	switch p {
	case JSON10, JSON11:
		return "json"
	case Query:
		return "query"
	case EC2:
		return "ec2"
	case RESTJSON:
		return "rest-json"
	case RESTXML:
		return "rest-xml"
	case CBOR:
		return "smithy-rpc-v2-cbor"
	}
	return "unknown"
}

// Kind is the type of a shape.
type Kind uint8

// The kinds of shapes, as service models name them.
const (
	KindStructure Kind = iota
	KindList
	KindMap
	KindString
	KindInteger // 32 bits
	KindLong    // 64 bits
	KindFloat
	KindDouble
	KindBoolean
	KindBlob
	KindTimestamp
	KindDocument // any JSON value, kept as its bytes
)

// ShapeFlags are the yes-or-no traits of a shape.
type ShapeFlags uint16

// Traits of shapes.
const (
	Streaming ShapeFlags = 1 << iota
	Flattened
	Sensitive
	Union
	EventStream
	Event
	Exception
	Fault  // the server's fault
	Sender // the model says "senderFault"
	Custom // the Go type brings its own JSON codec (Coder)
	Sparse
	HasMin
	HasMax
	Wrapper
)

// TimeFormat says how a timestamp is written.
type TimeFormat uint8

// Time formats; TimeDefault is the protocol's own.
const (
	TimeDefault TimeFormat = iota
	TimeISO8601
	TimeHTTP
	TimeUnix
)

// Location is where a member of an operation's input or output travels.
type Location uint8

// Locations.
const (
	InBody Location = iota
	InURI
	InQuery
	InHeader
	InHeaders // a map, each entry a header under a prefix
	InStatus
)

// inAnswer tells whether a member at l travels in the body of an answer: an answer has neither path nor query.
func (l Location) inAnswer() bool { return l == InBody || l == InURI || l == InQuery }

// MemberFlags are the yes-or-no traits of a member.
type MemberFlags uint16

// Traits of members.
const (
	Required MemberFlags = 1 << iota
	MemberFlattened
	XMLAttribute
	IdempotencyToken
	JSONValue
	EventPayload
	EventHeader
	HostLabel
	MemberStreaming // a blob that is a stream
)

// Member is one member of a structure, or the element, key or value of a list or map.
type Member struct {
	Name      string // AWS's name, and the Go field's with its first letter in upper case
	WireName  string // name on the wire, "" = Name; of a header in canonical form
	QueryName string // name in the query protocols where it differs from WireName, "" = none
	Shape     int32  // index into Schema.Shapes
	Location  Location
	Time      TimeFormat
	Flags     MemberFlags
	Namespace string // XML namespace of the element
	Prefix    string // its prefix
}

// Has tells whether all given traits are set.
func (m *Member) Has(f MemberFlags) bool { return m.Flags&f == f }

// Key gives the member's name on the wire.
func (m *Member) Key() string {
	if m.WireName != "" {
		return m.WireName
	}
	return m.Name
}

// Shape is one type of a model with its constraints. Members holds the members of a structure (in the order of
// the Go struct's fields), the element of a list at 0, the key and value of a map at 0 and 1.
type Shape struct {
	Name   string
	Kind   Kind
	Time   TimeFormat
	Flags  ShapeFlags
	Status int16 // HTTP status of an error, 0 = not said
	// QueryStatus is the status in the query protocol where it differs, 0 = Status.
	QueryStatus int16
	Payload     int16 // index of the member that is the HTTP body, -1 = none
	Pattern     int16 // index into Schema.Patterns, -1 = none
	Min, Max    float64
	WireName    string
	Namespace   string
	Prefix      string
	Code        string // of an error, "" = Name
	QueryCode   string // of an error in the query protocol where it differs
	Enum        []string
	Members     []Member
}

// Has tells whether all given traits are set.
func (s *Shape) Has(f ShapeFlags) bool { return s.Flags&f == f }

// OpFlags are the yes-or-no traits of an operation.
type OpFlags uint16

// Traits of operations.
const (
	// Implemented operations have shapes in the schema; the others are known by name only.
	Implemented OpFlags = 1 << iota
	NoAuth
	UnsignedPayload
	ReadOnly
	Idempotent
	ChecksumRequired  // the request must carry Content-MD5 or a checksum
	StreamingInput    // the body is a stream and must not be read beforehand
	StreamingOutput   // the answer's body is a stream
	EventStreamInput  // the request is an event stream: no operation of ours takes one
	EventStreamOutput // the answer is an event stream
	RootIsMember      // the answer's root element is its one member (S3's GetBucketLocation)
)

// Op is one operation of a model.
type Op struct {
	Schema *Schema
	Name   string
	Method string // HTTP method
	Path   string // URI pattern of the REST protocols: "/{Bucket}/{Key+}?uploads"
	Status int16  // of a success
	Flags  OpFlags
	Input  int32 // shape, -1 = none
	Output int32
	Errors []int32
	// ResultWrapper is the element between response and members in the query protocol.
	ResultWrapper string
	// InputRoot and InputNamespace are the root element of a rest-xml body.
	InputRoot, InputNamespace string
	// OutputRoot is the root element of a rest-xml answer, "" = the output shape's name.
	OutputRoot string
	// ChecksumMember names the input member that chooses a checksum algorithm; ResponseChecksums are the
	// algorithms that an answer may carry.
	ChecksumMember    string
	ResponseChecksums []string
	HostPrefix        string
	// Needs are required query members ("?uploadId") and headers that tell the operation from others on its path.
	Needs []string
}

// Has tells whether all given traits are set.
func (o *Op) Has(f OpFlags) bool { return o.Flags&f == f }

// SchemaFlags are the yes-or-no traits of a service.
type SchemaFlags uint16

// Traits of services.
const (
	QueryCompatible SchemaFlags = 1 << iota // errors carry x-amzn-query-error
	S3                                      // S3's own ways: bare errors, x-amz-request-id
	BodyPath                                // paths of body members in validation errors begin with <op>Input
)

// Validation says in which words a service refuses an input that breaks its model.
type Validation uint8

// Styles of validation.
const (
	// ValidateModel checks everything the model says and lists all errors, as most services do.
	ValidateModel Validation = iota
	// ValidateNone leaves all checks to the service.
	ValidateNone
	// ValidateRequired checks only what is missing: "The request must contain the parameter X."
	ValidateRequired
	// ValidateBody checks what is missing or no word of an enumeration in an XML body, and answers MalformedXML.
	ValidateBody
)

// Pattern is a regular expression of a model. It is compiled when first used; that is a memo of a constant and
// nobody can observe it.
type Pattern struct {
	Text string // as AWS's messages show it
	Expr string // in Go's dialect, "" where it cannot be said in it: then nothing is checked
	Not  string // what must not match (a leading negative lookahead), "" = nothing

	re, not atomic.Pointer[regexp.Regexp]
}

// Schema is what is known of one service without its operations.
type Schema struct {
	Package        string // "sqs": the Go package and the CLI's name without hyphens
	ServiceID      string // "SQS"
	FullName       string
	Abbreviation   string
	APIVersion     string // "2012-11-05"
	EndpointPrefix string // "sqs"
	SigningName    string // "sqs", the service of a signature's scope
	TargetPrefix   string // "AmazonSQS"
	Namespace      string // XML namespace
	ErrorNamespace string // what stands before '#' in an error's __type, "" = nothing does
	Global         bool
	Flags          SchemaFlags
	Validation     Validation
	// ValidationCode is the code of a validation error, "" = the protocol's.
	ValidationCode string
	// BlobType is the content type of answers that are bytes, "" = application/octet-stream.
	BlobType  string
	Protocols []Protocol // the first is the preferred one
	Shapes    []Shape
	Patterns  []Pattern
}

// Speaks tells whether the service answers in p.
func (s *Schema) Speaks(p Protocol) bool {
	for _, q := range s.Protocols {
		if q == p {
			return true
		}
	}
	return false
}

// Model is a service: its schema and all its operations, sorted by name. It is never changed.
type Model struct {
	*Schema
	Ops []Op
}

// Op gives the operation of a name, nil where the model has none.
func (m *Model) Op(name string) *Op {
	lo, hi := 0, len(m.Ops)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
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
