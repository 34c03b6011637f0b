package wire

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// Request is what a codec reads: a request whose operation is known.
type Request struct {
	Method   string
	Path     string // as sent, escaped
	RawQuery string
	Header   http.Header
	Body     []byte        // whole, where the operation does not stream
	Stream   io.ReadCloser // where it does
	Size     int64         // of Stream, -1 for unknown
}

// Response is what a codec writes.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Stream io.ReadCloser // instead of Body
	Size   int64         // of Stream, -1 for unknown
	Events *EventWriter  // instead of Body
}

// Streams tells whether the operation's input is a stream that is not read into memory.
func (m *Model) Streams(o *Op) bool {
	if o.Input < 0 {
		return false
	}
	s := m.Shape(o.Input)
	for i := range s.Members {
		if s.Members[i].Payload && m.Shape(s.Members[i].Shape).Kind == KindStream {
			return true
		}
	}
	return false
}

// Decode reads a request into in, a pointer to the operation's input struct. labels come from the router.
func Decode(m *Model, op *Op, p Protocol, req *Request, labels []Label, in any) error {
	if op.Input < 0 {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	switch p {
	case JSON:
		return decodeJSON(m, op.Input, req.Body, v)
	case Query, EC2:
		form := req.RawQuery
		if len(req.Body) > 0 {
			if form != "" {
				form += "&"
			}
			form += string(req.Body)
		}
		return decodeQuery(m, op.Input, form, v, p == EC2)
	case RESTJSON, RESTXML:
		return decodeREST(m, op, p, req, labels, v)
	}
	return Errorf("UnknownOperationException", 400, "unknown protocol %s", p)
}

// Encode writes an operation's output, a pointer to its struct or nil.
func Encode(m *Model, op *Op, p Protocol, out any, requestID string) *Response {
	r := &Response{Status: 200, Header: http.Header{}}
	if op.Status != 0 {
		r.Status = op.Status
	}
	var v reflect.Value
	has := op.Output >= 0 && out != nil && !reflect.ValueOf(out).IsNil()
	if has {
		v = reflect.ValueOf(out).Elem()
	}
	switch p {
	case JSON:
		r.Header.Set("Content-Type", "application/x-amz-json-"+or(m.JSONVersion, "1.0"))
		if ev := eventsOf(m, op.Output, v, has); ev != nil {
			r.Events = ev
			r.Header.Set("Content-Type", "application/vnd.amazon.eventstream")
			return r
		}
		if has {
			r.Body = appendJSON(make([]byte, 0, 256), m, op.Output, v, TimeDefault)
		} else if op.Output >= 0 {
			r.Body = []byte("{}")
		}
	case Query:
		r.Header.Set("Content-Type", "text/xml")
		ns := ""
		if m.Namespace != "" {
			ns = namespace("", m.Namespace)
		}
		b := make([]byte, 0, 512)
		b = open(b, op.Name+"Response", ns)
		if op.ResultName != "" {
			if has {
				b = open(b, op.ResultName, "")
				b = appendXMLMembers(b, m, m.Shape(op.Output), v)
				b = closing(b, op.ResultName)
			} else {
				b = append(b, '<')
				b = append(b, op.ResultName...)
				b = append(b, '/', '>')
			}
		}
		b = append(b, "<ResponseMetadata><RequestId>"...)
		b = append(b, requestID...)
		b = append(b, "</RequestId></ResponseMetadata>"...)
		r.Body = closing(b, op.Name+"Response")
	case EC2:
		r.Header.Set("Content-Type", "text/xml;charset=UTF-8")
		b := open(nil, op.Name+"Response", namespace("", m.Namespace))
		b = append(b, "<requestId>"+requestID+"</requestId>"...)
		if has {
			b = appendXMLMembers(b, m, m.Shape(op.Output), v)
		}
		r.Body = closing(b, op.Name+"Response")
	case RESTJSON, RESTXML:
		encodeREST(m, op, p, v, has, r)
	}
	return r
}

// EncodeError writes an error; op and m may be nil where neither is known. known is false for an error that is not
// AWS's: the client learns nothing of it.
func EncodeError(m *Model, p Protocol, err error, requestID string) (r *Response, f Facts, known bool) {
	f, known = FactsOf(m, p, err)
	r = &Response{Status: f.Status, Header: http.Header{}}
	for k, v := range f.Header {
		r.Header.Set(k, v)
	}
	switch p {
	case JSON, CBOR:
		version := "1.0"
		if m != nil && m.JSONVersion != "" {
			version = m.JSONVersion
		}
		r.Header.Set("Content-Type", "application/x-amz-json-"+version)
		code := f.Code
		if version == "1.0" && m != nil && f.Shape != nil {
			code = "com.amazonaws." + m.Package + "#" + f.Code
		}
		if m != nil && m.QueryErrors {
			fault := "Sender"
			if f.Server {
				fault = "Receiver"
			}
			r.Header.Set("x-amzn-query-error", or(f.Query, f.Code)+";"+fault)
		}
		r.Body = appendErrorJSON(m, f, `"__type":`+string(appendQuoted(nil, code)), "message")
	case RESTJSON:
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("x-amzn-ErrorType", f.Code)
		name, first := "message", ""
		if m != nil && m.Package == "lambda" {
			name = "Message"
			first = `"Type":"User"`
			if f.Server {
				first = `"Type":"Service"`
			}
			if f.Shape != nil {
				first = "" // the model has the member
			}
		}
		r.Body = appendErrorJSON(m, f, first, name)
	case RESTXML:
		r.Header.Set("Content-Type", "application/xml")
		b := []byte(xml.Header[:len(xml.Header)-1] + "\n")
		if m != nil && m.Package != "s3" {
			b = append(b, "<ErrorResponse><Error>"...)
			b = appendErrorXML(b, f)
			b = append(b, "</Error><RequestId>"+requestID+"</RequestId></ErrorResponse>"...)
			r.Body = b
			break
		}
		b = append(b, "<Error>"...)
		b = append(b, "<Code>"...)
		b = appendText(b, f.Code)
		b = append(b, "</Code><Message>"...)
		b = appendText(b, f.Message)
		b = append(b, "</Message>"...)
		for _, x := range f.Fields {
			b = open(b, x.Name, "")
			b = appendText(b, x.Value)
			b = closing(b, x.Name)
		}
		b = append(b, "<RequestId>"+requestID+"</RequestId><HostId>"+requestID+"</HostId></Error>"...)
		r.Body = b
	case EC2:
		r.Header.Set("Content-Type", "text/xml;charset=UTF-8")
		b := []byte("<Response><Errors><Error><Code>")
		b = appendText(b, f.Code)
		b = append(b, "</Code><Message>"...)
		b = appendText(b, f.Message)
		r.Body = append(b, "</Message></Error></Errors><RequestID>"+requestID+"</RequestID></Response>"...)
	default: // Query
		r.Header.Set("Content-Type", "text/xml")
		ns := ""
		if m != nil && m.Namespace != "" {
			ns = namespace("", m.Namespace)
		}
		b := open(nil, "ErrorResponse", ns)
		b = append(b, "<Error>"...)
		b = appendErrorXML(b, f)
		b = append(b, "</Error><RequestId>"+requestID+"</RequestId></ErrorResponse>"...)
		r.Body = b
	}
	return r, f, known
}

func appendErrorXML(b []byte, f Facts) []byte {
	kind := "Sender"
	if f.Server {
		kind = "Receiver"
	}
	b = append(b, "<Type>"+kind+"</Type><Code>"...)
	b = appendText(b, f.Code)
	b = append(b, "</Code><Message>"...)
	b = appendText(b, f.Message)
	return append(b, "</Message>"...)
}

// appendErrorJSON writes an error's members; a modelled one keeps the model's names.
func appendErrorJSON(m *Model, f Facts, first, messageName string) []byte {
	b := append([]byte{'{'}, first...)
	sep := func() {
		if len(b) > 1 {
			b = append(b, ',')
		}
	}
	told := false
	if f.Shape != nil {
		v := reflect.ValueOf(f.Value).Elem()
		for i := range f.Shape.Members {
			mb := &f.Shape.Members[i]
			x := v.Field(i)
			if mb.Location != InBody || absent(x) && !strings.EqualFold(mb.Name, "message") {
				continue
			}
			sep()
			b = appendQuoted(b, mb.WireName())
			b = append(b, ':')
			if strings.EqualFold(mb.Name, "message") {
				told = true
				b = appendQuoted(b, f.Message)
			} else {
				b = appendJSON(b, m, mb.Shape, x, mb.Time)
			}
		}
	}
	if !told {
		sep()
		b = appendQuoted(b, messageName)
		b = append(b, ':')
		b = appendQuoted(b, f.Message)
	}
	for _, x := range f.Fields {
		sep()
		b = appendQuoted(b, x.Name)
		b = append(b, ':')
		b = appendQuoted(b, x.Value)
	}
	return append(b, '}')
}

// Text gives a body as it would be sent, for tests.
func (r *Response) Text() string {
	if r.Stream != nil {
		b, err := io.ReadAll(r.Stream)
		if err != nil {
			return "stream: " + err.Error()
		}
		return string(b)
	}
	return strconv.Itoa(r.Status) + " " + string(bytes.TrimSpace(r.Body))
}
