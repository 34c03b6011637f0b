package sigv4

import (
	"net/http"
	"strings"
	"time"
)

// Bounds of what is read before anybody is known.
const (
	MaxAuthorizationBytes = 16 << 10 // Authorization header, and X-Amz-Credential or X-Amz-SignedHeaders in a query
	MaxTokenBytes         = 16 << 10 // session token
	MaxSignedHeaders      = 256
	MaxQueryParameters    = 2048
	MaxPolicyBytes        = 64 << 10 // base64 policy of a form
	maxNameBytes          = 128      // key id, region, service
)

// Times of AWS's.
const (
	MaxSkew           = 15 * time.Minute // how far a request's time may be from the server's
	MaxExpiresSeconds = 604800           // a presigned URL lives a week at most
	timeFormat        = "20060102T150405Z"
	dateFormat        = "20060102"
)

// Request is the part of an HTTP request that signatures are about, as it came over the wire.
type Request struct {
	Method   string
	RawPath  string      // still encoded, without the query
	RawQuery string      // still encoded, without "?"
	Header   http.Header // keys as net/http spells them; put Transfer-Encoding back if net/http took it out
	Host     string      // Host header or :authority, port included if it was sent
}

// FromHTTP reads a request that a server received or a client is about to send. It shares the header map.
func FromHTTP(r *http.Request) Request {
	q := Request{Method: r.Method, Header: r.Header, Host: r.Host, RawPath: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery}
	if q.Host == "" {
		q.Host = r.URL.Host
	}
	if strings.HasPrefix(r.RequestURI, "/") { // the server's view: exactly the bytes sent
		q.RawPath, q.RawQuery, _ = strings.Cut(r.RequestURI, "?")
	}
	return q
}

// Form is the way a request says who sends it. The zero value is none; a switch over forms ends in deny.
type Form uint8

// The forms.
const (
	_          Form = iota
	Anonymous       // nothing says who
	Header          // Authorization: AWS4-HMAC-SHA256 …
	QueryV4         // presigned: X-Amz-Signature …
	QueryV2         // S3's old presigned form: AWSAccessKeyId, Expires, Signature
	PostPolicy      // a browser form's policy, Version 4
)

// String names the form.
func (f Form) String() string {
	switch f {
	case Anonymous:
		return "anonymous"
	case Header:
		return "header"
	case QueryV4:
		return "query"
	case QueryV2:
		return "query v2"
	case PostPolicy:
		return "post policy"
	}
	return "none"
}

// Payload is what a request promises of its body.
type Payload uint8

// What x-amz-content-sha256 may say.
const (
	PayloadUndeclared             Payload = iota // no such header
	PayloadHash                                  // 64 hexadecimal digits
	PayloadUnsigned                              // UNSIGNED-PAYLOAD
	PayloadChunked                               // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
	PayloadChunkedTrailer                        // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
	PayloadChunkedUnsignedTrailer                // STREAMING-UNSIGNED-PAYLOAD-TRAILER
	PayloadUnknown                               // anything else, Version 4A and event streams among it
)

// Values of x-amz-content-sha256.
const (
	UnsignedPayload          = "UNSIGNED-PAYLOAD"
	StreamingPayload         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingPayloadTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	EmptyHash                = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func payloadOf(v string) Payload {
	switch v {
	case "":
		return PayloadUndeclared
	case UnsignedPayload:
		return PayloadUnsigned
	case StreamingPayload:
		return PayloadChunked
	case StreamingPayloadTrailer:
		return PayloadChunkedTrailer
	case StreamingUnsignedTrailer:
		return PayloadChunkedUnsignedTrailer
	}
	if isHex64(v) {
		return PayloadHash
	}
	return PayloadUnknown
}

func isHex64(v string) bool {
	if len(v) != 64 {
		return false
	}
	for i := range len(v) {
		if c := v[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Signature is what a request says of its sender, read and not yet believed.
type Signature struct {
	Form  Form
	KeyID string // access key id
	Token string // session token, "" for a long-term key

	// Version 4 only.
	Date, Region, Service string    // the credential's scope; Date is YYYYMMDD
	Terminator            string    // "aws4_request" if all is well
	Timestamp             string    // as signed: 20150830T123600Z
	Time                  time.Time // Timestamp, UTC
	SignedHeaders         []string  // lower case, sorted

	Value         string // the signature as given: hex (Version 4) or base64 (Version 2)
	Expires       int64  // seconds after Time (QueryV4; -1 = not given) or since 1970 (QueryV2)
	ContentSHA256 string // x-amz-content-sha256 as given
	Payload       Payload
	Policy        string // PostPolicy: the policy as given, base64

	req        Request
	signedList string  // SignedHeaders as given
	params     []param // the query, decoded
}

// Signed tells whether lower-case header name is covered by the signature.
func (s *Signature) Signed(name string) bool {
	for _, h := range s.SignedHeaders {
		if h == name {
			return true
		}
	}
	return false
}
