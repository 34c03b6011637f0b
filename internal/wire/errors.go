package wire

import (
	"errors"
	"fmt"
	"net/http"
)

// Modeled is an error of a service's model.
type Modeled interface {
	error
	// ErrorModel gives model and shape of the error.
	ErrorModel() (*Model, int32)
	// ErrorMessage is the text for the client.
	ErrorMessage() string
}

// Error is an error that AWS's services have in common, outside their models.
type Error struct {
	Code    string
	Status  int
	Message string
	Server  bool              // the service's fault
	Query   string            // x-amzn-query-error code, where it differs
	Header  map[string]string // more headers of the answer
	Fields  []Field           // more members of the answer, S3's above all
}

// Field is a member of an error's answer beside code and message.
type Field struct{ Name, Value string }

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an error with a code and an HTTP status.
func Errorf(code string, status int, format string, a ...any) *Error {
	msg := format
	if len(a) > 0 {
		msg = fmt.Sprintf(format, a...)
	}
	return &Error{Code: code, Status: status, Message: msg, Server: status >= 500}
}

// With adds a member to the error's answer.
func (e *Error) With(name, value string) *Error {
	e.Fields = append(e.Fields, Field{name, value})
	return e
}

// Validation is a refused input; each protocol spells its code.
type Validation struct{ Message string }

// Error implements error.
func (v *Validation) Error() string { return v.Message }

// AccessDenied is a refusal by policy; each protocol spells its code.
type AccessDenied struct {
	Message     string
	Explanation []byte // JSON, for the audit record
}

// Error implements error.
func (v *AccessDenied) Error() string { return v.Message }

// Throttling is a refusal by admission.
type Throttling struct{ Message string }

// Error implements error.
func (v *Throttling) Error() string { return v.Message }

// Malformed is an input that its protocol cannot read.
type Malformed struct{ Message string }

// Error implements error.
func (v *Malformed) Error() string { return v.Message }

// NotImplemented says by name what is not done here.
func NotImplemented(what string) *Error {
	return &Error{Code: "NotImplemented", Status: http.StatusNotImplemented, Message: what + " is not implemented by this server", Server: true}
}

// Unsupported refuses a parameter or value that is not done here, by name.
func Unsupported(op, what string) *Error {
	return &Error{Code: "NotImplemented", Status: http.StatusNotImplemented, Message: op + ": " + what + " is not implemented by this server", Server: true}
}

// Facts is what an error becomes on the wire.
type Facts struct {
	Code    string
	Status  int
	Message string
	Server  bool
	Query   string
	Shape   *Shape // of a modelled error with members of its own
	Value   any
	Header  map[string]string
	Fields  []Field
}

// FactsOf spells an error for a protocol. An error that is not AWS's becomes InternalFailure and tells nothing; the
// caller logs it.
func FactsOf(m *Model, p Protocol, err error) (f Facts, known bool) {
	var (
		mod  Modeled
		e    *Error
		val  *Validation
		deny *AccessDenied
		thr  *Throttling
		mal  *Malformed
	)
	s3 := p == RESTXML
	query := p == Query || p == EC2
	switch {
	case errors.As(err, &mod):
		model, i := mod.ErrorModel()
		sh := model.Shape(i)
		f = Facts{Code: sh.Name, Status: 400, Message: mod.ErrorMessage(), Shape: sh, Value: mod}
		if x := sh.Error; x != nil {
			f.Server = !x.Sender && x.Status >= 500
			if x.Status != 0 {
				f.Status = x.Status
			}
			if (query || s3) && x.Code != "" {
				f.Code = x.Code
			}
			f.Query = x.QueryCode
			if f.Query == "" && model.QueryErrors {
				f.Query = x.Code
			}
			if query && x.QueryCode != "" {
				f.Code = x.QueryCode
			}
		}
	case errors.As(err, &e):
		f = Facts{Code: e.Code, Status: e.Status, Message: e.Message, Server: e.Server, Query: e.Query, Header: e.Header, Fields: e.Fields}
	case errors.As(err, &val):
		f = Facts{Code: "ValidationException", Status: 400, Message: val.Message}
		if query {
			f.Code = "ValidationError"
		} else if s3 {
			f.Code = "InvalidArgument"
		}
	case errors.As(err, &deny):
		f = Facts{Code: "AccessDeniedException", Status: 400, Message: deny.Message}
		switch {
		case query, s3:
			f.Code, f.Status = "AccessDenied", 403
		case p == RESTJSON:
			f.Status = 403
		}
		if m != nil && m.Package == "sqs" {
			f.Code, f.Status, f.Query = "AccessDenied", 403, "AccessDenied"
		}
	case errors.As(err, &thr):
		f = Facts{Code: "ThrottlingException", Status: 400, Message: thr.Message}
		switch {
		case query:
			f.Code = "Throttling"
		case s3:
			f.Code, f.Status = "SlowDown", 503
		case p == RESTJSON:
			f.Code, f.Status = "TooManyRequestsException", 429
		}
	case errors.As(err, &mal):
		f = Facts{Code: "SerializationException", Status: 400, Message: mal.Message}
		if query {
			f.Code = "MalformedInput"
		} else if s3 {
			f.Code = "MalformedXML"
		} else if m != nil && m.Package == "lambda" {
			f.Code = "InvalidRequestContentException"
		}
	default:
		code := "InternalFailure"
		if s3 {
			code = "InternalError"
		} else if m != nil && m.Package == "lambda" {
			code = "ServiceException"
		}
		return Facts{Code: code, Status: 500, Message: "The request processing has failed because of an unknown error, exception or failure.", Server: true}, false
	}
	return f, true
}
