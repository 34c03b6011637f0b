package wire

import (
	"errors"
	"net/http"
	"reflect"
)

// Modeled is an error that a service's model names. Generated error types implement it.
type Modeled interface {
	error
	// Modeled gives the schema, the error's shape in it and the message.
	Modeled() (s *Schema, shape int32, message string)
}

// Error is an AWS error outside of a service's model: those that are common to all services, and those that a
// service answers without its model saying so. Common errors carry Common; their Code is then spelled as the
// protocol spells it.
type Error struct {
	Code    string
	Status  int
	Message string
	Common  Common
	// Server marks the server's fault; statuses from 500 are it anyway.
	Server bool
	// Resource is S3's <Resource>, "" = none; Extra are more elements of an S3 or query error.
	Resource string
	Extra    [][2]string
	// Headers are headers of the answer in the REST protocols.
	Headers [][2]string
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// ErrorOf makes an error with a code of its own.
func ErrorOf(code string, status int, message string) error {
	return &Error{Code: code, Status: status, Message: message}
}

// Common is an error that every service knows under a spelling of its protocol.
type Common uint8

// Common errors.
const (
	Uncommon Common = iota
	AccessDeniedError
	ThrottlingError
	ValidationError
	NotImplementedError
	MissingTokenError     // no authentication at all
	UnknownKeyError       // the access key id is not known
	InvalidTokenError     // session token wrong
	ExpiredTokenError     // session over
	SignatureError        // signature does not match
	IncompleteSignature   // authorization header lacks parts
	RequestExpiredError   // date outside of the window
	UnknownOperationError // no such operation
	SerializationError    // malformed body
	InternalError         // our fault
	UnavailableError      // try later
	RequestTooLargeError  // body above the limit
	OptInRequiredError    // service not available to the account
	MissingParameterError // query's "must contain the parameter"
	UnsupportedMediaError // content type not understood
	InvalidParameterError // a value that no style words better
	commonCount
)

// spelling of a common error: status, then the codes for JSON and CBOR, query, S3. "" = the JSON spelling.
type spelling struct {
	status            int
	json, query, s3   string
	s3status, qstatus int
}

func spell(c Common) spelling {
	switch c {
	case AccessDeniedError:
		return spelling{status: 400, json: "AccessDeniedException", query: "AccessDenied", s3: "AccessDenied", s3status: 403, qstatus: 403}
	case ThrottlingError:
		return spelling{status: 400, json: "ThrottlingException", query: "Throttling", s3: "SlowDown", s3status: 503}
	case ValidationError:
		return spelling{status: 400, json: "ValidationException", query: "ValidationError", s3: "InvalidRequest"}
	case NotImplementedError:
		return spelling{status: 501, json: "NotImplemented", query: "NotImplemented", s3: "NotImplemented", s3status: 501, qstatus: 501}
	case MissingTokenError:
		return spelling{status: 400, json: "MissingAuthenticationTokenException", query: "MissingAuthenticationToken", s3: "AccessDenied", s3status: 403, qstatus: 403}
	case UnknownKeyError:
		return spelling{status: 400, json: "UnrecognizedClientException", query: "InvalidClientTokenId", s3: "InvalidAccessKeyId", s3status: 403, qstatus: 403}
	case InvalidTokenError:
		return spelling{status: 400, json: "UnrecognizedClientException", query: "InvalidClientTokenId", s3: "InvalidToken", s3status: 400, qstatus: 403}
	case ExpiredTokenError:
		return spelling{status: 400, json: "ExpiredTokenException", query: "ExpiredToken", s3: "ExpiredToken", s3status: 400, qstatus: 403}
	case SignatureError:
		return spelling{status: 400, json: "InvalidSignatureException", query: "SignatureDoesNotMatch", s3: "SignatureDoesNotMatch", s3status: 403, qstatus: 403}
	case IncompleteSignature:
		return spelling{status: 400, json: "IncompleteSignatureException", query: "IncompleteSignature", s3: "AuthorizationHeaderMalformed", s3status: 400}
	case RequestExpiredError:
		return spelling{status: 400, json: "InvalidSignatureException", query: "RequestExpired", s3: "RequestTimeTooSkewed", s3status: 403, qstatus: 400}
	case UnknownOperationError:
		return spelling{status: 400, json: "UnknownOperationException", query: "InvalidAction", s3: "MethodNotAllowed", s3status: 405}
	case SerializationError:
		return spelling{status: 400, json: "SerializationException", query: "MalformedInput", s3: "MalformedXML"}
	case InternalError:
		return spelling{status: 500, json: "InternalFailure", query: "InternalFailure", s3: "InternalError", s3status: 500, qstatus: 500}
	case UnavailableError:
		return spelling{status: 503, json: "ServiceUnavailable", query: "ServiceUnavailable", s3: "ServiceUnavailable", s3status: 503, qstatus: 503}
	case RequestTooLargeError:
		return spelling{status: 413, json: "RequestEntityTooLargeException", query: "RequestEntityTooLarge", s3: "EntityTooLarge", s3status: 400, qstatus: 413}
	case OptInRequiredError:
		return spelling{status: 403, json: "OptInRequired", query: "OptInRequired", s3: "AccessDenied", s3status: 403, qstatus: 403}
	case MissingParameterError:
		return spelling{status: 400, json: "MissingRequiredParameterException", query: "MissingParameter", s3: "InvalidRequest"}
	case UnsupportedMediaError:
		return spelling{status: 415, json: "UnsupportedMediaTypeException", query: "UnsupportedMediaType", s3: "UnsupportedMediaType", s3status: 415, qstatus: 415}
	case InvalidParameterError:
		return spelling{status: 400, json: "InvalidParameterValueException", query: "InvalidParameterValue", s3: "InvalidArgument"}
	}
	return spelling{status: 500, json: "InternalFailure", query: "InternalFailure", s3: "InternalError", qstatus: 500, s3status: 500}
}

// Spell gives the code and HTTP status of a common error as services of a protocol spell it.
// s may be nil; it tells S3 from the others.
func Spell(s *Schema, p Protocol, c Common) (code string, status int) {
	sp := spell(c)
	switch {
	case s != nil && s.Flags&S3 != 0:
		code, status = sp.s3, sp.s3status
	case p == Query || p == EC2 || p == RESTXML:
		code, status = sp.query, sp.qstatus
	default:
		code, status = sp.json, sp.status
		if p == RESTJSON {
			switch c {
			case AccessDeniedError, MissingTokenError, UnknownKeyError, InvalidTokenError, ExpiredTokenError, SignatureError, IncompleteSignature, RequestExpiredError:
				status = http.StatusForbidden
			case ThrottlingError:
				status = http.StatusTooManyRequests
			case UnknownOperationError:
				status = http.StatusNotFound
			}
		}
	}
	if status == 0 {
		status = sp.status
	}
	if c == ValidationError && s != nil && s.ValidationCode != "" {
		code = s.ValidationCode
	}
	return code, status
}

// CommonError makes a common error; code and status are the protocol's when it is encoded.
func CommonError(c Common, message string) error {
	sp := spell(c)
	return &Error{Code: sp.json, Status: sp.status, Message: message, Common: c}
}

// AccessDenied refuses for want of permission. message is AWS's: "User: … is not authorized to perform: … on resource: …".
func AccessDenied(message string) error { return CommonError(AccessDeniedError, message) }

// Throttling refuses for now.
func Throttling(message string) error {
	if message == "" {
		message = "Rate exceeded"
	}
	return CommonError(ThrottlingError, message)
}

// Invalid refuses an input with a message of AWS's wording under the service's validation code.
func Invalid(message string) error { return CommonError(ValidationError, message) }

// InvalidParameter refuses a parameter's value: InvalidParameterValue in query, InvalidParameterValueException in JSON.
func InvalidParameter(message string) error { return CommonError(InvalidParameterError, message) }

// MissingParameter refuses a call that lacks a parameter.
func MissingParameter(name string) error {
	return CommonError(MissingParameterError, "The request must contain the parameter "+name+".")
}

// NotImplemented refuses an operation that AWS has and we have not yet.
func NotImplemented(op *Op) error {
	return CommonError(NotImplementedError, "The operation "+op.Schema.Package+":"+op.Name+" is not implemented.")
}

// Unsupported refuses a parameter, value or combination that AWS takes and we do not yet.
func Unsupported(what string) error {
	return CommonError(NotImplementedError, what+" is not implemented.")
}

// MissingAuthenticationToken refuses a call without any authentication.
func MissingAuthenticationToken() error {
	return CommonError(MissingTokenError, "Missing Authentication Token")
}

// InvalidSignature refuses a signature.
func InvalidSignature(message string) error {
	if message == "" {
		message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	}
	return CommonError(SignatureError, message)
}

// UnknownKey refuses an access key id that nobody has.
func UnknownKey() error {
	return CommonError(UnknownKeyError, "The security token included in the request is invalid.")
}

// ExpiredToken refuses a session that is over.
func ExpiredToken() error {
	return CommonError(ExpiredTokenError, "The security token included in the request is expired")
}

// Internal is what a client reads of an error that is none of AWS's.
func Internal() error {
	return CommonError(InternalError, "The request processing has failed because of an unknown error, exception or failure.")
}

func serialization(message string) error { return CommonError(SerializationError, message) }

// Known tells whether err is an AWS error: what is not must be logged, for the client reads InternalFailure.
func Known(err error) bool {
	var m Modeled
	var e *Error
	return errors.As(err, &m) || errors.As(err, &e)
}

// ErrorInfo is what can be said of any error: code, HTTP status, message, and whether the server is at fault.
type ErrorInfo struct {
	Code      string
	QueryCode string // in the query protocol
	Status    int
	Message   string
	Server    bool
	Shape     *Shape  // of a modelled error
	Schema    *Schema // its schema
	Modeled   Modeled
	Err       *Error // the error itself where it is not modelled
}

// Info reads an error as services of s speaking p show it. An error that is none of AWS's becomes InternalFailure.
func Info(s *Schema, p Protocol, err error) ErrorInfo {
	var m Modeled
	if errors.As(err, &m) {
		es, i, msg := m.Modeled()
		sh := &es.Shapes[i]
		in := ErrorInfo{Code: sh.Code, QueryCode: sh.QueryCode, Status: int(sh.Status), Message: msg, Server: sh.Has(Fault), Shape: sh, Schema: es, Modeled: m}
		if in.Code == "" {
			in.Code = sh.Name
		}
		if in.QueryCode == "" {
			in.QueryCode = in.Code
		}
		if p == Query && sh.QueryStatus != 0 {
			in.Status = int(sh.QueryStatus)
		}
		if in.Status == 0 {
			in.Status = 400
			if in.Server {
				in.Status = 500
			}
		}
		return in
	}
	var e *Error
	if !errors.As(err, &e) {
		e = Internal().(*Error)
	}
	in := ErrorInfo{Code: e.Code, Status: e.Status, Message: e.Message, Server: e.Server, Err: e}
	if e.Common != Uncommon {
		in.Code, in.Status = Spell(s, p, e.Common)
	}
	if in.Status == 0 {
		in.Status = 400
	}
	in.Server = in.Server || in.Status >= 500
	in.QueryCode = in.Code
	if s != nil && s.Flags&QueryCompatible != 0 && p != Query && e.Common != Uncommon {
		in.QueryCode, _ = Spell(s, Query, e.Common)
	}
	return in
}

// CodeOf gives the code of an AWS error as JSON services spell it, "" where err is none.
func CodeOf(err error) string {
	if err == nil || !Known(err) {
		return ""
	}
	return Info(nil, JSON11, err).Code
}

// ErrorText is the text of modelled errors.
func ErrorText(m Modeled) string {
	in := Info(nil, JSON11, m)
	if in.Message == "" {
		return in.Code
	}
	return in.Code + ": " + in.Message
}

// DynamicError is a modelled error whose model is known at run time only; Members are its dynamic value.
type DynamicError struct {
	Schema  *Schema
	Shape   int32
	Message string
	Members map[string]any
}

func (e *DynamicError) Error() string { return ErrorText(e) }

// Modeled says which error of the model this is.
func (e *DynamicError) Modeled() (*Schema, int32, string) { return e.Schema, e.Shape, e.Message }

// valueOfError gives the members of a modelled error.
func valueOfError(m Modeled) reflect.Value {
	if d, ok := m.(*DynamicError); ok {
		if d.Members == nil {
			return reflect.ValueOf(map[string]any{})
		}
		return reflect.ValueOf(d.Members)
	}
	return structOf(m)
}
